//! Filling from a file: what a compared file knows better than we do is put into the inbox in our own format, and read
//! like any webhook. What the file does not tell of an order stays as we know it.

use super::{Compared, NotCompared, sheet::Line};
use crate::{
    domain::{
        audit::{Kind, Placed},
        event::{Channel, Identity, OrderUpdate, Refund, TypedPhone},
        id::ShopId,
        money::Money,
        order::refunded,
        seal::ShopKeys,
        time::Time,
    },
    pipeline::{Core, fetch, zone_of},
    shop::{self, FROM_FILE},
    store::{self, Error, Read},
    transact,
};

/// What became of a filling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Put into the inbox.
    pub orders: u64,
    /// The file tells no id for them, so that a later webhook would make a second order of each.
    pub nameless: u64,
}

/// Orders put into the inbox in one transaction.
const BATCH: usize = 100;

/// Puts in what a comparison found missing or different.
pub async fn fill(core: &Core, id: ShopId, compared: &Compared) -> Result<Filled, NotCompared> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(NotCompared::NoShop) };
    let zone = zone_of(&shop);
    let now = core.now();
    let mut filled = Filled::default();
    let mut bodies = Vec::new();
    for line in &compared.read.lines {
        let theirs = &line.theirs;
        let told = |finding: &&crate::domain::audit::Finding| {
            finding.number == theirs.number
                || !theirs.external_id.is_empty() && finding.external_id == theirs.external_id
        };
        let kinds: Vec<Kind> = compared.outcome.findings.iter().filter(told).map(|finding| finding.kind).collect();
        // Which of two is the right one only a person knows.
        let doubled = kinds.iter().any(|kind| matches!(kind, Kind::DuplicateHere | Kind::DuplicateThere));
        if doubled || !kinds.iter().any(|kind| kind.can_be_filled()) {
            continue;
        }
        let placed_at = theirs.placed.map(|placed| match placed {
            Placed::At(at) => at,
            Placed::On(day) => super::sheet::noon(day, &zone),
        });
        match update(&mut read, &keys, line, placed_at, now).await? {
            Some(order) => bodies.push(shop::write_order(&order)),
            None => filled.nameless += 1,
        }
    }
    drop(read);
    let run = core.fresh_id();
    for batch in bodies.chunks(BATCH) {
        let kept = transact!(core.db, |tx| {
            let mut kept = 0;
            for body in batch {
                kept += u64::from(fetch::keep(core, tx, &keys, &run.to_string(), FROM_FILE, body.clone()).await?);
            }
            kept
        })?;
        filled.orders += kept;
    }
    core.wake.notify_one();
    Ok(filled)
}

/// The order as the file and our books together know it; `None` for one that nobody gave an id.
async fn update(
    read: &mut Read,
    keys: &ShopKeys,
    line: &Line,
    placed_at: Option<Time>,
    now: Time,
) -> Result<Option<OrderUpdate>, Error> {
    let theirs = &line.theirs;
    let known = match theirs.external_id.is_empty() {
        false => store::order::by_external_id(read, keys, &theirs.external_id).await?,
        true => store::order::by_number(read, keys, theirs.number.trim_start_matches('#')).await?,
    };
    if known.is_none() && theirs.external_id.is_empty() {
        return Ok(None);
    }
    let (mut order, back) = match known {
        Some(known) => {
            let refunds = store::order::refunds(read, keys, &known.latest.external_id).await?;
            let back = refunded(known.latest.total.minor.max(theirs.total.minor), theirs.total.currency, &refunds);
            (known.latest, back)
        }
        None => (fresh(line, placed_at, now), 0),
    };
    order.total = theirs.total;
    order.updated_at = now;
    if theirs.placed.is_some() {
        order.placed_at = order.placed_at.or(placed_at);
    }
    if theirs.cancelled == Some(true) {
        order.cancelled_at = order.cancelled_at.or(line.cancelled_at).or(Some(now));
    }
    order.test |= theirs.test;
    order.refunds = Vec::new();
    if let Some(told) = theirs.refunded_minor.filter(|&told| told > back) {
        // Named after the sum it leads to: told again it is the same refund, and a later one adds to it.
        let amount = Money::new(told.saturating_sub(back), theirs.total.currency);
        order.refunds.push(Refund { external_id: format!("file-{told}"), amount, at: now });
    }
    Ok(Some(order))
}

fn fresh(line: &Line, placed_at: Option<Time>, now: Time) -> OrderUpdate {
    let theirs = &line.theirs;
    let phone = line.who.phone.clone().map(|number| TypedPhone { number, country: line.who.country.clone() });
    OrderUpdate {
        external_id: theirs.external_id.clone(),
        number: theirs.number.clone(),
        who: Identity { customer: None, email: line.who.email.clone(), phones: phone.into_iter().collect() },
        cart_tokens: Vec::new(),
        recovery_tokens: Vec::new(),
        codes: line.codes.clone(),
        discounts: Vec::new(),
        total: theirs.total,
        placed_at,
        updated_at: now,
        cancelled_at: line.cancelled_at,
        refunds: Vec::new(),
        channel: match line.channel {
            Some("pos") => Channel::PointOfSale,
            Some("staff") => Channel::Staff,
            _ => Channel::Web,
        },
        payment: line.payment.clone(),
        cost: None,
        test: theirs.test,
    }
}

//! Audit: our books against the shop's. Loads both sides, asks `domain::audit`, and keeps what it found. It changes no
//! order by itself: what is mended goes through the inbox like everything a shop tells.

pub mod sheet;
pub mod file;
mod pulled;
mod run;
mod heal;

pub use heal::heal_if_quiet;
pub(crate) use heal::{catch_up, holds_back};
pub(crate) use heal::{is_silent, quiet_since};
pub use run::{NIGHT_DAYS, NotBegun, begin, can_pull, cancel, fill, forget, nightly, step};

use std::collections::{BTreeMap, HashSet};

use jiff::tz::TimeZone;

use super::{Core, table::Wish, zone_of};
use crate::{
    domain::{
        audit::{Credited, Frame, Ours, Outcome, Placed, Theirs, compare},
        hours,
        id::{OrderId, ShopId},
        link::{self, Purpose},
        order::{Order, refunded},
        seal::ShopKeys,
        time::{DAY, HOUR, Time},
    },
    store::{self, Error, Read, shop::Shop},
};

/// What was placed within this span may still be on its way: shops deliver late.
pub const SETTLED_AFTER: std::time::Duration = HOUR;

/// Orders read at a time.
const PAGE: u32 = 500;

/// Our side of a span: every order placed in it or a day beside it, and those that the shop's list names, with the credit
/// of them all.
pub(crate) async fn our_side(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    (from, to): (Time, Time),
    theirs: &[Theirs],
) -> Result<(Vec<Ours>, Vec<Credited>), Error> {
    let wide = (from - DAY, to + DAY);
    let mut orders: Vec<Order> = Vec::new();
    let mut after = OrderId::new(0);
    loop {
        let page = store::order::placed_between(read, keys, wide, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        orders.extend(page);
    }
    let back: BTreeMap<OrderId, i64> = store::audit::refunded(read, keys, wide.0, wide.1).await?.into_iter().collect();
    let mut credits = store::audit::credits(read, keys, wide.0, wide.1).await?;
    credits.extend(store::audit::orphans(read, keys, from, to).await?);
    let mut ours = Vec::with_capacity(orders.len());
    let mut ids: HashSet<String> = HashSet::new();
    let mut numbers: HashSet<String> = HashSet::new();
    for order in orders {
        ids.insert(order.latest.external_id.clone());
        numbers.insert(order.latest.number.trim_start_matches('#').to_owned());
        let back = back.get(&order.id).copied().unwrap_or(0).min(order.latest.total.minor.max(0));
        ours.push(our_order(read, shop, keys, &order, back).await?);
    }
    // Those placed elsewhere in time, or not bought in our book.
    for order in theirs {
        let number = order.number.trim_start_matches('#');
        let known = match order.external_id.is_empty() {
            false if ids.contains(&order.external_id) => continue,
            false => store::order::by_external_id(read, keys, &order.external_id).await?,
            true => None,
        };
        let known = match known {
            Some(known) => Some(known),
            None if numbers.contains(number) || number.is_empty() => None,
            None => store::order::by_number(read, keys, number).await?,
        };
        let Some(known) = known.filter(|known| ids.insert(known.latest.external_id.clone())) else { continue };
        let refunds = store::order::refunds(read, keys, &known.latest.external_id).await?;
        let back = refunded(known.latest.total.minor, known.latest.total.currency, &refunds);
        let lines = store::credit::of_order(read, keys, known.id).await?;
        let mut by_text: BTreeMap<_, Credited> = BTreeMap::new();
        for line in lines {
            let empty = Credited { order: known.id, message: line.message, gross_minor: 0, net_minor: 0 };
            let sum = by_text.entry(line.message).or_insert(empty);
            sum.net_minor = sum.net_minor.saturating_add(line.entry.amount_minor);
            if line.entry.entry == "order" {
                sum.gross_minor = sum.gross_minor.saturating_add(line.entry.amount_minor);
            }
        }
        credits.extend(by_text.into_values());
        ours.push(our_order(read, shop, keys, &known, back).await?);
    }
    Ok((ours, credits))
}

async fn our_order(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    order: &Order,
    refunded_minor: i64,
) -> Result<Ours, Error> {
    let latest = &order.latest;
    let token = latest.recovery_tokens.iter().any(|token| is_ours(shop, keys, token));
    // Credit is looked up for all at once; only an order with our link has to explain why it has none.
    let explained = match token {
        true => store::credit::evidence(read, keys, order.id)
            .await?
            .is_some_and(|verdict| verdict.excluded.is_some() || !verdict.considered.is_empty()),
        false => false,
    };
    Ok(Ours {
        id: order.id,
        external_id: latest.external_id.clone(),
        number: latest.number.clone(),
        total: latest.total,
        placed_at: order.placed_at,
        cancelled: order.cancelled_at.is_some(),
        refunded_minor,
        test: latest.test,
        token,
        explained,
    })
}

/// Whether a token was made here for this shop.
pub(crate) fn is_ours(shop: &Shop, keys: &ShopKeys, token: &str) -> bool {
    let parsed = link::parse(token).filter(|token| token.shop() == shop.id);
    parsed.is_some_and(|token| token.verify(keys, Purpose::Restore).is_some())
}

/// A file of the shop's orders, compared.
pub struct Compared {
    pub read: sheet::Read,
    pub from: Time,
    pub to: Time,
    pub outcome: Outcome,
}

/// Why a file was not compared.
#[derive(Debug, thiserror::Error)]
pub enum NotCompared {
    #[error("there is no such shop")]
    NoShop,
    /// About the file, for whoever chose it.
    #[error("{0}")]
    Wrong(String),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Compares a file with our books; changes nothing. Without a span: from the file's first whole day to its last.
pub async fn compare_sheet(
    core: &Core,
    id: ShopId,
    bytes: &[u8],
    wish: &Wish,
    span: (Option<Time>, Option<Time>),
) -> Result<Compared, NotCompared> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(NotCompared::NoShop) };
    let zone = zone_of(&shop);
    let sheet = sheet::read(bytes, wish, (shop.currency, &zone)).map_err(NotCompared::Wrong)?;
    let theirs: Vec<Theirs> = sheet.lines.iter().map(|line| line.theirs.clone()).collect();
    let told = span_of(&theirs, &zone);
    let (Some(from), Some(to)) = (span.0.or(told.map(|told| told.0)), span.1.or(told.map(|told| told.1))) else {
        return Err(NotCompared::Wrong("no line tells when its order was placed".into()));
    };
    let to = to.min(core.now() - SETTLED_AFTER);
    if from >= to {
        return Err(NotCompared::Wrong("the span is empty: it must begin before it ends, and lie in the past".into()));
    }
    let (ours, credits) = our_side(&mut read, &shop, &keys, (from, to), &theirs).await?;
    let limits = store::audit::run::limits(&mut read, &keys).await?;
    let frame = Frame { from, to, zone, limits };
    let outcome = compare(&frame, &ours, &theirs, &credits);
    Ok(Compared { read: sheet, from, to, outcome })
}

/// The days a list covers, whole.
fn span_of(theirs: &[Theirs], zone: &TimeZone) -> Option<(Time, Time)> {
    let days = theirs.iter().filter_map(|order| match order.placed? {
        Placed::At(at) => Some(hours::day_of(zone, at)),
        Placed::On(day) => Some(day),
    });
    let (first, last) = days.fold(None, |span: Option<(jiff::civil::Date, jiff::civil::Date)>, day| {
        Some(span.map_or((day, day), |(first, last)| (first.min(day), last.max(day))))
    })?;
    let next = last.tomorrow().unwrap_or(last);
    Some((hours::start_of_day(zone, first), hours::start_of_day(zone, next)))
}

//! Attribute: an order is judged against every text that may have brought it, and the verdict replaces the one before.
//! Nothing here decides; `domain::attribution` does.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{Core, dirty, dirty_cart, discount, forward, holdout, judge};
use crate::{
    domain::{
        attribution::{Candidate, OrderFacts, Tie, attribute as verdict_on},
        id::{CartId, MessageId, OrderId},
        link::{self, Purpose},
        order::Order,
        seal::ShopKeys,
    },
    store::{
        self, Error, Tx,
        identity::{self, Kind, Subject},
        job::{self, Job},
        message::Message,
        shop::Shop,
    },
};

/// Judges one order.
pub async fn attribute(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    if let Some((shop, keys)) = core.shop(tx, job.shop).await?
        && let Some(order) = store::order::get(tx, &keys, OrderId::new(job.subject)).await?
    {
        let (candidates, carts) = candidates(core, tx, &shop, &keys, &order).await?;
        let said = store::credit_act::newest(tx, &keys, order.id).await?;
        let latest = &order.latest;
        let facts = OrderFacts {
            placed_at: order.placed_at,
            cancelled_at: order.cancelled_at,
            total_minor: latest.total.minor,
            currency: latest.total.currency,
            channel: latest.channel,
            test: latest.test,
            refunds: store::order::refunds(tx, &keys, &latest.external_id).await?,
            after_abandoned: after_abandoned(tx, &keys, &order, &carts).await?,
            corrected: said.and_then(|act| act.correction()),
        };
        let verdict = verdict_on(&facts, &candidates, &shop.rules);
        let before = store::credit::of_order(tx, &keys, order.id).await?;
        store::credit::replace(tx, &keys, order.id, facts.currency, &verdict).await?;
        forward::credited(core, tx, &shop, &order, &before, &verdict).await?;
        holdout::order_changed(tx, &keys, &order, now).await?;
        discount::note_uses(tx, &shop, &keys, &order, verdict.winner.map(|winner| winner.message), now).await?;
        let days = before.iter().map(|line| line.entry.at).chain(verdict.entries.iter().map(|entry| entry.at));
        for at in days {
            dirty(tx, &shop, at, now).await?;
        }
        let texts: BTreeSet<MessageId> =
            before.iter().map(|line| line.message).chain(verdict.winner.map(|winner| winner.message)).collect();
        for text in texts {
            if let Some(message) = store::message::get(tx, &keys, text).await? {
                dirty_cart(tx, &shop, &keys, &message, now).await?;
            }
        }
    }
    job::finish(tx, job).await.map(|_| ())
}

/// Every text of the carts that share a name with the order, or whose link or code the order carried back, each with its
/// strongest tie; and those carts.
async fn candidates(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    order: &Order,
) -> Result<(Vec<Candidate>, BTreeSet<CartId>), Error> {
    let latest = &order.latest;
    let mut carts = BTreeSet::new();
    let mut ties: BTreeMap<MessageId, (Tie, Message)> = BTreeMap::new();
    let names = identity::names(tx, keys, Subject::Order(order.id)).await?;
    let mut texts: BTreeMap<CartId, Vec<Message>> = BTreeMap::new();
    for ((kind, _), cart) in identity::carts_of(tx, keys, &names).await? {
        carts.insert(cart);
        let texts = match texts.entry(cart) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(store::message::of_cart(tx, keys, cart).await?),
        };
        for message in texts {
            // A code other texts share proves nothing about one of them.
            let code_used = message.words.own_code
                && message
                    .words
                    .code
                    .as_ref()
                    .is_some_and(|code| latest.codes.iter().any(|used| used.eq_ignore_ascii_case(code)));
            let tie = if code_used { Tie::Code } else { tie(kind) };
            strengthen(&mut ties, tie, message.clone());
        }
    }
    for token in &latest.recovery_tokens {
        let found = link::parse(token).filter(|token| token.shop() == shop.id);
        if let Some(reference) = found.and_then(|token| token.verify(keys, Purpose::Restore))
            && let Some(message) = store::message::get(tx, keys, reference.message).await?
        {
            strengthen(&mut ties, Tie::Token, message);
        }
    }
    for message in discount::told_by_code(tx, keys, order).await? {
        strengthen(&mut ties, Tie::Code, message);
    }
    for (tie, message) in forgotten(tx, keys, order).await? {
        strengthen(&mut ties, tie, message);
    }
    let mut candidates = Vec::with_capacity(ties.len());
    for (id, (tie, message)) in ties {
        let judged = judge::judge_all(core, tx, shop, keys, &message).await?;
        carts.extend(message.cart());
        candidates.push(Candidate {
            message: id,
            step: message.step,
            accepted_at: message.moments.accepted_at,
            taps: judged.taps,
            bot_opens: judged.bots,
            tie,
        });
    }
    Ok((candidates, carts))
}

/// Whether any of these carts had been abandoned before the order was placed. Of an order that is nobody's any more, it is
/// what it was.
async fn after_abandoned(tx: &mut Tx, keys: &ShopKeys, order: &Order, carts: &BTreeSet<CartId>) -> Result<bool, Error> {
    let Some(placed_at) = order.placed_at else { return Ok(false) };
    for &cart in carts {
        if store::cart::abandoned_at(tx, keys, cart).await?.is_some_and(|at| at < placed_at) {
            return Ok(true);
        }
    }
    if !store::order::is_erased(tx, keys, order.id).await? {
        return Ok(false);
    }
    Ok(store::credit::evidence(tx, keys, order.id).await?.is_some_and(|before| before.way.is_some()))
}

/// Texts that were found for this order before a name that led to them was erased. What was earned stays earned: a refund
/// that comes later must find the credit it takes from.
async fn forgotten(tx: &mut Tx, keys: &ShopKeys, order: &Order) -> Result<Vec<(Tie, Message)>, Error> {
    let Some(before) = store::credit::evidence(tx, keys, order.id).await? else { return Ok(Vec::new()) };
    let order_erased = store::order::is_erased(tx, keys, order.id).await?;
    let mut found = Vec::new();
    for known in before.considered {
        let Some(message) = store::message::get(tx, keys, known.message).await? else { continue };
        let Some(cart) = message.cart() else { continue };
        let cart = store::cart::get(tx, keys, cart).await?;
        if order_erased || cart.is_none_or(|cart| cart.erased_at.is_some()) {
            found.push((known.tie, message));
        }
    }
    Ok(found)
}

fn tie(kind: Kind) -> Tie {
    match kind {
        Kind::Checkout => Tie::CartToken,
        Kind::Phone => Tie::Phone,
        Kind::Customer => Tie::Customer,
        Kind::Email => Tie::Email,
    }
}

fn strengthen(ties: &mut BTreeMap<MessageId, (Tie, Message)>, tie: Tie, message: Message) {
    let known = ties.entry(message.id).or_insert((tie, message));
    known.0 = known.0.max(tie);
}

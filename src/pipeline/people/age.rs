//! Age: what has outlived its purpose is forgotten, each kind by its own clock (`domain::retention`). Runs at night, a
//! piece at a time, so that nobody waits for it.

use sha2::{Digest, Sha256};

use crate::{
    domain::{
        id::{MessageId, ShopId},
        retention::Retention,
        time::Time,
    },
    pipeline::{Core, erase, ingest::Place},
    store::{self, Error, Tx, request, retention as aged},
    transact,
};

/// Rows forgotten in one transaction.
const FORGET_MOST: u32 = 200;
/// Events are plain rows, and many.
const EVENTS_MOST: u32 = 5_000;

/// Forgets what has come of age in one shop.
pub(crate) async fn forget(core: &Core, shop: ShopId) -> Result<(), Error> {
    let mut left = true;
    while left {
        left = transact!(core.db, |tx| {
            store::shop::take_turn(tx, shop).await?;
            match core.shop(tx, shop).await? {
                Some((shop, keys)) => {
                    let now = core.now();
                    let place = Place { core, shop: &shop, keys: &keys, now, arrived_at: now };
                    piece(tx, &place, &shop.rules.retention, now).await?
                }
                None => false,
            }
        })?;
    }
    core.db.cut_log().await.map(|_| ())
}

/// One piece of every kind; whether there is more.
async fn piece(tx: &mut Tx, place: &Place<'_>, kept: &Retention, now: Time) -> Result<bool, Error> {
    let keys = place.keys;
    let decisions = aged::forget_decisions(tx, keys, kept.decisions_before(now), FORGET_MOST).await?;
    let orders = aged::orders(tx, keys, kept.orders_before(now), FORGET_MOST).await?;
    for &order in &orders {
        erase::blank_order(tx, place, order).await?;
    }
    let from = aged::mark(tx, keys, aged::Kind::Clicks).await?;
    let to = aged::first_id(kept.clicks_before(now));
    let clicks = aged::clicks(tx, keys, (from, to), FORGET_MOST).await?;
    for &click in &clicks {
        store::click::forget_agent(tx, keys, click).await?;
    }
    if let Some(last) = clicks.last() {
        aged::set_mark(tx, keys, aged::Kind::Clicks, last.get() + 1).await?;
    }
    let from = aged::mark(tx, keys, aged::Kind::Words).await?;
    let to = aged::first_id(kept.words_before(now));
    let messages = aged::messages(tx, keys, (from, to), FORGET_MOST).await?;
    for &message in &messages {
        forget_words(tx, place, message).await?;
    }
    store::reply::forget_before(tx, keys, kept.words_before(now)).await?;
    if let Some(last) = messages.last() {
        aged::set_mark(tx, keys, aged::Kind::Words, last.get() + 1).await?;
    }
    let phones = aged::consented(tx, keys, kept.consents_before(now), FORGET_MOST).await?;
    for phone in &phones {
        store::consent::erase(tx, keys, phone).await?;
        forget_numbers(tx, place, phone).await?;
        store::holdout::forget(tx, keys, phone).await?;
    }
    if let Some(before) = kept.opt_outs_before(now) {
        aged::forget_opt_outs(tx, keys, before).await?;
    }
    let events = store::site_event::prune(tx, keys.shop(), kept.events_before(now), EVENTS_MOST).await?;
    request::prune(tx, keys, kept.requests_before(now)).await?;
    let most = FORGET_MOST as usize;
    let full = [orders.len(), clicks.len(), messages.len(), phones.len()].into_iter().any(|found| found >= most);
    Ok(full || events >= u64::from(EVENTS_MOST) || decisions >= u64::from(FORGET_MOST))
}

/// The words of a text become their hash. The number stays as long as the proof of its consent.
async fn forget_words(tx: &mut Tx, place: &Place<'_>, id: MessageId) -> Result<(), Error> {
    let Some(mut message) = store::message::get(tx, place.keys, id).await? else { return Ok(()) };
    if message.words.text.is_empty() {
        return Ok(());
    }
    let digest = Sha256::digest(message.words.text.as_bytes()).into();
    aged::keep_digest(tx, place.keys, id, &digest).await?;
    message.words.text.clear();
    store::message::save(tx, place.keys, &message).await
}

/// The texts of a number nobody can ask about any more forget it, and so do the names that led to their carts.
async fn forget_numbers(tx: &mut Tx, place: &Place<'_>, phone: &[u8; 16]) -> Result<(), Error> {
    for mut message in store::message::to_phone(tx, place.keys, phone, Time::FIRST).await? {
        message.words.phone.clear();
        message.words.text.clear();
        store::message::save(tx, place.keys, &message).await?;
        store::message::forget_phone(tx, place.keys, message.id).await?;
        aged::forget_digest(tx, place.keys, message.id).await?;
        if let Some(cart) = message.cart() {
            store::identity::remove(tx, place.keys, store::identity::Subject::Cart(cart)).await?;
        }
    }
    Ok(())
}

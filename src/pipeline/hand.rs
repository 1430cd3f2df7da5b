//! Hand: what a person does to one cart or one text. An act is a fact with who and when; what follows from it is decided
//! where everything else is (`decide`), in the same transaction as the other gates. Nothing here opens a gate.

use super::{
    Core, decide, dirty,
    facts::{Asking, ask},
    forward, guard, route, send,
    sequence::Plan,
};
use crate::{
    domain::{
        decide::{Decision, Verdict},
        hand::{Act, HandFacts, Settled},
        id::{CartId, MessageId, ShopId},
        message::{MessageState, ReceiptStatus},
        seal::ShopKeys,
        time::Time,
    },
    store::{self, Error, Read, Tx, act, job, shop::Shop},
    transact,
};

/// What acts on a cart amount to for one of its steps.
pub(crate) async fn facts(read: &mut Read, keys: &ShopKeys, cart: CartId, step: u32) -> Result<HandFacts, Error> {
    let acts = act::of_cart(read, keys, cart).await?;
    Ok(HandFacts::of(acts.into_iter().map(|done| (done.act, done.step, done.at)), step))
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Done,
    /// There is no such cart or text.
    Unknown,
    /// It cannot be done now: why, in words for the shopkeeper.
    Refused(String),
}

/// The next step of a cart, asked about as if its waiting time were over.
#[derive(Clone, Debug)]
pub struct Preview {
    pub step: u32,
    /// When it would be asked by itself.
    pub due_at: Time,
    pub decision: Decision,
}

/// Why there is nothing to send, or what every gate says now.
pub async fn preview(core: &Core, shop: ShopId, id: CartId) -> Result<Result<Preview, String>, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, shop).await? else { return Ok(Err(NO_CART.to_owned())) };
    asked(core, &mut read, &shop, &keys, id).await
}

const NO_CART: &str = "there is no such cart";

async fn asked(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    id: CartId,
) -> Result<Result<Preview, String>, Error> {
    let Some(cart) = store::cart::get(read, keys, id).await? else { return Ok(Err(NO_CART.to_owned())) };
    let Some(abandoned_at) = cart.abandoned_at else {
        return Ok(Err("it does not count as abandoned yet: the shopper may still be at it".to_owned()));
    };
    let plan = Plan::of(read, shop, keys, &cart).await?;
    let decided = store::decision::of_cart(read, keys, id).await?;
    if decided.iter().any(|kept| kept.decision.ends_the_cart()) {
        return Ok(Err("it was decided for good that nothing more is sent".to_owned()));
    }
    let step = decide::next_step(&decided);
    let Some(due_at) = plan.due(abandoned_at, step).filter(|_| plan.sequence.step(step).is_some()) else {
        return Ok(Err(plan.left_out.unwrap_or_else(|| "its sequence has no further text".to_owned())));
    };
    let sender = route::sender(core, read, shop, decide::country(shop, &cart).as_deref()).await?;
    let fresh = MessageId::new(core.fresh_id());
    let asking = Asking { shop, keys, cart: &cart, plan: &plan, step, sender: &sender, sending: None, fresh };
    let decision = ask(read, core, &asking).await?.decision;
    Ok(Ok(Preview { step, due_at, decision }))
}

/// Has the next text of a cart sent without its waiting time, if no gate stops it. One that only waits (for open hours,
/// say) goes when the gate opens. A stop now changes nothing: the step is asked again when its own time comes.
pub async fn send_now(core: &Core, shop: ShopId, id: CartId, by: &str) -> Result<Done, Error> {
    let now = core.now();
    let done = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            None => Done::Unknown,
            Some((shop, keys)) => match asked(core, tx, &shop, &keys, id).await? {
                Err(why) if why == NO_CART => Done::Unknown,
                Err(why) => Done::Refused(why),
                Ok(Preview { decision, .. }) if decision.verdict == Verdict::Stop => {
                    let gate = decision.reason().map(|gate| format!("{}: {}", gate.gate.words(), gate.why));
                    Done::Refused(gate.unwrap_or_default())
                }
                Ok(Preview { step, .. }) => {
                    note(core, tx, &keys, (id, Act::SendNow, step), by, now).await?;
                    job::schedule(tx, shop.id, job::Kind::Decide, id.get(), now).await?;
                    Done::Done
                }
            },
        }
    })?;
    core.wake.notify_one();
    Ok(done)
}

async fn note(
    core: &Core,
    tx: &mut Tx,
    keys: &ShopKeys,
    (cart, act, step): (CartId, Act, u32),
    by: &str,
    at: Time,
) -> Result<(), Error> {
    let done = act::OnCart { cart, act, step, at, by: by.to_owned() };
    act::on_cart(tx, keys, core.fresh_id(), &done).await
}

/// Holds, releases or dismisses a cart. Doing it again changes nothing.
pub async fn on_cart(core: &Core, shop: ShopId, id: CartId, what: Act, by: &str) -> Result<Done, Error> {
    if what == Act::SendNow {
        return send_now(core, shop, id, by).await;
    }
    let now = core.now();
    let done = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            None => Done::Unknown,
            Some((shop, keys)) => act_on(core, tx, &shop, &keys, id, what, by, now).await?,
        }
    })?;
    core.wake.notify_one();
    Ok(done)
}

#[expect(clippy::too_many_arguments, reason = "which cart of which shop, what, who and when")]
async fn act_on(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    id: CartId,
    what: Act,
    by: &str,
    now: Time,
) -> Result<Done, Error> {
    let Some(cart) = store::cart::get(tx, keys, id).await? else { return Ok(Done::Unknown) };
    if !cart.is_open() {
        return Ok(Done::Refused("it is over: nothing more is sent anyway".to_owned()));
    }
    let standing = facts(tx, keys, id, 0).await?;
    match (what, standing.dismissed_at, standing.held_since) {
        (Act::Dismiss, Some(_), _) | (Act::Hold, _, Some(_)) | (Act::Release, _, None) => return Ok(Done::Done),
        (_, Some(_), _) => return Ok(Done::Refused("it was dismissed: nothing more is sent anyway".to_owned())),
        _ => {}
    }
    note(core, tx, keys, (id, what, 0), by, now).await?;
    match what {
        Act::Dismiss => {
            for mut message in store::message::about(tx, keys, id.get()).await? {
                send::cancel_if_waiting(tx, keys, &mut message, DISMISSED, now).await?;
            }
        }
        // A queued text asks every gate again when it leaves, the hold among them.
        Act::Release => {
            for message in store::message::about(tx, keys, id.get()).await? {
                if message.moments.state() == MessageState::Queued {
                    job::hurry_one(tx, shop.id, job::Kind::Send, message.id.get(), now).await?;
                }
            }
        }
        Act::Hold | Act::SendNow => return Ok(Done::Done),
    }
    // What waits for a gate is asked now; what waits for its step's time is told then.
    job::hurry_one(tx, shop.id, job::Kind::Decide, id.get(), now).await?;
    Ok(Done::Done)
}

const DISMISSED: &str = "dismissed by a person of the shop";

/// Settles a text of unknown outcome by a person's word.
///
/// Such a text is never sent again by itself: it may have left, and a shopper gets at most one text per cart and step.
/// Only somebody who looked it up in the gateway's own log can know better, and this is where they say so:
/// - *arrived*: it counts as sent, as of when the attempt was made. Not as delivered: that is the carrier's word alone.
/// - *never left*: it counts as refused.
/// - *again*: it never left, and the same message (no second one: its row is unique per purpose, cart and step) waits to
///   be sent once more. Every gate is asked again in the transaction that notes the new intent. Should a receipt of the
///   first attempt come in before, it is believed, and nothing is sent.
pub async fn settle(core: &Core, shop: ShopId, id: MessageId, word: Settled, by: &str) -> Result<Done, Error> {
    let now = core.now();
    let done = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            None => Done::Unknown,
            Some((shop, keys)) => settle_in(core, tx, &shop, &keys, (id, word), by, now).await?,
        }
    })?;
    core.wake.notify_one();
    Ok(done)
}

async fn settle_in(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    (id, word): (MessageId, Settled),
    by: &str,
    now: Time,
) -> Result<Done, Error> {
    let Some(mut message) = store::message::get(tx, keys, id).await? else { return Ok(Done::Unknown) };
    if message.moments.state() != MessageState::Unknown {
        return Ok(Done::Refused("its outcome is known by now".to_owned()));
    }
    if word == Settled::Again && message.words.phone.is_empty() {
        return Ok(Done::Refused("whom it was for was forgotten".to_owned()));
    }
    let before = message.moments;
    let attempted_at = message.moments.sending_at;
    let done = act::OnMessage { message: id, settled: word, attempted_at, at: now, by: by.to_owned() };
    act::on_message(tx, keys, core.fresh_id(), &done).await?;
    job::cancel(tx, shop.id, job::Kind::LookUp, id.get()).await?;
    match word {
        Settled::Arrived => {
            message.moments.settle(ReceiptStatus::Accepted, now);
            message.reason = "a person looked it up: it arrived".to_owned();
        }
        Settled::NeverLeft => {
            guard::uncount(tx, shop, keys, &message, attempted_at.unwrap_or(now)).await?;
            message.moments.refused_at = Some(now);
            message.reason = "a person looked it up: it never left".to_owned();
        }
        Settled::Again => {
            guard::uncount(tx, shop, keys, &message, attempted_at.unwrap_or(now)).await?;
            message.moments.sending_at = None;
            message.moments.unknown_at = None;
            message.sending_by = None;
            message.reason = "a person looked it up: it never left, and may go once more".to_owned();
        }
    }
    store::message::save(tx, keys, &message).await?;
    forward::moved(core, tx, shop, &before, &message).await?;
    if word == Settled::Again {
        job::schedule(tx, shop.id, job::Kind::Send, id.get(), now).await?;
    }
    if let Some(at) = message.moments.accepted_at {
        dirty(tx, shop, at, now).await?;
        attribute_again(tx, shop, keys, &message, now).await?;
    }
    Ok(Done::Done)
}

/// A text that turns out to have arrived may have earned what was ordered since.
async fn attribute_again(
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &store::message::Message,
    now: Time,
) -> Result<(), Error> {
    let Some(cart) = message.cart() else { return Ok(()) };
    for order in store::identity::orders_with(tx, keys, cart).await? {
        job::ensure(tx, shop.id, job::Kind::Attribute, order.get(), now).await?;
    }
    Ok(())
}

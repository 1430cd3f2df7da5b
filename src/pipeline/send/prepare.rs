//! Prepare: every gate is asked again, in the transaction that notes the intent to send.

use std::time::Duration;

use super::{outgoing, record::become_unknown};
use crate::{
    domain::{
        decide::{Verdict, expires_at},
        id::{DecisionId, MessageId},
        message::{MessageState, Outgoing, Purpose},
        seal::ShopKeys,
        sms,
        time::Time,
    },
    pipeline::{
        Core, ahead, audit, discount,
        facts::{Asking, ask},
        guard,
        handful::Piece,
        notice, route,
        sequence::Plan,
    },
    store::{
        self, Error, Tx,
        decision::Kept,
        gateway::Gateway,
        job::{self, Job},
        message::{Message, Words},
        shop::Shop,
    },
};

/// A text that asks for leave to go.
pub(super) struct Prepare(pub Job);

impl Piece for Prepare {
    /// What goes out through which account; `None` when nothing is to be sent now.
    type Done = Option<(Outgoing, Gateway)>;

    fn job(&self) -> &Job {
        &self.0
    }

    async fn write(&self, core: &Core, tx: &mut Tx) -> Result<Self::Done, Error> {
        prepare(core, tx, &self.0).await
    }

    async fn ahead(core: &Core, tx: &mut Tx, pieces: &[Self]) -> Result<(), Error> {
        let jobs: Vec<&Job> = pieces.iter().map(|piece| &piece.0).collect();
        ahead::of_texts(core, tx, &jobs).await
    }
}

/// Asks again, and notes the intent to send. `None` when there is nothing to send now.
async fn prepare(core: &Core, tx: &mut Tx, job: &Job) -> Result<Option<(Outgoing, Gateway)>, Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    if !job::holds(tx, job).await? {
        return Ok(None);
    }
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return finish(tx, job).await };
    let Some(mut message) = store::message::get(tx, &keys, MessageId::new(job.subject)).await? else {
        return finish(tx, job).await;
    };
    match message.moments.state() {
        MessageState::Queued => {}
        // Someone claimed it, noted the intent and was not heard of again.
        MessageState::Sending => {
            let why = "the process that was sending it ended before it knew the outcome";
            become_unknown(core, tx, &keys, &mut message, why).await?;
            return finish(tx, job).await;
        }
        _ => return finish(tx, job).await,
    }
    let sender = match message.purpose {
        // An answer comes from the number the person wrote to.
        Purpose::Answer => {
            let keys = core.vault.keys(tx, message.gateway_shop).await?;
            store::gateway::get(tx, &keys, message.gateway).await?
        }
        _ => route::sender(core, tx, &shop, Some(message.country.as_str())).await?,
    };
    let allowed = match message.purpose {
        Purpose::Reminder => reminder(core, tx, &shop, &keys, &message, &sender).await?,
        _ => notice::ask(core, tx, &shop, &keys, &message, &sender).await?,
    };
    match allowed.verdict {
        Verdict::Stop => {
            if allowed.late {
                message.moments.expired_at = Some(now);
            } else {
                message.moments.cancelled_at = Some(now);
            }
            message.reason = allowed.why;
            store::message::save(tx, &keys, &message).await?;
            return finish(tx, job).await;
        }
        Verdict::Wait(until) => {
            if message.reason != allowed.why {
                message.reason = allowed.why;
                store::message::save(tx, &keys, &message).await?;
            }
            job::put_back(tx, job, until).await?;
            return Ok(None);
        }
        Verdict::Pass => {}
    }
    if discount::is_awaited(tx, &keys, &message).await? {
        job::put_back(tx, job, now + CODE_AGAIN).await?;
        return Ok(None);
    }
    // The shop may know of an order that no webhook told of.
    if message.purpose == Purpose::Reminder && audit::holds_back(core, tx, &shop, now).await? {
        job::put_back(tx, job, now + ORDERS_AGAIN).await?;
        return Ok(None);
    }
    let Some(account) = sender else { return finish(tx, job).await };
    if !guard::has_place(core, tx, &message).await? {
        job::put_back(tx, job, now + guard::NO_PLACE_WAIT).await?;
        return Ok(None);
    }
    if let Some(words) = allowed.words {
        message.segments = sms::segments(&words.text).count;
        message.words = words;
    }
    message.gateway_shop = account.shop;
    message.gateway = account.id;
    message.expires_at = allowed.expires_at;
    message.attempt = message.attempt.saturating_add(1);
    message.moments.sending_at = Some(now);
    message.sending_by = Some(job.claim.clone());
    store::message::save(tx, &keys, &message).await?;
    guard::count(core, tx, &shop, &keys, &message).await?;
    let callback = store::connection::of(tx, account.shop, Some(account.id)).await?;
    Ok(Some((outgoing(core, &message, callback.map(|found| found.public_id), now), account)))
}

/// Whether a queued text may leave now.
pub(crate) struct Allowed {
    pub verdict: Verdict,
    /// When it is not a yes.
    pub why: String,
    /// Its own time was what ended it.
    pub late: bool,
    /// Until when the gateway may try.
    pub expires_at: Time,
    /// The words it leaves with, where they may be others than those it waited with.
    pub words: Option<Words>,
}

/// When a text that still waits for its code is looked at again; it is sent at once when the code is there.
const CODE_AGAIN: Duration = Duration::from_secs(60);

/// When a text that waits for the shop's newest orders is looked at again.
const ORDERS_AGAIN: Duration = Duration::from_secs(20);

/// A text that leaves within this span of its decision leaves by that decision.
const SAME_YES: Duration = Duration::from_secs(60);

/// Every gate again, in the transaction that will note the intent.
async fn reminder(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    sender: &Option<Gateway>,
) -> Result<Allowed, Error> {
    let now = core.now();
    let gone =
        |why: &str| Allowed { verdict: Verdict::Stop, why: why.into(), late: false, expires_at: now, words: None };
    let Some(id) = message.cart() else { return Ok(gone("its cart is gone")) };
    let Some(cart) = store::cart::get(tx, keys, id).await? else { return Ok(gone("its cart is gone")) };
    let plan = Plan::of(tx, shop, keys, &cart).await?;
    let asking = Asking {
        shop,
        keys,
        cart: &cart,
        plan: &plan,
        step: message.step,
        sender,
        sending: Some(message),
        fresh: message.id,
    };
    let asked = ask(tx, core, &asking).await?;
    if let (Ok(phone), Some(facts)) = (&asked.phone, &asked.made_of.facts) {
        guard::act(core, tx, shop, keys, phone, &facts.risk).await?;
    }
    let decision = asked.decision;
    let why = decision.reason().map_or(String::new(), |gate| gate.why.clone());
    let (late, expires_at) = (decision.ran_out_of_time(), expires_at(&decision, now));
    let verdict = decision.verdict;
    // A yes that had to wait is kept as it was when it left; one that left at once would only say the same again.
    if verdict == Verdict::Pass && now.since(message.created_at) > SAME_YES {
        let kept = Kept { cart: id, step: message.step, at: now, decision, made_of: asked.made_of };
        store::decision::record(tx, keys, DecisionId::new(core.fresh_id()), &kept).await?;
    }
    Ok(Allowed { verdict, why, late, expires_at, words: asked.words })
}

async fn finish<T>(tx: &mut Tx, job: &Job) -> Result<Option<T>, Error> {
    job::finish(tx, job).await?;
    Ok(None)
}

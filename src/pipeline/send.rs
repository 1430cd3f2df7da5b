//! Send: claim (committed) → prepare (asks every gate again, notes the intent, commits) → exchange (no transaction open) →
//! record (commits). Whatever happens in between, a text goes out at most once: an intent without a recorded outcome is
//! *unknown*, and what is unknown is never sent again by itself.

use std::time::Duration;

use super::{
    Core, audit, dirty, dirty_cart, discount,
    facts::{Asking, ask},
    forward, guard, notice,
    route::{self, Wait},
    sequence::Plan,
    settle,
};
use crate::{
    domain::{
        consent::{OptOut, OutProof},
        decide::{Verdict, expires_at},
        id::{DecisionId, GatewayId, MessageId, ShopId},
        message::{MessageState, Outgoing, Purpose, RefusalClass, SendOutcome},
        seal::ShopKeys,
        sms,
        time::Time,
    },
    gateway::{self, Dispatch},
    store::{
        self, Error, Tx,
        decision::Kept,
        gateway::Gateway,
        job::{self, Job},
        message::{Message, Words},
        shop::Shop,
    },
    transact,
};

/// Sends one queued message, as far as the gates and the gateway let it.
pub async fn send(core: &Core, job: &Job) -> Result<(), Error> {
    if let Some(wait) = route::take_turn(core, job).await? {
        return wait_for(core, job, wait).await;
    }
    let place = guard::take_place(core, job).await?;
    let prepared: Option<(Outgoing, Gateway)> = transact!(core.db, |tx| prepare(core, tx, job).await?)?;
    let done = match prepared {
        Some((sms, account)) => {
            let outcome = exchange(core, &sms, &account).await;
            transact!(core.db, |tx| record(core, tx, job, &account, &outcome).await?)?;
            route::heard(core, &account, &outcome).await?;
            matches!(outcome, SendOutcome::Accepted { .. } | SendOutcome::Unknown { .. })
        }
        None => false,
    };
    match place {
        Some(place) if !done => guard::give_back(core, &place).await,
        _ => Ok(()),
    }
}

/// Has a text wait for its gateway, at a place in the line if it has one. One whose time is up meanwhile is expired here:
/// the gates are not asked before it has its turn.
async fn wait_for(core: &Core, job: &Job, wait: Wait) -> Result<(), Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, job.shop).await?;
        if job::holds(tx, job).await?
            && let Some((_, keys)) = core.shop(tx, job.shop).await?
            && let Some(mut message) = store::message::get(tx, &keys, MessageId::new(job.subject)).await?
        {
            let (until, why, place) = match wait {
                Wait::Away(account, until, why) => (route::still_away(tx, account, until, now).await?, why, None),
                Wait::Line(at) => (at, "it waits for its turn at the gateway", Some(at)),
                Wait::Day(until) => (until, "the day's parts to US numbers are used up", None),
            };
            let is_waiting = message.moments.state() == MessageState::Queued;
            let is_over = is_waiting && message.expires_at <= now;
            if is_over {
                message.moments.expired_at = Some(now);
            }
            if is_over || is_waiting && message.reason != why {
                message.reason = why.to_owned();
                store::message::save(tx, &keys, &message).await?;
            }
            if is_over {
                job::finish(tx, job).await?;
            } else {
                job::line_up(tx, job, until.min(message.expires_at.max(now)), place).await?;
            }
        }
    })
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

pub(crate) fn outgoing(core: &Core, message: &Message, connection: Option<String>, now: Time) -> Outgoing {
    let reference = message.reference();
    Outgoing {
        reference,
        to: message.phone(),
        text: message.words.text.clone(),
        encoding: message.words.encoding,
        valid_for: message.expires_at.since(now),
        callback_url: connection.map(|id| format!("{}/hook/sms/{id}?ref={reference}", core.public_url)),
        attempted_at: message.moments.sending_at.unwrap_or(now),
    }
}

async fn exchange(core: &Core, sms: &Outgoing, account: &Gateway) -> SendOutcome {
    let Some(kind) = gateway::by_kind(&account.kind) else {
        return SendOutcome::Refused { class: RefusalClass::Account, code: format!("no connector {}", account.kind) };
    };
    match kind.dispatch(&account.settings, sms) {
        Dispatch::Keep => SendOutcome::Accepted { reference: None, segments: None, cost: None },
        Dispatch::Http(mut request) => {
            // Only an operator's word opens private networks, whatever the connector would like.
            request.private &= account.private;
            match core.http.exchange(request).await {
                Ok(answer) => kind.outcome(&account.settings, &answer),
                Err(error) => gateway::no_answer(&error),
            }
        }
    }
}

/// First wait after a failure that provably sent nothing; doubles with each attempt.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_MOST: Duration = Duration::from_secs(15 * 60);

async fn record(core: &Core, tx: &mut Tx, job: &Job, account: &Gateway, outcome: &SendOutcome) -> Result<(), Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return Ok(()) };
    let Some(mut message) = store::message::get(tx, &keys, MessageId::new(job.subject)).await? else {
        return Ok(());
    };
    let before = message.moments;
    match outcome {
        SendOutcome::Accepted { reference, segments, cost } => {
            let accepted_at = *message.moments.accepted_at.get_or_insert(now);
            message.gateway_ref = reference.clone().or(message.gateway_ref);
            message.segments = segments.unwrap_or(message.segments);
            message.cost = cost.or(message.cost);
            if message.cost.is_none() {
                message.cost = gateway::sending::price(&account.settings, &message.country, message.segments);
                message.cost_listed = message.cost.is_some();
            }
            message.reason.clear();
            guard::priced(tx, &shop, &keys, &message, now).await?;
            dirty(tx, &shop, accepted_at, now).await?;
            dirty_cart(tx, &shop, &keys, &message, now).await?;
        }
        SendOutcome::Refused { class: RefusalClass::Account, code } => {
            pause_gateway(tx, account, code, now).await?;
            let why = format!("account refused: {code}");
            // It provably did not leave: another account may take it, at once if there is one.
            let another = route::has_another(core, tx, &shop, &message).await?;
            let wait = if another { Duration::ZERO } else { RETRY_MOST };
            return wait_on(core, tx, &shop, &keys, job, message, &why, wait).await;
        }
        SendOutcome::Refused { class, code } => {
            message.moments.refused_at.get_or_insert(now);
            message.reason = format!("{}: {code}", class.name());
            guard::refused(tx, &keys, &message).await?;
            if *class == RefusalClass::OptedOut {
                let index = store::consent::phone_index(&keys, &message.phone());
                let proof = OutProof {
                    received_at: Some(now),
                    applied_at: Some(now),
                    message: Some(message.id.get()),
                    code: Some(code.clone()),
                    ..OutProof::default()
                };
                let entry = OptOut { at: now, source: "gateway".into() };
                settle::opt_out_with(core, tx, &keys, &index, entry, &proof, &shop).await?;
            }
        }
        SendOutcome::Later { why, after } => {
            let doubled = RETRY_FIRST.saturating_mul(1 << message.attempt.min(6).saturating_sub(1));
            let wait = after.unwrap_or(doubled.min(RETRY_MOST));
            return wait_on(core, tx, &shop, &keys, job, message, why, wait).await;
        }
        SendOutcome::Unknown { why } => become_unknown(core, tx, &keys, &mut message, why).await?,
    }
    store::message::save(tx, &keys, &message).await?;
    forward::moved(core, tx, &shop, &before, &message).await?;
    job::finish(tx, job).await.map(|_| ())
}

/// Back to the queue: it provably did not leave. Unless somebody else has taken it meanwhile, or its time is up.
#[expect(clippy::too_many_arguments, reason = "what is put back, where, why and for how long")]
async fn wait_on(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    job: &Job,
    mut message: Message,
    why: &str,
    wait: Duration,
) -> Result<(), Error> {
    let now = core.now();
    if message.sending_by.as_deref() != Some(job.claim.as_str()) || message.moments.state() != MessageState::Sending {
        return Ok(());
    }
    guard::uncount(tx, shop, keys, &message, message.moments.sending_at.unwrap_or(now)).await?;
    message.moments.sending_at = None;
    message.sending_by = None;
    message.reason = why.to_owned();
    store::message::save(tx, keys, &message).await?;
    job::put_back(tx, job, now + wait).await.map(|_| ())
}

/// One alarm, not one for every text that waits.
async fn pause_gateway(tx: &mut Tx, account: &Gateway, code: &str, now: Time) -> Result<(), Error> {
    let reason = format!("it refused our account ({code}); mend it and resume");
    if store::gateway::pause(tx, account.shop, account.id, &reason, now).await? {
        tracing::error!(gateway = %account.id, code, "gateway paused: it refused our account");
        let words = format!("Gateway {} is paused: {reason}.", account.name);
        store::alarm::raise(tx, account.shop, "gateway_paused", &account.id.to_string(), &words, now).await?;
    }
    Ok(())
}

/// When a gateway is first asked about a text of unknown outcome.
const LOOK_UP_AFTER: Duration = Duration::from_secs(60);

/// Unless a receipt has told meanwhile that it left.
async fn become_unknown(
    core: &Core,
    tx: &mut Tx,
    keys: &ShopKeys,
    message: &mut Message,
    why: &str,
) -> Result<(), Error> {
    let now = core.now();
    message.moments.unknown_at.get_or_insert(now);
    message.reason = why.to_owned();
    store::message::save(tx, keys, message).await?;
    if message.moments.state() == MessageState::Unknown {
        job::schedule(tx, message.shop, job::Kind::LookUp, message.id.get(), now + LOOK_UP_AFTER).await?;
    }
    Ok(())
}

/// Cancels a message that has not left; one on its way or gone stays as it is. Only what its own time ended is *expired*.
pub(crate) async fn cancel_if_waiting(
    tx: &mut Tx,
    keys: &ShopKeys,
    message: &mut Message,
    why: &str,
    now: Time,
) -> Result<(), Error> {
    if message.moments.state() != MessageState::Queued {
        return Ok(());
    }
    message.moments.cancelled_at = Some(now);
    message.reason = why.to_owned();
    store::message::save(tx, keys, message).await?;
    job::cancel(tx, message.shop, job::Kind::Send, message.id.get()).await
}

/// Lets a paused gateway send again.
pub async fn resume_gateway(core: &Core, shop: ShopId, id: GatewayId) -> Result<bool, Error> {
    let now = core.now();
    let resumed = transact!(core.db, |tx| {
        let resumed = store::gateway::resume(tx, shop, id).await?;
        store::alarm::clear(tx, shop, "gateway_paused", &id.to_string(), now).await?;
        resumed
    })?;
    route::line_up_again(core, shop, id).await?;
    Ok(resumed)
}

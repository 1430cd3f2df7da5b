//! Record: what the gateway said of a text, or that nobody knows.

use std::time::Duration;

use crate::{
    domain::{
        consent::{OptOut, OutProof},
        id::MessageId,
        message::{MessageState, RefusalClass, SendOutcome},
        seal::ShopKeys,
        time::Time,
    },
    gateway,
    pipeline::{Core, ahead, dirty, dirty_cart, forward, guard, handful::Piece, route, settle},
    store::{
        self, Error, Tx,
        gateway::Gateway,
        job::{self, Job},
        message::Message,
        shop::Shop,
    },
};

/// What became of a text that was given to a gateway.
pub(super) struct Record {
    pub job: Job,
    pub account: Gateway,
    pub outcome: SendOutcome,
}

impl Piece for Record {
    /// Whether its job is done and is to be finished.
    type Done = bool;

    fn job(&self) -> &Job {
        &self.job
    }

    async fn write(&self, core: &Core, tx: &mut Tx) -> Result<bool, Error> {
        record(core, tx, &self.job, &self.account, &self.outcome).await
    }

    async fn ahead(core: &Core, tx: &mut Tx, pieces: &[Self]) -> Result<(), Error> {
        let jobs: Vec<&Job> = pieces.iter().map(|piece| &piece.job).collect();
        ahead::of_outcomes(core, tx, &jobs).await
    }

    async fn end(_: &Core, tx: &mut Tx, pieces: &[Self], done: &[bool]) -> Result<(), Error> {
        let jobs: Vec<&Job> = pieces.iter().zip(done).filter(|(_, done)| **done).map(|(piece, _)| &piece.job).collect();
        job::finish_all(tx, &jobs).await
    }
}

/// First wait after a failure that provably sent nothing; doubles with each attempt.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_MOST: Duration = Duration::from_secs(15 * 60);

/// Whether the job is done; what waits on is put back here.
async fn record(core: &Core, tx: &mut Tx, job: &Job, account: &Gateway, outcome: &SendOutcome) -> Result<bool, Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return Ok(false) };
    let Some(mut message) = store::message::get(tx, &keys, MessageId::new(job.subject)).await? else {
        return Ok(false);
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
            return wait_on(core, tx, &shop, &keys, job, message, &why, wait).await.map(|()| false);
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
            return wait_on(core, tx, &shop, &keys, job, message, why, wait).await.map(|()| false);
        }
        SendOutcome::Unknown { why } => become_unknown(core, tx, &keys, &mut message, why).await?,
    }
    store::message::save(tx, &keys, &message).await?;
    forward::moved(core, tx, &shop, &before, &message).await?;
    Ok(true)
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
    job::put_back(tx, job, now + wait).await
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
pub(super) async fn become_unknown(
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

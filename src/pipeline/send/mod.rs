//! Send, a handful of texts at a time: claim (committed) → turns and places (committed) → prepare (asks every gate again, notes
//! the intent, commits) → exchange (no transaction open) → record (commits). Whatever happens in between, a text goes out at
//! most once: an intent without a recorded outcome is *unknown*, and what is unknown is never sent again by itself.

mod prepare;
mod record;

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

pub(crate) use self::prepare::Allowed;
use self::{prepare::Prepare, record::Record};
use super::{
    Core,
    guard::{self, Place},
    handful::{self, Failed, Piece},
    route::{self, Needs, Turns, Wait},
};
use crate::{
    domain::{
        id::{GatewayId, MessageId, ShopId},
        message::{MessageState, Outgoing, RefusalClass, SendOutcome},
        seal::ShopKeys,
        time::Time,
    },
    gateway::{self, Dispatch},
    store::{
        self, Error, Tx,
        gateway::Gateway,
        job::{self, Job},
        message::Message,
    },
    transact,
};

/// Sends queued messages of one shop, as far as the gates and the gateways let them, so many at once; answers those that
/// could not be done. Of its seats, one for each of them, it gives back those of texts that do not leave or whose outcome is
/// noted. An error means that the database is away.
pub async fn send(
    core: &Core,
    jobs: Vec<Job>,
    at_once: usize,
    mut seats: Option<OwnedSemaphorePermit>,
) -> Result<Vec<Failed>, Error> {
    let mut give_back = |count: usize| drop(seats.as_mut().and_then(|seats| seats.split(count)));
    let all = jobs.len();
    let mut failed = Vec::new();
    let (ready, places) = take_turns(core, jobs, &mut failed).await?;
    let ready = take_places(core, ready, &places, &mut failed).await?;
    let mut prepared = handful::write_all(core, ready.into_iter().map(Prepare).collect()).await?;
    failed.append(&mut prepared.failed);
    let mut leaving = Vec::new();
    let mut stayed = Vec::new();
    for (Prepare(job), outgoing) in prepared.done {
        match outgoing {
            Some((sms, account)) => leaving.push((job, sms, account)),
            None => stayed.push(job),
        }
    }
    give_back(all - leaving.len());
    let mut exchanges = stream::iter(leaving)
        .map(|(job, sms, account)| async move {
            let outcome = handful::caught(async { Ok(exchange(core, &sms, &account).await) }).await;
            let outcome = outcome.unwrap_or_else(|defect| SendOutcome::Unknown { why: defect.to_string() });
            Record { job, account, outcome }
        })
        .buffer_unordered(at_once)
        // One after the other means that none is begun before the one before it is recorded.
        .ready_chunks(at_once);
    let mut ended = Ok(());
    while let Some(answered) = exchanges.next().await {
        let count = answered.len();
        // Should the database be away, the others on their way are heard all the same.
        match keep(core, answered, &mut stayed).await {
            Ok(mut unrecorded) => failed.append(&mut unrecorded),
            Err(error) => ended = Err(error),
        }
        give_back(count);
    }
    ended?;
    for job in &stayed {
        if let Some(place) = places.get(&job.subject) {
            guard::give_back(core, place).await?;
        }
    }
    Ok(failed)
}

/// Has each text take its turn at its gateway; one whose turn it is not waits for it. Answers the others, and the places of
/// all of them that need one.
async fn take_turns(
    core: &Core,
    jobs: Vec<Job>,
    failed: &mut Vec<Failed>,
) -> Result<(Vec<Job>, BTreeMap<i64, Place>), Error> {
    let (mut ready, mut turning, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    let mut places = BTreeMap::new();
    let mut read = core.db.read().await?;
    read.of_many();
    if let (Some(first), true) = (jobs.first(), jobs.len() > 1)
        && let Some((_, keys)) = core.shop(&mut read, first.shop).await?
    {
        let messages: Vec<i64> = jobs.iter().map(|job| job.subject).collect();
        store::message::ahead(&mut read, &keys, &messages).await?;
    }
    for job in jobs {
        match standing(core, &mut read, &job).await {
            Ok((needs, place)) => {
                places.extend(place.map(|place| (job.subject, place)));
                match needs {
                    Needs::Nothing => ready.push(job),
                    Needs::Wait(wait) => waits.push(Waiting { job, wait }),
                    Needs::Turns(turns) => turning.push(Turning { job, turns }),
                }
            }
            Err(error) if error.is_outage() => return Err(error),
            Err(why) => failed.push(Failed { job, why }),
        }
    }
    drop(read);
    // Accounts of the house lie with the house: a transaction stays with one tenant.
    let (house, own): (Vec<_>, Vec<_>) = turning.into_iter().partition(|turning| turning.turns.is_of_house());
    for turning in [house, own] {
        let mut turned = handful::write_all(core, turning).await?;
        failed.append(&mut turned.failed);
        for (Turning { job, .. }, wait) in turned.done {
            match wait {
                None => ready.push(job),
                Some(wait) => waits.push(Waiting { job, wait }),
            }
        }
    }
    failed.append(&mut handful::write_all(core, waits).await?.failed);
    ready.sort_by_key(|job| job.subject);
    Ok((ready, places))
}

/// What a text needs before it asks for leave to go. Whatever is no queued message any more needs nothing.
async fn standing(core: &Core, read: &mut store::Read, job: &Job) -> Result<(Needs, Option<Place>), Error> {
    let Some((shop, keys)) = core.shop(read, job.shop).await? else { return Ok((Needs::Nothing, None)) };
    let message = store::message::get(read, &keys, MessageId::new(job.subject)).await?;
    let Some(message) = message.filter(|message| message.moments.state() == MessageState::Queued) else {
        return Ok((Needs::Nothing, None));
    };
    let needs = route::needs(core, read, &shop, &message, job.booked_at).await?;
    Ok((needs, guard::place_for(core, read, &shop, &message).await?))
}

/// The turns of one text.
struct Turning {
    job: Job,
    turns: Turns,
}

impl Piece for Turning {
    type Done = Option<Wait>;
    const TAKES_TURN: bool = false;

    fn job(&self) -> &Job {
        &self.job
    }

    async fn write(&self, core: &Core, tx: &mut Tx) -> Result<Option<Wait>, Error> {
        route::take(tx, &self.turns, core.now()).await
    }
}

/// A text that waits for its gateway.
struct Waiting {
    job: Job,
    wait: Wait,
}

impl Piece for Waiting {
    type Done = ();

    fn job(&self) -> &Job {
        &self.job
    }

    async fn write(&self, core: &Core, tx: &mut Tx) -> Result<(), Error> {
        wait_for(core, tx, &self.job, self.wait).await
    }
}

/// Has a text wait for its gateway, at a place in the line if it has one. One whose time is up meanwhile is expired here:
/// the gates are not asked before it has its turn.
async fn wait_for(core: &Core, tx: &mut Tx, job: &Job, wait: Wait) -> Result<(), Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    if !job::holds(tx, job).await? {
        return Ok(());
    }
    let Some((_, keys)) = core.shop(tx, job.shop).await? else { return Ok(()) };
    let Some(mut message) = store::message::get(tx, &keys, MessageId::new(job.subject)).await? else { return Ok(()) };
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
        job::finish(tx, job).await.map(|_| ())
    } else {
        job::line_up(tx, job, until.min(message.expires_at.max(now)), place).await
    }
}

/// A text that takes its place on the phone it goes to.
struct Placing<'p> {
    job: Job,
    place: &'p Place,
}

impl Piece for Placing<'_> {
    type Done = ();
    const TAKES_TURN: bool = false;

    fn job(&self) -> &Job {
        &self.job
    }

    async fn write(&self, core: &Core, tx: &mut Tx) -> Result<(), Error> {
        guard::take_place(tx, self.place, core.now()).await
    }

    async fn ahead(core: &Core, tx: &mut Tx, pieces: &[Self]) -> Result<(), Error> {
        let places: Vec<&Place> = pieces.iter().map(|piece| piece.place).collect();
        guard::places_ahead(tx, &places, core.now()).await
    }
}

/// Takes the places of those that need one, at the house, in a transaction of its own. Whether a text got it is asked again
/// in the shop's (`guard::has_place`).
async fn take_places(
    core: &Core,
    jobs: Vec<Job>,
    places: &BTreeMap<i64, Place>,
    failed: &mut Vec<Failed>,
) -> Result<Vec<Job>, Error> {
    let (mut ready, mut placing) = (Vec::new(), Vec::new());
    for job in jobs {
        match places.get(&job.subject) {
            Some(place) => placing.push(Placing { job, place }),
            None => ready.push(job),
        }
    }
    // Two processes that want the same phones ask for them in the same order.
    placing.sort_by_key(|placing| placing.place.phone());
    let mut placed = handful::write_all(core, placing).await?;
    failed.append(&mut placed.failed);
    ready.extend(placed.done.into_iter().map(|(placing, ())| placing.job));
    ready.sort_by_key(|job| job.subject);
    Ok(ready)
}

/// Records what the gateways said; whatever surely did not leave has stayed.
async fn keep(core: &Core, answered: Vec<Record>, stayed: &mut Vec<Job>) -> Result<Vec<Failed>, Error> {
    let written = handful::write_all(core, answered).await?;
    let mut heard: BTreeMap<(ShopId, GatewayId), (Gateway, Vec<SendOutcome>)> = BTreeMap::new();
    for (Record { job, account, outcome }, _) in written.done {
        if !matches!(outcome, SendOutcome::Accepted { .. } | SendOutcome::Unknown { .. }) {
            stayed.push(job);
        }
        heard.entry((account.shop, account.id)).or_insert_with(|| (account, Vec::new())).1.push(outcome);
    }
    for (account, outcomes) in heard.into_values() {
        route::heard(core, &account, &outcomes).await?;
    }
    Ok(written.failed)
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
    route::ask_carts_again(core, shop).await;
    Ok(resumed)
}

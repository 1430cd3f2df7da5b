//! Forward: what happened is told to the shop's sinks. The event is written with its fact (`note`); a job per sink tells
//! what is due, one after the other in the order it happened, records each attempt, and goes on past one that failed.
//!
//! What must hold: nothing is told that did not happen (the event is in the fact's own transaction); nothing is lost (it
//! stays due until it was taken or given up, and what was given up can be replayed); the id never changes, so that a
//! receiver can drop what it has. No transaction is open across a call.

mod note;

pub(crate) use note::{abandoned, clicked, credited, moved, opted_out};

use std::time::Duration;

use super::{Core, sink::current};
use crate::{
    domain::{
        id::{CartId, EventId, MessageId, OrderId, ShopId, SinkId},
        outbox::{self, Person, Told, Topic},
        seal::ShopKeys,
    },
    http::HttpError,
    sink::{self, Outcome},
    store::{
        self, Error, Read,
        job::{self, Job},
        outbox::{Attempt, Forward},
        sink::Sink,
    },
    transact,
};

/// Events of one sink told in one go.
const TOLD_MOST: u32 = 100;
/// No further call is begun after this long: the claim of the job lasts for three of them (`worker::LEASE`).
const BEGIN_WITHIN: Duration = Duration::from_secs(20);

/// Tells a sink what is due.
pub async fn forward(core: &Core, job: &Job) -> Result<(), Error> {
    let (shop, id) = (job.shop, SinkId::new(job.subject));
    let began = core.now();
    let mut read = core.db.read().await?;
    // Whoever waited for long may have lost its claim, and another is at it.
    if !job::holds(&mut read, job).await? {
        return Ok(());
    }
    let keys = core.vault.keys(&mut read, shop).await?;
    let due = store::outbox::due(&mut read, &keys, id, began, TOLD_MOST).await?;
    drop(read);
    for event in due {
        if core.now().since(began) > BEGIN_WITHIN {
            break;
        }
        tell(core, shop, id, event, false).await?;
    }
    transact!(core.db, |tx| {
        // Nobody can add an event between the look and the end.
        store::shop::take_turn(tx, shop).await?;
        match store::outbox::next_due(tx, &keys, id).await? {
            Some(next) => job::put_back(tx, job, next).await.map(|_| ())?,
            None => job::finish(tx, job).await.map(|_| ())?,
        }
    })
}

/// Tells one event to one sink, once, and records what came of it. `None` when there is nothing to tell any more: it was
/// forgotten, taken meanwhile, or the sink is off. `only`: asked for by a person who looks, so that nothing follows.
pub(crate) async fn tell(
    core: &Core,
    shop: ShopId,
    id: SinkId,
    event: EventId,
    only: bool,
) -> Result<Option<Attempt>, Error> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let Some(sink) = store::sink::get(&mut read, &keys, id).await? else { return Ok(None) };
    if sink.disabled_at.is_some() && !only {
        return Ok(None);
    }
    let due = store::outbox::forward(&mut read, &keys, id, event).await?.filter(|found| found.due_at.is_some());
    let (Some(_), Some(told)) = (due, telling(core, &mut read, &keys, &sink, event).await?) else { return Ok(None) };
    drop(read);
    let (outcome, attempt) = exchange(core, &sink, &told).await;
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let sink = store::sink::get(tx, &keys, id).await?;
        match (sink, store::outbox::forward(tx, &keys, id, event).await?) {
            (Some(sink), Some(forward)) => {
                let attempt = Attempt { number: forward.attempts.saturating_add(1), ..attempt.clone() };
                record(core, tx, &keys, sink, forward, &attempt, &outcome).await?;
                Some(attempt)
            }
            _ => None,
        }
    })
}

/// The event with everything a sink may make of it.
async fn telling(
    core: &Core,
    read: &mut Read,
    keys: &ShopKeys,
    sink: &Sink,
    event: EventId,
) -> Result<Option<Told>, Error> {
    let Some(event) = store::outbox::get(read, keys, event).await? else { return Ok(None) };
    let person = if sink.personal { Some(person(read, keys, &event).await?) } else { None };
    Ok(Some(Told { shop: keys.shop(), event, person, public_url: core.public_url.clone() }))
}

/// Whose it was, as far as that is still known.
async fn person(read: &mut Read, keys: &ShopKeys, event: &outbox::Event) -> Result<Person, Error> {
    let named = |key: &str| event.data.get(key).and_then(serde_json::Value::as_str);
    let mut person = Person::default();
    if let Some(id) = named("order").and_then(|id| id.parse::<OrderId>().ok())
        && let Some(order) = store::order::get(read, keys, id).await?
    {
        person.email = order.latest.who.email.clone();
        person.phone = order.latest.who.phones.first().map(|phone| phone.number.clone());
    }
    let mut cart = named("cart").and_then(|id| id.parse::<CartId>().ok());
    if let Some(id) = named("message").and_then(|id| id.parse::<MessageId>().ok())
        && let Some(message) = store::message::get(read, keys, id).await?
    {
        cart = cart.or(message.cart());
        if !message.words.phone.is_empty() {
            person.phone = Some(message.words.phone.clone());
        }
    }
    if let Some(id) = cart
        && let Some(cart) = store::cart::get(read, keys, id).await?
    {
        let typed = cart.latest.who.phones.first().map(|phone| phone.number.clone());
        person.phone = person.phone.or(typed);
        person.email = person.email.or(cart.latest.who.email.clone());
    }
    Ok(person)
}

async fn exchange(core: &Core, sink: &Sink, told: &Told) -> (Outcome, Attempt) {
    let at = core.now();
    let attempt = Attempt { number: 0, at, took_ms: 0, status: None, why: String::new(), answer: String::new() };
    let Some(kind) = sink::by_kind(&sink.kind) else {
        let why = format!("no destination of kind {}", sink.kind);
        return (Outcome::Failed { why: why.clone(), after: None }, Attempt { why, ..attempt });
    };
    let mut request = kind.request(&current(sink, at), told, at);
    // Only an operator's word opens private networks.
    request.private = sink.private;
    let answer = core.http.exchange(request).await;
    let outcome = kind.outcome(answer.as_ref());
    let took = core.now().since(at);
    let (status, said) = match &answer {
        Ok(answer) => (Some(answer.status), outbox::scrubbed(&answer.text())),
        Err(HttpError::NotSent(_) | HttpError::NotAllowed(_) | HttpError::Unknown(_)) => (None, String::new()),
    };
    let why = match &outcome {
        Outcome::Taken => String::new(),
        Outcome::Failed { why, .. } => why.clone(),
        Outcome::Gone => "answered 410: gone for good".to_owned(),
    };
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    (outcome, Attempt { took_ms, status, why, answer: said, ..attempt })
}

async fn record(
    core: &Core,
    tx: &mut store::Tx,
    keys: &ShopKeys,
    mut sink: Sink,
    mut forward: Forward,
    attempt: &Attempt,
    outcome: &Outcome,
) -> Result<(), Error> {
    let now = core.now();
    forward.attempts = attempt.number;
    forward.tries = forward.tries.saturating_add(1);
    let (failing_since, off) = (sink.failing_since, sink.disabled_at);
    match outcome {
        Outcome::Taken => {
            (forward.due_at, forward.delivered_at, forward.given_up_at) = (None, Some(now), None);
            sink.failing_since = None;
        }
        Outcome::Failed { after, .. } => {
            let next = match forward.topic {
                // A person looks at it right now.
                Topic::Test => None,
                _ => outbox::next_try(forward.event, forward.tries, *after),
            };
            forward.due_at = next.map(|wait| now + wait);
            forward.given_up_at = next.is_none().then_some(now);
            let since = *sink.failing_since.get_or_insert(now);
            if now.since(since) >= outbox::OFF_AFTER && sink.disabled_at.is_none() {
                sink.disabled_at = Some(now);
                sink.disabled_why = format!("nothing was taken for 5 days; last: {}", attempt.why);
            }
        }
        Outcome::Gone => {
            (forward.due_at, forward.given_up_at) = (None, Some(now));
            if sink.disabled_at.is_none() {
                sink.disabled_at = Some(now);
                sink.disabled_why = attempt.why.clone();
            }
        }
    }
    store::outbox::record(tx, keys, &forward, attempt).await?;
    if (sink.failing_since, sink.disabled_at) != (failing_since, off) {
        store::sink::save(tx, keys, &sink, now).await?;
    }
    if sink.disabled_at != off {
        store::outbox::give_up_all(tx, keys, sink.id, now).await?;
        tracing::warn!(shop = %sink.shop, sink = %sink.id, why = sink.disabled_why, "a webhook endpoint was switched off");
        let words = format!("Webhook endpoint {} is switched off: {}.", sink.name, sink.disabled_why);
        store::alarm::raise(tx, sink.shop, super::sink::ALARM, &sink.id.to_string(), &words, now).await?;
    }
    Ok(())
}

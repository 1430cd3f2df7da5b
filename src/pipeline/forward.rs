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
        attribution::Class,
        id::{CartId, EventId, MessageId, OrderId, ShopId, SinkId},
        outbox::{self, Person, Standing, Told, Topic},
        seal::ShopKeys,
        time::Time,
    },
    http::HttpError,
    sink::{self, Outcome},
    store::{
        self, Error, Read,
        ad_consent::State,
        identity,
        job::{self, Job},
        outbox::{Attempt, Forward},
        sink::Sink,
    },
    transact,
};

/// Events of one sink told in one go.
const TOLD_MOST: u32 = 100;
/// No further event is begun after this long: the claim of the job (`worker::LEASE`) outlasts the two calls that the last
/// one may take, where a key has to be fetched first.
const BEGIN_WITHIN: Duration = Duration::from_secs(12);

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
            Some(next) => job::put_back(tx, job, next).await?,
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
    let (Some(_), Some(telling)) = (due, telling(core, &mut read, &keys, &sink, event).await?) else {
        return Ok(None);
    };
    drop(read);
    let ((outcome, attempt), told) = match telling {
        Telling::Of(told) => (exchange(core, &sink, &told).await, Some(told)),
        Telling::Withheld(why) => (withheld(core.now(), why), None),
    };
    let believed = told.filter(|_| outcome == Outcome::Taken).and_then(|told| Some((told.event.about, told.standing?)));
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let sink = store::sink::get(tx, &keys, id).await?;
        match (sink, store::outbox::forward(tx, &keys, id, event).await?) {
            (Some(sink), Some(forward)) => {
                let attempt = Attempt { number: forward.attempts.saturating_add(1), ..attempt.clone() };
                record(core, tx, &keys, sink, forward, &attempt, &outcome).await?;
                if let Some((order, standing)) = believed {
                    let place = (id, OrderId::new(order));
                    store::ad_told::note(tx, &keys, place, standing.credit_minor, core.now()).await?;
                }
                Some(attempt)
            }
            _ => None,
        }
    })
}

/// What is to be told, or why it is kept back.
enum Telling {
    Of(Box<Told>),
    Withheld(String),
}

/// The event with everything a sink may make of it.
async fn telling(
    core: &Core,
    read: &mut Read,
    keys: &ShopKeys,
    sink: &Sink,
    event: EventId,
) -> Result<Option<Telling>, Error> {
    let Some(event) = store::outbox::get(read, keys, event).await? else { return Ok(None) };
    let of_people = sink::by_kind(&sink.kind).is_some_and(|kind| kind.needs_consent());
    let known = if sink.personal || of_people { Some(person(read, keys, &event).await?) } else { None };
    let mut standing = None;
    if of_people && event.topic != Topic::Test {
        if let Some(why) = kept_back(core, read, keys, known.as_ref()).await? {
            return Ok(Some(Telling::Withheld(why)));
        }
        standing = Some(self::standing(read, keys, sink.id, OrderId::new(event.about)).await?);
    }
    let told = Told { shop: keys.shop(), event, person: known, standing, public_url: core.public_url.clone() };
    Ok(Some(Telling::Of(Box::new(told))))
}

/// Why nothing about somebody is told to an advertising platform, if so: nobody is told without a consent on record.
async fn kept_back(
    core: &Core,
    read: &mut Read,
    keys: &ShopKeys,
    whose: Option<&Person>,
) -> Result<Option<String>, Error> {
    let Some(phone) = whose.and_then(|person| person.key) else {
        return Ok(Some("whose it was is not known any more".to_owned()));
    };
    let why = match store::ad_consent::newest(read, keys, &phone, core.now()).await? {
        None => Some("no consent to advertising is on record"),
        Some(State::Withdrawn) => Some("consent to advertising was withdrawn"),
        Some(State::Granted) => None,
    };
    Ok(why.map(str::to_owned))
}

/// What a platform believes of an order and what is true by now. It is told the difference, whatever the event said when it
/// was written: so that it ends with the truth however late or out of turn it is told.
async fn standing(read: &mut Read, keys: &ShopKeys, sink: SinkId, order: OrderId) -> Result<Standing, Error> {
    let lines = store::credit::of_order(read, keys, order).await?;
    let earned = lines.iter().filter(|line| line.class == Class::Credited.name());
    Ok(Standing {
        told_minor: store::ad_told::of_order(read, keys, sink, order).await?,
        credit_minor: earned.map(|line| line.entry.amount_minor).sum(),
        placed_at: store::order::get(read, keys, order).await?.and_then(|order| order.placed_at),
    })
}

fn withheld(at: Time, why: String) -> (Outcome, Attempt) {
    let said = format!("not told: {why}");
    let attempt = Attempt { number: 0, at, took_ms: 0, status: None, why: said, answer: String::new() };
    (Outcome::Withheld { why }, attempt)
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
            person.key = Some(identity::value(keys, identity::Kind::Phone, &message.words.phone));
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
    let settings = current(sink, at);
    let key = match kind.key_request(&settings) {
        None => String::new(),
        Some(mut request) => {
            request.private = sink.private;
            let found = match core.http.exchange(request).await {
                Ok(answer) => kind.key(&answer),
                Err(error) => Err(Outcome::Failed { why: format!("no key: {error}"), after: None }),
            };
            match found {
                Ok(key) => key,
                Err(outcome) => {
                    let why = why_of(&outcome);
                    return (outcome, Attempt { why, ..attempt });
                }
            }
        }
    };
    let mut request = match kind.request(&settings, told, &key, at) {
        Ok(request) => request,
        Err(why) => return withheld(at, why),
    };
    // Only an operator's word opens private networks.
    request.private = sink.private;
    let answer = core.http.exchange(request).await;
    let outcome = kind.outcome(answer.as_ref());
    let took = core.now().since(at);
    let (status, said) = match &answer {
        Ok(answer) => (Some(answer.status), outbox::scrubbed(&answer.text())),
        Err(HttpError::NotSent(_) | HttpError::NotAllowed(_) | HttpError::Unknown(_)) => (None, String::new()),
    };
    let why = why_of(&outcome);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    (outcome, Attempt { took_ms, status, why, answer: said, ..attempt })
}

fn why_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Taken => String::new(),
        Outcome::Failed { why, .. } | Outcome::Refused { why } | Outcome::Withheld { why } => why.clone(),
        Outcome::Gone => "answered 410: gone for good".to_owned(),
    }
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
        Outcome::Refused { .. } => {
            (forward.due_at, forward.given_up_at) = (None, Some(now));
            // It answered: it is this event that is not wanted.
            sink.failing_since = None;
        }
        Outcome::Withheld { .. } => (forward.due_at, forward.withheld_at) = (None, Some(now)),
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

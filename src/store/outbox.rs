//! The outbox: events that happened, each on its way to the sinks that hear it, and every attempt to tell one.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    digest, from_json, json, maybe, millis, of, time, word,
};
use crate::domain::{
    id::{EventId, SinkId},
    outbox::{Event, Topic},
    seal::{Place, ShopKeys},
    time::Time,
};

/// Writes what happened.
pub async fn write(tx: &mut Tx, keys: &ShopKeys, event: &Event) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO outbox (shop_id, event_id, topic, at, about, phone, data) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        of(keys),
        event.id.get(),
        event.topic.name(),
        event.at.millis(),
        event.about,
        event.phone.map(|phone| phone.to_vec()),
        json(&event.data)?
    )?;
    Ok(())
}

/// Puts an event on its way to a sink. `due_at: None`: the sink is off, so that it is kept for a replay.
pub async fn address(
    tx: &mut Tx,
    keys: &ShopKeys,
    sink: SinkId,
    event: EventId,
    due_at: Option<Time>,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO forward (shop_id, sink_id, event_id, due_at, given_up_at) VALUES ($1, $2, $3, $4, $5)",
        of(keys),
        sink.get(),
        event.get(),
        millis(due_at),
        millis(due_at.is_none().then_some(now))
    )?;
    Ok(())
}

type EventRow = (i64, String, i64, i64, Option<Vec<u8>>, String);

fn event((id, topic, at, about, phone, data): EventRow) -> Result<Event, Error> {
    Ok(Event {
        id: EventId::new(id),
        topic: word("topic", &Topic::ALL, Topic::name, &topic)?,
        at: time(at),
        about,
        phone: phone.map(|phone| digest("phone index", phone)).transpose()?,
        data: from_json("event", &data)?,
    })
}

/// An event, unless it was forgotten.
pub async fn get(read: &mut Read, keys: &ShopKeys, id: EventId) -> Result<Option<Event>, Error> {
    let row = first!(
        read,
        EventRow,
        "SELECT event_id, topic, at, about, phone, data FROM outbox WHERE shop_id = $1 AND event_id = $2",
        of(keys),
        id.get()
    )?;
    row.map(event).transpose()
}

/// What of a sink is due by now, in the order it happened.
pub async fn due(read: &mut Read, keys: &ShopKeys, sink: SinkId, now: Time, most: u32) -> Result<Vec<EventId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT event_id FROM forward WHERE shop_id = $1 AND sink_id = $2 AND due_at <= $3 ORDER BY event_id LIMIT $4",
        of(keys),
        sink.get(),
        now.millis(),
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(id,)| EventId::new(id)).collect())
}

/// When something of a sink is due next.
pub async fn next_due(read: &mut Read, keys: &ShopKeys, sink: SinkId) -> Result<Option<Time>, Error> {
    let row = first!(
        read,
        (Option<i64>,),
        "SELECT CAST(MIN(due_at) AS BIGINT) FROM forward WHERE shop_id = $1 AND sink_id = $2 AND due_at IS NOT NULL",
        of(keys),
        sink.get()
    )?;
    Ok(row.and_then(|(due,)| maybe(due)))
}

/// One event on its way to one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    pub sink: SinkId,
    pub event: EventId,
    pub topic: Topic,
    pub at: Time,
    pub due_at: Option<Time>,
    /// Ever.
    pub attempts: u32,
    /// Since it was last asked for.
    pub tries: u32,
    pub delivered_at: Option<Time>,
    pub given_up_at: Option<Time>,
    pub withheld_at: Option<Time>,
}

/// How far it has come, derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its first attempt is due.
    Waiting,
    /// Failed so far, and tried again.
    Retrying,
    Delivered,
    /// Tried as often as it is, or the sink was switched off on the way.
    GivenUp,
    /// Happened while the sink was off.
    Missed,
    /// Kept back on purpose.
    Withheld,
}

impl State {
    pub const ALL: [State; 6] =
        [State::Waiting, State::Retrying, State::Delivered, State::GivenUp, State::Missed, State::Withheld];

    pub fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Retrying => "retrying",
            State::Delivered => "delivered",
            State::GivenUp => "failed",
            State::Missed => "missed",
            State::Withheld => "withheld",
        }
    }
}

impl Forward {
    pub fn state(&self) -> State {
        if self.withheld_at.is_some() {
            return State::Withheld;
        }
        match (self.delivered_at, self.given_up_at, self.attempts) {
            (Some(_), None, _) => State::Delivered,
            (_, Some(_), 0) => State::Missed,
            (_, Some(_), _) => State::GivenUp,
            (None, None, _) if self.tries == 0 => State::Waiting,
            (None, None, _) => State::Retrying,
        }
    }
}

/// As `Forward::state` derives it; a test holds the two together.
macro_rules! state_sql {
    () => {
        "CASE WHEN forward.withheld_at IS NOT NULL THEN 'withheld'
              WHEN forward.delivered_at IS NOT NULL AND forward.given_up_at IS NULL THEN 'delivered'
              WHEN forward.given_up_at IS NOT NULL AND forward.attempts = 0 THEN 'missed'
              WHEN forward.given_up_at IS NOT NULL THEN 'failed'
              WHEN forward.tries = 0 THEN 'waiting' ELSE 'retrying' END"
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    sink_id: i64,
    event_id: i64,
    topic: String,
    at: i64,
    due_at: Option<i64>,
    attempts: i64,
    tries: i64,
    delivered_at: Option<i64>,
    given_up_at: Option<i64>,
    withheld_at: Option<i64>,
}

impl Row {
    fn into_forward(self) -> Result<Forward, Error> {
        Ok(Forward {
            sink: SinkId::new(self.sink_id),
            event: EventId::new(self.event_id),
            topic: word("topic", &Topic::ALL, Topic::name, &self.topic)?,
            at: time(self.at),
            due_at: maybe(self.due_at),
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
            delivered_at: maybe(self.delivered_at),
            given_up_at: maybe(self.given_up_at),
            withheld_at: maybe(self.withheld_at),
        })
    }
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT forward.sink_id, forward.event_id, outbox.topic, outbox.at, forward.due_at, forward.attempts,
                    forward.tries, forward.delivered_at, forward.given_up_at, forward.withheld_at
             FROM forward JOIN outbox ON outbox.shop_id = $1 AND outbox.event_id = forward.event_id
             WHERE forward.shop_id = $1 AND ",
            $($rest),+
        )
    };
}

pub async fn forward(read: &mut Read, keys: &ShopKeys, sink: SinkId, event: EventId) -> Result<Option<Forward>, Error> {
    let row = first!(
        read,
        Row,
        select!("forward.sink_id = $2 AND forward.event_id = $3"),
        of(keys),
        sink.get(),
        event.get()
    )?;
    row.map(Row::into_forward).transpose()
}

/// What a list of deliveries is narrowed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which {
    pub sink: Option<SinkId>,
    pub state: Option<State>,
    pub topic: Option<Topic>,
}

/// Newest event first, before `before`.
pub async fn list(
    read: &mut Read,
    keys: &ShopKeys,
    which: Which,
    before: EventId,
    most: u32,
) -> Result<Vec<Forward>, Error> {
    let rows = all!(
        read,
        Row,
        select!(
            "forward.event_id < $2 AND ($3 = 0 OR forward.sink_id = $3) AND ($4 = '' OR outbox.topic = $4)
             AND ($5 = '' OR $5 = ",
            state_sql!(),
            ") ORDER BY forward.event_id DESC, forward.sink_id LIMIT $6"
        ),
        of(keys),
        before.get(),
        which.sink.map_or(0, SinkId::get),
        which.topic.map_or("", Topic::name),
        which.state.map_or("", State::name),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::into_forward).collect()
}

/// How many of each state a sink has.
pub async fn tally(read: &mut Read, keys: &ShopKeys) -> Result<Vec<(SinkId, State, u64)>, Error> {
    let rows = all!(
        read,
        (i64, String, i64),
        concat!(
            "SELECT forward.sink_id, ",
            state_sql!(),
            ", CAST(COUNT(*) AS BIGINT) FROM forward WHERE forward.shop_id = $1 GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        of(keys)
    )?;
    rows.into_iter()
        .map(|(sink, state, count)| {
            Ok((SinkId::new(sink), word("state", &State::ALL, State::name, &state)?, count.unsigned_abs()))
        })
        .collect()
}

/// One attempt to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub number: u32,
    pub at: Time,
    pub took_ms: u64,
    /// `None` when there was no answer.
    pub status: Option<u16>,
    /// Why it failed; "" when it did not.
    pub why: String,
    /// The beginning of the answer, scrubbed.
    pub answer: String,
}

fn place(event: EventId) -> Place {
    Place { table: "forward_attempt", column: "answer", row: event.get() }
}

/// Keeps an attempt and what follows from it.
pub async fn record(tx: &mut Tx, keys: &ShopKeys, now: &Forward, attempt: &Attempt) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO forward_attempt (shop_id, sink_id, event_id, attempt, at, took_ms, status, why, answer)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        of(keys),
        now.sink.get(),
        now.event.get(),
        i64::from(attempt.number),
        attempt.at.millis(),
        i64::try_from(attempt.took_ms).unwrap_or(i64::MAX),
        attempt.status.map(i64::from),
        attempt.why.as_str(),
        keys.seal_json(place(now.event), &attempt.answer)?
    )?;
    run!(
        tx,
        "UPDATE forward SET due_at = $4, attempts = $5, tries = $6, delivered_at = $7, given_up_at = $8,
                withheld_at = $9
         WHERE shop_id = $1 AND sink_id = $2 AND event_id = $3",
        of(keys),
        now.sink.get(),
        now.event.get(),
        millis(now.due_at),
        i64::from(now.attempts),
        i64::from(now.tries),
        millis(now.delivered_at),
        millis(now.given_up_at),
        millis(now.withheld_at)
    )?;
    Ok(())
}

/// The attempts of these events at one sink or at all, oldest first within each.
pub async fn attempts(read: &mut Read, keys: &ShopKeys, sink: SinkId, event: EventId) -> Result<Vec<Attempt>, Error> {
    let rows = all!(
        read,
        (i64, i64, i64, Option<i64>, String, Vec<u8>),
        "SELECT attempt, at, took_ms, status, why, answer FROM forward_attempt
         WHERE shop_id = $1 AND sink_id = $2 AND event_id = $3 ORDER BY attempt",
        of(keys),
        sink.get(),
        event.get()
    )?;
    rows.into_iter()
        .map(|(number, at, took, status, why, answer)| {
            Ok(Attempt {
                number: u32::try_from(number).unwrap_or(u32::MAX),
                at: time(at),
                took_ms: took.unsigned_abs(),
                status: status.and_then(|status| u16::try_from(status).ok()),
                why,
                answer: keys.open_json(place(event), &answer)?,
            })
        })
        .collect()
}

/// Gives up what was on its way to a sink that is switched off; a replay brings it back.
pub async fn give_up_all(tx: &mut Tx, keys: &ShopKeys, sink: SinkId, now: Time) -> Result<u64, Error> {
    run!(
        tx,
        "UPDATE forward SET due_at = NULL, given_up_at = $3
         WHERE shop_id = $1 AND sink_id = $2 AND due_at IS NOT NULL",
        of(keys),
        sink.get(),
        now.millis()
    )
}

/// Makes one event due again, whatever became of it.
pub async fn replay(tx: &mut Tx, keys: &ShopKeys, sink: SinkId, event: EventId, now: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE forward SET due_at = $4, tries = 0, delivered_at = NULL, given_up_at = NULL,
                withheld_at = NULL
         WHERE shop_id = $1 AND sink_id = $2 AND event_id = $3",
        of(keys),
        sink.get(),
        event.get(),
        now.millis()
    )?;
    Ok(touched > 0)
}

/// Makes everything due again that was given up or missed and happened since a moment.
pub async fn replay_since(tx: &mut Tx, keys: &ShopKeys, sink: SinkId, since: Time, now: Time) -> Result<u64, Error> {
    run!(
        tx,
        "UPDATE forward SET due_at = $4, tries = 0, delivered_at = NULL, given_up_at = NULL,
                withheld_at = NULL
         WHERE shop_id = $1 AND sink_id = $2 AND (given_up_at IS NOT NULL OR withheld_at IS NOT NULL)
           AND EXISTS (SELECT 1 FROM outbox WHERE outbox.shop_id = $1 AND outbox.event_id = forward.event_id
                         AND outbox.at >= $3 AND outbox.topic <> 'webhook.test')",
        of(keys),
        sink.get(),
        since.millis(),
        now.millis()
    )
}

/// Forgets every event about a cart, a text or an order.
pub async fn forget_about(tx: &mut Tx, keys: &ShopKeys, about: i64) -> Result<(), Error> {
    for sql in [
        "DELETE FROM forward_attempt WHERE shop_id = $1
           AND event_id IN (SELECT event_id FROM outbox WHERE shop_id = $1 AND about = $2)",
        "DELETE FROM forward WHERE shop_id = $1
           AND event_id IN (SELECT event_id FROM outbox WHERE shop_id = $1 AND about = $2)",
        "DELETE FROM outbox WHERE shop_id = $1 AND about = $2",
    ] {
        run!(tx, sql, of(keys), about)?;
    }
    Ok(())
}

/// Forgets every event about a number.
pub async fn forget_phone(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16]) -> Result<(), Error> {
    for sql in [
        "DELETE FROM forward_attempt WHERE shop_id = $1
           AND event_id IN (SELECT event_id FROM outbox WHERE shop_id = $1 AND phone = $2)",
        "DELETE FROM forward WHERE shop_id = $1
           AND event_id IN (SELECT event_id FROM outbox WHERE shop_id = $1 AND phone = $2)",
        "DELETE FROM outbox WHERE shop_id = $1 AND phone = $2",
    ] {
        run!(tx, sql, of(keys), phone.to_vec())?;
    }
    Ok(())
}

/// Forgets what was written before this moment (ids hold their time), with its attempts.
pub async fn prune(tx: &mut Tx, keys: &ShopKeys, before: Time) -> Result<u64, Error> {
    let first = super::retention::first_id(before);
    run!(tx, "DELETE FROM forward_attempt WHERE shop_id = $1 AND event_id < $2", of(keys), first)?;
    run!(tx, "DELETE FROM forward WHERE shop_id = $1 AND event_id < $2", of(keys), first)?;
    run!(tx, "DELETE FROM outbox WHERE shop_id = $1 AND event_id < $2", of(keys), first)
}

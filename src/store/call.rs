//! Call tracking: the numbers of the pool, how calls are taken, and the calls themselves. Of a caller only the keyed hash
//! of their number is kept.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, millis, of, time, word,
};
use crate::domain::{
    call::{LEAST_SECONDS, Number, State, Tie},
    id::{CallId, CallNumberId, MessageId},
    seal::{Place, ShopKeys},
    time::Time,
};

#[derive(sqlx::FromRow)]
struct NumberRow {
    number_id: i64,
    number: String,
    answers: String,
    sequence: String,
    added_at: i64,
    removed_at: Option<i64>,
}

/// Every number of a shop in the order they were added, with those that were removed.
pub async fn numbers(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Number>, Error> {
    let rows = all!(
        read,
        NumberRow,
        "SELECT number_id, number, answers, sequence, added_at, removed_at FROM call_number
         WHERE shop_id = $1 ORDER BY number_id",
        of(keys)
    )?;
    let number = |row: NumberRow| Number {
        id: CallNumberId::new(row.number_id),
        number: row.number,
        answers: row.answers,
        sequence: row.sequence,
        added_at: time(row.added_at),
        removed_at: maybe(row.removed_at),
    };
    Ok(rows.into_iter().map(number).collect())
}

/// `Error::Duplicate` when the number is in the pool already.
pub async fn add_number(tx: &mut Tx, keys: &ShopKeys, number: &Number) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO call_number (shop_id, number_id, number, answers, sequence, added_at) VALUES ($1, $2, $3, $4, $5, $6)",
        of(keys),
        number.id.get(),
        number.number.as_str(),
        number.answers.as_str(),
        number.sequence.as_str(),
        number.added_at.millis()
    )?;
    Ok(())
}

/// `false` when there is none of this id in the pool.
pub async fn remove_number(tx: &mut Tx, keys: &ShopKeys, id: CallNumberId, at: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE call_number SET removed_at = $3 WHERE shop_id = $1 AND number_id = $2 AND removed_at IS NULL",
        of(keys),
        id.get(),
        at.millis()
    )?;
    Ok(touched > 0)
}

/// How calls are taken.
#[derive(Clone, PartialEq, Eq)]
pub struct Desk {
    pub least_seconds: u32,
    /// The key Twilio signs with; `None` for that of the Twilio gateway.
    pub token: Option<String>,
    pub refused_at: Option<Time>,
    pub refused_count: u64,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Desk({} s, token: {}, refused: {})", self.least_seconds, self.token.is_some(), self.refused_count)
    }
}

impl Default for Desk {
    fn default() -> Desk {
        Desk { least_seconds: LEAST_SECONDS, token: None, refused_at: None, refused_count: 0 }
    }
}

/// Of a table with one row per shop.
const TOKEN: Place = Place { table: "call_desk", column: "token", row: 0 };

pub async fn desk(read: &mut Read, keys: &ShopKeys) -> Result<Desk, Error> {
    let row = first!(
        read,
        (i64, Option<Vec<u8>>, Option<i64>, i64),
        "SELECT least_seconds, token, refused_at, refused_count FROM call_desk WHERE shop_id = $1",
        of(keys)
    )?;
    let Some((least_seconds, token, refused_at, refused_count)) = row else { return Ok(Desk::default()) };
    Ok(Desk {
        least_seconds: u32::try_from(least_seconds).unwrap_or(LEAST_SECONDS),
        token: token.map(|token| keys.open_json(TOKEN, &token)).transpose()?,
        refused_at: maybe(refused_at),
        refused_count: refused_count.unsigned_abs(),
    })
}

pub async fn set_desk(tx: &mut Tx, keys: &ShopKeys, least_seconds: u32, token: Option<&str>) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO call_desk (shop_id, least_seconds, token) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id) DO UPDATE SET least_seconds = excluded.least_seconds, token = excluded.token",
        of(keys),
        i64::from(least_seconds),
        token.map(|token| keys.seal_json(TOKEN, &token)).transpose()?
    )?;
    Ok(())
}

/// Notes that somebody who is not Twilio told of a call.
pub async fn note_refused(tx: &mut Tx, keys: &ShopKeys, at: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO call_desk (shop_id, least_seconds, refused_at, refused_count) VALUES ($1, $2, $3, 1)
         ON CONFLICT (shop_id) DO UPDATE SET refused_at = excluded.refused_at,
             refused_count = call_desk.refused_count + 1",
        of(keys),
        i64::from(LEAST_SECONDS),
        at.millis()
    )?;
    Ok(())
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub id: CallId,
    /// Twilio's own name for it.
    pub sid: String,
    pub number: CallNumberId,
    pub called_at: Time,
    pub state: State,
    pub seconds: u32,
    pub ended_at: Option<Time>,
    /// The keyed hash of the caller's number; `None` for a hidden one, and once the person is forgotten.
    pub phone: Option<[u8; 16]>,
    pub tie: Tie,
    pub message: Option<MessageId>,
    /// The sequence it is counted for; "" for none.
    pub sequence: String,
    /// The shop's own day it counts on, in days since 1970; `None` where it does not count.
    pub counted_day: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    call_id: i64,
    call_sid: String,
    number_id: i64,
    called_at: i64,
    state: String,
    seconds: i64,
    ended_at: Option<i64>,
    phone: Vec<u8>,
    tie: String,
    message_id: i64,
    sequence: String,
    counted_day: Option<i64>,
}

impl Row {
    fn into_call(self) -> Result<Call, Error> {
        let phone = match self.phone.is_empty() {
            true => None,
            false => Some(super::digest("phone index", self.phone)?),
        };
        Ok(Call {
            id: CallId::new(self.call_id),
            sid: self.call_sid,
            number: CallNumberId::new(self.number_id),
            called_at: time(self.called_at),
            state: word("call state", &State::ALL, State::name, &self.state)?,
            seconds: u32::try_from(self.seconds).unwrap_or(0),
            ended_at: maybe(self.ended_at),
            phone,
            tie: word("call tie", &Tie::ALL, Tie::name, &self.tie)?,
            message: (self.message_id != 0).then(|| MessageId::new(self.message_id)),
            sequence: self.sequence,
            counted_day: self.counted_day,
        })
    }
}

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT call_id, call_sid, number_id, called_at, state, seconds, ended_at, phone, tie, message_id, sequence,
                    counted_day
             FROM tracked_call WHERE shop_id = $1 AND ",
            $rest
        )
    };
}

/// Keeps a call; one that was told before stays as it is.
pub async fn add(tx: &mut Tx, keys: &ShopKeys, call: &Call) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO tracked_call (shop_id, call_id, call_sid, number_id, called_at, state, seconds, ended_at, phone, tie,
                                   message_id, sequence, counted_day)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (shop_id, call_sid) DO NOTHING",
        of(keys),
        call.id.get(),
        call.sid.as_str(),
        call.number.get(),
        call.called_at.millis(),
        call.state.name(),
        i64::from(call.seconds),
        millis(call.ended_at),
        call.phone.map_or(Vec::new(), |phone| phone.to_vec()),
        call.tie.name(),
        call.message.map_or(0, MessageId::get),
        call.sequence.as_str(),
        call.counted_day
    )?;
    Ok(())
}

/// Writes how a call ended and whether it counts.
pub async fn end(tx: &mut Tx, keys: &ShopKeys, call: &Call) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE tracked_call SET state = $3, seconds = $4, ended_at = $5, counted_day = $6
         WHERE shop_id = $1 AND call_id = $2",
        of(keys),
        call.id.get(),
        call.state.name(),
        i64::from(call.seconds),
        millis(call.ended_at),
        call.counted_day
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: CallId) -> Result<Option<Call>, Error> {
    let row = first!(read, Row, select!("call_id = $2"), of(keys), id.get())?;
    row.map(Row::into_call).transpose()
}

pub async fn by_sid(read: &mut Read, keys: &ShopKeys, sid: &str) -> Result<Option<Call>, Error> {
    let row = first!(read, Row, select!("call_sid = $2"), of(keys), sid)?;
    row.map(Row::into_call).transpose()
}

/// Whether a call of this phone counts on a day already.
pub async fn counts_on(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16], day: i64) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT call_id FROM tracked_call WHERE shop_id = $1 AND phone = $2 AND counted_day = $3 LIMIT 1",
        of(keys),
        phone.to_vec(),
        day
    )?;
    Ok(row.is_some())
}

/// Calls in the order they came in, newest first, older than `before`; none before `since`.
pub async fn list(
    read: &mut Read,
    keys: &ShopKeys,
    since: Time,
    before: (Time, CallId),
    most: u32,
) -> Result<Vec<Call>, Error> {
    let rows = all!(
        read,
        Row,
        select!(
            "called_at >= $2 AND (called_at < $3 OR (called_at = $3 AND call_id < $4))
             ORDER BY called_at DESC, call_id DESC LIMIT $5"
        ),
        of(keys),
        since.millis(),
        before.0.millis(),
        before.1.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::into_call).collect()
}

/// Calls of this number, the newest first.
pub async fn of_phone(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16]) -> Result<Vec<Call>, Error> {
    let rows = all!(read, Row, select!("phone = $2 ORDER BY called_at DESC, call_id DESC"), of(keys), phone.to_vec())?;
    rows.into_iter().map(Row::into_call).collect()
}

/// What came in for one sequence ("" for none).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    pub sequence: String,
    pub calls: u64,
    pub answered: u64,
    pub counted: u64,
    /// Of those that count, by callers whose own phone was texted.
    pub by_phone: u64,
}

/// Calls of a span `[from, to)` by sequence.
pub async fn sums(read: &mut Read, keys: &ShopKeys, (from, to): (Time, Time)) -> Result<Vec<Sum>, Error> {
    let rows = all!(
        read,
        (String, i64, i64, i64, i64),
        "SELECT sequence, CAST(COUNT(*) AS BIGINT),
                CAST(SUM(CASE WHEN state = 'answered' THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN counted_day IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN counted_day IS NOT NULL AND tie = 'phone' THEN 1 ELSE 0 END) AS BIGINT)
         FROM tracked_call WHERE shop_id = $1 AND called_at >= $2 AND called_at < $3
         GROUP BY sequence ORDER BY sequence",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    let sum = |(sequence, calls, answered, counted, by_phone): (String, i64, i64, i64, i64)| Sum {
        sequence,
        calls: calls.unsigned_abs(),
        answered: answered.unsigned_abs(),
        counted: counted.unsigned_abs(),
        by_phone: by_phone.unsigned_abs(),
    };
    Ok(rows.into_iter().map(sum).collect())
}

/// Forgets who called; that somebody did, when, and what it counted for stays.
pub async fn forget(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16]) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE tracked_call SET phone = $3 WHERE shop_id = $1 AND phone = $2",
        of(keys),
        phone.to_vec(),
        Vec::<u8>::new()
    )?;
    Ok(())
}

//! The store: the only folder with SQL, one file per noun. Queries take a `Read`, commands a `Tx`.
//!
//! # Rules of the schema and of every statement
//! 1. SQL stands beside its row type, with `$1` placeholders; one SQL text has one bind signature, always (PostgreSQL
//!    caches the statement by its text).
//! 2. Every tenant table has `shop_id` first in its primary key and in every unique index; every statement names
//!    `shop_id = $n`. The exceptions are the operator tables and the few functions documented as *operator reads*.
//! 3. Work is claimed per shop. No transaction spans two shops (group commit on SQLite is the one exception: there the
//!    file is one anyway).
//! 4. Portable types: BIGINT, TEXT, BYTEA. Times are epoch milliseconds bound from the clock, never the database's own;
//!    money is minor units with a currency; a nullable time stands for a yes; `CAST(SUM(x) AS BIGINT)`.
//! 5. SQLite decodes NULL into 0 or "" silently: NOT NULL everywhere, `Option` for every outer join and aggregate.
//! 6. Facts are stored, states derived. Unique keys and compare-and-set instead of read-then-write.
//! 7. No triggers, serials, advisory locks, LISTEN/NOTIFY.
//! 8. What is personal or secret is sealed before it gets here (`domain::seal`), looked up through a keyed blind index.

pub mod db;
pub mod migration;
pub mod spread;
pub mod listing;
mod ahead;

pub mod shop;
pub mod rules;
pub mod law;
pub mod connection;
pub mod gateway;
pub mod circuit;
pub mod sink;
pub mod outbox;
pub mod ad_consent;
pub mod ad_told;
pub mod node;
pub mod user;
pub mod team;
pub mod second;
pub mod trail;
pub mod house;
pub mod inbox;
pub mod correction;
pub mod replay_run;
pub mod job;
pub mod identity;
pub mod cart;
pub mod act;
pub mod consent;
pub mod reply;
pub mod reply_part;
pub mod last_heard;
pub mod decision;
pub mod message;
pub mod click;
pub mod order;
pub mod site_event;
pub mod goal;
pub mod credit;
pub mod audit;
pub mod offline;
pub mod call;
pub mod credit_act;
pub mod touch;
pub mod recredit;
pub mod statement;
pub mod discount;
pub mod holdout;
pub mod experiment;
pub mod rollup;
pub mod net_ledger;
pub mod breakdown;
pub mod facet;
pub mod alarm;
pub mod guard;
pub mod phone_use;
pub mod halt;
pub mod restored;
pub mod backup;
pub mod recurring;
pub mod digest;
pub mod self_test;
pub mod silence;
pub mod coverage;
pub mod erase;
pub mod retention;
pub mod request;
pub mod token;
pub mod idempotency;
pub mod health;
pub mod sweep;

pub use db::{Db, Read, Tx};

use crate::domain::{
    seal::{SealError, ShopKeys},
    time::Time,
};

/// Why the store could not do it. Everything a caller can decide on: try again, tell the sender to come back, give up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another transaction was in the way; the same call may succeed at once.
    #[error("the database is busy")]
    Busy,
    /// A row with this unique key exists: another transaction was first. Repeating finds it.
    #[error("the row exists already")]
    Duplicate,
    /// The database cannot be reached, is full, or is read-only.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The disk did not confirm what was written: what is there now nobody knows until the database is opened anew.
    #[error("the disk did not confirm what was written: {0}")]
    Unsure(String),
    /// A stored value cannot be opened or read: wrong key, or the file is damaged.
    #[error("stored {what} cannot be read: {why}")]
    Damaged { what: &'static str, why: String },
    /// The schema is not the one this binary knows.
    #[error("the database's schema does not fit this version: {0}")]
    Schema(String),
    /// A mistake in our SQL or our use of it.
    #[error("database error: {0}")]
    Sql(String),
    /// A panic while it was done: what it said is in the log.
    #[error("a defect of ours; see the log")]
    Defect,
}

impl Error {
    /// Whether repeating the whole transaction may help at once.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Busy | Error::Duplicate)
    }

    /// Whether the database itself is the trouble: senders are asked to come back.
    pub fn is_outage(&self) -> bool {
        matches!(self, Error::Busy | Error::Unavailable(_) | Error::Unsure(_))
    }

    pub fn damaged(what: &'static str, why: impl ToString) -> Error {
        Error::Damaged { what, why: why.to_string() }
    }
}

/// SQLite's primary result codes and PostgreSQL's SQLSTATEs, sorted by what the caller should do.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match &error {
            sqlx::Error::Database(reported) => {
                let code = reported.code().unwrap_or_default().into_owned();
                let lite = code.parse::<u32>().map_or(0, |extended| extended & 0xff);
                if reported.is_unique_violation() {
                    return Error::Duplicate;
                }
                match (code.as_str(), lite) {
                    ("40001" | "40P01" | "55P03", _) => Error::Busy,
                    // SQLITE_BUSY, SQLITE_LOCKED.
                    (_, 5 | 6) if code.len() < 5 => Error::Busy,
                    // SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC.
                    ("1034" | "1290", _) => Error::Unsure(reported.to_string()),
                    // SQLITE_READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
                    (_, 8 | 10 | 13 | 14 | 15) if code.len() < 5 => Error::Unavailable(reported.to_string()),
                    (pg, _) if ["08", "53", "57", "58"].iter().any(|class| pg.len() == 5 && pg.starts_with(class)) => {
                        Error::Unavailable(reported.to_string())
                    }
                    // A read-only transaction: a stand-by took the connection.
                    ("25006", _) => Error::Unavailable(reported.to_string()),
                    _ => Error::Sql(reported.to_string()),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Error::Unavailable(error.to_string()),
            _ => Error::Sql(error.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Error {
        match error {
            sqlx::migrate::MigrateError::Execute(inner) => inner.into(),
            other => Error::Schema(other.to_string()),
        }
    }
}

/// A small word kept as TEXT: an enum with `name()` and its list.
pub(crate) fn word<T: Copy>(
    what: &'static str,
    known: &[T],
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> Result<T, Error> {
    known.iter().copied().find(|&each| name(each) == text).ok_or_else(|| Error::damaged(what, text))
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Error {
        Error::damaged("sealed value", error)
    }
}

pub(crate) fn time(ms: i64) -> Time {
    Time::from_millis(ms)
}

pub(crate) fn maybe(ms: Option<i64>) -> Option<Time> {
    ms.map(Time::from_millis)
}

pub(crate) fn millis(at: Option<Time>) -> Option<i64> {
    at.map(Time::millis)
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|why| Error::damaged("JSON", why))
}

pub(crate) fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|why| Error::damaged(what, why))
}

/// A digest from its column.
pub(crate) fn digest(what: &'static str, bytes: Vec<u8>) -> Result<[u8; 16], Error> {
    <[u8; 16]>::try_from(bytes).map_err(|_| Error::damaged(what, "wrong length"))
}

/// The shop a set of keys is for, as the number every statement binds.
pub(crate) fn of(keys: &ShopKeys) -> i64 {
    keys.shop().get()
}

//! Data requests: somebody asks what is held about them, or to be erased. Who it was lies sealed, and goes as soon as
//! nobody has to be found any more; that it was asked and done stays, as the record of it.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, of, time, word,
};
use crate::domain::{
    id::RequestId,
    seal::{Place, ShopKeys},
    time::Time,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They want to know; the shop answers.
    Access,
    /// They want to be forgotten; we act.
    Erasure,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Access, Kind::Erasure];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Access => "access",
            Kind::Erasure => "erasure",
        }
    }
}

/// A request without whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub kind: Kind,
    /// Through which door: `shop`, `api`, `dashboard`, `command line`.
    pub source: String,
    pub at: Time,
    pub done_at: Option<Time>,
    /// What came of it, in numbers.
    pub outcome: String,
}

fn place(id: RequestId) -> Place {
    Place { table: "data_request", column: "who", row: id.get() }
}

type Row = (i64, String, String, i64, Option<i64>, String);

fn request((id, kind, source, at, done_at, outcome): Row) -> Result<Request, Error> {
    Ok(Request {
        id: RequestId::new(id),
        kind: word("request kind", &Kind::ALL, Kind::name, &kind)?,
        source,
        at: time(at),
        done_at: maybe(done_at),
        outcome,
    })
}

pub async fn create<T: Serialize>(tx: &mut Tx, keys: &ShopKeys, request: &Request, who: &T) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO data_request (shop_id, request_id, kind, source, at, who, outcome)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        of(keys),
        request.id.get(),
        request.kind.name(),
        request.source.as_str(),
        request.at.millis(),
        keys.seal_json(place(request.id), who)?,
        request.outcome.as_str()
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: RequestId) -> Result<Option<Request>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT request_id, kind, source, at, done_at, outcome FROM data_request WHERE shop_id = $1 AND request_id = $2",
        of(keys),
        id.get()
    )?;
    row.map(request).transpose()
}

/// Whom it is about; `None` once that was forgotten.
pub async fn who<T: DeserializeOwned>(read: &mut Read, keys: &ShopKeys, id: RequestId) -> Result<Option<T>, Error> {
    let row = first!(
        read,
        (Vec<u8>,),
        "SELECT who FROM data_request WHERE shop_id = $1 AND request_id = $2",
        of(keys),
        id.get()
    )?;
    let sealed = row.map(|(who,)| who).filter(|who| !who.is_empty());
    sealed.map(|who| Ok(keys.open_json(place(id), &who)?)).transpose()
}

/// Newest first.
pub async fn list(read: &mut Read, keys: &ShopKeys, most: u32) -> Result<Vec<Request>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT request_id, kind, source, at, done_at, outcome FROM data_request WHERE shop_id = $1
         ORDER BY request_id DESC LIMIT $2",
        of(keys),
        i64::from(most)
    )?;
    rows.into_iter().map(request).collect()
}

/// Those that still name somebody, oldest first.
pub async fn naming(read: &mut Read, keys: &ShopKeys, kind: Kind) -> Result<Vec<RequestId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT request_id FROM data_request WHERE shop_id = $1 AND kind = $2 AND LENGTH(who) > 0 ORDER BY request_id",
        of(keys),
        kind.name()
    )?;
    Ok(rows.into_iter().map(|(id,)| RequestId::new(id)).collect())
}

/// Done: whom it was about is forgotten with it.
pub async fn finish(tx: &mut Tx, keys: &ShopKeys, id: RequestId, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE data_request SET done_at = COALESCE(done_at, $3), who = $4 WHERE shop_id = $1 AND request_id = $2",
        of(keys),
        id.get(),
        now.millis(),
        Vec::<u8>::new()
    )?;
    Ok(())
}

/// Forgets records older than this; those that are not done stay.
pub async fn prune(tx: &mut Tx, keys: &ShopKeys, before: Time) -> Result<u64, Error> {
    run!(
        tx,
        "DELETE FROM data_request WHERE shop_id = $1 AND at < $2 AND done_at IS NOT NULL",
        of(keys),
        before.millis()
    )
}

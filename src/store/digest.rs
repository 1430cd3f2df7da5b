//! Digests: who gets the figures of a shop by mail, and what became of each issue.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, millis, time,
};
use crate::domain::{
    digest::Rhythm,
    id::{ShopId, UserId},
    time::Time,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub shop: ShopId,
    pub reader: UserId,
    pub rhythm: Rhythm,
    /// The language it was asked for in.
    pub language: String,
    /// Nothing is owed from before this.
    pub since: Time,
}

/// One issue of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The wall's time that names it (`domain::schedule::Occurrence`).
    pub occurrence: Time,
    pub due_at: Time,
    pub tries: u32,
    pub begun_at: Option<Time>,
    pub sent_at: Option<Time>,
    pub refused_at: Option<Time>,
    pub unknown_at: Option<Time>,
    pub why: String,
}

impl Issue {
    /// Nothing more comes of it.
    pub fn is_over(&self) -> bool {
        self.sent_at.is_some() || self.refused_at.is_some() || self.unknown_at.is_some()
    }
}

type Row = (i64, String, String, String, i64);

fn digest(shop: ShopId, row: Row) -> Result<Digest, Error> {
    let (reader, rhythm, schedule, language, since) = row;
    let rhythm = Rhythm::parse(&rhythm, &schedule).map_err(|why| Error::damaged("rhythm", why))?;
    Ok(Digest { shop, reader: UserId::new(reader), rhythm, language, since: time(since) })
}

pub async fn get(read: &mut Read, shop: ShopId, reader: UserId) -> Result<Option<Digest>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT user_id, rhythm, schedule, language, since FROM digest WHERE shop_id = $1 AND user_id = $2",
        shop.get(),
        reader.get()
    )?;
    row.map(|row| digest(shop, row)).transpose()
}

/// Every reader of a shop's digest.
pub async fn list(read: &mut Read, shop: ShopId) -> Result<Vec<Digest>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT user_id, rhythm, schedule, language, since FROM digest WHERE shop_id = $1 ORDER BY user_id",
        shop.get()
    )?;
    rows.into_iter().map(|row| digest(shop, row)).collect()
}

/// Begins it, or changes it.
pub async fn set(tx: &mut Tx, digest: &Digest) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO digest (shop_id, user_id, rhythm, schedule, language, since) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (shop_id, user_id) DO UPDATE SET
             rhythm = excluded.rhythm, schedule = excluded.schedule, language = excluded.language,
             since = excluded.since",
        digest.shop.get(),
        digest.reader.get(),
        digest.rhythm.name(),
        digest.rhythm.typed(),
        digest.language.as_str(),
        digest.since.millis()
    )?;
    Ok(())
}

/// Ends it; `false` when there was none. Its issues stay until they are old.
pub async fn end(tx: &mut Tx, shop: ShopId, reader: UserId) -> Result<bool, Error> {
    let ended = run!(tx, "DELETE FROM digest WHERE shop_id = $1 AND user_id = $2", shop.get(), reader.get())?;
    Ok(ended > 0)
}

type IssueRow = (i64, i64, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>, String);

fn issue(row: IssueRow) -> Issue {
    let (occurrence, due_at, tries, begun_at, sent_at, refused_at, unknown_at, why) = row;
    Issue {
        occurrence: time(occurrence),
        due_at: time(due_at),
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
        begun_at: maybe(begun_at),
        sent_at: maybe(sent_at),
        refused_at: maybe(refused_at),
        unknown_at: maybe(unknown_at),
        why,
    }
}

/// The issue of one occurrence.
pub async fn issue_of(read: &mut Read, shop: ShopId, reader: UserId, occurrence: Time) -> Result<Option<Issue>, Error> {
    let row = first!(
        read,
        IssueRow,
        "SELECT occurrence, due_at, tries, begun_at, sent_at, refused_at, unknown_at, why FROM digest_issue
         WHERE shop_id = $1 AND user_id = $2 AND occurrence = $3",
        shop.get(),
        reader.get(),
        occurrence.millis()
    )?;
    Ok(row.map(issue))
}

/// The newest issues of a reader, newest first.
pub async fn issues(read: &mut Read, shop: ShopId, reader: UserId, most: u32) -> Result<Vec<Issue>, Error> {
    let rows = all!(
        read,
        IssueRow,
        "SELECT occurrence, due_at, tries, begun_at, sent_at, refused_at, unknown_at, why FROM digest_issue
         WHERE shop_id = $1 AND user_id = $2 ORDER BY occurrence DESC LIMIT $3",
        shop.get(),
        reader.get(),
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(issue).collect())
}

/// Notes that an issue is being sent, with its `begun_at` and `tries`. `false` when it was begun or is over: whoever is
/// first sends it.
pub async fn begin(tx: &mut Tx, shop: ShopId, reader: UserId, issue: &Issue) -> Result<bool, Error> {
    let begun = run!(
        tx,
        "INSERT INTO digest_issue (shop_id, user_id, occurrence, due_at, tries, begun_at, why)
         VALUES ($1, $2, $3, $4, $5, $6, '')
         ON CONFLICT (shop_id, user_id, occurrence) DO UPDATE SET
             tries = excluded.tries, begun_at = excluded.begun_at
         WHERE digest_issue.begun_at IS NULL AND digest_issue.sent_at IS NULL
           AND digest_issue.refused_at IS NULL AND digest_issue.unknown_at IS NULL",
        shop.get(),
        reader.get(),
        issue.occurrence.millis(),
        issue.due_at.millis(),
        i64::from(issue.tries),
        millis(issue.begun_at)
    )?;
    Ok(begun > 0)
}

/// Records how an issue stands.
pub async fn record(tx: &mut Tx, shop: ShopId, reader: UserId, issue: &Issue) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO digest_issue
             (shop_id, user_id, occurrence, due_at, tries, begun_at, sent_at, refused_at, unknown_at, why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (shop_id, user_id, occurrence) DO UPDATE SET
             due_at = excluded.due_at, tries = excluded.tries, begun_at = excluded.begun_at,
             sent_at = excluded.sent_at, refused_at = excluded.refused_at, unknown_at = excluded.unknown_at,
             why = excluded.why",
        shop.get(),
        reader.get(),
        issue.occurrence.millis(),
        issue.due_at.millis(),
        i64::from(issue.tries),
        millis(issue.begun_at),
        millis(issue.sent_at),
        millis(issue.refused_at),
        millis(issue.unknown_at),
        issue.why.as_str()
    )?;
    Ok(())
}

/// Forgets old issues.
pub async fn prune(tx: &mut Tx, shop: ShopId, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM digest_issue WHERE shop_id = $1 AND due_at < $2", shop.get(), before.millis())
}

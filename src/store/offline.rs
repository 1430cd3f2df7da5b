//! Offline sales as they were told: each file or call with what became of its lines, and the lines that wait, sealed.

pub mod sale;

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, of, time,
};
use crate::domain::{
    id::UploadId,
    offline::{Outcome, Told},
    seal::{Place, ShopKeys},
    time::Time,
};

/// Through which door it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Page,
    CommandLine,
    Api,
}

impl Source {
    pub const ALL: [Source; 3] = [Source::Page, Source::CommandLine, Source::Api];

    pub fn name(self) -> &'static str {
        match self {
            Source::Page => "page",
            Source::CommandLine => "command line",
            Source::Api => "api",
        }
    }
}

/// A file or a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub id: UploadId,
    /// What the file was called; "" for the API.
    pub name: String,
    pub source: Source,
    pub by: String,
    pub begun_at: Time,
    /// `None` while its lines are put down; one that stays so was cut off, and can only be undone.
    pub ready_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub undone_at: Option<Time>,
    pub total: u64,
    pub done: u64,
    pub counts: Counts,
}

impl Upload {
    pub fn is_over(&self) -> bool {
        self.ended_at.is_some() || self.undone_at.is_some()
    }
}

/// How many lines had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Outcome::ALL.len()]);

impl Counts {
    pub fn add(&mut self, outcome: Outcome) {
        if let Some(count) = place_of(outcome).and_then(|place| self.0.get_mut(place)) {
            *count += 1;
        }
    }

    pub fn of(&self, outcome: Outcome) -> u64 {
        place_of(outcome).and_then(|place| self.0.get(place).copied()).unwrap_or(0)
    }

    pub fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    fn bound(&self, outcome: Outcome) -> i64 {
        number(self.of(outcome))
    }
}

fn place_of(outcome: Outcome) -> Option<usize> {
    Outcome::ALL.iter().position(|known| *known == outcome)
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[derive(sqlx::FromRow)]
struct Row {
    upload_id: i64,
    name: String,
    source: String,
    by_name: String,
    begun_at: i64,
    ready_at: Option<i64>,
    ended_at: Option<i64>,
    undone_at: Option<i64>,
    total: i64,
    done: i64,
    after_text: i64,
    nobody: i64,
    ambiguous: i64,
    online: i64,
    known: i64,
    refund: i64,
    differs: i64,
    wrong: i64,
}

impl Row {
    fn into_upload(self) -> Result<Upload, Error> {
        let counts = Outcome::ALL.map(|outcome| {
            let count = match outcome {
                Outcome::AfterText => self.after_text,
                Outcome::Nobody => self.nobody,
                Outcome::Ambiguous => self.ambiguous,
                Outcome::Online => self.online,
                Outcome::Known => self.known,
                Outcome::Refund => self.refund,
                Outcome::Differs => self.differs,
                Outcome::Wrong => self.wrong,
            };
            count.unsigned_abs()
        });
        Ok(Upload {
            id: UploadId::new(self.upload_id),
            name: self.name,
            source: super::word("offline source", &Source::ALL, Source::name, &self.source)?,
            by: self.by_name,
            begun_at: time(self.begun_at),
            ready_at: maybe(self.ready_at),
            ended_at: maybe(self.ended_at),
            undone_at: maybe(self.undone_at),
            total: self.total.unsigned_abs(),
            done: self.done.unsigned_abs(),
            counts: Counts(counts),
        })
    }
}

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT upload_id, name, source, by_name, begun_at, ready_at, ended_at, undone_at, total, done, after_text,
                    nobody, ambiguous, online, known, refund, differs, wrong
             FROM offline_upload WHERE shop_id = $1 AND ",
            $rest
        )
    };
}

pub async fn begin(tx: &mut Tx, keys: &ShopKeys, new: &Upload) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO offline_upload (shop_id, upload_id, name, source, by_name, begun_at) VALUES ($1, $2, $3, $4, $5, $6)",
        of(keys),
        new.id.get(),
        new.name.as_str(),
        new.source.name(),
        new.by.as_str(),
        new.begun_at.millis()
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: UploadId) -> Result<Option<Upload>, Error> {
    let row = first!(read, Row, select!("upload_id = $2"), of(keys), id.get())?;
    row.map(Row::into_upload).transpose()
}

/// The newest first, older than `before`.
pub async fn list(read: &mut Read, keys: &ShopKeys, before: UploadId, most: u32) -> Result<Vec<Upload>, Error> {
    let rows = all!(
        read,
        Row,
        select!("upload_id < $2 ORDER BY upload_id DESC LIMIT $3"),
        of(keys),
        before.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::into_upload).collect()
}

/// Every line is put down: so many in all.
pub async fn ready(tx: &mut Tx, keys: &ShopKeys, id: UploadId, total: u64, at: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE offline_upload SET ready_at = $3, total = $4 WHERE shop_id = $1 AND upload_id = $2",
        of(keys),
        id.get(),
        at.millis(),
        number(total)
    )?;
    Ok(())
}

/// Adds what became of some more lines.
pub async fn count(tx: &mut Tx, keys: &ShopKeys, id: UploadId, more: &Counts) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE offline_upload SET done = done + $3, after_text = after_text + $4, nobody = nobody + $5,
                ambiguous = ambiguous + $6, online = online + $7, known = known + $8, refund = refund + $9,
                differs = differs + $10, wrong = wrong + $11
         WHERE shop_id = $1 AND upload_id = $2",
        of(keys),
        id.get(),
        number(more.all()),
        more.bound(Outcome::AfterText),
        more.bound(Outcome::Nobody),
        more.bound(Outcome::Ambiguous),
        more.bound(Outcome::Online),
        more.bound(Outcome::Known),
        more.bound(Outcome::Refund),
        more.bound(Outcome::Differs),
        more.bound(Outcome::Wrong)
    )?;
    Ok(())
}

pub async fn end(tx: &mut Tx, keys: &ShopKeys, id: UploadId, at: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE offline_upload SET ended_at = $3 WHERE shop_id = $1 AND upload_id = $2 AND ended_at IS NULL",
        of(keys),
        id.get(),
        at.millis()
    )?;
    Ok(())
}

/// Marks an upload as undone and forgets what of it still waits; `false` when it was undone before.
pub async fn undo(tx: &mut Tx, keys: &ShopKeys, id: UploadId, at: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE offline_upload SET undone_at = $3 WHERE shop_id = $1 AND upload_id = $2 AND undone_at IS NULL",
        of(keys),
        id.get(),
        at.millis()
    )?;
    run!(tx, "DELETE FROM offline_part WHERE shop_id = $1 AND upload_id = $2", of(keys), id.get())?;
    Ok(touched > 0)
}

/// Lines that wait together.
#[derive(Clone, Debug)]
pub struct Part {
    pub id: i64,
    pub upload: UploadId,
    pub told: Vec<Told>,
}

fn place(id: i64) -> Place {
    Place { table: "offline_part", column: "told", row: id }
}

pub async fn put_part(tx: &mut Tx, keys: &ShopKeys, part: &Part) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO offline_part (shop_id, part_id, upload_id, lines, told) VALUES ($1, $2, $3, $4, $5)",
        of(keys),
        part.id,
        part.upload.get(),
        number(part.told.len() as u64),
        keys.seal_json(place(part.id), &part.told)?
    )?;
    Ok(())
}

/// The part of an upload whose turn it is.
pub async fn next_part(read: &mut Read, keys: &ShopKeys, upload: UploadId) -> Result<Option<Part>, Error> {
    let row = first!(
        read,
        (i64, Vec<u8>),
        "SELECT part_id, told FROM offline_part WHERE shop_id = $1 AND upload_id = $2 ORDER BY part_id LIMIT 1",
        of(keys),
        upload.get()
    )?;
    row.map(|(id, told)| Ok(Part { id, upload, told: keys.open_json(place(id), &told)? })).transpose()
}

/// Takes a part away; `false` when somebody else did it meanwhile.
pub async fn take_part(tx: &mut Tx, keys: &ShopKeys, id: i64) -> Result<bool, Error> {
    Ok(run!(tx, "DELETE FROM offline_part WHERE shop_id = $1 AND part_id = $2", of(keys), id)? > 0)
}

/// Every part that waits, whichever upload it is of.
pub async fn waiting(read: &mut Read, keys: &ShopKeys) -> Result<Vec<(i64, UploadId)>, Error> {
    let rows = all!(
        read,
        (i64, i64),
        "SELECT part_id, upload_id FROM offline_part WHERE shop_id = $1 ORDER BY part_id",
        of(keys)
    )?;
    Ok(rows.into_iter().map(|(part, upload)| (part, UploadId::new(upload))).collect())
}

pub async fn part(read: &mut Read, keys: &ShopKeys, id: i64, upload: UploadId) -> Result<Option<Part>, Error> {
    let row =
        first!(read, (Vec<u8>,), "SELECT told FROM offline_part WHERE shop_id = $1 AND part_id = $2", of(keys), id)?;
    row.map(|(told,)| Ok(Part { id, upload, told: keys.open_json(place(id), &told)? })).transpose()
}

/// Writes the lines of a part anew; one that was taken meanwhile stays gone.
pub async fn rewrite_part(tx: &mut Tx, keys: &ShopKeys, part: &Part) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE offline_part SET told = $3 WHERE shop_id = $1 AND part_id = $2",
        of(keys),
        part.id,
        keys.seal_json(place(part.id), &part.told)?
    )?;
    Ok(())
}

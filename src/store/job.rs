//! Jobs: an index of what is due, nothing more. A job carries the id of the fact it is about; scheduling it again moves it.
//! A claim moves it too, to the end of its lease, so that "due" is always one comparison on one index.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{
    Error, Read, Tx,
    ahead::{self, among, each},
    db::{all, first, later, run, run_of},
    listing::{Bind, selected},
    maybe, millis, time, word,
};
use crate::domain::{id::ShopId, time::Time};

/// What is to be done; each is a verb of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Turn a delivery into facts.
    Ingest,
    /// Look whether a cart is abandoned by now.
    Detect,
    /// Decide about a cart's next step.
    Decide,
    /// Send a queued message.
    Send,
    /// Ask the gateway about a message of unknown outcome.
    LookUp,
    /// Judge an order.
    Attribute,
    /// Judge a click.
    Judge,
    /// Recompute a day's figures.
    Rollup,
    /// Make a discount code in the shop, or remove it when its time is over.
    Discount,
    /// Follow an erasure into the last corner: callbacks of shared gateways, the write-ahead log.
    Scrub,
    /// Play the shop's self-test.
    SelfTest,
    /// Make the next deliveries of a replay of many due.
    Replay,
    /// Tell a sink what is due.
    Forward,
    /// Mail a reader the shop's figures.
    Digest,
    /// Count what came of a person of the holdout.
    Outcome,
    /// Work out what a run of the holdout shows.
    Lift,
    /// The next page of a run of the audit.
    Audit,
    /// Make the next orders of a run due that judges them again.
    Recredit,
    /// Recompute a day's events and goals.
    Tally,
    /// Make the shop's webhooks at its platform.
    Subscribe,
    /// Look at the guard rails of an experiment.
    GuardRail,
    /// Match the next lines of offline sales, or take some of an undone upload back.
    Offline,
    /// Ask the shop for what a webhook only points at.
    Fetch,
    /// Ask a gateway what a text cost.
    Price,
    /// Have a gateway forget a text whose person was erased.
    Redact,
    /// Ask a gateway what is left on the account.
    Balance,
}

impl Kind {
    pub const ALL: [Kind; 26] = [
        Kind::Ingest,
        Kind::Detect,
        Kind::Decide,
        Kind::Send,
        Kind::LookUp,
        Kind::Attribute,
        Kind::Judge,
        Kind::Rollup,
        Kind::Discount,
        Kind::Scrub,
        Kind::SelfTest,
        Kind::Replay,
        Kind::Forward,
        Kind::Digest,
        Kind::Outcome,
        Kind::Lift,
        Kind::Audit,
        Kind::Recredit,
        Kind::Tally,
        Kind::Subscribe,
        Kind::GuardRail,
        Kind::Offline,
        Kind::Fetch,
        Kind::Price,
        Kind::Redact,
        Kind::Balance,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Ingest => "ingest",
            Kind::Detect => "detect",
            Kind::Decide => "decide",
            Kind::Send => "send",
            Kind::LookUp => "look_up",
            Kind::Attribute => "attribute",
            Kind::Judge => "judge",
            Kind::Rollup => "rollup",
            Kind::Discount => "discount",
            Kind::Scrub => "scrub",
            Kind::SelfTest => "self_test",
            Kind::Replay => "replay",
            Kind::Forward => "forward",
            Kind::Digest => "digest",
            Kind::Outcome => "outcome",
            Kind::Lift => "lift",
            Kind::Audit => "audit",
            Kind::Recredit => "recredit",
            Kind::Tally => "tally",
            Kind::Subscribe => "subscribe",
            Kind::GuardRail => "guard_rail",
            Kind::Offline => "offline",
            Kind::Fetch => "fetch",
            Kind::Price => "price",
            Kind::Redact => "redact",
            Kind::Balance => "balance",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub shop: ShopId,
    pub kind: Kind,
    pub subject: i64,
    /// 1 on the first try.
    pub attempt: u32,
    /// Proof of the claim: finishing or putting it back only works while it is still ours.
    pub claim: String,
    /// When it fell due: what it leaves to do at once takes the same place among all that is due.
    pub fell_due_at: Time,
    /// Its place in the line of its gateway's account, if it was given one.
    pub booked_at: Option<Time>,
}

/// What becomes of a job that is there already and is to be done anew.
macro_rules! anew {
    () => {
        "ON CONFLICT (shop_id, kind, subject_id)
         DO UPDATE SET due_at = excluded.due_at, attempt = 0, claimed_until = NULL, claimed_by = NULL, booked_at = NULL"
    };
}

pub(super) use anew;

/// Makes it due at this moment, whenever it was due before, and takes it from whoever has it.
pub async fn schedule(tx: &mut Tx, shop: ShopId, kind: Kind, subject: i64, due_at: Time) -> Result<(), Error> {
    later!(
        tx,
        [("held", shop.get(), subject)],
        concat!("INSERT INTO job (shop_id, kind, subject_id, due_at) VALUES ($1, $2, $3, $4) ", anew!()),
        shop.get(),
        kind.name(),
        subject,
        due_at.millis()
    )
}

/// Makes sure it is due by this moment; one that waits already keeps its earlier moment, one that is being done is done
/// again afterwards.
pub async fn ensure(tx: &mut Tx, shop: ShopId, kind: Kind, subject: i64, due_at: Time) -> Result<(), Error> {
    later!(
        tx,
        [("held", shop.get(), subject)],
        "INSERT INTO job (shop_id, kind, subject_id, due_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, kind, subject_id) DO UPDATE SET
             due_at = CASE WHEN job.claimed_by IS NULL AND job.due_at < excluded.due_at THEN job.due_at
                           ELSE excluded.due_at END,
             claimed_until = NULL, claimed_by = NULL",
        shop.get(),
        kind.name(),
        subject,
        due_at.millis()
    )
}

/// As [`ensure`], for what many pieces of one transaction make due: the first of them does it.
pub async fn ensure_once(tx: &mut Tx, shop: ShopId, kind: Kind, subject: i64, due_at: Time) -> Result<(), Error> {
    // Whoever does it meanwhile has lost its claim by the first, and leaves it be.
    let question = (kind.name(), shop.get(), subject);
    if tx.recall::<()>(question).is_none() {
        ensure(tx, shop, kind, subject, due_at).await?;
        tx.keep(question, &());
    }
    Ok(())
}

/// Makes sure it is due by this moment, unless it is being done: whoever does it looks, in the shop's turn, for what came
/// meanwhile before it ends. The caller holds that turn.
pub async fn nudge(tx: &mut Tx, shop: ShopId, kind: Kind, subject: i64, due_at: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO job (shop_id, kind, subject_id, due_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at
         WHERE job.claimed_by IS NULL AND job.due_at > excluded.due_at",
        shop.get(),
        kind.name(),
        subject,
        due_at.millis()
    )?;
    Ok(())
}

/// Makes every job of this kind that waits due now: something changed that they waited for.
pub async fn hurry(tx: &mut Tx, shop: ShopId, kind: Kind, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE job SET due_at = $3 WHERE shop_id = $1 AND kind = $2 AND claimed_by IS NULL AND due_at > $3",
        shop.get(),
        kind.name(),
        now.millis()
    )?;
    Ok(())
}

/// As [`hurry`], of those alone that fall due within this span.
pub async fn hurry_soon(tx: &mut Tx, shop: ShopId, kind: Kind, now: Time, within: Duration) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE job SET due_at = $3 WHERE shop_id = $1 AND kind = $2 AND claimed_by IS NULL AND due_at > $3 AND due_at <= $4",
        shop.get(),
        kind.name(),
        now.millis(),
        (now + within).millis()
    )?;
    Ok(())
}

/// As [`hurry`], for a line that is none any more: nobody has a place in it.
pub async fn line_up_again(tx: &mut Tx, shop: ShopId, kind: Kind, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE job SET due_at = $3, booked_at = NULL
         WHERE shop_id = $1 AND kind = $2 AND claimed_by IS NULL AND (due_at > $3 OR booked_at IS NOT NULL)",
        shop.get(),
        kind.name(),
        now.millis()
    )?;
    Ok(())
}

/// The shops that have a job of this kind, due or not. An operator read; its cost is one look for each shop.
pub async fn shops_with(read: &mut Read, kind: Kind) -> Result<Vec<ShopId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT shop_id FROM shop
         WHERE EXISTS (SELECT 1 FROM job WHERE job.shop_id = shop.shop_id AND kind = $1) ORDER BY shop_id",
        kind.name()
    )?;
    Ok(rows.into_iter().map(|(id,)| ShopId::new(id)).collect())
}

/// Makes this job due now, if it waits; one that does not exist stays so.
pub async fn hurry_one(tx: &mut Tx, shop: ShopId, kind: Kind, subject: i64, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE job SET due_at = $4
         WHERE shop_id = $1 AND kind = $2 AND subject_id = $3 AND claimed_by IS NULL AND due_at > $4",
        shop.get(),
        kind.name(),
        subject,
        now.millis()
    )?;
    Ok(())
}

/// Removes it, whoever has it.
pub async fn cancel(tx: &mut Tx, shop: ShopId, kind: Kind, subject: i64) -> Result<(), Error> {
    run!(tx, "DELETE FROM job WHERE shop_id = $1 AND kind = $2 AND subject_id = $3", shop.get(), kind.name(), subject)?;
    Ok(())
}

/// Jobs that one look at all shops reads at most.
const LOOK_MOST: i64 = 500;

/// The shops with anything due, most overdue first. An operator read; its cost is what is due, or under a backlog the number
/// of shops: this is asked many times a second.
pub async fn shops_due(read: &mut Read, now: Time) -> Result<Vec<ShopId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT shop_id FROM job WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
        now.millis(),
        LOOK_MOST
    )?;
    if rows.len() < usize::try_from(LOOK_MOST).unwrap_or(usize::MAX) {
        let mut seen = BTreeSet::new();
        return Ok(rows.into_iter().filter(|(shop,)| seen.insert(*shop)).map(|(shop,)| ShopId::new(shop)).collect());
    }
    let shops = all!(
        read,
        (i64, i64),
        "SELECT shop_id, due_at FROM (
             SELECT shop_id, (SELECT MIN(due_at) FROM job WHERE job.shop_id = shop.shop_id) AS due_at FROM shop
         ) AS each_shop WHERE due_at <= $1 ORDER BY due_at",
        now.millis()
    )?;
    // The house is no shop.
    let house = first!(
        read,
        (i64,),
        "SELECT shop_id FROM job WHERE shop_id = $1 AND due_at <= $2 LIMIT 1",
        ShopId::HOUSE.get(),
        now.millis()
    )?;
    let shops = shops.into_iter().map(|(shop, _)| shop).chain(house.map(|(house,)| house));
    Ok(shops.map(ShopId::new).collect())
}

/// When the next job of any shop falls due, or fell due. An operator read.
pub async fn next_due(read: &mut Read) -> Result<Option<Time>, Error> {
    next_due_after(read, Time::FIRST).await
}

/// As [`next_due`], of those that fall due after this moment.
pub async fn next_due_after(read: &mut Read, moment: Time) -> Result<Option<Time>, Error> {
    let row = first!(read, (Option<i64>,), "SELECT MIN(due_at) FROM job WHERE due_at > $1", moment.millis())?;
    Ok(row.and_then(|(due,)| maybe(due)))
}

/// How much is due by now, over all shops, for the metrics page. An operator read.
pub async fn count_due(read: &mut Read, now: Time) -> Result<u64, Error> {
    let row = first!(read, (i64,), "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE due_at <= $1", now.millis())?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// What is left to do in a shop, by kind.
pub async fn waiting(read: &mut Read, shop: ShopId) -> Result<Vec<(Kind, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT kind, CAST(COUNT(*) AS BIGINT) FROM job WHERE shop_id = $1 GROUP BY kind ORDER BY kind",
        shop.get()
    )?;
    rows.into_iter()
        .map(|(kind, count)| Ok((word("job kind", &Kind::ALL, Kind::name, &kind)?, count.unsigned_abs())))
        .collect()
}

/// Whether a job of this kind waits whose subject lies between these, both included.
pub async fn waits(read: &mut Read, shop: ShopId, kind: Kind, first: i64, last: i64) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT subject_id FROM job WHERE shop_id = $1 AND kind = $2 AND subject_id >= $3 AND subject_id <= $4 LIMIT 1",
        shop.get(),
        kind.name(),
        first,
        last
    )?;
    Ok(row.is_some())
}

macro_rules! claim_sql {
    ($lock:literal) => {
        concat!(
            // Found first, then changed: as a plain sub-query PostgreSQL may run the search again for every row, past
            // its LIMIT, and one worker would claim everything there is. Facts lie in the order of the primary key.
            "WITH told AS MATERIALIZED (
                 SELECT kind, subject_id FROM job WHERE shop_id = $1 AND kind = 'ingest' AND due_at <= $2
                 ORDER BY subject_id LIMIT $5",
            $lock,
            "), asked AS MATERIALIZED (
                 SELECT kind, subject_id FROM job WHERE shop_id = $1 AND kind = 'fetch' AND due_at <= $2
                 ORDER BY subject_id LIMIT $5",
            $lock,
            "), due AS MATERIALIZED (
                 SELECT kind, subject_id FROM job WHERE shop_id = $1 AND due_at <= $2 ORDER BY due_at LIMIT $5",
            $lock,
            ") UPDATE job SET fell_due_at = due_at, due_at = $3, claimed_until = $3, claimed_by = $4, attempt = attempt + 1
               WHERE shop_id = $1 AND (kind, subject_id) IN
                   (SELECT kind, subject_id FROM told
                    UNION SELECT kind, subject_id FROM asked
                    UNION SELECT kind, subject_id FROM due)
               RETURNING kind, subject_id, attempt, fell_due_at, booked_at"
        )
    };
}

#[derive(sqlx::FromRow)]
struct Claimed {
    kind: String,
    subject_id: i64,
    attempt: i64,
    fell_due_at: i64,
    booked_at: Option<i64>,
}

/// Claims due jobs of one shop until `until`, for whoever holds `claim` (a fresh name each time): up to `most` of those that
/// waited longest, and besides as many that take in what shops and gateways told. An order or an opt-out does not wait behind
/// the texts it forbids, however many are overdue.
pub async fn claim(
    tx: &mut Tx,
    shop: ShopId,
    now: Time,
    until: Time,
    claim: &str,
    most: u32,
) -> Result<Vec<Job>, Error> {
    let sql = tx.either(claim_sql!(""), claim_sql!(" FOR UPDATE SKIP LOCKED"));
    let mut rows = all!(tx, Claimed, sql, shop.get(), now.millis(), until.millis(), claim, i64::from(most))?;
    // As they came to be: RETURNING has no order.
    rows.sort_by_key(|row| row.subject_id);
    rows.into_iter()
        .map(|row| {
            Ok(Job {
                shop,
                kind: word("job kind", &Kind::ALL, Kind::name, &row.kind)?,
                subject: row.subject_id,
                attempt: u32::try_from(row.attempt).unwrap_or(u32::MAX),
                claim: claim.to_owned(),
                fell_due_at: time(row.fell_due_at),
                booked_at: maybe(row.booked_at),
            })
        })
        .collect()
}

/// Whether the claim still stands: a process that slept past its lease has lost it and must not act on it.
pub async fn holds(read: &mut Read, job: &Job) -> Result<bool, Error> {
    if let Some(()) = read.recall(("held", job.shop.get(), job.subject)) {
        return Ok(true);
    }
    let row = first!(
        read,
        (i64,),
        "SELECT subject_id FROM job WHERE shop_id = $1 AND kind = $2 AND subject_id = $3 AND claimed_by = $4",
        job.shop.get(),
        job.kind.name(),
        job.subject,
        job.claim.as_str()
    )?;
    Ok(row.is_some())
}

/// Reads what a handful of one shop, kind and claim is about to ask of `holds`, at once. The kind is that of all of them.
pub async fn held_ahead(read: &mut Read, jobs: &[&Job]) -> Result<(), Error> {
    for some in jobs.chunk_by(|a, b| (a.shop, a.kind, &a.claim) == (b.shop, b.kind, &b.claim)) {
        for some in some.chunks(ahead::TOGETHER) {
            let text = each!(
                "SELECT subject_id FROM job WHERE shop_id = $1 AND kind = $18 AND subject_id = $2 AND claimed_by = $19"
            );
            let Some(job) = some.first() else { continue };
            let subjects: Vec<i64> = some.iter().map(|job| job.subject).collect();
            let mut select = ahead::numbers(job.shop.get(), text, &subjects);
            select.binds.extend([Bind::Text(job.kind.name().to_owned()), Bind::Text(job.claim.clone())]);
            for (subject,) in selected!(read, (i64,), select)? {
                read.keep(("held", job.shop.get(), subject), &());
            }
        }
    }
    Ok(())
}

/// Frees every claim: only for a process that knows that no other is alive. An operator command.
pub async fn release_all(tx: &mut Tx, now: Time) -> Result<u64, Error> {
    run!(
        tx,
        "UPDATE job SET due_at = $1, claimed_until = NULL, claimed_by = NULL WHERE claimed_by IS NOT NULL",
        now.millis()
    )
}

/// Gives back whatever is left of a claim: due again at this moment, its attempt counted.
pub async fn release(tx: &mut Tx, shop: ShopId, claim: &str, due_at: Time) -> Result<u64, Error> {
    run!(
        tx,
        "UPDATE job SET due_at = $3, claimed_until = NULL, claimed_by = NULL WHERE shop_id = $1 AND claimed_by = $2",
        shop.get(),
        claim,
        due_at.millis()
    )
}

/// Done: removes it, unless it was scheduled again meanwhile. `false` when the claim was lost.
pub async fn finish(tx: &mut Tx, job: &Job) -> Result<bool, Error> {
    let touched = run_of!(
        tx,
        [("held", job.shop.get(), job.subject)],
        "DELETE FROM job WHERE shop_id = $1 AND kind = $2 AND subject_id = $3 AND claimed_by = $4",
        job.shop.get(),
        job.kind.name(),
        job.subject,
        job.claim.as_str()
    )?;
    Ok(touched > 0)
}

/// As `finish`, of jobs of one shop and kind: those whose claim was lost stay.
pub async fn finish_all(tx: &mut Tx, jobs: &[&Job]) -> Result<(), Error> {
    const TEXT: &str =
        concat!("DELETE FROM job WHERE shop_id = $1 AND kind = $18 AND claimed_by = $19 AND subject_id ", among!());
    for some in jobs.chunk_by(|a, b| (a.shop, a.kind, &a.claim) == (b.shop, b.kind, &b.claim)) {
        let Some(job) = some.first() else { continue };
        let subjects: Vec<i64> = some.iter().map(|job| job.subject).collect();
        for some in &ahead::sets(&subjects) {
            let mut select = ahead::numbers(job.shop.get(), TEXT, some);
            select.binds.extend([Bind::from(job.kind.name()), Bind::from(job.claim.as_str())]);
            tx.run(select.text, select.binds).await?;
        }
    }
    Ok(())
}

/// What `suspect` adds to a job's attempts.
pub const SUSPECT: u32 = 1000;

/// Notes, before a job that never ended well is begun again, that it is begun: should the process end now, this job was
/// in the middle of it.
pub async fn suspect(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE job SET attempt = attempt + $5 WHERE shop_id = $1 AND kind = $2 AND subject_id = $3 AND claimed_by = $4",
        job.shop.get(),
        job.kind.name(),
        job.subject,
        job.claim.as_str(),
        i64::from(SUSPECT)
    )?;
    Ok(())
}

/// Takes a suspicion back: whoever began it is still there. A process that stood still for longer than its claim has not
/// ended, whoever has the job by now.
pub async fn acquit(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE job SET attempt = attempt - $4 WHERE shop_id = $1 AND kind = $2 AND subject_id = $3 AND attempt >= $4",
        job.shop.get(),
        job.kind.name(),
        job.subject,
        i64::from(SUSPECT)
    )?;
    Ok(())
}

/// Not yet: due again later, with a clean slate; unless the claim was lost.
pub async fn put_back(tx: &mut Tx, job: &Job, due_at: Time) -> Result<(), Error> {
    line_up(tx, job, due_at, None).await
}

/// As [`put_back`], with a place in a line: whatever hurries it meanwhile, it keeps that.
pub async fn line_up(tx: &mut Tx, job: &Job, due_at: Time, booked_at: Option<Time>) -> Result<(), Error> {
    later!(
        tx,
        [("held", job.shop.get(), job.subject)],
        "UPDATE job SET due_at = $5, booked_at = $6, attempt = 0, claimed_until = NULL, claimed_by = NULL
         WHERE shop_id = $1 AND kind = $2 AND subject_id = $3 AND claimed_by = $4",
        job.shop.get(),
        job.kind.name(),
        job.subject,
        job.claim.as_str(),
        due_at.millis(),
        millis(booked_at)
    )
}

/// It failed: due again later, its attempts counted. `false` when the claim was lost.
pub async fn try_again(tx: &mut Tx, job: &Job, due_at: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE job SET due_at = $5, claimed_until = NULL, claimed_by = NULL
         WHERE shop_id = $1 AND kind = $2 AND subject_id = $3 AND claimed_by = $4",
        job.shop.get(),
        job.kind.name(),
        job.subject,
        job.claim.as_str(),
        due_at.millis()
    )?;
    Ok(touched > 0)
}

/// Removes everything a shop still had to do.
pub async fn cancel_all(tx: &mut Tx, shop: ShopId) -> Result<u64, Error> {
    run!(tx, "DELETE FROM job WHERE shop_id = $1", shop.get())
}

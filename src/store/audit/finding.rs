//! Findings of the audit: one row for each difference, however many runs saw it.

use super::super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json, time, word,
};
use crate::domain::{
    audit::Finding,
    id::{FindingId, ShopId},
    time::Time,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    /// A later run did not see it any more.
    Mended,
    /// A person said that it may stay, and why.
    Ignored,
}

impl State {
    pub const ALL: [State; 3] = [State::Open, State::Mended, State::Ignored];

    pub fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Mended => "mended",
            State::Ignored => "ignored",
        }
    }
}

/// A difference and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub id: FindingId,
    pub finding: Finding,
    pub first_at: Time,
    pub seen_at: Time,
    pub state: State,
    pub state_at: Time,
    pub reason: String,
    pub by: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    finding_id: i64,
    finding: String,
    first_at: i64,
    seen_at: i64,
    state: String,
    state_at: i64,
    reason: String,
    by_name: String,
}

impl Row {
    fn into_kept(self) -> Result<Kept, Error> {
        Ok(Kept {
            id: FindingId::new(self.finding_id),
            finding: from_json("audit finding", &self.finding)?,
            first_at: time(self.first_at),
            seen_at: time(self.seen_at),
            state: word("audit state", &State::ALL, State::name, &self.state)?,
            state_at: time(self.state_at),
            reason: self.reason,
            by: self.by_name,
        })
    }
}

/// Notes that a run saw this. What was mended is open again; what a person ignored stays ignored.
pub async fn see(
    tx: &mut Tx,
    shop: ShopId,
    id: FindingId,
    run_id: i64,
    finding: &Finding,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO audit_finding (shop_id, finding_id, kind, subject, placed_at, finding, first_at, seen_at, run_id,
                                    state, state_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, 'open', $7)
         ON CONFLICT (shop_id, kind, subject) DO UPDATE SET
             finding = excluded.finding, seen_at = excluded.seen_at, run_id = excluded.run_id,
             placed_at = excluded.placed_at,
             state_at = CASE WHEN audit_finding.state = 'mended' THEN excluded.state_at ELSE audit_finding.state_at END,
             state = CASE WHEN audit_finding.state = 'mended' THEN 'open' ELSE audit_finding.state END",
        shop.get(),
        id.get(),
        finding.kind.name(),
        finding.key(),
        finding.placed_at.unwrap_or(now).millis(),
        json(finding)?,
        now.millis(),
        run_id
    )?;
    Ok(())
}

/// What stands open of orders placed in `[from, to)` and was not seen by this run is mended; answers how many.
pub async fn mend_unseen(
    tx: &mut Tx,
    shop: ShopId,
    run_id: i64,
    (from, to): (Time, Time),
    now: Time,
) -> Result<u64, Error> {
    run!(
        tx,
        "UPDATE audit_finding SET state = 'mended', state_at = $5
         WHERE shop_id = $1 AND state = 'open' AND run_id <> $2 AND placed_at >= $3 AND placed_at < $4",
        shop.get(),
        run_id,
        from.millis(),
        to.millis(),
        now.millis()
    )
}

/// Ignores one with a reason, or opens an ignored one again; `false` when there is none of this id.
pub async fn set(
    tx: &mut Tx,
    shop: ShopId,
    id: FindingId,
    state: State,
    (reason, by): (&str, &str),
    now: Time,
) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE audit_finding SET state = $3, state_at = $4, reason = $5, by_name = $6
         WHERE shop_id = $1 AND finding_id = $2",
        shop.get(),
        id.get(),
        state.name(),
        now.millis(),
        reason,
        by
    )?;
    Ok(touched > 0)
}

pub async fn get(read: &mut Read, shop: ShopId, id: FindingId) -> Result<Option<Kept>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT finding_id, finding, first_at, seen_at, state, state_at, reason, by_name FROM audit_finding
         WHERE shop_id = $1 AND finding_id = $2",
        shop.get(),
        id.get()
    )?;
    row.map(Row::into_kept).transpose()
}

/// Those in a state, from behind `after` on, oldest first.
pub async fn list(
    read: &mut Read,
    shop: ShopId,
    state: State,
    after: FindingId,
    most: u32,
) -> Result<Vec<Kept>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT finding_id, finding, first_at, seen_at, state, state_at, reason, by_name FROM audit_finding
         WHERE shop_id = $1 AND state = $2 AND finding_id > $3 ORDER BY finding_id LIMIT $4",
        shop.get(),
        state.name(),
        after.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::into_kept).collect()
}

/// How many there are in each state, by kind.
pub async fn counts(read: &mut Read, shop: ShopId) -> Result<Vec<(String, String, u64)>, Error> {
    let rows = all!(
        read,
        (String, String, i64),
        "SELECT kind, state, CAST(COUNT(*) AS BIGINT) FROM audit_finding WHERE shop_id = $1
         GROUP BY kind, state ORDER BY kind, state",
        shop.get()
    )?;
    Ok(rows.into_iter().map(|(kind, state, count)| (kind, state, count.unsigned_abs())).collect())
}

/// Forgets what was settled before this.
pub async fn prune(tx: &mut Tx, shop: ShopId, before: Time) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM audit_finding WHERE shop_id = $1 AND state <> 'open' AND seen_at < $2",
        shop.get(),
        before.millis()
    )?;
    Ok(())
}

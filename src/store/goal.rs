//! Goals and saved funnels: a few rows a shop, read whole.

use super::{
    Error, Read, Tx,
    db::{all, run},
    from_json, json, of,
};
use crate::domain::{
    funnel::{Funnel, Way},
    goal::{Goal, Plan},
    id::{FunnelId, GoalId},
    seal::ShopKeys,
    time::Time,
};

/// Every goal of a shop, in the order they were made.
pub async fn list(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Goal>, Error> {
    let rows =
        all!(read, (i64, String), "SELECT goal_id, body FROM goal WHERE shop_id = $1 ORDER BY goal_id", of(keys))?;
    rows.into_iter()
        .map(|(id, body)| Ok(Goal { id: GoalId::new(id), plan: from_json::<Plan>("goal", &body)? }))
        .collect()
}

/// Keeps a goal, new or changed.
pub async fn put(tx: &mut Tx, keys: &ShopKeys, goal: &Goal, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO goal (shop_id, goal_id, created_at, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, goal_id) DO UPDATE SET body = excluded.body",
        of(keys),
        goal.id.get(),
        now.millis(),
        json(&goal.plan)?
    )?;
    Ok(())
}

/// `false` when there was none.
pub async fn remove(tx: &mut Tx, keys: &ShopKeys, id: GoalId) -> Result<bool, Error> {
    Ok(run!(tx, "DELETE FROM goal WHERE shop_id = $1 AND goal_id = $2", of(keys), id.get())? > 0)
}

/// Makes every day from this one on that has events or orders due to be counted again.
pub async fn recount(tx: &mut Tx, keys: &ShopKeys, from_day: i64, now: Time) -> Result<u64, Error> {
    run!(
        tx,
        "INSERT INTO job (shop_id, kind, subject_id, due_at)
         SELECT CAST($1 AS BIGINT), 'tally', day, CAST($3 AS BIGINT) FROM (
             SELECT day FROM tally WHERE shop_id = $1 AND day >= $2
             UNION SELECT day FROM rollup WHERE shop_id = $1 AND day >= $2 AND metric = 'orders') AS known
         WHERE TRUE
         ON CONFLICT (shop_id, kind, subject_id) DO UPDATE SET
             due_at = excluded.due_at, claimed_until = NULL, claimed_by = NULL",
        of(keys),
        from_day,
        now.millis()
    )
}

/// Every saved funnel of a shop, in the order they were made.
pub async fn funnels(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Funnel>, Error> {
    let rows = all!(
        read,
        (i64, String),
        "SELECT funnel_id, body FROM funnel WHERE shop_id = $1 ORDER BY funnel_id",
        of(keys)
    )?;
    rows.into_iter()
        .map(|(id, body)| Ok(Funnel { id: FunnelId::new(id), way: from_json::<Way>("funnel", &body)? }))
        .collect()
}

/// Keeps a funnel, new or changed.
pub async fn put_funnel(tx: &mut Tx, keys: &ShopKeys, funnel: &Funnel, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO funnel (shop_id, funnel_id, created_at, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, funnel_id) DO UPDATE SET body = excluded.body",
        of(keys),
        funnel.id.get(),
        now.millis(),
        json(&funnel.way)?
    )?;
    Ok(())
}

/// `false` when there was none.
pub async fn remove_funnel(tx: &mut Tx, keys: &ShopKeys, id: FunnelId) -> Result<bool, Error> {
    Ok(run!(tx, "DELETE FROM funnel WHERE shop_id = $1 AND funnel_id = $2", of(keys), id.get())? > 0)
}

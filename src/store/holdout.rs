//! Holdout: its runs, the carts found eligible in them with their arm, and what came of each person.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    digest, from_json, json, maybe, of, time, word,
};
use crate::domain::{
    holdout::{Arm, Run},
    id::{CartId, ShopId},
    lift::Report,
    money::Currency,
    seal::ShopKeys,
    time::Time,
};

#[derive(sqlx::FromRow)]
struct RunRow {
    run_id: i64,
    percent: i64,
    started_at: i64,
    ended_at: Option<i64>,
}

impl RunRow {
    fn into_run(self) -> Run {
        Run {
            id: self.run_id.unsigned_abs(),
            percent: u32::try_from(self.percent).unwrap_or(0),
            started_at: time(self.started_at),
            ended_at: maybe(self.ended_at),
        }
    }
}

/// Every run of a shop, newest first.
pub async fn runs(read: &mut Read, shop: ShopId) -> Result<Vec<Run>, Error> {
    if let Some(runs) = read.recall(("holdout_run", shop.get(), 0)) {
        return Ok(runs);
    }
    let rows = all!(
        read,
        RunRow,
        "SELECT run_id, percent, started_at, ended_at FROM holdout_run WHERE shop_id = $1 ORDER BY run_id DESC",
        shop.get()
    )?;
    let runs: Vec<Run> = rows.into_iter().map(RunRow::into_run).collect();
    read.keep(("holdout_run", shop.get(), 0), &runs);
    Ok(runs)
}

/// The run that is on, if any.
pub async fn current(read: &mut Read, shop: ShopId) -> Result<Option<Run>, Error> {
    let row = first!(
        read,
        RunRow,
        "SELECT run_id, percent, started_at, ended_at FROM holdout_run
         WHERE shop_id = $1 AND ended_at IS NULL ORDER BY run_id DESC LIMIT 1",
        shop.get()
    )?;
    Ok(row.map(RunRow::into_run))
}

/// Rules were saved as this version: another share ends the run and begins the next. The caller holds the shop's turn.
pub(super) async fn ruled(tx: &mut Tx, shop: ShopId, percent: u32, version: i64, now: Time) -> Result<(), Error> {
    let on = current(tx, shop).await?;
    if on.map_or(0, |run| run.percent) == percent {
        return Ok(());
    }
    run!(tx, "UPDATE holdout_run SET ended_at = $2 WHERE shop_id = $1 AND ended_at IS NULL", shop.get(), now.millis())?;
    if percent > 0 {
        run!(
            tx,
            "INSERT INTO holdout_run (shop_id, run_id, percent, started_at) VALUES ($1, $2, $3, $4)",
            shop.get(),
            version,
            i64::from(percent),
            now.millis()
        )?;
    }
    Ok(())
}

/// A cart that was found eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub cart: CartId,
    pub run: u64,
    /// The keyed hash of the number; `None` once the person was forgotten.
    pub person: Option<[u8; 16]>,
    pub arm: Arm,
    pub assigned_at: Time,
    /// The first of its person in this run: the one that counts.
    pub first: bool,
    /// The longest horizon that was counted, in days.
    pub counted_days: u32,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    cart_id: i64,
    run_id: i64,
    person: Vec<u8>,
    arm: String,
    assigned_at: i64,
    first_at: Option<i64>,
    counted_days: i64,
}

impl EntryRow {
    fn into_entry(self) -> Result<Entry, Error> {
        let person = (!self.person.is_empty()).then_some(self.person);
        Ok(Entry {
            cart: CartId::new(self.cart_id),
            run: self.run_id.unsigned_abs(),
            person: person.map(|person| digest("person", person)).transpose()?,
            arm: word("arm", &Arm::ALL, Arm::name, &self.arm)?,
            assigned_at: time(self.assigned_at),
            first: self.first_at.is_some(),
            counted_days: u32::try_from(self.counted_days).unwrap_or(0),
        })
    }
}

/// The entry of a cart, if it was ever found eligible while a run was on.
pub async fn of_cart(read: &mut Read, keys: &ShopKeys, cart: CartId) -> Result<Option<Entry>, Error> {
    let row = first!(
        read,
        EntryRow,
        "SELECT cart_id, run_id, person, arm, assigned_at, first_at, counted_days FROM holdout
         WHERE shop_id = $1 AND cart_id = $2",
        of(keys),
        cart.get()
    )?;
    row.map(EntryRow::into_entry).transpose()
}

/// Notes that a cart was found eligible; once noted it stays as it is. Answers whether it is the first of its person in the
/// run, and so the one that counts; `None` when it was noted before. The caller holds the shop's turn.
pub async fn assign(
    tx: &mut Tx,
    keys: &ShopKeys,
    (cart, run): (CartId, u64),
    person: &[u8; 16],
    arm: Arm,
    now: Time,
) -> Result<Option<bool>, Error> {
    if of_cart(tx, keys, cart).await?.is_some() {
        return Ok(None);
    }
    let run_id = i64::try_from(run).unwrap_or(i64::MAX);
    let known = first!(
        tx,
        (i64,),
        "SELECT cart_id FROM holdout WHERE shop_id = $1 AND person = $2 AND run_id = $3 AND first_at IS NOT NULL LIMIT 1",
        of(keys),
        person.to_vec(),
        run_id
    )?;
    let is_first = known.is_none();
    run!(
        tx,
        "INSERT INTO holdout (shop_id, cart_id, run_id, person, arm, assigned_at, first_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        of(keys),
        cart.get(),
        run_id,
        person.to_vec(),
        arm.name(),
        now.millis(),
        is_first.then_some(now.millis())
    )?;
    Ok(Some(is_first))
}

/// The counted carts that share this name with an order: what came of them may have changed.
pub async fn known_by(read: &mut Read, keys: &ShopKeys, name: &[u8; 16]) -> Result<Vec<CartId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT cart_id FROM holdout WHERE shop_id = $1 AND person = $2 AND first_at IS NOT NULL
         UNION
         SELECT holdout.cart_id FROM identity JOIN holdout
             ON holdout.shop_id = $1 AND holdout.cart_id = identity.subject_id
         WHERE identity.shop_id = $1 AND identity.value = $2 AND identity.subject = 'cart'
           AND holdout.first_at IS NOT NULL",
        of(keys),
        name.to_vec()
    )?;
    Ok(rows.into_iter().map(|(id,)| CartId::new(id)).collect())
}

/// An order that counts for a person, as it stands at the end of a horizon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    pub placed_at: Time,
    pub cancelled_at: Option<Time>,
    pub currency: Currency,
    pub total_minor: i64,
    /// When what was given back, in the order's currency.
    pub refunds: Vec<(Time, i64)>,
}

/// Every order placed in `[from, to)` that shares a name with the cart or has the person's number. Links and codes of our
/// texts are not asked: only one arm has them.
pub async fn bought(
    read: &mut Read,
    keys: &ShopKeys,
    entry: &Entry,
    (from, to): (Time, Time),
) -> Result<Vec<Bought>, Error> {
    let rows = all!(
        read,
        (i64, String, i64, Option<i64>, String, i64),
        "SELECT order_id, external_id, placed_at, cancelled_at, currency, total_minor FROM shop_order
         WHERE shop_id = $1 AND placed_at >= $2 AND placed_at < $3 AND order_id IN (
             SELECT theirs.subject_id FROM identity AS theirs
             WHERE theirs.shop_id = $1 AND theirs.subject = 'order' AND (theirs.value = $4 OR theirs.value IN (
                 SELECT ours.value FROM identity AS ours
                 WHERE ours.shop_id = $1 AND ours.subject = 'cart' AND ours.subject_id = $5)))
         ORDER BY placed_at, order_id",
        of(keys),
        from.millis(),
        to.millis(),
        entry.person.unwrap_or_default().to_vec(),
        entry.cart.get()
    )?;
    let mut found = Vec::with_capacity(rows.len());
    for (_, external_id, placed_at, cancelled_at, currency, total_minor) in rows {
        let currency = Currency::parse(&currency).map_err(|why| Error::damaged("currency", why))?;
        let refunds = super::order::refunds(read, keys, &external_id).await?;
        let same = refunds.into_iter().filter(|refund| refund.amount.currency == currency);
        found.push(Bought {
            placed_at: time(placed_at),
            cancelled_at: maybe(cancelled_at),
            currency,
            total_minor,
            refunds: same.map(|refund| (refund.at, refund.amount.minor)).collect(),
        });
    }
    Ok(found)
}

/// What texts of any kind but tests to a person cost, accepted in `[from, to)`: currency and millionths.
pub async fn cost(
    read: &mut Read,
    keys: &ShopKeys,
    person: &[u8; 16],
    (from, to): (Time, Time),
) -> Result<Vec<(Currency, i64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT cost_currency, CAST(SUM(cost_micros) AS BIGINT) FROM message
         WHERE shop_id = $1 AND phone = $2 AND accepted_at >= $3 AND accepted_at < $4 AND purpose <> 'test'
           AND cost_currency IS NOT NULL AND cost_micros IS NOT NULL
         GROUP BY cost_currency ORDER BY cost_currency",
        of(keys),
        person.to_vec(),
        from.millis(),
        to.millis()
    )?;
    rows.into_iter()
        .map(|(currency, micros)| {
            Ok((Currency::parse(&currency).map_err(|why| Error::damaged("currency", why))?, micros))
        })
        .collect()
}

/// What a person did within a horizon, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub currency: Currency,
    pub orders: u32,
    pub net_minor: i64,
    pub cost_micros: i64,
}

/// Writes what came of a person within a horizon, in place of what was written before.
pub async fn count(tx: &mut Tx, keys: &ShopKeys, cart: CartId, days: u32, outcomes: &[Outcome]) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM holdout_outcome WHERE shop_id = $1 AND cart_id = $2 AND days = $3",
        of(keys),
        cart.get(),
        i64::from(days)
    )?;
    for outcome in outcomes {
        run!(
            tx,
            "INSERT INTO holdout_outcome (shop_id, cart_id, days, currency, orders, net_minor, cost_micros)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            of(keys),
            cart.get(),
            i64::from(days),
            outcome.currency.code(),
            i64::from(outcome.orders),
            outcome.net_minor,
            outcome.cost_micros
        )?;
    }
    run!(
        tx,
        "UPDATE holdout SET counted_days = $3 WHERE shop_id = $1 AND cart_id = $2 AND counted_days < $3",
        of(keys),
        cart.get(),
        i64::from(days)
    )?;
    Ok(())
}

/// People of a run in one arm.
pub async fn people(read: &mut Read, shop: ShopId, run: u64, arm: Arm) -> Result<u64, Error> {
    counted(read, shop, run, arm, 0).await
}

/// People of a run in one arm whose horizon of so many days was counted.
pub async fn counted(read: &mut Read, shop: ShopId, run: u64, arm: Arm, days: u32) -> Result<u64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(COUNT(*) AS BIGINT) FROM holdout
         WHERE shop_id = $1 AND run_id = $2 AND arm = $3 AND first_at IS NOT NULL AND counted_days >= $4",
        shop.get(),
        i64::try_from(run).unwrap_or(i64::MAX),
        arm.name(),
        i64::from(days)
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// What the counted people of a run in one arm did within a horizon; who did nothing is not among them.
pub async fn outcomes(
    read: &mut Read,
    shop: ShopId,
    run: u64,
    arm: Arm,
    days: u32,
) -> Result<Vec<(CartId, Outcome)>, Error> {
    let rows = all!(
        read,
        (i64, String, i64, i64, i64),
        "SELECT done.cart_id, done.currency, done.orders, done.net_minor, done.cost_micros
         FROM holdout JOIN holdout_outcome AS done ON done.shop_id = $1 AND done.cart_id = holdout.cart_id
         WHERE holdout.shop_id = $1 AND holdout.run_id = $2 AND holdout.arm = $3 AND holdout.first_at IS NOT NULL
           AND holdout.counted_days >= $4 AND done.days = $4
         ORDER BY done.cart_id, done.currency",
        shop.get(),
        i64::try_from(run).unwrap_or(i64::MAX),
        arm.name(),
        i64::from(days)
    )?;
    rows.into_iter()
        .map(|(cart, currency, orders, net_minor, cost_micros)| {
            let currency = Currency::parse(&currency).map_err(|why| Error::damaged("currency", why))?;
            let orders = u32::try_from(orders).unwrap_or(0);
            Ok((CartId::new(cart), Outcome { currency, orders, net_minor, cost_micros }))
        })
        .collect()
}

/// Keeps a run's figures.
pub async fn keep(tx: &mut Tx, shop: ShopId, report: &Report, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO holdout_result (shop_id, run_id, at, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, run_id) DO UPDATE SET at = excluded.at, body = excluded.body",
        shop.get(),
        i64::try_from(report.run).unwrap_or(i64::MAX),
        now.millis(),
        json(report)?
    )?;
    Ok(())
}

/// A run's figures and when they were made.
pub async fn report(read: &mut Read, shop: ShopId, run: u64) -> Result<Option<(Report, Time)>, Error> {
    let row = first!(
        read,
        (String, i64),
        "SELECT body, at FROM holdout_result WHERE shop_id = $1 AND run_id = $2",
        shop.get(),
        i64::try_from(run).unwrap_or(i64::MAX)
    )?;
    row.map(|(body, at)| Ok((from_json("holdout report", &body)?, time(at)))).transpose()
}

/// Forgets who an entry was of. What was counted stays, what was not yet never is.
pub async fn forget(tx: &mut Tx, keys: &ShopKeys, person: &[u8; 16]) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE holdout SET person = $3 WHERE shop_id = $1 AND person = $2",
        of(keys),
        person.to_vec(),
        Vec::<u8>::new()
    )?;
    Ok(())
}

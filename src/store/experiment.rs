//! Experiments: their plans, the arms that were stopped, the carts that entered, and what came of their people.

use std::collections::BTreeMap;

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json, maybe, of, time,
};
use crate::domain::{
    experiment::{Facts, Plan},
    id::{CartId, ExperimentId},
    money::Currency,
    seal::ShopKeys,
    time::{DAY, Time},
};

/// An experiment as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    pub id: ExperimentId,
    pub plan: Plan,
    pub started_at: Time,
    pub by: String,
    pub ended_at: Option<Time>,
    /// Why it ended, in the words of who ended it.
    pub why: String,
    pub winner: Option<usize>,
    /// Arms taken out, with why.
    pub stopped: BTreeMap<usize, String>,
}

#[derive(Clone, sqlx::FromRow)]
struct Row {
    experiment_id: i64,
    sequence: String,
    body: String,
    started_at: i64,
    by_name: String,
    ended_at: Option<i64>,
    why: String,
    winner: Option<i64>,
}

async fn whole(read: &mut Read, keys: &ShopKeys, rows: Vec<Row>) -> Result<Vec<Experiment>, Error> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let stops = all!(
            read,
            (i64, String),
            "SELECT arm, why FROM experiment_stop WHERE shop_id = $1 AND experiment_id = $2 ORDER BY arm",
            of(keys),
            row.experiment_id
        )?;
        let stopped = stops.into_iter().filter_map(|(arm, why)| Some((usize::try_from(arm).ok()?, why)));
        found.push(Experiment {
            id: ExperimentId::new(row.experiment_id),
            plan: from_json("experiment", &row.body)?,
            started_at: time(row.started_at),
            by: row.by_name,
            ended_at: maybe(row.ended_at),
            why: row.why,
            winner: row.winner.and_then(|arm| usize::try_from(arm).ok()),
            stopped: stopped.collect(),
        });
    }
    Ok(found)
}

/// Every experiment of a shop, the newest first.
pub async fn list(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Experiment>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT experiment_id, sequence, body, started_at, by_name, ended_at, why, winner FROM experiment
         WHERE shop_id = $1 ORDER BY started_at DESC, experiment_id DESC",
        of(keys)
    )?;
    whole(read, keys, rows).await
}

/// Those of a sequence that were on at a moment: a cart abandoned then is in them.
pub async fn in_force(read: &mut Read, keys: &ShopKeys, sequence: &str, at: Time) -> Result<Vec<Experiment>, Error> {
    let mut rows = on_record(read, keys).await?;
    rows.retain(|row| {
        let (from, to) = (row.started_at, row.ended_at.unwrap_or(i64::MAX));
        row.sequence == sequence && from <= at.millis() && to > at.millis()
    });
    whole(read, keys, rows).await
}

/// Of all sequences: most shops have none, and those that have ask about one cart after the other.
async fn on_record(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Row>, Error> {
    let question = ("experiment", of(keys), 0);
    if let Some(rows) = read.recall(question) {
        return Ok(rows);
    }
    let rows = all!(
        read,
        Row,
        "SELECT experiment_id, sequence, body, started_at, by_name, ended_at, why, winner FROM experiment
         WHERE shop_id = $1 ORDER BY experiment_id",
        of(keys)
    )?;
    read.keep(question, &rows);
    Ok(rows)
}

/// Begins an experiment.
pub async fn begin(tx: &mut Tx, keys: &ShopKeys, experiment: &Experiment) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO experiment (shop_id, experiment_id, sequence, step, body, started_at, by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        of(keys),
        experiment.id.get(),
        experiment.plan.sequence.as_str(),
        i64::from(experiment.plan.step),
        json(&experiment.plan)?,
        experiment.started_at.millis(),
        experiment.by.as_str()
    )?;
    Ok(())
}

/// Ends it; once ended it stays as it is. `false` when it was not on.
pub async fn end(
    tx: &mut Tx,
    keys: &ShopKeys,
    id: ExperimentId,
    (why, winner): (&str, Option<usize>),
    now: Time,
) -> Result<bool, Error> {
    let ended = run!(
        tx,
        "UPDATE experiment SET ended_at = $3, why = $4, winner = $5
         WHERE shop_id = $1 AND experiment_id = $2 AND ended_at IS NULL",
        of(keys),
        id.get(),
        now.millis(),
        why,
        winner.and_then(|arm| i64::try_from(arm).ok())
    )?;
    Ok(ended > 0)
}

/// Takes an arm out: whoever is in it is treated as the first arm from now on.
pub async fn stop_arm(
    tx: &mut Tx,
    keys: &ShopKeys,
    id: ExperimentId,
    arm: usize,
    why: &str,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO experiment_stop (shop_id, experiment_id, arm, at, why) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (shop_id, experiment_id, arm) DO NOTHING",
        of(keys),
        id.get(),
        i64::try_from(arm).unwrap_or(i64::MAX),
        now.millis(),
        why
    )?;
    Ok(())
}

/// The arm a cart entered in, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub experiment: ExperimentId,
    pub arm: usize,
    pub entered_at: Time,
}

/// Every experiment a cart is in.
pub async fn of_cart(read: &mut Read, keys: &ShopKeys, cart: CartId) -> Result<Vec<Entry>, Error> {
    let rows = all!(
        read,
        (i64, i64, i64),
        "SELECT experiment_id, arm, entered_at FROM experiment_entry WHERE shop_id = $1 AND cart_id = $2
         ORDER BY experiment_id",
        of(keys),
        cart.get()
    )?;
    let entry = |(id, arm, at)| Entry {
        experiment: ExperimentId::new(id),
        arm: usize::try_from(arm).unwrap_or(0),
        entered_at: time(at),
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// Notes that a cart was found eligible; once noted it stays as it is. Only a person's first cart counts. The
/// caller holds the shop's turn.
pub async fn enter(
    tx: &mut Tx,
    keys: &ShopKeys,
    (id, cart): (ExperimentId, CartId),
    person: &[u8; 16],
    arm: usize,
    now: Time,
) -> Result<(), Error> {
    let known = first!(
        tx,
        (i64,),
        "SELECT cart_id FROM experiment_entry
         WHERE shop_id = $1 AND person = $2 AND experiment_id = $3 AND first_at IS NOT NULL LIMIT 1",
        of(keys),
        person.to_vec(),
        id.get()
    )?;
    run!(
        tx,
        "INSERT INTO experiment_entry (shop_id, experiment_id, cart_id, person, arm, entered_at, first_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (shop_id, experiment_id, cart_id) DO NOTHING",
        of(keys),
        id.get(),
        cart.get(),
        person.to_vec(),
        i64::try_from(arm).unwrap_or(0),
        now.millis(),
        known.is_none().then_some(now.millis())
    )?;
    Ok(())
}

/// Forgets who an entry was of; what came of them is not looked for any more.
pub async fn forget(tx: &mut Tx, keys: &ShopKeys, person: &[u8; 16]) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE experiment_entry SET person = $3 WHERE shop_id = $1 AND person = $2",
        of(keys),
        person.to_vec(),
        Vec::<u8>::new()
    )?;
    Ok(())
}

/// What came of each arm's people so far.
pub async fn facts(read: &mut Read, keys: &ShopKeys, experiment: &Experiment, now: Time) -> Result<Vec<Facts>, Error> {
    let days = experiment.plan.goal.days();
    let span = i64::from(days) * i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    let (id, until) = (experiment.id.get(), now.millis().saturating_sub(span));
    let mut arms: Vec<Facts> = (0..experiment.plan.arms.len())
        .map(|arm| Facts { stopped: experiment.stopped.contains_key(&arm), ..Facts::default() })
        .collect();
    let place = |arm: i64| usize::try_from(arm).unwrap_or(usize::MAX);
    let people = all!(
        read,
        (i64, i64, i64),
        "SELECT arm, CAST(COUNT(*) AS BIGINT), CAST(SUM(CASE WHEN entered_at <= $3 THEN 1 ELSE 0 END) AS BIGINT)
         FROM experiment_entry WHERE shop_id = $1 AND experiment_id = $2 AND first_at IS NOT NULL GROUP BY arm",
        of(keys),
        id,
        until
    )?;
    for (arm, people, counted) in people {
        if let Some(facts) = arms.get_mut(place(arm)) {
            (facts.people, facts.counted) = (people.unsigned_abs(), counted.unsigned_abs());
        }
    }
    let opted_out = all!(
        read,
        (i64, i64),
        "SELECT entry.arm, CAST(COUNT(DISTINCT entry.cart_id) AS BIGINT)
         FROM experiment_entry AS entry JOIN opt_out ON opt_out.shop_id = $1 AND opt_out.phone = entry.person
         WHERE entry.shop_id = $1 AND entry.experiment_id = $2 AND entry.first_at IS NOT NULL AND entry.entered_at <= $3
           AND opt_out.at >= entry.entered_at AND opt_out.at < entry.entered_at + $4
         GROUP BY entry.arm",
        of(keys),
        id,
        until,
        span
    )?;
    for (arm, count) in opted_out {
        if let Some(facts) = arms.get_mut(place(arm)) {
            facts.opted_out = count.unsigned_abs();
        }
    }
    bought(read, keys, (id, until, span), experiment, &mut arms).await?;
    if experiment.plan.goal == crate::domain::experiment::Goal::Tap {
        let taps = all!(
            read,
            (i64, i64),
            "SELECT entry.arm, CAST(COUNT(DISTINCT entry.cart_id) AS BIGINT)
             FROM experiment_entry AS entry
             JOIN message ON message.shop_id = $1 AND message.cart_id = entry.cart_id AND message.purpose = 'reminder'
             JOIN click AS tap ON tap.shop_id = $1 AND tap.message_id = message.message_id
             WHERE entry.shop_id = $1 AND entry.experiment_id = $2 AND entry.first_at IS NOT NULL
               AND entry.entered_at <= $3 AND tap.verdict = 'human' AND tap.at < entry.entered_at + $4
             GROUP BY entry.arm",
            of(keys),
            id,
            until,
            span
        )?;
        for (arm, count) in taps {
            if let Some(facts) = arms.get_mut(place(arm)) {
                facts.hits = count.unsigned_abs();
            }
        }
    }
    let costs = all!(
        read,
        (i64, String, i64),
        "SELECT entry.arm, message.cost_currency, CAST(SUM(message.cost_micros) AS BIGINT)
         FROM experiment_entry AS entry
         JOIN message ON message.shop_id = $1 AND message.cart_id = entry.cart_id AND message.purpose = 'reminder'
         WHERE entry.shop_id = $1 AND entry.experiment_id = $2 AND entry.first_at IS NOT NULL AND entry.entered_at <= $3
           AND message.accepted_at IS NOT NULL AND message.cost_currency IS NOT NULL AND message.cost_micros IS NOT NULL
         GROUP BY entry.arm, message.cost_currency",
        of(keys),
        id,
        until
    )?;
    for (arm, code, micros) in costs {
        if let Some(facts) = arms.get_mut(place(arm)) {
            facts.costs.push((currency(&code)?, micros));
        }
    }
    let discounts = all!(
        read,
        (i64, String, i64),
        "SELECT entry.arm, used.currency, CAST(SUM(used.amount_minor) AS BIGINT)
         FROM experiment_entry AS entry
         JOIN message ON message.shop_id = $1 AND message.cart_id = entry.cart_id
         JOIN discount_use AS used ON used.shop_id = $1 AND used.message_id = message.message_id
         WHERE entry.shop_id = $1 AND entry.experiment_id = $2 AND entry.first_at IS NOT NULL AND entry.entered_at <= $3
         GROUP BY entry.arm, used.currency",
        of(keys),
        id,
        until
    )?;
    for (arm, code, minor) in discounts {
        if let Some(facts) = arms.get_mut(place(arm)) {
            facts.discounts.push((currency(&code)?, minor));
        }
    }
    Ok(arms)
}

fn currency(code: &str) -> Result<Currency, Error> {
    Currency::parse(code).map_err(|_| Error::damaged("currency", code))
}

/// What each person bought by any name of their cart within their days, whether a text had a part in it or not.
async fn bought(
    read: &mut Read,
    keys: &ShopKeys,
    (id, until, span): (i64, i64, i64),
    experiment: &Experiment,
    arms: &mut [Facts],
) -> Result<(), Error> {
    let rows = all!(
        read,
        (i64, i64, i64, String, i64, Option<i64>, i64),
        "SELECT DISTINCT entry.arm, entry.cart_id, theirs.order_id, theirs.currency, theirs.total_minor,
                theirs.cancelled_at,
                CAST(COALESCE((SELECT SUM(back.amount_minor) FROM refund AS back
                               WHERE back.shop_id = $1 AND back.order_external_id = theirs.external_id
                                 AND back.currency = theirs.currency), 0) AS BIGINT)
         FROM experiment_entry AS entry
         JOIN identity AS ours ON ours.shop_id = $1 AND ours.subject = 'cart' AND ours.subject_id = entry.cart_id
         JOIN identity AS other ON other.shop_id = $1 AND other.subject = 'order' AND other.value = ours.value
         JOIN shop_order AS theirs ON theirs.shop_id = $1 AND theirs.order_id = other.subject_id
         WHERE entry.shop_id = $1 AND entry.experiment_id = $2 AND entry.first_at IS NOT NULL AND entry.entered_at <= $3
           AND theirs.placed_at >= entry.entered_at AND theirs.placed_at < entry.entered_at + $4
         ORDER BY entry.arm, entry.cart_id, theirs.order_id",
        of(keys),
        id,
        until,
        span
    )?;
    for orders in rows.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let Some(facts) = orders.first().and_then(|row| usize::try_from(row.0).ok()).and_then(|arm| arms.get_mut(arm))
        else {
            continue;
        };
        let mut paid: BTreeMap<Currency, i64> = BTreeMap::new();
        for (_, _, _, code, total, cancelled, back) in orders {
            let kept = if cancelled.is_some() { 0 } else { total.saturating_sub((*back).max(0)).max(0) };
            if kept > 0 {
                *paid.entry(currency(code)?).or_default() += kept;
            }
        }
        facts.refunded += u64::from(orders.iter().any(|row| row.5.is_some() || row.6 > 0));
        if experiment.plan.goal == crate::domain::experiment::Goal::Order {
            facts.hits += u64::from(orders.iter().any(|row| row.5.is_none()));
        }
        for (code, amount) in paid {
            match facts.purses.iter_mut().find(|(known, _)| *known == code) {
                Some((_, amounts)) => amounts.push(amount),
                None => facts.purses.push((code, vec![amount])),
            }
        }
    }
    Ok(())
}

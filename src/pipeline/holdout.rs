//! Holdout: an eligible cart enters with its person's arm; what came of each person is counted when a horizon is over, and
//! again whenever one of their orders changes; what a run shows is worked out from that.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Core;
use crate::{
    domain::{
        cart::Cart,
        holdout::{Arm, HORIZONS, HoldoutFacts, LATE, arm, ends_at},
        id::{CartId, ShopId},
        lift::{self, Purse, Report},
        money::Currency,
        order::Order,
        phone::Phone,
        seal::ShopKeys,
        stats::Share,
        time::Time,
    },
    store::{
        self, Error, Read, Tx,
        holdout::{Bought, Entry, Outcome},
        identity::{self, Subject},
        job::{self, Job},
    },
    transact,
};

/// What the decision about a cart needs to know. A cart that entered keeps its arm; one that was left before the run began
/// is not part of it.
pub(crate) async fn facts(
    read: &mut Read,
    keys: &ShopKeys,
    cart: &Cart,
    phone: Option<&Phone>,
) -> Result<Option<HoldoutFacts>, Error> {
    let runs = store::holdout::runs(read, keys.shop()).await?;
    // Most shops never held anybody out: they pay for one look.
    if runs.is_empty() {
        return Ok(None);
    }
    if let Some(entry) = store::holdout::of_cart(read, keys, cart.id).await? {
        let percent = runs.iter().find(|run| run.id == entry.run).map_or(0, |run| run.percent);
        return Ok(Some(HoldoutFacts {
            run: entry.run,
            percent,
            arm: entry.arm,
            assigned_at: Some(entry.assigned_at),
        }));
    }
    let on = runs.into_iter().find(|run| run.ended_at.is_none());
    let (Some(run), Some(phone)) = (on, phone) else { return Ok(None) };
    if cart.abandoned_at.is_none_or(|at| at < run.started_at) {
        return Ok(None);
    }
    let arm = arm(keys, &store::consent::phone_index(keys, phone), run.percent);
    Ok(Some(HoldoutFacts { run: run.id, percent: run.percent, arm, assigned_at: None }))
}

/// A cart was found eligible: it enters the run, in the arm that was decided with.
pub(crate) async fn assign(
    tx: &mut Tx,
    keys: &ShopKeys,
    cart: CartId,
    phone: &Phone,
    facts: Option<&HoldoutFacts>,
    now: Time,
) -> Result<(), Error> {
    let Some(facts) = facts.filter(|facts| facts.assigned_at.is_none()) else { return Ok(()) };
    let person = store::consent::phone_index(keys, phone);
    let entered = store::holdout::assign(tx, keys, (cart, facts.run), &person, facts.arm, now).await?;
    if entered == Some(true) {
        let [first, ..] = HORIZONS;
        job::schedule(tx, keys.shop(), job::Kind::Outcome, cart.get(), ends_at(now, first) + LATE).await?;
        work_out(tx, keys.shop(), facts.run, now).await?;
    }
    Ok(())
}

/// How long changes are gathered before a run's figures are made again.
const GATHER: Duration = Duration::from_secs(5 * 60);

async fn work_out(tx: &mut Tx, shop: ShopId, run: u64, now: Time) -> Result<(), Error> {
    job::ensure(tx, shop, job::Kind::Lift, i64::try_from(run).unwrap_or(i64::MAX), now + GATHER).await
}

/// An order was placed, changed, taken back or refunded: what came of its person is counted again, where it had been.
pub(crate) async fn order_changed(tx: &mut Tx, keys: &ShopKeys, order: &Order, now: Time) -> Result<(), Error> {
    if store::holdout::runs(tx, keys.shop()).await?.is_empty() {
        return Ok(());
    }
    for (_, value) in identity::names(tx, keys, Subject::Order(order.id)).await? {
        for cart in store::holdout::known_by(tx, keys, &value).await? {
            let Some(entry) = store::holdout::of_cart(tx, keys, cart).await? else { continue };
            if entry.counted_days > 0 {
                job::ensure(tx, keys.shop(), job::Kind::Outcome, cart.get(), now).await?;
            }
        }
    }
    Ok(())
}

/// Counts every horizon of a person that is over, and comes back when the next one is.
pub async fn outcome(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    let id = CartId::new(job.subject);
    let Some((_, keys)) = core.shop(tx, job.shop).await? else { return job::finish(tx, job).await.map(|_| ()) };
    let entry = store::holdout::of_cart(tx, &keys, id).await?;
    // Whoever was forgotten is not looked for any more; what was counted of them stays.
    let Some((entry, person)) = entry.filter(|entry| entry.first).and_then(|entry| Some((entry, entry.person?))) else {
        return job::finish(tx, job).await.map(|_| ());
    };
    let mut counted = false;
    for days in HORIZONS {
        let span = (entry.assigned_at, ends_at(entry.assigned_at, days));
        if span.1 + LATE > now {
            break;
        }
        let bought = store::holdout::bought(tx, &keys, &entry, span).await?;
        let cost = store::holdout::cost(tx, &keys, &person, span).await?;
        store::holdout::count(tx, &keys, id, days, &outcomes(&bought, &cost, span.1)).await?;
        counted = true;
    }
    if counted {
        work_out(tx, job.shop, entry.run, now).await?;
    }
    match next_end(&entry, now) {
        Some(due) => job::put_back(tx, job, due).await,
        None => job::finish(tx, job).await.map(|_| ()),
    }
}

/// The next moment a horizon of this entry is to be counted.
fn next_end(entry: &Entry, now: Time) -> Option<Time> {
    HORIZONS.into_iter().map(|days| ends_at(entry.assigned_at, days) + LATE).find(|&at| at > now)
}

/// What a person did by a moment, per currency: orders that stand, what they paid less what went back, what texts cost.
fn outcomes(bought: &[Bought], cost: &[(Currency, i64)], by: Time) -> Vec<Outcome> {
    let mut all: BTreeMap<String, Outcome> = BTreeMap::new();
    let mut of = |currency: Currency, orders: u32, net_minor: i64, cost_micros: i64| {
        let empty = Outcome { currency, orders: 0, net_minor: 0, cost_micros: 0 };
        let known = all.entry(currency.code().to_owned()).or_insert(empty);
        known.orders = known.orders.saturating_add(orders);
        known.net_minor = known.net_minor.saturating_add(net_minor);
        known.cost_micros = known.cost_micros.saturating_add(cost_micros);
    };
    for order in bought.iter().filter(|order| order.cancelled_at.is_none_or(|at| at >= by)) {
        let back = order.refunds.iter().filter(|(at, _)| *at < by);
        let back = back.fold(0i64, |sum, (_, minor)| sum.saturating_add((*minor).max(0)));
        of(order.currency, 1, order.total_minor.saturating_sub(back.min(order.total_minor.max(0))), 0);
    }
    for (currency, micros) in cost {
        of(*currency, 0, 0, *micros);
    }
    all.into_values().collect()
}

/// Works out what a run shows, and keeps it for pages and reports. Reading and reckoning hold nobody up.
pub async fn lift(core: &Core, job: &Job) -> Result<(), Error> {
    let run = job.subject.unsigned_abs();
    let report = {
        let mut read = core.db.read().await?;
        report(&mut read, job.shop, run).await?
    };
    let now = core.now();
    transact!(core.db, |tx| {
        if let Some(report) = &report {
            store::holdout::keep(tx, job.shop, report, now).await?;
        }
        job::finish(tx, job).await?;
    })
}

/// What a run shows now, from what was counted. `None` when there is no such run.
pub async fn report(read: &mut Read, shop: ShopId, run: u64) -> Result<Option<Report>, Error> {
    let Some(run) = store::holdout::runs(read, shop).await?.into_iter().find(|known| known.id == run) else {
        return Ok(None);
    };
    let mut facts = Vec::with_capacity(HORIZONS.len());
    for days in HORIZONS {
        facts.push(facts_of(read, shop, run.id, days).await?);
    }
    let texted = store::holdout::people(read, shop, run.id, Arm::Texted).await?;
    let held = store::holdout::people(read, shop, run.id, Arm::Held).await?;
    Ok(Some(Report::of(run.id, run.percent, (texted, held), &facts)))
}

async fn facts_of(read: &mut Read, shop: ShopId, run: u64, days: u32) -> Result<lift::Facts, Error> {
    let mut facts = lift::Facts { days, ..lift::Facts::default() };
    let mut purses: BTreeMap<String, Purse> = BTreeMap::new();
    let mut costs: BTreeMap<String, (Currency, i64)> = BTreeMap::new();
    for arm in Arm::ALL {
        let people = store::holdout::counted(read, shop, run, arm, days).await?;
        let mut bought = BTreeSet::new();
        for (cart, did) in store::holdout::outcomes(read, shop, run, arm, days).await? {
            let code = did.currency.code().to_owned();
            if did.orders > 0 {
                bought.insert(cart);
                let empty = Purse { currency: did.currency, texted: Vec::new(), held: Vec::new() };
                let purse = purses.entry(code.clone()).or_insert(empty);
                let amounts = if arm == Arm::Texted { &mut purse.texted } else { &mut purse.held };
                amounts.push(did.net_minor);
            }
            if arm == Arm::Texted && did.cost_micros != 0 {
                let cost = costs.entry(code).or_insert((did.currency, 0));
                cost.1 = cost.1.saturating_add(did.cost_micros);
            }
        }
        let share = Share::new(bought.len() as u64, people);
        if arm == Arm::Texted { facts.texted = share } else { facts.held = share }
    }
    facts.purses = purses.into_values().collect();
    facts.costs = costs.into_values().collect();
    Ok(facts)
}

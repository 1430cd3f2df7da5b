//! Goals and funnels as people handle them: adding, changing, removing, and letting a funnel's visitors walk. A changed
//! goal is counted anew for every day whose events are still there.

use super::{
    Core,
    connect::NotConnected,
    rollup::bounds,
    tally::{self, placed},
};
use crate::{
    domain::{
        funnel::{self, FUNNELS_MAX, Funnel, Walk, Way},
        goal::{GOALS_MAX, Goal, Plan},
        id::{FunnelId, GoalId, ShopId},
        seal::ShopKeys,
        site_event::{Kind, SiteEvent},
    },
    store::{self, Error, Read, shop::Shop},
    transact,
};

/// Keeps goals: new ones, or this one changed. Every problem is told at once; all are kept or none. `None` when there is
/// no such goal.
pub async fn keep(
    core: &Core,
    shop: ShopId,
    id: Option<GoalId>,
    plans: &[Plan],
) -> Result<Option<Vec<GoalId>>, NotConnected> {
    let problems: Vec<String> = plans.iter().filter_map(|plan| plan.check().err()).flatten().collect();
    if !problems.is_empty() {
        return Err(NotConnected::Wrong(problems));
    }
    let now = core.now();
    let fresh: Vec<GoalId> = plans.iter().map(|_| id.unwrap_or_else(|| GoalId::new(core.fresh_id()))).collect();
    let kept: Result<Option<Vec<GoalId>>, String> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let Some((shop, keys)) = core.shop(tx, shop).await? else { return Ok(Ok(None)) };
        let known = store::goal::list(tx, &keys).await?;
        if id.is_some_and(|id| known.iter().all(|goal| goal.id != id)) {
            Ok(None)
        } else if id.is_none() && known.len() + plans.len() > GOALS_MAX {
            Err(format!("goal: a shop has at most {GOALS_MAX}"))
        } else {
            for (id, plan) in fresh.iter().zip(plans) {
                let plan = Plan { name: plan.name.trim().to_owned(), ..plan.clone() };
                store::goal::put(tx, &keys, &Goal { id: *id, plan }, now).await?;
            }
            store::goal::recount(tx, &keys, tally::oldest_day(&shop, now) + 1, now).await?;
            Ok(Some(fresh.clone()))
        }
    })?;
    core.wake.notify_one();
    kept.map_err(|problem| NotConnected::Wrong(vec![problem]))
}

/// `false` when there is none. What was counted of it goes with the next count of its days.
pub async fn remove(core: &Core, shop: ShopId, id: GoalId) -> Result<bool, Error> {
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            Some((_, keys)) => store::goal::remove(tx, &keys, id).await?,
            None => false,
        }
    })
}

/// Keeps a funnel, new or changed. `None` when there is no such funnel.
pub async fn keep_funnel(
    core: &Core,
    shop: ShopId,
    id: Option<FunnelId>,
    way: &Way,
) -> Result<Option<FunnelId>, NotConnected> {
    way.check().map_err(NotConnected::Wrong)?;
    let now = core.now();
    let fresh = id.unwrap_or_else(|| FunnelId::new(core.fresh_id()));
    let kept: Result<Option<FunnelId>, String> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let Some((_, keys)) = core.shop(tx, shop).await? else { return Ok(Ok(None)) };
        let known = store::goal::funnels(tx, &keys).await?;
        if id.is_some_and(|id| known.iter().all(|funnel| funnel.id != id)) {
            Ok(None)
        } else if id.is_none() && known.len() >= FUNNELS_MAX {
            Err(format!("funnel: a shop has at most {FUNNELS_MAX}"))
        } else {
            store::goal::put_funnel(tx, &keys, &Funnel { id: fresh, way: way.clone() }, now).await?;
            Ok(Some(fresh))
        }
    })?;
    kept.map_err(|problem| NotConnected::Wrong(vec![problem]))
}

/// `false` when there is none.
pub async fn remove_funnel(core: &Core, shop: ShopId, id: FunnelId) -> Result<bool, Error> {
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            Some((_, keys)) => store::goal::remove_funnel(tx, &keys, id).await?,
            None => false,
        }
    })
}

/// Events of one kind a funnel looks at, the newest ones: what a page can wait for.
const EVENTS_MOST: u32 = 50_000;
/// Orders each of which is looked up.
const ORDERS_MOST: u32 = 5_000;

/// What came of a funnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    pub walk: Walk,
    /// There was more than can be looked at: only the newest was.
    pub cut: bool,
}

/// Lets the visitors of the days `[from_day, to_day]` walk a funnel. What `ordered` asks for are the shop's own orders.
pub async fn walk(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    way: &Way,
    (from_day, to_day): (i64, i64),
) -> Result<Walked, Error> {
    let span = (bounds(shop, from_day).0, bounds(shop, to_day).1);
    let mut events: Vec<SiteEvent> = Vec::new();
    let mut cut = false;
    for kind in way.kinds() {
        if kind == Kind::Ordered {
            let orders = store::site_event::orders(read, keys, span.0, span.1, ORDERS_MOST).await?;
            cut |= orders.len() >= ORDERS_MOST as usize;
            for (id, order) in orders {
                events.push(placed(read, keys, id, order).await?.0);
            }
        } else {
            let found = store::site_event::of_kind(read, keys, kind, span, EVENTS_MOST).await?;
            cut |= found.len() >= EVENTS_MOST as usize;
            events.extend(found);
        }
    }
    Ok(Walked { walk: funnel::walk(way, &events), cut })
}

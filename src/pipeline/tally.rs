//! Tally: a day's events and goals, counted again from what is kept whenever one was added. Orders are the shop's own;
//! what the pixel knows of whoever placed one is put beside it.

use super::{
    Core,
    rollup::{bounds, day_number},
    zone_of,
};
use crate::{
    domain::{
        goal::{Class, Goal},
        id::{OrderId, SiteEventId},
        seal::ShopKeys,
        site_event::{Kind, SiteEvent},
        tally::Counter,
        time::Time,
    },
    store::{
        self, Error, Read, Tx,
        job::{self, Job},
        shop::Shop,
    },
};

/// Events read at a time.
const PIECE: u32 = 5_000;
/// Orders of a day.
const ORDERS_MOST: u32 = 200_000;
/// Of a visitor, to know where they came from.
const VISIT_MOST: u32 = 500;

/// Counts the day the job names.
pub async fn tally(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    if let Some((shop, keys)) = core.shop(tx, job.shop).await?
        // The sums of an erased shop stay.
        && shop.erased_at.is_none()
        // Of a day whose events have begun to go, the sums are all there is.
        && job.subject > oldest_day(&shop, core.now())
    {
        recompute(tx, &shop, &keys, job.subject).await?;
    }
    job::finish(tx, job).await.map(|_| ())
}

/// The last day of which some events may be gone already.
pub fn oldest_day(shop: &Shop, now: Time) -> i64 {
    day_number(&zone_of(shop), shop.rules.retention.events_before(now))
}

/// Marks the day of an order, where a goal counts it.
pub(crate) async fn dirty(tx: &mut Tx, shop: &Shop, keys: &ShopKeys, at: Time, now: Time) -> Result<(), Error> {
    if store::goal::list(tx, keys).await?.iter().any(|goal| goal.plan.kind == Kind::Ordered) {
        job::ensure(tx, shop.id, job::Kind::Tally, day_number(&zone_of(shop), at), now).await?;
    }
    Ok(())
}

/// Counts one day of a shop.
pub async fn recompute(tx: &mut Tx, shop: &Shop, keys: &ShopKeys, day: i64) -> Result<(), Error> {
    let span = bounds(shop, day);
    let goals = store::goal::list(tx, keys).await?;
    let mut counter = Counter::new(&goals);
    let mut after = (Time::FIRST, SiteEventId::new(0));
    loop {
        let events = store::site_event::of_span(tx, keys, span, after, PIECE).await?;
        for event in &events {
            let minutes = if takes_time(&goals, event) { minutes_before(tx, keys, event).await? } else { None };
            counter.add(event, minutes);
        }
        match events.last() {
            Some(last) if events.len() == PIECE as usize => after = (last.at, last.id),
            _ => break,
        }
    }
    if goals.iter().any(|goal| goal.plan.kind == Kind::Ordered) {
        for (id, order) in store::site_event::orders(tx, keys, span.0, span.1, ORDERS_MOST).await? {
            let (order, minutes) = placed(tx, keys, id, order).await?;
            counter.add_order(&order, minutes);
        }
    }
    store::site_event::put_tally(tx, shop.id, day, &store::json(&counter.done())?).await
}

/// Only of what the shop lives from is it asked how long it took.
fn takes_time(goals: &[Goal], event: &SiteEvent) -> bool {
    goals.iter().any(|goal| goal.plan.class == Class::Macro && goal.plan.matches(event))
}

async fn minutes_before(read: &mut Read, keys: &ShopKeys, event: &SiteEvent) -> Result<Option<u64>, Error> {
    let seen = store::site_event::seen(read, keys, &event.visitor).await?;
    Ok(seen.map(|(first, _)| event.at.since(first).as_secs() / 60))
}

/// An order with what is known of whoever placed it, and how long after their first event that was. Without a visitor
/// what its cart says stands in.
pub async fn placed(
    read: &mut Read,
    keys: &ShopKeys,
    id: OrderId,
    mut order: SiteEvent,
) -> Result<(SiteEvent, Option<u64>), Error> {
    let (product, source) = store::site_event::cart_of_order(read, keys, id).await?;
    order.product = product;
    order.visit.source = source;
    let visitors = store::site_event::visitors_of_order(read, keys, id, &order.order).await?;
    let Some(visitor) = visitors.first() else { return Ok((order, None)) };
    let events = store::site_event::of_visitor(read, keys, visitor, VISIT_MOST).await?;
    let before: Vec<&SiteEvent> = events.iter().filter(|event| event.at <= order.at).collect();
    order.visitor = *visitor;
    if let Some(last) = before.iter().rev().find(|event| event.visit.is_known()) {
        order.visit = last.visit.clone();
    }
    if let Some(last) = before.iter().rev().find(|event| !event.device.is_empty()) {
        order.device.clone_from(&last.device);
        order.country.clone_from(&last.country);
    }
    if order.product.is_empty()
        && let Some(last) = before.iter().rev().find(|event| !event.product.is_empty())
    {
        order.product.clone_from(&last.product);
    }
    let minutes = before.first().map(|first| order.at.since(first.at).as_secs() / 60);
    Ok((order, minutes))
}

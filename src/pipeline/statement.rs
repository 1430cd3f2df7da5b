//! Statement: a month's figures, published once and kept; the chain that binds them; and what changed since.

use jiff::{ToSpan, civil::Date};

use super::{Core, report, rollup, zone_of};
use crate::{
    domain::{
        attribution::Windows,
        hours,
        id::ShopId,
        seal::ShopKeys,
        statement::{Body, Changes, Line, Link, Sums, hash, problems},
    },
    store::{
        self, Error, Read,
        job::{self, Kind},
        shop::Shop,
        statement::Published,
    },
    transact,
};

/// Orders listed one by one; more are counted.
const ORDERS_MOST: u32 = 2_000;
/// The form of a body.
const VERSION: u32 = 1;

/// Why a month was not published.
#[derive(Debug, thiserror::Error)]
pub enum NotPublished {
    #[error("there is no such shop")]
    NoShop,
    /// In words for the shopkeeper.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] Error),
}

/// The first and the last day of `2026-10`.
pub fn days(month: &str) -> Option<(Date, Date)> {
    let first: Date = format!("{month}-01").parse().ok()?;
    (first.strftime("%Y-%m").to_string() == month).then_some((first, first.last_of_month()))
}

/// The figures of a month as they are now, not published by anybody.
pub async fn now(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    (first, last): (Date, Date),
) -> Result<Body, Error> {
    let zone = zone_of(shop);
    let next = last.checked_add(1.day()).unwrap_or(last);
    let (from, to) = (hours::start_of_day(&zone, first), hours::start_of_day(&zone, next));
    let report = report::between(core, read, shop, first, last).await?;
    let stated = store::credit::stated(read, keys, from, to, ORDERS_MOST).await?;
    let (given, taken) = store::touch::corrected(read, keys, from, to).await?;
    let counts = &report.total.counts;
    let money = report.total.money.iter().map(|(&currency, sums)| {
        let sums = Sums {
            orders: sums.recovered_orders,
            gross_minor: sums.gross_minor,
            refunded_minor: sums.refunded_minor,
            net_minor: sums.net_minor,
            discount_minor: sums.discount_minor,
            cost_micros: sums.cost_micros,
            assisted_orders: sums.assisted_orders,
            assisted_net_minor: sums.assisted_net_minor,
        };
        (currency, sums)
    });
    let more = counts.recovered_orders.unsigned_abs().saturating_sub(stated.len() as u64);
    Ok(Body {
        version: VERSION,
        shop: shop.id.get(),
        name: shop.name.clone(),
        month: first.strftime("%Y-%m").to_string(),
        zone: shop.zone.clone(),
        software: env!("CARGO_PKG_VERSION").to_owned(),
        rules_version: shop.rules_version,
        model: "strict".to_owned(),
        windows: Windows::of(&shop.rules),
        published_at: String::new(),
        by: String::new(),
        carts: counts.abandoned,
        texts: counts.texts,
        money: money.filter(|(_, sums)| *sums != Sums::default()).collect(),
        given,
        taken,
        orders: stated
            .into_iter()
            .map(|order| Line {
                order: order.order,
                currency: order.gross.currency,
                gross_minor: order.gross.minor,
                back_minor: order.back.minor,
            })
            .collect(),
        more,
    })
}

/// Publishes a month that is over: its figures as they are at this moment, once and for good.
pub async fn publish(core: &Core, id: ShopId, month: &str, by: &str) -> Result<Published, NotPublished> {
    let at = core.now();
    let refused = |why: &str| NotPublished::Refused(why.to_owned());
    let span = days(month).ok_or_else(|| refused("a month is written as 2026-10"))?;
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await? {
            None => Err(NotPublished::NoShop),
            Some((shop, keys)) => {
                let unsettled = job::waits(tx, id, Kind::Recredit, 0, i64::MAX).await?
                    || job::waits(tx, id, Kind::Rollup, rollup::number_of(span.0), rollup::number_of(span.1)).await?;
                let before = store::statement::newest(tx, &keys).await?;
                if hours::day_of(&zone_of(&shop), at) <= span.1 {
                    Err(refused("that month is not over yet"))
                } else if store::statement::of_month(tx, &keys, month).await?.is_some() {
                    Err(refused("that month is published already; what changed since is shown beside it"))
                } else if unsettled {
                    Err(refused("figures are still being computed; try again in a moment"))
                } else {
                    let figures = now(core, tx, &shop, &keys, span).await?;
                    let body = Body { published_at: at.to_string(), by: by.to_owned(), ..figures };
                    let body = serde_json::to_string(&body).map_err(|why| Error::damaged("statement", why))?;
                    let hash_before = before.as_ref().map_or_else(String::new, |before| before.hash.clone());
                    let statement = Published {
                        number: before.map_or(1, |before| before.number + 1),
                        month: month.to_owned(),
                        published_at: at,
                        by: by.to_owned(),
                        hash: hash(&hash_before, &body),
                        hash_before,
                        body,
                    };
                    store::statement::publish(tx, &keys, &statement).await?;
                    Ok(statement)
                }
            }
        }
    })?
}

/// A published month, with its figures read and what changed since.
#[derive(Clone, Debug)]
pub struct Shown {
    pub published: Published,
    pub body: Body,
    pub since: Changes,
}

/// `None` where that month was not published.
pub async fn shown(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    month: &str,
) -> Result<Option<Shown>, Error> {
    let (Some(published), Some(span)) = (store::statement::of_month(read, keys, month).await?, days(month)) else {
        return Ok(None);
    };
    let body: Body = serde_json::from_str(&published.body).map_err(|why| Error::damaged("statement", why))?;
    let figures = now(core, read, shop, keys, span).await?;
    let since = Changes::between(&body, &figures);
    Ok(Some(Shown { published, body, since }))
}

/// Every published month of a shop, and what does not hold in their chain.
pub async fn chain(read: &mut Read, keys: &ShopKeys) -> Result<(Vec<Published>, Vec<String>), Error> {
    let all = store::statement::all_of(read, keys).await?;
    let links = all.iter().map(|each| Link {
        number: each.number,
        month: &each.month,
        body: &each.body,
        hash_before: &each.hash_before,
        hash: &each.hash,
    });
    let problems = problems(links);
    Ok((all, problems))
}

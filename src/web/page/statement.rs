//! The statement of a month: `/statement?month=2026-10`, the month before this one when none is asked for.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use jiff::{ToSpan, civil::Date};

use super::{
    Visit,
    cart_acts::{actor, led_to},
    figures::{self, count},
    settings::Typed,
    show,
};
use crate::{
    domain::{
        hours,
        money::{Currency, Money},
        report::Report,
        statement::Line,
    },
    pipeline::{
        self,
        statement::{self, NotPublished, Shown},
        zone_of,
    },
    store::{self, credit::Stated},
    web::{
        gate,
        problem::Problem,
        view::{
            Section,
            attribution::Hours,
            format::{self, Shown as _},
            report::minor,
            statement::{ChangedOrder, Credited, Published, PublishedSum, Statement, Sum},
            words::say,
        },
    },
};

fn month(day: Date) -> String {
    day.strftime("%Y-%m").to_string()
}

/// Orders listed one by one; more are counted and said to be.
const ORDERS_MOST: u32 = 2_000;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Report).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let zone = zone_of(shop);
    let today = format::day_of(visit.page.now, &zone);
    let first = match visit.asked("month") {
        "" => today.first_of_month().checked_sub(1.month()).unwrap_or(today),
        asked => format!("{asked}-01").parse::<Date>().map_err(|_| Problem::NotFound)?,
    };
    if first > today {
        return Err(Problem::NotFound);
    }
    let next = first.checked_add(1.month()).map_err(|_| Problem::NotFound)?;
    let last = first.last_of_month();
    let mut read = visit.read().await?;
    let report = pipeline::report::between(visit.core(), &mut read, shop, first, last).await?;
    let (from, to) = (hours::start_of_day(&zone, first), hours::start_of_day(&zone, next));
    let stated = store::credit::stated(&mut read, keys, from, to, ORDERS_MOST).await?;
    let shown = statement::shown(visit.core(), &mut read, shop, keys, &month(first)).await?;
    let (all, broken) = statement::chain(&mut read, keys).await?;
    let sums = sums(&report);
    let listed: u64 = stated.len() as u64;
    let other_costs = figures::cost(&report.total)
        .into_iter()
        .filter(|cost| !sums.iter().any(|sum| sum.net.currency == cost.currency))
        .collect();
    let page = Statement {
        month: month(first),
        title: format::month(first),
        before: month(first.checked_sub(1.month()).unwrap_or(first)),
        after: (next <= today).then(|| month(next)),
        shop: shop.name.clone(),
        more: sums.iter().map(|sum| sum.orders).sum::<u64>().saturating_sub(listed),
        sums,
        other_costs,
        later: later(&stated),
        orders: stated.into_iter().map(credited).collect(),
        click_window_hours: shop.rules.click_window_hours,
        delivered_window_hours: shop.rules.delivered_window_hours,
        texts: count(report.total.counts.texts),
        carts: count(report.total.counts.abandoned),
        may_publish: visit.visitor.may_change && next <= today && shown.is_none(),
        published: shown.map(published),
        months: all.into_iter().rev().map(|each| each.month).collect(),
        broken,
        page: visit.page.clone(),
    };
    show(&page)
}

fn published(shown: Shown) -> Published {
    let Shown { published, body, since } = shown;
    let currencies: BTreeSet<Currency> = body.money.keys().chain(since.money.keys()).copied().collect();
    let sums = currencies.into_iter().map(|currency| {
        let was = body.money.get(&currency).copied().unwrap_or_default();
        let change = since.money.get(&currency).copied().unwrap_or_default();
        let money = |minor| Money::new(minor, currency);
        PublishedSum {
            orders: count(was.orders),
            gross: money(was.gross_minor),
            refunded: money(was.refunded_minor),
            net: money(was.net_minor),
            orders_since: change.orders,
            net_since: money(change.net_minor),
        }
    });
    let net = |line: &Line| Money::new(line.gross_minor.saturating_sub(line.back_minor), line.currency).shown();
    let order = |line: &Line, what: String| ChangedOrder { id: line.order.to_string(), what };
    let added = since.added.iter().map(|line| order(line, say("credited since: {amount}", &[("amount", &net(line))])));
    let gone =
        since.gone.iter().map(|line| order(line, say("no longer credited: {amount}", &[("amount", &net(line))])));
    let changed = since
        .changed
        .iter()
        .map(|(was, is)| order(is, say("{before} then, {after} now", &[("before", &net(was)), ("after", &net(is))])));
    Published {
        at: published.published_at,
        by: published.by,
        hash: published.hash,
        hours: Hours { click: body.windows.click_hours, sent: body.windows.sent_hours },
        sums: sums.filter(|sum| sum.gross.minor != 0 || sum.refunded.minor != 0 || sum.net_since.minor != 0).collect(),
        changed: added.chain(gone).chain(changed).take(CHANGED_MOST).collect(),
    }
}

/// Orders that changed, told one by one.
const CHANGED_MOST: usize = 50;

/// Publishes a month.
pub async fn publish(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = actor(&request, Section::Report).await?;
    let typed = Typed::of(&body).fields();
    let month = typed.get("month").map_or("", String::as_str);
    match statement::publish(visit.core(), shop, month, &by).await {
        Ok(published) => {
            gate::detail(&request, format!("{} with SHA-256 {}", published.month, published.hash));
            Ok(led_to(&visit, &format!("/statement?month={}", published.month), "month_published"))
        }
        Err(NotPublished::NoShop) => Err(Problem::NotFound),
        Err(NotPublished::Refused(why)) => Err(Problem::Wrong(vec![why])),
        Err(NotPublished::Store(error)) => Err(error.into()),
    }
}

fn sums(report: &Report) -> Vec<Sum> {
    let costs = figures::cost(&report.total);
    let took = report.total.money.iter().filter(|(_, sums)| {
        sums.gross_minor != 0 || sums.refunded_minor != 0 || sums.assisted_orders != 0 || sums.discount_minor != 0
    });
    took.map(|(&currency, sums)| {
        let money = |minor| Money::new(minor, currency);
        let cost = costs.iter().find(|cost| cost.currency == currency).copied();
        Sum {
            currency: currency.code().to_owned(),
            orders: count(sums.recovered_orders),
            gross: money(sums.gross_minor),
            refunded: money(sums.refunded_minor),
            net: money(sums.net_minor),
            discounts: money(sums.discount_minor),
            left: cost.map(|cost| money(sums.net_minor.saturating_sub(minor(&cost)))),
            cost,
            assisted_orders: count(sums.assisted_orders),
            assisted: money(sums.assisted_net_minor),
        }
    })
    .collect()
}

/// Per currency, what went back after the month.
fn later(stated: &[Stated]) -> Vec<Money> {
    let mut sums = std::collections::BTreeMap::new();
    for order in stated.iter().filter(|order| order.back_later.minor != 0) {
        *sums.entry(order.back_later.currency).or_insert(0i64) += order.back_later.minor;
    }
    sums.into_iter().map(|(currency, minor)| Money::new(minor, currency)).collect()
}

fn credited(order: Stated) -> Credited {
    let won = order.verdict.as_ref().and_then(|verdict| verdict.considered.iter().find(|each| each.won));
    Credited {
        id: order.order.to_string(),
        number: order.number,
        at: order.placed_at,
        gross: order.gross,
        back: order.back,
        back_later: order.back_later,
        net: Money::new(order.gross.minor - order.back.minor, order.gross.currency),
        why: won.map(|won| say("text {step}: {why}", &[("step", &won.step), ("why", &won.why)])).unwrap_or_default(),
    }
}

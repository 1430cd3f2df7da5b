//! The report: the same figures as the page and `cartback report`, in the shop's own days. Nothing is summed across
//! currencies.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::Call,
    form::{self, Moment, Money},
};
use crate::{
    domain::{
        hours,
        message::Cost as StoredCost,
        money::Currency,
        report::{Metric, Slice as Stored, Stage as Came, Sums},
        time::Time,
    },
    pipeline::{
        report::{self, DAYS_MAX},
        rollup, zone_of,
    },
    store::{self, shop::Shop},
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Period {
    /// The last so many of the shop's own days, today included.
    #[param(minimum = 1, maximum = 731, default = 30)]
    days: Option<u32>,
    /// Instead of `days`: the first day.
    #[param(example = "2026-03-01")]
    from: Option<String>,
    /// The last day, with `from`; today without it.
    #[param(example = "2026-03-31")]
    to: Option<String>,
}

/// The figures of a period.
#[derive(Serialize, ToSchema)]
pub struct Report {
    /// First and last day, both counted.
    #[schema(example = "2026-03-01")]
    from: String,
    #[schema(example = "2026-03-31")]
    to: String,
    /// IANA name: whose days these are.
    #[schema(example = "Europe/Ljubljana")]
    timezone: String,
    /// When it was read.
    at: Moment,
    total: Slice,
    /// The period of the same length before.
    before: Slice,
    /// Every day, also empty ones.
    days: Vec<DaySlice>,
    steps: Vec<StepSlice>,
    /// By the country of the cart or the number; empty is unknown.
    countries: Vec<CountrySlice>,
    gateways: Vec<GatewaySlice>,
    /// What each figure counts.
    definitions: BTreeMap<String, String>,
}

/// Counts, and money per currency.
#[derive(Serialize, ToSchema)]
pub struct Slice {
    abandoned: i64,
    reachable: i64,
    carts_texted: i64,
    texts: i64,
    parts: i64,
    delivered: i64,
    clicked: i64,
    recovered_orders: i64,
    assisted_orders: i64,
    opt_outs: i64,
    orders: i64,
    codes: i64,
    codes_used: i64,
    /// One per currency.
    money: Vec<Takings>,
}

/// Money of one currency.
#[derive(Serialize, ToSchema)]
pub struct Takings {
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    recovered_orders: i64,
    assisted_orders: i64,
    abandoned: Money,
    gross: Money,
    refunded: Money,
    net: Money,
    /// Never part of the headline.
    assisted_net: Money,
    /// What the codes of texts took off.
    discount: Money,
    cost: form::Cost,
}

#[derive(Serialize, ToSchema)]
pub struct DaySlice {
    #[schema(example = "2026-03-01")]
    day: String,
    figures: Slice,
}

#[derive(Serialize, ToSchema)]
pub struct StepSlice {
    step: u32,
    figures: Slice,
}

#[derive(Serialize, ToSchema)]
pub struct CountrySlice {
    #[schema(example = "SI")]
    country: String,
    figures: Slice,
}

#[derive(Serialize, ToSchema)]
pub struct GatewaySlice {
    gateway: String,
    figures: Slice,
}

/// Where carts of a period stopped.
#[derive(Serialize, ToSchema)]
pub struct Funnel {
    #[schema(example = "2026-03-01")]
    from: String,
    #[schema(example = "2026-03-31")]
    to: String,
    stages: Vec<Stage>,
}

#[derive(Serialize, ToSchema)]
pub struct Stage {
    /// `abandoned`, `phone`, `mobile`, `consent`, `allowed`, `sent`, `delivered`, `clicked` or `bought`.
    #[schema(example = "consent")]
    stage: String,
    /// Carts that came so far.
    carts: u64,
    /// What the carts were worth that came to the stage before and not to this one, per currency.
    left: Vec<Money>,
}

/// An order credited to a text.
#[derive(Serialize, ToSchema)]
pub struct CreditedOrder {
    order: String,
    #[schema(example = "#1093")]
    number: String,
    /// `credited`, or `assisted`, which is never part of the headline.
    class: String,
    step: u32,
    placed_at: Moment,
    gross: Money,
    net: Money,
}

/// Days of a period, and how many days before today it ends.
fn span(period: &Period, today: Date) -> Result<(u32, u32), Problem> {
    let wrong = |why: &str| Problem::Wrong(vec![why.to_owned()]);
    let most = format!("days: must be 1 to {DAYS_MAX}");
    let day = |field: &str, typed: &String| {
        typed.parse::<Date>().map_err(|_| wrong(&format!("{field}: must be a day, as in 2026-03-01")))
    };
    let Some(from) = &period.from else {
        if period.to.is_some() {
            return Err(wrong("to: goes with from"));
        }
        let days = period.days.unwrap_or(DAYS);
        return if (1..=DAYS_MAX).contains(&days) { Ok((days, 0)) } else { Err(wrong(&most)) };
    };
    if period.days.is_some() {
        return Err(wrong("days: goes without from"));
    }
    let from = day("from", from)?;
    let to = period.to.as_ref().map_or(Ok(today), |to| day("to", to))?;
    let number = |day: Date| rollup::number_of(day);
    let days = u32::try_from(number(to) - number(from) + 1).ok().filter(|days| (1..=DAYS_MAX).contains(days));
    let back = u32::try_from(number(today) - number(to)).ok().filter(|back| *back <= DAYS_MAX);
    let days = days.ok_or_else(|| wrong(&format!("from: must lie 0 to {} days before to", DAYS_MAX - 1)))?;
    Ok((days, back.ok_or_else(|| wrong(&format!("to: must lie 0 to {DAYS_MAX} days before today")))?))
}

const DAYS: u32 = 30;

fn today(call: &Call, shop: &Shop) -> Date {
    hours::day_of(&zone_of(shop), call.core().now())
}

fn slice(stored: &Stored) -> Slice {
    let counts = &stored.counts;
    Slice {
        abandoned: counts.abandoned,
        reachable: counts.reachable,
        carts_texted: counts.carts_texted,
        texts: counts.texts,
        parts: counts.segments,
        delivered: counts.delivered,
        clicked: counts.clicked,
        recovered_orders: counts.recovered_orders,
        assisted_orders: counts.assisted_orders,
        opt_outs: counts.opt_outs,
        orders: counts.orders,
        codes: counts.discounts,
        codes_used: counts.discounts_used,
        money: stored.money.iter().map(|(currency, sums)| takings(*currency, sums)).collect(),
    }
}

fn takings(currency: Currency, sums: &Sums) -> Takings {
    let money = |minor| Money::minor(minor, currency);
    Takings {
        currency: currency.to_string(),
        recovered_orders: sums.recovered_orders,
        assisted_orders: sums.assisted_orders,
        abandoned: money(sums.abandoned_minor),
        gross: money(sums.gross_minor),
        refunded: money(sums.refunded_minor),
        net: money(sums.net_minor),
        assisted_net: money(sums.assisted_net_minor),
        discount: money(sums.discount_minor),
        cost: StoredCost { micros: sums.cost_micros, currency }.into(),
    }
}

/// The figures of a period
///
/// By day, step, country and gateway, with the period before.
#[utoipa::path(get, path = "/api/v1/report", params(Period), responses((status = 200, description = "The report.", body = Report)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let period: Period = call.query()?;
    let (mut read, shop, _) = call.open().await?;
    let (days, back) = span(&period, today(call, &shop))?;
    let core = call.core();
    let whole = report::report(core, shop.id, days, back).await?.ok_or(Problem::NotFound)?;
    let before = report::report(core, shop.id, days, back + days).await?.ok_or(Problem::NotFound)?;
    let number = |day: &str| day.parse::<Date>().map(rollup::number_of).unwrap_or_default();
    let (first, last) = (number(&whole.from), number(&whole.to));
    let (mut countries, mut gateways) = (BTreeMap::<String, Stored>::new(), BTreeMap::<String, Stored>::new());
    for (country, gateway, figure) in store::rollup::figures_apart(&mut read, shop.id, first, last).await? {
        countries.entry(country).or_default().add(&figure);
        if let Some(gateway) = gateway {
            gateways.entry(gateway.to_string()).or_default().add(&figure);
        }
    }
    let known = |metric: &Metric| (name(*metric).to_owned(), metric.definition().to_owned());
    Answer::ok(&Report {
        from: whole.from,
        to: whole.to,
        timezone: whole.zone,
        at: whole.at.into(),
        total: slice(&whole.total),
        before: slice(&before.total),
        days: whole.days.iter().map(|day| DaySlice { day: day.day.clone(), figures: slice(&day.slice) }).collect(),
        steps: whole.steps.iter().map(|(step, of)| StepSlice { step: *step, figures: slice(of) }).collect(),
        countries: countries
            .iter()
            .map(|(country, of)| CountrySlice { country: country.clone(), figures: slice(of) })
            .collect(),
        gateways: gateways
            .iter()
            .map(|(gateway, of)| GatewaySlice { gateway: gateway.clone(), figures: slice(of) })
            .collect(),
        definitions: Metric::ALL.iter().map(known).collect(),
    })
}

/// As the answer calls it, where that is not the store's word.
fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Segments => "parts",
        Metric::Discounts => "codes",
        Metric::DiscountsUsed => "codes_used",
        Metric::CostMicros => "cost",
        other => other.name(),
    }
}

/// Where the carts of a period stopped
///
/// Carts abandoned in it, each at its last stage; one that came further counts for every stage before.
#[utoipa::path(get, path = "/api/v1/report/funnel", params(Period), responses((status = 200, description = "The funnel.", body = Funnel)))]
pub async fn funnel(call: &Call) -> Result<Answer, Problem> {
    let period: Period = call.query()?;
    let (mut read, shop, _) = call.open().await?;
    let (first, last) = bounds(call, &shop, &period)?;
    let whole = report::between(call.core(), &mut read, &shop, first, last).await?;
    let way = &whole.parts.way;
    let before = std::iter::once(None).chain(way.iter().map(Some));
    let stages = way.iter().zip(before).map(|(stage, before)| Stage {
        stage: stage.reached.name().to_owned(),
        carts: stage.carts.unsigned_abs(),
        left: before.map(|before| left(stage, before)).unwrap_or_default(),
    });
    Answer::ok(&Funnel { from: first.to_string(), to: last.to_string(), stages: stages.collect() })
}

fn left(stage: &Came, before: &Came) -> Vec<Money> {
    stage.left_since(before).into_iter().map(|(currency, minor)| Money::minor(minor, currency)).collect()
}

/// First and last day.
pub(super) fn bounds(call: &Call, shop: &Shop, period: &Period) -> Result<(Date, Date), Problem> {
    let today = today(call, shop);
    let (days, back) = span(period, today)?;
    let day = |back: u32| rollup::date_of(rollup::number_of(today) - i64::from(back));
    Ok((day(back + days - 1), day(back)))
}

fn edges(shop: &Shop, first: Date, last: Date) -> (Time, Time) {
    let zone = zone_of(shop);
    (hours::start_of_day(&zone, first), hours::start_of_day(&zone, last.tomorrow().unwrap_or(last)))
}

/// The orders of a period that are credited to a text
///
/// Newest first, at most 1,000.
#[utoipa::path(get, path = "/api/v1/report/orders", params(Period), responses((status = 200, description = "Credited and assisted orders.", body = form::List<CreditedOrder>)))]
pub async fn credited(call: &Call) -> Result<Answer, Problem> {
    let period: Period = call.query()?;
    let (mut read, shop, keys) = call.open().await?;
    let (first, last) = bounds(call, &shop, &period)?;
    let (from, to) = edges(&shop, first, last);
    let found = store::credit::list(&mut read, &keys, from, to, ORDERS_MAX).await?;
    let data = found.into_iter().map(|order| CreditedOrder {
        order: order.order.to_string(),
        number: order.number,
        class: order.class,
        step: order.step,
        placed_at: order.placed_at.into(),
        gross: order.gross.into(),
        net: order.net.into(),
    });
    Answer::ok(&form::List::new(data.collect(), None))
}

const ORDERS_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_the_last_days_or_two_days() {
        #[track_caller]
        fn check(days: Option<u32>, from: &str, to: &str, expected: Option<(u32, u32)>) {
            let given = |day: &str| Some(day.to_owned()).filter(|day| !day.is_empty());
            let today = "2026-03-31".parse().unwrap();
            assert_eq!(span(&Period { days, from: given(from), to: given(to) }, today).ok(), expected);
        }
        check(None, "", "", Some((30, 0)));
        check(Some(7), "", "", Some((7, 0)));
        check(Some(0), "", "", None);
        check(Some(732), "", "", None);
        check(None, "2026-03-01", "", Some((31, 0)));
        check(None, "2026-03-01", "2026-03-10", Some((10, 21)));
        check(None, "2026-03-10", "2026-03-01", None);
        check(None, "2026-03-01", "2026-04-01", None);
        check(None, "", "2026-03-01", None);
        check(Some(7), "2026-03-01", "", None);
        check(None, "yesterday", "", None);
        check(None, "-009999-01-01", "", None);
    }
}

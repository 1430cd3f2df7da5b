//! Attribution: the same stored touches under every rule, side by side, and the windows of the headline.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::Call,
    form::{Moment, Money},
    orders::Windows,
    reports::{Period, bounds, edges},
};
use crate::{
    domain::{attribution::Windows as Hours, money::Currency, rules::Rules},
    pipeline::{compare, connect::NotConnected, recredit},
    store::shop::Shop,
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareQuery {
    /// The last so many of the shop's own days, today included.
    #[param(minimum = 1, maximum = 731, default = 30)]
    days: Option<u32>,
    /// Instead of `days`: the first day.
    #[param(example = "2026-03-01")]
    from: Option<String>,
    /// The last day, with `from`; today without it.
    #[param(example = "2026-03-31")]
    to: Option<String>,
    /// Hours after a tap to try out, with `sent_hours`; nothing is changed.
    #[param(minimum = 1, maximum = 2160)]
    click_hours: Option<u32>,
    /// Hours after an untapped text to try out, with `click_hours`.
    #[param(minimum = 0, maximum = 720)]
    sent_hours: Option<u32>,
}

/// The same orders under every rule.
#[derive(Serialize, ToSchema)]
pub struct Comparison {
    #[schema(example = "2026-03-01")]
    from: String,
    #[schema(example = "2026-03-31")]
    to: String,
    /// Orders placed in the period for which a text was considered.
    orders: u64,
    /// When the last order looked at was placed, where there were more than can be looked at; `null` otherwise.
    #[schema(required)]
    stopped_at: Option<Moment>,
    windows: Windows,
    /// The headline, `strict`, first; `proposed` and `proposed_assisted` last where other windows were tried out.
    rules: Vec<RuleResult>,
    /// Orders of the headline that would be credited otherwise under the windows tried out.
    would_change: u64,
    /// Orders given to a text by hand, and orders a credit was taken from; under every rule alike.
    given_by_hand: u64,
    taken_by_hand: u64,
    /// How far judging history again has come; `null` when it was never asked for.
    #[schema(required)]
    judging: Option<Judging>,
}

#[derive(Serialize, ToSchema)]
pub struct RuleResult {
    #[schema(example = "strict")]
    rule: String,
    /// What it imitates; `null` for our own.
    #[schema(required)]
    imitates: Option<Imitates>,
    windows: Windows,
    /// One per currency.
    money: Vec<RuleMoney>,
    /// Texts that earned anything.
    texts: u64,
    /// Orders given otherwise than by the headline.
    differs: u64,
}

#[derive(Serialize, ToSchema)]
pub struct Imitates {
    #[schema(example = "Klaviyo")]
    name: String,
    source: String,
    /// The day its page was read.
    #[schema(example = "2026-11-20")]
    on: String,
    note: String,
}

#[derive(Serialize, ToSchema)]
pub struct RuleMoney {
    #[schema(example = "EUR")]
    currency: String,
    orders: u64,
    gross: Money,
    /// What went back of these orders, whenever it did.
    refunded: Money,
    net: Money,
}

#[derive(Serialize, ToSchema)]
pub struct Judging {
    judged: u64,
    orders: u64,
    is_over: bool,
}

/// Hours within which an order is credited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWindows {
    /// From a tap.
    #[schema(minimum = 1, maximum = 2160, example = 120)]
    click_hours: u32,
    /// From an untapped text, shown as assisted; 0 for never.
    #[schema(minimum = 0, maximum = 720, example = 24)]
    sent_hours: u32,
}

/// Whether history is judged again.
#[derive(Serialize, ToSchema)]
pub struct WindowsChange {
    /// `false` when the windows are what they were.
    changed: bool,
}

fn tried(shop: &Shop, click: Option<u32>, sent: Option<u32>) -> Result<Option<Hours>, Problem> {
    let wrong = |why: &str| Problem::Wrong(vec![why.to_owned()]);
    match (click, sent) {
        (None, None) => Ok(None),
        (Some(click_window_hours), Some(delivered_window_hours)) => {
            let rules = Rules { click_window_hours, delivered_window_hours, ..shop.rules.clone() };
            rules.check().map_err(|problem| Problem::Wrong(vec![problem]))?;
            Ok(Some(Hours::of(&rules)))
        }
        _ => Err(wrong("click_hours: goes with sent_hours")),
    }
}

/// The same orders under every rule
///
/// Orders placed in the period, with whatever went back of them until now. The headline of every figure is `strict`; the
/// others are computed from the same stored texts and taps, to compare.
#[utoipa::path(get, path = "/api/v1/attribution", params(CompareQuery), responses((status = 200, description = "Every rule with what it says.", body = Comparison)))]
pub async fn compare(call: &Call) -> Result<Answer, Problem> {
    let asked: CompareQuery = call.query()?;
    let (mut read, shop, keys) = call.open().await?;
    let period = Period::of(asked.days, asked.from, asked.to);
    let (first, last) = bounds(call, &shop, &period)?;
    let proposed = tried(&shop, asked.click_hours, asked.sent_hours)?;
    let found = compare::compare(&mut read, &keys, &shop.rules, edges(&shop, first, last), proposed).await?;
    let (newest, _) = recredit::progress(&mut read, &keys).await?;
    let rules = found.rows.iter().map(|row| {
        let money = |minor: i64, currency: Currency| Money::minor(minor, currency);
        RuleResult {
            rule: row.lens.id.clone(),
            imitates: row.lens.preset.map(|preset| Imitates {
                name: preset.name.clone(),
                source: preset.source.clone(),
                on: preset.on.clone(),
                note: preset.note.clone(),
            }),
            windows: row.lens.windows.into(),
            money: row
                .tally
                .money
                .iter()
                .map(|(&currency, sums)| RuleMoney {
                    currency: currency.to_string(),
                    orders: sums.orders,
                    gross: money(sums.gross_minor, currency),
                    refunded: money(sums.refunded_minor, currency),
                    net: money(sums.net_minor(), currency),
                })
                .collect(),
            texts: row.tally.texts(),
            differs: row.tally.differs,
        }
    });
    Answer::ok(&Comparison {
        from: first.to_string(),
        to: last.to_string(),
        orders: found.orders,
        stopped_at: found.stopped_at.map(Moment),
        windows: Hours::of(&shop.rules).into(),
        rules: rules.collect(),
        would_change: found.would_change,
        given_by_hand: found.corrected.0,
        taken_by_hand: found.corrected.1,
        judging: newest.map(|newest| Judging {
            judged: newest.judged(),
            orders: newest.run.orders,
            is_over: newest.is_over(),
        }),
    })
}

/// Change the windows of the headline
///
/// All history is judged again, in the background; published months keep their figures.
#[utoipa::path(put, path = "/api/v1/attribution/windows", request_body = NewWindows, responses(
    (status = 202, description = "History is being judged again, if anything changed.", body = WindowsChange),
))]
pub async fn windows(call: &Call) -> Result<Answer, Problem> {
    let NewWindows { click_hours, sent_hours } = call.body()?;
    call.open().await?;
    let to = (click_hours, sent_hours);
    match recredit::change_windows(call.core(), call.shop()?, to, &call.by()).await {
        Ok(changed) => Answer::accepted(&WindowsChange { changed }),
        Err(NotConnected::Wrong(problems)) => Err(Problem::Wrong(problems)),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

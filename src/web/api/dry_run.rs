//! The dry run, to read: what the sequences would have done to the carts of the last days.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::Call,
    form::{Cost, Moment},
};
use crate::{
    domain::{
        dry_run::{self, DAYS, DELAYS, Named, Row as Stored},
        message::Cost as StoredCost,
        sequence::read_span,
    },
    pipeline::dry_run::{Asked, CARTS_MOST_ON_A_PAGE, NotRun, run},
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Days of history.
    #[param(minimum = 7, maximum = 90, default = 30)]
    days: Option<u32>,
    /// Delays to compare after a cart was left, with commas, at most 12: minutes, or lengths as `2h`.
    #[param(example = "10,30,2h,10h")]
    delays: Option<String>,
    /// One sequence by its id, on or off; without it those that are on.
    sequence: Option<String>,
}

/// What the sequences would have done, and nothing that was done.
#[derive(Serialize, ToSchema)]
pub struct DryRun {
    from: Moment,
    to: Moment,
    /// The names of the sequences that were played.
    sequences: Vec<String>,
    /// A cart counts as left after so many minutes without activity; every delay begins then.
    abandoned_after_minutes: u32,
    /// Carts looked at: at most the newest 5,000.
    seen: u64,
    /// There are more carts than were looked at.
    is_cut: bool,
    /// Carts that were left.
    left: u64,
    bought_at_once: u64,
    open: u64,
    /// Tests, robots, tills, staff.
    nobodys: u64,
    /// No gateway is connected: a sender that hears replies was taken for granted.
    without_gateway: bool,
    /// The sequences as they are, then each delay.
    rows: Vec<DryRunRow>,
    /// The newest carts the sequences as they are would have texted; at most 50.
    would_have_texted: Vec<WouldText>,
}

#[derive(Serialize, ToSchema)]
pub struct DryRunRow {
    /// Minutes from abandonment to the first text; `null`: as each sequence is.
    #[schema(required)]
    delay_minutes: Option<u32>,
    /// Carts a text would have gone to, and all texts with later steps.
    texted: u64,
    texts: u64,
    parts: u64,
    /// Per currency, by what the gateways charged for the texts of the last 90 days.
    costs: Vec<Cost>,
    /// Parts to countries of which no price is known; they are in no cost.
    unpriced_parts: u64,
    /// Carts that could have been texted and had bought before the text would have gone, with no text before.
    bought_before: u64,
    /// Of the texted, those no text reached in truth, and who of them bought later.
    measured: u64,
    bought_after_untexted: u64,
    /// Why the other carts would not have been texted, one reason each.
    not_texted: BTreeMap<String, u64>,
    /// First texts by the hour of the day in the shopper's own time, from midnight.
    hours: Vec<u64>,
}

#[derive(Serialize, ToSchema)]
pub struct WouldText {
    #[schema(example = "cart_01jq0000000x1")]
    cart: String,
    at: Moment,
    /// Where the shopper probably is.
    #[schema(example = "Europe/Ljubljana")]
    timezone: String,
    #[schema(required)]
    bought_at: Option<Moment>,
    /// A text went in truth.
    was_texted: bool,
}

fn row(row: &Stored) -> DryRunRow {
    DryRunRow {
        delay_minutes: row.delay,
        texted: row.texted,
        texts: row.texts,
        parts: row.parts,
        costs: row.costs.iter().map(|&(currency, micros)| StoredCost { micros, currency }.into()).collect(),
        unpriced_parts: row.unpriced_parts,
        bought_before: row.bought_before(),
        measured: row.measured,
        bought_after_untexted: row.bought_after,
        not_texted: row.not.iter().map(|(why, count)| (why.name().to_owned(), *count)).collect(),
        hours: row.hours.to_vec(),
    }
}

fn named(named: &Named) -> WouldText {
    WouldText {
        cart: named.cart.to_string(),
        at: named.at.into(),
        timezone: named.zone.clone(),
        bought_at: named.bought_at.map(Moment::from),
        was_texted: named.was_texted,
    }
}

/// What the sequences would have done
///
/// Plays the sequences over the shop's own carts of the last days, by the rules of today, at several delays. Sends and
/// changes nothing. Consent, opt-outs and holdout are as on record at each moment.
#[utoipa::path(get, path = "/api/v1/dry-run", params(Query), responses((status = 200, description = "The dry run.", body = DryRun)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let query: Query = call.query()?;
    let days = query.days.unwrap_or(DAYS);
    let delays = match query.delays.as_deref() {
        None => DELAYS.to_vec(),
        Some(typed) => read(typed).map_err(|why| Problem::Wrong(vec![why]))?,
    };
    let delays = dry_run::check(days, &delays).map_err(Problem::Wrong)?;
    let asked = Asked { days, delays, sequence: query.sequence, carts_most: CARTS_MOST_ON_A_PAGE };
    let report = run(call.core(), call.shop()?, &asked).await.map_err(problem)?;
    Answer::ok(&DryRun {
        from: report.from.into(),
        to: report.to.into(),
        sequences: report.sequences.clone(),
        abandoned_after_minutes: report.abandoned_after_minutes,
        seen: report.seen,
        is_cut: report.is_cut,
        left: report.left,
        bought_at_once: report.bought_at_once,
        open: report.open,
        nobodys: report.nobodys,
        without_gateway: report.without_gateway,
        rows: report.rows.iter().map(row).collect(),
        would_have_texted: report.own().map(|own| own.named.iter().map(named).collect()).unwrap_or_default(),
    })
}

/// Lengths of time with commas.
fn read(typed: &str) -> Result<Vec<u32>, String> {
    let parts = typed.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(read_span).collect::<Result<Vec<u32>, _>>().map_err(|why| format!("delays: each {why}"))
}

fn problem(error: NotRun) -> Problem {
    match error {
        NotRun::NoShop => Problem::NotFound,
        NotRun::NoSequence(_) => Problem::Wrong(vec!["sequence: there is none of this id".to_owned()]),
        NotRun::Store(error) => error.into(),
    }
}

//! Our books against the shop's: comparing, what differs, fetching what is missing, letting a difference stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment, Money},
    shop::answered,
};
use crate::{
    domain::{
        audit::{Limits, Summary, Told},
        hours,
        id::FindingId,
        time::DAY,
    },
    pipeline::{
        audit::{self, NotBegun},
        zone_of,
    },
    store::{
        Error,
        audit::{
            finding::{self, Kept, State},
            run::{self, Purpose, Run},
        },
    },
    transact,
    web::problem::Problem,
};

/// What a run is for.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditPurpose {
    /// Looks, and changes no order.
    Compare,
    /// Fetches orders that changed, where webhooks alone cannot be trusted to have told.
    Heal,
    /// Fetches carts that changed.
    Carts,
    /// Fetches what a comparison found.
    Fill,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditRunQuery {
    /// Only runs for this; comparisons without it.
    #[param(inline)]
    purpose: Option<AuditPurpose>,
    /// The newest so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A run through the shop's orders.
#[derive(Serialize, ToSchema)]
pub struct AuditRun {
    #[schema(example = "7213456789012345")]
    id: String,
    purpose: AuditPurpose,
    by: String,
    begun_at: Moment,
    /// Of the orders' placing: `[from, to)`.
    from: Moment,
    to: Moment,
    /// Orders looked at so far, and of how many; 0 where the shop does not tell.
    done: u64,
    of: u64,
    #[schema(required)]
    ended_at: Option<Moment>,
    #[schema(required)]
    stopped_at: Option<Moment>,
    /// Why it ended before its end; else empty.
    problem: String,
    /// What came out; `null` before the end and for runs that compare nothing.
    #[schema(required)]
    outcome: Option<AuditOutcome>,
}

/// How far apart the books are.
#[derive(Serialize, ToSchema)]
pub struct AuditOutcome {
    /// `agree`, `small` (a gap that is normal), `notable` or `large` (a red flag).
    #[schema(example = "small")]
    grade: String,
    /// In hundredths of a per cent.
    #[schema(example = 73)]
    by_orders: u32,
    #[schema(example = 41)]
    by_value: u32,
    compared: u64,
    faulty: u64,
    /// Orders bought in the span, in our books and in the shop's.
    ours: u64,
    theirs: u64,
    /// How many findings of each kind.
    #[schema(example = json!({ "missing_here": 3 }))]
    kinds: BTreeMap<String, u64>,
}

/// Which orders are to be compared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuditRun {
    /// Placed within so many of the shop's own days, today included.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 366, default = 30)]
    days: Option<u32>,
}

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    Open,
    /// A later comparison did not see it any more.
    Mended,
    /// A person said that it may stand, and why.
    Ignored,
}

impl FindingState {
    fn of(state: State) -> FindingState {
        match state {
            State::Open => FindingState::Open,
            State::Mended => FindingState::Mended,
            State::Ignored => FindingState::Ignored,
        }
    }

    fn stored(self) -> State {
        match self {
            FindingState::Open => State::Open,
            FindingState::Mended => State::Mended,
            FindingState::Ignored => State::Ignored,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// Only findings in this state; the open ones without it.
    #[param(inline)]
    state: Option<FindingState>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// One difference between the two books.
#[derive(Serialize, ToSchema)]
pub struct AuditFinding {
    #[schema(example = "find_01jq0000000f1")]
    id: String,
    #[schema(example = "missing_here")]
    kind: String,
    state: FindingState,
    /// The shop's own name for the order; empty where its list told none.
    external_id: String,
    #[schema(example = "#1093")]
    number: String,
    /// Ours, where we have the order.
    #[schema(required)]
    order: Option<String>,
    /// How it stands in our books and in the shop's.
    #[schema(example = "EUR 115.20")]
    ours: String,
    theirs: String,
    /// What the difference is worth.
    #[schema(required)]
    gap: Option<Money>,
    /// What is likely behind it, and what to do.
    cause: String,
    mend: String,
    first_at: Moment,
    seen_at: Moment,
    /// Why it may stand; empty while it is not ignored.
    reason: String,
    by: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingReason {
    /// Why it may stand: 1 to 500 characters.
    #[serde(default)]
    #[schema(example = "deleted in the shop on purpose")]
    reason: String,
}

/// A run that was begun.
#[derive(Serialize, ToSchema)]
pub struct Begun {
    #[schema(example = "7213456789012345")]
    id: String,
    /// Orders it will fetch; 0 where nobody can tell yet.
    orders: u64,
}

fn outcome(run: &Run) -> Option<AuditOutcome> {
    let found: Summary = serde_json::from_str(&run.outcome).ok()?;
    Some(AuditOutcome {
        grade: found.grade.name().to_owned(),
        by_orders: found.score.by_orders,
        by_value: found.score.by_value,
        compared: found.score.compared,
        faulty: found.score.faulty,
        ours: found.ours,
        theirs: found.theirs,
        kinds: found.kinds.iter().map(|(kind, count)| (kind.name().to_owned(), *count)).collect(),
    })
}

fn told(run: &Run) -> AuditRun {
    AuditRun {
        id: run.id.to_string(),
        purpose: match run.purpose {
            Purpose::Compare => AuditPurpose::Compare,
            Purpose::Heal => AuditPurpose::Heal,
            Purpose::Carts => AuditPurpose::Carts,
            Purpose::Fill => AuditPurpose::Fill,
        },
        by: run.by.clone(),
        begun_at: run.begun_at.into(),
        from: run.from.into(),
        to: run.to.into(),
        done: run.done,
        of: run.total,
        ended_at: run.ended_at.map(Moment),
        stopped_at: run.cancelled_at.map(Moment),
        problem: run.problem.clone(),
        outcome: outcome(run),
    }
}

fn side(told: &Told) -> String {
    match told {
        Told::Nothing => String::new(),
        Told::Money(money) => format!("{} {}", money.currency, money.amount()),
        Told::At(at) => at.to_string(),
        Told::On(day) => day.to_string(),
        Told::State(state) => state.words().to_owned(),
        Told::Times(times) => times.to_string(),
    }
}

fn difference(kept: &Kept) -> AuditFinding {
    let found = &kept.finding;
    AuditFinding {
        id: kept.id.to_string(),
        kind: found.kind.name().to_owned(),
        state: FindingState::of(kept.state),
        external_id: found.external_id.clone(),
        number: found.number.clone(),
        order: found.order.map(|order| order.to_string()),
        ours: side(&found.ours),
        theirs: side(&found.theirs),
        gap: found.gap.map(Money::from),
        cause: found.kind.cause().to_owned(),
        mend: found.kind.mend().to_owned(),
        first_at: kept.first_at.into(),
        seen_at: kept.seen_at.into(),
        reason: kept.reason.clone(),
        by: kept.by.clone(),
    }
}

fn problem(why: NotBegun) -> Problem {
    match why {
        NotBegun::NoShop => Problem::NotFound,
        NotBegun::Cannot(why) => Problem::Wrong(vec![why]),
        NotBegun::Running(run) => Problem::Wrong(vec![format!("one is under way already: {run}")]),
        NotBegun::Store(error) => error.into(),
    }
}

/// Runs, newest first
#[utoipa::path(get, path = "/api/v1/audit/runs", params(AuditRunQuery), responses((status = 200, description = "Runs, newest first.", body = form::List<AuditRun>)))]
pub async fn runs(call: &Call) -> Result<Answer, Problem> {
    let asked: AuditRunQuery = call.query()?;
    let window = Window::of(asked.limit, None)?;
    let purpose = match asked.purpose {
        None | Some(AuditPurpose::Compare) => Purpose::Compare,
        Some(AuditPurpose::Heal) => Purpose::Heal,
        Some(AuditPurpose::Carts) => Purpose::Carts,
        Some(AuditPurpose::Fill) => Purpose::Fill,
    };
    let (mut read, shop, _) = call.open().await?;
    let found = run::newest(&mut read, shop.id, purpose, window.limit).await?;
    answered(call, found.iter().map(told).collect(), None)
}

/// Compare the shop's orders with ours
///
/// It is done in the background; every night it is done by itself.
#[utoipa::path(post, path = "/api/v1/audit/runs", request_body = NewAuditRun, responses((status = 202, description = "It has begun.", body = Begun)))]
pub async fn begin(call: &Call) -> Result<Answer, Problem> {
    let typed: NewAuditRun = call.body()?;
    let days = typed.days.unwrap_or(audit::NIGHT_DAYS);
    if !(1..=366).contains(&days) {
        return Err(Problem::Wrong(vec!["days: must be 1 to 366".to_owned()]));
    }
    let (read, shop, _) = call.open().await?;
    drop(read);
    let (zone, now) = (zone_of(&shop), call.core().now());
    let from = hours::start_of_day(&zone, hours::day_of(&zone, now - DAY * (days - 1)));
    let id = audit::begin(call.core(), shop.id, (from, now), &call.by()).await.map_err(problem)?;
    Answer::accepted(&Begun { id: id.to_string(), orders: 0 })
}

/// Stop a run
///
/// What was fetched by then is still read.
#[utoipa::path(post, path = "/api/v1/audit/runs/{id}/stop", params(("id" = String, Path, description = "The run", example = "7213456789012345")), responses((status = 204, description = "It has stopped.")))]
pub async fn stop(call: &Call) -> Result<Answer, Problem> {
    let id: i64 = call.path("id")?;
    call.open().await?;
    if audit::cancel(call.core(), call.shop()?, id).await? { Ok(Answer::nothing()) } else { Err(Problem::NotFound) }
}

/// Fetch the orders of open findings
///
/// They are read in as if their webhooks had come, in the background; then the books are compared again.
#[utoipa::path(post, path = "/api/v1/audit/fill", responses((status = 202, description = "It has begun.", body = Begun)))]
pub async fn fill(call: &Call) -> Result<Answer, Problem> {
    call.open().await?;
    let (id, orders) = audit::fill(call.core(), call.shop()?, &call.by()).await.map_err(problem)?;
    Answer::accepted(&Begun { id: id.to_string(), orders })
}

/// What differs, oldest first
#[utoipa::path(get, path = "/api/v1/audit/findings", params(FindingQuery), responses((status = 200, description = "Findings, oldest first.", body = form::List<AuditFinding>)))]
pub async fn findings(call: &Call) -> Result<Answer, Problem> {
    let asked: FindingQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let after = window.cursor::<FindingId>()?.unwrap_or(FindingId::new(0));
    let state = asked.state.map_or(State::Open, FindingState::stored);
    let (mut read, shop, _) = call.open().await?;
    let mut found = finding::list(&mut read, shop.id, state, after, window.most()).await?;
    let next = window.cut(&mut found, |kept| kept.id.to_string());
    answered(call, found.iter().map(difference).collect(), next)
}

/// Let a finding stand
///
/// With the reason; later comparisons leave it alone.
#[utoipa::path(post, path = "/api/v1/audit/findings/{id}/ignore", params(("id" = String, Path, description = "The finding", example = "find_01jq0000000f1")), request_body = FindingReason, responses((status = 200, description = "The finding as it is now.", body = AuditFinding)))]
pub async fn ignore(call: &Call) -> Result<Answer, Problem> {
    let typed: FindingReason = call.body()?;
    let reason = typed.reason.trim().to_owned();
    set(call, State::Ignored, &reason).await
}

/// Open an ignored finding again
#[utoipa::path(post, path = "/api/v1/audit/findings/{id}/open", params(("id" = String, Path, description = "The finding", example = "find_01jq0000000f1")), responses((status = 200, description = "The finding as it is now.", body = AuditFinding)))]
pub async fn open(call: &Call) -> Result<Answer, Problem> {
    set(call, State::Open, "").await
}

/// A reason is a sentence, not an essay.
const REASON_CHARS_MAX: usize = 500;

async fn set(call: &Call, state: State, reason: &str) -> Result<Answer, Problem> {
    let id: FindingId = call.path("id")?;
    let (mut read, shop, _) = call.open().await?;
    finding::get(&mut read, shop.id, id).await?.ok_or(Problem::NotFound)?;
    drop(read);
    let told = !reason.is_empty() && reason.chars().count() <= REASON_CHARS_MAX;
    if matches!(state, State::Ignored) && !told {
        return Err(Problem::Wrong(vec!["reason: must have 1 to 500 characters".to_owned()]));
    }
    let (now, by) = (call.core().now(), call.by());
    transact!(call.core().db, |tx| finding::set(tx, shop.id, id, state, (reason, &by), now).await?)?;
    let mut read = call.core().db.read().await?;
    let kept = finding::get(&mut read, shop.id, id).await?.ok_or(Problem::NotFound)?;
    Answer::ok(&difference(&kept))
}

/// What counts as a gap between the books, in hundredths of a per cent of the money.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GapLimits {
    /// Up to here a gap is normal.
    #[schema(minimum = 0, maximum = 10000, example = 100)]
    small_hundredths: u32,
    /// From here on it is a red flag.
    #[schema(minimum = 0, maximum = 10000, example = 500)]
    large_hundredths: u32,
}

/// What counts as a gap
#[utoipa::path(get, path = "/api/v1/audit/limits", responses((status = 200, description = "The limits.", body = GapLimits)))]
pub async fn limits(call: &Call) -> Result<Answer, Problem> {
    let (mut read, _, keys) = call.open().await?;
    let known = run::limits(&mut read, &keys).await?;
    Answer::ok(&GapLimits { small_hundredths: known.small, large_hundredths: known.large })
}

/// Choose what counts as a gap
#[utoipa::path(put, path = "/api/v1/audit/limits", request_body = GapLimits, responses((status = 200, description = "The limits.", body = GapLimits)))]
pub async fn set_limits(call: &Call) -> Result<Answer, Problem> {
    let typed: GapLimits = call.body()?;
    let (mut read, _, keys) = call.open().await?;
    let known = run::limits(&mut read, &keys).await?;
    drop(read);
    let wanted = Limits { small: typed.small_hundredths, large: typed.large_hundredths, ..known };
    if let Some(problem) = wanted.problem() {
        return Err(Problem::Wrong(vec![problem.to_owned()]));
    }
    let set: Result<(), Error> = transact!(call.core().db, |tx| run::set_limits(tx, &keys, &wanted).await?);
    set?;
    Answer::ok(&typed)
}

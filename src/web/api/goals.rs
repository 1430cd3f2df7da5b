//! Goals and funnels: the same figures as the pages, in the shop's own days, and what counts, to change.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::Answer,
    call::Call,
    form::{self, Money, TypedMoney},
    goal_form::{EventFilter, Kept, NewFunnel, NewGoal},
    reports::{Period, bounds},
    shop::refused,
};
use crate::{
    domain::{
        goal::{Class, Count, Goal as Stored, Worth},
        id::{FunnelId, GoalId},
        money::{Currency, Money as StoredMoney},
        tally::{By, Sheet, Sum, Tally},
    },
    pipeline::{connect::NotConnected, goal, rollup, track},
    store,
    web::problem::Problem,
};

/// What counts, and how often it happened.
#[derive(Serialize, ToSchema)]
pub struct Goal {
    #[schema(example = "goal_01jq0000000g1")]
    id: String,
    #[schema(example = "Added to cart")]
    name: String,
    /// `micro` or `macro`.
    #[schema(example = "micro")]
    class: String,
    /// The kind of event it counts.
    #[schema(example = "cart_added")]
    kind: String,
    /// Only some events of the kind.
    #[schema(required)]
    only: Option<EventFilter>,
    /// What one is worth, the same each time.
    #[schema(required)]
    worth_each: Option<TypedMoney>,
    /// One is worth what its event or order says.
    worth_as_told: bool,
    /// `once_a_day` per visitor, or `every` time.
    #[schema(example = "once_a_day")]
    counts: String,
    /// Wanted a month.
    #[schema(required)]
    target: Option<u64>,
    /// In the period.
    count: u64,
    /// What those were worth, per currency.
    worth: Vec<Money>,
    /// Visitors of each day of the period, added up: what a rate is of.
    visitors: u64,
}

/// A goal, broken down.
#[derive(Serialize, ToSchema)]
pub struct GoalDetail {
    goal: Goal,
    /// By `channel`, `source`, `medium`, `campaign`, `product`, `target`, `device`, `country` and `payment`, the most
    /// frequent value first. An empty value is not known.
    by: BTreeMap<String, Vec<Part>>,
    /// How long after the visitor's first event conversions were.
    delays: Vec<Delay>,
}

#[derive(Serialize, ToSchema)]
pub struct Part {
    value: String,
    count: u64,
    worth: Vec<Money>,
}

#[derive(Serialize, ToSchema)]
pub struct Delay {
    /// At most so many minutes; `null` is any longer.
    #[schema(required)]
    minutes: Option<u64>,
    count: u64,
}

/// A saved funnel, and how far visitors came.
#[derive(Serialize, ToSchema)]
pub struct FunnelWalk {
    #[schema(example = "fun_01jq0000000f1")]
    id: String,
    name: String,
    /// No other step of the funnel may happen in between.
    strict: bool,
    window_minutes: u32,
    steps: Vec<FunnelStep>,
    /// There was more than can be looked at: only the newest events were.
    cut: bool,
}

#[derive(Serialize, ToSchema)]
pub struct FunnelStep {
    #[schema(example = "checkout_started")]
    kind: String,
    /// Only some events of the kind.
    #[schema(required)]
    only: Option<EventFilter>,
    /// Visitors that came this far.
    visitors: u64,
    /// What those who stopped before this step were about to spend.
    left: Vec<Money>,
}

fn sums(sum: &Sum) -> Vec<Money> {
    sum.worth().into_iter().map(Money::from).collect()
}

fn told(goal: &Stored, sheet: &Sheet, visitors: u64) -> Goal {
    Goal {
        id: goal.id.to_string(),
        name: goal.plan.name.clone(),
        class: if goal.plan.class == Class::Macro { "macro" } else { "micro" }.to_owned(),
        kind: goal.plan.kind.name().to_owned(),
        only: goal.plan.only.clone().map(EventFilter::from),
        worth_each: worth_each(&goal.plan.worth),
        worth_as_told: goal.plan.worth == Worth::AsTold,
        counts: if goal.plan.count == Count::Every { "every" } else { "once_a_day" }.to_owned(),
        target: goal.plan.target,
        count: sheet.whole.count,
        worth: sums(&sheet.whole),
        visitors,
    }
}

fn worth_each(worth: &Worth) -> Option<TypedMoney> {
    let Worth::Fixed(minor, currency) = worth else { return None };
    Some(StoredMoney::new(*minor, Currency::parse(currency).ok()?).into())
}

async fn counted(call: &Call) -> Result<(Vec<Stored>, Tally), Problem> {
    let period: Period = call.query()?;
    let (mut read, shop, keys) = call.open().await?;
    let (first, last) = bounds(call, &shop, &period)?;
    let goals = store::goal::list(&mut read, &keys).await?;
    let tally = track::counted(&mut read, &keys, rollup::number_of(first), rollup::number_of(last)).await?;
    Ok((goals, tally))
}

/// Goals, with what they came to
#[utoipa::path(get, path = "/api/v1/goals", params(Period), responses((status = 200, description = "Goals.", body = form::List<Goal>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let (goals, tally) = counted(call).await?;
    let data = goals.iter().map(|goal| told(goal, &tally.goal(goal.id), tally.visitors())).collect();
    Answer::ok(&form::List::new(data, None))
}

/// One goal, broken down
#[utoipa::path(get, path = "/api/v1/goals/{id}", params(("id" = String, Path, description = "The goal", example = "goal_01jq0000000g1"), Period), responses((status = 200, description = "The goal.", body = GoalDetail)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let id: GoalId = call.path("id")?;
    let (goals, tally) = counted(call).await?;
    let goal = goals.iter().find(|goal| goal.id == id).ok_or(Problem::NotFound)?;
    let sheet = tally.goal(id);
    let parts = |by: By| {
        let values = sheet.by(by).into_iter();
        values.map(|(value, sum)| Part { value: value.to_owned(), count: sum.count, worth: sums(sum) }).collect()
    };
    Answer::ok(&GoalDetail {
        goal: told(goal, &sheet, tally.visitors()),
        by: By::ALL.into_iter().map(|by| (by.name().to_owned(), parts(by))).collect(),
        delays: sheet
            .delays()
            .map(|(bound, count)| Delay { minutes: (bound != u64::MAX).then_some(bound), count })
            .collect(),
    })
}

/// Keep a new goal
///
/// Days whose events are still there are counted for it, too.
#[utoipa::path(post, path = "/api/v1/goals", request_body = NewGoal, responses((status = 201, description = "It is kept.", body = Kept)))]
pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let typed: NewGoal = call.body()?;
    call.open().await?;
    let made = goal::keep(call.core(), call.shop()?, None, &[typed.plan()?]).await.map_err(refused_goal)?;
    let id = made.and_then(|made| made.first().copied()).ok_or(Problem::NotFound)?.to_string();
    let location = format!("/api/v1/goals/{id}");
    Answer::created(&Kept { id }, location)
}

/// Keep a goal in another form
///
/// The whole of it: what is left out is no longer so. Days whose events are still there are counted anew.
#[utoipa::path(put, path = "/api/v1/goals/{id}", params(("id" = String, Path, description = "The goal", example = "goal_01jq0000000g1")), request_body = NewGoal, responses((status = 200, description = "It is kept.", body = Kept)))]
pub async fn put(call: &Call) -> Result<Answer, Problem> {
    let (id, typed): (GoalId, NewGoal) = (call.path("id")?, call.body()?);
    call.open().await?;
    let kept = goal::keep(call.core(), call.shop()?, Some(id), &[typed.plan()?]).await.map_err(refused_goal)?;
    kept.ok_or(Problem::NotFound)?;
    Answer::ok(&Kept { id: id.to_string() })
}

/// Remove a goal, and what was counted for it
#[utoipa::path(delete, path = "/api/v1/goals/{id}", params(("id" = String, Path, description = "The goal", example = "goal_01jq0000000g1")), responses((status = 204, description = "It is gone.")))]
pub async fn remove(call: &Call) -> Result<Answer, Problem> {
    let id: GoalId = call.path("id")?;
    call.open().await?;
    if goal::remove(call.core(), call.shop()?, id).await? { Ok(Answer::nothing()) } else { Err(Problem::NotFound) }
}

/// A goal's check names the fields of the plan; here the text is the filter's.
fn refused_goal(why: NotConnected) -> Problem {
    match refused(why) {
        Problem::Wrong(problems) => {
            let placed = |problem: String| {
                problem.strip_prefix("text: ").map(|why| format!("only.text: {why}")).unwrap_or(problem)
            };
            Problem::Wrong(problems.into_iter().map(placed).collect())
        }
        other => other,
    }
}

/// Saved funnels, with how far visitors came
#[utoipa::path(get, path = "/api/v1/funnels", params(Period), responses((status = 200, description = "Funnels.", body = form::List<FunnelWalk>)))]
pub async fn funnels(call: &Call) -> Result<Answer, Problem> {
    Answer::ok(&form::List::new(walked(call, None).await?, None))
}

/// One funnel
#[utoipa::path(get, path = "/api/v1/funnels/{id}", params(("id" = String, Path, description = "The funnel", example = "fun_01jq0000000f1"), Period), responses((status = 200, description = "The funnel.", body = FunnelWalk)))]
pub async fn funnel(call: &Call) -> Result<Answer, Problem> {
    let id: FunnelId = call.path("id")?;
    let found = walked(call, Some(id)).await?.into_iter().next();
    Answer::ok(&found.ok_or(Problem::NotFound)?)
}

/// Keep a new funnel
#[utoipa::path(post, path = "/api/v1/funnels", request_body = NewFunnel, responses((status = 201, description = "It is kept.", body = Kept)))]
pub async fn add_funnel(call: &Call) -> Result<Answer, Problem> {
    let typed: NewFunnel = call.body()?;
    call.open().await?;
    let made = goal::keep_funnel(call.core(), call.shop()?, None, &typed.way()).await.map_err(refused)?;
    let id = made.ok_or(Problem::NotFound)?.to_string();
    let location = format!("/api/v1/funnels/{id}");
    Answer::created(&Kept { id }, location)
}

/// Keep a funnel in another form
#[utoipa::path(put, path = "/api/v1/funnels/{id}", params(("id" = String, Path, description = "The funnel", example = "fun_01jq0000000f1")), request_body = NewFunnel, responses((status = 200, description = "It is kept.", body = Kept)))]
pub async fn put_funnel(call: &Call) -> Result<Answer, Problem> {
    let (id, typed): (FunnelId, NewFunnel) = (call.path("id")?, call.body()?);
    call.open().await?;
    let kept = goal::keep_funnel(call.core(), call.shop()?, Some(id), &typed.way()).await.map_err(refused)?;
    kept.ok_or(Problem::NotFound)?;
    Answer::ok(&Kept { id: id.to_string() })
}

/// Remove a funnel
#[utoipa::path(delete, path = "/api/v1/funnels/{id}", params(("id" = String, Path, description = "The funnel", example = "fun_01jq0000000f1")), responses((status = 204, description = "It is gone.")))]
pub async fn remove_funnel(call: &Call) -> Result<Answer, Problem> {
    let id: FunnelId = call.path("id")?;
    call.open().await?;
    if goal::remove_funnel(call.core(), call.shop()?, id).await? {
        Ok(Answer::nothing())
    } else {
        Err(Problem::NotFound)
    }
}

async fn walked(call: &Call, only: Option<FunnelId>) -> Result<Vec<FunnelWalk>, Problem> {
    let period: Period = call.query()?;
    let (mut read, shop, keys) = call.open().await?;
    let (first, last) = bounds(call, &shop, &period)?;
    let days = (rollup::number_of(first), rollup::number_of(last));
    let mut data = Vec::new();
    let funnels = store::goal::funnels(&mut read, &keys).await?;
    for funnel in funnels.into_iter().filter(|funnel| only.is_none_or(|only| only == funnel.id)) {
        let walked = goal::walk(&mut read, &shop, &keys, &funnel.way, days).await?;
        let steps = funnel.way.steps.iter().enumerate().map(|(at, step)| FunnelStep {
            kind: step.kind.name().to_owned(),
            only: step.only.clone().map(EventFilter::from),
            visitors: walked.walk.reached.get(at).copied().unwrap_or(0),
            left: walked.walk.lost.get(at).into_iter().flatten().filter_map(left).collect(),
        });
        data.push(FunnelWalk {
            id: funnel.id.to_string(),
            name: funnel.way.name.clone(),
            strict: funnel.way.strict,
            window_minutes: funnel.way.window_minutes,
            steps: steps.collect(),
            cut: walked.cut,
        });
    }
    Ok(data)
}

fn left((currency, minor): (&String, &i64)) -> Option<Money> {
    Some(Money::minor(*minor, currency.parse().ok()?))
}

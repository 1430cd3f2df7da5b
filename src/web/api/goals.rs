//! Goals and funnels, to read: the same figures as the pages, in the shop's own days.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::Answer,
    call::Call,
    form::{self, Money},
    reports::{Period, bounds},
};
use crate::{
    domain::{
        goal::{Class, Count, Goal as Stored},
        id::{FunnelId, GoalId},
        tally::{By, Sheet, Sum, Tally},
    },
    pipeline::{goal, rollup, track},
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
        counts: if goal.plan.count == Count::Every { "every" } else { "once_a_day" }.to_owned(),
        target: goal.plan.target,
        count: sheet.whole.count,
        worth: sums(&sheet.whole),
        visitors,
    }
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

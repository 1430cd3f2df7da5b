//! Experiments: ways of saying a step against each other, what each comes to, and taking one over.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    answer::Answer,
    call::Call,
    form::{self, Moment, Money},
    shop::refused,
};
use crate::{
    domain::{
        experiment::{Arm, ArmReport, Change, Goal, Margin, Plan},
        id::ExperimentId,
        seal::ShopKeys,
        time::Time,
    },
    pipeline::experiment,
    store::{self, Read, experiment::Experiment as Stored},
    web::problem::Problem,
};

/// Ways of saying a step against each other.
#[derive(Serialize, ToSchema)]
pub struct Experiment {
    #[schema(example = "exp_01jq0000000x1")]
    id: String,
    name: String,
    /// The sequence and its step, 1 the first.
    #[schema(example = "eu")]
    sequence: String,
    step: u32,
    /// `tap` within 3 days, or `order` within 7.
    #[schema(example = "order")]
    goal: String,
    started_at: Moment,
    #[schema(required)]
    ended_at: Option<Moment>,
    /// The first is what the others are compared with.
    arms: Vec<ExperimentArm>,
    /// How likely a split at least as uneven is; below 0.001 no figure can be believed.
    split: f64,
    /// About how many more carts it takes; `null` once a difference was called.
    #[schema(required)]
    more_carts: Option<u64>,
    /// The place of the best arm that was called better, from 0.
    #[schema(required)]
    winner: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub struct ExperimentArm {
    name: String,
    /// Everybody who entered.
    people: u64,
    /// Those whose days are over, and of these who reached the goal, opted out, had an order go back.
    counted: u64,
    hits: u64,
    opted_out: u64,
    refunded: u64,
    stopped: bool,
    /// Its rate less the first arm's, 0 to 1, with the bounds that hold at every look; `null` of the first.
    #[schema(required)]
    difference: Option<f64>,
    #[schema(required)]
    low: Option<f64>,
    #[schema(required)]
    high: Option<f64>,
    /// `too_few`, `not_shown`, `better`, `worse` or `broken`; `null` of the first.
    #[schema(required)]
    call: Option<String>,
    margins: Vec<ExperimentMargin>,
}

/// What an arm leaves above the first: net revenue less the cost of texts.
#[derive(Serialize, ToSchema)]
pub struct ExperimentMargin {
    per_hundred_people: Money,
    /// 95 % of one look; `null` with too few buyers.
    #[schema(required)]
    low: Option<Money>,
    #[schema(required)]
    high: Option<Money>,
    /// What its codes took off.
    discount: Money,
}

fn margin(margin: &Margin) -> ExperimentMargin {
    let money = |minor: i64| Money::minor(minor, margin.currency);
    ExperimentMargin {
        per_hundred_people: money(margin.per_hundred),
        low: margin.interval.map(|(low, _)| money(low)),
        high: margin.interval.map(|(_, high)| money(high)),
        discount: money(margin.discount),
    }
}

fn arm(arm: &ArmReport) -> ExperimentArm {
    let safe = arm.difference.map(|(_, safe)| safe).filter(|safe| safe.low.is_finite());
    ExperimentArm {
        name: arm.name.clone(),
        people: arm.people,
        counted: arm.rate.of,
        hits: arm.rate.hits,
        opted_out: arm.opted_out,
        refunded: arm.refunded,
        stopped: arm.stopped,
        difference: arm.difference.map(|(found, _)| found),
        low: safe.map(|safe| safe.low),
        high: safe.map(|safe| safe.high),
        call: arm.call.map(|call| call.name().to_owned()),
        margins: arm.margins.iter().map(margin).collect(),
    }
}

/// An experiment to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExperiment {
    #[schema(min_length = 1, max_length = 64, example = "Later")]
    name: String,
    /// The sequence and its step, 1 the first.
    #[schema(example = "eu")]
    sequence: String,
    #[schema(minimum = 1)]
    step: u32,
    /// `tap` or `order`, which it is when left out.
    #[serde(default = "order")]
    #[schema(value_type = String, example = "order", pattern = "^(tap|order)$")]
    goal: Goal,
    /// The other ways; the step as it stands is the first.
    #[schema(min_items = 1, max_items = 4)]
    arms: Vec<NewArm>,
}

/// A way of saying the step: exactly one of its changes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewArm {
    #[schema(min_length = 1, max_length = 64, example = "after three hours")]
    name: String,
    /// How many people come to it for each one of the first: 1 when left out.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100)]
    weight: u32,
    /// Other words, in every language.
    #[serde(default)]
    words: Option<String>,
    /// Sent so many minutes after abandonment.
    #[serde(default)]
    after_minutes: Option<u32>,
    /// With a code of its own that takes so many per cent off.
    #[serde(default)]
    discount_percent: Option<u32>,
    /// Without the step's code.
    #[serde(default)]
    no_discount: bool,
}

fn order() -> Goal {
    Goal::Order
}

fn one() -> u32 {
    1
}

impl NewArm {
    fn read(self, at: usize) -> Result<Arm, String> {
        let mut changes: Vec<Result<Change, String>> = Vec::new();
        changes.extend(self.words.map(|words| Ok(Change::Words(words))));
        changes.extend(self.after_minutes.map(|minutes| Ok(Change::After(minutes))));
        changes.extend(self.discount_percent.map(|percent| Change::typed("discount", &percent.to_string())));
        changes.extend(self.no_discount.then_some(Ok(Change::NoDiscount)));
        match <[_; 1]>::try_from(changes) {
            Ok([Ok(change)]) => Ok(Arm { name: self.name, weight: self.weight, change }),
            Ok([Err(why)]) => Err(format!("arms[{at}]: {why}")),
            Err(_) => {
                Err(format!("arms[{at}]: has exactly one of words, after_minutes, discount_percent and no_discount"))
            }
        }
    }
}

/// The way to take over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmToTake {
    /// Its name.
    arm: String,
}

async fn told(read: &mut Read, keys: &ShopKeys, each: &Stored, now: Time) -> Result<Experiment, Problem> {
    let report = experiment::report(read, keys, each, now).await?;
    Ok(Experiment {
        id: each.id.to_string(),
        name: each.plan.name.clone(),
        sequence: each.plan.sequence.clone(),
        step: each.plan.step,
        goal: each.plan.goal.name().to_owned(),
        started_at: each.started_at.into(),
        ended_at: each.ended_at.map(Moment::from),
        arms: report.arms.iter().map(arm).collect(),
        split: report.split,
        more_carts: report.more,
        winner: report.winner,
    })
}

async fn found(call: &Call, id: ExperimentId) -> Result<(Stored, Experiment), Problem> {
    let (mut read, _, keys) = call.open().await?;
    let all = store::experiment::list(&mut read, &keys).await?;
    let stored = all.into_iter().find(|each| each.id == id).ok_or(Problem::NotFound)?;
    let shown = told(&mut read, &keys, &stored, call.core().now()).await?;
    Ok((stored, shown))
}

/// Experiments, with what each way comes to
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/experiments", responses((status = 200, description = "Every experiment.", body = form::List<Experiment>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let (mut read, _, keys) = call.open().await?;
    let mut data = Vec::new();
    let all: Vec<Stored> = store::experiment::list(&mut read, &keys).await?;
    for each in all {
        data.push(told(&mut read, &keys, &each, call.core().now()).await?);
    }
    Answer::ok(&form::List::new(data, None))
}

/// Begin an experiment
///
/// On carts left from now on. The step as it stands is the first way, `as it is`.
#[utoipa::path(post, path = "/api/v1/experiments", request_body = NewExperiment, responses((status = 201, description = "It runs.", body = Experiment)))]
pub async fn begin(call: &Call) -> Result<Answer, Problem> {
    let typed: NewExperiment = call.body()?;
    call.open().await?;
    let mut arms = vec![Arm { name: "as it is".to_owned(), weight: 1, change: Change::Nothing }];
    let mut problems = Vec::new();
    for (at, arm) in typed.arms.into_iter().enumerate() {
        match arm.read(at) {
            Ok(arm) => arms.push(arm),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(Problem::Wrong(problems));
    }
    let plan = Plan { name: typed.name, sequence: typed.sequence, step: typed.step, goal: typed.goal, arms };
    let id = experiment::begin(call.core(), call.shop()?, &plan, &call.by()).await.map_err(refused)?;
    Answer::created(&found(call, id).await?.1, format!("/api/v1/experiments/{id}"))
}

/// One experiment
#[utoipa::path(get, path = "/api/v1/experiments/{id}", params(("id" = String, Path, description = "The experiment", example = "exp_01jq0000000x1")), responses((status = 200, description = "The experiment.", body = Experiment)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    Answer::ok(&found(call, call.path("id")?).await?.1)
}

/// End an experiment without taking anything over
#[utoipa::path(post, path = "/api/v1/experiments/{id}/stop", params(("id" = String, Path, description = "The experiment", example = "exp_01jq0000000x1")), responses((status = 200, description = "The experiment as it is now.", body = Experiment), (status = 409, description = "It is over.", body = form::Problem, content_type = "application/problem+json")))]
pub async fn stop(call: &Call) -> Result<Answer, Problem> {
    let id: ExperimentId = call.path("id")?;
    found(call, id).await?;
    if !experiment::stop(call.core(), call.shop()?, id, &format!("Stopped by {}.", call.by())).await? {
        return Err(over());
    }
    get(call).await
}

/// Take a way over, and end the experiment
///
/// For carts left from now on.
#[utoipa::path(post, path = "/api/v1/experiments/{id}/use", params(("id" = String, Path, description = "The experiment", example = "exp_01jq0000000x1")), request_body = ArmToTake, responses((status = 200, description = "The experiment as it is now.", body = Experiment), (status = 409, description = "It is over.", body = form::Problem, content_type = "application/problem+json")))]
pub async fn take(call: &Call) -> Result<Answer, Problem> {
    let (id, typed): (ExperimentId, ArmToTake) = (call.path("id")?, call.body()?);
    let (stored, _) = found(call, id).await?;
    let place = stored.plan.arms.iter().position(|known| known.name == typed.arm);
    let place = place.ok_or_else(|| Problem::Wrong(vec!["arm: it has none of this name".to_owned()]))?;
    if !experiment::use_arm(call.core(), call.shop()?, id, place).await.map_err(refused)? {
        return Err(over());
    }
    get(call).await
}

fn over() -> Problem {
    Problem::Conflict("the experiment is over".to_owned())
}

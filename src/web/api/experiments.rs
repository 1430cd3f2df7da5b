//! Experiments, to read: what each way of saying a step comes to.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::Answer,
    call::Call,
    form::{self, Moment, Money},
};
use crate::{
    domain::experiment::{ArmReport, Margin},
    pipeline::experiment,
    store::{self, experiment::Experiment as Stored},
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

/// Experiments, with what each way comes to
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/experiments", responses((status = 200, description = "Every experiment.", body = form::List<Experiment>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let (mut read, _, keys) = call.open().await?;
    let mut data = Vec::new();
    let all: Vec<Stored> = store::experiment::list(&mut read, &keys).await?;
    for each in all {
        let report = experiment::report(&mut read, &keys, &each, call.core().now()).await?;
        data.push(Experiment {
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
        });
    }
    Answer::ok(&form::List::new(data, None))
}

//! Experiments: what each comes to; beginning one, ending it, taking a way over.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::{
    Visit,
    cart_acts::{actor, led_to},
    id, show,
};
use crate::{
    domain::{
        experiment::{Arm, Change, Goal, Plan},
        id::ExperimentId,
    },
    pipeline::{connect::NotConnected, experiment},
    store,
    web::{
        problem::Problem,
        view::{
            Section,
            experiment::{Experiments, Row},
            words::{say, t},
        },
    },
};

/// More are for the command line.
const ROWS_MAX: usize = 20;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Experiments).await?;
    page(&visit, Vec::new()).await
}

async fn page(visit: &Visit, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut page = Experiments {
        page: visit.page.clone(),
        rows: Vec::new(),
        steps: Vec::new(),
        problems,
        may_change: visit.visitor.may_change && visit.shop().is_some(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let mut all = store::experiment::list(&mut read, keys).await?;
        all.sort_by_key(|each| (each.ended_at.is_some(), std::cmp::Reverse(each.started_at)));
        for each in all.into_iter().take(ROWS_MAX) {
            let report = experiment::report(&mut read, keys, &each, visit.page.now).await?;
            page.rows.push(Row {
                id: each.id.to_string(),
                plan: each.plan,
                report,
                started_at: each.started_at,
                ended_at: each.ended_at,
                why: each.why,
                winner: each.winner,
            });
        }
        for sequence in shop.rules.sequences.iter().filter(|sequence| sequence.on_since.is_some()) {
            for step in 1..=sequence.steps.len() {
                let name = if sequence.name.is_empty() { &sequence.id } else { &sequence.name };
                let words = say("{sequence}, text {step}", &[("sequence", name), ("step", &step)]);
                page.steps.push((format!("{} {step}", sequence.id), words));
            }
        }
    }
    show(&page)
}

#[derive(Deserialize)]
pub struct Typed {
    name: String,
    step: String,
    goal: String,
    kind: String,
    #[serde(default)]
    value: String,
}

pub async fn begin(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = actor(&request, Section::Experiments).await?;
    let plan = match plan(&typed) {
        Ok(plan) => plan,
        Err(why) => return page(&visit, vec![why]).await,
    };
    match experiment::begin(visit.core(), shop, &plan, &by).await {
        Ok(_) => Ok(led_to(&visit, "/experiments", "experiment_begun")),
        Err(NotConnected::Wrong(problems)) => page(&visit, problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

fn plan(typed: &Typed) -> Result<Plan, String> {
    let (sequence, step) = typed.step.rsplit_once(' ').unwrap_or((typed.step.as_str(), ""));
    let arm = |name: &str, change| Arm { name: name.to_owned(), weight: 1, change };
    let change = Change::typed(&typed.kind, &typed.value)?;
    Ok(Plan {
        name: typed.name.trim().to_owned(),
        sequence: sequence.to_owned(),
        step: step.parse().unwrap_or(0),
        goal: Goal::ALL.into_iter().find(|goal| goal.name() == typed.goal).unwrap_or(Goal::Order),
        arms: vec![arm(t("as it is"), Change::Nothing), arm(t("the other way"), change)],
    })
}

pub async fn stop(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = actor(&request, Section::Experiments).await?;
    let id: ExperimentId = id(&request)?;
    match experiment::stop(visit.core(), shop, id, "").await? {
        true => Ok(led_to(&visit, "/experiments", "experiment_stopped")),
        false => Err(Problem::NotFound),
    }
}

#[derive(Deserialize)]
pub struct Which {
    arm: usize,
}

pub async fn take(request: HttpRequest, which: Form<Which>) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = actor(&request, Section::Experiments).await?;
    let id: ExperimentId = id(&request)?;
    match experiment::use_arm(visit.core(), shop, id, which.arm).await {
        Ok(true) => Ok(led_to(&visit, "/experiments", "experiment_used")),
        Ok(false) => Err(Problem::NotFound),
        Err(NotConnected::Wrong(problems)) => page(&visit, problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

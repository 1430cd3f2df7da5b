//! Experiments: what each comes to; beginning one, ending it, taking a way over.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Form},
};
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
            experiment::{Experiments, Row, Typed},
            words::{say, t},
        },
    },
};

/// More are for the command line.
const ROWS_MAX: usize = 20;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Experiments).await?;
    page(&visit, Typed::default(), Vec::new()).await
}

async fn page(visit: &Visit, typed: Typed, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut page = Experiments {
        page: visit.page.clone(),
        rows: Vec::new(),
        steps: Vec::new(),
        typed,
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

pub async fn begin(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = actor(&request, Section::Experiments).await?;
    let typed = typed(&body);
    let plan = match plan(&typed) {
        Ok(plan) => plan,
        Err(problems) => return page(&visit, typed, problems).await,
    };
    match experiment::begin(visit.core(), shop, &plan, &by).await {
        Ok(_) => Ok(led_to(&visit, "/experiments", "experiment_begun")),
        Err(NotConnected::Wrong(problems)) => page(&visit, typed, problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

/// The ways come one after the other, each with the same three names.
fn typed(body: &Bytes) -> Typed {
    let mut typed = Typed::default();
    let mut place = 0;
    for (name, value) in url::form_urlencoded::parse(body) {
        let value = value.replace("\r\n", "\n").trim().to_owned();
        match (&*name, typed.ways.get_mut(place)) {
            ("name", _) => typed.name = value,
            ("step", _) => typed.step = value,
            ("goal", _) => typed.goal = value,
            ("way", Some(way)) => way.name = value,
            ("kind", Some(way)) => way.kind = value,
            ("value", Some(way)) => {
                way.value = value;
                place += 1;
            }
            _ => {}
        }
    }
    typed
}

/// What is wrong of every way is told at once.
fn plan(typed: &Typed) -> Result<Plan, Vec<String>> {
    let (sequence, step) = typed.step.rsplit_once(' ').unwrap_or((typed.step.as_str(), ""));
    let mut arms = vec![Arm { name: t("as it is").to_owned(), weight: 1, change: Change::Nothing }];
    let mut problems = Vec::new();
    // The first is asked for even when it was left empty: then what is missing is told.
    for (place, way) in typed.ways.iter().enumerate().filter(|(place, way)| *place == 0 || !way.is_empty()) {
        let other = say("way {number}", &[("number", &(place + 2))]);
        let name = if way.name.is_empty() { other.clone() } else { way.name.clone() };
        match Change::typed(&way.kind, &way.value) {
            Ok(change) => arms.push(Arm { name, weight: 1, change }),
            Err(why) => problems.push(format!("{other}: {why}")),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Plan {
        name: typed.name.clone(),
        sequence: sequence.to_owned(),
        step: step.parse().unwrap_or(0),
        goal: Goal::ALL.into_iter().find(|goal| goal.name() == typed.goal).unwrap_or(Goal::Order),
        arms,
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
        Err(NotConnected::Wrong(problems)) => page(&visit, Typed::default(), problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

//! The dry run: asked by its form, played while the page is made.

use actix_web::{HttpRequest, HttpResponse};

use super::{Visit, show};
use crate::{
    domain::{
        dry_run::{self, DAYS, DAYS_LEAST, DAYS_MOST, DELAYS},
        sequence::{read_span, typed_span},
        time::MINUTE,
    },
    pipeline::dry_run::{Asked, CARTS_MOST_ON_A_PAGE, NotRun, run},
    web::{
        problem::Problem,
        view::{Section, dry_run::DryRun, words::say},
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Sequences).await?;
    let delays = visit.asked("delays").trim();
    let history = visit.asked("history").trim();
    let sequence = visit.asked("sequence");
    let mut page = DryRun {
        page: visit.page.clone(),
        history: if history.is_empty() { DAYS.to_string() } else { history.to_owned() },
        delays: if delays.is_empty() { spans() } else { delays.to_owned() },
        sequence: sequence.to_owned(),
        sequences: Vec::new(),
        problems: Vec::new(),
        report: None,
    };
    if let Some((shop, _)) = visit.shop() {
        page.sequences = shop.rules.sequences.iter().map(|each| (each.id.clone(), each.name.clone())).collect();
        match asked(&page) {
            Err(problems) => page.problems = problems,
            Ok(asked) => match run(visit.core(), shop.id, &asked).await {
                Ok(report) => page.report = Some(report),
                Err(NotRun::NoShop | NotRun::NoSequence(_)) => return Err(Problem::NotFound),
                Err(NotRun::Store(error)) => return Err(error.into()),
            },
        }
    }
    show(&page)
}

/// What was typed; every problem in words.
fn asked(page: &DryRun) -> Result<Asked, Vec<String>> {
    let days: u32 = page.history.parse().map_err(|_| vec![wrong_days()])?;
    let mut delays = Vec::new();
    for part in page.delays.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let wrong = |_| vec![say("{delay} is no delay; write them as 30m, 2h.", &[("delay", &part)])];
        delays.push(read_span(part).map_err(wrong)?);
    }
    let delays = dry_run::check(days, &delays).map_err(|_| {
        let (most, hours) = (dry_run::DELAYS_MOST, dry_run::DELAY_MINUTES_MOST / 60);
        match (DAYS_LEAST..=DAYS_MOST).contains(&days) {
            true => {
                vec![say("At most {most} delays of at most {hours} hours each.", &[("most", &most), ("hours", &hours)])]
            }
            false => vec![wrong_days()],
        }
    })?;
    let sequence = Some(page.sequence.clone()).filter(|id| !id.is_empty());
    Ok(Asked { days, delays, sequence, carts_most: CARTS_MOST_ON_A_PAGE })
}

fn wrong_days() -> String {
    say("The history must be {least} to {most} days.", &[("least", &DAYS_LEAST), ("most", &DAYS_MOST)])
}

/// The usual delays as people type them.
fn spans() -> String {
    DELAYS.map(|minutes| typed_span(MINUTE * minutes)).join(", ")
}

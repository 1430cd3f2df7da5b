//! What the texts really earned: `/earned` shows the holdout beside credit, and its owner chooses the share.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::{Visit, back, figures, show};
use crate::{
    domain::{hours, money::Money, report::Slice},
    pipeline::{
        connect::{self, NotConnected},
        report, zone_of,
    },
    store::{self, shop::Shop},
    web::{
        problem::Problem,
        view::{
            Section,
            earned::{Credited, Earned},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Earned).await?;
    show(&page(&visit, String::new()).await?)
}

#[derive(Deserialize)]
pub struct Chosen {
    percent: String,
}

pub async fn post(request: HttpRequest, chosen: Form<Chosen>) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Earned).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let done = connect::change_rules(visit.core(), shop.id, |rules, _| {
        rules.set("holdout_percent", &chosen.percent).map_err(|problem| vec![problem])
    });
    match done.await {
        Ok(()) => {
            visit.core().wake.notify_one();
            Ok(back("/earned", &request, "holdout_chosen"))
        }
        Err(NotConnected::Wrong(problems)) => show(&page(&visit, problems.join(" ")).await?),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

async fn page(visit: &Visit, problem: String) -> Result<Earned, Problem> {
    let mut page = Earned {
        run: None,
        report: None,
        credited: Vec::new(),
        earlier: Vec::new(),
        may_change: visit.page.may_manage,
        problem,
        page: visit.page.clone(),
    };
    let Some((shop, _)) = visit.shop() else { return Ok(page) };
    let mut read = visit.read().await?;
    let mut runs = store::holdout::runs(&mut read, shop.id).await?;
    let wanted = visit.asked("run").parse::<u64>().ok();
    let place = runs.iter().position(|run| Some(run.id) == wanted).unwrap_or(0);
    if place < runs.len() {
        let run = runs.remove(place);
        page.report = store::holdout::report(&mut read, shop.id, run.id).await?;
        let zone = zone_of(shop);
        let from = hours::day_of(&zone, run.started_at);
        let to = hours::day_of(&zone, run.ended_at.unwrap_or(visit.page.now));
        let whole = report::between(visit.core(), &mut read, shop, from, to).await?;
        page.credited = credited(&whole.total, shop);
        page.run = Some(run);
    }
    page.earlier = runs;
    Ok(page)
}

/// The shop's own currency first and always.
fn credited(total: &Slice, shop: &Shop) -> Vec<Credited> {
    let took = |code| figures::sums(total, code);
    let mut currencies: Vec<_> = total.money.keys().copied().collect();
    currencies.retain(|&currency| {
        let sums = took(currency);
        currency != shop.currency && (sums.recovered_orders != 0 || sums.assisted_orders != 0)
    });
    currencies.insert(0, shop.currency);
    let one = |currency| {
        let sums = took(currency);
        Credited {
            orders: figures::count(sums.recovered_orders),
            net: Money::new(sums.net_minor, currency),
            assisted_orders: figures::count(sums.assisted_orders),
            assisted: Money::new(sums.assisted_net_minor, currency),
        }
    };
    currencies.into_iter().map(one).collect()
}

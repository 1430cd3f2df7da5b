//! The report page: the same figures as `cartback report`.

use actix_web::{HttpRequest, HttpResponse};

use super::{
    Visit,
    figures::{self, count},
    show,
};
use crate::{
    domain::{money::Money, report::Slice},
    web::{
        problem::Problem,
        view::{
            Section,
            funnel::Funnel,
            report::{Report, StepRow},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Report).await?;
    let mut page = Report {
        takings: Vec::new(),
        funnel: Funnel::default(),
        steps: Vec::new(),
        texts: 0,
        parts: 0,
        cost: Vec::new(),
        opt_outs: 0,
        codes: 0,
        codes_used: 0,
        discount: Vec::new(),
        as_of: None,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let figures = figures::of(&visit, shop, keys).await?;
        let total = &figures.report.total;
        page.takings = figures.takings(shop);
        page.texts = count(total.counts.texts);
        page.parts = count(total.counts.segments);
        page.cost = figures::cost(total);
        page.opt_outs = count(total.counts.opt_outs);
        page.codes = count(total.counts.discounts);
        page.codes_used = count(total.counts.discounts_used);
        let taken = total.money.iter().filter(|(_, sums)| sums.discount_minor != 0);
        page.discount = taken.map(|(&currency, sums)| Money::new(sums.discount_minor, currency)).collect();
        page.as_of = Some(figures.report.at);
        page.steps = figures.report.steps.iter().map(|(step, slice)| row(*step, slice)).collect();
        page.funnel = figures.funnel;
    }
    show(&page)
}

fn row(step: u32, slice: &Slice) -> StepRow {
    let money = slice.money.iter().filter(|(_, sums)| sums.net_minor != 0);
    StepRow {
        number: step,
        step: format!("Text {step}"),
        texted: count(slice.counts.texts),
        delivered: count(slice.counts.delivered),
        clicked: count(slice.counts.clicked),
        orders: count(slice.counts.recovered_orders),
        net: money.map(|(&currency, sums)| Money::new(sums.net_minor, currency)).collect(),
        cost: figures::cost(slice),
    }
}

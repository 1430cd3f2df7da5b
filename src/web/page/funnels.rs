//! Funnels: all of them with hints at where visitors stop, one with its bars, adding, changing and removing.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web::Bytes};

use super::{
    Visit, back,
    goals::{kinds, typed},
    id, show,
};
use crate::{
    domain::{
        diagnosis,
        funnel::{Funnel, STEPS_MAX, Step, Way},
        goal::{Field as Where, How, Only},
        id::FunnelId,
        seal::ShopKeys,
        site_event::Kind,
    },
    pipeline::{
        connect::NotConnected,
        goal::{self, Walked},
        rollup, track,
    },
    store::{self, Read},
    web::{
        problem::Problem,
        view::{
            Section,
            form::{Field, Kind as Input, place_problems},
            goal::GoalRemove,
            path::{FunnelPage, Funnels, PathRow},
            words::{say, t},
        },
    },
};

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Funnels).await?;
    all(&visit, Vec::new()).await
}

fn days(visit: &Visit) -> (i64, i64) {
    let (from, to) = visit.page.span();
    (rollup::number_of(from), rollup::number_of(to))
}

async fn all(visit: &Visit, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut page = Funnels {
        page: visit.page.clone(),
        rows: Vec::new(),
        findings: Vec::new(),
        heard: false,
        problems,
        may_change: visit.visitor.may_change && visit.shop().is_some(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let days = days(visit);
        let tally = track::counted(&mut read, keys, days.0, days.1).await?;
        page.heard = tally.visitors() > 0;
        let figures = store::rollup::figures(&mut read, shop.id, days.0, days.1).await?;
        let placed = figures.iter().filter(|figure| figure.metric == crate::domain::report::Metric::Orders);
        let orders: u64 = placed.map(|figure| figure.value.unsigned_abs()).sum();
        page.findings = diagnosis::findings(|kind| match kind {
            // The shop's own, whether the thank-you page tells or not.
            Kind::Ordered => page.heard.then_some(orders),
            kind => Some(tally.visitors_of(kind)).filter(|visitors| *visitors > 0),
        });
        for funnel in store::goal::funnels(&mut read, keys).await? {
            let Walked { walk, .. } = goal::walk(&mut read, shop, keys, &funnel.way, days).await?;
            page.rows.push(PathRow { id: funnel.id.to_string(), way: funnel.way, walk });
        }
    }
    show(&page)
}

pub async fn get_add(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Funnels).await?;
    visit.shop().ok_or(Problem::NotFound)?;
    one(&visit, None, fields(&typed_of(&Way { name: String::new(), ..Way::usual() })), Vec::new()).await
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Funnels).await?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let funnel = found(&mut visit.read().await?, keys, id(&request)?).await?;
    let fields = fields(&typed_of(&funnel.way));
    one(&visit, Some(funnel), fields, Vec::new()).await
}

async fn found(read: &mut Read, keys: &ShopKeys, id: FunnelId) -> Result<Funnel, Problem> {
    let funnels = store::goal::funnels(read, keys).await?;
    funnels.into_iter().find(|funnel| funnel.id == id).ok_or(Problem::NotFound)
}

async fn one(
    visit: &Visit,
    funnel: Option<Funnel>,
    mut fields: Vec<Field>,
    problems: Vec<String>,
) -> Result<HttpResponse, Problem> {
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let problems = place_problems(&mut fields, &problems);
    let Walked { walk, cut } = match &funnel {
        Some(funnel) => goal::walk(&mut visit.read().await?, shop, keys, &funnel.way, days(visit)).await?,
        None => Walked::default(),
    };
    show(&FunnelPage {
        page: visit.page.clone(),
        id: funnel.as_ref().map(|funnel| funnel.id.to_string()),
        way: funnel.map_or_else(Way::usual, |funnel| funnel.way),
        walk,
        cut,
        fields,
        problems,
        may_change: visit.visitor.may_change,
    })
}

pub async fn add(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Funnels).await?;
    let typed = typed(&body);
    if typed.contains_key("preset") {
        let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
        let usual = Way::usual();
        let usual = Way { name: t("From product to order").to_owned(), ..usual };
        return match goal::keep_funnel(visit.core(), shop.id, None, &usual).await {
            Ok(_) => Ok(back("/funnels", &request, "funnel_saved")),
            Err(NotConnected::Wrong(problems)) => all(&visit, problems).await,
            Err(NotConnected::Store(error)) => Err(error.into()),
        };
    }
    save(&visit, &request, None, &typed).await
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Funnels).await?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let funnel = found(&mut visit.read().await?, keys, id(&request)?).await?;
    save(&visit, &request, Some(funnel), &typed(&body)).await
}

async fn save(
    visit: &Visit,
    request: &HttpRequest,
    funnel: Option<Funnel>,
    typed: &BTreeMap<String, String>,
) -> Result<HttpResponse, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    match goal::keep_funnel(visit.core(), shop.id, funnel.as_ref().map(|funnel| funnel.id), &way(typed)).await {
        Ok(Some(id)) => Ok(back(&format!("/funnels/{id}"), request, "funnel_saved")),
        Ok(None) => Err(Problem::NotFound),
        Err(NotConnected::Wrong(problems)) => one(visit, funnel, fields(typed), problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

pub async fn ask_remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Funnels).await?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let funnel = found(&mut visit.read().await?, keys, id(&request)?).await?;
    let path = format!("/funnels/{}", funnel.id);
    show(&GoalRemove { page: visit.page.clone(), path, name: funnel.way.name, is_funnel: true })
}

pub async fn remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Funnels).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    if goal::remove_funnel(visit.core(), shop.id, id(&request)?).await? {
        Ok(back("/funnels", &request, "funnel_removed"))
    } else {
        Err(Problem::NotFound)
    }
}

fn fields(typed: &BTreeMap<String, String>) -> Vec<Field> {
    let given = |name: &str| typed.get(name).cloned().unwrap_or_default();
    let choice = |name: &str, label: &str, help: &str, all: Vec<(String, String)>| Field {
        kind: Input::Choice(all),
        ..Field::text(name, label, help, &given(name))
    };
    let pair = |value: &str, words: &str| (value.to_owned(), words.to_owned());
    let mut fields = vec![
        Field::text("name", t("Name"), t("As lists and reports call it."), &given("name")).required(),
        choice(
            "strict",
            t("In between"),
            t("Strict funnels count fewer visitors, never more."),
            vec![pair("no", t("anything may happen")), pair("yes", t("no other step of the funnel"))],
        ),
        choice(
            "window_minutes",
            t("Within"),
            t("From the first step to the last one."),
            vec![
                pair("30", t("30 minutes")),
                pair("1440", t("a day")),
                pair("10080", t("7 days")),
                pair("43200", t("30 days")),
                pair("129600", t("90 days")),
            ],
        ),
    ];
    for step in 1..=STEPS_MAX {
        let number = step.to_string();
        let mut all = vec![pair("", t("no further step"))];
        all.extend(kinds());
        fields.push(choice(
            &format!("step{step}"),
            &say("Step {number}", &[("number", &number)]),
            t("What a visitor does."),
            all,
        ));
        // More than a few steps that look closer are seldom: the form stays short enough to be read.
        if step <= CLOSER_STEPS {
            fields.push(Field::text(
                &format!("page{step}"),
                &say("Step {number}, only on pages with", &[("number", &number)]),
                t("A part of the page’s path, as in /pricing; empty: any."),
                &given(&format!("page{step}")),
            ));
        }
    }
    fields
}

const CLOSER_STEPS: usize = 4;

fn typed_of(way: &Way) -> BTreeMap<String, String> {
    let mut typed = BTreeMap::from([
        ("name".to_owned(), way.name.clone()),
        ("strict".to_owned(), if way.strict { "yes" } else { "no" }.to_owned()),
        ("window_minutes".to_owned(), way.window_minutes.to_string()),
    ]);
    for (at, step) in way.steps.iter().enumerate() {
        typed.insert(format!("step{}", at + 1), step.kind.name().to_owned());
        if let Some(only) = &step.only {
            typed.insert(format!("page{}", at + 1), only.text.clone());
        }
    }
    typed
}

fn way(typed: &BTreeMap<String, String>) -> Way {
    let given = |name: &str| typed.get(name).map_or("", String::as_str);
    let steps = (1..=STEPS_MAX).filter_map(|step| {
        let kind = Kind::parse(given(&format!("step{step}")))?;
        let text = given(&format!("page{step}"));
        let only = Only { field: Where::Page, how: How::Contains, text: text.to_owned() };
        Some(Step { kind, only: (!text.is_empty()).then_some(only) })
    });
    Way {
        name: given("name").to_owned(),
        steps: steps.collect(),
        strict: given("strict") == "yes",
        window_minutes: given("window_minutes").parse().unwrap_or(0),
    }
}

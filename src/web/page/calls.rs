//! Calls of the chosen shop: what came in on the numbers its texts show, the pool of numbers, and what counts.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::{
    Visit,
    cart_acts::{actor, led_to},
    id, listing, show,
};
use crate::{
    domain::{
        call::Number,
        hours,
        id::{CallId, CallNumberId},
        time::{DAY, Time},
    },
    pipeline::{
        call::{self, NotAdded},
        zone_of,
    },
    store::{
        self,
        call::Call,
        listing::{Cut, Open},
    },
    web::{
        problem::Problem,
        view::{
            Section,
            call::{CallRow, Calls, NumberRow, SumRow},
        },
    },
};

const ROWS: u32 = 50;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Calls).await?;
    page(&visit, Vec::new()).await
}

async fn page(visit: &Visit, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut page = Calls {
        page: visit.page.clone(),
        sums: Vec::new(),
        calls: Vec::new(),
        numbers: Vec::new(),
        sequences: Vec::new(),
        least_seconds: crate::domain::call::LEAST_SECONDS,
        has_token: false,
        can_verify: false,
        refused: 0,
        hook: String::new(),
        problems,
        may_change: visit.visitor.may_change && visit.shop().is_some(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let zone = zone_of(shop);
        let (first, last) = visit.page.span();
        let span = (hours::start_of_day(&zone, first), hours::start_of_day(&zone, last.tomorrow().unwrap_or(last)));
        let mut read = visit.read().await?;
        let numbers = store::call::numbers(&mut read, keys).await?;
        let name = |id: &str| {
            let found = shop.rules.sequences.iter().find(|sequence| sequence.id == id);
            found.map_or_else(|| id.to_owned(), |sequence| sequence.name.clone())
        };
        page.sequences = shop.rules.sequences.iter().map(|each| (each.id.clone(), each.name.clone())).collect();
        page.sums = store::call::sums(&mut read, keys, span)
            .await?
            .into_iter()
            .map(|sum| SumRow {
                sequence: name(&sum.sequence),
                calls: sum.calls,
                answered: sum.answered,
                counted: sum.counted,
                by_phone: sum.by_phone,
            })
            .collect();
        let end = (span.1, CallId::new(0));
        let calls = store::call::list(&mut read, keys, span.0, end, ROWS).await?;
        page.calls = calls.into_iter().map(|call| row(call, &numbers, &name)).collect();
        page.numbers = numbers
            .iter()
            .filter(|number| number.removed_at.is_none())
            .map(|number| NumberRow {
                id: number.id.to_string(),
                number: number.number.clone(),
                answers: number.answers.clone(),
                sequence: name(&number.sequence),
            })
            .collect();
        let desk = store::call::desk(&mut read, keys).await?;
        page.least_seconds = desk.least_seconds;
        page.has_token = desk.token.is_some();
        page.refused = desk.refused_count;
        page.can_verify = call::can_verify(visit.core(), &mut read, keys).await?;
        if let Some(connection) = store::connection::of(&mut read, shop.id, None).await? {
            page.hook = format!("{}/hook/call/{}", visit.core().public_url, connection.public_id);
        }
    }
    show(&page)
}

fn row(call: Call, numbers: &[Number], name: &impl Fn(&str) -> String) -> CallRow {
    CallRow {
        number: number(&call, numbers),
        called_at: call.called_at,
        state: call.state,
        seconds: call.seconds,
        is_hidden: call.phone.is_none(),
        tie: call.tie,
        message: call.message.map(|message| message.to_string()),
        sequence: name(&call.sequence),
        counts: call.counted_day.is_some(),
    }
}

fn number(call: &Call, numbers: &[Number]) -> String {
    numbers.iter().find(|number| number.id == call.number).map(|number| number.number.clone()).unwrap_or_default()
}

#[derive(Deserialize)]
pub struct Typed {
    number: String,
    answers: String,
    #[serde(default)]
    sequence: String,
}

pub async fn add(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = actor(&request, Section::Calls).await?;
    match call::add(visit.core(), shop, &typed.number, &typed.answers, &typed.sequence).await {
        Ok(_) => Ok(led_to(&visit, "/calls", "call_number_added")),
        Err(NotAdded::Wrong(problems)) => page(&visit, problems).await,
        Err(NotAdded::Store(error)) => Err(error.into()),
    }
}

pub async fn remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = actor(&request, Section::Calls).await?;
    let id: CallNumberId = id(&request)?;
    match call::remove(visit.core(), shop, id).await? {
        true => Ok(led_to(&visit, "/calls", "call_number_removed")),
        false => Err(Problem::NotFound),
    }
}

#[derive(Deserialize)]
pub struct Chosen {
    least_seconds: u32,
    #[serde(default)]
    token: String,
    /// The gateway's key is taken again.
    #[serde(default)]
    forget: String,
}

pub async fn set(request: HttpRequest, chosen: Form<Chosen>) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = actor(&request, Section::Calls).await?;
    let typed = Some(chosen.token.trim()).filter(|token| !token.is_empty());
    let token = if chosen.forget.is_empty() { typed } else { Some("") };
    match call::set(visit.core(), shop, Some(chosen.least_seconds), token).await {
        Ok(()) => Ok(led_to(&visit, "/calls", "calls_set")),
        Err(NotAdded::Wrong(problems)) => page(&visit, problems).await,
        Err(NotAdded::Store(error)) => Err(error.into()),
    }
}

/// The calls of the last 90 days as a sheet.
pub async fn sheet(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const HEADING: &[&str] =
        &["call", "called_at", "number", "state", "seconds", "known_by", "message", "sequence", "counts"];
    let visit = Visit::begin(&request, Section::Calls).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let (state, keys) = (visit.state.clone(), keys.clone());
    let since = visit.page.now - DAY * 90;
    Ok(listing::sheet(&visit, shop, "calls", HEADING, move |open: Open| {
        let (state, keys) = (state.clone(), keys.clone());
        Box::pin(async move {
            let from = open.from.map(|(_, cut)| (Time::from_millis(cut.key), CallId::new(cut.id)));
            let mut read = state.core.db.read().await?;
            let numbers = store::call::numbers(&mut read, &keys).await?;
            let before = from.unwrap_or((Time::LAST, CallId::new(0)));
            let found = store::call::list(&mut read, &keys, since, before, open.most).await?;
            let whole = found.len() == open.most as usize;
            let last = found.last().map(|call| Cut { key: call.called_at.millis(), id: call.id.get() });
            let rows = found.into_iter().map(|call| {
                vec![
                    call.id.to_string(),
                    call.called_at.to_string(),
                    number(&call, &numbers),
                    call.state.name().to_owned(),
                    call.seconds.to_string(),
                    call.tie.name().to_owned(),
                    call.message.map(|message| message.to_string()).unwrap_or_default(),
                    call.sequence,
                    if call.counted_day.is_some() { "yes" } else { "no" }.to_owned(),
                ]
            });
            Ok((rows.collect(), last.filter(|_| whole)))
        })
    }))
}

//! Outbound webhooks of the chosen shop: endpoints, their log, and everything that can be done with one. What a test or a
//! new secret came to is shown on the page that answers, this once.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Bytes};

use super::{ROWS, Visit, back, id, show};
use crate::{
    domain::{
        id::{EventId, SinkId},
        outbox::{self, OLD_SECRET_SIGNS, Topic},
        seal::ShopKeys,
        time::HOUR,
    },
    pipeline::{
        connect::NotConnected,
        sink::{self, Again, NotReplayed, Typed},
    },
    store::{
        self, Read,
        outbox::{Attempt, Forward, State as Stored, Which},
        sink::Sink,
    },
    web::{
        gate,
        problem::Problem,
        view::{
            Pager, Section,
            webhook::{AttemptRow, EndpointForm, EndpointRow, EventRow, Filter, Off, State, Webhook, Webhooks},
            words::t,
        },
    },
};

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Webhooks).await?;
    let form = EndpointForm { topics: Topic::choices().collect(), ..EndpointForm::default() };
    list(&visit, form, Vec::new()).await
}

async fn list(visit: &Visit, form: EndpointForm, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut rows = Vec::new();
    if let Some((_, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let tally = store::outbox::tally(&mut read, keys).await?;
        rows = store::sink::list(&mut read, keys).await?.iter().map(|sink| row(visit, sink, &tally)).collect();
    }
    let platforms = sink::kinds().map(|spec| (spec.kind, spec.name)).collect();
    show(&Webhooks { page: visit.page.clone(), rows, form, problems, platforms })
}

fn row(visit: &Visit, sink: &Sink, tally: &[(SinkId, Stored, u64)]) -> EndpointRow {
    let count = |states: &[Stored]| {
        let own = tally.iter().filter(|(id, state, _)| *id == sink.id && states.contains(state));
        own.map(|(.., count)| count).sum()
    };
    let until = sink.rotated_at.map(|at| at + OLD_SECRET_SIGNS);
    EndpointRow {
        id: sink.id.to_string(),
        name: sink.name.clone(),
        host: match sink::is_webhook(sink) {
            true => sink::host(sink.settings.get("url")),
            false => crate::sink::by_kind(&sink.kind).map_or("", |kind| kind.spec().name).to_owned(),
        },
        is_webhook: sink::is_webhook(sink),
        events: sink.topics.len() as u64,
        personal: sink.personal,
        failing_since: sink.failing_since,
        off: sink.disabled_at.map(|at| Off { at, why: sink.disabled_why.clone() }),
        both_until: until.filter(|until| *until > visit.page.now),
        delivered: count(&[Stored::Delivered]),
        waiting: count(&[Stored::Waiting, Stored::Retrying]),
        failed: count(&[Stored::GivenUp]),
        missed: count(&[Stored::Missed]),
        withheld: count(&[Stored::Withheld]),
    }
}

/// What stands on one endpoint's page besides what is stored.
#[derive(Default)]
struct Just {
    secret: Option<String>,
    tested: Option<Attempt>,
    problems: Vec<String>,
    form: Option<EndpointForm>,
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Webhooks).await?;
    one(&visit, id(&request)?, Just::default()).await
}

async fn one(visit: &Visit, id: SinkId, just: Just) -> Result<HttpResponse, Problem> {
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let sink = store::sink::get(&mut read, keys, id).await?.ok_or(Problem::NotFound)?;
    let tally = store::outbox::tally(&mut read, keys).await?;
    let filter = Filter::parse(visit.asked("state"));
    let after = visit.asked("after").parse::<EventId>().ok();
    let which = Which { sink: Some(id), state: stored(filter), topic: None };
    let found = store::outbox::list(&mut read, keys, which, after.unwrap_or(EventId::new(i64::MAX)), ROWS).await?;
    let next = found.last().filter(|_| found.len() == ROWS as usize).map(|last| last.event.to_string());
    let mut log = Vec::new();
    for forward in &found {
        log.push(event(&mut read, keys, forward).await?);
    }
    let form = just.form.unwrap_or_else(|| EndpointForm {
        url: sink.settings.get("url").to_owned(),
        name: sink.name.clone(),
        topics: sink.topics.iter().collect(),
        personal: sink.personal,
    });
    show(&Webhook {
        row: row(visit, &sink, &tally),
        form,
        problems: just.problems,
        secret: just.secret,
        tested: just.tested.as_ref().map(attempt),
        filter,
        log,
        pager: Pager { has_first: after.is_some(), next },
        page: visit.page.clone(),
    })
}

fn stored(filter: Filter) -> Option<Stored> {
    match filter {
        Filter::All => None,
        Filter::Under => Some(Stored::Retrying),
        Filter::Delivered => Some(Stored::Delivered),
        Filter::Failed => Some(Stored::GivenUp),
        Filter::Missed => Some(Stored::Missed),
        Filter::Withheld => Some(Stored::Withheld),
    }
}

async fn event(read: &mut Read, keys: &ShopKeys, forward: &Forward) -> Result<EventRow, Problem> {
    let attempts = store::outbox::attempts(read, keys, forward.sink, forward.event).await?;
    Ok(EventRow {
        id: forward.event.to_string(),
        topic: forward.topic.name(),
        at: forward.at,
        state: match forward.state() {
            Stored::Waiting => State::Waiting,
            Stored::Retrying => State::Retrying,
            Stored::Delivered => State::Delivered,
            Stored::GivenUp => State::Failed,
            Stored::Missed => State::Missed,
            Stored::Withheld => State::Withheld,
        },
        next_at: forward.due_at,
        attempts: attempts.iter().map(attempt).collect(),
    })
}

fn attempt(made: &Attempt) -> AttemptRow {
    AttemptRow {
        number: made.number,
        at: made.at,
        took_ms: made.took_ms,
        status: made.status,
        why: made.why.clone(),
        answer: made.answer.clone(),
    }
}

fn typed(body: &Bytes) -> EndpointForm {
    let mut form = EndpointForm::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        match &*name {
            "url" => value.trim().clone_into(&mut form.url),
            "name" => value.trim().clone_into(&mut form.name),
            "events" => form.topics.extend(Topic::choices().find(|topic| topic.name() == value)),
            "personal" => form.personal = true,
            _ => {}
        }
    }
    form
}

/// From a browser no private network is opened: that is the operator's, on the server.
fn as_typed(form: &EndpointForm) -> Typed {
    let topics: Vec<&str> = form.topics.iter().map(|topic| topic.name()).collect();
    Typed {
        name: Some(form.name.clone()).filter(|name| !name.is_empty()),
        url: Some(form.url.clone()),
        topics: Some(topics.join(" ")),
        personal: Some(form.personal),
        private: false,
    }
}

pub async fn add(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let form = typed(&body);
    match sink::add(visit.core(), shop.id, &as_typed(&form)).await {
        Ok(made) => {
            gate::done(&request);
            one(&visit, made.id, Just { secret: Some(made.secret), ..Just::default() }).await
        }
        Err(NotConnected::Wrong(problems)) => list(&visit, form, problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let id: SinkId = id(&request)?;
    let form = typed(&body);
    let mut typed = as_typed(&form);
    let sink = store::sink::get(&mut visit.read().await?, keys, id).await?.ok_or(Problem::NotFound)?;
    // An address the operator opened stays as open as it was while nobody changes it.
    if sink.settings.get("url") == form.url {
        typed.url = None;
    }
    match sink::change(visit.core(), shop.id, id, &typed).await {
        Ok(true) => Ok(back(&format!("/webhooks/{id}"), &request, "webhook_saved")),
        Ok(false) => Err(Problem::NotFound),
        Err(NotConnected::Wrong(problems)) => {
            one(&visit, id, Just { problems, form: Some(form), ..Just::default() }).await
        }
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

pub async fn rotate(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let id: SinkId = id(&request)?;
    let secret = sink::rotate(visit.core(), shop.id, id).await?.ok_or(Problem::NotFound)?;
    gate::done(&request);
    one(&visit, id, Just { secret: Some(secret), ..Just::default() }).await
}

pub async fn test(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let id: SinkId = id(&request)?;
    let tested = sink::test(visit.core(), shop.id, id).await?.ok_or(Problem::NotFound)?;
    gate::done(&request);
    one(&visit, id, Just { tested: Some(tested), ..Just::default() }).await
}

pub async fn enable(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let id: SinkId = id(&request)?;
    let known = sink::enable(visit.core(), shop.id, id).await?;
    done(known, &request, &format!("/webhooks/{id}"), "webhook_on")
}

pub async fn disable(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let id: SinkId = id(&request)?;
    let known = sink::disable(visit.core(), shop.id, id).await?;
    done(known, &request, &format!("/webhooks/{id}"), "webhook_off")
}

pub async fn remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let known = sink::remove(visit.core(), shop.id, id(&request)?).await?;
    done(known, &request, "/webhooks", "webhook_removed")
}

fn done(known: bool, request: &HttpRequest, path: &str, what: &str) -> Result<HttpResponse, Problem> {
    if known { Ok(back(path, request, what)) } else { Err(Problem::NotFound) }
}

/// Hours back that a replay may reach: as long as events may be kept.
const REPLAY_HOURS_MAX: u32 = 24 * 365;

pub async fn replay(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let id: SinkId = id(&request)?;
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let value = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let again = match (value("event"), value("since")) {
        (Some(event), _) => Again::One(event.parse().map_err(|_| Problem::NotFound)?),
        (None, hours) => {
            let hours = hours.and_then(|hours| hours.parse::<u32>().ok()).unwrap_or(24).min(REPLAY_HOURS_MAX);
            Again::Since(visit.page.now - HOUR * hours)
        }
    };
    match sink::replay(visit.core(), shop.id, id, again).await {
        Ok(_) => Ok(back(&format!("/webhooks/{id}"), &request, "webhook_replayed")),
        Err(NotReplayed::Store(error)) => Err(error.into()),
        Err(NotReplayed::Off) => {
            let problems = vec![t("It is off: switch it on first.").to_owned()];
            one(&visit, id, Just { problems, ..Just::default() }).await
        }
        Err(NotReplayed::NoEndpoint | NotReplayed::NoEvent) => Err(Problem::NotFound),
    }
}

/// What every event holds, for machines.
pub async fn schema(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Visit::begin(&request, Section::Webhooks).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/schema+json")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(outbox::schema().to_string()))
}

//! Advertising platforms: connecting one, and changing how it is set. What it was told stands on its own page among the
//! webhooks.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web::Bytes};

use super::{Visit, back, id, settings::Typed, show};
use crate::{
    domain::{
        connector::{Settings, Spec},
        id::SinkId,
    },
    pipeline::{connect::NotConnected, sink},
    store::{self, sink::Sink},
    web::{
        gate,
        problem::Problem,
        view::{Section, form, platform::Platform, words::t},
    },
};

fn spec(kind: &str) -> Option<&'static Spec> {
    sink::kinds().find(|spec| spec.kind == kind)
}

fn page(
    visit: &Visit,
    spec: &'static Spec,
    kept: Option<&Sink>,
    typed: &BTreeMap<String, String>,
    problems: &[String],
) -> Result<HttpResponse, Problem> {
    let nothing = Settings::default();
    let mut fields = form::settings(spec, kept.map_or(&nothing, |sink| &sink.settings), typed, None);
    let problems = form::place_problems(&mut fields, problems);
    show(&Platform {
        sink: kept.map(|sink| (sink.id.to_string(), sink.name.clone())),
        kind: spec.kind.to_owned(),
        name: spec.name.to_owned(),
        kinds: sink::kinds().map(|spec| (spec.kind, spec.name)).collect(),
        fields,
        steps: spec.connect.iter().map(|step| t(step)).collect(),
        problems,
        page: visit.page.clone(),
    })
}

pub async fn ask_add(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let spec = spec(visit.asked("kind")).or_else(|| sink::kinds().next()).ok_or(Problem::NotFound)?;
    page(&visit, spec, None, &BTreeMap::new(), &[])
}

fn typed(body: &[u8], spec: &Spec) -> BTreeMap<String, String> {
    let mut typed = Typed::of(body).fields();
    typed.retain(|key, _| spec.field(key).is_some());
    typed
}

pub async fn add(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let kind = Typed::of(&body).fields().remove("kind").unwrap_or_default();
    let spec = spec(&kind).ok_or(Problem::NotFound)?;
    let typed = typed(&body, spec);
    match sink::add_kind(visit.core(), shop.id, spec.kind, "", &typed).await {
        Ok(id) => {
            gate::detail(&request, id.to_string());
            Ok(super::cart_acts::led_to(&visit, &format!("/webhooks/{id}"), "platform_added"))
        }
        Err(NotConnected::Wrong(problems)) => page(&visit, spec, None, &typed, &problems),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

async fn found(visit: &Visit, request: &HttpRequest) -> Result<(Sink, &'static Spec), Problem> {
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let id: SinkId = id(request)?;
    let sink = store::sink::get(&mut visit.read().await?, keys, id).await?.ok_or(Problem::NotFound)?;
    let spec = spec(&sink.kind).ok_or(Problem::NotFound)?;
    Ok((sink, spec))
}

pub async fn ask(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (sink, spec) = found(&visit, &request).await?;
    page(&visit, spec, Some(&sink), &BTreeMap::new(), &[])
}

pub async fn change(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Webhooks).await?;
    let (sink, spec) = found(&visit, &request).await?;
    let typed = typed(&body, spec);
    match sink::change_kind(visit.core(), sink.shop, sink.id, &typed).await {
        Ok(true) => Ok(back(&format!("/webhooks/{}", sink.id), &request, "webhook_saved")),
        Ok(false) => Err(Problem::NotFound),
        Err(NotConnected::Wrong(problems)) => page(&visit, spec, Some(&sink), &typed, &problems),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

//! A shop's settings and rules, as forms; pausing, going on, disconnecting. Every change is checked as a whole, and what
//! was typed stays in the form until it can be saved.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Bytes};

use super::{Visit, attribution, back, come_in_as_owner, come_in_to_change, connect::head_fields, show};
use crate::{
    domain::{attribution::Windows, message::MessageState, rules::Rules},
    pipeline::{
        connect::{self, NotConnected, kept_secrets},
        self_test,
    },
    shop,
    store::{self, message::Narrow, shop::Shop as Stored},
    web::{
        gate,
        problem::Problem,
        view::{
            Section, form,
            rules::{self, Disconnect, RulesPage, SettingsPage},
            words::t,
        },
    },
};

/// What a form said, each field once.
pub struct Typed(Vec<(String, String)>);

impl Typed {
    pub fn of(body: &[u8]) -> Typed {
        Typed(url::form_urlencoded::parse(body).into_owned().filter(|(key, _)| key != "csrf").collect())
    }

    pub fn fields(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|(key, value)| (key, value.replace("\r\n", "\n").trim().to_owned())).collect()
    }
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    page(&visit, None, &[])
}

fn page(visit: &Visit, typed: Option<&BTreeMap<String, String>>, problems: &[String]) -> Result<HttpResponse, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let spec = shop::by_kind(&shop.kind).ok_or(Problem::NotFound)?.spec();
    let kept: BTreeMap<String, String> = [
        ("name", shop.name.as_str()),
        ("country", shop.country.as_str()),
        ("currency", shop.currency.code()),
        ("timezone", shop.zone.as_str()),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let nothing = BTreeMap::new();
    let mut fields = head_fields(typed.unwrap_or(&kept));
    fields.extend(form::settings(spec, &shop.settings, typed.unwrap_or(&nothing), None));
    let problems = form::place_problems(&mut fields, problems);
    let (id, name) = (shop.id.to_string(), shop.name.clone());
    show(&SettingsPage { id, name, kind_name: t(spec.name).to_owned(), fields, problems, page: visit.page.clone() })
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    come_in_to_change(&request).await?;
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let spec = shop::by_kind(&shop.kind).ok_or(Problem::NotFound)?.spec();
    let typed = Typed::of(&body).fields();
    let known =
        |key: &String| ["name", "country", "currency", "timezone"].contains(&key.as_str()) || spec.field(key).is_some();
    let mut changes = kept_secrets(spec, &shop.settings, &typed);
    changes.retain(|key, _| known(key));
    match connect::change_shop(visit.core(), shop.id, &changes).await {
        Ok(()) => Ok(to_shop(&visit, shop, "shop_saved")),
        Err(NotConnected::Wrong(problems)) => page(&visit, Some(&typed), &problems),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

fn to_shop(visit: &Visit, shop: &Stored, done: &str) -> HttpResponse {
    let href = visit.page.href(&format!("/shops/{}?done={done}", shop.id));
    HttpResponse::SeeOther().insert_header((header::LOCATION, href)).finish()
}

pub async fn get_rules(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    rules_page(&visit, &BTreeMap::new(), &[])
}

fn rules_page(visit: &Visit, typed: &BTreeMap<String, String>, problems: &[String]) -> Result<HttpResponse, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let (id, name) = (shop.id.to_string(), shop.name.clone());
    let mut groups = rules::groups(&shop.rules, &shop.country, typed);
    let problems = form::place_problems(groups.iter_mut().flat_map(|group| &mut group.fields), problems);
    show(&RulesPage { id, name, groups, problems, page: visit.page.clone() })
}

pub async fn post_rules(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    come_in_to_change(&request).await?;
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let typed = Typed::of(&body).fields();
    let changes = match changed(&shop.rules, &typed) {
        Ok(changes) => changes,
        Err(problems) => return rules_page(&visit, &typed, &problems),
    };
    let before = Windows::of(&shop.rules);
    let mut after = shop.rules.clone();
    let pairs = changes.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    if after.set_all(pairs).is_ok() && Windows::of(&after) != before {
        gate::detail(&request, attribution::detail(&before, &Windows::of(&after)));
    }
    match connect::change_shop(visit.core(), shop.id, &changes).await {
        Ok(()) => {
            visit.core().wake.notify_one();
            Ok(to_shop(&visit, shop, "rules_saved"))
        }
        Err(NotConnected::Wrong(problems)) => rules_page(&visit, &typed, &problems),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

/// Only what differs from what is kept: a form that is sent as it came changes nothing.
fn changed(kept: &Rules, typed: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut changes = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, value) in typed {
        let Some(now) = rules::value(kept, key) else { continue };
        if now == *value {
            continue;
        }
        match rules::as_set(key, value) {
            Ok(value) => {
                changes.insert(key.clone(), value);
            }
            Err(problem) => problems.push(format!("{key}: {problem}")),
        }
    }
    // One country's own hours or way of consent, added beside those there are.
    for (place, rule) in [("new_hours", "country_hours"), ("new_consent", "consent")] {
        let field = |name: &str| typed.get(&format!("{place}.{name}")).map_or("", String::as_str).trim();
        let (country, value) = (field("country"), field("value"));
        if !country.is_empty() && !value.is_empty() {
            changes.insert(format!("{rule}.{}", country.to_uppercase()), value.to_owned());
        }
    }
    if problems.is_empty() { Ok(changes) } else { Err(problems) }
}

pub async fn pause(request: HttpRequest) -> Result<HttpResponse, Problem> {
    switch(&request, "yes", "shop_paused").await
}

pub async fn resume(request: HttpRequest) -> Result<HttpResponse, Problem> {
    switch(&request, "no", "shop_resumed").await
}

async fn switch(request: &HttpRequest, paused: &str, done: &str) -> Result<HttpResponse, Problem> {
    let state = come_in_to_change(request).await?;
    let visit = Visit::at_shop(request, Section::Shops).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let change = BTreeMap::from([("paused".to_owned(), paused.to_owned())]);
    match connect::change_shop(visit.core(), shop.id, &change).await {
        Ok(()) => {
            state.core.wake.notify_one();
            Ok(to_shop(&visit, shop, done))
        }
        // What it lacks is told on the page where it can be mended.
        Err(NotConnected::Wrong(problems)) => page(&visit, None, &problems),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

pub async fn ask_disconnect(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let queued = Narrow { state: Some(store::message::State::Of(MessageState::Queued)), ..Narrow::default() };
    let waiting = store::message::counted(&mut read, keys, &queued).await?.rows;
    show(&Disconnect {
        id: shop.id.to_string(),
        name: shop.name.clone(),
        gone: shop.uninstalled_at.is_some(),
        waiting,
        page: visit.page.clone(),
    })
}

pub async fn disconnect(request: HttpRequest) -> Result<HttpResponse, Problem> {
    come_in_as_owner(&request).await?;
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    match connect::disconnect_shop(visit.core(), shop.id).await {
        Ok(()) => Ok(to_shop(&visit, shop, "shop_disconnected")),
        Err(NotConnected::Wrong(_)) => Err(Problem::NotFound),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

/// Has the self-test played; its outcome follows on the shop's page.
pub async fn self_test(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let state = come_in_to_change(&request).await?;
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let shop = shop.id;
    self_test::ask(&state.core, shop, false).await?;
    Ok(back(&format!("/shops/{shop}"), &request, "self_test_asked"))
}

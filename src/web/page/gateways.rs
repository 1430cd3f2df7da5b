//! Gateways: the chosen shop's own and those of the house, with what went through them for this shop today; pausing and
//! resuming one.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Bytes};

use super::{Visit, back, come_in_as_owner, id, settings::Typed, show};
use crate::{
    domain::{
        connector::Settings,
        hours,
        id::{GatewayId, ShopId},
        message::Cost,
        seal::ShopKeys,
        time::{DAY, HOUR},
        wording,
    },
    gateway::{
        self,
        sending::{self, SENDING},
    },
    pipeline::{
        Core,
        connect::{self, NotConnected, kept_secrets},
        route, send,
        trial::{self, NotSent, Trial},
        zone_of,
    },
    store::{self, Error, Read, gateway::Gateway, message::Through},
    transact,
    web::{
        gate,
        problem::Problem,
        view::{
            Section, Tone,
            form::{self, Field},
            format,
            gateway::{About, Add, Gateway as Page, GatewayRow, Gateways, Paused, Remove},
            health::Check,
            words::{say, t},
        },
    },
};

/// Texts older than this are settled or too old to wait for.
const OPEN_DAYS: u32 = 3;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Gateways).await?;
    let mut read = visit.read().await?;
    let mut rows = Vec::new();
    match visit.shop() {
        Some((shop, keys)) => {
            let today = hours::start_of_day(&zone_of(shop), hours::day_of(&zone_of(shop), visit.page.now));
            let recently = visit.page.now - DAY * OPEN_DAYS;
            let through = store::message::through(&mut read, keys, today, recently.min(today)).await?;
            for account in all(&mut read, visit.core(), keys).await? {
                let serves = if account.shop == ShopId::HOUSE { t("every shop without its own") } else { &shop.name };
                rows.push(row(&account, serves, &through));
            }
        }
        None if visit.sees_house() => {
            let house = visit.core().vault.keys(&mut read, ShopId::HOUSE).await?;
            let accounts = store::gateway::list(&mut read, &house).await?;
            rows.extend(accounts.iter().map(|account| row(account, t("every shop"), &[])));
        }
        None => {}
    }
    show(&Gateways {
        rows,
        kinds: gateway::ALL.iter().map(|kind| t(kind.spec().name).to_owned()).collect(),
        page: visit.page.clone(),
    })
}

/// The shop's own, then the house's.
pub async fn all(read: &mut Read, core: &Core, keys: &ShopKeys) -> Result<Vec<Gateway>, Error> {
    let mut accounts = store::gateway::list(read, keys).await?;
    let house = core.vault.keys(read, ShopId::HOUSE).await?;
    accounts.extend(store::gateway::list(read, &house).await?);
    Ok(accounts)
}

/// What each is called.
pub async fn names(read: &mut Read, core: &Core, keys: &ShopKeys) -> Result<BTreeMap<GatewayId, String>, Error> {
    Ok(all(read, core, keys).await?.into_iter().map(|account| (account.id, account.name)).collect())
}

fn row(account: &Gateway, serves: &str, through: &[Through]) -> GatewayRow {
    let own: Vec<&Through> = through.iter().filter(|each| each.gateway == account.id).collect();
    let sum = |of: fn(&Through) -> u64| own.iter().map(|each| of(each)).sum();
    let kind = gateway::by_kind(&account.kind).map_or(account.kind.as_str(), |kind| kind.spec().name);
    GatewayRow {
        id: account.id.to_string(),
        name: account.name.clone(),
        kind: kind.to_owned(),
        serves: serves.to_owned(),
        paused: account.paused_at.map(|at| Paused {
            at,
            why: account.pause_reason.clone(),
            remedy: t("Check the account at the provider, then resume.").to_owned(),
        }),
        texts_today: sum(|each| each.texts),
        delivered_today: sum(|each| each.delivered),
        unknown: sum(|each| each.unknown),
        cost_today: own.iter().filter_map(|each| each.cost).collect::<Vec<Cost>>(),
        last_receipt_at: own.iter().filter_map(|each| each.last_receipt_at).max(),
        waiting: sum(|each| each.waiting),
        balance: account.balance,
    }
}

pub async fn resume(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let (shop, id) = named(&visit, &request).await?;
    send::resume_gateway(visit.core(), shop, id).await?;
    visit.core().wake.notify_one();
    Ok(back("/gateways", &request, "resumed"))
}

pub async fn pause(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let (shop, id) = named(&visit, &request).await?;
    let core = visit.core();
    let now = core.now();
    transact!(core.db, |tx| {
        store::gateway::pause(tx, shop, id, "paused by hand", now).await?;
    })?;
    Ok(back("/gateways", &request, "paused"))
}

/// The gateway in the path, and whose it is: that of a shop within reach, or the house's, which is the owner's to touch.
async fn named(visit: &Visit, request: &HttpRequest) -> Result<(ShopId, GatewayId), Problem> {
    let id: GatewayId = id(request)?;
    let core = visit.core();
    let mut read = visit.read().await?;
    for shop in visit.shops.iter().map(|shop| shop.id).chain([ShopId::HOUSE]) {
        let keys = core.vault.keys(&mut read, shop).await?;
        if let Some(account) = store::gateway::get(&mut read, &keys, id).await? {
            gate::of_shop(request, shop);
            gate::detail(request, account.name);
            return match shop {
                ShopId::HOUSE if !visit.is_owner => Err(Problem::Forbidden),
                shop => Ok((shop, id)),
            };
        }
    }
    Err(Problem::NotFound)
}

pub async fn ask_add(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Gateways).await?;
    let kind = Some(visit.asked("kind")).filter(|kind| !kind.is_empty()).unwrap_or("twilio").to_owned();
    add_page(&visit, &kind, &BTreeMap::new(), &[])
}

fn add_page(
    visit: &Visit,
    kind: &str,
    typed: &BTreeMap<String, String>,
    problems: &[String],
) -> Result<HttpResponse, Problem> {
    let connector = gateway::by_kind(kind).ok_or(Problem::NotFound)?;
    let spec = connector.spec();
    let value = |key: &str| typed.get(key).map_or("", String::as_str);
    let mut fields = vec![name_field(value("name"))];
    if let Some((shop, _)) = visit.shop() {
        let choices = vec![
            (shop.id.to_string(), shop.name.clone()),
            ("0".to_owned(), t("every shop without its own").to_owned()),
        ];
        fields.push(Field {
            kind: form::Kind::Choice(choices),
            ..Field::text("for", t("Sends for"), t("A shop’s own gateway comes before the house’s."), value("for"))
        });
    }
    fields.extend(form::settings(spec, &Settings::default(), typed, None));
    let mut sending = form::settings(&SENDING, &Settings::default(), typed, None);
    let problems = form::place_problems(fields.iter_mut().chain(&mut sending), problems);
    let kinds = gateway::ALL.iter().map(|kind| (kind.spec().kind.to_owned(), t(kind.spec().name).to_owned())).collect();
    let about = About::of(connector);
    show(&Add { kinds, kind: kind.to_owned(), fields, sending, problems, about, page: visit.page.clone() })
}

fn name_field(value: &str) -> Field {
    Field::text("name", t("Name"), t("What you call it; empty for the provider’s name."), value)
}

pub async fn add(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let typed = Typed::of(&body).fields();
    let kind = typed.get("kind").cloned().unwrap_or_default();
    let connector = gateway::by_kind(&kind).ok_or(Problem::NotFound)?;
    let tenant = match (visit.shop(), typed.get("for").map(String::as_str)) {
        (Some((shop, _)), Some("") | None) => shop.id,
        (Some((shop, _)), Some(asked)) if asked == shop.id.to_string() => shop.id,
        // What serves the whole house is its owner's to choose.
        _ => {
            come_in_as_owner(&request).await?;
            ShopId::HOUSE
        }
    };
    let settings = typed.iter().filter(|(key, _)| sending::field(connector, key).is_some());
    let settings = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
    let name = typed.get("name").cloned().unwrap_or_default();
    // The owner of the house is its operator: addresses in private networks are theirs to choose.
    match connect::add_gateway(visit.core(), tenant, &kind, &name, settings, visit.is_owner).await {
        Ok(made) => {
            let id = made.gateway.map(|id| id.to_string()).unwrap_or_default();
            Ok(to(&visit, &format!("/gateways/{id}?done=gateway_added")))
        }
        Err(NotConnected::Wrong(problems)) => add_page(&visit, &kind, &typed, &problems),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

fn to(visit: &Visit, path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, visit.page.href(path))).finish()
}

/// The gateway a path names, among those the chosen shop may use.
async fn found(visit: &Visit, request: &HttpRequest) -> Result<Gateway, Problem> {
    let id: GatewayId = id(request)?;
    let mut read = visit.read().await?;
    let accounts = match visit.shop() {
        Some((_, keys)) => all(&mut read, visit.core(), keys).await?,
        None if visit.sees_house() => {
            let house = visit.core().vault.keys(&mut read, ShopId::HOUSE).await?;
            store::gateway::list(&mut read, &house).await?
        }
        None => Vec::new(),
    };
    match accounts.into_iter().find(|account| account.id == id) {
        Some(account) => Ok(account),
        // Another shop's own: the link came without its shop.
        None => {
            drop(read);
            let mut read = visit.read().await?;
            for shop in &visit.shops {
                let keys = visit.core().vault.keys(&mut read, shop.id).await?;
                if let Some(account) = store::gateway::get(&mut read, &keys, id).await? {
                    return Ok(account);
                }
            }
            Err(Problem::NotFound)
        }
    }
}

pub async fn get_one(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Gateways).await?;
    let account = found(&visit, &request).await?;
    // Its account, address and callback are the house's; the list says what else there is to know.
    if account.shop == ShopId::HOUSE && !visit.sees_house() {
        return Err(Problem::Forbidden);
    }
    one(&visit, &account, &BTreeMap::new(), &[]).await
}

async fn one(
    visit: &Visit,
    account: &Gateway,
    typed: &BTreeMap<String, String>,
    problems: &[String],
) -> Result<HttpResponse, Problem> {
    let connector = gateway::by_kind(&account.kind).ok_or(Problem::NotFound)?;
    let spec = connector.spec();
    let connected = connect::shown(visit.core(), account.shop, Some((account.id, &account.kind))).await?;
    let mut fields = vec![name_field(typed.get("name").unwrap_or(&account.name))];
    fields.extend(form::settings(spec, &account.settings, typed, None));
    let mut sending = form::settings(&SENDING, &account.settings, typed, None);
    let problems = form::place_problems(fields.iter_mut().chain(&mut sending), problems);
    let mut read = visit.read().await?;
    let mut through = Vec::new();
    let mut health = Vec::new();
    let mut sends = false;
    if let Some((shop, keys)) = visit.shop() {
        let today = hours::start_of_day(&zone_of(shop), hours::day_of(&zone_of(shop), visit.page.now));
        let recently = visit.page.now - DAY * OPEN_DAYS;
        through = store::message::through(&mut read, keys, recently.min(today), recently.min(today)).await?;
        let country = Some(shop.country.as_str());
        sends =
            route::sender(visit.core(), &mut read, shop, country).await?.is_some_and(|first| first.id == account.id);
        health = checks(visit, &mut read, keys, account, &through).await?;
    }
    let serves = match visit.shop() {
        Some((shop, _)) if account.shop == shop.id => shop.name.clone(),
        _ => t("every shop without its own").to_owned(),
    };
    show(&Page {
        row: row(account, &serves, &through),
        health,
        fields,
        sending,
        problems,
        callback_url: connected.as_ref().map(|made| made.webhook_url.clone()).unwrap_or_default(),
        steps: connected.map(|made| made.steps).unwrap_or_default(),
        about: About::of(connector),
        sends,
        phone: typed.get("phone").cloned().unwrap_or_default(),
        page: visit.page.clone(),
    })
}

/// After so long without a receipt something is wrong with the way back.
const RECEIPT_WITHIN_HOURS: u32 = 6;
/// Fewer texts than this say nothing about receipts.
const TEXTS_LEAST: u64 = 5;

async fn checks(
    visit: &Visit,
    read: &mut Read,
    keys: &ShopKeys,
    account: &Gateway,
    through: &[Through],
) -> Result<Vec<Check>, Problem> {
    let now = visit.page.now;
    let own = || through.iter().filter(|each| each.gateway == account.id);
    let texts: u64 = own().map(|each| each.texts).sum();
    let unknown: u64 = own().map(|each| each.unknown).sum();
    let last_receipt = own().filter_map(|each| each.last_receipt_at).max();
    let mut checks = Vec::new();
    let act = |place: &str| visit.page.href(&format!("/gateways/{}/{place}", account.id));
    checks.push(match account.paused_at {
        Some(at) => {
            let words = say(
                "Paused {ago}: {why}. Check the account at the provider, then resume.",
                &[("ago", &format::ago(at, now)), ("why", &account.pause_reason)],
            );
            Check::new(t("Sending"), Tone::Bad, words).act(t("Resume"), act("resume"))
        }
        None => Check::new(t("Sending"), Tone::Good, t("It takes texts.").to_owned()).act(t("Pause"), act("pause")),
    });
    let days = format::count(u64::from(OPEN_DAYS));
    checks.push(match last_receipt {
        _ if account.kind == "log" => {
            Check::new(t("Receipts"), Tone::Quiet, t("It sends nothing, so nobody reports.").to_owned())
        }
        Some(at) => {
            let words = say("The last was heard {ago}.", &[("ago", &format::ago(at, now))]);
            let late = texts >= TEXTS_LEAST && now.since(at) > HOUR * RECEIPT_WITHIN_HOURS;
            Check::new(t("Receipts"), if late { Tone::Live } else { Tone::Good }, words)
        }
        None if texts >= TEXTS_LEAST => Check::new(
            t("Receipts"),
            Tone::Bad,
            say(
                "None was heard of {texts} in {days} days. Does the provider have the callback URL below?",
                &[("texts", &format::number_of(texts, "text", "texts")), ("days", &days)],
            ),
        ),
        None => Check::new(t("Receipts"), Tone::Quiet, t("Too few texts so far to tell.").to_owned()),
    });
    if unknown > 0 {
        let words = say(
            "The outcome of {texts} is not known; they are not sent again.",
            &[("texts", &format::number_of(unknown, "text", "texts"))],
        );
        checks.push(
            Check::new(t("Outcomes"), Tone::Live, words).go(t("See which"), visit.page.href("/messages?state=unknown")),
        );
    }
    let refused = store::coverage::last_refusal(read, keys, account.id, now - DAY * OPEN_DAYS).await?;
    if let Some((at, why)) = refused {
        let words = say("{ago}: {why}", &[("ago", &format::sentence_case(&format::ago(at, now))), ("why", &why)]);
        let check = Check::new(t("Last refusal"), Tone::Live, words);
        checks.push(check.go(t("See which"), visit.page.href("/messages?state=refused")));
    }
    let found = store::connection::of(read, account.shop, Some(account.id)).await?;
    if let Some((at, why)) = found.and_then(|found| Some((found.refused_at?, found.refused_why))) {
        let tone = if now.since(at) < DAY { Tone::Bad } else { Tone::Quiet };
        let words = say("A callback was turned away {ago}: {why}.", &[("ago", &format::ago(at, now)), ("why", &why)]);
        checks.push(Check::new(t("Signatures"), tone, words));
    }
    Ok(checks)
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let account = found(&visit, &request).await?;
    // An owner let it reach into a private network; where to is not for a manager to choose.
    if account.shop == ShopId::HOUSE || account.private {
        come_in_as_owner(&request).await?;
    }
    let connector = gateway::by_kind(&account.kind).ok_or(Problem::NotFound)?;
    let typed = Typed::of(&body).fields();
    let mut settings = kept_secrets(connector.spec(), &account.settings, &typed);
    settings.retain(|key, _| sending::field(connector, key).is_some());
    let name = typed.get("name").map_or("", String::as_str);
    match connect::change_gateway(visit.core(), account.shop, account.id, name, &settings).await {
        Ok(()) => Ok(to(&visit, &format!("/gateways/{}?done=gateway_saved", account.id))),
        Err(NotConnected::Wrong(problems)) => one(&visit, &account, &typed, &problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

/// A test text of the chosen shop, when this is the gateway it would leave by.
pub async fn test(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let account = found(&visit, &request).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let typed = Typed::of(&body).fields();
    let language = wording::choose(None, None, &shop.country);
    let trial = Trial { language, discount: None, cart: None };
    let phone = typed.get("phone").map_or("", String::as_str);
    match trial::send(visit.core(), shop.id, &trial, wording::text(Some(language), 1), phone).await {
        Ok(()) => Ok(to(&visit, &format!("/gateways/{}?done=test_queued", account.id))),
        Err(NotSent::Refused(why)) => one(&visit, &account, &typed, &[why]).await,
        Err(NotSent::Store(error)) => Err(error.into()),
    }
}

pub async fn ask_remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Gateways).await?;
    let account = found(&visit, &request).await?;
    let mut read = visit.read().await?;
    let (mut waiting, mut then) = (0, None);
    if let Some((_, keys)) = visit.shop() {
        let since = visit.page.now - DAY * OPEN_DAYS;
        let through = store::message::through(&mut read, keys, since, since).await?;
        waiting = through.iter().filter(|each| each.gateway == account.id).map(|each| each.waiting).sum();
        let others = all(&mut read, visit.core(), keys).await?.into_iter().filter(|other| other.id != account.id);
        then = others.map(|other| other.name).next();
    }
    show(&Remove { id: account.id.to_string(), name: account.name, waiting, then, page: visit.page.clone() })
}

pub async fn remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let account = found(&visit, &request).await?;
    if account.shop == ShopId::HOUSE {
        come_in_as_owner(&request).await?;
    }
    connect::remove_gateway(visit.core(), account.shop, account.id).await?;
    visit.core().wake.notify_one();
    Ok(to(&visit, "/gateways?done=gateway_removed"))
}

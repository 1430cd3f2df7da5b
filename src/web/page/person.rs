//! A person's data: what is held about whoever was typed, the file of it, forgetting, and the proof of a text. Handing
//! over and forgetting are for those who may change things; who may only look sees counts and no names.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Form},
};
use askama::Template;
use serde::{Deserialize, Serialize};

use super::{Visit, back, id, search, show};
use crate::{
    domain::{
        cart::Cart,
        event::{Identity, TypedPhone},
        id::{CartId, MessageId, RequestId, ShopId},
    },
    pipeline::people::{self, export, proof},
    store::{self, request as requests},
    web::{
        State, gate,
        problem::Problem,
        session,
        view::{
            Section, format,
            person::{self as view, Asked, Held, Person},
            proof::ProofPage,
            words::{noted, t},
        },
    },
};

/// Requests shown.
const REQUESTS: u32 = 50;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let may_change = session::visitor(&visit.state, &request).await?.may_change;
    let mut page = Person {
        asked: sought(&visit),
        problem: String::new(),
        held: None,
        open: Vec::new(),
        done: Vec::new(),
        may_change,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        for known in requests::list(&mut read, keys, REQUESTS).await? {
            let row = view::Request {
                id: known.id.to_string(),
                kind: if known.kind == requests::Kind::Access { noted("access") } else { noted("erasure") },
                source: known.source.clone(),
                at: known.at,
                outcome: known.outcome.clone(),
            };
            if known.done_at.is_none() && known.kind == requests::Kind::Access {
                page.open.push(row);
            } else {
                page.done.push(row);
            }
        }
        // Whom a request or a cart is about is known here; their names are then shown to whoever may hand them over.
        if may_change {
            let mut named = None;
            if let Ok(id) = page.asked.request.parse::<RequestId>() {
                named = requests::who::<Identity>(&mut read, keys, id).await.unwrap_or_default();
            }
            if let Ok(id) = visit.asked("cart").parse::<CartId>() {
                named = store::cart::get(&mut read, keys, id).await?.map(|cart: Cart| cart.latest.who);
            }
            if let Some(who) = named {
                page.asked.phone = who.phones.first().map(|typed| typed.number.clone()).unwrap_or_default();
                page.asked.email = who.email.unwrap_or_default();
                page.asked.customer = who.customer.unwrap_or_default();
            }
        }
        drop(read);
        let typed = Typed::of(&page.asked);
        if !typed.is_empty() {
            match people::names_nobody(visit.core(), shop.id, &typed.identity()).await? {
                Some(Some(problem)) => page.problem = problem,
                _ => page.held = Some(held(&visit, shop.id, &typed.identity()).await?),
            }
        }
    }
    show(&page)
}

/// Whom the address names: sealed, or by the request that this answers.
fn sought(visit: &Visit) -> Asked {
    let typed =
        visit.shop().and_then(|(_, keys)| search::opened::<Typed>(keys, visit.asked("who"))).unwrap_or_default();
    let Typed { phone, email, customer, .. } = typed;
    Asked { phone, email, customer, request: visit.asked("request").to_owned() }
}

/// Leads to what is held about whoever was typed.
pub async fn find(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let place = match visit.shop().filter(|_| !typed.is_empty()) {
        Some((_, keys)) => format!("/person?who={}", search::sealed(keys, &typed.trimmed())?),
        None => "/person".to_owned(),
    };
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, visit.page.href(&place))).finish())
}

async fn held(visit: &Visit, shop: ShopId, who: &Identity) -> Result<Held, Problem> {
    let core = visit.core();
    let Some(export) = export::export(core, shop, who).await? else { return Ok(Held::default()) };
    let mut held = Held { words: words(&export), is_empty: export.is_empty(), ..Held::default() };
    let mut read = visit.read().await?;
    let Some((_, keys)) = visit.shop() else { return Ok(held) };
    for id in export.cart_ids() {
        if let Some(cart) = store::cart::get(&mut read, keys, id).await? {
            let state = match () {
                () if cart.erased_at.is_some() => noted("erased"),
                () if cart.bought_at.is_some() => noted("bought"),
                () if cart.abandoned_at.is_some() => noted("abandoned"),
                () => noted("being filled"),
            };
            held.carts.push(view::Cart { id: id.to_string(), started_at: cart.started_at, state });
        }
    }
    for id in export.message_ids() {
        if let Some(message) = store::message::get(&mut read, keys, id).await? {
            held.texts.push(view::Text {
                id: id.to_string(),
                step: message.step,
                at: message.created_at,
                state: message.moments.state(),
            });
        }
    }
    Ok(held)
}

/// `Export::words` in the reader's language.
fn words(export: &export::Export) -> String {
    let told = |(count, one, many): (usize, &'static str, &'static str)| {
        format!("{} {}", format::count(count as u64), t(if count == 1 { one } else { many }))
    };
    export.counts().map(told).join(", ")
}

/// What an export counts, for `t`.
const _: [&str; 14] = [
    noted("cart"),
    noted("carts"),
    noted("order"),
    noted("orders"),
    noted("text"),
    noted("texts"),
    noted("consent"),
    noted("consents"),
    noted("opt-out"),
    noted("opt-outs"),
    noted("reply"),
    noted("replies"),
    noted("delivery"),
    noted("deliveries"),
];

/// The names in a form of this page.
#[derive(Default, Deserialize, Serialize)]
pub struct Typed {
    #[serde(default)]
    phone: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    customer: String,
    #[serde(default)]
    #[serde(skip_serializing)]
    sure: String,
}

impl Typed {
    fn of(asked: &Asked) -> Typed {
        let Asked { phone, email, customer, .. } = asked.clone();
        Typed { phone, email, customer, sure: String::new() }
    }

    fn trimmed(&self) -> Typed {
        let trimmed = |name: &str| name.trim().to_owned();
        let [phone, email, customer] = [&self.phone, &self.email, &self.customer].map(|name| trimmed(name));
        Typed { phone, email, customer, sure: String::new() }
    }

    fn is_empty(&self) -> bool {
        [&self.phone, &self.email, &self.customer].iter().all(|name| name.trim().is_empty())
    }

    fn identity(&self) -> Identity {
        let given = |name: &str| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        let phones = given(&self.phone).map(|number| TypedPhone { number, country: None });
        Identity { customer: given(&self.customer), email: given(&self.email), phones: phones.into_iter().collect() }
    }
}

/// Who may hand over and forget, for which shop.
async fn chosen(request: &HttpRequest) -> Result<(Data<State>, ShopId), Problem> {
    let visit = Visit::to_change(request, Section::Carts).await?;
    let shop = visit.shop().ok_or(Problem::NotFound)?.0.id;
    Ok((visit.state, shop))
}

async fn searchable(state: &State, shop: ShopId, typed: &Typed) -> Result<Identity, Problem> {
    let who = typed.identity();
    match people::names_nobody(&state.core, shop, &who).await? {
        Some(None) => Ok(who),
        Some(Some(problem)) => Err(Problem::Wrong(vec![problem])),
        None => Err(Problem::NotFound),
    }
}

pub async fn export(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (state, shop) = chosen(&request).await?;
    let who = searchable(&state, shop, &typed).await?;
    let export = export::export(&state.core, shop, &who).await?.ok_or(Problem::NotFound)?;
    gate::done(&request);
    Ok(file(export.to_json()?, "application/json", "person.json"))
}

pub async fn erase(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (state, shop) = chosen(&request).await?;
    if typed.sure != "yes" {
        return Err(Problem::Wrong(vec![t("tick the box to forget somebody for good").to_owned()]));
    }
    let who = searchable(&state, shop, &typed).await?;
    people::forget(&state.core, shop, &who, "dashboard").await?.ok_or(Problem::NotFound)?;
    state.core.wake.notify_one();
    Ok(back("/person", &request, "erased"))
}

pub async fn answered(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (state, shop) = chosen(&request).await?;
    let id: RequestId = id(&request)?;
    if people::answered(&state.core, shop, id).await? {
        Ok(back("/person", &request, "answered"))
    } else {
        Err(Problem::NotFound)
    }
}

/// The proof of one text, as a page to print.
pub async fn proof(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (state, shop) = chosen(&request).await?;
    let id: MessageId = id(&request)?;
    let found = proof::proof(&state.core, shop, id).await?.ok_or(Problem::NotFound)?;
    let page = ProofPage::new(&found, state.core.now());
    Ok(printable(&page.render()?, &page))
}

pub async fn proof_json(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (state, shop) = chosen(&request).await?;
    let id: MessageId = id(&request)?;
    let found = proof::proof(&state.core, shop, id).await?.ok_or(Problem::NotFound)?;
    Ok(file(found.json, "application/json", &format!("proof-{id}.json")))
}

/// A page that brings its own style, and may do nothing else.
pub fn printable(body: &str, page: &ProofPage) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, page.policy()))
        .body(body.to_owned())
}

fn file(body: String, kind: &'static str, name: &str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(body)
}

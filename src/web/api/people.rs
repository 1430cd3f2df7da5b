//! The API's handlers: each reads its request, asks the pipeline, and answers in JSON.

use actix_web::{HttpRequest, HttpResponse, web::Payload};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

use super::{Caller, come_in, private, read};
use crate::{
    domain::{
        event::{Identity, TypedPhone},
        id::MessageId,
    },
    pipeline::people::{
        self, export as held,
        import::{self, Statement, TypedConsent, TypedOptOut},
        proof as proofs,
    },
    store::{shop::Shop, token::Scope},
    web::{gate, page, problem::Problem, view::proof::ProofPage},
};

/// Entries of one list.
const ENTRIES_MAX: usize = 500;
/// Problems told of one list.
const PROBLEMS_MAX: usize = 100;
const SOURCE: &str = "api";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consents {
    consents: Vec<TypedConsent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptOuts {
    opt_outs: Vec<TypedOptOut>,
}

/// A person by any of their names.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Person {
    phone: Option<String>,
    country: Option<String>,
    email: Option<String>,
    customer: Option<String>,
}

impl Person {
    fn identity(&self) -> Identity {
        let country = self.country.as_deref().map(str::to_ascii_uppercase);
        let phones = self.phone.iter().map(|number| TypedPhone { number: number.clone(), country: country.clone() });
        Identity { customer: self.customer.clone(), email: self.email.clone(), phones: phones.collect() }
    }
}

#[derive(Deserialize)]
struct Erasure {
    #[serde(default)]
    dry_run: bool,
    phone: Option<String>,
    country: Option<String>,
    email: Option<String>,
    customer: Option<String>,
}

pub async fn consents(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let caller = come_in(&request, Scope::People).await?;
    let typed: Consents = match read(&caller.state, &request, payload).await? {
        Ok(typed) => typed,
        Err(answer) => return Ok(answer),
    };
    let now = caller.state.core.now();
    take(&caller, &typed.consents, |shop, typed| typed.read(shop, SOURCE, now)).await
}

pub async fn opt_outs(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let caller = come_in(&request, Scope::People).await?;
    let typed: OptOuts = match read(&caller.state, &request, payload).await? {
        Ok(typed) => typed,
        Err(answer) => return Ok(answer),
    };
    let now = caller.state.core.now();
    take(&caller, &typed.opt_outs, |shop, typed| typed.read(shop, SOURCE, now)).await
}

/// All entries or none.
async fn take<T>(
    caller: &Caller,
    entries: &[T],
    read: impl Fn(&Shop, &T) -> Result<Statement, String>,
) -> Result<HttpResponse, Problem> {
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        return Err(Problem::Wrong(vec![format!("a list has 1 to {ENTRIES_MAX} entries")]));
    }
    let core = &caller.state.core;
    let shop = core.shop(&mut core.db.read().await?, caller.shop).await?;
    let (shop, _) = shop.ok_or(Problem::NotFound)?;
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    for (place, entry) in entries.iter().enumerate() {
        match read(&shop, entry) {
            Ok(statement) => good.push(statement),
            Err(problem) => problems.push(format!("entry {place}: {problem}")),
        }
    }
    if !problems.is_empty() {
        problems.truncate(PROBLEMS_MAX);
        return Err(Problem::Wrong(problems));
    }
    let taken = import::take(core, caller.shop, &good).await?.ok_or(Problem::NotFound)?;
    Ok(private(json!({ "recorded": taken.recorded, "known": taken.known }).to_string()))
}

pub async fn export(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = come_in(&request, Scope::Read).await?;
    let mut person = Person::default();
    for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned() {
        match name.as_str() {
            "phone" => person.phone = Some(value),
            "country" => person.country = Some(value),
            "email" => person.email = Some(value),
            "customer" => person.customer = Some(value),
            _ => return Err(Problem::Wrong(vec!["ask by phone (with country), email or customer".to_owned()])),
        }
    }
    tell(&caller, &person.identity()).await
}

/// The same with the names in the body: addresses end up in other people's logs.
pub async fn export_by_body(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let caller = come_in(&request, Scope::Read).await?;
    let person: Person = match read(&caller.state, &request, payload).await? {
        Ok(person) => person,
        Err(answer) => return Ok(answer),
    };
    tell(&caller, &person.identity()).await
}

/// Names that find nobody because they are none are refused.
async fn searchable(caller: &Caller, who: &Identity) -> Result<(), Problem> {
    match people::names_nobody(&caller.state.core, caller.shop, who).await? {
        None => Err(Problem::NotFound),
        Some(Some(problem)) => Err(Problem::Wrong(vec![problem])),
        Some(None) => Ok(()),
    }
}

async fn tell(caller: &Caller, who: &Identity) -> Result<HttpResponse, Problem> {
    searchable(caller, who).await?;
    let export = held::export(&caller.state.core, caller.shop, who).await?.ok_or(Problem::NotFound)?;
    Ok(private(export.to_json()?))
}

pub async fn erase(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let caller = come_in(&request, Scope::People).await?;
    let asked: Erasure = match read(&caller.state, &request, payload).await? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    let Erasure { dry_run, phone, country, email, customer } = asked;
    let who = Person { phone, country, email, customer }.identity();
    searchable(&caller, &who).await?;
    if dry_run {
        gate::nothing(&request);
    }
    let core = &caller.state.core;
    let erased = match dry_run {
        true => people::count(core, caller.shop, &who).await?,
        false => people::forget(core, caller.shop, &who, SOURCE).await?,
    };
    let erased = erased.ok_or(Problem::NotFound)?;
    core.wake.notify_one();
    let told = json!({
        "request": (!dry_run).then_some(erased.request),
        "dry_run": dry_run,
        "carts": erased.carts,
        "orders": erased.orders,
        "messages": erased.messages,
        "consents": erased.consents,
        "deliveries": erased.deliveries,
    });
    Ok(private(told.to_string()))
}

pub async fn proof(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = come_in(&request, Scope::Read).await?;
    let id: MessageId = page::id(&request)?;
    let core = &caller.state.core;
    let proof = proofs::proof(core, caller.shop, id).await?.ok_or(Problem::NotFound)?;
    let accept = request.headers().get(actix_web::http::header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        let shown = ProofPage::new(&proof, core.now());
        return Ok(page::person::printable(&shown.render()?, &shown));
    }
    Ok(private(proof.json))
}

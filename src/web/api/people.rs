//! People: what is held about one, handing it over, forgetting it. These answers name people; the paths do not, unless a
//! program puts the name in the query, which ends up in other people's logs: the `POST` does the same.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{answer::Answer, call::Call};
use crate::{
    domain::event::{Identity, TypedPhone},
    pipeline::people::{self, export as held},
    web::problem::Problem,
};

const SOURCE: &str = "api";

/// A person by any of their names.
#[derive(Default, Deserialize, ToSchema, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Person {
    /// With `+`, or as dialled in `country`, else in the shop's country.
    #[schema(example = "+38640555123")]
    #[param(example = "+38640555123")]
    phone: Option<String>,
    /// ISO 3166-1 alpha-2, for a number without its `+`.
    country: Option<String>,
    email: Option<String>,
    /// The customer's id in the shop.
    customer: Option<String>,
}

/// Whom to forget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Count only; change nothing.
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    phone: Option<String>,
    /// ISO 3166-1 alpha-2, for a number without its `+`.
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    #[schema(example = "ana@example.com")]
    email: Option<String>,
    #[serde(default)]
    customer: Option<String>,
}

/// What was forgotten, in numbers; of a dry run, what would be.
#[derive(Serialize, ToSchema)]
pub struct Erased {
    /// The record that it was asked for; `null` of a dry run.
    #[schema(required)]
    request: Option<String>,
    dry_run: bool,
    carts: usize,
    orders: usize,
    messages: usize,
    consents: usize,
    deliveries: usize,
}

/// Whether anything is held, without what.
#[derive(Serialize, ToSchema)]
pub struct Exists {
    exists: bool,
    carts: usize,
    orders: usize,
    messages: usize,
    consents: usize,
    opt_outs: usize,
    replies: usize,
}

/// Everything held about one person.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "the form of what the pipeline writes, for the description")]
pub struct Export {
    /// `cartback.person`
    format: String,
    version: u32,
    made_at: String,
    shop: serde_json::Value,
    /// By which names it was asked for.
    asked: serde_json::Value,
    carts: Vec<serde_json::Value>,
    orders: Vec<serde_json::Value>,
    messages: Vec<serde_json::Value>,
    offline_sales: Vec<serde_json::Value>,
    consents: Vec<serde_json::Value>,
    opt_outs: Vec<serde_json::Value>,
    ad_consents: Vec<serde_json::Value>,
    replies: Vec<serde_json::Value>,
    deliveries: Vec<serde_json::Value>,
    requests: Vec<serde_json::Value>,
}

impl Person {
    fn identity(&self) -> Identity {
        let country = self.country.as_deref().map(str::to_ascii_uppercase);
        let phones = self.phone.iter().map(|number| TypedPhone { number: number.clone(), country: country.clone() });
        Identity { customer: self.customer.clone(), email: self.email.clone(), phones: phones.collect() }
    }
}

/// Names that find nobody because they are none are refused.
async fn searchable(call: &Call, who: &Identity) -> Result<(), Problem> {
    call.open().await?;
    match people::names_nobody(call.core(), call.shop()?, who).await? {
        None => Err(Problem::NotFound),
        Some(Some(problem)) => Err(Problem::Wrong(vec![problem])),
        Some(None) => Ok(()),
    }
}

async fn found(call: &Call, who: &Identity) -> Result<held::Export, Problem> {
    searchable(call, who).await?;
    held::export(call.core(), call.shop()?, who).await?.ok_or(Problem::NotFound)
}

/// Everything held about a person
///
/// By phone, email or customer id.
#[utoipa::path(get, path = "/api/v1/people", params(Person), responses((status = 200, description = "The export.", body = Export)))]
pub async fn export(call: &Call) -> Result<Answer, Problem> {
    let person: Person = call.query()?;
    Ok(Answer::json(found(call, &person.identity()).await?.to_json()?))
}

/// Everything held about a person, asked for in the body
///
/// As above; addresses end up in other people's logs.
#[utoipa::path(post, path = "/api/v1/people/export", request_body = Person, responses((status = 200, description = "The export.", body = Export)))]
pub async fn export_by_body(call: &Call) -> Result<Answer, Problem> {
    let person: Person = call.body()?;
    Ok(Answer::json(found(call, &person.identity()).await?.to_json()?))
}

/// Whether anything is held about a person
#[utoipa::path(post, path = "/api/v1/people/exists", request_body = Person, responses((status = 200, description = "How much.", body = Exists)))]
pub async fn exists(call: &Call) -> Result<Answer, Problem> {
    let person: Person = call.body()?;
    let export = found(call, &person.identity()).await?;
    Answer::ok(&Exists {
        exists: !export.is_empty(),
        carts: export.carts.len(),
        orders: export.orders.len(),
        messages: export.messages.len(),
        consents: export.consents.len(),
        opt_outs: export.opt_outs.len(),
        replies: export.replies.len(),
    })
}

/// Forget a person
///
/// What named them is gone at once, the figures stay; an opt-out stays as a keyed hash.
#[utoipa::path(post, path = "/api/v1/people/erase", request_body = Erasure, responses((status = 200, description = "What was forgotten.", body = Erased)))]
pub async fn erase(call: &Call) -> Result<Answer, Problem> {
    let Erasure { dry_run, phone, country, email, customer } = call.body()?;
    let who = Person { phone, country, email, customer }.identity();
    searchable(call, &who).await?;
    if dry_run {
        call.changes_nothing();
    }
    let (core, shop) = (call.core(), call.shop()?);
    let erased = match dry_run {
        true => people::count(core, shop, &who).await?,
        false => people::forget(core, shop, &who, SOURCE).await?,
    };
    let erased = erased.ok_or(Problem::NotFound)?;
    core.wake.notify_one();
    Answer::ok(&Erased {
        request: (!dry_run).then(|| erased.request.to_string()),
        dry_run,
        carts: erased.carts,
        orders: erased.orders,
        messages: erased.messages,
        consents: erased.consents,
        deliveries: erased.deliveries,
    })
}

//! The shop: what it is called and where it is, how it is connected, pausing it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{List, Moment},
};
use crate::{
    domain::{
        connector::{Field, Settings},
        id::ShopId,
    },
    pipeline::connect::{self, NotConnected},
    shop,
    store::{self, shop::Shop as Stored},
    web::problem::Problem,
};

/// A connected shop.
#[derive(Serialize, ToSchema)]
pub struct Shop {
    /// Its number, as text.
    #[schema(example = "1")]
    id: String,
    #[schema(example = "Lumen & Oak")]
    name: String,
    /// The platform: `shopify`, `woocommerce`, `generic`.
    #[schema(example = "shopify")]
    kind: String,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "SI")]
    country: String,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// IANA name.
    #[schema(example = "Europe/Ljubljana")]
    timezone: String,
    /// Of its connector; a secret shows only that there is one, as `…`.
    settings: BTreeMap<String, String>,
    /// Where the platform sends its webhooks to. Whoever knows it still needs the secret.
    #[schema(required)]
    webhook_url: Option<String>,
    created_at: Moment,
    #[schema(required)]
    paused_at: Option<Moment>,
    /// Why no text leaves, when none does.
    #[schema(required)]
    stopped: Option<String>,
    /// The version of its rules; each change is one more.
    rules_version: u64,
}

/// What to change of a shop; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShopChange {
    /// Stands at the head of every text.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 60)]
    name: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    #[schema(example = "SI")]
    country: Option<String>,
    /// ISO 4217.
    #[serde(default)]
    #[schema(example = "EUR")]
    currency: Option<String>,
    /// IANA name.
    #[serde(default)]
    #[schema(example = "Europe/Ljubljana")]
    timezone: Option<String>,
    /// Settings of the connector by name; the others stay.
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShopQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// What a secret is shown as.
const HIDDEN: &str = "…";

/// Settings as anybody may see them.
pub fn shown(field: impl Fn(&str) -> Option<&'static Field>, settings: &Settings) -> BTreeMap<String, String> {
    let is_secret = |key: &str| field(key).is_none_or(|field| field.secret);
    let one = |(key, value): (&str, &str)| (key.to_owned(), if is_secret(key) { HIDDEN } else { value }.to_owned());
    settings.pairs().map(one).collect()
}

async fn told(call: &Call, stored: &Stored) -> Result<Shop, Problem> {
    let connected = connect::shown(call.core(), stored.id, None).await?;
    let spec = shop::by_kind(&stored.kind).map(|kind| kind.spec());
    Ok(Shop {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        kind: stored.kind.clone(),
        country: stored.country.clone(),
        currency: stored.currency.to_string(),
        timezone: stored.zone.clone(),
        settings: spec.map(|spec| shown(|key| spec.field(key), &stored.settings)).unwrap_or_default(),
        webhook_url: connected.map(|connected| connected.webhook_url),
        created_at: stored.created_at.into(),
        paused_at: stored.paused_at.map(Moment),
        stopped: stored.stopped().map(str::to_owned),
        rules_version: stored.rules_version,
    })
}

/// The shops this token may act for
///
/// A shop's own token sees that shop; one of the house sees them all.
#[utoipa::path(get, path = "/api/v1/shops", params(ShopQuery), responses((status = 200, description = "Shops, oldest first.", body = List<Shop>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: ShopQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let after = window.cursor::<ShopId>()?;
    let mut read = call.core().db.read().await?;
    let mut shops = if call.is_house() {
        store::shop::list(&mut read, &call.core().vault).await?
    } else {
        store::shop::get(&mut read, &call.core().vault, call.shop()?).await?.into_iter().collect()
    };
    drop(read);
    shops.retain(|shop| shop.erased_at.is_none() && after.is_none_or(|after| shop.id > after));
    let next = window.cut(&mut shops, |shop| shop.id.to_string());
    let mut data = Vec::new();
    for shop in &shops {
        data.push(told(call, shop).await?);
    }
    answered(call, data, next)
}

/// A list with its next page, in the body and in `Link`, which keeps the filters.
pub fn answered<T: Serialize>(call: &Call, data: Vec<T>, next: Option<String>) -> Result<Answer, Problem> {
    let query = next.as_ref().map(|next| call.query_after(next));
    Ok(Answer::ok(&List::new(data, next))?.next(query))
}

/// The shop
#[utoipa::path(get, path = "/api/v1/shop", responses((status = 200, description = "The shop.", body = Shop)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let (read, shop, _) = call.open().await?;
    drop(read);
    Answer::ok(&told(call, &shop).await?)
}

/// Change the shop
///
/// Its rules have a path of their own.
#[utoipa::path(patch, path = "/api/v1/shop", request_body = ShopChange, responses((status = 200, description = "The shop as it is now.", body = Shop)))]
pub async fn change(call: &Call) -> Result<Answer, Problem> {
    let typed: ShopChange = call.body()?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let spec = shop::by_kind(&shop.kind).map(|kind| kind.spec());
    let unknown = typed.settings.keys().filter(|key| spec.is_none_or(|spec| spec.field(key).is_none()));
    let problems: Vec<String> = unknown.map(|key| format!("settings.{key}: there is no such setting")).collect();
    if !problems.is_empty() {
        return Err(Problem::Wrong(problems));
    }
    if typed.name.as_ref().is_some_and(|name| !(1..=NAME_CHARS_MAX).contains(&name.trim().chars().count())) {
        return Err(Problem::Wrong(vec![format!("name: must be 1 to {NAME_CHARS_MAX} characters")]));
    }
    let given =
        [("name", typed.name), ("country", typed.country), ("currency", typed.currency), ("timezone", typed.timezone)];
    let mut changes = typed.settings;
    changes.retain(|_, value| value != HIDDEN);
    changes.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    save(call, &changes).await
}

const NAME_CHARS_MAX: usize = 60;

async fn save(call: &Call, changes: &BTreeMap<String, String>) -> Result<Answer, Problem> {
    connect::change_shop(call.core(), call.shop()?, changes).await.map_err(refused)?;
    call.core().wake.notify_one();
    get(call).await
}

/// What was typed cannot be taken.
pub fn refused(why: NotConnected) -> Problem {
    match why {
        NotConnected::Wrong(problems) => {
            Problem::Wrong(problems.iter().flat_map(|problem| problem.lines()).map(str::to_owned).collect())
        }
        NotConnected::Store(error) => error.into(),
    }
}

/// Send nothing more for the shop
///
/// Carts wait meanwhile; texts that get too old are dropped, not sent late.
#[utoipa::path(post, path = "/api/v1/shop/pause", responses((status = 200, description = "The shop as it is now.", body = Shop)))]
pub async fn pause(call: &Call) -> Result<Answer, Problem> {
    call.open().await?;
    save(call, &BTreeMap::from([("paused".to_owned(), "yes".to_owned())])).await
}

/// Send again for the shop
#[utoipa::path(post, path = "/api/v1/shop/resume", responses((status = 200, description = "The shop as it is now.", body = Shop)))]
pub async fn resume(call: &Call) -> Result<Answer, Problem> {
    call.open().await?;
    save(call, &BTreeMap::from([("paused".to_owned(), "no".to_owned())])).await
}

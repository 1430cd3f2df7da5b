//! Gateways: the shop's own SMS accounts, and those of the house that serve it. The house's are shown and changed by the
//! house's own tokens only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::Moment,
    shop::{answered, refused, shown},
};
use crate::{
    domain::id::{GatewayId, ShopId},
    gateway,
    pipeline::{connect, send},
    store::{self, gateway::Gateway as Stored},
    transact,
    web::{page::gateways, problem::Problem},
};

/// An SMS account.
#[derive(Serialize, ToSchema)]
pub struct Gateway {
    #[schema(example = "gw_01jq0000000g1")]
    id: String,
    /// `twilio`, `kannel`, `log` …
    #[schema(example = "twilio")]
    kind: String,
    #[schema(example = "My texts")]
    name: String,
    /// Whether it is the house's and serves every shop without its own.
    of_house: bool,
    /// Of its connector, those of the house left out; a secret shows only that there is one, as `…`.
    settings: BTreeMap<String, String>,
    /// Where the provider sends receipts and replies; of the shop's own gateways only.
    #[schema(required)]
    webhook_url: Option<String>,
    created_at: Moment,
    #[schema(required)]
    paused_at: Option<Moment>,
    /// Why it is paused; empty while it is not.
    pause_reason: String,
}

/// An SMS account to connect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGateway {
    #[schema(example = "log")]
    kind: String,
    /// What people call it; its kind's name without one.
    #[serde(default)]
    #[schema(max_length = 60)]
    name: String,
    /// Of its connector, by name.
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// What to change of a gateway; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayChange {
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GatewayQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

const NAME_CHARS_MAX: usize = 60;
const HIDDEN: &str = "…";

async fn told(call: &Call, stored: &Stored) -> Result<Gateway, Problem> {
    let of_house = stored.shop == ShopId::HOUSE;
    let may_see = !of_house || call.is_house();
    let connected = match may_see {
        true => connect::shown(call.core(), stored.shop, Some((stored.id, &stored.kind))).await?,
        false => None,
    };
    let kind = gateway::by_kind(&stored.kind).filter(|_| may_see);
    Ok(Gateway {
        id: stored.id.to_string(),
        kind: stored.kind.clone(),
        name: stored.name.clone(),
        of_house,
        settings: kind
            .map(|kind| shown(|key| gateway::sending::field(kind, key), &stored.settings))
            .unwrap_or_default(),
        webhook_url: connected.map(|connected| connected.webhook_url),
        created_at: stored.created_at.into(),
        paused_at: stored.paused_at.map(Moment),
        pause_reason: stored.pause_reason.clone(),
    })
}

/// The gateway of the path; `to_change`: the house's is only its own tokens'.
async fn found(call: &Call, to_change: bool) -> Result<Stored, Problem> {
    let id: GatewayId = call.path("id")?;
    let (mut read, _, keys) = call.open().await?;
    let all = gateways::all(&mut read, call.core(), &keys).await?;
    let found = all.into_iter().find(|account| account.id == id).ok_or(Problem::NotFound)?;
    if to_change && found.shop == ShopId::HOUSE && !call.is_house() {
        return Err(Problem::Scope("house"));
    }
    Ok(found)
}

/// The gateways that can send for the shop
///
/// The newest of the shop's own sends; those of the house serve shops without one.
#[utoipa::path(get, path = "/api/v1/gateways", params(GatewayQuery), responses((status = 200, description = "Gateways, newest first, the shop's own before the house's.", body = super::form::List<Gateway>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: GatewayQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let after = window.cursor::<GatewayId>()?;
    let (mut read, _, keys) = call.open().await?;
    let all = gateways::all(&mut read, call.core(), &keys).await?;
    drop(read);
    let begins = after.map_or(Some(0), |after| all.iter().position(|one| one.id == after).map(|place| place + 1));
    let begins = begins.ok_or_else(|| Problem::Wrong(vec!["after: there is no such gateway".to_owned()]))?;
    let mut rows: Vec<Stored> = all.into_iter().skip(begins).collect();
    let next = window.cut(&mut rows, |row| row.id.to_string());
    let mut data = Vec::new();
    for row in &rows {
        data.push(told(call, row).await?);
    }
    answered(call, data, next)
}

/// Connect an SMS account for the shop
///
/// It sends from now on. Addresses in private networks are refused.
#[utoipa::path(post, path = "/api/v1/gateways", request_body = NewGateway, responses((status = 201, description = "The gateway.", body = Gateway)))]
pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let typed: NewGateway = call.body()?;
    if typed.name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::Wrong(vec![format!("name: must be at most {NAME_CHARS_MAX} characters")]));
    }
    call.open().await?;
    let core = call.core();
    let made = connect::add_gateway(core, call.shop()?, &typed.kind, &typed.name, typed.settings, false).await;
    let id = made.map_err(refused)?.gateway.ok_or(Problem::NotFound)?;
    core.wake.notify_one();
    let (mut read, _, keys) = call.open().await?;
    let made = store::gateway::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    drop(read);
    Answer::created(&told(call, &made).await?, format!("/api/v1/gateways/{id}"))
}

/// One gateway
#[utoipa::path(get, path = "/api/v1/gateways/{id}", params(("id" = String, Path, description = "The gateway", example = "gw_01jq0000000g1")), responses((status = 200, description = "The gateway.", body = Gateway)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let found = found(call, false).await?;
    Answer::ok(&told(call, &found).await?)
}

/// Change a gateway's settings
#[utoipa::path(patch, path = "/api/v1/gateways/{id}", params(("id" = String, Path, description = "The gateway", example = "gw_01jq0000000g1")), request_body = GatewayChange, responses((status = 200, description = "The gateway as it is now.", body = Gateway)))]
pub async fn change(call: &Call) -> Result<Answer, Problem> {
    let typed: GatewayChange = call.body()?;
    let found = found(call, true).await?;
    // The operator let it reach into a private network; where to is not for a shop's token to choose.
    if found.private && !call.is_house() {
        return Err(Problem::Scope("house"));
    }
    let kind = gateway::by_kind(&found.kind).ok_or(Problem::NotFound)?;
    let mut all: BTreeMap<String, String> =
        found.settings.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    all.extend(typed.settings.into_iter().filter(|(_, value)| value != HIDDEN));
    let settings = gateway::sending::settings(kind, all).map_err(|problems| {
        Problem::Wrong(problems.into_iter().map(|problem| format!("settings.{problem}")).collect())
    })?;
    connect::set_gateway(call.core(), found.shop, found.id, &settings).await?;
    get(call).await
}

/// Take a gateway out of use
///
/// What waits leaves through another one, if there is one. Receipts of what it sent are heard for a while.
#[utoipa::path(delete, path = "/api/v1/gateways/{id}", params(("id" = String, Path, description = "The gateway", example = "gw_01jq0000000g1")), responses((status = 204, description = "It is gone.")))]
pub async fn remove(call: &Call) -> Result<Answer, Problem> {
    let found = found(call, true).await?;
    if !connect::remove_gateway(call.core(), found.shop, found.id).await? {
        return Err(Problem::NotFound);
    }
    call.core().wake.notify_one();
    Ok(Answer::nothing())
}

/// Send nothing more through a gateway
#[utoipa::path(post, path = "/api/v1/gateways/{id}/pause", params(("id" = String, Path, description = "The gateway", example = "gw_01jq0000000g1")), responses((status = 200, description = "The gateway as it is now.", body = Gateway)))]
pub async fn pause(call: &Call) -> Result<Answer, Problem> {
    let found = found(call, true).await?;
    let (core, by) = (call.core(), format!("paused by {}", call.by()));
    let now = core.now();
    let paused: Result<bool, store::Error> =
        transact!(core.db, |tx| store::gateway::pause(tx, found.shop, found.id, &by, now).await?);
    paused?;
    get(call).await
}

/// Send through a gateway again
#[utoipa::path(post, path = "/api/v1/gateways/{id}/resume", params(("id" = String, Path, description = "The gateway", example = "gw_01jq0000000g1")), responses((status = 200, description = "The gateway as it is now.", body = Gateway)))]
pub async fn resume(call: &Call) -> Result<Answer, Problem> {
    let found = found(call, true).await?;
    send::resume_gateway(call.core(), found.shop, found.id).await?;
    call.core().wake.notify_one();
    get(call).await
}

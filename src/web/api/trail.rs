//! The audit log of a shop: who changed what, through which door.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment},
    shop::answered,
};
use crate::{
    domain::id::EntryId,
    store::{
        self,
        trail::{Entry, Wanted},
    },
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrailQuery {
    /// Only this act, as an answer names it.
    act: Option<String>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Something that was done to the shop, or tried.
#[derive(Serialize, ToSchema)]
pub struct TrailEntry {
    #[schema(example = "ent_01jq000000000")]
    id: String,
    at: Moment,
    /// `page`, `api` or `command`.
    #[schema(example = "page")]
    door: String,
    /// As they were called then: a person, a token; empty for nobody known.
    name: String,
    /// From which address; empty for a command.
    address: String,
    /// Method and route, or the words of a command.
    #[schema(example = "POST /gateways/{id}/pause")]
    act: String,
    detail: String,
    /// `done`, `refused` or `failed`.
    #[schema(example = "done")]
    outcome: String,
}

fn told(entry: &Entry) -> TrailEntry {
    TrailEntry {
        id: entry.id.to_string(),
        at: entry.at.into(),
        door: entry.door.name().to_owned(),
        name: entry.name.clone(),
        address: entry.address.clone(),
        act: entry.act.clone(),
        detail: entry.detail.clone(),
        outcome: entry.outcome.name().to_owned(),
    }
}

/// The audit log, newest first
///
/// What was done to this shop; what concerns the whole house stands on the page of its owners.
#[utoipa::path(get, path = "/api/v1/audit-log", params(TrailQuery), responses((status = 200, description = "Entries.", body = form::List<TrailEntry>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: TrailQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<EntryId>()?.unwrap_or(EntryId::new(i64::MAX));
    let (mut read, shop, _) = call.open().await?;
    let wanted = Wanted { shop: Some(shop.id), user: None, act: asked.act.unwrap_or_default() };
    let mut entries = store::trail::list(&mut read, &wanted, before, window.most()).await?;
    let next = window.cut(&mut entries, |entry| entry.id.to_string());
    answered(call, entries.iter().map(told).collect(), next)
}

//! Risk: what is held against fake checkouts and runaway spend, resuming it, and the kill switch, which is the house's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    answer::Answer,
    call::Call,
    form::{self, Moment},
};
use crate::{
    pipeline::{guard, held},
    store::{self, guard::Paused},
    web::problem::Problem,
};

/// What waits in the shop, and why.
#[derive(Serialize, ToSchema)]
pub struct Risk {
    /// The kill switch, when it is thrown: nothing is sent by any shop.
    #[schema(required)]
    halted: Option<Halt>,
    pauses: Vec<Pause>,
    /// The most frequent first.
    holds: Vec<Hold>,
    /// Of the shop's own day, in millionths of the money its gateway charges in.
    spent_today_micros: i64,
    spend_per_day_micros: i64,
}

#[derive(Serialize, ToSchema)]
pub struct Halt {
    at: Moment,
    why: String,
}

/// Something that is not texted until somebody resumes it.
#[derive(Serialize, ToSchema)]
pub struct Pause {
    id: String,
    /// `prefix`, `country` or `breaker`, which is the whole shop.
    #[schema(example = "prefix")]
    kind: String,
    /// Which numbers; empty for the whole shop.
    label: String,
    why: String,
    at: Moment,
}

/// One reason for waiting.
#[derive(Serialize, ToSchema)]
pub struct Hold {
    why: String,
    carts: u64,
    texts: u64,
}

/// The kill switch.
#[derive(Serialize, ToSchema)]
pub struct Switch {
    /// `null` while sending goes on.
    #[schema(required)]
    halted: Option<Halt>,
}

/// Why everything is stopped.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// For whoever reads it on the pages.
    #[schema(min_length = 1, max_length = 200, example = "a wrong text went out")]
    why: String,
}

const WHY_CHARS_MAX: usize = 200;

async fn risk(call: &Call) -> Result<Risk, Problem> {
    let (mut read, shop, keys) = call.open().await?;
    let held = held::held(&mut read, call.core(), &shop, &keys).await?;
    let pauses = held.pauses.iter().map(|pause| Pause {
        id: pause.name(),
        kind: pause.kind.name().to_owned(),
        label: if pause.kind == Paused::Breaker { String::new() } else { pause.label.clone() },
        why: pause.why.clone(),
        at: pause.at.into(),
    });
    Ok(Risk {
        halted: held.halt.as_ref().map(|halt| Halt { at: halt.at.into(), why: halt.why.clone() }),
        pauses: pauses.collect(),
        holds: held
            .holds
            .iter()
            .map(|hold| Hold { why: hold.why.clone(), carts: hold.carts, texts: hold.texts })
            .collect(),
        spent_today_micros: held.spent_micros,
        spend_per_day_micros: held.limits.spend_per_day_micros,
    })
}

/// What waits in the shop, and why
#[utoipa::path(get, path = "/api/v1/risk", responses((status = 200, description = "Pauses and holds.", body = Risk)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    Answer::ok(&risk(call).await?)
}

/// Text again what was paused
///
/// Look at the carts first: fake checkouts are what pauses a block of numbers.
#[utoipa::path(post, path = "/api/v1/risk/pauses/{id}/resume", params(("id" = String, Path, description = "The pause")), responses((status = 200, description = "What waits now.", body = Risk)))]
pub async fn resume(call: &Call) -> Result<Answer, Problem> {
    let id: String = call.path("id")?;
    let (kind, key) = store::guard::named(&id).ok_or(Problem::NotFound)?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    if !guard::resume(call.core(), shop.id, kind, &key).await? {
        return Err(Problem::NotFound);
    }
    get(call).await
}

async fn switch(call: &Call) -> Result<Answer, Problem> {
    let mut read = call.core().db.read().await?;
    let halt = store::halt::standing(&mut read).await?;
    Answer::ok(&Switch { halted: halt.map(|halt| Halt { at: halt.at.into(), why: halt.why }) })
}

/// Whether all sending is stopped
#[utoipa::path(get, path = "/api/v1/halt", responses((status = 200, description = "The kill switch.", body = Switch)))]
pub async fn halted(call: &Call) -> Result<Answer, Problem> {
    switch(call).await
}

/// Stop every text of every shop
///
/// Within a second. Carts wait meanwhile; those that get too old are dropped, not sent late.
#[utoipa::path(post, path = "/api/v1/halt", request_body = Stop, responses((status = 200, description = "The kill switch.", body = Switch)))]
pub async fn halt(call: &Call) -> Result<Answer, Problem> {
    let Stop { why } = call.body()?;
    if !(1..=WHY_CHARS_MAX).contains(&why.trim().chars().count()) || why.contains('\0') {
        return Err(Problem::Wrong(vec![format!("why: must be 1 to {WHY_CHARS_MAX} characters")]));
    }
    guard::halt(call.core(), why.trim()).await?;
    switch(call).await
}

/// Let sending go on
///
/// What waited is asked again now.
#[utoipa::path(post, path = "/api/v1/halt/lift", responses(
    (status = 200, description = "The kill switch.", body = Switch),
    (status = 409, description = "It was not thrown.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn lift(call: &Call) -> Result<Answer, Problem> {
    if !guard::lift(call.core()).await? {
        return Err(Problem::Conflict("sending was not stopped".to_owned()));
    }
    switch(call).await
}

//! The inbox: every raw delivery of the shop, what was made of it, and reading one again. Deliveries to the house's gateways
//! are the house's: its own tokens see them beside the shop's.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment},
    shop::answered,
};
use crate::{
    domain::id::{DeliveryId, ShopId},
    pipeline::{receive, reread},
    store::{
        self,
        inbox::{Filter, Kept, Line, Narrow},
        replay_run::Run,
    },
    web::problem::Problem,
};

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryVerdict {
    /// Not read yet.
    Waiting,
    /// Read, and something followed from it.
    Applied,
    /// Read, and nothing followed from it.
    Ignored,
    /// It could not be read; it is kept for a replay.
    Unreadable,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only those of which this was made.
    #[param(inline)]
    verdict: Option<DeliveryVerdict>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// A raw delivery.
#[derive(Serialize, ToSchema)]
pub struct Delivery {
    #[schema(example = "dlv_01jq0000000d1")]
    id: String,
    /// The gateway it came through; `null` for a webhook of the shop.
    #[schema(required)]
    gateway: Option<String>,
    #[schema(example = "checkouts/update")]
    topic: String,
    received_at: Moment,
    #[schema(required)]
    read_at: Option<Moment>,
    verdict: DeliveryVerdict,
    /// Why it could not be read; else empty.
    problem: String,
    /// How many events it held.
    events: u64,
    bytes: u64,
}

/// A delivery as it came. It may name people.
#[derive(Serialize, ToSchema)]
pub struct DeliveryStory {
    #[schema(example = "dlv_01jq0000000d1")]
    id: String,
    #[schema(required)]
    gateway: Option<String>,
    topic: String,
    received_at: Moment,
    #[schema(required)]
    read_at: Option<Moment>,
    /// Why it could not be read; else empty.
    problem: String,
    method: String,
    headers: Vec<HeaderLine>,
    /// As text; what is no UTF-8 is replaced.
    body: String,
}

#[derive(Serialize, ToSchema)]
pub struct HeaderLine {
    name: String,
    value: String,
}

/// What a header that proves who sent it is shown as.
const HIDDEN: &str = "…";

fn told(line: &Line) -> Delivery {
    let verdict = match line.done_at {
        None => DeliveryVerdict::Waiting,
        Some(_) if !line.problem.is_empty() => DeliveryVerdict::Unreadable,
        Some(_) if line.events == 0 => DeliveryVerdict::Ignored,
        Some(_) => DeliveryVerdict::Applied,
    };
    Delivery {
        id: line.id.to_string(),
        gateway: line.gateway.map(|id| id.to_string()),
        topic: line.topic.clone(),
        received_at: line.received_at.into(),
        read_at: line.done_at.map(Moment),
        verdict,
        problem: line.problem.clone(),
        events: line.events,
        bytes: line.bytes,
    }
}

/// Whose deliveries this token sees.
fn tenants(call: &Call) -> Result<Vec<ShopId>, Problem> {
    let shop = call.shop()?;
    Ok(if call.is_house() { vec![shop, ShopId::HOUSE] } else { vec![shop] })
}

/// Deliveries, newest first
#[utoipa::path(get, path = "/api/v1/inbox", params(DeliveryQuery), responses((status = 200, description = "Deliveries, newest first.", body = form::List<Delivery>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: DeliveryQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<DeliveryId>()?.unwrap_or(DeliveryId::new(i64::MAX));
    let filter = match asked.verdict {
        None => Filter::All,
        Some(DeliveryVerdict::Waiting) => Filter::Waiting,
        Some(DeliveryVerdict::Applied) => Filter::Applied,
        Some(DeliveryVerdict::Ignored) => Filter::Ignored,
        Some(DeliveryVerdict::Unreadable) => Filter::Unreadable,
    };
    let (mut read, ..) = call.open().await?;
    let mut lines = Vec::new();
    for tenant in tenants(call)? {
        lines.extend(store::inbox::list(&mut read, tenant, filter, before, window.most()).await?);
    }
    lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.id));
    let next = window.cut(&mut lines, |line| line.id.to_string());
    answered(call, lines.iter().map(told).collect(), next)
}

async fn kept(call: &Call) -> Result<(ShopId, Kept), Problem> {
    let id: DeliveryId = call.path("id")?;
    let (mut read, ..) = call.open().await?;
    for tenant in tenants(call)? {
        let keys = call.core().vault.keys(&mut read, tenant).await?;
        if let Some(kept) = store::inbox::get(&mut read, &keys, id).await? {
            return Ok((tenant, kept));
        }
    }
    Err(Problem::NotFound)
}

/// One delivery, as it came
#[utoipa::path(get, path = "/api/v1/inbox/{id}", params(("id" = String, Path, description = "The delivery", example = "dlv_01jq0000000d1")), responses((status = 200, description = "The delivery.", body = DeliveryStory)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let (_, kept) = kept(call).await?;
    Answer::ok(&story(&kept))
}

fn story(kept: &Kept) -> DeliveryStory {
    let delivery = &kept.delivery;
    let headers = delivery.headers.iter().map(|(name, value)| HeaderLine {
        name: name.clone(),
        value: if is_secret(name) { HIDDEN.to_owned() } else { value.clone() },
    });
    DeliveryStory {
        id: kept.id.to_string(),
        gateway: kept.gateway.map(|id| id.to_string()),
        topic: kept.topic.clone(),
        received_at: delivery.received_at.into(),
        read_at: kept.done_at.map(Moment),
        problem: kept.problem.clone(),
        method: delivery.method.clone(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&delivery.body).into_owned(),
    }
}

/// Signatures are not shown: with the body beside it, one could be sent again.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["signature", "hmac", "authorization", "cookie", "token", "secret"].iter().any(|part| name.contains(part))
}

/// Read a delivery again
///
/// As if it had just arrived; what it says twice changes nothing.
#[utoipa::path(post, path = "/api/v1/inbox/{id}/replay", params(("id" = String, Path, description = "The delivery", example = "dlv_01jq0000000d1")), responses((status = 202, description = "It is being read again.", body = DeliveryStory)))]
pub async fn replay(call: &Call) -> Result<Answer, Problem> {
    let (tenant, kept) = kept(call).await?;
    if !receive::replay(call.core(), tenant, kept.id).await? {
        return Err(Problem::NotFound);
    }
    Answer::accepted(&story(&kept))
}

/// A body that can be read, for one that could not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MendedBody {
    #[schema(min_length = 1, max_length = 1_048_576)]
    body: String,
}

/// As for the door of webhooks.
const BODY_MOST: usize = 1024 * 1024;

/// Mend a delivery that could not be read
///
/// The body as it came is kept beside it.
#[utoipa::path(post, path = "/api/v1/inbox/{id}/fix", params(("id" = String, Path, description = "The delivery", example = "dlv_01jq0000000d1")), request_body = MendedBody, responses((status = 202, description = "It is being read.", body = DeliveryStory), (status = 409, description = "It could be read.", body = form::Problem, content_type = "application/problem+json")))]
pub async fn fix(call: &Call) -> Result<Answer, Problem> {
    let typed: MendedBody = call.body()?;
    let (tenant, kept) = kept(call).await?;
    if kept.problem.is_empty() {
        return Err(Problem::Conflict("only what could not be read can be mended".to_owned()));
    }
    if typed.body.trim().is_empty() || typed.body.len() > BODY_MOST {
        return Err(Problem::Wrong(vec!["body: must hold something, and at most 1 MiB".to_owned()]));
    }
    if !reread::correct(call.core(), tenant, kept.id, typed.body.as_bytes(), &call.by()).await? {
        return Err(Problem::NotFound);
    }
    Answer::accepted(&story(&kept))
}

/// What to read again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReplay {
    /// Only those of which this was made; all without it.
    #[serde(default)]
    verdict: Option<DeliveryVerdict>,
    /// Only what arrived from here on, RFC 3339.
    #[serde(default)]
    #[schema(example = "2026-03-01T00:00:00Z")]
    from: Option<String>,
    /// Only what arrived before.
    #[serde(default)]
    to: Option<String>,
    /// Only of this topic.
    #[serde(default)]
    topic: Option<String>,
}

/// Deliveries being read again.
#[derive(Serialize, ToSchema)]
pub struct Replay {
    /// Its number, as text.
    #[schema(example = "3718567585382400002")]
    id: String,
    begun_at: Moment,
    /// Deliveries made due so far.
    done: u64,
    #[schema(required)]
    ended_at: Option<Moment>,
    #[schema(required)]
    cancelled_at: Option<Moment>,
}

async fn run(call: &Call, id: i64) -> Result<Answer, Problem> {
    let (mut read, shop, _) = call.open().await?;
    let run: Run = store::replay_run::get(&mut read, shop.id, id).await?.ok_or(Problem::NotFound)?;
    Answer::accepted(&Replay {
        id: run.id.to_string(),
        begun_at: run.begun_at.into(),
        done: run.done,
        ended_at: run.ended_at.map(Moment),
        cancelled_at: run.cancelled_at.map(Moment),
    })
}

/// Read many deliveries again
///
/// The shop's own of a time, a topic or a verdict, in the background.
#[utoipa::path(post, path = "/api/v1/inbox/replays", request_body = NewReplay, responses((status = 202, description = "They are being read again.", body = Replay)))]
pub async fn begin(call: &Call) -> Result<Answer, Problem> {
    let typed: NewReplay = call.body()?;
    let moment = |field: &str, typed: &Option<String>| {
        typed
            .as_deref()
            .map(|typed| form::moment(field, typed))
            .transpose()
            .map_err(|problem| Problem::Wrong(vec![problem]))
    };
    let narrow = Narrow {
        verdict: match typed.verdict {
            None => Filter::All,
            Some(DeliveryVerdict::Waiting) => Filter::Waiting,
            Some(DeliveryVerdict::Applied) => Filter::Applied,
            Some(DeliveryVerdict::Ignored) => Filter::Ignored,
            Some(DeliveryVerdict::Unreadable) => Filter::Unreadable,
        },
        from: moment("from", &typed.from)?,
        to: moment("to", &typed.to)?,
        topic: typed.topic,
        gateway: None,
    };
    call.open().await?;
    let id = reread::begin(call.core(), call.shop()?, &narrow, &call.by()).await?;
    run(call, id).await
}

/// Stop reading many deliveries again
///
/// What was made due by then is still read.
#[utoipa::path(post, path = "/api/v1/inbox/replays/{id}/stop", params(("id" = String, Path, description = "Its number", example = "3718567585382400002")), responses((status = 202, description = "It stops.", body = Replay)))]
pub async fn stop(call: &Call) -> Result<Answer, Problem> {
    let id: i64 = call.path("id")?;
    call.open().await?;
    if !reread::cancel(call.core(), call.shop()?, id).await? {
        return Err(Problem::NotFound);
    }
    run(call, id).await
}

//! Outbound webhooks: where events are told to, and everything that can be done with an endpoint. A secret is in an answer
//! once, when it is made.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment},
    shop::{answered, refused},
};
use crate::{
    domain::id::SinkId,
    pipeline::sink::{self, Again, NotReplayed, Typed},
    store::{self, outbox::Attempt, sink::Sink},
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
pub struct Webhook {
    #[schema(example = "sink_01jq0000000w1")]
    id: String,
    name: String,
    #[schema(example = "https://example.com/hooks")]
    url: String,
    /// Which events it hears.
    #[schema(example = json!(["order.recovered", "person.opted_out"]))]
    events: Vec<String>,
    /// Whether events name the person.
    personal: bool,
    created_at: Moment,
    /// Since when nothing arrives there.
    #[schema(required)]
    failing_since: Option<Moment>,
    #[schema(required)]
    disabled_at: Option<Moment>,
    /// Why it is off; empty while it is on.
    disabled_why: String,
}

/// An endpoint with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub struct WebhookSecret {
    webhook: Webhook,
    /// Of Standard Webhooks: what each event is signed with.
    #[schema(example = "whsec_…")]
    secret: String,
}

/// An endpoint to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// `https://`, and not in a private network.
    #[schema(example = "https://example.com/hooks")]
    url: String,
    /// Its host's name without one.
    #[serde(default)]
    name: Option<String>,
    /// All without any.
    #[serde(default)]
    #[schema(example = json!(["order.recovered"]))]
    events: Option<Vec<String>>,
    /// Whether events name the person.
    #[serde(default)]
    personal: bool,
}

/// What to change of an endpoint; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default)]
    personal: Option<bool>,
}

/// What came of a test event.
#[derive(Serialize, ToSchema)]
pub struct Tried {
    at: Moment,
    took_ms: u64,
    /// `null` when there was no answer.
    #[schema(required)]
    status: Option<u16>,
    /// Why it failed; empty when it did not.
    why: String,
    /// The beginning of the answer.
    answer: String,
}

fn told(sink: &Sink) -> Webhook {
    Webhook {
        id: sink.id.to_string(),
        name: sink.name.clone(),
        url: sink.settings.get("url").to_owned(),
        events: sink.topics.iter().map(|topic| topic.name().to_owned()).collect(),
        personal: sink.personal,
        created_at: sink.created_at.into(),
        failing_since: sink.failing_since.map(Moment),
        disabled_at: sink.disabled_at.map(Moment),
        disabled_why: sink.disabled_why.clone(),
    }
}

async fn found(call: &Call) -> Result<Sink, Problem> {
    let id: SinkId = call.path("id")?;
    one(call, id).await
}

async fn one(call: &Call, id: SinkId) -> Result<Sink, Problem> {
    let (mut read, _, keys) = call.open().await?;
    store::sink::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)
}

/// Endpoints, newest first
#[utoipa::path(get, path = "/api/v1/webhooks", params(WebhookQuery), responses((status = 200, description = "Endpoints.", body = form::List<Webhook>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: WebhookQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<SinkId>()?.unwrap_or(SinkId::new(i64::MAX));
    let (mut read, _, keys) = call.open().await?;
    let mut all = store::sink::list(&mut read, &keys).await?;
    all.retain(|sink| sink.id < before);
    all.sort_by_key(|sink| std::cmp::Reverse(sink.id));
    let next = window.cut(&mut all, |sink| sink.id.to_string());
    answered(call, all.iter().map(told).collect(), next)
}

/// Add an endpoint
///
/// The answer has its secret, this once.
#[utoipa::path(post, path = "/api/v1/webhooks", request_body = NewWebhook, responses((status = 201, description = "The endpoint and its secret.", body = WebhookSecret)))]
pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let typed: NewWebhook = call.body()?;
    call.open().await?;
    let typed = Typed {
        name: typed.name,
        url: Some(typed.url),
        topics: Some(typed.events.map_or_else(|| "all".to_owned(), |events| events.join(","))),
        personal: Some(typed.personal),
        private: false,
    };
    let made = sink::add(call.core(), call.shop()?, &typed).await.map_err(refused)?;
    let shown = WebhookSecret { webhook: told(&one(call, made.id).await?), secret: made.secret };
    Answer::created(&shown, format!("/api/v1/webhooks/{}", made.id))
}

/// One endpoint
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), responses((status = 200, description = "The endpoint.", body = Webhook)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    Answer::ok(&told(&found(call).await?))
}

/// Change an endpoint
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), request_body = WebhookChange, responses((status = 200, description = "The endpoint as it is now.", body = Webhook)))]
pub async fn change(call: &Call) -> Result<Answer, Problem> {
    let typed: WebhookChange = call.body()?;
    let known = found(call).await?;
    let typed = Typed {
        name: typed.name,
        // An address the operator opened stays as open as it was while nobody changes it.
        url: typed.url.filter(|url| url != known.settings.get("url")),
        topics: typed.events.map(|events| events.join(",")),
        personal: typed.personal,
        private: false,
    };
    let changed = sink::change(call.core(), known.shop, known.id, &typed).await.map_err(refused)?;
    if changed { get(call).await } else { Err(Problem::NotFound) }
}

/// Remove an endpoint, with its log
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), responses((status = 204, description = "It is gone.")))]
pub async fn remove(call: &Call) -> Result<Answer, Problem> {
    let known = found(call).await?;
    if sink::remove(call.core(), known.shop, known.id).await? { Ok(Answer::nothing()) } else { Err(Problem::NotFound) }
}

/// Switch an endpoint on
///
/// What it missed can be replayed on its page.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/enable", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), responses((status = 200, description = "The endpoint as it is now.", body = Webhook)))]
pub async fn enable(call: &Call) -> Result<Answer, Problem> {
    let known = found(call).await?;
    sink::enable(call.core(), known.shop, known.id).await?;
    get(call).await
}

/// Switch an endpoint off
///
/// What happens meanwhile is kept for a replay.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/disable", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), responses((status = 200, description = "The endpoint as it is now.", body = Webhook)))]
pub async fn disable(call: &Call) -> Result<Answer, Problem> {
    let known = found(call).await?;
    sink::disable(call.core(), known.shop, known.id).await?;
    get(call).await
}

/// Give an endpoint a new secret
///
/// Events are signed with both for a while, so that none is refused. The answer has the new one, this once.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/rotate", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), responses((status = 200, description = "The endpoint and its new secret.", body = WebhookSecret)))]
pub async fn rotate(call: &Call) -> Result<Answer, Problem> {
    let known = found(call).await?;
    let secret = sink::rotate(call.core(), known.shop, known.id).await?.ok_or(Problem::NotFound)?;
    Answer::ok(&WebhookSecret { webhook: told(&found(call).await?), secret })
}

/// Send a test event to an endpoint
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), responses((status = 200, description = "What came of it.", body = Tried)))]
pub async fn test(call: &Call) -> Result<Answer, Problem> {
    let known = found(call).await?;
    let tried: Attempt = sink::test(call.core(), known.shop, known.id).await?.ok_or(Problem::NotFound)?;
    Answer::ok(&Tried {
        at: tried.at.into(),
        took_ms: tried.took_ms,
        status: tried.status,
        why: tried.why,
        answer: tried.answer,
    })
}

/// What to tell an endpoint again: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsAgain {
    /// This event.
    #[serde(default)]
    #[schema(example = "evt_01jq0000000e1")]
    event: Option<String>,
    /// Everything given up or missed since, RFC 3339.
    #[serde(default)]
    #[schema(example = "2026-03-01T00:00:00Z")]
    since: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ToldAgain {
    /// How many events are due again.
    events: u64,
}

/// Tell an endpoint events again
///
/// Under their own ids, so that whoever heard them can tell.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/replay", params(("id" = String, Path, description = "The endpoint", example = "sink_01jq0000000w1")), request_body = EventsAgain, responses((status = 202, description = "They are due again.", body = ToldAgain)))]
pub async fn replay(call: &Call) -> Result<Answer, Problem> {
    let typed: EventsAgain = call.body()?;
    let wrong = |problem: String| Problem::Wrong(vec![problem]);
    let again = match (&typed.event, &typed.since) {
        (Some(event), None) => {
            Again::One(event.parse().map_err(|_| wrong("event: must be the id of an event".to_owned()))?)
        }
        (None, Some(since)) => Again::Since(form::moment("since", since).map_err(wrong)?),
        _ => return Err(wrong("event: name either an event or since when".to_owned())),
    };
    let known = found(call).await?;
    match sink::replay(call.core(), known.shop, known.id, again).await {
        Ok(events) => Answer::accepted(&ToldAgain { events }),
        Err(NotReplayed::Store(error)) => Err(error.into()),
        Err(NotReplayed::Off) => Err(Problem::Conflict("it is off: switch it on first".to_owned())),
        Err(NotReplayed::NoEndpoint) => Err(Problem::NotFound),
        Err(NotReplayed::NoEvent) => Err(wrong("event: it was never told of one of this id".to_owned())),
    }
}

//! Messages: every text, what became of it, and the proof of one.

use askama::Template;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Cost, Moment},
    shop::answered,
};
use crate::{
    domain::{id::MessageId, message::MessageState as State},
    pipeline::people::proof as proofs,
    store::{self, click::Click, message::Message as Stored},
    web::{page::story, problem::Problem, view::proof::ProofPage},
};

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    Queued,
    Sending,
    /// It may have left; it is not sent again by itself.
    Unknown,
    Accepted,
    Delivered,
    Undelivered,
    Refused,
    Cancelled,
    Expired,
}

impl From<State> for MessageState {
    fn from(state: State) -> MessageState {
        match state {
            State::Queued => MessageState::Queued,
            State::Sending => MessageState::Sending,
            State::Unknown => MessageState::Unknown,
            State::Accepted => MessageState::Accepted,
            State::Delivered => MessageState::Delivered,
            State::Undelivered => MessageState::Undelivered,
            State::Refused => MessageState::Refused,
            State::Cancelled => MessageState::Cancelled,
            State::Expired => MessageState::Expired,
        }
    }
}

impl From<MessageState> for State {
    fn from(state: MessageState) -> State {
        match state {
            MessageState::Queued => State::Queued,
            MessageState::Sending => State::Sending,
            MessageState::Unknown => State::Unknown,
            MessageState::Accepted => State::Accepted,
            MessageState::Delivered => State::Delivered,
            MessageState::Undelivered => State::Undelivered,
            MessageState::Refused => State::Refused,
            MessageState::Cancelled => State::Cancelled,
            MessageState::Expired => State::Expired,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// Only those in this state.
    #[param(inline)]
    state: Option<MessageState>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// A text to one phone.
#[derive(Serialize, ToSchema)]
pub struct Message {
    #[schema(example = "msg_01jq0000000m1")]
    id: String,
    /// `reminder`, `confirmation`, `confirmation_again`, `answer` or `test`.
    #[schema(example = "reminder")]
    purpose: String,
    state: MessageState,
    /// Why it was refused, is unknown or was cancelled, for people; else empty.
    reason: String,
    #[schema(required)]
    cart: Option<String>,
    /// Of a reminder: its sequence and step; else empty and 0.
    sequence: String,
    step: u32,
    /// The end of the number; empty once it was erased.
    #[schema(example = "…4455")]
    to: String,
    /// ISO 3166-1 alpha-2, of the number.
    country: String,
    /// As it looked, with the part of each link that opens a cart left out; empty once it was erased.
    text: String,
    /// BCP 47.
    #[schema(required)]
    language: Option<String>,
    /// What it is billed as.
    parts: u32,
    #[schema(required)]
    cost: Option<Cost>,
    gateway: String,
    created_at: Moment,
    #[schema(required)]
    sent_at: Option<Moment>,
    #[schema(required)]
    accepted_at: Option<Moment>,
    #[schema(required)]
    delivered_at: Option<Moment>,
    /// The last moment it may be delivered.
    expires_at: Moment,
}

/// A text with the openings of its links.
#[derive(Serialize, ToSchema)]
pub struct MessageStory {
    message: Message,
    opened: Vec<Opened>,
    /// Orders it is credited with, or assisted.
    credits: Vec<Credited>,
}

#[derive(Serialize, ToSchema)]
pub struct Opened {
    at: Moment,
    /// Whether a person did it; `null` while that is being judged.
    #[schema(required)]
    by_person: Option<bool>,
    /// What it was taken for.
    what: String,
}

#[derive(Serialize, ToSchema)]
pub struct Credited {
    order: String,
    /// `credited`, or `assisted`, which is never part of the headline.
    class: String,
    /// `order`, `refund:…` or `cancelled`.
    entry: String,
    amount: form::Money,
    at: Moment,
}

fn message(stored: &Stored, public_url: &str) -> Message {
    let moments = &stored.moments;
    let is_erased = stored.words.phone.is_empty();
    Message {
        id: stored.id.to_string(),
        purpose: stored.purpose.name().to_owned(),
        state: moments.state().into(),
        reason: stored.reason.clone(),
        cart: stored.cart().map(|cart| cart.to_string()),
        sequence: stored.sequence.clone(),
        step: stored.step,
        to: if is_erased { String::new() } else { stored.phone().masked() },
        country: stored.country.clone(),
        text: story::quoted(&stored.words.text, public_url),
        language: stored.words.language.clone(),
        parts: stored.segments,
        cost: stored.cost.map(Cost::from),
        gateway: stored.gateway.to_string(),
        created_at: stored.created_at.into(),
        sent_at: moments.sending_at.map(Moment),
        accepted_at: moments.accepted_at.map(Moment),
        delivered_at: moments.delivered_at.map(Moment),
        expires_at: stored.expires_at.into(),
    }
}

fn opened(click: &Click) -> Opened {
    Opened {
        at: click.at.into(),
        by_person: (!click.verdict.is_empty()).then(|| click.is_human()),
        what: story::opening(click).to_owned(),
    }
}

/// Texts, newest first
#[utoipa::path(get, path = "/api/v1/messages", params(MessageQuery), responses((status = 200, description = "Texts, newest first.", body = form::List<Message>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: MessageQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<MessageId>()?.unwrap_or(MessageId::new(i64::MAX));
    let (mut read, _, keys) = call.open().await?;
    let state = asked.state.map(State::from);
    let mut found = store::message::list(&mut read, &keys, state, before, window.most()).await?;
    let next = window.cut(&mut found, |message| message.id.to_string());
    let data = found.iter().map(|stored| message(stored, &call.core().public_url)).collect();
    answered(call, data, next)
}

/// One text, who opened its links, and what it earned
#[utoipa::path(get, path = "/api/v1/messages/{id}", params(("id" = String, Path, description = "The text", example = "msg_01jq0000000m1")), responses((status = 200, description = "The text.", body = MessageStory)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let id: MessageId = call.path("id")?;
    let (mut read, _, keys) = call.open().await?;
    let stored = store::message::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    let clicks = store::click::of_message(&mut read, &keys, id).await?;
    let credits = store::credit::of_message(&mut read, &keys, id).await?;
    let credits = credits.into_iter().map(|line| Credited {
        order: line.order.to_string(),
        amount: form::Money::minor(line.entry.amount_minor, line.currency),
        class: line.class,
        entry: line.entry.entry,
        at: line.entry.at.into(),
    });
    let story = MessageStory {
        message: message(&stored, &call.core().public_url),
        opened: clicks.iter().map(opened).collect(),
        credits: credits.collect(),
    };
    Answer::ok(&story)
}

/// The proof of one text
///
/// Why it was allowed and what became of it, in a form to hand over. `Accept: text/html` answers the same as a page to
/// print. It names the person.
#[utoipa::path(get, path = "/api/v1/messages/{id}/proof", params(("id" = String, Path, description = "The text", example = "msg_01jq0000000m1")),
    responses((status = 200, description = "The proof.", content(
        (serde_json::Value = "application/json"),
        (String = "text/html"),
    ))))]
pub async fn proof(call: &Call) -> Result<Answer, Problem> {
    let id: MessageId = call.path("id")?;
    let core = call.core();
    call.open().await?;
    let proof = proofs::proof(core, call.shop()?, id).await?.ok_or(Problem::NotFound)?;
    if call.accepts_html() {
        let page = ProofPage::new(&proof, core.now());
        return Ok(Answer::html(page.render()?, page.policy()));
    }
    Ok(Answer::json(proof.json))
}

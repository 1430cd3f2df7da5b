//! Replies: what people wrote back, and saying how one is to be read.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment},
    shop::answered,
};
use crate::{
    domain::{id::ReplyId, phone::Phone},
    pipeline::reply,
    store::{
        self,
        reply::{How, Reply as Stored},
    },
    web::{page::phone, problem::Problem},
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReplyQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// What somebody wrote back.
#[derive(Serialize, ToSchema)]
pub struct Reply {
    #[schema(example = "rep_01jq0000000p1")]
    id: String,
    at: Moment,
    /// The end of the number.
    #[schema(example = "…4455")]
    from: String,
    /// The number's keyed hash: the same for every reply of one phone.
    phone_hash: String,
    text: String,
    /// What it was taken to mean, for people.
    meaning: String,
    /// Whether a person should look: it was not clear.
    doubtful: bool,
    /// The text it follows.
    #[schema(required)]
    follows: Option<String>,
    /// Whether it waits for a person; texts to its phone are held until then.
    waits: bool,
    #[schema(required)]
    settled: Option<Settled>,
}

#[derive(Serialize, ToSchema)]
pub struct Settled {
    at: Moment,
    by: String,
    how: String,
}

/// How a person has read a reply.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    how: ReadAs,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadAs {
    /// A wish to be left alone: an opt-out as of when it came.
    OptedOut,
    /// Texts go on.
    CarryOn,
    /// Somebody has answered; sequences that end by an answer end.
    Answered,
}

fn told(stored: &Stored) -> Reply {
    let words = &stored.words;
    Reply {
        id: stored.id.to_string(),
        at: stored.at.into(),
        from: if words.from.is_empty() { String::new() } else { Phone::restored(words.from.clone()).masked() },
        phone_hash: phone::named(&stored.phone),
        text: words.text.clone(),
        meaning: words.heard.meaning.words().to_owned(),
        doubtful: words.heard.doubtful,
        follows: stored.follows.map(|id| id.to_string()),
        waits: stored.settled.is_none(),
        settled: stored.settled.as_ref().map(|settled| Settled {
            at: settled.at.into(),
            by: settled.by.clone(),
            how: settled.how.name().to_owned(),
        }),
    }
}

/// Replies, newest first
#[utoipa::path(get, path = "/api/v1/replies", params(ReplyQuery), responses((status = 200, description = "Replies, newest first.", body = form::List<Reply>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: ReplyQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<ReplyId>()?.unwrap_or(ReplyId::new(i64::MAX));
    let (mut read, _, keys) = call.open().await?;
    let mut found = store::reply::list(&mut read, &keys, before, window.most()).await?;
    let next = window.cut(&mut found, |reply| reply.id.to_string());
    answered(call, found.iter().map(told).collect(), next)
}

/// Say how a reply is to be read
#[utoipa::path(post, path = "/api/v1/replies/{id}/settle", params(("id" = String, Path, description = "The reply", example = "rep_01jq0000000p1")), request_body = Reading, responses(
    (status = 200, description = "The reply as it is now.", body = Reply),
    (status = 409, description = "It was settled before.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn settle(call: &Call) -> Result<Answer, Problem> {
    let id: ReplyId = call.path("id")?;
    let typed: Reading = call.body()?;
    let how = match typed.how {
        ReadAs::OptedOut => How::OptedOut,
        ReadAs::CarryOn => How::CarryOn,
        ReadAs::Answered => How::Answered,
    };
    let (mut read, shop, keys) = call.open().await?;
    store::reply::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    drop(read);
    if !reply::settle(call.core(), shop.id, id, how, &call.by()).await? {
        return Err(Problem::Conflict("the reply was settled before".to_owned()));
    }
    let mut read = call.core().db.read().await?;
    let found = store::reply::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    Answer::ok(&told(&found))
}

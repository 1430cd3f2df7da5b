//! Acts: what a person does to one cart or one text, by a program. Nothing here opens a gate.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{answer::Answer, call::Call, carts, form, messages};
use crate::{
    domain::{
        hand::{Act, Settled},
        id::{CartId, MessageId},
    },
    pipeline::hand::{self, Done},
    web::problem::Problem,
};

/// What became of a text of unknown outcome.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    how: FoundAs,
}

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundAs {
    /// The shopper has it.
    Arrived,
    /// It never left, and shall not.
    NeverLeft,
    /// It never left, and one more attempt may be made. Look it up first: if it did leave, the person gets it twice.
    Again,
}

/// What was asked for is under way.
#[derive(Serialize, ToSchema)]
pub struct Asked {
    /// Always `true`: why it was not is a problem.
    asked: bool,
}

async fn on_cart(call: &Call, act: Act) -> Result<(), Problem> {
    let id: CartId = call.path("id")?;
    call.open().await?;
    done(hand::on_cart(call.core(), call.shop()?, id, act, &call.by()).await?)
}

fn done(done: Done) -> Result<(), Problem> {
    match done {
        Done::Done => Ok(()),
        Done::Unknown => Err(Problem::NotFound),
        Done::Refused(why) => Err(Problem::Conflict(why)),
    }
}

/// Send a cart's next text now
///
/// Without its waiting time. Every gate is asked: one that stops it refuses (409), one that only waits lets it go when it
/// opens.
#[utoipa::path(post, path = "/api/v1/carts/{id}/send-now", params(("id" = String, Path, description = "The cart", example = "cart_01jq0000000c1")), responses(
    (status = 202, description = "It is being asked for; the cart tells what every gate said.", body = Asked),
    (status = 409, description = "A gate stops it, or there is nothing to send.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn send_now(call: &Call) -> Result<Answer, Problem> {
    on_cart(call, Act::SendNow).await?;
    Answer::accepted(&Asked { asked: true })
}

/// Hold a cart
///
/// Nothing of it is sent until it is released.
#[utoipa::path(post, path = "/api/v1/carts/{id}/hold", params(("id" = String, Path, description = "The cart", example = "cart_01jq0000000c1")), responses(
    (status = 200, description = "The cart.", body = carts::CartStory),
    (status = 409, description = "It is over.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn hold(call: &Call) -> Result<Answer, Problem> {
    on_cart(call, Act::Hold).await?;
    carts::get(call).await
}

/// Release a cart that is held
#[utoipa::path(post, path = "/api/v1/carts/{id}/release", params(("id" = String, Path, description = "The cart", example = "cart_01jq0000000c1")), responses(
    (status = 200, description = "The cart.", body = carts::CartStory),
    (status = 409, description = "It is not held.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn release(call: &Call) -> Result<Answer, Problem> {
    on_cart(call, Act::Release).await?;
    carts::get(call).await
}

/// Dismiss a cart
///
/// Nothing of it is sent any more, for good.
#[utoipa::path(post, path = "/api/v1/carts/{id}/dismiss", params(("id" = String, Path, description = "The cart", example = "cart_01jq0000000c1")), responses(
    (status = 200, description = "The cart.", body = carts::CartStory),
    (status = 409, description = "It is over.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn dismiss(call: &Call) -> Result<Answer, Problem> {
    on_cart(call, Act::Dismiss).await?;
    carts::get(call).await
}

/// Say what became of a text of unknown outcome
///
/// After it was looked up at the provider.
#[utoipa::path(post, path = "/api/v1/messages/{id}/settle", params(("id" = String, Path, description = "The text", example = "msg_01jq0000000m1")), request_body = Finding, responses(
    (status = 200, description = "The text.", body = messages::MessageStory),
    (status = 409, description = "Its outcome is known.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn settle(call: &Call) -> Result<Answer, Problem> {
    let id: MessageId = call.path("id")?;
    let Finding { how } = call.body()?;
    call.open().await?;
    let word = match how {
        FoundAs::Arrived => Settled::Arrived,
        FoundAs::NeverLeft => Settled::NeverLeft,
        FoundAs::Again => Settled::Again,
    };
    done(hand::settle(call.core(), call.shop()?, id, word, &call.by()).await?)?;
    messages::get(call).await
}

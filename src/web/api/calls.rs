//! Calls that came in on the numbers texts show, and those numbers.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment},
};
use crate::{
    domain::{
        call::Number,
        id::{CallId, CallNumberId},
        time::{DAY, Time},
    },
    pipeline::call::{self, NotAdded},
    store::{self, call::Call as Stored},
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Called from this moment on; 30 days ago without one.
    from: Option<String>,
}

/// A call. Of the caller nothing is kept but a keyed hash.
#[derive(Serialize, ToSchema)]
pub struct TrackedCall {
    #[schema(example = "call_01jq000000000")]
    id: String,
    called_at: Moment,
    /// The number that was called; empty once it left the pool long ago.
    #[schema(example = "+38615550001")]
    number: String,
    /// `ringing`, `answered` or `missed`.
    #[schema(example = "answered")]
    state: String,
    /// Talked, once it is over.
    seconds: u32,
    /// `phone`: the caller's own phone was texted; `sequence`: only one sequence shows this number; `unknown`.
    #[schema(example = "phone")]
    known_by: String,
    /// The newest text to that phone before it, within 7 days.
    #[schema(required, example = "msg_01jq000000000")]
    message: Option<String>,
    /// The sequence it is counted for; empty for none.
    sequence: String,
    /// Whether it counts as a conversion: answered, long enough, its caller's first of the day.
    counts: bool,
}

/// Calls so far, newest first
#[utoipa::path(get, path = "/api/v1/calls", params(CallQuery), responses((status = 200, description = "Calls.", body = form::List<TrackedCall>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: CallQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let since = match asked.from.as_deref() {
        None => call.core().now() - DAY * 30,
        Some(typed) => form::moment("from", typed).map_err(|why| Problem::Wrong(vec![why]))?,
    };
    let (mut read, _, keys) = call.open().await?;
    // An id tells its moment only roughly: the row itself tells where the page begins.
    let before = match window.cursor::<CallId>()? {
        None => (Time::LAST, CallId::new(0)),
        Some(id) => {
            let known = store::call::get(&mut read, &keys, id).await?;
            let wrong = || Problem::Wrong(vec!["after: must be the `next` of an earlier answer".to_owned()]);
            known.map(|known| (known.called_at, id)).ok_or_else(wrong)?
        }
    };
    let numbers = store::call::numbers(&mut read, &keys).await?;
    let mut calls = store::call::list(&mut read, &keys, since, before, window.most()).await?;
    let next = window.cut(&mut calls, |call| call.id.to_string());
    let told = |call: Stored| TrackedCall {
        id: call.id.to_string(),
        called_at: call.called_at.into(),
        number: numbers
            .iter()
            .find(|known| known.id == call.number)
            .map(|known| known.number.clone())
            .unwrap_or_default(),
        state: call.state.name().to_owned(),
        seconds: call.seconds,
        known_by: call.tie.name().to_owned(),
        message: call.message.map(|message| message.to_string()),
        sequence: call.sequence,
        counts: call.counted_day.is_some(),
    };
    super::shop::answered(call, calls.into_iter().map(told).collect(), next)
}

/// A number rented for texts.
#[derive(Serialize, ToSchema)]
pub struct CallNumber {
    #[schema(example = "tel_01jq000000000")]
    id: String,
    #[schema(example = "+38615550001")]
    number: String,
    /// Where its calls are put through.
    #[schema(example = "+38615559999")]
    answers: String,
    /// The sequence whose texts show it; empty for every other.
    sequence: String,
    added_at: Moment,
}

/// A number to put into the pool.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCallNumber {
    /// With its country code.
    #[schema(example = "+38615550001")]
    number: String,
    /// Another number, which calls are put through to.
    #[schema(example = "+38615559999")]
    answers: String,
    /// The id of a sequence; for every other when left out.
    #[serde(default)]
    sequence: String,
}

fn shown(number: &Number) -> CallNumber {
    CallNumber {
        id: number.id.to_string(),
        number: number.number.clone(),
        answers: number.answers.clone(),
        sequence: number.sequence.clone(),
        added_at: number.added_at.into(),
    }
}

/// Numbers texts can show
#[utoipa::path(get, path = "/api/v1/call-numbers", responses((status = 200, description = "The pool.", body = form::List<CallNumber>)))]
pub async fn numbers(call: &Call) -> Result<Answer, Problem> {
    let (mut read, _, keys) = call.open().await?;
    let all = store::call::numbers(&mut read, &keys).await?;
    let pool = all.iter().filter(|number| number.removed_at.is_none());
    Answer::ok(&form::List::new(pool.map(shown).collect(), None))
}

/// Put a number into the pool
///
/// In a text it is `{{ call_number }}`; its provider asks `/hook/call/…` of the shop where to put a call through.
#[utoipa::path(post, path = "/api/v1/call-numbers", request_body = NewCallNumber, responses((status = 201, description = "It is in the pool.", body = CallNumber)))]
pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let typed: NewCallNumber = call.body()?;
    call.open().await?;
    let made = call::add(call.core(), call.shop()?, &typed.number, &typed.answers, &typed.sequence).await;
    let id = made.map_err(|why| match why {
        NotAdded::Wrong(problems) => Problem::Wrong(problems),
        NotAdded::Store(error) => error.into(),
    })?;
    let (mut read, _, keys) = call.open().await?;
    let all = store::call::numbers(&mut read, &keys).await?;
    let made = all.iter().find(|number| number.id == id).ok_or(Problem::NotFound)?;
    Answer::created(&shown(made), "/api/v1/call-numbers".to_owned())
}

/// Take a number out of the pool
///
/// Its calls stay.
#[utoipa::path(delete, path = "/api/v1/call-numbers/{id}", params(("id" = String, Path, description = "The number", example = "tel_01jq000000000")), responses((status = 204, description = "It is out.")))]
pub async fn remove(call: &Call) -> Result<Answer, Problem> {
    let id: CallNumberId = call.path("id")?;
    call.open().await?;
    if call::remove(call.core(), call.shop()?, id).await? { Ok(Answer::nothing()) } else { Err(Problem::NotFound) }
}

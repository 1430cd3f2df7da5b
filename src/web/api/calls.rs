//! Calls that came in on the numbers texts show, to read.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment},
};
use crate::{
    domain::{
        id::CallId,
        time::{DAY, Time},
    },
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

//! The door: whose token it is, whether its scopes are enough and its share of the minute is not used up; then the
//! request is read, worked on and answered, and a problem becomes `application/problem+json`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    web::{Data, Payload},
};

use serde_json::Value;

use super::{
    Operation,
    answer::Answer,
    call::Call,
    once::{self, Turn},
    pace::Share,
};
use crate::{
    domain::id::ShopId,
    pipeline::people::token,
    store::{
        token::{Scope, Token},
        trail::Door,
    },
    web::{
        State,
        body::{self, LastWords, Unread},
        gate::{self, Actor},
        problem::{Problem, Wants},
        stranger,
    },
};

/// Which shop a token of the house means.
pub const SHOP_HEADER: &str = "cartback-shop";
pub const REPLAYED_HEADER: &str = "idempotency-replayed";

pub async fn serve(operation: &'static Operation, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let mut told = Told::default();
    let path = request.path().to_owned();
    let outcome = answer(operation, request, &mut payload, &mut told).await;
    let mut response = match outcome {
        Ok(answer) => answer.into_response(&path),
        Err(problem) => {
            let answer = problem.answer(Wants::Api);
            if let Problem::Unread(..) = problem { last_words(answer, problem, payload) } else { answer }
        }
    };
    told.put(response.headers_mut());
    response
}

/// What is told besides the answer.
#[derive(Default)]
struct Told {
    share: Option<Share>,
    replayed: bool,
}

impl Told {
    fn put(&self, headers: &mut HeaderMap) {
        let share = self.share.iter().flat_map(Share::headers);
        let replayed = self.replayed.then(|| (REPLAYED_HEADER, "true".to_owned()));
        for (name, value) in share.chain(replayed) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

async fn answer(
    operation: &'static Operation,
    request: HttpRequest,
    payload: &mut Payload,
    told: &mut Told,
) -> Result<Answer, Problem> {
    let state = request.app_data::<Data<State>>().ok_or_else(|| Problem::Broken("no state".to_owned()))?.clone();
    let token = match operation.needs {
        Some(scope) => Some(come_in(&state, &request, scope, told).await?),
        None => None,
    };
    let named = named_shop(&request, token.as_ref())?;
    if !operation.takes_query() && !request.query_string().is_empty() {
        return Err(Problem::Wrong(vec!["the query: this takes none".to_owned()]));
    }
    let reads = !matches!(*request.method(), Method::GET | Method::HEAD);
    let body = if reads { body::read(&request, payload, &state.limits).await.map_err(unread)? } else { Vec::new() };
    let call = Call { state, token, named, request, body };
    check_body(operation, &call)?;
    no_nul(&call)?;
    no_misplaced_list(operation, &call)?;
    let turn = if operation.once { once::begin(&call).await? } else { Turn::Free };
    match turn {
        Turn::Free => (operation.run)(&call).await,
        Turn::Answered(answer) => {
            told.replayed = true;
            Ok(answer)
        }
        // In a task of its own, so that a client that hangs up does not leave its key half-way.
        Turn::Mine(begun) => {
            let work = actix_web::rt::spawn(async move {
                let outcome = (operation.run)(&call).await;
                begun.end(&call, &outcome).await?;
                outcome
            });
            work.await.unwrap_or_else(|_| Err(Problem::Broken("it panicked".to_owned())))
        }
    }
}

/// Lets whoever names a good token in, when its scopes are enough. Who tries tokens that are none is sent away like
/// whoever tries links that are none; who has one may still not ask without end. What cannot be a token at all costs us
/// nothing, and is only told so.
async fn come_in(state: &State, request: &HttpRequest, needs: Scope, told: &mut Told) -> Result<Token, Problem> {
    let (who, now) = (stranger::who(request), state.core.now());
    let named = bearer(request).filter(|named| token::is_whole(named)).ok_or(Problem::Unauthorized)?;
    if state.strangers.is_tired(who, now) {
        return Err(Problem::TooMany);
    }
    let Some((token, hash)) = token::open(&state.core, named).await? else {
        state.strangers.note(who, now);
        return Err(Problem::Unauthorized);
    };
    if needs != Scope::Read {
        gate::acting(request, Actor { door: Door::Api, user: None, name: token.name.clone() });
        gate::of_shop(request, token.shop);
    }
    let share = state.pace.count(&hash, now);
    told.share = Some(share);
    if share.is_over {
        return Err(Problem::TooOften(share.reset_seconds));
    }
    if token.scopes.allow(needs) { Ok(token) } else { Err(Problem::Scope(needs.name())) }
}

/// A header sent twice is no header: two readers would differ on it.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut sent = request.headers().get_all(header::AUTHORIZATION);
    let (value, None) = (sent.next()?, sent.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A shop's own token may name its shop, to no effect; another one is not found.
fn named_shop(request: &HttpRequest, token: Option<&Token>) -> Result<Option<ShopId>, Problem> {
    let Some(named) = request.headers().get(SHOP_HEADER) else { return Ok(None) };
    let wrong = || Problem::Wrong(vec!["Cartback-Shop: must be the number of a shop".to_owned()]);
    let id: ShopId = named.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(wrong)?;
    let is_foreign = token.is_some_and(|token| token.shop != ShopId::HOUSE && token.shop != id);
    if is_foreign || id == ShopId::HOUSE { Err(Problem::NotFound) } else { Ok(Some(id)) }
}

fn check_body(operation: &Operation, call: &Call) -> Result<(), Problem> {
    if !operation.takes_body() {
        let is_empty = !call.has_body() || call.body.trim_ascii() == b"{}";
        return if is_empty { Ok(()) } else { Err(Problem::Wrong(vec!["the body: this takes none".to_owned()])) };
    }
    match call.header(header::CONTENT_TYPE.as_str()) {
        Some(kind) if !is_json(kind) => {
            Err(Problem::Unread(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json"))
        }
        _ => Ok(()),
    }
}

/// PostgreSQL keeps no NUL in a text, and nothing of ours means one.
fn no_nul(call: &Call) -> Result<(), Problem> {
    let refused = |place: &str| Err(Problem::Wrong(vec![format!("{place}: a NUL character stands in it")]));
    if call.request.query_string().contains("%00") {
        return refused("the query");
    }
    if call.request.path().contains("%00") {
        return Err(Problem::NotFound);
    }
    // Most bodies have nothing like it, and are read once.
    let is_suspect = call.body.windows(ESCAPED_NUL.len()).any(|bytes| bytes == ESCAPED_NUL);
    let read = is_suspect.then(|| serde_json::from_slice::<Value>(&call.body).ok()).flatten();
    if read.is_some_and(|body| holds_nul(&body)) { refused("the body") } else { Ok(()) }
}

const ESCAPED_NUL: &[u8] = b"\\u0000";

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(all) => all.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// A list where an object should be.
fn no_misplaced_list(operation: &Operation, call: &Call) -> Result<(), Problem> {
    if !operation.takes_body() || !call.body.contains(&b'[') {
        return Ok(());
    }
    // What is no JSON is told by whoever reads it.
    let Ok(body) = serde_json::from_slice::<Value>(&call.body) else { return Ok(()) };
    match super::describe::misplaced_list(operation, &body) {
        Some(place) => Err(Problem::Wrong(vec![format!("{place}: must be an object")])),
        None => Ok(()),
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

fn unread(unread: Unread) -> Problem {
    let (status, said) = match unread {
        Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "at most 1 MiB"),
        Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too slow"),
        Unread::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send it uncompressed"),
        Unread::Broken => (StatusCode::BAD_REQUEST, "not a whole request"),
    };
    Problem::Unread(status, said)
}

/// To a client whose body was not read: its connection is closed.
fn last_words(answer: HttpResponse, problem: Problem, rest: Payload) -> HttpResponse {
    let said = problem.described("").to_string();
    let mut closing = HttpResponse::build(answer.status());
    for (name, value) in answer.headers() {
        closing.insert_header((name.clone(), value.clone()));
    }
    closing.force_close().body(LastWords::new(said, rest)).map_into_boxed_body()
}

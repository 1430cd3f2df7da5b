//! The API about people, `/api/v1`: consents and opt-outs in, exports and proofs out, erasure. Each request names its
//! token; a token is bound to one shop and to a scope. What is another shop's does not exist here.
//!
//! # How to add a route
//! Write its handler, beginning with `come_in`; add its line to `ROUTES` and to `routes`, and describe it in
//! `assets/api/openapi.json`. A test holds the three together.

mod pace;
mod people;

pub use pace::Pace;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
    web::{self, Data, Payload, ServiceConfig},
};
use serde::de::DeserializeOwned;

use super::{
    State,
    body::{self, LastWords, Unread},
    gate::{self, Actor},
    get, only,
    problem::Problem,
    stranger,
};
use crate::{
    domain::id::ShopId,
    pipeline::people::token,
    store::{
        token::{Scope, Token},
        trail::Door,
    },
};

/// Every route: method and path, as the description names them.
pub const ROUTES: &[(&str, &str)] = &[
    ("get", "/api/v1/openapi.json"),
    ("post", "/api/v1/consents"),
    ("post", "/api/v1/opt-outs"),
    ("get", "/api/v1/people"),
    ("post", "/api/v1/people/export"),
    ("post", "/api/v1/people/erase"),
    ("get", "/api/v1/messages/{id}/proof"),
];

pub fn routes(config: &mut ServiceConfig) {
    let ask = |path: &str, route: actix_web::Route| web::resource(path).route(route).default_service(only("GET, HEAD"));
    let act = |path: &str, route: actix_web::Route| web::resource(path).route(route).default_service(only("POST"));
    config
        .service(ask("/api/v1/openapi.json", get().to(describe)))
        .service(act("/api/v1/consents", web::post().to(people::consents)))
        .service(act("/api/v1/opt-outs", web::post().to(people::opt_outs)))
        .service(ask("/api/v1/people", get().to(people::export)))
        .service(act("/api/v1/people/export", web::post().to(people::export_by_body)))
        .service(act("/api/v1/people/erase", web::post().to(people::erase)))
        .service(ask("/api/v1/messages/{id}/proof", get().to(people::proof)));
}

const DESCRIPTION: &str = include_str!("../../../assets/api/openapi.json");

async fn describe() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(DESCRIPTION)
}

/// Whose token opened the door.
pub struct Caller {
    pub state: Data<State>,
    pub shop: ShopId,
}

/// Lets whoever names a good token in, when its scope is enough. Who tries tokens that are none is sent away like whoever
/// tries links that are none; who has one may still not ask without end.
async fn come_in(request: &HttpRequest, needs: Scope) -> Result<Caller, Problem> {
    let state = request.app_data::<Data<State>>().ok_or_else(|| Problem::Broken("no state".to_owned()))?.clone();
    let (who, now) = (stranger::who(request), state.core.now());
    if state.strangers.is_tired(who, now) {
        return Err(Problem::TooMany);
    }
    let named = bearer(request).ok_or(Problem::Unauthorized)?;
    let Some((token, hash)) = token::open(&state.core, named).await? else {
        state.strangers.note(who, now);
        return Err(Problem::Unauthorized);
    };
    gate::acting(request, Actor { door: Door::Api, user: None, name: token.name.clone() });
    gate::of_shop(request, token.shop);
    if !state.pace.allows(&hash, now) {
        return Err(Problem::TooMany);
    }
    if !is_enough(&token, needs) {
        return Err(Problem::Forbidden);
    }
    Ok(Caller { shop: token.shop, state })
}

fn is_enough(token: &Token, needs: Scope) -> bool {
    token.scope == Scope::People || needs == Scope::Read
}

/// A header sent twice is no header: two readers would differ on it.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut sent = request.headers().get_all(header::AUTHORIZATION);
    let (value, None) = (sent.next()?, sent.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A body as JSON of this form. The inner answer is for a client whose body was not read: its connection is closed.
async fn read<T: DeserializeOwned>(
    state: &State,
    request: &HttpRequest,
    mut payload: Payload,
) -> Result<Result<T, HttpResponse>, Problem> {
    let bytes = match body::read(request, &mut payload, &state.limits).await {
        Ok(bytes) => bytes,
        Err(unread) => return Ok(Err(not_read(unread, payload))),
    };
    // The parser's own words may quote what it read.
    let place = |error: serde_json::Error| {
        let kind =
            if error.is_data() { "has a field that is missing, unknown or of the wrong kind" } else { "is no JSON" };
        Problem::Wrong(vec![format!("the body {kind}, at line {} column {}", error.line(), error.column())])
    };
    serde_json::from_slice(&bytes).map(Ok).map_err(place)
}

fn not_read(unread: Unread, rest: Payload) -> HttpResponse {
    let (status, said) = match unread {
        Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "{\"error\":\"at most 1 MiB\"}"),
        Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "{\"error\":\"too slow\"}"),
        Unread::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "{\"error\":\"send it uncompressed\"}"),
        Unread::Broken => (StatusCode::BAD_REQUEST, "{\"error\":\"not a whole request\"}"),
    };
    HttpResponse::build(status).force_close().content_type("application/json").body(LastWords::new(said, rest))
}

/// An answer that names somebody: nobody in between may keep it.
fn private(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((HeaderName::from_static("x-robots-tag"), "noindex"))
        .body(body)
}

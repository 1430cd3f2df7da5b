//! Webhooks of shops and callbacks of gateways: raw bytes in, kept, answered. Nothing is understood here, and nothing of
//! a path, a body or a signature is logged: whoever knows the path of an unsigned gateway may speak for it.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Payload},
};

use super::{
    State,
    body::{self, LastWords, Unread},
    gate::{self, Actor},
};
use crate::{
    domain::connector::Delivery,
    pipeline::{
        approve::{self, NotTaken},
        call,
        receive::{Answer, COME_BACK_AFTER, Side, receive},
    },
    store::trail::Door,
};

pub async fn shop(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    hook(&state, Side::Shop, &request, payload).await
}

pub async fn sms(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    hook(&state, Side::Gateway, &request, payload).await
}

/// What Twilio tells of a call, answered with what to do with it.
pub async fn call(state: Data<State>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let body = match body::read(&request, &mut payload, &state.limits).await {
        Ok(body) => body,
        Err(unread) => return not_read(unread, payload),
    };
    let answer = match connection(&request) {
        Some(connection) => call::receive(&state.core, connection, &delivery(&state, &request, body)).await,
        None => Ok(call::Answer::Unknown),
    };
    let (outcome, response) = match answer {
        Ok(call::Answer::Twiml(said)) => ("taken", HttpResponse::Ok().content_type("text/xml").body(said)),
        Ok(call::Answer::Unknown) => ("unknown", plain(StatusCode::NOT_FOUND, NOT_TAKEN)),
        Ok(call::Answer::Refused(_)) => ("refused", plain(StatusCode::FORBIDDEN, NOT_TAKEN)),
        Err(error) => {
            tracing::error!(%error, "a call is turned away");
            ("come_back", plain(StatusCode::SERVICE_UNAVAILABLE, "come back later\n"))
        }
    };
    count(outcome);
    response
}

/// The owner's browser, back from the platform's page with a code: it goes on to the set-up once the code was exchanged.
pub async fn came_back(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let taken = match connection(&request) {
        Some(connection) => approve::take_code(&state.core, connection, &delivery(&state, &request, Vec::new())).await,
        None => Err(NotTaken::Unknown),
    };
    match taken {
        Ok(shop) => {
            gate::of_shop(&request, shop);
            gate::acting(&request, Actor { door: Door::Page, user: None, name: "the shop’s own pages".to_owned() });
            gate::done(&request);
            count("taken");
            let on = format!("/shops/{shop}/set-up?step=shop&shop={shop}");
            HttpResponse::SeeOther().insert_header((header::LOCATION, on)).finish()
        }
        Err(why) => not_taken(why),
    }
}

/// The keys a platform hands over once its owner said yes. WooCommerce and its kin take anything but a 200 for a refusal,
/// and take their keys back.
pub async fn approved(state: Data<State>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let body = match body::read(&request, &mut payload, &state.limits).await {
        Ok(body) => body,
        Err(unread) => return not_read(unread, payload),
    };
    let taken = match connection(&request) {
        Some(connection) => approve::take(&state.core, connection, &body).await,
        None => Err(NotTaken::Unknown),
    };
    match taken {
        Ok(shop) => {
            gate::of_shop(&request, shop);
            gate::acting(&request, Actor { door: Door::Page, user: None, name: "the shop’s own pages".to_owned() });
            gate::done(&request);
            count("taken");
            plain(StatusCode::OK, "taken\n")
        }
        Err(why) => not_taken(why),
    }
}

fn not_taken(why: NotTaken) -> HttpResponse {
    let (outcome, status) = match &why {
        NotTaken::Unknown => ("unknown", StatusCode::NOT_FOUND),
        NotTaken::Unreadable(_) => ("refused", StatusCode::BAD_REQUEST),
        NotTaken::Refused(_) => ("refused", StatusCode::FORBIDDEN),
        NotTaken::Wrong(_) => ("refused", StatusCode::UNPROCESSABLE_ENTITY),
        NotTaken::Store(error) => {
            tracing::warn!(%error, "keys were not taken");
            ("come_back", StatusCode::SERVICE_UNAVAILABLE)
        }
    };
    count(outcome);
    let said = match why {
        NotTaken::Store(_) => "come back later".to_owned(),
        why => why.to_string(),
    };
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(said + "\n")
}

/// Neither an unknown path nor a wrong signature learns which of the two it is by more than its status.
const NOT_TAKEN: &str = "not taken\n";

async fn hook(state: &State, side: Side, request: &HttpRequest, mut payload: Payload) -> HttpResponse {
    let body = match body::read(request, &mut payload, &state.limits).await {
        Ok(body) => body,
        Err(unread) => return not_read(unread, payload),
    };
    let answer = match connection(request) {
        Some(connection) => receive(&state.core, &state.inbox, connection, side, delivery(state, request, body)).await,
        None => Answer::UnknownConnection,
    };
    let (outcome, response) = match answer {
        // Also when there is nothing to say: Kannel asks again after a 204.
        Answer::Taken { content_type, body } => ("taken", HttpResponse::Ok().content_type(content_type).body(body)),
        Answer::UnknownConnection => ("unknown", plain(StatusCode::NOT_FOUND, NOT_TAKEN)),
        Answer::Refused(_) => ("refused", plain(StatusCode::UNAUTHORIZED, NOT_TAKEN)),
        Answer::ComeBack => {
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "come back later\n");
            response.headers_mut().insert(header::RETRY_AFTER, COME_BACK_AFTER.as_secs().into());
            ("come_back", response)
        }
    };
    count(outcome);
    response
}

/// Longer than any opaque id we make.
const CONNECTION_CHARS_MAX: usize = 64;

/// The id in the path, when it can be one of ours at all.
fn connection(request: &HttpRequest) -> Option<&str> {
    request.match_info().get("connection").filter(|id| {
        id.len() <= CONNECTION_CHARS_MAX
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

fn delivery(state: &State, request: &HttpRequest, body: Vec<u8>) -> Delivery {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let headers = request.headers().iter().filter_map(|(name, value)| {
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    Delivery {
        method: request.method().as_str().to_owned(),
        url: format!("{}{path}", state.core.public_url),
        headers: headers.collect(),
        body,
        received_at: state.core.now(),
    }
}

fn not_read(unread: Unread, rest: Payload) -> HttpResponse {
    let (outcome, status, said) = match unread {
        Unread::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "at most 1 MiB\n"),
        Unread::TooSlow => ("too_slow", StatusCode::REQUEST_TIMEOUT, "too slow\n"),
        Unread::Encoded => ("encoded", StatusCode::UNSUPPORTED_MEDIA_TYPE, "send it uncompressed\n"),
        Unread::Broken => ("broken", StatusCode::BAD_REQUEST, "not a whole request\n"),
    };
    count(outcome);
    HttpResponse::build(status).force_close().content_type("text/plain; charset=utf-8").body(LastWords::new(said, rest))
}

fn plain(status: StatusCode, said: &'static str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(said)
}

fn count(outcome: &'static str) {
    metrics::counter!("cartback_webhooks_total", "outcome" => outcome).increment(1);
}

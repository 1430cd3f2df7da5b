//! Problems: why a request has no good answer. A handler only says which; how it reads (a page for a browser, a line for
//! a program, RFC 9457 for the API) is decided here, once, and what went wrong inside stays in the log under the id that
//! is shown.

use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
};
use askama::Template;

use super::view::error::{ErrorPage, Kind};
use crate::{clock, store};

#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is none, or it is another shop's: nobody can tell which.
    #[error("not found")]
    NotFound,
    /// Nobody is signed in.
    #[error("sign in first")]
    SignIn,
    /// A program named no token that opens anything.
    #[error("name a token that opens this: Authorization: Bearer …")]
    Unauthorized,
    /// What was asked for cannot be taken as it stands; each reason is a sentence that quotes nothing.
    #[error("not taken, and nothing was changed")]
    Wrong(Vec<String>),
    /// Asked for by another site, or by somebody who may only look.
    #[error("not allowed")]
    Forbidden,
    /// A token that opens the door, but not to this; what it would need.
    #[error("this needs the scope {0}")]
    Scope(&'static str),
    #[error("only {0}")]
    Method(&'static str),
    /// It was changed since the client read it.
    #[error("it was changed meanwhile: read it again, then change that")]
    Stale,
    /// It cannot be done as things stand; a sentence for people.
    #[error("{0}")]
    Conflict(String),
    /// The request that came first with this key is not done yet.
    #[error("the same request is still running; ask again in a moment")]
    Running,
    /// The process that worked on the request with this key died in the middle.
    #[error("nobody can say whether the request with this key was done: look first, then use another key")]
    Unsure,
    #[error("this Idempotency-Key came before with another request")]
    Reused,
    /// A body that was not read, or not in a form we read.
    #[error("{1}")]
    Unread(StatusCode, &'static str),
    #[error("too many tries, come back in a minute")]
    TooMany,
    /// A token's share of requests is used up; in how many seconds there is a new one.
    #[error("too many requests, come back in {0} s")]
    TooOften(u64),
    #[error("busy, come back in {RETRY_SECONDS} s")]
    Busy,
    /// A mistake of ours or a damaged database.
    #[error("broken")]
    Broken(String),
}

const RETRY_SECONDS: u64 = 30;
const MINUTE_SECONDS: u64 = 60;

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Problem {
        if error.is_outage() {
            tracing::warn!(%error, "a page waits for the database");
            Problem::Busy
        } else {
            Problem::Broken(error.to_string())
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Problem {
        Problem::Broken(error.to_string())
    }
}

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    Page,
    /// `application/problem+json`: what the API answers, whatever a client says that it reads.
    Api,
    Json,
    Text,
}

impl Wants {
    pub fn of(headers: &HeaderMap) -> Wants {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.contains("text/html") {
            Wants::Page
        } else if accept.contains("json") {
            Wants::Json
        } else {
            Wants::Text
        }
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Problem::NotFound => StatusCode::NOT_FOUND,
            Problem::SignIn => StatusCode::SEE_OTHER,
            Problem::Unauthorized => StatusCode::UNAUTHORIZED,
            Problem::Wrong(_) => StatusCode::BAD_REQUEST,
            Problem::Forbidden | Problem::Scope(_) => StatusCode::FORBIDDEN,
            Problem::Stale => StatusCode::PRECONDITION_FAILED,
            Problem::Conflict(_) | Problem::Running | Problem::Unsure => StatusCode::CONFLICT,
            Problem::Reused => StatusCode::UNPROCESSABLE_ENTITY,
            Problem::Unread(status, _) => *status,
            Problem::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Problem::TooMany | Problem::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Problem::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Problem::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn page(&self, id: &str) -> Option<ErrorPage> {
        let kind = match self {
            Problem::NotFound => Kind::NotFound,
            Problem::Forbidden => Kind::Forbidden,
            Problem::Wrong(reasons) => Kind::Wrong { reasons: reasons.clone() },
            Problem::TooMany => Kind::TooMany,
            Problem::Busy => Kind::Busy { retry_seconds: RETRY_SECONDS },
            Problem::Broken(_) => Kind::Broken { id: id.to_owned() },
            _ => return None,
        };
        Some(ErrorPage { kind })
    }

    /// The answer, in the form the client reads. Logs what is broken, once.
    pub fn answer(&self, wants: Wants) -> HttpResponse {
        let mut id = String::new();
        if let Problem::Broken(why) = self {
            id = data_encoding::HEXLOWER.encode(&clock::random::<6>());
            tracing::error!(id, why, "a request failed");
        }
        let mut answer = HttpResponse::build(self.status());
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        match self {
            Problem::SignIn => answer.insert_header((header::LOCATION, "/sign-in")),
            Problem::Unauthorized => answer.insert_header((header::WWW_AUTHENTICATE, "Bearer")),
            Problem::Method(allowed) => answer.insert_header((header::ALLOW, *allowed)),
            Problem::Busy => answer.insert_header((header::RETRY_AFTER, RETRY_SECONDS)),
            Problem::TooMany => answer.insert_header((header::RETRY_AFTER, MINUTE_SECONDS)),
            Problem::TooOften(seconds) => answer.insert_header((header::RETRY_AFTER, *seconds)),
            Problem::Running => answer.insert_header((header::RETRY_AFTER, 1)),
            _ => &mut answer,
        };
        if wants == Wants::Api {
            return answer.content_type("application/problem+json").body(self.described(&id).to_string());
        }
        let reasons = match self {
            Problem::Wrong(reasons) if wants != Wants::Json => format!(": {}", reasons.join("; ")),
            _ => String::new(),
        };
        let said = if id.is_empty() { format!("{self}{reasons}") } else { format!("{self}, see {id} in the log") };
        let page = self.page(&id).filter(|_| wants == Wants::Page).and_then(|page| page.render().ok());
        match (page, wants) {
            (Some(page), _) => answer.content_type("text/html; charset=utf-8").body(page),
            (None, Wants::Json) => match self {
                Problem::Wrong(reasons) => answer.json(serde_json::json!({ "error": said, "problems": reasons })),
                _ => answer.json(serde_json::json!({ "error": said })),
            },
            (None, _) => answer.content_type("text/plain; charset=utf-8").body(said + "\n"),
        }
    }
}

/// What the `type` of every problem of the API begins with. Stable: programs may compare it.
pub const KIND: &str = "urn:cartback:problem:";

/// The API's problems: the end of their `type`, their status, their title, and when there is one. The description shows
/// this table.
pub const KINDS: &[(&str, u16, &str, &str)] = &[
    ("invalid", 400, "Not taken as it stands", "Nothing was changed; `errors` says what to mend, field by field."),
    ("unauthorized", 401, "No token that opens anything", "Send `Authorization: Bearer cb_…`."),
    ("scope", 403, "Not with this token", "The token is good, but lacks the scope that `detail` names."),
    ("forbidden", 403, "Not allowed", "This door is closed to you."),
    ("not-found", 404, "Not found", "There is none, or it is another shop's: nobody can tell which."),
    ("method", 405, "Not with this method", "`Allow` lists those that work."),
    ("timeout", 408, "Too slow", "The body did not arrive in time; send it again."),
    ("conflict", 409, "Not as things stand", "`detail` says what is in the way."),
    ("running", 409, "Still running", "The request that came first with this Idempotency-Key is not done; ask again."),
    (
        "unsure",
        409,
        "Outcome unknown",
        "The process that worked on the request with this Idempotency-Key stopped in the middle. Look before you use another key.",
    ),
    ("stale", 412, "Changed meanwhile", "`If-Match` names an older state; read it again, then change that."),
    ("too-large", 413, "Too large", "A body has at most 1 MiB."),
    ("media-type", 415, "Not a form we read", "Send `application/json`, uncompressed."),
    (
        "reused",
        422,
        "Another request with the same key",
        "An Idempotency-Key is for one request, again and again the same.",
    ),
    ("rate", 429, "Too often", "`Retry-After` says in how many seconds to come back."),
    ("broken", 500, "Our mistake", "`detail` names the line in the log."),
    ("busy", 503, "Busy", "`Retry-After` says in how many seconds to come back; nothing was changed."),
];

impl Problem {
    fn kind(&self) -> &'static str {
        match self {
            Problem::NotFound => "not-found",
            Problem::SignIn | Problem::Unauthorized => "unauthorized",
            Problem::Wrong(_) => "invalid",
            Problem::Forbidden => "forbidden",
            Problem::Scope(_) => "scope",
            Problem::Method(_) => "method",
            Problem::Stale => "stale",
            Problem::Conflict(_) => "conflict",
            Problem::Running => "running",
            Problem::Unsure => "unsure",
            Problem::Reused => "reused",
            Problem::Unread(StatusCode::PAYLOAD_TOO_LARGE, _) => "too-large",
            Problem::Unread(StatusCode::REQUEST_TIMEOUT, _) => "timeout",
            Problem::Unread(StatusCode::UNSUPPORTED_MEDIA_TYPE, _) => "media-type",
            Problem::Unread(..) => "invalid",
            Problem::TooMany | Problem::TooOften(_) => "rate",
            Problem::Busy => "busy",
            Problem::Broken(_) => "broken",
        }
    }

    /// As RFC 9457 has it. `id` names the line in the log of what is broken.
    pub fn described(&self, id: &str) -> serde_json::Value {
        let kind = self.kind();
        let title = KINDS.iter().find(|(known, ..)| *known == kind).map_or("", |(_, _, title, _)| *title);
        let detail = if id.is_empty() { self.to_string() } else { format!("a mistake of ours: see {id} in the log") };
        let mut told = serde_json::json!({
            "type": format!("{KIND}{kind}"),
            "title": title,
            "status": self.status().as_u16(),
            "detail": detail,
        });
        if let (Problem::Wrong(reasons), Some(fields)) = (self, told.as_object_mut()) {
            fields.insert("errors".to_owned(), reasons.iter().map(|reason| field_error(reason)).collect());
        }
        told
    }
}

/// `name: what is wrong`, apart; a reason about nothing in particular is a detail alone.
fn field_error(reason: &str) -> serde_json::Value {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-[]".contains(&byte))
    };
    match reason.split_once(": ").filter(|(name, _)| is_name(name)) {
        Some((field, detail)) => serde_json::json!({ "field": field, "detail": detail }),
        None => serde_json::json!({ "detail": reason }),
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    /// Only a stand-in: `shield` answers again, knowing what the client reads.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status())
    }
}

/// A handler that always has a problem.
impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        HttpResponse::from_error(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_kind_with_its_status() {
        let all = [
            Problem::NotFound,
            Problem::Unauthorized,
            Problem::Wrong(vec!["rest_hours: must be 0 to 720".to_owned(), "a sentence: of its own".to_owned()]),
            Problem::Forbidden,
            Problem::Scope("write"),
            Problem::Method("GET"),
            Problem::Stale,
            Problem::Conflict("it was removed".to_owned()),
            Problem::Running,
            Problem::Unsure,
            Problem::Reused,
            Problem::Unread(StatusCode::PAYLOAD_TOO_LARGE, "at most 1 MiB"),
            Problem::Unread(StatusCode::REQUEST_TIMEOUT, "too slow"),
            Problem::Unread(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send it uncompressed"),
            Problem::Unread(StatusCode::BAD_REQUEST, "not a whole request"),
            Problem::TooMany,
            Problem::TooOften(7),
            Problem::Busy,
            Problem::Broken("a secret".to_owned()),
        ];
        for problem in &all {
            let (kind, status) = (problem.kind(), problem.status().as_u16());
            let known = KINDS.iter().find(|(known, ..)| *known == kind);
            assert_eq!(known.map(|(_, status, ..)| *status), Some(status), "{problem:?}");
            assert!(!problem.described("").to_string().contains("secret") || matches!(problem, Problem::Broken(_)));
        }
        assert!(KINDS.iter().all(|(kind, ..)| all.iter().any(|problem| problem.kind() == *kind)));
        let told = all.get(2).map(|problem| problem.described("")["errors"].clone()).unwrap_or_default();
        let expected = serde_json::json!([
            { "field": "rest_hours", "detail": "must be 0 to 720" },
            { "detail": "a sentence: of its own" },
        ]);
        assert_eq!(told, expected);
    }
}

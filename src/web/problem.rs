//! Problems: why a request has no good answer. A handler only says which; how it reads (a page for a browser, a line for
//! a program) is decided here, once, and what went wrong inside stays in the log under the id that is shown.

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
    #[error("only {0}")]
    Method(&'static str),
    #[error("too many tries, come back in a minute")]
    TooMany,
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
            Problem::Forbidden => StatusCode::FORBIDDEN,
            Problem::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Problem::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Problem::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Problem::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn page(&self, id: &str) -> Option<ErrorPage> {
        let kind = match self {
            Problem::NotFound => Kind::NotFound,
            Problem::Busy => Kind::Busy { retry_seconds: RETRY_SECONDS },
            Problem::Broken(_) => Kind::Broken { id: id.to_owned() },
            Problem::SignIn
            | Problem::Unauthorized
            | Problem::Wrong(_)
            | Problem::Forbidden
            | Problem::Method(_)
            | Problem::TooMany => return None,
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
            _ => &mut answer,
        };
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

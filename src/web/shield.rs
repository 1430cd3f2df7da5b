//! The shield before every handler: security headers on every answer, changes only when our own pages ask for them,
//! problems as pages, a panic as an answer, each request counted. It knows nothing of what is behind it.

use std::panic::AssertUnwindSafe;

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use futures_util::FutureExt;

use super::{
    State,
    problem::{Problem, Wants},
    view::words::{self, Language},
};

/// No inline code, nobody else's frame, no form that leads elsewhere.
const POLICY: &str =
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Our own forms must be able to say where they come from; nobody else is told.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
];

pub async fn shield(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A program reads problems as RFC 9457 has them, whatever its library says that it accepts.
    let is_api = request.path().starts_with("/api/");
    // Programs are answered in one language, whoever runs them.
    let mut language = if is_api { Language::English } else { accepted_language(request.headers()) };
    let wants = if is_api { Wants::Api } else { Wants::of(request.headers()) };
    let mut response = match refuse(&request) {
        Some(problem) => request.into_response(HttpResponse::from_error(problem)),
        None => match AssertUnwindSafe(answered_in(language, next.call(request))).catch_unwind().await {
            Ok((called, spoken)) => {
                language = spoken;
                called?.map_into_boxed_body()
            }
            // Where it panicked is in the log already; what it says may quote what was being worked on.
            Err(_) => {
                let problem = Problem::Broken("it panicked".to_owned());
                return Err(Panicked { problem, wants, language }.into());
            }
        },
    };
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    if let Some(answer) = problem.map(|problem| words::written_in(language, || problem.answer(wants))) {
        response = response.into_response(answer);
    }
    put_headers(response.headers_mut());
    count(&response);
    Ok(response)
}

/// An answer, and the language it came to be in: who is signed in may have chosen another.
async fn answered_in<F: Future>(language: Language, answer: F) -> (F::Output, Language) {
    words::read_in(language, async { (answer.await, words::language()) }).await
}

/// What the browser asks for, until somebody is known who chose.
fn accepted_language(headers: &HeaderMap) -> Language {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::accepted(header.unwrap_or_default())
}

fn put_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

fn count(response: &ServiceResponse<BoxBody>) {
    let route = response.request().match_pattern().filter(|pattern| !pattern.is_empty());
    let route = route.unwrap_or_else(|| "other".to_owned());
    let status = response.status().as_str().to_owned();
    metrics::counter!("cartback_http_requests_total", "route" => route, "status" => status).increment(1);
}

fn refuse(request: &ServiceRequest) -> Option<Problem> {
    let state = request.app_data::<Data<State>>()?;
    let asked = Asked::of(request.headers());
    // A page elsewhere may point a name of its own at this machine; behind an open door that must not help it.
    if state.open_door && !asked.is_local(&state.core.public_url) {
        return Some(Problem::Forbidden);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Shops, gateways and shoppers prove themselves by a signature or a token of their own; what visitors' pages tell
    // changes nothing but counts.
    let outside =
        ["/hook/", "/o/", "/e/", "/digest/stop/", "/api/"].iter().any(|path| request.path().starts_with(path));
    let unnamed = request.path().starts_with("/sign-in/") && asked.is_unnamed();
    (changes && !outside && !unnamed && !asked.is_ours(&state.core.public_url)).then_some(Problem::Forbidden)
}

/// Where a request says that it comes from.
#[derive(Debug, Default)]
struct Asked<'r> {
    host: Option<&'r str>,
    origin: Option<&'r str>,
    site: Option<&'r str>,
}

impl<'r> Asked<'r> {
    fn of(headers: &'r HeaderMap) -> Asked<'r> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        Asked {
            host: text(header::HOST),
            origin: text(header::ORIGIN),
            site: text(HeaderName::from_static("sec-fetch-site")),
        }
    }

    /// Whether a page of ours asks. A browser says so in `Sec-Fetch-Site`, which no page can forge; one too old for
    /// that names itself in `Origin`. Who says neither is not believed.
    fn is_ours(&self, public_url: &str) -> bool {
        match (self.site, self.origin) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => {
                origin == public_url || self.host.is_some_and(|host| authority(origin) == Some(host))
            }
            (None, None) => false,
        }
    }

    /// Whether nothing says where it comes from. Signing in by a link is then believed for the link's sake: its page
    /// keeps it out of referrers, and on plain HTTP a browser then names no origin either.
    fn is_unnamed(&self) -> bool {
        self.site.is_none() && matches!(self.origin, None | Some("null"))
    }

    fn is_local(&self, public_url: &str) -> bool {
        self.host.is_some_and(|host| {
            let name = host
                .rsplit_once(':')
                .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
            matches!(name, "localhost" | "127.0.0.1" | "[::1]") || authority(public_url) == Some(host)
        })
    }
}

fn authority(url: &str) -> Option<&str> {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))
}

/// A handler panicked: a mistake of ours. The connection's other requests are not its business.
#[derive(Debug)]
struct Panicked {
    problem: Problem,
    wants: Wants,
    language: Language,
}

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl actix_web::ResponseError for Panicked {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut answer = words::written_in(self.language, || self.problem.answer(self.wants));
        put_headers(answer.headers_mut());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_change_things() {
        #[track_caller]
        fn check(site: Option<&str>, origin: Option<&str>, host: &str, expected: bool) {
            let asked = Asked { host: Some(host), origin, site };
            assert_eq!(asked.is_ours("https://sms.example.com"), expected, "{asked:?}");
        }
        check(Some("same-origin"), None, "sms.example.com", true);
        check(Some("same-origin"), Some("null"), "sms.example.com", true);
        check(Some("cross-site"), Some("https://sms.example.com"), "sms.example.com", false);
        check(Some("same-site"), None, "sms.example.com", false);
        check(None, Some("https://sms.example.com"), "sms.example.com", true);
        check(None, Some("http://10.0.0.7:8080"), "10.0.0.7:8080", true);
        check(None, Some("https://evil.example"), "sms.example.com", false);
        check(None, Some("https://sms.example.com.evil.example"), "sms.example.com", false);
        check(None, Some("null"), "sms.example.com", false);
        check(None, None, "sms.example.com", false);
    }

    #[test]
    fn an_open_door_is_open_to_this_machine_only() {
        #[track_caller]
        fn check(host: &str, expected: bool) {
            let asked = Asked { host: Some(host), ..Asked::default() };
            assert_eq!(asked.is_local("http://box.example:8080"), expected, "{host}");
        }
        check("127.0.0.1:8080", true);
        check("localhost", true);
        check("localhost:9", true);
        check("[::1]:8080", true);
        check("[::1]", true);
        check("box.example:8080", true);
        check("evil.example:8080", false);
        check("localhost.evil.example", false);
        check("127.0.0.1.evil.example:8080", false);
    }
}

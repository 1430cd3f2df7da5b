//! Links in texts: the tap that leads back to the cart, and the opt-out. A GET changes nothing but the click log, since
//! previews and scanners open links; nothing personal is shown; what a link leads to is never cached, indexed or passed
//! on in a referrer.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method as HttpMethod, StatusCode, header},
    web::Data,
};
use askama::Template;

use super::{
    State,
    problem::Problem,
    stranger,
    view::public::{LinkGone, OptOut, OptOutState},
};
use crate::{
    domain::click::{self, Method, Opened},
    pipeline::follow::{self, Way},
};

pub async fn follow(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    greet(&state, &request)?;
    Ok(match state.taps.follow(token(&request), opened(&state, &request)).await? {
        Way::Checkout(url) => private(StatusCode::SEE_OTHER).insert_header((header::LOCATION, url)).finish(),
        Way::Home { shop, url } => private(StatusCode::GONE).body(LinkGone { shop, home_url: url }.render()?),
        Way::Nowhere => {
            note(&state, &request);
            private(StatusCode::NOT_FOUND).body(LinkGone { shop: String::new(), home_url: String::new() }.render()?)
        }
    })
}

pub async fn ask_opt_out(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    greet(&state, &request)?;
    let shop = follow::opt_out_page(&state.core, token(&request)).await?;
    opt_out_page(&state, &request, shop, OptOutState::Ask)
}

pub async fn opt_out(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    greet(&state, &request)?;
    let shop = follow::opt_out(&state.core, token(&request)).await?;
    opt_out_page(&state, &request, shop, OptOutState::Done)
}

fn opt_out_page(
    state: &State,
    request: &HttpRequest,
    shop: Option<String>,
    found: OptOutState,
) -> Result<HttpResponse, Problem> {
    let (status, found) = match shop {
        Some(_) => (StatusCode::OK, found),
        None => {
            note(state, request);
            (StatusCode::NOT_FOUND, OptOutState::Unknown)
        }
    };
    let token = if found == OptOutState::Ask { token(request).to_owned() } else { String::new() };
    let page = OptOut { shop: shop.unwrap_or_default(), home_url: String::new(), token, state: found };
    Ok(private(status).body(page.render()?))
}

/// Phones take the full stop or bracket after a link for a part of it.
fn token(request: &HttpRequest) -> &str {
    let token = request.match_info().get("token").unwrap_or_default();
    token.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
}

fn opened(state: &State, request: &HttpRequest) -> Opened {
    let agent = request.headers().get(header::USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let prefetch = request
        .headers()
        .iter()
        .any(|(name, value)| value.to_str().is_ok_and(|value| click::announces_prefetch(name.as_str(), value)));
    Opened {
        method: if *request.method() == HttpMethod::HEAD { Method::Head } else { Method::Get },
        agent: agent.map(|agent| agent.into_owned()),
        prefetch,
        at: state.core.now(),
    }
}

fn private(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("x-robots-tag", "noindex"));
    answer
}

fn greet(state: &State, request: &HttpRequest) -> Result<(), Problem> {
    let tired = state.strangers.is_tired(stranger::who(request), state.core.now());
    if tired { Err(Problem::TooMany) } else { Ok(()) }
}

fn note(state: &State, request: &HttpRequest) {
    state.strangers.note(stranger::who(request), state.core.now());
}

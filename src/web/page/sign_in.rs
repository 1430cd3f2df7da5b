//! Signing in and out. Opening a link changes nothing, since mail programs and chats open links; its button uses it up.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use askama::Template;

use crate::{
    domain::time::DAY,
    store,
    web::{
        State,
        problem::Problem,
        session, stranger,
        view::sign_in::{SignIn, State as Link},
    },
};

/// How long a link works.
pub const LINK_WITHIN: Duration = DAY;

pub async fn ask() -> Result<HttpResponse, Problem> {
    answer(Link::Ask)
}

pub async fn get(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let link = look(&state, &request).await?;
    answer(link)
}

pub async fn post(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let link = look(&state, &request).await?;
    let Link::Ready { token } = &link else { return answer(link) };
    match session::begin(&state, token).await? {
        Some(cookie) => Ok(HttpResponse::SeeOther()
            .insert_header((header::LOCATION, "/"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .cookie(cookie)
            .finish()),
        // Another browser pressed the button in between.
        None => answer(Link::Used),
    }
}

pub async fn out(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let cookie = session::end(&state, &request).await?;
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/sign-in"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Also what this browser keeps of the pages it saw.
        .insert_header(("clear-site-data", "\"cache\""))
        .cookie(cookie)
        .finish())
}

/// What a link is worth now. Strangers who try many are turned away.
async fn look(state: &State, request: &HttpRequest) -> Result<Link, Problem> {
    let (who, now) = (stranger::who(request), state.core.now());
    if state.strangers.is_tired(who, now) {
        return Err(Problem::TooMany);
    }
    let token = request.match_info().get("token").unwrap_or_default();
    let mut read = state.core.db.read().await?;
    Ok(match store::user::link(&mut read, &session::hash(token)).await? {
        Some((_, true)) => Link::Used,
        Some((until, false)) if until <= now => Link::Expired,
        Some((_, false)) => Link::Ready { token: token.to_owned() },
        None => {
            state.strangers.note(who, now);
            Link::Unknown
        }
    })
}

fn answer(link: Link) -> Result<HttpResponse, Problem> {
    let mut answer = match link {
        Link::Ask | Link::Ready { .. } => HttpResponse::Ok(),
        Link::Expired | Link::Used => HttpResponse::Gone(),
        Link::Unknown => HttpResponse::NotFound(),
    };
    let page =
        SignIn { state: link, link_command: "cartback user link".to_owned(), minutes: LINK_WITHIN.as_secs() / 60 };
    Ok(answer
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page.render()?))
}

//! Signing in and out: by e-mail and password, or by a link that works once. Opening a link changes nothing, since mail
//! programs and chats open links; its button uses it up. Whatever was wrong with address or password, the answer is the
//! same, and as late.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    cookie::Cookie,
    http::header,
    web::{Data, Form},
};
use askama::Template;
use serde::Deserialize;

use crate::{
    pipeline::team::{self, LINK_WITHIN, Recognised},
    store::{self, trail::Door},
    web::{
        State, attempt,
        gate::{self, Actor},
        problem::Problem,
        session::{self, Visitor},
        stranger,
        view::sign_in::{SignIn, State as Link},
    },
};

/// `/sign-in`: the form, once anybody has a password; before that, how to get a link.
pub async fn ask(state: Data<State>) -> Result<HttpResponse, Problem> {
    let asked = Link::Ask { with_password: has_passwords(&state).await? };
    answer(asked, "")
}

async fn has_passwords(state: &State) -> Result<bool, Problem> {
    Ok(store::team::anybody_has_password(&mut state.core.db.read().await?).await?)
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// Signs in with e-mail and password.
pub async fn enter(state: Data<State>, request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (who, now) = (stranger::who(&request), state.core.now());
    if state.strangers.is_tired(who, now) {
        return Err(Problem::TooMany);
    }
    if state.attempts.is_shut(&typed.email, now) {
        return answer(Link::Shut { minutes: attempt::WITHIN.as_secs() / 60 }, &typed.email);
    }
    state.attempts.note(&typed.email, now);
    let user = match team::recognise(&state.core, &typed.email, &typed.password).await? {
        Recognised::Yes(user) => user,
        Recognised::No(user) => {
            state.strangers.note(who, now);
            // Tries at an account that is there are its owner's to know about; others are nobody's.
            if let Some(user) = user {
                let name = team::member(&state.core, user).await?.map(|member| member.name).unwrap_or_default();
                gate::acting(&request, Actor { door: Door::Page, user: Some(user), name });
                gate::detail(&request, "with a wrong password");
            }
            return answer(Link::Wrong, &typed.email);
        }
    };
    state.attempts.forgive(&typed.email);
    match session::begin(&state, &request, user).await? {
        Some((cookie, visitor)) => Ok(enter_as(&request, cookie, &visitor, "/")),
        // Removed in between.
        None => answer(Link::Wrong, &typed.email),
    }
}

pub async fn get(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let link = look(&state, &request).await?;
    answer(link, "")
}

/// Uses a link up. Whoever comes by one may choose a password next.
pub async fn post(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let link = look(&state, &request).await?;
    let Link::Ready { token } = &link else { return answer(link, "") };
    match session::begin_by_link(&state, &request, token).await? {
        Some((cookie, visitor)) => Ok(enter_as(&request, cookie, &visitor, "/welcome")),
        // Another browser pressed the button in between, or the person is gone.
        None => answer(Link::Used, ""),
    }
}

fn enter_as(request: &HttpRequest, cookie: Cookie<'static>, visitor: &Visitor, path: &'static str) -> HttpResponse {
    gate::acting(request, Actor { door: Door::Page, user: visitor.user, name: visitor.name.clone() });
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, path))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .cookie(cookie)
        .finish()
}

pub async fn out(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    // Known while the session lasts, for the record of it; nobody has to be.
    let _ = session::visitor(&state, &request).await;
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

fn answer(link: Link, email: &str) -> Result<HttpResponse, Problem> {
    let mut answer: HttpResponseBuilder = match link {
        Link::Ask { .. } | Link::Ready { .. } => HttpResponse::Ok(),
        Link::Wrong => HttpResponse::Unauthorized(),
        Link::Shut { .. } => HttpResponse::TooManyRequests(),
        Link::Expired | Link::Used => HttpResponse::Gone(),
        Link::Unknown => HttpResponse::NotFound(),
    };
    let page = SignIn {
        state: link,
        email: email.to_owned(),
        link_command: "cartback user link".to_owned(),
        minutes: LINK_WITHIN.as_secs() / 60,
    };
    Ok(answer
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page.render()?))
}

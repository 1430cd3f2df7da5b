//! Welcome: whoever came by a one-time link chooses what they are called, the address they sign in with, and a password.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Form},
};
use askama::Template;
use serde::Deserialize;

use crate::{
    domain::id::UserId,
    pipeline::team::{self, Chosen, NotDone},
    store::user::TokenHash,
    web::{State, gate, problem::Problem, session, view::welcome::Welcome},
};

/// Who may choose: a session that began by a link. Anybody else changes their password under `/account`.
async fn chooser(state: &State, request: &HttpRequest) -> Result<Option<(UserId, TokenHash)>, Problem> {
    let visitor = session::visitor(state, request).await?;
    Ok(visitor.user.zip(visitor.session).filter(|_| visitor.renews))
}

pub async fn get(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Some((user, _)) = chooser(&state, &request).await? else { return Ok(to("/account")) };
    let member = team::member(&state.core, user).await?.ok_or(Problem::SignIn)?;
    answer(Welcome {
        // A first owner is called so until they choose.
        name: if member.email.is_empty() { String::new() } else { member.name },
        email: member.email,
        is_new: !member.has_password,
        problems: Vec::new(),
    })
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

pub async fn post(state: Data<State>, request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let Some((user, session)) = chooser(&state, &request).await? else { return Ok(to("/account")) };
    let typed = typed.into_inner();
    let chosen = Chosen { name: typed.name, email: typed.email, password: typed.password };
    match team::set_up(&state.core, user, &chosen, &session).await {
        Ok(()) => Ok(to("/?done=welcome")),
        Err(NotDone::Wrong(problems)) => {
            gate::refused(&request);
            let is_new = team::member(&state.core, user).await?.is_some_and(|member| !member.has_password);
            answer(Welcome { name: chosen.name, email: chosen.email, is_new, problems })
        }
        Err(NotDone::Store(error)) => Err(error.into()),
        Err(NotDone::Nobody | NotDone::LastOwner) => Err(Problem::SignIn),
    }
}

fn to(path: &'static str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, path))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

fn answer(page: Welcome) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page.render()?))
}

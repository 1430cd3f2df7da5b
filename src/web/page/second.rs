//! A second proof of one's own: setting it up, its recovery codes, switching it off. Recovery codes are shown once, in the
//! answer that made them.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Form};
use serde::Deserialize;

use super::{Visit, account, back, show};
use crate::{
    domain::{id::UserId, second::Secret},
    pipeline::{
        second,
        team::{self, NotDone},
    },
    store::user::TokenHash,
    web::{
        gate,
        problem::Problem,
        session,
        view::{
            account::Account,
            second::{Codes, SetUp},
        },
    },
};

/// Begins with a fresh secret, also in place of one that was begun before.
pub async fn begin(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, user, _) = account::begin(&request).await?;
    second::begin(visit.core(), user).await?;
    Ok(to("/account/second"))
}

fn to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, path))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, user, _) = account::begin(&request).await?;
    match second::begun(visit.core(), user).await? {
        Some(secret) => show(&set_up(&visit, user, &secret, Vec::new()).await?),
        None => Ok(to("/account")),
    }
}

async fn set_up(visit: &Visit, user: UserId, secret: &Secret, problems: Vec<String>) -> Result<SetUp, Problem> {
    let member = team::member(visit.core(), user).await?.ok_or(Problem::SignIn)?;
    let house = visit.core().public_url.split_once("://").map_or("", |(_, host)| host);
    let who = if member.email.is_empty() { member.name } else { member.email };
    Ok(SetUp { secret: secret.text(), uri: secret.uri(house, &who), problems, page: visit.page.clone() })
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    code: String,
    #[serde(default)]
    password: String,
}

/// Counts a try that is not over yet; `true` when this one must wait.
fn waits(visit: &Visit, session: &TokenHash) -> bool {
    visit.state.attempts.begin(&session::counted(session), visit.page.now).is_err()
}

fn was_right(visit: &Visit, session: &TokenHash) {
    visit.state.attempts.right(&session::counted(session));
}

/// The first code: from now on it counts.
pub async fn confirm(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (visit, user, session) = account::begin(&request).await?;
    let Some(secret) = second::begun(visit.core(), user).await? else { return Ok(to("/account")) };
    if waits(&visit, &session) {
        return Err(Problem::TooMany);
    }
    match second::confirm(visit.core(), user, &typed.code, &session).await {
        Ok(codes) => {
            was_right(&visit, &session);
            gate::done(&request);
            show(&Codes { codes, is_new: true, page: visit.page.clone() })
        }
        Err(NotDone::Wrong(problems)) => show(&set_up(&visit, user, &secret, problems).await?),
        Err(NotDone::Store(error)) => Err(error.into()),
        Err(other) => Err(Problem::Wrong(vec![other.to_string()])),
    }
}

pub async fn codes(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, user, _) = account::begin(&request).await?;
    let codes = second::renew_codes(visit.core(), user).await?.ok_or(Problem::NotFound)?;
    gate::done(&request);
    show(&Codes { codes, is_new: false, page: visit.page.clone() })
}

pub async fn off(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (visit, user, session) = account::begin(&request).await?;
    if waits(&visit, &session) {
        return Err(Problem::TooMany);
    }
    match second::end(visit.core(), user, &typed.password, &typed.code).await {
        Ok(()) => {
            was_right(&visit, &session);
            Ok(back("/account", &request, "second_off"))
        }
        Err(NotDone::Store(error)) => Err(error.into()),
        Err(other) => show(&Account { second_problems: account::told(other), ..account::account(&visit).await? }),
    }
}

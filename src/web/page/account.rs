//! Your account: name, language, password, second proof, sessions. Each of them the visitor's own; no id of anybody else is taken.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::{Visit, back, show, team as team_page};
use crate::{
    domain::id::UserId,
    pipeline::team::{self, NotDone},
    store::{self, user::Session, user::TokenHash},
    transact,
    web::{
        problem::Problem,
        session,
        view::{
            Section,
            account::{Account, Second, SessionRow, You},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Account).await?;
    show(&account(&visit).await?)
}

/// How many bytes of a session's hash name it: enough to tell one's own apart.
const NAME_BYTES: usize = 8;

fn name(hash: &TokenHash) -> String {
    HEXLOWER.encode(&hash[..NAME_BYTES])
}

async fn sessions(visit: &Visit, user: UserId) -> Result<Vec<Session>, Problem> {
    let now = visit.page.now;
    Ok(store::user::sessions(&mut visit.read().await?, user, now, now - session::IDLE_MAX).await?)
}

pub(super) async fn account(visit: &Visit) -> Result<Account, Problem> {
    let mut page = Account {
        page: visit.page.clone(),
        you: None,
        sessions: Vec::new(),
        problems: Vec::new(),
        password_problems: Vec::new(),
        second: Second::default(),
        second_problems: Vec::new(),
    };
    if let Some(user) = visit.visitor.user {
        let member = team::member(visit.core(), user).await?.ok_or(Problem::SignIn)?;
        page.you = Some(You {
            name: member.name,
            email: member.email,
            role: member.role,
            reach: team_page::reach(visit, &member.reach),
            language: member.language,
            renews: visit.visitor.renews,
            has_password: visit.visitor.has_password,
        });
        page.second = second(visit, user).await?;
        page.sessions = sessions(visit, user).await?.into_iter().map(|session| row(visit, session)).collect();
    }
    Ok(page)
}

async fn second(visit: &Visit, user: UserId) -> Result<Second, Problem> {
    let mut read = visit.read().await?;
    Ok(Second {
        since: store::second::since(&mut read, user).await?,
        codes_left: store::second::codes_left(&mut read, user).await?,
        is_owed: visit.visitor.owes_second,
    })
}

fn row(visit: &Visit, session: Session) -> SessionRow {
    SessionRow {
        id: name(&session.hash),
        browser: session.browser,
        address: session.address,
        began_at: session.created_at,
        seen_at: session.seen_at,
        is_this: visit.visitor.session == Some(session.hash),
    }
}

/// Somebody who signed in: behind an open door there is no account to change.
pub(super) async fn begin(request: &HttpRequest) -> Result<(Visit, UserId, TokenHash), Problem> {
    let visit = Visit::begin(request, Section::Account).await?;
    let (user, session) = visit.visitor.user.zip(visit.visitor.session).ok_or(Problem::NotFound)?;
    Ok((visit, user, session))
}

#[derive(Deserialize)]
pub struct Profile {
    #[serde(default)]
    name: String,
    #[serde(default)]
    language: String,
}

pub async fn post(request: HttpRequest, typed: Form<Profile>) -> Result<HttpResponse, Problem> {
    let (visit, user, _) = begin(&request).await?;
    match team::introduce(visit.core(), user, &typed.name, &typed.language).await {
        Ok(()) => Ok(back("/account", &request, "introduced")),
        Err(NotDone::Store(error)) => Err(error.into()),
        Err(other) => show(&Account { problems: told(other), ..account(&visit).await? }),
    }
}

pub(super) fn told(not_done: NotDone) -> Vec<String> {
    match not_done {
        NotDone::Wrong(problems) => problems,
        other => vec![other.to_string()],
    }
}

#[derive(Deserialize)]
pub struct Passwords {
    #[serde(default)]
    old: String,
    #[serde(default)]
    new: String,
}

/// Wrong old passwords count like wrong ones at the door: a session left open is no way to guess one.
pub async fn password(request: HttpRequest, typed: Form<Passwords>) -> Result<HttpResponse, Problem> {
    let (visit, user, session) = begin(&request).await?;
    let (attempts, who, now) = (&visit.state.attempts, session::counted(&session), visit.page.now);
    attempts.begin(&who, now).map_err(|_| Problem::TooMany)?;
    match team::change_password(visit.core(), user, &typed.old, &typed.new, &session).await {
        Ok(()) => {
            attempts.right(&who);
            Ok(back("/account", &request, "password_changed"))
        }
        Err(NotDone::Store(error)) => Err(error.into()),
        Err(other) => show(&Account { password_problems: told(other), ..account(&visit).await? }),
    }
}

#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    session: String,
}

/// One of one's own sessions, or every other one.
pub async fn end_sessions(request: HttpRequest, which: Form<Which>) -> Result<HttpResponse, Problem> {
    let (visit, user, this) = begin(&request).await?;
    if which.session == "others" {
        transact!(visit.core().db, |tx| store::user::end_sessions(tx, user, Some(&this)).await?)?;
    } else {
        let own = sessions(&visit, user).await?;
        let session = own.iter().find(|session| name(&session.hash) == which.session).ok_or(Problem::NotFound)?;
        transact!(visit.core().db, |tx| store::user::end_session(tx, &session.hash).await?)?;
    }
    Ok(back("/account", &request, "sessions_ended"))
}

//! Sessions: who is signed in. A session is a random token in a cookie; we keep its hash only, so that nobody who reads
//! the database can sign in with it. It ends twelve hours after its last use, a week after it began, or at sign-out.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite},
};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::{State, problem::Problem};
use crate::{
    clock,
    domain::{
        id::UserId,
        time::{DAY, HOUR, MINUTE},
    },
    store::{
        self, Error,
        user::{TokenHash, User},
    },
    transact,
};

const IDLE_MAX: Duration = Duration::from_secs(12 * HOUR.as_secs());
const LASTS: Duration = Duration::from_secs(7 * DAY.as_secs());
/// A use is noted at most this often, so that reading pages seldom writes.
const NOTE_EVERY: Duration = MINUTE;

/// Who looks at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// "" behind an open door.
    pub name: String,
    pub may_change: bool,
    /// May stop the whole house.
    pub is_owner: bool,
}

/// The form in which a token of a link or a cookie is kept: SHA-256 of its text.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Browsers refuse a cookie of the first name that came over plain HTTP or for a whole domain.
fn cookie_name(state: &State) -> &'static str {
    if is_secure(state) { "__Host-cartback_session" } else { "cartback_session" }
}

fn is_secure(state: &State) -> bool {
    state.core.public_url.starts_with("https://")
}

/// Who asks. `Problem::SignIn` when nobody is signed in.
pub async fn visitor(state: &State, request: &HttpRequest) -> Result<Visitor, Problem> {
    if state.open_door {
        return Ok(Visitor { name: String::new(), may_change: true, is_owner: true });
    }
    let cookie = request.cookie(cookie_name(state)).ok_or(Problem::SignIn)?;
    let user = user(state, &hash(cookie.value())).await?.ok_or(Problem::SignIn)?;
    Ok(Visitor { may_change: user.role != "analyst", is_owner: user.role == "owner", name: user.name })
}

async fn user(state: &State, hash: &TokenHash) -> Result<Option<User>, Error> {
    let core = &state.core;
    let now = core.now();
    let mut read = core.db.read().await?;
    let found = store::user::of_session(&mut read, hash, now, now - IDLE_MAX).await?;
    drop(read);
    let Some((user, seen_at)) = found else { return Ok(None) };
    if now.since(seen_at) >= NOTE_EVERY {
        let noted: Result<(), Error> = transact!(core.db, |tx| store::user::touch_session(tx, hash, now).await?);
        if let Err(error) = noted {
            tracing::warn!(%error, "the use of a session could not be noted");
        }
    }
    Ok(Some(user))
}

/// Uses a one-time link up and begins a session. `None` when the link is unknown, used or expired.
pub async fn begin(state: &State, link: &str) -> Result<Option<Cookie<'static>>, Error> {
    let core = &state.core;
    let now = core.now();
    let token = BASE64URL_NOPAD.encode(&clock::random::<32>());
    let (link, session) = (hash(link), hash(&token));
    let user: Option<UserId> = transact!(core.db, |tx| {
        let user = store::user::use_link(tx, &link, now).await?;
        if let Some(user) = user {
            store::user::begin_session(tx, &session, user, now, now + LASTS).await?;
        }
        user
    })?;
    Ok(user.map(|_| cookie(state, token, Some(LASTS))))
}

/// Ends the session and answers the cookie that makes the browser forget it.
pub async fn end(state: &State, request: &HttpRequest) -> Result<Cookie<'static>, Error> {
    if let Some(known) = request.cookie(cookie_name(state)) {
        let hash = hash(known.value());
        transact!(state.core.db, |tx| store::user::end_session(tx, &hash).await?)?;
    }
    Ok(cookie(state, String::new(), None))
}

/// Not for scripts, not for other sites' posts. `lasts` is `None` for a cookie that ends at once.
fn cookie(state: &State, token: String, lasts: Option<Duration>) -> Cookie<'static> {
    let seconds = lasts.map_or(0, |lasts| i64::try_from(lasts.as_secs()).unwrap_or(0));
    Cookie::build(cookie_name(state), token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_secure(state))
        .max_age(actix_web::cookie::time::Duration::seconds(seconds))
        .finish()
}

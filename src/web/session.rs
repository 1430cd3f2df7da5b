//! Sessions: who is signed in. A session is a random token in a cookie; we keep its hash only, so that nobody who reads
//! the database can sign in with it. It ends twelve hours after its last use, a week after it began, at sign-out, when
//! its person is removed, and when they choose a new password elsewhere.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest,
    cookie::{Cookie, SameSite},
    http::header,
};

use super::{
    State,
    problem::Problem,
    stranger,
    view::words::{self, Language},
};
use crate::{
    domain::{
        id::UserId,
        member::{Reach, Role},
        time::{DAY, HOUR, MINUTE},
    },
    pipeline::team,
    store::{
        self, Error,
        user::{NewSession, TokenHash, User},
    },
    transact,
};

pub const IDLE_MAX: Duration = Duration::from_secs(12 * HOUR.as_secs());
const LASTS: Duration = Duration::from_secs(7 * DAY.as_secs());
/// A use is noted at most this often, so that reading pages seldom writes.
const NOTE_EVERY: Duration = MINUTE;

/// Who looks at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// `None` behind an open door.
    pub user: Option<UserId>,
    /// Theirs, behind which a session is; `None` behind an open door.
    pub session: Option<TokenHash>,
    /// "" behind an open door, and until one was chosen.
    pub name: String,
    pub role: Role,
    /// Their shops: any other does not exist for them.
    pub reach: Reach,
    /// The language they chose; "" follows the browser.
    pub language: String,
    /// Whether they may choose a password without the old one: they came by a link, or have none.
    pub renews: bool,
    pub may_change: bool,
    /// May stop the whole house.
    pub is_owner: bool,
}

impl Visitor {
    /// Whoever is on this machine, when nobody has to sign in.
    fn at_an_open_door() -> Visitor {
        Visitor {
            user: None,
            session: None,
            name: String::new(),
            role: Role::Owner,
            reach: Reach::Every,
            language: String::new(),
            renews: false,
            may_change: true,
            is_owner: true,
        }
    }

    fn of(user: User, session: TokenHash) -> Visitor {
        Visitor {
            user: Some(user.id),
            session: Some(session),
            name: user.name,
            role: user.role,
            reach: user.reach,
            language: user.language,
            renews: user.renews || !user.has_password,
            may_change: user.role.may_change(),
            is_owner: user.role == Role::Owner,
        }
    }
}

/// The form in which a token of a link or a cookie is kept: SHA-256 of its text.
pub fn hash(token: &str) -> TokenHash {
    team::hash(token)
}

/// Browsers refuse a cookie of the first name that came over plain HTTP or for a whole domain.
fn cookie_name(state: &State) -> &'static str {
    if is_secure(state) { "__Host-cartback_session" } else { "cartback_session" }
}

fn is_secure(state: &State) -> bool {
    state.core.public_url.starts_with("https://")
}

/// Who asks. `Problem::SignIn` when nobody is signed in. Looked up once per request.
pub async fn visitor(state: &State, request: &HttpRequest) -> Result<Visitor, Problem> {
    if let Some(known) = request.extensions().get::<Visitor>() {
        return Ok(known.clone());
    }
    let visitor = if state.open_door {
        Visitor::at_an_open_door()
    } else {
        let cookie = request.cookie(cookie_name(state)).ok_or(Problem::SignIn)?;
        let hash = hash(cookie.value());
        let user = user(state, &hash).await?.ok_or(Problem::SignIn)?;
        Visitor::of(user, hash)
    };
    // What they chose comes before what the browser asks for.
    if let Some(language) = Language::parse(&visitor.language) {
        words::speak(language);
    }
    request.extensions_mut().insert(visitor.clone());
    Ok(visitor)
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

/// Uses a one-time link up and begins a session, which may choose a password. `None` when the link is unknown, used or
/// expired, or its person is gone.
pub async fn begin_by_link(
    state: &State,
    request: &HttpRequest,
    link: &str,
) -> Result<Option<(Cookie<'static>, Visitor)>, Error> {
    let (token, session) = team::token();
    let link = hash(link);
    let (address, browser, now) = (stranger::who(request).to_string(), browser(request), state.core.now());
    let user: Option<UserId> = transact!(state.core.db, |tx| {
        let user = store::user::use_link(tx, &link, now).await?;
        if let Some(user) = user {
            let new = NewSession { user, now, until: now + LASTS, address: &address, browser: &browser, renews: true };
            store::user::begin_session(tx, &session, &new).await?;
        }
        user
    })?;
    match user {
        Some(_) => begun(state, token, session).await,
        None => Ok(None),
    }
}

/// Begins a session of somebody who was recognised by their password.
pub async fn begin(
    state: &State,
    request: &HttpRequest,
    user: UserId,
) -> Result<Option<(Cookie<'static>, Visitor)>, Error> {
    let (token, session) = team::token();
    let (address, browser, now) = (stranger::who(request).to_string(), browser(request), state.core.now());
    transact!(state.core.db, |tx| {
        let new = NewSession { user, now, until: now + LASTS, address: &address, browser: &browser, renews: false };
        store::user::begin_session(tx, &session, &new).await?;
    })?;
    begun(state, token, session).await
}

async fn begun(state: &State, token: String, session: TokenHash) -> Result<Option<(Cookie<'static>, Visitor)>, Error> {
    let user = user(state, &session).await?;
    Ok(user.map(|user| (cookie(state, token, Some(LASTS)), Visitor::of(user, session))))
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

/// What a browser calls itself, in two words a person recognises: "Firefox, Windows". Kept instead of the whole line,
/// which says more of somebody than a list of sessions needs.
fn browser(request: &HttpRequest) -> String {
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named(agent)
}

fn named(agent: &str) -> String {
    // The later names stand in the lines of the earlier ones too.
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ];
    let find =
        |known: &[(&str, &'static str)]| known.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    [find(&BROWSERS), find(&SYSTEMS)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn browsers_are_named_as_people_know_them() {
        #[track_caller]
        fn check(agent: &str, expected: &str) {
            assert_eq!(named(agent), expected);
        }
        check("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Windows");
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        );
        check(
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
            "Chrome, Android",
        );
        check("curl/8.5.0", "");
    }
}

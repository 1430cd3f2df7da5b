//! Sessions: who is signed in. A session is a random token in a cookie; we keep its hash only, so that nobody who reads
//! the database can sign in with it. It ends twelve hours after its last use, a week after it began, at sign-out, when
//! its person is removed or may do something else from now on, and when they choose a new password or set up a second
//! proof elsewhere.
//!
//! Who has a second proof is half signed in by the first: that is no session, has a cookie of its own, and opens nothing
//! but the page that asks for the second.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest,
    cookie::{Cookie, SameSite},
    http::header,
};

use data_encoding::HEXLOWER;

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
        time::{DAY, HOUR, MINUTE, Time},
    },
    pipeline::team,
    store::{
        self, Error,
        second::Half,
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
    pub has_password: bool,
    pub has_second: bool,
    /// They must set up a second proof before anything else: the house wants owners to have one.
    pub owes_second: bool,
    /// When this session last proved who it is.
    pub proved_at: Time,
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
            has_password: false,
            has_second: false,
            owes_second: false,
            proved_at: Time::FIRST,
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
            has_password: user.has_password,
            has_second: user.has_second,
            owes_second: user.owners_need_second && user.role == Role::Owner && !user.has_second,
            proved_at: user.proved_at,
            may_change: user.role.may_change(),
            is_owner: user.role == Role::Owner,
        }
    }
}

/// The form in which a token of a link or a cookie is kept: SHA-256 of its text.
pub fn hash(token: &str) -> TokenHash {
    team::hash(token)
}

const SESSION: &str = "session";
pub const HALF: &str = "half";
/// How long the first proof waits for the second.
const HALF_LASTS: Duration = Duration::from_secs(10 * MINUTE.as_secs());

/// Under which name wrong proofs in a session are counted: whoever took one over keeps nobody waiting in another.
pub fn counted(session: &TokenHash) -> String {
    format!("session {}", HEXLOWER.encode(session))
}

/// Browsers refuse a cookie of the first kind of name that came over plain HTTP or for a whole domain.
fn cookie_name(state: &State, name: &str) -> String {
    if is_secure(state) { format!("__Host-cartback_{name}") } else { format!("cartback_{name}") }
}

/// A cookie of ours, as the browser sent it.
pub fn named_cookie(state: &State, request: &HttpRequest, name: &str) -> Option<Cookie<'static>> {
    request.cookie(&cookie_name(state, name))
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
        let cookie = named_cookie(state, request, SESSION).ok_or(Problem::SignIn)?;
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

/// How far a first proof led.
pub enum Entry {
    In(Box<(Cookie<'static>, Visitor)>),
    /// The second proof is owed.
    Half(Cookie<'static>),
    /// The link is unknown, used or expired, or the person is gone.
    No,
}

/// Uses a one-time link up and begins a session, which may choose a password. A link stands in for the password only:
/// who has a second proof owes it.
pub async fn begin_by_link(state: &State, request: &HttpRequest, link: &str) -> Result<Entry, Error> {
    let link = hash(link);
    let now = state.core.now();
    let user = transact!(state.core.db, |tx| store::user::use_link(tx, &link, now).await?)?;
    match user {
        Some(user) => begin(state, request, Half { user, renews: true }).await,
        None => Ok(Entry::No),
    }
}

/// After the first proof: a session, or the page that asks for the second.
pub async fn begin(state: &State, request: &HttpRequest, first: Half) -> Result<Entry, Error> {
    if store::second::is_on(&mut state.core.db.read().await?, first.user).await? {
        return begin_half(state, first).await.map(Entry::Half);
    }
    begin_whole(state, request, first).await
}

/// After every proof that is owed. The browser's session before it, if there was one, ends.
pub async fn begin_whole(state: &State, request: &HttpRequest, proved: Half) -> Result<Entry, Error> {
    let (token, session) = team::token();
    let (address, browser, now) = (stranger::who(request).to_string(), browser(request), state.core.now());
    let Half { user, renews } = proved;
    end_sent(state, request).await?;
    transact!(state.core.db, |tx| {
        let new = NewSession { user, now, until: now + LASTS, address: &address, browser: &browser, renews };
        store::user::begin_session(tx, &session, &new).await?;
    })?;
    let found = self::user(state, &session).await?;
    Ok(found.map_or(Entry::No, |user| {
        Entry::In(Box::new((baked(state, SESSION, token, Some(LASTS)), Visitor::of(user, session))))
    }))
}

/// Ends the session and answers the cookie that makes the browser forget it.
pub async fn end(state: &State, request: &HttpRequest) -> Result<Cookie<'static>, Error> {
    end_sent(state, request).await?;
    Ok(baked(state, SESSION, String::new(), None))
}

/// Ends the session whose cookie was sent, if it was one.
async fn end_sent(state: &State, request: &HttpRequest) -> Result<(), Error> {
    if let Some(known) = named_cookie(state, request, SESSION) {
        let hash = hash(known.value());
        transact!(state.core.db, |tx| store::user::end_session(tx, &hash).await?)?;
    }
    Ok(())
}

/// Who is half signed in, and the hash of what says so.
pub async fn half(state: &State, request: &HttpRequest) -> Result<Option<(Half, TokenHash)>, Error> {
    let Some(cookie) = named_cookie(state, request, HALF) else { return Ok(None) };
    let hash = hash(cookie.value());
    let found = store::second::half(&mut state.core.db.read().await?, &hash, state.core.now()).await?;
    Ok(found.map(|half| (half, hash)))
}

/// Notes that the first proof was right and the second is owed.
async fn begin_half(state: &State, half: Half) -> Result<Cookie<'static>, Error> {
    let (token, hash) = team::token();
    let now = state.core.now();
    transact!(state.core.db, |tx| store::second::begin_half(tx, &hash, half, now, now + HALF_LASTS).await?)?;
    Ok(baked(state, HALF, token, Some(HALF_LASTS)))
}

/// What makes the browser forget that somebody is half signed in.
pub fn forget_half(state: &State) -> Cookie<'static> {
    baked(state, HALF, String::new(), None)
}

/// Not for scripts, not for other sites' posts. `lasts` is `None` for a cookie that ends at once.
pub fn baked(state: &State, name: &str, token: String, lasts: Option<Duration>) -> Cookie<'static> {
    let seconds = lasts.map_or(0, |lasts| i64::try_from(lasts.as_secs()).unwrap_or(0));
    Cookie::build(cookie_name(state, name), token)
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

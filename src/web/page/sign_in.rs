//! Signing in and out: by e-mail and password, or by a link that works once. Opening a link changes nothing, since mail
//! programs and chats open links; its button uses it up. Whatever was wrong with address or password, the answer is the
//! same, and as late. Who has a second proof is asked for it after the first, whichever that was.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    cookie::Cookie,
    http::header,
    web::{Data, Form},
};
use askama::Template;
use serde::Deserialize;

use crate::{
    pipeline::{
        second,
        team::{self, LINK_WITHIN, Recognised},
    },
    store::{self, second::Half, trail::Door},
    transact,
    web::{
        State,
        gate::{self, Actor},
        known,
        problem::Problem,
        session::{self, Entry, Visitor},
        stranger,
        view::sign_in::{Asked, SignIn, SignInSecond, State as Link},
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
    /// Of a second proof: asked for beside the password only while the account waits.
    #[serde(default)]
    code: String,
}

/// Signs in with e-mail and password; who has a second proof is asked for it next.
pub async fn enter(state: Data<State>, request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let now = state.core.now();
    let known = known_here(&state, &request, &typed.email).await?;
    // Whoever guesses from the same address keeps nobody out of a browser they were signed in with.
    let who = known.clone().unwrap_or_else(|| stranger::who(&request).to_string());
    let account = known.unwrap_or_else(|| typed.email.clone());
    state.knocks.begin(&who, now).map_err(|_| Problem::TooMany)?;
    let mut proved = false;
    if let Err(wait) = state.attempts.begin(&account, now) {
        // Guessing at somebody's password keeps nobody out who has a second proof. What is typed without one, or with a
        // code that is not right, is not looked at.
        proved = !typed.code.is_empty() && second_first(&state, &typed).await?;
        if !proved {
            return answer(Link::Shut { wait }, &typed.email);
        }
    }
    let user = match team::recognise(&state.core, &typed.email, &typed.password).await? {
        Recognised::Yes(user) => user,
        Recognised::No(user) => {
            // Tries at an account that is there are its owner's to know about; others are nobody's.
            if let Some(user) = user {
                let name = team::member(&state.core, user).await?.map(|member| member.name).unwrap_or_default();
                gate::acting(&request, Actor { door: Door::Page, user: Some(user), name });
                gate::detail(&request, "with a wrong password");
            }
            return answer(Link::Wrong, &typed.email);
        }
    };
    state.knocks.take_back(&who);
    state.attempts.take_back(&account);
    let first = Half { user, renews: false };
    let entry = match proved {
        true => session::begin_whole(&state, &request, first).await?,
        false => session::begin(&state, &request, first).await?,
    };
    match entry {
        Entry::In(entered) => {
            // Whoever guesses goes on waiting; this browser has a count of its own from now on.
            if !proved {
                state.attempts.right(&account);
            }
            enter_as(&state, &request, *entered, "/").await
        }
        Entry::Half(cookie) => Ok(to_second(&request, cookie)),
        // Removed in between.
        Entry::No => answer(Link::Wrong, &typed.email),
    }
}

/// Under which name attempts are counted in a browser that was signed in to this account before.
async fn known_here(state: &State, request: &HttpRequest, email: &str) -> Result<Option<String>, Problem> {
    if !known::is_claimed(state, request) {
        return Ok(None);
    }
    match team::by_email(&state.core, email).await? {
        Some(user) => Ok(known::name(state, request, user).await?),
        None => Ok(None),
    }
}

/// Whether the code is right, before the password is looked at. It is used up either way: one code, one password.
async fn second_first(state: &State, typed: &Typed) -> Result<bool, Problem> {
    match team::by_email(&state.core, &typed.email).await? {
        Some(user) => Ok(second::prove(&state.core, user, &typed.code).await?),
        None => Ok(false),
    }
}

fn to_second(request: &HttpRequest, cookie: Cookie<'static>) -> HttpResponse {
    // Half of it is nothing yet: the trail tells of the whole.
    gate::nothing(request);
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, SECOND))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .cookie(cookie)
        .finish()
}

const SECOND: &str = "/sign-in/second";

/// `/sign-in/second`: for whoever is half signed in.
pub async fn ask_second(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    match session::half(&state, &request).await? {
        Some(_) => show_second(Asked::Code),
        None => Err(Problem::SignIn),
    }
}

fn show_second(asked: Asked) -> Result<HttpResponse, Problem> {
    let mut answer = match asked {
        Asked::Code => HttpResponse::Ok(),
        Asked::Again => HttpResponse::Unauthorized(),
        Asked::Wait(_) => HttpResponse::TooManyRequests(),
    };
    Ok(answer
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(SignInSecond { asked }.render()?))
}

#[derive(Deserialize)]
pub struct TypedCode {
    #[serde(default)]
    code: String,
}

/// The second proof, after the first.
pub async fn enter_second(
    state: Data<State>,
    request: HttpRequest,
    typed: Form<TypedCode>,
) -> Result<HttpResponse, Problem> {
    let now = state.core.now();
    let Some((half, hash)) = session::half(&state, &request).await? else { return Err(Problem::SignIn) };
    let known = known::name(&state, &request, half.user).await?;
    let who = known.clone().unwrap_or_else(|| stranger::who(&request).to_string());
    state.knocks.begin(&who, now).map_err(|_| Problem::TooMany)?;
    let account = format!("second {}", known.unwrap_or_else(|| half.user.to_string()));
    if let Err(wait) = state.attempts.begin(&account, now) {
        // A recovery code is long enough to be looked at whoever guesses meanwhile: the way in for whom that keeps out.
        if !matches!(second::Typed::read(&typed.code), Some(second::Typed::Recovery(_))) {
            return show_second(Asked::Wait(wait));
        }
    }
    if !second::prove(&state.core, half.user, &typed.code).await? {
        let name = team::member(&state.core, half.user).await?.map(|member| member.name).unwrap_or_default();
        gate::acting(&request, Actor { door: Door::Page, user: Some(half.user), name });
        gate::detail(&request, "with a wrong second proof");
        return show_second(Asked::Again);
    }
    state.knocks.take_back(&who);
    // Somebody else may have used this half up meanwhile, with another code.
    if !transact!(state.core.db, |tx| store::second::end_half(tx, &hash).await?)? {
        return Err(Problem::SignIn);
    }
    state.attempts.right(&account);
    match session::begin_whole(&state, &request, half).await? {
        Entry::In(entered) => enter_as(&state, &request, *entered, if half.renews { "/welcome" } else { "/" }).await,
        Entry::Half(_) | Entry::No => Err(Problem::SignIn),
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
        Entry::In(entered) => enter_as(&state, &request, *entered, "/welcome").await,
        Entry::Half(cookie) => Ok(to_second(&request, cookie)),
        // Another browser pressed the button in between, or the person is gone.
        Entry::No => answer(Link::Used, ""),
    }
}

async fn enter_as(
    state: &State,
    request: &HttpRequest,
    (cookie, visitor): (Cookie<'static>, Visitor),
    path: &'static str,
) -> Result<HttpResponse, Problem> {
    gate::acting(request, Actor { door: Door::Page, user: visitor.user, name: visitor.name.clone() });
    let mut path = path;
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((header::CACHE_CONTROL, "no-store")).cookie(cookie);
    if session::named_cookie(state, request, session::HALF).is_some() {
        answer.cookie(session::forget_half(state));
    }
    if let Some(user) = visitor.user {
        if let Some(cookie) = known::cookie(state, request, user).await? {
            answer.cookie(cookie);
        }
        if path == "/" && transact!(state.core.db, |tx| store::second::tell_reset(tx, user).await?)? {
            path = "/account?done=second_was_reset";
        }
    }
    Ok(answer.insert_header((header::LOCATION, path)).finish())
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

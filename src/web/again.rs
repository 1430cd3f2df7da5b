//! Again: whether it is still them. What is dangerous (`route::Route::fresh`) asks for the password or the second proof
//! when this session's last proof is older than a quarter of an hour, so that a browser left open, or a stolen cookie, does
//! not reach for keys, people or the team. Tokens of the API have no session and are not asked.
//!
//! What was typed is carried on: the page that asks holds the posted form sealed under the house's keys, for this session,
//! this address and some minutes only, and posts it back to where it was going together with the proof. Nobody can read a
//! secret in that page, and nothing is stored. A page or file that was asked for is asked for again after the proof.
//!
//! Who has nothing to prove with (no password yet, and no second proof) is not asked: whoever sits in that browser can
//! choose the password anyhow.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    dev::{Payload, ServiceRequest},
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::{Bytes, Data},
};
use askama::Template;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::{
    State, gate,
    problem::Problem,
    session::{self, Visitor},
    view::again::{Again, Refusal},
};
use crate::{
    domain::{
        id::{ShopId, UserId},
        seal::{Place, ShopKeys},
        time::{MINUTE, Time},
    },
    pipeline::{second, team},
    store::{self, Error, user::TokenHash},
    transact,
};

/// For how long a proof is good.
pub const WITHIN: Duration = Duration::from_secs(15 * MINUTE.as_secs());
/// For how long a form is carried.
const CARRIED_FOR: Duration = Duration::from_secs(15 * MINUTE.as_secs());

/// Names of the fields of the page that asks; no form of ours has fields of these names.
const CARRIED: &str = "again_carried";
const PASSWORD: &str = "again_password";
const CODE: &str = "again_code";
const FORM: &str = "application/x-www-form-urlencoded";

/// A form on its way, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Form {
    session: TokenHash,
    /// With its query.
    path: String,
    until: i64,
    body: String,
}

fn place(user: UserId) -> Place {
    Place { table: "session", column: "carried", row: user.get() }
}

/// Whether this visitor has to prove again who they are.
pub fn is_stale(visitor: &Visitor, now: Time) -> bool {
    visitor.user.is_some() && (visitor.has_password || visitor.has_second) && now.since(visitor.proved_at) >= WITHIN
}

/// What stands between a request and its handler.
pub enum Gone {
    On(ServiceRequest),
    /// Answered here.
    Answered(HttpRequest, Result<HttpResponse, Problem>),
}

/// Lets a dangerous request on, as it was first posted, or asks.
pub async fn ask(mut request: ServiceRequest, state: &Data<State>, visitor: &Visitor) -> Gone {
    let stale = is_stale(visitor, state.core.now());
    let is_form =
        request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM.as_bytes()));
    if *request.method() != Method::POST || !is_form {
        return match stale {
            false => Gone::On(request),
            true => {
                let answer = to_page(request.request());
                answered(request, answer)
            }
        };
    }
    let body = match request.extract::<Bytes>().await {
        Ok(body) => body,
        Err(_) => {
            return answered(request, Err(Problem::Unread(StatusCode::PAYLOAD_TOO_LARGE, "this form is too large")));
        }
    };
    match carry(&request, state, visitor, stale, &body).await {
        Ok(Carried::On(body)) => {
            if let Ok(length) = HeaderValue::from_str(&body.len().to_string()) {
                request.headers_mut().insert(header::CONTENT_LENGTH, length);
            }
            request.set_payload(Payload::from(Bytes::from(body)));
            Gone::On(request)
        }
        Ok(Carried::Ask(page)) => {
            if page.refusal == Refusal::None {
                gate::nothing(request.request());
            } else {
                gate::refused(request.request());
                gate::detail(request.request(), "without a proof that it was still them");
            }
            answered(request, show(&page))
        }
        Err(problem) => answered(request, Err(problem)),
    }
}

fn answered(request: ServiceRequest, answer: Result<HttpResponse, Problem>) -> Gone {
    Gone::Answered(request.into_parts().0, answer)
}

/// The page that asks, for what was not posted.
fn to_page(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    gate::nothing(request);
    let to = whole_path(request);
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("to", &to).finish();
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("/again?{query}")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

fn whole_path(request: &HttpRequest) -> String {
    match request.query_string() {
        "" => request.path().to_owned(),
        query => format!("{}?{query}", request.path()),
    }
}

pub fn show(page: &Again) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page.render()?))
}

enum Carried {
    /// The form as it was first posted.
    On(Vec<u8>),
    Ask(Again),
}

async fn carry(
    request: &ServiceRequest,
    state: &State,
    visitor: &Visitor,
    stale: bool,
    body: &[u8],
) -> Result<Carried, Problem> {
    let (user, session) = match visitor.user.zip(visitor.session) {
        Some(who) => who,
        None => return Ok(Carried::On(body.to_vec())),
    };
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let sent = field(CARRIED);
    if sent.is_empty() && !stale {
        return Ok(Carried::On(body.to_vec()));
    }
    let house = state.core.vault.keys(&mut state.core.db.read().await?, ShopId::HOUSE).await?;
    let (now, path) = (state.core.now(), whole_path(request.request()));
    if sent.is_empty() {
        let body =
            String::from_utf8(body.to_vec()).map_err(|_| Problem::Wrong(vec!["this form is not text".to_owned()]))?;
        let form = Form { session, path: path.clone(), until: (now + CARRIED_FOR).millis(), body };
        let sealed = house.seal_json(place(user), &form).map_err(|why| Problem::Broken(why.to_string()))?;
        return Ok(Carried::Ask(page(state, visitor, path, BASE64URL_NOPAD.encode(&sealed), Refusal::None).await?));
    }
    let form = opened(&house, user, sent);
    let form = form.filter(|form| form.session == session && form.path == path && form.until > now.millis());
    let Some(form) = form else {
        return Err(Problem::Wrong(vec!["This form is too old. Go back and fill it in again.".to_owned()]));
    };
    if stale && let Some(refusal) = prove(state, visitor, field(PASSWORD), field(CODE)).await? {
        return Ok(Carried::Ask(page(state, visitor, path, sent.to_owned(), refusal).await?));
    }
    Ok(Carried::On(form.body.into_bytes()))
}

fn opened(house: &ShopKeys, user: UserId, sent: &str) -> Option<Form> {
    let sealed = BASE64URL_NOPAD.decode(sent.as_bytes()).ok()?;
    house.open_json(place(user), &sealed).ok()
}

/// `to` is where the page's form leads; `carried` is "" where nothing is.
pub async fn page(
    state: &State,
    visitor: &Visitor,
    to: String,
    carried: String,
    refusal: Refusal,
) -> Result<Again, Error> {
    let member = match visitor.user {
        Some(user) => team::member(&state.core, user).await?,
        None => None,
    };
    Ok(Again {
        to,
        carried,
        email: member.map(|member| member.email).unwrap_or_default(),
        asks_password: visitor.has_password,
        asks_code: visitor.has_second,
        may_choose: visitor.renews,
        refusal,
    })
}

/// Notes a proof with the session; why not, when it was none. Either proof is enough. Wrong ones count like wrong ones at
/// the door: a session left open is no way to guess one.
pub async fn prove(state: &State, visitor: &Visitor, password: &str, code: &str) -> Result<Option<Refusal>, Problem> {
    let (user, session) = visitor.user.zip(visitor.session).ok_or(Problem::NotFound)?;
    let (account, now) = (session::counted(&session), state.core.now());
    if password.is_empty() && code.is_empty() {
        return Ok(Some(Refusal::Wrong));
    }
    if let Err(wait) = state.attempts.begin(&account, now) {
        return Ok(Some(Refusal::Wait(wait)));
    }
    let good = match code.is_empty() {
        true => team::knows_password(&state.core, user, password).await?,
        false => second::prove(&state.core, user, code).await?,
    };
    if !good {
        return Ok(Some(Refusal::Wrong));
    }
    state.attempts.right(&account);
    let noted: Result<(), Error> = transact!(state.core.db, |tx| store::user::prove_session(tx, &session, now).await?);
    noted?;
    Ok(None)
}

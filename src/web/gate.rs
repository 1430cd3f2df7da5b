//! The gate between the shield and every handler: it looks up who asks and holds them to the table of `route`, and when
//! a change was asked for it leaves the trail. A handler can neither forget to ask who is there nor to be recorded; what
//! it may add is a detail (`detail`), of which shop it was (`of_shop`), or that nothing was changed (`nothing`). What is
//! dangerous it lets on only while the visitor's last proof is fresh (`again`), and an owner who owes the house a second
//! proof nowhere but to where one is set up.
//!
//! What is within the asked person's reach is not known here: handlers take their shop from a `Visit`.

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web::Data,
};

use super::{
    State,
    again::{self, Gone},
    problem::Problem,
    route::{self, May, Route},
    session::{self, Visitor},
    stranger,
};
use crate::{
    domain::id::{ShopId, UserId},
    pipeline::trail::{self, Act},
    store::trail::{Door, Outcome},
};

pub async fn gate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // What matches nothing is answered with "not found" to everybody.
    let Some(pattern) = request.match_pattern().filter(|pattern| !pattern.is_empty()) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    // No page is asked for in any other way: the resource says in which. What the API is asked for in, its door judges.
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) && !pattern.starts_with("/api/") {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let route = route::of(request.method(), &pattern);
    let request = match admit(request, &route).await {
        Gone::On(request) => request,
        // Who was turned away though signed in has tried something.
        Gone::Answered(request, answer) => {
            // Not `into_response`, which loses the error the shield answers by.
            let answer = answer.unwrap_or_else(HttpResponse::from_error);
            let response = ServiceResponse::new(request, answer);
            leave_trail(&response, &route, &pattern).await;
            return Ok(response);
        }
    };
    let response = next.call(request).await?.map_into_boxed_body();
    leave_trail(&response, &route, &pattern).await;
    Ok(response)
}

async fn admit(request: ServiceRequest, route: &Route) -> Gone {
    if route.may == May::Anyone {
        return Gone::On(request);
    }
    let (state, visitor) = match visitor(&request).await {
        Ok(known) => known,
        Err(problem) => return Gone::Answered(request.into_parts().0, Err(problem)),
    };
    let may = match route.may {
        May::Anyone | May::SignedIn => true,
        May::Change => visitor.may_change,
        May::House => visitor.is_owner,
    };
    if !may {
        return Gone::Answered(request.into_parts().0, Err(Problem::Forbidden));
    }
    if visitor.owes_second && !OWED.iter().any(|path| route.path.starts_with(path)) {
        nothing(request.request());
        return Gone::Answered(request.into_parts().0, Ok(to_what_is_owed()));
    }
    if route.fresh { again::ask(request, &state, &visitor).await } else { Gone::On(request) }
}

async fn visitor(request: &ServiceRequest) -> Result<(Data<State>, Visitor), Problem> {
    let state = request.app_data::<Data<State>>().ok_or_else(|| Problem::Broken("no state".to_owned()))?;
    let visitor = session::visitor(state, request.request()).await?;
    Ok((state.clone(), visitor))
}

/// Where an owner who owes a second proof may go.
const OWED: [&str; 3] = ["/account", "/again", "/welcome"];

fn to_what_is_owed() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/account?done=second_owed"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// What a handler knows of its act beyond its route. Kept with the request.
#[derive(Clone, Debug, Default)]
struct Note {
    actor: Option<Actor>,
    shop: Option<ShopId>,
    detail: Option<String>,
    shown_at: Option<String>,
    outcome: Option<Outcome>,
    nothing: bool,
}

/// Who acted, when it is nobody with a session.
#[derive(Clone, Debug)]
pub struct Actor {
    pub door: Door,
    pub user: Option<UserId>,
    pub name: String,
}

fn note(request: &HttpRequest, add: impl FnOnce(&mut Note)) {
    let mut kept = request.extensions_mut();
    let mut note = kept.remove::<Note>().unwrap_or_default();
    add(&mut note);
    kept.insert(note);
}

/// Adds what was done exactly, in a few words of ours: no shopper's data, no secret.
pub fn detail(request: &HttpRequest, words: impl Into<String>) {
    note(request, |note| note.detail = Some(words.into()));
}

/// Says where what it was done to is shown, when the route does not know.
pub fn shown_at(request: &HttpRequest, path: String) {
    note(request, |note| note.shown_at = Some(path));
}

/// Says of which shop it was. A `Visit` says it by itself.
pub fn of_shop(request: &HttpRequest, shop: ShopId) {
    note(request, |note| note.shop = Some(shop));
}

/// Says who acted, where there is no session: a token of the API, somebody who signs in.
pub fn acting(request: &HttpRequest, actor: Actor) {
    note(request, |note| note.actor = Some(actor));
}

/// It was done, although the answer leads nowhere else.
pub fn done(request: &HttpRequest) {
    note(request, |note| note.outcome = Some(Outcome::Done));
}

/// It was refused, whatever the answer looks like.
pub fn refused(request: &HttpRequest) {
    note(request, |note| note.outcome = Some(Outcome::Refused));
}

/// Nothing was changed or meant to be: a preview, a count.
pub fn nothing(request: &HttpRequest) {
    note(request, |note| note.nothing = true);
}

async fn leave_trail(response: &ServiceResponse<BoxBody>, route: &Route, pattern: &str) {
    let request = response.request();
    // What is only looked at is recorded where the table has words for it: a sheet that names people.
    if matches!(*request.method(), Method::HEAD | Method::OPTIONS)
        || *request.method() == Method::GET && route.said.is_empty()
    {
        return;
    }
    let (note, visitor) = {
        let kept = request.extensions();
        (kept.get::<Note>().cloned().unwrap_or_default(), kept.get::<Visitor>().cloned())
    };
    // A listed route without words for it changes nothing.
    let is_silent = !route.path.is_empty() && route.said.is_empty();
    let is_demo = pattern.starts_with("/demo");
    let actor = note
        .actor
        .or_else(|| visitor.map(|visitor| Actor { door: Door::Page, user: visitor.user, name: visitor.name }));
    let (Some(actor), false) = (actor, note.nothing || is_silent || is_demo) else { return };
    let Some(state) = request.app_data::<Data<State>>() else { return };
    let outcome = note.outcome.unwrap_or_else(|| outcome(response.status(), route, actor.door));
    trail::record(
        &state.core,
        Act {
            shop: note.shop.filter(|_| matches!(route.may, May::Change | May::Anyone)).unwrap_or(ShopId::HOUSE),
            door: actor.door,
            user: actor.user,
            name: actor.name,
            address: stranger::who(request).to_string(),
            act: format!("{} {pattern}", request.method()),
            object: note.shown_at.unwrap_or_else(|| object(request, route)),
            detail: note.detail.unwrap_or_default(),
            outcome,
        },
    )
    .await;
}

/// A page that changed something leads on; one that comes back says what is wrong.
fn outcome(status: StatusCode, route: &Route, door: Door) -> Outcome {
    let answers = door == Door::Api || route.method.is_empty() || route.method == "GET";
    match status {
        _ if status.is_server_error() => Outcome::Failed,
        _ if status.is_redirection() => Outcome::Done,
        _ if status.is_success() && answers => Outcome::Done,
        _ => Outcome::Refused,
    }
}

fn object(request: &HttpRequest, route: &Route) -> String {
    let mut path = route.shown_at.to_owned();
    for (name, value) in request.match_info().iter() {
        let place = format!("{{{name}}}");
        if path.contains(&place) {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            path = path.replace(&place, &value);
        }
    }
    // Turned away before its names were read.
    if path.contains('{') { String::new() } else { path }
}

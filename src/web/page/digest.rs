//! Your digest of the chosen shop: how often it comes, a proof that it arrives, what became of the last ones. Each of
//! them the visitor's own. A letter's stop link needs nobody to be signed in: it proves itself, a GET shows the button,
//! the POST acts, by a person or by a mail program (RFC 8058).

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Form},
};
use askama::Template;
use serde::Deserialize;

use super::{Visit, back, show};
use crate::{
    domain::{
        digest::Rhythm,
        id::{ShopId, UserId},
    },
    pipeline::{
        digest::{self, NotDone},
        team, zone_of,
    },
    store::{self, digest::Issue},
    web::{
        State, gate,
        problem::Problem,
        stranger,
        view::{
            Section,
            digest::{Digest, IssueRow, OtherRow, Stand, State as IssueState, Stop},
            words,
        },
    },
};

/// Issues a page shows.
const ISSUES: u32 = 12;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Digest).await?;
    show(&page(&visit).await?)
}

async fn page(visit: &Visit) -> Result<Digest, Problem> {
    let stand = match (visit.visitor.user, visit.shop(), &visit.core().post) {
        (None, ..) => Stand::OpenDoor,
        (_, _, None) => Stand::NoServer,
        (_, None, _) => Stand::NoShop,
        _ => Stand::Ready,
    };
    let mut page = Digest {
        page: visit.page.clone(),
        stand,
        email: String::new(),
        typed: ("never".to_owned(), String::new()),
        rhythm: None,
        next_at: None,
        issues: Vec::new(),
        others: Vec::new(),
        problems: Vec::new(),
        proof: None,
    };
    let (Some(reader), Some((shop, _)), Stand::Ready) = (visit.visitor.user, visit.shop(), stand) else {
        return Ok(page);
    };
    let member = team::member(visit.core(), reader).await?.ok_or(Problem::SignIn)?;
    page.email = member.email;
    let mut read = visit.read().await?;
    if let Some(digest) = store::digest::get(&mut read, shop.id, reader).await? {
        page.typed = (digest.rhythm.name().to_owned(), digest.rhythm.typed().to_owned());
        page.next_at = digest.rhythm.next(&zone_of(shop), visit.page.now).map(|next| next.at);
        page.rhythm = Some(digest.rhythm);
    }
    let issues = store::digest::issues(&mut read, shop.id, reader, ISSUES).await?;
    page.issues = issues.into_iter().map(row).collect();
    for other in visit.shops.iter().filter(|other| other.id != shop.id) {
        let digest = store::digest::get(&mut read, other.id, reader).await?;
        let rhythm = digest.map(|digest| digest.rhythm);
        page.others.push(OtherRow { id: other.id.to_string(), name: other.name.clone(), rhythm });
    }
    Ok(page)
}

fn row(issue: Issue) -> IssueRow {
    let state = match () {
        () if issue.sent_at.is_some() => IssueState::Sent,
        () if issue.refused_at.is_some() => IssueState::Refused,
        () if issue.unknown_at.is_some() => IssueState::Unknown,
        () => IssueState::Waiting,
    };
    IssueRow { at: issue.due_at, state, why: issue.why }
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    rhythm: String,
    #[serde(default)]
    schedule: String,
}

/// Somebody who signed in, at a shop of theirs.
fn reader(visit: &Visit) -> Result<(ShopId, UserId), Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    Ok((shop.id, visit.visitor.user.ok_or(Problem::NotFound)?))
}

pub async fn post(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Digest).await?;
    let (shop, reader) = reader(&visit)?;
    gate::detail(&request, if typed.rhythm == "never" { "ended" } else { typed.rhythm.as_str() });
    if typed.rhythm == "never" {
        digest::stop(visit.core(), shop, reader).await?;
        return Ok(back("/digest", &request, "digest_ended"));
    }
    let language = words::language().tag();
    let done = match Rhythm::parse(&typed.rhythm, &typed.schedule) {
        Ok(rhythm) => digest::set(visit.core(), shop, reader, rhythm, language).await.map(|_| ()),
        Err(why) => Err(why.into()),
    };
    match done {
        Ok(()) => Ok(back("/digest", &request, "digest_saved")),
        Err(NotDone::Store(error)) => Err(error.into()),
        Err(why) => show(&Digest {
            problems: vec![words::t(&why.to_string()).to_owned()],
            typed: (typed.rhythm.clone(), typed.schedule.clone()),
            ..page(&visit).await?
        }),
    }
}

/// Sends one at once and shows what the mail server said.
pub async fn send(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Digest).await?;
    let (shop, reader) = reader(&visit)?;
    let (attempts, who, now) = (&visit.state.attempts, format!("digest {reader}"), visit.page.now);
    if attempts.begin(&who, now).is_err() {
        return Err(Problem::TooMany);
    }
    let proof = match digest::send_now(visit.core(), shop, reader, words::language().tag()).await {
        Ok(()) => {
            gate::done(&request);
            String::new()
        }
        Err(NotDone::Store(error)) => return Err(error.into()),
        Err(why) => why.to_string(),
    };
    show(&Digest { proof: Some(proof), ..page(&visit).await? })
}

pub async fn ask_stop(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    greet(&state, &request)?;
    let shop = digest::stop_page(&state.core, token(&request)).await?;
    stop_page(&state, &request, shop, false)
}

pub async fn stop(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    greet(&state, &request)?;
    let shop = digest::stop_by_link(&state.core, token(&request)).await?;
    stop_page(&state, &request, shop, true)
}

fn token(request: &HttpRequest) -> &str {
    request.match_info().get("token").unwrap_or_default()
}

fn greet(state: &State, request: &HttpRequest) -> Result<(), Problem> {
    let tired = state.strangers.is_tired(stranger::who(request), state.core.now());
    if tired { Err(Problem::TooMany) } else { Ok(()) }
}

fn stop_page(state: &State, request: &HttpRequest, shop: Option<String>, done: bool) -> Result<HttpResponse, Problem> {
    let status = if shop.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    if shop.is_none() {
        state.strangers.note(stranger::who(request), state.core.now());
    }
    let page = Stop { shop: shop.unwrap_or_default(), token: token(request).to_owned(), done };
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("x-robots-tag", "noindex"))
        .body(page.render()?))
}

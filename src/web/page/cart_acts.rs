//! What a person does to one cart: sends its next text now, holds, releases or dismisses it. Sending and dismissing are
//! asked about first, on a page that says what they will do and which gate would stop it.

use actix_web::{HttpRequest, HttpResponse, http::header};

use super::{Visit, id, show, story};
use crate::{
    domain::{
        decide::Verdict,
        hand::Act,
        id::{CartId, ShopId},
    },
    pipeline::hand::{self, Done},
    store,
    web::{
        problem::Problem,
        session,
        view::{
            Section,
            hand::{CartAsk, What},
            words::t,
        },
    },
};

pub async fn ask_send_now(request: HttpRequest) -> Result<HttpResponse, Problem> {
    ask(request, What::SendNow).await
}

pub async fn ask_dismiss(request: HttpRequest) -> Result<HttpResponse, Problem> {
    ask(request, What::Dismiss).await
}

async fn ask(request: HttpRequest, what: What) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let visitor = session::visitor(&visit.state, &request).await?;
    if !visitor.may_change {
        return Err(Problem::Forbidden);
    }
    let id: CartId = id(&request)?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let cart = store::cart::get(&mut visit.read().await?, keys, id).await?.ok_or(Problem::NotFound)?;
    let mut page = CartAsk {
        id: id.to_string(),
        who: story::who(shop, &cart),
        what,
        step: 0,
        due_at: None,
        gates: Vec::new(),
        refused: None,
        waits_until: None,
        page: visit.page.clone(),
    };
    match what {
        What::Dismiss if !cart.is_open() => {
            page.refused = Some(t("it is over: nothing more is sent anyway").to_owned())
        }
        What::Dismiss => {}
        What::SendNow => match hand::preview(visit.core(), shop.id, id).await? {
            Err(why) => page.refused = Some(why),
            Ok(found) => {
                page.step = found.step;
                page.due_at = Some(found.due_at).filter(|&due| due > visit.page.now);
                page.gates = found.decision.gates.iter().map(super::cart::gate).collect();
                match found.decision.verdict {
                    Verdict::Stop => page.refused = found.decision.reason().map(|gate| gate.why.clone()),
                    Verdict::Wait(until) => page.waits_until = Some(until),
                    Verdict::Pass => {}
                }
            }
        },
    }
    show(&page)
}

pub async fn send_now(request: HttpRequest) -> Result<HttpResponse, Problem> {
    act(request, Act::SendNow, "sending_now").await
}

pub async fn hold(request: HttpRequest) -> Result<HttpResponse, Problem> {
    act(request, Act::Hold, "cart_held").await
}

pub async fn release(request: HttpRequest) -> Result<HttpResponse, Problem> {
    act(request, Act::Release, "cart_released").await
}

pub async fn dismiss(request: HttpRequest) -> Result<HttpResponse, Problem> {
    act(request, Act::Dismiss, "cart_dismissed").await
}

async fn act(request: HttpRequest, what: Act, done: &str) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = actor(&request, Section::Carts).await?;
    let id: CartId = id(&request)?;
    match hand::on_cart(visit.core(), shop, id, what, &by).await? {
        Done::Done => Ok(led_to(&visit, &format!("/carts/{id}"), done)),
        Done::Unknown => Err(Problem::NotFound),
        Done::Refused(why) => Err(Problem::Wrong(vec![why])),
    }
}

/// Who acts by hand, in which shop. `Problem::Forbidden` for whoever may only look.
pub async fn actor(request: &HttpRequest, section: Section) -> Result<(Visit, ShopId, String), Problem> {
    let visit = Visit::begin(request, section).await?;
    let visitor = session::visitor(&visit.state, request).await?;
    if !visitor.may_change {
        return Err(Problem::Forbidden);
    }
    let shop = visit.shop().ok_or(Problem::NotFound)?.0.id;
    Ok((visit, shop, visitor.name))
}

/// Back to where the act shows, with what it did.
pub fn led_to(visit: &Visit, path: &str, done: &str) -> HttpResponse {
    let and = if path.contains('?') { '&' } else { '?' };
    let to = visit.page.href(&format!("{path}{and}done={done}"));
    HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
}

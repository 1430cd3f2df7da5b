//! The demo's own pages: a phone that shows the texts that arrived, the simulated shop's checkout, and the clock. What
//! is done here goes through the simulated shop and its webhooks, never into the store.

use std::{sync::atomic::Ordering, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data, Form, Path, Query, ServiceConfig},
};
use askama::Template;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{
    play::{Scene, YOUR_PHONE},
    stage::{FASTER, Stage},
    stall::Stall,
};
use crate::{
    domain::{
        cart::Cart,
        consent::Ledger,
        id::MessageId,
        money::Money,
        phone::Phone as Number,
        time::{DAY, MINUTE, Time},
    },
    store::{self, identity, message},
    web::{
        get,
        problem::Problem,
        view::{
            cart::Item,
            demo::{Bar, Checkout, OtherPhone, Phone, PhoneText, Placed},
            format,
        },
    },
};

/// The demo's routes, before those of the service.
pub fn routes(stage: Data<Stage>) -> impl Fn(&mut ServiceConfig) + Clone {
    move |config| {
        config
            .app_data(stage.clone())
            .service(web::resource("/demo").route(get().to(async || to("/demo/phone"))))
            .service(web::resource("/demo/phone").route(get().to(phone)).route(web::post().to(reply)))
            .service(web::resource("/demo/skip").route(web::post().to(skip)))
            .service(web::resource("/demo/checkout/new").route(get().to(begin)))
            .service(web::resource("/demo/checkout/{token}").route(get().to(checkout)).route(web::post().to(buy)));
    }
}

/// What stands above every page of the demo.
pub fn bar(stage: &Stage) -> Bar {
    Bar {
        clock: format!("{} · {FASTER}×, nights skipped", stage.shown(stage.now(), "%a %-d %b, %H:%M")),
        csrf: String::new(),
        checkout_href: "/demo/checkout/new".into(),
        unread: stage.unread.load(Ordering::Relaxed),
    }
}

fn to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, path))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

fn page(template: &impl Template) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(template.render()?))
}

#[derive(Deserialize)]
struct Whose {
    phone: Option<String>,
}

/// How far back a phone remembers.
const REMEMBERED: Duration = DAY.saturating_mul(90);
/// Phones to choose from.
const OTHERS: usize = 8;
const NEWEST_LOOKED_AT: u32 = 16;
/// Texts this close together share one line above them.
const SAME_MOMENT: Duration = MINUTE.saturating_mul(10);

async fn phone(stage: Data<Stage>, whose: Query<Whose>) -> Result<HttpResponse, Problem> {
    // A plus sign in a query is a space to whoever wrote the link by hand.
    let number = whose.phone.as_deref().map_or_else(|| YOUR_PHONE.to_owned(), |number| number.trim().to_owned());
    let number = Number::read(&number, &[]).or_else(|_| Number::read(&format!("+{number}"), &[]));
    let number = number.map_err(|_| Problem::NotFound)?;
    if number.e164() == YOUR_PHONE {
        stage.unread.store(0, Ordering::Relaxed);
    }
    let number = match (&whose.phone, texts_of(&stage, &number).await?.0.is_empty()) {
        // Nobody asked for a phone and yours is silent: show the one that was texted last.
        (None, true) => {
            others(&stage, &number).await?.into_iter().next().map_or(number, |it| Number::restored(it.number))
        }
        _ => number,
    };
    let (texts, sender, opted_out) = texts_of(&stage, &number).await?;
    page(&Phone {
        bar: bar(&stage),
        number: number.e164().to_owned(),
        sender: sender.unwrap_or_else(|| stage.stalls.first().map_or("", |stall| stall.profile.name).to_owned()),
        texts,
        others: others(&stage, &number).await?,
        opted_out,
    })
}

/// What a phone shows, who the newest text is from, and whether that shop may still write.
async fn texts_of(stage: &Stage, phone: &Number) -> Result<(Vec<PhoneText>, Option<String>, bool), Problem> {
    let core = &stage.core;
    let mut lines: Vec<(Time, String, bool)> = Vec::new();
    let mut newest: Option<(Time, &Stall, bool)> = None;
    let mut read = core.db.read().await?;
    for stall in &stage.stalls {
        let keys = core.vault.keys(&mut read, stall.shop).await?;
        let index = store::consent::phone_index(&keys, phone);
        let messages = message::to_phone(&mut read, &keys, &index, stage.now() - REMEMBERED).await?;
        let arrived = messages.iter().filter_map(|message| Some((message.moments.accepted_at?, message)));
        for (at, message) in arrived {
            lines.push((at, message.words.text.clone(), false));
            if newest.as_ref().is_none_or(|(latest, ..)| *latest < at) {
                let (consents, outs) = store::consent::of_phone(&mut read, &keys, &index).await?;
                newest = Some((at, stall, Ledger::of(consents, outs).opted_out().is_some()));
            }
        }
    }
    lines.extend(stage.replies(phone.e164()).into_iter().map(|reply| (reply.at, reply.words, true)));
    lines.sort_by_key(|(at, ..)| *at);
    let mut last: Option<Time> = None;
    let texts = lines
        .into_iter()
        .map(|(at, text, is_reply)| {
            let close = last.replace(at).is_some_and(|last| at.since(last) < SAME_MOMENT);
            let when = || format!("{} {}", format::day(at, stage.now(), &stage.zone), format::clock(at, &stage.zone));
            PhoneText { text, is_reply, when: if close { String::new() } else { when() } }
        })
        .collect();
    let (sender, opted_out) =
        newest.map_or((None, false), |(_, stall, out)| (Some(stall.profile.name.to_owned()), out));
    Ok((texts, sender, opted_out))
}

/// Yours, and those that were texted last.
async fn others(stage: &Stage, shown: &Number) -> Result<Vec<OtherPhone>, Problem> {
    let core = &stage.core;
    let mut newest: Vec<(Time, String, String)> = Vec::new();
    let mut read = core.db.read().await?;
    for stall in &stage.stalls {
        let keys = core.vault.keys(&mut read, stall.shop).await?;
        let list = message::list(&mut read, &keys, None, MessageId::new(i64::MAX), NEWEST_LOOKED_AT).await?;
        for it in list {
            let Some(cart) = it.cart() else { continue };
            let cart = store::cart::get(&mut read, &keys, cart).await?;
            let name = cart.and_then(|cart| cart.latest.first_name);
            let name = name.unwrap_or_else(|| "Somebody".to_owned());
            newest.extend(it.moments.accepted_at.map(|at| (at, it.words.phone, name)));
        }
    }
    newest.sort_by(|a, b| b.cmp(a));
    let mut chosen = vec![(YOUR_PHONE.to_owned(), "You".to_owned())];
    for (_, number, name) in newest {
        if chosen.iter().all(|(known, _)| *known != number) && !number.is_empty() && chosen.len() <= OTHERS {
            chosen.push((number, name));
        }
    }
    let others = chosen.into_iter().filter(|(number, _)| number != shown.e164());
    Ok(others.map(|(number, name)| OtherPhone { name, href: href(&number), number }).collect())
}

/// The page of a phone.
fn href(number: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("phone", number).finish();
    format!("/demo/phone?{query}")
}

#[derive(Deserialize)]
struct Written {
    phone: String,
    text: String,
}

/// A reply is a text to whichever shop wrote last.
async fn reply(stage: Data<Stage>, written: Form<Written>) -> Result<HttpResponse, Problem> {
    let phone = Number::read(&written.phone, &[]).map_err(|_| Problem::NotFound)?;
    let (_, sender, _) = texts_of(&stage, &phone).await?;
    let shop = stage.stalls.iter().position(|stall| Some(stall.profile.name) == sender.as_deref()).unwrap_or(0);
    let mut scene = Scene::default();
    scene.said.push(format!("somebody writes from {}: {}", phone.e164(), written.text));
    let signal = stage.play().reply(shop, phone.e164(), &written.text);
    scene.signals.push(signal);
    stage.put_on(scene, &CancellationToken::new()).await;
    settle().await;
    Ok(to(&href(phone.e164())))
}

#[derive(Deserialize)]
struct Skip {
    minutes: u32,
}

async fn skip(stage: Data<Stage>, request: HttpRequest, skip: Form<Skip>) -> HttpResponse {
    stage.skip(MINUTE * skip.minutes).await;
    // Back to where the button was, when that is a page of ours.
    let asked_from = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok());
    let path = asked_from.and_then(|url| url.strip_prefix(&stage.core.public_url)).filter(|path| path.starts_with('/'));
    to(path.unwrap_or("/demo/phone"))
}

/// The time the service takes, in the wall's time, until what it was told shows.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(250)).await;
}

/// Whoever watches begins a checkout, as a shopper does by looking at it.
async fn begin(stage: Data<Stage>) -> HttpResponse {
    let (token, scene) = stage.play().begin_yours(0, stage.now());
    stage.put_on(scene, &CancellationToken::new()).await;
    for _ in 0..20 {
        if matches!(find(&stage, &token).await, Ok(Some(_))) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    to(&format!("/demo/checkout/{token}"))
}

/// The checkout of a token, in whichever shop it is.
async fn find(stage: &Stage, token: &str) -> Result<Option<(usize, Cart)>, Problem> {
    let mut read = stage.core.db.read().await?;
    for (place, stall) in stage.stalls.iter().enumerate() {
        let keys = stage.core.vault.keys(&mut read, stall.shop).await?;
        if let Some(cart) = store::cart::by_token(&mut read, &keys, token).await? {
            return Ok(Some((place, cart)));
        }
    }
    Ok(None)
}

async fn checkout(stage: Data<Stage>, request: HttpRequest, token: Path<String>) -> Result<HttpResponse, Problem> {
    let (place, cart) = find(&stage, &token).await?.ok_or(Problem::NotFound)?;
    let from_text = request.query_string().split('&').any(|pair| pair.starts_with("cartback="));
    if from_text && let Some(path) = request.uri().path_and_query() {
        let mut play = stage.play();
        if let Some(visit) = play.visit_of(&token).or_else(|| play.take_up(place, &cart.latest, cart.started_at)) {
            play.landed(visit, &format!("{}{path}", stage.core.public_url));
        }
    }
    let stall = stage.stalls.get(place).ok_or(Problem::NotFound)?;
    let latest = &cart.latest;
    let total = latest.total.ok_or(Problem::NotFound)?;
    let items = latest.items.iter().map(|item| Item {
        name: item.title.clone(),
        quantity: u64::from(item.quantity),
        total: item.price.map(|price| Money::new(price.minor * i64::from(item.quantity), price.currency)),
    });
    page(&Checkout {
        bar: bar(&stage),
        shop: stall.profile.name.to_owned(),
        token: token.clone(),
        items: items.collect(),
        discount: None,
        total,
        order: placed(&stage, stall, &token).await?,
        from_text,
    })
}

/// The order a checkout became, as the service knows it.
async fn placed(stage: &Stage, stall: &Stall, token: &str) -> Result<Option<Placed>, Problem> {
    let mut read = stage.core.db.read().await?;
    let keys = stage.core.vault.keys(&mut read, stall.shop).await?;
    let name = identity::value(&keys, identity::Kind::Checkout, token);
    let Some(&id) = identity::orders(&mut read, &keys, &name).await?.first() else { return Ok(None) };
    let order = store::order::get(&mut read, &keys, id).await?;
    Ok(order.and_then(|order| {
        let href = format!("/orders/{id}?shop={}", stall.shop);
        Some(Placed { number: order.latest.number, at: order.placed_at?, href })
    }))
}

async fn buy(stage: Data<Stage>, token: Path<String>) -> Result<HttpResponse, Problem> {
    let (place, cart) = find(&stage, &token).await?.ok_or(Problem::NotFound)?;
    let now = stage.now();
    let scene = {
        let mut play = stage.play();
        let known = play.visit_of(&token).or_else(|| play.take_up(place, &cart.latest, cart.started_at));
        known.map(|visit| play.buy_now(visit, now))
    };
    if let (Some(scene), true) = (scene, cart.is_open()) {
        stage.put_on(scene, &CancellationToken::new()).await;
    }
    let stall = stage.stalls.get(place).ok_or(Problem::NotFound)?;
    for _ in 0..40 {
        if placed(&stage, stall, &token).await?.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(to(&format!("/demo/checkout/{}", token.as_str())))
}

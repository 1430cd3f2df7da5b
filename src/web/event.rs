//! The public door of the pixel: `/p/{connection}.js` is the script, `/e/{connection}` takes what it tells. A page is told
//! nothing but a status; nothing of an address, a body or a browser's name is kept or logged. Programs, pages of other
//! sites, browsers that ask not to be followed and floods are let go, counted.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{LazyLock, Mutex},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
    web::{Data, Payload},
};

use super::{
    Limits, State,
    body::{self, LastWords, Unread},
    problem::Problem,
    squeeze::squeezed,
    stranger,
};
use crate::{
    domain::{
        click::{self, ClickVerdict, Method, Opened, announces_prefetch},
        facet,
        id::ShopId,
        site_event::{
            Dropped, ToldBy, country,
            wire::{self, BODY_BYTES_MAX, is_welcome},
        },
        time::Time,
    },
    pipeline::track::{Batch, come_back_seconds},
    store::identity::{self, Kind},
};

/// As it is served: small, and the same for every shop.
static PIXEL: LazyLock<String> = LazyLock::new(|| squeezed(include_str!("../../assets/pixel/p.js")));

/// Bodies of one address, and of one shop, in a minute and process. A body holds up to a hundred events.
const ADDRESS_MOST: u32 = 240;
const SHOP_MOST: u32 = 60_000;
/// Addresses remembered; more of them in one minute are let through.
const ADDRESSES_MAX: usize = 100_000;

/// How much came in this minute. Bounded in memory, forgotten by the minute, never written down.
#[derive(Default)]
pub struct Flood(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    number: i64,
    addresses: HashMap<IpAddr, u32>,
    shops: HashMap<ShopId, u32>,
}

impl Flood {
    /// Counts a body; whether it is one too many.
    fn is_over(&self, who: IpAddr, shop: ShopId, now: Time) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let number = now.seconds() / 60;
        if minute.number != number {
            *minute = Minute { number, ..Minute::default() };
        }
        let of_shop = minute.shops.entry(shop).or_default();
        *of_shop += 1;
        let full = *of_shop > SHOP_MOST;
        if minute.addresses.len() >= ADDRESSES_MAX && !minute.addresses.contains_key(&who) {
            return full;
        }
        let of_address = minute.addresses.entry(who).or_default();
        *of_address += 1;
        full || *of_address > ADDRESS_MOST
    }
}

/// The script. It holds no shop's own: what it is for stands in its address.
pub async fn pixel(request: HttpRequest) -> Result<HttpResponse, Problem> {
    connection(request.match_info().get("connection").unwrap_or_default()).ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        // Pages of other sites are what it is for.
        .insert_header((HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .body(PIXEL.as_str()))
}

/// Longer than any opaque id we make.
const CONNECTION_CHARS_MAX: usize = 64;

fn connection(id: &str) -> Option<&str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!id.is_empty() && id.len() <= CONNECTION_CHARS_MAX && id.bytes().all(good)).then_some(id)
}

pub async fn take(state: Data<State>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let limits = Limits { body_bytes_max: BODY_BYTES_MAX, ..state.limits };
    let body = match body::read(&request, &mut payload, &limits).await {
        Ok(body) => body,
        Err(unread) => {
            let status = match unread {
                Unread::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                Unread::TooSlow => StatusCode::REQUEST_TIMEOUT,
                Unread::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Unread::Broken => StatusCode::BAD_REQUEST,
            };
            return HttpResponse::build(status).force_close().body(LastWords::new("not taken\n", payload));
        }
    };
    let Some(id) = connection(request.match_info().get("connection").unwrap_or_default()) else {
        return answer(StatusCode::NOT_FOUND);
    };
    match track(&state, &request, id, &body).await {
        Ok(status) => answer(status),
        Err(error) => {
            tracing::error!(%error, "events are turned away");
            let mut answer = answer(StatusCode::SERVICE_UNAVAILABLE);
            answer.headers_mut().insert(header::RETRY_AFTER, come_back_seconds().into());
            answer
        }
    }
}

fn answer(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")).finish()
}

async fn track(state: &State, request: &HttpRequest, id: &str, body: &[u8]) -> Result<StatusCode, crate::store::Error> {
    let now = state.core.now();
    let Some(known) = state.tracker.shop_of(id).await? else { return Ok(StatusCode::NOT_FOUND) };
    let dropped = |why| state.tracker.drop_one(&known.shop, why);
    if state.flood.is_over(stranger::who(request), known.shop.id, now) {
        dropped(Dropped::TooMany);
        return Ok(StatusCode::TOO_MANY_REQUESTS);
    }
    // The pixel asks the browser itself; this is for what was told in another way.
    let says = |name: &str| request.headers().get(name).is_some_and(|value| value.as_bytes() == b"1");
    if says("sec-gpc") || says("dnt") {
        return Ok(StatusCode::NO_CONTENT);
    }
    let agent = text(request, "user-agent");
    if is_program(request, agent, now) {
        dropped(Dropped::Bot);
        return Ok(StatusCode::NO_CONTENT);
    }
    let Some(mut parcel) = wire::read(body, known.shop.currency, &known.hosts, now) else {
        dropped(Dropped::Unreadable);
        return Ok(StatusCode::BAD_REQUEST);
    };
    let origin = request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("?"));
    let local = state.core.plain_links && origin.is_some_and(is_this_machine);
    if !local && !is_welcome(origin, &parcel.host, &known.hosts, known.framed) {
        dropped(Dropped::OtherSite);
        return Ok(StatusCode::FORBIDDEN);
    }
    let (device, country) = (facet::device(agent), country(text(request, "accept-language")));
    for told in &mut parcel.events {
        device.clone_into(&mut told.device);
        told.country.clone_from(&country);
    }
    let name = |token| (0, (Kind::Checkout, identity::value(&known.keys, Kind::Checkout, token)));
    let names = parcel.checkouts.iter().map(|token| name(token));
    let batch = Batch { names: names.collect(), told: parcel.events, token: parcel.token };
    Ok(match state.tracker.keep(&known.shop, &known.keys, ToldBy::Pixel, &batch).await? {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => {
            dropped(Dropped::Unreadable);
            StatusCode::BAD_REQUEST
        }
    })
}

fn text<'r>(request: &'r HttpRequest, name: &str) -> &'r str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn is_program(request: &HttpRequest, agent: &str, now: Time) -> bool {
    let prefetch = request
        .headers()
        .iter()
        .any(|(name, value)| value.to_str().is_ok_and(|value| announces_prefetch(name.as_str(), value)));
    let opened = Opened { method: Method::Get, agent: Some(agent.to_owned()), prefetch, at: now };
    !matches!(click::verdict(&opened, None, &[]), ClickVerdict::Human)
}

fn is_this_machine(origin: &str) -> bool {
    let host = url::Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    matches!(host.as_str(), "localhost" | "127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page has to load for us, as it is served.
    const PIXEL_BYTES_MAX: usize = 4096;

    #[test]
    fn the_pixel_is_small_and_asks_nobody_else() {
        assert!(PIXEL.len() < PIXEL_BYTES_MAX, "{} bytes", PIXEL.len());
        assert!(!PIXEL.contains("cookie"), "it keeps no cookie");
        assert!(!PIXEL.contains("http"), "it knows no address but its own");
    }

    #[test]
    fn a_flood_is_held_off_per_address_and_minute() {
        let (flood, now) = (Flood::default(), Time::from_seconds(600));
        let (one, other) = ("203.0.113.7".parse().unwrap(), "203.0.113.8".parse().unwrap());
        for _ in 0..ADDRESS_MOST {
            assert!(!flood.is_over(one, ShopId::new(1), now));
        }
        assert!(flood.is_over(one, ShopId::new(1), now));
        assert!(!flood.is_over(other, ShopId::new(1), now));
        assert!(!flood.is_over(one, ShopId::new(1), Time::from_seconds(660)));
    }
}

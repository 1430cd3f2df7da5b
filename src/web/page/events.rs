//! Events: what the pixel and the shop's servers told, counted for the period, the newest one by one.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse};

use super::{ROWS, Visit, show};
use crate::{
    domain::{
        id::SiteEventId,
        seal::ShopKeys,
        site_event::{Kind, SiteEvent, ToldBy},
        tally::Tally,
        time::Time,
    },
    pipeline::{rollup, track},
    shop,
    store::{self, Read, shop::Shop},
    web::{
        problem::Problem,
        view::{
            Pager, Section,
            event::{EventRow, Events, Tag},
        },
    },
};

/// Orders compared with what the thank-you page told, at most.
const ORDERS_MOST: u32 = 20_000;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Events).await?;
    let kind = Kind::parse(visit.asked("kind"));
    let after = visit.asked("after").parse::<SiteEventId>().ok();
    let mut page = Events {
        page: visit.page.clone(),
        kind,
        kinds: Vec::new(),
        dropped: Vec::new(),
        last_at: None,
        tag: Tag::default(),
        rows: Vec::new(),
        pager: Pager { has_first: after.is_some(), next: None },
        snippet: String::new(),
        framed: None,
        api_url: format!("{}/api/v1/events", visit.core().public_url),
    };
    let Some((shop, keys)) = visit.shop() else { return show(&page) };
    let mut read = visit.read().await?;
    let (from, to) = visit.page.span();
    let (from, to) = (rollup::number_of(from), rollup::number_of(to));
    let whole = track::counted(&mut read, keys, from, to).await?;
    page.kinds = whole.kinds().collect();
    page.kinds.sort_by_key(|&(kind, events, _)| (std::cmp::Reverse(events), kind));
    page.dropped = store::site_event::dropped(&mut read, keys, from, to).await?;
    page.last_at = store::site_event::newest(&mut read, keys).await?.map(|event| event.at);
    page.tag = tag(&mut read, shop, keys, &whole, (from, to)).await?;
    let before = after.unwrap_or(SiteEventId::new(i64::MAX));
    let events = store::site_event::list(&mut read, keys, kind, before, ROWS).await?;
    page.pager.next = events.last().filter(|_| events.len() == ROWS as usize).map(|event| event.id.to_string());
    page.rows = events.iter().map(row).collect();
    if let Some(connection) = store::connection::of(&mut read, shop.id, None).await? {
        let url = &visit.core().public_url;
        page.snippet = format!(r#"<script async src="{url}/p/{}.js"></script>"#, connection.public_id);
        let door = format!("{url}/e/{}", connection.public_id);
        let script = shop::by_kind(&shop.kind).and_then(|kind| kind.framed_pixel());
        page.framed = script.map(|script| script.replace("{door}", &door));
    }
    show(&page)
}

/// Orders of the period beside what the thank-you page told of them.
async fn tag(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    whole: &Tally,
    (from, to): (i64, i64),
) -> Result<Tag, Problem> {
    let (from, to): (Time, Time) = (rollup::bounds(shop, from).0, rollup::bounds(shop, to).1);
    if !whole.kinds().any(|(_, events, _)| events > 0) {
        return Ok(Tag::default());
    }
    let told = store::site_event::orders_told(read, keys, Kind::Ordered, from, to, ORDERS_MOST).await?;
    let told: HashSet<&str> = told.iter().map(String::as_str).collect();
    let placed = store::site_event::orders_placed(read, keys, from, to, ORDERS_MOST).await?;
    let mut known = HashSet::new();
    for (id, number) in &placed {
        let names = [id.as_str(), number.as_str(), number.trim_start_matches('#')];
        known.extend(names.into_iter().find(|name| told.contains(name)));
    }
    Ok(Tag { orders: placed.len() as u64, told: known.len() as u64, strange: (told.len() - known.len()) as u64 })
}

fn row(event: &SiteEvent) -> EventRow {
    EventRow {
        id: event.id.to_string(),
        kind: event.kind,
        at: event.at,
        visitor: short(&event.visitor),
        target: event.target.clone(),
        product: event.product.clone(),
        page_path: event.page.clone(),
        source: event.visit.source.clone(),
        medium: event.visit.medium.clone(),
        device: event.device.clone(),
        number: event.number,
        value: event.value,
        by_server: event.told_by == ToldBy::Server,
    }
}

/// Enough of a visitor's keyed hash to tell a few apart.
pub fn short(visitor: &[u8; 16]) -> String {
    data_encoding::HEXLOWER.encode(visitor.get(..4).unwrap_or_default())
}

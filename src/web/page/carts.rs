//! Carts: the list by state and day, and the search. What is personal lies sealed, so a search finds whole phone numbers,
//! e-mail addresses, customer ids and tokens through the blind index, and orders by what people call them.

use actix_web::{HttpRequest, HttpResponse};
use jiff::civil::Date;

use super::{ROWS, Visit, show, story, story::Story};
use crate::{
    domain::{
        cart::Cart,
        event::{Identity, TypedPhone},
        hours,
        id::{CartId, OrderId},
        seal::ShopKeys,
        time::Time,
    },
    pipeline::{ingest, zone_of},
    store::{
        self, Error, Read,
        cart::Filter as Which,
        identity::{self, Kind, Subject},
        shop::Shop,
    },
    web::{
        problem::Problem,
        view::{
            Pager, Section,
            cart::{CartRow, Carts, Filter},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let (filter, q) = (Filter::parse(visit.asked("state")), visit.asked("q").trim().to_owned());
    let day = visit.asked("day").parse::<Date>().ok();
    let mut page = Carts {
        filter,
        day: day.map(|day| day.to_string()),
        total: 0,
        all: 0,
        rows: Vec::new(),
        pager: Pager::default(),
        q,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        page.all = store::cart::count(&mut read, keys, Which::All, EVER).await?;
        let carts = if page.q.is_empty() {
            let span = day.map_or(EVER, |day| span(shop, day));
            let after = visit.asked("after").parse::<CartId>().ok();
            page.pager.has_first = after.is_some();
            page.total = store::cart::count(&mut read, keys, which(filter), span).await?;
            let before = after.unwrap_or(CartId::new(i64::MAX));
            store::cart::list(&mut read, keys, which(filter), span, before, ROWS).await?
        } else {
            let found = search(&mut read, shop, keys, &page.q).await?;
            page.total = found.len() as u64;
            found
        };
        if page.q.is_empty() && carts.len() == ROWS as usize {
            page.pager.next = carts.last().map(|cart| cart.id.to_string());
        }
        for cart in carts {
            let story = Story::of(&mut read, keys, cart).await?;
            page.rows.push(row(shop, &story, &visit));
        }
    }
    show(&page)
}

/// From the first moment we can name to the last.
const EVER: (Time, Time) = (Time::FIRST, Time::LAST);

fn span(shop: &Shop, day: Date) -> (Time, Time) {
    let zone = zone_of(shop);
    let next = day.tomorrow().unwrap_or(day);
    (hours::start_of_day(&zone, day), hours::start_of_day(&zone, next))
}

fn row(shop: &Shop, story: &Story, visit: &Visit) -> CartRow {
    let cart = &story.cart;
    CartRow {
        id: cart.id.to_string(),
        value: story::value(shop, cart),
        who: story::who(shop, cart),
        country: story::country(cart),
        state: story.state(shop, visit.page.now),
        why: story.why(shop, &visit.page),
        last_activity_at: cart.active_at(),
    }
}

fn which(filter: Filter) -> Which {
    match filter {
        Filter::All => Which::All,
        Filter::Open => Which::Open,
        Filter::Abandoned => Which::Abandoned,
        Filter::Unreachable => Which::Unreachable,
        Filter::Reachable => Which::Reachable,
        Filter::Held => Which::Held,
        Filter::Texted => Which::Texted,
        Filter::Delivered => Which::Delivered,
        Filter::Clicked => Which::Clicked,
        Filter::Recovered => Which::Recovered,
        Filter::Bought => Which::Bought,
        Filter::OptedOut => Which::OptedOut,
    }
}

/// The carts of whoever or whatever was typed, newest first.
async fn search(read: &mut Read, shop: &Shop, keys: &ShopKeys, typed: &str) -> Result<Vec<Cart>, Error> {
    let mut found: Vec<CartId> = typed.parse().into_iter().collect();
    for value in names(shop, keys, typed) {
        found.extend(identity::carts(read, keys, &value).await?);
    }
    let order = match typed.parse::<OrderId>() {
        Ok(id) => store::order::get(read, keys, id).await?,
        Err(_) => store::order::by_number(read, keys, typed).await?,
    };
    if let Some(order) = order {
        for (_, value) in identity::names(read, keys, Subject::Order(order.id)).await? {
            found.extend(identity::carts(read, keys, &value).await?);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    let mut carts = Vec::new();
    for id in found.into_iter().take(ROWS as usize) {
        carts.extend(store::cart::get(read, keys, id).await?);
    }
    Ok(carts)
}

/// Everything the typed text could be the name of.
fn names(shop: &Shop, keys: &ShopKeys, typed: &str) -> Vec<[u8; 16]> {
    let who = Identity {
        customer: Some(typed.to_owned()),
        email: Some(typed.to_owned()),
        phones: vec![TypedPhone { number: typed.to_owned(), country: None }],
    };
    let mut values: Vec<_> =
        ingest::names(shop, keys, &who, None, [typed]).into_iter().map(|(_, value)| value).collect();
    values.push(identity::value(keys, Kind::Checkout, typed));
    values.dedup();
    values
}

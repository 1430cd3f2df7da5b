//! Every figure of a filled report opens a list of exactly as many rows, on both engines: by step, country, language,
//! product, source, gateway, device and payment, by hour of the week across a change of the clocks, by waiting time, and
//! at every stage of a cart's way.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use cartback::web::State;
use serde_json::{Value, json};

use super::house::{Site, page, site};
use crate::app::{App, PHONE_AGENT, Shopkeeper, hours, minutes, on_both};

const ANDROID: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36";

async fn leaves(app: &App, shop: &Shopkeeper, token: &str, phone: Value, change: Value) {
    let mut cart = json!({
        "phone": phone, "email": format!("{token}@shopper.example"), "customer_id": format!("c-{token}"),
    });
    cart.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    app.generic(shop, "checkout.updated", app.checkout(token, cart)).await;
}

/// Shoppers of all kinds, and what became of them.
async fn a_day(app: &mut App, shop: &Shopkeeper, day: u32) {
    let phone = |number: u32| format!("+3864055{day}{number:03}");
    let items = |title: &str| json!([{ "title": title, "quantity": 1, "price": "50.00" }]);
    let told = json!({ "items": items("Oak & \"ash\" lamp"), "source": "news letter", "language": "de" });
    leaves(app, shop, &format!("tapped{day}"), json!(phone(1)), told).await;
    leaves(app, shop, &format!("android{day}"), json!(phone(2)), json!({ "currency": "CHF", "source": "ads" })).await;
    app.sleep(hours(1));
    leaves(app, shop, &format!("untold{day}"), json!(phone(3)), json!({})).await;
    leaves(app, shop, &format!("mute{day}"), json!(null), json!({ "country": "AT" })).await;
    leaves(app, shop, &format!("landline{day}"), json!(format!("+3861555{day}234")), json!({})).await;
    leaves(app, shop, &format!("asked{day}"), json!(phone(4)), json!({ "consent": null })).await;
    app.pass(minutes(31)).await;
    for (token, agent, paid, waits) in
        [("tapped", Some(PHONE_AGENT), "Card", 5), ("android", Some(ANDROID), "", 90), ("untold", None, "Invoice", 1)]
    {
        let to = phone(match token {
            "tapped" => 1,
            "android" => 2,
            _ => 3,
        });
        let texts = app.texts(shop).await;
        let text = texts.into_iter().find(|text| text.to == to).unwrap_or_else(|| panic!("no text for {token}{day}"));
        if let Some(agent) = agent {
            app.sleep(minutes(2));
            app.open(&text.token('r'), agent).await;
        }
        app.pass(minutes(waits)).await;
        let mut order = json!({
            "phone": to, "email": format!("{token}{day}@shopper.example"), "payment_method": paid,
            "currency": if token == "android" { "CHF" } else { "EUR" },
        });
        if paid.is_empty() {
            order.as_object_mut().unwrap().remove("payment_method");
        }
        let (id, checkout) = (format!("{day}{waits}"), format!("{token}{day}"));
        app.generic(shop, "order.upserted", app.order(&id, &checkout, order)).await;
    }
    app.pass(hours(3)).await;
}

/// The rows a list says it has.
fn rows(page: &str) -> Option<u64> {
    page.split("data-rows=\"").nth(1)?.split('"').next()?.parse().ok()
}

/// Every count on a page that leads to a list, with where it leads.
fn figures(page: &str) -> Vec<(u64, String)> {
    let link = |part: &str| {
        let (tag, rest) = part.split_once('>')?;
        let href = tag.split("href=\"").nth(1)?.split('"').next()?.replace("&#38;", "&").replace("&amp;", "&");
        let figure = rest.split('<').next()?.trim().replace(',', "").parse().ok()?;
        let lists = ["/carts", "/messages", "/orders", "/people"];
        lists.iter().any(|list| href.starts_with(list)).then_some((figure, href))
    };
    page.split("<a ").skip(1).filter_map(link).collect()
}

/// Opens every figure; answers how many there were of each kind, by what they are narrowed by.
async fn opened(site: &Site, path: &str) -> BTreeMap<String, u64> {
    let (status, shown) = page(site, path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    let mut kinds = BTreeMap::new();
    for (figure, href) in figures(&shown) {
        let (status, list) = page(site, &href).await;
        assert_eq!(status, StatusCode::OK, "{href}");
        assert_eq!(rows(&list), Some(figure), "{path} says {figure}, and {href} shows otherwise");
        let (list, query) = href.split_once('?').unwrap();
        for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
            *kinds.entry(format!("{list} {name}")).or_default() += 1;
        }
    }
    kinds
}

#[actix_web::test]
async fn every_figure_of_a_filled_report_opens_its_rows() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        let account = app.with_gateway(&shop, "log").await;
        a_day(app, &shop, 1).await;
        // Summer time begins on the 29th of March.
        app.pass(hours(27 * 24 + 18)).await;
        a_day(app, &shop, 2).await;
        app.reply(&account, "+38640552003", "STOP").await;
        app.pass(hours(1)).await;
        app.settle().await;
        let mut state = State::new(app.core.clone(), app.inbox.clone());
        state.open_door = true;
        let site = site(state).await;
        let mut kinds = BTreeMap::new();
        for path in [
            "/?days=90",
            "/report?days=90",
            "/report?days=90&heat=texts",
            "/report?days=90&heat=orders",
            "/report?days=7",
            "/report?from=2026-03-03&to=2026-03-03",
        ] {
            for (kind, count) in opened(&site, path).await {
                *kinds.entry(kind).or_insert(0) += count;
            }
        }
        for kind in [
            "/carts country",
            "/carts product",
            "/carts source",
            "/messages sequence",
            "/messages step",
            "/messages language",
            "/messages country",
            "/messages gateway",
            "/messages product",
            "/messages source",
            "/messages device",
            "/messages hour",
            "/orders sequence",
            "/orders language",
            "/orders country",
            "/orders gateway",
            "/orders product",
            "/orders source",
            "/orders device",
            "/orders payment",
            "/orders took",
            "/orders hour",
            "/orders currency",
        ] {
            assert!(kinds.contains_key(kind), "no figure is narrowed by {kind}: {kinds:?}");
        }
        // Nonsense in the address is no error, and an hour without its days narrows nothing.
        for path in ["/messages?hour=9.99&device=%00&sequence=%27", "/orders?took=x&hour=1.1&gateway=x&payment=-"] {
            assert_eq!(page(&site, path).await.0, StatusCode::OK, "{path}");
        }
    })
    .await;
}

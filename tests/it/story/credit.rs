//! What a text earned, why, and what went back; and that the report says exactly that.

use cartback::{
    domain::{attribution::Attribution, id::OrderId},
    store::{credit, order},
};
use serde_json::{Value, json};

use super::bodies::with;
use crate::app::{App, PHONE_AGENT, Shopkeeper, Text, hours, minutes, on_both};

/// A cart that was texted, ten minutes ago.
pub async fn texted(app: &App) -> (Shopkeeper, Text) {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    app.with_gateway(&shop, "log").await;
    app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
    app.pass(minutes(40)).await;
    let text = app.last_text(&shop).await;
    (shop, text)
}

async fn verdict(app: &App, shop: &Shopkeeper, number: &str) -> (OrderId, Attribution) {
    let (_, keys) = app.shop(shop.id).await;
    let mut read = app.read().await;
    let order = order::by_external_id(&mut read, &keys, number).await.unwrap().unwrap();
    let verdict = credit::evidence(&mut read, &keys, order.id).await.unwrap().unwrap();
    (order.id, verdict)
}

/// A tapped text and then this order: the reason it is credited for, or `None`.
async fn credited(order: Value, because: Option<&'static str>) {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        app.pass(minutes(7)).await;
        app.generic(&shop, "order.upserted", with(&app.strangers_order("1", json!({})), order.clone())).await;
        let (_, verdict) = verdict(app, &shop, "1").await;
        let won = verdict.considered.iter().find(|each| each.won).map(|each| each.why.as_str());
        assert_eq!(won, because, "{order}");
    })
    .await;
}

#[tokio::test]
async fn an_order_is_credited_by_the_strongest_tie() {
    credited(json!({ "checkout_token": "c1" }), Some("same checkout, tapped 7 min before the order")).await;
    credited(
        json!({ "phone": "040/555-101", "phone_country": "SI" }),
        Some("same phone, tapped 7 min before the order"),
    )
    .await;
    credited(json!({ "email": "MAJA.NOVAK@shopper.example" }), Some("same e-mail, tapped 7 min before the order"))
        .await;
    credited(json!({ "customer_id": "c-7" }), Some("same customer, tapped 7 min before the order")).await;
    credited(json!({}), None).await;
    credited(json!({ "checkout_token": "c1", "channel": "pos" }), None).await;
    credited(json!({ "checkout_token": "c1", "test": true }), None).await;
    credited(json!({ "checkout_token": "c1", "status": "pending" }), None).await;
}

#[tokio::test]
async fn a_robots_tap_counts_for_nothing_a_persons_does() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        let token = text.token('r');
        app.open(&token, "facebookexternalhit/1.1").await;
        app.open(&token, "curl/8.5.0").await;
        app.open(&token, "").await;
        assert!(!app.figures(&shop).await.contains("clicked"));
        app.open(&token, PHONE_AGENT).await;
        app.open(&token, PHONE_AGENT).await;
        assert!(app.figures(&shop).await.contains("clicked 1"));
        let story = app.cart_story(&shop, "c1").await;
        assert_eq!(story.matches("opened: human").count(), 2, "{story}");
        assert_eq!(story.matches("text 1 opened: ").count(), 5, "{story}");
        for nonsense in ["", "x", &token[1..], &token.to_lowercase(), &format!("{token}a")] {
            assert_eq!(app.open(nonsense, PHONE_AGENT).await, cartback::pipeline::follow::Way::Nowhere);
        }
    })
    .await;
}

#[tokio::test]
async fn a_burst_is_a_scanner() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        let opened = || cartback::domain::click::Opened {
            method: cartback::domain::click::Method::Get,
            agent: Some(PHONE_AGENT.into()),
            prefetch: false,
            at: app.now(),
        };
        for _ in 0..3 {
            cartback::pipeline::follow::follow(&app.core, &text.token('r'), opened()).await.unwrap();
            app.pass(std::time::Duration::from_millis(300)).await;
        }
        app.pass(minutes(1)).await;
        assert!(!app.figures(&shop).await.contains("clicked"));
        assert_eq!(app.cart_story(&shop, "c1").await.matches("opened: burst").count(), 3);
    })
    .await;
}

#[tokio::test]
async fn untapped_is_assisted_and_stands_apart() {
    on_both(async |app| {
        let (shop, _) = texted(app).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        assert_eq!(
            app.figures(&shop).await,
            "abandoned 1, reachable 1, texted 1, texts 1, assisted 1, orders 1, EUR abandoned 128.00, EUR assisted 128.00"
        );
        assert!(app.cart_story(&shop, "c1").await.contains("assisted order of #1: 128.00"));
    })
    .await;
}

#[tokio::test]
async fn too_late_earns_nothing() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        app.pass(hours(5 * 24) + minutes(1)).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        let figures = app.figures(&shop).await;
        assert!(!figures.contains("recovered") && !figures.contains("assisted"), "{figures}");
        // A wider window, and the same facts say otherwise.
        app.change(&shop, &[("click_window_hours", "240")]).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({ "placed_at": app.iso() }))).await;
        assert!(app.figures(&shop).await.contains("recovered 1"));
    })
    .await;
}

#[tokio::test]
async fn an_order_before_the_text_earns_nothing() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        let before = json!({ "placed_at": app.ago(minutes(20)) });
        app.generic(&shop, "order.upserted", app.order("1", "c1", before)).await;
        let (_, verdict) = verdict(app, &shop, "1").await;
        assert_eq!(verdict.considered[0].why, "ordered before the text was sent");
        assert!(!app.figures(&shop).await.contains("recovered"));
    })
    .await;
}

#[tokio::test]
async fn refunds_and_cancellation_take_back_never_more_than_was_given() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        let placed = json!({ "placed_at": app.iso() });
        app.generic(&shop, "order.upserted", app.order("1", "c1", placed.clone())).await;
        let tail = async |app: &App| {
            let figures = app.figures(&shop).await;
            figures.split_once("EUR gross ").map(|(_, tail)| tail.to_owned()).unwrap_or_default()
        };
        assert_eq!(tail(app).await, "128.00, EUR net 128.00");
        app.pass(hours(24)).await;
        let one = json!({ "id": "r1", "amount": "28.00", "at": app.iso() });
        let order = with(&app.order("1", "c1", placed.clone()), json!({ "refunds": [one] }));
        app.generic(&shop, "order.upserted", order).await;
        assert_eq!(tail(app).await, "128.00, EUR refunded 28.00, EUR net 100.00");
        // On the day it went back, not on the day of the order.
        let days = app.report(&shop).await.days;
        let of = |day: &str| {
            let slice = &days.iter().find(|each| each.day == day).unwrap().slice;
            slice.money.values().next().map(|sums| (sums.gross_minor, sums.refunded_minor))
        };
        assert_eq!((of("2026-03-03"), of("2026-03-04")), (Some((12_800, 0)), Some((0, 2_800))));
        app.pass(hours(24)).await;
        let cancelled =
            json!({ "status": "cancelled", "refunds": [one, { "id": "r2", "amount": "500.00", "at": app.iso() }] });
        let order = with(&app.order("1", "c1", placed), cancelled);
        app.generic(&shop, "order.upserted", order).await;
        assert_eq!(tail(app).await, "128.00, EUR refunded 128.00");
    })
    .await;
}

#[tokio::test]
async fn a_refund_may_come_before_its_order() {
    on_both(async |app| {
        let shop = app.with_shop_like("shopify", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        app.shopify(&shop, "checkouts/update", &app.shopify_checkout("5c0ff", json!({}))).await;
        app.pass(minutes(35)).await;
        app.tap(&app.last_text(&shop).await).await;
        let order = app.shopify_order(77, "5c0ff", json!({}));
        app.pass(minutes(5)).await;
        app.shopify(&shop, "refunds/create", &app.shopify_refund(500, 77, "28.00")).await;
        app.shopify(&shop, "orders/create", &order).await;
        assert!(app.figures(&shop).await.ends_with("EUR gross 128.00, EUR refunded 28.00, EUR net 100.00"));
        let gone = json!({ "cancelled_at": app.iso(), "updated_at": app.iso(), "created_at": app.ago(minutes(5)),
                           "processed_at": app.ago(minutes(5)) });
        app.shopify(&shop, "orders/cancelled", &with(&order, gone)).await;
        assert!(app.figures(&shop).await.ends_with("EUR gross 128.00, EUR refunded 128.00"));
    })
    .await;
}

#[tokio::test]
async fn currencies_are_never_added_up() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        app.generic(&shop, "order.upserted", app.order("2", "c1", json!({ "currency": "JPY", "total": "5000" }))).await;
        app.generic(&shop, "order.upserted", app.strangers_order("3", json!({ "currency": "USD" }))).await;
        assert_eq!(
            app.figures(&shop).await,
            "abandoned 1, reachable 1, texted 1, texts 1, clicked 1, recovered 2, orders 3, \
             EUR abandoned 128.00, EUR gross 128.00, EUR net 128.00, JPY gross 50.00, JPY net 50.00"
        );
    })
    .await;
}

#[tokio::test]
async fn an_order_moves_its_day_with_its_date() {
    on_both(async |app| {
        let (shop, _) = texted(app).await;
        app.generic(&shop, "order.upserted", app.strangers_order("1", json!({}))).await;
        // The same order, told again with the day it really was.
        app.pass(minutes(1)).await;
        let earlier = json!({ "placed_at": app.ago(hours(48)) });
        app.generic(&shop, "order.upserted", app.strangers_order("1", earlier)).await;
        let days = app.report(&shop).await.days;
        let with_orders: Vec<_> =
            days.iter().filter(|day| day.slice.counts.orders > 0).map(|day| day.day.as_str()).collect();
        assert_eq!(with_orders, ["2026-03-01"]);
    })
    .await;
}

#[tokio::test]
async fn the_report_says_exactly_what_happened() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        // Five carts: bought at once, without consent, texted only, tapped and bought, texted twice.
        for number in 0..5 {
            let apart = json!({
                "phone": format!("+3864055530{number}"), "email": null, "customer_id": null, "cart_token": null,
                "consent": if number == 1 { Value::Null } else { json!({ "state": "granted" }) },
            });
            app.generic(&shop, "checkout.updated", app.checkout(&format!("c{number}"), apart)).await;
        }
        app.generic(&shop, "order.upserted", app.order("1", "c0", json!({ "phone": null, "email": null }))).await;
        app.pass(minutes(30)).await;
        for text in app.texts(&shop).await {
            app.receipt(&kannel, &text, if text.to.ends_with('2') { "undelivered" } else { "delivered" }).await;
        }
        app.pass(minutes(2)).await;
        let tapped = app.texts(&shop).await.into_iter().find(|text| text.to.ends_with('3')).unwrap();
        app.tap(&tapped).await;
        app.generic(
            &shop,
            "order.upserted",
            app.order("2", "c3", json!({ "phone": null, "email": null, "total": "10.01" })),
        )
        .await;
        app.reply(&kannel, "+38640555302", "stop").await;
        app.pass(hours(30)).await;
        assert_eq!(
            app.figures(&shop).await,
            "abandoned 4, reachable 3, texted 3, texts 4, delivered 2, clicked 1, recovered 1, opt-outs 1, orders 2, \
             EUR abandoned 512.00, EUR gross 10.01, EUR net 10.01"
        );
        let report = app.report(&shop).await;
        let steps: Vec<_> =
            report.steps.iter().map(|(step, slice)| (*step, slice.counts.texts, slice.counts.clicked)).collect();
        assert_eq!(steps, [(1, 3, 1), (2, 1, 0)]);
        assert_eq!((report.days.len(), report.to.as_str()), (30, "2026-03-04"));
    })
    .await;
}

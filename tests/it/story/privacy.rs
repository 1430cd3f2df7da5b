//! What is personal is never in plain sight in the file, and is gone when it is asked for; what was earned stays.

use std::fs;

use cartback::{
    pipeline::follow::Way,
    store::{consent, inbox, message},
};
use serde_json::{Value, json};

use super::bodies::{MOBILE, with};
use crate::app::{App, Home, Shopkeeper, hours, minutes, on_both};

/// What must not be found: planted in every field a shop may send.
const SECRETS: &[&str] = &[
    "+38640555101",
    "040 555 101",
    "maja.novak@shopper.example",
    "Maja",
    "192.0.2.10",
    "key=9f-bearer",
    "a private note",
    "Trubarjeva",
];

/// Every file of an embedded database, as bytes.
fn bytes(app: &App) -> Vec<u8> {
    let Home::Lite(folder) = &app.home else { return Vec::new() };
    let files = fs::read_dir(folder.path()).unwrap();
    files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn found(app: &App) -> Vec<&'static str> {
    let bytes = bytes(app).to_ascii_lowercase();
    let holds =
        |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.to_ascii_lowercase().as_bytes());
    SECRETS.iter().copied().filter(|secret| holds(secret)).collect()
}

fn personal(app: &App, token: &str) -> Value {
    app.checkout(
        token,
        json!({
            "email": "maja.novak@shopper.example", "note": "a private note", "address": "Trubarjeva 1",
            "recovery_url": "https://shop.example/restore?key=9f-bearer",
        }),
    )
}

/// A whole life: texted, tapped, bought, answered.
async fn lived(app: &App) -> Shopkeeper {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    let kannel = app.with_gateway(&shop, "kannel").await;
    app.generic(&shop, "consent.updated", json!({ "phone": MOBILE, "state": "granted", "ip": "192.0.2.10" })).await;
    app.generic(&shop, "checkout.updated", personal(app, "c1")).await;
    app.pass(minutes(35)).await;
    let text = app.last_text(&shop).await;
    app.receipt(&kannel, &text, "delivered").await;
    app.tap(&text).await;
    app.generic(&shop, "order.upserted", app.order("1", "c1", json!({ "first_name": "Maja" }))).await;
    app.reply(&kannel, MOBILE, "who is this? Maja").await;
    // What nobody can read is personal all the same.
    app.standard(&shop, r#"{"type":"checkout.updated","data":{"phone":"+38640555101","email":"#).await;
    app.settle().await;
    shop
}

#[tokio::test]
async fn nothing_personal_is_ever_in_plain_sight() {
    on_both(async |app| {
        let shop = lived(app).await;
        assert_eq!(found(app), [""; 0]);
        // The search itself can find: what is no secret is there.
        assert!(matches!(app.home, Home::Pg(_)) || bytes(app).windows(11).any(|window| window == b"Lumen & Oak"));
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

/// After this request nothing leads to the person any more, and the figures are what they were.
async fn forgets(who: Value) {
    on_both(async |app| {
        let shop = lived(app).await;
        let before = app.figures(&shop).await;
        assert!(before.contains("recovered 1"), "{before}");
        let text = app.last_text(&shop).await;
        app.generic(&shop, "customer.redacted", who.clone()).await;
        let (_, keys) = app.shop(shop.id).await;
        let cart = app.cart(&shop, "c1").await;
        assert!(cart.erased_at.is_some());
        assert_eq!((cart.latest.who, cart.latest.first_name, cart.latest.recovery_url), Default::default());
        let messages = app.messages(&shop).await;
        assert_eq!((messages[0].0.to.as_str(), messages[0].0.words.as_str()), ("", ""));
        {
            let mut read = app.read().await;
            let index = keys.index("phone", MOBILE);
            assert!(consent::of_phone(&mut read, &keys, &index).await.unwrap().0.is_empty());
            let past = cartback::domain::time::Time::from_millis(0);
            assert!(message::to_phone(&mut read, &keys, &index, past).await.unwrap().is_empty());
            for line in app.deliveries(&shop).await {
                let kept = inbox::get(&mut read, &keys, line.id).await.unwrap().unwrap();
                let text = format!("{} {}", kept.delivery.url, String::from_utf8_lossy(&kept.delivery.body));
                assert!(!text.contains("555101") && !text.contains("555 101") && !text.contains("Maja"), "{text}");
            }
        }
        assert_eq!(app.figures(&shop).await, before);
        assert!(matches!(app.tap(&text).await, Way::Home { .. }), "the link leads to no cart any more");
        assert_eq!(app.figures(&shop).await, before);
        // Late news of the same checkout and order brings nobody back, and a refund still takes back what was earned.
        app.pass(minutes(5)).await;
        app.generic(&shop, "checkout.updated", personal(app, "c1")).await;
        let refunded = json!({ "placed_at": app.ago(minutes(5)), "refunds": [{ "id": "r1", "amount": "28.00", "at": app.iso() }] });
        app.generic(&shop, "order.upserted", app.order("1", "c1", refunded)).await;
        assert_eq!(app.cart(&shop, "c1").await.latest.who, Default::default());
        let order = cartback::store::order::by_external_id(&mut app.read().await, &keys, "1").await.unwrap().unwrap();
        assert_eq!((order.latest.who, order.latest.cart_tokens), Default::default());
        let figures = app.figures(&shop).await;
        assert!(figures.ends_with("EUR gross 128.00, EUR refunded 28.00, EUR net 100.00"), "{figures}");
        app.pass(hours(60)).await;
        assert_eq!(app.messages(&shop).await.len(), 1);
        assert_eq!(found(app), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_person_is_forgotten_by_any_of_their_names() {
    forgets(json!({ "phone": MOBILE })).await;
    forgets(json!({ "email": "maja.novak@shopper.example" })).await;
    forgets(json!({ "customer_id": "c-7" })).await;
}

#[tokio::test]
async fn an_opt_out_outlives_the_erasure() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let log = app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(31)).await;
        app.reply(&log, MOBILE, "STOP").await;
        app.generic(&shop, "customer.redacted", json!({ "phone": MOBILE })).await;
        app.generic(&shop, "checkout.updated", app.checkout("c2", json!({ "cart_token": null }))).await;
        app.pass(hours(60)).await;
        assert!(app.cart_story(&shop, "c2").await.contains("step 1: no: opted out"));
    })
    .await;
}

#[tokio::test]
async fn f18_a_waiting_text_is_not_sent_to_the_forgotten() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "kannel").await;
        app.outside.next([crate::outside::Ends::NotConnected]);
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(30)).await;
        app.generic(&shop, "customer.redacted", json!({ "phone": MOBILE })).await;
        app.pass(hours(60)).await;
        assert_eq!(app.outside.texts(), 1);
        assert_eq!(app.messages(&shop).await[0].0.state.name(), "cancelled");
    })
    .await;
}

#[tokio::test]
async fn others_stay_when_one_is_forgotten() {
    on_both(async |app| {
        let shop = lived(app).await;
        let other = json!({ "phone": "+38640555199", "email": "other@shopper.example", "customer_id": "c-8", "cart_token": null });
        app.generic(&shop, "checkout.updated", app.checkout("c2", other)).await;
        let before = app.deliveries(&shop).await.len();
        app.generic(&shop, "customer.redacted", json!({ "customer_id": "c-7" })).await;
        assert_eq!(app.cart(&shop, "c2").await.latest.who.customer.as_deref(), Some("c-8"));
        // The consent, the checkout, its receipt, the order, the reply and what nobody could read; the request itself too.
        assert_eq!(before - app.deliveries(&shop).await.len(), 6);
        app.pass(minutes(31)).await;
        assert!(app.cart_story(&shop, "c2").await.contains("text 1 accepted"));
    })
    .await;
}

#[tokio::test]
async fn a_shop_is_forgotten() {
    on_both(async |app| {
        let shop = lived(app).await;
        let neighbour = app.with_shop_like("generic", &[("name", "Neighbour")]).await;
        app.generic(&neighbour, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.generic(&shop, "checkout.updated", app.checkout("c2", json!({ "cart_token": null }))).await;
        let before = app.figures(&shop).await;
        app.generic(&shop, "shop.redacted", json!({})).await;
        assert_eq!(
            (app.carts(&shop).await.len(), app.messages(&shop).await.len(), app.deliveries(&shop).await.len()),
            (0, 0, 0)
        );
        // Late news is not kept.
        app.generic(&shop, "checkout.updated", personal(app, "c9")).await;
        assert_eq!((app.carts(&shop).await.len(), app.deliveries(&shop).await.len()), (0, 0));
        app.pass(hours(60)).await;
        assert_eq!(app.figures(&shop).await, before);
        assert_eq!(app.carts(&neighbour).await.len(), 1);
        assert_eq!(found(app), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn shopify_asks_to_forget() {
    on_both(async |app| {
        let shop = app.with_shop("shopify").await;
        app.with_gateway(&shop, "log").await;
        app.shopify(&shop, "checkouts/update", &app.shopify_checkout("5c0ff", json!({}))).await;
        let asks = json!({
            "shop_id": 61, "shop_domain": "lumen-and-oak.myshopify.com",
            "customer": { "id": 72_345_678_901_234_501i64, "email": "maja.novak@shopper.example", "phone": null },
        });
        app.shopify(
            &shop,
            "customers/data_request",
            &with(&asks, json!({ "data_request": { "id": 9 }, "orders_requested": [] })),
        )
        .await;
        let alarms = app.alarms(shop.id).await;
        assert!(
            alarms.len() == 1
                && alarms[0].starts_with("Somebody asks what is held about them (req_")
                && alarms[0].ends_with("); answer within 30 days."),
            "{alarms:?}"
        );
        app.shopify(&shop, "customers/redact", &with(&asks, json!({ "orders_to_redact": [] }))).await;
        assert!(app.cart(&shop, "5c0ff").await.erased_at.is_some());
        app.pass(hours(60)).await;
        assert_eq!(app.messages(&shop).await, []);
        app.shopify(&shop, "shop/redact", &json!({ "shop_id": 61, "shop_domain": "lumen-and-oak.myshopify.com" }))
            .await;
        assert_eq!(app.carts(&shop).await.len(), 0);
    })
    .await;
}

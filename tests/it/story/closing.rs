//! What ends a cart before a text, or between two: an order by any of the shopper's names, the shop's own word, a delete.

use serde_json::{Value, json};

use super::bodies::MOBILE;
use crate::app::{App, Shopkeeper, hours, minutes, on_both};

async fn shop_with_cart(app: &App, change: Value) -> Shopkeeper {
    let shop = app.with_shop("generic").await;
    app.with_gateway(&shop, "log").await;
    app.generic(&shop, "checkout.updated", app.checkout("c1", change)).await;
    shop
}

/// A cart that is followed by this event ten minutes later gets no text, ever.
async fn closes(cart: Value, kind: &str, event: impl Fn(&App) -> Value) {
    on_both(async |app| {
        let shop = shop_with_cart(app, cart.clone()).await;
        app.pass(minutes(10)).await;
        app.generic(&shop, kind, event(app)).await;
        app.pass(hours(100)).await;
        assert_eq!(app.messages(&shop).await, [], "{kind} {}", event(app));
        assert!(!app.figures(&shop).await.contains("abandoned"));
    })
    .await;
}

#[tokio::test]
async fn an_order_of_the_same_checkout_closes_it() {
    let nobody = json!({ "email": null, "phone": null });
    closes(json!({}), "order.upserted", |app| app.order("1", "c1", nobody.clone())).await;
    let by_second_name = json!({ "checkout_token": "crt-c1", "email": null, "phone": null });
    closes(json!({}), "order.upserted", |app| app.order("1", "", by_second_name.clone())).await;
}

#[tokio::test]
async fn f15_an_order_from_another_device_closes_it() {
    let by = |who: Value| async move {
        closes(json!({}), "order.upserted", |app| app.strangers_order("1", who.clone())).await;
    };
    by(json!({ "phone": MOBILE })).await;
    by(json!({ "phone": "00386 40 555-101" })).await;
    by(json!({ "email": " MAJA.novak@Shopper.example " })).await;
    by(json!({ "customer_id": "c-7" })).await;
    by(json!({ "phone": MOBILE, "channel": "pos" })).await;
}

#[tokio::test]
async fn the_shops_own_word_closes_it() {
    closes(json!({}), "checkout.completed", |app| app.checkout("c1", json!({}))).await;
    closes(json!({}), "checkout.deleted", |_| json!({ "token": "c1" })).await;
    closes(json!({}), "checkout.deleted", |_| json!({ "token": "crt-c1" })).await;
}

#[tokio::test]
async fn f15_an_order_that_came_before_its_cart_closes_it_too() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        app.pass(minutes(10)).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        let late = json!({ "updated_at": app.ago(minutes(2)) });
        app.generic(&shop, "checkout.updated", app.checkout("c1", late)).await;
        // Another cart of the same person, begun before the order.
        app.generic(&shop, "checkout.updated", app.checkout("c2", json!({ "cart_token": null }))).await;
        // And one begun afterwards: a new wish.
        app.pass(minutes(1)).await;
        let new = json!({ "started_at": app.iso(), "cart_token": null });
        app.generic(&shop, "checkout.updated", app.checkout("c3", new)).await;
        app.pass(hours(100)).await;
        let texted: Vec<_> = app.texts(&shop).await.iter().map(|text| text.step).collect();
        assert_eq!(texted, [1, 2]);
        assert!(app.cart_story(&shop, "c3").await.contains("text 1 accepted"));
    })
    .await;
}

#[tokio::test]
async fn a_delete_that_came_before_its_cart_holds() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.deleted", json!({ "token": "crt-c1" })).await;
        app.generic(&shop, "checkout.deleted", json!({ "token": "c2" })).await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.generic(&shop, "checkout.updated", app.checkout("c2", json!({}))).await;
        app.pass(hours(100)).await;
        assert_eq!(app.messages(&shop).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_late_stale_body_changes_nothing() {
    on_both(async |app| {
        let shop = shop_with_cart(app, json!({})).await;
        let stale = app.checkout("c1", json!({ "total": "64.00", "phone": "+38640555102" }));
        app.pass(minutes(10)).await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({ "total": "128.00" }))).await;
        let before = app.cart(&shop, "c1").await;
        app.generic(&shop, "checkout.updated", stale.clone()).await;
        assert_eq!(app.cart(&shop, "c1").await.latest, before.latest);
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        app.generic(&shop, "checkout.updated", stale).await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(hours(100)).await;
        assert_eq!(app.messages(&shop).await, []);
        // The number only the stale body had is one of the shopper's all the same.
        app.generic(
            &shop,
            "checkout.updated",
            app.checkout(
                "c9",
                json!({ "phone": "+38640555102", "email": null,
            "customer_id": null, "cart_token": null, "started_at": app.ago(hours(105)) }),
            ),
        )
        .await;
        assert!(app.cart(&shop, "c9").await.bought_at.is_none());
    })
    .await;
}

#[tokio::test]
async fn any_name_a_cart_ever_had_links_it() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        let old = app.checkout("c1", json!({ "email": "old@shopper.example", "customer_id": null }));
        app.pass(minutes(1)).await;
        let new = app.checkout("c1", json!({ "email": "new@shopper.example", "customer_id": null }));
        // The newer one arrives first.
        app.generic(&shop, "checkout.updated", new).await;
        app.generic(&shop, "checkout.updated", old).await;
        app.pass(minutes(5)).await;
        app.generic(&shop, "order.upserted", app.strangers_order("1", json!({ "email": "old@shopper.example" }))).await;
        app.pass(hours(100)).await;
        assert_eq!(app.messages(&shop).await, []);
    })
    .await;
}

#[tokio::test]
async fn nothing_but_a_shoppers_own_order_closes_it() {
    on_both(async |app| {
        let shop = shop_with_cart(app, json!({})).await;
        app.pass(minutes(10)).await;
        app.generic(&shop, "order.upserted", app.strangers_order("1", json!({}))).await;
        // Not bought: the payment failed.
        app.generic(&shop, "order.upserted", app.order("2", "c1", json!({ "status": "failed" }))).await;
        app.pass(minutes(20)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        // And now it is: the second text is not sent.
        app.pass(minutes(20)).await;
        app.generic(&shop, "order.upserted", app.order("2", "c1", json!({}))).await;
        app.pass(hours(100)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn tests_tills_and_carts_without_a_way_back_get_no_text() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        let changes = [
            json!({ "test": true }),
            json!({ "channel": "staff" }),
            json!({ "channel": "pos" }),
            json!({ "recovery_url": null }),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let apart = json!({ "phone": format!("+3864055511{number}"), "email": null, "customer_id": null });
            let apart = super::bodies::with(&apart, change);
            app.generic(&shop, "checkout.updated", app.checkout(&format!("t{number}"), apart)).await;
        }
        app.pass(hours(100)).await;
        assert_eq!(app.messages(&shop).await, []);
    })
    .await;
}

#[tokio::test]
async fn an_order_while_the_text_is_on_its_way() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "twilio").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(29)).await;
        app.sleep(minutes(1));
        app.outside.hold();
        tokio::join!(app.settle(), async {
            app.outside.arrival().await;
            let order = json!({ "type": "order.upserted", "data": app.order("1", "c1", json!({})) });
            app.standard(&shop, &order.to_string()).await;
            app.tick_another().await;
            app.tick_another().await;
            assert!(app.cart(&shop, "c1").await.bought_at.is_some());
            app.outside.let_go();
        });
        app.pass(hours(100)).await;
        // It left before we knew, and says so; it earns nothing, and nothing follows it.
        let texts = app.messages(&shop).await;
        assert_eq!(texts.len(), 1);
        assert_eq!(texts[0].0.state.name(), "accepted");
        let figures = app.figures(&shop).await;
        assert!(!figures.contains("recovered") && !figures.contains("assisted"), "{figures}");
    })
    .await;
}

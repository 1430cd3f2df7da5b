//! One shop can neither see, slow nor break another; one that leaves is left alone.

use std::ops::Range;

use cartback::{
    domain::{id::CartId, link, standard_webhooks, time::Time},
    pipeline::{follow::Way, receive::Answer},
    store::{cart, identity},
};
use serde_json::json;

use super::bodies::MOBILE;
use crate::app::{App, PHONE_AGENT, STANDARD_SECRET, Shopkeeper, hours, minutes, on_both};

async fn two(app: &App) -> (Shopkeeper, Shopkeeper) {
    let one = app.with_shop_like("generic", &[("name", "One")]).await;
    let two = app.with_shop_like("generic", &[("name", "Two")]).await;
    app.with_house_gateway("log").await;
    (one, two)
}

#[tokio::test]
async fn the_same_shopper_in_two_shops_is_two_people() {
    on_both(async |app| {
        let (one, two) = two(app).await;
        for shop in [&one, &two] {
            app.generic(shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        }
        app.pass(minutes(10)).await;
        app.generic(&one, "order.upserted", app.order("1", "c1", json!({}))).await;
        app.pass(minutes(30)).await;
        assert_eq!((app.texts(&one).await.len(), app.texts(&two).await.len()), (0, 1));
        assert_eq!(app.figures(&one).await, "orders 1");
        // The other's token leads to the other's cart, and to nobody else's.
        let token = app.last_text(&two).await.token('r');
        assert!(matches!(app.open(&token, PHONE_AGENT).await, Way::Checkout(_)));
        let (_, keys) = app.shop(one.id).await;
        assert_eq!(link::parse(&token).unwrap().verify(&keys, link::Purpose::Restore), None);
        // Not even the blind index of one number is the same.
        let (_, others) = app.shop(two.id).await;
        assert_ne!(
            identity::value(&keys, identity::Kind::Phone, MOBILE),
            identity::value(&others, identity::Kind::Phone, MOBILE)
        );
        let mut read = app.read().await;
        let mine =
            cart::list(&mut read, &keys, cart::Filter::All, (Time::FIRST, Time::LAST), CartId::new(i64::MAX), 10)
                .await
                .unwrap();
        assert!(cart::get(&mut read, &others, mine[0].id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_webhook_path_belongs_to_one_shop() {
    on_both(async |app| {
        let shop = app.with_shop("shopify").await;
        let other = app.with_shop_like("shopify", &[("signing_key", "ffffffffffffffff0000000000000000")]).await;
        let body = app.shopify_checkout("5c0ff", json!({})).to_string();
        assert!(matches!(app.shopify_raw(&shop, "checkouts/update", &body).await, Answer::Taken { .. }));
        assert!(matches!(app.shopify_raw(&other, "checkouts/update", &body).await, Answer::Refused(_)));
        let nowhere = Shopkeeper { path: "nowhere".into(), ..shop.clone() };
        assert_eq!(app.shopify_raw(&nowhere, "checkouts/update", &body).await, Answer::UnknownConnection);
        app.settle().await;
        assert_eq!((app.carts(&shop).await.len(), app.carts(&other).await.len()), (1, 0));
        // A gateway's path is not a shop's.
        let log = app.with_gateway(&shop, "log").await;
        let crossed = Shopkeeper { path: log.path, ..shop };
        assert_eq!(app.shopify_raw(&crossed, "checkouts/update", &body).await, Answer::UnknownConnection);
    })
    .await;
}

#[tokio::test]
async fn uninstalling_stops_at_once() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(31)).await;
        app.generic(&shop, "shop.uninstalled", json!({})).await;
        app.generic(&shop, "checkout.updated", app.checkout("c2", json!({ "cart_token": null }))).await;
        app.pass(hours(60)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        assert!(app.cart_story(&shop, "c2").await.contains("step 1: no: the shop removed Cartback"));
        // Links lead home, and still nowhere else.
        assert!(matches!(app.tap(&app.last_text(&shop).await).await, Way::Home { .. }));
    })
    .await;
}

#[tokio::test]
async fn a_paused_shop_sends_nothing() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        app.change(&shop, &[("paused", "yes")]).await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(hours(1)).await;
        assert_eq!(app.messages(&shop).await, []);
        app.change(&shop, &[("paused", "no")]).await;
        app.pass(hours(24)).await;
        assert!(app.cart_story(&shop, "c1").await.contains("step 2: yes"));
    })
    .await;
}

/// One shop tells thousands of things at once, again and again; another's cart is not kept waiting for it.
#[tokio::test]
async fn f36_a_flood_of_one_shop_is_kept_once_and_holds_up_nobody() {
    on_both(async |app| {
        let (one, two) = two(app).await;
        let bodies: Vec<String> = (0..300)
            .map(|number| {
                let change = json!({ "phone": null, "updated_at": app.iso() });
                json!({ "type": "checkout.updated", "data": app.checkout(&format!("f{number}"), change) }).to_string()
            })
            .collect();
        for body in bodies.iter().chain(&bodies[..100]) {
            let at = app.now().seconds();
            let id = format!("evt_{}", body.len());
            let headers = vec![
                ("webhook-id".into(), id.clone()),
                ("webhook-timestamp".into(), at.to_string()),
                ("webhook-signature".into(), standard_webhooks::sign(STANDARD_SECRET, &id, at, body.as_bytes())),
            ];
            // Never told to slow down: WooCommerce switches a webhook off after five refusals.
            assert!(matches!(app.post(&one, headers, body.as_bytes()).await, Answer::Taken { .. }));
        }
        let body = json!({ "type": "checkout.updated", "data": app.checkout("c1", json!({})) });
        assert!(matches!(app.standard(&two, &body.to_string()).await, Answer::Taken { .. }));
        // One round of work takes something of everybody.
        app.tick_another().await;
        assert_eq!((app.carts(&two).await.len(), app.deliveries(&one).await.len()), (1, 300));
        assert!(app.carts(&one).await.len() < 300, "the flood was done in one go");
        app.settle().await;
        assert_eq!(app.carts(&one).await.len(), 300);
        // Strangers' floods write nothing.
        for _ in 0..300 {
            let refused = app.post(&one, vec![("webhook-id".into(), "evt_x".into())], b"{}").await;
            assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
        }
        assert_eq!(app.deliveries(&one).await.len(), 300);
    })
    .await;
}

/// Carts of as many shoppers, taken in, and due half an hour later.
async fn leave(app: &App, shop: &Shopkeeper, carts: Range<usize>) {
    for n in carts {
        let own = json!({ "phone": format!("+3864055{n:04}"), "email": null, "cart_token": null });
        app.generic(shop, "checkout.updated", app.checkout(&format!("c{n}"), own)).await;
    }
}

/// Rounds of work until each of these shops has sent so many texts.
async fn rounds(app: &App, shops: &[Shopkeeper], texts: usize) -> usize {
    for round in 1..100 {
        app.tick_another().await;
        let mut sent = Vec::new();
        for shop in shops {
            sent.push(app.texts(shop).await.len());
        }
        if sent.iter().all(|sent| *sent == texts) {
            return round;
        }
    }
    panic!("the texts never leave");
}

#[tokio::test]
async fn a_hundred_times_the_texts_of_one_shop_cost_the_others_no_round() {
    on_both(async |app| {
        let (one, two) = two(app).await;
        let busy = app.with_shop_like("generic", &[("name", "Busy")]).await;
        let quiet = [one, two];
        let mut taken = Vec::new();
        for (turn, of_busy) in [(0, 0), (1, 200)] {
            for (n, shop) in quiet.iter().enumerate() {
                let first = 9_000 + turn * 100 + n * 10;
                leave(app, shop, first..first + 2).await;
            }
            leave(app, &busy, 0..of_busy).await;
            app.settle().await;
            app.clock.set(app.now() + minutes(31));
            taken.push(rounds(app, &quiet, 2 * (turn + 1)).await);
        }
        assert_eq!(taken[0], taken[1], "rounds of work alone, and beside the busy one");
        let sent = app.texts(&busy).await.len();
        assert!(sent < 200, "the busy one's work was done in one go");
        app.settle().await;
        assert_eq!(app.texts(&busy).await.len(), 200);
    })
    .await;
}

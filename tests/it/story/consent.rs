//! Nobody is texted without a basis on record, nor after taking it back: by reply, by link, by the gateway's or the
//! shop's word.

use cartback::{domain::id::ShopId, pipeline::follow};
use serde_json::{Value, json};

use super::bodies::{MOBILE, with};
use crate::{
    app::{Account, App, Shopkeeper, hours, minutes, on_both},
    outside::Ends,
};

async fn open(app: &App) -> (Shopkeeper, Account) {
    let shop = app.with_shop("generic").await;
    let log = app.with_gateway(&shop, "log").await;
    (shop, log)
}

/// Another cart of the same person, begun and left just now.
async fn leave_another(app: &App, shop: &Shopkeeper, token: &str, change: Value) {
    let own = json!({ "cart_token": null, "started_at": app.iso() });
    app.generic(shop, "checkout.updated", app.checkout(token, with(&own, change))).await;
    app.pass(minutes(30)).await;
}

#[tokio::test]
async fn without_consent_there_is_no_text() {
    on_both(async |app| {
        let (shop, _) = open(app).await;
        let states = [
            (json!(null), "none on record"),
            (json!({ "state": "not_given" }), "none on record"),
            (json!({ "state": "pending" }), "asked for by the shop, not confirmed"),
            (json!({ "state": "withdrawn" }), "opted out on 3 Mar 2026"),
            // Given, but for another number.
            (json!({ "state": "granted", "phone": "+38640555777" }), "none on record"),
        ];
        for (number, (consent, why)) in states.into_iter().enumerate() {
            let token = format!("c{number}");
            let phone = format!("+3864055512{number}");
            let change =
                json!({ "consent": consent, "phone": phone, "email": null, "customer_id": null, "cart_token": null });
            app.generic(&shop, "checkout.updated", app.checkout(&token, change)).await;
            app.pass(minutes(31)).await;
            let story = app.cart_story(&shop, &token).await;
            assert!(story.contains(&format!("step 1: no: {why}")), "{consent} {story}");
        }
        app.pass(hours(100)).await;
        assert_eq!(app.messages(&shop).await, []);
        assert_eq!(app.figures(&shop).await, "abandoned 5, EUR abandoned 640.00");
    })
    .await;
}

#[tokio::test]
async fn consent_may_come_apart_from_the_cart_and_be_taken_back() {
    on_both(async |app| {
        let (shop, _) = open(app).await;
        let bare = json!({ "consent": null });
        let said = |state: &str| json!({ "phone": MOBILE, "state": state, "updated_at": app.iso() });
        app.generic(&shop, "consent.updated", said("granted")).await;
        app.pass(minutes(1)).await;
        leave_another(app, &shop, "c1", bare.clone()).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        app.pass(hours(1)).await;
        app.generic(&shop, "consent.updated", said("withdrawn")).await;
        app.pass(hours(100)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        assert!(app.cart_story(&shop, "c1").await.contains("step 2: no: opted out on 3 Mar 2026, 11:31 by generic"));
    })
    .await;
}

#[tokio::test]
async fn a_checkout_that_tells_of_a_withdrawal_is_believed() {
    on_both(async |app| {
        let (shop, _) = open(app).await;
        leave_another(app, &shop, "c1", json!({})).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        // A later checkout of the same customer: the shop says that they have unsubscribed since.
        app.pass(hours(2)).await;
        leave_another(app, &shop, "c2", json!({ "consent": { "state": "withdrawn" } })).await;
        app.pass(hours(100)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn stop_by_reply_and_start_again() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave_another(app, &shop, "c1", json!({})).await;
        app.pass(minutes(5)).await;
        app.reply(&log, MOBILE, "Stop, please").await;
        app.pass(hours(25)).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "answer"]);
        assert!(app.cart_story(&shop, "c1").await.contains("step 2: no: opted out on 3 Mar 2026, 10:35 by reply"));
        // The box stays ticked in a cart begun before: still a no.
        let before = json!({ "started_at": app.ago(hours(26)) });
        leave_another(app, &shop, "c2", before).await;
        assert_eq!(app.texts(&shop).await.len(), 2);
        assert!(app.figures(&shop).await.contains("opt-outs 1"));

        app.reply(&log, MOBILE, "START").await;
        app.pass(minutes(1)).await;
        leave_another(app, &shop, "c3", json!({ "consent": null })).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "answer", "answer", "reminder"]);
        let words: Vec<String> = app.texts(&shop).await.into_iter().map(|text| text.words).collect();
        assert!(words[1].ends_with("You are opted out and will get no more texts from us."), "{words:?}");
        assert!(words[2].contains("You will get cart reminder texts again."), "{words:?}");
        // Neither answer is a reminder to the figures.
        assert!(app.figures(&shop).await.contains("texts 2"), "{}", app.figures(&shop).await);
    })
    .await;
}

#[tokio::test]
async fn start_from_a_stranger_is_no_consent() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        app.reply(&log, MOBILE, "START").await;
        leave_another(app, &shop, "c1", json!({ "consent": null })).await;
        assert_eq!(app.messages(&shop).await, []);
        // Nor is the start of somebody who had stopped what they had never asked for.
        app.reply(&log, MOBILE, "STOP").await;
        app.pass(minutes(1)).await;
        app.reply(&log, MOBILE, "START").await;
        leave_another(app, &shop, "c2", json!({ "consent": null })).await;
        assert_eq!(app.purposes(&shop).await, ["answer", "answer"]);
        assert!(app.cart_story(&shop, "c2").await.contains("step 1: no: none on record"));
    })
    .await;
}

#[tokio::test]
async fn stop_by_link_at_once() {
    on_both(async |app| {
        // A sender that hears nothing says so with a link.
        let shop = app.with_shop_like("generic", &[("texts.1", "{{ shop }} {{ link }} {{ opt_out }}")]).await;
        app.with_gateway(&shop, "log").await;
        leave_another(app, &shop, "c1", json!({})).await;
        let (of_shop, keys) = app.shop(shop.id).await;
        let text = app.last_text(&shop).await;
        let reference = cartback::domain::message::MessageRef { shop: shop.id, message: text.id };
        let token = cartback::domain::link::sign(&keys, cartback::domain::link::Purpose::OptOut, reference);
        assert_eq!(follow::opt_out_page(&app.core, &token).await.unwrap(), Some(of_shop.name.clone()));
        // Looking changes nothing, and the other link does not opt out.
        assert_eq!(follow::opt_out(&app.core, &text.token('r')).await.unwrap(), None);
        assert!(!app.figures(&shop).await.contains("opt-outs"));
        app.pass(minutes(1)).await;
        for _ in 0..2 {
            assert_eq!(follow::opt_out(&app.core, &token).await.unwrap(), Some(of_shop.name.clone()));
        }
        app.pass(hours(100)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        assert!(app.figures(&shop).await.contains("opt-outs 1"));
        assert!(app.cart_story(&shop, "c1").await.contains("step 2: no: opted out on 3 Mar 2026, 10:31 by link"));
    })
    .await;
}

#[tokio::test]
async fn opted_out_at_the_gateway() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "twilio").await;
        app.outside.next([Ends::Refused(21610)]);
        leave_another(app, &shop, "c1", json!({})).await;
        assert!(app.cart_story(&shop, "c1").await.contains("text 1 refused (opted_out: 21610)"));
        app.pass(hours(100)).await;
        assert_eq!(app.outside.texts(), 1);
        assert!(app.figures(&shop).await.contains("opt-outs 1"));
    })
    .await;
}

#[tokio::test]
async fn a_stop_while_a_text_waits_cancels_it() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        app.outside.next([Ends::NotConnected]);
        leave_another(app, &shop, "c1", json!({})).await;
        assert_eq!(app.messages(&shop).await.len(), 1);
        app.reply(&kannel, MOBILE, "STOP").await;
        app.pass(hours(100)).await;
        // The reminder that never left, and the confirmation of the stop.
        assert_eq!(app.outside.texts(), 2);
        assert!(app.cart_story(&shop, "c1").await.contains("text 1 cancelled (opted out by reply)"));
    })
    .await;
}

#[tokio::test]
async fn a_stop_to_the_house_reaches_whoever_texted() {
    on_both(async |app| {
        let house = app.with_house_gateway("log").await;
        let texted = app.with_shop_like("generic", &[("name", "One")]).await;
        let other = app.with_shop_like("generic", &[("name", "Two")]).await;
        leave_another(app, &texted, "c1", json!({})).await;
        app.reply(&house, MOBILE, "STOP").await;
        app.pass(hours(2)).await;
        assert_eq!(app.purposes(&texted).await, ["reminder", "answer"]);
        leave_another(app, &other, "c1", json!({})).await;
        assert_eq!(app.purposes(&other).await, ["reminder"]);
        // Whoever was not texted by anybody says it to all.
        app.reply(&house, "+38640555999", "STOP").await;
        for shop in [&texted, &other] {
            leave_another(
                app,
                shop,
                "c2",
                json!({ "phone": "+38640555999", "started_at": app.ago(hours(1)),
                                                   "email": null, "customer_id": null }),
            )
            .await;
        }
        // One confirmation, whoever heard it.
        let count = |purposes: Vec<&str>, wanted: &str| purposes.iter().filter(|purpose| **purpose == wanted).count();
        let of = [app.purposes(&texted).await, app.purposes(&other).await];
        assert_eq!(of.clone().map(|purposes| count(purposes, "reminder")), [1, 1]);
        assert_eq!(of.map(|purposes| count(purposes, "answer")).iter().sum::<usize>(), 2);
        assert_eq!(app.alarms(ShopId::HOUSE).await, [""; 0]);
        app.pass(hours(100)).await;
        // The other shop's second text went: it was the first shop that was told to stop.
        let of = [app.purposes(&texted).await, app.purposes(&other).await];
        assert_eq!(of.map(|purposes| count(purposes, "reminder")), [1, 2]);
    })
    .await;
}

//! The double opt-in: asked by text, reminded once, confirmed by YES only while it is pending, and silence otherwise;
//! and what every level of consent is good for where.

use cartback::{
    domain::{consent::Level, event::ConsentState, time::Time},
    pipeline::follow,
};
use serde_json::{Value, json};

use super::bodies::with;
use crate::app::{Account, App, Shopkeeper, hours, minutes, on_both};

/// A number of Manhattan's.
const US: &str = "+12125550142";

/// Eleven in the morning in New York, a Tuesday.
const MORNING: &str = "2026-03-03T16:00:00Z";

async fn open_us(app: &App) -> (Shopkeeper, Account) {
    app.clock.set(Time::parse(MORNING).unwrap());
    let place = [("country", "US"), ("currency", "USD"), ("timezone", "America/New_York")];
    let shop = app.with_shop_like("shopify", &place).await;
    let log = app.with_gateway(&shop, "log").await;
    (shop, log)
}

async fn leave_us(app: &App, shop: &Shopkeeper, token: &str) {
    let address = json!({
        "first_name": "Ann", "phone": US, "city": "New York", "zip": "10011", "province": "New York",
        "country": "United States", "country_code": "US", "province_code": "NY",
    });
    let change = json!({
        "sms_marketing_phone": US, "shipping_address": address, "currency": "USD", "presentment_currency": "USD",
        "customer_locale": "en-US",
    });
    app.shopify(shop, "checkouts/create", &app.shopify_checkout(token, change)).await;
    app.pass(minutes(31)).await;
}

#[tokio::test]
async fn a_yes_in_time_sends_the_reminder() {
    on_both(async |app| {
        let (shop, log) = open_us(app).await;
        leave_us(app, &shop, "c1").await;
        assert_eq!(app.purposes(&shop).await, ["confirmation"]);
        let request = app.last_text(&shop).await;
        for said in ["YES", "cart reminder", "HELP", "STOP"] {
            assert!(request.words.contains(said), "{said}: {}", request.words);
        }
        app.pass(hours(2)).await;
        assert_eq!(app.purposes(&shop).await, ["confirmation"]);
        app.reply(&log, US, "Yes!").await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "answer", "reminder"]);
        // The proof: the raw reply, when it came, by which gateway, and the request it answers, word for word.
        let (consents, outs) = app.ledgers(&shop, US).await;
        let double = consents.iter().find(|entry| entry.level() == Level::Double).unwrap();
        let reply = double.proof.reply.clone().unwrap();
        assert_eq!((double.state, double.at, outs.len()), (ConsentState::Granted, app.now(), 0));
        assert_eq!((reply.text.as_str(), reply.received_at, reply.gateway), ("Yes!", app.now(), log.id.get()));
        assert_eq!((reply.request, reply.request_text), (Some(request.id.get()), Some(request.words.clone())));
        assert!(reply.gateway_ref.unwrap().starts_with("in-"));
        // The single one it rests on is in the ledger too.
        assert!(consents.iter().any(|entry| entry.level() == Level::Single && entry.proof.source == "shopify"));
        // One text for a cart, and nothing is asked again.
        app.reply(&log, US, "yes").await;
        app.pass(hours(100)).await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "answer", "reminder"]);
        assert!(app.figures(&shop).await.contains("texted 1, texts 1"), "{}", app.figures(&shop).await);
        // The next cart needs no request.
        leave_us(app, &shop, "c2").await;
        assert_eq!(app.purposes(&shop).await.last(), Some(&"reminder"));
    })
    .await;
}

#[tokio::test]
async fn without_an_answer_one_reminder_and_silence() {
    on_both(async |app| {
        let (shop, log) = open_us(app).await;
        leave_us(app, &shop, "c1").await;
        // A second cart while the first request is pending asks nothing.
        app.pass(hours(1)).await;
        leave_us(app, &shop, "c2").await;
        assert_eq!(app.purposes(&shop).await, ["confirmation"]);
        app.pass(hours(21)).await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "confirmation_again"]);
        app.pass(hours(100)).await;
        assert!(app.cart_story(&shop, "c1").await.contains("no: "), "{}", app.cart_story(&shop, "c1").await);
        // Nor does a third, nor is a yes that comes too late worth anything.
        leave_us(app, &shop, "c3").await;
        app.reply(&log, US, "YES").await;
        app.pass(hours(24)).await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "confirmation_again"]);
        assert!(app.ledgers(&shop, US).await.0.iter().all(|entry| entry.level() != Level::Double));
        // A month later they may be asked once more.
        app.pass(hours(24 * 31)).await;
        app.clock.set(Time::parse("2026-04-15T16:00:00Z").unwrap());
        leave_us(app, &shop, "c4").await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "confirmation_again", "confirmation"]);
        app.pass(hours(100)).await;
    })
    .await;
}

#[tokio::test]
async fn the_reminder_of_the_request_is_still_answered_in_time() {
    on_both(async |app| {
        let (shop, log) = open_us(app).await;
        leave_us(app, &shop, "c1").await;
        app.pass(hours(23)).await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "confirmation_again"]);
        app.reply(&log, US, "y").await;
        app.pass(hours(5)).await;
        let sent = app.purposes(&shop).await;
        assert_eq!(sent, ["confirmation", "confirmation_again", "answer", "reminder"]);
    })
    .await;
}

#[tokio::test]
async fn a_yes_after_the_cart_is_over_confirms_for_the_next() {
    on_both(async |app| {
        let (shop, log) = open_us(app).await;
        leave_us(app, &shop, "c1").await;
        app.pass(hours(60)).await;
        app.reply(&log, US, "YES").await;
        app.pass(hours(48)).await;
        let sent = ["confirmation", "confirmation_again", "answer"];
        assert_eq!(app.purposes(&shop).await, sent);
        app.clock.set(Time::parse("2026-03-10T16:00:00Z").unwrap());
        leave_us(app, &shop, "c2").await;
        assert_eq!(app.purposes(&shop).await.last(), Some(&"reminder"));
    })
    .await;
}

#[tokio::test]
async fn a_no_is_a_stop() {
    on_both(async |app| {
        for (number, word) in ["No", "STOP", "no thanks, stop"].into_iter().enumerate() {
            let (shop, log) = open_us(app).await;
            let token = format!("c{number}");
            leave_us(app, &shop, &token).await;
            app.reply(&log, US, word).await;
            app.pass(hours(100)).await;
            assert_eq!(app.purposes(&shop).await, ["confirmation", "answer"], "{word}");
            let (_, outs) = app.ledgers(&shop, US).await;
            let proof = outs[0].1.clone().unwrap();
            assert_eq!((outs.len(), proof.text.as_deref()), (1, Some(word)));
            app.reply(&log, US, "YES").await;
            app.pass(hours(1)).await;
            assert_eq!(app.purposes(&shop).await, ["confirmation", "answer"], "{word}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_strangers_yes_is_nothing() {
    on_both(async |app| {
        let (shop, log) = open_us(app).await;
        app.reply(&log, US, "YES").await;
        assert!(app.ledgers(&shop, US).await.0.is_empty());
        leave_us(app, &shop, "c1").await;
        assert_eq!(app.purposes(&shop).await, ["confirmation"]);
        app.pass(hours(100)).await;
    })
    .await;
}

#[tokio::test]
async fn requests_keep_to_the_hours_and_answers_do_not() {
    on_both(async |app| {
        let (shop, log) = open_us(app).await;
        // Half past nine in the evening.
        app.clock.set(Time::parse("2026-03-05T02:30:00Z").unwrap());
        leave_us(app, &shop, "c1").await;
        assert_eq!(app.purposes(&shop).await, [""; 0]);
        app.pass(hours(10)).await;
        assert_eq!(app.purposes(&shop).await, [""; 0]);
        app.pass(hours(2)).await;
        assert_eq!(app.purposes(&shop).await, ["confirmation"]);
        app.clock.set(Time::parse("2026-03-06T04:00:00Z").unwrap());
        app.reply(&log, US, "YES").await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "answer"]);
        app.pass(hours(11)).await;
        assert_eq!(app.purposes(&shop).await.last(), Some(&"reminder"));
    })
    .await;
}

/// A cart of the generic kind in a country, with what it says of consent.
async fn leave(app: &App, shop: &Shopkeeper, token: &str, (country, phone): (&str, &str), consent: Value) {
    let place = json!({
        "phone": phone, "phone_country": country, "country": country, "consent": consent, "cart_token": null,
        "customer_id": null, "email": null,
    });
    app.generic(shop, "checkout.updated", with(&app.checkout(token, json!({})), place)).await;
    app.pass(minutes(31)).await;
}

const SI: (&str, &str) = ("SI", "+38640555101");
const DE: (&str, &str) = ("DE", "+4915123456789");
const GB: (&str, &str) = ("GB", "+447400123456");

#[tokio::test]
async fn what_each_level_is_good_for_depends_on_the_country() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("countries", "SI,DE,GB")]).await;
        app.with_gateway(&shop, "log").await;
        let ticked = json!({ "state": "granted", "source": "shop.example" });
        leave(app, &shop, "si", SI, ticked.clone()).await;
        assert_eq!(app.purposes(&shop).await, ["reminder"]);
        leave(app, &shop, "de", DE, ticked).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "confirmation"]);
        let confirmed = json!({ "state": "granted", "level": "confirmed_opt_in", "source": "shop.example" });
        leave(app, &shop, "de2", ("DE", "+4915123456788"), confirmed).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "confirmation", "reminder"]);
        // A list without proof is texted where single will do, and neither texted nor asked where it will not.
        let listed = json!({ "state": "granted", "source": "csv", "level": "double_opt_in" });
        leave(app, &shop, "de3", ("DE", "+4915123456787"), listed.clone()).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "confirmation", "reminder"]);
        assert!(app.cart_story(&shop, "de3").await.contains("nothing to prove it"));
        leave(app, &shop, "si2", ("SI", "+38640555102"), listed).await;
        assert_eq!(app.purposes(&shop).await.len(), 4);
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn a_shop_may_ask_for_more_than_the_law() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("consent", "double_opt_in")]).await;
        let log = app.with_gateway(&shop, "log").await;
        leave(app, &shop, "si", SI, json!({ "state": "granted" })).await;
        assert_eq!(app.purposes(&shop).await, ["confirmation"]);
        app.reply(&log, SI.1, "DA").await;
        app.reply(&log, SI.1, "Ja").await;
        assert_eq!(app.purposes(&shop).await, ["confirmation", "answer", "reminder"]);
        app.pass(hours(100)).await;
    })
    .await;
}

#[tokio::test]
async fn customers_may_be_texted_where_law_and_shop_let_them() {
    on_both(async |app| {
        let countries = ("countries", "SI,DE,GB");
        let soft = app.with_shop_like("generic", &[countries, ("consent.GB", "soft_opt_in")]).await;
        let strict = app.with_shop_like("generic", &[countries]).await;
        let loose = app.with_shop_like("generic", &[countries, ("consent", "soft_opt_in")]).await;
        for shop in [&soft, &strict, &loose] {
            app.with_gateway(shop, "log").await;
            for (id, phone) in [("1", GB.1), ("2", SI.1)] {
                let order = json!({ "phone": phone, "email": null, "checkout_token": format!("before-{id}") });
                app.generic(shop, "order.upserted", app.order(id, "before", order)).await;
            }
        }
        app.pass(hours(48)).await;
        app.clock.set(Time::parse("2026-03-06T11:00:00Z").unwrap());
        for shop in [&soft, &strict, &loose] {
            leave(app, shop, "gb", GB, json!(null)).await;
            // Somebody who has never bought.
            leave(app, shop, "new", ("GB", "+447400123457"), json!(null)).await;
            // A country whose law knows no such thing for texts.
            leave(app, shop, "si", SI, json!(null)).await;
        }
        assert_eq!(app.purposes(&soft).await, ["reminder"]);
        assert_eq!(app.texts(&soft).await[0].to, GB.1);
        assert_eq!(app.purposes(&strict).await, [""; 0]);
        assert_eq!(app.purposes(&loose).await, ["reminder"]);
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn a_changed_number_is_a_new_consent() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        leave(app, &shop, "c1", SI, json!({ "state": "granted" })).await;
        assert_eq!(app.purposes(&shop).await, ["reminder"]);
        app.pass(hours(80)).await;
        // The same customer, another number, and no box ticked for it.
        let change = json!({ "phone": "+38640555103", "phone_country": "SI", "consent": null, "cart_token": null });
        app.generic(&shop, "checkout.updated", app.checkout("c2", change)).await;
        app.pass(hours(72)).await;
        assert!(app.cart_story(&shop, "c2").await.contains("none on record"));
        let texts = app.texts(&shop).await;
        assert!(texts.iter().all(|text| text.to == SI.1), "{texts:?}");
    })
    .await;
}

#[tokio::test]
async fn the_link_to_opt_out_outlives_the_cart_and_its_text() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        leave(app, &shop, "c1", SI, json!({ "state": "granted" })).await;
        let text = app.last_text(&shop).await;
        let (_, keys) = app.shop(shop.id).await;
        let reference = cartback::domain::message::MessageRef { shop: shop.id, message: text.id };
        let token = cartback::domain::link::sign(&keys, cartback::domain::link::Purpose::OptOut, reference);
        app.pass(hours(24 * 61)).await;
        let who = json!({ "phone": SI.1 });
        app.generic(&shop, "customer.redacted", who).await;
        let cart = app.cart(&shop, "c1").await;
        assert!(cart.erased_at.is_some());
        assert_eq!(app.messages(&shop).await[0].0.to, "");
        assert!(follow::opt_out_page(&app.core, &token).await.unwrap().is_some());
        assert!(app.ledgers(&shop, SI.1).await.1.is_empty());
        assert!(follow::opt_out(&app.core, &token).await.unwrap().is_some());
        assert_eq!(app.ledgers(&shop, SI.1).await.1[0].0.source, "link");
        app.pass(hours(1)).await;
    })
    .await;
}

//! What has outlived its purpose is forgotten, each kind by its own clock, and figures stay what they were.

use cartback::{
    domain::{
        event::{Identity, TypedPhone},
        id::MessageId,
        time::{DAY, Time},
    },
    pipeline::people::{export, proof},
    store::{consent, decision, message, order, retention},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bodies::MOBILE;
use crate::app::{App, Shopkeeper, hours, minutes, on_both};

/// Lets days go by with the recurring work of each night.
async fn nights(app: &App, days: u32) {
    let mut worker = App::worker_with_recurring(&app.core);
    let step = days.clamp(1, 30);
    let mut left = days;
    // The first look only learns when the next night is.
    worker.tick().await.unwrap();
    while left > 0 {
        let now = step.min(left);
        app.sleep(DAY * now);
        while worker.tick().await.unwrap() > 0 {}
        left -= now;
    }
    app.settle().await;
}

async fn lived(app: &App, changes: &[(&str, &str)]) -> Shopkeeper {
    let shop = app.with_shop_like("generic", &[&[("steps_after_minutes", "0")], changes].concat()).await;
    let kannel = app.with_gateway(&shop, "kannel").await;
    app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
    app.pass(minutes(35)).await;
    let text = app.last_text(&shop).await;
    app.receipt(&kannel, &text, "delivered").await;
    app.tap(&text).await;
    app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
    app.pass(hours(1)).await;
    shop
}

async fn the_message(app: &App, shop: &Shopkeeper) -> message::Message {
    let (_, keys) = app.shop(shop.id).await;
    let all = message::list(&mut app.read().await, &keys, None, MessageId::new(i64::MAX), 9).await.unwrap();
    all.into_iter().next().unwrap()
}

#[tokio::test]
async fn each_kind_goes_when_its_clock_says() {
    on_both(async |app| {
        let shop = lived(app, &[]).await;
        let (_, keys) = app.shop(shop.id).await;
        let words = the_message(app, &shop).await;
        let exact = data_encoding::HEXLOWER.encode(&Sha256::digest(words.words.text.as_bytes()));
        let before = app.figures(&shop).await;
        assert!(before.contains("recovered 1"), "{before}");
        // A shop's key is followed by new ones meanwhile.
        let tap = async || {
            let (_, keys) = app.shop(shop.id).await;
            let mut read = app.read().await;
            cartback::store::click::of_message(&mut read, &keys, words.id).await.unwrap().remove(0)
        };
        let decisions = async || {
            let (_, keys) = app.shop(shop.id).await;
            let mut read = app.read().await;
            decision::of_cart(&mut read, &keys, words.cart().unwrap()).await.unwrap().len()
        };
        let consents = async || {
            let (_, keys) = app.shop(shop.id).await;
            let mut read = app.read().await;
            consent::of_phone(&mut read, &keys, &keys.index("phone", MOBILE)).await.unwrap().0.len()
        };
        let the_order = async || {
            let (_, keys) = app.shop(shop.id).await;
            order::by_external_id(&mut app.read().await, &keys, "1").await.unwrap().unwrap()
        };

        nights(app, 80).await;
        assert!(app.deliveries(&shop).await.is_empty(), "raw deliveries go after 30 days");
        assert_eq!(the_message(app, &shop).await.words.text, words.words.text);
        assert!(tap().await.opened.agent.is_some());

        nights(app, 20).await;
        // Carts and words: 90 days. The text is found by its hash, and by every name of the person.
        let message = the_message(app, &shop).await;
        assert_eq!((message.words.text.as_str(), message.words.phone.as_str()), ("", MOBILE));
        assert!(app.cart(&shop, "c1").await.erased_at.is_some());
        let kept = retention::digest_of(&mut app.read().await, &keys, message.id).await.unwrap().unwrap();
        assert_eq!(data_encoding::HEXLOWER.encode(&kept), exact);
        let proof = proof::proof(&app.core, shop.id, message.id).await.unwrap().unwrap();
        let told: Value = serde_json::from_str(&proof.json).unwrap();
        assert_eq!((&told["message"]["text_sha256"], &told["consent"]["state"]), (&json!(exact), &json!("granted")));
        let by_email = Identity { email: Some("maja.novak@shopper.example".into()), ..Identity::default() };
        let found = export::export(&app.core, shop.id, &by_email).await.unwrap().unwrap();
        assert_eq!(found.messages.len(), 1, "{}", found.words());
        let tapped = tap().await;
        assert_eq!((tapped.opened.agent.clone(), tapped.is_human()), (None, true));
        assert_eq!((decisions().await, consents().await), (1, 1));
        assert!(the_order().await.latest.who.email.is_some());

        nights(app, 700).await;
        assert_eq!((decisions().await, consents().await), (0, 1));
        assert_eq!(the_order().await.latest.who, Identity::default());
        assert_eq!(the_order().await.latest.total.minor, 12_800);

        nights(app, 1_200).await;
        assert_eq!(consents().await, 0);
        assert_eq!(the_message(app, &shop).await.words.phone, "");
        let phones = vec![TypedPhone { number: MOBILE.into(), country: None }];
        let nobody = Identity { phones, ..Identity::default() };
        let found = export::export(&app.core, shop.id, &nobody).await.unwrap().unwrap();
        assert!(found.is_empty(), "{}", found.words());

        // As far back as the report looks, the days are what they were.
        let report = cartback::pipeline::report::report(&app.core, shop.id, 30, 0).await.unwrap().unwrap();
        assert_eq!(report.total.counts.recovered_orders, 0);
        app.clock.set(Time::parse("2026-03-04T09:00:00Z").unwrap());
        assert_eq!(app.figures(&shop).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_shop_may_forget_sooner_and_an_opt_out_stays() {
    on_both(async |app| {
        let changes =
            [("retention.message_days", "7"), ("retention.click_days", "1"), ("inbox_days", "7"), ("cart_days", "7")];
        let shop = lived(app, &changes).await;
        let (opened, keys) = app.shop(shop.id).await;
        assert_eq!(opened.rules.retention.message_days, 7);
        let out = cartback::pipeline::people::import::TypedOptOut { phone: MOBILE.into(), ..Default::default() };
        let statement = out.read(&opened, "operator", app.now()).unwrap();
        cartback::pipeline::people::import::take(&app.core, shop.id, &[statement]).await.unwrap();
        nights(app, 9).await;
        assert_eq!(the_message(app, &shop).await.words.text, "");
        nights(app, 4_000).await;
        let outs = consent::of_phone(&mut app.read().await, &keys, &keys.index("phone", MOBILE)).await.unwrap().1;
        assert_eq!(outs.len(), 1);
        // Bounds hold.
        let change = [("retention.message_days".to_owned(), "3".to_owned())].into();
        let refused = cartback::pipeline::connect::change_shop(&app.core, shop.id, &change).await;
        assert!(refused.unwrap_err().to_string().contains("retention.message_days: must be 7 to 730"));
    })
    .await;
}

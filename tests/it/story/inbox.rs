//! What is answered with a yes is never lost, whatever it says; what cannot be understood waits where a person finds it.

use cartback::{
    domain::{connector::Refusal, id::DeliveryId, standard_webhooks},
    pipeline::receive::{self, Answer},
    store::{inbox, job},
    transact,
};
use serde_json::json;

use crate::app::{App, STANDARD_SECRET, Shopkeeper, hours, minutes, on_both};

const TAKEN: Answer = Answer::Taken { content_type: "text/plain", body: std::borrow::Cow::Borrowed("") };

#[tokio::test]
async fn f31_the_unreadable_is_kept_listed_and_replayed() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        assert_eq!(app.standard(&shop, "{\"type\":").await, TAKEN);
        assert_eq!(app.standard(&shop, "[]").await, TAKEN);
        assert_eq!(app.standard(&shop, "").await, TAKEN);
        assert_eq!(app.standard(&shop, "\u{0}\u{ffff}").await, TAKEN);
        let body = json!({ "type": "checkout.updated", "data": app.checkout("c1", json!({ "total": "12,50" })) });
        assert_eq!(app.standard(&shop, &body.to_string()).await, TAKEN);
        app.settle().await;
        let problems = app.problems(&shop).await;
        assert_eq!(problems.len(), 5);
        assert_eq!(problems[0].1, "total is not a decimal amount such as \"128.00\"");
        // It stays so until somebody mends it, however often it is tried.
        assert!(receive::replay(&app.core, shop.id, problems[0].0).await.unwrap());
        app.settle().await;
        assert_eq!(app.problems(&shop).await.len(), 5);
        assert!(!receive::replay(&app.core, shop.id, DeliveryId::new(5)).await.unwrap());
        // The shop's settings were at fault: with another connector the same bytes can be read.
        mend(app, &shop, problems[0].0).await;
        assert!(receive::replay(&app.core, shop.id, problems[0].0).await.unwrap());
        app.settle().await;
        assert_eq!(app.problems(&shop).await.len(), 4);
        app.pass(minutes(30)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

/// Stands for a newer version of the program, which reads what this one could not: the same row with readable bytes.
async fn mend(app: &App, shop: &Shopkeeper, id: DeliveryId) {
    let (_, keys) = app.shop(shop.id).await;
    let mut kept = inbox::get(&mut app.read().await, &keys, id).await.unwrap().unwrap();
    kept.delivery.body = String::from_utf8(kept.delivery.body).unwrap().replace("12,50", "12.50").into_bytes();
    let arrival = inbox::Arrival { id, gateway: None, topic: kept.topic, dedup: [9; 16], delivery: kept.delivery };
    transact!(app.core.db, |tx| {
        inbox::forget(tx, shop.id, id).await?;
        crate::sql::keep_aside(tx, &keys, &arrival).await?;
    })
    .unwrap();
}

#[tokio::test]
async fn any_word_of_a_sender_can_be_kept() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        // PostgreSQL takes no NUL in a text.
        for kind in ["a\\u0000b", "check\\ud83dout", &"x".repeat(5_000), "żółć 🛒"] {
            assert_eq!(app.standard(&shop, &format!("{{\"type\":\"{kind}\",\"data\":{{}}}}")).await, TAKEN, "{kind}");
        }
        let odd = json!({
            "id": "7\u{0}7", "number": "#\u{0}1\u{7}", "currency": "EUR", "total": "90071992547409.93",
            "recovery_tokens": ["\u{0}"], "codes": ["A\u{0}B"], "refunds": [{ "id": "r\u{0}", "amount": "1" }],
        });
        app.generic(&shop, "order.upserted", odd).await;
        let consent = json!({ "phone": "+38640555101", "state": "granted", "source": "a\u{0}b" });
        app.generic(&shop, "consent.updated", consent).await;
        let big =
            json!({ "total": "100000000000000.00", "items": [{ "title": "a\u{0}b", "quantity": 4294967296i64 }] });
        app.generic(&shop, "checkout.updated", app.checkout("c\u{1f6d2}", big)).await;
        let asked = json!({ "customer_id": "c\u{0}7" });
        app.generic(&shop, "customer.data_requested", asked).await;
        for (_, problem) in app.problems(&shop).await {
            assert!(!problem.contains("given up"), "{problem}");
        }
        app.pass(hours(1)).await;
        assert_eq!(app.carts(&shop).await.len(), 1, "{:?}", app.problems(&shop).await);
    })
    .await;
}

#[tokio::test]
async fn a_gateways_odd_words_can_be_kept() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        let log = app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(31)).await;
        let text = app.last_text(&shop).await;
        let odd =
            json!({ "type": "receipt", "reference": format!("{}.{}", text.shop, text.id), "status": "deliv\u{0}ered" });
        app.call_back(&log, "", &[], &odd.to_string()).await;
        let reply = json!({ "type": "reply", "from": "+3864055\u{0}5101", "text": "ST\u{0}OP", "id": "a\u{0}" });
        app.call_back(&log, "", &[], &reply.to_string()).await;
        app.call_back(&log, "?type=re%00ply&from=%00", &[], "").await;
        app.settle().await;
        for (_, problem) in app.problems(&shop).await {
            assert!(!problem.contains("given up"), "{problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn f12_the_same_delivery_again_changes_nothing() {
    on_both(async |app| {
        let shop = app.with_shop("shopify").await;
        app.with_gateway(&shop, "log").await;
        let body = app.shopify_checkout("5c0ff", json!({})).to_string();
        let mac = {
            use hmac::{KeyInit, Mac};
            let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(crate::app::SHOPIFY_KEY.as_bytes()).unwrap();
            data_encoding::BASE64.encode(&mac.chain_update(body.as_bytes()).finalize().into_bytes())
        };
        let headers = vec![
            ("x-shopify-topic".to_owned(), "checkouts/update".to_owned()),
            ("x-shopify-webhook-id".to_owned(), "same".to_owned()),
            ("x-shopify-hmac-sha256".to_owned(), mac),
        ];
        for _ in 0..3 {
            assert_eq!(app.post(&shop, headers.clone(), body.as_bytes()).await, TAKEN);
            app.pass(minutes(1)).await;
        }
        assert_eq!(app.deliveries(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_cannot_prove_it_is_refused_and_noted() {
    on_both(async |app| {
        let shop = app.with_shop("shopify").await;
        let body = app.shopify_checkout("5c0ff", json!({})).to_string();
        assert_eq!(app.post(&shop, Vec::new(), body.as_bytes()).await, Answer::Refused(Refusal::Unsigned));
        let mut read = app.read().await;
        let noted = cartback::store::connection::find(&mut read, &shop.path).await.unwrap().unwrap();
        assert_eq!((noted.refused_count, noted.refused_why.as_str()), (1, "no signature was sent"));
        drop(read);
        app.settle().await;
        assert_eq!(app.carts(&shop).await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn many_at_once_are_all_kept() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let other = app.with_shop("generic").await;
        let bodies: Vec<_> = (0..60)
            .map(|number| {
                let data = app.checkout(&format!("c{number}"), json!({ "consent": null }));
                json!({ "type": "checkout.updated", "data": data }).to_string()
            })
            .collect();
        let posts = bodies
            .iter()
            .enumerate()
            .map(|(number, body)| app.standard(if number % 2 == 0 { &shop } else { &other }, body));
        let answers = futures_util::future::join_all(posts).await;
        assert!(answers.iter().all(|answer| *answer == TAKEN));
        app.settle().await;
        assert_eq!((app.carts(&shop).await.len(), app.carts(&other).await.len()), (30, 30));
        app.pass(hours(1)).await;
    })
    .await;
}

#[tokio::test]
async fn f40_a_delivery_that_fails_each_time_is_put_aside() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        let body = json!({ "type": "checkout.updated", "data": app.checkout("c1", json!({})) });
        app.standard(&shop, &body.to_string()).await;
        // Its bytes are damaged on the disk: no try can succeed.
        let bad = app.deliveries(&shop).await[0].id;
        let (_, keys) = app.shop(shop.id).await;
        let kept = inbox::get(&mut app.read().await, &keys, bad).await.unwrap().unwrap();
        let elsewhere = DeliveryId::new(bad.get() + 1);
        damage(app, &shop, bad, elsewhere, &kept).await;
        app.generic(&shop, "checkout.updated", app.checkout("c2", json!({ "cart_token": null }))).await;
        assert_eq!(app.cart(&shop, "c2").await.latest.token, "c2");
        app.pass(minutes(30)).await;
        let problems = app.problems(&shop).await;
        assert_eq!(problems.len(), 1);
        assert!(problems[0].1.starts_with("given up after 5 tries: stored"), "{}", problems[0].1);
        let mut read = app.read().await;
        assert_eq!(
            job::waiting(&mut read, shop.id).await.unwrap().iter().find(|(kind, _)| *kind == job::Kind::Ingest),
            None
        );
        drop(read);
        app.pass(hours(1)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

/// Leaves a row whose sealed bytes belong to another row.
async fn damage(app: &App, shop: &Shopkeeper, id: DeliveryId, sealed_as: DeliveryId, kept: &inbox::Kept) {
    let (_, keys) = app.shop(shop.id).await;
    let arrival = inbox::Arrival {
        id: sealed_as,
        gateway: None,
        topic: kept.topic.clone(),
        dedup: [8; 16],
        delivery: kept.delivery.clone(),
    };
    transact!(app.core.db, |tx| {
        inbox::forget(tx, shop.id, id).await?;
        crate::sql::keep_aside(tx, &keys, &arrival).await?;
    })
    .unwrap();
    crate::sql::run(
        app,
        &format!("UPDATE inbox SET delivery_id = {} WHERE delivery_id = {}", id.get(), sealed_as.get()),
    )
    .await;
}

/// WooCommerce names a delivery after the webhook and the second (shops.md, section 2).
#[tokio::test]
async fn f13_two_deliveries_of_one_name_with_different_bodies_are_both_kept() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        for token in ["c1", "c2", "c1"] {
            let body = json!({ "type": "checkout.updated", "data": app.checkout(token, json!({ "phone": null })) });
            let (body, at) = (body.to_string(), app.now().seconds());
            let headers = vec![
                ("webhook-id".into(), "evt_1".into()),
                ("webhook-timestamp".into(), at.to_string()),
                ("webhook-signature".into(), standard_webhooks::sign(STANDARD_SECRET, "evt_1", at, body.as_bytes())),
            ];
            assert_eq!(app.post(&shop, headers, body.as_bytes()).await, TAKEN);
        }
        app.settle().await;
        assert_eq!((app.deliveries(&shop).await.len(), app.carts(&shop).await.len()), (2, 2));
    })
    .await;
}

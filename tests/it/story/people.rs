//! What is held about a person can be handed over, proved and forgotten to the last corner; lists come in whole or not.

use cartback::{
    domain::{
        event::{Identity, TypedPhone},
        id::ShopId,
    },
    pipeline::people::{self, export, import, proof},
    store::{cart, inbox, message},
};
use serde_json::{Value, json};

use super::bodies::MOBILE;
use crate::app::{App, Home, Shopkeeper, minutes, on_both};

pub fn by_phone(number: &str) -> Identity {
    Identity { phones: vec![TypedPhone { number: number.into(), country: None }], ..Identity::default() }
}

fn by_email(email: &str) -> Identity {
    Identity { email: Some(email.into()), ..Identity::default() }
}

fn by_customer(customer: &str) -> Identity {
    Identity { customer: Some(customer.into()), ..Identity::default() }
}

/// Texted through the house's gateway, tapped, bought, answered.
async fn lived(app: &App) -> Shopkeeper {
    let kannel = app.with_house_gateway("kannel").await;
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    let consent = json!({
        "phone": MOBILE, "state": "granted", "ip": "192.0.2.10", "text": "Text me about my cart",
        "url": "https://shop.example/checkout", "at": app.ago(minutes(1)),
    });
    app.generic(&shop, "consent.updated", consent).await;
    app.generic(&shop, "checkout.updated", app.checkout("c1", json!({ "note": "a private note" }))).await;
    app.pass(minutes(35)).await;
    let text = app.last_text(&shop).await;
    app.receipt(&kannel, &text, "delivered").await;
    app.tap(&text).await;
    let refunded = json!({ "refunds": [{ "id": "r1", "amount": "28.00", "at": app.iso() }] });
    app.generic(&shop, "order.upserted", app.order("1", "c1", refunded)).await;
    app.reply(&kannel, MOBILE, "who is this? Maja").await;
    shop
}

/// Somebody else in the same shop, in the same minutes.
async fn another(app: &App, shop: &Shopkeeper) {
    let other = json!({ "phone": "+38640555199", "email": "other@shopper.example", "customer_id": "c-8", "first_name": "Otto",
                        "consent": { "state": "granted", "source": "shop.example", "ip": "192.0.2.99" } });
    app.generic(shop, "checkout.updated", app.checkout("c2", other)).await;
}

#[tokio::test]
async fn what_is_held_is_told_by_any_name_and_nobody_else() {
    on_both(async |app| {
        let shop = lived(app).await;
        another(app, &shop).await;
        let mut all = Vec::new();
        for who in [by_phone("040 555 101"), by_email("maja.novak@shopper.example"), by_customer("c-7")] {
            let export = export::export(&app.core, shop.id, &who).await.unwrap().unwrap();
            let text = export.to_json().unwrap();
            for held in [
                MOBILE,
                "Maja",
                "192.0.2.10",
                "a private note",
                "Oak stool",
                "Text me about my cart",
                "28.00",
                "who is this?",
                "iPhone",
            ] {
                assert!(text.contains(held), "{held} is not in {text}");
            }
            for not in ["+38640555199", "other@shopper.example", "Otto", "192.0.2.99", "key=9f", "whsec_"] {
                assert!(!text.contains(not), "{not} is in {text}");
            }
            let texts = app.texts(&shop).await;
            assert!(!text.contains(&texts[0].token('r')), "{text}");
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&read["format"], &read["version"]), (&json!("cartback.person"), &json!(1)));
            all.push((export.carts, export.orders, export.messages, export.consents, export.deliveries));
        }
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
        // The consent, the checkout, the receipt and the reply at the house's gateway, the order.
        assert_eq!(all[0].4.len(), 5);
        let nobody = export::export(&app.core, shop.id, &by_email("nobody@shopper.example")).await.unwrap().unwrap();
        assert!(nobody.is_empty(), "{}", nobody.words());
        assert!(export::export(&app.core, ShopId::new(99), &by_customer("c-7")).await.unwrap().is_none());
    })
    .await;
}

/// The sealed bytes that hold somebody, as the database file has them.
async fn sealed(app: &App, shop: &Shopkeeper) -> Vec<Vec<u8>> {
    let table = |name: &str, column: &str| format!("SELECT {column} FROM {name} WHERE shop_id = {}", shop.id);
    let mut found = Vec::new();
    for (name, column) in [("cart", "detail"), ("message", "detail"), ("shop_order", "detail"), ("inbox", "body")] {
        found.extend(crate::sql::blobs(&app.core.db, &table(name, column)).await);
    }
    found
}

fn holds(files: &[u8], blob: &[u8]) -> bool {
    // The middle: the first bytes of two sealed values may be alike.
    let part = &blob[blob.len() / 3..blob.len() / 3 + 24];
    files.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn not_even_the_sealed_bytes_of_the_forgotten_are_left() {
    on_both(async |app| {
        let shop = lived(app).await;
        let files = |app: &App| match &app.home {
            Home::Lite(folder) => {
                let all = std::fs::read_dir(folder.path()).unwrap();
                all.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect::<Vec<u8>>()
            }
            Home::Pg(_) => Vec::new(),
        };
        let blobs = sealed(app, &shop).await;
        assert!(blobs.len() >= 5, "{}", blobs.len());
        let before = files(app);
        assert!(before.is_empty() || blobs.iter().all(|blob| holds(&before, blob)));
        let erased = people::forget(&app.core, shop.id, &by_phone(MOBILE), "test").await.unwrap().unwrap();
        assert_eq!((erased.carts, erased.orders, erased.messages, erased.consents), (1, 1, 1, 2));
        let after = files(app);
        assert!(!blobs.iter().any(|blob| holds(&after, blob)), "sealed bytes are left");
        app.settle().await;
        // Nothing in any inbox names them, the house's included.
        for tenant in [shop.id, ShopId::HOUSE] {
            let mut read = app.read().await;
            let keys = app.core.vault.keys(&mut read, tenant).await.unwrap();
            let newest = cartback::domain::id::DeliveryId::new(i64::MAX);
            for line in inbox::list(&mut read, tenant, inbox::Filter::All, newest, 100).await.unwrap() {
                let kept = inbox::get(&mut read, &keys, line.id).await.unwrap().unwrap();
                let text = format!("{} {}", kept.delivery.url, String::from_utf8_lossy(&kept.delivery.body));
                assert!(!text.contains("555101") && !text.contains("Maja"), "{text}");
            }
        }
        let export = export::export(&app.core, shop.id, &by_phone(MOBILE)).await.unwrap().unwrap();
        assert!(export.is_empty(), "{}", export.to_json().unwrap());
        // The record of it names nobody.
        let (_, keys) = app.shop(shop.id).await;
        let mut read = app.read().await;
        let record = cartback::store::request::get(&mut read, &keys, erased.request).await.unwrap().unwrap();
        assert!(record.done_at.is_some() && record.outcome.starts_with("1 cart, 1 order, 1 text"), "{record:?}");
        assert_eq!(cartback::store::request::who::<Value>(&mut read, &keys, erased.request).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_counts_what_would_go_and_changes_nothing() {
    on_both(async |app| {
        let shop = lived(app).await;
        let would = people::count(&app.core, shop.id, &by_customer("c-7")).await.unwrap().unwrap();
        let again = people::count(&app.core, shop.id, &by_customer("c-7")).await.unwrap().unwrap();
        assert_eq!(would, again);
        let mut did = people::forget(&app.core, shop.id, &by_customer("c-7"), "test").await.unwrap().unwrap();
        did.request = would.request;
        // What came through the house's gateway is counted beforehand only: it goes in a transaction of the house's own.
        did.deliveries += 2;
        assert_eq!(did, would);
        app.settle().await;
    })
    .await;
}

#[tokio::test]
async fn one_text_is_proved() {
    on_both(async |app| {
        let shop = lived(app).await;
        let text = app.last_text(&shop).await;
        let one = proof::proof(&app.core, shop.id, text.id).await.unwrap().unwrap();
        for part in [
            MOBILE,
            "Text me about my cart",
            "192.0.2.10",
            "https://shop.example/checkout",
            "delivered_at",
            "+38640555000",
            "consent for SMS",
        ] {
            let page: String =
                one.sections.iter().flat_map(|each| &each.lines).map(|line| format!("{line:?}")).collect();
            assert!(one.json.contains(part) || page.contains(part), "{part} is not in {}", one.json);
        }
        assert!(!one.json.contains(&text.token('r')), "{}", one.json);
        // The same facts, the same bytes, whenever it is made.
        app.pass(minutes(90)).await;
        let again = proof::proof(&app.core, shop.id, text.id).await.unwrap().unwrap();
        assert_eq!((&one.json, &one.sha256), (&again.json, &again.sha256));
        assert_eq!(one.sha256.len(), 64);
        let read: Value = serde_json::from_str(&one.json).unwrap();
        assert_eq!(read["opted_out_later"], json!([]));
        assert_eq!(read["consent"]["state"], "granted");
        // A later opt-out is told and takes nothing from what was so before.
        let out = import::TypedOptOut { phone: MOBILE.into(), ..Default::default() };
        let (opened, _) = app.shop(shop.id).await;
        let statement = out.read(&opened, "operator", app.now()).unwrap();
        import::take(&app.core, shop.id, &[statement]).await.unwrap();
        let later = proof::proof(&app.core, shop.id, text.id).await.unwrap().unwrap();
        let read: Value = serde_json::from_str(&later.json).unwrap();
        assert_eq!(read["opted_out_later"][0]["source"], "operator");
        assert_eq!(read["consent"]["state"], "granted");
        // Another shop has no such text.
        let neighbour = app.with_shop_like("generic", &[("name", "Neighbour")]).await;
        assert!(proof::proof(&app.core, neighbour.id, text.id).await.unwrap().is_none());
        app.settle().await;
    })
    .await;
}

#[tokio::test]
async fn a_listed_consent_lets_a_text_go_and_a_listed_opt_out_stops_one() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        let (opened, keys) = app.shop(shop.id).await;
        let typed = import::TypedConsent {
            phone: "040 555 101".into(),
            given_at: app.ago(minutes(60)),
            text: Some("Text me".into()),
            level: Some("double".into()),
            ..Default::default()
        };
        let statement = typed.read(&opened, "import", app.now()).unwrap();
        for (recorded, known) in [(1, 0), (0, 1)] {
            let taken = import::take(&app.core, shop.id, std::slice::from_ref(&statement)).await.unwrap();
            assert_eq!(taken, Some(import::Taken { recorded, known }));
        }
        let silent = json!({ "consent": null });
        app.generic(&shop, "checkout.updated", app.checkout("c1", silent.clone())).await;
        app.pass(minutes(31)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        let out = import::TypedOptOut { phone: "'+38640555101".into(), ..Default::default() };
        let statement = out.read(&opened, "operator", app.now()).unwrap();
        for (recorded, known) in [(1, 0), (0, 1)] {
            let taken = import::take(&app.core, shop.id, std::slice::from_ref(&statement)).await.unwrap();
            assert_eq!(taken, Some(import::Taken { recorded, known }));
        }
        app.generic(&shop, "checkout.updated", app.checkout("c3", json!({ "consent": null, "cart_token": null })))
            .await;
        app.pass(minutes(60 * 40)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        // The list names the number as long as a text does; after the erasure only its keyed hash is left.
        let listed = import::opt_outs(&app.core, shop.id).await.unwrap().unwrap();
        assert_eq!((listed[0].phone.as_str(), listed[0].source.as_str()), (MOBILE, "operator"));
        people::forget(&app.core, shop.id, &by_phone(MOBILE), "test").await.unwrap();
        let listed = import::opt_outs(&app.core, shop.id).await.unwrap().unwrap();
        assert_eq!((listed.len(), listed[0].phone.as_str(), listed[0].number_hash.len()), (1, "", 32));
        let mut read = app.read().await;
        assert!(message::to_phone(&mut read, &keys, &keys.index("phone", MOBILE), app.now()).await.unwrap().is_empty());
        drop(read);
        app.settle().await;
    })
    .await;
}

#[tokio::test]
async fn a_line_that_cannot_be_taken_says_why_and_quotes_nothing() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let (opened, _) = app.shop(shop.id).await;
        let check = |change: &dyn Fn(&mut import::TypedConsent), expected: &str| {
            let mut typed =
                import::TypedConsent { phone: "040 555 101".into(), given_at: app.iso(), ..Default::default() };
            change(&mut typed);
            let problem = typed.read(&opened, "import", app.now()).err().unwrap_or_default();
            assert!(problem.contains(expected) && problem.is_empty() == expected.is_empty(), "{problem:?}");
            assert!(!problem.contains("555"), "{problem}");
        };
        check(&|_| {}, "");
        check(&|typed| typed.phone = String::new(), "phone: is missing");
        check(&|typed| typed.phone = "555 nonsense".into(), "phone: not a phone number");
        check(&|typed| typed.phone = "01 555 1234".into(), "phone: ");
        check(&|typed| typed.given_at = String::new(), "given_at: is missing");
        check(&|typed| typed.given_at = "yesterday".into(), "given_at: must be a moment");
        check(&|typed| typed.given_at = "2036-01-01T00:00:00Z".into(), "given_at: lies in the future");
        check(&|typed| typed.ip = Some("555.1".into()), "ip: is not");
        check(&|typed| typed.level = Some("maybe".into()), "level: must");
        check(&|typed| typed.state = Some("perhaps".into()), "state: must");
        check(&|typed| typed.text = Some("x".repeat(4_001)), "text: at most 4000");
    })
    .await;
}

#[tokio::test]
async fn a_request_for_access_waits_until_it_is_answered() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        for _ in 0..2 {
            app.generic(&shop, "customer.data_requested", json!({ "customer_id": "c-7" })).await;
        }
        assert_eq!(app.alarms(shop.id).await.len(), 1);
        let (_, keys) = app.shop(shop.id).await;
        let waiting = cartback::store::request::list(&mut app.read().await, &keys, 9).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert!(people::answered(&app.core, shop.id, waiting[0].id).await.unwrap());
        assert_eq!(app.alarms(shop.id).await, [""; 0]);
        // Who is forgotten asks no more.
        app.generic(&shop, "customer.data_requested", json!({ "email": "maja.novak@shopper.example" })).await;
        assert_eq!(app.alarms(shop.id).await.len(), 1);
        app.generic(&shop, "customer.redacted", json!({ "customer_id": "c-7", "email": "maja.novak@shopper.example" }))
            .await;
        assert_eq!(app.alarms(shop.id).await, [""; 0]);
        assert!(cart::by_token(&mut app.read().await, &keys, "c1").await.unwrap().unwrap().erased_at.is_some());
    })
    .await;
}

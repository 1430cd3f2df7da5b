//! Connecting, as stories on both engines: a shop that is set up step by step, gateways that are changed and removed,
//! subscriptions asked of the platform, and what a page needs to tell how a connection is.

use std::collections::BTreeMap;

use cartback::{
    domain::message::MessageState,
    pipeline::connect::{self, NotConnected, ShopTyped},
    store::{self, coverage::Coverage},
    transact,
};
use serde_json::json;

use super::bodies::MOBILE;
use crate::{
    app::{App, SHOPIFY_KEY, STANDARD_SECRET, Shopkeeper, hours, minutes, on_both},
    outside::Ends,
};

fn typed(kind: &str, settings: &[(&str, &str)]) -> ShopTyped {
    ShopTyped {
        kind: kind.into(),
        name: "Tea & Tide".into(),
        country: "SI".into(),
        currency: "EUR".into(),
        zone: "Europe/Ljubljana".into(),
        settings: settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        rules: cartback::domain::risk::limits::FOR_TRIALS.map(|(key, value)| (key.into(), value.into())).into(),
    }
}

async fn prepared(app: &App, kind: &str, settings: &[(&str, &str)]) -> Shopkeeper {
    let made = connect::prepare_shop(&app.core, &typed(kind, settings)).await.unwrap();
    Shopkeeper { id: made.shop, path: made.webhook_url.rsplit('/').next().unwrap().to_owned() }
}

fn wrong(outcome: Result<(), NotConnected>) -> String {
    match outcome {
        Err(NotConnected::Wrong(problems)) => problems.join("\n"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn going_live_texts_no_cart_from_before_it() {
    on_both(async |app| {
        let shop = prepared(app, "generic", &[("site", "shop.example"), ("secret", STANDARD_SECRET)]).await;
        app.with_gateway(&shop, "log").await;
        let (stored, _) = app.shop(shop.id).await;
        assert_eq!((stored.waits_to_go_live(), stored.stopped()), (true, Some("the shop is not live yet")));
        app.generic(&shop, "checkout.updated", app.checkout("early", json!({ "phone": "+38640555102" }))).await;
        app.pass(minutes(40)).await;
        // One that is still being filled in when it goes live, and left after it.
        app.generic(&shop, "checkout.updated", app.checkout("midway", json!({ "phone": "+38640555103" }))).await;
        connect::go_live(&app.core, shop.id).await.unwrap();
        app.pass(minutes(40)).await;
        let texted: Vec<String> = app.texts(&shop).await.into_iter().map(|text| text.to).collect();
        assert_eq!(texted, ["+38640555103"], "left after going live");
        app.pass(hours(72)).await;
        let early = app.texts(&shop).await.into_iter().filter(|text| text.to == "+38640555102").count();
        assert_eq!(early, 0, "{}", app.cart_story(&shop, "early").await);
        let (stored, _) = app.shop(shop.id).await;
        assert_eq!((stored.waits_to_go_live(), stored.stopped()), (false, None));
        // Pausing later is an ordinary pause.
        app.change(&shop, &[("paused", "yes")]).await;
        assert_eq!(app.shop(shop.id).await.0.stopped(), Some("the shop is paused"));
    })
    .await;
}

#[tokio::test]
async fn secrets_may_follow_but_not_be_missing_when_it_goes_live() {
    on_both(async |app| {
        let refused = connect::prepare_shop(&app.core, &typed("shopify", &[])).await;
        assert!(wrong(refused.map(|_| ())).starts_with("domain: is required"));
        let shop = prepared(app, "shopify", &[("domain", "tea.myshopify.com")]).await;
        // A name may be changed while the key is still to come.
        app.change(&shop, &[("name", "Tea")]).await;
        assert!(wrong(connect::go_live(&app.core, shop.id).await).starts_with("signing_key: is required"));
        app.change(&shop, &[("signing_key", SHOPIFY_KEY)]).await;
        connect::go_live(&app.core, shop.id).await.unwrap();
        assert_eq!(app.shop(shop.id).await.0.stopped(), None);
    })
    .await;
}

#[tokio::test]
async fn a_disconnected_shop_drops_what_waits() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let account = app.with_gateway(&shop, "kannel").await;
        let now = app.now();
        transact!(app.core.db, |tx| store::gateway::pause(tx, shop.id, account.id, "by hand", now).await?).unwrap();
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(31)).await;
        connect::disconnect_shop(&app.core, shop.id).await.unwrap();
        transact!(app.core.db, |tx| store::gateway::resume(tx, shop.id, account.id).await?).unwrap();
        app.pass(hours(50)).await;
        assert_eq!(app.outside.texts(), 0);
        assert!(app.messages(&shop).await.iter().all(|(text, _)| text.state != MessageState::Queued));
        assert_eq!(app.shop(shop.id).await.0.stopped(), Some("the shop removed Cartback"));
        app.change(&shop, &[("paused", "no")]).await;
        assert_eq!(app.shop(shop.id).await.0.stopped(), None);
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn a_gateway_keeps_its_secrets_when_it_is_changed_and_hears_receipts_when_it_is_removed() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let account = app.with_gateway(&shop, "kannel").await;
        let change = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let typed = change(&[
            ("url", "http://kannel.example:13013/cgi-bin/sendsms"),
            ("username", "other"),
            ("password", ""),
            ("from", "+38640555000"),
        ]);
        connect::change_gateway(&app.core, shop.id, account.id, "Kannel two", &typed).await.unwrap();
        let (_, keys) = app.shop(shop.id).await;
        let stored = store::gateway::get(&mut app.read().await, &keys, account.id).await.unwrap().unwrap();
        assert_eq!((stored.name.as_str(), stored.settings.get("username")), ("Kannel two", "other"));
        assert_eq!(stored.settings.get("password"), "a password of some length");
        let bad = change(&[("url", "nonsense"), ("username", "x"), ("from", "+38640555000")]);
        assert!(
            wrong(connect::change_gateway(&app.core, shop.id, account.id, "", &bad).await).starts_with("url: must")
        );

        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(31)).await;
        let text = app.last_text(&shop).await;
        assert!(connect::remove_gateway(&app.core, shop.id, account.id).await.unwrap());
        assert!(!connect::remove_gateway(&app.core, shop.id, account.id).await.unwrap());
        assert!(store::gateway::list(&mut app.read().await, &keys).await.unwrap().is_empty());
        assert!(store::gateway::shops_with_own(&mut app.read().await).await.unwrap().is_empty());
        app.receipt(&account, &text, "delivered").await;
        assert_eq!(app.last_text(&shop).await.state, MessageState::Delivered);
        let later = app.now() + hours(24 * 8);
        transact!(app.core.db, |tx| store::gateway::forget_removed(tx, shop.id, later).await?).unwrap();
        assert!(store::connection::of(&mut app.read().await, shop.id, Some(account.id)).await.unwrap().is_none());
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn the_platform_tells_which_subscriptions_are_left() {
    on_both(async |app| {
        let shop = app.with_shop("shopify").await;
        assert_eq!(connect::subscriptions(&app.core, shop.id).await.unwrap(), None, "without a token nobody is asked");
        app.change(&shop, &[("token", "shpat_0123456789abcdef0123456789abcdef")]).await;
        let url = format!("https://cb.example/hook/shop/{}", shop.path);
        let node = |topic: &str, uri: &str| json!({ "topic": topic, "uri": uri });
        let answer = json!({ "data": { "webhookSubscriptions": { "nodes": [
            node("CHECKOUTS_CREATE", &url), node("ORDERS_CREATE", "https://else.example/x"), node("SHOP_UPDATE", &url),
        ] } } });
        app.outside.next([Ends::Answers(answer.to_string())]);
        let told = connect::subscriptions(&app.core, shop.id).await.unwrap().unwrap();
        let there: Vec<&str> = told.iter().filter(|(_, there)| *there).map(|(topic, _)| topic.as_str()).collect();
        assert_eq!((told.len(), there), (10, vec!["checkouts/create"]));
        app.outside.next([Ends::Broken(401)]);
        match connect::subscriptions(&app.core, shop.id).await {
            Err(NotConnected::Wrong(why)) => assert!(why[0].contains("does not accept the token"), "{why:?}"),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn what_can_be_used_of_carts_is_counted() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let account = app.with_gateway(&shop, "twilio").await;
        // A number that does not exist.
        app.outside.next([Ends::Refused(21211)]);
        let nobody = json!({ "phone": null, "email": null, "customer_id": null, "consent": null });
        let silent = json!({ "phone": "+38640555109", "customer_id": "c-9", "email": null, "consent": null });
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({ "phone": MOBILE }))).await;
        app.generic(&shop, "checkout.updated", app.checkout("c2", nobody)).await;
        app.generic(&shop, "checkout.updated", app.checkout("c3", silent)).await;
        let from = app.now();
        app.pass(minutes(31)).await;
        let (_, keys) = app.shop(shop.id).await;
        let mut read = app.read().await;
        let counted = store::coverage::carts(&mut read, &keys, from, app.now() + minutes(1)).await.unwrap();
        assert_eq!(counted, Coverage { carts: 3, with_phone: 2, with_consent: 1 });
        let none = store::coverage::carts(&mut read, &keys, app.now() + hours(1), app.now() + hours(2)).await.unwrap();
        assert_eq!(none, Coverage::default());
        let refused = store::coverage::last_refusal(&mut read, &keys, account.id, from).await.unwrap();
        let other = store::coverage::last_refusal(&mut read, &keys, account.id, app.now() + hours(1)).await.unwrap();
        assert_eq!(other, None);
        let (at, why) = refused.unwrap();
        assert!(at >= from && why.contains("21211"), "{why}");
        app.leave_work();
    })
    .await;
}

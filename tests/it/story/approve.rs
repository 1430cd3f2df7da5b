//! A shop whose owner lets us in on its own pages: the keys come by themselves, once and in time, and the webhooks are made.

use cartback::{
    domain::approval::Refused,
    pipeline::{
        approve::{self, NotTaken},
        connect::{self, NotConnected, ShopTyped},
    },
};
use serde_json::{Value, json};

use crate::{
    app::{App, Shopkeeper, minutes, on_both},
    outside::Ends,
};

async fn prepared(app: &App, kind: &str, site: (&str, &str)) -> Shopkeeper {
    let typed = ShopTyped {
        kind: kind.into(),
        name: "Tea & Tide".into(),
        country: "SI".into(),
        currency: "EUR".into(),
        zone: "Europe/Ljubljana".into(),
        settings: [(site.0.to_owned(), site.1.to_owned())].into(),
        rules: Default::default(),
    };
    let made = connect::prepare_shop(&app.core, &typed).await.unwrap();
    Shopkeeper { id: made.shop, path: made.webhook_url.rsplit('/').next().unwrap().to_owned() }
}

async fn woo(app: &App) -> Shopkeeper {
    prepared(app, "woocommerce", ("site", "tea.example")).await
}

/// What the owner's browser is sent with, by name.
async fn asked(app: &App, shop: &Shopkeeper) -> Vec<(String, String)> {
    let url = approve::ask(&app.core, shop.id).await.unwrap().expect("a page to say yes on");
    let url = url::Url::parse(&url).unwrap();
    assert_eq!((url.scheme(), url.host_str(), url.path()), ("https", Some("tea.example"), "/wc-auth/v1/authorize"));
    url.query_pairs().into_owned().collect()
}

async fn state(app: &App, shop: &Shopkeeper) -> String {
    asked(app, shop).await.into_iter().find(|(name, _)| name == "user_id").unwrap().1
}

/// As WooCommerce posts it.
fn handed(state: &str, number: u32) -> Value {
    json!({
        "key_id": number, "user_id": state, "key_permissions": "read_write",
        "consumer_key": format!("ck_{number:040}"), "consumer_secret": format!("cs_{number:040}"),
    })
}

async fn take(app: &App, shop: &Shopkeeper, body: &Value) -> Result<(), NotTaken> {
    approve::take(&app.core, &shop.path, body.to_string().as_bytes()).await.map(|id| assert_eq!(id, shop.id))
}

fn made(number: u32) -> Ends {
    Ends::Answers(json!({ "id": number }).to_string())
}

#[tokio::test]
async fn keys_come_by_themselves_and_the_webhooks_are_made() {
    on_both(async |app| {
        let shop = woo(app).await;
        let asked = asked(app, &shop).await;
        let part = |name: &str| asked.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap();
        assert_eq!((part("app_name"), part("scope")), ("Cartback", "read_write"));
        assert_eq!(part("callback_url"), format!("https://cb.example/hook/approved/{}", shop.path));
        assert!(part("return_url").starts_with(&format!("https://cb.example/shops/{}/set-up", shop.id)));
        // One is there from before.
        let url = format!("https://cb.example/hook/shop/{}", shop.path);
        let before = json!([
            { "topic": "order.updated", "delivery_url": url },
            { "topic": "order.created", "delivery_url": "https://else.example/hook" },
        ]);
        app.outside.next([Ends::Answers(before.to_string()), made(1), made(2), made(3)]);
        take(app, &shop, &handed(part("user_id"), 7)).await.unwrap();
        app.settle().await;
        let (stored, _) = app.shop(shop.id).await;
        assert_eq!(stored.settings.get("key"), format!("ck_{:040}", 7));
        assert_eq!(stored.settings.get("secret"), format!("cs_{:040}", 7));
        let secret = stored.settings.get("webhook_secret").to_owned();
        assert!(secret.len() == 64 && secret.bytes().all(|it| it.is_ascii_alphanumeric()), "{secret}");
        let sent = app.outside.requests();
        let sent: Vec<_> = sent.into_iter().filter(|it| it.url.contains("/webhooks")).collect();
        assert_eq!(sent.len(), 4, "what is there is not made again");
        let bodies: Vec<Value> = sent[1..].iter().map(|it| serde_json::from_slice(&it.body).unwrap()).collect();
        let topics: Vec<&str> = bodies.iter().map(|body| body["topic"].as_str().unwrap()).collect();
        assert_eq!(topics, ["order.created", "order.deleted", "order.restored"]);
        assert!(bodies.iter().all(|body| body["delivery_url"] == json!(url) && body["secret"] == json!(secret)));
        assert!(sent.iter().all(|it| it.url.starts_with("https://tea.example/wp-json/wc/v3/webhooks")));
        assert_eq!(app.alarms(shop.id).await, Vec::<String>::new());
        // Approving again replaces the keys and keeps the secret that the webhooks are signed with.
        app.outside.next([Ends::Answers("[]".into()), made(1), made(2), made(3), made(4)]);
        let again = state(app, &shop).await;
        take(app, &shop, &handed(&again, 8)).await.unwrap();
        app.settle().await;
        let (stored, _) = app.shop(shop.id).await;
        assert_eq!(stored.settings.get("key"), format!("ck_{:040}", 8));
        assert_eq!(stored.settings.get("webhook_secret"), secret);
    })
    .await;
}

#[tokio::test]
async fn a_state_is_taken_once_in_time_and_for_its_own_shop() {
    on_both(async |app| {
        let (shop, other) = (woo(app).await, woo(app).await);
        let first = state(app, &shop).await;
        let wrong = take(app, &other, &handed(&first, 1)).await;
        assert!(matches!(wrong, Err(NotTaken::Refused(Refused::Foreign))), "{wrong:?}");
        assert_eq!(app.shop(other.id).await.0.settings.given("key"), None);
        let made_up = take(app, &shop, &handed("1", 1)).await;
        assert!(matches!(made_up, Err(NotTaken::Refused(Refused::Foreign))), "{made_up:?}");
        app.pass(minutes(15)).await;
        let late = take(app, &shop, &handed(&first, 1)).await;
        assert!(matches!(late, Err(NotTaken::Refused(Refused::Expired))), "{late:?}");
        let (second, third) = (state(app, &shop).await, state(app, &shop).await);
        app.outside.next([Ends::Answers("[]".into()), made(1), made(2), made(3), made(4)]);
        take(app, &shop, &handed(&second, 1)).await.unwrap();
        app.settle().await;
        // Neither the same again nor another one that was drawn before.
        for state in [&second, &third] {
            let again = take(app, &shop, &handed(state, 2)).await;
            assert!(matches!(again, Err(NotTaken::Refused(Refused::Used))), "{again:?}");
        }
        assert_eq!(app.shop(shop.id).await.0.settings.get("key"), format!("ck_{:040}", 1));
        assert_eq!(app.outside.requests().iter().filter(|it| it.url.contains("/webhooks")).count(), 5);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_set_of_keys_is_refused_in_words() {
    on_both(async |app| {
        let shop = woo(app).await;
        let good = handed(&state(app, &shop).await, 1);
        let refused = async |change: Value| -> String {
            let mut body = good.clone();
            for (key, value) in change.as_object().unwrap() {
                body[key] = value.clone();
            }
            match take(app, &shop, &body).await {
                Err(why @ NotTaken::Unreadable(_)) => why.to_string(),
                other => panic!("{change}: {other:?}"),
            }
        };
        assert!(refused(json!({ "key_permissions": "read" })).await.contains("read_write"));
        assert!(refused(json!({ "consumer_key": "x" })).await.contains("consumer_key"));
        assert!(refused(json!({ "consumer_secret": null })).await.contains("consumer_secret"));
        assert!(refused(json!({ "consumer_secret": "cs_ö" })).await.contains("consumer_secret"));
        assert!(refused(json!({ "consumer_key": format!("ck_{}", "a".repeat(500)) })).await.contains("consumer_key"));
        assert!(refused(json!({ "user_id": null })).await.contains("user_id"));
        for body in ["", "key=1", "[]", "null", "\u{0}"] {
            let taken = approve::take(&app.core, &shop.path, body.as_bytes()).await;
            assert!(matches!(taken, Err(NotTaken::Unreadable(_))), "{body:?}: {taken:?}");
        }
        assert_eq!(app.shop(shop.id).await.0.settings.given("key"), None);
        // Where nobody hands keys over, nothing is taken, whatever is posted.
        let generic = prepared(app, "generic", ("site", "shop.example")).await;
        assert!(approve::ask(&app.core, generic.id).await.unwrap().is_none());
        let body = good.to_string();
        for path in [generic.path.as_str(), "nobody"] {
            let taken = approve::take(&app.core, path, body.as_bytes()).await;
            assert!(matches!(taken, Err(NotTaken::Unknown)), "{taken:?}");
        }
        let gateway = app.with_gateway(&shop, "twilio").await;
        let taken = approve::take(&app.core, &gateway.path, body.as_bytes()).await;
        assert!(matches!(taken, Err(NotTaken::Unknown)), "{taken:?}");
    })
    .await;
}

#[tokio::test]
async fn webhooks_that_cannot_be_made_are_tried_again_and_then_told() {
    on_both(async |app| {
        let shop = woo(app).await;
        let state = state(app, &shop).await;
        app.outside.next([Ends::Broken(503), Ends::Broken(503), Ends::Broken(503), Ends::Broken(401)]);
        take(app, &shop, &handed(&state, 1)).await.unwrap();
        app.settle().await;
        assert_eq!(app.alarms(shop.id).await.len(), 0, "the site may be busy");
        app.pass(minutes(10)).await;
        let alarms = app.alarms(shop.id).await;
        assert!(alarms.len() == 1 && alarms[0].contains("Read/Write"), "{alarms:?}");
        app.outside.next([Ends::Answers("[]".into()), made(1), made(2), made(3), made(4)]);
        let again = self::state(app, &shop).await;
        take(app, &shop, &handed(&again, 2)).await.unwrap();
        app.settle().await;
        assert_eq!(app.alarms(shop.id).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_platform_is_not_asked_where_it_could_not_answer() {
    let Some(app) = App::start_at(
        crate::app::Engine::Lite,
        "http://cb.example",
        std::sync::Arc::default(),
        std::sync::Arc::<crate::outside::Outside>::default(),
    )
    .await
    else {
        return;
    };
    let shop = woo(&app).await;
    match approve::ask(&app.core, shop.id).await {
        Err(NotConnected::Wrong(why)) => assert!(why[0].starts_with("public_url: must be"), "{why:?}"),
        other => panic!("{other:?}"),
    }
    app.end().await;
}

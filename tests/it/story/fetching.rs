//! Platforms that only point at what happened, that tell nothing by themselves, whose keys are published, or whose tokens
//! do not last: what the service asks for, how often, and what becomes of it.

use std::sync::{Arc, Mutex};

use cartback::{
    domain::{
        approval::Refused,
        connector::{Delivery, Refusal},
        money::{Currency, Money},
        rehearsal::{Act, Visit},
        risk::limits::FOR_TRIALS,
    },
    http::{Exchange, Http, HttpError, Method, Request, Response},
    pipeline::{
        approve::{self, NotTaken},
        audit,
        connect::{self, ShopTyped},
        receive::{self, Answer, Side},
    },
    shop::{self, Rehearsed, standard_webhooks},
    store::{self, inbox::Filter},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    app::{App, Engine, Shopkeeper, hours, minutes},
    outside::Outside,
};

type Says = Box<dyn Fn(&Request) -> Result<Response, HttpError> + Send + Sync>;

/// A platform's API, as the story has it answer; texts go outside.
struct Api {
    says: Mutex<Says>,
    asked: Mutex<Vec<Request>>,
    outside: Arc<Outside>,
}

impl Api {
    fn says(&self, says: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static) {
        *self.says.lock().unwrap() = Box::new(says);
    }

    /// What was asked since the last time, by a part of the address.
    fn asked(&self, part: &str) -> usize {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().filter(|request| request.url.contains(part)).count()
    }
}

impl Http for Api {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        if request.url.contains("sendsms") || request.url.contains("/Messages.json") {
            return self.outside.exchange(request);
        }
        self.asked.lock().unwrap().push(request.clone());
        let answer = (self.says.lock().unwrap())(&request);
        Box::pin(async move { answer })
    }
}

fn ok(body: &Value) -> Result<Response, HttpError> {
    Ok(Response { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() })
}

fn status(status: u16) -> Result<Response, HttpError> {
    Ok(Response { status, headers: Vec::new(), body: b"{}".to_vec() })
}

/// On both engines: a shop of this kind with these settings, and its API.
async fn played(kind: &str, settings: &[(&str, &str)], story: impl AsyncFn(&App, &Shopkeeper, &Api)) {
    for engine in [Engine::Lite, Engine::Pg] {
        let outside = Arc::new(Outside::default());
        let api = Arc::new(Api {
            says: Mutex::new(Box::new(|_| status(404))),
            asked: Mutex::default(),
            outside: outside.clone(),
        });
        let Some(app) = App::start_with(engine, outside, api.clone()).await else { continue };
        let text = |text: &str| text.to_owned();
        let typed = ShopTyped {
            kind: text(kind),
            name: text("Lumen & Oak"),
            country: text("SI"),
            currency: text("EUR"),
            zone: text("Europe/Ljubljana"),
            settings: settings.iter().map(|(key, value)| (text(key), text(value))).collect(),
            rules: FOR_TRIALS
                .iter()
                .chain(&[("steps_after_minutes", "0")])
                .map(|(key, value)| (text(key), text(value)))
                .collect(),
        };
        let made = connect::add_shop(&app.core, &typed).await.unwrap();
        let path = made.webhook_url.rsplit('/').next().unwrap().to_owned();
        let shop = Shopkeeper { id: made.shop, path };
        app.with_gateway(&shop, "log").await;
        story(&app, &shop, &api).await;
        app.end().await;
    }
}

async fn door(app: &App, shop: &Shopkeeper, delivery: Delivery, query: &str) -> Answer {
    let url = format!("https://cb.example/hook/shop/{}{query}", shop.path);
    receive::receive(&app.core, &app.inbox, &shop.path, Side::Shop, Delivery { url, ..delivery }).await
}

fn sent(app: &App, method: &str, headers: &[(&str, &str)], body: &str) -> Delivery {
    Delivery {
        method: method.into(),
        url: String::new(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.into(),
        received_at: app.now(),
    }
}

fn visit(app: &App) -> Visit {
    let euro = Currency::parse("EUR").unwrap();
    Visit {
        token: "5f0c9a11-0001-4a4a-8b8b-0123456789ab".into(),
        order: 900_000_017,
        refund: 910_000_018,
        phone: "+38640555101".into(),
        country: "SI".into(),
        language: "en".into(),
        total: Money::new(12_800, euro),
        refunded: Money::new(2_800, euro),
        checkout_url: "https://shop.example.com/checkout/5f0c".into(),
        started_at: app.now() - minutes(5),
        placed_at: app.now(),
        link: None,
    }
}

/// What a platform's API would answer of a visit, as its connector rehearses it.
async fn whole(app: &App, shop: &Shopkeeper, visit: &Visit, act: Act) -> Value {
    let (stored, _) = app.shop(shop.id).await;
    match shop::by_kind(&stored.kind).unwrap().rehearse(&stored.settings, visit, act, app.now()) {
        Rehearsed::Fetched { whole, .. } => serde_json::from_slice(&whole.body).unwrap(),
        Rehearsed::Posted(_) => panic!("{} says all by itself", stored.kind),
    }
}

const HOOK_SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const BIGCOMMERCE: &[(&str, &str)] = &[
    ("site", "shop.example.com"),
    ("store_hash", "abc123"),
    ("access_token", "token-of-the-account"),
    ("hook_secret", HOOK_SECRET),
];

async fn cart_changed(app: &App, shop: &Shopkeeper, token: &str) -> Answer {
    let data = json!({ "type": "cart", "id": token });
    let body = json!({
        "scope": "store/cart/updated", "store_id": "1", "data": data, "hash": format!("h{}", app.delivery_number()),
        "created_at": app.now().seconds(), "producer": "stores/abc123",
    });
    door(app, shop, sent(app, "POST", &[("x-cartback-secret", HOOK_SECRET)], &body.to_string()), "").await
}

#[tokio::test]
async fn what_a_webhook_points_at_is_fetched() {
    played("bigcommerce", BIGCOMMERCE, async |app, shop, api| {
        let visit = visit(app);
        let checkout = whole(app, shop, &visit, Act::Left).await["checkout"].clone();
        // The platform is busy, then away, then there.
        let tries = Arc::new(Mutex::new(0));
        api.says(move |request| {
            assert!(request.url.contains("/stores/abc123/v3/checkouts/"), "{}", request.url);
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            match *tries {
                1 => status(503),
                2 => Err(HttpError::Unknown("no answer in time".into())),
                _ => ok(&json!({ "data": checkout, "meta": {} })),
            }
        });
        assert!(matches!(cart_changed(app, shop, &visit.token).await, Answer::Taken { .. }));
        app.settle().await;
        assert!(app.carts(shop).await.is_empty());
        app.pass(minutes(2)).await;
        let cart = app.cart(shop, &visit.token).await;
        assert_eq!(cart.latest.total.map(|total| total.minor), Some(12_800));
        assert_eq!(api.asked("checkouts"), 3);
        assert_eq!(app.problems(shop).await, []);
        // Both are kept: the webhook as it came, and what was fetched.
        let topics: Vec<String> = app.deliveries(shop).await.into_iter().map(|line| line.topic).collect();
        assert!(topics.iter().any(|topic| topic == "store/cart/updated"), "{topics:?}");
        assert!(topics.iter().any(|topic| topic.starts_with("pulled/")), "{topics:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_gone_or_barred_is_told() {
    played("bigcommerce", BIGCOMMERCE, async |app, shop, api| {
        api.says(|_| status(404));
        cart_changed(app, shop, "5f0c9a11-0001-4a4a-8b8b-000000000001").await;
        app.pass(minutes(5)).await;
        assert_eq!((app.problems(shop).await.len(), api.asked("checkouts")), (0, 1));
        api.says(|_| status(401));
        cart_changed(app, shop, "5f0c9a11-0001-4a4a-8b8b-000000000002").await;
        app.pass(minutes(5)).await;
        let problems = app.problems(shop).await;
        assert_eq!((problems.len(), api.asked("checkouts")), (1, 1), "{problems:?}");
        // Once the key is right, reading it again asks again.
        let visit = visit(app);
        let checkout = whole(app, shop, &visit, Act::Left).await["checkout"].clone();
        api.says(move |_| ok(&json!({ "data": checkout, "meta": {} })));
        assert!(receive::replay(&app.core, shop.id, problems[0].0).await.unwrap());
        app.pass(minutes(1)).await;
        assert_eq!((app.problems(shop).await.len(), app.carts(shop).await.len()), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_platform_that_never_answers_is_not_asked_for_ever() {
    played("bigcommerce", BIGCOMMERCE, async |app, shop, api| {
        api.says(|_| Err(HttpError::NotSent("no connection".into())));
        cart_changed(app, shop, "5f0c9a11-0001-4a4a-8b8b-000000000003").await;
        app.pass(hours(23)).await;
        assert_eq!(app.problems(shop).await, []);
        app.pass(hours(2)).await;
        assert_eq!(app.problems(shop).await.len(), 1);
        let asked = api.asked("checkouts");
        assert!((20..80).contains(&asked), "{asked} times in a day");
        app.pass(hours(24)).await;
        assert_eq!(api.asked("checkouts"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_silent_platform_is_asked_by_the_clock() {
    let settings = [("site", "shop.example.com"), ("access_token", "0123456789abcdef0123456789abcdef")];
    played("magento", &settings, async |app, shop, api| {
        let visit = visit(app);
        let cart = whole(app, shop, &visit, Act::Left).await;
        let order = whole(app, shop, &visit, Act::Bought).await;
        let bought = Arc::new(Mutex::new(false));
        let seen = bought.clone();
        api.says(move |request| {
            let list = |items: &[&Value]| ok(&json!({ "items": items, "total_count": items.len() }));
            match request.url.contains("carts/search") {
                true => list(&[&cart]),
                false if *seen.lock().unwrap() => list(&[&order]),
                false => list(&[]),
            }
        });
        let mut worker = App::worker_with_recurring(&app.core);
        worker.tick().await.unwrap();
        app.sleep(minutes(6));
        for _ in 0..8 {
            worker.tick().await.unwrap();
        }
        assert_eq!(app.carts(shop).await.len(), 1, "{:?}", app.problems(shop).await);
        // The same cart again is not kept again.
        let kept = app.deliveries(shop).await.len();
        app.sleep(minutes(6));
        for _ in 0..8 {
            worker.tick().await.unwrap();
        }
        assert_eq!(app.deliveries(shop).await.len(), kept);
        assert!(api.asked("carts/search") >= 2);
        // Bought, and nobody tells: it is found out before the text leaves.
        *bought.lock().unwrap() = true;
        app.pass(hours(2)).await;
        assert_eq!(app.texts(shop).await, []);
        let carts = app.carts(shop).await;
        let story = app.cart_story(shop, &carts[0].latest.token).await;
        assert!(carts[0].bought_at.is_some(), "{story}");
        let refused = door(app, shop, sent(app, "POST", &[], "{}"), "").await;
        assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    })
    .await;
}

const SHOPWARE_SECRET: &str = "app-secret-of-some-length-0123456789";

fn hex(secret: &str, text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(text);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

#[tokio::test]
async fn a_shop_introduces_itself_and_hands_its_keys_over() {
    let settings = [("site", "shop.example.com"), ("app_secret", SHOPWARE_SECRET)];
    played("shopware", &settings, async |app, shop, api| {
        let manifest = door(app, shop, sent(app, "GET", &[], ""), "?file=manifest").await;
        let Answer::Taken { content_type: "text/xml", body } = manifest else { panic!("{manifest:?}") };
        assert!(body.contains(&shop.path) && !body.contains(SHOPWARE_SECRET));
        let at = app.now().seconds();
        let query = format!("step=register&shop-id=kIPf0&shop-url=https%3A%2F%2Fshop.example.com&timestamp={at}");
        let forged = sent(app, "GET", &[("shopware-app-signature", &hex("another", &query))], "");
        assert_eq!(door(app, shop, forged, &format!("?{query}")).await, Answer::Refused(Refusal::WrongSignature));
        let asked = sent(app, "GET", &[("shopware-app-signature", &hex(SHOPWARE_SECRET, &query))], "");
        let Answer::Taken { body, .. } = door(app, shop, asked, &format!("?{query}")).await else { panic!("refused") };
        let proof: Value = serde_json::from_str(&body).unwrap();
        let (secret, confirm) = (proof["secret"].as_str().unwrap(), proof["confirmation_url"].as_str().unwrap());
        let (_, confirm) = confirm.split_once('?').unwrap();
        let keys = json!({
            "apiKey": "SWIAKEY", "secretKey": "key-secret", "timestamp": at.to_string(),
            "shopUrl": "https://shop.example.com", "shopId": "kIPf0",
        })
        .to_string();
        let signed = sent(app, "POST", &[("shopware-shop-signature", &hex(secret, &keys))], &keys);
        assert!(matches!(door(app, shop, signed, &format!("?{confirm}")).await, Answer::Taken { .. }));
        let (stored, _) = app.shop(shop.id).await;
        assert_eq!(stored.settings.get("shop_secret"), secret);
        // Nothing of it is kept as a delivery.
        assert!(app.deliveries(shop).await.is_empty());
        // Its API wants a token, which is asked for once, and again when it is refused.
        api.says(|request| match request.url.ends_with("/api/oauth/token") {
            true => ok(&json!({ "token_type": "Bearer", "expires_in": 600, "access_token": "t1" })),
            false => {
                assert!(request.headers.iter().any(|(_, value)| value == "Bearer t1"), "{:?}", request.headers);
                ok(&json!({ "total": 0, "data": [] }))
            }
        });
        let span = (app.now() - hours(48), app.now());
        for _ in 0..2 {
            audit::begin(&app.core, shop.id, span, "story").await.unwrap();
            app.pass(minutes(2)).await;
        }
        assert_eq!(api.asked("oauth/token"), 1);
        api.says(|request| match request.url.ends_with("/api/oauth/token") {
            true => ok(&json!({ "token_type": "Bearer", "expires_in": 600, "access_token": "t2" })),
            false if request.headers.iter().any(|(_, value)| value == "Bearer t2") => {
                ok(&json!({ "total": 0, "data": [] }))
            }
            false => status(401),
        });
        audit::begin(&app.core, shop.id, span, "story").await.unwrap();
        app.pass(minutes(2)).await;
        assert_eq!(api.asked("oauth/token"), 1);
        app.pass(hours(1)).await;
        audit::begin(&app.core, shop.id, span, "story").await.unwrap();
        app.pass(minutes(2)).await;
        assert_eq!(api.asked("oauth/token"), 1, "after its time");
        assert_eq!(app.alarms(shop.id).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_published_are_asked_for_sparingly() {
    let settings = [
        ("api_url", "https://shop.example.com/graphql/"),
        ("site", "shop.example.com"),
        ("checkout_link", "https://shop.example.com/checkout?checkout={checkout}"),
    ];
    played("saleor", &settings, async |app, shop, api| {
        // A detached signature of nobody's.
        let head = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"RS256","kid":"1","b64":false,"crit":["b64"]}"#);
        let signature = format!("{head}..{}", data_encoding::BASE64URL_NOPAD.encode(&[7; 256]));
        let forged = async |number: u32| {
            let headers = [
                ("saleor-signature", signature.as_str()),
                ("saleor-event", "checkout_updated"),
                ("saleor-domain", "shop.example.com"),
                ("saleor-api-url", "https://shop.example.com/graphql/"),
            ];
            door(app, shop, sent(app, "POST", &headers, &format!(r#"{{"number":{number}}}"#)), "").await
        };
        // As long as they cannot be had, nobody is told that his signature is wrong.
        api.says(|_| status(503));
        for number in 0..5 {
            assert_eq!(forged(number).await, Answer::ComeBack);
        }
        assert_eq!(api.asked("jwks.json"), 1);
        let modulus = data_encoding::BASE64URL_NOPAD.encode(&[0xd5; 256]);
        api.says(move |request| {
            assert_eq!((request.method, request.url.as_str()), (Method::Get, "https://shop.example.com/.well-known/jwks.json"));
            ok(&json!({ "keys": [{ "kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "e": "AQAB", "n": modulus }] }))
        });
        app.sleep(minutes(2));
        for number in 0..50 {
            assert_eq!(forged(number).await, Answer::Refused(Refusal::WrongSignature));
        }
        let asked = api.asked("jwks.json");
        assert!((1..=2).contains(&asked), "{asked}");
        // Keys may have been changed: a wrong signature asks again, once in a minute.
        app.sleep(minutes(2));
        for number in 0..50 {
            forged(number).await;
        }
        assert_eq!(api.asked("jwks.json"), 1);
        assert!(app.deliveries(shop).await.is_empty());
        let mut read = app.read().await;
        assert!(store::inbox::list(&mut read, shop.id, Filter::All, cartback::domain::id::DeliveryId::new(i64::MAX), 5).await.unwrap().is_empty());
        // The key that Standard Webhooks would take opens nothing here.
        let body = r#"{"type":"test"}"#;
        let at = app.now().seconds();
        let other = standard_webhooks::sign(HOOK_SECRET, "1", at, body.as_bytes());
        let headers = [("webhook-id", "1"), ("webhook-timestamp", &at.to_string()), ("webhook-signature", &other)];
        assert!(matches!(door(app, shop, sent(app, "POST", &headers, body), "").await, Answer::Refused(_)));
    })
    .await;
}

#[tokio::test]
async fn an_owner_comes_back_with_a_code() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    let settings =
        [("domain", "lumen-and-oak.myshopify.com"), ("signing_key", SECRET), ("client_id", "c0ffee0c0ffee0c0ffee")];
    played("shopify", &settings, async |app, shop, api| {
        api.says(|request| match request.url.ends_with("/admin/oauth/access_token") {
            true => ok(&json!({ "access_token": "shpat_0f1e2d3c4b5a6978", "scope": "read_orders" })),
            false => status(503),
        });
        let asked = approve::ask(&app.core, shop.id).await.unwrap().unwrap();
        let asked = url::Url::parse(&asked).unwrap();
        let state = asked.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let back = |state: &str| {
            let pairs = format!("code=c1&shop=lumen-and-oak.myshopify.com&state={state}&timestamp=1");
            let url = format!("https://cb.example/hook/approved/{}?{pairs}&hmac={}", shop.path, hex(SECRET, &pairs));
            Delivery { url, ..sent(app, "GET", &[], "") }
        };
        // Signed by the platform, but nobody here asked for it: its code is not spent.
        let foreign = approve::take_code(&app.core, &shop.path, &back("AQ")).await;
        assert!(matches!(foreign, Err(NotTaken::Refused(_))), "{foreign:?}");
        assert_eq!(api.asked("access_token"), 0);
        let forged = Delivery { url: back(&state).url.replace("code=c1", "code=c2"), ..back(&state) };
        assert!(matches!(approve::take_code(&app.core, &shop.path, &forged).await, Err(NotTaken::Unreadable(_))));
        assert_eq!(approve::take_code(&app.core, &shop.path, &back(&state)).await.unwrap(), shop.id);
        assert_eq!(app.shop(shop.id).await.0.settings.get("token"), "shpat_0f1e2d3c4b5a6978");
        assert_eq!(api.asked("access_token"), 1);
        let again = approve::take_code(&app.core, &shop.path, &back(&state)).await;
        assert!(matches!(again, Err(NotTaken::Refused(Refused::Used))), "{again:?}");
        app.pass(hours(1)).await;
        // The webhooks could not be made meanwhile, and a person is told.
        assert_eq!(app.alarms(shop.id).await.len(), 1);
    })
    .await;
}

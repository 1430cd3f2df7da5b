//! Doors: every operation × (no token, one that is none, one nobody made, revoked, expired, another shop's, too small a
//! scope), from the table of operations, so that a new one is held to it from its first day.

use cartback::{
    domain::{funnel::Way, goal::presets, id::ShopId},
    pipeline::{
        connect::{self, ShopTyped},
        goal,
    },
    web::api::Operation,
};

use super::*;

/// A path with each part in braces chosen.
pub fn filled(path: &str, mut choose: impl FnMut(&str, &str) -> String) -> String {
    let parts = path.split('/').map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => choose(path, name),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

fn request(operation: &Operation, path: &str) -> TestRequest {
    let request = TestRequest::default().method(operation.method.to_uppercase().parse().unwrap()).uri(path);
    if operation.takes_body() { request.set_payload("{}") } else { request }
}

/// Each from an address of its own, so that none is taken for a guesser.
fn from(request: TestRequest, count: &mut u32) -> TestRequest {
    *count += 1;
    request.peer_addr(std::net::SocketAddr::from((count.to_be_bytes().map(|byte| byte | 1), 9)))
}

pub async fn another_shop(house: &House) -> ShopId {
    let typed = ShopTyped {
        kind: "generic".into(),
        name: "Other".into(),
        country: "US".into(),
        currency: "USD".into(),
        zone: "UTC".into(),
        settings: [("secret", house.secret.as_str()), ("site", "other.example")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
        rules: Default::default(),
    };
    connect::add_shop(house.core(), &typed).await.unwrap().shop
}

#[actix_web::test]
async fn a_token_that_opens_nothing_opens_nothing_anywhere() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let (revoked, expired) = (token(&house, "revoked", Scope::People).await, {
        let scopes = Scopes::new([Scope::Read, Scope::Write]);
        token::create(house.core(), house.shop, "short", scopes, Some(1)).await.unwrap()
    });
    assert!(token::revoke(house.core(), house.shop, "revoked").await.unwrap());
    assert_eq!(get(&site, &expired, "/api/v1/shop").await.0, StatusCode::OK);
    house.later(std::time::Duration::from_secs(24 * 60 * 60)).await;
    let (mut count, path) = (0, "nothing".to_owned());
    // Of its form, with a checksum that holds; nobody made it.
    let unmade =
        "cb_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaspbbn7i".replace("spbbn7i", &check_of(&"a".repeat(52)));
    for operation in operations().iter().filter(|operation| operation.needs.is_some()) {
        let path = filled(&operation.path, |_, _| path.clone());
        let mut answers = Vec::new();
        for name in [None, Some("cb_wrong"), Some(&unmade), Some(&revoked), Some(&expired)] {
            let plain = from(request(operation, &path), &mut count);
            let asked = if let Some(name) = name { with(name, plain) } else { plain };
            answers.push(told(ask(&site, asked).await).await);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{} {path}: {answers:?}", operation.method);
        assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED, "{} {path}", operation.method);
    }
    house.app.close().await;
}

fn check_of(random: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(random.as_bytes());
    data_encoding::BASE32_NOPAD.encode(&digest[..4]).to_lowercase()
}

#[actix_web::test]
async fn a_scope_opens_what_needs_it_and_nothing_else() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let (mut count, mut doors) = (0, 0);
    for scope in Scope::ALL {
        let of_house = scope == Scope::House;
        let owner = if of_house { ShopId::HOUSE } else { house.shop };
        let one = token::create(house.core(), owner, scope.name(), Scopes::new([scope]), None).await.unwrap();
        for operation in operations() {
            let Some(needs) = operation.needs else { continue };
            let path = filled(&operation.path, |_, _| "nothing".to_owned());
            let asked = from(with(&one, request(operation, &path)), &mut count);
            let (status, body) = told(ask(&site, asked).await).await;
            let opens = scope == needs || scope == Scope::People && needs == Scope::Read;
            let turned_away = (status, &body["type"]) == (StatusCode::FORBIDDEN, &json!("urn:cartback:problem:scope"));
            // Nothing broken behind the door either.
            assert!(
                !status.is_server_error() && status != StatusCode::UNAUTHORIZED,
                "{} {path}: {body}",
                operation.method
            );
            assert_eq!(turned_away, !opens, "{scope:?} at {} {path}: {status} {body}", operation.method);
            assert!(opens || body["detail"].as_str().unwrap().contains(needs.name()), "{body}");
            doors += 1;
        }
    }
    assert_eq!(doors, 5 * operations().iter().filter(|operation| operation.needs.is_some()).count());
    house.app.close().await;
}

/// With a cart, a text, an order, a reply, a delivery, a gateway and a sequence of the house's own shop; asked for by
/// another shop's token, each is as missing as what never was.
#[actix_web::test]
async fn what_is_another_shops_does_not_exist() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let message = house.recovered(&site).await;
    let own = able(&house).await;
    let form = json!({ "name": "Ours", "steps": [{ "after_minutes": 60 }] });
    assert_eq!(put(&site, &own, "/api/v1/sequences/ours", &form).await.0, StatusCode::OK);
    let gateway = told(post(&site, &own, "/api/v1/gateways", &json!({ "kind": "log" })).await).await.1;
    let hears = json!({ "url": "https://example.com/hooks", "events": ["order.recovered"] });
    let webhook = told(post(&site, &own, "/api/v1/webhooks", &hears).await).await.1;
    let sale = json!({ "sold_at": house.core().now().to_string(), "phone": PHONE,
                       "total": { "amount_minor": 4890, "currency": "USD" } });
    let upload = told(post(&site, &own, "/api/v1/offline", &json!({ "sales": [sale] })).await).await.1;
    let first = async |path: &str| get(&site, &own, path).await.1["data"][0]["id"].as_str().map(str::to_owned);
    let (order, delivery) = (first("/api/v1/orders").await.unwrap(), first("/api/v1/inbox").await.unwrap());
    let goals = goal::keep(house.core(), house.shop, None, &presets()[0].goals[..1]).await.unwrap().unwrap();
    let funnel = goal::keep_funnel(house.core(), house.shop, None, &Way::usual()).await.unwrap().unwrap();
    let ways = json!({ "name": "x", "sequence": "default", "step": 1, "arms": [{ "name": "y", "after_minutes": 99 }] });
    let begun = told(post(&site, &own, "/api/v1/experiments", &ways).await).await.1;
    let experiment = begun["id"].as_str().unwrap().to_owned();
    let theirs_is = another_shop(&house).await;
    let all = Scopes::new([Scope::Read, Scope::People, Scope::Write, Scope::Send]);
    let theirs = token::create(house.core(), theirs_is, "theirs", all, None).await.unwrap();
    let mut looked = 0;
    for operation in operations() {
        let choose = |path: &str, name: &str| match (operation.noun, name) {
            ("acts", _) if path.contains("/messages/") => message.id.to_string(),
            ("carts" | "acts", _) => message.cart().unwrap().to_string(),
            ("messages", _) => message.id.to_string(),
            ("webhooks", _) => webhook["webhook"]["id"].as_str().unwrap().to_owned(),
            ("orders", _) => order.clone(),
            ("offline", _) => upload["id"].as_str().unwrap().to_owned(),
            ("inbox", _) if path.contains("/replays/") => "1".to_owned(),
            ("inbox", _) => delivery.clone(),
            ("experiments", _) => experiment.clone(),
            ("goals", _) if path.contains("/funnels/") => funnel.to_string(),
            ("goals", _) => goals[0].to_string(),
            ("gateways", _) => gateway["id"].as_str().unwrap().to_owned(),
            ("sequences", _) | ("texts", "sequence") => "ours".to_owned(),
            ("texts", "step") => "1".to_owned(),
            ("texts", "language") => "default".to_owned(),
            _ => path.len().to_string(),
        };
        if !operation.path.contains('{') || matches!(operation.noun, "law" | "replies" | "risk" | "statements") {
            continue;
        }
        let body = match (operation.noun, operation.name) {
            ("sequences", "shift") => json!({ "position": 1 }).to_string(),
            ("texts", "put") => json!({ "text": "{{ shop }} {{ link }} {{ opt_out }}" }).to_string(),
            ("texts", "test") => json!({ "phone": PHONE }).to_string(),
            ("acts", "settle") => json!({ "how": "arrived" }).to_string(),
            ("goals", "put") => json!({ "name": "x", "class": "micro", "kind": "searched" }).to_string(),
            ("goals", "put_funnel") => {
                let steps = json!([{ "kind": "searched" }, { "kind": "ordered" }]);
                json!({ "name": "x", "steps": steps, "window_minutes": 60 }).to_string()
            }
            ("experiments", "take") => json!({ "arm": "as it is" }).to_string(),
            ("inbox", "fix") => json!({ "body": "{}" }).to_string(),
            ("webhooks", "replay") => json!({ "since": "2026-01-01T00:00:00Z" }).to_string(),
            ("orders", "credit") => json!({ "to": "none", "reason": "not ours" }).to_string(),
            // Writing a sequence of this name makes the other shop's own.
            ("sequences", "put") => continue,
            _ => "{}".to_owned(),
        };
        let path = filled(&operation.path, choose);
        let asked = |token: &str| {
            with(
                token,
                request(operation, &path).set_payload(if operation.takes_body() {
                    body.clone()
                } else {
                    String::new()
                }),
            )
        };
        let (status, told_them) = told(ask(&site, asked(&theirs)).await).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{} {path}: {told_them}", operation.method);
        // And it is there: its own shop finds it.
        if operation.method == "get" {
            assert_eq!(get(&site, &own, &path).await.0, StatusCode::OK, "{path}");
        }
        looked += 1;
    }
    assert!(looked >= 20, "{looked}");
    // Lists show nothing of the other's either, and naming the other shop helps nobody.
    for path in [
        "carts",
        "messages",
        "orders",
        "inbox",
        "replies",
        "consents",
        "opt-outs",
        "report/orders",
        "events",
        "goals",
        "funnels",
    ] {
        let (status, body) = get(&site, &theirs, &format!("/api/v1/{path}")).await;
        assert_eq!((status, &body["data"]), (StatusCode::OK, &json!([])), "{path}");
    }
    let (_, shops) = get(&site, &theirs, "/api/v1/shops").await;
    assert_eq!((shops["data"].as_array().unwrap().len(), &shops["data"][0]["name"]), (1, &json!("Other")));
    let named = |token: &str, shop: &str| {
        with(token, TestRequest::get().uri("/api/v1/shop")).insert_header(("cartback-shop", shop))
    };
    let foreign = ask(&site, named(&theirs, &house.shop.to_string())).await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask(&site, named(&theirs, &theirs_is.to_string())).await.status(), StatusCode::OK);
    // The house's own token names any.
    let ours = of_house(&house).await;
    for shop in [house.shop, theirs_is] {
        let (status, body) = told(ask(&site, named(&ours, &shop.to_string())).await).await;
        assert_eq!((status, body["id"].as_str()), (StatusCode::OK, Some(shop.to_string().as_str())));
    }
    assert_eq!(get(&site, &ours, "/api/v1/shops").await.1["data"].as_array().unwrap().len(), 2);
    assert_eq!(get(&site, &ours, "/api/v1/shop").await.0, StatusCode::BAD_REQUEST);
    for odd in ["9", "0"] {
        assert_eq!(ask(&site, named(&ours, odd)).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(ask(&site, named(&ours, "one")).await.status(), StatusCode::BAD_REQUEST);
    house.app.close().await;
}

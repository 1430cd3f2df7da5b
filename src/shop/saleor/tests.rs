//! Tests of the Saleor connector: the installation, signatures, the story of a checkout, every sample there is.

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    event::{CartUpdate, Channel, ConsentState, OrderUpdate},
    money::{Currency, Money},
};

const NOW: &str = "2026-03-01T12:00:00Z";
const HOOK: &str = "https://hooks.example.com/h/saleor/x";
const API: &str = "https://lumen.saleor.example.com/graphql/";
const LINK: &str = "https://shop.example.com/checkout?checkout={checkout}";
const CHECKOUT: &str = "Q2hlY2tvdXQ6MQ==";
const ORDER: &str = "T3JkZXI6Nw==";
const TOKEN: &str = "app-token-of-the-shop";

/// Public keys made for this test, and what their private halves, long gone, signed.
const KEY_1: &str = "mRx7O6jDrvFLzRihh3FgZW9xXc-OBOF1TAdhReKo_jdr4SdyAusjPiTWioQco3ZSkcm2ALE8naPYQfdv2qRBZDyM3yUL-rS6zD-7EUDlPW8qL7_rV5lHyOBNWhNMY_6xNoBFvu0lVJBvtE_Nvo_E-mJFaLZQTHx2h3TW3dYB6Y8mgFJ5S5VZiXLjVphefOOo0IBzmhpOBkV78ZVvyF_1GaRLpOKT7ODdfGuj2jOL_2NufgJ9sEFnZrQnRsHLc1oGPAGX_-CobFc2QKSFE5Hl7YBIncaZst3psYvamrhdpLr8Ta3lHzXH4ayc_ww7JM-O1VUKnYJCC0TvGY7fSyeHfQ";
const KEY_2: &str = "vzTxUmR3u7f86agHiEU1X0HxbavUeDP7ytHdo_6pgna7GujlxpB45aa5Cm3NfS3KbJMFvNETXl4PeLOjA4151xdcHeNu3MStUBtTbQbaZR9DOIaZEm19e7I1f7xkP0-dgZCe_FEDox_g4iUbZtjH7CSWlnQURm9cpuwqCQOy7lW95LSvjuX_3OyjaBvj7jdFz428btNTxwJpD43W39y9g9d0bOxz5DyhVxe8b1-H9zsPEORhXCmFlCWB9GqcB-zCLDeUmwnZXXrf6HHmdAqACAe7ULL4ncOZphxXdp3PHiJed7yoPSpeBqU6gIIfZn9Bb12-53drHhkgzU2-KIpjhw";
const BODY: &[u8] =
    br#"{"__typename":"CheckoutUpdated","issuedAt":"2026-03-01T12:00:00+00:00","checkout":{"id":"Q2hlY2tvdXQ6MQ=="}}"#;
/// By key 1, over the body as it is.
const DETACHED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEiLCJiNjQiOmZhbHNlLCJjcml0IjpbImI2NCJdfQ..R9cTTh60763ydPZiRrWqlRO6mNS9sxywlqR3kn_bNnRkSuRjdtPsVp1b3BKdbWNcMRabD9TsXLcAuwIMvG_lLn--4sltA_tsfgW2uBYlOTB3jewLrtTBOmzyGTDVImNne2Bp1guWsYAjBoKxPNxmdRPcJj7X4kdE2zChGYjTGweCtCzCe0eGrjGxa5rm0P6UrmWKytDRE9vK39_28fE3Tx05nwyamRC7YI2Hf1PJvJncycdvA7FX9lfOgFTi_W3YKP2rwPoIPGx3E-EuJOMkGvHWkMw22cNim6dkvkpjlQ5OAIwzcPZkHdY2782Ky5ZCdLJH0uQ4-1bymMWqcmLrsA";
/// By key 1, over the body in base64.
const PLAIN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ..kJKFXAkhOIgZF8WOZXhQcaqYZHR8T2GjqIRaciUv4eZMoHqxyFiisUCJSL6Zq5HqCRzpZeIAs0RFBKbqBnHHrGrzK4uGN7ca0l6WM_VEfAYe9kuerVBaCTay36vzh9ceHkB04My0ATDmJD24lw2eI4CxS2ekrZjLAL2GBHG28XM6uFv2oGsJRHfJyysxRbmtBORMRIomk0Hko-pZnyUwoeKsyiDou_OLHMJMvYHy6qhsJkVhg_o3nx9x4jXBZ7u5XVp6pINGw0VRiDTLhmLeWKelnIT2qUXWNbhb6IlYL2BhCOQBodLwi_39niOK0aoZPcOp7NhThVbd5q5ne8viSg";
/// By key 2, which the header does not name.
const UNNAMED: &str = "eyJhbGciOiJSUzI1NiIsImI2NCI6ZmFsc2V9..DOsl7hAyhMEHeL_AgJsTdYs-mP5sQBIL_Jaef9A-WBRp2UVw8z-_I18_vpCjbES-FBU9NKcMUwiVYGpSTWRXUds3edHz34DQTVUCFAjrpZtWDR8x4YN4tVQrjM7cS-1axMZnvTCHyaezlkpheYPDVOWqU0h8lEwSz1p3zfOM14A2kOymiDTQWgYQlidJfHR-zFw_bHDCXc5OB6JBD3KCcqlr3Pg_lyAs0ME3RrGKsFeGejtuGjrFsM0XJMyHQUviwO1fRVlJajDoR7kJUnjUeaogK5bExlXRuXb5OPT7THdpzwgll7IlR46u3IYJKqMuBKVDnGNX54rsFrI0WqQsJQ";
/// Both by key 1: another algorithm's name, and a header that nobody here understands.
const RS512: &str = "eyJhbGciOiJSUzUxMiIsImtpZCI6IjEiLCJiNjQiOmZhbHNlfQ..g-s8LRT7ceEAfUpZLZScu2Pv4hm6hmUCG_lG7vKJ64rDZ42RHU1fkCA4c8OBP7lgmeVCyCnAyyxyVUCZPWIL5321ETUO_WDnfgLC5KZ-3hWsKIiYmJJONWNAMn4zi-0tL5vhXZx-x8c6Z0MEF7DGzfchcZVfmywdutHG8sqYLlvK_OUoAVwUfn0Jzyi7-H5OpH1q6upHpqYzP_NfkD3Ekxuql3kIG01Tkb4dxFAMeKKA2fCkPd4GwCQ9N6-TQIoBgxCuvZASG1RriNjkWE_9boTsvf9j-iqruCJQu4ahOUryV4796RtbwGNQ_bCieRAibewgDyvyWZp4NuRXusBjzA";
const CRITICAL: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEiLCJiNjQiOmZhbHNlLCJjcml0IjpbImI2NCIsImV4cCJdfQ..PVYeZc5KuC7X9FkRe4sw3gL6Jc1MQQnuT1QqFwi6TaRZmtVjaVLU9Dk_uFMbhn94vAIaW6jaDFYXFV5dve08oeir8_fXmOpoyTbpiRFMw2AzR2v1Ll7Lj31q4dTI0IQiDnmgIk_KFGB8jz-U3pgDN9vWf_KliBVPlQamElxa-ybROc97DpJlLMlJxsDaxPZA4vrgSAkKTXfY1pw77yzSjSHRxGKQC39c5PK0R_ANrpj7vUqXh73_o4_lXbKr0T3IFR_JCTtxwJsZxoUWdZAy_t12UAbYboMHsarIjAN17O3kX7XdfK6td_eq7CSxhhR1cyxBf7KejnIbSMBlGsZNXw";

fn shop() -> ShopFacts {
    ShopFacts { country: "US".into(), currency: Currency::parse("USD").unwrap(), settings: Default::default() }
}

fn settings() -> Settings {
    let given = [("api_url", API), ("checkout_link", LINK)];
    SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

fn call(method: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Delivery {
    Delivery {
        method: method.into(),
        url: format!("{HOOK}{query}"),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.to_vec(),
        received_at: at(NOW),
    }
}

fn answer(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn keys() -> Response {
    answer(
        200,
        &json!({ "keys": [
            { "kty": "RSA", "kid": "1", "use": "sig", "e": "AQAB", "n": KEY_1 },
            { "kty": "RSA", "kid": "2", "use": "sig", "e": "AQAB", "n": KEY_2 },
            { "kty": "EC", "kid": "3" },
        ] }),
    )
}

fn verify(signature: &str, body: &[u8]) -> Result<Accepted, Refusal> {
    Saleor.verify_by(&settings(), &keys(), &call("POST", "", &[("saleor-signature", signature)], body))
}

#[test]
fn signatures() {
    for good in [DETACHED, PLAIN, UNNAMED] {
        let Ok(Accepted::Keep { topic, key }) = verify(good, BODY) else { panic!("{:?}", verify(good, BODY)) };
        assert_eq!((topic.as_str(), key.len()), ("CHECKOUT_UPDATED", 40));
        assert!(good.split('.').nth(2).unwrap().starts_with(&key));
        let mut changed = BODY.to_vec();
        changed[20] ^= 1;
        assert_eq!(verify(good, &changed), Err(Refusal::WrongSignature));
        assert_eq!(verify(&good[..good.len() - 4], BODY), Err(Refusal::WrongSignature));
        assert_eq!(verify(&good.to_lowercase(), BODY), Err(Refusal::WrongSignature));
        assert_eq!(verify(&format!("{good}.x"), BODY), Err(Refusal::WrongSignature));
    }
    for wrong in [RS512, CRITICAL, "..", "a.b.c", "x", "....", "eyJhbGciOiJub25lIn0.."] {
        assert_eq!(verify(wrong, BODY), Err(Refusal::WrongSignature), "{wrong}");
    }
    // The body inside, and not detached.
    let (head, tag) = PLAIN.split_once("..").unwrap();
    let inside = format!("{head}.{}.{tag}", BASE64URL_NOPAD.encode(BODY));
    assert_eq!(verify(&inside, BODY), Err(Refusal::WrongSignature));
    assert_eq!(verify("", BODY), Err(Refusal::Unsigned));
    let by = |keys: &Response, headers: &[(&str, &str)]| {
        Saleor.verify_by(&settings(), keys, &call("POST", "", headers, BODY))
    };
    assert_eq!(by(&keys(), &[]), Err(Refusal::Unsigned));
    let twice = [("saleor-signature", DETACHED), ("saleor-signature", DETACHED)];
    assert_eq!(by(&keys(), &twice), Err(Refusal::Unsigned));
    // Another shop's keys: of the same name, or none of this one.
    let others = |kid: &str| answer(200, &json!({ "keys": [{ "kty": "RSA", "kid": kid, "e": "AQAB", "n": KEY_2 }] }));
    let one = [("saleor-signature", DETACHED)];
    assert_eq!(by(&others("1"), &one), Err(Refusal::WrongSignature));
    assert_eq!(by(&others("9"), &one), Err(Refusal::WrongSignature));
    for nothing in [answer(200, &json!({ "keys": [] })), answer(500, &json!({})), answer(200, &json!("x"))] {
        assert_eq!(by(&nothing, &one), Err(Refusal::NoKey));
    }
    let padded = BASE64URL_NOPAD.encode(&[vec![0], BASE64URL_NOPAD.decode(KEY_1.as_bytes()).unwrap()].concat());
    let zeros = answer(200, &json!({ "keys": [{ "kty": "RSA", "kid": "1", "e": "AAAAAQAB", "n": padded }] }));
    assert!(by(&zeros, &one).is_ok(), "zeros before the numbers");
}

#[test]
fn keys_are_asked_of_the_settings() {
    let webhook = call("POST", "", &[("saleor-api-url", "https://evil.example.com/graphql/")], BODY);
    let asked = Saleor.ask_keys(&settings(), &webhook).unwrap();
    assert_eq!(asked.url, "https://lumen.saleor.example.com/.well-known/jwks.json");
    assert!(Saleor.ask_keys(&settings(), &call("GET", "", &[], b"")).is_none());
    assert!(Saleor.ask_keys(&settings(), &call("POST", "?step=token", &[], b"")).is_none());
    assert!(Saleor.ask_keys(&settings().with("api_url", ""), &webhook).is_none());
    assert_eq!(Saleor.verify(&settings().with("api_url", ""), &webhook), Err(Refusal::NoKey));
    assert_eq!(Saleor.verify(&settings(), &webhook), Err(Refusal::Unsigned));
}

#[test]
fn the_manifest() {
    let Ok(Accepted::Greeting(greeting)) = Saleor.verify(&settings(), &call("GET", "?x=1", &[], b"")) else {
        panic!("no manifest");
    };
    let manifest: Value = serde_json::from_str(&greeting.body).unwrap();
    assert_eq!((greeting.content_type, greeting.learnt.len()), ("application/json", 0));
    assert_eq!(manifest["tokenTargetUrl"], format!("{HOOK}?step=token"));
    let webhooks = manifest["webhooks"].as_array().unwrap();
    let mut events = Vec::new();
    for webhook in webhooks {
        let target = webhook["targetUrl"].as_str().unwrap();
        assert!(target.len() <= 255);
        let told = Delivery { url: target.to_owned(), ..call("POST", "", &[], b"") };
        assert_eq!(told.query_pairs(), [("link".to_owned(), LINK.to_owned())]);
        let query = webhook["query"].as_str().unwrap();
        assert_eq!(query.matches('{').count(), query.matches('}').count());
        assert_eq!(query.matches("fragment AddressParts").count(), query.matches("fragment").count() / 2);
        events.extend(webhook["asyncEvents"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()));
    }
    assert!(webhooks[1]["query"].as_str().unwrap().contains("... on OrderFullyPaid { order { ...OrderParts } }"));
    let topics: Vec<_> = SPEC.topics.iter().map(|topic| topic.name).collect();
    assert_eq!(events, topics);
    // What a link would need to be encoded for.
    let odd = settings().with("checkout_link", "https://shop.example.com/c?a=1&id={checkout}#pay");
    let Ok(Accepted::Greeting(greeting)) = Saleor.verify(&odd, &call("GET", "", &[], b"")) else { panic!() };
    let manifest: Value = serde_json::from_str(&greeting.body).unwrap();
    let url = manifest["webhooks"][0]["targetUrl"].as_str().unwrap().to_owned();
    let pairs = Delivery { url, ..call("POST", "", &[], b"") }.query_pairs();
    assert_eq!(pairs, [("link".to_owned(), "https://shop.example.com/c?a=1&id={checkout}#pay".to_owned())]);
}

#[test]
fn the_token_is_learnt_once() {
    let body = json!({ "auth_token": TOKEN }).to_string();
    let post = |settings: &Settings, headers: &[(&str, &str)], body: &str| {
        Saleor.verify(settings, &call("POST", "?step=token", headers, body.as_bytes()))
    };
    let ours = [("saleor-api-url", "https://LUMEN.saleor.example.com/graphql")];
    let Ok(Accepted::Greeting(greeting)) = post(&settings(), &ours, &body) else { panic!("not learnt") };
    assert_eq!(greeting.learnt.get("auth_token").map(String::as_str), Some(TOKEN));
    let known = settings().with("auth_token", TOKEN);
    let Ok(Accepted::Greeting(again)) = post(&known, &ours, &body) else { panic!("the same again") };
    assert!(again.learnt.is_empty());
    let other = json!({ "auth_token": "somebody-elses-token" }).to_string();
    assert_eq!(post(&known, &ours, &other), Err(Refusal::WrongSignature));
    let foreign = [("saleor-api-url", "https://evil.example.com/graphql/")];
    assert_eq!(post(&settings(), &foreign, &body), Err(Refusal::WrongSignature));
    assert_eq!(post(&settings(), &[], &body), Err(Refusal::Unsigned));
    assert_eq!(post(&settings(), &[ours[0], ours[0]], &body), Err(Refusal::Unsigned));
    for odd in ["", "{}", "[]", r#"{"auth_token":null}"#, r#"{"auth_token":"x"}"#, r#"{"auth_token":"a b c d e f g"}"#]
    {
        assert_eq!(post(&settings(), &ours, odd), Err(Refusal::Unsigned), "{odd}");
    }
}

#[test]
fn settings_that_are_none() {
    let problems = |key: &str, value: &str| {
        let given = [("api_url", API), ("checkout_link", LINK)].into_iter().filter(|(known, _)| *known != key);
        let given = given.chain([(key, value)]).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        SPEC.settings(given).is_err()
    };
    for wrong in ["https://shop.example.com/", "http://shop.example.com/{checkout}", "https://{checkout}.example.com/"]
    {
        assert!(problems("checkout_link", wrong), "{wrong}");
    }
    for wrong in ["https://shop.example.com{checkout}", "https://a@shop.example.com/{checkout}", "{checkout}"] {
        assert!(problems("checkout_link", wrong), "{wrong}");
    }
    assert!(problems("api_url", "http://lumen.saleor.example.com/graphql/"));
    assert!(problems("api_url", "lumen"));
    let more = settings().with("site", "pay.example.com, shop.example.com");
    assert_eq!(Saleor.hosts(&more), ["shop.example.com", "pay.example.com"]);
    assert_eq!(Saleor.home(&more).as_deref(), Some("shop.example.com"));
}

fn checkout(changes: Value) -> Value {
    let mut checkout = json!({
        "id": CHECKOUT, "created": "2026-03-01T10:00:00+00:00", "updatedAt": "2026-03-01T11:30:00.123456+00:00",
        "email": "ida@example.com", "languageCode": "PT_BR", "user": null,
        "channel": { "slug": "default-channel", "currencyCode": "USD" },
        "totalPrice": { "gross": { "amount": 89.9, "currency": "USD" } },
        "billingAddress": { "firstName": "Ida", "phone": "+12125550101", "countryArea": "NY", "country": { "code": "US" } },
        "shippingAddress": { "firstName": "Ida", "phone": "(212) 555-0102", "country": { "code": "US" } },
        "metadata": [],
        "lines": [{ "quantity": 2, "unitPrice": { "gross": { "amount": 44.95, "currency": "USD" } },
            "variant": { "name": "Dark", "product": { "name": "Oak chair" } } }],
    });
    if let (Some(checkout), Value::Object(changes)) = (checkout.as_object_mut(), changes) {
        checkout.extend(changes);
    }
    checkout
}

fn read(body: &Value) -> Result<Vec<ShopEvent>, Unreadable> {
    let delivery = call("POST", &format!("?link={LINK}"), &[], body.to_string().as_bytes());
    Saleor.read(&shop(), &topic(&delivery), &delivery)
}

fn cart(changes: Value) -> CartUpdate {
    let body = json!({ "__typename": "CheckoutUpdated", "issuedAt": NOW, "checkout": checkout(changes) });
    match read(&body).unwrap().remove(0) {
        ShopEvent::Cart(cart) => *cart,
        other => panic!("{other:?}"),
    }
}

fn raw_order(changes: Value) -> Value {
    let mut order = json!({
        "id": ORDER, "number": "7", "created": "2026-03-01T11:40:00+00:00", "updatedAt": "2026-03-01T11:45:00+00:00",
        "status": "UNFULFILLED", "origin": "CHECKOUT", "userEmail": "ida@example.com", "voucherCode": "OAK10",
        "checkoutId": CHECKOUT, "user": { "id": "VXNlcjox" },
        "total": { "gross": { "amount": 89.9, "currency": "USD" }, "tax": { "amount": 5.31 } },
        "shippingPrice": { "net": { "amount": 11.09 } }, "totalRefunded": { "amount": 0.0, "currency": "USD" },
        "billingAddress": { "phone": "+12125550101", "country": { "code": "US" } }, "shippingAddress": null,
        "metadata": [{ "key": "cartback_recovery", "value": "r-1" }], "payments": [{ "gateway": "stripe" }],
    });
    if let (Some(order), Value::Object(changes)) = (order.as_object_mut(), changes) {
        order.extend(changes);
    }
    order
}

fn order(changes: Value) -> OrderUpdate {
    let body = json!({ "__typename": "OrderUpdated", "issuedAt": NOW, "order": raw_order(changes) });
    match read(&body).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_story_of_a_checkout() {
    let early = cart(json!({ "email": "", "billingAddress": null, "shippingAddress": null }));
    assert_eq!((early.token.as_str(), early.who.phones.len(), early.who.email), (CHECKOUT, 0, None));
    let later = cart(json!({}));
    let phones: Vec<_> = later.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
    assert_eq!(phones, [("+12125550101", Some("US")), ("(212) 555-0102", Some("US"))]);
    assert_eq!(later.recovery_url.as_deref(), Some("https://shop.example.com/checkout?checkout=Q2hlY2tvdXQ6MQ%3D%3D"));
    assert_eq!((later.language.as_deref(), later.region.as_deref()), (Some("pt-BR"), Some("NY")));
    assert_eq!((later.total.map(|it| it.minor), later.items[0].price.map(|it| it.minor)), (Some(8_990), Some(4_495)));
    assert_eq!((later.updated_at.millis() % 1000, later.consent), (123, None));

    let placed = order(json!({}));
    assert_eq!(
        (placed.cart_tokens.as_slice(), placed.codes.as_slice()),
        ([CHECKOUT.to_owned()].as_slice(), ["OAK10".to_owned()].as_slice())
    );
    assert_eq!((placed.placed_at, placed.total.minor), (Some(at("2026-03-01T11:40:00Z")), 8_990));
    assert_eq!((placed.number.as_str(), placed.recovery_tokens.as_slice()), ("#7", ["r-1".to_owned()].as_slice()));
    assert_eq!((placed.who.customer.as_deref(), placed.channel), (Some("VXNlcjox"), Channel::Web));
    let refunded = order(json!({ "totalRefunded": { "amount": 10.5, "currency": "USD" } }));
    assert_eq!((refunded.refunds[0].amount.minor, refunded.refunds[0].external_id.as_str()), (1_050, "cumulative"));
    let cancelled = order(json!({ "status": "CANCELED" }));
    assert_eq!((cancelled.cancelled_at, cancelled.placed_at.is_some()), (Some(at("2026-03-01T11:45:00Z")), true));
}

#[test]
fn orders_that_are_none_and_odd_ones() {
    let draft = order(json!({ "status": "DRAFT", "origin": "DRAFT" }));
    assert_eq!((draft.placed_at, draft.channel, draft.cart_tokens.len()), (None, Channel::Staff, 0));
    let expired = order(json!({ "status": "EXPIRED" }));
    assert_eq!((expired.placed_at, expired.cancelled_at.is_some()), (None, true));
    assert!(order(json!({ "payments": [{ "gateway": "mirumee.payments.dummy" }] })).test);
    let odd = order(json!({ "user": [], "billingAddress": "", "metadata": {}, "payments": null, "updatedAt": "",
        "checkoutId": null, "voucherCode": "", "totalRefunded": null }));
    assert_eq!((odd.updated_at, odd.cart_tokens.len(), odd.codes.len(), odd.refunds.len()), (at(NOW), 0, 0, 0));
    let yen = order(json!({ "total": { "gross": { "amount": "1500", "currency": "JPY" } } }));
    assert_eq!(yen.total.minor, 1_500);
    for wrong in [json!({ "id": null }), json!({ "total": null }), json!({ "status": "" })] {
        assert!(read(&json!({ "order": raw_order(wrong) })).is_err());
    }
    assert!(read(&json!({ "checkout": checkout(json!({ "id": "" })) })).is_err());
    assert_eq!(read(&json!({ "__typename": "ProductUpdated", "product": {} })), Ok(Vec::new()));
    assert!(matches!(
        read(&json!({ "data": { "event": { "checkout": checkout(json!({})) } } })).unwrap()[0],
        ShopEvent::Cart(_)
    ));
}

#[test]
fn consent_and_people_to_be_forgotten() {
    let state = |value: Value| {
        let notes = json!([{ "key": "cartback_sms_consent", "value": value }]);
        cart(json!({ "metadata": notes })).consent.map(|consent| consent.state)
    };
    assert_eq!(state(json!("true")), Some(ConsentState::Granted));
    assert_eq!(state(json!("false")), Some(ConsentState::NotGiven));
    for unclear in [json!("perhaps"), json!(""), Value::Null] {
        assert_eq!(state(unclear), None);
    }
    let gone =
        read(&json!({ "__typename": "CustomerDeleted", "user": { "id": "VXNlcjox", "email": "ida@example.com" } }));
    let Ok([ShopEvent::Redact(who)]) = gone.as_deref() else { panic!("{gone:?}") };
    assert_eq!(who.customer.as_deref(), Some("VXNlcjox"));
    assert_eq!(read(&json!({ "__typename": "AccountDeleted", "user": null })), Ok(Vec::new()));
}

#[test]
fn pages_of_orders() {
    let ready = settings().with("auth_token", TOKEN);
    let changed = Wanted::Changed { since: at("2026-03-01T00:00:00Z") };
    assert_eq!(Saleor.ask_orders(&settings(), &changed, None), Ok(None));
    let asked = Saleor.ask_orders(&ready, &changed, Some("c1")).unwrap().unwrap();
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!((asked.url.as_str(), body["variables"]["after"].as_str()), (API, Some("c1")));
    assert_eq!(body["variables"]["filter"]["updatedAt"]["gte"], "2026-03-01T00:00:00Z");
    assert!(asked.headers.contains(&("authorization".into(), format!("Bearer {TOKEN}"))));
    let placed = Wanted::Placed { from: at("2026-02-01T09:00:00Z"), to: at("2026-03-01T09:00:00Z") };
    let body: Value = serde_json::from_slice(&Saleor.ask_orders(&ready, &placed, None).unwrap().unwrap().body).unwrap();
    assert_eq!(body["variables"]["filter"]["created"], json!({ "gte": "2026-02-01", "lte": "2026-03-01" }));
    assert!(Saleor.ask_orders(&ready, &Wanted::One { external_id: ORDER.into() }, None).unwrap().is_some());
    assert!(Saleor.ask_orders(&ready, &Wanted::One { external_id: "a b".into() }, None).is_err());

    let list = json!({ "data": { "orders": { "totalCount": 51, "edges": [{ "node": raw_order(json!({})) }],
        "pageInfo": { "hasNextPage": true, "endCursor": "c2" } } } });
    let page = Saleor.orders(&answer(200, &list), None).unwrap();
    assert_eq!((page.orders.len(), page.next.as_deref(), page.total), (1, Some("c2"), Some(51)));
    assert_eq!((page.orders[0].tax.as_deref(), page.orders[0].shipping.as_deref()), (Some("5.31"), Some("11.09")));
    let events = Saleor.read(&shop(), page.orders[0].topic, &call("POST", "", &[], &page.orders[0].body)).unwrap();
    assert!(matches!(&events[0], ShopEvent::Order(it) if it.cart_tokens == [CHECKOUT]));
    let one = Saleor.orders(&answer(200, &json!({ "data": { "order": raw_order(json!({})) } })), None).unwrap();
    assert_eq!(one.orders.len(), 1);
    assert_eq!(Saleor.orders(&answer(200, &json!({ "data": { "order": null } })), None).unwrap().orders.len(), 0);

    let error = |code: &str, message: &str| json!({ "errors": [{ "message": message, "extensions": { "exception": { "code": code } } }], "data": null });
    let told = |status, body: &Value| Saleor.orders(&answer(status, body), None).unwrap_err();
    assert!(matches!(told(200, &error("PermissionDenied", "no")), NotPulled::Refused(_)));
    assert!(matches!(told(400, &error("GraphQLError", "Cannot query field")), NotPulled::Refused(_)));
    assert_eq!(told(200, &error("", "Received cursor is invalid.")), NotPulled::Lost);
    assert!(matches!(told(200, &error("OperationalError", "db")), NotPulled::Later { .. }));
    assert!(matches!(told(401, &json!({})), NotPulled::Refused(_)));
    assert!(matches!(told(500, &json!({})), NotPulled::Later { .. }));
    assert!(matches!(told(200, &json!({})), NotPulled::Later { .. }));
    let slow = Response { headers: vec![("retry-after".into(), "7".into())], ..answer(429, &json!({})) };
    let Err(NotPulled::Later { wait, .. }) = Saleor.orders(&slow, None) else { panic!() };
    assert_eq!(wait, Duration::from_secs(7));
}

#[test]
fn pages_of_the_dashboard() {
    let cloud = settings().with("api_url", "https://lumen.saleor.cloud/graphql/");
    let page = Saleor.order_page(&cloud, ORDER);
    assert_eq!(page.as_deref(), Some("https://lumen.saleor.cloud/dashboard/orders/T3JkZXI6Nw%3D%3D"));
    assert_eq!(Saleor.order_page(&settings(), ORDER), None);
}

#[test]
fn rehearsals() {
    let usd = shop().currency;
    let visit = Visit {
        token: CHECKOUT.into(),
        order: 900,
        refund: 901,
        phone: "+12125550101".into(),
        country: "US".into(),
        language: "en-US".into(),
        total: Money::new(8_990, usd),
        refunded: Money::new(1_000, usd),
        checkout_url: "https://shop.example.com/checkout".into(),
        started_at: at("2026-03-01T10:00:00Z"),
        placed_at: at("2026-03-01T11:00:00Z"),
        link: Some("r-1".into()),
    };
    let play = |act| {
        let Rehearsed::Fetched { pointer: None, whole } = Saleor.rehearse(&settings(), &visit, act, at(NOW)) else {
            panic!("only Saleor can sign");
        };
        Saleor.read(&shop(), whole.topic, &call("POST", "", &[], &whole.body)).unwrap().remove(0)
    };
    let ShopEvent::Cart(cart) = play(Act::Left) else { panic!("a cart") };
    assert_eq!(cart.consent.map(|consent| consent.state), Some(ConsentState::Granted));
    assert_eq!((cart.who.phones.len(), cart.recovery_url), (1, Some(visit.checkout_url.clone())));
    assert_eq!((cart.language.as_deref(), cart.total), (Some("en-US"), Some(visit.total)));
    let ShopEvent::Order(bought) = play(Act::Bought) else { panic!("an order") };
    assert_eq!(
        (bought.placed_at, bought.recovery_tokens.as_slice()),
        (Some(visit.placed_at), ["r-1".to_owned()].as_slice())
    );
    let ShopEvent::Order(refunded) = play(Act::Refunded) else { panic!("an order") };
    assert_eq!(refunded.refunds[0].amount, visit.refunded);
}

/// None of them is what our own queries ask for: they come of webhooks without a query, and are nothing to us.
#[test]
fn every_sample_there_is() {
    let shared = std::env::var_os("CARTBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(shared.join("payloads/saleor")) else {
        eprintln!("skipped: no samples beside the project");
        return;
    };
    for file in files.map(Result::unwrap) {
        let bytes = std::fs::read(file.path()).unwrap();
        let told = call("POST", "", &[("saleor-event", "order_created")], &bytes);
        assert_eq!(topic(&told), "ORDER_CREATED");
        assert!(Saleor.read(&shop(), "ORDER_CREATED", &told).unwrap_or_default().is_empty(), "{:?}", file.file_name());
        for end in (0..bytes.len()).step_by(97) {
            let _ = Saleor.read(&shop(), "ORDER_CREATED", &call("POST", "", &[], &bytes[..end]));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200), signature in ".{0,60}", status in 100u16..600) {
        let told = call("POST", "?step=token&link=%7Bcheckout%7D", &[("saleor-signature", &signature)], &body);
        let webhook = call("POST", "", &[("saleor-signature", &signature), ("saleor-event", &signature)], &body);
        let said = Response { status, headers: Vec::new(), body: body.clone() };
        for topic in ["CHECKOUT_UPDATED", "ORDER_CREATED", "ACCOUNT_DELETED", ""] {
            let _ = Saleor.read(&shop(), topic, &told);
        }
        let _ = (Saleor.verify(&settings(), &told), Saleor.verify_by(&settings(), &keys(), &webhook), topic(&webhook));
        let _ = (Saleor.verify_by(&settings(), &said, &webhook), Saleor.orders(&said, None));
    }

    #[test]
    fn no_link_panics(pattern in "[a-z:/{}?.@#&=]{0,40}", id in ".{0,20}") {
        let _ = (link(&pattern, &id), check_link(&pattern), check_api_url(&pattern), spelled(&id));
    }
}

//! Tests of the Squarespace connector: signatures, an order's story, pages, any bytes.

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    event::{Channel, OrderUpdate},
    money::Currency,
};

const NOW: &str = "2026-03-01T12:00:00Z";
const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const ORDER_ID: &str = "0123456789abcdef01234567";

fn shop() -> ShopFacts {
    ShopFacts { country: "US".into(), currency: Currency::parse("USD").unwrap(), settings: Default::default() }
}

fn settings() -> Settings {
    let given = [("site", "shop.example.com"), ("api_key", "k3yk3yk3yk3yk3yk3y"), ("webhook_secret", SECRET)];
    SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example.com/h/squarespace/x".into(),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.to_vec(),
        received_at: at(NOW),
    }
}

fn sign(secret: &str, body: &[u8]) -> String {
    let key = HEXLOWER.decode(secret.as_bytes()).unwrap();
    HEXLOWER.encode(&Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(body).finalize().into_bytes())
}

fn pointer(topic: &str) -> Vec<u8> {
    json!({
        "id": "n1", "websiteId": "w1", "subscriptionId": "s1", "topic": topic, "createdOn": "2026-03-01T11:00+00:00",
        "data": { "orderId": ORDER_ID, "update": "CREATED" },
    })
    .to_string()
    .into_bytes()
}

fn order(changes: Value) -> Value {
    let mut order = json!({
        "id": ORDER_ID, "orderNumber": "1012", "channel": "web", "testmode": false, "customerId": "c1",
        "createdOn": "2026-03-01T10:30:00.187Z", "modifiedOn": "2026-03-01T10:31:00Z", "customerEmail": "ida@example.com",
        "billingAddress": { "firstName": "Ida", "countryCode": "US", "state": "NY", "phone": "2125550101" },
        "shippingAddress": null, "fulfillmentStatus": "PENDING", "paymentState": "PAID",
        "grandTotal": { "value": "89.90", "currency": "USD" }, "refundedTotal": { "value": "0.00", "currency": "USD" },
        "taxTotal": { "value": "7.20", "currency": "USD" }, "shippingTotal": { "value": 4.9, "currency": "USD" },
        "discountLines": [{ "promoCode": "OAK10", "amount": { "value": "9.99", "currency": "USD" } }, { "name": "Spring" }],
    });
    order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    order
}

fn answer(status: u16, body: &Value) -> Response {
    Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.to_string().into_bytes() }
}

fn read(changes: Value) -> OrderUpdate {
    let hint = delivery(&[], &pointer("order.update"));
    let mut whole = Squarespace.whole(&settings(), "order.update", &hint, &answer(200, &order(changes))).unwrap();
    let whole = whole.remove(0);
    match Squarespace.read(&shop(), whole.topic, &delivery(&[], &whole.body)).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn signatures() {
    let body = pointer("order.create");
    let good = sign(SECRET, &body);
    #[track_caller]
    fn check(settings: &Settings, headers: &[(&str, &str)], body: &[u8], expected: Result<(), Refusal>) {
        let kept = Accepted::Keep { topic: "order.create".into(), key: "n1".into() };
        assert_eq!(Squarespace.verify(settings, &delivery(headers, body)), expected.map(|()| kept));
    }
    let own = settings();
    check(&own, &[(SIGNATURE, &good)], &body, Ok(()));
    // Digits are the same in capitals.
    check(&own, &[(SIGNATURE, &good.to_uppercase())], &body, Ok(()));
    let another = "ff".repeat(32);
    check(&own.with("webhook_secret", format!("{another}, {SECRET}")), &[(SIGNATURE, &good)], &body, Ok(()));
    check(&own.with("webhook_secret", &another), &[(SIGNATURE, &good)], &body, Err(Refusal::WrongSignature));
    check(&own.with("webhook_secret", ""), &[(SIGNATURE, &good)], &body, Err(Refusal::NoKey));
    check(&own.with("webhook_secret", "00"), &[(SIGNATURE, &good)], &body, Err(Refusal::NoKey));
    check(&own, &[], &body, Err(Refusal::Unsigned));
    check(&own, &[(SIGNATURE, "")], &body, Err(Refusal::Unsigned));
    check(&own, &[(SIGNATURE, &good), (SIGNATURE, &good)], &body, Err(Refusal::Unsigned));
    check(&own, &[(SIGNATURE, &good[..62])], &body, Err(Refusal::WrongSignature));
    check(&own, &[(SIGNATURE, "not hexadecimal")], &body, Err(Refusal::WrongSignature));
    check(&own, &[(SIGNATURE, &good)], &pointer("order.creatf"), Err(Refusal::WrongSignature));
    // The digits of the secret as they are typed sign nothing.
    let typed = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&body).finalize().into_bytes();
    check(&own, &[(SIGNATURE, &HEXLOWER.encode(&typed))], &body, Err(Refusal::WrongSignature));
    // RFC 4231, the third of its test cases.
    let mac = mac(&[0xaa; 20], &[0xdd; 50]).unwrap().finalize().into_bytes();
    assert_eq!(HEXLOWER.encode(&mac), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
}

#[test]
fn topics_are_squarespaces_own() {
    for topic in [ORDER, CART, "contact.create", ""] {
        let body = pointer(topic);
        let told = delivery(&[(SIGNATURE, &sign(SECRET, &body))], &body);
        let kept = Accepted::Keep { topic: "other".into(), key: "n1".into() };
        assert_eq!(Squarespace.verify(&settings(), &told), Ok(kept), "{topic}");
    }
    let hint = delivery(&[], &pointer("order.create"));
    assert_eq!(Squarespace.read(&shop(), "order.create", &hint), Ok(Vec::new()), "a pointer says nothing");
    let left = Squarespace.read(&shop(), "extension.uninstall", &hint).unwrap();
    assert!(matches!(&left[..], [ShopEvent::Uninstalled { .. }]));
}

#[test]
fn what_is_pointed_at_is_fetched() {
    let ask = |topic: &str, body: &[u8]| Squarespace.ask_whole(&settings(), topic, &delivery(&[], body)).unwrap();
    let request = ask("order.create", &pointer("order.create")).unwrap();
    assert_eq!(request.url, format!("https://api.squarespace.com/1.0/commerce/orders/{ORDER_ID}"));
    assert!(request.headers.contains(&("authorization".into(), "Bearer k3yk3yk3yk3yk3yk3y".into())));
    assert!(request.headers.iter().any(|(name, _)| name == "user-agent"));
    assert_eq!(ask("extension.uninstall", &pointer("extension.uninstall")), None);
    for id in ["../x", "", "a/b", "a?b"] {
        assert_eq!(ask("order.create", json!({ "data": { "orderId": id } }).to_string().as_bytes()), None, "{id}");
    }
    let keyless = settings().with("api_key", "");
    assert!(Squarespace.ask_whole(&keyless, "order.create", &delivery(&[], &pointer("order.create"))).is_err());
    let whole =
        |status| Squarespace.whole(&settings(), "order.create", &delivery(&[], b""), &answer(status, &json!({})));
    assert_eq!(whole(404), Ok(Vec::new()));
    assert!(matches!((whole(401), whole(403)), (Err(NotPulled::Refused(_)), Err(NotPulled::Refused(_)))));
    let wait = std::time::Duration::from_secs(7);
    assert!(matches!(whole(429), Err(NotPulled::Later { wait: told, .. }) if told == wait));
    assert!(matches!(
        (whole(500), whole(200), whole(400)),
        (Err(NotPulled::Later { .. }), Err(NotPulled::Later { .. }), Err(NotPulled::Later { .. }))
    ));
}

#[test]
fn a_story() {
    let paid = read(json!({}));
    assert_eq!((paid.external_id.as_str(), paid.number.as_str()), (ORDER_ID, "1012"));
    assert_eq!((paid.total.minor, paid.total.currency.code()), (8_990, "USD"));
    assert_eq!((paid.placed_at, paid.updated_at), (Some(at("2026-03-01T10:30:00.187Z")), at("2026-03-01T10:31:00Z")));
    assert_eq!((paid.who.email.as_deref(), paid.who.customer.as_deref()), (Some("ida@example.com"), Some("c1")));
    assert_eq!((paid.who.phones[0].number.as_str(), paid.who.phones[0].country.as_deref()), ("2125550101", Some("US")));
    assert_eq!((paid.codes.as_slice(), paid.discounts[0].amount.minor), (["OAK10".to_owned()].as_slice(), 999));
    assert_eq!((paid.cancelled_at, paid.refunds.len(), paid.channel, paid.test), (None, 0, Channel::Web, false));
    assert_eq!(read(json!({ "paymentState": "FAILED" })).placed_at, None);
    assert!(read(json!({ "paymentState": "PENDING" })).placed_at.is_some());
    let cancelled = read(json!({ "fulfillmentStatus": "CANCELED" }));
    assert_eq!((cancelled.placed_at.is_some(), cancelled.cancelled_at), (true, Some(at("2026-03-01T10:31:00Z"))));
    let refunded = read(json!({ "refundedTotal": { "value": 12.5, "currency": "USD" } }));
    assert_eq!((refunded.refunds[0].external_id.as_str(), refunded.refunds[0].amount.minor), ("cumulative", 1_250));
    assert!(read(json!({ "testmode": true })).test);
    assert_eq!(read(json!({ "channel": "pos" })).channel, Channel::PointOfSale);
    assert_eq!(read(json!({ "channelName": "Market" })).channel, Channel::Staff);
}

#[test]
fn odd_bodies() {
    let odd = json!({
        "billingAddress": [], "discountLines": {}, "refundedTotal": null, "customerEmail": "", "customerId": null,
        "modifiedOn": "yesterday", "grandTotal": { "value": 1200, "currency": { "currencyCode": "JPY" } },
    });
    let order = read(odd);
    assert_eq!((order.total.minor, order.total.currency.code(), order.updated_at), (1_200, "JPY", at(NOW)));
    assert_eq!((order.who.phones.len(), order.who.customer), (0, None));
    for wrong in [json!({ "grandTotal": null }), json!({ "grandTotal": { "value": "1" } }), json!({ "id": null })] {
        let body = self::order(wrong).to_string();
        assert!(Squarespace.read(&shop(), ORDER, &delivery(&[], body.as_bytes())).is_err());
    }
}

#[test]
fn pages() {
    let url = |wanted: Wanted, cursor| Squarespace.ask_orders(&settings(), &wanted, cursor).unwrap().unwrap().url;
    let since = || Wanted::Changed { since: at("2026-03-01T09:00:00Z") };
    let first = url(since(), None);
    assert!(first.contains("?modifiedAfter=2026-03-01T09%3A00%3A00.000Z&modifiedBefore=2099-12-31"), "{first}");
    assert!(url(since(), Some("c=2")).ends_with("/orders?cursor=c%3D2"), "a cursor stands alone");
    assert!(url(Wanted::One { external_id: ORDER_ID.into() }, None).ends_with(&format!("/orders/{ORDER_ID}")));
    assert!(Squarespace.ask_orders(&settings(), &Wanted::One { external_id: "../x".into() }, None).is_err());
    assert_eq!(Squarespace.ask_orders(&settings().with("api_key", ""), &since(), None), Ok(None));

    let body = |more: bool| json!({ "result": [order(json!({}))], "pagination": { "hasNextPage": more, "nextPageCursor": "c2", "nextPageUrl": "u" } });
    let page = Squarespace.orders(&answer(200, &body(true)), None).unwrap();
    assert_eq!(
        (page.next.as_deref(), page.orders[0].tax.as_deref(), page.orders[0].shipping.as_deref()),
        (Some("c2"), Some("7.20"), Some("4.9"))
    );
    assert_eq!(Squarespace.orders(&answer(200, &body(false)), None).unwrap().next, None);
    assert_eq!(Squarespace.orders(&answer(200, &order(json!({}))), None).unwrap().orders.len(), 1);
    assert_eq!(Squarespace.orders(&answer(400, &json!({})), Some("old")), Err(NotPulled::Lost));
    assert!(Squarespace.is_silent(&settings().with("webhook_secret", "")) && !Squarespace.is_silent(&settings()));
    assert_eq!(Squarespace.ask_carts(&settings(), at(NOW), None), Ok(None));
}

#[test]
fn a_rehearsal_is_taken_and_read() {
    let visit = super::super::ecwid::tests::visit();
    let told = |act| {
        let Rehearsed::Fetched { pointer, whole } = Squarespace.rehearse(&settings(), &visit, act, at(NOW)) else {
            panic!()
        };
        if let Some(pointer) = pointer {
            let Accepted::Keep { topic, .. } = Squarespace.verify(&settings(), &pointer).unwrap() else { panic!() };
            assert!(Squarespace.ask_whole(&settings(), &topic, &pointer).unwrap().is_some());
        }
        Squarespace.read(&shop(), whole.topic, &delivery(&[], &whole.body)).unwrap().remove(0)
    };
    let ShopEvent::Cart(cart) = told(Act::Left) else { panic!() };
    assert!(cart.consent.is_some() && cart.recovery_url.is_some());
    let ShopEvent::Order(order) = told(Act::Bought) else { panic!() };
    assert_eq!(
        (&order.who.email, &order.who.phones),
        (&cart.who.email, &cart.who.phones),
        "that is how it finds its cart"
    );
    let ShopEvent::Order(order) = told(Act::Refunded) else { panic!() };
    assert_eq!(order.refunds[0].amount, visit.refunded);
}

#[test]
fn samples() {
    let shared = std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| "../shared".into());
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("payloads/squarespace");
    let Ok(body) = std::fs::read(folder.join("order.create.json")) else {
        return println!("skipped: no bodies in {}", folder.display());
    };
    let told = delivery(&[(SIGNATURE, &sign(SECRET, &body))], &body);
    let Ok(Accepted::Keep { topic, key }) = Squarespace.verify(&settings(), &told) else { panic!() };
    assert_eq!((topic.as_str(), key.len()), ("order.create", 24));
    assert!(Squarespace.ask_whole(&settings(), &topic, &told).unwrap().is_some());
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        let odd = json!({ "id": text, "grandTotal": { "value": text, "currency": "USD" }, "result": [text] });
        for body in [body, odd.to_string().into_bytes()] {
            let delivery = delivery(&[(SIGNATURE, &text)], &body);
            let _ = Squarespace.verify(&settings(), &delivery);
            let told = Response { status: 200, headers: Vec::new(), body };
            for topic in ["order.create", "extension.uninstall", ORDER, CART] {
                let _ = (Squarespace.read(&shop(), topic, &delivery), Squarespace.ask_whole(&settings(), topic, &delivery));
                let _ = Squarespace.whole(&settings(), topic, &delivery, &told);
            }
            let _ = Squarespace.orders(&told, Some(&text));
        }
        let _ = check_secrets(&text);
    }
}

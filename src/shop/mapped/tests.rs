//! Tests of the mapped connector: forms right and wrong, every way of signing, what a body becomes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    event::{CartUpdate, ConsentState, OrderUpdate},
    money::{Currency, Money},
};

const NOW: i64 = 1_772_359_200;
const SECRET: &str = "lumen-and-oak-secret";

/// A form as an owner fills it in, with changes.
fn settings(changes: &[(&str, &str)]) -> Settings {
    let form = [
        ("site", "shop.example.com"),
        ("proof", "hex"),
        ("secret", SECRET),
        ("at_kind", "event"),
        ("kind_cart", "cart.updated, cart.left"),
        ("kind_order", "order.changed"),
        ("kind_refund", "refund.made"),
        ("kind_deleted", "cart.deleted"),
        ("kind_test", "ping"),
        ("at_cart_id", "data.cart.id | data.order.cart_id"),
        ("at_phone", "data.customer.phone | data.addresses[].phone"),
        ("at_country", "data.customer.country"),
        ("at_email", "data.customer.email"),
        ("at_first_name", "data.customer.name"),
        ("at_currency", "data.currency"),
        ("at_total", "data.cart.total"),
        ("at_item_title", "data.cart.items[].name"),
        ("at_item_quantity", "data.cart.items[].quantity"),
        ("at_item_price", "data.cart.items[].price"),
        ("at_recovery_url", "data.cart.url"),
        ("at_consent", "data.customer.sms"),
        ("at_updated_at", "at"),
        ("at_completed", "data.cart.completed_at"),
        ("at_order_id", "data.order.id"),
        ("at_order_total", "data.order.total"),
        ("at_order_status", "data.order.status"),
        ("status_paid", "paid"),
        ("status_cancelled", "cancelled"),
        ("status_refunded", "refunded"),
        ("at_refund_amount", "data.order.refunded | data.refund.amount"),
        ("at_refund_id", "data.refund.id"),
    ];
    let mut given: BTreeMap<String, String> =
        form.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    given.extend(changes.iter().map(|(key, value)| ((*key).into(), (*value).into())));
    SPEC.settings(given).unwrap()
}

fn delivery(body: &[u8], headers: &[(&str, &str)]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example.com/h/mapped/x".into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.to_vec(),
        received_at: Time::from_seconds(NOW),
    }
}

fn facts() -> ShopFacts {
    ShopFacts { country: "SI".into(), currency: Currency::parse("EUR").unwrap(), settings: Default::default() }
}

fn read_with(changes: &[(&str, &str)], body: Value) -> Result<Vec<ShopEvent>, String> {
    let delivery = delivery(body.to_string().as_bytes(), &[]);
    Mapped.read(&ShopFacts { settings: settings(changes), ..facts() }, "cart", &delivery).map_err(|Unreadable(why)| why)
}

#[track_caller]
fn cart(changes: &[(&str, &str)], body: Value) -> CartUpdate {
    match read_with(changes, body).unwrap().remove(0) {
        ShopEvent::Cart(cart) => *cart,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn order(changes: &[(&str, &str)], body: Value) -> OrderUpdate {
    match read_with(changes, body).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

fn a_cart() -> Value {
    json!({
        "event": "cart.updated", "at": "2026-03-01T10:00:00Z",
        "data": {
            "customer": { "phone": "040 555 101", "country": "si", "email": "ada@shopper.example.com", "name": "Ada",
                "sms": true },
            "addresses": [{ "phone": "040 555 102" }, { "phone": "" }, { "phone": "040 555 101" }],
            "currency": "EUR",
            "cart": {
                "id": 9007199254740993u64, "total": "128.00", "url": "https://shop.example.com/c/1?k=2",
                "items": [{ "name": "Lamp", "quantity": 2, "price": 39.5 }, { "name": "Oak stool", "quantity": null }],
                "completed_at": null,
            },
        },
    })
}

fn an_order(status: &str) -> Value {
    json!({
        "event": "order.changed", "at": 1_772_360_000,
        "data": {
            "customer": { "phone": "040 555 101", "email": "ada@shopper.example.com" }, "currency": "EUR",
            "order": { "id": "A-1", "cart_id": 9007199254740993u64, "total": "128.00", "status": status },
        },
    })
}

fn euros(minor: i64) -> Money {
    Money::new(minor, Currency::parse("EUR").unwrap())
}

#[test]
fn a_story_from_the_cart_to_the_refund() {
    let left = cart(&[], a_cart());
    assert_eq!((left.token.as_str(), left.total), ("9007199254740993", Some(euros(12_800))));
    assert_eq!(
        left.who.phones.iter().map(|phone| phone.number.as_str()).collect::<Vec<_>>(),
        ["040 555 101", "040 555 102"]
    );
    assert_eq!(left.who.phones[0].country.as_deref(), Some("SI"));
    assert_eq!(
        left.items.iter().map(|item| (item.quantity, item.price)).collect::<Vec<_>>(),
        [(2, Some(euros(3_950))), (1, None)]
    );
    assert_eq!(left.consent.unwrap().state, ConsentState::Granted);
    assert_eq!((left.updated_at, left.completed_at), (Time::from_seconds(NOW), None));
    assert_eq!(left.recovery_url.as_deref(), Some("https://shop.example.com/c/1?k=2"));

    let waiting = order(&[], an_order("waiting"));
    assert_eq!((waiting.placed_at, waiting.cart_tokens), (None, vec!["9007199254740993".to_owned()]));
    let paid = order(&[], an_order("PAID"));
    assert_eq!(paid.placed_at, Some(Time::from_seconds(1_772_360_000)));
    assert_eq!((paid.total, paid.number.as_str()), (euros(12_800), "A-1"));
    let cancelled = order(&[], an_order("cancelled"));
    assert_eq!((cancelled.placed_at, cancelled.cancelled_at), (None, Some(Time::from_seconds(1_772_360_000))));
    let refunded = order(&[], an_order("refunded"));
    assert_eq!(
        refunded.refunds.iter().map(|refund| (refund.external_id.as_str(), refund.amount)).collect::<Vec<_>>(),
        [("cumulative", euros(12_800))]
    );
    let mut partly = an_order("paid");
    partly["data"]["order"]["refunded"] = json!(5);
    assert_eq!(order(&[], partly).refunds[0].amount, euros(500));

    let refund = json!({ "event": "refund.made", "at": 1_772_360_000_500i64, "data": { "order": { "id": "A-1" },
        "refund": { "id": 7, "amount": "5.00" } } });
    match read_with(&[], refund).unwrap().remove(0) {
        ShopEvent::Refunds { order, refunds } => {
            assert_eq!((order.as_str(), refunds[0].external_id.as_str(), refunds[0].amount), ("A-1", "7", euros(500)));
            assert_eq!(refunds[0].at, Time::from_millis(1_772_360_000_500));
        }
        other => panic!("{other:?}"),
    }
    let gone = json!({ "event": "cart.deleted", "data": { "cart": { "id": "c" } } });
    assert_eq!(
        read_with(&[], gone).unwrap(),
        [ShopEvent::CartDeleted { token: "c".into(), at: Time::from_seconds(NOW) }]
    );
    assert_eq!(read_with(&[], json!({ "event": "ping" })).unwrap(), [ShopEvent::Test]);
    assert_eq!(read_with(&[], json!({ "event": "customer.created" })).unwrap(), []);
}

#[test]
fn errors_say_what_was_found_and_quote_nothing() {
    #[track_caller]
    fn check(place: &str, value: Value, says: &str) {
        let mut body = a_cart();
        let pointer = body.pointer_mut(place).unwrap();
        *pointer = value;
        assert_eq!(read_with(&[], body), Err(says.to_owned()), "{place}");
    }
    check("/data/cart/id", json!(null), "cart id: data.cart.id is null");
    check("/data/cart/id", json!({}), "cart id: data.cart.id is an empty object");
    check(
        "/data/cart/id",
        json!([1]),
        "cart id: data.cart.id is a list of 1, which is no id: a text or a whole number",
    );
    check("/data/cart", json!({ "token": 1 }), "cart id: data.cart.id is not there: data.cart is an object with token");
    check(
        "/data/cart/total",
        json!("1,280"),
        "total: data.cart.total is a text of 5 characters, which is no decimal amount such as \"128.00\"",
    );
    check(
        "/data/cart/total",
        json!(-1),
        "total: data.cart.total is a number, which is no decimal amount such as \"128.00\"",
    );
    check(
        "/data/cart/items/1/name",
        json!(null),
        "item title: data.cart.items[].name leads to no text, in an entry that is an object with name, quantity",
    );
    check(
        "/data/cart/items/0/price",
        json!([]),
        "item price: data.cart.items[].price is an empty list, which is no decimal amount such as \"128.00\"",
    );
    check(
        "/data/cart/url",
        json!("/c/1"),
        "recovery URL: data.cart.url is a text of 4 characters, which is no web address with https:// or http://",
    );
    check(
        "/data/customer/country",
        json!("Slovenia"),
        "country: data.customer.country is a text of 8 characters, which is no country code of two letters",
    );
    check(
        "/data/customer/email",
        json!("ada"),
        "e-mail: data.customer.email is a text of 3 characters, which is no e-mail address",
    );
    check(
        "/data/customer/phone",
        json!({ "n": 1 }),
        "phone: data.customer.phone is an object with n, which is no phone number",
    );
    check(
        "/data/currency",
        json!("euro"),
        "currency: data.currency is a text of 4 characters, which is no ISO 4217 currency code",
    );
    check(
        "/at",
        json!("yesterday"),
        "time of the change: at is a text of 9 characters, which is no time: RFC 3339, or seconds or milliseconds since 1970",
    );
    check("/event", json!(null), "type: event is null");
    let other_list = [("at_item_price", "data.lines[].price")];
    assert_eq!(
        read_with(&other_list, a_cart()),
        Err("item price: data.lines[].price does not lead into data.cart.items[], where the titles stand".into())
    );
    let unmapped = [("at_order_total", "")];
    assert_eq!(
        read_with(&unmapped, an_order("paid")),
        Err("order total: the form does not say where it stands".into())
    );
    let mut unsaid = an_order("paid");
    unsaid["data"]["order"]["status"] = json!(null);
    assert_eq!(read_with(&[], unsaid), Err("order status: data.order.status is null".into()));
    assert!(Mapped.read(&facts(), "cart", &delivery(b"{}", &[])).is_err());
}

#[test]
fn what_is_not_there_yet_is_no_error() {
    let bare = json!({ "event": "cart.updated", "data": { "cart": { "id": "c", "items": [] }, "customer": null,
        "addresses": {} } });
    let left = cart(&[], bare);
    assert_eq!((left.token.as_str(), left.who.phones.len(), left.items.len()), ("c", 0, 0));
    assert_eq!((left.consent, left.total, left.updated_at), (None, None, Time::from_seconds(NOW)));
}

#[test]
fn amounts_and_times_in_every_unit() {
    #[track_caller]
    fn check(amounts: &str, written: Value, minor: Option<i64>) {
        let mut body = a_cart();
        body["data"]["cart"]["total"] = written.clone();
        body["data"]["cart"]["items"] = json!([]);
        let total = read_with(&[("amounts", amounts)], body).ok().map(|mut events| match events.remove(0) {
            ShopEvent::Cart(cart) => cart.total.unwrap().minor,
            other => panic!("{other:?}"),
        });
        assert_eq!(total, minor, "{amounts} {written}");
    }
    check("major", json!("128"), Some(12_800));
    check("major", serde_json::from_str("0.1").unwrap(), Some(10));
    check("minor", json!(12_800), Some(12_800));
    check("minor", json!("12800"), Some(12_800));
    check("minor", serde_json::from_str("12800.00").unwrap(), Some(12_800));
    check("minor", json!("128.50"), None);
    check("minor", json!("99999999999999999999"), None);
    check("minor", json!(true), None);

    #[track_caller]
    fn at(written: Value, millis: Option<i64>) {
        let mut body = a_cart();
        body["at"] = written.clone();
        let read = read_with(&[], body).ok().map(|mut events| match events.remove(0) {
            ShopEvent::Cart(cart) => cart.updated_at.millis(),
            other => panic!("{other:?}"),
        });
        assert_eq!(read, millis, "{written}");
    }
    at(json!("2026-03-01T11:00:00+01:00"), Some(NOW * 1000));
    at(json!(NOW), Some(NOW * 1000));
    at(json!(NOW.to_string()), Some(NOW * 1000));
    at(json!(NOW * 1000 + 7), Some(NOW * 1000 + 7));
    at(serde_json::from_str("1772359200.25").unwrap(), Some(NOW * 1000));
    at(json!(0), None);
    at(json!(-5), None);
    at(serde_json::from_str("1e400").unwrap(), None);
}

#[test]
fn completed_and_consent_in_other_peoples_words() {
    #[track_caller]
    fn check(words: &str, written: Value, completed: Option<i64>) {
        let mut body = a_cart();
        body["data"]["cart"]["completed_at"] = written.clone();
        let read = cart(&[("completed_words", words)], body).completed_at.map(Time::seconds);
        assert_eq!(read, completed, "{words} {written}");
    }
    check("", json!(NOW - 60), Some(NOW - 60));
    check("", json!(true), Some(NOW));
    check("", json!(false), None);
    check("", json!(0), None);
    check("", json!("no"), None);
    check("done, converted", json!("Done"), Some(NOW));
    check("done, converted", json!("open"), None);
    for (written, state) in [(json!("yes"), ConsentState::Granted), (json!(false), ConsentState::NotGiven)] {
        let mut body = a_cart();
        body["data"]["customer"]["sms"] = written;
        assert_eq!(cart(&[], body).consent.unwrap().state, state);
    }
}

#[test]
fn bodies_without_a_type_are_known_by_their_shape() {
    let mut shapeless = a_cart();
    shapeless["event"] = json!(null);
    let untyped = [("at_kind", "")];
    assert_eq!(cart(&untyped, shapeless.clone()).token, "9007199254740993");
    shapeless["data"]["order"] = json!({ "id": 5, "total": 3, "status": "paid" });
    assert_eq!(order(&untyped, shapeless).cart_tokens, ["9007199254740993"]);
    assert_eq!(
        read_with(&untyped, json!({ "a": 1 })),
        Err("cart id: data.cart.id is not there: the body is an object with a".into())
    );
}

#[test]
fn signatures() {
    const BODY: &[u8] = br#"{"event":"cart.updated","data":{"cart":{"id":"c"}}}"#;
    let own = |proof: &str, header: &str| {
        settings(&[
            ("proof", proof),
            ("proof_header", header),
            ("secret", "an-old-secret-of-ours, lumen-and-oak-secret"),
        ])
    };
    let taken = || Ok(Accepted::Keep { topic: "cart".into(), key: String::new() });
    #[track_caller]
    fn check(settings: &Settings, headers: &[(&str, &str)], body: &[u8], expected: Result<Accepted, Refusal>) {
        assert_eq!(Mapped.verify(settings, &delivery(body, headers)), expected, "{headers:?}");
    }
    // HMAC-SHA256 of BODY under SECRET, from another implementation.
    const HEX: &str = "5cc2af2f353e0fd37345a31caad702cbb04c7a4b5825d8f68810529438ffbd27";
    const BASE64: &str = "XMKvLzU+D9NzRaMcqtcCy7BMektYJdj2iBBSlDj/vSc=";
    let changed: Vec<u8> = BODY.iter().map(|byte| if *byte == b'c' { b'd' } else { *byte }).collect();
    for (proof, good) in [("hex", HEX), ("base64", BASE64)] {
        let own = own(proof, "X-Own-Signature");
        let name = "x-own-signature";
        check(&own, &[(name, good)], BODY, taken());
        check(&own, &[(name, good)], &changed, Err(Refusal::WrongSignature));
        check(&own, &[(name, &good[..good.len() - 4])], BODY, Err(Refusal::WrongSignature));
        check(&own, &[(name, &good.to_uppercase())], BODY, Err(Refusal::WrongSignature));
        check(&own, &[(name, good), (name, good)], BODY, Err(Refusal::Unsigned));
        check(&own, &[(name, "")], BODY, Err(Refusal::Unsigned));
        check(&own, &[("x-signature", good)], BODY, Err(Refusal::Unsigned));
        check(&own.with("secret", "somebody-elses-secret"), &[(name, good)], BODY, Err(Refusal::WrongSignature));
        check(&own.with("secret", " , "), &[(name, good)], BODY, Err(Refusal::NoKey));
    }
    check(&own("hex", ""), &[("x-signature", &format!("sha256={HEX}"))], BODY, taken());
    let own = own("header", "");
    check(&own, &[("authorization", &format!("Bearer {SECRET}"))], BODY, taken());
    check(&own, &[("authorization", SECRET)], BODY, taken());
    check(&own, &[("authorization", &format!("Bearer {SECRET}x"))], BODY, Err(Refusal::WrongSignature));
    check(&own, &[("authorization", "Bearer ")], BODY, Err(Refusal::WrongSignature));
    check(&own, &[("authorization", SECRET), ("authorization", SECRET)], BODY, Err(Refusal::Unsigned));
    check(&own, &[], BODY, Err(Refusal::Unsigned));
    check(&settings(&[("proof", "none")]), &[], BODY, taken());
    check(
        &settings(&[("proof", "none")]),
        &[],
        b"[]",
        Ok(Accepted::Keep { topic: "unreadable".into(), key: String::new() }),
    );
    check(&Settings::default(), &[], BODY, Err(Refusal::NoKey));

    let secret = standard_webhooks::secret([7; 32]);
    let own = settings(&[("proof", "standard"), ("secret", &secret)]);
    let signature = standard_webhooks::sign(&secret, "msg_1", NOW, BODY);
    let now = NOW.to_string();
    let signed =
        [("webhook-id", "msg_1"), ("webhook-timestamp", now.as_str()), ("webhook-signature", signature.as_str())];
    check(&own, &signed, BODY, Ok(Accepted::Keep { topic: "cart".into(), key: "msg_1".into() }));
    check(&own, &signed, &changed, Err(Refusal::WrongSignature));
}

#[test]
fn topics_are_ours_and_unknown_ones_the_senders() {
    let own = settings(&[("proof", "none")]);
    for (event, expected) in [("cart.left", "cart"), ("ORDER.changed", "order"), ("ping", "test"), ("stock", "stock")] {
        let body = json!({ "event": event }).to_string();
        let kept = Mapped.verify(&own, &delivery(body.as_bytes(), &[])).unwrap();
        assert_eq!(kept, Accepted::Keep { topic: expected.into(), key: String::new() });
    }
}

#[test]
fn the_form_says_what_is_wrong_with_it() {
    #[track_caller]
    fn check(key: &str, value: &str, says: &str) {
        let given = [("site", "shop.example.com"), ("proof", "none"), ("at_cart_id", "id"), (key, value)];
        let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(SPEC.settings(given), Err(vec![says.to_owned()]));
    }
    check("at_phone", "phone..number", "at_phone: must have a key before and after each dot and each |");
    check(
        "at_item_title",
        "items.name",
        "at_item_title: must have [] after the list in each of its alternatives, such as items[].name",
    );
    check("proof", "md5", "proof: must be none, header, hex, base64 or standard");
    check("proof_header", "X Signature", "proof_header: must be the name of one header, such as X-Signature");
    check("secret", "short", "secret: must have at least 16 characters; two secrets have a comma between them");
    check("amounts", "cents", "amounts: must be major or minor");
    // The form of a shop has fields of these names besides.
    for shared in ["name", "country", "currency", "timezone", "kind"] {
        assert!(SPEC.field(shared).is_none());
    }
}

fn visit() -> Visit {
    Visit {
        token: "self-1".into(),
        order: 7_001,
        refund: 9,
        phone: "+38640555101".into(),
        country: "SI".into(),
        language: "sl".into(),
        total: euros(12_800),
        refunded: euros(500),
        checkout_url: "https://shop.example.com/c/self-1".into(),
        started_at: Time::from_seconds(NOW - 60),
        placed_at: Time::from_seconds(NOW),
        link: Some("link-1".into()),
    }
}

#[test]
fn the_self_test_is_told_in_the_forms_own_words() {
    for proof in ["none", "header", "hex", "base64", "standard"] {
        for amounts in ["major", "minor"] {
            let secret = if proof == "standard" { standard_webhooks::secret([1; 32]) } else { SECRET.to_owned() };
            let own = settings(&[("proof", proof), ("amounts", amounts), ("secret", &secret)]);
            let read = |act| {
                let Rehearsed::Posted(delivery) = Mapped.rehearse(&own, &visit(), act, Time::from_seconds(NOW)) else {
                    panic!()
                };
                assert!(matches!(Mapped.verify(&own, &delivery), Ok(Accepted::Keep { .. })), "{proof}");
                Mapped.read(&ShopFacts { settings: own.clone(), ..facts() }, "", &delivery).unwrap().remove(0)
            };
            let ShopEvent::Cart(cart) = read(Act::Left) else { panic!() };
            assert_eq!((cart.token.as_str(), cart.total, cart.items.len()), ("self-1", Some(euros(12_800)), 1));
            assert_eq!(cart.consent.unwrap().state, ConsentState::Granted);
            let ShopEvent::Order(order) = read(Act::Bought) else { panic!() };
            assert_eq!((order.external_id.as_str(), order.placed_at.is_some()), ("7001", true));
            assert_eq!(order.cart_tokens, ["self-1"]);
            let ShopEvent::Refunds { order, refunds } = read(Act::Refunded) else { panic!() };
            assert_eq!((order.as_str(), refunds[0].amount), ("7001", euros(500)));
        }
    }
}

proptest! {
    #[test]
    fn no_form_and_no_bytes_panic(
        path in "[a-c]{1,2}(\\[[0-2]?\\])?(\\.[a-c])?( \\| [a-c]\\[\\]\\.[a-c])?",
        noise in proptest::collection::vec(any::<u8>(), 0..120),
        body in "\\{\"[a-c]\":[\\[\\]{}\",:a-c0-9.e-]{0,60}\\}",
    ) {
        let mut all = Settings::default().with("amounts", "minor").with("proof", "none");
        for field in SPEC.fields.iter().filter(|field| field.key.starts_with("at_")) {
            all = all.with(field.key, path.clone());
        }
        let nested = r#"{"a":[{"a":1,"b":"x","c":[]},{"b":{}}],"b":{"a":"2","b":[[]],"c":null},"c":[1,"t",null,{"c":1.5}]}"#;
        for bytes in [noise.as_slice(), body.as_bytes(), nested.as_bytes()] {
            let sent = delivery(bytes, &[("authorization", "Bearer x")]);
            let _ = Mapped.verify(&all, &sent);
            let _ = Mapped.read(&ShopFacts { settings: all.clone(), ..facts() }, "cart", &sent);
        }
        for act in [Act::Left, Act::Bought, Act::Refunded] {
            let Rehearsed::Posted(told) = Mapped.rehearse(&all, &visit(), act,
                Time::from_seconds(NOW)) else { panic!() };
            let _ = Mapped.read(&ShopFacts { settings: all.clone(), ..facts() }, "", &told);
        }
    }
}

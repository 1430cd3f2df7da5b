//! Our own event format: every example of its schema, and what is refused.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const SCHEMA: &str = include_str!("../../../assets/connect/generic.schema.json");
const NOW: i64 = 1_772_359_200;

fn shop() -> ShopFacts {
    ShopFacts { country: "DE".into(), currency: Currency::parse("EUR").unwrap(), settings: Default::default() }
}

fn delivery(body: &[u8]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example/h/generic/x".into(),
        headers: Vec::new(),
        body: body.to_vec(),
        received_at: Time::from_seconds(NOW),
    }
}

fn read(body: &Value) -> Result<Vec<ShopEvent>, Unreadable> {
    Generic.read(&shop(), "as the header says", &delivery(body.to_string().as_bytes()))
}

fn cart(data: Value) -> CartUpdate {
    match read(&json!({ "type": "checkout.updated", "data": data })).unwrap().pop() {
        Some(ShopEvent::Cart(cart)) => *cart,
        other => panic!("{other:?}"),
    }
}

fn order(data: Value) -> OrderUpdate {
    let mut whole = json!({ "id": 7, "currency": "JPY", "total": "1200", "updated_at": "2026-03-02T00:00:00Z" });
    whole.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    match read(&json!({ "type": "order.upserted", "data": whole })).unwrap().pop() {
        Some(ShopEvent::Order(order)) => *order,
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> Option<Time> {
    Time::parse(text)
}

/// Each example of the schema, with the schema of its data.
fn examples() -> Vec<(Value, Value)> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut examples = Vec::new();
    for kind in schema["oneOf"].as_array().unwrap() {
        let name = kind["properties"]["data"]["$ref"].as_str().map(|path| path.trim_start_matches("#/$defs/"));
        let data = name.map_or(Value::Null, |name| schema["$defs"][name].clone());
        for example in kind["examples"].as_array().unwrap() {
            assert_eq!(example["type"], kind["properties"]["type"]["const"]);
            examples.push((example.clone(), data.clone()));
        }
    }
    examples
}

#[test]
fn every_example_of_the_schema_is_one_event() {
    for (example, schema) in examples() {
        assert_eq!(read(&example).map(|events| events.len()), Ok(1), "{example}");
        for key in example["data"].as_object().into_iter().flat_map(|data| data.keys()) {
            assert!(schema["properties"][key].is_object(), "{key} is used but not described");
        }
    }
}

#[test]
fn what_the_schema_requires_is_required_and_named() {
    for (example, schema) in examples() {
        for field in schema["required"].as_array().into_iter().flatten() {
            let field = field.as_str().unwrap();
            for gap in [Value::Null, json!(""), json!([])] {
                let mut gapped = example.clone();
                gapped["data"][field] = gap;
                let why = read(&gapped).unwrap_err().0;
                assert!(why.contains(field), "{field}: {why}");
            }
        }
    }
}

#[test]
fn the_full_checkout_reads_as_written() {
    let (example, _) = examples().into_iter().next().unwrap();
    let cart = cart(example["data"].clone());
    let usd = |minor| Some(Money::new(minor, Currency::parse("USD").unwrap()));
    assert_eq!((cart.token.as_str(), cart.cart_token.as_deref()), ("chk_7f3a91", Some("crt_20c4")));
    assert_eq!(
        cart.who.phones.iter().map(|p| p.number.as_str()).collect::<Vec<_>>(),
        ["(212) 555-0142", "+1 212 555 0143"]
    );
    assert!(cart.who.phones.iter().all(|phone| phone.country.as_deref() == Some("US")));
    assert_eq!((cart.total, cart.items[1].price, cart.items[1].quantity), (usd(12_850), usd(1_450), 2));
    assert_eq!((cart.zone.as_deref(), cart.region.as_deref()), (Some("America/New_York"), Some("NY")));
    let consent = cart.consent.unwrap();
    assert_eq!((consent.state, consent.phone.unwrap().number.as_str()), (ConsentState::Granted, "+1 212 555 0142"));
    assert_eq!((consent.proof.source.as_str(), consent.proof.ip.as_deref()), ("shop.example", Some("192.0.2.10")));
    assert_eq!(Some(cart.updated_at), at("2026-03-01T08:58:31Z"));
    assert_eq!((cart.tags, cart.source.as_deref()), (vec!["vip".to_owned(), "newsletter".into()], Some("newsletter")));
}

#[test]
fn tags_are_words_and_no_more_than_so_many() {
    assert_eq!(cart(json!({ "token": "c", "tags": [" a ", "", 7, null, "b"] })).tags, ["a", "b"]);
    assert_eq!(cart(json!({ "token": "c", "tags": "a, b", "source": " " })).tags, Vec::<String>::new());
    let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    assert_eq!(cart(json!({ "token": "c", "tags": many })).tags.len(), TAGS_MOST);
}

#[test]
fn a_checkout_may_be_almost_empty() {
    let cart = cart(json!({ "token": 820982911946154509i64, "total": 39.9, "customer_id": 0, "phone": "" }));
    assert_eq!(cart.token, "820982911946154509");
    assert_eq!((cart.who, cart.total.unwrap().to_string()), (Identity::default(), "€39.90".into()));
    assert_eq!((cart.updated_at, cart.completed_at), (Time::from_seconds(NOW), None));
}

#[test]
fn a_completed_checkout_always_has_its_time() {
    let body = json!({ "type": "checkout.completed", "timestamp": "2026-03-01T08:00:00Z", "data": { "token": "c" } });
    match read(&body).unwrap().pop() {
        Some(ShopEvent::Cart(cart)) => assert_eq!(cart.completed_at, at("2026-03-01T08:00:00Z")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_counts_as_bought() {
    #[track_caller]
    fn check(data: Value, placed_at: Option<&str>, cancelled_at: Option<&str>) {
        let order = order(data.clone());
        let expected = (placed_at.and_then(at), cancelled_at.and_then(at));
        assert_eq!((order.placed_at, order.cancelled_at), expected, "{data}");
    }
    let (placed, paid, updated) = ("2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z", "2026-03-02T00:00:00Z");
    check(json!({}), Some(updated), None);
    check(json!({ "status": "paid", "placed_at": placed, "paid_at": paid }), Some(placed), None);
    check(json!({ "paid_at": paid }), Some(paid), None);
    check(json!({ "status": "pending", "placed_at": placed }), None, None);
    check(json!({ "status": "failed" }), None, None);
    check(json!({ "status": "cancelled" }), None, Some(updated));
    check(json!({ "status": "cancelled", "placed_at": placed, "cancelled_at": paid }), Some(placed), Some(paid));
    check(json!({ "status": "refunded", "placed_at": placed }), Some(placed), None);
}

#[test]
fn refunds_listed_or_cumulative() {
    #[track_caller]
    fn check(data: Value, expected: &[(&str, i64)]) {
        let refunds = order(data).refunds;
        let found: Vec<_> = refunds.iter().map(|r| (r.external_id.as_str(), r.amount.minor)).collect();
        assert_eq!(found, expected);
    }
    check(json!({ "refunded": "300" }), &[("cumulative", 300)]);
    check(json!({ "refunded": "0.00" }), &[]);
    check(
        json!({ "refunds": [{ "id": 1, "amount": 100 }, { "id": "b", "amount": "50" }], "refunded": 150 }),
        &[("1", 100), ("b", 50)],
    );
    check(json!({ "refunds": {} }), &[]);
}

#[test]
fn errors_name_the_field_and_never_the_value() {
    #[track_caller]
    fn check(body: Value, says: &str) {
        assert_eq!(read(&body), Err(Unreadable::new(says)));
    }
    check(json!({}), "type is missing");
    check(json!({ "type": "checkout.updated" }), "data.token is missing");
    check(
        json!({ "type": "checkout.updated", "data": { "token": "t", "total": "12,50" } }),
        "total is not a decimal amount such as \"128.00\"",
    );
    check(
        json!({ "type": "checkout.updated", "data": { "token": "t", "updated_at": "noon" } }),
        "updated_at is not a time such as 2026-03-01T10:00:00+01:00",
    );
    check(
        json!({ "type": "checkout.updated", "data": { "token": "t", "channel": "fax" } }),
        "data.channel is none of web, pos, staff",
    );
    check(
        json!({ "type": "checkout.updated", "data": { "token": "t", "consent": {} } }),
        "data.consent.state is missing",
    );
    check(
        json!({ "type": "order.upserted", "data": { "id": 1, "total": 1, "currency": "euro" } }),
        "data.currency is not an ISO 4217 code",
    );
    check(
        json!({ "type": "order.upserted", "data": { "id": 1, "total": -1, "currency": "EUR" } }),
        "total is not a decimal amount such as \"128.00\"",
    );
    check(json!({ "type": "customer.redacted", "data": {} }), "data.customer_id, data.email or data.phone is missing");
}

#[test]
fn an_unknown_type_is_no_events() {
    assert_eq!(read(&json!({ "type": "checkout.painted", "data": { "token": 5 } })), Ok(Vec::new()));
}

#[test]
fn the_topic_is_the_bodys_type() {
    #[track_caller]
    fn check(body: &[u8], topic: &str) {
        let secret = standard_webhooks::secret([9; 32]);
        let given = [("secret", secret.as_str()), ("site", "shop.example")];
        let settings = SPEC.settings(given.map(|(key, value)| (key.into(), value.into())).into()).unwrap();
        let mut delivery = delivery(body);
        delivery.headers = vec![
            ("webhook-id".into(), "evt_1".into()),
            ("webhook-timestamp".into(), NOW.to_string()),
            ("webhook-signature".into(), standard_webhooks::sign(&secret, "evt_1", NOW, body)),
        ];
        let kept = Accepted::Keep { topic: topic.into(), key: "evt_1".into() };
        assert_eq!(Generic.verify(&settings, &delivery), Ok(kept));
        delivery.body.push(b' ');
        assert_eq!(Generic.verify(&settings, &delivery), Err(Refusal::WrongSignature));
        assert_eq!(Generic.verify(&Settings::default(), &delivery), Err(Refusal::NoKey));
    }
    check(br#"{"type":"order.upserted"}"#, "order.upserted");
    check(br#"{"type":"#, "unreadable");
    check(b"[]", "unreadable");
}

proptest! {
    #[test]
    fn no_mutation_of_an_example_panics(pick in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let examples = examples();
        let mut body = pick.get(&examples).0.to_string().into_bytes();
        let place = cut.index(body.len());
        body[place] = byte;
        let _ = Generic.read(&shop(), "", &delivery(&body));
        body.truncate(place);
        prop_assert!(Generic.read(&shop(), "", &delivery(&body)).is_err());
    }
}

#[test]
fn what_each_code_took_off() {
    let order = order(
        json!({ "codes": ["A1"], "discounts": [{ "code": "A1", "amount": "500" }, { "code": "B2", "amount": 30 }] }),
    );
    let taken: Vec<_> = order.discounts.iter().map(|taken| (taken.code.as_str(), taken.amount.minor)).collect();
    assert_eq!((taken, order.codes), (vec![("A1", 500), ("B2", 30)], vec!["A1".to_owned(), "B2".to_owned()]));
    for wrong in [json!([{ "code": "A1" }]), json!([{ "amount": "5" }]), json!([{ "code": "A1", "amount": "-5" }])] {
        let body = json!({ "type": "order.upserted", "data": { "id": 7, "currency": "JPY", "total": "1", "discounts": wrong } });
        assert!(read(&body).is_err(), "{body}");
    }
}

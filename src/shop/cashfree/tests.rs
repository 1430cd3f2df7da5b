//! Tests of the Cashfree connector: signatures, carts and payments as it tells them, odd bodies.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    event::{CartUpdate, OrderUpdate},
    money::{Currency, Money},
};

const NOW: i64 = 1_772_359_200;
const SECRET: &str = "lumen-and-oak-secret";

fn settings(secret: &str) -> Settings {
    Settings::default().with("site", "shop.example.com").with("secret", secret)
}

fn facts() -> ShopFacts {
    ShopFacts { country: "IN".into(), currency: Currency::parse("INR").unwrap(), settings: Default::default() }
}

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::parse("INR").unwrap())
}

fn delivery(body: &[u8], headers: &[(String, String)]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: headers.to_vec(),
        body: body.to_vec(),
        received_at: Time::from_seconds(NOW),
    }
}

fn read(body: Value) -> Result<Vec<ShopEvent>, String> {
    Cashfree.read(&facts(), "", &delivery(body.to_string().as_bytes(), &[])).map_err(|Unreadable(why)| why)
}

#[track_caller]
fn cart(body: Value) -> CartUpdate {
    match read(body).unwrap().remove(0) {
        ShopEvent::Cart(cart) => *cart,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn order(body: Value) -> OrderUpdate {
    match read(body).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

fn abandoned() -> Value {
    json!({
        "type": "ABANDONED_CHECKOUT", "event_time": "2026-03-01T15:30:00+05:30",
        "data": {
            "cart_id": "occ-1", "cart_token": "c1-0ak", "store_url": "shop.example.com", "currency": "INR",
            "abandoned_checkout_url": "https://shop.example.com/?occ=1", "total_price": 4999.50, "phone": null,
            "line_items": [{ "title": "Lamp", "quantity": 1, "price": "4999.50" }],
            "customer": {
                "email": "ada@shopper.example.com", "first_name": "Ada", "phone": "9000000001",
                "shipping_address": { "phone": "9000000002", "country_code": "IN", "country": "India" },
                "buyer_accepts_marketing": true,
            },
        },
    })
}

fn payment(status: &str) -> Value {
    json!({
        "type": "PAYMENT_SUCCESS_WEBHOOK", "event_time": "2026-03-01T15:40:00+05:30",
        "data": {
            "order": { "order_id": "order_1", "order_amount": 5000.00, "order_currency": "INR",
                "order_tags": { "cart_id": "occ-1" } },
            "payment": {
                "cf_payment_id": "1453002795", "payment_status": status, "payment_amount": 4999.50,
                    "payment_currency": "INR",
                "payment_time": "2026-03-01T15:39:00+05:30", "payment_group": "upi",
            },
            "customer_details": { "customer_id": null, "customer_email": null, "customer_phone": "9000000001" },
        },
    })
}

fn refund(status: &str) -> Value {
    json!({
        "type": "REFUND_STATUS_WEBHOOK", "event_time": "2026-03-02T10:00:00+05:30",
        "data": { "refund": {
            "cf_refund_id": 11, "refund_id": "refund_1", "order_id": "order_1", "refund_amount": 2.00,
                "refund_currency": "INR",
            "refund_status": status,
        } },
    })
}

#[test]
fn a_story_from_the_cart_to_the_refund() {
    let left = cart(abandoned());
    assert_eq!(
        (left.token.as_str(), left.cart_token.as_deref(), left.total),
        ("occ-1", Some("c1-0ak"), Some(rupees(499_950)))
    );
    assert_eq!(left.updated_at, Time::from_seconds(NOW));
    let phones: Vec<_> = left.who.phones.iter().map(|phone| phone.number.as_str()).collect();
    assert_eq!(phones, ["9000000001", "9000000002"]);
    assert_eq!(left.who.phones[0].country.as_deref(), Some("IN"));
    // Consent to marketing is none to texts.
    assert_eq!((left.consent, left.completed_at), (None, None));

    let mut later = abandoned();
    later["data"]["phone"] = json!("+919000000003");
    later["event_time"] = json!("2026-03-01T15:35:00+05:30");
    let later = cart(later);
    assert_eq!((later.who.phones[0].number.as_str(), later.updated_at > left.updated_at), ("+919000000003", true));

    let paid = order(payment("SUCCESS"));
    assert_eq!((paid.external_id.as_str(), paid.total), ("order_1", rupees(499_950)));
    assert_eq!(paid.cart_tokens, ["occ-1", "order_1"]);
    assert_eq!(paid.placed_at, Some(Time::from_seconds(NOW + 9 * 60)));
    assert_eq!(paid.who.phones[0].number, "9000000001");
    assert_eq!(order(payment("FAILED")).placed_at, None);

    match read(refund("SUCCESS")).unwrap().remove(0) {
        ShopEvent::Refunds { order, refunds } => {
            assert_eq!(
                (order.as_str(), refunds[0].external_id.as_str(), refunds[0].amount),
                ("order_1", "refund_1", rupees(200))
            );
        }
        other => panic!("{other:?}"),
    }
    for status in ["PENDING", "CANCELLED", "ONHOLD"] {
        assert_eq!(read(refund(status)).unwrap(), [], "{status}");
    }
}

#[test]
fn other_events_and_odd_empties() {
    for kind in
        ["PAYMENT_FAILED_WEBHOOK", "PAYMENT_USER_DROPPED_WEBHOOK", "AUTO_REFUND_STATUS_WEBHOOK", "DISPUTE_CREATED"]
    {
        assert_eq!(read(json!({ "type": kind, "data": {} })).unwrap(), [], "{kind}");
    }
    assert_eq!(read(json!({ "type": "WEBHOOK", "data": { "test_object": {} } })).unwrap(), [ShopEvent::Test]);
    let bare = json!({ "type": "ABANDONED_CHECKOUT", "data": { "cart_id": 17, "customer": [], "line_items": {},
        "total_price": "" } });
    let bare = cart(bare);
    assert_eq!((bare.token.as_str(), bare.total, bare.updated_at), ("17", None, Time::from_seconds(NOW)));
    let mut tagless = payment("SUCCESS");
    tagless["data"]["order"]["order_tags"] = json!(null);
    assert_eq!(order(tagless).cart_tokens, ["order_1"]);
    let mut wrong = abandoned();
    wrong["data"]["total_price"] = json!("4,999");
    assert!(read(wrong).unwrap_err().starts_with("total: data.total_price is a text of 5 characters"));
    let lost = json!({ "type": "ABANDONED_CHECKOUT", "data": { "cart_id": "" } });
    assert_eq!(read(lost).unwrap_err(), "cart id: data.cart_id is an empty text");
}

#[test]
fn signatures() {
    let body = payment("SUCCESS").to_string();
    let sign = |secret: &str, at: i64| PROOF.sign(&settings(secret), "", body.as_bytes(), Time::from_seconds(at));
    #[track_caller]
    fn check(secret: &str, body: &str, headers: &[(String, String)], expected: Result<&str, Refusal>) {
        let expected = expected.map(|topic| Accepted::Keep { topic: topic.into(), key: String::new() });
        assert_eq!(Cashfree.verify(&settings(secret), &delivery(body.as_bytes(), headers)), expected);
    }
    let good = sign(SECRET, NOW);
    check(SECRET, &body, &good, Ok("PAYMENT_SUCCESS_WEBHOOK"));
    check(&format!("the-one-before-this, {SECRET}"), &body, &good, Ok("PAYMENT_SUCCESS_WEBHOOK"));
    check(SECRET, &body.replace("4999.5", "4999.6"), &good, Err(Refusal::WrongSignature));
    check("another-shops-secret", &body, &good, Err(Refusal::WrongSignature));
    check("", &body, &good, Err(Refusal::NoKey));
    check(SECRET, &body, &[], Err(Refusal::Unsigned));
    check(SECRET, &body, &good[..1], Err(Refusal::Unsigned));
    check(SECRET, &body, &good[1..], Err(Refusal::Unsigned));
    check(SECRET, &body, &[good.clone(), good.clone()].concat(), Err(Refusal::Unsigned));
    let with = |place: usize, value: String| {
        let mut headers = good.clone();
        headers[place].1 = value;
        headers
    };
    check(SECRET, &body, &with(1, good[1].1[..40].to_owned()), Err(Refusal::WrongSignature));
    check(SECRET, &body, &with(1, good[1].1.to_lowercase()), Err(Refusal::WrongSignature));
    check(SECRET, &body, &with(0, (NOW * 1000 + 1).to_string()), Err(Refusal::WrongSignature));
    // A timestamp moved into the body, or out of it, signs the same bytes and is no time.
    let moved = delivery(&[b"0", body.as_bytes()].concat(), &with(0, (NOW * 100).to_string()));
    assert!(Cashfree.verify(&settings(SECRET), &moved).is_err());

    check(SECRET, &body, &sign(SECRET, NOW - LATE_SECONDS_MOST), Ok("PAYMENT_SUCCESS_WEBHOOK"));
    check(SECRET, &body, &sign(SECRET, NOW - LATE_SECONDS_MOST - 1), Err(Refusal::WrongTime(LATE_SECONDS_MOST + 1)));
    check(SECRET, &body, &sign(SECRET, NOW + EARLY_SECONDS_MOST), Ok("PAYMENT_SUCCESS_WEBHOOK"));
    check(SECRET, &body, &sign(SECRET, NOW + EARLY_SECONDS_MOST + 1), Err(Refusal::WrongTime(-EARLY_SECONDS_MOST - 1)));

    let keyed = [good.clone(), vec![("x-idempotency-key".into(), "k1".into())]].concat();
    let kept = Accepted::Keep { topic: "PAYMENT_SUCCESS_WEBHOOK".into(), key: "k1".into() };
    assert_eq!(Cashfree.verify(&settings(SECRET), &delivery(body.as_bytes(), &keyed)), Ok(kept));
    // From another implementation.
    let fixed = PROOF.sign(&settings(SECRET), "", b"{\"type\":\"WEBHOOK\"}", Time::from_seconds(NOW));
    assert_eq!(
        fixed,
        [
            ("x-webhook-timestamp".into(), "1772359200000".into()),
            (SIGNATURE.into(), "YJb+Hocei1+1Xywz/Gt4ikPeJNipilJZ6yziB3otPJ4=".into())
        ]
    );
}

#[test]
fn the_self_test_is_told_as_cashfree_would() {
    let visit = Visit {
        token: "self-1".into(),
        order: 7_001,
        refund: 9,
        phone: "+919000000001".into(),
        country: "IN".into(),
        language: "en".into(),
        total: rupees(12_800),
        refunded: rupees(500),
        checkout_url: "https://shop.example.com/c/self-1".into(),
        started_at: Time::from_seconds(NOW - 60),
        placed_at: Time::from_seconds(NOW),
        link: Some("link-1".into()),
    };
    let own = settings(SECRET);
    let tell = |act| {
        let Rehearsed::Posted(mut told) = Cashfree.rehearse(&own, &visit, act, Time::from_seconds(NOW)) else {
            panic!()
        };
        assert!(Cashfree.verify(&own, &told).is_ok());
        let event = Cashfree.read(&facts(), "", &told).unwrap().remove(0);
        *told.body.last_mut().unwrap() = b' ';
        assert!(Cashfree.verify(&own, &told).is_err());
        event
    };
    let ShopEvent::Cart(cart) = tell(Act::Left) else { panic!() };
    assert_eq!((cart.token.as_str(), cart.total, cart.items.len()), ("self-1", Some(rupees(12_800)), 1));
    let ShopEvent::Order(order) = tell(Act::Bought) else { panic!() };
    assert_eq!((order.cart_tokens, order.placed_at.is_some()), (vec!["self-1".into(), "7001".into()], true));
    let ShopEvent::Refunds { order, refunds } = tell(Act::Refunded) else { panic!() };
    assert_eq!((order.as_str(), refunds[0].amount), ("7001", rupees(500)));
}

proptest! {
    #[test]
    fn no_bytes_panic(noise in proptest::collection::vec(any::<u8>(), 0..200),
        key in "(order|payment|refund|cart_id|customer|line_items)", value in "[\\[\\]{}\",:a-z0-9]{0,40}",
            kind in "(ABANDONED_CHECKOUT|PAYMENT_SUCCESS_WEBHOOK|REFUND_STATUS_WEBHOOK)") {
        for bytes in [noise, format!("{{\"type\":\"{kind}\",\"data\":{{\"{key}\":{value}}}}}").into_bytes()] {
            let sent = delivery(&bytes, &[]);
            prop_assert!(Cashfree.verify(&settings(SECRET), &sent).is_err());
            let _ = Cashfree.read(&facts(), "", &sent);
        }
    }
}

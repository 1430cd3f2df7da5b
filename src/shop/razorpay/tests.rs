//! Tests of the Razorpay connector: signatures, carts and payments as it tells them, odd bodies.

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

fn delivery(body: &[u8], headers: &[(&str, &str)]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.to_vec(),
        received_at: Time::from_seconds(NOW),
    }
}

fn read(body: Value) -> Result<Vec<ShopEvent>, String> {
    Razorpay.read(&facts(), "", &delivery(body.to_string().as_bytes(), &[])).map_err(|Unreadable(why)| why)
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
        "shop_id": "lumen-and-oak", "platform": "shopify", "token": "t0ken", "cart_token": "c1-0ak",
        "email": "ada@shopper.example.com", "phone": "+919000000001", "currency": "",
        "abandoned_checkout_url": "https://shop.example.com/cart/c1-0ak",
        "line_items": [
            { "name": "Lamp", "title": "", "price": 250000, "quantity": 2, "variant_title": "Default Title" },
            { "name": "", "title": "Oak stool", "price": 0, "quantity": 1 },
            { "name": null, "price": 1 },
        ],
        "line_items_total": "500000", "promotions": [{ "code": "OAK", "value": 1200 }],
        "customer": {
            "email": "ada@shopper.example.com", "first_name": "Ada", "created_at": "",
            "Shipping_address": { "Phone": "9000000002", "Country": "India", "Country_code": "IN" },
        },
    })
}

fn payment(event: &str, notes: Value) -> Value {
    json!({
        "entity": "event", "event": event, "contains": ["payment"], "created_at": NOW + 60,
        "payload": { "payment": { "entity": {
            "id": "pay_1", "amount": 498800, "currency": "INR", "order_id": "order_1", "method": "upi",
            "email": "void@razorpay.com", "contact": "+919000000001", "notes": notes, "created_at": NOW + 50,
        } } },
    })
}

fn refund(event: &str) -> Value {
    let mut body = payment(event, json!([]));
    body["payload"]["refund"] =
        json!({ "entity": { "id": "rfnd_1", "amount": 100000, "currency": "INR", "payment_id": "pay_1" } });
    body
}

#[test]
fn a_story_from_the_cart_to_the_refund() {
    let left = cart(abandoned());
    assert_eq!((left.token.as_str(), left.cart_token.as_deref()), ("t0ken", Some("c1-0ak")));
    assert_eq!((left.total, left.updated_at), (Some(rupees(500_000)), Time::from_seconds(NOW)));
    let items: Vec<_> = left.items.iter().map(|item| (item.title.as_str(), item.quantity, item.price)).collect();
    assert_eq!(items, [("Lamp", 2, Some(rupees(250_000))), ("Oak stool", 1, Some(rupees(0)))]);
    let phones: Vec<_> = left.who.phones.iter().map(|phone| phone.number.as_str()).collect();
    assert_eq!(phones, ["+919000000001", "9000000002"]);
    assert_eq!(left.who.phones[1].country.as_deref(), Some("IN"));
    assert_eq!((left.consent, left.written_at_once), (None, true));
    assert_eq!(left.recovery_url.as_deref(), Some("https://shop.example.com/cart/c1-0ak"));

    let paid = order(payment("payment.captured", json!({ "cart_token": "c1-0ak", "cartback": "link-1" })));
    assert_eq!((paid.external_id.as_str(), paid.total), ("order_1", rupees(498_800)));
    assert_eq!(paid.placed_at, Some(Time::from_seconds(NOW + 50)));
    assert_eq!((paid.cart_tokens, paid.recovery_tokens), (vec!["c1-0ak".to_owned()], vec!["link-1".to_owned()]));
    // Nobody's address must not make one person of all who gave none.
    assert_eq!((paid.who.email, paid.who.phones[0].number.as_str()), (None, "+919000000001"));
    assert_eq!(paid.payment.as_deref(), Some("upi"));

    match read(refund("refund.processed")).unwrap().remove(0) {
        ShopEvent::Refunds { order, refunds } => {
            assert_eq!((order.as_str(), refunds[0].external_id.as_str()), ("order_1", "rfnd_1"));
            assert_eq!((refunds[0].amount, refunds[0].at), (rupees(100_000), Time::from_seconds(NOW + 60)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_counts_as_bought() {
    for event in ["payment.captured", "payment.authorized", "payment.pending", "order.paid"] {
        assert!(order(payment(event, json!([]))).placed_at.is_some(), "{event}");
    }
    for event in ["payment.failed", "refund.created", "refund.failed", "invoice.paid", "payment.dispute.created"] {
        assert_eq!(read(refund(event)).unwrap(), [], "{event}");
    }
    let mut whole = payment("order.paid", json!({}));
    whole["payload"]["order"] =
        json!({ "entity": { "id": "order_1", "amount": 600000, "receipt": "#1001", "notes": { "cart_token": 5 } } });
    let whole = order(whole);
    assert_eq!(
        (whole.total, whole.number.as_str(), whole.cart_tokens),
        (rupees(600_000), "#1001", vec!["5".to_owned()])
    );
    let mut loose = payment("payment.captured", json!({}));
    loose["payload"]["payment"]["entity"]["order_id"] = json!(null);
    assert_eq!(order(loose).external_id, "pay_1");
}

#[test]
fn odd_empties_are_no_error_and_ids_and_money_are_exact() {
    let bare = json!({ "token": "t", "cart_token": null, "phone": "", "email": [], "line_items": {}, "customer": [],
        "line_items_total": "" });
    let bare = cart(bare);
    assert_eq!((bare.token.as_str(), bare.cart_token, bare.total), ("t", None, None));
    assert!(bare.who.phones.is_empty() && bare.items.is_empty());
    let odd = json!({ "token": "t", "phone": { "a": 1 }, "email": 5, "abandoned_checkout_url": "oops",
        "line_items": [null, 5] });
    assert!(cart(odd).who.email.is_none());
    let mut wrong = abandoned();
    wrong["line_items_total"] = json!("50.50");
    assert!(read(wrong).unwrap_err().starts_with("total: line_items_total is a text of 5 characters"));
    let mut nameless = abandoned();
    nameless["token"] = json!([]);
    nameless["cart_token"] = json!("");
    assert_eq!(read(nameless).unwrap_err(), "cart id: token is an empty list");
}

#[test]
fn payments_are_signed_and_carts_need_not_be() {
    let body = payment("payment.captured", json!([])).to_string();
    let left = abandoned().to_string();
    let sign = |secret: &str, body: &str| {
        let headers = PROOF.sign(&settings(secret), "", body.as_bytes(), Time::from_seconds(NOW));
        headers.into_iter().next().unwrap().1
    };
    #[track_caller]
    fn check(secret: &str, body: &str, headers: &[(&str, &str)], expected: Result<&str, Refusal>) {
        let expected = expected.map(|topic| Accepted::Keep { topic: topic.into(), key: String::new() });
        assert_eq!(Razorpay.verify(&settings(secret), &delivery(body.as_bytes(), headers)), expected, "{headers:?}");
    }
    let good = sign(SECRET, &body);
    check(SECRET, &body, &[(SIGNATURE, &good)], Ok("payment.captured"));
    check(&format!("the-one-before-this, {SECRET}"), &body, &[(SIGNATURE, &good)], Ok("payment.captured"));
    check(SECRET, &body.replace("498800", "498801"), &[(SIGNATURE, &good)], Err(Refusal::WrongSignature));
    check(SECRET, &body, &[(SIGNATURE, &good[..62])], Err(Refusal::WrongSignature));
    check(SECRET, &body, &[(SIGNATURE, &good.to_uppercase())], Err(Refusal::WrongSignature));
    check(SECRET, &body, &[(SIGNATURE, &sign("another-shops-secret", &body))], Err(Refusal::WrongSignature));
    check(SECRET, &body, &[(SIGNATURE, &good), (SIGNATURE, &good)], Err(Refusal::Unsigned));
    check(SECRET, &body, &[(SIGNATURE, "")], Err(Refusal::Unsigned));
    check(SECRET, &body, &[], Err(Refusal::Unsigned));
    check("", &body, &[(SIGNATURE, &good)], Err(Refusal::NoKey));
    check("", &left, &[], Err(Refusal::NoKey));

    check(SECRET, &left, &[], Ok(ABANDONED));
    check(SECRET, &left, &[(SIGNATURE, &sign(SECRET, &left))], Ok(ABANDONED));
    check(SECRET, &left, &[(SIGNATURE, &good)], Err(Refusal::WrongSignature));
    // A payment that is disguised as a cart, and what is no cart at all.
    let mut both = payment("", json!([]));
    both["token"] = json!("t0ken");
    for unsigned in [both.to_string().as_str(), &refund("refund.processed").to_string(), "{}", "[]", "", "{\"token\":"]
    {
        check(SECRET, unsigned, &[], Err(Refusal::Unsigned));
    }
    let named = delivery(body.as_bytes(), &[(SIGNATURE, &good), ("x-razorpay-event-id", "evt_1")]);
    let kept = Accepted::Keep { topic: "payment.captured".into(), key: "evt_1".into() };
    assert_eq!(Razorpay.verify(&settings(SECRET), &named), Ok(kept));
    // From another implementation.
    assert_eq!(
        sign(SECRET, "{\"event\":\"order.paid\"}"),
        "bbdbaab432ee0bd370371cbe6d4077fe992992a1664d65201b18f512164e62b0"
    );
}

#[test]
fn the_self_test_is_told_as_razorpay_would() {
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
        let Rehearsed::Posted(mut told) = Razorpay.rehearse(&own, &visit, act, Time::from_seconds(NOW)) else {
            panic!()
        };
        assert!(Razorpay.verify(&own, &told).is_ok());
        let event = Razorpay.read(&facts(), "", &told).unwrap().remove(0);
        *told.body.last_mut().unwrap() = b' ';
        assert!(Razorpay.verify(&own, &told).is_err());
        event
    };
    let ShopEvent::Cart(cart) = tell(Act::Left) else { panic!() };
    assert_eq!((cart.token.as_str(), cart.total), ("self-1", Some(rupees(12_800))));
    let ShopEvent::Order(order) = tell(Act::Bought) else { panic!() };
    assert_eq!(
        (order.cart_tokens, order.total, order.recovery_tokens),
        (vec!["self-1".into()], rupees(12_800), vec!["link-1".into()])
    );
    let ShopEvent::Refunds { order, refunds } = tell(Act::Refunded) else { panic!() };
    assert_eq!((order.as_str(), refunds[0].amount), ("7001", rupees(500)));
}

proptest! {
    #[test]
    fn no_bytes_panic(noise in proptest::collection::vec(any::<u8>(), 0..200),
        key in "(token|event|payload|line_items|phone)", value in "[\\[\\]{}\",:a-z0-9]{0,40}") {
        for bytes in [noise, format!("{{\"token\":\"t\",\"{key}\":{value}}}").into_bytes()] {
            let sent = delivery(&bytes, &[]);
            let verdict = Razorpay.verify(&settings(SECRET), &sent);
            // What was taken unsigned never says more than a cart.
            if let Ok(events) = Razorpay.read(&facts(), "", &sent) && verdict.is_ok() {
                prop_assert!(events.iter().all(|event| matches!(event, ShopEvent::Cart(_))));
            }
        }
    }
}

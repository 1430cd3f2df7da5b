//! For the tests of every shop whose side is a file of ours that speaks our own format: what all their connectors must
//! hold, and what the file itself sends, run by its own language where that is installed.

use std::{path::PathBuf, process::Command};

use proptest::prelude::*;
use serde_json::Value;

use super::{super::Shop, Rehearsed, standard_webhooks};
use crate::domain::{
    connector::{Accepted, Delivery, Refusal, Settings},
    event::{CartUpdate, ConsentState, OrderUpdate, ShopEvent, ShopFacts},
    money::{Currency, Money},
    rehearsal::{Act, Visit},
    time::Time,
};

/// As the files' own tests have it.
const SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const NOW: i64 = 1_772_359_200;

fn settings(shop: &dyn Shop) -> Settings {
    let given = [("secret", SECRET), ("site", "shop.example.com")];
    shop.spec().settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
}

fn facts() -> ShopFacts {
    ShopFacts { country: "DE".into(), currency: Currency::parse("EUR").unwrap(), settings: Default::default() }
}

fn delivery(headers: &[(&str, &str)], body: &[u8], at: i64) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example.com/hook/shop/x".into(),
        headers: headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.to_vec(),
        received_at: Time::from_seconds(at),
    }
}

/// What the file sends, in its order, verified and read; `None` where its language is not installed.
pub fn told(shop: &dyn Shop, program: &str, arguments: &[&str]) -> Option<Vec<ShopEvent>> {
    let lines = run(program, arguments)?;
    let read = |line: &str| {
        let sent: Value = serde_json::from_str(line).unwrap();
        let headers = sent["headers"].as_object().unwrap().iter();
        let headers: Vec<_> = headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let at = sent["headers"]["webhook-timestamp"].as_str().unwrap().parse().unwrap();
        let sent = delivery(&headers, sent["body"].as_str().unwrap().as_bytes(), at);
        let Ok(Accepted::Keep { topic, .. }) = shop.verify(&settings(shop), &sent) else { panic!("{line}") };
        shop.read(&facts(), &topic, &sent).unwrap()
    };
    Some(lines.lines().flat_map(read).collect())
}

/// Runs a program at the project's root; `None`, with a word, where it or what it needs is not installed.
pub fn run(program: &str, arguments: &[&str]) -> Option<String> {
    const MISSING: i32 = 3;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let Ok(said) = Command::new(program).args(arguments).current_dir(root).output() else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    let (text, why) = (String::from_utf8(said.stdout).unwrap(), String::from_utf8_lossy(&said.stderr));
    if said.status.code() == Some(MISSING) {
        eprintln!("{why}");
        return None;
    }
    assert!(said.status.success(), "{program} {arguments:?}\n{text}{why}");
    Some(text)
}

/// A cart with consent, the same with it taken back, its order placed, paid, partly refunded, and cancelled: what each
/// file tells of the same visit, but for the cart's token.
pub fn is_the_whole_story(events: &[ShopEvent], token: &str, total: i64, refunded: i64) {
    let [
        ShopEvent::Cart(ticked),
        ShopEvent::Cart(unticked),
        ShopEvent::Order(placed),
        ShopEvent::Order(paid),
        ShopEvent::Order(partly),
        ShopEvent::Order(cancelled),
    ] = events
    else {
        panic!("{events:?}")
    };
    can_be_texted(ticked, token, total);
    let withdrawn = unticked.consent.as_ref().unwrap();
    assert_eq!(withdrawn.state, ConsentState::Withdrawn);
    assert_eq!(withdrawn.phone.as_ref(), ticked.who.phones.first());
    assert_eq!((unticked.who.email.as_ref(), unticked.who.phones.len()), (None, 0));
    assert!(unticked.updated_at > ticked.updated_at);
    for order in [placed, paid, partly, cancelled] {
        is_linked(order, ticked, total);
    }
    assert!(placed.refunds.is_empty() && paid.refunds.is_empty());
    assert_eq!(partly.refunds.iter().map(|refund| refund.amount.minor).sum::<i64>(), refunded);
    assert!(paid.cancelled_at.is_none() && cancelled.cancelled_at.is_some());
    assert!(paid.updated_at > placed.updated_at && partly.updated_at > paid.updated_at);
    assert!(cancelled.updated_at > partly.updated_at);
}

fn can_be_texted(cart: &CartUpdate, token: &str, total: i64) {
    assert_eq!(cart.token, token);
    assert_eq!(cart.total.map(|it| it.minor), Some(total));
    assert_eq!(cart.items.len(), 2);
    assert_eq!(cart.who.email.as_deref(), Some("ida@example.com"));
    let phone = &cart.who.phones[0];
    assert_eq!((phone.number.as_str(), phone.country.as_deref()), ("0151 23456789", Some("DE")));
    let consent = cart.consent.as_ref().unwrap();
    assert_eq!((consent.state, consent.proof.text.is_some()), (ConsentState::Granted, true));
    assert!(cart.recovery_url.as_deref().unwrap().starts_with("https://shop.example.com/"));
}

fn is_linked(order: &OrderUpdate, cart: &CartUpdate, total: i64) {
    assert!(order.cart_tokens.contains(&cart.token), "{order:?}");
    assert_eq!(order.total.minor, total);
    assert!(order.placed_at.is_some());
    assert_eq!(order.who.phones.first(), cart.who.phones.first());
}

/// What is the same for all of them.
pub fn holds(shop: &'static dyn Shop) {
    signatures(shop);
    rehearsal(shop);
    nothing_panics(shop);
    let spec = shop.spec();
    assert_eq!(shop.home(&settings(shop)).as_deref(), Some("shop.example.com"));
    assert_eq!(shop.hosts(&settings(shop)), ["shop.example.com"]);
    assert!(spec.fields.iter().any(|field| field.key == "secret" && field.secret && field.drawn && field.required));
    assert!(spec.connect.iter().any(|step| step.contains("{url}")));
    assert!(spec.limits.iter().all(|limit| limit.ends_with('.')) && !spec.limits.is_empty());
    assert_eq!(shop.read(&facts(), "x", &delivery(&[], br#"{"type":"x"}"#, NOW)), Ok(Vec::new()));
    // The code goes to the page the link leads to, under the name which that page reads.
    assert_eq!(shop.discount_query("BACK10").map(|(_, code)| code).as_deref(), Some("BACK10"));
}

fn signatures(shop: &dyn Shop) {
    let body = br#"{"type":"test"}"#;
    let settings = settings(shop);
    let now = NOW.to_string();
    let good = standard_webhooks::sign(SECRET, "msg_1", NOW, body);
    let with = |signature: &str, body: &[u8]| {
        delivery(&[("webhook-id", "msg_1"), ("webhook-timestamp", &now), ("webhook-signature", signature)], body, NOW)
    };
    let kept = Ok(Accepted::Keep { topic: "test".into(), key: "msg_1".into() });
    assert_eq!(shop.verify(&settings, &with(&good, body)), kept);
    let old_and_new = format!("{},{SECRET}", standard_webhooks::secret([9; 32]));
    assert_eq!(shop.verify(&settings.with("secret", old_and_new), &with(&good, body)), kept, "while it is replaced");
    let foreign = standard_webhooks::sign(&standard_webhooks::secret([9; 32]), "msg_1", NOW, body);
    for wrong in [foreign.as_str(), "v1,", &good[..good.len() - 4], &good.to_lowercase(), "v1", &good[3..]] {
        assert_eq!(shop.verify(&settings, &with(wrong, body)), Err(Refusal::WrongSignature), "{wrong}");
    }
    assert_eq!(shop.verify(&settings, &with(&good, br#"{"type":"tesT"}"#)), Err(Refusal::WrongSignature));
    assert_eq!(shop.verify(&settings, &with("", body)), Err(Refusal::Unsigned));
    assert_eq!(shop.verify(&settings, &delivery(&[], body, NOW)), Err(Refusal::Unsigned));
    for doubled in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut twice = with(&good, body);
        let again = twice.headers.iter().find(|(name, _)| name == doubled).cloned().unwrap();
        twice.headers.push(again);
        assert_eq!(shop.verify(&settings, &twice), Err(Refusal::Unsigned), "{doubled}");
    }
    assert_eq!(shop.verify(&settings.with("secret", ""), &with(&good, body)), Err(Refusal::NoKey));
    let mut late = with(&good, body);
    late.received_at = Time::from_seconds(NOW + 3600);
    assert_eq!(shop.verify(&settings, &late), Err(Refusal::WrongTime(3600)));
}

fn rehearsal(shop: &dyn Shop) {
    let euro = Currency::parse("EUR").unwrap();
    let at = Time::from_seconds(NOW);
    let visit = Visit {
        token: "self-test-1".into(),
        order: 4711,
        refund: 4712,
        phone: "+12125550101".into(),
        country: "US".into(),
        language: "en-US".into(),
        total: Money::new(4_200, euro),
        refunded: Money::new(1_000, euro),
        checkout_url: "https://shop.example.com/x".into(),
        started_at: at,
        placed_at: at,
        link: Some("AbC_123-xyz".into()),
    };
    for act in [Act::Left, Act::Bought, Act::Refunded] {
        let Rehearsed::Posted(sent) = shop.rehearse(&settings(shop), &visit, act, at) else { panic!("posted") };
        let Ok(Accepted::Keep { topic, .. }) = shop.verify(&settings(shop), &sent) else { panic!("{act:?}") };
        match shop.read(&facts(), &topic, &sent).unwrap().as_slice() {
            [ShopEvent::Cart(cart)] if act == Act::Left => assert_eq!(cart.token, visit.token),
            [ShopEvent::Order(order)] => {
                assert_eq!(order.cart_tokens, [visit.token.as_str()]);
                assert_eq!(order.refunds.len(), usize::from(act == Act::Refunded));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn nothing_panics(shop: &'static dyn Shop) {
    proptest!(|(body in any::<Vec<u8>>(), header in any::<String>())| {
        let headers = [("webhook-id", "x"), ("webhook-timestamp", header.as_str()), ("webhook-signature", &header)];
        let given = delivery(&headers, &body, NOW);
        prop_assert!(shop.verify(&settings(shop), &given).is_err());
        let _ = shop.read(&facts(), "order.upserted", &given);
    });
}

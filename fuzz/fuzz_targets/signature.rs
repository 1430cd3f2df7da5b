//! What a stranger makes of a rightly signed webhook: each platform's own, with one thing about it changed, and Standard
//! Webhooks with drawn keys. What is signed is taken; what was changed, or is of another key or of none, is not.
#![no_main]

use arbitrary::Arbitrary;
use cartback::{
    domain::{
        connector::{Accepted, Delivery, Settings},
        rehearsal::{Act, Visit},
        standard_webhooks,
    },
    shop::{self, Rehearsed},
};
use cartback_fuzz::{NOW, Whose, at_door, now, plausible, visit};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Drawn<'d> {
    which: u8,
    act: u8,
    change: u8,
    place: u16,
    bit: u8,
    number: u32,
    key: [u8; 32],
    text: &'d str,
}

fuzz_target!(|drawn: Drawn| match drawn.which & 1 {
    0 => platform(&drawn),
    _ => standard(&drawn),
});

/// What names a proof in a header.
fn is_proof(name: &str) -> bool {
    ["signature", "hmac", "secret", "authorization"].iter().any(|part| name.contains(part))
}

/// Platforms that sign less than they send: what is not covered is fetched again or means nothing.
const BODY_NOT_COVERED: &[&str] = &["ecwid", "bigcommerce"];

fn platform(drawn: &Drawn) {
    let shop = shop::ALL[usize::from(drawn.which >> 1) % shop::ALL.len()];
    let (kind, ours) = (shop.spec().kind, plausible(shop.spec(), Whose::Ours));
    let link = (!drawn.text.is_empty()).then(|| drawn.text.to_owned());
    let visit = Visit { link, ..visit(drawn.number) };
    let act = [Act::Left, Act::Bought, Act::Refunded][usize::from(drawn.act) % 3];
    // Razorpay signs payments and no carts.
    let act = if kind == "razorpay" && act == Act::Left { Act::Bought } else { act };
    let delivery = match shop.rehearse(&ours, &visit, act, now()) {
        Rehearsed::Posted(delivery) | Rehearsed::Fetched { pointer: Some(delivery), .. } => at_door(delivery),
        Rehearsed::Fetched { pointer: None, .. } => return,
    };
    if !delivery.headers.iter().any(|(name, _)| is_proof(name)) {
        return;
    }
    let taken =
        |settings: &Settings, delivery: &Delivery| matches!(shop.verify(settings, delivery), Ok(Accepted::Keep { .. }));
    assert!(taken(&ours, &delivery), "{kind}: {act:?} is not taken");
    assert!(!taken(&Settings::default(), &delivery), "{kind}: taken without a key");
    assert!(!taken(&plausible(shop.spec(), Whose::Theirs), &delivery), "{kind}: taken under another key");
    if let Some(changed) = changed(drawn, &delivery, BODY_NOT_COVERED.contains(&kind)) {
        assert!(!taken(&ours, &changed), "{kind}: taken though it was changed: {:?}", changed.headers);
    }
}

/// The same with its proofs, or its body, changed; `None` where nothing came of it. Of two proofs either may stand alone, so
/// both are changed.
fn changed(drawn: &Drawn, delivery: &Delivery, header_only: bool) -> Option<Delivery> {
    let mut changed = delivery.clone();
    let place = usize::from(drawn.place);
    let proofs = changed.headers.iter_mut().filter(|(name, _)| is_proof(name)).map(|(_, value)| value);
    match drawn.change % if header_only { 3 } else { 6 } {
        0 => {
            for value in proofs {
                let mut octets = value.clone().into_bytes();
                let at = place % octets.len().max(1);
                *octets.get_mut(at)? ^= 1 << (drawn.bit % 7);
                let other = String::from_utf8(octets).ok()?;
                // Hex in the other case is the same octets.
                (!other.eq_ignore_ascii_case(value)).then(|| *value = other)?;
            }
        }
        1 => proofs.for_each(|value| *value = value.chars().take(place % value.chars().count().max(1)).collect()),
        2 => changed.headers.retain(|(name, _)| !is_proof(name)),
        3 => {
            let at = place % changed.body.len().max(1);
            *changed.body.get_mut(at)? ^= 1 << (drawn.bit % 8);
        }
        4 => changed.body.truncate(place % changed.body.len().max(1)),
        _ => changed.body.push(drawn.bit),
    }
    (changed != *delivery).then_some(changed)
}

fn standard(drawn: &Drawn) {
    let secret = standard_webhooks::secret(drawn.key);
    let mut other = drawn.key;
    other[usize::from(drawn.place) % 32] ^= 1 << (drawn.bit % 8);
    let other = standard_webhooks::secret(other);
    let body = drawn.text.as_bytes();
    let at = NOW + i64::from(drawn.place) - 300;
    let id = format!("msg_{}", drawn.number);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let of = |signature: &str, body: &[u8]| Delivery {
        method: "POST".into(),
        url: "https://cb.example.com/".into(),
        headers: vec![
            header("webhook-id", &id),
            header("webhook-timestamp", &at.to_string()),
            header("webhook-signature", signature),
        ],
        body: body.to_vec(),
        received_at: now(),
    };
    let signature = standard_webhooks::sign(&secret, &id, at, body);
    let verify = |secret: &str, delivery: &Delivery| standard_webhooks::verify([secret], delivery).is_ok();
    let in_time = at - NOW <= standard_webhooks::TOLERANCE_SECONDS;
    let whole = of(&signature, body);
    assert_eq!(verify(&secret, &whole), in_time);
    assert!(!verify(&other, &whole) && !verify("", &whole) && !verify("whsec_", &whole));
    assert!(standard_webhooks::verify([], &whole).is_err());
    let longer = [body, &[drawn.bit]].concat();
    assert!(!verify(&secret, &of(&signature, &longer)));
    // What somebody else writes in its place.
    assert!(!verify(&secret, &of(drawn.text, body)) || drawn.text.contains(&signature));
}

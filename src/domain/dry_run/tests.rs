//! A few carts with a known end, played at several delays; and whatever the carts: each is counted once.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    consent::Consent,
    decide::{CartFacts, GatewayFact, ServiceFacts},
    event::{ConsentProof, ConsentState},
    hand::HandFacts,
    law::{self, Whereabouts},
    risk::RiskFacts,
    sequence::{Closed, Step, default_sequence},
    time::{DAY, HOUR},
    zone::Zones,
};

/// Tuesday, 3 March 2026, 10:00 in Ljubljana.
fn morning() -> Time {
    Time::parse("2026-03-03T09:00:00Z").unwrap()
}

fn content() -> ContentFacts {
    ContentFacts {
        names_the_shop: true,
        has_link: true,
        has_opt_out: true,
        parts: 2,
        parts_most: 3,
        language: "sl".into(),
        ..ContentFacts::default()
    }
}

/// A cart of a person with consent, left at this moment.
fn left(person: u8, at: Time) -> Past {
    let terms = Rules::default();
    let whereabouts =
        Whereabouts { phone_country: "SI".into(), address_country: Some("SI".into()), states: Vec::new() };
    let binding = law::current().binding(&whereabouts, at);
    let proof = ConsentProof { source: "shopify".into(), text: Some("Text me".into()), ..ConsentProof::default() };
    let consent = Consent { state: ConsentState::Granted, at: at - HOUR, proof };
    Past {
        cart: CartId::new(i64::from(person)),
        phone: Some([person; 16]),
        base: Facts {
            zone: "Europe/Ljubljana".into(),
            shop_country: "SI".into(),
            service: ServiceFacts {
                stopped: None,
                gateway: GatewayFact::Ready,
                two_way: true,
                alphanumeric: None,
                short_code: None,
            },
            number: Ok("SI".into()),
            whereabouts,
            zones: Zones { names: vec!["Europe/Ljubljana".into()], ..Zones::default() },
            consent: ConsentFacts::of(&Ledger::default(), &terms.terms(&binding), None, at),
            cart: CartFacts {
                abandoned_at: Some(at),
                active_at: at - MINUTE * 30,
                bought_at: None,
                gone: false,
                recoverable: true,
                has_link: true,
                astray: None,
                pieces: Some(1),
            },
            step: StepFacts {
                sequence: String::new(),
                number: 1,
                due_at: at,
                deadline_at: None,
                closed: Closed::Wait,
                left_out: None,
                made: None,
                discount: false,
            },
            caps: CapFacts::default(),
            risk: RiskFacts::default(),
            hand: HandFacts::default(),
            restored: None,
            holdout: None,
            content: None,
            leaving: false,
        },
        ledger: Ledger::of(vec![consent], Vec::new()),
        orders: Vec::new(),
        quiet_since: at - MINUTE * 30,
        gone_at: None,
        texted_at: None,
        newer_cart_at: None,
        items: Some(1),
        course: Ok(0),
        steps: vec![Written { content: Some(content()), parts: 2, refusal: None }; 2],
    }
}

fn bought(mut past: Past, after: Duration) -> Past {
    past.base.cart.bought_at = past.base.cart.abandoned_at.map(|at| at + after);
    past
}

fn sequence(after: &[u32]) -> Sequence {
    let steps = after.iter().map(|&after_minutes| Step { after_minutes, ..Step::default() }).collect();
    Sequence { id: "eu".into(), on_since: Some(Time::FIRST), steps, ..default_sequence() }
}

fn played(pasts: &[Past], after: &[u32], delay: Option<u32>, prices: &[Price]) -> Row {
    let (rules, sequences) = (Rules::default(), [sequence(after)]);
    play(pasts, &Play { rules: &rules, pack: law::current(), sequences: &sequences, delay, prices, named_most: 9 })
}

#[test]
fn a_longer_delay_spares_those_who_buy_anyway() {
    let at = morning();
    let pasts = [
        left(1, at),
        bought(left(2, at), MINUTE * 20),
        bought(left(3, at), MINUTE * 90),
        bought(left(4, at), HOUR * 50),
    ];
    #[track_caller]
    fn check(row: &Row, texted: u64, before: u64, after: u64) {
        assert_eq!(
            (row.carts, row.texted, row.bought_before(), row.bought_after),
            (4, texted, before, after),
            "{row:?}"
        );
        assert_eq!(row.measured, texted);
    }
    check(&played(&pasts, &[30], Some(10), &[]), 4, 0, 3);
    check(&played(&pasts, &[30], None, &[]), 3, 1, 2);
    check(&played(&pasts, &[30], Some(120), &[]), 2, 2, 1);
    let euro = Currency::parse("EUR").unwrap();
    let price = Price { country: "SI".into(), currency: euro, micros: 40_000 };
    let row = played(&pasts, &[30], None, &[price]);
    assert_eq!((row.parts, row.costs, row.unpriced_parts), (6, vec![(euro, 240_000)], 0));
    assert_eq!(played(&pasts, &[30], None, &[]).unpriced_parts, 6);
}

#[test]
fn a_text_that_went_in_truth_makes_nothing_bought_anyway() {
    let at = morning();
    let texted = |past: Past| Past { texted_at: Some(at + MINUTE * 10), ..past };
    let pasts = [texted(bought(left(1, at), MINUTE * 20)), texted(bought(left(2, at), HOUR * 3)), texted(left(3, at))];
    let row = played(&pasts, &[60], None, &[]);
    assert_eq!(row.not, BTreeMap::from([(Why::BoughtTexted, 1)]));
    assert_eq!((row.texted, row.measured, row.bought_after), (2, 0, 0));
    // Bought before that text: it had no part in it.
    let early = texted(bought(left(4, at), MINUTE * 5));
    assert_eq!(played(&[early], &[60], None, &[]).bought_before(), 1);
}

#[test]
fn night_waits_for_the_morning_and_is_told_in_the_shoppers_time() {
    // 22:30 in Ljubljana, Tuesday.
    let late = Time::parse("2026-03-03T21:30:00Z").unwrap();
    let row = played(&[left(1, late)], &[30], None, &[]);
    assert_eq!(row.texted, 1);
    let hour = row.hours.iter().position(|count| *count == 1).unwrap();
    assert!((8..=10).contains(&hour), "{hour}");
    assert!(row.named[0].at > late + HOUR * 9);
    // Bought over night: the text would not have gone.
    assert_eq!(played(&[bought(left(1, late), HOUR * 5)], &[30], None, &[]).bought_before(), 1);
}

#[test]
fn reasons_are_the_plainest() {
    let at = morning();
    #[track_caller]
    fn check(past: Past, expected: Why) {
        let row = played(&[past], &[30], None, &[]);
        assert_eq!(row.not, BTreeMap::from([(expected, 1)]), "{row:?}");
    }
    let silent = |past: Past| Past { ledger: Ledger::default(), ..past };
    check(silent(left(1, at)), Why::NoConsent);
    check(silent(bought(left(1, at), MINUTE * 10)), Why::NoConsent);
    let mut numberless = left(1, at);
    numberless.base.number = Err("is not one".into());
    numberless.phone = None;
    check(numberless, Why::Number);
    let mut abroad = left(1, at);
    abroad.base.number = Ok("DE".into());
    check(abroad, Why::Number);
    check(Past { course: Err("for carts of others".into()), steps: Vec::new(), ..left(1, at) }, Why::Sequence);
    check(Past { newer_cart_at: Some(at + MINUTE), ..left(1, at) }, Why::Sequence);
    check(Past { gone_at: Some(at), ..left(1, at) }, Why::Cart);
    let mut later = left(1, at);
    later.ledger.consents[0].at = at + HOUR;
    check(later, Why::NoConsent);
}

#[test]
fn texts_of_the_run_count_against_its_own_caps() {
    let at = morning();
    // A second cart an hour later rests a day after the first one's text.
    let again = Past { cart: CartId::new(9), ..left(1, at + HOUR) };
    let row = played(&[left(1, at), again.clone()], &[30], None, &[]);
    assert_eq!((row.texted, row.named[0].at), (2, at + MINUTE * 30 + DAY), "{row:?}");
    let other = Past { phone: Some([2; 16]), ..again };
    let row = played(&[left(1, at), other], &[30], None, &[]);
    assert_eq!((row.texted, row.named[0].at), (2, at + MINUTE * 90), "{row:?}");
    let week = Past { cart: CartId::new(9), ..left(1, at + DAY * 8) };
    assert_eq!(played(&[left(1, at), week], &[30], None, &[]).texted, 2);
    // Later steps keep their distance when the first moves.
    let row = played(&[left(1, at)], &[30, 24 * 60 + 30], Some(60), &[]);
    assert_eq!((row.texted, row.texts, row.named[0].at), (1, 2, at + HOUR));
}

#[test]
fn what_is_asked_for_is_bounded() {
    assert_eq!(check(30, &[60, 10, 60]), Ok(vec![10, 60]));
    assert!(check(6, &[]).is_err() && check(91, &[]).is_err());
    assert!(check(30, &[DELAY_MINUTES_MOST + 1]).is_err() && check(30, &[1; DELAYS_MOST + 1]).is_err());
    for why in Why::ALL {
        assert_eq!(serde_json::to_string(&why).unwrap(), format!("\"{}\"", why.name()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_cart_is_counted_once(
        carts in prop::collection::vec((0u8..4, 0u32..4000, prop::option::of(0u32..4000), any::<bool>(), any::<bool>()), 0..12),
        delay in prop::option::of(0u32..2000),
    ) {
        let pasts: Vec<Past> = carts.iter().map(|&(person, minute, bought_after, consents, texted)| {
            let mut past = left(person, morning() + MINUTE * minute);
            if let Some(after) = bought_after {
                past = bought(past, MINUTE * after);
            }
            if !consents {
                past.ledger = Ledger::default();
            }
            past.texted_at = texted.then(|| morning() + MINUTE * (minute + 15));
            past
        }).collect();
        let row = played(&pasts, &[30, 600], delay, &[]);
        prop_assert_eq!(row.texted + row.not.values().sum::<u64>(), row.carts);
        prop_assert!(row.bought_after <= row.measured && row.measured <= row.texted && row.texted <= row.texts);
        prop_assert_eq!(row.hours.iter().sum::<u64>(), row.texted);
        prop_assert_eq!(row.unpriced_parts, row.parts);
    }
}

//! Every lens over every history proptest can think of: money is split to the last unit, an order is credited once or not
//! at all, and it does not matter in which order the facts came.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    attribution::{Correction, Tie, attribute},
    money::Money,
    rules::Rules,
};

fn at(minutes: i64) -> Time {
    Time::from_millis(minutes * 60_000)
}

fn euro() -> Currency {
    Currency::parse("EUR").unwrap()
}

const TIES: [Tie; 6] = [Tie::Email, Tie::Customer, Tie::Phone, Tie::CartToken, Tie::Code, Tie::Token];
const PLACED: i64 = 10_000;

/// What can happen around one order, in any order.
#[derive(Clone, Debug)]
enum Happening {
    Placed(i64),
    Sent(i64, i64, usize),
    Tapped(i64, i64),
    Refunded(usize, i64, i64),
    Cancelled(i64),
    Said(Option<i64>),
}

/// Everything that was heard so far, as the store merges it.
#[derive(Clone, Debug, Default)]
struct Heard {
    total: Option<i64>,
    texts: BTreeMap<i64, (i64, usize)>,
    taps: BTreeMap<i64, Vec<i64>>,
    refunds: BTreeMap<usize, (i64, i64)>,
    cancelled: Option<i64>,
    said: Option<Option<i64>>,
}

impl Heard {
    fn hear(&mut self, happening: &Happening) {
        match *happening {
            Happening::Placed(total) => self.total = Some(total),
            Happening::Sent(text, when, tie) => drop(self.texts.insert(text, (when, tie))),
            Happening::Tapped(text, when) => {
                let taps = self.taps.entry(text).or_default();
                taps.push(when);
                taps.sort_unstable();
            }
            Happening::Refunded(id, minor, when) => drop(self.refunds.insert(id, (minor, when))),
            Happening::Cancelled(when) => self.cancelled = Some(when),
            Happening::Said(to) => self.said = Some(to),
        }
    }

    fn facts(&self) -> Facts {
        let refunds = self.refunds.iter().map(|(id, &(minor, when))| Refund {
            external_id: id.to_string(),
            amount: Money::new(minor, euro()),
            at: at(when),
        });
        let order = OrderFacts {
            placed_at: self.total.map(|_| at(PLACED)),
            cancelled_at: self.cancelled.map(at),
            total_minor: self.total.unwrap_or(0),
            currency: euro(),
            channel: Channel::Web,
            test: false,
            refunds: refunds.collect(),
            after_abandoned: true,
            corrected: self.said.map(|to| Correction { to: to.map(MessageId::new) }),
        };
        let candidates = self.texts.iter().map(|(&id, &(when, tie))| Candidate {
            message: MessageId::new(id),
            step: u32::try_from(id).unwrap(),
            accepted_at: Some(at(when)),
            taps: self.taps.get(&id).into_iter().flatten().map(|&tap| at(tap)).collect(),
            bot_opens: 0,
            tie: TIES[tie],
        });
        let verdict = attribute(&order, &candidates.collect::<Vec<_>>(), &Rules::default());
        Facts::stored(order.placed_at, order.cancelled_at, (order.total_minor, euro()), order.refunds, verdict)
    }
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let text = (1i64..5, 0i64..12_000, 0usize..6, prop::collection::vec(0i64..12_000, 0..3));
    (
        0i64..1_000_000,
        prop::collection::btree_map(1i64..5, text, 0..5),
        prop::collection::vec((0i64..600_000, PLACED..20_000), 0..4),
        prop::option::of(PLACED..20_000i64),
        prop::option::of(prop::option::of(1i64..6)),
    )
        .prop_map(|(total, texts, refunds, cancelled, said)| {
            let mut all = vec![Happening::Placed(total)];
            for (id, (_, sent, tie, taps)) in texts {
                all.push(Happening::Sent(id, sent, tie));
                all.extend(taps.into_iter().map(|tap| Happening::Tapped(id, tap)));
            }
            all.extend(refunds.into_iter().enumerate().map(|(id, (minor, when))| Happening::Refunded(id, minor, when)));
            all.extend(cancelled.map(Happening::Cancelled));
            all.extend(said.map(Happening::Said));
            all
        })
}

fn heard(all: &[Happening]) -> Heard {
    let mut heard = Heard::default();
    for happening in all {
        heard.hear(happening);
    }
    heard
}

fn lenses() -> Vec<Lens> {
    Lens::all(Windows::of(&Rules::default()))
}

/// What each text holds of an order at the end.
fn held(parts: &[Part]) -> BTreeMap<MessageId, i64> {
    let mut held = BTreeMap::new();
    for part in parts {
        *held.entry(part.message).or_insert(0) += part.amount_minor;
    }
    held
}

#[test]
fn presets_are_read_and_say_where_they_come_from() {
    let ids: Vec<&str> = presets().iter().map(|preset| preset.id.as_str()).collect();
    assert_eq!(ids, ["klaviyo", "attentive", "postscript", "omnisend"]);
    for preset in presets() {
        assert!(preset.source.starts_with("https://") && preset.on.parse::<jiff::civil::Date>().is_ok(), "{preset:?}");
        assert!(!preset.note.is_empty());
    }
}

#[test]
fn money_is_split_to_the_last_unit() {
    #[track_caller]
    fn check(amount: i64, weights: &[u64], expected: &[i64]) {
        assert_eq!(split(amount, weights), expected);
    }
    check(100, &[1], &[100]);
    check(100, &[1, 1, 1], &[34, 33, 33]);
    check(101, &positions(3), &[41, 20, 40]);
    check(1_000, &positions(5), &[400, 67, 67, 66, 400]);
    check(1, &[1, 1], &[1, 0]);
    check(0, &[1, 1], &[0, 0]);
    check(-5, &[1, 1], &[0, 0]);
    check(5, &[], &[]);
    check(5, &[0, 0], &[0, 0]);
    check(i64::MAX, &[u64::MAX, u64::MAX], &[i64::MAX / 2 + 1, i64::MAX / 2]);
}

#[test]
fn each_lens_gives_to_its_own() {
    use Happening::*;
    // Text 1 tapped five hours before, text 2 sent two hours before and not tapped, text 3 an hour and a half before,
    // tapped, and known by the e-mail only.
    let heard = heard(&[
        Placed(1_000),
        Sent(1, PLACED - 2_000, 5),
        Tapped(1, PLACED - 300),
        Sent(2, PLACED - 120, 2),
        Sent(3, PLACED - 90, 0),
        Tapped(3, PLACED - 60),
    ]);
    let facts = heard.facts();
    let of = |id: &str| {
        let lens = lenses().into_iter().find(|lens| lens.id == id).unwrap();
        held(&lens.ledger(&facts)).into_iter().map(|(text, minor)| (text.get(), minor)).collect::<Vec<_>>()
    };
    assert_eq!(of("strict"), [(1, 1_000)]);
    assert_eq!(of("assisted"), [(1, 1_000)]);
    assert_eq!(of("first"), [(1, 1_000)]);
    assert_eq!(of("linear"), [(1, 334), (2, 333), (3, 333)]);
    assert_eq!(of("position"), [(1, 400), (2, 200), (3, 400)]);
    assert_eq!(of("klaviyo"), [(3, 1_000)]);
    assert_eq!(of("omnisend"), [(3, 1_000)]);
}

#[test]
fn presets_differ_where_their_windows_do() {
    use Happening::*;
    const DAY: i64 = 24 * 60;
    #[track_caller]
    fn check(all: &[Happening], expected: [bool; 4]) {
        let facts = heard(all).facts();
        let found = ["klaviyo", "attentive", "postscript", "omnisend"]
            .map(|id| !lenses().iter().find(|lens| lens.id == id).unwrap().shares(&facts).is_empty());
        assert_eq!(found, expected, "{all:?}");
    }
    let untapped = |minutes: i64| [Placed(1), Sent(1, PLACED - minutes, 2)];
    check(&untapped(11 * 60), [true, true, true, false]);
    check(&untapped(13 * 60), [false, true, true, false]);
    check(&untapped(25 * 60), [false, false, false, false]);
    let tapped = |sent: i64, tap: i64| [Placed(1), Sent(1, PLACED - sent, 2), Tapped(1, PLACED - tap)];
    check(&tapped(60, 30), [true, true, true, true]);
    check(&tapped(2 * DAY, 30), [true, true, true, false]);
    // Its hours begin when the text was sent with three of them.
    check(&tapped(6 * DAY, 30), [false, true, true, false]);
    // A code of its own, long after.
    check(&[Placed(1), Sent(1, 0, 4)], [false, true, false, false]);
}

proptest! {
    #[test]
    fn shares_add_up_to_what_is_split(amount in 0i64..i64::MAX, weights in prop::collection::vec(0u64..1_000, 0..6)) {
        let parts = split(amount, &weights);
        let whole: u64 = weights.iter().sum();
        prop_assert_eq!(parts.iter().sum::<i64>(), if whole == 0 { 0 } else { amount });
        prop_assert!(parts.iter().all(|&part| part >= 0));
        for (part, weight) in parts.iter().zip(&weights) {
            let exact = i128::from(amount) * i128::from(*weight);
            let off = i128::from(*part) * i128::from(whole) - exact;
            prop_assert!(off.abs() < i128::from(whole.max(1)), "{part} for {weight} of {whole}");
        }
    }

    #[test]
    fn credits_never_exceed_the_order_and_no_order_is_credited_twice(all in happenings()) {
        let heard = heard(&all);
        let facts = heard.facts();
        let total = heard.total.unwrap_or(0);
        for lens in lenses() {
            let parts = lens.ledger(&facts);
            let gross: i64 = parts.iter().filter(|part| part.entry == "order").map(|part| part.amount_minor).sum();
            let net: i64 = parts.iter().map(|part| part.amount_minor).sum();
            prop_assert!(gross == 0 || gross == total, "{} gives {gross} of {total}", lens.id);
            prop_assert!((0..=gross).contains(&net), "{}: {net} of {gross}", lens.id);
            prop_assert!(held(&parts).values().all(|&minor| minor >= 0), "{}: {:?}", lens.id, held(&parts));
            // Each text stands once in each entry.
            let mut seen = BTreeSet::new();
            prop_assert!(parts.iter().all(|part| seen.insert((part.entry.clone(), part.message))), "{}", lens.id);
            let mut tally = Tally::default();
            tally.add(&lens, &facts);
            prop_assert!(tally.money.values().map(|sums| sums.orders).sum::<u64>() <= 1);
            prop_assert_eq!(tally.money.values().map(Sums::net_minor).sum::<i64>(), net);
            prop_assert_eq!(tally.steps.values().sum::<i64>(), net);
        }
    }

    #[test]
    fn the_strict_lens_says_what_is_credited(all in happenings()) {
        let facts = heard(&all).facts();
        let credited = facts.verdict.winner.filter(|won| won.class == Class::Credited);
        let strict = &lenses()[0];
        let parts: Vec<_> = strict.ledger(&facts).into_iter().map(|part| (part.entry, part.at, part.amount_minor)).collect();
        let entries = facts.verdict.entries.iter().filter(|_| credited.is_some());
        let stored: Vec<_> = entries.map(|entry| (entry.entry.clone(), entry.at, entry.amount_minor)).collect();
        prop_assert_eq!(parts, stored);
        let mut tally = Tally::default();
        tally.add(strict, &facts);
        prop_assert_eq!(tally.differs, 0);
    }

    #[test]
    fn recomputing_equals_updating_in_any_order(
        (all, shuffled) in happenings().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let whole = heard(&all).facts();
        for lens in lenses() {
            // As the store does it: after each fact the order's lines are replaced, and sums move by the difference.
            let mut so_far = Heard::default();
            let (mut lines, mut sum) = (Vec::new(), 0i64);
            for happening in &shuffled {
                so_far.hear(happening);
                let now = lens.ledger(&so_far.facts());
                let total = |parts: &[Part]| parts.iter().map(|part| part.amount_minor).sum::<i64>();
                sum += total(&now) - total(&lines);
                lines = now;
            }
            let again = lens.ledger(&whole);
            prop_assert_eq!(sum, again.iter().map(|part| part.amount_minor).sum::<i64>());
            prop_assert_eq!(lines, again, "{}", lens.id);
        }
    }

    #[test]
    fn refunding_everything_leaves_only_the_cost(all in happenings(), parts in 1i64..7) {
        let mut heard = heard(&all);
        let total = heard.total.unwrap_or(0);
        // In one piece or in several, before or after a cancellation.
        for part in 0..parts {
            heard.hear(&Happening::Refunded(100 + part as usize, total / parts + total % parts, 30_000 + part));
        }
        let facts = heard.facts();
        for lens in lenses() {
            let parts = lens.ledger(&facts);
            prop_assert!(held(&parts).values().all(|&minor| minor == 0), "{}: {:?}", lens.id, held(&parts));
        }
    }
}

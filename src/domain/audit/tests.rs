//! A year of orders of a made-up shop, in two books that agree: nothing is found. With every kind of fault planted in it:
//! exactly those are found, whatever the seed.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::domain::{
    hours,
    time::{DAY, MINUTE},
};

const FROM: i64 = 1_735_689_600;
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Numbers that look like chance and are the same for the same seed (Knuth's MMIX generator).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

#[derive(Clone)]
struct Books {
    ours: Vec<Ours>,
    theirs: Vec<Theirs>,
    credits: Vec<Credited>,
}

fn zone() -> TimeZone {
    hours::zone("Europe/Ljubljana").unwrap()
}

fn frame() -> Frame {
    let from = Time::from_seconds(FROM);
    Frame { from, to: from + YEAR, zone: zone(), limits: Limits::default() }
}

/// Two books of one year that agree, with all that real ones have: cancelled orders, refunds, tests, unpaid ones, two
/// currencies, credits, payments that came later than the order.
fn year(chance: &mut Chance, orders: u64) -> Books {
    let (euro, franc) = (Currency::parse("EUR").unwrap(), Currency::parse("CHF").unwrap());
    let mut books = Books { ours: Vec::new(), theirs: Vec::new(), credits: Vec::new() };
    let step = YEAR.as_secs() / orders;
    for place in 0..orders {
        let at = Time::from_seconds(FROM) + Duration::from_secs(place * step + chance.below(step));
        let currency = if chance.below(8) == 0 { franc } else { euro };
        // Odd, so that no difference planted below is a tax or a shipping by accident.
        let total = 1_001 + 2 * i64::try_from(chance.below(20_000)).unwrap();
        let bought = chance.below(20) != 0;
        let cancelled = bought && chance.below(25) == 0;
        let refunded = if !cancelled && bought && chance.below(15) == 0 { total / 3 } else { 0 };
        let test = chance.below(60) == 0;
        let paid_after = if chance.below(10) == 0 { DAY } else { Duration::from_secs(chance.below(90)) };
        let id = OrderId::new(i64::try_from(place).unwrap() + 1);
        let credited = bought && !test && chance.below(5) == 0;
        books.theirs.push(Theirs {
            external_id: format!("77000{place}"),
            number: format!("#{}", 1_000 + place),
            total: Money::new(total, currency),
            tax_minor: Some(total / 5),
            shipping_minor: Some(490),
            placed: bought.then_some(Placed::At(at + paid_after)),
            begun_at: Some(at),
            cancelled: Some(cancelled),
            refunded_minor: Some(refunded),
            test,
            token: credited,
        });
        books.ours.push(Ours {
            id,
            external_id: format!("77000{place}"),
            number: format!("#{}", 1_000 + place),
            total: Money::new(total, currency),
            placed_at: bought.then_some(at),
            cancelled,
            refunded_minor: refunded,
            test,
            token: credited,
            explained: credited,
        });
        if credited {
            let back = if cancelled { total } else { refunded };
            let message = MessageId::new(id.get());
            books.credits.push(Credited { order: id, message, gross_minor: total, net_minor: total - back });
        }
    }
    books
}

/// Breaks one order so that it is of this kind; answers the key it is found under. `None` where this order cannot be.
fn plant(books: &mut Books, place: usize, kind: Kind) -> Option<String> {
    let frame = frame();
    let (ours, theirs) = (&mut books.ours[place], &mut books.theirs[place]);
    let plain = ours.placed_at.is_some() && !ours.test && !ours.cancelled && ours.refunded_minor == 0;
    // Away from the edges, and paid when it was ordered.
    let inside = ours.placed_at.is_some_and(|at| at > frame.from + DAY * 3 && at + DAY * 3 < frame.to);
    let at = ours.placed_at?;
    let at_once = matches!(theirs.placed, Some(Placed::At(paid)) if paid.since(at) < MINUTE * 5);
    if !plain || !inside || !at_once {
        return None;
    }
    let credit = books.credits.iter().position(|credit| credit.order == ours.id);
    let key = ours.external_id.clone();
    match kind {
        Kind::MissingHere if credit.is_none() => {
            ours.external_id = "gone".into();
            ours.number = "gone".into();
            ours.placed_at = None;
        }
        Kind::MissingThere if credit.is_none() => {
            theirs.external_id = "gone".into();
            theirs.number = "gone".into();
            theirs.placed = None;
        }
        Kind::DuplicateHere => {
            let again = Ours {
                id: OrderId::new(ours.id.get() + 1_000_000),
                external_id: format!("{key}-again"),
                ..ours.clone()
            };
            books.ours.push(again);
            return Some(format!("{key}-again"));
        }
        Kind::DuplicateThere => {
            let again = theirs.clone();
            books.theirs.push(again);
        }
        Kind::Value => theirs.total.minor += 7_777_777,
        Kind::Basis => theirs.total.minor += theirs.tax_minor? + 490,
        Kind::Currency => theirs.total.currency = Currency::parse("USD").unwrap(),
        Kind::BoughtThere if credit.is_none() => ours.placed_at = None,
        Kind::BoughtHere => theirs.placed = None,
        Kind::CancelledThere => theirs.cancelled = Some(true),
        Kind::CancelledHere if credit.is_none() => ours.cancelled = true,
        Kind::Refund => theirs.refunded_minor = Some(500),
        Kind::PlacedAt => ours.placed_at = Some(at + MINUTE * 47),
        Kind::DayShift => {
            theirs.placed = Some(Placed::At(at));
            ours.placed_at = Some(at + MINUTE * 120);
        }
        Kind::Test => theirs.test = true,
        Kind::CreditWithoutOrder => {
            books.credits.push(Credited {
                order: OrderId::new(9_000_000 + ours.id.get()),
                message: MessageId::new(1),
                gross_minor: 100,
                net_minor: 100,
            });
            return Some(OrderId::new(9_000_000 + ours.id.get()).to_string());
        }
        Kind::CreditTooLarge => books.credits[credit?].net_minor += 500,
        Kind::CreditedTwice => {
            let again = Credited { message: MessageId::new(5_000_000), ..books.credits[credit?] };
            books.credits.push(again);
        }
        Kind::TokenWithoutCredit if credit.is_none() => theirs.token = true,
        _ => return None,
    }
    Some(key)
}

fn found(books: &Books) -> Outcome {
    compare(&frame(), &books.ours, &books.theirs, &books.credits)
}

fn named(outcome: &Outcome) -> BTreeSet<(Kind, String)> {
    outcome.findings.iter().map(|finding| (finding.kind, finding.key().to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_found_in_a_clean_year(seed in any::<u64>()) {
        let outcome = found(&year(&mut Chance(seed), 1_500));
        prop_assert_eq!(&outcome.findings, &[]);
        prop_assert_eq!((outcome.grade, outcome.score.drift()), (Grade::Agree, 0));
        // One that was paid a day later may be bought beyond the year's end in their book.
        prop_assert!(outcome.score.compared > 1_300 && outcome.ours.abs_diff(outcome.theirs) < 5);
        prop_assert!(outcome.sums.iter().all(|sum| sum.ours_minor == sum.theirs_minor && sum.gap_minor == 0));
    }

    #[test]
    fn every_planted_fault_is_found_and_nothing_else(seed in any::<u64>()) {
        let mut chance = Chance(seed);
        let mut books = year(&mut chance, 1_500);
        let mut planted = BTreeSet::new();
        let mut used = BTreeSet::new();
        for kind in Kind::ALL {
            let mut left = 3;
            while left > 0 {
                let place = usize::try_from(chance.below(1_500)).unwrap();
                if used.contains(&place) {
                    continue;
                }
                if let Some(key) = plant(&mut books, place, kind) {
                    used.insert(place);
                    planted.insert((kind, key));
                    left -= 1;
                }
            }
        }
        let outcome = found(&books);
        prop_assert_eq!(named(&outcome), planted);
        prop_assert_eq!(outcome.findings.len(), 3 * Kind::ALL.len());
        prop_assert_eq!(outcome.grade, Grade::Large);
        // In whichever order the books are read.
        books.ours.reverse();
        books.theirs.reverse();
        prop_assert_eq!(named(&found(&books)), named(&outcome));
    }

    #[test]
    fn each_kind_alone_is_that_kind(seed in any::<u64>(), which in 0..Kind::ALL.len()) {
        let mut chance = Chance(seed);
        let mut books = year(&mut chance, 400);
        let key = loop {
            let place = usize::try_from(chance.below(400)).unwrap();
            if let Some(key) = plant(&mut books, place, Kind::ALL[which]) {
                break key;
            }
        };
        prop_assert_eq!(named(&found(&books)), BTreeSet::from([(Kind::ALL[which], key)]));
    }
}

fn clean() -> Books {
    year(&mut Chance(7), 400)
}

fn break_some(kind: Kind, count: usize) -> Outcome {
    let mut books = clean();
    let mut left = count;
    for place in 0..400 {
        if left > 0 && plant(&mut books, place, kind).is_some() {
            left -= 1;
        }
    }
    assert_eq!(left, 0);
    found(&books)
}

#[test]
fn a_small_gap_is_normal_and_a_large_one_a_red_flag() {
    #[track_caller]
    fn check(kind: Kind, count: usize, grade: Grade) {
        let outcome = break_some(kind, count);
        assert_eq!(outcome.grade, grade, "{:?}", outcome.score);
    }
    check(Kind::MissingHere, 1, Grade::Small);
    check(Kind::MissingHere, 8, Grade::Notable);
    check(Kind::MissingHere, 40, Grade::Large);
    // How the two count is shown and not scored.
    check(Kind::DayShift, 40, Grade::Agree);
    // What must never be needs no share.
    check(Kind::CreditTooLarge, 1, Grade::Large);
    // By value: two orders of four hundred, but much money.
    check(Kind::Value, 2, Grade::Notable);
}

#[test]
fn one_order_of_three_is_no_red_flag() {
    let mut books = year(&mut Chance(3), 400);
    let at = |place: usize| (books.ours[place].placed_at, books.ours[place].test);
    let few: Vec<usize> = (20..400).filter(|&place| at(place).0.is_some() && !at(place).1).take(3).collect();
    books.theirs = few.iter().map(|&place| books.theirs[place].clone()).collect();
    books.ours = few[1..].iter().map(|&place| books.ours[place].clone()).collect();
    books.credits.clear();
    books.theirs.iter_mut().for_each(|order| order.token = false);
    books.ours.iter_mut().for_each(|order| order.token = false);
    let outcome = found(&books);
    assert_eq!((outcome.score.faulty, outcome.score.compared), (1, 3));
    assert_eq!(outcome.grade, Grade::Notable);
}

/// A list without ids, hours or states: only what it tells is compared.
#[test]
fn a_poor_list_accuses_nobody() {
    let mut books = clean();
    for (theirs, ours) in books.theirs.iter_mut().zip(&books.ours) {
        theirs.external_id = String::new();
        theirs.number = theirs.number.trim_start_matches('#').to_owned();
        theirs.placed = theirs.placed.and(ours.placed_at).map(|at| Placed::On(hours::day_of(&zone(), at)));
        (theirs.begun_at, theirs.cancelled, theirs.refunded_minor) = (None, None, None);
        (theirs.tax_minor, theirs.shipping_minor, theirs.token) = (None, None, false);
    }
    assert_eq!(found(&books).findings, []);
    // The same list, written in Tokyo's days: those near midnight lie on another one.
    let tokyo = hours::zone("Asia/Tokyo").unwrap();
    for (theirs, ours) in books.theirs.iter_mut().zip(&books.ours) {
        theirs.placed = ours.placed_at.map(|at| Placed::On(hours::day_of(&tokyo, at)));
    }
    let outcome = found(&books);
    let kinds: BTreeSet<Kind> = outcome.findings.iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&Kind::DayShift) && outcome.findings.len() > 20, "{kinds:?}");
    assert!(!kinds.contains(&Kind::PlacedAt));
}

#[test]
fn an_order_taken_and_told_twice_counts_once() {
    let mut books = clean();
    let again = books.theirs.clone();
    books.theirs.extend(again);
    let outcome = found(&books);
    assert!(outcome.findings.iter().all(|finding| finding.kind == Kind::DuplicateThere));
    assert_eq!(outcome.score.compared, found(&clean()).score.compared);
}

#[test]
fn limits_are_checked() {
    let problem = |limits: Limits| limits.problem();
    assert_eq!(problem(Limits::default()), None);
    assert!(problem(Limits { small: 500, ..Limits::default() }).is_some());
    assert!(problem(Limits { large: 10_001, ..Limits::default() }).is_some());
    assert!(problem(Limits { rounding_minor: -1, ..Limits::default() }).is_some());
}

#[test]
fn every_kind_says_what_to_do() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.name()), Some(kind));
        for words in [kind.cause(), kind.mend()] {
            assert!(words.ends_with('.') && words.len() > 20, "{words}");
        }
    }
}

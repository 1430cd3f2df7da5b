//! Standing, levels and soft opt-in: what the ledgers amount to, in whatever order they were written.

use proptest::prelude::*;

use super::*;
use crate::domain::time::DAY;

fn at(day: u32) -> Time {
    Time::from_seconds(1_600_000_000) + DAY * day
}

fn said(state: ConsentState, day: u32, source: &str, level: &str) -> Consent {
    let level = Some(level.to_owned()).filter(|level| !level.is_empty());
    Consent { state, at: at(day), proof: ConsentProof { source: source.into(), level, ..ConsentProof::default() } }
}

fn out(day: u32) -> OptOut {
    OptOut { at: at(day), source: "reply".into() }
}

const SINGLE: Terms = Terms { required: Level::Single, soft_opt_in: false, stale_after: DAY.saturating_mul(730) };
const DOUBLE: Terms = Terms { required: Level::Double, ..SINGLE };
const SOFT: Terms = Terms { soft_opt_in: true, ..SINGLE };

fn name(ledger: &Ledger, terms: &Terms, day: u32) -> (StandingName, Option<Level>) {
    let facts = ConsentFacts::of(ledger, terms, None, at(day));
    (facts.standing, facts.level)
}

#[test]
fn the_last_word_counts_and_a_tie_is_a_no() {
    #[track_caller]
    fn check(consents: &[(ConsentState, u32)], outs: &[u32], expected: StandingName) {
        let consents = consents.iter().map(|&(state, day)| said(state, day, "shopify", "")).collect();
        let ledger = Ledger::of(consents, outs.iter().copied().map(out).collect());
        assert_eq!(name(&ledger, &SINGLE, 10).0, expected, "{ledger:?}");
        assert_eq!(ledger.opted_out().is_some(), expected == StandingName::OptedOut);
    }
    use {ConsentState::*, StandingName as Name};
    check(&[], &[], Name::Unknown);
    check(&[(Granted, 1)], &[], Name::Consented);
    check(&[(Granted, 1)], &[2], Name::OptedOut);
    check(&[(Granted, 3)], &[2], Name::Consented);
    check(&[(Granted, 2)], &[2], Name::OptedOut);
    check(&[], &[2], Name::OptedOut);
    check(&[(Granted, 1), (Withdrawn, 2)], &[], Name::OptedOut);
    check(&[(Withdrawn, 2), (Granted, 3)], &[], Name::Consented);
    check(&[(Pending, 5)], &[], Name::Pending);
    check(&[(Granted, 1), (Pending, 5)], &[], Name::Consented);
    check(&[(NotGiven, 9)], &[], Name::Unknown);
    check(&[(Granted, 1), (NotGiven, 9)], &[], Name::Consented);
}

#[test]
fn a_start_brings_back_what_was_and_nothing_more() {
    #[track_caller]
    fn check(consents: &[Consent], outs: &[u32], terms: &Terms, expected: (StandingName, Option<Level>)) {
        let ledger = Ledger::of(consents.to_vec(), outs.iter().copied().map(out).collect());
        assert_eq!(name(&ledger, terms, 10), expected, "{ledger:?}");
    }
    use {ConsentState::*, StandingName as Name};
    let double = said(Granted, 1, "reply", "double");
    let single = said(Granted, 1, "shopify", "single_opt_in");
    let start = |day| said(Restored, day, "reply", "");
    check(&[double.clone(), start(3)], &[2], &DOUBLE, (Name::Consented, Some(Level::Double)));
    check(&[single.clone(), start(3)], &[2], &SINGLE, (Name::Consented, Some(Level::Single)));
    // The confirmation that was missing before the stop is missing after the start.
    check(&[single.clone(), start(3)], &[2], &DOUBLE, (Name::NeedsConfirmation, Some(Level::Single)));
    // Who had never agreed has not agreed by taking a stop back.
    check(&[start(3)], &[2], &SINGLE, (Name::Unknown, None));
    check(&[start(3)], &[], &SINGLE, (Name::Unknown, None));
    check(&[double.clone(), start(2)], &[2], &DOUBLE, (Name::OptedOut, None));
    check(&[double.clone(), start(3)], &[2, 4], &DOUBLE, (Name::OptedOut, None));
    check(&[double, start(3), start(5)], &[2, 4], &DOUBLE, (Name::Consented, Some(Level::Double)));
    check(&[single, said(Withdrawn, 2, "shopify", ""), start(3)], &[], &SINGLE, (Name::Consented, Some(Level::Single)));
}

#[test]
fn a_proof_has_a_level() {
    #[track_caller]
    fn check(source: &str, level: &str, [text, given_at, ip]: [bool; 3], expected: Level) {
        let mut entry = said(ConsentState::Granted, 1, source, level);
        entry.proof.text = text.then(|| "Text me about my cart".into());
        entry.proof.given_at = given_at.then(|| at(1));
        entry.proof.ip = ip.then(|| "192.0.2.7".into());
        assert_eq!(entry.level(), expected, "{source} {level} {text} {given_at} {ip}");
    }
    const ALL: [bool; 3] = [true; 3];
    const NONE: [bool; 3] = [false; 3];
    check("shopify", "single_opt_in", NONE, Level::Single);
    check("shopify", "confirmed_opt_in", NONE, Level::Double);
    check("shopify", "CONFIRMED_OPT_IN", NONE, Level::Double);
    check("shopify", "unknown", NONE, Level::Unproven);
    check("shopify", "", NONE, Level::Single);
    check("cartback-woocommerce", "", ALL, Level::Single);
    check("generic", "double opt-in", NONE, Level::Double);
    check("csv", "", ALL, Level::Single);
    check("csv", "double", ALL, Level::Double);
    check("csv:2026-11-20", "single", [true, true, false], Level::Unproven);
    check("csv", "double", [true, false, true], Level::Unproven);
    check("CSV", "double", [false, true, true], Level::Unproven);
    check("import", "", NONE, Level::Unproven);
    check("api", "confirmed_opt_in", NONE, Level::Unproven);
    check("", "single_opt_in", ALL, Level::Unproven);
    check("reply", "double", NONE, Level::Double);
}

#[test]
fn the_demanded_level_decides() {
    #[track_caller]
    fn check(consents: &[&Consent], terms: &Terms, expected: (StandingName, Option<Level>)) {
        assert_eq!(
            name(&Ledger::of(consents.iter().copied().cloned().collect(), vec![]), terms, 10),
            expected,
            "{consents:?}"
        );
    }
    use {ConsentState::Granted, StandingName as Name};
    let unproven = said(Granted, 1, "csv", "double");
    let single = said(Granted, 2, "shopify", "single_opt_in");
    let double = said(Granted, 1, "reply", "double");
    check(&[&unproven], &SINGLE, (Name::Consented, Some(Level::Unproven)));
    check(&[&unproven], &DOUBLE, (Name::Unproven, Some(Level::Unproven)));
    check(&[&single], &SINGLE, (Name::Consented, Some(Level::Single)));
    check(&[&single], &DOUBLE, (Name::NeedsConfirmation, Some(Level::Single)));
    check(&[&double], &DOUBLE, (Name::Consented, Some(Level::Double)));
    // A box ticked again later takes nothing from the confirmation.
    check(&[&double, &single], &DOUBLE, (Name::Consented, Some(Level::Double)));
    check(&[&unproven, &single], &DOUBLE, (Name::NeedsConfirmation, Some(Level::Single)));
    // Confirmed, stopped, ticked again: the confirmation went with the stop.
    let again = said(Granted, 5, "shopify", "single_opt_in");
    let ledger = Ledger::of(vec![double, again], vec![out(3)]);
    assert_eq!(name(&ledger, &DOUBLE, 10), (Name::NeedsConfirmation, Some(Level::Single)));
    assert_eq!(name(&ledger, &SINGLE, 10), (Name::Consented, Some(Level::Single)));
}

#[test]
fn silence_of_two_years_makes_it_stale() {
    #[track_caller]
    fn check(active: Option<u32>, ordered: Option<u32>, day: u32, expected: StandingName) {
        let given = said(ConsentState::Granted, 0, "shopify", "confirmed_opt_in");
        let ledger =
            Ledger { active_at: active.map(at), ordered_at: ordered.map(at), ..Ledger::of(vec![given], vec![]) };
        assert_eq!(name(&ledger, &DOUBLE, day).0, expected, "{active:?} {ordered:?} {day}");
    }
    use StandingName as Name;
    check(None, None, 729, Name::Consented);
    check(None, None, 730, Name::Stale);
    check(Some(100), None, 800, Name::Consented);
    check(Some(100), None, 830, Name::Stale);
    check(None, Some(700), 1400, Name::Consented);
    // It can be confirmed again.
    let old = Ledger::of(vec![said(ConsentState::Granted, 0, "shopify", "single")], vec![]);
    let facts = ConsentFacts::of(&old, &SINGLE, None, at(800));
    assert_eq!((facts.standing, facts.request, facts.idle_since), (Name::Stale, Some(Request::Ask), Some(at(0))));
    assert!(!facts.may_text());
}

#[test]
fn an_earlier_order_does_only_where_law_and_shop_let_it() {
    #[track_caller]
    fn check(consents: &[Consent], outs: &[u32], ordered: Option<u32>, terms: &Terms, expected: StandingName) {
        let opt_outs = outs.iter().copied().map(out).collect();
        let ledger = Ledger { ordered_at: ordered.map(at), ..Ledger::of(consents.to_vec(), opt_outs) };
        assert_eq!(name(&ledger, terms, 10).0, expected, "{ledger:?}");
    }
    use {ConsentState::*, StandingName as Name};
    check(&[], &[], Some(5), &SOFT, Name::SoftOptIn);
    check(&[], &[], None, &SOFT, Name::Unknown);
    check(&[], &[], Some(5), &SINGLE, Name::Unknown);
    check(&[], &[], Some(10), &SOFT, Name::Unknown);
    check(&[], &[6], Some(5), &SOFT, Name::OptedOut);
    check(&[], &[4], Some(5), &SOFT, Name::OptedOut);
    check(&[said(Pending, 3, "shopify", "")], &[], Some(5), &SOFT, Name::Pending);
    check(&[said(NotGiven, 3, "shopify", "")], &[], Some(5), &SOFT, Name::SoftOptIn);
    let mut left_empty = said(NotGiven, 3, "cartback-woocommerce", "");
    left_empty.proof.text = Some("Text me about my cart".into());
    check(&[left_empty], &[], Some(5), &SOFT, Name::Unknown);
    // Two years without a word end it too.
    let ledger = Ledger { ordered_at: Some(at(0)), ..Ledger::default() };
    assert_eq!(name(&ledger, &SOFT, 730).0, Name::Unknown);
}

#[test]
fn the_facts_hold_nothing_of_the_person() {
    let mut given = said(ConsentState::Granted, 1, "reply", "single");
    given.proof.ip = Some("192.0.2.77".into());
    given.proof.text = Some("Ana agrees".into());
    given.proof.reply = Some(crate::domain::event::ReplyProof { text: "yes from Ana".into(), ..Default::default() });
    let ledger = Ledger { asked: vec![at(2)], held_since: Some(at(3)), ..Ledger::of(vec![given], vec![]) };
    let facts = ConsentFacts::of(&ledger, &DOUBLE, Some(at(4)), at(3));
    let kept = serde_json::to_string(&facts).unwrap();
    for personal in ["Ana", "192.0.2"] {
        assert!(!kept.contains(personal), "{kept}");
    }
    assert_eq!(serde_json::from_str::<ConsentFacts>(&kept).unwrap(), facts);
    assert_eq!((facts.asked, facts.asked_at, facts.held_since), (1, Some(at(2)), Some(at(3))));
    assert_eq!(facts.request, Some(Request::Remind));
}

#[test]
fn an_unclear_reply_holds_even_the_best_consent() {
    let given = said(ConsentState::Granted, 1, "reply", "double");
    let open = Ledger::of(vec![given], vec![]);
    assert!(ConsentFacts::of(&open, &DOUBLE, None, at(3)).may_text());
    let held = Ledger { held_since: Some(at(2)), ..open };
    assert!(!ConsentFacts::of(&held, &DOUBLE, None, at(3)).may_text());
}

fn any_state() -> impl Strategy<Value = ConsentState> {
    use ConsentState::*;
    prop::sample::select(vec![Granted, Pending, Withdrawn, NotGiven, Restored])
}

fn any_entry() -> impl Strategy<Value = Consent> {
    let sources = prop::sample::select(vec!["shopify", "csv", "reply", ""]);
    let levels = prop::sample::select(vec!["", "single", "double", "unknown"]);
    (any_state(), 0_u32..12, sources, levels).prop_map(|(state, day, source, level)| said(state, day, source, level))
}

proptest! {
    /// The order in which statements arrive never matters, and no text goes while the newest word is a no.
    #[test]
    fn no_order_of_arrival_and_no_mode_gets_round_a_stop(
        entries in prop::collection::vec(any_entry(), 0..8),
        outs in prop::collection::vec(0_u32..12, 0..4),
        ordered in prop::option::of(0_u32..12),
        which in 0_usize..3,
    ) {
        let terms = [SINGLE, DOUBLE, SOFT][which];
        let opt_outs: Vec<OptOut> = outs.iter().copied().map(out).collect();
        let ledger = Ledger { ordered_at: ordered.map(at), ..Ledger::of(entries.clone(), opt_outs.clone()) };
        let (mut backwards, mut other) = (entries.clone(), opt_outs);
        backwards.reverse();
        other.reverse();
        let turned = Ledger { ordered_at: ordered.map(at), ..Ledger::of(backwards, other) };
        prop_assert_eq!(name(&ledger, &terms, 20), name(&turned, &terms, 20));

        let newest = |states: &[ConsentState]| {
            entries.iter().filter(|entry| states.contains(&entry.state)).map(|entry| entry.at).max()
        };
        let no = newest(&[ConsentState::Withdrawn]).max(outs.iter().copied().map(at).max());
        let yes = newest(&[ConsentState::Granted, ConsentState::Restored]);
        let facts = ConsentFacts::of(&ledger, &terms, None, at(20));
        if no.is_some() && yes <= no {
            prop_assert!(!facts.may_text() && facts.request.is_none(), "{facts:?}");
            prop_assert_eq!(facts.standing, StandingName::OptedOut);
        }
        if facts.may_text() && facts.standing == StandingName::Consented {
            prop_assert!(newest(&[ConsentState::Granted]).is_some());
            prop_assert!(facts.required < Level::Double || facts.level == Some(Level::Double));
        }
    }
}

//! What is held, for how long and why: each limit just below, at and above.

use super::*;
use proptest::prelude::*;

const NOW: Time = Time::FIRST;

fn now() -> Time {
    NOW + Duration::from_secs(1_790_000_000)
}

fn holds(facts: &RiskFacts) -> Vec<Hold> {
    judge(facts, &Limits::default(), now())
}

/// Each hold as gate, verdict ("stop", or minutes to wait) and reason.
fn told(facts: &RiskFacts) -> Vec<String> {
    holds(facts)
        .iter()
        .map(|hold| {
            let verdict = match hold.verdict {
                Verdict::Pass => "pass".to_owned(),
                Verdict::Stop => "stop".to_owned(),
                Verdict::Wait(until) => format!("wait {}", until.since(now()).as_secs() / 60),
            };
            format!("{:?}: {verdict}: {}", hold.gate, hold.why)
        })
        .collect()
}

#[track_caller]
fn check(facts: RiskFacts, expected: &[&str]) {
    let told = told(&facts);
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told} is not {expected}");
    }
}

fn in_minutes(minutes: u64) -> Option<Time> {
    Some(now() + Duration::from_secs(60 * minutes))
}

#[test]
fn nothing_known_holds_nothing() {
    check(RiskFacts { price_micros: 80_000, ..RiskFacts::default() }, &[]);
}

#[test]
fn caps_hold_from_their_limit_until_there_is_room() {
    check(RiskFacts { ip_hour: 4, ..RiskFacts::default() }, &[]);
    check(RiskFacts { ip_hour: 5, ip_frees_at: in_minutes(37), ..RiskFacts::default() }, &["Caps: wait 37"]);
    check(RiskFacts { ip_hour: 5, ..RiskFacts::default() }, &["Caps: wait 60"]);
    check(
        RiskFacts { phone_day_all_shops: 1, phone_frees_at: in_minutes(600), ..RiskFacts::default() },
        &["Caps: wait 600"],
    );
}

#[test]
fn neighbouring_numbers_are_held_until_a_person_looks() {
    check(RiskFacts { prefix_hour: 9, ..RiskFacts::default() }, &[]);
    check(RiskFacts { prefix_hour: 10, ..RiskFacts::default() }, &["Number: wait 60: too many texts to numbers"]);
    check(RiskFacts { prefix_paused: true, ..RiskFacts::default() }, &["Number: wait 60"]);
    check(RiskFacts { prefix_untapped: 299, country_untapped: 299, ..RiskFacts::default() }, &[]);
    check(
        RiskFacts { prefix_untapped: 300, ..RiskFacts::default() },
        &["Number: wait 60: nobody among the neighbours"],
    );
    check(RiskFacts { country_untapped: 300, ..RiskFacts::default() }, &["Number: wait 60: nobody in this country"]);
    check(RiskFacts { country_paused: true, ..RiskFacts::default() }, &["Number: wait 60"]);
}

#[test]
fn the_day_s_money_is_never_overspent() {
    let spent = |spent_today_micros, price_micros| RiskFacts {
        spent_today_micros,
        price_micros,
        day_ends_at: in_minutes(90),
        ..RiskFacts::default()
    };
    check(spent(99_920_000, 80_000), &[]);
    check(spent(99_920_001, 80_000), &["Caps: wait 90: this text would go over"]);
    check(spent(i64::MAX, i64::MAX), &["Caps: wait 90"]);
    // A price below nothing buys no room.
    check(spent(100_000_001, -80_000), &["Caps: wait 90"]);
    assert!(over_budget(0, 1, &Limits { spend_per_day_micros: 0, ..Limits::default() }));
}

#[test]
fn a_text_is_taken_to_cost_what_the_gateway_last_told() {
    let limits = Limits::default();
    assert_eq!(estimate(2, Some(41_500), &limits), 83_000);
    assert_eq!(estimate(2, None, &limits), 160_000);
    assert_eq!(estimate(0, None, &limits), 80_000);
    assert_eq!(estimate(3, Some(-5), &limits), 0);
    assert_eq!(estimate(u32::MAX, Some(i64::MAX), &limits), i64::MAX);
}

#[test]
fn the_breaker_opens_at_thrice_the_usual_and_not_below_its_floor() {
    #[track_caller]
    fn check(usual: u32, this_hour: u32, expected: bool) {
        assert_eq!(breaker(usual, this_hour, &Limits::default()), expected, "{usual} usual, {this_hour} now");
    }
    check(0, 99, false);
    check(20, 99, false);
    check(20, 100, true);
    check(20, 5_000, true);
    check(1_000, 2_999, false);
    check(1_000, 3_000, true);
    check(u32::MAX, u32::MAX - 1, false);
}

#[test]
fn what_stays_paused_is_done_once() {
    let acts_of = |facts: &RiskFacts| acts(facts, &Limits::default());
    let wild = RiskFacts { texts_this_hour: 100, prefix_hour: 10, country_untapped: 300, ..RiskFacts::default() };
    assert_eq!(acts_of(&wild), [Act::OpenBreaker, Act::PausePrefix, Act::PauseCountry]);
    let done = RiskFacts { breaker_open: true, prefix_paused: true, country_paused: true, ..wild };
    assert_eq!(acts_of(&done), []);
    check(done, &["Service: wait 60: far more", "Number: wait 60", "Number: wait 60"]);
    assert_eq!(acts_of(&RiskFacts { prefix_untapped: 300, ..RiskFacts::default() }), [Act::PausePrefix]);
    assert_eq!(acts_of(&RiskFacts { prefix_hour: 9, texts_this_hour: 99, ..RiskFacts::default() }), []);
}

#[test]
fn the_switch_holds_everything() {
    check(RiskFacts { halted: true, ..RiskFacts::default() }, &["Service: wait 60: all sending is stopped"]);
}

#[test]
fn what_is_nobody_s_is_stopped_and_tests_may_be_let_through() {
    let of = |suspect| RiskFacts { suspect: Some(suspect), ..RiskFacts::default() };
    check(of(Suspect::Bot), &["Cart: stop: made by a crawler"]);
    check(of(Suspect::TestMail), &["Cart: stop: its e-mail"]);
    check(of(Suspect::TestNumber), &["Number: stop: a number kept"]);
    let trying = Limits { allow_tests: true, ..Limits::default() };
    assert_eq!(judge(&of(Suspect::TestMail), &trying, now()), []);
    assert_eq!(judge(&of(Suspect::TestNumber), &trying, now()), []);
    assert_eq!(judge(&of(Suspect::Bot), &trying, now()).len(), 1);
    check(
        RiskFacts { oddities: vec![Oddity::NothingToPay, Oddity::TooQuick], ..RiskFacts::default() },
        &["Cart: stop: there is nothing to pay", "Cart: stop: made and left within seconds"],
    );
}

#[test]
fn facts_are_kept_and_read_again() {
    let facts = RiskFacts {
        suspect: Some(Suspect::Bot),
        oddities: vec![Oddity::TooMany],
        ip_frees_at: in_minutes(1),
        ..RiskFacts::default()
    };
    let kept = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<RiskFacts>(&kept).unwrap(), facts);
    assert_eq!(serde_json::from_str::<RiskFacts>("{}").unwrap(), RiskFacts::default());
}

proptest! {
    /// Whoever may send one text at a time, asked before each, never goes over any limit.
    #[test]
    fn asked_before_each_no_limit_is_passed(
        price in 1i64..500_000,
        most in 0i64..5_000_000,
        per_ip in 1u32..20,
        per_prefix in 1u32..20,
    ) {
        let limits =
            Limits { spend_per_day_micros: most, per_ip_hour: per_ip, per_prefix_hour: per_prefix, ..Limits::default() };
        let mut facts = RiskFacts { price_micros: price, ..RiskFacts::default() };
        for _ in 0..200 {
            if !judge(&facts, &limits, now()).is_empty() {
                break;
            }
            facts.spent_today_micros += price;
            facts.ip_hour += 1;
            facts.prefix_hour += 1;
        }
        prop_assert!(!judge(&facts, &limits, now()).is_empty());
        prop_assert!(facts.spent_today_micros <= most && facts.ip_hour <= per_ip && facts.prefix_hour <= per_prefix);
    }

    #[test]
    fn a_hold_never_passes_and_its_wait_lies_ahead(
        ip_hour in 0u32..9,
        frees in prop::option::of(0i64..4_000_000_000_000),
        halted: bool,
        spent in any::<i64>(),
    ) {
        let facts = RiskFacts {
            ip_hour,
            ip_frees_at: frees.map(Time::from_millis),
            halted,
            spent_today_micros: spent,
            ..RiskFacts::default()
        };
        for hold in holds(&facts) {
            match hold.verdict {
                Verdict::Pass => prop_assert!(false, "{hold:?}"),
                Verdict::Wait(until) => prop_assert!(until > now()),
                Verdict::Stop => {}
            }
        }
    }
}

//! The decision as a whole: whatever the country, the zones, the clock and the history, no text goes that must not. The
//! oracle here reads the law's rows by itself, one by one, on the wall clock of each zone; it shares no arithmetic with the
//! gates.

use jiff::{ToSpan, civil::Date};
use proptest::prelude::*;

use super::*;
use crate::domain::{
    consent::{Level, OutFact, Request, StandingName},
    holdout::{Arm, HoldoutFacts},
    holidays::Holidays,
    hours::Hours,
    law,
    time::{DAY, HOUR},
    zone::ZoneSource,
};

/// A stream of choices that a seed repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        let place = self.below(from.len() as u64) as usize;
        &from[place]
    }

    fn minutes(&mut self, most: u64) -> Duration {
        MINUTE * (self.below(most) as u32)
    }
}

const ZONES: &[&str] = &[
    "Europe/Ljubljana",
    "Europe/London",
    "Europe/Lisbon",
    "Atlantic/Canary",
    "America/New_York",
    "America/Chicago",
    "America/Phoenix",
    "America/Vancouver",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Pacific/Honolulu",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Australia/Perth",
    "Pacific/Auckland",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Asia/Singapore",
    "Africa/Casablanca",
    "America/Havana",
];

/// Nights on which clocks change, and public holidays.
const ODD_DAYS: &[&str] = &[
    "2026-03-08T07:00:00Z",
    "2026-03-29T01:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-04-06T08:00:00Z",
    "2026-07-14T08:00:00Z",
    "2026-10-03T15:30:00Z",
    "2026-10-25T01:00:00Z",
    "2026-11-01T06:00:00Z",
    "2026-11-26T15:00:00Z",
    "2026-12-25T10:00:00Z",
    "2027-01-01T00:00:00Z",
    "2027-03-28T01:00:00Z",
    "2027-05-01T09:00:00Z",
    "2027-07-05T12:00:00Z",
];

struct Scene {
    facts: Facts,
    rules: Rules,
    opted_out_at: Option<Time>,
    bought_at: Option<Time>,
}

fn some(dice: &mut Dice) -> Scene {
    let pack = law::current();
    let mut codes: Vec<String> = pack.countries().iter().map(|row| row.code.clone()).collect();
    codes.extend(["JP", "CH", "RE"].map(str::to_owned));
    let phone_country = dice.pick(&codes).clone();
    let address_country =
        (!dice.one_in(3)).then(|| if dice.one_in(4) { dice.pick(&codes).clone() } else { phone_country.clone() });
    let state_codes: Vec<String> = pack.states().iter().map(|row| row.code.clone()).collect();
    let states = (0..dice.below(3)).map(|_| dice.pick(&state_codes).clone()).collect();
    let odd: &&str = dice.pick(ODD_DAYS);
    let odd = Time::parse(odd).unwrap();
    let abandoned_at = if dice.one_in(2) {
        odd - DAY * 3 + dice.minutes(5 * 24 * 60)
    } else {
        Time::parse("2026-01-01T00:00:00Z").unwrap() + dice.minutes(2 * 365 * 24 * 60)
    };
    let mut names: Vec<String> = (0..1 + dice.below(3)).map(|_| (*dice.pick(ZONES)).to_owned()).collect();
    names.sort();
    names.dedup();
    let mut rules = Rules::default();
    if dice.one_in(2) {
        let own =
            ["mon-sun 00:00-24:00", "mon-fri 07:30-23:00", "sat-sun 10:00-12:00; no holidays", "mon-sun 06:00-09:30"];
        let chosen: Hours = dice.pick(&own).parse().unwrap();
        rules.hours = Some(chosen);
        if dice.one_in(2) {
            rules.country_hours.insert(phone_country.clone(), dice.pick(&own).parse().unwrap());
        }
    }
    rules.rest_hours = dice.below(40) as u32;
    rules.give_up_after_hours = 1 + dice.below(72) as u32;
    rules.countries = match dice.below(8) {
        0 => Vec::new(),
        1 => vec!["SI".into()],
        2 => vec![phone_country.clone()],
        _ => codes,
    };
    let standing = match dice.below(12) {
        0 => StandingName::Unknown,
        1 => StandingName::NeedsConfirmation,
        2 => StandingName::Unproven,
        3 => StandingName::Pending,
        _ => StandingName::Consented,
    };
    let before = |dice: &mut Dice, many: u64| {
        let mut moments: Vec<Time> =
            (0..dice.below(many)).map(|_| abandoned_at + HOUR * 24 - dice.minutes(35 * 24 * 60)).collect();
        moments.sort_unstable_by(|a, b| b.cmp(a));
        moments
    };
    let due_at = abandoned_at + dice.minutes(50 * 60);
    let facts = Facts {
        hand: Default::default(),
        restored: None,
        holdout: dice.one_in(4).then(|| HoldoutFacts {
            run: 3,
            percent: 10,
            arm: *dice.pick(&Arm::ALL),
            assigned_at: dice.one_in(4).then_some(abandoned_at),
        }),
        zone: "Europe/Ljubljana".into(),
        shop_country: "SI".into(),
        service: ServiceFacts {
            stopped: None,
            gateway: GatewayFact::Ready,
            two_way: !dice.one_in(6),
            alphanumeric: None,
            short_code: Some("36180".into()),
        },
        number: Ok(phone_country.clone()),
        whereabouts: Whereabouts { phone_country, address_country, states },
        zones: Zones { names, source: ZoneSource { phone: true, ..ZoneSource::default() } },
        consent: ConsentFacts {
            standing,
            level: Some(Level::Double),
            at: Some(abandoned_at - HOUR),
            source: Some("test".into()),
            required: Level::Double,
            asked_at: None,
            asked: 0,
            request: Some(Request::Ask),
            held_since: dice.one_in(40).then_some(abandoned_at),
            opted_out: None,
            ordered_at: None,
            idle_since: None,
        },
        cart: CartFacts {
            abandoned_at: Some(abandoned_at),
            active_at: abandoned_at - MINUTE * 30 + if dice.one_in(5) { dice.minutes(600) } else { Duration::ZERO },
            bought_at: None,
            gone: dice.one_in(50),
            recoverable: !dice.one_in(50),
            has_link: !dice.one_in(50),
            astray: dice.one_in(50).then(|| "leads elsewhere".to_owned()),
            pieces: Some(dice.below(20)),
        },
        step: StepFacts {
            sequence: "default".into(),
            number: 1,
            due_at,
            deadline_at: dice.one_in(2).then(|| due_at + dice.minutes(40 * 60)),
            closed: if dice.one_in(5) { Closed::Skip } else { Closed::Wait },
            left_out: None,
            made: None,
            discount: false,
        },
        caps: CapFacts {
            of_this_cart: dice.below(4).saturating_sub(2) as u32,
            reminders: if dice.one_in(2) { before(dice, 7) } else { Vec::new() },
            texts: if dice.one_in(3) { before(dice, 5) } else { Vec::new() },
            cool_down: None,
        },
        risk: RiskFacts { price_micros: 80_000, ..RiskFacts::default() },
        content: Some(ContentFacts {
            names_the_shop: true,
            has_link: true,
            has_opt_out: true,
            parts: 1,
            parts_most: 3,
            language: "en".into(),
            ..ContentFacts::default()
        }),
        leaving: true,
    };
    Scene {
        facts,
        rules,
        opted_out_at: dice.one_in(4).then(|| abandoned_at + dice.minutes(50 * 60)),
        bought_at: dice.one_in(4).then(|| abandoned_at + dice.minutes(50 * 60)),
    }
}

/// Whether hours, as they are printed, are open on a wall clock.
fn open_by_the_wall(hours: &Hours, weekday: usize, minute: u16, holiday: bool) -> bool {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let place = |name: &str| DAYS.iter().position(|day| *day == name).unwrap();
    let text = hours.to_string();
    if text == "never" || holiday && text.contains("no holidays") {
        return false;
    }
    text.split("; ").filter(|part| *part != "no holidays").any(|part| {
        let (days, window) = part.split_once(' ').unwrap();
        let (from, to) = window.split_once('-').unwrap();
        let clock = |text: &str| {
            let (hour, minute) = text.split_once(':').unwrap();
            hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
        };
        let named = days.split(',').any(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            (place(first)..=place(last)).contains(&weekday)
        });
        named && (clock(from)..clock(to)).contains(&minute)
    })
}

/// Every set of hours that has to be open, row by row.
fn all_hours(scene: &Scene, at: Time) -> (Vec<Hours>, Vec<String>) {
    let pack = law::current();
    let place = &scene.facts.whereabouts;
    let mut countries = vec![place.phone_country.clone()];
    countries.extend(place.address_country.clone());
    let own = scene.rules.hours_in(&place.phone_country);
    let mut all: Vec<Hours> = own.into_iter().copied().collect();
    let mut american = false;
    let mut take = |code: &str| match pack.row(code, at) {
        Some(row) => {
            all.extend(row.legal.as_ref().map(|bound| bound.hours));
            all.extend(row.usual.as_ref().filter(|_| own.is_none()).map(|bound| bound.hours));
            american |= row.code == "US";
        }
        None => all.push(pack.unlisted().hours),
    };
    for country in &countries {
        take(country);
    }
    for state in &place.states {
        take(state);
    }
    if american && !place.states.iter().any(|state| state.starts_with("US-")) {
        all.extend(pack.row(law::UNKNOWN_STATE, at).and_then(|row| row.legal.as_ref()).map(|bound| bound.hours));
    }
    (all, countries)
}

/// `margin` minutes are left to the carrier: after them it is open still or again.
fn open_everywhere(scene: &Scene, at: Time, margin: i64) -> Result<(), String> {
    let (all, countries) = all_hours(scene, at);
    let rows: Vec<String> =
        countries.iter().filter_map(|code| law::current().row(code, at)).map(|row| row.code.clone()).collect();
    let calendars: Vec<String> = countries.into_iter().chain(rows).collect();
    let calendar = Holidays::of(&calendars);
    for name in &scene.facts.zones.names {
        let now = hours::zone(name).unwrap().to_datetime(at.to_timestamp());
        for later in [0, margin] {
            let wall = now + later.minutes();
            let date: Date = wall.date();
            let weekday = wall.weekday().to_monday_zero_offset() as usize;
            let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
            for hours in &all {
                if !open_by_the_wall(hours, weekday, minute, calendar.on(date).is_some()) {
                    return Err(format!("{now} in {name} is outside {hours}, or is {later} minutes later"));
                }
            }
        }
    }
    Ok(())
}

/// Everything that must be true of a yes.
fn lawful(scene: &Scene, decision: &Decision, now: Time) -> Result<(), String> {
    let (facts, rules) = (&scene.facts, &scene.rules);
    let must = |well: bool, what: &str| if well { Ok(()) } else { Err(what.to_owned()) };
    let abandoned_at = facts.cart.abandoned_at.unwrap();
    let binding = law::current().binding(&facts.whereabouts, now);
    open_everywhere(scene, now, 10)?;
    let ends = expires_at(decision, now);
    must(ends > now, "no time left to deliver it")?;
    open_everywhere(scene, ends - Duration::from_millis(1), 0).map_err(|why| format!("when it expires: {why}"))?;
    must(scene.opted_out_at.is_none_or(|at| now < at), "after the opt-out")?;
    must(scene.bought_at.is_none_or(|at| now < at), "after the purchase")?;
    must(now < abandoned_at + HOUR * 48, "after 48 hours")?;
    must(now < abandoned_at + HOUR * rules.give_up_after_hours, "after the shop's own time")?;
    must(facts.step.deadline_at.is_none_or(|at| now < at && ends <= at), "after its step's deadline")?;
    must(now >= facts.cart.active_at + MINUTE * 30, "while the shopper is active")?;
    must(facts.consent.standing == StandingName::Consented, "without consent")?;
    must(facts.consent.held_since.is_none(), "although a reply waits to be read")?;
    let within = |moments: &[Time], span: Duration| moments.iter().filter(|&&at| at <= now && now < at + span).count();
    must(within(&facts.caps.reminders, DAY) < 1, "a second reminder in 24 hours")?;
    must(within(&facts.caps.reminders, HOUR * rules.rest_hours) < 1, "within the shop's own rest")?;
    must(within(&facts.caps.reminders, DAY * 30) < 4, "a fifth reminder in 30 days")?;
    must(within(&facts.caps.texts, DAY) < 3, "a fourth text in 24 hours")?;
    must(binding.caps.per_cart.is_none_or(|most| facts.caps.of_this_cart < most), "more texts than one cart may have")?;
    let country = facts.number.as_ref().unwrap();
    must(
        if rules.countries.is_empty() { country == "SI" } else { rules.countries.contains(country) },
        "to a country nobody enabled",
    )?;
    must(!binding.two_way_required || facts.service.two_way, "from a sender that cannot be answered")?;
    must(!facts.cart.gone && facts.cart.recoverable && facts.cart.has_link, "for a cart that is none")?;
    must(facts.cart.astray.is_none(), "with a link that leads nowhere")?;
    must(facts.cart.pieces != Some(0), "for an empty cart")
}

const CASES: u32 = 100_000;

#[test]
fn no_text_goes_that_must_not() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(CASES)
    });
    let (sent, waited) = (std::cell::Cell::new(0_u32), std::cell::Cell::new(0_u32));
    let outcome = runner.run(&any::<u64>(), |seed| {
        let mut scene = some(&mut Dice(seed));
        let mut now = scene.facts.step.due_at;
        // From one wait to the next, as the worker goes.
        for _ in 0..12 {
            scene.facts.cart.bought_at = scene.bought_at.filter(|&at| at <= now);
            let out = scene.opted_out_at.filter(|&at| at <= now);
            scene.facts.consent.opted_out = out.map(|at| OutFact { at, source: "reply".into() });
            let decision = decide(&scene.facts, &scene.rules, law::current(), now);
            match decision.verdict {
                Verdict::Pass => {
                    sent.set(sent.get() + 1);
                    if let Err(why) = lawful(&scene, &decision, now) {
                        return Err(TestCaseError::fail(format!("seed {seed} at {now}: {why}\n{:#?}", scene.facts)));
                    }
                    break;
                }
                Verdict::Wait(until) => {
                    waited.set(waited.get() + 1);
                    prop_assert!(until >= now, "seed {seed} waits until {until} at {now}");
                    now = until.max(now + MINUTE);
                }
                Verdict::Stop => break,
            }
        }
        Ok(())
    });
    outcome.unwrap();
    // It has to have had something to find.
    assert!(sent.get() > CASES / 20 && waited.get() > CASES / 8, "{} sent, {} waits", sent.get(), waited.get());
}

#[test]
fn a_decision_is_made_again_from_what_was_kept() {
    for seed in 0..500 {
        let scene = some(&mut Dice(seed));
        let now = scene.facts.step.due_at;
        let made = decide(&scene.facts, &scene.rules, law::current(), now);
        let facts: Facts = serde_json::from_str(&serde_json::to_string(&scene.facts).unwrap()).unwrap();
        let rules = Rules::restored(&serde_json::to_string(&scene.rules).unwrap()).unwrap();
        let pack = Pack::read(law::current().text()).unwrap();
        assert_eq!(decide(&facts, &rules, &pack, now), made, "seed {seed}");
        let asked = |name: &GateName| *name != GateName::Holdout || facts.holdout.is_some();
        let names: Vec<_> = GateName::ALL.into_iter().filter(asked).collect();
        assert_eq!(made.gates.iter().map(|gate| gate.gate).collect::<Vec<_>>(), names);
    }
}

#[test]
fn decisions_of_older_versions_are_read() {
    let old = r#"{"gates":[{"gate":"open","verdict":{"is":"pass"},"why":"a"},{"gate":"rest","verdict":{"is":"wait","at":5},
        "why":"b"},{"gate":"hours","verdict":{"is":"stop"},"why":"c"}],"verdict":{"is":"stop"},"closes_at":null}"#;
    let read: Decision = serde_json::from_str(old).unwrap();
    let gates: Vec<_> = read.gates.iter().map(|gate| gate.gate).collect();
    assert_eq!(gates, [GateName::Cart, GateName::Caps, GateName::Time]);
}

#[test]
fn both_arms_are_found_eligible_alike_and_the_one_held_out_is_never_written_to() {
    let (mut eligible, mut held) = (0, 0);
    for seed in 0..3_000 {
        let mut scene = some(&mut Dice(seed));
        let now = scene.facts.step.due_at;
        let mut of = |arm: Option<Arm>| {
            let facts = |arm| HoldoutFacts { run: 3, percent: 10, arm, assigned_at: None };
            scene.facts.holdout = arm.map(facts);
            decide(&scene.facts, &scene.rules, law::current(), now)
        };
        let [nobody, texted, apart] = [None, Some(Arm::Texted), Some(Arm::Held)].map(&mut of);
        assert_eq!((nobody.is_eligible(), nobody.is_eligible()), (texted.is_eligible(), apart.is_eligible()), "{seed}");
        assert_eq!((nobody.verdict, nobody.confirm), (texted.verdict, texted.confirm), "{seed}");
        assert!(nobody.verdict != Verdict::Pass && nobody.confirm.is_none() || nobody.is_eligible(), "{seed}");
        if apart.is_eligible() {
            eligible += 1;
            held += u32::from(apart.reason().is_some_and(|gate| gate.gate == GateName::Holdout));
            assert_eq!((apart.verdict, apart.confirm, apart.ends_the_cart()), (Verdict::Stop, None, true), "{seed}");
        } else {
            assert_eq!(apart.verdict, nobody.verdict, "{seed}: what is not eligible is decided as without");
        }
    }
    assert!(eligible > 300 && held > 200, "{eligible} eligible, {held} held out");
}

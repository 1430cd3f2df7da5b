//! What the intervals promise, held against simulated shops whose truth is known.
//!
//! `CARTBACK_SIMULATED_SHOPS` says how many shops are simulated, 1,000 without it.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    holdout::{Arm, arm},
    id::ShopId,
    seal::ShopKeys,
};

fn shops() -> u64 {
    std::env::var("CARTBACK_SIMULATED_SHOPS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// A shop that never was: what its people would do is known.
struct Simulated {
    chance: Chance,
    /// With keys, people are assigned as a real shop assigns them. That is slow, so one shop in ten does; the others draw
    /// with the same odds, and that both are alike is proved where assignment is.
    keys: Option<ShopKeys>,
    people: u64,
    percent: u32,
    /// How likely somebody buys who is not texted, and who is.
    anyway: f64,
    texted: f64,
    /// What they spend on average, in cents.
    basket: f64,
}

impl Simulated {
    fn new(seed: u64, people: (u64, u64), lift_most: f64) -> Simulated {
        let mut chance = Chance::new(seed);
        let key: [u8; 32] = std::array::from_fn(|_| chance.number() as u8);
        let between = |chance: &mut Chance, low: f64, high: f64| low + (high - low) * chance.unit();
        let anyway = between(&mut chance, 0.03, 0.15);
        Simulated {
            keys: seed.is_multiple_of(10).then(|| ShopKeys::new(ShopId::new(seed as i64 + 1), vec![(1, key)]).unwrap()),
            people: people.0 + chance.below(people.1 - people.0),
            percent: 5 + chance.below(16) as u32,
            anyway,
            texted: anyway + between(&mut chance, 0.0, lift_most),
            basket: between(&mut chance, 2_000.0, 12_000.0),
            chance,
        }
    }

    /// What each person spends, in cents, half of them more than two thirds of the average: few spend much.
    fn amount(&mut self) -> f64 {
        (self.basket * (0.3 - 0.7 * (1.0 - self.chance.unit()).ln())).round()
    }

    /// People are drawn, assigned as the shop would, and buy as they are.
    fn play(&mut self) -> [(Share, Vec<f64>); 2] {
        let mut arms = [(Share::default(), Vec::new()), (Share::default(), Vec::new())];
        for _ in 0..self.people {
            let found = match &self.keys {
                Some(keys) => {
                    let mut person = [0; 16];
                    person[..8].copy_from_slice(&self.chance.number().to_be_bytes());
                    arm(keys, &person, self.percent)
                }
                None if self.chance.unit() * 100.0 < f64::from(self.percent) => Arm::Held,
                None => Arm::Texted,
            };
            let likely = if found == Arm::Texted { self.texted } else { self.anyway };
            let buys = self.chance.unit() < likely;
            let of = &mut arms[usize::from(found == Arm::Held)];
            of.0.of += 1;
            if buys {
                of.0.hits += 1;
                of.1.push(self.amount());
            }
        }
        arms
    }
}

fn covered(hits: u64, of: u64, what: &str) {
    let rate = hits as f64 / of as f64;
    println!("{what}: {hits} of {of} intervals hold the truth, {:.1} %", rate * 100.0);
    assert!((0.93..=0.97).contains(&rate), "{what}: {rate}");
}

#[test]
fn over_simulated_shops_the_interval_of_orders_holds_the_true_lift_as_often_as_it_says() {
    let mut hits = 0;
    for seed in 0..shops() {
        let mut shop = Simulated::new(seed, (300, 1_500), 0.08);
        let [(texted, _), (held, _)] = shop.play();
        let truth = shop.texted - shop.anyway;
        hits += u64::from(newcombe(texted, held).is_some_and(|found| found.contains(truth)));
    }
    covered(hits, shops(), "orders");
}

#[test]
fn over_simulated_shops_the_interval_of_money_holds_the_true_lift_as_often_as_it_says() {
    let (mut hits, mut asked) = (0, 0);
    for seed in 0..shops() {
        let mut shop = Simulated::new(seed + 50_000, (600, 2_400), 0.08);
        let [(texted, spent), (held, anyway)] = shop.play();
        if held.hits < crate::domain::lift::BUYERS_LEAST {
            continue;
        }
        let truth = (shop.texted - shop.anyway) * shop.basket;
        let (a, b) = (Sample::new(texted.of, spent), Sample::new(held.of, anyway));
        asked += 1;
        hits += u64::from(a.difference(&b, seed, 500).is_some_and(|found| found.contains(truth)));
    }
    covered(hits, asked, "money");
}

#[test]
fn who_looks_every_day_at_texts_that_do_nothing_is_hardly_ever_told_they_do_something() {
    let (days, a_day) = (60, 40);
    let (mut peeking, mut once) = (0, 0);
    for seed in 0..shops() {
        let mut chance = Chance::new(seed + 90_000);
        let (rate, share) = (0.03 + 0.12 * chance.unit(), 0.05 + 0.15 * chance.unit());
        let [mut texted, mut held] = [Share::default(); 2];
        let (mut called, mut fooled) = (false, false);
        for _ in 0..days {
            for _ in 0..a_day {
                let of = if chance.unit() < share { &mut held } else { &mut texted };
                of.of += 1;
                of.hits += u64::from(chance.unit() < rate);
            }
            if crate::domain::lift::is_enough(texted, held) {
                let estimate = texted.rate() - held.rate();
                let safe = always_valid(estimate, variance_of(texted, held), crate::domain::lift::SCALE);
                called |= safe.is_gain() || safe.is_loss();
                fooled |= newcombe(texted, held).is_some_and(|found| found.is_gain() || found.is_loss());
            }
        }
        peeking += u64::from(called);
        once += u64::from(fooled);
    }
    let rate = |found: u64| found as f64 / shops() as f64;
    println!("called by chance: {peeking} of {}; by an interval for one look: {once}", shops());
    assert!(rate(peeking) <= 0.05, "{}", rate(peeking));
    assert!(rate(once) > 0.10, "an interval for one look fools who peeks, or this test proves nothing");
}

#[test]
fn a_true_lift_is_found_with_about_the_people_it_was_said_to_take() {
    let (anyway, texted, share) = (0.08, 0.12, 0.2);
    let per_person = anyway * (1.0 - anyway) / share + texted * (1.0 - texted) / (1.0 - share);
    let people = people_needed(texted - anyway, per_person, crate::domain::lift::SCALE).unwrap();
    let found = (0..300).filter(|&seed| {
        let mut chance = Chance::new(seed);
        let held = (people as f64 * share) as u64;
        let (a, b) = (chance.hits(people - held, texted), chance.hits(held, anyway));
        let (a, b) = (Share::new(a, people - held), Share::new(b, held));
        always_valid(a.rate() - b.rate(), variance_of(a, b), crate::domain::lift::SCALE).is_gain()
    });
    let found = found.count();
    println!("{people} people show a lift of four points in {found} of 300 shops");
    assert!((215..=265).contains(&found), "{found} of 300, not about 240");
    assert_eq!(people_needed(0.0, per_person, 0.05), None);
}

#[test]
fn the_intervals_are_those_of_the_papers() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 0.00005, "{a} is not {b}");
    // Newcombe 1998, table II, method 10.
    for (a, of_a, b, of_b, low, high) in [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
    ] {
        let found = newcombe(Share::new(a, of_a), Share::new(b, of_b)).unwrap();
        near(found.low, low);
        near(found.high, high);
    }
    // 62 apart of 1,062 is a chi-square of 3.62.
    assert!((split(500, 562, 0.5) - 0.0572).abs() < 0.001, "{}", split(500, 562, 0.5));
    assert!(split(9_000, 1_000, 0.9) > 0.99 && split(9_000, 800, 0.9) < SPLIT_ALARM);
    assert_eq!((split(0, 0, 0.9), split_of(&[(4, 1.0)])), (1.0, 1.0));
}

#[test]
fn hits_are_drawn_as_often_as_they_are_likely() {
    for (of, probability) in [(50, 0.02), (400, 0.05), (3_000, 0.3), (200, 0.97), (10, 0.0), (10, 1.0)] {
        let mut chance = Chance::new(of);
        let draws: Vec<f64> = (0..4_000).map(|_| chance.hits(of, probability) as f64).collect();
        let mean = draws.iter().sum::<f64>() / 4_000.0;
        let variance = draws.iter().map(|drawn| (drawn - mean).powi(2)).sum::<f64>() / 4_000.0;
        let (expected, spread) = (of as f64 * probability, of as f64 * probability * (1.0 - probability));
        assert!((mean - expected).abs() <= 4.0 * (spread / 4_000.0).sqrt(), "{of} {probability}: {mean}");
        assert!((variance - spread).abs() <= 0.12 * spread, "{of} {probability}: {variance}");
    }
}

proptest! {
    #[test]
    fn intervals_stay_within_what_is_possible_and_hold_the_estimate(a: u32, b: u32, of_a: u32, of_b: u32) {
        let (a, b) = (Share::new(a.into(), of_a.into()), Share::new(b.into(), of_b.into()));
        let one = wilson(a);
        prop_assert!(0.0 <= one.low && one.low <= a.rate() && a.rate() <= one.high && one.high <= 1.0);
        if let Some(both) = newcombe(a, b) {
            let difference = a.rate() - b.rate();
            prop_assert!(-1.0 <= both.low && both.high <= 1.0);
            prop_assert!(both.low <= difference + 1e-12 && difference <= both.high + 1e-12);
            let turned = newcombe(b, a).unwrap();
            prop_assert!((turned.low + both.high).abs() < 1e-12 && (turned.high + both.low).abs() < 1e-12);
        }
    }

    #[test]
    fn a_safe_interval_is_wider_than_one_for_a_single_look(estimate in -1.0..1.0f64, variance in 1e-8..1.0f64, scale in 0.001..1.0f64) {
        let safe = always_valid(estimate, variance, scale);
        prop_assert!(safe.high - safe.low >= 2.0 * Z_95 * variance.sqrt());
        prop_assert!(safe.contains(estimate));
    }

    #[test]
    fn money_is_the_same_each_time_and_turns_its_sign_with_the_arms(
        some in prop::collection::vec(1.0..1e6f64, 1..40), other in prop::collection::vec(1.0..1e6f64, 0..40), seed: u64
    ) {
        let (a, b) = (Sample::new(100, some), Sample::new(60, other));
        let found = a.difference(&b, seed, 200).unwrap();
        prop_assert_eq!(Some(found), a.difference(&b, seed, 200));
        prop_assert!(found.contains(a.mean() - b.mean()));
        prop_assert!(found.low.is_finite() && found.high.is_finite());
    }
}

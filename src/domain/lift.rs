//! Lift: what the texts really earned. People who may be texted against those who are deliberately not, judged by what
//! each bought after their first eligible cart, whether a text was tapped or not. Pure: counts and amounts in, figures with
//! intervals and a careful word out.
//!
//! - **Orders** are people who ordered at least once within the horizon; an order taken back by its end is none.
//! - **Money** is what they paid, less what went back by the end of the horizon, per currency. Never converted here.
//! - **Cost** is what the texts to them cost in that time, where the gateway told.
//! - A figure is only *called* by the interval that holds for who looks every day ([`stats::always_valid`]); what is shown
//!   beside it, as 95 %, is the narrower one of a single look.

use serde::{Deserialize, Serialize};

use super::{
    money::Currency,
    stats::{self, Interval, SPLIT_ALARM, Sample, Share},
};

/// About how large a difference in orders per person is expected, for the width of the safe interval: five points.
pub const SCALE: f64 = 0.05;
/// People each arm must have, and buyers both together, before anything is said.
pub const PEOPLE_LEAST: u64 = 50;
const ORDERS_LEAST: u64 = 20;
/// Buyers the smaller arm must have before money is told with an interval: with fewer, one large basket decides.
pub const BUYERS_LEAST: u64 = 10;
/// The least difference worth waiting for: a point, or a quarter of what happens anyway.
const DIFFERENCE_LEAST: f64 = 0.01;
const DIFFERENCE_SHARE: f64 = 0.25;

/// What is known of one horizon, of people for whom it is over.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub days: u32,
    /// People who ordered, of people.
    pub texted: Share,
    pub held: Share,
    pub purses: Vec<Purse>,
    /// What texts to the texted cost: currency and millionths.
    pub costs: Vec<(Currency, i64)>,
}

/// What was paid in one currency, in its minor units: one amount for each person who paid.
#[derive(Clone, Debug)]
pub struct Purse {
    pub currency: Currency,
    pub texted: Vec<i64>,
    pub held: Vec<i64>,
}

/// What can be said of one horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lift {
    pub days: u32,
    pub texted: Share,
    pub held: Share,
    /// `None` while an arm is empty.
    pub orders: Option<Orders>,
    pub money: Vec<Money>,
    pub costs: Vec<(Currency, i64)>,
    pub call: Call,
    /// About how many more eligible people it takes until a difference worth knowing shows; `None` once one was called.
    pub more: Option<u64>,
}

/// Orders that came of texting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// Of the texted, more than would have ordered anyway.
    pub extra: f64,
    /// 95 %, for one look.
    pub interval: Interval,
    /// 95 %, whenever and however often one looks.
    pub safe: Interval,
}

/// Money that came of texting, in one currency's minor units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Money {
    pub currency: Currency,
    /// What the people of each arm paid.
    pub texted: i64,
    pub held: i64,
    /// From all the texted together, more than they would have paid anyway.
    pub extra: i64,
    /// 95 %, for one look; `None` while the smaller arm has too few buyers.
    pub interval: Option<(i64, i64)>,
    /// What the texts cost in this currency; what is charged in another stands apart.
    pub cost: i64,
}

impl Money {
    /// What is left of it after the texts were paid, with its interval.
    pub fn gain(&self) -> (i64, Option<(i64, i64)>) {
        let less = |amount: i64| amount.saturating_sub(self.cost);
        (less(self.extra), self.interval.map(|(low, high)| (less(low), less(high))))
    }
}

/// What may be said without being wrong more than once in twenty, however often it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// The two arms are not as large as they were drawn: people are lost on one side, and no figure can be believed.
    Broken,
    /// Not enough data yet to say anything.
    TooFew,
    /// Enough to look, and no difference has shown.
    NotShown,
    /// Texts bring orders.
    Earns,
    /// Texts cost orders.
    Loses,
}

impl Call {
    pub fn name(self) -> &'static str {
        match self {
            Call::Broken => "broken",
            Call::TooFew => "too_few",
            Call::NotShown => "not_shown",
            Call::Earns => "earns",
            Call::Loses => "loses",
        }
    }
}

/// A run with everything that can be said of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub run: u64,
    pub percent: u32,
    /// People found eligible so far, in each arm.
    pub texted: u64,
    pub held: u64,
    /// How likely a split at least as uneven is.
    pub split: f64,
    /// By horizon, shortest first.
    pub lifts: Vec<Lift>,
}

impl Report {
    pub fn of(run: u64, percent: u32, (texted, held): (u64, u64), facts: &[Facts]) -> Report {
        let split = stats::split(held, texted, f64::from(percent) / 100.0);
        let seed = |facts: &Facts| run.wrapping_mul(1_000_003).wrapping_add(u64::from(facts.days));
        let lifts = facts.iter().map(|facts| lift(facts, split < SPLIT_ALARM, seed(facts))).collect();
        Report { run, percent, texted, held, split, lifts }
    }

    pub fn is_broken(&self) -> bool {
        self.split < SPLIT_ALARM
    }

    pub fn lift(&self, days: u32) -> Option<&Lift> {
        self.lifts.iter().find(|lift| lift.days == days)
    }
}

/// Whether there is enough for the normal law to hold, and so for a call.
pub fn is_enough(a: Share, b: Share) -> bool {
    a.of >= PEOPLE_LEAST && b.of >= PEOPLE_LEAST && a.hits + b.hits >= ORDERS_LEAST
}

fn lift(facts: &Facts, broken: bool, seed: u64) -> Lift {
    let Facts { days, texted, held, .. } = *facts;
    let variance = stats::variance_of(texted, held);
    let difference = texted.rate() - held.rate();
    let people = texted.of as f64;
    let orders = stats::newcombe(texted, held).map(|once| Orders {
        extra: difference * people,
        interval: once.times(people),
        safe: stats::always_valid(difference, variance, SCALE).times(people),
    });
    let call = match orders {
        _ if broken => Call::Broken,
        Some(orders) if is_enough(texted, held) => match orders.safe {
            safe if safe.is_gain() => Call::Earns,
            safe if safe.is_loss() => Call::Loses,
            _ => Call::NotShown,
        },
        _ => Call::TooFew,
    };
    Lift {
        days,
        texted,
        held,
        orders,
        money: facts.purses.iter().map(|purse| money(facts, purse, seed)).collect(),
        costs: facts.costs.clone(),
        call,
        more: matches!(call, Call::TooFew | Call::NotShown).then(|| more(texted, held)).flatten(),
    }
}

fn money(facts: &Facts, purse: &Purse, seed: u64) -> Money {
    let sample = |of: u64, amounts: &[i64]| Sample::new(of, amounts.iter().map(|amount| *amount as f64));
    let (texted, held) = (sample(facts.texted.of, &purse.texted), sample(facts.held.of, &purse.held));
    let people = facts.texted.of as f64;
    let minor = |amount: f64| (amount * people).round() as i64;
    let buyers = purse.texted.len().min(purse.held.len()) as u64;
    let interval = (buyers >= BUYERS_LEAST).then(|| texted.difference(&held, seed, stats::DRAWS)).flatten();
    let sum = |amounts: &[i64]| amounts.iter().fold(0i64, |sum, amount| sum.saturating_add(*amount));
    let extra = if facts.held.of == 0 { 0 } else { minor(texted.mean() - held.mean()) };
    let cost = facts.costs.iter().filter(|(currency, _)| *currency == purse.currency);
    let cost = cost.map(|(currency, micros)| of_micros(*currency, *micros)).sum();
    Money {
        currency: purse.currency,
        texted: sum(&purse.texted),
        held: sum(&purse.held),
        extra,
        interval: interval.map(|found| (minor(found.low), minor(found.high))),
        cost,
    }
}

/// Millionths of a currency's unit in its minor units, rounded.
pub fn of_micros(currency: Currency, micros: i64) -> i64 {
    let scale = 10i64.pow(6u32.saturating_sub(currency.digits()));
    micros.saturating_add(scale / 2).div_euclid(scale)
}

/// About how many more people, in both arms as they are split now.
fn more(texted: Share, held: Share) -> Option<u64> {
    let people = texted.of + held.of;
    let apart = if held.of == 0 { 0.1 } else { held.of as f64 / people as f64 };
    let base = (texted.hits + held.hits + 1) as f64 / (people + 2) as f64;
    let seen = if is_enough(texted, held) { (texted.rate() - held.rate()).abs() } else { 0.0 };
    let difference = seen.max(base * DIFFERENCE_SHARE).max(DIFFERENCE_LEAST);
    let per_person = base * (1.0 - base) * (1.0 / apart + 1.0 / (1.0 - apart).max(0.01));
    let needed = stats::people_needed(difference, per_person, SCALE)?;
    // When it should have shown by now and did not, the difference is smaller than it looks: as many again.
    Some(if needed > people { needed - people } else { people.max(PEOPLE_LEAST) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    fn facts(texted: (u64, u64), held: (u64, u64)) -> Facts {
        Facts {
            days: 14,
            texted: Share::new(texted.0, texted.1),
            held: Share::new(held.0, held.1),
            purses: vec![Purse {
                currency: eur(),
                texted: vec![5_000; texted.0 as usize],
                held: vec![5_000; held.0 as usize],
            }],
            costs: vec![(eur(), 75_000_000)],
        }
    }

    fn told(texted: (u64, u64), held: (u64, u64)) -> Lift {
        let facts = facts(texted, held);
        Report::of(3, 10, (texted.1, held.1), &[facts]).lifts.remove(0)
    }

    #[test]
    fn a_clear_lift_is_called_with_its_money_after_cost() {
        let lift = told((1_800, 18_000), (100, 2_000));
        assert_eq!((lift.call, lift.more), (Call::Earns, None));
        let orders = lift.orders.unwrap();
        assert!((orders.extra - 900.0).abs() < 1e-9, "of 18,000 five in a hundred more");
        assert!(orders.safe.low > 0.0 && orders.safe.low < orders.interval.low && orders.interval.low < 900.0);
        let money = lift.money[0];
        assert_eq!((money.texted, money.held, money.extra, money.cost), (9_000_000, 500_000, 4_500_000, 7_500));
        let (gain, interval) = money.gain();
        assert_eq!(gain, 4_492_500);
        assert!(interval.is_some_and(|(low, high)| low > 0 && low < gain && gain < high));
    }

    #[test]
    fn noise_is_not_called_and_says_how_much_is_missing() {
        let few = told((12, 120), (1, 13));
        assert_eq!(few.call, Call::TooFew);
        assert!(few.more.is_some_and(|more| (1_000..200_000).contains(&more)), "{:?}", few.more);
        assert_eq!(few.money[0].interval, None, "one buyer is no interval");
        let same = told((180, 1_800), (19, 200));
        assert_eq!(same.call, Call::NotShown);
        assert!(same.more.is_some_and(|more| more > 500));
        let none = told((0, 0), (0, 0));
        assert_eq!((none.call, none.orders.is_none(), none.money[0].extra), (Call::TooFew, true, 0));
    }

    #[test]
    fn what_an_interval_for_one_look_would_claim_is_not_called() {
        let lift = told((190, 1_800), (12, 200));
        let orders = lift.orders.unwrap();
        assert!(orders.interval.is_gain() && !orders.safe.is_gain());
        assert_eq!(lift.call, Call::NotShown);
    }

    #[test]
    fn texts_that_drive_people_off_are_told_so_and_lost_people_break_it() {
        assert_eq!(told((60, 1_800), (30, 200)).call, Call::Loses);
        let lost = Report::of(3, 10, (1_800, 100), &[facts((180, 1_800), (5, 100))]);
        assert!(lost.is_broken() && lost.lifts[0].call == Call::Broken);
    }

    #[test]
    fn millionths_become_minor_units() {
        let yen = Currency::parse("JPY").unwrap();
        for (currency, micros, minor) in [(eur(), 75_000, 8), (eur(), 74_000, 7), (yen, 1_500_000, 2), (eur(), 0, 0)] {
            assert_eq!(of_micros(currency, micros), minor, "{micros}");
        }
    }
}

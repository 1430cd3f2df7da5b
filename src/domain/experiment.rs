//! Experiments: two or more ways of saying a step of a sequence, against each other, on people drawn by chance. Pure: the
//! arms and what they change, and what may be said of them; who is in which arm is [`super::holdout::weighed`].
//!
//! What must hold:
//! - A person's arm is drawn once, by a keyed hash of their number and the experiment, and stays theirs.
//! - A person enters when their first cart of the sequence was found eligible at its **abandonment**, before any arm has
//!   made a difference; what then became of the text does not take them out (intention to treat). Entering when a step
//!   falls due would not do: of two delays the longer one loses those who bought meanwhile.
//! - Only people whose days are over are counted, each by the same number of days.
//! - A difference is called, and an arm stopped, only by intervals that hold however often one looks
//!   ([`super::stats::always_valid_at`]: the mixture sequential probability ratio test turned around; Robbins 1970; Johari,
//!   Koomen, Pekelis and Walsh 2022). With several arms each is compared with the first, the error shared out among them
//!   (Bonferroni), so that all calls of one experiment together are wrong at most one time in twenty.

use serde::{Deserialize, Serialize};

use super::{
    discount::{self, Off, Plan as Code},
    lift::is_enough,
    money::Currency,
    sequence::{Discount, Sequence},
    stats::{self, ALPHA, Interval, SPLIT_ALARM, Sample, Share},
};

pub const ARMS_LEAST: usize = 2;
pub const ARMS_MOST: usize = 5;
const NAME_CHARS_MAX: usize = 64;
const WEIGHT_MOST: u32 = 100;

/// About how large a difference is expected: five points. Of opt-outs and refunds too, though theirs are smaller: an interval
/// made for one point sees half of an arm leave only after a hundred and fifty people, and gains little on small ones.
const SCALE: f64 = 0.05;
/// A guard rail needs so many people in an arm before it may stop it.
const GUARD_PEOPLE_LEAST: u64 = 50;
/// The least difference worth waiting for, as a share of what the first arm does, and at least a point.
const DIFFERENCE_SHARE: f64 = 0.25;
const DIFFERENCE_LEAST: f64 = 0.01;
/// Buyers each of two arms must have before their money is compared.
const BUYERS_LEAST: usize = 10;

/// What an arm is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The micro one: somebody tapped a text of the cart.
    Tap,
    /// The macro one: somebody ordered, texted or not, tapped or not.
    Order,
}

impl Goal {
    pub const ALL: [Goal; 2] = [Goal::Tap, Goal::Order];

    pub fn name(self) -> &'static str {
        match self {
            Goal::Tap => "tap",
            Goal::Order => "order",
        }
    }

    /// Days after entering within which it counts.
    pub fn days(self) -> u32 {
        match self {
            Goal::Tap => 3,
            Goal::Order => 7,
        }
    }
}

/// What an arm does otherwise than the step as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Nothing,
    /// These words in every language.
    Words(String),
    /// Minutes from abandonment.
    After(u32),
    NoDiscount,
    Discount(Discount),
}

impl Change {
    /// As people type it: a kind and its value.
    pub fn typed(kind: &str, value: &str) -> Result<Change, String> {
        let number = |what: &str| value.trim().parse::<u32>().map_err(|_| format!("{what} must be a whole number"));
        match kind.trim() {
            "words" => Ok(Change::Words(value.to_owned())),
            "after" => Ok(Change::After(number("minutes")?)),
            "no-discount" => Ok(Change::NoDiscount),
            "discount" => Ok(Change::Discount(Discount::Unique(Code {
                off: Off::Percent(number("per cent")?),
                minimum: None,
                expires_hours: DISCOUNT_HOURS,
                cool_down_days: discount::cool_down_days(),
                alone: true,
            }))),
            _ => Err("a change is after, words, discount or no-discount".to_owned()),
        }
    }
}

/// How long the code of a discount arm is good.
const DISCOUNT_HOURS: u32 = 72;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    pub name: String,
    /// Its share of people, against the weights of the others: 1 to 100.
    pub weight: u32,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub name: String,
    /// The id of the sequence, and the number of its step, 1 the first.
    pub sequence: String,
    pub step: u32,
    pub goal: Goal,
    /// The first is what the others are compared with, and changes nothing.
    pub arms: Vec<Arm>,
}

impl Plan {
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let named = |name: &str| (1..=NAME_CHARS_MAX).contains(&name.trim().chars().count());
        if !named(&self.name) {
            problems.push(format!("name: must be 1 to {NAME_CHARS_MAX} characters"));
        }
        if !(ARMS_LEAST..=ARMS_MOST).contains(&self.arms.len()) {
            problems.push(format!("arms: must be {ARMS_LEAST} to {ARMS_MOST}"));
        }
        for (at, arm) in self.arms.iter().enumerate() {
            if !named(&arm.name) || self.arms.iter().take(at).any(|other| other.name == arm.name) {
                problems.push(format!("arms: each needs a name of its own, of 1 to {NAME_CHARS_MAX} characters"));
            }
            if !(1..=WEIGHT_MOST).contains(&arm.weight) {
                problems.push(format!("weight: must be 1 to {WEIGHT_MOST}"));
            }
            if (at == 0) != (arm.change == Change::Nothing) {
                problems.push("arms: the first changes nothing, every other something".to_owned());
            }
        }
        problems.dedup();
        problems
    }

    pub fn weights(&self) -> Vec<u32> {
        self.arms.iter().map(|arm| arm.weight).collect()
    }

    /// What the arms are drawn by, besides the person.
    pub fn salt(id: i64) -> String {
        format!("experiment {id}")
    }
}

/// Writes what an arm changes into a sequence. A step that is not there any more stays away.
pub fn apply(sequence: &mut Sequence, step: u32, change: &Change) {
    let place = usize::try_from(step).ok().and_then(|step| step.checked_sub(1));
    let Some(step) = place.and_then(|place| sequence.steps.get_mut(place)) else { return };
    match change {
        Change::Nothing => {}
        Change::Words(text) => step.texts = [(String::new(), text.clone())].into(),
        Change::After(minutes) => step.after_minutes = *minutes,
        Change::NoDiscount => step.discount = None,
        Change::Discount(discount) => step.discount = Some(discount.clone()),
    }
}

/// What is known of an arm.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Everybody who entered, and those whose days are over.
    pub people: u64,
    pub counted: u64,
    /// Of the counted: who reached the goal, who opted out, who got something back.
    pub hits: u64,
    pub opted_out: u64,
    pub refunded: u64,
    /// What each buyer among the counted paid net, in minor units, per currency.
    pub purses: Vec<(Currency, Vec<i64>)>,
    /// What their texts cost, in millionths, and what the texts' codes took off, in minor units.
    pub costs: Vec<(Currency, i64)>,
    pub discounts: Vec<(Currency, i64)>,
    /// A guard rail or a person took it out.
    pub stopped: bool,
}

/// What may be said of an arm beside the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// People are lost on one side: no figure can be believed.
    Broken,
    TooFew,
    NotShown,
    Better,
    Worse,
}

impl Call {
    pub fn name(self) -> &'static str {
        match self {
            Call::Broken => "broken",
            Call::TooFew => "too_few",
            Call::NotShown => "not_shown",
            Call::Better => "better",
            Call::Worse => "worse",
        }
    }
}

/// Why an arm must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    OptOuts,
    Refunds,
}

impl Guard {
    pub fn name(self) -> &'static str {
        match self {
            Guard::OptOuts => "opt_outs",
            Guard::Refunds => "refunds",
        }
    }
}

/// What an arm leaves above the first, for each hundred people, in one currency's minor units: net revenue (in which the
/// discount is already missing) less the cost of texts. Cost of goods is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Margin {
    pub currency: Currency,
    pub per_hundred: i64,
    /// 95 % of one look, by bootstrap; `None` with fewer than ten buyers in either arm.
    pub interval: Option<(i64, i64)>,
    /// What its codes took off, in all.
    pub discount: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmReport {
    pub name: String,
    pub people: u64,
    pub rate: Share,
    pub opted_out: u64,
    pub refunded: u64,
    pub stopped: bool,
    /// Its rate less the first's, with the interval that holds at every look; `None` of the first.
    pub difference: Option<(f64, Interval)>,
    pub call: Option<Call>,
    pub guard: Option<Guard>,
    pub margins: Vec<Margin>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub arms: Vec<ArmReport>,
    /// How likely a split at least as uneven is, over the arms that were not stopped.
    pub split: f64,
    /// About how many more carts it takes until a difference worth knowing shows; `None` once one was called.
    pub more: Option<u64>,
    /// The best arm that was called better, if any.
    pub winner: Option<usize>,
}

impl Report {
    pub fn is_broken(&self) -> bool {
        self.split < SPLIT_ALARM
    }
}

pub fn report(plan: &Plan, facts: &[Facts]) -> Report {
    let others = plan.arms.len().saturating_sub(1).max(1) as f64;
    let drawn: Vec<(u64, f64)> = plan
        .arms
        .iter()
        .zip(facts)
        .filter(|(_, facts)| !facts.stopped)
        .map(|(arm, facts)| (facts.people, f64::from(arm.weight)))
        .collect();
    let split = stats::split_of(&drawn);
    let first = facts.first().cloned().unwrap_or_default();
    let base = Share::new(first.hits, first.counted);
    let arms: Vec<ArmReport> = plan
        .arms
        .iter()
        .zip(facts)
        .enumerate()
        .map(|(at, (arm, facts))| one(arm, at, facts, &first, (split < SPLIT_ALARM, ALPHA / others)))
        .collect();
    let better = |(at, arm): (usize, &ArmReport)| {
        (arm.call == Some(Call::Better) && !arm.stopped).then_some((at, arm.rate.rate()))
    };
    let winner = arms.iter().enumerate().filter_map(better).max_by(|one, other| one.1.total_cmp(&other.1));
    let called = arms.iter().any(|arm| matches!(arm.call, Some(Call::Better | Call::Worse)));
    let more = if called || split < SPLIT_ALARM { None } else { more(base, facts, others) };
    Report { arms, split, more, winner: winner.map(|(at, _)| at) }
}

fn one(arm: &Arm, at: usize, facts: &Facts, first: &Facts, (broken, alpha): (bool, f64)) -> ArmReport {
    let (rate, base) = (Share::new(facts.hits, facts.counted), Share::new(first.hits, first.counted));
    let difference = (at > 0).then(|| {
        let estimate = rate.rate() - base.rate();
        (estimate, stats::always_valid_at(estimate, stats::variance_of(rate, base), SCALE, alpha))
    });
    let call = difference.map(|(_, safe)| match safe {
        _ if broken => Call::Broken,
        _ if !is_enough(rate, base) => Call::TooFew,
        safe if safe.is_gain() => Call::Better,
        safe if safe.is_loss() => Call::Worse,
        _ => Call::NotShown,
    });
    let worse = |mine: u64, theirs: u64| {
        let (mine, theirs) = (Share::new(mine, facts.counted), Share::new(theirs, first.counted));
        let enough = mine.of >= GUARD_PEOPLE_LEAST && theirs.of >= GUARD_PEOPLE_LEAST;
        let estimate = mine.rate() - theirs.rate();
        let variance = stats::variance_of(mine, theirs);
        enough && stats::always_valid_at(estimate, variance, SCALE, alpha).is_gain()
    };
    let guard = match at {
        0 => None,
        _ if worse(facts.opted_out, first.opted_out) => Some(Guard::OptOuts),
        _ if worse(facts.refunded, first.refunded) => Some(Guard::Refunds),
        _ => None,
    };
    ArmReport {
        name: arm.name.clone(),
        people: facts.people,
        rate,
        opted_out: facts.opted_out,
        refunded: facts.refunded,
        stopped: facts.stopped,
        difference,
        call,
        guard,
        margins: if at > 0 { margins(at, facts, first) } else { Vec::new() },
    }
}

fn margins(at: usize, facts: &Facts, first: &Facts) -> Vec<Margin> {
    let none: &[i64] = &[];
    let paid = |facts: &'_ Facts, currency: Currency| -> Vec<i64> {
        facts.purses.iter().find(|(code, _)| *code == currency).map_or(none, |(_, amounts)| amounts).to_vec()
    };
    let cost = |facts: &Facts, currency: Currency| {
        let micros = facts.costs.iter().find(|(code, _)| *code == currency).map_or(0, |(_, micros)| *micros);
        super::lift::of_micros(currency, micros) as f64 / facts.counted.max(1) as f64
    };
    let currencies = facts.purses.iter().chain(&first.purses).map(|(currency, _)| *currency);
    let mut currencies: Vec<Currency> = currencies.collect();
    currencies.sort_unstable();
    currencies.dedup();
    let of = |currency: Currency| {
        let (mine, theirs) = (paid(facts, currency), paid(first, currency));
        let sample = |of: u64, amounts: &[i64]| Sample::new(of, amounts.iter().map(|amount| *amount as f64));
        let (ours, base) = (sample(facts.counted, &mine), sample(first.counted, &theirs));
        let dearer = cost(facts, currency) - cost(first, currency);
        let hundred = |each: f64| ((each - dearer) * 100.0).round() as i64;
        let enough = mine.len() >= BUYERS_LEAST && theirs.len() >= BUYERS_LEAST;
        let interval = enough.then(|| ours.difference(&base, at as u64, stats::DRAWS)).flatten();
        Margin {
            currency,
            per_hundred: hundred(ours.mean() - base.mean()),
            interval: interval.map(|found| (hundred(found.low), hundred(found.high))),
            discount: facts.discounts.iter().find(|(code, _)| *code == currency).map_or(0, |(_, minor)| *minor),
        }
    };
    if facts.counted == 0 || first.counted == 0 { Vec::new() } else { currencies.into_iter().map(of).collect() }
}

/// About how many more carts, in all arms together, until a difference worth knowing between two of them would show.
fn more(base: Share, facts: &[Facts], others: f64) -> Option<u64> {
    let (hits, counted) = facts.iter().fold((0, 0), |(hits, of), arm| (hits + arm.hits, of + arm.counted));
    let rate = (hits + 1) as f64 / (counted + 2) as f64;
    let difference = (if base.of > 0 { base.rate() } else { rate } * DIFFERENCE_SHARE).max(DIFFERENCE_LEAST);
    // Two equal arms.
    let needed = stats::people_needed(difference, rate * (1.0 - rate) * 4.0, SCALE)?;
    let all = (needed as f64 * (others + 1.0) / 2.0).ceil() as u64;
    Some(all.saturating_sub(counted).max(GUARD_PEOPLE_LEAST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stats::Chance;

    fn plan(arms: usize) -> Plan {
        let arm = |at: usize| Arm {
            name: format!("arm {at}"),
            weight: 1,
            change: if at == 0 { Change::Nothing } else { Change::After(60 * at as u32) },
        };
        Plan {
            name: "When".into(),
            sequence: "eu".into(),
            step: 1,
            goal: Goal::Order,
            arms: (0..arms).map(arm).collect(),
        }
    }

    fn facts(people: u64, hits: u64, opted_out: u64) -> Facts {
        Facts { people, counted: people, hits, opted_out, ..Facts::default() }
    }

    /// Shops that look every day for a hundred days while twenty people a day enter each arm; how often an arm is called.
    fn called(rates: &[f64], shops: u64, expected: Call) -> u64 {
        let plan = plan(rates.len());
        let mut found = 0;
        for shop in 0..shops {
            let mut chance = Chance::new(shop * 7_919 + 17);
            let mut arms = vec![facts(0, 0, 0); rates.len()];
            let mut hit = false;
            for _ in 0..100 {
                for (arm, rate) in arms.iter_mut().zip(rates) {
                    arm.people += 20;
                    arm.counted += 20;
                    arm.hits += (0..20).filter(|_| chance.unit() < *rate).count() as u64;
                }
                hit |= report(&plan, &arms).arms.iter().any(|arm| arm.call == Some(expected));
            }
            found += u64::from(hit);
        }
        found
    }

    #[test]
    fn an_a_a_test_looked_at_every_day_is_called_at_most_one_time_in_twenty() {
        let shops = 400;
        let wrong = called(&[0.1, 0.1], shops, Call::Better) + called(&[0.1, 0.1], shops, Call::Worse);
        assert!(wrong <= shops / 20, "{wrong} of {shops} were called");
        let three = called(&[0.1, 0.1, 0.1], shops, Call::Better) + called(&[0.1, 0.1, 0.1], shops, Call::Worse);
        assert!(three <= shops / 20, "{three} of {shops} with three arms were called");
    }

    #[test]
    fn a_planted_lift_is_found() {
        let found = called(&[0.1, 0.16], 100, Call::Better);
        assert!(found >= 95, "{found} of 100");
        assert!(called(&[0.1, 0.16], 100, Call::Worse) <= 2);
    }

    #[test]
    fn an_arm_that_drives_people_off_is_stopped_and_lost_people_break_it() {
        let found = report(&plan(2), &[facts(400, 40, 4), facts(400, 42, 44)]);
        assert_eq!((found.arms[1].guard, found.arms[0].guard), (Some(Guard::OptOuts), None));
        let soon = report(&plan(2), &[facts(60, 6, 0), facts(60, 6, 30)]);
        assert_eq!(soon.arms[1].guard, Some(Guard::OptOuts), "when half of them leave");
        let calm = report(&plan(2), &[facts(400, 40, 4), facts(400, 42, 7)]);
        assert_eq!(calm.arms[1].guard, None);
        let lost = report(&plan(2), &[facts(900, 90, 1), facts(600, 160, 1)]);
        assert!(lost.is_broken() && lost.arms[1].call == Some(Call::Broken) && lost.winner.is_none());
        assert_eq!(lost.more, None);
    }

    #[test]
    fn what_is_missing_is_said_and_what_won_is_named() {
        let few = report(&plan(2), &[facts(20, 2, 0), facts(20, 4, 0)]);
        assert_eq!(few.arms[1].call, Some(Call::TooFew));
        assert!(few.more.is_some_and(|more| (500..200_000).contains(&more)), "{:?}", few.more);
        let won = report(&plan(3), &[facts(3_000, 300, 9), facts(3_000, 420, 9), facts(3_000, 480, 9)]);
        assert_eq!((won.winner, won.more), (Some(2), None));
    }

    #[test]
    fn a_discount_is_told_by_what_it_leaves() {
        let euro = Currency::parse("EUR").unwrap();
        let paid = |buyers: usize, each: i64| vec![(euro, vec![each; buyers])];
        let plain = Facts { purses: paid(100, 10_000), ..facts(1_000, 100, 0) };
        let costs = vec![(euro, 10_000_000)];
        let given = Facts { purses: paid(120, 9_000), costs, discounts: vec![(euro, 120_000)], ..facts(1_000, 120, 0) };
        let margin = report(&plan(2), &[plain, given]).arms[1].margins[0];
        // 1,080 a person instead of 1,000, less one cent for its texts.
        assert_eq!((margin.per_hundred, margin.discount), (7_900, 120_000));
        let (low, high) = margin.interval.unwrap();
        assert!(low < 7_900 && 7_900 < high);
    }

    #[test]
    fn a_plan_is_checked_whole() {
        assert_eq!(plan(2).problems(), Vec::<String>::new());
        assert_eq!(plan(1).problems().len(), 1);
        assert_eq!(plan(6).problems().len(), 1);
        let mut odd = plan(2);
        odd.name = String::new();
        odd.arms[1].change = Change::Nothing;
        odd.arms[1].weight = 0;
        assert_eq!(odd.problems().len(), 3, "{:?}", odd.problems());
    }

    #[test]
    fn an_arm_changes_its_step_and_nothing_else() {
        let mut sequence = super::super::sequence::default_sequence();
        let before = sequence.clone();
        apply(&mut sequence, 1, &Change::Nothing);
        apply(&mut sequence, 9, &Change::After(7));
        apply(&mut sequence, 0, &Change::After(7));
        assert_eq!(sequence, before);
        apply(&mut sequence, 1, &Change::After(7));
        apply(&mut sequence, 1, &Change::Words("{{ link }}".into()));
        assert_eq!(sequence.steps[0].after_minutes, 7);
        assert_eq!(sequence.steps[0].text(Some("sl")), Some("{{ link }}"));
        assert_eq!(sequence.steps[1..], before.steps[1..]);
    }
}

//! Funnels: the steps to a goal, how many visitors came how far within a time, and what those who stopped were about to
//! spend. Pure: visitors' events in, counts out; the order in which events arrived changes nothing.
//!
//! *Ordered*: each step comes after the one before, whatever else happens in between. *Strict*: no other step of the
//! funnel happens in between. Whoever walks a strict funnel walks the ordered one too, and nobody comes to a step without
//! the one before.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    goal::Only,
    id::FunnelId,
    money::Money,
    site_event::{Kind, SiteEvent, Visitor},
    time::MINUTE,
};

/// A funnel as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funnel {
    pub id: FunnelId,
    pub way: Way,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// 1 to 60 characters.
    pub name: String,
    /// 2 to 10.
    pub steps: Vec<Step>,
    #[serde(default)]
    pub strict: bool,
    /// From the first step to the last one, in minutes: 1 to 129,600 (90 days).
    pub window_minutes: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub kind: Kind,
    #[serde(default)]
    pub only: Option<Only>,
}

pub const STEPS_MIN: usize = 2;
pub const STEPS_MAX: usize = 10;
pub const WINDOW_MINUTES_MAX: u32 = 90 * 24 * 60;
/// Funnels of one shop.
pub const FUNNELS_MAX: usize = 20;
/// Of one visitor's events; more are a program's.
const EVENTS_MOST: usize = 2_000;

impl Way {
    /// Product, cart, checkout, order.
    pub fn usual() -> Way {
        let step = |kind| Step { kind, only: None };
        Way {
            name: "From product to order".into(),
            steps: [Kind::ProductViewed, Kind::CartAdded, Kind::CheckoutStarted, Kind::Ordered].map(step).into(),
            strict: false,
            window_minutes: 7 * 24 * 60,
        }
    }

    /// What is wrong with it, each a sentence that begins with its field.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        if !(1..=60).contains(&self.name.trim().chars().count()) {
            problems.push("name: must be 1 to 60 characters".to_owned());
        }
        if !(STEPS_MIN..=STEPS_MAX).contains(&self.steps.len()) {
            problems.push(format!("steps: must be {STEPS_MIN} to {STEPS_MAX}"));
        }
        if !(1..=WINDOW_MINUTES_MAX).contains(&self.window_minutes) {
            problems.push(format!("window_minutes: must be 1 to {WINDOW_MINUTES_MAX}"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Every kind it looks at, once.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.steps.iter().map(|step| step.kind).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    fn is_step(&self, at: usize, event: &SiteEvent) -> bool {
        self.steps
            .get(at)
            .is_some_and(|step| event.kind == step.kind && step.only.as_ref().is_none_or(|only| only.holds(event)))
    }

    /// How many steps this visitor came, and the event that began the furthest way. `events` are sorted by time.
    fn depth(&self, events: &[SiteEvent]) -> Option<(usize, usize)> {
        let relevant: Vec<usize> = (0..events.len())
            .filter(|&at| {
                events.get(at).is_some_and(|event| (0..self.steps.len()).any(|step| self.is_step(step, event)))
            })
            .collect();
        let window: Duration = MINUTE * self.window_minutes;
        let mut best: Option<(usize, usize)> = None;
        for (place, &first) in relevant.iter().enumerate() {
            let Some(entry) = events.get(first).filter(|entry| self.is_step(0, entry)) else { continue };
            let mut reached = 1;
            for event in relevant.iter().skip(place + 1).filter_map(|&at| events.get(at)) {
                if reached == self.steps.len() || event.at.since(entry.at) > window {
                    break;
                }
                if self.is_step(reached, event) {
                    reached += 1;
                } else if self.strict && !self.is_step(reached - 1, event) {
                    break;
                }
            }
            if best.is_none_or(|(depth, _)| reached > depth) {
                best = Some((reached, first));
            }
        }
        best
    }
}

/// What came of a funnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Visitors that came to each step.
    pub reached: Vec<u64>,
    /// What those who stopped before each step were about to spend, per currency; nothing before the first.
    pub lost: Vec<BTreeMap<String, i64>>,
    /// Visitors that came to each step, by what the first step counts under.
    pub devices: BTreeMap<String, Vec<u64>>,
    pub sources: BTreeMap<String, Vec<u64>>,
}

/// Lets every visitor walk. Events may be in any order.
pub fn walk(way: &Way, events: &[SiteEvent]) -> Walk {
    let mut visitors: BTreeMap<Visitor, Vec<SiteEvent>> = BTreeMap::new();
    for event in events {
        visitors.entry(event.visitor).or_default().push(event.clone());
    }
    let steps = way.steps.len();
    let mut walk = Walk { reached: vec![0; steps], lost: vec![BTreeMap::new(); steps], ..Walk::default() };
    for events in visitors.values_mut() {
        events.sort_by_key(|event| (event.at, event.id));
        events.truncate(EVENTS_MOST);
        let Some((depth, first)) = way.depth(events) else { continue };
        let entry = events.get(first);
        let device = entry.map(|entry| entry.device.clone()).unwrap_or_default();
        let source = entry.map(|entry| entry.visit.source.clone()).unwrap_or_default();
        count(&mut walk.reached, depth);
        count(walk.devices.entry(device).or_insert_with(|| vec![0; steps]), depth);
        count(walk.sources.entry(source).or_insert_with(|| vec![0; steps]), depth);
        if let (Some(lost), Some(money)) = (walk.lost.get_mut(depth), intended(events)) {
            let sum = lost.entry(money.currency.to_string()).or_default();
            *sum = sum.saturating_add(money.minor);
        }
    }
    walk
}

fn count(reached: &mut [u64], depth: usize) {
    reached.iter_mut().take(depth).for_each(|visitors| *visitors += 1);
}

/// What a visitor was about to spend: the last worth that was told of something they did.
fn intended(events: &[SiteEvent]) -> Option<Money> {
    events.iter().rev().find_map(|event| event.value).filter(|money| money.minor > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        id::SiteEventId,
        money::Currency,
        site_event::{ToldBy, Visit},
        time::Time,
    };
    use proptest::prelude::*;

    fn event(id: i64, minute: u32, kind: Kind, visitor: u8) -> SiteEvent {
        SiteEvent {
            id: SiteEventId::new(id),
            kind,
            at: Time::from_seconds(1_000_000) + MINUTE * minute,
            visitor: [visitor; 16],
            target: String::new(),
            product: String::new(),
            page: String::new(),
            visit: Visit::default(),
            device: if visitor.is_multiple_of(2) { "iphone".into() } else { "windows".into() },
            country: String::new(),
            number: 0,
            value: (kind == Kind::CartAdded).then(|| Money::new(5_000, Currency::parse("EUR").unwrap())),
            order: String::new(),
            payment: String::new(),
            told_by: ToldBy::Pixel,
        }
    }

    const LETTERS: [(char, Kind); 5] = [
        ('p', Kind::ProductViewed),
        ('c', Kind::CartAdded),
        ('k', Kind::CheckoutStarted),
        ('o', Kind::Ordered),
        ('s', Kind::Scrolled),
    ];

    /// A visit in letters, a minute apart.
    fn visit(letters: &str, visitor: u8) -> Vec<SiteEvent> {
        let kind = |letter| LETTERS.iter().find(|(known, _)| *known == letter).unwrap().1;
        letters
            .chars()
            .enumerate()
            .filter(|(_, letter)| *letter != ' ')
            .map(|(at, letter)| event(at as i64, at as u32, kind(letter), visitor))
            .collect()
    }

    #[test]
    fn how_far_a_visit_comes() {
        #[track_caller]
        fn check(letters: &str, ordered: usize, strict: usize) {
            let way = Way { window_minutes: 10, ..Way::usual() };
            let depth = |strict| {
                let walk = walk(&Way { strict, ..way.clone() }, &visit(letters, 1));
                walk.reached.iter().filter(|count| **count == 1).count()
            };
            assert_eq!((depth(false), depth(true)), (ordered, strict), "{letters}");
        }
        check("", 0, 0);
        check("cko", 0, 0);
        check("p", 1, 1);
        check("pcko", 4, 4);
        check("psscsksso", 4, 4);
        // The same step again is no detour; another one is.
        check("ppcko", 4, 4);
        check("pkcko", 4, 1);
        check("opcko", 4, 4);
        check("pckpo", 4, 3);
        check("oo pc", 2, 2);
        // The second way in is within the window, the first is not.
        check("p              pcko", 4, 4);
        check("p              cko", 1, 1);
    }

    #[test]
    fn what_was_left_behind_is_counted_where_it_stopped() {
        let mut all = visit("pc", 1);
        all.extend(visit("pcko", 2));
        all.extend(visit("p", 3));
        let walk = walk(&Way::usual(), &all);
        assert_eq!(walk.reached, [3, 2, 1, 1]);
        let lost: Vec<i64> = walk.lost.iter().map(|lost| lost.get("EUR").copied().unwrap_or(0)).collect();
        assert_eq!(lost, [0, 0, 5_000, 0]);
        assert_eq!(walk.devices["iphone"], [1, 1, 1, 1]);
        assert_eq!(walk.devices["windows"], [2, 1, 0, 0]);
    }

    #[test]
    fn bounds() {
        let way = Way::usual();
        assert_eq!(way.check(), Ok(()));
        let one = Way { steps: way.steps[..1].to_vec(), window_minutes: 0, name: String::new(), ..way };
        assert_eq!(one.check().unwrap_err().len(), 3);
    }

    proptest! {
        #[test]
        fn strict_is_within_ordered_counts_only_fall_and_arrival_does_not_matter(
            seeds in proptest::collection::vec((0..5_usize, 0..4_u8, 0..30_u32), 0..60),
            turn in any::<proptest::sample::Index>(),
        ) {
            let events: Vec<SiteEvent> = seeds
                .iter()
                .enumerate()
                .map(|(id, &(kind, visitor, minute))| event(id as i64, minute, LETTERS[kind].1, visitor))
                .collect();
            let ordered = walk(&Way { window_minutes: 12, ..Way::usual() }, &events);
            let strict = walk(&Way { window_minutes: 12, strict: true, ..Way::usual() }, &events);
            for (strict, ordered) in strict.reached.iter().zip(&ordered.reached) {
                prop_assert!(strict <= ordered);
            }
            for walk in [&ordered, &strict] {
                prop_assert!(walk.reached.windows(2).all(|pair| pair[1] <= pair[0]));
                for step in 0..walk.reached.len() {
                    prop_assert_eq!(walk.devices.values().map(|counts| counts[step]).sum::<u64>(), walk.reached[step]);
                }
            }
            let mut turned = events.clone();
            turned.reverse();
            if !turned.is_empty() {
                let at = turn.index(turned.len());
                turned.rotate_left(at);
            }
            prop_assert_eq!(walk(&Way { window_minutes: 12, ..Way::usual() }, &turned), ordered);
        }
    }
}

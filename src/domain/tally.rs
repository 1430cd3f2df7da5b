//! Tally: what a day's events come to, by kind and by goal. Sums only: it names nobody, and stays when the events are gone.
//! Pure: the same events in any order end in the same tally. Bounded: of each breakdown a day keeps `VALUES_MOST` values
//! apart and adds the rest up as `breakdown::OTHER`.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    breakdown::OTHER,
    goal::{Count, Goal, Plan},
    id::GoalId,
    money::{Currency, Money},
    site_event::{Kind, SiteEvent, Visitor, channel},
};

/// A day, or several added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// By `Kind::name`: events, and the visitors of each day added up.
    kinds: BTreeMap<String, (u64, u64)>,
    /// Visitors of each day added up, whatever they did.
    visitors: u64,
    /// By goal.
    goals: BTreeMap<String, Sheet>,
}

/// What one goal came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sheet {
    pub whole: Sum,
    /// By dimension and value.
    by: BTreeMap<String, BTreeMap<String, Sum>>,
    /// Conversions by how long after the visitor's first event they were: at most so many minutes (`delay_bucket`).
    delays: BTreeMap<u64, u64>,
}

/// How many, and worth what per currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sum {
    #[serde(rename = "n")]
    pub count: u64,
    #[serde(rename = "v", skip_serializing_if = "BTreeMap::is_empty")]
    worth: BTreeMap<String, i64>,
}

/// What conversions are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Channel,
    Source,
    Medium,
    Campaign,
    Product,
    /// A file, a form, a search, a page.
    Target,
    Device,
    Country,
    Payment,
}

impl By {
    pub const ALL: [By; 9] = [
        By::Channel,
        By::Source,
        By::Medium,
        By::Campaign,
        By::Product,
        By::Target,
        By::Device,
        By::Country,
        By::Payment,
    ];

    pub fn name(self) -> &'static str {
        match self {
            By::Channel => "channel",
            By::Source => "source",
            By::Medium => "medium",
            By::Campaign => "campaign",
            By::Product => "product",
            By::Target => "target",
            By::Device => "device",
            By::Country => "country",
            By::Payment => "payment",
        }
    }

    /// What this event counts under. "" for nothing known.
    pub fn value(self, event: &SiteEvent) -> String {
        match self {
            By::Channel => channel(&event.visit.source, &event.visit.medium).to_owned(),
            By::Source => event.visit.source.clone(),
            By::Medium => event.visit.medium.clone(),
            By::Campaign => event.visit.campaign.clone(),
            By::Product => event.product.clone(),
            By::Target => Plan::target_of(event),
            By::Device => event.device.clone(),
            By::Country => event.country.clone(),
            By::Payment => event.payment.clone(),
        }
    }
}

/// Values of one breakdown a day keeps apart.
pub const VALUES_MOST: usize = 50;

/// Minutes up to which conversions are told apart: 5, 30, an hour, a day, three, a week, 30 days; then the rest.
const DELAYS: [u64; 7] = [5, 30, 60, 1_440, 4_320, 10_080, 43_200];

/// The smallest bound of `DELAYS` that holds these minutes; `u64::MAX` beyond the last.
pub fn delay_bucket(minutes: u64) -> u64 {
    DELAYS.into_iter().find(|&bound| minutes <= bound).unwrap_or(u64::MAX)
}

impl Sum {
    pub fn add(&mut self, worth: Option<Money>) {
        self.count = self.count.saturating_add(1);
        if let Some(money) = worth {
            let sum = self.worth.entry(money.currency.to_string()).or_default();
            *sum = sum.saturating_add(money.minor);
        }
    }

    fn merge(&mut self, other: &Sum) {
        self.count = self.count.saturating_add(other.count);
        for (currency, minor) in &other.worth {
            let sum = self.worth.entry(currency.clone()).or_default();
            *sum = sum.saturating_add(*minor);
        }
    }

    pub fn worth(&self) -> Vec<Money> {
        let read = |(code, minor): (&String, &i64)| Some(Money::new(*minor, Currency::parse(code).ok()?));
        self.worth.iter().filter_map(read).collect()
    }
}

impl Sheet {
    /// Every value of a breakdown, the most frequent first.
    pub fn by(&self, by: By) -> Vec<(&str, &Sum)> {
        let values = self.by.get(by.name());
        let mut values: Vec<(&str, &Sum)> =
            values.into_iter().flatten().map(|(value, sum)| (value.as_str(), sum)).collect();
        values.sort_by_key(|(value, sum)| (std::cmp::Reverse(sum.count), *value));
        values
    }

    /// Conversions by the bound of their minutes, shortest first; the last one is `u64::MAX`.
    pub fn delays(&self) -> impl Iterator<Item = (u64, u64)> {
        self.delays.iter().map(|(bound, count)| (*bound, *count))
    }

    fn add(&mut self, event: &SiteEvent, worth: Option<Money>, minutes: Option<u64>) {
        self.whole.add(worth);
        for by in By::ALL {
            let values = self.by.entry(by.name().to_owned()).or_default();
            values.entry(by.value(event)).or_default().add(worth);
        }
        if let Some(minutes) = minutes {
            *self.delays.entry(delay_bucket(minutes)).or_default() += 1;
        }
    }

    fn merge(&mut self, other: &Sheet) {
        self.whole.merge(&other.whole);
        for (dimension, values) in &other.by {
            let known = self.by.entry(dimension.clone()).or_default();
            for (value, sum) in values {
                known.entry(value.clone()).or_default().merge(sum);
            }
        }
        for (bound, count) in &other.delays {
            *self.delays.entry(*bound).or_default() += count;
        }
    }

    /// Equal ones are kept by their name, so that the same events always end alike.
    fn bound(&mut self) {
        for values in self.by.values_mut().filter(|values| values.len() > VALUES_MOST) {
            let mut order: Vec<(std::cmp::Reverse<u64>, String)> =
                values.iter().map(|(value, sum)| (std::cmp::Reverse(sum.count), value.clone())).collect();
            order.sort();
            for (_, value) in order.split_off(VALUES_MOST) {
                let rest = values.remove(&value).unwrap_or_default();
                values.entry(OTHER.to_owned()).or_default().merge(&rest);
            }
        }
    }
}

/// Counts a day, event by event, in any order.
pub struct Counter<'g> {
    goals: &'g [Goal],
    sheets: Vec<Sheet>,
    /// The event that stands for a visitor's day, by goal: the earliest.
    once: HashMap<(usize, Visitor), (SiteEvent, Option<u64>)>,
    kinds: HashMap<Kind, (u64, HashSet<Visitor>)>,
    visitors: HashSet<Visitor>,
}

impl<'g> Counter<'g> {
    pub fn new(goals: &'g [Goal]) -> Counter<'g> {
        Counter {
            goals,
            sheets: vec![Sheet::default(); goals.len()],
            once: HashMap::new(),
            kinds: HashMap::new(),
            visitors: HashSet::new(),
        }
    }

    /// An event of a visitor. What the thank-you page tells is no order.
    pub fn add(&mut self, event: &SiteEvent, minutes: Option<u64>) {
        let kind = self.kinds.entry(event.kind).or_default();
        kind.0 += 1;
        kind.1.insert(event.visitor);
        self.visitors.insert(event.visitor);
        if event.kind != Kind::Ordered {
            self.convert(event, minutes);
        }
    }

    /// An order of the shop, told as an event.
    pub fn add_order(&mut self, order: &SiteEvent, minutes: Option<u64>) {
        self.convert(order, minutes);
    }

    fn convert(&mut self, event: &SiteEvent, minutes: Option<u64>) {
        for (place, goal) in self.goals.iter().enumerate().filter(|(_, goal)| goal.plan.matches(event)) {
            match goal.plan.count {
                Count::Every => {
                    if let Some(sheet) = self.sheets.get_mut(place) {
                        sheet.add(event, goal.plan.worth_of(event), minutes);
                    }
                }
                Count::OnceADay => {
                    let known = self.once.entry((place, event.visitor)).or_insert_with(|| (event.clone(), minutes));
                    if (event.at, event.id) < (known.0.at, known.0.id) {
                        *known = (event.clone(), minutes);
                    }
                }
            }
        }
    }

    pub fn done(mut self) -> Tally {
        for ((place, _), (event, minutes)) in &self.once {
            if let (Some(goal), Some(sheet)) = (self.goals.get(*place), self.sheets.get_mut(*place)) {
                sheet.add(event, goal.plan.worth_of(event), *minutes);
            }
        }
        let mut tally = Tally { visitors: self.visitors.len() as u64, ..Tally::default() };
        for (kind, (events, visitors)) in &self.kinds {
            tally.kinds.insert(kind.name().to_owned(), (*events, visitors.len() as u64));
        }
        for (goal, mut sheet) in self.goals.iter().zip(self.sheets).filter(|(_, sheet)| sheet.whole.count > 0) {
            sheet.bound();
            tally.goals.insert(goal.id.to_string(), sheet);
        }
        tally
    }
}

impl Tally {
    /// Adds another day.
    pub fn merge(&mut self, other: &Tally) {
        for (name, (events, visitors)) in &other.kinds {
            let known = self.kinds.entry(name.clone()).or_default();
            known.0 = known.0.saturating_add(*events);
            known.1 = known.1.saturating_add(*visitors);
        }
        self.visitors = self.visitors.saturating_add(other.visitors);
        for (goal, sheet) in &other.goals {
            self.goals.entry(goal.clone()).or_default().merge(sheet);
        }
    }

    /// Every kind there was, with its events and the visitors of each day added up.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64, u64)> {
        self.kinds.iter().filter_map(|(name, &(events, visitors))| Some((Kind::parse(name)?, events, visitors)))
    }

    pub fn events(&self, kind: Kind) -> u64 {
        self.kinds.get(kind.name()).map_or(0, |(events, _)| *events)
    }

    /// Visitors of a kind, each day's added up.
    pub fn visitors_of(&self, kind: Kind) -> u64 {
        self.kinds.get(kind.name()).map_or(0, |(_, visitors)| *visitors)
    }

    pub fn visitors(&self) -> u64 {
        self.visitors
    }

    /// What a goal came to.
    pub fn goal(&self, id: GoalId) -> Sheet {
        self.goals.get(&id.to_string()).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        goal::{Class, Worth},
        id::SiteEventId,
        site_event::{ToldBy, Visit},
        time::Time,
    };
    use proptest::prelude::*;

    fn euro() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    fn event(id: i64, kind: Kind, visitor: u8, target: &str) -> SiteEvent {
        SiteEvent {
            id: SiteEventId::new(id),
            kind,
            at: Time::from_seconds(1_000_000 + id % 7),
            visitor: [visitor; 16],
            target: target.into(),
            product: String::new(),
            page: String::new(),
            visit: Visit { source: "google".into(), medium: "cpc".into(), campaign: String::new() },
            device: "iphone".into(),
            country: String::new(),
            number: 0,
            value: Some(Money::new(100 * id, euro())),
            order: String::new(),
            payment: String::new(),
            told_by: ToldBy::Pixel,
        }
    }

    fn goal(id: i64, kind: Kind, count: Count) -> Goal {
        let plan =
            Plan { name: "x".into(), class: Class::Micro, kind, only: None, worth: Worth::AsTold, count, target: None };
        Goal { id: GoalId::new(id), plan }
    }

    fn counted(goals: &[Goal], events: &[SiteEvent]) -> Tally {
        let mut counter = Counter::new(goals);
        for event in events {
            counter.add(event, Some(3));
        }
        counter.done()
    }

    #[test]
    fn a_visitor_counts_once_a_day_or_every_time() {
        let goals = [goal(1, Kind::Downloaded, Count::OnceADay), goal(2, Kind::Downloaded, Count::Every)];
        let files = [("a.pdf", 1), ("b.pdf", 1), ("a.pdf", 2)];
        let events: Vec<SiteEvent> = files
            .iter()
            .enumerate()
            .map(|(at, (file, visitor))| event(at as i64 + 1, Kind::Downloaded, *visitor, file))
            .collect();
        let tally = counted(&goals, &events);
        let (once, every) = (tally.goal(GoalId::new(1)), tally.goal(GoalId::new(2)));
        assert_eq!((once.whole.count, every.whole.count), (2, 3));
        assert_eq!(every.whole.worth(), [Money::new(600, euro())]);
        // The first of a visitor's day stands for it.
        let targets = |sheet: &Sheet| {
            sheet.by(By::Target).iter().map(|(file, sum)| format!("{file} {}", sum.count)).collect::<Vec<_>>()
        };
        assert_eq!(targets(&once), ["a.pdf 2"]);
        assert_eq!(targets(&every), ["a.pdf 2", "b.pdf 1"]);
        assert_eq!(every.by(By::Channel).iter().map(|(channel, _)| *channel).collect::<Vec<_>>(), ["paid search"]);
        assert_eq!(every.delays().collect::<Vec<_>>(), [(5, 3)]);
        assert_eq!((tally.visitors(), tally.events(Kind::Downloaded), tally.visitors_of(Kind::Downloaded)), (2, 3, 2));
    }

    #[test]
    fn orders_are_the_shops_own_and_not_the_thank_you_page() {
        let goals = [goal(1, Kind::Ordered, Count::Every)];
        let mut counter = Counter::new(&goals);
        counter.add(&event(1, Kind::Ordered, 1, ""), None);
        counter.add_order(&event(2, Kind::Ordered, 1, ""), Some(90));
        let tally = counter.done();
        assert_eq!(tally.goal(GoalId::new(1)).whole.count, 1);
        assert_eq!(tally.events(Kind::Ordered), 1);
    }

    #[test]
    fn a_day_keeps_so_many_values_and_loses_none() {
        let goals = [goal(1, Kind::Searched, Count::Every)];
        let events: Vec<SiteEvent> =
            (0..200).map(|id| event(id, Kind::Searched, 1, &format!("word {}", id % 120))).collect();
        let sheet = counted(&goals, &events).goal(GoalId::new(1));
        let values = sheet.by(By::Target);
        assert_eq!(values.len(), VALUES_MOST + 1);
        assert_eq!(values.iter().map(|(_, sum)| sum.count).sum::<u64>(), 200);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let known: Tally = serde_json::from_str(r#"{"kinds":{"searched":[3,2],"teleported":[9,9]},"new":1}"#).unwrap();
        assert_eq!(known.kinds().collect::<Vec<_>>(), [(Kind::Searched, 3, 2)]);
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_days_add_up(
            seeds in proptest::collection::vec((0..4_usize, 0..5_u8, 0..3_u8), 0..40),
            by in any::<proptest::sample::Index>(),
        ) {
            let kinds = [Kind::Searched, Kind::Downloaded, Kind::CartAdded, Kind::Shared];
            let goals =
                [goal(1, Kind::Searched, Count::OnceADay), goal(2, Kind::Downloaded, Count::Every), goal(3, Kind::CartAdded, Count::OnceADay)];
            let events: Vec<SiteEvent> = seeds
                .iter()
                .enumerate()
                .map(|(id, &(kind, visitor, target))| event(id as i64, kinds[kind], visitor, &target.to_string()))
                .collect();
            let whole = counted(&goals, &events);
            let mut turned = events.clone();
            turned.reverse();
            if !turned.is_empty() {
                let at = by.index(turned.len());
                turned.rotate_left(at);
            }
            prop_assert_eq!(&counted(&goals, &turned), &whole);
            let read: Tally = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
            prop_assert_eq!(&read, &whole);
            let mut twice = whole.clone();
            twice.merge(&whole);
            for id in 1..4 {
                let (one, two) = (whole.goal(GoalId::new(id)), twice.goal(GoalId::new(id)));
                prop_assert_eq!(two.whole.count, 2 * one.whole.count);
                for by in By::ALL {
                    prop_assert_eq!(one.by(by).iter().map(|(_, sum)| sum.count).sum::<u64>(), one.whole.count);
                }
            }
        }
    }
}

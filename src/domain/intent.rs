//! Intent: how eagerly a visitor went about buying before they left a cart, from 0 to 100. A sum of points over what they
//! did within a week, each doing with a ceiling, so that one page looked at a hundred times is not eagerness. Pure: events
//! in, points out, in any order.
//!
//! It orders carts; it is no probability, and it claims no cause. The points are ours: later steps of a purchase weigh
//! more than earlier ones, and coming back on another day as much as a step. Nothing is known of a visitor who was not
//! measured; that is `None`, not 0.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    site_event::{Kind, SiteEvent},
    time::{DAY, Time},
};

/// How long back it looks.
pub const DAYS: u32 = 7;
pub const MOST: u8 = 100;

/// Points for one, and at most for all of its kind.
const POINTS: [(Kind, u8, u8); 12] = [
    (Kind::ProductViewed, 2, 10),
    (Kind::ListViewed, 1, 3),
    (Kind::Searched, 2, 6),
    (Kind::Stayed, 1, 5),
    (Kind::Wishlisted, 5, 10),
    (Kind::CallClicked, 5, 5),
    (Kind::Downloaded, 3, 6),
    (Kind::CartAdded, 8, 16),
    (Kind::CheckoutStarted, 15, 15),
    (Kind::ContactEntered, 8, 8),
    (Kind::ShippingEntered, 10, 10),
    (Kind::PaymentEntered, 16, 16),
];
/// For each further day on which they came, and at most.
const AGAIN: (u8, u8) = (5, 10);

/// What is known of a visitor's eagerness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// 0 to `MOST`.
    pub score: u8,
    /// What it is made of: the kind, how often, and its points; the most points first.
    pub parts: Vec<(Kind, u32, u8)>,
    /// Days on which they came, the first one included, and the points for the further ones.
    pub days: u32,
    pub again: u8,
}

/// Of one person's events up to `until`, in any order; `None` when none of them is within the week before.
pub fn intent(events: &[SiteEvent], until: Time) -> Option<Intent> {
    let mut counts: BTreeMap<Kind, u32> = BTreeMap::new();
    let mut days = BTreeSet::new();
    for event in events.iter().filter(|event| event.at <= until && event.at >= until - DAY * DAYS) {
        *counts.entry(event.kind).or_default() += 1;
        // Days before the cart was left, not the calendar's: the same everywhere.
        days.insert(until.since(event.at).as_secs() / DAY.as_secs());
    }
    if counts.is_empty() {
        return None;
    }
    let mut parts: Vec<(Kind, u32, u8)> = POINTS
        .iter()
        .filter_map(|&(kind, each, most)| {
            let times = *counts.get(&kind)?;
            let points = u32::from(each).saturating_mul(times).min(u32::from(most));
            Some((kind, times, u8::try_from(points).unwrap_or(most)))
        })
        .collect();
    parts.sort_by_key(|&(kind, _, points)| (std::cmp::Reverse(points), kind));
    let days = u32::try_from(days.len()).unwrap_or(u32::MAX);
    let again = u32::from(AGAIN.0).saturating_mul(days - 1).min(u32::from(AGAIN.1));
    let sum: u32 = parts.iter().map(|&(.., points)| u32::from(points)).sum::<u32>() + again;
    let score = u8::try_from(sum).unwrap_or(MOST).min(MOST);
    Some(Intent { score, parts, days, again: u8::try_from(again).unwrap_or(AGAIN.1) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        id::SiteEventId,
        site_event::{ToldBy, Visit},
        time::{HOUR, MINUTE},
    };
    use proptest::prelude::*;

    const UNTIL: i64 = 40 * 24 * 3600;

    fn event(kind: Kind, hours_before: u32) -> SiteEvent {
        SiteEvent {
            id: SiteEventId::new(i64::from(hours_before)),
            kind,
            at: Time::from_seconds(UNTIL) - HOUR * hours_before,
            visitor: [1; 16],
            target: String::new(),
            product: String::new(),
            page: String::new(),
            visit: Visit::default(),
            device: String::new(),
            country: String::new(),
            number: 0,
            value: None,
            order: String::new(),
            payment: String::new(),
            told_by: ToldBy::Pixel,
        }
    }

    #[track_caller]
    fn check(events: &[SiteEvent], expected: Option<u8>) {
        assert_eq!(intent(events, Time::from_seconds(UNTIL)).map(|intent| intent.score), expected);
    }

    #[test]
    fn later_steps_and_coming_back_weigh_more() {
        check(&[], None);
        // Too old, and after the cart was left.
        check(&[event(Kind::CartAdded, 24 * 7 + 1)], None);
        let later = SiteEvent { at: Time::from_seconds(UNTIL) + MINUTE, ..event(Kind::CartAdded, 0) };
        check(&[later], None);
        check(&[event(Kind::PageViewed, 1)], Some(0));
        check(&[event(Kind::ProductViewed, 1)], Some(2));
        check(&vec![event(Kind::ProductViewed, 1); 80], Some(10));
        check(&[event(Kind::CartAdded, 1), event(Kind::CheckoutStarted, 1)], Some(23));
        check(&[event(Kind::ProductViewed, 30), event(Kind::CartAdded, 1)], Some(15));
        let all: Vec<SiteEvent> = Kind::ALL.iter().flat_map(|kind| vec![event(*kind, 1); 40]).collect();
        let week: Vec<SiteEvent> = (0..7).map(|day| event(Kind::PageViewed, day * 24)).collect();
        check(&[all, week].concat(), Some(100));
    }

    #[test]
    fn what_it_is_made_of_is_told() {
        let events = [event(Kind::CartAdded, 1), event(Kind::CartAdded, 2), event(Kind::ProductViewed, 26)];
        let found = intent(&events, Time::from_seconds(UNTIL)).unwrap();
        assert_eq!(found.parts, [(Kind::CartAdded, 2, 16), (Kind::ProductViewed, 1, 2)]);
        assert_eq!((found.score, found.days, found.again), (23, 2, 5));
    }

    proptest! {
        #[test]
        fn doing_more_never_lowers_it_and_the_order_changes_nothing(
            kinds in proptest::collection::vec((0..Kind::ALL.len(), 0u32..160), 0..40),
            more in 0..Kind::ALL.len(),
        ) {
            let until = Time::from_seconds(UNTIL);
            let mut events: Vec<SiteEvent> = kinds.iter().map(|&(kind, hours)| event(Kind::ALL[kind], hours)).collect();
            let score = |events: &[SiteEvent]| intent(events, until).map_or(0, |intent| intent.score);
            let before = score(&events);
            prop_assert!(before <= MOST);
            events.reverse();
            prop_assert_eq!(score(&events), before);
            events.push(event(Kind::ALL[more], 3));
            prop_assert!(score(&events) >= before);
        }
    }
}

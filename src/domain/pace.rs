//! Pace: when the next text may leave, so that no more parts go out than a sender, an account or a carrier takes. Parts
//! are what carriers count, not texts. A generic cell rate algorithm (ITU-T I.371): one moment per lane is all that is kept.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    hours,
    time::{MINUTE, Time},
};

/// What is kept of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// When it takes its next part.
    pub next_at: Option<Time>,
    /// The moment the last text that waits was told to come back at: who comes later lines up behind it.
    pub queue_at: Option<Time>,
}

/// What a lane says to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may leave now; the lane is this from then on.
    Go(Lane),
    /// Not before this; the lane is this from then on.
    Wait(Time, Lane),
}

/// So much of a lane's minute may go out in one burst: providers count in windows of a second and longer, never in
/// single texts.
const BURST: Duration = Duration::from_secs(1);

impl Lane {
    /// Asks for a place for so many parts of `per_minute` (at least 1). `waited`: the text was told to come back and has its
    /// place in the queue. Within any minute no more than `per_minute` parts, one second's worth and one text leave; a
    /// thousand texts that wait come back one after the other, not all at once.
    pub fn turn(self, now: Time, parts: u32, per_minute: u32, waited: bool) -> Turn {
        let millis = u64::from(parts.max(1)).saturating_mul(60_000) / u64::from(per_minute.max(1));
        let takes = Duration::from_millis(millis);
        let from = self.next_at.map_or(now, |at| at.max(now));
        let free_at = if from.since(now) > BURST { from - BURST } else { now };
        let queue = self.queue_at.filter(|at| *at > now && !waited);
        if free_at == now && queue.is_none() {
            return Turn::Go(Lane { next_at: Some(from + takes), ..self });
        }
        if waited {
            return Turn::Wait(free_at, self);
        }
        let until = queue.map_or(free_at, |at| at.max(free_at) + takes);
        Turn::Wait(until, Lane { queue_at: Some(until), ..self })
    }
}

/// After an outage, so long until the full pace is back.
pub const RAMP: Duration = MINUTE.saturating_mul(2);
const RAMP_DOUBLES_EVERY: Duration = Duration::from_secs(15);
const RAMP_FIRST_PER_MINUTE: u32 = 60;

/// Parts a minute so long after an outage ended: one a second at first, twice as many every quarter of a minute. `None` once
/// it is over.
pub fn ramp(since: Duration) -> Option<u32> {
    let doubled = u32::try_from(since.as_secs() / RAMP_DOUBLES_EVERY.as_secs()).unwrap_or(u32::MAX);
    (since < RAMP).then(|| RAMP_FIRST_PER_MINUTE << doubled.min(8))
}

/// Where carriers of the United States change days, for caps by the day (T-Mobile: midnight Pacific).
const CAP_ZONE: &str = "America/Los_Angeles";

/// The day a moment counts to, in days since 1970, and when the next one begins.
pub fn cap_day(now: Time) -> (i64, Time) {
    let zone = hours::zone(CAP_ZONE).unwrap_or(TimeZone::UTC);
    let day = hours::day_of(&zone, now);
    let number = hours::start_of_day(&TimeZone::UTC, day).seconds().div_euclid(86_400);
    let next = day.tomorrow().map_or(now + Duration::from_secs(86_400), |next| hours::start_of_day(&zone, next));
    (number, next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(1_790_000_000_000 + millis)
    }

    #[test]
    fn a_lane_lets_a_burst_through_and_then_keeps_the_pace() {
        let mut lane = Lane::default();
        let mut left = Vec::new();
        let mut now = at(0);
        // 120 a minute are two a second.
        while left.len() < 8 {
            match lane.turn(now, 1, 120, true) {
                Turn::Go(next) => {
                    lane = next;
                    left.push(now.millis() - at(0).millis());
                }
                Turn::Wait(until, next) => (now, lane) = (until, next),
            }
        }
        assert_eq!(left, [0, 0, 0, 500, 1000, 1500, 2000, 2500]);
    }

    #[test]
    fn a_long_text_takes_the_room_of_its_parts() {
        let Turn::Go(lane) = Lane::default().turn(at(0), 4, 60, false) else { panic!("an idle lane is free") };
        assert_eq!(lane.next_at, Some(at(4_000)));
        assert!(matches!(lane.turn(at(0), 1, 60, false), Turn::Wait(until, _) if until == at(3_000)));
        assert!(matches!(lane.turn(at(3_000), 1, 60, true), Turn::Go(next) if next.next_at == Some(at(5_000))));
    }

    #[test]
    fn a_thousand_texts_at_once_line_up() {
        let (mut lane, mut asked, mut left) = (Lane::default(), 0, Vec::new());
        let mut waiting: std::collections::BTreeSet<(Time, u32, bool)> =
            (0..1_000).map(|id| (at(0), id, false)).collect();
        while let Some((now, id, waited)) = waiting.pop_first() {
            asked += 1;
            match lane.turn(now, 1, 600, waited) {
                Turn::Go(next) => {
                    lane = next;
                    left.push((now, id));
                }
                Turn::Wait(until, next) => {
                    lane = next;
                    waiting.insert((until, id, true));
                }
            }
        }
        assert_eq!(left.len(), 1_000);
        assert!(asked <= 2_100, "asked {asked} times");
        // In the order they came, at ten a second.
        assert!(left.is_sorted_by_key(|(_, id)| *id));
        let took = left[999].0.since(left[0].0);
        assert!((98..=100).contains(&took.as_secs()), "{took:?}");
    }

    #[test]
    fn the_pace_comes_back_slowly_after_an_outage() {
        let told: Vec<_> = [0, 14, 15, 30, 60, 119, 120].map(Duration::from_secs).map(ramp).to_vec();
        assert_eq!(told, [Some(60), Some(60), Some(120), Some(240), Some(960), Some(7_680), None]);
    }

    #[test]
    fn a_day_of_the_cap_ends_at_midnight_pacific() {
        let check = |now: &str, next: &str| {
            let (day, ends) = cap_day(Time::parse(now).unwrap());
            assert_eq!(ends, Time::parse(next).unwrap(), "{now}");
            day
        };
        let first = check("2026-07-01T06:59:59Z", "2026-07-01T07:00:00Z");
        let second = check("2026-07-01T07:00:00Z", "2026-07-02T07:00:00Z");
        assert_eq!(second, first + 1);
        // The day on which clocks go back has 25 hours.
        check("2026-11-01T07:30:00Z", "2026-11-02T08:00:00Z");
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_it_may(
            per_minute in 1u32..600,
            texts in prop::collection::vec((1u32..6, 0i64..3_000), 1..80),
        ) {
            let (mut lane, mut now) = (Lane::default(), at(0));
            let mut left: Vec<(Time, u32)> = Vec::new();
            for (parts, pause) in texts {
                now = now + Duration::from_millis(pause.unsigned_abs());
                let mut waited = false;
                loop {
                    match lane.turn(now, parts, per_minute, waited) {
                        Turn::Go(next) => {
                            lane = next;
                            left.push((now, parts));
                            break;
                        }
                        Turn::Wait(until, next) => {
                            prop_assert!(until > now);
                            (now, lane, waited) = (until, next, true);
                        }
                    }
                }
            }
            for (from, _) in &left {
                let minute: u32 = left
                    .iter()
                    .filter(|(at, _)| at >= from && at.since(*from) < MINUTE)
                    .map(|(_, parts)| parts)
                    .sum();
                let longest = left.iter().map(|(_, parts)| *parts).max().unwrap_or(0);
                prop_assert!(minute <= per_minute + per_minute.div_ceil(60) + longest, "{minute} of {per_minute}");
            }
        }
    }
}

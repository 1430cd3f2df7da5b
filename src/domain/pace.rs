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
    /// Asks for a place for so many parts. `booked`: the moment the text was told to come back at. Within any minute no more
    /// than a minute's parts, one second's worth and one text leave; a thousand texts that wait come back one after the
    /// other, not all at once. Who comes before its moment is told it again; who comes late lines up again unless there is
    /// room.
    pub fn turn(self, now: Time, parts: u32, pace: Pace, booked: Option<Time>) -> Turn {
        if let Some(at) = booked.filter(|at| *at > now) {
            return Turn::Wait(at, self);
        }
        let from = self.next_at.map_or(now, |at| at.max(now));
        let free_at = if from.since(now) > BURST { from - BURST } else { now };
        let queue = self.queue_at.filter(|at| *at > now);
        if free_at == now && (booked.is_some() || queue.is_none()) {
            return Turn::Go(Lane { next_at: Some(pace.after(from, parts)), ..self });
        }
        if booked.is_some_and(|at| now.since(at) <= BURST) {
            return Turn::Wait(free_at, self);
        }
        let until = queue.map_or(free_at, |at| pace.after(at.max(free_at), parts));
        Turn::Wait(until, Lane { queue_at: Some(until), ..self })
    }
}

/// How fast a lane is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Parts a minute, at least 1; `None` is as many as come.
    pub per_minute: Option<u32>,
    /// When it came back from its last outage.
    pub back_at: Option<Time>,
}

/// After an outage, so long until the full pace is back.
pub const RAMP: Duration = MINUTE.saturating_mul(2);
const RAMP_DOUBLES_EVERY: Duration = Duration::from_secs(15);
const RAMP_FIRST_PER_MINUTE: u32 = 60;

impl Pace {
    /// Whether anything has to line up at this moment.
    pub fn is_bound(self, now: Time) -> bool {
        self.at(now).0.is_some()
    }

    /// When so many parts more have left, from this moment on. A line of a thousand that begins right after an outage
    /// follows the pace as it comes back, so that nobody keeps a place that was far off only at first.
    pub fn after(self, from: Time, parts: u32) -> Time {
        // In parts of a minute's 60,000 milliseconds.
        let (mut at, mut work) = (from, u64::from(parts.max(1)) * 60_000);
        loop {
            let (Some(per_minute), until) = self.at(at) else { return at };
            let takes = Duration::from_millis(work / u64::from(per_minute.max(1)));
            match until {
                Some(until) if at + takes > until => {
                    let millis = u64::try_from(until.since(at).as_millis()).unwrap_or(u64::MAX);
                    work = work.saturating_sub(millis.saturating_mul(u64::from(per_minute)));
                    at = until;
                }
                _ => return at + takes,
            }
        }
    }

    /// Parts a minute at this moment, and until when that holds: after an outage one a second at first, twice as many every
    /// quarter of a minute.
    fn at(self, moment: Time) -> (Option<u32>, Option<Time>) {
        let Some(back_at) = self.back_at.filter(|at| moment.since(*at) < RAMP) else { return (self.per_minute, None) };
        let step = u32::try_from(moment.since(back_at).as_secs() / RAMP_DOUBLES_EVERY.as_secs()).unwrap_or(0).min(8);
        let ramp = RAMP_FIRST_PER_MINUTE << step;
        (Some(self.per_minute.map_or(ramp, |most| most.min(ramp))), Some(back_at + RAMP_DOUBLES_EVERY * (step + 1)))
    }
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
            match lane.turn(now, 1, of(120), Some(now)) {
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
        let Turn::Go(lane) = Lane::default().turn(at(0), 4, of(60), None) else { panic!("an idle lane is free") };
        assert_eq!(lane.next_at, Some(at(4_000)));
        assert!(matches!(lane.turn(at(0), 1, of(60), None), Turn::Wait(until, _) if until == at(3_000)));
        assert!(
            matches!(lane.turn(at(3_000), 1, of(60), Some(at(3_000))), Turn::Go(next) if next.next_at == Some(at(5_000)))
        );
    }

    fn of(per_minute: u32) -> Pace {
        Pace { per_minute: Some(per_minute), back_at: None }
    }

    /// When each of so many texts left that come at once, and how often they asked. Between the moments of `asleep` nobody
    /// does anything.
    fn line_up(texts: u32, pace: Pace, asleep: Option<(Time, Time)>) -> (Vec<(Time, u32)>, u32) {
        let (mut lane, mut asked, mut left) = (Lane::default(), 0, Vec::new());
        let mut waiting: std::collections::BTreeSet<(Time, u32, Option<Time>)> =
            (0..texts).map(|id| (at(0), id, None)).collect();
        while let Some((due_at, id, booked)) = waiting.pop_first() {
            asked += 1;
            let now = asleep.filter(|(from, to)| *from < due_at && due_at < *to).map_or(due_at, |(_, to)| to);
            match lane.turn(now, 1, pace, booked) {
                Turn::Go(next) => {
                    lane = next;
                    left.push((now, id));
                }
                Turn::Wait(until, next) => {
                    assert!(until > now);
                    lane = next;
                    waiting.insert((until, id, Some(until)));
                }
            }
        }
        assert_eq!(left.len(), usize::try_from(texts).unwrap());
        (left, asked)
    }

    #[test]
    fn a_thousand_texts_at_once_line_up() {
        let (left, asked) = line_up(1_000, of(600), None);
        assert!(asked <= 2_100, "asked {asked} times");
        // In the order they came, at ten a second.
        assert!(left.is_sorted_by_key(|(_, id)| *id));
        let took = left[999].0.since(left[0].0);
        assert!((98..=100).contains(&took.as_secs()), "{took:?}");
    }

    #[test]
    fn a_line_nobody_looked_after_for_a_while_forms_again() {
        let (left, asked) = line_up(1_000, of(600), Some((at(30_000), at(300_000))));
        assert!(asked <= 3_000, "asked {asked} times");
        let took = left[999].0.since(left[0].0);
        assert!((366..=372).contains(&took.as_secs()), "{took:?}");
    }

    #[test]
    fn who_is_called_too_early_keeps_its_place() {
        let lane = Lane { next_at: Some(at(50_000)), queue_at: Some(at(90_000)) };
        assert_eq!(lane.turn(at(0), 1, of(60), Some(at(70_000))), Turn::Wait(at(70_000), lane));
    }

    #[test]
    fn a_line_follows_the_pace_as_it_comes_back() {
        let back = Pace { per_minute: None, back_at: Some(at(0)) };
        let (left, asked) = line_up(2_000, back, None);
        assert!(left.is_sorted_by_key(|(_, id)| *id));
        assert!(asked <= 4_200, "asked {asked} times");
        let within = |seconds: i64| left.iter().filter(|(when, _)| *when < at(seconds * 1_000)).count();
        // One a second for a quarter of a minute, then two, four and so on; a second's worth may be early.
        for (seconds, most) in [(15, 15), (30, 45), (60, 225), (90, 945), (105, 1_905)] {
            assert!((most - 1..=most + 66).contains(&within(seconds)), "{} within {seconds} s", within(seconds));
        }
        assert!(left[1_999].0 < at(120_000), "over with the ramp: {:?}", left[1_999]);
        // Nobody lines up after it, unless the account is slow by itself.
        assert!(back.is_bound(at(119_999)) && !back.is_bound(at(120_000)));
        let slow = Pace { per_minute: Some(90), ..back };
        assert_eq!(slow.after(at(0), 15 + 45), at(15_000 + 30_000));
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
                let mut booked = None;
                loop {
                    match lane.turn(now, parts, of(per_minute), booked) {
                        Turn::Go(next) => {
                            lane = next;
                            left.push((now, parts));
                            break;
                        }
                        Turn::Wait(until, next) => {
                            prop_assert!(until > now);
                            (now, lane, booked) = (until, next, Some(until));
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

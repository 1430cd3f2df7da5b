//! Whether taps can be believed: the share of a shop's openings that are a person's, day by day, held against its own
//! usual. A jump is told, never mended: what it means is a person's to find out, and the figures stay what they are.

/// Openings of links on one day, and those by people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    pub raw: u64,
    pub human: u64,
}

/// A day unlike the days before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    pub day: Day,
    /// The usual share, 0 to 1: the median of the days before.
    pub usual: f64,
}

impl Jump {
    /// Whether fewer openings than usual are by people.
    pub fn is_fall(&self) -> bool {
        share(self.day) < self.usual
    }
}

/// A day with fewer openings says too little.
const DAY_RAW_MIN: u64 = 30;
/// Days before with fewer openings are left out, and so many of them are needed.
const BEFORE_RAW_MIN: u64 = 10;
const BEFORE_DAYS_MIN: usize = 7;
/// Less than this is no jump, however sure it is.
const DISTANCE_MIN: f64 = 0.15;
/// Standard deviations, of chance and of how days usually differ, whichever is more: under one false alarm in ten years
/// if days differed by chance alone.
const DEVIATIONS: f64 = 4.0;
/// From the median of distances to a standard deviation, as for a normal spread.
const MAD_TO_SIGMA: f64 = 1.4826;

fn share(day: Day) -> f64 {
    if day.raw == 0 { 0.0 } else { day.human as f64 / day.raw as f64 }
}

/// The day's jump, if it is one; `before` in any order.
pub fn jump(day: Day, before: &[Day]) -> Option<Jump> {
    let mut shares: Vec<f64> = before.iter().filter(|day| day.raw >= BEFORE_RAW_MIN).copied().map(share).collect();
    if day.raw < DAY_RAW_MIN || shares.len() < BEFORE_DAYS_MIN {
        return None;
    }
    let usual = median(&mut shares);
    let mut distances: Vec<f64> = shares.iter().map(|share| (share - usual).abs()).collect();
    let spread = median(&mut distances) * MAD_TO_SIGMA;
    // Never nothing: a usual of all or none is an estimate too.
    let probable = usual.clamp(0.02, 0.98);
    let chance = (probable * (1.0 - probable) / day.raw as f64).sqrt();
    let bound = (DEVIATIONS * chance.max(spread)).max(DISTANCE_MIN);
    ((share(day) - usual).abs() > bound).then_some(Jump { day, usual })
}

/// Of at least one value.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(0.0);
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|place| values.get(place)).copied().unwrap_or(upper);
    (lower + upper) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn days(human: u64) -> Vec<Day> {
        (0..28).map(|day| Day { raw: 100, human: human + day % 5 }).collect()
    }

    #[test]
    fn a_jump_is_told_and_a_wobble_is_not() {
        #[track_caller]
        fn check(raw: u64, human: u64, before: &[Day], expected: Option<bool>) {
            assert_eq!(jump(Day { raw, human }, before).map(|jump| jump.is_fall()), expected);
        }
        check(100, 62, &days(60), None);
        check(100, 50, &days(60), None);
        check(100, 30, &days(60), Some(true));
        check(400, 395, &days(60), Some(false));
        // Too little to say anything of: on the day, or before it.
        check(29, 0, &days(60), None);
        check(100, 0, &days(60)[..6], None);
        check(100, 0, &[], None);
        check(100, 0, &[Day { raw: 9, human: 9 }; 28], None);
        // One day unlike the others moves the usual as little as it should.
        let mut before = days(60);
        before[3] = Day { raw: 5_000, human: 0 };
        check(100, 61, &before, None);
        check(100, 20, &before, Some(true));
        // Days that always differ much are the usual.
        let wild: Vec<Day> = (0..28).map(|day| Day { raw: 50, human: 10 + (day * 7) % 40 }).collect();
        check(100, 30, &wild, None);
        check(0, 0, &days(60), None);
    }

    proptest! {
        #[test]
        fn a_usual_day_is_never_a_jump(
            raw in 30u64..10_000,
            per_hundred in 5u64..95,
            before in 7usize..28,
        ) {
            let usual = vec![Day { raw: 1_000, human: per_hundred * 10 }; before];
            prop_assert_eq!(jump(Day { raw, human: raw * per_hundred / 100 }, &usual), None);
        }
    }
}

//! Statistics: intervals and questions about two groups of people, pure. Every function names the method it is and where
//! that is described; distributions are the library's. Nothing here knows what a text or an order is.
//!
//! Two kinds of interval, never to be mixed up:
//! - [`newcombe`] and [`Sample::difference`] hold what they promise for somebody who looks **once**, when the data is in.
//! - [`always_valid`] holds it for somebody who looks every day and stops when it pleases. It is wider, and it alone may
//!   carry a sentence such as "texts earned more than they cost".

mod chance;
mod sample;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal, StudentsT};

pub use chance::Chance;
pub use sample::{DRAWS, Sample};

/// Two-sided 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;
/// One minus the power of 80 % that sizes are planned for, as a normal quantile.
const Z_POWER: f64 = 0.841_621_233_572_914;
/// How often a claim may be wrong, over all looks together.
pub const ALPHA: f64 = 0.05;
/// Below this the split of people is not what was drawn, and no figure can be believed.
pub const SPLIT_ALARM: f64 = 0.001;

/// From `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// All of it above nothing.
    pub fn is_gain(self) -> bool {
        self.low > 0.0
    }

    /// All of it below nothing.
    pub fn is_loss(self) -> bool {
        self.high < 0.0
    }

    pub fn times(self, factor: f64) -> Interval {
        let (a, b) = (self.low * factor, self.high * factor);
        Interval { low: a.min(b), high: a.max(b) }
    }

    pub fn less(self, amount: f64) -> Interval {
        Interval { low: self.low - amount, high: self.high - amount }
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub hits: u64,
    pub of: u64,
}

impl Share {
    /// More hits than people are as many as people.
    pub fn new(hits: u64, of: u64) -> Share {
        Share { hits: hits.min(of), of }
    }

    /// 0 to 1; of nobody, 0.
    pub fn rate(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.hits as f64 / self.of as f64 }
    }

    /// The variance of the rate, with one hit and one miss added (Agresti and Caffo 2000), so that it is never nothing.
    fn variance(self) -> f64 {
        let of = self.of as f64 + 2.0;
        let rate = (self.hits as f64 + 1.0) / of;
        rate * (1.0 - rate) / of
    }
}

/// The 95 % score interval of a rate (Wilson 1927): inside 0 to 1, and sensible for few people and for no hits.
pub fn wilson(share: Share) -> Interval {
    if share.of == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, rate, z2) = (share.of as f64, share.rate(), Z_95 * Z_95);
    let middle = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 / (1.0 + z2 / n) * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    Interval { low: (middle - half).clamp(0.0, rate), high: (middle + half).clamp(rate, 1.0) }
}

/// The 95 % interval of `a`'s rate less `b`'s: the hybrid score interval (Newcombe 1998, Statistics in Medicine 17:873,
/// method 10). `None` while one of them has nobody.
pub fn newcombe(a: Share, b: Share) -> Option<Interval> {
    if a.of == 0 || b.of == 0 {
        return None;
    }
    let (of_a, of_b) = (wilson(a), wilson(b));
    let difference = a.rate() - b.rate();
    let low = (a.rate() - of_a.low).hypot(of_b.high - b.rate());
    let high = (of_a.high - a.rate()).hypot(b.rate() - of_b.low);
    Some(Interval { low: (difference - low).max(-1.0), high: (difference + high).min(1.0) })
}

/// How likely a split of people at least as uneven as this one is, where `expected` (0 to 1, exclusive) of them should be
/// in `a`: Pearson's chi-square with one degree of freedom. 1 of nobody. Below [`SPLIT_ALARM`] something is broken: people
/// are lost on one side only.
pub fn split(a: u64, b: u64, expected: f64) -> f64 {
    split_of(&[(a, expected), (b, 1.0 - expected)])
}

/// The same of several groups, each with what it has and its weight. 1 of fewer than two groups with a weight.
pub fn split_of(groups: &[(u64, f64)]) -> f64 {
    let weights: f64 = groups.iter().map(|(_, weight)| weight).sum();
    let people = groups.iter().map(|(count, _)| *count as f64).sum::<f64>();
    let drawn = groups.iter().filter(|(_, weight)| *weight > 0.0);
    let free = drawn.clone().count().saturating_sub(1);
    if free == 0 || people == 0.0 {
        return 1.0;
    }
    let square: f64 = drawn
        .map(|(count, weight)| {
            let expected = people * weight / weights;
            (*count as f64 - expected).powi(2) / expected
        })
        .sum();
    ChiSquared::new(free as f64).map_or(1.0, |law| law.sf(square).clamp(0.0, 1.0))
}

/// The variance of `a`'s rate less `b`'s.
pub fn variance_of(a: Share, b: Share) -> f64 {
    a.variance() + b.variance()
}

/// An interval around an estimate that holds with 95 % at **every** look at once, however often one looks and whenever one
/// stops: the mixture sequential probability ratio test turned around (Robbins 1970; Johari, Koomen, Pekelis and Walsh
/// 2022, Operations Research 70:1806). `variance` is the estimate's own, above 0; `scale`, above 0, is about how large a
/// difference is expected and must be chosen without looking at the estimate: it changes how wide the interval is, never
/// how often it is wrong. Rests on the estimate being about normal, so ask it of some hundred people or more.
pub fn always_valid(estimate: f64, variance: f64, scale: f64) -> Interval {
    let half = always_valid_half(variance, scale, ALPHA);
    Interval { low: estimate - half, high: estimate + half }
}

/// The same, wrong at most `alpha` of the time.
pub fn always_valid_at(estimate: f64, variance: f64, scale: f64, alpha: f64) -> Interval {
    let half = always_valid_half(variance, scale, alpha);
    Interval { low: estimate - half, high: estimate + half }
}

fn always_valid_half(variance: f64, scale: f64, alpha: f64) -> f64 {
    if !(variance > 0.0 && scale > 0.0 && alpha > 0.0) {
        return f64::INFINITY;
    }
    let mixed = variance + scale * scale;
    (2.0 * variance * mixed / (scale * scale) * (0.5 * (mixed / variance).ln() - alpha.ln())).sqrt()
}

/// How many people in both groups together it takes until a difference this large is very likely (80 %) outside the
/// [`always_valid`] interval around it. `per_person` is the variance of the difference times the people in both groups.
/// `None` where no number of people would do: a difference of nothing.
pub fn people_needed(difference: f64, per_person: f64, scale: f64) -> Option<u64> {
    let difference = difference.abs();
    if !(difference > 0.0 && per_person > 0.0 && difference.is_finite() && per_person.is_finite()) {
        return None;
    }
    let shows = |people: u64| {
        let variance = per_person / people as f64;
        always_valid_half(variance, scale, ALPHA) + Z_POWER * variance.sqrt() <= difference
    };
    let mut most = 64;
    while !shows(most) {
        most *= 2;
        if most > PEOPLE_MOST {
            return None;
        }
    }
    let mut least = most / 2;
    while most - least > 1 {
        let middle = least.midpoint(most);
        if shows(middle) { most = middle } else { least = middle }
    }
    Some(most)
}

/// More people than any shop has.
const PEOPLE_MOST: u64 = 1 << 40;

/// The standard normal distribution up to `at`, and the point it reaches a probability (0 to 1, exclusive) at.
fn normal_cdf(at: f64) -> f64 {
    Normal::standard().cdf(at)
}

fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability.clamp(1e-12, 1.0 - 1e-12))
}

/// How far out the ends of a resampled 95 % interval lie, where the smaller group has so many amounts: Student's quantile
/// in place of the normal one, and the deviation of a sample in place of that of its draws.
fn expanded_z(amounts: u64) -> f64 {
    let free = amounts.max(4) as f64 - 1.0;
    let student = StudentsT::new(0.0, 1.0, free).map_or(Z_95, |law| law.inverse_cdf(0.975));
    student * ((free + 1.0) / free).sqrt()
}

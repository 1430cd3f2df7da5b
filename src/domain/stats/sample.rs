//! A sample: what each person brought, most of them nothing. Kept as how many people there are and the amounts that are
//! not nothing, so that a hundred thousand people who bought nothing cost nothing.

use super::{Chance, Interval, expanded_z, normal_cdf, normal_quantile};

/// What each of `people` brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    people: u64,
    /// What is not nothing; at most `people` of them.
    amounts: Vec<f64>,
}

/// How often a difference is drawn again. The ends of an interval then lie within about a fiftieth of its width.
pub const DRAWS: usize = 2_000;

/// Amounts above which their sum is drawn by the normal law: so many of them are normal enough, and a page waits for it.
const EXACT_MOST: usize = 2_000;

impl Sample {
    /// Those beyond `people` are left out; amounts that are no number too.
    pub fn new(people: u64, amounts: impl IntoIterator<Item = f64>) -> Sample {
        let amounts = amounts.into_iter().filter(|amount| amount.is_finite() && *amount != 0.0);
        Sample { people, amounts: amounts.take(usize::try_from(people).unwrap_or(usize::MAX)).collect() }
    }

    pub fn people(&self) -> u64 {
        self.people
    }

    pub fn sum(&self) -> f64 {
        self.amounts.iter().sum()
    }

    /// Per person; of nobody, 0.
    pub fn mean(&self) -> f64 {
        if self.people == 0 { 0.0 } else { self.sum() / self.people as f64 }
    }

    /// The variance of the mean.
    pub fn variance_of_mean(&self) -> f64 {
        self.central(2) / (self.people as f64).powi(2)
    }

    /// The sum over people of (amount − mean) to this power.
    fn central(&self, power: i32) -> f64 {
        let mean = self.mean();
        let zeros = self.people as f64 - self.amounts.len() as f64;
        zeros * (-mean).powi(power) + self.amounts.iter().map(|amount| (amount - mean).powi(power)).sum::<f64>()
    }

    /// Who would be drawn if people were drawn again: the mean of one such draw.
    fn drawn(&self, spread: (f64, f64), chance: &mut Chance) -> f64 {
        let count = self.amounts.len();
        let hits = chance.hits(self.people, count as f64 / self.people as f64);
        let sum = if count <= EXACT_MOST {
            let one = |_| self.amounts.get(chance.below(count as u64) as usize).copied().unwrap_or(0.0);
            (0..hits).map(one).sum()
        } else {
            let (mean, deviation) = spread;
            mean * hits as f64 + chance.normal() * deviation * (hits as f64).sqrt()
        };
        sum / self.people as f64
    }

    /// Mean and standard deviation of the amounts that are not nothing.
    fn spread(&self) -> (f64, f64) {
        let count = self.amounts.len().max(1) as f64;
        let mean = self.sum() / count;
        let square: f64 = self.amounts.iter().map(|amount| (amount - mean).powi(2)).sum();
        (mean, (square / count).sqrt())
    }

    /// The 95 % interval of this sample's mean less the other's: the bootstrap, bias-corrected and accelerated (Efron
    /// 1987, JASA 82:171; the acceleration is that of the influence of each person on the difference), expanded because few
    /// who brought something resample too narrowly (Hesterberg 2015, The American Statistician 69:371). The same seed
    /// gives the same interval. `None` while one has fewer than two people, or nobody brought anything.
    pub fn difference(&self, other: &Sample, seed: u64, draws: usize) -> Option<Interval> {
        if self.people < 2 || other.people < 2 || self.amounts.is_empty() && other.amounts.is_empty() || draws == 0 {
            return None;
        }
        let estimate = self.mean() - other.mean();
        let mut chance = Chance::new(seed);
        let spreads = (self.spread(), other.spread());
        let mut drawn: Vec<f64> =
            (0..draws).map(|_| self.drawn(spreads.0, &mut chance) - other.drawn(spreads.1, &mut chance)).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let below = drawn.iter().filter(|value| **value < estimate).count() as f64;
        let ties = drawn.iter().filter(|value| **value == estimate).count() as f64;
        let bias = normal_quantile(((below + ties / 2.0) / draws as f64).clamp(0.001, 0.999));
        let acceleration = acceleration(self, other);
        let end = |z: f64| {
            let shifted = bias + z;
            let place = normal_cdf(bias + shifted / (1.0 - acceleration * shifted));
            let at = (place * (draws as f64 - 1.0)).round().clamp(0.0, draws as f64 - 1.0) as usize;
            drawn.get(at).copied().unwrap_or(estimate)
        };
        let z = expanded_z(self.amounts.len().min(other.amounts.len()) as u64);
        let (low, high) = (end(-z), end(z));
        Some(Interval { low: low.min(estimate), high: high.max(estimate) })
    }
}

/// A sixth of the skewness of the influence of each person on the difference of means.
fn acceleration(a: &Sample, b: &Sample) -> f64 {
    let cube = |n: u64| (n as f64).powi(3);
    let square = |n: u64| (n as f64).powi(2);
    let cubes = a.central(3) / cube(a.people) - b.central(3) / cube(b.people);
    let squares = a.central(2) / square(a.people) + b.central(2) / square(b.people);
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

//! Chance that is none: the same seed draws the same. Figures made by resampling must be the same each time they are
//! asked for; nothing secret hangs on it.

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

/// Below this many expected hits they are drawn one by one, above it by the normal law, which is then as good.
const EXACT_BELOW: f64 = 30.0;

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0, below 1.
    pub fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `end`; 0 when that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.number()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.unit(), self.unit());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// How many of `of` tries hit, each with this probability (0 to 1).
    pub fn hits(&mut self, of: u64, probability: f64) -> u64 {
        if probability > 0.5 {
            return of - self.hits(of, 1.0 - probability);
        }
        let mean = of as f64 * probability;
        if mean >= EXACT_BELOW {
            let drawn = mean + self.normal() * (mean * (1.0 - probability)).sqrt();
            return (drawn.round().max(0.0) as u64).min(of);
        }
        // By how many misses lie between two hits, which is geometric.
        let miss = (1.0 - probability).ln();
        if miss >= 0.0 {
            return 0;
        }
        let (mut tries, mut hits) = (0.0, 0);
        loop {
            tries += ((1.0 - self.unit()).ln() / miss).floor() + 1.0;
            if tries > of as f64 {
                return hits;
            }
            hits += 1;
        }
    }
}

//! Modes: what a shop asks of a consent, by country, on top of what the law asks. Never less than the law.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::Level;
use crate::domain::time::DAY;

/// What a consent has to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A recorded, explicit consent; a confirmed one where the law's row says so.
    #[default]
    Law,
    /// Confirmed from the phone everywhere.
    DoubleOptIn,
    /// An earlier completed order does instead, where the law's row allows it. Nowhere else does it change anything.
    SoftOptIn,
}

impl Mode {
    pub const ALL: [Mode; 3] = [Mode::Law, Mode::DoubleOptIn, Mode::SoftOptIn];

    pub fn name(self) -> &'static str {
        match self {
            Mode::Law => "law",
            Mode::DoubleOptIn => "double_opt_in",
            Mode::SoftOptIn => "soft_opt_in",
        }
    }

    pub fn by_name(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A shop's modes: one for everywhere, others by country (ISO 3166-1 alpha-2, upper case).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Modes {
    pub everywhere: Mode,
    pub countries: BTreeMap<String, Mode>,
}

/// What the law's row demands where a person is; where several rows bind, the strictest of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// `Double` where a confirmation from the phone is needed; `Single` elsewhere.
    pub level: Level,
    /// The law lets an earlier purchase do instead of a consent.
    pub soft_opt_in: bool,
}

/// What is demanded of one person by law and shop together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub required: Level,
    pub soft_opt_in: bool,
    /// A consent of somebody not heard of for so long has to be confirmed again.
    pub stale_after: Duration,
}

/// Months after which a silent consent is stale, unless the shop says otherwise. Our own choice: no law found names one.
pub const STALE_MONTHS: u32 = 24;
/// The bounds of that setting.
pub const STALE_MONTHS_MOST: u32 = 60;

/// Months as time: a twelfth of 365 days each, in whole days.
fn months(count: u32) -> Duration {
    DAY * (count * 365 / 12)
}

impl Modes {
    /// The terms for a person who may be in any of these countries: the strictest mode of them counts.
    pub fn terms(&self, countries: &[&str], law: Demand, stale_months: u32) -> Terms {
        let told = countries.iter().map(|country| self.countries.get(*country).copied().unwrap_or(self.everywhere));
        let modes: Vec<Mode> = if countries.is_empty() { vec![self.everywhere] } else { told.collect() };
        let double = law.level == Level::Double || modes.contains(&Mode::DoubleOptIn);
        Terms {
            required: if double { Level::Double } else { Level::Single },
            soft_opt_in: !double && law.soft_opt_in && modes.iter().all(|mode| *mode == Mode::SoftOptIn),
            stale_after: months(stale_months.clamp(1, STALE_MONTHS_MOST)),
        }
    }

    /// What is out of form; every problem in words.
    pub fn check(&self) -> Vec<String> {
        let two_letters = |code: &&String| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase());
        let odd = self.countries.keys().filter(two_letters);
        odd.map(|code| format!("consent.{code}: must be a two-letter country code, as in US")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINGLE: Demand = Demand { level: Level::Single, soft_opt_in: false };
    const DOUBLE: Demand = Demand { level: Level::Double, soft_opt_in: false };
    const SOFT: Demand = Demand { level: Level::Single, soft_opt_in: true };

    #[track_caller]
    fn check(everywhere: Mode, own: &[(&str, Mode)], place: &[&str], law: Demand, expected: (Level, bool)) {
        let countries = own.iter().map(|(country, mode)| ((*country).to_owned(), *mode)).collect();
        let terms = Modes { everywhere, countries }.terms(place, law, STALE_MONTHS);
        assert_eq!((terms.required, terms.soft_opt_in), expected, "{everywhere:?} {own:?} {place:?} {law:?}");
    }

    #[test]
    fn a_shop_asks_for_more_than_the_law_never_for_less() {
        use {Level::*, Mode::*};
        check(Law, &[], &["SI"], SINGLE, (Single, false));
        check(Law, &[], &["US"], DOUBLE, (Double, false));
        check(Law, &[], &["GB"], SOFT, (Single, false));
        check(Law, &[], &[], SINGLE, (Single, false));
        check(DoubleOptIn, &[], &["SI"], SINGLE, (Double, false));
        check(SoftOptIn, &[], &["GB"], SOFT, (Single, true));
        // Where the law's row says nothing of it, the mode changes nothing.
        check(SoftOptIn, &[], &["SI"], SINGLE, (Single, false));
        check(SoftOptIn, &[], &["US"], Demand { soft_opt_in: true, ..DOUBLE }, (Double, false));
        check(Law, &[("GB", SoftOptIn)], &["GB"], SOFT, (Single, true));
        check(SoftOptIn, &[("GB", Law)], &["GB"], SOFT, (Single, false));
        // Two places: the stricter counts.
        check(Law, &[("GB", SoftOptIn)], &["GB", "NL"], SOFT, (Single, false));
        check(Law, &[("GB", SoftOptIn), ("NL", DoubleOptIn)], &["GB", "NL"], SOFT, (Double, false));
    }

    #[test]
    fn settings_are_read_strictly_and_missing_ones_mean_the_law() {
        assert_eq!(serde_json::from_str::<Modes>("{}").unwrap(), Modes::default());
        let told = r#"{"everywhere":"law","countries":{"GB":"soft_opt_in","DE":"double_opt_in"}}"#;
        let modes: Modes = serde_json::from_str(told).unwrap();
        assert_eq!(
            serde_json::to_string(&modes).unwrap(),
            r#"{"everywhere":"law","countries":{"DE":"double_opt_in","GB":"soft_opt_in"}}"#
        );
        assert!(serde_json::from_str::<Modes>(r#"{"everywhere":"none"}"#).is_err());
        assert!(serde_json::from_str::<Modes>(r#"{"country":{}}"#).is_err());
        assert_eq!(modes.check(), Vec::<String>::new());
        let odd = Modes { countries: [("gb".to_owned(), Mode::Law)].into(), ..Modes::default() };
        assert_eq!(odd.check().len(), 1);
        for mode in Mode::ALL {
            assert_eq!(Mode::by_name(mode.name()), Some(mode));
        }
    }

    #[test]
    fn months_are_days_and_bounded() {
        let stale = |count| Modes::default().terms(&["SI"], SINGLE, count).stale_after;
        assert_eq!(stale(24), DAY * 730);
        assert_eq!(stale(0), DAY * 30);
        assert_eq!(stale(u32::MAX), DAY * 1825);
    }
}

//! How long each kind of data about people is kept. One clock per kind: what is only needed to act goes soon, what proves
//! that we were allowed to act stays as long as somebody may ask (compliance.md 2.6). Figures name nobody and stay.
//!
//! Two clocks stand in the rules themselves: raw deliveries (`inbox_days`) and carts (`cart_days`). Sessions end by
//! themselves within a week and are dropped a day later; that is no shop's to choose.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::{DAY, Time};

/// The clocks of one shop. A missing field has its default, an unknown one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days after which a text's words are replaced by their SHA-256, which still proves what they were to whoever has
    /// them; replies that nobody has to read any more go then too: 7 to 730.
    pub message_days: u32,
    /// Days after which an opening of a link forgets the name of the browser; that it happened, when, and whether a
    /// person did it stays for the figures: 1 to 730.
    pub click_days: u32,
    /// Days after which what a visitor did on the site goes, event by event; the figures made of it stay: 30 to 730.
    pub event_days: u32,
    /// Months after which decisions go, gates and all: 3 to 120.
    pub decision_months: u32,
    /// Months after its last change after which an order forgets whose it was; its sums stay: 3 to 120.
    pub order_months: u32,
    /// Months the proof of a consent outlives it, counted from the last entry, opt-out or text of its number: 24 to 240.
    /// Sixty because claims under the TCPA last four years and German proof is kept for five.
    pub consent_months: u32,
    /// Years an opt-out is kept: 0 for ever, else 10 to 100. Virginia honours one for ten years.
    pub opt_out_years: u32,
    /// Months the record that somebody asked for their data, or to be erased, is kept; it names nobody: 12 to 120.
    pub request_months: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            message_days: 90,
            click_days: 90,
            event_days: 180,
            decision_months: 24,
            order_months: 24,
            consent_months: 60,
            opt_out_years: 0,
            request_months: 36,
        }
    }
}

/// As long as the longest month, so that nothing goes early.
const MONTH_DAYS: u32 = 31;
const YEAR_DAYS: u32 = 366;

impl Retention {
    /// What is out of bounds, each problem a sentence that names its setting.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let bounds = [
            ("message_days", self.message_days, 7, 730),
            ("click_days", self.click_days, 1, 730),
            ("event_days", self.event_days, 30, 730),
            ("decision_months", self.decision_months, 3, 120),
            ("order_months", self.order_months, 3, 120),
            ("consent_months", self.consent_months, 24, 240),
            ("request_months", self.request_months, 12, 120),
        ];
        let outside = bounds.into_iter().filter(|(_, value, least, most)| !(least..=most).contains(&value));
        let mut problems: Vec<String> =
            outside.map(|(name, _, least, most)| format!("retention.{name}: must be {least} to {most}")).collect();
        if self.opt_out_years != 0 && !(10..=100).contains(&self.opt_out_years) {
            problems.push("retention.opt_out_years: must be 0 (for ever) or 10 to 100".into());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// What is older than these is forgotten at `now`. `None` where nothing ever is.
    pub fn words_before(&self, now: Time) -> Time {
        now - days(self.message_days)
    }

    pub fn clicks_before(&self, now: Time) -> Time {
        now - days(self.click_days)
    }

    pub fn events_before(&self, now: Time) -> Time {
        now - days(self.event_days)
    }

    pub fn decisions_before(&self, now: Time) -> Time {
        now - days(self.decision_months * MONTH_DAYS)
    }

    pub fn orders_before(&self, now: Time) -> Time {
        now - days(self.order_months * MONTH_DAYS)
    }

    pub fn consents_before(&self, now: Time) -> Time {
        now - days(self.consent_months * MONTH_DAYS)
    }

    pub fn opt_outs_before(&self, now: Time) -> Option<Time> {
        (self.opt_out_years > 0).then(|| now - days(self.opt_out_years * YEAR_DAYS))
    }

    pub fn requests_before(&self, now: Time) -> Time {
        now - days(self.request_months * MONTH_DAYS)
    }
}

fn days(count: u32) -> Duration {
    DAY * count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_bounds_and_an_opt_out_is_for_ever() {
        let kept = Retention::default();
        assert_eq!(kept.check(), Ok(()));
        assert_eq!(kept.opt_outs_before(Time::LAST), None);
        assert_eq!(serde_json::from_str::<Retention>("{}").unwrap(), kept);
        assert!(serde_json::from_str::<Retention>(r#"{"mesage_days":1}"#).is_err());
    }

    #[test]
    fn each_clock_has_bounds() {
        #[track_caller]
        fn check(change: impl Fn(&mut Retention), expected: &str) {
            let mut kept = Retention::default();
            change(&mut kept);
            let problems = kept.check().err().unwrap_or_default();
            assert_eq!(problems, if expected.is_empty() { vec![] } else { vec![expected.to_owned()] });
        }
        check(|kept| kept.message_days = 6, "retention.message_days: must be 7 to 730");
        check(|kept| kept.click_days = 731, "retention.click_days: must be 1 to 730");
        check(|kept| kept.event_days = 29, "retention.event_days: must be 30 to 730");
        check(|kept| kept.decision_months = 2, "retention.decision_months: must be 3 to 120");
        check(|kept| kept.order_months = 121, "retention.order_months: must be 3 to 120");
        check(|kept| kept.consent_months = 23, "retention.consent_months: must be 24 to 240");
        check(|kept| kept.request_months = 0, "retention.request_months: must be 12 to 120");
        check(|kept| kept.opt_out_years = 9, "retention.opt_out_years: must be 0 (for ever) or 10 to 100");
        check(|kept| kept.opt_out_years = 10, "");
        check(|kept| kept.message_days = 730, "");
    }

    #[test]
    fn a_clock_counts_back_from_now() {
        let now = Time::parse("2030-01-01T00:00:00Z").unwrap();
        let kept = Retention { opt_out_years: 10, ..Retention::default() };
        assert_eq!(now.since(kept.words_before(now)), DAY * 90);
        assert_eq!(now.since(kept.decisions_before(now)), DAY * 24 * 31);
        assert_eq!(kept.opt_outs_before(now).map(|before| now.since(before)), Some(DAY * 3660));
    }
}

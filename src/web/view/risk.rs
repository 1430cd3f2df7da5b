//! Risk: what is held because it looks like a fake checkout or runaway spend, why, and how to let it go on.

use askama::Template;

use super::{
    Page,
    format::{self, Shown as _},
    words::{self, filters, say, t},
};
use crate::domain::time::Time;

#[derive(Clone, Debug, Template)]
#[template(path = "page/risk.html")]
pub struct Risk {
    pub page: Page,
    pub switch: Switch,
    pub pauses: Vec<PauseRow>,
    pub holds: Vec<HoldRow>,
    /// Today, in millionths of the money the gateway charges in.
    pub spent_micros: i64,
    pub most_micros: i64,
}

/// The kill switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switch {
    /// Since when, and why.
    pub thrown: Option<(Time, String)>,
    /// Whether this person may move it.
    pub may: bool,
}

#[derive(Clone, Debug)]
pub struct PauseRow {
    pub id: String,
    /// `Numbers +38640555…`
    pub what: String,
    pub why: String,
    pub at: Time,
}

#[derive(Clone, Debug)]
pub struct HoldRow {
    pub why: String,
    pub carts: u64,
    pub texts: u64,
}

impl Risk {
    pub fn answer(&self) -> String {
        let waiting: u64 = self.holds.iter().map(|hold| hold.carts + hold.texts).sum();
        let waits = match waiting {
            0 => t("no cart waits").to_owned(),
            1 => t("1 cart waits").to_owned(),
            many => say("{count} carts wait", &[("count", &format::count(many))]),
        };
        match (&self.switch.thrown, self.pauses.len() as u64) {
            (Some((_, why)), _) => say("All sending is stopped: {why}.", &[("why", why)]),
            (None, 0) if waiting == 0 => say("Nothing is held; {spent} spent today.", &[("spent", &self.spent())]),
            (None, 0) if waiting == 1 => t("Nothing needs you; 1 cart waits for its time.").to_owned(),
            (None, 0) => {
                say("Nothing needs you; {count} carts wait for their time.", &[("count", &format::count(waiting))])
            }
            (None, 1) => say("1 thing is paused until you resume it; {waiting}.", &[("waiting", &waits)]),
            (None, many) => say(
                "{count} things are paused until you resume them; {waiting}.",
                &[("count", &format::count(many)), ("waiting", &waits)],
            ),
        }
    }

    pub fn resume(&self, pause: &PauseRow) -> String {
        format!("/risk/{}/resume", pause.id)
    }

    pub fn paused(&self) -> String {
        (self.pauses.len() as u64).shown()
    }

    pub fn spent(&self) -> String {
        let (spent, most) = (decimal(self.spent_micros), decimal(self.most_micros));
        say("{part} of {whole}", &[("part", &spent), ("whole", &most)])
    }
}

/// Millionths with two decimals; the currency is the gateway's own, which the limit does not know.
fn decimal(micros: i64) -> String {
    let micros = micros.max(0);
    format::decimal(&(micros / 1_000_000).to_string(), &format!("{:02}", micros % 1_000_000 / 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_cut_off_not_rounded_up() {
        assert_eq!(decimal(99_999_999), "99.99");
        assert_eq!(decimal(80_000), "0.08");
        assert_eq!(decimal(-5), "0.00");
        assert_eq!(decimal(1_000_000_000_000), "1,000,000.00");
    }
}

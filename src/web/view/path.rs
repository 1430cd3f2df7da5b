//! Funnels: saved ways to a goal, how many came how far, and hints at where to look. `/funnels` is all of them,
//! `/funnels/{fun_…}` one with its bars and its form. (How far carts come is another thing: `funnel`.)

use askama::Template;

use super::{
    Page,
    event::label,
    form::Field,
    format::{self, Shown as _},
    words::{filters, noted, say, t},
};
use crate::domain::{
    diagnosis::Finding,
    funnel::{Walk, Way},
    money::{Currency, Money},
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/funnels.html")]
pub struct Funnels {
    pub page: Page,
    pub rows: Vec<PathRow>,
    pub findings: Vec<Finding>,
    /// Whether anything was told in the period.
    pub heard: bool,
    pub problems: Vec<String>,
    pub may_change: bool,
}

#[derive(Clone, Debug)]
pub struct PathRow {
    /// `fun_…`
    pub id: String,
    pub way: Way,
    pub walk: Walk,
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/funnel.html")]
pub struct FunnelPage {
    pub page: Page,
    /// `None` for one to add.
    pub id: Option<String>,
    pub way: Way,
    pub walk: Walk,
    /// Only the newest events were looked at.
    pub cut: bool,
    pub fields: Vec<Field>,
    pub problems: Vec<String>,
    pub may_change: bool,
}

/// What rules say in English, for the catalogue; a test finds every one of them here.
pub const OF_RULES: &[&str] = &[
    noted("Many carts, few orders."),
    noted("Look at shipping costs and delivery times, at the ways to pay, and at whether an account is demanded."),
    noted("Many begin the checkout, few finish it."),
    noted(
        "Walk through it on a phone: count its fields, try every way to pay, look for a cost that first appears there.",
    ),
    noted("Many carts, few checkouts."),
    noted(
        "Look at the cart page: is the way on in sight, is the total honest, does a coupon field send people away to search?",
    ),
    noted("Many look at products, few put one into the cart."),
    noted("Look at price, pictures, stock and sizes, and at whether the button is in sight on a phone."),
    noted("Lists are seen, their products are not opened."),
    noted("Look at what stands first in a list, at its pictures and prices, and at how fast it loads."),
    noted("Searches lead to no product."),
    noted(
        "Look at the searches themselves, under Goals by target: what is asked for that you do not have, or call otherwise?",
    ),
    noted("Payments are begun and do not go through."),
    noted("Look at what your payment provider declined, and try each way to pay with a real card."),
    noted("Visitors come and see no product."),
    noted("Look at the pages they land on and at the sources they come from: do they promise what the shop sells?"),
];

/// One step as a row of bars.
pub struct StepRow {
    pub number: usize,
    pub label: String,
    pub visitors: u64,
    pub width: String,
    /// Of the step before; "" for the first.
    pub share: String,
    /// What those who stopped before it were about to spend.
    pub lost: String,
}

/// A breakdown: how many began, and how many of them came to the end.
pub struct SegmentRow {
    pub value: String,
    pub began: u64,
    pub ended: u64,
    pub share: String,
}

pub fn step_rows(way: &Way, walk: &Walk) -> Vec<StepRow> {
    let first = walk.reached.first().copied().unwrap_or(0).max(1);
    let mut before = None;
    way.steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let visitors = walk.reached.get(at).copied().unwrap_or(0);
            let share = before.map(|before| format::rate(visitors, before)).unwrap_or_default();
            before = Some(visitors);
            StepRow {
                number: at + 1,
                label: match &step.only {
                    Some(only) => format!("{}: {}", label(step.kind), only.text),
                    None => label(step.kind).to_owned(),
                },
                visitors,
                width: format!("{:.2}%", visitors as f64 / first as f64 * 100.0),
                share,
                lost: walk.lost.get(at).map(money).unwrap_or_default(),
            }
        })
        .collect()
}

fn money(sums: &std::collections::BTreeMap<String, i64>) -> String {
    let read = |(code, minor): (&String, &i64)| Some(Money::new(*minor, Currency::parse(code).ok()?).brief());
    sums.iter().filter_map(read).collect::<Vec<_>>().join(", ")
}

const SEGMENTS_MAX: usize = 8;

pub fn segments(values: &std::collections::BTreeMap<String, Vec<u64>>) -> Vec<SegmentRow> {
    let mut rows: Vec<SegmentRow> = values
        .iter()
        .map(|(value, reached)| {
            let (began, ended) = (reached.first().copied().unwrap_or(0), reached.last().copied().unwrap_or(0));
            let value = if value.is_empty() { t("not known").to_owned() } else { value.clone() };
            SegmentRow { value, began, ended, share: format::rate(ended, began) }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.began));
    rows.truncate(SEGMENTS_MAX);
    rows
}

fn ends(walk: &Walk) -> (u64, u64) {
    (walk.reached.first().copied().unwrap_or(0), walk.reached.last().copied().unwrap_or(0))
}

impl PathRow {
    pub fn share(&self) -> String {
        let (began, ended) = ends(&self.walk);
        format::rate(ended, began)
    }

    pub fn began(&self) -> u64 {
        ends(&self.walk).0
    }

    pub fn ended(&self) -> u64 {
        ends(&self.walk).1
    }

    pub fn steps(&self) -> String {
        self.way.steps.iter().map(|step| label(step.kind)).collect::<Vec<_>>().join(" → ")
    }
}

impl Funnels {
    pub fn answer(&self) -> String {
        match (self.findings.first(), self.rows.first()) {
            (Some(finding), _) => say(
                "{says} {part} visitors went from one to the other.",
                &[("says", &t(finding.rule.says)), ("part", &format::out_of(finding.to, finding.from))],
            ),
            (None, Some(row)) => {
                let (began, ended) = ends(&row.walk);
                say(
                    "{part} visitors walked “{name}” to its end.",
                    &[("part", &format::out_of(ended, began)), ("name", &row.way.name)],
                )
            }
            (None, None) => t("No funnel is saved yet: 0 steps are watched.").to_owned(),
        }
    }

    pub fn says(&self, finding: &Finding) -> &'static str {
        t(finding.rule.says)
    }

    pub fn look_at(&self, finding: &Finding) -> &'static str {
        t(finding.rule.look_at)
    }

    /// With the figures and how sure that is.
    pub fn figures(&self, finding: &Finding) -> String {
        say(
            "{to}: {part} visitors of “{from}”; below {percent}% it is worth a look.",
            &[
                ("to", &label(finding.rule.to)),
                ("part", &format::out_of(finding.to, finding.from)),
                ("from", &label(finding.rule.from)),
                ("percent", &finding.rule.least_percent),
            ],
        )
    }
}

impl FunnelPage {
    pub fn answer(&self) -> String {
        if self.id.is_none() {
            return t("A funnel has 2 to 10 steps.").to_owned();
        }
        let (began, ended) = ends(&self.walk);
        say(
            "{part} visitors walked “{name}” to its end.",
            &[("part", &format::out_of(ended, began)), ("name", &self.way.name)],
        )
    }

    pub fn title(&self) -> String {
        if self.id.is_some() { self.way.name.clone() } else { t("Add a funnel").to_owned() }
    }

    pub fn action(&self) -> String {
        self.page.href(&self.id.as_ref().map_or_else(|| "/funnels".to_owned(), |id| format!("/funnels/{id}")))
    }

    pub fn rows(&self) -> Vec<StepRow> {
        step_rows(&self.way, &self.walk)
    }

    /// By device and by source, where anybody began.
    pub fn cuts(&self) -> Vec<(&'static str, &'static str, Vec<SegmentRow>)> {
        let all = [
            ("devices", t("By device"), segments(&self.walk.devices)),
            ("sources", t("By source"), segments(&self.walk.sources)),
        ];
        all.into_iter().filter(|(.., rows)| !rows.is_empty()).collect()
    }

    pub fn how(&self) -> String {
        let within = format::span(std::time::Duration::from_secs(u64::from(self.way.window_minutes) * 60));
        if self.way.strict {
            say("No other step of the funnel in between, within {span}.", &[("span", &within)])
        } else {
            say("One after the other, whatever else happens, within {span}.", &[("span", &within)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diagnosis::RULES;

    #[test]
    fn what_rules_say_can_be_said_in_every_language() {
        for rule in RULES {
            for said in [rule.says, rule.look_at] {
                assert!(OF_RULES.contains(&said), "{said}");
            }
        }
    }

    #[test]
    fn bars_are_on_the_scale_of_the_first_step() {
        let walk = Walk { reached: vec![400, 100, 50, 4], lost: vec![Default::default(); 4], ..Walk::default() };
        let rows = step_rows(&Way::usual(), &walk);
        let shown: Vec<_> = rows.iter().map(|row| (row.width.as_str(), row.share.as_str())).collect();
        assert_eq!(shown, [("100.00%", ""), ("25.00%", "25\u{a0}%"), ("12.50%", "50\u{a0}%"), ("1.00%", "8.0\u{a0}%")]);
    }
}

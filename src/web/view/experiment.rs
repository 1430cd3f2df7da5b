//! Experiments: ways of saying a step against each other, what may be said of each, and beginning, ending, taking over.

use std::borrow::Borrow;

use askama::Template;

use super::{
    Page, Tone,
    format::{self, Shown as _},
    words::{filters, noted, say, t},
};
use crate::domain::{
    experiment::{ARMS_MOST, ArmReport, Call, Goal, Guard, Margin, Plan, Report},
    money::Money,
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/experiments.html")]
pub struct Experiments {
    pub page: Page,
    /// Those that run first, then the newest.
    pub rows: Vec<Row>,
    /// Steps that can be tried: value (`eu 1`) and words.
    pub steps: Vec<(String, String)>,
    pub typed: Typed,
    pub problems: Vec<String>,
    pub may_change: bool,
}

/// An experiment as it is being typed.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub name: String,
    /// `eu 1`
    pub step: String,
    pub goal: String,
    pub ways: [Way; WAYS],
}

/// One other way of saying the step; without a value and a name it was left empty.
#[derive(Clone, Debug, Default)]
pub struct Way {
    pub name: String,
    /// `words`, `after`, `discount`, `no-discount`
    pub kind: String,
    pub value: String,
}

impl Way {
    pub fn is_empty(&self) -> bool {
        self.name.is_empty() && self.value.is_empty() && self.kind != "no-discount"
    }
}

/// Ways beside the step as it stands.
pub const WAYS: usize = ARMS_MOST - 1;

#[derive(Clone, Debug)]
pub struct Row {
    /// `exp_…`
    pub id: String,
    pub plan: Plan,
    pub report: Report,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    pub why: String,
    pub winner: Option<usize>,
}

impl Experiments {
    /// What an arm may change, with its words.
    pub fn kinds(&self) -> [(&'static str, &'static str); 4] {
        [
            ("words", t("other words")),
            ("after", t("another delay, in minutes")),
            ("discount", t("a discount, in per cent")),
            ("no-discount", t("no discount")),
        ]
    }

    /// Whether more than one way was typed.
    pub fn has_more(&self) -> bool {
        self.typed.ways.iter().skip(1).any(|way| !way.is_empty())
    }

    pub fn answer(&self) -> String {
        let running = self.rows.iter().filter(|row| row.ended_at.is_none()).count() as u64;
        match self.rows.iter().find(|row| row.ended_at.is_none()) {
            Some(row) if running == 1 => format!("{}: {}", row.plan.name, row.said()),
            Some(_) => say(
                "{experiments} are running.",
                &[("experiments", &format::number_of(running, "experiment", "experiments"))],
            ),
            None => t("0 experiments are running.").to_owned(),
        }
    }
}

impl Row {
    pub fn is_on(&self) -> bool {
        self.ended_at.is_none()
    }

    pub fn about(&self) -> String {
        let goal = match self.plan.goal {
            Goal::Tap => t("taps within 3 days"),
            Goal::Order => t("orders within 7 days, texted or not"),
        };
        say(
            "Text {step} of {sequence}, judged by {goal}.",
            &[("step", &self.plan.step), ("sequence", &self.plan.sequence), ("goal", &goal)],
        )
    }

    /// What may be said of it, whenever it is looked at.
    pub fn said(&self) -> String {
        if self.report.is_broken() {
            return t("The arms are not as large as they were drawn, so no figure can be believed.").to_owned();
        }
        let named = |at: usize| self.report.arms.get(at).map_or("", |arm| arm.name.as_str());
        if let Some(at) = self.report.winner {
            return say("“{arm}” is better, and that holds however often you look.", &[("arm", &named(at))]);
        }
        match self.report.more {
            Some(more) => say(
                "Not enough data yet: about {more}.",
                &[("more", &format::number_of(more, "more cart", "more carts"))],
            ),
            None => t("No other way is better than the step as it is.").to_owned(),
        }
    }

    pub fn won(&self, at: impl Borrow<usize>) -> bool {
        self.report.winner == Some(*at.borrow())
    }

    pub fn ended(&self) -> Option<String> {
        self.ended_at?;
        let arm = self.winner.and_then(|at| self.report.arms.get(at));
        Some(match arm {
            Some(arm) => say("Ended: “{arm}” was taken over.", &[("arm", &arm.name)]),
            None => say("Ended. {why}", &[("why", &self.why)]).trim().to_owned(),
        })
    }

    pub fn rate(&self, arm: &ArmReport) -> String {
        let all = format::out_of(arm.rate.hits, arm.rate.of);
        let rate = format::rate(arm.rate.hits, arm.rate.of);
        if rate == all || arm.rate.of == 0 { all } else { format!("{all} ({rate})") }
    }

    pub fn difference(&self, arm: &ArmReport) -> String {
        let Some((found, safe)) = arm.difference.filter(|(_, safe)| safe.low.is_finite()) else {
            return "–".to_owned();
        };
        let within = say("{low} to {high}", &[("low", &points(safe.low)), ("high", &points(safe.high))]);
        format!("{} ({within})", points(found))
    }

    pub fn label(&self, arm: &ArmReport) -> &'static str {
        t(match (arm.stopped, arm.call) {
            (true, _) => noted("stopped"),
            (false, None) => noted("as it is"),
            (false, Some(Call::Broken)) => noted("not to be believed"),
            (false, Some(Call::TooFew)) => noted("too few yet"),
            (false, Some(Call::NotShown)) => noted("no difference shown"),
            (false, Some(Call::Better)) => noted("better"),
            (false, Some(Call::Worse)) => noted("worse"),
        })
    }

    pub fn tone(&self, arm: &ArmReport) -> Tone {
        match (arm.stopped, arm.call) {
            (false, Some(Call::Better)) => Tone::Good,
            (true, _) | (_, Some(Call::Worse | Call::Broken)) => Tone::Bad,
            _ => Tone::Quiet,
        }
    }

    pub fn guard(&self, arm: &ArmReport) -> Option<&'static str> {
        arm.guard.map(|guard| {
            t(match guard {
                Guard::OptOuts => noted("More people opted out of it."),
                Guard::Refunds => noted("More of its orders went back."),
            })
        })
    }

    pub fn margin(&self, margin: &Margin) -> String {
        let money = |minor: i64| Money::new(minor, margin.currency).brief();
        let within = match margin.interval {
            Some((low, high)) => say("{low} to {high}", &[("low", &money(low)), ("high", &money(high))]),
            None => t("too few buyers for an interval").to_owned(),
        };
        say(
            "{left} more for every 100 people ({within}); its codes took off {discount}",
            &[("left", &money(margin.per_hundred)), ("within", &within), ("discount", &money(margin.discount))],
        )
    }
}

/// `+2.4` points.
fn points(rate: f64) -> String {
    let tenths = (rate.abs() * 1_000.0).round() as u64;
    let sign = if tenths == 0 {
        ""
    } else if rate < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{}", format::decimal(&(tenths / 10).to_string(), &(tenths % 10).to_string()))
}

const _: [&str; 2] = [noted("more cart"), noted("more carts")];

//! What the texts really earned: the people who were texted beside those who were deliberately not, and what strict and
//! assisted credit say of the same time. Words that hold however often one looks; every figure with its interval.

use askama::Template;

use super::{
    Page, Section,
    format::{self, Shown as _},
    words::{filters, noted, say, t},
};
use crate::domain::{
    holdout::{HEADLINE, PERCENT_MOST, Run},
    lift::{Call, Lift, Money as Extra, Report},
    message::Cost,
    money::{Currency, Money},
    stats::{Interval, Share},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/earned.html")]
pub struct Earned {
    pub page: Page,
    /// The run that is looked at: the one that is on, else the last there was.
    pub run: Option<Run>,
    /// What it shows, and since when that is so; `None` in its first minutes.
    pub report: Option<(Report, Time)>,
    /// What credit says of the time since it began, one per currency.
    pub credited: Vec<Credited>,
    /// Runs before it, newest first.
    pub earlier: Vec<Run>,
    pub may_change: bool,
    pub problem: String,
}

/// Strict and assisted credit in one currency.
#[derive(Clone, Debug)]
pub struct Credited {
    pub orders: u64,
    pub net: Money,
    pub assisted_orders: u64,
    pub assisted: Money,
}

/// One horizon as a row.
#[derive(Clone, Debug)]
pub struct Row<'l> {
    pub lift: &'l Lift,
}

impl Earned {
    pub fn answer(&self) -> String {
        let Some(run) = &self.run else {
            return t("0 % of people are held out, so nobody can tell what texts earn on top.").to_owned();
        };
        let Some(lift) = self.lift() else {
            return say(
                "{percent} % of people are held out; the first figures come within minutes.",
                &[("percent", &run.percent)],
            );
        };
        sentence(lift)
    }

    /// What the first sentence speaks of.
    fn lift(&self) -> Option<&Lift> {
        self.report.as_ref().and_then(|(report, _)| report.lift(HEADLINE))
    }

    pub fn is_on(&self) -> bool {
        self.run.is_some_and(|run| run.ended_at.is_none())
    }

    pub fn percent(&self) -> u32 {
        if self.is_on() { self.run.map_or(0, |run| run.percent) } else { 0 }
    }

    /// What may be chosen.
    pub fn choices(&self) -> Vec<u32> {
        let mut choices: Vec<u32> = (0..=PERCENT_MOST).step_by(5).collect();
        if !choices.contains(&self.percent()) {
            choices.push(self.percent());
            choices.sort_unstable();
        }
        choices
    }

    pub fn is_chosen(&self, percent: &u32) -> bool {
        *percent == self.percent()
    }

    pub fn choice(&self, percent: &u32) -> String {
        match *percent {
            0 => t("nobody").to_owned(),
            _ => say("{percent} % of people", &[("percent", percent)]),
        }
    }

    /// Since when, and how many are in it.
    pub fn about(&self) -> String {
        let (Some(run), Some((report, _))) = (&self.run, &self.report) else { return String::new() };
        let people = |count: u64| format::number_of(count, "person", "people");
        let since = format::date_year(format::day_of(run.started_at, &self.page.zone));
        let values: [(&str, &dyn std::fmt::Display); 4] = [
            ("since", &since),
            ("texted", &people(report.texted)),
            ("held", &people(report.held)),
            ("percent", &run.percent),
        ];
        match run.ended_at {
            None => say("Since {since}: {texted} may be texted, {held} are held out ({percent} %).", &values),
            Some(at) => {
                let until = format::date_year(format::day_of(at, &self.page.zone));
                let told = say("From {since}: {texted} could be texted, {held} were held out ({percent} %).", &values);
                format!("{told} {}", say("It ended on {until}.", &[("until", &until)]))
            }
        }
    }

    pub fn broken(&self) -> Option<String> {
        let (report, _) = self.report.as_ref().filter(|(report, _)| report.is_broken())?;
        let all = report.texted + report.held;
        Some(say(
            "{held} of {all} people are held out where {percent} % should be. That happens by chance less than once in a thousand times, so people of one group are lost on the way and no figure here can be believed. Look whether something besides Cartback decides who is texted.",
            &[("held", &format::count(report.held)), ("all", &format::count(all)), ("percent", &report.percent)],
        ))
    }

    pub fn rows(&self) -> Vec<Row<'_>> {
        self.report.iter().flat_map(|(report, _)| &report.lifts).map(|lift| Row { lift }).collect()
    }

    pub fn made_at(&self) -> Option<Time> {
        self.report.as_ref().map(|(_, at)| *at)
    }

    /// Orders that came of texting, beside what credit says.
    pub fn extra_orders(&self) -> String {
        self.lift().map_or_else(|| "–".to_owned(), |lift| Row { lift }.orders())
    }

    /// The same of money, in one currency.
    pub fn extra_in(&self, one: &Credited) -> String {
        let found = self.lift().and_then(|lift| lift.money.iter().find(|money| money.currency == one.net.currency));
        found.map_or_else(|| "–".to_owned(), |money| ranged(money.currency, money.extra, money.interval))
    }

    pub fn run_said(&self, run: &Run) -> String {
        let day = |at: Time| format::date_year(format::day_of(at, &self.page.zone));
        let until = run.ended_at.map_or_else(|| t("today").to_owned(), day);
        say(
            "{percent} % from {since} to {until}",
            &[("percent", &run.percent), ("since", &day(run.started_at)), ("until", &until)],
        )
    }
}

impl Row<'_> {
    pub fn label(&self) -> String {
        say("{days} days", &[("days", &self.lift.days)])
    }

    pub fn texted(&self) -> String {
        share(self.lift.texted)
    }

    pub fn held(&self) -> String {
        share(self.lift.held)
    }

    pub fn orders(&self) -> String {
        match self.lift.orders.filter(|_| self.lift.texted.of > 0) {
            Some(orders) => {
                let within = say(
                    "{low} to {high}",
                    &[("low", &signed(orders.interval.low)), ("high", &signed(orders.interval.high))],
                );
                format!("{} ({within})", signed(orders.extra))
            }
            None => "–".to_owned(),
        }
    }

    pub fn money(&self) -> Vec<String> {
        self.lift.money.iter().map(|money| ranged(money.currency, money.extra, money.interval)).collect()
    }

    pub fn cost(&self) -> String {
        let costs: Vec<Cost> = self.lift.costs.iter().map(|&(currency, micros)| Cost { micros, currency }).collect();
        costs.shown()
    }

    pub fn gain(&self) -> Vec<String> {
        let left = |money: &Extra| {
            let (gain, interval) = money.gain();
            ranged(money.currency, gain, interval)
        };
        self.lift.money.iter().map(left).collect()
    }

    pub fn said(&self) -> String {
        sentence(self.lift)
    }
}

/// `31 of 412`, with its share where it rests on enough.
fn share(share: Share) -> String {
    let all = format::out_of(share.hits, share.of);
    let rate = format::rate(share.hits, share.of);
    if rate == all || share.of == 0 { all } else { format!("{all} ({rate})") }
}

/// `+90`, `−3`, `0`
fn signed(amount: f64) -> String {
    let whole = amount.round();
    let digits = format::count(whole.abs() as u64);
    match whole {
        up if up > 0.0 => format!("+{digits}"),
        down if down < 0.0 => format!("−{digits}"),
        _ => digits,
    }
}

fn ranged(currency: Currency, minor: i64, interval: Option<(i64, i64)>) -> String {
    let shown = |minor: i64| Money::new(minor, currency).brief();
    match interval {
        None => shown(minor),
        Some((low, high)) => {
            let within = say("{low} to {high}", &[("low", &shown(low)), ("high", &shown(high))]);
            format!("{} ({within})", shown(minor))
        }
    }
}

/// What may be said of a horizon, whenever it is looked at.
fn sentence(lift: &Lift) -> String {
    let days = lift.days;
    let more = lift.more.map(|more| format::number_of(rounded(more), "more cart", "more carts"));
    let extra = lift.orders.map(|orders| (orders.extra, orders.safe));
    let within = |safe: Interval| {
        let (low, high) = (format::count(safe.low.abs().round() as u64), format::count(safe.high.abs().round() as u64));
        if safe.is_loss() { (high, low) } else { (low, high) }
    };
    match (lift.call, extra) {
        (Call::Broken, _) => {
            t("The two groups are not as large as they were drawn, so no figure can be believed.").into()
        }
        (Call::Earns, Some((extra, safe))) => {
            let (low, high) = within(safe);
            let orders = format::number_of(extra.round() as u64, "order", "orders");
            say(
                "Texts brought about {orders} that would not have come within {days} days ({low} to {high} with 95 % certainty).",
                &[("orders", &orders), ("days", &days), ("low", &low), ("high", &high)],
            )
        }
        (Call::Loses, Some((extra, safe))) => {
            let (low, high) = within(safe);
            let orders = format::number_of(extra.abs().round() as u64, "order", "orders");
            say(
                "Texts cost about {orders} that would have come within {days} days ({low} to {high} with 95 % certainty).",
                &[("orders", &orders), ("days", &days), ("low", &low), ("high", &high)],
            )
        }
        (Call::NotShown, _) => say(
            "No difference has shown within {days} days; about {more} would show one worth knowing.",
            &[("days", &days), ("more", &more.unwrap_or_else(|| "–".to_owned()))],
        ),
        _ => say(
            "Not enough data yet for {days} days: about {more}.",
            &[("days", &days), ("more", &more.unwrap_or_else(|| "–".to_owned()))],
        ),
    }
}

/// To two digits, upwards: it is an estimate.
fn rounded(count: u64) -> u64 {
    let mut unit = 1;
    while count / unit >= 100 {
        unit *= 10;
    }
    count.div_ceil(unit) * unit
}

/// Words `number_of` is given elsewhere in this file.
const _: [&str; 6] =
    [noted("person"), noted("people"), noted("more cart"), noted("more carts"), noted("order"), noted("orders")];

/// The section its links stay in.
pub const SECTION: Section = Section::Earned;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lift::Facts;

    fn lift(texted: (u64, u64), held: (u64, u64)) -> Lift {
        let facts = Facts {
            days: 14,
            texted: Share::new(texted.0, texted.1),
            held: Share::new(held.0, held.1),
            ..Facts::default()
        };
        Report::of(3, 10, (texted.1, held.1), &[facts]).lifts.remove(0)
    }

    #[test]
    fn the_sentence_claims_no_more_than_is_known() {
        for (texted, held, said) in [
            ((0, 0), (0, 0), "Not enough data yet for 14 days: about"),
            ((12, 120), (1, 13), "Not enough data yet for 14 days: about"),
            ((180, 1_800), (19, 200), "No difference has shown within 14 days; about"),
            ((1_800, 18_000), (100, 2_000), "Texts brought about 900 orders that would not have come within 14 days"),
            ((60, 1_800), (30, 200), "Texts cost about 210 orders"),
            ((180, 1_800), (5, 100), "The two groups are not as large"),
        ] {
            let found = sentence(&lift(texted, held));
            let start: String = said.chars().take(48).collect();
            assert!(found.starts_with(&start), "{found}");
        }
    }

    #[test]
    fn estimates_are_told_in_two_digits() {
        for (count, told) in [(0, 0), (7, 7), (99, 99), (101, 110), (1_234, 1_300), (12_001, 13_000)] {
            assert_eq!(rounded(count), told, "{count}");
        }
        assert_eq!([signed(90.4), signed(-3.2), signed(0.2)], ["+90", "−3", "0"]);
    }
}

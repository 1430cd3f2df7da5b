//! The dry run: one table of delays against texts, cost and who bought anyway; why carts are not texted; when and who.

use askama::Template;

use super::{
    Page,
    format::{self, Shown as _},
    words::{filters, noted, say, t},
};
use crate::{
    domain::{
        dry_run::{Named, Row, Why},
        hours,
        message::Cost,
        time::MINUTE,
    },
    pipeline::dry_run::Report,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/dry_run.html")]
pub struct DryRun {
    pub page: Page,
    /// As they were typed.
    pub history: String,
    pub delays: String,
    /// The chosen sequence; "" for those that are on.
    pub sequence: String,
    /// Each sequence's id and name.
    pub sequences: Vec<(String, String)>,
    pub problems: Vec<String>,
    pub report: Option<Report>,
}

/// Carts that are shown by name.
const NAMED: usize = 20;

impl DryRun {
    pub fn answer(&self) -> String {
        let Some((report, own)) = self.report.as_ref().and_then(|report| Some((report, report.own()?))) else {
            return t("0 carts were played.").to_owned();
        };
        let left = format::number_of(report.left, "cart was left", "carts were left");
        if report.left == 0 {
            return say("In the last {days} days {left}.", &[("days", &report.days), ("left", &left)]);
        }
        say(
            "In the last {days} days {left}: {texted} would have been texted, and {bought} had bought by then anyway.",
            &[
                ("days", &report.days),
                ("left", &left),
                ("texted", &own.texted.shown()),
                ("bought", &own.bought_before().shown()),
            ],
        )
    }

    pub fn is_chosen(&self, id: &str) -> bool {
        self.sequence == id
    }

    pub fn played(&self, report: &Report) -> String {
        say(
            "Played: {sequences}. A cart counts as left after {minutes} minutes without activity; a delay begins then.",
            &[
                ("sequences", &format::list(report.sequences.iter().cloned())),
                ("minutes", &report.abandoned_after_minutes),
            ],
        )
    }

    /// What was looked at besides the carts of the table.
    pub fn besides(&self, report: &Report) -> String {
        let mut said = say(
            "Beside them {bought} bought without a pause, {open} are still being filled, {nobodys} are tests or robots.",
            &[
                ("bought", &report.bought_at_once.shown()),
                ("open", &report.open.shown()),
                ("nobodys", &report.nobodys.shown()),
            ],
        );
        if report.is_cut {
            said.push(' ');
            said.push_str(&say("Only the newest {seen} carts were looked at.", &[("seen", &report.seen.shown())]));
        }
        said
    }

    pub fn delay(&self, row: &Row) -> String {
        row.delay.map_or_else(|| t("as it is").to_owned(), |minutes| format::span(MINUTE * minutes))
    }

    pub fn before(&self, row: &Row) -> String {
        rate(row.bought_before(), row.bought_before() + row.texted)
    }

    pub fn after(&self, row: &Row) -> String {
        rate(row.bought_after, row.measured)
    }

    pub fn cost(&self, row: &Row) -> String {
        let costs: Vec<Cost> = row.costs.iter().map(|&(currency, micros)| Cost { micros, currency }).collect();
        match (costs.is_empty(), row.unpriced_parts) {
            (_, 0) => costs.shown(),
            (true, _) => t("price unknown").to_owned(),
            (false, parts) => say(
                "{cost}, and {parts} of unknown price",
                &[("cost", &costs.shown()), ("parts", &format::number_of(parts, "part", "parts"))],
            ),
        }
    }

    /// Why carts are not texted as the sequences are, the most first.
    pub fn reasons(&self, own: &Row) -> Vec<(&'static str, String)> {
        let mut reasons: Vec<(Why, u64)> = own.not.iter().map(|(why, count)| (*why, *count)).collect();
        reasons.sort_by_key(|(why, count)| (std::cmp::Reverse(*count), *why));
        reasons.into_iter().map(|(why, count)| (t(why.words()), format::out_of(count, own.carts))).collect()
    }

    /// The hours of the day in which anybody would have been texted.
    pub fn hours(&self, own: &Row) -> Vec<(String, String)> {
        let hours = (0..).zip(own.hours).filter(|(_, count)| *count > 0);
        hours.map(|(hour, count): (u32, u64)| (format!("{hour:02}:00–{:02}:00", hour + 1), count.shown())).collect()
    }

    pub fn named<'r>(&self, own: &'r Row) -> &'r [Named] {
        own.named.get(..NAMED).unwrap_or(&own.named)
    }

    /// When the text would have gone, by the shopper's clock.
    pub fn when(&self, named: &Named) -> String {
        let zone = hours::zone(&named.zone).unwrap_or_else(|| self.page.zone.clone());
        say("{moment} in {zone}", &[("moment", &format::moment(named.at, &zone)), ("zone", &named.zone)])
    }

    pub fn became(&self, named: &Named) -> String {
        match (named.was_texted, named.bought_at) {
            (true, Some(_)) => t("was texted, and bought").to_owned(),
            (true, None) => t("was texted").to_owned(),
            (false, Some(at)) => say("bought anyway on {moment}", &[("moment", &format::moment(at, &self.page.zone))]),
            (false, None) => t("did not buy").to_owned(),
        }
    }
}

/// The reasons as they are said: `t` shows them.
const _: [&str; 14] = [
    noted("had bought by then, untexted"),
    noted("had bought by then, after a text that went in truth"),
    noted("no number that may be texted"),
    noted("opted out"),
    noted("no consent on record"),
    noted("would be asked to confirm first"),
    noted("the sequence is not for them, or had ended"),
    noted("the time was up before the hours opened"),
    noted("deleted, emptied or without a link"),
    noted("too many texts to one phone"),
    noted("outside the hours"),
    noted("the words are not in order"),
    noted("held out on purpose"),
    noted("the sender does not suit the country"),
];

/// `31 of 412 (7.5 %)`
fn rate(part: u64, whole: u64) -> String {
    let (all, rate) = (format::out_of(part, whole), format::rate(part, whole));
    if rate == all || whole == 0 { all } else { format!("{all} ({rate})") }
}

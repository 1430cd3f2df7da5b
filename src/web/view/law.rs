//! The law: where the chosen shop may text, when and on whose consent, and where each rule is from.

use std::fmt;

use askama::Template;

use super::{
    Page, Tone, format,
    hours::said,
    words::{self, filters, noted, say, t},
};
use crate::domain::{
    law::{Confidence, Effective, Pack, Row, RowRule},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/laws.html")]
pub struct Laws {
    pub page: Page,
    pub version: String,
    /// Those the shop texts first; the shop's own that nobody has looked up are among them.
    pub rows: Vec<LawRow>,
    /// States of the United States.
    pub states: Vec<LawRow>,
}

/// One country or state in a list.
#[derive(Clone, Debug)]
pub struct LawRow {
    pub found: Effective,
    /// Of the least sure rule; `None` where the pack has no row.
    pub confidence: Option<Confidence>,
    /// Of the hours by law where there are any, else of consent.
    pub source: String,
}

impl LawRow {
    pub fn new(pack: &Pack, found: Effective, now: Time) -> LawRow {
        let row = pack.row(&found.code, now);
        let rules = row.map(Row::rules).unwrap_or_default();
        let named = |about: &str| rules.iter().find(|rule| rule.about == about).map(|rule| rule.source.clone());
        LawRow {
            confidence: row.map(Row::confidence),
            source: named("hours by law")
                .or_else(|| named("consent"))
                .unwrap_or_else(|| pack.unlisted().source.clone()),
            found,
        }
    }

    pub fn label(&self) -> &'static str {
        label(&self.found)
    }

    pub fn tone(&self) -> Tone {
        tone(&self.found)
    }

    pub fn hours(&self) -> String {
        said(&self.found.hours)
    }

    pub fn caps(&self) -> String {
        caps(&self.found)
    }

    pub fn confidence(&self) -> &'static str {
        t(self.confidence.map_or(noted("not looked up"), Confidence::words))
    }
}

fn label(found: &Effective) -> &'static str {
    if found.sends { t("Sends") } else { t("Held") }
}

fn tone(found: &Effective) -> Tone {
    if found.sends { Tone::Good } else { Tone::Quiet }
}

impl Laws {
    pub fn answer(&self) -> String {
        let known = self.rows.len() as u64;
        if self.page.shop.is_none() {
            let known = countries(known);
            return say("Rules for {countries} are known; connect a shop to see its own.", &[("countries", &known)]);
        }
        let sends: Vec<String> =
            self.rows.iter().filter(|row| row.found.sends).map(|row| row.found.name.clone()).collect();
        let (shop, all) = (self.page.shop_name(), countries(known));
        match sends.len() {
            0 => say("{shop} texts none of these {countries}.", &[("shop", &shop), ("countries", &all)]),
            few if few <= NAMED => {
                let names = format::list(sends.iter().cloned());
                let values: [(&str, &dyn fmt::Display); 4] =
                    [("shop", &shop), ("few", &few), ("countries", &all), ("names", &names)];
                say("{shop} texts {few} of these {countries}: {names}.", &values)
            }
            many => say(
                "{shop} texts {many} of these {countries}.",
                &[("shop", &shop), ("many", &many), ("countries", &all)],
            ),
        }
    }
}

/// More countries than these are counted, not named.
const NAMED: usize = 4;

fn countries(count: u64) -> String {
    format::number_of(count, "country", "countries")
}

/// One country or state: everything.
#[derive(Clone, Debug, Template)]
#[template(path = "page/law.html")]
pub struct Law {
    pub page: Page,
    pub version: String,
    pub found: Effective,
    /// The rows of the pack in time; none where nobody has looked the country up.
    pub rows: Vec<RowShown>,
    /// Its states with rules of their own.
    pub states: Vec<LawRow>,
    /// How to change what the shop itself decides; "" without a shop.
    pub set_command: String,
}

/// One row of the pack.
#[derive(Clone, Debug)]
pub struct RowShown {
    /// `From 1 Jan 2026`; `None` where it always holds.
    pub span: Option<String>,
    pub current: bool,
    pub note: String,
    pub rules: Vec<RowRule>,
}

impl RowShown {
    pub fn new(row: &Row, now: Time) -> RowShown {
        RowShown {
            span: match (row.valid_from, row.valid_to) {
                (None, None) => None,
                (Some(from), None) => Some(say("From {day}", &[("day", &format::date_year(from))])),
                (None, Some(to)) => Some(say("Until {day}", &[("day", &format::date_year(to))])),
                (Some(from), Some(to)) => Some(say(
                    "From {from} to {to}",
                    &[("from", &format::date_year(from)), ("to", &format::date_year(to))],
                )),
            },
            current: row.is_current(now),
            note: row.note.clone(),
            rules: row.rules(),
        }
    }
}

impl Law {
    pub fn answer(&self) -> String {
        let values: [(&str, &dyn fmt::Display); 2] =
            [("country", &self.found.name), ("hours", &said(&self.found.hours))];
        match &self.found.held {
            Some(_) => say("{country}: texts are held; they would go {hours}.", &values),
            None => say("{country}: texts go {hours}.", &values),
        }
    }

    pub fn label(&self) -> &'static str {
        label(&self.found)
    }

    pub fn tone(&self) -> Tone {
        tone(&self.found)
    }

    /// What holds for this shop, line by line.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let found = &self.found;
        let mut lines = vec![(t("Texts go"), said(&found.hours))];
        lines.push((
            t("Own hours"),
            match &found.own_hours {
                None => t("none set: the usual ones").to_owned(),
                Some(own) if found.narrowed => say("{hours}; the law cuts them", &[("hours", &said(own))]),
                Some(own) => said(own),
            },
        ));
        let none = t("no law was found that names hours").to_owned();
        lines.push(match &found.legal {
            Some(bound) if !found.listed => (t("No wider than"), said(bound)),
            legal => (t("By law"), legal.as_ref().map_or(none, said)),
        });
        lines.push((t("Usually"), said(&found.usual)));
        if !found.unknown_holidays.is_empty() {
            let places = found.unknown_holidays.join(", ");
            let unknown = say("not known for {places}: none is closed", &[("places", &places)]);
            lines.push((t("Public holidays"), unknown));
        } else if !found.holidays.is_empty() {
            let places = found.holidays.join(", ");
            let closed = say("closed, by the calendar of {places}", &[("places", &places)]);
            lines.push((t("Public holidays"), closed));
        }
        lines.push((t("Consent"), t(found.consent.words()).to_owned()));
        lines.push((t("At most"), caps(found)));
        lines.push((
            t("After the cart was left"),
            say(
                "from {minutes} minutes to {hours} hours",
                &[("minutes", &found.first_after_minutes), ("hours", &found.give_up_after_hours)],
            ),
        ));
        let sender = sender(found);
        if !sender.is_empty() {
            lines.push((t("Sender"), sender.join("; ")));
        }
        lines.push((
            t("Every text has"),
            format::list(found.required.iter().map(|piece| t(piece_words(piece)).to_owned())),
        ));
        if found.discount_needs_promo_consent {
            lines.push((t("Discounts"), t("only with consent to promotions").to_owned()));
        }
        lines.push((t("Opt-out link works"), format::number_of(found.opt_out_link_days.into(), "day", "days")));
        lines
    }
}

/// `Effective::caps` in the reader's language.
fn caps(found: &Effective) -> String {
    let values: [(&str, &dyn fmt::Display); 3] = [
        ("reminders", &found.cart_texts_per_day),
        ("texts", &found.all_texts_per_day),
        ("month", &found.cart_texts_per_30_days),
    ];
    let all = match found.cart_texts_per_day {
        1 => say("1 reminder and {texts} texts a day, {month} reminders in 30 days", &values),
        _ => say("{reminders} reminders and {texts} texts a day, {month} reminders in 30 days", &values),
    };
    let per_cart = found.per_cart.map(|cap| say("{count} a cart", &[("count", &cap)]));
    per_cart.into_iter().chain([all]).collect::<Vec<_>>().join(", ")
}

/// `Effective::sender` in the reader's language.
fn sender(found: &Effective) -> Vec<String> {
    let demands = [
        found.two_way_required.then(|| t("it must take replies").to_owned()),
        (!found.alphanumeric).then(|| t("no sender of letters").to_owned()),
        found.sender_prefix.as_ref().map(|prefix| say("it begins with {prefix}", &[("prefix", prefix)])),
        found.stop_short_code.then(|| t("STOP goes to a short number the text names").to_owned()),
    ];
    demands.into_iter().flatten().collect()
}

/// What the pack calls its levels, doubts and subjects, for `t`.
const _: [&str; 12] = [
    noted("consent"),
    noted("consent confirmed by text"),
    noted("confirmed"),
    noted("second hand"),
    noted("sources disagree"),
    noted("unconfirmed"),
    noted("hours by law"),
    noted("usual hours"),
    noted("how many"),
    noted("sender"),
    noted("text"),
    noted("opting out"),
];

/// A required piece in words.
fn piece_words(piece: &str) -> &str {
    match piece {
        "brand" => noted("the shop’s name"),
        "opt_out" => noted("a way to opt out"),
        "own_link" => noted("a link on its own domain"),
        "contact" => noted("a way to reach the shop, or a link to it"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{law::current, rules::Rules};

    #[test]
    fn the_first_line_answers() {
        #[track_caller]
        fn check(code: &str, countries: &str, expected: &str) {
            let mut rules = Rules::default();
            rules.set_all([("countries", countries)]).unwrap();
            let now = Time::parse("2026-11-21T12:00:00Z").unwrap();
            let found = current().effective(code, &rules, "SI", now).unwrap();
            let page = super::super::sample::page(super::super::Section::Law);
            let (version, set_command) = (String::new(), String::new());
            let law = Law { page, version, found, rows: Vec::new(), states: Vec::new(), set_command };
            assert_eq!(law.answer(), expected);
        }
        check("SI", "SI", "Slovenia: texts go Mon–Sat 09:00–20:00, not on public holidays.");
        check("FR", "SI", "France: texts are held; they would go Mon–Sat 08:00–20:00, not on public holidays.");
    }

    #[test]
    fn every_piece_has_words() {
        for row in current().countries() {
            for piece in row.text.iter().flat_map(|text| &text.required) {
                assert_ne!(piece_words(piece), piece, "{}", row.code);
            }
        }
    }
}

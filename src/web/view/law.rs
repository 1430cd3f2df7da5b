//! The law: where the chosen shop may text, when and on whose consent, and where each rule is from.

use askama::Template;

use super::{Page, Tone, format};
use crate::domain::{
    hours::Hours,
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

    pub fn confidence(&self) -> &'static str {
        self.confidence.map_or("not looked up", Confidence::words)
    }
}

fn label(found: &Effective) -> &'static str {
    if found.sends { "Sends" } else { "Held" }
}

fn tone(found: &Effective) -> Tone {
    if found.sends { Tone::Good } else { Tone::Quiet }
}

impl Laws {
    pub fn answer(&self) -> String {
        let known = self.rows.len() as u64;
        if self.page.shop.is_none() {
            return format!("Rules for {} are known; connect a shop to see its own.", countries(known));
        }
        let sends: Vec<String> =
            self.rows.iter().filter(|row| row.found.sends).map(|row| row.found.name.clone()).collect();
        let shop = self.page.shop_name();
        match sends.len() {
            0 => format!("{shop} texts none of these {}.", countries(known)),
            few if few <= NAMED => {
                let names = format::list(sends.iter().cloned());
                format!("{shop} texts {} of these {}: {names}.", few, countries(known))
            }
            many => format!("{shop} texts {many} of these {}.", countries(known)),
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
    /// `From 2026-01-01`; `None` where it always holds.
    pub span: Option<String>,
    pub current: bool,
    pub note: String,
    pub rules: Vec<RowRule>,
}

impl RowShown {
    pub fn new(row: &Row, now: Time) -> RowShown {
        RowShown {
            span: row.span().map(|span| format::sentence_case(&span)),
            current: row.is_current(now),
            note: row.note.clone(),
            rules: row.rules(),
        }
    }
}

impl Law {
    pub fn answer(&self) -> String {
        let (found, hours) = (&self.found, self.found.hours.words());
        match &found.held {
            Some(_) => format!("{}: texts are held; they would go {hours}.", found.name),
            None => format!("{}: texts go {hours}.", found.name),
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
        let mut lines = vec![("Texts go", found.hours.words())];
        lines.push((
            "Own hours",
            match &found.own_hours {
                None => "none set: the usual ones".to_owned(),
                Some(own) if found.narrowed => format!("{}; the law cuts them", own.words()),
                Some(own) => own.words(),
            },
        ));
        let none = "no law was found that names hours";
        lines.push(match &found.legal {
            Some(bound) if !found.listed => ("No wider than", bound.words()),
            legal => ("By law", legal.as_ref().map_or(none.to_owned(), Hours::words)),
        });
        lines.push(("Usually", found.usual.words()));
        if !found.unknown_holidays.is_empty() {
            let where_to = found.unknown_holidays.join(", ");
            lines.push(("Public holidays", format!("not known for {where_to}: none is closed")));
        } else if !found.holidays.is_empty() {
            lines.push(("Public holidays", format!("closed, by the calendar of {}", found.holidays.join(", "))));
        }
        lines.push(("Consent", found.consent.words().to_owned()));
        lines.push(("At most", found.caps()));
        lines.push((
            "After the cart was left",
            format!("from {} minutes to {} hours", found.first_after_minutes, found.give_up_after_hours),
        ));
        if !found.sender().is_empty() {
            lines.push(("Sender", found.sender().join("; ")));
        }
        lines.push(("Every text has", format::list(found.required.iter().map(|piece| words(piece).to_owned()))));
        if found.discount_needs_promo_consent {
            lines.push(("Discounts", "only with consent to promotions".to_owned()));
        }
        lines.push(("Opt-out link works", format::number_of(found.opt_out_link_days.into(), "day", "days")));
        lines
    }
}

/// A required piece in words.
fn words(piece: &str) -> &str {
    match piece {
        "brand" => "the shop’s name",
        "opt_out" => "a way to opt out",
        "own_link" => "a link on its own domain",
        "contact" => "a way to reach the shop, or a link to it",
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
                assert_ne!(words(piece), piece, "{}", row.code);
            }
        }
    }
}

//! Sequences: whom the shop texts, when, and what ends it. The list shows each one's texts on a line of time; a sequence's
//! own page is the form it is changed by.

use std::collections::BTreeMap;

use askama::Template;

use super::{Page, format};
use crate::domain::{
    sequence::{Closed, Exits, Sequence as Stored, span},
    time::{MINUTE, Time},
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/sequences.html")]
pub struct Sequences {
    pub page: Page,
    pub rows: Vec<Row>,
    pub presets: Vec<Preset>,
    /// What a choice of preset met: the id is taken.
    pub problems: Vec<String>,
}

/// One sequence as the list shows it.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub name: String,
    /// Since when it is on.
    pub on: Option<Time>,
    /// `carts from SI, HR; worth €50.00 or more`, or `every cart`.
    pub for_whom: String,
    pub line: Line,
    /// A sentence each: discounts, steps' conditions, what ends it, what it rests.
    pub notes: Vec<String>,
    /// What would surprise.
    pub clashes: Vec<String>,
    /// Open carts of the last days that follow it.
    pub carts: u64,
    pub is_first: bool,
    pub is_last: bool,
}

/// A ready-made sequence to begin with.
#[derive(Clone, Debug)]
pub struct Preset {
    pub id: String,
    pub name: String,
    pub about: String,
}

/// Texts on a line of time, in percent of its length.
#[derive(Clone, Debug, Default)]
pub struct Line {
    pub marks: Vec<Mark>,
    /// What its end stands for: `48 h`.
    pub end: String,
}

#[derive(Clone, Debug)]
pub struct Mark {
    pub number: u32,
    pub at: String,
    /// Until when it may still go; the same as `at` where it has no time of its own.
    pub until: String,
    /// `24 hours`
    pub after: String,
    pub discount: bool,
}

impl Line {
    /// `most` is after how long a shop gives up on a cart.
    pub fn of(sequence: &Stored, most: std::time::Duration) -> Line {
        let minutes = |step: &crate::domain::sequence::Step| {
            u64::from(step.after_minutes) + u64::from(step.deadline_minutes.unwrap_or(0))
        };
        let most_minutes = most.as_secs() / 60;
        let length = sequence.steps.iter().map(minutes).max().unwrap_or(0).max(most_minutes).max(1);
        // Whole tenths of a percent, without a float.
        let place = |minutes: u64| {
            let tenths = minutes.min(length) * 1_000 / length;
            format!("{}.{}%", tenths / 10, tenths % 10)
        };
        let marks = (1..).zip(&sequence.steps).map(|(number, step)| Mark {
            number,
            at: place(step.after_minutes.into()),
            until: place(if step.deadline_minutes.is_some() { minutes(step) } else { most_minutes }),
            after: span(MINUTE * step.after_minutes),
            discount: step.discount.is_some(),
        });
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Line { marks: marks.collect(), end: span(MINUTE * length) }
    }

    /// For those who cannot see it.
    pub fn words(&self) -> String {
        let texts = self.marks.iter().map(|mark| format!("text {} after {}", mark.number, mark.after));
        format!("{}, of {}", format::list(texts), self.end)
    }
}

/// What a shopkeeper reads besides the line.
pub fn notes(sequence: &Stored) -> Vec<String> {
    let mut notes = Vec::new();
    for (number, step) in (1..).zip(&sequence.steps) {
        let mut told = Vec::new();
        if let Some(discount) = &step.discount {
            told.push(format!("gives {}", discount.words()));
        }
        let when = step.when.words();
        if !when.is_empty() {
            told.push(format!("goes only to carts {}", when.join("; ")));
        }
        if step.closed == Closed::Skip {
            told.push("is skipped when its time comes in closed hours".to_owned());
        }
        if !told.is_empty() {
            notes.push(format!("Text {number} {}.", format::list(told.into_iter())));
        }
    }
    let ends = Exits::NAMES.iter().filter(|(name, _)| sequence.exits.has(name)).map(|(_, words)| (*words).to_owned());
    let always = ["the cart was bought".to_owned(), "the shopper opted out".to_owned()];
    notes.push(format!("Ends when {}.", either(always.into_iter().chain(ends).collect())));
    if sequence.rest_days > 0 {
        notes.push(format!("Rests {} after a text about another cart.", span(sequence.rest())));
    }
    notes
}

fn either(words: Vec<String>) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

impl Sequences {
    pub fn act(&self, id: &str, act: &str) -> String {
        self.page.href(&format!("/sequences/{id}/{act}"))
    }

    pub fn answer(&self) -> String {
        let on = self.rows.iter().filter(|row| row.on.is_some()).count() as u64;
        match (self.rows.len() as u64, on) {
            (0, _) => "There are 0 sequences: no cart is texted.".to_owned(),
            (_, 0) => "0 sequences are on: no cart is texted.".to_owned(),
            (1, _) => "1 sequence is on.".to_owned(),
            (all, on) => format!("{} sequences are on.", format::out_of(on, all)),
        }
    }
}

/// One sequence's own page.
#[derive(Clone, Debug, Template)]
#[template(path = "page/sequence.html")]
pub struct Sequence {
    pub page: Page,
    pub row: Row,
    /// What stands in each field, by the name it is set by.
    pub fields: BTreeMap<String, String>,
    /// One for each text, and their numbers.
    pub steps: Vec<u32>,
    /// The number of a text that may be added, if there is room.
    pub next_step: Option<u32>,
    pub problems: Vec<String>,
}

/// A condition's field.
pub struct Field {
    pub key: String,
    pub label: &'static str,
    pub hint: &'static str,
}

const CONDITIONS: [(&str, &str, &str); 8] = [
    ("countries", "Countries", "SI, HR"),
    ("languages", "Languages", "sl, de"),
    ("total_least", "Worth at least", "50.00 EUR"),
    ("total_most", "Worth at most", "500.00 EUR"),
    ("items", "With an item like", "stool, lamp"),
    ("without_items", "Without an item like", "gift card"),
    ("tags", "Tagged", "vip"),
    ("sources", "Came from", "newsletter"),
];

impl Sequence {
    pub fn answer(&self) -> String {
        let texts = format::number_of(self.row.line.marks.len() as u64, "text", "texts");
        let whom = &self.row.for_whom;
        match self.row.on {
            Some(_) => format!("{} sends {texts} to {whom}.", self.row.name),
            None => format!("{} is off; it would send {texts} to {whom}.", self.row.name),
        }
    }

    pub fn act(&self, act: &str) -> String {
        self.page.href(&format!("/sequences/{}/{act}", self.row.id))
    }

    /// Where a text's words are written.
    pub fn words(&self, step: &u32) -> String {
        self.page.href(&format!("/texts/{}/{step}", self.row.id))
    }

    pub fn step_conditions(&self, step: &u32) -> Vec<Field> {
        self.conditions(&format!("step.{step}.when"))
    }

    pub fn buyer_key(&self, step: &u32) -> String {
        format!("step.{step}.when.buyer")
    }

    pub fn value(&self, key: &str) -> &str {
        self.fields.get(key).map_or("", String::as_str)
    }

    pub fn step_value(&self, step: &u32, key: &str) -> &str {
        self.value(&format!("step.{step}.{key}"))
    }

    /// The fields of a set of conditions; `place` is `when` or `step.2.when`.
    pub fn conditions(&self, place: &str) -> Vec<Field> {
        CONDITIONS.iter().map(|(name, label, hint)| Field { key: format!("{place}.{name}"), label, hint }).collect()
    }

    /// Whether any of a step's conditions was filled in.
    pub fn has_conditions(&self, step: &u32) -> bool {
        let place = format!("step.{step}.when.");
        self.fields.iter().any(|(key, value)| key.starts_with(&place) && !value.is_empty() && value != "any")
    }

    pub fn exits(&self) -> [(&'static str, &'static str); 4] {
        Exits::NAMES
    }

    pub fn ends_on(&self, name: &str) -> bool {
        self.value("exits").split(',').any(|chosen| chosen == name)
    }

    /// What switching off or removing would do to carts under way.
    pub fn under_way(&self) -> String {
        match self.row.carts {
            0 => "No open cart follows it now.".to_owned(),
            1 => "1 open cart follows it now and would get no further text.".to_owned(),
            many => format!("{} open carts follow it now and would get no further text.", format::count(many)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        sequence::{default_sequence, preset},
        time::HOUR,
    };

    #[test]
    fn texts_stand_on_the_line_where_they_fall_due() {
        let line = Line::of(&preset("three-step").unwrap(), HOUR * 48);
        let places: Vec<_> = line.marks.iter().map(|mark| (mark.at.as_str(), mark.until.as_str())).collect();
        assert_eq!(places, [("0.0%", "41.6%"), ("50.0%", "83.3%"), ("91.6%", "100.0%")]);
        assert_eq!(line.end, "2 days");
        assert_eq!(line.words(), "text 1 after 0 minutes, text 2 after 24 hours and text 3 after 44 hours, of 2 days");
        let line = Line::of(&default_sequence(), HOUR * 24 * 30);
        assert_eq!((line.marks[1].at.as_str(), line.end.as_str()), ("3.3%", "30 days"));
        assert_eq!(Line::of(&Stored::default(), std::time::Duration::ZERO).marks.len(), 0);
    }

    #[test]
    fn notes_say_what_the_line_does_not() {
        let mut sequence = preset("eu").unwrap();
        sequence.set_all([("step.2.discount", "percent:10"), ("step.2.closed", "skip"), ("exits", "")]).unwrap();
        assert_eq!(
            notes(&sequence),
            [
                "Text 2 gives 10 % off, a fresh code and is skipped when its time comes in closed hours.",
                "Ends when the cart was bought or the shopper opted out.",
                "Rests 7 days after a text about another cart.",
            ]
        );
    }
}

//! Sequences: whom the shop texts, when, and what ends it. The list shows each one's texts on a line of time; a sequence's
//! own page is the form it is changed by.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use askama::Template;

use super::{
    Page,
    format::{self, Shown as _},
    words::{self, filters, noted, say, t},
};
use crate::domain::{
    discount::Off,
    sequence::{Buyer, Closed, Conditions, Discount, Exits, Sequence as Stored},
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

impl Row {
    /// Whether it is on, and since when where that is known.
    pub fn switched(&self, page: &Page) -> String {
        match self.on {
            Some(since) if since.millis() > 0 => {
                say("on since {moment}", &[("moment", &format::moment(since, &page.zone))])
            }
            Some(_) => t("on").to_owned(),
            None => t("off").to_owned(),
        }
    }
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
    /// `after 24 hours`
    pub after: String,
    pub discount: bool,
}

impl Line {
    /// `most` is after how long a shop gives up on a cart.
    pub fn of(sequence: &Stored, most: Duration) -> Line {
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
            after: after(MINUTE * step.after_minutes),
            discount: step.discount.is_some(),
        });
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Line { marks: marks.collect(), end: long(MINUTE * length) }
    }

    /// For those who cannot see it.
    pub fn words(&self) -> String {
        let text = |mark: &Mark| say("text {number} {after}", &[("number", &mark.number), ("after", &mark.after)]);
        let texts = format::list(self.marks.iter().map(text));
        say("{texts}, of {end}", &[("texts", &texts), ("end", &self.end)])
    }
}

/// `24 hours`, `2 days`: exact, in the largest units that are.
pub fn long(length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    let (hours, days) = (minutes / 60, minutes / 1_440);
    match minutes {
        0 => t("0 minutes").to_owned(),
        _ if minutes.is_multiple_of(1_440) && days > 1 => format::number_of(days, "day", "days"),
        _ if minutes.is_multiple_of(60) => format::number_of(hours, "hour", "hours"),
        _ if minutes < 60 => format::number_of(minutes, "minute", "minutes"),
        _ => {
            let parts = [(hours, "hour", "hours"), (minutes % 60, "minute", "minutes")];
            format::list(parts.into_iter().map(|(count, one, many)| format::number_of(count, one, many)))
        }
    }
}

/// What `long` counts, for the catalogue.
const _: [&str; 6] = [noted("day"), noted("days"), noted("hour"), noted("hours"), noted("minute"), noted("minutes")];

/// `at once`, `after 24 hours`
pub fn after(length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    match minutes {
        0 => t("at once").to_owned(),
        // Days have a case of their own behind “after” in some languages.
        _ if minutes.is_multiple_of(1_440) && minutes > 1_440 => {
            say("after {count} days", &[("count", &format::count(minutes / 1_440))])
        }
        _ => say("after {span}", &[("span", &long(length))]),
    }
}

/// Which carts it is for: `carts from SI, HR; worth €50.00 or more`, or `every cart`.
pub fn whom(when: &Conditions) -> String {
    let told = conditions(when);
    match told.is_empty() {
        true => t("every cart").to_owned(),
        false => say("carts {conditions}", &[("conditions", &told.join("; "))]),
    }
}

/// `Conditions::words` in the reader's language.
fn conditions(when: &Conditions) -> Vec<String> {
    let lists = [
        (noted("from {list}"), &when.countries),
        (noted("in the language {list}"), &when.languages),
        (noted("with an item like {list}"), &when.items),
        (noted("without an item like {list}"), &when.without_items),
        (noted("tagged {list}"), &when.tags),
        (noted("that came from {list}"), &when.sources),
    ];
    let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let mut told: Vec<String> = given.map(|(sentence, list)| say(sentence, &[("list", &listed(list))])).collect();
    let (least, most) = (when.total_least.map(|total| total.shown()), when.total_most.map(|total| total.shown()));
    told.extend(match (least, most) {
        (Some(least), Some(most)) => Some(say("worth {least} to {most}", &[("least", &least), ("most", &most)])),
        (Some(least), None) => Some(say("worth {least} or more", &[("least", &least)])),
        (None, Some(most)) => Some(say("worth {most} or less", &[("most", &most)])),
        (None, None) => None,
    });
    match when.buyer {
        Buyer::Any => {}
        Buyer::New => told.push(t("of people who never bought here").to_owned()),
        Buyer::Returning => told.push(t("of people who bought here before").to_owned()),
    }
    told.extend(
        when.intent_least.map(|least| say("of visitors with an intent of {least} or more", &[("least", &least)])),
    );
    told
}

/// `SI, HR`, with the first few only of a long list.
fn listed(entries: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = entries.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match entries.len().saturating_sub(SHOWN) {
        0 => shown,
        more => say("{list} and {count} more", &[("list", &shown), ("count", &more)]),
    }
}

/// `Discount::words` in the reader's language.
fn discount(given: &Discount) -> String {
    let plan = match given {
        Discount::Fixed(fixed) => return say("the code {code}", &[("code", &fixed.code)]),
        Discount::Unique(plan) => plan,
    };
    let off = match plan.off {
        Off::FreeShipping => None,
        Off::Percent(percent) => Some(format!("{percent} %")),
        Off::Amount(amount) => Some(amount.shown()),
    };
    match (off, plan.minimum.map(|minimum| minimum.shown())) {
        (None, None) => t("free shipping, a fresh code").to_owned(),
        (Some(off), None) => say("{off} off, a fresh code", &[("off", &off)]),
        (None, Some(minimum)) => say("free shipping from {minimum}, a fresh code", &[("minimum", &minimum)]),
        (Some(off), Some(minimum)) => {
            say("{off} off from {minimum}, a fresh code", &[("off", &off), ("minimum", &minimum)])
        }
    }
}

/// What a shopkeeper reads besides the line.
pub fn notes(sequence: &Stored) -> Vec<String> {
    let mut notes = Vec::new();
    for (number, step) in (1..).zip(&sequence.steps) {
        let mut told = Vec::new();
        if let Some(given) = &step.discount {
            told.push(say("gives {discount}", &[("discount", &discount(given))]));
        }
        let when = conditions(&step.when);
        if !when.is_empty() {
            told.push(say("goes only to carts {conditions}", &[("conditions", &when.join("; "))]));
        }
        if step.closed == Closed::Skip {
            told.push(t("is skipped when its time comes in closed hours").to_owned());
        }
        if !told.is_empty() {
            let what = format::list(told.into_iter());
            notes.push(say("Text {number} {what}.", &[("number", &number), ("what", &what)]));
        }
    }
    let ends = Exits::NAMES.iter().filter(|(name, _)| sequence.exits.has(name)).map(|(_, words)| *words);
    let always = [noted("the cart was bought"), noted("the shopper opted out")];
    let ends = format::either(always.into_iter().chain(ends).map(|words| t(words).to_owned()));
    notes.push(say("Ends when {what}.", &[("what", &ends)]));
    if sequence.rest_days > 0 {
        notes.push(say("Rests {span} after a text about another cart.", &[("span", &long(sequence.rest()))]));
    }
    notes
}

/// What the domain calls its exits and ready-made sequences, for `t`.
const _: [&str; 12] = [
    noted("the shopper followed the link of an earlier text"),
    noted("the shopper wrote back"),
    noted("the shopper began a newer cart"),
    noted("the shopper emptied the cart"),
    noted("United States"),
    noted("One text half an hour after the cart went quiet, never later than 48 hours: what US carriers allow."),
    noted("Europe"),
    noted("A reminder, and a second text the day after to which a discount may be added."),
    noted("Gentle"),
    noted("One text four hours later, and nothing more once the shopper looked again."),
    noted("Three steps"),
    noted("A reminder, a second chance the day after and a last call, all within 48 hours."),
];

impl Sequences {
    pub fn act(&self, id: &str, act: &str) -> String {
        self.page.href(&format!("/sequences/{id}/{act}"))
    }

    pub fn answer(&self) -> String {
        let on = self.rows.iter().filter(|row| row.on.is_some()).count() as u64;
        match (self.rows.len() as u64, on) {
            (0, _) => t("There are 0 sequences: no cart is texted.").to_owned(),
            (_, 0) => t("0 sequences are on: no cart is texted.").to_owned(),
            (1, _) => t("1 sequence is on.").to_owned(),
            (all, on) => say(
                "{part} of {whole} sequences are on.",
                &[("part", &format::count(on)), ("whole", &format::count(all))],
            ),
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

const CONDITIONS: [(&str, &str, &str); 9] = [
    ("countries", noted("Countries"), "SI, HR"),
    ("languages", noted("Languages"), "sl, de"),
    ("total_least", noted("Worth at least"), "50.00 EUR"),
    ("total_most", noted("Worth at most"), "500.00 EUR"),
    ("items", noted("With an item like"), "stool, lamp"),
    ("without_items", noted("Without an item like"), "gift card"),
    ("tags", noted("Tagged"), "vip"),
    ("sources", noted("Came from"), "newsletter"),
    ("intent_least", noted("Intent at least, 1 to 100"), "40"),
];

impl Sequence {
    pub fn answer(&self) -> String {
        let texts = format::number_of(self.row.line.marks.len() as u64, "text", "texts");
        let values: [(&str, &dyn Display); 3] =
            [("name", &self.row.name), ("texts", &texts), ("whom", &self.row.for_whom)];
        match self.row.on {
            Some(_) => say("{name} sends {texts} to {whom}.", &values),
            None => say("{name} is off; it would send {texts} to {whom}.", &values),
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
            0 => t("No open cart follows it now.").to_owned(),
            1 => t("1 open cart follows it now and would get no further text.").to_owned(),
            many => say(
                "{count} open carts follow it now and would get no further text.",
                &[("count", &format::count(many))],
            ),
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
        assert_eq!(line.words(), "text 1 at once, text 2 after 24 hours and text 3 after 44 hours, of 2 days");
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

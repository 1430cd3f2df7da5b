//! The rows of the pack as the file has them, and what must be true of every file.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Cite, Level};
use crate::domain::{hours::Hours, time::Time};

/// How sure a rule is.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Confidence {
    /// The statute's or the regulator's own page, or a checked quote of it.
    C,
    /// A law firm, a gateway, a platform.
    S,
    /// Sources disagree; the stricter one was taken.
    X,
    /// Not looked up, or no source found.
    #[default]
    G,
}

impl Confidence {
    pub fn words(self) -> &'static str {
        match self {
            Confidence::C => "confirmed",
            Confidence::S => "second hand",
            Confidence::X => "sources disagree",
            Confidence::G => "unconfirmed",
        }
    }
}

/// Whether a law lets a finished sale stand for consent. An abandoned cart is none anywhere.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum SoftOptIn {
    #[default]
    Never,
    Sale,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    pub version: String,
    pub everywhere: Everywhere,
    pub unlisted: Unlisted,
    pub country: Vec<Row>,
    pub state: Vec<Row>,
    pub keywords: Keywords,
}

/// What holds in every country: the law of some, the caution of the rest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Everywhere {
    /// Minutes from abandonment to the first text.
    pub first_after_minutes: u32,
    /// Hours from abandonment after which no text is sent.
    pub give_up_after_hours: u32,
    pub per_cart: Option<u32>,
    pub cart_texts_per_day: u32,
    pub all_texts_per_day: u32,
    pub cart_texts_per_30_days: u32,
    /// Days an opt-out link works.
    pub opt_out_link_days: u32,
    /// Years an opt-out is kept.
    pub opt_out_kept_years: u32,
    /// A stop is answered once, within so many seconds.
    pub answer_within_seconds: u32,
    pub required: Vec<String>,
    pub source: String,
    pub confidence: Confidence,
}

/// What holds for a country without a row.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlisted {
    /// The outer bound and the usual hours in one: a law nobody has read is not widened to.
    pub hours: Hours,
    pub consent: Level,
    pub source: String,
    pub confidence: Confidence,
}

/// The rules of one country or state during one span of days.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// ISO 3166-1 alpha-2, or ISO 3166-2 for a state.
    pub code: String,
    pub name: String,
    /// Territories with codes of their own to which this row applies.
    #[serde(default)]
    pub follows: Vec<String>,
    /// First day of these rules; none: since ever.
    #[serde(default, deserialize_with = "date")]
    pub valid_from: Option<Date>,
    /// Last day of these rules; none: until further notice.
    #[serde(default, deserialize_with = "date")]
    pub valid_to: Option<Date>,
    /// False: held until the operator enables the country.
    #[serde(default = "yes")]
    pub on: bool,
    /// What a shopkeeper should know besides.
    #[serde(default)]
    pub note: String,
    pub consent: Option<Consent>,
    pub legal: Option<Bound>,
    pub usual: Option<Bound>,
    pub caps: Option<RowCaps>,
    pub sender: Option<Sender>,
    pub text: Option<Text>,
    pub opt_out: Option<OptOut>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    pub level: Level,
    pub soft_opt_in: SoftOptIn,
    /// The rule in words.
    pub words: String,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    pub hours: Hours,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCaps {
    pub per_cart: Option<u32>,
    pub cart_texts_per_day: Option<u32>,
    pub all_texts_per_day: Option<u32>,
    pub cart_texts_per_30_days: Option<u32>,
    pub give_up_after_hours: Option<u32>,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    #[serde(default)]
    pub two_way_required: bool,
    #[serde(default = "yes")]
    pub alphanumeric: bool,
    pub prefix: Option<String>,
    #[serde(default)]
    pub stop_short_code: bool,
    /// Registers and routes, in words.
    #[serde(default)]
    pub words: String,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Pieces the text must have beyond those required everywhere.
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub discount_needs_promo_consent: bool,
    #[serde(default)]
    pub words: String,
    pub source: String,
    pub confidence: Confidence,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOut {
    /// The law's own limit, in words: `10 business days`. We act at once.
    pub deadline: Option<String>,
    /// Days the way to opt out must work.
    pub link_days: Option<u32>,
    #[serde(default)]
    pub words: String,
    pub source: String,
    pub confidence: Confidence,
}

/// One rule of a row in words.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct RowRule {
    /// `consent`, `hours by law`, `usual hours`, `how many`, `sender`, `text` or `opting out`.
    pub about: &'static str,
    pub says: String,
    pub source: String,
    pub confidence: Confidence,
}

/// Words of replies, each list by language.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keywords {
    /// Unmistakable: they count as the whole text, and as the first or last word of a short one.
    pub stop: Vec<Words>,
    /// Words with another meaning in some language: only as the whole text.
    pub stop_alone: Vec<Words>,
    /// They count anywhere in a text.
    pub stop_phrases: Vec<Words>,
    pub help: Vec<Words>,
    pub start: Vec<Words>,
    pub confirm: Vec<Words>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// BCP 47.
    pub language: String,
    pub words: Vec<String>,
    pub source: String,
    pub confidence: Confidence,
}

fn yes() -> bool {
    true
}

/// A day written `2026-07-01`.
fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

impl Row {
    pub fn holds_on(&self, day: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day <= to)
    }

    /// Whether these are the rules of this country or state.
    pub fn is_of(&self, code: &str) -> bool {
        self.code == code || self.follows.iter().any(|other| other == code)
    }

    /// Whether the row holds at a moment.
    pub fn is_current(&self, at: Time) -> bool {
        self.holds_on(super::day(at))
    }

    /// `from 2026-01-01 to 2026-06-30`; `None` where it always holds.
    pub fn span(&self) -> Option<String> {
        match (self.valid_from, self.valid_to) {
            (None, None) => None,
            (Some(from), None) => Some(format!("from {from}")),
            (None, Some(to)) => Some(format!("until {to}")),
            (Some(from), Some(to)) => Some(format!("from {from} to {to}")),
        }
    }

    /// Every rule of the row with its source, in words.
    pub fn rules(&self) -> Vec<RowRule> {
        let mut rules = Vec::new();
        let mut add = |about: &'static str, says: String, source: &str, confidence| {
            rules.push(RowRule { about, says, source: source.to_owned(), confidence });
        };
        if let Some(rule) = &self.consent {
            add("consent", format!("{}: {}", rule.level.words(), rule.words), &rule.source, rule.confidence);
        }
        if let Some(rule) = &self.legal {
            add("hours by law", rule.hours.words(), &rule.source, rule.confidence);
        }
        if let Some(rule) = &self.usual {
            add("usual hours", rule.hours.words(), &rule.source, rule.confidence);
        }
        if let Some(rule) = &self.caps {
            add("how many", rule.to_words(), &rule.source, rule.confidence);
        }
        if let Some(rule) = &self.sender {
            add("sender", rule.to_words(), &rule.source, rule.confidence);
        }
        if let Some(rule) = &self.text {
            add("text", rule.to_words(), &rule.source, rule.confidence);
        }
        if let Some(rule) = &self.opt_out {
            add("opting out", rule.to_words(), &rule.source, rule.confidence);
        }
        rules
    }

    /// The same for a binding, which may be of several rows.
    pub fn cites(&self) -> Vec<Cite> {
        let cite = |rule: RowRule| Cite {
            rule: format!("{}: {}: {}", self.code, rule.about, rule.says),
            source: rule.source,
            confidence: rule.confidence,
        };
        self.rules().into_iter().map(cite).collect()
    }
}

impl RowCaps {
    /// `at most 1 text a cart, 3 texts in 24 hours`.
    pub fn to_words(&self) -> String {
        let named = [
            (self.per_cart, "for one cart"),
            (self.cart_texts_per_day, "reminders in 24 hours"),
            (self.all_texts_per_day, "texts in 24 hours"),
            (self.cart_texts_per_30_days, "reminders in 30 days"),
            (self.give_up_after_hours, "hours after the cart was left"),
        ];
        let named: Vec<String> = named.iter().filter_map(|(cap, what)| Some(format!("{} {what}", (*cap)?))).collect();
        format!("at most {}", named.join(", "))
    }
}

impl Sender {
    pub fn to_words(&self) -> String {
        let mut said = Vec::new();
        if self.two_way_required {
            said.push("the sender must take replies".to_owned());
        }
        if !self.alphanumeric {
            said.push("no sender of letters".to_owned());
        }
        if let Some(prefix) = &self.prefix {
            said.push(format!("the sender begins with {prefix}"));
        }
        if self.stop_short_code {
            said.push("STOP goes to a short number named in the text".to_owned());
        }
        said.extend(Some(self.words.clone()).filter(|words| !words.is_empty()));
        said.join("; ")
    }
}

impl Text {
    pub fn to_words(&self) -> String {
        let mut said = Vec::new();
        if !self.required.is_empty() {
            said.push(format!("the text must have: {}", self.required.join(", ")));
        }
        if self.discount_needs_promo_consent {
            said.push("a discount needs consent to promotions".to_owned());
        }
        said.extend(Some(self.words.clone()).filter(|words| !words.is_empty()));
        said.join("; ")
    }
}

impl OptOut {
    pub fn to_words(&self) -> String {
        let mut said = Vec::new();
        said.extend(self.deadline.as_ref().map(|deadline| format!("opt-out within {deadline} (done at once)")));
        said.extend(self.link_days.map(|days| format!("the way out works for {days} days")));
        said.extend(Some(self.words.clone()).filter(|words| !words.is_empty()));
        said.join("; ")
    }
}

impl Rules {
    /// What must be true of every pack beyond its form.
    pub fn check(&self) -> Result<(), String> {
        let mut problems = Vec::new();
        if self.version.trim().is_empty() {
            problems.push("version: missing".to_owned());
        }
        let mut seen: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in self.country.iter().chain(&self.state) {
            for code in std::iter::once(&row.code).chain(&row.follows) {
                let others = seen.entry(code).or_default();
                if others.iter().any(|other| other.overlaps(row)) {
                    problems.push(format!("{code}: two rows hold on the same day"));
                }
                others.push(row);
            }
            let is_state = row.code.contains('-');
            if !is_state && (row.consent.is_none() || row.usual.is_none()) {
                problems.push(format!("{}: a country needs consent and usual hours", row.code));
            }
            if row.valid_from.zip(row.valid_to).is_some_and(|(from, to)| to < from) {
                problems.push(format!("{}: ends before it begins", row.code));
            }
            if let (Some(legal), Some(usual)) = (&row.legal, &row.usual)
                && !usual.hours.is_within(&legal.hours)
            {
                problems.push(format!("{}: the usual hours are not within the legal ones", row.code));
            }
            if row.cites().iter().any(|cite| cite.source.trim().is_empty()) {
                problems.push(format!("{}: a rule without a source", row.code));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }
}

impl Row {
    fn overlaps(&self, other: &Row) -> bool {
        let begins_by =
            |row: &Row, day: Option<Date>| day.is_none_or(|day| row.valid_from.is_none_or(|from| from <= day));
        begins_by(self, other.valid_to) && begins_by(other, self.valid_to)
    }
}

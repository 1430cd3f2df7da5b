//! What a sequence may be: every bound, and every problem told at once with the place it stands in.

use super::{Conditions, Discount, Exits, Sequence, Step};
use crate::domain::{
    intent, template,
    time::{DAY, HOUR, MINUTE},
};
use std::{collections::BTreeSet, time::Duration};

/// Sequences of one shop.
pub const SEQUENCES_MOST: usize = 20;
pub const STEPS_MOST: usize = 5;
/// Thirty days: a longer wait is not a reminder any more.
pub const MINUTES_MOST: u32 = 30 * 24 * 60;
/// Entries of one list of conditions; countries may be all of them.
const ENTRIES_MOST: usize = 300;
const WORD_CHARS_MOST: usize = 64;

/// What is wrong with all sequences of a shop: each one's own problems, two of one name, and steps that lie beyond the
/// moment after which the shop sends nothing any more.
pub fn check_all(sequences: &[Sequence], give_up_after: Duration) -> Vec<String> {
    let mut problems = Vec::new();
    if sequences.len() > SEQUENCES_MOST {
        problems.push(format!("sequences: there may be at most {SEQUENCES_MOST}"));
    }
    let mut seen = BTreeSet::new();
    for sequence in sequences {
        let place = if sequence.id.is_empty() { "sequences" } else { &sequence.id };
        problems.extend(sequence.check().into_iter().map(|problem| format!("{place}: {problem}")));
        if !seen.insert(&sequence.id) {
            problems.push(format!("{place}: there are two sequences with this id"));
        }
        for (number, step) in (1..).zip(&sequence.steps) {
            if MINUTE * step.after_minutes >= give_up_after {
                problems.push(format!("{place}: step {number}: must lie before give_up_after_hours"));
            }
        }
    }
    problems
}

impl Sequence {
    /// What is out of bounds, every problem on its own.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !is_slug(&self.id) {
            problems.push("id: must be 1 to 32 of a-z, 0-9 and -, beginning and ending with a letter or digit".into());
        }
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > WORD_CHARS_MOST || name.chars().any(char::is_control) {
            problems.push(format!("name: must be 1 to {WORD_CHARS_MOST} characters"));
        }
        within(&mut problems, "rest_days", self.rest_days, 0, 365);
        problems.extend(self.when.check().into_iter().map(|problem| format!("when.{problem}")));
        if !(1..=STEPS_MOST).contains(&self.steps.len()) {
            problems.push(format!("steps: must be 1 to {STEPS_MOST}"));
        }
        if self.steps.windows(2).any(|pair| matches!(pair, [a, b] if a.after_minutes >= b.after_minutes)) {
            problems.push("steps: each must be later than the one before".into());
        }
        for (number, step) in (1..).zip(&self.steps) {
            problems.extend(step.check().into_iter().map(|problem| format!("step {number}: {problem}")));
        }
        problems
    }

    /// What is allowed but would surprise: steps that the shop's own rest between two texts leaves no room for.
    pub fn clashes(&self, rest: Duration, give_up_after: Duration) -> Vec<String> {
        let mut told = Vec::new();
        for (number, pair) in (2u32..).zip(self.steps.windows(2)) {
            let [before, step] = pair else { continue };
            let room = MINUTE * step.after_minutes.saturating_sub(before.after_minutes);
            let ends = step.deadline_minutes.map_or(give_up_after, |deadline| {
                give_up_after.min(MINUTE * step.after_minutes.saturating_add(deadline))
            });
            if room < rest && MINUTE * before.after_minutes + rest >= ends {
                told.push(format!(
                    "Text {number} is due {} after text {} and dropped before the shop's rest of {} between two texts \
                     is over: it will not be sent to whoever got text {}",
                    span(room),
                    number - 1,
                    span(rest),
                    number - 1
                ));
            }
        }
        told
    }
}

impl Step {
    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        within(&mut problems, "after_minutes", self.after_minutes, 0, MINUTES_MOST);
        if let Some(deadline) = self.deadline_minutes {
            within(&mut problems, "deadline_minutes", deadline, 1, MINUTES_MOST);
        }
        problems.extend(self.when.check().into_iter().map(|problem| format!("when.{problem}")));
        for (language, text) in &self.texts {
            let place = if language.is_empty() { "texts".to_owned() } else { format!("texts.{language}") };
            if !language.is_empty() && !is_language(language) {
                problems.push(format!("{place}: must be a language tag in lower case, as in de or pt-br"));
            }
            if let Err(found) = template::check(text) {
                problems.extend(found.iter().map(|problem| format!("{place}: {problem}")));
            }
        }
        problems.extend(self.discount.iter().flat_map(Discount::check));
        problems
    }
}

impl Discount {
    /// What is out of bounds, every problem on its own.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self {
            Discount::Fixed(fixed) => {
                let visible = fixed.code.bytes().all(|byte| byte.is_ascii_graphic());
                if fixed.code.is_empty() || fixed.code.len() > WORD_CHARS_MOST || !visible {
                    problems.push(format!("discount.code: must be 1 to {WORD_CHARS_MOST} letters, digits or signs"));
                }
                within(&mut problems, "discount.cool_down_days", fixed.cool_down_days, 0, 365);
            }
            Discount::Unique(plan) => {
                problems.extend(plan.check().into_iter().map(|problem| format!("discount.{problem}")));
            }
        }
        problems
    }
}

impl Conditions {
    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        list(&mut problems, "countries", &self.countries, is_country, "two-letter codes in capitals, as in SI,HR");
        list(&mut problems, "languages", &self.languages, is_language, "language tags in lower case, as in de,pt-br");
        for (name, words) in [
            ("items", &self.items),
            ("without_items", &self.without_items),
            ("tags", &self.tags),
            ("sources", &self.sources),
        ] {
            list(&mut problems, name, words, is_word, "of 1 to 64 characters, without blanks around them");
        }
        if let Some(least) = self.intent_least {
            within(&mut problems, "intent_least", u32::from(least), 1, u32::from(intent::MOST));
        }
        for (name, bound) in [("total_least", self.total_least), ("total_most", self.total_most)] {
            if bound.is_some_and(|bound| bound.minor < 0) {
                problems.push(format!("{name}: must not be negative"));
            }
        }
        if let (Some(least), Some(most)) = (self.total_least, self.total_most) {
            if least.currency != most.currency {
                problems.push("total_most: must be in the currency of total_least".into());
            } else if least.minor > most.minor {
                problems.push("total_most: must not be less than total_least".into());
            }
        }
        problems
    }
}

impl Exits {
    /// Every exit a merchant may choose, by its name in the rules and in words.
    pub const NAMES: [(&'static str, &'static str); 4] = [
        ("clicked", "the shopper followed the link of an earlier text"),
        ("replied", "the shopper wrote back"),
        ("superseded", "the shopper began a newer cart"),
        ("emptied", "the shopper emptied the cart"),
    ];
}

fn within(problems: &mut Vec<String>, name: &str, value: u32, least: u32, most: u32) {
    if !(least..=most).contains(&value) {
        problems.push(format!("{name}: must be {least} to {most}"));
    }
}

fn list(problems: &mut Vec<String>, name: &str, entries: &[String], fits: fn(&str) -> bool, words: &str) {
    if entries.len() > ENTRIES_MOST {
        problems.push(format!("{name}: there may be at most {ENTRIES_MOST}"));
    }
    if entries.iter().any(|entry| !fits(entry)) {
        problems.push(format!("{name}: must be {words}"));
    }
}

/// Whether this may be a sequence's id.
pub fn is_slug(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = id.bytes().next().is_some_and(plain) && id.bytes().next_back().is_some_and(plain);
    ends && id.len() <= 32 && id.bytes().all(|byte| plain(byte) || byte == b'-')
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// BCP 47 as far as we use it: a language and what follows it, in lower case.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    parts.next().is_some_and(|first| matches!(first.len(), 2 | 3) && first.bytes().all(|b| b.is_ascii_lowercase()))
        && parts.all(|part| (1..=8).contains(&part.len()) && plain(part))
        && tag.len() <= 35
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.trim() == word
        && word.chars().count() <= WORD_CHARS_MOST
        && !word.chars().any(char::is_control)
}

/// `30 minutes`, `24 hours`, `3 days`: as people say it, exactly.
pub fn span(length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    let told = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match minutes {
        0 => "0 minutes".to_owned(),
        _ if minutes.is_multiple_of(DAY.as_secs() / 60) && minutes > DAY.as_secs() / 60 => told(minutes / 1_440, "day"),
        _ if minutes.is_multiple_of(HOUR.as_secs() / 60) => told(minutes / 60, "hour"),
        _ if minutes < 60 => told(minutes, "minute"),
        _ => format!("{} and {}", told(minutes / 60, "hour"), told(minutes % 60, "minute")),
    }
}

//! Choosing a cart's sequence and ending it early. The order of the list is the priority; the first that fits is taken,
//! and every one that does not says why.

use std::time::Duration;

use super::{Buyer, CartTraits, Choice, Conditions, ExitFacts, Sequence, span};
use crate::domain::{
    money::Money,
    time::{DAY, Time},
};

/// The first sequence that was on when the cart was abandoned and whose conditions hold.
pub fn choose<'s>(sequences: &'s [Sequence], traits: &CartTraits) -> Choice<'s> {
    let mut why = Vec::new();
    for sequence in sequences {
        match sequence.refusal(traits) {
            None => return Choice::Chosen(sequence),
            Some(reason) => why.push((sequence.id.clone(), reason)),
        }
    }
    Choice::None { why }
}

/// Why this sequence ends here, if it does: at most one reason, the plainest first.
pub fn exit(sequence: &Sequence, facts: &ExitFacts) -> Option<&'static str> {
    let exits = &sequence.exits;
    if exits.emptied && facts.items == Some(0) {
        return Some("the cart is empty by now");
    }
    if exits.superseded && facts.newer_cart_at.is_some() {
        return Some("the same person has begun a newer cart");
    }
    if exits.replied && facts.replied_at.is_some() {
        return Some("the shopper wrote back");
    }
    if exits.clicked && facts.clicked_at.is_some() {
        return Some("the shopper followed the link of an earlier text");
    }
    None
}

/// A text to the same phone about another cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherText {
    pub at: Time,
    /// It carried a discount.
    pub with_code: bool,
}

/// How long a step rests after a text of another cart's sequence, and after another discount. A cart whose sequence has
/// begun does not rest again.
pub fn rests(sequence: &Sequence, step: u32, has_begun: bool) -> (Duration, Duration) {
    let rest = if has_begun { Duration::ZERO } else { sequence.rest() };
    let discount = sequence.step(step).and_then(|step| step.discount.as_ref());
    (rest, discount.map_or(Duration::ZERO, |discount| DAY * discount.cool_down_days()))
}

/// Until when other texts to the same phone keep a step back, and why; the later of both.
pub fn cool_down(
    others: &[OtherText],
    (rest, discount_rest): (Duration, Duration),
    now: Time,
) -> Option<(Time, String)> {
    let newest = others.iter().map(|other| other.at).max();
    let sequence = newest
        .map(|at| (at + rest, format!("a text of another cart’s sequence went to this phone; rests {}", span(rest))));
    let newest = others.iter().filter(|other| other.with_code).map(|other| other.at).max();
    let discount = newest
        .map(|at| (at + discount_rest, format!("another discount went to this phone; rests {}", span(discount_rest))));
    [sequence, discount].into_iter().flatten().filter(|(until, _)| *until > now).max()
}

impl Sequence {
    /// Whether any of its conditions, or of its steps', asks what the visitor did.
    pub fn asks_intent(&self) -> bool {
        self.when.intent_least.is_some() || self.steps.iter().any(|step| step.when.intent_least.is_some())
    }

    /// Why this sequence is not for that cart; `None` when it is.
    pub fn refusal(&self, traits: &CartTraits) -> Option<String> {
        match self.on_since {
            None => Some("switched off".into()),
            Some(on_since) if on_since > traits.abandoned_at => {
                Some("switched on only after the cart was abandoned".into())
            }
            Some(_) => self.when.refusal(traits),
        }
    }
}

impl Conditions {
    /// What does not hold of this cart, all of it in one text; `None` when everything does.
    pub fn refusal(&self, traits: &CartTraits) -> Option<String> {
        let reasons: Vec<String> = [
            one_of("countries", &self.countries, traits.country.as_deref(), |a, b| a.eq_ignore_ascii_case(b)),
            one_of("languages", &self.languages, traits.language.as_deref(), speaks),
            self.worth(traits.total),
            self.holds(&traits.item_titles),
            self.tagged(&traits.tags),
            self.bought(traits.returning),
            one_of("sources", &self.sources, traits.source.as_deref(), same),
            self.eager(traits.intent),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    fn worth(&self, total: Option<Money>) -> Option<String> {
        let bound = self.total_least.or(self.total_most)?;
        let Some(total) = total else { return Some("for a certain total; the cart's is not known".into()) };
        if total.currency != bound.currency {
            return Some(format!("for totals in {}; the cart's is in {}", bound.currency, total.currency));
        }
        if let Some(least) = self.total_least.filter(|least| total.minor < least.minor) {
            return Some(format!("for at least {least}; the cart is worth {total}"));
        }
        let most = self.total_most.filter(|most| total.minor > most.minor)?;
        Some(format!("for at most {most}; the cart is worth {total}"))
    }

    fn holds(&self, titles: &[String]) -> Option<String> {
        let titles: Vec<String> = titles.iter().map(|title| title.to_lowercase()).collect();
        let stands = |word: &String| titles.iter().any(|title| title.contains(&word.to_lowercase()));
        if let Some(word) = self.without_items.iter().find(|word| stands(word)) {
            return Some(format!("not for carts with {word}"));
        }
        let wanted = !self.items.is_empty() && !self.items.iter().any(stands);
        wanted.then(|| format!("for carts with {}", listed(&self.items)))
    }

    fn tagged(&self, tags: &[String]) -> Option<String> {
        let any = self.tags.iter().any(|wanted| tags.iter().any(|tag| same(wanted, tag)));
        (!self.tags.is_empty() && !any).then(|| format!("for the tags {}", listed(&self.tags)))
    }

    fn bought(&self, returning: bool) -> Option<String> {
        match (self.buyer, returning) {
            (Buyer::New, true) => Some("for new buyers; this one has bought before".into()),
            (Buyer::Returning, false) => Some("for returning buyers; no earlier order is known".into()),
            _ => None,
        }
    }

    fn eager(&self, intent: Option<u8>) -> Option<String> {
        let least = self.intent_least?;
        match intent {
            None => Some(format!("for an intent of at least {least}; nothing is known of what this visitor did")),
            Some(intent) => {
                (intent < least).then(|| format!("for an intent of at least {least}; this visitor's is {intent}"))
            }
        }
    }

    /// Each condition in words a shopkeeper reads; nothing when the sequence is for every cart.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut any = |told: &str, list: &[String]| {
            if !list.is_empty() {
                words.push(format!("{told} {}", listed(list)));
            }
        };
        any("from", &self.countries);
        any("in the language", &self.languages);
        any("with an item like", &self.items);
        any("without an item like", &self.without_items);
        any("tagged", &self.tags);
        any("that came from", &self.sources);
        match (self.total_least, self.total_most) {
            (Some(least), Some(most)) => words.push(format!("worth {least} to {most}")),
            (Some(least), None) => words.push(format!("worth {least} or more")),
            (None, Some(most)) => words.push(format!("worth {most} or less")),
            (None, None) => {}
        }
        match self.buyer {
            Buyer::Any => {}
            Buyer::New => words.push("of people who never bought here".into()),
            Buyer::Returning => words.push("of people who bought here before".into()),
        }
        words.extend(self.intent_least.map(|least| format!("of visitors with an intent of {least} or more")));
        words
    }
}

/// A condition that the cart's one value be among several.
fn one_of(name: &str, wanted: &[String], have: Option<&str>, fits: fn(&str, &str) -> bool) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    let Some(have) = have.map(str::trim).filter(|have| !have.is_empty()) else {
        return Some(format!("for the {name} {}; the cart's is not known", listed(wanted)));
    };
    let found = wanted.iter().any(|wanted| fits(wanted, have));
    (!found).then(|| format!("for the {name} {}; the cart's is {have}", listed(wanted)))
}

/// `de` takes `de`, `de-AT` and `de_AT`; `de-at` takes only itself.
fn speaks(wanted: &str, have: &str) -> bool {
    let have = have.to_lowercase().replace('_', "-");
    have.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// The first few of a list: a reason is read in one line.
fn listed(entries: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = entries.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match entries.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

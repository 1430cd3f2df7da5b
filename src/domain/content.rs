//! Content: are the finished words of a text fit to leave? Asked of the rendered text, whatever template it came from.
//!
//! Source: compliance.md 2.2 gate 8 and 2.7: the shop's name, a way back on our own links, a way to opt out, no placeholder
//! left over, not longer than the shop will pay for.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::sms;

/// What a finished text is like. Holds none of its words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentFacts {
    pub names_the_shop: bool,
    pub has_link: bool,
    pub has_opt_out: bool,
    /// A `{{ … }}` that nothing was filled in for.
    pub has_placeholder: bool,
    /// Parts the carrier bills, and the most the shop allows.
    pub parts: u32,
    pub parts_most: u32,
    /// It offers a discount, and the person's consent names offers beside reminders.
    pub discount: bool,
    pub promo_consent: bool,
    /// Of the words, as a BCP 47 tag.
    pub language: String,
    /// Why there are no words at all, when there are none.
    pub unwritten: Option<String>,
}

/// What must be found in a text.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    pub shop: &'e str,
    pub link: &'e str,
    pub opt_out: &'e str,
    pub parts_most: u32,
}

impl ContentFacts {
    /// Looks at a finished text.
    pub fn of(text: &str, expected: Expected<'_>) -> ContentFacts {
        // As the template engine writes them: typographic characters are plain by now.
        let holds = |part: &str| {
            let part = sms::normalise(part.trim());
            !part.is_empty() && text.contains(&part)
        };
        ContentFacts {
            names_the_shop: !bare(expected.shop).is_empty() && bare(text).contains(&bare(expected.shop)),
            has_link: holds(expected.link),
            has_opt_out: holds(expected.opt_out),
            has_placeholder: text.contains("{{") || text.contains("{%"),
            parts: sms::segments(text).count,
            parts_most: expected.parts_most,
            ..ContentFacts::default()
        }
    }

    /// The first thing that keeps it from leaving, in words for the shopkeeper.
    pub fn problem(&self) -> Option<String> {
        if let Some(why) = &self.unwritten {
            return Some(why.clone());
        }
        let missing = [
            (self.names_the_shop, "the text does not name the shop"),
            (self.has_link, "the text has no link back to the cart"),
            (self.has_opt_out, "the text does not say how to opt out"),
            (!self.has_placeholder, "the text still has a placeholder in it"),
        ];
        let found = missing.into_iter().find(|(well, _)| !well).map(|(_, what)| what.to_owned());
        found.or_else(|| {
            (self.parts > self.parts_most)
                .then(|| format!("the text takes {} parts, and the shop allows {}", self.parts, self.parts_most))
        })
    }
}

/// Letters and digits only, in lower case and without accents: a name is named however it is written.
fn bare(text: &str) -> String {
    text.nfkd().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let wanted = Expected {
            shop: "Lumen & Oak",
            link: "https://s.example/r/A",
            opt_out: "Reply STOP to opt out",
            parts_most: 1,
        };
        assert_eq!(ContentFacts::of(text, wanted).problem().as_deref(), expected, "{text}");
    }

    #[test]
    fn a_text_leaves_with_all_it_needs_or_not_at_all() {
        check("Lumen & Oak: https://s.example/r/A Reply STOP to opt out", None);
        check("Your cart: https://s.example/r/A Reply STOP to opt out", Some("the text does not name the shop"));
        check("Lumen & Oak: hello. Reply STOP to opt out", Some("the text has no link back to the cart"));
        check("Lumen & Oak: https://s.example/r/A", Some("the text does not say how to opt out"));
        check(
            "Lumen & Oak: {{ first_name }} https://s.example/r/A Reply STOP to opt out",
            Some("the text still has a placeholder in it"),
        );
        let long = format!("Lumen & Oak: https://s.example/r/A Reply STOP to opt out {}", "a".repeat(160));
        check(&long, Some("the text takes 2 parts, and the shop allows 1"));
        check("LUMEN + OAK: https://s.example/r/A Reply STOP to opt out", None);
        check("lumen and oak: https://s.example/r/A Reply STOP to opt out", Some("the text does not name the shop"));
        check("LUMÉN & OAK: https://s.example/r/A Reply STOP to opt out", None);
        check("", Some("the text does not name the shop"));
    }
}

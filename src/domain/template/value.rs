//! What is filled in: cleaned, clipped and made harmless before it meets a template. No name, of a person, a product or
//! the shop itself, becomes a second link or a number to call; our own link is never touched. Names lose the dot
//! that made them a link and read on (`Shoes.com` is sent as `Shoes com`); a code would not work without its dot, so one
//! that reads as a link is left out.

use std::sync::Arc;

use minijinja::{
    Error, ErrorKind, Value,
    value::{Object, ObjectRepr},
};

use super::links;
use crate::domain::sms;

pub const NAME_CHARS_MAX: usize = 60;
pub const VALUE_CHARS_MAX: usize = 200;
/// More digits than this in a person's name are a number to call.
const PERSON_DIGITS_MAX: usize = 4;
/// So many digits may be called: the shortest numbers with an area code.
const PHONE_DIGITS_MIN: usize = 7;

/// A value without control and bidirectional characters and without line ends, in GSM-7's punctuation.
pub fn plain(text: &str) -> String {
    // Long enough for the longest value after cleaning; anything beyond is not read.
    let read = text.chars().take(VALUE_CHARS_MAX * 10);
    let visible: String = read
        .filter_map(|character| match character {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' | '\t' => Some(' '),
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
            '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => None,
            control if control.is_control() => None,
            _ => Some(character),
        })
        .collect();
    one_spaced(&sms::normalise(&visible))
}

/// A price or a day: both have dots that make no link.
pub fn short(text: &str) -> String {
    let text = clip(&plain(text), VALUE_CHARS_MAX);
    if links::first(&text).is_some() { unlinked(&text) } else { text }
}

/// A discount code, which must be typed as it stands. Empty if it would be a link.
pub fn code(text: &str) -> String {
    let text = clip(&plain(text), VALUE_CHARS_MAX);
    if links::first(&text).is_some() { String::new() } else { text }
}

/// The shop's name, as it signs its texts.
pub fn brand(text: &str) -> String {
    unlinked(&clip(&plain(text), NAME_CHARS_MAX))
}

/// A product's title, which anyone who can edit the catalogue may have written.
pub fn name(text: &str) -> String {
    // Once more after the numbers went: what stood around one may have become a link.
    unlinked(&uncalled(&unlinked(&clip(&plain(text), NAME_CHARS_MAX))))
}

/// A person's name, which anyone who fills in a checkout may have written.
pub fn person(text: &str) -> String {
    let text = plain(text);
    if text.chars().filter(|character| character.is_numeric()).count() <= PERSON_DIGITS_MAX {
        return name(&text);
    }
    // Before links are taken apart: without its digits `evil1.2com` would be one.
    name(&text.chars().filter(|character| !character.is_numeric()).collect::<String>())
}

pub fn clip(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect::<String>().trim().to_owned()
}

/// Takes apart what phones turn into links: `evil.com/x` becomes `evil com/x`. A dot stays before a space, as in
/// `St. John`, and in a decimal, as in `1.5 m`; it never stands at an end, where the template's own words could join it.
fn unlinked(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(unlinked_word).collect();
    one_spaced(&words.join(" ")).trim_matches(['.', ' ']).to_owned()
}

/// Leaves out what phones offer to call: seven digits in a row, or a number written in groups as people write theirs.
/// `iPhone 15 128` and `75192 7541` stay.
fn uncalled(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = chars.as_slice();
    while let Some((&first, after)) = rest.split_first() {
        let length = if first.is_numeric() || matches!(first, '+' | '(') { number_length(rest) } else { 0 };
        let (number, beyond) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if is_phone(number) {
            rest = beyond;
        } else if length > 0 {
            out.extend(number);
            rest = beyond;
        } else {
            out.push(first);
            rest = after;
        }
    }
    one_spaced(&out)
}

/// How many of these characters are digits and what stands between the groups of a number, up to the last digit.
fn number_length(text: &[char]) -> usize {
    let between = |character: &char| matches!(character, ' ' | '-' | '.' | '/' | '(' | ')' | '+');
    let end = text.iter().position(|character| !(character.is_numeric() || between(character))).unwrap_or(text.len());
    text.iter().take(end).rposition(|character| character.is_numeric()).map_or(0, |last| last + 1)
}

fn is_phone(number: &[char]) -> bool {
    let written: String = number.iter().collect();
    let groups: Vec<&str> = written.split(|c: char| !c.is_numeric()).filter(|group| !group.is_empty()).collect();
    let digits: usize = groups.iter().map(|group| group.chars().count()).sum();
    let in_a_row = groups.iter().any(|group| group.chars().count() >= PHONE_DIGITS_MIN);
    let dialled = written.starts_with(['+', '0', '(']) && digits >= PHONE_DIGITS_MIN;
    in_a_row || dialled || (groups.len() >= 3 && digits >= PHONE_DIGITS_MIN + 2)
}

fn unlinked_word(word: &str) -> String {
    let one_dot = word.chars().filter(|character| is_dot(*character)).count() == 1;
    let digit = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
    let mut out = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    while let Some(character) = rest.next() {
        let before = out.chars().next_back();
        let after = rest.peek().copied();
        out.push(match character {
            dot if is_dot(dot) => {
                let decimal = one_dot && digit(before) && digit(after);
                let ends_word = before.is_some() && rest.clone().all(is_dot);
                if decimal || ends_word { '.' } else { ' ' }
            }
            // `http://1`, `tel:1`, `a@b`: none of them needs a dot.
            ':' | '：' if after.is_some() => ' ',
            '/' if after == Some('/') => ' ',
            '@' | '＠' | '\\' => ' ',
            other => other,
        });
    }
    out
}

/// Also the dots that host names take for dots (UTS #46), and those that look like one.
fn is_dot(character: char) -> bool {
    matches!(character, '.' | '。' | '．' | '｡' | '․' | '﹒' | '‥' | '…')
}

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name without a value. It is false in a condition, takes a `default`, and refuses to be printed.
#[derive(Debug)]
pub struct Absent(pub &'static str);

impl Absent {
    pub fn error(&self) -> Error {
        Error::new(ErrorKind::UndefinedError, self.0)
    }
}

impl Object for Absent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }
}

/// The name whose absence this error tells of.
pub fn missing(error: &Error) -> Option<&'static str> {
    let told = error.detail().filter(|_| error.kind() == ErrorKind::UndefinedError)?;
    super::VARIABLES.iter().map(|(name, _)| *name).find(|name| *name == told)
}

pub fn default(value: Value, fallback: Value) -> Value {
    let empty = value.as_str().is_some_and(|text| text.trim().is_empty());
    if empty || value.downcast_object_ref::<Absent>().is_some() { fallback } else { value }
}

/// Applies a change to a text or number; what is absent stays absent, for a `default` further on.
pub fn change(value: Value, apply: impl Fn(&str) -> String) -> Value {
    match value.downcast_object_ref::<Absent>() {
        Some(_) => value,
        None => Value::from(apply(&value.to_string())),
    }
}

pub fn capitalize(text: &str) -> String {
    let mut rest = text.chars();
    rest.next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(rest.as_str().to_lowercase().chars()).collect())
}

/// Every word with a capital: `anna-maria d'arc` becomes `Anna-Maria D'Arc`.
pub fn title(text: &str) -> String {
    let mut within_word = false;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if within_word {
            out.extend(character.to_lowercase());
        } else {
            out.extend(character.to_uppercase());
        }
        within_word = character.is_alphanumeric();
    }
    out
}

/// At most this many characters, the dots included.
pub fn truncate(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end()).chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_do_not_become_links() {
        let cases = [
            ("Anna", "Anna"),
            (" Anna\r\nMaria ", "Anna Maria"),
            ("evil.com/x", "evil com/x"),
            ("https://evil.com", "https /evil com"),
            ("http://2130706433", "http /"),
            ("www.evil.com.", "www evil com"),
            ("evil。com", "evil com"),
            ("evil․com", "evil com"),
            ("evil\u{200b}.\u{200b}com", "evil com"),
            ("evil…com", "evil com"),
            ("me@evil.com", "me evil com"),
            ("tel:123", "tel 123"),
            (".com", "com"),
            ("evil.", "evil"),
            ("St. John", "St. John"),
            ("Cable 1.5 m", "Cable 1.5 m"),
            ("8.8.8.8", "8 8 8 8"),
            ("\u{202e}moc\u{202c}", "moc"),
            ("Shirt S/M", "Shirt S/M"),
            ("{{ link }}", "{{ link }}"),
        ];
        for (text, expected) in cases {
            assert_eq!(name(text), expected, "{text:?}");
        }
        // Neither does the cut leave a dot at the end.
        assert_eq!(name(&format!("{} St. John", "n".repeat(56))), format!("{} St", "n".repeat(56)));
    }

    #[test]
    fn a_persons_name_is_no_number_to_call() {
        assert_eq!(person("Call +1 900 555 0100 now"), "Call + now");
        assert_eq!(person("R2D2"), "R2D2");
        assert_eq!(person("12345"), "");
        assert_eq!(person("evil1.2com 345678"), "evil com");
    }

    #[test]
    fn a_title_is_no_number_to_call_either() {
        let cases = [
            ("Call +1 900 555 0100 now", "Call now"),
            ("Call 900-555-0100", "Call"),
            ("(900) 555 0100 x", "x"),
            ("041 123 456", ""),
            ("EAN 4006381333931 socks", "EAN socks"),
            ("iPhone 15 128 GB", "iPhone 15 128 GB"),
            ("Set 75192 7541", "Set 75192 7541"),
            ("Cable 1.5 m", "Cable 1.5 m"),
            ("Size 36-38 (2 x)", "Size 36-38 (2 x)"),
            ("evil.1234567com", "evil com"),
        ];
        for (text, expected) in cases {
            assert_eq!(name(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_brand_and_a_code_are_no_links() {
        assert_eq!(brand("Shoes.com"), "Shoes com");
        assert_eq!(brand("7-Eleven & Co. 1234567"), "7-Eleven & Co. 1234567");
        assert_eq!(code("NW-10.5"), "NW-10.5");
        assert_eq!(code("SAVE.NOW"), "");
        assert_eq!(short("1.234,50 €"), "1.234,50 €");
        assert_eq!(short("24. 11."), "24. 11.");
        assert_eq!(short("evil.com"), "evil com");
    }

    #[test]
    fn words_get_their_capitals() {
        assert_eq!(title("anna-maria d'ARC"), "Anna-Maria D'Arc");
        assert_eq!(capitalize("éLAN vital"), "Élan vital");
        assert_eq!(capitalize(""), "");
    }

    #[test]
    fn truncation_counts_its_dots() {
        assert_eq!(truncate("Merino socks", 12), "Merino socks");
        assert_eq!(truncate("Merino socks", 11), "Merino s...");
        assert_eq!(truncate("Merino socks", 2), "..");
        assert_eq!(truncate("Merino socks", 0), "");
    }

    proptest! {
        #[test]
        fn no_name_holds_a_dot_between_letters(text in "[a-z0-9./:@ ．。․\u{200b}\u{202e}\r\n]{0,80}") {
            for cleaned in [name(&text), person(&text)] {
                let chars: Vec<char> = cleaned.chars().collect();
                for three in chars.windows(3) {
                    let joined = three[1] == '.' && three[0] != ' ' && !matches!(three[2], ' ' | '.');
                    let decimal = three[0].is_ascii_digit() && three[2].is_ascii_digit();
                    prop_assert!(!joined || decimal, "{cleaned}");
                }
                prop_assert!(!cleaned.contains("//") && !cleaned.ends_with('.') && !cleaned.starts_with('.'), "{cleaned}");
                prop_assert!(chars.len() <= NAME_CHARS_MAX);
            }
        }
    }
}

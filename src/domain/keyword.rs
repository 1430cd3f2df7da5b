//! Keywords: what a reply to a text asks for, in any language, on any number.
//!
//! Decides between stop, help, start and confirm, in this order. It errs towards stop: a text too few is a lost sale, one
//! too many breaks the law. It never acts, and a reply it does not understand is `None`: a person reads that.
//!
//! Rules and lists, where they come from:
//! - FCC, 47 CFR 64.1200(a)(10): stop, quit, end, revoke, opt out, cancel and unsubscribe are always a stop; other wording
//!   counts "if a reasonable person would understand".
//! - CTIA Messaging Principles (May 2023): natural language counts; case and punctuation do not.
//! - CWTA for Canada: ARRET and AIDE beside STOP and HELP.
//! - Gateways' own lists: Twilio, Telnyx, AWS (`TD`), Bird (French, German, Spanish, Portuguese, Italian, Russian).
//!
//! The words themselves are part of the rule pack (`assets/data/law.toml`, `[keywords]`), each with its source and how
//! sure it is. Most languages have unconfirmed words too: a stop too many harms nobody.

use std::{collections::BTreeSet, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::law::{self, Words};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keyword {
    Stop,
    Help,
    Start,
    /// Confirms an opt-in that is waiting for it, and nothing else: a "yes" to an old text is no consent.
    Confirm,
}

/// Left out of a short answer: "help please", "please stop texting me".
const POLITE: &[&str] = &["please", "pls", "plz", "thanks", "thx"];

/// A stop word at either end counts in a text of at most so many words.
const SHORT_WORDS_MAX: usize = 5;
/// No reply is longer; what follows is not read.
const CHARS_MAX: usize = 2_000;

/// The keyword in a reply. On a US number the word STOP counts wherever it stands ("don't stop" included: a person can
/// undo that, the law cannot).
pub fn read(text: &str, us_number: bool) -> Option<Keyword> {
    let text = normalised(within(text));
    let words: Vec<&str> = text.split_whitespace().collect();
    let bare: Vec<&str> = words.iter().copied().filter(|word| !POLITE.contains(word)).collect();
    // Joined, so that "opt-out", "s.t.o.p" and "OPTOUT" are one.
    let whole = bare.concat();
    let lists = &*LISTS;
    if lists.stop.contains(&whole)
        || lists.stop_alone.contains(&whole)
        || ends_in_stop(&bare, lists)
        || lists.stop_phrases.iter().any(|phrase| contains(&words, phrase))
        || (us_number && words.contains(&"stop"))
    {
        return Some(Keyword::Stop);
    }
    let known = [(&lists.help, Keyword::Help), (&lists.start, Keyword::Start), (&lists.confirm, Keyword::Confirm)];
    known.into_iter().find(|(list, _)| list.contains(&whole)).map(|(_, keyword)| keyword)
}

/// As much of a reply as is read.
pub(super) fn within(text: &str) -> &str {
    text.char_indices().nth(CHARS_MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

fn ends_in_stop(words: &[&str], lists: &Lists) -> bool {
    let ends = [words.first(), words.last()];
    words.len() <= SHORT_WORDS_MAX && ends.into_iter().flatten().any(|word| lists.stop.contains(*word))
}

fn contains(words: &[&str], phrase: &[String]) -> bool {
    words.windows(phrase.len().max(1)).any(|some| some == phrase)
}

struct Lists {
    stop: BTreeSet<String>,
    stop_alone: BTreeSet<String>,
    stop_phrases: Vec<Vec<String>>,
    help: BTreeSet<String>,
    start: BTreeSet<String>,
    confirm: BTreeSet<String>,
}

/// The lists go through the same normalisation as the texts, or a Korean word would never equal itself.
static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let words = |rows: &'static [Words]| rows.iter().flat_map(|row| &row.words).map(|word| normalised(word));
    let keywords = law::current().keywords();
    Lists {
        stop: words(&keywords.stop).collect(),
        stop_alone: words(&keywords.stop_alone).collect(),
        stop_phrases: words(&keywords.stop_phrases)
            .map(|phrase| phrase.split_whitespace().map(str::to_owned).collect())
            .collect(),
        help: words(&keywords.help).collect(),
        start: words(&keywords.start).collect(),
        confirm: words(&keywords.confirm).collect(),
    }
});

/// Lower case without accents, apostrophes or invisible characters; everything else that is no letter or digit separates
/// words.
fn normalised(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    // Twice over, since lower case may bring accents back (İ) and a wide letter has to be known first.
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    for letter in lower.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            // The two letters of the lists that have no accent to lose but another spelling.
            'æ' => plain.push_str("ae"),
            'ı' => plain.push('i'),
            '\'' | '’' | '‘' | '`' => {}
            invisible if is_invisible(invisible) => {}
            letter if letter.is_alphanumeric() => plain.push(letter),
            _ => plain.push(' '),
        }
    }
    plain
}

/// Soft hyphen, zero-width characters, directions and the byte order mark: people never see them, phones insert them.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(keyword: Option<Keyword>, texts: &[&str]) {
        for text in texts {
            assert_eq!(read(text, false), keyword, "{text:?}");
        }
    }

    #[test]
    fn stop_however_it_is_written() {
        check(
            Some(Keyword::Stop),
            &[
                "Stop",
                "STOP!!!",
                "Stop.",
                " STOP ",
                "\"stop\"",
                "stop 🛑",
                "🛑stop",
                "S.T.O.P",
                "ＳＴＯＰ",
                "st\u{200b}op",
                "STOP\n\n",
            ],
        );
        check(
            Some(Keyword::Stop),
            &["stop please", "pls stop", "please stop texting me", "I said stop", "stop stop stop"],
        );
        check(
            Some(Keyword::Stop),
            &["STOPALL", "stop all", "Opt-out", "OptOut", "opt out", "END", "quit", "revoke", "UNSUB"],
        );
        check(
            Some(Keyword::Stop),
            &["please unsubscribe me", "cancel my order", "remove me from this list right now thanks"],
        );
        check(
            Some(Keyword::Stop),
            &["I really would like you to opt me out of this", "leave me alone!", "no more, thanks"],
        );
    }

    #[test]
    fn stop_in_every_language() {
        check(Some(Keyword::Stop), &["ARRET", "Arrêt", "ARRÊTÉ", "arrêter svp", "HALT", "Stopp", "abmelden bitte"]);
        check(
            Some(Keyword::Stop),
            &["no más", "¡NO MÁS!", "detener", "BAJA", "SAIR", "pare", "Ferma", "zatrzymaj", "REZYGNUJĘ"],
        );
        check(
            Some(Keyword::Stop),
            &["ОСТАНОВИТЬ", "стоп", "ODJAVA", "Odjavi me", "odhlásit", "Leiratkozás", "ΔΙΑΓΡΑΦΉ", "ΣΤΟΠ"],
        );
        check(
            Some(Keyword::Stop),
            &["İPTAL", "ıptal", "iptal", "IPTAL", "הסר", "إلغاء", "TD", "退订", "停止。", "수신거부", "uit", "seis"],
        );
    }

    #[test]
    fn what_is_no_stop() {
        check(None, &["Stoþ", "nonstop", "The weekend was fine", "stopwatch", "", "   ", "🛑", "?", "1"]);
        check(
            None,
            &[
                "I want seis of them",
                "ik ben uit eten",
                "Don't stop sending",
                "where is my order",
                "STOPPING BY LATER TODAY",
            ],
        );
        check(None, &["did the bus stop near your shop yesterday", "stop by our house when you are in town"]);
        // Klaviyo's rule for the United States.
        for text in ["Don't stop sending", "did the bus stop near your shop yesterday"] {
            assert_eq!(read(text, true), Some(Keyword::Stop), "{text}");
        }
        assert_eq!(read("nonstop", true), None);
    }

    #[test]
    fn help_start_and_confirm_are_the_whole_text() {
        check(
            Some(Keyword::Help),
            &["HELP", "help?", "Info", "help please", "AIDE", "ajuda", "POMOC", "ПОМОЩЬ", "Hjälp", "hjælp"],
        );
        check(Some(Keyword::Start), &["START", "Unstop", "begin", "resume", "NONARRET", "prijava"]);
        check(Some(Keyword::Confirm), &["YES", "y", "Yes please!", "yes 👍", "Oui", "JA", "Sí", "sim", "tak", "Da"]);
        check(
            None,
            &["yes but only on Mondays", "thanks for your help yesterday", "can I start on Monday", "ok", "please"],
        );
    }

    #[test]
    fn stop_comes_before_help_before_start_before_confirm() {
        check(Some(Keyword::Stop), &["stop help", "help stop", "yes stop", "start stop", "non arrêt"]);
    }

    /// The cases of the research, with what they are on an American number where that differs.
    #[test]
    fn the_cases_of_the_research() {
        check(
            Some(Keyword::Stop),
            &["Stop", "STOP!!!", "stop please", "Arrêt", "ARRÊTÉ", "opt-out", "OptOut", "please unsubscribe me"],
        );
        check(Some(Keyword::Stop), &["cancel my order", "no más", "SAIR", "ОСТАНОВИТЬ"]);
        check(None, &["Stoþ", "Don't stop sending"]);
        assert_eq!(read("Don't stop sending", true), Some(Keyword::Stop));
    }

    /// Every word of the research data is read as what it says there, where it is there.
    #[test]
    fn every_word_of_the_research_is_known() {
        let Some(data) = crate::domain::law::tests::research() else { return };
        for (list, keyword) in [
            ("stop", Keyword::Stop),
            ("stop_unconfirmed", Keyword::Stop),
            ("help", Keyword::Help),
            ("help_unconfirmed", Keyword::Help),
            ("start", Keyword::Start),
            ("start_unconfirmed", Keyword::Start),
            ("confirm", Keyword::Confirm),
        ] {
            let words =
                data["keywords"][list].as_object().unwrap().values().flat_map(|words| words.as_array().unwrap());
            // A gateway may take YES for a start; here it confirms.
            for word in words.map(|word| word.as_str().unwrap()).filter(|word| !word.contains("gateway")) {
                assert_eq!(read(word, false), Some(keyword), "{word} of {list}");
            }
        }
    }

    #[test]
    fn every_word_has_a_source() {
        let keywords = law::current().keywords();
        let lists = [
            (&keywords.stop, "stop"),
            (&keywords.stop_alone, "stop_alone"),
            (&keywords.stop_phrases, "stop_phrases"),
            (&keywords.help, "help"),
            (&keywords.start, "start"),
            (&keywords.confirm, "confirm"),
        ];
        for (list, name) in lists {
            for row in list {
                assert!(!row.words.is_empty() && !row.source.is_empty(), "{name} {}", row.language);
                for word in &row.words {
                    assert!(!normalised(word).trim().is_empty(), "{name} {}", row.language);
                }
            }
        }
        assert!(keywords.stop.len() > 30);
    }

    #[test]
    fn no_word_stands_for_two_things() {
        let lists = &*LISTS;
        let all = [&lists.stop, &lists.stop_alone, &lists.help, &lists.start, &lists.confirm];
        for (place, list) in all.iter().enumerate() {
            assert!(!list.is_empty() && !list.contains(""));
            for other in all.iter().skip(place + 1) {
                assert!(list.is_disjoint(other), "{:?}", list.intersection(other).collect::<Vec<_>>());
            }
        }
    }

    proptest! {
        #[test]
        fn decoration_changes_nothing(
            word in prop::sample::select(vec!["stop", "arrêt", "help", "start", "yes", "수신거부", "остановить"]),
            before in "[ .!?\"\u{200b}🛑]{0,4}",
            after in "[ .!?\"\u{200b}🛑]{0,4}",
            us in any::<bool>(),
        ) {
            let decorated = format!("{before}{}{after}", word.to_uppercase());
            prop_assert!(read(word, us).is_some());
            prop_assert_eq!(read(&decorated, us), read(word, us));
        }

        #[test]
        fn text_never_panics(text in ".*", us in any::<bool>()) {
            let _ = read(&text, us);
        }

        #[test]
        fn a_us_number_hears_stop_anywhere(before in "[a-z ]{0,40}", after in "[a-z ]{0,40}") {
            let text = format!("{before} Stop {after}");
            prop_assert_eq!(read(&text, true), Some(Keyword::Stop));
        }
    }
}

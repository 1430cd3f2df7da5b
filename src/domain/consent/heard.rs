//! Heard: what a reply means and what follows from it. It acts on nothing itself.
//!
//! [`keyword::read`] knows the words; here it is decided what they do in this place: a YES without a request is nothing, a
//! START from a stranger is no consent, a NO to our request is a stop, and what nobody understands holds further texts
//! until a person of the shop has read it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{Ledger, Level, confirm};
use crate::domain::{
    keyword::{self, Keyword},
    law::{self, Words},
    time::Time,
    wording,
};

/// A reply is answered within this, or not at all (FCC, 47 CFR 64.1200(a)(12): a confirmation of a stop within 5 minutes).
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What a reply asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Texts end, for good.
    Stop,
    Help,
    /// Takes an earlier stop back.
    Start,
    /// Confirms a request that is pending.
    Confirm,
    /// A keyword in the wrong place: a YES nobody asked for, a START nobody stopped. Kept, nothing follows.
    Nothing,
    /// A person has to read it; until then it holds further texts to this phone.
    Unclear,
}

impl Meaning {
    pub fn words(self) -> &'static str {
        match self {
            Meaning::Stop => "stop",
            Meaning::Help => "help",
            Meaning::Start => "start",
            Meaning::Confirm => "confirmed",
            Meaning::Nothing => "nothing that follows",
            Meaning::Unclear => "unclear",
        }
    }
}

/// By which rule a word was found (compliance.md 2.5: kept with the opt-out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The whole text is the word.
    Exact,
    /// A stop word begins or ends a short text.
    Edge,
    /// A phrase, somewhere in the text.
    Phrase,
    /// The word STOP anywhere, on a US number.
    Anywhere,
    /// A plain no to our request to confirm.
    Refused,
    /// A person of the shop read it so.
    Human,
}

impl Rule {
    pub fn words(self) -> &'static str {
        match self {
            Rule::Exact => "the whole text",
            Rule::Edge => "the first or last word",
            Rule::Phrase => "a phrase in it",
            Rule::Anywhere => "STOP anywhere, on a US number",
            Rule::Refused => "a no to our request",
            Rule::Human => "read by a person",
        }
    }
}

/// What was heard, for the record. Holds a few words of the reply at most, never the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub meaning: Meaning,
    pub rule: Option<Rule>,
    /// The word or phrase that decided, in lower case.
    pub word: Option<String>,
    /// Its language (BCP 47, several by spaces), where the lists tell.
    pub language: Option<String>,
    /// Heeded, but a person should look: "cancel my order" stops the texts and means something else.
    pub doubtful: bool,
}

/// A text with which we answer, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Stopped,
    Help,
    Started,
    Confirmed,
}

/// A plain no to the request to confirm, in the languages we ask in. Whole text only, and only while the request is
/// pending. Our own list: it can only end texts.
const NO: &str = "no n nope nein non ne nee nie não nao nej ei nem nu όχι οχι не нет ні hayır hayir nei ekki nē 不 いいえ 아니요 לא لا";

/// Words kept of what decided.
const WORD_CHARS_MAX: usize = 40;
/// A stop word at either end counts in a text of at most so many words, as in [`keyword::read`].
const EDGE_WORDS_MAX: usize = 5;
/// The longest phrase of the lists, in words.
const PHRASE_WORDS_MAX: usize = 4;

/// Reads a reply from a phone with this record. `us_number` as in [`keyword::read`]; `at` is when it arrived.
pub fn hear(text: &str, us_number: bool, ledger: &Ledger, at: Time) -> Heard {
    // What is not read must not cost either: every stretch of a stop's words is asked about.
    let text = keyword::within(text);
    let pending = awaits_yes(ledger, at);
    let (meaning, found) = match keyword::read(text, us_number) {
        Some(Keyword::Stop) => (Meaning::Stop, Some(stop_evidence(text))),
        Some(Keyword::Help) => (Meaning::Help, Some(whole(text, Rule::Exact))),
        Some(Keyword::Start) if ledger.opted_out().is_some() => (Meaning::Start, Some(whole(text, Rule::Exact))),
        Some(Keyword::Confirm) if pending => (Meaning::Confirm, Some(whole(text, Rule::Exact))),
        Some(Keyword::Start | Keyword::Confirm) => (Meaning::Nothing, Some(whole(text, Rule::Exact))),
        None if pending && is_confirm_word(text) => (Meaning::Confirm, Some(whole(text, Rule::Exact))),
        None if pending && is_no(text) => (Meaning::Stop, Some(whole(text, Rule::Refused))),
        None => (Meaning::Unclear, None),
    };
    let several = text.split_whitespace().count() > 2;
    let doubtful = several && found.as_ref().is_some_and(|(rule, _)| matches!(rule, Rule::Edge | Rule::Anywhere));
    let (rule, word) = found.unzip();
    let language = word.as_deref().and_then(language_of);
    Heard { meaning, rule, word, language, doubtful }
}

impl Heard {
    /// The one language its word belongs to, unless it is one everybody knows: an answer is written in it (CWTA: reply in
    /// the language of the keyword).
    pub fn reply_language(&self) -> Option<&str> {
        self.language.as_deref().filter(|language| !language.contains(' ') && *language != "en")
    }
}

/// The word our own request asked for, in whichever language it did.
fn is_confirm_word(text: &str) -> bool {
    let said = folded(text);
    !said.is_empty() && wording::languages().into_iter().any(|tag| folded(wording::confirm_word(Some(tag))) == said)
}

/// The languages whose lists have this word.
fn language_of(word: &str) -> Option<String> {
    let lists = law::current().keywords();
    let word = folded(word);
    let lists: [&[Words]; 6] =
        [&lists.stop, &lists.stop_alone, &lists.stop_phrases, &lists.help, &lists.start, &lists.confirm];
    let listed = lists.into_iter().flatten().filter(|row| row.words.iter().any(|each| folded(each) == word));
    let mut languages: Vec<&str> = listed.map(|row| row.language.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    (!languages.is_empty()).then(|| languages.join(" "))
}

/// Letters and digits alone, lower case and without accents.
fn folded(text: &str) -> String {
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    lower.nfkd().filter(|letter| letter.is_alphanumeric() && !is_combining_mark(*letter)).collect()
}

/// A request of ours is out, and neither a stop nor a yes has answered it.
fn awaits_yes(ledger: &Ledger, at: Time) -> bool {
    let answered = ledger.grant().is_some_and(|grant| {
        grant.level() == Level::Double && ledger.asked.iter().all(|asked| *asked > at || *asked <= grant.at)
    });
    confirm::is_pending(&ledger.asked, at) && !answered && ledger.opted_out().is_none()
}

/// What to answer, if anything. One confirmation of a stop, and none where the gateway has already answered; nobody who
/// is opted out hears anything else from us.
pub fn answer(heard: &Heard, ledger: &Ledger, gateway_answered: bool) -> Option<Answer> {
    let out = ledger.opted_out().is_some();
    match heard.meaning {
        _ if gateway_answered => None,
        Meaning::Stop => (!out).then_some(Answer::Stopped),
        Meaning::Help => (!out).then_some(Answer::Help),
        Meaning::Start => Some(Answer::Started),
        Meaning::Confirm => Some(Answer::Confirmed),
        Meaning::Nothing | Meaning::Unclear => None,
    }
}

fn is_no(text: &str) -> bool {
    let word = plain(text);
    NO.split_whitespace().any(|no| no == word)
}

/// Which word of a text that is a stop made it one. The lists belong to [`keyword`], so it is asked about every part.
fn stop_evidence(text: &str) -> (Rule, String) {
    let is_stop = |part: &str| keyword::read(part, false) == Some(Keyword::Stop);
    let words: Vec<&str> = text.split_whitespace().collect();
    if !is_stop(text) {
        return (Rule::Anywhere, "stop".to_owned());
    }
    let edges = [words.first(), words.last()];
    if words.len() > 1
        && words.len() <= EDGE_WORDS_MAX
        && let Some(word) = edges.into_iter().flatten().find(|word| is_stop(word))
    {
        return (Rule::Edge, plain(word));
    }
    // Between strange words, so that neither the whole nor an edge can be what counts.
    let is_phrase = |part: &str| is_stop(&format!("zz zz zz {part} zz zz zz"));
    for length in 1..=PHRASE_WORDS_MAX.min(words.len()) {
        if let Some(phrase) = words.windows(length).map(|some| some.join(" ")).find(|part| is_phrase(part)) {
            return (if length == words.len() { Rule::Exact } else { Rule::Phrase }, plain(&phrase));
        }
    }
    whole(text, Rule::Exact)
}

fn whole(text: &str, rule: Rule) -> (Rule, String) {
    (rule, plain(text))
}

/// Lower case, without what stands around it, and short.
fn plain(text: &str) -> String {
    let bare = text.trim_matches(|letter: char| !letter.is_alphanumeric());
    bare.chars().flat_map(char::to_lowercase).take(WORD_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        consent::{Consent, OptOut},
        event::{ConsentProof, ConsentState},
        time::HOUR,
    };

    const NOW: Time = Time::FIRST;

    fn now() -> Time {
        NOW + HOUR * 1_000
    }

    fn asked(hours_ago: u32) -> Ledger {
        let single = ConsentProof { source: "shopify".into(), ..ConsentProof::default() };
        let given = Consent { state: ConsentState::Granted, at: NOW, proof: single };
        Ledger { asked: vec![now() - HOUR * hours_ago], ..Ledger::of(vec![given], vec![]) }
    }

    fn stopped() -> Ledger {
        Ledger::of(vec![], vec![OptOut { at: now() - HOUR, source: "reply".into() }])
    }

    #[test]
    fn what_lies_beyond_a_reply_of_any_length_is_not_looked_at() {
        let read = format!("{}leave me alone", "a ".repeat(900));
        let heard = hear(&format!("{read}{}unsubscribe", " b".repeat(100_000)), false, &asked(1), now());
        assert_eq!((heard.rule, heard.word.as_deref()), (Some(Rule::Phrase), Some("leave me alone")));
    }

    #[track_caller]
    fn check(text: &str, us: bool, ledger: &Ledger, expected: (Meaning, Option<Rule>, Option<&str>)) {
        let heard = hear(text, us, ledger, now());
        assert_eq!((heard.meaning, heard.rule, heard.word.as_deref()), expected, "{text:?}");
    }

    #[test]
    fn every_stop_says_which_word_and_rule_it_was() {
        use {Meaning::Stop, Rule::*};
        let nobody = Ledger::default();
        check("Stop", false, &nobody, (Stop, Some(Exact), Some("stop")));
        check("STOP!!!", false, &nobody, (Stop, Some(Exact), Some("stop")));
        check("Arrêt", false, &nobody, (Stop, Some(Exact), Some("arrêt")));
        check("opt-out", false, &nobody, (Stop, Some(Exact), Some("opt-out")));
        check("no más", false, &nobody, (Stop, Some(Exact), Some("no más")));
        check("stop please", false, &nobody, (Stop, Some(Edge), Some("stop")));
        check("please unsubscribe me", false, &nobody, (Stop, Some(Phrase), Some("unsubscribe")));
        check("remove me from this list right now", false, &nobody, (Stop, Some(Phrase), Some("remove me")));
        check("cancel my order", false, &nobody, (Stop, Some(Edge), Some("cancel")));
        check("Don't stop sending", true, &nobody, (Stop, Some(Anywhere), Some("stop")));
        check("Don't stop sending", false, &nobody, (Meaning::Unclear, None, None));
        check("Stoþ", true, &nobody, (Meaning::Unclear, None, None));
        // Heeded at once, and shown to somebody.
        for (text, doubtful) in
            [("cancel my order", true), ("Don't stop sending", true), ("STOP", false), ("stop please", false)]
        {
            assert_eq!(hear(text, true, &nobody, now()).doubtful, doubtful, "{text}");
        }
    }

    #[test]
    fn a_word_has_its_languages() {
        #[track_caller]
        fn check(text: &str, language: Option<&str>, answered_in: Option<&str>) {
            let heard = hear(text, false, &asked(1), now());
            assert_eq!((heard.language.as_deref(), heard.reply_language()), (language, answered_in), "{text}");
        }
        check("STOP", Some("en"), None);
        check("ARRÊT", Some("fr"), Some("fr"));
        check("Aide", Some("fr"), Some("fr"));
        check("sair, obrigada", Some("pt"), Some("pt"));
        check("what?", None, None);
    }

    #[test]
    fn whatever_word_a_request_asks_for_confirms_it() {
        for tag in wording::languages() {
            let word = wording::confirm_word(Some(tag));
            for text in [word.to_owned(), word.to_lowercase(), format!("{word}!")] {
                assert_eq!(hear(&text, false, &asked(1), now()).meaning, Meaning::Confirm, "{tag}: {text}");
                assert_ne!(hear(&text, false, &Ledger::default(), now()).meaning, Meaning::Confirm, "{tag}: {text}");
            }
        }
    }

    #[test]
    fn a_word_counts_where_it_belongs() {
        use {Meaning::*, Rule::*};
        check("START", false, &stopped(), (Start, Some(Exact), Some("start")));
        check("START", false, &Ledger::default(), (Nothing, Some(Exact), Some("start")));
        check("YES", false, &asked(1), (Confirm, Some(Exact), Some("yes")));
        check("Y", true, &asked(71), (Confirm, Some(Exact), Some("y")));
        check("YES", false, &asked(72), (Nothing, Some(Exact), Some("yes")));
        check("YES", false, &Ledger::default(), (Nothing, Some(Exact), Some("yes")));
        check("YES", false, &stopped(), (Nothing, Some(Exact), Some("yes")));
        check("help", false, &stopped(), (Help, Some(Exact), Some("help")));
        check("No.", false, &asked(1), (Stop, Some(Refused), Some("no")));
        check("Nein", false, &asked(1), (Stop, Some(Refused), Some("nein")));
        check("no", false, &asked(80), (Unclear, None, None));
        check("no", false, &Ledger::default(), (Unclear, None, None));
        check("who is this?", false, &asked(1), (Unclear, None, None));
        check("", false, &Ledger::default(), (Unclear, None, None));
    }

    #[test]
    fn a_request_is_answered_once() {
        let mut ledger = asked(3);
        let proof = ConsentProof { source: "reply".into(), level: Some("double".into()), ..ConsentProof::default() };
        ledger.consents.push(Consent { state: ConsentState::Granted, at: now() - HOUR, proof });
        check("yes", false, &ledger, (Meaning::Nothing, Some(Rule::Exact), Some("yes")));
        // After the yes a no is no answer to it any more, and nobody knows what it means.
        check("no", false, &ledger, (Meaning::Unclear, None, None));
        let mut out = asked(3);
        out.opt_outs.push(OptOut { at: now() - HOUR, source: "link".into() });
        check("yes", false, &out, (Meaning::Nothing, Some(Rule::Exact), Some("yes")));
    }

    #[test]
    fn answers_are_few() {
        #[track_caller]
        fn check(text: &str, ledger: &Ledger, gateway_answered: bool, expected: Option<Answer>) {
            let heard = hear(text, false, ledger, now());
            assert_eq!(answer(&heard, ledger, gateway_answered), expected, "{text} {ledger:?}");
        }
        let nobody = Ledger::default();
        check("stop", &nobody, false, Some(Answer::Stopped));
        check("stop", &nobody, true, None);
        check("stop", &stopped(), false, None);
        check("help", &nobody, false, Some(Answer::Help));
        check("help", &stopped(), false, None);
        check("start", &stopped(), false, Some(Answer::Started));
        check("start", &nobody, false, None);
        check("yes", &asked(1), false, Some(Answer::Confirmed));
        check("yes", &nobody, false, None);
        check("what?", &nobody, false, None);
    }

    proptest! {
        #[test]
        fn whatever_is_a_stop_to_the_lists_is_one_here(text in ".{0,80}", us in any::<bool>()) {
            let heard = hear(&text, us, &Ledger::default(), now());
            prop_assert_eq!(heard.meaning == Meaning::Stop, keyword::read(&text, us) == Some(Keyword::Stop));
            prop_assert_eq!(heard.meaning == Meaning::Unclear, heard.word.is_none());
            prop_assert!(heard.word.is_none_or(|word| word.chars().count() <= WORD_CHARS_MAX));
        }

        #[test]
        fn nobody_consents_by_reply_without_being_asked(text in "(yes|y|ja|oui|start|ok|no|sure)( please)?[.!]?") {
            let heard = hear(&text, true, &Ledger::default(), now());
            prop_assert!(!matches!(heard.meaning, Meaning::Confirm | Meaning::Start));
        }
    }
}

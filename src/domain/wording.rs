//! The ready-made texts, one file per language in `templates/sms`. Decides which words a shopper is sent when the
//! shopkeeper wrote none; a language we do not have falls back to English, never to no text.
//!
//! Adding a language: a file like the others and its line in `FILES`; the tests read the rest. Every text names the shop
//! first, promises nothing and stays within GSM-7.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

const FILES: &[&str] = &[
    include_str!("../../templates/sms/en.toml"),
    include_str!("../../templates/sms/de.toml"),
    include_str!("../../templates/sms/es.toml"),
    include_str!("../../templates/sms/fr.toml"),
    include_str!("../../templates/sms/hr.toml"),
    include_str!("../../templates/sms/it.toml"),
    include_str!("../../templates/sms/nl.toml"),
    include_str!("../../templates/sms/pl.toml"),
    include_str!("../../templates/sms/pt.toml"),
    include_str!("../../templates/sms/sl.toml"),
];

/// Said only if no file could be read, which the tests rule out.
const LAST_RESORT: &str = "{{ shop }}: You left something in your cart: {{ link }} {{ opt_out }}";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wording {
    language: String,
    first_name_fallback: String,
    steps: BTreeMap<String, String>,
    opt_out: OptOut,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptOut {
    reply: String,
    link: String,
}

static WORDINGS: LazyLock<Vec<Wording>> =
    LazyLock::new(|| FILES.iter().filter_map(|file| toml::from_str(file).ok()).collect());

/// The template for a step, counted from 1, in a BCP 47 language (`pt-BR` and `pt_br` find `pt`). Steps beyond the last
/// one repeat it.
pub fn text(language: Option<&str>, step: u32) -> &'static str {
    let Some(wording) = wording(language) else { return LAST_RESORT };
    // Steps are written 1, 2, …: fewer than ten, so that they sort as text.
    let told = wording.steps.get(&step.max(1).to_string()).or_else(|| wording.steps.values().next_back());
    told.map_or(LAST_RESORT, String::as_str)
}

/// The words that say how to stop these texts: by a reply where the sender can be answered, else by a link.
pub fn opt_out(language: Option<&str>, two_way: bool, url: &str) -> String {
    match wording(language) {
        Some(wording) if two_way => wording.opt_out.reply.clone(),
        Some(wording) => wording.opt_out.link.replace("{{ opt_out_url }}", url),
        None if two_way => "Reply STOP to opt out".to_owned(),
        None => format!("Opt out: {url}"),
    }
}

/// Asks to confirm that texts are wanted (double opt-in), the first time or `again`.
pub fn confirmation(_language: Option<&str>, again: bool, shop: &str) -> String {
    let again = if again { "once more: " } else { "" };
    format!(
        "{shop}: {again}Reply YES to get cart reminder texts. Msg frequency varies. Msg&data rates may apply. \
         HELP for help, STOP to quit."
    )
}

/// What stands in for a first name we do not know. Empty where the language has no such word; the texts then leave the
/// name out.
pub fn first_name_fallback(language: Option<&str>) -> &'static str {
    wording(language).map_or("", |wording| wording.first_name_fallback.as_str())
}

/// The languages we have texts in, English first.
pub fn languages() -> Vec<&'static str> {
    WORDINGS.iter().map(|wording| wording.language.as_str()).collect()
}

fn wording(language: Option<&str>) -> Option<&'static Wording> {
    let primary = language.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or("").trim();
    WORDINGS.iter().find(|wording| wording.language.eq_ignore_ascii_case(primary)).or_else(|| WORDINGS.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        sms::{self, Encoding},
        template::{self, Merge},
    };

    /// A host of 30 characters and the longest path our links have.
    const LINK: &str = "https://texts.northwind-goods-shop.com/r/AQAAAZKx3v8QmFh0c2lnbmVkTWFjQQ";
    const STEPS: u32 = 2;

    fn rendered(language: &str, step: u32, first_name: Option<&str>, two_way: bool) -> String {
        let merge = Merge {
            first_name: first_name.map(str::to_owned),
            shop: "Northwind Goods".into(),
            link: LINK.into(),
            opt_out: opt_out(Some(language), two_way, &LINK.replace("/r/", "/o/")),
            ..Merge::default()
        };
        template::render(text(Some(language), step), &merge).unwrap()
    }

    #[test]
    fn every_file_is_read() {
        assert_eq!(languages(), ["en", "de", "es", "fr", "hr", "it", "nl", "pl", "pt", "sl"]);
        for file in FILES {
            let wording: Wording = toml::from_str(file).unwrap();
            assert_eq!(wording.steps.keys().collect::<Vec<_>>(), ["1", "2"], "{}", wording.language);
            assert!(wording.opt_out.link.contains("{{ opt_out_url }}"), "{}", wording.language);
        }
    }

    #[test]
    fn every_text_may_be_saved_and_needs_no_name() {
        for language in languages() {
            for step in 1..=STEPS {
                let template = text(Some(language), step);
                assert_eq!(template::check(template), Ok(()), "{language} {step}");
                assert_eq!(template::needs(template), Vec::<&str>::new(), "{language} {step}");
                assert!(template.starts_with("{{ shop }}: "), "{language} {step}");
            }
            assert_ne!(text(Some(language), 1), text(Some(language), 2), "{language}");
        }
        assert_eq!(template::check(LAST_RESORT), Ok(()));
    }

    #[test]
    fn every_text_is_cheap_and_complete() {
        let (host, path) = LINK["https://".len()..].split_once('/').unwrap();
        assert_eq!((host.len(), path.len() + 1), (30, 33));
        for language in languages() {
            for step in 1..=STEPS {
                for (first_name, two_way, parts) in
                    [(Some("Anna"), true, 1), (None, true, 1), (Some("Anna"), false, 2), (None, false, 2)]
                {
                    let text = rendered(language, step, first_name, two_way);
                    let cost = sms::segments(&text);
                    assert_eq!(cost.encoding, Encoding::Gsm7, "{:?} in {text}", sms::offenders(&text));
                    assert!(cost.count <= parts, "{} units: {text}", cost.units);
                    assert!(text.starts_with("Northwind Goods: ") && text.contains(LINK), "{text}");
                    let how_to_stop = if two_way { ["STOP", "ARRET"].as_slice() } else { &["/o/"] };
                    assert!(how_to_stop.iter().any(|word| text.contains(word)), "{text}");
                    assert!(!text.contains('%') && !text.contains("{{"), "{text}");
                }
            }
        }
    }

    #[test]
    fn texts_read_well_with_and_without_a_name() {
        let said = |language, name| {
            let text = rendered(language, 1, name, true);
            text.replace(LINK, "LINK")
        };
        assert_eq!(
            said("en", None),
            "Northwind Goods: Hi there, you left something in your cart: LINK Reply STOP to opt out"
        );
        assert_eq!(
            said("de", Some("Jörg")),
            "Northwind Goods: Hallo Jörg, Ihr Warenkorb wartet noch auf Sie: LINK Abmelden mit STOP"
        );
        assert_eq!(
            said("sl", Some("Ana")),
            "Northwind Goods: Ana, v kosarici vas nekaj caka: LINK Odjava: odgovorite STOP"
        );
        assert_eq!(said("sl", None), "Northwind Goods: V kosarici vas nekaj caka: LINK Odjava: odgovorite STOP");
        assert_eq!(
            said("pt", None),
            "Northwind Goods: O seu carrinho continua à sua espera: LINK Responda STOP para sair"
        );
    }

    #[test]
    fn languages_are_found_by_their_tag() {
        #[track_caller]
        fn check(tag: Option<&str>, expected: &str) {
            assert_eq!(text(tag, 1), text(Some(expected), 1), "{tag:?}");
        }
        check(Some("pt-BR"), "pt");
        check(Some("FR_ca"), "fr");
        check(Some("de-Latn-AT-1996"), "de");
        check(Some("ja"), "en");
        check(Some(""), "en");
        check(Some("-"), "en");
        check(None, "en");
        assert_ne!(text(Some("pt"), 1), text(Some("en"), 1));
    }

    #[test]
    fn steps_beyond_the_last_repeat_it() {
        for language in languages() {
            assert_eq!(text(Some(language), 0), text(Some(language), 1));
            assert_eq!(text(Some(language), 3), text(Some(language), 2));
            assert_eq!(text(Some(language), u32::MAX), text(Some(language), 2));
        }
    }

    #[test]
    fn opting_out_by_reply_or_by_link() {
        assert_eq!(opt_out(Some("en-GB"), true, "https://x.example/o/1"), "Reply STOP to opt out");
        assert_eq!(opt_out(None, false, "https://x.example/o/1"), "Opt out: https://x.example/o/1");
        assert_eq!(opt_out(Some("fr"), true, ""), "Stop SMS : répondez ARRET");
        assert_eq!(first_name_fallback(Some("en")), "there");
    }
}

//! Every ready-made text, rendered every way it can be sent: what it says, what it costs, how it is stopped.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{
    keyword::{self, Keyword},
    sms::{self, Encoding},
    template::{self, Merge},
};

/// A host of 20 characters and a token of 26.
const LINK: &str = "https://text.northwind.store/r/AQAAAZKx3v8QmFh0c2lnbmVkTW";
const BRAND: &str = "Northwind Goods";
const STEPS: u32 = 3;
/// Written in a script GSM-7 does not have.
const UCS2: &[&str] = &["ar", "bg", "el", "he", "hi", "ja", "ko", "mk", "ru", "th", "uk", "zh", "zh-Hant"];

fn form(two_way: bool) -> OptOutForm<'static> {
    OptOutForm { two_way, url: "https://text.northwind.store/o/AQAAAZKx3v8QmFh0c2lnbmVkTW", ..OptOutForm::default() }
}

fn merge(language: &str, first_name: Option<&str>, form: &OptOutForm<'_>) -> Merge {
    Merge {
        first_name: first_name.map(str::to_owned),
        shop: BRAND.into(),
        link: LINK.into(),
        opt_out: opt_out(form, Some(language)),
        code: Some("NW-7K3QX9".into()),
        code_value: Some("12.50 EUR".into()),
        code_until: Some(date(Some(language), jiff::civil::date(2026, 11, 24))),
        ..Merge::default()
    }
}

fn rendered(language: &str, step: u32, first_name: Option<&str>, two_way: bool) -> String {
    template::render(text(Some(language), step), &merge(language, first_name, &form(two_way))).unwrap()
}

#[test]
fn every_file_is_read() {
    assert_eq!(languages().len(), FILES.len());
    assert!(languages().len() >= 44 && languages().first() == Some(&"en"), "{:?}", languages());
    assert_eq!(languages().iter().collect::<BTreeSet<_>>().len(), FILES.len());
    for file in FILES {
        let wording: Wording = toml::from_str(file).unwrap();
        let language = &wording.language;
        assert_eq!(wording.steps.keys().collect::<Vec<_>>(), ["1", "2", "3"], "{language}");
        assert_eq!(wording.discount.keys().collect::<Vec<_>>(), ["2", "3"], "{language}");
        assert!(wording.opt_out.link.contains("{{ opt_out_url }}"), "{language}");
        assert!(wording.date.contains("{d}"), "{language}");
        assert_eq!(wording.date.contains("{month}"), wording.months.len() == 12, "{language}");
        assert_eq!(wording.date.contains("{m}"), wording.months.is_empty(), "{language}");
    }
}

#[test]
fn every_text_may_be_saved_and_needs_no_name() {
    for language in languages() {
        let mut all = BTreeSet::new();
        for step in 1..=STEPS {
            let (plain, with_code) = (text(Some(language), step), discounted(Some(language), step));
            for template in [plain, with_code] {
                assert_eq!(template::check(template), Ok(()), "{language} {step}");
                assert!(template.starts_with("{{ shop }}: "), "{language} {step}");
            }
            assert_eq!(template::needs(plain), Vec::<&str>::new(), "{language} {step}");
            let needs: &[&str] = if step == 1 { &[] } else { &["code"] };
            assert_eq!(template::needs(with_code), needs, "{language} {step}");
            all.extend([plain, with_code]);
        }
        assert_eq!(all.len(), 5, "{language}: every step says something of its own");
        // Whatever else it does, a reminder without a discount does not talk of one.
        assert!((1..=STEPS).all(|step| !text(Some(language), step).contains("code")), "{language}");
    }
    assert_eq!(template::check(LAST_RESORT), Ok(()));
}

#[test]
fn every_text_is_cheap_and_complete() {
    let (host, path) = LINK["https://".len()..].split_once("/r/").unwrap();
    assert_eq!((host.len(), path.len()), (20, 26));
    let mut too_dear = Vec::new();
    for language in languages() {
        let gsm7 = !UCS2.contains(&language);
        for (two_way, first_name) in [(true, Some("Anna")), (true, None), (false, Some("Anna")), (false, None)] {
            let merge = merge(language, first_name, &form(two_way));
            for step in 1..=STEPS {
                for template in [text(Some(language), step), discounted(Some(language), step)] {
                    let said = template::render(template, &merge).unwrap();
                    let cost = sms::segments(&said);
                    let expected = if gsm7 { Encoding::Gsm7 } else { Encoding::Ucs2 };
                    assert_eq!(cost.encoding, expected, "{language}: {:?} in {said}", sms::offenders(&said));
                    let parts_max = 1 + u32::from(!gsm7) + u32::from(!two_way);
                    if cost.count > parts_max {
                        too_dear.push(format!("{language} {step} {two_way}: {} units: {said}", cost.units));
                    }
                    assert!(said.starts_with("Northwind Goods: ") && said.matches(LINK).count() == 1, "{said}");
                    let (_, stop) = help_and_stop_words(Some(language));
                    let how = if two_way { stop } else { "https://text.northwind.store/o/" };
                    assert_eq!(said.matches(how).count(), 1, "{said}");
                    assert_eq!(said.matches("://").count(), if two_way { 1 } else { 2 }, "{said}");
                    assert!(!said.contains("{{") && !said.contains("{%"), "{said}");
                    let names_code = said.contains("NW-7K3QX9");
                    assert_eq!(names_code, template == discounted(Some(language), step) && step > 1, "{said}");
                }
            }
        }
    }
    assert!(too_dear.is_empty(), "{}", too_dear.join("\n"));
}

#[test]
fn french_law_names_the_number() {
    let form = OptOutForm { two_way: true, short_code: Some("36179"), country: Some("FR"), ..form(true) };
    assert_eq!(opt_out(&form, Some("fr")), "STOP au 36179");
    assert_eq!(opt_out(&form, Some("en")), "STOP to 36179");
    assert_eq!(opt_out(&form, Some("sl")), "STOP 36179");
    for language in languages() {
        for step in 1..=STEPS {
            let text = template::render(text(Some(language), step), &merge(language, None, &form)).unwrap();
            assert!(text.contains("STOP ") && text.ends_with("36179"), "{text}");
            assert!(sms::segments(&text).count <= 2, "{text}");
        }
    }
}

#[test]
fn canadian_french_says_arret_without_its_accent() {
    let canada = OptOutForm { country: Some("CA"), ..form(true) };
    for language in ["fr", "fr-CA", "fr_FR", "FR"] {
        assert_eq!(opt_out(&canada, Some(language)), "Répondez ARRET pour finir", "{language}");
    }
    assert_eq!(opt_out(&canada, Some("en")), "Reply STOP to opt out");
    assert_eq!(opt_out(&form(true), Some("fr")), "Stop SMS : répondez STOP");
}

#[test]
fn opting_out_by_reply_or_by_link() {
    let link = OptOutForm { url: "https://x.example/o/1", ..OptOutForm::default() };
    assert_eq!(opt_out(&form(true), Some("en-GB")), "Reply STOP to opt out");
    assert_eq!(opt_out(&link, None), "Opt out: https://x.example/o/1");
    assert_eq!(opt_out(&link, Some("sl")), "Odjava: https://x.example/o/1");
    assert_eq!(first_name_fallback(Some("en")), "there");
}

#[test]
fn the_words_a_text_tells_are_understood() {
    for wording in WORDINGS.iter() {
        let language = &wording.language;
        for us in [true, false] {
            assert_eq!(keyword::read(&wording.confirm_word, us), Some(Keyword::Confirm), "{language}");
            assert_eq!(keyword::read(&wording.help_word, us), Some(Keyword::Help), "{language}");
            assert_eq!(keyword::read(&wording.stop_word, us), Some(Keyword::Stop), "{language}");
        }
        let texts = &wording.service;
        assert!(wording.opt_out.reply.contains(&wording.stop_word), "{language}");
        for text in [&texts.confirm, &texts.confirm_again] {
            assert!(text.contains(&wording.confirm_word), "{text}");
        }
        for text in [&texts.confirm, &texts.confirm_again, &texts.confirmed, &texts.help, &texts.started] {
            assert!(text.contains(&wording.help_word) && text.contains(&wording.stop_word), "{text}");
        }
    }
}

#[test]
fn every_service_text_is_complete_and_cheap() {
    let programme = Programme {
        shop: BRAND,
        contact: "help@northwind.example",
        terms: "northwind.example/sms",
        country: Some("US"),
    };
    for language in languages() {
        let gsm7 = !UCS2.contains(&language);
        let rates = &wording(Some(language)).unwrap().service.rates;
        let mut all = BTreeSet::new();
        for which in Service::ALL {
            let text = service(which, Some(language), &programme);
            let cost = sms::segments(&text);
            assert_eq!(cost.encoding == Encoding::Gsm7, gsm7, "{language}: {:?} in {text}", sms::offenders(&text));
            let parts_max = match which {
                Service::Stopped if gsm7 => 1,
                Service::Stopped => 2,
                _ if gsm7 => 2,
                _ => 4,
            };
            assert!(cost.count <= parts_max, "{} units: {text}", cost.units);
            assert!(text.starts_with("Northwind Goods: ") && !text.contains("{"), "{text}");
            assert_eq!(text.contains(rates.as_str()), which != Service::Stopped, "{text}");
            let asks = matches!(which, Service::Confirm | Service::ConfirmAgain);
            assert_eq!(text.contains(programme.terms), asks, "{text}");
            let names_contact = matches!(which, Service::Confirmed | Service::Help | Service::Started);
            assert_eq!(text.contains(programme.contact), names_contact, "{text}");
            let bare = service(which, Some(language), &Programme { shop: BRAND, ..Programme::default() });
            assert!(!bare.contains("  ") && !bare.ends_with([' ', ':', ',']), "{bare}");
            assert_eq!(bare.contains(rates.as_str()), language == "en" && which != Service::Stopped, "{bare}");
            // Whoever said stop is not told what they could buy.
            assert!(which != Service::Stopped || !text.contains("://"), "{text}");
            all.insert(text);
        }
        assert_eq!(all.len(), Service::ALL.len(), "{language}");
    }
}

#[test]
fn an_american_request_says_what_carriers_ask_for() {
    let programme = Programme { shop: "Northwind", terms: "northwind.example/sms", country: Some("US"), contact: "" };
    assert_eq!(
        service(Service::Confirm, Some("en-US"), &programme),
        "Northwind: Reply YES to get recurring automated cart reminder texts. Msg frequency varies. \
         Msg & data rates may apply. Reply HELP for help, STOP to cancel. northwind.example/sms"
    );
    let spanish = service(Service::Confirm, Some("es"), &programme);
    assert!(spanish.contains("Responde SI") && spanish.contains("Pueden aplicarse tarifas"), "{spanish}");
    let hostile = Programme { shop: "{{ rates }} evil.com\n", ..programme };
    assert!(service(Service::Stopped, Some("en"), &hostile).starts_with("{{ rates }} evil com: You are opted out"));
}

#[test]
fn texts_read_well_with_and_without_a_name() {
    let said = |language, step, name| rendered(language, step, name, true).replace(LINK, "LINK");
    let check =
        |language, step, name, expected: &str| assert_eq!(said(language, step, name), format!("{BRAND}: {expected}"));
    check("en", 1, None, "Hi there, you left something in your cart: LINK Reply STOP to opt out");
    check("de", 1, Some("Jörg"), "Hallo Jörg, Ihr Warenkorb wartet noch auf Sie: LINK Abmelden mit STOP");
    check("sl", 1, Some("Ana"), "Ana, v kosarici vas nekaj caka: LINK Odjava: odgovorite STOP");
    check("sl", 1, None, "V kosarici vas nekaj caka: LINK Odjava: odgovorite STOP");
    check("pt", 1, None, "O seu carrinho continua à sua espera: LINK Responda STOP para sair");
    check("en", 3, None, "This is our last reminder, your cart is still here: LINK Reply STOP to opt out");
    let with_code = template::render(discounted(Some("en"), 3), &merge("en", None, &form(true))).unwrap();
    assert_eq!(
        with_code.replace(LINK, "LINK"),
        "Northwind Goods: Last reminder. Code NW-7K3QX9 (until Nov 24) for your cart: LINK Reply STOP to opt out"
    );
}

#[test]
fn languages_are_found_by_their_tag() {
    #[track_caller]
    fn check(tag: Option<&str>, expected: &str) {
        assert_eq!(wording(tag).unwrap().language, expected, "{tag:?}");
    }
    check(Some("pt-BR"), "pt-BR");
    check(Some("pt_br"), "pt-BR");
    check(Some("pt-PT"), "pt");
    check(Some("pt-Latn-BR"), "pt-BR");
    check(Some("FR_ca"), "fr-CA");
    check(Some("fr-FR"), "fr");
    check(Some("de-Latn-AT-1996"), "de");
    check(Some("no"), "nb");
    check(Some("nn-NO"), "nb");
    check(Some("zh-CN"), "zh");
    check(Some("zh-TW"), "zh-Hant");
    check(Some("zh-Hant-HK"), "zh-Hant");
    check(Some("zh-Hans-TW"), "zh");
    check(Some("iw"), "he");
    check(Some("sr-Latn-RS"), "sr");
    check(Some("sw"), "en");
    check(Some(""), "en");
    check(Some("-"), "en");
    check(None, "en");
}

#[test]
fn the_language_is_the_shoppers_then_the_countrys_then_the_shops() {
    #[track_caller]
    fn check(language: Option<&str>, country: Option<&str>, shop_country: &str, expected: &str) {
        assert_eq!(choose(language, country, shop_country), expected, "{language:?} {country:?} {shop_country}");
    }
    check(Some("de"), Some("SI"), "HR", "de");
    check(None, Some("SI"), "HR", "sl");
    check(Some("sw"), Some("SI"), "HR", "sl");
    check(Some(""), None, "HR", "hr");
    check(None, Some("ZZ"), "HR", "hr");
    check(None, None, "ZZ", "en");
    check(Some("fr"), Some("CA"), "US", "fr-CA");
    check(Some("fr-FR"), Some("CA"), "US", "fr-CA");
    check(Some("pt"), Some("BR"), "US", "pt-BR");
    check(Some("pt-PT"), Some("BR"), "US", "pt");
    check(None, Some("BR"), "US", "pt-BR");
    check(Some("zh"), Some("TW"), "US", "zh-Hant");
    check(Some("zh-CN"), Some("TW"), "US", "zh");
    check(Some("en"), Some("DE"), "DE", "en");
    check(Some("no"), Some("NO"), "NO", "nb");
}

#[test]
fn steps_beyond_the_last_repeat_it() {
    for language in languages() {
        assert_eq!(text(Some(language), 0), text(Some(language), 1));
        assert_eq!(text(Some(language), 4), text(Some(language), 3));
        assert_eq!(text(Some(language), u32::MAX), text(Some(language), 3));
        assert_eq!(discounted(Some(language), 9), discounted(Some(language), 3));
        assert_eq!(discounted(Some(language), 0), text(Some(language), 1));
    }
}

#[test]
fn days_are_written_as_people_do() {
    let day = jiff::civil::date(2026, 3, 4);
    for (language, expected) in
        [("en", "Mar 4"), ("de", "4.3."), ("sl", "4. 3."), ("ja", "3/4"), ("zh", "3月4日"), ("hu", "3.4.")]
    {
        assert_eq!(date(Some(language), day), expected);
    }
    assert!(right_to_left("ar") && right_to_left("he-IL") && !right_to_left("hi"));
}

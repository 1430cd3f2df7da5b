//! The ready-made texts, one file per language in `templates/sms`. Decides which words a shopper is sent when the
//! shopkeeper wrote none, and in which language; one we do not have falls back to English, never to no text.
//!
//! Adding a language: a file like the others and its line in `files`; the tests read the rest. Every text names the shop
//! first, promises nothing, hurries nobody and fits where its script allows: one part in GSM-7, two in UCS-2. A discount
//! is named only where a step carries one, never in the first.

mod country;

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::civil::Date;
use serde::Deserialize;

use super::template;

macro_rules! files {
    ($($tag:literal)*) => { &[$(include_str!(concat!("../../templates/sms/", $tag, ".toml"))),*] };
}

/// English first: it stands in for what we do not have.
const FILES: &[&str] = files!(
    "en" "ar" "bg" "bs" "ca" "cs" "da" "de" "el" "es" "et" "fi" "fr" "fr-CA" "he" "hi" "hr" "hu" "id" "it" "ja" "ko" "lt"
    "lv" "mk" "ms" "nb" "nl" "pl" "pt" "pt-BR" "ro" "ru" "sk" "sl" "sq" "sr" "sv" "th" "tr" "uk" "vi" "zh" "zh-Hant"
);

/// Said only if no file could be read, which the tests rule out.
const LAST_RESORT: &str = "{{ shop }}: You left something in your cart: {{ link }} {{ opt_out }}";

/// Other names of the same words: macro-languages, retired codes, and Chinese by where it is written.
const ALIASES: &[(&str, &str)] = &[
    ("no", "nb"),
    ("nn", "nb"),
    ("iw", "he"),
    ("in", "id"),
    ("sh", "sr"),
    ("cnr", "sr"),
    ("zh-hans", "zh"),
    ("zh-tw", "zh-Hant"),
    ("zh-hk", "zh-Hant"),
    ("zh-mo", "zh-Hant"),
];

/// Written from right to left.
const RIGHT_TO_LEFT: &[&str] = &["ar", "he"];

/// Where carriers ask for the rates to be told at opt-in and under HELP (CTIA Messaging Principles; CWTA): in whatever
/// language the text is.
const RATES_TOLD_IN: &[&str] = &["US", "CA", "PR"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wording {
    language: String,
    /// In English, for the shopkeeper.
    name: String,
    first_name_fallback: String,
    confirm_word: String,
    help_word: String,
    stop_word: String,
    date: String,
    #[serde(default)]
    months: Vec<String>,
    steps: BTreeMap<String, String>,
    discount: BTreeMap<String, String>,
    opt_out: OptOut,
    service: ServiceTexts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptOut {
    reply: String,
    link: String,
    short_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTexts {
    confirm: String,
    confirm_again: String,
    confirmed: String,
    stopped: String,
    help: String,
    started: String,
    rates: String,
}

static WORDINGS: LazyLock<Vec<Wording>> =
    LazyLock::new(|| FILES.iter().filter_map(|file| toml::from_str(file).ok()).collect());

/// The language a shopper is written to, as the tag of one of our files: the shopper's own if we have it, then the main
/// one of the phone's country, then the shop's, then English. `language` is BCP 47; the countries are ISO 3166-1. A tag
/// without a region takes the country's form: `fr` in CA is `fr-CA`, `zh` in TW `zh-Hant`.
pub fn choose(language: Option<&str>, country: Option<&str>, shop_country: &str) -> &'static str {
    let of_country = |country: &str| country::language(country).and_then(found);
    language
        .and_then(|language| regional(language, country).or_else(|| found(language)))
        .or_else(|| country.and_then(of_country))
        .or_else(|| of_country(shop_country))
        .or_else(|| WORDINGS.first())
        .map_or("en", |wording| wording.language.as_str())
}

/// The template for a step, counted from 1, in a BCP 47 language (`pt-PT` and `pt_ao` find `pt`). Steps beyond the last
/// one repeat it.
pub fn text(language: Option<&str>, step: u32) -> &'static str {
    let Some(wording) = wording(language) else { return LAST_RESORT };
    // Steps are written 1, 2, …: fewer than ten, so that they sort as text.
    let told = wording.steps.get(&step.max(1).to_string()).or_else(|| wording.steps.values().next_back());
    told.map_or(LAST_RESORT, String::as_str)
}

/// The template for a step that carries a discount; it needs `code`. The first step never names one.
pub fn discounted(language: Option<&str>, step: u32) -> &'static str {
    let told = wording(language)
        .filter(|_| step > 1)
        .and_then(|wording| wording.discount.get(&step.to_string()).or_else(|| wording.discount.values().next_back()));
    told.map_or_else(|| text(language, step), String::as_str)
}

/// How a shopper can stop these texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct OptOutForm<'a> {
    /// Whether the sender can be answered.
    pub two_way: bool,
    /// The opt-out link of this message.
    pub url: &'a str,
    /// The gateway's number that takes STOP, where the law asks for it by number (France: `STOP au 36xxx`).
    pub short_code: Option<&'a str>,
    /// The phone's, ISO 3166-1.
    pub country: Option<&'a str>,
}

/// The words that say how to stop these texts: by the number the law asks for, by a reply where the sender can be
/// answered, else by a link. French speakers in Canada are told ARRET (CWTA), whichever French they read.
pub fn opt_out(form: &OptOutForm<'_>, language: Option<&str>) -> String {
    let wording = language.and_then(|language| regional(language, form.country)).or_else(|| wording(language));
    let Some(wording) = wording else { return format!("Opt out: {}", form.url) };
    match form.short_code {
        Some(number) => {
            wording.opt_out.short_code.as_deref().unwrap_or("STOP {{ number }}").replace("{{ number }}", number)
        }
        None if form.two_way => wording.opt_out.reply.clone(),
        None => wording.opt_out.link.replace("{{ opt_out_url }}", form.url),
    }
}

/// Texts that are no reminder: they ask for, confirm or end an opt-in, or answer HELP. None of them advertises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The double opt-in request: shop, cart reminders, that they are automated, frequency, rates, the word, HELP, STOP
    /// (CTIA Messaging Principles; carriers' own programme rules).
    Confirm,
    /// Its one reminder.
    ConfirmAgain,
    Confirmed,
    /// The one answer to STOP.
    Stopped,
    Help,
    /// The answer to START.
    Started,
}

impl Service {
    pub const ALL: [Service; 6] = [
        Service::Confirm,
        Service::ConfirmAgain,
        Service::Confirmed,
        Service::Stopped,
        Service::Help,
        Service::Started,
    ];
}

/// What the service texts say about the shop's programme. Empty words are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Programme<'a> {
    pub shop: &'a str,
    /// How to reach the shop: an address, a number, a page. Carriers ask for it in the answer to HELP.
    pub contact: &'a str,
    /// Where the terms and the privacy notice stand, as short as can be.
    pub terms: &'a str,
    /// The phone's country, ISO 3166-1: it decides whether rates are told.
    pub country: Option<&'a str>,
}

/// A service text, ready to send.
pub fn service(which: Service, language: Option<&str>, programme: &Programme<'_>) -> String {
    let Some(wording) =
        language.and_then(|language| regional(language, programme.country)).or_else(|| wording(language))
    else {
        return programme.shop.to_owned();
    };
    let texts = &wording.service;
    let template = match which {
        Service::Confirm => &texts.confirm,
        Service::ConfirmAgain => &texts.confirm_again,
        Service::Confirmed => &texts.confirmed,
        Service::Stopped => &texts.stopped,
        Service::Help => &texts.help,
        Service::Started => &texts.started,
    };
    let tells_rates =
        wording.language == "en" || programme.country.is_some_and(|country| RATES_TOLD_IN.contains(&country));
    let values = [
        ("shop", template::brand(programme.shop)),
        ("contact", template::plain(programme.contact)),
        ("terms", template::plain(programme.terms)),
        ("rates", if tells_rates { texts.rates.clone() } else { String::new() }),
    ];
    // The tests render every text; should one fail all the same, who asked to be left alone still learns who heard it.
    template::fill(template, &values).unwrap_or_else(|_| template::brand(programme.shop))
}

/// The word a shopper is asked to confirm with. `YES` is always understood beside it.
pub fn confirm_word(language: Option<&str>) -> &'static str {
    wording(language).map_or("YES", |wording| wording.confirm_word.as_str())
}

/// The words a language's texts tell for help and for stopping.
pub fn help_and_stop_words(language: Option<&str>) -> (&'static str, &'static str) {
    wording(language).map_or(("HELP", "STOP"), |wording| (wording.help_word.as_str(), wording.stop_word.as_str()))
}

/// A day without its year, as people write it: `24. 11.`, `Nov 24`.
pub fn date(language: Option<&str>, day: Date) -> String {
    let Some(wording) = wording(language) else { return day.to_string() };
    let month = usize::try_from(day.month()).ok().and_then(|month| wording.months.get(month.checked_sub(1)?));
    wording
        .date
        .replace("{d}", &day.day().to_string())
        .replace("{m}", &day.month().to_string())
        .replace("{month}", month.map_or("", String::as_str))
}

/// What stands in for a first name we do not know. Empty where the language has no such word; the texts then leave the
/// name out.
pub fn first_name_fallback(language: Option<&str>) -> &'static str {
    wording(language).map_or("", |wording| wording.first_name_fallback.as_str())
}

/// The languages we have texts in, as BCP 47 tags, English first.
pub fn languages() -> Vec<&'static str> {
    WORDINGS.iter().map(|wording| wording.language.as_str()).collect()
}

/// What a language is called, for one we have texts in.
pub fn name(language: &str) -> Option<&'static str> {
    named(language).map(|wording| wording.name.as_str())
}

/// Whether a language is written from right to left.
pub fn right_to_left(language: &str) -> bool {
    language.split(['-', '_']).next().is_some_and(|primary| RIGHT_TO_LEFT.contains(&primary))
}

fn wording(language: Option<&str>) -> Option<&'static Wording> {
    language.and_then(found).or_else(|| WORDINGS.first())
}

/// The words for a tag: as it stands, by its language with one of its other parts (`zh-Hant-HK`), by its language.
fn found(tag: &str) -> Option<&'static Wording> {
    let tag = tag.trim().replace('_', "-");
    let mut parts = tag.split('-');
    let primary = parts.next().filter(|primary| !primary.is_empty())?;
    let mut candidates = vec![tag.clone()];
    candidates.extend(parts.map(|part| format!("{primary}-{part}")));
    candidates.push(primary.to_owned());
    candidates.iter().find_map(|candidate| named(candidate))
}

/// The words of a bare language in the form a country has for it.
fn regional(tag: &str, country: Option<&str>) -> Option<&'static Wording> {
    let (tag, country) = (tag.trim(), country?);
    let bare = !tag.contains(['-', '_']);
    // Canada's carriers ask for ARRET of everybody's French.
    let canadian = country == "CA" && tag.get(..2).is_some_and(|primary| primary.eq_ignore_ascii_case("fr"));
    let primary = tag.split(['-', '_']).next().unwrap_or(tag);
    (bare || canadian).then(|| named(&format!("{primary}-{country}"))).flatten()
}

fn named(tag: &str) -> Option<&'static Wording> {
    let tag = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(tag)).map_or(tag, |(_, ours)| *ours);
    WORDINGS.iter().find(|wording| wording.language.eq_ignore_ascii_case(tag))
}

#[cfg(test)]
mod tests;

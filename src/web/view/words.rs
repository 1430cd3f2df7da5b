//! The words of the dashboard in the reader's language. English is written in the source and is the key; German and
//! Spanish stand in `templates/words`, one file per area. What a shop, a shopper or a stored decision said is never
//! translated: it is evidence.
//!
//! # How to add words
//! Write them where they are shown: `t("Carts")`, `say("{count} days", &[…])`, `{{ "Carts"|t }}` in a template (the
//! view file then needs `use super::words::filters;`), `noted("Carts")` where a constant holds what `t` shows later. Add
//! both translations to the area's file; a test finds every key in the source and misses none.
//!
//! # How to add a language
//! A variant of [`Language`] and a column in every file; the same test then lists what is not translated yet.

use std::{
    cell::Cell,
    collections::HashMap,
    fmt::{self, Display},
    sync::OnceLock,
};

use askama::filters::{Escaper, Html, HtmlSafe};
use rust_embed::RustEmbed;
use serde::Deserialize;

#[derive(RustEmbed)]
#[folder = "templates/words"]
struct Files;

/// What the dashboard speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    German,
    Spanish,
}

impl Language {
    pub const ALL: [Language; 3] = [Language::English, Language::German, Language::Spanish];

    /// As `lang` and `Accept-Language` name it.
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
            Language::Spanish => "es",
        }
    }

    /// What its own readers call it.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::German => "Deutsch",
            Language::Spanish => "Español",
        }
    }

    /// `de`, `de-AT`; `None` for what we do not speak.
    pub fn parse(tag: &str) -> Option<Language> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Language::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The first language of an `Accept-Language` header (RFC 9110, 12.5.4) that we speak, by its weights; English
    /// without any.
    pub fn accepted(header: &str) -> Language {
        let mut best = (Language::English, 0.0);
        for range in header.split(',') {
            let (tag, rest) = range.split_once(';').unwrap_or((range, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(1.0, |weight| weight.parse().unwrap_or(0.0_f32));
            if let Some(language) = Language::parse(tag.trim()).filter(|_| weight > best.1) {
                best = (language, weight);
            }
        }
        best.0
    }
}

tokio::task_local! {
    static READER: Cell<Language>;
}

/// Answers a request in a language; whoever finds out later that the reader prefers another calls `speak`.
pub async fn read_in<F: Future>(language: Language, answer: F) -> F::Output {
    READER.scope(Cell::new(language), answer).await
}

/// Makes something for a reader who is not asking just now: a mail.
pub fn written_in<T>(language: Language, write: impl FnOnce() -> T) -> T {
    READER.sync_scope(Cell::new(language), write)
}

/// From here on the answer to this request is in this language.
pub fn speak(language: Language) {
    let _ = READER.try_with(|reader| reader.set(language));
}

/// The reader's language; English outside a request.
pub fn language() -> Language {
    READER.try_with(Cell::get).unwrap_or_default()
}

/// The words in the reader's language; as they stand where they are not translated.
pub fn t(text: &str) -> &str {
    translated(text, language())
}

/// Words that a constant holds: found by the test like those of `t`, translated by `t` where they are shown.
pub const fn noted(text: &'static str) -> &'static str {
    text
}

/// A sentence with values: `{name}` stands for the value of that name. A value is never read for places again.
pub fn say(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut said = String::new();
    let mut rest = t(text);
    while let Some((before, after)) = rest.split_once('{') {
        said.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => said.push_str(&value.to_string()),
            None => said.push_str(name),
        }
        rest = behind;
    }
    said.push_str(rest);
    said
}

/// What templates call: `{{ "Carts"|t }}`.
pub mod filters {
    #[askama::filter_fn]
    pub fn t(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::t(text).to_owned())
    }

    /// What stands between backticks is shown as code.
    #[askama::filter_fn]
    pub fn coded(text: &str, _: &dyn askama::Values) -> askama::Result<super::Coded> {
        Ok(super::Coded(text.to_owned()))
    }
}

/// Words of the code's own documentation, where names stand between backticks.
pub struct Coded(String);

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, piece) in self.0.split('`').enumerate() {
            let code = at % 2 == 1;
            f.write_str(if code { "<code>" } else { "" })?;
            Html.write_escaped_str(&mut *f, piece)?;
            f.write_str(if code { "</code>" } else { "" })?;
        }
        Ok(())
    }
}

impl HtmlSafe for Coded {}

/// One key's translations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    de: String,
    es: String,
}

fn translated(text: &str, language: Language) -> &str {
    let entry = || catalogue().get(text);
    match language {
        Language::English => text,
        Language::German => entry().map_or(text, |entry| &entry.de),
        Language::Spanish => entry().map_or(text, |entry| &entry.es),
    }
}

fn catalogue() -> &'static HashMap<String, Entry> {
    static CATALOGUE: OnceLock<HashMap<String, Entry>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let areas = Files::iter().filter_map(|path| Files::get(&path));
        let read = |file: rust_embed::EmbeddedFile| {
            let text = String::from_utf8_lossy(&file.data).into_owned();
            toml::from_str::<HashMap<String, Entry>>(&text)
        };
        // A file that cannot be read leaves its area in English; the tests do not let one pass.
        areas.filter_map(|file| read(file).ok()).flatten().collect()
    })
}

#[cfg(test)]
mod tests;

//! Every word of the source is in the catalogue, and nothing else is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::*;

/// Files under a folder, with their text.
fn files(folder: &str, ending: &str, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.to_str().unwrap();
        if path.is_dir() {
            files(name, ending, found);
        } else if Path::new(name).extension().is_some_and(|it| it == ending) && !name.contains("tests") {
            found.push((name.to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn source() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let root = env!("CARGO_MANIFEST_DIR");
    files(&format!("{root}/src/web"), "rs", &mut found);
    files(&format!("{root}/templates"), "html", &mut found);
    found
}

/// The string literal that begins here, with its escapes resolved, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.trim_start().strip_prefix('"')?.char_indices();
    let body = text.trim_start().get(1..)?;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &body[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                // A line that goes on: its indent is not part of it.
                '\n' => {
                    let rest = &body[at + 2..];
                    let indent = rest.len() - rest.trim_start().len();
                    for _ in 0..rest[..indent].chars().count() {
                        letters.next();
                    }
                }
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// Every key a file asks for.
fn keys(text: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for call in ["t(", "say(", "noted(", "said("] {
        for (at, _) in text.match_indices(call) {
            let begins = text[..at].chars().next_back().is_none_or(|it| !it.is_alphanumeric() && it != '_');
            if begins && let Some((key, _)) = literal(&text[at + call.len()..]) {
                keys.insert(key);
            }
        }
    }
    for (at, _) in text.match_indices("number_of(") {
        // Behind the number: the nouns for one and for many.
        let mut rest = text[at..].split_once(',').map_or("", |(_, rest)| rest);
        for _ in 0..2 {
            let Some((key, after)) = literal(rest) else { break };
            keys.insert(key);
            rest = after.trim_start().strip_prefix(',').unwrap_or("");
        }
    }
    // What a change did: every sentence of the one function that says it.
    if let Some((_, notices)) = text.split_once("\nfn notice(") {
        let body = notices.split_once("\n}").map_or(notices, |(body, _)| body);
        let said = body.split("=> ").skip(1).map(|said| said.trim_start_matches(['{', '\n', ' ']));
        keys.extend(said.filter_map(literal).map(|(key, _)| key));
    }
    // What the table of routes calls a change: the third of an act's values.
    for (at, _) in text.match_indices(" act(\"/") {
        let said = text[at..].splitn(3, ", ").nth(2).and_then(literal).map(|(said, _)| said);
        keys.extend(said.filter(|said| !said.is_empty()));
    }
    for (at, _) in text.match_indices("\"|t") {
        let ends = text[at + 3..].chars().next().is_none_or(|it| !it.is_alphanumeric());
        if let (true, Some(start)) = (ends, text[..at].rfind('"')) {
            keys.insert(text[start + 1..at].to_owned());
        }
    }
    keys
}

fn translations() -> BTreeMap<String, Entry> {
    let mut all = BTreeMap::new();
    for path in Files::iter() {
        let text = String::from_utf8(Files::get(&path).unwrap().data.into_owned()).unwrap();
        let area: BTreeMap<String, Entry> = toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        for (key, entry) in area {
            // The same words may be wanted by two areas, but they say the same everywhere.
            if let Some(before) = all.insert(key.clone(), entry.clone()) {
                assert!(
                    before.de == entry.de && before.es == entry.es,
                    "{path}: “{key}” is translated otherwise elsewhere"
                );
            }
        }
    }
    all
}

fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn every_word_has_its_translations_and_every_translation_its_word() {
    let known = translations();
    let mut wanted = BTreeSet::new();
    let mut problems = Vec::new();
    for (path, text) in source() {
        for key in keys(&text) {
            if !known.contains_key(&key) {
                problems.push(format!("{path}: “{key}” is not translated"));
            }
            wanted.insert(key);
        }
    }
    for (key, entry) in &known {
        if !wanted.contains(key) {
            problems.push(format!("“{key}” is translated and never said"));
        }
        for said in [&entry.de, &entry.es] {
            if said.trim().is_empty() || places(said) != places(key) {
                problems.push(format!("“{key}” and “{said}” have different places"));
            }
        }
    }
    assert!(problems.is_empty(), "{} problem(s)\n{}", problems.len(), problems.join("\n"));
}

/// What stands in templates and is the same in every language: names, a class, examples of what to type.
const SAME_EVERYWHERE: [&str; 11] = [
    "Cartback",
    "· Cartback",
    "API",
    "CSV",
    "OpenAPI 3.1",
    "phone,at",
    "phone-page",
    "24h",
    "40.00 EUR",
    "https://example.com/hooks/cartback",
    "30 7 * * Mon-Fri",
];

/// What a template shows as it stands there: its text and those attributes that people read, without what is code.
fn visible(template: &str) -> Vec<String> {
    let mut left = template.to_owned();
    for (from, to) in [("{#", "#}"), ("{{", "}}"), ("{%", "%}"), ("<code", "</code>"), ("<style", "</style>")] {
        while let Some(start) = left.find(from) {
            let end = left[start..].find(to).map_or(left.len(), |end| start + end + to.len());
            left.replace_range(start..end, "\u{0}");
        }
    }
    let mut shown = Vec::new();
    for piece in left.split('<') {
        let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
        for name in [" aria-label=\"", " title=\"", " placeholder=\"", " alt=\"", " data-label=\""] {
            let value = tag.split_once(name).and_then(|(_, rest)| rest.split_once('"'));
            shown.extend(value.map(|(value, _)| value.to_owned()));
        }
        shown.extend(text.split('\u{0}').map(|text| text.trim().to_owned()));
    }
    shown.retain(|text| text.chars().any(char::is_alphabetic) && !SAME_EVERYWHERE.contains(&text.as_str()));
    shown
}

#[test]
fn templates_show_no_words_of_their_own() {
    let bare: Vec<String> = source()
        .into_iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|it| it == "html"))
        .flat_map(|(path, text)| visible(&text).into_iter().map(move |words| format!("{path}: “{words}”")))
        .collect();
    assert!(bare.is_empty(), "{} place(s) not in the catalogue\n{}", bare.len(), bare.join("\n"));
}

#[test]
fn words_in_templates_are_seen() {
    #[track_caller]
    fn check(template: &str, expected: &[&str]) {
        assert_eq!(visible(template), expected);
    }
    check("<p>{{ \"Carts\"|t }}</p>", &[]);
    check("<p>Carts {{ count }} of</p>", &["Carts", "of"]);
    check("<td data-label=\"Net\" class=\"num\">{{ net }}</td>", &["Net"]);
    check("<a href=\"/x\">{% if on %}on{% endif %}</a>", &["on"]);
    check("<code>phone</code> · CSV", &["· CSV"]);
}

#[test]
fn keys_are_found_where_they_are_said() {
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(keys(text), expected.iter().map(|key| (*key).to_owned()).collect());
    }
    check(r#"let x = t("Carts"); assert("no");"#, &["Carts"]);
    check(r#"say("Only {count} left", &[])"#, &["Only {count} left"]);
    check("say(\n    \"One \\\n     line\",", &["One line"]);
    check(r#"{{ "Sign out"|t }} {{ "x"|trim }}"#, &["Sign out"]);
    check(r#"number_of(n, "order", "orders")"#, &["order", "orders"]);
    check(r#"<a title="{{ "Next"|t }}">"#, &["Next"]);
    check(r#"    act("/audit", House, "Kept it", "/audit"), act("/x", SignedIn, "", "")"#, &["Kept it"]);
}

#[tokio::test]
async fn words_follow_the_reader() {
    assert_eq!(t("Overview"), "Overview");
    let german = read_in(Language::German, async { t("Overview").to_owned() }).await;
    assert_eq!(german, "Übersicht");
    let changed = read_in(Language::German, async {
        speak(Language::Spanish);
        tokio::task::yield_now().await;
        t("Overview").to_owned()
    });
    assert_eq!(changed.await, "Resumen");
    assert_eq!(written_in(Language::German, || t("never translated").to_owned()), "never translated");
}

#[test]
fn values_are_put_in_once() {
    assert_eq!(say("{a} and {b}", &[("a", &"{b}"), ("b", &2)]), "{b} and 2");
    assert_eq!(say("an open {brace", &[]), "an open brace");
}

#[test]
fn the_browsers_wish_is_heard() {
    #[track_caller]
    fn check(header: &str, expected: Language) {
        assert_eq!(Language::accepted(header), expected, "{header}");
    }
    check("de-AT,de;q=0.9,en;q=0.8", Language::German);
    check("sl,en;q=0.8,de;q=0.9", Language::German);
    check("fr, es;q=0.5, en;q=0.4", Language::Spanish);
    check("en-GB", Language::English);
    check("de;q=0", Language::English);
    check("", Language::English);
    check("*", Language::English);
}

#[test]
fn every_page_is_whole_in_every_language() {
    for language in Language::ALL {
        for (name, page) in written_in(language, crate::web::view::sample::pages) {
            let is_name = |name: &&str| !name.is_empty() && name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
            // The reference and the audit log show paths as they are registered, `{id}` and all.
            let shows_paths = ["api", "audit"].iter().any(|page| name.starts_with(page));
            let unfilled = places(&page).into_iter().find(is_name).filter(|_| !shows_paths);
            assert_eq!(unfilled, None, "{name} in {}", language.name());
            if let Some((_, rest)) = page.split_once("<html lang=\"") {
                assert!(rest.starts_with(language.tag()), "{name} in {}", language.name());
            }
        }
    }
}

#[test]
fn what_shoppers_see_is_translated() {
    #[track_caller]
    fn check(language: Language, page: &str, said: &str) {
        let pages = written_in(language, crate::web::view::sample::pages);
        let (_, html) = pages.iter().find(|(name, _)| *name == page).unwrap();
        assert!(html.contains(said), "{page}: {html}");
    }
    check(Language::German, "opt-out", "Keine SMS mehr von Acme Outdoor?");
    check(Language::Spanish, "opt-out", "¿No quiere recibir más SMS de Acme Outdoor?");
    check(Language::German, "link-gone", "Dieser Link ist nicht mehr gültig.");
    check(Language::German, "order", "gutgeschrieben");
    check(Language::Spanish, "risk", "En una emergencia");
}

//! The pages about connectors in the crate docs are what the connectors say of themselves today.

use std::{fmt::Write, fs, path::Path};

use super::*;
use crate::cli::{gateway, shop};

/// In Markdown: one section per connector, and once what all of them have.
fn pages(side: &str, all: &[Kind]) -> String {
    let mut page = format!(
        "Generated from each connector's `Spec`; `CARTBACK_WRITE_DOCS=1 cargo test --lib cli::kind` writes it anew. In the \
         dashboard the same stands on each connector's page, and `cartback {side} kinds KIND` prints it.\n"
    );
    if let Some(kind) = all.first().filter(|kind| !kind.also.is_empty()) {
        page += "\n## What all of them have\n";
        settings(&mut page, kind.also);
    }
    for kind in all {
        let spec = kind.spec;
        write!(page, "\n## {}\n`{}`\n", spec.name, spec.kind).unwrap();
        settings(&mut page, spec.fields);
        let topics: Vec<String> =
            spec.topics.iter().map(|topic| format!("{}: {}", topic.label, topic.purpose)).collect();
        list(&mut page, "To connect (`{url}` is told then)", spec.connect);
        list(&mut page, "What it tells", &topics);
        list(&mut page, "What it can", &kind.can);
        list(&mut page, "What to know", spec.limits);
    }
    page
}

fn settings(page: &mut String, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    *page += "\n| setting | needed | what it is |\n|---|---|---|\n";
    for field in fields {
        let needed = if field.required { "yes" } else { "" };
        let words = plain(&format!("{}: {}", field.label, field.help)).replace('|', "\\|");
        writeln!(page, "| `{}` | {needed} | {words} |", field.key).unwrap();
    }
}

fn list<S: AsRef<str>>(page: &mut String, head: &str, lines: &[S]) {
    if lines.is_empty() {
        return;
    }
    write!(page, "\n{head}:\n").unwrap();
    for line in lines {
        writeln!(page, "- {}", plain(line.as_ref())).unwrap();
    }
}

/// Words as they are: nothing in them is markup or a link to an item.
fn plain(words: &str) -> String {
    let mut plain = String::new();
    for letter in words.chars() {
        if matches!(letter, '<' | '>' | '[' | ']' | '*' | '_' | '`' | '\\') {
            plain.push('\\');
        }
        plain.push(letter);
    }
    // What only Markdown's extensions would make a link of.
    plain.replace("://", ":\\/\\/")
}

#[test]
fn the_pages_in_the_crate_docs_are_of_today() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (side, all) in [("shop", shop::all_kinds()), ("gateway", gateway::all_kinds())] {
        let (file, now) = (root.join(side).join("kinds.md"), pages(side, &all));
        if std::env::var_os("CARTBACK_WRITE_DOCS").is_some() {
            fs::write(&file, &now).unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), now, "{side}/kinds.md: see its first line");
    }
}

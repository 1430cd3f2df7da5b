//! What there is to connect: the list of platforms or providers, or all one of them says of itself.

use serde_json::{Value, json};

use super::{Missing, Said, table};
use crate::domain::connector::{Field, Spec};

/// A connector, with what it says besides its description.
pub struct Kind {
    pub spec: &'static Spec,
    /// Settings that every one of its side has.
    pub also: &'static [Field],
    /// What it can, in sentences; none where that needs no saying.
    pub can: Vec<&'static str>,
}

/// `side` is `shop` or `gateway`, as the commands are called.
pub fn told(side: &str, all: &[Kind], only: Option<&str>) -> anyhow::Result<Said> {
    let Some(asked) = only else {
        let mut lines = table(&["kind", "name", "settings"]);
        for kind in all {
            let required = kind.spec.fields.iter().filter(|field| field.required).map(|field| field.key);
            lines.add_row([kind.spec.kind, kind.spec.name, &required.collect::<Vec<_>>().join(", ")]);
        }
        let json: Vec<_> = all.iter().map(described).collect();
        return Ok(Said::new(lines.to_string(), json.into()));
    };
    let missing = || Missing(format!("there is no {side} of kind {asked}; cartback {side} kinds lists them"));
    let kind = all.iter().find(|kind| kind.spec.kind == asked).ok_or_else(missing)?;
    let mut fields = table(&["setting", "needed", "what it is"]);
    for field in kind.spec.fields.iter().chain(kind.also) {
        let needed = if field.required { "yes" } else { "" };
        fields.add_row([field.key, needed, &format!("{}: {}", field.label, field.help)]);
    }
    let topics: Vec<String> =
        kind.spec.topics.iter().map(|topic| format!("{}: {}", topic.label, topic.purpose)).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let connect = format!("To connect; {side} add prints what {{url}} stands for:");
    let lists: [(&str, &[&str]); 4] = [
        (&connect, kind.spec.connect),
        ("What it tells:", &topics),
        ("What it can:", &kind.can),
        ("What to know:", kind.spec.limits),
    ];
    let mut words = format!("{}\n\n{fields}\n", kind.spec.name);
    for (head, said) in lists.iter().filter(|(_, said)| !said.is_empty()) {
        words += &format!("\n{head}\n");
        words.extend(said.iter().map(|line| format!("- {line}\n")));
    }
    Ok(Said::new(words.trim_end().to_owned(), described(kind)))
}

fn described(kind: &Kind) -> Value {
    let fields = kind.spec.fields.iter().chain(kind.also).map(|field| {
        json!({
            "key": field.key,
            "label": field.label,
            "help": field.help,
            "required": field.required,
            "secret": field.secret,
            "default": field.default,
        })
    });
    let topics = kind.spec.topics.iter().map(
        |topic| json!({ "name": topic.name, "label": topic.label, "purpose": topic.purpose, "needed": topic.needed }),
    );
    json!({
        "kind": kind.spec.kind,
        "name": kind.spec.name,
        "settings": fields.collect::<Vec<_>>(),
        "steps": kind.spec.connect,
        "topics": topics.collect::<Vec<_>>(),
        "can": kind.can,
        "limits": kind.spec.limits,
    })
}

#[cfg(test)]
mod tests;

//! Samples of the pages for programs: tokens, and the reference of the API.

use super::*;
use crate::web::{
    api::describe,
    page::reference::chapters,
    view::{
        reference::{Reference, nouns},
        tokens::{Fresh, TokenRow, Tokens, Typed},
    },
};

fn row(name: &str, scopes: Vec<&'static str>) -> TokenRow {
    TokenRow {
        name: name.into(),
        of_house: false,
        scopes,
        created_at: now() - DAY * 40,
        used_at: Some(now() - MINUTE * 3),
        expires_at: None,
        revoked_at: None,
        is_good: true,
    }
}

fn tokens() -> Tokens {
    Tokens {
        page: page(Section::Tokens),
        rows: vec![
            row(HOSTILE, vec!["read", "write"]),
            TokenRow { used_at: None, expires_at: Some(now() + DAY * 90), ..row("till", vec!["people"]) },
            TokenRow { of_house: true, ..row("fleet", vec!["read", "write", "house"]) },
            TokenRow { is_good: false, revoked_at: Some(now() - DAY), ..row("old", vec!["read"]) },
            TokenRow { is_good: false, expires_at: Some(now() - DAY), ..row("short", vec!["send"]) },
        ],
        fresh: Some(Fresh { token: format!("cb_{}", "a2b3c4d5".repeat(7)), name: "stock sync".into() }),
        problems: Vec::new(),
        typed: Typed::default(),
        public_url: "https://sms.example.com".into(),
        may_change: true,
        may_house: true,
    }
}

fn reference(about: &str) -> Reference {
    let nouns = nouns(describe::description().unwrap(), "https://sms.example.com");
    let chosen = nouns.iter().find(|noun| noun.name == about).cloned();
    Reference { page: page(Section::Api), chapters: chapters(), chosen, nouns }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let typed = Typed { name: HOSTILE.into(), scopes: vec!["write".into()], days: "90".into() };
    let refused = Tokens { fresh: None, problems: vec![HOSTILE.into()], typed, may_house: false, ..tokens() };
    let none = Tokens { page: bare_page(Section::Tokens), rows: Vec::new(), fresh: None, ..tokens() };
    vec![
        ("tokens", tokens().render()),
        ("tokens-refused", refused.render()),
        ("tokens-empty", none.render()),
        ("api", reference("").render()),
        ("api-sequences", reference("sequences").render()),
        ("api-carts", reference("carts").render()),
    ]
}

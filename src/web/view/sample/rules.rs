//! Law, risk, replies and the ledger of a phone.

use super::*;

pub fn law_rows(codes: &[&str], rules: &Rules) -> Vec<LawRow> {
    let found = |code: &&str| law::current().effective(code, rules, "SI", now()).unwrap();
    codes.iter().map(|code| LawRow::new(law::current(), found(code), now())).collect()
}

pub fn laws() -> Laws {
    let mut rules = Rules::default();
    rules.set_all([("countries", "SI,FR,CH"), ("hours", "mon-sun 08:00-21:00; no holidays")]).unwrap();
    Laws {
        page: page(Section::Law),
        version: law::current().version().to_owned(),
        rows: law_rows(&["SI", "FR", "CH", "US", "AE"], &rules),
        states: law_rows(&["US-FL", "US-RI"], &rules),
    }
}

pub fn law(code: &str, countries: &str) -> Law {
    let mut rules = Rules::default();
    rules.set_all([("countries", countries), ("hours", "mon-sun 07:00-22:00")]).unwrap();
    let pack = law::current();
    Law {
        page: page(Section::Law),
        version: pack.version().to_owned(),
        found: pack.effective(code, &rules, "SI", now()).unwrap(),
        rows: pack.rows(code).into_iter().map(|row| RowShown::new(row, now())).collect(),
        states: if code == "US" { law_rows(&["US-FL", "US-RI"], &rules) } else { Vec::new() },
        set_command: "cartback shop set 1 hours=\"mon-sat 09:00-20:00; no holidays\"".into(),
    }
}

pub fn risk() -> Risk {
    let pause = |id: &str, what: &str, why: &str, hours: u32| PauseRow {
        id: id.into(),
        what: what.into(),
        why: why.into(),
        at: now() - HOUR * hours,
    };
    let hold = |why: &str, carts, texts| HoldRow { why: why.into(), carts, texts };
    Risk {
        page: page(Section::Risk),
        switch: Switch { thrown: None, may: true },
        pauses: vec![
            pause(
                "prefix-0badc0de",
                "Numbers +38640555…",
                "10 texts within an hour went to one block of neighbouring numbers.",
                2,
            ),
            pause("country-0badc0de", "Numbers of GB", "300 texts to one country brought no tap.", 30),
        ],
        holds: vec![
            hold(
                "too many texts to numbers that differ in their last digits only; held until a person resumes it",
                482,
                8,
            ),
            hold("as many texts as may be in an hour went to carts from the same internet address", 0, 12),
            hold("mon-sat 09:00-20:00 in Europe/Ljubljana, opens 24 Nov 2026, 09:00", 31, 0),
        ],
        spent_micros: 12_480_000,
        most_micros: 100_000_000,
    }
}

pub fn replies() -> Replies {
    use crate::domain::consent::{Meaning, heard::Rule};
    let row = |id: &str, text: &str, meaning, rule, settled: &str| ReplyRow {
        id: format!("rep_{id}"),
        from: "…0142".into(),
        phone: "00".repeat(16),
        at: now() - HOUR * 3,
        text: text.into(),
        meaning,
        rule,
        word: text.to_lowercase(),
        doubtful: rule == Some(Rule::Edge),
        settled: settled.into(),
        answered: false,
    };
    Replies {
        page: page(Section::Replies),
        waiting: vec![
            row("01", HOSTILE, Meaning::Unclear, None, ""),
            row("02", "cancel my order", Meaning::Stop, Some(Rule::Edge), ""),
        ],
        waiting_total: 3,
        rows: vec![
            row("03", "STOP", Meaning::Stop, Some(Rule::Exact), ""),
            row("04", "who is this?", Meaning::Unclear, None, "read and answered, by Maja"),
        ],
        pager: Pager::default(),
        may_change: true,
    }
}

pub fn ledger() -> Ledger {
    let entry = |what: &str, tone, source: &str, proof| ledger::Entry {
        at: now() - HOUR * 30,
        what: what.into(),
        tone,
        source: source.into(),
        proof,
    };
    Ledger {
        page: page(Section::Replies),
        phone: "00".repeat(16),
        number: "…0142".into(),
        standing: "Opted out on 20 Nov 2026, 14:05 by reply.".into(),
        may_be_texted: false,
        opted_out: false,
        held_since: Some(now()),
        entries: vec![
            entry("Opted out", Tone::Bad, "reply", vec![("Reply", HOSTILE.into()), ("Rule", "a phrase in it".into())]),
            entry("Consent (single)", Tone::Good, "shopify", Vec::new()),
        ],
        may_change: true,
    }
}

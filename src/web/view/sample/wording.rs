//! Sequences and texts.

use super::*;

pub fn sequence_row(place: usize, stored: &crate::domain::sequence::Sequence) -> Row {
    Row {
        id: stored.id.clone(),
        name: stored.name.clone(),
        on: stored.on_since,
        for_whom: crate::web::view::sequences::whom(&stored.when),
        line: Line::of(stored, HOUR * 48),
        notes: sequences::notes(stored),
        clashes: stored.clashes(HOUR * 24, HOUR * 48),
        carts: 12,
        is_first: place == 0,
        is_last: place == 2,
    }
}

pub fn some_sequences() -> Vec<crate::domain::sequence::Sequence> {
    use crate::domain::sequence::{default_sequence, preset};
    let mut eu = preset("eu").unwrap();
    eu.switch_on(now() - DAY);
    eu.set_all([("step.2.discount", "percent:10"), ("step.2.when.total_least", "40.00 EUR"), ("when.tags", HOSTILE)])
        .unwrap();
    vec![eu, preset("three-step").unwrap(), default_sequence()]
}

pub fn sequences() -> Sequences {
    let preset = |id: &str, name: &str, about: &str| Preset { id: id.into(), name: name.into(), about: about.into() };
    let presets = crate::domain::sequence::PRESETS.iter().map(|(id, name, about)| preset(id, name, about));
    Sequences {
        page: page(Section::Sequences),
        rows: some_sequences().iter().enumerate().map(|(place, stored)| sequence_row(place, stored)).collect(),
        presets: presets.collect(),
        problems: Vec::new(),
    }
}

pub fn sequence() -> Sequence {
    let stored = some_sequences().remove(0);
    Sequence {
        page: page(Section::Sequences),
        row: sequence_row(0, &stored),
        fields: stored.typed().into_iter().collect(),
        steps: vec![1, 2],
        next_step: Some(3),
        problems: Vec::new(),
    }
}

/// Every page, by the name of its file.
pub fn language(tag: &str, name: &str) -> Language {
    Language { tag: tag.into(), name: name.into() }
}

pub fn texts() -> Texts {
    let variant = |language, own, problem: Option<&str>| Variant {
        language,
        own,
        said: format!("Acme Outdoor: {HOSTILE} https://sms.acme.example/r/AQEx9fK2 Odjava: odgovorite STOP"),
        parts: 1,
        problem: problem.map(str::to_owned),
    };
    let step = |number, variants| StepTexts {
        number,
        after: "24 hours after the cart was left".into(),
        discount: number == 2,
        variants,
        others: vec![language("", "Every other language"), language("de", "German")],
    };
    let sequence = |id: &str, on, steps| SequenceTexts { id: id.into(), name: HOSTILE.into(), on, steps };
    Texts {
        page: page(Section::Texts),
        sequences: vec![
            sequence(
                "eu",
                true,
                vec![
                    step(1, vec![variant(language("sl", "Slovenian"), true, None)]),
                    step(2, vec![variant(language("hr", "Croatian"), false, Some("`code` is missing"))]),
                ],
            ),
            sequence("us", false, vec![step(1, Vec::new())]),
        ],
        ready: 44,
    }
}

pub fn editor() -> Editor {
    Editor {
        page: page(Section::Texts),
        sequence: "eu".into(),
        sequence_name: "EU gentle".into(),
        step: 2,
        language: language("sl", "Slovenian"),
        own: true,
        written: vec![language("sl", "Slovenian"), language("hr", "Croatian")],
        others: vec![language("", "Every other language")],
        source: format!("{{{{ shop }}}}: {HOSTILE} {{{{ link }}}} {{{{ opt_out }}}}"),
        rtl: false,
        refused: vec![HOSTILE.into()],
        phone: HOSTILE.into(),
        preview: Preview {
            shop: "Acme Outdoor".into(),
            cart: format!("{HOSTILE}’s cart, €64.90"),
            cart_id: Some("cart_01hx9".into()),
            next_cart: Some("cart_01hxa".into()),
            said: Some(format!("Acme Outdoor: {HOSTILE} čaka https://sms.acme.example/r/AQEx9fK2 Odjava: STOP")),
            problems: vec![HOSTILE.into()],
            needs: vec!["first_name".into(), "total".into()],
            has_link: true,
            has_brand: true,
            has_opt_out: false,
            encoding: crate::domain::sms::Encoding::Ucs2,
            units: 143,
            parts: 3,
            parts_most: 2,
            offenders: vec!['č', 'š'],
            of_values: vec!['Ž'],
            cheap_parts: Some(1),
            price: Some(cost(214_000)),
            country: "SI".into(),
            hours: "mon-sat 09:00-20:00; no holidays".parse().unwrap(),
            on: true,
        },
    }
}

//! The dry run: a month of carts, none left, a wrong form, and no shop.

use std::collections::BTreeMap;

use askama::Template;

use super::{HOSTILE, bare_page, now, page};
use crate::{
    domain::{
        dry_run::{Named, Row, Why},
        id::CartId,
        money::Currency,
        time::{DAY, HOUR},
    },
    pipeline::dry_run::Report,
    web::view::{Section, dry_run::DryRun},
};

fn row(delay: Option<u32>, before: u64) -> Row {
    let euro = Currency::parse("EUR").unwrap();
    let texted = 1_300 - before;
    let mut hours = [0; 24];
    hours[9] = 400;
    hours[17] = texted - 400;
    let named = Named {
        cart: CartId::new(7),
        at: now() - DAY * 2,
        zone: "Europe/Ljubljana".to_owned(),
        bought_at: Some(now() - HOUR),
        was_texted: false,
    };
    Row {
        delay,
        carts: 4_310,
        texted,
        texts: texted + 480,
        parts: texted + 900,
        costs: vec![(euro, i64::try_from(texted).unwrap() * 41_000)],
        unpriced_parts: if delay == Some(60) { 12 } else { 0 },
        measured: texted / 3,
        bought_after: texted / 20,
        not: BTreeMap::from([(Why::Bought, before), (Why::NoConsent, 1_410), (Why::Number, 1_600)]),
        hours,
        named: vec![
            Named { was_texted: true, bought_at: None, ..named.clone() },
            Named { bought_at: None, ..named.clone() },
            named,
        ],
    }
}

fn report(rows: Vec<Row>) -> Report {
    Report {
        from: now() - DAY * 30,
        to: now(),
        days: 30,
        sequences: vec![HOSTILE.to_owned(), "EU gentle".to_owned()],
        abandoned_after_minutes: 30,
        seen: 5_000,
        is_cut: true,
        bought_at_once: 640,
        open: 12,
        nobodys: 38,
        left: rows.first().map_or(0, |row| row.carts),
        rows,
        prices: Vec::new(),
        without_gateway: true,
    }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let rich = DryRun {
        page: page(Section::Sequences),
        history: "30".to_owned(),
        delays: "10m, 1h, 10h".to_owned(),
        sequence: "eu".to_owned(),
        sequences: vec![("eu".to_owned(), "EU gentle".to_owned())],
        problems: Vec::new(),
        report: Some(report(vec![row(None, 300), row(Some(10), 80), row(Some(60), 310), row(Some(600), 520)])),
    };
    let none = DryRun { report: Some(report(Vec::new())), ..rich.clone() };
    let wrong =
        DryRun { report: None, problems: vec![HOSTILE.to_owned()], history: HOSTILE.to_owned(), ..rich.clone() };
    let bare = DryRun { page: bare_page(Section::Sequences), report: None, sequences: Vec::new(), ..rich.clone() };
    vec![
        ("dry-run", rich.render()),
        ("dry-run-empty", none.render()),
        ("dry-run-wrong", wrong.render()),
        ("dry-run-no-shop", bare.render()),
    ]
}

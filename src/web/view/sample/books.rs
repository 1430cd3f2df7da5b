//! Books: rich, empty, and of a shop whose orders cannot be fetched.

use std::collections::BTreeMap;

use askama::Template;

use super::{HOSTILE, Section, bare_page, now, page};
use crate::{
    domain::{
        audit::{Grade, Kind, Score, Summary},
        time::{DAY, HOUR},
    },
    web::view::{
        books::{Books, FindingRow, Group, Last, RunRow, RunState, What},
        books_file::{BooksFile, Compared, Filled, Typed},
    },
};

fn summary(grade: Grade, faulty: u64) -> Summary {
    Summary {
        grade,
        score: Score { compared: 412, faulty, by_orders: 73, by_value: 41 },
        sums: Vec::new(),
        ours: 410,
        theirs: 412,
        kinds: BTreeMap::from([(Kind::MissingHere, faulty)]),
    }
}

fn run(id: &str, what: What, state: RunState, found: Option<Summary>) -> RunRow {
    RunRow { id: id.into(), what, begun_at: now() - HOUR, by: HOSTILE.into(), done: 120, total: 412, state, found }
}

fn row(id: &str, number: &str) -> FindingRow {
    FindingRow {
        id: format!("find_{id}"),
        number: number.into(),
        ours_href: Some("/orders/ord_06f0000000001".into()),
        theirs_href: Some("https://shop.example/orders/7".into()),
        kind: Kind::MissingThere.title().into(),
        ours: "€115.20".into(),
        theirs: "€95.20".into(),
        since: now() - DAY,
        reason: HOSTILE.into(),
        by: "Maja".into(),
    }
}

fn group(kind: Kind, from: usize, count: u64) -> Group {
    let rows = (from..from + 2).map(|place| row(&format!("06f00000000{place}"), &format!("#10{place}"))).collect();
    Group { title: kind.title().into(), cause: kind.cause().into(), mend: kind.mend().into(), count, rows }
}

fn rich() -> Books {
    Books {
        page: page(Section::Books),
        cannot: None,
        last: Some(Last {
            at: now() - HOUR,
            from: now() - DAY * 30,
            to: now() - HOUR,
            summary: summary(Grade::Small, 3),
        }),
        running: None,
        runs: vec![
            run("9", What::Fill, RunState::Done, None),
            run("8", What::Heal, RunState::Stopped, None),
            run("7", What::Compare, RunState::Done, Some(summary(Grade::Small, 3))),
            run("6", What::Compare, RunState::CutShort { why: "the site answered 500".into() }, None),
        ],
        groups: vec![group(Kind::MissingHere, 10, 212), group(Kind::Refund, 20, 2)],
        ignored: vec![row("06f0000000099", "#1099")],
        fillable: 214,
        small: "1.00".into(),
        large: "5.00".into(),
        may_change: true,
    }
}

fn file() -> BooksFile {
    let last = Last { at: now(), from: now() - DAY * 30, to: now(), summary: summary(Grade::Small, 3) };
    BooksFile {
        page: page(Section::Books),
        megabytes_max: 16,
        compared: Some(Compared {
            name: HOSTILE.into(),
            last,
            orders: 412,
            further: 31,
            columns: vec![("number".into(), "Name".into()), ("total".into(), HOSTILE.into())],
            ignored: vec![HOSTILE.into()],
            letters: "windows-1252".into(),
            separator: ';',
            decimal: ',',
            day_first: Some(true),
            bad: vec![
                (17, "total: is missing".into()),
                (40, "placed_at: could be read day first or month first".into()),
            ],
            bad_count: 90,
            unknown_states: vec![HOSTILE.into()],
            groups: vec![group(Kind::MissingHere, 10, 212)],
            fillable: 212,
            filled: None,
        }),
        problems: Vec::new(),
        typed: Typed {
            columns: "total=Gesamtsumme".into(),
            decimal: ",".into(),
            days: "day".into(),
            ..Typed::default()
        },
        fields: vec!["id".into(), "number".into(), "total".into()],
    }
}

fn files() -> Vec<(&'static str, askama::Result<String>)> {
    let empty = || BooksFile { page: bare_page(Section::Books), compared: None, typed: Typed::default(), ..file() };
    let filled = file().compared.map(|compared| Compared {
        filled: Some(Filled { orders: 211, nameless: 1 }),
        bad: Vec::new(),
        bad_count: 0,
        ..compared
    });
    vec![
        ("books-file", file().render()),
        ("books-file-empty", empty().render()),
        ("books-file-refused", BooksFile { problems: vec![HOSTILE.into()], ..empty() }.render()),
        ("books-file-filled", BooksFile { compared: filled, ..file() }.render()),
    ]
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let empty = || Books {
        page: bare_page(Section::Books),
        last: None,
        runs: Vec::new(),
        groups: Vec::new(),
        ignored: Vec::new(),
        fillable: 0,
        ..rich()
    };
    let mut pages = files();
    let last = |grade, faulty| rich().last.map(|last| Last { summary: summary(grade, faulty), ..last });
    pages.extend([
        ("books", rich().render()),
        ("books-empty", empty().render()),
        ("books-closed", Books { cannot: Some("give it a key".into()), may_change: false, ..empty() }.render()),
        (
            "books-running",
            Books {
                running: Some(run("9", What::Compare, RunState::Running, None)),
                last: last(Grade::Large, 40),
                ..rich()
            }
            .render(),
        ),
        ("books-agree", Books { last: last(Grade::Agree, 0), groups: Vec::new(), fillable: 0, ..rich() }.render()),
    ]);
    pages
}

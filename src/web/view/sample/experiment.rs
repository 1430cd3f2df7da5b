//! Experiments: one that shows, one that is too young, one that ended, and none.

use askama::Template;

use super::{HOSTILE, bare_page, now, page};
use crate::{
    domain::{
        experiment::{Arm, Change, Facts, Goal, Plan, report},
        money::Currency,
        time::DAY,
    },
    web::view::{
        Section,
        experiment::{Experiments, Row, Typed, Way},
    },
};

fn row(people: u64, hits: (u64, u64), ended: bool, stopped: bool) -> Row {
    let arm = |name: &str, change| Arm { name: name.to_owned(), weight: 1, change };
    let plan = Plan {
        name: HOSTILE.to_owned(),
        sequence: "eu".to_owned(),
        step: 1,
        goal: if ended { Goal::Tap } else { Goal::Order },
        arms: vec![arm("as it is", Change::Nothing), arm(HOSTILE, Change::After(180))],
    };
    let euro = Currency::parse("EUR").unwrap();
    let facts = |hits: u64, stopped| Facts {
        people,
        counted: people,
        hits,
        opted_out: people / 80,
        refunded: people / 90,
        purses: vec![(euro, vec![9_900; usize::try_from(hits).unwrap()])],
        costs: vec![(euro, i64::try_from(people).unwrap() * 75_000)],
        discounts: Vec::new(),
        stopped,
    };
    Row {
        id: format!("exp_000000000000{}", if ended { 2 } else { 1 }),
        report: report(&plan, &[facts(hits.0, false), facts(hits.1, stopped)]),
        plan,
        started_at: now() - DAY * 40,
        ended_at: ended.then(now),
        why: if ended { HOSTILE.to_owned() } else { String::new() },
        winner: None,
    }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let of = |rows: Vec<Row>| Experiments {
        page: page(Section::Experiments),
        rows,
        steps: vec![("eu 1".to_owned(), "EU gentle, text 1".to_owned())],
        typed: Typed::default(),
        problems: Vec::new(),
        may_change: true,
    };
    let none = Experiments { page: bare_page(Section::Experiments), may_change: false, ..of(Vec::new()) };
    let way = Way { name: HOSTILE.to_owned(), kind: "after".to_owned(), value: HOSTILE.to_owned() };
    let typed = Typed { name: HOSTILE.to_owned(), ways: std::array::from_fn(|_| way.clone()), ..Typed::default() };
    let wrong = Experiments { typed, problems: vec![HOSTILE.to_owned()], ..of(vec![row(20, (2, 3), false, false)]) };
    vec![
        ("experiments", of(vec![row(3_000, (300, 420), false, false), row(900, (90, 60), true, true)]).render()),
        ("experiments-young", wrong.render()),
        ("experiments-empty", none.render()),
    ]
}

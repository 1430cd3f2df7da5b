//! What the texts really earned: shown, not yet, broken and off.

use askama::Template;

use super::{bare_page, euro, money, now, page};
use crate::{
    domain::{
        holdout::Run,
        lift::{Facts, Purse, Report},
        money::Currency,
        stats::Share,
        time::DAY,
    },
    web::view::{
        Section,
        earned::{Credited, Earned},
    },
};

fn run(id: u64, percent: u32, ended: bool) -> Run {
    let started_at = now() - DAY * (90 - id as u32);
    Run { id, percent, started_at, ended_at: ended.then(|| now() - DAY) }
}

fn report(texted: u64, held: u64, share: u64) -> Report {
    let currency = |code: &str| Currency::parse(code).unwrap();
    let facts = |days: u32| {
        let (of_texted, of_held) = (texted / u64::from(days) * 7, held / u64::from(days) * 7);
        let (some, few) = (of_texted * share / 1_000, of_held * 55 / 1_000);
        let amounts = |count: u64| (0..count as i64).map(|at| 3_000 + at % 50 * 210).collect::<Vec<_>>();
        Facts {
            days,
            texted: Share::new(some, of_texted),
            held: Share::new(few, of_held),
            purses: vec![
                Purse { currency: currency("EUR"), texted: amounts(some), held: amounts(few) },
                Purse { currency: currency("CHF"), texted: amounts(3), held: Vec::new() },
            ],
            costs: vec![(currency("EUR"), of_texted as i64 * 75_000)],
        }
    };
    Report::of(40, 10, (texted, held), &[facts(7), facts(14), facts(28)])
}

fn earned(report: Report) -> Earned {
    Earned {
        page: page(Section::Earned),
        run: Some(run(40, 10, false)),
        report: Some((report, now())),
        credited: vec![
            Credited { orders: 312, net: euro(2_640_000), assisted_orders: 120, assisted: euro(980_000) },
            Credited { orders: 3, net: money(48_000, "CHF"), assisted_orders: 0, assisted: money(0, "CHF") },
        ],
        earlier: vec![run(12, 5, true)],
        may_change: true,
        problem: String::new(),
    }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let off = Earned {
        page: bare_page(Section::Earned),
        run: None,
        report: None,
        credited: Vec::new(),
        earlier: Vec::new(),
        ..earned(report(0, 0, 0))
    };
    let fresh = Earned { report: None, problem: "holdout_percent: must be 5 to 20".into(), ..earned(report(0, 0, 0)) };
    let ended = Earned { run: Some(run(12, 5, true)), may_change: false, ..earned(report(130, 12, 60)) };
    vec![
        ("earned", earned(report(9_000, 1_000, 140)).render()),
        ("earned-none-shown", earned(report(9_000, 1_000, 60)).render()),
        ("earned-few", ended.render()),
        ("earned-broken", earned(report(9_000, 600, 60)).render()),
        ("earned-fresh", fresh.render()),
        ("earned-empty", off.render()),
    ]
}

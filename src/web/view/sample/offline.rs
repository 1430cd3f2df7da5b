//! Offline sales: rich, being matched, and before the first upload.

use askama::Template;

use super::{HOSTILE, Section, bare_page, euro, now, page};
use crate::{
    domain::{
        offline::{Channel, Outcome, Tie, WITHIN_DAYS},
        time::{DAY, HOUR},
    },
    web::view::offline::{Offline, SaleRow, State, SumRow, UploadRow},
};

fn upload(id: &str, state: State, counts: &[(Outcome, u64)]) -> UploadRow {
    UploadRow {
        id: format!("upl_06f000000000{id}"),
        name: if id == "3" { String::new() } else { HOSTILE.into() },
        by: "Maja".into(),
        begun_at: now() - HOUR,
        state,
        lines: 412,
        done: counts.iter().map(|(_, count)| count).sum(),
        counts: counts.to_vec(),
    }
}

fn sale(reference: &str, tie: Tie, tapped: bool) -> SaleRow {
    SaleRow {
        reference: reference.into(),
        channel: Channel::Pos,
        sold_at: now() - DAY,
        total: euro(4_890),
        refunded: euro(if tapped { 0 } else { 490 }),
        message: tapped.then(|| "msg_06f0000000001".into()),
        tie: Some(tie),
        after_seconds: 190_000,
        tapped,
    }
}

fn rich() -> Offline {
    let counts = [
        (Outcome::AfterText, 31),
        (Outcome::Nobody, 361),
        (Outcome::Ambiguous, 2),
        (Outcome::Online, 6),
        (Outcome::Known, 5),
        (Outcome::Refund, 1),
        (Outcome::Differs, 2),
        (Outcome::Wrong, 4),
    ];
    Offline {
        page: page(Section::Offline),
        within: WITHIN_DAYS,
        sums: vec![SumRow {
            sales: 394,
            after: 31,
            tapped: 12,
            net_after: euro(148_210),
            refunded_after: euro(490),
            net: euro(1_904_000),
        }],
        uploads: vec![
            upload("4", State::Done, &counts),
            upload("3", State::CutOff, &[]),
            upload("2", State::Undone, &counts),
        ],
        sales: vec![
            sale(HOSTILE, Tie::Phone, true),
            sale("", Tie::Email, false),
            sale("B-3", Tie::PhoneSha256, true),
            sale("B-4", Tie::EmailSha256, false),
        ],
        may_change: true,
    }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let empty = || Offline {
        page: bare_page(Section::Offline),
        sums: Vec::new(),
        uploads: Vec::new(),
        sales: Vec::new(),
        may_change: false,
        ..rich()
    };
    let running = vec![upload("5", State::Running, &[(Outcome::Nobody, 200)])];
    let none =
        vec![SumRow { after: 0, tapped: 0, net_after: euro(0), refunded_after: euro(0), ..rich().sums.remove(0) }];
    vec![
        ("offline", rich().render()),
        ("offline-empty", empty().render()),
        ("offline-first", Offline { page: page(Section::Offline), may_change: true, ..empty() }.render()),
        ("offline-running", Offline { uploads: running, sums: Vec::new(), sales: Vec::new(), ..rich() }.render()),
        ("offline-none", Offline { sums: none, sales: Vec::new(), may_change: false, ..rich() }.render()),
    ]
}

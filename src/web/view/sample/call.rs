//! Calls: a shop that is rung, one that has numbers and no call, one without, and none at all.

use askama::Template;

use super::{HOSTILE, bare_page, now, page};
use crate::{
    domain::{
        call::{State, Tie},
        time::{HOUR, MINUTE},
    },
    web::view::{
        Section,
        call::{CallRow, Calls, NumberRow, SumRow},
    },
};

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let sum = |sequence: &str, calls: u64| SumRow {
        sequence: sequence.to_owned(),
        calls,
        answered: calls * 3 / 4,
        counted: calls / 2,
        by_phone: calls / 3,
    };
    let call = |state, seconds, tie, counts| CallRow {
        number: "+38615550001".to_owned(),
        called_at: now() - HOUR,
        state,
        seconds,
        is_hidden: tie == Tie::Unknown,
        tie,
        message: (tie == Tie::Phone).then(|| "msg_01jq000000000".to_owned()),
        sequence: HOSTILE.to_owned(),
        counts,
    };
    let number = |id: u32, sequence: &str| NumberRow {
        id: format!("tel_000000000000{id}"),
        number: format!("+3861555000{id}"),
        answers: "+38615559999".to_owned(),
        sequence: sequence.to_owned(),
    };
    let rich = Calls {
        page: page(Section::Calls),
        sums: vec![sum("", 12), sum(HOSTILE, 64)],
        calls: vec![
            CallRow { called_at: now() - MINUTE, ..call(State::Ringing, 0, Tie::Phone, false) },
            call(State::Answered, 184, Tie::Phone, true),
            call(State::Answered, 12, Tie::Sequence, false),
            call(State::Missed, 0, Tie::Unknown, false),
        ],
        numbers: vec![number(1, "EU gentle"), number(2, "")],
        sequences: vec![("eu".to_owned(), HOSTILE.to_owned())],
        least_seconds: 30,
        has_token: true,
        can_verify: true,
        refused: 3,
        hook: "https://sms.example.com/hook/call/4fJ".to_owned(),
        problems: vec![HOSTILE.to_owned()],
        may_change: true,
    };
    let quiet = Calls { sums: Vec::new(), calls: Vec::new(), problems: Vec::new(), refused: 0, ..rich.clone() };
    let empty = Calls { numbers: Vec::new(), can_verify: false, has_token: false, ..quiet.clone() };
    let bare = Calls {
        page: bare_page(Section::Calls),
        sequences: Vec::new(),
        hook: String::new(),
        may_change: false,
        ..empty.clone()
    };
    vec![
        ("calls", rich.render()),
        ("calls-quiet", quiet.render()),
        ("calls-empty", empty.render()),
        ("calls-no-shop", bare.render()),
    ]
}

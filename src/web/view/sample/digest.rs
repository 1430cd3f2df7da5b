//! Digests: the page with everything on it, empty, and where there can be none; the stop link's page.

use askama::Template;

use super::{HOSTILE, Page, Section, bare_page, now, page};
use crate::{
    domain::{digest::Rhythm, time::DAY},
    web::view::digest::{Digest, IssueRow, OtherRow, Stand, State, Stop},
};

fn rich() -> Digest {
    let issue = |back: u32, state, why: &str| IssueRow { at: now() - DAY * back, state, why: why.into() };
    let other = |id: &str, name: &str, rhythm| OtherRow { id: id.into(), name: name.into(), rhythm };
    Digest {
        page: page(Section::Digest),
        stand: Stand::Ready,
        email: "maja@acme.example".into(),
        typed: ("own".into(), "30 7 * * Mon-Fri".into()),
        rhythm: Some(Rhythm::Own("30 7 * * Mon-Fri".into())),
        next_at: Some(now() + DAY),
        issues: vec![
            issue(0, State::Waiting, "The mail server answered 451 4.7.1 Try again later."),
            issue(1, State::Sent, ""),
            issue(2, State::Unknown, "The process ended while it was being sent: it may have arrived."),
            issue(3, State::Refused, HOSTILE),
        ],
        others: vec![other("2", "Tea & Tide", Some(Rhythm::Monthly)), other("3", HOSTILE, None)],
        problems: Vec::new(),
        proof: None,
    }
}

fn fresh(page: Page, stand: Stand) -> Digest {
    Digest {
        page,
        stand,
        typed: ("never".into(), String::new()),
        rhythm: None,
        next_at: None,
        issues: Vec::new(),
        others: Vec::new(),
        ..rich()
    }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let here = || page(Section::Digest);
    let stop = |shop: &str, done| Stop { shop: shop.into(), token: "t0k3n".into(), done };
    vec![
        ("digest", rich().render()),
        ("digest-new", fresh(here(), Stand::Ready).render()),
        (
            "digest-wrong",
            Digest { problems: vec![HOSTILE.into()], proof: Some(HOSTILE.into()), ..fresh(here(), Stand::Ready) }
                .render(),
        ),
        ("digest-proved", Digest { proof: Some(String::new()), ..rich() }.render()),
        ("digest-no-server", fresh(here(), Stand::NoServer).render()),
        ("digest-empty", fresh(bare_page(Section::Digest), Stand::NoShop).render()),
        ("digest-open-door", fresh(here(), Stand::OpenDoor).render()),
        ("digest-stop", stop("Acme Outdoor", false).render()),
        ("digest-stopped", stop("Acme Outdoor", true).render()),
        ("digest-stop-unknown", stop("", false).render()),
    ]
}

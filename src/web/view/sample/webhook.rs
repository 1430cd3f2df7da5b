//! Outbound webhooks, rich and empty.

use super::{HOSTILE, Page, Pager, Section, now, page};
use crate::{
    domain::{
        outbox::Topic,
        time::{DAY, HOUR, MINUTE},
    },
    web::view::webhook::{AttemptRow, EndpointForm, EndpointRow, EventRow, Filter, Off, State, Webhook, Webhooks},
};

fn row(name: &str, failed: u64) -> EndpointRow {
    EndpointRow {
        id: "sink_06f0000000001".into(),
        name: name.into(),
        host: "crm.acme.example".into(),
        events: 8,
        personal: false,
        failing_since: None,
        off: None,
        both_until: None,
        delivered: 4_310,
        waiting: 2,
        failed,
        missed: 0,
        withheld: 0,
        is_webhook: true,
    }
}

fn form() -> EndpointForm {
    EndpointForm {
        url: "https://crm.acme.example/hooks".into(),
        name: HOSTILE.into(),
        topics: Topic::choices().collect(),
        personal: true,
    }
}

pub fn all() -> Webhooks {
    let off = Off { at: now() - DAY, why: "answered 410: gone for good".into() };
    Webhooks {
        page: page(Section::Webhooks),
        rows: vec![
            row("Our CRM", 0),
            EndpointRow { id: "sink_06f0000000002".into(), failing_since: Some(now() - HOUR), ..row(HOSTILE, 3) },
            EndpointRow { id: "sink_06f0000000003".into(), off: Some(off), missed: 12, ..row("Old warehouse", 1) },
        ],
        form: form(),
        problems: vec![HOSTILE.into()],
        platforms: platforms(),
    }
}

pub fn none(page: Page) -> Webhooks {
    Webhooks { page, rows: Vec::new(), form: EndpointForm::default(), problems: Vec::new(), platforms: platforms() }
}

fn platforms() -> Vec<(&'static str, &'static str)> {
    vec![("ga4", "Google Analytics 4"), ("meta", "Meta Conversions API")]
}

fn attempt(number: u32, status: Option<u16>, why: &str) -> AttemptRow {
    let at = now() - MINUTE * (9 - number);
    AttemptRow { number, at, took_ms: 1_240, status, why: why.into(), answer: HOSTILE.into() }
}

fn event(id: &str, state: State, attempts: Vec<AttemptRow>) -> EventRow {
    let next_at = (state == State::Retrying).then_some(now() + MINUTE * 30);
    EventRow { id: id.into(), topic: Topic::OrderRecovered.name(), at: now() - HOUR, state, next_at, attempts }
}

pub fn one() -> Webhook {
    let failed = || attempt(1, Some(500), "answered 500");
    Webhook {
        page: page(Section::Webhooks),
        row: EndpointRow { both_until: Some(now() + HOUR), ..row("Our CRM", 3) },
        form: form(),
        problems: Vec::new(),
        secret: None,
        tested: Some(attempt(1, None, "not sent: no connection")),
        filter: Filter::All,
        log: vec![
            event("evt_06f0000000005", State::Waiting, Vec::new()),
            event(
                "evt_06f0000000004",
                State::Retrying,
                vec![failed(), attempt(2, None, "unknown outcome: no answer in time")],
            ),
            event("evt_06f0000000003", State::Delivered, vec![failed(), attempt(2, Some(200), "")]),
            event("evt_06f0000000002", State::Failed, vec![failed()]),
            event("evt_06f0000000001", State::Missed, Vec::new()),
            event(
                "evt_06f0000000000",
                State::Withheld,
                vec![attempt(1, None, "not told: no consent to advertising is on record")],
            ),
        ],
        pager: Pager { has_first: true, next: Some("evt_06f0000000001".into()) },
    }
}

pub fn fresh() -> Webhook {
    let off = Off { at: now() - DAY, why: HOSTILE.into() };
    Webhook {
        row: EndpointRow { delivered: 0, waiting: 0, off: Some(off), ..row("Our CRM", 0) },
        secret: Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
        tested: None,
        log: Vec::new(),
        pager: Pager::default(),
        problems: vec![HOSTILE.into()],
        ..one()
    }
}

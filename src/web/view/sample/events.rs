//! Events, goals and funnels, rich and empty.

use askama::Template;

use super::{
    super::{
        event::{EventRow, Events, Tag},
        form::{Field, Kind as Input},
        goal::{CloseRow, GoalPage, GoalRemove, GoalRow, Goals},
        path::{FunnelPage, Funnels, PathRow},
        *,
    },
    HOSTILE, bare_page, euro, now, page,
};
use crate::domain::{
    diagnosis::{Finding, RULES},
    funnel::{Walk, Way},
    goal::{Plan, presets},
    id::{GoalId, SiteEventId},
    site_event::{Dropped, Kind, SiteEvent, ToldBy, Visit},
    tally::Counter,
    time::MINUTE,
};

fn row(kind: Kind, minutes: u32) -> EventRow {
    EventRow {
        id: format!("ev_06f00000000{minutes:02}"),
        kind,
        at: now() - MINUTE * minutes,
        visitor: "9f02ab31".into(),
        target: String::new(),
        product: "Oak table".into(),
        page_path: "/products/oak-table".into(),
        source: "google".into(),
        medium: "organic".into(),
        device: "iphone".into(),
        number: 0,
        value: Some(euro(12_850)),
        by_server: false,
    }
}

fn events() -> Events {
    Events {
        page: page(Section::Events),
        kind: None,
        kinds: vec![(Kind::PageViewed, 41_204, 9_012), (Kind::CartAdded, 1_840, 1_502), (Kind::Ordered, 96, 95)],
        dropped: vec![(Dropped::Bot, 310), (Dropped::OtherSite, 2)],
        last_at: Some(now() - MINUTE),
        tag: Tag { orders: 104, told: 96, strange: 1 },
        rows: vec![
            row(Kind::CartAdded, 1),
            EventRow {
                target: HOSTILE.into(),
                page_path: HOSTILE.into(),
                source: HOSTILE.into(),
                ..row(Kind::Custom, 2)
            },
            EventRow { number: 75, value: None, product: String::new(), ..row(Kind::Scrolled, 3) },
            EventRow { by_server: true, source: String::new(), medium: String::new(), ..row(Kind::Ordered, 4) },
        ],
        pager: Pager { has_first: false, next: Some("ev_06f0000000003".into()) },
        snippet: r#"<script async src="https://sms.acme.example/p/4fJ2kXq9.js"></script>"#.into(),
        framed: None,
        api_url: "https://sms.acme.example/api/v1/events".into(),
    }
}

fn goal_row(plan: &Plan, count: u64) -> GoalRow {
    let plan = Plan { target: Some(120), ..plan.clone() };
    GoalRow { id: "goal_06f0000000001".into(), plan, count, before: 40, worth: vec![euro(1_284_000)], this_month: 61 }
}

fn goals() -> Goals {
    let plans = &presets()[0].goals;
    let hostile = Plan { name: HOSTILE.into(), ..plans[1].clone() };
    Goals {
        page: page(Section::Goals),
        rows: vec![
            goal_row(&plans[0], 96),
            GoalRow { worth: Vec::new(), ..goal_row(&hostile, 1_840) },
            GoalRow { worth: Vec::new(), plan: plans[2].clone(), ..goal_row(&plans[2], 0) },
        ],
        visitors: 9_012,
        bought: Some([(96, 9_012), (61, 8_140)]),
        close: vec![CloseRow {
            visitor: "9f02ab31".into(),
            goal: HOSTILE.into(),
            times: 3,
            at: now() - MINUTE * 9,
            source: HOSTILE.into(),
            medium: "cpc".into(),
            product: HOSTILE.into(),
        }],
        problems: Vec::new(),
        may_change: true,
    }
}

fn fields() -> Vec<Field> {
    let choice = Input::Choice(vec![("a".into(), HOSTILE.into()), ("b".into(), "B".into())]);
    vec![
        Field::text("name", "Name", "As lists call it.", HOSTILE).required(),
        Field { kind: choice, ..Field::text("kind", "Event", "What a visitor does.", "b") },
        Field {
            kind: Input::Number,
            problem: Some(HOSTILE.into()),
            ..Field::text("target", "Wanted", "A month.", "x")
        },
    ]
}

fn goal() -> GoalPage {
    let plans = &presets()[0].goals;
    let goals = [crate::domain::goal::Goal { id: GoalId::new(1), plan: plans[0].clone() }];
    let mut counter = Counter::new(&goals);
    for (at, source) in ["google", "google", "", HOSTILE].into_iter().enumerate() {
        let order = SiteEvent {
            id: SiteEventId::new(at as i64),
            kind: Kind::Ordered,
            at: now(),
            visitor: [at as u8; 16],
            target: String::new(),
            product: HOSTILE.into(),
            page: String::new(),
            visit: Visit { source: source.into(), medium: "organic".into(), campaign: String::new() },
            device: "iphone".into(),
            country: "SI".into(),
            number: 0,
            value: Some(euro(12_850)),
            order: String::new(),
            payment: "paypal".into(),
            told_by: ToldBy::Server,
        };
        counter.add_order(&order, Some(40 * at as u64));
    }
    GoalPage {
        page: page(Section::Goals),
        row: Some(goal_row(&plans[0], 4)),
        sheet: counter.done().goal(GoalId::new(1)),
        visitors: 310,
        fields: fields(),
        problems: vec![HOSTILE.into()],
        may_change: true,
    }
}

fn walk() -> Walk {
    let lost = [0, 0, 1_284_000, 96_000].map(|minor| [("EUR".to_owned(), minor)].into());
    Walk {
        reached: vec![4_120, 610, 240, 96],
        lost: lost.into(),
        devices: [("iphone".to_owned(), vec![2_000, 300, 100, 30]), (String::new(), vec![12, 3, 1, 0])].into(),
        sources: [(HOSTILE.to_owned(), vec![900, 100, 40, 12])].into(),
    }
}

fn funnels() -> Funnels {
    let way = Way { name: HOSTILE.into(), ..Way::usual() };
    Funnels {
        page: page(Section::Funnels),
        rows: vec![PathRow { id: "fun_06f0000000001".into(), way, walk: walk() }],
        findings: vec![Finding { rule: RULES[0], from: 1_502, to: 96 }],
        heard: true,
        problems: vec![HOSTILE.into()],
        may_change: true,
    }
}

fn funnel() -> FunnelPage {
    FunnelPage {
        page: page(Section::Funnels),
        id: Some("fun_06f0000000001".into()),
        way: Way { name: HOSTILE.into(), ..Way::usual() },
        walk: walk(),
        cut: true,
        fields: fields(),
        problems: vec![HOSTILE.into()],
        may_change: true,
    }
}

fn remove(is_funnel: bool) -> GoalRemove {
    let path = if is_funnel { "/funnels/fun_06f0000000001" } else { "/goals/goal_06f0000000001" };
    GoalRemove { page: page(Section::Goals), path: path.into(), name: HOSTILE.into(), is_funnel }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let silent = Tag { orders: 40, told: 0, strange: 0 };
    vec![
        ("goals", goals().render()),
        (
            "goals-empty",
            Goals { page: bare_page(Section::Goals), rows: Vec::new(), bought: None, close: Vec::new(), ..goals() }
                .render(),
        ),
        ("goal", goal().render()),
        ("goal-empty", GoalPage { row: None, problems: Vec::new(), ..goal() }.render()),
        ("goal-remove", remove(false).render()),
        ("funnels", funnels().render()),
        (
            "funnels-empty",
            Funnels {
                page: bare_page(Section::Funnels),
                rows: Vec::new(),
                findings: Vec::new(),
                problems: Vec::new(),
                ..funnels()
            }
            .render(),
        ),
        ("funnel", funnel().render()),
        ("funnel-empty", FunnelPage { id: None, walk: Walk::default(), problems: Vec::new(), ..funnel() }.render()),
        ("funnel-remove", remove(true).render()),
        ("events", events().render()),
        ("events-shopify", Events { framed: Some("const door = 'x';".into()), tag: silent, ..events() }.render()),
        (
            "events-empty",
            Events {
                page: bare_page(Section::Events),
                kinds: Vec::new(),
                dropped: Vec::new(),
                last_at: None,
                rows: Vec::new(),
                pager: Pager::default(),
                ..events()
            }
            .render(),
        ),
    ]
}

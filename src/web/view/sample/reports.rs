//! Reports and statements, rich and empty.

use super::{Cost, HOSTILE, Money, cost, euro, francs, funnel, money, now, page, takings};
use crate::{
    domain::{breakdown::Dimension, time::MINUTE},
    web::view::{
        Section,
        attribution::{
            Attribution, Came, Differing, Hours, Imitated, Progress, Proposed, Row, Run, Step, TapDay, Taps,
        },
        funnel::Funnel,
        order::Said,
        report::{Cut, CutRow, Delay, DelayRow, Heat, HeatOf, Rate, Report},
        statement::{ChangedOrder, Credited, Published, PublishedSum, Statement, Sum},
    },
};

fn row(value: &str, name: Option<&str>, texts: u64, orders: u64, net: Vec<Money>, micros: i64) -> CutRow {
    CutRow {
        value: value.into(),
        name: name.map(str::to_owned),
        carts: texts * 4,
        texts,
        delivered: texts - texts / 30,
        clicked: texts / 3,
        orders,
        all_orders: orders * 9,
        assisted: orders / 4,
        per_text: net.iter().map(|money| Money::new(money.minor / 1_000, money.currency)).collect(),
        net,
        cost: vec![cost(micros)],
    }
}

pub fn report() -> Report {
    let cut = |by, rows| Cut { by, rows };
    let rate = |name, shown: &str, beside: &str| Rate {
        name,
        shown: shown.into(),
        beside: beside.into(),
        definition: "What it is made of.",
    };
    let most = vec![euro(1_005_000), money(48_000, "CHF")];
    Report {
        page: page(Section::Report),
        takings: vec![takings(), francs()],
        rates: vec![
            rate("Recovery rate", "2.2 %", "96 of 4,310 carts"),
            rate("Click rate", "33 %", "388 of 1,162 delivered"),
            rate("Conversion rate", "8.0 %", "96 of 1,204 texts"),
            rate("Revenue per text", "€10.37", "net"),
            rate("Return on cost", "€204", "net for every €1 of texts"),
        ],
        funnel: funnel(),
        cuts: vec![
            cut(
                Dimension::Step,
                vec![
                    row("eu-gentle 1", Some("EU gentle"), 1_180, 88, most.clone(), 56_900_000),
                    row("eu-gentle 2", Some("EU gentle"), 24, 8, vec![euro(93_100)], 4_300_000),
                    row("", None, 0, 0, vec![], 180_000),
                ],
            ),
            cut(Dimension::Country, vec![row("SI", None, 900, 71, most.clone(), 41_000_000)]),
            cut(
                Dimension::Product,
                vec![row(HOSTILE, None, 300, 22, vec![euro(81_000)], 9_000_000), row("…", None, 40, 1, vec![], 0)],
            ),
            cut(Dimension::Device, vec![row("iphone", None, 0, 60, most.clone(), 0)]),
            cut(Dimension::Payment, vec![row("Card", None, 0, 60, most, 0), row("", None, 0, 2, vec![], 0)]),
        ],
        delay: Delay {
            orders: 96,
            half_within_minutes: Some(75),
            rows: vec![
                DelayRow { within_minutes: Some(60), orders: 40, gross: vec![euro(420_000)], width: "100.00%".into() },
                DelayRow { within_minutes: None, orders: 2, gross: vec![euro(4_000)], width: "5.00%".into() },
            ],
        },
        heat: Heat {
            what: HeatOf::Taps,
            rows: (0..7u64)
                .map(|day| (0..24).map(|hour| if hour > 8 { (hour * (day + 2)) % 23 } else { 0 }).collect())
                .collect(),
        },
        texts: 1_204,
        parts: 1_391,
        cost: vec![cost(61_200_000)],
        opt_outs: 9,
        codes: 24,
        codes_used: 7,
        offline: vec![(14, euro(48_210)), (1, money(1_200, "CHF"))],
        discount: vec![euro(8_960)],
        as_of: Some(now() - MINUTE * 2),
    }
}

pub fn quiet() -> Report {
    Report { takings: Vec::new(), funnel: Funnel::default(), cuts: Vec::new(), texts: 0, ..report() }
}

pub fn statement() -> Statement {
    let credited = |number: &str, net, back| Credited {
        id: "ord_01hx9".into(),
        number: number.into(),
        at: now() - MINUTE * 90,
        gross: euro(net + back),
        back: euro(back),
        back_later: euro(0),
        net: euro(net),
        why: format!("same checkout, tapped 7 min before the order {HOSTILE}"),
    };
    Statement {
        page: page(Section::Report),
        month: "2026-11".into(),
        title: "November 2026".into(),
        before: "2026-10".into(),
        after: None,
        shop: "Acme Outdoor".into(),
        sums: vec![Sum {
            currency: "EUR".into(),
            orders: 96,
            gross: euro(1_268_000),
            refunded: euro(20_000),
            net: euro(1_248_000),
            discounts: euro(8_960),
            cost: Some(Cost { micros: 61_200_000, currency: "EUR".parse().unwrap() }),
            left: Some(euro(1_241_880)),
            assisted_orders: 14,
            assisted: euro(90_000),
        }],
        other_costs: vec![Cost { micros: 1_200_000, currency: "USD".parse().unwrap() }],
        orders: vec![credited("#1093", 9_520, 2_000), credited("#1094", 4_000, 0)],
        more: 0,
        later: vec![euro(1_500)],
        click_window_hours: 120,
        delivered_window_hours: 24,
        texts: 1_204,
        carts: 4_310,
        published: Some(Published {
            at: now() - MINUTE * 500,
            by: HOSTILE.into(),
            hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            hours: hours(),
            sums: vec![PublishedSum {
                orders: 97,
                gross: euro(1_270_000),
                refunded: euro(18_000),
                net: euro(1_252_000),
                orders_since: -1,
                net_since: euro(-4_000),
            }],
            changed: vec![ChangedOrder { id: "ord_01hx9".into(), what: "€60.00 then, €20.00 now".into() }],
        }),
        may_publish: false,
        months: vec!["2026-11".into(), "2026-10".into()],
        broken: vec!["2026-10: its figures are not those that were published".into()],
    }
}

pub fn hours() -> Hours {
    Hours { click: 120, sent: 24 }
}

/// What a person said of an order's credit.
pub fn said() -> Said {
    Said { at: now() - MINUTE * 30, by: HOSTILE.into(), to: "to no text".into(), reason: HOSTILE.into() }
}

pub fn choices() -> Vec<(String, String)> {
    [("msg_01hxk", "to text 1"), ("none", "to no text")].map(|(to, label)| (to.into(), label.into())).into()
}

pub fn attribution() -> Attribution {
    let row = |id: &str, orders, minor| Row {
        id: id.into(),
        imitates: None,
        hours: hours(),
        from_sent: false,
        orders,
        gross: vec![euro(minor + 20_000), money(48_000, "CHF")],
        refunded: vec![euro(20_000)],
        net: vec![euro(minor), money(48_000, "CHF")],
        texts: orders,
        differs: orders.saturating_sub(96),
    };
    let imitated = |name, hours, from_sent| Row {
        imitates: Some(Imitated { name, source: "https://help.example/attribution", on: "2026-11-20" }),
        hours,
        from_sent,
        ..row("imitated", 118, 1_390_000)
    };
    let net = |minor| vec![euro(minor)];
    Attribution {
        page: page(Section::Attribution),
        rows: vec![
            row("strict", 96, 1_248_000),
            row("assisted", 110, 1_338_000),
            row("first", 110, 1_338_000),
            row("linear", 110, 1_338_000),
            row("position", 110, 1_338_000),
            imitated("Klaviyo", Hours { click: 120, sent: 12 }, true),
            imitated("Attentive", hours(), false),
            imitated("Omnisend", Hours { click: 24, sent: 0 }, true),
        ],
        steps: vec![
            Step { step: 1, net: vec![net(900_000), net(980_000), net(1_020_000), net(1_000_000), Vec::new()] },
            Step { step: 2, net: vec![net(348_000); 5] },
        ],
        orders: 412,
        stopped_at: Some(now() - MINUTE * 90),
        windows: hours(),
        proposed: Some(Proposed {
            hours: Hours { click: 24, sent: 0 },
            strict: row("proposed", 80, 1_000_000),
            assisted: row("proposed_assisted", 80, 1_000_000),
            would_change: 16,
            differing: vec![Differing {
                id: "ord_01hx9".into(),
                number: HOSTILE.into(),
                at: now() - MINUTE * 90,
                net: euro(9_520),
                now: Some(1),
                then: None,
            }],
        }),
        problems: vec![HOSTILE.into()],
        progress: Some(Progress { judged: 200, orders: 412 }),
        runs: vec![Run {
            at: now() - MINUTE * 3_000,
            by: HOSTILE.into(),
            before: hours(),
            after: Hours { click: 72, sent: 0 },
            orders: 412,
        }],
        corrected: (1, 2),
        ways: [("alone", 301), ("after_text", 118), ("through_link", 140)]
            .map(|(way, orders)| Came { way, orders })
            .into(),
        taps: Taps {
            raw: 1_200,
            human: 780,
            days: vec![TapDay { day: "Thursday 19 November".into(), raw: 60, human: 12 }],
            alarm: Some("On 2026-11-19 people made 12 of 60 link openings; usually they make 65 %.".into()),
        },
    }
}

pub fn quiet_attribution() -> Attribution {
    Attribution {
        rows: Vec::new(),
        steps: Vec::new(),
        orders: 0,
        stopped_at: None,
        proposed: None,
        problems: Vec::new(),
        progress: None,
        runs: Vec::new(),
        corrected: (0, 0),
        taps: Taps::default(),
        ..attribution()
    }
}

pub fn quiet_statement() -> Statement {
    Statement {
        sums: Vec::new(),
        orders: Vec::new(),
        other_costs: Vec::new(),
        later: Vec::new(),
        published: None,
        may_publish: true,
        months: Vec::new(),
        broken: Vec::new(),
        ..statement()
    }
}

//! Reports and statements, rich and empty.

use super::{Cost, HOSTILE, Money, cost, euro, francs, funnel, money, now, page, takings};
use crate::{
    domain::{breakdown::Dimension, time::MINUTE},
    web::view::{
        Section,
        funnel::Funnel,
        report::{Cut, CutRow, Delay, DelayRow, Heat, HeatOf, Rate, Report},
        statement::{Credited, Statement, Sum},
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
    }
}

pub fn quiet_statement() -> Statement {
    Statement { sums: Vec::new(), orders: Vec::new(), other_costs: Vec::new(), later: Vec::new(), ..statement() }
}

//! The net ledger: two currencies with a missing rate, one alone, a shop without any, and the rows behind lines.

use askama::Template;

use super::{HOSTILE, bare_page, euro, now, page};
use crate::{
    domain::{
        money::Currency,
        net_ledger::{Channel, Figure, Ledger, Line, Rate, Rates, Setting, Spend, ledger},
        time::HOUR,
    },
    web::view::{
        Section,
        format::Shown as _,
        net_ledger::{BehindRow, NetLedger, NetLedgerRows, RateRow, SpendRow},
    },
};

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn made(figures: &[(i64, Line, &str, i64, i64)], goods_share: Option<u32>) -> Ledger {
    let figure = |&(day, line, code, rows, amount): &(i64, Line, &str, i64, i64)| Figure {
        day,
        line,
        currency: Currency::parse(code).ok(),
        rows,
        amount,
    };
    let figures: Vec<Figure> = figures.iter().map(figure).collect();
    let setting = Setting { report_in: None, goods_share };
    ledger(&figures, currency("EUR"), &setting, &Rates::into(currency("EUR"), &[rate()]))
}

fn rate() -> Rate {
    Rate { currency: currency("USD"), to: currency("EUR"), from_day: 20_000, value: 923_100_000_000 }
}

fn shown(ledger: Ledger) -> NetLedger {
    let spend = Spend {
        channel: HOSTILE.to_owned(),
        from_day: 20_500,
        to_day: 20_530,
        currency: currency("EUR"),
        amount_minor: 120_000,
        revenue_minor: Some(410_000),
        orders: Some(31),
    };
    NetLedger {
        page: page(Section::Ledger),
        ledger: Some(ledger),
        channels: vec![
            Channel {
                channel: HOSTILE.to_owned(),
                currency: currency("EUR"),
                spent_minor: 120_000,
                revenue_minor: Some(410_000),
                orders: Some(31),
            },
            Channel {
                channel: "Leaflets".to_owned(),
                currency: currency("CHF"),
                spent_minor: 9_900,
                revenue_minor: None,
                orders: None,
            },
        ],
        rates: vec![RateRow { rate: rate(), from: "2026-03-01".to_owned() }],
        spends: vec![SpendRow { spend, from: "2026-02-16".to_owned(), to: "2026-03-18".to_owned() }],
        own: "EUR".to_owned(),
        report_in: "EUR".to_owned(),
        goods_share: "42.5".to_owned(),
        problems: Vec::new(),
        may_change: true,
    }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let rich = [
        (20_510, Line::Placed, "EUR", 96, 1_310_050),
        (20_510, Line::Discount, "EUR", 12, 14_400),
        (20_510, Line::Edited, "EUR", 2, -3_900),
        (20_512, Line::Refunded, "EUR", 5, 41_200),
        (20_512, Line::Cancelled, "EUR", 1, 12_800),
        (20_514, Line::ChargedBack, "EUR", 1, 9_950),
        (20_514, Line::DiscountElsewhere, "EUR", 1, 1_000),
        (20_510, Line::TextCost, "EUR", 1_204, 61_200_000),
        (20_510, Line::GoodsBase, "EUR", 96, 1_242_200),
        (20_510, Line::PaidLate, "EUR", 3, 38_000),
        (20_510, Line::Placed, "USD", 4, 51_000),
        (20_510, Line::TextCost, "USD", 40, 316_000),
        (20_511, Line::Placed, "CHF", 1, 9_900),
        (20_511, Line::Unpriced, "", 7, 0),
    ];
    let alone = shown(made(&rich[..9], None));
    let wrong = NetLedger {
        problems: vec![format!("line 3: rate: {HOSTILE}")],
        rates: Vec::new(),
        spends: Vec::new(),
        channels: Vec::new(),
        may_change: true,
        ..shown(made(&[], None))
    };
    let none = NetLedger {
        page: bare_page(Section::Ledger),
        ledger: None,
        channels: Vec::new(),
        may_change: false,
        ..wrong.clone()
    };
    let rows = |line, cut, count: u32| NetLedgerRows {
        page: page(Section::Ledger),
        line,
        currency: (line != Line::Unpriced).then(|| currency("EUR")),
        rows: (0..count)
            .map(|at| BehindRow {
                at: now() - HOUR * (at * 7),
                href: "/orders/ord_0000000000001".to_owned(),
                name: if at == 0 { HOSTILE.to_owned() } else { format!("#{}", 1_093 + at) },
                what: "Refund".to_owned(),
                amount: euro(2_000 + i64::from(at)).shown(),
            })
            .collect(),
        cut,
    };
    vec![
        ("net-ledger", shown(made(&rich, Some(4_250))).render()),
        ("net-ledger-alone", alone.render()),
        ("net-ledger-wrong", wrong.render()),
        ("net-ledger-empty", NetLedger { problems: Vec::new(), ..none }.render()),
        ("net-ledger-rows", rows(Line::Refunded, true, 4).render()),
        ("net-ledger-rows-empty", rows(Line::Unpriced, false, 0).render()),
    ]
}

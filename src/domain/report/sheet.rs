//! A report's tables as rows of plain values, for CSV and for the terminal: amounts in major units with a point, never
//! two currencies in one cell.

use super::{Report, Slice, Sums};
use crate::domain::money::{Currency, Money};

/// A table: the heading, then its rows, all of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    pub name: String,
    pub heading: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

const COUNTS: [&str; 7] = ["carts_abandoned", "texts", "parts", "delivered", "tapped", "all_orders", "opted_out"];
const MONEY: [&str; 10] = [
    "currency",
    "orders",
    "gross",
    "refunded",
    "net",
    "assisted_orders",
    "assisted_net",
    "discounts",
    "cost_of_texts",
    "worth_of_carts",
];

/// Every table of a report, by name: `days`, one for each breakdown, `way`, `delay`, `hours`.
pub fn sheets(report: &Report) -> Vec<Sheet> {
    let mut sheets = vec![days(report)];
    for breakdown in &report.parts.breakdowns {
        let lines = breakdown.lines.iter().flat_map(|line| {
            let name = line.name.clone().unwrap_or_default();
            rows(&[line.value.clone(), name], &line.slice)
        });
        sheets.push(Sheet {
            name: breakdown.by.name().to_owned(),
            heading: heading(&[breakdown.by.name(), "name"]),
            rows: lines.collect(),
        });
    }
    sheets.extend([way(report), delay(report), hours(report)]);
    sheets
}

fn heading(first: &[&'static str]) -> Vec<&'static str> {
    first.iter().chain(&COUNTS).chain(&MONEY).copied().collect()
}

fn days(report: &Report) -> Sheet {
    let rows = report.days.iter().flat_map(|day| rows(std::slice::from_ref(&day.day), &day.slice));
    Sheet { name: "days".to_owned(), heading: heading(&["day"]), rows: rows.collect() }
}

/// One row for each currency. Counts stand in the first of them only, so that a column may be added up.
fn rows(first: &[String], slice: &Slice) -> Vec<Vec<String>> {
    let counts = &slice.counts;
    let counts = [
        counts.abandoned,
        counts.texts,
        counts.segments,
        counts.delivered,
        counts.clicked,
        counts.orders,
        counts.opt_outs,
    ];
    let mut rows = Vec::new();
    let none = (None, Sums::default());
    let mut money: Vec<(Option<Currency>, Sums)> =
        slice.money.iter().map(|(&currency, sums)| (Some(currency), sums.clone())).collect();
    if money.is_empty() {
        money.push(none);
    }
    for (place, (currency, sums)) in money.into_iter().enumerate() {
        let counted = counts.iter().map(|count| if place == 0 { count.to_string() } else { String::new() });
        let mut row: Vec<String> = first.iter().cloned().chain(counted).collect();
        row.extend(amounts(currency, &sums));
        rows.push(row);
    }
    rows
}

fn amounts(currency: Option<Currency>, sums: &Sums) -> [String; 10] {
    let Some(currency) = currency else { return Default::default() };
    let shown = |minor: i64| Money::new(minor, currency).amount();
    [
        currency.code().to_owned(),
        sums.recovered_orders.to_string(),
        shown(sums.gross_minor),
        shown(sums.refunded_minor),
        shown(sums.net_minor),
        sums.assisted_orders.to_string(),
        shown(sums.assisted_net_minor),
        shown(sums.discount_minor),
        micros(sums.cost_micros),
        shown(sums.abandoned_minor),
    ]
}

/// Millionths with four digits behind the point, as gateways price a text.
pub fn micros(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let ten_thousandths = micros.unsigned_abs() / 100;
    format!("{sign}{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}

fn way(report: &Report) -> Sheet {
    let rows = report.parts.way.iter().flat_map(|stage| {
        let name = stage.reached.name().to_owned();
        let mut worth: Vec<[String; 2]> = stage
            .worth
            .iter()
            .map(|(currency, minor)| [currency.code().to_owned(), Money::new(*minor, *currency).amount()])
            .collect();
        if worth.is_empty() {
            worth.push(Default::default());
        }
        worth.into_iter().enumerate().map(move |(place, [code, amount])| {
            let carts = if place == 0 { stage.carts.to_string() } else { String::new() };
            vec![name.clone(), carts, code, amount]
        })
    });
    Sheet { name: "way".to_owned(), heading: vec!["stage", "carts", "currency", "worth"], rows: rows.collect() }
}

fn delay(report: &Report) -> Sheet {
    let rows = report.parts.delay.groups.iter().map(|group| {
        let within = group.within_minutes.map_or("longer".to_owned(), |minutes| minutes.to_string());
        vec![within, group.orders.to_string()]
    });
    Sheet { name: "delay".to_owned(), heading: vec!["within_minutes", "orders"], rows: rows.collect() }
}

fn hours(report: &Report) -> Sheet {
    let rows = report.parts.hours.iter().map(|hour| {
        let numbers = [hour.weekday.into(), hour.hour.into(), hour.texts, hour.clicked, hour.orders];
        numbers.map(|number: i64| number.to_string()).to_vec()
    });
    Sheet {
        name: "hours".to_owned(),
        heading: vec!["weekday", "hour", "texts", "tapped", "orders"],
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn counts_stand_once_and_currencies_apart() {
        let mut slice = Slice::default();
        slice.counts.texts = 7;
        let sums = |net_minor| Sums { net_minor, ..Sums::default() };
        slice.money = BTreeMap::from([("CHF".parse().unwrap(), sums(1_250)), ("JPY".parse().unwrap(), sums(1_250))]);
        let rows = rows(&["SI".to_owned()], &slice);
        let at = |row: usize, name: &str| {
            let place = heading(&["country"]).iter().position(|known| *known == name).unwrap();
            rows[row][place].clone()
        };
        assert_eq!((at(0, "texts").as_str(), at(1, "texts").as_str()), ("7", ""));
        assert_eq!((at(0, "net").as_str(), at(1, "net").as_str()), ("12.50", "1250"));
        assert!(rows.iter().all(|row| row.len() == heading(&["country"]).len()));
    }

    #[test]
    fn costs_are_exact() {
        for (given, expected) in [(0, "0.0000"), (79_500, "0.0795"), (12_000_000, "12.0000"), (-100, "-0.0001")] {
            assert_eq!(micros(given), expected);
        }
    }
}

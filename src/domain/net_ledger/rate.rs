//! Rates of exchange, entered by hand or by CSV, each from a day on. An amount is converted by the rate of its own day;
//! a day without a rate is said and its amounts are left out: nothing is guessed, and no rate is turned round.

use std::collections::BTreeMap;

use super::{Line, Sum, rounded, ten};
use crate::domain::money::{Currency, NotMoney, decimal};

/// Digits after the point of a rate.
pub const RATE_DIGITS: u32 = 12;

/// Rates of one shop.
pub const RATES_MAX: usize = 20_000;

/// One unit of `currency` is this much of `to`, from a day on until the next rate's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub currency: Currency,
    pub to: Currency,
    /// Days since 1970-01-01.
    pub from_day: i64,
    /// In 10^-12, above zero.
    pub value: i64,
}

impl Rate {
    /// Reads `1.0823`, above zero.
    pub fn value_of(text: &str) -> Result<i64, NotMoney> {
        let value = decimal(text, RATE_DIGITS)?;
        if value > 0 { Ok(value) } else { Err(NotMoney::Amount) }
    }

    /// `1.0823`, without needless noughts.
    pub fn shown(&self) -> String {
        let unit = 10_i64.pow(RATE_DIGITS);
        let fraction = format!("{:012}", self.value % unit);
        let fraction = fraction.trim_end_matches('0');
        let whole = self.value / unit;
        if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
    }
}

/// Every rate into one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    pub to: Currency,
    of: BTreeMap<Currency, BTreeMap<i64, i64>>,
}

/// Amounts that could not be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub currency: Currency,
    /// The first and the last day without a rate that has amounts, and how many such days there are.
    pub first_day: i64,
    pub last_day: i64,
    pub days: u64,
}

impl Rates {
    /// Those of `rates` that lead to `to`.
    pub fn into(to: Currency, rates: &[Rate]) -> Rates {
        let mut of: BTreeMap<Currency, BTreeMap<i64, i64>> = BTreeMap::new();
        for rate in rates.iter().filter(|rate| rate.to == to) {
            of.entry(rate.currency).or_default().insert(rate.from_day, rate.value);
        }
        Rates { to, of }
    }

    /// The rate of a day, in 10^-12; of the currency itself it is one.
    pub fn on(&self, currency: Currency, day: i64) -> Option<i64> {
        if currency == self.to {
            return Some(10_i64.pow(RATE_DIGITS));
        }
        self.of.get(&currency)?.range(..=day).next_back().map(|(_, &value)| value)
    }

    pub fn converter(&self) -> Converter<'_> {
        Converter { rates: self, sums: BTreeMap::new(), gaps: BTreeMap::new() }
    }
}

/// Adds up amounts of many days and currencies; rounds once, at the end.
pub struct Converter<'r> {
    rates: &'r Rates,
    /// Rows, and the amount in 10^-12 of the unit of its line.
    sums: BTreeMap<Line, (i64, i128)>,
    gaps: BTreeMap<Currency, Vec<i64>>,
}

impl Converter<'_> {
    pub fn add(&mut self, currency: Currency, day: i64, line: Line, rows: i64, amount: i64) {
        let Some(rate) = self.rates.on(currency, day) else {
            self.gaps.entry(currency).or_default().push(day);
            return;
        };
        let exact = i128::from(amount).saturating_mul(i128::from(rate));
        // Millionths are of one unit in every currency, minor units are not.
        let exact = match line {
            Line::TextCost => exact,
            _ => exact.saturating_mul(ten(self.rates.to.digits())) / ten(currency.digits()),
        };
        let sum = self.sums.entry(line).or_default();
        sum.0 = sum.0.saturating_add(rows);
        sum.1 = sum.1.saturating_add(exact);
    }

    pub fn finish(self) -> (BTreeMap<Line, Sum>, Vec<Gap>) {
        let round = |(line, (rows, exact)): (Line, (i64, i128))| {
            (line, Sum { rows, amount: rounded(exact, 10_i128.pow(RATE_DIGITS)) })
        };
        let gap = |(currency, mut days): (Currency, Vec<i64>)| {
            days.sort_unstable();
            days.dedup();
            let (first_day, last_day) = (days.first().copied()?, days.last().copied()?);
            Some(Gap { currency, first_day, last_day, days: days.len() as u64 })
        };
        (self.sums.into_iter().map(round).collect(), self.gaps.into_iter().filter_map(gap).collect())
    }
}

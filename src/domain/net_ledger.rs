//! The net ledger: what came in through texts, what went back, what it cost, and what is left, per currency. Every figure
//! is a sum over stored facts of a day, so that making a day again gives what noting its events one by one gave, in
//! whatever order they came.
//!
//! # From paid to left over
//! ```text
//!   listed        = placed + discount            what credited orders would have been without the texts' codes
//! − discount                                     what the texts' codes took off credited orders
//! + edited                                       what was put into or taken out of orders after they were placed
//! − refunded − cancelled − charged back          on the day it went back, also of orders of earlier days
//! = net revenue
//! − discount elsewhere                           what the texts' codes took off orders that are not credited to a text
//! − cost of texts                                what gateways say they charged
//! − cost of goods                                of the net revenue: the order's own cost, else the shop's share
//! = contribution
//!
//! ROAS = net revenue ÷ cost of texts             how often revenue pays for the texts
//! ROI  = contribution ÷ cost of texts            what is left for each unit spent; 0 % is break-even
//! ```
//! Not in it: wages, shipping, payment fees and taxes the shop owes; texts whose price the gateway does not tell (they are
//! counted and said); orders that are only assisted; and the question what would have come without a text, which the
//! holdout answers ([`super::lift`]).
//!
//! Credit is strict ([`super::attribution`]). An order counts at what it is now on the day it was placed: the part that
//! came by later edits is a line of its own of that same day, so that placed and edited together are the report's gross.
//! What is paid late counts on the day it is paid; how much that is stands beside, inside the figures above.

mod hint;
mod rate;
mod spend;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{attribution::Entry, money::Currency};
pub use hint::{Hint, hints};
pub use rate::{Gap, RATE_DIGITS, RATES_MAX, Rate, Rates};
pub use spend::{CHANNEL_CHARS_MAX, Channel, SPEND_DAYS_MAX, SPENDS_MAX, Spend, channels};

/// A refund whose id begins so is a chargeback: the buyer's bank took the money back.
pub const CHARGEBACK: &str = "chargeback:";

/// Paid later than so many milliseconds after it was first told unpaid is paid late.
pub const LATE_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a line of the ledger counts. Amounts are minor units, positive where the formula subtracts them; the cost of texts
/// is in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// Credited orders at what they were when first told as bought.
    Placed,
    /// What the texts' codes took off credited orders.
    Discount,
    /// What they are worth now less what they were worth first; below zero where more was taken out than put in.
    Edited,
    Refunded,
    Cancelled,
    ChargedBack,
    /// What the texts' codes took off orders no text is credited with.
    DiscountElsewhere,
    TextCost,
    /// What the goods of orders that carry their cost cost, of the part that did not go back.
    Goods,
    /// The net of orders that do not carry their cost: the shop's share is of this.
    GoodsBase,
    /// Inside `Placed`: orders paid more than a day after they were first told unpaid.
    PaidLate,
    /// Texts whose price nobody told; no amount.
    Unpriced,
}

impl Line {
    pub const ALL: [Line; 12] = [
        Line::Placed,
        Line::Discount,
        Line::Edited,
        Line::Refunded,
        Line::Cancelled,
        Line::ChargedBack,
        Line::DiscountElsewhere,
        Line::TextCost,
        Line::Goods,
        Line::GoodsBase,
        Line::PaidLate,
        Line::Unpriced,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Line::Placed => "placed",
            Line::Discount => "discount",
            Line::Edited => "edited",
            Line::Refunded => "refunded",
            Line::Cancelled => "cancelled",
            Line::ChargedBack => "charged_back",
            Line::DiscountElsewhere => "discount_elsewhere",
            Line::TextCost => "text_cost",
            Line::Goods => "goods",
            Line::GoodsBase => "goods_base",
            Line::PaidLate => "paid_late",
            Line::Unpriced => "unpriced",
        }
    }

    pub fn parse(name: &str) -> Option<Line> {
        Line::ALL.into_iter().find(|line| line.name() == name)
    }
}

/// One line of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Days since 1970-01-01 in the shop's zone.
    pub day: i64,
    pub line: Line,
    /// `None` only for `Unpriced`.
    pub currency: Option<Currency>,
    pub rows: i64,
    pub amount: i64,
}

/// A line over a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub rows: i64,
    pub amount: i64,
}

/// How a shop wants its ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// What everything is also told in; `None` is the shop's own currency.
    pub report_in: Option<Currency>,
    /// What goods cost of what is paid for them, in hundredths of a per cent; `None` leaves goods out.
    pub goods_share: Option<u32>,
}

/// All of it.
pub const SHARE_WHOLE: u32 = 10_000;

/// The ledger of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    pub currency: Currency,
    pub lines: BTreeMap<Line, Sum>,
    goods_share: Option<u32>,
}

impl Sheet {
    pub fn new(currency: Currency, setting: &Setting) -> Sheet {
        Sheet { currency, lines: BTreeMap::new(), goods_share: setting.goods_share }
    }

    pub fn add(&mut self, line: Line, rows: i64, amount: i64) {
        let sum = self.lines.entry(line).or_default();
        sum.rows = sum.rows.saturating_add(rows);
        sum.amount = sum.amount.saturating_add(amount);
    }

    pub fn of(&self, line: Line) -> Sum {
        self.lines.get(&line).copied().unwrap_or_default()
    }

    fn amount(&self, line: Line) -> i64 {
        self.of(line).amount
    }

    /// What credited orders would have been without the texts' codes.
    pub fn listed(&self) -> i64 {
        self.amount(Line::Placed).saturating_add(self.amount(Line::Discount))
    }

    /// Net revenue.
    pub fn net(&self) -> i64 {
        let back = [Line::Refunded, Line::Cancelled, Line::ChargedBack];
        let paid = self.amount(Line::Placed).saturating_add(self.amount(Line::Edited));
        back.iter().fold(paid, |left, &line| left.saturating_sub(self.amount(line)))
    }

    /// What gateways charged, in minor units, rounded half away from zero.
    pub fn text_cost(&self) -> i64 {
        rounded(i128::from(self.amount(Line::TextCost)) * ten(self.currency.digits()), 1_000_000)
    }

    /// What the goods that did not come back cost; `None` where neither orders nor the shop tell.
    pub fn goods(&self) -> Option<i64> {
        let told = self.lines.get(&Line::Goods).map(|sum| sum.amount);
        let by_share = self.goods_share.map(|share| part(self.amount(Line::GoodsBase), share));
        match (told, by_share) {
            (None, None) => None,
            (told, by_share) => Some(told.unwrap_or(0).saturating_add(by_share.unwrap_or(0))),
        }
    }

    /// What is left.
    pub fn contribution(&self) -> i64 {
        let cost = [self.amount(Line::DiscountElsewhere), self.text_cost(), self.goods().unwrap_or(0)];
        cost.iter().fold(self.net(), |left, &cost| left.saturating_sub(cost))
    }

    /// Net revenue for each unit the texts cost, in hundredths; `None` without a cost.
    pub fn roas(&self) -> Option<i64> {
        self.on_cost(self.net(), 100)
    }

    /// Contribution for each unit the texts cost, in hundredths of a per cent; `None` without a cost.
    pub fn roi(&self) -> Option<i64> {
        self.on_cost(self.contribution(), 10_000)
    }

    /// Of the exact cost, not of the rounded one: few texts cost less than a cent.
    fn on_cost(&self, amount: i64, unit: i128) -> Option<i64> {
        let micros = i128::from(self.amount(Line::TextCost));
        let of = micros * ten(self.currency.digits());
        (micros > 0).then(|| rounded(i128::from(amount) * unit * 1_000_000, of))
    }

    /// The formula, line by line, as it is read: from what orders were listed at to what is left.
    pub fn items(&self) -> Vec<Item> {
        let of = |key, kind, line: Line| {
            let sum = self.of(line);
            Item { key, kind, line: Some(line), rows: Some(sum.rows), minor: sum.amount }
        };
        let total = |key, minor| Item { key, kind: Kind::Total, line: None, rows: None, minor };
        let mut items = vec![
            Item { key: "listed", kind: Kind::Plus, minor: self.listed(), ..of("listed", Kind::Plus, Line::Placed) },
            of("discount", Kind::Minus, Line::Discount),
            of("edited", Kind::Plus, Line::Edited),
            of("refunded", Kind::Minus, Line::Refunded),
            of("cancelled", Kind::Minus, Line::Cancelled),
            of("charged_back", Kind::Minus, Line::ChargedBack),
            total("net", self.net()),
            of("discount_elsewhere", Kind::Minus, Line::DiscountElsewhere),
            Item { minor: self.text_cost(), ..of("text_cost", Kind::Minus, Line::TextCost) },
        ];
        if let Some(minor) = self.goods() {
            items.push(Item { minor, rows: None, ..of("goods", Kind::Minus, Line::Goods) });
        }
        items.push(total("contribution", self.contribution()));
        items.push(of("paid_late", Kind::Inside, Line::PaidLate));
        items
    }

    pub fn is_empty(&self) -> bool {
        self.lines.values().all(|sum| *sum == Sum::default())
    }
}

/// A line of the formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub key: &'static str,
    pub kind: Kind,
    /// Whose rows stand behind it; a total has none of its own.
    pub line: Option<Line>,
    pub rows: Option<i64>,
    pub minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plus,
    Minus,
    /// What the lines before it come to.
    Total,
    /// Counted in a line above already.
    Inside,
}

/// The ledger of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// One per currency, the shop's own first and always.
    pub sheets: Vec<Sheet>,
    /// Everything in one currency, by the rate of each day.
    pub whole: Sheet,
    /// What could not be converted and is not in `whole`.
    pub gaps: Vec<Gap>,
    /// Texts whose price nobody told: their cost is not in it.
    pub unpriced: u64,
}

/// Adds the days up, in each currency and in one.
pub fn ledger(figures: &[Figure], own: Currency, setting: &Setting, rates: &Rates) -> Ledger {
    let mut sheets = BTreeMap::from([(own, Sheet::new(own, setting))]);
    let mut converted = rates.converter();
    let mut unpriced = 0_i64;
    for figure in figures {
        let Some(currency) = figure.currency else {
            unpriced = unpriced.saturating_add(figure.rows);
            continue;
        };
        let sheet = sheets.entry(currency).or_insert_with(|| Sheet::new(currency, setting));
        sheet.add(figure.line, figure.rows, figure.amount);
        converted.add(currency, figure.day, figure.line, figure.rows, figure.amount);
    }
    let (lines, gaps) = converted.finish();
    let mut whole = Sheet::new(rates.to, setting);
    whole.lines = lines;
    let mut sheets: Vec<Sheet> =
        sheets.into_values().filter(|sheet| sheet.currency == own || !sheet.is_empty()).collect();
    sheets.sort_by_key(|sheet| (sheet.currency != own, sheet.currency));
    Ledger { sheets, whole, gaps, unpriced: u64::try_from(unpriced).unwrap_or(0) }
}

/// What each entry of an order adds to the cost of its goods: the part of `cost` that stands for what did not go back,
/// less the same before the entry. However much is refunded in however many steps, the sum is that of what is left, and
/// nothing once everything went back. Goods that are refunded and not returned still cost the shop: that is not in it.
pub fn goods(entries: &[Entry], total_minor: i64, cost_minor: i64) -> Vec<i64> {
    let cost_of = |left: i64| match total_minor {
        0 => 0,
        total => rounded(i128::from(cost_minor) * i128::from(left), i128::from(total)),
    };
    let mut left = 0_i64;
    let each = |entry: &Entry| {
        let before = cost_of(left);
        left = left.saturating_add(entry.amount_minor);
        cost_of(left).saturating_sub(before)
    };
    entries.iter().map(each).collect()
}

/// So many hundredths of a per cent of an amount, rounded half away from zero.
fn part(amount: i64, share: u32) -> i64 {
    rounded(i128::from(amount) * i128::from(share), i128::from(SHARE_WHOLE))
}

fn ten(digits: u32) -> i128 {
    10_i128.pow(digits.min(9))
}

/// A quotient rounded half away from zero, at most what 64 bits hold. `by` is above zero.
fn rounded(amount: i128, by: i128) -> i64 {
    let by = by.max(1);
    let half = if amount < 0 { -(by / 2) } else { by / 2 };
    let whole = amount.saturating_add(half) / by;
    i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests;

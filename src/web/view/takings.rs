//! What texts brought back, one value per currency: currencies are never added up.

use jiff::civil::Date;

use super::{
    Days, Page,
    chart::{self, Bars},
    figure::Figure,
    format::{self, Shown},
    words::{say, t},
};
use crate::domain::{
    message::Cost,
    money::{Currency, Money},
};

/// One currency's share of a period. Orders credited to a text, and what came back of them.
#[derive(Clone, Debug)]
pub struct Takings {
    pub gross: Money,
    pub refunded: Money,
    /// Gross less refunded, as the store has it.
    pub net: Money,
    pub orders: u64,
    /// The period before, where it was recorded.
    pub before: Option<Before>,
    /// Orders a text may have helped with, but that are credited to nothing of ours.
    pub assisted: Money,
    pub assisted_orders: u64,
    /// Every day of the period, oldest first, also those on which nothing happened.
    pub days: Vec<Day>,
}

#[derive(Clone, Copy, Debug)]
pub struct Before {
    pub net: Money,
    pub orders: u64,
}

/// One of the shop's own days, in minor units of the takings' currency.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    pub date: Date,
    pub orders: u64,
    pub gross: i64,
    /// Counted up: a refund of 20.00 is 2000.
    pub refunded: i64,
    /// The net of the same day in the period before.
    pub net_before: Option<i64>,
}

impl Day {
    pub fn net(&self) -> i64 {
        self.gross.saturating_sub(self.refunded)
    }

    pub fn is_quiet(&self) -> bool {
        self.orders == 0 && self.gross == 0 && self.refunded == 0
    }

    pub fn label(&self) -> String {
        format::weekday_date(self.date)
    }

    pub fn href(&self) -> String {
        format!("/orders?state=recovered&from={0}&to={0}", self.date)
    }
}

impl Takings {
    pub fn none(currency: Currency) -> Takings {
        let zero = Money::new(0, currency);
        Takings {
            gross: zero,
            refunded: zero,
            net: zero,
            orders: 0,
            before: None,
            assisted: zero,
            assisted_orders: 0,
            days: Vec::new(),
        }
    }

    /// Minor units in one major unit.
    pub fn unit(&self) -> i64 {
        10_i64.saturating_pow(self.net.currency.digits())
    }

    pub fn code(&self) -> String {
        self.net.currency.code().to_owned()
    }

    /// Whether there is anything to draw; an empty chart says less than the sentence above it.
    pub fn is_drawn(&self) -> bool {
        self.days.iter().any(|day| !day.is_quiet())
    }

    pub fn chart(&self) -> Bars {
        chart::bars(self)
    }

    pub fn recovered(&self, page: &Page) -> Figure {
        Figure::new(page, self.orders, "/orders", &[("state", "recovered"), ("currency", self.net.currency.code())])
    }

    pub fn assisted_figure(&self, page: &Page) -> Figure {
        let of = [("state", "assisted"), ("currency", self.net.currency.code())];
        Figure::new(page, self.assisted_orders, "/orders", &of)
    }

    /// A day's orders, with their rows.
    pub fn of_day(&self, day: &Day, page: &Page) -> Figure {
        let on = Page { days: Days::Between(day.date, day.date), ..page.clone() };
        Figure::new(&on, day.orders, "/orders", &[("state", "recovered"), ("currency", self.net.currency.code())])
    }

    /// An amount of this currency: `takings.money(day.gross)`.
    pub fn money(&self, minor: &i64) -> String {
        Money::new(*minor, self.net.currency).shown()
    }

    pub fn day_net(&self, day: &Day) -> String {
        Money::new(day.net(), self.net.currency).shown()
    }

    /// `▲ 8 % on the 30 days before`, or what it was when there were too few orders to tell.
    pub fn change(&self) -> Option<String> {
        let before = self.before?;
        Some(match format::change(self.net.minor, before.net.minor, self.orders, before.orders) {
            Some(change) => say("{change} on the period before", &[("change", &change)]),
            None => say("{figure} the period before", &[("figure", &before.net.brief())]),
        })
    }

    pub fn orders_change(&self) -> Option<String> {
        let before = self.before?;
        Some(say("{figure} the period before", &[("figure", &format::count(before.orders))]))
    }

    /// The sentence above the chart.
    pub fn best_day(&self) -> String {
        match self.days.iter().max_by_key(|day| day.net()).filter(|day| day.net() > 0) {
            Some(best) => say(
                "The best day was {day} with {net} net; {part} of {whole} days brought something back.",
                &[
                    ("day", &best.label()),
                    ("net", &Money::new(best.net(), self.net.currency).brief()),
                    ("part", &self.days.iter().filter(|day| day.net() > 0).count()),
                    ("whole", &self.days.len()),
                ],
            ),
            None => t("Nothing came back on any day of this period.").to_owned(),
        }
    }

    /// What one unit of spending on texts brought, where both are of one currency: `€204 net for every €1 of texts`.
    pub fn per_cost(&self, costs: &[Cost]) -> Option<String> {
        let cost = costs.iter().find(|cost| cost.currency == self.net.currency && cost.micros > 0)?;
        let per_unit = i128::from(self.net.minor) * 1_000_000 / i128::from(cost.micros);
        let one = Money::new(self.unit(), self.net.currency);
        let net = Money::new(i64::try_from(per_unit).ok()?, self.net.currency);
        let (one, net) = (format::whole(one), net.brief());
        (self.orders >= format::RATE_CASES_MIN)
            .then(|| say("{net} net for every {one} of texts", &[("net", &net), ("one", &one)]))
    }
}

/// `€12,480 and CHF 1,200`, of those that are not nothing; `None` when all are.
pub fn net_in_words(takings: &[Takings]) -> Option<String> {
    let some: Vec<_> = takings.iter().filter(|one| one.net.minor != 0).map(|one| one.net.brief()).collect();
    (!some.is_empty()).then(|| format::list(some.into_iter()))
}

pub fn orders(takings: &[Takings]) -> u64 {
    takings.iter().map(|one| one.orders).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takings(net: i64, orders: u64, before: Option<(i64, u64)>) -> Takings {
        let euro: Currency = "EUR".parse().unwrap();
        Takings {
            net: Money::new(net, euro),
            orders,
            before: before.map(|(net, orders)| Before { net: Money::new(net, euro), orders }),
            ..Takings::none(euro)
        }
    }

    #[test]
    fn a_change_says_what_it_rests_on() {
        #[track_caller]
        fn check(takings: Takings, expected: Option<&str>) {
            assert_eq!(takings.change().as_deref(), expected);
        }
        check(takings(10_800, 96, Some((10_000, 88))), Some("▲ 8\u{a0}% on the period before"));
        check(takings(10_800, 4, Some((25_000, 88))), Some("€250 the period before"));
        check(takings(10_800, 4, None), None);
    }

    #[test]
    fn return_on_cost_stays_within_a_currency() {
        let cost = |micros, code: &str| Cost { micros, currency: code.parse().unwrap() };
        let takings = takings(1_248_000, 96, None);
        assert_eq!(takings.per_cost(&[cost(61_200_000, "EUR")]).as_deref(), Some("€204 net for every €1 of texts"));
        assert_eq!(takings.per_cost(&[cost(61_200_000, "USD")]), None);
        assert_eq!(takings.per_cost(&[cost(0, "EUR")]), None);
    }

    #[test]
    fn nothing_is_not_a_sum_of_money() {
        assert_eq!(net_in_words(&[takings(0, 0, None)]), None);
        assert_eq!(net_in_words(&[takings(1_248_000, 96, None)]).as_deref(), Some("€12,480"));
    }
}

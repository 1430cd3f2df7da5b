//! A month's statement, to be printed and filed: what came back, by which rules, from which orders, and what is not in it.

use askama::Template;

use super::{
    Page,
    attribution::Hours,
    format::{self, Shown as _},
    words::{self, filters, say, t},
};
use crate::domain::{message::Cost, money::Money, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/statement.html")]
pub struct Statement {
    pub page: Page,
    /// `2026-10`
    pub month: String,
    /// `October 2026`
    pub title: String,
    pub before: String,
    /// `None` for the month that is not over.
    pub after: Option<String>,
    pub shop: String,
    /// One per currency: they are never added up.
    pub sums: Vec<Sum>,
    /// Texts paid in a currency nothing was sold in.
    pub other_costs: Vec<Cost>,
    pub orders: Vec<Credited>,
    /// Orders that are too many to list here.
    pub more: u64,
    /// What went back after the month of orders in it.
    pub later: Vec<Money>,
    pub click_window_hours: u32,
    pub delivered_window_hours: u32,
    pub texts: u64,
    pub carts: u64,
    pub published: Option<Published>,
    /// Whether the visitor may publish it now.
    pub may_publish: bool,
    /// Every month that was, the newest first.
    pub months: Vec<String>,
    /// What does not hold among them.
    pub broken: Vec<String>,
}

/// The month as it was published.
#[derive(Clone, Debug)]
pub struct Published {
    pub at: Time,
    pub by: String,
    pub hash: String,
    pub hours: Hours,
    pub sums: Vec<PublishedSum>,
    /// Orders whose credit is not what it was.
    pub changed: Vec<ChangedOrder>,
}

#[derive(Clone, Debug)]
pub struct PublishedSum {
    pub orders: u64,
    pub gross: Money,
    pub refunded: Money,
    pub net: Money,
    /// What is added to orders and net by now.
    pub orders_since: i64,
    pub net_since: Money,
}

#[derive(Clone, Debug)]
pub struct ChangedOrder {
    /// `ord_…`
    pub id: String,
    pub what: String,
}

impl PublishedSum {
    pub fn since(&self) -> String {
        if self.orders_since == 0 && self.net_since.minor == 0 {
            return t("nothing").to_owned();
        }
        let sign = |negative: bool| if negative { "−" } else { "+" };
        let net = Money::new(self.net_since.minor.abs(), self.net_since.currency).shown();
        let orders = format::number_of(self.orders_since.unsigned_abs(), "order", "orders");
        let net = format!("{}{net}", sign(self.net_since.minor < 0));
        match self.orders_since {
            0 => net,
            count => format!("{net}, {}{orders}", sign(count < 0)),
        }
    }
}

impl Published {
    pub fn said(&self, page: &Page) -> String {
        let moment = format::moment(self.at, &page.zone);
        let hours = self.hours.said();
        if self.by.is_empty() {
            return say(
                "Published on {moment}, by the strict rule: {hours}.",
                &[("moment", &moment), ("hours", &hours)],
            );
        }
        say(
            "Published on {moment} by {name}, by the strict rule: {hours}.",
            &[("moment", &moment), ("name", &self.by), ("hours", &hours)],
        )
    }
}

#[derive(Clone, Debug)]
pub struct Sum {
    pub currency: String,
    pub orders: u64,
    pub gross: Money,
    pub refunded: Money,
    pub net: Money,
    pub discounts: Money,
    pub cost: Option<Cost>,
    /// Net less the cost of texts in the same currency.
    pub left: Option<Money>,
    pub assisted_orders: u64,
    pub assisted: Money,
}

#[derive(Clone, Debug)]
pub struct Credited {
    /// `ord_…`
    pub id: String,
    pub number: String,
    pub at: Time,
    pub gross: Money,
    pub back: Money,
    pub back_later: Money,
    /// Gross less what went back in the month.
    pub net: Money,
    pub why: String,
}

impl Sum {
    pub fn assisted_said(&self) -> String {
        format!("{}, {}", format::number_of(self.assisted_orders, "order", "orders"), self.assisted.shown())
    }
}

impl Statement {
    pub fn answer(&self) -> String {
        let net = self.sums.iter().filter(|sum| sum.net.minor != 0).map(|sum| sum.net.shown());
        let orders = self.sums.iter().map(|sum| sum.orders).sum();
        match orders {
            0 if self.sums.iter().all(|sum| sum.net.minor == 0) => {
                say("Nothing came back in {month}.", &[("month", &self.title)])
            }
            _ => say(
                "{net} net came back in {month}, from {orders}.",
                &[
                    ("net", &format::list(net)),
                    ("month", &self.title),
                    ("orders", &format::number_of(orders, "order", "orders")),
                ],
            ),
        }
    }

    /// What was sent, and to how many carts' shoppers it could have been.
    pub fn counted(&self) -> String {
        say(
            "Texts sent: {texts}. Carts abandoned: {carts}.",
            &[("texts", &self.texts.shown()), ("carts", &self.carts.shown())],
        )
    }

    pub fn href(&self, month: &str) -> String {
        self.page.href(&format!("/statement?month={month}"))
    }

    /// Days and hours as people say them: `5 days`, `24 hours`.
    pub fn window(&self, hours: &u32) -> String {
        match hours {
            days if days % 24 == 0 && *days > 24 => format::number_of(u64::from(days / 24), "day", "days"),
            hours => format::number_of(u64::from(*hours), "hour", "hours"),
        }
    }
}

//! The overview: what did texts bring back, where do carts stop, what needs a person?

use askama::Template;

use super::{
    Page,
    format::{self, Shown as _},
    funnel::{Funnel, Stage},
    need::Need,
    risk::Switch,
    takings::{self, Takings},
    words::{filters, noted, say, t},
};
use crate::domain::message::Cost;

#[derive(Clone, Debug, Template)]
#[template(path = "page/overview.html")]
pub struct Overview {
    pub page: Page,
    /// One per currency, the shop's own first.
    pub takings: Vec<Takings>,
    pub holdout: Option<Holdout>,
    pub texts: u64,
    pub texts_before: Option<u64>,
    /// Per currency, as the gateways charge.
    pub cost: Vec<Cost>,
    pub opt_outs: u64,
    pub funnel: Funnel,
    pub needs: Vec<Need>,
    pub switch: Switch,
    /// Present until the first cart was seen.
    pub set_up: Option<SetUp>,
}

/// What would have happened without texts, from the people deliberately not texted: orders, with a 95 % interval.
#[derive(Clone, Copy, Debug)]
pub struct Holdout {
    pub orders: u64,
    pub low: u64,
    pub high: u64,
}

/// How far the set-up has come; each step is done for good.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetUp {
    pub shop: bool,
    pub gateway: bool,
    pub webhook: bool,
    pub cart: bool,
}

pub struct SetUpStep {
    pub done: bool,
    pub title: &'static str,
    pub how: &'static str,
    pub href: &'static str,
    pub action: &'static str,
}

impl SetUp {
    pub fn steps(&self) -> [SetUpStep; 4] {
        let step =
            |done, title, how, href, action| SetUpStep { done, title: t(title), how: t(how), href, action: t(action) };
        [
            step(
                self.shop,
                noted("Connect a shop"),
                noted("Shopify, WooCommerce or any shop that can send a webhook."),
                "/connect",
                noted("Connect a shop"),
            ),
            step(
                self.gateway,
                noted("Connect a gateway"),
                noted("The account that sends the texts. The demo gateway only writes them down."),
                "/gateways/add",
                noted("Connect a gateway"),
            ),
            step(
                self.webhook,
                noted("See the first webhook"),
                noted("Paste our address into the shop; what arrives shows up in the inbox."),
                "/inbox",
                noted("Open the inbox"),
            ),
            step(
                self.cart,
                noted("Leave a cart behind"),
                noted("Start a checkout in your own shop with your own number, then close the tab."),
                "/carts",
                noted("Watch for it"),
            ),
        ]
    }

    fn done(&self) -> usize {
        self.steps().iter().filter(|step| step.done).count()
    }
}

impl Overview {
    pub fn answer(&self) -> String {
        if let Some(set_up) = &self.set_up {
            return say("{count} of 4 steps done until your first recovered cart.", &[("count", &set_up.done())]);
        }
        let days = self.page.days.phrase();
        match takings::net_in_words(&self.takings) {
            Some(net) => say(
                "Texts brought back {net} net from {orders} {days}.",
                &[
                    ("net", &net),
                    ("orders", &format::number_of(takings::orders(&self.takings), "order", "orders")),
                    ("days", &days),
                ],
            ),
            None => say(
                "Texts brought nothing back {days}: {texts} sent for {carts}.",
                &[
                    ("days", &days),
                    ("texts", &format::number_of(self.texts, "text", "texts")),
                    (
                        "carts",
                        &format::number_of(self.funnel.carts(Stage::Abandoned), "abandoned cart", "abandoned carts"),
                    ),
                ],
            ),
        }
    }

    pub fn holdout_sentence(&self) -> Option<String> {
        let Holdout { orders, low, high } = self.holdout.filter(|_| self.set_up.is_none())?;
        Some(say(
            "Without them you would have had about {orders} of these anyway (holdout, 95 %: {low}–{high}).",
            &[("orders", &format::count(orders)), ("low", &low), ("high", &high)],
        ))
    }

    pub fn opt_out_rate(&self) -> String {
        format::share_of(self.opt_outs, self.texts, "texts")
    }

    pub fn texts_change(&self) -> Option<String> {
        self.texts_before.map(|before| say("{figure} the period before", &[("figure", &format::count(before))]))
    }

    pub fn net(&self) -> String {
        takings::net_in_words(&self.takings).unwrap_or_else(|| "–".to_owned())
    }

    pub fn orders(&self) -> u64 {
        takings::orders(&self.takings)
    }

    pub fn return_on_cost(&self) -> Option<String> {
        self.takings.iter().find_map(|one| one.per_cost(&self.cost))
    }
}

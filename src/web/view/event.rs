//! Events: what visitors do on the shop's site, whether the pixel fires, and the newest of it, one by one.

use askama::Template;

use super::{
    Choice, Page, Pager, Tone,
    format::{self, Shown as _},
    query,
    words::{filters, noted, say, t},
};
use crate::domain::{
    money::Money,
    site_event::{Dropped, Kind, Unit, channel},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/events.html")]
pub struct Events {
    pub page: Page,
    pub kind: Option<Kind>,
    /// Of the period, the most frequent first: events, visitors a day added up.
    pub kinds: Vec<(Kind, u64, u64)>,
    pub dropped: Vec<(Dropped, u64)>,
    pub last_at: Option<Time>,
    pub tag: Tag,
    pub rows: Vec<EventRow>,
    pub pager: Pager,
    /// What to paste into the shop's pages; "" without a shop.
    pub snippet: String,
    /// The same for Shopify, as a custom pixel.
    pub framed: Option<String>,
    /// What a server posts its events to.
    pub api_url: String,
}

/// Whether the thank-you page tells: orders of the period, and those of them the pixel told of too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    pub orders: u64,
    pub told: u64,
    /// Told by the pixel, and no order of the shop's.
    pub strange: u64,
}

#[derive(Clone, Debug)]
pub struct EventRow {
    /// `ev_…`
    pub id: String,
    pub kind: Kind,
    pub at: Time,
    /// The first digits of the visitor's keyed hash.
    pub visitor: String,
    pub target: String,
    pub product: String,
    pub page_path: String,
    pub source: String,
    pub medium: String,
    pub device: String,
    pub number: i64,
    pub value: Option<Money>,
    pub by_server: bool,
}

/// What a kind is called, once for every page.
pub fn label(kind: Kind) -> &'static str {
    t(match kind {
        Kind::PageViewed => noted("Page viewed"),
        Kind::ProductViewed => noted("Product viewed"),
        Kind::ListViewed => noted("List viewed"),
        Kind::ServiceViewed => noted("Service viewed"),
        Kind::Searched => noted("Searched"),
        Kind::Wishlisted => noted("Put on the wishlist"),
        Kind::CartAdded => noted("Added to cart"),
        Kind::CheckoutStarted => noted("Checkout started"),
        Kind::ContactEntered => noted("Contact entered"),
        Kind::ShippingEntered => noted("Shipping chosen"),
        Kind::PaymentEntered => noted("Payment entered"),
        Kind::Ordered => noted("Ordered"),
        Kind::SignedUp => noted("Signed up"),
        Kind::Subscribed => noted("Newsletter"),
        Kind::Requested => noted("Quote or booking asked for"),
        Kind::Paid => noted("Paid or signed"),
        Kind::FormSubmitted => noted("Form sent"),
        Kind::Downloaded => noted("Downloaded"),
        Kind::VideoPlayed => noted("Video played"),
        Kind::VideoCompleted => noted("Video watched to its end"),
        Kind::Scrolled => noted("Scrolled"),
        Kind::Stayed => noted("Time on a page"),
        Kind::Shared => noted("Shared"),
        Kind::Commented => noted("Commented"),
        Kind::Copied => noted("Copied"),
        Kind::CallClicked => noted("Call tapped"),
        Kind::Called => noted("Call answered"),
        Kind::DirectionsClicked => noted("Directions tapped"),
        Kind::LinkClicked => noted("Link to elsewhere"),
        Kind::PageSpeed => noted("Page speed"),
        Kind::Custom => noted("Your own event"),
    })
}

/// What a channel is called.
pub fn channel_label(channel: &str) -> &str {
    match channel {
        "direct" => t("Direct"),
        "sms" => t("SMS"),
        "email" => t("E-mail"),
        "paid search" => t("Paid search"),
        "paid other" => t("Other paid"),
        "search" => t("Search"),
        "social" => t("Social"),
        "affiliate" => t("Affiliate"),
        "referral" => t("Other sites"),
        "other" => t("Other"),
        other => other,
    }
}

fn why(dropped: Dropped) -> &'static str {
    t(match dropped {
        Dropped::Bot => noted("of programs"),
        Dropped::OtherSite => noted("from pages of other sites"),
        Dropped::TooMany => noted("too many at once"),
        Dropped::Unreadable => noted("unreadable"),
    })
}

impl EventRow {
    pub fn label(&self) -> &'static str {
        label(self.kind)
    }

    pub fn tone(&self) -> Tone {
        match self.kind {
            Kind::Ordered | Kind::Paid => Tone::Good,
            Kind::CartAdded | Kind::CheckoutStarted | Kind::ContactEntered => Tone::Live,
            _ => Tone::Quiet,
        }
    }

    /// To what, and how much.
    pub fn what(&self) -> String {
        let number = match (self.kind.unit(), self.number.unsigned_abs()) {
            (None, _) | (_, 0) => String::new(),
            (Some(Unit::PerCent), number) => format!("{number}\u{a0}%"),
            (Some(Unit::Seconds), number) => format!("{}\u{a0}s", format::count(number)),
            (Some(Unit::Milliseconds), number) => format!("{}\u{a0}ms", format::count(number)),
        };
        let value = self.value.map(|value| value.shown()).unwrap_or_default();
        let parts = [self.product.as_str(), &self.target, &value, &number];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    }

    pub fn from(&self) -> String {
        let channel = channel_label(channel(&self.source, &self.medium));
        if self.source.is_empty() { channel.to_owned() } else { format!("{channel}: {}", self.source) }
    }
}

impl Events {
    pub fn answer(&self) -> String {
        let events: u64 = self.kinds.iter().map(|(_, events, _)| events).sum();
        match self.last_at {
            None => t("No event has arrived yet.").to_owned(),
            Some(at) => say(
                "{events} in this period; the last one {ago}.",
                &[("events", &format::number_of(events, "event", "events")), ("ago", &format::ago(at, self.page.now))],
            ),
        }
    }

    /// Whether the thank-you page tells, in a sentence; "" while there is nothing to compare.
    pub fn tag_sentence(&self) -> String {
        match self.tag {
            Tag { orders: 0, .. } => String::new(),
            Tag { told: 0, orders, .. } => say(
                "The thank-you page told of none of {orders}: the pixel does not fire there.",
                &[("orders", &format::number_of(orders, "order", "orders"))],
            ),
            Tag { told, orders, .. } => {
                say("The thank-you page told of {part} orders.", &[("part", &format::out_of(told, orders))])
            }
        }
    }

    /// Most of the orders are told: some browsers send nothing, and never will.
    pub fn tag_is_well(&self) -> bool {
        self.tag.told * 100 >= self.tag.orders * 60
    }

    pub fn strange(&self) -> String {
        match self.tag.strange {
            0 => String::new(),
            count => say(
                "{events} on the thank-you page match no order of the shop: somebody reloads it, or the order is not here yet.",
                &[("events", &format::number_of(count, "event", "events"))],
            ),
        }
    }

    pub fn not_kept(&self) -> String {
        let parts = self.dropped.iter().map(|&(reason, count)| format!("{} {}", format::count(count), why(reason)));
        say("Not kept: {list}.", &[("list", &format::list(parts))])
    }

    pub fn kind_label(&self, kind: &Kind) -> &'static str {
        label(*kind)
    }

    pub fn choices(&self) -> Vec<Choice> {
        let choice = |kind: Option<Kind>, count: Option<u64>| Choice {
            label: kind.map_or_else(|| t("All"), label),
            href: self.page.href(&query("/events", &[("kind", kind.map_or("", Kind::name))])),
            current: self.kind == kind,
            count,
        };
        let shown = self.kinds.iter().take(8).map(|&(kind, events, _)| choice(Some(kind), Some(events)));
        std::iter::once(choice(None, None)).chain(shown).collect()
    }

    pub fn first_href(&self) -> String {
        self.page.href(&query("/events", &[("kind", self.kind.map_or("", Kind::name))]))
    }

    pub fn next_href(&self) -> Option<String> {
        let next = self.pager.next.as_deref()?;
        Some(self.page.href(&query("/events", &[("kind", self.kind.map_or("", Kind::name)), ("after", next)])))
    }
}

//! `SiteEvent`: something a visitor did on the shop's site or in its app, a micro- or macro-conversion. Decides which kinds
//! there are, what may be kept of one, and where its visit came from. Never who the visitor is: that is a keyed hash of an
//! anonymous id, and only a recovery link or the checkout ties it to a cart.
//!
//! What a shop's webhooks say is another thing (`domain::event`): those are facts we act on, these are counted.

mod told;
mod visit;
pub mod wire;

use serde::{Deserialize, Serialize};

use super::{id::SiteEventId, money::Money, time::Time};
pub use told::{Told, Unusable, settle};
pub use visit::{Visit, channel, country};

/// What was done. `name` is what the pixel, the API and the table call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    PageViewed,
    ProductViewed,
    ListViewed,
    ServiceViewed,
    Searched,
    Wishlisted,
    CartAdded,
    CheckoutStarted,
    /// A phone or e-mail field was filled in; never what with.
    ContactEntered,
    ShippingEntered,
    PaymentEntered,
    /// The thank-you page was seen, or a server says that an order was placed. Money is counted from the shop's own
    /// orders; this tells whether the tag fires.
    Ordered,
    SignedUp,
    Subscribed,
    /// A quote, a consultation or a booking was asked for.
    Requested,
    /// A contract, an invoice or a plan was paid or signed outside the shop's orders.
    Paid,
    FormSubmitted,
    Downloaded,
    VideoPlayed,
    VideoCompleted,
    /// `number` is the depth in per cent: 25, 50, 75 or 100.
    Scrolled,
    /// `number` is the seconds the page was in sight.
    Stayed,
    Shared,
    Commented,
    Copied,
    CallClicked,
    /// A call to a number that a text showed was answered, and long enough to count; `number` is its seconds.
    Called,
    DirectionsClicked,
    LinkClicked,
    /// `number` is the largest contentful paint in milliseconds.
    PageSpeed,
    /// `target` is its name.
    Custom,
}

impl Kind {
    pub const ALL: [Kind; 31] = [
        Kind::PageViewed,
        Kind::ProductViewed,
        Kind::ListViewed,
        Kind::ServiceViewed,
        Kind::Searched,
        Kind::Wishlisted,
        Kind::CartAdded,
        Kind::CheckoutStarted,
        Kind::ContactEntered,
        Kind::ShippingEntered,
        Kind::PaymentEntered,
        Kind::Ordered,
        Kind::SignedUp,
        Kind::Subscribed,
        Kind::Requested,
        Kind::Paid,
        Kind::FormSubmitted,
        Kind::Downloaded,
        Kind::VideoPlayed,
        Kind::VideoCompleted,
        Kind::Scrolled,
        Kind::Stayed,
        Kind::Shared,
        Kind::Commented,
        Kind::Copied,
        Kind::CallClicked,
        Kind::Called,
        Kind::DirectionsClicked,
        Kind::LinkClicked,
        Kind::PageSpeed,
        Kind::Custom,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::PageViewed => "page_viewed",
            Kind::ProductViewed => "product_viewed",
            Kind::ListViewed => "list_viewed",
            Kind::ServiceViewed => "service_viewed",
            Kind::Searched => "searched",
            Kind::Wishlisted => "wishlisted",
            Kind::CartAdded => "cart_added",
            Kind::CheckoutStarted => "checkout_started",
            Kind::ContactEntered => "contact_entered",
            Kind::ShippingEntered => "shipping_entered",
            Kind::PaymentEntered => "payment_entered",
            Kind::Ordered => "ordered",
            Kind::SignedUp => "signed_up",
            Kind::Subscribed => "subscribed",
            Kind::Requested => "requested",
            Kind::Paid => "paid",
            Kind::FormSubmitted => "form_submitted",
            Kind::Downloaded => "downloaded",
            Kind::VideoPlayed => "video_played",
            Kind::VideoCompleted => "video_completed",
            Kind::Scrolled => "scrolled",
            Kind::Stayed => "stayed",
            Kind::Shared => "shared",
            Kind::Commented => "commented",
            Kind::Copied => "copied",
            Kind::CallClicked => "call_clicked",
            Kind::Called => "called",
            Kind::DirectionsClicked => "directions_clicked",
            Kind::LinkClicked => "link_clicked",
            Kind::PageSpeed => "page_speed",
            Kind::Custom => "custom",
        }
    }

    pub fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What the event's `number` counts; `None` where it has none.
    pub fn unit(self) -> Option<Unit> {
        match self {
            Kind::Scrolled | Kind::VideoPlayed => Some(Unit::PerCent),
            Kind::Stayed | Kind::Called => Some(Unit::Seconds),
            Kind::PageSpeed => Some(Unit::Milliseconds),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    PerCent,
    Seconds,
    Milliseconds,
}

impl Unit {
    /// More says that something was measured wrong.
    pub fn most(self) -> i64 {
        match self {
            Unit::PerCent => 100,
            Unit::Seconds => 4 * 60 * 60,
            Unit::Milliseconds => 10 * 60 * 1000,
        }
    }
}

/// Through which door it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    Pixel,
    /// A server or an app of the shop, with a token.
    Server,
}

impl ToldBy {
    pub const ALL: [ToldBy; 2] = [ToldBy::Pixel, ToldBy::Server];

    pub fn name(self) -> &'static str {
        match self {
            ToldBy::Pixel => "pixel",
            ToldBy::Server => "server",
        }
    }
}

/// A visitor: the keyed hash of an anonymous id.
pub type Visitor = [u8; 16];

/// One event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteEvent {
    pub id: SiteEventId,
    pub kind: Kind,
    pub at: Time,
    pub visitor: Visitor,
    /// What it was done to: a file, a form, a search, a link. "" for nothing in particular.
    pub target: String,
    pub product: String,
    /// The path, without what may name somebody.
    pub page: String,
    pub visit: Visit,
    /// One of `facet::DEVICES`; "" from a server.
    pub device: String,
    /// ISO 3166-1 alpha-2, as the browser's language says; "" where it does not.
    pub country: String,
    pub number: i64,
    pub value: Option<Money>,
    /// The shop's own id or number of the order.
    pub order: String,
    /// How it was paid, in the shop's own word.
    pub payment: String,
    pub told_by: ToldBy,
}

/// Why events were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// A program's, by its own name or because it was not looking.
    Bot,
    /// From a page of another site.
    OtherSite,
    TooMany,
    Unreadable,
}

impl Dropped {
    pub const ALL: [Dropped; 4] = [Dropped::Bot, Dropped::OtherSite, Dropped::TooMany, Dropped::Unreadable];

    pub fn name(self) -> &'static str {
        match self {
            Dropped::Bot => "bot",
            Dropped::OtherSite => "other_site",
            Dropped::TooMany => "too_many",
            Dropped::Unreadable => "unreadable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.name()), Some(kind));
        }
        assert_eq!(Kind::parse("bought"), None);
    }
}

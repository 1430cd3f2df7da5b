//! Shops: one file per platform. How to add one: write `shop/x.rs` with a unit struct that implements `Shop`, add
//! `mod x;` and `&x::X` to `ALL` below. The form, the validation, the help page and the contract tests follow from its
//! `Spec`.
//!
//! A connector is pure: bytes in, events out; settings in, requests out. It never reads the clock, the database or the
//! network.
//!
//! # Every platform
#![doc = include_str!("kinds.md")]

use std::{collections::BTreeMap, time::Duration};

use crate::{
    domain::{
        connector::{Accepted, Delivery, Refusal, Settings, Spec, Unreadable},
        discount::NewCode,
        event::{OrderUpdate, ShopEvent, ShopFacts},
        rehearsal::{Act, Visit},
        time::Time,
    },
    http::{Request, Response},
};

mod adobe;
mod bigcommerce;
mod cashfree;
mod ecwid;
mod generic;
pub mod hosts;
pub mod json;
mod magento;
mod mapped;
mod medusa;
mod prestashop;
pub mod pull;
mod razorpay;
mod saleor;
mod shopify;
mod shopware;
mod squarespace;
mod vendure;
mod wix;
mod woocommerce;

pub use crate::domain::standard_webhooks;

/// One topic of webhooks, to be asked for.
#[derive(Debug)]
pub struct Subscription {
    /// As the platform's people call it.
    pub topic: &'static str,
    /// Asks for it; asking again changes nothing.
    pub request: Request,
}

/// What goes with an owner to the page where they let us in.
#[derive(Clone, Copy)]
pub struct Approval<'a> {
    /// Comes back with the keys, once; letters, digits, `-` and `_`.
    pub state: &'a str,
    /// Where the platform posts the keys.
    pub callback_url: &'a str,
    /// Where the owner is led afterwards.
    pub return_url: &'a str,
}

/// What is asked of a platform once its owner's browser came back with a code.
pub struct Exchange {
    /// As it went out with the owner: not yet believed.
    pub state: String,
    pub request: Request,
}

/// What a platform hands over once its owner said yes. Not yet believed: that is for the state to say.
pub struct Approved {
    pub state: String,
    /// Settings of the connector, secrets among them.
    pub settings: BTreeMap<String, String>,
}

/// The key of calls to a shop's API, where the platform gives it for a while only. The service keeps it in memory, asks
/// for the next one in time, and hands it to the connector as the setting `TOKEN`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub value: String,
    pub lasts: Duration,
}

/// The setting under which a connector finds such a token.
pub const TOKEN: &str = "token";

/// A part of the self-test's visit as a platform tells of it.
pub enum Rehearsed {
    /// By a webhook that says it all.
    Posted(Delivery),
    /// By a webhook that only points at it, and what is then fetched. `None` where only the platform can sign.
    Fetched { pointer: Option<Delivery>, whole: pull::Pulled },
}

/// What became of asking a shop to make a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is there, under this name of the shop's own.
    Done { id: String },
    /// There is one of this name already: ours, if we asked before and did not hear; else somebody else's.
    Exists,
    /// Asking again will not help before somebody mends it: words for the shopkeeper.
    Refused(String),
    /// Not now, or nobody knows: asking again is safe.
    Later(String),
}

/// What stands in the shop under a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The one that carries our note.
    Ours {
        id: String,
    },
    /// One that somebody else made.
    Foreign,
    Nothing,
    Refused(String),
    Later(String),
}

/// What became of asking a shop to remove a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is not there (any more).
    Gone,
    Refused(String),
    Later(String),
}

/// One shop platform.
pub trait Shop: Send + Sync {
    fn spec(&self) -> &'static Spec;

    /// Is this delivery from the shop? Constant time in the secret; over the raw bytes. `received_at` is our clock.
    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal>;

    /// A request for the keys that prove this delivery, where the platform publishes and changes them. The settings decide
    /// whom to ask, or the platform's own hosts; never the delivery alone.
    fn ask_keys(&self, _settings: &Settings, _delivery: &Delivery) -> Option<Request> {
        None
    }

    /// As `verify`, by what was published there: called instead of it where `ask_keys` asked.
    fn verify_by(&self, settings: &Settings, _keys: &Response, delivery: &Delivery) -> Result<Accepted, Refusal> {
        self.verify(settings, delivery)
    }

    /// A request for a token, where calls of the API need one that does not last; every other request then finds it among
    /// its settings as `TOKEN`. None where there is nothing to ask for one with.
    fn ask_token(&self, _settings: &Settings) -> Option<Request> {
        None
    }

    fn token(&self, _answer: &Response) -> Result<Token, pull::NotPulled> {
        Err(pull::NotPulled::Refused("this platform gives no tokens".into()))
    }

    /// A request for what a delivery of this topic only points at; None where it says all there is. An error is what stands
    /// in the way, in words for the shopkeeper.
    fn ask_whole(&self, _settings: &Settings, _topic: &str, _delivery: &Delivery) -> Result<Option<Request>, String> {
        Ok(None)
    }

    /// What that request was answered, as bodies that `read` understands under their topics; none where it is gone there.
    fn whole(
        &self,
        _settings: &Settings,
        _topic: &str,
        _delivery: &Delivery,
        _answer: &Response,
    ) -> Result<Vec<pull::Pulled>, pull::NotPulled> {
        Ok(Vec::new())
    }

    /// Turns a verified delivery of this topic into facts. An unknown topic is no events; what cannot be read is an
    /// error that keeps the bytes for a replay.
    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable>;

    /// Hosts a recovery link may lead to; empty where the shop's signature on the link is proof enough.
    fn hosts(&self, _settings: &Settings) -> Vec<String> {
        Vec::new()
    }

    /// A script to paste into the platform's own place for such, where `{door}` stands for the address of our door. The
    /// platform runs it in a frame without an origin, so that the origin says nothing of it. `None` where the one line in
    /// every page is all there is.
    fn framed_pixel(&self) -> Option<&'static str> {
        None
    }

    /// The host of the shop's front door, where a link leads that has nothing left to recover.
    fn home(&self, settings: &Settings) -> Option<String>;

    /// Query parameters that make the shop apply a discount code to a recovery URL.
    fn discount_query(&self, _code: &str) -> Option<(&'static str, String)> {
        None
    }

    /// A request that makes this code in the shop, good for one order. None where the platform cannot, or nobody gave us
    /// a key for it; an error is a setting or a plan that stands in the way, in words for the shopkeeper.
    fn make_code(&self, _settings: &Settings, _new: &NewCode) -> Result<Option<Request>, String> {
        Ok(None)
    }

    fn made_code(&self, _answer: &Response) -> Made {
        Made::Refused("this platform cannot make codes for us".into())
    }

    /// A request that looks a code up by its name; changes nothing.
    fn find_code(&self, _settings: &Settings, _code: &str) -> Option<Request> {
        None
    }

    /// What stands there; `note` is the note of the code we asked for ([`NewCode::note`]).
    fn found_code(&self, _answer: &Response, _note: &str) -> Found {
        Found::Refused("this platform cannot find codes for us".into())
    }

    /// A request that removes what `Made::Done` or `Found::Ours` named; again changes nothing.
    fn remove_code(&self, _settings: &Settings, _id: &str) -> Option<Request> {
        None
    }

    fn removed_code(&self, _answer: &Response) -> Removed {
        Removed::Refused("this platform cannot remove codes for us".into())
    }

    /// A request for a page of orders, from this place on; the first page without one. None where the platform lets nobody
    /// fetch orders, or nobody gave us a key for it; an error is what stands in the way, in words for the shopkeeper.
    fn ask_orders(
        &self,
        _settings: &Settings,
        _wanted: &pull::Wanted,
        _cursor: Option<&str>,
    ) -> Result<Option<Request>, String> {
        Ok(None)
    }

    /// What the answer to that request, asked from that place on, holds.
    fn orders(&self, _answer: &Response, _cursor: Option<&str>) -> Result<pull::Page, pull::NotPulled> {
        Err(pull::NotPulled::Refused("this platform does not let orders be fetched".into()))
    }

    /// A request for a page of the carts that changed since this moment, from this place on; the first page without one.
    /// None where carts cannot be fetched. An error is what stands in the way, in words for the shopkeeper.
    fn ask_carts(&self, _settings: &Settings, _since: Time, _cursor: Option<&str>) -> Result<Option<Request>, String> {
        Ok(None)
    }

    /// What the answer to that request, asked from that place on, holds.
    fn carts(
        &self,
        _settings: &Settings,
        _answer: &Response,
        _cursor: Option<&str>,
    ) -> Result<pull::Page, pull::NotPulled> {
        Err(pull::NotPulled::Refused("this platform does not let carts be fetched".into()))
    }

    /// Whether the platform tells nothing by itself with these settings, so that carts and orders are asked for again and
    /// again.
    fn is_silent(&self, _settings: &Settings) -> bool {
        false
    }

    /// The order's page in the shop's own pages, for who works there.
    fn order_page(&self, _settings: &Settings, _external_id: &str) -> Option<String> {
        None
    }

    /// The self-test's visit as this platform would tell of it, signed with these settings: `verify` takes it, and `read`
    /// makes of it a cart that can be texted, its order, a refund.
    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed;

    /// The page of the shop's own where its owner lets us in, so that no key is typed; `None` where keys are typed by hand.
    /// An error is a setting that stands in the way, in words for the shopkeeper.
    fn approval_url(&self, _settings: &Settings, _approval: &Approval) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// What the platform posted once the owner said yes; `None` where none does. `drawn` is random, for a secret that both
    /// sides need and nobody has typed. An error says what the body lacks and quotes nothing of it.
    fn approved(&self, _settings: &Settings, _body: &[u8], _drawn: [u8; 32]) -> Result<Option<Approved>, String> {
        Ok(None)
    }

    /// A request that turns what the owner's browser brought back from that page into keys, where the platform gives it a
    /// code instead of posting keys itself; `None` where it does not. An error says what is wrong with it and quotes nothing.
    fn exchange(&self, _settings: &Settings, _delivery: &Delivery) -> Result<Option<Exchange>, String> {
        Ok(None)
    }

    /// The settings that request's answer holds. An error is words for the shopkeeper.
    fn exchanged(&self, _answer: &Response) -> Result<BTreeMap<String, String>, String> {
        Err("this platform exchanges nothing".into())
    }

    /// Whether asking again for a webhook that is there would make a second one. Such a platform can be asked what is there.
    fn doubles_subscriptions(&self) -> bool {
        false
    }

    /// Requests that make the platform send its webhooks to this URL; none where they are made by hand. An error is a
    /// setting that stands in the way, in words for the shopkeeper.
    fn subscribe(&self, _settings: &Settings, _webhook_url: &str) -> Result<Vec<Subscription>, String> {
        Ok(Vec::new())
    }

    /// A request that tells which webhooks the platform sends; none where it cannot be asked. An error is words for the
    /// shopkeeper.
    fn ask_subscriptions(&self, _settings: &Settings) -> Result<Option<Request>, String> {
        Ok(None)
    }

    /// The topics that go to this URL by the answer to that request.
    fn subscriptions(&self, _answer: &Response, _webhook_url: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    /// Requests that switch on again what the platform switched off by itself, of those the answer to `ask_subscriptions`
    /// lists. They are answered as `subscribe`'s are.
    fn wake_subscriptions(&self, _settings: &Settings, _answer: &Response, _webhook_url: &str) -> Vec<Subscription> {
        Vec::new()
    }

    /// A webhook that was not taken is not sent again, so orders are fetched by the clock too.
    fn loses_webhooks(&self) -> bool {
        false
    }

    /// What the answer to one of these requests means. An error is words for the shopkeeper.
    fn subscribed(&self, _answer: &Response) -> Result<(), String> {
        Err("this platform's webhooks are made by hand".into())
    }
}

pub const ALL: &[&dyn Shop] = &[
    &shopify::Shopify,
    &woocommerce::WooCommerce,
    &bigcommerce::BigCommerce,
    &adobe::Adobe,
    &magento::Magento,
    &shopware::Shopware,
    &prestashop::PRESTASHOP,
    &wix::Wix,
    &squarespace::Squarespace,
    &ecwid::Ecwid,
    &saleor::Saleor,
    &medusa::MEDUSA,
    &vendure::VENDURE,
    &razorpay::Razorpay,
    &cashfree::Cashfree,
    &mapped::Mapped,
    &generic::Generic,
];

pub fn by_kind(kind: &str) -> Option<&'static dyn Shop> {
    ALL.iter().copied().find(|shop| shop.spec().kind == kind)
}

/// What stands before the topic of a delivery that we fetched ourselves: it is read like any other, and never counts as
/// a webhook that arrived.
pub const PULLED: &str = "pulled/";
/// The topic of an order that came in a file, in our own format, whatever the shop's kind.
pub const FROM_FILE: &str = "pulled/order.upserted";

/// The body of an order that came in a file, for `FROM_FILE`.
pub fn write_order(order: &OrderUpdate) -> Vec<u8> {
    generic::written(order)
}

/// What a kept delivery of a shop says, however it came.
pub fn read(kind: &dyn Shop, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
    match topic.strip_prefix(PULLED) {
        Some(_) if topic == FROM_FILE => generic::Generic.read(shop, "order.upserted", delivery),
        Some(topic) => kind.read(shop, topic, delivery),
        None => kind.read(shop, topic, delivery),
    }
}

#[cfg(test)]
mod tests;

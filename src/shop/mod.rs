//! Shops: one file per platform. How to add one: write `shop/x.rs` with a unit struct that implements `Shop`, add
//! `mod x;` and `&x::X` to `ALL` below. The form, the validation, the help page and the contract tests follow from its
//! `Spec`.
//!
//! A connector is pure: bytes in, events out; settings in, requests out. It never reads the clock, the database or the
//! network.

use std::collections::BTreeMap;

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

pub mod pull;
mod generic;
pub mod hosts;
pub mod json;
mod shopify;
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

/// What a platform hands over once its owner said yes. Not yet believed: that is for the state to say.
pub struct Approved {
    pub state: String,
    /// Settings of the connector, secrets among them.
    pub settings: BTreeMap<String, String>,
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

    /// The order's page in the shop's own pages, for who works there.
    fn order_page(&self, _settings: &Settings, _external_id: &str) -> Option<String> {
        None
    }

    /// The self-test's visit as this platform would tell of it, signed with these settings: `verify` takes it, and `read`
    /// makes of it a cart that can be texted, its order, a refund.
    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Delivery;

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

    /// What the answer to one of these requests means. An error is words for the shopkeeper.
    fn subscribed(&self, _answer: &Response) -> Result<(), String> {
        Err("this platform's webhooks are made by hand".into())
    }
}

pub const ALL: &[&dyn Shop] = &[&shopify::Shopify, &woocommerce::WooCommerce, &generic::Generic];

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

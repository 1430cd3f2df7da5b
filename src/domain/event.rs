//! `ShopEvent`: what a shop's webhook says, in our words. Connectors turn bytes into these; `pipeline::ingest` applies
//! them. Every event is a statement of fact that may arrive twice, late or out of order: applying a set of them in any
//! order ends in the same state.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    connector::Settings,
    discount::TakenOff,
    money::{Currency, Money},
    time::Time,
};

/// A fact a shop told us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShopEvent {
    /// The whole state of an unfinished checkout: the newest `updated_at` wins as a whole.
    Cart(Box<CartUpdate>),
    /// The checkout with this token was deleted by the buyer or the shop.
    CartDeleted {
        token: String,
        at: Time,
    },
    /// The whole state of an order: the newest `updated_at` wins, refunds are a union, cancellation latches.
    Order(Box<OrderUpdate>),
    /// Refunds of an order we may not have seen yet.
    Refunds {
        order: String,
        refunds: Vec<Refund>,
    },
    Consent(Box<ConsentUpdate>),
    /// Erase everything about this person (GDPR).
    Redact(Identity),
    /// The person asks what we hold; the operator is told.
    DataRequest(Identity),
    /// The shop removed us: stop texting at once.
    Uninstalled {
        at: Time,
    },
    /// Erase the whole shop.
    ShopRedact,
    /// A test button was pressed: shown in the dashboard, changes nothing.
    Test,
}

/// Who a cart or an order belongs to. Any one of them may link the two.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// The shop's customer id; never "0" or a guest's placeholder.
    pub customer: Option<String>,
    /// As typed; normalised by `Identity::email_key`.
    pub email: Option<String>,
    /// As typed, most trusted first, each with the country to read it in.
    pub phones: Vec<TypedPhone>,
}

/// A number as a shopper typed it, with the country of the address it stood in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedPhone {
    pub number: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
}

impl Identity {
    /// The e-mail in the form two spellings of it share: trimmed, lower case. `None` without an `@`.
    pub fn email_key(&self) -> Option<String> {
        let email = self.email.as_deref()?.trim().to_lowercase();
        (email.contains('@') && email.len() <= 254).then_some(email)
    }
}

/// A checkout that is not an order yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartUpdate {
    /// The shop's stable name for this checkout (Shopify: `token`).
    pub token: String,
    /// A second name that orders may carry (Shopify: `cart_token`).
    pub cart_token: Option<String>,
    pub who: Identity,
    pub first_name: Option<String>,
    /// The address's country (ISO 3166-1 alpha-2) and region (ISO 3166-2 without the country), upper case.
    pub country: Option<String>,
    pub region: Option<String>,
    /// An IANA zone the browser told.
    pub zone: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    pub total: Option<Money>,
    pub items: Vec<Item>,
    /// Where the shopper can finish. A bearer secret: encrypted at rest, never logged.
    pub recovery_url: Option<String>,
    /// SMS consent told together with the checkout.
    pub consent: Option<ConsentGiven>,
    pub started_at: Option<Time>,
    pub updated_at: Time,
    /// The shop itself says this checkout became an order.
    pub completed_at: Option<Time>,
    pub channel: Channel,
    /// The address the shopper came from, where the shop tells. Counted by its network only (`risk::ip_key`).
    #[serde(default)]
    pub browser_ip: Option<String>,
    /// The shop writes it down in one go when the shopper is done, so that its times do not tell how long that took.
    #[serde(default)]
    pub written_at_once: bool,
    /// Of the customer or the checkout, as the shop tells them; at most `TAGS_MOST`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where it came from, in the shop's own word: a sales channel, a campaign.
    #[serde(default)]
    pub source: Option<String>,
    pub test: bool,
}

/// More tags of one checkout are not kept.
pub const TAGS_MOST: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub title: String,
    pub quantity: u32,
    pub price: Option<Money>,
}

/// Where an order or a cart was made. Only `Web` can be recovered; all of them stop the texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    #[default]
    Web,
    PointOfSale,
    /// Typed in by the shop's staff, or by another system.
    Staff,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderUpdate {
    /// The shop's id, as text: it may have 18 digits.
    pub external_id: String,
    /// What people call it (`#1093`).
    pub number: String,
    pub who: Identity,
    /// The checkout it came from, by either of its names.
    pub cart_tokens: Vec<String>,
    /// Recovery tokens of ours that the order carried back (landing page, notes, metadata).
    pub recovery_tokens: Vec<String>,
    pub codes: Vec<String>,
    /// What each code took off, where the shop tells.
    #[serde(default)]
    pub discounts: Vec<TakenOff>,
    pub total: Money,
    /// `None` while it does not count as bought (WooCommerce: pending, failed, checkout-draft).
    pub placed_at: Option<Time>,
    pub updated_at: Time,
    pub cancelled_at: Option<Time>,
    pub refunds: Vec<Refund>,
    pub channel: Channel,
    /// How it was paid, in the shop's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// What its goods cost the shop, where the order carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    pub test: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// One that begins with `net_ledger::CHARGEBACK` is a chargeback.
    pub external_id: String,
    /// What went back to the buyer, positive.
    pub amount: Money,
    pub at: Time,
}

/// A statement about SMS consent that came with a checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentGiven {
    /// The number it was given for; `None` means the checkout's own.
    pub phone: Option<TypedPhone>,
    pub state: ConsentState,
    pub proof: ConsentProof,
}

/// A statement about SMS consent on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentUpdate {
    pub customer: Option<String>,
    pub phone: TypedPhone,
    pub state: ConsentState,
    pub at: Time,
    pub proof: ConsentProof,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    Granted,
    /// Asked for, not confirmed (double opt-in under way).
    Pending,
    /// Taken back: counts as an opt-out.
    Withdrawn,
    /// Never given. Not an opt-out.
    NotGiven,
    /// The person took an opt-out back (START): what was granted before it counts again. No consent by itself.
    Restored,
}

/// What stands behind a consent, as far as the source tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsentProof {
    /// Which system says so (`shopify`, `cartback-woocommerce`, …).
    pub source: String,
    /// `single_opt_in`, `confirmed_opt_in` or what the source calls it.
    pub level: Option<String>,
    /// The words next to the box, and which version of them.
    pub text: Option<String>,
    pub version: Option<String>,
    /// When the person said so, where the source tells it apart from the rest.
    pub given_at: Option<Time>,
    pub url: Option<String>,
    pub language: Option<String>,
    pub ip: Option<String>,
    pub agent: Option<String>,
    /// How the box stood before the person touched it: `unticked`, `ticked`.
    pub box_state: Option<String>,
    /// The reply that said so, where it was one (`YES` to a request, `START`).
    pub reply: Option<ReplyProof>,
}

/// A reply as the proof of a consent.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplyProof {
    /// Word for word, as it arrived.
    pub text: String,
    pub received_at: Time,
    /// The gateway's own name for it, where it tells one.
    pub gateway_ref: Option<String>,
    /// Our number for the gateway account that heard it.
    pub gateway: i64,
    /// The request it answers: our message, and the words it had.
    pub request: Option<i64>,
    pub request_text: Option<String>,
}

/// A fixed line in the middle of personal data would be worse than none: `Debug` says only what is there.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("customer", &self.customer.is_some())
            .field("email", &self.email.is_some())
            .field("phones", &self.phones.len())
            .finish()
    }
}

impl fmt::Debug for ReplyProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyProof({} characters)", self.text.chars().count())
    }
}

impl fmt::Debug for TypedPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedPhone({} characters, {:?})", self.number.chars().count(), self.country)
    }
}

/// What a connector may need to know of the shop to read what it tells.
#[derive(Clone, Debug)]
pub struct ShopFacts {
    pub country: String,
    pub currency: Currency,
    /// Of the connection: a form may say where things stand.
    pub settings: Settings,
}

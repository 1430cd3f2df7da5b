//! A message: one text to one phone, at most once per (purpose, cart or other occasion, step). Its state is derived from what happened to it, never
//! stored; each fact, once known, stays.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    id::{MessageId, ShopId},
    phone::Phone,
    sms::Encoding,
    time::Time,
};

/// Our own name for a message at a gateway: `{shop}.{message}`. It travels in callback URLs and client references, so
/// that a receipt finds its message even when the answer to the send was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageRef {
    pub shop: ShopId,
    pub message: MessageId,
}

impl fmt::Display for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.shop, self.message)
    }
}

impl FromStr for MessageRef {
    type Err = ();
    fn from_str(text: &str) -> Result<MessageRef, ()> {
        let (shop, message) = text.split_once('.').ok_or(())?;
        Ok(MessageRef { shop: shop.parse().map_err(|_| ())?, message: message.parse().map_err(|_| ())? })
    }
}

/// What a text is for. Only reminders may earn credit, count as texts of a cart and are held by caps; the others are the
/// service speaking for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Reminder,
    /// Asks a person to confirm that texts are wanted (double opt-in), for a cart.
    Confirmation,
    /// The one reminder of that request.
    ConfirmationAgain,
    /// Answers a reply: stopped, started, confirmed, help.
    Answer,
    /// The shopkeeper's own phone.
    Test,
}

impl Purpose {
    pub const ALL: [Purpose; 5] =
        [Purpose::Reminder, Purpose::Confirmation, Purpose::ConfirmationAgain, Purpose::Answer, Purpose::Test];

    pub fn name(self) -> &'static str {
        match self {
            Purpose::Reminder => "reminder",
            Purpose::Confirmation => "confirmation",
            Purpose::ConfirmationAgain => "confirmation_again",
            Purpose::Answer => "answer",
            Purpose::Test => "test",
        }
    }

    /// Whether what it is about is a cart.
    pub fn is_of_cart(self) -> bool {
        matches!(self, Purpose::Reminder | Purpose::Confirmation | Purpose::ConfirmationAgain)
    }
}

/// A text on its way out. `Debug` shows neither the number nor the words.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub reference: MessageRef,
    pub to: Phone,
    pub text: String,
    pub encoding: Encoding,
    /// The gateway must not deliver it later than this long from now.
    pub valid_for: Duration,
    /// Where receipts go: our public address with the reference in its query. `None` when we have no public address.
    pub callback_url: Option<String>,
    /// When the attempt was made; a look-up searches from here.
    pub attempted_at: Time,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({})", self.reference)
    }
}

/// What became of one attempt to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The gateway has it. `reference` is the gateway's own id, where it tells one.
    Accepted { reference: Option<String>, segments: Option<u32>, cost: Option<Cost> },
    /// It will not be sent.
    Refused { class: RefusalClass, code: String },
    /// It provably did not leave, and may be tried again (after `after`, where the gateway said so).
    Later { why: String, after: Option<Duration> },
    /// It may have left. Never sent again by itself.
    Unknown { why: String },
}

/// Why a gateway refused, in classes that call for different acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalClass {
    /// The person opted out at the gateway: recorded as an opt-out.
    OptedOut,
    /// The number cannot receive texts.
    Number,
    /// The words were filtered.
    Content,
    /// Credentials, credit or sender: the gateway is paused and one alarm raised.
    Account,
    /// Anything else that will not get better by itself.
    Other,
}

impl RefusalClass {
    pub fn name(self) -> &'static str {
        match self {
            RefusalClass::OptedOut => "opted_out",
            RefusalClass::Number => "number",
            RefusalClass::Content => "content",
            RefusalClass::Account => "account",
            RefusalClass::Other => "other",
        }
    }
}

/// What a text cost, in millionths of the currency's major unit: prices have four digits and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub micros: i64,
    pub currency: super::money::Currency,
}

impl std::fmt::Display for Cost {
    /// `12.40 EUR`, `0.0083 USD`: exact, with two digits at least.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.micros.unsigned_abs();
        let fraction = format!("{:06}", micros % 1_000_000);
        let (cents, rest) = fraction.split_at(2);
        let sign = if self.micros < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{cents}{} {}", micros / 1_000_000, rest.trim_end_matches('0'), self.currency)
    }
}

/// What a gateway's callback says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayEvent {
    Receipt(Receipt),
    Reply(Reply),
    /// Only from gateways that hand over long texts part by part.
    Part(Part),
}

/// One part of a long text from a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The part as if it were a text of its own.
    pub reply: Reply,
    /// What the provider calls the text it is a part of; used again and again, also for the same number.
    pub name: String,
    /// 1 ..= `total`.
    pub number: u32,
    /// 2 ..= 255.
    pub total: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// `None` when the callback carries no reference of ours; then `gateway_ref` must find it.
    pub reference: Option<MessageRef>,
    pub gateway_ref: Option<String>,
    pub status: ReceiptStatus,
    /// The provider's code, for people.
    pub code: Option<String>,
    pub class: Option<RefusalClass>,
    pub cost: Option<Cost>,
    pub segments: Option<u32>,
}

/// In the order a text goes through them; a receipt never moves a message back (gateways.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptStatus {
    /// The gateway or the carrier has it; proof that it left.
    Accepted,
    Delivered,
    Undelivered,
    Expired,
    Rejected,
    /// A word we do not know: kept, changes nothing.
    Unknown,
}

/// A text a person sent to us.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// As the gateway wrote it, with its `+` where that was lost.
    pub from: String,
    pub to: String,
    pub text: String,
    /// The gateway's own id, to apply it once.
    pub gateway_ref: String,
    /// The gateway has answered it by itself, as some do with STOP, START and HELP: we do not answer again.
    pub answered: bool,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} characters)", self.text.chars().count())
    }
}

/// The moments of a message's life; each is set once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    pub sending_at: Option<Time>,
    pub accepted_at: Option<Time>,
    pub refused_at: Option<Time>,
    pub unknown_at: Option<Time>,
    pub delivered_at: Option<Time>,
    pub undelivered_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    pub expired_at: Option<Time>,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageState {
    Queued,
    Sending,
    Unknown,
    Accepted,
    Delivered,
    Undelivered,
    Refused,
    Cancelled,
    Expired,
}

impl MessageState {
    pub const ALL: [MessageState; 9] = [
        MessageState::Queued,
        MessageState::Sending,
        MessageState::Unknown,
        MessageState::Accepted,
        MessageState::Delivered,
        MessageState::Undelivered,
        MessageState::Refused,
        MessageState::Cancelled,
        MessageState::Expired,
    ];

    pub fn name(self) -> &'static str {
        match self {
            MessageState::Queued => "queued",
            MessageState::Sending => "sending",
            MessageState::Unknown => "unknown",
            MessageState::Accepted => "accepted",
            MessageState::Delivered => "delivered",
            MessageState::Undelivered => "undelivered",
            MessageState::Refused => "refused",
            MessageState::Cancelled => "cancelled",
            MessageState::Expired => "expired",
        }
    }
}

impl Moments {
    /// The state these moments amount to. A delivery wins over any earlier bad news; proof that it left wins over not
    /// knowing.
    pub fn state(&self) -> MessageState {
        if self.delivered_at.is_some() {
            MessageState::Delivered
        } else if self.undelivered_at.is_some() {
            MessageState::Undelivered
        } else if self.accepted_at.is_some() {
            MessageState::Accepted
        } else if self.refused_at.is_some() {
            MessageState::Refused
        } else if self.cancelled_at.is_some() {
            MessageState::Cancelled
        } else if self.expired_at.is_some() {
            MessageState::Expired
        } else if self.unknown_at.is_some() {
            MessageState::Unknown
        } else if self.sending_at.is_some() {
            MessageState::Sending
        } else {
            MessageState::Queued
        }
    }

    /// Whether the shopper may have this text: it left, or we cannot say that it did not.
    pub fn may_have_left(&self) -> bool {
        matches!(
            self.state(),
            MessageState::Sending
                | MessageState::Unknown
                | MessageState::Accepted
                | MessageState::Delivered
                | MessageState::Undelivered
        )
    }

    /// Applies a receipt. Times are those of arrival; the first final report stays, except that a late `delivered` is
    /// believed over an `expired`.
    pub fn settle(&mut self, status: ReceiptStatus, at: Time) {
        if status == ReceiptStatus::Unknown {
            return;
        }
        // Any report at all proves that the text left, and it left when it was handed over.
        self.accepted_at.get_or_insert(self.sending_at.unwrap_or(at));
        match status {
            ReceiptStatus::Delivered if self.undelivered_at.is_none() || self.expired_at.is_some() => {
                self.delivered_at.get_or_insert(at);
            }
            ReceiptStatus::Undelivered | ReceiptStatus::Rejected if self.delivered_at.is_none() => {
                self.undelivered_at.get_or_insert(at);
            }
            ReceiptStatus::Expired if self.delivered_at.is_none() && self.undelivered_at.is_none() => {
                self.undelivered_at = Some(at);
                self.expired_at.get_or_insert(at);
            }
            _ => {}
        }
    }
}

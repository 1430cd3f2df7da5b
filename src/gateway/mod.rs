//! Gateways: one file per SMS provider. How to add one: write `gateway/x.rs` with a unit struct that implements
//! `Gateway`, add `mod x;` and `&x::X` to `ALL` below. The form, the page, the validation and the contract tests follow
//! from its `Spec` and from what it says it `can`.
//!
//! What providers share on the wire (forms, lost plus signs, waiting times) is in `wire`, what their signatures share in
//! `signed`, what their tests share in `stage`.
//!
//! A connector is pure: message in, request out; answer in, outcome out. `pipeline::send` does the talking. The one rule
//! that matters more than any other: an outcome is `Later` only when the text provably did not leave, `Unknown` whenever
//! it may have.
//!
//! # Every provider
#![doc = include_str!("kinds.md")]

use crate::{
    domain::{
        connector::{Accepted, Delivery, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, SendOutcome},
        phone::Phone,
    },
    http::{HttpError, Request, Response},
};

mod aws;
mod bird;
mod clicksend;
mod elks;
mod generic;
mod infobip;
mod jasmin;
mod kannel;
mod log;
mod messagebird;
mod plivo;
mod signed;
pub mod sending;
mod sinch;
pub mod smpp;
mod telnyx;
mod textmagic;
mod twilio;
mod vonage;
mod vonagemessages;
pub mod voice;
mod wire;

/// How a text leaves.
#[derive(Debug)]
pub enum Dispatch {
    /// By this HTTP request.
    Http(Request),
    /// It does not leave: the text is kept where the demo's phone can read it.
    Keep,
}

/// What the gateway expects as the answer to its callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallbackAnswer {
    pub content_type: &'static str,
    pub body: &'static str,
}

/// What a look-up after an unknown outcome found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// It did leave.
    Found(Box<GatewayEvent>),
    /// The gateway's list, long enough to be sure, does not have it. The message stays unknown, with this said.
    Absent,
    /// No usable answer: ask again later.
    Unclear,
}

/// What a text cost, told afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced {
    pub cost: Cost,
    pub segments: Option<u32>,
}

/// What became of asking a provider to forget a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// It is forgotten, or was not there.
    Done,
    /// Not now: a text on its way, a busy or broken service.
    Later,
    /// It never will.
    Refused,
}

/// What a provider can do, as its page tells people and as the contract tests hold it to.
#[derive(Debug)]
pub struct Can {
    pub proof: Proof,
    /// Texts that people send back reach us.
    pub replies: bool,
    /// It tells when a person is opted out on its side.
    pub tells_opt_outs: bool,
    /// It can be asked whether a text of unknown outcome left (`look_up`).
    pub look_up: bool,
    pub price: Price,
    /// It drops a text that waited longer than it was told to let it.
    pub validity: bool,
    /// It forgets a text when it is asked to (`redact`).
    pub redacts: bool,
}

impl Can {
    /// Sends, and nothing else; the rest by struct update.
    pub const SEND: Can = Can {
        proof: Proof::Path,
        replies: false,
        tells_opt_outs: false,
        look_up: false,
        price: Price::Never,
        validity: false,
        redacts: false,
    };

    /// The same in sentences, for people.
    pub fn said(&self) -> Vec<&'static str> {
        let proof = match self.proof {
            Proof::Signed => "Receipts and replies are signed, and what is forged is turned away.",
            Proof::SignedOnceSet => {
                "Receipts and replies are checked by their signature once its key is set here; until then the secret in their address is the proof."
            }
            Proof::Path => "Receipts and replies are not signed: the secret in their address is the proof.",
        };
        let replies = match self.replies {
            true => "Replies reach Cartback, a STOP among them.",
            false => "Replies do not reach Cartback, so every text needs its link to opt out.",
        };
        let look_up = match self.look_up {
            true => "A text of unknown outcome is looked up there.",
            false => "A text of unknown outcome stays so until its receipt comes; it is not sent again.",
        };
        let price = match self.price {
            Price::AtSend => "What a text costs is known when it is sent.",
            Price::InReceipt => "What a text costs comes with its receipt.",
            Price::Asked => "What a text costs is asked for once it is delivered.",
            Price::Never => "It tells no prices: what a text costs is estimated.",
        };
        let validity = match self.validity {
            true => "A text that would come too late is dropped there.",
            false => "A text cannot be told to expire there: one that waits for a phone may come late.",
        };
        let opt_outs = self.tells_opt_outs.then_some("Who is opted out on its side is opted out here too.");
        let redacts = self.redacts.then_some("When a person is erased here, it is told to forget their texts too.");
        [proof, replies, look_up, price, validity].into_iter().chain(opt_outs).chain(redacts).collect()
    }
}

/// What proves that a callback is the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A signature, always.
    Signed,
    /// A signature once its key is set here; until then the secret path.
    SignedOnceSet,
    /// Nothing is signed: the path of the address is the secret.
    Path,
}

/// When what a text cost is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// The answer to the send has it.
    AtSend,
    InReceipt,
    /// It is asked for once the text is settled.
    Asked,
    Never,
}

/// One SMS provider.
pub trait Gateway: Send + Sync {
    fn spec(&self) -> &'static Spec;

    fn can(&self) -> &'static Can;

    /// The request that sends this text.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch;

    /// What the answer to that request means; its absence means the same for all, see `no_answer`.
    fn outcome(&self, settings: &Settings, answer: &Response) -> SendOutcome;

    /// Is this callback from the gateway? Where nothing is signed, the secret path has already proved it.
    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal>;

    /// A request for the keys that prove this callback, where the provider publishes and changes them; only at the
    /// provider's own hosts.
    fn ask_keys(&self, _settings: &Settings, _delivery: &Delivery) -> Option<Request> {
        None
    }

    /// As `verify`, by what was published there: called instead of it where `ask_keys` asked.
    fn verify_by(&self, settings: &Settings, _keys: &Response, delivery: &Delivery) -> Result<Accepted, Refusal> {
        self.verify(settings, delivery)
    }

    /// Receipts and replies in a verified callback of this topic.
    fn read(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable>;

    /// The first of the senders these settings name that is a name and no number.
    fn sender_name(&self, settings: &Settings) -> Option<String> {
        settings.list("sender").find(|sender| sender.contains(char::is_alphabetic)).map(str::to_owned)
    }

    /// Whether a person can reply to the sender these settings name; a name hears nothing.
    fn hears_replies(&self, settings: &Settings) -> bool {
        self.sender_name(settings).is_none()
    }

    fn callback_answer(&self) -> CallbackAnswer {
        CallbackAnswer { content_type: "text/plain", body: "" }
    }

    /// A request that can tell whether a text of unknown outcome left; `None` where the provider has none.
    fn look_up(&self, _settings: &Settings, _sms: &Outgoing) -> Option<Request> {
        None
    }

    fn looked_up(&self, _sms: &Outgoing, _reference: &MessageRef, _answer: &Response) -> LookUp {
        LookUp::Unclear
    }

    /// A request that tells what the text of this reference of the provider's cost, where neither its answer nor its
    /// receipts do.
    fn ask_price(&self, _settings: &Settings, _gateway_ref: &str) -> Option<Request> {
        None
    }

    /// What that was answered; `None` while it is not known there.
    fn price(&self, _settings: &Settings, _answer: &Response) -> Option<Priced> {
        None
    }

    /// A request that tells what is left on the account.
    fn ask_balance(&self, _settings: &Settings) -> Option<Request> {
        None
    }

    /// What that was answered; `None` for no usable answer.
    fn balance(&self, _settings: &Settings, _answer: &Response) -> Option<Cost> {
        None
    }

    /// A request that makes the provider forget the words of a text, and its number where it can; again changes nothing.
    fn redact(&self, _settings: &Settings, _gateway_ref: &str) -> Option<Request> {
        None
    }

    /// What that was answered.
    fn redacted(&self, _answer: &Response) -> Redacted {
        Redacted::Refused
    }
}

pub const ALL: &[&dyn Gateway] = &[
    &twilio::Twilio,
    &vonage::Vonage,
    &vonagemessages::VonageMessages,
    &telnyx::Telnyx,
    &plivo::Plivo,
    &infobip::Infobip,
    &sinch::Sinch,
    &messagebird::MessageBird,
    &bird::Bird,
    &aws::Aws,
    &clicksend::ClickSend,
    &textmagic::TextMagic,
    &elks::Elks,
    &kannel::Kannel,
    &jasmin::Jasmin,
    &generic::Generic,
    &smpp::Smpp,
    &log::Log,
];

/// The sender of these settings that texts this phone, where the account has several.
pub fn sender_of<'s>(settings: &'s Settings, to: &Phone) -> &'s str {
    wire::sender(settings, to)
}

pub fn by_kind(kind: &str) -> Option<&'static dyn Gateway> {
    ALL.iter().copied().find(|gateway| gateway.spec().kind == kind)
}

/// What it means that no answer came.
pub fn no_answer(error: &HttpError) -> SendOutcome {
    use crate::domain::message::RefusalClass;
    match error {
        HttpError::NotSent(why) => SendOutcome::Later { why: why.clone(), after: None },
        HttpError::NotAllowed(why) => SendOutcome::Refused { class: RefusalClass::Account, code: why.clone() },
        HttpError::Unknown(why) => SendOutcome::Unknown { why: why.clone() },
    }
}

#[cfg(test)]
mod stage;
#[cfg(test)]
mod tests;

//! Offline sales: what somebody bought at a till, with a loyalty card or by phone after a text. Decides which text, if
//! any, went before a sale, and how a person is known again by what a till tells. A pure function of stored facts.
//!
//! - A text counts for a sale when it provably left before it, to whoever bought, and not more than [`WITHIN_MOST`]
//!   before. Nobody taps at a till: the newest such text is the one; whether its link was tapped is noted beside it.
//! - A sale whose signs lead to several people who were texted is nobody's: it is not credited.
//! - It never enters the figures of orders: it stands beside them, as what was sold offline after a text.
//!
//! Signs are plain, or hashed as advertising platforms want them: SHA-256 in hex of the lower-case address and of the
//! number in E.164, with or without its plus.

use std::{collections::BTreeSet, fmt, time::Duration};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    id::{MessageId, OrderId},
    money::Money,
    time::{DAY, HOUR, Time},
};

/// A text longer before a sale than this is not considered.
pub const WITHIN_MOST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Within so many days of a text a sale is shown as its, unless somebody asks for another span.
pub const WITHIN_DAYS: u32 = 7;
/// The spans that can be asked for, in days.
pub const WITHIN_CHOICES: [u32; 3] = [7, 14, 30];

/// Where a sale was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Pos,
    Loyalty,
    Phone,
    #[default]
    Other,
}

impl Channel {
    pub const ALL: [Channel; 4] = [Channel::Pos, Channel::Loyalty, Channel::Phone, Channel::Other];

    pub fn name(self) -> &'static str {
        match self {
            Channel::Pos => "pos",
            Channel::Loyalty => "loyalty",
            Channel::Phone => "phone",
            Channel::Other => "other",
        }
    }

    /// By our own name.
    pub fn parse(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// What a person is known by: plain where it was told plain. `Debug` tells only what is there.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signs {
    /// E.164.
    pub phone: Option<String>,
    /// Trimmed, lower case.
    pub email: Option<String>,
    pub phone_sha256: Option<Digest>,
    pub email_sha256: Option<Digest>,
}

impl Signs {
    pub fn is_empty(&self) -> bool {
        self.phone.is_none() && self.email.is_none() && self.phone_sha256.is_none() && self.email_sha256.is_none()
    }
}

impl fmt::Debug for Signs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signs")
            .field("phone", &self.phone.is_some())
            .field("email", &self.email.is_some())
            .field("phone_sha256", &self.phone_sha256.is_some())
            .field("email_sha256", &self.email_sha256.is_some())
            .finish()
    }
}

/// A SHA-256 as 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Upper or lower case; `None` for what is not 64 hex digits.
    pub fn parse(text: &str) -> Option<Digest> {
        let text = text.trim();
        let good = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| Digest(text.to_ascii_lowercase()))
    }

    fn of(text: &str) -> Digest {
        Digest(HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
    }

    pub fn hex(&self) -> &str {
        &self.0
    }
}

/// Every hash a platform would make of this number (E.164): Google's with the plus, Meta's without.
pub fn phone_digests(e164: &str) -> [Digest; 2] {
    [Digest::of(e164), Digest::of(e164.trim_start_matches('+'))]
}

/// Every hash a platform would make of this address (trimmed, lower case): as it is, and for Gmail also as Google has it,
/// without dots and without what follows a plus.
pub fn email_digests(email: &str) -> Vec<Digest> {
    let mut all = vec![Digest::of(email)];
    if let Some((name, host @ ("gmail.com" | "googlemail.com"))) = email.rsplit_once('@') {
        let bare = name.split('+').next().unwrap_or_default().replace('.', "");
        if bare != name {
            all.push(Digest::of(&format!("{bare}@{host}")));
        }
    }
    all
}

/// What tied a sale to a person, the surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    EmailSha256,
    PhoneSha256,
    Email,
    Phone,
}

impl Tie {
    /// The surest first: the order in which a sale's signs are asked.
    pub const ALL: [Tie; 4] = [Tie::Phone, Tie::Email, Tie::PhoneSha256, Tie::EmailSha256];

    pub fn name(self) -> &'static str {
        match self {
            Tie::Phone => "phone",
            Tie::Email => "email",
            Tie::PhoneSha256 => "phone_sha256",
            Tie::EmailSha256 => "email_sha256",
        }
    }
}

/// A line of a file, or one sale of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In the file, the heading being 1; in a call, from 1 on.
    pub line: u64,
    /// When it was sold; the beginning of the day where only the day was told.
    pub at: Time,
    /// Only the day was told: no text of that day is known to have gone before.
    pub whole_day: bool,
    pub total: Money,
    /// The till's own number for it; "" without one.
    pub reference: String,
    pub channel: Channel,
    /// What went back so far, in the total's currency, at most the total; `None`: nothing was told of it.
    pub refund_minor: Option<i64>,
    pub signs: Signs,
    /// Why a sign that was told is not used; "" where all are.
    pub note: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Sold after a text to whoever bought.
    AfterText,
    /// Nobody it names was texted before it.
    Nobody,
    /// It names several who were.
    Ambiguous,
    /// An order of the shop's own site, counted there.
    Online,
    /// Told before; nothing is new.
    Known,
    /// Told before; more of it went back by now.
    Refund,
    /// Told before, with another amount; the first stands.
    Differs,
    /// It cannot be read.
    Wrong,
}

impl Outcome {
    pub const ALL: [Outcome; 8] = [
        Outcome::AfterText,
        Outcome::Nobody,
        Outcome::Ambiguous,
        Outcome::Online,
        Outcome::Known,
        Outcome::Refund,
        Outcome::Differs,
        Outcome::Wrong,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Outcome::AfterText => "after_text",
            Outcome::Nobody => "nobody",
            Outcome::Ambiguous => "ambiguous",
            Outcome::Online => "online",
            Outcome::Known => "known",
            Outcome::Refund => "refund",
            Outcome::Differs => "differs",
            Outcome::Wrong => "wrong",
        }
    }

    /// What it means, for people.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::AfterText => "sold after a text",
            Outcome::Nobody => "nobody it names was texted before it",
            Outcome::Ambiguous => "names several people who were texted, so it is nobody's",
            Outcome::Online => "an order of the shop's own site, counted there",
            Outcome::Known => "told before, nothing new",
            Outcome::Refund => "told before, more of it went back",
            Outcome::Differs => "told before with another amount, the first stands",
            Outcome::Wrong => "cannot be read",
        }
    }
}

/// A text that may have gone before a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub message: MessageId,
    /// The keyed hash of the number it went to: the person.
    pub person: [u8; 16],
    pub accepted_at: Time,
    /// Taps of people only.
    pub taps: Vec<Time>,
}

/// A text that was considered, with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    pub message: MessageId,
    pub tie: Tie,
    pub accepted_at: Time,
    /// The last tap before the sale.
    pub tapped_at: Option<Time>,
    pub won: bool,
}

/// The verdict on one sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    After(After),
    Nobody,
    /// So many people.
    Ambiguous(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    pub tie: Tie,
    pub message: MessageId,
    pub person: [u8; 16],
    /// From the text to the sale.
    pub after: Duration,
    pub tapped_at: Option<Time>,
    /// Every text to that person that counts, the newest first.
    pub considered: Vec<Considered>,
}

/// Judges a sale by the texts each of its signs leads to. The surest sign that leads to anybody texted decides, also when
/// it leads to too many.
pub fn judge(at: Time, found: impl Fn(Tie) -> Vec<Text>) -> Verdict {
    for tie in Tie::ALL {
        let mut texts = found(tie);
        texts.retain(|text| text.accepted_at < at && at.since(text.accepted_at) <= WITHIN_MOST);
        texts.sort_by_key(|text| std::cmp::Reverse((text.accepted_at, text.message)));
        texts.dedup_by_key(|text| text.message);
        let Some(newest) = texts.first() else { continue };
        let people: BTreeSet<[u8; 16]> = texts.iter().map(|text| text.person).collect();
        if people.len() > 1 {
            return Verdict::Ambiguous(people.len());
        }
        let tapped = |text: &Text| text.taps.iter().copied().filter(|&tap| tap <= at).max();
        let considered = texts.iter().map(|text| Considered {
            message: text.message,
            tie,
            accepted_at: text.accepted_at,
            tapped_at: tapped(text),
            won: text.message == newest.message,
        });
        return Verdict::After(After {
            tie,
            message: newest.message,
            person: newest.person,
            after: at.since(newest.accepted_at),
            tapped_at: texts.iter().filter_map(tapped).max(),
            considered: considered.collect(),
        });
    }
    Verdict::Nobody
}

/// An order of the shop's site by somebody a sale names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteOrder {
    pub id: OrderId,
    pub placed_at: Time,
    pub total: Money,
}

/// A till that is the site's own back office tells its orders a second time: hours apart where somebody typed them in
/// late, not days.
const SAME_WITHIN: Duration = Duration::from_secs(12 * 60 * 60);

/// Whether a sale is one of these orders, told a second time: the same amount, about the same time.
pub fn same_as(told: &Told, orders: &[SiteOrder]) -> Option<OrderId> {
    let (from, to) = match told.whole_day {
        true => (told.at, told.at + DAY),
        false => (told.at, told.at),
    };
    let near = |order: &&SiteOrder| {
        order.total == told.total && order.placed_at + SAME_WITHIN >= from && order.placed_at <= to + SAME_WITHIN
    };
    orders.iter().find(near).map(|order| order.id)
}

/// A clock of a till may run ahead this much.
const AHEAD_MOST: Duration = HOUR;

impl Told {
    /// What is wrong with it as a whole.
    pub fn problem(&self, now: Time) -> Option<String> {
        if self.at > now + AHEAD_MOST {
            return Some("sold_at: lies in the future".to_owned());
        }
        if self.total.minor < 0 {
            return Some("total: is below zero; what went back is told as refunded".to_owned());
        }
        match self.refund_minor {
            Some(back) if back < 0 || back > self.total.minor => {
                Some("refunded: must be at least zero and at most the total".to_owned())
            }
            _ if self.reference.chars().count() > REFERENCE_CHARS_MAX => {
                Some(format!("reference: must be at most {REFERENCE_CHARS_MAX} characters"))
            }
            _ => None,
        }
    }
}

pub const REFERENCE_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests;

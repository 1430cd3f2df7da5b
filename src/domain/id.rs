//! Ids: made by us, ordered by time, shown as typed strings (`cart_01j…`), never reused and never secret.
//!
//! A number is 42 bits of milliseconds, 10 bits of node, 11 bits of sequence (`clock::Ids` makes them). What must not
//! be guessable carries a MAC or randomness of its own instead.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Crockford's alphabet, lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 64 bits in fives.
const DIGITS: usize = 13;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_…")]
pub struct NotAnId {
    prefix: &'static str,
}

fn encode(number: i64) -> [u8; DIGITS] {
    let mut rest = number as u64;
    let mut out = [b'0'; DIGITS];
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    out
}

fn decode(text: &str) -> Option<i64> {
    if text.len() != DIGITS {
        return None;
    }
    let number = text.bytes().try_fold(0u128, |sum, byte| {
        let digit = ALPHABET.iter().position(|&known| known == byte.to_ascii_lowercase())?;
        Some(sum << 5 | digit as u128)
    })?;
    i64::try_from(number).ok()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(i64);

        impl $name {
            /// From the number the database holds.
            pub fn new(number: i64) -> $name {
                $name(number)
            }

            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                encode(self.0).iter().try_for_each(|&digit| fmt::Write::write_char(f, digit as char))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<$name, NotAnId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map($name)
                    .ok_or(NotAnId { prefix: $prefix })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<$name, NotAnId> {
                text.parse()
            }
        }
    };
}

id!(/// One text to one phone.
    MessageId, "msg");
id!(/// An unfinished checkout.
    CartId, "cart");
id!(/// An order, as we keep it; the shop's own number is its `external_id`.
    OrderId, "ord");
id!(/// A raw inbound body.
    DeliveryId, "dlv");
id!(/// An opened recovery link.
    ClickId, "clk");
id!(/// A connected SMS account.
    GatewayId, "gw");
id!(/// A gate's verdict, kept.
    DecisionId, "dec");
id!(/// An entry of the consent ledger.
    ConsentId, "con");
id!(/// An entry of the opt-out ledger.
    OptOutId, "out");
id!(/// What a person asked of their own data.
    RequestId, "req");
id!(/// A text a person sent to us.
    ReplyId, "rep");
id!(/// A discount code made for one text.
    DiscountId, "disc");
id!(/// Where events are sent on.
    SinkId, "sink");
id!(/// Something that happened, told to other systems; the same however often it is told.
    EventId, "evt");
id!(/// Something a visitor of a shop did.
    SiteEventId, "ev");
id!(/// What a merchant counts as a conversion.
    GoalId, "goal");
id!(/// A saved funnel.
    FunnelId, "fun");
id!(/// Ways of saying a step against each other.
    ExperimentId, "exp");
id!(/// A person who signs in.
    UserId, "usr");
id!(/// An entry of the audit log.
    EntryId, "ent");
id!(/// A difference between our books and the shop's.
    FindingId, "find");
id!(/// A file or a call that told offline sales.
    UploadId, "upl");
id!(/// A sale made away from the site.
    SaleId, "sale");
id!(/// A number that texts show for calls.
    CallNumberId, "tel");
id!(/// A call that came in on one.
    CallId, "call");

/// The tenant. Shops are numbered 1, 2, 3 … so that links stay short; 0 is the house itself, whose gateways serve every
/// shop that has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShopId(i64);

impl ShopId {
    pub const HOUSE: ShopId = ShopId(0);

    pub fn new(number: i64) -> ShopId {
        ShopId(number)
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ShopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ShopId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<ShopId, Self::Err> {
        text.parse().map(ShopId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(number in 0i64..) {
            let id = CartId::new(number);
            prop_assert_eq!(id.to_string().parse::<CartId>(), Ok(id));
            prop_assert!(id.to_string().parse::<MessageId>().is_err());
        }

        #[test]
        fn text_never_panics(text in ".*") {
            let _ = text.parse::<CartId>();
        }

        #[test]
        fn order_of_text_is_order_of_time(a in 0i64.., b in 0i64..) {
            prop_assert_eq!(a.cmp(&b), CartId::new(a).to_string().cmp(&CartId::new(b).to_string()));
        }
    }
}

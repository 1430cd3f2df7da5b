//! A rehearsal: one visit that never was, as a shop would tell of it. The self-test plays it; each platform's connector
//! writes it in its own words and signs it as the platform would. Decides nothing: what must come of it is asked by the
//! self-test.

use super::{money::Money, time::Time};

/// A visit from the first click to the refund.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Of the checkout.
    pub token: String,
    /// Of the order, of its refund.
    pub order: u64,
    pub refund: u64,
    /// Nobody's number, in E.164.
    pub phone: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// BCP 47.
    pub language: String,
    pub total: Money,
    pub refunded: Money,
    /// Where the checkout goes on.
    pub checkout_url: String,
    pub started_at: Time,
    /// When it was bought; as good as unknown before.
    pub placed_at: Time,
    /// What our link carried, once it was followed.
    pub link: Option<String>,
}

impl Visit {
    /// Under a name kept for examples (RFC 2606).
    pub const EMAIL: &'static str = "self-test@cartback.example";
    pub const FIRST_NAME: &'static str = "Ada";
}

/// What the shop tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The checkout as it was left: phone and consent are there.
    Left,
    /// It was bought after all.
    Bought,
    /// Some of it went back.
    Refunded,
}

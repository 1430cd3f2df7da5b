//! Money at risk: fake checkouts that bring numbers somebody earns on, and texts that run away. Pure: counts and a moment
//! in, holds with reasons out. What time or a person can cure waits and is asked again; what neither can cure stops.
//!
//! The marks of a fake checkout are adjacent numbers, one address behind many carts, odd countries and no taps
//! (reliability.md section 3H). Counting lives in `store::guard`; which number can be texted at all in [`super::phone`].

pub mod limits;
pub mod cart;
pub mod key;
pub mod suspect;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    decide::{GateName, Verdict},
    time::Time,
};

pub use cart::{CartTraits, Oddity, cart_oddities};
pub use key::{ip_key, prefix_key};
pub use limits::Limits;
pub use suspect::Suspect;

/// What the guards know when a text is asked for. Holds no number, address or name: it is kept beside the decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RiskFacts {
    /// What makes this cart nobody's: a bot's or a test's.
    pub suspect: Option<Suspect>,
    pub oddities: Vec<Oddity>,
    /// Texts of the last hour to carts that came from this network, and when the first of them is an hour old.
    pub ip_hour: u32,
    pub ip_frees_at: Option<Time>,
    /// Texts of the last hour to numbers that differ from this one in their last four digits only.
    pub prefix_hour: u32,
    pub prefix_paused: bool,
    /// Texts to this prefix and this country that had time to be tapped, since the last tap.
    pub prefix_untapped: u32,
    pub country_paused: bool,
    pub country_untapped: u32,
    /// Texts of the last 24 hours to this phone, from every shop of this house, and when the first is a day old.
    pub phone_day_all_shops: u32,
    pub phone_frees_at: Option<Time>,
    /// Texts of this shop since an hour ago (or since the breaker was closed by hand), and in one of its usual hours.
    pub texts_this_hour: u32,
    pub usual_per_hour: u32,
    pub breaker_open: bool,
    /// Spent and reserved in the shop's own day, and what this text would add, in millionths of the money the gateway
    /// charges in.
    pub spent_today_micros: i64,
    pub price_micros: i64,
    pub day_ends_at: Option<Time>,
    /// The kill switch.
    pub halted: bool,
}

/// Something that holds a text back, and which gate of the decision it speaks in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub gate: GateName,
    /// Never `Pass`.
    pub verdict: Verdict,
    pub why: String,
    /// What was counted against what.
    pub inputs: Vec<(String, String)>,
}

/// What the counts call for besides holding this text: whoever counts does it in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    PausePrefix,
    PauseCountry,
    OpenBreaker,
}

/// How often a hold only a person can lift is asked again; lifting it asks at once.
pub const ASK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// Everything that holds this text back.
pub fn judge(facts: &RiskFacts, limits: &Limits, now: Time) -> Vec<Hold> {
    let mut holds = Vec::new();
    let mut hold = |gate: GateName, verdict: Verdict, why: String, inputs: &[(&str, i64)]| {
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        holds.push(Hold { gate, verdict, why, inputs });
    };
    let by_hand = Verdict::Wait(now + ASK_AGAIN);
    let later = |at: Option<Time>| Verdict::Wait(at.filter(|&at| at > now).unwrap_or(now + ASK_AGAIN));
    if facts.halted {
        hold(GateName::Service, by_hand, "all sending is stopped by the operator's switch".into(), &[]);
    }
    if facts.breaker_open {
        let why = "far more texts than usual; sending is held until a person resumes it";
        hold(GateName::Service, by_hand, why.into(), &[]);
    } else if breaker(facts.usual_per_hour, facts.texts_this_hour, limits) {
        let why = "far more texts than in this shop's usual hour; sending is held until a person resumes it";
        let inputs = [
            ("texts_this_hour", i64::from(facts.texts_this_hour)),
            ("usual_per_hour", i64::from(facts.usual_per_hour)),
            ("most_per_hour", i64::from(breaker_at(facts.usual_per_hour, limits))),
        ];
        hold(GateName::Service, by_hand, why.into(), &inputs);
    }
    if let Some(suspect) = facts.suspect.filter(|suspect| !(suspect.is_test() && limits.allow_tests)) {
        hold(suspect.gate(), Verdict::Stop, suspect.words().into(), &[]);
    }
    for oddity in &facts.oddities {
        hold(GateName::Cart, Verdict::Stop, oddity.words().into(), &[]);
    }
    if facts.country_paused || facts.country_untapped >= limits.quiet_texts {
        let why = "nobody in this country has tapped a link of late; held until a person resumes it";
        let inputs = [("untapped", i64::from(facts.country_untapped)), ("most", i64::from(limits.quiet_texts))];
        hold(GateName::Number, by_hand, why.into(), &inputs);
    }
    if facts.prefix_paused || facts.prefix_hour >= limits.per_prefix_hour {
        let why = "too many texts to numbers that differ in their last digits only; held until a person resumes it";
        let inputs = [("texts_this_hour", i64::from(facts.prefix_hour)), ("most", i64::from(limits.per_prefix_hour))];
        hold(GateName::Number, by_hand, why.into(), &inputs);
    } else if facts.prefix_untapped >= limits.quiet_texts {
        let why =
            "nobody among the neighbours of this number has tapped a link of late; held until a person resumes it";
        let inputs = [("untapped", i64::from(facts.prefix_untapped)), ("most", i64::from(limits.quiet_texts))];
        hold(GateName::Number, by_hand, why.into(), &inputs);
    }
    if facts.ip_hour >= limits.per_ip_hour {
        let why = "as many texts as may be in an hour went to carts from the same internet address";
        let inputs = [("texts_this_hour", i64::from(facts.ip_hour)), ("most", i64::from(limits.per_ip_hour))];
        hold(GateName::Caps, later(facts.ip_frees_at), why.into(), &inputs);
    }
    if facts.phone_day_all_shops >= limits.per_phone_day {
        let why = "as many texts as may be in a day went to this phone, counting every shop of this house";
        let inputs = [("texts_today", i64::from(facts.phone_day_all_shops)), ("most", i64::from(limits.per_phone_day))];
        hold(GateName::Caps, later(facts.phone_frees_at), why.into(), &inputs);
    }
    if over_budget(facts.spent_today_micros, facts.price_micros, limits) {
        let why = "this text would go over what the shop may spend in a day; it waits for tomorrow";
        let inputs = [
            ("spent_today_micros", facts.spent_today_micros),
            ("price_micros", facts.price_micros),
            ("most_micros", limits.spend_per_day_micros),
        ];
        hold(GateName::Caps, later(facts.day_ends_at), why.into(), &inputs);
    }
    holds
}

/// What has to be paused now, so that it stays so until a person looks.
pub fn acts(facts: &RiskFacts, limits: &Limits) -> Vec<Act> {
    let mut acts = Vec::new();
    if !facts.breaker_open && breaker(facts.usual_per_hour, facts.texts_this_hour, limits) {
        acts.push(Act::OpenBreaker);
    }
    let crowded = facts.prefix_hour >= limits.per_prefix_hour;
    if !facts.prefix_paused && (crowded || facts.prefix_untapped >= limits.quiet_texts) {
        acts.push(Act::PausePrefix);
    }
    if !facts.country_paused && facts.country_untapped >= limits.quiet_texts {
        acts.push(Act::PauseCountry);
    }
    acts
}

/// Whether one more text would be too unusual: `this_hour` have gone since an hour ago.
pub fn breaker(usual_per_hour: u32, this_hour: u32, limits: &Limits) -> bool {
    this_hour >= breaker_at(usual_per_hour, limits)
}

/// The most texts an hour may have: a multiple of the usual hour, and never less than the floor.
pub fn breaker_at(usual_per_hour: u32, limits: &Limits) -> u32 {
    usual_per_hour.saturating_mul(limits.usual_factor).max(limits.texts_per_hour)
}

/// Whether a text of this price would take the day over what may be spent.
pub fn over_budget(spent_micros: i64, price_micros: i64, limits: &Limits) -> bool {
    spent_micros.saturating_add(price_micros.max(0)) > limits.spend_per_day_micros
}

/// What a text of so many parts is expected to cost: the last price this gateway told for the country, else the setting.
pub fn estimate(parts: u32, known_per_part_micros: Option<i64>, limits: &Limits) -> i64 {
    known_per_part_micros.unwrap_or(limits.price_per_part_micros).max(0).saturating_mul(i64::from(parts.max(1)))
}

#[cfg(test)]
mod tests;

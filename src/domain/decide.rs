//! The decision: may this step of this cart be texted now? Pure: facts, the shop's rules, the law's data and a moment in, a
//! `Decision` out. The same four give the same decision for ever, so a kept decision can be made again.
//!
//! Every gate is asked, also after one has said no, so that the cart can tell its whole story. The gates and their order
//! are compliance.md section 2.2, with the holdout before the last. The first `Stop` ends the step; otherwise the latest `Wait` moves it; otherwise it goes.
//! A wait that would end after the step's time is a stop: a text is dropped rather than sent late.

mod gates;

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{
    consent::ConsentFacts,
    content::ContentFacts,
    hand::HandFacts,
    holdout::HoldoutFacts,
    hours,
    law::{Binding, Pack, Whereabouts},
    restored::RestoredFacts,
    risk::RiskFacts,
    rules::Rules,
    sequence::Closed,
    time::{DAY, MINUTE, Time},
    zone::Zones,
};

/// Everything a decision depends on besides rules, law and the moment, read in one transaction. Holds no number, name or
/// address: it is kept beside the decision for as long as that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The shop's zone (IANA): the reasons tell moments in it.
    pub zone: String,
    /// ISO 3166-1 alpha-2.
    pub shop_country: String,
    pub service: ServiceFacts,
    /// The number's country (ISO 3166-1 alpha-2), or what is wrong with it, in words that end "the number …".
    pub number: Result<String, String>,
    /// Whose law applies.
    pub whereabouts: Whereabouts,
    pub zones: Zones,
    pub consent: ConsentFacts,
    pub cart: CartFacts,
    pub step: StepFacts,
    pub caps: CapFacts,
    pub risk: RiskFacts,
    /// What people did to the cart by hand.
    #[serde(default)]
    pub hand: HandFacts,
    /// The restore this cart may have been texted before, if there was one.
    #[serde(default)]
    pub restored: Option<RestoredFacts>,
    /// The arm the person is in, while a share of people is held out.
    #[serde(default)]
    pub holdout: Option<HoldoutFacts>,
    /// What the words are like; `None` while there is nobody to write to.
    pub content: Option<ContentFacts>,
    /// Asked in the transaction that notes the intent to send, not when the step was planned.
    pub leaving: bool,
}

/// The shop, its gateway and its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFacts {
    /// Why the shop as a whole sends nothing (paused, uninstalled), if so.
    pub stopped: Option<String>,
    pub gateway: GatewayFact,
    /// Whether the gateway hears replies: a STOP can reach us.
    pub two_way: bool,
    /// What recipients see as the sender, where the gateway's settings tell: letters instead of a number.
    pub alphanumeric: Option<String>,
    /// The number people in this country can text STOP to without charge, where the operator named one (`36180`).
    pub short_code: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayFact {
    Ready,
    /// Connected but paused since it refused our account.
    Paused,
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartFacts {
    pub abandoned_at: Option<Time>,
    /// The last moment the shopper did something with it.
    pub active_at: Time,
    pub bought_at: Option<Time>,
    /// Deleted or erased.
    pub gone: bool,
    /// A shopper's own: no test, not made by staff or at a till.
    pub recoverable: bool,
    /// The shop told how it can be finished.
    pub has_link: bool,
    /// Why nobody would be sent there: it is at a host that is not the shop's, or no address a browser should open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub astray: Option<String>,
    /// Pieces in it; `None` where the shop does not tell.
    pub pieces: Option<u64>,
}

/// The step that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFacts {
    /// The sequence's id, and the step in it, counted from 1.
    pub sequence: String,
    pub number: u32,
    pub due_at: Time,
    /// The step's own time limit, where it has one.
    pub deadline_at: Option<Time>,
    /// What is done when its time comes in closed hours.
    pub closed: Closed,
    /// Why the sequence, or this step's own conditions, leave it out; in words for the shopkeeper.
    pub left_out: Option<String>,
    /// The state of the message of this very step, if one was ever made.
    pub made: Option<String>,
    pub discount: bool,
}

/// What counts against caps: other texts than the one being asked for, to this phone from this shop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapFacts {
    /// Texts of this cart that may have left.
    pub of_this_cart: u32,
    /// Moments of the reminders to this phone in the last 30 days, newest first.
    pub reminders: Vec<Time>,
    /// Moments of every text to this phone in the last 24 hours besides answers, newest first.
    pub texts: Vec<Time>,
    /// Until when another sequence or another discount keeps this one back, and why.
    pub cool_down: Option<(Time, String)>,
}

/// How far back reminders to a phone count against caps.
const CAPS_LOOK_BACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl CapFacts {
    /// Of the moments of reminders and of all texts to a phone, in any order: those that count now, newest first.
    pub fn of(reminders: impl Iterator<Item = Time>, texts: impl Iterator<Item = Time>, now: Time) -> CapFacts {
        let mut reminders: Vec<Time> = reminders.filter(|&at| at + CAPS_LOOK_BACK > now).collect();
        let mut texts: Vec<Time> = texts.filter(|&at| at + DAY > now).collect();
        reminders.sort_unstable_by(|a, b| b.cmp(a));
        texts.sort_unstable_by(|a, b| b.cmp(a));
        CapFacts { reminders, texts, ..CapFacts::default() }
    }
}

/// In the order they are asked. Older decisions know some under other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    Service,
    Number,
    OptOut,
    Consent,
    #[serde(alias = "open", alias = "once", alias = "in_time")]
    Cart,
    #[serde(alias = "rest")]
    Caps,
    #[serde(alias = "hours")]
    Time,
    Content,
    Holdout,
    Dispatch,
}

impl GateName {
    pub const ALL: [GateName; 10] = [
        GateName::Service,
        GateName::Number,
        GateName::OptOut,
        GateName::Consent,
        GateName::Cart,
        GateName::Caps,
        GateName::Time,
        GateName::Content,
        GateName::Holdout,
        GateName::Dispatch,
    ];

    pub fn words(self) -> &'static str {
        match self {
            GateName::Service => "shop, sender and gateway ready",
            GateName::Number => "mobile number, country enabled",
            GateName::OptOut => "not opted out",
            GateName::Consent => "consent for SMS",
            GateName::Cart => "cart open and in time",
            GateName::Caps => "not too many texts",
            GateName::Time => "open hours",
            GateName::Content => "words in order",
            GateName::Holdout => "not held out",
            GateName::Dispatch => "asked again on leaving",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "at")]
pub enum Verdict {
    Pass,
    Wait(Time),
    Stop,
}

/// One gate's verdict, with what it was made of and the reason in words a shopkeeper reads. Never holds a number, a name or
/// an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub gate: GateName,
    pub verdict: Verdict,
    pub why: String,
    /// Name and value of what it looked at, for whoever wants to check it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<(String, String)>,
}

/// All gates and what they amount to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub gates: Vec<Gate>,
    pub verdict: Verdict,
    /// When the windows that are open now close; a text must not be delivered after it.
    pub closes_at: Option<Time>,
    /// When this step's time is up: it is dropped then, never sent late.
    #[serde(default)]
    pub deadline_at: Option<Time>,
    /// All that is missing is the person's confirmation, and now is the time to ask for it.
    #[serde(default)]
    pub confirm: Option<Confirm>,
}

/// A request to confirm: the first, or the one reminder of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    First,
    Again,
}

impl Decision {
    /// The gate that decided, when it is not a yes.
    pub fn reason(&self) -> Option<&Gate> {
        let stop = self.gates.iter().find(|gate| gate.verdict == Verdict::Stop);
        stop.or_else(|| self.gates.iter().find(|gate| gate.verdict == self.verdict && gate.verdict != Verdict::Pass))
    }

    /// Whether the cart could be texted as far as it goes by itself: its number, its consent or one that can be asked for,
    /// its state. Neither hours nor caps nor words are looked at, nor anything else that texts themselves change, so that
    /// it is asked alike of everybody (intention to treat). A cart whose time runs out in closed hours is eligible.
    pub fn is_eligible(&self) -> bool {
        is_eligible(&self.gates)
    }

    /// Bought, deleted or opted out: later steps would only say the same.
    pub fn ends_the_cart(&self) -> bool {
        let ended = |gate: &&Gate| gate.verdict == Verdict::Stop;
        self.gates.iter().filter(ended).any(|gate| match gate.gate {
            GateName::OptOut | GateName::Holdout => true,
            GateName::Cart => gate.inputs.iter().any(|(name, _)| name == gates::OVER),
            _ => false,
        })
    }

    /// Whether the step's time was what ended it.
    pub fn ran_out_of_time(&self) -> bool {
        self.reason()
            .is_some_and(|gate| gate.gate == GateName::Cart && gate.inputs.iter().any(|(name, _)| name == gates::LATE))
    }
}

/// How often a thing that only a person can change is asked again: a paused gateway, a kill switch.
pub const ASK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// How often a country nobody enabled is asked again; saving the rules asks at once.
pub const HELD_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);
/// A gateway is told to give up on a text at most this long after it was handed over.
const VALID_AT_MOST: Duration = Duration::from_secs(4 * 60 * 60);
/// A text whose gateway would have less time than this is not handed over.
const VALID_AT_LEAST: Duration = MINUTE;

/// Asks every gate.
pub fn decide(facts: &Facts, rules: &Rules, pack: &Pack, now: Time) -> Decision {
    let zone = hours::zone(&facts.zone).unwrap_or(TimeZone::UTC);
    let binding = pack.binding(&facts.whereabouts, now);
    let asked = Asked { facts, rules, binding: &binding, zone: &zone, now };
    let (time, closes_at) = asked.time();
    let (consent, confirm) = asked.consent();
    let mut gates = vec![
        asked.service(),
        asked.number(),
        asked.opt_out(),
        consent,
        asked.cart(),
        asked.caps(),
        time,
        asked.content(),
    ];
    let resume = gates.iter().filter_map(|gate| match gate.verdict {
        Verdict::Wait(until) => Some(until),
        _ => None,
    });
    let resume = resume.max();
    let deadline_at = asked.deadline();
    asked.drop_if_late(&mut gates, resume, deadline_at);
    // Not asked where nobody is held out, so that a decision from before there was this gate is made again alike.
    if let Some(holdout) = &facts.holdout {
        gates.push(asked.holdout(holdout, is_eligible(&gates)));
    }
    gates.push(asked.dispatch(closes_at, deadline_at));
    let verdict = if gates.iter().any(|gate| gate.verdict == Verdict::Stop) {
        Verdict::Stop
    } else {
        resume.map_or(Verdict::Pass, Verdict::Wait)
    };
    let only_consent_waits =
        gates.iter().all(|gate| (gate.gate == GateName::Consent) != (gate.verdict == Verdict::Pass));
    let confirm = confirm.filter(|_| only_consent_waits);
    Decision { gates, verdict, closes_at, deadline_at, confirm }
}

fn is_eligible(gates: &[Gate]) -> bool {
    gates.iter().all(|gate| match gate.gate {
        GateName::Service | GateName::Number | GateName::OptOut => gate.verdict == Verdict::Pass,
        GateName::Consent => gate.verdict != Verdict::Stop,
        GateName::Cart => gate.verdict != Verdict::Stop || gate.inputs.iter().any(|(name, _)| name == gates::LATE),
        GateName::Caps | GateName::Time | GateName::Content | GateName::Holdout | GateName::Dispatch => true,
    })
}

/// How long the gateway may try: until the hours close, the step's time is up, or `VALID_AT_MOST`.
pub fn expires_at(decision: &Decision, now: Time) -> Time {
    let most = now + VALID_AT_MOST;
    [decision.deadline_at, decision.closes_at].into_iter().flatten().fold(most, Time::min)
}

/// When a cart with this last activity counts as abandoned.
pub fn abandoned_at(rules: &Rules, active_at: Time) -> Time {
    active_at + rules.abandoned_after()
}

/// What every gate is asked with.
struct Asked<'a> {
    facts: &'a Facts,
    rules: &'a Rules,
    binding: &'a Binding,
    zone: &'a TimeZone,
    now: Time,
}

#[cfg(test)]
mod tests;

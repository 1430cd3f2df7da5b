//! The decision: may this step of this cart be texted now? Pure: facts and a moment in, a `Decision` out.
//!
//! Every gate is asked, also after one has said no, so that the cart can tell its whole story. The gates and their order
//! are compliance.md section 2.2. The first `Stop` ends the step; otherwise the latest `Wait` moves it; otherwise it goes.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{
    cart::Cart,
    consent::Standing,
    holidays::Holidays,
    hours::{Opening, opening},
    message::MessageState,
    phone::{Phone, PhoneProblem},
    rules::Rules,
    time::Time,
    zone::Zones,
};

/// Everything a decision depends on, read in one transaction.
#[derive(Clone, Debug)]
pub struct Facts<'f> {
    pub cart: &'f Cart,
    /// The shop's zone: the reasons tell moments in it.
    pub zone: &'f TimeZone,
    pub step: u32,
    pub rules: &'f Rules,
    /// Why the shop as a whole sends nothing (paused, uninstalled), if so.
    pub shop_stopped: Option<&'static str>,
    /// Why no gateway can take a text now.
    pub gateway: GatewayFact,
    pub phone: Result<Phone, PhoneProblem>,
    pub zones: Zones,
    pub standing: Standing,
    /// The message of this very step, if one was ever made.
    pub this_step: Option<MessageState>,
    /// The newest other text that may have reached this phone.
    pub last_text_at: Option<Time>,
}

impl Facts<'_> {
    /// A moment in the shop's own time: `24 Nov 2026, 09:00`.
    fn told(&self, at: Time) -> String {
        at.to_timestamp().to_zoned(self.zone.clone()).strftime("%-d %b %Y, %H:%M").to_string()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayFact {
    Ready,
    /// Connected but paused since it refused our account.
    Paused,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    Service,
    Number,
    OptOut,
    Consent,
    Open,
    Once,
    InTime,
    Rest,
    Hours,
    Cart,
    Caps,
}

impl GateName {
    pub fn words(self) -> &'static str {
        match self {
            GateName::Service => "shop and gateway ready",
            GateName::Number => "mobile number",
            GateName::OptOut => "not opted out",
            GateName::Consent => "consent for SMS",
            GateName::Open => "not bought",
            GateName::Once => "first text of this step",
            GateName::InTime => "in time",
            GateName::Rest => "rested",
            GateName::Hours => "open hours",
            GateName::Cart => "cart open and in time",
            GateName::Caps => "not too many texts",
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

/// One gate's verdict, with the reason in words a shopkeeper reads. Never holds a number, a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub gate: GateName,
    pub verdict: Verdict,
    pub why: String,
}

/// All gates and what they amount to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub gates: Vec<Gate>,
    pub verdict: Verdict,
    /// When the windows that are open now close; a text must not be delivered after it.
    pub closes_at: Option<Time>,
}

impl Decision {
    /// The gate that decided, when it is not a yes.
    pub fn reason(&self) -> Option<&Gate> {
        let stop = self.gates.iter().find(|gate| gate.verdict == Verdict::Stop);
        stop.or_else(|| self.gates.iter().find(|gate| gate.verdict == self.verdict && gate.verdict != Verdict::Pass))
    }
}

/// How often a paused gateway is asked again.
const PAUSED_RETRY: Duration = Duration::from_secs(15 * 60);
/// A gateway is told to give up on a text at most this long after it was handed over.
const VALID_AT_MOST: Duration = Duration::from_secs(4 * 60 * 60);

/// Asks every gate.
pub fn decide(facts: &Facts<'_>, now: Time) -> Decision {
    let mut hours = hours_gate(facts, now);
    let mut gates = vec![
        service(facts, now),
        number(facts),
        opt_out(facts),
        consent(facts),
        still_open(facts, now),
        once(facts),
        rest(facts, now),
    ];
    gates.append(&mut hours.0);
    let latest_wait = gates.iter().filter_map(|gate| match gate.verdict {
        Verdict::Wait(until) => Some(until),
        _ => None,
    });
    let resume = latest_wait.max();
    gates.insert(6, in_time(facts, resume.unwrap_or(now), now));
    let verdict = if gates.iter().any(|gate| gate.verdict == Verdict::Stop) {
        Verdict::Stop
    } else {
        resume.map_or(Verdict::Pass, Verdict::Wait)
    };
    Decision { gates, verdict, closes_at: hours.1 }
}

/// How long the gateway may try: until the hours close, the cart's time is up, or `VALID_AT_MOST`.
pub fn expires_at(cart: &Cart, rules: &Rules, decision: &Decision, now: Time) -> Time {
    let deadline = cart.abandoned_at.unwrap_or(now) + rules.give_up_after();
    let closing = decision.closes_at.unwrap_or(deadline);
    deadline.min(closing).min(now + VALID_AT_MOST)
}

fn gate(gate: GateName, verdict: Verdict, why: impl Into<String>) -> Gate {
    Gate { gate, verdict, why: why.into() }
}

fn service(facts: &Facts<'_>, now: Time) -> Gate {
    match (facts.shop_stopped, facts.gateway) {
        (Some(why), _) => gate(GateName::Service, Verdict::Stop, why),
        (None, GatewayFact::None) => {
            gate(GateName::Service, Verdict::Wait(now + PAUSED_RETRY), "no gateway is connected")
        }
        (None, GatewayFact::Paused) => {
            gate(GateName::Service, Verdict::Wait(now + PAUSED_RETRY), "the gateway is paused")
        }
        (None, GatewayFact::Ready) => gate(GateName::Service, Verdict::Pass, "neither is paused"),
    }
}

fn number(facts: &Facts<'_>) -> Gate {
    match &facts.phone {
        Err(problem) => gate(GateName::Number, Verdict::Stop, problem.to_string()),
        Ok(phone) => {
            let country = phone.country().unwrap_or_default();
            let allowed = &facts.rules.countries;
            if !allowed.is_empty() && !allowed.contains(&country) {
                gate(
                    GateName::Number,
                    Verdict::Stop,
                    format!("numbers of {country} are not among this shop's countries"),
                )
            } else {
                gate(GateName::Number, Verdict::Pass, format!("a valid number that can be texted ({country})"))
            }
        }
    }
}

fn opt_out(facts: &Facts<'_>) -> Gate {
    match &facts.standing {
        Standing::OptedOut(out) => {
            gate(GateName::OptOut, Verdict::Stop, format!("opted out on {} by {}", facts.told(out.at), out.source))
        }
        _ => gate(GateName::OptOut, Verdict::Pass, "none on record"),
    }
}

fn consent(facts: &Facts<'_>) -> Gate {
    match &facts.standing {
        Standing::Consented { consent, .. } => {
            let level = consent.proof.level.as_deref().map(|level| format!(", {level}")).unwrap_or_default();
            gate(
                GateName::Consent,
                Verdict::Pass,
                format!("given on {} ({}{level})", facts.told(consent.at), consent.proof.source),
            )
        }
        Standing::OptedOut(_) => gate(GateName::Consent, Verdict::Stop, "taken back"),
        Standing::SoftOptIn { .. } => gate(GateName::Consent, Verdict::Pass, "bought here before"),
        Standing::NeedsConfirmation { .. } => gate(GateName::Consent, Verdict::Stop, "given, not confirmed"),
        Standing::Unproven { .. } => gate(GateName::Consent, Verdict::Stop, "without proof"),
        Standing::Stale { .. } => gate(GateName::Consent, Verdict::Stop, "too long ago"),
        Standing::Pending { .. } => gate(GateName::Consent, Verdict::Stop, "asked for, not confirmed"),
        Standing::Unknown => gate(GateName::Consent, Verdict::Stop, "none on record"),
    }
}

fn still_open(facts: &Facts<'_>, now: Time) -> Gate {
    let cart = facts.cart;
    let quiet_at = cart.active_at() + facts.rules.abandoned_after();
    if let Some(at) = cart.bought_at {
        gate(GateName::Open, Verdict::Stop, format!("bought on {}", facts.told(at)))
    } else if cart.deleted_at.is_some() || cart.erased_at.is_some() {
        gate(GateName::Open, Verdict::Stop, "the checkout was deleted")
    } else if !cart.is_recoverable() {
        gate(GateName::Open, Verdict::Stop, "a test, or made by staff or at a till")
    } else if cart.latest.recovery_url.is_none() {
        gate(GateName::Open, Verdict::Stop, "the shop sent no link to finish it by")
    } else if quiet_at > now {
        gate(GateName::Open, Verdict::Wait(quiet_at), "the shopper is active again")
    } else {
        gate(GateName::Open, Verdict::Pass, "no order by this checkout, phone, e-mail or customer")
    }
}

fn once(facts: &Facts<'_>) -> Gate {
    match facts.this_step {
        None => gate(GateName::Once, Verdict::Pass, format!("no text {} was made for this cart", facts.step)),
        Some(state) => {
            gate(GateName::Once, Verdict::Stop, format!("text {} of this cart exists ({})", facts.step, state.name()))
        }
    }
}

/// A text is dropped rather than sent late: also when it would only be allowed after the cart's time is up.
fn in_time(facts: &Facts<'_>, earliest: Time, now: Time) -> Gate {
    let Some(abandoned_at) = facts.cart.abandoned_at else {
        return gate(GateName::InTime, Verdict::Stop, "not abandoned");
    };
    let deadline = abandoned_at + facts.rules.give_up_after();
    if now >= deadline {
        gate(GateName::InTime, Verdict::Stop, format!("its time ended on {}", facts.told(deadline)))
    } else if earliest >= deadline {
        gate(
            GateName::InTime,
            Verdict::Stop,
            format!("could go on {} at the earliest, its time ends on {}", facts.told(earliest), facts.told(deadline)),
        )
    } else {
        gate(GateName::InTime, Verdict::Pass, format!("until {}", facts.told(deadline)))
    }
}

fn rest(facts: &Facts<'_>, now: Time) -> Gate {
    match facts.last_text_at.map(|at| at + facts.rules.rest()) {
        Some(rested_at) if rested_at > now => gate(
            GateName::Rest,
            Verdict::Wait(rested_at),
            format!("another text went to this phone; rests until {}", facts.told(rested_at)),
        ),
        _ => gate(GateName::Rest, Verdict::Pass, "no other text to this phone of late"),
    }
}

fn hours_gate(facts: &Facts<'_>, now: Time) -> (Vec<Gate>, Option<Time>) {
    let names: Vec<&str> = facts.zones.names.iter().map(AsRef::as_ref).collect();
    let hours = &facts.rules.hours;
    let place = match names.as_slice() {
        [] => "nowhere".to_owned(),
        [one] => (*one).to_owned(),
        few if few.len() <= 3 => few.join(", "),
        many => format!("all of {} zones", many.len()),
    };
    // Without a number there is nobody whose hours could be asked for.
    if facts.phone.is_err() {
        return (vec![gate(GateName::Hours, Verdict::Pass, "not asked: no number")], None);
    }
    let (verdict, why, closes) = match opening(&names, hours, &Holidays::none(), now) {
        _ if names.is_empty() => (Verdict::Stop, "the number's time zone is not known".to_owned(), None),
        Opening::Open { until } => {
            (Verdict::Pass, format!("{hours} in {place}, open until {}", facts.told(until)), Some(until))
        }
        Opening::Opens(at) => (Verdict::Wait(at), format!("{hours} in {place}, opens {}", facts.told(at)), None),
        Opening::Never => (Verdict::Stop, format!("{hours} is never open in {place} at once"), None),
    };
    (vec![gate(GateName::Hours, verdict, why)], closes)
}

/// When an abandoned cart's step falls due, for a cart abandoned at this moment.
pub fn step_due(rules: &Rules, abandoned_at: Time, step: u32) -> Option<Time> {
    rules.step_after(step).map(|after| abandoned_at + after)
}

/// When a cart with this last activity counts as abandoned.
pub fn abandoned_at(rules: &Rules, active_at: Time) -> Time {
    active_at + rules.abandoned_after()
}

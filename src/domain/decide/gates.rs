//! The ten gates, in the order they are asked. Each looks at its own facts and says pass, wait or stop with its reason.

use std::time::Duration;

use super::{ASK_AGAIN, Asked, Confirm, Gate, GateName, GatewayFact, HELD_AGAIN, VALID_AT_LEAST, Verdict};
use crate::domain::{
    consent::{Level, Request, StandingName, confirm::PENDING_FOR},
    holdout::{Arm, HoldoutFacts},
    hours::{Opening, opening},
    risk,
    sequence::Closed,
    time::{DAY, MINUTE, Time},
};

/// A cart whose confirmation is awaited is looked at this long before its time is up.
const LAST_LOOK: Duration = MINUTE;

/// Marks a cart gate that no later step could pass either.
pub(super) const OVER: &str = "over";
/// Marks a cart gate that stopped because time ran out.
pub(super) const LATE: &str = "late";

/// A gate under construction.
fn gate(gate: GateName, verdict: Verdict, why: impl Into<String>) -> Gate {
    Gate { gate, verdict, why: why.into(), inputs: Vec::new() }
}

impl Gate {
    fn with(mut self, name: &str, value: impl ToString) -> Gate {
        self.inputs.push((name.to_owned(), value.to_string()));
        self
    }

    /// The stricter of two verdicts on the same gate: a stop before a wait, the later wait before the earlier.
    fn and(self, other: Gate) -> Gate {
        let weight = |gate: &Gate| match gate.verdict {
            Verdict::Stop => (2, Time::FIRST),
            Verdict::Wait(until) => (1, until),
            Verdict::Pass => (0, Time::FIRST),
        };
        let (mut strict, lenient) = if weight(&other) > weight(&self) { (other, self) } else { (self, other) };
        strict.inputs.extend(lenient.inputs);
        strict
    }
}

impl Asked<'_> {
    /// A moment in the shop's own time: `24 Nov 2026, 09:00`.
    fn told(&self, at: Time) -> String {
        at.to_timestamp().to_zoned(self.zone.clone()).strftime("%-d %b %Y, %H:%M").to_string()
    }

    fn wait(&self, name: GateName, span: Duration, why: impl Into<String>) -> Gate {
        gate(name, Verdict::Wait(self.now + span), why)
    }

    /// Adds what the guards against fake checkouts and runaway spend hold against this gate.
    fn guarded(&self, mut asked: Gate) -> Gate {
        for hold in risk::judge(&self.facts.risk, &self.rules.limits, self.now) {
            if hold.gate == asked.gate {
                let mut held = gate(hold.gate, hold.verdict, hold.why);
                held.inputs = hold.inputs;
                asked = asked.and(held);
            }
        }
        asked
    }

    pub(super) fn service(&self) -> Gate {
        let service = &self.facts.service;
        let asked = match (&service.stopped, service.gateway) {
            (Some(why), _) => gate(GateName::Service, Verdict::Stop, why.clone()),
            (None, GatewayFact::None) => self.wait(GateName::Service, ASK_AGAIN, "no gateway is connected"),
            (None, GatewayFact::Paused) => self.wait(GateName::Service, ASK_AGAIN, "the gateway is paused"),
            (None, GatewayFact::Ready) => gate(GateName::Service, Verdict::Pass, "neither is paused"),
        };
        self.guarded(asked.and(self.sender()))
    }

    /// Whether the country takes texts from a sender like this.
    fn sender(&self) -> Gate {
        let (service, law) = (&self.facts.service, self.binding);
        let country = self.facts.number.as_deref().unwrap_or("this country");
        let stop = |why: String| gate(GateName::Service, Verdict::Stop, why);
        let asked = if service.gateway == GatewayFact::None || self.facts.number.is_err() {
            gate(GateName::Service, Verdict::Pass, "no sender to be asked about")
        } else if law.two_way_required && !service.two_way {
            stop(format!("in {country} people must be able to answer STOP, and this sender cannot be answered"))
        } else if let Some(sender) = service.alphanumeric.as_deref().filter(|_| !law.alphanumeric) {
            stop(format!("{country} takes no texts from a name such as {sender}; a number is needed"))
        } else if let (Some(prefix), Some(sender)) = (&law.sender_prefix, &service.alphanumeric)
            && !sender.starts_with(prefix.as_str())
        {
            stop(format!("a sender's name must begin with {prefix} in {country}"))
        } else if law.stop_short_code && !service.two_way && service.short_code.is_none() {
            stop(format!("texts to {country} must name a number that takes STOP; set opt_out_short_code"))
        } else {
            gate(GateName::Service, Verdict::Pass, "the sender suits the country")
        };
        asked.with("answers heard", if service.two_way { "yes" } else { "no" })
    }

    pub(super) fn number(&self) -> Gate {
        let country = match &self.facts.number {
            Err(problem) => return self.guarded(gate(GateName::Number, Verdict::Stop, problem.clone())),
            Ok(country) => country,
        };
        let (own, listed) = (&self.facts.shop_country, &self.rules.countries);
        let enabled = if listed.is_empty() { country == own } else { listed.contains(country) };
        let not_named = self.binding.off.iter().find(|off| !listed.contains(off));
        let asked = if !enabled {
            let why = format!("held: numbers of {country} are not among this shop's countries; add {country} to send");
            self.wait(GateName::Number, HELD_AGAIN, why)
        } else if let Some(off) = not_named {
            let why = format!("held: {off} must be switched on by name, among the shop's countries");
            self.wait(GateName::Number, HELD_AGAIN, why)
        } else {
            gate(GateName::Number, Verdict::Pass, format!("a valid number that can be texted ({country})"))
        };
        let listed = if listed.is_empty() { own.clone() } else { listed.join(", ") };
        self.guarded(asked.with("country", country).with("enabled", listed))
    }

    pub(super) fn opt_out(&self) -> Gate {
        let (name, facts) = (GateName::OptOut, &self.facts.consent);
        match (&facts.opted_out, facts.held_since) {
            (Some(out), _) => {
                gate(name, Verdict::Stop, format!("opted out on {} by {}", self.told(out.at), out.source))
            }
            (None, Some(since)) => {
                let why = format!("held: a reply of {} has to be read by a person of the shop", self.told(since));
                self.wait(name, HELD_AGAIN, why)
            }
            (None, None) => gate(name, Verdict::Pass, "none on record"),
        }
    }

    /// The consent gate, and the request to confirm it asks for now.
    pub(super) fn consent(&self) -> (Gate, Option<Confirm>) {
        let (name, facts) = (GateName::Consent, &self.facts.consent);
        let given = || match (facts.at, facts.source.as_deref(), facts.level) {
            (Some(at), source, level) => {
                let (source, level) = (source.unwrap_or("unknown"), level.map_or("", Level::name));
                format!("given on {} ({source}, {level})", self.told(at))
            }
            (None, ..) => "given".to_owned(),
        };
        let stop = |why: String| (gate(name, Verdict::Stop, why), None);
        let (asked, confirm) = match facts.standing {
            StandingName::Consented => (gate(name, Verdict::Pass, given()), None),
            StandingName::SoftOptIn => {
                let at = facts.ordered_at.map_or(String::new(), |at| format!(" of {}", self.told(at)));
                (gate(name, Verdict::Pass, format!("customer by the order{at}, who did not object")), None)
            }
            StandingName::NeedsConfirmation => self.unconfirmed(&format!("{}; it must be confirmed here", given())),
            StandingName::Stale => self.unconfirmed(&format!("{}, and nothing was heard since", given())),
            StandingName::Unproven => stop(format!("{}, with nothing to prove it, and proof is needed here", given())),
            StandingName::Pending => stop("asked for by the shop, not confirmed".into()),
            StandingName::OptedOut => stop("taken back".into()),
            StandingName::Unknown => stop("none on record".into()),
        };
        (asked.with("needed", facts.required.name()).with("times asked", facts.asked), confirm)
    }

    /// A consent that the phone has to confirm: ask now, wait for the answer, or stop asking.
    fn unconfirmed(&self, why: &str) -> (Gate, Option<Confirm>) {
        let (name, facts) = (GateName::Consent, &self.facts.consent);
        let wait = |until: Time, what: &str| gate(name, Verdict::Wait(until), format!("{why}: {what}"));
        match facts.request {
            Some(Request::Ask) => (wait(self.now, "asked now"), Some(Confirm::First)),
            Some(Request::Remind) => (wait(self.now, "asked once more now"), Some(Confirm::Again)),
            Some(Request::RemindAt(at)) => (wait(at, "asked, no answer yet"), None),
            Some(Request::SilentUntil(_)) | None => {
                // An answer may still come in time; the cart waits for it to its end, and no longer.
                let last_look = self.deadline().map(|at| at - LAST_LOOK).filter(|&at| at > self.now);
                let pending = facts.asked_at.is_some_and(|at| self.now < at + PENDING_FOR);
                match last_look {
                    Some(at) if pending => (wait(at, "asked, no answer yet"), None),
                    _ => (gate(name, Verdict::Stop, format!("{why}: asked, not confirmed")), None),
                }
            }
        }
    }

    pub(super) fn cart(&self) -> Gate {
        let (cart, step, hand) = (&self.facts.cart, &self.facts.step, &self.facts.hand);
        let stop = |why: String| gate(GateName::Cart, Verdict::Stop, why);
        let quiet_at = cart.active_at + self.rules.abandoned_after().max(self.binding.first_after);
        let asked = if let Some(at) = cart.bought_at {
            stop(format!("bought on {}", self.told(at))).with(OVER, "bought")
        } else if cart.gone {
            stop("the checkout was deleted".into()).with(OVER, "deleted")
        } else if !cart.recoverable {
            stop("a test, or made by staff or at a till".into()).with(OVER, "not a shopper's")
        } else if !cart.has_link {
            stop("the shop sent no link to finish it by".into()).with(OVER, "no link")
        } else if let Some(at) = hand.dismissed_at {
            stop(format!("dismissed on {} by a person of the shop", self.told(at))).with(OVER, "dismissed")
        } else if let Some(restored) = self.facts.restored.as_ref().filter(|restored| restored.may_have_been_texted()) {
            let (at, backup) = (self.told(restored.at), self.told(restored.backup_at));
            let why = format!("it may have been texted between the backup of {backup} and the restore on {at}");
            stop(why).with(OVER, "restored")
        } else if cart.abandoned_at.is_none() {
            stop("not abandoned".into())
        } else if let Some(state) = &step.made {
            stop(format!("text {} of this cart exists ({state})", step.number))
        } else if let Some(why) = &step.left_out {
            stop(why.clone())
        } else if cart.pieces == Some(0) {
            stop("the cart was emptied".into())
        } else if let Some(since) = hand.held_since {
            let why = format!("held since {} by a person of the shop, until it is released", self.told(since));
            gate(GateName::Cart, Verdict::Wait(self.last_look()), why)
        } else if let Some(why) = &cart.astray {
            // Mended by naming the host in the shop's settings; until then a text would lead to nothing.
            gate(GateName::Cart, Verdict::Wait(self.last_look()), why.clone())
        } else if quiet_at > self.now {
            gate(GateName::Cart, Verdict::Wait(quiet_at), "the shopper is active again")
        } else {
            gate(GateName::Cart, Verdict::Pass, "no order by this checkout, phone, e-mail or customer")
        };
        let pieces = cart.pieces.map_or_else(|| "not told".to_owned(), |pieces| pieces.to_string());
        let mut asked = asked.with("last active", self.told(cart.active_at)).with("pieces", pieces);
        if let Some(at) = hand.sent_now_at {
            asked = asked.with("asked for at once", self.told(at));
        }
        self.guarded(asked)
    }

    /// When what only a person can mend or release is asked again: now and then, and once more before its time is up, since
    /// a wait that would end after it is a stop.
    fn last_look(&self) -> Time {
        let again = self.now + HELD_AGAIN;
        let last = self.deadline().map(|at| at - LAST_LOOK).filter(|&at| at > self.now);
        last.map_or(again, |last| last.min(again))
    }

    /// When the step's time is up: the cart's, the law's and its own, whichever is first.
    pub(super) fn deadline(&self) -> Option<Time> {
        let abandoned_at = self.facts.cart.abandoned_at?;
        let of_cart = abandoned_at + self.rules.give_up_after().min(self.binding.give_up_after);
        Some(self.facts.step.deadline_at.map_or(of_cart, |own| own.min(of_cart)))
    }

    /// A step whose time is up, or would be when every gate is open, stops here and now.
    pub(super) fn drop_if_late(&self, gates: &mut [Gate], resume: Option<Time>, deadline: Option<Time>) {
        let (Some(deadline), Some(cart)) = (deadline, gates.iter_mut().find(|gate| gate.gate == GateName::Cart)) else {
            return;
        };
        cart.inputs.push(("its time ends".to_owned(), self.told(deadline)));
        if cart.verdict == Verdict::Stop {
            return;
        }
        let why = if self.now >= deadline {
            format!("its time ended on {}", self.told(deadline))
        } else if let Some(earliest) = resume.filter(|&earliest| earliest >= deadline) {
            format!("could go on {} at the earliest, its time ends on {}", self.told(earliest), self.told(deadline))
        } else {
            return;
        };
        cart.verdict = Verdict::Stop;
        cart.why = why;
        cart.inputs.push((LATE.to_owned(), "yes".to_owned()));
    }

    pub(super) fn caps(&self) -> Gate {
        let (caps, law) = (&self.facts.caps, self.binding.caps);
        let name = GateName::Caps;
        let mut asked = gate(name, Verdict::Pass, "no other text to this phone of late");
        if let Some(most) = law.per_cart.filter(|&most| caps.of_this_cart >= most) {
            let why = format!("{} for one cart, and this country allows {most}", texts(caps.of_this_cart));
            asked = asked.and(gate(name, Verdict::Stop, why));
        }
        if let Some(rested_at) = caps.reminders.first().map(|&at| at + self.rules.rest()).filter(|&at| at > self.now) {
            let why = format!("another text went to this phone; rests until {}", self.told(rested_at));
            asked = asked.and(gate(name, Verdict::Wait(rested_at), why));
        }
        for (moments, most, span, of) in [
            (&caps.reminders, law.cart_texts_per_day, DAY, "reminders to one phone in 24 hours"),
            (&caps.reminders, law.cart_texts_per_30_days, DAY * 30, "reminders to one phone in 30 days"),
            (&caps.texts, law.all_texts_per_day, DAY, "texts to one phone in 24 hours"),
        ] {
            if let Some(until) = self.full_until(moments, most, span) {
                let why = format!("at most {most} {of}; the next may go on {}", self.told(until));
                asked = asked.and(gate(name, Verdict::Wait(until), why));
            }
        }
        if let Some((until, why)) = caps.cool_down.as_ref().filter(|(until, _)| *until > self.now) {
            asked = asked.and(gate(name, Verdict::Wait(*until), format!("{why} until {}", self.told(*until))));
        }
        let asked = asked
            .with("texts of this cart", caps.of_this_cart)
            .with("reminders in 30 days", caps.reminders.len())
            .with("texts in 24 hours", caps.texts.len());
        self.guarded(asked)
    }

    /// When a sliding window of this span has room again; `None` when it has now. `moments` are newest first.
    fn full_until(&self, moments: &[Time], most: u32, span: Duration) -> Option<Time> {
        let inside: Vec<Time> = moments.iter().copied().filter(|&at| at + span > self.now).collect();
        let place = usize::try_from(most).ok()?.checked_sub(1);
        match place {
            Some(place) => inside.get(place).map(|&at| at + span),
            None => Some(self.now + span),
        }
    }

    /// The time gate, and when what is open now closes.
    pub(super) fn time(&self) -> (Gate, Option<Time>) {
        let name = GateName::Time;
        // Without a number there is nobody whose hours could be asked for.
        let Ok(country) = &self.facts.number else {
            return (gate(name, Verdict::Pass, "not asked: no number"), None);
        };
        let hours = self.binding.hours(self.rules.hours_in(country));
        let names: Vec<&str> = self.facts.zones.names.iter().map(AsRef::as_ref).collect();
        let place = match names.as_slice() {
            [] => "nowhere".to_owned(),
            [one] => (*one).to_owned(),
            few if few.len() <= 3 => few.join(", "),
            many => format!("all of {} zones", many.len()),
        };
        let (verdict, why, closes) = match opening(&names, &hours, &self.binding.holidays, self.now) {
            _ if names.is_empty() => (Verdict::Stop, "the number's time zone is not known".to_owned(), None),
            Opening::Open { until } => {
                (Verdict::Pass, format!("{hours} in {place}, open until {}", self.told(until)), Some(until))
            }
            Opening::Opens(at) if self.facts.step.closed == Closed::Skip => {
                let why = format!("{hours} in {place}, opens {}; this step is skipped in closed hours", self.told(at));
                (Verdict::Stop, why, None)
            }
            Opening::Opens(at) => (Verdict::Wait(at), format!("{hours} in {place}, opens {}", self.told(at)), None),
            Opening::Never => (Verdict::Stop, format!("{hours} is never open in {place} at once"), None),
        };
        let law: Vec<String> = self.binding.countries.iter().chain(&self.binding.states).cloned().collect();
        let asked = gate(name, verdict, why)
            .with("zones", names.join(", "))
            .with("zones named by", self.facts.zones.source.to_string())
            .with("law of", law.join(", "))
            .with("lawful", self.binding.legal);
        (asked, closes)
    }

    pub(super) fn content(&self) -> Gate {
        let name = GateName::Content;
        let Some(content) = &self.facts.content else {
            return gate(name, Verdict::Pass, "not asked: nobody to write to");
        };
        let asked = match content.problem() {
            Some(problem) => gate(name, Verdict::Stop, problem),
            None if content.discount && self.binding.discount_needs_promo_consent && !content.promo_consent => gate(
                name,
                Verdict::Stop,
                "a discount needs a consent to offers here, and there is one to reminders only",
            ),
            None => gate(name, Verdict::Pass, "names the shop, has its link and says how to opt out"),
        };
        asked.with("parts", content.parts).with("language", &content.language)
    }

    /// Asked after everything a cart can be eligible by, so that who is held out is counted like who is not.
    pub(super) fn holdout(&self, holdout: &HoldoutFacts, eligible: bool) -> Gate {
        let (name, percent) = (GateName::Holdout, holdout.percent);
        let asked = match (holdout.arm, holdout.assigned_at.is_some() || eligible) {
            (Arm::Held, true) => {
                let why = "of people are not texted, so that what texts earn can be told";
                gate(name, Verdict::Stop, format!("held out on purpose: {percent} % {why}"))
            }
            (Arm::Held, false) => gate(name, Verdict::Pass, "would be held out, if nothing else stopped it"),
            (Arm::Texted, _) => gate(name, Verdict::Pass, format!("not among the {percent} % who are held out")),
        };
        let counted = holdout.assigned_at.map_or_else(|| "not yet".to_owned(), |at| self.told(at));
        asked.with("held out", format!("{percent} %")).with("run", holdout.run).with("counted", counted)
    }

    /// What the gateway is told, and whether this was asked in the transaction that notes the intent.
    pub(super) fn dispatch(&self, closes_at: Option<Time>, deadline: Option<Time>) -> Gate {
        let name = GateName::Dispatch;
        let ends = [closes_at, deadline].into_iter().flatten().min();
        let asked = match ends {
            Some(ends) if ends < self.now + VALID_AT_LEAST && ends > self.now => {
                gate(name, Verdict::Stop, format!("too little time to deliver it before {}", self.told(ends)))
            }
            _ if self.facts.leaving => gate(
                name,
                Verdict::Pass,
                "opt-out, consent and cart were read again in the transaction that noted the intent to send",
            ),
            _ => gate(name, Verdict::Pass, "every gate is asked again when it leaves"),
        };
        match ends {
            Some(ends) => asked.with("must be delivered by", self.told(ends)),
            None => asked,
        }
    }
}

fn texts(count: u32) -> String {
    if count == 1 { "1 text went out".to_owned() } else { format!("{count} texts went out") }
}

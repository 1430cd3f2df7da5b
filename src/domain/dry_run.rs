//! Dry run: a sequence played over carts of the past by the very rules that decide today, so that a delay can be chosen by
//! what shoppers of this shop did and not by folklore. Pure: carts as they are on record, rules, law and a delay in,
//! counts out. Nothing is sent, kept or drawn by chance.
//!
//! What must hold:
//! - Every cart is counted once in a row: texted, or not for exactly one reason.
//! - "Bought anyway" is said only of carts that no text of ours had reached by then; of the others nothing is.
//! - Texts the dry run itself would have sent count against its caps; texts that went in truth do not.
//! - A consent, an opt-out or an order counts from its own moment on, as far as it is still on record.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
    time::Duration,
};

use serde::Serialize;

use super::{
    consent::{ConsentFacts, Ledger},
    content::ContentFacts,
    decide::{CapFacts, Decision, Facts, GateName, StepFacts, Verdict, decide},
    hours,
    id::CartId,
    law::Pack,
    money::Currency,
    rules::Rules,
    sequence::{ExitFacts, OtherText, Sequence, cool_down, exit, rests},
    time::{MINUTE, Time},
};

/// Days of history: the bounds, and how many unless somebody says otherwise.
pub const DAYS_LEAST: u32 = 7;
pub const DAYS_MOST: u32 = 90;
pub const DAYS: u32 = 30;
/// Delays that are compared unless somebody says otherwise, in minutes after abandonment.
pub const DELAYS: [u32; 6] = [10, 30, 60, 120, 240, 600];
/// The most delays of one run, and the longest of them, in minutes.
pub const DELAYS_MOST: usize = 12;
pub const DELAY_MINUTES_MOST: u32 = 7 * 24 * 60;

/// A cart of the past that was left, with everything that is known of it.
#[derive(Clone, Debug)]
pub struct Past {
    pub cart: CartId,
    /// The keyed hash of its number; `None` where none can be texted.
    pub phone: Option<[u8; 16]>,
    /// The facts that do not change with the moment. Of those that do, its `cart` holds what is on record by now.
    pub base: Facts,
    /// Everything on record about the phone, from before and after.
    pub ledger: Ledger,
    /// When this person's orders were placed.
    pub orders: Vec<Time>,
    /// The last activity before it was left.
    pub quiet_since: Time,
    pub gone_at: Option<Time>,
    /// When a text of ours left for it in truth.
    pub texted_at: Option<Time>,
    /// When the same person began the next cart.
    pub newer_cart_at: Option<Time>,
    /// Things in it; `None` where the shop does not tell.
    pub items: Option<u32>,
    /// The place of its sequence among those that are played, or why it has none.
    pub course: Result<usize, String>,
    /// The texts of that sequence, in order.
    pub steps: Vec<Written>,
}

/// A text as it would have been.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub content: Option<ContentFacts>,
    pub parts: u32,
    /// Why its own conditions leave this cart out.
    pub refusal: Option<String>,
}

/// What a part of a text to a country costs, as the shop's gateways told it of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub currency: Currency,
    /// Millionths of the currency, for one part.
    pub micros: i64,
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Play<'p> {
    pub rules: &'p Rules,
    pub pack: &'p Pack,
    pub sequences: &'p [Sequence],
    /// Minutes from abandonment to the first text, the later ones as far behind it as they are; `None`: as they are.
    pub delay: Option<u32>,
    pub prices: &'p [Price],
    /// How many of the texted carts are named, the newest.
    pub named_most: usize,
}

/// Why a cart would not have been texted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Bought before the text would have gone, with no text of ours before it.
    Bought,
    /// Bought before it would have gone, but after a text that went in truth.
    BoughtTexted,
    /// No number, or none that can be texted.
    Number,
    OptedOut,
    NoConsent,
    /// A request to confirm would have gone first; nobody knows the answer.
    Unconfirmed,
    /// No sequence, or not this step of it, is for this cart.
    Sequence,
    /// Its time was up before the hours opened.
    Late,
    /// Deleted, emptied, or without a link to finish it by.
    Cart,
    Caps,
    Hours,
    Words,
    HeldOut,
    /// The sender does not suit the country.
    Service,
}

impl Why {
    pub const ALL: [Why; 14] = [
        Why::Bought,
        Why::BoughtTexted,
        Why::Number,
        Why::OptedOut,
        Why::NoConsent,
        Why::Unconfirmed,
        Why::Sequence,
        Why::Late,
        Why::Cart,
        Why::Caps,
        Why::Hours,
        Why::Words,
        Why::HeldOut,
        Why::Service,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Why::Bought => "bought",
            Why::BoughtTexted => "bought_texted",
            Why::Number => "number",
            Why::OptedOut => "opted_out",
            Why::NoConsent => "no_consent",
            Why::Unconfirmed => "unconfirmed",
            Why::Sequence => "sequence",
            Why::Late => "late",
            Why::Cart => "cart",
            Why::Caps => "caps",
            Why::Hours => "hours",
            Why::Words => "words",
            Why::HeldOut => "held_out",
            Why::Service => "service",
        }
    }

    /// In words that follow "not texted:".
    pub fn words(self) -> &'static str {
        match self {
            Why::Bought => "had bought by then, untexted",
            Why::BoughtTexted => "had bought by then, after a text that went in truth",
            Why::Number => "no number that may be texted",
            Why::OptedOut => "opted out",
            Why::NoConsent => "no consent on record",
            Why::Unconfirmed => "would be asked to confirm first",
            Why::Sequence => "the sequence is not for them, or had ended",
            Why::Late => "the time was up before the hours opened",
            Why::Cart => "deleted, emptied or without a link",
            Why::Caps => "too many texts to one phone",
            Why::Hours => "outside the hours",
            Why::Words => "the words are not in order",
            Why::HeldOut => "held out on purpose",
            Why::Service => "the sender does not suit the country",
        }
    }
}

/// A cart that would have been texted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub cart: CartId,
    /// When its first text would have gone.
    pub at: Time,
    /// Where the shopper probably is (IANA).
    pub zone: String,
    pub bought_at: Option<Time>,
    /// A text went in truth: what it bought says nothing of people untexted.
    pub was_texted: bool,
}

/// What one delay comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Minutes from abandonment to the first text; `None`: each sequence as it is.
    pub delay: Option<u32>,
    /// Carts that were left.
    pub carts: u64,
    /// Carts a text would have gone to.
    pub texted: u64,
    /// All texts, later steps too.
    pub texts: u64,
    pub parts: u64,
    /// What these would cost in millionths, per currency; without the parts nobody knows a price of.
    pub costs: Vec<(Currency, i64)>,
    pub unpriced_parts: u64,
    /// Of the texted: those that no text reached in truth, so that what they bought was bought anyway …
    pub measured: u64,
    /// … and those of them that bought after the text would have gone.
    pub bought_after: u64,
    /// Why the others would not have been texted.
    pub not: BTreeMap<Why, u64>,
    /// First texts by the hour of the day, in the shopper's own time.
    pub hours: [u64; 24],
    /// The newest of the texted, as many as were asked for.
    pub named: Vec<Named>,
}

impl Row {
    /// Carts that had bought before the text would have gone, and that no text had reached.
    pub fn bought_before(&self) -> u64 {
        self.not.get(&Why::Bought).copied().unwrap_or(0)
    }
}

/// A text of the dry run.
struct Went {
    at: Time,
    cart: usize,
    with_code: bool,
}

/// A step is asked about at most so often: what then still waits is not texted.
const ASKS_MOST: u32 = 100;
/// As short as the worker's own shortest wait.
const LEAST_WAIT: Duration = MINUTE;

/// Plays the sequences over these carts.
pub fn play(pasts: &[Past], play: &Play<'_>) -> Row {
    let mut row = Row { delay: play.delay, carts: pasts.len() as u64, ..Row::default() };
    let mut went: HashMap<[u8; 16], Vec<Went>> = HashMap::new();
    let mut first: Vec<Option<Time>> = vec![None; pasts.len()];
    let mut why: Vec<Option<Why>> = vec![None; pasts.len()];
    let mut costs: BTreeMap<&str, (Currency, i64)> = BTreeMap::new();
    let mut due = BinaryHeap::new();
    for (place, past) in pasts.iter().enumerate() {
        match past.due(play, 1) {
            Some(at) => due.push(Reverse((at, place, 1, 0))),
            None => why[place] = Some(Why::Sequence),
        }
    }
    // In the order of time, as the worker does: an earlier text counts against a later one's caps.
    while let Some(Reverse((now, place, step, asked))) = due.pop() {
        let Some(past) = pasts.get(place) else { continue };
        let to_phone = past.phone.and_then(|phone| went.get(&phone)).map_or(&[][..], Vec::as_slice);
        let facts = past.facts(play, (place, step), to_phone, now);
        let decision = decide(&facts, play.rules, play.pack, now);
        let next = past.due(play, step + 1).map(|at| Reverse((at.max(now), place, step + 1, 0)));
        match decision.verdict {
            Verdict::Pass => {
                let written = past.steps.get(step as usize - 1);
                let parts = written.map_or(1, |written| written.parts);
                row.texts += 1;
                row.parts += u64::from(parts);
                let country = past.base.number.as_deref().unwrap_or_default();
                match play.prices.iter().find(|price| price.country == country) {
                    Some(price) => {
                        let sum = costs.entry(price.currency.code()).or_insert((price.currency, 0));
                        sum.1 = sum.1.saturating_add(price.micros.saturating_mul(i64::from(parts)));
                    }
                    None => row.unpriced_parts += u64::from(parts),
                }
                if let Some(phone) = past.phone {
                    let with_code = facts.step.discount;
                    went.entry(phone).or_default().push(Went { at: now, cart: place, with_code });
                }
                first[place].get_or_insert(now);
                due.extend(next);
            }
            Verdict::Wait(until) if waits_for_time(&decision) && asked < ASKS_MOST => {
                due.push(Reverse((until.max(now + LEAST_WAIT), place, step, asked + 1)));
            }
            Verdict::Wait(_) => {
                why[place].get_or_insert(past.why(&decision, &facts));
            }
            Verdict::Stop => {
                why[place].get_or_insert(past.why(&decision, &facts));
                if !decision.ends_the_cart() {
                    due.extend(next);
                }
            }
        }
    }
    row.costs = costs.into_values().collect();
    row.count(pasts, &first, &why, play.named_most);
    row
}

impl Row {
    fn count(&mut self, pasts: &[Past], first: &[Option<Time>], why: &[Option<Why>], named_most: usize) {
        for ((past, first), why) in pasts.iter().zip(first).zip(why) {
            let Some(at) = *first else {
                *self.not.entry(why.unwrap_or(Why::Sequence)).or_default() += 1;
                continue;
            };
            self.texted += 1;
            let zone = past.base.zones.names.first().unwrap_or(&past.base.zone);
            if let Some(known) = hours::zone(zone) {
                let hour = usize::from(at.to_timestamp().to_zoned(known).hour().unsigned_abs());
                if let Some(count) = self.hours.get_mut(hour) {
                    *count += 1;
                }
            }
            let bought_at = past.base.cart.bought_at;
            let was_texted = past.texted_at.is_some_and(|texted| bought_at.is_none_or(|bought| texted <= bought));
            if !was_texted {
                self.measured += 1;
                self.bought_after += u64::from(bought_at.is_some());
            }
            let zone = zone.clone();
            self.named.push(Named { cart: past.cart, at, zone, bought_at, was_texted });
        }
        self.named.sort_unstable_by_key(|named| Reverse((named.at, named.cart)));
        self.named.truncate(named_most);
    }
}

/// Whether time alone may open what is closed: hours, caps, a shopper who is active again. What a person would have to
/// change is as it is.
fn waits_for_time(decision: &Decision) -> bool {
    let closed = |gate: GateName| decision.gates.iter().any(|of| of.gate == gate && of.verdict != Verdict::Pass);
    ![GateName::Service, GateName::Number, GateName::OptOut, GateName::Consent].into_iter().any(closed)
}

impl Past {
    /// When a step falls due; `None` beyond the last. A cart without a sequence is asked about once.
    fn due(&self, play: &Play<'_>, step: u32) -> Option<Time> {
        let abandoned_at = self.base.cart.abandoned_at?;
        let Ok(course) = &self.course else { return (step == 1).then_some(abandoned_at) };
        let sequence = play.sequences.get(*course)?;
        let after = sequence.step_after(step)?;
        let Some(delay) = play.delay else { return Some(abandoned_at + after) };
        let behind = after.saturating_sub(sequence.step_after(1)?);
        Some(abandoned_at + MINUTE * delay + behind)
    }

    /// What was known at that moment, as far as it is on record.
    fn facts(&self, play: &Play<'_>, (place, step): (usize, u32), to_phone: &[Went], now: Time) -> Facts {
        let mut facts = self.base.clone();
        let cart = &mut facts.cart;
        cart.bought_at = cart.bought_at.filter(|at| *at <= now);
        cart.gone = self.gone_at.is_some_and(|at| at <= now);
        if cart.active_at > now {
            cart.active_at = self.quiet_since;
        }
        let binding = play.pack.binding(&facts.whereabouts, now);
        let give_up = play.rules.give_up_after().min(binding.give_up_after);
        let deadline = cart.abandoned_at.map(|at| at + give_up);
        facts.consent = ConsentFacts::of(&self.known(now), &play.rules.terms(&binding), deadline, now);
        let has_begun = to_phone.iter().any(|went| went.cart == place);
        let others: Vec<OtherText> = to_phone
            .iter()
            .filter(|went| went.cart != place)
            .map(|went| OtherText { at: went.at, with_code: went.with_code })
            .collect();
        let moments = || to_phone.iter().map(|went| went.at);
        facts.caps = CapFacts::of(moments(), moments(), now);
        facts.caps.of_this_cart = to_phone.iter().filter(|went| went.cart == place).map(|_| 1).sum();
        let sequence = self.course.as_ref().ok().and_then(|course| play.sequences.get(*course));
        if let Some(sequence) = sequence {
            facts.caps.cool_down = cool_down(&others, rests(sequence, step, has_begun), now);
        }
        let this_step = sequence.and_then(|sequence| sequence.step(step));
        let due_at = self.due(play, step).unwrap_or(now);
        facts.step = StepFacts {
            sequence: sequence.map(|sequence| sequence.id.clone()).unwrap_or_default(),
            number: step,
            due_at,
            deadline_at: this_step.and_then(|step| step.deadline()).map(|span| due_at + span),
            closed: this_step.map(|step| step.closed).unwrap_or_default(),
            left_out: self.left_out(sequence, step, now),
            made: None,
            discount: this_step.is_some_and(|step| step.discount.is_some()),
        };
        facts.content = self.written(step).and_then(|written| written.content.clone());
        facts
    }

    fn written(&self, step: u32) -> Option<&Written> {
        self.steps.get(usize::try_from(step).ok()?.checked_sub(1)?)
    }

    fn left_out(&self, sequence: Option<&Sequence>, step: u32, now: Time) -> Option<String> {
        let sequence = match (&self.course, sequence) {
            (Err(why), _) => return Some(why.clone()),
            (Ok(_), None) => return Some(String::new()),
            (Ok(_), Some(sequence)) => sequence,
        };
        let known = ExitFacts {
            newer_cart_at: self.newer_cart_at.filter(|at| *at <= now),
            items: self.items,
            ..ExitFacts::default()
        };
        let ended = exit(sequence, &known).map(str::to_owned);
        ended.or_else(|| self.written(step).and_then(|written| written.refusal.clone()))
    }

    /// What was on record by then. Requests to confirm and replies came of texts that went in truth: they are left out.
    fn known(&self, now: Time) -> Ledger {
        let consents = self.ledger.consents.iter().filter(|entry| entry.at <= now).cloned().collect();
        let outs = self.ledger.opt_outs.iter().filter(|entry| entry.at <= now).cloned().collect();
        let ordered_at = self.orders.iter().copied().filter(|at| *at < now).max();
        Ledger { ordered_at, active_at: ordered_at, ..Ledger::of(consents, outs) }
    }

    /// The plainest reason: a cart nobody could have texted is not counted as one that bought too soon.
    fn why(&self, decision: &Decision, facts: &Facts) -> Why {
        let shut = |gate: GateName| decision.gates.iter().any(|of| of.gate == gate && of.verdict != Verdict::Pass);
        if shut(GateName::Number) {
            return Why::Number;
        }
        if shut(GateName::Service) {
            return Why::Service;
        }
        if shut(GateName::OptOut) {
            return Why::OptedOut;
        }
        if shut(GateName::Consent) {
            let stops = decision.gates.iter().any(|of| of.gate == GateName::Consent && of.verdict == Verdict::Stop);
            return if stops { Why::NoConsent } else { Why::Unconfirmed };
        }
        match (facts.cart.bought_at, self.texted_at) {
            (Some(bought), Some(texted)) if texted <= bought => return Why::BoughtTexted,
            (Some(_), _) => return Why::Bought,
            (None, _) => {}
        }
        if decision.ran_out_of_time() {
            return Why::Late;
        }
        match decision.reason().map(|gate| gate.gate) {
            Some(GateName::Cart) if facts.step.left_out.is_some() => Why::Sequence,
            Some(GateName::Caps) => Why::Caps,
            Some(GateName::Time | GateName::Dispatch) => Why::Hours,
            Some(GateName::Content) => Why::Words,
            Some(GateName::Holdout) => Why::HeldOut,
            _ => Why::Cart,
        }
    }
}

/// Delays as they are asked for: in order, each once. Every problem in words.
pub fn check(days: u32, delays: &[u32]) -> Result<Vec<u32>, Vec<String>> {
    let mut problems = Vec::new();
    if !(DAYS_LEAST..=DAYS_MOST).contains(&days) {
        problems.push(format!("days: must be {DAYS_LEAST} to {DAYS_MOST}"));
    }
    if delays.len() > DELAYS_MOST {
        problems.push(format!("delays: at most {DELAYS_MOST}"));
    }
    if delays.iter().any(|minutes| *minutes > DELAY_MINUTES_MOST) {
        problems.push(format!("delays: each must be 0 to {DELAY_MINUTES_MOST} minutes"));
    }
    let mut sorted = delays.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if problems.is_empty() { Ok(sorted) } else { Err(problems) }
}

//! Sequence: what the choice of a cart's sequence and its early end are made of, read from the store. Which one it is and
//! whether it ends is asked of `domain::sequence`; here nothing is decided twice.

use std::slice;

use super::{
    experiment::{self, Drawn},
    facts::Asking,
    ingest::textable,
};
use crate::{
    domain::{
        cart::Cart,
        consent::Meaning,
        intent::{self, Intent},
        message::{MessageState, Purpose},
        phone::Phone,
        seal::ShopKeys,
        sequence::{
            CartTraits, Choice, ExitFacts, OtherText, Sequence, choose, cool_down as ask_cool_down, exit, rests,
        },
        time::Time,
    },
    store::{
        self, Error, Read,
        identity::{self, Kind, Name, Subject},
        message::Message,
        reply::How,
        shop::Shop,
    },
};

/// The sequence a cart follows, as it was when the cart was abandoned.
pub(crate) struct Plan {
    pub sequence: Sequence,
    /// Why nothing of it is sent any more.
    pub left_out: Option<String>,
    /// The arms of experiments it is in; what they change is in `sequence` already.
    pub drawn: Vec<Drawn>,
}

impl Plan {
    /// Of an abandoned cart. One that no sequence took has a plan without steps that says why.
    pub async fn of(read: &mut Read, shop: &Shop, keys: &ShopKeys, cart: &Cart) -> Result<Plan, Error> {
        let then = if cart.rules_version == shop.rules_version || cart.rules_version == 0 {
            None
        } else {
            store::rules::get(read, keys, cart.rules_version).await?
        };
        let abandoned_at = cart.abandoned_at.unwrap_or(cart.active_at());
        if cart.sequence.is_empty() && cart.rules_version > 0 {
            let rules = then.as_ref().unwrap_or(&shop.rules);
            let traits = traits(read, shop, keys, cart, abandoned_at, &rules.sequences).await?;
            let why = none_fits(&rules.sequences, &traits);
            return Ok(Plan { sequence: Sequence::default(), left_out: Some(why), drawn: Vec::new() });
        }
        let today = shop.rules.sequence(&cart.sequence);
        let left_out = match today.map(|sequence| sequence.on_since) {
            None => Some("its sequence was removed"),
            Some(None) => Some("its sequence was switched off"),
            // Off and on again is a new beginning: carts from before it stay out.
            Some(Some(on_since)) if on_since > abandoned_at => Some("its sequence was switched off meanwhile"),
            Some(Some(_)) => None,
        };
        let sequence = then.as_ref().and_then(|rules| rules.sequence(&cart.sequence)).or(today).cloned();
        let mut sequence = sequence.unwrap_or_default();
        let drawn = experiment::change(read, shop, keys, cart, &mut sequence).await?;
        Ok(Plan { sequence, left_out: left_out.map(str::to_owned), drawn })
    }

    /// When a step falls due, for a cart abandoned at this moment; `None` beyond the last. A cart without a sequence is
    /// asked about once, so that it can tell its story.
    pub fn due(&self, abandoned_at: Time, step: u32) -> Option<Time> {
        if self.sequence.steps.is_empty() && step == 1 {
            return Some(abandoned_at);
        }
        self.sequence.step_after(step).map(|after| abandoned_at + after)
    }
}

pub(crate) fn none_fits(sequences: &[Sequence], traits: &CartTraits) -> String {
    let told = |id: &String, why: &String| {
        let name = sequences.iter().find(|sequence| sequence.id == *id).map_or(id, |sequence| &sequence.name);
        format!("{name}: {why}")
    };
    match choose(sequences, traits) {
        // What was known when it was chosen has changed since; the choice has not.
        Choice::Chosen(_) => "no sequence was for this cart when it was abandoned".to_owned(),
        Choice::None { why } => {
            let why: Vec<String> = why.iter().map(|(id, why)| told(id, why)).collect();
            format!("no sequence is for this cart ({})", why.join(". "))
        }
    }
}

/// What of a cart matters to the choice.
pub(crate) async fn traits(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    cart: &Cart,
    abandoned_at: Time,
    asking: &[Sequence],
) -> Result<CartTraits, Error> {
    let returning = bought_before(read, keys, cart, abandoned_at).await?;
    let intent = asked_intent(read, keys, cart, abandoned_at, asking).await?;
    Ok(traits_of(shop, cart, abandoned_at, returning, intent))
}

/// What visitors did is read only where somebody asks.
pub(crate) async fn asked_intent(
    read: &mut Read,
    keys: &ShopKeys,
    cart: &Cart,
    until: Time,
    asking: &[Sequence],
) -> Result<Option<u8>, Error> {
    Ok(match asking.iter().any(Sequence::asks_intent) {
        true => intent(read, keys, cart, until).await?.map(|intent| intent.score),
        false => None,
    })
}

/// The same where it is known whether the person bought before, and how eagerly. Without an address its country is the
/// number's.
pub(crate) fn traits_of(
    shop: &Shop,
    cart: &Cart,
    abandoned_at: Time,
    returning: bool,
    intent: Option<u8>,
) -> CartTraits {
    let latest = &cart.latest;
    let phone = || textable(shop, &latest.who, None).and_then(|phone| phone.country());
    CartTraits {
        country: latest.country.clone().or_else(phone),
        language: latest.language.clone(),
        total: latest.total,
        item_titles: latest.items.iter().map(|item| item.title.clone()).collect(),
        tags: latest.tags.clone(),
        returning,
        source: latest.source.clone(),
        intent,
        abandoned_at,
    }
}

/// Events of one visitor that are looked at: the newest.
const EVENTS_MOST: u32 = 500;

/// How eagerly the visitor of a cart went about buying, where the pixel or a server told; by every name of the cart.
pub async fn intent(read: &mut Read, keys: &ShopKeys, cart: &Cart, until: Time) -> Result<Option<Intent>, Error> {
    let mut visitors = Vec::new();
    for (_, name) in identity::names(read, keys, Subject::Cart(cart.id)).await? {
        visitors.extend(store::site_event::named(read, keys, &name).await?);
    }
    visitors.sort_unstable();
    visitors.dedup();
    let mut events = Vec::new();
    for visitor in visitors {
        events.extend(store::site_event::newest_of_visitor(read, keys, &visitor, until, EVENTS_MOST).await?);
    }
    Ok(intent::intent(&events, until))
}

/// Every name of a cart that is a person's, not a checkout's.
pub(crate) async fn person(read: &mut Read, keys: &ShopKeys, cart: &Cart) -> Result<Vec<Name>, Error> {
    let mut names = identity::names(read, keys, Subject::Cart(cart.id)).await?;
    names.retain(|(kind, _)| *kind != Kind::Checkout);
    Ok(names)
}

pub(crate) async fn bought_before(read: &mut Read, keys: &ShopKeys, cart: &Cart, at: Time) -> Result<bool, Error> {
    for (_, value) in person(read, keys, cart).await? {
        if store::order::bought_before(read, keys, &value, at).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why this step is not sent: its sequence is over for this cart, or its own conditions do not hold.
pub(crate) async fn left_out(
    read: &mut Read,
    asking: &Asking<'_>,
    of_cart: &[Message],
) -> Result<Option<String>, Error> {
    let Asking { shop, keys, cart, plan, step, .. } = *asking;
    if plan.left_out.is_some() {
        return Ok(plan.left_out.clone());
    }
    let facts = exit_facts(read, asking, of_cart).await?;
    if let Some(why) = exit(&plan.sequence, &facts) {
        return Ok(Some(format!("its sequence ended: {why}")));
    }
    let Some(conditions) = plan.sequence.step(step).map(|step| &step.when) else { return Ok(None) };
    if *conditions == Default::default() {
        return Ok(None);
    }
    let traits =
        traits(read, shop, keys, cart, cart.abandoned_at.unwrap_or(cart.active_at()), slice::from_ref(&plan.sequence))
            .await?;
    Ok(conditions.refusal(&traits).map(|why| format!("text {step} is not for this cart: {why}")))
}

/// What happened since; only what the sequence asks about is looked up.
async fn exit_facts(read: &mut Read, asking: &Asking<'_>, of_cart: &[Message]) -> Result<ExitFacts, Error> {
    let Asking { shop, keys, cart, plan, .. } = *asking;
    let exits = plan.sequence.exits;
    let mut facts = ExitFacts { items: pieces(cart), ..ExitFacts::default() };
    if exits.superseded {
        facts.newer_cart_at = newer_cart_at(read, keys, cart).await?;
    }
    let left: Vec<&Message> = of_cart.iter().filter(|message| message.moments.may_have_left()).collect();
    if exits.clicked {
        for message in &left {
            let clicks = store::click::of_message(read, keys, message.id).await?;
            let tap = clicks.iter().find(|click| click.is_human()).map(|click| click.at);
            facts.clicked_at = facts.clicked_at.or(tap);
        }
    }
    let first_left = left.iter().filter_map(|message| message.moments.sending_at).min();
    let phone = textable(shop, &cart.latest.who, cart.latest.country.as_deref());
    if let (true, Some(since), Some(phone)) = (exits.replied, first_left, phone) {
        facts.replied_at = replied_at(read, keys, &phone, since).await?;
    }
    Ok(facts)
}

/// Replies looked through for one that says something.
const REPLIES_MOST: u32 = 20;

/// When the shopper last wrote something that a person of the shop has answered. Keywords are no conversation; while a reply
/// waits to be read it holds everything anyway, and its reader may say that texts go on.
async fn replied_at(read: &mut Read, keys: &ShopKeys, phone: &Phone, since: Time) -> Result<Option<Time>, Error> {
    let index = store::consent::phone_index(keys, phone);
    let replies = store::reply::of_phone(read, keys, &index, REPLIES_MOST).await?;
    let told = replies.iter().find(|reply| {
        let answered = reply.settled.as_ref().is_some_and(|settled| settled.how == How::Answered);
        reply.at >= since && reply.words.heard.meaning == Meaning::Unclear && answered
    });
    Ok(told.map(|reply| reply.at))
}

/// How many things lie in the cart; an empty list tells that only where the total agrees.
pub(crate) fn pieces(cart: &Cart) -> Option<u32> {
    let items = &cart.latest.items;
    if items.is_empty() {
        return cart.latest.total.filter(|total| total.minor == 0).map(|_| 0);
    }
    Some(items.iter().fold(0, |sum, item| sum.saturating_add(item.quantity)))
}

/// When the same person began the newest later cart that can be texted about: one without a number would leave them with
/// no text at all.
async fn newer_cart_at(read: &mut Read, keys: &ShopKeys, cart: &Cart) -> Result<Option<Time>, Error> {
    let mut newest = None;
    for (_, value) in person(read, keys, cart).await? {
        for id in store::cart::begun_after(read, keys, &value, cart.started_at).await? {
            if newest.is_some_and(|(_, known)| known == id) || id == cart.id {
                continue;
            }
            let Some(other) = store::cart::get(read, keys, id).await? else { continue };
            if other.is_open() && other.is_recoverable() {
                newest = newest.max(Some((other.started_at, id)));
                break;
            }
        }
    }
    Ok(newest.map(|(at, _)| at))
}

/// Until when another cart's sequence, or an earlier discount, keeps this step back from this phone, and why.
pub(crate) async fn cool_down(
    read: &mut Read,
    asking: &Asking<'_>,
    phone: &Phone,
    of_cart: &[Message],
    now: Time,
) -> Result<Option<(Time, String)>, Error> {
    let Asking { keys, cart, plan, step, sending, .. } = *asking;
    let has_begun = of_cart.iter().any(|message| message.moments.may_have_left());
    let rests = rests(&plan.sequence, step, has_begun);
    let longest = rests.0.max(rests.1);
    if longest.is_zero() {
        return Ok(None);
    }
    let index = store::consent::phone_index(keys, phone);
    let mut others = store::message::to_phone(read, keys, &index, now - longest - LEAVING_MOST).await?;
    others.retain(|other| {
        let counts =
            other.moments.may_have_left() || sending.is_none() && other.moments.state() == MessageState::Queued;
        other.purpose == Purpose::Reminder && other.about != cart.id.get() && counts
    });
    let others: Vec<OtherText> = others
        .iter()
        .map(|other| OtherText {
            at: other.moments.sending_at.unwrap_or(other.created_at),
            with_code: other.words.code.is_some(),
        })
        .collect();
    Ok(ask_cool_down(&others, rests, now))
}

/// A text leaves at most this long after it was made.
const LEAVING_MOST: std::time::Duration = std::time::Duration::from_secs(3 * 24 * 60 * 60);

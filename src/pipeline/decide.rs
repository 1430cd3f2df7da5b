//! Decide: an abandoned cart's next step is asked for, gate by gate; a yes becomes a queued message in the same
//! transaction as the verdict.

use super::{
    Core,
    ingest::{carried_consent, read_phone, textable},
};
use crate::{
    domain::{
        cart::Cart,
        consent::{Consent, OptOut, standing},
        decide::{Decision, Facts, GateName, GatewayFact, Verdict, decide as judge, expires_at, step_due},
        event::ConsentState,
        id::{CartId, DecisionId, MessageId},
        link::{self, Purpose},
        message::{MessageRef, MessageState, Moments},
        money::Money,
        phone::{Phone, PhoneProblem},
        seal::ShopKeys,
        sms,
        template::{self, Merge},
        time::Time,
        wording::{self, OptOutForm},
        zone,
    },
    gateway,
    store::{
        self, Error, Read, Tx,
        decision::Kept,
        gateway::Gateway,
        job::{self, Job},
        message::{Message, Words},
        shop::Shop,
    },
};

/// Decides about the next step of a cart, or waits until it is due.
pub async fn decide(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    let id = CartId::new(job.subject);
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return done(tx, job).await };
    let Some(cart) = store::cart::get(tx, &keys, id).await? else { return done(tx, job).await };
    let Some(abandoned_at) = cart.abandoned_at else { return done(tx, job).await };
    let decided = store::decision::of_cart(tx, &keys, id).await?;
    let step = next_step(&decided);
    let Some(due) = step_due(&shop.rules, abandoned_at, step) else { return done(tx, job).await };
    if due > now {
        return job::put_back(tx, job, due).await.map(|_| ());
    }
    let sender = sender(core, tx, &shop).await?;
    let asked = ask(tx, core, &shop, &keys, &cart, step, &sender, None).await?;
    let decision = asked.decision;
    if !repeats(&decided, step, &decision) {
        let kept = Kept { cart: id, step, at: now, decision: decision.clone() };
        store::decision::record(tx, &keys, DecisionId::new(core.fresh_id()), &kept).await?;
    }
    match decision.verdict {
        Verdict::Wait(until) => job::put_back(tx, job, until).await.map(|_| ()),
        Verdict::Pass => {
            if let (Ok(phone), Some(sender)) = (asked.phone, &sender) {
                remember_consent(tx, &keys, &phone, asked.carried.as_ref(), now).await?;
                let planned = Planned { cart: &cart, step, phone: &phone, sender, decision: &decision };
                queue(core, tx, &shop, &keys, planned).await?;
            }
            next(tx, job, &shop, abandoned_at, step, now).await
        }
        Verdict::Stop if ends_the_cart(&decision) => done(tx, job).await,
        Verdict::Stop => next(tx, job, &shop, abandoned_at, step, now).await,
    }
}

async fn done(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    job::finish(tx, job).await.map(|_| ())
}

async fn next(tx: &mut Tx, job: &Job, shop: &Shop, abandoned_at: Time, step: u32, now: Time) -> Result<(), Error> {
    match step_due(&shop.rules, abandoned_at, step + 1) {
        Some(due) => job::put_back(tx, job, due.max(now)).await.map(|_| ()),
        None => done(tx, job).await,
    }
}

/// The first step without a final verdict.
fn next_step(decided: &[Kept]) -> u32 {
    let last_final =
        decided.iter().filter(|kept| !matches!(kept.decision.verdict, Verdict::Wait(_))).map(|kept| kept.step);
    last_final.max().unwrap_or(0) + 1
}

/// A wait is told once, as long as its reason stays the same: a paused gateway is asked again every few minutes.
fn repeats(decided: &[Kept], step: u32, decision: &Decision) -> bool {
    let why = |decision: &Decision| decision.reason().map(|gate| (gate.gate, gate.why.clone()));
    let waits = |decision: &Decision| matches!(decision.verdict, Verdict::Wait(_));
    decided.last().is_some_and(|last| {
        last.step == step && waits(&last.decision) && waits(decision) && why(&last.decision) == why(decision)
    })
}

/// Bought, deleted or opted out: later steps would only say the same.
fn ends_the_cart(decision: &Decision) -> bool {
    decision
        .gates
        .iter()
        .any(|gate| gate.verdict == Verdict::Stop && matches!(gate.gate, GateName::Open | GateName::OptOut))
}

/// The gateway that would take a text of this shop now: its own newest, else the house's.
pub(crate) async fn sender(core: &Core, read: &mut Read, shop: &Shop) -> Result<Option<Gateway>, Error> {
    for tenant in [shop.id, crate::domain::id::ShopId::HOUSE] {
        let keys = core.vault.keys(read, tenant).await?;
        if let Some(newest) = store::gateway::list(read, &keys).await?.into_iter().next() {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

/// A verdict with what it was made of.
pub(crate) struct Asked {
    pub decision: Decision,
    pub phone: Result<Phone, PhoneProblem>,
    /// The consent the cart carries, if any.
    pub carried: Option<Consent>,
}

/// Loads the facts of one step and asks every gate. `this` is the message being sent, which does not count against
/// itself.
#[expect(clippy::too_many_arguments, reason = "the facts of a decision are many, and each has its own type")]
pub(crate) async fn ask(
    read: &mut Read,
    core: &Core,
    shop: &Shop,
    keys: &ShopKeys,
    cart: &Cart,
    step: u32,
    sender: &Option<Gateway>,
    this: Option<MessageId>,
) -> Result<Asked, Error> {
    let now = core.now();
    let latest = &cart.latest;
    let country = latest.country.as_deref();
    let phone = textable(shop, &latest.who, country).ok_or_else(|| why_not(shop, cart));
    let mut consents = Vec::new();
    let mut outs: Vec<OptOut> = Vec::new();
    let mut carried = None;
    let mut last_text_at = None;
    let mut zones = zone::Zones::default();
    if let Ok(phone) = &phone {
        let index = store::consent::phone_index(keys, phone);
        (consents, outs) = store::consent::of_phone(read, keys, &index).await?;
        carried = carried_consent(shop, cart, phone, &consents, &outs);
        consents.extend(carried.clone());
        zones = zone::candidates(phone, country, latest.region.as_deref(), latest.zone.as_deref());
        last_text_at = store::message::to_phone(read, keys, &index, now - shop.rules.rest())
            .await?
            .iter()
            .filter(|message| Some(message.id) != this && counts_against_rest(message, this.is_none()))
            .map(|message| message.moments.sending_at.unwrap_or(message.created_at))
            .max();
    }
    let this_step = store::message::of_cart(read, keys, cart.id)
        .await?
        .iter()
        .find(|message| message.step == step && Some(message.id) != this)
        .map(|message| message.moments.state());
    let facts = Facts {
        cart,
        zone: &super::zone_of(shop),
        step,
        rules: &shop.rules,
        shop_stopped: shop.stopped(),
        gateway: match sender {
            None => GatewayFact::None,
            Some(sender) if sender.paused_at.is_some() => GatewayFact::Paused,
            Some(_) => GatewayFact::Ready,
        },
        phone: phone.clone(),
        zones,
        standing: standing(&consents, &outs),
        this_step,
        last_text_at,
    };
    Ok(Asked { decision: judge(&facts, now), phone, carried })
}

/// A text that may have left; for a step that is only being decided also one that is about to. Two that wait to be sent
/// do not hold each other up: the first to go does.
fn counts_against_rest(message: &Message, deciding: bool) -> bool {
    message.moments.may_have_left() || deciding && message.moments.state() == MessageState::Queued
}

/// The problem of the number the shop trusts most.
fn why_not(shop: &Shop, cart: &Cart) -> PhoneProblem {
    let typed = cart.latest.who.phones.first();
    typed.map_or(PhoneProblem::NotANumber, |typed| {
        read_phone(shop, typed, cart.latest.country.as_deref()).err().unwrap_or(PhoneProblem::NotANumber)
    })
}

/// A text that went by a cart's own consent leaves that consent in the ledger, as its proof.
async fn remember_consent(
    tx: &mut Tx,
    keys: &ShopKeys,
    phone: &Phone,
    carried: Option<&Consent>,
    now: Time,
) -> Result<(), Error> {
    if let Some(consent) = carried.filter(|consent| consent.state == ConsentState::Granted) {
        let index = store::consent::phone_index(keys, phone);
        store::consent::record(tx, keys, &index, consent, now).await?;
    }
    Ok(())
}

struct Planned<'p> {
    cart: &'p Cart,
    step: u32,
    phone: &'p Phone,
    sender: &'p Gateway,
    decision: &'p Decision,
}

async fn queue(core: &Core, tx: &mut Tx, shop: &Shop, keys: &ShopKeys, planned: Planned<'_>) -> Result<(), Error> {
    let now = core.now();
    let id = MessageId::new(core.fresh_id());
    let words = words(core, shop, keys, &planned, id);
    let segments = sms::segments(&words.text);
    let message = Message {
        shop: shop.id,
        id,
        cart: planned.cart.id,
        step: planned.step,
        gateway_shop: planned.sender.shop,
        gateway: planned.sender.id,
        country: planned.phone.country().unwrap_or_default(),
        words: Words { encoding: segments.encoding, ..words },
        segments: segments.count,
        created_at: now,
        expires_at: expires_at(planned.cart, &shop.rules, planned.decision, now),
        attempt: 0,
        sending_by: None,
        moments: Moments::default(),
        reason: String::new(),
        gateway_ref: None,
        cost: None,
    };
    store::message::create(tx, keys, &message).await?;
    job::schedule(tx, shop.id, job::Kind::Send, id.get(), now).await
}

/// The text of a step. The shop's own wording where it has one; should that not render, the ready-made one does.
fn words(core: &Core, shop: &Shop, keys: &ShopKeys, planned: &Planned<'_>, id: MessageId) -> Words {
    let latest = &planned.cart.latest;
    let language = latest.language.as_deref();
    let reference = MessageRef { shop: shop.id, message: id };
    let two_way =
        gateway::by_kind(&planned.sender.kind).is_some_and(|kind| kind.hears_replies(&planned.sender.settings));
    let opt_out_url = format!("{}/o/{}", core.public_url, link::sign(keys, Purpose::OptOut, reference));
    let merge = Merge {
        first_name: latest.first_name.clone(),
        shop: shop.name.clone(),
        link: format!("{}/r/{}", core.public_url, link::sign(keys, Purpose::Restore, reference)),
        opt_out: wording::opt_out(
            &OptOutForm { two_way, url: &opt_out_url, short_code: None, country: planned.phone.country().as_deref() },
            language,
        ),
        total: latest.total.map(|total: Money| total.to_string()),
        items: latest.items.first().map(|item| item.title.clone()),
        item_count: latest.items.iter().map(|item| item.quantity).sum(),
        code: Some(shop.rules.discount_code.clone()).filter(|code| !code.is_empty()),
        ..Merge::default()
    };
    let own = template::render(shop.rules.text(planned.step, language), &merge);
    let text = own.unwrap_or_else(|problem| {
        tracing::warn!(shop = %shop.id, step = planned.step, %problem, "the shop's wording does not render; using ours");
        template::render(wording::text(language, planned.step), &merge).unwrap_or_default()
    });
    Words {
        phone: planned.phone.e164().to_owned(),
        encoding: sms::Encoding::Gsm7,
        text,
        language: latest.language.clone(),
        code: merge.code,
    }
}

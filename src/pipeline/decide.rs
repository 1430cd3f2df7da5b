//! Decide: an abandoned cart's next step is asked for, gate by gate; a yes becomes a queued message in the same
//! transaction as the verdict.

use super::{
    Core, confirm, dirty_cart,
    discount::{self, Giving},
    experiment,
    facts::{Asking, ask},
    guard, hand, holdout, ingest, route,
    sequence::Plan,
};
use crate::{
    domain::{
        cart::Cart,
        consent::Consent,
        decide::{Decision, Verdict, expires_at},
        event::ConsentState,
        id::{CartId, DecisionId, MessageId},
        message::{Moments, Purpose},
        phone::Phone,
        seal::ShopKeys,
        sms,
        time::Time,
    },
    store::{
        self, Error, Tx,
        decision::Kept,
        gateway::Gateway,
        job::{self, Job},
        message::{Message, Words},
        shop::Shop,
    },
};

/// Decides about the next step of a cart, or waits until it is due. Whether the job is done: its caller finishes it then.
pub async fn decide(core: &Core, tx: &mut Tx, job: &Job) -> Result<bool, Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    let id = CartId::new(job.subject);
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return Ok(true) };
    let Some(cart) = store::cart::get(tx, &keys, id).await? else { return Ok(true) };
    let Some(abandoned_at) = cart.abandoned_at else { return Ok(true) };
    let plan = Plan::of(tx, &shop, &keys, &cart).await?;
    let decided = store::decision::of_cart(tx, &keys, id).await?;
    let step = next_step(&decided);
    let Some(due) = plan.due(abandoned_at, step) else { return Ok(true) };
    let country = country(&shop, &cart);
    let sender = route::sender(core, tx, &shop, country.as_deref()).await?;
    if decided.is_empty() {
        experiment::enter(core, tx, (&shop, &keys), &cart, &plan, &sender).await?;
    }
    // Only the waiting time of a step can be passed over by hand; every gate is asked all the same.
    if due > now && hand::facts(tx, &keys, id, step).await?.sent_now_at.is_none() {
        return job::put_back(tx, job, due).await.map(|()| false);
    }
    let fresh = MessageId::new(core.fresh_id());
    let asking =
        Asking { shop: &shop, keys: &keys, cart: &cart, plan: &plan, step, sender: &sender, sending: None, fresh };
    let asked = ask(tx, core, &asking).await?;
    if let (Ok(phone), Some(facts)) = (&asked.phone, &asked.made_of.facts) {
        guard::act(core, tx, &shop, &keys, phone, &facts.risk).await?;
    }
    let decision = asked.decision;
    if let (Ok(phone), Some(facts)) = (&asked.phone, &asked.made_of.facts)
        && decision.is_eligible()
    {
        holdout::assign(tx, &keys, id, phone, facts.holdout.as_ref(), now).await?;
    }
    if !repeats(&decided, step, &decision) {
        let kept = Kept { cart: id, step, at: now, decision: decision.clone(), made_of: asked.made_of };
        store::decision::record(tx, &keys, DecisionId::new(core.fresh_id()), &kept).await?;
    }
    match decision.verdict {
        Verdict::Wait(until) => {
            if let (Some(which), Ok(phone), Some(sender)) = (decision.confirm, &asked.phone, &sender) {
                remember_consent(tx, &keys, phone, asked.carried.as_ref(), now).await?;
                confirm::request(core, tx, &asking, sender, phone, which, &decision).await?;
            }
            job::put_back(tx, job, until.max(now + LEAST_WAIT)).await.map(|()| false)
        }
        Verdict::Pass => {
            if let (Ok(phone), Some(sender), Some(words)) = (&asked.phone, &sender, asked.words) {
                remember_consent(tx, &keys, phone, asked.carried.as_ref(), now).await?;
                let sequence = plan.sequence.id.as_str();
                let planned =
                    Planned { id: fresh, cart: &cart, sequence, step, phone, sender, decision: &decision, words };
                // It keeps the place of its decision: were it due as of now, it would leave after everything overdue is decided.
                queue(core, tx, &shop, &keys, planned, &asked.giving, job.fell_due_at.min(now)).await?;
            }
            next(tx, job, &plan, abandoned_at, step, now).await
        }
        Verdict::Stop if decision.ends_the_cart() => Ok(true),
        Verdict::Stop => next(tx, job, &plan, abandoned_at, step, now).await,
    }
}

/// A wait is never shorter: what is asked for now is looked at again when it has been.
const LEAST_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

async fn next(tx: &mut Tx, job: &Job, plan: &Plan, abandoned_at: Time, step: u32, now: Time) -> Result<bool, Error> {
    match plan.due(abandoned_at, step + 1) {
        Some(due) => job::put_back(tx, job, due.max(now)).await.map(|()| false),
        None => Ok(true),
    }
}

/// The first step without a final verdict.
pub(crate) fn next_step(decided: &[Kept]) -> u32 {
    let last_final =
        decided.iter().filter(|kept| !matches!(kept.decision.verdict, Verdict::Wait(_))).map(|kept| kept.step);
    last_final.max().unwrap_or(0) + 1
}

/// A wait is told once, as long as its reason stays the same: a paused gateway is asked again every few minutes. A request
/// to confirm is always told.
fn repeats(decided: &[Kept], step: u32, decision: &Decision) -> bool {
    let why = |decision: &Decision| decision.reason().map(|gate| (gate.gate, gate.why.clone()));
    let waits = |decision: &Decision| matches!(decision.verdict, Verdict::Wait(_)) && decision.confirm.is_none();
    decided.last().is_some_and(|last| {
        last.step == step && waits(&last.decision) && waits(decision) && why(&last.decision) == why(decision)
    })
}

/// The country of the number a cart's texts would go to.
pub(crate) fn country(shop: &Shop, cart: &Cart) -> Option<String> {
    ingest::textable(shop, &cart.latest.who, cart.latest.country.as_deref())?.country()
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
        store::consent::append(tx, keys, &index, consent, now).await?;
    }
    Ok(())
}

/// A text to be queued.
struct Planned<'p> {
    id: MessageId,
    cart: &'p Cart,
    sequence: &'p str,
    step: u32,
    phone: &'p Phone,
    sender: &'p Gateway,
    decision: &'p Decision,
    words: Words,
}

async fn queue(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    planned: Planned<'_>,
    giving: &Giving,
    due_at: Time,
) -> Result<(), Error> {
    let now = core.now();
    let message = Message {
        shop: shop.id,
        id: planned.id,
        purpose: Purpose::Reminder,
        about: planned.cart.id.get(),
        sequence: planned.sequence.to_owned(),
        step: planned.step,
        gateway_shop: planned.sender.shop,
        gateway: planned.sender.id,
        country: planned.phone.country().unwrap_or_default(),
        segments: sms::segments(&planned.words.text).count,
        words: planned.words,
        created_at: now,
        expires_at: expires_at(planned.decision, now),
        attempt: 0,
        sending_by: None,
        moments: Moments::default(),
        reason: String::new(),
        gateway_ref: None,
        cost: None,
        cost_listed: false,
    };
    store::message::create(tx, keys, &message).await?;
    dirty_cart(tx, shop, keys, &message, now).await?;
    match giving {
        // It is sent when its code is there.
        Giving::New(new) => return discount::wish(tx, keys, new, &message, now).await,
        Giving::Not(why) => discount::cannot(tx, shop, why, now).await?,
        Giving::Fixed(_) | Giving::Nothing => {}
    }
    job::schedule(tx, shop.id, job::Kind::Send, planned.id.get(), due_at).await
}

//! Discount: a code for one text is made in the shop before that text leaves, and removed when its time is over unused.
//!
//! The code is ours and known beforehand, and carries a note of ours. So an answer that was lost is no trouble: the code is
//! asked for again, and the one that is there already turns out to be it. A text waits for its code for a quarter of an
//! hour; then, or when the shop refuses, it goes without one where the ready-made words are used, and is dropped where
//! the shopkeeper's own words promise one.

use std::time::Duration;

use jiff::{civil::Date, tz::TimeZone};

use super::{
    Core, ask, call, dirty,
    facts::{self, Asking},
    sequence::Plan,
};
use crate::{
    clock,
    domain::{
        discount::{self, NewCode, Off, same_code, taken_off},
        hours,
        id::{DiscountId, MessageId},
        message::MessageState,
        money::Money,
        order::Order,
        seal::ShopKeys,
        sequence::Discount as Wished,
        time::{DAY, HOUR, MINUTE, Time},
    },
    http::Request,
    shop::{self, Found, Made, Removed, pull::NotPulled},
    store::{
        self, Error, Read, Tx,
        discount::{Discount, Use},
        job::{self, Job},
        message::{Message, Words},
        shop::Shop,
    },
    transact,
};

/// What a text gives.
pub(crate) enum Giving {
    Nothing,
    /// A code that is the same for everybody.
    Fixed(String),
    /// A code of its own, to be made in the shop.
    New(NewCode),
    /// A code of its own was wished for and cannot be made: why, in words for the shopkeeper.
    Not(String),
}

impl Giving {
    pub fn code(&self) -> Option<&str> {
        match self {
            Giving::Fixed(code) => Some(code),
            Giving::New(new) => Some(&new.code),
            Giving::Nothing | Giving::Not(_) => None,
        }
    }

    /// What a code of its own takes off, as people read it in every language; free shipping is no figure.
    pub fn value(&self) -> Option<String> {
        let Giving::New(new) = self else { return None };
        match new.plan.off {
            Off::Percent(percent) => Some(format!("{percent} %")),
            Off::Amount(amount) => Some(format!("{} {}", amount.amount(), amount.currency)),
            Off::FreeShipping => None,
        }
    }

    /// The last day on which a code of its own works, in this zone.
    pub fn last_day(&self, zone: &TimeZone) -> Option<Date> {
        let Giving::New(new) = self else { return None };
        Some(hours::day_of(zone, new.expires_at))
    }
}

/// A shop's clock may be behind ours.
const STARTS_BEFORE: Duration = Duration::from_secs(10 * 60);

/// What the step that is asked for gives, should it be sent now.
pub(crate) fn giving(core: &Core, asking: &Asking<'_>) -> Giving {
    let Asking { shop, plan, step, .. } = *asking;
    let plan = match plan.sequence.step(step).and_then(|step| step.discount.as_ref()) {
        None => return Giving::Nothing,
        Some(Wished::Fixed(fixed)) => return Giving::Fixed(fixed.code.clone()),
        Some(Wished::Unique(plan)) => plan,
    };
    if let Some(why) = plan.misfit(shop.currency) {
        return Giving::Not(why);
    }
    let now = core.now();
    // Nothing applies a code after its link's life.
    let life = plan.valid_for().min(DAY * shop.rules.link_days);
    let new = NewCode {
        id: DiscountId::new(core.fresh_id()),
        code: discount::code(&shop.name, clock::random()),
        plan: plan.clone(),
        starts_at: now - STARTS_BEFORE,
        expires_at: now + life,
    };
    match request(shop, &new) {
        Ok(_) => Giving::New(new),
        Err(why) => Giving::Not(why),
    }
}

fn request(shop: &Shop, new: &NewCode) -> Result<Request, String> {
    let kind = shop::by_kind(&shop.kind).ok_or_else(|| format!("no connector {}", shop.kind))?;
    let made = kind.make_code(&shop.settings, new)?;
    made.ok_or_else(|| format!("the shop's settings have no key to make codes with ({})", kind.spec().name))
}

/// Notes the wish beside the text it is for, and has the code made first and the text sent afterwards.
pub(crate) async fn wish(
    tx: &mut Tx,
    keys: &ShopKeys,
    new: &NewCode,
    message: &Message,
    now: Time,
) -> Result<(), Error> {
    let Some(cart) = message.cart() else { return Ok(()) };
    store::discount::wish(tx, keys, new, cart, message.id, now).await?;
    job::schedule(tx, message.shop, job::Kind::Discount, new.id.get(), now).await
}

/// Whether a text still waits for its code.
pub(crate) async fn is_awaited(read: &mut Read, keys: &ShopKeys, message: &Message) -> Result<bool, Error> {
    if !message.words.own_code {
        return Ok(false);
    }
    let found = store::discount::of_message(read, keys, message.id).await?;
    Ok(found.is_some_and(|discount| discount.made_at.is_none() && discount.refused_at.is_none()))
}

/// The code a text's link applies now: its own one only while the shop takes it.
pub(crate) async fn applied(
    read: &mut Read,
    keys: &ShopKeys,
    message: &Message,
    now: Time,
) -> Result<Option<String>, Error> {
    let Some(code) = message.words.code.clone() else { return Ok(None) };
    if !message.words.own_code {
        return Ok(Some(code));
    }
    let found = store::discount::of_message(read, keys, message.id).await?;
    Ok(found.filter(|discount| discount.is_good(now)).map(|discount| discount.code))
}

/// How long a text waits for its code.
const MAKE_AT_MOST: Duration = Duration::from_secs(15 * 60);
/// First and longest wait between two times of asking for a code; it doubles in between.
const AGAIN_FIRST: Duration = Duration::from_secs(5);
const AGAIN_MOST: Duration = Duration::from_secs(2 * 60);
/// A code is removed this long after it expired, within a span that spreads the calls of one evening's texts.
const REMOVE_AFTER: Duration = HOUR;
const REMOVE_WITHIN_MINUTES: u32 = 60;
/// How often a removal that failed is tried again, and for how long: the code has expired in the shop by itself.
const REMOVE_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);
const REMOVE_AT_MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A call to the shop that is to be made with no transaction open.
enum Call {
    Make(Box<NewCode>),
    /// What the shop calls it.
    Remove(String),
}

enum Outcome {
    Made(Made),
    /// There is a code of this name already.
    Found(Found),
    Removed(Removed),
}

/// Makes one code, or removes it.
pub async fn discount(core: &Core, job: &Job) -> Result<(), Error> {
    let prepared: Option<(Call, Shop)> = transact!(core.db, |tx| prepare(core, tx, job).await?)?;
    let Some((call, shop)) = prepared else { return Ok(()) };
    let outcome = exchange(core, &shop, call).await;
    transact!(core.db, |tx| record(core, tx, job, &outcome).await?)
}

async fn prepare(core: &Core, tx: &mut Tx, job: &Job) -> Result<Option<(Call, Shop)>, Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    if !job::holds(tx, job).await? {
        return Ok(None);
    }
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return finish(tx, job).await };
    let Some(discount) = store::discount::get(tx, &keys, DiscountId::new(job.subject)).await? else {
        return finish(tx, job).await;
    };
    if discount.refused_at.is_some() || discount.removed_at.is_some() || discount.used_at.is_some() {
        return finish(tx, job).await;
    }
    if discount.made_at.is_some() {
        let due = remove_at(&discount);
        if now < due {
            job::put_back(tx, job, due).await?;
            return Ok(None);
        }
        return match shop::by_kind(&shop.kind).and_then(|kind| kind.remove_code(&shop.settings, &discount.external_id))
        {
            Some(_) => Ok(Some((Call::Remove(discount.external_id), shop))),
            None => finish(tx, job).await,
        };
    }
    let message = store::message::get(tx, &keys, discount.message).await?;
    let Some(message) = message.filter(|message| message.moments.state() == MessageState::Queued) else {
        store::discount::refuse(tx, &keys, discount.id, "its text is not sent", now).await?;
        return finish(tx, job).await;
    };
    if now >= give_up_at(&discount, &message) {
        let why = "the shop did not make it in time";
        without(core, tx, &shop, &keys, &discount, message, why).await?;
        return finish(tx, job).await;
    }
    let new = new_code(&discount);
    match request(&shop, &new) {
        Ok(_) => Ok(Some((Call::Make(Box::new(new)), shop))),
        Err(why) => {
            without(core, tx, &shop, &keys, &discount, message, &why).await?;
            finish(tx, job).await
        }
    }
}

async fn finish<T>(tx: &mut Tx, job: &Job) -> Result<Option<T>, Error> {
    job::finish(tx, job).await?;
    Ok(None)
}

fn new_code(discount: &Discount) -> NewCode {
    NewCode {
        id: discount.id,
        code: discount.code.clone(),
        plan: discount.plan.clone(),
        starts_at: discount.wanted_at - STARTS_BEFORE,
        expires_at: discount.expires_at,
    }
}

fn give_up_at(discount: &Discount, message: &Message) -> Time {
    (discount.wanted_at + MAKE_AT_MOST).min(message.expires_at - MINUTE)
}

fn remove_at(discount: &Discount) -> Time {
    let spread = u32::try_from(discount.id.get().rem_euclid(i64::from(REMOVE_WITHIN_MINUTES))).unwrap_or(0);
    discount.expires_at + REMOVE_AFTER + MINUTE * spread
}

async fn exchange(core: &Core, shop: &Shop, call: Call) -> Outcome {
    let Some(kind) = shop::by_kind(&shop.kind) else {
        return Outcome::Made(Made::Refused(format!("no connector {}", shop.kind)));
    };
    let gone = || NotPulled::Refused("this shop has no API for codes".into());
    match call {
        Call::Make(new) => {
            let made = match ask::shop(core, shop, |settings| kind.make_code(settings, &new)).await {
                Ok(answer) => answer.map_or_else(
                    || Made::Refused("this shop cannot make codes".into()),
                    |answer| kind.made_code(&answer),
                ),
                Err(NotPulled::Later { why, .. }) => Made::Later(why),
                Err(why) => Made::Refused(why.to_string()),
            };
            if made != Made::Exists {
                return Outcome::Made(made);
            }
            if kind.find_code(&shop.settings, &new.code).is_none() {
                return Outcome::Made(Made::Refused("the shop has a code of this name".into()));
            }
            let asked = ask::shop(core, shop, |settings| Ok(kind.find_code(settings, &new.code))).await;
            Outcome::Found(match asked.and_then(|answer| answer.ok_or_else(gone)) {
                Ok(answer) => kind.found_code(&answer, &new.note()),
                Err(NotPulled::Later { why, .. }) => Found::Later(why),
                Err(why) => Found::Refused(why.to_string()),
            })
        }
        Call::Remove(id) => {
            let asked = ask::shop(core, shop, |settings| Ok(kind.remove_code(settings, &id))).await;
            Outcome::Removed(match asked.and_then(|answer| answer.ok_or_else(gone)) {
                Ok(answer) => kind.removed_code(&answer),
                Err(NotPulled::Later { why, .. }) => Removed::Later(why),
                Err(why) => Removed::Refused(why.to_string()),
            })
        }
    }
}

async fn record(core: &Core, tx: &mut Tx, job: &Job, outcome: &Outcome) -> Result<(), Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    if !job::holds(tx, job).await? {
        return Ok(());
    }
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return Ok(()) };
    let Some(discount) = store::discount::get(tx, &keys, DiscountId::new(job.subject)).await? else {
        return job::finish(tx, job).await.map(|_| ());
    };
    let message = store::message::get(tx, &keys, discount.message).await?;
    match outcome {
        Outcome::Made(Made::Done { id }) | Outcome::Found(Found::Ours { id }) => {
            store::discount::made(tx, &keys, discount.id, id, now).await?;
            store::alarm::clear(tx, shop.id, ALARM, "", now).await?;
            dirty(tx, &shop, now, now).await?;
            if message.is_some_and(|message| message.moments.state() == MessageState::Queued) {
                job::schedule(tx, shop.id, job::Kind::Send, discount.message.get(), now).await?;
            }
            job::put_back(tx, job, remove_at(&discount)).await
        }
        Outcome::Made(Made::Refused(why)) | Outcome::Found(Found::Refused(why)) => {
            match message {
                Some(message) => without(core, tx, &shop, &keys, &discount, message, why).await?,
                None => store::discount::refuse(tx, &keys, discount.id, why, now).await?,
            }
            job::finish(tx, job).await.map(|_| ())
        }
        Outcome::Found(Found::Foreign) => {
            if let Some(message) = message {
                let another = NewCode { code: discount::code(&shop.name, clock::random()), ..new_code(&discount) };
                store::discount::rename(tx, &keys, discount.id, &another.code).await?;
                rewrite(core, tx, &shop, &keys, message, &Giving::New(another)).await?;
            }
            job::put_back(tx, job, now + AGAIN_FIRST).await
        }
        Outcome::Made(Made::Later(_) | Made::Exists) | Outcome::Found(Found::Later(_) | Found::Nothing) => {
            let again = now + now.since(discount.wanted_at).clamp(AGAIN_FIRST, AGAIN_MOST);
            // The text waits no longer than it has to.
            let until = message.map_or(again, |message| give_up_at(&discount, &message).max(now));
            job::put_back(tx, job, again.min(until)).await
        }
        Outcome::Removed(Removed::Gone) => {
            store::discount::removed(tx, &keys, discount.id, now).await?;
            job::finish(tx, job).await.map(|_| ())
        }
        Outcome::Removed(Removed::Refused(why) | Removed::Later(why)) => {
            if now.since(discount.expires_at) < REMOVE_AT_MOST {
                return job::put_back(tx, job, now + REMOVE_AGAIN).await;
            }
            tracing::warn!(shop = %shop.id, discount = %discount.id, why, "an expired code stays in the shop");
            job::finish(tx, job).await.map(|_| ())
        }
    }
}

const ALARM: &str = "discount";

/// There is no code for this text: it goes without one where its words are the ready-made ones, else it is dropped.
async fn without(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    discount: &Discount,
    message: Message,
    why: &str,
) -> Result<(), Error> {
    let now = core.now();
    store::discount::refuse(tx, keys, discount.id, why, now).await?;
    cannot(tx, shop, why, now).await?;
    if message.moments.state() != MessageState::Queued {
        return Ok(());
    }
    let id = message.id;
    if rewrite(core, tx, shop, keys, message, &Giving::Not(why.to_owned())).await? {
        job::schedule(tx, shop.id, job::Kind::Send, id.get(), now).await?;
    }
    Ok(())
}

/// One alarm, not one for every text.
pub(crate) async fn cannot(tx: &mut Tx, shop: &Shop, why: &str, now: Time) -> Result<(), Error> {
    let words = format!(
        "Discount codes cannot be made in the shop: {why}. Until that is mended, texts with ready-made words go without \
         a discount, and texts with your own words are dropped."
    );
    if store::alarm::raise(tx, shop.id, ALARM, "", &words, now).await? {
        tracing::warn!(shop = %shop.id, why, "a discount code could not be made");
    }
    Ok(())
}

/// Writes a waiting text anew, with another code or without one; `false` when that cannot be said and it is dropped.
async fn rewrite(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    mut message: Message,
    giving: &Giving,
) -> Result<bool, Error> {
    let now = core.now();
    match reworded(core, tx, shop, keys, &message, giving).await? {
        Ok(words) => {
            message.segments = crate::domain::sms::segments(&words.text).count;
            message.words = words;
            store::message::save(tx, keys, &message).await?;
            Ok(true)
        }
        Err(why) => {
            message.moments.cancelled_at = Some(now);
            message.reason = why;
            store::message::save(tx, keys, &message).await?;
            Ok(false)
        }
    }
}

/// The words of a text's step that gives this, or why there are none.
async fn reworded(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    giving: &Giving,
) -> Result<Result<Words, String>, Error> {
    let gone = || Ok(Err("its cart is gone".to_owned()));
    let Some(cart) = message.cart() else { return gone() };
    let Some(cart) = store::cart::get(read, keys, cart).await? else { return gone() };
    let plan = Plan::of(read, shop, keys, &cart).await?;
    let sender = super::route::sender(core, read, shop, Some(message.country.as_str())).await?;
    let asking = Asking {
        shop,
        keys,
        cart: &cart,
        plan: &plan,
        step: message.step,
        sender: &sender,
        sending: None,
        fresh: message.id,
    };
    let sequence = &plan.sequence;
    let call_number = call::shown(read, keys, sequence.step(message.step), &sequence.id, message.id).await?;
    let (words, content) = facts::written_for(core, &asking, &message.phone(), giving, call_number);
    let problem = content.and_then(|content| content.problem());
    Ok(match (words, problem) {
        (Some(words), None) => Ok(words),
        (_, problem) => Err(problem.unwrap_or_else(|| "it could not be written".to_owned())),
    })
}

/// Notes which codes of texts an order used, and what they took off. `winner` is the text the order is credited to: a code
/// that many texts share is that one's.
pub(crate) async fn note_uses(
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    order: &Order,
    winner: Option<MessageId>,
    now: Time,
) -> Result<(), Error> {
    let latest = &order.latest;
    let before = store::discount::uses_of(tx, keys, order.id).await?;
    let mut uses: Vec<Use> = Vec::new();
    if let Some(at) = order.placed_at.filter(|_| !latest.test) {
        let took = |code: &str| match (order.cancelled_at, taken_off(&latest.discounts, code)) {
            (None, Some(amount)) => amount,
            _ => Money::new(0, latest.total.currency),
        };
        for code in &latest.codes {
            let Some(found) = store::discount::by_code(tx, keys, code).await? else { continue };
            let step = store::message::get(tx, keys, found.message).await?.map_or(0, |message| message.step);
            uses.push(Use { message: found.message, step, at, amount: took(code) });
        }
        if let Some(winner) = winner
            && let Some(message) = store::message::get(tx, keys, winner).await?
            && let Some(code) = message.words.code.as_ref().filter(|_| !message.words.own_code)
            && latest.codes.iter().any(|used| same_code(used, code))
        {
            uses.push(Use { message: winner, step: message.step, at, amount: took(code) });
        }
    }
    store::discount::replace_uses(tx, keys, order.id, &uses).await?;
    for at in before.iter().chain(&uses).map(|each| each.at) {
        dirty(tx, shop, at, now).await?;
    }
    Ok(())
}

/// The texts whose own code an order used, whoever it was.
pub(crate) async fn told_by_code(read: &mut Read, keys: &ShopKeys, order: &Order) -> Result<Vec<Message>, Error> {
    let mut found = Vec::new();
    for code in &order.latest.codes {
        if let Some(discount) = store::discount::by_code(read, keys, code).await?
            && let Some(message) = store::message::get(read, keys, discount.message).await?
        {
            found.push(message);
        }
    }
    Ok(found)
}

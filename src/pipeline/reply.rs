//! Reply: what people text back is kept, once, and heeded at once: a stop ends texts, a start takes the stop back, a yes
//! confirms the request that waits for it, and what nobody understands holds further texts until a person of the shop has
//! read it. What a reply means is `domain::consent::heard`'s to say.

use super::{Core, answer, ledger, settle};
use crate::{
    domain::{
        consent::{
            Consent, Ledger, Meaning, OptOut, OutProof,
            heard::{self, Answer, Heard, Rule},
        },
        event::{ConsentProof, ConsentState, ReplyProof},
        id::{GatewayId, MessageId, ReplyId, ShopId},
        message::Reply as Told,
        phone::Phone,
        seal::ShopKeys,
        time::{DAY, Time},
    },
    store::{
        self, Error, Read, Tx, identity, job,
        message::Message,
        reply::{How, Reply, Settled, Words},
        shop::Shop,
    },
    transact,
};

/// A shop that texted a phone this long ago is still meant by its replies.
const TEXTED_WITHIN_DAYS: u32 = 400;

/// Where and when a reply was heard.
#[derive(Clone, Copy)]
pub(crate) struct Heeding<'r> {
    /// Whose gateway heard it: a shop, or the house.
    pub tenant: ShopId,
    pub gateway: GatewayId,
    pub told: &'r Told,
    pub at: Time,
}

/// A shop the reply may be meant for.
struct Meant {
    shop: ShopId,
    /// When it last texted this phone; `None` when it never did.
    texted_at: Option<Time>,
    heard: Heard,
}

/// Heeds a reply in every shop it is meant for; doing it again changes nothing.
pub(crate) async fn take(core: &Core, reply: Heeding<'_>) -> Result<(), Error> {
    let Ok(phone) = Phone::read(&reply.told.from, &[]) else { return Ok(()) };
    let mut found = Vec::new();
    let mut read = core.db.read().await?;
    for shop in shops(&mut read, reply.tenant).await? {
        let keys = match core.vault.keys(&mut read, shop).await {
            Ok(keys) => keys,
            Err(error) if error.is_outage() => return Err(error),
            // One shop whose key does not open must not keep a stop from the others.
            Err(error) => {
                tracing::error!(%shop, %error, "a reply cannot be heard for this shop");
                continue;
            }
        };
        let (ledger, texts) = on_record(&mut read, &keys, &phone, reply.at).await?;
        let texted_at = texts.iter().map(|text| text.moments.sending_at.unwrap_or(text.created_at)).max();
        let heard = hear(&phone, reply, &ledger);
        found.push(Meant { shop, texted_at, heard });
    }
    drop(read);
    for (place, shop) in meant(found, reply.tenant).into_iter().enumerate() {
        // One answer, whoever's gateway it is: from the shop that texted last.
        heed(core, shop, &phone, reply, place == 0).await?;
    }
    Ok(())
}

/// The shops that text through this gateway.
async fn shops(read: &mut Read, tenant: ShopId) -> Result<Vec<ShopId>, Error> {
    if tenant != ShopId::HOUSE {
        return Ok(vec![tenant]);
    }
    let own = store::gateway::shops_with_own(read).await?;
    Ok(store::shop::ids(read).await?.into_iter().filter(|shop| !own.contains(shop)).collect())
}

/// Which of them: the first is the one that answers.
///
/// A stop to the house counts for every shop that has texted this phone, and when none has, for all: it is never lost for
/// want of knowing whom it was meant for. A start is for all that were stopped. Anything else is for the one that texted
/// last, and a yes for the one that asked: what a person writes is not shown to shops it was not written to.
fn meant(mut found: Vec<Meant>, tenant: ShopId) -> Vec<ShopId> {
    found.sort_by_key(|each| std::cmp::Reverse(each.texted_at));
    let ids = |found: Vec<Meant>| found.into_iter().map(|each| each.shop).collect();
    if tenant != ShopId::HOUSE {
        return ids(found);
    }
    let is_stop = |each: &Meant| each.heard.meaning == Meaning::Stop && each.heard.rule != Some(Rule::Refused);
    let nobody_texted = found.iter().all(|each| each.texted_at.is_none());
    if found.iter().any(is_stop) {
        found.retain(|each| nobody_texted || each.texted_at.is_some());
        return ids(found);
    }
    let answers_us = |each: &Meant| {
        matches!(each.heard.meaning, Meaning::Confirm | Meaning::Start) || each.heard.rule == Some(Rule::Refused)
    };
    let all = found.iter().any(|each| each.heard.meaning == Meaning::Start);
    if found.iter().any(answers_us) {
        found.retain(answers_us);
    } else {
        found.retain(|each| each.texted_at.is_some());
    }
    if !all {
        found.truncate(1);
    }
    ids(found)
}

fn hear(phone: &Phone, reply: Heeding<'_>, ledger: &Ledger) -> Heard {
    let us_number = phone.country().is_some_and(|country| country == "US");
    heard::hear(&reply.told.text, us_number, ledger, reply.at)
}

/// The record of this phone in one shop, and the texts that went to it, newest last.
async fn on_record(read: &mut Read, keys: &ShopKeys, phone: &Phone, at: Time) -> Result<(Ledger, Vec<Message>), Error> {
    let index = store::consent::phone_index(keys, phone);
    let mut texts = store::message::to_phone(read, keys, &index, at - DAY * TEXTED_WITHIN_DAYS).await?;
    texts.sort_by_key(|text| text.id);
    let since = at - ledger::REQUESTS_LOOK_BACK;
    let recent: Vec<Message> = texts.iter().filter(|text| text.created_at >= since).cloned().collect();
    let said = store::consent::of_phone(read, keys, &index).await?;
    let ledger = ledger::of_phone(read, keys, &index, &recent, said).await?;
    texts.retain(|text| text.moments.may_have_left());
    Ok((ledger, texts))
}

async fn heed(core: &Core, shop: ShopId, phone: &Phone, reply: Heeding<'_>, may_answer: bool) -> Result<(), Error> {
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        if let Some((shop, keys)) = core.shop(tx, shop).await?
            && shop.erased_at.is_none()
        {
            heed_in(core, tx, &shop, &keys, phone, reply, may_answer).await?;
        }
    })?;
    core.wake.notify_one();
    Ok(())
}

async fn heed_in(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    phone: &Phone,
    reply: Heeding<'_>,
    may_answer: bool,
) -> Result<(), Error> {
    let now = core.now();
    let index = store::consent::phone_index(keys, phone);
    let (ledger, texts) = on_record(tx, keys, phone, reply.at).await?;
    let heard = hear(phone, reply, &ledger);
    let waits = heard.meaning == Meaning::Unclear || heard.doubtful;
    let kept = Reply {
        id: ReplyId::new(core.fresh_id()),
        phone: index,
        at: reply.at,
        gateway_shop: reply.tenant,
        gateway: reply.gateway,
        follows: texts.last().map(|text| text.id),
        words: Words {
            text: reply.told.text.clone(),
            from: phone.e164().to_owned(),
            to: reply.told.to.clone(),
            gateway_ref: reply.told.gateway_ref.clone(),
            answered: reply.told.answered,
            heard: heard.clone(),
        },
        settled: (!waits).then(|| Settled { at: now, by: String::new(), how: How::Heeded }),
    };
    let name = [&reply.tenant.to_string(), &reply.gateway.to_string(), &reply.told.gateway_ref, &reply.told.text];
    if !store::reply::keep(tx, keys, &keys.index("reply", &name.map(String::as_str).join("\0")), &kept).await? {
        return Ok(());
    }
    let wanted = heard::answer(&heard, &ledger, reply.told.answered).filter(|_| may_answer);
    let last_in = texts.last().and_then(|text| text.words.language.clone());
    let language = heard.reply_language().map(str::to_owned).or(last_in);
    let mut heeding = Answering { core, shop, keys, reply: &kept, language, sent: None };
    match heard.meaning {
        Meaning::Stop => {
            // What waits is cancelled first: the confirmation is queued after it.
            settle::silence(tx, keys, &index, "opted out by reply", now).await?;
            heeding.send(tx, wanted).await?;
            let proof = stop_proof(&kept, reply, heeding.sent, now);
            let entry = OptOut { at: reply.at, source: "reply".into() };
            settle::opt_out_with(core, tx, keys, &index, entry, &proof, shop).await?;
        }
        Meaning::Start => {
            let proof = ConsentProof {
                source: "reply".into(),
                given_at: Some(reply.at),
                reply: Some(reply_proof(&kept, None)),
                ..ConsentProof::default()
            };
            let entry = Consent { state: ConsentState::Restored, at: reply.at, proof };
            store::consent::record(tx, keys, &index, &entry, now).await?;
            heeding.send(tx, wanted).await?;
        }
        Meaning::Confirm => {
            confirm(tx, keys, &kept, &texts, now).await?;
            heeding.send(tx, wanted).await?;
            hurry(tx, shop.id, keys, &index, now).await?;
        }
        Meaning::Help => heeding.send(tx, wanted).await?,
        Meaning::Nothing | Meaning::Unclear => {}
    }
    if waits {
        say_that_some_wait(tx, shop.id, keys, now).await?;
    }
    Ok(())
}

struct Answering<'a> {
    core: &'a Core,
    shop: &'a Shop,
    keys: &'a ShopKeys,
    reply: &'a Reply,
    language: Option<String>,
    sent: Option<MessageId>,
}

impl Answering<'_> {
    async fn send(&mut self, tx: &mut Tx, wanted: Option<Answer>) -> Result<(), Error> {
        let Some(wanted) = wanted else { return Ok(()) };
        let language = self.language.as_deref();
        self.sent = answer::queue(self.core, tx, self.shop, self.keys, self.reply, wanted, language).await?;
        Ok(())
    }
}

fn stop_proof(kept: &Reply, reply: Heeding<'_>, answer: Option<MessageId>, now: Time) -> OutProof {
    let heard = kept.words.heard.clone();
    OutProof {
        text: Some(kept.words.text.clone()),
        word: heard.word,
        language: heard.language,
        rule: heard.rule,
        sent_to: Some(kept.words.to.clone()),
        received_at: Some(reply.at),
        applied_at: Some(now),
        reply: Some(kept.id.get()),
        message: kept.follows.map(MessageId::get),
        answer: answer.map(MessageId::get),
        gateway_answered: reply.told.answered,
        ..OutProof::default()
    }
}

fn reply_proof(kept: &Reply, request: Option<&Message>) -> ReplyProof {
    ReplyProof {
        text: kept.words.text.clone(),
        received_at: kept.at,
        gateway_ref: Some(kept.words.gateway_ref.clone()),
        gateway: kept.gateway.get(),
        request: request.map(|message| message.id.get()),
        request_text: request.map(|message| message.words.text.clone()),
    }
}

/// The yes, with the request it answers, becomes a confirmed consent.
async fn confirm(tx: &mut Tx, keys: &ShopKeys, kept: &Reply, texts: &[Message], now: Time) -> Result<(), Error> {
    let request = texts.iter().rev().find(|text| ledger::is_request(text));
    let proof = ConsentProof {
        source: "reply".into(),
        level: Some("double_opt_in".into()),
        text: request.map(|request| request.words.text.clone()),
        given_at: Some(kept.at),
        language: request.and_then(|request| request.words.language.clone()),
        reply: Some(reply_proof(kept, request)),
        ..ConsentProof::default()
    };
    let entry = Consent { state: ConsentState::Granted, at: kept.at, proof };
    store::consent::record(tx, keys, &kept.phone, &entry, now).await.map(|_| ())
}

/// Whatever of this phone waited for a word is looked at again at once.
async fn hurry(tx: &mut Tx, shop: ShopId, keys: &ShopKeys, phone: &[u8; 16], now: Time) -> Result<(), Error> {
    for cart in identity::carts(tx, keys, phone).await? {
        job::hurry_one(tx, shop, job::Kind::Decide, cart.get(), now).await?;
    }
    for message in store::message::to_phone(tx, keys, phone, now - ledger::REQUESTS_LOOK_BACK).await? {
        job::hurry_one(tx, shop, job::Kind::Send, message.id.get(), now).await?;
    }
    Ok(())
}

const ALARM: &str = "replies";

/// One alarm, however many wait; gone when the last one is settled.
async fn say_that_some_wait(tx: &mut Tx, shop: ShopId, keys: &ShopKeys, now: Time) -> Result<(), Error> {
    if store::reply::count_open(tx, keys).await? == 0 {
        return store::alarm::clear(tx, shop, ALARM, "", now).await;
    }
    let words = "Replies wait to be read; until then their phones get no further texts.";
    store::alarm::raise(tx, shop, ALARM, "", words, now).await.map(|_| ())
}

/// Notes how a person of the shop has read a reply, and does what follows: a wish to be left alone is an opt-out as of when
/// it came; otherwise texts to this phone go on, unless the ledgers say no. `false` when there is nothing to settle.
pub async fn settle(core: &Core, shop: ShopId, id: ReplyId, how: How, by: &str) -> Result<bool, Error> {
    let settled = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            Some((shop, keys)) => settle_in(core, tx, (&shop, &keys), id, how, by).await?,
            None => false,
        }
    })?;
    core.wake.notify_one();
    Ok(settled)
}

async fn settle_in(
    core: &Core,
    tx: &mut Tx,
    (shop, keys): (&Shop, &ShopKeys),
    id: ReplyId,
    how: How,
    by: &str,
) -> Result<bool, Error> {
    let now = core.now();
    let Some(reply) = store::reply::get(tx, keys, id).await? else { return Ok(false) };
    if !store::reply::settle(tx, keys, id, &Settled { at: now, by: by.to_owned(), how }).await? {
        return Ok(false);
    }
    if how == How::OptedOut {
        let proof = OutProof {
            text: Some(reply.words.text.clone()),
            rule: Some(Rule::Human),
            sent_to: Some(reply.words.to.clone()),
            received_at: Some(reply.at),
            applied_at: Some(now),
            reply: Some(id.get()),
            message: reply.follows.map(MessageId::get),
            by: Some(by.to_owned()),
            ..OutProof::default()
        };
        let entry = OptOut { at: reply.at, source: "reply".into() };
        settle::opt_out_with(core, tx, keys, &reply.phone, entry, &proof, shop).await?;
    } else {
        hurry(tx, shop.id, keys, &reply.phone, now).await?;
    }
    say_that_some_wait(tx, shop.id, keys, now).await?;
    Ok(true)
}

/// Opts a number out by hand, as somebody asked by mail, by telephone or at the counter. There is no way to do the opposite.
pub async fn opt_out_by_hand(core: &Core, shop: ShopId, phone: &Phone, why: &str, by: &str) -> Result<bool, Error> {
    let keys = match core.shop(&mut core.db.read().await?, shop).await? {
        Some((_, keys)) => keys,
        None => return Ok(false),
    };
    opt_out_known(core, shop, &store::consent::phone_index(&keys, phone), why, by).await
}

/// The same for a phone known by its blind index.
pub async fn opt_out_known(core: &Core, shop: ShopId, phone: &[u8; 16], why: &str, by: &str) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            Some((shop, keys)) => {
                let proof = OutProof {
                    rule: Some(Rule::Human),
                    received_at: Some(now),
                    applied_at: Some(now),
                    by: Some(by.to_owned()),
                    note: Some(why.to_owned()).filter(|why| !why.is_empty()),
                    ..OutProof::default()
                };
                let entry = OptOut { at: now, source: "operator".into() };
                settle::opt_out_with(core, tx, &keys, phone, entry, &proof, &shop).await?;
                true
            }
            None => false,
        }
    })
}

//! Answer: one text in return for a reply: that texts have ended, come again, were confirmed, or who we are. It leaves
//! within five minutes of the reply or never, through the gateway the person wrote to.

use super::Core;
use crate::{
    domain::{
        consent::heard::{ANSWER_WITHIN, Answer},
        id::MessageId,
        message::{Moments, Purpose},
        phone::Phone,
        seal::ShopKeys,
        sms,
        time::{DAY, Time},
        wording::{self, Programme, Service},
    },
    store::{
        self, Error, Tx, job,
        message::{Message, Words},
        reply::Reply,
        shop::Shop,
    },
};

/// Answers to one phone in a day, the confirmation of a stop not counted: two machines must not talk for ever.
const ANSWERS_A_DAY: usize = 3;

/// Which answer a message is, as its step.
pub(crate) fn step(answer: Answer) -> u32 {
    match answer {
        Answer::Stopped => 1,
        Answer::Help => 2,
        Answer::Started => 3,
        Answer::Confirmed => 4,
    }
}

/// The one text somebody who opted out may still get.
pub(crate) fn confirms_a_stop(message: &Message) -> bool {
    message.purpose == Purpose::Answer && message.step == step(Answer::Stopped)
}

/// Queues the answer. `None` when it would come too late, or too many went already.
pub(crate) async fn queue(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    reply: &Reply,
    answer: Answer,
    language: Option<&str>,
) -> Result<Option<MessageId>, Error> {
    let now = core.now();
    let expires_at = reply.at + ANSWER_WITHIN;
    if now >= expires_at || (answer != Answer::Stopped && are_many(tx, keys, &reply.phone, now).await?) {
        return Ok(None);
    }
    let phone = Phone::restored(reply.words.from.clone());
    let country = phone.country().unwrap_or_default();
    let language = wording::choose(language, Some(country.as_str()).filter(|code| !code.is_empty()), &shop.country);
    let text = words(answer, language, &country, shop);
    let segments = sms::segments(&text);
    let id = MessageId::new(core.fresh_id());
    let message = Message {
        shop: shop.id,
        id,
        purpose: Purpose::Answer,
        about: reply.id.get(),
        sequence: String::new(),
        step: step(answer),
        gateway_shop: reply.gateway_shop,
        gateway: reply.gateway,
        country,
        words: Words {
            phone: phone.e164().to_owned(),
            text,
            encoding: segments.encoding,
            language: Some(language.to_owned()),
            code: None,
            own_code: false,
        },
        segments: segments.count,
        created_at: now,
        expires_at,
        attempt: 0,
        sending_by: None,
        moments: Moments::default(),
        reason: String::new(),
        gateway_ref: None,
        cost: None,
        cost_listed: false,
    };
    store::message::create(tx, keys, &message).await?;
    job::schedule(tx, shop.id, job::Kind::Send, id.get(), now).await?;
    Ok(Some(id))
}

async fn are_many(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16], now: Time) -> Result<bool, Error> {
    let texts = store::message::to_phone(tx, keys, phone, now - DAY).await?;
    let answers = texts.iter().filter(|message| message.purpose == Purpose::Answer && !confirms_a_stop(message));
    Ok(answers.count() >= ANSWERS_A_DAY)
}

fn words(answer: Answer, language: &str, country: &str, shop: &Shop) -> String {
    let service = match answer {
        Answer::Stopped => Service::Stopped,
        Answer::Help => Service::Help,
        Answer::Started => Service::Started,
        Answer::Confirmed => Service::Confirmed,
    };
    let contact = shop.rules.help_contact.as_str();
    let country = Some(country).filter(|country| !country.is_empty());
    wording::service(service, Some(language), &Programme { shop: &shop.name, contact, terms: "", country })
}

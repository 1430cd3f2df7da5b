//! Confirm: a person with a single consent is asked by text to confirm it, where the law or the shop wants that.

use super::{Core, facts::Asking};
use crate::{
    domain::{
        decide::{Confirm, Decision, expires_at},
        id::MessageId,
        message::{Moments, Purpose},
        phone::Phone,
        sms,
        wording::{self, Programme, Service},
    },
    store::{
        self, Error, Tx,
        gateway::Gateway,
        job,
        message::{Message, Words},
    },
};

/// Queues the request, or its one reminder. At most one of each for a cart: the second is no error and changes nothing.
pub(crate) async fn request(
    core: &Core,
    tx: &mut Tx,
    asking: &Asking<'_>,
    sender: &Gateway,
    phone: &Phone,
    which: Confirm,
    decision: &Decision,
) -> Result<(), Error> {
    let now = core.now();
    let Asking { shop, keys, cart, .. } = *asking;
    let purpose = match which {
        Confirm::First => Purpose::Confirmation,
        Confirm::Again => Purpose::ConfirmationAgain,
    };
    let known = store::message::about(tx, keys, cart.id.get()).await?;
    if known.iter().any(|message| message.purpose == purpose) {
        return Ok(());
    }
    let country = phone.country();
    let language = wording::choose(cart.latest.language.as_deref(), country.as_deref(), &shop.country);
    let service = match which {
        Confirm::First => Service::Confirm,
        Confirm::Again => Service::ConfirmAgain,
    };
    let contact = shop.rules.help_contact.as_str();
    let programme = Programme { shop: &shop.name, contact, terms: "", country: country.as_deref() };
    let text = wording::service(service, Some(language), &programme);
    let id = MessageId::new(core.fresh_id());
    let segments = sms::segments(&text);
    let message = Message {
        shop: shop.id,
        id,
        purpose,
        about: cart.id.get(),
        sequence: String::new(),
        step: 0,
        gateway_shop: sender.shop,
        gateway: sender.id,
        country: country.unwrap_or_default(),
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
        expires_at: expires_at(decision, now),
        attempt: 0,
        sending_by: None,
        moments: Moments::default(),
        reason: String::new(),
        gateway_ref: None,
        cost: None,
        cost_listed: false,
    };
    store::message::create(tx, keys, &message).await?;
    job::schedule(tx, shop.id, job::Kind::Send, id.get(), now).await
}

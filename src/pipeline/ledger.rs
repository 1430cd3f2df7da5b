//! Ledger: everything on record about one phone in one shop, read together: consents, opt-outs, requests to confirm, what
//! waits to be read, and when the person was last heard of.

use std::time::Duration;

use crate::{
    domain::{
        consent::{Consent, ConsentFacts, Ledger, OptOut},
        law::{self, Whereabouts},
        message::{MessageState, Purpose},
        phone::Phone,
        seal::ShopKeys,
        time::Time,
        zone,
    },
    store::{self, Error, Read, identity, message::Message, shop::Shop},
};

/// How far back requests to confirm matter.
pub(crate) const REQUESTS_LOOK_BACK: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// `to_phone` are the texts to this phone since `REQUESTS_LOOK_BACK`; `said` is what was said of consent, what a cart itself
/// says included.
pub(crate) async fn of_phone(
    read: &mut Read,
    keys: &ShopKeys,
    phone: &[u8; 16],
    to_phone: &[Message],
    (consents, opt_outs): (Vec<Consent>, Vec<OptOut>),
) -> Result<Ledger, Error> {
    let heard = store::last_heard::of_phone(read, keys, phone).await?;
    let ordered_at = if heard.ordered { newest_order(read, keys, phone).await? } else { None };
    Ok(Ledger {
        asked: asked_at(to_phone),
        held_since: heard.held_since,
        active_at: ordered_at.max(heard.tapped_at).max(heard.replied_at),
        ordered_at,
        ..Ledger::of(consents, opt_outs)
    })
}

/// When requests to confirm left, or may have left; a queued one counts as of when it was made.
fn asked_at(to_phone: &[Message]) -> Vec<Time> {
    let counts = |message: &&Message| {
        is_request(message) && (message.moments.may_have_left() || message.moments.state() == MessageState::Queued)
    };
    to_phone.iter().filter(counts).map(|message| message.moments.sending_at.unwrap_or(message.created_at)).collect()
}

pub(crate) fn is_request(message: &Message) -> bool {
    matches!(message.purpose, Purpose::Confirmation | Purpose::ConfirmationAgain)
}

/// The newest order made with this number that was not cancelled.
async fn newest_order(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16]) -> Result<Option<Time>, Error> {
    let mut newest = None;
    for id in identity::orders(read, keys, phone).await? {
        let order = store::order::get(read, keys, id).await?;
        let bought = order.filter(|order| order.latest.cancelled_at.is_none() && !order.latest.test);
        newest = newest.max(bought.and_then(|order| order.placed_at));
    }
    Ok(newest)
}

/// Where a phone stands now, by its number alone; without one, as somebody of the shop's own country.
pub(crate) async fn facts(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    phone: &[u8; 16],
    number: Option<&Phone>,
    now: Time,
) -> Result<ConsentFacts, Error> {
    let texts = store::message::to_phone(read, keys, phone, now - REQUESTS_LOOK_BACK).await?;
    let said = store::consent::of_phone(read, keys, phone).await?;
    let ledger = of_phone(read, keys, phone, &texts, said).await?;
    let whereabouts = Whereabouts {
        phone_country: number.and_then(Phone::country).unwrap_or_else(|| shop.country.clone()),
        address_country: None,
        states: number.map(|number| zone::states(number, None, None)).unwrap_or_default(),
    };
    let binding = law::current().binding(&whereabouts, now);
    Ok(ConsentFacts::of(&ledger, &shop.rules.terms(&binding), None, now))
}

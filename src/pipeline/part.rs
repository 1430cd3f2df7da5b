//! Part: long texts from people that a gateway hands over part by part, read as the one text they are. A part waits for the
//! others in its own delivery, where its words lie sealed; the last to come reads them all. What is not complete in time
//! is read as it is: a STOP must not wait for words that were lost.

use std::time::Duration;

use super::{
    Core,
    reply::{self, Heeding},
};
use crate::{
    domain::{
        id::DeliveryId,
        message::{GatewayEvent, Part, Reply},
        seal::ShopKeys,
        time::{MINUTE, Time},
    },
    gateway,
    store::{
        self, Error,
        gateway::Gateway,
        reply_part::{Noted, Set},
    },
    transact,
};

/// How long a part waits for the others.
pub const TOGETHER_WITHIN: Duration = MINUTE.saturating_mul(2);
/// Providers use the few names they have for long texts again: parts further apart than this are of two texts.
const SAME_TEXT_WITHIN: Duration = MINUTE.saturating_mul(10);

/// A part as it was heard.
pub(super) struct Heard<'h> {
    /// The keys of whose gateway it is: a shop, or the house.
    pub keys: &'h ShopKeys,
    pub account: &'h Gateway,
    pub delivery: DeliveryId,
    pub part: &'h Part,
    pub at: Time,
}

/// Takes a part, and with the last one the text. Until when it waits for others, if it does; doing it again changes
/// nothing.
pub(super) async fn take(core: &Core, heard: Heard<'_>) -> Result<Option<Time>, Error> {
    let Heard { keys, account, part, at, .. } = heard;
    let total = part.total.to_string();
    let name = [part.reply.from.as_str(), &part.reply.to, &part.name, &total].join("\0");
    let key = keys.index("reply_part", &name);
    let set = Set { gateway: account.id, key: &key };
    let own = Noted { number: part.number, delivery: heard.delivery, at, is_joined: false };
    let noted = transact!(core.db, |tx| {
        match store::reply_part::note(tx, keys, set, &own, (at - SAME_TEXT_WITHIN, at + SAME_TEXT_WITHIN)).await? {
            true => store::reply_part::list(tx, keys, set).await?,
            false => Vec::new(),
        }
    })?;
    if !noted.iter().any(|each| each.number == own.number && !each.is_joined) {
        return Ok(None);
    }
    let until = at + TOGETHER_WITHIN;
    if noted.len() < part.total as usize && core.now() < until {
        return Ok(Some(until));
    }
    let waiting: Vec<Noted> = noted.into_iter().filter(|each| !each.is_joined).collect();
    if let Some(told) = whole(core, &heard, &waiting).await? {
        // As of when it was complete, or of its last part.
        let at = waiting.iter().map(|each| each.at).max().unwrap_or(at);
        reply::take(core, Heeding { tenant: keys.shop(), gateway: account.id, told: &told, at }).await?;
    }
    transact!(core.db, |tx| {
        for part in &waiting {
            store::reply_part::join(tx, keys, set, part).await?;
        }
    })?;
    Ok(None)
}

/// The text of these parts, read again from their deliveries; one whose delivery was erased meanwhile is left out.
async fn whole(core: &Core, heard: &Heard<'_>, parts: &[Noted]) -> Result<Option<Reply>, Error> {
    let Some(kind) = gateway::by_kind(&heard.account.kind) else { return Ok(None) };
    let mut read = core.db.read().await?;
    let mut told: Option<Reply> = None;
    for noted in parts {
        let Some(kept) = store::correction::as_read(&mut read, heard.keys, noted.delivery).await? else { continue };
        let events = kind.read(&heard.account.settings, &kept.topic, &kept.delivery).unwrap_or_default();
        let part = events.into_iter().find_map(|event| match event {
            GatewayEvent::Part(part) if part.number == noted.number => Some(part.reply),
            _ => None,
        });
        match (&mut told, part) {
            (Some(told), Some(part)) => told.text.push_str(&part.text),
            (None, part) => told = part,
            (Some(_), None) => {}
        }
    }
    Ok(told)
}

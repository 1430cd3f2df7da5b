//! Settle: what gateways tell afterwards (receipts here, replies in `reply`) and what they answer when asked about an unknown outcome.

use std::time::Duration;

use super::{
    Core, after, answer, dirty, dirty_cart, forward, guard, part, people,
    reply::{self, Heeding},
    send,
};
use crate::{
    domain::{
        consent::{OptOut, OutProof},
        id::{DeliveryId, GatewayId, MessageId, ShopId},
        message::{GatewayEvent, MessageState, Receipt, RefusalClass},
        seal::ShopKeys,
        time::Time,
    },
    gateway::{self, LookUp},
    store::{
        self, Error, Tx,
        job::{self, Job},
        message::Message,
        shop::Shop,
    },
    transact,
};

/// Applies one callback of a gateway. `tenant` is whose gateway it is: a shop, or the house. Effects on each shop are a
/// transaction of their own; doing them again changes nothing.
pub async fn settle(core: &Core, tenant: ShopId, id: DeliveryId) -> Result<Settled, Error> {
    let now = core.now();
    let mut again: Option<Time> = None;
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, tenant).await?;
    let Some(kept) = store::correction::as_read(&mut read, &keys, id).await? else { return Ok(Settled::Done) };
    let account = match kept.gateway {
        Some(gateway) => store::gateway::get(&mut read, &keys, gateway).await?,
        None => None,
    };
    let events = match kept.gateway {
        Some(_) => match &account {
            Some(account) => gateway::by_kind(&account.kind)
                .ok_or_else(|| format!("no connector of kind {}", account.kind))
                .and_then(|kind| {
                    let told = kind.read(&account.settings, &kept.topic, &kept.delivery);
                    told.map_err(|unreadable| unreadable.to_string())
                }),
            None => Err("its gateway is gone".to_owned()),
        },
        None => Err("not a gateway's callback".to_owned()),
    };
    drop(read);
    let (count, problem) = match events {
        Ok(events) => {
            for event in &events {
                match event {
                    // As of its arrival: after a pause of ours, or in a replay, nothing is moved to today.
                    GatewayEvent::Receipt(receipt) => {
                        let at = kept.delivery.received_at;
                        let known = take_receipt(core, tenant, kept.gateway, receipt, at).await?;
                        if !known && receipt.reference.is_none() && now.since(at) < KNOWN_WITHIN {
                            again = again.max(Some(now + AGAIN_AFTER));
                        }
                    }
                    GatewayEvent::Reply(told) => {
                        if let Some(gateway) = kept.gateway {
                            let at = kept.delivery.received_at;
                            reply::take(core, Heeding { tenant, gateway, told, at }).await?;
                        }
                    }
                    GatewayEvent::Part(told) => {
                        if let Some(account) = &account {
                            let at = kept.delivery.received_at;
                            let heard = part::Heard { keys: &keys, account, delivery: id, part: told, at };
                            again = again.max(part::take(core, heard).await?);
                        }
                    }
                }
            }
            if people::late_receipts(core, tenant, &events).await? {
                return transact!(core.db, |tx| store::inbox::forget(tx, tenant, id).await?).map(|()| Settled::Done);
            }
            (events.len() as u64, String::new())
        }
        Err(problem) => (0, problem),
    };
    if let Some(due) = again {
        return Ok(Settled::NotYet(due));
    }
    transact!(core.db, |tx| store::inbox::finish(tx, tenant, id, count, &problem, now).await?).map(|()| Settled::Done)
}

/// What became of a callback.
pub enum Settled {
    Done,
    /// It names a text by an id of the gateway's that we may be about to hear ourselves, or is a part of a reply whose
    /// others are on their way: to be read again then.
    NotYet(Time),
}

/// An answer that names a text is on record within this span of its receipt, or never.
const KNOWN_WITHIN: Duration = Duration::from_secs(2 * 60);
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A receipt finds its message by our own reference, else by the gateway's. One for a message of another gateway, or of
/// none we know, is answered and changes nothing.
async fn take_receipt(
    core: &Core,
    tenant: ShopId,
    gateway: Option<GatewayId>,
    receipt: &Receipt,
    at: Time,
) -> Result<bool, Error> {
    let shop = match (receipt.reference, &receipt.gateway_ref, gateway) {
        (Some(reference), ..) => reference.shop,
        // An account of the house serves many shops, and the receipt does not say which.
        (None, Some(theirs), Some(gateway)) if tenant == ShopId::HOUSE => {
            let mut read = core.db.read().await?;
            store::message::shop_of(&mut read, gateway, theirs).await?.unwrap_or(ShopId::HOUSE)
        }
        (None, ..) => tenant,
    };
    if shop == ShopId::HOUSE || (tenant != ShopId::HOUSE && tenant != shop) {
        return Ok(false);
    }
    transact!(core.db, |tx| {
        let mut known = false;
        store::shop::take_turn(tx, shop).await?;
        if let Some((shop, keys)) = core.shop(tx, shop).await? {
            let found = match (receipt.reference, &receipt.gateway_ref) {
                (Some(reference), _) => store::message::get(tx, &keys, reference.message).await?,
                (None, Some(theirs)) => store::message::by_gateway_ref(tx, &keys, theirs).await?,
                (None, None) => None,
            };
            if let Some(message) = found
                && message.gateway_shop == tenant
                && Some(message.gateway) == gateway
            {
                known = true;
                apply(core, tx, &shop, &keys, message, receipt, at).await?;
            }
        }
        known
    })
}

async fn apply(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    mut message: Message,
    receipt: &Receipt,
    at: Time,
) -> Result<(), Error> {
    let now = core.now();
    let before = message.moments;
    message.moments.settle(receipt.status, at);
    if message.gateway_ref.is_none() {
        message.gateway_ref = receipt.gateway_ref.clone();
    }
    message.segments = receipt.segments.unwrap_or(message.segments);
    message.cost_listed &= receipt.cost.is_none();
    message.cost = receipt.cost.or(message.cost);
    if message.moments != before
        && let Some(code) = &receipt.code
    {
        message.reason = match receipt.class {
            Some(class) => format!("{}: {code}", class.name()),
            None => code.clone(),
        };
    }
    store::message::save(tx, keys, &message).await?;
    forward::moved(core, tx, shop, &before, &message).await?;
    after::want_price(core, tx, &message, now).await?;
    if receipt.cost.is_some() {
        guard::priced(tx, shop, keys, &message, now).await?;
    }
    job::cancel(tx, shop.id, job::Kind::LookUp, message.id.get()).await?;
    for moment in [message.moments.accepted_at, message.moments.delivered_at].into_iter().flatten() {
        dirty(tx, shop, moment, now).await?;
    }
    dirty_cart(tx, shop, keys, &message, now).await?;
    if receipt.class == Some(RefusalClass::OptedOut) && !message.words.phone.is_empty() {
        let index = store::consent::phone_index(keys, &message.phone());
        let proof = OutProof {
            received_at: Some(at),
            applied_at: Some(now),
            message: Some(message.id.get()),
            code: receipt.code.clone(),
            ..OutProof::default()
        };
        let entry = OptOut { at, source: "gateway".into() };
        opt_out_with(core, tx, keys, &index, entry, &proof, shop).await?;
    }
    Ok(())
}

/// Records an opt-out with what stands behind it, and silences the phone at once.
pub(crate) async fn opt_out_with(
    core: &Core,
    tx: &mut Tx,
    keys: &ShopKeys,
    phone: &[u8; 16],
    entry: OptOut,
    proof: &OutProof,
    shop: &Shop,
) -> Result<(), Error> {
    let now = core.now();
    if store::consent::opt_out_with(tx, keys, phone, &entry, proof, now).await? {
        forward::opted_out(core, tx, shop, phone, &entry).await?;
        dirty(tx, shop, entry.at, now).await?;
    }
    silence(tx, keys, phone, &format!("opted out by {}", entry.source), now).await
}

/// How far back a waiting message to a phone can lie.
const WAITING_AT_MOST: Duration = Duration::from_secs(40 * 24 * 60 * 60);

/// Cancels everything that waits to go to this phone, but for the confirmation of a stop.
pub(crate) async fn silence(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16], why: &str, now: Time) -> Result<(), Error> {
    for mut message in store::message::to_phone(tx, keys, phone, now - WAITING_AT_MOST).await? {
        if answer::confirms_a_stop(&message) {
            continue;
        }
        send::cancel_if_waiting(tx, keys, &mut message, why, now).await?;
    }
    Ok(())
}

/// Look-ups after an unknown outcome: this often, then it stays unknown until a receipt or a person settles it.
const LOOK_UPS_MAX: u32 = 5;

/// Asks the gateway whether a text of unknown outcome left. It is never sent again here.
pub async fn look_up(core: &Core, job: &Job) -> Result<(), Error> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, job.shop).await?;
    let message = store::message::get(&mut read, &keys, MessageId::new(job.subject)).await?;
    let Some(message) = message.filter(|message| message.moments.state() == MessageState::Unknown) else {
        drop(read);
        return transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?);
    };
    let tenant_keys = core.vault.keys(&mut read, message.gateway_shop).await?;
    let account = store::gateway::get(&mut read, &tenant_keys, message.gateway).await?;
    drop(read);
    let sms = send::outgoing(core, &message, None, now);
    let asked = account.as_ref().and_then(|account| {
        let kind = gateway::by_kind(&account.kind)?;
        let mut request = kind.look_up(&account.settings, &sms)?;
        request.private &= account.private;
        Some((kind, request))
    });
    let found = match asked {
        None => LookUp::Absent,
        Some((kind, request)) => match core.http.exchange(request).await {
            Ok(answer) => kind.looked_up(&sms, &message.reference(), &answer),
            Err(_) => LookUp::Unclear,
        },
    };
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, job.shop).await?;
        match &found {
            LookUp::Found(event) => {
                if let (GatewayEvent::Receipt(receipt), Some((shop, keys))) = (&**event, core.shop(tx, job.shop).await?)
                    && let Some(message) = store::message::get(tx, &keys, message.id).await?
                {
                    apply(core, tx, &shop, &keys, message, receipt, now).await?;
                }
                job::finish(tx, job).await.map(|_| ())?;
            }
            LookUp::Unclear if job.attempt < LOOK_UPS_MAX => {
                job::try_again(tx, job, now + Duration::from_secs(60) * (1 << job.attempt.min(6))).await.map(|_| ())?;
            }
            LookUp::Unclear | LookUp::Absent => job::finish(tx, job).await.map(|_| ())?,
        }
    })
}

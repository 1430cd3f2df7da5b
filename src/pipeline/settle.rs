//! Settle: what gateways tell afterwards (receipts, replies) and what they answer when asked about an unknown outcome.

use std::time::Duration;

use super::{Core, dirty, guard, send};
use crate::{
    domain::{
        consent::{Consent, OptOut},
        event::{ConsentProof, ConsentState},
        id::{DeliveryId, GatewayId, MessageId, ShopId},
        keyword::{self, Keyword},
        message::{GatewayEvent, MessageState, Receipt, RefusalClass, Reply},
        phone::Phone,
        seal::ShopKeys,
        time::{DAY, Time},
    },
    gateway::{self, LookUp},
    store::{
        self, Error, Tx,
        inbox::Kept,
        job::{self, Job},
        message::Message,
        shop::Shop,
    },
    transact,
};

/// Applies one callback of a gateway. `tenant` is whose gateway it is: a shop, or the house. Effects on each shop are a
/// transaction of their own; doing them again changes nothing.
pub async fn settle(core: &Core, tenant: ShopId, id: DeliveryId) -> Result<(), Error> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, tenant).await?;
    let Some(kept) = store::inbox::get(&mut read, &keys, id).await? else { return Ok(()) };
    let events = match kept.gateway {
        Some(gateway) => match store::gateway::get(&mut read, &keys, gateway).await? {
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
                        take_receipt(core, tenant, kept.gateway, receipt, kept.delivery.received_at).await?;
                    }
                    GatewayEvent::Reply(reply) => take_reply(core, tenant, &kept, reply).await?,
                }
            }
            (events.len() as u64, String::new())
        }
        Err(problem) => (0, problem),
    };
    transact!(core.db, |tx| store::inbox::finish(tx, tenant, id, count, &problem, now).await?)
}

/// A receipt finds its message by our own reference, else by the gateway's. One for a message of another gateway, or of
/// none we know, is answered and changes nothing.
async fn take_receipt(
    core: &Core,
    tenant: ShopId,
    gateway: Option<GatewayId>,
    receipt: &Receipt,
    at: Time,
) -> Result<(), Error> {
    let shop = receipt.reference.map_or(tenant, |reference| reference.shop);
    if shop == ShopId::HOUSE || (tenant != ShopId::HOUSE && tenant != shop) {
        return Ok(());
    }
    transact!(core.db, |tx| {
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
                apply(tx, &shop, &keys, message, receipt, (at, core.now())).await?;
            }
        }
    })
}

async fn apply(
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    mut message: Message,
    receipt: &Receipt,
    (at, now): (Time, Time),
) -> Result<(), Error> {
    let before = message.moments;
    message.moments.settle(receipt.status, at);
    if message.gateway_ref.is_none() {
        message.gateway_ref = receipt.gateway_ref.clone();
    }
    message.segments = receipt.segments.unwrap_or(message.segments);
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
    if receipt.cost.is_some() {
        guard::priced(tx, shop, keys, &message, now).await?;
    }
    job::cancel(tx, shop.id, job::Kind::LookUp, message.id.get()).await?;
    for moment in [message.moments.accepted_at, message.moments.delivered_at].into_iter().flatten() {
        dirty(tx, shop, moment, now).await?;
    }
    if receipt.class == Some(RefusalClass::OptedOut) && !message.words.phone.is_empty() {
        let index = store::consent::phone_index(keys, &message.phone());
        opt_out(tx, keys, &index, OptOut { at, source: "gateway".into() }, shop, now).await?;
    }
    Ok(())
}

/// Records an opt-out and silences the phone at once.
pub(crate) async fn opt_out(
    tx: &mut Tx,
    keys: &ShopKeys,
    phone: &[u8; 16],
    entry: OptOut,
    shop: &Shop,
    now: Time,
) -> Result<(), Error> {
    if store::consent::opt_out(tx, keys, phone, &entry, now).await? {
        dirty(tx, shop, entry.at, now).await?;
    }
    silence(tx, keys, phone, &format!("opted out by {}", entry.source), now).await
}

/// How far back a waiting message to a phone can lie.
const WAITING_AT_MOST: Duration = Duration::from_secs(40 * 24 * 60 * 60);

/// Cancels everything that waits to go to this phone.
pub(crate) async fn silence(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16], why: &str, now: Time) -> Result<(), Error> {
    for mut message in store::message::to_phone(tx, keys, phone, now - WAITING_AT_MOST).await? {
        send::cancel_if_waiting(tx, keys, &mut message, why, now).await?;
    }
    Ok(())
}

/// A reply counts for every shop that texts through this gateway and has texted this phone; when none has, for all of
/// them: a stop is never lost for want of knowing whom it was meant for.
async fn take_reply(core: &Core, tenant: ShopId, kept: &Kept, reply: &Reply) -> Result<(), Error> {
    let Ok(phone) = Phone::read(&reply.from, &[]) else { return Ok(()) };
    let us_number = phone.country().is_some_and(|country| country == "US");
    let Some(word) = keyword::read(&reply.text, us_number) else { return Ok(()) };
    if !matches!(word, Keyword::Stop | Keyword::Start) {
        return Ok(());
    }
    let mut read = core.db.read().await?;
    let shops = if tenant == ShopId::HOUSE {
        let own = store::gateway::shops_with_own(&mut read).await?;
        store::shop::ids(&mut read).await?.into_iter().filter(|shop| !own.contains(shop)).collect()
    } else {
        vec![tenant]
    };
    let (mut texted, mut open) = (Vec::new(), Vec::new());
    for shop in &shops {
        let keys = match core.vault.keys(&mut read, *shop).await {
            Ok(keys) => keys,
            Err(error) if error.is_outage() => return Err(error),
            // One shop whose key does not open must not keep a stop from the others.
            Err(error) => {
                tracing::error!(%shop, %error, "a reply cannot be heard for this shop");
                continue;
            }
        };
        let index = store::consent::phone_index(&keys, &phone);
        let since = kept.delivery.received_at - DAY * 400;
        if !store::message::to_phone(&mut read, &keys, &index, since).await?.is_empty() {
            texted.push(*shop);
        }
        open.push(*shop);
    }
    drop(read);
    let meant = if texted.is_empty() { open } else { texted };
    for shop in meant {
        heed(core, shop, &phone, word, kept.delivery.received_at).await?;
    }
    Ok(())
}

async fn heed(core: &Core, shop: ShopId, phone: &Phone, word: Keyword, at: Time) -> Result<(), Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        if let Some((shop, keys)) = core.shop(tx, shop).await? {
            let index = store::consent::phone_index(&keys, phone);
            if word == Keyword::Stop {
                opt_out(tx, &keys, &index, OptOut { at, source: "reply".into() }, &shop, now).await?;
            } else if !store::consent::of_phone(tx, &keys, &index).await?.1.is_empty() {
                // START undoes a STOP; from a stranger it is not a consent.
                let proof = ConsentProof { source: "reply".into(), ..ConsentProof::default() };
                let entry = Consent { state: ConsentState::Granted, at, proof };
                store::consent::record(tx, &keys, &index, &entry, now).await?;
            }
        }
    })
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
                    apply(tx, &shop, &keys, message, receipt, (now, now)).await?;
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

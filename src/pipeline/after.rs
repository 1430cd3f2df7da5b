//! After: what a gateway is asked once a text is settled: what it cost, where nobody told; and that it forgets a text whose
//! person was erased here. And what is left on its account.

use std::time::Duration;

use super::{Core, dirty, guard};
use crate::{
    domain::{
        id::{GatewayId, MessageId, ShopId},
        seal::ShopKeys,
        time::{HOUR, MINUTE, Time},
    },
    gateway::{self, Redacted, sending},
    http::{Request, Response},
    store::{
        self, Error, Read, Tx,
        gateway::Gateway,
        job::{self, Job},
        message::Message,
    },
    transact,
};

/// Prices are known at the provider some minutes after a text is settled.
const PRICE_AFTER: Duration = MINUTE.saturating_mul(2);
const PRICE_AGAIN: [Duration; 4] = [MINUTE.saturating_mul(10), HOUR, HOUR.saturating_mul(6), HOUR.saturating_mul(24)];

/// Has the price of a settled text asked for, if it is still unknown and its provider can be asked.
pub(crate) async fn want_price(core: &Core, tx: &mut Tx, message: &Message, now: Time) -> Result<(), Error> {
    let settled = message.moments.delivered_at.or(message.moments.undelivered_at).is_some();
    if !settled || message.cost.is_some() && !message.cost_listed {
        return Ok(());
    }
    let Some(reference) = &message.gateway_ref else { return Ok(()) };
    let account = account_of(core, tx, message).await?;
    let can = account.is_some_and(|account| {
        gateway::by_kind(&account.kind).is_some_and(|kind| kind.ask_price(&account.settings, reference).is_some())
    });
    if can {
        job::ensure(tx, message.shop, job::Kind::Price, message.id.get(), now + PRICE_AFTER).await
    } else {
        Ok(())
    }
}

async fn account_of(core: &Core, read: &mut Read, message: &Message) -> Result<Option<Gateway>, Error> {
    let keys = core.vault.keys(read, message.gateway_shop).await?;
    store::gateway::get(read, &keys, message.gateway).await
}

/// A message with what its gateway is asked about it.
struct Asked {
    message: Message,
    keys: ShopKeys,
    account: Gateway,
    reference: String,
}

async fn asked(core: &Core, job: &Job) -> Result<Option<Asked>, Error> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, job.shop).await?;
    let Some(message) = store::message::get(&mut read, &keys, MessageId::new(job.subject)).await? else {
        return Ok(None);
    };
    let account = account_of(core, &mut read, &message).await?;
    Ok(account.zip(message.gateway_ref.clone()).map(|(account, reference)| Asked { message, keys, account, reference }))
}

/// `None`: no answer came, or it may not be asked.
async fn ask(core: &Core, account: &Gateway, mut request: Request) -> Option<Response> {
    request.private &= account.private;
    core.http.exchange(request).await.ok()
}

/// The job of one text's price.
pub async fn price(core: &Core, job: &Job) -> Result<(), Error> {
    let Some(Asked { message, account, reference, .. }) = asked(core, job).await? else {
        return transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?);
    };
    let kind = gateway::by_kind(&account.kind);
    let request = kind.and_then(|kind| kind.ask_price(&account.settings, &reference));
    let told = match (kind, request) {
        (Some(kind), Some(request)) => {
            let answer = ask(core, &account, request).await;
            answer.and_then(|answer| kind.price(&account.settings, &answer))
        }
        _ => return transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?),
    };
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, job.shop).await?;
        match (told, PRICE_AGAIN.get(job.attempt.saturating_sub(1) as usize)) {
            (None, Some(wait)) => {
                job::try_again(tx, job, now + *wait).await?;
            }
            (None, None) => {
                job::finish(tx, job).await?;
            }
            (Some(told), _) => {
                if let Some((shop, keys)) = core.shop(tx, job.shop).await?
                    && let Some(mut message) = store::message::get(tx, &keys, message.id).await?
                    && (message.cost.is_none() || message.cost_listed)
                {
                    (message.cost, message.cost_listed) = (Some(told.cost), false);
                    message.segments = told.segments.unwrap_or(message.segments);
                    store::message::save(tx, &keys, &message).await?;
                    guard::priced(tx, &shop, &keys, &message, now).await?;
                    if let Some(accepted_at) = message.moments.accepted_at {
                        dirty(tx, &shop, accepted_at, now).await?;
                    }
                }
                job::finish(tx, job).await?;
            }
        }
    })
}

/// Tries to have a text forgotten, before a person is told.
const REDACT_TRIES: u32 = 5;
const REDACT_AGAIN: Duration = HOUR;
/// The alarm that stands while a provider still holds texts of somebody who was erased.
const NOT_REDACTED: &str = "not_redacted";

/// Has the provider told to forget a text whose person is erased; where it cannot, nothing is asked.
pub(crate) async fn want_redaction(core: &Core, tx: &mut Tx, message: &Message, now: Time) -> Result<(), Error> {
    let Some(reference) = &message.gateway_ref else { return Ok(()) };
    let account = account_of(core, tx, message).await?;
    let can = account.is_some_and(|account| {
        gateway::by_kind(&account.kind).is_some_and(|kind| kind.redact(&account.settings, reference).is_some())
    });
    if can { job::ensure(tx, message.shop, job::Kind::Redact, message.id.get(), now).await } else { Ok(()) }
}

/// The job of one text that is to be forgotten.
pub async fn redact(core: &Core, job: &Job) -> Result<(), Error> {
    let Some(Asked { account, reference, keys, .. }) = asked(core, job).await? else {
        return transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?);
    };
    let kind = gateway::by_kind(&account.kind);
    let request = kind.and_then(|kind| kind.redact(&account.settings, &reference));
    let outcome = match (kind, request) {
        (Some(kind), Some(request)) => match ask(core, &account, request).await {
            Some(answer) => kind.redacted(&answer),
            None => Redacted::Later,
        },
        _ => Redacted::Done,
    };
    let now = core.now();
    transact!(core.db, |tx| {
        match outcome {
            Redacted::Later if job.attempt < REDACT_TRIES => {
                job::try_again(tx, job, now + REDACT_AGAIN).await?;
            }
            Redacted::Done => {
                job::finish(tx, job).await?;
            }
            Redacted::Later | Redacted::Refused => {
                let words = format!(
                    "{} still holds a text of somebody who was erased here, known there as {reference}: delete it there.",
                    account.name
                );
                let subject = job.subject.to_string();
                store::alarm::raise(tx, keys.shop(), NOT_REDACTED, &subject, &words, now).await?;
                job::finish(tx, job).await?;
            }
        }
    })
}

/// Has the balance of every account of a tenant asked for that tells one.
pub async fn want_balances(core: &Core, tenant: ShopId) -> Result<(), Error> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, tenant).await?;
    let accounts = store::gateway::list(&mut read, &keys).await?;
    drop(read);
    let telling: Vec<GatewayId> = accounts
        .iter()
        .filter(|account| {
            gateway::by_kind(&account.kind).is_some_and(|kind| kind.ask_balance(&account.settings).is_some())
        })
        .map(|account| account.id)
        .collect();
    if telling.is_empty() {
        return Ok(());
    }
    transact!(core.db, |tx| {
        for id in &telling {
            job::ensure(tx, tenant, job::Kind::Balance, id.get(), now).await?;
        }
    })?;
    core.wake.notify_one();
    Ok(())
}

/// The alarm that stands while less is left on an account than its owner wants.
const LOW_BALANCE: &str = "low_balance";

/// The job of one account's balance. What cannot be told now is asked for again by the clock.
pub async fn balance(core: &Core, job: &Job) -> Result<(), Error> {
    let id = GatewayId::new(job.subject);
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, job.shop).await?;
    let account = store::gateway::get(&mut read, &keys, id).await?;
    drop(read);
    let mut told = None;
    if let Some(account) = &account
        && let Some(kind) = gateway::by_kind(&account.kind)
        && let Some(request) = kind.ask_balance(&account.settings)
    {
        told = ask(core, account, request).await.and_then(|answer| kind.balance(&account.settings, &answer));
    }
    let now = core.now();
    transact!(core.db, |tx| {
        if let (Some(left), Some(account)) = (told, &account) {
            store::gateway::note_balance(tx, job.shop, id, &left, now).await?;
            match sending::Sending::of(&account.settings).least_balance_micros {
                Some(least) if left.micros < least => {
                    let words = format!("{left} is left at {}: top it up, or texts will wait.", account.name);
                    store::alarm::raise(tx, job.shop, LOW_BALANCE, &id.to_string(), &words, now).await?;
                }
                _ => store::alarm::clear(tx, job.shop, LOW_BALANCE, &id.to_string(), now).await?,
            }
        }
        job::finish(tx, job).await?;
    })
}

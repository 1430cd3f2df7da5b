//! Approve: an owner lets us in on the shop's own pages, the platform posts its keys to us, and the webhooks are made. Keys
//! are kept only when they come with a state that was signed here for this shop a moment ago ([`approval`]).

use std::{collections::BTreeMap, time::Duration};

use super::{
    Core, audit,
    connect::{self, NOT_SUBSCRIBED, NotConnected},
};
use crate::{
    clock,
    domain::{
        approval::{self, Refused},
        connector::Delivery,
        id::ShopId,
        seal::ShopKeys,
        time::{MINUTE, Time},
    },
    shop::{self, Approval, Exchange},
    store::{
        self, Error, connection,
        job::{self, Job},
        shop::Shop,
    },
    transact,
};

/// Why keys were not taken. None of it quotes what was posted.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("not taken")]
    Unknown,
    #[error("not taken: {0}")]
    Unreadable(String),
    #[error("not taken: {0}")]
    Refused(#[from] Refused),
    #[error("not taken: {}", .0.join("; "))]
    Wrong(Vec<String>),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Where the owner says yes; `None` where the platform has no such page. Nothing is stored.
pub async fn ask(core: &Core, id: ShopId) -> Result<Option<String>, NotConnected> {
    let wrong = |problem: String| NotConnected::Wrong(vec![problem]);
    let mut read = core.db.read().await?;
    let found = core.shop(&mut read, id).await?;
    let door = connection::of(&mut read, id, None).await?;
    drop(read);
    let (Some((shop, keys)), Some(door)) = (found, door) else {
        return Err(wrong(format!("shop: there is no shop {id}")));
    };
    let Some(kind) = shop::by_kind(&shop.kind) else { return Err(wrong(format!("kind: no connector {}", shop.kind))) };
    let state = approval::sign(&keys, &shop.settings, core.now(), clock::random());
    let callback_url = format!("{}/hook/approved/{}", core.public_url, door.public_id);
    let return_url = format!("{}/shops/{id}/set-up?step=shop&shop={id}", core.public_url);
    let approval = Approval { state: &state, callback_url: &callback_url, return_url: &return_url };
    let url = kind.approval_url(&shop.settings, &approval).map_err(wrong)?;
    if url.is_some() && !core.public_url.starts_with("https://") {
        return Err(wrong("public_url: must be an https:// address, or the shop cannot hand its keys over".into()));
    }
    Ok(url)
}

/// Keeps the keys that a platform posted to this connection, and has the webhooks made; answers whose they are.
pub async fn take(core: &Core, public_id: &str, body: &[u8]) -> Result<ShopId, NotTaken> {
    let mut read = core.db.read().await?;
    let door = connection::find(&mut read, public_id).await?.filter(|door| door.gateway.is_none());
    drop(read);
    let id = door.ok_or(NotTaken::Unknown)?.shop;
    let (now, drawn) = (core.now(), clock::random());
    let taken: Result<(), NotTaken> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await?.filter(|(shop, _)| shop.erased_at.is_none()) {
            None => Err(NotTaken::Unknown),
            Some((shop, keys)) => match read_and_check(&shop, &keys, body, drawn, now) {
                Err(why) => Err(why),
                Ok(settings) => match connect::change(core, tx, shop, &keys, &settings).await? {
                    Err(problems) => Err(NotTaken::Wrong(problems)),
                    Ok(()) => {
                        job::schedule(tx, id, job::Kind::Subscribe, id.get(), now).await?;
                        Ok(())
                    }
                },
            },
        }
    })?;
    taken?;
    core.wake.notify_one();
    Ok(id)
}

/// Exchanges the code that an owner's browser brought back for keys, keeps them, and has the webhooks made; answers whose
/// they are.
pub async fn take_code(core: &Core, public_id: &str, delivery: &Delivery) -> Result<ShopId, NotTaken> {
    let mut read = core.db.read().await?;
    let door = connection::find(&mut read, public_id).await?.filter(|door| door.gateway.is_none());
    let id = door.ok_or(NotTaken::Unknown)?.shop;
    let found = core.shop(&mut read, id).await?.filter(|(shop, _)| shop.erased_at.is_none());
    drop(read);
    let (shop, keys) = found.ok_or(NotTaken::Unknown)?;
    let kind = shop::by_kind(&shop.kind).ok_or(NotTaken::Unknown)?;
    let exchange = kind.exchange(&shop.settings, delivery).map_err(NotTaken::Unreadable)?;
    let Exchange { state, request } = exchange.ok_or(NotTaken::Unknown)?;
    // A code is good once: nobody's that was not asked for here is spent.
    approval::verify(&keys, &shop.settings, core.now(), &state)?;
    let answer = core.http.exchange(request).await.map_err(|error| NotTaken::Unreadable(error.to_string()))?;
    let settings = kind.exchanged(&answer).map_err(NotTaken::Unreadable)?;
    let now = core.now();
    let taken: Result<(), NotTaken> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await?.filter(|(shop, _)| shop.erased_at.is_none()) {
            None => Err(NotTaken::Unknown),
            // Asked again: what came meanwhile makes it void.
            Some((shop, keys)) => match approval::verify(&keys, &shop.settings, now, &state) {
                Err(refused) => Err(NotTaken::Refused(refused)),
                Ok(()) => match connect::change(core, tx, shop, &keys, &settings).await? {
                    Err(problems) => Err(NotTaken::Wrong(problems)),
                    Ok(()) => {
                        job::schedule(tx, id, job::Kind::Subscribe, id.get(), now).await?;
                        Ok(())
                    }
                },
            },
        }
    })?;
    taken?;
    core.wake.notify_one();
    Ok(id)
}

/// The settings that were handed over, when this shop asked for them.
fn read_and_check(
    shop: &Shop,
    keys: &ShopKeys,
    body: &[u8],
    drawn: [u8; 32],
    now: Time,
) -> Result<BTreeMap<String, String>, NotTaken> {
    let kind = shop::by_kind(&shop.kind).ok_or(NotTaken::Unknown)?;
    let approved = kind.approved(&shop.settings, body, drawn).map_err(NotTaken::Unreadable)?;
    let approved = approved.ok_or(NotTaken::Unknown)?;
    approval::verify(keys, &shop.settings, now, &approved.state)?;
    Ok(approved.settings)
}

/// Tries to make the webhooks, before a person is told.
const TRIES: u32 = 4;
const AGAIN_AFTER: Duration = MINUTE;

/// Has the platform asked which webhooks it sends, where it can be: some it drops by itself, after a few failures.
pub async fn look_after(core: &Core, id: ShopId) -> Result<(), Error> {
    if id == ShopId::HOUSE {
        return Ok(());
    }
    let now = core.now();
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else { return Ok(()) };
    drop(read);
    let gone = shop.uninstalled_at.is_some() || shop.erased_at.is_some() || shop.waits_to_go_live();
    let can_be_asked =
        shop::by_kind(&shop.kind).is_some_and(|kind| matches!(kind.ask_subscriptions(&shop.settings), Ok(Some(_))));
    if gone || !can_be_asked || !core.public_url.starts_with("https://") {
        return Ok(());
    }
    transact!(core.db, |tx| job::ensure(tx, id, job::Kind::Subscribe, id.get(), now).await?)?;
    core.wake.notify_one();
    Ok(())
}

/// Makes the webhooks that are not there. Right after keys were handed over the shop's own server may still be busy with
/// us, so a failure is tried again before a person is told.
pub async fn subscribe(core: &Core, job: &Job) -> Result<(), Error> {
    let problem = match make_missing(core, job.shop).await {
        Ok(false) => None,
        Ok(true) => {
            audit::catch_up(core, job.shop).await?;
            None
        }
        Err(NotConnected::Wrong(problems)) => Some(problems.join("; ")),
        Err(NotConnected::Store(error)) => return Err(error),
    };
    let now = core.now();
    let subject = job.shop.to_string();
    transact!(core.db, |tx| {
        match &problem {
            Some(_) if job.attempt < TRIES => {
                job::try_again(tx, job, now + AGAIN_AFTER).await?;
            }
            Some(why) => {
                let words = format!("The shop's webhooks could not be made: {why}");
                store::alarm::raise(tx, job.shop, NOT_SUBSCRIBED, &subject, &words, now).await?;
                job::finish(tx, job).await?;
            }
            None => {
                job::finish(tx, job).await?;
            }
        }
    })
}

/// Whether webhooks had to be made.
async fn make_missing(core: &Core, shop: ShopId) -> Result<bool, NotConnected> {
    let (all, missing) = connect::subscribe_missing(core, shop).await?;
    let failed: Vec<String> =
        all.iter().filter_map(|(topic, outcome)| Some(format!("{topic}: {}", outcome.as_ref().err()?))).collect();
    if failed.is_empty() { Ok(missing) } else { Err(NotConnected::Wrong(failed)) }
}

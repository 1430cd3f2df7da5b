//! Route: which gateway account takes a text, and when. A shop's own accounts come before the house's; of those that serve
//! the number's country the first in turn that is not paused and answers. Fail-over is nothing more than asking again: a
//! text that provably did not leave goes back to the queue, and the next account in turn takes it.

use super::Core;
use crate::{
    domain::{
        circuit::{Circuit, Leave, PROBE_TAKES},
        id::{MessageId, ShopId},
        message::{MessageState, Purpose, SendOutcome},
        pace::{self, Turn},
        time::Time,
    },
    gateway::{self, sending::Sending},
    store::{
        self, Error, Read, Tx,
        gateway::Gateway,
        job::{self, Job},
        message::Message,
        shop::Shop,
    },
    transact,
};

/// The account that would take a text to a number of this country now: of a shop's own, if it has any, else of the house's.
/// One that is paused or does not answer is only named where no other can.
pub(crate) async fn sender(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    country: Option<&str>,
) -> Result<Option<Gateway>, Error> {
    Ok(in_turn(core, read, shop, country).await?.into_iter().next())
}

/// The accounts that serve this country, in the order in which they are asked.
async fn in_turn(core: &Core, read: &mut Read, shop: &Shop, country: Option<&str>) -> Result<Vec<Gateway>, Error> {
    for tenant in [shop.id, ShopId::HOUSE] {
        let keys = core.vault.keys(read, tenant).await?;
        let all = store::gateway::list(read, &keys).await?;
        if all.is_empty() {
            continue;
        }
        let circuits = if all.len() > 1 { store::circuit::of_tenant(read, tenant).await? } else { Vec::new() };
        let is_open = |account: &Gateway| circuits.iter().any(|(id, circuit)| *id == account.id && circuit.is_open());
        let mut serving: Vec<(bool, u32, Gateway)> = all
            .into_iter()
            .filter_map(|account| {
                let sending = Sending::of(&account.settings);
                let is_away = account.paused_at.is_some() || is_open(&account);
                sending.serves(country).then_some((is_away, sending.turn, account))
            })
            .collect();
        // The list is newest first, and sorting keeps that among equals.
        serving.sort_by_key(|(is_away, turn, _)| (*is_away, *turn));
        return Ok(serving.into_iter().map(|(.., account)| account).collect());
    }
    Ok(Vec::new())
}

/// Whether another account than this one could take the text at once.
pub(crate) async fn has_another(core: &Core, read: &mut Read, shop: &Shop, message: &Message) -> Result<bool, Error> {
    let first = sender(core, read, shop, Some(message.country.as_str())).await?;
    Ok(first.is_some_and(|first| first.paused_at.is_none() && first.id != message.gateway))
}

/// What a queued text is told by the account it would go through.
pub(crate) enum Told {
    Go,
    /// Not before this moment, for this reason.
    Wait(Time, &'static str),
}

/// Takes the text's turn at its gateway, in a transaction of its own: accounts of the house are shared by every shop. A turn
/// that is taken and not used is lost, never used twice.
pub(crate) async fn take_turn(core: &Core, job: &Job) -> Result<Told, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, job.shop).await? else { return Ok(Told::Go) };
    let Some(message) = store::message::get(&mut read, &keys, MessageId::new(job.subject)).await? else {
        return Ok(Told::Go);
    };
    if message.moments.state() != MessageState::Queued {
        return Ok(Told::Go);
    }
    let account = match message.purpose {
        Purpose::Answer => {
            let keys = core.vault.keys(&mut read, message.gateway_shop).await?;
            store::gateway::get(&mut read, &keys, message.gateway).await?
        }
        _ => sender(core, &mut read, &shop, Some(message.country.as_str())).await?,
    };
    let Some(account) = account else { return Ok(Told::Go) };
    let circuit = store::circuit::get(&mut read, account.shop, account.id).await?;
    drop(read);
    let now = core.now();
    let sending = Sending::of(&account.settings);
    let ramp = circuit.closed_at.and_then(|closed_at| pace::ramp(now.since(closed_at)));
    let probes = match circuit.leave(now) {
        Leave::Wait(until) => return Ok(Told::Wait(until, "its gateway does not answer or asked for a pause")),
        Leave::Probe => true,
        Leave::Go => false,
    };
    let lanes = lanes(&account, &sending, &message, ramp);
    let cap = sending.us_per_day.filter(|_| message.country == "US");
    if !probes && lanes.is_empty() && cap.is_none() {
        return Ok(Told::Go);
    }
    let waited = message.reason == ITS_TURN;
    let wanted = Wanted { lanes, cap, probes, parts: message.segments.max(1), waited };
    transact!(core.db, |tx| take(tx, &account, &wanted, now).await?)
}

/// The turns one text needs.
struct Wanted {
    /// Names, and the parts a minute each takes.
    lanes: Vec<(String, u32)>,
    /// Parts a day.
    cap: Option<u32>,
    probes: bool,
    parts: u32,
    /// It was told to come back at its turn.
    waited: bool,
}

/// The reason a text carries while it lines up.
const ITS_TURN: &str = "it waits for its turn at the gateway";

fn lanes(account: &Gateway, sending: &Sending, message: &Message, ramp: Option<u32>) -> Vec<(String, u32)> {
    let slowest = [sending.account_per_minute, ramp].into_iter().flatten().min();
    let whole = slowest.map(|per_minute| ("account".to_owned(), per_minute));
    let own = sending.sender_per_minute.map(|per_minute| {
        let sender = gateway::sender_of(&account.settings, &message.phone());
        (format!("sender:{sender}"), per_minute)
    });
    whole.into_iter().chain(own).collect()
}

async fn take(tx: &mut Tx, account: &Gateway, wanted: &Wanted, now: Time) -> Result<Told, Error> {
    let (shop, id) = (account.shop, account.id);
    // No turn is taken before every lane is free.
    let mut taken = Vec::with_capacity(wanted.lanes.len());
    for (name, per_minute) in &wanted.lanes {
        let before = store::circuit::lane(tx, shop, id, name).await?;
        match before.turn(now, wanted.parts, *per_minute, wanted.waited) {
            Turn::Go(after) => taken.push((name, after)),
            Turn::Wait(until, after) => {
                if after != before {
                    store::circuit::keep_lane(tx, shop, id, name, &after).await?;
                }
                return Ok(Told::Wait(until, ITS_TURN));
            }
        }
    }
    if wanted.probes && !store::circuit::take_probe(tx, shop, id, now, now + PROBE_TAKES).await? {
        return Ok(Told::Wait(now + PROBE_TAKES, "another text tries whether its gateway answers again"));
    }
    if let Some(most) = wanted.cap {
        let (day, ends_at) = pace::cap_day(now);
        if !store::circuit::take_of_day(tx, shop, id, day, wanted.parts, most).await? {
            return Ok(Told::Wait(ends_at, "the day's parts to US numbers are used up"));
        }
    }
    for (name, after) in taken {
        store::circuit::keep_lane(tx, shop, id, name, &after).await?;
    }
    Ok(Told::Go)
}

/// Keeps what an outcome says of the gateway's health; of a healthy one nothing is written.
pub(crate) async fn heard(core: &Core, account: &Gateway, outcome: &SendOutcome) -> Result<(), Error> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let before = store::circuit::get(&mut read, account.shop, account.id).await?;
    drop(read);
    if before.after(outcome, now) == before {
        return Ok(());
    }
    let (was_open, circuit): (bool, Circuit) = transact!(core.db, |tx| {
        let before = store::circuit::get(tx, account.shop, account.id).await?;
        let circuit = before.after(outcome, now);
        store::circuit::put(tx, account.shop, account.id, &circuit).await?;
        (before.is_open(), circuit)
    })?;
    if was_open != circuit.is_open() {
        let state = if circuit.is_open() { "open" } else { "closed" };
        tracing::warn!(gateway = %account.id, state, "a gateway's circuit");
        metrics::counter!("cartback_gateway_circuits_total", "state" => state).increment(1);
    }
    if was_open && !circuit.is_open() {
        // What waited for the probe need not wait for its own time; the ramp lets it out slowly.
        hurry(core, account).await?;
    }
    Ok(())
}

async fn hurry(core: &Core, account: &Gateway) -> Result<(), Error> {
    let now = core.now();
    let shops = match account.shop {
        ShopId::HOUSE => store::shop::ids(&mut core.db.read().await?).await?,
        own => vec![own],
    };
    for shop in shops {
        transact!(core.db, |tx| job::hurry(tx, shop, job::Kind::Send, now).await?)?;
    }
    core.wake.notify_one();
    Ok(())
}

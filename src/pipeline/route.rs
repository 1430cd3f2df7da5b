//! Route: which gateway account takes a text, and when. A shop's own accounts come before the house's; of those that serve
//! the number's country the first in turn that is not paused and answers. Fail-over is nothing more than asking again: a
//! text that provably did not leave goes back to the queue, and the next account in turn takes it.

use super::Core;
use crate::{
    domain::{
        circuit::{Circuit, Leave, PROBE_TAKES},
        decide::ASK_AGAIN,
        id::{GatewayId, ShopId},
        message::{Purpose, SendOutcome},
        pace::{self, Pace, Turn},
        time::Time,
    },
    gateway::{self, sending::Sending},
    store::{self, Error, Read, Tx, gateway::Gateway, job, message::Message, shop::Shop},
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

/// Whose account, and which.
type Account = (ShopId, GatewayId);

/// Until when a queued text waits for the account it would go through.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    /// The account does not answer, or wants a pause: in these words.
    Away(Account, Time, &'static str),
    /// It has a place in the line of its account, which is this moment.
    Line(Time),
    /// The day's cap is used up.
    Day(Time),
}

/// What a queued text needs before it may ask for leave to go.
pub(crate) enum Needs {
    Nothing,
    Wait(Wait),
    /// It has to take turns first.
    Turns(Turns),
}

/// What this text needs at its gateway; `booked`: its place in the line, if it has one.
pub(crate) async fn needs(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    message: &Message,
    booked: Option<Time>,
) -> Result<Needs, Error> {
    let account = match message.purpose {
        Purpose::Answer => {
            let keys = core.vault.keys(read, message.gateway_shop).await?;
            store::gateway::get(read, &keys, message.gateway).await?
        }
        _ => sender(core, read, shop, Some(message.country.as_str())).await?,
    };
    let Some(account) = account else { return Ok(Needs::Nothing) };
    let circuit = store::circuit::get(read, account.shop, account.id).await?;
    let now = core.now();
    let sending = Sending::of(&account.settings);
    let probes = match circuit.leave(now) {
        Leave::Wait(until) => {
            let why = "its gateway does not answer or asked for a pause";
            return Ok(Needs::Wait(Wait::Away((account.shop, account.id), until, why)));
        }
        Leave::Probe => true,
        Leave::Go => false,
    };
    let lanes = lanes(&account, &sending, message, circuit.closed_at, now);
    let cap = sending.us_per_day.filter(|_| message.country == "US");
    if !probes && lanes.is_empty() && cap.is_none() {
        return Ok(Needs::Nothing);
    }
    let account = (account.shop, account.id);
    Ok(Needs::Turns(Turns { account, lanes, cap, probes, parts: message.segments.max(1), booked }))
}

/// The turns one text needs.
pub(crate) struct Turns {
    account: Account,
    /// Names, and how fast each is.
    lanes: Vec<(String, Pace)>,
    /// Parts a day.
    cap: Option<u32>,
    probes: bool,
    parts: u32,
    /// Its place in the line, if it has one.
    booked: Option<Time>,
}

impl Turns {
    pub(crate) fn is_of_house(&self) -> bool {
        self.account.0 == ShopId::HOUSE
    }
}

/// The lanes that are not free for everybody.
fn lanes(
    account: &Gateway,
    sending: &Sending,
    message: &Message,
    back_at: Option<Time>,
    now: Time,
) -> Vec<(String, Pace)> {
    let whole = Pace { per_minute: sending.account_per_minute, back_at };
    let whole = whole.is_bound(now).then(|| ("account".to_owned(), whole));
    let own = sending.sender_per_minute.map(|per_minute| {
        let sender = gateway::sender_of(&account.settings, &message.phone());
        (format!("sender:{sender}"), Pace { per_minute: Some(per_minute), back_at: None })
    });
    whole.into_iter().chain(own).collect()
}

/// Takes them, before the shop's transaction and in one of the account's tenant: accounts of the house are shared by every
/// shop. A turn that is taken and not used is lost, never used twice. `None`: the text may leave.
pub(crate) async fn take(tx: &mut Tx, wanted: &Turns, now: Time) -> Result<Option<Wait>, Error> {
    let (shop, id) = wanted.account;
    // No turn is taken before every lane is free.
    let mut taken = Vec::with_capacity(wanted.lanes.len());
    for (name, pace) in &wanted.lanes {
        let before = store::circuit::lane(tx, shop, id, name).await?;
        match before.turn(now, wanted.parts, *pace, wanted.booked) {
            Turn::Go(after) => taken.push((name, after)),
            Turn::Wait(until, after) => {
                if after != before {
                    store::circuit::keep_lane(tx, shop, id, name, &after).await?;
                }
                return Ok(Some(Wait::Line(until)));
            }
        }
    }
    if wanted.probes && !store::circuit::take_probe(tx, shop, id, now, now + PROBE_TAKES).await? {
        let why = "another text tries whether its gateway answers again";
        return Ok(Some(Wait::Away((shop, id), now + PROBE_TAKES, why)));
    }
    if let Some(most) = wanted.cap {
        let (day, ends_at) = pace::cap_day(now);
        if !store::circuit::take_of_day(tx, shop, id, day, wanted.parts, most).await? {
            return Ok(Some(Wait::Day(ends_at)));
        }
    }
    for (name, after) in taken {
        store::circuit::keep_lane(tx, shop, id, name, &after).await?;
    }
    Ok(None)
}

/// Until when a text stays away from an account that told it to. The caller holds the turn of the text's shop: whoever calls
/// up those that wait takes it too, so that none begins to wait for what is over.
pub(crate) async fn still_away(read: &mut Read, (shop, id): Account, until: Time, now: Time) -> Result<Time, Error> {
    match store::circuit::get(read, shop, id).await?.leave(now) {
        Leave::Go => Ok(now),
        Leave::Probe | Leave::Wait(_) => Ok(until),
    }
}

/// Keeps what outcomes, in their order, say of a gateway's health; of a healthy one nothing is written.
pub(crate) async fn heard(core: &Core, account: &Gateway, outcomes: &[SendOutcome]) -> Result<(), Error> {
    let now = core.now();
    let after = |before: &Circuit| outcomes.iter().fold(*before, |circuit, outcome| circuit.after(outcome, now));
    let before = store::circuit::get(&mut core.db.read().await?, account.shop, account.id).await?;
    if after(&before) == before {
        return Ok(());
    }
    let (was_open, circuit): (bool, Circuit) = transact!(core.db, |tx| {
        let before = store::circuit::get(tx, account.shop, account.id).await?;
        let circuit = after(&before);
        store::circuit::put(tx, account.shop, account.id, &circuit).await?;
        (before.is_open(), circuit)
    })?;
    if was_open != circuit.is_open() {
        let state = if circuit.is_open() { "open" } else { "closed" };
        tracing::warn!(gateway = %account.id, state, "a gateway's circuit");
        metrics::counter!("cartback_gateway_circuits_total", "state" => state).increment(1);
    }
    if was_open && !circuit.is_open() {
        // What waited for the probe need not wait for its own time, and a line from before the outage is none any more; the
        // ramp lets all of it out slowly.
        line_up_again(core, account.shop, account.id).await?;
    }
    Ok(())
}

/// There is a gateway to send by, where there was none: carts that wait for one are asked again at once. Of a shop that sends
/// nothing they are left alone: asked now, they would end for good. Should it fail, they ask by themselves a little later.
pub(crate) async fn ask_carts_again(core: &Core, tenant: ShopId) {
    if let Err(error) = ask_all_again(core, tenant).await {
        tracing::warn!(shop = %tenant, %error, "carts that wait for a gateway are not asked again at once");
    }
}

async fn ask_all_again(core: &Core, tenant: ShopId) -> Result<(), Error> {
    let now = core.now();
    let shops = match tenant {
        ShopId::HOUSE => job::shops_with(&mut core.db.read().await?, job::Kind::Decide).await?,
        own => vec![own],
    };
    for shop in shops {
        transact!(core.db, |tx| {
            store::shop::take_turn(tx, shop).await?;
            let sends = core.shop(tx, shop).await?.is_some_and(|(shop, _)| shop.stopped().is_none());
            if sends {
                job::hurry_soon(tx, shop, job::Kind::Decide, now, ASK_AGAIN).await?;
            }
        })?;
    }
    core.wake.notify_one();
    Ok(())
}

/// Whoever waits for this account is asked again, as if nobody had a place in its line yet: it came back, or its pace is
/// another now.
pub(crate) async fn line_up_again(core: &Core, tenant: ShopId, id: GatewayId) -> Result<(), Error> {
    let now = core.now();
    let shops = match tenant {
        ShopId::HOUSE => job::shops_with(&mut core.db.read().await?, job::Kind::Send).await?,
        own => vec![own],
    };
    transact!(core.db, |tx| store::circuit::forget_line(tx, tenant, id).await?)?;
    for shop in shops {
        transact!(core.db, |tx| {
            store::shop::take_turn(tx, shop).await?;
            job::line_up_again(tx, shop, job::Kind::Send, now).await?
        })?;
    }
    core.wake.notify_one();
    Ok(())
}

//! Ahead: everything a handful of carts will ask of the database, read by sets before the first of them is looked at. Nothing
//! is decided here, and leaving it out changes no answer: it only saves each cart its own questions.

use std::collections::BTreeSet;

use super::{
    Core, guard,
    ingest::{self, textable},
    ledger, sequence,
};
use crate::{
    domain::{
        event::ShopEvent,
        id::{CartId, DeliveryId, MessageId, ShopId},
        message::{MessageState, Purpose},
        seal::ShopKeys,
    },
    store::{
        self, Error, Tx,
        identity::{self, Name, Subject},
        job::{Job, Kind},
        shop::Shop,
    },
};

/// What is about to be done to the carts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Detect,
    Decide,
    Send,
}

/// For jobs of one shop that look at carts or decide about them.
pub(crate) async fn of_carts(core: &Core, tx: &mut Tx, jobs: &[&Job]) -> Result<(), Error> {
    let subjects =
        |kind: Kind| -> Vec<i64> { jobs.iter().filter(|job| job.kind == kind).map(|job| job.subject).collect() };
    let (detected, decided) = (subjects(Kind::Detect), subjects(Kind::Decide));
    if detected.len() + decided.len() < 2 {
        return Ok(());
    }
    let Some((shop, keys)) = opened(core, tx, jobs).await? else { return Ok(()) };
    carts(core, tx, (&shop, &keys), &detected, What::Detect).await?;
    carts(core, tx, (&shop, &keys), &decided, What::Decide).await
}

/// For jobs of one shop that read deliveries: what each says is read here already, and asked for with the others what it
/// will ask about the carts and orders it names.
pub(crate) async fn of_deliveries(core: &Core, tx: &mut Tx, jobs: &[&Job]) -> Result<(), Error> {
    let jobs: Vec<&Job> = jobs.iter().filter(|job| job.kind == Kind::Ingest).copied().collect();
    if jobs.len() < 2 {
        return Ok(());
    }
    let Some((shop, keys)) = opened(core, tx, &jobs).await? else { return Ok(()) };
    let deliveries: Vec<i64> = jobs.iter().map(|job| job.subject).collect();
    store::inbox::ahead(tx, &keys, &deliveries).await?;
    let mut updates = Vec::new();
    for id in deliveries.into_iter().map(DeliveryId::new) {
        let Some(kept) = store::correction::as_read(tx, &keys, id).await? else { continue };
        let reading = ingest::read(&shop, &kept);
        store::inbox::keep_reading(tx, shop.id, id, &reading);
        updates.extend(reading.into_iter().flatten().filter_map(|event| match event {
            ShopEvent::Cart(update) => Some(update),
            _ => None,
        }));
    }
    let tokens: Vec<&str> = updates.iter().map(|update| update.token.as_str()).collect();
    let known: Vec<i64> = store::cart::by_token_ahead(tx, &keys, &tokens).await?.into_iter().map(CartId::get).collect();
    identity::names_ahead(tx, &keys, &known).await?;
    let (mut new, mut checkouts, mut all) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for update in &updates {
        let mut names = ingest::names_of_cart(&shop, &keys, update);
        match store::cart::by_token(tx, &keys, &update.token).await? {
            Some(cart) => names.extend(identity::names(tx, &keys, Subject::Cart(cart.id)).await?),
            None => new.extend(checkouts_of(&names)),
        }
        checkouts.extend(checkouts_of(&names));
        all.extend(names.into_iter().map(|(_, name)| name));
    }
    let listed = |names: BTreeSet<[u8; 16]>| -> Vec<[u8; 16]> { names.into_iter().collect() };
    identity::carts_of_ahead(tx, &keys, &listed(new)).await?;
    identity::orders_of_ahead(tx, &keys, &listed(all)).await?;
    store::cart::deleted_ahead(tx, &keys, &listed(checkouts)).await
}

fn checkouts_of(names: &[Name]) -> impl Iterator<Item = [u8; 16]> + '_ {
    names.iter().filter(|(kind, _)| *kind == identity::Kind::Checkout).map(|(_, name)| *name)
}

/// For jobs of one shop that ask for leave to send a text.
pub(crate) async fn of_texts(core: &Core, tx: &mut Tx, jobs: &[&Job]) -> Result<(), Error> {
    let Some((shop, keys)) = opened(core, tx, jobs).await? else { return Ok(()) };
    store::job::held_ahead(tx, jobs).await?;
    let messages: Vec<i64> = jobs.iter().map(|job| job.subject).collect();
    store::message::ahead(tx, &keys, &messages).await?;
    store::guard::spent_ahead(tx, &keys, &messages).await?;
    let mut about = BTreeSet::new();
    for id in messages {
        let message = store::message::get(tx, &keys, MessageId::new(id)).await?;
        let waits = |message: &store::message::Message| message.moments.state() == MessageState::Queued;
        about.extend(message.filter(waits).filter(|it| it.purpose == Purpose::Reminder).map(|message| message.about));
    }
    let about: Vec<i64> = about.into_iter().collect();
    carts(core, tx, (&shop, &keys), &about, What::Send).await
}

/// For jobs of one shop that note what became of a text.
pub(crate) async fn of_outcomes(core: &Core, tx: &mut Tx, jobs: &[&Job]) -> Result<(), Error> {
    let Some((_, keys)) = opened(core, tx, jobs).await? else { return Ok(()) };
    let messages: Vec<i64> = jobs.iter().map(|job| job.subject).collect();
    store::message::ahead(tx, &keys, &messages).await?;
    let mut about = BTreeSet::new();
    for id in messages {
        let message = store::message::get(tx, &keys, MessageId::new(id)).await?;
        about.extend(message.and_then(|message| message.cart()).map(CartId::get));
    }
    let about: Vec<i64> = about.into_iter().collect();
    store::cart::abandoned_ahead(tx, &keys, &about).await
}

async fn opened(core: &Core, tx: &mut Tx, jobs: &[&Job]) -> Result<Option<(Shop, ShopKeys)>, Error> {
    let Some(job) = jobs.first() else { return Ok(None) };
    store::shop::take_turn(tx, job.shop).await?;
    core.shop(tx, job.shop).await
}

async fn carts(
    core: &Core,
    tx: &mut Tx,
    (shop, keys): (&Shop, &ShopKeys),
    ids: &[i64],
    what: What,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let now = core.now();
    store::cart::ahead(tx, keys, ids).await?;
    identity::names_ahead(tx, keys, ids).await?;
    let (mut texts, mut names, mut since) = (Vec::new(), BTreeSet::new(), now);
    for id in ids {
        let Some(cart) = store::cart::get(tx, keys, CartId::new(*id)).await? else { continue };
        let number = textable(shop, &cart.latest.who, cart.latest.country.as_deref());
        names.extend(sequence::person(tx, keys, &cart).await?.into_iter().map(|(_, name)| name));
        since = since.min(cart.started_at);
        texts.extend(number.map(|number| (number, cart)));
    }
    let phones: BTreeSet<[u8; 16]> =
        texts.iter().map(|(number, _)| store::consent::phone_index(keys, number)).collect();
    let (phones, names): (Vec<_>, Vec<_>) = (phones.into_iter().collect(), names.into_iter().collect());
    store::consent::ahead(tx, keys, &phones).await?;
    if what == What::Detect {
        return store::order::bought_ahead(tx, keys, &names).await;
    }
    if what == What::Decide {
        store::decision::ahead(tx, keys, ids).await?;
    }
    store::act::ahead(tx, keys, ids).await?;
    store::message::of_carts_ahead(tx, keys, ids).await?;
    store::message::to_phones_ahead(tx, keys, &phones, now - ledger::REQUESTS_LOOK_BACK).await?;
    store::last_heard::ahead(tx, keys, &phones).await?;
    if shop.rules.sequences.iter().any(|sequence| sequence.exits.superseded) {
        store::cart::begun_ahead(tx, keys, &names, since).await?;
    }
    guard::ahead(tx, shop, keys, &texts, now).await?;
    let house = core.vault.keys(tx, ShopId::HOUSE).await?;
    let at_house: Vec<[u8; 16]> = texts.iter().map(|(number, _)| guard::at_house(&house, number)).collect();
    store::phone_use::ahead(tx, &at_house).await
}

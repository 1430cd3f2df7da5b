//! Ingest: a kept delivery becomes facts. Row, effects and what follows from them are written in one transaction, and
//! doing it again, late or in another order ends in the same state.

use std::time::Duration;

use super::{Core, dirty, erase, people};
use crate::{
    domain::{
        cart::{Cart, Revision, earliest},
        consent::{Consent, OptOut},
        event::{
            CartUpdate, ConsentState, ConsentUpdate, Identity, OrderUpdate, Refund, ShopEvent, ShopFacts, TypedPhone,
        },
        id::{CartId, DeliveryId, OrderId, ShopId},
        order::{Link, Order, closes},
        phone::{Phone, PhoneProblem},
        seal::ShopKeys,
        time::{HOUR, Time},
    },
    shop,
    store::{
        self, Error, Tx,
        identity::{self, Kind, Name, Subject},
        inbox::Kept,
        job,
        shop::Shop,
    },
};

/// The shop an event happens in, and when.
pub(crate) struct Place<'p> {
    pub core: &'p Core,
    pub shop: &'p Shop,
    pub keys: &'p ShopKeys,
    pub now: Time,
    /// When the delivery arrived: what a sender's clock may not run ahead of. Unlike `now` it is the same in a replay.
    pub arrived_at: Time,
}

/// What became of a delivery that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    pub events: u64,
    /// Why it could not be read, and is kept for a replay; "" where it could.
    pub problem: String,
}

/// Applies one delivery of the shop's own webhooks. An unreadable one is kept with the reason.
pub async fn ingest(core: &Core, tx: &mut Tx, shop: ShopId, id: DeliveryId) -> Result<(), Error> {
    match take(core, tx, shop, id).await? {
        Some(taken) => store::inbox::finish(tx, shop, id, taken.events, &taken.problem, core.now()).await,
        None => Ok(()),
    }
}

/// As `ingest`, but for noting on the delivery what became of it. `None` where it is not there (any more).
pub async fn take(core: &Core, tx: &mut Tx, shop_id: ShopId, id: DeliveryId) -> Result<Option<Taken>, Error> {
    let now = core.now();
    store::shop::take_turn(tx, shop_id).await?;
    let Some((mut shop, keys)) = core.shop(tx, shop_id).await? else { return Ok(None) };
    let Some(kept) = store::correction::as_read(tx, &keys, id).await? else { return Ok(None) };
    if shop.erased_at.is_some() {
        store::inbox::forget(tx, shop_id, id).await?;
        return Ok(None);
    }
    let told = store::inbox::reading(tx, shop_id, id).unwrap_or_else(|| read(&shop, &kept));
    let events = match told {
        Ok(events) => events,
        Err(problem) => return Ok(Some(Taken { events: 0, problem })),
    };
    match points_further(&shop, &kept) {
        Ok(false) => {}
        Ok(true) => job::schedule(tx, shop_id, job::Kind::Fetch, id.get(), now).await?,
        Err(problem) => return Ok(Some(Taken { events: 0, problem })),
    }
    let count = events.len() as u64;
    let mut of_forgotten = !events.is_empty();
    for event in events {
        let arrived_at = kept.delivery.received_at;
        of_forgotten &= apply(core, tx, &mut shop, &keys, event, (now, arrived_at)).await? == Whose::Forgotten;
    }
    if of_forgotten {
        // It names them again.
        store::inbox::forget(tx, shop_id, id).await?;
        return Ok(None);
    }
    Ok(Some(Taken { events: count, problem: String::new() }))
}

/// What a kept delivery says, or why it says nothing.
pub(crate) fn read(shop: &Shop, kept: &Kept) -> Result<Vec<ShopEvent>, String> {
    let kind = shop::by_kind(&shop.kind).ok_or_else(|| format!("no connector of kind {}", shop.kind))?;
    let facts = ShopFacts { country: shop.country.clone(), currency: shop.currency, settings: shop.settings.clone() };
    shop::read(kind, &facts, &kept.topic, &kept.delivery).map_err(|unreadable| unreadable.to_string())
}

/// Whether there is more to be fetched of what this webhook tells.
fn points_further(shop: &Shop, kept: &Kept) -> Result<bool, String> {
    let Some(kind) = shop::by_kind(&shop.kind).filter(|_| !kept.topic.starts_with(shop::PULLED)) else {
        return Ok(false);
    };
    kind.ask_whole(&shop.settings, &kept.topic, &kept.delivery).map(|request| request.is_some())
}

/// Whom an event is about, as far as the delivery that told it may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Anybody,
    /// Of somebody who was forgotten, and of nobody else. It is applied as ever: a refund still takes back what was earned.
    Forgotten,
}

impl Whose {
    fn of(erased: bool) -> Whose {
        if erased { Whose::Forgotten } else { Whose::Anybody }
    }
}

async fn apply(
    core: &Core,
    tx: &mut Tx,
    shop: &mut Shop,
    keys: &ShopKeys,
    event: ShopEvent,
    (now, arrived_at): (Time, Time),
) -> Result<Whose, Error> {
    let place = Place { core, shop, keys, now, arrived_at };
    match event {
        ShopEvent::Cart(update) => return take_cart(tx, &place, *update).await,
        ShopEvent::Order(update) => return take_order(tx, &place, *update).await,
        ShopEvent::Refunds { order, refunds } => return take_refunds(tx, &place, &order, &refunds).await,
        ShopEvent::CartDeleted { token, at } => delete_cart(tx, &place, &token, at).await?,
        ShopEvent::Consent(update) => take_consent(tx, &place, *update).await?,
        ShopEvent::Redact(who) => {
            erase::person(tx, &place, &who, "shop").await?;
        }
        ShopEvent::DataRequest(who) => people::note_access(tx, &place, &who).await?,
        ShopEvent::Uninstalled { at } => {
            shop.uninstalled_at.get_or_insert(at);
            store::shop::save(tx, keys, shop).await?;
        }
        ShopEvent::ShopRedact => {
            shop.erased_at.get_or_insert(now);
            store::shop::save(tx, keys, shop).await?;
            erase::shop(tx, &Place { core, shop, keys, now, arrived_at }).await?;
        }
        ShopEvent::Test => {}
    }
    Ok(Whose::Anybody)
}

/// The first of the typed numbers that can be texted.
pub(crate) fn textable(shop: &Shop, who: &Identity, country: Option<&str>) -> Option<Phone> {
    phones(shop, who, country).into_iter().next()
}

/// A typed number, read in its own country, the cart's, the shop's.
pub(crate) fn read_phone(shop: &Shop, typed: &TypedPhone, country: Option<&str>) -> Result<Phone, PhoneProblem> {
    let countries: Vec<&str> =
        typed.country.as_deref().into_iter().chain(country).chain([shop.country.as_str()]).collect();
    Phone::read(&typed.number, &countries)
}

/// Every typed number that is one.
pub(crate) fn phones(shop: &Shop, who: &Identity, country: Option<&str>) -> Vec<Phone> {
    let mut found: Vec<Phone> = Vec::new();
    for typed in &who.phones {
        if let Ok(phone) = read_phone(shop, typed, country)
            && !found.contains(&phone)
        {
            found.push(phone);
        }
    }
    found
}

/// Every name a person or a checkout is known by, as blind index entries with their kind.
pub(crate) fn names<'n>(
    shop: &Shop,
    keys: &ShopKeys,
    who: &Identity,
    country: Option<&str>,
    checkouts: impl IntoIterator<Item = &'n str>,
) -> Vec<(Kind, [u8; 16])> {
    let checkouts = checkouts.into_iter().map(|token| (Kind::Checkout, token.to_owned()));
    let phones = phones(shop, who, country).into_iter().map(|phone| (Kind::Phone, phone.e164().to_owned()));
    let email = who.email_key().map(|email| (Kind::Email, email));
    let customer = who.customer.clone().map(|customer| (Kind::Customer, customer));
    checkouts
        .chain(phones)
        .chain(customer)
        .chain(email)
        .map(|(kind, text)| (kind, identity::value(keys, kind, &text)))
        .collect()
}

/// As `names`, of what a checkout tells.
pub(crate) fn names_of_cart(shop: &Shop, keys: &ShopKeys, update: &CartUpdate) -> Vec<Name> {
    let tokens = [Some(update.token.as_str()), update.cart_token.as_deref()];
    names(shop, keys, &update.who, update.country.as_deref(), tokens.into_iter().flatten())
}

fn link(kind: Kind) -> Link {
    if kind == Kind::Checkout { Link::SameCheckout } else { Link::SamePerson }
}

/// How far a sender's clock may run ahead of ours before its times stop counting as they are: enough for a clock set
/// wrong, too little for one bad body to keep later news out for long.
const AHEAD_MOST: Duration = HOUR;

fn revision<T: serde::Serialize>(place: &Place<'_>, update: &T, updated_at: Time) -> Result<Revision, Error> {
    let text = serde_json::to_string(update).map_err(|why| Error::damaged("event", why))?;
    let at = updated_at.min(place.arrived_at + AHEAD_MOST);
    Ok(Revision { at, digest: place.keys.index("revision", &text) })
}

async fn take_cart(tx: &mut Tx, place: &Place<'_>, mut update: CartUpdate) -> Result<Whose, Error> {
    let Place { core, shop, keys, .. } = *place;
    let revision = revision(place, &update, update.updated_at)?;
    // A clock ahead of ours must not hold a cart back.
    update.updated_at = update.updated_at.min(place.arrived_at);
    take_withdrawal(tx, place, &update).await?;
    let names = names_of_cart(shop, keys, &update);
    let known = match store::cart::by_token(tx, keys, &update.token).await? {
        None => under_another_name(tx, keys, &mut update).await?,
        known => known,
    };
    let is_known = known.is_some();
    let cart = match known {
        Some(mut cart) if cart.erased_at.is_none() => {
            cart.merge(update, revision);
            cart
        }
        Some(_) => return Ok(Whose::Forgotten),
        None => Cart::new(CartId::new(core.fresh_id()), update, revision),
    };
    // Of a late, stale update too: any name a cart ever had may link it.
    identity::add(tx, keys, Subject::Cart(cart.id), &names).await?;
    let names = if is_known { identity::names(tx, keys, Subject::Cart(cart.id)).await? } else { names };
    let cart = close_if_over(tx, keys, cart, &names).await?;
    write_cart(tx, place, &cart).await?;
    if let Some(at) = cart.abandoned_at {
        // What it is worth, where it is from and what is in it may be news.
        dirty(tx, shop, at, place.now).await?;
    }
    if !cart.is_open() {
        let why = if cart.bought_at.is_some() { "bought" } else { DELETED };
        stop_cart(tx, place, cart.id, why).await?;
        return Ok(Whose::Anybody);
    }
    if cart.abandoned_at.is_none() && cart.is_recoverable() {
        let due = crate::domain::decide::abandoned_at(&shop.rules, cart.active_at());
        job::schedule(tx, shop.id, job::Kind::Detect, cart.id.get(), due).await?;
    }
    Ok(Whose::Anybody)
}

/// A checkout that was fetched may go by its cart's name, where the webhooks of the same checkout have one of their own. The
/// one that is told less fully takes from the other what it does not know.
async fn under_another_name(tx: &mut Tx, keys: &ShopKeys, update: &mut CartUpdate) -> Result<Option<Cart>, Error> {
    let tokens: Vec<String> = [Some(update.token.clone()), update.cart_token.clone()].into_iter().flatten().collect();
    let names: Vec<_> =
        tokens.iter().map(|token| (Kind::Checkout, identity::value(keys, Kind::Checkout, token))).collect();
    for (_, id) in identity::carts_of(tx, keys, &names).await? {
        let Some(cart) = store::cart::get(tx, keys, id).await? else { continue };
        let same =
            cart.latest.cart_token.as_deref() == Some(update.token.as_str()) || tokens.contains(&cart.latest.token);
        if !same || cart.erased_at.is_some() {
            continue;
        }
        if update.cart_token.is_none() {
            update.consent = update.consent.take().or_else(|| cart.latest.consent.clone());
            update.cart_token = Some(update.token.clone());
            update.token = cart.latest.token.clone();
        }
        return Ok(Some(cart));
    }
    Ok(None)
}

async fn write_cart(tx: &mut Tx, place: &Place<'_>, cart: &Cart) -> Result<(), Error> {
    let phone = textable(place.shop, &cart.latest.who, cart.latest.country.as_deref());
    store::cart::put(tx, place.keys, cart, phone.as_ref()).await
}

/// Asks every order of any of its names, and every deletion of either of its tokens, whether it ended this cart.
async fn close_if_over(tx: &mut Tx, keys: &ShopKeys, mut cart: Cart, names: &[Name]) -> Result<Cart, Error> {
    for ((kind, _), id) in identity::orders_of(tx, keys, names).await? {
        let placed_at = store::order::placed_at(tx, keys, id).await?;
        cart.bought_at = earliest(cart.bought_at, closes(placed_at, link(kind), &cart));
    }
    let tokens: Vec<_> = names.iter().filter(|(kind, _)| *kind == Kind::Checkout).map(|(_, value)| *value).collect();
    cart.deleted_at = earliest(cart.deleted_at, store::cart::deleted_at(tx, keys, &tokens).await?);
    Ok(cart)
}

/// Nothing more will be said about this cart: what waits is cancelled.
pub(crate) async fn stop_cart(tx: &mut Tx, place: &Place<'_>, cart: CartId, why: &str) -> Result<(), Error> {
    let shop = place.shop.id;
    job::cancel(tx, shop, job::Kind::Detect, cart.get()).await?;
    job::cancel(tx, shop, job::Kind::Decide, cart.get()).await?;
    for mut message in store::message::about(tx, place.keys, cart.get()).await? {
        super::send::cancel_if_waiting(tx, place.keys, &mut message, why, place.now).await?;
    }
    Ok(())
}

const DELETED: &str = "the checkout was deleted";

/// Noted under its name, since the delete may come before the checkout. Newer Shopify versions tell the second name only.
async fn delete_cart(tx: &mut Tx, place: &Place<'_>, token: &str, at: Time) -> Result<(), Error> {
    let name = identity::value(place.keys, Kind::Checkout, token);
    store::cart::note_deleted(tx, place.keys, &name, at).await?;
    for id in identity::carts(tx, place.keys, &name).await? {
        let Some(mut cart) = store::cart::get(tx, place.keys, id).await? else { continue };
        cart.deleted_at = earliest(cart.deleted_at, Some(at));
        write_cart(tx, place, &cart).await?;
        stop_cart(tx, place, id, DELETED).await?;
    }
    Ok(())
}

async fn take_order(tx: &mut Tx, place: &Place<'_>, mut update: OrderUpdate) -> Result<Whose, Error> {
    let Place { core, shop, keys, now, arrived_at } = *place;
    let refunds = std::mem::take(&mut update.refunds);
    let revision = revision(place, &update, update.updated_at)?;
    update.placed_at = update.placed_at.map(|at| at.min(arrived_at));
    let names = names(shop, keys, &update.who, None, update.cart_tokens.iter().map(String::as_str));
    let told = store::net_ledger::Told { placed: update.placed_at.is_some(), total: update.total, revision };
    let known = store::order::by_external_id(tx, keys, &update.external_id).await?;
    let before = known.as_ref().and_then(|order| order.placed_at);
    let is_known = known.is_some();
    let order = match known {
        Some(mut order) => {
            order.merge(update, revision);
            order
        }
        None => Order::new(OrderId::new(core.fresh_id()), update, revision),
    };
    let erased = is_known && store::order::is_erased(tx, keys, order.id).await?;
    let order = if erased { erase::without_person(order) } else { order };
    let subject = Subject::Order(order.id);
    if !erased {
        identity::add(tx, keys, subject, &names).await?;
    }
    store::order::put(tx, keys, &order).await?;
    store::net_ledger::note_told(tx, keys, order.id, &told).await?;
    for refund in &refunds {
        store::order::add_refund(tx, keys, &order.latest.external_id, refund).await?;
    }
    if let Some(placed_at) = order.placed_at {
        let names = if is_known { identity::names(tx, keys, subject).await? } else { names };
        close_carts(tx, place, placed_at, &names).await?;
    }
    // The day it leaves needs its figures again as much as the day it comes to.
    for at in [before, order.placed_at].into_iter().flatten() {
        dirty(tx, shop, at, now).await?;
        super::tally::dirty(tx, shop, keys, at, now).await?;
    }
    job::ensure(tx, shop.id, job::Kind::Attribute, order.id.get(), now).await?;
    Ok(Whose::of(erased))
}

/// Every open cart of the same person is closed, not only the one whose token the order names.
async fn close_carts(tx: &mut Tx, place: &Place<'_>, placed_at: Time, names: &[Name]) -> Result<(), Error> {
    for ((kind, _), id) in identity::carts_of(tx, place.keys, names).await? {
        let Some(mut cart) = store::cart::get(tx, place.keys, id).await? else { continue };
        let bought_at = earliest(cart.bought_at, closes(Some(placed_at), link(kind), &cart));
        if bought_at != cart.bought_at {
            cart.bought_at = bought_at;
            write_cart(tx, place, &cart).await?;
            stop_cart(tx, place, cart.id, "bought").await?;
        }
    }
    Ok(())
}

async fn take_refunds(tx: &mut Tx, place: &Place<'_>, order: &str, refunds: &[Refund]) -> Result<Whose, Error> {
    for refund in refunds {
        store::order::add_refund(tx, place.keys, order, refund).await?;
    }
    let Some(order) = store::order::by_external_id(tx, place.keys, order).await? else { return Ok(Whose::Anybody) };
    job::ensure(tx, place.shop.id, job::Kind::Attribute, order.id.get(), place.now).await?;
    Ok(Whose::of(store::order::is_erased(tx, place.keys, order.id).await?))
}

async fn take_consent(tx: &mut Tx, place: &Place<'_>, update: ConsentUpdate) -> Result<(), Error> {
    let Place { shop, keys, now, arrived_at, .. } = *place;
    // A consent for a number that cannot be texted has no use and no place in the ledger.
    let Ok(phone) = read_phone(shop, &update.phone, None) else { return Ok(()) };
    if update.state == ConsentState::NotGiven {
        return Ok(());
    }
    let entry = Consent { state: update.state, at: update.at.min(arrived_at), proof: update.proof };
    enter(tx, keys, &phone, &entry, now).await
}

/// A checkout whose shop says that its customer has unsubscribed: a no for every cart of that number, not for this one.
async fn take_withdrawal(tx: &mut Tx, place: &Place<'_>, update: &CartUpdate) -> Result<(), Error> {
    let Place { shop, keys, now, .. } = *place;
    let country = update.country.as_deref();
    let Some(told) = update.consent.as_ref().filter(|told| told.state == ConsentState::Withdrawn) else {
        return Ok(());
    };
    let phone = match &told.phone {
        Some(typed) => read_phone(shop, typed, country).ok(),
        None => textable(shop, &update.who, country),
    };
    let Some(phone) = phone else { return Ok(()) };
    let at = told.proof.given_at.unwrap_or(update.updated_at).min(update.updated_at);
    enter(tx, keys, &phone, &Consent { state: told.state, at, proof: told.proof.clone() }, now).await
}

async fn enter(tx: &mut Tx, keys: &ShopKeys, phone: &Phone, entry: &Consent, now: Time) -> Result<(), Error> {
    let index = store::consent::phone_index(keys, phone);
    store::consent::append(tx, keys, &index, entry, now).await?;
    if entry.state == ConsentState::Withdrawn {
        super::settle::silence(tx, keys, &index, "consent withdrawn", now).await?;
    }
    Ok(())
}

/// The consent a cart itself carries for this number, beside what the ledgers say. Without a moment of its own it is a box
/// found ticked: it counts as of when the cart was begun, and never against an opt-out, since shops remember boxes.
pub(crate) fn carried_consent(
    shop: &Shop,
    cart: &Cart,
    phone: &Phone,
    consents: &[Consent],
    outs: &[OptOut],
) -> Option<Consent> {
    let given = cart.latest.consent.as_ref()?;
    let country = cart.latest.country.as_deref();
    let for_this_phone =
        given.phone.as_ref().is_none_or(|typed| read_phone(shop, typed, country).as_ref() == Ok(phone));
    let taken_back = !outs.is_empty() || consents.iter().any(|entry| entry.state == ConsentState::Withdrawn);
    let told = match given.state {
        ConsentState::Granted => given.proof.given_at.is_some() || !taken_back,
        // Said so that the cart's story tells why it waits for nothing.
        ConsentState::Pending => true,
        ConsentState::Withdrawn | ConsentState::NotGiven | ConsentState::Restored => false,
    };
    (for_this_phone && told).then(|| Consent {
        state: given.state,
        at: given.proof.given_at.unwrap_or(cart.started_at).min(cart.active_at()),
        proof: given.proof.clone(),
    })
}

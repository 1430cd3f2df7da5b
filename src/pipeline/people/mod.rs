//! People: everything we hold about one of them, found by any of their names. One search serves all who ask: what is
//! exported is what would be erased.
//!
//! A request tells one name; carts and orders know the others. A checkout leads on to its order. A phone or an address
//! may be a household's: it does not lead to other carts, but what is kept under it goes with the person.

pub(crate) mod age;
pub mod ads;
pub mod export;
pub mod proof;
pub mod import;
mod late;
pub mod sheet;
pub mod token;

pub(crate) use late::receipts as late_receipts;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Core,
    erase::{self, Erased},
    ingest::{self, Place, names, read as read_delivery},
};
use crate::{
    domain::{
        event::{Identity, ShopEvent},
        id::{CartId, DeliveryId, MessageId, OrderId, RequestId, ShopId},
        message::{GatewayEvent, Part},
        phone::Phone,
        seal::ShopKeys,
        time::{MINUTE, Time},
    },
    gateway,
    store::{
        self, Error, Read, Tx,
        gateway::Gateway,
        identity::{self, Kind, Name, Subject},
        inbox::Kept,
        job::{self, Job},
        request,
        shop::Shop,
    },
    transact,
};

/// Where somebody was found, without their deliveries.
pub(crate) struct Found {
    pub carts: BTreeSet<CartId>,
    pub orders: BTreeSet<OrderId>,
    pub messages: BTreeSet<MessageId>,
    pub trace: Trace,
}

/// What a delivery names them by. Kept sealed while deliveries are still to be searched.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Trace {
    /// Whether all that is about the shop is theirs.
    whole_shop: bool,
    pub names: BTreeSet<Name>,
    /// The shop's own ids of the orders.
    orders: BTreeSet<String>,
    messages: BTreeSet<MessageId>,
    /// The gateways' ids of the texts.
    references: BTreeSet<String>,
    /// The person's names as people write them, for bodies nobody can read: there a likeness is enough.
    emails: BTreeSet<String>,
    /// The last digits of their numbers, which every way to write one shares.
    numbers: BTreeSet<String>,
}

/// Fewer digits are of too many people.
const DIGITS_ALIKE: usize = 8;

pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Searches by whichever names are known.
pub(crate) async fn find(read: &mut Read, shop: &Shop, keys: &ShopKeys, who: &Identity) -> Result<Found, Error> {
    let (mut carts, mut orders) = (BTreeSet::new(), BTreeSet::new());
    let (mut known, mut also) = (BTreeSet::new(), BTreeSet::<Name>::new());
    let mut asked = names(shop, keys, who, None, []);
    while let Some((kind, value)) = asked.pop() {
        if !known.insert((kind, value)) {
            continue;
        }
        let found_carts = identity::carts(read, keys, &value).await?.into_iter().filter(|&id| carts.insert(id));
        let mut subjects: Vec<Subject> = found_carts.map(Subject::Cart).collect();
        let found_orders = identity::orders(read, keys, &value).await?.into_iter().filter(|&id| orders.insert(id));
        subjects.extend(found_orders.map(Subject::Order));
        for subject in subjects {
            let theirs = identity::names(read, keys, subject).await?;
            let (checkouts, names): (Vec<Name>, Vec<Name>) =
                theirs.into_iter().partition(|(kind, _)| *kind == Kind::Checkout);
            asked.extend(checkouts);
            also.extend(names);
        }
    }
    let mut people = vec![who.clone()];
    let mut messages = BTreeSet::new();
    let mut references = BTreeSet::new();
    for &cart in &carts {
        people.extend(store::cart::get(read, keys, cart).await?.map(|cart| cart.latest.who));
        for message in store::message::about(read, keys, cart.get()).await? {
            messages.insert(message.id);
            references.extend(message.gateway_ref);
        }
    }
    let mut order_ids = BTreeSet::new();
    for &order in &orders {
        if let Some(order) = store::order::get(read, keys, order).await? {
            people.push(order.latest.who);
            order_ids.insert(order.latest.external_id);
        }
    }
    // Texts to a number that was asked for itself, also those whose cart was forgotten long ago; to a number that was only
    // found, those of no cart: answers, and others that follow from what is kept under it.
    let asked_for: Vec<Name> = known.iter().copied().filter(|(kind, _)| *kind == Kind::Phone).collect();
    known.extend(also);
    for name in known.iter().filter(|(kind, _)| *kind == Kind::Phone) {
        for message in store::message::to_phone(read, keys, &name.1, Time::FIRST).await? {
            if asked_for.contains(name) || message.cart().is_none() {
                messages.insert(message.id);
                references.extend(message.gateway_ref);
            }
        }
    }
    let phones = people.iter().flat_map(|who| &who.phones);
    let ending = |number: &str| {
        let digits = digits(number);
        digits.len().checked_sub(DIGITS_ALIKE).and_then(|from| digits.get(from..)).map(str::to_owned)
    };
    let trace = Trace {
        whole_shop: false,
        names: known,
        orders: order_ids,
        messages: messages.clone(),
        references,
        emails: people.iter().filter_map(Identity::email_key).collect(),
        numbers: phones.filter_map(|typed| ending(&typed.number)).collect(),
    };
    Ok(Found { carts, orders, messages, trace })
}

impl Trace {
    /// Of everybody in a shop.
    pub(crate) fn of_shop(phones: Vec<[u8; 16]>) -> Trace {
        let names = phones.into_iter().map(|phone| (Kind::Phone, phone)).collect();
        Trace { whole_shop: true, names, ..Trace::default() }
    }

    /// The keyed hashes of their numbers.
    pub(crate) fn phones(&self) -> impl Iterator<Item = &[u8; 16]> {
        self.names.iter().filter(|(kind, _)| *kind == Kind::Phone).map(|(_, phone)| phone)
    }

    /// Their addresses as `Identity::email_key` has them.
    pub(crate) fn emails(&self) -> impl Iterator<Item = &str> {
        self.emails.iter().map(String::as_str)
    }

    /// Whether a line for people names them: gateways quote numbers in their errors.
    pub(crate) fn is_quoted_in(&self, text: &str) -> bool {
        let (text, digits) = (text.to_lowercase(), digits(text));
        self.emails.iter().any(|email| text.contains(email)) || self.numbers.iter().any(|end| digits.contains(end))
    }

    fn stands_in(&self, kept: &Kept) -> bool {
        let query = kept.delivery.query();
        self.is_quoted_in(&String::from_utf8_lossy(&kept.delivery.body)) || self.is_quoted_in(query)
    }

    fn is_in(&self, shop: &Shop, keys: &ShopKeys, accounts: &[Gateway], kept: &Kept) -> bool {
        match kept.gateway {
            None => match read_delivery(shop, kept) {
                Ok(events) => events.iter().any(|event| self.is_in_event(shop, keys, event)),
                Err(_) => self.stands_in(kept),
            },
            Some(id) => {
                let account = accounts.iter().find(|account| account.id == id);
                self.stands_in(kept) || account.is_some_and(|account| self.is_in_callback(shop.id, keys, account, kept))
            }
        }
    }

    fn is_in_event(&self, shop: &Shop, keys: &ShopKeys, event: &ShopEvent) -> bool {
        let (who, country, checkouts): (Identity, _, Vec<&str>) = match event {
            ShopEvent::Cart(cart) => {
                let tokens = [Some(cart.token.as_str()), cart.cart_token.as_deref()];
                (cart.who.clone(), cart.country.as_deref(), tokens.into_iter().flatten().collect())
            }
            ShopEvent::CartDeleted { token, .. } => (Identity::default(), None, vec![token]),
            ShopEvent::Order(order) if self.orders.contains(&order.external_id) => return true,
            ShopEvent::Order(order) => {
                (order.who.clone(), None, order.cart_tokens.iter().map(String::as_str).collect())
            }
            ShopEvent::Refunds { order, .. } => return self.orders.contains(order),
            ShopEvent::Redact(who) | ShopEvent::DataRequest(who) => (who.clone(), None, Vec::new()),
            ShopEvent::Consent(consent) => {
                let phones = vec![consent.phone.clone()];
                (Identity { customer: consent.customer.clone(), email: None, phones }, None, Vec::new())
            }
            ShopEvent::Uninstalled { .. } | ShopEvent::ShopRedact | ShopEvent::Test => return false,
        };
        names(shop, keys, &who, country, checkouts).iter().any(|name| self.names.contains(name))
    }

    fn is_in_callback(&self, shop: ShopId, keys: &ShopKeys, account: &Gateway, kept: &Kept) -> bool {
        let Some(kind) = gateway::by_kind(&account.kind) else { return false };
        let told = kind.read(&account.settings, &kept.topic, &kept.delivery).unwrap_or_default();
        told.iter().any(|event| match event {
            GatewayEvent::Receipt(receipt) => {
                let ours = receipt.reference.filter(|reference| reference.shop == shop);
                ours.is_some_and(|reference| self.whole_shop || self.messages.contains(&reference.message))
                    || receipt.gateway_ref.as_ref().is_some_and(|theirs| self.references.contains(theirs))
            }
            GatewayEvent::Reply(reply) | GatewayEvent::Part(Part { reply, .. }) => Phone::read(&reply.from, &[])
                .is_ok_and(|phone| {
                    self.names.contains(&(Kind::Phone, identity::value(keys, Kind::Phone, phone.e164())))
                }),
        })
    }

    /// The deliveries of a tenant (the shop itself, or the house whose gateways it may share) that name them. Raw bodies
    /// cannot be searched, so each one still kept is opened and read again.
    pub(crate) async fn deliveries(
        &self,
        read: &mut Read,
        shop: &Shop,
        keys: &ShopKeys,
        tenant: &ShopKeys,
    ) -> Result<Vec<Kept>, Error> {
        let accounts = store::gateway::list(read, tenant).await?;
        let mut found = Vec::new();
        let mut before = DeliveryId::new(i64::MAX);
        loop {
            let page = store::inbox::list(read, tenant.shop(), store::inbox::Filter::All, before, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            before = last.id;
            for line in &page {
                let Some(mut kept) = store::inbox::get(read, tenant, line.id).await? else { continue };
                if self.is_in(shop, keys, &accounts, &kept) {
                    found.push(kept);
                    continue;
                }
                // What was put in a body's place may name whom the body does not.
                if let Some(body) = store::correction::newest(read, tenant, line.id).await? {
                    kept.delivery.body = body;
                    if self.is_in(shop, keys, &accounts, &kept) {
                        found.push(kept);
                    }
                }
            }
        }
    }
}

/// Deliveries listed at a time.
const PAGE: u32 = 100;

/// Erases a person and follows at once into the last corner. `None` when there is no such shop.
pub async fn forget(core: &Core, shop: ShopId, who: &Identity, source: &str) -> Result<Option<Erased>, Error> {
    let now = core.now();
    let erased = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            Some((shop, keys)) => {
                let place = Place { core, shop: &shop, keys: &keys, now, arrived_at: now };
                Some(erase::person(tx, &place, who, source).await?)
            }
            None => None,
        }
    })?;
    if let Some(erased) = &erased {
        follow_up(core, shop, erased.request).await?;
    }
    Ok(erased)
}

/// What would be erased, in numbers; nothing is. `None` when there is no such shop.
pub async fn count(core: &Core, shop: ShopId, who: &Identity) -> Result<Option<Erased>, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    let found = find(&mut read, &shop, &keys, who).await?;
    let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
    let mut deliveries = found.trace.deliveries(&mut read, &shop, &keys, &keys).await?.len();
    deliveries += found.trace.deliveries(&mut read, &shop, &keys, &house).await?.len();
    let mut consents = 0;
    for phone in found.trace.phones() {
        consents += store::consent::of_phone(&mut read, &keys, phone).await?.0.len();
    }
    Ok(Some(Erased {
        request: RequestId::new(0),
        carts: found.carts.len(),
        orders: found.orders.len(),
        messages: found.messages.len(),
        consents,
        deliveries,
    }))
}

/// The job of an erasure.
pub async fn scrub(core: &Core, job: &Job) -> Result<(), Error> {
    let done = follow_up(core, job.shop, RequestId::new(job.subject)).await?;
    let now = core.now();
    transact!(core.db, |tx| {
        if done {
            job::finish(tx, job).await.map(|_| ())?;
        } else {
            job::put_back(tx, job, now + MINUTE).await?;
        }
    })
}

/// What an erasure leaves to do outside its own transaction: callbacks that came through a gateway of the house, and the
/// write-ahead log. `false` when the log could not be cut yet. Doing it again changes nothing.
async fn follow_up(core: &Core, shop_id: ShopId, request: RequestId) -> Result<bool, Error> {
    let mut read = core.db.read().await?;
    let opened = core.shop(&mut read, shop_id).await?;
    let trace: Option<Trace> = match &opened {
        Some((_, keys)) => request::who(&mut read, keys, request).await?,
        None => None,
    };
    if let (Some((shop, keys)), Some(trace)) = (&opened, trace) {
        let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
        let named = trace.deliveries(&mut read, shop, keys, &house).await?;
        drop(read);
        transact!(core.db, |tx| {
            for kept in &named {
                store::inbox::forget(tx, ShopId::HOUSE, kept.id).await?;
            }
        })?;
        let now = core.now();
        transact!(core.db, |tx| request::finish(tx, keys, request, now).await?)?;
    } else {
        drop(read);
    }
    core.db.cut_log().await
}

/// Notes an erasure as done here and to be followed up: the record of it, and the job.
pub(crate) async fn record_erasure(
    tx: &mut Tx,
    place: &Place<'_>,
    trace: &Trace,
    source: &str,
    outcome: String,
) -> Result<RequestId, Error> {
    let id = RequestId::new(place.core.fresh_id());
    let record = request::Request {
        id,
        kind: request::Kind::Erasure,
        source: source.to_owned(),
        at: place.now,
        done_at: None,
        outcome,
    };
    request::create(tx, place.keys, &record, trace).await?;
    job::schedule(tx, place.shop.id, job::Kind::Scrub, id.get(), place.now).await?;
    Ok(id)
}

/// Notes that somebody asks what is held about them, and tells the shop. The alarm names nobody; the request does, sealed.
/// The same question again, while the first one waits, changes nothing.
pub(crate) async fn note_access(tx: &mut Tx, place: &Place<'_>, who: &Identity) -> Result<(), Error> {
    for id in request::naming(tx, place.keys, request::Kind::Access).await? {
        let asked: Option<Identity> = request::who(tx, place.keys, id).await?;
        if asked.as_ref() == Some(who) {
            return Ok(());
        }
    }
    let id = RequestId::new(place.core.fresh_id());
    let record = request::Request {
        id,
        kind: request::Kind::Access,
        source: "shop".into(),
        at: place.arrived_at,
        done_at: None,
        outcome: String::new(),
    };
    request::create(tx, place.keys, &record, who).await?;
    let words = format!("Somebody asks what is held about them ({id}); answer within 30 days.");
    store::alarm::raise(tx, place.shop.id, ACCESS_ALARM, &id.to_string(), &words, place.now).await.map(|_| ())
}

pub const ACCESS_ALARM: &str = "data_request";

/// The request was answered: nobody has to be found for it any more.
pub async fn answered(core: &Core, shop: ShopId, id: RequestId) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        let keys = core.vault.keys(tx, shop).await?;
        let found = request::get(tx, &keys, id).await?.is_some_and(|found| found.kind == request::Kind::Access);
        if found {
            close_access(tx, &keys, id, now).await?;
        }
        found
    })
}

pub(crate) async fn close_access(tx: &mut Tx, keys: &ShopKeys, id: RequestId, now: Time) -> Result<(), Error> {
    request::finish(tx, keys, id, now).await?;
    store::alarm::clear(tx, keys.shop(), ACCESS_ALARM, &id.to_string(), now).await
}

/// Whether these names can be searched by at all: `None` when there is no such shop, else what is wrong with them. A
/// number that is none, or an address without an `@`, finds nobody, and nobody must take that for "nothing is held".
pub async fn names_nobody(core: &Core, shop: ShopId, who: &Identity) -> Result<Option<Option<String>>, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    if shop.id == ShopId::HOUSE {
        return Ok(None);
    }
    let unread = who.phones.iter().find_map(|typed| ingest::read_phone(&shop, typed, None).err());
    let problem = if let Some(problem) = unread {
        Some(format!("phone: {problem}"))
    } else if who.email.is_some() && who.email_key().is_none() {
        Some("email: is no address".to_owned())
    } else if who.phones.is_empty() && who.email.is_none() && who.customer.is_none() {
        Some("name a phone, an email or a customer".to_owned())
    } else {
        None
    };
    Ok(Some(problem))
}

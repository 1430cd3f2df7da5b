//! Erase: a person or a whole shop is forgotten. Sums stay, since they name nobody; an opt-out stays as a keyed hash, so
//! that a forgotten number is never texted again by mistake.

use std::collections::BTreeSet;

use super::{
    ingest::{Place, stop_cart},
    judge,
    people::{self, Found, Trace},
};
use crate::{
    domain::{
        event::{CartUpdate, Identity, OrderUpdate},
        id::{CartId, MessageId, OrderId, RequestId},
        order::Order,
    },
    store::{
        self, Error, Tx,
        identity::{self, Name, Subject},
        request,
    },
};

/// What was erased, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The record of it.
    pub request: RequestId,
    pub carts: usize,
    pub orders: usize,
    pub messages: usize,
    pub consents: usize,
    pub deliveries: usize,
}

impl Erased {
    /// `2 carts, 1 order, 3 texts, 1 consent, 4 deliveries`
    pub fn words(&self) -> String {
        let named = [
            (self.carts, "cart", "carts"),
            (self.orders, "order", "orders"),
            (self.messages, "text", "texts"),
            (self.consents, "consent", "consents"),
            (self.deliveries, "delivery", "deliveries"),
        ];
        let said = named.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
        said.join(", ")
    }
}

/// Blanks everything about a person: carts, orders, texts, taps, consents, requests, and the raw deliveries that named
/// them, by whichever of their names. `source` says through which door it was asked for.
pub(crate) async fn person(tx: &mut Tx, place: &Place<'_>, who: &Identity, source: &str) -> Result<Erased, Error> {
    let found = people::find(tx, place.shop, place.keys, who).await?;
    let Found { carts, orders, messages, trace } = &found;
    // On the heap: an erasure is the deepest there is, and this is one look more.
    Box::pin(super::offline::forget(tx, place, who, &found)).await?;
    let mut checkouts = Vec::new();
    for &cart in carts {
        checkouts.extend(identity::names(tx, place.keys, Subject::Cart(cart)).await?);
        blank_cart(tx, place, cart).await?;
        identity::remove(tx, place.keys, Subject::Cart(cart)).await?;
    }
    for &order in orders {
        blank_order(tx, place, order).await?;
    }
    for &message in messages {
        blank_message(tx, place, message, trace).await?;
    }
    forget_visits(tx, place, &found, &checkouts).await?;
    let mut consents = 0;
    for phone in trace.phones() {
        consents += store::consent::of_phone(tx, place.keys, phone).await?.0.len();
        store::consent::erase(tx, place.keys, phone).await?;
        store::holdout::forget(tx, place.keys, phone).await?;
        store::experiment::forget(tx, place.keys, phone).await?;
        store::ad_consent::forget(tx, place.keys, phone).await?;
        store::call::forget(tx, place.keys, phone).await?;
    }
    forget_events(tx, place, &found).await?;
    forget_requests(tx, place, trace).await?;
    if let Some(customer) = &who.customer {
        // As an earlier version worded it.
        store::alarm::forget(tx, place.keys, people::ACCESS_ALARM, customer).await?;
    }
    let named = trace.deliveries(tx, place.shop, place.keys, place.keys).await?;
    for kept in &named {
        store::inbox::forget(tx, place.shop.id, kept.id).await?;
    }
    let mut erased = Erased {
        request: RequestId::new(0),
        carts: carts.len(),
        orders: orders.len(),
        messages: messages.len(),
        consents,
        deliveries: named.len(),
    };
    erased.request = people::record_erasure(tx, place, trace, source, erased.words()).await?;
    Ok(erased)
}

/// What they did on the site stays for the figures, as done by somebody nobody knows.
async fn forget_visits(tx: &mut Tx, place: &Place<'_>, found: &Found, checkouts: &[Name]) -> Result<(), Error> {
    let names: BTreeSet<[u8; 16]> = found.trace.names.iter().chain(checkouts).map(|(_, name)| *name).collect();
    for name in names {
        for visitor in store::site_event::named(tx, place.keys, &name).await? {
            let nobody = place.keys.index("visitor", &format!("forgotten {}", place.core.fresh_id()));
            store::site_event::forget(tx, place.keys, &visitor, &nobody).await?;
        }
    }
    Ok(())
}

/// What was told of them to other systems, is on its way, or was answered.
async fn forget_events(tx: &mut Tx, place: &Place<'_>, found: &Found) -> Result<(), Error> {
    let carts = found.carts.iter().map(|id| id.get());
    let orders = found.orders.iter().map(|id| id.get());
    let messages = found.messages.iter().map(|id| id.get());
    for about in carts.chain(orders).chain(messages) {
        store::outbox::forget_about(tx, place.keys, about).await?;
    }
    for phone in found.trace.phones() {
        store::outbox::forget_phone(tx, place.keys, phone).await?;
    }
    Ok(())
}

/// A request for access of somebody who is gone has nobody to answer to.
async fn forget_requests(tx: &mut Tx, place: &Place<'_>, trace: &Trace) -> Result<(), Error> {
    for id in request::naming(tx, place.keys, request::Kind::Access).await? {
        let asked: Option<Identity> = request::who(tx, place.keys, id).await?;
        let theirs = asked.is_some_and(|who| {
            let names = super::ingest::names(place.shop, place.keys, &who, None, []);
            names.iter().any(|name| trace.names.contains(name))
        });
        if theirs {
            people::close_access(tx, place.keys, id, place.now).await?;
        }
    }
    Ok(())
}

/// Forgets who a cart belongs to; its time, country and total stay for the sums. Its texts have a clock of their own, and
/// its keyed names stay, so that they are found when the person asks.
pub(crate) async fn blank_cart(tx: &mut Tx, place: &Place<'_>, id: CartId) -> Result<(), Error> {
    let Some(mut cart) = store::cart::get(tx, place.keys, id).await? else { return Ok(()) };
    stop_cart(tx, place, id, "erased").await?;
    cart.erased_at.get_or_insert(place.now);
    cart.latest = CartUpdate {
        who: Identity::default(),
        first_name: None,
        region: None,
        items: Vec::new(),
        recovery_url: None,
        browser_ip: None,
        consent: None,
        tags: Vec::new(),
        source: None,
        ..cart.latest
    };
    store::cart::put(tx, place.keys, &cart, None).await
}

/// Forgets words, number and who opened its links; that it was sent, when, and what became of it stays. `trace` tells
/// which reasons quote the number: gateways do.
async fn blank_message(tx: &mut Tx, place: &Place<'_>, id: MessageId, trace: &Trace) -> Result<(), Error> {
    let Some(mut message) = store::message::get(tx, place.keys, id).await? else { return Ok(()) };
    super::send::cancel_if_waiting(tx, place.keys, &mut message, "erased", place.now).await?;
    message.words.phone.clear();
    message.words.text.clear();
    store::retention::forget_digest(tx, place.keys, id).await?;
    if trace.is_quoted_in(&message.reason) {
        message.reason = "erased".into();
    }
    store::message::save(tx, place.keys, &message).await?;
    store::message::forget_phone(tx, place.keys, id).await?;
    super::after::want_redaction(place.core, tx, &message, place.now).await?;
    // Judged while their browsers are known: the figures must not change.
    judge::judge_all(place.core, tx, place.shop, place.keys, &message).await?;
    for click in store::click::of_message(tx, place.keys, id).await? {
        store::click::forget_agent(tx, place.keys, click.id).await?;
    }
    Ok(())
}

/// Forgets whose an order was; its sums and times stay.
pub(crate) async fn blank_order(tx: &mut Tx, place: &Place<'_>, id: OrderId) -> Result<(), Error> {
    let Some(order) = store::order::get(tx, place.keys, id).await? else { return Ok(()) };
    let order = without_person(order);
    identity::remove(tx, place.keys, Subject::Order(id)).await?;
    store::credit_act::forget_reasons(tx, place.keys, id).await?;
    store::order::put(tx, place.keys, &order).await?;
    store::order::mark_erased(tx, place.keys, id, place.now).await
}

/// An order with its sums and times, of nobody.
pub(crate) fn without_person(order: Order) -> Order {
    let latest = OrderUpdate { who: Identity::default(), cart_tokens: Vec::new(), ..order.latest };
    Order { latest, ..order }
}

/// Erases a whole shop. Its settings row stays as the record that it was erased; its sums and opt-outs stay.
pub(crate) async fn shop(tx: &mut Tx, place: &Place<'_>) -> Result<(), Error> {
    let trace = Trace::of_shop(store::erase::phones(tx, place.keys).await?);
    store::erase::shop(tx, place.shop.id).await?;
    place.core.vault.forget(place.shop.id);
    store::token::revoke_all(tx, place.shop.id, place.now).await?;
    people::record_erasure(tx, place, &trace, "shop", "the whole shop".into()).await.map(|_| ())
}

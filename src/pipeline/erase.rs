//! Erase: a person or a whole shop is forgotten. Sums stay, since they name nobody; an opt-out stays as a keyed hash, so
//! that a forgotten number is never texted again by mistake.

use std::collections::BTreeSet;

use super::ingest::{Place, names, read, stop_cart};
use crate::{
    domain::{
        event::{CartUpdate, Identity, OrderUpdate, ShopEvent},
        id::{CartId, DeliveryId, MessageId, OrderId, ShopId},
        message::GatewayEvent,
        order::Order,
        phone::Phone,
    },
    gateway,
    store::{
        self, Error, Tx,
        gateway::Gateway,
        identity::{self, Kind, Name, Subject},
        inbox::Kept,
    },
};

/// Blanks everything about a person: carts, orders, texts, consents, and the raw deliveries that named them, by whichever
/// of their names: a request tells one, their carts and orders know the others.
pub(crate) async fn person(tx: &mut Tx, place: &Place<'_>, who: &Identity) -> Result<(), Error> {
    let (mut carts, mut orders) = (BTreeSet::new(), BTreeSet::new());
    let (mut known, mut also) = (BTreeSet::new(), BTreeSet::<Name>::new());
    let mut asked = names(place.shop, place.keys, who, None, []);
    while let Some((kind, value)) = asked.pop() {
        if !known.insert((kind, value)) {
            continue;
        }
        let found_carts = identity::carts(tx, place.keys, &value).await?.into_iter().filter(|&id| carts.insert(id));
        let mut subjects: Vec<Subject> = found_carts.map(Subject::Cart).collect();
        let found_orders = identity::orders(tx, place.keys, &value).await?.into_iter().filter(|&id| orders.insert(id));
        subjects.extend(found_orders.map(Subject::Order));
        for subject in subjects {
            let theirs = identity::names(tx, place.keys, subject).await?;
            // A checkout leads on to its order. A phone or an address may be a household's: it does not lead to others.
            let (checkouts, names): (Vec<Name>, Vec<Name>) =
                theirs.into_iter().partition(|(kind, _)| *kind == Kind::Checkout);
            asked.extend(checkouts);
            also.extend(names);
        }
    }
    known.extend(also);
    let spelled = Spelled::of(tx, place, who, &carts).await?;
    let mut wanted = Wanted { names: known, spelled, orders: BTreeSet::new(), texts: BTreeSet::new() };
    for &cart in &carts {
        let texts = store::message::about(tx, place.keys, cart.get()).await?;
        wanted.texts.extend(texts.iter().map(|text| text.id));
        blank_cart(tx, place, cart).await?;
    }
    for &order in &orders {
        wanted.orders.extend(blank_order(tx, place, order).await?);
    }
    for (_, phone) in wanted.names.iter().filter(|(kind, _)| *kind == Kind::Phone) {
        store::consent::erase(tx, place.keys, phone).await?;
    }
    forget_deliveries(tx, place, &wanted).await
}

/// What a delivery must not name any more.
struct Wanted {
    names: BTreeSet<Name>,
    spelled: Spelled,
    /// The shop's own ids of the orders.
    orders: BTreeSet<String>,
    texts: BTreeSet<MessageId>,
}

/// The person's names as people write them, for bodies nobody can read: there a likeness is enough to let them go.
struct Spelled {
    emails: BTreeSet<String>,
    /// The last digits of their numbers, which every way to write one shares.
    numbers: BTreeSet<String>,
}

/// Fewer digits are of too many people.
const DIGITS_ALIKE: usize = 8;

impl Spelled {
    async fn of(tx: &mut Tx, place: &Place<'_>, who: &Identity, carts: &BTreeSet<CartId>) -> Result<Spelled, Error> {
        let mut people = vec![who.clone()];
        for &cart in carts {
            people.extend(store::cart::get(tx, place.keys, cart).await?.map(|cart| cart.latest.who));
        }
        let phones = people.iter().flat_map(|who| &who.phones);
        let ending = |number: &str| {
            let digits = digits(number);
            digits.len().checked_sub(DIGITS_ALIKE).and_then(|from| digits.get(from..)).map(str::to_owned)
        };
        Ok(Spelled {
            emails: people.iter().filter_map(Identity::email_key).collect(),
            numbers: phones.filter_map(|typed| ending(&typed.number)).collect(),
        })
    }

    fn stands_in(&self, kept: &Kept) -> bool {
        let text = String::from_utf8_lossy(&kept.delivery.body).to_lowercase();
        let digits = digits(&text);
        self.emails.iter().any(|email| text.contains(email)) || self.numbers.iter().any(|end| digits.contains(end))
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Forgets who a cart belongs to; its time, country and total stay for the sums.
pub(crate) async fn blank_cart(tx: &mut Tx, place: &Place<'_>, id: CartId) -> Result<(), Error> {
    let Some(mut cart) = store::cart::get(tx, place.keys, id).await? else { return Ok(()) };
    stop_cart(tx, place, id, "erased").await?;
    for mut message in store::message::about(tx, place.keys, id.get()).await? {
        message.words.phone.clear();
        message.words.text.clear();
        store::message::save(tx, place.keys, &message).await?;
        store::message::forget_phone(tx, place.keys, message.id).await?;
    }
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
    identity::remove(tx, place.keys, Subject::Cart(id)).await?;
    store::cart::put(tx, place.keys, &cart, None).await
}

/// Answers the shop's own id of the order.
async fn blank_order(tx: &mut Tx, place: &Place<'_>, id: OrderId) -> Result<Option<String>, Error> {
    let Some(order) = store::order::get(tx, place.keys, id).await? else { return Ok(None) };
    let order = without_person(order);
    identity::remove(tx, place.keys, Subject::Order(id)).await?;
    store::order::put(tx, place.keys, &order).await?;
    store::order::mark_erased(tx, place.keys, id, place.now).await?;
    Ok(Some(order.latest.external_id))
}

/// An order with its sums and times, of nobody.
pub(crate) fn without_person(order: Order) -> Order {
    let latest = OrderUpdate { who: Identity::default(), cart_tokens: Vec::new(), ..order.latest };
    Order { latest, ..order }
}

/// Deliveries read at a time.
const PAGE: u32 = 100;

/// Raw bodies cannot be searched, so each one still kept is read again and dropped when it names the person.
async fn forget_deliveries(tx: &mut Tx, place: &Place<'_>, wanted: &Wanted) -> Result<(), Error> {
    let accounts = store::gateway::list(tx, place.keys).await?;
    let mut before = DeliveryId::new(i64::MAX);
    loop {
        let page = store::inbox::list(tx, place.shop.id, store::inbox::Filter::All, before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        before = last.id;
        for line in &page {
            let Some(kept) = store::inbox::get(tx, place.keys, line.id).await? else { continue };
            let names_them = match kept.gateway {
                None => match read(place.shop, &kept) {
                    Ok(events) => events.iter().any(|event| event_names(place, event, wanted)),
                    Err(_) => wanted.spelled.stands_in(&kept),
                },
                Some(id) => {
                    let account = accounts.iter().find(|account| account.id == id);
                    account.is_some_and(|account| callback_names(place, account, &kept, wanted))
                }
            };
            if names_them {
                store::inbox::forget(tx, place.shop.id, line.id).await?;
            }
        }
    }
}

fn event_names(place: &Place<'_>, event: &ShopEvent, wanted: &Wanted) -> bool {
    let (who, country, checkouts): (Identity, _, Vec<&str>) = match event {
        ShopEvent::Cart(cart) => {
            let tokens = [Some(cart.token.as_str()), cart.cart_token.as_deref()];
            (cart.who.clone(), cart.country.as_deref(), tokens.into_iter().flatten().collect())
        }
        ShopEvent::CartDeleted { token, .. } => (Identity::default(), None, vec![token]),
        ShopEvent::Order(order) if wanted.orders.contains(&order.external_id) => return true,
        ShopEvent::Order(order) => (order.who.clone(), None, order.cart_tokens.iter().map(String::as_str).collect()),
        ShopEvent::Refunds { order, .. } => return wanted.orders.contains(order),
        ShopEvent::Redact(who) | ShopEvent::DataRequest(who) => (who.clone(), None, Vec::new()),
        ShopEvent::Consent(consent) => {
            let phones = vec![consent.phone.clone()];
            (Identity { customer: consent.customer.clone(), email: None, phones }, None, Vec::new())
        }
        ShopEvent::Uninstalled { .. } | ShopEvent::ShopRedact | ShopEvent::Test => return false,
    };
    names(place.shop, place.keys, &who, country, checkouts).iter().any(|name| wanted.names.contains(name))
}

fn callback_names(place: &Place<'_>, account: &Gateway, kept: &Kept, wanted: &Wanted) -> bool {
    let Some(kind) = gateway::by_kind(&account.kind) else { return false };
    let told = kind.read(&account.settings, &kept.topic, &kept.delivery).unwrap_or_default();
    told.iter().any(|event| match event {
        GatewayEvent::Receipt(receipt) => {
            receipt.reference.is_some_and(|reference| wanted.texts.contains(&reference.message))
        }
        GatewayEvent::Reply(reply) => Phone::read(&reply.from, &[]).is_ok_and(|phone| {
            let value = identity::value(place.keys, Kind::Phone, phone.e164());
            wanted.names.contains(&(Kind::Phone, value))
        }),
    })
}

/// Erases a whole shop. Its settings row stays as the record that it was erased; its sums and opt-outs stay.
pub(crate) async fn shop(tx: &mut Tx, id: ShopId) -> Result<(), Error> {
    store::erase::shop(tx, id).await
}

//! Reads a body by a mapping. Decides what counts as bought, completed, refunded; never who sent it. An error names
//! what was looked for, where, and what was found there instead, without quoting it: who filled in the form mends it by
//! that, and the delivery is read again.

use serde_json::{Map, Value};

use super::{
    mapping::{Mapping, each, is_among},
    path::{Path, Step, form, spelled, walk},
};
use crate::{
    domain::{
        connector::{Delivery, Unreadable},
        event::{
            CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, Identity, Item, OrderUpdate, Refund,
            ShopEvent, ShopFacts, TypedPhone,
        },
        facet,
        money::{Currency, MINOR_MOST, Money, decimal},
        time::Time,
    },
    shop::json as reads,
};

/// More numbers or names of one person or order are not looked at.
const EACH_MOST: usize = 20;

/// What one body tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shop) enum Kind {
    Cart,
    Order,
    Refund,
    Deleted,
    Test,
    /// Nothing we use, in the sender's word.
    Other(String),
}

/// What a delivery says by this mapping.
pub(in crate::shop) fn events(
    mapping: &Mapping,
    shop: &ShopFacts,
    delivery: &Delivery,
) -> Result<Vec<ShopEvent>, Unreadable> {
    let body = reads::object(delivery)?;
    let it = Reader { mapping, body: &body, received_at: delivery.received_at };
    Ok(match it.kind()? {
        Kind::Cart => vec![ShopEvent::Cart(Box::new(it.cart(shop)?))],
        Kind::Order => vec![ShopEvent::Order(Box::new(it.order(shop)?))],
        Kind::Refund => it.refund(shop)?.into_iter().collect(),
        Kind::Deleted => {
            vec![ShopEvent::CartDeleted { token: it.id("cart id", mapping.cart_id)?, at: it.updated_at()? }]
        }
        Kind::Test => vec![ShopEvent::Test],
        Kind::Other(_) => Vec::new(),
    })
}

/// What a body tells of, and the sender's own word for it where it has one.
pub(in crate::shop) fn kind(mapping: &Mapping, body: &Value) -> Result<(Kind, Option<String>), Unreadable> {
    let it = Reader { mapping, body, received_at: Time::FIRST };
    let word = it.find("type", mapping.kind)?.and_then(|found| word(found.value));
    Ok((it.kind()?, word))
}

struct Reader<'a> {
    mapping: &'a Mapping<'a>,
    body: &'a Value,
    received_at: Time,
}

/// What stands at a path.
struct Found<'v> {
    /// What was looked for, and by which way it was found.
    what: &'static str,
    way: String,
    value: &'v Value,
}

impl<'a> Reader<'a> {
    fn kind(&self) -> Result<Kind, Unreadable> {
        let mapping = self.mapping;
        let words = [
            (mapping.kind_test, Kind::Test),
            (mapping.kind_deleted, Kind::Deleted),
            (mapping.kind_refund, Kind::Refund),
            (mapping.kind_order, Kind::Order),
            (mapping.kind_cart, Kind::Cart),
        ];
        if !mapping.kind.is_empty() && words.iter().any(|(words, _)| each(words).next().is_some()) {
            if let Some(found) = self.find("type", mapping.kind)? {
                let word = word(found.value).ok_or_else(|| found.wrong("word"))?;
                let known = words.into_iter().find(|(words, _)| is_among(words, &word));
                return Ok(known.map_or(Kind::Other(word), |(_, kind)| kind));
            }
            if mapping.strict {
                return Err(self.lost("type", mapping.kind));
            }
        }
        if self.find("order id", mapping.order_id)?.is_some() {
            return Ok(Kind::Order);
        }
        match self.find("cart id", mapping.cart_id)? {
            Some(_) => Ok(Kind::Cart),
            None => Err(self.lost("cart id", mapping.cart_id)),
        }
    }

    fn cart(&self, shop: &ShopFacts) -> Result<CartUpdate, Unreadable> {
        let mapping = self.mapping;
        let currency = self.currency(shop)?;
        let country = self.country()?;
        let updated_at = self.updated_at()?;
        let token = self.id("cart id", mapping.cart_id)?;
        let second = self.find("cart token", mapping.cart_token)?.map(|found| found.id()).transpose()?;
        Ok(CartUpdate {
            cart_token: second.filter(|second| *second != token),
            token,
            who: self.person(country.as_deref())?,
            first_name: self.text("first name", mapping.first_name)?,
            country,
            region: None,
            zone: None,
            language: None,
            total: self.money("total", mapping.total, currency)?,
            items: self.items(currency)?,
            recovery_url: self.recovery_url()?,
            consent: self.consent()?,
            started_at: None,
            updated_at,
            completed_at: self.completed_at(updated_at)?,
            channel: Channel::Web,
            browser_ip: None,
            written_at_once: mapping.written_at_once,
            tags: Vec::new(),
            source: None,
            test: false,
        })
    }

    fn order(&self, shop: &ShopFacts) -> Result<OrderUpdate, Unreadable> {
        let mapping = self.mapping;
        let currency = self.currency(shop)?;
        let country = self.country()?;
        let updated_at = self.updated_at()?;
        let external_id = self.id("order id", mapping.order_id)?;
        let total = self.money("order total", mapping.order_total, currency)?;
        let total = total.ok_or_else(|| self.lost("order total", mapping.order_total))?;
        let placed = self.time("order time", mapping.placed_at)?;
        let status = self.status()?;
        let (placed_at, cancelled_at) = match status {
            Status::Bought | Status::Refunded => (placed.or(Some(updated_at)), None),
            Status::Cancelled => (placed, Some(updated_at)),
            Status::Open => (None, None),
        };
        let told = self.money("refund amount", mapping.refund_amount, currency)?;
        let refunded = told.or_else(|| (status == Status::Refunded).then_some(total)).filter(|amount| amount.minor > 0);
        let whole = |amount| Refund { external_id: "cumulative".into(), amount, at: updated_at };
        let cart = if mapping.order_cart.is_empty() { mapping.cart_id } else { mapping.order_cart };
        Ok(OrderUpdate {
            number: self.text("order number", mapping.order_number)?.unwrap_or_else(|| external_id.clone()),
            external_id,
            who: self.person(country.as_deref())?,
            cart_tokens: self.ids("cart of the order", cart)?,
            recovery_tokens: self.ids("what our link carried", mapping.recovery_token)?,
            codes: Vec::new(),
            discounts: Vec::new(),
            total,
            placed_at,
            updated_at,
            cancelled_at,
            refunds: refunded.map(whole).into_iter().collect(),
            channel: Channel::Web,
            payment: self.text("payment method", mapping.payment)?.map(|word| facet::word(&word)),
            cost: None,
            test: false,
        })
    }

    /// A refund told by itself; nothing until it is done.
    fn refund(&self, shop: &ShopFacts) -> Result<Option<ShopEvent>, Unreadable> {
        let mapping = self.mapping;
        if let Some(found) = self.find("refund status", mapping.refund_status)?
            && !word(found.value).is_some_and(|word| is_among(mapping.refund_done, &word))
        {
            return Ok(None);
        }
        let currency = self.currency(shop)?;
        let amount = self.money("refund amount", mapping.refund_amount, currency)?;
        let refund = Refund {
            external_id: self.id("refund id", mapping.refund_id)?,
            amount: amount.ok_or_else(|| self.lost("refund amount", mapping.refund_amount))?,
            at: self.updated_at()?,
        };
        let order = self.id("order id", mapping.order_id)?;
        Ok(Some(ShopEvent::Refunds { order, refunds: vec![refund] }))
    }

    fn status(&self) -> Result<Status, Unreadable> {
        let mapping = self.mapping;
        if mapping.order_status.is_empty() {
            return Ok(Status::Bought);
        }
        let found = match self.find("order status", mapping.order_status)? {
            Some(found) => found,
            None if mapping.strict => return Err(self.lost("order status", mapping.order_status)),
            // An order wins over its cart: a text too few is better than one to a buyer.
            None => return Ok(Status::Bought),
        };
        let word = word(found.value).ok_or_else(|| found.wrong("word"))?;
        Ok(if is_among(mapping.status_refunded, &word) {
            Status::Refunded
        } else if is_among(mapping.status_cancelled, &word) {
            Status::Cancelled
        } else if each(mapping.status_paid).next().is_none() || is_among(mapping.status_paid, &word) {
            Status::Bought
        } else {
            Status::Open
        })
    }

    fn person(&self, country: Option<&str>) -> Result<Identity, Unreadable> {
        let mapping = self.mapping;
        let mut phones = Vec::new();
        for found in self.every("phone", mapping.phone)? {
            let typed: Option<TypedPhone> = reads::phone(&cell(found.value), CELL, country.map(str::to_owned));
            match typed {
                None if mapping.strict => return Err(found.wrong("phone number")),
                typed => phones.push(typed),
            }
        }
        let email = match self.find("e-mail", mapping.email)? {
            None => None,
            Some(found) => match reads::text(&cell(found.value), CELL).filter(|text| text.contains('@')) {
                None if mapping.strict => return Err(found.wrong("e-mail address")),
                email => email.filter(|email| !is_among(mapping.email_nobody, email)),
            },
        };
        Ok(Identity { customer: None, email, phones: reads::phones(phones) })
    }

    fn consent(&self) -> Result<Option<ConsentGiven>, Unreadable> {
        let Some(found) = self.find("consent", self.mapping.consent)? else { return Ok(None) };
        let word = word(found.value).ok_or_else(|| found.wrong("word, true or false"))?;
        let granted = is_among(self.mapping.consent_granted, &word);
        let state = if granted { ConsentState::Granted } else { ConsentState::NotGiven };
        let proof = ConsentProof { source: self.mapping.source.to_owned(), ..ConsentProof::default() };
        Ok(Some(ConsentGiven { phone: None, state, proof }))
    }

    /// With words to compare, one of them means completed; without, anything but a no does.
    fn completed_at(&self, updated_at: Time) -> Result<Option<Time>, Unreadable> {
        let Some(found) = self.find("completed", self.mapping.completed)? else { return Ok(None) };
        let word = word(found.value).unwrap_or_default();
        let words = self.mapping.completed_words;
        let named = each(words).next().is_some();
        let completed = if named { is_among(words, &word) } else { !is_among("false, 0, no", &word) };
        Ok(completed.then(|| moment(found.value).filter(|_| !named).unwrap_or(updated_at)))
    }

    /// Of the first list in which anything is titled; quantity and price stand in the same entries.
    fn items(&self, currency: Currency) -> Result<Vec<Item>, Unreadable> {
        let mapping = self.mapping;
        let Some(titles) = path("item title", mapping.item_title)? else { return Ok(Vec::new()) };
        let Some((list, _)) = titles.first(self.body).and_then(|(way, _)| way.in_list()) else {
            return Ok(Vec::new());
        };
        let (quantities, prices) = (
            self.in_entries("item quantity", mapping.item_quantity, list)?,
            self.in_entries("item price", mapping.item_price, list)?,
        );
        let titles = self.in_entries("item title", mapping.item_title, list)?;
        let mut entries = Vec::new();
        walk(list, self.body, &mut entries);
        let mut items = Vec::new();
        for entry in entries {
            let title = titles.find(entry).and_then(|found| reads::text(&cell(found.value), CELL));
            let Some(title) = title else {
                if mapping.strict {
                    return Err(Unreadable(format!("{}, in an entry that is {}", titles.nothing(), form(entry))));
                }
                continue;
            };
            let quantity = match quantities.find(entry) {
                None => 1,
                Some(found) => match reads::quantity(&cell(found.value), CELL) {
                    None if mapping.strict => return Err(found.wrong("quantity")),
                    quantity => quantity.unwrap_or(1),
                },
            };
            let price = prices.find(entry).map(|found| self.amount(&found, currency)).transpose()?;
            items.push(Item { title, quantity, price });
        }
        Ok(items)
    }

    /// The ways of this path that lead into this list, from its entries on.
    fn in_entries(&self, what: &'static str, text: &str, list: &[Step]) -> Result<InEntry, Unreadable> {
        let Some(path) = path(what, text)? else { return Ok(InEntry { what, list: String::new(), ways: Vec::new() }) };
        let ways: Vec<Vec<Step>> =
            path.ways().filter_map(|way| way.steps().strip_prefix(list)).map(<[Step]>::to_vec).collect();
        let list = spelled(list);
        if ways.is_empty() && self.mapping.strict {
            return Err(Unreadable(format!("{what}: {text} does not lead into {list}, where the titles stand")));
        }
        Ok(InEntry { what, list, ways })
    }

    fn recovery_url(&self) -> Result<Option<String>, Unreadable> {
        let Some(found) = self.find("recovery URL", self.mapping.recovery_url)? else { return Ok(None) };
        match reads::url(&cell(found.value), CELL) {
            None if self.mapping.strict => Err(found.wrong("web address with https:// or http://")),
            url => Ok(url),
        }
    }

    fn country(&self) -> Result<Option<String>, Unreadable> {
        let Some(found) = self.find("country", self.mapping.country)? else { return Ok(None) };
        match reads::country(&cell(found.value), CELL) {
            None if self.mapping.strict => Err(found.wrong("country code of two letters")),
            country => Ok(country),
        }
    }

    fn currency(&self, shop: &ShopFacts) -> Result<Currency, Unreadable> {
        let Some(found) = self.find("currency", self.mapping.currency)? else { return Ok(shop.currency) };
        // An amount in a currency that was guessed is no amount, so this is exact for everybody.
        reads::currency(&cell(found.value), CELL).ok_or_else(|| found.wrong("ISO 4217 currency code"))
    }

    fn updated_at(&self) -> Result<Time, Unreadable> {
        Ok(self.time("time of the change", self.mapping.updated_at)?.unwrap_or(self.received_at))
    }

    fn time(&self, what: &'static str, path: &str) -> Result<Option<Time>, Unreadable> {
        let Some(found) = self.find(what, path)? else { return Ok(None) };
        match moment(found.value) {
            None if self.mapping.strict => Err(found.wrong("time: RFC 3339, or seconds or milliseconds since 1970")),
            time => Ok(time),
        }
    }

    fn money(&self, what: &'static str, path: &str, currency: Currency) -> Result<Option<Money>, Unreadable> {
        self.find(what, path)?.map(|found| self.amount(&found, currency)).transpose()
    }

    fn amount(&self, found: &Found, currency: Currency) -> Result<Money, Unreadable> {
        let (minor, is) = match self.mapping.minor {
            true => (whole(found.value), "whole number of the currency's smallest unit"),
            false => (currency.minor_from(found.value).ok(), "decimal amount such as \"128.00\""),
        };
        let minor = minor.filter(|minor| *minor >= 0).ok_or_else(|| found.wrong(is))?;
        Ok(Money::new(minor, currency))
    }

    fn text(&self, what: &'static str, path: &str) -> Result<Option<String>, Unreadable> {
        let Some(found) = self.find(what, path)? else { return Ok(None) };
        match reads::text(&cell(found.value), CELL) {
            None if self.mapping.strict => Err(found.wrong("text")),
            text => Ok(text),
        }
    }

    fn id(&self, what: &'static str, path: &str) -> Result<String, Unreadable> {
        self.find(what, path)?.ok_or_else(|| self.lost(what, path))?.id()
    }

    /// Every id there, each once.
    fn ids(&self, what: &'static str, path: &str) -> Result<Vec<String>, Unreadable> {
        let mut ids = Vec::new();
        for found in self.every(what, path)? {
            match found.id() {
                Ok(id) if !ids.contains(&id) => ids.push(id),
                Err(wrong) if self.mapping.strict => return Err(wrong),
                _ => {}
            }
        }
        Ok(ids)
    }

    fn find(&self, what: &'static str, text: &str) -> Result<Option<Found<'a>>, Unreadable> {
        let Some(path) = path(what, text)? else { return Ok(None) };
        Ok(path.first(self.body).map(|(way, value)| Found { what, way: way.to_string(), value }))
    }

    fn every(&self, what: &'static str, text: &str) -> Result<Vec<Found<'a>>, Unreadable> {
        let Some(path) = path(what, text)? else { return Ok(Vec::new()) };
        let all = path.all(self.body).into_iter().take(EACH_MOST);
        Ok(all.map(|(way, value)| Found { what, way: way.to_string(), value }).collect())
    }

    fn lost(&self, what: &'static str, text: &str) -> Unreadable {
        Unreadable(match path(what, text) {
            Ok(Some(path)) => format!("{what}: {}", path.lost(self.body)),
            Ok(None) => format!("{what}: the form does not say where it stands"),
            Err(Unreadable(why)) => why,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Bought,
    Refunded,
    Cancelled,
    /// Not bought yet, or given up.
    Open,
}

/// Where something stands in the entries of a list.
struct InEntry {
    what: &'static str,
    list: String,
    ways: Vec<Vec<Step>>,
}

impl InEntry {
    fn find<'v>(&self, entry: &'v Value) -> Option<Found<'v>> {
        self.ways.iter().find_map(|steps| {
            let mut found = Vec::new();
            walk(steps, entry, &mut found);
            let value =
                found.into_iter().find(|value| !value.is_null() && value.as_str().map(str::trim) != Some(""))?;
            Some(Found { what: self.what, way: self.spelled(steps), value })
        })
    }

    fn nothing(&self) -> String {
        let ways: Vec<String> = self.ways.iter().map(|steps| self.spelled(steps)).collect();
        format!("{}: {} leads to no text", self.what, ways.join(" | "))
    }

    fn spelled(&self, steps: &[Step]) -> String {
        let rest = spelled(steps);
        let dot = if rest.is_empty() || rest.starts_with('[') { "" } else { "." };
        format!("{}{dot}{rest}", self.list)
    }
}

impl Found<'_> {
    fn id(&self) -> Result<String, Unreadable> {
        reads::id(&cell(self.value), CELL).ok_or_else(|| self.wrong("id: a text or a whole number"))
    }

    fn wrong(&self, is: &str) -> Unreadable {
        Unreadable(format!("{}: {} is {}, which is no {is}", self.what, self.way, form(self.value)))
    }
}

fn path(what: &str, text: &str) -> Result<Option<Path>, Unreadable> {
    if text.is_empty() {
        return Ok(None);
    }
    Path::parse(text).map(Some).map_err(|why| Unreadable(format!("{what}: the path must {why}")))
}

/// The shared readers ask for a path, and this value was found by another kind of one.
fn cell(value: &Value) -> Value {
    match value {
        // No reader looks inside these, and they may be large.
        Value::Array(_) | Value::Object(_) => Value::Null,
        value => Value::Object(Map::from_iter([(CELL.to_owned(), value.clone())])),
    }
}

const CELL: &str = "it";

/// A text, a number, true or false, as one word.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::Bool(yes) => Some(yes.to_string()),
        value => reads::whole(&cell(value), CELL, reads::ID_CHARS_MAX),
    }
}

/// RFC 3339, or seconds or milliseconds since 1970: what is a millisecond in 1973 is a second in 5138.
fn moment(value: &Value) -> Option<Time> {
    const MILLIS_FROM: i64 = 100_000_000_000;
    let text = word(value)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text.as_str(), "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return value.as_str().and_then(Time::parse);
    }
    let number: i64 = whole.parse().ok()?;
    Some(if number >= MILLIS_FROM { Time::from_millis(number) } else { Time::from_seconds(number) })
        .filter(|_| number > 0)
}

/// A whole number. One with a fraction tells that the amounts are in major units.
fn whole(value: &Value) -> Option<i64> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let minor = decimal(&text, 0).ok().filter(|minor| minor.unsigned_abs() <= MINOR_MOST)?;
    (decimal(&text, 2).ok()? == minor.checked_mul(100)?).then_some(minor)
}

//! Any shop that can post JSON: our own event format, signed as Standard Webhooks says (`standard_webhooks`). Decides
//! what each event means; strict where Shopify's connector is lenient, because who sends this reads our errors.
//!
//! The format is documented for developers as a JSON schema, `assets/connect/generic.schema.json`; its examples are
//! this file's tests. In short, a body is `{"type": …, "timestamp": …, "data": {…}}`. `timestamp` is when it happened;
//! it stands in for a missing `updated_at`, and the time of arrival for both. Times are RFC 3339 with an offset; amounts
//! are decimals in major units, best as strings (`"128.00"`); ids are strings or integers. `null`, `""` and leaving out
//! mean the same. Fields marked * are required. An event may come twice, late or out of order: the newest `updated_at`
//! wins as a whole, so every event carries the whole state.
//!
//! | type | data |
//! |---|---|
//! | `checkout.updated` | token*, cart_token, person, first_name, country, region, time_zone, language, currency, total, items[], recovery_url, consent, browser_ip, started_at, updated_at, completed_at, channel, tags[], source, test |
//! | `checkout.completed` | the same; completed_at defaults to updated_at |
//! | `checkout.deleted` | token*, deleted_at |
//! | `order.upserted` | id*, number, person, checkout_token, cart_token, recovery_tokens[], codes[], discounts[], currency*, total*, status, placed_at, paid_at, cancelled_at, refunds[] or refunded + refunded_at, payment_method, cost, updated_at, channel, test |
//! | `consent.updated` | phone*, phone_country, customer_id, state*, updated_at, proof |
//! | `customer.redacted`, `customer.data_requested` | person* (at least one of its fields) |
//! | `shop.redacted`, `shop.uninstalled`, `test` | none |
//!
//! - person: customer_id, email, phone, phone_country (ISO 3166-1 alpha-2; defaults to country), phones[] `{number*,
//!   country}` for further candidates, most trusted first.
//! - item: title*, quantity (1), price (of one, in `currency`).
//! - consent: state* (or `sms`: true or false), phone, phone_country (defaults: the checkout's own), proof.
//! - state: `granted`, `pending` (double opt-in under way), `withdrawn`, `not_given`.
//! - browser_ip: the address the shopper came from (defaults to the proof's ip): texts are counted by its network.
//! - proof: source, level, text, version (of the wording), at (when it was given), url, language, ip, agent, box; all beside
//!   `state`.
//! - status: `draft`, `pending` and `failed` do not count as bought; `placed`, `paid` and `refunded` do; `cancelled`
//!   does if placed_at or paid_at is there. Without a status the order counts as bought. cancelled_at defaults to
//!   updated_at.
//! - refund: id*, amount*, at, kind (`chargeback` when the buyer's bank took it back). Instead, `refunded` is what went back so far in all: one refund named `cumulative`, whose
//!   newest amount counts.
//! - recovery_tokens: what our links carry as `cartback=…`; codes: discount codes used.
//! - discount: code*, amount* (what this code took off, with its tax); its code need not stand under `codes` too.
//! - cost: what the order's goods cost you, in `currency`; the net ledger takes it off what is left.
//! - payment_method: how it was paid, in your own word; reports are broken down by it.
//! - channel: `web` (the default), `pos`, `staff`.
//! - tags: of the customer or the checkout; source: where it came from, in your own word. A sequence may ask for them.

use serde_json::Value;

use super::{Rehearsed, Shop, hosts, json, standard_webhooks};
use crate::domain::{
    connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
    discount::TakenOff,
    event::{
        CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, ConsentUpdate, Identity, Item, OrderUpdate,
        Refund, ShopEvent, ShopFacts, TAGS_MOST, TypedPhone,
    },
    facet,
    money::{Currency, Money},
    net_ledger::CHARGEBACK,
    rehearsal::{Act, Visit},
    time::Time,
};

#[cfg(test)]
pub(super) mod emitted;
pub(super) mod rehearsal;
pub(super) mod told;
mod written;

pub(super) use written::written;

pub struct Generic;

static SPEC: Spec = Spec {
    kind: "generic",
    name: "Any other shop",
    fields: &[
        Field {
            key: "secret",
            label: "Signing secret",
            help: "whsec_…, as Standard Webhooks writes it; cartback can make one. Two with a comma between them while \
                   one is being replaced.",
            secret: true,
            required: true,
            drawn: true,
            check: standard_webhooks::check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where recovery links may lead, with commas between them: shop.example, checkout.shop.example.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Let your shop send a POST with a JSON body to {url} whenever a checkout or an order changes.",
        "Sign each as Standard Webhooks says, with the signing secret: headers webhook-id, webhook-timestamp and \
         webhook-signature. Libraries for most languages are at https://www.standardwebhooks.com.",
        "The bodies are described by the schema in assets/connect/generic.schema.json, with an example of each.",
        "Send one of type test: it appears here as a test that arrived.",
    ],
    topics: &[
        Topic {
            name: "checkout.updated",
            label: "checkout.updated",
            purpose: "carts, phone and consent",
            needed: true,
        },
        Topic { name: "checkout.deleted", label: "checkout.deleted", purpose: "carts that are gone", needed: false },
        Topic { name: "order.upserted", label: "order.upserted", purpose: "orders and refunds", needed: true },
        Topic { name: "consent.updated", label: "consent.updated", purpose: "consent", needed: false },
        Topic { name: "test", label: "test", purpose: "trying the connection", needed: false },
    ],
    limits: &[],
};

impl Shop for Generic {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let key = standard_webhooks::verify(settings.list("secret"), delivery)?;
        let body = json::only(delivery, &["type"]);
        // A signed body is kept even when it says nothing: the developer then finds it, and why, in the inbox.
        let topic = json::whole(&body, "type", TYPE_CHARS_MAX).unwrap_or_else(|| "unreadable".into());
        Ok(Accepted::Keep { topic, key })
    }

    fn read(&self, shop: &ShopFacts, _topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        let body = json::object(delivery)?;
        let kind = json::whole(&body, "type", TYPE_CHARS_MAX).ok_or_else(|| missing("type"))?;
        let it = Event {
            data: json::at(&body, "data"),
            happened_at: time(&body, "timestamp")?.unwrap_or(delivery.received_at),
        };
        let event = match kind.as_str() {
            "checkout.updated" => ShopEvent::Cart(Box::new(it.cart(shop, false)?)),
            "checkout.completed" => ShopEvent::Cart(Box::new(it.cart(shop, true)?)),
            "checkout.deleted" => it.cart_deleted()?,
            "order.upserted" => ShopEvent::Order(Box::new(it.order()?)),
            "consent.updated" => ShopEvent::Consent(Box::new(it.consent()?)),
            "customer.redacted" => ShopEvent::Redact(it.somebody()?),
            "customer.data_requested" => ShopEvent::DataRequest(it.somebody()?),
            "shop.redacted" => ShopEvent::ShopRedact,
            "shop.uninstalled" => ShopEvent::Uninstalled { at: it.happened_at },
            "test" => ShopEvent::Test,
            _ => return Ok(Vec::new()),
        };
        Ok(vec![event])
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        super::hosts::read(settings.get("site"))
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Rehearsed::Posted(rehearsal::delivery(settings, visit, act, at))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        super::hosts::read(settings.get("site")).into_iter().next()
    }
}

const TYPE_CHARS_MAX: usize = 100;

/// `data` of one body, and when it happened.
struct Event<'a> {
    data: &'a Value,
    happened_at: Time,
}

impl Event<'_> {
    fn cart(&self, shop: &ShopFacts, completed: bool) -> Result<CartUpdate, Unreadable> {
        let data = self.data;
        let currency = currency(data, "currency")?.unwrap_or(shop.currency);
        let updated_at = self.updated_at()?;
        let completed_at = time(data, "completed_at")?;
        Ok(CartUpdate {
            token: required_id(data, "token")?,
            cart_token: json::id(data, "cart_token"),
            who: self.person(),
            first_name: json::text(data, "first_name"),
            country: json::country(data, "country"),
            region: json::region(data, "region"),
            zone: json::text(data, "time_zone"),
            language: json::text(data, "language"),
            total: amount(data, "total", currency)?,
            items: items(data, currency)?,
            recovery_url: json::url(data, "recovery_url"),
            consent: self.consent_given()?,
            started_at: time(data, "started_at")?,
            updated_at,
            completed_at: if completed { completed_at.or(Some(updated_at)) } else { completed_at },
            browser_ip: json::text(data, "browser_ip").or_else(|| json::text(data, "consent.ip")),
            written_at_once: false,
            channel: channel(data)?,
            tags: words(data, "tags").into_iter().take(TAGS_MOST).collect(),
            source: json::text(data, "source"),
            test: json::flag(data, "test") == Some(true),
        })
    }

    fn cart_deleted(&self) -> Result<ShopEvent, Unreadable> {
        let at = time(self.data, "deleted_at")?.unwrap_or(self.happened_at);
        Ok(ShopEvent::CartDeleted { token: required_id(self.data, "token")?, at })
    }

    fn order(&self) -> Result<OrderUpdate, Unreadable> {
        let data = self.data;
        let external_id = required_id(data, "id")?;
        let currency = currency(data, "currency")?.ok_or_else(|| missing("data.currency"))?;
        let updated_at = self.updated_at()?;
        let bought_at = time(data, "placed_at")?.or(time(data, "paid_at")?);
        let cancelled_at = time(data, "cancelled_at")?;
        let discounts = discounts(data, currency)?;
        let (placed_at, cancelled_at) = match json::text(data, "status").as_deref() {
            Some("draft" | "pending" | "failed") => (None, cancelled_at),
            Some("placed" | "paid" | "refunded") | None => (bought_at.or(Some(updated_at)), cancelled_at),
            Some("cancelled") => (bought_at, cancelled_at.or(Some(updated_at))),
            Some(_) => {
                let known = "draft, pending, failed, placed, paid, refunded, cancelled";
                return Err(Unreadable(format!("data.status is none of {known}")));
            }
        };
        Ok(OrderUpdate {
            number: json::text(data, "number").unwrap_or_else(|| external_id.clone()),
            external_id,
            who: self.person(),
            cart_tokens: ["checkout_token", "cart_token"].iter().filter_map(|key| json::id(data, key)).collect(),
            recovery_tokens: words(data, "recovery_tokens"),
            codes: codes(data, &discounts),
            discounts,
            total: amount(data, "total", currency)?.ok_or_else(|| missing("data.total"))?,
            placed_at,
            updated_at,
            cancelled_at,
            refunds: refunds(data, currency, updated_at)?,
            channel: channel(data)?,
            payment: json::text(data, "payment_method").map(|word| facet::word(&word)),
            cost: amount(data, "cost", currency)?.filter(|cost| cost.minor >= 0),
            test: json::flag(data, "test") == Some(true),
        })
    }

    fn consent(&self) -> Result<ConsentUpdate, Unreadable> {
        let data = self.data;
        let phone = json::phone(data, "phone", json::country(data, "phone_country"));
        Ok(ConsentUpdate {
            customer: json::id_not_zero(data, "customer_id"),
            phone: phone.ok_or_else(|| missing("data.phone"))?,
            state: state(data, "state")?.ok_or_else(|| missing("data.state"))?,
            at: self.updated_at()?,
            proof: proof(data),
        })
    }

    fn consent_given(&self) -> Result<Option<ConsentGiven>, Unreadable> {
        let consent = json::at(self.data, "consent");
        if !consent.is_object() {
            return Ok(None);
        }
        let ticked =
            json::flag(consent, "sms").map(|yes| if yes { ConsentState::Granted } else { ConsentState::NotGiven });
        let state = state(self.data, "consent.state")?.or(ticked).ok_or_else(|| missing("data.consent.state"))?;
        let country = json::country(consent, "phone_country").or_else(|| self.phone_country());
        Ok(Some(ConsentGiven { phone: json::phone(consent, "phone", country), state, proof: proof(consent) }))
    }

    fn somebody(&self) -> Result<Identity, Unreadable> {
        let who = self.person();
        if who == Identity::default() {
            return Err(missing("data.customer_id, data.email or data.phone"));
        }
        Ok(who)
    }

    fn person(&self) -> Identity {
        let data = self.data;
        let further = json::list(data, "phones").iter().map(|phone: &Value| -> Option<TypedPhone> {
            json::phone(phone, "number", json::country(phone, "country").or_else(|| self.phone_country()))
        });
        Identity {
            customer: json::id_not_zero(data, "customer_id"),
            email: json::text(data, "email"),
            phones: json::phones([json::phone(data, "phone", self.phone_country())].into_iter().chain(further)),
        }
    }

    fn phone_country(&self) -> Option<String> {
        json::country(self.data, "phone_country").or_else(|| json::country(self.data, "country"))
    }

    fn updated_at(&self) -> Result<Time, Unreadable> {
        Ok(time(self.data, "updated_at")?.unwrap_or(self.happened_at))
    }
}

fn items(data: &Value, currency: Currency) -> Result<Vec<Item>, Unreadable> {
    let items = json::list(data, "items").iter();
    items
        .map(|item| {
            Ok(Item {
                title: json::text(item, "title").ok_or_else(|| missing("data.items[].title"))?,
                quantity: json::quantity(item, "quantity").unwrap_or(1),
                price: amount(item, "price", currency)?,
            })
        })
        .collect()
}

/// Every code used, each once.
fn codes(data: &Value, discounts: &[TakenOff]) -> Vec<String> {
    json::each_once(words(data, "codes").into_iter().chain(discounts.iter().map(|taken| taken.code.clone())))
}

/// What each code took off.
fn discounts(data: &Value, currency: Currency) -> Result<Vec<TakenOff>, Unreadable> {
    let discount = |discount| {
        Ok(TakenOff {
            code: json::whole(discount, "code", json::ID_CHARS_MAX).ok_or_else(|| missing("data.discounts[].code"))?,
            amount: amount(discount, "amount", currency)?.ok_or_else(|| missing("data.discounts[].amount"))?,
        })
    };
    json::list(data, "discounts").iter().map(discount).collect()
}

fn refunds(data: &Value, currency: Currency, updated_at: Time) -> Result<Vec<Refund>, Unreadable> {
    let listed = json::list(data, "refunds");
    if listed.is_empty() {
        let at = time(data, "refunded_at")?.unwrap_or(updated_at);
        let whole = amount(data, "refunded", currency)?.filter(|amount| amount.minor > 0);
        return Ok(whole.map(|amount| Refund { external_id: "cumulative".into(), amount, at }).into_iter().collect());
    }
    let refund = |refund| {
        let id = json::id(refund, "id").ok_or_else(|| missing("data.refunds[].id"))?;
        let by_bank = json::text(refund, "kind").as_deref() == Some("chargeback") && !id.starts_with(CHARGEBACK);
        Ok(Refund {
            external_id: if by_bank { format!("{CHARGEBACK}{id}") } else { id },
            amount: amount(refund, "amount", currency)?.ok_or_else(|| missing("data.refunds[].amount"))?,
            at: time(refund, "at")?.unwrap_or(updated_at),
        })
    };
    listed.iter().map(refund).collect()
}

fn proof(data: &Value) -> ConsentProof {
    ConsentProof {
        source: json::text(data, "source").unwrap_or_else(|| SPEC.kind.into()),
        level: json::text(data, "level"),
        text: json::text(data, "text"),
        version: json::text(data, "version"),
        given_at: json::time(data, "at"),
        url: json::url(data, "url"),
        language: json::text(data, "language"),
        ip: json::text(data, "ip"),
        agent: json::text(data, "agent"),
        box_state: json::text(data, "box"),
        reply: None,
    }
}

fn state(data: &Value, path: &str) -> Result<Option<ConsentState>, Unreadable> {
    Ok(Some(match json::text(data, path).as_deref() {
        None => return Ok(None),
        Some("granted") => ConsentState::Granted,
        Some("pending") => ConsentState::Pending,
        Some("withdrawn") => ConsentState::Withdrawn,
        Some("not_given") => ConsentState::NotGiven,
        Some(_) => {
            return Err(Unreadable(format!("data.{path} is none of granted, pending, withdrawn, not_given")));
        }
    }))
}

fn channel(data: &Value) -> Result<Channel, Unreadable> {
    match json::text(data, "channel").as_deref() {
        None | Some("web") => Ok(Channel::Web),
        Some("pos") => Ok(Channel::PointOfSale),
        Some("staff") => Ok(Channel::Staff),
        Some(_) => Err(Unreadable::new("data.channel is none of web, pos, staff")),
    }
}

fn words(data: &Value, path: &str) -> Vec<String> {
    let list = json::list(data, path).iter().filter_map(Value::as_str).map(str::trim);
    list.filter(|word| !word.is_empty() && word.chars().count() <= json::ID_CHARS_MAX).map(str::to_owned).collect()
}

fn required_id(data: &Value, key: &str) -> Result<String, Unreadable> {
    json::id(data, key).ok_or_else(|| missing(&format!("data.{key}")))
}

fn currency(data: &Value, key: &str) -> Result<Option<Currency>, Unreadable> {
    match json::currency(data, key) {
        None if given(data, key) => Err(Unreadable(format!("data.{key} is not an ISO 4217 code"))),
        currency => Ok(currency),
    }
}

/// An amount that is not negative; `None` when it is not given.
fn amount(data: &Value, key: &str, currency: Currency) -> Result<Option<Money>, Unreadable> {
    match json::money(data, key, currency) {
        Some(money) if money.minor >= 0 => Ok(Some(money)),
        None if !given(data, key) => Ok(None),
        _ => Err(Unreadable(format!("{key} is not a decimal amount such as \"128.00\""))),
    }
}

fn time(data: &Value, key: &str) -> Result<Option<Time>, Unreadable> {
    match json::time(data, key) {
        None if given(data, key) => Err(Unreadable(format!("{key} is not a time such as 2026-03-01T10:00:00+01:00"))),
        time => Ok(time),
    }
}

fn given(data: &Value, key: &str) -> bool {
    !matches!(json::at(data, key), Value::Null) && json::at(data, key).as_str() != Some("")
}

fn missing(field: &str) -> Unreadable {
    Unreadable(format!("{field} is missing"))
}

#[cfg(test)]
mod tests;

//! Webhooks as Shopify would send them: bodies in its shape with values of our own, signed with the shop's key. Decides
//! how a checkout, an order and a refund are written; never what happens in the shop.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    cast::{Person, Profile},
    chance::Chance,
};
use crate::domain::{
    money::{Currency, Money},
    time::Time,
};

/// One webhook, ready to be signed.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub topic: &'static str,
    pub body: Vec<u8>,
    /// Names this delivery; a repeated one has the same.
    pub id: String,
    pub at: Time,
}

impl Webhook {
    pub fn new(topic: &'static str, body: &Value, at: Time, chance: &mut Chance) -> Webhook {
        Webhook { topic, body: body.to_string().into_bytes(), id: chance.uuid(), at }
    }

    /// Topic, shop and signature, with names in lower case.
    pub fn headers(&self, shop: &Profile, key: &str) -> Vec<(String, String)> {
        let signature = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_or_else(
            |_| String::new(),
            |mut mac| {
                mac.update(&self.body);
                BASE64.encode(&mac.finalize().into_bytes())
            },
        );
        [
            ("content-type", "application/json".to_owned()),
            ("x-shopify-topic", self.topic.to_owned()),
            ("x-shopify-shop-domain", shop.domain.to_owned()),
            ("x-shopify-api-version", "2026-10".to_owned()),
            ("x-shopify-webhook-id", self.id.clone()),
            ("x-shopify-triggered-at", self.at.to_string()),
            ("x-shopify-hmac-sha256", signature),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

/// Something in a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub title: String,
    pub quantity: u32,
    /// Of one, in minor units.
    pub price: i64,
}

pub fn total(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.price * i64::from(line.quantity)).sum()
}

/// A checkout as the shop knows it.
#[derive(Clone, Debug)]
pub struct Checkout {
    pub token: String,
    pub cart_token: String,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub person: Person,
    /// Whether the form is filled in: a checkout begins with a basket and nobody.
    pub known: bool,
    /// The box under the phone number.
    pub ticked: bool,
    /// Where the recovery link leads.
    pub url: String,
    pub started_at: Time,
}

fn lines(of: &[Line], currency: Currency) -> Value {
    let amount = |minor| Money::new(minor, currency).amount();
    of.iter()
        .map(|line| {
            json!({
                "title": line.title, "presentment_title": line.title, "variant_title": "", "quantity": line.quantity,
                "price": amount(line.price), "line_price": amount(line.price * i64::from(line.quantity)),
                "requires_shipping": true, "gift_card": false, "taxable": true, "properties": [],
            })
        })
        .collect()
}

fn place(person: &Person, phone: Option<&str>) -> Value {
    json!({
        "first_name": person.first_name, "last_name": person.last_name,
        "name": format!("{} {}", person.first_name, person.last_name), "address1": "Demo 1", "address2": null,
        "company": null, "city": person.town, "zip": person.zip, "country_code": person.country,
        "province_code": null, "phone": phone,
    })
}

fn customer(person: &Person) -> Value {
    json!({
        "id": person.customer, "email": person.email, "first_name": person.first_name,
        "last_name": person.last_name, "phone": null, "state": "disabled", "verified_email": true, "tags": "",
        "default_address": place(person, None),
    })
}

fn money_set(minor: i64, currency: Currency) -> Value {
    let money = json!({ "amount": Money::new(minor, currency).amount(), "currency_code": currency.code() });
    json!({ "shop_money": money, "presentment_money": money })
}

impl Checkout {
    /// The body of `checkouts/create` and `checkouts/update`.
    pub fn body(&self, updated_at: Time, completed_at: Option<Time>) -> Value {
        let (person, sum) = (&self.person, Money::new(total(&self.lines), self.currency).amount());
        let typed = person.typed.as_deref();
        let mut body = json!({
            "token": self.token, "cart_token": self.cart_token, "email": null, "phone": null, "gateway": null,
            "buyer_accepts_marketing": false, "buyer_accepts_sms_marketing": false, "sms_marketing_phone": null,
            "created_at": self.started_at.to_string(), "updated_at": updated_at.to_string(),
            "completed_at": completed_at.map(|at| at.to_string()), "closed_at": null, "landing_site": "/",
            "referring_site": "", "note": null, "note_attributes": [], "shipping_lines": [], "discount_codes": [],
            "tax_lines": [], "taxes_included": true, "source_name": "web", "currency": self.currency.code(),
            "presentment_currency": self.currency.code(), "customer_locale": person.language,
            "total_line_items_price": sum, "subtotal_price": sum, "total_price": sum, "total_tax": "0.00",
            "total_discounts": "0.00", "abandoned_checkout_url": self.url,
            "line_items": lines(&self.lines, self.currency), "customer": null, "shipping_address": null,
            "billing_address": null,
        });
        if self.known
            && let Some(fields) = body.as_object_mut()
        {
            let ticked = self.ticked.then_some(typed).flatten();
            fields.extend([
                ("email".to_owned(), json!(person.email)),
                ("phone".to_owned(), json!(typed)),
                ("buyer_accepts_sms_marketing".to_owned(), json!(ticked.is_some())),
                ("sms_marketing_phone".to_owned(), json!(ticked)),
                ("customer".to_owned(), customer(person)),
                ("shipping_address".to_owned(), place(person, typed)),
            ]);
        }
        body
    }
}

/// An order as the shop knows it.
#[derive(Clone, Debug)]
pub struct Order {
    pub id: u64,
    pub number: u64,
    pub placed_at: Time,
    /// None for a till: nothing leads from there to a checkout.
    pub checkout: Option<(String, String)>,
    pub till: bool,
    pub test: bool,
    /// The page by which the buyer came in, with its query.
    pub landing: String,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub person: Person,
    pub refunded: Vec<Refund>,
    pub cancelled_at: Option<Time>,
}

/// Money given back.
#[derive(Clone, Debug)]
pub struct Refund {
    pub id: u64,
    pub at: Time,
    pub minor: i64,
}

impl Order {
    /// `#1043`
    pub fn name(&self) -> String {
        format!("#{}", self.number)
    }

    pub fn total(&self) -> Money {
        Money::new(total(&self.lines), self.currency)
    }

    /// The body of `orders/*`.
    pub fn body(&self, updated_at: Time) -> Value {
        let (person, sum) = (&self.person, self.total().amount());
        let (checkout, cart) = self.checkout.as_ref().map_or((None, None), |(token, cart)| (Some(token), Some(cart)));
        let back: i64 = self.refunded.iter().map(|refund| refund.minor).sum();
        let status = match back {
            0 => "paid",
            some if some < self.total().minor => "partially_refunded",
            _ => "refunded",
        };
        json!({
            "id": self.id, "name": self.name(), "order_number": self.number, "number": self.number,
            "checkout_token": checkout, "cart_token": cart, "email": person.email, "contact_email": person.email,
            "phone": person.typed, "created_at": self.placed_at.to_string(),
            "processed_at": self.placed_at.to_string(), "updated_at": updated_at.to_string(),
            "cancelled_at": self.cancelled_at.map(|at| at.to_string()),
            "cancel_reason": self.cancelled_at.map(|_| "customer"), "closed_at": null, "test": self.test,
            "source_name": if self.till { "pos" } else { "web" }, "landing_site": self.landing, "referring_site": "",
            "note": null, "note_attributes": [], "tags": "", "discount_codes": [], "payment_gateway_names": ["demo pay"],
            "financial_status": status, "fulfillment_status": null, "currency": self.currency.code(),
            "presentment_currency": self.currency.code(), "total_price": sum, "subtotal_price": sum,
            "current_total_price": Money::new(self.total().minor - back, self.currency).amount(),
            "total_price_set": money_set(self.total().minor, self.currency), "total_tax": "0.00",
            "total_discounts": "0.00", "taxes_included": true, "line_items": lines(&self.lines, self.currency),
            "customer": customer(person), "shipping_address": place(person, person.typed.as_deref()),
            "refunds": self.refunded.iter().map(|refund| self.refund_body(refund)).collect::<Value>(),
        })
    }

    /// The body of `refunds/create`, which stands in the order too.
    pub fn refund_body(&self, refund: &Refund) -> Value {
        let (at, amount) = (refund.at.to_string(), Money::new(refund.minor, self.currency).amount());
        json!({
            "id": refund.id, "order_id": self.id, "created_at": at, "processed_at": at, "note": "", "restock": true,
            "total_duties_set": money_set(0, self.currency), "refund_line_items": [], "order_adjustments": [],
            "transactions": [{
                "id": refund.id + 1, "order_id": self.id, "kind": "refund", "status": "success",
                "gateway": "demo pay", "amount": amount, "currency": self.currency.code(), "created_at": at,
                "amount_set": money_set(refund.minor, self.currency),
            }],
        })
    }
}

/// The body of `customers_marketing_consent/update`: somebody unticks the box in their account.
pub fn withdrawal(person: &Person, at: Time) -> Value {
    json!({
        "id": person.customer, "phone": person.phone,
        "sms_marketing_consent": {
            "state": "unsubscribed", "opt_in_level": "single_opt_in", "consent_updated_at": at.to_string(),
            "consent_collected_from": "SHOPIFY",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        demo::cast::{Number, SHOPS},
        domain::{
            connector::{Accepted, Delivery},
            event::{Channel, ConsentState, ShopEvent, ShopFacts},
        },
        shop,
    };

    const KEY: &str = "a-key-of-the-simulated-shop";

    fn noon() -> Time {
        Time::from_seconds(1_790_000_000)
    }

    /// Through the real connector, signature and all.
    fn read(topic: &'static str, body: &Value) -> Vec<ShopEvent> {
        let profile = &SHOPS[0];
        let webhook = Webhook::new(topic, body, noon(), &mut Chance::new(1));
        let settings = [("domain", profile.domain), ("signing_key", KEY)];
        let shopify = shop::by_kind("shopify").unwrap();
        let settings = shopify.spec().settings(settings.map(|(key, value)| (key.into(), value.into())).into()).unwrap();
        let delivery = Delivery {
            method: "POST".into(),
            url: "http://127.0.0.1/hook/shop/x".into(),
            headers: webhook.headers(profile, KEY),
            body: webhook.body,
            received_at: noon(),
        };
        let kept = shopify.verify(&settings, &delivery);
        assert_eq!(kept, Ok(Accepted::Keep { topic: topic.into(), key: webhook.id }));
        let forged = Delivery { headers: Vec::new(), ..delivery.clone() };
        assert!(shopify.verify(&settings, &forged).is_err());
        let facts =
            ShopFacts { country: "SI".into(), currency: Currency::parse("EUR").unwrap(), settings: Default::default() };
        shopify.read(&facts, topic, &delivery).unwrap()
    }

    fn checkout(known: bool, ticked: bool) -> Checkout {
        Checkout {
            token: "t0k3n".into(),
            cart_token: "c4rt".into(),
            currency: Currency::parse("EUR").unwrap(),
            lines: vec![Line { title: "Oak bread board".into(), quantity: 2, price: 4_600 }],
            person: Person::meet(&SHOPS[0], Number::Mobile, &mut Chance::new(2)),
            known,
            ticked,
            url: "http://127.0.0.1:8080/demo/checkout/t0k3n?key=k".into(),
            started_at: noon(),
        }
    }

    fn order() -> Order {
        let checkout = checkout(true, true);
        Order {
            id: 5_000_000_000_001,
            number: 1043,
            placed_at: noon(),
            checkout: Some((checkout.token, checkout.cart_token)),
            till: false,
            test: false,
            landing: "/demo/checkout/t0k3n?key=k&cartback=AQE".into(),
            currency: checkout.currency,
            lines: checkout.lines,
            person: checkout.person,
            refunded: Vec::new(),
            cancelled_at: None,
        }
    }

    #[test]
    fn a_checkout_reads_as_one() {
        #[track_caller]
        fn check(known: bool, ticked: bool, consent: ConsentState) {
            let checkout = checkout(known, ticked);
            match read("checkouts/update", &checkout.body(noon(), None)).as_slice() {
                [ShopEvent::Cart(cart)] => {
                    assert_eq!((cart.token.as_str(), cart.total.unwrap().minor), ("t0k3n", 9_200));
                    assert_eq!(cart.consent.as_ref().map(|given| given.state), Some(consent));
                    assert_eq!(cart.who.phones.is_empty(), !known);
                    assert_eq!(cart.recovery_url.as_deref(), Some(checkout.url.as_str()));
                    assert_eq!(cart.language.as_deref(), Some(checkout.person.language.as_str()));
                }
                other => panic!("{other:?}"),
            }
        }
        check(false, false, ConsentState::NotGiven);
        check(true, false, ConsentState::NotGiven);
        check(true, true, ConsentState::Granted);
    }

    #[test]
    fn an_order_reads_as_one() {
        let mut order = order();
        order.refunded.push(Refund { id: 9, at: noon(), minor: 4_600 });
        match read("orders/create", &order.body(noon())).as_slice() {
            [ShopEvent::Order(read)] => {
                assert_eq!((read.number.as_str(), read.total.minor, read.channel), ("#1043", 9_200, Channel::Web));
                assert_eq!((read.recovery_tokens.as_slice(), read.refunds.len()), (&["AQE".to_owned()][..], 1));
                assert_eq!(read.cart_tokens, ["t0k3n", "c4rt"]);
            }
            other => panic!("{other:?}"),
        }
        match read("refunds/create", &order.refund_body(&order.refunded[0])).as_slice() {
            [ShopEvent::Refunds { order, refunds }] => {
                assert_eq!((order.as_str(), refunds[0].amount.minor), ("5000000000001", 4_600));
            }
            other => panic!("{other:?}"),
        }
        order.till = true;
        order.checkout = None;
        order.cancelled_at = Some(noon());
        match read("orders/cancelled", &order.body(noon())).as_slice() {
            [ShopEvent::Order(read)] => {
                assert_eq!((read.channel, read.cancelled_at), (Channel::PointOfSale, Some(noon())));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_withdrawal_reads_as_one() {
        let person = checkout(true, true).person;
        match read("customers_marketing_consent/update", &withdrawal(&person, noon())).as_slice() {
            [ShopEvent::Consent(update)] => assert_eq!(update.state, ConsentState::Withdrawn),
            other => panic!("{other:?}"),
        }
    }
}

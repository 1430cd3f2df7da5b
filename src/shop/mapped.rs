//! Any JSON webhook, mapped by a form: the owner says how a body is signed, where in it each thing stands, and in which
//! words. Decides only what a setting means; `mapping` holds them, `path` finds, `reader` reads, `proof` verifies.
//! Known senders are constants of the same mapping (`razorpay`, `cashfree`).
//!
//! Reading is strict: an error names the path and what was found there, the body is kept, and once the form is mended
//! it is read again.

use super::{Rehearsed, Shop, hosts, json, standard_webhooks};
use crate::domain::{
    connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
    event::{ShopEvent, ShopFacts},
    rehearsal::{Act, Visit},
    time::Time,
};
use mapping::Mapping;
use proof::{Encoding, Proof};
use reader::Kind;

pub(super) mod mapping;
mod path;
pub(super) mod proof;
pub(super) mod reader;
pub(super) mod rehearsal;

pub struct Mapped;

/// Longer names of headers there are none.
const HEADER_CHARS_MAX: usize = 100;

static SPEC: Spec = Spec {
    kind: "mapped",
    name: "Any JSON webhook, mapped by a form",
    fields: &[
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where recovery links may lead, with commas between them: shop.example, checkout.shop.example.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
        Field {
            key: "proof",
            label: "How it is signed",
            help: "hex or base64: a header holds an HMAC-SHA256 of the body. header: a header holds the secret itself, \
                   alone or after Bearer. standard: as Standard Webhooks says. none: it is not, and only the secret \
                   address proves who sends.",
            required: true,
            check: check_proof,
            ..Field::TEXT
        },
        Field {
            key: "secret",
            label: "Signing secret",
            help: "What the sender signs with, or sends; whsec_… for Standard Webhooks. Two with a comma between them \
                   while one is being replaced.",
            secret: true,
            check: proof::check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "proof_header",
            label: "Header of the signature",
            help: "Its name, such as X-Signature. Not needed for none and standard; authorization where header is \
                   chosen and nothing stands here.",
            check: check_header,
            ..Field::TEXT
        },
        Field {
            key: "amounts",
            label: "Amounts",
            help: "major: 128.00 is a hundred and twenty-eight. minor: 12800 is the same, in the smallest unit.",
            default: Some("major"),
            check: |value| if matches!(value, "major" | "minor") { Ok(()) } else { Err("be major or minor") },
            ..Field::TEXT
        },
        path_to(
            "at_kind",
            "Path to the type of event",
            "Keys with dots between them, such as type or event.name; | separates alternatives. Empty where all \
             bodies are of one kind: one with an order id is then an order, one without is a cart.",
        ),
        words("kind_cart", "Types that are carts", "The words there, with commas: cart.updated, checkout.abandoned."),
        words("kind_order", "Types that are orders", "order.created, order.paid, order.cancelled."),
        words("kind_refund", "Types that are refunds", "refund.created: a body with a refund id and an amount."),
        words("kind_deleted", "Types that say a cart is gone", "cart.deleted."),
        words("kind_test", "Types that are tests", "ping, test. Whatever stands in none of these lists is left alone."),
        Field {
            required: true,
            ..path_to(
                "at_cart_id",
                "Path to the cart id",
                "What stays the same while the cart changes: data.cart.id. In orders it names the cart they came from.",
            )
        },
        path_to(
            "at_phone",
            "Path to the phone",
            "The most trusted first: customer.phone | shipping.phone | addresses[].phone.",
        ),
        path_to("at_country", "Path to the country", "Two letters, such as DE: it says how to read a phone without +."),
        path_to("at_email", "Path to the e-mail", "customer.email. Never consent to texts."),
        path_to("at_first_name", "Path to the first name", "customer.first_name."),
        path_to("at_currency", "Path to the currency", "EUR. The shop's own where nothing stands there."),
        path_to("at_total", "Path to the cart's total", "data.cart.total."),
        items("at_item_title", "Path to the items' titles", "With [] after the list: items[].name."),
        items("at_item_quantity", "Path to the items' quantities", "In the same list: items[].quantity. 1 without it."),
        items("at_item_price", "Path to the items' prices", "Of one piece, in the same list: items[].price."),
        path_to(
            "at_recovery_url",
            "Path to the recovery URL",
            "Where the shopper finds this cart again, on one of the shop's hosts: data.cart.url.",
        ),
        path_to(
            "at_consent",
            "Path to the consent to texts",
            "customer.sms_consent. Only what the shopper agreed to for SMS; consent to e-mail is none.",
        ),
        Field {
            default: Some("true, 1, yes, granted"),
            ..words("consent_granted", "Words that mean granted", "Any other word there means not given.")
        },
        path_to(
            "at_updated_at",
            "Path to the time of the change",
            "RFC 3339, or seconds or milliseconds since 1970. The time of arrival without it.",
        ),
        path_to(
            "at_completed",
            "Path to what says that a cart was bought",
            "completed_at, or status with words below. Without words anything there but false, no or 0 says so.",
        ),
        words("completed_words", "Words that mean bought", "completed, converted."),
        path_to("at_order_id", "Path to the order id", "data.order.id. Empty where no orders are sent."),
        path_to("at_order_number", "Path to the order number", "What people call it: data.order.number."),
        path_to(
            "at_order_cart",
            "Path to the order's cart id",
            "Where orders name the cart they came from elsewhere than carts do: data.order.cart_id.",
        ),
        path_to(
            "at_recovery_token",
            "Path to what our link carried",
            "Where an order keeps the value of cartback=… from the link that was followed.",
        ),
        path_to("at_order_total", "Path to the order's total", "data.order.total."),
        path_to("at_placed_at", "Path to when it was placed", "The time of the change without it."),
        path_to(
            "at_order_status",
            "Path to the order's status",
            "Empty where orders are only sent once they are bought.",
        ),
        words("status_paid", "Words that count as bought", "paid, processing, completed. Empty: all but the next two."),
        words("status_cancelled", "Words that mean cancelled", "cancelled, voided."),
        words("status_refunded", "Words that mean refunded", "The whole total, where no amount stands below."),
        path_to("at_refund_amount", "Path to the refunded amount", "In orders: what went back so far in all."),
        path_to("at_refund_id", "Path to the refund id", "For events that are refunds."),
    ],
    connect: &[
        "Let the other system post JSON to {url} whenever a cart or an order changes, signed as chosen here.",
        "Take one of its bodies, from its documentation or from the inbox, and fill in where each thing stands.",
        "Let it send a cart. What cannot be read is kept in the inbox, with the path and what was found there: mend \
         the form and read it again.",
    ],
    topics: &[
        Topic { name: "cart", label: "Carts", purpose: "carts, phone and consent", needed: true },
        Topic { name: "order", label: "Orders", purpose: "orders and refunds", needed: true },
        Topic { name: "refund", label: "Refunds", purpose: "refunds", needed: false },
        Topic { name: "deleted", label: "Carts that are gone", purpose: "carts that are gone", needed: false },
        Topic { name: "test", label: "Tests", purpose: "trying the connection", needed: false },
    ],
    limits: &[
        "Only bodies that are one JSON object with one cart or one order in it are read.",
        "Where no orders are mapped, texts stop only when a cart says that it was bought or is gone.",
        "Without a signature anybody who learns the address can make up carts and orders.",
        "Past orders and carts are not fetched, and no discount codes are made in the shop.",
    ],
};

impl Shop for Mapped {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let key = proof(settings).verify(settings, delivery)?;
        let body = json::object(delivery).unwrap_or_default();
        let topic = match reader::kind(&Mapping::of(settings), &body) {
            Ok((Kind::Cart, _)) => "cart".to_owned(),
            Ok((Kind::Order, _)) => "order".to_owned(),
            Ok((Kind::Refund, _)) => "refund".to_owned(),
            Ok((Kind::Deleted, _)) => "deleted".to_owned(),
            Ok((Kind::Test, _)) => "test".to_owned(),
            Ok((Kind::Other(word), _)) => topic(&word),
            // Kept all the same: whoever fills in the form finds it, and why, in the inbox.
            Err(_) => "unreadable".to_owned(),
        };
        Ok(Accepted::Keep { topic, key })
    }

    fn read(&self, shop: &ShopFacts, _topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        reader::events(&Mapping::of(&shop.settings), shop, delivery)
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        hosts::read(settings.get("site")).into_iter().next()
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        let mapping = Mapping::of(settings);
        Rehearsed::Posted(rehearsal::delivery(&mapping, proof(settings), settings, visit, act, at))
    }
}

/// The sender's word for what we do not use, short.
pub(super) fn topic(word: &str) -> String {
    const TOPIC_CHARS_MAX: usize = 100;
    word.chars().filter(|c| !c.is_control()).take(TOPIC_CHARS_MAX).collect()
}

/// Where a setting is missing that says how to verify, nothing holds: the stricter reading.
fn proof(settings: &Settings) -> Proof<'_> {
    let header = settings.given("proof_header");
    match settings.get("proof") {
        "none" => Proof::Path,
        "header" => Proof::Header(header.unwrap_or("authorization")),
        "hex" => Proof::Hmac { header: header.unwrap_or("x-signature"), encoding: Encoding::Hex, stamp: None },
        "base64" => Proof::Hmac { header: header.unwrap_or("x-signature"), encoding: Encoding::Base64, stamp: None },
        _ => Proof::Standard,
    }
}

fn check_proof(value: &str) -> Result<(), &'static str> {
    match value {
        "none" | "header" | "hex" | "base64" | "standard" => Ok(()),
        _ => Err("be none, header, hex, base64 or standard"),
    }
}

/// A name as RFC 9110 writes it.
fn check_header(value: &str) -> Result<(), &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if (1..=HEADER_CHARS_MAX).contains(&value.len()) && value.bytes().all(token) {
        Ok(())
    } else {
        Err("be the name of one header, such as X-Signature")
    }
}

const fn path_to(key: &'static str, label: &'static str, help: &'static str) -> Field {
    Field { key, label, help, check: path::check, ..Field::TEXT }
}

const fn items(key: &'static str, label: &'static str, help: &'static str) -> Field {
    Field { key, label, help, check: path::check_in_list, ..Field::TEXT }
}

const fn words(key: &'static str, label: &'static str, help: &'static str) -> Field {
    Field { key, label, help, ..Field::TEXT }
}

#[cfg(test)]
mod tests;

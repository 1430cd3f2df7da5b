//! Razorpay Magic Checkout: its abandoned cart webhook, and the payment webhooks of Razorpay's API v1. A constant of
//! `mapped::mapping`; decides only which of the two a body is and what proves it. Facts: razorpay.com/docs, the pages
//! "Abandoned Cart Webhook" of Magic Checkout and "Payments", "Orders", "Refunds" of Webhooks (2026-10).
//!
//! The two are signed differently. Payments carry X-Razorpay-Signature, hex HMAC-SHA256 of the raw body. Of the
//! abandoned cart webhook no signature is documented: only the secret address proves it. So an unsigned body may be a
//! cart and nothing else, and whatever carries a signature must carry a right one.
//!
//! Amounts are in paise; that those of carts are is inferred from the rest of Magic Checkout's interfaces. A cart has no
//! time of its own. Payments name the cart only where the order's notes do.

use super::{
    Rehearsed, Shop, hosts, json,
    mapped::{
        mapping::Mapping,
        proof::{self, Encoding, Proof},
        reader::{self, Kind},
        rehearsal, topic,
    },
};
use crate::domain::{
    connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
    event::{ShopEvent, ShopFacts},
    rehearsal::{Act, Visit},
    time::Time,
};

pub struct Razorpay;

const SIGNATURE: &str = "x-razorpay-signature";
const PROOF: Proof = Proof::Hmac { header: SIGNATURE, encoding: Encoding::Hex, stamp: None };
/// Ours: the webhook names no event.
const ABANDONED: &str = "abandoned_cart";

const MAPPING: Mapping = Mapping {
    source: SPEC_KIND,
    minor: true,
    written_at_once: true,
    kind: "event",
    // Cash on delivery is told as pending: the order is placed, the money follows. An authorised payment that is never
    // captured goes back by itself, and is told as a refund.
    kind_order: "payment.captured, order.paid, payment.authorized, payment.pending",
    kind_refund: "refund.processed",
    updated_at: "created_at",
    phone: "phone | customer.phone | customer.Shipping_address.Phone | customer.shipping_address.phone | \
            payload.payment.entity.contact",
    country: "customer.Shipping_address.Country_code | customer.shipping_address.country_code",
    email: "email | customer.email | payload.payment.entity.email",
    // Razorpay's own address, where the shopper gave none.
    email_nobody: "void@razorpay.com",
    currency: "currency | payload.refund.entity.currency | payload.payment.entity.currency",
    cart_id: "token | cart_token",
    cart_token: "cart_token",
    first_name: "customer.first_name | customer.Shipping_address.First_name",
    total: "line_items_total",
    item_title: "line_items[].name | line_items[].title",
    item_quantity: "line_items[].quantity",
    item_price: "line_items[].price",
    recovery_url: "abandoned_checkout_url",
    order_id: "payload.payment.entity.order_id | payload.order.entity.id | payload.payment.entity.id",
    order_cart: "payload.payment.entity.notes.cart_token | payload.payment.entity.notes.token | \
                 payload.payment.entity.notes.checkout_token | payload.payment.entity.notes.cart_id | \
                 payload.order.entity.notes.cart_token | payload.order.entity.notes.token | \
                 payload.order.entity.notes.checkout_token | payload.order.entity.notes.cart_id",
    recovery_token: "payload.payment.entity.notes.cartback | payload.order.entity.notes.cartback",
    order_total: "payload.order.entity.amount | payload.payment.entity.amount",
    order_number: "payload.order.entity.receipt",
    placed_at: "payload.payment.entity.created_at",
    payment: "payload.payment.entity.method",
    refund_amount: "payload.refund.entity.amount",
    refund_id: "payload.refund.entity.id",
    ..Mapping::NONE
};

const SPEC_KIND: &str = "razorpay";

static SPEC: Spec = Spec {
    kind: SPEC_KIND,
    name: "Razorpay Magic Checkout",
    fields: &[
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where abandoned_checkout_url leads, with commas between them if there are several: shop.example.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
        Field {
            key: "secret",
            label: "Webhook Secret",
            help: "What you type under Account & Settings > Webhooks when the webhook is added: at least 16 \
                   characters, without commas. Two with a comma between them while one is being replaced.",
            secret: true,
            required: true,
            check: proof::check_secrets,
            ..Field::TEXT
        },
    ],
    connect: &[
        "In the Razorpay Dashboard, open Magic Checkout > Setup & Settings > Platform Settings > Checkout Setup, \
         switch on \"Enable the Abandoned webhook to track\", enter {url} and save.",
        "Open Account & Settings > Webhooks > Add New Webhook: Webhook URL {url}, the same Secret as here, and the \
         Active Events payment.captured, payment.authorized, payment.pending, order.paid and refund.processed.",
        "Where your own server creates the Razorpay orders, write the cart's token into notes.cart_token of each: the \
         payment then stops the texts of exactly that cart.",
    ],
    topics: &[
        Topic { name: ABANDONED, label: "Abandoned cart webhook", purpose: "carts and phone", needed: true },
        Topic { name: "payment.captured", label: "payment.captured", purpose: "orders", needed: true },
        Topic { name: "payment.authorized", label: "payment.authorized", purpose: "orders", needed: false },
        Topic { name: "payment.pending", label: "payment.pending", purpose: "orders", needed: false },
        Topic { name: "order.paid", label: "order.paid", purpose: "orders", needed: false },
        Topic { name: "refund.processed", label: "refund.processed", purpose: "refunds", needed: false },
    ],
    limits: &[
        "Razorpay documents no signature for abandoned carts: the secret address is their proof, so show it to nobody.",
        "A payment names its cart only where the order's notes hold the cart's token. Otherwise the cart is recognised \
         as bought by the phone or the e-mail.",
        "Abandoned carts carry no SMS consent.",
        "Abandoned carts carry no time, so that of their arrival counts; their total is that of the items, before \
         promotions.",
        "Amounts of carts are taken as paise, as in all of Razorpay's interfaces.",
        "Orders that are cancelled without a refund, such as cash on delivery that was turned away, are not told.",
        "Past orders and carts are not fetched, and no discount codes are made in the shop.",
    ],
};

impl Shop for Razorpay {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        if settings.list("secret").next().is_none() {
            return Err(Refusal::NoKey);
        }
        let body = json::object(delivery).unwrap_or_default();
        let told = reader::kind(&MAPPING, &body);
        // A doubled header is a signature that does not hold, not a missing one.
        if delivery.headers.iter().any(|(name, _)| name == SIGNATURE) {
            PROOF.verify(settings, delivery)?;
        } else if !matches!(told, Ok((Kind::Cart, None))) {
            return Err(Refusal::Unsigned);
        }
        let topic = match told {
            Ok((_, Some(event))) => topic(&event),
            Ok((Kind::Cart, None)) => ABANDONED.to_owned(),
            _ => "unreadable".to_owned(),
        };
        let key = delivery.header("x-razorpay-event-id").filter(|id| id.len() <= json::ID_CHARS_MAX);
        Ok(Accepted::Keep { topic, key: key.unwrap_or_default().to_owned() })
    }

    fn read(&self, shop: &ShopFacts, _topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        reader::events(&MAPPING, shop, delivery)
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        hosts::read(settings.get("site")).into_iter().next()
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Rehearsed::Posted(rehearsal::delivery(&MAPPING, PROOF, settings, visit, act, at))
    }
}

#[cfg(test)]
mod tests;

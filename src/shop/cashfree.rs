//! Cashfree One Click Checkout: its abandoned checkout webhook, and the payment and refund webhooks of the Payment
//! Gateway, version 2025-01-01 (2023-08-01 reads the same). A constant of `mapped::mapping`; decides nothing of its own
//! but what proves a delivery. Facts: cashfree.com/docs, Payment Webhooks, Refund Webhooks, Signature Verification
//! (2026-10). The body of an abandoned checkout is as UjjwalCodes01/naaradh tells it from the page Abandoned Checkout
//! Webhook (2026-09); no recorded one was seen.
//!
//! Signed is `{x-webhook-timestamp}{body}`, base64 HMAC-SHA256 with the client secret in x-webhook-signature. Cashfree
//! does not say whether a retry gets a new timestamp, and a replay changes nothing here, so late ones are taken for
//! days.

use super::{
    Rehearsed, Shop, hosts, json,
    mapped::{
        mapping::Mapping,
        proof::{self, Encoding, Proof, Stamp},
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

pub struct Cashfree;

const SIGNATURE: &str = "x-webhook-signature";
const EARLY_SECONDS_MOST: i64 = 300;
const LATE_SECONDS_MOST: i64 = 3 * 24 * 60 * 60;

const PROOF: Proof = Proof::Hmac {
    header: SIGNATURE,
    encoding: Encoding::Base64,
    stamp: Some(Stamp { header: "x-webhook-timestamp", early_most: EARLY_SECONDS_MOST, late_most: LATE_SECONDS_MOST }),
};

const MAPPING: Mapping = Mapping {
    source: SPEC_KIND,
    written_at_once: true,
    kind: "type",
    // The second as a public handler of these webhooks names it; the first is the documented one.
    kind_cart: "ABANDONED_CHECKOUT, ABANDONED_CHECKOUT_WEBHOOK",
    kind_order: "PAYMENT_SUCCESS_WEBHOOK",
    kind_refund: "REFUND_STATUS_WEBHOOK",
    kind_test: TEST,
    updated_at: "data.updated_at | event_time",
    phone: "data.phone | data.customer.phone | data.customer.shipping_address.phone | \
            data.customer.billing_address.phone | data.customer_details.customer_phone",
    country: "data.customer.shipping_address.country_code | data.customer.billing_address.country_code",
    email: "data.email | data.customer.email | data.customer_details.customer_email",
    currency: "data.currency | data.refund.refund_currency | data.payment.payment_currency | data.order.order_currency",
    cart_id: "data.cart_id | data.cart_token | data.order.order_id",
    cart_token: "data.cart_token",
    first_name: "data.customer.first_name | data.customer.shipping_address.first_name",
    total: "data.total_price | data.original_total_price",
    item_title: "data.line_items[].title | data.line_items[].name",
    item_quantity: "data.line_items[].quantity",
    item_price: "data.line_items[].price",
    recovery_url: "data.abandoned_checkout_url",
    completed: "data.completed_at",
    order_id: "data.order.order_id | data.refund.order_id",
    order_cart: "data.order.order_tags.cart_id | data.order.order_tags.cart_token | data.order.order_id",
    recovery_token: "data.order.order_tags.cartback",
    // What was paid, after Cashfree's offers.
    order_total: "data.payment.payment_amount | data.order.order_amount",
    placed_at: "data.payment.payment_time",
    payment: "data.payment.payment_group",
    order_status: "data.payment.payment_status",
    status_paid: "SUCCESS",
    refund_amount: "data.refund.refund_amount",
    refund_id: "data.refund.refund_id | data.refund.cf_refund_id",
    refund_status: "data.refund.refund_status",
    refund_done: "SUCCESS",
    ..Mapping::NONE
};

const SPEC_KIND: &str = "cashfree";
/// What the button Test beside the address sends, as far as is known; no page of theirs says so.
const TEST: &str = "WEBHOOK";

static SPEC: Spec = Spec {
    kind: SPEC_KIND,
    name: "Cashfree One Click Checkout",
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
            label: "Secret Key",
            help: "The client secret, under Payment Gateway > Developers > API Keys; the partner API key for partner \
                   webhooks. Two with a comma between them while one is being replaced.",
            secret: true,
            required: true,
            check: proof::check_secrets,
            ..Field::TEXT
        },
    ],
    connect: &[
        "In the Merchant Dashboard, open Payment Gateway > Developers > Webhooks > Configuration > Payment Gateway and \
         choose Add Webhook Endpoints.",
        "Enter {url}, press Test, choose the Webhook Version 2025-01-01 and continue.",
        "Under Add Policy choose the abandoned checkout, success payment and refund events, then save.",
        "Where your own server creates the Cashfree orders, write the cart's cart_id into order_tags.cart_id of each: \
         the payment then stops the texts of exactly that cart.",
    ],
    topics: &[
        Topic { name: "ABANDONED_CHECKOUT", label: "abandoned checkout", purpose: "carts and phone", needed: true },
        Topic { name: "PAYMENT_SUCCESS_WEBHOOK", label: "success payment", purpose: "orders", needed: true },
        Topic { name: "REFUND_STATUS_WEBHOOK", label: "refund", purpose: "refunds", needed: false },
        Topic { name: TEST, label: "Test", purpose: "trying the connection", needed: false },
    ],
    limits: &[
        "A payment names its cart only where the order's tags do. Otherwise the cart is recognised as bought by the \
         phone or the e-mail.",
        "Cashfree tells of marketing opt-in but not of SMS consent, so consent is not given.",
        "Cash on delivery and cancelled orders are not told by payment webhooks.",
        "The Ecom360 webhook has another signature and is not read.",
        "Past orders and carts are not fetched, and no discount codes are made in the shop.",
    ],
};

impl Shop for Cashfree {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        PROOF.verify(settings, delivery)?;
        let body = json::object(delivery).unwrap_or_default();
        let topic = match reader::kind(&MAPPING, &body) {
            Ok((_, Some(word))) => topic(&word),
            Ok((Kind::Cart, None)) => "ABANDONED_CHECKOUT".to_owned(),
            _ => "unreadable".to_owned(),
        };
        // It stands in no signature, so it is only ever part of what tells two deliveries apart.
        let key = delivery.header("x-idempotency-key").filter(|key| key.len() <= json::ID_CHARS_MAX);
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

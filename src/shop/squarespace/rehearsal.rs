//! The self-test's visit. Its cart is told in our own event format, since Squarespace has no words for one; its order and
//! refund by a signed notification that points, and what is then fetched. They find the cart by phone and e-mail.

use data_encoding::HEXLOWER;
use hmac::Mac;
use serde_json::{Value, json};

use super::{CART, ORDER, SIGNATURE, generic, key, mac};
use crate::{
    domain::{
        connector::{Delivery, Settings},
        money::Money,
        rehearsal::{Act, Visit},
        time::Time,
    },
    shop::{Rehearsed, pull::Pulled},
};

pub(super) fn told(settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
    let topic = match act {
        Act::Left => {
            let cart = generic::rehearsal::signed("", visit, act, at);
            return Rehearsed::Fetched { pointer: None, whole: Pulled::plain(CART, cart.body) };
        }
        Act::Bought => "order.create",
        Act::Refunded => "order.update",
    };
    let whole = Pulled::plain(ORDER, order(visit, act, at).to_string());
    Rehearsed::Fetched { pointer: Some(pointer(settings, visit, topic, at)), whole }
}

fn pointer(settings: &Settings, visit: &Visit, topic: &str, at: Time) -> Delivery {
    let body = json!({
        "id": format!("self-test-{}-{topic}", visit.order), "topic": topic, "createdOn": at.to_string(),
        "data": { "orderId": visit.order.to_string() },
    });
    let body = body.to_string().into_bytes();
    let key = settings.list("webhook_secret").find_map(key).unwrap_or_default();
    let tag = mac(&key, &body).map(|mac| HEXLOWER.encode(&mac.finalize().into_bytes()));
    Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: vec![(SIGNATURE.to_owned(), tag.unwrap_or_default())],
        body,
        received_at: at,
    }
}

fn order(visit: &Visit, act: Act, at: Time) -> Value {
    let money = |money: Money| json!({ "value": money.amount(), "currency": money.currency.code() });
    let refunded = match act {
        Act::Refunded => visit.refunded,
        Act::Left | Act::Bought => Money::new(0, visit.total.currency),
    };
    json!({
        "id": visit.order.to_string(), "orderNumber": visit.order.to_string(), "channel": "web", "testmode": false,
        "createdOn": visit.placed_at.to_string(), "modifiedOn": at.to_string(), "customerEmail": Visit::EMAIL,
        "billingAddress": {
            "firstName": Visit::FIRST_NAME, "countryCode": visit.country, "phone": visit.phone,
        },
        "fulfillmentStatus": "PENDING", "paymentState": "PAID", "grandTotal": money(visit.total),
        "refundedTotal": money(refunded), "discountLines": [], "lineItems": [],
    })
}

//! The self-test's visit as Wix would tell of it. Only Wix has the key that signs, so there are no webhooks to post: what
//! would be fetched says all.

use serde_json::{Value, json};

use super::{CHECKOUT, ORDER};
use crate::{
    domain::{
        rehearsal::{Act, Visit},
        time::Time,
    },
    shop::{Rehearsed, pull::Pulled},
};

/// A refund has no webhook that could be posted, and no place in a fetched order.
pub(super) const REFUNDS: &str = "fetched.refunds";

pub(super) fn told(visit: &Visit, act: Act, at: Time) -> Rehearsed {
    let whole = match act {
        Act::Left => Pulled::plain(CHECKOUT, checkout(visit, at).to_string()),
        Act::Bought => Pulled::plain(ORDER, order(visit, at).to_string()),
        Act::Refunded => Pulled::plain(REFUNDS, refund(visit, at).to_string()),
    };
    Rehearsed::Fetched { pointer: None, whole }
}

fn person(visit: &Visit) -> Value {
    json!({
        "address": { "country": visit.country },
        "contactDetails": { "firstName": Visit::FIRST_NAME, "phone": visit.phone },
    })
}

fn checkout(visit: &Visit, at: Time) -> Value {
    let total = json!({ "amount": visit.total.amount() });
    json!({
        "id": visit.token, "checkoutId": visit.token, "status": "ABANDONED", "buyerLanguage": visit.language,
        "createdDate": visit.started_at.to_string(), "updatedDate": at.to_string(),
        "buyerInfo": { "email": Visit::EMAIL }, "billingInfo": person(visit),
        "currency": visit.total.currency.code(), "totalPrice": total, "checkoutUrl": visit.checkout_url,
        "lineItems": [{ "productName": { "original": "Self-test" }, "quantity": 1, "price": total }],
        "rehearsed": { "consent": "self-test" },
    })
}

fn order(visit: &Visit, at: Time) -> Value {
    json!({
        "id": visit.order.to_string(), "number": visit.order.to_string(), "checkoutId": visit.token,
        "status": "APPROVED", "paymentStatus": "PAID", "channelInfo": { "type": "WEB" },
        "createdDate": visit.placed_at.to_string(), "purchasedDate": visit.placed_at.to_string(),
        "updatedDate": at.to_string(), "buyerInfo": { "email": Visit::EMAIL }, "billingInfo": person(visit),
        "currency": visit.total.currency.code(), "priceSummary": { "total": { "amount": visit.total.amount() } },
        "rehearsed": { "link": visit.link },
    })
}

/// As the event of a completed refund has it inside.
fn refund(visit: &Visit, at: Time) -> Value {
    let refunded = json!({ "amount": visit.refunded.amount(), "currency": visit.refunded.currency.code() });
    json!({
        "entityFqdn": "wix.ecom.v1.order_transactions", "slug": "refund_completed", "eventTime": at.to_string(),
        "actionEvent": { "body": {
            "orderId": visit.order.to_string(),
            "refund": {
                "id": visit.refund.to_string(), "createdDate": at.to_string(), "summary": { "refunded": refunded },
            },
        } },
    })
}

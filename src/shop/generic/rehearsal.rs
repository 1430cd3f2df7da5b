//! The self-test's visit in our own event format, signed as Standard Webhooks says.

use serde_json::{Value, json};

use super::standard_webhooks;
use crate::domain::{
    connector::{Delivery, Settings},
    rehearsal::{Act, Visit},
    time::Time,
};

pub(super) fn delivery(settings: &Settings, visit: &Visit, act: Act, at: Time) -> Delivery {
    signed(settings.list("secret").next().unwrap_or_default(), visit, act, at)
}

/// Also for a plugin that speaks this format.
pub(in crate::shop) fn signed(secret: &str, visit: &Visit, act: Act, at: Time) -> Delivery {
    let (kind, data) = match act {
        Act::Left => ("checkout.updated", checkout(visit, at)),
        Act::Bought | Act::Refunded => ("order.upserted", order(visit, act, at)),
    };
    let body = json!({ "type": kind, "timestamp": at.to_string(), "data": data }).to_string().into_bytes();
    let id = format!("self-test-{}-{act:?}", visit.token);
    let headers = [
        ("webhook-id", id.clone()),
        ("webhook-timestamp", at.seconds().to_string()),
        ("webhook-signature", standard_webhooks::sign(secret, &id, at.seconds(), &body)),
    ];
    Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body,
        received_at: at,
    }
}

fn checkout(visit: &Visit, at: Time) -> Value {
    let total = visit.total.amount();
    json!({
        "token": visit.token, "email": Visit::EMAIL, "phone": visit.phone, "first_name": Visit::FIRST_NAME,
        "country": visit.country, "language": visit.language, "currency": visit.total.currency.code(), "total": total,
        "items": [{ "title": "Self-test", "quantity": 1, "price": total }], "recovery_url": visit.checkout_url,
        "consent": { "state": "granted", "source": "self-test", "text": "Self-test" },
        "started_at": visit.started_at.to_string(), "updated_at": at.to_string(),
    })
}

fn order(visit: &Visit, act: Act, at: Time) -> Value {
    let refunds = match act {
        Act::Refunded => {
            json!([{ "id": visit.refund, "amount": visit.refunded.amount(), "at": at.to_string() }])
        }
        Act::Left | Act::Bought => json!([]),
    };
    json!({
        "id": visit.order, "number": format!("#{}", visit.order), "checkout_token": visit.token, "email": Visit::EMAIL,
        "phone": visit.phone, "currency": visit.total.currency.code(), "total": visit.total.amount(), "status": "paid",
        "placed_at": visit.placed_at.to_string(), "updated_at": at.to_string(), "refunds": refunds,
        "recovery_tokens": visit.link.as_slice(),
    })
}

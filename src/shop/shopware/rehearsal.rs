//! The self-test's visit as the shop and our plugin would tell of it: the cart by the plugin; an order by a webhook
//! that points at it, and what is then fetched.

use serde_json::{Value, json};

use super::{Rehearsed, generic, order, signature};
use crate::domain::{
    connector::{Delivery, Settings},
    rehearsal::{Act, Visit},
    time::Time,
};

pub(super) fn told(settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
    let topic = match act {
        Act::Left => {
            let secret = settings.list("plugin_secret").next().unwrap_or_default();
            return Rehearsed::Posted(generic::rehearsal::signed(secret, visit, act, at));
        }
        Act::Bought => "checkout.order.placed",
        Act::Refunded => "state_enter.order_transaction.state.refunded",
    };
    let body = json!({
        "data": { "payload": { "order": { "id": id(visit.order) } }, "event": topic },
        "source": {
            "url": settings.given("shop_url"), "shopId": settings.given("shop_id"), "appVersion": "1.0.0",
            "eventId": format!("self-test-{}-{act:?}", visit.order),
        },
        "timestamp": at.seconds(),
    });
    let body = body.to_string().into_bytes();
    let secret = settings.get("shop_secret");
    let pointer = Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: vec![("shopware-shop-signature".into(), signature::sign(secret, &body))],
        body,
        received_at: at,
    };
    // Before the app is installed there is no secret to sign with.
    let pointer = (!secret.is_empty()).then_some(pointer);
    Rehearsed::Fetched { pointer, whole: order::pulled(&whole(visit, act, at)) }
}

/// Shopware's ids have 32 digits.
fn id(number: u64) -> String {
    format!("{number:032x}")
}

fn whole(visit: &Visit, act: Act, at: Time) -> Value {
    let mut transactions = vec![json!({
        "id": id(visit.order), "stateMachineState": { "technicalName": "paid" },
        "amount": { "totalPrice": visit.total.amount() }, "createdAt": visit.placed_at.to_string(),
        "updatedAt": at.to_string(), "paymentMethod": { "name": "Card", "technicalName": "payment_card" },
    })];
    if let (Act::Refunded, Some(paid)) = (act, transactions.first_mut().and_then(Value::as_object_mut)) {
        paid.insert("stateMachineState".into(), json!({ "technicalName": "refunded_partially" }));
        paid.insert(
            "captures".into(),
            json!([{ "refunds": [{
                "id": id(visit.refund), "amount": { "totalPrice": visit.refunded.amount() },
                "createdAt": at.to_string(), "stateMachineState": { "technicalName": "completed" },
            }] }]),
        );
    }
    json!({
        "id": id(visit.order), "orderNumber": visit.order.to_string(), "amountTotal": visit.total.amount(),
        "currency": { "isoCode": visit.total.currency.code() }, "orderDateTime": visit.placed_at.to_string(),
        "createdAt": visit.placed_at.to_string(), "updatedAt": at.to_string(),
        "stateMachineState": { "technicalName": "open" },
        "orderCustomer": { "email": Visit::EMAIL, "customer": { "guest": true } },
        "billingAddress": { "phoneNumber": visit.phone, "country": { "iso": visit.country } },
        "transactions": transactions, "lineItems": [], "deliveries": [],
        "customFields": { "cartback_token": visit.token, "cartback_recovery": visit.link },
    })
}

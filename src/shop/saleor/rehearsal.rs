//! The self-test's visit as Saleor would tell of it. Only the shop's own key could sign it, so that it comes as if it had
//! been fetched.

use serde_json::{Value, json};

use crate::{
    domain::{
        rehearsal::{Act, Visit},
        time::Time,
    },
    shop::pull::Pulled,
};

pub(super) fn pulled(visit: &Visit, act: Act, at: Time) -> Pulled {
    match act {
        Act::Left => Pulled::plain("CHECKOUT_UPDATED", checkout(visit, at).to_string()),
        Act::Bought => Pulled::plain("ORDER_CREATED", order(visit, act, at).to_string()),
        Act::Refunded => Pulled::plain("ORDER_REFUNDED", order(visit, act, at).to_string()),
    }
}

fn address(visit: &Visit) -> Value {
    json!({ "firstName": Visit::FIRST_NAME, "phone": visit.phone, "country": { "code": visit.country } })
}

fn checkout(visit: &Visit, at: Time) -> Value {
    let gross = json!({ "amount": visit.total.amount(), "currency": visit.total.currency.code() });
    json!({
        "__typename": "CheckoutUpdated",
        "issuedAt": at.to_string(),
        "recovery_url": visit.checkout_url,
        "checkout": {
            "id": visit.token, "created": visit.started_at.to_string(), "updatedAt": at.to_string(),
            "email": Visit::EMAIL, "languageCode": visit.language, "user": null, "billingAddress": address(visit),
            "shippingAddress": null, "totalPrice": { "gross": gross },
            "metadata": [
                { "key": "cartback_sms_consent", "value": "true" },
                { "key": "cartback_sms_consent_text", "value": "Self-test" },
            ],
            "lines": [{
                "quantity": 1, "unitPrice": { "gross": gross }, "variant": { "product": { "name": "Self-test" } },
            }],
        },
    })
}

fn order(visit: &Visit, act: Act, at: Time) -> Value {
    let currency = visit.total.currency.code();
    let refunded = if act == Act::Refunded { visit.refunded.amount() } else { "0".to_owned() };
    let notes: Vec<Value> =
        visit.link.iter().map(|link| json!({ "key": "cartback_recovery", "value": link })).collect();
    json!({
        "__typename": if act == Act::Refunded { "OrderRefunded" } else { "OrderCreated" },
        "issuedAt": at.to_string(),
        "order": {
            "id": visit.order, "number": visit.order, "created": visit.placed_at.to_string(),
            "updatedAt": at.to_string(), "status": "UNFULFILLED", "origin": "CHECKOUT", "checkoutId": visit.token,
            "userEmail": Visit::EMAIL, "user": null, "billingAddress": address(visit), "shippingAddress": null,
            "total": { "gross": { "amount": visit.total.amount(), "currency": currency } },
            "totalRefunded": { "amount": refunded, "currency": currency }, "metadata": notes,
        },
    })
}

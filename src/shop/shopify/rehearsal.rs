//! The self-test's visit as Shopify would tell of it, signed with the shop's own key.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::mac;
use crate::domain::{
    connector::{Delivery, Settings},
    rehearsal::{Act, Visit},
    time::Time,
};

pub(super) fn delivery(settings: &Settings, visit: &Visit, act: Act, at: Time) -> Delivery {
    let (topic, body) = match act {
        Act::Left => ("checkouts/update", checkout(visit, at)),
        Act::Bought => ("orders/create", order(visit, at)),
        Act::Refunded => ("refunds/create", refund(visit, at)),
    };
    let body = body.to_string().into_bytes();
    let key = settings.list("signing_key").next().unwrap_or_default();
    let signature = mac(key, &body).map(|tag| BASE64.encode(&tag)).unwrap_or_default();
    let headers = [
        ("x-shopify-topic", topic.to_owned()),
        ("x-shopify-webhook-id", format!("self-test-{}-{topic}", visit.token)),
        ("x-shopify-triggered-at", at.to_string()),
        ("x-shopify-hmac-sha256", signature),
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
    let (currency, total) = (visit.total.currency.code(), visit.total.amount());
    json!({
        "token": visit.token, "cart_token": format!("cart-{}", visit.token), "email": Visit::EMAIL,
        "buyer_accepts_marketing": false, "buyer_accepts_sms_marketing": true, "sms_marketing_phone": visit.phone,
        "phone": visit.phone, "created_at": visit.started_at.to_string(), "updated_at": at.to_string(),
        "completed_at": null, "source_name": "web", "currency": currency, "presentment_currency": currency,
        "customer_locale": visit.language, "total_price": total, "abandoned_checkout_url": visit.checkout_url,
        "line_items": [{ "title": "Self-test", "quantity": 1, "price": total }],
        "shipping_address": {
            "first_name": Visit::FIRST_NAME, "country_code": visit.country, "phone": visit.phone,
        },
        "customer": { "id": visit.order, "email": Visit::EMAIL, "first_name": Visit::FIRST_NAME },
    })
}

fn order(visit: &Visit, at: Time) -> Value {
    let (currency, total) = (visit.total.currency.code(), visit.total.amount());
    let landing = visit.link.as_ref().map_or_else(|| "/".to_owned(), |link| format!("/?cartback={link}"));
    let money = json!({ "amount": total, "currency_code": currency });
    json!({
        "id": visit.order, "name": format!("#{}", visit.order), "checkout_token": visit.token,
        "cart_token": format!("cart-{}", visit.token), "email": Visit::EMAIL, "phone": visit.phone,
        "created_at": visit.placed_at.to_string(), "processed_at": visit.placed_at.to_string(),
        "updated_at": at.to_string(), "cancelled_at": null, "source_name": "web", "test": false,
        "landing_site": landing, "financial_status": "paid", "currency": currency, "presentment_currency": currency,
        "total_price": total, "total_price_set": { "shop_money": money, "presentment_money": money },
        "customer": { "id": visit.order, "email": Visit::EMAIL }, "refunds": [], "line_items": [],
    })
}

fn refund(visit: &Visit, at: Time) -> Value {
    let (currency, back) = (visit.refunded.currency.code(), visit.refunded.amount());
    json!({
        "id": visit.refund, "order_id": visit.order, "created_at": at.to_string(), "processed_at": at.to_string(),
        "transactions": [{
            "id": visit.refund, "kind": "refund", "status": "success", "amount": back, "currency": currency,
        }],
    })
}

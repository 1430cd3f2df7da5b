//! The self-test's visit as WooCommerce and our plugin would tell of it: the checkout by the plugin, orders and refunds by
//! WooCommerce itself, each signed with its own secret.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::generic;
use crate::domain::{
    connector::{Delivery, Settings},
    rehearsal::{Act, Visit},
    time::Time,
};

pub(super) fn delivery(settings: &Settings, visit: &Visit, act: Act, at: Time) -> Delivery {
    let topic = match act {
        Act::Left => {
            let secret = settings.list("plugin_secret").next().unwrap_or_default();
            return generic::rehearsal::signed(secret, visit, act, at);
        }
        Act::Bought => "order.created",
        Act::Refunded => "order.updated",
    };
    let body = order(visit, act, at).to_string().into_bytes();
    let signature = Hmac::<Sha256>::new_from_slice(settings.get("webhook_secret").as_bytes())
        .map(|mac| BASE64.encode(&mac.chain_update(&body).finalize().into_bytes()))
        .unwrap_or_default();
    let headers = [
        ("x-wc-webhook-topic", topic.to_owned()),
        ("x-wc-webhook-delivery-id", "self-test".to_owned()),
        ("x-wc-webhook-signature", signature),
    ];
    Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body,
        received_at: at,
    }
}

fn order(visit: &Visit, act: Act, at: Time) -> Value {
    // WooCommerce writes moments of UTC without saying so.
    let gmt = |at: Time| at.to_string().trim_end_matches('Z').to_owned();
    let refunds = match act {
        Act::Refunded => json!([{ "id": visit.refund, "total": format!("-{}", visit.refunded.amount()) }]),
        Act::Left | Act::Bought => json!([]),
    };
    let mut notes = vec![json!({ "key": "_cartback_token", "value": visit.token })];
    notes.extend(visit.link.iter().map(|link| json!({ "key": "_cartback_recovery", "value": link })));
    json!({
        "id": visit.order, "number": visit.order.to_string(), "status": "processing", "created_via": "checkout",
        "currency": visit.total.currency.code(), "total": visit.total.amount(), "payment_method": "stripe",
        "date_created_gmt": gmt(visit.placed_at), "date_paid_gmt": gmt(visit.placed_at), "date_modified_gmt": gmt(at),
        "billing": {
            "first_name": Visit::FIRST_NAME, "country": visit.country, "email": Visit::EMAIL, "phone": visit.phone,
        },
        "meta_data": notes, "refunds": refunds, "coupon_lines": [], "line_items": [],
    })
}

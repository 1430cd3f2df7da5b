//! The self-test's visit as BigCommerce would tell of it: the webhook that points at the cart or the order, with both
//! proofs, and what is then fetched.

use serde_json::{Value, json};

use super::{CHECKOUT, ORDER, SECRET_HEADER, client_keys, coupon::mail_moment, standard_webhooks};
use crate::{
    domain::{
        connector::{Delivery, Settings},
        rehearsal::{Act, Visit},
        time::Time,
    },
    shop::{Rehearsed, pull::Pulled},
};

pub(super) fn rehearse(settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
    let (scope, data, whole) = match act {
        Act::Left => {
            let data = json!({ "type": "cart", "id": visit.token });
            ("store/cart/updated", data, Pulled::plain(CHECKOUT, checkout(visit, at).to_string()))
        }
        Act::Bought => {
            let data = json!({ "type": "order", "id": visit.order });
            ("store/order/created", data, Pulled::plain(ORDER, order(visit, act, at).to_string()))
        }
        Act::Refunded => {
            let data = json!({ "type": "order", "id": visit.order, "refund": { "refund_id": visit.refund } });
            ("store/order/refund/created", data, Pulled::plain(ORDER, order(visit, act, at).to_string()))
        }
    };
    Rehearsed::Fetched { pointer: Some(pointer(settings, scope, &data, visit, at)), whole }
}

fn pointer(settings: &Settings, scope: &str, data: &Value, visit: &Visit, at: Time) -> Delivery {
    let body = json!({
        "scope": scope, "store_id": "0", "data": data, "hash": "self-test", "created_at": at.seconds(),
        "producer": format!("stores/{}", settings.get("store_hash")),
    });
    let body = body.to_string().into_bytes();
    let id = format!("self-test-{}-{scope}", visit.token);
    let mut headers = vec![
        (SECRET_HEADER.to_owned(), settings.list("hook_secret").next().unwrap_or_default().to_owned()),
        ("webhook-id".to_owned(), id.clone()),
        ("webhook-timestamp".to_owned(), at.seconds().to_string()),
    ];
    let signature = client_keys(settings).next().map(|key| standard_webhooks::sign(&key, &id, at.seconds(), &body));
    headers.extend(signature.map(|signature| ("webhook-signature".to_owned(), signature)));
    Delivery { method: "POST".into(), url: String::new(), headers, body, received_at: at }
}

fn checkout(visit: &Visit, at: Time) -> Value {
    let total = visit.total.amount();
    json!({
        "checkout": {
            "id": visit.token,
            "cart": {
                "id": visit.token, "customer_id": 0, "email": Visit::EMAIL, "locale": visit.language,
                "currency": { "code": visit.total.currency.code() },
                "line_items": { "physical_items": [{ "name": "Self-test", "quantity": 1, "sale_price": total }] },
                "created_time": visit.started_at.to_string(), "updated_time": at.to_string(),
            },
            "billing_address": {
                "first_name": Visit::FIRST_NAME, "email": Visit::EMAIL, "phone": visit.phone,
                "country_code": visit.country,
            },
            "consignments": [], "grand_total": total, "updated_time": at.to_string(),
        },
        "recovery_url": visit.checkout_url,
        "consent": { "state": "granted", "text": "Self-test" },
    })
}

fn order(visit: &Visit, act: Act, at: Time) -> Value {
    let refunded = if act == Act::Refunded { visit.refunded.amount() } else { "0.0000".to_owned() };
    json!({
        "id": visit.order, "status_id": if act == Act::Refunded { 14 } else { 11 }, "customer_id": 0,
        "cart_id": visit.token, "order_source": "www", "currency_code": visit.total.currency.code(),
        "total_inc_tax": visit.total.amount(), "refunded_amount": refunded, "payment_method": "Credit Card",
        "date_created": mail_moment(visit.placed_at), "date_modified": mail_moment(at),
        "billing_address": {
            "first_name": Visit::FIRST_NAME, "country_iso2": visit.country, "email": Visit::EMAIL,
            "phone": visit.phone,
        },
    })
}

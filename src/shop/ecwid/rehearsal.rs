//! The self-test's visit as Ecwid would tell of it: a signed webhook that only points, and what is then fetched.

use data_encoding::BASE64;
use hmac::Mac;
use serde_json::{Value, json};

use super::{CART, ORDER, SIGNATURE, mac};
use crate::{
    domain::{
        connector::{Delivery, Settings},
        rehearsal::{Act, Visit},
        time::Time,
    },
    shop::{Rehearsed, pull::Pulled},
};

pub(super) fn told(settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
    let (kind, whole) = match act {
        Act::Left => ("unfinished_order.updated", Pulled::plain(CART, cart(visit, at).to_string())),
        Act::Bought => ("order.created", Pulled::plain(ORDER, order(visit, act, at).to_string())),
        Act::Refunded => ("order.updated", Pulled::plain(ORDER, order(visit, act, at).to_string())),
    };
    Rehearsed::Fetched { pointer: Some(pointer(settings, visit, kind, at)), whole }
}

fn pointer(settings: &Settings, visit: &Visit, kind: &str, at: Time) -> Delivery {
    let (created, event) = (at.seconds().to_string(), format!("self-test-{}-{kind}", visit.order));
    let key = settings.list("client_secret").next().unwrap_or_default();
    let tag = mac(key, &created, &event).map(|mac| BASE64.encode(&mac.finalize().into_bytes()));
    let store: Value = settings.get("store_id").parse::<u64>().map_or(Value::Null, Value::from);
    let body = json!({
        "eventId": event, "eventCreated": at.seconds(), "storeId": store, "entityId": visit.order, "eventType": kind,
        "data": { "orderId": visit.order.to_string(), "cartId": visit.token },
    });
    Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: vec![(SIGNATURE.to_owned(), tag.unwrap_or_default())],
        body: body.to_string().into_bytes(),
        received_at: at,
    }
}

fn person(visit: &Visit) -> Value {
    json!({ "firstName": Visit::FIRST_NAME, "countryCode": visit.country, "phone": visit.phone })
}

fn cart(visit: &Visit, at: Time) -> Value {
    let cart = json!({
        "cartId": visit.token, "email": Visit::EMAIL, "total": visit.total.amount(), "lang": visit.language,
        "createTimestamp": visit.started_at.seconds(), "updateTimestamp": at.seconds(), "billingPerson": person(visit),
        "items": [{ "name": "Self-test", "quantity": 1, "price": visit.total.amount() }],
        "currency": visit.total.currency.code(),
    });
    json!({ "cart": cart, "restore": visit.checkout_url, "rehearsed_consent": "self-test" })
}

fn order(visit: &Visit, act: Act, at: Time) -> Value {
    let refunded = match act {
        Act::Refunded => visit.refunded.amount(),
        Act::Left | Act::Bought => "0".to_owned(),
    };
    let page = visit.link.as_ref().map(|link| format!("https://shop.example/store?cartback={link}"));
    json!({
        "id": visit.order.to_string(), "vendorOrderNumber": visit.order.to_string(), "cartId": visit.token,
        "email": Visit::EMAIL, "paymentStatus": "PAID", "total": visit.total.amount(), "refundedAmount": refunded,
        "currency": visit.total.currency.code(), "refererUrl": page, "billingPerson": person(visit),
        "createTimestamp": visit.placed_at.seconds(), "updateTimestamp": at.seconds(), "items": [],
    })
}

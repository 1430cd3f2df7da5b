//! The self-test's visit as a mapped sender would tell of it: each thing is written where the mapping looks for it
//! first.

use serde_json::{Value, json};

use super::{
    mapping::{Mapping, each},
    path::{Path, Step},
    proof::Proof,
};
use crate::domain::{
    connector::{Delivery, Settings},
    money::Money,
    rehearsal::{Act, Visit},
    time::Time,
};

pub(in crate::shop) fn delivery(
    mapping: &Mapping,
    proof: Proof,
    settings: &Settings,
    visit: &Visit,
    act: Act,
    at: Time,
) -> Delivery {
    let body = body(mapping, visit, act, at).to_string().into_bytes();
    let id = format!("self-test-{}-{act:?}", visit.token);
    Delivery {
        method: "POST".into(),
        url: String::new(),
        headers: proof.sign(settings, &id, &body, at),
        body,
        received_at: at,
    }
}

fn body(mapping: &Mapping, visit: &Visit, act: Act, at: Time) -> Value {
    let mut body = json!({});
    let mut put = |path: &str, value: Value| {
        if let Ok(path) = Path::parse(path)
            && let Some(way) = path.ways().next()
        {
            set(&mut body, way.steps(), value);
        }
    };
    let first = |words: &str| each(words).next().map_or(Value::Null, |word| json!(word));
    let money = |amount: Money| if mapping.minor { json!(amount.minor) } else { json!(amount.amount()) };
    put(mapping.currency, json!(visit.total.currency.code()));
    put(mapping.updated_at, json!(at.to_string()));
    let by_itself = act == Act::Refunded && !mapping.kind_refund.is_empty();
    if by_itself {
        put(mapping.kind, first(mapping.kind_refund));
        put(mapping.order_id, json!(visit.order.to_string()));
        put(mapping.refund_id, json!(visit.refund.to_string()));
        put(mapping.refund_amount, money(visit.refunded));
        put(mapping.refund_status, first(mapping.refund_done));
        return body;
    }
    put(mapping.phone, json!(visit.phone));
    put(mapping.country, json!(visit.country));
    put(mapping.email, json!(Visit::EMAIL));
    if act == Act::Left {
        put(mapping.kind, first(mapping.kind_cart));
        put(mapping.cart_id, json!(visit.token));
        put(mapping.first_name, json!(Visit::FIRST_NAME));
        put(mapping.total, money(visit.total));
        put(mapping.item_title, json!("Self-test"));
        put(mapping.item_quantity, json!(1));
        put(mapping.item_price, money(visit.total));
        put(mapping.recovery_url, json!(visit.checkout_url));
        put(mapping.consent, first(mapping.consent_granted));
        return body;
    }
    put(mapping.kind, first(mapping.kind_order));
    put(mapping.order_id, json!(visit.order.to_string()));
    put(mapping.order_number, json!(format!("#{}", visit.order)));
    put(if mapping.order_cart.is_empty() { mapping.cart_id } else { mapping.order_cart }, json!(visit.token));
    put(mapping.order_total, money(visit.total));
    put(mapping.placed_at, json!(visit.placed_at.to_string()));
    put(mapping.order_status, each(mapping.status_paid).next().map_or(json!("paid"), |word| json!(word)));
    put(mapping.recovery_token, json!(visit.link));
    if act == Act::Refunded {
        put(mapping.refund_amount, money(visit.refunded));
    }
    body
}

/// Writes it there, unless something stands there already.
fn set(here: &mut Value, steps: &[Step], value: Value) {
    /// A list is not filled up further than this.
    const PLACE_MOST: usize = 50;
    let Some((step, rest)) = steps.split_first() else {
        if here.is_null() {
            *here = value;
        }
        return;
    };
    if here.is_null() {
        *here = if matches!(step, Step::Key(_)) { json!({}) } else { json!([]) };
    }
    match (step, here) {
        (Step::Key(key), Value::Object(object)) => {
            set(object.entry(key.clone()).or_insert(Value::Null), rest, value);
        }
        (Step::Each | Step::Place(_), Value::Array(list)) => {
            let place = if let Step::Place(place) = step { *place } else { 0 };
            if list.len() <= place && place <= PLACE_MOST {
                list.resize(place + 1, Value::Null);
            }
            if let Some(entry) = list.get_mut(place) {
                set(entry, rest, value);
            }
        }
        _ => {}
    }
}

//! Orders through Squarespace's Commerce API: decides what is asked, and what each answer holds.
//!
//! The API narrows by the moment of the last change only, between two moments, and leaves out orders whose payment is
//! under way unless it is asked for them. A cursor stands alone: it remembers what it was asked with.

use std::time::Duration;

use serde_json::Value;

use super::{ORDER, json};
use crate::{
    domain::{
        connector::{Delivery, Settings},
        time::Time,
    },
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled, Wanted, retry_after},
};

const ORDERS: &str = "https://api.squarespace.com/1.0/commerce/orders";
/// The API wants both ends of a span, and we want it open.
const NO_END: &str = "2099-12-31T23:59:59.000Z";
/// All but a payment that failed.
const PAYMENT_STATES: &str = "NOT_CHARGED,AUTHORIZED,PAID,REFUNDED,PENDING,REFUND_PENDING,REFUND_FAILED,PARTIALLY_PAID";
/// Squarespace allows 300 calls a minute.
const GENTLY: Duration = Duration::from_secs(1);
const ID_CHARS_MAX: usize = 64;

/// 24 hexadecimal digits; anything else of letters and digits is one too.
fn is_id(id: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn ask_whole(settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
    if !matches!(topic, "order.create" | "order.update") {
        return Ok(None);
    }
    let body = json::object(delivery).unwrap_or_default();
    let Some(id) = json::id(&body, "data.orderId").filter(|id| is_id(id)) else { return Ok(None) };
    let request = get(settings, &format!("{ORDERS}/{id}")).ok_or("api_key: is needed to fetch orders")?;
    Ok(Some(request))
}

pub(super) fn ask_orders(
    settings: &Settings,
    wanted: &Wanted,
    cursor: Option<&str>,
) -> Result<Option<Request>, String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    match (wanted, cursor) {
        (Wanted::One { external_id }, _) => {
            if !is_id(external_id) {
                return Err("the order's id is none of Squarespace's".into());
            }
            return Ok(get(settings, &format!("{ORDERS}/{external_id}")));
        }
        (_, Some(cursor)) => {
            query.append_pair("cursor", cursor);
        }
        // An order changed last when it was placed, or later.
        (Wanted::Placed { from: since, .. } | Wanted::Changed { since }, None) => {
            query.append_pair("modifiedAfter", &moment(*since)).append_pair("modifiedBefore", NO_END);
            query.append_pair("paymentStates", PAYMENT_STATES);
        }
    }
    Ok(get(settings, &format!("{ORDERS}?{}", query.finish())))
}

fn moment(at: Time) -> String {
    at.to_string()
}

/// Squarespace turns calls away that do not say who calls.
fn get(settings: &Settings, url: &str) -> Option<Request> {
    let key = settings.given("api_key")?;
    let request = Request::get(url).header("authorization", format!("Bearer {key}")).header("user-agent", "Cartback");
    Some(Request { room: ANSWER_BYTES_MAX, ..request })
}

/// A list of orders, or the one that was asked for by its id.
pub(super) fn page(answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    match answer.status {
        200..300 => {}
        404 => return Ok(Page::default()),
        401 => return Err(NotPulled::Refused("Squarespace does not accept the API key: was it deleted there?".into())),
        403 => {
            return Err(NotPulled::Refused(
                "Squarespace does not let this API key read orders: it needs the permission Orders, and the site a plan \
                 with the Commerce APIs"
                    .into(),
            ));
        }
        // Of a cursor that grew old.
        400 if cursor.is_some() => return Err(NotPulled::Lost),
        429 | 503 => {
            return Err(NotPulled::Later { why: "Squarespace wants fewer calls".into(), wait: retry_after(answer) });
        }
        status => return Err(NotPulled::later(format!("Squarespace answered {status}"))),
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(NotPulled::later("Squarespace's answer is not JSON, or breaks off"));
    };
    let orders = match (json::at(&body, "result").as_array(), json::id(&body, "id")) {
        (Some(orders), _) => orders.as_slice(),
        (None, Some(_)) => std::slice::from_ref(&body),
        (None, None) => return Err(NotPulled::later("Squarespace's answer holds no orders")),
    };
    let more = json::flag(&body, "pagination.hasNextPage") != Some(false);
    Ok(Page {
        orders: orders.iter().map(pulled).collect(),
        next: json::whole(&body, "pagination.nextPageCursor", json::URL_CHARS_MAX).filter(|_| more),
        wait: GENTLY,
        total: None,
    })
}

fn pulled(order: &Value) -> Pulled {
    Pulled {
        topic: ORDER,
        body: order.to_string().into_bytes(),
        begun_at: json::time(order, "createdOn"),
        tax: json::text(order, "taxTotal.value"),
        shipping: json::text(order, "shippingTotal.value"),
    }
}

//! Tokens, carts and orders through Wix's REST API: decides what is asked, and what each answer holds.
//!
//! A token is had by the app's id and secret for one site, and lasts four hours. Orders are searched with a cursor, which
//! stands alone once it is given; checkouts are counted from the oldest change on.

use std::time::Duration;

use serde_json::{Value, json};

use super::{CHECKOUT, ORDER, json};
use crate::{
    domain::{connector::Settings, time::Time},
    http::{Request, Response},
    shop::{
        TOKEN, Token,
        pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled, Wanted, retry_after},
    },
};

const API: &str = "https://www.wixapis.com";
/// Wix gives a hundred at most.
const PAGE: usize = 50;
/// Wix allows 200 calls a minute.
const GENTLY: Duration = Duration::from_secs(1);
/// Asked for anew before it ends.
const MARGIN: Duration = Duration::from_secs(300);
/// Where Wix does not say how long a token lasts.
const LASTS_LEAST: Duration = Duration::from_secs(600);
const LASTS_MOST: Duration = Duration::from_secs(24 * 60 * 60);
const TOKEN_CHARS_MAX: usize = 8_192;

pub(super) fn ask_token(settings: &Settings) -> Option<Request> {
    let ask = json!({
        "grant_type": "client_credentials",
        "client_id": settings.given("app_id")?,
        "client_secret": settings.given("app_secret")?,
        "instance_id": settings.given("instance_id")?,
    });
    Some(Request::json(format!("{API}/oauth2/token"), &ask))
}

pub(super) fn token(answer: &Response) -> Result<Token, NotPulled> {
    if matches!(answer.status, 400 | 401 | 403 | 404) {
        return Err(NotPulled::Refused(
            "Wix gives no token for this app ID, app secret key and instance ID: is the app still installed on the site?"
                .into(),
        ));
    }
    let body = body(answer)?.unwrap_or_default();
    let value = json::whole(&body, "access_token", TOKEN_CHARS_MAX)
        .filter(|value| value.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| NotPulled::later("Wix's answer holds no token"))?;
    let told = json::id(&body, "expires_in").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let lasts = told.map_or(LASTS_LEAST, |told| told.saturating_sub(MARGIN).min(LASTS_MOST));
    Ok(Token { value, lasts })
}

pub(super) fn ask_orders(
    settings: &Settings,
    wanted: &Wanted,
    cursor: Option<&str>,
) -> Result<Option<Request>, String> {
    if !has_keys(settings)? {
        return Ok(None);
    }
    let search = |filter: Value, field: &str| match cursor {
        Some(cursor) => json!({ "cursorPaging": { "limit": PAGE, "cursor": cursor } }),
        None => json!({
            "filter": filter,
            "sort": [{ "fieldName": field, "order": "ASC" }],
            "cursorPaging": { "limit": PAGE },
        }),
    };
    let search = match wanted {
        Wanted::Placed { from, to } => {
            // Two conditions on one field must stand apart.
            let span = json!([
                { "createdDate": { "$gte": from.to_string() } },
                { "createdDate": { "$lt": to.to_string() } },
            ]);
            search(json!({ "$and": span }), "createdDate")
        }
        Wanted::Changed { since } => search(json!({ "updatedDate": { "$gte": since.to_string() } }), "updatedDate"),
        Wanted::One { external_id } => {
            if !super::is_guid(external_id) {
                return Err("the order's id is none of Wix's".into());
            }
            let request = Request::get(format!("{API}/ecom/v1/orders/{external_id}"));
            return Ok(Some(authorize(settings, request)));
        }
    };
    let request = Request::json(format!("{API}/ecom/v1/orders/search"), &json!({ "search": search }));
    Ok(Some(authorize(settings, request)))
}

pub(super) fn ask_carts(settings: &Settings, since: Time, cursor: Option<&str>) -> Result<Option<Request>, String> {
    if !has_keys(settings)? {
        return Ok(None);
    }
    let query = json!({
        "filter": { "updatedDate": { "$gte": since.to_string() } },
        "sort": [{ "fieldName": "updatedDate", "order": "ASC" }],
        "paging": { "limit": PAGE, "offset": offset(cursor) },
    });
    let request = Request::json(format!("{API}/ecom/v1/abandoned-checkout/query"), &json!({ "query": query }));
    Ok(Some(authorize(settings, request)))
}

fn has_keys(settings: &Settings) -> Result<bool, String> {
    match (settings.given("app_id"), settings.given("app_secret")) {
        (Some(_), Some(_)) => Ok(true),
        (None, None) => Ok(false),
        _ => Err("app_id, app_secret: both are needed to fetch carts and orders".into()),
    }
}

fn authorize(settings: &Settings, request: Request) -> Request {
    let request = Request { room: ANSWER_BYTES_MAX, ..request };
    match settings.given(TOKEN) {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
}

fn offset(cursor: Option<&str>) -> u64 {
    cursor.and_then(|cursor| cursor.parse::<u32>().ok()).unwrap_or(0).into()
}

/// A page of a search, or the one that was asked for by its id.
pub(super) fn orders(answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    // A cursor that grew old.
    if answer.status == 400 && cursor.is_some() {
        return Err(NotPulled::Lost);
    }
    let Some(body) = body(answer)? else { return Ok(Page::default()) };
    let orders = match (json::at(&body, "orders").as_array(), json::at(&body, "order")) {
        (Some(orders), _) => orders.as_slice(),
        (None, order) if order.is_object() => std::slice::from_ref(order),
        _ => return Err(NotPulled::later("Wix's answer holds no orders")),
    };
    let cursors = ["metadata.cursors.next", "pagingMetadata.cursors.next"];
    let next = cursors.iter().find_map(|path| json::whole(&body, path, json::URL_CHARS_MAX));
    let ended =
        ["metadata.hasNext", "pagingMetadata.hasNext"].iter().any(|path| json::flag(&body, path) == Some(false));
    Ok(Page {
        orders: orders.iter().map(order).collect(),
        next: next.filter(|_| !ended && !orders.is_empty()),
        wait: GENTLY,
        total: None,
    })
}

fn order(order: &Value) -> Pulled {
    Pulled {
        topic: ORDER,
        body: order.to_string().into_bytes(),
        begun_at: json::time(order, "createdDate"),
        tax: json::text(order, "priceSummary.tax.amount"),
        shipping: json::text(order, "priceSummary.shipping.amount"),
    }
}

pub(super) fn carts(answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    let body = body(answer)?.ok_or_else(|| NotPulled::later("Wix answered 404"))?;
    let lists = ["abandonedCheckouts", "results"];
    let Some(carts) = lists.iter().find_map(|key| json::at(&body, key).as_array()) else {
        return Err(NotPulled::later("Wix's answer holds no checkouts"));
    };
    let total = json::id(&body, "metadata.total").and_then(|text| text.parse::<u64>().ok());
    let after = offset(cursor) + carts.len() as u64;
    let more = total.map_or(carts.len() >= PAGE, |total| after < total);
    Ok(Page {
        orders: carts.iter().map(|cart| Pulled::plain(CHECKOUT, cart.to_string())).collect(),
        next: (more && !carts.is_empty()).then(|| after.to_string()),
        wait: GENTLY,
        total,
    })
}

/// The answer as an object; None where there is nothing.
fn body(answer: &Response) -> Result<Option<Value>, NotPulled> {
    match answer.status {
        200..300 => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) if body.is_object() => Ok(Some(body)),
            _ => Err(NotPulled::later("Wix's answer is not JSON, or breaks off")),
        },
        404 => Ok(None),
        401 | 403 => Err(NotPulled::Refused(
            "Wix does not let the app read orders on this site: it needs the permission Read Orders, and the site has to \
             allow it once more after it was added"
                .into(),
        )),
        428 => Err(NotPulled::Refused("the site has no Wix store".into())),
        429 | 503 => Err(NotPulled::Later { why: "Wix wants fewer calls".into(), wait: retry_after(answer) }),
        status => Err(NotPulled::later(format!("Wix answered {status}"))),
    }
}

//! Orders through the GraphQL API: decides what is asked, and what each answer holds. A node is wrapped as the webhook
//! `ORDER_UPDATED` has it, which asks for the same.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Request, Response, Settings, api_url, json, manifest};
use crate::{
    domain::time::Time,
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled, Wanted, retry_after},
};

const PAGE: u32 = 50;
/// The API also serves shoppers, and tells of no limit.
const GENTLY: Duration = Duration::from_millis(500);

const LIST: &str = "query($first: Int!, $after: String, $filter: OrderFilterInput, $sort: OrderSorter) { \
    orders(first: $first, after: $after, filter: $filter, sortBy: $sort) { totalCount edges { node { ...OrderParts } } \
    pageInfo { hasNextPage endCursor } } }";
const ONE: &str = "query($id: ID!) { order(id: $id) { ...OrderParts } }";

/// A global ID is base64 of a type and a number.
pub(super) fn is_id(external_id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    (1..=128).contains(&external_id.len()) && external_id.bytes().all(plain)
}

pub(super) fn ask(settings: &Settings, wanted: &Wanted, cursor: Option<&str>) -> Result<Option<Request>, String> {
    let Some(token) = settings.given("auth_token") else { return Ok(None) };
    if api_url(settings).is_none() {
        return Err("api_url: must be set for orders to be fetched".into());
    }
    let (question, variables) = match wanted {
        Wanted::One { external_id } => {
            if !is_id(external_id) {
                return Err("the order's id is none of Saleor's".into());
            }
            (ONE, json!({ "id": external_id }))
        }
        Wanted::Placed { from, to } => {
            let filter = json!({ "created": { "gte": day(*from), "lte": day(*to) } });
            (LIST, listed(cursor, &filter, "CREATED_AT"))
        }
        Wanted::Changed { since } => {
            let filter = json!({ "updatedAt": { "gte": format!("{:.0}", since.to_timestamp()) } });
            (LIST, listed(cursor, &filter, "LAST_MODIFIED_AT"))
        }
    };
    let query = format!("{question} {} {}", manifest::ORDER, manifest::ADDRESS);
    // As it was typed: Saleor answers a missing slash at the end with a redirect.
    let request = Request::json(settings.get("api_url"), &json!({ "query": query, "variables": variables }))
        .header("authorization", format!("Bearer {token}"));
    Ok(Some(Request { room: ANSWER_BYTES_MAX, ..request }))
}

fn listed(cursor: Option<&str>, filter: &Value, by: &str) -> Value {
    json!({ "first": PAGE, "after": cursor, "filter": filter, "sort": { "field": by, "direction": "ASC" } })
}

/// The filter knows days only.
fn day(at: Time) -> String {
    at.to_string().chars().take(10).collect()
}

pub(super) fn told(answer: &Response) -> Result<Page, NotPulled> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match answer.status {
        401 | 403 => return Err(NotPulled::Refused(REFUSED.into())),
        404 => return Err(NotPulled::Refused("Saleor has no API at this address: is the API URL right?".into())),
        300..=308 => {
            return Err(NotPulled::Refused(
                "Saleor sends us elsewhere: the API URL has to end as Saleor shows it".into(),
            ));
        }
        429 | 503 => {
            return Err(NotPulled::Later { why: "Saleor wants fewer calls".into(), wait: retry_after(answer) });
        }
        // GraphQL's own errors may come as a 400.
        200..300 | 400 => {}
        status => return Err(NotPulled::later(format!("Saleor answered {status}"))),
    }
    let Some(body) = body else { return Err(NotPulled::later("Saleor's answer breaks off, or is not its API's")) };
    if let Some(error) = json::list(&body, "errors").first() {
        return Err(refused(error));
    }
    let data = json::at(&body, "data");
    if let Some(orders) = Some(json::at(data, "orders")).filter(|orders| orders.is_object()) {
        let more = json::flag(orders, "pageInfo.hasNextPage") == Some(true);
        let nodes = json::list(orders, "edges").iter().map(|edge| json::at(edge, "node"));
        return Ok(Page {
            orders: nodes.filter(|node| node.is_object()).map(pulled).collect(),
            next: json::text(orders, "pageInfo.endCursor").filter(|_| more),
            wait: GENTLY,
            total: json::text(orders, "totalCount").and_then(|count| count.parse().ok()),
        });
    }
    match data.as_object().and_then(|data| data.get("order")) {
        // There is none of this id.
        Some(Value::Null) => Ok(Page { wait: GENTLY, ..Page::default() }),
        Some(order) if order.is_object() => Ok(Page { orders: vec![pulled(order)], wait: GENTLY, ..Page::default() }),
        _ => Err(NotPulled::later("Saleor's answer holds no orders")),
    }
}

const REFUSED: &str = "Saleor does not accept the app token: is the app still installed and active, with the permission \
                       Manage orders?";

fn refused(error: &Value) -> NotPulled {
    let words = json::text(error, "message").unwrap_or_default();
    let small = words.to_ascii_lowercase();
    match json::text(error, "extensions.exception.code").as_deref() {
        Some("PermissionDenied" | "InvalidTokenError" | "InvalidSignatureError" | "ExpiredSignatureError") => {
            NotPulled::Refused(REFUSED.into())
        }
        _ if small.contains("cursor") => NotPulled::Lost,
        Some("GraphQLError" | "QueryCostError") => NotPulled::Refused(format!("Saleor: {words}")),
        _ if small.contains("cannot query field") => NotPulled::Refused(format!("Saleor: {words}")),
        _ => NotPulled::later("Saleor could not do it just now"),
    }
}

fn pulled(order: &Value) -> Pulled {
    let body = json!({ "__typename": "OrderUpdated", "order": order });
    Pulled {
        begun_at: json::time(order, "created"),
        tax: json::text(order, "total.tax.amount"),
        shipping: json::text(order, "shippingPrice.net.amount"),
        ..Pulled::plain("ORDER_UPDATED", body.to_string())
    }
}

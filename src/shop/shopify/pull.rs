//! Orders through the Admin API: decides what is asked, and what each answer holds. A node of GraphQL is written as the
//! body that `orders/updated` has, so that `order` reads both.
//!
//! Calls cost points (Shopify docs, "API rate limits"): every answer tells what the call cost, what is left and how fast
//! it comes back; the next call waits until there is enough. Older orders than 60 days are seen only with the scope
//! read_all_orders.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    json,
    subscribe::{Api, refusal},
};
use crate::{
    domain::{connector::Settings, time::Time},
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled, WAIT_MOST, Wanted, is_id},
};

const PAGE: u32 = 50;

const QUERY: &str = "query($first: Int!, $after: String, $query: String!, $sort: OrderSortKeys!) {\n  \
    orders(first: $first, after: $after, query: $query, sortKey: $sort) {\n    nodes {\n      \
    legacyResourceId name createdAt processedAt updatedAt cancelledAt test sourceName email phone\n      \
    paymentGatewayNames checkoutToken cartToken discountCodes customAttributes { key value }\n      \
    totalPriceSet { shopMoney { amount currencyCode } }\n      totalTaxSet { shopMoney { amount } }\n      \
    totalShippingPriceSet { shopMoney { amount } }\n      \
    customer { legacyResourceId defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber } }\n      \
    shippingAddress { phone countryCodeV2 }\n      billingAddress { phone countryCodeV2 }\n      \
    customerJourneySummary { lastVisit { landingPage } firstVisit { landingPage } }\n      \
    refunds { legacyResourceId createdAt totalRefundedSet { shopMoney { amount currencyCode } } }\n    }\n    \
    pageInfo { hasNextPage endCursor }\n  }\n}";

/// To the second, in UTC.
pub(super) fn moment(at: Time) -> String {
    format!("{:.0}", at.to_timestamp())
}

pub(super) fn ask(settings: &Settings, wanted: &Wanted, cursor: Option<&str>) -> Result<Option<Request>, String> {
    let Some(api) = Api::of(settings)? else { return Ok(None) };
    let (query, sort) = match wanted {
        Wanted::Placed { from, to } => {
            let span = format!("processed_at:>='{}' AND processed_at:<'{}'", moment(*from), moment(*to));
            (format!("status:any AND {span}"), "PROCESSED_AT")
        }
        Wanted::Changed { since } => (format!("status:any AND updated_at:>='{}'", moment(*since)), "UPDATED_AT"),
        Wanted::One { external_id } => {
            if !is_id(external_id) {
                return Err("the order's id is none of Shopify's".into());
            }
            (format!("id:{external_id}"), "ID")
        }
    };
    let variables = json!({ "first": PAGE, "after": cursor, "query": query, "sort": sort });
    Ok(Some(Request { room: ANSWER_BYTES_MAX, ..api.call(QUERY, &variables) }))
}

pub(super) fn told(answer: &Response) -> Result<Page, NotPulled> {
    let (body, wait) = answered(
        answer,
        "the token may not read orders: the app needs the scope read_orders, and for those older than 60 days \
         read_all_orders",
    )?;
    let orders = json::at(&body, "data.orders");
    if !orders.is_object() {
        return Err(NotPulled::later("Shopify's answer holds no orders"));
    }
    let more = json::flag(orders, "pageInfo.hasNextPage") == Some(true);
    Ok(Page {
        orders: json::list(orders, "nodes").iter().map(pulled).collect(),
        next: json::text(orders, "pageInfo.endCursor").filter(|_| more),
        wait,
        total: None,
    })
}

/// What a call for a page was answered, and how long to wait before the next one. `denied`: what the token lacks, in words
/// for the shopkeeper.
pub(super) fn answered(answer: &Response, denied: &str) -> Result<(Value, Duration), NotPulled> {
    match answer.status {
        200..300 => {}
        429 => {
            return Err(NotPulled::Later {
                why: "Shopify wants fewer calls".into(),
                wait: crate::shop::pull::retry_after(answer),
            });
        }
        status => {
            let later = || NotPulled::later(format!("Shopify answered {status}"));
            return Err(refusal(status).map_or_else(later, |why| NotPulled::Refused(why.into())));
        }
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(NotPulled::later("Shopify's answer breaks off"));
    };
    let wait = wait(&body);
    if let Some(error) = json::list(&body, "errors").first() {
        let words = json::text(error, "message").unwrap_or_default();
        return Err(match json::text(error, "extensions.code").as_deref() {
            Some("THROTTLED") => NotPulled::Later {
                why: "Shopify wants fewer calls at a time".into(),
                wait: wait.max(Duration::from_secs(1)),
            },
            Some("ACCESS_DENIED") => NotPulled::Refused(denied.into()),
            _ if words.to_ascii_lowercase().contains("cursor") => NotPulled::Lost,
            Some("GRAPHQL_VALIDATION_FAILED" | "undefinedField" | "argumentNotAccepted" | "INVALID_VARIABLE") => {
                NotPulled::Refused(format!("Shopify: {words}"))
            }
            _ => NotPulled::later("Shopify could not do it just now"),
        });
    }
    Ok((body, wait))
}

/// Until the bucket holds again what this call cost.
fn wait(body: &Value) -> Duration {
    let number = |path: &str| json::text(body, path).and_then(|text| text.parse::<f64>().ok());
    let cost = number("extensions.cost.requestedQueryCost");
    let left = number("extensions.cost.throttleStatus.currentlyAvailable");
    let pace = number("extensions.cost.throttleStatus.restoreRate").filter(|pace| *pace > 0.0);
    match (cost, left, pace) {
        (Some(cost), Some(left), Some(pace)) if cost > left => {
            Duration::try_from_secs_f64((cost - left) / pace).unwrap_or(WAIT_MOST).min(WAIT_MOST)
        }
        _ => Duration::ZERO,
    }
}

fn pulled(node: &Value) -> Pulled {
    let get = |path: &str| json::at(node, path).clone();
    let address = |path: &str| match json::at(node, path) {
        Value::Null => Value::Null,
        address => json!({
            "phone": json::at(address, "phone"),
            "country_code": json::at(address, "countryCodeV2"),
        }),
    };
    let landed = ["customerJourneySummary.lastVisit.landingPage", "customerJourneySummary.firstVisit.landingPage"];
    // The visit that carried our link says more than the newest one.
    let pages: Vec<&str> = landed.iter().filter_map(|path| json::at(node, path).as_str()).collect();
    let landing = pages.iter().find(|page| page.contains("cartback=")).or(pages.first());
    let notes: Vec<Value> = json::list(node, "customAttributes")
        .iter()
        .map(|note| json!({ "name": json::at(note, "key"), "value": json::at(note, "value") }))
        .collect();
    let codes: Vec<Value> = json::list(node, "discountCodes").iter().map(|code| json!({ "code": code })).collect();
    let refunds: Vec<Value> = json::list(node, "refunds").iter().map(refund).collect();
    let body = json!({
        "id": get("legacyResourceId"),
        "name": get("name"),
        "created_at": get("createdAt"),
        "processed_at": get("processedAt"),
        "updated_at": get("updatedAt"),
        "cancelled_at": get("cancelledAt"),
        "test": get("test"),
        "source_name": get("sourceName"),
        "email": get("email"),
        "phone": get("phone"),
        "payment_gateway_names": get("paymentGatewayNames"),
        "checkout_token": get("checkoutToken"),
        "cart_token": get("cartToken"),
        "landing_site": landing,
        "note_attributes": notes,
        "discount_codes": codes,
        "currency": get("totalPriceSet.shopMoney.currencyCode"),
        "total_price": get("totalPriceSet.shopMoney.amount"),
        "total_price_set": { "shop_money": {
            "amount": get("totalPriceSet.shopMoney.amount"),
            "currency_code": get("totalPriceSet.shopMoney.currencyCode"),
        } },
        "customer": {
            "id": get("customer.legacyResourceId"),
            "email": get("customer.defaultEmailAddress.emailAddress"),
            "phone": get("customer.defaultPhoneNumber.phoneNumber"),
        },
        "shipping_address": address("shippingAddress"),
        "billing_address": address("billingAddress"),
        "refunds": refunds,
    });
    Pulled {
        topic: "orders/updated",
        body: body.to_string().into_bytes(),
        begun_at: ["createdAt", "processedAt"].iter().filter_map(|path| json::time(node, path)).min(),
        tax: json::text(node, "totalTaxSet.shopMoney.amount"),
        shipping: json::text(node, "totalShippingPriceSet.shopMoney.amount"),
    }
}

/// What went back in all of one refund; one that returned no money has no transaction.
fn refund(node: &Value) -> Value {
    let money = json::at(node, "totalRefundedSet.shopMoney");
    let transaction = json!({
        "kind": "refund",
        "status": "success",
        "amount": json::at(money, "amount"),
        "currency": json::at(money, "currencyCode"),
        "amount_set": { "shop_money": {
            "amount": json::at(money, "amount"),
            "currency_code": json::at(money, "currencyCode"),
        } },
    });
    json!({
        "id": json::at(node, "legacyResourceId"),
        "created_at": json::at(node, "createdAt"),
        "transactions": [transaction],
    })
}

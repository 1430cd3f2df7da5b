//! What is asked of BigCommerce's API for carts and orders, and what each answer holds. Sends nothing itself.
//!
//! A checkout has the id of its cart and includes it. Lists of orders are numbered pages; the first one that is not full
//! is the last, and a page with nothing on it is answered 204 without a body. `X-Rate-Limit-*` tell how many calls are
//! left and when the count begins anew.

use std::time::Duration;

use serde_json::{Value, json};

use super::{CHECKOUT, ORDER, hosts, json, order};
use crate::{
    domain::{
        connector::{Delivery, Settings},
        time::Time,
    },
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, LATER, NotPulled, Page, Pulled, WAIT_MOST, Wanted, is_id, retry_after},
};

/// Of an order about 4 kB.
const PAGE: usize = 50;
/// The store's own theme and other apps share the same count.
const CALLS_SPARED: u64 = 10;
const CART_CHARS_MAX: usize = 64;
/// More kinds of goods in one link make it too long for some browsers.
const LINK_ITEMS_MAX: usize = 50;

pub(super) fn check_hash(value: &str) -> Result<(), &'static str> {
    let plain = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if (1..=32).contains(&value.len()) && plain {
        Ok(())
    } else {
        Err("be small letters and digits only, such as abc123")
    }
}

pub(super) fn check_token(value: &str) -> Result<(), &'static str> {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    if value.len() >= 16 && plain { Ok(()) } else { Err("be the whole access token, without spaces") }
}

/// Where and with what a store's API is called.
pub(super) struct Api<'s> {
    hash: &'s str,
    token: &'s str,
}

impl Api<'_> {
    pub(super) fn of(settings: &Settings) -> Option<Api<'_>> {
        let hash = settings.given("store_hash").filter(|hash| check_hash(hash).is_ok())?;
        Some(Api { hash, token: settings.given("access_token")? })
    }

    pub(super) fn url(&self, rest: &str) -> String {
        format!("https://api.bigcommerce.com/stores/{}/{rest}", self.hash)
    }

    /// Without `Accept`, version 2 answers in XML.
    pub(super) fn authorize(&self, request: Request) -> Request {
        request.header("accept", "application/json").header("x-auth-token", self.token)
    }

    fn get(&self, rest: &str) -> Request {
        Request { room: ANSWER_BYTES_MAX, ..self.authorize(Request::get(self.url(rest))) }
    }
}

/// What a webhook points at.
enum Pointer {
    Cart(String),
    Order(String),
}

impl Pointer {
    fn of(topic: &str, delivery: &Delivery) -> Option<Pointer> {
        let body = json::object(delivery).ok()?;
        let cart = |path| {
            let plain = |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            json::whole(&body, path, CART_CHARS_MAX).filter(plain).map(Pointer::Cart)
        };
        let order = |path| json::id_not_zero(&body, path).filter(|id| is_id(id)).map(Pointer::Order);
        match topic {
            "store/cart/deleted" => None,
            "store/cart/converted" => order("data.orderId"),
            topic if topic.starts_with("store/cart/lineItem/") => cart("data.cartId"),
            topic if topic.starts_with("store/cart/") || topic.starts_with("store/checkout/") => cart("data.id"),
            topic if topic.starts_with("store/order/") => order("data.id"),
            _ => None,
        }
    }
}

pub(super) fn ask_whole(settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
    let Some(pointer) = Pointer::of(topic, delivery) else { return Ok(None) };
    let Some(api) = Api::of(settings) else {
        return Err("store_hash, access_token: both are needed to fetch what BigCommerce's webhooks point at".into());
    };
    Ok(Some(match pointer {
        // Options say whether an item can be put into a link.
        Pointer::Cart(id) => api.get(&format!(
            "v3/checkouts/{id}?include=cart.line_items.physical_items.options,cart.line_items.digital_items.options"
        )),
        Pointer::Order(id) => api.get(&format!("v2/orders/{id}")),
    }))
}

pub(super) fn whole(
    settings: &Settings,
    topic: &str,
    delivery: &Delivery,
    answer: &Response,
) -> Result<Vec<Pulled>, NotPulled> {
    let Some(pointer) = Pointer::of(topic, delivery) else { return Ok(Vec::new()) };
    let Some(body) = body_of(answer)? else { return Ok(Vec::new()) };
    Ok(match pointer {
        Pointer::Cart(_) => {
            let checkout = json::at(&body, "data");
            if !checkout.is_object() {
                return Err(NotPulled::later("BigCommerce's answer holds no checkout"));
            }
            vec![Pulled::plain(CHECKOUT, wrapped(settings, checkout).to_string())]
        }
        Pointer::Order(_) => {
            if json::id_not_zero(&body, "id").is_none() {
                return Err(NotPulled::later("BigCommerce's answer holds no order"));
            }
            vec![pulled(&body)]
        }
    })
}

/// The checkout, with what only the settings say of it.
fn wrapped(settings: &Settings, checkout: &Value) -> Value {
    json!({
        "checkout": checkout,
        "recovery_url": recovery_url(settings, checkout),
        "consent": consent(settings, checkout),
    })
}

/// A link that may be followed again and again: it fills a new cart, or leads to the cart that the browser still has.
fn recovery_url(settings: &Settings, checkout: &Value) -> Option<String> {
    let host = hosts::read(settings.get("site")).into_iter().next()?;
    let items = json::at(checkout, "cart.line_items");
    let others = json::list(items, "custom_items").len() + json::list(items, "gift_certificates").len();
    let goods: Vec<&Value> =
        json::list(items, "physical_items").iter().chain(json::list(items, "digital_items")).collect();
    let products: Option<Vec<String>> = goods.iter().map(|item| product(item)).collect();
    Some(match products {
        Some(products) if others == 0 && (1..=LINK_ITEMS_MAX).contains(&products.len()) => {
            format!("https://{host}/checkout/?products={}&action=buy", products.join(","))
        }
        _ => format!("https://{host}/cart.php"),
    })
}

/// An item as such a link names it; none where the link would put something else into the cart.
fn product(item: &Value) -> Option<String> {
    let plain = json::list(item, "options").is_empty() && json::id_not_zero(item, "parent_id").is_none();
    let id = json::id_not_zero(item, "product_id").filter(|id| plain && is_id(id))?;
    let quantity = json::quantity(item, "quantity").filter(|&quantity| quantity > 0)?;
    Some(format!("{id}:{quantity}"))
}

/// Only where the shopkeeper named a field for it, and the checkout has that field.
fn consent(settings: &Settings, checkout: &Value) -> Option<Value> {
    let (field, yes) = (settings.given("consent_field")?, settings.given("consent_value")?);
    let fields = json::list(checkout, "billing_address.custom_fields");
    let value = json::at(fields.iter().find(|it| json::text(it, "field_id").as_deref() == Some(field))?, "field_value");
    let says_yes = |value: &Value| value.as_str().is_some_and(|it| it.trim().eq_ignore_ascii_case(yes.trim()));
    let granted = says_yes(value) || value.as_array().is_some_and(|values| values.iter().any(says_yes));
    Some(json!({ "state": if granted { "granted" } else { "not_given" }, "text": settings.given("consent_text") }))
}

pub(super) fn ask_orders(
    settings: &Settings,
    wanted: &Wanted,
    cursor: Option<&str>,
) -> Result<Option<Request>, String> {
    let Some(api) = Api::of(settings) else {
        return Err("store_hash, access_token: both are needed to fetch orders".into());
    };
    let page = cursor.and_then(|page| page.parse::<u32>().ok()).unwrap_or(1).to_string();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &PAGE.to_string()).append_pair("page", &page);
    match wanted {
        Wanted::Placed { from, to } => {
            query.append_pair("min_date_created", &moment(*from)).append_pair("max_date_created", &moment(*to));
            query.append_pair("sort", "date_created:asc");
        }
        Wanted::Changed { since } => {
            query.append_pair("min_date_modified", &moment(*since)).append_pair("sort", "date_modified:asc");
        }
        Wanted::One { external_id } => {
            if !is_id(external_id) {
                return Err("the order's id is none of BigCommerce's".into());
            }
            return Ok(Some(api.get(&format!("v2/orders/{external_id}"))));
        }
    }
    Ok(Some(api.get(&format!("v2/orders?{}", query.finish()))))
}

fn moment(at: Time) -> String {
    format!("{:.0}", at.to_timestamp())
}

pub(super) fn orders(answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    let page = cursor.and_then(|page| page.parse::<u64>().ok()).unwrap_or(1);
    let wait = wait(answer);
    let found = match body_of(answer)? {
        None => Vec::new(),
        Some(Value::Array(orders)) => orders,
        Some(order) if json::id_not_zero(&order, "id").is_some() => {
            return Ok(Page { orders: kept(&[order]), wait, ..Page::default() });
        }
        Some(_) => return Err(NotPulled::later("BigCommerce's answer holds no orders")),
    };
    let next = (found.len() >= PAGE).then(|| page.saturating_add(1).to_string());
    Ok(Page { orders: kept(&found), next, wait, total: None })
}

/// Without those that never were orders.
fn kept(orders: &[Value]) -> Vec<Pulled> {
    orders.iter().filter(|order| !order::is_incomplete(order)).map(pulled).collect()
}

fn pulled(order: &Value) -> Pulled {
    Pulled {
        begun_at: order::moment(order, "date_created"),
        tax: json::text(order, "total_tax"),
        shipping: json::text(order, "shipping_cost_ex_tax"),
        ..Pulled::plain(ORDER, order.to_string())
    }
}

/// Until there are calls to spare again.
fn wait(answer: &Response) -> Duration {
    let left = number(answer, "x-rate-limit-requests-left");
    if left.is_some_and(|left| left <= CALLS_SPARED) { reset(answer).unwrap_or(LATER) } else { Duration::ZERO }
}

fn reset(answer: &Response) -> Option<Duration> {
    number(answer, "x-rate-limit-time-reset-ms").map(Duration::from_millis).map(|wait| wait.min(WAIT_MOST))
}

fn number(answer: &Response, name: &str) -> Option<u64> {
    answer.header(name)?.trim().parse().ok()
}

/// The answer's body; `None` where there is nothing (any more).
fn body_of(answer: &Response) -> Result<Option<Value>, NotPulled> {
    match answer.status {
        204 | 404 => Ok(None),
        200..300 => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) => Ok(Some(body)),
            Err(_) => Err(NotPulled::later("BigCommerce's answer breaks off, or is not its API's")),
        },
        429 => Err(NotPulled::Later {
            why: "BigCommerce wants fewer calls".into(),
            wait: reset(answer).unwrap_or_else(|| retry_after(answer)),
        }),
        503 => Err(NotPulled::Later { why: "BigCommerce is closed for a while".into(), wait: retry_after(answer) }),
        status => Err(refusal(status).map_or_else(
            || NotPulled::later(format!("BigCommerce answered {status}")),
            |why| NotPulled::Refused(why.into()),
        )),
    }
}

/// Why BigCommerce turned the token away, where trying again will not help.
pub(super) fn refusal(status: u16) -> Option<&'static str> {
    match status {
        401 => {
            Some("BigCommerce does not accept the access token: is it this store's, and its API account still there?")
        }
        403 => Some(
            "BigCommerce does not let this API account do that: it needs the OAuth scopes of the first steps, Carts, \
             Checkouts and Orders read-only, and Marketing modify for coupons",
        ),
        _ => None,
    }
}

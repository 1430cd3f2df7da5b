//! Carts and orders through Ecwid's REST API: decides what is asked, and what each answer holds.
//!
//! Pages begin at an offset, so what changes while they are read moves between them: an order may come twice, and one may
//! be passed over, which the next run finds. Ecwid allows 600 calls a minute for a store's token.

use std::time::Duration;

use serde_json::{Value, json};

use super::{CART, CART_GONE, CUSTOMER_GONE, ORDER, STORE_LEFT, json, restore};
use crate::{
    domain::{
        connector::{Delivery, Settings},
        time::Time,
    },
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled, Wanted, retry_after},
};

/// Of a hundred that Ecwid would give: an order with twenty items is about 30 kB here.
const PAGE: usize = 50;
/// A tenth of what a token may ask.
const GENTLY: Duration = Duration::from_secs(1);
/// Longer than any id of Ecwid's, with the prefix and suffix a shopkeeper may give order numbers.
const ID_CHARS_MAX: usize = 64;

/// Where and with what a store's API is called.
pub(super) struct Api<'s> {
    store: &'s str,
    token: &'s str,
}

impl Api<'_> {
    pub(super) fn of(settings: &Settings) -> Option<Api<'_>> {
        Some(Api { store: settings.given("store_id")?, token: settings.given("secret_token")? })
    }

    pub(super) fn url(&self, rest: &str) -> String {
        format!("https://app.ecwid.com/api/v3/{}/{rest}", self.store)
    }

    pub(super) fn get(&self, rest: &str) -> Request {
        Request { room: ANSWER_BYTES_MAX, ..self.authorize(Request::get(self.url(rest))) }
    }

    pub(super) fn authorize(&self, request: Request) -> Request {
        request.header("authorization", format!("Bearer {}", self.token))
    }
}

/// A cart's id is a UUID in capitals; anything else of such letters is one too.
fn is_cart_id(id: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// An order's id is drawn from letters and digits, with a prefix and a suffix of the shopkeeper's.
pub(super) fn is_order_id(id: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(fit) && id.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// What a webhook points at: not believed, and not let into an address before it has the shape of an id.
struct Hint {
    cart: Option<String>,
    order: Option<String>,
    entity: Option<String>,
}

impl Hint {
    fn of(delivery: &Delivery) -> Hint {
        let body = json::object(delivery).unwrap_or_default();
        let entity = json::id_not_zero(&body, "entityId").filter(|id| super::is_number(id));
        Hint {
            cart: json::id(&body, "data.cartId").filter(|id| is_cart_id(id)),
            order: json::id_not_zero(&body, "data.orderId").filter(|id| is_order_id(id)),
            entity,
        }
    }
}

/// Where what a webhook points at is to be had; None where it points at nothing.
fn place(topic: &str, hint: &Hint) -> Option<String> {
    match topic {
        "unfinished_order.created" | "unfinished_order.updated" | "unfinished_order.deleted" => {
            Some(format!("carts/{}", hint.cart.as_ref()?))
        }
        "order.created" | "order.updated" | "order.deleted" => {
            Some(format!("orders/{}", hint.order.as_ref().or(hint.entity.as_ref())?))
        }
        "customer.deleted" => Some(format!("customers/{}", hint.entity.as_ref()?)),
        // Whoever was removed cannot read the profile any more.
        "application.uninstalled" => Some("profile".to_owned()),
        _ => None,
    }
}

pub(super) fn ask_whole(settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
    let Some(place) = place(topic, &Hint::of(delivery)) else { return Ok(None) };
    let api = Api::of(settings).ok_or("store_id, secret_token: both are needed to fetch what Ecwid tells of")?;
    Ok(Some(api.get(&place)))
}

pub(super) fn whole(
    settings: &Settings,
    topic: &str,
    delivery: &Delivery,
    answer: &Response,
) -> Result<Vec<Pulled>, NotPulled> {
    let hint = Hint::of(delivery);
    if topic == "application.uninstalled" {
        return match answer.status {
            401 | 403 | 404 => Ok(vec![Pulled::plain(STORE_LEFT, "{}")]),
            _ => object(answer).map(|_| Vec::new()),
        };
    }
    let found = object(answer)?;
    let pulled = match (topic.split('.').next(), found) {
        (Some("unfinished_order"), Some(cart)) => {
            let same = json::id(&cart, "cartId").is_some_and(|id| hint.cart.as_ref() == Some(&id));
            if !same {
                return Err(NotPulled::later("Ecwid's answer is not the cart that was asked for"));
            }
            Some(self::cart(settings, &cart, hint.order.as_deref()))
        }
        (Some("unfinished_order"), None) => {
            hint.cart.map(|id| Pulled::plain(CART_GONE, json!({ "cartId": id }).to_string()))
        }
        (Some("order"), Some(order)) => Some(self::order(&order)),
        // Deleting tidies a list: it gives no money back, so the order and its credits stay.
        (Some("order"), None) => None,
        (Some("customer"), None) => {
            hint.entity.map(|id| Pulled::plain(CUSTOMER_GONE, json!({ "customerId": id }).to_string()))
        }
        _ => None,
    };
    Ok(pulled.into_iter().collect())
}

pub(super) fn ask_orders(
    settings: &Settings,
    wanted: &Wanted,
    cursor: Option<&str>,
) -> Result<Option<Request>, String> {
    let Some(api) = Api::of(settings) else { return Ok(None) };
    let mut query = query(cursor);
    match wanted {
        Wanted::Placed { from, to } => {
            query.append_pair("createdFrom", &from.seconds().to_string());
            query.append_pair("createdTo", &to.seconds().to_string());
        }
        Wanted::Changed { since } => {
            query.append_pair("updatedFrom", &since.seconds().to_string());
        }
        Wanted::One { external_id } => {
            if !is_order_id(external_id) {
                return Err("the order's id is none of Ecwid's".into());
            }
            query.append_pair("ids", external_id);
        }
    }
    Ok(Some(api.get(&format!("orders?{}", query.finish()))))
}

pub(super) fn ask_carts(settings: &Settings, since: Time, cursor: Option<&str>) -> Option<Request> {
    let api = Api::of(settings)?;
    let mut query = query(cursor);
    // Also those that the shopkeeper deleted from the list: nobody is to be texted about them.
    query.append_pair("updatedFrom", &since.seconds().to_string()).append_pair("showHidden", "true");
    Some(api.get(&format!("carts?{}", query.finish())))
}

fn query(cursor: Option<&str>) -> url::form_urlencoded::Serializer<'static, String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("offset", &offset(cursor).to_string()).append_pair("limit", &PAGE.to_string());
    query
}

fn offset(cursor: Option<&str>) -> u64 {
    cursor.and_then(|cursor| cursor.parse::<u32>().ok()).unwrap_or(0).into()
}

/// A page of whatever was asked for.
pub(super) fn page(
    answer: &Response,
    cursor: Option<&str>,
    pulled: impl Fn(&Value) -> Pulled,
) -> Result<Page, NotPulled> {
    let body = object(answer)?.ok_or_else(|| NotPulled::Refused("Ecwid knows no store of this number".into()))?;
    let Some(items) = json::at(&body, "items").as_array() else {
        return Err(NotPulled::later("Ecwid's answer holds no list"));
    };
    let number = |path| json::id(&body, path).and_then(|text| text.parse::<u64>().ok());
    let (total, after) = (number("total"), offset(cursor) + items.len() as u64);
    let more = match total {
        Some(total) => after < total,
        None => items.len() >= PAGE,
    };
    Ok(Page {
        orders: items.iter().map(pulled).collect(),
        next: (more && !items.is_empty()).then(|| after.to_string()),
        wait: GENTLY,
        total,
    })
}

pub(super) fn order(order: &Value) -> Pulled {
    Pulled {
        topic: ORDER,
        body: order.to_string().into_bytes(),
        begun_at: super::read::moment(order, "createTimestamp", "createDate"),
        tax: json::text(order, "tax"),
        shipping: json::text(order, "shippingOption.shippingRate"),
    }
}

/// A cart in our frame: Ecwid's own words, with the link that fills it again and the order it would become, as far as the
/// webhook told. That is not signed, and may only make us text less.
pub(super) fn cart(settings: &Settings, cart: &Value, order: Option<&str>) -> Pulled {
    let restore = restore::link(settings, cart);
    Pulled::plain(CART, json!({ "cart": cart, "restore": restore, "order": order }).to_string())
}

/// The answer as an object; None where there is nothing (any more).
fn object(answer: &Response) -> Result<Option<Value>, NotPulled> {
    match answer.status {
        200..300 => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) if body.is_object() => Ok(Some(body)),
            _ => Err(NotPulled::later("Ecwid's answer is not JSON, or breaks off")),
        },
        404 => Ok(None),
        401 | 403 => Err(NotPulled::Refused(
            "Ecwid does not accept the secret token for this store: is the app still installed, with the scopes \
             read_orders and, for deleted customers, read_customers?"
                .into(),
        )),
        402 => Err(NotPulled::Refused("the store's plan at Ecwid does not allow calls of its API".into())),
        429 | 503 => Err(NotPulled::Later { why: "Ecwid wants fewer calls".into(), wait: retry_after(answer) }),
        status => Err(NotPulled::later(format!("Ecwid answered {status}"))),
    }
}

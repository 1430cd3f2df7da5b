//! The link that fills a cart again. Ecwid's API has no restore link, but its storefront makes a cart of what stands in
//! the address (docs.ecwid.com, "Create pre-filled shopping carts"). Goods only go in: what the shopper typed about
//! themselves stays out of an address that gets copied and logged.

use serde_json::{Map, Value, json};

use super::{json, storefront};
use crate::domain::connector::Settings;

/// None where the setting names no page. A cart too long for an address leads to the cart of the device at hand.
pub(super) fn link(settings: &Settings, cart: &Value) -> Option<String> {
    let page = storefront(settings.get("storefront"))?;
    let products: Vec<Value> = json::list(cart, "items").iter().filter_map(product).collect();
    if !products.is_empty() {
        let filled = json!({ "gotoCheckout": true, "products": products }).to_string();
        let link = format!("{page}#!/~/cart/create={}", encoded(&filled));
        if link.len() <= json::URL_CHARS_MAX {
            return Some(link);
        }
    }
    Some(format!("{page}#!/~/cart"))
}

fn product(item: &Value) -> Option<Value> {
    let id = json::id_not_zero(item, "productId").filter(|id| super::is_number(id))?.parse::<u64>().ok()?;
    let chosen = json::list(item, "selectedOptions").iter();
    let options: Map<String, Value> =
        chosen.filter_map(|option| Some((json::text(option, "name")?, value(option)?))).collect();
    let mut product = json!({ "id": id, "quantity": json::quantity(item, "quantity").unwrap_or(1).max(1) });
    if let (Some(product), false) = (product.as_object_mut(), options.is_empty()) {
        product.insert("options".into(), options.into());
    }
    Some(product)
}

/// Boxes may be ticked several at a time; a file cannot be told again.
fn value(option: &Value) -> Option<Value> {
    match json::text(option, "type").as_deref() {
        Some("FILES") => None,
        Some("CHOICES" | "CHECKBOX") => {
            let ticked = json::at(option, "valuesArray").as_array().filter(|ticked| !ticked.is_empty())?;
            Some(Value::Array(ticked.iter().filter(|word| word.is_string()).cloned().collect()))
        }
        _ => json::text(option, "value").map(Value::String),
    }
}

/// As `encodeURIComponent` writes it.
pub(super) fn encoded(text: &str) -> String {
    let mut written = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

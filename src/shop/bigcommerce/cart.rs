//! A checkout of version 3, with the cart in it, as a cart of ours. Decides whose it is and what is in it.

use serde_json::Value;

use super::json;
use crate::domain::{
    connector::Unreadable,
    event::{CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, Identity, Item, ShopFacts},
    money::{Currency, Money},
    time::Time,
};

pub(super) fn read(shop: &ShopFacts, body: &Value, received_at: Time) -> Result<CartUpdate, Unreadable> {
    let checkout = json::at(body, "checkout");
    let cart = json::at(checkout, "cart");
    let billing = json::at(checkout, "billing_address");
    // The checkout's id is its cart's: orders carry it as `cart_id`.
    let token = json::id(checkout, "id").or_else(|| json::id(cart, "id"));
    let token = token.ok_or_else(|| Unreadable::new("checkout.id is missing"))?;
    let currency = json::currency(cart, "currency.code").unwrap_or(shop.currency);
    let moments = [json::time(checkout, "updated_time"), json::time(cart, "updated_time")];
    let country = json::country(billing, "country_code");
    Ok(CartUpdate {
        cart_token: json::id(cart, "id").filter(|id| *id != token),
        token,
        who: who(checkout, country.clone()),
        first_name: json::text(billing, "first_name"),
        country,
        region: json::region(billing, "state_or_province_code"),
        zone: None,
        language: json::text(cart, "locale"),
        total: json::money(checkout, "grand_total", currency).filter(|total| total.minor >= 0),
        items: items(cart, currency),
        recovery_url: json::url(body, "recovery_url"),
        consent: consent(json::at(body, "consent")),
        started_at: json::time(cart, "created_time").or_else(|| json::time(checkout, "created_time")),
        updated_at: moments.into_iter().flatten().max().unwrap_or(received_at),
        // `order_id` is set as soon as the payment page is reached: only the order says that it was bought.
        completed_at: None,
        channel: Channel::Web,
        browser_ip: None,
        written_at_once: false,
        tags: Vec::new(),
        source: None,
        test: false,
    })
}

fn who(checkout: &Value, billing: Option<String>) -> Identity {
    let shipped_to = json::list(checkout, "consignments").iter().filter_map(|consignment| {
        ["address", "shipping_address", "shippingAddress"].iter().find_map(|path| {
            let address = json::at(consignment, path);
            let country = json::country(address, "country_code").or_else(|| billing.clone());
            json::phone(address, "phone", country)
        })
    });
    let billed = json::phone(checkout, "billing_address.phone", billing.clone());
    let email = ["billing_address.email", "cart.email"].iter().find_map(|path| json::text(checkout, path));
    Identity {
        customer: json::id_not_zero(checkout, "cart.customer_id"),
        email,
        phones: json::phones(std::iter::once(billed).chain(shipped_to.map(Some))),
    }
}

fn items(cart: &Value, currency: Currency) -> Vec<Item> {
    let price = |item: &Value, keys: &[&str]| -> Option<Money> {
        keys.iter().find_map(|key| json::money(item, key, currency)).filter(|price| price.minor >= 0)
    };
    let goods = ["physical_items", "digital_items", "custom_items"].into_iter().flat_map(|kind| {
        json::list(json::at(cart, "line_items"), kind).iter().filter_map(|item| {
            Some(Item {
                title: json::text(item, "name")?,
                quantity: json::quantity(item, "quantity").unwrap_or(1),
                price: price(item, &["sale_price", "list_price"]),
            })
        })
    });
    let gifts = json::list(cart, "line_items.gift_certificates").iter().filter_map(|gift| {
        Some(Item { title: json::text(gift, "name")?, quantity: 1, price: price(gift, &["amount"]) })
    });
    goods.chain(gifts).collect()
}

/// Of our own making (`api::wrapped`): what the shopkeeper's field says.
fn consent(told: &Value) -> Option<ConsentGiven> {
    let state = match json::text(told, "state")?.as_str() {
        "granted" => ConsentState::Granted,
        _ => ConsentState::NotGiven,
    };
    let proof =
        ConsentProof { source: "bigcommerce".into(), text: json::text(told, "text"), ..ConsentProof::default() };
    Some(ConsentGiven { phone: None, state, proof })
}

//! Magento's unfinished checkout, which it calls a quote in the database and a cart in the API (`/V1/carts`): decides
//! what is asked and what one says.
//!
//! Money is a JSON number. An address that nobody has typed yet is there, full of `null` and `[""]`. A moment is UTC
//! without saying so. A cart that was bought is no longer active; it is passed over here, because its order tells more.

use serde_json::{Value, json};

use super::{api, hosts, json};
use crate::{
    domain::{
        connector::{Settings, Unreadable},
        event::{CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, Identity, Item},
        money::{self, Currency, Money},
        time::Time,
    },
    http::{Request, Response},
    shop::pull::{NotPulled, Page, Pulled},
};

/// What a cart that was fetched is kept as.
pub(in crate::shop) const TOPIC: &str = "cart.updated";

/// Of a cart with ten items that is about 300 kB.
const PAGE: usize = 50;

/// Ours: `read` knows no settings, so that the page is written into the body where it is fetched.
const RECOVERY: &str = "cartback_recovery_url";

/// For `Field::check`.
pub(in crate::shop) fn check_page(value: &str) -> Result<(), &'static str> {
    let url = url::Url::parse(&value.replace("{cart}", "1"));
    match url {
        Ok(url) if value.starts_with("https://") && url.host_str().is_some() => Ok(()),
        _ => Err("be a page's address, such as https://shop.example/restore/?id={cart}"),
    }
}

/// The active carts that changed since this moment. One that was never changed has no `updated_at` worth the name, so
/// the time it was made counts as well.
pub(in crate::shop) fn ask(settings: &Settings, since: Time, cursor: Option<&str>) -> Option<Request> {
    let since = api::moment(since);
    let groups = vec![
        vec![("updated_at", "gteq", since.clone()), ("created_at", "gteq", since)],
        vec![("is_active", "eq", "1".to_owned())],
    ];
    Some(api::Api::of(settings)?.list("carts/search", groups, cursor, PAGE))
}

pub(in crate::shop) fn told(settings: &Settings, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    api::page(answer, cursor, PAGE, "id", |cart| pulled(settings, cart))
}

/// A cart as it is kept: what Magento says, and where it can be finished.
pub(in crate::shop) fn pulled(settings: &Settings, cart: &Value) -> Pulled {
    let mut body = cart.clone();
    if let (Some(cart), Some(url)) = (body.as_object_mut(), recovery_url(settings, cart)) {
        cart.insert(RECOVERY.into(), url.into());
    }
    Pulled { begun_at: json::time(cart, "created_at"), ..Pulled::plain(TOPIC, body.to_string()) }
}

fn recovery_url(settings: &Settings, cart: &Value) -> Option<String> {
    match settings.given("recovery_page") {
        Some(page) => {
            let id: String = url::form_urlencoded::byte_serialize(id(cart)?.as_bytes()).collect();
            Some(page.replace("{cart}", &id))
        }
        None => Some(format!("https://{}/checkout/cart/", hosts::read(settings.get("site")).into_iter().next()?)),
    }
}

/// The number of a cart, by either of the names it has.
pub(in crate::shop) fn id(cart: &Value) -> Option<String> {
    json::id_not_zero(cart, "id").or_else(|| json::id_not_zero(cart, "entity_id"))
}

/// What a cart's body says; none of one that is not active any more.
pub(in crate::shop) fn cart(body: &Value, received_at: Time) -> Result<Option<CartUpdate>, Unreadable> {
    let token = id(body).ok_or_else(|| Unreadable::new("id is missing"))?;
    if json::flag(body, "is_active") == Some(false) {
        return Ok(None);
    }
    let currency =
        json::currency(body, "currency.quote_currency_code").or_else(|| json::currency(body, "quote_currency_code"));
    let started_at = json::time(body, "created_at");
    let billing = json::at(body, "billing_address");
    let country = addresses(body).find_map(|address| json::country(address, "country_id"));
    Ok(Some(CartUpdate {
        token,
        cart_token: None,
        who: who(body),
        first_name: [(billing, "firstname"), (body, "customer.firstname"), (body, "customer_firstname")]
            .into_iter()
            .find_map(|(value, path)| json::text(value, path)),
        country,
        region: addresses(body).find_map(|address| json::region(address, "region_code")),
        zone: None,
        language: None,
        total: currency.and_then(|currency| total(body, currency)),
        items: items(body).filter_map(|line| item(line, currency)).collect(),
        recovery_url: json::url(body, RECOVERY),
        consent: consent(body),
        started_at,
        updated_at: json::time(body, "updated_at").or(started_at).unwrap_or(received_at),
        completed_at: None,
        channel: Channel::Web,
        browser_ip: json::text(body, "remote_ip"),
        written_at_once: false,
        tags: Vec::new(),
        source: None,
        test: false,
    }))
}

/// Those somebody typed into this checkout, then those a customer had kept.
fn addresses(body: &Value) -> impl Iterator<Item = &Value> {
    let shipping = json::list(body, "extension_attributes.shipping_assignments").iter();
    [json::at(body, "billing_address")]
        .into_iter()
        .chain(shipping.map(|assignment| json::at(assignment, "shipping.address")))
        .chain([json::at(body, "shipping_address")])
        .chain(json::list(body, "addresses"))
        .chain(json::list(body, "customer.addresses"))
        .filter(|address| address.is_object())
}

fn who(body: &Value) -> Identity {
    let is_guest = json::flag(body, "customer_is_guest") == Some(true);
    let customer = json::id_not_zero(body, "customer.id").or_else(|| json::id_not_zero(body, "customer_id"));
    let typed = addresses(body).find_map(|address| json::text(address, "email"));
    Identity {
        customer: customer.filter(|_| !is_guest),
        email: json::text(body, "customer.email").or_else(|| json::text(body, "customer_email")).or(typed),
        phones: json::phones(
            addresses(body).map(|address| json::phone(address, "telephone", json::country(address, "country_id"))),
        ),
    }
}

/// Of a configurable product its child is listed too in some answers: the parent is what was put in.
fn items(body: &Value) -> impl Iterator<Item = &Value> {
    json::list(body, "items").iter().filter(|line| json::id_not_zero(line, "parent_item_id").is_none())
}

fn item(line: &Value, currency: Option<Currency>) -> Option<Item> {
    Some(Item {
        title: json::text(line, "name").or_else(|| json::text(line, "sku"))?,
        quantity: json::quantity(line, "qty").unwrap_or(1),
        price: currency.and_then(|currency| json::money(line, "price", currency)),
    })
}

/// The total where it is told; else the sum of the items, of which there may be halves.
fn total(body: &Value, currency: Currency) -> Option<Money> {
    if let Some(told) = json::money(body, "grand_total", currency).filter(|told| told.minor >= 0) {
        return Some(told);
    }
    const PARTS_DIGITS: u32 = 4;
    let mut parts: i128 = 0;
    for line in items(body) {
        let price = json::money(line, "price", currency)?;
        let quantity = money::decimal(&json::text(line, "qty")?, PARTS_DIGITS).ok()?;
        parts = parts.checked_add(i128::from(price.minor) * i128::from(quantity))?;
    }
    let whole = 10_i128.pow(PARTS_DIGITS);
    let minor = i64::try_from(parts.checked_add(whole / 2)? / whole).ok()?;
    (minor >= 0).then(|| Money::new(minor, currency))
}

/// Only what a module of the shop's says about texts: `is_subscribed` is the newsletter.
fn consent(body: &Value) -> Option<ConsentGiven> {
    let told = json::at(body, "extension_attributes");
    let state = match json::flag(told, "sms_consent")? {
        true => ConsentState::Granted,
        false => ConsentState::NotGiven,
    };
    let proof = ConsentProof {
        source: "magento".into(),
        text: json::text(told, "sms_consent_text"),
        given_at: json::time(told, "sms_consent_at"),
        ip: json::text(body, "remote_ip"),
        ..ConsentProof::default()
    };
    Some(ConsentGiven { phone: None, state, proof })
}

/// The self-test's cart, as the API would tell of it.
pub(super) fn rehearsed(visit: &crate::domain::rehearsal::Visit, at: Time) -> Value {
    use crate::domain::rehearsal::Visit;
    let currency = visit.total.currency.code();
    let mut cart = json!({
        "id": visit.token, "is_active": true, "customer_is_guest": true, "customer": { "email": null },
        "created_at": api::moment(visit.started_at), "updated_at": api::moment(at),
        "currency": { "base_currency_code": currency, "quote_currency_code": currency },
        "items": [{ "name": "Self-test", "sku": "self-test", "qty": 1, "price": visit.total.amount() }],
        "billing_address": {
            "firstname": Visit::FIRST_NAME, "email": Visit::EMAIL, "telephone": visit.phone,
            "country_id": visit.country, "street": [""],
        },
        "extension_attributes": { "sms_consent": true, "sms_consent_text": "Self-test" },
    });
    if let Some(cart) = cart.as_object_mut() {
        cart.insert(RECOVERY.into(), visit.checkout_url.clone().into());
    }
    cart
}

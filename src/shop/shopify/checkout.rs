//! `checkouts/*`: what an unfinished checkout says. The first one usually knows neither phone nor e-mail; they come
//! with a later update, as does `completed_at` once it became an order.

use serde_json::Value;

use super::{Event, address, consent_proof, consent_state, json, person};
use crate::domain::{
    connector::Unreadable,
    event::{CartUpdate, ConsentGiven, ConsentState, Item, ShopEvent, TAGS_MOST},
    money::Currency,
};

/// More are not kept: no text and no page lists them.
const ITEMS_MAX: usize = 100;

pub(super) fn read(it: &Event) -> Result<CartUpdate, Unreadable> {
    let body = it.body;
    let address = address(body);
    let currency = json::currency(body, "currency").unwrap_or(it.shop.currency);
    let recovery_url = json::url(body, "abandoned_checkout_url");
    let locale = recovery_url.as_deref().and_then(|url| json::query_values(url, "locale").into_iter().next());
    let names = ["customer.first_name", "shipping_address.first_name", "billing_address.first_name"];
    Ok(CartUpdate {
        // Newer API versions send no `id`, and orders carry the token.
        token: json::id(body, "token").ok_or_else(|| Unreadable::new("token is missing"))?,
        cart_token: json::id(body, "cart_token"),
        who: person(body),
        first_name: names.iter().find_map(|path| json::text(body, path)),
        country: json::country(address, "country_code"),
        region: json::region(address, "province_code"),
        zone: None,
        language: json::text(body, "customer_locale").or(locale),
        total: json::money(body, "total_price", currency),
        items: items(body, currency),
        recovery_url,
        consent: consent(body),
        started_at: json::time(body, "created_at"),
        updated_at: it.updated_at(),
        completed_at: json::time(body, "completed_at"),
        browser_ip: browser_ip(body),
        written_at_once: false,
        channel: it.channel(true),
        // Newer API versions leave a customer's tags out; then nothing is known of them.
        tags: json::words_between_commas(body, "customer.tags", TAGS_MOST),
        source: json::text(body, "source_name"),
        test: it.is_test(),
    })
}

/// Orders tell it in both places, checkouts in either or none.
fn browser_ip(body: &Value) -> Option<String> {
    ["browser_ip", "client_details.browser_ip"].iter().find_map(|path| json::text(body, path))
}

/// Newer API versions leave out `token`; `cart_token` names the same checkout. With neither there is nothing to delete.
pub(super) fn deleted(it: &Event) -> Option<ShopEvent> {
    let token = json::id(it.body, "token").or_else(|| json::id(it.body, "cart_token"))?;
    Some(ShopEvent::CartDeleted { token, at: it.triggered_at() })
}

fn items(body: &Value, currency: Currency) -> Vec<Item> {
    let item = |line: &Value| {
        Some(Item {
            title: json::text(line, "presentment_title").or_else(|| json::text(line, "title"))?,
            quantity: json::quantity(line, "quantity").filter(|&quantity| quantity > 0)?,
            price: json::money(line, "price", currency),
        })
    };
    json::list(body, "line_items").iter().filter_map(item).take(ITEMS_MAX).collect()
}

/// SMS consent only: `accepts_marketing` and `buyer_accepts_marketing` are about e-mail.
///
/// The box ticked in this checkout speaks, unless it waits for a confirmation or the customer took it back since, or
/// at a time we are not told. A customer's own consent is for the customer's own number: without one it grants nothing.
fn consent(body: &Value) -> Option<ConsentGiven> {
    let told = json::at(body, "customer.sms_marketing_consent");
    let country = json::country(address(body), "country_code");
    let phone = |paths: [&str; 2]| paths.iter().find_map(|path| json::phone(body, path, country.clone()));
    let ticked = json::flag(body, "buyer_accepts_sms_marketing");
    let here = phone(["sms_marketing_phone", "phone"]);
    let customers = phone(["customer.phone", "sms_marketing_phone"]);
    let (phone, state) = match (ticked, consent_state(told)) {
        (Some(true), Some(ConsentState::Withdrawn)) if withdrawn_since(body) => (customers, ConsentState::Withdrawn),
        (Some(true), Some(ConsentState::Pending)) => (here, ConsentState::Pending),
        (Some(true), _) => (here, ConsentState::Granted),
        (_, Some(ConsentState::Granted | ConsentState::Pending)) if customers.is_none() => {
            (None, ConsentState::NotGiven)
        }
        (_, Some(state)) => (customers, state),
        (Some(false), None) => (None, ConsentState::NotGiven),
        (None, None) => return None,
    };
    Some(ConsentGiven { phone, state, proof: consent_proof(told) })
}

fn withdrawn_since(body: &Value) -> bool {
    let withdrawn_at = json::time(body, "customer.sms_marketing_consent.consent_updated_at");
    match (withdrawn_at, json::time(body, "created_at")) {
        (Some(withdrawn_at), Some(started_at)) => withdrawn_at >= started_at,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{cart, events, minor, with};
    use super::*;
    use crate::domain::{event::Channel, time::Time};

    #[test]
    fn a_checkout_is_read_whole() {
        let cart = cart(json!({}));
        assert_eq!((cart.token.as_str(), cart.cart_token.as_deref()), ("5c0ffee0a1", Some("hWN1ab")));
        assert_eq!((cart.first_name.as_deref(), cart.language.as_deref()), (Some("Ida"), Some("en-CA")));
        assert_eq!((cart.country.as_deref(), cart.region.as_deref()), (Some("CA"), Some("ON")));
        assert_eq!((cart.total, cart.items.len(), cart.items[0].quantity), (minor("USD", 21_450), 1, 2));
        assert_eq!((cart.items[0].title.as_str(), cart.items[0].price), ("Oak stool", minor("USD", 9_725)));
        assert_eq!((cart.channel, cart.test, cart.completed_at), (Channel::Web, false, None));
        assert_eq!(cart.who.customer.as_deref(), Some("723456789012345678"));
    }

    #[test]
    fn tags_are_the_customers_and_the_source_is_the_channel() {
        let tagged = cart(json!({ "customer": { "tags": "VIP, newsletter ,," }, "source_name": "instagram" }));
        assert_eq!(
            (tagged.tags, tagged.source.as_deref()),
            (vec!["VIP".into(), "newsletter".into()], Some("instagram"))
        );
        let untold = cart(json!({ "customer": null, "source_name": null }));
        assert_eq!((untold.tags, untold.source), (Vec::<String>::new(), None));
    }

    #[test]
    fn trap_1_the_first_checkout_has_no_contact() {
        let nobody = json!({ "email": null, "phone": null, "customer": null, "shipping_address": null });
        let cart = cart(nobody);
        assert_eq!((cart.who, cart.first_name, cart.country), (Default::default(), None, None));
    }

    #[test]
    fn trap_2_an_address_may_be_an_empty_list() {
        let cart =
            cart(json!({ "shipping_address": [], "billing_address": { "country_code": "us", "phone": "555-0199" } }));
        assert_eq!(cart.country.as_deref(), Some("US"));
        assert!(cart.who.phones.iter().all(|phone| phone.country.as_deref() == Some("US")));
    }

    #[test]
    fn trap_3_item_properties_come_in_every_form() {
        for properties in [json!(null), json!({}), json!([]), json!([{ "name": "engraving", "value": "I" }])] {
            let line = json!({ "title": "Oak stool", "quantity": "1", "price": 5, "properties": properties });
            assert_eq!(cart(json!({ "line_items": [line] })).items.len(), 1);
        }
        assert_eq!(cart(json!({ "line_items": null })).items, []);
        assert_eq!(cart(json!({ "line_items": [{ "title": "Removed", "quantity": 0 }, 7] })).items, []);
    }

    #[test]
    fn trap_6_offsets_differ_inside_one_body() {
        let times = json!({ "created_at": "2026-03-01T14:50:00+00:00", "updated_at": "2026-03-01T09:55:00-05:00" });
        let cart = cart(times);
        assert!(cart.started_at.unwrap() < cart.updated_at);
        assert_eq!(Some(cart.updated_at), Time::parse("2026-03-01T14:55:00Z"));
    }

    #[test]
    fn a_broken_time_costs_only_itself() {
        let cart = cart(json!({ "created_at": "2024-09-16T03:50:1500:00" }));
        assert_eq!((cart.started_at, Some(cart.updated_at)), (None, Time::parse("2026-03-01T14:55:00Z")));
    }

    #[test]
    fn trap_7_a_late_body_keeps_its_own_time() {
        let headers = [("x-shopify-triggered-at", "2026-03-01T15:00:00.123456789Z")];
        let updated = |body| match events("checkouts/update", &body, &headers).unwrap().pop() {
            Some(ShopEvent::Cart(cart)) => cart.updated_at.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(updated(with(&super::super::tests::checkout(), json!({}))), "2026-03-01T14:55:00.000Z");
        let untold = with(&super::super::tests::checkout(), json!({ "updated_at": null }));
        assert_eq!(updated(untold), "2026-03-01T15:00:00.123Z");
    }

    #[test]
    fn completion_is_passed_on() {
        let cart = cart(json!({ "completed_at": "2026-03-01T10:02:00-05:00" }));
        assert_eq!(cart.completed_at, Time::parse("2026-03-01T15:02:00Z"));
    }

    #[test]
    fn phones_come_in_order_of_trust_each_with_its_country() {
        let cart = cart(json!({
            "sms_marketing_phone": "+12125550101", "phone": "212 555 0102",
            "customer": { "phone": "2125550103", "default_address": { "phone": "0104", "country_code": "FR" } },
            "billing_address": { "phone": "0105", "country_code": "de" },
            "shipping_address": { "phone": "0106", "country_code": "CA" },
        }));
        let found: Vec<_> =
            cart.who.phones.iter().map(|p| (p.number.as_str(), p.country.as_deref().unwrap())).collect();
        let expected = [
            ("+12125550101", "CA"),
            ("212 555 0102", "CA"),
            ("2125550103", "CA"),
            ("0106", "CA"),
            ("0105", "DE"),
            ("0104", "FR"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn consent_of_a_checkout() {
        use ConsentState::*;
        #[track_caller]
        fn check(change: Value, expected: Option<(ConsentState, Option<&str>)>) {
            let consent = cart(change.clone()).consent;
            let found = consent.as_ref().map(|c| (c.state, c.phone.as_ref().map(|p| p.number.as_str())));
            assert_eq!(found, expected, "{change}");
        }
        let customer = |phone: Value, state: Value, at: Value| json!({ "phone": phone, "sms_marketing_consent": { "state": state, "consent_updated_at": at } });
        let null = Value::Null;
        let ticked = "+1 416 555 0107";
        check(json!({ "customer": null }), Some((NotGiven, None)));
        check(json!({ "customer": null, "buyer_accepts_sms_marketing": null }), None);
        // Trap 17: the number consent was given for is not the address's.
        check(
            json!({ "buyer_accepts_sms_marketing": true, "sms_marketing_phone": ticked }),
            Some((Granted, Some(ticked))),
        );
        check(json!({ "buyer_accepts_sms_marketing": true, "phone": null }), Some((Granted, None)));
        // E-mail consent is none.
        let email = json!({ "buyer_accepts_marketing": true, "customer": { "accepts_marketing": true } });
        check(email, Some((NotGiven, None)));
        let of = |who: Value| json!({ "customer": who });
        check(of(customer(json!("1"), json!("SUBSCRIBED"), null.clone())), Some((Granted, Some("1"))));
        check(of(customer(json!("1"), json!("pending"), null.clone())), Some((Pending, Some("1"))));
        check(of(customer(json!("1"), json!("unsubscribed"), null.clone())), Some((Withdrawn, Some("1"))));
        check(of(customer(json!("1"), json!("redacted"), null.clone())), Some((NotGiven, Some("1"))));
        check(of(customer(null.clone(), json!("subscribed"), null.clone())), Some((NotGiven, None)));
        check(of(customer(null.clone(), json!("unsubscribed"), null.clone())), Some((Withdrawn, None)));
        check(of(customer(json!("1"), null.clone(), null.clone())), Some((NotGiven, None)));
        let both = |state: &str, at: Value| {
            json!({
                "buyer_accepts_sms_marketing": true, "sms_marketing_phone": ticked,
                "customer": customer(json!("1"), json!(state), at),
            })
        };
        check(both("unsubscribed", json!("2025-01-01T00:00:00Z")), Some((Granted, Some(ticked))));
        check(both("unsubscribed", json!("2026-03-01T14:54:00Z")), Some((Withdrawn, Some("1"))));
        check(both("unsubscribed", null.clone()), Some((Withdrawn, Some("1"))));
        check(both("pending", null), Some((Pending, Some(ticked))));
    }

    #[test]
    fn trap_25_a_long_recovery_url_is_kept_whole_and_tells_the_language() {
        let url = format!("https://shop.example/7/checkouts/ac/x/recover?key={}&locale=fr-CA", "k".repeat(900));
        let cart = cart(json!({ "abandoned_checkout_url": url, "customer_locale": null }));
        assert_eq!((cart.recovery_url, cart.language.as_deref()), (Some(url), Some("fr-CA")));
        assert!(!format!("{:?}", cart.who).contains("ida@"));
    }

    #[test]
    fn a_checkout_without_a_token_cannot_be_kept() {
        let body = with(&super::super::tests::checkout(), json!({ "token": null }));
        assert_eq!(events("checkouts/create", &body, &[]), Err(Unreadable::new("token is missing")));
    }

    #[test]
    fn a_deleted_checkout_goes_by_either_name() {
        #[track_caller]
        fn check(body: Value, token: Option<&str>) {
            let found = events("checkouts/delete", &body, &[]).unwrap().pop();
            let expected =
                token.map(|token| ShopEvent::CartDeleted { token: token.into(), at: super::super::tests::now() });
            assert_eq!(found, expected);
        }
        check(json!({ "id": 5, "token": "a", "cart_token": "b" }), Some("a"));
        check(json!({ "id": 5, "cart_token": "b" }), Some("b"));
        check(json!({ "id": 5 }), None);
    }
}

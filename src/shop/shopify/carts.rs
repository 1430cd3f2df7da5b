//! Unfinished checkouts through the Admin API: decides what is asked, and what each answer holds. A node of GraphQL is
//! written as the body that `checkouts/update` has, so that `checkout` reads both.
//!
//! Shopify lists a checkout here once contact data was typed in, and says less of it than its webhooks do (Shopify docs,
//! Admin GraphQL 2026-07, `AbandonedCheckout`): no token, so the checkout goes by the name that its recovery URL holds,
//! which orders and webhooks have as `cart_token`; no box ticked in this checkout and no number typed beside it, so
//! consent is the customer's own, for the customer's own number; no sales channel, no test mark, no address of the
//! browser. Of the items the first ones are told. There is no order by the last change, and none is needed: the filter
//! decides what is on the pages.

use serde_json::{Value, json};

use super::{
    json,
    pull::{answered, moment},
    subscribe::Api,
};
use crate::{
    domain::{connector::Settings, time::Time},
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled},
};

/// A call may cost 1 000 points, and the items of each checkout count.
const PAGE: u32 = 10;

const QUERY: &str = "query($first: Int!, $after: String, $query: String!) {\n  \
    abandonedCheckouts(first: $first, after: $after, query: $query, sortKey: CREATED_AT) {\n    nodes {\n      \
    id abandonedCheckoutUrl createdAt updatedAt completedAt discountCodes\n      \
    totalPriceSet { shopMoney { amount currencyCode } }\n      \
    customer { legacyResourceId firstName locale tags defaultEmailAddress { emailAddress }\n        \
    defaultPhoneNumber { phoneNumber marketingState marketingOptInLevel marketingUpdatedAt }\n        \
    defaultAddress { phone countryCodeV2 provinceCode } }\n      \
    shippingAddress { firstName phone countryCodeV2 provinceCode }\n      \
    billingAddress { firstName phone countryCodeV2 provinceCode }\n      \
    lineItems(first: 20) { nodes { title quantity originalUnitPriceSet { shopMoney { amount } } } }\n    }\n    \
    pageInfo { hasNextPage endCursor }\n  }\n}";

pub(super) fn ask(settings: &Settings, since: Time, cursor: Option<&str>) -> Result<Option<Request>, String> {
    let Some(api) = Api::of(settings)? else { return Ok(None) };
    let query = format!("updated_at:>='{}'", moment(since));
    let variables = json!({ "first": PAGE, "after": cursor, "query": query });
    Ok(Some(Request { room: ANSWER_BYTES_MAX, ..api.call(QUERY, &variables) }))
}

pub(super) fn told(answer: &Response) -> Result<Page, NotPulled> {
    let (body, wait) = answered(
        answer,
        "the token may not read abandoned checkouts: the app needs the scopes read_orders and read_customers, and a token \
         made for a person needs their permission to manage abandoned checkouts",
    )?;
    let checkouts = json::at(&body, "data.abandonedCheckouts");
    if !checkouts.is_object() {
        return Err(NotPulled::later("Shopify's answer holds no checkouts"));
    }
    let more = json::flag(checkouts, "pageInfo.hasNextPage") == Some(true);
    Ok(Page {
        orders: json::list(checkouts, "nodes").iter().filter_map(pulled).collect(),
        next: json::text(checkouts, "pageInfo.endCursor").filter(|_| more),
        wait,
        total: None,
    })
}

/// `None` for one without a name that its order would have too: a text could not be stopped once it is bought.
fn pulled(node: &Value) -> Option<Pulled> {
    let get = |path: &str| json::at(node, path).clone();
    let url = json::url(node, "abandonedCheckoutUrl")?;
    let (token, cart_token) = names(&url)?;
    let tells_language = !json::query_values(&url, "locale").is_empty();
    let address = |path: &str| match json::at(node, path) {
        Value::Null => Value::Null,
        address => json!({
            "first_name": json::at(address, "firstName"),
            "phone": json::at(address, "phone"),
            "country_code": json::at(address, "countryCodeV2"),
            "province_code": json::at(address, "provinceCode"),
        }),
    };
    let codes: Vec<Value> = json::list(node, "discountCodes").iter().map(|code| json!({ "code": code })).collect();
    let body = json!({
        "id": json::text(node, "id").and_then(|id| id.rsplit('/').next().map(str::to_owned)),
        "token": token,
        "cart_token": cart_token,
        "abandoned_checkout_url": url,
        "created_at": get("createdAt"),
        "updated_at": get("updatedAt"),
        "completed_at": get("completedAt"),
        // Of the customer, where the checkout itself does not say in which language it was held.
        "customer_locale": if tells_language { Value::Null } else { get("customer.locale") },
        "currency": get("totalPriceSet.shopMoney.currencyCode"),
        "total_price": get("totalPriceSet.shopMoney.amount"),
        "discount_codes": codes,
        "customer": customer(json::at(node, "customer"), address("customer.defaultAddress")),
        "shipping_address": address("shippingAddress"),
        "billing_address": address("billingAddress"),
        "line_items": json::list(node, "lineItems.nodes").iter().map(item).collect::<Vec<_>>(),
    });
    Some(Pulled {
        begun_at: json::time(node, "createdAt"),
        ..Pulled::plain("checkouts/update", body.to_string().into_bytes())
    })
}

/// What the webhook calls `token` and `cart_token`: `…/checkouts/ac/{cart_token}/recover`, as all have been for years, or
/// `…/checkouts/{token}/recover`. Where only the second is known, it stands for both.
fn names(url: &str) -> Option<(String, Option<String>)> {
    let url = url::Url::parse(url).ok()?;
    let mut rest = url.path_segments()?.skip_while(|segment| *segment != "checkouts").skip(1);
    let name = |segment: &str| {
        let plain = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
        ((6..=json::ID_CHARS_MAX).contains(&segment.len()) && plain && segment != "recover").then(|| segment.to_owned())
    };
    match rest.next()? {
        "ac" | "cn" => {
            let cart_token = name(rest.next()?)?;
            Some((cart_token.clone(), Some(cart_token)))
        }
        segment => Some((name(segment)?, None)),
    }
}

fn customer(customer: &Value, address: Value) -> Value {
    if customer.is_null() {
        return Value::Null;
    }
    let phone = json::at(customer, "defaultPhoneNumber");
    let consent = match json::text(phone, "marketingState") {
        None => Value::Null,
        Some(state) => json!({
            "state": state.to_ascii_lowercase(),
            "opt_in_level": json::text(phone, "marketingOptInLevel").map(|level| level.to_ascii_lowercase()),
            "consent_updated_at": json::at(phone, "marketingUpdatedAt"),
        }),
    };
    let tags: Vec<&str> = json::list(customer, "tags").iter().filter_map(Value::as_str).collect();
    json!({
        "id": json::at(customer, "legacyResourceId"),
        "first_name": json::at(customer, "firstName"),
        "email": json::at(customer, "defaultEmailAddress.emailAddress"),
        "phone": json::at(phone, "phoneNumber"),
        "sms_marketing_consent": consent,
        "tags": tags.join(","),
        "default_address": address,
    })
}

fn item(line: &Value) -> Value {
    json!({
        "title": json::at(line, "title"),
        "quantity": json::at(line, "quantity"),
        "price": json::at(line, "originalUnitPriceSet.shopMoney.amount"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            Shopify,
            tests::{delivery, minor, order, settings_of as settings, shop, with},
        },
        *,
    };
    use crate::{
        domain::event::{CartUpdate, ConsentState, ShopEvent},
        shop::Shop,
    };

    fn node() -> Value {
        json!({
            "id": "gid://shopify/AbandonedCheckout/412345678901234567",
            "abandonedCheckoutUrl": "https://lumen-and-oak.example/7/checkouts/ac/hWN1abcd/recover?key=3d&locale=fr-CA",
            "createdAt": "2026-03-01T14:50:00Z", "updatedAt": "2026-03-01T14:55:00Z", "completedAt": null,
            "discountCodes": ["OAK"], "totalPriceSet": { "shopMoney": { "amount": "214.5", "currencyCode": "USD" } },
            "customer": {
                "legacyResourceId": "723456789012345678", "firstName": "Ida", "locale": "en", "tags": ["VIP", "oak"],
                "defaultEmailAddress": { "emailAddress": "ida@shopper.example" },
                "defaultPhoneNumber": {
                    "phoneNumber": "+14165550142", "marketingState": "SUBSCRIBED",
                    "marketingOptInLevel": "CONFIRMED_OPT_IN", "marketingUpdatedAt": "2026-02-01T00:00:00Z",
                },
                "defaultAddress": null,
            },
            "shippingAddress": { "firstName": "Ida", "phone": "416 555 0143", "countryCodeV2": "CA", "provinceCode": "ON" },
            "billingAddress": null,
            "lineItems": { "nodes": [
                { "title": "Oak stool", "quantity": 2, "originalUnitPriceSet": { "shopMoney": { "amount": "97.25" } } },
            ] },
        })
    }

    fn answer(nodes: Value, more: bool) -> Response {
        let page = json!({ "nodes": nodes, "pageInfo": { "hasNextPage": more, "endCursor": "eyJsYXN0" } });
        let cost =
            json!({ "requestedQueryCost": 700, "throttleStatus": { "currentlyAvailable": 500, "restoreRate": 100 } });
        let body = json!({ "data": { "abandonedCheckouts": page }, "extensions": { "cost": cost } });
        Response { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn carts(change: Value) -> Vec<CartUpdate> {
        let page = Shopify.carts(&settings(&[]), &answer(json!([with(&node(), change)]), false), None).unwrap();
        let read = page.orders.iter().map(|pulled| {
            match Shopify.read(&shop(), pulled.topic, &delivery(&pulled.body, &[])).unwrap().pop() {
                Some(ShopEvent::Cart(cart)) => *cart,
                other => panic!("{other:?}"),
            }
        });
        read.collect()
    }

    #[test]
    fn a_page_is_asked_for_by_the_last_change() {
        let shop = settings(&[("domain", "lumen-and-oak.myshopify.com"), ("token", "shpat_0f1e2d3c4b5a")]);
        let since = Time::from_seconds(1_772_359_200);
        let asked = Shopify.ask_carts(&shop, since, Some("eyJsYXN0")).unwrap().unwrap();
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let variables = json!({ "first": 10, "after": "eyJsYXN0", "query": "updated_at:>='2026-03-01T10:00:00Z'" });
        assert_eq!((&body["variables"], asked.room), (&variables, ANSWER_BYTES_MAX));
        assert_eq!(Shopify.ask_carts(&settings(&[("domain", "x.myshopify.com")]), since, None), Ok(None));
    }

    #[test]
    fn a_node_is_the_checkout_that_its_webhook_would_tell_of() {
        let cart = carts(json!({})).pop().unwrap();
        assert_eq!((cart.token.as_str(), cart.cart_token.as_deref()), ("hWN1abcd", Some("hWN1abcd")));
        assert_eq!((cart.first_name.as_deref(), cart.language.as_deref()), (Some("Ida"), Some("fr-CA")));
        assert_eq!((cart.country.as_deref(), cart.region.as_deref()), (Some("CA"), Some("ON")));
        assert_eq!((cart.total, cart.items[0].price), (minor("USD", 21_450), minor("USD", 9_725)));
        assert_eq!((cart.items[0].title.as_str(), cart.items[0].quantity), ("Oak stool", 2));
        assert_eq!(cart.who.customer.as_deref(), Some("723456789012345678"));
        let phones: Vec<_> = cart.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
        assert_eq!(phones, [("+14165550142", Some("CA")), ("416 555 0143", Some("CA"))]);
        assert_eq!((cart.started_at, cart.completed_at), (Time::parse("2026-03-01T14:50:00Z"), None));
        assert_eq!((cart.updated_at.to_string().as_str(), cart.tags.len()), ("2026-03-01T14:55:00.000Z", 2));
        assert!(cart.recovery_url.unwrap().ends_with("/recover?key=3d&locale=fr-CA"));
        let consent = cart.consent.unwrap();
        assert_eq!((consent.state, consent.proof.level.as_deref()), (ConsentState::Granted, Some("confirmed_opt_in")));
        assert_eq!(consent.phone.unwrap().number, "+14165550142");
        // The order of this checkout names it too, so that a text stops.
        assert!(order(json!({ "cart_token": "hWN1abcd" })).cart_tokens.contains(&cart.token));
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        let cart = carts(json!({ "customer": null, "shippingAddress": null, "completedAt": "2026-03-01T15:00:00Z" }));
        let cart = &cart[0];
        assert_eq!((&cart.consent, cart.who.phones.len(), cart.country.as_deref()), (&None, 0, None));
        assert_eq!(cart.completed_at, Time::parse("2026-03-01T15:00:00Z"));
        let states = [
            ("UNSUBSCRIBED", ConsentState::Withdrawn),
            ("PENDING", ConsentState::Pending),
            ("NOT_SUBSCRIBED", ConsentState::NotGiven),
            ("REDACTED", ConsentState::NotGiven),
        ];
        for (told, state) in states {
            let phone = json!({ "phoneNumber": "+14165550142", "marketingState": told });
            let cart = carts(json!({ "customer": { "locale": "de", "defaultPhoneNumber": phone } }));
            assert_eq!(cart[0].consent.as_ref().map(|it| it.state), Some(state), "{told}");
        }
        let url = json!("https://x.myshopify.com/7/checkouts/ac/hWN1abcd/recover?key=3d");
        assert_eq!(carts(json!({ "abandonedCheckoutUrl": url }))[0].language.as_deref(), Some("en"));
    }

    #[test]
    fn a_checkout_goes_by_the_name_in_its_link_or_not_at_all() {
        #[track_caller]
        fn check(url: &str, expected: Option<(&str, Option<&str>)>) {
            let found = names(url);
            let found = found.as_ref().map(|(token, cart_token)| (token.as_str(), cart_token.as_deref()));
            assert_eq!(found, expected, "{url}");
        }
        check("https://x.example/7/checkouts/ac/Z2NwLXVz/recover?key=1", Some(("Z2NwLXVz", Some("Z2NwLXVz"))));
        check("https://x.example/checkouts/cn/Z2NwLXVz/en-ca", Some(("Z2NwLXVz", Some("Z2NwLXVz"))));
        check("https://x.example/7/checkouts/5c0ffee0a1/recover?key=1", Some(("5c0ffee0a1", None)));
        for path in ["", "checkouts", "7/checkouts/ac", "7/checkouts/ac/recover", "7/checkouts/recover"] {
            check(&format!("https://x.example/{path}"), None);
        }
        check("https://x.example/7/checkouts/ac/%2e%2e/recover", None);
        check("https://x.example/7/checkouts/ac//recover", None);
        check("not a url", None);
        assert!(carts(json!({ "abandonedCheckoutUrl": "https://x.example/cart" })).is_empty());
        assert!(carts(json!({ "abandonedCheckoutUrl": null })).is_empty());
    }

    #[test]
    fn pages_and_refusals() {
        let page = told(&answer(json!([node(), {}, null, 7]), true)).unwrap();
        assert_eq!((page.orders.len(), page.next.as_deref(), page.wait.as_secs()), (1, Some("eyJsYXN0"), 2));
        assert_eq!(told(&answer(json!([]), false)).unwrap().next, None);
        #[track_caller]
        fn check(status: u16, body: Value, expected: &str) {
            let error =
                told(&Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }).unwrap_err();
            let kind = match &error {
                NotPulled::Later { wait, .. } => format!("later {}: ", wait.as_secs()),
                NotPulled::Refused(_) => "refused: ".into(),
                NotPulled::Lost => "lost: ".into(),
            };
            assert!(format!("{kind}{error}").starts_with(expected), "{kind}{error}");
        }
        let error =
            |code: &str, words: &str| json!({ "errors": [{ "message": words, "extensions": { "code": code } }] });
        check(200, error("ACCESS_DENIED", "Access denied"), "refused: the token may not read abandoned checkouts");
        check(200, error("THROTTLED", "Throttled"), "later 1: ");
        check(200, error("", "Invalid cursor for current pagination sort."), "lost: ");
        check(200, json!({ "data": { "abandonedCheckouts": null } }), "later 10: ");
        check(401, json!(null), "refused: Shopify does not accept the token");
        check(429, json!(null), "later 10: ");
        check(502, json!(null), "later 10: ");
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in prop::collection::vec(any::<u8>(), 0..200), url in "https://x/[a-z0-9/%?=]{0,40}") {
            let _ = (told(&Response { status: 200, headers: Vec::new(), body }), names(&url));
        }
    }
}

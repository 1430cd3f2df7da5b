//! What Shopify is asked for, and answers as it writes them, with our own values.

use super::*;
use crate::domain::{
    discount::Plan,
    id::DiscountId,
    money::{Currency, Money},
    time::HOUR,
};

const NOTE: &str = "Cartback disc_0000000000007";

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::restored(pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect())
}

fn shop() -> Settings {
    settings(&[("domain", "lumen-and-oak.myshopify.com"), ("token", "shpat_0f1e2d3c4b5a")])
}

fn euro(minor: i64) -> Money {
    Money::new(minor, Currency::parse("EUR").unwrap())
}

fn new(plan: Plan) -> NewCode {
    let starts_at = Time::from_millis(1_772_359_200_999);
    let expires_at = starts_at + HOUR * plan.expires_hours;
    NewCode { id: DiscountId::new(7), code: "DEM7F3QXWY".into(), plan, starts_at, expires_at }
}

/// The query, the variables, and the body as it was written.
fn asked(request: &Request) -> (String, Value, String) {
    assert_eq!(request.url, "https://lumen-and-oak.myshopify.com/admin/api/2026-07/graphql.json");
    assert!(request.headers.contains(&("x-shopify-access-token".to_owned(), "shpat_0f1e2d3c4b5a".to_owned())));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let query = body["query"].as_str().unwrap().to_owned();
    (query, body["variables"].clone(), String::from_utf8(request.body.clone()).unwrap())
}

fn answer(status: u16, body: Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

#[test]
fn a_code_is_asked_for_with_every_bound_it_has() {
    let plan = Plan { minimum: Some(euro(5_000)), ..Plan::new(Off::Percent(10)) };
    let (query, variables, _) = asked(&make(&shop(), &new(plan)).unwrap().unwrap());
    assert!(query.contains("discountCodeBasicCreate(basicCodeDiscount: $discount)"), "{query}");
    let tenth: Value = serde_json::from_str("0.10").unwrap();
    let expected = json!({
        "title": NOTE, "code": "DEM7F3QXWY",
        "startsAt": "2026-03-01T10:00:00Z", "endsAt": "2026-03-04T10:00:00Z",
        "usageLimit": 1, "appliesOncePerCustomer": true, "context": { "all": "ALL" },
        "combinesWith": { "orderDiscounts": false, "productDiscounts": false, "shippingDiscounts": false },
        "customerGets": { "items": { "all": true }, "value": { "percentage": tenth } },
        "minimumRequirement": { "subtotal": { "greaterThanOrEqualToSubtotal": "50.00" } },
    });
    assert_eq!(variables["discount"], expected);
}

#[test]
fn what_it_takes_off_is_exact() {
    #[track_caller]
    fn check(off: Off, expected: &str) {
        let (.., body) = asked(&make(&shop(), &new(Plan::new(off))).unwrap().unwrap());
        assert!(body.contains(expected), "{body}");
    }
    check(Off::Percent(1), r#""value":{"percentage":0.01}"#);
    check(Off::Percent(29), r#""value":{"percentage":0.29}"#);
    check(Off::Percent(57), r#""value":{"percentage":0.57}"#);
    check(Off::Percent(100), r#""value":{"percentage":1}"#);
    check(Off::Amount(euro(29)), r#""discountAmount":{"amount":"0.29","appliesOnEachItem":false}"#);
    check(Off::Amount(Money::new(500, Currency::parse("JPY").unwrap())), r#""amount":"500""#);
    assert!(make(&shop(), &new(Plan::new(Off::Percent(101)))).is_err());
}

#[test]
fn free_shipping_is_a_call_of_its_own() {
    let plan = Plan { alone: false, ..Plan::new(Off::FreeShipping) };
    let (query, variables, _) = asked(&make(&shop(), &new(plan)).unwrap().unwrap());
    assert!(query.contains("discountCodeFreeShippingCreate(freeShippingCodeDiscount: $discount)"), "{query}");
    let input = &variables["discount"];
    assert_eq!(input["destination"], json!({ "all": true }));
    assert!(input.get("customerGets").is_none(), "{input}");
    let beside = json!({ "orderDiscounts": true, "productDiscounts": true, "shippingDiscounts": false });
    assert_eq!(input["combinesWith"], beside);
}

#[test]
fn without_a_token_there_is_nobody_to_ask() {
    let code = new(Plan::new(Off::Percent(10)));
    assert_eq!(make(&settings(&[("domain", "lumen-and-oak.myshopify.com")]), &code), Ok(None));
    let elsewhere = settings(&[("domain", "lumen-and-oak.example"), ("token", "shpat_0f1e2d3c4b5a")]);
    assert!(make(&elsewhere, &code).unwrap_err().starts_with("domain: "));
    assert_eq!((find(&elsewhere, "A"), remove(&elsewhere, "gid://shopify/DiscountCodeNode/1")), (None, None));
}

fn errors(code: &str, message: &str) -> Value {
    json!({ "errors": [{ "message": message, "extensions": { "code": code } }] })
}

fn told(name: &str, code: Value, message: &str) -> Value {
    let problem = json!({ "field": ["basicCodeDiscount", "code"], "code": code, "message": message });
    json!({ "data": { name: { "codeDiscountNode": null, "userErrors": [problem] } } })
}

#[test]
fn what_became_of_making() {
    #[track_caller]
    fn check(status: u16, body: Value, expected: Made) {
        match (made(&answer(status, body.clone())), expected) {
            (Made::Refused(found), Made::Refused(part)) | (Made::Later(found), Made::Later(part)) => {
                assert!(found.contains(&part), "{found}");
            }
            (found, expected) => assert_eq!(found, expected, "{status} {body}"),
        }
    }
    let refused = |part: &str| Made::Refused(part.into());
    let later = |part: &str| Made::Later(part.into());
    let id = "gid://shopify/DiscountCodeNode/1180211970137";
    let done = json!({
        "data": { "made": { "codeDiscountNode": { "id": id }, "userErrors": [] } },
        "extensions": { "cost": { "requestedQueryCost": 10 } },
    });
    check(200, done, Made::Done { id: id.into() });
    let unique = "Code must be unique. Please try a different code.";
    check(200, told("made", json!("TAKEN"), unique), Made::Exists);
    check(200, told("made", json!(null), unique), Made::Exists);
    let negative = "Value must be greater than 0";
    check(200, told("made", json!("GREATER_THAN"), negative), refused(negative));
    check(200, told("made", json!("INTERNAL_ERROR"), "?"), later("error of its own"));
    check(200, errors("THROTTLED", "Throttled"), later("fewer calls"));
    check(200, errors("ACCESS_DENIED", "Access denied for discountCodeBasicCreate field."), refused("write_discounts"));
    check(200, errors("INTERNAL_SERVER_ERROR", "Internal error. Looks like something went wrong"), later("just now"));
    check(200, errors("undefinedField", "Field 'x' doesn't exist"), refused("Field 'x'"));
    check(200, json!({ "data": { "made": null } }), later("does not say"));
    check(200, json!({ "data": null }), later("does not say"));
    check(200, json!("Hello"), later("does not say"));
    for (status, part) in [(401, "token"), (402, "frozen"), (403, "token"), (404, "no shop")] {
        check(status, json!({ "errors": "no" }), refused(part));
    }
    for status in [301, 429, 430, 500, 502, 503] {
        check(status, json!(""), later(&status.to_string()));
    }
    assert!(matches!(made(&Response { status: 200, headers: Vec::new(), body: b"<html>".to_vec() }), Made::Later(_)));
}

#[test]
fn a_code_is_found_again_and_known_as_ours() {
    let (query, variables, _) = asked(&find(&shop(), "DEM7F3QXWY").unwrap());
    assert!(query.contains("codeDiscountNodeByCode(code: $code)"));
    assert_eq!(variables, json!({ "code": "DEM7F3QXWY" }));
    let id = "gid://shopify/DiscountCodeNode/7";
    let titled = |title: &str| json!({ "data": { "found": { "id": id, "codeDiscount": { "title": title } } } });
    assert_eq!(found(&answer(200, titled(NOTE)), NOTE), Found::Ours { id: id.into() });
    assert_eq!(found(&answer(200, titled("Summer")), NOTE), Found::Foreign);
    let other = json!({ "data": { "found": { "id": id, "codeDiscount": {} } } });
    assert_eq!(found(&answer(200, other), NOTE), Found::Foreign, "a kind of discount we never make");
    assert_eq!(found(&answer(200, json!({ "data": { "found": null } })), NOTE), Found::Nothing);
    assert!(matches!(found(&answer(200, errors("THROTTLED", "")), NOTE), Found::Later(_)));
    assert!(matches!(found(&answer(200, errors("ACCESS_DENIED", "")), NOTE), Found::Refused(_)));
}

#[test]
fn what_became_of_removing() {
    let (query, variables, _) = asked(&remove(&shop(), "gid://shopify/DiscountCodeNode/7").unwrap());
    assert!(query.contains("discountCodeDelete(id: $id)"));
    assert_eq!(variables, json!({ "id": "gid://shopify/DiscountCodeNode/7" }));
    let gone = json!({ "data": { "removed": { "deletedCodeDiscountId": "gid://shopify/DiscountCodeNode/7", "userErrors": [] } } });
    assert_eq!(removed(&answer(200, gone)), Removed::Gone);
    let absent = told("removed", json!(null), "Code discount does not exist.");
    assert_eq!(removed(&answer(200, absent)), Removed::Gone);
    assert!(matches!(removed(&answer(200, told("removed", json!("INVALID"), "no"))), Removed::Refused(_)));
    assert!(matches!(removed(&answer(200, errors("THROTTLED", ""))), Removed::Later(_)));
    assert!(matches!(removed(&answer(200, json!({ "data": { "removed": {} } }))), Removed::Later(_)));
    assert!(matches!(removed(&answer(503, json!({}))), Removed::Later(_)));
}

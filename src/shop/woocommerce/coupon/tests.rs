//! What WooCommerce is asked for, and answers as it writes them, with our own values.

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

fn site() -> Settings {
    settings(&[("site", "shop.example, www.shop.example"), ("key", "ck_1"), ("secret", "cs_2")])
}

fn new(plan: Plan) -> NewCode {
    let starts_at = Time::from_millis(1_772_359_200_999);
    let expires_at = starts_at + HOUR * plan.expires_hours;
    NewCode { id: DiscountId::new(7), code: "DEM7F3QXWY".into(), plan, starts_at, expires_at }
}

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::parse(currency).unwrap())
}

#[track_caller]
fn coupon(plan: Plan) -> Value {
    let request = make(&site(), &new(plan)).unwrap().unwrap();
    assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://shop.example/wp-json/wc/v3/coupons"));
    // ck_1:cs_2
    assert!(request.headers.contains(&("authorization".into(), "Basic Y2tfMTpjc18y".into())));
    serde_json::from_slice(&request.body).unwrap()
}

fn answer(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

#[test]
fn a_coupon_is_asked_for_with_every_bound_it_has() {
    let plan = Plan { minimum: Some(money(5_000, "EUR")), ..Plan::new(Off::Percent(10)) };
    let expected = json!({
        "code": "DEM7F3QXWY", "description": NOTE, "discount_type": "percent", "amount": "10",
        "date_expires": "2026-03-04T10:00:00Z", "usage_limit": 1, "usage_limit_per_user": 1,
        "individual_use": true, "free_shipping": false, "minimum_amount": "50.00",
    });
    assert_eq!(coupon(plan), expected);
}

#[test]
fn what_it_takes_off_is_exact() {
    #[track_caller]
    fn check(off: Off, kind: &str, amount: &str, shipping: bool) {
        let made = coupon(Plan { alone: false, ..Plan::new(off) });
        assert_eq!((&made["discount_type"], &made["amount"]), (&json!(kind), &json!(amount)));
        assert_eq!((&made["free_shipping"], &made["individual_use"]), (&json!(shipping), &json!(false)));
        assert!(made.get("minimum_amount").is_none());
    }
    check(Off::Amount(money(29, "EUR")), "fixed_cart", "0.29", false);
    check(Off::Amount(money(1_500, "BHD")), "fixed_cart", "1.500", false);
    check(Off::Amount(money(500, "JPY")), "fixed_cart", "500", false);
    check(Off::FreeShipping, "fixed_cart", "0", true);
}

#[test]
fn without_a_key_there_is_nobody_to_ask() {
    let code = new(Plan::new(Off::Percent(10)));
    assert_eq!(make(&settings(&[("site", "shop.example")]), &code), Ok(None));
    let half = settings(&[("site", "shop.example"), ("key", "ck_1")]);
    assert!(make(&half, &code).unwrap_err().starts_with("key, secret: "));
    assert_eq!((find(&half, "A"), remove(&half, "7")), (None, None));
}

fn error(code: &str, message: &str, status: u16) -> Value {
    json!({ "code": code, "message": message, "data": { "status": status } })
}

fn made_coupon(description: &str) -> Value {
    json!({
        "id": 5121, "code": "dem7f3qxwy", "amount": "10.00", "status": "publish", "discount_type": "percent",
        "description": description, "date_expires": "2026-03-04T11:00:00", "date_expires_gmt": "2026-03-04T10:00:00",
        "usage_count": 0, "usage_limit": 1, "individual_use": true, "free_shipping": false, "meta_data": [],
    })
}

#[test]
fn what_became_of_making() {
    #[track_caller]
    fn check(status: u16, body: &Value, expected: Made) {
        match (made(&answer(status, body)), expected) {
            (Made::Refused(found), Made::Refused(part)) | (Made::Later(found), Made::Later(part)) => {
                assert!(found.contains(&part), "{found}");
            }
            (found, expected) => assert_eq!(found, expected, "{status} {body}"),
        }
    }
    let refused = |part: &str| Made::Refused(part.into());
    let later = |part: &str| Made::Later(part.into());
    check(201, &made_coupon(NOTE), Made::Done { id: "5121".into() });
    let exists = error("woocommerce_rest_coupon_code_already_exists", "The coupon code already exists", 400);
    check(400, &exists, Made::Exists);
    let barred = error("woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources.", 401);
    check(401, &barred, refused("Read/Write"));
    check(403, &json!("Forbidden"), refused("Read/Write"));
    check(404, &error("rest_no_route", "No route was found", 404), refused("permalinks"));
    check(400, &error("rest_invalid_param", "Invalid parameter(s): amount", 400), refused("amount"));
    check(308, &json!(null), refused("\"site\""));
    for status in [408, 429, 500, 502, 503] {
        check(status, &error("internal_server_error", "There has been a critical error", status), later("answered"));
    }
    check(200, &json!([]), later("names no coupon"));
    let page = Response { status: 200, headers: Vec::new(), body: b"<html>Back soon".to_vec() };
    assert!(matches!(made(&page), Made::Later(_)));
}

#[test]
fn a_coupon_is_found_again_and_known_as_ours() {
    let request = find(&site(), "DEM7 F&Q").unwrap();
    assert_eq!(request.url, "https://shop.example/wp-json/wc/v3/coupons?code=DEM7+F%26Q");
    assert_eq!(request.method, Method::Get);
    assert_eq!(found(&answer(200, &json!([made_coupon(NOTE)])), NOTE), Found::Ours { id: "5121".into() });
    assert_eq!(found(&answer(200, &json!([made_coupon("Summer")])), NOTE), Found::Foreign);
    assert_eq!(found(&answer(200, &json!([])), NOTE), Found::Nothing);
    assert!(matches!(found(&answer(200, &json!({})), NOTE), Found::Later(_)));
    assert!(matches!(found(&answer(503, &json!({})), NOTE), Found::Later(_)));
    assert!(matches!(found(&answer(401, &json!({})), NOTE), Found::Refused(_)));
}

#[test]
fn what_became_of_removing() {
    let request = remove(&site(), "5121").unwrap();
    assert_eq!(request.url, "https://shop.example/wp-json/wc/v3/coupons/5121?force=true");
    assert_eq!(request.method, Method::Delete);
    for wrong in ["", "5121/../orders", "x", "-1"] {
        assert_eq!(remove(&site(), wrong), None, "{wrong}");
    }
    assert_eq!(removed(&answer(200, &made_coupon(NOTE))), Removed::Gone);
    let absent = error("woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.", 404);
    assert_eq!(removed(&answer(404, &absent)), Removed::Gone);
    assert!(matches!(removed(&answer(404, &error("rest_no_route", "No route", 404))), Removed::Refused(_)));
    assert!(matches!(removed(&answer(401, &json!({}))), Removed::Refused(_)));
    assert!(matches!(removed(&answer(500, &json!({}))), Removed::Later(_)));
}

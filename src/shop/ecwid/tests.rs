//! Tests of the Ecwid connector: what is signed and what is not, a cart's whole story, pages, coupons, any bytes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{
        discount::{Off, Plan},
        event::{CartUpdate, Channel, OrderUpdate},
        id::DiscountId,
        money::{Currency, Money},
    },
    http::Method,
};

const NOW: &str = "2026-03-01T12:00:00Z";
const SECRET: &str = "cl13ntS3cretOfTheApp";
const CART_ID: &str = "0B299518-FB54-491A-A6E0-5B6BA6E20868";

fn euro() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn shop() -> ShopFacts {
    ShopFacts { country: "DE".into(), currency: euro(), settings: Default::default() }
}

fn settings() -> Settings {
    let given = [
        ("store_id", "1003"),
        ("secret_token", "secret_t0kent0kent0ken"),
        ("client_secret", SECRET),
        ("storefront", "https://shop.example.com/store"),
    ];
    SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// The other two connectors of pointers and pulling rehearse it too.
pub(in crate::shop) fn visit() -> Visit {
    Visit {
        token: "v1s1t".into(),
        order: 4711,
        refund: 12,
        phone: "+12125550101".into(),
        country: "US".into(),
        language: "en".into(),
        total: Money::new(4_200, euro()),
        refunded: Money::new(1_200, euro()),
        checkout_url: "https://shop.example.com/checkout/v1s1t".into(),
        started_at: at("2026-03-01T11:00:00Z"),
        placed_at: at("2026-03-01T11:30:00Z"),
        link: Some("l1nk".into()),
    }
}

fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example.com/h/ecwid/x?eventtype=order.updated".into(),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.to_vec(),
        received_at: at(NOW),
    }
}

fn sign(key: &str, text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(text.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

fn hint(kind: &str) -> Value {
    json!({
        "eventId": "ev-1", "eventCreated": 1_772_359_200, "storeId": 1003, "entityId": 293_225_803, "eventType": kind,
        "data": { "orderId": "RA1SD", "cartId": CART_ID },
    })
}

fn pointer(kind: &str) -> Delivery {
    delivery(&[(SIGNATURE, &sign(SECRET, "1772359200.ev-1"))], hint(kind).to_string().as_bytes())
}

fn cart(changes: Value) -> Value {
    let mut cart = json!({
        "cartId": CART_ID, "email": "ida@example.com", "customerId": 0, "total": 89.9, "hidden": false,
        "createTimestamp": 1_772_352_000, "updateTimestamp": 1_772_355_600, "ipAddress": "192.0.2.7",
        "billingPerson": { "name": "Ida Berg", "countryCode": "DE", "stateOrProvinceCode": "BY" },
        "items": [{
            "name": "Oak chair", "productId": 37_208_342, "quantity": 2, "price": 44.95,
            "selectedOptions": [
                { "name": "Color", "type": "CHOICE", "value": "Light & warm" },
                { "name": "Extras", "type": "CHOICES", "value": "Oil, Felt", "valuesArray": ["Oil", "Felt"] },
            ],
        }],
    });
    cart.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    cart
}

fn order(changes: Value) -> Value {
    let mut order = json!({
        "id": "RA1SD", "vendorOrderNumber": "RA1SD", "orderNumber": 293_225_803, "email": "ida@example.com",
        "customerId": 31, "total": 89.90, "tax": 14.35, "paymentStatus": "PAID", "paymentMethod": "Card",
        "createDate": "2026-03-01 10:30:00 +0000", "updateDate": "2026-03-01 12:31:00 +0100",
        "couponDiscount": 9.99, "discountCoupon": { "code": "OAK10" }, "refundedAmount": 0,
        "refererUrl": "https://shop.example.com/store?cartback=l1nk", "shippingOption": { "shippingRate": 4.9 },
        "billingPerson": { "name": "Ida Berg", "countryCode": "DE", "phone": "0151 23456789" },
        "shippingPerson": { "countryCode": "AT", "phone": "+43 660 1234567" },
    });
    order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    order
}

fn answer(status: u16, body: &Value) -> Response {
    Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.to_string().into_bytes() }
}

fn read(pulled: &Pulled) -> ShopEvent {
    Ecwid.read(&shop(), pulled.topic, &delivery(&[], &pulled.body)).unwrap().remove(0)
}

/// What comes of a webhook and of what was fetched after it.
fn told(kind: &str, status: u16, body: &Value) -> Vec<ShopEvent> {
    let pointer = pointer(kind);
    assert_eq!(Ecwid.read(&shop(), kind, &pointer), Ok(Vec::new()), "a hint says nothing");
    let whole = Ecwid.whole(&settings(), kind, &pointer, &answer(status, body)).unwrap();
    whole.iter().map(read).collect()
}

fn read_cart(changes: Value) -> CartUpdate {
    match told("unfinished_order.updated", 200, &cart(changes)).remove(0) {
        ShopEvent::Cart(cart) => *cart,
        other => panic!("{other:?}"),
    }
}

fn read_order(changes: Value) -> OrderUpdate {
    match told("order.updated", 200, &order(changes)).remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn signatures() {
    let good = sign(SECRET, "1772359200.ev-1");
    let body = hint("order.created").to_string();
    #[track_caller]
    fn check(settings: &Settings, headers: &[(&str, &str)], body: &str, expected: Result<&str, Refusal>) {
        let kept = |topic: &str| Accepted::Keep { topic: topic.into(), key: "ev-1".into() };
        assert_eq!(Ecwid.verify(settings, &delivery(headers, body.as_bytes())), expected.map(kept));
    }
    let own = settings();
    check(&own, &[(SIGNATURE, &good)], &body, Ok("order.created"));
    check(
        &own.with("client_secret", format!("n3wS3cretOfTheApp, {SECRET}")),
        &[(SIGNATURE, &good)],
        &body,
        Ok("order.created"),
    );
    // A fixed vector, computed elsewhere.
    assert_eq!(
        sign("key", "The quick brown fox jumps over the lazy dog"),
        "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="
    );
    check(&own.with("client_secret", ""), &[(SIGNATURE, &good)], &body, Err(Refusal::NoKey));
    check(&own, &[], &body, Err(Refusal::Unsigned));
    check(&own, &[(SIGNATURE, "")], &body, Err(Refusal::Unsigned));
    check(&own, &[(SIGNATURE, &good), (SIGNATURE, &good)], &body, Err(Refusal::Unsigned));
    for wrong in [&good[..20], &good.to_lowercase(), &sign("an0therS3cretAltogether", "1772359200.ev-1"), "x"] {
        check(&own, &[(SIGNATURE, wrong)], &body, Err(Refusal::WrongSignature));
    }
    check(&own, &[(SIGNATURE, &good)], &body.replace("ev-1", "ev-2"), Err(Refusal::WrongSignature));
    check(&own, &[(SIGNATURE, &good)], &body.replace("1772359200", "1772359201"), Err(Refusal::WrongSignature));
    check(&own, &[(SIGNATURE, &good)], &body.replace("1003", "1004"), Err(Refusal::WrongSignature));
    check(&own, &[(SIGNATURE, &good)], "", Err(Refusal::WrongSignature));
}

#[test]
fn nobody_chooses_what_was_fetched() {
    let signature = sign(SECRET, "1772359200.ev-1");
    for topic in [CART, CART_GONE, ORDER, CUSTOMER_GONE, STORE_LEFT, "product.created", ""] {
        let forged = delivery(&[(SIGNATURE, &signature)], hint(topic).to_string().as_bytes());
        let kept = Accepted::Keep { topic: "other".into(), key: "ev-1".into() };
        assert_eq!(Ecwid.verify(&settings(), &forged), Ok(kept), "{topic}");
        assert_eq!(Ecwid.ask_whole(&settings(), "other", &forged), Ok(None));
    }
}

#[test]
fn hints_are_followed_only_in_the_shape_of_ids() {
    let asked = |kind: &str, change: Value| {
        let mut body = hint(kind);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let hint = delivery(&[], body.to_string().as_bytes());
        Ecwid.ask_whole(&settings(), kind, &hint).unwrap().map(|request| request.url)
    };
    let base = "https://app.ecwid.com/api/v3/1003";
    assert_eq!(asked("unfinished_order.created", json!({})), Some(format!("{base}/carts/{CART_ID}")));
    assert_eq!(asked("order.updated", json!({})), Some(format!("{base}/orders/RA1SD")));
    assert_eq!(asked("order.updated", json!({ "data": null })), Some(format!("{base}/orders/293225803")));
    assert_eq!(asked("application.uninstalled", json!({})), Some(format!("{base}/profile")));
    assert_eq!(asked("customer.deleted", json!({})), Some(format!("{base}/customers/293225803")));
    for id in ["../../1004/carts/x", "a/b", "a?b", "a#b", "..", "", "a b", "%2e", &"a".repeat(100)] {
        assert_eq!(asked("unfinished_order.created", json!({ "data": { "cartId": id } })), None, "{id}");
        assert_eq!(asked("order.created", json!({ "entityId": -1, "data": { "orderId": id } })), None, "{id}");
    }
    assert_eq!(asked("unfinished_order.created", json!({ "entityId": -1, "data": {} })), None);
    let request = Ecwid.ask_whole(&settings(), "order.created", &pointer("order.created")).unwrap().unwrap();
    assert!(request.headers.contains(&("authorization".into(), "Bearer secret_t0kent0kent0ken".into())));
    assert!(Ecwid.ask_whole(&settings().with("secret_token", ""), "order.created", &pointer("order.created")).is_err());
}

#[test]
fn a_story() {
    let first = read_cart(json!({}));
    assert_eq!((first.token.as_str(), first.cart_token.as_deref()), (CART_ID, Some("order-RA1SD")));
    assert_eq!((first.who.customer.as_deref(), first.who.phones.len()), (None, 0), "a guest");
    assert_eq!(
        (first.first_name.as_deref(), first.country.as_deref(), first.region.as_deref()),
        (Some("Ida"), Some("DE"), Some("BY"))
    );
    assert_eq!((first.total, first.consent.is_none()), (Some(Money::new(8_990, euro())), true));
    assert_eq!((first.started_at, first.updated_at), (Some(at("2026-03-01T08:00:00Z")), at("2026-03-01T09:00:00Z")));
    let restore = "https://shop.example.com/store#!/~/cart/create=%7B%22gotoCheckout%22%3Atrue%2C%22products%22%3A%5B%7B%22\
                   id%22%3A37208342%2C%22options%22%3A%7B%22Color%22%3A%22Light%20%26%20warm%22%2C%22Extras%22%3A%5B%22Oil\
                   %22%2C%22Felt%22%5D%7D%2C%22quantity%22%3A2%7D%5D%7D";
    assert_eq!(first.recovery_url.as_deref(), Some(restore));

    let person =
        json!({ "billingPerson": { "phone": "0151 23456789", "countryCode": "DE" }, "updateTimestamp": 1_772_355_700 });
    let second = read_cart(person);
    assert_eq!(second.who.phones[0].country.as_deref(), Some("DE"));
    assert!(second.updated_at > first.updated_at);
    assert!(read_cart(json!({ "acceptMarketing": true })).consent.is_none(), "that is for e-mail");

    let waiting = read_order(json!({ "paymentStatus": "INCOMPLETE" }));
    assert_eq!((waiting.placed_at, waiting.cart_tokens.len()), (None, 0), "it must not close its own cart");
    let offline = read_order(json!({ "paymentStatus": "AWAITING_PAYMENT" }));
    assert_eq!(offline.placed_at, Some(at("2026-03-01T10:30:00Z")));
    let paid = read_order(json!({}));
    assert!(paid.cart_tokens.contains(first.cart_token.as_ref().unwrap()), "the order finds its cart");
    assert_eq!(paid.updated_at, at("2026-03-01T11:31:00Z"));
    assert_eq!(
        (paid.recovery_tokens.as_slice(), paid.codes.as_slice()),
        (["l1nk".to_owned()].as_slice(), ["OAK10".to_owned()].as_slice())
    );
    assert_eq!((paid.discounts[0].amount.minor, paid.payment.as_deref()), (999, Some("Card")));
    let phones: Vec<_> = paid.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
    assert_eq!(phones, [("0151 23456789", Some("DE")), ("+43 660 1234567", Some("AT"))]);
    let cancelled = read_order(json!({ "paymentStatus": "CANCELLED" }));
    assert_eq!((cancelled.placed_at.is_some(), cancelled.cancelled_at), (true, Some(at("2026-03-01T11:31:00Z"))));

    let part = read_order(
        json!({ "refundedAmount": 5.5, "refunds": [{ "amount": 5.5, "date": "2026-03-01 11:00:00 +0000" }] }),
    );
    assert_eq!((part.refunds[0].amount.minor, part.refunds[0].at), (550, at("2026-03-01T11:00:00Z")));
    assert_eq!(
        read_order(json!({ "refundedAmount": null, "refunds": [{ "amount": 2 }, { "amount": "3.1" }] })).refunds[0]
            .amount
            .minor,
        510
    );
    let whole = read_order(json!({ "paymentStatus": "REFUNDED" }));
    assert_eq!(
        (whole.refunds[0].amount.minor, whole.refunds[0].external_id == part.refunds[0].external_id),
        (8_990, true)
    );

    assert!(read_cart(json!({ "recoveredOrderId": 293_225_803 })).completed_at.is_some());
    assert!(matches!(
        &told("unfinished_order.updated", 200, &cart(json!({ "hidden": true })))[..],
        [ShopEvent::CartDeleted { .. }]
    ));
}

#[test]
fn what_is_gone_is_gone_only_when_ecwid_says_so() {
    let gone = told("unfinished_order.deleted", 404, &json!({}));
    assert!(matches!(&gone[..], [ShopEvent::CartDeleted { token, .. }] if token == CART_ID), "{gone:?}");
    assert!(matches!(&told("unfinished_order.deleted", 200, &cart(json!({})))[..], [ShopEvent::Cart(_)]), "it lied");
    assert_eq!(told("order.deleted", 404, &json!({})), []);
    assert_eq!(told("application.uninstalled", 200, &json!({ "generalInfo": {} })), [], "it lied");
    assert_eq!(told("application.uninstalled", 403, &json!({})), [ShopEvent::Uninstalled { at: at(NOW) }]);
    assert_eq!(told("customer.deleted", 200, &json!({ "id": 293_225_803 })), []);
    let redact = told("customer.deleted", 404, &json!({}));
    assert!(matches!(&redact[..], [ShopEvent::Redact(who)] if who.customer.as_deref() == Some("293225803")));

    let whole = |status, body: &Value| {
        Ecwid.whole(
            &settings(),
            "unfinished_order.created",
            &pointer("unfinished_order.created"),
            &answer(status, body),
        )
    };
    assert!(matches!(whole(403, &json!({})), Err(NotPulled::Refused(_))));
    assert!(matches!(whole(402, &json!({})), Err(NotPulled::Refused(_))));
    let wait = std::time::Duration::from_secs(7);
    assert!(matches!(whole(429, &json!({})), Err(NotPulled::Later { wait: told, .. }) if told == wait));
    assert!(matches!(whole(500, &json!({})), Err(NotPulled::Later { .. })));
    assert!(matches!(whole(200, &json!([])), Err(NotPulled::Later { .. })));
    assert!(matches!(whole(200, &cart(json!({ "cartId": "OTHER" }))), Err(NotPulled::Later { .. })));
    let uninstalled = pointer("application.uninstalled");
    assert!(Ecwid.whole(&settings(), "application.uninstalled", &uninstalled, &answer(500, &json!({}))).is_err());
}

#[test]
fn odd_bodies() {
    let odd =
        json!({ "items": {}, "billingPerson": [], "total": "", "email": null, "updateTimestamp": "", "utmData": "" });
    let read = read_cart(odd);
    assert_eq!((read.total, read.items.len(), read.updated_at), (None, 0, at(NOW)));
    assert_eq!(read.recovery_url.as_deref(), Some("https://shop.example.com/store#!/~/cart"));
    let many: Vec<_> = (1..400).map(|id| json!({ "name": "x", "productId": id })).collect();
    assert!(
        read_cart(json!({ "items": many })).recovery_url.unwrap().ends_with("#!/~/cart"),
        "too long for an address"
    );
    assert_eq!(read_order(json!({ "total": "89.905" })).total.minor, 8_991);
    assert_eq!(read_order(json!({ "id": null })).external_id, "RA1SD");
    assert_eq!(read_order(json!({ "ebayId": "7" })).channel, Channel::Staff);
    let read = |body: Value| Ecwid.read(&shop(), ORDER, &delivery(&[], body.to_string().as_bytes()));
    assert!(read(order(json!({ "total": null }))).is_err());
    assert!(read(json!({ "total": 1 })).is_err());
    for typed in ["http://shop.example.com", "shop.example.com", "https://a@shop.example.com", "https://localhost/", ""]
    {
        assert!(storefront(typed).is_none(), "{typed}");
    }
    assert_eq!(Ecwid.hosts(&settings()), ["shop.example.com"]);
    assert!(Ecwid.is_silent(&settings().with("client_secret", "")) && !Ecwid.is_silent(&settings()));
}

#[test]
fn pages() {
    let url = |wanted: Wanted, cursor| Ecwid.ask_orders(&settings(), &wanted, cursor).unwrap().unwrap().url;
    let base = "https://app.ecwid.com/api/v3/1003";
    let since = Wanted::Changed { since: at("2026-03-01T09:00:00Z") };
    assert_eq!(url(since.clone(), Some("50")), format!("{base}/orders?offset=50&limit=50&updatedFrom=1772355600"));
    let placed = url(Wanted::Placed { from: at("2026-03-01T08:00:00Z"), to: at("2026-03-01T09:00:00Z") }, None);
    assert!(placed.ends_with("offset=0&limit=50&createdFrom=1772352000&createdTo=1772355600"), "{placed}");
    assert!(url(Wanted::One { external_id: "MY-RA1SD".into() }, None).ends_with("&ids=MY-RA1SD"));
    assert!(Ecwid.ask_orders(&settings(), &Wanted::One { external_id: "a/b".into() }, None).is_err());
    assert_eq!(Ecwid.ask_orders(&settings().with("secret_token", ""), &since, None), Ok(None));
    let carts = Ecwid.ask_carts(&settings(), at("2026-03-01T09:00:00Z"), None).unwrap().unwrap().url;
    assert_eq!(carts, format!("{base}/carts?offset=0&limit=50&updatedFrom=1772355600&showHidden=true"));

    let page = json!({ "total": 52, "count": 1, "offset": 50, "limit": 50, "items": [order(json!({}))] });
    let read_page = Ecwid.orders(&answer(200, &page), Some("50")).unwrap();
    assert_eq!((read_page.next.as_deref(), read_page.total), (Some("51"), Some(52)));
    assert_eq!(
        (read_page.orders[0].tax.as_deref(), read_page.orders[0].shipping.as_deref()),
        (Some("14.35"), Some("4.9"))
    );
    assert!(matches!(read(&read_page.orders[0]), ShopEvent::Order(_)));
    let last = Ecwid.orders(&answer(200, &json!({ "total": 52, "items": [] })), Some("50")).unwrap();
    assert_eq!(last.next, None, "nothing more comes, whatever the total says");
    let page =
        Ecwid.carts(&settings(), &answer(200, &json!({ "total": 1, "items": [cart(json!({}))] })), None).unwrap();
    assert!(matches!(read(&page.orders[0]), ShopEvent::Cart(cart) if cart.recovery_url.is_some()));
    assert_eq!(page.next, None);
    assert!(matches!(Ecwid.orders(&answer(403, &json!({})), None), Err(NotPulled::Refused(_))));
    assert!(matches!(Ecwid.orders(&answer(429, &json!({})), None), Err(NotPulled::Later { .. })));
    assert!(matches!(Ecwid.orders(&answer(200, &json!({})), None), Err(NotPulled::Later { .. })));
}

#[test]
fn coupons() {
    let mut plan = Plan::new(Off::Amount(Money::new(550, euro())));
    plan.minimum = Some(Money::new(2_000, euro()));
    let new = NewCode {
        id: DiscountId::new(7),
        code: "LUM7KMCDEF".into(),
        plan,
        starts_at: at("2026-03-01T10:00:00Z"),
        expires_at: at("2026-03-04T10:00:00Z"),
    };
    let request = Ecwid.make_code(&settings(), &new).unwrap().unwrap();
    assert_eq!(
        (request.method, request.url.as_str()),
        (Method::Post, "https://app.ecwid.com/api/v3/1003/discount_coupons")
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected: Value = serde_json::from_str(&format!(
        r#"{{"name":"{}","code":"LUM7KMCDEF","discountType":"ABS","status":"ACTIVE","discount":5.50,"totalLimit":20.00,
            "launchDate":"2026-03-01 10:00:00 +0000","expirationDate":"2026-03-04 10:00:00 +0000","usesLimit":"SINGLE",
            "applicationLimit":"UNLIMITED"}}"#,
        new.note()
    ))
    .unwrap();
    assert_eq!(body, expected);
    let kind = |off| {
        let new = NewCode { plan: Plan::new(off), ..new.clone() };
        let body: Value = serde_json::from_slice(&Ecwid.make_code(&settings(), &new).unwrap().unwrap().body).unwrap();
        (body["discountType"].as_str().unwrap().to_owned(), body["discount"].to_string())
    };
    assert_eq!(kind(Off::Percent(10)), ("PERCENT".into(), "10".into()));
    assert_eq!(kind(Off::FreeShipping), ("SHIPPING".into(), "null".into()));

    let made = |status, body: Value| Ecwid.made_code(&answer(status, &body));
    assert_eq!(made(200, json!({ "id": 358, "code": "x" })), Made::Done { id: "358".into() });
    assert_eq!(made(409, json!({})), Made::Exists);
    assert_eq!(made(400, json!({ "errorMessage": "Coupon with this code already exists" })), Made::Exists);
    assert!(matches!(made(400, json!({ "errorMessage": "no" })), Made::Refused(_)));
    assert!(matches!(made(403, json!({})), Made::Refused(_)));
    assert!(matches!(
        (made(429, json!({})), made(500, json!({})), made(200, json!([]))),
        (Made::Later(_), Made::Later(_), Made::Later(_))
    ));

    assert!(Ecwid.find_code(&settings(), "A B").unwrap().url.ends_with("discount_coupons?code=A+B"));
    let found = |items: Value| Ecwid.found_code(&answer(200, &json!({ "items": items })), &new.note());
    assert_eq!(found(json!([{ "id": 358, "name": new.note() }])), Found::Ours { id: "358".into() });
    assert_eq!(found(json!([{ "id": 358, "name": "Spring" }])), Found::Foreign);
    assert_eq!(found(json!([])), Found::Nothing);
    assert!(matches!(Ecwid.found_code(&answer(502, &json!({})), ""), Found::Later(_)));

    let request = Ecwid.remove_code(&settings(), "358").unwrap();
    assert_eq!((request.method, request.url.ends_with("/discount_coupons/358")), (Method::Delete, true));
    assert!(Ecwid.remove_code(&settings(), "../x").is_none());
    let removed = |status| Ecwid.removed_code(&answer(status, &json!({ "deleteCount": 1 })));
    assert_eq!((removed(200), removed(404)), (Removed::Gone, Removed::Gone));
    assert!(matches!((removed(403), removed(500)), (Removed::Refused(_), Removed::Later(_))));
}

#[test]
fn a_rehearsal_is_taken_and_read() {
    let told = |act| {
        let Rehearsed::Fetched { pointer: Some(pointer), whole } = Ecwid.rehearse(&settings(), &visit(), act, at(NOW))
        else {
            panic!()
        };
        let Accepted::Keep { topic, .. } = Ecwid.verify(&settings(), &pointer).unwrap() else { panic!() };
        assert!(Ecwid.ask_whole(&settings(), &topic, &pointer).unwrap().is_some());
        read(&whole)
    };
    let ShopEvent::Cart(cart) = told(Act::Left) else { panic!() };
    assert!(cart.consent.is_some() && cart.who.phones.len() == 1);
    assert_eq!(cart.recovery_url.as_deref(), Some(visit().checkout_url.as_str()));
    let ShopEvent::Order(order) = told(Act::Bought) else { panic!() };
    assert!(order.cart_tokens.contains(&cart.token) && order.refunds.is_empty());
    assert_eq!((order.recovery_tokens.as_slice(), order.total), (["l1nk".to_owned()].as_slice(), visit().total));
    let ShopEvent::Order(order) = told(Act::Refunded) else { panic!() };
    assert_eq!(order.refunds[0].amount, visit().refunded);
}

#[test]
fn samples() {
    let shared = std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| "../shared".into());
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("payloads/ecwid");
    let Ok(files) = std::fs::read_dir(&folder) else { return println!("skipped: no bodies in {}", folder.display()) };
    let mut asked = Vec::new();
    for file in files.flatten() {
        let body = std::fs::read(file.path()).unwrap();
        let hint = json::object(&delivery(&[], &body)).unwrap();
        let text = |key: &str| json::id(&hint, key).unwrap();
        let signature = sign(SECRET, &format!("{}.{}", text("eventCreated"), text("eventId")));
        let pointer = delivery(&[(SIGNATURE, &signature)], &body);
        let kept = Accepted::Keep { topic: "unfinished_order.created".into(), key: text("eventId") };
        assert_eq!(Ecwid.verify(&settings(), &pointer), Ok(kept));
        asked.push(Ecwid.ask_whole(&settings(), "unfinished_order.created", &pointer).unwrap().is_some());
    }
    asked.sort_unstable();
    assert_eq!(asked, [false, true]);
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}", minor in any::<i64>()) {
        let odd = json!({ "cart": { "cartId": text, "total": text, "items": [text] }, "id": text, "total": minor, "refundedAmount": minor });
        for body in [body, odd.to_string().into_bytes()] {
            let delivery = delivery(&[(SIGNATURE, &text)], &body);
            let _ = Ecwid.verify(&settings(), &delivery);
            let told = Response { status: 200, headers: Vec::new(), body };
            for topic in SPEC.topics.iter().map(|topic| topic.name).chain([CART, CART_GONE, ORDER, CUSTOMER_GONE, STORE_LEFT]) {
                let _ = Ecwid.read(&shop(), topic, &delivery);
                let _ = (Ecwid.ask_whole(&settings(), topic, &delivery), Ecwid.whole(&settings(), topic, &delivery, &told));
            }
            let _ = (Ecwid.orders(&told, Some(&text)), Ecwid.carts(&settings(), &told, None), Ecwid.made_code(&told));
        }
    }
}

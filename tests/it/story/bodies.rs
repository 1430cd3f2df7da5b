//! What shops send, in the shapes they send it, with values of our own. `deliver` signs and hands in as each platform
//! does.

use cartback::{pipeline::receive::Answer, shop::standard_webhooks};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::app::{App, SHOPIFY_KEY, STANDARD_SECRET, Shopkeeper, WOO_SECRET, minutes};

/// A Slovenian mobile number, as typed and as it is dialled.
pub const MOBILE: &str = "+38640555101";
pub const MOBILE_TYPED: &str = "040 555 101";

/// `body` with the keys of `change` replaced or added, at the first level.
pub fn with(body: &Value, change: Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

impl App {
    /// An event of the generic format. The sender's id is fresh: the same body twice is two deliveries.
    pub async fn generic(&self, shop: &Shopkeeper, kind: &str, data: Value) {
        let body = json!({ "type": kind, "timestamp": self.iso(), "data": data });
        let answer = self.standard(shop, &body.to_string()).await;
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        self.settle().await;
    }

    /// Signs as Standard Webhooks says and hands in; nothing is done yet.
    pub async fn standard(&self, shop: &Shopkeeper, body: &str) -> Answer {
        let id = format!("evt_{}", self.delivery_number());
        let at = self.now().seconds();
        let headers = vec![
            ("webhook-id".into(), id.clone()),
            ("webhook-timestamp".into(), at.to_string()),
            ("webhook-signature".into(), standard_webhooks::sign(STANDARD_SECRET, &id, at, body.as_bytes())),
        ];
        self.post(shop, headers, body.as_bytes()).await
    }

    /// A webhook of Shopify's.
    pub async fn shopify(&self, shop: &Shopkeeper, topic: &str, body: &Value) {
        let answer = self.shopify_raw(shop, topic, &body.to_string()).await;
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        self.settle().await;
    }

    /// The same, handed in only.
    pub async fn shopify_raw(&self, shop: &Shopkeeper, topic: &str, body: &str) -> Answer {
        let headers = vec![
            ("x-shopify-topic".into(), topic.into()),
            ("x-shopify-webhook-id".into(), format!("9c1f-{}", self.delivery_number())),
            ("x-shopify-triggered-at".into(), self.iso()),
            ("x-shopify-hmac-sha256".into(), mac(SHOPIFY_KEY, body)),
        ];
        self.post(shop, headers, body.as_bytes()).await
    }

    /// A webhook of WooCommerce's own.
    pub async fn woo(&self, shop: &Shopkeeper, topic: &str, body: &Value) {
        let body = body.to_string();
        let headers = vec![
            ("x-wc-webhook-topic".into(), topic.into()),
            // Not unique, as in life.
            ("x-wc-webhook-delivery-id".into(), "5d41402abc4b2a76b9719d911017c592".into()),
            ("x-wc-webhook-signature".into(), mac(WOO_SECRET, &body)),
        ];
        let answer = self.post(shop, headers, body.as_bytes()).await;
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        self.settle().await;
    }

    /// A checkout with everything a text needs, changed just now.
    pub fn checkout(&self, token: &str, change: Value) -> Value {
        let whole = json!({
            "token": token, "cart_token": format!("crt-{token}"),
            "customer_id": "c-7", "email": "Maja.Novak@shopper.example", "phone": MOBILE_TYPED, "phone_country": "SI",
            "first_name": "Maja", "country": "SI", "language": "en", "currency": "EUR", "total": "128.00",
            "items": [{ "title": "Oak stool", "quantity": 2, "price": "64.00" }],
            "recovery_url": format!("https://shop.example/restore/{token}?key=9f"),
            "consent": { "state": "granted", "source": "shop.example", "ip": "192.0.2.10" },
            "started_at": self.ago(minutes(5)), "updated_at": self.iso(),
        });
        with(&whole, change)
    }

    /// The order of that checkout, placed just now.
    pub fn order(&self, id: &str, token: &str, change: Value) -> Value {
        let whole = json!({
            "id": id, "number": format!("#{id}"), "checkout_token": token, "email": "maja.novak@shopper.example",
            "phone": MOBILE, "currency": "EUR", "total": "128.00", "status": "paid",
            "placed_at": self.iso(), "updated_at": self.iso(),
        });
        with(&whole, change)
    }

    /// An order of nobody we know, by somebody else's checkout.
    pub fn strangers_order(&self, id: &str, change: Value) -> Value {
        let stranger = json!({ "checkout_token": "elsewhere", "email": "stranger@shopper.example", "phone": null });
        with(&self.order(id, "elsewhere", stranger), change)
    }

    /// A Shopify checkout, in the shape of API 2025-07.
    pub fn shopify_checkout(&self, token: &str, change: Value) -> Value {
        let whole = json!({
            "id": 41_230_987_650_123_451i64, "token": token, "cart_token": format!("hWN1{token}"),
            "email": "maja.novak@shopper.example", "gateway": null,
            "buyer_accepts_marketing": false, "buyer_accepts_sms_marketing": true, "sms_marketing_phone": MOBILE,
            "created_at": self.ago(minutes(5)), "updated_at": self.iso(), "completed_at": null, "closed_at": null,
            "landing_site": "/", "note_attributes": [], "shipping_lines": [], "currency": "EUR",
            "phone": null, "customer_locale": "en-SI", "source_name": "web", "presentment_currency": "EUR",
            "discount_codes": [], "subtotal_price": "120.00", "total_price": "128.00", "total_tax": "21.64",
            "abandoned_checkout_url":
                format!("https://lumen-and-oak.example/61/checkouts/ac/hWN1{token}/recover?key=3d9&locale=en-SI"),
        });
        let people_and_goods = json!({
            "line_items": [{
                "key": "91", "fulfillment_service": "manual", "grams": 0, "line_price": "120.00", "price": "60.00",
                "presentment_title": "Oak stool", "product_id": 7001, "properties": null, "quantity": 2,
                "requires_shipping": true, "sku": "OAK-1", "taxable": true, "title": "Oak stool",
                "variant_id": 7002, "variant_title": "", "vendor": "Lumen & Oak",
            }],
            "shipping_address": {
                "first_name": "Maja", "address1": "Trubarjeva 1", "phone": MOBILE_TYPED, "city": "Ljubljana",
                "zip": "1000", "province": null, "country": "Slovenia", "last_name": "Novak", "address2": null,
                "company": null, "name": "Maja Novak", "country_code": "SI", "province_code": null,
            },
            "customer": {
                "id": 72_345_678_901_234_501i64, "email": "maja.novak@shopper.example", "first_name": "Maja",
                "last_name": "Novak", "state": "disabled", "phone": null, "sms_marketing_consent": null,
            },
        });
        with(&with(&whole, people_and_goods), change)
    }

    /// The order of that checkout, placed just now.
    pub fn shopify_order(&self, id: i64, token: &str, change: Value) -> Value {
        let whole = json!({
            "id": id, "admin_graphql_api_id": format!("gid://shopify/Order/{id}"), "app_id": 580_111,
            "name": "#1093", "number": 93, "order_number": 1093, "cart_token": format!("hWN1{token}"),
            "checkout_id": 41_230_987_650_123_451i64, "checkout_token": token, "cancelled_at": null,
            "email": "maja.novak@shopper.example", "contact_email": "maja.novak@shopper.example", "phone": null,
            "created_at": self.iso(), "processed_at": self.iso(), "updated_at": self.iso(),
            "currency": "EUR", "presentment_currency": "EUR", "financial_status": "paid", "test": false,
            "total_price": "128.00", "total_price_set": {
                "shop_money": { "amount": "128.00", "currency_code": "EUR" },
                "presentment_money": { "amount": "128.00", "currency_code": "EUR" },
            },
            "payment_gateway_names": ["shopify_payments"], "source_name": "web", "landing_site": "/",
            "discount_codes": [], "note_attributes": [], "refunds": [], "line_items": [],
            "customer": { "id": 72_345_678_901_234_501i64, "email": "maja.novak@shopper.example" },
            "shipping_address": { "phone": MOBILE_TYPED, "country_code": "SI" },
        });
        with(&whole, change)
    }

    /// A refund of it.
    pub fn shopify_refund(&self, id: i64, order: i64, amount: &str) -> Value {
        json!({
            "id": id, "order_id": order, "created_at": self.iso(), "processed_at": self.iso(), "note": "scratched",
            "user_id": null, "restock": true, "refund_line_items": [{
                "id": id + 1, "quantity": 1, "subtotal": amount, "total_tax": "0.00",
                "subtotal_set": { "shop_money": { "amount": amount, "currency_code": "EUR" } },
            }],
            "transactions": [{
                "id": id + 2, "kind": "refund", "status": "success", "amount": amount, "currency": "EUR",
                "gateway": "shopify_payments",
            }],
        })
    }

    /// A WooCommerce order.
    pub fn woo_order(&self, id: i64, change: Value) -> Value {
        let now = self.iso().trim_end_matches('Z').to_owned();
        let whole = json!({
            "id": id, "parent_id": 0, "status": "processing", "currency": "EUR", "version": "9.8.1",
            "prices_include_tax": true, "date_created_gmt": now, "date_modified_gmt": now, "date_paid_gmt": now,
            "discount_total": "0.00", "total": "128.00", "total_tax": "0.00", "customer_id": 0,
            "order_key": format!("wc_order_{id}"), "number": id.to_string(), "created_via": "checkout",
            "payment_method": "stripe", "payment_url": format!("https://shop.example/pay/{id}"),
            "billing": {
                "first_name": "Maja", "last_name": "Novak", "country": "SI",
                "email": "maja.novak@shopper.example", "phone": MOBILE_TYPED,
            },
            "shipping": { "first_name": "", "last_name": "", "country": "", "phone": "" },
            "meta_data": [], "line_items": [], "coupon_lines": [], "refunds": [],
        });
        with(&whole, change)
    }
}

fn mac(key: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(body.as_bytes());
    data_encoding::BASE64.encode(&mac.finalize().into_bytes())
}

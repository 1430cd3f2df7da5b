//! WooCommerce's own link that fills a cart anew and leads to the checkout: `/checkout-link/?products=123:2,456:1`
//! (WooCommerce docs, "Shareable Checkout URLs"; since 10.0). Decides whether an order's goods can be put into one. What
//! is bought there is another order, so this is for where the waiting one has no payment page.
//!
//! It takes products without options, and variations by their own ids; other words in its query go on to the checkout.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json;

/// The first version that knows the link.
const SINCE: u32 = 10;
/// More do not make a link that anyone would call one.
const LINES_MAX: usize = 50;

/// `None` where it would not bring back the same goods, or nobody signed the shop's address.
pub(super) fn of(order: &Value) -> Option<String> {
    let version = json::text(order, "version")?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    let lines = json::list(order, "line_items");
    if major < SINCE || lines.is_empty() || lines.len() > LINES_MAX {
        return None;
    }
    // One product on two lines: the link knows each only once.
    let mut goods: BTreeMap<String, u32> = BTreeMap::new();
    for line in lines {
        let count: u32 = json::id_not_zero(line, "quantity")?.parse().ok()?;
        let known = goods.entry(product(line)?).or_default();
        *known = known.checked_add(count)?;
    }
    let products: Vec<String> = goods.iter().map(|(product, count)| format!("{product}:{count}")).collect();
    let mut url = format!("{}/checkout-link/?products={}", site(order)?, products.join(","));
    // It takes one; of several, the shopper would miss the others.
    if let [one] = json::list(order, "coupon_lines") {
        let code = json::whole(one, "code", json::ID_CHARS_MAX)?;
        let pair: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("coupon", &code).finish();
        url = format!("{url}&{pair}");
    }
    (url.len() <= json::URL_CHARS_MAX).then_some(url)
}

fn product(line: &Value) -> Option<String> {
    let digits = |key| json::id_not_zero(line, key).filter(|id| crate::shop::pull::is_id(id));
    if let Some(variation) = digits("variation_id") {
        return Some(variation);
    }
    // What the shopper chose or had written on it would be lost; names with `_` are notes of plugins.
    let chosen = |note: &Value| json::text(note, "key").is_some_and(|key| !key.starts_with('_'));
    let plain = !json::list(line, "meta_data").iter().any(chosen);
    digits("product_id").filter(|_| plain)
}

/// Where the shop is, as its order says under `_links`: nobody signs the header that says it too. A site whose permalinks
/// are plain does not know the link.
fn site(order: &Value) -> Option<String> {
    let own = json::list(order, "_links.self").iter().find_map(|link| json::url(link, "href"))?;
    let (site, _) = own.split_once("/wp-json/")?;
    (site.starts_with("https://") && !site.contains(['?', '#', '@'])).then(|| site.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn order(changes: Value) -> Value {
        let mut order = json!({
            "id": 5120, "version": "10.2.1", "coupon_lines": [],
            "_links": { "self": [{ "href": "https://shop.example/wp-json/wc/v3/orders/5120" }] },
            "line_items": [
                { "product_id": 74, "variation_id": 0, "quantity": 2, "meta_data": [{ "key": "_note", "value": "x" }] },
                { "product_id": 80, "variation_id": 81, "quantity": 1, "meta_data": [{ "key": "pa_wood", "value": "oak" }] },
                { "product_id": 74, "variation_id": 0, "quantity": "1", "meta_data": [] },
            ],
        });
        order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        order
    }

    #[track_caller]
    fn check(changes: Value, expected: Option<&str>) {
        assert_eq!(of(&order(changes.clone())).as_deref(), expected, "{changes}");
    }

    #[test]
    fn the_same_goods_again() {
        let plain = "https://shop.example/checkout-link/?products=74:3,81:1";
        check(json!({}), Some(plain));
        check(json!({ "coupon_lines": [{ "code": "oak & 10" }] }), Some(&format!("{plain}&coupon=oak+%26+10")));
        check(json!({ "coupon_lines": [{ "code": "a" }, { "code": "b" }] }), Some(plain));
        let in_folder =
            json!({ "_links": { "self": [{ "href": "https://shop.example/de/wp-json/wc/v3/orders/5120" }] } });
        check(in_folder, Some("https://shop.example/de/checkout-link/?products=74:3,81:1"));
    }

    #[test]
    fn no_link_where_it_would_not_work() {
        for version in [json!("9.8.5"), json!(null), json!(""), json!("trunk")] {
            check(json!({ "version": version }), None);
        }
        for href in [
            "https://shop.example/?rest_route=/wc/v3/orders/1",
            "http://shop.example/wp-json/1",
            "",
            "https://a@b/wp-json/",
        ] {
            check(json!({ "_links": { "self": [{ "href": href }] } }), None);
        }
        check(json!({ "_links": null }), None);
        let line = |change: Value| {
            let mut line = json!({ "product_id": 74, "variation_id": 0, "quantity": 1 });
            line.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            json!({ "line_items": [line] })
        };
        check(line(json!({})), Some("https://shop.example/checkout-link/?products=74:1"));
        for change in [
            json!({ "product_id": 0 }),
            json!({ "product_id": "74,99" }),
            json!({ "quantity": 0.5 }),
            json!({ "quantity": 0 }),
            json!({ "meta_data": [{ "key": "Engraving", "value": "Ida" }] }),
        ] {
            check(line(change), None);
        }
        check(json!({ "line_items": [] }), None);
        check(json!({ "line_items": vec![json!({ "product_id": 1, "quantity": 1 }); 51] }), None);
    }

    proptest! {
        #[test]
        fn no_order_panics(version in ".{0,8}", href in ".{0,40}", quantity in any::<i64>(), id in any::<u64>()) {
            let line = json!({ "product_id": id, "quantity": quantity });
            let links = json!({ "self": [{ "href": href }] });
            let _ = of(&order(json!({ "version": version, "_links": links, "line_items": [line.clone(), line] })));
        }
    }
}

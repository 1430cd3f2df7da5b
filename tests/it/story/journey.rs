//! The main road: a cart is left, a text goes, the shopper comes back and buys.

use cartback::pipeline::follow::Way;
use serde_json::json;

use super::bodies::MOBILE;
use crate::{
    app::{App, Engine, hours, minutes, on_both},
    sql,
};

#[tokio::test]
async fn a_cart_is_recovered() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let log = app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(29)).await;
        assert_eq!(app.texts(&shop).await, []);
        app.pass(minutes(1)).await;
        let text = app.last_text(&shop).await;
        assert_eq!(text.to, MOBILE);
        let words = text.words.replace(&text.token('r'), "…");
        assert_eq!(
            words,
            "Lumen & Oak: Hi Maja, you left something in your cart: https://cb.example/r/… Reply STOP to opt out"
        );
        assert!(text.token('r').len() <= 30, "{}", text.token('r'));

        app.pass(minutes(1)).await;
        app.receipt(&log, &text, "delivered").await;
        app.pass(minutes(9)).await;
        let way = app.tap(&text).await;
        let tagged = "https://shop.example/restore/c1?key=9f&utm_source=cartback&utm_medium=sms\
                      &utm_campaign=abandoned-cart&utm_content=step-1&cartback=";
        assert_eq!(way, Way::Checkout(format!("{tagged}{}", text.token('r'))));
        app.pass(minutes(5)).await;
        let landed = json!({ "recovery_tokens": [text.token('r')] });
        app.generic(&shop, "order.upserted", app.order("1001", "c1", landed)).await;
        app.pass(hours(72)).await;
        let refunded = json!({ "id": "r1", "amount": "28.00", "at": app.iso() });
        let later =
            json!({ "recovery_tokens": [text.token('r')], "placed_at": app.ago(hours(72)), "refunds": [refunded] });
        app.generic(&shop, "order.upserted", app.order("1001", "c1", later)).await;

        assert_eq!(
            app.cart_story(&shop, "c1").await,
            "Tue 09:55 begun\n\
             Tue 10:30 abandoned\n\
             Tue 10:30 step 1: yes\n\
             Tue 10:30 text 1 accepted\n\
             Tue 10:31 text 1 delivered\n\
             Tue 10:40 text 1 opened: human\n\
             Tue 10:45 bought\n\
             Tue 10:45 credited order of #1001: 128.00\n\
             Tue 10:45 because: the order came in through this text's own link, tapped 5 min before the order\n\
             Fri 10:45 credited refund:r1 of #1001: -28.00\n"
        );
        assert_eq!(
            app.figures(&shop).await,
            "abandoned 1, reachable 1, texted 1, texts 1, delivered 1, clicked 1, recovered 1, orders 1, \
             EUR abandoned 128.00, EUR gross 128.00, EUR refunded 28.00, EUR net 100.00"
        );
        // Nothing is left to recover: the link leads to the shop's front door.
        let home = Way::Home { shop: "Lumen & Oak".into(), url: "https://shop.example/".into() };
        assert_eq!(app.tap(&text).await, home);
    })
    .await;
}

#[tokio::test]
async fn a_shopify_cart_is_recovered() {
    on_both(async |app| {
        let shop = app.with_shop("shopify").await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        let early = json!({ "email": null, "sms_marketing_phone": null, "shipping_address": [], "customer": null,
                            "buyer_accepts_sms_marketing": false, "total_price": "60.00" });
        app.shopify(&shop, "checkouts/create", &app.shopify_checkout("5c0ff", early)).await;
        app.pass(minutes(3)).await;
        app.shopify(&shop, "checkouts/update", &app.shopify_checkout("5c0ff", json!({}))).await;
        app.pass(minutes(30)).await;
        let text = app.last_text(&shop).await;
        let request = app.outside.requests().pop().unwrap();
        let sent: Vec<(String, String)> = url::Url::parse(&request.url).unwrap().query_pairs().into_owned().collect();
        let sent = |name: &str| sent.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap();
        assert_eq!((sent("to"), sent("text"), sent("coding")), (MOBILE, text.words.as_str(), "0"));
        assert!(sent("dlr-url").starts_with(&format!("https://cb.example/hook/sms/{}?ref=1.msg_", kannel.path)));
        app.receipt(&kannel, &text, "accepted").await;
        app.receipt(&kannel, &text, "delivered").await;
        app.pass(minutes(10)).await;
        assert!(
            matches!(app.tap(&text).await, Way::Checkout(url) if url.starts_with("https://lumen-and-oak.example/61/"))
        );
        let landed = json!({ "landing_site": format!("/cart?cartback={}", text.token('r')) });
        app.shopify(&shop, "orders/create", &app.shopify_order(61_230_001, "5c0ff", landed.clone())).await;
        app.shopify(&shop, "orders/paid", &app.shopify_order(61_230_001, "5c0ff", landed)).await;
        app.pass(hours(1)).await;
        app.shopify(&shop, "refunds/create", &app.shopify_refund(501, 61_230_001, "28.00")).await;
        assert_eq!(
            app.figures(&shop).await,
            "abandoned 1, reachable 1, texted 1, texts 1, delivered 1, clicked 1, recovered 1, orders 1, \
             EUR abandoned 128.00, EUR gross 128.00, EUR refunded 28.00, EUR net 100.00"
        );
        app.reply(&kannel, MOBILE, "STOP").await;
        app.shopify(&shop, "checkouts/create", &app.shopify_checkout("next", json!({ "created_at": app.iso() }))).await;
        app.pass(hours(1)).await;
        assert!(app.cart_story(&shop, "next").await.contains("step 1: no: opted out on 3 Mar 2026"));
        // The text, and the one answer to its STOP.
        assert_eq!((app.outside.texts(), app.texts(&shop).await.len()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_woocommerce_order_closes_the_plugins_cart() {
    on_both(async |app| {
        let shop = app.with_shop("woocommerce").await;
        app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("wc-1", json!({}))).await;
        app.pass(minutes(30)).await;
        let text = app.last_text(&shop).await;
        app.pass(minutes(2)).await;
        app.tap(&text).await;
        let meta = json!({ "meta_data": [{ "id": 1, "key": "_cartback_token", "value": "wc-1" }] });
        app.woo(&shop, "order.created", &app.woo_order(811, meta.clone())).await;
        // The second of two deliveries in one second carries the same id and another body.
        let refunds = json!([{ "id": 900, "reason": "", "total": "-28.00" }]);
        let mut refunded = app.woo_order(811, meta);
        refunded["refunds"] = refunds;
        app.pass(minutes(1)).await;
        refunded["date_modified_gmt"] = json!(app.iso().trim_end_matches('Z'));
        app.woo(&shop, "order.updated", &refunded).await;
        assert!(app.figures(&shop).await.ends_with("EUR gross 128.00, EUR refunded 28.00, EUR net 100.00"));
        app.pass(hours(48)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_second_text_follows_a_day_later() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(hours(24)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        app.pass(hours(72)).await;
        assert_eq!(
            app.cart_story(&shop, "c1").await,
            "Tue 09:55 begun\n\
             Tue 10:30 abandoned\n\
             Tue 10:30 step 1: yes\n\
             Tue 10:30 text 1 accepted\n\
             Wed 10:30 step 2: yes\n\
             Wed 10:30 text 2 accepted\n"
        );
        let text = app.last_text(&shop).await;
        assert!(text.words.starts_with("Lumen & Oak: Still thinking it over?"), "{}", text.words);
        assert_ne!(text.token('r'), app.texts(&shop).await[0].token('r'));
    })
    .await;
}

#[tokio::test]
async fn activity_starts_the_wait_anew() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        for _ in 0..3 {
            app.generic(&shop, "checkout.updated", app.checkout("c1", json!({ "started_at": null }))).await;
            app.pass(minutes(20)).await;
        }
        assert_eq!(app.texts(&shop).await, []);
        app.pass(minutes(10)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_shop_says_it_in_its_own_words() {
    on_both(async |app| {
        let words = "{{ shop }} / {{ first_name }} / {{ total }} / {{ items }} x{{ item_count }} / {{ code }} {{ link }} {{ opt_out }}";
        let changes = [("texts.1.en", words), ("discount_code", "BACK10"), ("name", "Škrat"), ("utm_source", "texts")];
        let shop = app.with_shop_like("generic", &changes).await;
        app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(30)).await;
        let text = app.last_text(&shop).await;
        assert!(text.words.starts_with("Škrat / Maja / €128.00 / Oak stool x2 / BACK10 https://"), "{}", text.words);
        assert!(matches!(app.tap(&text).await, Way::Checkout(url) if url.contains("utm_source=texts")));
    })
    .await;
}

const FOREIGN: [&str; 8] = [
    "https://evil.example/x",
    "https://shop.example.evil.example/",
    "https://shop.example@evil.example/",
    "https://evil.example/https://shop.example/",
    "https://evil.example\\@shop.example/",
    "https://shop.example:444/x",
    "//evil.example/x",
    "javascript:alert(1)",
];

/// Whatever a webhook names as a cart's address after the text was sent: a tap leads to the shop's own hosts or to its front
/// door.
#[tokio::test]
async fn no_address_in_a_webhook_leads_to_a_stranger() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(31)).await;
        let text = app.last_text(&shop).await;
        assert!(matches!(app.tap(&text).await, Way::Checkout(_)));
        for url in FOREIGN {
            let moved = json!({ "recovery_url": url, "updated_at": app.iso() });
            app.generic(&shop, "checkout.updated", app.checkout("c1", moved)).await;
            let way = app.tap(&text).await;
            assert!(matches!(&way, Way::Home { url, .. } if url == "https://shop.example/"), "{url}: {way:?}");
        }
    })
    .await;
}

/// A text whose link would lead to nothing is not sent; once the shop says that the host is its own, it is.
#[tokio::test]
async fn carts_that_lead_astray_wait_until_the_shop_names_the_host() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        let own = "https://checkout.shop.example/resume?key=5";
        for (number, url) in FOREIGN.into_iter().chain([own]).enumerate() {
            let change = json!({
                "recovery_url": url, "phone": format!("+3864055510{number}"), "email": null, "customer_id": null,
                "cart_token": null,
            });
            app.generic(&shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
        }
        app.pass(minutes(31)).await;
        assert_eq!(app.messages(&shop).await, []);
        let story = app.cart_story(&shop, &format!("c{}", FOREIGN.len())).await;
        assert!(story.contains("not the shop's: checkout.shop.example"), "{story}");
        // A pause ends none of them, whatever else is changed meanwhile.
        app.change(&shop, &[("paused", "yes")]).await;
        app.pass(minutes(1)).await;
        app.change(&shop, &[("click_window_hours", "240")]).await;
        app.pass(minutes(1)).await;
        app.change(&shop, &[("paused", "no")]).await;
        app.pass(minutes(1)).await;
        assert_eq!(app.messages(&shop).await, []);
        app.change(&shop, &[("site", "shop.example, checkout.shop.example")]).await;
        app.pass(minutes(1)).await;
        let texts = app.texts(&shop).await;
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(matches!(app.tap(&texts[0]).await, Way::Checkout(url) if url.starts_with(own)));
    })
    .await;
}

/// Every row of every table but those that an opening may write to.
async fn all_but_clicks(app: &App) -> Vec<String> {
    let tables = sql::rows(&app.core.db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").await;
    let mut all = Vec::new();
    for table in tables.into_iter().flatten().filter(|table| !["click", "job"].contains(&table.as_str())) {
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns: Vec<String> = sql::rows(&app.core.db, &columns).await.into_iter().flatten().collect();
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let select = format!("SELECT {} FROM \"{table}\" ORDER BY 1", quoted.join(" || ',' || "));
        all.extend(sql::rows(&app.core.db, &select).await.into_iter().flatten().map(|row| format!("{table}: {row}")));
    }
    all
}

/// A preview fetches links before anybody has seen them, again and again: that is no act of the shopper's.
#[tokio::test]
async fn opening_a_link_writes_nothing_but_that_it_was_opened() {
    let app = App::start(Engine::Lite).await.unwrap();
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    app.with_gateway(&shop, "log").await;
    app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
    app.pass(minutes(31)).await;
    let text = app.last_text(&shop).await;
    let before = all_but_clicks(&app).await;
    assert!(
        before.iter().any(|row| row.starts_with("cart: ")) && before.iter().any(|row| row.starts_with("message: "))
    );
    for agent in ["WhatsApp/2.23", "facebookexternalhit/1.1", "GoogleMessages", "Slackbot 1.0", ""].repeat(20) {
        assert!(matches!(app.open(&text.token('r'), agent).await, Way::Checkout(_)));
    }
    assert_eq!(all_but_clicks(&app).await, before);
    app.settle().await;
    app.end().await;
}

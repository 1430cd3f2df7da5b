//! The pixel in a real browser: a small shop's pages, a visitor who clicks through them, and what of it is found on ours.
//! Nothing is kept in the browser before consent, and a browser that asks not to be followed tells nothing.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};
use cartback::{
    domain::{
        id::SiteEventId,
        site_event::{Kind, SiteEvent},
    },
    store,
};

use super::site::Stage;
use crate::app::{PHONE_AGENT, Shopkeeper, minutes};

/// A shop's pages. They lie on our own server, for a story's browser asks nobody else.
fn pages(config: &mut ServiceConfig) {
    config
        .service(web::resource("/demo/gpc.js").route(web::get().to(async || {
            let script = "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true });";
            HttpResponse::Ok().content_type("text/javascript").body(script)
        })))
        .service(web::resource("/demo/shop/{id}/{page:.*}").route(web::get().to(page)));
}

async fn page(request: HttpRequest) -> HttpResponse {
    let part = |name: &str| request.match_info().get(name).unwrap_or_default().to_owned();
    let (id, page) = (part("id"), part("page"));
    let head = match page.as_str() {
        "products/lamp" => {
            r#"<meta property="og:type" content="product"><meta property="og:title" content="Oak lamp">
               <meta property="product:price:amount" content="64.00"><meta property="product:price:currency" content="EUR">"#
        }
        "silent" => r#"<script src="/demo/gpc.js"></script>"#,
        _ => "",
    };
    let html = format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lumen</title><link rel="icon" href="/assets/icon.svg">{head}
           <script async src="/p/{id}.js" data-cart="chk_1" data-order="9001"></script></head><body>
           <button type="button" data-cartback-click="cart_added" data-product="Oak lamp" data-value="64.00" data-cart="chk_1">Add</button>
           <label>Mail <input type="email" id="mail"></label><a href="tel:+38640555000">Call</a></body></html>"#
    );
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html)
}

async fn events(stage: &Stage, shop: &Shopkeeper) -> Vec<SiteEvent> {
    let (_, keys) = stage.app.shop(shop.id).await;
    let mut read = stage.app.core.db.read().await.unwrap();
    store::site_event::list(&mut read, &keys, None, SiteEventId::new(i64::MAX), 200).await.unwrap()
}

/// Waits until the shop's events have one like this.
async fn until(stage: &Stage, shop: &Shopkeeper, is: impl Fn(&SiteEvent) -> bool) -> SiteEvent {
    for _ in 0..100 {
        if let Some(event) = events(stage, shop).await.into_iter().find(&is) {
            return event;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("never told; there are {:#?}", events(stage, shop).await);
}

const KEPT: &str = "return localStorage.length + document.cookie.length";

#[actix_web::test]
async fn a_visitor_clicks_through_a_shop() {
    let Some(stage) = Stage::open_beside(pages).await else { return };
    let shop = stage.app.with_shop("generic").await;
    stage.calls_itself(PHONE_AGENT).await;
    let at = |page: &str| format!("/demo/shop/{}/{page}", shop.path);

    stage.visit(&at("products/lamp?utm_source=spring&utm_medium=email")).await;
    let seen = until(&stage, &shop, |event| event.kind == Kind::ProductViewed).await;
    assert_eq!((seen.product.as_str(), seen.value.map(|value| value.minor)), ("Oak lamp", Some(6_400)));
    assert_eq!((seen.visit.source.as_str(), seen.visit.medium.as_str()), ("spring", "email"));
    stage.press("Add").await;
    let added = until(&stage, &shop, |event| event.kind == Kind::CartAdded).await;
    assert_eq!((added.visitor, added.product.as_str()), (seen.visitor, "Oak lamp"));
    stage.fill("Mail", "ana@shopper.example\t").await;
    let contact = until(&stage, &shop, |event| event.kind == Kind::ContactEntered).await;
    assert_eq!(contact.target, "email");
    assert_eq!(stage.run(KEPT).await, 0, "nothing is kept before consent");

    // A page without a new document.
    stage.run("history.pushState(null, '', 'checkout')").await;
    let checkout = until(&stage, &shop, |event| event.kind == Kind::CheckoutStarted).await;
    assert_eq!(checkout.visitor, seen.visitor);
    let stayed = until(&stage, &shop, |event| event.kind == Kind::Stayed).await;
    assert!(stayed.page.ends_with("/products/lamp"), "{stayed:?}");

    // Without consent the next page is another visitor's; with it, the same one's.
    stage.visit(&at("collections/lamps")).await;
    let list = until(&stage, &shop, |event| event.kind == Kind::PageViewed && event.page.ends_with("/lamps")).await;
    assert_ne!(list.visitor, seen.visitor);
    stage.run("cartback('consent', true)").await;
    assert_ne!(stage.run("return localStorage.length").await, 0);
    stage.visit(&at("thank-you")).await;
    let ordered = until(&stage, &shop, |event| event.kind == Kind::Ordered).await;
    assert_eq!((ordered.visitor, ordered.order.as_str()), (list.visitor, "9001"));
    // Taken back, nothing is left and nothing more is told.
    stage.run("cartback('consent', false)").await;
    assert_eq!(stage.run(KEPT).await, 0);
    stage.run("cartback('event', 'after the no')").await;

    stage.visit(&at("silent")).await;
    stage.press("Add").await;
    stage.visit(&at("last")).await;
    until(&stage, &shop, |event| event.page.ends_with("/last")).await;
    let all = events(&stage, &shop).await;
    assert!(all.iter().all(|event| !event.page.ends_with("/silent") && event.target != "after the no"), "{all:#?}");
    assert!(!format!("{all:?}").contains("ana@"));

    stage.app.pass(minutes(1)).await;
    stage.sign_in().await;
    stage.visit("/events").await;
    for words in ["in this period; the last one", "Added to cart", "Oak lamp", "E-mail: spring"] {
        stage.sees(words).await;
    }
    stage.end().await;
}

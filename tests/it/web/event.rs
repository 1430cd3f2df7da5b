//! The pixel's door and what becomes of what it takes: kept once, counted, shown, tied to a cart only through the recovery
//! link or the checkout, forgotten with the person.

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::{
        event::Identity,
        id::SiteEventId,
        site_event::{Kind, SiteEvent},
        time::MINUTE,
    },
    pipeline::people::{self, token},
    store::{
        self, identity,
        token::{Scope, Scopes},
    },
};
use serde_json::{Value, json};

use super::house::{BROWSER, House, Site, ask, from_our_page, link_in, page, site, text};

const VISITOR: &str = "3141592653-5897932384";

struct Door {
    house: House,
    site: Site,
    path: String,
}

impl Door {
    async fn open() -> Door {
        let house = House::open().await;
        let site = site(house.open_state()).await;
        let path = house.shop_hook.replace("/hook/shop/", "/e/");
        Door { house, site, path }
    }

    /// As a shopper's browser posts it from the shop's own page.
    fn told(&self, body: &Value) -> TestRequest {
        TestRequest::post()
            .uri(&self.path)
            .insert_header(("host", "127.0.0.1"))
            .insert_header(("origin", "https://shop.example"))
            .insert_header(("sec-fetch-site", "cross-site"))
            .insert_header(("user-agent", BROWSER))
            .insert_header(("accept-language", "sl-SI,sl;q=0.9"))
            .insert_header(("content-type", "text/plain;charset=UTF-8"))
            .set_payload(body.to_string())
    }

    async fn tell(&self, body: &Value) -> StatusCode {
        ask(&self.site, self.told(body)).await.status()
    }

    async fn events(&self) -> Vec<SiteEvent> {
        let mut read = self.house.core().db.read().await.unwrap();
        let keys = self.house.core().vault.keys(&mut read, self.house.shop).await.unwrap();
        store::site_event::list(&mut read, &keys, None, SiteEventId::new(i64::MAX), 100).await.unwrap()
    }
}

fn body(events: Value) -> Value {
    json!({
        "i": VISITOR, "u": "https://shop.example/products/oak-table", "q": "utm_source=Spring&utm_medium=email", "e": events,
    })
}

fn added(id: &str) -> Value {
    json!({ "n": "cart_added", "d": id, "a": 60_000, "p": "Oak table", "v": "128.50", "k": "chk_7f3a91" })
}

#[actix_web::test]
async fn what_a_page_tells_is_kept_once_and_shown() {
    let door = Door::open().await;
    let (status, shown) = page(&door.site, "/events").await;
    assert!(status.is_success() && shown.contains("No event has arrived yet."), "{shown}");
    let script = door.path.replace("/e/", "/p/") + ".js";
    assert!(shown.contains(&format!("https://sms.example.com{script}")), "{shown}");

    let told = body(json!([added("e1"), { "n": "colour chart", "d": "e2" }]));
    for _ in 0..3 {
        assert_eq!(door.tell(&told).await, StatusCode::NO_CONTENT);
    }
    let [guide, cart] = door.events().await.try_into().unwrap();
    assert_eq!((guide.kind, guide.target.as_str()), (Kind::Custom, "colour chart"));
    assert_eq!((cart.kind, cart.at), (Kind::CartAdded, door.house.core().now() - MINUTE));
    assert_eq!((cart.visit.source.as_str(), cart.device.as_str(), cart.country.as_str()), ("spring", "iphone", "SI"));
    assert_eq!((cart.page.as_str(), cart.value.unwrap().minor), ("/products/oak-table", 12_850));

    door.house.later(MINUTE).await;
    let (_, shown) = page(&door.site, "/events").await;
    for part in ["2 events in this period", "Added to cart", "colour chart", "Oak table", "E-mail: spring", "$128.50"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    let (_, carts) = page(&door.site, "/events?kind=cart_added").await;
    assert!(!carts.contains("colour chart"), "{carts}");
}

#[actix_web::test]
async fn programs_other_sites_and_who_asks_not_to_be_followed_leave_nothing() {
    let door = Door::open().await;
    let told = body(json!([added("e1")]));
    let with = async |name: &'static str, value: &'static str| {
        ask(&door.site, door.told(&told).insert_header((name, value))).await.status()
    };
    assert_eq!(with("sec-gpc", "1").await, StatusCode::NO_CONTENT);
    assert_eq!(with("dnt", "1").await, StatusCode::NO_CONTENT);
    assert_eq!(with("user-agent", "Googlebot/2.1").await, StatusCode::NO_CONTENT);
    assert_eq!(with("origin", "https://evil.example").await, StatusCode::FORBIDDEN);
    assert_eq!(with("content-encoding", "gzip").await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(door.tell(&json!({ "i": VISITOR, "e": [] })).await, StatusCode::BAD_REQUEST);
    let nowhere = TestRequest::post().uri("/e/none").insert_header(("host", "127.0.0.1")).set_payload(told.to_string());
    assert_eq!(ask(&door.site, nowhere).await.status(), StatusCode::NOT_FOUND);
    let big = ask(&door.site, door.told(&told).set_payload("x".repeat(70_000))).await.status();
    assert_eq!(big, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(door.events().await, []);

    // They are counted with the next one that is kept.
    assert_eq!(door.tell(&told).await, StatusCode::NO_CONTENT);
    let mut read = door.house.core().db.read().await.unwrap();
    let keys = door.house.core().vault.keys(&mut read, door.house.shop).await.unwrap();
    let dropped = store::site_event::dropped(&mut read, &keys, 0, i64::MAX).await.unwrap();
    let told: Vec<_> = dropped.iter().map(|(why, count)| format!("{} {count}", why.name())).collect();
    assert_eq!(told, ["bot 1", "other_site 1", "unreadable 1"]);
}

#[actix_web::test]
async fn nothing_of_a_person_is_kept() {
    let door = Door::open().await;
    let told = json!({ "i": VISITOR, "u": "https://shop.example/account/mara@shopper.example?phone=12125550142",
        "q": "utm_source=mara@shopper.example", "e": [
            { "n": "searched", "d": "1", "g": "mara@shopper.example" },
            { "n": "searched", "d": "2", "g": "+1 212 555 0142" },
            { "n": "contact_entered", "d": "3", "g": "email" },
        ] });
    assert_eq!(door.tell(&told).await, StatusCode::NO_CONTENT);
    // The visitor is a hash whose bytes, written as numbers, may look like anything.
    let events =
        door.events().await.into_iter().map(|event| SiteEvent { visitor: [0; 16], id: SiteEventId::new(0), ..event });
    let kept = format!("{:?}", events.collect::<Vec<_>>());
    assert!(kept.contains("/account/*"), "{kept}");
    for personal in ["mara", "212", VISITOR] {
        assert!(!kept.contains(personal), "{personal} in {kept}");
    }
}

#[actix_web::test]
async fn a_flood_is_held_off() {
    let door = Door::open().await;
    let mut last = StatusCode::OK;
    for number in 0..241 {
        last = door.tell(&body(json!([added(&format!("e{number}"))]))).await;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    door.house.clock.advance(MINUTE);
    assert_eq!(door.tell(&body(json!([added("later")]))).await, StatusCode::NO_CONTENT);
}

#[actix_web::test]
async fn a_visitor_is_tied_to_a_cart_by_link_or_checkout_only_and_forgotten_with_the_person() {
    let door = Door::open().await;
    let message = door.house.texted(&door.site).await;
    let core = door.house.core();
    let keys = core.vault.keys(&mut core.db.read().await.unwrap(), door.house.shop).await.unwrap();
    let name = identity::value(&keys, identity::Kind::Checkout, "chk_7f3a91");
    let known = async || store::site_event::named(&mut core.db.read().await.unwrap(), &keys, &name).await.unwrap();
    let mut told =
        json!({ "i": VISITOR, "u": "https://shop.example/", "t": "r0bbed", "e": [{ "n": "page_viewed", "d": "1" }] });
    assert_eq!(door.tell(&told).await, StatusCode::NO_CONTENT);
    assert_eq!(known().await, [[0; 16]; 0]);
    told["t"] = link_in(&message).rsplit('/').next().into();
    told["e"][0]["d"] = "2".into();
    assert_eq!(door.tell(&told).await, StatusCode::NO_CONTENT);
    let [visitor] = known().await.try_into().unwrap();
    assert!(door.events().await.iter().all(|event| event.visitor == visitor));
    // Another one, through the checkout.
    let mut other = body(json!([added("e1")]));
    other["i"] = "2718281828-459045".into();
    assert_eq!(door.tell(&other).await, StatusCode::NO_CONTENT);
    assert_eq!(known().await.len(), 2);

    let who = Identity { email: Some("mara@shopper.example".into()), ..Identity::default() };
    people::forget(core, door.house.shop, &who, "test").await.unwrap().unwrap();
    assert_eq!(known().await, [[0; 16]; 0]);
    let events = door.events().await;
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.visitor != visitor));
}

#[actix_web::test]
async fn the_script_is_served_to_other_sites_and_pages_of_ours_are_not_changed_by_it() {
    let door = Door::open().await;
    let script = door.path.replace("/e/", "/p/") + ".js";
    let response = ask(&door.site, TestRequest::get().uri(&script).insert_header(("host", "127.0.0.1"))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers().get("cross-origin-resource-policy").unwrap(), "cross-origin");
    assert!(response.headers().get(header::SET_COOKIE).is_none());
    assert!(text(response).await.contains("sendBeacon"));
    let elsewhere = TestRequest::post().uri("/risk/halt").insert_header(("sec-fetch-site", "cross-site"));
    let refused = ask(&door.site, elsewhere.insert_header(("host", "127.0.0.1"))).await.status();
    assert_eq!(refused, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn servers_tell_theirs_by_the_api() {
    let door = Door::open().await;
    let scopes = Scopes::new([Scope::Read, Scope::Write]);
    let token = token::create(door.house.core(), door.house.shop, "app", scopes, None).await.unwrap();
    let post = async |body: &Value| {
        let request = TestRequest::post().uri("/api/v1/events").insert_header(("host", "127.0.0.1"));
        let request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
        let response = ask(&door.site, request.set_payload(body.to_string())).await;
        let status = response.status();
        (status, serde_json::from_str::<Value>(&text(response).await).unwrap())
    };
    let two = json!({ "events": [
        { "name": "checkout_started", "id": "a1", "checkout": "chk_7f3a91", "email": "Mara@shopper.example",
          "occurred_at": "2026-03-10T09:00:00-04:00", "value": { "amount_minor": 12850, "currency": "USD" } },
        { "name": "trial started", "id": "a2", "email": "mara@shopper.example", "source": "app" },
    ] });
    let (status, told) = post(&two).await;
    assert_eq!((status, told["new"].as_u64()), (StatusCode::CREATED, Some(2)), "{told}");
    assert_eq!(post(&two).await.1["new"], 0);
    let [trial, checkout] = door.events().await.try_into().unwrap();
    // The address names them both: they are one visitor.
    assert_eq!(trial.visitor, checkout.visitor);
    assert_eq!((checkout.at.to_string().as_str(), checkout.kind), ("2026-03-10T13:00:00.000Z", Kind::CheckoutStarted));

    let (status, told) = post(&json!({ "events": [
        { "name": "searched", "visitor": VISITOR },
        { "name": "searched" },
        { "name": "a@b.example", "visitor": VISITOR },
        { "name": "searched", "visitor": VISITOR, "occurred_at": "2025-01-01T00:00:00Z" },
        { "name": "searched", "phone": "12", "email": "nobody", "email_sha256": "abc" },
    ] }))
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let said = told["errors"].to_string();
    for part in ["events[1]", "events[4]", "64 hex digits"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let (_, told) = post(&json!({ "events": [{ "name": "a@b.example", "visitor": VISITOR }] })).await;
    assert!(told["errors"].to_string().contains("events[0]"), "{told}");
    assert_eq!(door.events().await.len(), 2);
}

async fn press(site: &Site, path: &str, form: &str) -> String {
    let request = from_our_page(path).insert_header(("content-type", "application/x-www-form-urlencoded"));
    let response = ask(site, request.set_payload(form.to_owned())).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path} {form}: {}", text(response).await);
    response.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned()
}

#[actix_web::test]
async fn goals_count_events_and_the_shops_own_orders() {
    let door = Door::open().await;
    let (_, empty) = page(&door.site, "/goals").await;
    assert!(empty.contains("No goal is counted yet.") && empty.contains("Local business"), "{empty}");
    press(&door.site, "/goals", "preset=shop").await;
    // Again adds nothing.
    press(&door.site, "/goals", "preset=shop").await;
    let guide = "name=Guide&class=micro&kind=downloaded&field=target&how=contains&text=guide.pdf&worth=fixed&amount=2.50&count=every&target=10";
    let made = press(&door.site, "/goals", guide).await;
    let made = made.split('?').next().unwrap().to_owned();
    let wrong = from_our_page("/goals").insert_header(("content-type", "application/x-www-form-urlencoded"));
    let wrong = text(ask(&door.site, wrong.set_payload("name=&worth=fixed&amount=much&target=many")).await).await;
    for said in ["must be an amount, as in 12.50", "must be a whole number", "must be 1 to 60 characters"] {
        assert!(wrong.contains(said), "no {said} in {wrong}");
    }

    let told = body(json!([
        { "n": "product_viewed", "d": "1", "a": 600_000, "p": "Oak table" }, added("2"), added("3"),
        { "n": "downloaded", "d": "4", "g": "/files/guide.pdf" }, { "n": "downloaded", "d": "5", "g": "/files/guide.pdf" },
        { "n": "downloaded", "d": "6", "g": "/files/other.pdf" },
    ]));
    assert_eq!(door.tell(&told).await, StatusCode::NO_CONTENT);
    let mut other = body(json!([added("1")]));
    other["i"] = "2718281828-459045".into();
    other["q"] = "".into();
    other["e"][0]["k"] = "chk_other".into();
    assert_eq!(door.tell(&other).await, StatusCode::NO_CONTENT);
    // Told by the thank-you page and by the shop: one order.
    door.house.recovered(&door.site).await;
    let mut thanks = body(json!([{ "n": "ordered", "d": "7", "o": "9001", "k": "chk_7f3a91" }]));
    thanks["i"] = VISITOR.into();
    assert_eq!(door.tell(&thanks).await, StatusCode::NO_CONTENT);
    door.house.later(MINUTE).await;

    let (_, goals) = page(&door.site, "/goals").await;
    assert!(goals.contains("1 macro-conversion and 5 micro-conversions in this period."), "{goals}");
    assert!(goals.contains("$128.50") && goals.contains("2 of 10"), "{goals}");
    // Who ordered came further than close; the other one did not.
    let close = goals.split("Close, and not there yet").nth(1).unwrap();
    assert_eq!(close.matches("data-label=\"Last goal\"").count(), 1, "{close}");

    let (_, guide) = page(&door.site, &made).await;
    for part in ["Guide: 2 times in this period, worth $5.00.", "/files/guide.pdf", "By channel", "E-mail", "spring"] {
        assert!(guide.contains(part), "no {part} in {guide}");
    }
    let order = goals.split("Order placed").next().unwrap().rsplit("href=\"").next().unwrap();
    let (_, order) = page(&door.site, order.split('"').next().unwrap()).await;
    for part in ["spring", "iphone", "Oak &#60;table&#62;", "Time to convert", "within an hour"] {
        assert!(order.contains(part), "no {part} in {order}");
    }
    let (_, events) = page(&door.site, "/events").await;
    assert!(events.contains("The thank-you page told of 1 of 1 orders."), "{events}");

    press(&door.site, &made, "name=Guides&class=macro&kind=downloaded&count=once_a_day").await;
    door.house.later(MINUTE).await;
    let (_, guides) = page(&door.site, &made).await;
    assert!(guides.contains("Guides: 1 time in this period."), "{guides}");
    let (_, asked) = page(&door.site, &format!("{made}/remove")).await;
    assert!(asked.contains("Remove the goal Guides?"), "{asked}");
    press(&door.site, &format!("{made}/remove"), "").await;
    assert_eq!(page(&door.site, &made).await.0, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_funnel_shows_where_visitors_stop() {
    let door = Door::open().await;
    let (_, empty) = page(&door.site, "/funnels").await;
    assert!(empty.contains("No funnel is saved yet"), "{empty}");
    press(&door.site, "/funnels", "preset=usual").await;
    for visitor in 0..4 {
        let mut told = body(json!([{ "n": "product_viewed", "d": "1", "a": 600_000, "p": "Oak table" }]));
        if visitor > 1 {
            told["e"].as_array_mut().unwrap().push(added("2"));
        }
        told["i"] = format!("{VISITOR}-{visitor}").into();
        assert_eq!(door.tell(&told).await, StatusCode::NO_CONTENT);
    }
    let (_, all) = page(&door.site, "/funnels").await;
    assert!(all.contains("0 of 4 visitors walked “From product to order” to its end."), "{all}");
    let path = all.split("href=\"/funnels/fun_").nth(1).unwrap().split('"').next().unwrap();
    let (_, one) = page(&door.site, &format!("/funnels/fun_{path}")).await;
    // Two went on to the cart, and left it there.
    for part in ["2 of 4", "$257", "1. Product viewed", "4. Ordered", "width=\"50.00%\""] {
        assert!(one.contains(part), "no {part} in {one}");
    }
    let saved = press(
        &door.site,
        &format!("/funnels/fun_{path}"),
        "name=Two&window_minutes=30&step1=product_viewed&step2=cart_added&strict=yes",
    )
    .await;
    assert!(saved.contains("funnel_saved"));
    let (_, two) = page(&door.site, &format!("/funnels/fun_{path}")).await;
    assert!(two.contains("2 of 4 visitors walked “Two” to its end."), "{two}");
    let wrong = from_our_page("/funnels").insert_header(("content-type", "application/x-www-form-urlencoded"));
    let wrong = text(ask(&door.site, wrong.set_payload("name=One&step1=searched")).await).await;
    assert!(wrong.contains("steps: must be 2 to 10"), "{wrong}");
}

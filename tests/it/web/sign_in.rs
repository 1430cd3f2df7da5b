//! Signing in: a link works once and only by its button, a session ends, and nobody else's page can act for its owner.

use actix_web::{
    cookie::{Cookie, SameSite},
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::domain::time::{DAY, HOUR, MINUTE};

use super::house::{House, Site, ask, from_our_page, site, text};

async fn link(house: &House) -> String {
    let link = cartback::app::sign_in_link(house.core()).await.unwrap();
    link.strip_prefix(house.core().public_url.as_str()).unwrap().to_owned()
}

async fn signed_in(house: &House, site: &Site) -> Cookie<'static> {
    let response = ask(site, from_our_page(&link(house).await)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.response().cookies().next().expect("a cookie").into_owned()
}

async fn status(site: &Site, cookie: &Cookie<'static>) -> StatusCode {
    ask(site, TestRequest::get().uri("/").cookie(cookie.clone())).await.status()
}

#[actix_web::test]
async fn without_a_session_there_is_only_the_way_in() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let cart = format!("/carts/{}", cartback::domain::id::CartId::new(1));
    for path in [
        "/",
        "/carts",
        &cart,
        "/messages",
        "/report",
        "/shops",
        "/shops/1",
        "/law",
        "/law/FR",
        "/gateways",
        "/risk",
        "/inbox",
    ] {
        let response = ask(&site, TestRequest::get().uri(path)).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(response.headers().get(header::LOCATION).unwrap(), "/sign-in");
    }
    let resume = from_our_page(&format!("/gateways/{}/resume", house.gateway));
    assert_eq!(ask(&site, resume).await.headers().get(header::LOCATION).unwrap(), "/sign-in");
    let way_in = ask(&site, TestRequest::get().uri("/sign-in")).await;
    assert_eq!(way_in.status(), StatusCode::OK);
    assert!(text(way_in).await.contains("cartback user link"));
}

#[actix_web::test]
async fn a_link_works_once_and_only_by_its_button() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let link = link(&house).await;
    for _ in 0..2 {
        let preview = ask(&site, TestRequest::get().uri(&link)).await;
        assert_eq!(preview.status(), StatusCode::OK);
        assert!(preview.response().cookies().next().is_none());
    }
    let response = ask(&site, from_our_page(&link)).await;
    let cookie = response.response().cookies().next().unwrap().into_owned();
    assert_eq!(cookie.name(), "__Host-cartback_session");
    assert_eq!((cookie.http_only(), cookie.secure(), cookie.path()), (Some(true), Some(true), Some("/")));
    assert_eq!(cookie.same_site(), Some(SameSite::Lax));
    assert_eq!(status(&site, &cookie).await, StatusCode::OK);
    assert_eq!(ask(&site, from_our_page(&link)).await.status(), StatusCode::GONE);
    assert_eq!(ask(&site, from_our_page("/sign-in/none")).await.status(), StatusCode::NOT_FOUND);
    let late = self::link(&house).await;
    house.clock.advance(DAY * 2);
    assert_eq!(ask(&site, from_our_page(&late)).await.status(), StatusCode::GONE);
}

#[actix_web::test]
async fn a_link_is_used_by_our_page_only() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let link = link(&house).await;
    let foreign = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    for header in foreign {
        let request = TestRequest::post().uri(&link).insert_header(header);
        assert_eq!(ask(&site, request).await.status(), StatusCode::FORBIDDEN, "{header:?}");
    }
    // What a browser sends on plain HTTP from a page without a referrer.
    let unnamed = TestRequest::post().uri(&link).insert_header(("origin", "null"));
    assert_eq!(ask(&site, unnamed).await.headers().get(header::LOCATION).unwrap(), "/welcome");
}

#[actix_web::test]
async fn on_plain_http_the_cookie_has_its_plain_name() {
    let house = House::open_at("http://127.0.0.1:8080").await;
    let site = site(house.state()).await;
    let cookie = signed_in(&house, &site).await;
    assert_eq!((cookie.name(), cookie.secure().unwrap_or(false)), ("cartback_session", false));
    assert_eq!(status(&site, &cookie).await, StatusCode::OK);
}

#[actix_web::test]
async fn a_session_ends() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let idle = signed_in(&house, &site).await;
    house.clock.advance(HOUR * 12 + MINUTE);
    assert_eq!(status(&site, &idle).await, StatusCode::SEE_OTHER);

    let used = signed_in(&house, &site).await;
    for _ in 0..15 {
        assert_eq!(status(&site, &used).await, StatusCode::OK);
        house.clock.advance(HOUR * 11);
    }
    // Seven days later, however often it was used.
    assert_eq!(status(&site, &used).await, StatusCode::OK);
    house.clock.advance(HOUR * 11);
    assert_eq!(status(&site, &used).await, StatusCode::SEE_OTHER);

    let left = signed_in(&house, &site).await;
    let out = ask(&site, from_our_page("/sign-out").cookie(left.clone())).await;
    assert_eq!(out.headers().get(header::LOCATION).unwrap(), "/sign-in");
    assert_eq!(status(&site, &left).await, StatusCode::SEE_OTHER);
    let foreign = Cookie::new("__Host-cartback_session", "AAAA");
    assert_eq!(status(&site, &foreign).await, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn another_site_changes_nothing() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let cookie = signed_in(&house, &site).await;
    let path = format!("/gateways/{}/pause", house.gateway);
    let post = || TestRequest::post().uri(&path).cookie(cookie.clone());
    let foreign = [
        post(),
        post().insert_header(("sec-fetch-site", "cross-site")),
        post().insert_header(("sec-fetch-site", "same-site")),
        post().insert_header(("origin", "https://evil.example")),
        post().insert_header(("origin", "null")),
    ];
    for request in foreign {
        assert_eq!(ask(&site, request).await.status(), StatusCode::FORBIDDEN);
    }
    let own = post().insert_header(("origin", "https://sms.example.com"));
    let response = ask(&site, own).await;
    assert_eq!(response.headers().get(header::LOCATION).unwrap(), "/gateways?done=paused");
}

#[actix_web::test]
async fn an_open_door_is_open_to_this_machine_only() {
    let house = House::open_at("http://127.0.0.1:8080").await;
    let site = site(house.open_state()).await;
    let asked = |host: &'static str| TestRequest::get().uri("/").insert_header(("host", host));
    assert_eq!(ask(&site, asked("localhost:8080")).await.status(), StatusCode::OK);
    assert_eq!(ask(&site, asked("evil.example:8080")).await.status(), StatusCode::FORBIDDEN);
}

//! Links in texts: where each form of a token leads, what its answer carries, and that trying many of them tires us.

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::domain::time::{DAY, MINUTE};

use super::house::{BROWSER, House, ask, link_in, site, text};

#[actix_web::test]
async fn a_tap_leads_to_the_checkout() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let link = link_in(&house.texted(&site).await);
    // Phones take what stands after a link for a part of it.
    for path in [link.clone(), format!("{link}."), format!("{link})"), format!("{link}%22")] {
        let response = ask(&site, TestRequest::get().uri(&path).insert_header(("user-agent", BROWSER))).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert!(header(header::LOCATION).starts_with("https://shop.example/checkout/resume?key=6d0c&"), "{path}");
        assert_eq!(header(header::CACHE_CONTROL), "no-store");
        assert_eq!(header(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(response.headers().get("x-robots-tag").unwrap(), "noindex");
        // Whoever taps is nobody to us, and nobody to the shop.
        assert_eq!(response.headers().get(header::SET_COOKIE), None);
    }
    let head = ask(&site, TestRequest::default().method(actix_web::http::Method::HEAD).uri(&link)).await;
    assert_eq!(head.status(), StatusCode::SEE_OTHER);
    assert_eq!(ask(&site, TestRequest::post().uri(&link)).await.status(), StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_link_that_is_over_leads_home() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let link = link_in(&house.texted(&site).await);
    house.clock.advance(DAY * 15);
    let response = ask(&site, TestRequest::get().uri(&link)).await;
    assert_eq!(response.status(), StatusCode::GONE);
    let page = text(response).await;
    assert!(page.contains("https://shop.example/") && page.contains("Acme"), "{page}");
    assert!(!page.contains("Mara"), "{page}");
}

#[actix_web::test]
async fn other_tokens_lead_nowhere() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let link = link_in(&house.texted(&site).await);
    let bent = format!("{}A", link.strip_suffix(|_: char| true).unwrap());
    let other = format!("{}B", link.strip_suffix(|_: char| true).unwrap());
    let bent = if bent == link { other } else { bent };
    let long = format!("/r/{}", "a".repeat(5000));
    let as_opt_out = link.replace("/r/", "/o/");
    let mut pages = Vec::new();
    for path in [bent.as_str(), "/r/x", "/r/%00", "/r/%ff%fe", "/r/..", long.as_str()] {
        let response = ask(&site, TestRequest::get().uri(path)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        pages.push(text(response).await);
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]), "strangers can tell one from another");
    // A recovery link opts nobody out.
    for request in [TestRequest::get(), TestRequest::post()] {
        assert_eq!(ask(&site, request.uri(&as_opt_out)).await.status(), StatusCode::NOT_FOUND);
    }
}

#[actix_web::test]
async fn many_wrong_tokens_tire_us_for_a_minute() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let stranger = || TestRequest::get().uri("/r/none").peer_addr("203.0.113.7:1234".parse().unwrap());
    for _ in 0..20 {
        assert_eq!(ask(&site, stranger()).await.status(), StatusCode::NOT_FOUND);
    }
    let tired = ask(&site, stranger()).await;
    assert_eq!(tired.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(tired.headers().contains_key(header::RETRY_AFTER));
    let other = stranger().peer_addr("203.0.113.8:1234".parse().unwrap());
    assert_eq!(ask(&site, other).await.status(), StatusCode::NOT_FOUND);
    house.clock.advance(MINUTE);
    assert_eq!(ask(&site, stranger()).await.status(), StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn opting_out_needs_a_press() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let message = house.texted(&site).await;
    let mut read = house.core().db.read().await.unwrap();
    let keys = house.core().vault.keys(&mut read, house.shop).await.unwrap();
    let token = cartback::domain::link::sign(&keys, cartback::domain::link::Purpose::OptOut, message.reference());
    let index = cartback::store::consent::phone_index(&keys, &message.phone());
    let path = format!("/o/{token}");
    let page = ask(&site, TestRequest::get().uri(&path)).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(text(page).await.contains("<button"));
    assert!(cartback::store::consent::of_phone(&mut read, &keys, &index).await.unwrap().1.is_empty());
    // One-click programs post from nowhere, and a person from our page.
    let done = ask(&site, TestRequest::post().uri(&path)).await;
    assert_eq!(done.status(), StatusCode::OK);
    let said = text(done).await;
    assert!(!said.contains("<button") && !said.contains("0142"), "{said}");
    assert_eq!(cartback::store::consent::of_phone(&mut read, &keys, &index).await.unwrap().1.len(), 1);
}

//! Pages in the reader's language: shoppers' first, then the dashboard's, and what machines read in none but English.

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};

use super::house::{BROWSER, House, ask, site, text};

/// What a browser of Berlin and one of Madrid send.
const GERMAN: &str = "de-DE,de;q=0.9,en;q=0.8";
const SPANISH: &str = "es-ES,es;q=0.9,en;q=0.8";

fn asks(path: &str, language: &str) -> TestRequest {
    TestRequest::get()
        .uri(path)
        .insert_header((header::ACCEPT_LANGUAGE, language))
        .insert_header((header::ACCEPT, "text/html"))
        .insert_header((header::HOST, "127.0.0.1"))
        .insert_header(("user-agent", BROWSER))
}

#[actix_web::test]
async fn shoppers_are_answered_in_their_language() {
    let house = House::open().await;
    let site = site(house.state()).await;
    house.texted(&site).await;
    for (language, tag, said) in [
        (GERMAN, "de", "Dieser Link ist nicht mehr gültig."),
        (SPANISH, "es", "Este enlace ya no es válido."),
        ("fr", "en", "This link is no longer valid."),
    ] {
        let page = text(ask(&site, asks("/r/nothing-of-ours", language)).await).await;
        assert!(page.contains(said), "{language}: {page}");
        assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{language}: {page}");
    }
    let page = text(ask(&site, asks("/o/nothing-of-ours", GERMAN)).await).await;
    assert!(page.contains("Dieser Link ist unvollständig.") && page.contains("STOP"), "{page}");
}

#[actix_web::test]
async fn the_dashboard_speaks_to_its_reader() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let message = house.recovered(&site).await;
    let cart = format!("/carts/{}", message.cart().unwrap());
    for (language, tag, happened, counted) in [
        (GERMAN, "de", "Was geschah, und warum", "gilt als verlassen"),
        (SPANISH, "es", "Qué pasó y por qué", "se considera abandonado"),
    ] {
        let response = ask(&site, asks(&cart, language)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let page = text(response).await;
        assert!(page.contains(happened) && page.contains(counted), "{language}: {page}");
        assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{language}: {page}");
        assert!(page.contains("128,50\u{a0}$"), "{language}: {page}");
    }
    let law = text(ask(&site, asks("/law", GERMAN)).await).await;
    assert!(law.contains("nicht an Feiertagen") && law.contains("Einwilligung"), "{law}");
}

#[actix_web::test]
async fn what_went_wrong_is_told_in_it_too() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let response = ask(&site, asks("/carts/cart_none", GERMAN)).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let page = text(response).await;
    assert!(page.contains("Hier gibt es keine Seite.") && page.contains("<html lang=\"de\">"), "{page}");
}

#[actix_web::test]
async fn sheets_and_the_api_are_the_same_for_everybody() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    house.recovered(&site).await;
    for path in ["/carts.csv", "/messages.csv", "/orders.csv", "/api/v1/carts"] {
        let english = text(ask(&site, asks(path, "en")).await).await;
        let german = text(ask(&site, asks(path, GERMAN)).await).await;
        assert!(!english.is_empty());
        assert_eq!(german, english, "{path}");
    }
}

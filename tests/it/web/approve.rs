//! Letting Cartback in on the shop's own pages, over HTTP: where the owner is led, and what the door for the keys answers.

use std::collections::BTreeMap;

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::id::ShopId,
    pipeline::connect::{self, Connected, ShopTyped},
};
use serde_json::{Value, json};

use super::house::{House, PUBLIC_URL, Site, ask, page, site, text};

async fn woo(house: &House) -> Connected {
    let typed = ShopTyped {
        kind: "woocommerce".into(),
        name: "Tea".into(),
        country: "SI".into(),
        currency: "EUR".into(),
        zone: "Europe/Ljubljana".into(),
        settings: [("site".to_owned(), "tea.example".to_owned())].into(),
        rules: BTreeMap::new(),
    };
    connect::prepare_shop(house.core(), &typed).await.unwrap()
}

/// Where the button leads: the state and the path the keys go to.
async fn asked(site: &Site, shop: ShopId) -> (String, String) {
    let request = TestRequest::get().uri(&format!("/shops/{shop}/approve")).insert_header(("host", "127.0.0.1"));
    let response = ask(site, request).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let to = response.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned();
    assert!(to.starts_with("https://tea.example/wc-auth/v1/authorize?"), "{to}");
    let query: BTreeMap<String, String> = url::Url::parse(&to).unwrap().query_pairs().into_owned().collect();
    (query["user_id"].clone(), query["callback_url"].strip_prefix(PUBLIC_URL).unwrap().to_owned())
}

async fn post(site: &Site, path: &str, body: String) -> (StatusCode, String) {
    // As a server sends it: it says nothing of where it comes from.
    let request = TestRequest::post()
        .uri(path)
        .insert_header(("host", "127.0.0.1"))
        .insert_header(("content-type", "application/json;charset=utf-8"))
        .set_payload(body);
    let response = ask(site, request).await;
    (response.status(), text(response).await)
}

fn handed(state: &str) -> Value {
    json!({
        "key_id": 1, "user_id": state, "key_permissions": "read_write",
        "consumer_key": "ck_0123456789abcdef", "consumer_secret": "cs_0123456789abcdef",
    })
}

#[actix_web::test]
async fn the_button_leads_to_the_shop_and_the_keys_come_back() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let made = woo(&house).await;
    let set_up = format!("/shops/{0}/set-up?step=shop&shop={0}", made.shop);
    let (_, html) = page(&site, &set_up).await;
    assert!(
        html.contains("Approve in tea.example") && html.contains(&format!("/shops/{}/approve", made.shop)),
        "{html}"
    );
    let (state, door) = asked(&site, made.shop).await;
    let (status, said) = post(&site, &door, handed(&state).to_string()).await;
    assert_eq!((status, said.as_str()), (StatusCode::OK, "taken\n"));
    let (_, html) = page(&site, &set_up).await;
    assert!(html.contains("The shop’s keys are here") && html.contains("Approve again"), "{html}");
    assert!(!html.contains("ck_0123456789abcdef") && !html.contains("cs_0123456789abcdef"));
    let (_, trail) = page(&site, "/audit").await;
    assert!(trail.contains("Handed a shop’s keys over"), "{trail}");
    // Once.
    let (status, said) = post(&site, &door, handed(&state).to_string()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(said.contains("used already") && !said.contains("ck_"), "{said}");
    // The other shop of the house takes its keys from nobody.
    let (status, _) = page(&site, &format!("/shops/{}/approve", house.shop)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, html) = page(&site, &format!("/shops/{}/set-up?step=shop", house.shop)).await;
    assert!(!html.contains("/approve\""), "{html}");
}

#[actix_web::test]
async fn the_door_for_keys_refuses_in_words() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let (made, other) = (woo(&house).await, woo(&house).await);
    let (state, door) = asked(&site, made.shop).await;
    let (_, others_door) = asked(&site, other.shop).await;
    let check = async |path: &str, body: String, expected: u16, words: &str| {
        let (status, said) = post(&site, path, body.clone()).await;
        assert_eq!(status.as_u16(), expected, "{path} {body}: {said}");
        assert!(said.contains(words), "{said}");
        assert!(!said.contains(&state) && !said.contains("ck_0"), "{said}");
    };
    check(&door, "{".into(), 400, "not JSON").await;
    check(&door, json!({}).to_string(), 400, "user_id").await;
    check(&door, handed("").to_string(), 400, "user_id").await;
    check(&door, handed("guess").to_string(), 403, "not asked for here").await;
    check(&others_door, handed(&state).to_string(), 403, "not asked for here").await;
    check("/hook/approved/nobody", handed(&state).to_string(), 404, "not taken").await;
    check("/hook/approved/%00", handed(&state).to_string(), 404, "not taken").await;
    check(&door.replace("approved", "shop"), handed(&state).to_string(), 401, "not taken").await;
    let mut read_only = handed(&state);
    read_only["key_permissions"] = json!("read");
    check(&door, read_only.to_string(), 400, "read_write").await;
    check(&door, format!("{}{}", " ".repeat(2 << 20), handed(&state)), 413, "1 MiB").await;
    house.later(std::time::Duration::from_secs(15 * 60)).await;
    check(&door, handed(&state).to_string(), 403, "too late").await;
    // Only a platform that gives codes leads its owner back through it.
    let request = TestRequest::get().uri(&format!("{door}?code=1&state={state}")).insert_header(("host", "127.0.0.1"));
    assert_eq!(ask(&site, request).await.status(), StatusCode::NOT_FOUND);
    let request = TestRequest::put().uri(&door).insert_header(("host", "127.0.0.1"));
    assert_eq!(ask(&site, request).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

//! Replies and phones: what waits is on top, buttons settle it, and the record of a phone tells everything but its number.

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use serde_json::json;

use super::house::{House, PHONE, Site, ask, from_our_page, page, site};

async fn replies(house: &House, site: &Site, text: &str, id: &str) {
    let body = json!({ "type": "reply", "from": PHONE, "text": text, "id": id }).to_string();
    let called = TestRequest::post().uri(&house.sms_hook).insert_header(("host", "127.0.0.1")).set_payload(body);
    assert_eq!(ask(site, called).await.status(), StatusCode::OK);
    house.work().await;
}

async fn act(site: &Site, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = from_our_page(path)
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload(body);
    let response = ask(site, request).await;
    let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
    (response.status(), to.unwrap_or_default())
}

fn between<'p>(page: &'p str, before: &str, after: char) -> &'p str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split(after).next().unwrap()
}

#[actix_web::test]
async fn what_waits_is_shown_settled_and_gone() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    house.texted(&site).await;
    assert!(page(&site, "/replies").await.1.contains("Nobody has replied yet."));
    replies(&house, &site, "who <b>are</b> you?", "r1").await;
    let (status, waiting) = page(&site, "/replies").await;
    assert_eq!(status, StatusCode::OK);
    for said in ["1 reply waits to be read.", "who &#60;b&#62;are&#60;/b&#62; you?", "…0142", "Carry on"] {
        assert!(waiting.contains(said), "{said}: {waiting}");
    }
    assert!(page(&site, "/").await.1.contains("1 reply waits to be read"));
    let settle = format!("/replies/rep_{}/settle", between(&waiting, "/replies/rep_", '/'));
    let phone = format!("/phones/{}", between(&waiting, "/phones/", '"'));
    assert!(page(&site, &phone).await.1.contains("waits to be read; until then no text goes to this phone"));
    assert_eq!(act(&site, &settle, &[("how", "heeded")]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(act(&site, &settle, &[("how", "carry_on")]).await, (StatusCode::SEE_OTHER, "/replies?done=read".into()));
    assert_eq!(act(&site, &settle, &[("how", "carry_on")]).await.0, StatusCode::NOT_FOUND);
    let (_, after) = page(&site, "/replies").await;
    assert!(after.contains("Every reply has been read.") && after.contains("read; texts go on"), "{after}");

    let (_, record) = page(&site, &phone).await;
    for said in ["Acme may text this phone", "Text me", "shop.example", "Opt out by hand"] {
        assert!(record.contains(said), "{said}: {record}");
    }
    for whole in [PHONE, "2125550142"] {
        assert!(!record.contains(whole) && !after.contains(whole));
    }
    let out = act(&site, &format!("{phone}/opt-out"), &[("why", "asked by <mail>")]).await;
    assert_eq!(out, (StatusCode::SEE_OTHER, format!("{phone}?done=opted_out")));
    let (_, record) = page(&site, &phone).await;
    for said in ["Opted out on", "by operator", "asked by &#60;mail&#62;"] {
        assert!(record.contains(said), "{said}: {record}");
    }
    assert!(!record.contains("Opt out by hand"));
    for missing in ["/phones/00", "/phones/00000000000000000000000000000000", "/replies/rep_0000000000001/settle"] {
        assert_ne!(page(&site, missing).await.0, StatusCode::OK, "{missing}");
    }
    house.app.close().await;
}

#[actix_web::test]
async fn only_a_stranger_page_cannot_act() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    house.texted(&site).await;
    replies(&house, &site, "hm?", "r1").await;
    let (_, waiting) = page(&site, "/replies").await;
    let settle = format!("/replies/rep_{}/settle", between(&waiting, "/replies/rep_", '/'));
    let foreign = TestRequest::post()
        .uri(&settle)
        .insert_header(("host", "127.0.0.1"))
        .insert_header(("sec-fetch-site", "cross-site"))
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload("how=carry_on");
    assert_eq!(ask(&site, foreign).await.status(), StatusCode::FORBIDDEN);
    assert!(page(&site, "/replies").await.1.contains("1 reply waits"));
    house.app.close().await;
}

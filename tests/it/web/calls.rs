//! Calls and the dry run over HTTP: what Twilio is answered, what the pages, the sheet and a program are shown.

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::time::HOUR,
    pipeline::people::token,
    store::token::{Scope, Scopes},
};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use super::house::{House, PHONE, PUBLIC_URL, Site, ask, from_our_page, site, text};

const TOKEN: &str = "0f3a9c2b7d5e4816a0c9b8e7d6f51423";
const RENTED: &str = "+12125550100";

/// What Twilio is answered when it tells this.
async fn told(site: &Site, hook: &str, token: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(format!("{PUBLIC_URL}{hook}").as_bytes());
    sorted.iter().flat_map(|(name, value)| [name, value]).for_each(|part| mac.update(part.as_bytes()));
    let request = TestRequest::post()
        .uri(hook)
        .insert_header(("x-twilio-signature", BASE64.encode(&mac.finalize().into_bytes())))
        .set_form(form);
    let response = ask(site, request).await;
    (response.status(), text(response).await)
}

async fn shown(site: &Site, path: &str) -> String {
    let response = ask(site, TestRequest::get().uri(path).insert_header(("host", "127.0.0.1"))).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    text(response).await
}

async fn posted(site: &Site, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
    let response = ask(site, from_our_page(path).set_form(form)).await;
    (response.status(), text(response).await)
}

#[actix_web::test]
async fn a_number_is_entered_rung_and_shown() {
    let house = House::open().await;
    let (open, closed) = (site(house.open_state()).await, site(house.state()).await);
    house.texted(&open).await;
    house.later(HOUR).await;
    let empty = shown(&open, "/calls").await;
    assert!(empty.contains("0 numbers take calls") && empty.contains("No key is known"), "{empty}");
    let (status, said) = posted(&open, "/calls/numbers", &[("number", "5550100"), ("answers", "+12125550199")]).await;
    assert!(status == StatusCode::OK && said.contains("must be a phone number with its country"), "{said}");
    let number = [("number", RENTED), ("answers", "+1 (212) 555-0199")];
    assert_eq!(posted(&open, "/calls/numbers", &number).await.0, StatusCode::SEE_OTHER);
    let settings = [("least_seconds", "20"), ("token", TOKEN)];
    assert_eq!(posted(&open, "/calls/settings", &settings).await.0, StatusCode::SEE_OTHER);

    let hook = house.shop_hook.replace("/hook/shop/", "/hook/call/");
    let rings = [("CallSid", "CA1"), ("From", PHONE), ("To", RENTED), ("CallStatus", "ringing")];
    assert_eq!(told(&closed, &hook, "another", &rings).await.0, StatusCode::FORBIDDEN);
    assert_eq!(told(&closed, "/hook/call/nobody", TOKEN, &rings).await.0, StatusCode::NOT_FOUND);
    let (status, said) = told(&closed, &hook, TOKEN, &rings).await;
    assert_eq!(status, StatusCode::OK);
    assert!(said.contains("<Dial") && said.contains(">+12125550199</Dial>"), "{said}");
    let mut ends = rings.to_vec();
    ends.extend([("DialCallStatus", "completed"), ("DialCallDuration", "25")]);
    assert_eq!(told(&closed, &hook, TOKEN, &ends).await.0, StatusCode::OK);
    let unknown = [("CallSid", "CA2"), ("From", PHONE), ("To", "+12125550177"), ("CallStatus", "ringing")];
    assert!(told(&closed, &hook, TOKEN, &unknown).await.1.contains("<Reject/>"));

    let page = shown(&open, "/calls").await;
    assert!(page.contains("1 of 1 calls count") && page.contains("the phone was texted"), "{page}");
    assert!(page.contains("wrong signature") && page.contains("{{ call_number }}"), "{page}");
    assert!(!page.contains(PHONE) && !page.contains(TOKEN), "neither caller nor key is shown: {page}");
    let sheet = shown(&open, "/calls.csv").await;
    assert!(sheet.contains(",answered,25,phone,msg_") && sheet.contains(",yes"), "{sheet}");

    let scopes = Scopes::new([Scope::Read]);
    let token = token::create(house.core(), house.shop, "crm", scopes, None).await.unwrap();
    let get = async |path: &str| {
        let request = TestRequest::get().uri(path);
        let response = ask(&closed, request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")))).await;
        (response.status(), serde_json::from_str::<Value>(&text(response).await).unwrap())
    };
    let (status, calls) = get("/api/v1/calls").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&calls["data"][0]["seconds"], &calls["data"][0]["counts"]), (&json!(25), &json!(true)), "{calls}");
    assert_eq!(get("/api/v1/calls?after=call_0000000000001").await.0, StatusCode::BAD_REQUEST);

    // The dry run of the same history.
    let page = shown(&open, "/dry-run").await;
    assert!(page.contains("1 cart was left") && page.contains("price unknown"), "{page}");
    let wrong = shown(&open, "/dry-run?history=3&delays=soon").await;
    assert!(wrong.contains("soon is no delay"), "{wrong}");
    assert!(shown(&open, "/dry-run?history=3").await.contains("must be 7 to 90 days"));
    let (status, run) = get("/api/v1/dry-run?days=7&delays=10,2h").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((run["left"].as_u64(), run["rows"].as_array().unwrap().len()), (Some(1), 3), "{run}");
    assert_eq!(run["rows"][2]["delay_minutes"], 120);
    assert_eq!(get("/api/v1/dry-run?days=6").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(get("/api/v1/dry-run?sequence=none").await.0, StatusCode::BAD_REQUEST);
}

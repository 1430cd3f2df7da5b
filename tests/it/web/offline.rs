//! Offline sales by page and by API: a file chosen in a form, what the page says of it, its lines as a sheet, taking it
//! back; and what a program tells.

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::time::HOUR,
    pipeline::people::token,
    store::token::{Scope, Scopes},
};
use serde_json::{Value, json};

use super::house::{House, PHONE, Site, ask, from_our_page, site, text};

fn form(file: &str) -> (String, String) {
    let parts = [
        ("channel", "loyalty".to_owned(), ""),
        ("order", String::new(), ""),
        ("file", file.to_owned(), "; filename=\"till & more.csv\"\r\nContent-Type: text/csv"),
    ];
    let mut body = String::new();
    for (name, value, more) in parts {
        body.push_str(&format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n"));
    }
    ("multipart/form-data; boundary=cut".to_owned(), body + "--cut--\r\n")
}

async fn upload(site: &Site, file: &str) -> StatusCode {
    let (kind, body) = form(file);
    let request = from_our_page("/offline/upload").insert_header((header::CONTENT_TYPE, kind)).set_payload(body);
    ask(site, request).await.status()
}

async fn shown(site: &Site, path: &str) -> String {
    let response = ask(site, TestRequest::get().uri(path).insert_header(("host", "127.0.0.1"))).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    text(response).await
}

#[actix_web::test]
async fn a_file_is_chosen_matched_shown_and_taken_back() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    house.texted(&site).await;
    assert!(shown(&site, "/offline").await.contains("No offline sales yet"));
    house.later(HOUR * 24).await;
    let now = house.core().now();
    let file = format!(
        "receipt,date,total,phone\nB-1,{now},48.90,{PHONE}\nB-2,{now},10.00,+12125550199\n=B-3,{now},lots,{PHONE}\n"
    );
    assert_eq!(upload(&site, &file).await, StatusCode::SEE_OTHER);
    let page = shown(&site, "/offline").await;
    assert!(page.contains("Being matched") && page.contains("<progress"), "{page}");
    house.work().await;
    house.later(HOUR).await;
    let page = shown(&site, "/offline").await;
    assert!(page.contains("within 7 days: $48.90 net from 1 of 2 sales"), "{page}");
    assert!(page.contains("till &amp; more.csv") || page.contains("till &#38; more.csv"), "{page}");
    assert!(page.contains("Loyalty card") && page.contains("1 cannot be read"), "{page}");
    let href = page.split("href=\"").find(|rest| rest.starts_with("/offline/upl_")).unwrap();
    let href = href.split('"').next().unwrap().to_owned();
    let sheet = shown(&site, &href).await;
    assert!(sheet.contains("line,reference,outcome,why\n4,,cannot be read,total: is not an amount"), "{sheet}");
    let undo = href.replace(".csv", "/undo");
    assert_eq!(ask(&site, from_our_page(&undo)).await.status(), StatusCode::SEE_OTHER);
    house.work().await;
    let page = shown(&site, "/offline").await;
    assert!(page.contains("No offline sales in the last 30 days") && page.contains("Undone"), "{page}");
    // What cannot be read as a whole is said; nothing is kept.
    for bad in ["", "a,b\n1,2\n", "date,total,phone\n"] {
        assert_eq!(upload(&site, bad).await, StatusCode::BAD_REQUEST, "{bad:?}");
    }
    let other = from_our_page("/offline/upload").set_payload("x");
    assert_eq!(ask(&site, other).await.status(), StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn a_program_tells_sales_once() {
    let house = House::open().await;
    let site = site(house.state()).await;
    house.texted(&site).await;
    house.later(HOUR * 24).await;
    let scopes = Scopes::new([Scope::Read, Scope::Write]);
    let token = token::create(house.core(), house.shop, "till", scopes, None).await.unwrap();
    let with = |request: TestRequest| request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    let now = house.core().now().to_string();
    let sale = json!({ "reference": "B-1", "sold_at": now, "total": { "amount_minor": 4890, "currency": "USD" },
                       "refunded_minor": 890, "channel": "phone", "phone": PHONE });
    let tell = async |body: Value| {
        let request = TestRequest::post().uri("/api/v1/offline").insert_header(("idempotency-key", "k1"));
        let response = ask(&site, with(request.set_payload(body.to_string()))).await;
        (response.status(), serde_json::from_str::<Value>(&text(response).await).unwrap())
    };
    let get = async |path: &str| {
        let response = ask(&site, with(TestRequest::get().uri(path))).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        serde_json::from_str::<Value>(&text(response).await).unwrap()
    };
    let (status, first) = tell(json!({ "sales": [sale] })).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    assert_eq!(tell(json!({ "sales": [sale] })).await.1, first, "the same key is the same call");
    house.work().await;
    house.later(HOUR).await;
    let uploads = get("/api/v1/offline").await;
    assert_eq!(
        (uploads["data"].as_array().unwrap().len(), &uploads["data"][0]["counts"]["after_text"]),
        (1, &json!(1))
    );
    let figures = get("/api/v1/offline/figures").await;
    assert_eq!(figures["sums"][0]["after_text_net"]["amount"], "40.00");
    assert_eq!((&figures["sales"][0]["channel"], &figures["sales"][0]["tie"]), (&json!("phone"), &json!("phone")));
    let path = format!("/api/v1/offline/{}", first["id"].as_str().unwrap());
    assert_eq!(get(&path).await["upload"]["done"], 1);
    let undone = ask(&site, with(TestRequest::delete().uri(&path))).await;
    assert_eq!(undone.status(), StatusCode::NO_CONTENT);
    assert_eq!(get("/api/v1/offline/figures?within_days=30").await["sums"], json!([]));
    for (odd, field) in [
        (json!({ "sold_at": "soon" }), "sold_at"),
        (json!({ "refunded_minor": 5000 }), "refunded"),
        (json!({ "total": null }), "total"),
        (json!({ "sold_at": "2030-01-01T00:00:00Z" }), "sold_at"),
    ] {
        let mut wrong = sale.clone();
        wrong.as_object_mut().unwrap().extend(odd.as_object().unwrap().clone());
        let request = TestRequest::post().uri("/api/v1/offline");
        let response = ask(&site, with(request.set_payload(json!({ "sales": [wrong] }).to_string()))).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let told = text(response).await;
        assert!(told.contains(&format!("sales[0].{field}")), "{told}");
    }
}

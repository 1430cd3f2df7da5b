//! Pages: every row that was there is met once, while others are added; a cursor that is none is refused.

use std::collections::BTreeSet;

use super::*;

/// Walks a list to its end by `next`, and does something between the pages.
async fn walk(site: &Site, token: &str, path: &str, limit: u32, mut between: impl AsyncFnMut(u32)) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let mut asked = format!("{path}{join}limit={limit}");
    let mut rows = Vec::new();
    for page in 0.. {
        let response = ask(site, with(token, TestRequest::get().uri(&asked))).await;
        let link = response.headers().get(header::LINK).map(|link| link.to_str().unwrap().to_owned());
        let (status, body) = told(response).await;
        assert_eq!(status, StatusCode::OK, "{asked}: {body}");
        let data = body["data"].as_array().unwrap();
        assert!(data.len() <= limit as usize);
        rows.extend(data.iter().cloned());
        assert!(page < 100, "it never ends");
        match (body["next"].as_str(), link) {
            (None, None) => break,
            (Some(_), Some(link)) => {
                asked =
                    link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap().to_owned();
                assert_eq!(data.len(), limit as usize);
            }
            odd => panic!("the body and the header differ: {odd:?}"),
        }
        between(page).await;
    }
    rows
}

fn cart(number: u32, at: &str) -> Value {
    json!({ "type": "checkout.updated", "data": {
        "token": format!("chk_{number}"), "email": format!("one{number}@shopper.example"), "country": "US",
        "currency": "USD", "total": "10.00", "started_at": at, "updated_at": at,
        "items": [{ "title": "Cup", "quantity": 1, "price": "10.00" }],
    }})
}

#[actix_web::test]
async fn every_cart_is_met_once_while_others_come() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let add = async |number: u32| {
        let told = cart(number, &house.core().now().to_string());
        assert_eq!(ask(&site, house.told(&format!("e{number}"), &told)).await.status(), StatusCode::OK);
        house.later(std::time::Duration::from_secs(1)).await;
    };
    for number in 0..23 {
        add(number).await;
    }
    let mut next = 100;
    let rows = walk(&site, &token, "/api/v1/carts", 5, async |_| {
        add(next).await;
        next += 1;
    })
    .await;
    assert!(next > 103, "others came meanwhile");
    let names: Vec<&str> = rows.iter().map(|row| row["token"].as_str().unwrap()).collect();
    let seen: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(seen.len(), names.len(), "none twice");
    assert!((0..23).all(|number| seen.contains(format!("chk_{number}").as_str())), "{names:?}");
    // The filters go along.
    let open = walk(&site, &token, "/api/v1/carts?stage=open", 10, async |_| ()).await;
    assert_eq!(open.len() as u32, 23 + next - 100);
    assert_eq!(walk(&site, &token, "/api/v1/carts?stage=recovered", 10, async |_| ()).await.len(), 0);
    let one = walk(&site, &token, "/api/v1/carts?email=one7%40shopper.example", 10, async |_| ()).await;
    assert_eq!((one.len(), &one[0]["token"]), (1, &json!("chk_7")));
    let both = walk(&site, &token, "/api/v1/carts?email=one7%40shopper.example&token=chk_8", 10, async |_| ()).await;
    assert_eq!(both.len(), 0);
    // And by the body, where no proxy writes the address down.
    let by_body = async |asked: Value| told(post(&site, &token, "/api/v1/carts/find", &asked).await).await;
    let (_, first) = by_body(json!({ "stage": "open", "limit": 10 })).await;
    let (_, second) = by_body(json!({ "stage": "open", "limit": 10, "after": first["next"] })).await;
    let listed = get(&site, &token, "/api/v1/carts?stage=open&limit=20").await.1;
    let pages = [&first["data"], &second["data"]].map(|page| page.as_array().unwrap().clone()).concat();
    assert_eq!(json!(pages), listed["data"]);
    let (status, one) = by_body(json!({ "email": "one7@shopper.example" })).await;
    assert_eq!(
        (status, &one["data"][0]["token"], &one["next"]),
        (StatusCode::OK, &json!("chk_7"), &Value::Null),
        "{one}"
    );
    let (status, wrong) = by_body(json!({ "mail": "one7@shopper.example" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    assert_eq!(walk(&site, &token, "/api/v1/inbox", 7, async |_| ()).await.len() as u32, 23 + next - 100);
    house.app.close().await;
}

#[actix_web::test]
async fn the_ledgers_are_met_once_too() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let phone = |number: u32| format!("+1212525{:04}", 100 + number);
    let given = house.core().now().to_string();
    let consents: Vec<Value> =
        (0..12).map(|number| json!({ "phone": phone(number), "given_at": given, "text": "Text me" })).collect();
    let outs: Vec<Value> = (0..12).map(|number| json!({ "phone": phone(number), "source": "desk" })).collect();
    for (path, body) in [("consents", json!({ "consents": consents })), ("opt-outs", json!({ "opt_outs": outs }))] {
        let path = format!("/api/v1/{path}");
        let (status, taken) = told(post(&site, &token, &path, &body).await).await;
        assert_eq!((status, &taken["recorded"]), (StatusCode::OK, &json!(12)), "{taken}");
        let mut more = 12;
        let rows = walk(&site, &token, &path, 5, async |_| {
            house.clock.advance(std::time::Duration::from_secs(60));
            let entry = json!({ "phone": phone(more), "given_at": house.core().now().to_string() });
            let one = if path.ends_with("outs") {
                json!({ "opt_outs": [{ "phone": phone(more) }] })
            } else {
                json!({ "consents": [entry] })
            };
            more += 1;
            assert_eq!(told(post(&site, &token, &path, &one).await).await.0, StatusCode::OK);
        })
        .await;
        let seen: BTreeSet<String> = rows.iter().map(|row| row["phone_hash"].to_string()).collect();
        assert_eq!(seen.len(), rows.len(), "none twice");
        assert!(rows.len() >= 12, "{}", rows.len());
    }
    for path in [
        "carts",
        "messages",
        "orders",
        "inbox",
        "replies",
        "consents",
        "opt-outs",
        "sequences",
        "texts",
        "gateways",
        "shops",
    ] {
        for odd in ["limit=0", "limit=201", "limit=many", "colour=red", "after=%2F%2F&limit=2"] {
            let (status, body) = get(&site, &token, &format!("/api/v1/{path}?{odd}")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}?{odd}: {body}");
            assert!(body["errors"][0]["detail"].is_string(), "{body}");
        }
        assert_eq!(get(&site, &token, &format!("/api/v1/{path}?limit=200")).await.0, StatusCode::OK, "{path}");
    }
    house.app.close().await;
}

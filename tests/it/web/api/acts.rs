//! What the pages change, a program changes too: goals and funnels, experiments, gateways, deliveries, webhooks' events,
//! the self-test.

use super::*;

async fn delete(site: &Site, token: &str, path: &str) -> StatusCode {
    told(ask(site, with(token, TestRequest::delete().uri(path))).await).await.0
}

async fn add(site: &Site, token: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    told(post(site, token, path, body).await).await
}

#[actix_web::test]
async fn a_goal_and_a_funnel_are_kept_changed_and_removed() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let (token, bot) = (able(&house).await, token(&house, "bot", Scope::Read).await);
    let plan = json!({
        "name": "Price list", "class": "micro", "kind": "downloaded", "target": 40, "counts": "every",
        "only": { "field": "target", "how": "contains", "text": "price" },
        "worth_each": { "amount_minor": 250, "currency": "EUR" },
    });
    assert_eq!(add(&site, &bot, "/api/v1/goals", &plan).await.0, StatusCode::FORBIDDEN);
    let (status, made) = add(&site, &token, "/api/v1/goals", &plan).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let events = json!({ "events": [
        { "name": "downloaded", "visitor": "visitor-1", "target": "Price-List.pdf", "id": "1" },
        { "name": "downloaded", "visitor": "visitor-1", "target": "price-list.pdf", "id": "2" },
        { "name": "downloaded", "visitor": "visitor-1", "target": "terms.pdf", "id": "3" },
        { "name": "cart_added", "visitor": "visitor-1", "id": "4" },
    ] });
    assert_eq!(add(&site, &token, "/api/v1/events", &events).await.0, StatusCode::CREATED);
    house.later(cartback::domain::time::MINUTE).await;
    let path = format!("/api/v1/goals/{}", made["id"].as_str().unwrap());
    let (_, shown) = get(&site, &token, &path).await;
    assert_eq!((&shown["goal"]["count"], &shown["goal"]["worth"][0]["amount"]), (&json!(2), &json!("5.00")), "{shown}");
    // What was read can be written back; what is left out is no longer so.
    let mut back = serde_json::Map::new();
    for field in ["name", "class", "kind", "only", "worth_each", "worth_as_told", "counts", "target"] {
        back.insert(field.to_owned(), shown["goal"][field].clone());
    }
    assert_eq!(put(&site, &token, &path, &Value::Object(back.clone())).await.0, StatusCode::OK);
    back.remove("only");
    back.insert("counts".into(), json!("once_a_day"));
    assert_eq!(put(&site, &token, &path, &Value::Object(back)).await.0, StatusCode::OK);
    house.later(cartback::domain::time::MINUTE).await;
    let (_, shown) = get(&site, &token, &path).await;
    assert_eq!((&shown["goal"]["count"], &shown["goal"]["only"]), (&json!(1), &Value::Null), "{shown}");
    for (field, odd) in [
        ("name", json!("")),
        ("class", json!("tiny")),
        ("kind", json!("flown")),
        ("only.text", json!({ "field": "page", "how": "equals", "text": "" })),
        ("worth_as_told", json!(true)),
        ("target", json!(0)),
    ] {
        let mut wrong = plan.clone();
        wrong[field.split('.').next().unwrap()] = odd;
        let (status, body) = add(&site, &token, "/api/v1/goals", &wrong).await;
        assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    assert_eq!(delete(&site, &token, &path).await, StatusCode::NO_CONTENT);
    assert_eq!(delete(&site, &token, &path).await, StatusCode::NOT_FOUND);
    assert_eq!(put(&site, &token, &path, &plan).await.0, StatusCode::NOT_FOUND);

    let mut way = json!({ "name": "To the list", "window_minutes": 600, "steps": [
        { "kind": "downloaded", "only": { "field": "target", "how": "contains", "text": "price" } },
        { "kind": "cart_added" },
    ] });
    let (status, made) = add(&site, &token, "/api/v1/funnels", &way).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let path = format!("/api/v1/funnels/{}", made["id"].as_str().unwrap());
    let (_, shown) = get(&site, &token, &path).await;
    assert_eq!((&shown["steps"][0]["visitors"], &shown["steps"][1]["visitors"]), (&json!(1), &json!(1)), "{shown}");
    assert_eq!(shown["steps"][0]["only"]["text"], "price");
    way["strict"] = json!(true);
    assert_eq!(put(&site, &token, &path, &way).await.0, StatusCode::OK);
    assert_eq!(get(&site, &token, &path).await.1["strict"], true);
    way["steps"] = json!([{ "kind": "cart_added" }]);
    assert_eq!(put(&site, &token, &path, &way).await.1["errors"][0]["field"], "steps");
    assert_eq!(delete(&site, &token, &path).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&site, &token, &path).await.0, StatusCode::NOT_FOUND);
    house.app.close().await;
}

#[actix_web::test]
async fn an_experiment_is_begun_and_its_way_taken_over() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let all = "/api/v1/experiments";
    let asked = json!({ "name": "Later", "sequence": "default", "step": 1, "goal": "tap", "arms": [
        { "name": "after three hours", "after_minutes": 180 },
        { "name": "other words", "weight": 2, "words": "{{ shop }}: still there. {{ link }} {{ opt_out }}" },
    ] });
    let (status, begun) = add(&site, &token, all, &asked).await;
    assert_eq!((status, &begun["arms"][0]["name"]), (StatusCode::CREATED, &json!("as it is")), "{begun}");
    let mut odd = asked.clone();
    odd["arms"][0]["no_discount"] = json!(true);
    assert_eq!(add(&site, &token, all, &odd).await.1["errors"][0]["field"], "arms[0]");
    odd["arms"] = json!([]);
    assert_eq!(add(&site, &token, all, &odd).await.0, StatusCode::BAD_REQUEST);
    let path = format!("{all}/{}", begun["id"].as_str().unwrap());
    assert_eq!(get(&site, &token, &path).await.1, begun);
    let take = format!("{path}/use");
    assert_eq!(add(&site, &token, &take, &json!({ "arm": "none" })).await.0, StatusCode::BAD_REQUEST);
    let (status, taken) = add(&site, &token, &take, &json!({ "arm": "after three hours" })).await;
    assert!(status == StatusCode::OK && taken["ended_at"].is_string(), "{taken}");
    let (_, sequence) = get(&site, &token, "/api/v1/sequences/default").await;
    assert_eq!(sequence["sequence"]["steps"][0]["after_minutes"], 180, "{sequence}");
    for (over, body) in [(take, json!({ "arm": "as it is" })), (format!("{path}/stop"), json!({}))] {
        assert_eq!(add(&site, &token, &over, &body).await.0, StatusCode::CONFLICT, "{over}");
    }
    let again = add(&site, &token, all, &asked).await.1;
    let stop = format!("{all}/{}/stop", again["id"].as_str().unwrap());
    assert!(add(&site, &token, &stop, &json!({})).await.1["ended_at"].is_string());
    house.app.close().await;
}

#[actix_web::test]
async fn a_delivery_is_mended_and_many_are_read_again() {
    let house = House::open().await;
    let site = site(house.state()).await;
    house.texted(&site).await;
    let token = able(&house).await;
    let (_, inbox) = get(&site, &token, "/api/v1/inbox?verdict=applied").await;
    let delivery = format!("/api/v1/inbox/{}", inbox["data"][0]["id"].as_str().unwrap());
    let fix = format!("{delivery}/fix");
    assert_eq!(add(&site, &token, &fix, &json!({ "body": "{}" })).await.0, StatusCode::CONFLICT);
    let (status, run) = add(&site, &token, "/api/v1/inbox/replays", &json!({ "verdict": "applied" })).await;
    assert_eq!((status, &run["done"]), (StatusCode::ACCEPTED, &json!(0)), "{run}");
    house.work().await;
    let stop = format!("/api/v1/inbox/replays/{}/stop", run["id"].as_str().unwrap());
    assert_eq!(add(&site, &token, &stop, &json!({})).await.0, StatusCode::NOT_FOUND, "it is over");
    let odd = json!({ "from": "yesterday" });
    assert_eq!(add(&site, &token, "/api/v1/inbox/replays", &odd).await.1["errors"][0]["field"], "from");
    // The self-test waits for a worker; nobody of this shop is texted by it.
    let (status, asked) = add(&site, &token, "/api/v1/self-tests", &json!({})).await;
    assert_eq!((status, &asked["verdict"], &asked["nightly"]), (StatusCode::ACCEPTED, &Value::Null, &json!(false)));
    assert_eq!(get(&site, &token, "/api/v1/self-tests").await.1["data"][0], asked);
    house.app.close().await;
}

#[actix_web::test]
async fn a_gateway_is_taken_out_of_use_and_events_are_told_again() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let (_, gateways) = get(&site, &token, "/api/v1/gateways").await;
    let of_house = format!("/api/v1/gateways/{}", gateways["data"][0]["id"].as_str().unwrap());
    assert_eq!(delete(&site, &token, &of_house).await, StatusCode::FORBIDDEN);
    let (_, made) = add(&site, &token, "/api/v1/gateways", &json!({ "kind": "log" })).await;
    let own = format!("/api/v1/gateways/{}", made["id"].as_str().unwrap());
    assert_eq!(delete(&site, &token, &own).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&site, &token, &own).await.0, StatusCode::NOT_FOUND);

    let endpoint = json!({ "url": "https://hooks.example/cartback" });
    let (_, made) = add(&site, &token, "/api/v1/webhooks", &endpoint).await;
    let path = format!("/api/v1/webhooks/{}", made["webhook"]["id"].as_str().unwrap());
    let again = format!("{path}/replay");
    let (status, told) = add(&site, &token, &again, &json!({ "since": "2026-03-01T00:00:00Z" })).await;
    assert_eq!((status, told), (StatusCode::ACCEPTED, json!({ "events": 0 })));
    for odd in [json!({}), json!({ "since": "soon" }), json!({ "event": "evt_x" })] {
        assert_eq!(add(&site, &token, &again, &odd).await.0, StatusCode::BAD_REQUEST, "{odd}");
    }
    assert_eq!(add(&site, &token, &format!("{path}/disable"), &json!({})).await.0, StatusCode::OK);
    let off = add(&site, &token, &again, &json!({ "since": "2026-03-01T00:00:00Z" })).await;
    assert_eq!(off.0, StatusCode::CONFLICT);
    house.app.close().await;
}

#[actix_web::test]
async fn numbers_for_calls_limits_of_the_books_and_the_audit_log() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let (token, bot) = (able(&house).await, token(&house, "bot", Scope::Read).await);
    let pool = "/api/v1/call-numbers";
    let number = json!({ "number": "+38615550001", "answers": "+38615559999" });
    let (status, made) = add(&site, &token, pool, &number).await;
    assert_eq!((status, &made["answers"]), (StatusCode::CREATED, &json!("+38615559999")), "{made}");
    assert_eq!(get(&site, &bot, pool).await.1["data"][0], made);
    let (status, again) = add(&site, &token, pool, &number).await;
    assert_eq!((status, &again["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("number")), "{again}");
    let path = format!("{pool}/{}", made["id"].as_str().unwrap());
    assert_eq!(delete(&site, &token, &path).await, StatusCode::NO_CONTENT);
    assert_eq!(delete(&site, &token, &path).await, StatusCode::NOT_FOUND);
    assert_eq!(get(&site, &bot, pool).await.1["data"], json!([]));

    let limits = "/api/v1/audit/limits";
    let wanted = json!({ "small_hundredths": 150, "large_hundredths": 900 });
    assert_eq!(put(&site, &token, limits, &wanted).await.0, StatusCode::OK);
    assert_eq!(get(&site, &bot, limits).await.1, wanted);
    let odd = json!({ "small_hundredths": 900, "large_hundredths": 150 });
    assert_eq!(put(&site, &token, limits, &odd).await.0, StatusCode::BAD_REQUEST);

    let log = "/api/v1/audit-log";
    assert_eq!(get(&site, &bot, log).await.0, StatusCode::FORBIDDEN);
    let (_, entries) = get(&site, &token, log).await;
    let newest = &entries["data"][0];
    assert_eq!(
        (&newest["door"], &newest["outcome"], &newest["name"]),
        (&json!("api"), &json!("refused"), &json!("able"))
    );
    assert!(newest["act"].as_str().unwrap().contains("audit/limits"), "{newest}");
    let (_, page) = get(&site, &token, &format!("{log}?limit=1")).await;
    assert_eq!((&page["data"][0], page["next"].is_string()), (newest, true));
    house.app.close().await;
}

//! Each noun's own ways: what was read can be written back, two writers do not overwrite each other, and what a page does a
//! program does too.

use super::*;

async fn tagged(site: &Site, token: &str, path: &str) -> (String, Value) {
    let response = ask(site, with(token, TestRequest::get().uri(path))).await;
    let tag = response.headers().get(header::ETAG).unwrap().to_str().unwrap().to_owned();
    (tag, told(response).await.1)
}

async fn matching(site: &Site, token: &str, method: &str, path: &str, tag: &str, body: &Value) -> (StatusCode, Value) {
    let request =
        TestRequest::default().method(method.parse().unwrap()).uri(path).insert_header((header::IF_MATCH, tag));
    let request = if body.is_null() { request } else { request.set_payload(body.to_string()) };
    told(ask(site, with(token, request)).await).await
}

fn kind(body: &Value) -> &str {
    body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

#[actix_web::test]
async fn two_writers_of_a_sequence_do_not_overwrite_each_other() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let path = "/api/v1/sequences/gentle";
    let (status, made) = told(post(&site, &token, "/api/v1/sequences", &json!({ "preset": "gentle" })).await).await;
    assert_eq!((status, &made["on_since"]), (StatusCode::CREATED, &Value::Null));
    let again = told(post(&site, &token, "/api/v1/sequences", &json!({ "preset": "gentle" })).await).await;
    assert_eq!((again.0, kind(&again.1)), (StatusCode::CONFLICT, "conflict"));
    let (tag, read) = tagged(&site, &token, path).await;
    let mut form = read["sequence"].clone();
    form["name"] = json!("Quite gentle");
    form["steps"][0]["discount"] = json!({ "amount": { "amount_minor": 500, "currency": "USD" }, "expires_hours": 24 });
    let (status, written) = matching(&site, &token, "PUT", path, &tag, &form).await;
    assert_eq!((status, &written["sequence"]["name"]), (StatusCode::OK, &json!("Quite gentle")));
    assert_eq!(written["sequence"]["steps"][0]["discount"]["amount"]["amount"], "5.00");
    // The other writer still has the old tag.
    for (method, body) in [("PUT", form.clone()), ("DELETE", Value::Null)] {
        let (status, body) = matching(&site, &token, method, path, &tag, &body).await;
        assert_eq!((status, kind(&body)), (StatusCode::PRECONDITION_FAILED, "stale"));
    }
    assert_eq!(get(&site, &token, path).await.1, written);
    let (status, _) = told(
        ask(
            &site,
            with(
                &token,
                TestRequest::put().uri(path).insert_header((header::IF_NONE_MATCH, "*")).set_payload(form.to_string()),
            ),
        )
        .await,
    )
    .await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    // No text of ours has a NUL: one of the two databases could not keep it.
    for odd in [r#"{"name":"a\u0000b","steps":[{"after_minutes":1}]}"#, r#"{"name":"a","a\u0000":1}"#] {
        let request = with(&token, TestRequest::put().uri(path).set_payload(odd));
        assert_eq!(told(ask(&site, request).await).await.0, StatusCode::BAD_REQUEST);
    }
    for odd in ["/api/v1/carts?token=a%00b", "/api/v1/orders?number=%00"] {
        assert_eq!(get(&site, &token, odd).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(get(&site, &token, "/api/v1/sequences/a%00").await.0, StatusCode::NOT_FOUND);
    // On, to the front, off, gone.
    let act = async |act: &str, body: Value| told(post(&site, &token, &format!("{path}/{act}"), &body).await).await;
    assert!(act("on", json!({})).await.1["on_since"].is_string());
    assert_eq!(act("move", json!({ "position": 1 })).await.1["position"], 1);
    assert_eq!(get(&site, &token, "/api/v1/sequences").await.1["data"][0]["id"], "gentle");
    assert_eq!(act("move", json!({ "position": 99 })).await.1["position"], 2);
    assert_eq!(act("move", json!({ "position": 0 })).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(act("off", json!({})).await.1["on_since"], Value::Null);
    let (tag, _) = tagged(&site, &token, path).await;
    assert_eq!(matching(&site, &token, "DELETE", path, &tag, &Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(get(&site, &token, path).await.0, StatusCode::NOT_FOUND);
    // What is wrong is named where it is.
    let odd = json!({ "name": "x", "steps": [{ "after_minutes": 30, "colour": "red" }] });
    let (status, body) = put(&site, &token, path, &odd).await;
    assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("steps[0].colour")));
    let odd = json!({ "name": "x", "steps": [{ "after_minutes": "soon" }] });
    assert_eq!(
        put(&site, &token, path, &odd).await.1["errors"][0],
        json!({ "field": "steps[0].after_minutes", "detail": "must be u32" })
    );
    house.app.close().await;
}

#[actix_web::test]
async fn rules_are_patched_and_texts_are_written() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let rules = "/api/v1/shop/rules";
    let (tag, before) = tagged(&site, &token, rules).await;
    let change = json!({ "rest_hours": 48, "hours": "mon-fri 10:00-18:00", "limits": { "quiet_texts": 77 } });
    let (status, after) = matching(&site, &token, "PATCH", rules, &tag, &change).await;
    assert_eq!(status, StatusCode::OK, "{after}");
    assert_eq!(after["version"].as_u64(), before["version"].as_u64().map(|version| version + 1));
    assert_eq!((&after["rules"]["rest_hours"], &after["rules"]["limits"]["quiet_texts"]), (&json!(48), &json!(77)));
    assert_eq!(after["rules"]["limits"]["per_ip_hour"], before["rules"]["limits"]["per_ip_hour"]);
    assert_eq!(matching(&site, &token, "PATCH", rules, &tag, &change).await.0, StatusCode::PRECONDITION_FAILED);
    // What was read can be written back as a whole, and changes nothing.
    assert_eq!(patch(&site, &token, rules, &after["rules"]).await.1, after);
    assert_eq!(patch(&site, &token, rules, &json!({ "hours": null })).await.1["rules"]["hours"], Value::Null);
    for (odd, field) in [
        (json!({ "rest_hours": 721 }), "rest_hours"),
        (json!({ "rest_hours": "x" }), "rest_hours"),
        (json!({ "colour": 1 }), "colour"),
        (json!({ "colour": null }), "colour"),
        (json!({ "limits": { "colour": 1 } }), "limits.colour"),
        (json!({ "hours": "always" }), "hours"),
    ] {
        let (status, body) = patch(&site, &token, rules, &odd).await;
        assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    // A list is not taken for an object, however deep.
    for (odd, place) in [
        (json!({ "limits": [] }), "limits"),
        (json!({ "consent": { "countries": {} }, "retention": [1] }), "retention"),
    ] {
        let (status, body) = patch(&site, &token, rules, &odd).await;
        assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(place)), "{body}");
    }
    assert_eq!(patch(&site, &token, rules, &json!([])).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(patch(&site, &token, "/api/v1/shop", &json!([])).await.0, StatusCode::BAD_REQUEST);
    // Texts.
    let text = "/api/v1/texts/default/1/de";
    let (tag, ready) = tagged(&site, &token, text).await;
    assert_eq!((&ready["own"], &ready["language"]), (&json!(false), &json!("de")));
    let words = json!({ "text": "{{ shop }}: Ihr Warenkorb wartet: {{ link }} {{ opt_out }}" });
    let (status, own) = matching(&site, &token, "PUT", text, &tag, &words).await;
    assert_eq!((status, &own["own"], &own["text"]), (StatusCode::OK, &json!(true), &words["text"]));
    assert_eq!(matching(&site, &token, "PUT", text, &tag, &words).await.0, StatusCode::PRECONDITION_FAILED);
    let (status, body) = put(&site, &token, text, &json!({ "text": "Hello {{ colour }}" })).await;
    assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("text")), "{body}");
    let preview = told(
        post(&site, &token, &format!("{text}/preview"), &json!({ "text": "{{ shop }} š {{ link }} {{ opt_out }}" }))
            .await,
    )
    .await;
    assert_eq!((preview.0, &preview.1["encoding"]), (StatusCode::OK, &json!("ucs2")), "{}", preview.1);
    assert!(preview.1["said"].as_str().unwrap().starts_with("Acme š https://"), "{}", preview.1);
    assert!(preview.1["parts"].as_u64() > preview.1["parts_without"].as_u64());
    let sent = told(post(&site, &token, &format!("{text}/test"), &json!({ "phone": PHONE })).await).await;
    assert_eq!(sent.0, StatusCode::ACCEPTED, "{}", sent.1);
    house.work().await;
    let (_, messages) = get(&site, &token, "/api/v1/messages").await;
    assert_eq!((&messages["data"][0]["purpose"], &messages["data"][0]["state"]), (&json!("test"), &json!("accepted")));
    assert!(!messages.to_string().contains(PHONE), "the number is masked: {messages}");
    let refused = told(post(&site, &token, &format!("{text}/test"), &json!({ "phone": "+38640555123" })).await).await;
    assert_eq!((refused.0, kind(&refused.1)), (StatusCode::BAD_REQUEST, "invalid"));
    assert_eq!(told(ask(&site, with(&token, TestRequest::delete().uri(text))).await).await.0, StatusCode::NO_CONTENT);
    assert_eq!(get(&site, &token, text).await.1, ready);
    assert_eq!(get(&site, &token, "/api/v1/texts/default/1/xx").await.0, StatusCode::NOT_FOUND);
    house.app.close().await;
}

#[actix_web::test]
async fn a_recovered_cart_is_told_from_end_to_end() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let message = house.recovered(&site).await;
    let token = able(&house).await;
    let cart = format!("/api/v1/carts/{}", message.cart().unwrap());
    let (_, story) = get(&site, &token, &cart).await;
    assert_eq!((&story["cart"]["state"], &story["cart"]["total"]["amount"]), (&json!("recovered"), &json!("128.50")));
    let events: Vec<&str> =
        story["timeline"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    for event in
        ["started", "abandoned", "decision", "message_queued", "message_accepted", "clicked", "order", "credit"]
    {
        assert!(events.contains(&event), "{event} is missing in {events:?}");
    }
    assert_eq!(story["decisions"][0]["gates"].as_array().unwrap().len(), 9);
    let text = story.to_string();
    assert!(!text.contains(PHONE) && !text.contains("6d0c") && !text.contains("mara@"), "{text}");
    let (_, explained) = get(&site, &token, &format!("{cart}/explain")).await;
    assert!(explained["data"].as_array().unwrap().iter().all(|one| one["again"] == "same"), "{explained}");
    let (_, orders) = get(&site, &token, "/api/v1/orders?number=%231093").await;
    let order = &orders["data"][0];
    assert_eq!((&order["credit"]["net"]["amount"], &order["credit"]["class"]), (&json!("128.50"), &json!("credited")));
    let (_, evidence) = get(&site, &token, &format!("/api/v1/orders/{}", order["id"].as_str().unwrap())).await;
    assert_eq!((&evidence["considered"][0]["won"], &evidence["entries"][0]["entry"]), (&json!(true), &json!("order")));
    assert_eq!((&evidence["confidence"]["grade"], &evidence["windows"]["click_hours"]), (&json!("high"), &json!(120)));
    assert_eq!((&evidence["way"], &evidence["other_rules"][0]["rule"]), (&json!("through_link"), &json!("assisted")));
    let (_, compared) = get(&site, &token, "/api/v1/attribution?days=7&click_hours=24&sent_hours=0").await;
    let rules: Vec<&str> =
        compared["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap()).collect();
    assert_eq!((rules.len(), rules[0], rules[9]), (11, "strict", "proposed"));
    assert_eq!(compared["rules"][0]["money"][0]["net"]["amount"], "128.50");
    assert_eq!(get(&site, &token, "/api/v1/attribution?click_hours=24").await.0, StatusCode::BAD_REQUEST);
    let path = format!("/api/v1/orders/{}/credit", order["id"].as_str().unwrap());
    let said = json!({ "to": "none", "reason": "the newsletter brought it" });
    let (status, corrected) = told(post(&site, &token, &path, &said).await).await;
    assert_eq!((status, &corrected["corrections"][0]["reason"]), (StatusCode::OK, &said["reason"]));
    assert_eq!(told(post(&site, &token, &path, &said).await).await.0, StatusCode::CONFLICT);
    let odd = json!({ "to": "somewhere", "reason": "x" });
    assert_eq!(told(post(&site, &token, &path, &odd).await).await.0, StatusCode::BAD_REQUEST);
    let back = json!({ "to": "rules", "reason": "it did not" });
    assert_eq!(told(post(&site, &token, &path, &back).await).await.0, StatusCode::OK);
    let hours = json!({ "click_hours": 72, "sent_hours": 24 });
    assert_eq!(put(&site, &token, "/api/v1/attribution/windows", &hours).await.0, StatusCode::ACCEPTED);
    let (_, statements) = get(&site, &token, "/api/v1/statements").await;
    assert_eq!((&statements["data"], &statements["intact"]), (&json!([]), &json!(true)));
    for (month, status) in [("9998-01", StatusCode::CONFLICT), ("soon", StatusCode::BAD_REQUEST)] {
        let asked = told(post(&site, &token, "/api/v1/statements", &json!({ "month": month })).await).await;
        assert_eq!(asked.0, status, "{month}");
    }
    let (_, told_message) = get(&site, &token, &format!("/api/v1/messages/{}", message.id)).await;
    assert_eq!(
        (&told_message["opened"][0]["by_person"], &told_message["credits"][0]["class"]),
        (&json!(true), &json!("credited"))
    );
    let (_, report) = get(&site, &token, "/api/v1/report?days=7").await;
    assert_eq!(
        (&report["total"]["recovered_orders"], &report["total"]["money"][0]["net"]["amount"]),
        (&json!(1), &json!("128.50"))
    );
    assert_eq!(report["days"].as_array().unwrap().len(), 7);
    assert_eq!(
        (&report["countries"][1]["country"], &report["countries"][1]["figures"]["texts"]),
        (&json!("US"), &json!(1))
    );
    let (status, lift) = get(&site, &token, "/api/v1/report/lift").await;
    assert_eq!((status.as_u16(), &lift["runs"], &lift["split_probability"]), (200, &json!([]), &json!(1.0)), "{lift}");
    let (_, funnel) = get(&site, &token, "/api/v1/report/funnel?days=7").await;
    let carts: Vec<u64> =
        funnel["stages"].as_array().unwrap().iter().map(|stage| stage["carts"].as_u64().unwrap()).collect();
    assert_eq!(carts, [1; 9]);
    assert_eq!(get(&site, &token, "/api/v1/report/orders").await.1["data"][0]["number"], "#1093");
    // The inbox has it as it came, and reads it again without effect.
    let (_, inbox) = get(&site, &token, "/api/v1/inbox?verdict=applied").await;
    let delivery = format!("/api/v1/inbox/{}", inbox["data"][0]["id"].as_str().unwrap());
    let (_, raw) = get(&site, &token, &delivery).await;
    assert!(raw["body"].as_str().unwrap().contains("#1093"));
    let signature = raw["headers"].as_array().unwrap().iter().find(|line| line["name"] == "webhook-signature").unwrap();
    assert_eq!(signature["value"], "…");
    assert_eq!(
        told(post(&site, &token, &format!("{delivery}/replay"), &json!({})).await).await.0,
        StatusCode::ACCEPTED
    );
    house.work().await;
    assert_eq!(get(&site, &token, &cart).await.1, story);
    let exists = told(post(&site, &token, "/api/v1/people/exists", &json!({ "phone": PHONE })).await).await.1;
    assert_eq!((&exists["exists"], &exists["carts"]), (&json!(true), &json!(1)));
    house.app.close().await;
}

#[actix_web::test]
async fn the_shop_and_its_gateways_are_changed_and_the_house_stays_the_houses() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let (token, ours) = (able(&house).await, of_house(&house).await);
    let (status, shop) =
        patch(&site, &token, "/api/v1/shop", &json!({ "name": "Acme & Co", "settings": { "site": "new.example" } }))
            .await;
    assert_eq!(
        (status, &shop["name"], &shop["settings"]["site"]),
        (StatusCode::OK, &json!("Acme & Co"), &json!("new.example"))
    );
    assert_eq!(shop["settings"]["secret"], "…");
    let same = patch(&site, &token, "/api/v1/shop", &json!({ "settings": shop["settings"] })).await;
    assert_eq!(same, (StatusCode::OK, shop));
    for odd in [
        json!({ "name": "" }),
        json!({ "country": "Slovenia" }),
        json!({ "settings": { "colour": "red" } }),
        json!({ "paused": "yes" }),
    ] {
        assert_eq!(patch(&site, &token, "/api/v1/shop", &odd).await.0, StatusCode::BAD_REQUEST, "{odd}");
    }
    assert_eq!(
        told(post(&site, &token, "/api/v1/shop/pause", &json!({})).await).await.1["stopped"],
        "the shop is paused"
    );
    assert_eq!(told(post(&site, &token, "/api/v1/shop/resume", &json!({})).await).await.1["stopped"], Value::Null);
    // The house's gateway is seen, and stays as it is.
    let (_, gateways) = get(&site, &token, "/api/v1/gateways").await;
    let of_house = &gateways["data"][0];
    assert_eq!((&of_house["of_house"], &of_house["webhook_url"]), (&json!(true), &Value::Null));
    let path = format!("/api/v1/gateways/{}", of_house["id"].as_str().unwrap());
    let refused = told(post(&site, &token, &format!("{path}/pause"), &json!({})).await).await;
    assert_eq!((refused.0, kind(&refused.1)), (StatusCode::FORBIDDEN, "scope"));
    let named = |request: TestRequest| with(&ours, request).insert_header(("cartback-shop", house.shop.to_string()));
    let paused = told(ask(&site, named(TestRequest::post().uri(&format!("{path}/pause")))).await).await;
    assert_eq!((paused.0, &paused.1["pause_reason"]), (StatusCode::OK, &json!("paused by token house")));
    // Its own is its own.
    let made = ask(&site, with(&token, TestRequest::post().uri("/api/v1/gateways").set_payload(json!({ "kind": "kannel", "settings": { "url": "http://kannel.example:13013/cgi-bin/sendsms", "username": "u", "password": "a password of some length", "from": "Acme" } }).to_string()))).await;
    let place = made.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned();
    let (status, own) = told(made).await;
    assert_eq!(
        (status, &own["of_house"], &own["settings"]["password"]),
        (StatusCode::CREATED, &json!(false), &json!("…")),
        "{own}"
    );
    let (status, changed) = patch(&site, &token, &place, &json!({ "settings": { "from": "Acme2" } })).await;
    assert_eq!((status, &changed["settings"]["from"]), (StatusCode::OK, &json!("Acme2")), "{changed}");
    assert_eq!(
        told(post(&site, &token, &format!("{place}/pause"), &json!({})).await).await.1["pause_reason"],
        "paused by token able"
    );
    assert_eq!(
        told(post(&site, &token, &format!("{place}/resume"), &json!({})).await).await.1["paused_at"],
        Value::Null
    );
    assert_eq!(
        told(post(&site, &token, "/api/v1/gateways", &json!({ "kind": "pigeon" })).await).await.0,
        StatusCode::BAD_REQUEST
    );
    // The kill switch is the house's.
    let halt = json!({ "why": "a drill" });
    assert_eq!(told(post(&site, &token, "/api/v1/halt", &halt).await).await.0, StatusCode::FORBIDDEN);
    assert_eq!(told(post(&site, &ours, "/api/v1/halt", &halt).await).await.1["halted"]["why"], "a drill");
    assert_eq!(get(&site, &token, "/api/v1/risk").await.1["halted"]["why"], "a drill");
    assert_eq!(told(post(&site, &ours, "/api/v1/halt/lift", &json!({})).await).await.1["halted"], Value::Null);
    assert_eq!(told(post(&site, &ours, "/api/v1/halt/lift", &json!({})).await).await.0, StatusCode::CONFLICT);
    // The law, as it comes out for the shop.
    let (_, law) = get(&site, &token, "/api/v1/law/US-FL").await;
    assert_eq!((&law["law"]["consent"], law["rules"].as_array().unwrap().is_empty()), (&json!("double"), false));
    assert_eq!(get(&site, &token, "/api/v1/law/Florida").await.0, StatusCode::NOT_FOUND);
    house.app.close().await;
}

#[actix_web::test]
async fn a_reply_is_settled_once() {
    let house = House::open().await;
    let site = site(house.state()).await;
    house.texted(&site).await;
    let token = able(&house).await;
    let said = json!({ "type": "reply", "from": PHONE, "text": "is the cup blue?", "id": "in-1" });
    let heard =
        TestRequest::post().uri(&house.sms_hook).insert_header(("host", "127.0.0.1")).set_payload(said.to_string());
    assert_eq!(ask(&site, heard).await.status(), StatusCode::OK);
    house.work().await;
    let (_, replies) = get(&site, &token, "/api/v1/replies").await;
    let reply = &replies["data"][0];
    assert_eq!((&reply["waits"], &reply["text"]), (&json!(true), &json!("is the cup blue?")), "{replies}");
    let path = format!("/api/v1/replies/{}/settle", reply["id"].as_str().unwrap());
    assert_eq!(told(post(&site, &token, &path, &json!({ "how": "heeded" })).await).await.0, StatusCode::BAD_REQUEST);
    let settled = told(post(&site, &token, &path, &json!({ "how": "answered" })).await).await.1;
    assert_eq!((&settled["waits"], &settled["settled"]["by"]), (&json!(false), &json!("token able")));
    assert_eq!(told(post(&site, &token, &path, &json!({ "how": "answered" })).await).await.0, StatusCode::CONFLICT);
    house.app.close().await;
}

#[actix_web::test]
async fn a_cart_is_held_released_and_dismissed() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let message = house.texted(&site).await;
    let token = able(&house).await;
    let path = format!("/api/v1/carts/{}", message.cart().unwrap());
    let act = async |act: &str| told(post(&site, &token, &format!("{path}/{act}"), &json!({})).await).await;
    for step in ["hold", "release", "dismiss"] {
        let (status, body) = act(step).await;
        assert_eq!((status, body["cart"]["id"].is_string()), (StatusCode::OK, true), "{step}: {body}");
    }
    let (status, refused) = act("send-now").await;
    assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "conflict"), "{refused}");
    let settle = format!("/api/v1/messages/{}/settle", message.id);
    let known = told(post(&site, &token, &settle, &json!({ "how": "arrived" })).await).await;
    assert_eq!((known.0, kind(&known.1)), (StatusCode::CONFLICT, "conflict"), "{}", known.1);
    house.app.close().await;
}

#[actix_web::test]
async fn an_endpoint_is_added_changed_and_removed() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let hears = json!({ "url": "https://example.com/hooks", "events": ["order.recovered"] });
    let (status, made) = told(post(&site, &token, "/api/v1/webhooks", &hears).await).await;
    assert_eq!((status, &made["webhook"]["events"]), (StatusCode::CREATED, &hears["events"]), "{made}");
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    let path = format!("/api/v1/webhooks/{}", made["webhook"]["id"].as_str().unwrap());
    let (_, shown) = get(&site, &token, &path).await;
    assert!(!shown.to_string().contains(&secret) && shown == made["webhook"], "{shown}");
    let (status, changed) =
        patch(&site, &token, &path, &json!({ "events": ["cart.abandoned", "link.clicked"], "personal": true })).await;
    assert_eq!(
        (status, &changed["personal"], changed["events"].as_array().unwrap().len()),
        (StatusCode::OK, &json!(true), 2)
    );
    for odd in [json!({ "events": ["cart.eaten"] }), json!({ "url": "http://127.0.0.1/" }), json!({ "colour": 1 })] {
        assert_eq!(patch(&site, &token, &path, &odd).await.0, StatusCode::BAD_REQUEST, "{odd}");
    }
    let act = async |act: &str| told(post(&site, &token, &format!("{path}/{act}"), &json!({})).await).await.1;
    assert!(act("disable").await["disabled_at"].is_string());
    assert_eq!(act("enable").await["disabled_at"], Value::Null);
    assert!(act("rotate").await["secret"].as_str().is_some_and(|fresh| fresh != secret));
    assert_eq!(get(&site, &token, "/api/v1/webhooks").await.1["data"].as_array().unwrap().len(), 1);
    assert_eq!(told(ask(&site, with(&token, TestRequest::delete().uri(&path))).await).await.0, StatusCode::NO_CONTENT);
    assert_eq!(get(&site, &token, &path).await.0, StatusCode::NOT_FOUND);
    house.app.close().await;
}

#[actix_web::test]
async fn the_pages_of_tokens_and_of_the_reference() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    assert!(page(&site, "/tokens").await.1.contains("No token opens the API for Acme yet."));
    let form = |path: &str, body: &str| {
        crate::web::house::from_our_page(path)
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .set_payload(body.to_owned())
    };
    let made = ask(&site, form("/tokens", "name=till&scope=read&scope=write&days=30")).await;
    assert_eq!(made.status(), StatusCode::OK);
    assert_eq!(made.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
    let shown = text(made).await;
    let token = format!("cb_{}", &shown.split("value=\"cb_").nth(1).unwrap()[..59]);
    let (_, list) = page(&site, "/tokens").await;
    assert!(list.contains("1 token opens the API for Acme.") && !list.contains(&token), "{list}");
    let state = self::house_site(&house).await;
    assert_eq!(get(&state, &token, "/api/v1/shop").await.0, StatusCode::OK);
    assert_eq!(get(&state, &token, "/api/v1/consents").await.0, StatusCode::OK);
    let refused = text(ask(&site, form("/tokens", "name=till&scope=read")).await).await;
    assert!(refused.contains("Not made yet") && refused.contains("a name is given once"), "{refused}");
    assert!(text(ask(&site, form("/tokens", "name=x")).await).await.contains("choose at least one scope"));
    assert_eq!(ask(&site, form("/tokens/revoke", "name=till")).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(get(&state, &token, "/api/v1/shop").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&site, form("/tokens/revoke", "name=till")).await.status(), StatusCode::NOT_FOUND);
    // The reference has every operation, and each noun its own page.
    let (status, reference) = page(&site, "/api").await;
    assert_eq!(status, StatusCode::OK);
    for operation in operations() {
        assert!(reference.contains(&operation.path), "{}", operation.path);
        let (status, noun) = page(&site, &format!("/api?about={}", operation.noun)).await;
        assert!(status == StatusCode::OK && noun.contains(&operation.path), "{}", operation.path);
    }
    assert_eq!(page(&site, "/api?about=pigeons").await.0, StatusCode::NOT_FOUND);
    house.app.close().await;
}

async fn house_site(house: &House) -> Site {
    site(house.state()).await
}

#[actix_web::test]
async fn consents_to_advertising_are_taken_whole_or_not_at_all() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let records = async |body: &Value| told(post(&site, &token, "/api/v1/ad-consents", body).await).await;
    let list = json!({ "consents": [
        { "phone": "+12125550142", "state": "granted", "at": "2026-02-01T10:00:00Z", "source": "cookie banner" },
        { "phone": "+12125550143", "state": "withdrawn" },
    ] });
    assert_eq!(records(&list).await, (StatusCode::OK, json!({ "recorded": 2, "known": 0 })));
    assert_eq!(records(&list).await, (StatusCode::OK, json!({ "recorded": 0, "known": 2 })));
    let odd = json!({ "consents": [
        { "phone": "+12125550144", "state": "granted" },
        { "phone": "+12125550145", "state": "perhaps" },
        { "phone": "none", "state": "granted" },
    ] });
    let (status, body) = records(&odd).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let said = body["errors"].to_string();
    assert!(said.contains("consents[1].state") && said.contains("consents[2].phone"), "{said}");
    let good = json!({ "consents": [{ "phone": "+12125550144", "state": "granted" }] });
    assert_eq!(records(&good).await.1["recorded"], 1, "nothing of the odd list was kept");
    assert_eq!(records(&json!({ "consents": [] })).await.0, StatusCode::BAD_REQUEST);
    house.app.close().await;
}

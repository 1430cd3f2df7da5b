//! The API: who may ask what (`doors`), what it changes (`acts`), the same request again (`once`), pages of lists (`paging`), each noun's own ways
//! (`nouns`), and here what concerns people: what is taken whole or not at all, and that the description is the truth.

mod acts;
mod doors;
mod nouns;
mod once;
mod paging;

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    pipeline::{connect, people::token},
    store::token::{Scope, Scopes},
    web::api::{describe, operations},
};
use serde_json::{Value, json};

use super::house::{House, PHONE, Response, Site, ask, found, page, site, text};

async fn token(house: &House, name: &str, scope: Scope) -> String {
    token::create(house.core(), house.shop, name, Scopes::new([scope]), None).await.unwrap()
}

/// With every scope a shop's own token can have.
async fn able(house: &House) -> String {
    let scopes = Scopes::new([Scope::Read, Scope::People, Scope::Write, Scope::Send]);
    token::create(house.core(), house.shop, "able", scopes, None).await.unwrap()
}

/// A token of the house itself.
async fn of_house(house: &House) -> String {
    let scopes = Scopes::new([Scope::Read, Scope::Write, Scope::House]);
    token::create(house.core(), cartback::domain::id::ShopId::HOUSE, "house", scopes, None).await.unwrap()
}

async fn get(site: &Site, token: &str, path: &str) -> (StatusCode, Value) {
    told(ask(site, with(token, TestRequest::get().uri(path))).await).await
}

async fn put(site: &Site, token: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    told(ask(site, with(token, TestRequest::put().uri(path).set_payload(body.to_string()))).await).await
}

async fn patch(site: &Site, token: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    told(ask(site, with(token, TestRequest::patch().uri(path).set_payload(body.to_string()))).await).await
}

fn with(token: &str, request: TestRequest) -> TestRequest {
    request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
}

async fn post(site: &Site, token: &str, path: &str, body: &Value) -> Response {
    ask(site, with(token, TestRequest::post().uri(path).set_payload(body.to_string()))).await
}

async fn told(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let body = text(response).await;
    if body.is_empty() {
        return (status, Value::Null);
    }
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {body}")))
}

const OPT_OUTS: &str = "/api/v1/opt-outs";
const CONSENTS: &str = "/api/v1/consents";

#[actix_web::test]
async fn a_token_opens_its_own_shop_as_far_as_its_scope() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let message = house.recovered(&site).await;
    let (all, read) = (token(&house, "till", Scope::People).await, token(&house, "bot", Scope::Read).await);
    let proof = format!("/api/v1/messages/{}/proof", message.id);
    let person = format!("/api/v1/people?phone={}", PHONE.replace('+', "%2B"));
    for token in [&all, &read] {
        for path in [&proof, &person] {
            let response = ask(&site, with(token, TestRequest::get().uri(path))).await;
            assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
            let (status, body) = told(response).await;
            assert_eq!(status, StatusCode::OK, "{path} {body}");
            assert!(body.to_string().contains(PHONE) && !body.to_string().contains("6d0c"), "{body}");
        }
    }
    let list = json!({ "opt_outs": [{ "phone": PHONE }] });
    assert_eq!(told(post(&site, &read, OPT_OUTS, &list).await).await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        told(post(&site, &read, "/api/v1/people/erase", &json!({ "phone": PHONE })).await).await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        told(post(&site, &read, "/api/v1/people/export", &json!({ "phone": PHONE })).await).await.0,
        StatusCode::OK
    );
    // Nobody, a wrong one, a wrong scheme, one sent twice, a revoked one: all the same answer.
    let mut answers = Vec::new();
    let basic = TestRequest::get().uri(&proof).insert_header((header::AUTHORIZATION, format!("Basic {all}")));
    let twice =
        with(&all, TestRequest::get().uri(&proof)).append_header((header::AUTHORIZATION, format!("Bearer {all}")));
    assert!(token::revoke(house.core(), house.shop, "bot").await.unwrap());
    for request in [
        TestRequest::get().uri(&proof),
        with("cbt_nonsense", TestRequest::get().uri(&proof)),
        with("cb_nonsense", TestRequest::get().uri(&proof)),
        with(&all[..all.len() - 1], TestRequest::get().uri(&proof)),
        basic,
        twice,
        with(&read, TestRequest::get().uri(&proof)),
    ] {
        let response = ask(&site, request).await;
        assert_eq!(response.headers().get(header::WWW_AUTHENTICATE).unwrap(), "Bearer");
        answers.push(told(response).await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == StatusCode::UNAUTHORIZED), "{answers:?}");
    // Another shop's text is as missing as one that never was.
    let typed = connect::ShopTyped {
        kind: "generic".into(),
        name: "Other".into(),
        country: "US".into(),
        currency: "USD".into(),
        zone: "UTC".into(),
        settings: [("secret", house.secret.as_str()), ("site", "other.example")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
        rules: Default::default(),
    };
    let other = connect::add_shop(house.core(), &typed).await.unwrap().shop;
    let theirs = token::create(house.core(), other, "till", Scopes::new([Scope::People]), None).await.unwrap();
    let foreign = told(ask(&site, with(&theirs, TestRequest::get().uri(&proof))).await).await;
    let missing = format!("/api/v1/messages/{}/proof", cartback::domain::id::MessageId::new(1));
    assert_eq!(foreign, told(ask(&site, with(&theirs, TestRequest::get().uri(&missing))).await).await);
    assert_eq!(foreign.0, StatusCode::NOT_FOUND);
    let (_, held) = told(ask(&site, with(&theirs, TestRequest::get().uri(&person))).await).await;
    assert_eq!((&held["carts"], &held["messages"], &held["deliveries"]), (&json!([]), &json!([]), &json!([])));
    house.app.close().await;
}

#[actix_web::test]
async fn lists_are_taken_whole_or_not_at_all_and_again_for_nothing() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = token(&house, "till", Scope::People).await;
    let given = house.core().now().to_string();
    let good = json!({ "phone": "(212) 555-0142", "given_at": given, "text": "Text me", "ip": "192.0.2.1" });
    let bad = json!({ "phone": "911 nonsense", "given_at": given });
    let (status, body) = told(post(&site, &token, CONSENTS, &json!({ "consents": [good, bad] })).await).await;
    let wrong = json!([{ "field": "consents[1].phone", "detail": "not a phone number" }]);
    assert_eq!((status, &body["errors"]), (StatusCode::BAD_REQUEST, &wrong));
    for (recorded, known) in [(1, 0), (0, 1)] {
        let (status, body) = told(post(&site, &token, CONSENTS, &json!({ "consents": [good] })).await).await;
        assert_eq!((status, body), (StatusCode::OK, json!({ "recorded": recorded, "known": known })));
    }
    let out = json!({ "opt_outs": [{ "phone": PHONE, "source": "desk" }] });
    for (recorded, known) in [(1, 0), (0, 1)] {
        let (status, body) = told(post(&site, &token, OPT_OUTS, &out).await).await;
        assert_eq!((status, body), (StatusCode::OK, json!({ "recorded": recorded, "known": known })));
    }
    let entries = |count: usize| json!({ "opt_outs": vec![json!({ "phone": PHONE }); count] });
    let refused = [
        (entries(0), StatusCode::BAD_REQUEST),
        (entries(501), StatusCode::BAD_REQUEST),
        (json!({ "opt_outs": [{ "phone": PHONE, "colour": "red" }] }), StatusCode::BAD_REQUEST),
        (json!([]), StatusCode::BAD_REQUEST),
        (json!({ "opt_outs": [{ "phone": "1".repeat(1 << 20) }] }), StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (body, expected) in refused {
        let (status, said) = told(post(&site, &token, OPT_OUTS, &body).await).await;
        assert_eq!(status, expected, "{said}");
    }
    assert_eq!(told(post(&site, &token, OPT_OUTS, &entries(500)).await).await.0, StatusCode::OK);
    house.app.close().await;
}

#[actix_web::test]
async fn a_person_is_forgotten_through_the_api() {
    let house = House::open().await;
    let site = site(house.state()).await;
    house.recovered(&site).await;
    let token = token(&house, "till", Scope::People).await;
    let erase = "/api/v1/people/erase";
    let dry = json!({ "email": "mara@shopper.example", "dry_run": true });
    let (_, would) = told(post(&site, &token, erase, &dry).await).await;
    assert_eq!((&would["carts"], &would["orders"], &would["request"]), (&json!(1), &json!(1), &Value::Null));
    let (_, did) = told(post(&site, &token, erase, &json!({ "email": "mara@shopper.example" })).await).await;
    assert!(did["request"].as_str().unwrap().starts_with("req_"), "{did}");
    let (_, held) = told(post(&site, &token, "/api/v1/people/export", &json!({ "phone": PHONE })).await).await;
    for list in ["carts", "orders", "messages", "consents", "deliveries"] {
        assert_eq!(held[list], json!([]), "{list}");
    }
    for nobody in [json!({}), json!({ "phone": "none" }), json!({ "email": "none" })] {
        assert_eq!(told(post(&site, &token, erase, &nobody).await).await.0, StatusCode::BAD_REQUEST, "{nobody}");
    }
    house.work().await;
    house.app.close().await;
}

#[actix_web::test]
async fn who_guesses_or_asks_without_end_is_sent_away() {
    let house = House::open().await;
    let mut state = house.state();
    state.pace = cartback::web::api::Pace::of(3);
    let site = site(state).await;
    let good = token(&house, "till", Scope::Read).await;
    let path = "/api/v1/people?customer=7";
    let from = |request: TestRequest, host: u8| request.peer_addr(format!("203.0.113.{host}:9").parse().unwrap());
    for _ in 0..20 {
        let wrong = from(with("cbt_wrong", TestRequest::get().uri(path)), 1);
        assert_eq!(ask(&site, wrong).await.status(), StatusCode::UNAUTHORIZED);
    }
    let tired = ask(&site, from(with("cbt_wrong", TestRequest::get().uri(path)), 1)).await;
    assert_eq!(tired.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(tired.headers().contains_key(header::RETRY_AFTER));
    // A slip of the keyboard is no guess.
    for _ in 0..25 {
        let slip = ask(&site, from(with(&good[..good.len() - 1], TestRequest::get().uri(path)), 3)).await;
        assert_eq!(slip.status(), StatusCode::UNAUTHORIZED);
    }
    for left in [2, 1, 0] {
        let response = ask(&site, from(with(&good, TestRequest::get().uri(path)), 2)).await;
        assert_eq!(response.headers().get("ratelimit").unwrap(), format!("\"minute\";r={left};t=60").as_str());
        assert_eq!(response.headers().get("ratelimit-policy").unwrap(), "\"minute\";q=3;w=60");
        assert_eq!(response.status(), StatusCode::OK);
    }
    let over = ask(&site, from(with(&good, TestRequest::get().uri(path)), 2)).await;
    assert_eq!(over.headers().get(header::RETRY_AFTER).unwrap(), "60");
    let (status, body) = told(over).await;
    assert_eq!((status, &body["type"]), (StatusCode::TOO_MANY_REQUESTS, &json!("urn:cartback:problem:rate")));
    house.later(std::time::Duration::from_secs(61)).await;
    assert_eq!(ask(&site, from(with(&good, TestRequest::get().uri(path)), 2)).await.status(), StatusCode::OK);
    house.app.close().await;
}

/// Two forms of one name would be described as one of the two.
#[test]
fn no_two_forms_share_a_name() {
    let mut names = Vec::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/api")).unwrap().flatten() {
        let source = std::fs::read_to_string(file.path()).unwrap();
        for form in source.split("ToSchema)]").skip(1) {
            let name = form.lines().find_map(|line| {
                line.trim_start_matches("pub ").strip_prefix("struct ").or(line.strip_prefix("pub enum "))
            });
            let name = name.unwrap().split(|letter: char| !letter.is_alphanumeric()).next().unwrap();
            names.push((name.to_owned(), file.file_name()));
        }
    }
    assert!(names.len() > 150, "only {} were found", names.len());
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|two| two[0].0 == two[1].0).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[actix_web::test]
async fn its_description_is_the_truth() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let response = ask(&site, TestRequest::get().uri("/api/v1/openapi.json")).await;
    let (status, described) = told(response).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(described, *describe::description().unwrap());
    // Every method of every path that is described is answered, and no other.
    for (path, methods) in described["paths"].as_object().unwrap() {
        let concrete = doors::filled(path, |_, _| "nothing".to_owned());
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let request = TestRequest::default().method(method.parse().unwrap()).uri(&concrete);
            let response = ask(&site, request).await;
            let expected = match methods.get(method.to_lowercase()) {
                Some(_) if path.ends_with("openapi.json") => StatusCode::OK,
                Some(_) => StatusCode::UNAUTHORIZED,
                None => StatusCode::METHOD_NOT_ALLOWED,
            };
            assert_eq!(response.status(), expected, "{method} {path}");
            if expected == StatusCode::METHOD_NOT_ALLOWED {
                let allowed = response.headers().get(header::ALLOW).unwrap().to_str().unwrap().to_lowercase();
                assert!(
                    methods.as_object().unwrap().keys().all(|method| allowed.contains(method.as_str())),
                    "{allowed}"
                );
            }
            if !response.status().is_success() {
                assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
            }
        }
    }
    assert_eq!(
        operations().len(),
        described["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|methods| methods.as_object().unwrap().len())
            .sum::<usize>()
    );
    let (status, body) = told(ask(&site, TestRequest::get().uri("/api/v1/nowhere")).await).await;
    assert_eq!((status, &body["type"]), (StatusCode::NOT_FOUND, &json!("urn:cartback:problem:not-found")));
    house.app.close().await;
}

#[actix_web::test]
async fn the_page_of_a_person_finds_hands_over_and_forgets() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let message = house.recovered(&site).await;
    let shown = found(&site, "/person/find", "email", "mara@shopper.example").await;
    assert!(shown.contains("1 cart, 1 order, 1 text") && shown.contains(&message.id.to_string()), "{shown}");
    assert!(page(&site, "/person").await.1.contains("Nobody has asked about their data yet."));
    assert!(found(&site, "/person/find", "phone", "nonsense").await.contains("Nobody can be searched for by that."));
    assert!(
        page(&site, &format!("/person?cart={}", message.cart().unwrap())).await.1.contains("1 cart, 1 order, 1 text")
    );
    let (status, proof) = page(&site, &format!("/messages/{}/proof", message.id)).await;
    assert_eq!(status, StatusCode::OK);
    let request =
        TestRequest::get().uri(&format!("/messages/{}/proof.json", message.id)).insert_header(("host", "127.0.0.1"));
    let json = text(ask(&site, request).await).await;
    use sha2::Digest;
    let hash = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(json.as_bytes()));
    assert!(proof.contains(&hash) && proof.contains(PHONE), "{proof}");
    let form = |path: &str, body: &str| {
        super::house::from_our_page(path)
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .set_payload(body.to_owned())
    };
    let file = ask(&site, form("/person/export", "email=mara%40shopper.example")).await;
    assert!(file.headers().get(header::CONTENT_DISPOSITION).unwrap().to_str().unwrap().contains("person.json"));
    assert!(text(file).await.contains("\"cartback.person\""));
    let unsure = ask(&site, form("/person/erase", "email=mara%40shopper.example")).await;
    assert_eq!(unsure.status(), StatusCode::BAD_REQUEST);
    let done = ask(&site, form("/person/erase", "email=mara%40shopper.example&sure=yes")).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    assert!(found(&site, "/person/find", "phone", "+12125550142").await.contains("Nothing is held about this person."));
    house.work().await;
    // A request through the shop leads here from the overview, and ends here.
    let asks = json!({ "type": "customer.data_requested", "data": { "customer_id": "c-77" } });
    assert_eq!(ask(&site, house.told("e9", &asks)).await.status(), StatusCode::OK);
    house.work().await;
    assert!(page(&site, "/").await.1.contains("1 person waits to be told what is held about them"));
    let (_, waiting) = page(&site, "/person").await;
    let id = waiting.split("/person?request=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(page(&site, &format!("/person?request={id}")).await.1.contains("c-77"));
    assert_eq!(ask(&site, form(&format!("/person/{id}/answered"), "")).await.status(), StatusCode::SEE_OTHER);
    assert!(!page(&site, "/").await.1.contains("what is held about them"));
    house.app.close().await;
}

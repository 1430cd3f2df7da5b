//! Pages: each says what happened to the cart in it, no whole number of a shopper, and carries its headers; foreign and
//! missing things are the same nothing.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    test::{self, TestRequest},
    web::{self, ServiceConfig},
};
use cartback::{
    config::Database,
    domain::{
        id::{CartId, OrderId},
        message::MessageState,
    },
    pipeline::{connect, watch::Watch},
    web::configure_with,
};

use crate::server::postgres;

use super::house::{House, PHONE, PUBLIC_URL, ask, found, from_our_page, page, site, text};

const PAGES: [&str; 13] = [
    "/",
    "/carts",
    "/messages",
    "/replies",
    "/report",
    "/shops",
    "/shops/1",
    "/law",
    "/law/US",
    "/law/US-FL",
    "/gateways",
    "/risk",
    "/inbox",
];

#[actix_web::test]
async fn a_new_house_has_pages() {
    let house = House::open_at("http://127.0.0.1:8080").await;
    let site = site(house.open_state()).await;
    for path in PAGES {
        let (status, page) = page(&site, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
    }
    let (_, start) = page(&site, "/").await;
    assert!(start.contains("2 of 4 steps done"), "{start}");
}

#[actix_web::test]
async fn every_page_tells_of_the_recovered_cart() {
    every_page(House::open().await).await;
}

#[actix_web::test]
async fn every_page_tells_of_it_on_postgresql() {
    // The cluster waits for itself on a runtime of its own.
    let apart = |make: fn(&'static postgres::Cluster) -> postgres::Database<'static>| {
        std::thread::spawn(move || postgres::cluster().map(make)).join().unwrap()
    };
    let Some(database) = apart(postgres::Cluster::database) else { return };
    let house = House::open_in(PUBLIC_URL, Database::Postgres(database.url().into())).await;
    every_page(house).await;
    std::thread::spawn(move || drop(database)).join().unwrap();
}

async fn every_page(house: House) {
    let site = site(house.open_state()).await;
    let message = house.recovered(&site).await;
    let cart = format!("/carts/{}", message.cart().unwrap());
    let order = {
        let (_, cart) = page(&site, &cart).await;
        let at = cart.find("/orders/ord_").expect("a link to the order");
        cart[at..].split(['"', '?']).next().unwrap().to_owned()
    };
    let all: Vec<String> = PAGES.map(str::to_owned).into_iter().chain([cart.clone(), order.clone()]).collect();
    for path in &all {
        let (status, page) = page(&site, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        for whole in [PHONE, "2125550142", "mara@shopper.example", "6d0c", house.secret.as_str()] {
            assert!(!page.contains(whole), "{path} shows {whole}");
        }
        assert!(!page.contains("Oak <table>"), "{path}: markup of the shop's is taken for ours");
    }
    let says = async |path: &str, what: &str| {
        let (_, page) = page(&site, path).await;
        assert!(page.contains(what), "{path} does not say {what}: {page}");
    };
    says("/", "Texts brought back $129 net from 1 order in the last 30").await;
    says("/carts", "Mara, …0142").await;
    says("/carts?state=recovered", "1 cart was recovered.").await;
    says("/carts?state=held", "No carts could be texted and were not").await;
    // A figure and its rows agree at every stage.
    for state in ["abandoned", "reachable", "texted", "delivered", "clicked", "recovered"] {
        assert!(page(&site, &format!("/carts?state={state}")).await.1.contains("Mara, …0142"), "{state}");
    }
    says(&cart, ": recovered.").await;
    says(&cart, "not opted out").await;
    says(&cart, "open hours").await;
    says(&cart, "link of text 1 tapped").await;
    says("/messages", "…0142, US").await;
    says(&order, "is credited to text 1").await;
    says("/report", "1 order of").await;
    says("/inbox", "order.upserted").await;
    // The link in the words of a text is a key to the cart.
    let link = super::house::link_in(&message);
    let (_, shown) = page(&site, &cart).await;
    assert!(shown.contains("/r/…") && !shown.contains(&link), "{shown}");
    for filter in cartback::web::view::cart::Filter::ALL {
        let path = format!("/carts?state={}&day=2026-03-10", filter.name());
        assert_eq!(page(&site, &path).await.0, StatusCode::OK, "{path}");
    }
    for state in MessageState::ALL {
        let path = format!("/messages?state={}", state.name());
        assert_eq!(page(&site, &path).await.0, StatusCode::OK, "{path}");
    }
    for verdict in ["unreadable", "waiting", "applied", "ignored"] {
        let path = format!("/inbox?verdict={verdict}");
        assert_eq!(page(&site, &path).await.0, StatusCode::OK, "{path}");
    }
    assert!(found(&site, "/carts/find", "q", "#1093").await.contains(&message.cart().unwrap().to_string()));
    for path in ["/metrics", "/readyz"] {
        assert_eq!(page(&site, path).await.0, StatusCode::OK, "{path}");
    }
    house.app.close().await;
}

#[actix_web::test]
async fn the_law_is_shown_for_the_shop_and_with_its_sources() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let says = async |path: &str, all: &[&str]| {
        let (status, page) = page(&site, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        for what in all {
            assert!(page.contains(what), "{path} does not say {what}: {page}");
        }
    };
    // The house's shop is American and names no countries: it texts its own.
    says("/law", &["texts 1 of these 20 countries: United States.", "not legal advice", "/law/FR", "Rhode Island"])
        .await;
    says("/law/US", &["47 CFR 64.1200", "confirmed", "States with rules of their own", "at most 1 for one cart"]).await;
    says("/law/US-RI", &["Sat 10:00–17:00", "R.I. Gen. Laws"]).await;
    says("/law/FR", &["France: texts are held", "not among this shop", "STOP 36xxx", "CNIL"]).await;
    says("/law/re", &["RE (as France)"]).await;
    says("/law/CH", &["Nobody has looked this country up"]).await;
    says("/shops/1", &["href=\"/law\""]).await;
    says("/shops", &["href=\"/law\""]).await;
    // The shop's own wish is cut to the law.
    let set = [("countries", "US,FR,CH"), ("hours", "mon-sun 06:00-23:00")];
    let set = set.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    connect::change_shop(house.core(), 1.to_string().parse().unwrap(), &set).await.unwrap();
    says("/law", &["texts 3 of these 21 countries: CH, France and United States.", "not looked up"]).await;
    says("/law/FR", &["France: texts go Mon–Sat 08:00–22:00, not on public holidays.", "the law cuts them"]).await;
    house.app.close().await;
}

#[actix_web::test]
async fn carts_are_found_by_what_they_are_known_by() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let message = house.recovered(&site).await;
    let id = message.cart().unwrap().to_string();
    for typed in [PHONE, "(212) 555-0142", "Mara@Shopper.example", "chk_7f3a91", "#1093", "1093", id.as_str()] {
        let page = found(&site, "/carts/find", "q", typed).await;
        assert!(page.contains(&id), "{typed}: {page}");
    }
    for typed in ["+12125550143", "mara", "%", "'"] {
        assert!(!found(&site, "/carts/find", "q", typed).await.contains(&id), "{typed}");
    }
}

#[actix_web::test]
async fn what_is_another_shops_does_not_exist() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let message = house.recovered(&site).await;
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
    connect::add_shop(house.core(), &typed).await.unwrap();
    let foreign = format!("/carts/{}?shop=2", message.cart().unwrap());
    let missing = [
        format!("/carts/{}", CartId::new(1)),
        "/carts/nonsense".to_owned(),
        format!("/orders/{}", OrderId::new(1)),
        "/shops/9".to_owned(),
        "/law/US-XX".to_owned(),
        "/law/Mars".to_owned(),
        "/carts?shop=9".to_owned(),
        "/carts?shop=x".to_owned(),
        "/nowhere".to_owned(),
    ];
    let (status, nothing) = page(&site, &foreign).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for path in missing {
        assert_eq!(page(&site, &path).await, (StatusCode::NOT_FOUND, nothing.clone()), "{path}");
    }
    assert_eq!(page(&site, &format!("/carts/{}?shop=1", message.cart().unwrap())).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn buttons_act() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    house.recovered(&site).await;
    let act = async |path: String| {
        let response = ask(&site, from_our_page(&path)).await;
        (response.status(), response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned()))
    };
    let led = |to: &str| (StatusCode::SEE_OTHER, Some(to.to_owned()));
    assert_eq!(act(format!("/gateways/{}/pause?shop=1", house.gateway)).await, led("/gateways?done=paused&shop=1"));
    let (_, gateways) = page(&site, "/gateways").await;
    assert!(gateways.contains("Phone is paused") && gateways.contains("paused by hand"), "{gateways}");
    assert!(page(&site, "/").await.1.contains("Phone is paused"));
    assert_eq!(act(format!("/gateways/{}/resume", house.gateway)).await, led("/gateways?done=resumed"));
    assert!(!page(&site, "/gateways").await.1.contains("is paused"));

    assert_eq!(act("/risk/halt".into()).await, led("/risk?done=halted"));
    let (_, risk) = page(&site, "/risk").await;
    assert!(risk.contains("All sending is stopped") && risk.contains("Let sending go on"), "{risk}");
    assert!(page(&site, "/").await.1.contains("All sending is stopped"));
    assert_eq!(act("/risk/lift".into()).await, led("/risk?done=lifted"));
    assert!(page(&site, "/risk").await.1.contains("Stop all sending"));
    assert_eq!(act("/risk/breaker/resume?shop=1".into()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(act("/risk/nonsense/resume?shop=1".into()).await.0, StatusCode::NOT_FOUND);
    let (_, inbox) = page(&site, "/inbox").await;
    let delivery = inbox.split("/inbox/dlv_").nth(1).and_then(|rest| rest.split(['/', '"', '?']).next()).unwrap();
    assert_eq!(act(format!("/inbox/dlv_{delivery}/replay")).await, led("/inbox?done=replayed"));
    house.work().await;
    assert_eq!(house.messages().await.len(), 1, "applying it again changed something");
    assert_eq!(act("/inbox/dlv_0000000000001/replay".into()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(act("/gateways/gw_0000000000001/resume".into()).await.0, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn every_answer_carries_the_headers() {
    let house = House::open().await;
    let more = |config: &mut ServiceConfig| {
        config.route("/panic", web::get().to(async || -> HttpResponse { panic!("+12125550142") }));
    };
    let site = test::init_service(actix_web::App::new().configure(configure_with(house.open_state(), more))).await;
    let paths =
        ["/", "/carts", "/nowhere", "/healthz", "/metrics", "/assets/css/base.css", "/r/none", "/o/none", "/sign-in"];
    for path in paths.into_iter().chain(["/hook/shop/x", "/panic"]) {
        let request = TestRequest::get().uri(path).insert_header(("host", "127.0.0.1")).to_request();
        let response = match test::try_call_service(&site, request).await {
            Ok(response) => response.response().headers().clone(),
            Err(error) => error.error_response().headers().clone(),
        };
        let header = |name: &str| response.get(name).map(|value| value.to_str().unwrap().to_owned());
        let policy = header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert!(header("referrer-policy").is_some() && header("cross-origin-opener-policy").is_some(), "{path}");
        assert_eq!(header("server"), None, "{path}");
        let cached = header("cache-control").unwrap_or_default();
        assert!(path.starts_with("/assets/") || path.starts_with("/hook/") || cached == "no-store", "{path}: {cached}");
    }
    let request = TestRequest::get().uri("/panic").insert_header(("accept", "text/html"));
    let broken = test::try_call_service(&site, request.insert_header(("host", "localhost")).to_request()).await;
    let broken = broken.expect_err("it panicked").error_response();
    assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[actix_web::test]
async fn problems_are_told_in_the_clients_form() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let check = async |accept: &str, kind: &str, says: &str| {
        let request = TestRequest::get().uri("/nowhere").insert_header(("host", "localhost"));
        let response = ask(&site, request.insert_header(("accept", accept))).await;
        assert!(response.headers().get("content-type").unwrap().to_str().unwrap().starts_with(kind), "{accept}");
        let said = text(response).await;
        assert!(said.contains(says), "{accept}: {said}");
    };
    check("text/html,*/*", "text/html", "There is no page here").await;
    check("application/json", "application/json", r#"{"error":"not found"}"#).await;
    check("*/*", "text/plain", "not found\n").await;
}

#[actix_web::test]
async fn assets_are_known_by_their_content() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let get = || TestRequest::get().uri("/assets/css/base.css");
    let first = ask(&site, get()).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers().get(header::CONTENT_TYPE).unwrap(), "text/css; charset=utf-8");
    let tag = first.headers().get(header::ETAG).unwrap().clone();
    let again = ask(&site, get().insert_header((header::IF_NONE_MATCH, tag.clone()))).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let hashed = format!("/assets/css/base.css?v={}", tag.to_str().unwrap().trim_start_matches("W/").trim_matches('"'));
    let hashed = ask(&site, TestRequest::get().uri(&hashed)).await;
    assert!(hashed.headers().get(header::CACHE_CONTROL).unwrap().to_str().unwrap().contains("immutable"));
    for path in
        ["/assets/css/../../Cargo.toml", "/assets/data/bots.txt", "/assets/", "/assets/woocommerce/cartback.php"]
    {
        assert_eq!(ask(&site, TestRequest::get().uri(path)).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn the_operators_machines_are_answered() {
    let house = House::open().await;
    let mut state = house.state();
    state.metrics = cartback::web::metric::install();
    let site = site(state).await;
    house.recovered(&site).await;
    let get = async |path: &str| {
        let response = ask(&site, TestRequest::get().uri(path)).await;
        (response.status(), text(response).await)
    };
    assert_eq!(get("/healthz").await, (StatusCode::OK, "alive\n".to_owned()));
    assert_eq!(get("/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    // Nobody looks here, which must not read as if all were well.
    assert_eq!(get("/watchz").await, (StatusCode::SERVICE_UNAVAILABLE, "nobody looks for silence\n".to_owned()));
    let (_, figures) = get("/metrics").await;
    assert!(!figures.contains("cartback_silent"), "{figures}");
    let mut watch = Watch::new(house.core(), &[]);
    watch.look(house.core(), Some((99, 100))).await;
    assert_eq!(get("/watchz").await, (StatusCode::OK, "nothing is silent\n".to_owned()));
    watch.look(house.core(), Some((1, 100))).await;
    let full = "disk: less than a tenth of the disk is free\n";
    assert_eq!(get("/watchz").await, (StatusCode::SERVICE_UNAVAILABLE, full.to_owned()));
    let (_, figures) = get("/metrics").await;
    for line in [
        "cartback_silent{what=\"disk\"} 1",
        "cartback_silent{what=\"work\"} 0",
        "cartback_messages_total{state=\"accepted\"} 1",
        "cartback_clicks_total{verdict=\"human\"} 1",
        "cartback_recovered_orders_total 1",
        "cartback_jobs_due 0",
        "cartback_webhooks_total{outcome=\"taken\"}",
        "cartback_http_requests_total{route=\"/r/{token}\",status=\"303\"}",
    ] {
        assert!(figures.contains(line), "{line} is not in {figures}");
    }
    assert!(!figures.contains("0142"), "{figures}");
    house.core().db.close().await;
    assert_eq!(get("/healthz").await.0, StatusCode::OK);
    assert_eq!(get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let away = ask(&site, house.told("e9", &serde_json::json!({ "type": "test" }))).await;
    assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(away.headers().get(header::RETRY_AFTER).unwrap(), "30");
    assert_eq!(get("/r/none").await.0, StatusCode::NOT_FOUND);
}

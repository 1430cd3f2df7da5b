//! Connecting in the browser, as a new user does it: from the choice of a platform to the first text; changing settings,
//! rules and gateways; what is refused, and why; what a health page says.

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::{
        id::{MessageId, ShopId},
        message::{MessageState, Purpose},
        time::{DAY, HOUR, MINUTE, Time},
    },
    shop::standard_webhooks,
    store::{self, message::Message},
    transact,
};
use serde_json::json;

use super::house::{House, Response, Site, ask, from_our_page, page, site, text};

const MINE: &str = "040 555 199";
const SHOPPER: &str = "+38640555123";

async fn send(site: &Site, path: &str, fields: &[(&str, &str)]) -> Response {
    ask(site, from_our_page(path).set_form(fields)).await
}

/// Where a change leads; the page that refuses it otherwise.
async fn changed(site: &Site, path: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let response = send(site, path, fields).await;
    match response.status() {
        StatusCode::SEE_OTHER => Ok(response.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned()),
        StatusCode::OK => Err(text(response).await),
        status => panic!("{path}: {status}"),
    }
}

/// What stands in a field of a page.
fn value(html: &str, id: &str) -> String {
    let (_, rest) = html.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no field {id} in {html}"));
    let tag = rest.split('>').next().unwrap();
    tag.split_once("value=\"").map_or("", |(_, rest)| rest.split('"').next().unwrap()).to_owned()
}

fn hook_of(html: &str) -> String {
    value(html, "webhook-url").strip_prefix(super::house::PUBLIC_URL).unwrap().to_owned()
}

async fn messages(house: &House, shop: ShopId) -> Vec<Message> {
    let mut read = house.core().db.read().await.unwrap();
    let keys = house.core().vault.keys(&mut read, shop).await.unwrap();
    store::message::list(&mut read, &keys, None, MessageId::new(i64::MAX), 100).await.unwrap()
}

/// A signed webhook of the shop that is being connected.
fn told(hook: &str, secret: &str, id: &str, now: Time, body: &serde_json::Value) -> TestRequest {
    let body = body.to_string();
    TestRequest::post()
        .uri(hook)
        .insert_header(("host", "127.0.0.1"))
        .insert_header(("webhook-id", id))
        .insert_header(("webhook-timestamp", now.seconds().to_string()))
        .insert_header(("webhook-signature", standard_webhooks::sign(secret, id, now.seconds(), body.as_bytes())))
        .set_payload(body)
}

fn left(token: &str, now: Time) -> serde_json::Value {
    json!({ "type": "checkout.updated", "data": {
        "token": token, "first_name": "Ana", "phone": SHOPPER, "country": "SI", "time_zone": "Europe/Ljubljana",
        "currency": "EUR", "total": "54.20", "recovery_url": format!("https://tea.example/checkout/{token}"),
        "items": [{ "title": "Tea", "quantity": 2, "price": "27.10" }],
        "consent": { "state": "granted", "source": "tea.example", "text": "Text me" },
        "started_at": (now - MINUTE * 2).to_string(), "updated_at": now.to_string(),
    }})
}

#[actix_web::test]
async fn a_new_user_connects_a_shop_and_sees_its_first_text() {
    let house = House::open().await;
    let site = site(house.open_state()).await;

    // A platform and a country; money and clock follow.
    let (status, all) = page(&site, "/connect").await;
    assert!(status == StatusCode::OK && all.contains("Any other shop") && all.contains("WooCommerce"), "{all}");
    let (_, form) = page(&site, "/connect/new?kind=generic&country=SI").await;
    assert_eq!((value(&form, "currency"), value(&form, "timezone")), ("EUR".into(), "Europe/Ljubljana".into()));
    let typed = [
        ("kind", "generic"),
        ("name", ""),
        ("country", "SI"),
        ("currency", "euro"),
        ("timezone", "Europe/Ljubljana"),
        ("site", "tea.example"),
    ];
    let refused = changed(&site, "/connect/new", &typed).await.unwrap_err();
    assert!(refused.contains("must be 1 to 60 characters") && refused.contains("three-letter code"), "{refused}");
    assert_eq!((value(&refused, "currency"), value(&refused, "site")), ("euro".into(), "tea.example".into()));
    let right = typed.map(|(key, value)| match key {
        "name" => (key, "Tea & Tide"),
        "currency" => (key, "EUR"),
        _ => (key, value),
    });
    let to = changed(&site, "/connect/new", &right).await.unwrap();
    let shop = ShopId::new(2);
    assert_eq!(to, "/shops/2/set-up?shop=2&done=shop_added");

    // What to paste, the key Cartback suggests, and nothing arrived yet.
    let (_, first) = page(&site, "/shops/2/set-up?step=shop").await;
    let (hook, secret) = (hook_of(&first), value(&first, "secret"));
    assert!(
        secret.starts_with("whsec_") && first.contains("0 of 5") && first.contains("three usual reasons"),
        "{first}"
    );
    // A webhook before the key is known says so.
    let now = house.core().now();
    let early = told(&hook, &secret, "e0", now, &json!({ "type": "test" }));
    assert_eq!(ask(&site, early).await.status(), StatusCode::UNAUTHORIZED);
    let (_, early) = page(&site, "/shops/2/arrivals").await;
    assert!(early.contains("turned away") && early.contains("no signing key is set"), "{early}");
    let saved = changed(&site, "/shops/2/set-up?step=shop", &[("act", "keys"), ("secret", &secret)]).await.unwrap();
    assert!(saved.contains("keys_saved"), "{saved}");
    let (_, kept) = page(&site, "/shops/2/set-up?step=shop").await;
    assert!(
        !kept.contains(&secret) && kept.contains("set; leave empty"),
        "a stored secret is never shown again: {kept}"
    );
    house.clock.advance(MINUTE);
    let now = house.core().now();
    let forged = told(&hook, &standard_webhooks::secret([1; 32]), "e1", now, &json!({ "type": "test" }));
    assert_eq!(ask(&site, forged).await.status(), StatusCode::UNAUTHORIZED);
    assert!(page(&site, "/shops/2/arrivals").await.1.contains("does not match"));
    house.clock.advance(MINUTE);
    let now = house.core().now();
    let test = told(&hook, &secret, "e2", now, &json!({ "type": "test" }));
    assert_eq!(ask(&site, test).await.status(), StatusCode::OK);
    let (_, arrived) = page(&site, "/shops/2/arrivals").await;
    assert!(arrived.contains("1 of 5") && arrived.contains("signature right"), "{arrived}");
    assert!(!arrived.contains("turned away"), "what came after it was right: {arrived}");

    // Without a script and without a provider: try without sending, a plan, the words, a test.
    let gateway = changed(&site, "/shops/2/set-up?step=gateway", &[("act", "gateway"), ("kind", "log")]).await.unwrap();
    assert!(gateway.contains("gateway_added"), "{gateway}");
    let (_, plans) = page(&site, "/shops/2/set-up?step=rules").await;
    assert!(plans.contains("suits your country") && plans.contains("Europe"), "{plans}");
    changed(&site, "/shops/2/set-up?step=rules", &[("act", "preset"), ("preset", "eu")]).await.unwrap();
    let (_, words) = page(&site, "/shops/2/set-up?step=words").await;
    assert!(words.contains("Tea &amp; Tide") || words.contains("Tea &#38; Tide"), "{words}");
    let bad = changed(&site, "/shops/2/set-up?step=test", &[("act", "test"), ("phone", "12")]).await.unwrap_err();
    assert!(bad.contains("cannot be texted") && value(&bad, "phone") == "12", "{bad}");
    changed(&site, "/shops/2/set-up?step=test", &[("act", "test"), ("phone", MINE)]).await.unwrap();
    house.work().await;
    let sent = messages(&house, shop).await;
    assert_eq!((sent.len(), sent[0].purpose, sent[0].moments.state()), (1, Purpose::Test, MessageState::Accepted));

    // Nobody is texted before it is live, and nobody who left before then ever.
    let now = house.core().now();
    assert_eq!(ask(&site, told(&hook, &secret, "c1", now, &left("early", now))).await.status(), StatusCode::OK);
    house.work().await;
    house.later(MINUTE * 40).await;
    assert_eq!(messages(&house, shop).await.len(), 1, "not live: nobody is texted");
    let live = changed(&site, "/shops/2/set-up?step=live", &[("act", "live")]).await.unwrap();
    assert!(live.contains("done=live"), "{live}");
    for _ in 0..30 {
        house.later(HOUR).await;
    }
    assert_eq!(messages(&house, shop).await.len(), 1, "what was left before stays as it is");
    // Into the morning of the next day but one, and a new cart.
    house.later(HOUR * 20).await;
    let now = house.core().now();
    assert_eq!(ask(&site, told(&hook, &secret, "c2", now, &left("late", now))).await.status(), StatusCode::OK);
    house.work().await;
    for _ in 0..20 {
        house.later(HOUR).await;
    }
    let texts = messages(&house, shop).await;
    assert!(texts.iter().any(|text| text.purpose == Purpose::Reminder), "what is left from now on is texted");
}

#[actix_web::test]
async fn a_shop_that_lacks_its_key_cannot_go_live() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let typed = [
        ("kind", "shopify"),
        ("name", "Acme"),
        ("country", "SI"),
        ("currency", "EUR"),
        ("timezone", "Europe/Ljubljana"),
        ("domain", "acme.myshopify.com"),
        ("storefront_hosts", ""),
    ];
    changed(&site, "/connect/new", &typed).await.unwrap();
    let refused = changed(&site, "/shops/2/set-up?step=live", &[("act", "live")]).await.unwrap_err();
    assert!(refused.contains("signing_key: is required") && refused.contains("Not known yet"), "{refused}");
    let (_, shop) = page(&site, "/shops/2").await;
    assert!(shop.contains("is being set up") && shop.contains("Signing key"), "{shop}");
    assert!(page(&site, "/shops").await.1.contains("Being set up"));
    // Every topic Shopify has to be told of stands there by the name its own pages use.
    let (_, steps) = page(&site, "/shops/2/set-up?step=shop").await;
    for topic in ["Checkout creation", "Refund creation", "Customer marketing consent update"] {
        assert!(steps.contains(topic), "{topic}: {steps}");
    }
    assert_eq!(page(&site, "/shops/99/set-up").await.0, StatusCode::NOT_FOUND);
    assert_eq!(page(&site, "/connect/new?kind=magneto").await.0, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn settings_keep_what_is_typed_and_never_tell_a_secret() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let (_, form) = page(&site, "/shops/1/settings").await;
    assert!(!form.contains(&house.secret) && value(&form, "secret").is_empty(), "{form}");
    let wrong = [
        ("name", "Acme Two"),
        ("country", "USA"),
        ("currency", "USD"),
        ("timezone", "Mars"),
        ("site", "not a host"),
        ("secret", ""),
    ];
    let refused = changed(&site, "/shops/1/settings", &wrong).await.unwrap_err();
    assert!(refused.contains("id=\"country-problem\"") && refused.contains("id=\"timezone-problem\""), "{refused}");
    assert_eq!((value(&refused, "name"), value(&refused, "site")), ("Acme Two".into(), "not a host".into()));
    let right = [
        ("name", "Acme Two"),
        ("country", "US"),
        ("currency", "USD"),
        ("timezone", "America/Chicago"),
        ("site", "acme.example"),
        ("secret", ""),
    ];
    assert_eq!(changed(&site, "/shops/1/settings", &right).await.unwrap(), "/shops/1?done=shop_saved");
    let shop = store::shop::get(&mut house.core().db.read().await.unwrap(), &house.core().vault, house.shop)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((shop.name.as_str(), shop.zone.as_str()), ("Acme Two", "America/Chicago"));
    assert_eq!((shop.settings.get("site"), shop.settings.get("secret")), ("acme.example", house.secret.as_str()));
}

#[actix_web::test]
async fn rules_are_changed_in_a_form() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let (_, form) = page(&site, "/shops/1/rules").await;
    assert_eq!(value(&form, "abandoned_after_minutes"), "30");
    assert!(form.contains("Usually 100.00"), "{form}");
    let wrong = [("abandoned_after_minutes", "2"), ("hours", "always"), ("limits.spend_per_day_micros", "lots")];
    let refused = changed(&site, "/shops/1/rules", &wrong).await.unwrap_err();
    assert!(refused.contains("id=\"limits.spend_per_day_micros-problem\""), "{refused}");
    let wrong = [("abandoned_after_minutes", "2"), ("rest_hours", "24")];
    let refused = changed(&site, "/shops/1/rules", &wrong).await.unwrap_err();
    assert!(refused.contains("id=\"abandoned_after_minutes-problem\""), "{refused}");
    assert_eq!(value(&refused, "abandoned_after_minutes"), "2");
    let right = [
        ("abandoned_after_minutes", "45"),
        ("countries", "us, ca"),
        ("limits.spend_per_day_micros", "12.50"),
        ("new_hours.country", "ca"),
        ("new_hours.value", "mon-fri 10:00-18:00"),
        ("consent", "double_opt_in"),
    ];
    assert_eq!(changed(&site, "/shops/1/rules", &right).await.unwrap(), "/shops/1?done=rules_saved");
    let shop = store::shop::get(&mut house.core().db.read().await.unwrap(), &house.core().vault, house.shop)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((shop.rules.abandoned_after_minutes, shop.rules.countries.join(",")), (45, "US,CA".into()));
    assert_eq!(shop.rules.limits.spend_per_day_micros, 12_500_000);
    assert!(shop.rules.country_hours.contains_key("CA"));
    let (_, form) = page(&site, "/shops/1/rules").await;
    assert_eq!(value(&form, "country_hours.CA"), shop.rules.country_hours["CA"].to_string());
    // Sent as it came, it changes nothing.
    let before = shop.rules_version;
    changed(&site, "/shops/1/rules", &[("abandoned_after_minutes", "45"), ("consent", "double_opt_in")]).await.unwrap();
    let shop = store::shop::get(&mut house.core().db.read().await.unwrap(), &house.core().vault, house.shop)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shop.rules_version, before);
}

#[actix_web::test]
async fn a_shop_is_paused_disconnected_and_back() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    changed(&site, "/shops/1/pause", &[]).await.unwrap();
    assert!(page(&site, "/shops/1").await.1.contains("Acme is paused"));
    changed(&site, "/shops/1/resume", &[]).await.unwrap();
    let (_, question) = page(&site, "/shops/1/disconnect").await;
    assert!(question.contains("texts that wait are dropped") && question.contains("Keep it"), "{question}");
    changed(&site, "/shops/1/disconnect", &[]).await.unwrap();
    assert!(page(&site, "/shops/1").await.1.contains("is disconnected"));
    changed(&site, "/shops/1/resume", &[]).await.unwrap();
    assert!(page(&site, "/shops").await.1.contains("Waiting for the first webhook"));
}

#[actix_web::test]
async fn gateways_are_added_changed_tried_and_removed() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let refused = changed(
        &site,
        "/gateways/add",
        &[("kind", "twilio"), ("name", "T"), ("account_sid", "x"), ("auth_token", "tok3n-of-some-length-000000000000")],
    )
    .await
    .unwrap_err();
    assert!(refused.contains("id=\"account_sid-problem\"") && value(&refused, "account_sid") == "x", "{refused}");
    let token = "0f3a9c2b7d5e4816a0c9b8e7d6f51423";
    let typed = [
        ("kind", "twilio"),
        ("name", "Twilio US"),
        ("for", "1"),
        ("account_sid", "AC00000000000000000000000000000001"),
        ("auth_token", token),
        ("sender", "+12125550100"),
    ];
    let to = changed(&site, "/gateways/add", &typed).await.unwrap();
    let path = to.split('?').next().unwrap().to_owned();
    let (_, one) = page(&site, &path).await;
    assert!(!one.contains(token) && one.contains("set; leave empty") && one.contains("Twilio US is ready"), "{one}");
    // An empty secret keeps the old one.
    let renamed = [
        ("name", "Twilio EU"),
        ("account_sid", "AC00000000000000000000000000000001"),
        ("auth_token", ""),
        ("sender", "+12125550111"),
    ];
    changed(&site, &path, &renamed).await.unwrap();
    let mut read = house.core().db.read().await.unwrap();
    let keys = house.core().vault.keys(&mut read, house.shop).await.unwrap();
    let own = store::gateway::list(&mut read, &keys).await.unwrap();
    assert_eq!((own.len(), own[0].name.as_str()), (1, "Twilio EU"));
    assert_eq!((own[0].settings.get("auth_token"), own[0].settings.get("sender")), (token, "+12125550111"));
    drop(read);
    let (_, question) = page(&site, &format!("{path}/remove")).await;
    assert!(question.contains("Phone sends them then") && question.contains("another week"), "{question}");
    assert_eq!(changed(&site, &format!("{path}/remove"), &[]).await.unwrap(), "/gateways?done=gateway_removed");
    assert!(!page(&site, "/gateways").await.1.contains("Twilio EU"));
    // Its receipts are still heard; after a week its keys are gone.
    let mut read = house.core().db.read().await.unwrap();
    assert!(store::gateway::get(&mut read, &keys, own[0].id).await.unwrap().is_some());
    drop(read);
    let later = house.core().now() + DAY * 8;
    let gone = transact!(house.core().db, |tx| store::gateway::forget_removed(tx, house.shop, later).await?).unwrap();
    assert_eq!(gone, 1);
    let mut read = house.core().db.read().await.unwrap();
    assert!(store::gateway::get(&mut read, &keys, own[0].id).await.unwrap().is_none());
    assert!(store::connection::of(&mut read, house.shop, Some(own[0].id)).await.unwrap().is_none());
    drop(read);
    // The house's gateway sends a test.
    let path = format!("/gateways/{}", house.gateway);
    changed(&site, &format!("{path}/test"), &[("phone", "(212) 555-0143")]).await.unwrap();
    house.work().await;
    assert_eq!(messages(&house, house.shop).await.iter().filter(|text| text.purpose == Purpose::Test).count(), 1);
}

#[actix_web::test]
async fn the_shop_page_tells_what_is_wrong_and_what_mends_it() {
    let house = House::open_at("http://localhost:8080").await;
    let site = site(house.open_state()).await;
    let (_, shop) = page(&site, "/shops/1").await;
    for told in ["is not an address the shop can reach", "None has arrived", "Everything it needs is set"] {
        assert!(shop.contains(told), "{told}: {shop}");
    }
    // A failed self-test is on the overview.
    house.texted(&site).await;
    let now = house.core().now();
    transact!(house.core().db, |tx| store::alarm::raise(tx, house.shop, "self_test", "", "The self-test failed.", now)
        .await?)
    .unwrap();
    let (_, overview) = page(&site, "/").await;
    assert!(overview.contains("The self-test of Acme fails") && overview.contains("/shops/1#self-test"), "{overview}");
}

#[actix_web::test]
async fn a_press_plays_the_self_test_and_shows_it_step_by_step() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    changed(&site, "/shops/1/self-test", &[]).await.unwrap();
    house.work().await;
    for _ in 0..1_800 {
        let (_, shop) = page(&site, "/shops/1").await;
        if !shop.contains("It takes a few seconds.") {
            assert!(shop.contains("Step by step") && shop.contains("to the cent") && shop.contains("passed"), "{shop}");
            // Nothing of it is anywhere else.
            let mut read = house.core().db.read().await.unwrap();
            let keys = house.core().vault.keys(&mut read, house.shop).await.unwrap();
            let ever = (Time::FIRST, Time::LAST);
            assert_eq!(store::cart::count(&mut read, &keys, store::cart::Filter::All, ever).await.unwrap(), 0);
            drop(read);
            assert!(messages(&house, house.shop).await.is_empty());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the self-test never ended");
}

#[actix_web::test]
async fn nobody_changes_a_connection_who_may_not() {
    let house = House::open().await;
    let site = site(house.state()).await;
    for path in [
        "/connect/new",
        "/shops/1/set-up?step=live",
        "/shops/1/settings",
        "/shops/1/rules",
        "/shops/1/pause",
        "/shops/1/resume",
        "/shops/1/disconnect",
        "/shops/1/self-test",
        "/gateways/add",
    ] {
        let response = send(&site, path, &[]).await;
        assert!(!response.status().is_success(), "{path}: {}", response.status());
        let foreign = TestRequest::post().uri(path).insert_header(("sec-fetch-site", "cross-site"));
        let response = ask(&site, foreign.insert_header(("host", "127.0.0.1"))).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

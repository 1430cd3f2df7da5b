//! Who may ask for what, as a matrix: every route of the house, asked by nobody, by who has signed out, by an analyst, a
//! manager, an owner, and by somebody of another shop. The rows are here, one per route; a route without a row, or one
//! that is registered and not in the table of `web::route`, fails.

use std::{collections::BTreeSet, fs, path::Path};

use actix_web::{
    cookie::Cookie,
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::{
        event::Identity,
        funnel::Way,
        goal::presets,
        id::{DeliveryId, GatewayId, ReplyId, RequestId, ShopId, UserId},
        member::{Reach, Role},
    },
    pipeline::{
        connect::{self, ShopTyped},
        goal, offline, sink, team,
    },
    store::{self, guard, inbox, request},
    transact,
    web::{
        again,
        route::{May, ROUTES},
    },
};

use super::house::{House, PHONE, Site, ask, site};
use crate::sql;

/// A route, asked for a thing of shop 1. `{}` in `ask` is that thing's id.
struct Row {
    method: &'static str,
    path: &'static str,
    ask: String,
    body: &'static str,
    /// What whoever may ask is answered.
    good: u16,
}

/// What the rows are about, all of it of shop 1.
struct Things {
    cart: String,
    message: String,
    order: String,
    delivery: String,
    gateway: String,
    sequence: String,
    reply: String,
    phone: String,
    request: String,
    member: String,
    sink: String,
    platform: String,
    goal: String,
    funnel: String,
    upload: String,
}

/// Every route somebody signed in may ask for. What destroys comes after what looks at it.
fn rows(things: &Things) -> Vec<Row> {
    let Things {
        cart,
        message,
        order,
        delivery,
        gateway,
        sequence,
        reply,
        phone,
        request,
        member,
        sink,
        platform,
        goal,
        funnel,
        upload,
    } = things;
    let mut rows = Vec::new();
    let mut row = |method, path, ask: String, body, good| rows.push(Row { method, path, ask, body, good });
    let mut look = |path: &'static str, ask: String| row("GET", path, ask, "", 200);
    for path in [
        "/",
        "/carts",
        "/messages",
        "/person",
        "/sequences",
        "/texts",
        "/replies",
        "/report",
        "/earned",
        "/events",
        "/goals",
        "/goals/add",
        "/funnels",
        "/funnels/add",
        "/shops",
        "/law",
        "/gateways",
        "/risk",
        "/inbox",
        "/account",
        "/digest",
        "/welcome",
        "/audit",
        "/audit.csv",
        "/team",
        "/carts.csv",
        "/messages.csv",
        "/orders",
        "/orders.csv",
        "/people",
        "/people.csv",
        "/inbox.csv",
        "/connect",
        "/gateways/add",
        "/webhooks",
        "/webhooks/schema.json",
        "/tokens",
        "/api",
        "/statement",
        "/ledger",
        "/experiments",
        "/dry-run",
        "/ledger.csv",
        "/books",
        "/books/file",
        "/offline",
        "/calls",
        "/calls.csv",
        "/attribution",
    ] {
        look(path, path.to_owned());
    }
    look("/carts/{id}", format!("/carts/{cart}"));
    look("/messages/{id}/proof", format!("/messages/{message}/proof"));
    look("/messages/{id}/proof.json", format!("/messages/{message}/proof.json"));
    look("/sequences/{id}", format!("/sequences/{sequence}"));
    look("/texts/{sequence}/{step}", format!("/texts/{sequence}/1"));
    look("/phones/{phone}", format!("/phones/{phone}"));
    look("/orders/{id}", format!("/orders/{order}"));
    look("/shops/{id}", "/shops/1".to_owned());
    look("/carts/{id}/send-now", format!("/carts/{cart}/send-now"));
    look("/carts/{id}/dismiss", format!("/carts/{cart}/dismiss"));
    look("/messages/{id}", format!("/messages/{message}"));
    look("/inbox/{id}", format!("/inbox/{delivery}"));
    look("/connect/new", "/connect/new?kind=generic".to_owned());
    look("/shops/{id}/arrivals", "/shops/1/arrivals".to_owned());
    look("/shops/{id}/set-up", "/shops/1/set-up".to_owned());
    look("/shops/{id}/settings", "/shops/1/settings".to_owned());
    look("/shops/{id}/rules", "/shops/1/rules".to_owned());
    look("/shops/{id}/disconnect", "/shops/1/disconnect".to_owned());
    look("/gateways/{id}", format!("/gateways/{gateway}"));
    look("/gateways/{id}/remove", format!("/gateways/{gateway}/remove"));
    look("/webhooks/{id}", format!("/webhooks/{sink}"));
    look("/platforms/add", "/platforms/add?kind=meta".to_owned());
    look("/platforms/{id}", format!("/platforms/{platform}"));
    look("/report/{table}.csv", "/report/days.csv".to_owned());
    look("/offline/{id}.csv", format!("/offline/{upload}.csv"));
    look("/goals/{id}", format!("/goals/{goal}"));
    look("/goals/{id}/remove", format!("/goals/{goal}/remove"));
    look("/funnels/{id}", format!("/funnels/{funnel}"));
    look("/funnels/{id}/remove", format!("/funnels/{funnel}/remove"));
    look("/ledger/{line}", "/ledger/placed".to_owned());
    look("/law/{id}", "/law/FR".to_owned());
    look("/team/{id}", format!("/team/{member}"));
    look("/team/{id}/remove", format!("/team/{member}/remove"));
    // Nothing is being set up, and whoever comes by a link just now has shown who they are.
    row("GET", "/account/second", "/account/second".to_owned(), "", 303);
    row("GET", "/again", "/again?to=/carts".to_owned(), "", 303);
    // A platform whose keys are typed has no page to be led to.
    row("GET", "/shops/{id}/approve", "/shops/1/approve".to_owned(), "", 404);
    let mut act = |path, ask: String, body, good| row("POST", path, ask, body, good);
    act("/texts/{sequence}/{step}/preview", format!("/texts/{sequence}/1/preview"), "text=a", 200);
    act("/texts/{sequence}/{step}", format!("/texts/{sequence}/1"), "act=ready", 303);
    act("/replies/{id}/settle", format!("/replies/{reply}/settle"), "how=answered", 303);
    act("/gateways/{id}/pause", format!("/gateways/{gateway}/pause"), "", 303);
    act("/gateways/{id}/resume", format!("/gateways/{gateway}/resume"), "", 303);
    act("/inbox/{id}/replay", format!("/inbox/{delivery}/replay"), "", 303);
    act("/risk/{id}/resume", "/risk/breaker/resume?shop=1".to_owned(), "", 303);
    act("/earned", "/earned".to_owned(), "percent=10", 303);
    act(
        "/experiments",
        "/experiments".to_owned(),
        "name=Later&step=none+1&goal=tap&way=later&kind=after&value=60",
        200,
    );
    act("/experiments/{id}/stop", "/experiments/exp_0000000000001/stop".to_owned(), "", 404);
    act("/experiments/{id}/use", "/experiments/exp_0000000000001/use".to_owned(), "arm=1", 404);
    act("/ledger/settings", "/ledger/settings".to_owned(), "report_in=EUR&goods=42.5", 303);
    act("/ledger/rates", "/ledger/rates".to_owned(), "from=2026-03-01&currency=USD&rate=0.92&to=EUR", 303);
    act("/ledger/rates/remove", "/ledger/rates/remove".to_owned(), "from=2026-03-01&currency=CHF&to=EUR", 404);
    act("/ledger/spend", "/ledger/spend".to_owned(), "channel=Ads&from=2026-03-01&amount=12", 303);
    act(
        "/ledger/spend/remove",
        "/ledger/spend/remove".to_owned(),
        "channel=Post&from=2026-03-01&to=2026-03-01&currency=EUR",
        404,
    );
    act("/risk/halt", "/risk/halt".to_owned(), "", 303);
    act("/risk/lift", "/risk/lift".to_owned(), "", 303);
    act("/sequences", "/sequences".to_owned(), "preset=us", 303);
    act("/sequences/{id}", format!("/sequences/{sequence}"), "name=Ours", 303);
    act("/sequences/{id}/on", format!("/sequences/{sequence}/on"), "", 303);
    act("/sequences/{id}/off", format!("/sequences/{sequence}/off"), "", 303);
    act("/sequences/{id}/move", format!("/sequences/{sequence}/move"), "to=down", 303);
    act("/sequences/{id}/remove", format!("/sequences/{sequence}/remove"), "", 303);
    act("/goals", "/goals".to_owned(), "preset=local", 303);
    act("/goals/{id}", format!("/goals/{goal}"), "name=Ours&kind=shared", 303);
    act("/goals/{id}/remove", format!("/goals/{goal}/remove"), "", 303);
    act("/funnels", "/funnels".to_owned(), "preset=usual", 303);
    act("/funnels/{id}", format!("/funnels/{funnel}"), "name=Ours&window_minutes=30&step1=searched&step2=shared", 303);
    act("/funnels/{id}/remove", format!("/funnels/{funnel}/remove"), "", 303);
    act("/phones/{phone}/opt-out", format!("/phones/{phone}/opt-out"), "why=asked", 303);
    act("/person/export", "/person/export".to_owned(), "phone=%2B12125550142", 200);
    act("/person/{id}/answered", format!("/person/{request}/answered"), "", 303);
    act("/person/erase", "/person/erase".to_owned(), "phone=%2B12125550142&sure=yes", 303);
    act("/carts/{id}/hold", format!("/carts/{cart}/hold"), "", 400);
    act("/carts/{id}/release", format!("/carts/{cart}/release"), "", 400);
    act("/carts/{id}/send-now", format!("/carts/{cart}/send-now"), "", 400);
    act("/carts/find", "/carts/find".to_owned(), "q=nobody%40acme.example", 303);
    act("/person/find", "/person/find".to_owned(), "phone=%2B12125550199", 303);
    act("/carts/{id}/dismiss", format!("/carts/{cart}/dismiss"), "", 400);
    act("/messages/{id}/settle", format!("/messages/{message}/settle"), "how=left", 404);
    act("/orders/{id}/credit", format!("/orders/{order}/credit"), "to=none&reason=phoned", 303);
    act("/attribution/windows", "/attribution/windows".to_owned(), "click=72&sent=0", 303);
    act("/statement/publish", "/statement/publish".to_owned(), "month=someday", 400);
    act("/people/load", "/people/load".to_owned(), "what=consents&sheet=phone", 400);
    act("/inbox/{id}/fix", format!("/inbox/{delivery}/fix"), "body=x", 404);
    act("/inbox/replay", "/inbox/replay".to_owned(), "", 303);
    act("/inbox/replays/{id}/stop", format!("/inbox/replays/{delivery}/stop"), "", 404);
    act("/books/file", "/books/file".to_owned(), "", 400);
    act("/books/run", "/books/run".to_owned(), "", 400);
    act("/books/fill", "/books/fill".to_owned(), "", 400);
    act("/books/limits", "/books/limits".to_owned(), "small=1&large=5", 303);
    act("/books/{id}/stop", "/books/7/stop".to_owned(), "", 404);
    act("/books/findings/{id}/ignore", "/books/findings/find_0000000000001/ignore".to_owned(), "why=gone", 404);
    act("/books/findings/{id}/open", "/books/findings/find_0000000000001/open".to_owned(), "", 404);
    act("/platforms/add", "/platforms/add".to_owned(), "kind=ga4&measurement_id=G-ABC1234567&api_secret=s", 303);
    act("/platforms/{id}", format!("/platforms/{platform}"), "measurement_id=G-ABC1234567", 303);
    act("/calls/numbers", "/calls/numbers".to_owned(), "number=%2B1212555&answers=none", 200);
    act("/calls/numbers/{id}/remove", "/calls/numbers/tel_0000000000001/remove".to_owned(), "", 404);
    act("/calls/settings", "/calls/settings".to_owned(), "least_seconds=20", 303);
    act("/offline/upload", "/offline/upload".to_owned(), "file=x", 400);
    act("/offline/{id}/undo", format!("/offline/{upload}/undo"), "", 303);
    act("/connect/new", "/connect/new".to_owned(), "kind=generic", 200);
    act("/shops/{id}/set-up", "/shops/1/set-up?step=rules".to_owned(), "act=preset&preset=us", 303);
    act("/shops/{id}/settings", "/shops/1/settings".to_owned(), "name=Acme", 303);
    act("/shops/{id}/rules", "/shops/1/rules".to_owned(), "", 303);
    act("/shops/{id}/pause", "/shops/1/pause".to_owned(), "", 303);
    act("/shops/{id}/resume", "/shops/1/resume".to_owned(), "", 303);
    act("/shops/{id}/self-test", "/shops/1/self-test".to_owned(), "", 303);
    act("/gateways/add", "/gateways/add".to_owned(), "kind=log&name=More", 303);
    act("/gateways/{id}", format!("/gateways/{gateway}"), "name=Own", 303);
    act("/gateways/{id}/test", format!("/gateways/{gateway}/test"), "phone=", 200);
    act("/gateways/{id}/remove", format!("/gateways/{gateway}/remove"), "", 303);
    act("/tokens", "/tokens".to_owned(), "name=till&scope=read&days=30", 200);
    act("/tokens/revoke", "/tokens/revoke".to_owned(), "name=till", 303);
    act("/webhooks", "/webhooks".to_owned(), "url=http%3A%2F%2Flocalhost", 200);
    act("/webhooks/{id}", format!("/webhooks/{sink}"), "name=Till&url=https%3A%2F%2Ftill.example%2Fhook", 200);
    act("/webhooks/{id}/rotate", format!("/webhooks/{sink}/rotate"), "", 200);
    act("/webhooks/{id}/disable", format!("/webhooks/{sink}/disable"), "", 303);
    act("/webhooks/{id}/enable", format!("/webhooks/{sink}/enable"), "", 303);
    act("/webhooks/{id}/test", format!("/webhooks/{sink}/test"), "", 200);
    act("/webhooks/{id}/replay", format!("/webhooks/{sink}/replay"), "since=1", 303);
    act("/webhooks/{id}/remove", format!("/webhooks/{sink}/remove"), "", 303);
    act("/shops/{id}/disconnect", "/shops/1/disconnect".to_owned(), "", 303);
    act("/audit", "/audit".to_owned(), "days=100", 303);
    act("/team", "/team".to_owned(), "email=new%40acme.example&role=analyst&reach=every", 200);
    act("/team/{id}/link", format!("/team/{member}/link"), "", 200);
    act("/team/{id}", format!("/team/{member}"), "role=analyst&reach=these&shop=1", 303);
    act("/team/second", "/team/second".to_owned(), "need=no", 303);
    act("/team/{id}/reset-second", format!("/team/{member}/reset-second"), "", 404);
    act("/team/{id}/remove", format!("/team/{member}/remove"), "", 303);
    act("/digest", "/digest".to_owned(), "rhythm=never", 303);
    act("/digest/send", "/digest/send".to_owned(), "", 200);
    act("/account", "/account".to_owned(), "name=Ana&language=de", 303);
    act("/welcome", "/welcome".to_owned(), "name=Ana&email=ana%40acme.example&password=correct+horse+battery", 303);
    act(
        "/account/password",
        "/account/password".to_owned(),
        "old=correct+horse+battery&new=another+horse+battery",
        303,
    );
    act("/account/sessions/end", "/account/sessions/end".to_owned(), "session=others", 303);
    act("/account/second/begin", "/account/second/begin".to_owned(), "", 303);
    act("/account/second", "/account/second".to_owned(), "code=000000", 200);
    act("/account/second/codes", "/account/second/codes".to_owned(), "", 404);
    act("/account/second/off", "/account/second/off".to_owned(), "password=x&code=000000", 200);
    act("/again", "/again?to=/carts".to_owned(), "again_password=another+horse+battery", 303);
    rows
}

/// A house where everything there is a route for has happened, and everybody who may ask.
struct Cast {
    house: House,
    site: Site,
    things: Things,
    owner: Cookie<'static>,
    manager: Cookie<'static>,
    analyst: Cookie<'static>,
    /// A manager of shop 2 and of no other.
    foreign: Cookie<'static>,
    ended: Cookie<'static>,
}

async fn enter(house: &House, site: &Site, link: &str) -> Cookie<'static> {
    let path = link.strip_prefix(house.core().public_url.as_str()).unwrap();
    let response = ask(site, post(path, "")).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.response().cookies().next().expect("a cookie").into_owned()
}

fn post(path: &str, body: &str) -> TestRequest {
    super::house::from_our_page(path)
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload(body.to_owned())
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("host", "127.0.0.1"))
}

async fn cast() -> Cast {
    let house = House::open().await;
    let site = site(house.state()).await;
    let other = ShopTyped {
        kind: "generic".into(),
        name: "Another".into(),
        country: "SI".into(),
        currency: "EUR".into(),
        zone: "Europe/Ljubljana".into(),
        settings: [("secret", house.secret.as_str()), ("site", "other.example")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        rules: Default::default(),
    };
    let other = connect::add_shop(house.core(), &other).await.unwrap().shop;
    let message = house.recovered(&site).await;
    let reply = serde_json::json!({ "type": "reply", "from": PHONE, "text": "who are you?", "id": "r1" }).to_string();
    let called = TestRequest::post().uri(&house.sms_hook).insert_header(("host", "127.0.0.1")).set_payload(reply);
    assert_eq!(ask(&site, called).await.status(), StatusCode::OK);
    house.work().await;
    let own = connect::add_gateway(house.core(), house.shop, "log", "Own", Default::default(), false).await.unwrap();
    let core = house.core();
    let endpoint = sink::Typed {
        name: Some("Till".into()),
        url: Some("https://till.example/hook".into()),
        topics: None,
        personal: None,
        private: false,
    };
    let platform = [("measurement_id", "G-ABC1234567"), ("api_secret", "s3cret-of-ga4")];
    let platform = platform.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let platform = sink::add_kind(core, house.shop, "ga4", "", &platform).await.unwrap();
    let sink = sink::add(core, house.shop, &endpoint).await.unwrap();
    let goals = goal::keep(core, house.shop, None, &presets()[0].goals[..1]).await.unwrap();
    let funnel = goal::keep_funnel(core, house.shop, None, &Way::usual()).await.unwrap();
    let brought = offline::Brought { name: "till.csv", source: store::offline::Source::Page, by: "Maja" };
    let line = (2, Err("total: is missing".to_owned()));
    let upload = offline::begin(core, house.shop, vec![line], brought).await.unwrap().unwrap();
    let now = core.now();
    let asked = request::Request {
        id: RequestId::new(core.fresh_id()),
        kind: request::Kind::Access,
        source: "shop".into(),
        at: now,
        done_at: None,
        outcome: String::new(),
    };
    transact!(core.db, |tx| {
        let keys = core.vault.keys(tx, house.shop).await?;
        request::create(tx, &keys, &asked, &Identity::default()).await?;
        guard::pause(tx, &keys, guard::Paused::Breaker, &guard::whole(), ("why", ""), now).await?;
    })
    .unwrap();
    let mut read = core.db.read().await.unwrap();
    let keys = core.vault.keys(&mut read, house.shop).await.unwrap();
    let (shop, _) = core.shop(&mut read, house.shop).await.unwrap().unwrap();
    let reply = store::reply::list(&mut read, &keys, ReplyId::new(i64::MAX), 1).await.unwrap().remove(0);
    let latest = DeliveryId::new(i64::MAX);
    let delivery = inbox::list(&mut read, house.shop, inbox::Filter::All, latest, 1).await.unwrap()[0].id;
    drop(read);
    let order: i64 = sql::rows(&core.db, "SELECT CAST(order_id AS TEXT) FROM shop_order").await[0][0].parse().unwrap();
    let invited =
        async |email: &str, role: Role, reach: Reach| team::invite(core, email, "", role, &reach).await.unwrap();
    let (_, owner) = invited("owner@acme.example", Role::Owner, Reach::Every).await;
    let (_, manager) = invited("manager@acme.example", Role::Manager, Reach::Every).await;
    let (_, analyst) = invited("analyst@acme.example", Role::Analyst, Reach::Every).await;
    let (_, foreign) = invited("client@other.example", Role::Manager, Reach::These([other].into())).await;
    let (gone, ended) = invited("gone@acme.example", Role::Owner, Reach::Every).await;
    let (member, _) = invited("member@acme.example", Role::Manager, Reach::Every).await;
    let ended = enter(&house, &site, &ended).await;
    assert_eq!(ask(&site, post("/sign-out", "").cookie(ended.clone())).await.status(), StatusCode::SEE_OTHER);
    team::remove(core, gone).await.unwrap();
    let things = Things {
        cart: message.cart().unwrap().to_string(),
        message: message.id.to_string(),
        order: cartback::domain::id::OrderId::new(order).to_string(),
        delivery: delivery.to_string(),
        gateway: own.gateway.unwrap().to_string(),
        sequence: shop.rules.sequences[0].id.clone(),
        reply: reply.id.to_string(),
        phone: data_encoding::HEXLOWER.encode(&reply.phone),
        request: asked.id.to_string(),
        member: member.to_string(),
        sink: sink.id.to_string(),
        platform: platform.to_string(),
        goal: goals.unwrap()[0].to_string(),
        funnel: funnel.unwrap().to_string(),
        upload: upload.to_string(),
    };
    let owner = enter(&house, &site, &owner).await;
    let manager = enter(&house, &site, &manager).await;
    let analyst = enter(&house, &site, &analyst).await;
    let foreign = enter(&house, &site, &foreign).await;
    Cast { things, owner, manager, analyst, foreign, ended, site, house }
}

impl Cast {
    async fn asks(&self, row: &Row, path: &str, who: Option<&Cookie<'static>>) -> (u16, String) {
        let request = if row.method == "GET" { get(path) } else { post(path, row.body) };
        let request = match who {
            Some(cookie) => request.cookie(cookie.clone()),
            None => request,
        };
        let response = ask(&self.site, request).await;
        let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        (response.status().as_u16(), to.unwrap_or_default())
    }
}

fn may(row: &Row) -> May {
    let listed = ROUTES.iter().find(|route| (route.method, route.path) == (row.method, row.path));
    listed.unwrap_or_else(|| panic!("{} {} is not in web::route", row.method, row.path)).may
}

/// The same path for shop 1, chosen by its number.
fn for_shop_1(path: &str) -> String {
    match path {
        chosen if chosen.contains("shop=1") => chosen.to_owned(),
        // The audit log chooses its shop by another name too.
        "/audit" | "/audit.csv" => format!("{path}?of=1"),
        path if path.contains('?') => format!("{path}&shop=1"),
        path => format!("{path}?shop=1"),
    }
}

/// An account in our own network, which an owner let in.
async fn gateway_inside(cast: &Cast) -> GatewayId {
    let settings =
        [("url", "http://127.0.0.1:13013"), ("username", "acme"), ("password", "p4ss-of-kannel"), ("from", "Acme")];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let (core, shop) = (cast.house.core(), cast.house.shop);
    connect::add_gateway(core, shop, "kannel", "Inside", settings, true).await.unwrap().gateway.unwrap()
}

#[actix_web::test]
async fn where_a_gateway_leads_in_our_network_is_the_owners_to_say() {
    let cast = cast().await;
    let (core, shop) = (cast.house.core(), cast.house.shop);
    let inside = gateway_inside(&cast).await;
    let moved = "name=Inside&url=http%3A%2F%2F10.0.0.7%3A6379&username=acme&password=&from=Acme";
    let asked = async |who: &Cookie<'static>| {
        ask(&cast.site, post(&format!("/gateways/{inside}?shop=1"), moved).cookie(who.clone())).await.status()
    };
    let leads = async || {
        let mut read = core.db.read().await.unwrap();
        let keys = core.vault.keys(&mut read, shop).await.unwrap();
        let found = store::gateway::get(&mut read, &keys, inside).await.unwrap().unwrap();
        found.settings.get("url").to_owned()
    };
    assert_eq!(asked(&cast.manager).await, StatusCode::FORBIDDEN);
    assert_eq!(leads().await, "http://127.0.0.1:13013");
    assert_eq!(asked(&cast.owner).await, StatusCode::SEE_OTHER);
    assert_eq!(leads().await, "http://10.0.0.7:6379");
}

#[actix_web::test]
async fn who_may_not_is_turned_away_and_changes_nothing() {
    let cast = cast().await;
    let mut wrong = Vec::new();
    let mut expect = |row: &Row, who: &str, found: (u16, String), expected: (u16, &str)| {
        if found.0 != expected.0 || !found.1.starts_with(expected.1) {
            wrong.push(format!("{} {} by {who}: {found:?}, not {expected:?}", row.method, row.ask));
        }
    };
    for row in &rows(&cast.things) {
        for (who, cookie) in [("nobody", None), ("who signed out", Some(&cast.ended))] {
            expect(row, who, cast.asks(row, &row.ask, cookie).await, (303, "/sign-in"));
        }
        let rights = may(row);
        if matches!(rights, May::Change | May::House) {
            expect(row, "an analyst", cast.asks(row, &row.ask, Some(&cast.analyst)).await, (403, ""));
        }
        if rights == May::House {
            expect(row, "a manager", cast.asks(row, &row.ask, Some(&cast.manager)).await, (403, ""));
            expect(row, "another's", cast.asks(row, &row.ask, Some(&cast.foreign)).await, (403, ""));
            continue;
        }
        // Their welcome is their own and knows no shop, and so is what they prove.
        if ["/welcome", "/again"].contains(&row.path) {
            continue;
        }
        let chosen = for_shop_1(&row.ask);
        expect(row, "another's, by number", cast.asks(row, &chosen, Some(&cast.foreign)).await, (404, ""));
        // A sequence's name, a text's step, a line of the ledger and a number's hash mean something at each shop; an id means
        // one thing.
        let by_name = ["/law", "/account", "/sequences", "/texts", "/phones", "/report", "/ledger"];
        let is_one_thing = row.path.contains('{') && !by_name.iter().any(|path| row.path.starts_with(path));
        if is_one_thing {
            expect(row, "another's", cast.asks(row, &row.ask, Some(&cast.foreign)).await, (404, ""));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[actix_web::test]
async fn who_may_is_let_in() {
    let mut wrong = Vec::new();
    for role in [Role::Owner, Role::Manager, Role::Analyst] {
        let cast = cast().await;
        let cookie = match role {
            Role::Owner => &cast.owner,
            Role::Manager => &cast.manager,
            Role::Analyst => &cast.analyst,
        };
        for row in &rows(&cast.things) {
            let allowed = match may(row) {
                May::House => role == Role::Owner,
                May::Change => role.may_change(),
                May::SignedIn | May::Anyone => true,
            };
            if !allowed {
                continue;
            }
            let found = cast.asks(row, &row.ask, Some(cookie)).await;
            if found.0 != row.good || found.1.starts_with("/sign-in") {
                wrong.push(format!("{} {} by {role:?}: {found:?}, not {}", row.method, row.ask, row.good));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[actix_web::test]
async fn who_showed_long_ago_that_it_is_them_is_asked_before_anything_dangerous() {
    let cast = cast().await;
    let core = cast.house.core();
    let owner = team::by_email(core, "owner@acme.example").await.unwrap().unwrap();
    let welcome = rows(&cast.things).into_iter().find(|row| row.path == "/welcome" && row.method == "POST").unwrap();
    assert_eq!(cast.asks(&welcome, &welcome.ask, Some(&cast.owner)).await.0, 303, "{owner} chooses a password");
    cast.house.clock.advance(again::WITHIN);
    let mut asked = 0;
    for row in &rows(&cast.things) {
        let route = ROUTES.iter().find(|route| (route.method, route.path) == (row.method, row.path)).unwrap();
        if !route.fresh {
            continue;
        }
        asked += 1;
        if row.method == "GET" {
            let found = cast.asks(row, &row.ask, Some(&cast.owner)).await;
            assert!(found.0 == 303 && found.1.starts_with("/again?to="), "{}: {found:?}", row.ask);
            continue;
        }
        let response = ask(&cast.site, post(&row.ask, row.body).cookie(cast.owner.clone())).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", row.ask);
        let page = super::house::text(response).await;
        assert!(page.contains("name=\"again_carried\"") && page.contains("1 step left"), "{}: {page}", row.ask);
    }
    assert_eq!(asked, ROUTES.iter().filter(|route| route.fresh).count());
    // Nothing of it was done.
    let left = team::list(core).await.unwrap();
    assert!(left.iter().any(|member| member.id.to_string() == cast.things.member), "the member is still there");
}

/// A foreign shop's things are nothing, whichever page is asked, and what is the house's is not theirs to touch.
#[actix_web::test]
async fn who_is_bound_to_one_shop_sees_nothing_of_another() {
    let cast = cast().await;
    for path in ["/", "/carts", "/messages", "/replies", "/shops", "/inbox", "/texts", "/sequences", "/risk", "/audit"]
    {
        let response = ask(&cast.site, get(path).cookie(cast.foreign.clone())).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let page = super::house::text(response).await;
        assert!(page.contains("Another"), "{path}: {page}");
        for foreign in ["Acme", "…0142", "Mara", cast.things.cart.as_str(), cast.things.delivery.as_str()] {
            assert!(!page.contains(foreign), "{path} tells of {foreign}: {page}");
        }
    }
    // The house's gateway serves their shop: they see it, and an owner touches it.
    let pause = format!("/gateways/{}/pause", cast.house.gateway);
    for cookie in [&cast.foreign, &cast.manager] {
        assert_eq!(ask(&cast.site, post(&pause, "").cookie(cookie.clone())).await.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(ask(&cast.site, post(&pause, "").cookie(cast.owner.clone())).await.status(), StatusCode::SEE_OTHER);
}

/// Keys and passwords go in and never come out, whoever asks for which page.
#[actix_web::test]
async fn what_is_stored_and_secret_is_never_sent_back() {
    let cast = cast().await;
    let inside = gateway_inside(&cast).await;
    let secrets = ["p4ss-of-kannel", "s3cret-of-ga4", cast.house.secret.as_str()];
    let mut pages = 0;
    let own = format!("/gateways/{inside}");
    let all = rows(&cast.things);
    let asked = all.iter().filter(|row| row.method == "GET").map(|row| row.ask.as_str()).chain([own.as_str()]);
    for path in asked {
        let response = ask(&cast.site, get(path).cookie(cast.owner.clone())).await;
        pages += u32::from(response.status() == StatusCode::OK);
        let page = super::house::text(response).await;
        for secret in secrets {
            assert!(!page.contains(secret), "{path} shows {secret}");
        }
    }
    assert!(pages > 50, "{pages}");
}

/// What a webhook said as it came names people, in full: whoever only looks sees what it made and not the words.
#[actix_web::test]
async fn who_only_looks_sees_no_raw_body() {
    let cast = cast().await;
    let page = async |cookie: &Cookie<'static>| {
        let request = TestRequest::get().uri(&format!("/inbox/{}", cast.things.delivery)).cookie(cookie.clone());
        let response = ask(&cast.site, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        super::house::text(response).await
    };
    for (who, sees) in [(&cast.owner, true), (&cast.manager, true), (&cast.analyst, false)] {
        let page = page(who).await;
        assert_eq!(page.contains("+12125550142"), sees, "{page}");
        assert_eq!(page.contains("Only those who may change the shop see it"), !sees);
    }
}

#[test]
fn every_route_has_a_line_and_a_row() {
    let listed: BTreeSet<(String, String)> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    let registered = registered();
    assert!(registered.len() > 60, "the routes are not recognised any more: {registered:?}");
    let missing: Vec<_> = registered.difference(&listed).collect();
    assert!(missing.is_empty(), "registered, but not in web::route: {missing:?}");
    let gone: Vec<_> = listed.difference(&registered).collect();
    assert!(gone.is_empty(), "in web::route, but registered nowhere: {gone:?}");

    let none = Things {
        cart: String::new(),
        message: String::new(),
        order: String::new(),
        delivery: String::new(),
        gateway: GatewayId::new(1).to_string(),
        sequence: String::new(),
        reply: String::new(),
        phone: String::new(),
        request: String::new(),
        member: UserId::new(1).to_string(),
        sink: String::new(),
        platform: String::new(),
        goal: String::new(),
        funnel: String::new(),
        upload: String::new(),
    };
    let in_matrix: BTreeSet<(&str, &str)> = rows(&none).iter().map(|row| (row.method, row.path)).collect();
    for route in ROUTES.iter().filter(|route| route.may != May::Anyone) {
        assert!(in_matrix.contains(&(route.method, route.path)), "{} {} has no row here", route.method, route.path);
        let is_act = route.method != "GET";
        assert!(
            !is_act || !route.said.is_empty() || ["/preview", "/find"].iter().any(|end| route.path.ends_with(end)),
            "{} has no words",
            route.path
        );
    }
    assert_eq!(ShopId::HOUSE.get(), 0, "no shop has the house's number");
}

/// What the source registers: `page("…")`, `act("…")`, `ask("…")` and `resource("…")` with its routes.
fn registered() -> BTreeSet<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut found = BTreeSet::new();
    for file in ["mod.rs", "page/mod.rs"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        for (quote, _) in text.match_indices("\"/") {
            let before = text[..quote].trim_end();
            let Some(before) = before.strip_suffix('(') else { continue };
            let at = quote - 1;
            let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let path = text[at + 2..].split('"').next().unwrap();
            // The API has a table and a test of its own.
            if path.starts_with("/api/") {
                continue;
            }
            let methods: Vec<&str> = match name {
                "page" | "ask" => vec!["GET"],
                "act" | "long" => vec!["POST"],
                "both" | "asked" => vec!["GET", "POST"],
                "resource" => {
                    let rest = &text[at..];
                    let whole = rest.split(".service(").next().unwrap();
                    let kinds = [("get().to(", "GET"), ("web::post()", "POST"), ("web::put()", "PUT")];
                    kinds.into_iter().filter(|(sign, _)| whole.contains(sign)).map(|(_, method)| method).collect()
                }
                _ => vec![],
            };
            found.extend(methods.into_iter().map(|method| (method.to_owned(), path.to_owned())));
        }
    }
    found
}

//! Outbound webhooks: every fact is told once under one id, signed, again by the schedule until it is taken, and nothing
//! of the forgotten is told or kept.

use std::{collections::BTreeSet, time::Duration};

use cartback::{
    domain::{
        connector::Delivery,
        event::{Identity, TypedPhone},
        id::{EventId, SinkId},
        standard_webhooks,
        time::Time,
    },
    http::Request,
    pipeline::{
        people,
        sink::{self, Again, Typed},
    },
    store::{
        self,
        outbox::{Attempt, Forward, State, Which},
    },
};
use serde_json::{Value, json};

use super::bodies::{MOBILE, with};
use crate::{
    app::{Account, App, Shopkeeper, Text, hours, minutes, on_both},
    outside::Ends,
    sql,
};

struct Endpoint {
    id: SinkId,
    secret: String,
    host: &'static str,
}

async fn endpoint(app: &App, shop: &Shopkeeper, host: &'static str, topics: &str) -> Endpoint {
    app.outside.receiver(host, []);
    let typed =
        Typed { url: Some(format!("https://{host}/in?key=hunter2")), topics: Some(topics.into()), ..Typed::default() };
    let made = sink::add(&app.core, shop.id, &typed).await.unwrap();
    Endpoint { id: made.id, secret: made.secret, host }
}

async fn open(app: &App, topics: &str) -> (Shopkeeper, Account, Endpoint) {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    let account = app.with_gateway(&shop, "log").await;
    let endpoint = endpoint(app, &shop, "crm.example", topics).await;
    (shop, account, endpoint)
}

async fn abandon(app: &App, shop: &Shopkeeper, token: &str) -> Text {
    app.generic(shop, "checkout.updated", app.checkout(token, json!({}))).await;
    app.pass(minutes(31)).await;
    app.last_text(shop).await
}

/// A checkout of somebody else each time, so that no cap holds the text.
async fn abandon_other(app: &App, shop: &Shopkeeper, number: u32) {
    let change =
        json!({ "phone": format!("+3864055520{number}"), "email": null, "customer_id": null, "cart_token": null });
    app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
    app.pass(minutes(31)).await;
}

/// What arrived at a host, as its receiver sees it.
fn arrived(app: &App, host: &str) -> Vec<Request> {
    let start = format!("https://{host}/");
    app.outside.requests().into_iter().filter(|request| request.url.starts_with(&start)).collect()
}

fn header(request: &Request, name: &str) -> String {
    request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The types that arrived, after checking each signature.
fn heard(app: &App, endpoint: &Endpoint) -> Vec<String> {
    let all = arrived(app, endpoint.host);
    let told = all.iter().map(|request| {
        assert_eq!(signed_by(request, &endpoint.secret), Ok(header(request, "webhook-id")));
        assert!(!request.private, "a private network would be open to this endpoint");
        body(request)["type"].as_str().unwrap().to_owned()
    });
    told.collect()
}

fn signed_by(request: &Request, secret: &str) -> Result<String, cartback::domain::connector::Refusal> {
    let received_at = Time::from_seconds(header(request, "webhook-timestamp").parse().unwrap());
    let delivery = Delivery {
        method: "POST".into(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        received_at,
    };
    standard_webhooks::verify([secret], &delivery)
}

async fn log(app: &App, shop: &Shopkeeper) -> Vec<Forward> {
    let (_, keys) = app.shop(shop.id).await;
    let newest = EventId::new(i64::MAX);
    let mut all = store::outbox::list(&mut app.read().await, &keys, Which::default(), newest, 1_000).await.unwrap();
    all.reverse();
    all
}

async fn attempts(app: &App, shop: &Shopkeeper, forward: &Forward) -> Vec<Attempt> {
    let (_, keys) = app.shop(shop.id).await;
    store::outbox::attempts(&mut app.read().await, &keys, forward.sink, forward.event).await.unwrap()
}

async fn sink_of(app: &App, shop: &Shopkeeper, id: SinkId) -> store::sink::Sink {
    let (_, keys) = app.shop(shop.id).await;
    store::sink::get(&mut app.read().await, &keys, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_carts_whole_life_is_told_in_order_and_thin() {
    on_both(async |app| {
        let (shop, account, crm) = open(app, "all").await;
        let text = abandon(app, &shop, "c1").await;
        app.receipt(&account, &text, "delivered").await;
        app.receipt(&account, &text, "delivered").await;
        app.open(&text.token('r'), "facebookexternalhit/1.1").await;
        app.tap(&text).await;
        app.pass(minutes(7)).await;
        let placed = json!({ "placed_at": app.iso(), "updated_at": app.iso() });
        app.generic(&shop, "order.upserted", app.order("1", "c1", placed.clone())).await;
        app.pass(hours(1)).await;
        let refund = json!({ "id": "r1", "amount": "28.00", "at": app.iso() });
        let order = with(&app.order("1", "c1", placed), json!({ "refunds": [refund], "updated_at": app.iso() }));
        app.generic(&shop, "order.upserted", order).await;
        app.reply(&account, MOBILE, "STOP").await;
        app.pass(minutes(1)).await;
        let expected = [
            "cart.abandoned",
            "message.sent",
            "message.delivered",
            "link.clicked",
            "order.recovered",
            "credit.reversed",
            "person.opted_out",
        ];
        // The answer to STOP is a text too.
        let told: Vec<String> = heard(app, &crm);
        let mut without_answer = told.clone();
        without_answer.remove(without_answer.iter().rposition(|kind| kind == "message.sent").unwrap());
        assert_eq!(without_answer, expected, "{told:?}");
        let all: Vec<Value> = arrived(app, crm.host).iter().map(body).collect();
        let ids: BTreeSet<String> =
            arrived(app, crm.host).iter().map(|request| header(request, "webhook-id")).collect();
        assert_eq!(ids.len(), all.len(), "an id stands for two events");
        let whole = serde_json::to_string(&all).unwrap();
        for personal in ["40555101", "maja", "Maja", "shopper.example", "Oak stool", "restore"] {
            assert!(!whole.contains(personal), "{personal} in {whole}");
        }
        let of = |kind: &str| all.iter().find(|each| each["type"] == kind).unwrap()["data"].clone();
        let cart = of("cart.abandoned");
        let id = cart["cart"].as_str().unwrap().to_owned();
        assert_eq!(cart["total_minor"], 12_800);
        assert_eq!(cart["links"]["cart"], format!("https://cb.example/api/v1/carts/{id}"));
        assert_eq!(of("message.sent")["cart"], id.as_str());
        assert_eq!(of("message.sent")["step"], 1);
        assert_eq!(of("link.clicked")["message"], text.id.to_string());
        let (won, back) = (of("order.recovered"), of("credit.reversed"));
        assert_eq!((&won["credit_minor"], &won["order_external_id"]), (&json!(12_800), &json!("1")));
        assert_eq!((&back["credit_minor"], &back["reversed_minor"]), (&json!(10_000), &json!(2_800)));
        assert_eq!(back["because"], "refund");
        assert_eq!(of("person.opted_out")["source"], "reply");
        // Each body says what its schema says it says.
        for each in &all {
            let topic = cartback::domain::outbox::Topic::parse(each["type"].as_str().unwrap()).unwrap();
            let fields: BTreeSet<&str> = topic.fields().iter().map(|fact| fact.name).collect();
            let told: BTreeSet<&str> =
                each["data"].as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "links").collect();
            assert_eq!(told, fields, "{topic}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_what_was_chosen_is_told_and_a_shop_without_an_endpoint_writes_nothing() {
    on_both(async |app| {
        let (shop, account, crm) = open(app, "message.delivered").await;
        let silent = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&silent, "log").await;
        abandon(app, &silent, "c1").await;
        let text = abandon(app, &shop, "c1").await;
        app.receipt(&account, &text, "delivered").await;
        assert_eq!(heard(app, &crm), ["message.delivered"]);
        let rows = sql::rows(&app.core.db, "SELECT CAST(shop_id AS TEXT) FROM outbox").await;
        assert_eq!(rows, [[shop.id.to_string()]]);
        // An endpoint added later hears nothing of the past, whatever is settled again.
        let late = endpoint(app, &silent, "late.example", "all").await;
        let past = app.last_text(&silent).await;
        let typed = Typed { topics: Some("message.sent".into()), ..Typed::default() };
        assert!(sink::change(&app.core, silent.id, late.id, &typed).await.unwrap());
        let log = app.with_gateway(&silent, "log").await;
        app.receipt(&log, &past, "accepted").await;
        app.pass(hours(1)).await;
        assert_eq!(heard(app, &late), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn it_is_told_again_by_the_schedule_and_then_given_up() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        app.outside.receiver(crm.host, std::iter::repeat_n(Ends::Broken(500), 10));
        abandon(app, &shop, "c1").await;
        app.pass(hours(80)).await;
        let all = log(app, &shop).await;
        assert_eq!((all.len(), all[0].attempts, all[0].state()), (1, 10, State::GivenUp));
        let made = attempts(app, &shop, &all[0]).await;
        let waits: Vec<u64> = made.windows(2).map(|two| two[1].at.since(two[0].at).as_secs()).collect();
        let standard = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        for (wait, expected) in waits.iter().zip(standard) {
            assert!((expected..=expected + expected / 20 + 1).contains(wait), "{waits:?}");
        }
        assert_eq!(waits.len(), standard.len());
        assert_eq!((made[0].status, made[0].why.as_str()), (Some(500), "answered 500"));
        let ids: BTreeSet<String> =
            arrived(app, crm.host).iter().map(|request| header(request, "webhook-id")).collect();
        assert_eq!(ids.len(), 1, "a repetition has another id");
        // The time of each attempt is signed, so that none is refused as a replay.
        heard(app, &crm);
        // Asked for by hand it is told under the same id.
        assert_eq!(sink::replay(&app.core, shop.id, crm.id, Again::Since(Time::FIRST)).await.unwrap(), 1);
        app.settle().await;
        let again = log(app, &shop).await;
        assert_eq!((again[0].attempts, again[0].state()), (11, State::Delivered));
        assert_eq!(header(arrived(app, crm.host).last().unwrap(), "webhook-id"), *ids.first().unwrap());
    })
    .await;
}

#[tokio::test]
async fn f37_a_failed_one_holds_up_no_other_and_a_wish_to_wait_is_heeded() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        let other = endpoint(app, &shop, "bi.example", "cart.abandoned").await;
        app.outside.receiver(crm.host, [Ends::Throttled(Some(7_200))]);
        for number in 1..=3 {
            abandon_other(app, &shop, number).await;
        }
        let ids = |host: &str| -> Vec<String> {
            arrived(app, host).iter().map(|request| header(request, "webhook-id")).collect()
        };
        let inorder = ids(other.host);
        assert_eq!(inorder.len(), 3);
        assert!(inorder.is_sorted());
        // The first was refused at once and waits; the two behind it went.
        assert_eq!(ids(crm.host), [inorder[0].clone(), inorder[1].clone(), inorder[2].clone()]);
        assert_eq!(log(app, &shop).await.iter().filter(|each| each.state() == State::Retrying).count(), 1);
        app.pass(minutes(120)).await;
        assert_eq!(ids(crm.host).last(), inorder.first());
        assert!(log(app, &shop).await.iter().all(|each| each.state() == State::Delivered));
    })
    .await;
}

#[tokio::test]
async fn a_process_that_dies_before_it_notes_the_answer_tells_it_again_under_the_same_id() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        let core = app.another_process(7);
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.outside.hold();
        app.clock.advance(minutes(30));
        // Another process detects, tells, and dies while the receiver thinks about it.
        let dying = tokio::spawn(async move {
            let mut worker = cartback::worker::Worker::new(core, Vec::new());
            for _ in 0..10 {
                worker.tick().await.unwrap();
            }
        });
        while arrived(app, crm.host).is_empty() {
            app.outside.arrival().await;
        }
        dying.abort();
        let _ = dying.await;
        app.outside.let_go();
        assert_eq!(arrived(app, crm.host).len(), 1);
        assert_eq!(log(app, &shop).await[0].attempts, 0);
        app.pass(minutes(2)).await;
        let ids: Vec<String> = arrived(app, crm.host).iter().map(|request| header(request, "webhook-id")).collect();
        assert_eq!(ids.len(), 2);
        assert_eq!(ids[0], ids[1]);
        assert_eq!(log(app, &shop).await[0].state(), State::Delivered);
    })
    .await;
}

#[tokio::test]
async fn days_of_failure_switch_it_off_with_one_alarm() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        app.outside.receiver(crm.host, std::iter::repeat_n(Ends::NotConnected, 1_000));
        for number in 0..7 {
            abandon_other(app, &shop, number).await;
            app.pass(hours(22)).await;
        }
        let sink = sink_of(app, &shop, crm.id).await;
        assert!(sink.disabled_at.is_some());
        let alarm = "Webhook endpoint crm.example is switched off: nothing was taken for 5 days; last: not sent: no connection.";
        assert_eq!(app.alarms(shop.id).await, [alarm]);
        let tries = arrived(app, crm.host).len();
        // What happens meanwhile is kept, and told when somebody asks for it.
        abandon_other(app, &shop, 8).await;
        assert_eq!(arrived(app, crm.host).len(), tries);
        assert_eq!(log(app, &shop).await.last().unwrap().state(), State::Missed);
        assert!(sink::replay(&app.core, shop.id, crm.id, Again::Since(Time::FIRST)).await.is_err());
        app.outside.forgive(crm.host);
        assert!(sink::enable(&app.core, shop.id, crm.id).await.unwrap());
        assert_eq!(app.alarms(shop.id).await, [""; 0]);
        let since = app.now() - hours(2);
        assert_eq!(sink::replay(&app.core, shop.id, crm.id, Again::Since(since)).await.unwrap(), 1);
        app.settle().await;
        assert_eq!(log(app, &shop).await.last().unwrap().state(), State::Delivered);
        let sink = sink_of(app, &shop, crm.id).await;
        assert_eq!((sink.disabled_at, sink.failing_since), (None, None));
    })
    .await;
}

#[tokio::test]
async fn gone_switches_it_off_at_once() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        app.outside.receiver(crm.host, [Ends::Broken(410)]);
        abandon(app, &shop, "c1").await;
        app.pass(hours(80)).await;
        assert_eq!(arrived(app, crm.host).len(), 1);
        assert!(sink_of(app, &shop, crm.id).await.disabled_at.is_some());
        assert_eq!(app.alarms(shop.id).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_replaced_secret_signs_for_a_day_more() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        let newest = sink::rotate(&app.core, shop.id, crm.id).await.unwrap().unwrap();
        abandon_other(app, &shop, 1).await;
        let first = arrived(app, crm.host).remove(0);
        assert_eq!(header(&first, "webhook-signature").split(' ').count(), 2);
        assert!(signed_by(&first, &crm.secret).is_ok() && signed_by(&first, &newest).is_ok());
        app.pass(hours(24)).await;
        abandon_other(app, &shop, 2).await;
        let second = arrived(app, crm.host).remove(1);
        assert!(signed_by(&second, &crm.secret).is_err() && signed_by(&second, &newest).is_ok());
        // At night it goes for good.
        let (_, keys) = app.shop(shop.id).await;
        let kept = sink_of(app, &shop, crm.id).await.settings;
        assert!(kept.get("secret").contains(&crm.secret));
        let mut night = vec![App::worker_with_recurring(&app.core)];
        app.pass(hours(24)).await;
        for worker in &mut night {
            while worker.tick().await.unwrap() > 0 {}
        }
        app.pass(hours(24)).await;
        for worker in &mut night {
            while worker.tick().await.unwrap() > 0 {}
        }
        let kept = store::sink::get(&mut app.read().await, &keys, crm.id).await.unwrap().unwrap().settings;
        assert_eq!(kept.get("secret"), newest);
    })
    .await;
}

#[tokio::test]
async fn phone_and_e_mail_are_told_only_where_asked_for_and_an_echo_is_scrubbed() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "message.sent").await;
        let typed = Typed { personal: Some(true), ..Typed::default() };
        assert!(sink::change(&app.core, shop.id, crm.id, &typed).await.unwrap());
        let echo = format!("cannot take {MOBILE} of maja.novak@shopper.example");
        app.outside.receiver(crm.host, [Ends::Answers(echo)]);
        let text = abandon(app, &shop, "c1").await;
        app.pass(minutes(1)).await;
        let told = body(arrived(app, crm.host).last().unwrap());
        assert_eq!(told["data"]["person"], json!({ "phone": MOBILE, "email": "Maja.Novak@shopper.example" }));
        let all = log(app, &shop).await;
        let made = attempts(app, &shop, &all[0]).await;
        assert_eq!(made[0].answer, "cannot take … of …");
        assert_eq!(made[1].answer, "thank you");
        assert_eq!(told["data"]["message"], text.id.to_string());
    })
    .await;
}

#[tokio::test]
async fn of_the_forgotten_nothing_is_told_and_nothing_kept() {
    on_both(async |app| {
        let (shop, account, crm) = open(app, "all").await;
        let typed = Typed { personal: Some(true), ..Typed::default() };
        assert!(sink::change(&app.core, shop.id, crm.id, &typed).await.unwrap());
        let text = abandon(app, &shop, "c1").await;
        app.tap(&text).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        app.outside.receiver(crm.host, std::iter::repeat_n(Ends::Broken(500), 100));
        app.reply(&account, MOBILE, "STOP").await;
        abandon_other(app, &shop, 1).await;
        let others = log(app, &shop).await.len();
        let phones = vec![TypedPhone { number: MOBILE.into(), country: None }];
        let who = Identity { phones, ..Identity::default() };
        people::forget(&app.core, shop.id, &who, "test").await.unwrap().unwrap();
        let left = log(app, &shop).await;
        assert!(left.len() < others);
        let (_, keys) = app.shop(shop.id).await;
        for each in &left {
            let event = store::outbox::get(&mut app.read().await, &keys, each.event).await.unwrap().unwrap();
            let told = format!("{:?}", event.data);
            assert!(!told.contains(&text.id.to_string()), "{told}");
            assert_eq!(event.phone, None);
        }
        let before = arrived(app, crm.host).len();
        app.receipt(&account, &text, "delivered").await;
        app.pass(hours(1)).await;
        let whole: String = arrived(app, crm.host)[before..].iter().map(|each| body(each).to_string()).collect();
        assert!(!whole.contains(&text.id.to_string()) && !whole.contains("40555101"), "{whole}");
        for table in ["outbox", "forward", "forward_attempt"] {
            let orphans = format!(
                "SELECT CAST(COUNT(*) AS TEXT) FROM {table} WHERE NOT EXISTS
                 (SELECT 1 FROM outbox AS of WHERE of.shop_id = {table}.shop_id AND of.event_id = {table}.event_id)"
            );
            assert_eq!(sql::rows(&app.core.db, &orphans).await, [["0"]], "{table}");
        }
        // A shop that goes takes everything with it.
        app.generic(&shop, "shop.redacted", json!({})).await;
        for table in ["sink", "outbox", "forward", "forward_attempt"] {
            let count = format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}");
            assert_eq!(sql::rows(&app.core.db, &count).await, [["0"]], "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_test_is_told_now_even_to_one_that_is_off_and_never_again() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        let taken = sink::test(&app.core, shop.id, crm.id).await.unwrap().unwrap();
        assert_eq!((taken.status, taken.why.as_str()), (Some(200), ""));
        assert!(sink::disable(&app.core, shop.id, crm.id).await.unwrap());
        app.outside.receiver(crm.host, [Ends::Broken(503)]);
        let refused = sink::test(&app.core, shop.id, crm.id).await.unwrap().unwrap();
        assert_eq!(refused.why, "answered 503");
        app.pass(hours(80)).await;
        assert_eq!(heard(app, &crm), ["webhook.test", "webhook.test"]);
        assert!(sink::enable(&app.core, shop.id, crm.id).await.unwrap());
        assert_eq!(sink::replay(&app.core, shop.id, crm.id, Again::Since(Time::FIRST)).await.unwrap(), 0);
        assert!(sink::test(&app.core, shop.id, SinkId::new(1)).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn what_is_typed_wrong_is_told_at_once_and_what_is_removed_is_gone() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "all").await;
        let typed = Typed {
            url: Some("http://10.0.0.1/in".into()),
            topics: Some("cart.left".into()),
            name: Some("x".repeat(61)),
            ..Typed::default()
        };
        let wrong = sink::add(&app.core, shop.id, &typed).await.unwrap_err().to_string();
        for part in ["url: must begin with https://", "there is no cart.left", "name: must be 1 to 60"] {
            assert!(wrong.contains(part), "{wrong}");
        }
        app.outside.receiver(crm.host, [Ends::Broken(500)]);
        abandon(app, &shop, "c1").await;
        assert!(sink::remove(&app.core, shop.id, crm.id).await.unwrap());
        assert!(!sink::remove(&app.core, shop.id, crm.id).await.unwrap());
        let (found, _) = app.shop(shop.id).await;
        assert!(found.forwards.is_empty());
        assert_eq!(sql::rows(&app.core.db, "SELECT CAST(COUNT(*) AS TEXT) FROM outbox").await, [["0"]]);
        let told = arrived(app, crm.host).len();
        app.pass(hours(2)).await;
        assert_eq!(arrived(app, crm.host).len(), told);
    })
    .await;
}

#[tokio::test]
async fn the_database_derives_the_state_that_we_derive_and_the_old_goes() {
    on_both(async |app| {
        let (shop, _, crm) = open(app, "cart.abandoned").await;
        app.outside.receiver(crm.host, [Ends::Broken(500)]);
        abandon_other(app, &shop, 1).await;
        let (_, keys) = app.shop(shop.id).await;
        for state in State::ALL {
            let (given_up, delivered, attempts, tries) = match state {
                State::Waiting => ("NULL", "NULL", 0, 0),
                State::Retrying => ("NULL", "NULL", 3, 2),
                State::Delivered => ("NULL", "5", 1, 1),
                State::GivenUp => ("5", "NULL", 10, 10),
                State::Missed => ("5", "NULL", 0, 0),
                State::Withheld => ("NULL", "NULL", 1, 1),
            };
            let withheld = if state == State::Withheld { "5" } else { "NULL" };
            let change = format!(
                "UPDATE forward SET given_up_at = {given_up}, delivered_at = {delivered}, attempts = {attempts}, tries = {tries},
                        withheld_at = {withheld}"
            );
            sql::run(app, &change).await;
            let only = Which { state: Some(state), sink: Some(crm.id), topic: None };
            let newest = EventId::new(i64::MAX);
            let found = store::outbox::list(&mut app.read().await, &keys, only, newest, 10).await.unwrap();
            assert_eq!(found.iter().map(Forward::state).collect::<Vec<_>>(), [state]);
            let tally = store::outbox::tally(&mut app.read().await, &keys).await.unwrap();
            assert_eq!(tally, [(crm.id, state, 1)]);
        }
        let mut tx = app.core.db.begin().await.unwrap();
        assert_eq!(store::outbox::prune(&mut tx, &keys, app.now() - hours(3)).await.unwrap(), 0);
        assert_eq!(store::outbox::prune(&mut tx, &keys, app.now() + Duration::from_secs(1)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        sql::run(app, "DELETE FROM job").await;
    })
    .await;
}

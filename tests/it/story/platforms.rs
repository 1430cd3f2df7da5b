//! Advertising platforms: what texts brought is told to stand-ins that check what each of them documents, only of people
//! whose consent is on record; what went back is taken back; what is kept back says why.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, OnceLock},
};

use cartback::{
    domain::{
        id::{EventId, SinkId},
        outbox::Topic,
        time::{DAY, Time},
    },
    http::{Exchange, Http, HttpError, Request, Response},
    pipeline::{
        Core,
        people::{self, ads},
        sink::{self, Again},
    },
    store::{
        ad_consent,
        identity::{self, Kind},
        outbox::{self, State, Which},
    },
};
use serde_json::{Value, json};

use super::{bodies::with, credit::texted, people::by_phone};
use crate::{
    app::{App, Engine, Shopkeeper, hours, minutes},
    outside::Outside,
};

const PHONE: &str = "+38640555101";
/// `printf %s +38640555101 | sha256sum`, and without the plus.
const PLUS: &str = "ce8a5e3b66cf97a28a60cec90902f9c715a82961537eecee0104b12f378ba27a";
const BARE: &str = "c2cbb838a41358d8a09ad915cc6562b7b6551adb904a3b0af28419637ead9f57";

/// Three platforms that are strict about their own rules, and everything else outside.
struct Platforms {
    outside: Arc<Outside>,
    /// What they took, in a few words.
    told: Mutex<Vec<String>>,
    /// Rules of theirs that were broken.
    broken: Mutex<Vec<String>>,
    /// Conversions Google knows, by their ids.
    conversions: Mutex<BTreeSet<String>>,
    /// How the next calls end instead.
    script: Mutex<VecDeque<u16>>,
    /// Theirs is our clock.
    core: OnceLock<Arc<Core>>,
}

impl Platforms {
    fn now(&self) -> Time {
        self.core.get().unwrap().now()
    }

    fn rule(&self, holds: bool, rule: &str) {
        if !holds {
            self.broken.lock().unwrap().push(rule.to_owned());
        }
    }

    fn hashed(&self, value: &Value) {
        let text = value.as_str().unwrap_or_default();
        let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        self.rule(hex, "identifiers are SHA-256 in lower-case hex");
    }

    fn took(&self, what: String) {
        self.told.lock().unwrap().push(what);
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn answer(&self, request: &Request) -> Option<Response> {
        let url = url::Url::parse(&request.url).unwrap();
        let host = url.host_str().unwrap().to_owned();
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let header =
            |name: &str| request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let known =
            ["www.google-analytics.com", "graph.facebook.com", "oauth2.googleapis.com", "datamanager.googleapis.com"];
        if !known.contains(&host.as_str()) {
            return None;
        }
        if host != "oauth2.googleapis.com"
            && let Some(status) = self.script.lock().unwrap().pop_front()
        {
            return Some(told(status, json!({})));
        }
        Some(match host.as_str() {
            "www.google-analytics.com" => {
                self.rule(url.path() == "/mp/collect", "events go to /mp/collect");
                self.rule(query.get("api_secret").is_some_and(|secret| !secret.is_empty()), "api_secret in the query");
                self.rule(
                    query.get("measurement_id").is_some_and(|id| id.starts_with("G-")),
                    "measurement_id in the query",
                );
                self.rule(body["client_id"].as_str().is_some_and(|id| !id.is_empty()), "client_id is there");
                let events = body["events"].as_array().unwrap();
                self.rule((1..=25).contains(&events.len()), "1 to 25 events");
                let micros = body["timestamp_micros"].as_i64().unwrap();
                self.rule(self.now().millis() - micros / 1_000 <= 72 * 3_600_000, "72 hours back at most");
                for event in events {
                    let name = event["name"].as_str().unwrap();
                    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                    self.rule(plain && name.len() <= 40, "a name of letters and underscores");
                    let known = ["purchase", "refund"].contains(&name);
                    self.rule(!known || event["params"]["items"].is_array(), "a purchase has items");
                    let params = &event["params"];
                    self.rule(params.as_object().unwrap().len() <= 25, "25 parameters");
                    self.rule(params["transaction_id"].is_string(), "transaction_id");
                    self.rule(params["value"].is_number() && params["currency"].is_string(), "value with its currency");
                    let order = params["transaction_id"].as_str().unwrap();
                    self.took(format!("ga4 {name} {order} {}", params["value"]));
                }
                Response { status: 204, headers: Vec::new(), body: Vec::new() }
            }
            "graph.facebook.com" => {
                self.rule(url.path().ends_with("/1234567890/events"), "events go to the dataset");
                self.rule(header("authorization") == Some("Bearer EAAB1"), "the access token");
                for event in body["data"].as_array().unwrap() {
                    let at = event["event_time"].as_i64().unwrap();
                    let now = self.now().seconds();
                    self.rule(at <= now && now - at <= 7 * 86_400, "event_time within 7 days");
                    self.rule(event["event_id"].as_str().is_some_and(|id| !id.is_empty()), "event_id");
                    self.rule(event["action_source"].is_string(), "action_source");
                    let website = event["action_source"] == "website";
                    self.rule(
                        !website || event["user_data"]["client_user_agent"].is_string(),
                        "a website needs its browser",
                    );
                    for sign in ["em", "ph"] {
                        event["user_data"][sign].as_array().into_iter().flatten().for_each(|value| self.hashed(value));
                    }
                    self.rule(event["user_data"]["ph"][0] == BARE, "ph is of the digits");
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    let (name, order) = (text(&event["event_name"]), text(&event["custom_data"]["order_id"]));
                    self.rule(name.len() <= 50, "a name of at most 50 letters");
                    self.took(format!("meta {name} {order} {}", event["custom_data"]["value"]));
                }
                told(200, json!({ "events_received": body["data"].as_array().unwrap().len(), "messages": [] }))
            }
            "oauth2.googleapis.com" => {
                let form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
                self.rule(form["grant_type"] == "refresh_token" && form["refresh_token"] == "rt", "a refresh");
                told(200, json!({ "access_token": "ya29.k", "expires_in": 3599, "token_type": "Bearer" }))
            }
            _ => self.google_ads(url.path(), &body, &header),
        })
    }

    /// The Data Manager API: what is known under its `transactionId` is adjusted, everything else is a new conversion.
    fn google_ads<'h>(&self, path: &str, body: &Value, header: &impl Fn(&str) -> Option<&'h str>) -> Response {
        self.rule(path == "/v1/events:ingest", "events go to events:ingest");
        self.rule(header("authorization") == Some("Bearer ya29.k"), "the key");
        self.rule(body["encoding"] == "HEX", "the encoding is named");
        let to = json!([{ "operatingAccount": { "accountType": "GOOGLE_ADS", "accountId": "1234567890" },
                          "productDestinationId": "77" }]);
        self.rule(body["destinations"] == to, "the account and the conversion action");
        for event in body["events"].as_array().unwrap() {
            let at = event["eventTimestamp"].as_str().and_then(Time::parse);
            self.rule(at.is_some_and(|at| at <= self.now()), "eventTimestamp in RFC 3339, not in the future");
            self.rule(event["conversionValue"].is_number() && event["currency"] == "EUR", "a value with its currency");
            self.rule(event["consent"]["adUserData"] == "CONSENT_GRANTED", "consent");
            let signs = event["userData"]["userIdentifiers"].as_array().unwrap();
            self.rule((1..=10).contains(&signs.len()), "at least one identifier");
            for sign in signs.iter().flat_map(|sign| sign.as_object().unwrap()) {
                self.hashed(sign.1);
                self.rule(sign.0 != "phoneNumber" || sign.1 == PLUS, "E.164 with its plus");
            }
            let order = event["transactionId"].as_str().unwrap().to_owned();
            let known = !self.conversions.lock().unwrap().insert(order.clone());
            self.rule(known == event["lastUpdatedTimestamp"].is_string(), "an adjustment says when");
            let what = if known { "adjustment" } else { "conversion" };
            self.took(format!("ads {what} {order} {}", event["conversionValue"]));
        }
        told(200, json!({ "requestId": "r1" }))
    }
}

fn told(status: u16, body: Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

impl Http for Platforms {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        match self.answer(&request) {
            Some(answer) => Box::pin(async move { Ok::<_, HttpError>(answer) }),
            None => self.outside.exchange(request),
        }
    }
}

const NOTHING: [&str; 0] = [];

struct Stage {
    app: App,
    platforms: Arc<Platforms>,
}

const KINDS: [(&str, &[(&str, &str)]); 3] = [
    ("ga4", &[("measurement_id", "G-ABC1234567"), ("api_secret", "s3cret")]),
    ("meta", &[("dataset_id", "1234567890"), ("access_token", "EAAB1")]),
    (
        "google_ads",
        &[
            ("customer_id", "1234567890"),
            ("conversion_action", "77"),
            ("client_id", "x.apps.googleusercontent.com"),
            ("client_secret", "cs"),
            ("refresh_token", "rt"),
        ],
    ),
];

impl Stage {
    async fn connect(&self, shop: &Shopkeeper) -> Vec<SinkId> {
        let mut all = Vec::new();
        for place in 0..KINDS.len() {
            all.push(self.connect_one(shop, place).await);
        }
        all
    }

    async fn connect_one(&self, shop: &Shopkeeper, place: usize) -> SinkId {
        let (kind, given) = KINDS[place];
        let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        sink::add_kind(&self.app.core, shop.id, kind, "", &given).await.unwrap()
    }

    async fn says(&self, shop: &Shopkeeper, state: &str) {
        let (opened, keys) = self.app.shop(shop.id).await;
        let said = ads::said(&opened, &keys, (PHONE, state), (None, self.app.now()), "story").unwrap();
        assert_eq!(sink::record_ad_consents(&self.app.core, shop.id, std::slice::from_ref(&said)).await.unwrap(), 1);
        assert_eq!(sink::record_ad_consents(&self.app.core, shop.id, &[said]).await.unwrap(), 0);
    }

    /// Lets time pass, and answers what the platforms took meanwhile, by their names.
    async fn later(&self, span: std::time::Duration) -> Vec<String> {
        self.app.pass(span).await;
        self.app.settle().await;
        let mut taken = self.platforms.taken();
        taken.sort();
        taken
    }

    fn answers(&self, statuses: impl IntoIterator<Item = u16>) {
        self.platforms.script.lock().unwrap().extend(statuses);
    }

    /// The newest event of a sink.
    async fn event(&self, shop: &Shopkeeper, sink: SinkId) -> EventId {
        let (_, keys) = self.app.shop(shop.id).await;
        let which = Which { sink: Some(sink), ..Which::default() };
        outbox::list(&mut self.app.read().await, &keys, which, EventId::new(i64::MAX), 1).await.unwrap()[0].event
    }

    /// `withheld: not told: …` of the newest event of a sink.
    async fn newest(&self, shop: &Shopkeeper, sink: SinkId) -> String {
        let (_, keys) = self.app.shop(shop.id).await;
        let mut read = self.app.read().await;
        let which = Which { sink: Some(sink), state: None, topic: None };
        let all = outbox::list(&mut read, &keys, which, EventId::new(i64::MAX), 1).await.unwrap();
        let attempts = outbox::attempts(&mut read, &keys, sink, all[0].event).await.unwrap();
        format!("{}: {}", all[0].state().name(), attempts.last().map_or("", |last| last.why.as_str()))
    }
}

async fn played(story: impl AsyncFn(&Stage)) {
    for engine in [Engine::Lite, Engine::Pg] {
        let outside = Arc::new(Outside::default());
        let platforms = Arc::new(Platforms {
            outside: outside.clone(),
            told: Mutex::default(),
            broken: Mutex::default(),
            conversions: Mutex::default(),
            script: Mutex::default(),
            core: OnceLock::new(),
        });
        let Some(app) = App::start_with(engine, outside, platforms.clone()).await else { continue };
        platforms.core.set(app.core.clone()).ok().unwrap();
        let stage = Stage { app, platforms };
        story(&stage).await;
        assert_eq!(*stage.platforms.broken.lock().unwrap(), Vec::<String>::new(), "rules of theirs");
        stage.app.end().await;
    }
}

fn refund(app: &App, id: &str, amount: &str) -> Value {
    json!({ "refunds": [{ "id": id, "amount": amount, "at": app.iso() }] })
}

const TOLD: [&str; 3] = ["ads conversion 1 128.00", "ga4 sms_recovered_order 1 128.00", "meta RecoveredOrder 1 128.00"];

#[tokio::test]
async fn what_texts_brought_is_told_and_what_went_back_is_taken_back() {
    played(async |stage| {
        let app = &stage.app;
        let (shop, text) = texted(app).await;
        let sinks = stage.connect(&shop).await;
        stage.says(&shop, "granted").await;
        app.tap(&text).await;
        stage.later(minutes(7)).await;
        let placed = app.iso();
        let order = |app: &App, more: Value| {
            with(&with(&app.order("1", "c1", json!({})), json!({ "placed_at": placed })), more)
        };
        app.generic(&shop, "order.upserted", order(app, json!({}))).await;
        assert_eq!(stage.later(minutes(1)).await, TOLD);
        // The same order again tells nothing new, and neither does asking for it.
        app.generic(&shop, "order.upserted", order(app, json!({}))).await;
        assert_eq!(stage.later(hours(1)).await, NOTHING);
        for &sink in &sinks {
            let event = stage.event(&shop, sink).await;
            sink::replay(&app.core, shop.id, sink, Again::One(event)).await.unwrap();
        }
        assert_eq!(stage.later(minutes(1)).await, NOTHING);
        assert_eq!(stage.newest(&shop, sinks[0]).await, "withheld: not told: it is known there as it is");
        // A new key forgets nothing of it.
        let given = [("event".to_owned(), "RecoveredOrder".to_owned()), ("dataset_id".into(), "1234567890".into())];
        assert!(sink::change_kind(&app.core, shop.id, sinks[1], &given.into()).await.unwrap());
        app.generic(&shop, "order.upserted", order(app, refund(app, "r1", "28.00"))).await;
        assert_eq!(
            stage.later(minutes(1)).await,
            ["ads adjustment 1 100.00", "ga4 sms_recovered_order_refund 1 28.00", "meta RecoveredOrderRefund 1 28.00"]
        );
        let cancelled = json!({ "cancelled_at": app.iso(), "status": "cancelled", "updated_at": app.iso() });
        app.generic(&shop, "order.upserted", order(app, cancelled)).await;
        assert_eq!(
            stage.later(minutes(1)).await,
            ["ads adjustment 1 0.00", "ga4 sms_recovered_order_refund 1 100.00", "meta RecoveredOrderRefund 1 100.00"]
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_is_told_without_a_consent_and_the_log_says_why() {
    played(async |stage| {
        let app = &stage.app;
        let (shop, text) = texted(app).await;
        let sinks = stage.connect(&shop).await;
        app.tap(&text).await;
        stage.later(minutes(7)).await;
        let order = app.order("1", "c1", json!({}));
        app.generic(&shop, "order.upserted", order.clone()).await;
        assert_eq!(stage.later(minutes(1)).await, NOTHING);
        for &sink in &sinks {
            assert_eq!(stage.newest(&shop, sink).await, "withheld: not told: no consent to advertising is on record");
        }
        // A consent that comes later reaches what is asked for again.
        stage.says(&shop, "granted").await;
        assert_eq!(stage.later(hours(1)).await, NOTHING);
        for &sink in &sinks {
            assert_eq!(sink::replay(&app.core, shop.id, sink, Again::Since(Time::FIRST)).await.unwrap(), 1);
        }
        assert_eq!(stage.later(minutes(1)).await, TOLD);
        stage.says(&shop, "withdrawn").await;
        app.generic(&shop, "order.upserted", with(&order, refund(app, "r1", "28.00"))).await;
        assert_eq!(stage.later(minutes(1)).await, NOTHING);
        for &sink in &sinks {
            assert_eq!(stage.newest(&shop, sink).await, "withheld: not told: consent to advertising was withdrawn");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_never_told_is_not_taken_back_and_told_late_it_is_what_is_left() {
    played(async |stage| {
        let app = &stage.app;
        let (shop, text) = texted(app).await;
        let sinks = stage.connect(&shop).await;
        app.tap(&text).await;
        stage.later(minutes(7)).await;
        let order = app.order("1", "c1", json!({}));
        app.generic(&shop, "order.upserted", order.clone()).await;
        stage.later(minutes(1)).await;
        let mut bought = Vec::new();
        for &sink in &sinks {
            bought.push(stage.event(&shop, sink).await);
        }
        stage.says(&shop, "granted").await;
        app.generic(&shop, "order.upserted", with(&order, refund(app, "r1", "28.00"))).await;
        assert_eq!(stage.later(minutes(1)).await, NOTHING);
        for (&sink, event) in sinks.iter().zip(bought) {
            assert_eq!(stage.newest(&shop, sink).await, "withheld: not told: its purchase was never told there");
            sink::replay(&app.core, shop.id, sink, Again::One(event)).await.unwrap();
        }
        let told = stage.later(minutes(1)).await;
        assert_eq!(told, TOLD.map(|told| told.replace("128.00", "100.00")), "what is left by now");
    })
    .await;
}

#[tokio::test]
async fn a_platform_that_is_away_is_told_later_and_one_that_refuses_is_not_asked_again() {
    played(async |stage| {
        let app = &stage.app;
        let (shop, text) = texted(app).await;
        stage.says(&shop, "granted").await;
        let meta = stage.connect_one(&shop, 1).await;
        app.tap(&text).await;
        stage.later(minutes(7)).await;
        stage.answers([500, 429]);
        let order = app.order("1", "c1", json!({}));
        app.generic(&shop, "order.upserted", order.clone()).await;
        app.settle().await;
        assert_eq!(stage.newest(&shop, meta).await, "retrying: answered 500");
        // What went back meanwhile is in it when it is told.
        app.generic(&shop, "order.upserted", with(&order, refund(app, "r0", "8.00"))).await;
        assert_eq!(stage.later(minutes(45)).await, ["meta RecoveredOrder 1 120.00"]);
        assert_eq!(stage.newest(&shop, meta).await, "withheld: not told: its purchase was never told there");
        stage.answers([400]);
        let refunds = json!({ "refunds": [
            { "id": "r0", "amount": "8.00", "at": app.iso() }, { "id": "r1", "amount": "20.00", "at": app.iso() }] });
        app.generic(&shop, "order.upserted", with(&order, refunds)).await;
        assert_eq!(stage.later(hours(3)).await, NOTHING);
        assert_eq!(stage.newest(&shop, meta).await, "failed: answered 400");
        let (_, keys) = app.shop(shop.id).await;
        let sinks = cartback::store::sink::list(&mut app.read().await, &keys).await.unwrap();
        assert!(sinks[0].failing_since.is_none() && sinks[0].topics.has(Topic::CreditReversed));
        // Seven days are the most there.
        let refused = stage.event(&shop, meta).await;
        stage.later(std::time::Duration::from_secs(DAY.as_secs() * 8)).await;
        sink::replay(&app.core, shop.id, meta, Again::One(refused)).await.unwrap();
        assert_eq!(stage.later(minutes(1)).await, NOTHING);
        assert!(stage.newest(&shop, meta).await.contains("more than 7 days ago"));
    })
    .await;
}

#[tokio::test]
async fn one_that_never_answers_is_given_up_and_said_so() {
    played(async |stage| {
        let app = &stage.app;
        let (shop, text) = texted(app).await;
        stage.says(&shop, "granted").await;
        let ads = stage.connect_one(&shop, 2).await;
        app.tap(&text).await;
        stage.later(minutes(7)).await;
        stage.answers([500; 40]);
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        for _ in 0..16 {
            assert_eq!(stage.later(hours(12)).await, NOTHING);
        }
        assert_eq!(stage.newest(&shop, ads).await, "failed: answered 500");
        let (_, keys) = app.shop(shop.id).await;
        let found = cartback::store::sink::get(&mut app.read().await, &keys, ads).await.unwrap().unwrap();
        assert!(found.failing_since.is_some(), "it takes nothing, and its page says since when");
        let tally = outbox::tally(&mut app.read().await, &keys).await.unwrap();
        assert_eq!(tally, [(ads, State::GivenUp, 1)]);
        // It is not lost: asked for again, it is told.
        stage.platforms.script.lock().unwrap().clear();
        assert_eq!(sink::replay(&app.core, shop.id, ads, Again::Since(Time::FIRST)).await.unwrap(), 1);
        assert_eq!(stage.later(minutes(1)).await, ["ads conversion 1 128.00"]);
    })
    .await;
}

#[tokio::test]
async fn a_person_who_is_erased_is_told_of_no_more() {
    played(async |stage| {
        let app = &stage.app;
        let (shop, text) = texted(app).await;
        stage.says(&shop, "granted").await;
        stage.connect_one(&shop, 0).await;
        app.tap(&text).await;
        stage.later(minutes(7)).await;
        let order = app.order("1", "c1", json!({}));
        app.generic(&shop, "order.upserted", order.clone()).await;
        assert_eq!(stage.later(minutes(1)).await.len(), 1);
        let (_, keys) = app.shop(shop.id).await;
        let phone = identity::value(&keys, Kind::Phone, PHONE);
        let on_record = async || ad_consent::of_phone(&mut app.read().await, &keys, &phone).await.unwrap();
        assert_eq!(on_record().await.len(), 1);
        let told = people::export::export(&app.core, shop.id, &by_phone(PHONE)).await.unwrap().unwrap();
        assert_eq!(told.ad_consents[0]["state"], "granted");
        people::forget(&app.core, shop.id, &by_phone(PHONE), "story").await.unwrap().unwrap();
        assert_eq!(on_record().await, []);
        app.generic(&shop, "order.upserted", with(&order, refund(app, "r1", "28.00"))).await;
        assert_eq!(stage.later(minutes(1)).await, NOTHING);
    })
    .await;
}

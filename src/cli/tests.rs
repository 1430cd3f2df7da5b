//! The command line from typed words to what is said, on a real database in a temporary folder.

use std::time::Duration;

use serde_json::json;

use super::*;

#[cfg(test)]
mod people;
#[cfg(test)]
mod team;
mod tree;

use crate::{
    clock::{Clock, ManualClock},
    domain::{connector::Delivery, time::Time},
    http::{Exchange, Http, HttpError, Request, Response},
    pipeline::receive::{Answer, Side, receive},
    shop::standard_webhooks,
    worker::Worker,
};

#[test]
fn every_command_is_well_formed_and_explained() {
    #[track_caller]
    fn explained(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
        command.get_subcommands().for_each(explained);
    }
    Cli::command().debug_assert();
    explained(&Cli::command());
}

#[test]
fn what_is_typed_is_taken_or_refused() {
    #[track_caller]
    fn check(line: &str, good: bool) {
        let typed = std::iter::once("cartback").chain(line.split(' '));
        assert_eq!(Cli::try_parse_from(typed).is_ok(), good, "{line}");
    }
    check("serve --listen 127.0.0.1:1 --data x", true);
    check("--data x serve", true);
    check("report --days 30 --json", true);
    check("report --days 0", false);
    check("report --shop one", false);
    check("shop set 1 rest_hours=12", true);
    check("shop set 1", false);
    check("shop subscribe 1 --json", true);
    check("shop subscribe", false);
    check("shop set 1 rest_hours", false);
    check("shop add shopify --name x", false);
    check("gateway add log --set", false);
    check("gateway resume 7", false);
    check("cart show cart_0000000000001", true);
    check("cart show msg_0000000000001", false);
    check("inbox replay", false);
    check("inbox replay --problems", true);
    check("user link --json", true);
    check("user link --email ana@example.com", true);
    check("user invite ana@example.com --role manager --shop 1 --shop 2 --json", true);
    check("user invite ana@example.com", false);
    check("user role ana@example.com --role admin", false);
    check("user remove ana@example.com", true);
    check("key new", true);
    check("sequence list --shop 1 --json", true);
    check("sequence set eu", false);
    check("sequence set eu name=x", true);
    check("sequence add", false);
    check("sequence move eu first", false);
    check("law", true);
    check("law US-FL --json", true);
    check("law FR --shop 1", true);
    check("law --shop France", false);
    check("sell", false);
}

struct NoHttp;

impl Http for NoHttp {
    fn exchange(&self, _: Request) -> Exchange<'_> {
        Box::pin(async { Err(HttpError::NotSent("there is no network".into())) })
    }
}

/// 2026-03-03T15:00:00Z: ten in the morning of a Tuesday in New York.
const TUESDAY_10: i64 = 1_772_550_000;

/// A data folder to type commands in.
struct House {
    config: Config,
    clock: Arc<ManualClock>,
    http: Arc<dyn Http>,
    _folder: tempfile::TempDir,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Time::from_seconds(TUESDAY_10)));
        House { config: Config::in_folder(folder.path()), clock, http: Arc::new(NoHttp), _folder: folder }
    }

    async fn open(&self) -> anyhow::Result<App> {
        App::open(&self.config, self.clock.clone(), self.http.clone()).await
    }

    /// Types a command; answers what is said, or the exit code and the problem.
    async fn types(&self, words: &[&str]) -> Result<Said, (u8, String)> {
        let typed = std::iter::once("cartback").chain(words.iter().copied());
        let command = Cli::try_parse_from(typed).unwrap_or_else(|problem| panic!("{problem}")).command;
        if matches!(command, Command::Doctor(_)) {
            return Ok(doctor::run(&self.config, self.open().await).await);
        }
        let app = self.open().await.unwrap();
        let outcome = command.answer(&app.core, &self.config).await;
        let matches = Cli::command().try_get_matches_from(std::iter::once("cartback").chain(words.iter().copied()));
        trail::record(&app.core, &trail::Typed::of(&matches.unwrap()), outcome.is_ok()).await;
        app.close().await;
        outcome.map(|(said, _)| said).map_err(|error| (exit_code(&error), format!("{error:#}")))
    }
}

impl House {
    /// Lets a signed webhook arrive at the shop that `added` tells of, and the worker do what is due.
    async fn hears(&self, added: &Value, id: &str, body: &str) {
        // Each start makes its ids from the clock alone: no two may be in one millisecond.
        self.clock.advance(Duration::from_secs(1));
        let app = self.open().await.unwrap();
        let (url, secret) = (added["webhook_url"].as_str().unwrap(), added["made"]["secret"].as_str().unwrap());
        let now = self.clock.now();
        let signature = standard_webhooks::sign(secret, id, now.seconds(), body.as_bytes());
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", now.seconds().to_string()),
            ("webhook-signature", signature),
        ];
        let delivery = Delivery {
            method: "POST".into(),
            url: url.into(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body: body.as_bytes().to_vec(),
            received_at: now,
        };
        let public_id = url.rsplit('/').next().unwrap();
        let answer = receive(&app.core, &app.inbox, public_id, Side::Shop, delivery).await;
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        self.works_on(app).await;
    }

    async fn works(&self) {
        self.works_on(self.open().await.unwrap()).await;
    }

    async fn works_on(&self, app: App) {
        let mut worker = Worker::new(app.core.clone(), Vec::new());
        while worker.tick().await.unwrap() > 0 {}
        drop(worker);
        app.close().await;
    }
}

#[tokio::test]
async fn a_cart_tells_its_whole_story_and_names_nobody() {
    let house = House::new();
    let added = house.types(&SHOP).await.unwrap().json;
    house.types(&["shop", "set", "1", "countries=SI,US"]).await.unwrap();
    house.types(&["gateway", "add", "log"]).await.unwrap();
    let now = house.clock.now();
    let checkout = json!({
        "type": "checkout.updated",
        "timestamp": now.to_string(),
        "data": {
            "token": "chk_1", "phone": "+1 212 525 0142", "country": "US", "region": "NY", "first_name": "Ines",
            "currency": "EUR", "total": "80.00", "recovery_url": "https://northwind.example/back/1",
            "consent": {
                "state": "granted", "level": "confirmed_opt_in", "phone": "+1 212 525 0142", "source": "checkout",
            },
            "started_at": (now - Duration::from_secs(600)).to_string(), "updated_at": now.to_string(),
        },
    });
    house.hears(&added, "msg_1", &checkout.to_string()).await;
    house.clock.advance(Duration::from_secs(31 * 60));
    house.works().await;
    house.clock.advance(Duration::from_secs(60 * 60));
    let bought = house.clock.now().to_string();
    let order = json!({
        "type": "order.upserted",
        "timestamp": bought,
        "data": {
            "id": "9", "number": "#9", "phone": "+1 212 525 0142", "checkout_token": "chk_1", "currency": "EUR",
            "total": "80.00", "status": "paid", "placed_at": bought, "paid_at": bought, "updated_at": bought,
        },
    });
    house.hears(&added, "msg_2", &order.to_string()).await;

    let app = house.open().await.unwrap();
    let mut read = app.core.db.read().await.unwrap();
    let keys = app.core.vault.keys(&mut read, ShopId::new(1)).await.unwrap();
    let cart = store::cart::by_token(&mut read, &keys, "chk_1").await.unwrap().unwrap().id.to_string();
    drop(read);
    app.close().await;

    let story = house.types(&["cart", "show", &cart]).await.unwrap();
    let events: Vec<&str> =
        story.json["timeline"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    for event in ["started", "activity", "abandoned", "decision", "message", "bought", "order", "evidence", "credit"] {
        assert!(events.contains(&event), "{event} in {}", story.words);
    }
    assert_eq!(story.json["state"], "bought");
    for part in ["✓ consent for SMS", "accepted by the gateway", "order #9", "same checkout", "assisted"] {
        assert!(story.words.contains(part), "{part} in {}", story.words);
    }
    for secret in ["Ines", "525", "northwind.example/back"] {
        assert!(!story.words.contains(secret) && !story.json.to_string().contains(secret), "{}", story.words);
    }
    let report = house.types(&["report", "--json"]).await.unwrap();
    assert_eq!(report.json["total"]["counts"]["assisted_orders"], 1, "{}", report.words);
}

#[tokio::test]
async fn an_unreadable_delivery_is_listed_shown_and_read_again() {
    let house = House::new();
    let added = house.types(&SHOP).await.unwrap().json;
    house.hears(&added, "msg_1", r#"{"type":"test"}"#).await;
    house.hears(&added, "msg_2", r#"{"type":"order.upserted","data":{"total":"many"}}"#).await;
    assert_eq!(house.types(&["inbox", "list"]).await.unwrap().json.as_array().unwrap().len(), 2);
    let problems = house.types(&["inbox", "list", "--problems"]).await.unwrap();
    assert_eq!(problems.json.as_array().unwrap().len(), 1, "{}", problems.words);
    let id = problems.json[0]["delivery"].as_str().unwrap();
    let shown = house.types(&["inbox", "show", id]).await.unwrap();
    assert!(shown.words.contains(r#""total":"many""#) && shown.words.contains("could not be read"), "{}", shown.words);
    for again in [&["inbox", "replay", id][..], &["inbox", "replay", "--problems"]] {
        let said = house.types(again).await.unwrap();
        assert!(said.well);
        assert_eq!(said.json["due"][0], id);
        house.works().await;
    }
    let missing = house.types(&["inbox", "replay", "dlv_0000000000001"]).await;
    assert!(matches!(missing, Err((3, _))), "{missing:?}");
}

const SHOP: [&str; 13] = [
    "shop",
    "add",
    "generic",
    "--name",
    "Northwind",
    "--country",
    "SI",
    "--currency",
    "EUR",
    "--timezone",
    "Europe/Ljubljana",
    "--set",
    "site=northwind.example",
];

#[tokio::test]
async fn a_shop_is_added_listed_shown_and_changed() {
    let house = House::new();
    assert_eq!(house.types(&["shop", "list"]).await.unwrap().json, json!([]));
    let added = house.types(&SHOP).await.unwrap();
    let secret = added.json["made"]["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && added.words.contains(secret), "{}", added.words);
    assert_eq!(added.json["shop"], 1);
    let url = added.json["webhook_url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:8080/hook/shop/"), "{url}");
    assert!(added.json["steps"][0].as_str().unwrap().contains(url));

    let listed = house.types(&["shop", "list"]).await.unwrap();
    assert_eq!(listed.json[0]["name"], "Northwind");
    let shown = house.types(&["shop", "show", "1"]).await.unwrap();
    assert!(!shown.words.contains(secret) && !shown.json.to_string().contains(secret));
    assert_eq!(shown.json["webhook_url"], url);
    assert_eq!(shown.json["settings"]["site"], "northwind.example");

    let changed = house.types(&["shop", "set", "1", "rest_hours=12", "name=Southwind", "paused=yes"]).await.unwrap();
    assert_eq!(changed.json["rules"]["rest_hours"], 12);
    assert_eq!(changed.json["name"], "Southwind");
    assert_eq!(changed.json["stopped"], "the shop is paused");
}

#[tokio::test]
async fn a_given_secret_is_kept_and_not_shown() {
    let house = House::new();
    let given = format!("secret={}", crate::shop::standard_webhooks::secret([7; 32]));
    let added = house.types(&[&SHOP[..], &["--set", &given]].concat()).await.unwrap();
    assert_eq!(added.json["made"], json!({}));
    assert!(!added.words.contains("whsec_BwcH"), "{}", added.words);
}

/// Shopify, as an app meets it that may not see who the customers are. It has one of the webhooks already.
struct Shopify;

impl Http for Shopify {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let problem = match body["variables"]["topic"].as_str().unwrap() {
            "CHECKOUTS_CREATE" | "CUSTOMERS_MARKETING_CONSENT_UPDATE" => {
                "This app is not approved to subscribe to webhook topics containing protected customer data."
            }
            "APP_UNINSTALLED" => "Address for this topic has already been taken",
            _ => "",
        };
        let errors: Vec<Value> =
            [problem].iter().filter(|words| !words.is_empty()).map(|words| json!({ "message": words })).collect();
        let made = errors.is_empty().then(|| json!({ "id": "gid://shopify/WebhookSubscription/41" }));
        let answer = json!({ "webhookSubscription": made, "userErrors": errors });
        let body = json!({ "data": { "webhookSubscriptionCreate": answer } }).to_string().into_bytes();
        Box::pin(async { Ok(Response { status: 200, headers: Vec::new(), body }) })
    }
}

#[tokio::test]
async fn a_token_makes_the_webhooks_and_a_refusal_does_not_undo_the_shop() {
    const TOKEN: &str = "token=shpat_5e6f708192a3b4c5";
    let mut house = House::new();
    let by_hand: Vec<&str> = "shop add shopify --name Oak --country SI --currency EUR --timezone Europe/Ljubljana \
         --set domain=lumen-and-oak.myshopify.com --set signing_key=0f1e2d3c4b5a69788796"
        .split_whitespace()
        .collect();
    let with_token = [&by_hand[..], &["--set", TOKEN]].concat();

    let added = house.types(&by_hand).await.unwrap();
    assert_eq!((&added.json["subscribed"], &added.json["not_subscribed"]), (&json!([]), &Value::Null));
    let refused = house.types(&["shop", "subscribe", "1"]).await.unwrap_err();
    assert!(refused.0 == 2 && refused.1.contains("no API token is set"), "{refused:?}");

    let local = house.types(&with_token).await.unwrap();
    assert!(local.well && local.words.contains("No webhook was made. public_url"), "{}", local.words);
    assert!(local.words.contains("cartback shop subscribe 2"), "{}", local.words);

    house.config.given_public_url = Some("https://cb.example".into());
    let offline = house.types(&with_token).await.unwrap();
    assert!(offline.well && offline.words.contains("app/uninstalled: not sent: there is no network"));

    house.http = Arc::new(Shopify);
    let added = house.types(&with_token).await.unwrap();
    assert_eq!((added.well, &added.json["shop"]), (true, &json!(4)));
    for part in [
        "✓ orders/create\n",
        "✓ app/uninstalled\n",
        "✗ checkouts/create, customers_marketing_consent/update: Shopify does not let this app see protected",
        "cartback shop subscribe 4",
    ] {
        assert!(added.words.contains(part), "{part} in {}", added.words);
    }
    assert!(!added.words.contains("shpat_") && !added.json.to_string().contains("shpat_"));

    let again = house.types(&["shop", "subscribe", "4", "--json"]).await.unwrap();
    assert!(!again.well);
    let problems: Vec<bool> =
        again.json["subscribed"].as_array().unwrap().iter().map(|one| !one["problem"].is_null()).collect();
    assert_eq!(problems.iter().filter(|missing| **missing).count(), 2, "{}", again.json);
    let unknown = house.types(&["shop", "subscribe", "9"]).await.unwrap_err();
    assert!(unknown.1.contains("there is no shop 9"), "{unknown:?}");
}

#[tokio::test]
async fn what_is_wrong_is_told_all_at_once_with_its_exit_code() {
    let house = House::new();
    let wrong = [
        "shop",
        "add",
        "generic",
        "--name",
        "",
        "--country",
        "Slovenia",
        "--currency",
        "EURO",
        "--timezone",
        "Ljubljana",
        "--set",
        "colour=red",
    ];
    let (code, problem) = house.types(&wrong).await.unwrap_err();
    assert_eq!(code, 2);
    for part in ["name:", "country:", "currency:", "timezone:", "colour:", "site:"] {
        assert!(problem.contains(part), "{part} in {problem}");
    }
    #[track_caller]
    fn check(outcome: Result<Said, (u8, String)>, code: u8, says: &str) {
        let (found, problem) = outcome.unwrap_err();
        assert!(found == code && problem.contains(says), "{found} {problem}");
    }
    check(house.types(&["report"]).await, 1, "no shop yet");
    check(house.types(&["shop", "show", "7"]).await, 3, "no shop 7");
    check(house.types(&["cart", "show", "cart_0000000000001"]).await, 3, "no cart cart_0000000000001");
    check(house.types(&["gateway", "add", "pigeon"]).await, 2, "must be one of");
    check(house.types(&["gateway", "resume", "gw_0000000000001"]).await, 3, "no gateway");
    house.types(&SHOP).await.unwrap();
    check(house.types(&["inbox", "show", "dlv_0000000000001"]).await, 3, "no delivery");
    check(house.types(&["shop", "set", "1", "rest_hours=1", "rest_hours=2"]).await, 2, "given twice");
    house.types(&SHOP).await.unwrap();
    check(house.types(&["report"]).await, 2, "name one of 1, 2");
}

#[tokio::test]
async fn a_gateway_is_added_and_listed() {
    let house = House::new();
    let added = house.types(&["gateway", "add", "log"]).await.unwrap();
    assert!(added.json["gateway"].as_str().unwrap().starts_with("gw_"));
    assert_eq!(added.json["shop"], 0);
    assert!(added.json["webhook_url"].as_str().unwrap().contains("/hook/sms/"));
    let listed = house.types(&["gateway", "list"]).await.unwrap();
    assert_eq!(listed.json[0]["gateway"], added.json["gateway"]);
    assert_eq!(listed.json[0]["webhook_url"], added.json["webhook_url"]);
}

#[tokio::test]
async fn an_empty_report_has_every_figure() {
    let house = House::new();
    house.types(&SHOP).await.unwrap();
    let report = house.types(&["report", "--days", "7"]).await.unwrap();
    assert_eq!(report.json["days"].as_array().unwrap().len(), 7);
    assert_eq!(report.json["total"]["counts"]["abandoned"], 0);
    assert!(report.words.contains("carts abandoned"), "{}", report.words);
}

#[tokio::test]
async fn the_doctor_finds_what_is_missing_and_what_is_broken() {
    let house = House::new();
    let empty = house.types(&["doctor"]).await.unwrap();
    assert!(empty.well, "{}", empty.words);
    assert!(empty.words.contains("✓ integrity") && empty.words.contains("! shops"), "{}", empty.words);
    house.types(&SHOP).await.unwrap();
    let mute = house.types(&["doctor"]).await.unwrap();
    assert!(!mute.well && mute.words.contains("no text can leave"), "{}", mute.words);
    house.types(&["gateway", "add", "log"]).await.unwrap();
    assert!(house.types(&["doctor"]).await.unwrap().well);
    std::fs::remove_file(house.config.data.join("key")).unwrap();
    let shut = house.types(&["doctor"]).await.unwrap();
    assert!(!shut.well && shut.words.contains("but no key"), "{}", shut.words);
}

#[tokio::test]
async fn a_way_in_is_printed() {
    let said = House::new().types(&["user", "link"]).await.unwrap();
    assert!(said.words.starts_with("http://127.0.0.1:8080/sign-in/"), "{}", said.words);
}

#[tokio::test]
async fn the_law_is_told_with_its_sources() {
    let house = House::new();
    let all = house.types(&["law"]).await.unwrap();
    for part in ["FR", "France", "mon-sat 08:00-22:00; no holidays", "US-FL", "off", "Not legal advice"] {
        assert!(all.words.contains(part), "{part} in {}", all.words);
    }
    assert_eq!(all.json["countries"].as_array().unwrap().len(), 20);
    assert_eq!(all.json["not_legal_advice"], true);
    let france = house.types(&["law", "fr"]).await.unwrap();
    for part in ["hours by law", "S: second hand", "CNIL", "C: confirmed", "STOP 36xxx", "Not legal advice"] {
        assert!(france.words.contains(part), "{part} in {}", france.words);
    }
    assert_eq!(france.json["rows"][0]["rules"][0]["confidence"], "C");
    assert_eq!(france.json["effective"]["hours"], "mon-sat 08:00-20:00; no holidays");
    // A territory by its country's row, a state by its own, the States with theirs named.
    assert!(house.types(&["law", "RE"]).await.unwrap().words.contains("RE (as France)"));
    let florida = house.types(&["law", "US-FL"]).await.unwrap();
    assert!(florida.words.contains("Fla. Stat. 501.616(6)") && florida.words.contains("Florida"), "{}", florida.words);
    assert!(house.types(&["law", "US"]).await.unwrap().words.contains("cartback law US-FL: AL CA CT FL"));
    let switzerland = house.types(&["law", "CH"]).await.unwrap();
    assert!(switzerland.words.contains("Nobody has looked this country up"), "{}", switzerland.words);
    assert_eq!(switzerland.json["listed"], false);
    for code in ["Slovenia", "US-XX", ""] {
        let (exit, problem) = house.types(&["law", code]).await.unwrap_err();
        assert_eq!(exit, WRONG, "{problem}");
    }
}

#[tokio::test]
async fn the_law_for_a_shop_is_what_comes_out() {
    let house = House::new();
    let (exit, _) = house.types(&["law", "--shop", "1"]).await.unwrap_err();
    assert_eq!(exit, MISSING);
    house.types(&SHOP).await.unwrap();
    house.types(&["shop", "set", "1", "countries=SI,AE,FR", "hours=mon-sun 07:00-23:00"]).await.unwrap();
    let said = house.types(&["law", "--shop", "1"]).await.unwrap();
    let hours: Vec<(&str, &str)> = said.json["effective"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (found["code"].as_str().unwrap(), found["hours"].as_str().unwrap()))
        .collect();
    let wide = "mon-sun 07:00-23:00";
    assert_eq!(hours, [("SI", wide), ("AE", "mon-sun 07:00-21:00"), ("FR", "mon-sat 08:00-22:00; no holidays")]);
    assert!(said.words.contains("cut by law") && said.words.contains("Not legal advice"), "{}", said.words);
    // One country it does not text.
    let germany = house.types(&["law", "DE", "--shop", "1"]).await.unwrap();
    assert!(germany.words.contains("held: DE is not among this shop's countries"), "{}", germany.words);
    assert_eq!(germany.json["effective"][0]["sends"], false);
}

#[tokio::test]
async fn sequences_are_added_changed_switched_moved_and_removed() {
    let house = House::new();
    house.types(&SHOP).await.unwrap();
    let says = async |line: &str| house.types(&line.split(' ').collect::<Vec<_>>()).await;
    let list = says("sequence list").await.unwrap();
    assert!(list.words.contains("Reminder and second chance") && list.words.contains("every one"), "{}", list.words);
    assert_eq!(says("sequence preset").await.unwrap().json.as_array().unwrap().len(), 4);
    assert_eq!(says("sequence preset gentle").await.unwrap().json["steps"][0]["after_minutes"], 240);

    let added = says("sequence add eu --id home --set when.countries=SI,HR").await.unwrap();
    assert!(added.words.contains("off\nfor carts from SI, HR\n"), "{}", added.words);
    assert!(added.words.contains("cartback sequence on home"), "{}", added.words);
    let on = says("sequence on home").await.unwrap();
    assert_eq!(on.json["on_since"], TUESDAY_10 * 1_000);
    assert!(on.words.contains("on, for carts abandoned since 3 Mar 2026, "), "{}", on.words);
    let moved = says("sequence move home 1").await.unwrap();
    assert_eq!((&moved.json[0]["id"], &moved.json[1]["id"]), (&json!("home"), &json!("default")));
    let set = says("sequence set home step.2.discount=percent:10 exits=clicked rest_days=3").await.unwrap();
    assert!(set.words.contains("text 2 after 24 hours, at most 24 hours late, with 10 % off"), "{}", set.words);
    assert!(set.words.contains("ends when bought or opted out, clicked\nrests 3 days"), "{}", set.words);

    // What is told as JSON is taken again, without moving when it was switched on.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("home.json");
    let mut whole = set.json.clone();
    whole["on_since"] = json!(0);
    whole["name"] = json!("Home");
    std::fs::write(&file, whole.to_string()).unwrap();
    let from = format!("sequence set home --from {} --json", file.display());
    let read = says(&from).await.unwrap();
    assert_eq!((&read.json["on_since"], &read.json["name"]), (&json!(TUESDAY_10 * 1_000), &json!("Home")));
    whole["colour"] = json!("red");
    std::fs::write(&file, whole.to_string()).unwrap();
    assert_eq!(says(&from).await.unwrap_err().0, WRONG);

    for (line, tells) in [
        ("sequence set home steps=9999h", "at most 30 days"),
        ("sequence set home steps=0,50h", "must lie before give_up_after_hours"),
        ("sequence set home colour=red", "no such field"),
        ("sequence set away name=x", "there is no sequence away; there are: home, default"),
        ("sequence on away", "there is no sequence away"),
        ("sequence add eu --id home", "there are two sequences with this id"),
        ("sequence add fast", "there is no preset fast"),
    ] {
        let (code, told) = says(line).await.unwrap_err();
        assert!(code == WRONG && told.contains(tells), "{line}: {told}");
    }
    assert_eq!(says("sequence off home").await.unwrap().json["on_since"], Value::Null);
    assert_eq!(says("sequence remove home").await.unwrap().json.as_array().unwrap().len(), 1);
    let none = says("sequence remove default").await.unwrap();
    assert!(none.words.contains("no cart is texted"), "{}", none.words);
}

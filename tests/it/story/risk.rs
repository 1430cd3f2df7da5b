//! Fake checkouts and runaway spend: every row of the facts' table on toll fraud is a story here, under the limits a shop
//! has that never set any (`guarded`). The figures are the table's; where a story in debug would take minutes, the rule
//! itself is asked that often and the story is played with fewer, as its comment says. On PostgreSQL all are smaller.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cartback::{
    domain::{
        decide::{GateName, Verdict},
        message::MessageState,
        phone::{Phone, PhoneProblem},
        risk::{self, Limits},
        time::Time,
    },
    pipeline::{Core, guard},
    store::{self, guard::Paused, job},
    worker::Worker,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::bodies::with;
use crate::{
    app::{App, Shopkeeper, hours, minutes, on_both},
    outside::Ends,
    sql,
};

/// A shop as it is on its first day, with a gateway that takes what it gets.
async fn open(app: &App, changes: &[(&str, &str)]) -> Shopkeeper {
    let guarded = [&[("guarded", ""), ("steps_after_minutes", "0")], changes].concat();
    let shop = app.with_shop_like("generic", &guarded).await;
    app.with_gateway(&shop, "kannel").await;
    shop
}

/// A Slovenian mobile number: the first eight hundred are of blocks of their own.
fn apart(n: usize) -> String {
    let carrier = ["30", "31", "40", "41", "51", "64", "70", "71"][n % 8];
    format!("+386{carrier}{:02}{:04}", n / 8 % 100, 2468 + n / 800)
}

/// As many neighbours as there are.
fn neighbour(n: usize) -> String {
    format!("+3864055{n:04}")
}

/// A cart of somebody else each time, left just now.
fn cart(app: &App, n: usize, phone: &str, change: Value) -> Value {
    let own = json!({
        "phone": phone, "phone_country": null, "email": format!("kupec{n}@posta.si"), "customer_id": null,
        "cart_token": null, "started_at": app.ago(minutes(5)),
        "consent": { "state": "granted", "source": "shop.example" },
    });
    app.checkout(&format!("c{n}"), with(&own, change))
}

/// So many carts arrive at once and are left for half an hour.
async fn leave(app: &App, shop: &Shopkeeper, count: usize, made: impl Fn(usize) -> Value) {
    arrive(app, shop, count, made).await;
    app.pass(minutes(30)).await;
}

async fn arrive(app: &App, shop: &Shopkeeper, count: usize, made: impl Fn(usize) -> Value) {
    for n in 0..count {
        let body = json!({ "type": "checkout.updated", "timestamp": app.iso(), "data": made(n) });
        app.standard(shop, &body.to_string()).await;
    }
    app.settle().await;
}

/// The table's figure on SQLite, fewer on PostgreSQL.
fn so_many(app: &App, on_lite: usize, on_pg: usize) -> usize {
    if app.core.db.is_lite() { on_lite } else { on_pg }
}

/// The gate that spoke last about a cart, what it said and whether it only waits.
async fn held(app: &App, shop: &Shopkeeper, token: &str) -> (GateName, String, bool) {
    let (_, keys) = app.shop(shop.id).await;
    let cart = app.cart(shop, token).await;
    let decided = store::decision::of_cart(&mut app.read().await, &keys, cart.id).await.unwrap();
    let decision = &decided.last().unwrap_or_else(|| panic!("no decision on {token}")).decision;
    let gate = decision.reason().expect("a no");
    (gate.gate, gate.why.clone(), matches!(decision.verdict, Verdict::Wait(_)))
}

async fn pauses(app: &App, shop: &Shopkeeper) -> Vec<store::guard::Pause> {
    let (_, keys) = app.shop(shop.id).await;
    store::guard::pauses(&mut app.read().await, &keys).await.unwrap()
}

/// Texts of a shop by the hour and minute they left in.
async fn left(app: &App, shop: &Shopkeeper) -> Vec<Time> {
    let messages = app.messages(shop).await;
    messages
        .iter()
        .filter(|(_, moments)| moments.may_have_left())
        .filter_map(|(_, moments)| moments.sending_at)
        .collect()
}

#[tokio::test]
async fn numbers_that_earn_on_a_text_are_never_texted() {
    let blocks = [
        "+88213", "+88216", "+88235", "+8835100", "+8831", "+979", "+1900", "+4470", "+44871", "+44909", "+8816",
        "+8810", "+87077", "+4456", "+49180", "+44843", "+1800", "+44800", "+1500", "+39899",
    ];
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    let mut refused = 0;
    for n in 0..10_000usize {
        let rest = (n as u64 * 7_919 + 1_000_003) % 10_000_000;
        let number = format!("{}{rest:07}", blocks[n % blocks.len()]);
        let number = &number[..number.len().min(13 + n % 2)];
        let problem = Phone::read(number, &["SI"]).expect_err(number);
        refused += 1;
        *said.entry(problem.to_string()).or_default() += 1;
    }
    assert_eq!(refused, 10_000);
    let kinds = said.keys().filter(|why| **why != PhoneProblem::Invalid.to_string()).count();
    assert!(kinds >= 6, "{said:?}");
    // Two hundred of them as whole stories.
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let count = so_many(app, 200, 40);
        let number = |n: usize| format!("{}{:07}", blocks[n % blocks.len()], 1_234_500 + n * 3);
        leave(app, &shop, count, |n| cart(app, n, &number(n), json!({}))).await;
        app.pass(hours(50)).await;
        assert_eq!(app.outside.texts(), 0);
        for n in 0..count {
            let (gate, why, waits) = held(app, &shop, &format!("c{n}")).await;
            assert!(gate == GateName::Number && !waits && why.len() > 10, "{}: {why}", number(n));
        }
    })
    .await;
}

#[tokio::test]
async fn a_country_the_shop_did_not_name_is_held() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let abroad =
            ["+447400123457", "+393331234599", "+4915123456788", "+33612345679", "+12127365000", "+385912345679"];
        leave(app, &shop, abroad.len(), |n| cart(app, n, abroad[n], json!({}))).await;
        assert_eq!(app.outside.texts(), 0);
        let (gate, why, waits) = held(app, &shop, "c0").await;
        assert_eq!((gate, waits), (GateName::Number, true));
        assert!(why.contains("GB"), "{why}");
        app.pass(hours(50)).await;
        assert_eq!(app.outside.texts(), 0);
    })
    .await;
}

/// 500 carts from one address, 500 from one /24: five texts an hour each.
#[tokio::test]
async fn one_network_gets_five_texts_an_hour() {
    for one_address in [true, false] {
        on_both(async |app| {
            let shop = open(app, &[]).await;
            let ip =
                |n: usize| if one_address { "93.184.216.34".to_owned() } else { format!("93.184.216.{}", n % 250) };
            let count = so_many(app, 500, 40);
            arrive(app, &shop, count, |n| cart(app, n, &apart(n), json!({ "browser_ip": ip(n) }))).await;
            // One from elsewhere is not held for them.
            let other = cart(app, 900, &apart(790), json!({ "browser_ip": "93.184.217.1" }));
            app.generic(&shop, "checkout.updated", other).await;
            app.pass(minutes(30)).await;
            assert_eq!(left(app, &shop).await.len(), 6);
            let (gate, why, waits) = held_text(app, &shop).await;
            assert!(gate == GateName::Caps && waits && why.contains("internet address"), "{why}");
            // What follows costs a look at every cart each time.
            if count > 40 {
                return;
            }
            app.pass(minutes(59)).await;
            assert_eq!(left(app, &shop).await.len(), 6);
            app.pass(minutes(61)).await;
            let all = left(app, &shop).await;
            assert!(all.len() > 6, "the rest waits, it is not dropped");
            for &at in &all {
                let hour = all.iter().filter(|&&other| other >= at && other < at + hours(1)).count();
                assert!(hour <= 6, "{hour} within an hour");
            }
        })
        .await;
    }
}

/// A queued text that waits, asked again: which gate holds it.
async fn held_text(app: &App, shop: &Shopkeeper) -> (GateName, String, bool) {
    let (_, keys) = app.shop(shop.id).await;
    let mut read = app.read().await;
    let since = cartback::domain::id::MessageId::new(0);
    let held = store::guard::held_texts(&mut read, &keys, since).await.unwrap();
    let (why, _) = held.into_iter().next().expect("a text that waits for a reason");
    let gate = if why.contains("address") || why.contains("phone") || why.contains("spend") {
        GateName::Caps
    } else {
        GateName::Number
    };
    (gate, why, true)
}

#[tokio::test]
async fn neighbouring_numbers_get_ten_texts_and_are_paused() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let count = so_many(app, 500, 40);
        arrive(app, &shop, count, |n| cart(app, n, &neighbour(n), json!({}))).await;
        let other = cart(app, 900, &apart(0), json!({}));
        app.generic(&shop, "checkout.updated", other).await;
        app.pass(minutes(30)).await;
        assert_eq!(left(app, &shop).await.len(), 11);
        let paused = pauses(app, &shop).await;
        assert_eq!(paused.len(), 1);
        assert_eq!((paused[0].kind, paused[0].label.as_str()), (Paused::Prefix, "+3864055…"));
        let alarms = app.alarms(shop.id).await;
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        assert!(
            alarms[0].starts_with("10 texts within an hour went to one block of neighbouring numbers."),
            "{alarms:?}"
        );
        assert!(!alarms[0].contains("40"), "an alarm names no number: {alarms:?}");
        // Time alone does not open it again.
        app.pass(hours(if count > 40 { 1 } else { 3 })).await;
        assert_eq!(left(app, &shop).await.len(), 11);
        assert!(guard::resume(&app.core, shop.id, Paused::Prefix, &paused[0].key).await.unwrap());
        app.settle().await;
        assert_eq!(left(app, &shop).await.len(), 21);
        assert_eq!(pauses(app, &shop).await.len(), 1, "and once more");
    })
    .await;
}

#[tokio::test]
async fn one_number_in_fifty_carts_of_ten_shops_is_texted_once_a_day() {
    on_both(async |app| {
        app.with_house_gateway("kannel").await;
        let mut shops = Vec::new();
        for n in 0..10 {
            let name = format!("Shop {n}");
            let changes = [("guarded", ""), ("steps_after_minutes", "0"), ("rest_hours", "0"), ("name", name.as_str())];
            shops.push(app.with_shop_like("generic", &changes).await);
        }
        for shop in &shops {
            for n in 0..5 {
                app.generic(shop, "checkout.updated", cart(app, n, "+38640555199", json!({}))).await;
            }
        }
        app.pass(hours(23)).await;
        assert_eq!(app.outside.texts(), 1);
        // Each waited for its turn until its time was up.
        app.pass(hours(26)).await;
        assert!(app.outside.texts() <= 3, "{}", app.outside.texts());
        for shop in &shops {
            let texts = app.texts(shop).await;
            assert!(texts.len() <= 1, "one cart, one text: {texts:?}");
        }
    })
    .await;
}

/// The rule is asked 5,000 times; the story is played with fewer.
#[tokio::test]
async fn far_more_texts_than_usual_open_the_breaker() {
    let limits = Limits::default();
    let sent = (0..5_000).filter(|&sent| !risk::breaker(20, sent, &limits)).count();
    assert_eq!(sent, 100);
    assert_eq!((0..5_000).filter(|&sent| !risk::breaker(50, sent, &limits)).count(), 150);
    on_both(async |app| {
        // Eight an hour are usual here, and at least thirty always allowed.
        let shop = open(app, &[("limits.texts_per_hour", "20")]).await;
        usual_hours(app, &shop, 8, 48).await;
        let count = so_many(app, 150, 50);
        leave(app, &shop, count, |n| cart(app, n, &apart(n), json!({}))).await;
        assert_eq!(left(app, &shop).await.len(), 24, "three times the usual");
        assert_eq!(pauses(app, &shop).await[0].kind, Paused::Breaker);
        let alarms = app.alarms(shop.id).await;
        assert!(alarms[0].starts_with("24 texts went out within an hour, where 8 are usual."), "{alarms:?}");
        app.pass(hours(3)).await;
        assert_eq!(left(app, &shop).await.len(), 24, "a person has to resume it");
        assert!(guard::resume(&app.core, shop.id, Paused::Breaker, &[]).await.unwrap());
        assert_eq!(app.alarms(shop.id).await, Vec::<String>::new());
        app.settle().await;
        assert!(left(app, &shop).await.len() > 24);
        assert!(!guard::resume(&app.core, shop.id, Paused::Prefix, &[1; 16]).await.unwrap());
    })
    .await;
}

/// As if the shop had sent so many texts in each of the last hours.
async fn usual_hours(app: &App, shop: &Shopkeeper, each: i64, hours_back: u64) {
    let (_, keys) = app.shop(shop.id).await;
    let none = store::guard::Names { ip: None, prefix: [0; 16], country: [0; 16], price: [0; 16] };
    let now = app.now();
    cartback::transact!(app.core.db, |tx| {
        for back in 2..hours_back + 2 {
            let at = Time::from_millis((now - hours(back)).millis() / 3_600_000 * 3_600_000);
            let buckets = store::guard::Buckets { quarter: at, hour: at, day: at };
            store::guard::count(tx, &keys, &none, &buckets, false, each).await?;
        }
    })
    .unwrap();
}

/// Lets two processes work at full speed until nothing is due.
async fn work_as_two(app: &App) {
    let other = app.another_process(2);
    let work = |core: Arc<Core>| async move {
        let mut worker = Worker::new(core.clone(), Vec::new());
        let mut idle = 0;
        while idle < 3 {
            match worker.tick().await {
                Ok(0) => {
                    idle += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                _ => idle = 0,
            }
        }
    };
    let (one, two) = (tokio::spawn(work(app.core.clone())), tokio::spawn(work(other)));
    one.await.unwrap();
    two.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_at_full_speed_do_not_overspend_the_day() {
    on_both(async |app| {
        // 20.00 a day, 0.80 a part.
        let limits = [("limits.spend_per_day_micros", "20000000"), ("limits.price_per_part_micros", "800000")];
        let shop = open(app, &limits).await;
        arrive(app, &shop, 80, |n| cart(app, n, &apart(n), json!({}))).await;
        // One is taken without an answer, and counts; one is turned away before anything left, and does not. A third failure
        // would have the gateway left alone.
        app.outside.next([Ends::TimedOut, Ends::NotConnected]);
        app.sleep(minutes(30));
        work_as_two(app).await;
        let parts: u64 = parts_of(app, &shop).await;
        assert!(parts * 800_000 <= 20_000_000, "{parts} parts for {}", parts * 800_000);
        assert!(parts * 800_000 > 20_000_000 - 2 * 800_000, "and it is used up: {parts} parts");
        let unknown = app.texts(&shop).await.iter().filter(|text| text.state == MessageState::Unknown).count();
        assert_eq!(unknown, 1);
        assert_eq!(spent_today(app, &shop).await, i64::try_from(parts * 800_000).unwrap());
        let (_, why, _) = held_text(app, &shop).await;
        assert!(why.contains("spend in a day"), "{why}");
        // The next of the shop's own days has its own money.
        app.pass(hours(24)).await;
        assert!(parts_of(app, &shop).await > parts);
        app.leave_work();
    })
    .await;
}

async fn parts_of(app: &App, shop: &Shopkeeper) -> u64 {
    let (_, keys) = app.shop(shop.id).await;
    let mut read = app.read().await;
    let newest = cartback::domain::id::MessageId::new(i64::MAX);
    let all = store::message::list(&mut read, &keys, None, newest, 1_000).await.unwrap();
    all.iter().filter(|message| message.moments.may_have_left()).map(|message| u64::from(message.segments)).sum()
}

async fn spent_today(app: &App, shop: &Shopkeeper) -> i64 {
    let (_, keys) = app.shop(shop.id).await;
    let none = store::guard::Names { ip: None, prefix: [0; 16], country: [0; 16], price: [0; 16] };
    let day = cartback::domain::hours::start_of_day(
        &cartback::domain::hours::zone(crate::app::ZONE).unwrap(),
        cartback::domain::hours::day_of(&cartback::domain::hours::zone(crate::app::ZONE).unwrap(), app.now()),
    );
    let spans = store::guard::Spans {
        hour_from: app.now(),
        usual_from: app.now(),
        usual_to: app.now(),
        tappable_to: Time::FIRST,
        day,
    };
    store::guard::sums(&mut app.read().await, &keys, &none, &spans).await.unwrap().spent.micros
}

/// 300 on SQLite as the limit stands, 30 with a lower limit on PostgreSQL; for a block and for a whole country.
#[tokio::test]
async fn numbers_that_never_tap_are_paused() {
    for whole_country in [true, false] {
        on_both(async |app| {
            let most = so_many(app, 300, 30);
            let quiet = most.to_string();
            let limits = [
                ("limits.quiet_texts", quiet.as_str()),
                ("limits.texts_per_hour", "100000"),
                ("limits.per_prefix_hour", "1000"),
            ];
            let shop = open(app, &limits).await;
            let number = |n| if whole_country { apart(n) } else { neighbour(n) };
            leave(app, &shop, most, |n| cart(app, n, &number(n), json!({}))).await;
            assert_eq!(left(app, &shop).await.len(), most);
            // So far nobody had the time to tap.
            let early = cart(app, 700, &number(700), json!({}));
            app.generic(&shop, "checkout.updated", early).await;
            app.pass(minutes(31)).await;
            assert_eq!(left(app, &shop).await.len(), most + 1);
            app.pass(hours(3)).await;
            let late = cart(app, 701, &number(701), json!({}));
            app.generic(&shop, "checkout.updated", late).await;
            app.pass(minutes(31)).await;
            assert_eq!(left(app, &shop).await.len(), most + 1);
            let kinds: Vec<Paused> = pauses(app, &shop).await.iter().map(|pause| pause.kind).collect();
            assert!(kinds.contains(&if whole_country { Paused::Country } else { Paused::Prefix }), "{kinds:?}");
            let alarms = app.alarms(shop.id).await;
            assert!(alarms.iter().any(|words| words.contains("brought no tap")), "{alarms:?}");
            let (gate, _, waits) = held(app, &shop, "c701").await;
            assert_eq!((gate, waits), (GateName::Number, true));
        })
        .await;
    }
}

#[tokio::test]
async fn one_tap_forgives_the_silence_before_it() {
    on_both(async |app| {
        let shop = open(app, &[("limits.quiet_texts", "20"), ("limits.per_prefix_hour", "1000")]).await;
        leave(app, &shop, 19, |n| cart(app, n, &apart(n), json!({}))).await;
        app.pass(minutes(5)).await;
        app.tap(&app.last_text(&shop).await).await;
        leave(app, &shop, 19, |n| cart(app, 100 + n, &apart(100 + n), json!({}))).await;
        app.pass(hours(3)).await;
        leave(app, &shop, 1, |n| cart(app, 200 + n, &apart(200 + n), json!({}))).await;
        assert_eq!(left(app, &shop).await.len(), 39);
        assert_eq!(pauses(app, &shop).await, []);
    })
    .await;
}

/// The order may have looked at the tap before its own moment came: what follows from a tap follows all the same.
#[tokio::test]
async fn a_tap_that_an_order_looked_at_first_forgives_too() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        leave(app, &shop, 1, |n| cart(app, n, &apart(n), json!({}))).await;
        app.pass(minutes(5)).await;
        let silent = async |app: &App| {
            const COUNT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM guard WHERE kind LIKE 'quiet_%'";
            sql::rows(&app.core.db, COUNT).await.concat()
        };
        assert_eq!(silent(app).await, ["2"], "the block and the country");
        app.tap_now(&app.last_text(&shop).await).await;
        app.generic(&shop, "order.upserted", app.order("1", "c0", json!({}))).await;
        app.settle().await;
        let judged = sql::rows(&app.core.db, "SELECT verdict FROM click").await.concat();
        assert_eq!((judged, silent(app).await), (vec!["human".to_owned()], vec!["2".to_owned()]));
        app.pass(Duration::from_secs(3)).await;
        assert_eq!(silent(app).await, ["0"]);
    })
    .await;
}

#[tokio::test]
async fn crawlers_and_tests_are_not_texted_and_in_no_figure() {
    on_both(async |app| {
        let shop = open(app, &[("countries", "SI,US")]).await;
        let nobody = [
            ("john.smith@storebotmail.joonix.net", "+38640552101", "crawler"),
            ("x@deep.joonix.net", "+38640552102", "crawler"),
            ("a@example.com", "+38640552103", "kept for examples and tests"),
            ("a@shop.test", "+38640552104", "kept for examples and tests"),
            ("a@posta.si", "+12125550142", "a number kept for examples"),
            ("a@posta.si", "+38641234567", "everybody types"),
            ("a@posta.si", "+38640000000", "everybody types"),
        ];
        leave(app, &shop, nobody.len(), |n| {
            let (email, phone, _) = nobody[n];
            cart(app, n, phone, json!({ "email": email }))
        })
        .await;
        app.pass(hours(50)).await;
        assert_eq!(app.outside.texts(), 0);
        assert_eq!(app.figures(&shop).await, "");
        for (n, (_, _, says)) in nobody.iter().enumerate() {
            let (_, why, waits) = held(app, &shop, &format!("c{n}")).await;
            assert!(why.contains(says) && !waits, "{n}: {why}");
        }
        // A real one beside them is texted and counted.
        leave(app, &shop, 1, |_| cart(app, 50, &apart(5), json!({}))).await;
        assert_eq!(app.outside.texts(), 1);
        assert_eq!(app.figures(&shop).await, "abandoned 1, reachable 1, texted 1, texts 1, EUR abandoned 128.00");
    })
    .await;
}

#[tokio::test]
async fn a_signed_cart_without_consent_is_not_texted() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        leave(app, &shop, 3, |n| {
            let consent = [json!(null), json!({ "state": "not_given" }), json!({ "sms": false })][n].clone();
            cart(app, n, &apart(n), json!({ "consent": consent }))
        })
        .await;
        app.pass(hours(50)).await;
        assert_eq!(app.outside.texts(), 0);
        for n in 0..3 {
            let (gate, why, waits) = held(app, &shop, &format!("c{n}")).await;
            assert!(gate == GateName::Consent && !waits, "{why}");
        }
    })
    .await;
}

#[tokio::test]
async fn odd_carts_are_held() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let stool = |quantity: u32| json!([{ "title": "Oak stool", "quantity": quantity, "price": "64.00" }]);
        let odd = [
            (json!({ "total": "0.00" }), "nothing to pay"),
            (json!({ "total": null, "items": [] }), "nothing in it"),
            // What ends its sequence is said first.
            (json!({ "items": stool(0) }), "empty by now"),
            (json!({ "items": stool(9_999) }), "more pieces"),
            (json!({ "started_at": app.ago(Duration::from_secs(3)) }), "within seconds"),
        ];
        leave(app, &shop, odd.len(), |n| cart(app, n, &apart(n), odd[n].0.clone())).await;
        app.pass(hours(50)).await;
        assert_eq!(app.outside.texts(), 0);
        for (n, (_, says)) in odd.iter().enumerate() {
            let (gate, why, _) = held(app, &shop, &format!("c{n}")).await;
            assert!(gate == GateName::Cart && why.contains(says), "{n}: {why}");
        }
        // At the edge, and from a shop that tells less, it is a shopper's.
        let sound = [
            json!({ "items": stool(999) }),
            json!({ "started_at": app.ago(Duration::from_secs(5)) }),
            json!({ "started_at": null }),
            json!({ "items": null }),
        ];
        leave(app, &shop, sound.len(), |n| cart(app, 100 + n, &apart(20 + n), sound[n].clone())).await;
        assert_eq!(app.outside.texts(), sound.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kill_switch_stops_two_processes_within_a_second() {
    on_both(async |app| {
        let shop = open(app, &[("limits.texts_per_hour", "100000")]).await;
        let count = so_many(app, 200, 120);
        guard::halt(&app.core, "set up").await.unwrap();
        leave(app, &shop, count, |n| cart(app, n, &apart(n), json!({}))).await;
        assert_eq!(app.outside.texts(), 0, "halted from the beginning");
        let (gate, why, waits) = held(app, &shop, "c0").await;
        assert_eq!(
            (gate, why.as_str(), waits),
            (GateName::Service, "all sending is stopped by the operator's switch", true)
        );

        assert!(guard::lift(&app.core).await.unwrap());
        let other = app.another_process(2);
        let stop = CancellationToken::new();
        let run = |core: &Arc<Core>| tokio::spawn(Worker::new(core.clone(), Vec::new()).run(stop.clone()));
        let workers = [run(&app.core), run(&other)];
        while intents(app, &shop).await < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        guard::halt(&other, "enough").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let then = intents(app, &shop).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = intents(app, &shop).await;
        stop.cancel();
        for worker in workers {
            worker.await.unwrap();
        }
        assert_eq!(then, now, "an intent was noted a second after the switch");
        assert!(now < count, "all {count} were gone before the switch: the story proves nothing");
        assert!(guard::lift(&other).await.unwrap());
        assert!(!guard::lift(&app.core).await.unwrap());
        app.settle().await;
        assert_eq!(intents(app, &shop).await, count);
    })
    .await;
}

/// Texts whose intent was noted.
async fn intents(app: &App, shop: &Shopkeeper) -> usize {
    left(app, shop).await.len()
}

#[tokio::test]
async fn a_text_that_did_not_leave_gives_everything_back() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        app.outside.next([Ends::NotConnected]);
        let from = json!({ "browser_ip": "93.184.216.34" });
        leave(app, &shop, 1, |n| cart(app, n, "+38640555199", from.clone())).await;
        assert_eq!(app.texts(&shop).await.len(), 0);
        assert_eq!(spent_today(app, &shop).await, 0);
        let house = app.core.vault.keys(&mut app.read().await, cartback::domain::id::ShopId::HOUSE).await.unwrap();
        let index = house.index("phone", "+38640555199");
        let since = app.now() - hours(24);
        let places = store::phone_use::by_others(&mut app.read().await, &index, "reminder", None, since).await.unwrap();
        assert_eq!(places, (0, None), "its place on the phone is free for another shop");
        app.pass(minutes(5)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        assert_eq!(spent_today(app, &shop).await, 80_000 * parts_of(app, &shop).await as i64);
        let places = store::phone_use::by_others(&mut app.read().await, &index, "reminder", None, since).await.unwrap();
        assert_eq!(places.0, 1);
    })
    .await;
}

#[tokio::test]
async fn waiting_work_of_a_held_shop_costs_nothing_until_it_is_asked_again() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        guard::halt(&app.core, "maintenance").await.unwrap();
        leave(app, &shop, 3, |n| cart(app, n, &apart(n), json!({}))).await;
        let next = job::next_due(&mut app.read().await).await.unwrap().unwrap();
        assert!(next >= app.now() + minutes(1), "asked again in {:?}", next.since(app.now()));
        guard::lift(&app.core).await.unwrap();
        app.settle().await;
        assert_eq!(app.outside.texts(), 3);
    })
    .await;
}

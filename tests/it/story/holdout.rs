//! The holdout: who is held out is not texted and counted like everybody else, and what is reported is what happened, to
//! the cent, computed here a second time from what the story did.

use std::collections::BTreeMap;

use cartback::{
    domain::{
        event::{Identity, TypedPhone},
        holdout::{Arm, arm},
        lift::{Lift, Report},
        money::Currency,
        phone::Phone,
        time::Time,
    },
    pipeline::{connect, holdout, people},
    store::{self, holdout::Entry},
};
use serde_json::{Value, json};

use super::bodies::with;
use crate::app::{App, Shopkeeper, hours, minutes, on_both};

const PERCENT: u32 = 20;

async fn open(app: &App, changes: &[(&str, &str)]) -> Shopkeeper {
    let all = [&[("steps_after_minutes", "0"), ("holdout_percent", "20")], changes].concat();
    let shop = app.with_shop_like("generic", &all).await;
    app.with_gateway(&shop, "log").await;
    shop
}

/// A Slovenian mobile number.
fn number(n: usize) -> String {
    let carrier = ["30", "31", "40", "41", "51", "64", "70", "71"][n % 8];
    format!("+386{carrier}{:02}2468", n / 8 % 100)
}

fn person(n: usize) -> Value {
    json!({ "phone": number(n), "phone_country": null, "email": format!("kupec{n}@posta.si"), "customer_id": null })
}

async fn leave(app: &App, shop: &Shopkeeper, token: &str, n: usize, change: Value) {
    let own = with(&json!({ "cart_token": null }), person(n));
    app.generic(shop, "checkout.updated", app.checkout(token, with(&own, change))).await;
}

async fn arm_of(app: &App, shop: &Shopkeeper, n: usize) -> Arm {
    let (_, keys) = app.shop(shop.id).await;
    let phone = Phone::read(&number(n), &["SI"]).unwrap();
    arm(&keys, &store::consent::phone_index(&keys, &phone), PERCENT)
}

/// The first people of each arm.
async fn of_arm(app: &App, shop: &Shopkeeper, wanted: Arm, count: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for n in 0..400 {
        if found.len() < count && arm_of(app, shop, n).await == wanted {
            found.push(n);
        }
    }
    found
}

async fn entry(app: &App, shop: &Shopkeeper, token: &str) -> Option<Entry> {
    let (_, keys) = app.shop(shop.id).await;
    let cart = app.cart(shop, token).await;
    store::holdout::of_cart(&mut app.read().await, &keys, cart.id).await.unwrap()
}

/// What is kept for pages, which must be what is worked out anew.
async fn report(app: &App, shop: &Shopkeeper) -> Report {
    app.pass(minutes(6)).await;
    let mut read = app.read().await;
    let run = store::holdout::runs(&mut read, shop.id).await.unwrap()[0];
    let (kept, _) = store::holdout::report(&mut read, shop.id, run.id).await.unwrap().unwrap();
    let fresh = holdout::report(&mut read, shop.id, run.id).await.unwrap().unwrap();
    // Kept as text, a share may differ in its sixteenth digit.
    assert_eq!(format!("{kept:.9?}"), format!("{fresh:.9?}"));
    kept
}

/// What somebody bought: day, minor units, currency, what went back on which day, whether it was cancelled.
#[derive(Clone)]
struct Truth {
    day: u32,
    minor: i64,
    currency: &'static str,
    back: Option<(u32, i64)>,
    cancelled: Option<u32>,
}

/// People, buyers and net per currency by arm, of one horizon.
fn expected(all: &[(Arm, Vec<Truth>)], days: u32, wanted: Arm) -> (u64, u64, BTreeMap<&'static str, i64>) {
    let (mut people, mut buyers, mut net) = (0, 0, BTreeMap::new());
    for (_, bought) in all.iter().filter(|(arm, _)| *arm == wanted) {
        people += 1;
        let stands: Vec<_> =
            bought.iter().filter(|one| one.day < days && one.cancelled.is_none_or(|day| day >= days)).collect();
        buyers += u64::from(!stands.is_empty());
        for one in stands {
            let back = one.back.filter(|(day, _)| *day < days).map_or(0, |(_, minor)| minor);
            *net.entry(one.currency).or_default() += one.minor - back;
        }
    }
    (people, buyers, net)
}

fn holds(lift: &Lift, all: &[(Arm, Vec<Truth>)]) {
    for (arm, share) in [(Arm::Texted, lift.texted), (Arm::Held, lift.held)] {
        let (people, buyers, net) = expected(all, lift.days, arm);
        assert_eq!((share.of, share.hits), (people, buyers), "{arm:?} within {} days", lift.days);
        for (currency, minor) in net {
            let found = lift.money.iter().find(|money| money.currency == Currency::parse(currency).unwrap());
            let told = found.map_or(0, |money| if arm == Arm::Texted { money.texted } else { money.held });
            assert_eq!(told, minor, "{arm:?} {currency} within {} days", lift.days);
        }
    }
}

#[tokio::test]
async fn what_is_reported_of_both_arms_is_what_happened_to_the_cent() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let mut all: Vec<(Arm, Vec<Truth>)> = Vec::new();
        for n in 0..40 {
            leave(app, &shop, &format!("c{n}"), n, json!({})).await;
            all.push((arm_of(app, &shop, n).await, Vec::new()));
        }
        app.pass(minutes(31)).await;
        let held: Vec<String> = (0..40).filter(|&n| all[n].0 == Arm::Held).map(|n| format!("c{n}")).collect();
        // The shop's key is another each time; almost always it is six to ten.
        assert!((1..=24).contains(&held.len()), "{held:?}");
        assert_eq!(app.texts(&shop).await.len(), 40 - held.len());
        for token in &held {
            let story = app.cart_story(&shop, token).await;
            assert!(story.contains("held out on purpose: 20 % of people are not texted"), "{story}");
        }
        // Nobody's horizon is over: people are known, nothing of what they do is.
        let first = report(app, &shop).await;
        assert_eq!((first.texted + first.held, first.held), (40, held.len() as u64));
        assert_eq!((first.lifts[0].texted.of, first.lifts[0].held.of), (0, 0));
        let mut order = 0;
        for day in 1..30u32 {
            app.pass(hours(24)).await;
            for (n, (_, bought)) in all.iter_mut().enumerate() {
                // A third buys on the first day, some again later, some only late, and one after everything.
                let buys = match day {
                    1 => n % 3 == 0,
                    9 => n % 5 == 1,
                    20 => n % 7 == 2,
                    29 => n == 4,
                    _ => false,
                };
                if !buys {
                    continue;
                }
                order += 1;
                let (currency, minor) = if n % 4 == 3 { ("CHF", 2_000) } else { ("EUR", 5_000 + n as i64) };
                let back = (n % 6 == 0).then_some((day + 3, 1_999));
                let cancelled = (n % 9 == 0).then_some(day + 6);
                bought.push(Truth { day, minor, currency, back, cancelled });
                let id = format!("{order}");
                let total = format!("{}.{:02}", minor / 100, minor % 100);
                // Nothing but the number or the address ties it to the cart.
                let theirs = if n.is_multiple_of(2) { json!({ "email": null }) } else { json!({ "phone": null }) };
                let whole = with(&person(n), theirs);
                let whole = with(&whole, json!({ "checkout_token": null, "currency": currency, "total": total }));
                app.generic(&shop, "order.upserted", app.order(&id, "none", whole)).await;
            }
            for (n, (_, bought)) in all.iter().enumerate() {
                for one in bought.iter().filter(|one| one.back.is_some_and(|(on, _)| on == day)) {
                    give_back(app, &shop, n, one, &all).await;
                }
                for one in bought.iter().filter(|one| one.cancelled == Some(day)) {
                    cancel(app, &shop, n, one, &all).await;
                }
            }
        }
        let last = report(app, &shop).await;
        assert_eq!(last.lifts.len(), 3);
        for lift in &last.lifts {
            holds(lift, &all);
        }
        // One cost a part of a text for everybody who was texted.
        let texted = last.lifts[2].costs.iter().map(|(_, micros)| micros).sum::<i64>();
        assert!(texted >= 0);
    })
    .await;
}

/// The order's number: orders are counted in the order they were placed.
fn id_of(n: usize, one: &Truth, all: &[(Arm, Vec<Truth>)]) -> String {
    let mut placed: Vec<(u32, usize)> =
        all.iter().enumerate().flat_map(|(who, (_, bought))| bought.iter().map(move |each| (each.day, who))).collect();
    placed.sort_unstable();
    (placed.iter().position(|&each| each == (one.day, n)).unwrap() + 1).to_string()
}

async fn again(app: &App, shop: &Shopkeeper, n: usize, one: &Truth, id: &str, change: Value, day: u32) {
    let theirs = if n.is_multiple_of(2) { json!({ "email": null }) } else { json!({ "phone": null }) };
    let whole = with(&person(n), theirs);
    let total = format!("{}.{:02}", one.minor / 100, one.minor % 100);
    let placed = app.ago(hours(24 * u64::from(day - one.day)));
    let whole =
        with(&whole, json!({ "checkout_token": null, "currency": one.currency, "total": total, "placed_at": placed }));
    app.generic(shop, "order.upserted", app.order(id, "none", with(&whole, change))).await;
}

async fn give_back(app: &App, shop: &Shopkeeper, n: usize, one: &Truth, all: &[(Arm, Vec<Truth>)]) {
    let (day, _) = one.back.unwrap();
    let refunds = json!({ "refunds": [{ "id": "r1", "amount": "19.99", "at": app.iso() }] });
    again(app, shop, n, one, &id_of(n, one, all), refunds, day).await;
}

async fn cancel(app: &App, shop: &Shopkeeper, n: usize, one: &Truth, all: &[(Arm, Vec<Truth>)]) {
    let day = one.cancelled.unwrap();
    let mut change = json!({ "status": "cancelled", "cancelled_at": app.iso() });
    if let Some((on, _)) = one.back.filter(|(on, _)| *on < day) {
        let at = app.ago(hours(24 * u64::from(day - on)));
        change = with(&change, json!({ "refunds": [{ "id": "r1", "amount": "19.99", "at": at }] }));
    }
    again(app, shop, n, one, &id_of(n, one, all), change, day).await;
}

#[tokio::test]
async fn who_cannot_be_texted_anyway_is_in_no_arm_and_who_only_waits_is() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let held = of_arm(app, &shop, Arm::Held, 4).await;
        let texted = of_arm(app, &shop, Arm::Texted, 4).await;
        for (which, people) in [("h", &held), ("t", &texted)] {
            leave(app, &shop, &format!("{which}-no-consent"), people[0], json!({ "consent": null })).await;
            let no = json!({ "phone": null, "email": format!("{which}@posta.si") });
            leave(app, &shop, &format!("{which}-no-number"), people[1], no).await;
            leave(app, &shop, &format!("{which}-ok"), people[2], json!({})).await;
        }
        app.pass(minutes(31)).await;
        for which in ["h", "t"] {
            assert_eq!(entry(app, &shop, &format!("{which}-no-consent")).await, None);
            assert_eq!(entry(app, &shop, &format!("{which}-no-number")).await, None);
        }
        let (one, other) = (entry(app, &shop, "h-ok").await.unwrap(), entry(app, &shop, "t-ok").await.unwrap());
        assert_eq!((one.arm, other.arm, one.first, other.first), (Arm::Held, Arm::Texted, true, true));
        assert_eq!(one.assigned_at, other.assigned_at);
        // In the night both enter at once; one is texted in the morning, the other never is.
        app.pass(hours(12)).await;
        let before = app.texts(&shop).await.len();
        leave(app, &shop, "h-night", held[3], json!({})).await;
        leave(app, &shop, "t-night", texted[3], json!({})).await;
        app.pass(minutes(31)).await;
        assert_eq!(app.texts(&shop).await.len(), before);
        let (one, other) = (entry(app, &shop, "h-night").await.unwrap(), entry(app, &shop, "t-night").await.unwrap());
        assert_eq!(one.assigned_at, other.assigned_at);
        app.pass(hours(12)).await;
        assert_eq!(app.texts(&shop).await.len(), before + 1);
        // Another cart of somebody who is in it already has their arm and does not count again.
        app.pass(hours(24 * 8)).await;
        leave(app, &shop, "h-again", held[3], json!({})).await;
        app.pass(minutes(31)).await;
        let later = entry(app, &shop, "h-again").await.unwrap();
        assert_eq!((later.arm, later.first), (Arm::Held, false));
        assert_eq!(app.texts(&shop).await.len(), before + 1);
    })
    .await;
}

#[tokio::test]
async fn another_share_begins_another_run_and_reaches_no_cart_from_before_it() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let held = of_arm(app, &shop, Arm::Held, 3).await;
        leave(app, &shop, "first", held[0], json!({})).await;
        app.pass(minutes(31)).await;
        // Switched off while a cart waits in the night: who was counted as held out stays it, a new one is texted.
        app.pass(minutes(60)).await;
        app.change(&shop, &[("holdout_percent", "0")]).await;
        leave(app, &shop, "off", held[1], json!({})).await;
        app.pass(minutes(31)).await;
        assert_eq!(app.texts(&shop).await.len(), 1, "nobody is held out any more");
        assert_eq!(entry(app, &shop, "off").await, None);
        app.pass(hours(1)).await;
        app.change(&shop, &[("holdout_percent", "15")]).await;
        let runs = store::holdout::runs(&mut app.read().await, shop.id).await.unwrap();
        let told: Vec<(u32, bool)> = runs.iter().map(|run| (run.percent, run.ended_at.is_none())).collect();
        assert_eq!(told, [(15, true), (20, false)]);
        assert!(entry(app, &shop, "first").await.unwrap().run < runs[0].id);
        // Other rules leave it alone.
        app.change(&shop, &[("link_days", "10")]).await;
        assert_eq!(store::holdout::runs(&mut app.read().await, shop.id).await.unwrap(), runs);
        for (key, value, says) in
            [("holdout_percent", "3", "5 to 20"), ("holdout_percent", "21", "5 to 20"), ("cart_days", "20", "29")]
        {
            let changes = [(key.to_owned(), value.to_owned())].into();
            let problem = connect::change_shop(&app.core, shop.id, &changes).await.unwrap_err();
            assert!(problem.to_string().contains(says), "{problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_told_late_is_counted_and_who_is_forgotten_stays_a_number() {
    on_both(async |app| {
        let shop = open(app, &[]).await;
        let texted = of_arm(app, &shop, Arm::Texted, 2).await;
        for (at, n) in texted.iter().enumerate() {
            leave(app, &shop, &format!("c{at}"), *n, json!({})).await;
        }
        app.pass(minutes(31)).await;
        app.pass(hours(24 * 10)).await;
        assert_eq!(report(app, &shop).await.lifts[0].texted.hits, 0);
        // An order of the third day is told on the tenth; the one of today is too late for a week.
        let early = with(&person(texted[0]), json!({ "placed_at": app.ago(hours(24 * 7)), "checkout_token": null }));
        app.generic(&shop, "order.upserted", app.order("1", "none", early)).await;
        let today = with(&person(texted[1]), json!({ "checkout_token": null }));
        app.generic(&shop, "order.upserted", app.order("2", "none", today)).await;
        let told = report(app, &shop).await;
        assert_eq!((told.lifts[0].texted.hits, told.lifts[0].money[0].texted), (1, 12_800));
        let (_, keys) = app.shop(shop.id).await;
        let phone = Phone::read(&number(texted[0]), &["SI"]).unwrap();
        let who =
            Identity { phones: vec![TypedPhone { number: phone.e164().into(), country: None }], ..Default::default() };
        people::forget(&app.core, shop.id, &who, "desk").await.unwrap().unwrap();
        app.settle().await;
        let found = store::holdout::of_cart(&mut app.read().await, &keys, app.carts(&shop).await[1].id).await.unwrap();
        assert_eq!(found.unwrap().person, None);
        // The week that was counted stays; the longer ones are of who is still known.
        app.pass(hours(24 * 20)).await;
        let after = report(app, &shop).await;
        assert_eq!((after.lifts[0].texted.of, after.lifts[0].texted.hits), (2, 1));
        assert_eq!((after.lifts[2].texted.of, after.lifts[2].texted.hits), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn who_is_held_out_is_not_even_asked_to_confirm() {
    on_both(async |app| {
        app.clock.set(Time::parse("2026-03-03T16:00:00Z").unwrap());
        let place = [("country", "US"), ("currency", "USD"), ("timezone", "America/New_York"), ("holdout_percent", "20")];
        let shop = app.with_shop_like("shopify", &place).await;
        app.with_gateway(&shop, "log").await;
        let (_, keys) = app.shop(shop.id).await;
        let mut of = BTreeMap::new();
        for n in 0..60 {
            let number = format!("+12125550{:03}", 100 + n);
            let phone = Phone::read(&number, &["US"]).unwrap();
            of.entry(arm(&keys, &store::consent::phone_index(&keys, &phone), PERCENT)).or_insert(number);
        }
        for (arm, asked) in [(Arm::Held, 0), (Arm::Texted, 1)] {
            let number = &of[&arm];
            let change = json!({
                "sms_marketing_phone": number, "currency": "USD", "presentment_currency": "USD", "customer_locale": "en-US",
                "email": format!("{}@posta.si", arm.name()), "customer": null,
                "shipping_address": {
                    "first_name": "Ann", "phone": number, "city": "New York", "zip": "10011", "province": "New York",
                    "country": "United States", "country_code": "US", "province_code": "NY",
                },
            });
            app.shopify(&shop, "checkouts/create", &app.shopify_checkout(arm.name(), change)).await;
            app.pass(minutes(31)).await;
            assert_eq!(app.purposes(&shop).await.len(), asked, "{arm:?}");
            assert_eq!(entry(app, &shop, arm.name()).await.unwrap().arm, arm);
        }
        app.pass(hours(60)).await;
    })
    .await;
}

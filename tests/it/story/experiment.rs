//! An experiment from its beginning to its winner: people are drawn once, enter at their cart's abandonment, get the way
//! of their arm, and what they bought counts whether they tapped or not.

use std::collections::BTreeMap;

use cartback::{
    domain::{
        consent::OptOut,
        experiment::{Arm, Change, Goal, Plan},
        id::CartId,
        phone::Phone,
    },
    pipeline::experiment,
    store::{self, consent, experiment::Experiment},
    transact,
};
use serde_json::json;

use crate::app::{App, Shopkeeper, hours, minutes, on_both};

const WORDS: &str = "{{ shop }}, once more: {{ link }} {{ opt_out }}";

fn plan(sequence: &str, goal: Goal, change: Change) -> Plan {
    let arm = |name: &str, change| Arm { name: name.into(), weight: 1, change };
    let arms = vec![arm("as it is", Change::Nothing), arm("other", change)];
    Plan { name: "Trial".into(), sequence: sequence.into(), step: 1, goal, arms }
}

async fn found(app: &App, shop: &Shopkeeper) -> Vec<Experiment> {
    let (_, keys) = app.shop(shop.id).await;
    store::experiment::list(&mut app.read().await, &keys).await.unwrap()
}

async fn left(app: &App, shop: &Shopkeeper, number: u32) {
    let cart = json!({
        "phone": format!("+386405551{number:02}"), "email": format!("s{number}@shopper.example"), "customer_id": null,
        "started_at": app.iso(), "updated_at": app.iso(),
    });
    app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), cart)).await;
}

#[tokio::test]
async fn people_get_the_way_they_were_drawn_and_count_once() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        let (of_shop, keys) = app.shop(shop.id).await;
        let sequence = of_shop.rules.sequences[0].id.clone();
        let tried = plan(&sequence, Goal::Order, Change::Words(WORDS.into()));
        let id = experiment::begin(&app.core, shop.id, &tried, "Ana").await.unwrap();
        assert!(experiment::begin(&app.core, shop.id, &tried, "Ana").await.is_err(), "one at a time");
        assert!(experiment::begin(&app.core, shop.id, &plan("none", Goal::Tap, Change::After(9)), "").await.is_err());
        for number in 0..12 {
            left(app, &shop, number).await;
        }
        app.pass(hours(1)).await;
        let texts = app.texts(&shop).await;
        assert_eq!(texts.len(), 12);
        let other = texts.iter().filter(|text| text.words.contains("once more")).count() as u64;
        assert!((1..12).contains(&other), "both ways are said");
        // Again by the same people: the same way, and nobody counts twice.
        app.pass(hours(24 * 8)).await;
        for number in 0..12 {
            let cart =
                json!({ "phone": format!("+386405551{number:02}"), "started_at": app.iso(), "updated_at": app.iso() });
            app.generic(&shop, "checkout.updated", app.checkout(&format!("d{number}"), cart)).await;
        }
        app.pass(hours(1)).await;
        for text in app.texts(&shop).await {
            let first = texts.iter().find(|first| first.to == text.to).unwrap();
            assert_eq!(first.words.contains("once more"), text.words.contains("once more"), "{}", text.to);
        }
        let report = {
            let experiment = found(app, &shop).await.remove(0);
            experiment::report(&mut app.read().await, &keys, &experiment, app.now()).await.unwrap()
        };
        let people: Vec<u64> = report.arms.iter().map(|arm| arm.people).collect();
        assert_eq!(people, [12 - other, other]);
        assert_eq!(report.arms.iter().map(|arm| arm.rate.of).sum::<u64>(), 12, "their days are over");
        assert!(app.cart_story(&shop, "c1").await.contains("text 1"));
        assert!(experiment::use_arm(&app.core, shop.id, id, 1).await.unwrap());
        assert!(!experiment::use_arm(&app.core, shop.id, id, 1).await.unwrap(), "it is over");
        let (after, _) = app.shop(shop.id).await;
        assert_eq!(after.rules.sequences[0].steps[0].text(Some("sl")), Some(WORDS));
        let ended = found(app, &shop).await.remove(0);
        assert_eq!((ended.ended_at, ended.winner), (Some(app.now()), Some(1)));
    })
    .await;
}

#[tokio::test]
async fn who_never_gets_the_later_text_counts_like_who_got_the_early_one() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        let (of_shop, keys) = app.shop(shop.id).await;
        let sequence = of_shop.rules.sequences[0].id.clone();
        let tried = plan(&sequence, Goal::Order, Change::After(600));
        let id = experiment::begin(&app.core, shop.id, &tried, "").await.unwrap();
        for number in 0..10 {
            left(app, &shop, number).await;
        }
        app.pass(minutes(60)).await;
        let early = app.texts(&shop).await.len() as u64;
        assert!((1..10).contains(&early));
        // Everybody buys before the later text.
        for number in 0..10 {
            let order = json!({ "checkout_token": format!("c{number}"), "placed_at": app.iso() });
            app.generic(&shop, "order.upserted", app.order(&format!("{number}"), &format!("c{number}"), order)).await;
        }
        app.pass(hours(24 * 8)).await;
        assert_eq!(app.texts(&shop).await.len() as u64, early);
        let experiment = found(app, &shop).await.remove(0);
        let report = experiment::report(&mut app.read().await, &keys, &experiment, app.now()).await.unwrap();
        let told: Vec<(u64, u64)> = report.arms.iter().map(|arm| (arm.rate.hits, arm.rate.of)).collect();
        assert_eq!(told, [(early, early), (10 - early, 10 - early)]);
        assert!(experiment::stop(&app.core, shop.id, id, "enough").await.unwrap());
        assert!(!experiment::stop(&app.core, shop.id, id, "enough").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_way_that_drives_people_off_is_stopped_by_itself() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        let (of_shop, keys) = app.shop(shop.id).await;
        let sequence = of_shop.rules.sequences[0].id.clone();
        let tried = plan(&sequence, Goal::Order, Change::Words(WORDS.into()));
        let id = experiment::begin(&app.core, shop.id, &tried, "").await.unwrap();
        // Sixty people of each way, and half of the other way's opt out.
        let (now, later) = (app.now(), app.now() + minutes(90));
        let out = OptOut { at: later, source: "story".into() };
        transact!(app.core.db, |tx| {
            for number in 0..120_usize {
                let phone = Phone::read(&format!("+38640444{number:03}"), &[]).unwrap();
                let person = consent::phone_index(&keys, &phone);
                let cart = CartId::new(app.core.fresh_id());
                store::experiment::enter(tx, &keys, (id, cart), &person, number % 2, now).await?;
                if number % 4 == 1 {
                    consent::opt_out(tx, &keys, &person, &out, later).await?;
                }
            }
        })
        .unwrap();
        app.pass(hours(24 * 6)).await;
        assert_eq!(found(app, &shop).await[0].stopped, BTreeMap::new(), "nobody's days are over yet");
        app.pass(hours(24 * 2)).await;
        assert_eq!(found(app, &shop).await[0].stopped, BTreeMap::from([(1, "opt_outs".to_owned())]));
        // Whoever is drawn into it from now on gets the step as it is.
        for number in 0..12 {
            left(app, &shop, number).await;
        }
        app.pass(hours(1)).await;
        let texts = app.texts(&shop).await;
        assert_eq!((texts.len(), texts.iter().filter(|text| text.words.contains("once more")).count()), (12, 0));
    })
    .await;
}

//! Work that comes round: once per occurrence whatever number of processes runs, and what it does to the rest.

use std::sync::Arc;

use cartback::{
    domain::{
        click::{Method, Opened},
        id::ShopId,
        link::{self, Purpose},
    },
    pipeline::{
        Core,
        follow::{self, Way},
        recurring::Recurring,
        renew::{Links, renew},
    },
    store::{identity, job, shop as shops},
    worker::Worker,
};
use serde_json::json;

use super::bodies::MOBILE;
use crate::app::{App, PHONE_AGENT, ZONE, hours, minutes, on_both};

async fn tick_all(workers: &mut [Worker]) {
    for _ in 0..200 {
        let mut done = 0;
        for worker in workers.iter_mut() {
            done += worker.tick().await.unwrap();
        }
        if done == 0 {
            return;
        }
    }
    panic!("the work never ends");
}

/// Every occurrence that was taken: `kind by process`.
async fn taken(app: &App, kind: &str) -> usize {
    let sql = format!("SELECT taken_by FROM recurring WHERE kind = '{kind}' AND shop_id = 1");
    crate::sql::rows(&app.core.db, &sql).await.len()
}

fn two_processes(app: &App) -> (Arc<Core>, Vec<Worker>) {
    let other = app.another_process(2);
    let workers = vec![App::worker_with_recurring(&app.core), App::worker_with_recurring(&other)];
    (other, workers)
}

#[tokio::test]
async fn f20_once_per_occurrence_with_two_processes() {
    on_both(async |app| {
        app.with_shop("generic").await;
        let (_, mut workers) = two_processes(app);
        for _ in 0..24 * 4 * 2 {
            tick_all(&mut workers).await;
            app.sleep(minutes(15));
        }
        tick_all(&mut workers).await;
        assert_eq!((taken(app, "retention").await, taken(app, "repair_rollups").await), (2, 2));
        assert_eq!(taken(app, "sweep").await, 24 * 4 * 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_missed_is_done_once_by_one() {
    on_both(async |app| {
        app.with_shop("generic").await;
        let (_, mut workers) = two_processes(app);
        tick_all(&mut workers).await;
        app.sleep(hours(24));
        tick_all(&mut workers).await;
        assert_eq!(taken(app, "retention").await, 1);
        // Nobody runs for ten days, then two start, one after the other, and again.
        drop(workers);
        app.sleep(hours(240));
        for _ in 0..3 {
            let (_, mut workers) = two_processes(app);
            tick_all(&mut workers).await;
        }
        assert_eq!(taken(app, "retention").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_sweep_finds_lost_work_and_only_that() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        let test = json!({ "test": true, "cart_token": null, "phone": "+38640555102" });
        app.generic(&shop, "checkout.updated", app.checkout("c2", test)).await;
        crate::sql::run(app, "DELETE FROM job").await;
        let mut worker = vec![Worker::new(app.core.clone(), vec![sweep()])];
        tick_all(&mut worker).await;
        app.sleep(minutes(20));
        worker[0].tick().await.unwrap();
        let mut read = app.read().await;
        let waiting = job::waiting(&mut read, shop.id).await.unwrap();
        drop(read);
        assert_eq!(waiting.iter().map(|(_, count)| count).sum::<u64>(), 1, "{waiting:?}");
        app.pass(minutes(20)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

fn sweep() -> Recurring {
    Recurring::defaults().into_iter().find(|each| each.kind.name() == "sweep").unwrap()
}

#[tokio::test]
async fn one_shop_that_cannot_be_read_does_not_stop_the_rest() {
    on_both(async |app| {
        let broken = app.with_shop_like("generic", &[("name", "Broken")]).await;
        let shop = app.with_shop("generic").await;
        app.with_house_gateway("log").await;
        for each in [&broken, &shop] {
            app.generic(each, "checkout.updated", app.checkout("c1", json!({}))).await;
        }
        crate::sql::run(app, "UPDATE shop SET rules = '{\"from_a_newer_version\":1}' WHERE shop_id = 1").await;
        // And a job of a kind this version does not know.
        crate::sql::run(app, "INSERT INTO job (shop_id, kind, subject_id, due_at) VALUES (1, 'of_tomorrow', 1, 1)")
            .await;
        let (_, mut workers) = two_processes(app);
        for _ in 0..8 {
            for worker in &mut workers {
                worker.tick().await.unwrap();
            }
            app.sleep(minutes(5));
        }
        let text = app.last_text(&shop).await;
        // A stop is heard by those who can hear.
        let house = app.with_house_gateway("log").await;
        let body = json!({ "type": "reply", "from": MOBILE, "text": "STOP", "id": "1" });
        app.call_back(&house, "", &[], &body.to_string()).await;
        for _ in 0..5 {
            workers[0].tick().await.unwrap();
        }
        assert!(app.cart_story(&shop, "c1").await.contains("text 1 accepted"));
        assert_eq!(text.step, 1);
        assert!(app.figures(&shop).await.contains("opt-outs 1"));
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn keys_are_renewed_and_old_links_still_work() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        app.change(&shop, &[("link_days", "90"), ("cart_days", "365")]).await;
        let (other, mut workers) = two_processes(app);
        tick_all(&mut workers).await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(30)).await;
        let text = app.last_text(&shop).await;
        let (_, before) = app.shop(shop.id).await;
        // The other process has opened the keys too, and keeps them open.
        let mut read = other.db.read().await.unwrap();
        assert_eq!(other.vault.keys(&mut read, shop.id).await.unwrap().newest(), 1);
        drop(read);
        app.sleep(hours(24 * 85));
        app.pass(minutes(1)).await;
        for _ in 0..10 {
            app.sleep(hours(24));
            workers[0].tick().await.unwrap();
        }
        tick_all(&mut workers[..1]).await;
        let (_, after) = app.shop(shop.id).await;
        assert_eq!((before.newest(), after.newest()), (1, 2));
        assert_eq!(
            identity::value(&before, identity::Kind::Phone, MOBILE),
            identity::value(&after, identity::Kind::Phone, MOBILE)
        );
        // Sealed with the new key by one process, read by the other; signed with the old one, still a link.
        let new = app.checkout("c2", json!({ "cart_token": null, "started_at": app.iso() }));
        app.generic(&shop, "checkout.updated", new).await;
        let mut read = other.db.read().await.unwrap();
        let (_, keys) = other.shop(&mut read, shop.id).await.unwrap().unwrap();
        assert!(cartback::store::cart::by_token(&mut read, &keys, "c2").await.unwrap().is_some());
        drop(read);
        assert_ne!(app.open(&text.token('r'), PHONE_AGENT).await, Way::Nowhere);
        app.pass(hours(24)).await;
        assert_eq!(app.last_text(&shop).await.token('r').len(), text.token('r').len());
        app.leave_work();
    })
    .await;
}

/// Somebody may have had the shop's key. What its links open is over at a word, in every process; what stops texts is not.
#[tokio::test]
async fn links_of_a_revoked_key_lead_nowhere_and_opt_outs_work() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        let (other, workers) = two_processes(app);
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(30)).await;
        let (text, opened) = (app.last_text(&shop).await, || Opened {
            method: Method::Get,
            agent: Some(PHONE_AGENT.into()),
            prefetch: false,
            at: app.now(),
        });
        let (_, first) = app.shop(shop.id).await;
        let reference = link::parse(&text.token('r')).unwrap().verify(&first, Purpose::Restore).unwrap();
        let stop = link::sign(&first, Purpose::OptOut, reference);
        let (there, taps) = (other.clone(), follow::Taps::new(other));
        let follow = async || taps.follow(&text.token('r'), opened()).await.unwrap();
        assert!(matches!(follow().await, Way::Checkout(_)));
        assert_eq!(renew(&app.core, shop.id, Links::Kept).await.unwrap(), Some(2));
        assert!(matches!(follow().await, Way::Checkout(_)), "a new key alone ends nothing");
        assert_eq!(renew(&app.core, shop.id, Links::Revoked).await.unwrap(), Some(3));
        assert_eq!(follow().await, Way::Nowhere);
        assert_eq!(app.open(&text.token('r'), PHONE_AGENT).await, Way::Nowhere);
        // The next text's link is signed by the new key.
        app.pass(hours(24)).await;
        let next = app.last_text(&shop).await;
        assert_ne!(next.words, text.words);
        assert!(matches!(taps.follow(&next.token('r'), opened()).await.unwrap(), Way::Checkout(_)));
        assert_eq!(renew(&there, ShopId::new(99), Links::Revoked).await.unwrap(), None);
        assert!(follow::opt_out(&app.core, &stop).await.unwrap().is_some());
        drop(workers);
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn old_carts_are_forgotten_and_what_they_earned_stays() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0"), ("cart_days", "20"), ("inbox_days", "10")]).await;
        app.with_gateway(&shop, "log").await;
        let mut workers = vec![App::worker_with_recurring(&app.core)];
        tick_all(&mut workers).await;
        app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
        app.pass(minutes(31)).await;
        app.tap(&app.last_text(&shop).await).await;
        let placed = json!({ "placed_at": app.iso() });
        app.generic(&shop, "order.upserted", app.order("1", "c1", placed.clone())).await;
        let before = app.figures(&shop).await;
        assert!(before.ends_with("EUR net 128.00"));
        for _ in 0..22 {
            app.sleep(hours(24));
            tick_all(&mut workers).await;
        }
        let cart = app.cart(&shop, "c1").await;
        assert!(cart.erased_at.is_some() && cart.latest.who == Default::default());
        assert_eq!(app.figures(&shop).await, before);
        // Weeks later half of it is sent back.
        let back = json!({ "placed_at": placed["placed_at"], "refunds": [{ "id": "r1", "amount": "64.00", "at": app.iso() }] });
        app.generic(&shop, "order.upserted", app.order("1", "c1", back)).await;
        assert!(app.figures(&shop).await.ends_with("EUR gross 128.00, EUR refunded 64.00, EUR net 64.00"));
    })
    .await;
}

#[tokio::test]
async fn figures_are_repaired_every_night() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let mut workers = vec![App::worker_with_recurring(&app.core)];
        tick_all(&mut workers).await;
        app.generic(&shop, "order.upserted", app.strangers_order("1", json!({}))).await;
        crate::sql::run(app, "DELETE FROM rollup").await;
        assert_eq!(app.figures(&shop).await, "");
        app.sleep(hours(24));
        tick_all(&mut workers).await;
        assert_eq!(app.figures(&shop).await, "orders 1");
        let (of_shop, keys) = app.shop(shop.id).await;
        assert_eq!(of_shop.zone, ZONE);
        assert!(shops::newest_key_at(&mut app.read().await, keys.shop()).await.unwrap().is_some());
    })
    .await;
}

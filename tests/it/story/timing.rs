//! When a text may go: in the recipient's own hours, never on a Sunday, within 48 hours, one a day to one phone.

use cartback::{
    domain::{connector::Refusal, standard_webhooks},
    pipeline::receive::Answer,
    store,
};
use serde_json::{Value, json};

use crate::app::{App, STANDARD_SECRET, Shopkeeper, hours, minutes, on_both};

async fn open(app: &App) -> Shopkeeper {
    let shop = app.with_shop("generic").await;
    app.with_gateway(&shop, "log").await;
    shop
}

async fn leave(app: &App, shop: &Shopkeeper, token: &str, change: Value) {
    app.generic(shop, "checkout.updated", app.checkout(token, change)).await;
}

#[tokio::test]
async fn at_night_it_waits_for_nine() {
    on_both(async |app| {
        let shop = open(app).await;
        app.pass(hours(12)).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(11)).await;
        assert_eq!(
            app.cart_story(&shop, "c1").await,
            "Tue 21:55 begun\n\
             Tue 22:30 abandoned\n\
             Tue 22:30 step 1: wait: mon-sat 09:00-20:00; no holidays in Europe/Ljubljana, opens 4 Mar 2026, 09:00\n\
             Wed 09:00 step 1: yes\n\
             Wed 09:00 text 1 accepted\n"
        );
    })
    .await;
}

#[tokio::test]
async fn on_a_sunday_it_waits_for_monday() {
    on_both(async |app| {
        let shop = open(app).await;
        // Saturday, 20:00.
        app.pass(hours(4 * 24 + 10)).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(36)).await;
        assert_eq!(app.texts(&shop).await, []);
        app.pass(hours(1)).await;
        // The second text's time came on Sunday too; a day's rest would take it past the cart's 48 hours.
        let too_late = "could go on 10 Mar 2026, 09:00 at the earliest, its time ends on 9 Mar 2026, 20:30";
        assert_eq!(
            app.cart_story(&shop, "c1").await,
            format!(
                "Sat 19:55 begun\n\
                 Sat 20:30 abandoned\n\
                 Sat 20:30 step 1: wait: mon-sat 09:00-20:00; no holidays in Europe/Ljubljana, opens 9 Mar 2026, 09:00\n\
                 Mon 09:00 step 1: yes\n\
                 Mon 09:00 step 2: no: {too_late}\n\
                 Mon 09:00 text 1 accepted\n"
            )
        );
    })
    .await;
}

#[tokio::test]
async fn a_text_that_cannot_go_in_time_is_dropped() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0"), ("give_up_after_hours", "8")]).await;
        app.with_gateway(&shop, "log").await;
        app.pass(hours(12)).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(100)).await;
        assert_eq!(
            app.cart_story(&shop, "c1").await,
            "Tue 21:55 begun\n\
             Tue 22:30 abandoned\n\
             Tue 22:30 step 1: no: could go on 4 Mar 2026, 09:00 at the earliest, its time ends on 4 Mar 2026, 06:30\n"
        );
    })
    .await;
}

#[tokio::test]
async fn f22_after_a_long_pause_of_ours_old_carts_are_let_go() {
    on_both(async |app| {
        let shop = open(app).await;
        leave(app, &shop, "c1", json!({})).await;
        app.sleep(hours(49));
        app.settle().await;
        assert!(app.cart_story(&shop, "c1").await.contains("step 1: no: its time ended on 5 Mar 2026, 10:30"));
        assert_eq!(app.messages(&shop).await, []);
        // Counted on the day it was abandoned, not on the day we looked.
        let report = app.report(&shop).await;
        let day = report.days.iter().find(|day| day.slice.counts.abandoned > 0).unwrap();
        assert_eq!(day.day, "2026-03-03");
    })
    .await;
}

#[tokio::test]
async fn the_recipients_hours_count_not_the_shops() {
    on_both(async |app| {
        let shop = open(app).await;
        app.change(&shop, &[("countries", "SI,US")]).await;
        // 10:30 in Ljubljana is 04:30 in New York, whose 09:00 is 15:00 here. There a consent must be a confirmed one.
        let consent = json!({ "state": "granted", "level": "confirmed_opt_in" });
        let there = json!({ "phone": "+12125250142", "country": "US", "region": "NY", "phone_country": "US",
            "consent": consent });
        leave(app, &shop, "c1", there).await;
        app.pass(hours(5)).await;
        let story = app.cart_story(&shop, "c1").await;
        assert!(story.contains("Tue 15:00 step 1: yes"), "{story}");
        let text = app.last_text(&shop).await;
        assert_eq!(text.to, "+12125250142");
    })
    .await;
}

#[tokio::test]
async fn one_phone_one_text_a_day() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        leave(app, &shop, "c1", json!({ "cart_token": null })).await;
        app.pass(minutes(45)).await;
        leave(app, &shop, "c2", json!({ "cart_token": null })).await;
        app.pass(hours(3)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        assert!(
            app.cart_story(&shop, "c2")
                .await
                .contains("wait: another text went to this phone; rests until 4 Mar 2026, 10:30")
        );
        app.pass(hours(24)).await;
        assert!(app.cart_story(&shop, "c2").await.ends_with("Wed 10:30 step 1: yes\nWed 10:30 text 1 accepted\n"));
    })
    .await;
}

#[tokio::test]
async fn who_is_active_again_is_left_alone() {
    on_both(async |app| {
        let shop = open(app).await;
        app.pass(hours(12)).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(10) + minutes(45)).await;
        // Wednesday, 08:45: back in the shop.
        leave(app, &shop, "c1", json!({})).await;
        app.pass(minutes(15)).await;
        assert_eq!(app.texts(&shop).await, []);
        app.pass(minutes(15)).await;
        assert!(app.cart_story(&shop, "c1").await.ends_with("Wed 09:15 step 1: yes\nWed 09:15 text 1 accepted\n"));
    })
    .await;
}

#[tokio::test]
async fn numbers_that_cannot_be_texted() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("countries", "SI,HR")]).await;
        app.with_gateway(&shop, "log").await;
        let numbers = [
            ("+38614771234", "not a mobile number"),
            ("12", "not a phone number"),
            ("+38640", "no such number in any of the countries it could be of"),
        ];
        for (number, (phone, why)) in numbers.into_iter().enumerate() {
            let token = format!("c{number}");
            let who = json!({ "phone": phone, "email": null, "customer_id": null, "cart_token": null });
            leave(app, &shop, &token, who).await;
            app.pass(minutes(30)).await;
            let story = app.cart_story(&shop, &token).await;
            assert!(story.contains(&format!("step 1: no: {why}")), "{phone} {story}");
        }
        // Where the shop could still say yes, it waits for that to its end.
        let there = json!({ "phone": "+12125250142", "email": null, "customer_id": null, "cart_token": null });
        leave(app, &shop, "us", there).await;
        app.pass(minutes(30)).await;
        let held = "step 1: wait: held: numbers of US are not among this shop's countries";
        assert!(app.cart_story(&shop, "us").await.contains(held));
        leave(app, &shop, "none", json!({ "phone": null, "email": null, "customer_id": null })).await;
        app.pass(hours(30)).await;
        assert_eq!(app.messages(&shop).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_clock_ahead_of_ours_neither_holds_back_nor_shuffles() {
    on_both(async |app| {
        let shop = open(app).await;
        let ahead = |by: u64| (app.now() + minutes(by)).to_string();
        // Two updates in the same minute of ours, from a shop ten minutes ahead; the older arrives last.
        leave(app, &shop, "c1", json!({ "updated_at": ahead(11), "total": "200.00" })).await;
        leave(app, &shop, "c1", json!({ "updated_at": ahead(10), "total": "100.00" })).await;
        let total = app.cart(&shop, "c1").await.latest.total.unwrap();
        assert_eq!(total.amount(), "200.00");
        app.pass(minutes(30)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        // A clock that is years ahead does not keep later news out for years.
        leave(app, &shop, "c2", json!({ "updated_at": "2099-01-01T00:00:00Z", "total": "1.00" })).await;
        app.pass(hours(2)).await;
        leave(app, &shop, "c2", json!({ "total": "2.00" })).await;
        assert_eq!(app.cart(&shop, "c2").await.latest.total.unwrap().amount(), "2.00");
    })
    .await;
}

/// The machine's clock is set, by hand or by a time server.
#[tokio::test]
async fn f29_a_clock_set_back_repeats_nothing_and_one_set_forward_is_noticed() {
    on_both(async |app| {
        let shop = open(app).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(1)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        for _ in 0..3 {
            app.clock.set(app.now() - hours(3));
            app.settle().await;
            app.pass(minutes(20)).await;
        }
        app.pass(hours(9)).await;
        assert_eq!((app.texts(&shop).await.len(), app.messages(&shop).await.len()), (1, 1));
        // Two hours ahead of the shop's, nothing signed with a time is believed, and that is said.
        let body = json!({ "type": "checkout.updated", "data": app.checkout("c2", json!({})) }).to_string();
        let at = app.now().seconds();
        let headers = vec![
            ("webhook-id".into(), "evt_late".into()),
            ("webhook-timestamp".into(), at.to_string()),
            ("webhook-signature".into(), standard_webhooks::sign(STANDARD_SECRET, "evt_late", at, body.as_bytes())),
        ];
        app.clock.set(app.now() + hours(2));
        assert_eq!(app.post(&shop, headers, body.as_bytes()).await, Answer::Refused(Refusal::WrongTime(7_200)));
        let connection = store::connection::find(&mut app.read().await, &shop.path).await.unwrap().unwrap();
        assert!(connection.refused_at.is_some());
    })
    .await;
}

//! Gateways on a bad day: whatever happens, nobody gets the same text twice, and what cannot be known is not guessed.

use std::time::Duration;

use cartback::{
    domain::{consent::OptOut, id::ShopId, message::MessageState, phone::Phone},
    pipeline::send,
    store::{
        self, consent,
        job::{self, Job},
    },
    transact,
};
use serde_json::json;

use crate::{
    app::{Account, App, Shopkeeper, hours, minutes, on_both},
    outside::Ends,
};

async fn open(app: &App, gateway: &str) -> (Shopkeeper, Account) {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    let account = app.with_gateway(&shop, gateway).await;
    (shop, account)
}

async fn leave(app: &App, shop: &Shopkeeper, number: u32) {
    let change =
        json!({ "phone": format!("+3864055520{number}"), "email": null, "customer_id": null, "cart_token": null });
    app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
}

#[tokio::test]
async fn f09_an_account_refused_pauses_the_gateway_with_one_alarm() {
    on_both(async |app| {
        let (shop, twilio) = open(app, "twilio").await;
        app.outside.next([Ends::Refused(20003)]);
        for number in 0..3 {
            leave(app, &shop, number).await;
            app.pass(minutes(1)).await;
        }
        app.pass(hours(2)).await;
        assert_eq!(app.outside.texts(), 1);
        let alarm = "Gateway Twilio is paused: it refused our account (20003); mend it and resume.";
        assert_eq!(app.alarms(shop.id).await, [alarm]);
        // Waiting is told once, not every quarter of an hour.
        let story = app.cart_story(&shop, "c2").await;
        assert_eq!(story.matches("wait: the gateway is paused").count(), 1, "{story}");
        assert!(send::resume_gateway(&app.core, shop.id, twilio.id).await.unwrap());
        assert!(!send::resume_gateway(&app.core, shop.id, twilio.id).await.unwrap());
        // Nor does a text wait for the end of one.
        app.settle().await;
        assert_eq!(app.outside.texts(), 4);
        assert_eq!(app.texts(&shop).await.len(), 3);
        assert_eq!(app.alarms(shop.id).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn no_gateway_yet() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        leave(app, &shop, 1).await;
        app.pass(hours(2)).await;
        assert!(app.cart_story(&shop, "c1").await.contains("wait: no gateway is connected"));
        app.with_house_gateway("log").await;
        app.settle().await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        assert_eq!(app.alarms(ShopId::HOUSE).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn f08_throttled_or_not_reached_it_goes_later() {
    on_both(async |app| {
        let (shop, _) = open(app, "twilio").await;
        app.outside.next([Ends::Throttled(Some(90)), Ends::NotConnected, Ends::Throttled(None)]);
        leave(app, &shop, 1).await;
        app.pass(minutes(30)).await;
        assert_eq!((app.outside.texts(), app.texts(&shop).await.len()), (1, 0));
        app.pass(Duration::from_secs(89)).await;
        assert_eq!(app.outside.texts(), 1);
        app.pass(Duration::from_secs(1)).await;
        assert_eq!(app.outside.texts(), 2);
        app.pass(minutes(10)).await;
        assert_eq!((app.outside.texts(), app.texts(&shop).await.len()), (4, 1));
        app.pass(hours(60)).await;
        assert_eq!(app.outside.texts(), 4);
    })
    .await;
}

/// A text that waits, because the gateway asked for a moment; what is written meanwhile is told to nobody.
async fn ends_unsent(state: &str, what: &str, meanwhile: impl AsyncFn(&App, &Shopkeeper)) {
    on_both(async |app| {
        let (shop, _) = open(app, "kannel").await;
        app.outside.next([Ends::Throttled(Some(300))]);
        leave(app, &shop, 1).await;
        app.pass(minutes(31)).await;
        assert_eq!(app.outside.texts(), 1);
        meanwhile(app, &shop).await;
        app.pass(hours(60)).await;
        let messages = app.messages(&shop).await;
        assert_eq!((app.outside.texts(), messages[0].0.state.name()), (1, state), "{what}: {:?}", messages[0].1);
    })
    .await;
}

/// The gates are asked once more as the text leaves, not only when it was decided on: nothing here calls it off.
#[tokio::test]
async fn what_waits_is_asked_about_again() {
    ends_unsent("cancelled", "an order", async |app, shop| {
        let (_, keys) = app.shop(shop.id).await;
        let mut cart = app.cart(shop, "c1").await;
        cart.bought_at = Some(app.now());
        transact!(app.core.db, |tx| store::cart::put(tx, &keys, &cart, None).await?).unwrap();
    })
    .await;
    ends_unsent("cancelled", "an opt-out", async |app, shop| {
        let (_, keys) = app.shop(shop.id).await;
        let phone = consent::phone_index(&keys, &Phone::read("+38640555201", &[]).unwrap());
        let out = OptOut { at: app.now(), source: "story".into() };
        transact!(app.core.db, |tx| consent::opt_out(tx, &keys, &phone, &out, app.now()).await?).unwrap();
    })
    .await;
    ends_unsent("expired", "a country that is held from now on", async |app, shop| {
        app.change(shop, &[("countries", "HR")]).await;
    })
    .await;
}

#[tokio::test]
async fn throttled_until_night_it_goes_in_the_morning() {
    on_both(async |app| {
        let (shop, _) = open(app, "kannel").await;
        // 19:10: abandoned at 19:40, and then throttled.
        app.pass(hours(9) + minutes(10)).await;
        app.outside.next([Ends::Throttled(Some(600))]);
        leave(app, &shop, 1).await;
        app.pass(hours(13)).await;
        assert_eq!((app.outside.texts(), app.texts(&shop).await.len()), (1, 0));
        app.pass(hours(2)).await;
        assert_eq!((app.outside.texts(), app.texts(&shop).await.len()), (2, 1));
        assert!(app.cart_story(&shop, "c1").await.ends_with("Wed 09:00 text 1 accepted\n"));
    })
    .await;
}

#[tokio::test]
async fn throttled_for_too_long_it_is_dropped() {
    on_both(async |app| {
        let (shop, _) = open(app, "kannel").await;
        app.outside.next(std::iter::repeat_n(Ends::NotConnected, 1_000));
        leave(app, &shop, 1).await;
        app.pass(hours(60)).await;
        let messages = app.messages(&shop).await;
        assert_eq!(messages[0].0.state.name(), "expired", "{:?}", messages[0].1);
        assert!(app.outside.texts() < 150, "{}", app.outside.texts());
    })
    .await;
}

/// However the exchange breaks, it is asked about and never sent again.
async fn becomes_unknown(gateway: &'static str, ends: Ends, why: &'static str) {
    on_both(async |app| {
        let (shop, account) = open(app, gateway).await;
        app.outside.next([ends.clone()]);
        leave(app, &shop, 1).await;
        app.pass(hours(1)).await;
        let story = app.cart_story(&shop, "c1").await;
        assert!(story.contains(&format!("text 1 unknown ({why})")), "{story}");
        app.pass(hours(60)).await;
        assert_eq!(app.outside.texts(), 1);
        assert!(!app.figures(&shop).await.contains("texts"));
        // A receipt, days later, tells: it had left then.
        if gateway != "twilio" {
            let text = app.last_text(&shop).await;
            app.receipt(&account, &text, "delivered").await;
            let story = app.cart_story(&shop, "c1").await;
            assert!(story.contains("Tue 10:30 text 1 accepted"), "{story}");
            assert!(app.figures(&shop).await.contains("texted 1, texts 1, delivered 1"));
        }
        assert_eq!(app.outside.texts(), 1);
    })
    .await;
}

#[tokio::test]
async fn f07_what_may_have_left_is_never_sent_again() {
    becomes_unknown("kannel", Ends::TimedOut, "no answer in time").await;
    becomes_unknown("kannel", Ends::HungUp, "the connection broke").await;
    becomes_unknown("kannel", Ends::Broken(502), "HTTP 502").await;
    becomes_unknown("twilio", Ends::Broken(500), "HTTP 500").await;
    becomes_unknown("twilio", Ends::Answers("gibberish".into()), "an answer that names no message").await;
}

#[tokio::test]
async fn a_look_up_finds_what_was_lost() {
    on_both(async |app| {
        let (shop, _) = open(app, "twilio").await;
        app.pass(minutes(1)).await;
        leave(app, &shop, 1).await;
        app.pass(minutes(29)).await;
        app.outside.next([Ends::TimedOut]);
        app.pass(minutes(1)).await;
        let text = app.last_text(&shop).await;
        let found = json!({ "messages": [{
            "sid": "SM00000000000000000000000000000077", "body": text.words, "status": "delivered", "direction": "outbound-api",
            "date_created": "Tue, 03 Mar 2026 09:31:01 +0000", "num_segments": "1", "price": "-0.0790", "price_unit": "USD",
            "error_code": null,
        }], "next_page_uri": null });
        app.outside.next([Ends::Broken(503), Ends::Answers(found.to_string())]);
        app.pass(minutes(10)).await;
        assert_eq!(app.outside.texts(), 1);
        assert_eq!(app.outside.requests().len(), 3);
        let story = app.cart_story(&shop, "c1").await;
        assert!(story.contains("Tue 10:31 text 1 accepted") && story.contains("text 1 delivered"), "{story}");
        assert_eq!(app.report(&shop).await.total.money.values().map(|sums| sums.cost_micros).sum::<i64>(), 79_000);
    })
    .await;
}

#[tokio::test]
async fn a_crash_between_intent_and_outcome() {
    on_both(async |app| {
        let (shop, account) = open(app, "kannel").await;
        leave(app, &shop, 1).await;
        app.pass(minutes(29)).await;
        app.sleep(minutes(1));
        app.outside.hold();
        tokio::select! {
            () = app.settle() => panic!("the gateway never answered"),
            () = app.outside.arrival() => {}
        }
        app.outside.let_go();
        app.settle().await;
        assert_eq!(app.last_text(&shop).await.state.name(), "sending");
        app.pass(minutes(10)).await;
        let text = app.last_text(&shop).await;
        assert_eq!(text.state.name(), "unknown");
        app.pass(hours(60)).await;
        assert_eq!(app.outside.texts(), 1);
        app.receipt(&account, &text, "delivered").await;
        assert_eq!(app.last_text(&shop).await.state.name(), "delivered");
    })
    .await;
}

/// What a process had claimed is free when the next one begins.
async fn begins_anew(app: &App) {
    let now = app.now();
    transact!(app.core.db, |tx| job::release_all(tx, now).await?).unwrap();
}

/// The sends that are due, claimed by a process that ends before it begins one of them.
async fn claimed_only(app: &App, shop: &Shopkeeper, claim: &str) -> Vec<Job> {
    let now = app.now();
    let jobs = transact!(app.core.db, |tx| job::claim(tx, shop.id, now, now + minutes(1), claim, 100).await?);
    begins_anew(app).await;
    jobs.unwrap().into_iter().filter(|job| job.kind == job::Kind::Send).collect()
}

#[tokio::test]
async fn f40_of_sends_that_may_have_ended_the_process_one_is_begun_at_a_time() {
    on_both(async |app| {
        let (shop, _) = open(app, "kannel").await;
        app.outside.next([Ends::Throttled(Some(1)), Ends::Throttled(Some(1)), Ends::Throttled(Some(1))]);
        for number in 1..=3 {
            leave(app, &shop, number).await;
        }
        app.pass(minutes(30)).await;
        app.sleep(minutes(1));
        for ended in 0..6 {
            assert_eq!(claimed_only(app, &shop, &format!("ended-{ended}")).await.len(), 3);
        }
        // The news of an earlier arrival is old.
        tokio::select! {
            biased;
            () = app.outside.arrival() => {}
            () = std::future::ready(()) => {}
        }
        app.outside.hold();
        tokio::select! {
            () = app.settle() => panic!("the gateway never answered"),
            () = app.outside.arrival() => {}
        }
        app.outside.let_go();
        begins_anew(app).await;
        let sends = claimed_only(app, &shop, "looks").await;
        let blamed: Vec<_> = sends.iter().filter(|job| job.attempt > job::SUSPECT).collect();
        assert_eq!((sends.len(), blamed.len()), (3, 1), "{sends:?}");
        app.settle().await;
        // The first three were turned away.
        assert_eq!(app.outside.texts(), 3 + 3);
        let mut states: Vec<_> = app.texts(&shop).await.iter().map(|text| text.state.name()).collect();
        states.sort_unstable();
        assert_eq!(states, ["accepted", "accepted", "unknown"]);
    })
    .await;
}

#[tokio::test]
async fn f19_two_workers_send_a_text_once() {
    on_both(async |app| {
        let (shop, _) = open(app, "twilio").await;
        for number in 0..9 {
            leave(app, &shop, number).await;
        }
        app.sleep(minutes(30));
        for _ in 0..20 {
            tokio::join!(app.tick_another(), app.tick_another(), app.tick_another());
        }
        app.settle().await;
        assert_eq!(app.outside.texts(), 9);
        assert_eq!(app.texts(&shop).await.len(), 9);
    })
    .await;
}

#[tokio::test]
async fn f11_receipts_come_in_any_order() {
    on_both(async |app| {
        let (shop, account) = open(app, "kannel").await;
        leave(app, &shop, 1).await;
        app.pass(minutes(30)).await;
        let text = app.last_text(&shop).await;
        app.pass(minutes(1)).await;
        for status in ["delivered", "accepted", "undelivered", "delivered", "expired"] {
            app.receipt(&account, &text, status).await;
        }
        assert_eq!(app.last_text(&shop).await.state.name(), "delivered");
        // One for a message of nobody, and one through another shop's gateway.
        let (other, foreign) = open(app, "kannel").await;
        leave(app, &other, 1).await;
        app.pass(minutes(30)).await;
        let mine = app.last_text(&other).await;
        app.receipt(&account, &mine, "undelivered").await;
        app.receipt(&foreign, &text, "undelivered").await;
        assert_eq!(app.last_text(&other).await.state.name(), "accepted");
        assert_eq!(app.last_text(&shop).await.state.name(), "delivered");
        assert_eq!(app.problems(&shop).await, []);
    })
    .await;
}

/// The gateway does not answer for six hours, and all the while carts fall due. `CARTBACK_DUE` sets how many.
#[tokio::test]
async fn f21_a_gateway_away_for_six_hours_is_not_stormed_and_nobody_is_texted_late_or_against_their_will() {
    let due = std::env::var("CARTBACK_DUE").ok().and_then(|count| count.parse().ok()).unwrap_or(60u32);
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        let phone = |number: u32| format!("+38640{:06}", 200_000 + number * 7);
        let whole =
            |number: u32| json!({ "phone": phone(number), "email": null, "customer_id": null, "cart_token": null });
        // As many fall due in each of the six hours.
        app.outside.next(vec![Ends::NotConnected; 1_000_000]);
        for number in 0..due {
            app.generic(&shop, "checkout.updated", app.checkout(&format!("c{number}"), whole(number))).await;
            if (number + 1) % (due / 6).max(1) == 0 {
                app.pass(hours(1)).await;
            }
        }
        let tried = app.outside.texts();
        // Not every text is tried again and again: once it is seen that nobody is there, one asks for all.
        assert!(tried < 2_000, "{tried} requests to a gateway that is away");
        assert!(app.texts(&shop).await.is_empty());
        // Meanwhile every third has bought, and every fifth wants no texts.
        for number in (0..due).step_by(3) {
            app.generic(
                &shop,
                "order.upserted",
                app.order(
                    &format!("o{number}"),
                    &format!("c{number}"),
                    json!({
                        "phone": phone(number), "email": null,
                    }),
                ),
            )
            .await;
        }
        for number in (0..due).step_by(5) {
            app.reply(&kannel, &phone(number), "STOP").await;
        }
        app.outside.forget();
        app.pass(hours(30)).await;
        let (mut sent, mut other) = (0, 0);
        for (text, moments) in app.messages(&shop).await.into_iter().filter(|(text, _)| text.step > 0) {
            let number = (text.to[6..].parse::<u32>().unwrap() - 200_000) / 7;
            let left = moments.may_have_left();
            assert!(!left || (number % 3 != 0 && number % 5 != 0), "{} bought or wrote STOP", text.to);
            assert!(!matches!(text.state, MessageState::Queued | MessageState::Sending), "{text:?}");
            sent += u32::from(left);
            other += u32::from(!left);
        }
        assert!(sent > 0 && other > 0, "{sent} sent, {other} not");
        println!("f21: {due} due, {tried} requests while it was away, {sent} sent afterwards, {other} not");
    })
    .await;
}

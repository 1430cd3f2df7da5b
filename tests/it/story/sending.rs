//! Sending well: which account takes a text, what happens when one does not answer or refuses us, at which pace texts
//! leave, and what they cost where nobody tells.

use std::{sync::Arc, time::Duration};

use cartback::{
    domain::{id::ShopId, link},
    gateway,
    pipeline::connect,
    store::{self, job},
    transact,
};
use serde_json::json;

use crate::{
    app::{Account, App, Shopkeeper, hours, minutes, on_both},
    outside::Ends,
    sql,
};

async fn open(app: &App) -> Shopkeeper {
    app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await
}

async fn set(app: &App, tenant: ShopId, account: &Account, changes: &[(&str, &str)]) {
    let keys = app.core.vault.keys(&mut app.read().await, tenant).await.unwrap();
    let found = store::gateway::get(&mut app.read().await, &keys, account.id).await.unwrap().unwrap();
    let kind = gateway::by_kind(&found.kind).unwrap();
    let all = found.settings.pairs().chain(changes.iter().copied());
    let all = all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let settings = gateway::sending::settings(kind, all).unwrap();
    connect::set_gateway(&app.core, tenant, account.id, &settings).await.unwrap();
}

async fn leave(app: &App, shop: &Shopkeeper, number: u32) {
    let change =
        json!({ "phone": format!("+386405550{number:02}"), "email": null, "customer_id": null, "cart_token": null });
    app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
}

/// How many texts each provider was given.
fn given(app: &App) -> (usize, usize) {
    let sent = app.outside.requests();
    let to = |part: &str| sent.iter().filter(|request| request.url.contains(part)).count();
    (to("/Messages.json"), to("sendsms"))
}

#[tokio::test]
async fn a_number_goes_through_the_account_that_serves_its_country() {
    on_both(async |app| {
        let shop = open(app).await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        let twilio = app.with_gateway(&shop, "twilio").await;
        // The newest would take it, if it served the country.
        set(app, shop.id, &twilio, &[("countries", "US, CA")]).await;
        leave(app, &shop, 1).await;
        app.pass(hours(1)).await;
        assert_eq!(given(app), (0, 1));
        // Of two that serve it the first in turn does.
        set(app, shop.id, &twilio, &[("countries", "SI"), ("turn", "2")]).await;
        set(app, shop.id, &kannel, &[("turn", "1")]).await;
        leave(app, &shop, 2).await;
        app.pass(hours(1)).await;
        assert_eq!(given(app), (0, 2));
        set(app, shop.id, &kannel, &[("turn", "3")]).await;
        leave(app, &shop, 3).await;
        app.pass(hours(1)).await;
        assert_eq!(given(app), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn nobody_serves_the_country() {
    on_both(async |app| {
        let shop = open(app).await;
        let twilio = app.with_gateway(&shop, "twilio").await;
        set(app, shop.id, &twilio, &[("countries", "US")]).await;
        leave(app, &shop, 1).await;
        app.pass(hours(1)).await;
        assert_eq!(given(app), (0, 0));
        assert!(app.cart_story(&shop, "c1").await.contains("wait: no gateway"));
        set(app, shop.id, &twilio, &[("countries", "")]).await;
        app.pass(minutes(15)).await;
        assert_eq!(given(app), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn an_account_that_is_refused_hands_over_at_once() {
    on_both(async |app| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        app.with_gateway(&shop, "twilio").await;
        app.outside.next([Ends::Refused(20003)]);
        leave(app, &shop, 1).await;
        app.pass(minutes(31)).await;
        assert_eq!(given(app), (1, 1));
        assert_eq!(app.texts(&shop).await.len(), 1);
        assert_eq!(app.alarms(shop.id).await.len(), 1, "its owner is told");
        // What follows does not try the one that is paused.
        leave(app, &shop, 2).await;
        app.pass(minutes(31)).await;
        assert_eq!(given(app), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn what_may_have_left_is_tried_nowhere_else() {
    on_both(async |app| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        app.with_gateway(&shop, "twilio").await;
        app.outside.next([Ends::TimedOut]);
        leave(app, &shop, 1).await;
        app.pass(hours(60)).await;
        assert_eq!(given(app).1, 0);
        assert_eq!(app.messages(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn answers_that_are_late_hold_up_no_other_text() {
    on_both(async |app| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        for number in 0..40 {
            leave(app, &shop, number).await;
        }
        // Eight of sixteen places, held from the first handful on.
        app.outside.next((0..8).map(|_| Ends::Late));
        let pass = app.pass(minutes(31));
        let look = async {
            while given(app).1 < 40 {
                app.outside.arrival().await;
            }
            let noted = app.texts(&shop).await.iter().filter(|text| text.state.name() == "accepted").count();
            // Those that left last may not be noted yet.
            assert!(noted >= 40 - 16, "{noted}");
            app.outside.let_go();
        };
        let both = async { tokio::join!(pass, look) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("the others wait for those that are late");
        let texts = app.texts(&shop).await;
        assert_eq!((texts.len(), given(app).1), (40, 40));
        assert!(texts.iter().all(|text| text.state.name() == "accepted"));
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_is_left_alone_and_comes_back_slowly() {
    on_both(async |app| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        for number in 0..40 {
            leave(app, &shop, number).await;
        }
        // Each of those at once fails, as nobody knows better yet; then one tries, alone, more and more rarely.
        app.outside.next(vec![Ends::NotConnected; 60]);
        app.pass(minutes(30)).await;
        let first = given(app).1;
        assert!((3..=20).contains(&first), "{first} tried at once");
        app.pass(minutes(10)).await;
        let probes = given(app).1 - first;
        assert!((2..=6).contains(&probes), "{probes} tried in ten minutes");
        assert_eq!(app.texts(&shop).await.len(), 0);
        // It is back.
        app.outside.forget();
        app.pass(hours(1)).await;
        assert_eq!(app.texts(&shop).await.len(), 40);
        let mut left: Vec<_> =
            app.messages(&shop).await.iter().filter_map(|(_, moments)| moments.accepted_at).collect();
        left.sort_unstable();
        let within = |span| left.iter().filter(|at| at.since(left[0]) < Duration::from_secs(span)).count();
        assert!(within(10) <= 14, "{} in ten seconds", within(10));
        // Those behind the first follow the pace as it comes back: fifteen in a quarter of a minute, thirty in the next.
        assert!(left[39].since(left[0]) < Duration::from_secs(45), "{:?}", left[39].since(left[0]));
    })
    .await;
}

#[tokio::test]
async fn a_text_that_waits_too_long_for_its_gateway_expires() {
    on_both(async |app| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        app.outside.next(vec![Ends::NotConnected; 500]);
        for number in 0..5 {
            leave(app, &shop, number).await;
        }
        app.pass(hours(60)).await;
        let states: Vec<_> = app.messages(&shop).await.iter().map(|(text, _)| text.state.name()).collect();
        assert_eq!(states, ["expired"; 5]);
        let tried = given(app).1;
        assert!(tried < 200, "{tried} times");
    })
    .await;
}

#[tokio::test]
async fn while_one_does_not_answer_another_serves() {
    on_both(async |app| {
        let shop = open(app).await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        app.with_gateway(&shop, "twilio").await;
        set(app, shop.id, &kannel, &[("turn", "1")]).await;
        for number in 0..20 {
            leave(app, &shop, number).await;
        }
        // Only it: what the others answer must not hang on who asks first.
        app.outside.receiver("kannel.example:13013", vec![Ends::NotConnected; 200]);
        app.pass(minutes(34)).await;
        assert_eq!(app.texts(&shop).await.len(), 20);
        let (twilio, kannel) = given(app);
        assert!(twilio >= 4 && kannel >= 3, "{twilio} and {kannel}");
        assert!(app.messages(&shop).await.iter().all(|(text, _)| text.state.name() == "accepted"));
    })
    .await;
}

#[tokio::test]
async fn texts_leave_at_the_pace_of_the_account() {
    on_both(async |app| {
        let shop = open(app).await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        set(app, shop.id, &kannel, &[("account_per_minute", "30")]).await;
        for number in 0..20 {
            leave(app, &shop, number).await;
        }
        app.pass(hours(2)).await;
        let mut left: Vec<_> =
            app.messages(&shop).await.iter().filter_map(|(_, moments)| moments.accepted_at).collect();
        left.sort_unstable();
        assert_eq!(left.len(), 20);
        // Half a minute's fifteen, the one under way and a second's worth.
        let most = left
            .iter()
            .map(|from| left.iter().filter(|at| *at >= from && at.since(*from) < Duration::from_secs(30)).count());
        assert!(most.max().unwrap() <= 17, "{left:?}");
        assert!(left[19].since(left[0]) < minutes(1), "none waits longer than it has to");
    })
    .await;
}

/// The operator gave the service another address, and the shop has a newer key and revoked the old one, while texts waited.
#[tokio::test]
async fn what_waits_leaves_with_its_links_at_the_address_we_have_now() {
    on_both(async |app| {
        let shop = open(app).await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        set(app, shop.id, &kannel, &[("account_per_minute", "1")]).await;
        for number in 0..4 {
            leave(app, &shop, number).await;
        }
        app.pass(minutes(31)).await;
        let before = app.texts(&shop).await;
        assert_eq!(before.len(), 2);
        let now = app.now();
        transact!(app.core.db, |tx| {
            app.core.vault.add_key(tx, shop.id, &[9; 32], now).await?;
            app.core.vault.revoke_links(tx, shop.id, now).await?;
        })
        .unwrap();
        let mut moved = app.another_process(2);
        Arc::get_mut(&mut moved).unwrap().public_url = "https://texts.lumen.example".into();
        let mut worker = App::worker_with_recurring(&moved);
        for _ in 0..4 {
            app.sleep(minutes(1));
            while worker.tick().await.unwrap() > 0 {}
        }
        let all = app.texts(&shop).await;
        assert_eq!(all.len(), 4);
        let (here, moved) =
            all.iter().partition::<Vec<_>, _>(|text| before.iter().any(|then| then.words == text.words));
        assert_eq!(moved.len(), 2);
        assert!(here.iter().all(|text| text.words.contains("https://cb.example/r/")), "{here:?}");
        for text in moved {
            let link = text.words.split("https://texts.lumen.example/r/").nth(1).unwrap_or_else(|| panic!("{text:?}"));
            let token = link.split_whitespace().next().unwrap();
            let (_, keys) = app.shop(shop.id).await;
            assert!(link::parse(token).unwrap().verify(&keys, link::Purpose::Restore).is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn a_line_is_formed_anew_when_the_pace_is_another() {
    on_both(async |app| {
        let shop = open(app).await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        set(app, shop.id, &kannel, &[("account_per_minute", "1")]).await;
        for number in 0..40 {
            leave(app, &shop, number).await;
        }
        app.pass(minutes(35)).await;
        let slowly = app.texts(&shop).await.len();
        assert!((2..=8).contains(&slowly), "{slowly}");
        // Thirty and more have their places, one a minute. Whatever else hurries them, they keep those.
        for shop in [shop.id, ShopId::HOUSE] {
            let now = app.core.now();
            transact!(app.core.db, |tx| job::hurry(tx, shop, job::Kind::Send, now).await?).unwrap();
        }
        app.pass(minutes(3)).await;
        assert_eq!(app.texts(&shop).await.len(), slowly + 3);
        // The account takes more now: nobody waits half an hour for a pace that is over, only for the last text's own minute.
        set(app, shop.id, &kannel, &[("account_per_minute", "600")]).await;
        app.pass(minutes(1) + Duration::from_secs(3)).await;
        assert_eq!(app.texts(&shop).await.len(), 40);
    })
    .await;
}

#[tokio::test]
async fn a_pause_that_one_text_was_asked_for_is_kept_by_all() {
    on_both(async |app| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        app.outside.next([Ends::Throttled(Some(600))]);
        leave(app, &shop, 1).await;
        app.pass(minutes(2)).await;
        leave(app, &shop, 2).await;
        app.pass(minutes(37)).await;
        // The second fell due after two minutes of the ten.
        assert_eq!(given(app).1, 1);
        app.pass(minutes(3)).await;
        assert_eq!((given(app).1, app.texts(&shop).await.len()), (3, 2));
    })
    .await;
}

#[tokio::test]
async fn a_day_of_a_cap_is_never_overdrawn() {
    on_both(async |app| {
        let shop = open(app).await;
        let id = app.with_gateway(&shop, "kannel").await.id;
        let take = async |day, parts| {
            transact!(app.core.db, |tx| store::circuit::take_of_day(tx, shop.id, id, day, parts, 5).await?).unwrap()
        };
        assert!(take(1, 2).await && take(1, 2).await);
        assert!(!take(1, 2).await);
        assert!(take(1, 1).await && !take(1, 1).await);
        assert!(take(2, 5).await);
    })
    .await;
}

#[tokio::test]
async fn a_price_list_counts_where_the_gateway_tells_none() {
    on_both(async |app| {
        let shop = open(app).await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        set(app, shop.id, &kannel, &[("prices", "SI 0.045, * 0.2"), ("price_currency", "EUR")]).await;
        leave(app, &shop, 1).await;
        app.pass(hours(1)).await;
        let (_, keys) = app.shop(shop.id).await;
        let text = app.last_text(&shop).await;
        let kept = store::message::get(&mut app.read().await, &keys, text.id).await.unwrap().unwrap();
        let cost = kept.cost.unwrap();
        assert_eq!(
            (cost.micros, cost.currency.code(), kept.cost_listed),
            (45_000 * i64::from(kept.segments), "EUR", true)
        );
    })
    .await;
}

/// A shop with a thousand carts due takes its turn like one with a single cart, and what it has waiting is not in between.
#[tokio::test]
async fn a_shop_with_much_to_do_holds_up_no_other() {
    on_both(async |app| {
        let (big, small) = (open(app).await, open(app).await);
        for shop in [&big, &small] {
            app.with_gateway(shop, "kannel").await;
        }
        let due = app.now();
        transact!(app.core.db, |tx| {
            // Of carts that are gone: whose turn it is does not depend on what is decided.
            for subject in 0..1_000 {
                job::schedule(tx, big.id, job::Kind::Decide, subject, due).await?;
            }
        })
        .unwrap();
        app.sleep(minutes(1));
        let now = app.now();
        transact!(app.core.db, |tx| job::schedule(tx, small.id, job::Kind::Decide, 7, now).await?).unwrap();
        app.tick_another().await;
        let mut read = app.read().await;
        assert_eq!(job::waiting(&mut read, small.id).await.unwrap(), []);
        let left: u64 = job::waiting(&mut read, big.id).await.unwrap().iter().map(|(_, count)| count).sum();
        assert!((900..1_000).contains(&left), "{left} of the busy shop's jobs are left");
        drop(read);
        app.settle().await;
    })
    .await;
}

/// What comes of a cart keeps its place among all that is due: a text leaves before the next cart is looked at, not after all.
#[tokio::test]
async fn a_text_has_the_place_of_its_cart() {
    on_both(async |app| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        leave(app, &shop, 1).await;
        app.settle().await;
        let due = async |kind: &str| {
            let found = sql::rows(
                &app.core.db,
                &format!("SELECT CAST(due_at AS TEXT) FROM job WHERE kind = '{kind}' ORDER BY due_at"),
            )
            .await;
            found.concat()
        };
        let abandoned = due("detect").await;
        app.sleep(minutes(50));
        app.tick_another().await;
        assert_eq!((due("decide").await, abandoned.len()), (abandoned.clone(), 1));
        app.tick_another().await;
        assert_eq!(due("send").await, abandoned);
        app.settle().await;
    })
    .await;
}

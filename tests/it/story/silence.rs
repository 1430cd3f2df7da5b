//! Silence: nothing says that something is wrong, and yet owners are told, once, and see it end by itself.

use cartback::{
    domain::{
        member::{Reach, Role},
        silence::Silence,
    },
    pipeline::{
        recurring::Recurring,
        team,
        watch::{self, Watch},
    },
    worker::Worker,
};
use serde_json::json;

use crate::{
    app::{Account, App, Engine, Shopkeeper, hours, minutes},
    outside::Ends,
    server::smtp::Server,
};

/// Plays a story with an owner who reads mail, and somebody who looks, on both engines.
async fn on_both(story: impl AsyncFn(&mut App, &Server, Watch)) {
    for engine in [Engine::Lite, Engine::Pg] {
        let server = Server::start().await;
        let Some(mut app) = App::start_posting(engine, Some(server.post())).await else { continue };
        team::invite(&app.core, "owner@team.example", "Olga", Role::Owner, &Reach::Every).await.unwrap();
        team::invite(&app.core, "reader@team.example", "Rudi", Role::Analyst, &Reach::Every).await.unwrap();
        // Without the sweeper: no story here has one, but for its own.
        let watch = Watch::new(&app.core, &[]);
        story(&mut app, &server, watch).await;
        app.end().await;
    }
}

async fn look(app: &App, watch: &mut Watch) -> Vec<Silence> {
    let seen = watch.look(&app.core, None).await;
    assert_eq!(app.core.board.read(), Some(seen.clone()), "whoever asks this process hears the same");
    seen.into_iter().map(|silent| silent.silence).collect()
}

/// Who was written to, and what about.
fn letters(server: &Server) -> Vec<(String, String)> {
    server.letters().iter().map(|letter| (letter.to.clone(), letter.header("subject"))).collect()
}

async fn standing(app: &App) -> Vec<String> {
    let standing = watch::standing(&app.core, &mut app.read().await).await.unwrap();
    standing.iter().map(|named| format!("{} {}", named.silent.silence.name(), named.name)).collect()
}

async fn open(app: &App) -> Shopkeeper {
    app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await
}

async fn leave(app: &App, shop: &Shopkeeper, number: u32) {
    let change =
        json!({ "phone": format!("+386405550{number:02}"), "email": null, "customer_id": null, "cart_token": null });
    app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
}

#[tokio::test]
async fn work_that_nobody_does_is_told_once_and_ends_by_itself() {
    on_both(async |app, server, mut watch| {
        let shop = open(app).await;
        assert_eq!(look(app, &mut watch).await, []);
        leave(app, &shop, 1).await;
        // Due half an hour later, and from then on nobody works.
        app.sleep(minutes(40));
        assert_eq!(look(app, &mut watch).await, [], "ten minutes are not long");
        app.sleep(minutes(1));
        assert_eq!(look(app, &mut watch).await, [Silence::Work]);
        let told = "Work is due and nobody has done it for 11\u{a0}min";
        assert_eq!(letters(server), [("owner@team.example".to_owned(), told.to_owned())]);
        assert_eq!(standing(app).await, ["work "]);
        app.sleep(minutes(30));
        // Another process looks, too: it tells nobody a second time.
        let mut other = Watch::new(&app.another_process(2), &[]);
        assert_eq!(look(app, &mut watch).await, [Silence::Work]);
        other.look(&app.core, None).await;
        assert_eq!((letters(server), standing(app).await), (vec![], vec!["work ".to_owned()]));
        app.settle().await;
        assert_eq!(look(app, &mut watch).await, []);
        assert_eq!((standing(app).await.len(), letters(server).len()), (0, 0));
    })
    .await;
}

/// After our own downtime all that is due is old: whoever does it is not silent, however long it takes.
#[tokio::test]
async fn old_work_that_is_being_done_is_no_silence() {
    on_both(async |app, _, _| {
        let shop = open(app).await;
        for number in 0..3 {
            leave(app, &shop, number).await;
            app.sleep(minutes(1));
        }
        app.sleep(hours(8));
        let mut watch = Watch::new(&app.core, &[]);
        assert_eq!(look(app, &mut watch).await, [], "it has only begun to look");
        for _ in 0..9 {
            app.sleep(minutes(1));
            assert_eq!(look(app, &mut watch).await, []);
        }
        app.sleep(minutes(2));
        assert_eq!(look(app, &mut watch).await, [Silence::Work], "nothing of it was done");
        app.settle().await;
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_takes_nothing_for_half_an_hour_is_named() {
    on_both(async |app, server, mut watch| {
        let shop = open(app).await;
        app.with_gateway(&shop, "kannel").await;
        for number in 0..5 {
            leave(app, &shop, number).await;
        }
        app.outside.next(vec![Ends::NotConnected; 40]);
        app.pass(minutes(59)).await;
        assert_eq!(look(app, &mut watch).await, []);
        app.pass(minutes(3)).await;
        assert_eq!(look(app, &mut watch).await, [Silence::Gateway]);
        let [(to, subject)] = letters(server).try_into().unwrap();
        assert!(to.starts_with("owner") && subject.contains(" has taken no texts for 3"), "{to}: {subject}");
        assert!(!standing(app).await[0].ends_with(' '), "it has a name");
        app.pass(hours(30)).await;
        assert_eq!(look(app, &mut watch).await, []);
    })
    .await;
}

/// Twenty people get a text each, over four hours; of the first `told` the gateway tells what became of them.
async fn day(app: &App, shop: &Shopkeeper, account: &Account, first: u32, told: usize) {
    for number in first..first + 20 {
        leave(app, shop, number).await;
        app.pass(minutes(12)).await;
    }
    app.pass(minutes(31)).await;
    let texts = app.texts(shop).await;
    assert_eq!(texts.len() as u32, first + 20, "every text left");
    for text in texts.iter().take(told) {
        app.receipt(account, text, "delivered").await;
    }
}

#[tokio::test]
async fn receipts_that_stop_are_noticed() {
    on_both(async |app, server, mut watch| {
        let shop = open(app).await;
        let account = app.with_gateway(&shop, "kannel").await;
        day(app, &shop, &account, 0, 20).await;
        app.pass(hours(48) - minutes(12 * 20 + 31)).await;
        assert!(!look(app, &mut watch).await.contains(&Silence::Receipts));
        day(app, &shop, &account, 20, 0).await;
        assert!(!look(app, &mut watch).await.contains(&Silence::Receipts), "they may still come");
        app.pass(hours(2)).await;
        server.letters();
        assert!(look(app, &mut watch).await.contains(&Silence::Receipts));
        let told = letters(server);
        assert!(told.iter().any(|(_, subject)| subject.contains("takes texts and has told of none for")), "{told:?}");
        for text in app.texts(&shop).await {
            app.receipt(&account, &text, "delivered").await;
        }
        app.pass(minutes(15)).await;
        assert!(!look(app, &mut watch).await.contains(&Silence::Receipts));
    })
    .await;
}

#[tokio::test]
async fn a_shop_whose_webhooks_stop_is_named() {
    on_both(async |app, server, mut watch| {
        let shop = open(app).await;
        for number in 0..40 {
            leave(app, &shop, number).await;
            app.pass(minutes(30)).await;
        }
        assert_eq!(look(app, &mut watch).await, []);
        app.pass(hours(3)).await;
        assert_eq!(look(app, &mut watch).await, [Silence::Webhooks]);
        assert_eq!(standing(app).await, ["webhooks Lumen & Oak"]);
        let [(_, subject)] = letters(server).try_into().unwrap();
        assert!(subject.starts_with("No webhook has come from Lumen & Oak for "), "{subject}");
        leave(app, &shop, 41).await;
        app.pass(minutes(15)).await;
        assert_eq!(look(app, &mut watch).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_sweeper_that_sleeps_is_noticed() {
    on_both(async |app, _, _| {
        open(app).await;
        let mut watch = Watch::new(&app.core, &Recurring::defaults());
        let mut worker = Worker::new(app.core.clone(), Recurring::defaults());
        for _ in 0..60 {
            worker.tick().await.unwrap();
            assert_eq!(look(app, &mut watch).await, []);
            app.sleep(minutes(1));
        }
        app.sleep(minutes(38));
        assert!(look(app, &mut watch).await.contains(&Silence::Sweep));
        worker.tick().await.unwrap();
        assert_eq!(look(app, &mut watch).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_fills_up_is_told_of() {
    on_both(async |app, server, mut watch| {
        watch.look(&app.core, Some((10, 100))).await;
        assert_eq!(letters(server), []);
        watch.look(&app.core, Some((9, 100))).await;
        assert_eq!(letters(server)[0].1, "Less than a tenth of the disk is free");
        watch.look(&app.core, Some((9, 100))).await;
        watch.look(&app.core, Some((50, 100))).await;
        assert_eq!((letters(server).len(), standing(app).await.len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_told_of_without_it() {
    for engine in [Engine::Lite, Engine::Pg] {
        let server = Server::start().await;
        let Some(app) = App::start_posting(engine, Some(server.post())).await else { continue };
        team::invite(&app.core, "owner@team.example", "Olga", Role::Owner, &Reach::Every).await.unwrap();
        let mut watch = Watch::new(&app.core, &[]);
        assert_eq!(look(&app, &mut watch).await, []);
        app.core.db.close().await;
        assert_eq!(look(&app, &mut watch).await, [], "it may be starting again");
        app.sleep(minutes(2));
        assert_eq!(look(&app, &mut watch).await, [Silence::Database]);
        app.sleep(minutes(1));
        assert_eq!(look(&app, &mut watch).await, [Silence::Database]);
        let told = "The database has not answered for 2\u{a0}min";
        assert_eq!(letters(&server), [("owner@team.example".to_owned(), told.to_owned())]);
    }
}

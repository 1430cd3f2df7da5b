//! Figures by mail: what a letter says, when it is due over the nights the clocks change, and that no period is told
//! twice whatever the mail server answers or when the process dies.

use cartback::{
    domain::{
        digest::Rhythm,
        id::UserId,
        member::{Reach, Role},
        time::Time,
    },
    pipeline::{
        digest::{self, NotDone},
        team,
    },
    store::{self, digest::Issue},
    transact,
    worker::Worker,
};
use serde_json::json;

use crate::{
    app::{App, Engine, Shopkeeper, hours, minutes},
    server::smtp::{Ends, Server},
};

/// Plays a story that reads mail on both engines.
async fn on_both(story: impl AsyncFn(&mut App, &Server)) {
    for engine in [Engine::Lite, Engine::Pg] {
        let server = Server::start().await;
        let Some(mut app) = App::start_posting(engine, Some(server.post())).await else { continue };
        story(&mut app, &server).await;
        app.end().await;
    }
}

const EMAIL: &str = "maja@team.example";

async fn reader(app: &App, email: &str, reach: Reach) -> UserId {
    team::invite(&app.core, email, "Maja", Role::Analyst, &reach).await.unwrap().0
}

async fn subscribed(app: &App, rhythm: Rhythm) -> (Shopkeeper, UserId) {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    let reader = reader(app, EMAIL, Reach::Every).await;
    digest::set(&app.core, shop.id, reader, rhythm, "en").await.unwrap();
    (shop, reader)
}

async fn issues(app: &App, shop: &Shopkeeper, reader: UserId) -> Vec<Issue> {
    store::digest::issues(&mut app.read().await, shop.id, reader, 100).await.unwrap()
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// A cart is left, its text tapped, and the order comes; some of it goes back.
async fn recover(app: &App, shop: &Shopkeeper) {
    app.generic(shop, "checkout.updated", app.checkout("won", json!({}))).await;
    app.pass(minutes(31)).await;
    let text = app.last_text(shop).await;
    app.pass(minutes(20)).await;
    app.tap(&text).await;
    app.pass(minutes(7)).await;
    app.generic(shop, "order.upserted", app.order("1093", "won", json!({}))).await;
    app.settle().await;
}

#[tokio::test]
async fn a_letter_says_what_the_report_says() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        app.with_gateway(&shop, "log").await;
        recover(app, &shop).await;
        assert_eq!(server.letters().len(), 0, "nothing is due before its time");
        // Until 8:00 of the next morning in Ljubljana.
        app.pass(at("2026-03-04T07:00:00Z").since(app.now())).await;
        let letters = server.letters();
        assert_eq!(letters.len(), 1);
        let letter = &letters[0];
        assert_eq!((letter.to.as_str(), letter.header("from").as_str()), (EMAIL, "Cartback <reports@cb.example>"));
        let answer = "€128 net came back on 3 Mar 2026, from 1 order";
        assert_eq!(letter.header("subject"), format!("Lumen & Oak: {answer}"));
        let text = letter.part("text/plain");
        for line in [
            answer,
            "Net: €128.00",
            "Gross: €128.00",
            "Refunded: €0.00",
            "Orders brought back: 1",
            "Carts left behind: 1",
            "Texts that went out: 1",
            "https://cb.example/report?shop=1&from=2026-03-03&to=2026-03-03",
            "every morning",
            "Europe/Ljubljana",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        let html = letter.part("text/html");
        for line in ["€128.00", "Lumen &#38; Oak", "<html lang=\"en\">", "from=2026-03-03"] {
            assert!(html.contains(line), "{line} is not in {html}");
        }
        let report = app.report(&shop).await;
        assert_eq!(report.total.money.values().map(|sums| sums.net_minor).sum::<i64>(), 12_800);
        assert_eq!(letter.header("list-unsubscribe-post"), "List-Unsubscribe=One-Click");
        assert!(letter.header("list-unsubscribe").starts_with("<https://cb.example/digest/stop/"));
        // The day after nothing happened, and a part goes back the day after that.
        app.pass(hours(24)).await;
        let quiet = server.letters().remove(0);
        assert!(quiet.header("subject").contains("Nothing happened on 4 Mar 2026"), "{}", quiet.header("subject"));
        assert!(!quiet.part("text/plain").contains("Gross"));
        assert_eq!(issues(app, &shop, reader).await.iter().filter(|issue| issue.sent_at.is_some()).count(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_week_stands_beside_the_week_before_in_the_readers_language() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Weekly).await;
        app.with_gateway(&shop, "log").await;
        recover(app, &shop).await;
        team::introduce(&app.core, reader, "Maja", "de").await.unwrap();
        // Two Mondays later.
        app.pass(at("2026-03-16T07:00:00Z").since(app.now())).await;
        let letters = server.letters();
        let subjects: Vec<String> = letters.iter().map(|letter| letter.header("subject")).collect();
        assert_eq!(subjects.len(), 2, "{subjects:?}");
        assert!(subjects[0].contains("netto kamen"), "{subjects:?}");
        let second = letters[1].part("text/plain");
        assert!(second.contains("Nichts geschah"), "{second}");
        assert!(letters[0].part("text/plain").contains("Netto: 128,00\u{a0}€"), "{}", letters[0].part("text/plain"));
    })
    .await;
}

#[tokio::test]
async fn the_nights_the_clocks_change_neither_skip_nor_double() {
    on_both(async |app, server| {
        for (day, expected) in [
            // Half past two does not exist on the 29th: the 30th tells of both days.
            ("2026-03-27T12:00:00Z", ["on 27 Mar 2026", "from 28 Mar 2026 to 29 Mar 2026", "on 30 Mar 2026"]),
            // It comes twice on the 25th, and is told once.
            ("2026-10-23T12:00:00Z", ["on 23 Oct 2026", "on 24 Oct 2026", "on 25 Oct 2026"]),
        ] {
            app.clock.set(at(day));
            let (shop, reader) = {
                let shop = app.with_shop("generic").await;
                let reader = reader(app, &format!("r{}@team.example", shop.id), Reach::Every).await;
                let rhythm = Rhythm::parse("own", "30 2 * * *").unwrap();
                digest::set(&app.core, shop.id, reader, rhythm, "en").await.unwrap();
                (shop, reader)
            };
            let until = if day.contains("-03-") { "2026-03-31T12:00:00Z" } else { "2026-10-26T12:00:00Z" };
            app.pass(at(until).since(app.now())).await;
            let letters = server.letters();
            let subjects: Vec<String> = letters.iter().map(|letter| letter.header("subject")).collect();
            assert_eq!(subjects.len(), 3, "{subjects:?}");
            for (subject, expected) in subjects.iter().zip(expected) {
                assert!(subject.contains(&format!("Nothing happened {expected}:")), "{subject}, not {expected}");
            }
            digest::stop(&app.core, shop.id, reader).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_put_off_is_tried_again_and_what_is_refused_is_not() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        server.next([Ends::Unreachable, Ends::Later, Ends::LaterAtTheEnd]);
        app.pass(at("2026-03-04T07:00:00Z").since(app.now())).await;
        let last = issues(app, &shop, reader).await.remove(0);
        assert_eq!((last.tries, last.is_over(), last.begun_at), (1, false, None));
        assert_eq!(server.letters().len(), 0);
        app.pass(minutes(4)).await;
        assert_eq!(server.calls(), 1, "it waits before it tries again");
        app.pass(minutes(1)).await;
        let last = issues(app, &shop, reader).await.remove(0);
        assert!(last.why.contains("451") && last.why.contains("Greylisted"), "{}", last.why);
        app.pass(minutes(10)).await;
        assert!(issues(app, &shop, reader).await[0].why.contains("452"));
        app.pass(minutes(20)).await;
        assert_eq!((server.letters().len(), server.calls()), (1, 4));
        let last = issues(app, &shop, reader).await.remove(0);
        assert_eq!((last.tries, last.why.as_str(), last.sent_at.is_some()), (4, "", true));

        server.next([Ends::Refused]);
        app.pass(hours(24)).await;
        let last = issues(app, &shop, reader).await.remove(0);
        assert!(last.refused_at.is_some() && last.why.contains("550"), "{last:?}");
        assert!(!last.why.contains('@'), "an address is in {}", last.why);
        assert_eq!((server.letters().len(), server.calls()), (0, 5));
        // The next morning is another issue.
        app.pass(hours(24)).await;
        assert_eq!(server.letters().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_mail_server_that_stays_away_is_given_up_for_the_next_issue() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        server.next([Ends::Unreachable; 40]);
        app.pass(at("2026-03-05T06:59:00Z").since(app.now())).await;
        let all = issues(app, &shop, reader).await;
        assert_eq!(all.len(), 1);
        assert!(all[0].refused_at.is_some() && all[0].tries < 20, "{all:?}");
        assert!(!all[0].why.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_may_have_arrived_is_not_sent_again() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        server.next([Ends::HungUp]);
        app.pass(at("2026-03-04T07:00:00Z").since(app.now())).await;
        app.pass(hours(20)).await;
        let last = issues(app, &shop, reader).await.remove(0);
        assert!(last.unknown_at.is_some() && last.why.contains("after the mail server had the letter"), "{last:?}");
        assert_eq!((server.letters().len(), server.calls()), (0, 1));

        // A process that notes its intent and dies.
        let begun = Issue {
            occurrence: at("2026-03-05T08:00:00Z"),
            due_at: at("2026-03-05T07:00:00Z"),
            tries: 1,
            begun_at: Some(at("2026-03-05T07:00:00Z")),
            sent_at: None,
            refused_at: None,
            unknown_at: None,
            why: String::new(),
        };
        let first = transact!(app.core.db, |tx| store::digest::begin(tx, shop.id, reader, &begun).await?).unwrap();
        let second = transact!(app.core.db, |tx| store::digest::begin(tx, shop.id, reader, &begun).await?).unwrap();
        assert_eq!((first, second), (true, false));
        app.pass(at("2026-03-05T07:00:00Z").since(app.now())).await;
        let last = issues(app, &shop, reader).await.remove(0);
        assert!(last.unknown_at.is_some() && last.why.contains("process ended"), "{last:?}");
        assert_eq!(server.calls(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_processes_send_one_letter_and_missed_ones_are_one() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        let other = app.another_process(2);
        app.sleep(hours(24 * 5));
        for core in [&app.core, &other] {
            while Worker::new(core.clone(), Vec::new()).tick().await.unwrap() > 0 {}
        }
        let letters = server.letters();
        assert_eq!(letters.len(), 1);
        // At ten on Sunday the newest is that morning's, about Saturday.
        assert!(letters[0].header("subject").contains("on 7 Mar 2026"), "{}", letters[0].header("subject"));
        assert_eq!(issues(app, &shop, reader).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_see_the_shop_any_more_gets_nothing() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        let other = app.with_shop("generic").await;
        team::change(&app.core, reader, Role::Analyst, &Reach::These([other.id].into())).await.unwrap();
        let gone = self::reader(app, "gone@team.example", Reach::Every).await;
        digest::set(&app.core, shop.id, gone, Rhythm::Daily, "en").await.unwrap();
        team::remove(&app.core, gone).await.unwrap();
        app.pass(hours(48)).await;
        assert_eq!((server.letters().len(), server.calls()), (0, 0));
        assert!(store::digest::list(&mut app.read().await, shop.id).await.unwrap().is_empty());
        let refused = digest::set(&app.core, shop.id, reader, Rhythm::Daily, "en").await;
        assert!(matches!(refused, Err(NotDone::NotTheirs)), "{refused:?}");
        let refused = digest::send_now(&app.core, shop.id, reader, "en").await;
        assert!(matches!(refused, Err(NotDone::NotTheirs)), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn the_link_in_a_letter_ends_it() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        digest::send_now(&app.core, shop.id, reader, "en").await.unwrap();
        let letter = server.letters().remove(0);
        let url = letter.header("list-unsubscribe");
        let token = url.trim_matches(['<', '>']).rsplit('/').next().unwrap().to_owned();
        assert!(letter.part("text/plain").contains(&format!("/digest/stop/{token}")));
        assert_eq!(digest::stop_page(&app.core, &token).await.unwrap().as_deref(), Some("Lumen & Oak"));
        assert!(store::digest::get(&mut app.read().await, shop.id, reader).await.unwrap().is_some());
        for _ in 0..2 {
            assert_eq!(digest::stop_by_link(&app.core, &token).await.unwrap().as_deref(), Some("Lumen & Oak"));
        }
        assert_eq!(digest::stop_by_link(&app.core, &token[1..]).await.unwrap(), None);
        app.pass(hours(48)).await;
        assert_eq!(server.letters().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn without_a_mail_server_there_are_none() {
    for engine in [Engine::Lite, Engine::Pg] {
        let Some(app) = App::start_posting(engine, None).await else { continue };
        let shop = app.with_shop("generic").await;
        let reader = reader(&app, EMAIL, Reach::Every).await;
        let refused = digest::set(&app.core, shop.id, reader, Rhythm::Daily, "en").await;
        assert!(matches!(refused, Err(NotDone::NoServer)), "{refused:?}");
        // It was set when somebody asked, and is not any more.
        let kept = store::digest::Digest {
            shop: shop.id,
            reader,
            rhythm: Rhythm::Daily,
            language: "en".into(),
            since: app.now(),
        };
        transact!(app.core.db, |tx| {
            store::digest::set(tx, &kept).await?;
            store::job::schedule(tx, shop.id, store::job::Kind::Digest, reader.get(), kept.since).await?;
        })
        .unwrap();
        app.pass(hours(24)).await;
        let last = issues(&app, &shop, reader).await.remove(0);
        assert_eq!((last.refused_at.is_some(), last.why.as_str()), (true, "No mail server is set up."));
        app.end().await;
    }
}

#[tokio::test]
async fn a_digest_whose_job_was_lost_is_found() {
    on_both(async |app, server| {
        let (shop, reader) = subscribed(app, Rhythm::Daily).await;
        transact!(app.core.db, |tx| store::job::cancel(tx, shop.id, store::job::Kind::Digest, reader.get()).await?)
            .unwrap();
        let mut worker = App::worker_with_recurring(&app.core);
        for _ in 0..24 * 2 {
            while worker.tick().await.unwrap() > 0 {}
            app.sleep(minutes(30));
        }
        assert_eq!(server.letters().len(), 1);
    })
    .await;
}

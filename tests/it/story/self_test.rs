//! The self-test: a made-up visit goes the whole way in a database of its own, its outcome is kept step by step, and
//! nothing of it is anywhere else. When something is broken, it says what.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use cartback::{
    domain::{
        id::ShopId,
        self_test::{Step, Verdict, Went},
    },
    pipeline::{
        Core,
        self_test::{self, Work},
    },
    store::{self, Error, self_test::Run},
    transact,
    worker::Worker,
};

use crate::{
    app::{App, Shopkeeper, on_both},
    sql,
};

/// Asks for a run and waits until it is over: it plays beside the worker.
async fn tested(app: &App, shop: ShopId) -> Run {
    let id = self_test::ask(&app.core, shop, false).await.unwrap();
    app.settle().await;
    for _ in 0..1_800 {
        let run = store::self_test::get(&mut app.read().await, shop, id).await.unwrap().unwrap();
        if run.ended_at.is_some() {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the self-test never ended");
}

fn told(run: &Run) -> String {
    run.lines.iter().map(|line| format!("{:?} {:?}: {}\n", line.step, line.went, line.words)).collect()
}

/// Every row of the real database that could be a trace of it.
async fn traces(app: &App, shop: &Shopkeeper) -> (usize, usize, usize, String) {
    (
        app.carts(shop).await.len(),
        app.messages(shop).await.len(),
        app.deliveries(shop).await.len(),
        app.figures(shop).await,
    )
}

#[tokio::test]
async fn every_platform_passes_and_leaves_no_trace() {
    on_both(async |app| {
        for kind in ["shopify", "woocommerce", "generic"] {
            let shop = app.with_shop(kind).await;
            // The real gateway must hear nothing of it.
            app.with_gateway(&shop, "twilio").await;
            let run = tested(app, shop.id).await;
            assert_eq!(run.verdict, Some(Verdict::Passed), "{kind}\n{}", told(&run));
            let steps: Vec<Step> = run.lines.iter().map(|line| line.step).collect();
            assert_eq!(steps, Step::ALL, "{kind}");
            assert_eq!(traces(app, &shop).await, (0, 0, 0, String::new()), "{kind}");
            assert!(app.alarms(shop.id).await.is_empty());
        }
        assert_eq!(app.outside.requests().len(), 0, "nobody outside was called");
        let shops = store::shop::ids(&mut app.read().await).await.unwrap();
        assert_eq!(shops.len(), 3, "no shop was added");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_its_stage() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        tested(app, shop.id).await;
        let left = match &app.home {
            crate::app::Home::Lite(folder) => std::fs::read_dir(folder.path())
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().contains("rehearsal"))
                .count(),
            crate::app::Home::Pg(_) => {
                let sql = "SELECT CAST(nspname AS TEXT) FROM pg_namespace WHERE nspname LIKE 'cartback_rehearsal%'";
                sql::rows(&app.core.db, sql).await.len()
            }
        };
        assert_eq!(left, 0);
    })
    .await;
}

#[tokio::test]
async fn where_the_law_wants_a_confirmation_it_is_given() {
    on_both(async |app| {
        let place = [("country", "US"), ("currency", "USD"), ("timezone", "America/New_York")];
        let shop = app.with_shop_like("shopify", &place).await;
        let run = tested(app, shop.id).await;
        assert_eq!(run.verdict, Some(Verdict::Passed), "{}", told(&run));
        let confirmed = run.lines.iter().find(|line| line.step == Step::Confirmed).unwrap();
        assert_eq!((confirmed.went, confirmed.words.contains("YES")), (Went::Well, true), "{}", confirmed.words);
    })
    .await;
}

#[tokio::test]
async fn it_plays_at_night_on_a_sunday_and_for_a_shop_that_is_not_set_up() {
    on_both(async |app| {
        // Sunday, 3 in the morning in Ljubljana.
        app.clock.set(cartback::domain::time::Time::parse("2026-03-08T02:00:00Z").unwrap());
        let typed = cartback::pipeline::connect::ShopTyped {
            kind: "shopify".into(),
            name: "Lumen & Oak".into(),
            country: "SI".into(),
            currency: "EUR".into(),
            zone: crate::app::ZONE.into(),
            settings: [("domain".to_owned(), "lumen-and-oak.myshopify.com".to_owned())].into(),
            ..Default::default()
        };
        // Neither key nor gateway, and paused: none of that is the pipeline's fault.
        let made = cartback::pipeline::connect::prepare_shop(&app.core, &typed).await.unwrap();
        let run = tested(app, made.shop).await;
        assert_eq!(run.verdict, Some(Verdict::Passed), "{}", told(&run));
    })
    .await;
}

#[tokio::test]
async fn a_shop_that_can_text_nobody_is_told_so() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("hours", "mon 09:00-09:30")]).await;
        let run = tested(app, shop.id).await;
        assert_eq!(run.verdict, Some(Verdict::NotPlayed), "{}", told(&run));
        assert!(run.lines[0].words.contains("nobody in SI may be texted"), "{}", run.lines[0].words);
        assert!(app.alarms(shop.id).await.is_empty(), "that is no failure of the service");
    })
    .await;
}

#[tokio::test]
async fn a_shop_whose_words_cannot_be_sent_fails_with_the_reason() {
    on_both(async |app| {
        // Letters that make a part short, in a name at the head of every text.
        let name = "Žlahtna šola čaja in žganja na koncu poti ob reki Savi";
        let shop = app.with_shop_like("generic", &[("parts_most", "1"), ("name", name)]).await;
        let run = tested(app, shop.id).await;
        assert_eq!(run.verdict, Some(Verdict::Failed), "{}", told(&run));
        let last = run.lines.last().unwrap();
        assert_eq!((last.step, last.went), (Step::Text, Went::Wrong), "{}", told(&run));
        let alarms = app.alarms(shop.id).await;
        assert_eq!(alarms.len(), 1);
        assert!(alarms[0].contains("failed at the step text"), "{alarms:?}");
        // Mended, it passes, and the alarm is over.
        app.change(&shop, &[("parts_most", "3"), ("name", "Lumen & Oak")]).await;
        let run = tested(app, shop.id).await;
        assert_eq!(run.verdict, Some(Verdict::Passed), "{}", told(&run));
        assert!(app.alarms(shop.id).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_night_plays_it_by_itself_and_keeps_the_last_thirty() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let mut worker = App::worker_with_recurring(&app.core);
        worker.tick().await.unwrap();
        app.sleep(crate::app::hours(24));
        while worker.tick().await.unwrap() > 0 {}
        let runs = store::self_test::list(&mut app.read().await, shop.id, 100).await.unwrap();
        assert_eq!((runs.len(), runs[0].nightly, runs[0].started_at.is_some()), (1, true, true));
        for _ in 0..40 {
            let id = app.core.fresh_id();
            transact!(app.core.db, |tx| store::self_test::ask(tx, shop.id, id, false, app.now()).await?).unwrap();
        }
        let kept = store::self_test::list(&mut app.read().await, shop.id, 100).await.unwrap();
        assert_eq!(kept.len(), 30);
        for _ in 0..1_800 {
            let runs = store::self_test::list(&mut app.read().await, shop.id, 100).await.unwrap();
            if runs.iter().all(|run| run.started_at.is_none() || run.ended_at.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// A worker that loses one kind of work, as a defect might.
struct Saboteur {
    worker: Worker,
    core: Arc<Core>,
    loses: &'static str,
}

impl Work for Saboteur {
    fn tick(&mut self) -> Pin<Box<dyn Future<Output = Result<usize, Error>> + Send + '_>> {
        Box::pin(async move {
            sql::change(&self.core.db, &format!("DELETE FROM job WHERE kind = '{}'", self.loses)).await.unwrap();
            self.worker.tick().await
        })
    }
}

/// What a run finds when this kind of work is lost.
async fn broken(app: &App, shop: ShopId, loses: &'static str) -> Run {
    let id = app.core.fresh_id();
    transact!(app.core.db, |tx| store::self_test::ask(tx, shop, id, false, app.now()).await?).unwrap();
    let saboteur = |core: Arc<Core>| Saboteur { worker: Worker::new(core.clone(), Vec::new()), core, loses };
    self_test::run(&app.core, shop, id, saboteur).await;
    store::self_test::get(&mut app.read().await, shop, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_broken_is_named() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let cases = [
            ("attribute", Step::Credit, "should be €123.45, is €0.00"),
            ("detect", Step::Abandoned, "is never"),
            ("decide", Step::Text, "nobody decided about it"),
            ("judge", Step::Preview, "should not count as a person"),
            ("rollup", Step::Report, "carts left should be 1 and is 0"),
            ("ingest", Step::Cart, "there is none"),
        ];
        for (loses, step, words) in cases {
            let run = broken(app, shop.id, loses).await;
            assert_eq!(run.verdict, Some(Verdict::Failed), "{loses}\n{}", told(&run));
            let first = run.lines.iter().find(|line| line.went == Went::Wrong).unwrap();
            assert_eq!(first.step, step, "{loses}\n{}", told(&run));
            assert!(first.words.contains(words), "{loses}: {}", first.words);
            let alarms = app.alarms(shop.id).await;
            assert!(alarms.len() == 1 && alarms[0].contains(words), "{loses}: {alarms:?}");
        }
        let mended = tested(app, shop.id).await;
        assert_eq!(mended.verdict, Some(Verdict::Passed), "{}", told(&mended));
        assert!(app.alarms(shop.id).await.is_empty());
    })
    .await;
}

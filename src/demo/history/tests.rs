//! A few busy days, lived through on a real database, and what the books say afterwards.

use std::collections::BTreeSet;

use super::*;
use crate::{
    app::App,
    config::Config,
    demo::stall,
    domain::{id::OrderId, report::Report, time::DAY},
    http::{Exchange, Http, HttpError, Request},
    pipeline::report::report,
    store,
};

struct NoHttp;

impl Http for NoHttp {
    fn exchange(&self, _: Request) -> Exchange<'_> {
        Box::pin(async { Err(HttpError::NotSent("there is no network".into())) })
    }
}

struct Lives {
    app: App,
    stalls: Vec<Stall>,
    play: Play,
    lived: Lived,
    _folder: tempfile::TempDir,
}

async fn lived(length: Length) -> Lives {
    let folder = tempfile::tempdir().unwrap();
    let until = Time::parse("2026-11-18T09:00:00Z").unwrap();
    let clock = Arc::new(FastClock::standing(start(until, length)));
    let config = Config { plain_links: true, ..Config::in_folder(folder.path()) };
    let app = App::open(&config, clock.clone(), Arc::new(NoHttp)).await.unwrap();
    app.core.db.wait_for_disk(false).await.unwrap();
    stall::connect(&app.core).await.unwrap();
    let stalls = stall::find(&app.core).await.unwrap();
    let mut play = Play::new(11, &app.core.public_url, [1_000, 400]);
    plan(&mut play, &stalls, until, length);
    let past = Past { core: &app.core, clock: &clock, inbox: &app.inbox, stalls: &stalls };
    let lived = past.live(&mut play, &mut Phones::default(), until, |_, _| {}).await.unwrap();
    Lives { app, stalls, play, lived, _folder: folder }
}

async fn books(lives: &Lives, shop: usize) -> Report {
    report(&lives.app.core, lives.stalls[shop].shop, 90, 0).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_few_busy_days_leave_true_books() {
    let lives = lived(Length { days: 8, bustle: 4 }).await;
    let core = &lives.app.core;
    let mut read = core.db.read().await.unwrap();

    let due = job::next_due(&mut read).await.unwrap();
    assert!(due.is_none_or(|due| due > core.now()), "work is left: {due:?}");
    for stall in &lives.stalls {
        let orphans = store::sweep::orphans(&mut read, stall.shop, core.now() - DAY * 30, core.now()).await.unwrap();
        assert_eq!(orphans, [], "work without a job");
        let keys = core.vault.keys(&mut read, stall.shop).await.unwrap();
        assert_eq!(store::alarm::standing(&mut read, &keys).await.unwrap(), []);
        let problems = store::inbox::list(
            &mut read,
            stall.shop,
            store::inbox::Filter::Unreadable,
            crate::domain::id::DeliveryId::new(i64::MAX),
            9,
        );
        assert_eq!(problems.await.unwrap().len(), 0);
    }

    let euros = books(&lives, 0).await;
    let (counts, sums) = (&euros.total.counts, euros.total.money.values().next().unwrap());
    assert_eq!(euros.total.money.len(), 1, "one shop, one currency");
    assert!(counts.abandoned > 100 && counts.reachable < counts.abandoned, "{counts:?}");
    assert!(counts.carts_texted <= counts.reachable && counts.carts_texted > 50, "{counts:?}");
    assert!(counts.delivered < counts.texts && counts.clicked < counts.delivered, "{counts:?}");
    for (what, count) in [
        ("recovered", counts.recovered_orders),
        ("assisted", counts.assisted_orders),
        ("opted out", counts.opt_outs),
        ("refunded", sums.refunded_minor),
    ] {
        assert!(count > 0, "nothing was {what}: {counts:?} {sums:?}");
    }
    assert_eq!(sums.net_minor, sums.gross_minor - sums.refunded_minor);
    assert!(counts.orders > counts.recovered_orders + counts.assisted_orders);
    let other = books(&lives, 1).await;
    assert_eq!(other.total.money.keys().map(|currency| currency.code()).collect::<Vec<_>>(), ["CHF"]);
    assert!(lives.lived.texts >= counts.texts as u64);
}

/// What was credited is what the play meant, and never more than the shop's own orders.
#[tokio::test]
async fn credits_never_exceed_orders_and_follow_what_went_back() {
    let lives = lived(Length { days: 4, bustle: 3 }).await;
    let core = &lives.app.core;
    let mut read = core.db.read().await.unwrap();
    let (mut credited, mut seen) = (0, BTreeSet::new());
    for visit in &lives.play.visits {
        let Some(order) = &visit.order else { continue };
        let keys = core.vault.keys(&mut read, lives.stalls[visit.shop].shop).await.unwrap();
        let stored = store::order::by_external_id(&mut read, &keys, &order.id.to_string()).await.unwrap();
        let stored = stored.unwrap_or_else(|| panic!("{} was told and is not there", order.name()));
        assert!(seen.insert((visit.shop, stored.id)), "two orders became one");
        assert_eq!(stored.latest.total, order.total());
        let id: OrderId = stored.id;
        let lines = store::credit::of_order(&mut read, &keys, id).await.unwrap();
        let sum: i64 = lines.iter().map(|line| line.entry.amount_minor).sum();
        let back: i64 = order.refunded.iter().map(|refund| refund.minor).sum();
        let kept = if order.cancelled_at.is_some() { 0 } else { order.total().minor - back };
        assert!(lines.is_empty() || sum == kept, "{} is worth {kept}, credited {sum}", order.name());
        assert!(store::credit::evidence(&mut read, &keys, id).await.unwrap().is_some());
        assert!(!order.till || lines.is_empty(), "a till earned something");
        credited += usize::from(!lines.is_empty());
    }
    assert!(credited > 5, "only {credited} credited");
}

#[tokio::test]
async fn the_same_seed_is_the_same_past() {
    let length = Length { days: 2, bustle: 2 };
    let (one, two) = (lived(length).await, lived(length).await);
    assert_eq!(one.lived, two.lived);
    assert_eq!(books(&one, 0).await, books(&two, 0).await);
}

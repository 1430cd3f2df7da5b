//! A process ends at every step of a cart's whole life, one step per life: nothing acknowledged is lost, nothing is done
//! twice, and what comes out is what would have come out.

use std::{collections::VecDeque, sync::atomic::Ordering, time::Duration};

use cartback::{
    domain::{connector::Delivery, message::MessageState, standard_webhooks, time::Time},
    pipeline::receive::{Answer, Side},
    store::{self, job},
    transact,
};
use serde_json::{Value, json};

use super::world::{Came, Carrier, Telling, World};
use crate::{
    app::{App, Engine, STANDARD_SECRET, START, Shopkeeper, hours, minutes},
    story::bodies::with,
};

/// Every so many-th step is one at which the process ends; each run begins elsewhere. `CARTBACK_EVERY_END=1` tries them all.
const STRIDE: usize = 5;

struct Act<'a> {
    app: &'a App,
    world: World<'a>,
    shop: Shopkeeper,
    steps: usize,
    ends_at: Option<usize>,
}

impl Act<'_> {
    /// Until whatever was begun is over; none when the process ended first.
    async fn finish(&mut self, mut came: Came) -> Option<Came> {
        while matches!(came, Came::Waiting) {
            if self.ends_at == Some(self.steps) {
                self.steps += 1;
                self.world.kill(0).await;
                return None;
            }
            self.steps += 1;
            came = self.world.go_on(0).await.1;
        }
        Some(came)
    }

    /// Tells it as often as it takes.
    async fn tell(&mut self, telling: &Telling) {
        loop {
            let came = self.world.tell(0, telling.clone()).await;
            if let Some(came) = self.finish(came).await {
                assert!(matches!(came, Came::Answered(0, Answer::Taken { .. })));
                return;
            }
        }
    }

    async fn event(&mut self, id: &str, kind: &str, data: Value) {
        let (at, body) =
            (self.app.now(), json!({ "type": kind, "timestamp": self.app.iso(), "data": data }).to_string());
        let signature = standard_webhooks::sign(STANDARD_SECRET, id, at.seconds(), body.as_bytes());
        let delivery = Delivery {
            method: "POST".into(),
            url: format!("https://cb.example/hook/shop/{}", self.shop.path),
            headers: vec![
                ("webhook-id".into(), id.into()),
                ("webhook-timestamp".into(), at.seconds().to_string()),
                ("webhook-signature".into(), signature),
            ],
            body: body.into_bytes(),
            received_at: at,
        };
        self.tell(&Telling { side: Side::Shop, path: self.shop.path.clone(), delivery }).await;
    }

    async fn work(&mut self) {
        loop {
            let came = self.world.tick(0).await;
            if let Some(Came::Ticked(0)) = self.finish(came).await {
                return;
            }
        }
    }

    async fn pass(&mut self, span: Duration) {
        let until = self.app.now() + span;
        loop {
            self.work().await;
            let next = job::next_due(&mut self.app.read().await).await.unwrap();
            match next {
                Some(next) if next <= until => self.app.clock.set(next.max(self.app.now())),
                _ => break,
            }
        }
        self.app.clock.set(until);
        self.work().await;
    }
}

/// What became of one life, and how many steps it took.
async fn live(app: &App, round: usize, ends_at: Option<usize>) -> (String, usize) {
    app.clock.set(Time::parse(START).unwrap());
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "30")]).await;
    let account = app.with_gateway(&shop, "kannel").await;
    let carrier = Carrier::new(1, app.clock.clone());
    carrier.calm.store(true, Ordering::Relaxed);
    let world = World::new(app, carrier, 1, i64::try_from(round % 20).unwrap() * 50);
    let mut act = Act { app, world, shop: shop.clone(), steps: 0, ends_at };
    // Numbers are texted once a day.
    let who = json!({ "phone": format!("+38640{:06}", 100_000 + round), "email": null, "customer_id": null });
    act.event("evt_1", "checkout.updated", app.checkout("c1", with(&who, json!({ "cart_token": null })))).await;
    act.pass(minutes(62)).await;
    let taken: VecDeque<_> = act.world.carrier.taken().into();
    assert!(taken.len() <= 1, "an end at step {ends_at:?}: taken {} times", taken.len());
    if let Some((reference, _)) = taken.front() {
        let delivery = Delivery {
            method: "GET".into(),
            url: format!("https://cb.example/hook/sms/{}?ref={reference}&type=1&fid=f1&answer=&ts=1", account.path),
            headers: Vec::new(),
            body: Vec::new(),
            received_at: app.now(),
        };
        act.tell(&Telling { side: Side::Gateway, path: account.path.clone(), delivery }).await;
        act.pass(minutes(2)).await;
        let token = app.last_text(&shop).await.token('r');
        loop {
            let came = act.world.tap(0, token.clone()).await;
            if act.finish(came).await.is_some() {
                break;
            }
            // A person who sees an error takes a breath before the next try.
            act.pass(Duration::from_secs(20)).await;
        }
        act.pass(minutes(2)).await;
    }
    let order = with(&app.order("7001", "c1", json!({})), who);
    act.event("evt_2", "order.upserted", order.clone()).await;
    act.pass(minutes(5)).await;
    let refund = json!({ "status": "refunded", "updated_at": app.iso(),
                         "refunds": [{ "id": "r1", "amount": "28.00", "at": app.iso() }] });
    act.event("evt_3", "order.upserted", with(&order, refund)).await;
    act.pass(hours(1)).await;

    let steps = act.steps;
    assert_eq!(act.world.carrier.taken().len(), taken.len(), "an end at step {ends_at:?}: texted again");
    let mut told = app.figures(&shop).await;
    for (text, moments) in app.messages(&shop).await {
        let state = moments.state();
        assert!(
            !matches!(state, MessageState::Queued | MessageState::Sending),
            "an end at step {ends_at:?}: {state:?}"
        );
        told += &format!("; text {} {state:?}", text.step);
    }
    let kept = app.deliveries(&shop).await;
    assert!(kept.iter().all(|line| line.done_at.is_some() && line.problem.is_empty()), "step {ends_at:?}: {kept:?}");
    let id = shop.id;
    transact!(app.core.db, |tx| store::erase::shop(tx, id).await?).unwrap();
    (told, steps)
}

#[tokio::test]
async fn f01_f02_f03_f04_f05_f06_an_end_at_any_step_loses_nothing_and_does_nothing_twice() {
    let app = App::start(Engine::Lite).await.unwrap();
    let (clean, steps) = live(&app, 0, None).await;
    assert!(clean.contains("recovered 1") && clean.contains("EUR net 100.00"), "{clean}");
    let stride = super::number("CARTBACK_EVERY_END").map_or(STRIDE, |each| usize::try_from(each).unwrap());
    let first = usize::from(cartback::clock::random::<1>()[0]) % stride;
    let (mut lives, mut unknown) = (0, 0);
    for (round, step) in (first..steps).step_by(stride).enumerate() {
        let (told, _) = live(&app, round + 1, Some(step)).await;
        lives += 1;
        // Between the note that it leaves and the answer nobody can know.
        if told.contains("Unknown") {
            unknown += 1;
            assert!(!told.contains("recovered"), "an end at step {step}: {told}");
        } else {
            assert_eq!(told, clean, "an end at step {step}");
        }
    }
    println!("{lives} lives of {steps} steps with an end in each, {unknown} with a text nobody knows of");
    assert!(unknown <= 2, "{unknown} texts are unknown: only two steps lie between intent and request");
}

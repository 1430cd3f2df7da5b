//! Races: a no (an opt-out, an order) against a yes, with two processes at work on one database. Once the no is committed,
//! nothing that had not left may leave.
//!
//! Each cart is one race: it falls due while two workers are at it, and the no about it comes at once or a moment later, so
//! that every meeting happens: before the decision, between decision and intent, after the intent. `CARTBACK_RACES` sets how
//! many of each kind are run on each database; 10,000 are what a release is tried with.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cartback::{
    domain::{
        cart::{Cart, Revision},
        event::{CartUpdate, Channel, ConsentProof, ConsentState, Identity, Item, TypedPhone},
        id::{CartId, DeliveryId},
        money::{Currency, Money},
        phone::Phone,
        time::{MINUTE, Time},
    },
    pipeline::{Core, ingest, receive::Answer, reply},
    store::{self, identity, job, message},
    transact,
    worker::Worker,
};
use serde_json::json;

use crate::{
    app::{App, Engine, Shopkeeper},
    sql,
};

const RACES: u32 = 300;
const ROUND: u32 = 100;
const COMES_BACK_TIMES: usize = 20;
const BREATH: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum No {
    OptOut,
    Order,
}

impl No {
    /// How many carts fall due between one and the no about it.
    fn lag(self, round: u32) -> usize {
        let lags = match self {
            No::OptOut => [6, 0, 12],
            No::Order => [0, 8, 80],
        };
        lags[round as usize % lags.len()]
    }
}

fn races() -> u32 {
    std::env::var("CARTBACK_RACES").ok().and_then(|count| count.parse().ok()).unwrap_or(RACES)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f17_an_opt_out_wins_against_a_text_on_sqlite() {
    run(Engine::Lite, No::OptOut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f17_an_opt_out_wins_against_a_text_on_postgresql() {
    run(Engine::Pg, No::OptOut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f16_an_order_wins_against_a_text_on_sqlite() {
    run(Engine::Lite, No::Order).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f16_an_order_wins_against_a_text_on_postgresql() {
    run(Engine::Pg, No::Order).await;
}

async fn run(engine: Engine, no: No) {
    let Some(mut app) = App::start(engine).await else { return };
    // Nothing but the no may hold a text back here.
    let wide = [
        ("steps_after_minutes", "0"),
        ("limits.per_prefix_hour", "1000"),
        ("limits.texts_per_hour", "100000"),
        ("limits.quiet_texts", "100000"),
        ("limits.spend_per_day_micros", "1000000000000"),
        ("limits.least_seconds", "0"),
        ("limits.allow_tests", "yes"),
    ];
    let shop = app.with_shop_like("generic", &wide).await;
    app.with_gateway(&shop, "log").await;
    let other = app.another_process(7);
    let rounds = races().div_ceil(ROUND);
    let mut tally = [0_u32; 3];
    for round in 0..rounds {
        let carts = abandoned(&app, &shop, round).await;
        let seen = meet(&app, &other, &shop, no, &carts, no.lag(round)).await;
        for (cart, left_before) in seen {
            let left = has_left(&app.core, &shop, cart).await;
            assert!(left_before || !left, "a text of {cart} left after the {no:?} was committed (round {round})");
            tally[usize::from(left_before) + usize::from(has_message(&app.core, &shop, cart).await)] += 1;
        }
        app.sleep(MINUTE);
        if round % 10 == 9 {
            if engine == Engine::Pg {
                // The tests' cluster has no autovacuum, and without figures its planner reads whole shops.
                sql::run(&app, "ANALYZE").await;
            }
            println!("{engine:?} {no:?}: {} of {} races run", (round + 1) * ROUND, rounds * ROUND);
        }
    }
    let [undecided, called_off, sent] = tally;
    println!("{engine:?} {no:?}: {undecided} never written, {called_off} called off, {sent} had left before");
    let all = undecided + called_off + sent;
    assert!(sent * 20 > all && (undecided + called_off) * 20 > all, "there was hardly a race: {tally:?} on {engine:?}");
    app.leave_work();
}

/// A round of carts, each of a phone of its own, abandoned just now.
async fn abandoned(app: &App, shop: &Shopkeeper, round: u32) -> Vec<(CartId, Phone)> {
    let core = &app.core;
    let now = app.now();
    let (at, keys) = app.shop(shop.id).await;
    let carts: Vec<(CartId, Phone)> = (0..ROUND)
        .map(|place| {
            let number = (round * ROUND + place).wrapping_mul(7_919) % 1_000_000;
            let phone = Phone::read(&format!("+38640{number:06}"), &[]).unwrap();
            (CartId::new(core.fresh_id()), phone)
        })
        .collect();
    transact!(core.db, |tx| {
        for (id, phone) in &carts {
            let mut cart = Cart::new(*id, update(*id, phone, now), Revision { at: now, digest: [0; 16] });
            cart.abandoned_at = Some(now);
            cart.rules_version = at.rules_version;
            cart.sequence = at.rules.sequences[0].id.clone();
            store::cart::put(tx, &keys, &cart, Some(phone)).await?;
            let name = identity::value(&keys, identity::Kind::Phone, phone.e164());
            identity::add(tx, &keys, identity::Subject::Cart(*id), &[(identity::Kind::Phone, name)]).await?;
        }
    })
    .unwrap();
    carts
}

fn update(id: CartId, phone: &Phone, now: Time) -> CartUpdate {
    let granted = cartback::domain::event::ConsentGiven {
        phone: None,
        state: ConsentState::Granted,
        proof: ConsentProof { source: "generic".into(), given_at: Some(now - MINUTE * 60), ..ConsentProof::default() },
    };
    let total = Money::new(12_800, Currency::parse("EUR").unwrap());
    CartUpdate {
        token: id.to_string(),
        cart_token: None,
        who: Identity {
            phones: vec![TypedPhone { number: phone.e164().into(), country: None }],
            ..Identity::default()
        },
        first_name: None,
        country: Some("SI".into()),
        region: None,
        zone: None,
        language: Some("sl".into()),
        total: Some(total),
        items: vec![Item { title: "Lamp".into(), quantity: 1, price: Some(total) }],
        recovery_url: Some("https://shop.example/c/1".into()),
        consent: Some(granted),
        started_at: Some(now - MINUTE * 40),
        updated_at: now - MINUTE * 30,
        completed_at: None,
        browser_ip: None,
        written_at_once: false,
        channel: Channel::Web,
        test: false,
        tags: Vec::new(),
        source: None,
    }
}

/// Two workers and the nos, at once; answers for each cart whether its text had left when the no was committed. A cart
/// falls due, and the no about it comes when `lag` others have fallen due since.
async fn meet(
    app: &App,
    other: &Arc<Core>,
    shop: &Shopkeeper,
    no: No,
    carts: &[(CartId, Phone)],
    lag: usize,
) -> Vec<(CartId, bool)> {
    let all_said = Arc::new(AtomicBool::new(false));
    let work = |core: Arc<Core>| {
        let all_said = all_said.clone();
        tokio::spawn(async move {
            let mut worker = Worker::new(core, Vec::new());
            loop {
                let last = all_said.load(Ordering::SeqCst);
                match worker.tick().await {
                    Ok(0) if last => return,
                    // A breath, as the service's own loop takes one: two that never rest keep the cores from the race.
                    Ok(0) => tokio::time::sleep(BREATH).await,
                    Ok(_) => {}
                    // On a machine out of breath the one writer can be long in coming; the service's own loop comes back too.
                    Err(error) if error.is_outage() => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        })
    };
    let workers = [work(app.core.clone()), work(other.clone())];
    let mut seen = Vec::with_capacity(carts.len());
    for place in 0..carts.len() + lag {
        if let Some((id, _)) = carts.get(place) {
            let (id, now) = (id.get(), app.now());
            transact!(app.core.db, |tx| job::schedule(tx, shop.id, job::Kind::Decide, id, now).await?).unwrap();
        }
        let Some((id, phone)) = place.checked_sub(lag).and_then(|place| carts.get(place)) else { continue };
        match no {
            No::OptOut => {
                assert!(reply::opt_out_by_hand(&app.core, shop.id, phone, "called us", "story").await.unwrap());
            }
            No::Order => order(app, shop, phone).await,
        }
        seen.push((*id, has_left(&app.core, shop, *id).await));
    }
    all_said.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    seen
}

/// An order of this phone arrives and is taken in, here and now.
async fn order(app: &App, shop: &Shopkeeper, phone: &Phone) {
    let id = app.delivery_number().to_string();
    let whose = json!({ "phone": phone.e164(), "email": null });
    let body = json!({ "type": "order.upserted", "timestamp": app.iso(), "data": app.order(&id, "elsewhere", whose) });
    // Out of breath, the inbox says "come back" instead of making a shop wait; a shop does come back.
    for _ in 0..COMES_BACK_TIMES {
        match app.standard(shop, &body.to_string()).await {
            Answer::Taken { .. } => break,
            Answer::ComeBack => continue,
            refused => panic!("{refused:?}"),
        }
    }
    let mut read = app.core.db.read().await.unwrap();
    let newest = store::inbox::list(&mut read, shop.id, store::inbox::Filter::All, DeliveryId::new(i64::MAX), 1).await;
    let id = newest.unwrap()[0].id;
    drop(read);
    for _ in 0..COMES_BACK_TIMES {
        match transact!(app.core.db, |tx| ingest::ingest(&app.core, tx, shop.id, id).await?) {
            Ok(_) => return,
            // Out of breath, as above.
            Err(error) if error.is_outage() => continue,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the order of {phone:?} was never taken in");
}

async fn of_cart(core: &Core, shop: &Shopkeeper, cart: CartId) -> Vec<message::Message> {
    let mut read = core.db.read().await.unwrap();
    let keys = core.vault.keys(&mut read, shop.id).await.unwrap();
    message::of_cart(&mut read, &keys, cart).await.unwrap()
}

/// Whether the intent to send it was noted: from then on it may be with the gateway.
async fn has_left(core: &Core, shop: &Shopkeeper, cart: CartId) -> bool {
    of_cart(core, shop, cart).await.iter().any(|text| text.moments.sending_at.is_some())
}

async fn has_message(core: &Core, shop: &Shopkeeper, cart: CartId) -> bool {
    !of_cart(core, shop, cart).await.is_empty()
}

//! The conformance suite: every function of the store, on both engines. It stands in for queries checked when compiling:
//! a statement that only fails on one of them must fail here.

use std::{sync::Arc, time::Duration};

use cartback::{
    domain::{
        attribution::{Attribution, Class, Considered, Entry, Tie, Winner},
        cart::{Cart, Revision},
        click::{self, Opened},
        connector::{Delivery, Settings},
        consent::{Consent, Heard, Meaning, OptOut, OutProof, heard::Rule},
        decide::{Decision, Gate, GateName, Verdict},
        discount::{NewCode, Off, Plan},
        event::{CartUpdate, Channel, ConsentProof, ConsentState, Identity, OrderUpdate, Refund},
        id::{
            CartId, ClickId, DecisionId, DeliveryId, DiscountId, GatewayId, MessageId, OrderId, ReplyId, RequestId,
            ShopId, UserId,
        },
        member::Role,
        message::{Cost, MessageRef, MessageState, Moments, Purpose},
        money::{Currency, Money},
        order::Order,
        phone::Phone,
        report::Metric,
        rules::Rules,
        seal::{OperatorKeys, ShopKeys},
        sms::Encoding,
        time::{DAY, Time},
    },
    store::{
        Db, Error, Tx, alarm, cart, click as clicks, connection, consent, credit, decision, discount, erase, gateway,
        guard, halt, health, identity, inbox, job,
        last_heard::{self, LastHeard},
        law, message, node, order, phone_use, recurring, reply, request, retention, rollup, rules, shop, sweep, user,
    },
    transact,
};

use crate::app::{Engine, Home, OPERATOR_KEY, database};

/// An empty database with one shop, number 1.
struct Stage {
    db: Db,
    _home: Home,
    vault: shop::Vault,
    keys: ShopKeys,
}

const SHOP: ShopId = ShopId::HOUSE;

impl Stage {
    fn shop(&self) -> ShopId {
        self.keys.shop()
    }
}

async fn on_both(check: impl AsyncFn(&Stage)) {
    for engine in [Engine::Lite, Engine::Pg] {
        let Some((db, home)) = database(engine).await else { continue };
        let vault = shop::Vault::new(OperatorKeys::parse(OPERATOR_KEY).unwrap());
        transact!(db, |tx| shop::open_house(tx, &vault, &[7; 32], at(0)).await?).unwrap();
        transact!(db, |tx| shop::create(tx, &vault, &new_shop(1), at(0)).await?).unwrap();
        let keys = vault.keys(&mut db.read().await.unwrap(), ShopId::new(1)).await.unwrap();
        let stage = Stage { db, _home: home, vault, keys };
        check(&stage).await;
        stage.db.close().await;
    }
}

/// Runs commands in one transaction of their own.
macro_rules! tx {
    ($stage:expr, |$tx:ident| $body:expr) => {
        transact!($stage.db, |$tx| $body).unwrap()
    };
}

macro_rules! read {
    ($stage:expr) => {
        &mut $stage.db.read().await.unwrap()
    };
}

// After the macros, which its cases use.
mod ahead;
mod api;
mod ads;
mod holdout;
mod plan;
mod site_event;
mod team;

fn at(minute: i64) -> Time {
    Time::from_millis(1_770_000_000_000 + minute * 60_000)
}

fn eur() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn new_shop(byte: u8) -> shop::NewShop {
    shop::NewShop {
        kind: "generic".into(),
        name: "Čaj & več 🛒".into(),
        country: "SI".into(),
        currency: eur(),
        zone: "Europe/Ljubljana".into(),
        settings: Settings::restored([("site".to_owned(), "shop.example".to_owned())].into()),
        rules: Rules::default(),
        key: [byte; 32],
    }
}

const SPAN: (Time, Time) = (Time::FIRST, Time::LAST);

#[tokio::test]
async fn shops_and_their_keys() {
    on_both(async |stage| {
        let second = tx!(stage, |tx| shop::create(tx, &stage.vault, &new_shop(2), at(1)).await?);
        assert_eq!(second.get(), 2);
        let mut found = shop::get(read!(stage), &stage.vault, second).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.created_at, found.stopped()), ("Čaj & več 🛒", at(1), None));
        assert_eq!(found.settings.get("site"), "shop.example");
        found.paused_at = Some(at(5));
        found.uninstalled_at = Some(Time::LAST);
        found.name = String::new();
        let keys = stage.vault.keys(read!(stage), second).await.unwrap();
        tx!(stage, |tx| shop::save(tx, &keys, &found).await?);
        let (saved, _) = shop::open(read!(stage), &stage.vault, second).await.unwrap().unwrap();
        assert_eq!((saved.paused_at, saved.uninstalled_at, saved.erased_at), (Some(at(5)), Some(Time::LAST), None));
        assert_eq!(shop::list(read!(stage), &stage.vault).await.unwrap().len(), 2);
        assert_eq!(shop::ids(read!(stage)).await.unwrap(), [ShopId::new(1), second]);
        found.erased_at = Some(at(9));
        tx!(stage, |tx| shop::save(tx, &keys, &found).await?);
        assert_eq!(shop::ids(read!(stage)).await.unwrap(), [ShopId::new(1)]);
        assert!(shop::get(read!(stage), &stage.vault, ShopId::new(9)).await.unwrap().is_none());
        assert!(stage.vault.keys(read!(stage), ShopId::new(9)).await.is_err());

        // Generations; another process sees them at once, and an operator's new key opens what the old one wrapped.
        let other = shop::Vault::new(OperatorKeys::parse(OPERATOR_KEY).unwrap());
        assert_eq!(other.keys(read!(stage), second).await.unwrap().newest(), 1);
        assert_eq!(tx!(stage, |tx| stage.vault.add_key(tx, second, &[3; 32], at(60)).await?), 2);
        assert_eq!(other.keys(read!(stage), second).await.unwrap().newest(), 2);
        assert_eq!(shop::newest_key_at(read!(stage), second).await.unwrap(), Some(at(60)));
        assert_eq!(shop::newest_key_at(read!(stage), ShopId::new(9)).await.unwrap(), None);
        let renewed = format!("u8ZRk3vWq1eYt0LmB7xCj5nP2sDf9gHa4iKoV6TwXyM=,{OPERATOR_KEY}");
        let renewed = shop::Vault::new(OperatorKeys::parse(&renewed).unwrap());
        assert_eq!(tx!(stage, |tx| renewed.rewrap(tx).await?), 4);
        assert_eq!(tx!(stage, |tx| renewed.rewrap(tx).await?), 0);
        assert!(shop::Vault::new(OperatorKeys::parse(OPERATOR_KEY).unwrap()).keys(read!(stage), second).await.is_err());
        tx!(stage, |tx| shop::open_house(tx, &renewed, &[8; 32], at(61)).await?);
        assert_eq!(renewed.keys(read!(stage), ShopId::HOUSE).await.unwrap().newest(), 1);
        tx!(stage, |tx| shop::take_turn(tx, second).await?);
        assert!(health::quick_check(read!(stage)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_shop_that_was_not_made_leaves_no_keys() {
    on_both(async |stage| {
        let mut tx = stage.db.begin().await.unwrap();
        assert_eq!(shop::create(&mut tx, &stage.vault, &new_shop(2), at(0)).await.unwrap().get(), 2);
        drop(tx);
        let other = shop::Vault::new(OperatorKeys::parse(OPERATOR_KEY).unwrap());
        let id = tx!(stage, |tx| shop::create(tx, &other, &new_shop(3), at(0)).await?);
        assert!(shop::get(read!(stage), &stage.vault, id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn connections() {
    on_both(async |stage| {
        let gateway = Some(GatewayId::new(i64::MAX));
        tx!(stage, |tx| {
            connection::create(tx, "a", stage.shop(), None, at(0)).await?;
            connection::create(tx, "b", stage.shop(), gateway, at(0)).await?;
        });
        let again = transact!(stage.db, |tx| connection::create(tx, "c", stage.shop(), None, at(0)).await?);
        assert!(matches!(again, Err(Error::Duplicate)), "{again:?}");
        tx!(stage, |tx| connection::note_refused(tx, "a", 2, "no signature", at(3)).await?);
        tx!(stage, |tx| connection::note_refused(tx, "a", 1, "", at(4)).await?);
        let found = connection::find(read!(stage), "a").await.unwrap().unwrap();
        assert_eq!((found.refused_count, found.refused_at, found.gateway), (3, Some(at(4)), None));
        assert_eq!(connection::of(read!(stage), stage.shop(), gateway).await.unwrap().unwrap().public_id, "b");
        assert_eq!(connection::find(read!(stage), "A").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn gateways() {
    on_both(async |stage| {
        let make = |id: i64, private| gateway::Gateway {
            shop: stage.shop(),
            id: GatewayId::new(id),
            kind: "log".into(),
            name: String::new(),
            settings: Settings::default(),
            created_at: at(0),
            private,
            paused_at: None,
            pause_reason: String::new(),
            balance: None,
        };
        tx!(stage, |tx| {
            gateway::create(tx, &stage.keys, &make(1, false)).await?;
            gateway::create(tx, &stage.keys, &make(2, true)).await?;
        });
        let listed = gateway::list(read!(stage), &stage.keys).await.unwrap();
        assert_eq!(
            listed.iter().map(|each| (each.id.get(), each.private)).collect::<Vec<_>>(),
            [(2, true), (1, false)]
        );
        assert_eq!(gateway::shops_with_own(read!(stage)).await.unwrap(), [stage.shop()]);
        let id = GatewayId::new(1);
        assert!(tx!(stage, |tx| gateway::pause(tx, stage.shop(), id, "why", at(1)).await?));
        assert!(!tx!(stage, |tx| gateway::pause(tx, stage.shop(), id, "again", at(2)).await?));
        let found = gateway::get(read!(stage), &stage.keys, id).await.unwrap().unwrap();
        assert_eq!((found.paused_at, found.pause_reason.as_str()), (Some(at(1)), "why"));
        assert!(tx!(stage, |tx| gateway::resume(tx, stage.shop(), id).await?));
        assert!(!tx!(stage, |tx| gateway::resume(tx, stage.shop(), id).await?));
        let settings = Settings::restored([("from".to_owned(), "Oak".to_owned())].into());
        tx!(stage, |tx| gateway::save_settings(tx, &stage.keys, id, &settings).await?);
        assert_eq!(gateway::get(read!(stage), &stage.keys, id).await.unwrap().unwrap().settings, settings);
        assert!(gateway::get(read!(stage), &stage.keys, GatewayId::new(3)).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn nodes() {
    on_both(async |stage| {
        let lease = async |holder: &str, now: i64| {
            transact!(stage.db, |tx| node::lease(tx, holder, 3, at(now), at(now + 10)).await?).unwrap()
        };
        assert_eq!((lease("a", 0).await, lease("b", 0).await, lease("a", 5).await), (Some(0), Some(1), Some(0)));
        tx!(stage, |tx| node::release(tx, "a").await?);
        assert_eq!((lease("c", 6).await, lease("d", 6).await, lease("e", 6).await), (Some(0), Some(2), None));
        // Which of them have a worker, and that it is at work.
        let beats = async || node::beats(read!(stage)).await.unwrap();
        assert_eq!(beats().await, []);
        for process in [1, 2, 1] {
            tx!(stage, |tx| node::beat(tx, process).await?);
        }
        assert_eq!(beats().await, [(1, 2), (2, 1)]);
        tx!(stage, |tx| node::rest(tx, 1).await?);
        assert_eq!(beats().await, [(2, 1)]);
        // Who has not renewed in time loses it.
        assert_eq!((lease("c", 11).await, lease("e", 11).await), (Some(0), Some(1)));
        assert_eq!(beats().await, [(2, 1)]);
    })
    .await;
    on_both(async |stage| {
        let many = (0..8).map(|number| {
            let db = stage.db.clone();
            tokio::spawn(async move {
                let holder = number.to_string();
                transact!(db, |tx| node::lease(tx, &holder, 100, at(0), at(10)).await?).unwrap()
            })
        });
        let mut leased: Vec<_> =
            futures_util::future::join_all(many).await.into_iter().map(|found| found.unwrap().unwrap()).collect();
        leased.sort();
        assert_eq!(leased, (0..8).collect::<Vec<i64>>());
    })
    .await;
}

#[tokio::test]
async fn people_links_and_sessions() {
    on_both(async |stage| {
        let owner = UserId::new(5);
        assert_eq!(tx!(stage, |tx| user::ensure_owner(tx, owner, at(0)).await?), owner);
        assert_eq!(tx!(stage, |tx| user::ensure_owner(tx, UserId::new(6), at(0)).await?), owner);
        let hash = [0; 32];
        tx!(stage, |tx| user::add_link(tx, &hash, owner, at(10)).await?);
        assert!(!user::anybody_signed_in(read!(stage)).await.unwrap());
        assert_eq!(user::link(read!(stage), &hash).await.unwrap(), Some((at(10), false)));
        assert_eq!(tx!(stage, |tx| user::use_link(tx, &hash, at(10)).await?), None);
        assert_eq!(tx!(stage, |tx| user::use_link(tx, &hash, at(9)).await?), Some(owner));
        assert_eq!(tx!(stage, |tx| user::use_link(tx, &hash, at(9)).await?), None);
        assert_eq!(user::link(read!(stage), &hash).await.unwrap(), Some((at(10), true)));
        assert!(user::anybody_signed_in(read!(stage)).await.unwrap());
        assert_eq!(user::link(read!(stage), &[1; 32]).await.unwrap(), None);

        tx!(stage, |tx| {
            let new =
                user::NewSession { user: owner, now: at(0), until: at(100), address: "", browser: "", renews: false };
            user::begin_session(tx, &hash, &new).await?
        });
        let seen = async |now: i64, idle: i64| {
            user::of_session(read!(stage), &hash, at(now), at(idle))
                .await
                .unwrap()
                .map(|(user, seen)| (user.role, seen))
        };
        assert_eq!(seen(50, 0).await, Some((Role::Owner, at(0))));
        assert_eq!((seen(100, 0).await, seen(50, 1).await), (None, None));
        tx!(stage, |tx| user::touch_session(tx, &hash, at(40)).await?);
        assert!(seen(50, 40).await.is_some());
        tx!(stage, |tx| user::add_link(tx, &[2; 32], owner, at(10)).await?);
        assert_eq!(tx!(stage, |tx| user::prune(tx, at(50)).await?), 1);
        tx!(stage, |tx| user::end_session(tx, &hash).await?);
        assert_eq!(seen(50, 0).await, None);
    })
    .await;
}

fn arrival(id: i64, dedup: u8, body: &[u8], gateway: Option<i64>) -> inbox::Arrival {
    inbox::Arrival {
        id: DeliveryId::new(id),
        gateway: gateway.map(GatewayId::new),
        topic: if id % 2 == 0 { "even".into() } else { "odd".into() },
        dedup: [dedup; 16],
        delivery: Delivery {
            method: "POST".into(),
            url: "https://cb.example/x?y=ž".into(),
            headers: vec![("a".into(), "b".into()), ("a".into(), String::new())],
            body: body.to_vec(),
            received_at: at(id),
        },
    }
}

/// What shops and gateways told is claimed with what waited longest, however much is overdue; and a claim says since when a
/// job was due.
#[tokio::test]
async fn facts_do_not_queue_behind_what_is_overdue() {
    on_both(async |stage| {
        let shop = stage.shop();
        tx!(stage, |tx| {
            for subject in 0..50 {
                job::schedule(tx, shop, job::Kind::Decide, subject, at(100 + subject)).await?;
            }
            for (kind, subject) in [(job::Kind::Ingest, 900), (job::Kind::Fetch, 901), (job::Kind::Send, 902)] {
                job::schedule(tx, shop, kind, subject, at(500)).await?;
            }
            job::schedule(tx, shop, job::Kind::Ingest, 903, at(501)).await?;
        });
        let claimed = tx!(stage, |tx| job::claim(tx, shop, at(500), at(600), "a", 10).await?);
        let seen: Vec<_> = claimed.iter().map(|job| (job.kind, job.subject, job.fell_due_at)).collect();
        let overdue = (0..10).map(|subject| (job::Kind::Decide, subject, at(100 + subject)));
        let told = [(job::Kind::Ingest, 900, at(500)), (job::Kind::Fetch, 901, at(500))];
        assert_eq!(seen, overdue.chain(told).collect::<Vec<_>>());
        let rest = tx!(stage, |tx| job::claim(tx, shop, at(501), at(600), "b", 100).await?);
        assert_eq!(rest.len(), 42);
    })
    .await;
}

/// Under a backlog the shops with work are still found, most overdue first, whichever shop the first of it is of.
#[tokio::test]
async fn one_shops_backlog_hides_no_other_shop() {
    on_both(async |stage| {
        let shop = stage.shop();
        tx!(stage, |tx| {
            for subject in 0..600 {
                job::schedule(tx, shop, job::Kind::Decide, subject, at(100)).await?;
            }
            job::schedule(tx, ShopId::HOUSE, job::Kind::Rollup, 1, at(300)).await?;
        });
        let due = async |now: i64| job::shops_due(read!(stage), at(now)).await.unwrap();
        assert_eq!(due(99).await, []);
        assert_eq!(due(200).await, [shop]);
        assert_eq!(due(300).await, [shop, ShopId::HOUSE]);
    })
    .await;
}

/// A process that stood still for longer than its claim lasts has not ended: it takes the suspicion back, whoever has the
/// job by now; one that ended takes nothing back.
#[tokio::test]
async fn who_only_stood_still_blames_nothing() {
    on_both(async |stage| {
        let shop = stage.shop();
        tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Send, 7, at(1)).await?);
        let claim = async |now: i64, name: &str| {
            tx!(stage, |tx| job::claim(tx, shop, at(now), at(now + 1), name, 10).await?).remove(0)
        };
        let stood = claim(1, "stood").await;
        tx!(stage, |tx| job::suspect(tx, &stood).await?);
        let other = claim(3, "other").await;
        assert_eq!(other.attempt, job::SUSPECT + 2);
        tx!(stage, |tx| job::suspect(tx, &other).await?);
        tx!(stage, |tx| job::acquit(tx, &stood).await?);
        assert!(!tx!(stage, |tx| job::finish(tx, &stood).await?), "the job is no longer its own");
        let third = claim(5, "third").await;
        assert_eq!(third.attempt, job::SUSPECT + 3, "the other has ended");
        tx!(stage, |tx| job::acquit(tx, &third).await?);
        tx!(stage, |tx| job::acquit(tx, &third).await?);
        assert_eq!(claim(7, "fourth").await.attempt, 4, "nothing is taken back twice");
    })
    .await;
}

/// What arrives together: each new delivery is kept and due to be read, the same one twice in a group or from before is not.
#[tokio::test]
async fn deliveries_that_arrive_together() {
    on_both(async |stage| {
        let shop = stage.shop();
        assert!(
            transact!(stage.db, |tx| crate::sql::keep_aside(tx, &stage.keys, &arrival(1, 1, b"", None)).await?)
                .unwrap()
        );
        let group = [
            arrival(2, 1, b"", None),
            arrival(3, 3, &[0, 255, 0], Some(7)),
            arrival(4, 3, &[0, 255, 0], Some(7)),
            arrival(5, 5, "ž".as_bytes(), None),
        ];
        let all: Vec<_> = group.iter().map(|arrival| arrival.seal(&stage.keys).unwrap()).collect();
        let kept = transact!(stage.db, |tx| inbox::keep_all(tx, &all).await?).unwrap();
        assert_eq!(kept, [false, true, false, true]);
        assert!(transact!(stage.db, |tx| inbox::keep_all(tx, &[]).await?).unwrap().is_empty());
        for (id, delivery) in [(3, &group[1]), (5, &group[3])] {
            let found = inbox::get(read!(stage), &stage.keys, DeliveryId::new(id)).await.unwrap().unwrap();
            assert_eq!((found.delivery, found.gateway), (delivery.delivery.clone(), delivery.gateway));
        }
        let now = at(10);
        let claimed = tx!(stage, |tx| job::claim(tx, shop, now, at(20), "c", 10).await?);
        let mut due: Vec<_> = claimed.into_iter().map(|job| (job.kind, job.subject)).collect();
        due.sort_by_key(|(_, subject)| *subject);
        assert_eq!(due, [(job::Kind::Ingest, 3), (job::Kind::Ingest, 5)]);
    })
    .await;
}

#[tokio::test]
async fn the_inbox() {
    on_both(async |stage| {
        let keep = async |arrival: inbox::Arrival| {
            transact!(stage.db, |tx| crate::sql::keep_aside(tx, &stage.keys, &arrival).await?).unwrap()
        };
        assert!(keep(arrival(1, 1, b"", None)).await);
        assert!(!keep(arrival(2, 1, b"", None)).await);
        assert!(keep(arrival(3, 3, &[0, 255, 0], Some(7))).await);
        for id in 4..8 {
            assert!(keep(arrival(id, id as u8, b"x", None)).await);
        }
        let shop = stage.shop();
        let empty = inbox::get(read!(stage), &stage.keys, DeliveryId::new(1)).await.unwrap().unwrap();
        assert_eq!(
            (empty.delivery.clone(), empty.gateway, empty.done_at),
            (arrival(1, 1, b"", None).delivery, None, None)
        );
        let bytes = inbox::get(read!(stage), &stage.keys, DeliveryId::new(3)).await.unwrap().unwrap();
        assert_eq!((bytes.delivery.body.as_slice(), bytes.gateway), (&[0u8, 255, 0][..], Some(GatewayId::new(7))));
        assert!(inbox::get(read!(stage), &stage.keys, DeliveryId::new(2)).await.unwrap().is_none());
        assert_eq!(inbox::callbacks(read!(stage), shop, &[1, 2, 3, 99]).await.unwrap(), [3].into());
        tx!(stage, |tx| {
            inbox::finish(tx, shop, DeliveryId::new(1), 2, "", at(9)).await?;
            inbox::finish(tx, shop, DeliveryId::new(4), 0, "broken", at(9)).await?;
            inbox::finish(tx, shop, DeliveryId::new(5), 0, "", at(9)).await?;
        });
        use inbox::Filter::*;
        for (filter, expected) in [
            (All, vec![7, 6, 5, 4, 3, 1]),
            (Unreadable, vec![4]),
            (Waiting, vec![7, 6, 3]),
            (Applied, vec![1]),
            (Ignored, vec![5]),
        ] {
            let lines = inbox::list(read!(stage), shop, filter, DeliveryId::new(i64::MAX), 100).await.unwrap();
            assert_eq!(lines.iter().map(|line| line.id.get()).collect::<Vec<_>>(), expected, "{filter:?}");
            let count = inbox::count(read!(stage), shop, filter, Time::FIRST).await.unwrap();
            assert_eq!(count, expected.len() as u64, "{filter:?}");
        }
        let page = inbox::list(read!(stage), shop, All, DeliveryId::new(6), 2).await.unwrap();
        assert_eq!(page.iter().map(|line| line.id.get()).collect::<Vec<_>>(), [5, 4]);
        let topics = inbox::topics(read!(stage), shop, at(4)).await.unwrap();
        assert_eq!(topics, [("even".to_owned(), at(6), 2), ("odd".to_owned(), at(7), 2)]);
        assert_eq!(tx!(stage, |tx| inbox::prune(tx, shop, at(5)).await?), 2);
        tx!(stage, |tx| inbox::forget(tx, shop, DeliveryId::new(7)).await?);
        assert_eq!(inbox::count(read!(stage), shop, All, Time::FIRST).await.unwrap(), 3);
    })
    .await;
}

/// What a handful of webhooks asks and notes for all of them: by one statement what each would by its own.
#[tokio::test]
async fn a_handful_of_deliveries_is_read_and_noted_together() {
    on_both(async |stage| {
        let (shop, ids): (_, Vec<i64>) = (stage.shop(), (1..=21).collect());
        for &id in &ids {
            transact!(stage.db, |tx| crate::sql::keep_aside(tx, &stage.keys, &arrival(id, id as u8, b"x", None))
                .await?)
            .unwrap();
            tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Ingest, id, at(id)).await?);
        }
        let done = async |tx: &mut Tx, id: i64| {
            inbox::get(tx, &stage.keys, DeliveryId::new(id)).await.unwrap().map(|kept| (kept.topic, kept.done_at))
        };
        tx!(stage, |tx| {
            tx.of_many();
            inbox::ahead(tx, &stage.keys, &ids[..20]).await?;
            for &id in &ids {
                assert_eq!(done(tx, id).await, Some((arrival(id, 0, b"", None).topic, None)), "{id}");
            }
            // Whatever is written is seen at once.
            inbox::forget(tx, shop, DeliveryId::new(2)).await?;
            assert_eq!(done(tx, 2).await, None);
            inbox::finish_all(tx, shop, &ids[..19], 3, "", at(30)).await?;
            inbox::finish_all(tx, shop, &[20], 0, "broken", at(30)).await?;
        });
        for id in ids.iter().copied().filter(|&id| id != 2) {
            let kept = inbox::get(read!(stage), &stage.keys, DeliveryId::new(id)).await.unwrap().unwrap();
            assert_eq!(kept.done_at, (id < 21).then(|| at(30)), "{id}");
            assert_eq!(kept.problem, if id == 20 { "broken" } else { "" }, "{id}");
        }
        let claimed = tx!(stage, |tx| job::claim(tx, shop, at(40), at(41), "mine", 20).await?);
        // One of them is another's by now.
        let lost = job::Job { claim: "theirs".into(), ..claimed[7].clone() };
        let all: Vec<&job::Job> =
            claimed.iter().map(|job| if job.subject == lost.subject { &lost } else { job }).collect();
        tx!(stage, |tx| job::finish_all(tx, &all).await?);
        let left = tx!(stage, |tx| job::claim(tx, shop, at(50), at(51), "next", 30).await?);
        let mut left: Vec<i64> = left.iter().map(|job| job.subject).collect();
        left.sort_unstable();
        assert_eq!(left, [lost.subject, 21]);
    })
    .await;
}

#[tokio::test]
async fn jobs() {
    on_both(async |stage| {
        let shop = stage.shop();
        let claim = async |now: i64, name: &str, most: u32| {
            transact!(stage.db, |tx| job::claim(tx, shop, at(now), at(now + 2), name, most).await?).unwrap()
        };
        let due = async || job::next_due(read!(stage)).await.unwrap();
        assert_eq!(due().await, None);
        tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Detect, i64::MIN, at(5)).await?);
        tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Detect, i64::MIN, at(7)).await?);
        tx!(stage, |tx| job::ensure(tx, shop, job::Kind::Detect, i64::MIN, at(9)).await?);
        assert_eq!(due().await, Some(at(7)));
        tx!(stage, |tx| job::ensure(tx, shop, job::Kind::Detect, i64::MIN, at(6)).await?);
        assert_eq!(due().await, Some(at(6)));
        assert_eq!(job::next_due_after(read!(stage), at(5)).await.unwrap(), Some(at(6)));
        assert_eq!(job::next_due_after(read!(stage), at(6)).await.unwrap(), None);
        assert_eq!(claim(5, "early", 10).await, []);
        assert_eq!(job::shops_due(read!(stage), at(5)).await.unwrap(), []);
        assert_eq!(
            (job::shops_due(read!(stage), at(6)).await.unwrap(), job::count_due(read!(stage), at(6)).await.unwrap()),
            (vec![shop], 1)
        );

        let [mine] = claim(6, "mine", 10).await.try_into().unwrap();
        assert_eq!((mine.attempt, mine.subject), (1, i64::MIN));
        assert_eq!(claim(7, "theirs", 10).await, []);
        assert!(job::holds(read!(stage), &mine).await.unwrap());
        // The lease ends, and somebody else has it: nothing of mine works any more.
        let [theirs] = claim(8, "theirs", 10).await.try_into().unwrap();
        assert_eq!(theirs.attempt, 2);
        assert!(!job::holds(read!(stage), &mine).await.unwrap());
        assert!(!tx!(stage, |tx| job::finish(tx, &mine).await?));
        tx!(stage, |tx| job::put_back(tx, &mine, at(0)).await?);
        assert_eq!(claim(7, "nobody", 10).await, [], "its new holder keeps it");
        assert!(!tx!(stage, |tx| job::try_again(tx, &mine, at(0)).await?));
        assert!(tx!(stage, |tx| job::try_again(tx, &theirs, at(20)).await?));
        let [again] = claim(20, "again", 10).await.try_into().unwrap();
        assert_eq!(again.attempt, 3);
        tx!(stage, |tx| job::suspect(tx, &again).await?);
        tx!(stage, |tx| job::put_back(tx, &again, at(30)).await?);
        let [fresh] = claim(30, "fresh", 10).await.try_into().unwrap();
        assert_eq!(fresh.attempt, 1);
        // Scheduled while it is being done: it is done again.
        tx!(stage, |tx| job::ensure(tx, shop, job::Kind::Detect, i64::MIN, at(31)).await?);
        assert!(!tx!(stage, |tx| job::finish(tx, &fresh).await?));
        let [last] = claim(31, "last", 10).await.try_into().unwrap();
        assert_eq!(tx!(stage, |tx| job::release_all(tx, at(31)).await?), 1);
        assert!(!tx!(stage, |tx| job::finish(tx, &last).await?));
        let [last] = claim(31, "last", 10).await.try_into().unwrap();
        assert!(tx!(stage, |tx| job::finish(tx, &last).await?));
        assert_eq!(due().await, None);

        tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Send, 8, at(40)).await?);
        tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Send, 9, at(40)).await?);
        let [one, other] = claim(40, "given up", 10).await.try_into().unwrap();
        assert!(tx!(stage, |tx| job::finish(tx, &one).await?));
        assert_eq!(tx!(stage, |tx| job::release(tx, shop, "given up", at(41)).await?), 1);
        assert!(!job::holds(read!(stage), &other).await.unwrap());
        let [other] = claim(41, "once more", 10).await.try_into().unwrap();
        assert_eq!((other.subject, other.attempt), (9, 2));
        assert!(tx!(stage, |tx| job::finish(tx, &other).await?));
        tx!(stage, |tx| {
            for kind in job::Kind::ALL {
                job::schedule(tx, shop, kind, 1, at(0)).await?;
                job::schedule(tx, shop, kind, 2, at(0)).await?;
            }
            job::cancel(tx, shop, job::Kind::Send, 2).await?;
        });
        let waiting = job::waiting(read!(stage), shop).await.unwrap();
        let all = job::Kind::ALL.len() as u64 * 2 - 1;
        assert_eq!(waiting.iter().map(|(_, count)| count).sum::<u64>(), all);
        assert_eq!(tx!(stage, |tx| job::cancel_all(tx, shop).await?), all);
    })
    .await;
}

#[tokio::test]
async fn a_job_is_claimed_by_one() {
    on_both(async |stage| {
        let shop = stage.shop();
        tx!(stage, |tx| {
            for subject in 0..200 {
                job::schedule(tx, shop, job::Kind::Send, subject, at(0)).await?;
            }
        });
        let claims = (0..8).map(|worker| {
            let db = stage.db.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for round in 0..10 {
                    let name = format!("{worker}.{round}");
                    let jobs: Vec<job::Job> =
                        transact!(db, |tx| job::claim(tx, shop, at(1), at(60), &name, 7).await?).unwrap();
                    assert!(jobs.len() <= 7, "{}", jobs.len());
                    mine.extend(jobs.into_iter().map(|job| job.subject));
                }
                mine
            })
        });
        let mut all: Vec<i64> =
            futures_util::future::join_all(claims).await.into_iter().flat_map(|mine| mine.unwrap()).collect();
        all.sort();
        assert_eq!(all, (0..200).collect::<Vec<_>>());
    })
    .await;
}

fn cart_of(id: i64, token: &str, total: Option<i64>) -> Cart {
    let update = CartUpdate {
        token: token.into(),
        cart_token: None,
        who: Identity { email: Some("ž@shopper.example".into()), ..Identity::default() },
        first_name: Some("Živa".into()),
        country: total.map(|_| "SI".into()),
        region: None,
        zone: None,
        language: None,
        total: total.map(|minor| Money::new(minor, eur())),
        items: Vec::new(),
        recovery_url: None,
        consent: None,
        started_at: None,
        updated_at: at(id),
        completed_at: None,
        browser_ip: None,
        written_at_once: false,
        channel: Channel::Web,
        tags: Vec::new(),
        source: None,
        test: false,
    };
    Cart::new(CartId::new(id), update, Revision { at: at(id), digest: [id as u8; 16] })
}

fn phone() -> Phone {
    Phone::read("+38640555101", &[]).unwrap()
}

#[tokio::test]
async fn carts() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let put = async |cart: &Cart, phone: Option<&cartback::domain::phone::Phone>| {
            transact!(stage.db, |tx| cart::put(tx, keys, cart, phone).await?)
        };
        let mut first = cart_of(1, "t1", None);
        put(&first, None).await.unwrap();
        assert_eq!(cart::get(read!(stage), keys, first.id).await.unwrap().unwrap(), first);
        first.abandoned_at = Some(at(50));
        first.bought_at = Some(Time::FIRST);
        first.deleted_at = Some(Time::LAST);
        put(&first, Some(&phone())).await.unwrap();
        assert_eq!(cart::by_token(read!(stage), keys, "t1").await.unwrap().unwrap(), first);
        assert_eq!(cart::by_token(read!(stage), keys, "T1").await.unwrap(), None);
        assert!(matches!(put(&cart_of(2, "t1", None), None).await, Err(Error::Duplicate)));
        for id in 2..7 {
            let mut cart = cart_of(id, &format!("t{id}"), Some(i64::MAX / 100));
            cart.abandoned_at = (id > 3).then_some(at(id));
            cart.erased_at = (id == 6).then_some(at(99));
            put(&cart, Some(&phone())).await.unwrap();
        }
        let mut fourth = cart::get(read!(stage), keys, CartId::new(4)).await.unwrap().unwrap();
        tx!(stage, |tx| cart::abandon(tx, keys, &fourth, true).await?);
        // Who once could be texted could be.
        tx!(stage, |tx| cart::abandon(tx, keys, &fourth, false).await?);
        assert_eq!(cart::get(read!(stage), keys, fourth.id).await.unwrap().unwrap(), fourth);
        fourth.sequence = "winback".into();
        fourth.rules_version = 3;
        tx!(stage, |tx| cart::abandon(tx, keys, &fourth, false).await?);
        assert_eq!(cart::get(read!(stage), keys, fourth.id).await.unwrap().unwrap(), fourth);
        use cart::Filter::*;
        for (filter, expected) in [
            (All, vec![6, 5, 4, 3, 2, 1]),
            (Open, vec![3, 2]),
            (Abandoned, vec![6, 5, 4, 1]),
            (Unreachable, vec![6, 5, 1]),
            (Reachable, vec![4]),
            (Held, vec![4]),
            (Texted, vec![]),
            (Delivered, vec![]),
            (Clicked, vec![]),
            (Recovered, vec![]),
            (Bought, vec![1]),
            (OptedOut, vec![]),
        ] {
            let found = cart::list(read!(stage), keys, filter, SPAN, CartId::new(i64::MAX), 100).await.unwrap();
            assert_eq!(found.iter().map(|cart| cart.id.get()).collect::<Vec<_>>(), expected, "{filter:?}");
            assert_eq!(
                cart::count(read!(stage), keys, filter, SPAN).await.unwrap(),
                expected.len() as u64,
                "{filter:?}"
            );
        }
        let page = cart::list(read!(stage), keys, All, (at(2), at(5)), CartId::new(4), 1).await.unwrap();
        assert_eq!(page.iter().map(|cart| cart.id.get()).collect::<Vec<_>>(), [3]);
        let old = cart::forgettable(read!(stage), keys, at(5), 2).await.unwrap();
        assert_eq!(old.iter().map(|cart| cart.id.get()).collect::<Vec<_>>(), [1, 2]);

        let name = identity::value(keys, identity::Kind::Checkout, "gone");
        assert_eq!(cart::deleted_at(read!(stage), keys, &[name]).await.unwrap(), None);
        for minute in [9, 5, 7] {
            tx!(stage, |tx| cart::note_deleted(tx, keys, &name, at(minute)).await?);
        }
        assert_eq!(cart::deleted_at(read!(stage), keys, &[[0; 16], name]).await.unwrap(), Some(at(5)));
        assert_eq!(tx!(stage, |tx| cart::prune_deletions(tx, keys, at(6)).await?), 1);
    })
    .await;
}

#[tokio::test]
async fn identities() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let name = |kind, text: &str| (kind, identity::value(keys, kind, text));
        let (phone, email) = (name(identity::Kind::Phone, "1"), name(identity::Kind::Email, "1"));
        assert_ne!(phone.1, email.1);
        let (cart, order) = (identity::Subject::Cart(CartId::new(1)), identity::Subject::Order(OrderId::new(1)));
        tx!(stage, |tx| {
            identity::add(tx, keys, cart, &[phone, email, phone]).await?;
            identity::add(tx, keys, identity::Subject::Cart(CartId::new(2)), &[phone]).await?;
            identity::add(
                tx,
                keys,
                order,
                &[phone, name(identity::Kind::Checkout, ""), name(identity::Kind::Customer, "c")],
            )
            .await?;
        });
        assert_eq!(identity::carts(read!(stage), keys, &phone.1).await.unwrap(), [CartId::new(1), CartId::new(2)]);
        assert_eq!(identity::orders(read!(stage), keys, &phone.1).await.unwrap(), [OrderId::new(1)]);
        assert!(last_heard::of_phone(read!(stage), keys, &phone.1).await.unwrap().ordered);
        let mut kinds: Vec<_> =
            identity::names(read!(stage), keys, order).await.unwrap().into_iter().map(|(kind, _)| kind).collect();
        kinds.sort();
        assert_eq!(kinds, [identity::Kind::Phone, identity::Kind::Customer, identity::Kind::Checkout]);
        tx!(stage, |tx| identity::remove(tx, keys, cart).await?);
        assert_eq!(identity::names(read!(stage), keys, cart).await.unwrap(), []);
        assert_eq!(identity::names(read!(stage), keys, order).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_a_person_did_before_and_since() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let name = identity::value(keys, identity::Kind::Email, "a@b.example");
        let put = async |id: i64, change: &dyn Fn(&mut Cart), phone: Option<&Phone>| {
            let mut cart = cart_of(id, &format!("t{id}"), None);
            cart.started_at = at(id);
            change(&mut cart);
            tx!(stage, |tx| {
                cart::put(tx, keys, &cart, phone).await?;
                let names = [(identity::Kind::Email, name)];
                identity::add(tx, keys, identity::Subject::Cart(cart.id), &names).await?;
            });
        };
        let phone = phone();
        for id in [1, 3, 2] {
            put(id, &|_| (), Some(&phone)).await;
        }
        put(4, &|_| (), None).await;
        put(5, &|cart| cart.bought_at = Some(at(9)), Some(&phone)).await;
        put(6, &|cart| cart.deleted_at = Some(at(9)), Some(&phone)).await;
        put(7, &|cart| cart.erased_at = Some(at(9)), Some(&phone)).await;
        let after = async |minute| {
            let found = cart::begun_after(read!(stage), keys, &name, at(minute)).await.unwrap();
            found.iter().map(|id| id.get()).collect::<Vec<_>>()
        };
        assert_eq!((after(0).await, after(1).await, after(3).await), (vec![3, 2, 1], vec![3, 2], vec![]));
        put(8, &|cart| (cart.abandoned_at, cart.sequence) = (Some(at(9)), "eu".into()), None).await;
        put(9, &|cart| (cart.abandoned_at, cart.bought_at) = (Some(at(9)), Some(at(9))), None).await;
        for (sequence, since, count) in [("eu", 9, 1), ("eu", 10, 0), ("", 9, 0), ("us", 0, 0)] {
            assert_eq!(cart::following(read!(stage), keys, sequence, at(since)).await.unwrap(), count, "{sequence}");
        }
        let nobody = identity::value(keys, identity::Kind::Email, "");
        assert_eq!(cart::begun_after(read!(stage), keys, &nobody, at(0)).await.unwrap(), []);

        let bought = async |minute| order::bought_before(read!(stage), keys, &name, at(minute)).await.unwrap();
        assert!(!bought(99).await);
        for (id, placed, cancelled) in [(1, None, None), (2, Some(at(5)), Some(at(6))), (3, Some(at(8)), None)] {
            let mut order = order_of(id, 100, placed);
            order.cancelled_at = cancelled;
            tx!(stage, |tx| {
                order::put(tx, keys, &order).await?;
                let names = [(identity::Kind::Email, name)];
                identity::add(tx, keys, identity::Subject::Order(order.id), &names).await?;
            });
        }
        assert_eq!((bought(7).await, bought(8).await), (false, true));
    })
    .await;
}

#[tokio::test]
async fn consents_and_opt_outs() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let index = consent::phone_index(keys, &phone());
        let entry = |state, minute| Consent {
            state,
            at: at(minute),
            proof: ConsentProof { source: "čaj".into(), ip: Some("192.0.2.1".into()), ..ConsentProof::default() },
        };
        use ConsentState::*;
        for (state, minute, new) in
            [(Granted, 5, true), (Granted, 5, false), (Withdrawn, 5, true), (Pending, 1, true), (NotGiven, 2, true)]
        {
            let added = tx!(stage, |tx| consent::record(tx, keys, &index, &entry(state, minute), at(9)).await?);
            assert_eq!(added, new, "{state:?}");
        }
        let out = OptOut { at: at(7), source: "reply".into() };
        assert!(tx!(stage, |tx| consent::opt_out(tx, keys, &index, &out, at(9)).await?));
        assert!(!tx!(stage, |tx| consent::opt_out(tx, keys, &index, &out, at(10)).await?));
        let (consents, outs) = consent::of_phone(read!(stage), keys, &index).await.unwrap();
        assert_eq!(consents, [entry(Pending, 1), entry(NotGiven, 2), entry(Granted, 5), entry(Withdrawn, 5)]);
        assert_eq!(outs, std::slice::from_ref(&out));
        tx!(stage, |tx| consent::erase(tx, keys, &index).await?);
        assert_eq!(consent::of_phone(read!(stage), keys, &index).await.unwrap(), (vec![], vec![out]));
        assert_eq!(consent::of_phone(read!(stage), keys, &[0; 16]).await.unwrap(), (vec![], vec![]));
    })
    .await;
}

#[tokio::test]
async fn what_stands_behind_an_opt_out() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let index = consent::phone_index(keys, &phone());
        let out = |minute| OptOut { at: at(minute), source: "reply".into() };
        let proof = OutProof { text: Some("Arrêt ✋".into()), rule: Some(Rule::Exact), ..OutProof::default() };
        assert!(tx!(stage, |tx| consent::opt_out_with(tx, keys, &index, &out(7), &proof, at(9)).await?));
        // The first word about it stays.
        let other = OutProof::default();
        assert!(!tx!(stage, |tx| consent::opt_out_with(tx, keys, &index, &out(7), &other, at(10)).await?));
        tx!(stage, |tx| consent::opt_out(tx, keys, &index, &out(8), at(9)).await?);
        let found = consent::opt_outs_of(read!(stage), keys, &index).await.unwrap();
        assert_eq!(found, [(out(7), Some(proof)), (out(8), None)]);
        tx!(stage, |tx| consent::erase(tx, keys, &index).await?);
        let found = consent::opt_outs_of(read!(stage), keys, &index).await.unwrap();
        assert_eq!(found, [(out(7), None), (out(8), None)]);
    })
    .await;
}

#[tokio::test]
async fn replies() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let phones = [[1; 16], [2; 16]];
        let make = |id: i64, meaning, settled: bool| reply::Reply {
            id: ReplyId::new(id),
            phone: phones[(id % 2) as usize],
            at: at(id),
            gateway_shop: SHOP,
            gateway: GatewayId::new(3),
            follows: (id == 1).then_some(MessageId::new(9)),
            words: reply::Words {
                text: "Čakaj 🛒".into(),
                from: phone().e164().into(),
                to: "+38640555000".into(),
                gateway_ref: format!("ref {id}"),
                answered: false,
                heard: Heard { meaning, rule: None, word: None, language: None, doubtful: false },
            },
            settled: settled.then(|| reply::Settled { at: at(50), by: String::new(), how: reply::How::Heeded }),
        };
        let all = [
            make(1, Meaning::Unclear, false),
            make(2, Meaning::Stop, true),
            make(3, Meaning::Unclear, false),
            make(4, Meaning::Stop, false),
        ];
        for each in &all {
            let once = [each.id.get() as u8; 16];
            assert!(tx!(stage, |tx| reply::keep(tx, keys, &once, each).await?));
            assert!(!tx!(stage, |tx| reply::keep(tx, keys, &once, each).await?));
        }
        let ids = |found: Vec<reply::Reply>| found.iter().map(|each| each.id.get()).collect::<Vec<_>>();
        assert_eq!(reply::get(read!(stage), keys, ReplyId::new(1)).await.unwrap().as_ref(), Some(&all[0]));
        assert_eq!(reply::get(read!(stage), keys, ReplyId::new(2)).await.unwrap().as_ref(), Some(&all[1]));
        assert_eq!(ids(reply::open(read!(stage), keys, 2).await.unwrap()), [1, 3]);
        assert_eq!(reply::count_open(read!(stage), keys).await.unwrap(), 3);
        assert_eq!(ids(reply::list(read!(stage), keys, ReplyId::new(4), 2).await.unwrap()), [3, 2]);
        assert_eq!(ids(reply::of_phone(read!(stage), keys, &phones[1], 9).await.unwrap()), [3, 1]);
        assert_eq!(last_heard::of_phone(read!(stage), keys, &phones[0]).await.unwrap().held_since, None);
        assert_eq!(
            last_heard::of_phone(read!(stage), keys, &phones[1]).await.unwrap(),
            LastHeard { replied_at: Some(at(3)), held_since: Some(at(1)), ..LastHeard::default() }
        );
        assert_eq!(last_heard::of_phone(read!(stage), keys, &[9; 16]).await.unwrap(), LastHeard::default());
        let settled = reply::Settled { at: at(60), by: "Maja".into(), how: reply::How::CarryOn };
        assert!(tx!(stage, |tx| reply::settle(tx, keys, ReplyId::new(1), &settled).await?));
        assert!(!tx!(stage, |tx| reply::settle(tx, keys, ReplyId::new(1), &settled).await?));
        let found = reply::get(read!(stage), keys, ReplyId::new(1)).await.unwrap().unwrap();
        assert_eq!(found.settled, Some(settled));
        assert_eq!(last_heard::of_phone(read!(stage), keys, &phones[1]).await.unwrap().held_since, Some(at(3)));
        // What waits is never forgotten by age.
        assert_eq!(tx!(stage, |tx| reply::forget_before(tx, keys, at(4)).await?), 2);
        assert_eq!(tx!(stage, |tx| reply::erase(tx, keys, &phones[1]).await?), 1);
        assert_eq!(ids(reply::list(read!(stage), keys, ReplyId::new(99), 9).await.unwrap()), [4]);
    })
    .await;
}

#[tokio::test]
async fn decisions() {
    on_both(async |stage| {
        let verdicts = [Verdict::Wait(at(5)), Verdict::Stop, Verdict::Pass];
        for (number, verdict) in verdicts.into_iter().enumerate() {
            let inputs = vec![("zones".to_owned(), "Europe/Ljubljana".to_owned())];
            let gate = Gate { gate: GateName::Time, verdict, why: "ob 9h – „zaprto“".into(), inputs };
            let decision =
                Decision { gates: vec![gate], verdict, closes_at: None, deadline_at: Some(at(9)), confirm: None };
            let made_of = decision::MadeOf { facts: None, rules_version: 3, law: "2026-11-21.1".into() };
            let kept = decision::Kept { cart: CartId::new(1), step: 1, at: at(number as i64), decision, made_of };
            let id = DecisionId::new(number as i64 + 1);
            tx!(stage, |tx| decision::record(tx, &stage.keys, id, &kept).await?);
        }
        let found = decision::of_cart(read!(stage), &stage.keys, CartId::new(1)).await.unwrap();
        assert_eq!(found.iter().map(|kept| kept.decision.verdict).collect::<Vec<_>>(), verdicts);
        assert!(found.iter().all(|kept| kept.made_of.rules_version == 3 && kept.made_of.law == "2026-11-21.1"));
        assert_eq!(found[0].decision.gates[0].inputs.len(), 1);
        assert!(decision::of_cart(read!(stage), &stage.keys, CartId::new(2)).await.unwrap().is_empty());
    })
    .await;
}

fn text_of(stage: &Stage, id: i64, cart: i64, step: u32) -> message::Message {
    message::Message {
        shop: stage.shop(),
        id: MessageId::new(id),
        purpose: Purpose::Reminder,
        about: cart,
        sequence: "default".into(),
        step,
        gateway_shop: SHOP,
        gateway: GatewayId::new(3),
        country: "SI".into(),
        words: message::Words {
            phone: phone().e164().into(),
            text: "🛒".into(),
            encoding: Encoding::Ucs2,
            language: None,
            code: None,
            own_code: false,
        },
        segments: 2,
        created_at: at(id),
        expires_at: at(id + 100),
        attempt: 0,
        sending_by: None,
        moments: Moments::default(),
        reason: String::new(),
        gateway_ref: None,
        cost: None,
        cost_listed: false,
    }
}

#[tokio::test]
async fn messages() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let create = async |text: &message::Message| transact!(stage.db, |tx| message::create(tx, keys, text).await?);
        for id in 1..6 {
            create(&text_of(stage, id, id, 1)).await.unwrap();
        }
        assert!(matches!(create(&text_of(stage, 9, 1, 1)).await, Err(Error::Duplicate)));
        create(&text_of(stage, 6, 1, 2)).await.unwrap();
        let mut text = message::get(read!(stage), keys, MessageId::new(1)).await.unwrap().unwrap();
        assert_eq!((text.moments.state(), text.cost, text.gateway_ref.clone()), (MessageState::Queued, None, None));
        text.moments = Moments {
            sending_at: Some(at(1)),
            accepted_at: Some(at(2)),
            delivered_at: Some(at(3)),
            ..Moments::default()
        };
        text.sending_by = Some("me".into());
        text.cost = Some(Cost { micros: i64::MAX, currency: eur() });
        text.gateway_ref = Some("SM1".into());
        text.attempt = u32::MAX;
        tx!(stage, |tx| message::save(tx, keys, &text).await?);
        let saved = message::by_gateway_ref(read!(stage), keys, "SM1").await.unwrap().unwrap();
        assert_eq!((saved.id, saved.moments, saved.cost, saved.attempt), (text.id, text.moments, text.cost, u32::MAX));
        assert_eq!((saved.words.text.as_str(), saved.sending_by.as_deref()), ("🛒", Some("me")));
        let mut unknown = message::get(read!(stage), keys, MessageId::new(2)).await.unwrap().unwrap();
        unknown.moments = Moments { sending_at: Some(at(1)), unknown_at: Some(at(2)), ..Moments::default() };
        tx!(stage, |tx| message::save(tx, keys, &unknown).await?);

        let steps: Vec<_> =
            message::of_cart(read!(stage), keys, CartId::new(1)).await.unwrap().iter().map(|text| text.step).collect();
        assert_eq!(steps, [1, 2]);
        let index = consent::phone_index(keys, &phone());
        let to = message::to_phone(read!(stage), keys, &index, at(3)).await.unwrap();
        assert_eq!(to.iter().map(|text| text.id.get()).collect::<Vec<_>>(), [6, 5, 4, 3]);
        assert_eq!(message::former_phone(read!(stage), keys, MessageId::new(6)).await.unwrap(), None);
        for _ in 0..2 {
            tx!(stage, |tx| message::forget_phone(tx, keys, MessageId::new(6)).await?);
            let former = message::former_phone(read!(stage), keys, MessageId::new(6)).await.unwrap();
            assert_eq!(former, Some(consent::phone_index(keys, &phone())));
        }
        assert_eq!(message::to_phone(read!(stage), keys, &index, at(3)).await.unwrap().len(), 3);
        let newest = MessageId::new(i64::MAX);
        let listed = async |state, before, most| {
            let found = message::list(read!(stage), keys, state, before, most).await.unwrap();
            found.iter().map(|text| text.id.get()).collect::<Vec<_>>()
        };
        assert_eq!(listed(None, newest, 2).await, [6, 5]);
        assert_eq!(listed(None, MessageId::new(3), 9).await, [2, 1]);
        assert_eq!(listed(Some(MessageState::Unknown), newest, 9).await, [2]);
        assert_eq!(listed(Some(MessageState::Delivered), newest, 9).await, [1]);
        assert_eq!(listed(Some(MessageState::Queued), newest, 9).await, [6, 5, 4, 3]);
        let by_state = message::count_by_state(read!(stage)).await.unwrap();
        let named = |name: &str, count| (name.to_owned(), count);
        assert_eq!(by_state, [named("delivered", 1), named("queued", 4), named("unknown", 1)]);
        let counted = message::counted(read!(stage), keys, &Default::default()).await.unwrap();
        assert_eq!((counted.rows, counted.more), (6, false));
        let mut through = message::through(read!(stage), keys, at(0), at(0)).await.unwrap();
        through.sort_by_key(|each| each.texts);
        assert_eq!(
            through.iter().map(|each| (each.texts, each.delivered, each.unknown, each.waiting)).collect::<Vec<_>>(),
            [(0, 0, 1, 4), (1, 1, 0, 0)]
        );
        assert_eq!(through[1].last_receipt_at, Some(at(3)));
    })
    .await;
}

#[tokio::test]
async fn texts_that_are_no_reminders() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let create = async |text: &message::Message| transact!(stage.db, |tx| message::create(tx, keys, text).await?);
        create(&text_of(stage, 1, 1, 1)).await.unwrap();
        let request = message::Message { purpose: Purpose::Confirmation, step: 0, ..text_of(stage, 2, 1, 0) };
        create(&request).await.unwrap();
        assert!(matches!(create(&message::Message { id: MessageId::new(3), ..request }).await, Err(Error::Duplicate)));
        create(&message::Message { purpose: Purpose::Answer, step: 0, ..text_of(stage, 4, 77, 0) }).await.unwrap();
        let about = async |id| {
            let found = message::about(read!(stage), keys, id).await.unwrap();
            found.iter().map(|text| (text.purpose, text.cart().map(CartId::get))).collect::<Vec<_>>()
        };
        assert_eq!(about(1).await, [(Purpose::Reminder, Some(1)), (Purpose::Confirmation, Some(1))]);
        assert_eq!(about(77).await, [(Purpose::Answer, None)]);
        assert_eq!(message::of_cart(read!(stage), keys, CartId::new(1)).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn versions_of_rules_and_law() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let first = rules::get(read!(stage), keys, 1).await.unwrap().unwrap();
        assert_eq!(first, Rules::default());
        let mut changed = first.clone();
        changed.set("rest_hours", "12").unwrap();
        assert_eq!(tx!(stage, |tx| rules::save(tx, keys, &changed, at(5)).await?), 2);
        assert_eq!(rules::get(read!(stage), keys, 1).await.unwrap().unwrap(), first);
        assert_eq!(rules::get(read!(stage), keys, 2).await.unwrap().unwrap(), changed);
        assert!(rules::get(read!(stage), keys, 3).await.unwrap().is_none());
        let shop = shop::get(read!(stage), &stage.vault, stage.shop()).await.unwrap().unwrap();
        assert_eq!((shop.rules, shop.rules_version), (changed, 2));
        let pack = cartback::domain::law::current();
        for _ in 0..2 {
            tx!(stage, |tx| law::keep(tx, pack, at(1)).await?);
        }
        assert_eq!(law::text(read!(stage), pack.version()).await.unwrap().as_deref(), Some(pack.text()));
        assert!(law::text(read!(stage), "2020-01-01.1").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn waiting_jobs_are_hurried() {
    on_both(async |stage| {
        let shop = stage.shop();
        tx!(stage, |tx| {
            for (subject, due) in [(1, 3), (2, 50), (3, 60)] {
                job::schedule(tx, shop, job::Kind::Decide, subject, at(due)).await?;
            }
            job::schedule(tx, shop, job::Kind::Send, 4, at(50)).await?;
            job::hurry_one(tx, shop, job::Kind::Decide, 2, at(10)).await?;
            job::hurry_one(tx, shop, job::Kind::Decide, 9, at(10)).await?;
        });
        let due = async |now, claim: &str| {
            let jobs = tx!(stage, |tx| job::claim(tx, shop, at(now), at(99), claim, 9).await?);
            jobs.iter().map(|job| job.subject).collect::<Vec<_>>()
        };
        assert_eq!(due(10, "one").await, [1, 2]);
        tx!(stage, |tx| job::hurry(tx, shop, job::Kind::Decide, at(20)).await?);
        assert_eq!(due(20, "two").await, [3]);
    })
    .await;
}

/// More than fit into one statement, and each its own verdict.
#[tokio::test]
async fn many_openings_are_judged_together() {
    on_both(async |stage| {
        let verdicts: Vec<_> =
            (1..22).map(|id| (ClickId::new(id), if id % 3 == 0 { "scanner" } else { clicks::HUMAN })).collect();
        for (id, _) in &verdicts {
            let opened = Opened { method: click::Method::Get, agent: None, prefetch: false, at: at(id.get()) };
            let (message, at) = (MessageId::new(1), at(id.get()));
            let click = clicks::Click { id: *id, message, at, opened, verdict: String::new() };
            tx!(stage, |tx| clicks::record(tx, &stage.keys, &click).await?);
        }
        tx!(stage, |tx| clicks::judge(tx, &stage.keys, MessageId::new(1), &verdicts[..20]).await?);
        let all = clicks::of_message(read!(stage), &stage.keys, MessageId::new(1)).await.unwrap();
        for ((id, verdict), click) in verdicts.iter().zip(&all) {
            let expected = if id.get() < 21 { *verdict } else { "" };
            assert_eq!((click.id, click.verdict.as_str()), (*id, expected));
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_that_is_opened_without_end_is_written_down_so_often_and_no_more() {
    on_both(async |stage| {
        let mut kept = 0;
        for id in 1..=clicks::KEPT_OF_ONE + 20 {
            let opened = Opened { method: click::Method::Get, agent: None, prefetch: false, at: at(1) };
            let (message, verdict) = (MessageId::new(1), String::new());
            let click = clicks::Click { id: ClickId::new(id), message, at: at(1), opened, verdict };
            kept += i64::from(tx!(stage, |tx| clicks::record(tx, &stage.keys, &click).await?));
            if id == 1 {
                let other = clicks::Click { id: ClickId::new(9_999), message: MessageId::new(2), ..click };
                assert!(tx!(stage, |tx| clicks::record(tx, &stage.keys, &other).await?));
            }
        }
        assert_eq!(kept, clicks::KEPT_OF_ONE);
        // Also of many that come together, each link for itself.
        let opened = Opened { method: click::Method::Get, agent: None, prefetch: false, at: at(1) };
        let made = |id: i64, message: i64| {
            let (id, message) = (ClickId::new(id), MessageId::new(message));
            clicks::Click { id, message, at: at(1), opened: opened.clone(), verdict: String::new() }
        };
        let own = (0..clicks::KEPT_OF_ONE + 1).map(|n| made(20_000 + n, 3));
        let many: Vec<_> = [made(10_000, 1), made(10_001, 2)].into_iter().chain(own).collect();
        let written = tx!(stage, |tx| clicks::record_all(tx, stage.shop(), &many.iter().collect::<Vec<_>>()).await?);
        let expected =
            many.iter().map(|click| click.id.get() != 10_000 && click.id.get() != 20_000 + clicks::KEPT_OF_ONE);
        assert_eq!(written, expected.collect::<Vec<_>>());
        let all = clicks::of_message(read!(stage), &stage.keys, MessageId::new(3)).await.unwrap();
        assert_eq!(all.len() as i64, clicks::KEPT_OF_ONE);
        let all = clicks::of_message(read!(stage), &stage.keys, MessageId::new(1)).await.unwrap();
        assert_eq!(all.len() as i64, clicks::KEPT_OF_ONE);
    })
    .await;
}

#[tokio::test]
async fn opened_links() {
    on_both(async |stage| {
        for id in 1..4 {
            let opened = Opened {
                method: click::Method::Head,
                agent: (id > 1).then(|| "ž".into()),
                prefetch: id == 3,
                at: at(id),
            };
            let click = clicks::Click {
                id: ClickId::new(id),
                message: MessageId::new(1),
                at: at(id),
                opened,
                verdict: String::new(),
            };
            tx!(stage, |tx| clicks::record(tx, &stage.keys, &click).await?);
        }
        let human = [(ClickId::new(2), clicks::HUMAN)];
        tx!(stage, |tx| clicks::judge(tx, &stage.keys, MessageId::new(1), &human).await?);
        let all = clicks::of_message(read!(stage), &stage.keys, MessageId::new(1)).await.unwrap();
        assert_eq!(
            all.iter().map(|click| (click.id.get(), click.is_human())).collect::<Vec<_>>(),
            [(1, false), (2, true), (3, false)]
        );
        let one = clicks::get(read!(stage), &stage.keys, ClickId::new(1)).await.unwrap().unwrap();
        assert_eq!((one.opened.agent, one.opened.prefetch), (None, false));
        let index = consent::phone_index(&stage.keys, &phone());
        assert_eq!(last_heard::of_phone(read!(stage), &stage.keys, &index).await.unwrap().tapped_at, None);
        tx!(stage, |tx| message::create(tx, &stage.keys, &text_of(stage, 1, 1, 1)).await?);
        assert_eq!(last_heard::of_phone(read!(stage), &stage.keys, &index).await.unwrap().tapped_at, Some(at(2)));
        let counts = clicks::count_by_verdict(read!(stage)).await.unwrap();
        assert_eq!(counts, [(String::new(), 2), ("human".to_owned(), 1)]);
    })
    .await;
}

fn order_of(id: i64, total: i64, placed: Option<Time>) -> Order {
    let update = OrderUpdate {
        payment: None,
        cost: None,
        external_id: format!("{id}"),
        number: format!("#{id}"),
        who: Identity::default(),
        cart_tokens: Vec::new(),
        recovery_tokens: Vec::new(),
        codes: Vec::new(),
        discounts: Vec::new(),
        total: Money::new(total, eur()),
        placed_at: placed,
        updated_at: at(id),
        cancelled_at: None,
        refunds: Vec::new(),
        channel: Channel::Web,
        test: false,
    };
    Order::new(OrderId::new(id), update, Revision { at: at(id), digest: [0; 16] })
}

#[tokio::test]
async fn orders_refunds_and_credits() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let put = async |order: &Order| transact!(stage.db, |tx| order::put(tx, keys, order).await?);
        let mut order = order_of(1, i64::MAX, None);
        put(&order).await.unwrap();
        assert_eq!(order::get(read!(stage), keys, order.id).await.unwrap().unwrap(), order);
        assert_eq!(order::placed_at(read!(stage), keys, order.id).await.unwrap(), None);
        order.placed_at = Some(at(5));
        order.cancelled_at = Some(Time::LAST);
        put(&order).await.unwrap();
        assert_eq!(order::by_external_id(read!(stage), keys, "1").await.unwrap().unwrap(), order);
        assert_eq!(order::placed_at(read!(stage), keys, order.id).await.unwrap(), Some(at(5)));
        assert_eq!(order::placed_at(read!(stage), keys, OrderId::new(99)).await.unwrap(), None);
        for number in ["1", "#1"] {
            assert!(order::by_number(read!(stage), keys, number).await.unwrap().is_some(), "{number}");
        }
        assert!(matches!(put(&Order { id: OrderId::new(2), ..order.clone() }).await, Err(Error::Duplicate)));
        assert!(!order::is_erased(read!(stage), keys, order.id).await.unwrap());
        tx!(stage, |tx| order::mark_erased(tx, keys, order.id, at(6)).await?);
        put(&order).await.unwrap();
        assert!(order::is_erased(read!(stage), keys, order.id).await.unwrap());

        let refund = |id: &str, minor, minute| Refund {
            external_id: id.into(),
            amount: Money::new(minor, eur()),
            at: at(minute),
        };
        for each in [refund("b", 5, 9), refund("a", 7, 9), refund("b", 3, 8), refund("b", 6, 10)] {
            tx!(stage, |tx| order::add_refund(tx, keys, "1", &each).await?);
        }
        assert_eq!(order::refunds(read!(stage), keys, "1").await.unwrap(), [refund("b", 6, 8), refund("a", 7, 9)]);
        assert_eq!(order::refunds(read!(stage), keys, "2").await.unwrap(), []);

        put(&order_of(2, 100, Some(at(8)))).await.unwrap();
        let entry = |name: &str, minor, minute| Entry { entry: name.into(), amount_minor: minor, at: at(minute) };
        let won = |order: i64, message: i64, class, entries| {
            (
                OrderId::new(order),
                Attribution {
                    winner: Some(Winner { message: MessageId::new(message), step: 1, class, tie: Tie::Phone }),
                    considered: vec![Considered {
                        message: MessageId::new(message),
                        step: 1,
                        tie: Tie::Phone,
                        tapped_at: None,
                        class: Some(class),
                        won: true,
                        why: "isti telefon".into(),
                        accepted_at: Some(at(1)),
                        bot_opens: 0,
                    }],
                    entries,
                    ..Attribution::default()
                },
            )
        };
        let (one, credited) = won(1, 1, Class::Credited, vec![entry("order", 100, 5), entry("refund:b", -40, 9)]);
        let (two, assisted) = won(2, 1, Class::Assisted, vec![entry("order", 100, 8)]);
        for _ in 0..2 {
            tx!(stage, |tx| credit::replace(tx, keys, one, eur(), &credited).await?);
            tx!(stage, |tx| credit::replace(tx, keys, two, eur(), &assisted).await?);
        }
        assert_eq!(credit::evidence(read!(stage), keys, one).await.unwrap(), Some(credited));
        assert_eq!(credit::evidence(read!(stage), keys, OrderId::new(9)).await.unwrap(), None);
        let lines = credit::of_order(read!(stage), keys, one).await.unwrap();
        assert_eq!(lines.iter().map(|line| line.entry.amount_minor).collect::<Vec<_>>(), [100, -40]);
        assert_eq!(credit::of_message(read!(stage), keys, MessageId::new(1)).await.unwrap().len(), 3);
        let listed = credit::list(read!(stage), keys, at(0), at(9), 10).await.unwrap();
        let listed: Vec<_> =
            listed.iter().map(|each| (each.number.as_str(), each.gross.minor, each.net.minor)).collect();
        assert_eq!(listed, [("#2", 100, 100), ("#1", 100, 60)]);
        let nothing = Attribution { excluded: Some("a test".into()), ..Attribution::default() };
        tx!(stage, |tx| credit::replace(tx, keys, one, eur(), &nothing).await?);
        assert_eq!(credit::of_order(read!(stage), keys, one).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn figures_of_a_day() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let usd = Currency::parse("USD").unwrap();
        for id in 1..5 {
            let mut cart = cart_of(id, &format!("t{id}"), (id < 4).then_some(1_000 * id));
            cart.abandoned_at = Some(at(id));
            if id == 3 {
                cart.latest.total = Some(Money::new(7, usd));
            }
            tx!(stage, |tx| cart::put(tx, keys, &cart, None).await?);
            tx!(stage, |tx| cart::abandon(tx, keys, &cart, true).await?);
            let mut text = text_of(stage, id, id, 1);
            tx!(stage, |tx| message::create(tx, keys, &text).await?);
            text.moments.accepted_at = Some(at(id));
            text.moments.delivered_at = (id != 2).then_some(at(id));
            text.cost = match id {
                1 => None,
                2 => Some(Cost { micros: 79_000, currency: usd }),
                _ => Some(Cost { micros: 1, currency: eur() }),
            };
            tx!(stage, |tx| message::save(tx, keys, &text).await?);
            tx!(stage, |tx| order::put(tx, keys, &order_of(id, 100, Some(at(id)))).await?);
            let out = OptOut { at: at(id), source: format!("{id}") };
            tx!(stage, |tx| consent::opt_out(tx, keys, &[(id % 2) as u8; 16], &out, at(9)).await?);
        }
        let (from, to) = (at(0), at(100));
        for _ in 0..2 {
            tx!(stage, |tx| rollup::recompute(tx, stage.shop(), -5, from, to).await?);
        }
        tx!(stage, |tx| rollup::recompute(tx, stage.shop(), 6, at(1_000), at(2_000)).await?);
        let figures = rollup::figures(read!(stage), stage.shop(), -5, 6).await.unwrap();
        let value = |metric, currency: Option<Currency>| {
            figures
                .iter()
                .filter(|figure| figure.metric == metric && figure.currency == currency)
                .map(|figure| figure.value)
                .collect::<Vec<_>>()
        };
        for (metric, currency, expected) in [
            (Metric::Abandoned, None, 4),
            (Metric::AbandonedValue, Some(eur()), 3_000),
            (Metric::AbandonedValue, Some(usd), 7),
            (Metric::Reachable, None, 4),
            (Metric::CartsTexted, None, 4),
            (Metric::Texts, None, 4),
            (Metric::Segments, None, 8),
            (Metric::Delivered, None, 3),
            (Metric::CostMicros, Some(usd), 79_000),
            (Metric::CostMicros, Some(eur()), 2),
            (Metric::OptOuts, None, 2),
            (Metric::Orders, Some(eur()), 4),
        ] {
            assert_eq!(value(metric, currency), [expected], "{metric:?} {currency:?}");
        }
        assert!(figures.iter().all(|figure| figure.day == -5));
        assert_eq!(rollup::recovered_orders(read!(stage)).await.unwrap(), 0);
        // A whole shop goes, and only that one.
        tx!(stage, |tx| erase::shop(tx, ShopId::new(99)).await?);
        assert_eq!(cart::count(read!(stage), keys, cart::Filter::All, SPAN).await.unwrap(), 4);
        tx!(stage, |tx| erase::shop(tx, stage.shop()).await?);
        assert_eq!(cart::count(read!(stage), keys, cart::Filter::All, SPAN).await.unwrap(), 0);
        assert_eq!(rollup::figures(read!(stage), stage.shop(), -5, 6).await.unwrap(), figures);
    })
    .await;
}

#[tokio::test]
async fn alarms_recurring_work_and_sweeps() {
    on_both(async |stage| {
        let shop = stage.shop();
        let raise = async |words: &str| {
            transact!(stage.db, |tx| alarm::raise(tx, shop, "k", "s", words, at(1)).await?).unwrap()
        };
        assert!((raise("one").await, raise("two").await) == (true, false));
        assert_eq!(alarm::standing(read!(stage), &stage.keys).await.unwrap()[0].words, "one");
        tx!(stage, |tx| alarm::clear(tx, shop, "k", "s", at(2)).await?);
        assert!(alarm::standing(read!(stage), &stage.keys).await.unwrap().is_empty());
        assert!(raise("three").await);

        assert_eq!(recurring::last(read!(stage), shop, "sweep").await.unwrap(), None);
        assert!(tx!(stage, |tx| recurring::take(tx, shop, "sweep", at(1), "a").await?));
        assert!(!tx!(stage, |tx| recurring::take(tx, shop, "sweep", at(1), "b").await?));
        assert!(tx!(stage, |tx| recurring::take(tx, shop, "sweep", at(3), "b").await?));
        assert_eq!(recurring::last(read!(stage), shop, "sweep").await.unwrap(), Some(at(3)));
        assert_eq!(tx!(stage, |tx| recurring::prune(tx, at(2)).await?), 1);

        let id = |minute: i64| at(minute).millis() << 21;
        tx!(stage, |tx| {
            crate::sql::keep_aside(
                tx,
                &stage.keys,
                &inbox::Arrival { id: DeliveryId::new(id(5)), ..arrival(5, 5, b"", None) },
            )
            .await?;
            cart::put(tx, &stage.keys, &Cart { id: CartId::new(id(6)), ..cart_of(6, "lost", None) }, None).await?;
            for (minute, cart) in [(7, 1), (8, 2)] {
                let text = message::Message { id: MessageId::new(id(minute)), ..text_of(stage, minute, cart, 1) };
                message::create(tx, &stage.keys, &text).await?;
            }
            job::schedule(tx, shop, job::Kind::Send, id(8), at(9)).await?;
            for (minute, code) in [(9, "A"), (10, "B")] {
                let plan = Plan::new(Off::FreeShipping);
                let new = NewCode {
                    id: DiscountId::new(id(minute)),
                    code: code.into(),
                    plan,
                    starts_at: at(0),
                    expires_at: at(60),
                };
                let text = MessageId::new(id(minute));
                discount::wish(tx, &stage.keys, &new, CartId::new(1), text, at(minute)).await?;
            }
            job::schedule(tx, shop, job::Kind::Discount, id(9), at(9)).await?;
        });
        let orphans = sweep::orphans(read!(stage), shop, at(0), at(60)).await.unwrap();
        assert_eq!(
            orphans,
            [
                (job::Kind::Ingest, id(5)),
                (job::Kind::Detect, id(6)),
                (job::Kind::Send, id(7)),
                (job::Kind::Discount, id(10))
            ]
        );
        assert_eq!(sweep::orphans(read!(stage), shop, at(0), at(6)).await.unwrap().len(), 1);
        assert_eq!(sweep::orphans(read!(stage), shop, at(0) - DAY, at(0)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn data_requests() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let one = request::Request {
            id: RequestId::new(1),
            kind: request::Kind::Access,
            source: "shop".into(),
            at: at(1),
            done_at: None,
            outcome: String::new(),
        };
        let two = request::Request { id: RequestId::new(2), kind: request::Kind::Erasure, ..one.clone() };
        tx!(stage, |tx| request::create(tx, keys, &one, &"maja").await?);
        tx!(stage, |tx| request::create(tx, keys, &two, &"ana").await?);
        assert_eq!(request::get(read!(stage), keys, one.id).await.unwrap(), Some(one.clone()));
        assert_eq!(request::who::<String>(read!(stage), keys, one.id).await.unwrap().as_deref(), Some("maja"));
        assert_eq!(request::list(read!(stage), keys, 9).await.unwrap(), [two.clone(), one.clone()]);
        assert_eq!(request::naming(read!(stage), keys, request::Kind::Access).await.unwrap(), [one.id]);
        tx!(stage, |tx| request::finish(tx, keys, one.id, at(3)).await?);
        tx!(stage, |tx| request::finish(tx, keys, one.id, at(4)).await?);
        assert_eq!(request::who::<String>(read!(stage), keys, one.id).await.unwrap(), None);
        assert_eq!(request::naming(read!(stage), keys, request::Kind::Access).await.unwrap(), []);
        assert_eq!(request::get(read!(stage), keys, one.id).await.unwrap().unwrap().done_at, Some(at(3)));
        // What is not done is not forgotten.
        assert_eq!(tx!(stage, |tx| request::prune(tx, keys, at(9)).await?), 1);
        assert_eq!(request::list(read!(stage), keys, 9).await.unwrap(), [two]);
    })
    .await;
}

#[tokio::test]
async fn forgetting_by_age() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let kind = retention::Kind::Words;
        assert_eq!(retention::mark(read!(stage), keys, kind).await.unwrap(), 0);
        tx!(stage, |tx| retention::set_mark(tx, keys, kind, 7).await?);
        tx!(stage, |tx| retention::set_mark(tx, keys, kind, 5).await?);
        assert_eq!(retention::mark(read!(stage), keys, kind).await.unwrap(), 7);
        assert_eq!(retention::mark(read!(stage), keys, retention::Kind::Clicks).await.unwrap(), 0);
        let id = |minute| retention::first_id(at(minute));
        for minute in [1, 2, 3] {
            let click = clicks::Click {
                id: ClickId::new(id(minute)),
                message: MessageId::new(1),
                at: at(minute),
                opened: Opened {
                    method: click::Method::Get,
                    agent: Some("a phone".into()),
                    prefetch: false,
                    at: at(minute),
                },
                verdict: String::new(),
            };
            tx!(stage, |tx| clicks::record(tx, keys, &click).await?);
        }
        let span = (id(1), id(3));
        assert_eq!(retention::clicks(read!(stage), keys, span, 9).await.unwrap().len(), 2);
        assert_eq!(retention::clicks(read!(stage), keys, span, 1).await.unwrap(), [ClickId::new(id(1))]);
        assert_eq!(retention::messages(read!(stage), keys, span, 9).await.unwrap(), []);
        for _ in 0..2 {
            tx!(stage, |tx| clicks::forget_agent(tx, keys, ClickId::new(id(1))).await?);
        }
        let found = clicks::get(read!(stage), keys, ClickId::new(id(1))).await.unwrap().unwrap();
        assert_eq!((found.opened.agent, found.opened.at, found.at), (None, at(1), at(1)));
        assert_eq!(tx!(stage, |tx| retention::forget_decisions(tx, keys, at(9), 5).await?), 0);
        assert_eq!(retention::orders(read!(stage), keys, at(9), 5).await.unwrap(), []);
        // A number is forgotten when all that is known of it is old.
        let consent = |minute| Consent {
            state: ConsentState::Granted,
            at: at(minute),
            proof: ConsentProof { source: "shop".into(), ..ConsentProof::default() },
        };
        let old = async |before| retention::consented(read!(stage), keys, at(before), 9).await.unwrap();
        tx!(stage, |tx| consent::record(tx, keys, &[1; 16], &consent(1), at(1)).await?);
        tx!(stage, |tx| consent::record(tx, keys, &[2; 16], &consent(1), at(1)).await?);
        tx!(stage, |tx| consent::record(tx, keys, &[2; 16], &consent(2), at(5)).await?);
        tx!(stage, |tx| consent::record(tx, keys, &[3; 16], &consent(1), at(1)).await?);
        let out = OptOut { at: at(2), source: "reply".into() };
        tx!(stage, |tx| consent::opt_out(tx, keys, &[3; 16], &out, at(6)).await?);
        assert_eq!(old(1).await, [[0; 16]; 0]);
        assert_eq!(old(2).await, [[1; 16]]);
        assert_eq!(old(6).await, [[1; 16], [2; 16]]);
        assert_eq!(old(7).await, [[1; 16], [2; 16], [3; 16]]);
        let first = (Time::FIRST, &[][..], "");
        let lines = consent::opt_outs(read!(stage), keys, first, 9).await.unwrap();
        assert_eq!(lines, [consent::Line { phone: [3; 16], entry: out, recorded_at: at(6) }]);
        let after = (at(2), &[3; 16][..], "reply");
        assert_eq!(consent::opt_outs(read!(stage), keys, after, 9).await.unwrap(), []);
        assert_eq!(tx!(stage, |tx| retention::forget_opt_outs(tx, keys, at(6)).await?), 0);
        assert_eq!(tx!(stage, |tx| retention::forget_opt_outs(tx, keys, at(7)).await?), 1);
        tx!(stage, |tx| alarm::raise(tx, stage.shop(), "data_request", "7", "words", at(1)).await?);
        assert_eq!(tx!(stage, |tx| alarm::forget(tx, keys, "data_request", "7").await?), 1);
        let text = MessageId::new(7);
        for _ in 0..2 {
            tx!(stage, |tx| retention::keep_digest(tx, keys, text, &[8; 32]).await?);
        }
        assert_eq!(retention::digest_of(read!(stage), keys, text).await.unwrap(), Some(vec![8; 32]));
        tx!(stage, |tx| retention::forget_digest(tx, keys, text).await?);
        assert_eq!(retention::digest_of(read!(stage), keys, text).await.unwrap(), None);
        assert_eq!(erase::phones(read!(stage), keys).await.unwrap(), [[0; 16]; 0]);
        assert!(stage.db.cut_log().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn discounts() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let plan = Plan { minimum: Some(Money::new(5_000, eur())), ..Plan::new(Off::Percent(10)) };
        let new = |id: i64, code: &str| NewCode {
            id: DiscountId::new(id),
            code: code.into(),
            plan: plan.clone(),
            starts_at: at(0),
            expires_at: at(90),
        };
        let wish = async |id: i64, code: &str, text: i64| {
            let (cart, text) = (CartId::new(7), MessageId::new(text));
            transact!(stage.db, |tx| discount::wish(tx, keys, &new(id, code), cart, text, at(1)).await?)
        };
        wish(1, "demK7F3QX", 11).await.unwrap();
        assert!(matches!(wish(2, "DEMK7F3qx", 12).await, Err(Error::Duplicate)), "one code, whatever its case");
        assert!(matches!(wish(2, "OTHER", 11).await, Err(Error::Duplicate)), "one code of one text");
        wish(2, "OTHER", 12).await.unwrap();
        let one = discount::get(read!(stage), keys, DiscountId::new(1)).await.unwrap().unwrap();
        assert_eq!((one.cart, one.message, one.code.as_str()), (CartId::new(7), MessageId::new(11), "DEMK7F3QX"));
        assert_eq!((&one.plan, one.wanted_at, one.expires_at, one.made_at), (&plan, at(1), at(90), None));
        assert!(!one.is_good(at(2)));
        assert_eq!(discount::by_code(read!(stage), keys, " demk7f3qx ").await.unwrap().as_ref(), Some(&one));
        assert_eq!(discount::of_message(read!(stage), keys, MessageId::new(11)).await.unwrap(), Some(one));
        assert_eq!(discount::by_code(read!(stage), keys, "NEVER").await.unwrap(), None);

        tx!(stage, |tx| {
            discount::rename(tx, keys, DiscountId::new(1), "demnew").await?;
            discount::made(tx, keys, DiscountId::new(1), "gid://7", at(2)).await?;
            // What was settled stays settled.
            discount::rename(tx, keys, DiscountId::new(1), "later").await?;
            discount::made(tx, keys, DiscountId::new(1), "gid://8", at(3)).await?;
            discount::refuse(tx, keys, DiscountId::new(1), "no", at(3)).await?;
            discount::refuse(tx, keys, DiscountId::new(2), "no key", at(4)).await?;
        });
        let one = discount::by_code(read!(stage), keys, "DEMNEW").await.unwrap().unwrap();
        assert_eq!((one.made_at, one.external_id.as_str(), one.refused_at), (Some(at(2)), "gid://7", None));
        assert_eq!([at(89), at(90)].map(|now| one.is_good(now)), [true, false]);
        let two = discount::get(read!(stage), keys, DiscountId::new(2)).await.unwrap().unwrap();
        assert_eq!((two.refused_at, two.refused_why.as_str(), two.is_good(at(5))), (Some(at(4)), "no key", false));

        let used = |text: i64, minute, minor| discount::Use {
            message: MessageId::new(text),
            step: 2,
            at: at(minute),
            amount: Money::new(minor, eur()),
        };
        let uses = [used(11, 20, 1_280), used(99, 20, 300)];
        for _ in 0..2 {
            tx!(stage, |tx| discount::replace_uses(tx, keys, OrderId::new(5), &uses).await?);
        }
        tx!(stage, |tx| discount::replace_uses(tx, keys, OrderId::new(6), &[used(11, 21, 50)]).await?);
        assert_eq!(discount::uses_of(read!(stage), keys, OrderId::new(5)).await.unwrap(), uses);
        let one = discount::get(read!(stage), keys, DiscountId::new(1)).await.unwrap().unwrap();
        assert_eq!((one.used_at, one.order, one.is_good(at(30))), (Some(at(20)), Some(OrderId::new(5)), false));

        tx!(stage, |tx| rollup::recompute(tx, stage.shop(), 1, at(0), at(60)).await?);
        let figures = rollup::figures(read!(stage), stage.shop(), 1, 1).await.unwrap();
        let figures: Vec<_> = figures.iter().map(|it| (it.metric.name(), it.step, it.value)).collect();
        assert_eq!(figures, [("discount", 2, 1_630), ("discounts", 0, 1), ("discounts_used", 2, 3)]);

        tx!(stage, |tx| discount::replace_uses(tx, keys, OrderId::new(5), &[]).await?);
        assert_eq!(discount::uses_of(read!(stage), keys, OrderId::new(5)).await.unwrap(), []);
        tx!(stage, |tx| discount::removed(tx, keys, DiscountId::new(1), at(95)).await?);
        tx!(stage, |tx| discount::removed(tx, keys, DiscountId::new(1), at(96)).await?);
        let one = discount::get(read!(stage), keys, DiscountId::new(1)).await.unwrap().unwrap();
        assert_eq!(one.removed_at, Some(at(95)));
        tx!(stage, |tx| erase::shop(tx, stage.shop()).await?);
        assert_eq!(discount::get(read!(stage), keys, DiscountId::new(1)).await.unwrap(), None);
        assert_eq!(discount::uses_of(read!(stage), keys, OrderId::new(6)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_is_counted_and_paused() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let names = |byte: u8| guard::Names {
            ip: Some([byte; 16]),
            prefix: [byte + 1; 16],
            country: [9; 16],
            price: [byte + 3; 16],
        };
        let (quarter, hour, day) = (at(15), at(0), at(-600));
        let buckets = guard::Buckets { quarter, hour, day };
        let spans =
            guard::Spans { hour_from: quarter, usual_from: at(-60), usual_to: at(60), tappable_to: quarter, day };
        let two = tx!(stage, |tx| {
            guard::count(tx, keys, &names(1), &buckets, true, 1).await?;
            guard::count(tx, keys, &names(1), &buckets, false, 1).await?;
            guard::count(tx, keys, &guard::Names { ip: None, ..names(20) }, &buckets, true, 1).await?;
            guard::learn_price(tx, keys, &[4; 16], 41_000).await?;
            guard::learn_price(tx, keys, &[4; 16], 42_000).await?;
            guard::sums(tx, keys, &names(1), &spans).await?
        });
        assert_eq!((two.ip.texts, two.ip.oldest, two.prefix.texts), (2, Some(quarter), 2));
        assert_eq!((two.breaker.texts, two.usual.texts, two.usual.rows), (3, 3, 1));
        assert_eq!((two.prefix_untapped.texts, two.country_untapped.texts), (1, 2));
        assert_eq!((two.price.micros, two.price.rows), (42_000, 1));
        let later = guard::Spans { hour_from: at(16), usual_to: hour, tappable_to: at(14), day: at(0), ..spans };
        assert_eq!(
            guard::sums(read!(stage), keys, &guard::Names { ip: None, ..names(50) }, &later).await.unwrap(),
            guard::Sums::default()
        );
        tx!(stage, |tx| guard::count(tx, keys, &names(1), &buckets, true, -1).await?);
        let one = guard::sums(read!(stage), keys, &names(1), &spans).await.unwrap();
        assert_eq!((one.ip.texts, one.breaker.texts, one.prefix_untapped.texts), (1, 2, 0));
        tx!(stage, |tx| guard::tapped(tx, keys, &[21; 16], &[9; 16]).await?);
        assert_eq!(guard::sums(read!(stage), keys, &names(1), &spans).await.unwrap().country_untapped.texts, 0);

        // A text counts once, at its newest price, on its first day.
        let text = MessageId::new(77);
        tx!(stage, |tx| {
            guard::spend(tx, keys, text, day, 160_000).await?;
            guard::spend(tx, keys, text, at(0), 83_000).await?;
            guard::spend(tx, keys, MessageId::new(78), day, 80_000).await?;
        });
        assert_eq!(guard::spent(read!(stage), keys, day).await.unwrap(), 163_000);
        assert_eq!(guard::spent(read!(stage), keys, at(0)).await.unwrap(), 0);
        assert_eq!(guard::spent_on(read!(stage), keys, text).await.unwrap(), Some((83_000, day)));
        tx!(stage, |tx| {
            guard::unspend(tx, keys, text).await?;
            guard::unspend(tx, keys, text).await?;
        });
        assert_eq!(guard::spent(read!(stage), keys, day).await.unwrap(), 80_000);

        let why = ("ten texts", "+38640555…");
        let twice = tx!(stage, |tx| (
            guard::pause(tx, keys, guard::Paused::Prefix, &[2; 16], why, at(1)).await?,
            guard::pause(tx, keys, guard::Paused::Prefix, &[2; 16], why, at(2)).await?,
            guard::pause(tx, keys, guard::Paused::Breaker, &guard::whole(), ("many", ""), at(3)).await?,
        ));
        assert_eq!(twice, (true, false, true));
        let mut paused = guard::sums(read!(stage), keys, &names(1), &spans).await.unwrap().paused;
        paused.sort_by_key(|kind| kind.name());
        assert_eq!(paused, [guard::Paused::Breaker, guard::Paused::Prefix]);
        assert_eq!(guard::sums(read!(stage), keys, &names(50), &spans).await.unwrap().paused, [guard::Paused::Breaker]);
        let all = guard::pauses(read!(stage), keys).await.unwrap();
        assert_eq!((all.len(), all[0].label.as_str(), all[0].at), (2, "+38640555…", at(1)));
        for pause in &all {
            assert_eq!(guard::named(&pause.name()), Some((pause.kind, pause.key.clone())));
        }
        assert_eq!(guard::count_paused(read!(stage)).await.unwrap().len(), 2);
        for nonsense in ["", "breaker-00", "prefix", "prefix-zz", "country-0badc0de", "shop-01"] {
            assert_eq!(guard::named(nonsense), None, "{nonsense}");
        }
        let resumed = tx!(stage, |tx| (
            guard::resume(tx, keys, guard::Paused::Prefix, &[2; 16], at(4)).await?,
            guard::resume(tx, keys, guard::Paused::Prefix, &[2; 16], at(4)).await?,
        ));
        assert_eq!(resumed, (true, false));
        assert_eq!(guard::sums(read!(stage), keys, &names(1), &spans).await.unwrap().prefix.texts, 0);
        assert!(tx!(stage, |tx| guard::pause(tx, keys, guard::Paused::Prefix, &[2; 16], why, at(5)).await?));

        assert_eq!(guard::held_texts(read!(stage), keys, MessageId::new(0)).await.unwrap(), []);
        assert_eq!(guard::waiting_carts(read!(stage), keys, at(0), 10).await.unwrap(), Vec::<String>::new());
        tx!(stage, |tx| guard::prune(tx, stage.shop(), at(600)).await?);
        let kept = guard::sums(read!(stage), keys, &names(1), &spans).await.unwrap();
        assert_eq!(kept, guard::Sums { price: kept.price, paused: kept.paused.clone(), ..guard::Sums::default() });
        assert_eq!(kept.price.micros, 42_000);
    })
    .await;
}

#[tokio::test]
async fn places_on_a_phone_and_the_kill_switch() {
    on_both(async |stage| {
        let text = |shop, message| MessageRef { shop: ShopId::new(shop), message: MessageId::new(message) };
        let phone = [5; 16];
        let (since, now) = (at(0), at(1440));
        let taken = tx!(stage, |tx| (
            phone_use::reserve(tx, &phone, "reminder", text(1, 1), 1, (since, now)).await?,
            phone_use::reserve(tx, &phone, "reminder", text(1, 1), 1, (since, now)).await?,
            phone_use::reserve(tx, &phone, "reminder", text(2, 1), 1, (since, now)).await?,
            phone_use::reserve(tx, &phone, "confirmation", text(2, 1), 1, (since, now)).await?,
            phone_use::reserve(tx, &phone, "reminder", text(3, 1), 2, (since, now)).await?,
        ));
        assert_eq!(taken, (true, true, false, true, true));
        assert!(phone_use::holds(read!(stage), &phone, "reminder", text(3, 1), since).await.unwrap());
        assert!(!phone_use::holds(read!(stage), &phone, "reminder", text(2, 1), since).await.unwrap());
        let others = phone_use::by_others(read!(stage), &phone, "reminder", Some(text(1, 1)), since).await.unwrap();
        assert_eq!(others, (1, Some(now)));
        tx!(stage, |tx| phone_use::release(tx, &phone, "reminder", text(1, 1)).await?);
        let all = phone_use::by_others(read!(stage), &phone, "reminder", None, since).await.unwrap();
        assert_eq!(all, (1, Some(now)));
        // What is a day old is nobody's place any more.
        let (later, tomorrow) = (at(1441), at(2881));
        assert!(tx!(stage, |tx| {
            phone_use::reserve(tx, &phone, "reminder", text(4, 1), 1, (later, tomorrow)).await?
        }));
        tx!(stage, |tx| phone_use::prune(tx, at(9_999)).await?);
        assert_eq!(phone_use::by_others(read!(stage), &phone, "reminder", None, since).await.unwrap(), (0, None));

        assert_eq!(halt::standing(read!(stage)).await.unwrap(), None);
        assert!(!tx!(stage, |tx| halt::lift(tx, at(0)).await?));
        tx!(stage, |tx| {
            halt::halt(tx, 1, "first", at(1)).await?;
            halt::halt(tx, 2, "second", at(2)).await?;
        });
        let standing = halt::standing(read!(stage)).await.unwrap().unwrap();
        assert_eq!((standing.why.as_str(), standing.at), ("first", at(1)));
        assert!(tx!(stage, |tx| halt::lift(tx, at(3)).await?));
        assert_eq!(halt::standing(read!(stage)).await.unwrap(), None);
    })
    .await;
}

/// Places of one phone are given one at a time, whoever asks at once.
#[tokio::test]
async fn a_phone_s_place_is_taken_by_one() {
    on_both(async |stage| {
        let asks = (0..20i64).map(|n| {
            let db = stage.db.clone();
            async move {
                let text = MessageRef { shop: ShopId::new(n + 1), message: MessageId::new(n) };
                transact!(db, |tx| phone_use::reserve(tx, &[6; 16], "reminder", text, 2, (at(0), at(9))).await?)
                    .unwrap()
            }
        });
        let given = futures_util::future::join_all(asks).await;
        assert_eq!(given.iter().filter(|given| **given).count(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_is_repeated_when_it_lost_a_race() {
    on_both(async |stage| {
        let mut tries = 0;
        let outcome: Result<u32, Error> = transact!(stage.db, |tx| {
            alarm::raise(tx, stage.shop(), "k", "s", "words", at(1)).await?;
            tries += 1;
            let verdict = match tries {
                1 => Err(Error::Busy),
                2 => Err(Error::Duplicate),
                _ => Ok(tries),
            };
            verdict?
        });
        assert_eq!(outcome.unwrap(), 3);
        tries = 0;
        let given_up: Result<(), Error> = transact!(stage.db, |_tx| {
            tries += 1;
            Err(Error::Busy)?
        });
        assert!(matches!(given_up, Err(Error::Busy)));
        assert_eq!(tries, cartback::store::db::TRANSACTION_TRIES_MAX);
        tries = 0;
        let refused: Result<(), Error> = transact!(stage.db, |tx| {
            alarm::clear(tx, stage.shop(), "k", "s", at(2)).await?;
            tries += 1;
            Err(Error::Sql("a mistake".into()))?
        });
        assert!(refused.is_err() && tries == 1);
        // What failed never happened.
        assert_eq!(alarm::standing(read!(stage), &stage.keys).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn turns_are_taken_one_after_the_other() {
    on_both(async |stage| {
        let shop = stage.shop();
        let busy = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let turns = (0..6).map(|_| {
            let (db, busy) = (stage.db.clone(), busy.clone());
            tokio::spawn(async move {
                for _ in 0..5 {
                    transact!(db, |tx| {
                        shop::take_turn(tx, shop).await?;
                        assert!(!busy.swap(true, std::sync::atomic::Ordering::SeqCst), "two at once");
                        tokio::task::yield_now().await;
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        busy.store(false, std::sync::atomic::Ordering::SeqCst);
                    })
                    .unwrap();
                }
            })
        });
        for turn in futures_util::future::join_all(turns).await {
            turn.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn f34_a_begin_that_is_cancelled_leaves_nothing_open() {
    on_both(async |stage| {
        // Cut off after so many polls, at every place it can be.
        for polls in 0..40 {
            let mut begin = Box::pin(stage.db.begin());
            for _ in 0..polls {
                if let std::task::Poll::Ready(begun) = futures_util::poll!(&mut begin) {
                    drop(begun.unwrap());
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(begin);
        }
        for _ in 0..20 {
            let mut tx: Tx = stage.db.begin().await.unwrap();
            alarm::raise(&mut tx, stage.shop(), "k", "s", "words", at(1)).await.unwrap();
            drop(tx);
        }
        assert!(alarm::standing(read!(stage), &stage.keys).await.unwrap().is_empty());
        tx!(stage, |tx| alarm::raise(tx, stage.shop(), "k", "s", "words", at(1)).await?);
        assert_eq!(alarm::standing(read!(stage), &stage.keys).await.unwrap().len(), 1);
        if let Db::Pg(_) = &stage.db {
            let idle = "SELECT COUNT(*)::TEXT FROM pg_stat_activity
                        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            // Those that were cut off end by themselves; one that was forgotten never does.
            let begun = std::time::Instant::now();
            while crate::sql::rows(&stage.db, idle).await != [["0"]] {
                assert!(begun.elapsed() < Duration::from_secs(10), "a transaction stays open");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    })
    .await;
}

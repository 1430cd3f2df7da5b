//! The holdout: its runs follow the rules, a person counts once in each, and what is counted replaces what was.

use cartback::{
    domain::{
        holdout::{Arm, HORIZON_MOST},
        lift::{Facts, Report},
    },
    store::holdout::{self, Outcome},
};

use super::*;

async fn ruled(stage: &Stage, percent: u32, now: Time) -> u64 {
    let rules = Rules { holdout_percent: percent, ..Rules::default() };
    tx!(stage, |tx| rules::save(tx, &stage.keys, &rules, now).await?)
}

#[tokio::test]
async fn a_run_lasts_as_long_as_its_share() {
    on_both(async |stage| {
        let shop = stage.shop();
        assert_eq!(holdout::current(read!(stage), shop).await.unwrap(), None);
        let first = ruled(stage, 10, at(1)).await;
        ruled(stage, 10, at(2)).await;
        let on = holdout::current(read!(stage), shop).await.unwrap().unwrap();
        assert_eq!((on.id, on.percent, on.started_at, on.ended_at), (first, 10, at(1), None));
        let second = ruled(stage, 20, at(3)).await;
        ruled(stage, 0, at(4)).await;
        assert_eq!(holdout::current(read!(stage), shop).await.unwrap(), None);
        let runs = holdout::runs(read!(stage), shop).await.unwrap();
        let told: Vec<(u64, Option<Time>)> = runs.iter().map(|run| (run.id, run.ended_at)).collect();
        assert_eq!(told, [(second, Some(at(4))), (first, Some(at(3)))]);
        assert!(holdout::runs(read!(stage), ShopId::new(9)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_person_counts_once_and_what_is_counted_replaces_what_was() {
    on_both(async |stage| {
        let (keys, shop, person) = (&stage.keys, stage.shop(), [7; 16]);
        let (one, two) = (CartId::new(1), CartId::new(2));
        let enter = async |cart, person: [u8; 16], arm, now| {
            tx!(stage, |tx| holdout::assign(tx, keys, (cart, 3), &person, arm, now).await?)
        };
        assert_eq!(enter(one, person, Arm::Texted, at(1)).await, Some(true));
        assert_eq!(enter(one, person, Arm::Held, at(2)).await, None, "once it is noted it stays");
        assert_eq!(enter(two, person, Arm::Texted, at(3)).await, Some(false));
        assert_eq!(enter(CartId::new(4), [8; 16], Arm::Held, at(3)).await, Some(true));
        let entry = holdout::of_cart(read!(stage), keys, one).await.unwrap().unwrap();
        assert_eq!((entry.arm, entry.assigned_at, entry.first, entry.counted_days), (Arm::Texted, at(1), true, 0));
        assert_eq!(holdout::people(read!(stage), shop, 3, Arm::Texted).await.unwrap(), 1);
        assert_eq!(holdout::counted(read!(stage), shop, 3, Arm::Texted, 7).await.unwrap(), 0);
        let done = |orders, net_minor| Outcome { currency: eur(), orders, net_minor, cost_micros: 75_000 };
        for outcomes in [vec![done(2, 9_900)], vec![done(1, 4_900)], vec![done(1, 4_900)]] {
            tx!(stage, |tx| holdout::count(tx, keys, one, 7, &outcomes).await?);
        }
        let found = holdout::outcomes(read!(stage), shop, 3, Arm::Texted, 7).await.unwrap();
        assert_eq!(found, [(one, done(1, 4_900))]);
        assert_eq!(holdout::outcomes(read!(stage), shop, 3, Arm::Texted, 14).await.unwrap(), []);
        assert_eq!(holdout::counted(read!(stage), shop, 3, Arm::Texted, 7).await.unwrap(), 1);
        assert_eq!(holdout::known_by(read!(stage), keys, &person).await.unwrap(), [one]);
        // Known by any other name of its cart too.
        let name = identity::value(keys, identity::Kind::Email, "a@posta.si");
        let names = [(identity::Kind::Email, name)];
        tx!(stage, |tx| identity::add(tx, keys, identity::Subject::Cart(one), &names).await?);
        assert_eq!(holdout::known_by(read!(stage), keys, &name).await.unwrap(), [one]);
        let orphans = sweep::orphans(read!(stage), shop, Time::FIRST, at(9)).await.unwrap();
        assert!(orphans.contains(&(job::Kind::Outcome, 1)) && !orphans.contains(&(job::Kind::Outcome, 2)));
        tx!(stage, |tx| holdout::count(tx, keys, one, HORIZON_MOST, &[]).await?);
        tx!(stage, |tx| holdout::forget(tx, keys, &person).await?);
        let entry = holdout::of_cart(read!(stage), keys, one).await.unwrap().unwrap();
        assert_eq!((entry.person, entry.counted_days), (None, HORIZON_MOST));
        let orphans = sweep::orphans(read!(stage), shop, Time::FIRST, at(9)).await.unwrap();
        assert_eq!(orphans, [(job::Kind::Outcome, 4)], "who is forgotten is not counted any more; the other one is");
    })
    .await;
}

#[tokio::test]
async fn what_a_person_bought_is_found_by_any_name_of_the_cart_and_what_texts_cost_by_the_number() {
    on_both(async |stage| {
        let (keys, person) = (&stage.keys, [7; 16]);
        let cart = CartId::new(1);
        tx!(stage, |tx| holdout::assign(tx, keys, (cart, 3), &person, Arm::Texted, at(10)).await?);
        let entry = holdout::of_cart(read!(stage), keys, cart).await.unwrap().unwrap();
        let email = identity::value(keys, identity::Kind::Email, "a@posta.si");
        tx!(stage, |tx| {
            let names = [(identity::Kind::Email, email)];
            identity::add(tx, keys, identity::Subject::Cart(cart), &names).await?;
            for (id, name, placed) in [(1, email, 11), (2, person, 12), (3, email, 9), (4, email, 30), (5, [9; 16], 12)]
            {
                order::put(tx, keys, &order_of(id, 100, Some(at(placed)))).await?;
                let names = [(identity::Kind::Phone, name)];
                identity::add(tx, keys, identity::Subject::Order(OrderId::new(id)), &names).await?;
            }
        });
        let found = holdout::bought(read!(stage), keys, &entry, (at(10), at(30))).await.unwrap();
        assert_eq!(found.iter().map(|order| order.placed_at).collect::<Vec<_>>(), [at(11), at(12)]);
        assert_eq!(holdout::cost(read!(stage), keys, &person, SPAN).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_run_s_figures_are_kept() {
    on_both(async |stage| {
        let shop = stage.shop();
        let report = Report::of(3, 10, (90, 10), &[Facts { days: 7, ..Facts::default() }]);
        assert_eq!(holdout::report(read!(stage), shop, 3).await.unwrap(), None);
        for now in [at(1), at(2)] {
            tx!(stage, |tx| holdout::keep(tx, shop, &report, now).await?);
        }
        assert_eq!(holdout::report(read!(stage), shop, 3).await.unwrap(), Some((report.clone(), at(2))));
    })
    .await;
}

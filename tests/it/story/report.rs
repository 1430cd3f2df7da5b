//! Stories on reports: roll-ups say what the facts say, in whatever order those came, and a refund moves exactly its day.

use std::time::Duration;

use cartback::{
    domain::breakdown::{Dimension, OTHER},
    domain::report::Report,
    pipeline::{self, rollup},
    store,
};
use serde_json::json;

use super::bodies::MOBILE;
use crate::app::{App, Shopkeeper, hours, minutes, on_both};

/// Every day of the last weeks as it is kept equals the same day made anew from the facts.
async fn holds(app: &App, shop: &Shopkeeper) {
    app.settle().await;
    let mut tx = app.core.db.begin().await.unwrap();
    let (shop, _) = app.core.shop(&mut tx, shop.id).await.unwrap().unwrap();
    let today = rollup::day_number(&pipeline::zone_of(&shop), app.now());
    for day in today - 20..=today {
        let kept = store::breakdown::of_days(&mut tx, shop.id, day, day).await.unwrap();
        let totals = store::rollup::figures(&mut tx, shop.id, day, day).await.unwrap();
        rollup::recompute(&mut tx, &shop, day).await.unwrap();
        let fresh = store::breakdown::of_days(&mut tx, shop.id, day, day).await.unwrap();
        assert_eq!(kept, fresh, "{}", rollup::date_of(day));
        let anew = store::rollup::figures(&mut tx, shop.id, day, day).await.unwrap();
        assert_eq!(totals, anew, "{}", rollup::date_of(day));
    }
    drop(tx);
}

/// A breakdown is the total, cut differently.
fn adds_up(report: &Report) {
    let total = &report.total;
    for by in [Dimension::Step, Dimension::Language, Dimension::Country, Dimension::Gateway, Dimension::Product] {
        let lines = report.parts.by(by);
        let sum = |count: fn(&cartback::domain::report::Counts) -> i64| -> i64 {
            lines.iter().map(|line| count(&line.slice.counts)).sum()
        };
        assert_eq!(sum(|counts| counts.texts), total.counts.texts, "{by:?}");
        assert_eq!(sum(|counts| counts.delivered), total.counts.delivered, "{by:?}");
        assert_eq!(sum(|counts| counts.clicked), total.counts.clicked, "{by:?}");
        assert_eq!(sum(|counts| counts.recovered_orders), total.counts.recovered_orders, "{by:?}");
        for (currency, sums) in &total.money {
            let of =
                |line: &cartback::domain::report::Line| line.slice.money.get(currency).cloned().unwrap_or_default();
            let net: i64 = lines.iter().map(|line| of(line).net_minor).sum();
            let cost: i64 = lines.iter().map(|line| of(line).cost_micros).sum();
            assert_eq!((net, cost), (sums.net_minor, sums.cost_micros), "{by:?}");
        }
    }
}

/// One shopper leaves, taps and buys; the next only leaves; the third has no number.
async fn three_carts(app: &mut App, shop: &Shopkeeper) {
    let lamp = json!({ "items": [
        { "title": "Shade", "quantity": 1, "price": "8.00" }, { "title": "Oak lamp", "quantity": 2, "price": "60.00" },
    ], "source": "newsletter" });
    app.generic(shop, "checkout.updated", app.checkout("won", lamp)).await;
    let left = json!({ "phone": "+38640555444", "email": "b@shopper.example", "customer_id": "c-2" });
    app.generic(shop, "checkout.updated", app.checkout("left", left)).await;
    let mute = json!({ "phone": null, "email": "m@shopper.example", "customer_id": "c-3", "consent": null });
    app.generic(shop, "checkout.updated", app.checkout("mute", mute)).await;
    app.pass(minutes(31)).await;
}

/// The three, and the first shopper has come back by the link.
async fn three_carts_and_a_tap(app: &mut App) -> Shopkeeper {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    app.with_gateway(&shop, "log").await;
    three_carts(app, &shop).await;
    let text = app.texts(&shop).await.into_iter().find(|text| text.to == MOBILE).unwrap();
    app.pass(minutes(20)).await;
    app.tap(&text).await;
    app.pass(minutes(7)).await;
    shop
}

#[tokio::test]
async fn a_report_breaks_the_whole_down() {
    on_both(async |app| {
        let shop = three_carts_and_a_tap(app).await;
        app.generic(&shop, "order.upserted", app.order("1093", "won", json!({ "payment_method": "Card" }))).await;
        holds(app, &shop).await;
        let report = app.report(&shop).await;
        adds_up(&report);
        let way: Vec<(&str, i64)> = report.parts.way.iter().map(|stage| (stage.reached.name(), stage.carts)).collect();
        assert_eq!(
            way,
            [
                ("abandoned", 3),
                ("phone", 2),
                ("mobile", 2),
                ("consent", 2),
                ("allowed", 2),
                ("sent", 2),
                ("delivered", 1),
                ("clicked", 1),
                ("bought", 1),
            ]
        );
        let names = |by| report.parts.by(by).iter().map(|line| line.value.clone()).collect::<Vec<_>>();
        assert_eq!(names(Dimension::Product)[0], "Oak lamp");
        assert_eq!(names(Dimension::Source)[0], "newsletter");
        assert_eq!(names(Dimension::Device), ["iphone"]);
        assert_eq!(names(Dimension::Payment), ["Card"]);
        assert_eq!(report.parts.delay.half_within_minutes, Some(30));
        assert_eq!(report.parts.by(Dimension::Payment)[0].slice.counts.orders, 1);
    })
    .await;
}

#[tokio::test]
async fn a_refund_moves_exactly_its_day() {
    on_both(async |app| {
        let shop = three_carts_and_a_tap(app).await;
        app.generic(&shop, "order.upserted", app.order("1093", "won", json!({}))).await;
        app.settle().await;
        let before = app.report(&shop).await;
        app.pass(hours(50)).await;
        app.settle().await;
        app.generic(
            &shop,
            "order.upserted",
            app.order(
                "1093",
                "won",
                json!({
                    "placed_at": app.ago(hours(50)), "refunds": [{ "id": "r1", "amount": "20.00", "at": app.iso() }],
                }),
            ),
        )
        .await;
        holds(app, &shop).await;
        let after = app.report(&shop).await;
        let moved: Vec<&str> = after
            .days
            .iter()
            .filter(|day| {
                before.days.iter().find(|old| old.day == day.day).is_some_and(|old| old.slice.money != day.slice.money)
                    || !before.days.iter().any(|old| old.day == day.day) && !day.slice.money.is_empty()
            })
            .map(|day| day.day.as_str())
            .collect();
        assert_eq!(moved, ["2026-03-05"]);
        let euro = "EUR".parse().unwrap();
        assert_eq!(after.total.money[&euro].refunded_minor, 2_000);
        adds_up(&after);
    })
    .await;
}

#[tokio::test]
async fn rows_of_before_are_filed_and_their_days_computed_again() {
    on_both(async |app| {
        let shop = three_carts_and_a_tap(app).await;
        app.generic(&shop, "order.upserted", app.order("1093", "won", json!({ "payment_method": "Card" }))).await;
        app.settle().await;
        let before = app.report(&shop).await;
        // As an older version left them.
        for forget in [
            "UPDATE cart SET product = NULL, source = NULL, reach = NULL",
            "UPDATE message SET language = NULL",
            "UPDATE click SET device = NULL",
            "UPDATE shop_order SET payment = NULL",
            "DELETE FROM rollup_detail",
            "INSERT INTO job (shop_id, kind, subject_id, due_at, attempt)
             SELECT DISTINCT shop_id, 'rollup', day, 0, 0 FROM rollup WHERE day IS NOT NULL
             ON CONFLICT (shop_id, kind, subject_id) DO NOTHING",
        ] {
            crate::sql::change(&app.core.db, forget).await.unwrap();
        }
        assert!(app.report(&shop).await.parts.by(Dimension::Product).is_empty());
        app.settle().await;
        let after = app.report(&shop).await;
        assert_eq!(before.parts, after.parts);
        assert!(!after.parts.by(Dimension::Product).iter().any(|line| line.value == OTHER));
    })
    .await;
}

/// A day on which much happened is not added up again for every text; what happened last is told all the same.
#[tokio::test]
async fn the_figures_of_a_full_day_rest_between_two_rounds() {
    on_both(async |app| {
        let shop = three_carts_and_a_tap(app).await;
        app.settle().await;
        let recovered = async |app: &App| app.report(&shop).await.total.counts.recovered_orders;
        assert_eq!(recovered(app).await, 0);
        // As if just made, from 200,000 facts: twenty seconds.
        let full = format!("UPDATE rollup_detail SET facts = 200000, made_at = {}", app.now().millis());
        crate::sql::change(&app.core.db, &full).await.unwrap();
        app.generic(&shop, "order.upserted", app.order("1093", "won", json!({}))).await;
        app.pass(Duration::from_secs(1)).await;
        assert_eq!(recovered(app).await, 0, "added up again at once");
        app.pass(Duration::from_secs(20)).await;
        assert_eq!(recovered(app).await, 1);
        // From the few facts there are, they are made at once.
        let refund = json!({ "refunds": [{ "id": "r1", "amount": "20.00", "at": app.iso() }] });
        app.generic(&shop, "order.upserted", app.order("1093", "won", refund)).await;
        app.settle().await;
        let report = app.report(&shop).await;
        assert_eq!(report.total.money[&"EUR".parse().unwrap()].refunded_minor, 2_000);
    })
    .await;
}

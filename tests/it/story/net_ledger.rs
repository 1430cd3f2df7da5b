//! What texts left after everything: the lines follow the facts in whatever order they come, refunding everything leaves
//! the cost alone, and a day made again is the day as it was.

use cartback::{
    domain::{
        money::Currency,
        net_ledger::{Line, Rate, Setting, Spend},
        time::Time,
    },
    pipeline::{net_ledger, rollup},
    store::net_ledger::{behind, figures},
    transact,
};
use serde_json::{Value, json};

use super::bodies::with;
use crate::app::{App, Shopkeeper, Text, hours, minutes, on_both};

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

async fn book(app: &App, shop: &Shopkeeper) -> net_ledger::Book {
    let mut read = app.core.db.read().await.unwrap();
    let (found, keys) = app.core.shop(&mut read, shop.id).await.unwrap().unwrap();
    let day = |at: Time| rollup::date_of(rollup::day_number(&cartback::pipeline::zone_of(&found), at));
    let (from, to) = (day(Time::parse("2026-03-01T12:00:00Z").unwrap()), day(app.now()));
    net_ledger::between(&mut read, &found, &keys, from, to).await.unwrap()
}

fn amounts(book: &net_ledger::Book) -> Vec<(&'static str, i64)> {
    let sheet = &book.ledger.sheets[0];
    sheet.items().iter().filter(|item| item.minor != 0).map(|item| (item.key, item.minor)).collect()
}

/// Every day there is, made again from the facts.
async fn make_again(app: &App, shop: &Shopkeeper) {
    let (found, _) = app.shop(shop.id).await;
    let today = rollup::day_number(&cartback::pipeline::zone_of(&found), app.now());
    for day in today - 10..=today {
        transact!(app.core.db, |tx| rollup::recompute(tx, &found, day).await?).unwrap();
    }
}

/// A cart that was texted and tapped.
async fn tapped(app: &App, changes: &[(&str, &str)]) -> (Shopkeeper, Text) {
    let changes: Vec<_> = [("steps_after_minutes", "0")].iter().chain(changes).copied().collect();
    let shop = app.with_shop_like("generic", &changes).await;
    app.with_gateway(&shop, "log").await;
    app.generic(&shop, "checkout.updated", app.checkout("c1", json!({}))).await;
    app.pass(minutes(40)).await;
    let text = app.last_text(&shop).await;
    app.tap(&text).await;
    app.pass(minutes(7)).await;
    (shop, text)
}

async fn order(app: &App, shop: &Shopkeeper, change: Value) {
    let base = with(&app.strangers_order("1", json!({})), json!({ "checkout_token": "c1", "updated_at": app.iso() }));
    app.generic(shop, "order.upserted", with(&base, change)).await;
    app.pass(minutes(1)).await;
}

#[tokio::test]
async fn lines_follow_an_order_from_its_first_word_to_its_last() {
    on_both(async |app| {
        let (shop, _) = tapped(app, &[]).await;
        let placed = app.iso();
        let told = |change| with(&json!({ "placed_at": placed.clone(), "cost": "40.00" }), change);
        order(app, &shop, told(json!({ "total": "100.00" }))).await;
        assert_eq!(
            amounts(&book(app, &shop).await),
            [("listed", 10_000), ("net", 10_000), ("goods", 4_000), ("contribution", 6_000)]
        );
        // Something is taken out of it; half of the rest goes back, a part of it by the buyer's bank.
        app.pass(hours(30)).await;
        order(app, &shop, told(json!({ "total": "80.00" }))).await;
        let back = json!([
            { "id": "r1", "amount": "30.00", "at": app.iso() },
            { "id": "d1", "amount": "10.00", "at": app.iso(), "kind": "chargeback" },
        ]);
        order(app, &shop, told(json!({ "total": "80.00", "refunds": back.clone() }))).await;
        let found = book(app, &shop).await;
        assert_eq!(
            amounts(&found),
            [
                ("listed", 10_000),
                ("edited", -2_000),
                ("refunded", 3_000),
                ("charged_back", 1_000),
                ("net", 4_000),
                ("goods", 2_000),
                ("contribution", 2_000),
            ]
        );
        assert_eq!(found.ledger.unpriced, 1, "a text whose price nobody tells is said");
        // It is cancelled, and its text gets a price: what is left is the cost.
        app.pass(hours(30)).await;
        let cancelled = json!({ "total": "80.00", "refunds": back, "status": "cancelled", "cancelled_at": app.iso() });
        order(app, &shop, told(cancelled)).await;
        crate::sql::change(&app.core.db, "UPDATE message SET cost_micros = 75500, cost_currency = 'EUR'")
            .await
            .unwrap();
        make_again(app, &shop).await;
        let found = book(app, &shop).await;
        let sheet = &found.ledger.sheets[0];
        assert_eq!((sheet.net(), sheet.goods()), (0, Some(0)));
        assert_eq!((sheet.text_cost(), sheet.contribution(), found.ledger.unpriced), (8, -8, 0));
        assert_eq!((sheet.roas(), sheet.roi()), (Some(0), Some(-10_596)), "eight cents of 7.55");
        // Each line opens what it counts.
        let (_, keys) = app.shop(shop.id).await;
        let span = (Time::FIRST, app.now());
        let mut read = app.core.db.read().await.unwrap();
        for (line, rows, amount) in [
            (Line::Placed, 1, 10_000),
            (Line::Edited, 1, -2_000),
            (Line::Refunded, 1, 3_000),
            (Line::ChargedBack, 1, 1_000),
            (Line::Cancelled, 1, 4_000),
            (Line::Discount, 0, 0),
            (Line::DiscountElsewhere, 0, 0),
            (Line::PaidLate, 0, 0),
            (Line::Goods, 4, 0),
            (Line::TextCost, 1, 75_500),
        ] {
            let found = behind(&mut read, &keys, line, "EUR", span, 10).await.unwrap();
            let sum: i64 = found.iter().map(|row| row.amount).sum();
            assert_eq!((found.len(), sum), (rows, amount), "{line:?}");
            assert_eq!(behind(&mut read, &keys, line, "USD", span, 10).await.unwrap(), [], "{line:?}");
        }
        assert_eq!(behind(&mut read, &keys, Line::Unpriced, "", span, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_is_paid_late_counts_when_it_is_paid_and_is_said() {
    on_both(async |app| {
        let (shop, _) = tapped(app, &[]).await;
        order(app, &shop, json!({ "total": "50.00", "status": "pending" })).await;
        assert_eq!(amounts(&book(app, &shop).await), []);
        app.pass(hours(26)).await;
        order(app, &shop, json!({ "total": "50.00", "status": "paid", "paid_at": app.iso(), "placed_at": null })).await;
        let found = amounts(&book(app, &shop).await);
        assert_eq!(found, [("listed", 5_000), ("net", 5_000), ("contribution", 5_000), ("paid_late", 5_000)]);
    })
    .await;
}

#[tokio::test]
async fn rates_and_spend_are_kept_replaced_and_taken_back() {
    on_both(async |app| {
        let (shop, _) = tapped(app, &[]).await;
        order(app, &shop, json!({ "total": "100.00", "currency": "USD", "placed_at": app.iso() })).await;
        let found = book(app, &shop).await;
        assert_eq!((found.ledger.sheets.len(), found.ledger.whole.net(), found.ledger.gaps.len()), (2, 0, 1));
        let day = found.ledger.gaps[0].first_day;
        let rate = |value: &str| Rate {
            currency: currency("USD"),
            to: currency("EUR"),
            from_day: day,
            value: Rate::value_of(value).unwrap(),
        };
        for value in ["0.5", "0.92"] {
            net_ledger::put_rates(&app.core, shop.id, &[rate(value)], "Ana").await.unwrap();
        }
        let setting = Setting { report_in: None, goods_share: Some(5_000) };
        net_ledger::set(&app.core, shop.id, setting).await.unwrap();
        let spend = |amount_minor| Spend {
            channel: "Ads".into(),
            from_day: day,
            to_day: day,
            currency: currency("EUR"),
            amount_minor,
            revenue_minor: None,
            orders: Some(2),
        };
        for amount in [10, 2_000] {
            net_ledger::put_spends(&app.core, shop.id, &[spend(amount)], "Ana").await.unwrap();
        }
        let found = book(app, &shop).await;
        assert_eq!((found.rates.len(), found.ledger.gaps.len()), (1, 0));
        assert_eq!((found.ledger.whole.net(), found.ledger.whole.contribution()), (9_200, 4_600));
        assert_eq!((found.spends.len(), found.channels[0].spent_minor, found.channels[0].orders), (1, 2_000, Some(2)));
        let sheet = net_ledger::csv(&found);
        assert!(sheet.contains("texts,USD,net,,100.00\n") && sheet.contains("Ads,EUR,spent,,20.00\n"), "{sheet}");
        assert!(sheet.contains("\"texts, all in one currency\",EUR,contribution,,46.00\n"), "{sheet}");
        // Another shop has none of it.
        let other = app.with_shop("generic").await;
        let theirs = book(app, &other).await;
        assert_eq!((theirs.rates.len(), theirs.spends.len(), theirs.setting), (0, 0, Setting::default()));
        let at = rollup::date_of(day);
        let pair = (currency("USD"), currency("EUR"));
        for expected in [true, false] {
            assert_eq!(net_ledger::remove_rate(&app.core, shop.id, pair, at).await.unwrap(), expected);
            let gone = net_ledger::remove_spend(&app.core, shop.id, "Ads", (at, at), currency("EUR")).await.unwrap();
            assert_eq!(gone, expected);
        }
        let wrong = Spend { channel: String::new(), ..spend(1) };
        assert!(net_ledger::put_spends(&app.core, shop.id, &[spend(1), wrong], "Ana").await.is_err());
        assert_eq!(book(app, &shop).await.spends, [], "all or none");
        let mut read = app.core.db.read().await.unwrap();
        let before = figures(&mut read, shop.id, 0, i64::MAX).await.unwrap();
        drop(read);
        make_again(app, &shop).await;
        let mut read = app.core.db.read().await.unwrap();
        assert_eq!(figures(&mut read, shop.id, 0, i64::MAX).await.unwrap(), before, "made again it is the same");
    })
    .await;
}

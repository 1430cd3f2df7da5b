//! A dry run over a shop's own history: whom the sequence would have texted, who bought anyway before which delay, at what
//! cost; and that it changes nothing.

use cartback::{
    domain::{dry_run::Why, id::MessageId, message::Cost},
    pipeline::dry_run::{Asked, NotRun, Report, run},
    store, transact,
};
use serde_json::json;

use crate::app::{App, Shopkeeper, hours, minutes, on_both};

async fn left(app: &App, shop: &Shopkeeper, name: &str, number: u32, consents: bool) {
    let mut cart = json!({
        "phone": format!("+386405551{number:02}"), "email": format!("s{number}@shopper.example"), "customer_id": null,
        "started_at": app.iso(), "updated_at": app.iso(),
    });
    if !consents {
        cart["consent"] = json!(null);
    }
    app.generic(shop, "checkout.updated", app.checkout(name, cart)).await;
}

async fn bought(app: &App, shop: &Shopkeeper, name: &str, number: u32) {
    let order = json!({
        "checkout_token": name, "placed_at": app.iso(), "phone": format!("+386405551{number:02}"),
        "email": format!("s{number}@shopper.example"), "customer_id": null,
    });
    app.generic(shop, "order.upserted", app.order(name, name, order)).await;
}

async fn played(app: &App, shop: &Shopkeeper, carts_most: usize) -> Report {
    let asked = Asked { days: 30, delays: vec![10, 60, 240], sequence: None, carts_most };
    run(&app.core, shop.id, &asked).await.unwrap()
}

#[tokio::test]
async fn a_delay_is_chosen_by_what_shoppers_did() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "60")]).await;
        let sequence = app.shop(shop.id).await.0.rules.sequences[0].id.clone();
        // Nothing goes in truth: no gateway is connected.
        left(app, &shop, "never", 1, true).await;
        left(app, &shop, "soon", 2, true).await;
        left(app, &shop, "late", 3, true).await;
        left(app, &shop, "silent", 4, false).await;
        left(app, &shop, "at-once", 5, true).await;
        app.pass(minutes(10)).await;
        bought(app, &shop, "at-once", 5).await;
        // They count as left 30 minutes after; 20 and 120 minutes later two buy.
        app.pass(minutes(40)).await;
        bought(app, &shop, "soon", 2).await;
        app.pass(minutes(100)).await;
        bought(app, &shop, "late", 3).await;
        app.pass(hours(24 * 3)).await;
        assert!(app.texts(&shop).await.is_empty(), "no gateway: nothing went");

        let report = played(app, &shop, 100).await;
        assert_eq!((report.seen, report.left, report.bought_at_once, report.is_cut), (5, 4, 1, false), "{report:?}");
        assert!(report.without_gateway);
        let told: Vec<_> = report
            .rows
            .iter()
            .map(|row| (row.delay, row.texted, row.bought_before(), row.bought_after, row.measured))
            .collect();
        assert_eq!(
            told,
            [(None, 2, 1, 1, 2), (Some(10), 3, 0, 2, 3), (Some(60), 2, 1, 1, 2), (Some(240), 1, 2, 0, 1),]
        );
        let own = report.own().unwrap();
        assert_eq!(own.not.get(&Why::NoConsent), Some(&1));
        // 10:00 in Ljubljana, 30 minutes to be left, an hour of delay.
        assert_eq!(own.hours[11], 2);
        assert_eq!(own.named.len(), 2);
        assert!(own.costs.is_empty() && own.unpriced_parts == own.parts, "no price is made up");

        let cut = played(app, &shop, 2).await;
        assert_eq!((cut.seen, cut.is_cut), (2, true));
        let named = Asked { days: 7, delays: Vec::new(), sequence: Some(sequence), carts_most: 9 };
        assert_eq!(run(&app.core, shop.id, &named).await.unwrap().rows.len(), 1);
        let unknown = Asked { sequence: Some("none".into()), ..named };
        assert!(matches!(run(&app.core, shop.id, &unknown).await, Err(NotRun::NoSequence(_))));

        // It agrees with what then really happens, and a price that was told is used.
        app.with_gateway(&shop, "log").await;
        left(app, &shop, "again", 6, true).await;
        app.pass(hours(3)).await;
        let texts = app.texts(&shop).await;
        let went = texts.iter().filter(|text| text.to.ends_with("06")).count();
        assert_eq!(went, 1);
        let (_, keys) = app.shop(shop.id).await;
        let mut message = {
            let mut read = app.read().await;
            let all = store::message::list(&mut read, &keys, None, MessageId::new(i64::MAX), 1).await.unwrap();
            all.into_iter().next().unwrap()
        };
        message.cost = Some(Cost { micros: 41_000 * i64::from(message.segments), currency: "EUR".parse().unwrap() });
        transact!(app.core.db, |tx| store::message::save(tx, &keys, &message).await?).unwrap();
        let report = played(app, &shop, 100).await;
        let own = report.own().unwrap();
        assert_eq!((own.texted, own.measured), (3, 2), "what was texted in truth is not measured");
        let (currency, micros) = own.costs[0];
        assert_eq!((currency.code(), micros, own.unpriced_parts), ("EUR", 41_000 * own.parts as i64, 0));
        assert_eq!(report, played(app, &shop, 100).await);
        assert_eq!(app.texts(&shop).await.len(), texts.len(), "nothing was sent");
    })
    .await;
}

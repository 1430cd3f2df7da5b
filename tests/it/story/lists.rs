//! Lists on both engines: every way to narrow them and every order is asked of the database, forth and back, and what is
//! kept beside a row for its list's sake agrees with the facts it follows from.

use cartback::{
    domain::{
        id::GatewayId,
        message::{MessageState, Purpose},
        time::Time,
    },
    store::{
        cart, consent, inbox,
        listing::{Open, Toward},
        message, order,
    },
};
use serde_json::json;

use crate::app::{App, Shopkeeper, hours, minutes, on_both};

async fn visits(app: &App, shop: &Shopkeeper, count: u32) {
    for number in 1..=count {
        let change = json!({
            "phone": format!("+3864055{:04}", 5_000 + number), "email": null, "customer_id": null, "cart_token": null,
            "total": format!("{number}0.00"), "language": if number % 2 == 0 { "de-AT" } else { "sl" },
        });
        app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
        app.sleep(minutes(1));
    }
    app.pass(minutes(40)).await;
}

#[tokio::test]
async fn every_list_is_narrowed_sorted_and_turned() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        let account = app.with_gateway(&shop, "log").await;
        visits(app, &shop, 7).await;
        let text = app.texts(&shop).await.remove(0);
        app.tap(&text).await;
        let order = json!({ "id": "9001", "number": "#1", "phone": text.to, "checkout_token": "c1", "currency": "EUR",
                            "total": "10.00", "status": "paid", "placed_at": app.iso(), "updated_at": app.iso() });
        app.generic(&shop, "order.upserted", order).await;
        app.reply(&account, "+38640555002", "STOP").await;
        app.pass(hours(1)).await;
        let (_, keys) = app.shop(shop.id).await;
        let mut read = app.read().await;

        use cart::{Filter, Narrow, Sort};
        let all = || Narrow::default();
        for (narrow, expected) in [
            (all(), 7),
            (Narrow { state: Filter::Abandoned, ..all() }, 7),
            (Narrow { state: Filter::Open, ..all() }, 0),
            (Narrow { state: Filter::Unreachable, ..all() }, 0),
            (Narrow { state: Filter::Phone, ..all() }, 7),
            (Narrow { state: Filter::Mobile, ..all() }, 7),
            (Narrow { state: Filter::Consented, ..all() }, 7),
            (Narrow { state: Filter::Allowed, ..all() }, 7),
            (Narrow { state: Filter::Reachable, ..all() }, 7),
            (Narrow { state: Filter::Held, ..all() }, 0),
            (Narrow { state: Filter::Texted, ..all() }, 7),
            (Narrow { state: Filter::Undelivered, ..all() }, 6),
            (Narrow { state: Filter::Delivered, ..all() }, 1),
            (Narrow { state: Filter::Untapped, ..all() }, 0),
            (Narrow { state: Filter::Clicked, ..all() }, 1),
            (Narrow { state: Filter::Unbought, ..all() }, 0),
            (Narrow { state: Filter::Recovered, ..all() }, 1),
            (Narrow { state: Filter::Bought, ..all() }, 0),
            (Narrow { country: Some("SI".into()), step: Some(1), ..all() }, 7),
            (Narrow { language: Some("de".into()), ..all() }, 3),
            (Narrow { currency: Some("EUR".into()), worth: (Some(3_000), Some(5_000)), ..all() }, 3),
            (Narrow { phone: Some(true), consent: Some(true), ..all() }, 7),
            (Narrow { phone: Some(false), ..all() }, 0),
            (Narrow { sequence: Some("nothing".into()), consent: Some(false), ..all() }, 0),
            (Narrow { from: Some(Time::FIRST), to: Some(Time::LAST), ..all() }, 7),
        ] {
            let counted = cart::counted(&mut read, &keys, &narrow).await.unwrap();
            assert_eq!((counted.rows, counted.more, counted.looked_at), (expected, false, None), "{narrow:?}");
            for sort in [Sort::Time, Sort::Worth] {
                let mut open = Open::first(2);
                let mut found = Vec::new();
                let mut last = None;
                loop {
                    let leaf = cart::leaf(&mut read, &keys, &narrow, sort, open).await.unwrap();
                    found.extend(leaf.rows.iter().map(|cart| cart.latest.total.unwrap().minor));
                    last = leaf.back.or(last);
                    match leaf.on {
                        Some(on) => open = open.after(on),
                        None => break,
                    }
                }
                assert_eq!(found.len() as u64, expected, "{narrow:?} {sort:?}");
                assert!(found.is_sorted_by(|a, b| a > b), "{narrow:?} {sort:?}: {found:?}");
                if let Some(last) = last {
                    let back = Open { from: Some((Toward::Back, last)), ..Open::first(2) };
                    let leaf = cart::leaf(&mut read, &keys, &narrow, sort, back).await.unwrap();
                    let shown: Vec<i64> = leaf.rows.iter().map(|cart| cart.latest.total.unwrap().minor).collect();
                    let from = ((found.len() - 1) / 2 - 1) * 2;
                    assert_eq!(shown, found[from..from + 2], "{narrow:?} {sort:?}");
                }
            }
        }
        let outs = Narrow { state: Filter::OptedOut, ..all() };
        assert_eq!(cart::counted(&mut read, &keys, &outs).await.unwrap().rows, 1, "one replied STOP");

        use message::State;
        let all = || message::Narrow::default();
        for (narrow, expected) in [
            (message::Narrow { purpose: Some(Purpose::Reminder), ..all() }, 7),
            (message::Narrow { state: Some(State::Sent), purpose: Some(Purpose::Reminder), ..all() }, 7),
            (message::Narrow { state: Some(State::Tapped), from: Some(Time::FIRST), ..all() }, 1),
            (message::Narrow { state: Some(State::Of(MessageState::Delivered)), to: Some(Time::LAST), ..all() }, 0),
            (message::Narrow { state: Some(State::Of(MessageState::Unknown)), ..all() }, 0),
            // The answer to STOP is a text too.
            (message::Narrow { step: Some(1), country: Some("SI".into()), ..all() }, 8),
            (message::Narrow { gateway: Some(GatewayId::new(1)), ..all() }, 0),
            (message::Narrow { currency: Some("EUR".into()), ..all() }, 0),
        ] {
            assert_eq!(message::counted(&mut read, &keys, &narrow).await.unwrap().rows, expected, "{narrow:?}");
            for sort in [message::Sort::Time, message::Sort::Cost] {
                let leaf = message::leaf(&mut read, &keys, &narrow, sort, Open::first(50)).await.unwrap();
                let expected = if sort == message::Sort::Cost { 0 } else { expected };
                assert_eq!(leaf.rows.len() as u64, expected, "{narrow:?} {sort:?}");
            }
            assert!(message::cost(&mut read, &keys, &narrow).await.unwrap().is_empty());
        }

        use order::list;
        for (state, expected) in [
            (list::Filter::All, 1),
            (list::Filter::Recovered, 1),
            (list::Filter::Assisted, 0),
            (list::Filter::Other, 0),
        ] {
            let narrow = list::Narrow {
                state,
                from: Some(Time::FIRST),
                to: Some(Time::LAST),
                currency: Some("EUR".into()),
                worth: (Some(1), Some(1_000)),
                step: (state != list::Filter::Other).then_some(1),
                ..list::Narrow::default()
            };
            assert_eq!(list::counted(&mut read, &keys, &narrow).await.unwrap().rows, expected, "{state:?}");
            for sort in [list::Sort::Time, list::Sort::Worth] {
                let leaf = list::leaf(&mut read, &keys, &narrow, sort, Open::first(9)).await.unwrap();
                assert_eq!(leaf.rows.len() as u64, expected, "{state:?} {sort:?}");
            }
        }

        let narrow = consent::list::Narrow { from: Some(Time::FIRST), to: Some(Time::LAST) };
        let outs = consent::list::outs(&mut read, &keys, &narrow, Open::first(1)).await.unwrap();
        assert_eq!(outs.rows.len() as u64, consent::list::count_outs(&mut read, &keys, &narrow).await.unwrap().rows);
        let given = consent::list::given(&mut read, &keys, &narrow, Open::first(3)).await.unwrap();
        assert_eq!(given.rows.len(), 3);
        let mut seen = given.rows.len();
        let mut on = given.on;
        while let Some(cut) = on {
            let leaf = consent::list::given(&mut read, &keys, &narrow, Open::first(3).after(cut)).await.unwrap();
            seen += leaf.rows.len();
            on = leaf.on;
        }
        assert_eq!(seen as u64, consent::list::count_given(&mut read, &keys, &narrow).await.unwrap().rows);

        use inbox::Filter as Verdict;
        for (verdict, expected) in [
            (Verdict::All, 9),
            (Verdict::Applied, 9),
            (Verdict::Ignored, 0),
            (Verdict::Unreadable, 0),
            (Verdict::Waiting, 0),
        ] {
            let narrow = inbox::Narrow { verdict, from: Some(Time::FIRST), to: Some(Time::LAST), ..Default::default() };
            assert_eq!(inbox::counted(&mut read, shop.id, &narrow).await.unwrap().rows, expected, "{verdict:?}");
            let leaf = inbox::leaf(&mut read, shop.id, &narrow, Open::first(50)).await.unwrap();
            assert_eq!(leaf.rows.len() as u64, expected, "{verdict:?}");
        }
        let narrow = inbox::Narrow { topic: Some("order.upserted".into()), gateway: Some(0), ..Default::default() };
        assert_eq!(inbox::counted(&mut read, shop.id, &narrow).await.unwrap().rows, 1);
        assert!(inbox::topics_of(&mut read, shop.id).await.unwrap().contains(&"order.upserted".to_owned()));
    })
    .await;
}

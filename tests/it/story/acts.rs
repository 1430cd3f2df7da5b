//! Acts by hand: a cart is held, released, dismissed or sent at once; a text of unknown outcome is settled by a person's
//! word; an unreadable delivery is mended, and many are read again. None of them opens a gate.

use cartback::{
    domain::{
        hand::{Act, Settled},
        message::MessageState,
    },
    pipeline::{
        hand::{self, Done},
        replay::{self, Again},
        reread,
    },
    store::{self, inbox},
};
use serde_json::json;

use crate::{
    app::{App, Shopkeeper, hours, minutes, on_both},
    outside::Ends,
};

async fn leave(app: &App, shop: &Shopkeeper, token: &str) {
    app.generic(shop, "checkout.updated", app.checkout(token, json!({}))).await;
    app.pass(minutes(31)).await;
}

async fn act(app: &App, shop: &Shopkeeper, token: &str, what: Act) -> Done {
    let id = app.cart(shop, token).await.id;
    let done = hand::on_cart(&app.core, shop.id, id, what, "Maja").await.unwrap();
    app.settle().await;
    done
}

/// A shop whose first text goes two hours after the cart was left.
async fn open(app: &App) -> Shopkeeper {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "120"), ("give_up_after_hours", "48")]).await;
    app.with_gateway(&shop, "log").await;
    shop
}

/// Every kept decision of a cart is made again and is the same.
async fn is_replayable(app: &App, shop: &Shopkeeper, token: &str) {
    let (_, keys) = app.shop(shop.id).await;
    let id = app.cart(shop, token).await.id;
    let mut read = app.read().await;
    let kept = store::decision::of_cart(&mut read, &keys, id).await.unwrap();
    assert!(!kept.is_empty());
    for kept in kept {
        assert_eq!(replay::again(&mut read, &keys, &kept).await.unwrap(), Again::Same);
    }
}

#[tokio::test]
async fn a_held_cart_waits_until_it_is_released() {
    on_both(async |app| {
        let shop = open(app).await;
        leave(app, &shop, "c1").await;
        assert_eq!(act(app, &shop, "c1", Act::Hold).await, Done::Done);
        assert_eq!(act(app, &shop, "c1", Act::Hold).await, Done::Done);
        app.pass(hours(4)).await;
        assert_eq!(app.texts(&shop).await.len(), 0);
        assert!(app.cart_story(&shop, "c1").await.contains("by a person of the shop, until it is released"));
        assert_eq!(act(app, &shop, "c1", Act::Release).await, Done::Done);
        app.pass(minutes(1)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        is_replayable(app, &shop, "c1").await;
        let (_, keys) = app.shop(shop.id).await;
        let id = app.cart(&shop, "c1").await.id;
        let acts = store::act::of_cart(&mut app.read().await, &keys, id).await.unwrap();
        let told: Vec<_> = acts.iter().map(|done| (done.act, done.by.as_str())).collect();
        assert_eq!(told, [(Act::Hold, "Maja"), (Act::Release, "Maja")], "a second hold is no second fact");
    })
    .await;
}

#[tokio::test]
async fn a_dismissed_cart_is_never_texted() {
    on_both(async |app| {
        let shop = open(app).await;
        leave(app, &shop, "c1").await;
        assert_eq!(act(app, &shop, "c1", Act::Dismiss).await, Done::Done);
        assert!(matches!(act(app, &shop, "c1", Act::SendNow).await, Done::Refused(why) if why.contains("dismissed")));
        assert!(matches!(act(app, &shop, "c1", Act::Hold).await, Done::Refused(_)));
        app.pass(hours(72)).await;
        assert_eq!(app.messages(&shop).await.len(), 0);
        assert!(app.cart_story(&shop, "c1").await.contains("by a person of the shop"));
        is_replayable(app, &shop, "c1").await;
    })
    .await;
}

#[tokio::test]
async fn sending_now_passes_over_the_waiting_time_and_nothing_else() {
    on_both(async |app| {
        let shop = open(app).await;
        leave(app, &shop, "c1").await;
        assert_eq!(act(app, &shop, "c1", Act::SendNow).await, Done::Done);
        app.pass(minutes(1)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        is_replayable(app, &shop, "c1").await;
        app.pass(hours(3)).await;
        assert_eq!(app.texts(&shop).await.len(), 1, "the step's own time sends it a second time");
        // An opt-out stands.
        let change = json!({ "phone": "+38640555201", "email": null, "customer_id": null, "cart_token": null });
        app.generic(&shop, "checkout.updated", app.checkout("c2", change)).await;
        app.pass(minutes(31)).await;
        let (_, keys) = app.shop(shop.id).await;
        let phone = cartback::domain::phone::Phone::read("+38640555201", &[]).unwrap();
        let entry = cartback::domain::consent::OptOut { at: app.now(), source: "operator".into() };
        let index = store::consent::phone_index(&keys, &phone);
        cartback::transact!(app.core.db, |tx| store::consent::opt_out(tx, &keys, &index, &entry, app.now()).await?)
            .unwrap();
        let refused = act(app, &shop, "c2", Act::SendNow).await;
        assert!(matches!(&refused, Done::Refused(why) if why.contains("opted out")), "{refused:?}");
        app.pass(hours(3)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_a_persons_word() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "twilio").await;
        let settle = async |word| {
            let id = app.last_text(&shop).await.id;
            let done = hand::settle(&app.core, shop.id, id, word, "Maja").await.unwrap();
            app.settle().await;
            (id, done)
        };
        let state = async |id| {
            let all = app.messages(&shop).await;
            all.into_iter().find(|(text, _)| text.id == id).unwrap().0.state
        };
        for (token, word, becomes, sent) in [
            ("c1", Settled::Arrived, MessageState::Accepted, 1),
            ("c2", Settled::NeverLeft, MessageState::Refused, 2),
            ("c3", Settled::Again, MessageState::Accepted, 4),
        ] {
            app.outside.next([Ends::TimedOut]);
            let change = json!({ "phone": format!("+3864055530{}", &token[1..]), "email": null,
                                 "customer_id": null, "cart_token": null });
            app.generic(&shop, "checkout.updated", app.checkout(token, change)).await;
            // Before the gateway is first asked what became of it.
            app.pass(minutes(30)).await;
            assert_eq!(app.last_text(&shop).await.state, MessageState::Unknown, "{token}");
            let (id, done) = settle(word).await;
            assert_eq!(done, Done::Done, "{token}");
            app.pass(minutes(1)).await;
            assert_eq!(state(id).await, becomes, "{token}");
            assert_eq!(app.outside.texts(), sent, "{token}");
            assert!(matches!(settle(Settled::Again).await.1, Done::Refused(_)) || word == Settled::NeverLeft);
        }
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn a_mended_body_is_read_and_the_one_that_came_stays() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        let body = json!({ "type": "checkout.updated", "data": app.checkout("c1", json!({ "total": "12,50" })) });
        app.standard(&shop, &body.to_string()).await;
        app.settle().await;
        let (id, _) = app.problems(&shop).await.remove(0);
        let mended = body.to_string().replace("12,50", "12.50");
        assert!(reread::correct(&app.core, shop.id, id, mended.as_bytes(), "Maja").await.unwrap());
        app.settle().await;
        assert_eq!(app.problems(&shop).await.len(), 0);
        assert_eq!(app.cart(&shop, "c1").await.latest.total.unwrap().minor, 1250);
        let (_, keys) = app.shop(shop.id).await;
        let mut read = app.read().await;
        let kept = inbox::get(&mut read, &keys, id).await.unwrap().unwrap();
        assert_eq!(kept.delivery.body, body.to_string().into_bytes());
        let said = store::correction::of_delivery(&mut read, &keys, id).await.unwrap();
        assert_eq!(said.iter().map(|line| line.by.as_str()).collect::<Vec<_>>(), ["Maja"]);
    })
    .await;
}

#[tokio::test]
async fn many_are_read_again_in_steps_and_a_run_can_be_stopped() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        for number in 0..450 {
            app.standard(&shop, &format!("{{\"type\":\"other.{number}\",\"data\":{{}}}}")).await;
            app.sleep(std::time::Duration::from_millis(3));
        }
        app.settle().await;
        let wanted = inbox::Narrow::default();
        let run = reread::begin(&app.core, shop.id, &wanted, "Maja").await.unwrap();
        app.sleep(std::time::Duration::from_millis(10));
        app.standard(&shop, "{\"type\":\"later\",\"data\":{}}").await;
        app.pass(minutes(1)).await;
        let told = store::replay_run::get(&mut app.read().await, shop.id, run).await.unwrap().unwrap();
        assert_eq!((told.done, told.ended_at.is_some(), told.by.as_str()), (450, true, "Maja"));
        let second = reread::begin(&app.core, shop.id, &wanted, "").await.unwrap();
        app.tick_another().await;
        assert!(reread::cancel(&app.core, shop.id, second).await.unwrap());
        assert!(!reread::cancel(&app.core, shop.id, second).await.unwrap());
        app.pass(minutes(1)).await;
        let told = store::replay_run::get(&mut app.read().await, shop.id, second).await.unwrap().unwrap();
        assert!(told.done < 451 && told.cancelled_at.is_some(), "{told:?}");
    })
    .await;
}

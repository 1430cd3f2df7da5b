//! Events of visitors, who visitors turned out to be, and what was dropped.

use cartback::{
    domain::{
        id::SiteEventId,
        site_event::{Dropped, Kind, SiteEvent, ToldBy, Visit},
    },
    store::site_event as events,
};

use super::*;

fn event(minute: i64, kind: Kind, visitor: u8) -> SiteEvent {
    SiteEvent {
        id: SiteEventId::new(retention::first_id(at(minute)) + i64::from(visitor)),
        kind,
        at: at(minute),
        visitor: [visitor; 16],
        target: "čaj".into(),
        product: "Oak table".into(),
        page: "/products/oak".into(),
        visit: Visit { source: "google".into(), medium: "organic".into(), campaign: String::new() },
        device: "iphone".into(),
        country: "SI".into(),
        number: 25,
        value: Some(Money::new(1_250, eur())),
        order: String::new(),
        payment: String::new(),
        told_by: ToldBy::Pixel,
    }
}

#[tokio::test]
async fn an_event_is_kept_once_and_read_as_it_was() {
    on_both(async |stage| {
        let (shop, keys) = (stage.shop(), &stage.keys);
        let first = event(1, Kind::CartAdded, 1);
        assert!(tx!(stage, |tx| events::keep(tx, shop, &first, &[1; 16]).await?));
        let again = SiteEvent { id: SiteEventId::new(i64::MAX), target: "other".into(), ..first.clone() };
        assert!(!tx!(stage, |tx| events::keep(tx, shop, &again, &[1; 16]).await?));
        let bare = SiteEvent { value: None, told_by: ToldBy::Server, ..event(2, Kind::Searched, 1) };
        let ordered = SiteEvent { order: "9001".into(), ..event(3, Kind::Ordered, 2) };
        tx!(stage, |tx| {
            events::keep(tx, shop, &bare, &[2; 16]).await?;
            events::keep(tx, shop, &ordered, &[3; 16]).await?;
        });
        let newest = SiteEventId::new(i64::MAX);
        let all = events::list(read!(stage), keys, None, newest, 9).await.unwrap();
        assert_eq!(all, [ordered.clone(), bare.clone(), first.clone()]);
        assert_eq!(events::newest(read!(stage), keys).await.unwrap(), Some(ordered.clone()));
        let carts = events::list(read!(stage), keys, Some(Kind::CartAdded), newest, 9).await.unwrap();
        assert_eq!(carts, std::slice::from_ref(&first));
        assert_eq!(events::list(read!(stage), keys, None, bare.id, 9).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(events::of_visitor(read!(stage), keys, &[1; 16], 9).await.unwrap(), [first.clone(), bare.clone()]);
        let span = async |after, most| events::of_span(read!(stage), keys, (at(1), at(3)), after, most).await.unwrap();
        let start = (Time::FIRST, SiteEventId::new(0));
        assert_eq!(span(start, 1).await, std::slice::from_ref(&first));
        assert_eq!(span((first.at, first.id), 9).await, std::slice::from_ref(&bare));
        let kind = async |kind| events::of_kind(read!(stage), keys, kind, (at(0), at(9)), 9).await.unwrap();
        assert_eq!((kind(Kind::Searched).await, kind(Kind::Paid).await), (vec![bare.clone()], vec![]));
        assert_eq!(events::seen(read!(stage), keys, &[1; 16]).await.unwrap(), Some((at(1), 2)));
        assert_eq!(events::seen(read!(stage), keys, &[9; 16]).await.unwrap(), None);
        let told = async |kind| events::orders_told(read!(stage), keys, kind, at(0), at(9), 9).await.unwrap();
        assert_eq!((told(Kind::Ordered).await, told(Kind::Searched).await), (vec!["9001".to_owned()], vec![]));

        let mut order = order_of(1, 100, Some(at(3)));
        order.latest.external_id = "9001".into();
        tx!(stage, |tx| order::put(tx, keys, &order).await?);
        let placed = events::orders_placed(read!(stage), keys, at(0), at(9), 9).await.unwrap();
        assert_eq!(placed, [("9001".to_owned(), order.latest.number.clone())]);
        let orders = events::orders(read!(stage), keys, at(0), at(9), 9).await.unwrap();
        let [(id, told)] = orders.try_into().unwrap();
        assert_eq!(
            (id, told.order.as_str(), told.at, told.value.map(|value| value.minor)),
            (order.id, "9001", at(3), Some(100))
        );
        let who = async || events::visitors_of_order(read!(stage), keys, id, "9001").await.unwrap();
        assert_eq!(who().await, [[2; 16]]);
        let names = [(identity::Kind::Checkout, [7; 16])];
        tx!(stage, |tx| {
            identity::add(tx, keys, identity::Subject::Order(id), &names).await?;
            events::name(tx, shop, &[5; 16], &[7; 16], at(8)).await?;
        });
        assert_eq!(who().await, [[5; 16], [2; 16]]);
        let about = async || events::cart_of_order(read!(stage), keys, id).await.unwrap();
        assert_eq!(about().await, Default::default());
        let cart = cart_of(9, "t9", Some(100));
        tx!(stage, |tx| {
            cart::put(tx, keys, &cart, None).await?;
            identity::add(tx, keys, identity::Subject::Cart(cart.id), &names).await?;
        });
        assert_eq!(about().await, (String::new(), String::new()));

        assert_eq!(tx!(stage, |tx| events::prune(tx, shop, at(2), 9).await?), 1);
        assert_eq!(events::list(read!(stage), keys, None, newest, 9).await.unwrap(), [ordered, bare]);
    })
    .await;
}

#[tokio::test]
async fn a_visitor_is_known_by_names_until_forgotten() {
    on_both(async |stage| {
        let (shop, keys) = (stage.shop(), &stage.keys);
        let done = SiteEvent { order: "9001".into(), ..event(1, Kind::Ordered, 1) };
        tx!(stage, |tx| {
            events::keep(tx, shop, &done, &[1; 16]).await?;
            events::name(tx, shop, &[1; 16], &[7; 16], at(1)).await?;
            events::name(tx, shop, &[1; 16], &[7; 16], at(2)).await?;
            events::name(tx, shop, &[2; 16], &[7; 16], at(3)).await?;
        });
        assert_eq!(events::named(read!(stage), keys, &[7; 16]).await.unwrap(), [[1; 16], [2; 16]]);
        tx!(stage, |tx| events::forget(tx, keys, &[1; 16], &[3; 16]).await?);
        assert_eq!(events::named(read!(stage), keys, &[7; 16]).await.unwrap(), [[2; 16]]);
        let [left] = events::of_visitor(read!(stage), keys, &[3; 16], 9).await.unwrap().try_into().unwrap();
        assert_eq!((left.kind, left.order.as_str()), (Kind::Ordered, ""));
        // Told again it is still the same one.
        assert!(!tx!(stage, |tx| events::keep(tx, shop, &done, &[1; 16]).await?));
        // A name outlives its visitor's last event only until that has come of age.
        tx!(stage, |tx| events::prune(tx, shop, at(3), 9).await?);
        assert_eq!(events::named(read!(stage), keys, &[7; 16]).await.unwrap(), [[2; 16]]);
        tx!(stage, |tx| events::prune(tx, shop, at(4), 9).await?);
        assert_eq!(events::named(read!(stage), keys, &[7; 16]).await.unwrap(), [[0; 16]; 0]);
    })
    .await;
}

#[tokio::test]
async fn days_are_tallied_and_what_is_dropped_is_counted() {
    on_both(async |stage| {
        let (shop, keys) = (stage.shop(), &stage.keys);
        tx!(stage, |tx| {
            events::count_dropped(tx, shop, 5, Dropped::Bot, 3).await?;
            events::count_dropped(tx, shop, 5, Dropped::Bot, 4).await?;
            events::count_dropped(tx, shop, 6, Dropped::OtherSite, 1).await?;
            events::put_tally(tx, shop, 5, "{}").await?;
            events::put_tally(tx, shop, 5, "{\"kinds\":{}}").await?;
        });
        let dropped = events::dropped(read!(stage), keys, 5, 6).await.unwrap();
        assert_eq!(dropped, [(Dropped::Bot, 7), (Dropped::OtherSite, 1)]);
        assert_eq!(events::dropped(read!(stage), keys, 6, 6).await.unwrap(), [(Dropped::OtherSite, 1)]);
        let tallies = events::tallies(read!(stage), keys, 0, 9).await.unwrap();
        assert_eq!(tallies, [(5, "{\"kinds\":{}}".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn goals_and_funnels() {
    use cartback::{
        domain::{
            funnel::{Funnel, Way},
            goal::{Goal, presets},
            id::{FunnelId, GoalId},
        },
        store::goal,
    };
    on_both(async |stage| {
        let keys = &stage.keys;
        let mut first = Goal { id: GoalId::new(1), plan: presets()[0].goals[0].clone() };
        let second = Goal { id: GoalId::new(2), plan: presets()[2].goals[3].clone() };
        tx!(stage, |tx| {
            goal::put(tx, keys, &first, at(1)).await?;
            goal::put(tx, keys, &second, at(1)).await?;
        });
        first.plan.name = "Čaj".into();
        first.plan.worth = cartback::domain::goal::Worth::Fixed(100, "EUR".into());
        tx!(stage, |tx| goal::put(tx, keys, &first, at(2)).await?);
        assert_eq!(goal::list(read!(stage), keys).await.unwrap(), [first, second.clone()]);
        assert!(tx!(stage, |tx| goal::remove(tx, keys, GoalId::new(1)).await?));
        assert!(!tx!(stage, |tx| goal::remove(tx, keys, GoalId::new(1)).await?));
        assert_eq!(goal::list(read!(stage), keys).await.unwrap(), [second]);

        let funnel = Funnel { id: FunnelId::new(1), way: Way::usual() };
        tx!(stage, |tx| goal::put_funnel(tx, keys, &funnel, at(1)).await?);
        assert_eq!(goal::funnels(read!(stage), keys).await.unwrap(), [funnel]);
        assert!(tx!(stage, |tx| goal::remove_funnel(tx, keys, FunnelId::new(1)).await?));
        assert_eq!(goal::funnels(read!(stage), keys).await.unwrap(), []);

        tx!(stage, |tx| {
            events::put_tally(tx, stage.shop(), 5, "{}").await?;
            events::put_tally(tx, stage.shop(), 9, "{}").await?;
        });
        assert_eq!(tx!(stage, |tx| goal::recount(tx, keys, 6, at(1)).await?), 1);
        assert_eq!(job::waiting(read!(stage), stage.shop()).await.unwrap(), [(job::Kind::Tally, 1)]);
    })
    .await;
}

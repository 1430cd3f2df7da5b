//! Consents to advertising and what platforms were told: the newest holds, and what is told replaces what was.

use cartback::{
    domain::id::{OrderId, SinkId},
    store::{
        ad_consent::{self, AdConsent, State},
        ad_told, sink,
    },
};

use super::*;

#[tokio::test]
async fn the_newest_statement_of_a_number_holds() {
    on_both(async |stage| {
        let (keys, phone) = (&stage.keys, [7; 16]);
        let says = async |id: i64, phone, state, when: Time| {
            let said = AdConsent { phone, at: when, state, source: "banner".to_owned() };
            tx!(stage, |tx| ad_consent::record(tx, keys, id, &said, at(9)).await?)
        };
        let holds = async |by| ad_consent::newest(read!(stage), keys, &phone, by).await.unwrap();
        assert_eq!(holds(at(9)).await, None);
        assert!(says(1, phone, State::Granted, at(2)).await);
        assert!(!says(2, phone, State::Granted, at(2)).await, "told twice is told once");
        assert_eq!((holds(at(1)).await, holds(at(2)).await), (None, Some(State::Granted)));
        assert!(says(3, phone, State::Withdrawn, at(4)).await);
        assert_eq!((holds(at(3)).await, holds(at(4)).await), (Some(State::Granted), Some(State::Withdrawn)));
        // Told late, it changes nothing of what came after it.
        assert!(says(4, phone, State::Granted, at(3)).await);
        assert_eq!(holds(at(9)).await, Some(State::Withdrawn));
        // Of two of one moment the withdrawal.
        assert!(says(5, phone, State::Granted, at(4)).await);
        assert_eq!(holds(at(9)).await, Some(State::Withdrawn));
        assert!(says(6, [8; 16], State::Granted, at(1)).await);
        let all = ad_consent::of_phone(read!(stage), keys, &phone).await.unwrap();
        let told: Vec<_> = all.iter().map(|said| (said.at, said.state)).collect();
        assert_eq!(
            told,
            [(at(4), State::Withdrawn), (at(4), State::Granted), (at(3), State::Granted), (at(2), State::Granted)]
        );
        tx!(stage, |tx| ad_consent::forget(tx, keys, &phone).await?);
        assert_eq!(holds(at(9)).await, None);
        let other = ad_consent::newest(read!(stage), keys, &[8; 16], at(9)).await.unwrap();
        assert_eq!(other, Some(State::Granted), "nobody else is forgotten");
    })
    .await;
}

#[tokio::test]
async fn what_a_platform_was_told_last_of_an_order_is_known() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let (one, two, order) = (SinkId::new(1), SinkId::new(2), OrderId::new(5));
        let knows = async |sink, order| ad_told::of_order(read!(stage), keys, sink, order).await.unwrap();
        assert_eq!(knows(one, order).await, None);
        for (minor, when) in [(12_800, at(1)), (10_000, at(2)), (0, at(3))] {
            tx!(stage, |tx| ad_told::note(tx, keys, (one, order), minor, when).await?);
            assert_eq!(knows(one, order).await, Some(minor));
        }
        assert_eq!((knows(two, order).await, knows(one, OrderId::new(6)).await), (None, None));
        tx!(stage, |tx| sink::remove(tx, keys, one).await?);
        assert_eq!(knows(one, order).await, None, "it goes with the platform");
    })
    .await;
}

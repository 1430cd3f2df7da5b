//! What pages tell of their visitors, and what is kept of it.
#![no_main]

use cartback::domain::{
    id::SiteEventId,
    site_event::{ToldBy, settle, wire},
};
use cartback_fuzz::{always, bounded, dollars, keys, now};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let own = ["shop.example.com".to_owned()];
    let Some(parcel) = always(bytes, || wire::read(bytes, dollars(), &own, now())) else { return };
    assert!((1..=wire::EVENTS_MOST).contains(&parcel.events.len()) && parcel.token.chars().count() <= 60);
    let _ = wire::is_welcome(Some(&parcel.host), &parcel.host, &own, bytes.len().is_multiple_of(2));
    let keys = keys(1, 7);
    for told in &parcel.events {
        for by in ToldBy::ALL {
            let Ok((event, name)) = settle(told, &keys, by, SiteEventId::new(1), now()) else { continue };
            assert_eq!(settle(told, &keys, by, SiteEventId::new(1), now()).map(|(_, again)| again), Ok(name));
            assert!(event.at <= now() && event.number >= 0 && event.value.is_none_or(|value| value.minor >= 0));
            let words = [&event.target, &event.product, &event.page, &event.order, &event.payment, &event.country];
            assert!(words.iter().all(|word| word.chars().count() <= 120), "{words:?}");
            assert!(!event.page.contains(['?', '#']), "{}", event.page);
            bounded(b"", &event);
        }
    }
});

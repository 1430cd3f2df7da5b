//! When a digest goes out, as people type it: a zone, then the five fields of cron.
#![no_main]

use cartback::domain::{digest::Rhythm, hours, schedule::Schedule, time::Time};
use cartback_fuzz::now;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (zone, typed) = text.split_once(' ').unwrap_or(("", text));
    let zone = hours::zone(zone).or_else(|| hours::zone("America/New_York")).expect("a zone");
    let _ = Schedule::parse(typed);
    let Ok(rhythm) = Rhythm::parse("own", typed) else { return };
    assert_eq!(Rhythm::parse("own", rhythm.typed()).as_ref(), Ok(&rhythm));
    for at in [now(), Time::FIRST, Time::LAST] {
        let _ = rhythm.span(&zone, at);
        if let Some(newest) = rhythm.newest(&zone, at) {
            assert!(newest.at <= at, "{text:?}");
        }
        let Some(next) = rhythm.next(&zone, at) else { continue };
        assert!(next.at > at, "{text:?}");
        assert!(rhythm.newest(&zone, next.at).is_some_and(|newest| newest.at == next.at), "{text:?}");
    }
});

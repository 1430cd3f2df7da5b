//! Phone numbers as people type them: the countries are the first word, the number is the rest.
#![no_main]

use cartback::domain::{phone::Phone, risk, zone};
use cartback_fuzz::always;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (countries, typed) = text.split_once(' ').unwrap_or(("", text));
    let countries: Vec<&str> = countries.split(',').take(4).collect();
    let Ok(phone) = always(text.as_bytes(), || Phone::read(typed, &countries)) else { return };
    let e164 = phone.e164();
    assert!(
        e164.len() <= 16 && e164.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    );
    // Written so it needs no country, and is the same number.
    assert_eq!(Phone::read(e164, &[]).as_ref(), Ok(&phone), "{text:?}");
    assert!(format!("{phone:?} {phone}").matches(|c: char| c.is_ascii_digit()).count() <= 8, "not masked");
    let _ = (phone.country(), phone.is_for_tests(), risk::prefix_key(&phone));
    let zones =
        zone::candidates(&phone, countries.first().copied(), countries.get(1).copied(), countries.get(2).copied());
    let _ = (zones, zone::states(&phone, countries.first().copied(), countries.get(1).copied()));
});

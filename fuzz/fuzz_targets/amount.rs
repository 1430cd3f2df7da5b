//! Amounts and moments as shops, tills and people write them. The first word is a currency, the rest is what is read.
#![no_main]

use cartback::domain::{
    hours::{self, Hours},
    money::{self, Currency, MINOR_MOST, Money},
    net_ledger::Rate,
    sequence,
    time::Time,
};
use cartback_fuzz::always;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (code, rest) = text.split_once(' ').unwrap_or(("EUR", text));
    let currency = Currency::parse(code).unwrap_or_else(|_| Currency::parse("BHD").expect("a currency"));
    if let Ok(minor) = always(text.as_bytes(), || currency.minor(rest)) {
        assert!(minor.unsigned_abs() <= MINOR_MOST);
        let money = Money::new(minor, currency);
        assert_eq!(currency.minor(&money.amount()), Ok(minor), "{rest:?}");
        assert!(money.to_string().len() <= 40);
        // Upside down it is the same, below zero, unless the sign makes it too long.
        let negative = rest
            .trim()
            .strip_prefix('-')
            .map_or_else(|| format!("-{}", rest.trim().trim_start_matches('+')), str::to_owned);
        if negative.len() <= money::AMOUNT_CHARS_MAX {
            assert_eq!(currency.minor(&negative), Ok(-minor), "{rest:?}");
        }
    }
    for digits in [0, 2, 6, 12] {
        let _ = money::decimal(rest, digits);
    }
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(rest) {
        let _ = currency.minor_from(&value);
    }
    if let Ok(value) = Rate::value_of(rest) {
        let rate = Rate { currency, to: currency, from_day: 0, value };
        assert_eq!(Rate::value_of(&rate.shown()), Ok(value), "{rest:?}");
    }
    for read in [rest, text].into_iter().filter_map(Time::parse) {
        assert!((Time::FIRST..=Time::LAST).contains(&read));
        assert_eq!(Time::parse(&read.to_string()), Some(read), "{text:?}");
        if let Some(zone) = hours::zone(code) {
            let day = hours::day_of(&zone, read);
            assert!(hours::start_of_day(&zone, day) <= read, "{text:?}");
        }
    }
    if let Ok(hours) = text.parse::<Hours>() {
        assert_eq!(hours.to_string().parse(), Ok(hours), "{text:?}");
        let _ = hours.words();
    }
    let _ = (sequence::read_span(rest), hours::zone(text));
});

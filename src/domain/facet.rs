//! Facets: what a cart, a tap or an order is counted under in a report. One word each, so that no case counts twice:
//! a cart of three things is counted under the most valuable one. Decides the word; never who it belongs to.

use super::event::Item;

/// Of a product's name, a source or a way to pay, in characters; the rest is cut.
pub const WORD_CHARS_MAX: usize = 80;

/// The most valuable line of a cart, by price and quantity; the first of equals. "" when nothing in it has a name.
pub fn product(items: &[Item]) -> String {
    let worth = |item: &Item| item.price.map_or(0, |price| i128::from(price.minor) * i128::from(item.quantity));
    let named = items.iter().filter(|item| !item.title.trim().is_empty());
    // Not `max_by_key`, which answers the last of equals.
    let best = named.fold(None, |best: Option<&Item>, item| match best {
        Some(known) if worth(known) >= worth(item) => Some(known),
        _ => Some(item),
    });
    best.map(|item| word(&item.title)).unwrap_or_default()
}

/// One line without control characters, cut to `WORD_CHARS_MAX`.
pub fn word(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let joined = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.chars().take(WORD_CHARS_MAX).collect::<String>().trim_end().to_owned()
}

/// The kinds of device a link is opened on, as told by the browser's own name.
pub const DEVICES: [&str; 7] = ["iphone", "ipad", "android", "windows", "mac", "linux", "other"];

/// One of `DEVICES`. An iPad that asks for desktop pages says it is a Mac, and counts as one.
pub fn device(agent: &str) -> &'static str {
    let agent = agent.to_ascii_lowercase();
    let says = |word: &str| agent.contains(word);
    match () {
        () if says("iphone") || says("ipod") => "iphone",
        () if says("ipad") => "ipad",
        () if says("android") => "android",
        () if says("windows") => "windows",
        () if says("macintosh") || says("mac os x") => "mac",
        () if says("linux") || says("x11") || says("cros") => "linux",
        () => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{Currency, Money};

    #[test]
    fn a_cart_counts_under_its_most_valuable_line() {
        let euro = Currency::parse("EUR").unwrap();
        let item = |title: &str, quantity, minor: Option<i64>| Item {
            title: title.into(),
            quantity,
            price: minor.map(|minor| Money::new(minor, euro)),
        };
        #[track_caller]
        fn check(items: &[Item], expected: &str) {
            assert_eq!(product(items), expected);
        }
        check(&[], "");
        check(&[item("Stool", 1, Some(9_000)), item("Lamp", 3, Some(4_000))], "Lamp");
        check(&[item("Stool", 1, Some(9_000)), item("Lamp", 1, Some(9_000))], "Stool");
        check(&[item("  ", 1, Some(9_000)), item("Lamp\n oak", 1, None)], "Lamp oak");
        assert_eq!(product(&[item(&"č".repeat(500), 1, None)]).chars().count(), WORD_CHARS_MAX);
    }

    #[test]
    fn devices_are_told_by_the_browser() {
        #[track_caller]
        fn check(agent: &str, expected: &str) {
            assert_eq!(device(agent), expected);
        }
        check("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15", "iphone");
        check("Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X)", "ipad");
        check("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140", "android");
        check("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows");
        check("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "mac");
        check("Mozilla/5.0 (X11; Linux x86_64)", "linux");
        check("", "other");
        assert!(DEVICES.contains(&device("Nokia")));
    }
}

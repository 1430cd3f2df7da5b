//! What was told of an event, and what is kept of it. Everything a stranger may write is cut, and what looks like a
//! person's own (an address, a number) is dropped before it reaches anything that lasts.

use std::time::Duration;

use data_encoding::HEXLOWER;

use super::{
    super::{
        facet,
        id::SiteEventId,
        money::Money,
        seal::ShopKeys,
        time::{DAY, MINUTE, Time},
    },
    Kind, SiteEvent, ToldBy, Visit, Visitor,
};

/// One event as a browser or a server told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The sender's own name for it: the same one told twice is one event. Up to 64 characters.
    pub id: String,
    /// A `Kind::name`; anything else is a custom event of that name.
    pub name: String,
    /// When it happened; `None` is now.
    pub at: Option<Time>,
    /// The anonymous id.
    pub visitor: String,
    /// Who it is, where that is known already; the anonymous id is then nobody's.
    pub known: Option<Visitor>,
    pub target: String,
    pub product: String,
    /// A path or a whole address; its query is not kept.
    pub page: String,
    pub visit: Visit,
    pub device: String,
    pub country: String,
    pub number: i64,
    pub value: Option<Money>,
    pub order: String,
    pub payment: String,
}

/// Why an event is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("name: must be 1 to 60 letters, digits, spaces, dots, dashes or underscores")]
    Name,
    #[error("occurred_at: must be within the last 30 days and not in the future")]
    When,
    #[error("number: is out of its bounds")]
    Number,
    #[error("value: must be 0 or more")]
    Value,
    #[error("visitor: must be 8 to 64 letters, digits, dots, dashes or underscores")]
    Visitor,
}

pub const NAME_CHARS_MAX: usize = 60;
pub const TARGET_CHARS_MAX: usize = 120;
const ID_CHARS_MAX: usize = 64;
/// A server may tell what happened while it was away.
const LATE_MOST: Duration = DAY.saturating_mul(30);
/// How far a sender's clock may run ahead.
const AHEAD_MOST: Duration = MINUTE.saturating_mul(5);

/// Makes what was told into what is kept; `id` is a fresh number, `now` our clock.
pub fn settle(
    told: &Told,
    keys: &ShopKeys,
    told_by: ToldBy,
    id: SiteEventId,
    now: Time,
) -> Result<(SiteEvent, [u8; 16]), Unusable> {
    let known = Kind::parse(&told.name);
    let kind = known.unwrap_or(Kind::Custom);
    let target = match known {
        // Visitors type these themselves.
        Some(Kind::Searched) => harmless(&told.target, TARGET_CHARS_MAX),
        Some(_) => printed(&told.target, TARGET_CHARS_MAX),
        None => name(&told.name).ok_or(Unusable::Name)?,
    };
    let at = told.at.unwrap_or(now);
    if at > now + AHEAD_MOST || now.since(at) > LATE_MOST {
        return Err(Unusable::When);
    }
    let most = kind.unit().map_or(1_000_000, |unit| unit.most());
    if !(0..=most).contains(&told.number) {
        return Err(Unusable::Number);
    }
    if told.value.is_some_and(|value| value.minor < 0) {
        return Err(Unusable::Value);
    }
    let visitor = match told.known {
        Some(known) => known,
        None if is_id(&told.visitor, 8) => keys.index("visitor", &told.visitor),
        None => return Err(Unusable::Visitor),
    };
    // Without a name of its own it is known by everything it says: a repeat within the same second is the same one. A
    // server's names are its own for the whole shop; who it speaks of may be known better the second time.
    let whose = if told_by == ToldBy::Server && is_id(&told.id, 1) { String::new() } else { HEXLOWER.encode(&visitor) };
    let own = match is_id(&told.id, 1) {
        true => told.id.clone(),
        false => format!("{} {} {} {} {}", told.name, at.seconds(), told.target, told.order, told.number),
    };
    let dedup = keys.index("site_event", &format!("{}\0{whose}\0{own}", told_by.name()));
    let event = SiteEvent {
        id,
        kind,
        at: at.min(now),
        visitor,
        target,
        product: printed(&told.product, facet::WORD_CHARS_MAX),
        page: path(&told.page),
        visit: told.visit.clone(),
        device: told.device.clone(),
        country: if is_country(&told.country) { told.country.clone() } else { String::new() },
        number: told.number,
        value: told.value,
        order: facet::word(&told.order).chars().take(ID_CHARS_MAX).collect(),
        payment: harmless(&told.payment, facet::WORD_CHARS_MAX),
        told_by,
    };
    Ok((event, dedup))
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// An id of letters, digits, dots, dashes and underscores.
pub(super) fn is_id(text: &str, least: usize) -> bool {
    (least..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

/// The name of a custom event.
pub fn name(text: &str) -> Option<String> {
    let text = facet::word(text);
    let good = !text.is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_'));
    (good && !is_personal(&text)).then_some(text)
}

/// One line, cut; "" for what looks like somebody's address or number.
pub(super) fn harmless(text: &str, chars_max: usize) -> String {
    let text = facet::word(text);
    if is_personal(&text) { String::new() } else { text.chars().take(chars_max).collect() }
}

/// The same of what the shop itself writes, where numbers are of things: only an address is dropped.
fn printed(text: &str, chars_max: usize) -> String {
    let text = facet::word(text);
    if text.contains('@') { String::new() } else { text.chars().take(chars_max).collect() }
}

/// Digits in a row, spaces and dashes between them not counted, from which on a text may be a phone or card number.
const DIGITS_HARMLESS_MAX: usize = 6;

fn is_personal(text: &str) -> bool {
    let mut row = 0;
    for c in text.chars() {
        row = match c {
            '@' => return true,
            c if c.is_numeric() => row + 1,
            ' ' | '-' | '/' | '(' | ')' | '+' | '.' => row,
            _ => 0,
        };
        if row > DIGITS_HARMLESS_MAX {
            return true;
        }
    }
    false
}

/// The path of an address, each part that may name somebody or open something shown as `*`.
pub fn path(page: &str) -> String {
    let after_host = match page.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => page,
    };
    let bare = after_host.split(['?', '#']).next().unwrap_or_default();
    let parts = bare.split('/').map(|part| {
        let long = part.len() >= 20 && !part.contains('-') && part.bytes().any(|byte| byte.is_ascii_digit());
        if long || is_personal(part) || part.contains("%40") { "*" } else { part }
    });
    facet::word(&parts.collect::<Vec<_>>().join("/")).chars().take(TARGET_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ShopId;
    use proptest::prelude::*;

    fn keys() -> ShopKeys {
        ShopKeys::new(ShopId::new(1), vec![(1, [7; 32])]).unwrap()
    }

    fn now() -> Time {
        Time::from_seconds(1_790_000_000)
    }

    fn told(name: &str) -> Told {
        Told { name: name.into(), visitor: "0123456789abcdef".into(), id: "a1".into(), ..Told::default() }
    }

    fn settled(told: &Told) -> Result<SiteEvent, Unusable> {
        settle(told, &keys(), ToldBy::Pixel, SiteEventId::new(1), now()).map(|(event, _)| event)
    }

    #[test]
    fn what_may_name_somebody_is_dropped() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(harmless(text, 40), expected);
        }
        check("red  socks\n", "red socks");
        check("ana@shopper.example", "");
        check("call 040 555 123", "");
        check("+386 40 555-101", "");
        check("iphone 15 pro 2026", "iphone 15 pro 2026");
        check(&"a".repeat(90), &"a".repeat(40));
    }

    #[test]
    fn numbers_of_things_are_kept() {
        let file = settled(&Told { target: "/files/prices-2026-03-01.pdf".into(), ..told("downloaded") }).unwrap();
        assert_eq!(file.target, "/files/prices-2026-03-01.pdf");
        let search =
            settled(&Told { target: "040 555 123".into(), product: "Lamp 7730018844120".into(), ..told("searched") });
        let search = search.unwrap();
        assert_eq!((search.target.as_str(), search.product.as_str()), ("", "Lamp 7730018844120"));
    }

    #[test]
    fn a_page_is_its_path_and_no_secret() {
        #[track_caller]
        fn check(page: &str, expected: &str) {
            assert_eq!(path(page), expected);
        }
        check("https://shop.example/products/lamp?email=a@b.example#x", "/products/lamp");
        check("https://shop.example", "/");
        check("/account/ana@shopper.example/orders", "/account/*/orders");
        check("/checkouts/6d0c8b1f2e3a4d5c6b7a8f90", "/checkouts/*");
        check("/blog/a-very-long-title-of-some-article-2026", "/blog/a-very-long-title-of-some-article-2026");
        check("/o/12345678", "/o/*");
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(settled(&told("cart_added")).unwrap().kind, Kind::CartAdded);
        let custom = settled(&told("Opened the size guide")).unwrap();
        assert_eq!((custom.kind, custom.target.as_str()), (Kind::Custom, "Opened the size guide"));
        assert_eq!(settled(&told("")), Err(Unusable::Name));
        assert_eq!(settled(&told("a@b.example")), Err(Unusable::Name));
        let when = |at| settled(&Told { at: Some(at), ..told("searched") }).map(|event| event.at);
        assert_eq!(when(now() - DAY * 31), Err(Unusable::When));
        assert_eq!(when(now() + MINUTE * 6), Err(Unusable::When));
        assert_eq!(when(now() + MINUTE), Ok(now()));
        assert_eq!(when(now() - DAY), Ok(now() - DAY));
        assert_eq!(settled(&Told { number: 101, ..told("scrolled") }), Err(Unusable::Number));
        assert_eq!(settled(&Told { number: -1, ..told("stayed") }), Err(Unusable::Number));
        assert_eq!(settled(&Told { visitor: "short".into(), ..told("scrolled") }), Err(Unusable::Visitor));
        assert_eq!(settled(&Told { visitor: "a b c d e f g".into(), ..told("scrolled") }), Err(Unusable::Visitor));
    }

    #[test]
    fn the_same_told_twice_is_one_and_a_visitor_is_no_id() {
        let once = |told: &Told| settle(told, &keys(), ToldBy::Pixel, SiteEventId::new(1), now()).unwrap().1;
        assert_eq!(once(&told("searched")), once(&told("searched")));
        assert_ne!(once(&told("searched")), once(&Told { id: "a2".into(), ..told("searched") }));
        let unnamed = Told { id: String::new(), ..told("searched") };
        assert_eq!(once(&unnamed), once(&unnamed));
        assert_ne!(once(&unnamed), once(&Told { target: "x".into(), ..unnamed.clone() }));
        assert!(!format!("{:?}", settled(&told("searched"))).contains("0123456789abcdef"));
    }

    proptest! {
        #[test]
        fn whatever_is_told_stays_within_bounds(name in ".{0,80}", target in ".{0,300}", page in ".{0,300}") {
            let told = Told { name, target, page, ..told("x") };
            if let Ok(event) = settled(&told) {
                prop_assert!(!event.target.contains('@') && event.target.chars().count() <= TARGET_CHARS_MAX);
                prop_assert!(!event.page.contains('?') && event.page.chars().count() <= TARGET_CHARS_MAX);
            }
        }
    }
}

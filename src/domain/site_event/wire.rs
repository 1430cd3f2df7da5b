//! The pixel's body: JSON as `text/plain`, so that a browser sends it without asking first. Decides what one says; what is
//! not known in it is ignored, since an older pixel may live in a page for long. Bounded before it is read.

use std::time::Duration;

use serde::Deserialize;

use super::{
    super::{
        money::{Currency, Money},
        time::{DAY, Time},
    },
    Told, Visit,
    told::is_id,
    visit::is_own,
};

/// What a browser lets a page send while it is left.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Events of one body.
pub const EVENTS_MOST: usize = 100;

#[derive(Deserialize)]
struct Body {
    /// The anonymous id.
    i: String,
    /// The page it is on, without query.
    #[serde(default)]
    u: String,
    /// The landing page's campaign tags.
    #[serde(default)]
    q: String,
    /// The page before the visit.
    #[serde(default)]
    r: String,
    /// Our token, where a recovery link led here.
    #[serde(default)]
    t: String,
    #[serde(default)]
    e: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    n: Text,
    #[serde(default)]
    d: Text,
    /// Milliseconds since it happened: the browser's own clock is nobody's.
    #[serde(default)]
    a: Text,
    #[serde(default)]
    u: Option<String>,
    #[serde(default)]
    g: Text,
    #[serde(default)]
    p: Text,
    /// An amount of money with its decimals, and its currency.
    #[serde(default)]
    v: Text,
    #[serde(default)]
    c: Text,
    #[serde(default)]
    m: Text,
    /// The checkout's token.
    #[serde(default)]
    k: Text,
    /// The order's id or number.
    #[serde(default)]
    o: Text,
    #[serde(default)]
    w: Text,
}

/// Shops write ids and amounts as numbers too.
#[derive(Default)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
        Ok(Text(match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            _ => String::new(),
        }))
    }
}

/// A body as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parcel {
    pub events: Vec<Told>,
    /// Checkouts the visitor was seen at.
    pub checkouts: Vec<String>,
    /// Orders the visitor was seen to place.
    pub orders: Vec<String>,
    /// A recovery token of ours; "" without one.
    pub token: String,
    /// The host of the page; "" when it named none.
    pub host: String,
}

/// Reads a body. `currency` is what amounts without one are in; `own` are the shop's hosts.
pub fn read(body: &[u8], currency: Currency, own: &[String], now: Time) -> Option<Parcel> {
    let body: Body = (body.len() <= BODY_BYTES_MAX).then(|| serde_json::from_slice(body).ok()).flatten()?;
    if body.e.is_empty() || body.e.len() > EVENTS_MOST {
        return None;
    }
    let visit = Visit::of(&body.q, &body.r, own);
    let mut parcel = Parcel {
        host: url::Url::parse(&body.u).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default(),
        token: body.t.chars().take(60).collect(),
        ..Parcel::default()
    };
    for event in body.e {
        if is_id(&event.k.0, 1) {
            add(&mut parcel.checkouts, &event.k.0);
        }
        let order: String = event.o.0.chars().take(64).collect();
        if !order.is_empty() {
            add(&mut parcel.orders, &order);
        }
        parcel.events.push(Told {
            id: event.d.0,
            name: event.n.0,
            at: Some(now - age(number(&event.a.0))),
            visitor: body.i.clone(),
            target: event.g.0,
            product: event.p.0,
            page: event.u.unwrap_or_else(|| body.u.clone()),
            visit: visit.clone(),
            number: number(&event.m.0).round().clamp(-1.0, 1e9) as i64,
            value: amount(&event.v.0, &event.c.0, currency),
            order,
            payment: event.w.0,
            ..Told::default()
        });
    }
    Some(parcel)
}

fn add(list: &mut Vec<String>, value: &str) {
    if !list.iter().any(|known| known == value) {
        list.push(value.to_owned());
    }
}

/// 0 for what is none.
fn number(text: &str) -> f64 {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite()).unwrap_or(0.0)
}

/// At most a day: what a phone kept while it was away longer is told as of then.
fn age(ms: f64) -> Duration {
    Duration::from_millis(ms.clamp(0.0, DAY.as_millis() as f64) as u64)
}

fn amount(value: &str, code: &str, currency: Currency) -> Option<Money> {
    let currency = if code.is_empty() { currency } else { Currency::parse(code).ok()? };
    let minor = currency.minor(value.trim()).ok()?;
    Some(Money::new(minor, currency))
}

/// Whether a page of this origin may tell of this shop. `origin` is what the browser says (`https://shop.example`,
/// `null` from a frame that has none); `own` are the shop's hosts, and nobody is turned away where none is known.
pub fn is_welcome(origin: Option<&str>, page_host: &str, own: &[String], sandboxed: bool) -> bool {
    if own.is_empty() {
        return true;
    }
    let page = page_host.is_empty() || is_own(page_host, own);
    match origin {
        Some("null") => sandboxed && page,
        Some(origin) => {
            url::Url::parse(origin).ok().and_then(|url| url.host_str().map(|host| is_own(host, own))).unwrap_or(false)
        }
        None => !page_host.is_empty() && page,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn euro() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    fn now() -> Time {
        Time::from_seconds(1_790_000_000)
    }

    fn parcel(body: &str) -> Option<Parcel> {
        read(body.as_bytes(), euro(), &["shop.example".to_owned()], now())
    }

    #[test]
    fn a_body_says_what_was_done() {
        let body = r#"{"i":"0123456789abcdef","u":"https://shop.example/p/lamp","q":"utm_source=cartback&utm_medium=sms",
            "t":"tok","new":1,"e":[{"n":"cart_added","d":"e1","a":1500,"p":"Lamp","v":12.5,"k":"chk_1"},
            {"n":"ordered","d":"e2","m":null,"o":9001,"v":"12.50","c":"USD","k":"chk_1","u":"https://shop.example/thanks"}]}"#;
        let read = parcel(body).unwrap();
        assert_eq!(
            (read.checkouts, read.orders, read.host),
            (vec!["chk_1".into()], vec!["9001".into()], "shop.example".into())
        );
        let [added, ordered] = read.events.try_into().unwrap();
        assert_eq!(added.at, Some(now() - Duration::from_millis(1500)));
        assert_eq!(added.value, Some(Money::new(1250, euro())));
        assert_eq!((added.visit.source.as_str(), added.page.as_str()), ("cartback", "https://shop.example/p/lamp"));
        assert_eq!(ordered.value.map(|value| value.currency.to_string()), Some("USD".to_owned()));
        assert_eq!(ordered.page, "https://shop.example/thanks");
    }

    #[test]
    fn what_cannot_be_is_not_read() {
        let many = format!(r#"{{"i":"x","e":[{}]}}"#, vec![r#"{"n":"a"}"#; EVENTS_MOST + 1].join(","));
        for body in ["", "{}", "[]", r#"{"i":"x","e":[]}"#, r#"{"i":1,"e":[{"n":"a"}]}"#, &many] {
            assert_eq!(parcel(body), None, "{body:.40}");
        }
        let odd = parcel(r#"{"i":"x","e":[{"n":"a","a":-5,"m":1e300,"v":"much"}]}"#).unwrap();
        assert_eq!((odd.events[0].at, odd.events[0].number, odd.events[0].value), (Some(now()), 1_000_000_000, None));
    }

    #[test]
    fn only_the_shops_own_pages_tell() {
        let own = ["shop.example".to_owned()];
        #[track_caller]
        fn check(own: &[String], origin: Option<&str>, page: &str, sandboxed: bool, expected: bool) {
            assert_eq!(is_welcome(origin, page, own, sandboxed), expected, "{origin:?} {page}");
        }
        check(&own, Some("https://shop.example"), "shop.example", false, true);
        check(&own, Some("https://www.shop.example"), "", false, true);
        check(&own, Some("https://evil.example"), "shop.example", false, false);
        check(&own, Some("null"), "shop.example", false, false);
        check(&own, Some("null"), "shop.example", true, true);
        check(&own, Some("null"), "evil.example", true, false);
        check(&own, None, "shop.example", false, true);
        check(&own, None, "", false, false);
        check(&[], Some("https://anywhere.example"), "", false, true);
    }

    proptest! {
        #[test]
        fn no_body_breaks_it(body in ".{0,400}", age in proptest::num::f64::ANY) {
            parcel(&body);
            parcel(&format!(r#"{{"i":"x","e":[{{"n":"a","a":{age}}}]}}"#));
        }
    }
}

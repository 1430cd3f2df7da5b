//! Readers for the JSON shops send: lenient about form, exact about money and ids. Shops write the same thing as a
//! string, a number, `null`, `""`, `[]` or not at all; here all of these are either the value or `None`.
//!
//! A path is keys joined by dots (`customer.default_address.phone`); whatever it does not lead to is JSON `null`. A
//! wrong form is never an error here: what a shop's connector cannot do without, it asks for and names itself. No
//! sentence made here contains a value of the body.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::domain::{
    connector::{Delivery, Unreadable},
    event::TypedPhone,
    money::{Currency, Money},
    time::Time,
};

/// What `text` cuts to: more is no title, name or note that anyone reads.
pub const TEXT_CHARS_MAX: usize = 1_000;
/// A longer id is no id: cutting it could make two of one.
pub const ID_CHARS_MAX: usize = 255;
/// A longer URL is not kept: cutting it would make another one.
pub const URL_CHARS_MAX: usize = 4_096;
/// The longest number a shopper may type, spaces and all.
const PHONE_CHARS_MAX: usize = 64;

static NULL: Value = Value::Null;

/// The body as a JSON object. A byte order mark is tolerated; depth is bounded at 128 by the parser.
pub fn object(delivery: &Delivery) -> Result<Value, Unreadable> {
    let bytes = without_mark(&delivery.body);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::new("the body is empty"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::new("the body is not UTF-8"))?;
    // Only the place: the parser's own words may quote the body.
    let value: Value = serde_json::from_str(text).map_err(|problem| {
        let (line, column) = (problem.line(), problem.column());
        Unreadable(format!("the body is not JSON: it breaks off or goes wrong at line {line}, column {column}"))
    })?;
    if value.is_object() { Ok(value) } else { Err(Unreadable::new("the body is JSON, but not an object")) }
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The body with nothing in it but these entries, for whoever has to answer before there is time to read it: what is passed
/// over costs a fraction. `null` where it is no object.
pub fn only(delivery: &Delivery, keys: &[&str]) -> Value {
    struct Only<'k>(&'k [&'k str]);

    impl<'de> Visitor<'de> for Only<'_> {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut kept = Map::new();
            while let Some(key) = entries.next_key::<Cow<'_, str>>()? {
                if self.0.contains(&&*key) {
                    kept.insert(key.into_owned(), entries.next_value()?);
                } else {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
            Ok(kept)
        }
    }

    let mut reader = serde_json::Deserializer::from_slice(without_mark(&delivery.body));
    let kept = reader.deserialize_map(Only(keys)).and_then(|kept| reader.end().map(|()| kept));
    kept.map_or(Value::Null, Value::Object)
}

/// What stands at this path, `null` when nothing does.
pub fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, key| value.as_object().and_then(|object| object.get(key)).unwrap_or(&NULL))
}

/// The entries of a list; none for anything that is not a list.
pub fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// A text or a number as text: trimmed, without NULs (PostgreSQL refuses them), `None` when nothing is left, cut at
/// `TEXT_CHARS_MAX`. For what people read.
pub fn text(value: &Value, path: &str) -> Option<String> {
    let text = written(at(value, path))?;
    Some(match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().trim_end().to_owned(),
        None => text.into_owned(),
    })
}

/// The same, but whole or not at all. For what machines read: tokens, URLs, codes.
pub fn whole(value: &Value, path: &str, chars_max: usize) -> Option<String> {
    written(at(value, path)).filter(|text| text.chars().count() <= chars_max).map(Cow::into_owned)
}

/// Words in one text with commas between them, each whole or not at all; no more than so many.
pub fn words_between_commas(value: &Value, path: &str, most: usize) -> Vec<String> {
    let written = written(at(value, path)).unwrap_or_default();
    let words = written.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.filter(|word| word.chars().count() <= ID_CHARS_MAX).take(most).map(str::to_owned).collect()
}

/// A web address, whole or not at all. Whether it may be followed is decided where links are made.
pub fn url(value: &Value, path: &str) -> Option<String> {
    whole(value, path, URL_CHARS_MAX)
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .filter(|url| !url.contains(|c: char| c.is_whitespace() || c.is_control()))
}

/// A shop's id: a text, or an integer of any length with its digits as they were written.
pub fn id(value: &Value, path: &str) -> Option<String> {
    if let number @ Value::Number(_) = at(value, path)
        && !written(number)?.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    whole(value, path, ID_CHARS_MAX).filter(|id| !id.contains(char::is_control))
}

/// The same where 0 means "nobody", as WooCommerce writes a guest.
pub fn id_not_zero(value: &Value, path: &str) -> Option<String> {
    id(value, path).filter(|id| id.bytes().any(|byte| byte != b'0'))
}

/// Yes or no, as `true`, `1`, `"true"`, `"1"`, `"yes"` and their opposites; `None` for anything else.
pub fn flag(value: &Value, path: &str) -> Option<bool> {
    if let Value::Bool(flag) = at(value, path) {
        return Some(*flag);
    }
    match written(at(value, path))?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

/// A moment with an offset, or without one (then UTC). One that cannot be read is `None`, never an error: real
/// captures have such.
pub fn time(value: &Value, path: &str) -> Option<Time> {
    Time::parse(at(value, path).as_str()?)
}

/// An ISO 4217 code that names a currency; `XXX`, "no currency", does not.
pub fn currency(value: &Value, path: &str) -> Option<Currency> {
    Currency::parse(at(value, path).as_str()?).ok().filter(|currency| currency.code() != "XXX")
}

/// An amount in this currency: a decimal text, an integer or a float as it was written, never through a binary float.
pub fn money(value: &Value, path: &str, currency: Currency) -> Option<Money> {
    Some(Money::new(currency.minor_from(at(value, path)).ok()?, currency))
}

/// How many of an item. Halves are rounded, as a person would say them; more than `u32::MAX` is that.
pub fn quantity(value: &Value, path: &str) -> Option<u32> {
    let count = crate::domain::money::decimal(&written(at(value, path))?, 0).ok()?;
    (count >= 0).then(|| u32::try_from(count).unwrap_or(u32::MAX))
}

/// ISO 3166-1 alpha-2, upper case.
pub fn country(value: &Value, path: &str) -> Option<String> {
    let code = at(value, path).as_str()?.trim();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
}

/// ISO 3166-2 without the country, upper case: one to three letters or digits.
pub fn region(value: &Value, path: &str) -> Option<String> {
    let code = at(value, path).as_str()?.trim();
    ((1..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then(|| code.to_ascii_uppercase())
}

/// A number as it was typed, with the country to read it in. Whether it is one is decided by `Phone::read`.
pub fn phone(value: &Value, path: &str, country: Option<String>) -> Option<TypedPhone> {
    Some(TypedPhone { number: whole(value, path, PHONE_CHARS_MAX)?, country })
}

/// Candidates in order of trust, each once.
pub fn phones(candidates: impl IntoIterator<Item = Option<TypedPhone>>) -> Vec<TypedPhone> {
    let mut phones: Vec<TypedPhone> = Vec::new();
    for phone in candidates.into_iter().flatten() {
        if !phones.contains(&phone) {
            phones.push(phone);
        }
    }
    phones
}

/// Each once, in the order they came; however many a body of a megabyte holds, it does not take long.
pub fn each_once(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    values.into_iter().filter(|value| seen.insert(value.clone())).collect()
}

/// The decoded values of one query parameter of a URL, which may lack its host (`/shop?cartback=…`).
pub fn query_values(url: &str, name: &str) -> Vec<String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, value)| key == name && !value.is_empty() && value.chars().count() <= ID_CHARS_MAX)
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// The characters of a text or a number, trimmed; `None` when there are none.
fn written(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) if text.contains('\0') => Cow::Owned(text.replace('\0', "").trim().to_owned()),
        Value::String(text) => Cow::Borrowed(text.trim()),
        // With `arbitrary_precision` a number keeps the characters it was sent with.
        Value::Number(number) => Cow::Owned(number.to_string()),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn delivery(body: &[u8]) -> Delivery {
        Delivery {
            method: "POST".into(),
            url: String::new(),
            headers: Vec::new(),
            body: body.to_vec(),
            received_at: Time::from_seconds(1_772_359_200),
        }
    }

    #[test]
    fn what_is_told_twice_is_kept_once_in_its_order() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(each_once(words("b a b c a")), words("b a c"));
        // As many as fit into a body: one compared with all the others would take this test minutes.
        let many: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
        assert_eq!(each_once(many.clone()), many);
    }

    #[test]
    fn bodies() {
        #[track_caller]
        fn check(body: &[u8], says: &str) {
            match object(&delivery(body)) {
                Ok(value) => assert_eq!(value.to_string(), says),
                Err(Unreadable(why)) => assert_eq!(why, says),
            }
        }
        check(b"{\"a\":1}", "{\"a\":1}");
        check(b"\xef\xbb\xbf{\"a\":1}\r\n", "{\"a\":1}");
        check(b"", "the body is empty");
        check(b"\xef\xbb\xbf \n", "the body is empty");
        check(b"{\"a\":\"\xff\"}", "the body is not UTF-8");
        check(b"[{}]", "the body is JSON, but not an object");
        check(b"{\"phone\":+1", "the body is not JSON: it breaks off or goes wrong at line 1, column 10");
        assert!(object(&delivery(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes())).is_err());
    }

    #[test]
    fn texts() {
        #[track_caller]
        fn check(value: Value, expected: Option<&str>) {
            assert_eq!(text(&json!({ "a": { "b": value } }), "a.b").as_deref(), expected);
        }
        check(json!(" oak \n"), Some("oak"));
        check(json!("o\0ak\0"), Some("oak"));
        check(json!(12), Some("12"));
        check(json!("\0 "), None);
        check(json!(null), None);
        check(json!([]), None);
        check(json!("ü".repeat(2_000)), Some("ü".repeat(TEXT_CHARS_MAX).as_str()));
        assert_eq!(whole(&json!({"a": "abc"}), "a", 2), None);
        assert_eq!(text(&json!({"a": []}), "a.b.c"), None);
    }

    #[test]
    fn ids_keep_every_digit() {
        #[track_caller]
        fn check(written: &str, plain: Option<&str>, not_zero: Option<&str>) {
            let value: Value = serde_json::from_str(&format!("{{\"id\":{written}}}")).unwrap();
            assert_eq!(id(&value, "id").as_deref(), plain, "{written}");
            assert_eq!(id_not_zero(&value, "id").as_deref(), not_zero, "{written}");
        }
        check("820982911946154509", Some("820982911946154509"), Some("820982911946154509"));
        check(
            "123456789012345678901234567890",
            Some("123456789012345678901234567890"),
            Some("123456789012345678901234567890"),
        );
        check("\"abc-9\"", Some("abc-9"), Some("abc-9"));
        check("0", Some("0"), None);
        check("\"0\"", Some("0"), None);
        check("-1", None, None);
        check("8.2e17", None, None);
        check("1.5", None, None);
        check("\"\"", None, None);
        check("null", None, None);
        check("{}", None, None);
    }

    #[test]
    fn small_values() {
        let value = json!({
            "yes": "YES", "one": 1, "no": false, "maybe": "perhaps", "list": [1], "object": {},
            "de": " de ", "deu": "DEU", "ca": "on", "half": 2.5, "minus": -1, "many": "99999999999",
            "url": "https://shop.example/a b", "link": "https://shop.example/a?b", "script": "javascript:alert(1)",
            "xxx": "XXX", "eur": "eur",
        });
        assert_eq!(
            ["yes", "one", "no", "maybe"].map(|key| flag(&value, key)),
            [Some(true), Some(true), Some(false), None]
        );
        assert_eq!((list(&value, "list").len(), list(&value, "object").len()), (1, 0));
        assert_eq!((country(&value, "de"), country(&value, "deu")), (Some("DE".into()), None));
        assert_eq!(region(&value, "ca").as_deref(), Some("ON"));
        assert_eq!(
            ["half", "minus", "many", "one"].map(|key| quantity(&value, key)),
            [Some(3), None, Some(u32::MAX), Some(1)]
        );
        assert_eq!(["url", "link", "script"].map(|key| url(&value, key).is_some()), [false, true, false]);
        assert_eq!(
            (currency(&value, "xxx"), currency(&value, "eur").map(|c| c.code().to_owned())),
            (None, Some("EUR".into()))
        );
    }

    #[test]
    fn money_is_read_as_written() {
        let euro = Currency::parse("EUR").unwrap();
        let value: Value = serde_json::from_str(r#"{"a": 89.99, "b": "89.99", "c": null, "d": 0.1}"#).unwrap();
        assert_eq!(
            ["a", "b", "c", "d"].map(|key| money(&value, key, euro).map(|m| m.minor)),
            [Some(8_999), Some(8_999), None, Some(10)]
        );
    }

    #[test]
    fn query_parameters_of_relative_pages() {
        assert_eq!(query_values("/cart?a=1&cartback=x%2Dy&cartback=#cartback=z", "cartback"), ["x-y"]);
        assert_eq!(query_values("/cart", "cartback"), Vec::<String>::new());
    }

    #[test]
    fn entries_alone_are_those_of_the_whole() {
        for body in [
            r#"{"type":"a","data":{"type":"b","deep":[{"type":["c"]}]},"id":7,"ty\u0070e":"last"}"#,
            "\u{feff} {\"id\": null, \"other\": \"\\u00e9\"} ",
            r#"{"data":{"event":"x"},"type":{"a":1}}"#,
            "{}",
            "[]",
            "7",
            "",
            r#"{"type":"a"} {"type":"b"}"#,
            r#"{"type":"a","cut":"#,
        ] {
            let delivery = delivery(body.as_bytes());
            let (whole, alone) = (object(&delivery).unwrap_or_default(), only(&delivery, &["type", "id"]));
            assert_eq!(whole.is_object(), alone.is_object(), "{body}");
            for key in ["type", "id"] {
                assert_eq!(at(&alone, key), at(&whole, key), "{body}");
            }
            assert_eq!(at(&alone, "data"), &Value::Null);
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200), path in "[a-c.]{0,8}") {
            let _ = only(&delivery(&body), &["a", "b"]);
            if let Ok(value) = object(&delivery(&body)) {
                let _ = (text(&value, &path), id(&value, &path), quantity(&value, &path), flag(&value, &path));
            }
        }
    }
}

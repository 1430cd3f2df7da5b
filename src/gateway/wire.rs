//! What gateways have in common on the wire: reading callbacks that come as queries, numbers that lost their `+`,
//! addresses a person typed. It decides nothing about any one provider.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::{
    domain::{
        connector::{Delivery, Settings},
        message::SendOutcome,
        phone::Phone,
    },
    http::Response,
};

/// A `Retry-After` beyond this is not believed.
const RETRY_AFTER_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Reasons in a callback or an answer are cut to this many characters before anyone sees them.
const CODE_CHARS_MAX: usize = 40;

/// Decoded fields of a callback; of a name given twice the first counts.
#[derive(Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Fields {
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            fields.entry(name).or_insert(value);
        }
        Fields(fields)
    }

    /// The string fields of a JSON object; numbers as they were written.
    pub fn of_json(body: &[u8]) -> Option<Fields> {
        let serde_json::Value::Object(object) = serde_json::from_slice(body).ok()? else { return None };
        Some(Fields::new(object.into_iter().filter_map(|(name, value)| Some((name, scalar(&value)?)))))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value, also when it is empty.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).map(str::trim).filter(|value| !value.is_empty())
    }
}

/// A JSON string or number as text; anything else is none.
pub fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A fingerprint of everything a delivery carries, for senders that give their callbacks no id.
pub fn fingerprint(delivery: &Delivery) -> String {
    let mut hash = Sha256::new();
    hash.update(delivery.query());
    hash.update([0]);
    hash.update(&delivery.body);
    HEXLOWER.encode(&hash.finalize())
}

/// Gives an international number its `+` back: an unescaped one decodes to a space, and some centres write `00` or
/// nothing. Short codes, names and national numbers stay as they are.
pub fn with_plus(number: &str) -> String {
    let number = number.trim();
    let digits = number.strip_prefix("00").unwrap_or(number);
    let international = (8..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if international { format!("+{digits}") } else { number.to_owned() }
}

/// The one of the senders a person typed, `a, b`, that texts this phone: always the same for one phone, and when the list
/// grows or shrinks few phones change theirs (rendezvous hashing). "" when there is none.
pub fn sender<'s>(settings: &'s Settings, to: &Phone) -> &'s str {
    let weight = |sender: &&str| Sha256::digest(format!("{sender}\0{}", to.e164()));
    settings.list("sender").max_by_key(weight).unwrap_or_default()
}

/// Checks a list of senders with the check of one.
pub fn check_senders(list: &str, one: fn(&str) -> Result<(), &'static str>) -> Result<(), &'static str> {
    list.split([',', '\n']).map(str::trim).try_for_each(one)
}

/// A provider's code in a form fit to show: one short line.
pub fn short(code: &str) -> String {
    code.chars().filter(|c| !c.is_control()).take(CODE_CHARS_MAX).collect()
}

/// How long the answer asks to wait, in whole seconds, at most a day.
pub fn later(answer: &Response, why: &str) -> SendOutcome {
    let seconds = answer.header("retry-after").and_then(|value| value.trim().parse::<u64>().ok());
    SendOutcome::Later {
        why: why.to_owned(),
        after: seconds.map(|seconds| std::time::Duration::from_secs(seconds.min(RETRY_AFTER_SECONDS_MAX))),
    }
}

/// Checks an address a person typed; ends the phrase "must ".
pub fn check_address(text: &str) -> Result<(), &'static str> {
    const WANTED: &str = "be an http:// or https:// address without a user, a password, a ? or a #";
    let url = url::Url::parse(text).map_err(|_| WANTED)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(()) } else { Err(WANTED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_plus_comes_back_on_international_numbers_only() {
        #[track_caller]
        fn check(number: &str, read: &str) {
            assert_eq!(with_plus(number), read);
        }
        check(" 12125550101", "+12125550101");
        check("12125550101", "+12125550101");
        check("+12125550101", "+12125550101");
        check("0012125550101", "+12125550101");
        check("02125550101", "02125550101");
        check("38383", "38383");
        check("Corner Shop", "Corner Shop");
        check("1212555010112345", "1212555010112345");
        check("", "");
    }

    #[test]
    fn the_first_of_two_fields_counts() {
        let fields = Fields::new([("a", "1"), ("a", "2"), ("b", " ")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(fields.get("a"), Some("1"));
        assert_eq!(fields.get("b"), None);
        assert!(fields.has("b"));
    }

    #[test]
    fn addresses() {
        for good in ["http://127.0.0.1:13013/cgi-bin/sendsms", "https://sms.example.com"] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for bad in ["", "sms.example.com", "ftp://a/", "http://", "http://me:you@a/", "http://a/?x=1", "http://a/#x"] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}

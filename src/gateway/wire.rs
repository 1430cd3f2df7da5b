//! What gateways have in common on the wire: reading callbacks that come as queries or JSON, numbers that lost their `+`,
//! senders and addresses a person typed, what a bare status means. It decides nothing about any one provider.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Redacted;
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Settings, Unreadable},
        message::{Cost, MessageRef, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
        money::{Currency, decimal},
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

/// What an answer to a look-up says; nothing when it is a refusal, or cut off.
pub fn json(answer: &Response) -> Option<serde_json::Value> {
    if answer.is_success() { serde_json::from_slice(&answer.body).ok() } else { None }
}

/// A field of a JSON object, string or number, unless it is empty.
pub fn text(object: &serde_json::Value, name: &str) -> Option<String> {
    let text = scalar(object.get(name)?)?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A field of a JSON object that is a number, however it is written.
pub fn number<N: std::str::FromStr>(object: &serde_json::Value, name: &str) -> Option<N> {
    text(object, name)?.parse().ok()
}

/// How many parts a text had; nobody sends none.
pub fn parts(count: &str) -> Option<u32> {
    count.trim().parse().ok().filter(|&count| count > 0)
}

/// What was taken from the account: some providers write that below zero. A price of zero is a price.
pub fn cost(amount: &str, currency: &str) -> Option<Cost> {
    Some(Cost { micros: decimal(amount, 6).ok()?.saturating_abs(), currency: Currency::parse(currency).ok()? })
}

/// What is left on an account; below zero where it owes.
pub fn left(amount: &str, currency: &str) -> Option<Cost> {
    Some(Cost { micros: decimal(amount, 6).ok()?, currency: Currency::parse(currency).ok()? })
}

/// A reference that a provider told us, where it can stand in the path of an address and lead nowhere else.
pub fn in_path(reference: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    Some(reference).filter(|it| !it.is_empty() && it.bytes().all(plain))
}

/// What a status says of a text that was to be deleted: what is not there is forgotten.
pub fn redacted(answer: &Response) -> Redacted {
    match answer.status {
        204 | 404 => Redacted::Done,
        400..=499 if !matches!(answer.status, 408 | 409 | 429) => Redacted::Refused,
        _ => Redacted::Later,
    }
}

/// Our reference, where the address that a text carried has it.
pub fn reference(delivery: &Delivery) -> Option<MessageRef> {
    Fields::new(delivery.query_pairs()).get("ref")?.parse().ok()
}

/// A receipt that tells nothing yet but which text it is about.
pub fn about(reference: Option<MessageRef>, gateway_ref: Option<&str>) -> Result<Receipt, Unreadable> {
    if reference.is_none() && gateway_ref.is_none() {
        return Err(Unreadable::new("a receipt that names no message"));
    }
    Ok(Receipt {
        reference,
        gateway_ref: gateway_ref.map(short),
        status: ReceiptStatus::Unknown,
        code: None,
        class: None,
        cost: None,
        segments: None,
    })
}

/// A text that a person sent, where the provider answers nobody by itself. One without an id is known by all it carries.
pub fn reply(
    delivery: &Delivery,
    from: Option<&str>,
    to: Option<&str>,
    text: Option<&str>,
    id: Option<&str>,
) -> Result<Reply, Unreadable> {
    Ok(Reply {
        from: with_plus(from.ok_or_else(|| Unreadable::new("a text from nobody"))?),
        to: with_plus(to.unwrap_or_default()),
        text: text.unwrap_or_default().to_owned(),
        gateway_ref: id.map_or_else(|| fingerprint(delivery), str::to_owned),
        answered: false,
    })
}

/// A delivery to keep: it is known by the provider's id of the text and the state it tells of, or what it is.
pub fn kept(delivery: &Delivery, topic: &str, id: Option<&str>, state: Option<&str>) -> Accepted {
    let key = match id {
        Some(id) => format!("{}:{}", short(id), short(state.unwrap_or(topic))),
        None => fingerprint(delivery),
    };
    Accepted::Keep { topic: topic.to_owned(), key }
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
    settings.list(SENDER.key).max_by_key(weight).unwrap_or_default()
}

/// The check of one sender as most providers take it: 3 to 15 digits with or without a `+`, or a name of up to 11
/// characters that holds a letter.
pub fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits = bare(text);
    let number = (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_&.".contains(&byte));
    if number || name { Ok(()) } else { Err("be a number, a short code, or a name of up to 11 letters and digits") }
}

/// The setting for senders; its help is the provider's own.
pub const SENDER: Field = Field {
    key: "sender",
    label: "Sender",
    required: true,
    check: |list| check_senders(list, check_sender),
    ..Field::TEXT
};

/// Checks a list of senders with the check of one.
pub fn check_senders(list: &str, one: fn(&str) -> Result<(), &'static str>) -> Result<(), &'static str> {
    list.split([',', '\n']).map(str::trim).try_for_each(one)
}

/// An international number without its `+`, as many providers write it; names stay as they are.
pub fn bare(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
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

/// What the status of an answer says; `taken` reads a 2xx, `refused` any other 4xx. After a 408 or a 5xx nobody knows how
/// far the text had come; a 429 did not leave.
pub fn judge(
    answer: &Response,
    taken: impl FnOnce(&Response) -> SendOutcome,
    refused: impl FnOnce(&Response) -> SendOutcome,
) -> SendOutcome {
    match answer.status {
        200..=299 => taken(answer),
        429 => later(answer, "too many requests"),
        400..=499 if answer.status != 408 => refused(answer),
        status => unknown(&format!("HTTP {status}")),
    }
}

pub fn unknown(why: &str) -> SendOutcome {
    SendOutcome::Unknown { why: why.to_owned() }
}

/// A 2xx by which nobody could find the text again.
pub fn names_nothing() -> SendOutcome {
    unknown("an answer that names no message")
}

/// A refusal that says no more than its status.
pub fn refused(answer: &Response) -> SendOutcome {
    SendOutcome::Refused { class: class(answer.status), code: format!("HTTP {}", answer.status) }
}

/// What a 4xx without a code of its own is about: credentials, credit, rights and addresses are the account's.
pub fn class(status: u16) -> RefusalClass {
    if (401..=404).contains(&status) { RefusalClass::Account } else { RefusalClass::Other }
}

/// The setting for another address than the provider's; its default is the provider's.
pub const API_ADDRESS: Field = Field {
    key: "api_base",
    label: "API address",
    help: "only to send through a proxy or a stand-in",
    check: check_address,
    ..Field::TEXT
};

/// Where the API is: the provider's `own` address, or the one that stands in for it.
pub fn api<'s>(settings: &'s Settings, own: &'s str) -> &'s str {
    settings.given(API_ADDRESS.key).unwrap_or(own).trim_end_matches('/')
}

/// Only a stand-in may live in a private network.
pub fn stands_in(settings: &Settings, own: &str) -> bool {
    api(settings, own) != own
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

    fn senders(list: &str) -> Settings {
        Settings::restored([("sender".to_owned(), list.to_owned())].into())
    }

    #[test]
    fn a_person_always_hears_from_the_same_sender() {
        let phones: Vec<_> = (0..1000).map(|number| Phone::restored(format!("+1212555{number:04}"))).collect();
        let chosen = |list: &str| -> Vec<String> {
            let settings = senders(list);
            phones.iter().map(|phone| sender(&settings, phone).to_owned()).collect()
        };
        let three = chosen("+1, +2, +3");
        assert_eq!(three, chosen("+3,+1,\n+2"), "the order in which they were typed counts");
        for one in ["+1", "+2", "+3"] {
            let share = three.iter().filter(|chosen| *chosen == one).count();
            assert!((270..400).contains(&share), "{one} texts {share} of 1000");
        }
        // Who leaves takes nobody else along, and who comes takes only their own share.
        let two = chosen("+1, +2");
        assert!(three.iter().zip(&two).all(|(before, after)| before == after || before == "+3"));
        let four = chosen("+1, +2, +3, +4");
        assert!(three.iter().zip(&four).all(|(before, after)| before == after || after == "+4"));
        assert_eq!(sender(&senders(""), &phones[0]), "");
    }

    #[test]
    fn senders_as_people_type_them() {
        for good in ["+12125550100", "12125550100", "383", "Corner Shop", "A", "Shop & Co"] {
            assert_eq!(check_sender(good), Ok(()), "{good}");
        }
        for bad in ["", "12", "+1", "++12125550100", "1212555010012345", "A name too long", "Café", " "] {
            assert!(check_sender(bad).is_err(), "{bad}");
        }
        assert_eq!((SENDER.check)("+12125550100, Corner Shop"), Ok(()));
        assert!((SENDER.check)("+12125550100,").is_err());
    }

    #[test]
    fn a_status_says_what_it_can() {
        #[track_caller]
        fn check(status: u16, expected: SendOutcome) {
            let answer = Response { status, headers: vec![], body: vec![] };
            assert_eq!(judge(&answer, |_| unknown("taken"), refused), expected, "{status}");
        }
        let refusal = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
        check(200, unknown("taken"));
        check(299, unknown("taken"));
        check(302, unknown("HTTP 302"));
        check(400, refusal(RefusalClass::Other, "HTTP 400"));
        check(401, refusal(RefusalClass::Account, "HTTP 401"));
        check(404, refusal(RefusalClass::Account, "HTTP 404"));
        check(405, refusal(RefusalClass::Other, "HTTP 405"));
        check(408, unknown("HTTP 408"));
        check(429, SendOutcome::Later { why: "too many requests".into(), after: None });
        check(500, unknown("HTTP 500"));
    }

    #[test]
    fn only_another_address_than_the_providers_stands_in_for_it() {
        let at = |address: &str| Settings::restored([("api_base".to_owned(), address.to_owned())].into());
        const OWN: &str = "https://api.example.com";
        for own in ["", OWN, "https://api.example.com/"] {
            assert_eq!((api(&at(own), OWN), stands_in(&at(own), OWN)), (OWN, false), "{own}");
        }
        assert_eq!(api(&at("http://127.0.0.1:9/x/"), OWN), "http://127.0.0.1:9/x");
        assert!(stands_in(&at("https://api.example.com.example.net"), OWN));
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

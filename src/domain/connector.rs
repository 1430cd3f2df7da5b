//! What every connector declares about itself (`Spec`), the settings a person gave it, and a `Delivery`: one raw inbound
//! request. From the `Spec` come the form, its validation, the help, secret scrubbing and the contract tests.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::time::Time;

/// A connector's description of itself. Everything is shown to people as it stands here.
#[derive(Debug)]
pub struct Spec {
    /// The kind, as typed in `cartback shop add <kind>`: lower case, no spaces, never renamed.
    pub kind: &'static str,
    pub name: &'static str,
    pub fields: &'static [Field],
    /// Steps to connect, one per line, where `{url}` stands for the webhook URL to paste.
    pub connect: &'static [&'static str],
    /// What it sends us, in the order in which it is set up there; none where that is nobody's to choose.
    pub topics: &'static [Topic],
    /// What it cannot do, or does differently from what one would expect, a sentence each.
    pub limits: &'static [&'static str],
}

/// One kind of message that the other side sends.
#[derive(Debug)]
pub struct Topic {
    /// As deliveries name it: `checkouts/create`.
    pub name: &'static str,
    /// As the other side's own pages call it, to be chosen there: `Checkout creation`.
    pub label: &'static str,
    /// What it tells of: `carts`.
    pub purpose: &'static str,
    /// Without it carts are not seen, or what was bought is not.
    pub needed: bool,
}

/// One setting of a connector.
#[derive(Debug)]
pub struct Field {
    pub key: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    /// Never shown again, never logged.
    pub secret: bool,
    pub required: bool,
    /// A secret that we may choose as well as anybody: both sides only need the same one, as Standard Webhooks writes it.
    pub drawn: bool,
    pub default: Option<&'static str>,
    /// Says what is wrong with a value, in a sentence that ends the phrase "… must ".
    pub check: fn(&str) -> Result<(), &'static str>,
}

impl Field {
    /// An optional, visible text field; the rest by struct update.
    pub const TEXT: Field = Field {
        key: "",
        label: "",
        help: "",
        secret: false,
        required: false,
        drawn: false,
        default: None,
        check: |_| Ok(()),
    };
}

impl Spec {
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// Settings from what a person typed, with every problem at once: unknown keys, missing ones, wrong values.
    pub fn settings(&self, given: BTreeMap<String, String>) -> Result<Settings, Vec<String>> {
        self.checked(given, true)
    }

    /// The same while a connection is being set up: the other side tells its secrets only when it was given our address,
    /// so they may follow.
    pub fn settings_so_far(&self, given: BTreeMap<String, String>) -> Result<Settings, Vec<String>> {
        self.checked(given, false)
    }

    /// The labels of what is required and not there yet.
    pub fn missing(&self, settings: &Settings) -> Vec<&'static str> {
        let open = self.fields.iter().filter(|field| field.required && settings.given(field.key).is_none());
        open.map(|field| field.label).collect()
    }

    fn checked(&self, given: BTreeMap<String, String>, whole: bool) -> Result<Settings, Vec<String>> {
        let mut problems: Vec<String> = given
            .keys()
            .filter(|key| self.field(key).is_none())
            .map(|key| {
                let known: Vec<_> = self.fields.iter().map(|field| field.key).collect();
                format!("{key}: {} has no such setting; it has {}", self.kind, known.join(", "))
            })
            .collect();
        let mut values = BTreeMap::new();
        for field in self.fields {
            let value = given.get(field.key).map(|value| value.trim()).filter(|value| !value.is_empty());
            match value.or(field.default) {
                Some(value) => match (field.check)(value) {
                    Ok(()) => {
                        values.insert(field.key.to_owned(), value.to_owned());
                    }
                    Err(problem) => problems.push(format!("{}: must {problem}", field.key)),
                },
                None if field.required && (whole || !field.secret) => {
                    problems.push(format!("{}: is required ({})", field.key, field.help))
                }
                None => {}
            }
        }
        if problems.is_empty() { Ok(Settings(values)) } else { Err(problems) }
    }
}

/// The settings of one connection: a single document, encrypted at rest. `Debug` shows keys only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Settings that passed `Spec::settings` before, read back from the store.
    pub fn restored(values: BTreeMap<String, String>) -> Settings {
        Settings(values)
    }

    /// The value, or "" when it was not given.
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub fn given(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same with one more, or another, value.
    pub fn with(&self, key: &str, value: impl Into<String>) -> Settings {
        let mut values = self.0.clone();
        values.insert(key.to_owned(), value.into());
        Settings(values)
    }

    /// A list typed as `a, b` or one a line: two active secrets while one is being replaced.
    pub fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        self.get(key).split([',', '\n']).map(str::trim).filter(|part| !part.is_empty())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

/// One raw inbound request, kept before it is understood.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Upper case.
    pub method: String,
    /// The URL as the sender called it: our public address, path and query. Some signatures cover it.
    pub url: String,
    /// Names in lower case, in the order received; values that are not UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
    pub received_at: Time,
}

impl Delivery {
    /// The one header of this name (lower case). A header sent twice is no header: two readers would differ on it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    pub fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }

    /// Decoded pairs of the query string.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query().as_bytes()).into_owned().collect()
    }

    /// Decoded pairs of a form body.
    pub fn form_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// Headers and body hold secrets and personal data: `Debug` shows neither.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} with {} bytes)", self.method, self.body.len())
    }
}

/// A delivery whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Keep it: `topic` in the sender's words, `key` the sender's own delivery id ("" when it has none).
    Keep { topic: String, key: String },
    /// A greeting that must be answered 200 and means nothing.
    Ping,
    /// A step of being connected: answered at once, and not kept.
    Greeting(Box<Greeting>),
}

/// What a platform is answered while it connects, and what is learnt from it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Greeting {
    pub content_type: &'static str,
    pub body: String,
    /// Settings of the connector that the platform handed over, checked like typed ones and kept before it is answered.
    pub learnt: BTreeMap<String, String>,
    /// An address to be called by GET before it is answered: only one of the platform's own.
    pub call: Option<String>,
}

/// What is learnt are secrets: `Debug` shows their names.
impl fmt::Debug for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let learnt: Vec<_> = self.learnt.keys().collect();
        f.debug_struct("Greeting").field("bytes", &self.body.len()).field("learnt", &learnt).finish_non_exhaustive()
    }
}

/// Why a delivery is answered 401. Shown to the operator, never to the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no signature was sent")]
    Unsigned,
    #[error("the signature does not match: is the signing key the shop's?")]
    WrongSignature,
    #[error("signed {0} s away from our clock: one of the two is wrong, or this is a replay")]
    WrongTime(i64),
    #[error("no signing key is set, so nothing can be verified")]
    NoKey,
}

/// Why a kept delivery could not be turned into events. The bytes stay and can be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Unreadable {
    pub fn new(why: impl Into<String>) -> Unreadable {
        Unreadable(why.into())
    }
}

//! The token that Wix posts, and the event in it. Decides whether one of the keys signed it; `opened` reads one that was
//! verified before it was kept.

use serde_json::Value;

use super::{json, key};
use crate::domain::{
    connector::{Refusal, Unreadable},
    time::Time,
};

/// No name of an event is longer; PostgreSQL need not keep more of a stranger's.
const TOPIC_CHARS_MAX: usize = 100;
const EVENT_ID_CHARS_MAX: usize = 100;

pub(super) struct Event {
    /// `wix.ecom.v1.order_created`, `AppRemoved`.
    kind: String,
    /// The app's instance on one site.
    pub(super) instance: Option<String>,
    /// Of a thing that changed: `entityFqdn`, `slug`, `entityId`, and the thing itself.
    pub(super) data: Value,
    pub(super) signed_at: Option<Time>,
}

impl Event {
    /// The thing's full name and what happened to it, as Wix joins them; documented for every event that has them, while
    /// `eventType` is not.
    pub(super) fn topic(&self) -> String {
        let part = |key| json::whole(&self.data, key, TOPIC_CHARS_MAX / 2);
        match (part("entityFqdn"), part("slug")) {
            (Some(thing), Some(slug)) => format!("{thing}_{slug}"),
            _ if self.kind.is_empty() => "other".to_owned(),
            _ => self.kind.clone(),
        }
    }

    pub(super) fn id(&self) -> Option<String> {
        json::whole(&self.data, "id", EVENT_ID_CHARS_MAX)
    }
}

pub(super) fn verified(keys: &[Vec<u8>], body: &[u8]) -> Result<Event, Refusal> {
    let token = Token::of(body).ok_or(Refusal::Unsigned)?;
    let head = token.part(token.head).ok_or(Refusal::WrongSignature)?;
    // The key says how it signs; a token must not choose.
    if json::at(&head, "alg").as_str() != Some("RS256") {
        return Err(Refusal::WrongSignature);
    }
    if token.signature.is_empty() {
        return Err(Refusal::Unsigned);
    }
    let signature = key::base64url(token.signature).ok_or(Refusal::WrongSignature)?;
    if !keys.iter().any(|key| key::made(key, token.signed.as_bytes(), &signature)) {
        return Err(Refusal::WrongSignature);
    }
    token.part(token.claims).map(|claims| event(&claims)).ok_or(Refusal::WrongSignature)
}

pub(super) fn opened(body: &[u8]) -> Result<Event, Unreadable> {
    let claims = Token::of(body).and_then(|token| token.part(token.claims));
    claims.map(|claims| event(&claims)).ok_or_else(|| Unreadable::new("the body is not a JSON Web Token"))
}

/// The three parts of a token, in base64 for addresses.
struct Token<'a> {
    signed: &'a str,
    head: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl Token<'_> {
    fn of(body: &[u8]) -> Option<Token<'_>> {
        let text = std::str::from_utf8(body).ok()?.trim();
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let whole = !head.is_empty() && !claims.is_empty() && !claims.contains('.');
        whole.then_some(Token { signed, head, claims, signature })
    }

    fn part(&self, part: &str) -> Option<Value> {
        let value: Value = serde_json::from_slice(&key::base64url(part)?).ok()?;
        value.is_object().then_some(value)
    }
}

fn event(claims: &Value) -> Event {
    let outer = nested(claims, "data");
    Event {
        kind: json::whole(&outer, "eventType", TOPIC_CHARS_MAX).unwrap_or_default(),
        instance: json::id(&outer, "instanceId"),
        data: nested(&outer, "data"),
        signed_at: json::id(claims, "iat").and_then(|text| text.parse().ok()).map(Time::from_seconds),
    }
}

/// An object, or one written into a text; null for anything else.
pub(super) fn nested(value: &Value, path: &str) -> Value {
    match json::at(value, path) {
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_default(),
        object @ Value::Object(_) => object.clone(),
        _ => Value::Null,
    }
}

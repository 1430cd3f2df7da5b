//! Vonage's signature on callbacks (docs, "Signing messages"; Python SDK `auth.py`): hex(HMAC(secret, `&name=value` of
//! every field but `sig`, sorted by name)), where `&` and `=` inside a value are written `_`.
//!
//! The signature does not say which hash made it: its length does. The time of signing is one of the fields.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::Hmac;
use serde_json::Value;
use sha2::{Sha256, Sha512};

use super::{signed, wire};
use crate::domain::connector::{Delivery, Refusal};

const SIGNATURE: &str = "sig";
const TIMESTAMP: &str = "timestamp";

/// The one field of a called-back GET that we put there ourselves.
const OUR_REFERENCE: &str = "ref";

/// Where a callback carries its fields, which is where its signature covers them: the query of a GET, the body of a POST.
/// `None` for a body that is no JSON object though it says so.
pub fn pairs(delivery: &Delivery) -> Option<Vec<(String, String)>> {
    let json = delivery
        .header("content-type")
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/json"));
    if delivery.method == "GET" {
        Some(delivery.query_pairs())
    } else if json {
        let Value::Object(object) = serde_json::from_slice(&delivery.body).ok()? else { return None };
        Some(object.into_iter().filter_map(|(name, value)| Some((name, text(&value)?))).collect())
    } else {
        Some(delivery.form_pairs())
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        value => wire::scalar(value),
    }
}

/// Holds when any of the secrets made the signature, or when there is no secret to make one.
pub fn verify<'a>(secrets: impl Iterator<Item = &'a str>, delivery: &Delivery) -> Result<(), Refusal> {
    let secrets: Vec<&str> = secrets.collect();
    if secrets.is_empty() {
        return Ok(());
    }
    let pairs = pairs(delivery).ok_or(Refusal::Unsigned)?;
    let count = pairs.len();
    let mut fields: BTreeMap<String, String> = pairs.into_iter().collect();
    let sent = fields.remove(SIGNATURE).ok_or(Refusal::Unsigned)?;
    // Two readers would differ on a field that is there twice, and on where a name that looks like two fields ends.
    if fields.len() + 1 != count || fields.keys().any(|name| name.contains(['&', '='])) {
        return Err(Refusal::WrongSignature);
    }
    let sent = HEXLOWER_PERMISSIVE.decode(sent.trim().as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let whole = written(&fields);
    // Whether Vonage counts the query of the address it calls among the fields is not told, so both count.
    let ours = if delivery.method == "GET" { fields.remove(OUR_REFERENCE) } else { None };
    let spellings = [Some(whole), ours.map(|_| written(&fields))];
    let holds = spellings.iter().flatten().any(|text| secrets.iter().any(|secret| made_by(secret, text, &sent)));
    if !holds {
        return Err(Refusal::WrongSignature);
    }
    let signed_at = fields.get(TIMESTAMP).and_then(|time| time.trim().parse::<i64>().ok());
    signed::in_time(delivery, signed_at)
}

fn written(fields: &BTreeMap<String, String>) -> String {
    fields.iter().map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_"))).collect()
}

fn made_by(secret: &str, text: &str, sent: &[u8]) -> bool {
    match sent.len() {
        32 => signed::made_by::<Hmac<Sha256>>(secret, &[text.as_bytes()], sent),
        64 => signed::made_by::<Hmac<Sha512>>(secret, &[text.as_bytes()], sent),
        _ => false,
    }
}

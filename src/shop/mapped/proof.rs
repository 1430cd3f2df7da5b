//! How a mapped webhook is signed. Decides only whether a delivery is from whoever holds the secret; never looks inside
//! its body.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::standard_webhooks;
use crate::domain::{
    connector::{Delivery, Refusal, Settings},
    time::Time,
};

/// A shorter secret could be guessed.
const SECRET_CHARS_MIN: usize = 16;
const SECRET_CHARS_MAX: usize = 500;

/// What proves who sent a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shop) enum Proof<'a> {
    /// Nothing but that the secret address is known.
    Path,
    /// This header holds the secret, alone or after `Bearer`.
    Header(&'a str),
    /// This header holds an HMAC-SHA256.
    Hmac { header: &'a str, encoding: Encoding, stamp: Option<Stamp<'a>> },
    /// <https://www.standardwebhooks.com>
    Standard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shop) enum Encoding {
    /// In lower case, with or without `sha256=` before it.
    Hex,
    Base64,
}

/// A header with Unix milliseconds that is signed before the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shop) struct Stamp<'a> {
    pub header: &'a str,
    /// How far from our clock it may be, in seconds.
    pub early_most: i64,
    pub late_most: i64,
}

/// For `Field::check`: secrets with commas between them.
pub(in crate::shop) fn check_secrets(value: &str) -> Result<(), &'static str> {
    let mut secrets = value.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).peekable();
    let long = |secret: &str| (SECRET_CHARS_MIN..=SECRET_CHARS_MAX).contains(&secret.chars().count());
    if secrets.peek().is_some() && secrets.all(long) {
        Ok(())
    } else {
        Err("have at least 16 characters; two secrets have a comma between them")
    }
}

impl Proof<'_> {
    /// The delivery's own id where the proof covers one, else "". Every secret of the setting is tried.
    pub(in crate::shop) fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<String, Refusal> {
        let secrets: Vec<&str> = settings.list("secret").collect();
        if *self == Proof::Path {
            return Ok(String::new());
        }
        if secrets.is_empty() {
            return Err(Refusal::NoKey);
        }
        match *self {
            Proof::Path => {}
            Proof::Standard => return standard_webhooks::verify(secrets, delivery),
            Proof::Header(name) => {
                let sent = sent(delivery, name)?;
                let sent = Sha256::digest(sent.strip_prefix("Bearer ").unwrap_or(sent));
                let holds = |secret: &&str| bool::from(sent.as_slice().ct_eq(Sha256::digest(secret).as_slice()));
                if !secrets.iter().any(holds) {
                    return Err(Refusal::WrongSignature);
                }
            }
            Proof::Hmac { header, encoding, stamp } => {
                let tag = encoding.decode(sent(delivery, header)?).ok_or(Refusal::WrongSignature)?;
                let stamped = stamp.map(|stamp| sent(delivery, stamp.header)).transpose()?.unwrap_or_default();
                let holds = |secret: &&str| {
                    mac(secret, stamped, &delivery.body).is_some_and(|mac| mac.verify_slice(&tag).is_ok())
                };
                if !secrets.iter().any(holds) {
                    return Err(Refusal::WrongSignature);
                }
                if let Some(stamp) = stamp {
                    stamp.check(stamped, delivery.received_at)?;
                }
            }
        }
        Ok(String::new())
    }

    /// The headers of a body that whoever holds the first secret sends.
    pub(in crate::shop) fn sign(&self, settings: &Settings, id: &str, body: &[u8], at: Time) -> Vec<(String, String)> {
        let secret = settings.list("secret").next().unwrap_or_default();
        let headers = match *self {
            Proof::Path => Vec::new(),
            Proof::Header(name) => vec![(name, secret.to_owned())],
            Proof::Hmac { header, encoding, stamp } => {
                let stamped = stamp.map(|_| at.millis().to_string()).unwrap_or_default();
                let tag = mac(secret, &stamped, body).map(|mac| mac.finalize().into_bytes().to_vec());
                let signature = (header, encoding.encode(&tag.unwrap_or_default()));
                stamp.map(|stamp| (stamp.header, stamped)).into_iter().chain([signature]).collect()
            }
            Proof::Standard => vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", at.seconds().to_string()),
                ("webhook-signature", standard_webhooks::sign(secret, id, at.seconds(), body)),
            ],
        };
        headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
    }
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Hex => HEXLOWER.decode(text.strip_prefix("sha256=").unwrap_or(text).as_bytes()).ok(),
            Encoding::Base64 => BASE64.decode(text.as_bytes()).ok(),
        }
    }

    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Encoding::Hex => HEXLOWER.encode(bytes),
            Encoding::Base64 => BASE64.encode(bytes),
        }
    }
}

impl Stamp<'_> {
    fn check(&self, stamped: &str, now: Time) -> Result<(), Refusal> {
        let digits = stamped.bytes().all(|byte| byte.is_ascii_digit());
        let millis = stamped.parse::<i64>().ok().filter(|_| digits).ok_or(Refusal::WrongSignature)?;
        let away = now.seconds().saturating_sub(millis / 1000);
        if away < self.early_most.saturating_neg() || away > self.late_most {
            Err(Refusal::WrongTime(away))
        } else {
            Ok(())
        }
    }
}

fn sent<'d>(delivery: &'d Delivery, name: &str) -> Result<&'d str, Refusal> {
    delivery.header(&name.to_ascii_lowercase()).filter(|value| !value.is_empty()).ok_or(Refusal::Unsigned)
}

fn mac(secret: &str, stamped: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    Some(Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?.chain_update(stamped.as_bytes()).chain_update(body))
}

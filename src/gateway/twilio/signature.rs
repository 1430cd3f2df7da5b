//! Twilio's signature on callbacks (docs, "Webhooks security" and "Sign webhooks with shared keys"; the rules the
//! documents leave out are those of Twilio's own validator, Python SDK 9.13.0).
//!
//! base64(HMAC(token, URL ‖ every name ‖ value of the form, sorted, each pair once)). A JSON body is not part of that;
//! its SHA-256 stands in the URL as `bodySHA256`. The hash is SHA-1 unless the settings header names SHA-256. There is
//! no time in it: a replay is caught by its key.

use std::collections::BTreeSet;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::super::signed::made_by;
use crate::domain::connector::{Delivery, Refusal};

const SIGNATURE: &str = "x-twilio-signature";
const SIGNATURE_SETTINGS: &str = "x-twilio-webhooks-signature-settings";
const BODY_HASH: &str = "bodySHA256";

/// Where a callback carries its fields, which is where the signature covers them. Reading them anywhere else would
/// believe what nobody signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Form,
    Query,
    Json,
}

pub fn carrier(delivery: &Delivery) -> Carrier {
    let form = delivery
        .header("content-type")
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    if delivery.method == "GET" {
        Carrier::Query
    } else if !form && body_hash(delivery).is_some() {
        Carrier::Json
    } else {
        Carrier::Form
    }
}

/// Holds when any of the tokens made the signature.
pub fn verify<'a>(tokens: impl Iterator<Item = &'a str>, delivery: &Delivery) -> Result<(), Refusal> {
    let tokens: Vec<&str> = tokens.collect();
    if tokens.is_empty() {
        return Err(Refusal::NoKey);
    }
    let sent = delivery.header(SIGNATURE).ok_or(Refusal::Unsigned)?;
    let sent = BASE64.decode(sent.trim().as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let pairs = match carrier(delivery) {
        Carrier::Form => delivery.form_pairs(),
        Carrier::Query => Vec::new(),
        Carrier::Json if body_hash(delivery) == Some(Sha256::digest(&delivery.body).to_vec()) => Vec::new(),
        Carrier::Json => return Err(Refusal::WrongSignature),
    };
    let sorted: BTreeSet<(String, String)> = pairs.into_iter().collect();
    let written: String = sorted.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let algorithm = algorithm(delivery.header(SIGNATURE_SETTINGS).unwrap_or_default());
    // Twilio is not consistent about the port, so both spellings of our address count.
    let holds = spellings(&delivery.url).iter().any(|url| {
        let pieces: [&[u8]; 2] = [url.as_bytes(), written.as_bytes()];
        tokens.iter().any(|token| match algorithm {
            "HMAC_SHA1" => made_by::<Hmac<Sha1>>(token, &pieces, &sent),
            "HMAC_SHA256" => made_by::<Hmac<Sha256>>(token, &pieces, &sent),
            _ => false,
        })
    });
    if holds { Ok(()) } else { Err(Refusal::WrongSignature) }
}

/// From `key=…,algorithm=HMAC_SHA256`.
fn algorithm(settings: &str) -> &str {
    let named = settings.split(',').filter_map(|part| part.split_once('='));
    named
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, value)| *name == "algorithm" && !value.is_empty())
        .map_or("HMAC_SHA1", |(_, value)| value)
}

/// The hash the URL claims for the body; a claim that is no hash never holds.
fn body_hash(delivery: &Delivery) -> Option<Vec<u8>> {
    let (_, value) = delivery.query_pairs().into_iter().find(|(name, _)| name == BODY_HASH)?;
    Some(HEXLOWER_PERMISSIVE.decode(value.as_bytes()).unwrap_or_default())
}

/// The URL without a port and with one, byte for byte otherwise: re-encoding it would break the signature.
fn spellings(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (authority, if scheme == "http" { "80" } else { "443" }),
    };
    vec![format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")]
}

#[cfg(test)]
mod tests;

//! Shopware's signatures: lower-case hex of HMAC-SHA256. Decides only who knows a secret and whether what is signed is
//! fresh; what a registration agrees on is decided in `registration`.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{hosts, json};
use crate::domain::{
    connector::{Delivery, Refusal, Settings},
    time::Time,
};

/// A webhook is sent again for up to five hours (5 s, 30 s, 5 min, 30 min, 4 h), and a queue may stand still for a
/// night.
const OLD_SECONDS: i64 = 24 * 3_600;
/// How far the shop's clock may be ahead of ours; and how old a step of a registration may be.
pub(super) const TOLERANCE_SECONDS: i64 = 300;
/// How long the secret before this one is good for what was under way.
const GRACE_SECONDS: i64 = 300;

/// A shorter key could be guessed.
pub(super) fn check_app_secret(value: &str) -> Result<(), &'static str> {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>&,\"'".contains(&byte));
    if plain && (24..=255).contains(&value.len()) {
        Ok(())
    } else {
        Err("have 24 to 255 letters, digits and signs, without < > & , quotes or spaces")
    }
}

pub(super) fn check_shop_secret(value: &str) -> Result<(), &'static str> {
    if (64..=255).contains(&value.len()) { Ok(()) } else { Err("have 64 to 255 characters, as an app gives it") }
}

pub(super) fn sign(secret: &str, bytes: &[u8]) -> String {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mac| HEXLOWER.encode(&mac.chain_update(bytes).finalize().into_bytes()))
        .unwrap_or_default()
}

/// Whether the one header of this name signs these bytes with this secret.
pub(super) fn check(secret: &str, header: &str, delivery: &Delivery, bytes: &[u8]) -> Result<(), Refusal> {
    if secret.is_empty() {
        return Err(Refusal::NoKey);
    }
    let sent = delivery.header(header).filter(|value| !value.is_empty()).ok_or(Refusal::Unsigned)?;
    let tag = HEXLOWER.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| Refusal::NoKey)?;
    mac.chain_update(bytes).verify_slice(&tag).map_err(|_| Refusal::WrongSignature)
}

/// A moment in Unix seconds, as text or number, is not too far from ours.
pub(super) fn check_time(told: Option<String>, delivery: &Delivery, old: i64) -> Result<(), Refusal> {
    let told = told.and_then(|text| text.parse::<i64>().ok()).ok_or(Refusal::WrongSignature)?;
    let away = delivery.received_at.seconds().saturating_sub(told);
    if (-TOLERANCE_SECONDS..=old).contains(&away) { Ok(()) } else { Err(Refusal::WrongTime(away)) }
}

/// Is this webhook from the shop that registered?
pub(super) fn verify(settings: &Settings, delivery: &Delivery) -> Result<(), Refusal> {
    const HEADER: &str = "shopware-shop-signature";
    let secret = settings.given("shop_secret").ok_or(Refusal::NoKey)?;
    match (check(secret, HEADER, delivery, &delivery.body), before(settings, delivery.received_at)) {
        (Err(Refusal::WrongSignature), Some(before)) => check(before, HEADER, delivery, &delivery.body)?,
        (verdict, _) => verdict?,
    }
    let body = json::object(delivery).unwrap_or_default();
    let leaves = json::text(&body, "data.event").is_some_and(|event| event.starts_with("app"));
    // What tells of the app itself had no time in older versions.
    if !(leaves && json::at(&body, "timestamp").is_null()) {
        check_time(json::text(&body, "timestamp"), delivery, OLD_SECONDS)?;
    }
    // A copy of the shop, for trying things out, has the same secret and another address.
    let id = json::whole(&body, "source.shopId", json::ID_CHARS_MAX);
    let host = json::url(&body, "source.url").and_then(|url| host(&url));
    let known = hosts::read(settings.get("site"));
    let is_ours = settings.given("shop_id").is_none_or(|known| id.as_deref() == Some(known))
        && host.is_none_or(|host| known.contains(&host));
    if is_ours { Ok(()) } else { Err(Refusal::WrongSignature) }
}

pub(super) fn host(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// The secret before this one, while it still is good: `{until, in Unix seconds}:{secret}`.
fn before(settings: &Settings, now: Time) -> Option<&str> {
    let (until, secret) = settings.given("previous_secret")?.split_once(':')?;
    (now.seconds() <= until.parse::<i64>().ok()?).then_some(secret)
}

pub(super) fn kept_a_while(secret: &str, now: Time) -> String {
    format!("{}:{secret}", now.seconds().saturating_add(GRACE_SECONDS))
}

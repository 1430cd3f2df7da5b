//! Approval: the state that travels with an owner to the shop's own pages, where they let us in, and comes back with the
//! keys. It is good for one shop, a quarter of an hour and one use. Nothing is stored for it: it is signed over the
//! settings as they were, so that the keys it brings make it void, as does any other change of them meanwhile.
//!
//! A state is, in base64url without padding: one byte (the version) ‖ the shop as a varint ‖ its end in seconds, 8 bytes ‖
//! 8 random bytes ‖ 64 bits of an HMAC over the settings ‖ the first 128 bits of an HMAC-SHA256 over all of that, keyed by
//! the shop.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{
    connector::Settings,
    seal::{ShopKeys, put_varint, take_varint},
    time::{MINUTE, Time},
};

/// How long an owner may take to say yes.
pub const VALID: Duration = Duration::from_secs(15 * MINUTE.as_secs());

const VERSION: u8 = 1;
const SETTINGS_BYTES: usize = 8;
const MAC_BYTES: usize = 16;
/// Of the largest state there can be.
const CHARS_MAX: usize = 68;

/// Why a state is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("this approval was not asked for here: begin again in Cartback")]
    Foreign,
    #[error("this approval came too late: begin again in Cartback")]
    Expired,
    #[error("this approval was used already, or the shop's settings were changed since: begin again in Cartback")]
    Used,
}

/// A state for this shop with these settings, good until `VALID` from now.
pub fn sign(keys: &ShopKeys, settings: &Settings, now: Time, nonce: [u8; 8]) -> String {
    let mut state = vec![VERSION];
    put_varint(&mut state, keys.shop().get().unsigned_abs());
    state.extend((now + VALID).seconds().to_be_bytes());
    state.extend(nonce);
    state.extend(of_settings(keys, settings));
    let mac = keys.mac(SIGNS, &state);
    state.extend(mac.iter().take(MAC_BYTES));
    BASE64URL_NOPAD.encode(&state)
}

const SIGNS: &str = "approval";

/// Whether this shop signed the state, over these very settings, and not too long ago.
pub fn verify(keys: &ShopKeys, settings: &Settings, now: Time, state: &str) -> Result<(), Refused> {
    if state.len() > CHARS_MAX {
        return Err(Refused::Foreign);
    }
    let bytes = BASE64URL_NOPAD.decode(state.as_bytes()).map_err(|_| Refused::Foreign)?;
    let place = bytes.len().checked_sub(MAC_BYTES).ok_or(Refused::Foreign)?;
    let (signed, mac) = bytes.split_at_checked(place).ok_or(Refused::Foreign)?;
    let matches = keys
        .generations()
        .filter_map(|generation| keys.mac_of(generation, SIGNS, signed))
        .fold(Choice::from(0), |found, own| found | own.get(..MAC_BYTES).unwrap_or_default().ct_eq(mac));
    let (shop, until, known) = parts(signed).ok_or(Refused::Foreign)?;
    if !bool::from(matches) || shop != keys.shop().get().unsigned_abs() {
        return Err(Refused::Foreign);
    }
    if now.seconds() >= until {
        return Err(Refused::Expired);
    }
    if !bool::from(of_settings(keys, settings).ct_eq(known)) {
        return Err(Refused::Used);
    }
    Ok(())
}

/// The shop, the end and what is said of the settings.
fn parts(signed: &[u8]) -> Option<(u64, i64, &[u8])> {
    let (_, rest) = signed.split_first().filter(|(version, _)| **version == VERSION)?;
    let (shop, rest) = take_varint(rest)?;
    let (until, rest) = rest.split_at_checked(8)?;
    let (_, known) = rest.split_at_checked(8)?;
    (known.len() == SETTINGS_BYTES).then_some((shop, i64::from_be_bytes(until.try_into().ok()?), known))
}

fn of_settings(keys: &ShopKeys, settings: &Settings) -> [u8; SETTINGS_BYTES] {
    let mut all = Zeroizing::new(Vec::new());
    for (key, value) in settings.pairs() {
        all.extend(key.as_bytes());
        all.push(0);
        all.extend(value.as_bytes());
        all.push(0);
    }
    let mac = keys.mac("approval/settings", &all);
    std::array::from_fn(|at| mac.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::id::ShopId;

    fn keys(shop: i64) -> ShopKeys {
        ShopKeys::new(ShopId::new(shop), vec![(1, [7; 32])]).unwrap()
    }

    fn settings(key: &str) -> Settings {
        Settings::restored(BTreeMap::from([
            ("site".to_owned(), "shop.example".to_owned()),
            ("key".to_owned(), key.to_owned()),
        ]))
    }

    #[test]
    fn a_state_is_good_for_one_shop_a_while_and_one_use() {
        let (now, before) = (Time::from_seconds(1_000_000), settings(""));
        let state = sign(&keys(3), &before, now, [9; 8]);
        let check = |shop: i64, settings: &Settings, at: Time| verify(&keys(shop), settings, at, &state);
        assert_eq!(check(3, &before, now), Ok(()));
        assert_eq!(check(3, &before, now + VALID - Duration::from_secs(1)), Ok(()));
        assert_eq!(check(3, &before, now + VALID), Err(Refused::Expired));
        assert_eq!(check(3, &settings("ck_new"), now), Err(Refused::Used));
        assert_eq!(check(4, &before, now), Err(Refused::Foreign));
        let renewed = ShopKeys::new(ShopId::new(3), vec![(1, [7; 32]), (2, [8; 32])]).unwrap();
        assert_ne!(verify(&renewed, &before, now, &state), Err(Refused::Foreign), "an older key still signs");
    }

    #[test]
    fn nothing_else_is_a_state() {
        let (now, before) = (Time::from_seconds(1_000_000), settings(""));
        let state = sign(&keys(3), &before, now, [9; 8]);
        for place in 0..state.len() {
            let mut other = state.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(verify(&keys(3), &before, now, &other), Err(Refused::Foreign), "{place}");
        }
        for other in ["", "x", &state[1..], &format!("{state}A"), &"A".repeat(56), &"A".repeat(5_000)] {
            assert_eq!(verify(&keys(3), &before, now, other), Err(Refused::Foreign), "{other}");
        }
        let largest = sign(&keys(i64::MAX), &before, now, [255; 8]);
        assert!(largest.len() <= CHARS_MAX, "{}", largest.len());
        assert_eq!(verify(&keys(i64::MAX), &before, now, &largest), Ok(()));
    }
}

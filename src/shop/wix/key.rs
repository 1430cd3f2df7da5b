//! The app's public key as it is pasted: PEM with or without its line breaks, as Wix shows it, or the base64 of either.
//! Decides which bytes are an RSA key that a signature can be held against, and is strict about it: what is not exactly
//! such a key is none.
//!
//! A `PUBLIC KEY` is a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7): a name of the algorithm, then the key as a string
//! of bits. ring wants what is in that string, an RSAPublicKey (RFC 8017, A.1.1).

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

pub(super) const WANTED: &str = "be an RSA public key, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----";

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// More than two are no rotation.
const KEYS_MAX: usize = 4;
/// Of 8,192 bits, with all that is around it.
const TEXT_BYTES_MAX: usize = 16_384;

/// `rsaEncryption` without parameters, as every tool writes it.
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// RSA keys, one after the other while one is being replaced.
pub(super) fn read(pasted: &str) -> Vec<Vec<u8>> {
    if pasted.len() > TEXT_BYTES_MAX {
        return Vec::new();
    }
    if pasted.contains(BEGIN) {
        return blocks(pasted);
    }
    let Some(bytes) = base64(pasted) else { return Vec::new() };
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.contains(BEGIN) => blocks(text),
        _ => rsa(&bytes).into_iter().collect(),
    }
}

pub(super) fn made(key: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed, signature).is_ok()
}

pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

fn blocks(text: &str) -> Vec<Vec<u8>> {
    let block = |block: &str| {
        let (label, rest) = block.split_once("-----")?;
        let (inside, _) = rest.split_once(END)?;
        let bytes = base64(inside)?;
        match label {
            "PUBLIC KEY" => rsa(&bytes),
            "RSA PUBLIC KEY" => is_rsa(&bytes).then_some(bytes),
            _ => None,
        }
    };
    text.split(BEGIN).skip(1).take(KEYS_MAX).filter_map(block).collect()
}

/// Line breaks may have become spaces in a form, or the two characters `\n` in a file.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bare: String = text.replace("\\n", "").chars().filter(|c| !c.is_whitespace()).collect();
    BASE64.decode(bare.as_bytes()).ok().filter(|bytes| !bytes.is_empty())
}

/// The RSAPublicKey inside a SubjectPublicKeyInfo.
fn rsa(info: &[u8]) -> Option<Vec<u8>> {
    let (inside, []) = element(SEQUENCE, info)? else { return None };
    let (algorithm, rest) = element(SEQUENCE, inside)?;
    let (bits, []) = element(BIT_STRING, rest)? else { return None };
    // The first byte counts the bits of the last one that do not belong to it.
    let (0, key) = bits.split_first().map(|(unused, key)| (*unused, key))? else { return None };
    (algorithm == RSA && is_rsa(key)).then(|| key.to_vec())
}

/// Two positive numbers and nothing more.
fn is_rsa(key: &[u8]) -> bool {
    let numbers = || {
        let (inside, []) = element(SEQUENCE, key)? else { return None };
        let (modulus, rest) = element(INTEGER, inside)?;
        let (exponent, []) = element(INTEGER, rest)? else { return None };
        // 2,048 bits and a byte for the sign.
        (modulus.len() >= 257 && !exponent.is_empty()).then_some(())
    };
    numbers().is_some()
}

/// What is in the element of this tag that the bytes begin with, and what follows it. Lengths in their shortest form only
/// (DER), of two bytes at most.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let shortest = match first {
        0x81 => length > 0x7f,
        0x82 => length > 0xff,
        _ => true,
    };
    (found == tag && shortest).then_some(())?;
    rest.split_at_checked(length)
}

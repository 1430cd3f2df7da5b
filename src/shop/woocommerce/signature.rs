//! WooCommerce's own signature: `X-WC-Webhook-Signature` is base64 of HMAC-SHA256 over the raw body, without a timestamp.
//! Decides only whether the body is from whoever knows the webhook's secret; never looks inside it.
//!
//! WordPress decodes HTML entities in the secret before it signs, and may have encoded them when it was saved, so a
//! secret verifies both as it was typed here and decoded (`wp_specialchars_decode` with both kinds of quotes).

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::connector::{Delivery, Refusal};

/// A shorter key could be guessed. WooCommerce makes its own with 50 characters.
const SECRET_CHARS_MIN: usize = 16;
const SECRET_CHARS_MAX: usize = 500;
/// The longest entity WordPress decodes, between `&` and `;`, with a few leading zeros.
const ENTITY_CHARS_MAX: usize = 10;

pub fn check_secret(value: &str) -> Result<(), &'static str> {
    if (SECRET_CHARS_MIN..=SECRET_CHARS_MAX).contains(&value.chars().count()) {
        Ok(())
    } else {
        Err("have at least 16 characters")
    }
}

/// `secret` is one secret, or two with a comma or a line break between them while one is being replaced. The secrets
/// WooCommerce makes may hold commas themselves, so the whole is tried as well.
pub fn verify(secret: &str, delivery: &Delivery) -> Result<(), Refusal> {
    let parts = secret.split([',', '\n']).map(str::trim);
    let keys: Vec<&str> = std::iter::once(secret).chain(parts).filter(|key| check_secret(key).is_ok()).collect();
    if keys.is_empty() {
        return Err(Refusal::NoKey);
    }
    let sent = delivery.header("x-wc-webhook-signature").filter(|value| !value.is_empty()).ok_or(Refusal::Unsigned)?;
    let tag = BASE64.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let holds = |key: &str| {
        Hmac::<Sha256>::new_from_slice(key.as_bytes())
            .is_ok_and(|mac| mac.chain_update(&delivery.body).verify_slice(&tag).is_ok())
    };
    if keys.iter().any(|key| holds(key) || holds(&decoded(key))) { Ok(()) } else { Err(Refusal::WrongSignature) }
}

/// The greeting WooCommerce sends when a webhook is saved: an unsigned form with the webhook's number and nothing else.
pub fn is_ping(delivery: &Delivery) -> bool {
    let signed = |name: &str| name == "x-wc-webhook-signature" || name == "webhook-signature";
    delivery.method == "POST"
        && !delivery.headers.iter().any(|(name, _)| signed(name))
        && delivery
            .body
            .strip_prefix(b"webhook_id=")
            .is_some_and(|id| (1..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit))
}

/// The text with each of WordPress' five special characters decoded once, whatever way it was written.
fn decoded(secret: &str) -> String {
    let mut text = String::with_capacity(secret.len());
    let mut rest = secret;
    while let Some((before, from)) = rest.split_once('&') {
        text.push_str(before);
        let entity = from.split_once(';').filter(|(name, _)| name.len() <= ENTITY_CHARS_MAX);
        match entity.and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                text.push(character);
                rest = after;
            }
            None => {
                text.push('&');
                rest = from;
            }
        }
    }
    text.push_str(rest);
    text
}

fn character(entity: &str) -> Option<char> {
    let Some(digits) = entity.strip_prefix('#') else {
        return match entity {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            _ => None,
        };
    };
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(number).filter(|character| "&<>\"'".contains(*character))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    const SECRET: &str = "k3yOfTheShopWithLetters";
    const BODY: &[u8] = br#"{"id":7}"#;

    fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
        Delivery {
            method: "POST".into(),
            url: "https://hooks.example/h/woocommerce/x".into(),
            headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
            body: body.to_vec(),
            received_at: Time::from_seconds(1_772_359_200),
        }
    }

    /// As WooCommerce does it.
    fn sign(key: &str, body: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(body);
        BASE64.encode(&mac.finalize().into_bytes())
    }

    #[track_caller]
    fn check(secret: &str, signature: &str, expected: Result<(), Refusal>) {
        let verdict = verify(secret, &delivery(&[("x-wc-webhook-signature", signature)], BODY));
        assert_eq!(verdict, expected, "{secret} {signature}");
    }

    #[test]
    fn signatures() {
        let good = sign(SECRET, BODY);
        check(SECRET, &good, Ok(()));
        check(SECRET, &sign(SECRET, b"{\"id\":8}"), Err(Refusal::WrongSignature));
        check(SECRET, &sign("anotherKeyOfLetters", BODY), Err(Refusal::WrongSignature));
        check(SECRET, &good.to_uppercase(), Err(Refusal::WrongSignature));
        check(SECRET, &good[..good.len() - 4], Err(Refusal::WrongSignature));
        check(SECRET, &format!("{good}AAAA"), Err(Refusal::WrongSignature));
        let hex = data_encoding::HEXLOWER.encode(&BASE64.decode(good.as_bytes()).unwrap());
        check(SECRET, &hex, Err(Refusal::WrongSignature));
        check(SECRET, "", Err(Refusal::Unsigned));
        check("", &sign("", BODY), Err(Refusal::NoKey));
        check("short", &sign("short", BODY), Err(Refusal::NoKey));
        let twice = delivery(&[("x-wc-webhook-signature", &good), ("x-wc-webhook-signature", &good)], BODY);
        assert_eq!(verify(SECRET, &twice), Err(Refusal::Unsigned));
    }

    #[test]
    fn trap_secrets_that_wordpress_rewrites() {
        let raw = "a<b>c&d\"e'f,sixteen-or-more";
        let saved = "a&lt;b&gt;c&amp;d&quot;e&#039;f,sixteen-or-more";
        check(raw, &sign(raw, BODY), Ok(()));
        check(saved, &sign(raw, BODY), Ok(()));
        check(saved, &sign(saved, BODY), Ok(()));
        check(raw, &sign(saved, BODY), Err(Refusal::WrongSignature));
    }

    #[test]
    fn while_a_secret_is_being_replaced_both_verify() {
        let both = format!("{SECRET}, theNextKeyOfTheShop");
        check(&both, &sign(SECRET, BODY), Ok(()));
        check(&both, &sign("theNextKeyOfTheShop", BODY), Ok(()));
        // A piece of a secret with commas in it is no key.
        check("ab,cdefghijklmnopqrstuvwxyz", &sign("ab", BODY), Err(Refusal::WrongSignature));
    }

    #[test]
    fn entities() {
        #[track_caller]
        fn check(secret: &str, expected: &str) {
            assert_eq!(decoded(secret), expected);
        }
        check("a&amp;b", "a&b");
        // Once, not until nothing is left.
        check("&amp;lt;", "&lt;");
        check("&#39;&#039;&#x27;&#X27;&#38;&#x26;", "''''&&");
        check("&#65;&copy;&nothing&;&", "&#65;&copy;&nothing&;&");
        check("&&amp;&", "&&&");
        check("ü&lt;ü", "ü<ü");
    }

    #[test]
    fn pings() {
        #[track_caller]
        fn check(body: &[u8], headers: &[(&str, &str)], expected: bool) {
            assert_eq!(is_ping(&delivery(headers, body)), expected, "{}", String::from_utf8_lossy(body));
        }
        check(b"webhook_id=42", &[], true);
        check(b"webhook_id=42&x=1", &[], false);
        check(b"webhook_id=", &[], false);
        check(b"webhook_id=abc", &[], false);
        check(b"{}", &[], false);
        check(b"webhook_id=42", &[("x-wc-webhook-signature", "")], false);
        check(b"webhook_id=42", &[("webhook-signature", "v1,AAAA")], false);
    }
}

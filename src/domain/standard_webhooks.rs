//! Standard Webhooks: signing and verifying over the raw bytes, as <https://www.standardwebhooks.com> says. Decides
//! only whether a delivery is from whoever holds the secret and is fresh; never looks inside the body.
//!
//! Signed is `{webhook-id}.{webhook-timestamp}.{body}` with HMAC-SHA256; the header `webhook-signature` lists one or
//! more `v1,<base64>` with spaces between them, so that a sender can sign with an old and a new secret at once.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::connector::{Delivery, Refusal};

const PREFIX: &str = "whsec_";
const KEY_BYTES_MIN: usize = 24;
const KEY_BYTES_MAX: usize = 64;

/// How far the sender's clock may be from ours, either way. A later replay is refused.
pub const TOLERANCE_SECONDS: i64 = 300;

/// More signatures than this are not read: nobody rotates eight secrets at once.
const SIGNATURES_MAX: usize = 8;

/// For `Field::check`: one secret, or two with a comma between them while one is being replaced.
pub fn check_secrets(value: &str) -> Result<(), &'static str> {
    let secrets: Vec<_> = value.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
    if (1..=2).contains(&secrets.len()) && secrets.iter().all(|secret| key(secret).is_some()) {
        Ok(())
    } else {
        Err("be whsec_ followed by 24 to 64 bytes in base64, or two such with a comma between them")
    }
}

/// A secret to hand out, from 32 random bytes.
pub fn secret(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", BASE64.encode(&random))
}

/// The value of `webhook-signature` for this message; `timestamp` is Unix seconds. Empty, which never verifies, when
/// the secret is not one.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    key(secret)
        .and_then(|key| mac(&key, id, &timestamp.to_string(), body))
        .map_or(String::new(), |tag| format!("v1,{}", BASE64.encode(&tag)))
}

/// The delivery's `webhook-id`, when any `v1` signature holds under any of the secrets and the time is near ours.
pub fn verify<'s>(secrets: impl IntoIterator<Item = &'s str>, delivery: &Delivery) -> Result<String, Refusal> {
    let keys: Vec<_> = secrets.into_iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err(Refusal::NoKey);
    }
    let sent = |name| delivery.header(name).filter(|value| !value.is_empty()).ok_or(Refusal::Unsigned);
    let (id, timestamp, signatures) = (sent("webhook-id")?, sent("webhook-timestamp")?, sent("webhook-signature")?);
    let signatures: Vec<_> = signatures
        .split(' ')
        .filter_map(|signature| BASE64.decode(signature.strip_prefix("v1,")?.as_bytes()).ok())
        .take(SIGNATURES_MAX)
        .collect();
    let holds = keys.iter().filter_map(|key| mac(key, id, timestamp, &delivery.body)).any(|tag| {
        // Slices of unequal length are unequal at once: a cut signature is none.
        signatures.iter().any(|signature| bool::from(tag.as_slice().ct_eq(signature)))
    });
    if !holds {
        return Err(Refusal::WrongSignature);
    }
    // The signature covers the timestamp as it was written, so it is looked at only now.
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::WrongSignature);
    }
    let signed_at = timestamp.parse::<i64>().map_err(|_| Refusal::WrongSignature)?;
    let away = delivery.received_at.seconds().saturating_sub(signed_at);
    if away.saturating_abs() > TOLERANCE_SECONDS {
        return Err(Refusal::WrongTime(away));
    }
    Ok(id.to_owned())
}

fn key(secret: &str) -> Option<Vec<u8>> {
    let key = BASE64.decode(secret.strip_prefix(PREFIX)?.as_bytes()).ok()?;
    (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()).then_some(key)
}

fn mac(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::time::Time;
    use super::*;

    const NOW: i64 = 1_772_359_200;
    const BODY: &[u8] = br#"{"type":"test"}"#;

    fn secret_of(byte: u8) -> String {
        secret([byte; 32])
    }

    fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
        Delivery {
            method: "POST".into(),
            url: "https://hooks.example/h/generic/x".into(),
            headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
            body: body.to_vec(),
            received_at: Time::from_seconds(NOW),
        }
    }

    fn signed(timestamp: &str, signature: &str) -> Delivery {
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        delivery(&headers, BODY)
    }

    #[test]
    fn signatures() {
        #[track_caller]
        fn check(timestamp: &str, signature: &str, expected: Result<&str, Refusal>) {
            let (old, new) = (secret_of(1), secret_of(2));
            let verdict = verify([old.as_str(), new.as_str()], &signed(timestamp, signature));
            assert_eq!(verdict, expected.map(str::to_owned), "{timestamp} {signature}");
        }
        let now = NOW.to_string();
        let good = sign(&secret_of(2), "msg_1", NOW, BODY);
        let foreign = sign(&secret_of(3), "msg_1", NOW, BODY);
        check(&now, &good, Ok("msg_1"));
        check(&now, &format!("{foreign} v1a,AAAA v2,AAAA {good}"), Ok("msg_1"));
        check(&now, &foreign, Err(Refusal::WrongSignature));
        check(&now, &good[..good.len() - 4], Err(Refusal::WrongSignature));
        check(&now, "v1,", Err(Refusal::WrongSignature));
        check(&now, good.trim_start_matches("v1,"), Err(Refusal::WrongSignature));
        check(&now, &good.replace("v1,", "v1a,"), Err(Refusal::WrongSignature));
        check(&now, "", Err(Refusal::Unsigned));
        check(&(NOW + 1).to_string(), &good, Err(Refusal::WrongSignature));
    }

    #[test]
    fn the_clock_may_be_five_minutes_off_either_way() {
        #[track_caller]
        fn check(timestamp: i64, expected: Result<&str, Refusal>) {
            let signature = sign(&secret_of(1), "msg_1", timestamp, BODY);
            let verdict = verify([secret_of(1).as_str()], &signed(&timestamp.to_string(), &signature));
            assert_eq!(verdict, expected.map(str::to_owned), "{timestamp}");
        }
        check(NOW - TOLERANCE_SECONDS, Ok("msg_1"));
        check(NOW + TOLERANCE_SECONDS, Ok("msg_1"));
        check(NOW - 301, Err(Refusal::WrongTime(301)));
        check(NOW + 301, Err(Refusal::WrongTime(-301)));
        check(-NOW, Err(Refusal::WrongSignature));
        check(i64::MAX, Err(Refusal::WrongTime(NOW - i64::MAX)));
    }

    #[test]
    fn headers_missing_or_sent_twice_are_no_signature() {
        let signature = sign(&secret_of(1), "msg_1", NOW, BODY);
        let now = NOW.to_string();
        let all = [("webhook-id", "msg_1"), ("webhook-timestamp", &now), ("webhook-signature", &signature)];
        for left_out in 0..all.len() {
            let mut some = all.to_vec();
            let again = some.remove(left_out);
            assert_eq!(verify([secret_of(1).as_str()], &delivery(&some, BODY)), Err(Refusal::Unsigned));
            some.extend([again, again]);
            assert_eq!(verify([secret_of(1).as_str()], &delivery(&some, BODY)), Err(Refusal::Unsigned));
        }
        assert_eq!(verify([secret_of(1).as_str()], &delivery(&all, b"{}")), Err(Refusal::WrongSignature));
    }

    #[test]
    fn secrets() {
        #[track_caller]
        fn check(secrets: &str, good: bool) {
            assert_eq!(check_secrets(secrets).is_ok(), good, "{secrets}");
        }
        let whsec = |bytes: usize| format!("whsec_{}", BASE64.encode(&vec![7; bytes]));
        check(&whsec(24), true);
        check(&whsec(64), true);
        check(&whsec(23), false);
        check(&whsec(65), false);
        check(&format!("{}, {}", whsec(24), whsec(32)), true);
        check(&format!("{0},{0},{0}", whsec(24)), false);
        check(&BASE64.encode(&[7; 32]), false);
        check("whsec_", false);
        check("", false);
        // A key that is none can sign nothing and verify nothing.
        assert_eq!(sign("whsec_", "msg_1", NOW, BODY), "");
        assert_eq!(verify(["", "whsec_"], &signed(&NOW.to_string(), "v1,")), Err(Refusal::NoKey));
    }

    /// The vectors of the specification's own libraries, where they are at hand.
    #[test]
    fn published_vectors() {
        let shared = std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| "../shared".into());
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(shared)
            .join("payloads/standard-webhooks/test_vectors.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: {} is not there", path.display());
            return;
        };
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            let part = |key: &str| vector[key].as_str().map_or(vector[key].to_string(), str::to_owned);
            let (id, timestamp, signature) = (part("webhook-id"), part("webhook-timestamp"), part("webhook-signature"));
            let headers =
                [("webhook-id", &*id), ("webhook-timestamp", &*timestamp), ("webhook-signature", &*signature)];
            let mut sent = delivery(&headers, part("body").as_bytes());
            sent.received_at = Time::from_seconds(timestamp.parse().unwrap());
            let verdict = verify([part("secret").as_str()], &sent);
            assert_eq!(verdict.is_ok(), vector["valid"].as_bool().unwrap(), "{signature}");
        }
    }
}

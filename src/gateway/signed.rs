//! What signed callbacks have in common: MACs compared in constant time, tokens that carry claims, a bound on how far the
//! time of signing may be from ours.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

use super::wire;
use crate::domain::connector::{Delivery, Refusal};

/// A signature older or newer than this is a replay, or one of the two clocks is wrong.
pub const TOLERANCE_SECONDS: u64 = 300;

/// Whether this key made the MAC of these pieces, one after the other. Compared in constant time.
pub fn made_by<M: Mac + KeyInit>(key: &str, pieces: &[&[u8]], sent: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key.as_bytes()) else { return false };
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.verify_slice(sent).is_ok()
}

/// Whether it was signed about when it came; `at` is in Unix seconds, as it was signed.
pub fn in_time(delivery: &Delivery, at: Option<i64>) -> Result<(), Refusal> {
    let away = delivery.received_at.seconds().saturating_sub(at.ok_or(Refusal::WrongSignature)?);
    if away.unsigned_abs() > TOLERANCE_SECONDS { Err(Refusal::WrongTime(away)) } else { Ok(()) }
}

/// The claims of a JSON web token that one of the keys signed, with one of these algorithms: a token must not choose to be
/// unsigned.
pub fn claims(keys: &[&str], token: &str, algorithms: &[&str]) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    let json = |part: &str| serde_json::from_slice::<Value>(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok();
    let algorithm = wire::text(&json(head)?, "alg").filter(|name| algorithms.contains(&name.as_str()))?;
    let made_by: fn(&str, &[&[u8]], &[u8]) -> bool = match algorithm.as_str() {
        "HS256" => made_by::<Hmac<Sha256>>,
        "HS384" => made_by::<Hmac<Sha384>>,
        "HS512" => made_by::<Hmac<Sha512>>,
        _ => return None,
    };
    let holds = keys.iter().any(|key| made_by(key, &[signed.as_bytes()], &signature));
    if holds { json(claims) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    fn token(head: &str, claims: &str, key: &str) -> String {
        let signed = [head, claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
    }

    #[test]
    fn a_token_is_believed_by_its_key_and_algorithm_alone() {
        const HEAD: &str = r#"{"alg":"HS256"}"#;
        const CLAIMS: &str = r#"{"iat":7}"#;
        let good = token(HEAD, CLAIMS, "second");
        let told = |token: &str, algorithms: &[&str]| claims(&["first", "second"], token, algorithms);
        assert_eq!(told(&good, &["HS256"]), Some(serde_json::json!({ "iat": 7 })));
        assert_eq!(told(&good, &["HS512"]), None);
        assert_eq!(told(&token(HEAD, CLAIMS, "third"), &["HS256"]), None);
        assert_eq!(told(&token(r#"{"alg":"none"}"#, CLAIMS, "second"), &["HS256", "none"]), None);
        assert_eq!(told(&good.replacen('.', ".e30", 1), &["HS256"]), None);
        assert_eq!(told(&good[..good.len() - 1], &["HS256"]), None);
        for odd in ["", ".", "..", "a.b.c", "e30.e30."] {
            assert_eq!(told(odd, &["HS256"]), None, "{odd}");
        }
    }

    #[test]
    fn five_minutes_either_way() {
        let delivery = Delivery {
            method: "POST".into(),
            url: String::new(),
            headers: vec![],
            body: vec![],
            received_at: Time::from_seconds(1000),
        };
        for at in [700, 1000, 1300] {
            assert_eq!(in_time(&delivery, Some(at)), Ok(()), "{at}");
        }
        assert_eq!(in_time(&delivery, Some(699)), Err(Refusal::WrongTime(301)));
        assert_eq!(in_time(&delivery, Some(1301)), Err(Refusal::WrongTime(-301)));
        assert!(in_time(&delivery, Some(i64::MIN)).is_err());
        assert_eq!(in_time(&delivery, None), Err(Refusal::WrongSignature));
    }
}

//! A detached JWS over the raw body, `header..signature`: RS256 by one of the shop's published keys. Decides only whether
//! a key of the shop signed the body; never lets the header choose anything but which key, and whether the body was
//! written in base64 for it (RFC 7797).

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

use super::{BASE64URL_NOPAD, Delivery, Refusal, Response, Value, json};

/// More keys are nobody's.
const KEYS_MAX: usize = 16;
const SIGNATURE_CHARS_MAX: usize = 4_096;
/// As much of a signature as names a delivery: the same body has the same.
const KEY_CHARS: usize = 40;

/// The name of the delivery: Saleor has none, and signs a body that is sent again with the same signature.
pub(super) fn verify(keys: &Response, delivery: &Delivery) -> Result<String, Refusal> {
    let sent = delivery.header("saleor-signature").filter(|value| !value.is_empty()).ok_or(Refusal::Unsigned)?;
    let keys = published(keys).ok_or(Refusal::NoKey)?;
    let wrong = Refusal::WrongSignature;
    if sent.len() > SIGNATURE_CHARS_MAX {
        return Err(wrong);
    }
    let mut parts = sent.split('.');
    let (Some(protected), Some(""), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong);
    };
    let decoded = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let header: Value = decoded(protected).and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    if json::at(&header, "alg").as_str() != Some("RS256") || !is_understood(&header) {
        return Err(wrong);
    }
    let tag = decoded(signature).filter(|tag| !tag.is_empty()).ok_or(Refusal::WrongSignature)?;
    let mut message = [protected.as_bytes(), b"."].concat();
    if json::at(&header, "b64").as_bool() == Some(false) {
        message.extend_from_slice(&delivery.body);
    } else {
        message.extend_from_slice(BASE64URL_NOPAD.encode(&delivery.body).as_bytes());
    }
    let named = json::text(&header, "kid");
    let meant = keys.iter().filter(|key| named.is_none() || json::text(key, "kid") == named);
    let holds = meant.take(KEYS_MAX).any(|key| {
        let number = |name| decoded(json::at(key, name).as_str()?).map(without_zeros).filter(|it| !it.is_empty());
        number("n").zip(number("e")).is_some_and(|(n, e)| {
            RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, &message, &tag).is_ok()
        })
    });
    if holds { Ok(signature.chars().take(KEY_CHARS).collect()) } else { Err(wrong) }
}

/// The RSA keys of the set; `None` when this is none, so that nothing can be said about the delivery.
fn published(answer: &Response) -> Option<Vec<Value>> {
    let set: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.is_success())?;
    let keys = json::list(&set, "keys").iter();
    let signs = |key: &&Value| {
        json::at(key, "kty").as_str() == Some("RSA") && json::at(key, "use").as_str().is_none_or(|it| it == "sig")
    };
    let keys: Vec<Value> = keys.filter(signs).cloned().collect();
    (!keys.is_empty()).then_some(keys)
}

/// A header that must be understood, and is not, makes the whole void (RFC 7515, section 4.1.11).
fn is_understood(header: &Value) -> bool {
    match json::at(header, "crit") {
        Value::Null => true,
        Value::Array(names) => !names.is_empty() && names.iter().all(|name| name.as_str() == Some("b64")),
        _ => false,
    }
}

/// Some write a number with zeros before it; ring wants none.
fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|&byte| byte == 0).collect()
}

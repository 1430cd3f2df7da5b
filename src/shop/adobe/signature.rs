//! Adobe's signatures and the steps of a registration. Decides only whether a delivery is from Adobe and for this shop;
//! never looks at what it tells.
//!
//! The raw body is signed with two RSA keys (SHA-256, PKCS #1 v1.5). Each signature comes with the path of its public
//! key, which Adobe publishes on one host; either holds. Anybody can have Adobe sign an event, so that the client it is
//! meant for has to be the one that was set. The header `challenge` of a registration is echoed, or an address of
//! Adobe's called.

use data_encoding::BASE64;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use subtle::ConstantTimeEq;

use super::json;
use crate::{
    domain::connector::{Delivery, Greeting, Refusal, Settings},
    http::{Request, Response},
};

/// Adobe's keys are nowhere else.
const KEYS: &str = "https://static.adobeioevents.com";
const PATH_CHARS_MAX: usize = 200;
const CHALLENGE_CHARS_MAX: usize = 200;

/// For `Field::check`.
pub(super) fn check_client(value: &str) -> Result<(), &'static str> {
    let mut all = value.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).peekable();
    let known = |part: &str| (16..=100).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if all.peek().is_some() && all.all(known) {
        Ok(())
    } else {
        Err("be the Client ID alone: letters and digits, at least 16 of them")
    }
}

/// A step of a registration, which nobody signs: it tells who asks nothing, and changes nothing here.
pub(super) fn greeting(delivery: &Delivery) -> Option<Greeting> {
    if delivery.headers.iter().any(|(name, _)| name.starts_with("x-adobe-digital-signature")) {
        return None;
    }
    if delivery.method == "GET" {
        let mut challenges = delivery.query_pairs().into_iter().filter(|(name, _)| name == "challenge");
        let (Some((_, challenge)), None) = (challenges.next(), challenges.next()) else { return None };
        let plain = challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~=+/".contains(&byte));
        return (plain && (1..=CHALLENGE_CHARS_MAX).contains(&challenge.len())).then(|| Greeting {
            content_type: "text/plain",
            body: challenge,
            ..Greeting::default()
        });
    }
    let body = json::object(delivery).ok()?;
    let call = json::url(&body, "validationUrl").filter(|url| is_adobes(url))?;
    Some(Greeting { content_type: "text/plain", call: Some(call), ..Greeting::default() })
}

/// The one page where a registration is confirmed.
fn is_adobes(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default();
        url.scheme() == "https"
            && host == "csm.adobe.io"
            && url.path() == "/csm/registrations/validate"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// A signature and the path of its key: the first pair that is whole.
pub(super) fn pair(delivery: &Delivery) -> Option<(&str, &str)> {
    let pairs = [
        ("x-adobe-public-key1-path", "x-adobe-digital-signature-1"),
        ("x-adobe-public-key2-path", "x-adobe-digital-signature-2"),
    ];
    pairs.iter().find_map(|(path, signature)| {
        let signature = delivery.header(signature).filter(|signature| !signature.is_empty())?;
        Some((delivery.header(path).filter(|path| is_path(path))?, signature))
    })
}

/// `/prod/keys/pub-key-….pem`, and nothing that leads out of that folder.
fn is_path(path: &str) -> bool {
    let name = path.strip_prefix("/prod/keys/").and_then(|rest| rest.strip_suffix(".pem"));
    path.len() <= PATH_CHARS_MAX
        && name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// The key is asked for only when the delivery says to be for this shop: nobody else makes us call anyone.
pub(super) fn ask(settings: &Settings, delivery: &Delivery) -> Option<Request> {
    let (path, _) = pair(delivery)?;
    is_for_us(settings, delivery).then(|| Request::get(format!("{KEYS}{path}")))
}

pub(super) fn verify(settings: &Settings, keys: &Response, delivery: &Delivery) -> Result<(), Refusal> {
    if settings.list("client_id").next().is_none() {
        return Err(Refusal::NoKey);
    }
    let (_, signature) = pair(delivery).ok_or(Refusal::Unsigned)?;
    let signature = BASE64.decode(signature.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let key = Some(keys).filter(|keys| keys.is_success()).and_then(|keys| public_key(&keys.body));
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.ok_or(Refusal::WrongSignature)?);
    key.verify(&delivery.body, &signature).map_err(|_| Refusal::WrongSignature)?;
    if is_for_us(settings, delivery) { Ok(()) } else { Err(Refusal::WrongSignature) }
}

/// Under its name in a CloudEvent, or the one before; one that names two is for nobody.
fn is_for_us(settings: &Settings, delivery: &Delivery) -> bool {
    let body = json::object(delivery).unwrap_or_default();
    let named = ["recipientclientid", "recipient_client_id"].map(|key| json::whole(&body, key, PATH_CHARS_MAX));
    let client = match named {
        [Some(one), Some(other)] if one != other => return false,
        [one, other] => one.or(other).unwrap_or_default(),
    };
    settings.list("client_id").any(|known| bool::from(known.as_bytes().ct_eq(client.as_bytes())))
}

/// The RSA key in a PEM file, as `ring` wants it: the part inside that does not say again that it is one.
fn public_key(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let info = BASE64.decode(body.as_bytes()).ok()?;
    let (fields, rest) = element(SEQUENCE, &info)?;
    let (algorithm, bits) = element(SEQUENCE, fields)?;
    let (key, nothing) = element(BIT_STRING, bits)?;
    // No bit of the last byte is unused.
    let key = key.strip_prefix(&[0])?;
    (rest.is_empty() && nothing.is_empty() && algorithm == RSA_ENCRYPTION).then(|| key.to_vec())
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The object identifier 1.2.840.113549.1.1.1, and NULL for its parameters.
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The content of a DER element with this tag, and what follows it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

//! Messages of an Amazon SNS topic (SNS developer guide, "Verifying the signatures of Amazon SNS messages"): signed
//! with RSA by a certificate whose address stands in the message itself.
//!
//! So the address decides everything: it must be SNS's own in the region of a topic that is named in the settings. A
//! pattern over hosts would not do, as `sns.s3.amazonaws.com` is whoever's has the bucket "sns". What is signed has no
//! lengths, only line ends, but it ends in the topic and the type: both are compared whole, so nobody can shift text of
//! a topic of their own into them. That holds for SHA-1 (version 1, what topics have unless told otherwise) as well:
//! two texts made to collide would still end in the topic of who had them signed.

use data_encoding::BASE64;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;
use url::Url;

use super::{signed, wire};
use crate::{
    domain::{
        connector::{Delivery, Refusal, Settings},
        time::Time,
    },
    http::Response,
};

/// SNS repeats a message under the time of its publication, for an endpoint like ours at most six hours by its default
/// policy. A day leaves room; within it a message that comes again is known by its key.
const REPEATED_SECONDS_MAX: i64 = 24 * 60 * 60;

/// One message, as it was posted.
pub struct Note(wire::Fields);

impl Note {
    pub fn of(delivery: &Delivery) -> Option<Note> {
        wire::Fields::of_json(&delivery.body).map(Note)
    }

    pub fn kind(&self) -> Option<&str> {
        self.0.raw("Type")
    }

    pub fn id(&self) -> Option<&str> {
        self.0.get("MessageId")
    }

    /// What was published; nothing when it is no JSON.
    pub fn message(&self) -> Value {
        self.0.raw("Message").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Where its certificate is, when that is SNS's own and the topic is ours.
    pub fn certificate_address(&self, settings: &Settings) -> Option<String> {
        let url = self.own_address(settings, "SigningCertURL")?;
        let name = url.path().strip_prefix("/SimpleNotificationService-")?.strip_suffix(".pem")?;
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (plain && url.query().is_none()).then(|| url.to_string())
    }

    /// What to call so that the topic calls us from now on.
    pub fn subscribe_address(&self, settings: &Settings) -> Option<String> {
        let url = self.own_address(settings, "SubscribeURL")?;
        let confirms = url.query_pairs().any(|pair| pair == ("Action".into(), "ConfirmSubscription".into()));
        (confirms && url.path() == "/").then(|| url.to_string())
    }

    fn own_address(&self, settings: &Settings, name: &str) -> Option<Url> {
        let host = format!("sns.{}.amazonaws.com", region_of(self.topic(settings)?)?);
        let url = Url::parse(self.0.raw(name)?).ok()?;
        let own = url.scheme() == "https"
            && url.host_str() == Some(host.as_str())
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        own.then_some(url)
    }

    /// Its topic, when that is one of ours.
    fn topic<'s>(&self, settings: &'s Settings) -> Option<&'s str> {
        settings.list("topic_arn").find(|topic| self.0.raw("TopicArn") == Some(*topic))
    }

    /// What its signature covers: names and values, a line each, in the order of the names.
    fn told(&self) -> Option<String> {
        let names: &[&str] = match self.kind()? {
            "Notification" if self.0.has("Subject") => {
                &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
            }
            "Notification" => &["Message", "MessageId", "Timestamp", "TopicArn", "Type"],
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
            }
            _ => return None,
        };
        names.iter().map(|name| Some(format!("{name}\n{}\n", self.0.raw(name)?))).collect()
    }
}

/// The message, when the certificate that `keys` holds signed it for a topic of ours.
pub fn verified(settings: &Settings, keys: &Response, delivery: &Delivery) -> Result<Note, Refusal> {
    if settings.list("topic_arn").next().is_none() {
        return Err(Refusal::NoKey);
    }
    let note = Note::of(delivery).ok_or(Refusal::Unsigned)?;
    let sent = note.0.get("Signature").ok_or(Refusal::Unsigned)?;
    let signature = BASE64.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    note.certificate_address(settings).ok_or(Refusal::WrongSignature)?;
    let told = note.told().ok_or(Refusal::WrongSignature)?;
    let algorithm: &RsaParameters = match note.0.get("SignatureVersion") {
        Some("1") => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Some("2") => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(Refusal::WrongSignature),
    };
    let key = Some(keys).filter(|keys| keys.is_success()).and_then(|keys| public_key(&keys.body));
    let key = UnparsedPublicKey::new(algorithm, key.ok_or(Refusal::NoKey)?);
    key.verify(told.as_bytes(), &signature).map_err(|_| Refusal::WrongSignature)?;
    in_time(&note, delivery)?;
    Ok(note)
}

fn in_time(note: &Note, delivery: &Delivery) -> Result<(), Refusal> {
    let at = note.0.get("Timestamp").and_then(Time::parse).ok_or(Refusal::WrongSignature)?;
    let away = delivery.received_at.seconds().saturating_sub(at.seconds());
    if (-(signed::TOLERANCE_SECONDS as i64)..=REPEATED_SECONDS_MAX).contains(&away) {
        Ok(())
    } else {
        Err(Refusal::WrongTime(away))
    }
}

/// The RSA key of a certificate in PEM. Its chain is not followed: that it came from SNS's own host is the proof.
fn public_key(pem: &[u8]) -> Option<Vec<u8>> {
    /// The identifier of plain RSA keys in DER (RFC 8017, `rsaEncryption` with NULL).
    const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    let certificate = webpki::EndEntityCert::try_from(&der).ok()?;
    let info = certificate.subject_public_key_info();
    // A sequence of the identifier and a bit string. At 2048 bits and more both lengths take two bytes.
    match info.get(4..)?.strip_prefix(RSA)? {
        [0x03, 0x82, _, _, 0x00, key @ ..] => Some(key.to_vec()),
        _ => None,
    }
}

/// `arn:aws:sns:{region}:{account}:{name}`.
pub fn check_topic(text: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = text.split(':').collect();
    let known = match parts.as_slice() {
        ["arn", "aws" | "aws-us-gov", "sns", region, account, name] => {
            is_region(region)
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && (1..=256).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        }
        _ => false,
    };
    if known { Ok(()) } else { Err("be the ARN of a standard topic, arn:aws:sns:region:account:name") }
}

/// The region of a topic.
pub fn region_of(topic: &str) -> Option<&str> {
    check_topic(topic).ok()?;
    topic.split(':').nth(3)
}

/// `us-east-1`, `ap-southeast-2`, `us-gov-west-1`: no other host of Amazon's has a first part like it.
pub fn is_region(text: &str) -> bool {
    let mut parts = text.split('-').rev();
    let number =
        parts.next().is_some_and(|part| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    number
        && (2..=3).contains(&words.len())
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

//! Signatures: Twilio's published example, and what a forger would try.

use proptest::prelude::*;

use super::*;
use crate::domain::time::Time;

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const FORM: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212";

fn called(url: &str, form: &str, headers: &[(&str, &str)]) -> Delivery {
    let kind = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
    Delivery {
        method: "POST".into(),
        url: url.into(),
        headers: kind.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: form.into(),
        received_at: Time::from_seconds(1_790_000_000),
    }
}

#[track_caller]
fn check(delivery: &Delivery, tokens: &[&str], expected: Result<(), Refusal>) {
    assert_eq!(verify(tokens.iter().copied(), delivery), expected);
}

/// HMAC written out (RFC 2104), so that the tests do not share their arithmetic with the code.
fn sign(hash: fn(&[u8]) -> Vec<u8>, token: &str, text: &str) -> String {
    assert!(token.len() <= 64);
    let mut key = token.as_bytes().to_vec();
    key.resize(64, 0);
    let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = hash(&[padded(0x36), text.as_bytes().to_vec()].concat());
    BASE64.encode(&hash(&[padded(0x5c), inner].concat()))
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    Sha1::digest(bytes).to_vec()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

#[test]
fn the_published_example_holds() {
    // www.twilio.com/docs/usage/webhooks/webhooks-security and the tests of Twilio's SDKs.
    let published = "GvWf1cFY/Q7PnoempGyD5oXAezc=";
    let text = format!("{URL}CallSidCA1234567890ABCDECaller+14158675310Digits1234From+14158675310To+18005551212");
    assert_eq!(sign(sha1, "12345", &text), published);
    let delivery = called(URL, FORM, &[(SIGNATURE, published)]);
    check(&delivery, &["12345"], Ok(()));
    check(&delivery, &["new", "12345"], Ok(()));
    check(&delivery, &["54321"], Err(Refusal::WrongSignature));
    check(&delivery, &[], Err(Refusal::NoKey));
}

#[test]
fn what_a_forger_tries_is_refused() {
    let good = sign(sha1, "12345", &format!("{URL}MessageSidSM1MessageStatusdelivered"));
    let form = "MessageSid=SM1&MessageStatus=delivered";
    check(&called(URL, form, &[(SIGNATURE, &good)]), &["12345"], Ok(()));
    check(&called(URL, form, &[]), &["12345"], Err(Refusal::Unsigned));
    check(&called(URL, form, &[(SIGNATURE, &good), (SIGNATURE, &good)]), &["12345"], Err(Refusal::Unsigned));
    let wrong = |delivery: &Delivery| check(delivery, &["12345"], Err(Refusal::WrongSignature));
    wrong(&called(URL, form, &[(SIGNATURE, "")]));
    wrong(&called(URL, form, &[(SIGNATURE, "not base64!")]));
    wrong(&called(URL, form, &[(SIGNATURE, &good[..8])]));
    wrong(&called(URL, "MessageSid=SM1&MessageStatus=failed", &[(SIGNATURE, &good)]));
    wrong(&called(URL, "MessageSid=SM1&MessageStatus=delivered&Body=STOP", &[(SIGNATURE, &good)]));
    wrong(&called(URL, "MessageSid=SM1", &[(SIGNATURE, &good)]));
    wrong(&called(&URL.replace("foo=1", "foo=2"), form, &[(SIGNATURE, &good)]));
    wrong(&called(&URL.replace("https", "http"), form, &[(SIGNATURE, &good)]));
    wrong(&called(URL, form, &[(SIGNATURE, &good), (SIGNATURE_SETTINGS, "key=k,algorithm=HMAC_SHA256")]));
    wrong(&called(URL, form, &[(SIGNATURE, &good), (SIGNATURE_SETTINGS, "algorithm=NONE")]));
}

#[test]
fn the_port_may_be_written_or_not() {
    for signed in ["https://a.example.com/hook?ref=1", "https://a.example.com:443/hook?ref=1"] {
        for called_as in ["https://a.example.com/hook?ref=1", "https://a.example.com:443/hook?ref=1"] {
            let signature = sign(sha1, "t", &format!("{signed}A1"));
            check(&called(called_as, "A=1", &[(SIGNATURE, &signature)]), &["t"], Ok(()));
        }
    }
    let signature = sign(sha1, "t", "http://[::1]:80?x=a:9A1");
    check(&called("http://[::1]?x=a:9", "A=1", &[(SIGNATURE, &signature)]), &["t"], Ok(()));
}

#[test]
fn names_are_sorted_values_kept_and_repeats_dropped() {
    let signature = sign(sha1, "t", "https://a.example.com/Body Hi  Empty");
    check(&called("https://a.example.com/", "Empty=&Body=+Hi++", &[(SIGNATURE, &signature)]), &["t"], Ok(()));
    let signature = sign(sha1, "t", "https://a.example.com/A1A2B+0");
    let form = "B=%2B0&A=2&A=1&A=2";
    check(&called("https://a.example.com/", form, &[(SIGNATURE, &signature)]), &["t"], Ok(()));
}

#[test]
fn sha256_when_the_settings_say_so() {
    let signature = sign(sha256, "shared", &format!("{URL}A1"));
    let settings = (SIGNATURE_SETTINGS, "key=webhooks_sharedkey_1, algorithm=HMAC_SHA256");
    check(&called(URL, "A=1", &[(SIGNATURE, &signature), settings]), &["token", "shared"], Ok(()));
    check(&called(URL, "A=1", &[(SIGNATURE, &signature)]), &["shared"], Err(Refusal::WrongSignature));
}

#[test]
fn a_json_body_is_covered_by_its_hash() {
    let body = r#"{"MessageSid":"SM1"}"#;
    let url = format!("{URL}&bodySHA256={}", HEXLOWER_PERMISSIVE.encode(&sha256(body.as_bytes())));
    let json = |url: &str, body: &str| Delivery {
        headers: vec![("content-type".into(), "application/json".into()), (SIGNATURE.into(), sign(sha1, "t", url))],
        ..called(url, body, &[])
    };
    check(&json(&url, body), &["t"], Ok(()));
    check(&json(&url, "{}"), &["t"], Err(Refusal::WrongSignature));
    // Without the hash nothing vouches for the body.
    check(&json(URL, body), &["t"], Err(Refusal::WrongSignature));
    check(&json(&format!("{URL}&bodySHA256="), body), &["t"], Err(Refusal::WrongSignature));
    // A form with a hash in its URL is still signed as a form.
    let signature = sign(sha1, "t", &format!("{url}A1"));
    check(&called(&url, "A=1", &[(SIGNATURE, &signature)]), &["t"], Ok(()));
}

#[test]
fn a_get_is_covered_by_its_url() {
    let url = format!("{URL}&MessageStatus=sent");
    let delivery = Delivery { method: "GET".into(), ..called(&url, "", &[(SIGNATURE, &sign(sha1, "t", &url))]) };
    check(&delivery, &["t"], Ok(()));
    assert_eq!(carrier(&delivery), Carrier::Query);
}

proptest! {
    #[test]
    fn any_form_signed_as_documented_holds(
        pairs in prop::collection::btree_map("\\PC{0,8}", "\\PC{0,20}", 0..6),
        token in "[a-f0-9]{32}",
    ) {
        let written: String = pairs.iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let signature = sign(sha1, &token, &format!("{URL}{written}"));
        prop_assert_eq!(verify([token.as_str()].into_iter(), &called(URL, &form, &[(SIGNATURE, &signature)])), Ok(()));
    }

    #[test]
    fn nothing_at_all_never_panics_and_never_holds(
        url in "\\PC*",
        body in "\\PC*",
        signature in "[A-Za-z0-9+/]{26}[AQgw]=",
        settings in "(algorithm=HMAC_SHA256|\\PC*)",
    ) {
        let delivery = called(&url, &body, &[(SIGNATURE, &signature), (SIGNATURE_SETTINGS, &settings)]);
        prop_assert!(verify(["token"].into_iter(), &delivery).is_err());
    }
}

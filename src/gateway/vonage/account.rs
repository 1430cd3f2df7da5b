//! What Vonage's two APIs for texts share: the account behind them. Its balance (Nexmo/api-specification `account.yml`)
//! and the Redact API (`redact.yml`), each at a host of its own.

use serde_json::{Value, json};

use super::super::{Redacted, wire};
use crate::{
    domain::{connector::Settings, message::Cost},
    http::{Request, Response},
};

const BALANCE_API: &str = "https://rest.nexmo.com";
const REDACT_API: &str = "https://api.nexmo.com";

/// A balance is told without a currency, and is in euros.
const CURRENCY: &str = "EUR";

/// `own` is the address that a connector sends to unless another stands in for it.
pub fn ask_balance(settings: &Settings, own: &str) -> Request {
    signed_in(settings, own, Request::get(format!("{}/account/get-balance", base(settings, own, BALANCE_API))))
}

/// What is left, below zero where the account owes.
pub fn balance(answer: &Response) -> Option<Cost> {
    wire::left(&wire::text(&wire::json(answer)?, "value")?, CURRENCY)
}

/// Forgets the text of this id, its words and its number, in the long-term storage.
pub fn redact(settings: &Settings, own: &str, product: &str, gateway_ref: &str) -> Option<Request> {
    let id = Some(gateway_ref.trim()).filter(|id| !id.is_empty())?;
    let url = format!("{}/v1/redact/transaction", base(settings, own, REDACT_API));
    let body = json!({ "id": id, "product": product, "type": "outbound" });
    Some(signed_in(settings, own, Request::json(url, &body)))
}

/// During its first hour a text is refused with a 403 that names the reason; any other 403 is an account for which the
/// Redact API was not switched on.
pub fn redacted(answer: &Response) -> Redacted {
    if answer.status == 403 && is_premature(answer) { Redacted::Later } else { wire::redacted(answer) }
}

fn is_premature(answer: &Response) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    wire::text(&body, "type").is_some_and(|link| link.ends_with("#premature-redaction"))
}

/// A stand-in takes the place of both hosts.
fn base<'s>(settings: &'s Settings, own: &'s str, api: &'s str) -> &'s str {
    if wire::stands_in(settings, own) { wire::api(settings, own) } else { api }
}

fn signed_in(settings: &Settings, own: &str, request: Request) -> Request {
    let request = request.basic_auth(settings.get("api_key"), settings.get("api_secret"));
    Request { private: wire::stands_in(settings, own), ..request }
}

#[cfg(test)]
mod tests {
    use super::{super::super::stage::answered, *};
    use crate::http::Method;

    const OWN: &str = "https://own.example.com";

    fn settings(api_base: &str) -> Settings {
        let given = [("api_key", "a1b2c3d4"), ("api_secret", "Sesame/0pen"), ("api_base", api_base)];
        Settings::restored(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
    }

    fn authorized(request: &Request) -> bool {
        request.headers.contains(&("authorization".into(), "Basic YTFiMmMzZDQ6U2VzYW1lLzBwZW4=".into()))
    }

    #[test]
    fn what_is_left_on_the_account() {
        for (api_base, url, private) in [
            ("", "https://rest.nexmo.com/account/get-balance", false),
            (OWN, "https://rest.nexmo.com/account/get-balance", false),
            ("http://127.0.0.1:9/x/", "http://127.0.0.1:9/x/account/get-balance", true),
        ] {
            let request = ask_balance(&settings(api_base), OWN);
            assert_eq!((request.url.as_str(), request.private, request.method), (url, private, Method::Get));
            assert!(authorized(&request));
        }

        #[track_caller]
        fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
            let told = balance(&answered(status, body));
            assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
        }
        check(200, r#"{"value":10.17127500,"autoReload":false}"#, Some((10_171_275, "EUR")));
        check(200, r#"{"value":"-3.5"}"#, Some((-3_500_000, "EUR")));
        check(200, r#"{"value":0}"#, Some((0, "EUR")));
        check(200, r#"{"value":null}"#, None);
        check(200, r#"{"value":true}"#, None);
        check(401, r#"{"value":1}"#, None);
    }

    #[test]
    fn a_text_is_forgotten() {
        for (api_base, url, private) in [
            ("", "https://api.nexmo.com/v1/redact/transaction", false),
            ("http://127.0.0.1:9", "http://127.0.0.1:9/v1/redact/transaction", true),
        ] {
            let request = redact(&settings(api_base), OWN, "sms", "0C0000AB").unwrap();
            assert_eq!((request.url.as_str(), request.private, request.method), (url, private, Method::Post));
            assert!(authorized(&request));
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(body, json!({ "id": "0C0000AB", "product": "sms", "type": "outbound" }));
        }
        assert_eq!(redact(&settings(""), OWN, "sms", " "), None);
    }

    #[test]
    fn what_became_of_it() {
        #[track_caller]
        fn check(status: u16, problem: &str, expected: Redacted) {
            let body = format!(r#"{{"type":"https://developer.nexmo.com/api-errors{problem}","title":"x"}}"#);
            assert_eq!(redacted(&answered(status, &body)), expected, "{status} {problem}");
        }
        check(204, "", Redacted::Done);
        check(404, "#invalid-id", Redacted::Done);
        check(403, "/redact#premature-redaction", Redacted::Later);
        check(403, "#unprovisioned", Redacted::Refused);
        check(401, "", Redacted::Refused);
        check(422, "/redact#invalid-product", Redacted::Refused);
        check(429, "/redact#rate-limit", Redacted::Later);
        check(500, "", Redacted::Later);
        check(200, "", Redacted::Later);
        assert_eq!(redacted(&answered(403, "")), Redacted::Refused);
        assert_eq!(redacted(&answered(204, "")), Redacted::Done);
    }
}

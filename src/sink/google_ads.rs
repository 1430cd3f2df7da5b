//! Google Ads, by its Data Manager API: an offline conversion for what a text brought, matched by hashed e-mail and phone
//! (Google calls it enhanced conversions for leads); the same conversion with its new value when some of it went back.
//!
//! The Google Ads API's own upload is closed to new users since June 2026 and would need a developer token; the Data
//! Manager API needs an OAuth client of one's own and nothing else
//! (<https://developers.google.com/data-manager/api/devguides/events/google-ads/offline/upgrade>).
//!
//! Rules of theirs that are kept here: `eventTimestamp` in RFC 3339; a `transactionId`, under which a second event changes
//! the value of the first instead of being another
//! (<https://developers.google.com/data-manager/api/devguides/events/google-ads/conversion-adjustments>); at least one
//! identifier in each; SHA-256 in hex of the normalised address and of the number in E.164
//! (<https://developers.google.com/data-manager/api/devguides/concepts/formatting>), with the encoding named; consent told
//! with each. There is no retraction: what went back as a whole is a conversion of the value 0.
//!
//! An answer of 200 says that the request is well formed. What becomes of it there is found in Google Ads under the
//! conversion action's diagnostics; it is not asked for here. Each request needs a key of an hour, fetched with the refresh
//! token.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Outcome, Sink,
    purchase::{self, Change, Purchase},
};
use crate::{
    domain::{
        connector::{Field, Settings, Spec},
        outbox::{Told, Topics},
        time::Time,
    },
    http::{HttpError, Request, Response},
};

pub struct GoogleAds;

const ENDPOINT: &str = "https://datamanager.googleapis.com/v1";
const TOKENS: &str = "https://oauth2.googleapis.com/token";
/// The longest window in which a click counts; older conversions are refused.
const BACK_MOST: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Reasons that are about the account or the settings, not about the event: they can be mended there.
const OF_ACCOUNT: [&str; 7] = [
    "INVALID_DESTINATION",
    "INVALID_CONVERSION_ACTION_ID",
    "INVALID_CONVERSION_ACTION_TYPE",
    "TERMS_AND_CONDITIONS_NOT_SIGNED",
    "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
    "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED",
    "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS",
];
const WHY_CHARS_MAX: usize = 160;

const SPEC: Spec = Spec {
    kind: "google_ads",
    name: "Google Ads",
    fields: &[
        Field {
            key: "customer_id",
            label: "Customer ID",
            help: "of the account that owns the conversion action, ten digits without dashes",
            required: true,
            check: super::check_digits,
            ..Field::TEXT
        },
        Field {
            key: "conversion_action",
            label: "Conversion action ID",
            help: "a number; of an action of the kind Import from clicks",
            required: true,
            check: super::check_digits,
            ..Field::TEXT
        },
        Field {
            key: "login_customer_id",
            label: "Manager’s customer ID",
            help: "where the account is reached through a manager account",
            check: super::check_digits,
            ..Field::TEXT
        },
        Field {
            key: "client_id",
            label: "OAuth client ID",
            help: "as ….apps.googleusercontent.com",
            required: true,
            check: super::check_word,
            ..Field::TEXT
        },
        Field {
            key: "client_secret",
            label: "OAuth client secret",
            help: "of the same client",
            secret: true,
            required: true,
            check: super::check_word,
            ..Field::TEXT
        },
        Field {
            key: "refresh_token",
            label: "Refresh token",
            help: "for the scope https://www.googleapis.com/auth/datamanager",
            secret: true,
            required: true,
            check: super::check_word,
            ..Field::TEXT
        },
        Field {
            key: "endpoint",
            label: "Address",
            help: "of the Data Manager API with its version",
            default: Some(ENDPOINT),
            check: super::check_https,
            ..Field::TEXT
        },
        Field {
            key: "token_endpoint",
            label: "Address for keys",
            help: "where a refresh token is changed for a key",
            default: Some(TOKENS),
            check: super::check_https,
            ..Field::TEXT
        },
    ],
    topics: &[],
    limits: &[],
    connect: &[
        "In Google Ads: Goals → Conversions → New → Import → from clicks; switch on enhanced conversions for leads and accept the customer data terms.",
        "Make it a secondary action where your site’s own tag counts orders already: else they are counted twice.",
        "Copy the action’s ID (ctId in its address) and the account’s customer ID.",
        "In the Google Cloud console: switch on the Data Manager API, make an OAuth client, and get a refresh token of somebody who may use the account.",
        "Only people whose consent to advertising is on record are told.",
    ],
};

/// What is wrong, in their words: the reason if they give one, else their message.
fn why(body: &Value) -> String {
    let error = body.get("error");
    let violation = error
        .and_then(|error| error.get("details")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(|detail| detail.get("fieldViolations")?.as_array())
        .flatten()
        .find_map(|violation| violation.get("reason")?.as_str());
    let message = error.and_then(|error| error.get("message")?.as_str());
    violation.or(message).unwrap_or("no reason given").chars().take(WHY_CHARS_MAX).collect()
}

impl Sink for GoogleAds {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn topics(&self) -> Topics {
        purchase::topics()
    }

    fn needs_consent(&self) -> bool {
        true
    }

    fn key_request(&self, settings: &Settings) -> Option<Request> {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", settings.get("client_id")),
            ("client_secret", settings.get("client_secret")),
            ("refresh_token", settings.get("refresh_token")),
        ];
        Some(Request::form(settings.get("token_endpoint"), pairs))
    }

    fn key(&self, answer: &Response) -> Result<String, Outcome> {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match body.get("access_token").and_then(Value::as_str) {
            Some(key) if answer.is_success() => Ok(key.to_owned()),
            _ => Err(Outcome::Failed {
                why: format!("no key was given, answered {}: is the refresh token still good?", answer.status),
                after: super::asked_wait(answer),
            }),
        }
    }

    fn request(&self, settings: &Settings, told: &Told, key: &str, now: Time) -> Result<Request, String> {
        let purchase = Purchase::of(told, now)?;
        if now.since(purchase.at) > BACK_MOST {
            return Err("it happened more than 90 days ago, and Google Ads takes nothing older".to_owned());
        }
        let account = |id: &str| json!({ "accountType": "GOOGLE_ADS", "accountId": id });
        let mut destination = json!({
            "operatingAccount": account(settings.get("customer_id")),
            "productDestinationId": settings.get("conversion_action"),
        });
        if let Some(manager) = settings.given("login_customer_id") {
            destination["loginAccount"] = account(manager);
        }
        let mut signs = Vec::new();
        // The last one is theirs: without dots and plus for Gmail.
        if let Some(digest) = purchase.email_hashes().last() {
            signs.push(json!({ "emailAddress": digest.hex() }));
        }
        if let Some([plus, _]) = purchase.phone_hashes() {
            signs.push(json!({ "phoneNumber": plus.hex() }));
        }
        let mut event = json!({
            "transactionId": purchase.transaction,
            "eventTimestamp": purchase.at.to_string(),
            "conversionValue": purchase.number(purchase.value_minor),
            "currency": purchase.currency.code(),
            "eventSource": "WEB",
            "userData": { "userIdentifiers": signs },
            "consent": { "adUserData": "CONSENT_GRANTED" },
        });
        if purchase.change != Change::First {
            event["lastUpdatedTimestamp"] = now.to_string().into();
        }
        let body = json!({ "destinations": [destination], "encoding": "HEX", "events": [event] });
        let url = format!("{}/events:ingest", settings.get("endpoint").trim_end_matches('/'));
        Ok(Request::json(url, &body).header("authorization", format!("Bearer {key}")))
    }

    fn outcome(&self, answer: Result<&Response, &HttpError>) -> Outcome {
        let Ok(answered) = answer else { return super::usual_outcome(answer) };
        if answered.status != 400 {
            return super::usual_outcome(answer);
        }
        let why = why(&serde_json::from_slice(&answered.body).unwrap_or_default());
        match OF_ACCOUNT.iter().any(|reason| why.contains(reason)) {
            true => Outcome::Failed { why: format!("answered 400: {why}"), after: None },
            false => Outcome::Refused { why: format!("answered 400: {why}") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::outbox::{Person, Topic},
        sink::purchase::tests::{recovered, reversed, told},
    };

    fn settings(more: &[(&str, &str)]) -> Settings {
        let given = [
            ("customer_id", "1234567890"),
            ("conversion_action", "77"),
            ("client_id", "x.apps.googleusercontent.com"),
            ("client_secret", "cs"),
            ("refresh_token", "rt"),
        ];
        let given = given.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        SPEC.settings(given.collect()).unwrap()
    }

    fn body(told: &Told, more: &[(&str, &str)]) -> Value {
        let request = GoogleAds.request(&settings(more), told, "k1", told.event.at).unwrap();
        assert_eq!(request.url, "https://datamanager.googleapis.com/v1/events:ingest");
        assert!(request.headers.contains(&("authorization".to_owned(), "Bearer k1".to_owned())));
        serde_json::from_slice(&request.body).unwrap()
    }

    #[test]
    fn a_conversion_and_what_becomes_of_it() {
        let first = body(&recovered(), &[]);
        assert_eq!(first["encoding"], "HEX");
        let destination = json!({ "operatingAccount": { "accountType": "GOOGLE_ADS", "accountId": "1234567890" },
                                  "productDestinationId": "77" });
        assert_eq!(first["destinations"], json!([destination]));
        let event = &first["events"][0];
        assert_eq!(event["eventTimestamp"], "2026-03-03T09:00:00.000Z");
        assert_eq!((&event["transactionId"], &event["currency"]), (&"1093".into(), &"EUR".into()));
        assert_eq!(event["conversionValue"].to_string(), "115.20");
        assert_eq!(event["consent"], json!({ "adUserData": "CONSENT_GRANTED" }));
        // `printf %s +38640555101 | sha256sum`
        assert_eq!(
            event["userData"]["userIdentifiers"][1]["phoneNumber"],
            "ce8a5e3b66cf97a28a60cec90902f9c715a82961537eecee0104b12f378ba27a"
        );
        assert!(event.get("lastUpdatedTimestamp").is_none());
        // The value that holds by now, under the same id, up or down.
        for (change, value) in [
            (reversed(9_520, 2_000), "95.20"),
            (reversed(0, 11_520), "0.00"),
            (told(Topic::OrderRecovered, Some(5_000), 7_000), "70.00"),
        ] {
            let event = &body(&change, &[])["events"][0];
            assert_eq!((&event["transactionId"], event["conversionValue"].to_string()), (&"1093".into(), value.into()));
            assert!(event["lastUpdatedTimestamp"].is_string());
            assert!(!event["userData"]["userIdentifiers"].as_array().unwrap().is_empty());
        }
        let managed = body(&recovered(), &[("login_customer_id", "9876543210")]);
        assert_eq!(managed["destinations"][0]["loginAccount"]["accountId"], "9876543210");
    }

    #[test]
    fn an_address_is_normalised_as_they_ask() {
        #[track_caller]
        fn check(email: &str, normalised: &str) {
            let person = Person { email: Some(email.into()), ..Person::default() };
            let body = body(&Told { person: Some(person), ..recovered() }, &[]);
            let expected = crate::domain::offline::email_digests(normalised);
            assert_eq!(
                body["events"][0]["userData"]["userIdentifiers"][0]["emailAddress"],
                expected[0].hex(),
                "{email}"
            );
        }
        check(" Cloudy.SanFrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com");
        check("user.name+NYC@Example.com", "user.name+nyc@example.com");
    }

    #[test]
    fn answers() {
        let answered = |status, body: &str| Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        assert_eq!(GoogleAds.outcome(Ok(&answered(200, r#"{"requestId":"r1"}"#))), Outcome::Taken);
        let wrong = |reason: &str| {
            let detail = json!({ "fieldViolations": [{ "field": "events.events[0]", "reason": reason }] });
            let error = json!({ "error": { "code": 400, "message": "There was a problem with the request.",
                                           "status": "INVALID_ARGUMENT", "details": [detail] } });
            GoogleAds.outcome(Ok(&answered(400, &error.to_string())))
        };
        let account = "answered 400: INVALID_CONVERSION_ACTION_ID".to_owned();
        assert_eq!(wrong("INVALID_CONVERSION_ACTION_ID"), Outcome::Failed { why: account, after: None });
        let event = "answered 400: INVALID_CURRENCY_CODE".to_owned();
        assert_eq!(wrong("INVALID_CURRENCY_CODE"), Outcome::Refused { why: event });
        assert!(matches!(GoogleAds.outcome(Ok(&answered(400, "<html>"))), Outcome::Refused { .. }));
        assert!(matches!(GoogleAds.outcome(Ok(&answered(403, "{}"))), Outcome::Failed { .. }));
        assert!(matches!(GoogleAds.outcome(Ok(&answered(503, ""))), Outcome::Failed { .. }));
        assert_eq!(GoogleAds.key(&answered(200, r#"{"access_token":"k"}"#)), Ok("k".to_owned()));
        assert!(matches!(GoogleAds.key(&answered(400, r#"{"error":"invalid_grant"}"#)), Err(Outcome::Failed { .. })));
    }
}

//! Meta (Facebook, Instagram), by its Conversions API: an event for what a text brought, another for what went back.
//!
//! Rules of theirs that are kept here
//! (<https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event>): `event_time` in seconds
//! and at most seven days back, or the whole request is refused; `event_id` the same whenever the same is told, so that it
//! is counted once (within 48 hours, beside the same `event_name`); `em` and `ph` as SHA-256 in lower-case hex of the
//! trimmed lower-case address and of the number's digits with its country; `action_source` always there. `website` would
//! need the buyer's browser, which we do not hold, so it is `other`.
//!
//! A purchase cannot be taken back there: what went back is told as an event of its own, to be set against it. Where the
//! site's pixel tells `Purchase` already, the same order under the same name would be counted twice unless both told one
//! `event_id`: so the event has a name of its own unless somebody chooses `Purchase`.
//!
//! A key that has run out is answered with 400 and a code of theirs
//! (<https://developers.facebook.com/docs/graph-api/guides/error-handling>): that is no refusal of the event.

use std::time::Duration;

use serde_json::{Map, Value, json};

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

pub struct Meta;

const ENDPOINT: &str = "https://graph.facebook.com/v24.0";
const BACK_MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// `Refund` follows it, and 50 letters are the most.
const NAME_CHARS_MAX: usize = 44;
/// Codes of theirs for a session or key that is over, and for what a key may not do.
const KEY_CODES: [i64; 3] = [10, 102, 190];
const PERMISSION_CODES: std::ops::RangeInclusive<i64> = 200..=299;
/// Codes of theirs for "later": unknown, down, and too many calls.
const LATER_CODES: [i64; 6] = [1, 2, 4, 17, 341, 613];

const SPEC: Spec = Spec {
    kind: "meta",
    name: "Meta Conversions API",
    fields: &[
        Field {
            key: "dataset_id",
            label: "Dataset (pixel) ID",
            help: "a number, as Events Manager shows it",
            required: true,
            check: super::check_digits,
            ..Field::TEXT
        },
        Field {
            key: "access_token",
            label: "Access token",
            help: "made in Events Manager under the dataset’s settings, Conversions API",
            secret: true,
            required: true,
            check: super::check_word,
            ..Field::TEXT
        },
        purchase::event_field(
            "RecoveredOrder",
            "Purchase only where your site’s own pixel tells no orders: else they are counted twice",
            check_event,
        ),
        Field {
            key: "test_event_code",
            label: "Test event code",
            help: "while it is tried out in Events Manager; empty for real",
            check: super::check_word,
            ..Field::TEXT
        },
        Field {
            key: "endpoint",
            label: "Address",
            help: "Graph API with its version",
            default: Some(ENDPOINT),
            check: super::check_https,
            ..Field::TEXT
        },
    ],
    topics: &[],
    limits: &[],
    connect: &[
        "In Events Manager: choose the dataset → Settings → Conversions API → Generate access token.",
        "Copy the token and the dataset’s ID.",
        "To count it, make a custom conversion of the event RecoveredOrder once it has arrived.",
        "Only people whose consent to advertising is on record are told.",
    ],
};

fn check_event(typed: &str) -> Result<(), &'static str> {
    let plain = typed.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && (1..=NAME_CHARS_MAX).contains(&typed.len()) {
        Ok(())
    } else {
        Err("be up to 44 letters, digits and underscores")
    }
}

impl Sink for Meta {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn topics(&self) -> Topics {
        purchase::topics()
    }

    fn needs_consent(&self) -> bool {
        true
    }

    fn request(&self, settings: &Settings, told: &Told, _: &str, now: Time) -> Result<Request, String> {
        let purchase = Purchase::of(told, now)?;
        if now.since(purchase.at) > BACK_MOST {
            return Err("it happened more than 7 days ago, and Meta takes nothing older".to_owned());
        }
        let mut user = Map::new();
        if let Some(digest) = purchase.email_hashes().first() {
            user.insert("em".into(), json!([digest.hex()]));
        }
        if let Some([_, digits]) = purchase.phone_hashes() {
            user.insert("ph".into(), json!([digits.hex()]));
        }
        let minor = purchase.happened_minor()?;
        let id = match purchase.change {
            // The shop's own id: a pixel that tells the same order tells it under this one too.
            Change::First | Change::More => purchase.transaction.clone(),
            Change::Less(_) => purchase.event.to_string(),
        };
        let mut body = json!({
            "data": [{
                "event_name": purchase::event_name(settings, purchase.change, ("Purchase", "Refund", "Refund")),
                "event_time": purchase.at.seconds(),
                "event_id": id,
                "action_source": "other",
                "user_data": user,
                "custom_data": {
                    "value": purchase.number(minor),
                    "currency": purchase.currency.code(),
                    "order_id": purchase.transaction,
                },
            }],
        });
        if let Some(code) = settings.given("test_event_code") {
            body["test_event_code"] = code.into();
        }
        let (endpoint, dataset) = (settings.get("endpoint"), settings.get("dataset_id"));
        let request = Request::json(format!("{}/{dataset}/events", endpoint.trim_end_matches('/')), &body);
        Ok(request.header("authorization", format!("Bearer {}", settings.get("access_token"))))
    }

    fn outcome(&self, answer: Result<&Response, &HttpError>) -> Outcome {
        let Ok(answered) = answer else { return super::usual_outcome(answer) };
        let body: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
        if answered.is_success() {
            return match body.get("events_received").and_then(Value::as_i64) {
                Some(1..) => Outcome::Taken,
                _ => Outcome::Refused { why: "answered 200, but received no event".to_owned() },
            };
        }
        let error = body.get("error");
        let code = error.and_then(|error| error.get("code")?.as_i64());
        let passing = error.and_then(|error| error.get("is_transient")?.as_bool()) == Some(true);
        match (code, answered.status) {
            (Some(code), status) if KEY_CODES.contains(&code) || PERMISSION_CODES.contains(&code) => Outcome::Failed {
                why: format!("answered {status}, code {code}: is its access token still good for this dataset?"),
                after: None,
            },
            (Some(code), status) if passing || LATER_CODES.contains(&code) => {
                Outcome::Failed { why: format!("answered {status}, code {code}"), after: super::asked_wait(answered) }
            }
            (Some(code), status @ 400) => Outcome::Refused { why: format!("answered {status}, code {code}") },
            _ => super::usual_outcome(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::purchase::tests::{recovered, reversed};

    fn settings(more: &[(&str, &str)]) -> Settings {
        let given = [("dataset_id", "1234567890"), ("access_token", "EAAB1")];
        let given = given.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        SPEC.settings(given.collect()).unwrap()
    }

    fn body(told: &Told, more: &[(&str, &str)]) -> Value {
        let request = Meta.request(&settings(more), told, "", told.event.at).unwrap();
        assert_eq!(request.url, "https://graph.facebook.com/v24.0/1234567890/events");
        assert!(request.headers.contains(&("authorization".to_owned(), "Bearer EAAB1".to_owned())));
        serde_json::from_slice(&request.body).unwrap()
    }

    #[test]
    fn a_purchase_names_nobody_and_is_counted_once() {
        let told = body(&recovered(), &[]);
        let event = &told["data"][0];
        assert_eq!((event["event_name"].as_str(), event["event_id"].as_str()), (Some("RecoveredOrder"), Some("1093")));
        assert_eq!(event["event_time"], 1_772_528_400);
        assert_eq!(event["action_source"], "other");
        // `printf %s … | sha256sum` of the digits and of maja.novak@shopper.example.
        assert_eq!(event["user_data"]["ph"][0], "c2cbb838a41358d8a09ad915cc6562b7b6551adb904a3b0af28419637ead9f57");
        assert_eq!(event["user_data"]["em"][0], "5e81fd37f751cd1ca4c91cd83357a52764855c85a5fbc55cc5f1c8d65ddb8dc5");
        assert_eq!(event["custom_data"]["value"].to_string(), "115.20");
        assert!(!told.to_string().contains("40555101") && !told.to_string().contains("shopper.example"));
        let back = body(&reversed(9_520, 2_000), &[]);
        assert_eq!(back["data"][0]["event_name"], "RecoveredOrderRefund");
        assert_eq!(back["data"][0]["custom_data"]["value"].to_string(), "20.00");
        assert_ne!(back["data"][0]["event_id"], "1093");
        let named = body(&reversed(0, 11_520), &[("event", "Purchase"), ("test_event_code", "TEST1")]);
        assert_eq!((&named["data"][0]["event_name"], &named["test_event_code"]), (&"Refund".into(), &"TEST1".into()));
    }

    #[test]
    fn seven_days_are_the_most() {
        let told = recovered();
        assert!(Meta.request(&settings(&[]), &told, "", told.event.at + BACK_MOST).is_ok());
        let late = told.event.at + BACK_MOST + Duration::from_secs(1);
        assert!(Meta.request(&settings(&[]), &told, "", late).unwrap_err().contains("7 days"));
    }

    #[test]
    fn answers() {
        #[track_caller]
        fn check(status: u16, body: &str, expected: fn(&Outcome) -> bool) {
            let answer = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
            let outcome = Meta.outcome(Ok(&answer));
            assert!(expected(&outcome), "{status} {body}: {outcome:?}");
        }
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. });
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
        check(200, r#"{"events_received":1,"messages":[]}"#, |outcome| *outcome == Outcome::Taken);
        check(200, r#"{"events_received":0}"#, refused);
        check(400, r#"{"error":{"code":100,"error_subcode":2804003,"message":"Invalid parameter"}}"#, refused);
        check(400, r#"{"error":{"code":190,"type":"OAuthException","message":"expired"}}"#, failed);
        check(400, r#"{"error":{"code":200,"message":"no permission"}}"#, failed);
        check(400, r#"{"error":{"code":2,"is_transient":true}}"#, failed);
        check(400, "{}", refused);
        check(500, "", failed);
    }
}

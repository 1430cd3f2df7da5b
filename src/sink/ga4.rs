//! Google Analytics 4, by its Measurement Protocol: an event for what a text brought, another for what went back, tied by
//! `transaction_id`.
//!
//! Rules of theirs that are kept here
//! (<https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events>): `measurement_id` and
//! `api_secret` in the query; `client_id` always there; at most 25 events of at most 25 parameters; names of letters, digits
//! and underscores, 40 at most; `value` with its `currency`; `timestamp_micros` not more than 72 hours back, or the event is
//! not told at all; consent told with it. It answers 2xx to whatever it gets, so a yes only says that it arrived.
//!
//! We hold no cookie of theirs: `client_id` is made of the person's keyed hash, the same for the same person, and tells
//! nobody's number. Analytics drops a `purchase` it knows only when it is the same client's
//! (<https://support.google.com/analytics/answer/12313109>), and the site's own tag tells it under another: so the event has
//! a name of its own unless somebody names it `purchase`, for a site without a tag. A `purchase` has to have items; ours has
//! one, which is the order.

use std::time::Duration;

use serde_json::json;

use super::{
    Outcome, Sink,
    purchase::{self, Purchase},
};
use crate::{
    domain::{
        connector::{Field, Settings, Spec},
        outbox::{Told, Topics},
        time::Time,
    },
    http::{HttpError, Request, Response},
};

pub struct Ga4;

const ENDPOINT: &str = "https://www.google-analytics.com/mp/collect";
/// Older events are put on the day they arrive on, or dropped.
const BACK_MOST: Duration = Duration::from_secs(72 * 60 * 60);
/// `_refund` follows it, and 40 letters are the most.
const NAME_CHARS_MAX: usize = 33;

const SPEC: Spec = Spec {
    kind: "ga4",
    name: "Google Analytics 4",
    fields: &[
        Field {
            key: "measurement_id",
            label: "Measurement ID",
            help: "of the web data stream, as G-XXXXXXXXXX",
            required: true,
            check: check_measurement,
            ..Field::TEXT
        },
        Field {
            key: "api_secret",
            label: "API secret",
            help: "made under the data stream’s Measurement Protocol API secrets",
            secret: true,
            required: true,
            check: super::check_word,
            ..Field::TEXT
        },
        purchase::event_field(
            "sms_recovered_order",
            "purchase only where your site’s own tag tells no orders: else they are counted twice",
            check_event,
        ),
        Field {
            key: "endpoint",
            label: "Address",
            help: "another server of your own that takes the same, for server-side tagging",
            default: Some(ENDPOINT),
            check: super::check_https,
            ..Field::TEXT
        },
    ],
    topics: &[],
    limits: &[],
    connect: &[
        "In Google Analytics: Admin → Data streams → your web stream → Measurement Protocol API secrets → Create.",
        "Copy the secret and the stream’s Measurement ID.",
        "To count it as a key event, mark sms_recovered_order as one once it has arrived.",
        "Only people whose consent to advertising is on record are told.",
    ],
};

fn check_measurement(typed: &str) -> Result<(), &'static str> {
    let rest = typed.strip_prefix("G-").unwrap_or_default();
    let good = (4..=20).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if good { Ok(()) } else { Err("be as G-XXXXXXXXXX") }
}

fn check_event(typed: &str) -> Result<(), &'static str> {
    let plain = typed.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let begins = typed.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let reserved = ["ga_", "google_", "gtag.", "firebase_"].iter().any(|prefix| typed.starts_with(prefix));
    if plain && begins && !reserved && typed.len() <= NAME_CHARS_MAX {
        Ok(())
    } else {
        Err("be up to 33 letters, digits and underscores, beginning with a letter")
    }
}

/// Two numbers with a point, as their own cookie writes it.
fn client_id(person: &[u8; 16]) -> String {
    let half = |bytes: &[u8]| bytes.iter().take(4).fold(0u32, |sum, &byte| sum << 8 | u32::from(byte));
    let (first, second) = person.split_at(8);
    format!("{}.{}", half(first), half(second))
}

impl Sink for Ga4 {
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
            return Err("it happened more than 72 hours ago, and Google Analytics takes nothing older".to_owned());
        }
        let person = purchase.key.as_ref().ok_or("whose it was is not known any more")?;
        let value = purchase.number(purchase.happened_minor()?);
        let name = purchase::event_name(settings, purchase.change, ("purchase", "refund", "_refund"));
        let mut params = json!({
            "transaction_id": purchase.transaction,
            "value": value,
            "currency": purchase.currency.code(),
            "engagement_time_msec": 1,
        });
        if matches!(name.as_str(), "purchase" | "refund") {
            params["items"] =
                json!([{ "item_id": purchase.transaction, "item_name": "Order", "price": value, "quantity": 1 }]);
        }
        let body = json!({
            "client_id": client_id(person),
            "timestamp_micros": purchase.at.millis().saturating_mul(1_000),
            "consent": { "ad_user_data": "GRANTED" },
            "events": [{ "name": name, "params": params }],
        });
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("measurement_id", settings.get("measurement_id"))
            .append_pair("api_secret", settings.get("api_secret"))
            .finish();
        Ok(Request::json(format!("{}?{query}", settings.get("endpoint")), &body))
    }

    fn outcome(&self, answer: Result<&Response, &HttpError>) -> Outcome {
        super::usual_outcome(answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        domain::outbox::Topic,
        sink::purchase::tests::{recovered, reversed, told},
    };

    fn settings(more: &[(&str, &str)]) -> Settings {
        let given = [("measurement_id", "G-ABC1234567"), ("api_secret", "s3cr&t")];
        let given = given.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        SPEC.settings(given.collect()).unwrap()
    }

    fn body(told: &Told, more: &[(&str, &str)]) -> Value {
        let request = Ga4.request(&settings(more), told, "", told.event.at).unwrap();
        assert_eq!(
            request.url,
            "https://www.google-analytics.com/mp/collect?measurement_id=G-ABC1234567&api_secret=s3cr%26t"
        );
        serde_json::from_slice(&request.body).unwrap()
    }

    #[test]
    fn what_was_brought_and_what_went_back_are_tied() {
        let bought = body(&recovered(), &[]);
        let back = body(&reversed(9_520, 2_000), &[]);
        let of = |body: &Value| {
            let event = &body["events"][0];
            let params = &event["params"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&event["name"]),
                text(&params["transaction_id"]),
                params["value"].to_string(),
                text(&params["currency"]),
            )
        };
        let expected =
            |name: &str, value: &str| (name.to_owned(), "1093".to_owned(), value.to_owned(), "EUR".to_owned());
        assert_eq!(of(&bought), expected("sms_recovered_order", "115.20"));
        assert_eq!(of(&back), expected("sms_recovered_order_refund", "20.00"));
        assert_eq!(bought["client_id"], back["client_id"], "one person, one client");
        assert_eq!(bought["timestamp_micros"], 1_772_528_400_000_000_i64);
        assert_eq!(bought["consent"]["ad_user_data"], "GRANTED");
        assert!(bought["events"][0]["params"].get("items").is_none());
        let told = bought.to_string();
        assert!(!told.contains("40555101") && !told.to_lowercase().contains("shopper.example"));
    }

    #[test]
    fn a_purchase_has_its_item() {
        let named = [("event", "purchase")];
        let (bought, back) = (body(&recovered(), &named), body(&reversed(9_520, 2_000), &named));
        assert_eq!((&bought["events"][0]["name"], &back["events"][0]["name"]), (&"purchase".into(), &"refund".into()));
        assert_eq!(bought["events"][0]["params"]["items"][0]["item_id"], "1093");
    }

    #[test]
    fn what_is_too_old_or_nobodys_or_grew_is_not_told() {
        let first = recovered();
        let late = first.event.at + BACK_MOST + Duration::from_secs(1);
        assert!(Ga4.request(&settings(&[]), &first, "", late).unwrap_err().contains("72 hours"));
        let nobodys = Told { person: None, ..recovered() };
        assert!(Ga4.request(&settings(&[]), &nobodys, "", nobodys.event.at).is_err());
        let grown = told(Topic::OrderRecovered, Some(500), 700);
        assert!(Ga4.request(&settings(&[]), &grown, "", grown.event.at).unwrap_err().contains("grew"));
    }

    #[test]
    fn settings_are_checked() {
        for wrong in ["UA-1234-1", "G-", "g-abc1234567"] {
            assert!(check_measurement(wrong).is_err(), "{wrong}");
        }
        for (name, good) in [
            ("purchase", true),
            ("sms_recovered_order", true),
            ("1st", false),
            ("two words", false),
            ("ga_order", false),
            ("a_name_that_is_too_long_for_a_refund", false),
            ("", false),
        ] {
            assert_eq!(check_event(name).is_ok(), good, "{name}");
        }
    }
}

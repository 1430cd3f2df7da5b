//! Outbound webhooks, as <https://www.standardwebhooks.com> says: a signed JSON body to one URL. Any 2xx is a yes, 410 is
//! a farewell, everything else (3xx too: we do not follow) is tried again.

use super::{Outcome, Sink, asked_wait};
use crate::{
    domain::{
        connector::{Field, Settings, Spec},
        outbox::Told,
        standard_webhooks,
        time::Time,
    },
    http::{HttpError, Request, Response},
};

pub struct Webhook;

const URL_CHARS_MAX: usize = 2_000;

const SPEC: Spec = Spec {
    kind: "webhook",
    name: "Webhook",
    fields: &[
        Field {
            key: "url",
            label: "URL",
            help: "where events are posted to, as https://example.com/hooks/cartback",
            // Many receivers hide a password in it.
            secret: true,
            required: true,
            check: check_url,
            ..Field::TEXT
        },
        Field {
            key: "secret",
            label: "Signing secret",
            help: "whsec_…, made here; receivers check signatures with it",
            secret: true,
            required: true,
            check: standard_webhooks::check_secrets,
            ..Field::TEXT
        },
    ],
    topics: &[],
    limits: &[],
    connect: &[
        "Give the receiver the URL’s signing secret; it is shown once.",
        "Check webhook-signature over the raw body with any Standard Webhooks library.",
        "Answer 2xx within 15 seconds, and drop a webhook-id you have seen before.",
    ],
};

fn check_url(typed: &str) -> Result<(), &'static str> {
    let problem = "be an address that begins with https:// and has no user name in it";
    let url = url::Url::parse(typed).map_err(|_| problem)?;
    let plain = matches!(url.scheme(), "https" | "http") && url.has_host();
    let named = !url.username().is_empty() || url.password().is_some();
    if plain && !named && url.fragment().is_none() && typed.chars().count() <= URL_CHARS_MAX {
        Ok(())
    } else {
        Err(problem)
    }
}

impl Sink for Webhook {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn request(&self, settings: &Settings, told: &Told, _: &str, now: Time) -> Result<Request, String> {
        let body = told.body();
        let (id, timestamp) = (told.event.id.to_string(), now.seconds());
        let request = Request::json(settings.get("url"), &body);
        let signatures: Vec<String> = settings
            .list("secret")
            .map(|secret| standard_webhooks::sign(secret, &id, timestamp, &request.body))
            .filter(|signature| !signature.is_empty())
            .collect();
        Ok(request
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signatures.join(" ")))
    }

    fn outcome(&self, answer: Result<&Response, &HttpError>) -> Outcome {
        let failed = |why: String, after| Outcome::Failed { why, after };
        match answer {
            Err(error) => failed(error.to_string(), None),
            Ok(answer) if answer.is_success() => Outcome::Taken,
            Ok(answer) => match answer.status {
                410 => Outcome::Gone,
                300..400 => failed(format!("answered {}: redirects are not followed", answer.status), None),
                status => failed(format!("answered {status}"), asked_wait(answer)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{
        connector::Delivery,
        id::{EventId, ShopId},
        outbox::{Event, Topic},
    };

    fn told() -> Told {
        let at = Time::from_seconds(1_772_359_200);
        let data = [("cart".to_owned(), "cart_0".into())].into_iter().collect();
        let event = Event { id: EventId::new(9), topic: Topic::CartAbandoned, at, about: 1, phone: None, data };
        Told { shop: ShopId::new(1), event, person: None, standing: None, public_url: "https://cb.example".into() }
    }

    #[test]
    fn what_we_sign_our_own_verifier_takes_under_either_secret() {
        let [old, new] = [1, 2].map(|byte| standard_webhooks::secret([byte; 32]));
        let given = [("url", "https://x.example/in".to_owned()), ("secret", format!("{new}, {old}"))];
        let settings = SPEC.settings(given.map(|(key, value)| (key.to_owned(), value)).into()).unwrap();
        let now = Time::from_seconds(1_772_360_000);
        let request = Webhook.request(&settings, &told(), "", now).unwrap();
        let delivery = Delivery {
            method: "POST".into(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            received_at: now,
        };
        for secret in [&old, &new] {
            assert_eq!(standard_webhooks::verify([secret.as_str()], &delivery), Ok("evt_0000000000009".to_owned()));
        }
        let other = standard_webhooks::secret([3; 32]);
        assert!(standard_webhooks::verify([other.as_str()], &delivery).is_err());
        assert!(!request.private);
    }

    #[test]
    fn answers() {
        #[track_caller]
        fn check(status: u16, headers: &[(&str, &str)], expected: Outcome) {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(Webhook.outcome(Ok(&Response { status, headers, body: Vec::new() })), expected);
        }
        let failed = |why: &str, after| Outcome::Failed { why: why.into(), after };
        check(204, &[], Outcome::Taken);
        check(410, &[], Outcome::Gone);
        check(302, &[], failed("answered 302: redirects are not followed", None));
        check(500, &[], failed("answered 500", None));
        check(429, &[("retry-after", "90")], failed("answered 429", Some(Duration::from_secs(90))));
        check(503, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], failed("answered 503", None));
        let lost = HttpError::Unknown("no answer in time".into());
        assert_eq!(Webhook.outcome(Err(&lost)), failed("unknown outcome: no answer in time", None));
    }

    #[test]
    fn urls() {
        #[track_caller]
        fn check(url: &str, good: bool) {
            assert_eq!(check_url(url).is_ok(), good, "{url}");
        }
        check("https://example.com/hooks?token=1", true);
        check("http://10.0.0.7:8080/in", true);
        check("https://me:secret@example.com/", false);
        check("ftp://example.com/", false);
        check("example.com", false);
        check("https://example.com/#part", false);
        check(&format!("https://example.com/{}", "x".repeat(3_000)), false);
    }
}

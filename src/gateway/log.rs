//! The gateway that sends nothing: texts are kept, and the demo's phone shows them.
//!
//! So that a demo is honest about everything after the send, that phone can talk back over real HTTP: POST to the
//! connection's callback address either `{"type":"reply","from":"+1…","text":"STOP","id":"…"}` or
//! `{"type":"receipt","reference":"<shop>.<message>","status":"delivered"}`; the same names as a query work too.
//! Nothing is signed: whoever knows the secret path may speak for the phone, which is right where no text ever leaves.

use super::{Can, Dispatch, Gateway, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, Outgoing, Receipt, ReceiptStatus, Reply, SendOutcome},
    },
    http::Response,
};

pub struct Log;

static SPEC: Spec = Spec {
    kind: "log",
    name: "Log (sends nothing)",
    fields: &[Field {
        key: "from",
        label: "Sender",
        help: "the name or number the texts seem to come from",
        ..Field::TEXT
    }],
    connect: &[
        "Nothing to connect: texts are kept and shown, none is sent.",
        "To play the shopper, POST {\"type\":\"reply\",\"from\":\"+1…\",\"text\":\"STOP\",\"id\":\"1\"} to {url}.",
    ],
    topics: &[],
    limits: &["Nothing leaves: for trying things out."],
};

static CAN: Can = Can { replies: true, ..Can::SEND };

impl Gateway for Log {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, _settings: &Settings, _sms: &Outgoing) -> Dispatch {
        Dispatch::Keep
    }

    /// Nothing is ever asked, so there is no answer to judge.
    fn outcome(&self, _settings: &Settings, _answer: &Response) -> SendOutcome {
        wire::unknown("this gateway sends nothing")
    }

    fn verify(&self, _settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let fields = fields(delivery);
        let topic = match fields.get("type") {
            Some("reply") => "reply",
            Some("receipt") => "receipt",
            _ => "other",
        };
        let key = fields.get("id").map_or_else(|| wire::fingerprint(delivery), wire::short);
        Ok(Accepted::Keep { topic: topic.into(), key })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        let event = match topic {
            "reply" => GatewayEvent::Reply(Reply {
                from: wire::with_plus(fields.get("from").ok_or_else(|| Unreadable::new("a reply without `from`"))?),
                to: fields.get("to").unwrap_or_default().to_owned(),
                text: fields.raw("text").unwrap_or_default().to_owned(),
                gateway_ref: fields.get("id").map_or_else(|| wire::fingerprint(delivery), wire::short),
                answered: false,
            }),
            "receipt" => GatewayEvent::Receipt(Receipt {
                reference: Some(
                    fields
                        .get("reference")
                        .and_then(|text| text.parse().ok())
                        .ok_or_else(|| Unreadable::new("a receipt without the `reference` of a message"))?,
                ),
                gateway_ref: None,
                status: status(fields.get("status").unwrap_or_default()),
                code: None,
                class: None,
                cost: None,
                segments: None,
            }),
            _ => return Ok(Vec::new()),
        };
        Ok(vec![event])
    }
}

fn fields(delivery: &Delivery) -> wire::Fields {
    wire::Fields::of_json(&delivery.body).unwrap_or_else(|| wire::Fields::new(delivery.query_pairs()))
}

fn status(word: &str) -> ReceiptStatus {
    match word {
        "accepted" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "undelivered" => ReceiptStatus::Undelivered,
        "expired" => ReceiptStatus::Expired,
        "rejected" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;
    use proptest::prelude::*;

    fn called(query: &str, body: &[u8]) -> Delivery {
        Delivery {
            method: "POST".into(),
            url: format!("https://shop.example.com/hook/sms/secret{query}"),
            headers: Vec::new(),
            body: body.to_vec(),
            received_at: Time::from_seconds(1_790_000_000),
        }
    }

    fn read(delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let settings = Settings::default();
        match Log.verify(&settings, delivery).unwrap() {
            Accepted::Keep { topic, .. } => Log.read(&settings, &topic, delivery),
            Accepted::Ping | Accepted::Greeting(_) => panic!("no greeting exists here"),
        }
    }

    fn stop() -> Vec<GatewayEvent> {
        vec![GatewayEvent::Reply(Reply {
            from: "+12125550101".into(),
            to: String::new(),
            text: "STOP".into(),
            gateway_ref: "r1".into(),
            answered: false,
        })]
    }

    #[test]
    fn the_demo_phone_can_reply() {
        let json = br#"{"type":"reply","from":"+12125550101","text":"STOP","id":"r1"}"#;
        assert_eq!(read(&called("", json)), Ok(stop()));
        assert_eq!(read(&called("?type=reply&from=+12125550101&text=STOP&id=r1", b"")), Ok(stop()));
    }

    #[test]
    fn the_demo_phone_can_report_delivery() {
        #[track_caller]
        fn check(word: &str, status: ReceiptStatus) {
            let body = format!(r#"{{"type":"receipt","reference":"7.msg_0000000000009","status":"{word}"}}"#);
            match read(&called("", body.as_bytes())).unwrap().as_slice() {
                [GatewayEvent::Receipt(receipt)] => {
                    assert_eq!(receipt.status, status);
                    assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok());
                }
                other => panic!("{other:?}"),
            }
        }
        check("delivered", ReceiptStatus::Delivered);
        check("undelivered", ReceiptStatus::Undelivered);
        check("melted", ReceiptStatus::Unknown);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        assert!(read(&called("", br#"{"type":"receipt","reference":"nonsense"}"#)).is_err());
        assert!(read(&called("", br#"{"type":"reply","text":"STOP"}"#)).is_err());
        assert_eq!(read(&called("", b"hello")), Ok(Vec::new()));
    }

    #[test]
    fn callbacks_that_differ_only_in_the_query_are_told_apart() {
        let key = |query| Log.verify(&Settings::default(), &called(query, b""));
        assert_ne!(key("?type=receipt&status=accepted"), key("?type=receipt&status=delivered"));
    }

    proptest! {
        #[test]
        fn bytes_never_panic(query in "\\PC*", body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&called(&format!("?{query}"), &body));
        }
    }
}

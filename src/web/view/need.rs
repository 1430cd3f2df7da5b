//! What needs a person, and where to do it. Each is one sentence and one link; when there is none, the page says so.

use super::format;
use crate::domain::time::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Texts that may or may not have left.
    UnknownOutcomes {
        messages: u64,
    },
    GatewayPaused {
        gateway: String,
        why: String,
    },
    /// Nothing came from a shop for much longer than is usual for it.
    ShopQuiet {
        id: String,
        name: String,
        since: Time,
        usual_per_hour: u64,
    },
    BadSignatures {
        id: String,
        name: String,
        failures: u64,
    },
    Unreadable {
        deliveries: u64,
    },
    /// Replies hold texts until somebody has read them.
    Replies {
        replies: u64,
    },
    /// People who ask what is held about them, since the first of them did.
    DataRequests {
        people: u64,
        since: Time,
    },
    /// The kill switch is thrown.
    Halted {
        why: String,
    },
    /// Held as long as nobody looks: it looks like fraud or runaway spend.
    Paused {
        things: u64,
    },
    /// A made-up shopper did not come through.
    SelfTest {
        id: String,
        name: String,
        since: Time,
    },
    /// Another system is not told any more.
    WebhookOff {
        /// `sink_…`
        id: String,
        /// The alarm's own sentence.
        what: String,
    },
    /// Carts wait, and nothing can text them.
    NoGateway {
        carts: u64,
    },
}

impl Need {
    pub fn sentence(&self, now: &Time) -> String {
        match self {
            Need::UnknownOutcomes { messages } => {
                format!(
                    "{} with unknown outcome: not sent again until settled",
                    format::number_of(*messages, "text", "texts")
                )
            }
            Need::GatewayPaused { gateway, why } => format!("{gateway} is paused: {why}"),
            Need::ShopQuiet { name, since, usual_per_hour, .. } => format!(
                "Webhooks from {name} are quiet for {} (usual: {} an hour)",
                format::span(now.since(*since)),
                format::count(*usual_per_hour)
            ),
            Need::BadSignatures { name, failures, .. } => {
                format!(
                    "{} from {name} failed the signature check",
                    format::number_of(*failures, "webhook", "webhooks")
                )
            }
            Need::Unreadable { deliveries } => {
                format!("{} could not be read", format::number_of(*deliveries, "delivery", "deliveries"))
            }
            Need::Replies { replies: 1 } => "1 reply waits to be read".to_owned(),
            Need::Replies { replies } => format!("{} replies wait to be read", format::count(*replies)),
            Need::DataRequests { people, since } => {
                let asks = format::agree(*people, "person", "people", "wait to be told what is held about them");
                format!("{asks}, the first for {}: answer within 30 days", format::span(now.since(*since)))
            }
            Need::Halted { why } => format!("All sending is stopped: {why}"),
            Need::Paused { things } => format!(
                "{} because it looks like fake checkouts or runaway spend",
                format::number_of(*things, "thing is paused", "things are paused")
            ),
            Need::SelfTest { name, since, .. } => {
                format!("The self-test of {name} fails, for {}", format::span(now.since(*since)))
            }
            Need::WebhookOff { what, .. } => what.trim_end_matches('.').to_owned(),
            Need::NoGateway { carts } => {
                format!("No gateway is connected: {} cannot be texted", format::number_of(*carts, "cart", "carts"))
            }
        }
    }

    pub fn href(&self) -> String {
        match self {
            Need::UnknownOutcomes { .. } => "/messages?state=unknown".to_owned(),
            Need::GatewayPaused { .. } | Need::NoGateway { .. } => "/gateways".to_owned(),
            Need::SelfTest { id, .. } => format!("/shops/{id}#self-test"),
            Need::ShopQuiet { id, .. } | Need::BadSignatures { id, .. } => format!("/shops/{id}"),
            Need::Unreadable { .. } => "/inbox?verdict=unreadable".to_owned(),
            Need::Replies { .. } => "/replies".to_owned(),
            Need::WebhookOff { id, .. } => format!("/webhooks/{id}"),
            Need::DataRequests { .. } => "/person".to_owned(),
            Need::Halted { .. } | Need::Paused { .. } => "/risk".to_owned(),
        }
    }

    pub fn action(&self) -> &'static str {
        match self {
            Need::UnknownOutcomes { .. } => "See which",
            Need::Replies { .. } => "Read them",
            Need::GatewayPaused { .. } => "See how to resume",
            Need::ShopQuiet { .. } | Need::BadSignatures { .. } => "Check the connection",
            Need::Unreadable { .. } | Need::Paused { .. } | Need::SelfTest { .. } => "See why",
            Need::DataRequests { .. } => "See who",
            Need::Halted { .. } => "See what waits",
            Need::WebhookOff { .. } => "See what was answered",
            Need::NoGateway { .. } => "Connect one",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::HOUR;

    #[test]
    fn each_need_is_one_sentence() {
        let now = Time::from_seconds(1_000_000);
        let quiet = Need::ShopQuiet { id: "1".into(), name: "Acme".into(), since: now - HOUR * 3, usual_per_hour: 40 };
        assert_eq!(quiet.sentence(&now), "Webhooks from Acme are quiet for 3\u{a0}h (usual: 40 an hour)");
        assert_eq!(quiet.href(), "/shops/1");
        let unknown = Need::UnknownOutcomes { messages: 1 };
        assert_eq!(unknown.sentence(&now), "1 text with unknown outcome: not sent again until settled");
    }
}

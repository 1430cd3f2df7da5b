//! What needs a person, and where to do it. Each is one sentence and one link; when there is none, the page says so.

use super::{
    format,
    silence::Quiet,
    words::{say, t},
};
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
    /// The newest checkout leads where nobody is sent.
    Astray {
        id: String,
        why: String,
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
    /// The shop let us in, and yet its webhooks could not be made.
    NotSubscribed {
        id: String,
        name: String,
    },
    /// What should have happened and did not.
    Silent(Quiet),
    /// Carts wait, and nothing can text them.
    NoGateway {
        carts: u64,
    },
}

impl Need {
    pub fn sentence(&self, now: &Time) -> String {
        match self {
            Need::UnknownOutcomes { messages } => {
                let texts = format::number_of(*messages, "text", "texts");
                say("{texts} with unknown outcome: not sent again until settled", &[("texts", &texts)])
            }
            Need::GatewayPaused { gateway, why } => {
                say("{gateway} is paused: {why}", &[("gateway", gateway), ("why", why)])
            }
            Need::ShopQuiet { name, since, usual_per_hour, .. } => say(
                "Webhooks from {name} are quiet for {span} (usual: {count} an hour)",
                &[
                    ("name", name),
                    ("span", &format::span(now.since(*since))),
                    ("count", &format::count(*usual_per_hour)),
                ],
            ),
            Need::BadSignatures { name, failures, .. } => {
                let webhooks = format::number_of(*failures, "webhook", "webhooks");
                say("{webhooks} from {name} failed the signature check", &[("webhooks", &webhooks), ("name", name)])
            }
            Need::Astray { why, .. } => {
                say("Texts wait, because their links would lead nowhere: {why}", &[("why", why)])
            }
            Need::Unreadable { deliveries } => {
                let deliveries = format::number_of(*deliveries, "delivery", "deliveries");
                say("{deliveries} could not be read", &[("deliveries", &deliveries)])
            }
            Need::Replies { replies: 1 } => t("1 reply waits to be read").to_owned(),
            Need::Replies { replies } => say("{count} replies wait to be read", &[("count", &format::count(*replies))]),
            Need::DataRequests { people, since } => {
                let asks = format::agree(*people, "person", "people", "wait to be told what is held about them");
                say(
                    "{asks}, the first for {span}: answer within 30 days",
                    &[("asks", &asks), ("span", &format::span(now.since(*since)))],
                )
            }
            Need::Halted { why } => say("All sending is stopped: {why}", &[("why", why)]),
            Need::Paused { things } => say(
                "{things} because it looks like fake checkouts or runaway spend",
                &[("things", &format::number_of(*things, "thing is paused", "things are paused"))],
            ),
            Need::SelfTest { name, since, .. } => {
                let span = format::span(now.since(*since));
                say("The self-test of {name} fails, for {span}", &[("name", name), ("span", &span)])
            }
            Need::WebhookOff { what, .. } => what.trim_end_matches('.').to_owned(),
            Need::Silent(quiet) => quiet.sentence(now),
            Need::NotSubscribed { name, .. } => say("The webhooks of {name} could not be made", &[("name", name)]),
            Need::NoGateway { carts } => {
                let carts = format::number_of(*carts, "cart", "carts");
                say("No gateway is connected: {carts} cannot be texted", &[("carts", &carts)])
            }
        }
    }

    pub fn href(&self) -> String {
        match self {
            Need::UnknownOutcomes { .. } => "/messages?state=unknown".to_owned(),
            Need::GatewayPaused { .. } | Need::NoGateway { .. } => "/gateways".to_owned(),
            Need::SelfTest { id, .. } => format!("/shops/{id}#self-test"),
            Need::ShopQuiet { id, .. } | Need::BadSignatures { id, .. } | Need::Astray { id, .. } => {
                format!("/shops/{id}")
            }
            Need::NotSubscribed { id, .. } => format!("/shops/{id}/set-up?step=shop"),
            Need::Unreadable { .. } => "/inbox?verdict=unreadable".to_owned(),
            Need::Replies { .. } => "/replies".to_owned(),
            Need::WebhookOff { id, .. } => format!("/webhooks/{id}"),
            Need::Silent(quiet) => quiet.href(),
            Need::DataRequests { .. } => "/person".to_owned(),
            Need::Halted { .. } | Need::Paused { .. } => "/risk".to_owned(),
        }
    }

    pub fn action(&self) -> &'static str {
        match self {
            Need::UnknownOutcomes { .. } => t("See which"),
            Need::Replies { .. } => t("Read them"),
            Need::GatewayPaused { .. } => t("See how to resume"),
            Need::ShopQuiet { .. } | Need::BadSignatures { .. } | Need::Astray { .. } => t("Check the connection"),
            Need::Unreadable { .. } | Need::Paused { .. } | Need::SelfTest { .. } => t("See why"),
            Need::Silent(quiet) => quiet.action(),
            Need::DataRequests { .. } => t("See who"),
            Need::Halted { .. } => t("See what waits"),
            Need::WebhookOff { .. } => t("See what was answered"),
            Need::NotSubscribed { .. } => t("Make them again"),
            Need::NoGateway { .. } => t("Connect one"),
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

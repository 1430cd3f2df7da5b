//! Medusa v2. It sends no webhooks: a subscriber of ours (`assets/connect/medusa`) does, in our own event format,
//! signed as Standard Webhooks says. Decides nothing of its own; what a body means, `generic` decides.
//!
//! The token of a checkout is the cart's id; the order is linked to it by Medusa's own link of order and cart. Medusa
//! has no consent: the storefront writes it into the cart's metadata.

use super::{generic::told::Told, hosts, standard_webhooks};
use crate::domain::connector::{Field, Spec, Topic};

/// The discount code goes by the storefront's route, which hands it on.
pub static MEDUSA: Told = Told { spec: &SPEC, discount: "code" };

static SPEC: Spec = Spec {
    kind: "medusa",
    name: "Medusa",
    fields: &[
        Field {
            key: "secret",
            label: "Signing secret",
            help: "whsec_…, the same here and in CARTBACK_SECRET; cartback can make one. Two with a comma between \
                   them while one is being replaced.",
            secret: true,
            required: true,
            drawn: true,
            check: standard_webhooks::check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where recovery links may lead: the storefront's host, shop.example. With commas between them if \
                   there are several.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Copy src/subscribers/cartback.ts, src/jobs/cartback.ts and src/api/cartback/restore/route.ts from \
         assets/connect/medusa of Cartback's source into the same folders of your Medusa project.",
        "Set its environment: CARTBACK_URL={url}, CARTBACK_SECRET to the signing secret, CARTBACK_STOREFRONT_URL to \
         https:// and the storefront's host; start Medusa again.",
        "Copy storefront/route.ts to src/app/api/cartback/route.ts of a Next.js storefront; another one does the \
         same in its own way.",
        "Show an unticked box at the phone field of the checkout, and write what was said into the cart by POST to \
         the cart in Medusa's Store API: metadata sms_consent (true, false or \"withdrawn\"), sms_consent_text (the \
         words next to the box) and sms_consent_at.",
        "Put the parameter cartback of a link that was followed into the metadata cartback of the cart, where your \
         storefront does not use the route above.",
    ],
    topics: &[
        Topic {
            name: "checkout.updated",
            label: "checkout.updated",
            purpose: "carts, phone and consent",
            needed: true,
        },
        Topic { name: "checkout.deleted", label: "checkout.deleted", purpose: "carts that are gone", needed: false },
        Topic { name: "order.upserted", label: "order.upserted", purpose: "orders and refunds", needed: true },
        Topic { name: "customer.redacted", label: "customer.redacted", purpose: "erasure", needed: false },
    ],
    limits: &[
        "Only carts whose metadata says sms_consent are told; without a tick nothing personal is.",
        "An erased customer is told by Medusa's customer id alone, so guests must be erased here as well.",
        "Items are told at their price before tax where the region's prices are without tax.",
        "What a discount code took off is not told, only the code.",
        "What could not be delivered is told again for two hours; a longer outage needs the job's HOURS raised once.",
        "Single-use discount codes cannot be made here; codes of your own are applied by the link.",
        "Removing the subscriber is not told: pause or remove the connection here as well.",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::event::ShopEvent, shop::generic::emitted};

    const RUN: &str = "tests/connect/node/run.cjs";

    #[test]
    fn what_every_file_of_ours_holds() {
        emitted::holds(&MEDUSA);
    }

    /// Those of the Vendure plugin run with them.
    #[test]
    fn the_files_pass_their_own_tests() {
        emitted::run("node", &[RUN]);
    }

    #[test]
    fn we_understand_what_the_subscriber_sends() {
        let Some(events) = emitted::told(&MEDUSA, "node", &[RUN, "emit", "medusa"]) else { return };
        let (story, rest) = events.split_at(6);
        emitted::is_the_whole_story(story, "cart_01", 65_050, 2_025);
        let ShopEvent::Order(order) = &story[2] else { panic!("{story:?}") };
        assert_eq!(
            (order.recovery_tokens.as_slice(), order.codes.as_slice()),
            (&["AbC_123-xyz".to_owned()][..], &["OAK10".to_owned()][..])
        );
        let [ShopEvent::Redact(who)] = rest else { panic!("{rest:?}") };
        assert_eq!(who.customer.as_deref(), Some("cus_1"));
    }
}

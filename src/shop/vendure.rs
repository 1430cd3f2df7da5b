//! Vendure 2 and 3. It sends no webhooks: a plugin of ours (`assets/connect/vendure/cartback-plugin.ts`) does, in our
//! own event format, signed as Standard Webhooks says. Decides nothing of its own; what a body means, `generic`
//! decides.
//!
//! In Vendure the cart is the order: the token of a checkout is the order's code. Vendure has no consent: the
//! storefront writes it into custom fields that the plugin adds.

use super::{generic::told::Told, hosts, standard_webhooks};
use crate::domain::connector::{Field, Spec, Topic};

/// The discount code goes by the storefront's page, which hands it to the mutation.
pub static VENDURE: Told = Told { spec: &SPEC, discount: "code" };

static SPEC: Spec = Spec {
    kind: "vendure",
    name: "Vendure",
    fields: &[
        Field {
            key: "secret",
            label: "Signing secret",
            help: "whsec_…, the same here and in the plugin's options; cartback can make one. Two with a comma \
                   between them while one is being replaced.",
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
        "Copy assets/connect/vendure/cartback-plugin.ts of Cartback's source into your Vendure project.",
        "Add it to plugins in vendure-config.ts: CartbackPlugin.init({ url: '{url}', secret: \
         process.env.CARTBACK_SECRET, storefrontUrl: 'https://shop.example/cartback' }).",
        "Make and run a migration for the five custom fields of Order, and start the server and the worker again.",
        "Show an unticked box at the phone field of the checkout, and write what was said by setOrderCustomFields: \
         cartbackConsent (true or false), cartbackConsentText (the words next to the box) and cartbackConsentAt \
         (when it was ticked; keep it when the tick is taken back).",
        "Let the page at storefrontUrl call the mutation cartbackRestore with the parameters restore, code and \
         cartback of its address, and lead on to the checkout.",
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
        "Only carts whose field cartbackConsent was set are told; without a tick nothing personal is.",
        "Orders that staff draft are told when they are placed, as if made on the web.",
        "An anonymised customer is not told; a deleted one is.",
        "What a discount code took off is not told, only the code.",
        "Amounts are read with Vendure's default of two decimal places; another MoneyStrategy needs the plugin \
         changed.",
        "Deliveries need Vendure's worker and a job queue that outlives a restart, such as the DefaultJobQueuePlugin.",
        "Single-use discount codes cannot be made here; codes of your own are applied by the link.",
        "Removing the plugin is not told: pause or remove the connection here as well.",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::generic::emitted;

    #[test]
    fn what_every_file_of_ours_holds() {
        emitted::holds(&VENDURE);
    }

    #[test]
    fn we_understand_what_the_plugin_sends() {
        let run = ["tests/connect/node/run.cjs", "emit", "vendure"];
        let Some(events) = emitted::told(&VENDURE, "node", &run) else { return };
        emitted::is_the_whole_story(&events, "T3D8RPZZA24FRDBH", 65_050, 2_025);
    }
}

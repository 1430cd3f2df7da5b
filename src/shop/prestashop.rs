//! PrestaShop 1.7.6 to 9. It sends no webhooks: a module of ours (`assets/connect/prestashop/cartback`) does, in our
//! own event format, signed as Standard Webhooks says. Decides nothing of its own; what a body means, `generic`
//! decides.
//!
//! The token of a checkout is the cart's id, which the order names as well. PrestaShop's own link to a cart logs its
//! customer in, so the module has a link of its own that does not.

use super::{generic::told::Told, hosts, standard_webhooks};
use crate::domain::connector::{Field, Spec, Topic};

/// The discount code goes by the module's restore link.
pub static PRESTASHOP: Told = Told { spec: &SPEC, discount: "discount" };

static SPEC: Spec = Spec {
    kind: "prestashop",
    name: "PrestaShop",
    fields: &[
        Field {
            key: "secret",
            label: "Signing secret",
            help: "whsec_…, the same here and in the module; cartback can make one. Two with a comma between them \
                   while one is being replaced.",
            secret: true,
            required: true,
            drawn: true,
            check: standard_webhooks::check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where recovery links may lead: shop.example. With commas between them if there are several.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Zip the folder assets/connect/prestashop/cartback of Cartback's source, and in PrestaShop open Modules > \
         Module Manager > Upload a module and choose it.",
        "Press Configure there, paste the webhook URL {url} and the signing secret, and press Save.",
        "Press \"Send a test to Cartback\" there: it appears here as a test that arrived.",
        "On a quiet shop, let the system's cron call the address shown on that page every minute.",
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
        Topic { name: "shop.uninstalled", label: "shop.uninstalled", purpose: "the module was removed", needed: false },
        Topic { name: "test", label: "test", purpose: "trying the connection", needed: false },
    ],
    limits: &[
        "Only carts whose shopper ticked the module's box are told, from the address step of the checkout on.",
        "The consent of PrestaShop's own newsletter and GDPR boxes is not consent to texts and is not told.",
        "Orders made in the back office are told as made by staff; tills that write orders by other modules are told \
         as made on the web.",
        "Refunds are told as one sum of an order's credit slips; money given back without a slip is only told by the \
         state Refunded.",
        "Products with a customer's own text or file do not come back with the cart.",
        "Where PHP runs inside Apache (mod_php), deliveries wait for the next visitor's browser or for cron.",
        "Single-use discount codes cannot be made here; codes of your own are applied by the link.",
        "Orders from before the module was installed, and what it missed for more than three days, cannot be fetched.",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::event::ShopEvent, shop::generic::emitted};

    const RUN: &str = "tests/connect/prestashop/run.php";

    #[test]
    fn what_every_file_of_ours_holds() {
        emitted::holds(&PRESTASHOP);
    }

    #[test]
    fn the_module_passes_its_own_tests() {
        let folder = "assets/connect/prestashop/cartback";
        for file in ["cartback", "classes/CartbackToken", "classes/CartbackStore", "classes/CartbackCart"]
            .into_iter()
            .chain(["classes/CartbackOrder", "classes/CartbackSender", "classes/CartbackRestore", "index"])
            .chain(["controllers/front/restore", "controllers/front/capture", "controllers/front/send"])
        {
            emitted::run("php", &["-l", &format!("{folder}/{file}.php")]);
        }
        emitted::run("php", &[RUN]);
    }

    #[test]
    fn we_understand_what_the_module_sends() {
        let Some(events) = emitted::told(&PRESTASHOP, "php", &[RUN, "emit"]) else { return };
        let (story, rest) = events.split_at(6);
        emitted::is_the_whole_story(story, "41", 55_050, 2_000);
        let [ShopEvent::Test, ShopEvent::Redact(number), ShopEvent::Redact(address), ShopEvent::Uninstalled { .. }] =
            rest
        else {
            panic!("{rest:?}")
        };
        assert_eq!((number.phones.len(), address.email.as_deref()), (1, Some("ida@example.com")));
    }
}

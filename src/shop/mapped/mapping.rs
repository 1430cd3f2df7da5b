//! A mapping: where in a body each thing stands, in which words it says what it says, and in which units. Decides
//! nothing; `reader` reads by it. A form fills one (`Mapping::of`), and known senders are constants of the same kind.

use crate::domain::connector::Settings;

/// Paths are as `path` writes them, "" where the body has no such thing; words have commas between them and are
/// compared without regard to case.
#[derive(Clone, Copy, Debug)]
pub(in crate::shop) struct Mapping<'a> {
    /// Who says that consent was given.
    pub source: &'a str,
    /// What stands in the wrong form is an error, for a person who can mend the form; else it is left out, for a sender
    /// whose form nobody here can mend. Ids and money are always exact.
    pub strict: bool,
    /// Amounts are whole numbers of the currency's smallest unit.
    pub minor: bool,
    /// Carts are told once, when they were left.
    pub written_at_once: bool,

    /// What a body tells of. Without a path, or without any words, its shape says it: with an order's id it is an
    /// order.
    pub kind: &'a str,
    pub kind_cart: &'a str,
    pub kind_order: &'a str,
    pub kind_refund: &'a str,
    pub kind_deleted: &'a str,
    pub kind_test: &'a str,
    pub updated_at: &'a str,

    pub phone: &'a str,
    pub country: &'a str,
    pub email: &'a str,
    /// An address that stands for none.
    pub email_nobody: &'a str,
    pub currency: &'a str,

    pub cart_id: &'a str,
    /// A second name of the cart that orders may carry.
    pub cart_token: &'a str,
    pub first_name: &'a str,
    pub total: &'a str,
    pub item_title: &'a str,
    pub item_quantity: &'a str,
    pub item_price: &'a str,
    pub recovery_url: &'a str,
    pub consent: &'a str,
    pub consent_granted: &'a str,
    pub completed: &'a str,
    pub completed_words: &'a str,

    pub order_id: &'a str,
    pub order_number: &'a str,
    /// The cart that an order came from; where that is not said, `cart_id` is looked at.
    pub order_cart: &'a str,
    pub recovery_token: &'a str,
    pub order_total: &'a str,
    pub placed_at: &'a str,
    pub payment: &'a str,
    pub order_status: &'a str,
    pub status_paid: &'a str,
    pub status_cancelled: &'a str,
    pub status_refunded: &'a str,

    /// In an order: what went back so far. In a refund: its amount.
    pub refund_amount: &'a str,
    pub refund_id: &'a str,
    /// Without these words a refund has not happened yet, or not at all.
    pub refund_status: &'a str,
    pub refund_done: &'a str,
}

impl Mapping<'static> {
    /// Nothing stands anywhere; the rest by struct update.
    pub(in crate::shop) const NONE: Mapping<'static> = Mapping {
        source: "",
        strict: false,
        minor: false,
        written_at_once: false,
        kind: "",
        kind_cart: "",
        kind_order: "",
        kind_refund: "",
        kind_deleted: "",
        kind_test: "",
        updated_at: "",
        phone: "",
        country: "",
        email: "",
        email_nobody: "",
        currency: "",
        cart_id: "",
        cart_token: "",
        first_name: "",
        total: "",
        item_title: "",
        item_quantity: "",
        item_price: "",
        recovery_url: "",
        consent: "",
        consent_granted: "",
        completed: "",
        completed_words: "",
        order_id: "",
        order_number: "",
        order_cart: "",
        recovery_token: "",
        order_total: "",
        placed_at: "",
        payment: "",
        order_status: "",
        status_paid: "",
        status_cancelled: "",
        status_refunded: "",
        refund_amount: "",
        refund_id: "",
        refund_status: "",
        refund_done: "",
    };
}

impl<'a> Mapping<'a> {
    /// As a person filled it in. Settings that hold a path begin with `at_`: a form has a country and a currency
    /// besides.
    pub(in crate::shop) fn of(settings: &'a Settings) -> Mapping<'a> {
        let get = |key| settings.get(key);
        Mapping {
            source: "mapped",
            strict: true,
            minor: get("amounts") == "minor",
            kind: get("at_kind"),
            kind_cart: get("kind_cart"),
            kind_order: get("kind_order"),
            kind_refund: get("kind_refund"),
            kind_deleted: get("kind_deleted"),
            kind_test: get("kind_test"),
            updated_at: get("at_updated_at"),
            phone: get("at_phone"),
            country: get("at_country"),
            email: get("at_email"),
            currency: get("at_currency"),
            cart_id: get("at_cart_id"),
            first_name: get("at_first_name"),
            total: get("at_total"),
            item_title: get("at_item_title"),
            item_quantity: get("at_item_quantity"),
            item_price: get("at_item_price"),
            recovery_url: get("at_recovery_url"),
            consent: get("at_consent"),
            consent_granted: get("consent_granted"),
            completed: get("at_completed"),
            completed_words: get("completed_words"),
            order_id: get("at_order_id"),
            order_number: get("at_order_number"),
            order_cart: get("at_order_cart"),
            recovery_token: get("at_recovery_token"),
            order_total: get("at_order_total"),
            placed_at: get("at_placed_at"),
            order_status: get("at_order_status"),
            status_paid: get("status_paid"),
            status_cancelled: get("status_cancelled"),
            status_refunded: get("status_refunded"),
            refund_amount: get("at_refund_amount"),
            refund_id: get("at_refund_id"),
            ..Mapping::NONE
        }
    }
}

/// One of these words, which have commas between them.
pub(in crate::shop) fn is_among(words: &str, word: &str) -> bool {
    each(words).any(|known| known.eq_ignore_ascii_case(word))
}

pub(in crate::shop) fn each(words: &str) -> impl Iterator<Item = &str> {
    words.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty())
}

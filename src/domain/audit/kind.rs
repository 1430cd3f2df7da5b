//! The kinds of difference between two books: what each is called, what is likely behind it, and how it is mended. Words
//! for shopkeepers, as data.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The shop has it, we do not.
    MissingHere,
    /// We have it, the shop does not.
    MissingThere,
    /// We have it twice under one number.
    DuplicateHere,
    /// The shop's list names it twice.
    DuplicateThere,
    Value,
    /// Apart by exactly the tax, the shipping or both.
    Basis,
    Currency,
    /// Bought in the shop's book only.
    BoughtThere,
    /// Bought in ours only.
    BoughtHere,
    CancelledThere,
    CancelledHere,
    Refund,
    PlacedAt,
    /// Placed on the day before or after, or a whole number of half hours apart.
    DayShift,
    /// A test in one book only.
    Test,
    CreditWithoutOrder,
    CreditTooLarge,
    CreditedTwice,
    /// It carries our link and is neither credited nor explained.
    TokenWithoutCredit,
}

/// How much a difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A matter of how the two books count: shown, not scored.
    Mild,
    Plain,
    /// What must never be: a red flag by itself.
    Grave,
}

impl Kind {
    pub const ALL: [Kind; 19] = [
        Kind::MissingHere,
        Kind::MissingThere,
        Kind::DuplicateHere,
        Kind::DuplicateThere,
        Kind::Value,
        Kind::Basis,
        Kind::Currency,
        Kind::BoughtThere,
        Kind::BoughtHere,
        Kind::CancelledThere,
        Kind::CancelledHere,
        Kind::Refund,
        Kind::PlacedAt,
        Kind::DayShift,
        Kind::Test,
        Kind::CreditWithoutOrder,
        Kind::CreditTooLarge,
        Kind::CreditedTwice,
        Kind::TokenWithoutCredit,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::MissingHere => "missing_here",
            Kind::MissingThere => "missing_there",
            Kind::DuplicateHere => "duplicate_here",
            Kind::DuplicateThere => "duplicate_there",
            Kind::Value => "value",
            Kind::Basis => "basis",
            Kind::Currency => "currency",
            Kind::BoughtThere => "bought_there",
            Kind::BoughtHere => "bought_here",
            Kind::CancelledThere => "cancelled_there",
            Kind::CancelledHere => "cancelled_here",
            Kind::Refund => "refund",
            Kind::PlacedAt => "placed_at",
            Kind::DayShift => "day_shift",
            Kind::Test => "test",
            Kind::CreditWithoutOrder => "credit_without_order",
            Kind::CreditTooLarge => "credit_too_large",
            Kind::CreditedTwice => "credited_twice",
            Kind::TokenWithoutCredit => "token_without_credit",
        }
    }

    pub fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn weight(self) -> Weight {
        match self {
            Kind::Basis | Kind::PlacedAt | Kind::DayShift => Weight::Mild,
            Kind::CreditWithoutOrder | Kind::CreditTooLarge | Kind::CreditedTwice => Weight::Grave,
            _ => Weight::Plain,
        }
    }

    /// Whether fetching the order again from the shop can mend it.
    pub fn can_be_filled(self) -> bool {
        matches!(
            self,
            Kind::MissingHere
                | Kind::Value
                | Kind::Basis
                | Kind::Currency
                | Kind::BoughtThere
                | Kind::CancelledThere
                | Kind::Refund
                | Kind::Test
                | Kind::TokenWithoutCredit
        )
    }

    pub fn title(self) -> &'static str {
        match self {
            Kind::MissingHere => "Missing in our books",
            Kind::MissingThere => "Missing in the shop's books",
            Kind::DuplicateHere => "Twice in our books",
            Kind::DuplicateThere => "Twice in the shop's list",
            Kind::Value => "Another amount",
            Kind::Basis => "With and without tax or shipping",
            Kind::Currency => "Another currency",
            Kind::BoughtThere => "Bought, and we do not know it",
            Kind::BoughtHere => "Not bought, and we count it",
            Kind::CancelledThere => "Cancelled, and we do not know it",
            Kind::CancelledHere => "Not cancelled, and we took it off",
            Kind::Refund => "Other refunds",
            Kind::PlacedAt => "Placed at another time",
            Kind::DayShift => "Shifted by a time zone",
            Kind::Test => "A test in one of the books",
            Kind::CreditWithoutOrder => "Credit without an order",
            Kind::CreditTooLarge => "Credit larger than the order",
            Kind::CreditedTwice => "Credited to two texts",
            Kind::TokenWithoutCredit => "Came by our link, not credited",
        }
    }

    /// What is likely behind it.
    pub fn cause(self) -> &'static str {
        match self {
            Kind::MissingHere => {
                "No webhook told of it: the webhook was switched off or removed, Cartback was down, or the order came in by a channel that sends none."
            }
            Kind::MissingThere => {
                "It was deleted or archived in the shop, the list left it out, or it was told by another shop's webhook."
            }
            Kind::DuplicateHere => {
                "The shop gave the order a new id, after a move or an import, and both were told under one number."
            }
            Kind::DuplicateThere => {
                "The list was exported with a line for each item, or two exports were joined where they overlap."
            }
            Kind::Value => "The order was edited after it was placed, and no webhook told of it.",
            Kind::Basis => {
                "One book counts with tax or shipping and the other without: a setting of the shop or of the export."
            }
            Kind::Currency => "One book counts in the currency the buyer paid in, the other in the shop's own.",
            Kind::BoughtThere => "The payment came later, and no webhook told of it.",
            Kind::BoughtHere => "The payment failed or was taken back after the order had been told as bought.",
            Kind::CancelledThere => {
                "It was cancelled, and the webhook for cancelled orders is missing or came to nothing."
            }
            Kind::CancelledHere => "It was cancelled and restored, or the shop's staff opened it again.",
            Kind::Refund => "Something was refunded, and the webhook for refunds is missing or came to nothing.",
            Kind::PlacedAt => "The order was imported or placed by hand, and the books note different moments of it.",
            Kind::DayShift => {
                "The list is written in another time zone than the shop's, so that orders near midnight lie on another day."
            }
            Kind::Test => "The order was paid with a test gateway, and only one of the books knows.",
            Kind::CreditWithoutOrder => {
                "The order it was earned with was deleted in the shop, or never was one of this shop's."
            }
            Kind::CreditTooLarge => "The order shrank after it was credited, and the credit was not worked out again.",
            Kind::CreditedTwice => "A defect of ours: an order is credited once or not at all.",
            Kind::TokenWithoutCredit => "The order reached us without the link it came by, or has not been judged yet.",
        }
    }

    /// What to do about it.
    pub fn mend(self) -> &'static str {
        match self {
            Kind::MissingHere => {
                "Fetch it now. If there are many: look at the shop's webhooks, and whether they are still there."
            }
            Kind::MissingThere => {
                "Look for it in the shop. If it is gone there, ignore this with the reason; if not, compare a longer span."
            }
            Kind::DuplicateHere => "Ignore the older of the two with the reason, and check where the new id came from.",
            Kind::DuplicateThere => "Export one line for each order, and one span at a time.",
            Kind::Value | Kind::BoughtThere => "Fetch it now. If there are many: add the webhook for updated orders.",
            Kind::Basis => "Choose the same basis for both. Fetching it again helps where our amount is the older one.",
            Kind::Currency => "Export amounts in the shop's own currency. Fetching it again helps where ours is wrong.",
            Kind::BoughtHere => "If it was never paid, cancel it in the shop: a cancelled order takes its credit back.",
            Kind::CancelledThere => "Fetch it now. If there are many: add the webhook for cancelled orders.",
            Kind::CancelledHere => {
                "A cancelled order stays cancelled here, so that no credit comes back by itself. Ignore it with the reason, or place it anew."
            }
            Kind::Refund => "Fetch it now. If there are many: add the webhook for refunds.",
            Kind::PlacedAt => "Nothing, if the order was imported. Windows are counted from the moment in our books.",
            Kind::DayShift => {
                "Set the shop's time zone to the one its reports use, or name the list's zone when it is read."
            }
            Kind::Test => "Fetch it now: a test order earns no credit.",
            Kind::CreditWithoutOrder => {
                "Look for the order in the shop. If it is gone, cancel it here or correct the credit by hand."
            }
            Kind::CreditTooLarge => "Have the credits of these days worked out again, and compare once more.",
            Kind::CreditedTwice => "Have the credits of these days worked out again, and report it if it comes back.",
            Kind::TokenWithoutCredit => "Fetch it now: it is judged again with the link it carries.",
        }
    }
}

//! How sure a credit is, in three grades, each with its rule in words. A grade says how well text and order are known to
//! be one person's and one purchase; it never says that the text caused it.

use serde::{Deserialize, Serialize};

use super::{Class, Tie};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    High,
    Medium,
    Low,
}

impl Grade {
    pub const ALL: [Grade; 3] = [Grade::High, Grade::Medium, Grade::Low];

    /// Of what a text earned, by what ties it to the order.
    pub fn of(class: Class, tie: Tie) -> Grade {
        match (class, tie) {
            (Class::Credited, Tie::Token | Tie::Code | Tie::CartToken) => Grade::High,
            (Class::Credited, Tie::Phone) => Grade::Medium,
            (Class::Credited, Tie::Customer | Tie::Email) | (Class::Assisted, _) => Grade::Low,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Grade::High => "high",
            Grade::Medium => "medium",
            Grade::Low => "low",
        }
    }

    /// What makes it this grade.
    pub fn rule(self) -> &'static str {
        match self {
            Grade::High => {
                "The link was tapped, and the order itself carries the link, the code or the checkout of the text."
            }
            Grade::Medium => "The link was tapped, and the order gives the phone number that was texted.",
            Grade::Low => "The link was tapped but only the customer or the e-mail is the same; or nobody tapped it.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untapped_text_is_never_sure() {
        for tie in [Tie::Token, Tie::Code, Tie::CartToken, Tie::Phone, Tie::Customer, Tie::Email] {
            assert_eq!(Grade::of(Class::Assisted, tie), Grade::Low);
        }
        assert_eq!(Grade::of(Class::Credited, Tie::CartToken), Grade::High);
        assert_eq!(Grade::of(Class::Credited, Tie::Phone), Grade::Medium);
        assert_eq!(Grade::of(Class::Credited, Tie::Email), Grade::Low);
    }
}

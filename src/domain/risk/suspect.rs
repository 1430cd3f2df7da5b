//! Who is no shopper: a crawler that fills carts, a test. They are never texted and left out of the figures.

use serde::{Deserialize, Serialize};

use crate::domain::{decide::GateName, phone::Phone};

/// Why a cart is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspect {
    /// A crawler that checks shops by filling carts (Google's Storebot).
    Bot,
    /// A mail domain kept for examples and tests.
    TestMail,
    /// A number kept for films and examples, or one nobody has but everybody types.
    TestNumber,
}

impl Suspect {
    /// What is wrong with this person, if anything: a bot before a test.
    pub fn of(email: Option<&str>, phone: Option<&Phone>) -> Option<Suspect> {
        let domain = email.and_then(mail_domain);
        let domain = domain.as_deref();
        if domain.is_some_and(is_of_a_bot) {
            Some(Suspect::Bot)
        } else if domain.is_some_and(is_of_a_test) {
            Some(Suspect::TestMail)
        } else {
            phone.is_some_and(Phone::is_for_tests).then_some(Suspect::TestNumber)
        }
    }

    /// Whether `Limits::allow_tests` lets it through.
    pub fn is_test(self) -> bool {
        self != Suspect::Bot
    }

    pub fn words(self) -> &'static str {
        match self {
            Suspect::Bot => "made by a crawler that checks shops, not by a shopper",
            Suspect::TestMail => "its e-mail is of a domain kept for examples and tests",
            Suspect::TestNumber => "a number kept for examples, or one everybody types who has none",
        }
    }

    /// The gate that stops it.
    pub fn gate(self) -> GateName {
        match self {
            Suspect::TestNumber => GateName::Number,
            Suspect::Bot | Suspect::TestMail => GateName::Cart,
        }
    }
}

fn mail_domain(email: &str) -> Option<String> {
    let (_, domain) = email.trim().rsplit_once('@')?;
    Some(domain.trim_end_matches('.').to_lowercase())
}

/// The domain itself or one below it.
fn within(domain: &str, zone: &str) -> bool {
    domain.strip_suffix(zone).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// Google's Storebot signs its carts `…@storebotmail.joonix.net` (reliability.md sources 15, 16).
fn is_of_a_bot(domain: &str) -> bool {
    within(domain, "joonix.net") || domain.split('.').any(|label| label == "storebotmail" || label == "storebot")
}

/// RFC 2606: the names that will never be anybody's.
fn is_of_a_test(domain: &str) -> bool {
    ["test", "example", "invalid", "localhost", "example.com", "example.net", "example.org"]
        .iter()
        .any(|zone| within(domain, zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crawlers_and_tests_are_known_by_their_mail() {
        #[track_caller]
        fn check(email: &str, expected: Option<Suspect>) {
            assert_eq!(Suspect::of(Some(email), None), expected, "{email}");
        }
        check("john.doe@storebotmail.joonix.net", Some(Suspect::Bot));
        check(" John@STOREBOTMAIL.JOONIX.NET. ", Some(Suspect::Bot));
        check("a@joonix.net", Some(Suspect::Bot));
        check("a@storebotmail.example.com", Some(Suspect::Bot));
        check("a@joonix.net.si", None);
        check("a@myjoonix.net", None);
        check("storebotmail@gmail.com", None);
        check("a@example.com", Some(Suspect::TestMail));
        check("a@mail.example.org", Some(Suspect::TestMail));
        check("a@shop.test", Some(Suspect::TestMail));
        check("a@anything.invalid", Some(Suspect::TestMail));
        check("a@localhost", Some(Suspect::TestMail));
        check("a@example.com.au", None);
        check("a@bestexample.com", None);
        check("a@contest", None);
        check("example.com", None);
        check("", None);
    }

    #[test]
    fn a_bot_is_named_before_a_test() {
        let fiction = Phone::restored("+12125550142".into());
        let real = Phone::restored("+12127365000".into());
        assert_eq!(Suspect::of(None, Some(&fiction)), Some(Suspect::TestNumber));
        assert_eq!(Suspect::of(Some("ana@posta.si"), Some(&real)), None);
        assert_eq!(Suspect::of(Some("a@example.net"), Some(&fiction)), Some(Suspect::TestMail));
        assert_eq!(Suspect::of(Some("a@x.joonix.net"), Some(&fiction)), Some(Suspect::Bot));
        assert_eq!(Suspect::of(None, None), None);
    }

    proptest! {
        #[test]
        fn arbitrary_mail_never_panics(email in ".{0,60}") {
            let _ = Suspect::of(Some(&email), None);
        }
    }
}

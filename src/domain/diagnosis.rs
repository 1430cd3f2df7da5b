//! Diagnosis: where visitors stop, said in plain words, with what to look at first. Rules are data: two kinds of event, a
//! share below which something may be wrong, and how many cases it takes before anything is said. A rule is a hint: it
//! compares counts and proves no cause.

use super::site_event::Kind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// From whom, and to what.
    pub from: Kind,
    pub to: Kind,
    /// Visitors of `to` out of a hundred of `from`; fewer is a finding.
    pub least_percent: u64,
    /// Visitors of `from` it takes.
    pub cases_min: u64,
    /// What it looks like, in English.
    pub says: &'static str,
    /// What to look at first, in English.
    pub look_at: &'static str,
}

/// Thresholds are well below what shops usually see, so that what is said is worth a look.
pub const RULES: [Rule; 8] = [
    Rule {
        from: Kind::CartAdded,
        to: Kind::Ordered,
        least_percent: 15,
        cases_min: 100,
        says: "Many carts, few orders.",
        look_at: "Look at shipping costs and delivery times, at the ways to pay, and at whether an account is demanded.",
    },
    Rule {
        from: Kind::CheckoutStarted,
        to: Kind::Ordered,
        least_percent: 30,
        cases_min: 60,
        says: "Many begin the checkout, few finish it.",
        look_at: "Walk through it on a phone: count its fields, try every way to pay, look for a cost that first appears there.",
    },
    Rule {
        from: Kind::CartAdded,
        to: Kind::CheckoutStarted,
        least_percent: 30,
        cases_min: 100,
        says: "Many carts, few checkouts.",
        look_at: "Look at the cart page: is the way on in sight, is the total honest, does a coupon field send people away to search?",
    },
    Rule {
        from: Kind::ProductViewed,
        to: Kind::CartAdded,
        least_percent: 3,
        cases_min: 300,
        says: "Many look at products, few put one into the cart.",
        look_at: "Look at price, pictures, stock and sizes, and at whether the button is in sight on a phone.",
    },
    Rule {
        from: Kind::ListViewed,
        to: Kind::ProductViewed,
        least_percent: 20,
        cases_min: 200,
        says: "Lists are seen, their products are not opened.",
        look_at: "Look at what stands first in a list, at its pictures and prices, and at how fast it loads.",
    },
    Rule {
        from: Kind::Searched,
        to: Kind::ProductViewed,
        least_percent: 30,
        cases_min: 100,
        says: "Searches lead to no product.",
        look_at: "Look at the searches themselves, under Goals by target: what is asked for that you do not have, or call otherwise?",
    },
    Rule {
        from: Kind::PaymentEntered,
        to: Kind::Ordered,
        least_percent: 60,
        cases_min: 40,
        says: "Payments are begun and do not go through.",
        look_at: "Look at what your payment provider declined, and try each way to pay with a real card.",
    },
    Rule {
        from: Kind::PageViewed,
        to: Kind::ProductViewed,
        least_percent: 15,
        cases_min: 500,
        says: "Visitors come and see no product.",
        look_at: "Look at the pages they land on and at the sources they come from: do they promise what the shop sells?",
    },
];

/// What a rule found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub from: u64,
    pub to: u64,
}

/// The findings, the most visitors lost first. `visitors` answers how many visitors a kind had, `None` where it is never
/// told: what is not measured is no drop.
pub fn findings(visitors: impl Fn(Kind) -> Option<u64>) -> Vec<Finding> {
    let found = |rule: Rule| {
        let (from, to) = (visitors(rule.from)?, visitors(rule.to)?);
        let is_low = from >= rule.cases_min && u128::from(to) * 100 < u128::from(from) * u128::from(rule.least_percent);
        is_low.then_some(Finding { rule, from, to })
    };
    let mut findings: Vec<Finding> = RULES.into_iter().filter_map(found).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.from.saturating_sub(finding.to)));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_cases_and_what_is_not_measured_say_nothing() {
        #[track_caller]
        fn check(carts: Option<u64>, orders: Option<u64>, expected: &[&str]) {
            let found = findings(|kind| match kind {
                Kind::CartAdded => carts,
                Kind::Ordered => orders,
                _ => None,
            });
            assert_eq!(found.iter().map(|finding| finding.rule.says).collect::<Vec<_>>(), expected);
        }
        check(Some(400), Some(20), &["Many carts, few orders."]);
        check(Some(400), Some(59), &["Many carts, few orders."]);
        check(Some(400), Some(60), &[]);
        check(Some(99), Some(0), &[]);
        check(None, Some(0), &[]);
        check(Some(400), None, &[]);
        check(Some(400), Some(900), &[]);
    }

    #[test]
    fn the_largest_loss_stands_first() {
        let found = findings(|kind| match kind {
            Kind::PageViewed => Some(10_000),
            Kind::ProductViewed => Some(900),
            Kind::CartAdded => Some(10),
            _ => None,
        });
        let says: Vec<_> = found.iter().map(|finding| finding.rule.from).collect();
        assert_eq!(says, [Kind::PageViewed, Kind::ProductViewed]);
    }
}

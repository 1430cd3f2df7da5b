//! The name somebody meant: the nearest of ours, or the one other systems' words stand for.

use super::VARIABLES;

/// What people know from other products' templates.
const MEANT: &[(&str, &str)] = &[
    ("name", "first_name"),
    ("customer", "first_name"),
    ("customer_name", "first_name"),
    ("store", "shop"),
    ("store_name", "shop"),
    ("brand", "shop"),
    ("company", "shop"),
    ("site", "shop"),
    ("url", "link"),
    ("cart", "link"),
    ("cart_url", "link"),
    ("checkout_url", "link"),
    ("abandoned_checkout_url", "link"),
    ("unsubscribe", "opt_out"),
    ("stop", "opt_out"),
    ("price", "total"),
    ("amount", "total"),
    ("cart_total", "total"),
    ("product", "items"),
    ("products", "items"),
    ("item", "items"),
    ("count", "item_count"),
    ("quantity", "item_count"),
    ("coupon", "code"),
    ("coupon_code", "code"),
    ("discount", "code"),
    ("discount_code", "code"),
    ("discount_value", "code_value"),
    ("expires", "code_until"),
    ("expiry", "code_until"),
    ("phone", "call_number"),
    ("phone_number", "call_number"),
];

/// `did you mean …? ` for a name we do not have, or nothing when none is near.
pub fn hint(unknown: &str) -> String {
    nearest(unknown).map_or_else(String::new, |name| format!("did you mean `{name}`? "))
}

fn nearest(unknown: &str) -> Option<&'static str> {
    let plain = unknown.to_lowercase().replace(['.', '-', ' '], "_");
    let meant = MEANT.iter().find(|(theirs, _)| *theirs == plain).map(|(_, ours)| *ours);
    meant.or_else(|| {
        let near = VARIABLES.iter().map(|(name, _)| (distance(&plain, name), *name)).min()?;
        // Fewer than half of the letters may be wrong: `itmes` and `firstname`, not `x`.
        (near.0 * 2 < plain.chars().count()).then_some(near.1)
    })
}

/// How many letters must be changed, added or left out (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut next = vec![above + 1];
        let mut left = above + 1;
        for (other, pair) in to.iter().zip(row.windows(2)) {
            if let [diagonal, up] = pair {
                left = (diagonal + usize::from(*other != letter)).min(up + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unknown: &str, expected: Option<&str>) {
        assert_eq!(nearest(unknown), expected, "{unknown}");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        check("firstname", Some("first_name"));
        check("First_Name", Some("first_name"));
        check("itmes", Some("items"));
        check("optout", Some("opt_out"));
        check("links", Some("link"));
        check("customer.name", Some("first_name"));
        check("coupon", Some("code"));
        check("checkout.url", Some("link"));
        check("code_untill", Some("code_until"));
        check("x", None);
        check("", None);
        check("weather", None);
    }

    #[test]
    fn distances() {
        for (from, to, expected) in [("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3)] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn what_is_suggested_exists() {
        for (theirs, ours) in MEANT {
            assert!(VARIABLES.iter().any(|(name, _)| name == ours), "{ours}");
            assert!(!VARIABLES.iter().any(|(name, _)| name == theirs), "{theirs}");
        }
    }
}

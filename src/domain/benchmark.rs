//! Benchmarks: what share of visitors buys elsewhere, as published, and what this shop's own share did since the period
//! before. The shop's own trend is the one that means something; an average of other shops mixes countries, prices,
//! devices and ways to count a visitor, and is shown with that warning only.

/// A published average: what it is of, its share in hundredths of a per cent, and the year it is said to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// In English.
    pub of: &'static str,
    pub hundredths: u32,
    /// `None` where the source names none.
    pub year: Option<u16>,
}

/// As an article of a vendor of recovery texts (CartBoss, on conversion tracking) hands them on; it names no method.
pub const PUBLISHED: [Published; 3] = [
    Published { of: "Online shops in the United States", hundredths: 260, year: Some(2021) },
    Published { of: "Consumer goods", hundredths: 422, year: None },
    Published { of: "Home and furniture", hundredths: 144, year: None },
];

/// Visitors it takes before a share is told.
const VISITORS_LEAST: u64 = 200;

/// A share of visitors in hundredths of a per cent, rounded; `None` of too few.
pub fn share(hits: u64, visitors: u64) -> Option<u32> {
    if visitors < VISITORS_LEAST {
        return None;
    }
    let hundredths = (u128::from(hits) * 10_000 + u128::from(visitors) / 2) / u128::from(visitors);
    u32::try_from(hundredths).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_few_is_not_told() {
        assert_eq!(share(5, 199), None);
        assert_eq!(share(5, 200), Some(250));
        assert_eq!(share(1, 3_000), Some(3));
        assert_eq!(share(0, 1_000), Some(0));
    }
}

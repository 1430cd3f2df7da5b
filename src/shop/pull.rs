//! Pulling: what is asked of a shop that lets its orders be fetched, and what its answers come to. A pulled order is
//! turned into the body its own webhook would have had, so that everything behind the inbox reads it like any other.

use std::{fmt, time::Duration};

use crate::domain::time::Time;

/// Which orders are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Placed in `[from, to)`, as near to it as the platform can narrow; more than asked for is no mistake.
    Placed { from: Time, to: Time },
    /// Changed since this moment.
    Changed { since: Time },
    /// The one of this id.
    One { external_id: String },
}

/// One order of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The topic under which the platform's webhook would have told of it.
    pub topic: &'static str,
    /// The body it would have had.
    pub body: Vec<u8>,
    pub begun_at: Option<Time>,
    /// Decimals in the order's own currency, as the platform wrote them.
    pub tax: Option<String>,
    pub shipping: Option<String>,
}

impl Pulled {
    /// A body and its topic, and nothing more that is known of it.
    pub fn plain(topic: &'static str, body: impl Into<Vec<u8>>) -> Pulled {
        Pulled { topic, body: body.into(), begun_at: None, tax: None, shipping: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub orders: Vec<Pulled>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<String>,
    /// How long the platform wants us to wait before the next call.
    pub wait: Duration,
    /// How many orders there are in all, where the platform tells.
    pub total: Option<u64>,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPulled {
    /// Not now: asking again after this long is safe.
    Later { why: String, wait: Duration },
    /// Asking again will not help before somebody mends it: words for the shopkeeper.
    Refused(String),
    /// The place to go on from is not known any more: from the beginning.
    Lost,
}

impl fmt::Display for NotPulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotPulled::Later { why, .. } | NotPulled::Refused(why) => f.write_str(why),
            NotPulled::Lost => f.write_str("the shop lost the place to go on from"),
        }
    }
}

impl NotPulled {
    pub fn later(why: impl Into<String>) -> NotPulled {
        NotPulled::Later { why: why.into(), wait: LATER }
    }
}

/// When a platform says "later" and not when.
pub const LATER: Duration = Duration::from_secs(10);
/// No platform is waited for longer than this in one go.
pub const WAIT_MOST: Duration = Duration::from_secs(10 * 60);
/// An answer of orders is this large at most.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Both platforms number their orders.
pub fn is_id(external_id: &str) -> bool {
    !external_id.is_empty() && external_id.bytes().all(|byte| byte.is_ascii_digit())
}

/// `Retry-After` in seconds; a date there counts as not told.
pub fn retry_after(answer: &crate::http::Response) -> Duration {
    let told = answer.header("retry-after").and_then(|text| text.trim().parse::<f64>().ok());
    let seconds = told.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    // Seconds that fit into no duration are more than the most.
    seconds.map_or(LATER, |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MOST)).min(WAIT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Response;

    #[test]
    fn a_shop_is_waited_for_as_it_wants_and_never_forever() {
        #[track_caller]
        fn check(told: &str, expected: Duration) {
            let headers = vec![("retry-after".to_owned(), told.to_owned())];
            assert_eq!(retry_after(&Response { status: 429, headers, body: Vec::new() }), expected, "{told}");
        }
        check("2", Duration::from_secs(2));
        check(" 0.5 ", Duration::from_millis(500));
        check("86400", WAIT_MOST);
        check("1e20", WAIT_MOST);
        check("1e308", WAIT_MOST);
        for nothing in ["", "-1", "NaN", "inf", "1e999", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            check(nothing, LATER);
        }
    }
}

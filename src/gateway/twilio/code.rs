//! Twilio's error codes and states in our words. A code that is not listed is never guessed at: a refusal stays a refusal,
//! a receipt stays what its state says.

use std::time::Duration;

use super::wire;
use crate::domain::message::{ReceiptStatus, RefusalClass};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Refused(RefusalClass),
    /// It passes by itself: on a send, try again later; in a receipt, nothing to learn.
    Passing,
}

/// From <https://www.twilio.com/docs/api/errors>, one page per code. 2xxxx answer a send, 3xxxx come in receipts.
const CODES: &[(u32, Meaning)] = {
    use Meaning::{Passing, Refused};
    use RefusalClass::{Account, Content, Number, OptedOut, Other};
    &[
        (20003, Refused(Account)), // authentication
        (20005, Refused(Account)), // account not active
        (20404, Refused(Account)), // no such account
        (20429, Passing),          // too many requests, "never processed and always safe to retry"
        (21211, Refused(Number)),  // invalid To
        (21212, Refused(Account)), // invalid From
        (21217, Refused(Number)),  // not a valid number
        (21219, Refused(Account)), // trial account, number not verified
        // A country the account has not enabled. It concerns this shopper, and must not pause everyone else's texts.
        (21408, Refused(Other)),
        (21421, Refused(Account)),  // invalid sender number
        (21601, Refused(Account)),  // sender cannot send SMS
        (21602, Refused(Other)),    // no body
        (21603, Refused(Account)),  // no From
        (21604, Refused(Number)),   // no To
        (21606, Refused(Account)),  // sender not ours, or cannot send
        (21608, Refused(Account)),  // trial account, number not verified
        (21610, Refused(OptedOut)), // the person replied STOP
        (21611, Passing),           // the sender's queue is full
        (21612, Refused(Number)),   // not reachable from this sender
        (21614, Refused(Number)),   // not a mobile number
        (21617, Refused(Other)),    // longer than 1600 characters
        (21635, Refused(Number)),   // landline
        (21660, Refused(Account)),  // sender belongs to another account
        (21703, Refused(Account)),  // messaging service without senders
        (21705, Refused(Account)),  // no such messaging service
        (30001, Passing),           // queue overflow
        (30002, Refused(Account)),  // account suspended
        (30003, Passing),           // handset off or out of reach
        (30004, Refused(Content)),  // blocked
        (30005, Refused(Number)),   // unknown handset
        (30006, Refused(Number)),   // landline or unreachable carrier
        (30007, Refused(Content)),  // filtered
        (30008, Passing),           // unknown error
        (30010, Refused(Account)),  // above the maximum price
        (30017, Passing),           // carrier congestion
        (30018, Refused(Account)),  // sender id not registered
        (30022, Passing),           // 10DLC rate
        (30023, Passing),           // 10DLC daily cap
        (30032, Refused(Account)),  // toll-free number not verified
        (30034, Refused(Account)),  // 10DLC number not registered
        (30036, Passing),           // validity period over
    ]
};

/// A sender's queue that is full holds hours of texts (docs, error 21611).
const FULL_QUEUE: (u32, Duration) = (21611, Duration::from_secs(60 * 60));

const VALIDITY_OVER: u32 = 30036;

pub fn meaning(code: u32) -> Option<Meaning> {
    CODES.iter().find(|(known, _)| *known == code).map(|&(_, meaning)| meaning)
}

/// How long a passing refusal takes to pass, where that is known.
pub fn passes_after(code: u32) -> Option<Duration> {
    (code == FULL_QUEUE.0).then_some(FULL_QUEUE.1)
}

/// A state and an error code together.
pub struct Told {
    pub status: ReceiptStatus,
    pub code: Option<String>,
    pub class: Option<RefusalClass>,
}

/// Reads a state word (docs, "Outbound message status in status callbacks") with its error code; code 0 is none.
pub fn told(word: &str, code: Option<&str>) -> Told {
    let code = code.map(str::trim).filter(|code| !matches!(*code, "" | "0"));
    let number = code.and_then(|code| code.parse::<u32>().ok());
    let status = match word {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => ReceiptStatus::Accepted,
        "delivered" | "read" | "partially_delivered" => ReceiptStatus::Delivered,
        "undelivered" | "failed" if number == Some(VALIDITY_OVER) => ReceiptStatus::Expired,
        "undelivered" => ReceiptStatus::Undelivered,
        "failed" | "canceled" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    };
    let class = match number.and_then(meaning) {
        Some(Meaning::Refused(class)) => Some(class),
        _ => None,
    };
    let code = code.map(wire::short).or_else(|| (status == ReceiptStatus::Unknown).then(|| wire::short(word)));
    Told { status, code, class }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn states() {
        use ReceiptStatus::*;
        #[track_caller]
        fn check(word: &str, code: Option<&str>, status: ReceiptStatus, class: Option<RefusalClass>) {
            let told = told(word, code);
            assert_eq!((told.status, told.class), (status, class), "{word} {code:?}");
        }
        for word in ["accepted", "scheduled", "queued", "sending", "sent"] {
            check(word, None, Accepted, None);
        }
        check("delivered", Some(""), Delivered, None);
        check("delivered", Some("0"), Delivered, None);
        check("read", None, Delivered, None);
        check("undelivered", Some("30003"), Undelivered, None);
        check("undelivered", Some("30005"), Undelivered, Some(RefusalClass::Number));
        check("undelivered", Some("30007"), Undelivered, Some(RefusalClass::Content));
        check("undelivered", Some("99999"), Undelivered, None);
        check("failed", Some("21610"), Rejected, Some(RefusalClass::OptedOut));
        check("failed", Some("30034"), Rejected, Some(RefusalClass::Account));
        check("failed", Some("30036"), Expired, None);
        check("failed", Some("not a code"), Rejected, None);
        check("canceled", None, Rejected, None);
        check("teleported", None, Unknown, None);
    }
}

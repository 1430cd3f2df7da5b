//! Sinks: where events are sent on, one file per kind of destination. How to add one: write `sink/x.rs` with a unit
//! struct that implements `Sink`, add `mod x;` and `&x::X` to `ALL` below.
//!
//! A sink is pure: event in, request out; answer in, outcome out. `pipeline::forward` does the talking, keeps the order
//! and the schedule. Telling twice is allowed, so "unknown" is no outcome here: what was not surely taken is told again.

use std::time::Duration;

use crate::{
    domain::{
        connector::{Settings, Spec},
        outbox::Told,
        time::Time,
    },
    http::{HttpError, Request, Response},
};

mod webhook;

pub use webhook::Webhook;

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    /// Try again by the schedule, not before `after` where the receiver wished so.
    Failed {
        why: String,
        after: Option<Duration>,
    },
    /// The receiver is gone for good: no further attempt of anything.
    Gone,
}

/// One kind of destination.
pub trait Sink: Send + Sync {
    fn spec(&self) -> &'static Spec;

    /// The request that tells this event at this moment.
    fn request(&self, settings: &Settings, told: &Told, now: Time) -> Request;

    /// What the answer to that request, or its absence, means.
    fn outcome(&self, answer: Result<&Response, &HttpError>) -> Outcome;
}

pub const ALL: &[&dyn Sink] = &[&webhook::Webhook];

pub fn by_kind(kind: &str) -> Option<&'static dyn Sink> {
    ALL.iter().copied().find(|sink| sink.spec().kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_what_it_is() {
        for (at, sink) in ALL.iter().enumerate() {
            let spec = sink.spec();
            assert!(!spec.kind.is_empty() && spec.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!(!spec.name.is_empty() && !spec.connect.is_empty(), "{}", spec.kind);
            assert!(spec.fields.iter().all(|field| !field.label.is_empty() && !field.help.is_empty()), "{}", spec.kind);
            assert!(
                ALL.iter().skip(at + 1).all(|other| other.spec().kind != spec.kind),
                "{} is there twice",
                spec.kind
            );
        }
    }
}

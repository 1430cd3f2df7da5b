//! Sinks: where events are sent on, one file per kind of destination. How to add one: write `sink/x.rs` with a unit
//! struct that implements `Sink`, add `mod x;` and `&x::X` to `ALL` below.
//!
//! A sink is pure: event in, request out; answer in, outcome out. `pipeline::forward` does the talking, keeps the order
//! and the schedule. Telling twice is allowed, so "unknown" is no outcome here: what was not surely taken is told again.

use std::time::Duration;

use crate::{
    domain::{
        connector::{Settings, Spec},
        outbox::{Told, Topics},
        time::Time,
    },
    http::{HttpError, Request, Response},
};

mod webhook;
mod purchase;
mod ga4;
mod meta;
mod google_ads;

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
    /// A no that repeating would not change: this event is given up, the others go on.
    Refused {
        why: String,
    },
    /// Kept back on purpose, before anything was asked.
    Withheld {
        why: String,
    },
    /// The receiver is gone for good: no further attempt of anything.
    Gone,
}

/// One kind of destination.
pub trait Sink: Send + Sync {
    fn spec(&self) -> &'static Spec;

    /// What it can hear.
    fn topics(&self) -> Topics {
        Topics::all()
    }

    /// Whether it is told of people only, and only of those who agreed to advertising.
    fn needs_consent(&self) -> bool {
        false
    }

    /// The request that fetches a key for the next one, where there must be one.
    fn key_request(&self, _: &Settings) -> Option<Request> {
        None
    }

    /// The key in the answer to it.
    fn key(&self, _: &Response) -> Result<String, Outcome> {
        Ok(String::new())
    }

    /// The request that tells this event at this moment; `Err` says why it is not told.
    fn request(&self, settings: &Settings, told: &Told, key: &str, now: Time) -> Result<Request, String>;

    /// What the answer to that request, or its absence, means.
    fn outcome(&self, answer: Result<&Response, &HttpError>) -> Outcome;
}

pub const ALL: &[&dyn Sink] = &[&webhook::Webhook, &ga4::Ga4, &meta::Meta, &google_ads::GoogleAds];

pub fn by_kind(kind: &str) -> Option<&'static dyn Sink> {
    ALL.iter().copied().find(|sink| sink.spec().kind == kind)
}

/// What an answer of an API means. What is wrong with the account or the settings is tried again, for it can be mended; a
/// refusal of one event is not the end of the others.
fn usual_outcome(answer: Result<&Response, &HttpError>) -> Outcome {
    match answer {
        Err(error) => Outcome::Failed { why: error.to_string(), after: None },
        Ok(answer) if answer.is_success() => Outcome::Taken,
        Ok(answer) => match answer.status {
            status @ (401 | 403) => {
                Outcome::Failed { why: format!("answered {status}: is its key still good?"), after: None }
            }
            404 => Outcome::Failed { why: "answered 404: is its address still right?".to_owned(), after: None },
            status @ (300..=399 | 408 | 425 | 429 | 500..) => {
                Outcome::Failed { why: format!("answered {status}"), after: asked_wait(answer) }
            }
            status => Outcome::Refused { why: format!("answered {status}") },
        },
    }
}

/// `Retry-After` in seconds; the form with a date is rare and left alone.
fn asked_wait(answer: &Response) -> Option<Duration> {
    answer.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

const WORD_CHARS_MAX: usize = 1_000;

/// A token or a secret: visible letters without spaces.
fn check_word(typed: &str) -> Result<(), &'static str> {
    let good = typed.chars().count() <= WORD_CHARS_MAX && typed.chars().all(|c| c.is_ascii_graphic());
    if good { Ok(()) } else { Err("be one word of plain letters and signs") }
}

fn check_digits(typed: &str) -> Result<(), &'static str> {
    let good = (1..=25).contains(&typed.len()) && typed.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(()) } else { Err("be a number, without dashes or spaces") }
}

fn check_https(typed: &str) -> Result<(), &'static str> {
    let url = url::Url::parse(typed).ok().filter(|url| url.scheme() == "https" && url.has_host());
    match url {
        Some(url) if url.query().is_none() && url.fragment().is_none() && url.username().is_empty() => Ok(()),
        _ => Err("be an address that begins with https:// and has no query"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_what_it_is() {
        for (at, sink) in ALL.iter().enumerate() {
            let spec = sink.spec();
            assert!(
                !spec.kind.is_empty()
                    && spec.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            );
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

//! A cart: what we know of one unfinished checkout, merged from updates that arrive twice, late or out of order.
//!
//! The newest update wins as a whole (`updated_at`, then a digest of its content, so that equal times have one winner
//! too); the first moment seen and the latches (`completed_at`, `deleted_at`) take the earliest. Merging is therefore
//! commutative, associative and idempotent: any order of arrival ends in the same cart.

use serde::{Deserialize, Serialize};

use super::{
    event::{CartUpdate, Channel},
    id::CartId,
    time::Time,
};

/// The newest known state of a checkout plus what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cart {
    pub id: CartId,
    /// The newest update, as it came.
    pub latest: CartUpdate,
    /// Orders updates with equal times; see `Revision`.
    pub revision: Revision,
    pub started_at: Time,
    pub abandoned_at: Option<Time>,
    pub bought_at: Option<Time>,
    pub deleted_at: Option<Time>,
    pub erased_at: Option<Time>,
    /// The sequence chosen when it was abandoned, by its id; "" before, or when none was chosen.
    pub sequence: String,
    /// The version of the shop's rules that sequence is read in.
    pub rules_version: u64,
}

/// Which of two updates of one thing is the newer: by the sender's time, then by a digest of the content. The digest has
/// no meaning; it only makes every process choose the same one. The sender's time may run ahead of ours: it orders, it
/// does not tell when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revision {
    pub at: Time,
    pub digest: [u8; 16],
}

impl Cart {
    pub fn new(id: CartId, update: CartUpdate, revision: Revision) -> Cart {
        Cart {
            id,
            revision,
            started_at: update.started_at.unwrap_or(update.updated_at).min(update.updated_at),
            abandoned_at: None,
            bought_at: update.completed_at,
            deleted_at: None,
            erased_at: None,
            sequence: String::new(),
            rules_version: 0,
            latest: update,
        }
    }

    /// Takes in another update of the same checkout.
    pub fn merge(&mut self, update: CartUpdate, revision: Revision) {
        self.started_at = self.started_at.min(update.started_at.unwrap_or(update.updated_at)).min(update.updated_at);
        self.bought_at = earliest(self.bought_at, update.completed_at);
        if revision > self.revision {
            self.revision = revision;
            self.latest = update;
        }
    }

    /// The last moment the shopper did something with it.
    pub fn active_at(&self) -> Time {
        self.latest.updated_at
    }

    /// Whether anything may still be said about it.
    pub fn is_open(&self) -> bool {
        self.bought_at.is_none() && self.deleted_at.is_none() && self.erased_at.is_none()
    }

    /// Whether it is a shopper's cart at all: not a test, not typed in by staff, not at a till.
    pub fn is_recoverable(&self) -> bool {
        !self.latest.test && self.latest.channel == Channel::Web
    }
}

/// The earlier of two moments that may not have happened.
pub fn earliest(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Identity;
    use proptest::prelude::*;

    fn update(at: i64, started: Option<i64>, completed: Option<i64>) -> CartUpdate {
        CartUpdate {
            token: "t".into(),
            cart_token: None,
            who: Identity::default(),
            first_name: None,
            country: None,
            region: None,
            zone: None,
            language: None,
            total: None,
            items: Vec::new(),
            recovery_url: None,
            consent: None,
            started_at: started.map(Time::from_millis),
            updated_at: Time::from_millis(at),
            completed_at: completed.map(Time::from_millis),
            browser_ip: None,
            written_at_once: false,
            channel: Channel::Web,
            tags: Vec::new(),
            source: None,
            test: false,
        }
    }

    fn merged(updates: &[(CartUpdate, [u8; 16])]) -> Cart {
        let ((first, digest), rest) = updates.split_first().unwrap();
        let revision = |update: &CartUpdate, digest: &[u8; 16]| Revision { at: update.updated_at, digest: *digest };
        let mut cart = Cart::new(CartId::new(1), first.clone(), revision(first, digest));
        for (update, digest) in rest {
            cart.merge(update.clone(), revision(update, digest));
        }
        cart
    }

    proptest! {
        #[test]
        fn every_order_of_arrival_ends_in_the_same_cart(
            parts in prop::collection::vec((0i64..50, prop::option::of(0i64..50), prop::option::of(0i64..50), 0u8..4), 1..6),
            seed in any::<u64>(),
        ) {
            let updates: Vec<_> = parts
                .iter()
                .map(|&(at, started, completed, digest)| {
                    let mut made = update(at, started, completed);
                    // The digest stands for the content.
                    made.first_name = Some(format!("{at}{started:?}{completed:?}{digest}"));
                    let mut bytes = [digest; 16];
                    bytes[1] = started.unwrap_or(99) as u8;
                    bytes[2] = completed.unwrap_or(99) as u8;
                    (made, bytes)
                })
                .collect();
            let mut shuffled = updates.clone();
            shuffled.extend(updates.iter().take(2).cloned());
            let length = shuffled.len() as u64;
            for place in 0..shuffled.len() {
                shuffled.swap(place, (seed.rotate_left(place as u32) % length) as usize);
            }
            prop_assert_eq!(merged(&updates), merged(&shuffled));
        }
    }
}

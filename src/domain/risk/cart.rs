//! What no shopper's cart looks like: nothing in it, nothing to pay, a thousand of one thing, made and left in a blink.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Limits;
use crate::domain::{cart::Cart, event::CartUpdate};

/// What is looked at of a cart. A shop that does not tell something is not suspected for it: `None` is never odd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CartTraits {
    /// In minor units.
    pub total: Option<i64>,
    /// Pieces of everything in it; `None` where the shop does not list what is in a cart.
    pub pieces: Option<u64>,
    /// The most pieces of one thing.
    pub quantity_most: u32,
    /// From made to last touched; `None` where nobody can tell: a shop that wrote it down once gave both moments alike.
    pub took: Option<Duration>,
}

/// A way to be odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    NothingToPay,
    NothingInIt,
    TooMany,
    TooQuick,
}

impl Oddity {
    pub fn words(self) -> &'static str {
        match self {
            Oddity::NothingToPay => "there is nothing to pay for",
            Oddity::NothingInIt => "there is nothing in it",
            Oddity::TooMany => "more pieces of one thing than a shopper buys",
            Oddity::TooQuick => "made and left within seconds, as no person does",
        }
    }
}

impl CartTraits {
    pub fn of(cart: &Cart) -> CartTraits {
        let CartUpdate { total, items, .. } = &cart.latest;
        let total = total.map(|total| total.minor);
        let took = cart.active_at().since(cart.started_at);
        let listed = !items.is_empty() || total.is_none_or(|total| total <= 0);
        CartTraits {
            total,
            // Many shops send a total and no list; an empty list beside no money is an empty cart.
            pieces: listed.then(|| items.iter().map(|item| u64::from(item.quantity)).sum()),
            quantity_most: items.iter().map(|item| item.quantity).max().unwrap_or(0),
            took: Some(took).filter(|took| !took.is_zero() && !cart.latest.written_at_once),
        }
    }
}

/// Every way in which a cart is odd.
pub fn cart_oddities(traits: &CartTraits, limits: &Limits) -> Vec<Oddity> {
    let quick = Duration::from_secs(u64::from(limits.least_seconds));
    let found = [
        (traits.total.is_some_and(|total| total <= 0), Oddity::NothingToPay),
        (traits.pieces == Some(0), Oddity::NothingInIt),
        (traits.quantity_most > limits.quantity_most, Oddity::TooMany),
        (traits.took.is_some_and(|took| took < quick), Oddity::TooQuick),
    ];
    found.into_iter().filter_map(|(is, oddity)| is.then_some(oddity)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: CartTraits =
        CartTraits { total: Some(4990), pieces: Some(4), quantity_most: 3, took: Some(Duration::from_secs(90)) };

    #[track_caller]
    fn check(traits: CartTraits, expected: &[Oddity]) {
        assert_eq!(cart_oddities(&traits, &Limits::default()), expected, "{traits:?}");
    }

    #[test]
    fn what_no_shopper_leaves_behind() {
        check(SOUND, &[]);
        check(CartTraits { total: Some(0), ..SOUND }, &[Oddity::NothingToPay]);
        check(CartTraits { total: Some(-1), ..SOUND }, &[Oddity::NothingToPay]);
        check(CartTraits { total: Some(1), ..SOUND }, &[]);
        check(CartTraits { pieces: Some(0), ..SOUND }, &[Oddity::NothingInIt]);
        check(CartTraits { quantity_most: 999, ..SOUND }, &[]);
        check(CartTraits { quantity_most: 1000, ..SOUND }, &[Oddity::TooMany]);
        check(CartTraits { took: Some(Duration::from_millis(4_999)), ..SOUND }, &[Oddity::TooQuick]);
        check(CartTraits { took: Some(Duration::from_secs(5)), ..SOUND }, &[]);
        check(
            CartTraits { total: Some(0), pieces: Some(0), quantity_most: 9_999, took: Some(Duration::from_secs(1)) },
            &[Oddity::NothingToPay, Oddity::NothingInIt, Oddity::TooMany, Oddity::TooQuick],
        );
    }

    #[test]
    fn what_a_shop_does_not_tell_is_not_odd() {
        check(CartTraits::default(), &[]);
    }
}

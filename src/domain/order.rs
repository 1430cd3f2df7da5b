//! An order, merged as a cart is, and the question that stops texts: does this order close that cart?

use super::{
    cart::{Cart, Revision, earliest},
    event::{OrderUpdate, Refund},
    id::OrderId,
    time::Time,
};

/// The newest known state of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub id: OrderId,
    /// The newest update; its refunds are kept apart, as a union.
    pub latest: OrderUpdate,
    pub revision: Revision,
    /// The earliest moment any update called it bought. It latches: a later "failed" does not make it unbought.
    pub placed_at: Option<Time>,
    pub cancelled_at: Option<Time>,
}

impl Order {
    pub fn new(id: OrderId, update: OrderUpdate, revision: Revision) -> Order {
        Order { id, revision, placed_at: update.placed_at, cancelled_at: update.cancelled_at, latest: update }
    }

    pub fn merge(&mut self, update: OrderUpdate, revision: Revision) {
        self.placed_at = earliest(self.placed_at, update.placed_at);
        self.cancelled_at = earliest(self.cancelled_at, update.cancelled_at);
        if revision > self.revision {
            self.revision = revision;
            self.latest = update;
        }
    }
}

/// How an order and a cart are known to be one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The order names the checkout.
    SameCheckout,
    /// The order has the cart's phone, e-mail or customer.
    SamePerson,
}

/// The moment this order closed this cart, if it did. The same checkout always closes; another of the same person's carts
/// only when it was begun before the order was placed, since a cart begun afterwards is a new wish.
pub fn closes(placed_at: Option<Time>, link: Link, cart: &Cart) -> Option<Time> {
    let placed_at = placed_at?;
    match link {
        Link::SameCheckout => Some(placed_at),
        Link::SamePerson => (cart.started_at <= placed_at).then_some(placed_at),
    }
}

/// What was given back of an order, in the order's currency, at most its total: a refund larger than the order is a
/// shop's goodwill, not a negative sale.
pub fn refunded(total_minor: i64, currency: super::money::Currency, refunds: &[Refund]) -> i64 {
    let sum = refunds
        .iter()
        .filter(|refund| refund.amount.currency == currency)
        .fold(0i64, |sum, refund| sum.saturating_add(refund.amount.minor.max(0)));
    sum.min(total_minor.max(0))
}

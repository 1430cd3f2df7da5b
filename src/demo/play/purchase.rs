//! Purchases: an order is placed here, elsewhere or at a till, and some of it goes back.

use super::{Deed, Play, Scene, sum};
use crate::{
    demo::webhook::{Order, Refund},
    domain::{
        money::Money,
        time::{DAY, Time},
    },
};

/// Where an order is placed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Here,
    /// On another device: nothing of the checkout comes along.
    Elsewhere,
    Till,
}

impl Way {
    fn words(self) -> &'static str {
        match self {
            Way::Here => "",
            Way::Elsewhere => ", on another device",
            Way::Till => ", at the till",
        }
    }
}

impl Play {
    pub(super) fn buy(&mut self, visit: usize, way: Way, now: Time, scene: &mut Scene) {
        let Some(it) = self.visits.get(visit).filter(|it| it.order.is_none()) else { return };
        let (shop, checkout, landing) = (it.shop, it.checkout.clone(), it.landing.clone());
        let Some(number) = self.numbers.get_mut(shop) else { return };
        *number += 1;
        let order = Order {
            id: now.millis().unsigned_abs() * 1_000 + *number % 1_000,
            number: *number,
            placed_at: now,
            checkout: (way == Way::Here).then(|| (checkout.token.clone(), checkout.cart_token.clone())),
            till: way == Way::Till,
            test: false,
            landing: landing.filter(|_| way == Way::Here).unwrap_or_else(|| "/".to_owned()),
            currency: checkout.currency,
            lines: checkout.lines.clone(),
            person: checkout.person.clone(),
            refunded: Vec::new(),
            cancelled_at: None,
        };
        scene.said.push(format!("{} orders {}, {}{}", order.person.shown(), order.name(), sum(&checkout), way.words()));
        self.send(shop, "orders/create", &order.body(now), now, scene);
        if way == Way::Here {
            self.send(shop, "checkouts/update", &checkout.body(now, Some(now)), now, scene);
        }
        if let Some(it) = self.visits.get_mut(visit) {
            it.order = Some(order);
        }
        scene.bought = Some(visit);
        self.regret(visit, now);
    }

    /// Some orders come back.
    pub(super) fn regret(&mut self, visit: usize, now: Time) {
        let after = DAY / 2 + self.chance.soon(0, 6 * 24 * 60);
        if self.chance.happens(65) {
            let per_mille = 200 + i64::try_from(self.chance.up_to(500)).unwrap_or(0);
            self.plan(now + after, Deed::Refund { visit, per_mille });
        } else if self.chance.happens(30) {
            self.plan(now + after, Deed::Refund { visit, per_mille: 1_000 });
        } else if self.chance.happens(22) {
            let soon = self.chance.minutes(30, 300);
            self.plan(now + soon, Deed::Cancel(visit));
        }
    }

    pub(super) fn refund(&mut self, visit: usize, per_mille: i64, now: Time, scene: &mut Scene) {
        let Some(it) = self.visits.get_mut(visit) else { return };
        let shop = it.shop;
        let Some(order) = it.order.as_mut().filter(|order| order.refunded.is_empty()) else { return };
        let minor = order.total().minor * per_mille / 1_000;
        let refund = Refund { id: order.id + 100_000, at: now, minor };
        order.refunded.push(refund.clone());
        let order = order.clone();
        let back = Money::new(minor, order.currency);
        scene.said.push(format!("{back} of order {} go back to {}", order.name(), order.person.shown()));
        self.send(shop, "refunds/create", &order.refund_body(&refund), now, scene);
        self.send(shop, "orders/updated", &order.body(now), now, scene);
    }

    pub(super) fn cancel(&mut self, visit: usize, now: Time, scene: &mut Scene) {
        let Some(it) = self.visits.get_mut(visit) else { return };
        let shop = it.shop;
        let Some(order) = it.order.as_mut() else { return };
        order.cancelled_at = Some(now);
        let order = order.clone();
        scene.said.push(format!("{} cancels order {}", order.person.shown(), order.name()));
        self.send(shop, "orders/cancelled", &order.body(now), now, scene);
    }
}

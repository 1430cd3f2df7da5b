//! A month as published: what its figures were, under which rules, bound by a hash to the month published before it, so
//! that none can be changed, left out or put in between unseen. What changes later is told as a difference, never written
//! over.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{attribution::Windows, id::OrderId, money::Currency};

/// The figures of a month. Its JSON, byte by byte, is what is hashed; a field that is added later has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Of this form: 1.
    pub version: u32,
    pub shop: i64,
    pub name: String,
    /// `2026-10`, in the days of `zone`.
    pub month: String,
    pub zone: String,
    /// Of Cartback.
    pub software: String,
    pub rules_version: u64,
    /// `strict`
    pub model: String,
    pub windows: Windows,
    /// RFC 3339; "" until it is published.
    pub published_at: String,
    pub by: String,
    pub carts: i64,
    pub texts: i64,
    /// One per currency: they are never added up.
    pub money: BTreeMap<Currency, Sums>,
    /// Orders whose credit was given, and taken, by hand.
    pub given: u64,
    pub taken: u64,
    /// Credited orders, oldest first. It names nobody.
    pub orders: Vec<Line>,
    /// Credited orders that were too many to list.
    pub more: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    pub orders: i64,
    pub gross_minor: i64,
    pub refunded_minor: i64,
    pub net_minor: i64,
    pub discount_minor: i64,
    pub cost_micros: i64,
    pub assisted_orders: i64,
    pub assisted_net_minor: i64,
}

/// A credited order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub order: OrderId,
    pub currency: Currency,
    pub gross_minor: i64,
    /// What went back of it within the month, counted up.
    pub back_minor: i64,
}

/// SHA-256, in hexadecimal, over the hash before it, a line feed, and the body.
pub fn hash(before: &str, body: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(before.as_bytes());
    hasher.update(b"\n");
    hasher.update(body.as_bytes());
    HEXLOWER.encode(&hasher.finalize())
}

/// A statement as far as the chain is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Link<'s> {
    pub number: i64,
    pub month: &'s str,
    pub body: &'s str,
    pub hash_before: &'s str,
    pub hash: &'s str,
}

/// What does not hold in a shop's chain, in sentences; the links in their order. An end that was cut off shows only
/// against a hash that was kept elsewhere.
pub fn problems<'s>(links: impl IntoIterator<Item = Link<'s>>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut before = (0, "");
    for link in links {
        let Link { number, month, body, .. } = link;
        if number != before.0 + 1 {
            problems.push(format!("{month}: number {number} follows number {}", before.0));
        }
        if link.hash_before != before.1 {
            problems.push(format!("{month}: it does not follow the statement before it"));
        }
        if hash(link.hash_before, body) != link.hash {
            problems.push(format!("{month}: its figures are not those that were published"));
        }
        if serde_json::from_str::<Body>(body).is_ok_and(|body| body.month != month) {
            problems.push(format!("{month}: its figures are of another month"));
        }
        before = (number, link.hash);
    }
    problems
}

/// What changed since a month was published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Per currency, only what is not nothing.
    pub money: BTreeMap<Currency, Sums>,
    pub added: Vec<Line>,
    pub gone: Vec<Line>,
    /// As published, and now.
    pub changed: Vec<(Line, Line)>,
}

impl Changes {
    pub fn between(published: &Body, now: &Body) -> Changes {
        let mut changes = Changes::default();
        let currencies = published.money.keys().chain(now.money.keys());
        for &currency in currencies {
            let of = |body: &Body| body.money.get(&currency).copied().unwrap_or_default();
            let difference = of(now).less(of(published));
            if difference != Sums::default() {
                changes.money.insert(currency, difference);
            }
        }
        let known = |body: &Body| body.orders.iter().map(|line| (line.order, line.clone())).collect::<BTreeMap<_, _>>();
        let (before, after) = (known(published), known(now));
        for (order, line) in &before {
            match after.get(order) {
                None if now.more == 0 => changes.gone.push(line.clone()),
                Some(other) if other != line => changes.changed.push((line.clone(), other.clone())),
                _ => {}
            }
        }
        if published.more == 0 {
            changes.added =
                after.iter().filter(|(order, _)| !before.contains_key(order)).map(|(_, line)| line.clone()).collect();
        }
        changes
    }

    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }
}

impl Sums {
    fn less(self, other: Sums) -> Sums {
        Sums {
            orders: self.orders.saturating_sub(other.orders),
            gross_minor: self.gross_minor.saturating_sub(other.gross_minor),
            refunded_minor: self.refunded_minor.saturating_sub(other.refunded_minor),
            net_minor: self.net_minor.saturating_sub(other.net_minor),
            discount_minor: self.discount_minor.saturating_sub(other.discount_minor),
            cost_micros: self.cost_micros.saturating_sub(other.cost_micros),
            assisted_orders: self.assisted_orders.saturating_sub(other.assisted_orders),
            assisted_net_minor: self.assisted_net_minor.saturating_sub(other.assisted_net_minor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(bodies: &[&str]) -> Vec<(i64, String, String, String, String)> {
        let mut before = String::new();
        let mut all = Vec::new();
        for (number, body) in bodies.iter().enumerate() {
            let hash = hash(&before, body);
            all.push((
                number as i64 + 1,
                format!("2026-0{}", number + 1),
                (*body).to_owned(),
                before.clone(),
                hash.clone(),
            ));
            before = hash;
        }
        all
    }

    fn found(chain: &[(i64, String, String, String, String)]) -> usize {
        problems(chain.iter().map(|(number, month, body, hash_before, hash)| Link {
            number: *number,
            month,
            body,
            hash_before,
            hash,
        }))
        .len()
    }

    #[test]
    fn nothing_can_be_changed_left_out_or_put_in_unseen() {
        let whole = chain(&["a", "b", "c"]);
        assert_eq!(found(&whole), 0);
        assert_eq!(found(&[]), 0);
        let mut changed = whole.clone();
        changed[1].2 = "B".into();
        assert_eq!(found(&changed), 1);
        // With its own hash made anew, the one after it gives it away.
        changed[1].4 = hash(&changed[1].3, "B");
        assert_eq!(found(&changed), 1);
        let mut without = whole.clone();
        without.remove(1);
        assert_eq!(found(&without), 2);
        let mut swapped = whole;
        swapped.swap(0, 1);
        assert!(found(&swapped) > 1);
    }

    #[test]
    fn the_hash_is_what_anybody_can_compute() {
        // printf '\nabc' | sha256sum
        assert_eq!(hash("", "abc"), "f39d39bfc99287b848780d4110eb663f0e7c344ae41f46a390c4135b89dc2756");
    }
}

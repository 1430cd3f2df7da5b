//! Share: several processes on one database share its shops, or each would wait for the others' turns. Every shop belongs to
//! one of those that are at work, by a rule they all know; should one end, its shops, and no others, go to those that are left.
//!
//! This is for speed alone. That nothing is done twice rests on the claims of jobs: while two processes differ over who is
//! at work, both may work for the same shop.

use std::{collections::BTreeMap, time::Duration};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{
    domain::id::ShopId,
    pipeline::Core,
    store::{Error, node},
    transact,
};

/// How often a process says that it is at work.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// One that was not heard of for this long is taken for ended. What it had claimed waits for longer.
const GONE_AFTER: Duration = Duration::from_secs(6);

pub(super) struct Share {
    me: i64,
    /// How often each process has said so, and when that last became more: nobody's clock is compared with another's. A
    /// number found at the first look may be one's that ended long ago.
    heard: BTreeMap<i64, (i64, Option<Instant>)>,
    at_work: Vec<i64>,
    next_beat: Option<Instant>,
}

impl Share {
    pub(super) fn new(me: i64) -> Share {
        Share { me, heard: BTreeMap::new(), at_work: vec![me], next_beat: None }
    }

    /// Says that this process is at work, if it is time to, and hears of the others. An embedded database has one writer:
    /// there is nothing to share.
    pub(super) async fn beat(&mut self, core: &Core) -> Result<(), Error> {
        let now = Instant::now();
        if core.db.is_lite() || self.next_beat.is_some_and(|next| next > now) {
            return Ok(());
        }
        self.next_beat = Some(now + BEAT_EVERY);
        let beats = transact!(core.db, |tx| {
            node::beat(tx, self.me).await?;
            node::beats(tx).await?
        })?;
        self.hear(&beats, now);
        metrics::gauge!("cartback_workers").set(self.at_work.len() as f64);
        Ok(())
    }

    fn hear(&mut self, beats: &[(i64, i64)], now: Instant) {
        let before = std::mem::take(&mut self.heard);
        for (node, beat) in beats {
            let since = match before.get(node) {
                Some((last, since)) if last == beat => *since,
                Some(_) => Some(now),
                None => None,
            };
            self.heard.insert(*node, (*beat, since));
        }
        let is_at_work = |since: Option<Instant>| since.is_some_and(|since| now.duration_since(since) < GONE_AFTER);
        let mut at_work: Vec<i64> =
            self.heard.iter().filter(|(_, (_, since))| is_at_work(*since)).map(|(node, _)| *node).collect();
        if !at_work.contains(&self.me) {
            at_work.push(self.me);
        }
        at_work.sort_unstable();
        if self.at_work != at_work {
            tracing::info!(processes = at_work.len(), "the shops are shared anew");
            self.at_work = at_work;
        }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.at_work == [self.me]
    }

    /// Whether this process works for the shop.
    pub(super) fn is_mine(&self, shop: ShopId) -> bool {
        self.is_alone() || owner(&self.at_work, shop) == Some(self.me)
    }

    /// Hands its shops to the others.
    pub(super) async fn end(&self, core: &Core) -> Result<(), Error> {
        match self.next_beat {
            Some(_) => transact!(core.db, |tx| node::rest(tx, self.me).await?),
            None => Ok(()),
        }
    }
}

/// Whose a shop is: the process that draws the highest number for it. Whoever else comes or goes, the numbers of those that
/// stay are the same. Source: Thaler and Ravishankar, "A name-based mapping scheme for rendezvous", 1996.
fn owner(at_work: &[i64], shop: ShopId) -> Option<i64> {
    let draw = |node: &i64| {
        let drawn = Sha256::new().chain_update(node.to_be_bytes()).chain_update(shop.get().to_be_bytes()).finalize();
        (<[u8; 32]>::from(drawn), *node)
    };
    at_work.iter().copied().max_by_key(draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOPS: i64 = 2_000;

    fn at_work(share: &mut Share, beats: &[(i64, i64)], at: Instant) -> Vec<i64> {
        share.hear(beats, at);
        share.at_work.clone()
    }

    #[test]
    fn every_shop_has_one_owner_and_all_agree() {
        let nodes = [0, 1, 5, 900];
        let begun = Instant::now();
        let shares: Vec<Share> = nodes
            .iter()
            .map(|node| {
                let mut share = Share::new(*node);
                share.hear(&nodes.map(|node| (node, 7)), begun);
                share.hear(&nodes.map(|node| (node, 8)), begun);
                share
            })
            .collect();
        let mut shops = [0; 4];
        for shop in (0..SHOPS).map(ShopId::new) {
            let owners: Vec<usize> = (0..4).filter(|at| shares[*at].is_mine(shop)).collect();
            assert_eq!(owners.len(), 1, "{shop}: {owners:?}");
            shops[owners[0]] += 1;
        }
        assert!(shops.iter().all(|count| (400..600).contains(count)), "about as many each: {shops:?}");
    }

    #[test]
    fn only_the_shops_of_the_one_that_ends_move() {
        for shop in (0..SHOPS).map(ShopId::new) {
            let (all, left) = (owner(&[1, 2, 3, 4], shop), owner(&[1, 2, 4], shop));
            assert!(all == left || all == Some(3), "{shop}: {all:?}, then {left:?}");
        }
    }

    #[test]
    fn one_that_falls_silent_is_left_out_until_it_is_heard_of_again() {
        let (mut share, begun) = (Share::new(1), Instant::now());
        let after = |seconds: u64| begun + Duration::from_secs(seconds);
        assert!(share.is_alone() && share.is_mine(ShopId::new(4)), "before it has heard of anybody");
        assert_eq!(at_work(&mut share, &[(1, 1), (2, 40)], begun), [1], "the other one may have ended long ago");
        assert_eq!(at_work(&mut share, &[(1, 2), (2, 41)], after(2)), [1, 2]);
        assert_eq!(at_work(&mut share, &[(1, 3), (2, 41)], after(7)), [1, 2], "five seconds of silence");
        assert_eq!(at_work(&mut share, &[(1, 4), (2, 41)], after(8)), [1]);
        // Its counter says so, whatever it is: one that took its number begins anew.
        assert_eq!(at_work(&mut share, &[(1, 5), (2, 1)], after(20)), [1, 2]);
        assert_eq!(at_work(&mut share, &[(1, 6)], after(21)), [1], "it gave its number back");
        // Itself it never takes for ended, however long it slept.
        assert_eq!(at_work(&mut share, &[(1, 6)], after(600)), [1]);
        assert_eq!(at_work(&mut share, &[], after(601)), [1]);
    }
}

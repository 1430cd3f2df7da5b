//! The pipeline: one verb per file. Each loads facts, asks the domain, and writes in one transaction. No transaction is
//! ever open across a call to the outside.

pub mod group;
pub mod ahead;
mod look;
pub mod handful;
pub mod receive;
pub mod ingest;
pub mod ask;
pub mod fetch;
pub mod people;
pub mod erase;
pub mod detect;
pub(crate) mod sequence;
pub(crate) mod facts;
pub mod guard;
pub mod held;
pub(crate) mod confirm;
pub(crate) mod notice;
pub mod holdout;
pub mod experiment;
pub mod decide;
pub mod hand;
pub mod replay;
pub(crate) mod route;
pub mod send;
pub mod discount;
pub mod settle;
pub mod after;
pub mod reread;
pub mod ledger;
mod part;
pub mod reply;
pub mod answer;
pub mod follow;
pub mod renew;
pub mod judge;
pub mod attribute;
pub mod recredit;
pub mod compare;
pub mod taps;
pub mod statement;
pub mod credit;
pub mod rollup;
pub mod track;
pub mod tally;
pub mod goal;
pub mod forward;
pub mod sink;
pub mod report;
pub mod net_ledger;
pub mod digest;
pub mod table;
pub mod audit;
pub mod offline;
pub mod call;
pub mod recurring;
pub mod connect;
pub mod approve;
pub mod trial;
pub mod dry_run;
pub mod team;
pub mod second;
pub mod trail;
pub mod self_test;
pub mod watch;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::{
    clock::{Clock, Ids},
    domain::{hours, id::ShopId, seal::ShopKeys, time::Time},
    http::Http,
    store::{self, Db, Error, Read, Tx, job, message::Message, shop::Shop, shop::Vault},
};

/// Everything the pipeline works with. One per process.
pub struct Core {
    pub db: Db,
    pub vault: Vault,
    pub clock: Arc<dyn Clock>,
    pub ids: Ids,
    pub http: Arc<dyn Http>,
    /// Where mail is given and who writes it; `None` where no mail server is set.
    pub post: Option<digest::Post>,
    /// Our address as the world sees it, without a slash at the end: `https://sms.example.com`.
    pub public_url: String,
    /// This process, among those that share the database.
    pub holder: String,
    /// Recovery links may lead to `http://` addresses: only for a simulated shop on this machine.
    pub plain_links: bool,
    /// What platforms told this process and still holds.
    pub answers: ask::Answers,
    /// What whoever looks for silence saw last.
    pub board: watch::Board,
    /// Who waits for an answer; background work makes way.
    pub crowd: group::Crowd,
    /// Rung whenever work was written that is due at once.
    pub wake: tokio::sync::Notify,
}

impl Core {
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn fresh_id(&self) -> i64 {
        self.ids.next(self.now())
    }

    /// A shop with its keys; `None` when there is no such shop.
    pub async fn shop(&self, read: &mut Read, id: ShopId) -> Result<Option<(Shop, ShopKeys)>, Error> {
        store::shop::open(read, &self.vault, id).await
    }
}

/// A shop's zone; UTC where its name is not known any more.
pub fn zone_of(shop: &Shop) -> TimeZone {
    hours::zone(&shop.zone).unwrap_or(TimeZone::UTC)
}

/// Marks the day a text's cart was abandoned on: how far the cart came is counted there.
pub(crate) async fn dirty_cart(
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    now: Time,
) -> Result<(), Error> {
    let Some(cart) = message.cart() else { return Ok(()) };
    match store::cart::abandoned_at(tx, keys, cart).await? {
        Some(at) => dirty(tx, shop, at, now).await,
        None => Ok(()),
    }
}

/// Marks the day of this moment for recomputing.
pub(crate) async fn dirty(tx: &mut Tx, shop: &Shop, at: Time, now: Time) -> Result<(), Error> {
    let day = rollup::day_number(&zone_of(shop), at);
    job::ensure_once(tx, shop.id, job::Kind::Rollup, day, now).await
}

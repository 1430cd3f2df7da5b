//! Held: what waits in one shop and why, put together for people. It changes nothing.

use std::{collections::BTreeMap, time::Duration};

use super::{Core, guard};
use crate::{
    domain::{decide::Decision, id::MessageId, risk::Limits, seal::ShopKeys, time::HOUR},
    store::{self, Error, Read, guard::Pause, halt::Halt, shop::Shop},
};

/// One reason for waiting, with how many carts and queued texts wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    pub why: String,
    pub carts: u64,
    pub texts: u64,
}

/// Everything of one shop that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub halt: Option<Halt>,
    pub pauses: Vec<Pause>,
    /// The most frequent first.
    pub holds: Vec<Hold>,
    /// Of the shop's own day, in millionths of the money its gateway charges in.
    pub spent_micros: i64,
    pub limits: Limits,
}

/// What waits longer is dropped.
const LOOK_BACK: Duration = HOUR.saturating_mul(72);
/// Carts looked at; a shop with more has its reasons among the newest.
const CARTS_MOST: u32 = 1_000;

pub async fn held(read: &mut Read, core: &Core, shop: &Shop, keys: &ShopKeys) -> Result<Held, Error> {
    let now = core.now();
    let since = now - LOOK_BACK;
    let mut by_reason: BTreeMap<String, Hold> = BTreeMap::new();
    let first = MessageId::new(store::sweep::first_id(since));
    for (why, texts) in store::guard::held_texts(read, keys, first).await? {
        by_reason.entry(why.clone()).or_default().texts += texts;
    }
    for kept in store::guard::waiting_carts(read, keys, since, CARTS_MOST).await? {
        let decision: Decision = serde_json::from_str(&kept).map_err(|why| Error::damaged("decision", why))?;
        if let Some(gate) = decision.reason() {
            by_reason.entry(gate.why.clone()).or_default().carts += 1;
        }
    }
    let mut holds: Vec<Hold> = by_reason.into_iter().map(|(why, hold)| Hold { why, ..hold }).collect();
    holds.sort_by_key(|hold| std::cmp::Reverse(hold.carts + hold.texts));
    Ok(Held {
        halt: store::halt::standing(read).await?,
        pauses: store::guard::pauses(read, keys).await?,
        holds,
        spent_micros: store::guard::spent(read, keys, guard::today(shop, now)).await?,
        limits: shop.rules.limits.clone(),
    })
}

//! Judge: was a link opened by a person? Asked a moment after the opening, when its neighbours are known too.

use std::time::Duration;

use super::{Core, dirty, dirty_cart, forward, guard};
use crate::{
    domain::{click::verdict, id::ClickId, seal::ShopKeys, time::Time},
    store::{
        self, Error, Tx,
        click::{Click, HUMAN},
        job::{self, Job},
        message::Message,
        shop::Shop,
    },
};

/// A burst shows itself within this long after an opening.
pub const JUDGE_AFTER: Duration = Duration::from_secs(2);

/// Judges an opening and its neighbours, and has the orders of that cart judged again.
pub async fn judge(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    if let Some((shop, keys)) = core.shop(tx, job.shop).await?
        && let Some(click) = store::click::get(tx, &keys, ClickId::new(job.subject)).await?
        && let Some(message) = store::message::get(tx, &keys, click.message).await?
    {
        if !judge_all(core, tx, &shop, &keys, &message).await?.taps.is_empty() {
            guard::tapped(tx, &keys, &message).await?;
        }
        let Some(cart) = message.cart() else { return job::finish(tx, job).await.map(|_| ()) };
        for order in store::identity::orders_with(tx, &keys, cart).await? {
            job::ensure(tx, shop.id, job::Kind::Attribute, order.get(), now).await?;
        }
    }
    job::finish(tx, job).await.map(|_| ())
}

/// Gives every opening of a message its verdict from all of them, and answers those by people. The verdict depends on the
/// set of openings only, so it does not matter when or how often it is asked.
pub(crate) async fn judge_all(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
) -> Result<Judged, Error> {
    let now = core.now();
    let clicks = store::click::of_message(tx, keys, message.id).await?;
    let mut judged = Judged::default();
    let mut changed = Vec::new();
    for click in &clicks {
        let word = word(click, &clicks, message.moments.accepted_at.or(message.moments.sending_at));
        if word != click.verdict {
            changed.push((click.id, word));
            if word == HUMAN {
                forward::clicked(core, tx, shop, click, message).await?;
            }
        }
        if word == HUMAN {
            judged.taps.push(click.at);
        } else {
            judged.bots += 1;
        }
    }
    if !changed.is_empty() {
        store::click::judge(tx, keys, message.id, &changed).await?;
        // Which tap is the first may have changed with it, and that one counts on a day of its own.
        for click in &clicks {
            dirty(tx, shop, click.at, now).await?;
        }
        dirty_cart(tx, shop, keys, message, now).await?;
    }
    Ok(judged)
}

/// The openings of a message, sorted.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub taps: Vec<Time>,
    pub bots: u32,
}

fn word(click: &Click, all: &[Click], accepted_at: Option<Time>) -> &'static str {
    // A browser that was forgotten (nobody without a name of one is ever taken for a person) stays the person it was.
    if click.is_human() && click.opened.agent.is_none() {
        return HUMAN;
    }
    let others: Vec<Time> = all.iter().filter(|other| other.id != click.id).map(|other| other.at).collect();
    let found = verdict(&click.opened, accepted_at, &others);
    if found.is_human() { HUMAN } else { found.code() }
}

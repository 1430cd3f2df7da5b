//! Orphans: work that is not done and has no job. A fact and its job are written in one transaction, so there should be
//! none; if there ever is, it is found here and not by a shopkeeper.

use super::{Error, Read, db::all, job::Kind};
use crate::domain::{holdout::HORIZON_MOST, id::ShopId, time::Time};

/// Ids hold their time above this many bits (`clock::Ids`): a span of time is a span of ids.
const ID_TIME_SHIFT: u32 = 21;

/// The smallest id that can be made at a moment.
pub fn first_id(at: Time) -> i64 {
    at.millis().checked_shl(ID_TIME_SHIFT).unwrap_or(i64::MAX)
}

/// Deliveries, carts, messages and discounts made in `[from, to)`, sinks and digests, that wait for something no job will do.
pub async fn orphans(read: &mut Read, shop: ShopId, from: Time, to: Time) -> Result<Vec<(Kind, i64)>, Error> {
    let (shop, from, to) = (shop.get(), first_id(from), first_id(to));
    let deliveries = all!(
        read,
        (i64,),
        "SELECT delivery_id FROM inbox WHERE shop_id = $1 AND delivery_id >= $2 AND delivery_id < $3 AND done_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'ingest'
                             AND job.subject_id = inbox.delivery_id)",
        shop,
        from,
        to
    )?;
    let carts = all!(
        read,
        (i64,),
        "SELECT cart_id FROM cart WHERE shop_id = $1 AND cart_id >= $2 AND cart_id < $3 AND abandoned_at IS NULL
           AND bought_at IS NULL AND deleted_at IS NULL AND erased_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'detect'
                             AND job.subject_id = cart.cart_id)",
        shop,
        from,
        to
    )?;
    let messages = all!(
        read,
        (i64,),
        "SELECT message_id FROM message WHERE shop_id = $1 AND message_id >= $2 AND message_id < $3
           AND accepted_at IS NULL AND refused_at IS NULL AND unknown_at IS NULL AND cancelled_at IS NULL
           AND expired_at IS NULL AND undelivered_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'send'
                             AND job.subject_id = message.message_id)",
        shop,
        from,
        to
    )?;
    // A code that is wanted, or one that has to be removed again when its time is over.
    let discounts = all!(
        read,
        (i64,),
        "SELECT discount_id FROM discount WHERE shop_id = $1 AND discount_id >= $2 AND discount_id < $3
           AND refused_at IS NULL AND removed_at IS NULL AND used_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'discount'
                             AND job.subject_id = discount.discount_id)",
        shop,
        from,
        to
    )?;
    // However old: an endpoint may be told after days.
    let sinks = all!(
        read,
        (i64,),
        "SELECT DISTINCT sink_id FROM forward WHERE shop_id = $1 AND due_at IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'forward'
                             AND job.subject_id = forward.sink_id)",
        shop
    )?;
    let digests = all!(
        read,
        (i64,),
        "SELECT user_id FROM digest WHERE shop_id = $1
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'digest'
                             AND job.subject_id = digest.user_id)",
        shop
    )?;
    // A person of the holdout whose horizons are not all counted.
    let outcomes = all!(
        read,
        (i64,),
        "SELECT cart_id FROM holdout WHERE shop_id = $1 AND cart_id >= $2 AND cart_id < $3 AND first_at IS NOT NULL
           AND counted_days < $4 AND LENGTH(person) > 0
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'outcome'
                             AND job.subject_id = holdout.cart_id)",
        shop,
        from,
        to,
        i64::from(HORIZON_MOST)
    )?;
    let experiments = all!(
        read,
        (i64,),
        "SELECT experiment_id FROM experiment WHERE shop_id = $1 AND ended_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM job WHERE job.shop_id = $1 AND job.kind = 'guard_rail'
                             AND job.subject_id = experiment.experiment_id)",
        shop
    )?;
    let tagged = |kind: Kind| move |(id,): (i64,)| (kind, id);
    Ok(deliveries
        .into_iter()
        .map(tagged(Kind::Ingest))
        .chain(carts.into_iter().map(tagged(Kind::Detect)))
        .chain(messages.into_iter().map(tagged(Kind::Send)))
        .chain(discounts.into_iter().map(tagged(Kind::Discount)))
        .chain(sinks.into_iter().map(tagged(Kind::Forward)))
        .chain(digests.into_iter().map(tagged(Kind::Digest)))
        .chain(outcomes.into_iter().map(tagged(Kind::Outcome)))
        .chain(experiments.into_iter().map(tagged(Kind::GuardRail)))
        .collect())
}

//! Credit: an order's credit set right by hand, with a reason. It is a fact beside the others; the order is judged anew at
//! once, in the same transaction as its other facts are, and what a person said wins over what the rules say. It never gives
//! more than the order, and never to a text that could not have brought it.

use super::{Core, hand::Done};
use crate::{
    domain::{
        attribution::may_be_given,
        id::{OrderId, ShopId},
    },
    store::{
        self, Error,
        credit_act::{Act, To},
        job,
    },
    transact,
};

/// Characters of a reason.
pub const REASON_CHARS_MAX: usize = 500;

/// Says to what an order is to be credited from now on, and why; the credit follows within moments.
pub async fn correct(core: &Core, shop: ShopId, id: OrderId, to: To, reason: &str, by: &str) -> Result<Done, Error> {
    let reason = reason.trim();
    let refused = |why: &str| Ok(Done::Refused(why.to_owned()));
    if reason.is_empty() {
        return refused("say why: the reason stands beside the credit");
    }
    if reason.chars().count() > REASON_CHARS_MAX {
        return refused("the reason is too long: at most 500 characters");
    }
    let now = core.now();
    let done = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        match store::order::get(tx, &keys, id).await? {
            None => Done::Unknown,
            Some(order) => {
                let verdict = store::credit::evidence(tx, &keys, id).await?.unwrap_or_default();
                let standing = store::credit_act::newest(tx, &keys, id).await?.map_or(To::Rules, |act| act.to);
                let candidate = |text| verdict.considered.iter().find(|each| each.message == text);
                let why_not = match (to, &verdict.excluded, order.placed_at) {
                    _ if to == standing => Some("that is how it stands already"),
                    (To::Rules | To::Nothing, ..) => None,
                    (To::Text(_), Some(_), _) | (To::Text(_), _, None) => Some(
                        "this order can be credited to no text: it is a test, of a till or of staff, or not bought",
                    ),
                    (To::Text(text), None, Some(placed_at)) => match candidate(text) {
                        None => Some("that text was not considered for this order"),
                        Some(each) if !may_be_given(each.accepted_at, placed_at) => {
                            Some("that text did not leave before the order was placed")
                        }
                        Some(_) => None,
                    },
                };
                match why_not {
                    Some(why) => Done::Refused(why.to_owned()),
                    None => {
                        let reason = reason.to_owned();
                        let act = Act { id: core.fresh_id(), to, at: now, by: by.to_owned(), reason };
                        store::credit_act::add(tx, &keys, id, &act).await?;
                        job::ensure(tx, shop, job::Kind::Attribute, id.get(), now).await?;
                        Done::Done
                    }
                }
            }
        }
    })?;
    core.wake.notify_one();
    Ok(done)
}

/// Reads what an order is to be credited to: `none`, `rules` or a `msg_…`.
pub fn target(typed: &str) -> Option<To> {
    match typed {
        "none" => Some(To::Nothing),
        "rules" => Some(To::Rules),
        text => text.parse().ok().map(To::Text),
    }
}

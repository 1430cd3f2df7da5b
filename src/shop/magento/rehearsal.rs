//! The self-test's visit as Magento's API would tell of it.

use super::{Pulled, order, quote};
use crate::domain::{
    rehearsal::{Act, Visit},
    time::Time,
};

pub(in crate::shop) fn whole(visit: &Visit, act: Act, at: Time) -> Pulled {
    match act {
        Act::Left => Pulled::plain(quote::TOPIC, quote::rehearsed(visit, at).to_string()),
        Act::Bought | Act::Refunded => order::pulled(&order::rehearsed(visit, act, at)),
    }
}

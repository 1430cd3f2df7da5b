//! Guard: what is held against fake checkouts and runaway spend, gathered for one decision.

use super::{Core, facts::Asking};
use crate::{
    domain::risk::RiskFacts,
    store::{Error, Read},
};

/// Everything the guards look at for one step of one cart.
pub(crate) async fn facts(_read: &mut Read, _core: &Core, _asking: &Asking<'_>) -> Result<RiskFacts, Error> {
    Ok(RiskFacts::default())
}

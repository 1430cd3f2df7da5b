//! A restored database: what it cannot know, and which carts are let be for it.
//!
//! A copy knows everything up to the moment it was made. What was sent between that moment and the restore is lost with
//! the old database. Two kinds of texts may have left meanwhile:
//! - Those that were queued or on their way in the copy. They become *unknown* with the restore (`store::restored`), are
//!   looked up at the gateway where it can be asked, and are never sent again by themselves.
//! - Those that the copy had not decided about yet: next steps, carts left later, carts that began later and come back
//!   with their next webhook. The copy holds no trace of them. So a cart that began before the restore gets no further
//!   text, whatever step it is at: only of one that began after it is it certain that it never got that text.
//!
//! Where a shop does not tell when a cart began, the first that is heard of it may be long after its beginning: such
//! carts are let be for another `UNTOLD_FOR`. Nothing of this holds where the operator says that nothing was sent in
//! between (the service was stopped first), which is how a database moves house.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::{DAY, Time};

/// How long a cart may go on being changed before we take one we never heard of for new.
pub const UNTOLD_FOR: Duration = DAY.saturating_mul(7);

/// The restore that stands against a cart: part of a decision's facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredFacts {
    pub backup_at: Time,
    pub at: Time,
    /// When the cart began, as far as we know, and whether the shop told us so.
    pub began_at: Time,
    pub told: bool,
}

impl RestoredFacts {
    /// Whether the cart may have got this text between the copy and the restore.
    pub fn may_have_been_texted(&self) -> bool {
        let sure_after = if self.told { self.at } else { self.at + UNTOLD_FOR };
        self.began_at <= sure_after
    }
}

/// Why sending stands still after a restore.
pub fn why(backup_at: Time) -> String {
    format!("restored from a backup of {backup_at}: what was sent since is not known here")
}

/// What a text that waited in the copy says of itself.
pub fn why_unknown(backup_at: Time) -> String {
    format!("it waited in the backup of {backup_at} and may have been sent after that was made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cart_that_surely_began_afterwards_is_texted() {
        let at = Time::from_seconds(1_790_000_000);
        let facts = |began_at, told| RestoredFacts { backup_at: at - DAY, at, began_at, told };
        assert!(facts(at - DAY * 2, true).may_have_been_texted());
        assert!(facts(at, true).may_have_been_texted());
        assert!(!facts(at + Duration::from_secs(1), true).may_have_been_texted());
        assert!(facts(at + DAY, false).may_have_been_texted());
        assert!(facts(at + DAY * 7, false).may_have_been_texted());
        assert!(!facts(at + DAY * 8, false).may_have_been_texted());
    }
}

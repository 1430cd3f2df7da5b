//! By hand: what a person may do to one cart or one text, and what that amounts to for the next decision. Nothing here
//! opens a gate: a person can keep a text back or ask for it sooner, never have it sent against a rule.

use serde::{Deserialize, Serialize};

use super::time::Time;

/// What a person did to a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Nothing is sent until it is released.
    Hold,
    Release,
    /// Nothing is sent any more.
    Dismiss,
    /// The waiting time of its next step is over now.
    SendNow,
}

impl Act {
    pub const ALL: [Act; 4] = [Act::Hold, Act::Release, Act::Dismiss, Act::SendNow];

    pub fn name(self) -> &'static str {
        match self {
            Act::Hold => "hold",
            Act::Release => "release",
            Act::Dismiss => "dismiss",
            Act::SendNow => "send_now",
        }
    }
}

/// What a person says became of a text of unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// The shopper has it.
    Arrived,
    /// It never left, and shall not.
    NeverLeft,
    /// It never left, and one more attempt may be made.
    Again,
}

impl Settled {
    pub const ALL: [Settled; 3] = [Settled::Arrived, Settled::NeverLeft, Settled::Again];

    pub fn name(self) -> &'static str {
        match self {
            Settled::Arrived => "arrived",
            Settled::NeverLeft => "never_left",
            Settled::Again => "again",
        }
    }
}

/// What acts on a cart amount to for one step of it: part of a decision's facts. Whoever did it is not: that names a
/// person, and no gate asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandFacts {
    pub dismissed_at: Option<Time>,
    /// Since when it is held, while it is.
    pub held_since: Option<Time>,
    /// When this step was asked for at once.
    pub sent_now_at: Option<Time>,
}

impl HandFacts {
    /// Of acts in the order they were done: what, for which step, when.
    pub fn of(acts: impl IntoIterator<Item = (Act, u32, Time)>, step: u32) -> HandFacts {
        let mut facts = HandFacts::default();
        for (act, of_step, at) in acts {
            match act {
                Act::Hold => facts.held_since = facts.held_since.or(Some(at)),
                Act::Release => facts.held_since = None,
                Act::Dismiss => facts.dismissed_at = facts.dismissed_at.or(Some(at)),
                Act::SendNow if of_step == step => facts.sent_now_at = Some(at),
                Act::SendNow => {}
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hold_or_release_counts_and_a_dismissal_stays() {
        let at = Time::from_seconds;
        let facts = HandFacts::of([(Act::Hold, 0, at(1)), (Act::Hold, 0, at(2)), (Act::SendNow, 1, at(3))], 1);
        let expected = HandFacts { held_since: Some(at(1)), sent_now_at: Some(at(3)), dismissed_at: None };
        assert_eq!(facts, expected);
        let acts =
            [(Act::Hold, 0, at(1)), (Act::Release, 0, at(2)), (Act::Dismiss, 0, at(3)), (Act::Release, 0, at(4))];
        let facts = HandFacts::of(acts, 1);
        assert_eq!(facts, HandFacts { dismissed_at: Some(at(3)), ..HandFacts::default() });
        assert_eq!(HandFacts::of([(Act::SendNow, 2, at(1))], 1), HandFacts::default());
    }
}

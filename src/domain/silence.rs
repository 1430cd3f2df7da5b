//! Silence: what should have happened and did not. A failure that says something is seen by whoever reads the log; these
//! say nothing, so they are looked for. Decides from what was seen when it is too quiet, never who looks or who is told.

use std::time::Duration;

use super::{
    id::{GatewayId, ShopId},
    time::{MINUTE, Time},
};

/// What is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Silence {
    /// The database answers nothing.
    Database,
    /// Work is due and nobody does it.
    Work,
    /// Nobody looks for work that was lost.
    Sweep,
    /// The disk is about to be full.
    Disk,
    /// A gateway takes no texts.
    Gateway,
    /// A gateway takes texts and no longer tells what became of them.
    Receipts,
    /// A shop's webhooks stopped.
    Webhooks,
}

impl Silence {
    pub const ALL: [Silence; 7] = [
        Silence::Database,
        Silence::Work,
        Silence::Sweep,
        Silence::Disk,
        Silence::Gateway,
        Silence::Receipts,
        Silence::Webhooks,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Silence::Database => "database",
            Silence::Work => "work",
            Silence::Sweep => "sweep",
            Silence::Disk => "disk",
            Silence::Gateway => "gateway",
            Silence::Receipts => "receipts",
            Silence::Webhooks => "webhooks",
        }
    }

    /// What it means, in English; pages and letters have words of their own.
    pub fn says(self) -> &'static str {
        match self {
            Silence::Database => "the database does not answer",
            Silence::Work => "work is due and nobody does it",
            Silence::Sweep => "nobody looks for lost work any more",
            Silence::Disk => "less than a tenth of the disk is free",
            Silence::Gateway => "a gateway takes no texts",
            Silence::Receipts => "a gateway takes texts and no longer tells what became of them",
            Silence::Webhooks => "a shop's webhooks stopped",
        }
    }
}

/// One silence, of whom, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Silent {
    pub silence: Silence,
    /// Whose it is; `HOUSE` where it concerns everybody.
    pub shop: ShopId,
    pub gateway: Option<GatewayId>,
    pub since: Time,
}

impl Silent {
    pub fn of_house(silence: Silence, since: Time) -> Silent {
        Silent { silence, shop: ShopId::HOUSE, gateway: None, since }
    }

    /// Names it among all: `work 0 0`. Since when is no part of it.
    pub fn subject(&self) -> String {
        let gateway = self.gateway.map_or(0, GatewayId::get);
        format!("{} {} {gateway}", self.silence.name(), self.shop.get())
    }

    /// Reads a `subject` back; `None` for anything else.
    pub fn of_subject(subject: &str, since: Time) -> Option<Silent> {
        let mut parts = subject.split(' ');
        let name = parts.next()?;
        let silence = Silence::ALL.into_iter().find(|silence| silence.name() == name)?;
        let shop = ShopId::new(parts.next()?.parse().ok()?);
        let gateway: i64 = parts.next()?.parse().ok()?;
        let gateway = (gateway != 0).then(|| GatewayId::new(gateway));
        Some(Silent { silence, shop, gateway, since })
    }
}

/// Work is begun within a second. What has been due for longer than this is stuck.
pub const WORK_WAITS: Duration = MINUTE.saturating_mul(10);
/// A database that is restarted is back sooner.
pub const DATABASE_AWAY: Duration = MINUTE.saturating_mul(2);
/// A gateway that is only slow, or restarted, is back sooner.
pub const GATEWAY_AWAY: Duration = MINUTE.saturating_mul(30);

/// Since when work waits too long, given when the most overdue of it fell due, and since when that is the most overdue: after
/// our own downtime all of it is old, and as long as it moves on somebody does it.
pub fn work(oldest_due: Option<Time>, unmoved_since: Time, now: Time) -> Option<Time> {
    oldest_due.filter(|due| now.since(unmoved_since.max(*due)) > WORK_WAITS)
}

/// Since when nobody sweeps: `last` is the newest round taken, rounds lie `gap` apart, and somebody has been looking since
/// `watched`. One round may be missed, by a restart; two are silence.
pub fn sweep(last: Option<Time>, gap: Duration, watched: Time, now: Time) -> Option<Time> {
    let last = last.unwrap_or(watched);
    let patience = gap * 2 + WORK_WAITS;
    (now.since(last) > patience && now.since(watched) > patience).then_some(last)
}

/// Whether so much of a disk is too little, in bytes. A disk of unknown size is not judged.
pub fn disk(free: u64, size: u64) -> bool {
    size > 0 && u128::from(free) * 10 < u128::from(size)
}

/// What a gateway told of its texts: usually, and lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Texts of the week before, and how many of them a receipt told of.
    pub usual: u64,
    pub usual_told: u64,
    /// Texts of the last day that are old enough to have been told of, and how many were.
    pub late: u64,
    pub late_told: u64,
}

/// So many texts say what is usual, and so many that it is over.
const USUAL_LEAST: u64 = 20;
const LATE_LEAST: u64 = 20;

/// Whether receipts stopped: usually at least half of the texts are told of, and lately none of many.
pub fn receipts(told: &Told) -> bool {
    let usually = told.usual >= USUAL_LEAST && told.usual_told * 2 >= told.usual;
    usually && told.late >= LATE_LEAST && told.late_told == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::HOUR;

    fn now() -> Time {
        Time::from_seconds(1_800_000_000)
    }

    #[test]
    fn work_waits_ten_minutes_before_anybody_is_told() {
        let long = now() - HOUR;
        assert_eq!(work(None, long, now()), None);
        assert_eq!(work(Some(now() - WORK_WAITS), long, now()), None);
        assert_eq!(work(Some(now() - WORK_WAITS - MINUTE), long, now()), Some(now() - WORK_WAITS - MINUTE));
        assert_eq!(work(Some(now() + HOUR), long, now()), None, "what is not due yet waits by itself");
        assert_eq!(work(Some(long), now() - MINUTE, now()), None, "somebody did what was older a minute ago");
    }

    #[test]
    fn one_missed_round_is_a_restart_two_are_silence() {
        #[track_caller]
        fn check(last: Option<u32>, watched: u32, silent: bool) {
            let last = last.map(|minutes| now() - MINUTE * minutes);
            assert_eq!(sweep(last, MINUTE * 15, now() - MINUTE * watched, now()).is_some(), silent);
        }
        check(Some(14), 600, false);
        check(Some(29), 600, false);
        check(Some(41), 600, true);
        check(Some(600), 5, false);
        check(Some(600), 41, true);
        check(None, 39, false);
        check(None, 41, true);
    }

    #[test]
    fn a_tenth_of_the_disk_is_enough() {
        assert!(!disk(10, 100));
        assert!(disk(9, 100));
        assert!(disk(0, 100));
        assert!(!disk(0, 0), "a size nobody knows");
        assert!(!disk(u64::MAX, u64::MAX));
    }

    #[test]
    fn receipts_stop_only_where_they_came() {
        let stopped = Told { usual: 100, usual_told: 90, late: 20, late_told: 0 };
        assert!(receipts(&stopped));
        assert!(!receipts(&Told { late: 19, ..stopped }), "too few to say");
        assert!(!receipts(&Told { late_told: 1, ..stopped }), "one came");
        assert!(!receipts(&Told { usual_told: 40, ..stopped }), "this one hardly ever tells");
        assert!(!receipts(&Told { usual: 19, usual_told: 19, ..stopped }), "it is new");
    }

    #[test]
    fn subjects_are_read_back() {
        for silence in Silence::ALL {
            for gateway in [None, Some(GatewayId::new(77))] {
                let silent = Silent { silence, shop: ShopId::new(5), gateway, since: now() };
                assert_eq!(Silent::of_subject(&silent.subject(), now()), Some(silent));
            }
        }
        for odd in ["", "work", "work 1", "work x 0", "noise 1 0"] {
            assert_eq!(Silent::of_subject(odd, now()), None);
        }
    }
}

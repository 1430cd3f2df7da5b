//! Time and randomness: the only file that asks the operating system for either. Everything else is handed a `Clock` or
//! an `Ids`, so that a story can live through a year in a second and a replay is a replay.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rand::RngExt;

use crate::domain::time::Time;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;

    /// How long the wall takes for this span of our time; an accelerated clock answers with less.
    fn wall(&self, span: Duration) -> Duration {
        span
    }
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the operating system")]
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until told.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(time: Time) -> ManualClock {
        ManualClock(AtomicI64::new(time.millis()))
    }

    pub fn set(&self, time: Time) {
        self.0.store(time.millis(), Ordering::SeqCst);
    }

    pub fn advance(&self, span: Duration) {
        self.set(self.now() + span);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The demo's clock: it stands until told, then runs so many times as fast as the wall's, and can be moved forward. It
/// never goes back, since ids are made from it.
pub struct FastClock(Mutex<Pace>);

#[derive(Clone, Copy)]
struct Pace {
    shown: Time,
    since: Instant,
    /// 0 while it stands.
    factor: u32,
}

impl Pace {
    fn now(&self) -> Time {
        self.shown + self.since.elapsed() * self.factor
    }
}

impl FastClock {
    /// Stands at this moment.
    pub fn standing(at: Time) -> FastClock {
        FastClock(Mutex::new(Pace { shown: at, since: Instant::now(), factor: 0 }))
    }

    fn change(&self, change: impl FnOnce(&mut Pace)) {
        let mut pace = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        *pace = Pace { shown: pace.now(), since: Instant::now(), ..*pace };
        change(&mut pace);
    }

    /// Moves it forward to this moment; an earlier one changes nothing.
    pub fn move_to(&self, at: Time) {
        self.change(|pace| pace.shown = pace.shown.max(at));
    }

    /// Lets it run from what it shows now, this many times as fast as the wall's clock.
    pub fn run(&self, factor: u32) {
        self.change(|pace| pace.factor = factor);
    }
}

impl Clock for FastClock {
    fn now(&self) -> Time {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner()).now()
    }

    fn wall(&self, span: Duration) -> Duration {
        match self.0.lock().unwrap_or_else(|broken| broken.into_inner()).factor {
            0 => span,
            factor => span / factor,
        }
    }
}

/// Fresh numbers: 42 bits of milliseconds, 10 bits of node, 11 bits of sequence. Unique while no two living processes
/// share a node (`store::node` leases them), also when the clock is set back.
pub struct Ids {
    node: i64,
    last: Mutex<i64>,
}

const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 11;
/// Nodes are numbered 0 to this, exclusive.
pub const NODES: i64 = 1 << NODE_BITS;

impl Ids {
    /// `node` is 0 to `NODES`, exclusive; a larger one is folded into that.
    pub fn new(node: i64) -> Ids {
        Ids { node: node.rem_euclid(NODES), last: Mutex::new(0) }
    }

    /// Whose numbers these are.
    pub fn node(&self) -> i64 {
        self.node
    }

    /// The next number; larger than every one before it from this node.
    pub fn next(&self, now: Time) -> i64 {
        let mut last = self.last.lock().unwrap_or_else(|broken| broken.into_inner());
        // Milliseconds and sequence count up together: a burst borrows from the next millisecond.
        *last = (now.millis() << SEQUENCE_BITS).max(*last + 1);
        let (ms, sequence) = (*last >> SEQUENCE_BITS, *last & ((1 << SEQUENCE_BITS) - 1));
        ms << (NODE_BITS + SEQUENCE_BITS) | self.node << SEQUENCE_BITS | sequence
    }
}

/// Random bytes from the operating system's generator: keys, opaque ids, sign-in tokens.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the operating system")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_through_bursts_and_a_clock_set_back() {
        let ids = Ids::new(3);
        let noon = Time::from_seconds(1_700_000_000);
        let mut last = 0;
        for step in 0..10_000 {
            let now = if step % 3 == 0 { noon - Duration::from_secs(60) } else { noon };
            let id = ids.next(now);
            assert!(id > last);
            last = id;
        }
    }

    #[test]
    fn a_fast_clock_stands_runs_and_never_goes_back() {
        let noon = Time::from_seconds(1_700_000_000);
        let clock = FastClock::standing(noon);
        assert_eq!(clock.now(), noon);
        assert_eq!(clock.wall(Duration::from_secs(60)), Duration::from_secs(60));
        clock.move_to(noon + Duration::from_secs(5));
        clock.move_to(noon);
        assert_eq!(clock.now(), noon + Duration::from_secs(5));
        clock.run(120);
        assert_eq!(clock.wall(Duration::from_secs(60)), Duration::from_millis(500));
        let first = clock.now();
        assert!(clock.now() >= first);
    }

    #[test]
    fn nodes_never_collide() {
        let noon = Time::from_seconds(1_700_000_000);
        assert_ne!(Ids::new(1).next(noon), Ids::new(2).next(noon));
    }
}

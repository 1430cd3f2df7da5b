//! Recurring work: on cron expressions from the settings, in the shop's zone, once per occurrence whatever number of
//! processes runs, and once (not once for each) for occurrences missed while nobody ran.

use std::{collections::HashMap, time::Duration};

use jiff::tz::TimeZone;

use super::{
    Core, after, approve, audit, digest, erase, guard, ingest::Place, people, recredit, renew, rollup, self_test, sink,
    taps, trail, zone_of,
};
use crate::{
    domain::{
        id::{CartId, ShopId},
        schedule::{Occurrence, Schedule},
        seal::ShopKeys,
        time::{DAY, MINUTE, Time},
    },
    store::{self, Error, job},
    transact,
};

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Gives work a job again that has none, should a mistake ever have lost it.
    Sweep,
    /// Recomputes the last days' figures, and looks whether taps can still be believed.
    RepairRollups,
    /// Forgets raw deliveries, old carts, sessions.
    Retention,
    /// Gives each shop a fresh key now and then, and wraps keys anew after the operator's key changed.
    KeyRotation,
    /// Plays each shop's self-test.
    Canary,
    /// Compares our books with the shop's.
    Audit,
    /// Fetches what changed where webhooks are quiet against their usual pace, or where a platform sends none.
    Heal,
    /// Looks whether the platform still sends its webhooks here, and makes those that are gone.
    Webhooks,
    /// Asks what is left on gateway accounts.
    Balance,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Sweep,
        Kind::RepairRollups,
        Kind::Retention,
        Kind::KeyRotation,
        Kind::Canary,
        Kind::Audit,
        Kind::Heal,
        Kind::Webhooks,
        Kind::Balance,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Sweep => "sweep",
            Kind::RepairRollups => "repair_rollups",
            Kind::Retention => "retention",
            Kind::KeyRotation => "key_rotation",
            Kind::Canary => "canary",
            Kind::Audit => "audit",
            Kind::Heal => "heal",
            Kind::Webhooks => "webhooks",
            Kind::Balance => "balance",
        }
    }

    /// Seconds first, as the `cron` crate reads them. Hours that exist on every day in nearly every zone.
    pub fn default_schedule(self) -> &'static str {
        match self {
            Kind::Sweep => "0 */15 * * * *",
            Kind::RepairRollups => "0 20 4 * * *",
            Kind::Retention => "0 40 4 * * *",
            Kind::KeyRotation => "0 10 5 * * Mon",
            Kind::Canary => "0 30 3 * * *",
            Kind::Audit => "0 50 3 * * *",
            Kind::Heal => "0 */5 * * * *",
            Kind::Webhooks => "0 25 * * * *",
            Kind::Balance => "0 35 * * * *",
        }
    }
}

/// One kind of recurring work with its schedule.
#[derive(Clone, Debug)]
pub struct Recurring {
    pub kind: Kind,
    schedule: Schedule,
}

impl Recurring {
    /// `schedule` is a cron expression of six or seven fields, seconds first.
    pub fn new(kind: Kind, schedule: &str) -> Result<Recurring, String> {
        Schedule::parse(schedule).map(|schedule| Recurring { kind, schedule }).ok_or_else(|| {
            format!("{}: {schedule:?} is not a cron expression (seconds first, as in \"0 40 4 * * *\")", kind.name())
        })
    }

    pub fn defaults() -> Vec<Recurring> {
        Kind::ALL.into_iter().filter_map(|kind| Recurring::new(kind, kind.default_schedule()).ok()).collect()
    }

    /// The first occurrence after a moment, in this zone.
    pub fn next(&self, zone: &TimeZone, after: Time) -> Option<Occurrence> {
        self.schedule.next(zone, after)
    }

    /// The last occurrence up to and including a moment, in this zone.
    pub fn newest(&self, zone: &TimeZone, now: Time) -> Option<Occurrence> {
        self.schedule.newest(zone, now)
    }
}

/// The occurrences each shop waits for. Kept in memory; what was taken is in the database.
pub struct Timetable {
    recurring: Vec<Recurring>,
    next: HashMap<(ShopId, usize), Occurrence>,
    listed_at: Option<Time>,
    shops: Vec<(ShopId, TimeZone)>,
}

/// How often the list of shops is read again.
const RELIST_EVERY: Duration = Duration::from_secs(5 * 60);

impl Timetable {
    pub fn new(recurring: Vec<Recurring>) -> Timetable {
        Timetable { recurring, next: HashMap::new(), listed_at: None, shops: Vec::new() }
    }

    /// Runs whatever fell due; answers how many occurrences this process took.
    pub async fn run(&mut self, core: &Core) -> Result<usize, Error> {
        if self.recurring.is_empty() {
            return Ok(0);
        }
        let now = core.now();
        if self.listed_at.is_none_or(|at| now.since(at) >= RELIST_EVERY) {
            self.relist(core).await?;
            self.listed_at = Some(now);
        }
        let mut taken = 0;
        for (shop, zone) in self.shops.clone() {
            for place in 0..self.recurring.len() {
                taken += usize::from(self.run_one(core, shop, &zone, place, now).await?);
            }
        }
        Ok(taken)
    }

    async fn relist(&mut self, core: &Core) -> Result<(), Error> {
        let mut read = core.db.read().await?;
        let mut shops = vec![(ShopId::HOUSE, TimeZone::UTC)];
        for id in store::shop::ids(&mut read).await? {
            match store::shop::get(&mut read, &core.vault, id).await {
                Ok(shop) => shops.extend(shop.map(|shop| (shop.id, zone_of(&shop)))),
                Err(error) if error.is_outage() => return Err(error),
                // One shop that cannot be read must not stop the others.
                Err(error) => tracing::error!(shop = %id, %error, "no recurring work for this shop"),
            }
        }
        self.shops = shops;
        Ok(())
    }

    async fn run_one(
        &mut self,
        core: &Core,
        shop: ShopId,
        zone: &TimeZone,
        place: usize,
        now: Time,
    ) -> Result<bool, Error> {
        let Some(recurring) = self.recurring.get(place).cloned() else { return Ok(false) };
        let name = recurring.kind.name();
        let due = match self.next.get(&(shop, place)) {
            Some(waiting) => waiting.at <= now,
            None => {
                let mut read = core.db.read().await?;
                // Before its first occurrence nothing has been missed.
                store::recurring::last(&mut read, shop, name).await?.is_some()
            }
        };
        if let Some(next) = recurring.next(zone, now) {
            self.next.insert((shop, place), next);
        }
        // However many were missed, the newest stands for all of them: every process names the same one, so that one
        // runs it, once.
        let Some(newest) = recurring.newest(zone, now).filter(|_| due) else { return Ok(false) };
        let mine = transact!(core.db, |tx| store::recurring::take(tx, shop, name, newest.wall, &core.holder).await?)?;
        if mine {
            run(core, shop, recurring.kind).await?;
        }
        Ok(mine)
    }
}

async fn run(core: &Core, shop: ShopId, kind: Kind) -> Result<(), Error> {
    tracing::debug!(shop = %shop, kind = kind.name(), "recurring work");
    match kind {
        Kind::Sweep => sweep(core, shop).await,
        Kind::RepairRollups => repair_rollups(core, shop).await,
        Kind::Retention => retain(core, shop).await,
        Kind::KeyRotation => rotate(core, shop).await,
        Kind::Canary => sing(core, shop).await,
        Kind::Audit => audit::nightly(core, shop).await,
        Kind::Heal => audit::heal_if_quiet(core, shop).await,
        Kind::Webhooks => approve::look_after(core, shop).await,
        Kind::Balance => after::want_balances(core, shop).await,
    }
}

/// Work younger than this still has a transaction to finish.
const SETTLED_AFTER: Duration = MINUTE.saturating_mul(2);
const SWEEP_BACK: Duration = DAY.saturating_mul(3);

async fn sweep(core: &Core, shop: ShopId) -> Result<(), Error> {
    let now = core.now();
    let found = transact!(core.db, |tx| {
        let keys = core.vault.keys(tx, shop).await?;
        let mut found = 0;
        for (kind, subject) in store::sweep::orphans(tx, shop, now - SWEEP_BACK, now - SETTLED_AFTER).await? {
            if kind == job::Kind::Detect && !waits_for_detection(core, tx, &keys, CartId::new(subject)).await? {
                continue;
            }
            job::ensure(tx, shop, kind, subject, now).await?;
            found += 1;
        }
        found
    })?;
    if found > 0 {
        tracing::warn!(shop = %shop, found, "work without a job was found and given one");
    }
    recredit::upgrade(core, shop).await
}

/// Tests, what staff or a till made, and what a crawler left wait for nothing; only the sealed part of a cart tells.
async fn waits_for_detection(core: &Core, tx: &mut store::Tx, keys: &ShopKeys, id: CartId) -> Result<bool, Error> {
    let Some((shop, _)) = core.shop(tx, keys.shop()).await? else { return Ok(false) };
    let cart = store::cart::get(tx, keys, id).await?;
    Ok(cart.is_some_and(|cart| cart.is_recoverable() && guard::suspect(&shop, &cart).is_none()))
}

/// A shop that is gone has nothing to be tested.
async fn sing(core: &Core, id: ShopId) -> Result<(), Error> {
    let mut read = core.db.read().await?;
    let shop = store::shop::get(&mut read, &core.vault, id).await?;
    drop(read);
    if shop.is_some_and(|shop| shop.uninstalled_at.is_none() && shop.erased_at.is_none()) {
        self_test::ask(core, id, true).await?;
    }
    Ok(())
}

const REPAIR_DAYS: i64 = 3;

async fn repair_rollups(core: &Core, shop_id: ShopId) -> Result<(), Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        if let Some((shop, _)) = core.shop(tx, shop_id).await? {
            let today = rollup::day_number(&zone_of(&shop), now);
            for day in today - REPAIR_DAYS..=today {
                job::ensure(tx, shop_id, job::Kind::Rollup, day, now).await?;
            }
        }
    })?;
    taps::watch(core, shop_id).await
}

/// No receipt of a text comes later than this after its gateway was taken out of use.
const REMOVED_KEPT_FOR: Duration = DAY.saturating_mul(7);

/// Carts forgotten in one transaction.
const FORGET_MOST: u32 = 200;

async fn retain(core: &Core, shop_id: ShopId) -> Result<(), Error> {
    let now = core.now();
    if shop_id == ShopId::HOUSE {
        trail::forget(core).await?;
        return transact!(core.db, |tx| {
            store::user::prune(tx, now - DAY).await?;
            store::second::prune(tx, now - DAY).await?;
            store::recurring::prune(tx, now - DAY * 30).await?;
            store::inbox::prune(tx, ShopId::HOUSE, now - DAY * 30).await?;
            store::phone_use::prune(tx, now - guard::PHONES_KEPT_FOR).await?;
            store::gateway::forget_removed(tx, ShopId::HOUSE, now - REMOVED_KEPT_FOR).await?;
            store::circuit::prune(tx, shop_id).await?;
            store::idempotency::prune(tx, ShopId::HOUSE, now - DAY).await?;
        });
    }
    loop {
        let left = transact!(core.db, |tx| {
            store::shop::take_turn(tx, shop_id).await?;
            match core.shop(tx, shop_id).await? {
                Some((shop, keys)) => {
                    store::inbox::prune(tx, shop_id, now - DAY * shop.rules.inbox_days).await?;
                    store::gateway::forget_removed(tx, shop_id, now - REMOVED_KEPT_FOR).await?;
                    store::circuit::prune(tx, shop_id).await?;
                    store::guard::prune(tx, shop_id, now - guard::KEPT_FOR).await?;
                    store::idempotency::prune(tx, shop_id, now - DAY).await?;
                    store::digest::prune(tx, shop_id, now - digest::KEPT_FOR).await?;
                    // What was told to other systems is kept as long as what they told us.
                    store::outbox::prune(tx, &keys, now - DAY * shop.rules.inbox_days).await?;
                    sink::forget_old_secrets(tx, &keys, now).await?;
                    audit::forget(tx, shop_id, now).await?;
                    let before = now - DAY * shop.rules.cart_days;
                    let old = store::cart::forgettable(tx, &keys, before, FORGET_MOST).await?;
                    let place = Place { core, shop: &shop, keys: &keys, now, arrived_at: now };
                    store::cart::prune_deletions(tx, &keys, before).await?;
                    for cart in &old {
                        erase::blank_cart(tx, &place, cart.id).await?;
                    }
                    old.len()
                }
                None => 0,
            }
        })?;
        if left < FORGET_MOST as usize {
            break;
        }
    }
    people::age::forget(core, shop_id).await
}

async fn rotate(core: &Core, shop: ShopId) -> Result<(), Error> {
    if shop == ShopId::HOUSE {
        transact!(core.db, |tx| core.vault.rewrap(tx).await?)?;
    }
    let made = store::shop::newest_key_at(&mut core.db.read().await?, shop).await?;
    if made.is_some_and(|made| renew::is_due(made, core.now())) {
        renew::renew(core, shop, renew::Links::Kept).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hours;

    #[track_caller]
    fn check(schedule: &str, zone: &str, after: &str, expected: &[&str]) {
        let recurring = Recurring::new(Kind::Sweep, schedule).unwrap();
        let zone = hours::zone(zone).unwrap();
        let mut at = Time::parse(after).unwrap();
        for moment in expected {
            let next = recurring.next(&zone, at).unwrap();
            assert_eq!(next.at, Time::parse(moment).unwrap(), "{schedule} after {at}");
            // Until the one after it, it is the newest, from its very moment on.
            assert_eq!(recurring.newest(&zone, next.at), Some(next));
            assert_eq!(recurring.newest(&zone, next.at + Duration::from_millis(1_500)), Some(next));
            assert_ne!(recurring.newest(&zone, next.at - Duration::from_millis(1)), Some(next));
            at = next.at;
        }
    }

    #[test]
    fn occurrences_keep_the_shops_own_time() {
        check(
            "0 30 4 * * *",
            "Europe/Ljubljana",
            "2026-03-28T00:00:00Z",
            &["2026-03-28T03:30:00Z", "2026-03-29T02:30:00Z", "2026-03-30T02:30:00Z"],
        );
        check("0 0 9 * * Mon", "America/New_York", "2026-11-21T00:00:00Z", &["2026-11-23T14:00:00Z"]);
        // Daylight time all year since 2026e.
        check("0 0 9 * * *", "America/Vancouver", "2026-12-01T00:00:00Z", &["2026-12-01T16:00:00Z"]);
    }

    #[test]
    fn an_hour_that_comes_twice_is_one_occurrence() {
        let recurring = Recurring::new(Kind::Sweep, "0 30 2 * * *").unwrap();
        let zone = hours::zone("Europe/Ljubljana").unwrap();
        let first = recurring.next(&zone, Time::parse("2026-10-24T23:00:00Z").unwrap()).unwrap();
        let second = recurring.next(&zone, first.at).unwrap();
        // Whether or not the expression matches the second 02:30 too, its name is the same as the first one's.
        if second.at.since(first.at) < DAY / 2 {
            assert_eq!(first.wall, second.wall);
        }
        assert_eq!(first.at, Time::parse("2026-10-25T00:30:00Z").unwrap());
    }

    #[test]
    fn nonsense_is_refused_and_defaults_are_not() {
        assert!(Recurring::new(Kind::Sweep, "every day").is_err());
        assert!(Recurring::new(Kind::Sweep, "*/5 * * * *").is_err());
        assert_eq!(Recurring::defaults().len(), Kind::ALL.len());
    }
}

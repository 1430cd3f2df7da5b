//! Watch: looks for silence, raises an alarm for each and ends it when it is over, and writes to the owners once. Decides
//! what is looked at and who is told; when something is too quiet is `domain::silence`'s.
//!
//! Whoever runs it must not run it inside the worker or beside the server's requests: it is there for the day on which
//! those stand still (`app::watch` gives it a thread of its own). While the database is away nothing can be written down:
//! what is known then is kept on the `Board`, and owners are written to at the addresses that were read last.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::{Instant, timeout};

use super::{
    Core, audit,
    digest::Written,
    recurring::{Kind, Recurring},
    second::language_of,
};
use crate::{
    domain::{
        id::ShopId,
        member::Role,
        silence::{self, Silence, Silent},
        time::{DAY, HOUR, MINUTE, Time},
    },
    store::{self, Error, Read, team::Member},
    transact,
};

/// What an alarm of this kind is called among the house's.
pub const ALARM: &str = "silence";

/// How often somebody looks.
pub const LOOK_EVERY: Duration = MINUTE;
/// What reads a shop's texts and deliveries is looked at less often.
const LOOK_CLOSELY_EVERY: Duration = MINUTE.saturating_mul(15);
/// A database that has not answered by then does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A receipt has come by then, or comes late enough to worry.
const RECEIPT_WITHIN: Duration = HOUR.saturating_mul(2);
const RECEIPTS_LATE: Duration = DAY;
const RECEIPTS_USUAL: Duration = DAY.saturating_mul(8);
/// A look that is older says nothing any more: whoever looks has stopped, too.
const BOARD_GOOD_FOR: Duration = MINUTE.saturating_mul(5);

/// What was seen last, for whoever asks this process.
#[derive(Default)]
pub struct Board(Mutex<Option<(Instant, Vec<Silent>)>>);

impl Board {
    /// What is silent; `None` when nobody has looked for a while.
    pub fn read(&self) -> Option<Vec<Silent>> {
        let seen = self.seen();
        let (at, silent) = seen.as_ref()?;
        (at.elapsed() <= BOARD_GOOD_FOR).then(|| silent.clone())
    }

    fn write(&self, silent: &[Silent]) {
        *self.seen() = Some((Instant::now(), silent.to_vec()));
    }

    fn seen(&self) -> MutexGuard<'_, Option<(Instant, Vec<Silent>)>> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

/// Something silent with the names people know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub silent: Silent,
    /// The shop's or the gateway's; "" for what concerns everybody.
    pub name: String,
}

/// What a letter says.
#[derive(Clone, Debug)]
pub struct Told {
    pub silences: Vec<Named>,
    pub now: Time,
    /// Of the reader: a tag of `LANGUAGES`, or "".
    pub language: String,
    /// Our address, without a slash at the end.
    pub public_url: String,
}

/// Writes that letter. An error means that a template is broken.
pub type Writer = fn(&Told) -> Result<Written, String>;

/// Free and whole, in bytes.
pub type Disk = (u64, u64);

/// Whoever looks. Keeps between two looks what only it knows.
pub struct Watch {
    /// Between two rounds of the sweeper; `None` where its schedule never comes.
    sweep_gap: Option<Duration>,
    since: Time,
    /// When the most overdue work fell due, and since when it is that.
    oldest_due: Option<Time>,
    unmoved_since: Time,
    away_since: Option<Time>,
    told_of_away: bool,
    looked_closely_at: Option<Time>,
    close: Vec<Silent>,
    owners: Vec<Member>,
}

impl Watch {
    pub fn new(core: &Core, recurring: &[Recurring]) -> Watch {
        let now = core.now();
        Watch {
            sweep_gap: recurring.iter().find(|each| each.kind == Kind::Sweep).and_then(|sweep| gap(sweep, now)),
            since: now,
            oldest_due: None,
            unmoved_since: now,
            away_since: None,
            told_of_away: false,
            looked_closely_at: None,
            close: Vec::new(),
            owners: Vec::new(),
        }
    }

    /// Looks once, keeps what was seen on the board, and tells whoever has to know. `disk` is that of the data folder.
    pub async fn look(&mut self, core: &Core, disk: Option<Disk>) -> Vec<Silent> {
        let seen = timeout(ANSWER_WITHIN, self.see(core, disk)).await.unwrap_or(Err(Error::Busy));
        let now = core.now();
        let silent = match seen {
            Ok(silent) => {
                (self.away_since, self.told_of_away) = (None, false);
                silent
            }
            Err(error) => {
                let since = *self.away_since.get_or_insert(now);
                tracing::warn!(%error, "the database cannot be looked at");
                let away = now.since(since) >= silence::DATABASE_AWAY;
                let full = full(disk, now);
                away.then(|| Silent::of_house(Silence::Database, since)).into_iter().chain(full).collect()
            }
        };
        core.board.write(&silent);
        if self.away_since.is_none() {
            match timeout(ANSWER_WITHIN, self.note(core, &silent)).await {
                Ok(Ok(new)) => self.tell(core, &new).await,
                Ok(Err(error)) => tracing::warn!(%error, "an alarm could not be kept"),
                Err(_) => tracing::warn!("an alarm could not be kept in time"),
            }
        } else if !silent.is_empty() && !self.told_of_away {
            self.told_of_away = true;
            self.tell(core, &silent).await;
        }
        silent
    }

    /// What is silent now. Changes nothing anywhere else.
    async fn see(&mut self, core: &Core, disk: Option<Disk>) -> Result<Vec<Silent>, Error> {
        let now = core.now();
        let mut read = core.db.read().await?;
        let mut silent = Vec::new();
        silent.extend(self.work(core, &mut read, now).await?);
        silent.extend(self.sweep(&mut read, now).await?);
        silent.extend(full(disk, now));
        let away = store::silence::gateways_away(&mut read).await?;
        let away = away.into_iter().filter(|(.., since)| now.since(*since) >= silence::GATEWAY_AWAY);
        silent.extend(away.map(|(shop, gateway, since)| Silent {
            silence: Silence::Gateway,
            shop,
            gateway: Some(gateway),
            since,
        }));
        if self.looked_closely_at.is_none_or(|at| now.since(at) >= LOOK_CLOSELY_EVERY) {
            self.close = look_closely(core, &mut read, now).await?;
            let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
            self.owners = store::team::list(&mut read, &house).await?;
            self.owners.retain(|member| member.role == Role::Owner && !member.email.is_empty());
            self.looked_closely_at = Some(now);
        }
        silent.extend(self.close.iter().cloned());
        Ok(silent)
    }

    async fn work(&mut self, core: &Core, read: &mut Read, now: Time) -> Result<Option<Silent>, Error> {
        let oldest = store::job::next_due(read).await?;
        // Only when the oldest is gone somebody did it; one that is older still shows nothing done.
        if oldest.is_none() || self.oldest_due.is_some_and(|before| oldest > Some(before)) {
            self.unmoved_since = now;
        }
        self.oldest_due = oldest;
        let house = core.vault.keys(read, ShopId::HOUSE).await?;
        let subject = Silent::of_house(Silence::Work, now).subject();
        let standing = store::alarm::standing(read, &house).await?;
        let stands = standing.iter().any(|alarm| alarm.kind == ALARM && alarm.subject == subject);
        // Whoever has just begun to look knows no better than who raised it.
        let unmoved_since = if stands { Time::FIRST } else { self.unmoved_since };
        Ok(silence::work(oldest, unmoved_since, now).map(|since| Silent::of_house(Silence::Work, since)))
    }

    async fn sweep(&self, read: &mut Read, now: Time) -> Result<Option<Silent>, Error> {
        let Some(gap) = self.sweep_gap else { return Ok(None) };
        // The house's: its clocks show UTC, in which rounds are kept.
        let last = store::recurring::last(read, ShopId::HOUSE, Kind::Sweep.name()).await?;
        Ok(silence::sweep(last, gap, self.since, now).map(|since| Silent::of_house(Silence::Sweep, since)))
    }

    /// Raises what is new and ends what is over; answers the new, which no other process has raised.
    async fn note(&self, core: &Core, silent: &[Silent]) -> Result<Vec<Silent>, Error> {
        let now = core.now();
        let mut read = core.db.read().await?;
        let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
        let standing = store::alarm::standing(&mut read, &house).await?;
        drop(read);
        let standing: BTreeSet<String> =
            standing.into_iter().filter(|alarm| alarm.kind == ALARM).map(|alarm| alarm.subject).collect();
        let seen: BTreeSet<String> = silent.iter().map(Silent::subject).collect();
        if standing == seen {
            return Ok(Vec::new());
        }
        let new: Vec<Silent> = transact!(core.db, |tx| {
            let mut new = Vec::new();
            for each in silent {
                let words = each.silence.says();
                if store::alarm::raise(tx, ShopId::HOUSE, ALARM, &each.subject(), words, now).await? {
                    new.push(each.clone());
                }
            }
            for subject in standing.difference(&seen) {
                store::alarm::clear(tx, ShopId::HOUSE, ALARM, subject, now).await?;
            }
            new
        })?;
        for subject in standing.difference(&seen) {
            tracing::info!(silence = subject, "it is over");
        }
        Ok(new)
    }

    async fn tell(&self, core: &Core, new: &[Silent]) {
        for each in new {
            let (what, since) = (each.silence.says(), each.since);
            tracing::error!(silence = each.silence.name(), shop = %each.shop, %since, "{what}");
        }
        let Some(post) = core.post.as_ref().filter(|_| !new.is_empty()) else { return };
        let mut silences = Vec::with_capacity(new.len());
        for each in new {
            // Without the database there are no names, and what is silent then concerns everybody.
            let name = async { name_of(core, &mut core.db.read().await?, each).await };
            let name = timeout(ANSWER_WITHIN, name).await.ok().and_then(Result::ok).unwrap_or_default();
            silences.push(Named { silent: each.clone(), name });
        }
        for owner in &self.owners {
            let told = Told {
                silences: silences.clone(),
                now: core.now(),
                language: language_of(owner),
                public_url: core.public_url.clone(),
            };
            post.give(core, owner, (post.tell_silence)(&told), format!("silence-{}", core.fresh_id())).await;
        }
    }
}

fn full(disk: Option<Disk>, now: Time) -> Option<Silent> {
    let (free, size) = disk?;
    silence::disk(free, size).then(|| Silent::of_house(Silence::Disk, now))
}

/// Between two rounds, as the schedule has them now.
fn gap(sweep: &Recurring, now: Time) -> Option<Duration> {
    let utc = jiff::tz::TimeZone::UTC;
    let first = sweep.next(&utc, now)?.at;
    let second = sweep.next(&utc, first)?.at;
    Some(second.since(first))
}

/// What takes reading a shop's texts and deliveries. One that cannot be read hides no other's silence.
async fn look_closely(core: &Core, read: &mut Read, now: Time) -> Result<Vec<Silent>, Error> {
    let mut silent = Vec::new();
    for shop in store::shop::ids(read).await? {
        match look_at(core, read, shop, now).await {
            Ok(found) => silent.extend(found),
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => tracing::error!(%shop, %error, "nobody can tell whether this shop is silent"),
        }
    }
    // One account may send for several shops.
    silent.sort();
    silent.dedup_by_key(|each| each.subject());
    Ok(silent)
}

async fn look_at(core: &Core, read: &mut Read, shop: ShopId, now: Time) -> Result<Vec<Silent>, Error> {
    let mut silent = Vec::new();
    let to = now - RECEIPT_WITHIN;
    for found in store::silence::receipts(read, shop, to - RECEIPTS_USUAL, to - RECEIPTS_LATE, to).await? {
        if silence::receipts(&found.told) {
            silent.push(Silent {
                silence: Silence::Receipts,
                shop: found.tenant,
                gateway: Some(found.gateway),
                since: found.late_since.unwrap_or(to),
            });
        }
    }
    let Some((known, _)) = core.shop(read, shop).await? else { return Ok(silent) };
    if known.uninstalled_at.is_none()
        && !audit::is_silent(&known)
        && let Some(since) = audit::quiet_since(read, shop, now).await?
    {
        silent.push(Silent { silence: Silence::Webhooks, shop, gateway: None, since });
    }
    Ok(silent)
}

/// What people call it.
async fn name_of(core: &Core, read: &mut Read, silent: &Silent) -> Result<String, Error> {
    if let Some(gateway) = silent.gateway {
        let keys = core.vault.keys(read, silent.shop).await?;
        let found = store::gateway::get(read, &keys, gateway).await?;
        return Ok(found.map(|gateway| gateway.name).unwrap_or_default());
    }
    if silent.shop == ShopId::HOUSE {
        return Ok(String::new());
    }
    Ok(core.shop(read, silent.shop).await?.map(|(shop, _)| shop.name).unwrap_or_default())
}

/// What stands, with names, for a page or a command.
pub async fn standing(core: &Core, read: &mut Read) -> Result<Vec<Named>, Error> {
    let house = core.vault.keys(read, ShopId::HOUSE).await?;
    let mut named = Vec::new();
    for alarm in store::alarm::standing(read, &house).await?.iter().filter(|alarm| alarm.kind == ALARM) {
        let Some(silent) = Silent::of_subject(&alarm.subject, alarm.raised_at) else { continue };
        let name = name_of(core, read, &silent).await?;
        named.push(Named { silent, name });
    }
    Ok(named)
}

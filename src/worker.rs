//! The worker: the only loop, the only back-off. It finds the shops with due work, and several of them at once are worked for:
//! a handful of jobs is claimed of each and given to the pipeline. A shop with much to do takes its turn like one with
//! little.

mod errand;
mod self_test;
mod share;
mod writing;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::{
    errand::Errands,
    share::Share,
    writing::{Writing, is_figure, only_writes, write},
};
use crate::{
    clock,
    domain::{
        id::{DeliveryId, ShopId},
        time::Time,
    },
    pipeline::{
        Core, after, approve, audit, digest, discount, experiment, fetch, forward,
        handful::{self, Failed, TOGETHER, caught},
        holdout, offline, people,
        recurring::{Recurring, Timetable},
        send,
        settle::{self, Settled},
    },
    store::{
        self, Error,
        job::{self, Job, Kind},
    },
    transact,
};

/// Jobs claimed of one shop at a time.
const CLAIM_MOST: u32 = 100;
/// A claim lasts this long: three times the longest HTTP call. What outlives it finds its claim gone and leaves it be.
const LEASE: Duration = Duration::from_secs(45);
/// Shops worked for at once. Most of the time they wait for their gateways: how many of them are in the database at once is
/// bounded by itself.
const SHOPS_AT_ONCE: usize = 32;
/// A shop that has more to do lets the next one have its place after this long; where none waits for a place, after the
/// longer span, so that it is asked now and then whose shop it is.
const SLICE: Duration = Duration::from_millis(300);
const SLICE_MOST: Duration = Duration::from_secs(3);
/// Texts of a shop on their way at once; what became of one is noted before another takes its place. A gateway that falls
/// silent has taken all of them, and what it has taken is never sent again.
const TEXTS_AT_ONCE: usize = 16;
/// A handful begins when there is room for so many, and takes all the room there is: with others it shares its questions to
/// the database. So an answer that is late keeps its own place and no others'.
const TEXTS_TOGETHER: usize = 8;
/// Other calls begun at once, per shop.
const CALLS_AT_ONCE: usize = 16;
/// Failures after which a job is given up and a person told.
const TRIES_MAX: u32 = 5;
/// A job that was claimed more often than this and is still there shares no transaction: it may be what fails them.
const SHARES_UNTIL: u32 = 2;
/// Endings of the process in the middle of one and the same job after which the job is taken for their cause. That it was
/// claimed by processes that ended says nothing: a hundred others were too.
const ENDINGS_MAX: u32 = 3;
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The loop looks at least this often, should a bell have been missed.
const IDLE_MOST: Duration = Duration::from_millis(500);
/// While shops are worked for, the loop looks for others this often: each look asks about all of them.
const LOOK_LEAST: Duration = Duration::from_millis(20);
const LOOK_MOST: Duration = Duration::from_millis(100);
/// How often what a restored database keeps to itself is looked at again.
const AT_REST_AGAIN: Duration = Duration::from_secs(60);
/// Waits after the database failed, growing.
const AWAY_FIRST: Duration = Duration::from_millis(250);
const AWAY_MOST: Duration = Duration::from_secs(5);

pub struct Worker {
    hands: Arc<Hands>,
    timetable: Timetable,
    /// The shops that are worked for at this moment.
    shops: JoinSet<(ShopId, Result<(), Error>)>,
    /// Until when a shop is left alone: one that is worked for as long as that lasts, one that is stuck for a while.
    left_alone: BTreeMap<ShopId, Option<Instant>>,
    /// The shops there are, for when nobody can tell which of them have work.
    known: BTreeSet<ShopId>,
    /// Which of them this process works for, if there are others.
    share: Share,
    /// A part of a distributed database is away.
    in_parts: bool,
}

impl Worker {
    pub fn new(core: Arc<Core>, recurring: Vec<Recurring>) -> Worker {
        let hands = Hands {
            core,
            errands: Errands::default(),
            texts_at_once: TEXTS_AT_ONCE,
            calls_at_once: CALLS_AT_ONCE,
            makes_way: true,
            scarce: AtomicBool::new(false),
        };
        Worker::with(hands, Timetable::new(recurring))
    }

    fn with(hands: Hands, timetable: Timetable) -> Worker {
        Worker {
            share: Share::new(hands.core.ids.node()),
            hands: Arc::new(hands),
            timetable,
            shops: JoinSet::new(),
            left_alone: BTreeMap::new(),
            known: BTreeSet::new(),
            in_parts: false,
        }
    }

    /// Sends one text after the other, and waits for nobody: for a simulation, which decides itself what happens beside what.
    #[must_use]
    pub fn one_by_one(self) -> Worker {
        let (core, errands) = (self.hands.core.clone(), Errands::default());
        let scarce = AtomicBool::new(false);
        let hands = Hands { core, errands, texts_at_once: 1, calls_at_once: 1, makes_way: false, scarce };
        Worker::with(hands, self.timetable)
    }

    /// Works until told to stop; what it has claimed by then is finished first.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut away = AWAY_FIRST;
        while !stop.is_cancelled() {
            match self.round(&stop).await {
                Ok(()) => away = AWAY_FIRST,
                Err(error) => {
                    tracing::error!(%error, "the worker waits for the database");
                    away = (away * 2).min(AWAY_MOST);
                    let _ = stop.run_until_cancelled(tokio::time::sleep(away)).await;
                }
            }
        }
        if let Err(error) = self.share.end(&self.hands.core).await {
            tracing::warn!(%error, "the others hear of this worker's end when they miss it");
        }
        while self.shops.join_next().await.is_some() {}
        self.hands.errands.end().await;
    }

    /// Begins with every shop that has due work by now and is not worked for, as places become free, and waits until it is
    /// worth looking again.
    async fn round(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let core = self.hands.core.clone();
        if let Err(error) = self.timetable.run(&core).await {
            let error = self.of_a_part(error).await?;
            tracing::debug!(%error, "recurring work waits for a part of the database");
        }
        if let Err(error) = self.share.beat(&core).await {
            let error = self.of_a_part(error).await?;
            tracing::debug!(%error, "who shares the shops is as it was");
        }
        let now = core.now();
        let mut waiting = VecDeque::from(self.due(now).await?);
        waiting.retain(|shop| self.share.is_mine(*shop));
        let (looked, idle) = (Instant::now(), waiting.is_empty());
        self.left_alone.retain(|_, until| until.is_none_or(|until| until > looked));
        waiting.retain(|shop| !self.left_alone.contains_key(shop));
        let wanted = waiting.len() + self.shops.len();
        self.hands.scarce.store(wanted > SHOPS_AT_ONCE, Ordering::Relaxed);
        while let Some(shop) = waiting.pop_front() {
            if self.shops.len() >= SHOPS_AT_ONCE {
                self.one_ends().await;
            }
            if stop.is_cancelled() {
                return Ok(());
            }
            self.left_alone.insert(shop, None);
            let (hands, stop) = (self.hands.clone(), stop.clone());
            self.shops.spawn(async move { (shop, caught(hands.work_for(shop, &stop)).await) });
        }
        // Whatever is due and not begun with is left alone for a while.
        let pause = if idle && self.shops.is_empty() { self.until_next(now).await } else { LOOK_MOST };
        tokio::select! {
            () = stop.cancelled() => {}
            () = core.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = self.one_ends(), if !self.shops.is_empty() => {}
        }
        let least = if self.in_parts { IDLE_MOST } else { LOOK_LEAST };
        if self.in_parts || !self.shops.is_empty() {
            let _ = stop.run_until_cancelled(tokio::time::sleep_until(looked + least)).await;
        }
        Ok(())
    }

    /// The shops with due work. While a part of a distributed database is away nobody can tell which those are: then every
    /// shop is looked at by itself, and those that lie on other parts go on.
    async fn due(&mut self, now: Time) -> Result<Vec<ShopId>, Error> {
        let core = self.hands.core.clone();
        let mut read = core.db.read().await?;
        let due = job::shops_due(&mut read, now).await;
        if let Ok(due) = &due {
            if self.known.is_empty() {
                self.known.extend(store::shop::ids(&mut read).await?);
            }
            self.known.extend(due);
        }
        drop(read);
        match due {
            Ok(due) => {
                self.in_parts = false;
                Ok(due)
            }
            Err(error) => {
                let error = self.of_a_part(error).await?;
                if !std::mem::replace(&mut self.in_parts, true) {
                    tracing::warn!(%error, "a part of the database is away");
                }
                Ok(self.known.iter().copied().collect())
            }
        }
    }

    /// An outage of a part: the database answers all the same. Anything else is an error here, too.
    async fn of_a_part(&self, error: Error) -> Result<Error, Error> {
        if !error.is_outage() || self.known.is_empty() {
            return Err(error);
        }
        store::health::answers(&mut self.hands.core.db.read().await?).await.map(|()| error)
    }

    /// Waits until one of the shops has had its turn.
    async fn one_ends(&mut self) {
        let Some(Ok((shop, outcome))) = self.shops.join_next().await else { return };
        self.left_alone.remove(&shop);
        // What only this shop has (its part of the database is away, a row of a newer version, a damaged one) must not hold
        // up the others.
        if let Err(error) = outcome {
            match error.is_outage() {
                true => tracing::warn!(%shop, %error, "this shop waits for the database"),
                false => tracing::error!(%shop, %error, "this shop's work is stuck"),
            }
            self.left_alone.insert(shop, Some(Instant::now() + RETRY_FIRST));
        }
    }

    /// How long it is until something falls due that was not at the last look.
    async fn until_next(&self, looked: Time) -> Duration {
        let core = &self.hands.core;
        let next = match core.db.read().await {
            Ok(mut read) => job::next_due_after(&mut read, looked).await.ok().flatten(),
            Err(_) => None,
        };
        let wait = next.map_or(IDLE_MOST, |due| core.clock.wall(due.since(core.now())));
        // What falls due next may be another's.
        let least = if self.share.is_alone() { Duration::from_millis(5) } else { LOOK_MOST };
        wait.clamp(least, IDLE_MOST)
    }

    /// Does what is due now to its end, one shop after the other; answers how many jobs that were. Jobs that fall due by it
    /// are left for the next tick.
    pub async fn tick(&mut self) -> Result<usize, Error> {
        let done = self.tick_all().await;
        self.hands.errands.end().await;
        done
    }

    async fn tick_all(&mut self) -> Result<usize, Error> {
        let core = self.hands.core.clone();
        let mut done = self.timetable.run(&core).await?;
        let now = core.now();
        let shops = job::shops_due(&mut core.db.read().await?, now).await?;
        for shop in shops {
            match self.hands.tick_shop(shop, now).await {
                Ok(count) => done += count,
                Err(error) if error.is_outage() => return Err(error),
                Err(error) => tracing::error!(%shop, %error, "this shop's work is stuck"),
            }
        }
        Ok(done)
    }
}

/// What does the work, for every shop.
struct Hands {
    core: Arc<Core>,
    errands: Errands,
    /// Texts of a handful on their way at once.
    texts_at_once: usize,
    calls_at_once: usize,
    /// Whether work that only writes waits for whoever wants to be answered.
    makes_way: bool,
    /// More shops have work than are worked for at once.
    scarce: AtomicBool,
}

impl Hands {
    /// Works for one shop until nothing of it is due, or its time is up.
    async fn work_for(&self, shop: ShopId, stop: &CancellationToken) -> Result<(), Error> {
        let begun = Instant::now();
        while self.tick_shop(shop, self.core.now()).await? > 0 && !stop.is_cancelled() {
            let slice = if self.scarce.load(Ordering::Relaxed) { SLICE } else { SLICE_MOST };
            if begun.elapsed() >= slice {
                break;
            }
        }
        Ok(())
    }

    async fn tick_shop(&self, shop: ShopId, now: Time) -> Result<usize, Error> {
        let core = &self.core;
        // The database was restored, and nobody has said yet that anything may leave it.
        let at_rest = store::restored::is_waiting(&mut core.db.read().await?).await?;
        let claim = data_encoding::BASE64URL_NOPAD.encode(&clock::random::<12>());
        let jobs = transact!(core.db, |tx| job::claim(tx, shop, now, now + LEASE, &claim, CLAIM_MOST).await?)?;
        let count = jobs.len();
        let (kept, jobs): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| at_rest && leaves_the_house(job.kind));
        let outcome = match put_off(core, &kept).await {
            Ok(()) => self.do_all(jobs).await,
            failed => failed,
        };
        if outcome.is_err() {
            // Nothing of it is being done any more: the rest need not wait until the lease is over.
            let due = core.now() + RETRY_FIRST;
            let released: Result<u64, Error> = transact!(core.db, |tx| job::release(tx, shop, &claim, due).await?);
            if let Err(error) = released {
                tracing::warn!(%shop, %error, "what was claimed waits until its lease is over");
            }
        }
        outcome.map(|()| count)
    }

    async fn do_all(&self, jobs: Vec<Job>) -> Result<(), Error> {
        let (errands, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| errand::is_one(job.kind));
        for job in errands {
            self.errands.begin(self.core.clone(), job);
        }
        let core = &self.core;
        let (deliveries, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.kind == Kind::Ingest);
        self.take_in(deliveries).await?;
        let (calls, jobs): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| matches!(job.kind, Kind::Send | Kind::LookUp | Kind::Discount));
        let (written, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| only_writes(job.kind));
        // Nobody waits for figures, however many there are to make.
        let (figures, written): (Vec<Job>, Vec<Job>) = written.into_iter().partition(|job| is_figure(job.kind));
        self.write_all(written).await?;
        for job in &jobs {
            perform(core, job).await?;
        }
        // Of jobs begun at once nobody could tell which one ended the process: those that may have are begun alone, and last.
        let (suspects, calls): (Vec<Job>, Vec<Job>) = calls.into_iter().partition(|job| job.attempt > TRIES_MAX);
        let (sends, calls): (Vec<Job>, Vec<Job>) =
            calls.into_iter().partition(|job| job.kind == Kind::Send && job.attempt <= SHARES_UNTIL);
        let texts = (!sends.is_empty()).then_some(Call::Texts(sends));
        let calls = texts.into_iter().chain(calls.into_iter().map(Call::Other));
        // Whatever has begun comes to its end, should the database go away beside it.
        let ends: Vec<Result<(), Error>> =
            stream::iter(calls).map(|call| self.call(call)).buffer_unordered(self.calls_at_once).collect().await;
        ends.into_iter().collect::<Result<(), Error>>()?;
        self.write_all(figures).await?;
        for job in &suspects {
            perform(core, job).await?;
        }
        Ok(())
    }

    async fn call(&self, call: Call) -> Result<(), Error> {
        match call {
            Call::Other(job) => perform(&self.core, &job).await,
            Call::Texts(jobs) => {
                let room = Arc::new(Semaphore::new(TEXTS_AT_ONCE));
                let handfuls = stream::unfold(VecDeque::from(jobs), |left| next_handful(room.clone(), left));
                let ends: Vec<Result<(), Error>> = handfuls
                    .map(|(jobs, seats)| self.send(jobs, seats))
                    .buffer_unordered(self.calls_at_once)
                    .collect()
                    .await;
                ends.into_iter().collect()
            }
        }
    }

    async fn send(&self, jobs: Vec<Job>, seats: OwnedSemaphorePermit) -> Result<(), Error> {
        let core = &self.core;
        match caught(send::send(core, jobs.clone(), self.texts_at_once, Some(seats))).await {
            Ok(failed) => {
                for Failed { job, why } in failed {
                    fail(core, &job, why).await?;
                }
                Ok(())
            }
            Err(error) if error.is_outage() => Err(error),
            // Somewhere between the transactions, by whichever of them.
            Err(_) => {
                for job in &jobs {
                    perform(core, job).await?;
                }
                Ok(())
            }
        }
    }

    /// Deliveries of the shop itself are only written; a gateway's callbacks ask it back first.
    async fn take_in(&self, deliveries: Vec<Job>) -> Result<(), Error> {
        let (mut own, mut callbacks) = (Vec::new(), Vec::new());
        if !deliveries.is_empty() {
            let mut read = self.core.db.read().await?;
            for jobs in deliveries.chunk_by(|a, b| a.shop == b.shop) {
                let Some(shop) = jobs.first().map(|job| job.shop) else { continue };
                let ids: Vec<i64> = jobs.iter().map(|job| job.subject).collect();
                let told = store::inbox::callbacks(&mut read, shop, &ids).await?;
                for job in jobs.iter().cloned() {
                    if told.contains(&job.subject) { callbacks.push(job) } else { own.push(job) }
                }
            }
        }
        self.write_all(own).await?;
        for job in &callbacks {
            perform(&self.core, job).await?;
        }
        Ok(())
    }

    /// Handfuls of jobs that only write. Between two of them whoever waits for an answer goes first.
    async fn write_all(&self, jobs: Vec<Job>) -> Result<(), Error> {
        let core = &self.core;
        let (jobs, alone): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.attempt <= SHARES_UNTIL);
        for jobs in handfuls(jobs, TOGETHER) {
            let begun = Instant::now();
            for Failed { job, why } in handful::write_all(core, jobs.into_iter().map(Writing).collect()).await?.failed {
                fail(core, &job, why).await?;
            }
            if self.makes_way {
                core.crowd.make_way(begun.elapsed()).await;
            }
        }
        for job in &alone {
            perform(core, job).await?;
        }
        Ok(())
    }
}

fn handfuls(jobs: Vec<Job>, most: usize) -> Vec<Vec<Job>> {
    jobs.chunks(most).map(<[Job]>::to_vec).collect()
}

/// The next texts, as soon as there is room for them, with their seats; `None` after the last.
async fn next_handful(
    room: Arc<Semaphore>,
    mut left: VecDeque<Job>,
) -> Option<((Vec<Job>, OwnedSemaphorePermit), VecDeque<Job>)> {
    let least = left.len().min(TEXTS_TOGETHER);
    if least == 0 {
        return None;
    }
    let mut seats = room.clone().acquire_many_owned(u32::try_from(least).ok()?).await.ok()?;
    let more = room.available_permits().min(left.len() - least);
    if let Ok(more) = room.try_acquire_many_owned(u32::try_from(more).ok()?) {
        seats.merge(more);
    }
    let jobs = left.drain(..seats.num_permits()).collect();
    Some(((jobs, seats), left))
}

/// What waits for somebody outside.
enum Call {
    Texts(Vec<Job>),
    Other(Job),
}

/// What a restored database keeps to itself besides texts, which ask the kill switch: it may be a copy beside the original.
fn leaves_the_house(kind: Kind) -> bool {
    matches!(kind, Kind::Forward | Kind::Digest | Kind::Discount | Kind::Subscribe)
}

/// Asked again soon: nothing tells the worker when a restored database may speak.
async fn put_off(core: &Core, jobs: &[Job]) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    let due = core.now() + AT_REST_AGAIN;
    transact!(core.db, |tx| {
        for job in jobs {
            job::put_back(tx, job, due).await?;
        }
    })
}

/// Does one job. A failure of the job is dealt with here; an error means that the database itself is away.
async fn perform(core: &Arc<Core>, job: &Job) -> Result<(), Error> {
    if job.attempt > TRIES_MAX {
        if job.attempt > job::SUSPECT * ENDINGS_MAX {
            return give_up(core, job, "the process ended each time it was begun").await;
        }
        transact!(core.db, |tx| job::suspect(tx, job).await?)?;
    }
    let outcome = caught(attempt(core, job)).await;
    if job.attempt > TRIES_MAX {
        // It is here to say so: it has ended nothing.
        transact!(core.db, |tx| job::acquit(tx, job).await?)?;
    }
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if error.is_outage() => Err(error),
        Err(why) => fail(core, job, why).await,
    }
}

/// Tries a job again later that could not be done, or gives it up.
async fn fail(core: &Core, job: &Job, why: Error) -> Result<(), Error> {
    let why = why.to_string();
    tracing::error!(kind = %job.kind, shop = %job.shop, subject = job.subject, attempt = job.attempt, why, "a job failed");
    if job.attempt >= TRIES_MAX {
        return give_up(core, job, &why).await;
    }
    let due = core.now() + RETRY_FIRST * (1 << job.attempt.min(8));
    transact!(core.db, |tx| job::try_again(tx, job, due).await.map(|_| ())?)
}

async fn attempt(core: &Arc<Core>, job: &Job) -> Result<(), Error> {
    match job.kind {
        Kind::Ingest => take_in_one(core, job).await,
        Kind::Send => match send::send(core, vec![job.clone()], 1, None).await?.pop() {
            Some(Failed { why, .. }) => Err(why),
            None => Ok(()),
        },
        Kind::LookUp => settle::look_up(core, job).await,
        Kind::Discount => discount::discount(core, job).await,
        Kind::Scrub => people::scrub(core, job).await,
        Kind::SelfTest => self_test::begin(core, job).await,
        Kind::Forward => forward::forward(core, job).await,
        Kind::Digest => digest::digest(core, job).await,
        Kind::Lift => holdout::lift(core, job).await,
        Kind::Audit => audit::step(core, job).await,
        Kind::Subscribe => approve::subscribe(core, job).await,
        Kind::Offline => offline::step(core, job).await,
        Kind::Fetch => fetch::fetch(core, job).await,
        Kind::Price => after::price(core, job).await,
        Kind::Redact => after::redact(core, job).await,
        Kind::Balance => after::balance(core, job).await,
        Kind::GuardRail => experiment::guard(core, job).await,
        Kind::Detect
        | Kind::Decide
        | Kind::Judge
        | Kind::Attribute
        | Kind::Rollup
        | Kind::Replay
        | Kind::Outcome
        | Kind::Recredit
        | Kind::Tally => transact!(core.db, |tx| write(core, tx, job).await?),
    }
}

async fn take_in_one(core: &Arc<Core>, job: &Job) -> Result<(), Error> {
    let id = DeliveryId::new(job.subject);
    let mut read = core.db.read().await?;
    let callback = !store::inbox::callbacks(&mut read, job.shop, &[job.subject]).await?.is_empty();
    drop(read);
    if callback {
        return match settle::settle(core, job.shop, id).await? {
            Settled::Done => transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?),
            Settled::NotYet(due) => transact!(core.db, |tx| job::put_back(tx, job, due).await?),
        };
    }
    transact!(core.db, |tx| write(core, tx, job).await?)
}

/// What cannot be done is put aside where a person sees it; its neighbours go on.
async fn give_up(core: &Core, job: &Job, why: &str) -> Result<(), Error> {
    let now = core.now();
    let problem = format!("given up after {TRIES_MAX} tries: {why}");
    transact!(core.db, |tx| {
        if job.kind == Kind::Ingest {
            store::inbox::finish(tx, job.shop, DeliveryId::new(job.subject), 0, &problem, now).await?;
        } else {
            let words = format!("Work of kind {} was {problem}.", job.kind);
            store::alarm::raise(tx, job.shop, "job", &format!("{}:{}", job.kind, job.subject), &words, now).await?;
        }
        job::finish(tx, job).await.map(|_| ())?;
    })
}

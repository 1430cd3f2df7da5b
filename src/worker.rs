//! The worker: the only loop, the only back-off. It finds the shops with due work, claims a handful of jobs of each, and
//! gives them to the pipeline. A shop with much to do takes its turn like one with little.

mod self_test;

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    domain::{
        id::{DeliveryId, ShopId},
        time::Time,
    },
    pipeline::{
        Core, after, approve, attribute, audit, decide, detect, digest, discount, experiment, fetch, forward, holdout,
        ingest, judge, offline, people, recredit,
        recurring::{Recurring, Timetable},
        reread, rollup, send,
        settle::{self, Settled},
        tally,
    },
    store::{
        self, Error, Tx,
        job::{self, Job, Kind},
    },
    transact,
};

/// Jobs claimed of one shop at a time.
const CLAIM_MOST: u32 = 100;
/// Jobs that share a transaction. More would save little and keep the shop's other writers waiting: who takes in a webhook
/// waits for this one.
const TOGETHER: usize = 16;
/// A claim lasts this long: three times the longest HTTP call. What outlives it finds its claim gone and leaves it be.
const LEASE: Duration = Duration::from_secs(45);
/// Texts on their way at once, per shop.
const SENDS_AT_ONCE: usize = 16;
/// Endpoints and mail servers spoken to at once, over all shops: whoever answers slowly keeps nobody's texts waiting.
const ERRANDS_AT_ONCE: usize = 64;
/// Failures after which a job is given up and a person told.
const TRIES_MAX: u32 = 5;
/// Endings of the process in the middle of one and the same job after which the job is taken for their cause. That it was
/// claimed by processes that ended says nothing: a hundred others were too.
const ENDINGS_MAX: u32 = 3;
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The loop looks at least this often, should a bell have been missed.
const IDLE_MOST: Duration = Duration::from_millis(500);
/// How often what a restored database keeps to itself is looked at again.
const AT_REST_AGAIN: Duration = Duration::from_secs(60);
/// Waits after the database failed, growing.
const AWAY_FIRST: Duration = Duration::from_millis(250);
const AWAY_MOST: Duration = Duration::from_secs(5);

pub struct Worker {
    core: Arc<Core>,
    timetable: Timetable,
    /// What is told to other systems at this moment, apart from everything else: a foreign server may take its time.
    errands: JoinSet<()>,
    places: Arc<Semaphore>,
    sends_at_once: usize,
    /// Whether work that only writes waits for whoever wants to be answered.
    makes_way: bool,
}

impl Worker {
    pub fn new(core: Arc<Core>, recurring: Vec<Recurring>) -> Worker {
        let places = Arc::new(Semaphore::new(ERRANDS_AT_ONCE));
        let timetable = Timetable::new(recurring);
        Worker { core, timetable, errands: JoinSet::new(), places, sends_at_once: SENDS_AT_ONCE, makes_way: true }
    }

    /// Sends one text after the other, and waits for nobody: for a simulation, which decides itself what happens beside what.
    #[must_use]
    pub fn one_by_one(self) -> Worker {
        Worker { sends_at_once: 1, makes_way: false, ..self }
    }

    /// Works until told to stop; what it has claimed by then is finished first.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut away = AWAY_FIRST;
        while !stop.is_cancelled() {
            let pause = match self.begin().await {
                Ok(0) => {
                    away = AWAY_FIRST;
                    self.until_next().await
                }
                Ok(_) => {
                    away = AWAY_FIRST;
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, "the worker waits for the database");
                    away = (away * 2).min(AWAY_MOST);
                    away
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.core.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.end_errands().await;
    }

    async fn until_next(&self) -> Duration {
        let next = match self.core.db.read().await {
            Ok(mut read) => job::next_due(&mut read).await.ok().flatten(),
            Err(_) => None,
        };
        let wait = next.map_or(IDLE_MOST, |due| self.core.clock.wall(due.since(self.core.now())));
        wait.clamp(Duration::from_millis(5), IDLE_MOST)
    }

    /// Does what is due now to its end; answers how many jobs that were. Jobs that fall due by it are left for the next
    /// tick.
    pub async fn tick(&mut self) -> Result<usize, Error> {
        let done = self.begin().await;
        self.end_errands().await;
        done
    }

    async fn end_errands(&mut self) {
        while self.errands.join_next().await.is_some() {}
    }

    /// As `tick`, but what is told to other systems goes on by itself.
    async fn begin(&mut self) -> Result<usize, Error> {
        while self.errands.try_join_next().is_some() {}
        let mut done = self.timetable.run(&self.core).await?;
        let now = self.core.now();
        let mut read = self.core.db.read().await?;
        let shops = job::shops_due(&mut read, now).await?;
        let at_rest = !shops.is_empty() && store::restored::is_waiting(&mut read).await?;
        drop(read);
        for shop in shops {
            match self.tick_shop(shop, now, at_rest).await {
                Ok(count) => done += count,
                Err(error) if error.is_outage() => return Err(error),
                // What only this shop has (a row of a newer version, a damaged one) must not hold up the others.
                Err(error) => tracing::error!(%shop, %error, "this shop's work is stuck"),
            }
        }
        Ok(done)
    }

    /// `at_rest`: the database was restored, and nobody has said yet that anything may leave it.
    async fn tick_shop(&mut self, shop: ShopId, now: Time, at_rest: bool) -> Result<usize, Error> {
        let claim = data_encoding::BASE64URL_NOPAD.encode(&clock::random::<12>());
        let core = self.core.clone();
        let jobs = transact!(core.db, |tx| job::claim(tx, shop, now, now + LEASE, &claim, CLAIM_MOST).await?)?;
        let count = jobs.len();
        let (kept, jobs): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| at_rest && leaves_the_house(job.kind));
        let outcome = match put_off(&core, &kept).await {
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

    async fn do_all(&mut self, jobs: Vec<Job>) -> Result<(), Error> {
        let (errands, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| is_errand(job.kind));
        for job in errands {
            self.errands.spawn(errand(self.core.clone(), self.places.clone(), job));
        }
        let core = &self.core;
        let (deliveries, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.kind == Kind::Ingest);
        self.take_in(deliveries).await?;
        let (sends, jobs): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| matches!(job.kind, Kind::Send | Kind::LookUp | Kind::Discount));
        let (written, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| only_writes(job.kind));
        self.write_all(&written).await?;
        for job in &jobs {
            perform(core, job).await?;
        }
        // Of jobs begun at once nobody could tell which one ended the process: those that may have are begun alone, and last.
        let (suspects, sends): (Vec<Job>, Vec<Job>) = sends.into_iter().partition(|job| job.attempt > TRIES_MAX);
        let failures: Vec<Error> = stream::iter(sends)
            .map(|job| async move { perform(core, &job).await })
            .buffer_unordered(self.sends_at_once)
            .filter_map(|outcome| async { outcome.err() })
            .collect()
            .await;
        failures.into_iter().next().map_or(Ok(()), Err)?;
        for job in &suspects {
            perform(core, job).await?;
        }
        Ok(())
    }

    /// Deliveries of the shop itself are only written; a gateway's callbacks ask it back first.
    async fn take_in(&self, deliveries: Vec<Job>) -> Result<(), Error> {
        let (mut own, mut callbacks) = (Vec::new(), Vec::new());
        if !deliveries.is_empty() {
            let mut read = self.core.db.read().await?;
            for job in deliveries {
                let callback = store::inbox::is_callback(&mut read, job.shop, DeliveryId::new(job.subject)).await?;
                if callback { callbacks.push(job) } else { own.push(job) }
            }
        }
        self.write_all(&own).await?;
        for job in &callbacks {
            perform(&self.core, job).await?;
        }
        Ok(())
    }

    /// Handfuls of jobs that only write. Between two of them whoever waits for an answer goes first.
    async fn write_all(&self, jobs: &[Job]) -> Result<(), Error> {
        for jobs in jobs.chunks(TOGETHER) {
            let begun = Instant::now();
            together(&self.core, jobs).await?;
            if self.makes_way {
                self.core.crowd.make_way(begun.elapsed()).await;
            }
        }
        Ok(())
    }
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

/// A job that calls a stranger's server. Should the database be away meanwhile, its claim runs out and it is done again.
async fn errand(core: Arc<Core>, places: Arc<Semaphore>, job: Job) {
    let Ok(_place) = places.acquire().await else { return };
    if let Err(error) = perform(&core, &job).await {
        tracing::warn!(shop = %job.shop, %error, "an errand waits for the database");
    }
}

/// Jobs of one shop that only write share a transaction, and so one wait for the disk; should it fail, each gets its own,
/// so that one bad row holds no other back.
async fn together(core: &Arc<Core>, jobs: &[Job]) -> Result<(), Error> {
    if jobs.len() > 1 && jobs.iter().all(|job| job.attempt == 1) {
        let all: Result<Result<(), Error>, Panicked> = caught(async {
            transact!(core.db, |tx| {
                for job in jobs {
                    write(core, tx, job).await?;
                }
            })
        })
        .await;
        if matches!(all, Ok(Ok(()))) {
            return Ok(());
        }
    }
    for job in jobs {
        perform(core, job).await?;
    }
    Ok(())
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
    let why = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) if error.is_outage() => return Err(error),
        Ok(Err(error)) => error.to_string(),
        Err(Panicked) => "a defect of ours; see the log".to_owned(),
    };
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
        Kind::Send => send::send(core, job).await,
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

/// Calls of strangers' servers, which nothing here waits for.
fn is_errand(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Forward
            | Kind::Digest
            | Kind::Audit
            | Kind::Subscribe
            | Kind::Offline
            | Kind::Fetch
            | Kind::Price
            | Kind::Redact
            | Kind::Balance
    )
}

/// Small jobs that ask nobody outside: they may share a transaction.
fn only_writes(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Detect | Kind::Decide | Kind::Judge | Kind::Attribute | Kind::Rollup | Kind::Outcome | Kind::Tally
    )
}

/// What a job does within a transaction, its own or one shared with others.
async fn write(core: &Arc<Core>, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    match job.kind {
        Kind::Ingest => {
            ingest::ingest(core, tx, job.shop, DeliveryId::new(job.subject)).await?;
            job::finish(tx, job).await.map(|_| ())
        }
        Kind::Detect => detect::detect(core, tx, job).await,
        Kind::Decide => decide::decide(core, tx, job).await,
        Kind::Judge => judge::judge(core, tx, job).await,
        Kind::Attribute => attribute::attribute(core, tx, job).await,
        Kind::Rollup => rollup::rollup(core, tx, job).await,
        Kind::Replay => reread::step(core, tx, job).await,
        Kind::Outcome => holdout::outcome(core, tx, job).await,
        Kind::Recredit => recredit::step(core, tx, job).await,
        Kind::Tally => tally::tally(core, tx, job).await,
        Kind::Send
        | Kind::LookUp
        | Kind::Discount
        | Kind::Scrub
        | Kind::SelfTest
        | Kind::Forward
        | Kind::Digest
        | Kind::Lift
        | Kind::Audit
        | Kind::Subscribe
        | Kind::GuardRail
        | Kind::Offline
        | Kind::Fetch
        | Kind::Price
        | Kind::Redact
        | Kind::Balance => Err(Error::Sql(format!("{} has transactions of its own", job.kind))),
    }
}
async fn take_in_one(core: &Arc<Core>, job: &Job) -> Result<(), Error> {
    let id = DeliveryId::new(job.subject);
    let mut read = core.db.read().await?;
    let callback = store::inbox::is_callback(&mut read, job.shop, id).await?;
    drop(read);
    if callback {
        return match settle::settle(core, job.shop, id).await? {
            Settled::Done => transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?),
            Settled::NotYet(due) => transact!(core.db, |tx| job::put_back(tx, job, due).await.map(|_| ())?),
        };
    }
    transact!(core.db, |tx| write(core, tx, job).await?)
}

/// What cannot be done is put aside where a person sees it; its neighbours go on.
async fn give_up(core: &Arc<Core>, job: &Job, why: &str) -> Result<(), Error> {
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

struct Panicked;

/// A panic is a failure of one job, not of the process.
async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Panicked)
}

//! Writing: jobs that are nothing but a transaction, their own or one they share.

use std::collections::BTreeMap;

use crate::{
    domain::id::DeliveryId,
    pipeline::{
        Core, ahead, attribute, decide, detect,
        handful::{self, Piece},
        holdout,
        ingest::{self, Taken},
        judge, recredit, reread, rollup, tally,
    },
    store::{
        self, Error, Tx,
        job::{self, Job, Kind},
    },
};

/// A job that is nothing but a transaction.
pub(super) struct Writing(pub Job);

/// How far a job is written.
pub(super) enum Wrote {
    Whole,
    /// But for that the job is done.
    ButDone,
    /// But for what became of the delivery, and that the job is done.
    Read(Option<Taken>),
}

impl Piece for Writing {
    type Done = Wrote;

    fn job(&self) -> &Job {
        &self.0
    }

    async fn write(&self, core: &Core, tx: &mut Tx) -> Result<Wrote, Error> {
        one(core, tx, &self.0).await
    }

    async fn ahead(core: &Core, tx: &mut Tx, pieces: &[Writing]) -> Result<(), Error> {
        let jobs: Vec<&Job> = pieces.iter().map(|piece| &piece.0).collect();
        ahead::of_carts(core, tx, &jobs).await?;
        ahead::of_deliveries(core, tx, &jobs).await
    }

    async fn end(core: &Core, tx: &mut Tx, pieces: &[Writing], done: &[Wrote]) -> Result<(), Error> {
        let now = core.now();
        let (mut read, mut jobs) = (BTreeMap::new(), Vec::new());
        for (piece, wrote) in pieces.iter().zip(done) {
            if !matches!(wrote, Wrote::Whole) {
                jobs.push(&piece.0);
            }
            if let Wrote::Read(Some(taken)) = wrote {
                let alike: &mut Vec<i64> = read.entry((piece.0.shop, taken)).or_default();
                alike.push(piece.0.subject);
            }
        }
        for ((shop, taken), deliveries) in read {
            store::inbox::finish_all(tx, shop, &deliveries, taken.events, &taken.problem, now).await?;
        }
        job::finish_all(tx, &jobs).await
    }
}

/// A job that shares its transaction with none.
pub(super) async fn write(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    handful::alone(core, tx, &Writing(job.clone())).await.map(|_| ())
}

/// Small jobs that ask nobody outside: they may share a transaction.
pub(super) fn only_writes(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Detect | Kind::Decide | Kind::Judge | Kind::Attribute | Kind::Rollup | Kind::Outcome | Kind::Tally
    )
}

/// Of those, what is added up for people to read.
pub(super) fn is_figure(kind: Kind) -> bool {
    matches!(kind, Kind::Rollup | Kind::Outcome | Kind::Tally)
}

/// What a job does within a transaction, its own or one shared with others.
async fn one(core: &Core, tx: &mut Tx, job: &Job) -> Result<Wrote, Error> {
    match job.kind {
        Kind::Ingest => {
            return ingest::take(core, tx, job.shop, DeliveryId::new(job.subject)).await.map(Wrote::Read);
        }
        Kind::Detect => return detect::detect(core, tx, job).await.map(but_done),
        Kind::Decide => return decide::decide(core, tx, job).await.map(but_done),
        Kind::Judge => judge::judge(core, tx, job).await?,
        Kind::Attribute => attribute::attribute(core, tx, job).await?,
        Kind::Rollup => rollup::rollup(core, tx, job).await?,
        Kind::Replay => reread::step(core, tx, job).await?,
        Kind::Outcome => holdout::outcome(core, tx, job).await?,
        Kind::Recredit => recredit::step(core, tx, job).await?,
        Kind::Tally => tally::tally(core, tx, job).await?,
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
        | Kind::Balance => return Err(Error::Sql(format!("{} has transactions of its own", job.kind))),
    }
    Ok(Wrote::Whole)
}

fn but_done(done: bool) -> Wrote {
    if done { Wrote::ButDone } else { Wrote::Whole }
}

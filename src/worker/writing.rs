//! Writing: jobs that are nothing but a transaction, their own or one they share.

use crate::{
    domain::id::DeliveryId,
    pipeline::{
        Core, attribute, decide, detect, handful::Piece, holdout, ingest, judge, recredit, reread, rollup, tally,
    },
    store::{
        Error, Tx,
        job::{self, Job, Kind},
    },
};

/// A job that is nothing but a transaction.
pub(super) struct Writing(pub Job);

impl Piece for Writing {
    type Done = ();

    fn job(&self) -> &Job {
        &self.0
    }

    async fn write(&self, core: &Core, tx: &mut Tx) -> Result<(), Error> {
        write(core, tx, &self.0).await
    }
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
pub(super) async fn write(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
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

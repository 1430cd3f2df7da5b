//! Self-test: a visit that never was goes the whole way through the service, and every number that comes of it is asked
//! for. It plays in a database beside the real one ([`store::db::beside`]) on a twin of the shop: the same platform,
//! signing keys, place and rules, a gateway that sends nothing, a clock of its own and no way out. So it can meet no
//! shopper, no gateway, no list, no report and no export, by construction and not by leaving it out in each of them.
//!
//! What it proves beyond its own stage: that the real database took the wish and its outcome, and that the worker, who
//! plays it, is alive. What it cannot prove: that the shop's webhooks reach us (the connection's health tells that) and
//! that the real gateway sends (a test text tells that).
//!
//! A failed run raises an alarm; the next one that passes clears it.

mod play;
mod stage;

pub use stage::Work;

use std::{sync::Arc, time::Duration};

use super::Core;
use crate::{
    domain::{
        id::ShopId,
        self_test::{Line, Step, Verdict, Went, problem},
    },
    store::{
        self, Error, Tx,
        job::{self, Job},
    },
    transact,
};

/// The kind of the alarm a failed run raises.
pub const ALARM: &str = "self_test";
/// A run that takes longer has failed.
const LASTS_MOST: Duration = Duration::from_secs(90);
/// A run that began so long ago and did not end never will: its process ended.
pub const LOST_AFTER: Duration = Duration::from_secs(600);

/// Has the shop's self-test played soon, by whichever worker is free; answers the run's number.
pub async fn ask(core: &Core, shop: ShopId, nightly: bool) -> Result<i64, Error> {
    let (now, id) = (core.now(), core.fresh_id());
    transact!(core.db, |tx| {
        store::self_test::ask(tx, shop, id, nightly, now).await?;
        job::schedule(tx, shop, job::Kind::SelfTest, id, now).await?;
    })?;
    core.wake.notify_one();
    Ok(id)
}

/// Takes the job; `true` when the run is the caller's to play.
pub async fn begin(core: &Core, job: &Job) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        let mine = job::holds(tx, job).await? && store::self_test::begin(tx, job.shop, job.subject, now).await?;
        job::finish(tx, job).await?;
        mine
    })
}

/// Plays the run and keeps what came of it. `work` makes a worker for the stage.
pub async fn run<W: Work>(core: &Core, shop: ShopId, id: i64, work: impl FnOnce(Arc<Core>) -> W) {
    let played = tokio::time::timeout(LASTS_MOST, play::play(core, shop, work)).await;
    let lines = match played {
        Ok(Ok(lines)) => lines,
        Ok(Err(error)) => vec![broken(&error.to_string())],
        Err(_) => vec![broken(&format!("it did not end within {} s", LASTS_MOST.as_secs()))],
    };
    let (now, verdict) = (core.now(), Verdict::of(&lines));
    let kept: Result<(), Error> = transact!(core.db, |tx| {
        store::self_test::end(tx, shop, id, verdict, &lines, now).await?;
        tell(tx, shop, verdict, &lines, now).await?;
    });
    if let Err(error) = kept {
        tracing::error!(%shop, %error, "what the self-test found could not be kept");
    }
}

fn broken(why: &str) -> Line {
    Line { step: Step::Stage, went: Went::Wrong, words: why.to_owned(), took_ms: 0 }
}

async fn tell(
    tx: &mut Tx,
    shop: ShopId,
    verdict: Verdict,
    lines: &[Line],
    now: crate::domain::time::Time,
) -> Result<(), Error> {
    match problem(lines) {
        Some(words) => {
            tracing::error!(%shop, words, "the self-test failed");
            // Raised anew, so that it says what went wrong last.
            store::alarm::clear(tx, shop, ALARM, "", now).await?;
            store::alarm::raise(tx, shop, ALARM, "", &words, now).await?;
        }
        None if verdict == Verdict::Passed => store::alarm::clear(tx, shop, ALARM, "", now).await?,
        None => {}
    }
    Ok(())
}

//! Handful: small pieces of work of one shop share a transaction, and so one wait for the disk and one turn of the shop.
//! Should it fail, each gets its own, so that one bad row holds no other back.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;

use super::Core;
use crate::{
    store::{Error, Tx, job::Job},
    transact,
};

/// Pieces that share a transaction. More would save little and keep the shop's other writers waiting: who takes in a webhook
/// waits for this one.
pub const TOGETHER: usize = 16;

/// What is written for one job.
pub trait Piece: Sync {
    type Done: Send;
    /// Whether it takes the shop's turn.
    const TAKES_TURN: bool = true;

    fn job(&self) -> &Job;

    /// May be repeated: a transaction that was in another's way is begun anew.
    fn write(&self, core: &Core, tx: &mut Tx) -> impl Future<Output = Result<Self::Done, Error>> + Send;
}

/// A job that could not be done, and why. Never an outage of the database.
pub struct Failed {
    pub job: Job,
    pub why: Error,
}

/// What came of a handful.
pub struct Written<P: Piece> {
    /// In the order of the pieces.
    pub done: Vec<(P, P::Done)>,
    pub failed: Vec<Failed>,
}

/// Writes all pieces in one transaction, or else each in its own. An error means that the database is away.
pub async fn write_all<P: Piece>(core: &Core, pieces: Vec<P>) -> Result<Written<P>, Error> {
    let shop = pieces.first().map(|piece| piece.job().shop).filter(|_| P::TAKES_TURN);
    let _line = match shop {
        Some(shop) => core.crowd.line(shop).await,
        None => None,
    };
    let _desk = core.crowd.desk().await;
    if pieces.len() > 1 {
        let all = caught(async {
            transact!(core.db, |tx| {
                tx.of_many();
                let mut done = Vec::with_capacity(pieces.len());
                for piece in &pieces {
                    done.push(piece.write(core, tx).await?);
                }
                done
            })
        });
        match all.await {
            Ok(done) => return Ok(Written { done: pieces.into_iter().zip(done).collect(), failed: Vec::new() }),
            Err(error) if error.is_outage() => return Err(error),
            // One of them, and nobody knows which.
            Err(_) => {}
        }
    }
    let mut written = Written { done: Vec::with_capacity(pieces.len()), failed: Vec::new() };
    for piece in pieces {
        match caught(async { transact!(core.db, |tx| piece.write(core, tx).await?) }).await {
            Ok(done) => written.done.push((piece, done)),
            Err(error) if error.is_outage() => return Err(error),
            Err(why) => written.failed.push(Failed { job: piece.job().clone(), why }),
        }
    }
    Ok(written)
}

/// A panic is a failure of one piece of work, not of the process.
pub async fn caught<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Error::Defect))
}

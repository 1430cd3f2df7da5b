//! Handful: small pieces of work of one shop share a transaction, and so one wait for the disk and one turn of the shop.
//! Should it fail, each gets its own, so that one bad row holds no other back.

use std::{future::Future, panic::AssertUnwindSafe, slice};

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

    /// Looks for all of a handful at once what each would look for, before the first is written: `Tx` remembers it.
    fn ahead(_core: &Core, _tx: &mut Tx, _pieces: &[Self]) -> impl Future<Output = Result<(), Error>> + Send
    where
        Self: Sized,
    {
        async { Ok(()) }
    }

    /// Writes what is left to write, for all of a handful at once and after the last of them.
    fn end(
        _core: &Core,
        _tx: &mut Tx,
        _pieces: &[Self],
        _done: &[Self::Done],
    ) -> impl Future<Output = Result<(), Error>> + Send
    where
        Self: Sized,
    {
        async { Ok(()) }
    }
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
                P::ahead(core, tx, &pieces).await?;
                let mut done = Vec::with_capacity(pieces.len());
                for piece in &pieces {
                    done.push(piece.write(core, tx).await?);
                }
                P::end(core, tx, &pieces, &done).await?;
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
        match caught(async { transact!(core.db, |tx| alone(core, tx, &piece).await?) }).await {
            Ok(done) => written.done.push((piece, done)),
            Err(error) if error.is_outage() => return Err(error),
            Err(why) => written.failed.push(Failed { job: piece.job().clone(), why }),
        }
    }
    Ok(written)
}

/// One piece that shares its transaction with none.
pub async fn alone<P: Piece>(core: &Core, tx: &mut Tx, piece: &P) -> Result<P::Done, Error> {
    let done = piece.write(core, tx).await?;
    P::end(core, tx, slice::from_ref(piece), slice::from_ref(&done)).await?;
    Ok(done)
}

/// A panic is a failure of one piece of work, not of the process.
pub async fn caught<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Error::Defect))
}

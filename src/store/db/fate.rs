//! Fate: what decides, in a simulated world, when a step at the database is taken, and whether it ever is. The service
//! itself has none; a simulation gives one to each of its processes and so has every interleaving and every end in its
//! hand.

use std::{future::Future, pin::Pin, sync::Arc};

use super::Db;

/// A step at the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A connection to read with is about to be taken.
    Read,
    /// A write transaction is about to begin; none of this caller's is open.
    Begin,
    /// It is about to be committed; whoever ends here leaves nothing of it behind.
    Commit,
    /// It is committed, and its caller does not know yet.
    Committed,
}

/// Is asked at each step; the step is taken once the answer comes. An answer that never comes is the end of whoever asked.
pub trait Fate: Send + Sync {
    fn at(&self, step: Step) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl Db {
    /// The same database for a caller with a fate. Only SQLite's has a use for one: there what happens next does not
    /// hang on a server's timing.
    pub fn fated(&self, fate: Arc<dyn Fate>) -> Db {
        match self {
            Db::Lite { writer, readers, doubt, .. } => {
                Db::Lite { writer: writer.clone(), readers: readers.clone(), fate: Some(fate), doubt: doubt.clone() }
            }
            Db::Pg(pool) => Db::Pg(pool.clone()),
        }
    }

    pub(super) async fn meet(&self, step: Step) {
        if let Db::Lite { fate: Some(fate), .. } = self {
            fate.at(step).await;
        }
    }
}

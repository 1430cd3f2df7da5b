//! Self-tests, played by workers of their own: beside the loop and one at a time, so that no shop's real work waits.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::sync::Semaphore;

use super::Worker;
use crate::{
    pipeline::{
        Core,
        self_test::{self, Work},
    },
    store::{Error, job::Job},
};

/// A test takes a second of the machine; a night's many wait for each other.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// Begins the run the job names; it goes on by itself.
pub(super) async fn begin(core: &Arc<Core>, job: &Job) -> Result<(), Error> {
    if self_test::begin(core, job).await? {
        tokio::spawn(play(core.clone(), job.clone()));
    }
    Ok(())
}

/// The worker of the stage is of the same kind as the one that begins the play: a named type ends the circle.
fn play(core: Arc<Core>, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let Ok(_turn) = ONE_AT_A_TIME.acquire().await else { return };
        self_test::run(&core, job.shop, job.subject, |stage| Worker::new(stage, Vec::new())).await;
    })
}

impl Work for Worker {
    fn tick(&mut self) -> Pin<Box<dyn Future<Output = Result<usize, Error>> + Send + '_>> {
        Box::pin(Worker::tick(self))
    }
}

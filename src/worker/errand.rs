//! Errands: what is told to other systems, apart from everything else: a foreign server may take its time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::perform;
use crate::{
    pipeline::Core,
    store::job::{Job, Kind},
};

/// Endpoints and mail servers spoken to at once, over all shops: whoever answers slowly keeps nobody's texts waiting.
const AT_ONCE: usize = 64;

/// Those under way. They end with whoever has them.
pub(super) struct Errands {
    under_way: TaskTracker,
    places: Arc<Semaphore>,
    end: CancellationToken,
    _ends_them: DropGuard,
}

impl Default for Errands {
    fn default() -> Errands {
        let end = CancellationToken::new();
        Errands {
            under_way: TaskTracker::new(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            _ends_them: end.clone().drop_guard(),
            end,
        }
    }
}

impl Errands {
    /// Should the database be away meanwhile, the job's claim runs out and it is done again.
    pub(super) fn begin(&self, core: Arc<Core>, job: Job) {
        let (end, places) = (self.end.clone(), self.places.clone());
        let errand = async move {
            let Ok(_place) = places.acquire().await else { return };
            if let Err(error) = perform(&core, &job).await {
                tracing::warn!(shop = %job.shop, %error, "an errand waits for the database");
            }
        };
        self.under_way.spawn(async move { end.run_until_cancelled(errand).await });
    }

    /// Waits until all of them have come to their end.
    pub(super) async fn end(&self) {
        self.under_way.close();
        self.under_way.wait().await;
        self.under_way.reopen();
    }
}

/// Calls of strangers' servers, which nothing here waits for.
pub(super) fn is_one(kind: Kind) -> bool {
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

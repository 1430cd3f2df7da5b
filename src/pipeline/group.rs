//! Group commit: what arrives together is written together, so that the disk's sync rate is not our limit. Decides how many
//! wait, how many share a commit, and that work nobody waits for makes way; what is written is the entry's.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, oneshot},
    time::Instant,
};

use super::Core;
use crate::{domain::id::ShopId, store::Error};

/// Entries that wait for the next commit; beyond it whoever comes is asked to come back.
const QUEUE_MAX: usize = 4096;
/// Entries in one commit.
const COMMIT_MAX: usize = 200;

/// Something that is written with others of its kind.
pub(crate) trait Entry: Sized + Send + Sync + 'static {
    /// What its sender is told once it is on disk.
    type Kept: Send;

    fn shop(&self) -> ShopId;

    /// Writes all of them in one transaction; answers one `Kept` for each, in their order.
    fn commit(core: &Core, batch: &[Self]) -> impl Future<Output = Result<Vec<Self::Kept>, Error>> + Send;
}

struct Waiting<E: Entry> {
    entry: E,
    done: oneshot::Sender<Result<E::Kept, Error>>,
}

/// The one writer of entries of a kind.
pub(crate) struct Group<E: Entry> {
    queue: mpsc::Sender<Waiting<E>>,
    crowd: Crowd,
}

impl<E: Entry> Clone for Group<E> {
    fn clone(&self) -> Group<E> {
        Group { queue: self.queue.clone(), crowd: self.crowd.clone() }
    }
}

impl<E: Entry> Group<E> {
    /// Starts the writer; it ends when the last `Group` is dropped and its queue is written.
    pub(crate) fn start(core: Arc<Core>) -> (Group<E>, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let crowd = core.crowd.clone();
        (Group { queue, crowd }, tokio::spawn(write_all(core, waiting)))
    }

    /// Answers once it is on disk. `Error::Busy` when too many wait, or the database is away.
    pub(crate) async fn write(&self, entry: E) -> Result<E::Kept, Error> {
        let (done, outcome) = oneshot::channel();
        let _waits = self.crowd.wait();
        self.queue.try_send(Waiting { entry, done }).map_err(|_| Error::Busy)?;
        outcome.await.unwrap_or(Err(Error::Busy))
    }
}

async fn write_all<E: Entry>(core: Arc<Core>, mut waiting: mpsc::Receiver<Waiting<E>>) {
    let mut batch = Vec::with_capacity(COMMIT_MAX);
    while waiting.recv_many(&mut batch, COMMIT_MAX).await > 0 {
        if core.db.commits_span_shops() {
            commit(&core, std::mem::take(&mut batch)).await;
        } else {
            batch.sort_by_key(|waiting| waiting.entry.shop());
            while let Some(first) = batch.first() {
                let shop = first.entry.shop();
                let rest = batch.split_off(batch.partition_point(|waiting| waiting.entry.shop() == shop));
                commit(&core, std::mem::replace(&mut batch, rest)).await;
            }
        }
        core.wake.notify_one();
    }
}

async fn commit<E: Entry>(core: &Core, batch: Vec<Waiting<E>>) {
    let (entries, senders): (Vec<E>, Vec<_>) = batch.into_iter().map(|waiting| (waiting.entry, waiting.done)).unzip();
    match E::commit(core, &entries).await {
        Ok(kept) => {
            for (done, kept) in senders.into_iter().zip(kept) {
                let _ = done.send(Ok(kept));
            }
        }
        Err(error) => {
            tracing::error!(%error, entries = entries.len(), "what arrived could not be kept");
            for done in senders {
                let _ = done.send(Err(Error::Busy));
            }
        }
    }
}

/// Handfuls of background work in the database at once: whoever wants to be answered queues behind these at most.
const DESKS: usize = 4;
/// Shops whose lines are remembered before those that nobody stands in are forgotten.
const LINES_MOST: usize = 256;

/// Whoever waits for the disk to be answered, and the desks for work that nobody waits for.
#[derive(Clone)]
pub struct Crowd {
    waiting: Arc<AtomicUsize>,
    desks: Arc<Semaphore>,
    lines: Arc<Mutex<HashMap<ShopId, Weak<Semaphore>>>>,
}

impl Default for Crowd {
    fn default() -> Crowd {
        Crowd { waiting: Arc::default(), desks: Arc::new(Semaphore::new(DESKS)), lines: Arc::default() }
    }
}

struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Work that was long is no reason to pause for longer than people notice.
const TOOK_MOST: Duration = Duration::from_millis(100);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Crowd {
    fn wait(&self) -> Waits {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(self.waiting.clone())
    }

    fn is_there(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// A place at the head of a shop's line: of its handfuls one at a time has the shop's turn in the database. Whoever waits
    /// for that there would keep a desk from other shops. `None` only when the process is about to end.
    pub(crate) async fn line(&self, shop: ShopId) -> Option<OwnedSemaphorePermit> {
        let line = {
            let mut lines = self.lines.lock().unwrap_or_else(|broken| broken.into_inner());
            if lines.len() >= LINES_MOST {
                lines.retain(|_, line| line.strong_count() > 0);
            }
            let standing = lines.get(&shop).and_then(Weak::upgrade);
            standing.unwrap_or_else(|| {
                let line = Arc::new(Semaphore::new(1));
                lines.insert(shop, Arc::downgrade(&line));
                line
            })
        };
        line.acquire_owned().await.ok()
    }

    /// A desk for one handful; `None` only when the process is about to end.
    pub(crate) async fn desk(&self) -> Option<SemaphorePermit<'_>> {
        self.desks.acquire().await.ok()
    }

    /// For work that nobody waits for: pauses for as long as somebody waits, but no longer than three times what the work
    /// before took. So it still gets a quarter of the time in the busiest hour.
    pub async fn make_way(&self, took: Duration) {
        let until = Instant::now() + took.min(TOOK_MOST) * 3;
        while self.is_there() && Instant::now() < until {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// Whether it is answered at once.
    fn now<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
        future.now_or_never().flatten()
    }

    #[test]
    fn of_a_shop_one_handful_at_a_time_is_at_the_head() {
        let crowd = Crowd::default();
        let (one, two) = (ShopId::new(1), ShopId::new(2));
        let head = now(crowd.line(one)).unwrap();
        assert!(now(crowd.line(one)).is_none(), "the second waits");
        let other = now(crowd.line(two)).expect("another shop has a line of its own");
        drop(head);
        assert!(now(crowd.line(one)).is_some());
        // Lines that nobody stands in are forgotten, the others are not.
        for shop in 10..10 + 2 * LINES_MOST as i64 {
            assert!(now(crowd.line(ShopId::new(shop))).is_some());
        }
        assert!(crowd.lines.lock().unwrap().len() <= LINES_MOST + 1);
        assert!(now(crowd.line(two)).is_none());
        drop(other);
        assert!(now(crowd.line(two)).is_some());
    }
}

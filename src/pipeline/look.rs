//! Look: whoever asks for the same at the same moment is answered by one look at the database. It begins after all of them
//! have asked, so nobody sees anything older than a look of their own would have shown.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;

use crate::store::Error;

/// Looks that are going on, by what is asked for, and who came since each began.
pub(crate) struct Looks<K: Eq + Hash + Clone, V>(Arc<Going<K, V>>);

type Going<K, V> = Mutex<HashMap<K, Waiting<K, V>>>;
type Waiting<K, V> = Vec<oneshot::Sender<Turn<K, V>>>;

enum Turn<K: Eq + Hash + Clone, V> {
    Answer(V),
    /// The look failed.
    Failed,
    /// The look before is over: this one looks now.
    Lead(Lead<K, V>),
}

impl<K: Eq + Hash + Clone, V> Clone for Looks<K, V> {
    fn clone(&self) -> Looks<K, V> {
        Looks(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone, V> Default for Looks<K, V> {
    fn default() -> Looks<K, V> {
        Looks(Arc::default())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Looks<K, V> {
    /// What a look that begins from now on finds. `Error::Busy` where it was another's, and failed.
    pub(crate) async fn ask(&self, key: K, look: impl AsyncFnOnce() -> Result<V, Error>) -> Result<V, Error> {
        let turn = {
            let mut going = lock(&self.0);
            match going.get_mut(&key) {
                Some(waiting) => {
                    let (turn, mine) = oneshot::channel();
                    waiting.push(turn);
                    Some(mine)
                }
                None => {
                    going.insert(key.clone(), Vec::new());
                    None
                }
            }
        };
        let mut lead = match turn {
            None => Lead { going: self.0.clone(), key: Some(key), for_others: Vec::new() },
            Some(turn) => match turn.await {
                Ok(Turn::Answer(found)) => return Ok(found),
                Ok(Turn::Lead(lead)) => lead,
                Ok(Turn::Failed) | Err(_) => return Err(Error::Busy),
            },
        };
        let found = look().await;
        for other in lead.for_others.drain(..) {
            // Whoever went away meanwhile needs no answer.
            let _ = other.send(found.as_ref().map_or(Turn::Failed, |found| Turn::Answer(found.clone())));
        }
        found
    }
}

/// The word to look, for oneself and others. When that is over, or given up before or while looking, the next one has it.
struct Lead<K: Eq + Hash + Clone, V> {
    going: Arc<Going<K, V>>,
    /// `None` once another has the word.
    key: Option<K>,
    /// Not answered yet.
    for_others: Waiting<K, V>,
}

impl<K: Eq + Hash + Clone, V> Drop for Lead<K, V> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut going = lock(&self.going);
        let mut waiting = std::mem::take(&mut self.for_others);
        if let Some(since) = going.get_mut(&key) {
            waiting.append(since);
        }
        while !waiting.is_empty() {
            let next = waiting.remove(0);
            let lead = Lead { going: self.going.clone(), key: Some(key.clone()), for_others: waiting };
            // It has gone away? The one behind it leads.
            let Err(Turn::Lead(mut lead)) = next.send(Turn::Lead(lead)) else { return };
            lead.key = None;
            waiting = std::mem::take(&mut lead.for_others);
        }
        going.remove(&key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|broken| broken.into_inner())
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        future::Future,
        pin::pin,
        rc::Rc,
        task::{Context, Poll, Waker},
    };

    use futures_util::future::LocalBoxFuture;

    use super::*;

    /// Looks at a number that changes: each is answered when the test says so.
    #[derive(Default)]
    struct Stage {
        looks: Looks<&'static str, u32>,
        number: Cell<u32>,
        begun: Cell<u32>,
        open: RefCell<Vec<oneshot::Sender<bool>>>,
    }

    impl Stage {
        fn ask(self: &Rc<Stage>) -> LocalBoxFuture<'static, Result<u32, Error>> {
            let stage = self.clone();
            Box::pin(async move {
                let inner = stage.clone();
                let look = async move || {
                    let seen = inner.number.get();
                    inner.begun.set(inner.begun.get() + 1);
                    let (end, ended) = oneshot::channel();
                    inner.open.borrow_mut().push(end);
                    if ended.await.unwrap_or(false) { Ok(seen) } else { Err(Error::Defect) }
                };
                stage.looks.ask("door", look).await
            })
        }

        fn end(&self, well: bool) {
            self.open.borrow_mut().remove(0).send(well).unwrap();
        }
    }

    fn poll<T>(future: &mut LocalBoxFuture<'static, T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn answers(future: &mut LocalBoxFuture<'static, Result<u32, Error>>) -> Option<u32> {
        match poll(future) {
            Poll::Ready(Ok(found)) => Some(found),
            Poll::Ready(Err(_)) => Some(0),
            Poll::Pending => None,
        }
    }

    #[test]
    fn nobody_is_answered_by_a_look_that_began_before_they_asked() {
        let stage = Rc::new(Stage::default());
        stage.number.set(1);
        let mut first = stage.ask();
        assert_eq!(answers(&mut first), None);
        // What it sees is old by now.
        stage.number.set(2);
        let mut others: Vec<_> = (0..5).map(|_| stage.ask()).collect();
        assert!(others.iter_mut().all(|other| answers(other).is_none()));
        assert_eq!(stage.begun.get(), 1);
        stage.end(true);
        assert_eq!(answers(&mut first), Some(1));
        // One of them looks, for all of them.
        assert!(others.iter_mut().all(|other| answers(other).is_none()));
        assert_eq!(stage.begun.get(), 2);
        stage.end(true);
        assert!(others.iter_mut().all(|other| answers(other) == Some(2)));
        assert_eq!(stage.begun.get(), 2);
        assert!(lock(&stage.looks.0).is_empty());
    }

    #[test]
    fn who_gives_up_leaves_nobody_waiting() {
        let stage = Rc::new(Stage::default());
        stage.number.set(7);
        let mut all: Vec<_> = (0..5).map(|_| stage.ask()).collect();
        assert!(all.iter_mut().all(|one| answers(one).is_none()));
        // The one that looks, the one that has the word then and never hears it, and one that only waits.
        for _ in 0..2 {
            drop(all.remove(0));
        }
        drop(all.remove(1));
        stage.open.borrow_mut().clear();
        assert!(all.iter_mut().all(|one| answers(one).is_none()));
        assert_eq!(stage.begun.get(), 2);
        stage.end(true);
        assert!(all.iter_mut().all(|one| answers(one) == Some(7)));
        assert!(lock(&stage.looks.0).is_empty());
    }

    #[test]
    fn a_look_that_fails_is_told_to_all_it_was_for() {
        let stage = Rc::new(Stage::default());
        let mut all: Vec<_> = (0..3).map(|_| stage.ask()).collect();
        assert!(all.iter_mut().all(|one| answers(one).is_none()));
        stage.end(false);
        assert_eq!(answers(&mut all[0]), Some(0));
        // They asked after it began.
        assert_eq!((answers(&mut all[1]), answers(&mut all[2])), (None, None));
        stage.end(false);
        assert_eq!((answers(&mut all[1]), answers(&mut all[2])), (Some(0), Some(0)));
        assert!(lock(&stage.looks.0).is_empty());
    }
}

//! Where passwords are hashed.
//!
//! Argon2id costs some 40 ms of a core. After a restart everybody comes back at once, so hashing
//! has a bounded queue: at most one hash for each core at a time, and a bounded number waiting. While some
//! wait, the memory that a hash takes goes from one to the next: taking 19 MiB out of an address space
//! interrupts every core that works in it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::task;

use crate::password::Hasher;

/// Hashes that may wait for each core: about fifteen seconds of work.
const WAITING_PER_CORE: usize = 400;

/// No room in the queue of hashes, no memory for one, or the store cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("too many sign-ins at once")]
pub struct Busy;

/// The queue of hashes.
pub(super) struct Hashing {
    cores: Semaphore,
    at_once: usize,
    /// Hashes that wait or are made.
    waiting: AtomicUsize,
    spare: Mutex<Vec<Hasher>>,
}

impl Hashing {
    /// So many hashes at once.
    pub(super) fn new(at_once: usize) -> Arc<Hashing> {
        Arc::new(Hashing {
            cores: Semaphore::new(at_once),
            at_once,
            waiting: AtomicUsize::new(0),
            spare: Mutex::default(),
        })
    }

    /// Does `work` on a thread of its own, when it is its turn.
    pub(super) async fn run<R: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Hasher) -> R + Send + 'static,
    ) -> Result<R, Busy> {
        let place = Place::enter(self)?;
        self.cores.acquire().await.map_err(|_| Busy)?.forget();
        // Both go with the work, even if nobody waits for its result any more.
        let core = Core(place);
        let done = task::spawn_blocking(move || {
            let mut hasher = core.hashing().spare().pop().unwrap_or_default();
            let result = work(&mut hasher);
            core.hashing().put_away(hasher);
            result
        });
        done.await.map_err(|_| Busy)
    }

    /// Keeps a hasher for those who wait, or lets go of all.
    fn put_away(&self, hasher: Hasher) {
        let others_wait = self.waiting.load(Ordering::Relaxed) > self.at_once;
        let mut spare = self.spare();
        let given_back = if others_wait {
            spare.push(hasher);
            Vec::new()
        } else {
            std::mem::take(&mut *spare)
        };
        drop(spare);
        drop(given_back);
    }

    /// As many as may wait.
    #[cfg(test)]
    pub(super) fn crowd(self: &Arc<Self>) -> impl Sized + use<> {
        let places = (0..self.at_once * WAITING_PER_CORE).map(|_| Place::enter(self).unwrap());
        places.collect::<Vec<_>>()
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Hasher>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue.
struct Place(Arc<Hashing>);

impl Place {
    fn enter(hashing: &Arc<Hashing>) -> Result<Place, Busy> {
        let place = Place(Arc::clone(hashing));
        let before = hashing.waiting.fetch_add(1, Ordering::Relaxed);
        if before < hashing.at_once * WAITING_PER_CORE { Ok(place) } else { Err(Busy) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The turn of a hash.
struct Core(Place);

impl Core {
    fn hashing(&self) -> &Hashing {
        &self.0.0
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.hashing().cores.add_permits(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn memory_goes_from_one_to_the_next_and_then_back_to_the_system() {
        let hashing = Hashing::new(2);
        let (begun, seen) = mpsc::channel();
        let waiting: Vec<_> = (0..20)
            .map(|number| {
                let (hashing, begun) = (Arc::clone(&hashing), begun.clone());
                tokio::spawn(async move {
                    let work = move |hasher: &mut Hasher| {
                        begun.send(()).unwrap();
                        hasher.verify(b"wrong", if number % 2 == 0 { "no hash" } else { "" })
                    };
                    hashing.run(work).await
                })
            })
            .collect();
        for answer in waiting {
            assert_eq!(answer.await.unwrap().unwrap(), Ok(false));
        }
        assert_eq!(seen.try_iter().count(), 20);
        // The last work may still be on its way out.
        while hashing.waiting.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        assert!(hashing.spare().is_empty());
        assert_eq!(hashing.cores.available_permits(), 2);
    }

    #[tokio::test]
    async fn more_than_may_wait_are_turned_away() {
        let hashing = Hashing::new(1);
        let crowd = hashing.crowd();
        assert!(hashing.run(|_| ()).await.is_err());
        drop(crowd);
        assert!(hashing.run(|_| ()).await.is_ok());
    }

    #[tokio::test]
    async fn who_goes_while_he_is_looked_at_keeps_nobody_else_waiting() {
        let hashing = Hashing::new(1);
        let (go_on, wait) = mpsc::channel::<()>();
        let (begun, started) = tokio::sync::oneshot::channel();
        let gone = tokio::spawn({
            let hashing = Arc::clone(&hashing);
            async move {
                let work = move |_: &mut Hasher| {
                    begun.send(()).unwrap();
                    wait.recv().unwrap();
                };
                hashing.run(work).await
            }
        });
        started.await.unwrap();
        gone.abort();
        assert!(gone.await.is_err());
        // His hash is still being made: nobody else's is begun beside it.
        assert_eq!(hashing.cores.available_permits(), 0);
        go_on.send(()).unwrap();
        assert!(hashing.run(|_| ()).await.is_ok());
    }
}

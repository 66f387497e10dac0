//! A few threads for blocking reads, with a bound on what may wait for them.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::error::StoreError;

type Job = Box<dyn FnOnce() + Send>;

struct Queue {
    jobs: Mutex<(VecDeque<Job>, bool)>,
    wake: Condvar,
}

impl Queue {
    // The flag says that the pool is closed.
    fn lock(&self) -> MutexGuard<'_, (VecDeque<Job>, bool)> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads. They end when the pool is dropped, after the jobs that were accepted.
pub(super) struct Pool {
    queue: Arc<Queue>,
    permits: Arc<Semaphore>,
}

impl Pool {
    /// Starts `threads` threads; at most `waiting` jobs are accepted at a time, running ones included.
    pub(super) fn start(threads: usize, waiting: usize) -> io::Result<Pool> {
        let queue = Arc::new(Queue { jobs: Mutex::default(), wake: Condvar::new() });
        let pool = Pool { queue: Arc::clone(&queue), permits: Arc::new(Semaphore::new(waiting)) };
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("store-read-{number}")).spawn(move || serve(&queue))?;
        }
        Ok(pool)
    }

    /// Runs `work` on one of the threads. Waits as long as too many jobs are waiting.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _permit = permit;
            // Nobody waits any more: the work would be for nothing.
            if !answer.is_closed()
                && let Ok(value) = catch_unwind(AssertUnwindSafe(work))
            {
                let _ = answer.send(value);
            }
        });
        {
            let mut jobs = self.queue.lock();
            if jobs.1 {
                return Err(StoreError::Closed);
            }
            jobs.0.push_back(job);
        }
        self.queue.wake.notify_one();
        result.await.map_err(|_| StoreError::Failed)
    }

    /// Accepts nothing more and lets the threads end.
    pub(super) fn close(&self) {
        self.permits.close();
        self.queue.lock().1 = true;
        self.queue.wake.notify_all();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(queue: &Queue) {
    loop {
        let mut jobs = queue.lock();
        let job = loop {
            if let Some(job) = jobs.0.pop_front() {
                break job;
            }
            if jobs.1 {
                return;
            }
            jobs = queue.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        };
        drop(jobs);
        job();
    }
}

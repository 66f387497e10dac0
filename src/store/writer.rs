//! The one thread that changes the store: group commit.
//!
//! It takes what is waiting, works out each change against everything before it, writes all records
//! of the group to the journal, syncs once, writes the mark, brings the index up to date, and only
//! then tells the callers, in order. An error on the way stops the store for good: after a failed
//! sync nobody can say what is on the disk, and a second try may succeed without writing anything.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::mpsc::Receiver;

use super::change::{Applied, Change};
use super::codec::Op;
use super::error::StoreError;
use super::index::{Pending, State};
use super::journal::{self, Journal};
use super::mark::Mark;
use super::rules::{self, Ops};
use super::seal;
use super::shared::Shared;

/// The most changes that share one sync.
const GROUP: usize = 512;
/// A group ends early when its records have this many bytes.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// What is called when a change is durable, or will never be.
pub(super) type Done = Box<dyn FnOnce(Result<Applied, StoreError>) + Send>;

/// A change that waits for the writer.
pub(super) struct Request {
    pub(super) change: Change,
    pub(super) done: Done,
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    pub(super) mark: Mark,
    pub(super) state: State,
    /// Bytes of journal after which a snapshot is made.
    pub(super) snapshot_bytes: u64,
    /// Bytes of journal since the last one.
    pub(super) since_snapshot: u64,
    /// The thread that makes or checks a snapshot.
    pub(super) background: Option<JoinHandle<()>>,
    /// Held as long as the store is open.
    pub(super) lock: File,
}

impl Writer {
    /// Serves requests until every sender is gone, then closes the store.
    pub(super) fn run(mut self, mut queue: Receiver<Request>) -> Result<(), StoreError> {
        let mut group = Vec::with_capacity(GROUP);
        while let Some(first) = queue.blocking_recv() {
            group.push(first);
            self.commit(&mut group, &mut queue);
        }
        self.close()
    }

    fn commit(&mut self, group: &mut Vec<Request>, queue: &mut Receiver<Request>) {
        let mut answers = Vec::with_capacity(group.len());
        let result = if self.shared.has_failed() {
            Err(StoreError::Failed)
        } else {
            self.try_commit(group, queue, &mut answers)
        };
        if result.is_err() {
            self.shared.times.errors.increment();
            self.shared.fail();
            for (_, answer) in &mut answers {
                *answer = Err(StoreError::Failed);
            }
            answers.extend(group.drain(..).map(|request| (request.done, Err(StoreError::Failed))));
        }
        for (done, answer) in answers {
            // A caller's panic is the caller's; the next ones still want their answers.
            if catch_unwind(AssertUnwindSafe(|| done(answer))).is_err() {
                tracing::error!("a completion of the store panicked");
            }
        }
    }

    /// Takes the group, and what else is waiting, through the journal into the index.
    fn try_commit(
        &mut self,
        group: &mut Vec<Request>,
        queue: &mut Receiver<Request>,
        answers: &mut Vec<(Done, Result<Applied, StoreError>)>,
    ) -> Result<(), StoreError> {
        let first = self.state.applied + 1;
        let mut next = first;
        let mut pending = Pending::new();
        let mut bytes = Vec::new();
        while let Some(Request { change, done }) = group.pop() {
            let mut ops = Ops::default();
            let answer =
                self.shared.with_index(|index| rules::evaluate(index.view_with(&pending), change, &mut ops));
            let answer = match answer {
                // Too large to be recorded: refuse this one, not the whole store.
                Ok(_) if !ops.0.is_empty() => {
                    let length = bytes.len();
                    match journal::frame(&mut bytes, self.shared.id, next, &ops.0) {
                        Ok(()) => {
                            next += 1;
                            pending.extend(ops.0.into_iter().map(|Op { key, value }| (key, value)));
                            answer
                        }
                        Err(error) => {
                            bytes.truncate(length);
                            Err(StoreError::Damaged(error))
                        }
                    }
                }
                other => other,
            };
            let unreadable = answer == Err(StoreError::Failed);
            answers.push((done, answer));
            if unreadable {
                return Err(StoreError::Failed);
            }
            if answers.len() < GROUP
                && bytes.len() < GROUP_BYTES
                && let Ok(request) = queue.try_recv()
            {
                group.push(request);
            }
        }
        if pending.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let io = |action: &'static str| {
            move |error: std::io::Error| {
                tracing::error!(%error, action, "the store cannot write");
                StoreError::Failed
            }
        };
        self.journal.append(&bytes, first).map_err(io("append to the journal"))?;
        self.mark.write(next - 1, false).map_err(io("write the mark"))?;
        self.state.applied = next - 1;
        let state = &mut self.state;
        self.shared.with_index(|index| {
            let mut export = self.shared.export();
            let keep = |key: &_, old: Option<&_>| {
                if let Some(export) = export.as_mut() {
                    export.keep(key, old);
                }
            };
            index.apply_over(pending, state, keep).map_err(|error| {
                tracing::error!(%error, "the index cannot be written");
                StoreError::Failed
            })
        })?;
        self.shared.tallies().clone_from(&self.state.tallies);
        self.shared.times.commits.add(began.elapsed());
        self.since_snapshot += bytes.len() as u64;
        self.snapshot_if_due();
        Ok(())
    }

    fn snapshot_if_due(&mut self) {
        let busy = self.background.as_ref().is_some_and(|thread| !thread.is_finished());
        if self.since_snapshot < self.snapshot_bytes || busy {
            return;
        }
        self.since_snapshot = 0;
        let shared = Arc::clone(&self.shared);
        self.background = in_background("store-snapshot", move || shared.make_snapshot());
    }

    fn close(mut self) -> Result<(), StoreError> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.background.take()
            && thread.join().is_err()
        {
            tracing::error!("the snapshot thread panicked");
        }
        let closed = self.shared.close_index();
        if let Err(error) = &closed {
            tracing::error!(%error, "the index cannot be closed");
        }
        let result = if self.shared.has_failed() || closed.is_err() {
            Err(StoreError::Failed)
        } else {
            let layout = &self.shared.layout;
            if !self.shared.suspect.load(Ordering::Relaxed)
                && let Err(error) = seal::write(&layout.seal(), &layout.sled(), self.shared.id)
            {
                tracing::warn!(%error, "cannot seal the index; the next start will take longer");
            }
            self.mark.finish().map_err(|error| {
                tracing::error!(%error, "the store cannot write its mark");
                StoreError::Failed
            })
        };
        // Last: from here on another process may open the store.
        drop(self.lock);
        result
    }
}

/// Starts a thread for work that can be done without.
pub(super) fn in_background(name: &str, work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| tracing::error!(%error, "cannot start a thread"))
        .ok()
}

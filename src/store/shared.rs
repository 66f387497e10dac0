//! What the handles, the readers and the threads of one open store have in common.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::watch;

use super::backup::Export;
use super::error::StoreError;
use super::identity::StoreId;
use super::index::{Index, IndexError, Tally, View, guarded};
use super::types::AsOf;
use super::{journal, snapshot};
use crate::metrics::Counter;
use crate::metrics::times::Recent;

/// Where the parts of a store are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
}

impl Layout {
    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(super) fn mark(&self) -> PathBuf {
        self.root.join("mark")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(super) fn snapshot(&self) -> PathBuf {
        self.root.join("snapshot")
    }

    pub(super) fn seal(&self) -> PathBuf {
        self.root.join("sled.seal")
    }

    pub(super) fn wasteful(&self) -> PathBuf {
        self.root.join("sled.wasteful")
    }

    pub(super) fn sled(&self) -> PathBuf {
        self.root.join("sled")
    }
}

/// How long the store takes, and how often it fails.
#[derive(Default, Debug)]
pub struct Times {
    /// Reads, one for each question to the index.
    pub queries: Recent,
    /// Groups of changes, from writing the first to having them durable and visible.
    pub commits: Recent,
    /// Reads and groups that failed, and changes refused because too many waited.
    pub errors: Counter,
}

/// How many changes came and went. Those that change nothing are not counted.
#[derive(Default, Debug)]
pub(super) struct Flow {
    submitted: AtomicU64,
    under_way: AtomicUsize,
}

impl Flow {
    /// A change is about to be queued.
    pub(super) fn begin(&self) {
        // In this order: who reads the one and then finds nothing under way has counted only what is done.
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.submitted.fetch_add(1, Ordering::AcqRel);
    }

    /// A change is visible, or will never be.
    pub(super) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    /// Now, if nothing is under way.
    pub(super) fn settled(&self) -> Option<AsOf> {
        let now = self.now();
        (self.under_way.load(Ordering::Acquire) == 0).then_some(now)
    }

    /// Names what has been submitted so far.
    pub(super) fn now(&self) -> AsOf {
        AsOf(self.submitted.load(Ordering::Acquire))
    }
}

/// The common state.
pub(super) struct Shared {
    pub(super) layout: Layout,
    pub(super) id: StoreId,
    /// `None` once the store is closed.
    index: RwLock<Option<Index>>,
    /// The tallies after the last group, for counts.
    tallies: Mutex<Vec<Tally>>,
    /// The backup that is being made. Locked by the writer while it changes the index.
    export: Mutex<Option<Export>>,
    failed: watch::Sender<bool>,
    pub(super) flow: Flow,
    /// A damaged record was met: the index is not to be sealed, so that the next start reads it all.
    pub(super) suspect: AtomicBool,
    /// Background work is to end.
    pub(super) stopping: AtomicBool,
    pub(super) times: Times,
}

impl Shared {
    pub(super) fn new(layout: Layout, id: StoreId, index: Index, tallies: Vec<Tally>) -> Shared {
        Shared {
            layout,
            id,
            index: RwLock::new(Some(index)),
            tallies: Mutex::new(tallies),
            export: Mutex::default(),
            failed: watch::Sender::new(false),
            flow: Flow::default(),
            suspect: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            times: Times::default(),
        }
    }

    /// Uses the index, with a wall against panics of sled; if it cannot be read or written the store
    /// has failed, and a restart will build a new one. Must not be nested: a close that waits
    /// between the two would wait for ever.
    pub(super) fn with_index<T>(
        &self,
        work: impl FnOnce(&Index) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let guard = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let index = guard.as_ref().ok_or(StoreError::Closed)?;
        let result = guarded(|| Ok(work(index))).unwrap_or_else(|error: IndexError| {
            tracing::error!(%error, "the index cannot be used");
            Err(StoreError::Failed)
        });
        match &result {
            Err(StoreError::Failed) => {
                self.times.errors.increment();
                self.fail();
            }
            Err(StoreError::Damaged(error)) => {
                self.times.errors.increment();
                tracing::error!(%error, "the index holds a damaged record; the next start checks all of it");
                self.suspect.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        result
    }

    /// Reads through the index.
    pub(super) fn view<T>(
        &self,
        work: impl FnOnce(View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = self.with_index(|index| work(index.view()));
        self.times.queries.add(began.elapsed());
        result
    }

    /// Waits for those who use the index and closes it, which writes and syncs its file.
    pub(super) fn close_index(&self) -> Result<(), IndexError> {
        let index = self.index.write().unwrap_or_else(PoisonError::into_inner).take();
        match index {
            Some(index) => guarded(|| {
                let flushed = index.flush();
                drop(index);
                flushed
            }),
            None => Ok(()),
        }
    }

    pub(super) fn tallies(&self) -> MutexGuard<'_, Vec<Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running export. To be locked inside of [`Shared::with_index`], never around it.
    pub(super) fn export(&self) -> MutexGuard<'_, Option<Export>> {
        self.export.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says for good that the store has failed, and logs it before anybody who waits for that can end the
    /// process.
    pub(super) fn fail(&self) {
        self.failed.send_if_modified(|failed| {
            let first = !std::mem::replace(failed, true);
            if first {
                tracing::error!("the store has failed and accepts nothing any more");
            }
            first
        });
    }

    pub(super) fn has_failed(&self) -> bool {
        *self.failed.borrow()
    }

    pub(super) fn failure(&self) -> watch::Receiver<bool> {
        self.failed.subscribe()
    }

    /// Makes a snapshot and deletes what it replaces. Failure costs disk space, no data: the old
    /// snapshot and the journal stay.
    pub(super) fn make_snapshot(&self) {
        let dir = self.layout.snapshot();
        let stop = || self.stopping.load(Ordering::Relaxed);
        let result = self.with_index(|index| {
            Ok(snapshot::write(&dir, self.id, index, &stop)
                .and_then(|made| Ok(replace_older(&self.layout, &made.path, made.base).map(|()| made)?)))
        });
        match result {
            Ok(Ok(made)) => {
                tracing::info!(base = made.base, until = made.until, "wrote a snapshot of the store");
            }
            Ok(Err(snapshot::SnapshotError::Stopped)) | Err(StoreError::Closed) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot write a snapshot of the store"),
            Err(error) => tracing::error!(%error, "cannot write a snapshot of the store"),
        }
    }

    /// Reads the newest snapshot in full, and makes a new one if it is not good: it is needed only
    /// when the index is damaged, and then it is too late to find out.
    pub(super) fn verify_snapshot(&self) {
        let stop = || self.stopping.load(Ordering::Relaxed);
        let found = match snapshot::newest(&self.layout.snapshot(), self.id) {
            Ok(Some((_, Some(found)))) => found,
            Ok(None) => return,
            Ok(Some((path, None))) => {
                tracing::warn!(path = %path.display(), "the snapshot is damaged; making a new one");
                return self.make_snapshot();
            }
            Err(error) => return tracing::error!(%error, "cannot read the snapshot"),
        };
        match snapshot::read(&found, self.id, &stop, |_| Ok(())) {
            Ok(()) | Err(snapshot::SnapshotError::Stopped) => {}
            Err(error) => {
                tracing::warn!(%error, path = %found.path.display(), "making a new snapshot");
                self.make_snapshot();
            }
        }
    }
}

/// Deletes the snapshots and segments that the snapshot `made`, from `base` on, replaces.
pub(super) fn replace_older(layout: &Layout, made: &Path, base: u64) -> std::io::Result<()> {
    snapshot::prune(&layout.snapshot(), made)?;
    journal::prune(&layout.journal(), base)
}

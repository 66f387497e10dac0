//! What must survive: accounts, lists, waiting messages, rooms, sanctions, filters, the audit log.
//!
//! The truth is an append-only journal of our own (`journal/`, with a snapshot in `snapshot/` that
//! lets older parts of it go); sled (`sled/`) is an index that can be built again at any time. One
//! thread writes, in groups that share a sync; any number of threads read.
//!
//! # What a crash may lose
//!
//! Nothing that was acknowledged. A change is acknowledged after its journal record has been synced;
//! what was not acknowledged may or may not be there afterwards, but each change as a whole.
//!
//! # In the directory of a store
//!
//! | name | what |
//! |---|---|
//! | `lock` | held while the store is open |
//! | `identity` | which store this is, and its schema, as text |
//! | `mark` | up to which sequence changes were acknowledged; whether the store was closed properly |
//! | `journal/<first sequence>.log` | the records, oldest first |
//! | `snapshot/<sequence>.snap` | the last export of everything, checked when it was written |
//! | `sled/` | the index |
//! | `sled.seal` | a sum over its files as they were when the store was closed |
//! | `sled.damaged-<time>/` | the last index that was found damaged and replaced; may be deleted |
//! | `sled.wasteful/` | an index that is being replaced because it was mostly waste; gone afterwards |
//! | `restoring` | the store was restored from a backup a moment ago; gone with the next restore |
//! | `sled.verifying/` | a copy that `check` reads; gone afterwards |
//! | `sled.before-repair/` | a copy of the index from before an attempt to open a store whose journal is damaged; may be deleted once the store opens |
//!
//! # Opening
//!
//! [`Store::open`] checks the journal and the index before anything is served: the files of the index
//! must be, byte for byte, what was closed, or else every record in it is read. It
//! ends in one of two ways: everything acknowledged is there, or it refuses and says which file is
//! at fault. A directory in which a part is missing never passes for a new store. sled panics on
//! some damage and opens as an empty database on other; both are noticed and lead to a new index.

pub mod backup;
mod change;
mod check;
mod codec;
mod error;
mod evidence;
mod files;
mod identity;
mod index;
mod journal;
mod mark;
mod pool;
mod reader;
mod records;
mod recover;
mod rules;
mod seal;
mod shared;
mod snapshot;
mod space;
mod tables;
mod types;
mod verify;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

pub use backup::{BackupError, Manifest, Phase, Progress, Summary};
pub use change::{
    Applied, BANS_MAX, BLOCKS_MAX, CHANGES_MAX, Change, EXCLUSIONS_MAX, EXPIRE_MAX, FILTERS_MAX, LINKS_MAX,
    MAILBOX_MAX, PALS_MAX, SETTINGS_MAX, WARNINGS_MAX,
};
pub use check::{Checked, check};
pub use error::{Corrupt, OpenError, OpenReport, Rebuilt, Rejection, StoreError};
pub use reader::{Accounts, Reader};
pub use shared::Times;
pub use space::Space;
pub use tables::{SCHEMA, TABLES, Table};
pub use types::{
    Account, AsOf, Category, Exclusion, ExclusionKind, Hint, NewAccount, OfflineMessage, PasswordHash,
    RoomRecord, SignIn,
};
pub use types::{
    AuditActor, AuditEntry, AuditPage, AuditQuery, AuditRecord, AuditSubject, AuditTarget, Ban, BanTarget,
    Filter, FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord, LinkAllow, LinkKind, Mute,
    MuteKind, OffenceRecord, REASON_MAX, SETTING_NAME_MAX, SETTING_VALUE_MAX, Sanctions, StrikeRecord,
    Warning,
};

use pool::Pool;
use shared::Shared;
use writer::{Done, Request};

/// Where a store is and how it is to behave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// The directory; made if it is not there.
    pub path: PathBuf,
    /// How many bytes of the index are kept in memory; the process grows by about twice as much.
    pub cache_bytes: u64,
    /// How many changes may wait for the writer before new ones are refused as
    /// [`StoreError::Busy`].
    pub queue: usize,
    /// A journal segment of this many bytes or more is followed by a new one.
    pub segment_bytes: u64,
    /// A snapshot is made after this many bytes of journal.
    pub snapshot_bytes: u64,
    /// Whether opening reads every record of the index, even if its files are what was closed, and of
    /// the snapshot, which is otherwise read in the background.
    pub full_check: bool,
    /// An index with more bytes than this that is mostly waste is built anew when the store is opened.
    pub compact_above: u64,
    /// How many threads serve [`Store::read`].
    pub reader_threads: usize,
    /// How many calls of [`Store::read`] are accepted at a time; more of them wait.
    pub reader_queue: usize,
}

impl StoreOptions {
    /// The usual settings for the store in `path`: 64 MiB of cache, 16 MiB segments, a snapshot
    /// every 64 MiB, an index of more than 256 MiB built anew if it is mostly waste, 4096 waiting changes, no
    /// more checks than needed, two reader threads with 1024 waiting reads.
    pub fn new(path: impl Into<PathBuf>) -> StoreOptions {
        StoreOptions {
            path: path.into(),
            cache_bytes: 64 << 20,
            queue: 4096,
            segment_bytes: 16 << 20,
            snapshot_bytes: 64 << 20,
            full_check: false,
            compact_above: space::SMALL,
            reader_threads: 2,
            reader_queue: 1024,
        }
    }
}

/// A handle to an open store; cheap to clone. When the last one goes, the store is closed, for
/// which the drop waits.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// `None` once the store is being closed.
    queue: RwLock<Option<mpsc::Sender<Request>>>,
    writer: Mutex<Closing>,
    pool: Pool,
}

enum Closing {
    Open(JoinHandle<Result<(), StoreError>>),
    Closed(Result<(), StoreError>),
}

impl Store {
    /// Opens the store, or makes it if its directory is empty or missing. Blocks while the journal
    /// and the index are checked: a few tenths of a second per million accounts after a proper close, two or three
    /// seconds after a crash, ten or more if the index must be built again.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; nothing is lost by trying.
    pub fn open(options: StoreOptions) -> Result<(Store, OpenReport), OpenError> {
        let (writer, report) = recover::open(&options)?;
        let threads = |error| OpenError::Io {
            action: "start the threads for",
            path: options.path.clone(),
            source: error,
        };
        let shared = Arc::clone(&writer.shared);
        let pool =
            Pool::start(options.reader_threads.max(1), options.reader_queue.max(1)).map_err(threads)?;
        let (sender, receiver) = mpsc::channel(options.queue.max(1));
        let thread = std::thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(threads)?;
        let inner = Inner {
            shared,
            queue: RwLock::new(Some(sender)),
            writer: Mutex::new(Closing::Open(thread)),
            pool,
        };
        Ok((Store { inner: Arc::new(inner) }, report))
    }

    /// Commits what is waiting, writes everything out and closes the store. Blocks. Later calls give
    /// the same answer; other uses of any handle fail with [`StoreError::Closed`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] if the store had failed or could not be written out. What was
    /// acknowledged is safe even then.
    pub fn close(&self) -> Result<(), StoreError> {
        self.inner.close()
    }

    /// Queues a change without ever blocking. `done` is called once, on the writer's thread, after
    /// the change is durable and visible to readers, or at once with [`StoreError::Busy`] or
    /// [`StoreError::Closed`]. Calls come in the order of submission and must be quick.
    pub fn submit(&self, change: Change, done: impl FnOnce(Result<Applied, StoreError>) + Send + 'static) {
        let done: Done = if change.is_question() {
            Box::new(done)
        } else {
            let shared = Arc::clone(&self.inner.shared);
            shared.flow.begin();
            Box::new(move |result| {
                shared.flow.end();
                done(result);
            })
        };
        let request = Request { change, done };
        let refused = match &*self.inner.queue.read().unwrap_or_else(PoisonError::into_inner) {
            Some(queue) => queue.try_send(request).err().map(|error| match error {
                mpsc::error::TrySendError::Full(request) => (request, StoreError::Busy),
                mpsc::error::TrySendError::Closed(request) => (request, StoreError::Failed),
            }),
            None => Some((request, StoreError::Closed)),
        };
        if let Some((request, error)) = refused {
            self.inner.shared.times.errors.increment();
            (request.done)(Err(error));
        }
    }

    /// As [`Store::submit`], awaiting the answer. A dropped future does not take the change back.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`].
    pub async fn commit(&self, change: Change) -> Result<Applied, StoreError> {
        let (sender, answer) = oneshot::channel();
        self.submit(change, move |result| {
            let _ = sender.send(result);
        });
        answer.await.unwrap_or(Err(StoreError::Failed))
    }

    /// As [`Store::commit`], blocking this thread: for the command line and for start-up. Not for
    /// async tasks.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`].
    pub fn commit_blocking(&self, change: Change) -> Result<Applied, StoreError> {
        let (sender, answer) = std::sync::mpsc::sync_channel(1);
        self.submit(change, move |result| {
            let _ = sender.send(result);
        });
        answer.recv().unwrap_or(Err(StoreError::Failed))
    }

    /// Runs `read` on one of the reader threads. Waits while too many reads are waiting.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`] after the store was closed, [`StoreError::Failed`] if `read` panicked.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> R + Send + 'static,
    ) -> Result<R, StoreError> {
        let reader = self.reader();
        self.inner.pool.run(move || read(&reader)).await
    }

    /// Blocking reads on this thread: for the command line and for start-up. Does not keep the store
    /// open.
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.inner.shared) }
    }

    /// Whether nothing was submitted since `moment` that changes anything.
    pub fn is_as_of(&self, moment: AsOf) -> bool {
        self.inner.shared.flow.now() == moment
    }

    /// The id of the store, 32 hexadecimal digits.
    pub fn id(&self) -> String {
        self.inner.shared.id.to_string()
    }

    /// The schema of the store.
    pub fn schema(&self) -> u32 {
        SCHEMA
    }

    /// How many entries each table has, by the name in [`TABLES`].
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let tallies = self.inner.shared.tallies();
        TABLES.iter().zip(tallies.iter()).skip(1).map(|(table, tally)| (table.name, tally.count)).collect()
    }

    /// How much of the disk the store takes. Blocks while its directories are read.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn space(&self) -> std::io::Result<Space> {
        Space::of(&self.inner.shared.layout)
    }

    /// How long the store takes, and how often it fails.
    pub fn times(&self) -> &Times {
        &self.inner.shared.times
    }

    /// Becomes `true` when the store has failed and accepts nothing any more: the daemon should end
    /// with its own exit code. Opening the store again repairs what can be repaired.
    pub fn failed(&self) -> watch::Receiver<bool> {
        self.inner.shared.failure()
    }
}

impl Inner {
    fn close(&self) -> Result<(), StoreError> {
        // Without senders the writer ends after what is waiting.
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        self.pool.close();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *writer, Closing::Closed(Ok(()))) {
            Closing::Open(thread) if thread.thread().id() == std::thread::current().id() => Ok(()),
            Closing::Open(thread) => {
                let result = thread.join().unwrap_or(Err(StoreError::Failed));
                *writer = Closing::Closed(result.clone());
                result
            }
            Closing::Closed(result) => {
                *writer = Closing::Closed(result.clone());
                result
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the store did not close properly");
        }
    }
}

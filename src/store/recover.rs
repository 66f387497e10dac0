//! Opening a store: decide what is good, bring the index up to date or build it again, or refuse.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{Corrupt, OpenError, OpenReport, Rebuilt};
use super::evidence::Evidence;
use super::identity::{Identity, StoreId};
use super::index::{Index, IndexError, Pending, State};
use super::journal::{self, EMPTY_SEGMENT, Journal, Scan};
use super::mark::{Mark, Marked};
use super::seal;
use super::shared::{Layout, Shared, replace_older};
use super::snapshot::{self, Snapshot};
use super::space::Space;
use super::tables::SCHEMA;
use super::writer::{Writer, in_background};
use super::{StoreOptions, files};
use crate::model::Timestamp;

/// How the name of an index begins that was found damaged and replaced; behind it is when.
const DAMAGED: &str = "sled.damaged";
/// How many operations are applied at once during replay.
const REPLAY_BATCH: usize = 2000;
/// How long an index that was closed a moment ago may keep its lock.
const SLED_LOCK: Duration = Duration::from_secs(5);

/// Opens the store and returns the writer that owns it.
pub(super) fn open(options: &StoreOptions) -> Result<(Writer, OpenReport), OpenError> {
    let root = options.path.as_path();
    DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(OpenError::io("make", root))?;
    let layout = Layout { root: root.to_owned() };
    let lock = lock(&layout)?;
    let has_data = has_data(&layout)?;
    let recovery = match Identity::read(root)? {
        None if has_data => {
            let problem = format!("the file {} is missing", root.join("identity").display());
            return Err(OpenError::refused(root, problem));
        }
        None => Recovery::create(options, layout)?,
        Some(identity) if !identity.ready => {
            discard_unfinished(&layout)?;
            Recovery::create(options, layout)?
        }
        Some(_) if !has_data => {
            let problem = "its identity is there, but journal, snapshot, mark and index are missing";
            return Err(OpenError::refused(root, problem));
        }
        Some(identity) => Recovery::existing(options, layout, identity)?,
    };
    recovery.finish(options, lock)
}

/// Takes the lock of the store in `layout`, whose directory is there.
pub(super) fn lock(layout: &Layout) -> Result<File, OpenError> {
    let path = layout.lock();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(OpenError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: layout.root.clone() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { action: "lock", path, source }),
    }
}

/// Whether any part of a store is there, besides its identity.
pub(super) fn has_data(layout: &Layout) -> Result<bool, OpenError> {
    for path in [layout.mark(), layout.journal(), layout.snapshot(), layout.sled()] {
        if path.try_exists().map_err(OpenError::io("look for", &path))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what a creation left that did not come to its end. Nothing can have been acknowledged
/// then; should there be records all the same, nothing is touched.
fn discard_unfinished(layout: &Layout) -> Result<(), OpenError> {
    let dir = layout.journal();
    for (_, path) in files::numbered(&dir, journal::SUFFIX).map_err(OpenError::io("read", &dir))? {
        let length = fs::metadata(&path).map_err(OpenError::io("read", &path))?.len();
        if length > EMPTY_SEGMENT as u64 {
            let problem = "its identity says that it was never completed, but its journal has records";
            return Err(OpenError::refused(&layout.root, problem));
        }
    }
    for path in [layout.journal(), layout.snapshot(), layout.sled()] {
        if path.exists() {
            fs::remove_dir_all(&path).map_err(OpenError::io("remove", &path))?;
        }
    }
    let mark = layout.mark();
    if mark.exists() {
        fs::remove_file(&mark).map_err(OpenError::io("remove", &mark))?;
    }
    Ok(())
}

/// A store whose index is complete.
struct Recovery {
    layout: Layout,
    id: StoreId,
    index: Index,
    state: State,
    mark: Option<Marked>,
    journal: Journal,
    report: OpenReport,
    /// Bytes of journal since the last snapshot.
    since_snapshot: u64,
    has_snapshot: bool,
}

impl Recovery {
    fn create(options: &StoreOptions, layout: Layout) -> Result<Recovery, OpenError> {
        let root = &layout.root;
        let id = StoreId::random().map_err(|error| {
            OpenError::io("take random numbers for", root)(std::io::Error::other(error.to_string()))
        })?;
        Identity::new(id).write(root)?;
        for path in [layout.journal(), layout.snapshot()] {
            DirBuilder::new().mode(0o700).create(&path).map_err(OpenError::io("make", &path))?;
        }
        let dir = layout.journal();
        let journal =
            Journal::start(&dir, id, 1, options.segment_bytes).map_err(OpenError::io("write", &dir))?;
        let (index, state) = new_index(options, &layout, id)?;
        let path = layout.mark();
        Mark::start(&path, id, 0, None).map_err(OpenError::io("write", &path))?;
        files::sync_dir(root).map_err(OpenError::io("sync", root))?;
        Identity { ready: true, ..Identity::new(id) }.write(root)?;
        let report = OpenReport { fresh: true, clean: true, ..OpenReport::default() };
        let mark = Mark::read(&path, id).map_err(OpenError::io("read", &path))?;
        Ok(Recovery {
            layout,
            id,
            index,
            state,
            mark,
            journal,
            report,
            since_snapshot: 0,
            has_snapshot: false,
        })
    }

    fn existing(options: &StoreOptions, layout: Layout, identity: Identity) -> Result<Recovery, OpenError> {
        let id = identity.id;
        let evidence = Evidence::gather(&layout, id)?;
        let mut report =
            OpenReport { clean: evidence.mark.is_some_and(|mark| mark.clean), ..OpenReport::default() };
        if evidence.journal_fails() {
            put_copy_aside(&layout)?;
        }
        let (index, mut state) = match open_index(options, &layout, id, &mut report.checked)? {
            Ok((index, state)) if evidence.scan.reach(state.applied) >= evidence.needed => (index, state),
            Ok((index, state)) => {
                let applied = state.applied;
                drop(index);
                let reason =
                    format!("it has changes only up to {applied}, and the journal does not go on there");
                rebuild(options, &layout, id, &evidence, reason, &mut report)?
            }
            Err(reason) => rebuild(options, &layout, id, &evidence, reason, &mut report)?,
        };
        if evidence.mark.is_none() && (report.rebuilt.is_some() || !evidence.scan.damage.is_empty()) {
            let path = layout.mark();
            let problem = format!(
                "the file {} is missing or damaged, and so is something else: {}",
                path.display(),
                evidence.describe(report.rebuilt.as_ref().map(|rebuilt| rebuilt.reason.as_str()))
            );
            return Err(OpenError::refused(&layout.root, problem));
        }
        if evidence.mark.is_none() {
            report
                .repairs
                .push("the mark was missing or damaged; wrote it again from the journal".to_owned());
        }
        // An index that was being replaced when the daemon ended; this one is good.
        remove_tree(&layout.wasteful())?;
        let before = state.applied;
        replay(&index, &mut state, &evidence.scan, id).map_err(|error| {
            OpenError::refused(&layout.root, format!("replaying the journal failed: {error}"))
        })?;
        report.replayed = state.applied - before;
        let (journal, mut has_snapshot) =
            repair_journal(options, &layout, id, &evidence, &index, &state, &mut report)?;
        if let (true, true, Some(snapshot)) = (options.full_check, has_snapshot, evidence.good_snapshot()) {
            has_snapshot = false;
            if let Err(error) = snapshot::read(snapshot, id, &|| false, |_| Ok(())) {
                let made = write_snapshot(&layout, id, &index)?;
                replace_older(&layout, &made.path, made.base).map_err(OpenError::io("tidy", &layout.root))?;
                report.repairs.push(format!("made a new snapshot; {}: {error}", snapshot.path.display()));
            }
        }
        if identity.schema < SCHEMA {
            // Before the first change in a table that older programs do not know.
            Identity { schema: SCHEMA, ..identity }.write(&layout.root)?;
        }
        let (index, state) = match wasteful(options, &layout) {
            Some(before) => {
                let (index, state) = compact(options, &layout, id, index, &state)?;
                report.compacted = Some((before, Space::of(&layout).map_or(0, |space| space.index)));
                // That was read back when it was written.
                has_snapshot = false;
                (index, state)
            }
            None => (index, state),
        };
        let since_snapshot = evidence.scan.spans.iter().map(|span| span.bytes.len() as u64).sum();
        let mark = evidence.mark;
        Ok(Recovery { layout, id, index, state, mark, journal, report, since_snapshot, has_snapshot })
    }

    fn finish(mut self, options: &StoreOptions, lock: File) -> Result<(Writer, OpenReport), OpenError> {
        let path = self.layout.mark();
        let mark = Mark::start(&path, self.id, self.state.applied, self.mark)
            .map_err(OpenError::io("write", &path))?;
        self.report.records = self.state.records();
        let shared = Arc::new(Shared::new(self.layout, self.id, self.index, self.state.tallies.clone()));
        let background = self.has_snapshot.then(|| {
            let shared = Arc::clone(&shared);
            in_background("store-verify", move || shared.verify_snapshot())
        });
        let writer = Writer {
            shared,
            journal: self.journal,
            mark,
            state: self.state,
            snapshot_bytes: options.snapshot_bytes,
            since_snapshot: self.since_snapshot,
            background: background.flatten(),
            lock,
        };
        Ok((writer, self.report))
    }
}

/// Opens and checks the index that is there. The inner error says why it cannot be used; `checked`
/// becomes whether every record was read.
fn open_index(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
    checked: &mut bool,
) -> Result<Result<(Index, State), String>, OpenError> {
    let path = layout.sled();
    if !path.try_exists().map_err(OpenError::io("look for", &path))? {
        return Ok(Err("it is missing".to_owned()));
    }
    let sealed = !options.full_check
        && seal::holds(&layout.seal(), &path, id).map_err(OpenError::io("read", &path))?;
    *checked = !sealed;
    let result = patiently(|| Index::open(&path, options.cache_bytes)).and_then(|index| {
        let state = if sealed { index.check_state(id) } else { index.check(id) };
        state.map(|state| (index, state))
    });
    match result {
        Ok(found) => Ok(Ok(found)),
        Err(IndexError::Locked) => Err(OpenError::Locked { path }),
        Err(IndexError::Bad(reason)) => Ok(Err(reason)),
    }
}

/// Opens an index that may have been closed a moment ago and then keeps its lock a little longer.
pub(super) fn patiently(open: impl Fn() -> Result<Index, IndexError>) -> Result<Index, IndexError> {
    let patience = Instant::now() + SLED_LOCK;
    loop {
        match open() {
            Err(IndexError::Locked) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => return opened,
        }
    }
}

fn new_index(options: &StoreOptions, layout: &Layout, id: StoreId) -> Result<(Index, State), OpenError> {
    let mut state = State::new(id, 0);
    let index = Index::open(&layout.sled(), options.cache_bytes)
        .and_then(|index| index.apply(Pending::new(), &mut state).map(|()| index))
        .map_err(|error| cannot_build(layout, &error))?;
    Ok((index, state))
}

fn cannot_build(layout: &Layout, error: &dyn std::fmt::Display) -> OpenError {
    let path = layout.sled();
    OpenError::io("build a new index in", &path)(std::io::Error::other(error.to_string()))
}

/// Puts the index aside and makes a new one from the snapshot; the journal is replayed by the caller.
fn rebuild(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
    evidence: &Evidence,
    reason: String,
    report: &mut OpenReport,
) -> Result<(Index, State), OpenError> {
    let refuse = || OpenError::refused(&layout.root, evidence.describe(Some(&reason)));
    if evidence.journal_fails() || evidence.mark.is_none() {
        return Err(refuse());
    }
    if let Some(snapshot) = evidence.good_snapshot() {
        // All of it, before anything is touched.
        snapshot::read(snapshot, id, &|| false, |_| Ok(())).map_err(|_| {
            let problem = format!(
                "the index cannot be used ({reason}), and the snapshot {} is damaged",
                snapshot.path.display()
            );
            OpenError::refused(&layout.root, problem)
        })?;
    }
    let sled = layout.sled();
    let aside = if sled.exists() {
        // Only the last is worth looking at, and the new index needs the room.
        remove_earlier(&layout.root);
        let aside = free_name(&layout.root, DAMAGED);
        fs::rename(&sled, &aside).map_err(OpenError::io("move", &sled))?;
        Some(aside)
    } else {
        None
    };
    report.rebuilt = Some(Rebuilt { reason, aside });
    let Some(snapshot) = evidence.good_snapshot() else { return new_index(options, layout, id) };
    let mut state = State::new(id, snapshot.base);
    let index = Index::open(&sled, options.cache_bytes).map_err(|error| cannot_build(layout, &error))?;
    snapshot::read(snapshot, id, &|| false, |entries| index.fill(entries, &mut state))
        .map_err(|error| cannot_build(layout, &error))?;
    index.apply(Pending::new(), &mut state).map_err(|error| cannot_build(layout, &error))?;
    Ok((index, state))
}

/// Why the journal could not be read record by record.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A record is damaged.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The index did not take it.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Applies every record after `state.applied` that can be reached.
fn replay(index: &Index, state: &mut State, scan: &Scan, id: StoreId) -> Result<(), ReplayError> {
    let end = scan.reach(state.applied);
    if end == state.applied {
        return Ok(());
    }
    let mut pending = Pending::new();
    scan.replay::<ReplayError>(state.applied + 1..=end, id, |sequence, ops| {
        pending.extend(ops.into_iter().map(|op| (op.key, op.value)));
        if pending.len() >= REPLAY_BATCH || sequence == end {
            state.applied = sequence;
            index.apply(std::mem::take(&mut pending), state)?;
        }
        Ok(())
    })
}

/// The bytes of the index, if it is to be built anew because it is mostly waste.
fn wasteful(options: &StoreOptions, layout: &Layout) -> Option<u64> {
    let space = Space::of(layout).ok()?;
    space.is_wasteful_above(options.compact_above).then_some(space.index)
}

/// Builds the index anew from a snapshot of itself. Whatever happens meanwhile, snapshot and journal hold
/// everything, and the next start finds an index that is whole, or none and builds one.
fn compact(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
    index: Index,
    state: &State,
) -> Result<(Index, State), OpenError> {
    let made = write_snapshot(layout, id, &index)?;
    replace_older(layout, &made.path, made.base).map_err(OpenError::io("tidy", &layout.root))?;
    drop(index);
    let (sled, aside) = (layout.sled(), layout.wasteful());
    remove_tree(&aside)?;
    fs::rename(&sled, &aside).map_err(OpenError::io("move", &sled))?;
    let mut built = State::new(id, made.base);
    let index = Index::open(&sled, options.cache_bytes).map_err(|error| cannot_build(layout, &error))?;
    snapshot::read(&made, id, &|| false, |entries| index.fill(entries, &mut built))
        .map_err(|error| cannot_build(layout, &error))?;
    if built.tallies != state.tallies {
        return Err(cannot_build(layout, &"it does not hold what the old one held"));
    }
    index.apply(Pending::new(), &mut built).map_err(|error| cannot_build(layout, &error))?;
    remove_tree(&aside)?;
    Ok((index, built))
}

fn remove_tree(path: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OpenError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Makes the journal fit to be appended to after `state.applied`: goes on where it ends, cuts off a
/// torn tail, or, if it lacks something that the index has, starts afresh behind a new snapshot.
/// Also says whether there is a snapshot that should be read in full some time.
fn repair_journal(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
    evidence: &Evidence,
    index: &Index,
    state: &State,
    report: &mut OpenReport,
) -> Result<(Journal, bool), OpenError> {
    let dir = layout.journal();
    let end = state.applied;
    let scan = &evidence.scan;
    let whole = evidence.base().is_some_and(|base| scan.reach(base) == end);
    // Nothing but the end of the last segment is cut off, and only what nobody was told about.
    let newest = scan.segments.last().filter(|(first, _)| scan.newest_good == Some(*first));
    let good_end = newest.map(|(_, path)| {
        let ends = scan.spans.iter().filter(|span| span.path == *path && span.last <= end);
        ends.map(|span| span.bytes.end).max().unwrap_or(EMPTY_SEGMENT)
    });
    let only_the_tail = newest.is_some_and(|(_, path)| {
        scan.damage
            .iter()
            .all(|damage| damage.path == *path && good_end.is_some_and(|good_end| damage.offset >= good_end))
    });
    if let (true, true, Some((_, path)), Some(good_end)) = (whole, only_the_tail, newest, good_end) {
        if let Some(damage) = scan.damage.first() {
            report.repairs.push(format!("cut off {damage}; it was never acknowledged"));
        }
        let journal = Journal::resume(path, id, good_end as u64, options.segment_bytes)
            .map_err(OpenError::io("write", path))?;
        return Ok((journal, evidence.snapshot.is_some()));
    }
    let snapshots = layout.snapshot();
    for path in [&dir, &snapshots] {
        fs::create_dir_all(path).map_err(OpenError::io("make", path))?;
    }
    // The new segment comes before the old ones go: there is always one.
    let made = write_snapshot(layout, id, index)?;
    let journal =
        Journal::start(&dir, id, end + 1, options.segment_bytes).map_err(OpenError::io("write", &dir))?;
    replace_older(layout, &made.path, made.base).map_err(OpenError::io("tidy", &layout.root))?;
    let problems = evidence.describe(None);
    let problems = if problems.is_empty() { "the journal was incomplete".to_owned() } else { problems };
    report.repairs.push(format!(
        "{problems}; the index had everything that was acknowledged, so a new snapshot replaces the journal"
    ));
    Ok((journal, false))
}

fn write_snapshot(layout: &Layout, id: StoreId, index: &Index) -> Result<Snapshot, OpenError> {
    let dir = layout.snapshot();
    snapshot::write(&dir, id, index, &|| false)
        .map_err(|error| OpenError::io("write a snapshot in", &dir)(std::io::Error::other(error.to_string())))
}

/// Keeps a copy of the index before sled may change it, when the journal cannot stand in for it.
fn put_copy_aside(layout: &Layout) -> Result<(), OpenError> {
    let (sled, copy) = (layout.sled(), layout.root.join("sled.before-repair"));
    if sled.is_dir() && !copy.exists() {
        files::copy_tree(&sled, &copy).map_err(OpenError::io("copy", &sled))?;
    }
    Ok(())
}

/// Deletes what earlier starts have put aside. On a full disk every start that fails would leave one more.
fn remove_earlier(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_prefix(DAMAGED).is_some_and(|rest| rest.starts_with('-')) {
            match fs::remove_dir_all(&path) {
                Ok(()) => {
                    tracing::info!(path = %path.display(), "deleted an index that an earlier start replaced")
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot delete an old damaged index")
                }
            }
        }
    }
}

fn free_name(root: &Path, stem: &str) -> PathBuf {
    let now = Timestamp::now().0;
    let names = (0u32..).map(|number| root.join(format!("{stem}-{now}{}", "+".repeat(number as usize))));
    names.into_iter().find(|path| !path.exists()).unwrap_or_else(|| root.join(stem))
}

//! Opening a store: decide what is good, bring the index up to date or build it again, or refuse.

mod rebuild;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

use super::error::{OpenError, OpenReport};
use super::evidence::Evidence;
use super::identity::{Identity, StoreId};
use super::index::{Index, State};
use super::journal::{self, EMPTY_SEGMENT, Journal};
use super::mark::{Mark, Marked};
use super::shared::{Layout, Shared, replace_older};
use super::snapshot::{self, Snapshot};
use super::space::Space;
use super::tables::SCHEMA;
use super::writer::{Writer, in_background};
use super::{StoreOptions, files, seal};
pub(super) use rebuild::{ReplayError, patiently};
use rebuild::{compact, new_index, open_index, put_copy_aside, rebuild, remove_tree, replay, wasteful};

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
fn has_data(layout: &Layout) -> Result<bool, OpenError> {
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
        let clean = evidence.mark.is_some_and(|mark| mark.clean);
        // After a crash no seal can hold: its sum over all files would only take time.
        let path = layout.sled();
        let sealed = clean
            && !options.full_check
            && seal::holds(&layout.seal(), &path, id).map_err(OpenError::io("read", &path))?;
        let mut report = OpenReport { clean, checked: !sealed, ..OpenReport::default() };
        if evidence.journal_fails() {
            put_copy_aside(&layout)?;
        }
        let (index, mut state) = match open_index(options, &layout, id, sealed)? {
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
                let (index, state, done) = compact(options, &layout, id, index, state)?;
                match done {
                    Ok(()) => {
                        report.compacted = Some((before, Space::of(&layout).map_or(0, |space| space.index)));
                        // That was read back when it was written.
                        has_snapshot = false;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the index is mostly waste and cannot be built anew; it serves on");
                    }
                }
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
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(OpenError::io("make", path))?;
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

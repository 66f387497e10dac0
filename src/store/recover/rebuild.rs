//! The index of a store that is being opened: as it is, brought up to date, or built again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::error::{Corrupt, OpenError, OpenReport, Rebuilt};
use super::super::evidence::Evidence;
use super::super::identity::StoreId;
use super::super::index::{Index, IndexError, Pending, State};
use super::super::journal::Scan;
use super::super::shared::{Layout, replace_older};
use super::super::snapshot::{self, Snapshot};
use super::super::space::Space;
use super::super::{StoreOptions, files};
use super::write_snapshot;
use crate::model::Timestamp;

/// How the name of an index begins that was found damaged and replaced; behind it is when.
const DAMAGED: &str = "sled.damaged";
/// How many operations are applied at once during replay.
const REPLAY_BATCH: usize = 2000;
/// How long an index that was closed a moment ago may keep its lock.
const SLED_LOCK: Duration = Duration::from_secs(5);

/// Opens the index that is there, and reads every record unless it is `sealed`. The inner error says why it
/// cannot be used.
pub(super) fn open_index(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
    sealed: bool,
) -> Result<Result<(Index, State), String>, OpenError> {
    let path = layout.sled();
    if !path.try_exists().map_err(OpenError::io("look for", &path))? {
        return Ok(Err("it is missing".to_owned()));
    }
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
pub(in super::super) fn patiently(open: impl Fn() -> Result<Index, IndexError>) -> Result<Index, IndexError> {
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

pub(super) fn new_index(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
) -> Result<(Index, State), OpenError> {
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
pub(super) fn rebuild(
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
    // One that was being replaced when the daemon ended. The new index needs its room.
    remove_tree(&layout.wasteful())?;
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
    match evidence.good_snapshot() {
        Some(snapshot) => index_from(options, layout, id, snapshot),
        None => new_index(options, layout, id),
    }
}

/// Makes an index of what is in the snapshot.
fn index_from(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
    snapshot: &Snapshot,
) -> Result<(Index, State), OpenError> {
    let mut state = State::new(id, snapshot.base);
    let index =
        Index::open(&layout.sled(), options.cache_bytes).map_err(|error| cannot_build(layout, &error))?;
    snapshot::read(snapshot, id, &|| false, |entries| index.fill(entries, &mut state))
        .map_err(|error| cannot_build(layout, &error))?;
    index.apply(Pending::new(), &mut state).map_err(|error| cannot_build(layout, &error))?;
    Ok((index, state))
}

/// Why the journal could not be read record by record.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ReplayError {
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
pub(super) fn replay(index: &Index, state: &mut State, scan: &Scan, id: StoreId) -> Result<(), ReplayError> {
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
pub(super) fn wasteful(options: &StoreOptions, layout: &Layout) -> Option<u64> {
    let space = Space::of(layout).ok()?;
    space.is_wasteful_above(options.compact_above).then_some(space.index)
}

/// Builds the index anew from a snapshot of itself. If that fails, as on a full disk, the old one serves on,
/// and the last of what is returned says why. Whatever happens meanwhile, snapshot and journal hold
/// everything, and the next start finds an index that is whole, or none and builds one.
pub(super) fn compact(
    options: &StoreOptions,
    layout: &Layout,
    id: StoreId,
    index: Index,
    state: State,
) -> Result<(Index, State, Result<(), OpenError>), OpenError> {
    let tidied = |made: Snapshot| {
        replace_older(layout, &made.path, made.base).map_err(OpenError::io("tidy", &layout.root))?;
        Ok(made)
    };
    let made = match write_snapshot(layout, id, &index).and_then(tidied) {
        Ok(made) => made,
        Err(error) => return Ok((index, state, Err(error))),
    };
    drop(index);
    let (sled, aside) = (layout.sled(), layout.wasteful());
    remove_tree(&aside)?;
    fs::rename(&sled, &aside).map_err(OpenError::io("move", &sled))?;
    let built = index_from(options, layout, id, &made).and_then(|(index, built)| {
        if built.tallies == state.tallies {
            Ok((index, built))
        } else {
            Err(cannot_build(layout, &"it does not hold what the old one held"))
        }
    });
    match built {
        Ok((index, built)) => {
            remove_tree(&aside)?;
            Ok((index, built, Ok(())))
        }
        Err(error) => {
            remove_tree(&sled)?;
            fs::rename(&aside, &sled).map_err(OpenError::io("move", &aside))?;
            let index = patiently(|| Index::open(&sled, options.cache_bytes));
            Ok((index.map_err(|error| cannot_build(layout, &error))?, state, Err(error)))
        }
    }
}

pub(super) fn remove_tree(path: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OpenError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Keeps a copy of the index before sled may change it, when the journal cannot stand in for it.
pub(super) fn put_copy_aside(layout: &Layout) -> Result<(), OpenError> {
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

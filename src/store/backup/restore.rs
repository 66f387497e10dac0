//! A backup becomes the store again.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::error::{BackupError, RestoreError};
use super::format::Manifest;
use super::swap::{self, Place};
use super::{Phase, Progress, Summary, read};
use crate::model::Timestamp;
use crate::store::evidence::Evidence;
use crate::store::identity::{Identity, StoreId};
use crate::store::index::{Index, IndexError, Pending};
use crate::store::journal::Journal;
use crate::store::mark::Mark;
use crate::store::shared::Layout;
use crate::store::{OpenError, StoreOptions, files, recover, seal, snapshot};

/// What a restore did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The backup.
    pub backup: Summary,
    /// Where the old store is now; `None` if there was none.
    pub kept: Option<PathBuf>,
    /// The id of the new store: another one than before, because from here on it has a history of its
    /// own, and parts of the two must never be taken for each other's.
    pub id: String,
}

/// Makes the store in `options.path` anew from the backup `file`. First all of the file is checked; then
/// the new store is built beside the old one and read back; then the two change places in one step, and
/// the old one is kept under a name with the time `now` in it. Whenever it is interrupted, either the
/// old or the new store is in its place, whole. Blocks. Called at each step, `progress` may be slow.
///
/// # Errors
///
/// See [`RestoreError`]: among others if the store is in use, or if it has changes that the backup lacks
/// and `force` is not set.
pub fn restore(
    options: &StoreOptions,
    file: &Path,
    force: bool,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, RestoreError> {
    // Cheap refusals before anything takes time.
    let manifest = read::manifest(file)?;
    let place = Place::take(&options.path)?;
    if !force {
        nothing_lost(&place.layout, &manifest)?;
    }
    let mut told = |done, of| progress(Progress { phase: Phase::Verify, done, of });
    let backup = read::read(file, &mut told, &mut |_| Ok::<_, BackupError>(()))?;
    let id = StoreId::random().map_err(|error| {
        RestoreError::io("take random numbers for", &options.path)(io::Error::other(error.to_string()))
    })?;
    let new = place.clear_for_new(now)?;
    let built = build(&new, options, file, &backup.manifest, id, progress)
        .and_then(|()| swap::give_to_owner(&new, &place))
        .and_then(|()| swap::sync_tree(&new).map_err(RestoreError::io("sync", &new)));
    if let Err(error) = built {
        // Best effort: the next restore removes it as well.
        let _ = fs::remove_dir_all(&new);
        return Err(error);
    }
    let kept = place.swap(&new, now, progress)?;
    Ok(Restored { backup, kept, id: id.to_string() })
}

/// Refuses if the store has something that the backup lacks. A store that cannot be read well enough to
/// tell would not open, either, and is kept all the same.
fn nothing_lost(layout: &Layout, manifest: &Manifest) -> Result<(), RestoreError> {
    let identity = match Identity::read(&layout.root) {
        Ok(Some(identity)) if identity.ready => identity,
        Err(error @ (OpenError::NewerSchema { .. } | OpenError::Io { .. })) => {
            return Err(RestoreError::WouldLose(error.to_string()));
        }
        _ => return Ok(()),
    };
    let evidence =
        Evidence::gather(layout, identity.id).map_err(|error| RestoreError::WouldLose(error.to_string()))?;
    let from = evidence.base().unwrap_or(evidence.needed);
    let last = evidence.needed.max(evidence.scan.reach(from));
    let shown = layout.root.display();
    if last == 0 {
        return Ok(());
    }
    if identity.id != manifest.store() {
        let text = format!("the store in {shown} is not the one that was backed up, and it is not empty");
        return Err(RestoreError::WouldLose(text));
    }
    match last.checked_sub(manifest.sequence) {
        None | Some(0) => Ok(()),
        Some(newer) => {
            let since = manifest.created.rfc3339();
            let text = format!("the store in {shown} has {newer} changes made after the backup of {since}");
            Err(RestoreError::WouldLose(text))
        }
    }
}

/// Builds the store in the empty directory `root`, of the schema of the backup: opening it takes it over
/// as it would any store of that age.
fn build(
    root: &Path,
    options: &StoreOptions,
    file: &Path,
    manifest: &Manifest,
    id: StoreId,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), RestoreError> {
    let layout = Layout { root: root.to_owned() };
    let sled = layout.sled();
    let index_failed = |error: IndexError| {
        RestoreError::io("build the index in", &sled)(io::Error::other(error.to_string()))
    };
    let identity = Identity { id, schema: manifest.schema, ready: false };
    identity.write(root)?;
    for path in [layout.journal(), layout.snapshot()] {
        DirBuilder::new().mode(0o700).create(&path).map_err(RestoreError::io("make", &path))?;
    }
    let dir = layout.journal();
    Journal::start(&dir, id, manifest.sequence + 1, options.segment_bytes)
        .map_err(RestoreError::io("write", &dir))?;
    let mut state = manifest.empty_state(id);
    let index = Index::open(&sled, options.cache_bytes).map_err(index_failed)?;
    let mut told = |done, of| progress(Progress { phase: Phase::Build, done, of });
    read::read::<RestoreError>(file, &mut told, &mut |entries| {
        index.fill(entries, &mut state).map_err(index_failed)
    })?;
    index.apply(Pending::new(), &mut state).map_err(index_failed)?;
    index.flush().map_err(index_failed)?;

    let of = manifest.records();
    progress(Progress { phase: Phase::Check, done: 0, of });
    // Opened again: what counts is what is on the disk.
    drop(index);
    let index = recover::patiently(|| Index::open(&sled, options.cache_bytes)).map_err(index_failed)?;
    let found = index.check(id).map_err(index_failed)?;
    let mismatch = |problem| RestoreError::Mismatch { path: root.to_owned(), problem };
    manifest.compare(&found).map_err(mismatch)?;
    if found.applied != manifest.sequence {
        return Err(mismatch(format!("it is at change {} of {}", found.applied, manifest.sequence)));
    }
    let dir = layout.snapshot();
    snapshot::write(&dir, id, &index, &|| false)
        .map_err(|error| RestoreError::io("write", &dir)(io::Error::other(error.to_string())))?;
    drop(index);
    let path = layout.mark();
    Mark::start(&path, id, manifest.sequence, None)
        .and_then(|mut mark| mark.finish())
        .map_err(RestoreError::io("write", &path))?;
    seal::write(&layout.seal(), &sled, id).map_err(RestoreError::io("write", &layout.seal()))?;
    let path = layout.lock();
    File::create(&path).map_err(RestoreError::io("make", &path))?;
    Identity { ready: true, ..identity }.write(root)?;
    files::sync_dir(root).map_err(RestoreError::io("sync", root))?;
    progress(Progress { phase: Phase::Check, done: of, of });
    Ok(())
}

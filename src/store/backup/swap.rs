//! How a new store takes the place of the old one, so that a crash leaves one of them there.
//!
//! The new store is built in `<store>.restoring`, with a file `restoring` in it. Then the two directories
//! change names, which the file system does in one step. What has the temporary name then, the old
//! store, gets its lasting name, and last the file `restoring` goes. A directory with the temporary name
//! therefore is an unfinished new store if that file is in it, and else an old one to be kept.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::RestoreError;
use super::{Phase, Progress, generations};
use crate::model::Timestamp;
use crate::store::check::remove_if_there;
use crate::store::error::OpenError;
use crate::store::shared::Layout;
use crate::store::{files, recover};

const MARKER: &str = "restoring";
/// The steps of a swap.
const STEPS: u64 = 4;

/// The place of a store, held so that nobody else opens it.
pub(super) struct Place {
    pub(super) layout: Layout,
    /// Nothing was there but a directory for us to lock.
    made: bool,
    swapped: std::cell::Cell<bool>,
    _lock: File,
}

impl Place {
    /// Locks the store in `path`, making the directory if there is none.
    pub(super) fn take(path: &Path) -> Result<Place, RestoreError> {
        let made = !path.exists();
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(OpenError::io("make", path))?;
        // The old store is to be kept beside the real directory, where names can be exchanged.
        let root = path.canonicalize().map_err(OpenError::io("find", path))?;
        let layout = Layout { root };
        let lock = recover::lock(&layout)?;
        Ok(Place { layout, made, swapped: std::cell::Cell::new(false), _lock: lock })
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name: OsString = self.layout.root.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    fn sync_parent(&self) -> Result<(), RestoreError> {
        let parent = self.layout.root.parent().unwrap_or(Path::new("/"));
        files::sync_dir(parent).map_err(RestoreError::io("sync", parent))
    }

    /// Tidies what an interrupted restore left, and makes the directory for the new store.
    pub(super) fn clear_for_new(&self, now: Timestamp) -> Result<PathBuf, RestoreError> {
        let marker = self.layout.root.join(MARKER);
        // The store in its place is finished, whatever came in between; from here on that file has one
        // meaning only.
        if marker.exists() {
            fs::remove_file(&marker).map_err(RestoreError::io("remove", &marker))?;
            files::sync_dir(&self.layout.root).map_err(RestoreError::io("sync", &self.layout.root))?;
        }
        let new = self.beside(".restoring");
        if new.join("identity").exists() && !new.join(MARKER).exists() {
            self.keep(&new, now)?;
        }
        remove_if_there(&new).map_err(RestoreError::io("remove", &new))?;
        DirBuilder::new().mode(0o700).create(&new).map_err(RestoreError::io("make", &new))?;
        let marker = new.join(MARKER);
        File::create(&marker).and_then(|file| file.sync_all()).map_err(RestoreError::io("make", &marker))?;
        files::sync_dir(&new).map_err(RestoreError::io("sync", &new))?;
        Ok(new)
    }

    /// Gives an old store its lasting name.
    fn keep(&self, old: &Path, now: Timestamp) -> Result<PathBuf, RestoreError> {
        let name = format!(".before-restore-{}", generations::stamp(now));
        let mut kept = self.beside(&name);
        let mut number = 1;
        while kept.exists() {
            number += 1;
            kept = self.beside(&format!("{name}-{number}"));
        }
        fs::rename(old, &kept).map_err(RestoreError::io("keep the old store as", &kept))?;
        self.sync_parent()?;
        Ok(kept)
    }

    /// Puts the store in `new` in its place. Returns where the old one is now, if there was one.
    pub(super) fn swap(
        &self,
        new: &Path,
        now: Timestamp,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<PathBuf>, RestoreError> {
        let mut step = |done| progress(Progress { phase: Phase::Swap, done, of: STEPS });
        let root = &self.layout.root;
        self.sync_parent()?;
        step(0);
        exchange(new, root).map_err(RestoreError::io("put the new store in the place of", root))?;
        self.swapped.set(true);
        step(1);
        self.sync_parent()?;
        step(2);
        let kept = if only_a_lock(new) {
            remove_if_there(new).map_err(RestoreError::io("remove", new))?;
            self.sync_parent()?;
            None
        } else {
            Some(self.keep(new, now)?)
        };
        step(3);
        let marker = root.join(MARKER);
        fs::remove_file(&marker).map_err(RestoreError::io("remove", &marker))?;
        files::sync_dir(root).map_err(RestoreError::io("sync", root))?;
        step(4);
        Ok(kept)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // An empty directory that nobody asked for.
        if self.made && !self.swapped.get() && only_a_lock(&self.layout.root) {
            let _ = fs::remove_file(self.layout.lock());
            let _ = fs::remove_dir(&self.layout.root);
        }
    }
}

/// Exchanges two directories in one step, or replaces `old` if it is as good as empty.
fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    let Err(error) = renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) else { return Ok(()) };
    let error = io::Error::from(error);
    if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) {
        return Err(error);
    }
    if only_a_lock(old) {
        fs::remove_file(old.join("lock"))?;
        return fs::rename(new, old);
    }
    Err(io::Error::other(format!(
        "{error}: this file system cannot exchange two directories in one step; move the old store away \
         by hand and restore again"
    )))
}

/// Whether nothing but a lock file is in `directory`.
fn only_a_lock(directory: &Path) -> bool {
    fs::read_dir(directory)
        .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lock")))
}

/// Gives the new store the owner of the old one, or of the directory around it: a restore by root must
/// not lock the daemon's user out.
pub(super) fn give_to_owner(new: &Path, place: &Place) -> Result<(), RestoreError> {
    let root = &place.layout.root;
    let model = if place.made { root.parent().unwrap_or(root) } else { root };
    let wanted = fs::metadata(model).map_err(RestoreError::io("read", model))?;
    let have = fs::metadata(new).map_err(RestoreError::io("read", new))?;
    if (wanted.uid(), wanted.gid()) == (have.uid(), have.gid()) {
        return Ok(());
    }
    let give = |path: &Path| chown(path, Some(wanted.uid()), Some(wanted.gid()));
    each_below(new, &give).map_err(RestoreError::io("give the daemon's user", new))
}

/// Makes all files and directories from `dir` down durable.
pub(super) fn sync_tree(dir: &Path) -> io::Result<()> {
    each_below(dir, &|path| File::open(path)?.sync_all())
}

/// Calls `work` with everything below `dir`, and then with `dir`.
fn each_below(dir: &Path, work: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            each_below(&entry.path(), work)?;
        } else {
            work(&entry.path())?;
        }
    }
    work(dir)
}

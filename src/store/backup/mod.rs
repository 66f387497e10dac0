//! Backups: everything in the store at one moment, in one file.
//!
//! # Making one
//!
//! [`Store::backup`] works beside the writer. It notes the state between two groups of changes and
//! then reads the index piece by piece, in the order of keys. The writer, before it overwrites a key
//! that has not been read yet, puts the old value aside for the backup, which takes it instead of what it
//! has read (`export`). The writer waits only while that exchange is made, not while pieces are read,
//! packed or written. What comes out is exactly the noted state: its tallies say so at the end.
//!
//! The file is written under a temporary name (the name with `.partial` behind it), synced, read back
//! from the first to the last byte, and only then gets its name. A backup that was interrupted leaves
//! the temporary file, which the next one to the same place removes.
//!
//! # The file
//!
//! | bytes | field |
//! |---|---|
//! | 4 | magic `PTBK` |
//! | 4 | version of the format, little-endian |
//! | 4 | length of the manifest, little-endian |
//! | 4 | CRC-32 of the twelve bytes before and of the manifest |
//! | n | the [`Manifest`], bincode |
//! | ... | zstd stream of frames as in snapshots: length, CRC-32, entries in ascending order of keys |
//! | 4 | magic `PTBE` |
//! | 32 | BLAKE3 of everything before |
//!
//! Every entry carries a CRC-32 of its own. Nothing in the file names a file. A reader needs memory
//! for one frame (1 MiB), whatever the file says, and stops at the number of entries in the manifest.

mod error;
mod export;
mod format;
mod generations;
mod read;
mod restore;
mod swap;
mod write;

use std::path::{Path, PathBuf};

pub use error::{BackupError, RestoreError};
pub(super) use export::Export;
pub use format::Manifest;
pub use generations::{Generation, generations, next_run, surplus};
pub use read::verify;
pub use restore::{Restored, restore};

use super::Store;
use super::shared::Shared;
use crate::model::Timestamp;

/// What is being done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Records are written to the backup.
    Write,
    /// The file is read, and everything in it compared. Counted in records.
    Verify,
    /// The new store is filled with records.
    Build,
    /// The new store is read back.
    Check,
    /// The new store takes the place of the old one. Counted in steps on the disk.
    Swap,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// So many are done,
    pub done: u64,
    /// of so many.
    pub of: u64,
}

/// A finished backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// What it says about itself, as read back from the disk.
    pub manifest: Manifest,
}

impl Store {
    /// Writes everything as it is now to the file `path`, with `now` as the time in it. Blocks until
    /// the file has been read back: not for async tasks. Changes go on
    /// meanwhile. A backup that is already at `path` is replaced once the new one is good; any other
    /// file is left alone. `progress` is called often and must be quick.
    ///
    /// # Errors
    ///
    /// See [`BackupError`]. Then there is no new file at `path`, and an older one is untouched.
    pub fn backup(
        &self,
        path: &Path,
        now: Timestamp,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Summary, BackupError> {
        write::backup(&self.inner.shared, path, now, progress)
    }
}

/// Whether the work is to be given up because the store is being closed.
fn stopping(shared: &Shared) -> bool {
    shared.stopping.load(std::sync::atomic::Ordering::Relaxed)
}

#[cfg(test)]
mod tests;

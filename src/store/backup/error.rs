//! Why a backup, a check or a restore did not come to its end.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::{OpenError, StoreError};

/// Why a backup was not made, or is not good.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store is closed, has failed, or holds a damaged record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another backup of this store, or to this file, is being made.
    #[error("another backup of this store, or to this file, is being made")]
    Busy,
    /// Too much changed before it was read: the memory for it has an end.
    #[error("the store changes faster than the backup can be written; is the disk of the backup slow?")]
    TooSlow,
    /// What came out is not what the store says it holds.
    #[error(
        "the index does not hold what it should: {0}; restart the daemon, which checks and repairs \
         the store, then make the backup again"
    )]
    Inconsistent(String),
    /// Something that is no backup has the name.
    #[error("{} is there and is no backup; it is left alone", .0.display())]
    Occupied(PathBuf),
    /// The file is something else.
    #[error("{} is not a backup", .0.display())]
    NotABackup(PathBuf),
    /// The file is in a format, or from a store, that only a newer program understands.
    #[error(
        "the backup {} has {what} {found}, this program knows up to {known}; use the newer program",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// "format" or "schema".
        what: &'static str,
        /// The version in the file.
        found: u32,
        /// The newest one known.
        known: u32,
    },
    /// The file is not as it was written.
    #[error("the backup {} is damaged: {what} ({place})", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// Where: records read before it and the place in the file.
        place: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as in "read".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BackupError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
        let path = path.to_owned();
        move |source| BackupError::Io { action, path, source }
    }
}

/// Why a backup was not restored. In each case the old store is where it was, as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is not good.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The old store is in use, or its directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store has changes that the backup lacks, and nobody said that they may go.
    #[error(
        "{}; use --force to restore all the same (the old store is kept beside the new one)",
        .0
    )]
    WouldLose(String),
    /// The new store is not what the backup says.
    #[error("the new store in {} is not what the backup says: {problem}", .path.display())]
    Mismatch {
        /// Where it was built.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
}

impl RestoreError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
        let error = BackupError::io(action, path);
        move |source| RestoreError::Backup(error(source))
    }
}

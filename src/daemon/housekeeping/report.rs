//! What a round of housekeeping did.

use std::fmt;

use tracing::{info, warn};

/// What one round did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// How long it took, in milliseconds.
    pub took_millis: u64,
    /// Bans and mutes deleted because they had run out.
    pub sanctions_expired: usize,
    /// Accounts of which messages were deleted that had waited too long.
    pub mailboxes_cleared: usize,
    /// Events of the activity feed forgotten because they were too old.
    pub events_forgotten: usize,
    /// Log files compressed.
    pub logs_compressed: usize,
    /// Log files deleted.
    pub logs_deleted: usize,
    /// Bytes of log files that became free.
    pub logs_freed: u64,
    /// Bytes of the store's journal and snapshots.
    pub journal_bytes: u64,
    /// Bytes of the store's index.
    pub index_bytes: u64,
    /// Whether so much of the index is waste that the next start will build it anew.
    pub index_wasteful: bool,
    /// What could not be done.
    pub errors: Vec<String>,
}

impl Report {
    /// Whether anything was deleted, changed or not done.
    pub(super) fn is_news(&self) -> bool {
        let done = [self.sanctions_expired, self.mailboxes_cleared, self.logs_compressed, self.logs_deleted];
        done.iter().any(|count| *count > 0) || !self.errors.is_empty()
    }

    /// Takes note of something that was to be done; what went wrong goes among the errors.
    pub(super) fn part<T: Default>(&mut self, what: &str, done: Result<T, impl fmt::Display>) -> T {
        done.unwrap_or_else(|error| {
            self.errors.push(format!("cannot {what}: {error}"));
            T::default()
        })
    }

    /// Says in the log what was done.
    pub(super) fn log(&self) {
        for error in &self.errors {
            warn!("housekeeping: {error}");
        }
        info!(
            sanctions_expired = self.sanctions_expired,
            mailboxes_cleared = self.mailboxes_cleared,
            events_forgotten = self.events_forgotten,
            logs_compressed = self.logs_compressed,
            logs_deleted = self.logs_deleted,
            journal_bytes = self.journal_bytes,
            index_bytes = self.index_bytes,
            index_wasteful = self.index_wasteful,
            took_millis = self.took_millis,
            "kept house"
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Bans and mutes that had run out: {} deleted", self.sanctions_expired)?;
        writeln!(f, "Messages that waited too long: {} mailboxes cleared", self.mailboxes_cleared)?;
        writeln!(f, "Activity that was too old: {} events forgotten", self.events_forgotten)?;
        writeln!(
            f,
            "Logs: {} compressed, {} deleted, {} KiB freed",
            self.logs_compressed,
            self.logs_deleted,
            self.logs_freed >> 10
        )?;
        let waste = if self.index_wasteful { ", mostly waste: the next start builds it anew" } else { "" };
        write!(
            f,
            "Store: {} KiB of journal and snapshots, {} KiB of index{waste}",
            self.journal_bytes >> 10,
            self.index_bytes >> 10
        )?;
        for error in &self.errors {
            write!(f, "\nNot done: {error}")?;
        }
        Ok(())
    }
}

//! Reading the index as it was at one moment while it changes.

use std::collections::BTreeMap;

use sled::IVec;

use super::error::BackupError;
use super::stopping;
use crate::store::codec;
use crate::store::error::StoreError;
use crate::store::index::{Index, IndexError, State};
use crate::store::shared::Shared;
use crate::store::snapshot::FRAME_BYTES;
use crate::store::{check, tables};

/// The most entries of one piece.
const PIECE: usize = 512;
/// The most bytes of old values that may wait to be read.
const KEPT_BYTES: usize = 256 << 20;
/// What an entry in the map of old values costs besides its bytes, roughly.
const KEPT_OVERHEAD: usize = 96;

/// An export that is under way: how far it has read, and what the writer has put aside for it.
pub(in crate::store) struct Export {
    /// The keys before this one have been read.
    next: IVec,
    /// Keys from there on that have changed since the beginning, with their values then.
    kept: BTreeMap<IVec, Option<IVec>>,
    kept_bytes: usize,
    overflowed: bool,
}

impl Export {
    fn new() -> Export {
        Export { next: first_key(), kept: BTreeMap::new(), kept_bytes: 0, overflowed: false }
    }

    /// Notes that `key` is about to change, from `old`.
    pub(in crate::store) fn keep(&mut self, key: &IVec, old: Option<&IVec>) {
        if *key < self.next || self.overflowed || self.kept.contains_key(key) {
            return;
        }
        self.kept_bytes += size(key, old);
        if self.kept_bytes > KEPT_BYTES {
            self.overflowed = true;
            self.kept.clear();
            return;
        }
        self.kept.insert(key.clone(), old.cloned());
    }

    /// Turns the entries that were read from `next` up to, not including, `end` into those of the beginning.
    ///
    /// They were read while the writer went on, so some may be newer than the beginning; but whatever
    /// changed before they were handed in has been kept here first.
    fn settle(&mut self, read: Vec<(IVec, IVec)>, end: IVec) -> Vec<(IVec, IVec)> {
        let later = self.kept.split_off(&end);
        let kept = std::mem::replace(&mut self.kept, later);
        self.next = end;
        if kept.is_empty() {
            return read;
        }
        self.kept_bytes -= kept.iter().map(|(key, old)| size(key, old.as_ref())).sum::<usize>();
        let mut merged: BTreeMap<IVec, Option<IVec>> =
            read.into_iter().map(|(key, value)| (key, Some(value))).collect();
        merged.extend(kept);
        merged.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// Before every key but that of the state.
fn first_key() -> IVec {
    IVec::from(&[tables::COUNTERS])
}

/// Behind every key.
fn last_key() -> IVec {
    IVec::from(&[u8::MAX])
}

/// The next entries from `from` on, and the key before which they end.
fn read_piece(index: &Index, from: &IVec) -> Result<(Vec<(IVec, IVec)>, IVec), IndexError> {
    let mut found: Vec<(IVec, IVec)> = Vec::new();
    let mut bytes = 0;
    for entry in index.range(from, None) {
        let (key, value) = entry?;
        bytes += key.len() + value.len();
        let full = found.len() + 1 >= PIECE || bytes >= FRAME_BYTES;
        // The smallest key after it.
        let end = full.then(|| IVec::from([&key, &[0][..]].concat()));
        found.push((key, value));
        if let Some(end) = end {
            return Ok((found, end));
        }
    }
    Ok((found, last_key()))
}

fn size(key: &IVec, old: Option<&IVec>) -> usize {
    key.len() + old.map_or(0, |old| old.len()) + KEPT_OVERHEAD
}

/// The reader's side of an export; it ends when this is dropped.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    /// The state at the moment that is exported.
    pub(super) state: State,
    /// The keys before this one have been handed out.
    next: IVec,
}

impl<'a> Session<'a> {
    /// Begins an export of the state that the index is in now.
    pub(super) fn begin(shared: &'a Shared) -> Result<Session<'a>, BackupError> {
        if shared.has_failed() {
            return Err(StoreError::Failed.into());
        }
        let state = shared.with_index(|index| {
            let mut export = shared.export();
            if export.is_some() {
                return Ok(Err(BackupError::Busy));
            }
            // The writer changes the index only under this lock, so the state fits to the entries.
            match index.state() {
                Ok(Some(state)) => {
                    *export = Some(Export::new());
                    Ok(Ok(state))
                }
                Ok(None) => Ok(Err(BackupError::Inconsistent("it is empty".to_owned()))),
                Err(error) => Ok(Err(BackupError::Inconsistent(error.to_string()))),
            }
        })??;
        Ok(Session { shared, state, next: first_key() })
    }

    /// The next entries, each checked; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<(IVec, IVec)>>, BackupError> {
        if self.next == last_key() {
            return Ok(None);
        }
        if stopping(self.shared) {
            return Err(StoreError::Closed.into());
        }
        let next = &self.next;
        let (piece, end) = self.shared.with_index(|index| {
            // Read first: the writer waits only while what it has kept is gone through.
            let (read, end) = match read_piece(index, next) {
                Ok(read) => read,
                Err(error) => return Ok(Err(BackupError::Inconsistent(error.to_string()))),
            };
            let mut export = self.shared.export();
            let Some(export) = export.as_mut() else { return Err(StoreError::Closed) };
            if export.overflowed {
                return Ok(Err(BackupError::TooSlow));
            }
            Ok(Ok((export.settle(read, end.clone()), end)))
        })??;
        self.next = end;
        // A change that the index took only in part is in no state at all.
        if self.shared.has_failed() {
            return Err(StoreError::Failed.into());
        }
        for (key, value) in &piece {
            if let Err(error) = codec::open_value(value) {
                self.shared.suspect.store(true, std::sync::atomic::Ordering::Relaxed);
                let place = check::describe(key);
                return Err(BackupError::Inconsistent(format!("{error} ({place})")));
            }
        }
        Ok(Some(piece))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        *self.shared.export() = None;
    }
}

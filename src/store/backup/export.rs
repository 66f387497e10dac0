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

/// The most entries of one piece; the writer may have to wait for as long as reading them takes.
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
        Export {
            next: IVec::from(&[tables::COUNTERS]),
            kept: BTreeMap::new(),
            kept_bytes: 0,
            overflowed: false,
        }
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

    /// The next piece in the order of keys; `None` at the end.
    fn piece(&mut self, index: &Index) -> Result<Option<Vec<(IVec, IVec)>>, IndexError> {
        let mut found = Vec::new();
        let mut bytes = 0;
        for entry in index.range(&self.next, None) {
            let (key, value) = entry?;
            bytes += key.len() + value.len();
            found.push((key, value));
            if found.len() >= PIECE || bytes >= FRAME_BYTES {
                break;
            }
        }
        let full = found.len() >= PIECE || bytes >= FRAME_BYTES;
        let later = match found.last().filter(|_| full) {
            Some((last, _)) => {
                // The smallest key after it.
                self.next = IVec::from([last, &[0][..]].concat());
                self.kept.split_off(&self.next)
            }
            None => {
                self.next = IVec::from(&[u8::MAX]);
                BTreeMap::new()
            }
        };
        let kept = std::mem::replace(&mut self.kept, later);
        if !kept.is_empty() {
            self.kept_bytes -= kept.iter().map(|(key, old)| size(key, old.as_ref())).sum::<usize>();
            let mut merged: BTreeMap<IVec, Option<IVec>> =
                found.into_iter().map(|(key, value)| (key, Some(value))).collect();
            merged.extend(kept);
            found = merged.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        }
        Ok((full || !found.is_empty()).then_some(found))
    }
}

fn size(key: &IVec, old: Option<&IVec>) -> usize {
    key.len() + old.map_or(0, |old| old.len()) + KEPT_OVERHEAD
}

/// The reader's side of an export; it ends when this is dropped.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    /// The state at the moment that is exported.
    pub(super) state: State,
    ended: bool,
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
        Ok(Session { shared, state, ended: false })
    }

    /// The next entries, each checked; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<(IVec, IVec)>>, BackupError> {
        if self.ended {
            return Ok(None);
        }
        if stopping(self.shared) {
            return Err(StoreError::Closed.into());
        }
        let piece = self.shared.with_index(|index| {
            let mut export = self.shared.export();
            let Some(export) = export.as_mut() else { return Err(StoreError::Closed) };
            if export.overflowed {
                return Ok(Err(BackupError::TooSlow));
            }
            Ok(export.piece(index).map_err(|error| BackupError::Inconsistent(error.to_string())))
        })??;
        // A change that the index took only in part is in no state at all.
        if self.shared.has_failed() {
            return Err(StoreError::Failed.into());
        }
        for (key, value) in piece.iter().flatten() {
            if let Err(error) = codec::open_value(value) {
                self.shared.suspect.store(true, std::sync::atomic::Ordering::Relaxed);
                let place = check::describe(key);
                return Err(BackupError::Inconsistent(format!("{error} ({place})")));
            }
        }
        self.ended = piece.is_none();
        Ok(piece)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        *self.shared.export() = None;
    }
}

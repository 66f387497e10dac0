//! The index: the one sled tree that everything is read from.
//!
//! sled 0.34 panics, or opens as an empty store, on files that were damaged. So it is opened and
//! checked behind a wall against panics, carries the sequence it has reached and a tally of every
//! table, and is never the only place where something durable stands.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

use serde::{Deserialize, Serialize};
use sled::IVec;

use super::codec;
use super::error::{Corrupt, StoreError};
use super::identity::StoreId;
use super::tables::{self, SCHEMA, TABLES};

/// The changes of a group, by key: the last one of each key counts.
pub(super) type Pending = BTreeMap<IVec, Option<IVec>>;

/// The sled tree of one store.
pub(super) struct Index {
    // Keeps the database open as long as the tree is used.
    db: sled::Db,
    tree: sled::Tree,
}

/// How many entries a table has, and the exclusive or of their hashes: any lost, added or changed
/// entry shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) hash: u64,
}

/// What the index says about itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct State {
    store: [u8; 16],
    pub(super) schema: u32,
    /// The sequence of the last change that is in.
    pub(super) applied: u64,
    /// By table byte.
    pub(super) tallies: Vec<Tally>,
}

const STATE_VERSION: u8 = 1;

impl State {
    pub(super) fn new(store: StoreId, applied: u64) -> State {
        State { store: store.0, schema: SCHEMA, applied, tallies: vec![Tally::default(); TABLES.len()] }
    }

    /// Counts an entry in, or out: both are the same exclusive or.
    pub(super) fn tally(&mut self, key: &[u8], value: &[u8], enters: bool) -> Result<(), Corrupt> {
        let table = key.first().map(|byte| usize::from(*byte)).filter(|table| *table != 0);
        let tally = table
            .and_then(|table| self.tallies.get_mut(table))
            .ok_or(Corrupt("an entry belongs to no table"))?;
        tally.count = if enters { tally.count.wrapping_add(1) } else { tally.count.wrapping_sub(1) };
        tally.hash ^= codec::entry_hash(key, value);
        Ok(())
    }

    /// The state as of this program's schema. Newer schemas have only added tables so far, which are
    /// empty in an older index; the next change writes the state as it is now.
    fn raised(mut self) -> State {
        if self.schema < SCHEMA && self.tallies.len() < TABLES.len() {
            self.schema = SCHEMA;
            self.tallies.resize(TABLES.len(), Tally::default());
        }
        self
    }

    /// Whether the index belongs to `store`.
    pub(super) fn is_of(&self, store: StoreId) -> bool {
        self.store == store.0
    }

    /// Adds the tallies of other entries.
    pub(super) fn merge(&mut self, other: &State) {
        for (tally, more) in self.tallies.iter_mut().zip(&other.tallies) {
            tally.count = tally.count.wrapping_add(more.count);
            tally.hash ^= more.hash;
        }
    }

    /// Entries in all tables.
    pub(super) fn records(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.count).sum()
    }
}

impl Index {
    /// Opens the tree in `path`, making it if it is not there. Any error or panic of sled comes back
    /// as text.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Index, IndexError> {
        guarded(|| {
            // sled would let everybody read it: there are password hashes in it.
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|error| IndexError::Bad(error.to_string()))?;
            let config = sled::Config::new()
                .path(path)
                .cache_capacity(cache_bytes)
                .flush_every_ms(Some(500))
                .print_profile_on_drop(false);
            let db = config.open().map_err(|error| {
                if error.to_string().contains("could not acquire lock") {
                    IndexError::Locked
                } else {
                    IndexError::Bad(error.to_string())
                }
            })?;
            let tree = db.open_tree(b"records").map_err(|error| IndexError::Bad(error.to_string()))?;
            Ok(Index { db, tree })
        })
    }

    /// What the index says about itself; `None` in a new one.
    pub(super) fn state(&self) -> Result<Option<State>, IndexError> {
        let Some(value) = self.tree.get(tables::state_key())? else { return Ok(None) };
        let (version, body) = codec::open_value(&value)?;
        if version != STATE_VERSION {
            return Err(IndexError::Bad("its state has an unknown version".to_owned()));
        }
        Ok(Some(codec::decode_body::<State>(body)?.raised()))
    }

    /// Makes `pending` and the state it leads to visible, all at once, and updates the tallies of
    /// `state` accordingly. `state.applied` is what the caller set it to.
    pub(super) fn apply(&self, pending: Pending, state: &mut State) -> Result<(), IndexError> {
        self.apply_over(pending, state, |_, _| {})
    }

    /// As [`Index::apply`], showing `replaced` every key that changes with the value it had, before
    /// anything changes.
    pub(super) fn apply_over(
        &self,
        pending: Pending,
        state: &mut State,
        mut replaced: impl FnMut(&IVec, Option<&IVec>),
    ) -> Result<(), IndexError> {
        guarded(|| {
            let mut batch = sled::Batch::default();
            for (key, value) in pending {
                let old = self.tree.get(&key)?;
                replaced(&key, old.as_ref());
                if let Some(old) = old {
                    state.tally(&key, &old, false)?;
                }
                match value {
                    Some(value) => {
                        state.tally(&key, &value, true)?;
                        batch.insert(key, value);
                    }
                    None => batch.remove(key),
                }
            }
            batch.insert(tables::state_key(), codec::encode_value(STATE_VERSION, state)?);
            Ok(self.tree.apply_batch(batch)?)
        })
    }

    /// Puts entries into a new index, without its state: until [`Index::apply`] writes that, the
    /// index counts as damaged, so a crash half-way is seen.
    pub(super) fn fill(&self, entries: Vec<(IVec, IVec)>, state: &mut State) -> Result<(), IndexError> {
        guarded(|| {
            let mut batch = sled::Batch::default();
            for (key, value) in entries {
                state.tally(&key, &value, true)?;
                batch.insert(key, value);
            }
            Ok(self.tree.apply_batch(batch)?)
        })
    }

    /// The entries from `from` up to, not including, `to`, in the order of keys. Not a snapshot: an
    /// entry that changes meanwhile shows its old or its new value.
    pub(super) fn range(
        &self,
        from: &[u8],
        to: Option<&IVec>,
    ) -> impl Iterator<Item = Result<(IVec, IVec), IndexError>> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let to = to.map_or(Unbounded, |to| Excluded(&**to));
        self.tree.range::<&[u8], _>((Included(from), to)).map(|entry| Ok(entry?))
    }

    /// Every entry but the state, as [`Index::range`].
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<(IVec, IVec), IndexError>> {
        self.range(&[tables::COUNTERS], None)
    }

    /// Writes everything to the file and syncs it.
    pub(super) fn flush(&self) -> Result<(), IndexError> {
        guarded(|| self.db.flush().map(|_| ()).map_err(IndexError::from))
    }

    /// A view of the index alone.
    pub(super) fn view(&self) -> View<'_> {
        View { tree: &self.tree, pending: None, newest: None }
    }

    /// A view of the index as it will be once `pending` has been applied.
    pub(super) fn view_with<'a>(&'a self, pending: &'a Pending) -> View<'a> {
        View { tree: &self.tree, pending: Some(pending), newest: None }
    }
}

/// Read access to the entries.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    tree: &'a sled::Tree,
    pending: Option<&'a Pending>,
    /// What comes on top of `pending`.
    newest: Option<&'a Pending>,
}

impl<'a> View<'a> {
    /// This view as it will be once `newest` has been applied; it takes the place of an earlier one.
    pub(super) fn with<'b>(&self, newest: &'b Pending) -> View<'b>
    where
        'a: 'b,
    {
        View { tree: self.tree, pending: self.pending, newest: Some(newest) }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        let pending = [self.newest, self.pending].into_iter().flatten();
        if let Some(value) = pending.filter_map(|pending| pending.get(key)).next() {
            return Ok(value.clone());
        }
        self.tree.get(key).map_err(failed)
    }

    /// The first `limit` entries whose keys begin with `prefix` and come after `after`, in order.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(IVec, IVec)>, StoreError> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let from = after.map_or(Included(prefix), Excluded);
        let inside = |key: &IVec| key.starts_with(prefix);
        // The newest last, so that it counts.
        let mut pending = Vec::new();
        for changes in [self.pending, self.newest].into_iter().flatten() {
            let later = changes.range::<[u8], _>((from, Unbounded));
            pending.extend(later.take_while(|(key, _)| inside(key)));
        }
        let stored = self.tree.range::<&[u8], _>((from, Unbounded));
        if pending.is_empty() {
            return stored
                .take_while(|entry| entry.as_ref().map_or(true, |(key, _)| inside(key)))
                .take(limit)
                .collect::<Result<_, _>>()
                .map_err(failed);
        }
        let mut merged = BTreeMap::new();
        // As many as there are when the pending changes have deleted all they can.
        for entry in stored.take(limit.saturating_add(pending.len())) {
            let (key, value) = entry.map_err(failed)?;
            if !inside(&key) {
                break;
            }
            merged.insert(key, value);
        }
        for (key, value) in pending {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(merged.into_iter().take(limit).collect())
    }
}

fn failed(error: sled::Error) -> StoreError {
    tracing::error!(?error, "the index cannot be read");
    StoreError::Failed
}

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// Another process has it open.
    #[error("another process has it open")]
    Locked,
    /// It is damaged; the text says how.
    #[error("{0}")]
    Bad(String),
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> IndexError {
        IndexError::Bad(error.to_string())
    }
}

impl From<Corrupt> for IndexError {
    fn from(error: Corrupt) -> IndexError {
        IndexError::Bad(error.to_string())
    }
}

thread_local! {
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `work`, turning a panic inside sled into an error, without the panic's message on stderr.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                tracing::warn!(%info, "the index library panicked");
            } else {
                before(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(IndexError::Bad(format!("reading it panicked: {text}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_an_older_schema_is_taken_over() {
        let mut old = State::new(StoreId([7; 16]), 5);
        old.schema = 1;
        old.tallies.truncate(11);
        old.tallies[2] = Tally { count: 3, hash: 4 };
        let raised = old.clone().raised();
        assert_eq!((raised.schema, raised.tallies.len(), raised.applied), (SCHEMA, TABLES.len(), 5));
        assert_eq!(raised.tallies[..11], old.tallies[..]);
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path(), 1 << 20).unwrap();
        old.tallies.fill(Tally::default());
        let entry = (tables::account_key(crate::model::Uid(7)), Some(codec::encode_value(1, &7u32).unwrap()));
        index.apply(Pending::from([entry]), &mut old).unwrap();
        let state = index.check(StoreId([7; 16])).unwrap();
        assert_eq!((state.schema, state.tallies[2].count), (SCHEMA, 1));
        old.schema = 2;
        old.tallies.resize(13, Tally::default());
        assert_eq!((old.clone().raised().schema, old.raised().tallies.len()), (SCHEMA, TABLES.len()));
        let newer = State { schema: SCHEMA + 1, ..raised };
        assert_eq!(newer.clone().raised(), newer);
    }
}

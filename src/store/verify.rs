//! Reading the whole index: every checksum, and the tallies of every table. Split over a few threads,
//! since this is most of the time that opening a store takes.

use std::sync::atomic::{AtomicUsize, Ordering};

use sled::IVec;

use super::codec;
use super::identity::StoreId;
use super::index::{Index, IndexError, State, guarded};
use super::records;
use super::tables::{self, ACCOUNTS, AUDIT, NEXT_AUDIT, NEXT_UID, NICKNAMES, SCHEMA, TABLES};
use crate::model::Uid;

/// More threads would only wait for the disk.
const THREADS: usize = 4;
/// Into how many pieces a table by uid is cut.
const PIECES: u32 = 16;
/// Into how many the table by name is cut: where exactly is left to chance, so more of them.
const NAME_PIECES: u32 = 32;

impl Index {
    /// Reads every entry, compares checksums and tallies, and returns the state the index is in.
    pub(super) fn check(&self, store: StoreId) -> Result<State, IndexError> {
        let state = self.check_state(store)?;
        let cuts = guarded(|| self.cuts())?;
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let work = || {
            guarded(|| {
                let mut found = State::new(store, state.applied);
                loop {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    let Some(from) = cuts.get(piece) else { return Ok(found) };
                    self.count(from, cuts.get(piece + 1), &mut found)?;
                }
            })
        };
        let mut found = State::new(store, state.applied);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut parts = vec![work()];
            for other in others {
                parts.push(other.join().unwrap_or_else(|_| Err(bad("reading it panicked"))));
            }
            parts.into_iter().try_for_each(|part| {
                found.merge(&part?);
                Ok::<_, IndexError>(())
            })
        })?;
        if found != state {
            return Err(bad("entries are missing, added or changed"));
        }
        Ok(state)
    }

    /// Checks only what the index says about itself.
    pub(super) fn check_state(&self, store: StoreId) -> Result<State, IndexError> {
        let state = guarded(|| self.state())?.ok_or_else(|| bad("it is empty"))?;
        if !state.is_of(store) {
            return Err(bad("it belongs to another store"));
        }
        if state.schema != SCHEMA || state.tallies.len() != TABLES.len() {
            return Err(bad("it has another schema"));
        }
        Ok(state)
    }

    /// Counts the entries from `from` up to, not including, `to` into `found`.
    fn count(&self, from: &IVec, to: Option<&IVec>, found: &mut State) -> Result<(), IndexError> {
        for entry in self.range(from, to) {
            let (key, value) = entry?;
            codec::open_value(&value)?;
            if *key != *tables::state_key() {
                found.tally(&key, &value, true)?;
            }
        }
        Ok(())
    }

    /// Where the pieces begin. They cover every possible key; how even they are matters for time
    /// only.
    fn cuts(&self) -> Result<Vec<IVec>, IndexError> {
        let first = Uid::FIRST_PERSON.0;
        let people = u32::try_from(self.counter(NEXT_UID)?).unwrap_or(first).saturating_sub(first);
        let logged = self.counter(NEXT_AUDIT)?;
        let mut cuts = vec![IVec::from(&[])];
        for table in TABLES.iter().skip(1).map(|table| table.byte) {
            cuts.push(IVec::from(&[table]));
            if table == NICKNAMES {
                cuts.extend(self.some_names(first, people)?);
            } else if table == AUDIT {
                let steps = (1..PIECES).map(|piece| logged / u64::from(PIECES) * u64::from(piece));
                cuts.extend(steps.filter(|seq| *seq > 0).map(tables::audit_key));
            } else {
                let steps = (1..PIECES).map(|piece| first + people / PIECES * piece);
                cuts.extend(steps.map(|uid| tables::owner_prefix(table, Uid(uid))));
            }
        }
        Ok(cuts)
    }

    /// The keys of some nicknames, in order. Those of people who came at different times are spread like
    /// all of them, however alike names begin.
    fn some_names(&self, first: u32, people: u32) -> Result<Vec<IVec>, IndexError> {
        let mut names = Vec::new();
        for piece in 1..NAME_PIECES {
            let from = tables::account_key(Uid(first.saturating_add(people / NAME_PIECES * piece)));
            let Some((key, value)) = self.range(&from, None).next().transpose()? else { break };
            // What cannot be read is found when it is counted.
            let account = tables::account_uid(&key).map(|uid| records::read_account(uid, &value));
            if let (Some(ACCOUNTS), Some(Ok(account))) = (key.first().copied(), account) {
                names.push(tables::nickname_key(&account.nickname.key()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// A counter, as good as it can be read.
    fn counter(&self, counter: u8) -> Result<u64, IndexError> {
        let key = tables::counter_key(counter);
        match self.range(&key, None).next().transpose()? {
            Some((found, value)) if found == key => Ok(records::read_number(&value).unwrap_or_default()),
            _ => Ok(0),
        }
    }
}

fn bad(text: &str) -> IndexError {
    IndexError::Bad(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Change, NewAccount, PasswordHash, Store, StoreOptions};
    use super::*;
    use crate::model::{Nickname, Roles, Timestamp};

    #[test]
    fn names_that_begin_alike_are_cut_into_even_pieces() {
        const PEOPLE: usize = 640;
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        for number in 0..PEOPLE {
            let account = NewAccount {
                // Neither in the order of uids nor far from it.
                nickname: Nickname::built_in(format!("user{:04}", number * 7 % PEOPLE).as_bytes()).unwrap(),
                password: PasswordHash::new("$argon2id$"),
                email: None,
                roles: Roles::default(),
                created: Timestamp(0),
            };
            store.submit(Change::CreateAccount(account), |answer| assert!(answer.is_ok()));
        }
        store.commit_blocking(Change::Barrier).unwrap();
        let largest = |index: &Index| {
            let cuts = index.cuts().unwrap();
            assert!(cuts.is_sorted());
            let of = |piece: usize| index.range(&cuts[piece], cuts.get(piece + 1)).count();
            Ok((0..cuts.len()).map(of).max())
        };
        let largest = store.reader().shared.with_index(largest).unwrap();
        assert!(largest.is_some_and(|largest| largest <= PEOPLE / 8), "{largest:?}");
    }
}

//! The parts of a backup that are not compressed: the head with the manifest, and the foot.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::store::codec;
use crate::store::error::Corrupt;
use crate::store::identity::StoreId;
use crate::store::index::{State, Tally};
use crate::store::tables::TABLES;

pub(super) const MAGIC: [u8; 4] = *b"PTBK";
pub(super) const END: [u8; 4] = *b"PTBE";
/// The newest format, and the one that is written.
pub(super) const VERSION: u32 = 1;
/// The bytes before the manifest.
pub(super) const PREFIX: usize = 16;
/// The bytes after the compressed part.
pub(super) const FOOT: usize = 4 + blake3::OUT_LEN;
/// A sequence that no store reaches, though it counted on for ages; numbers behind it could overflow.
const SEQUENCE_MAX: u64 = u64::MAX / 2;
/// The most bytes of a manifest.
pub(super) const MANIFEST_LIMIT: u32 = 64 * 1024;

/// What a backup says about itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    store: [u8; 16],
    /// The schema of the store.
    pub schema: u32,
    /// The sequence of the last change that is in.
    pub sequence: u64,
    /// When the backup was begun.
    pub created: Timestamp,
    /// The version of the program that made it.
    pub program: String,
    /// Number and hash of the entries of each table, by its byte.
    tallies: Vec<Tally>,
}

impl Manifest {
    pub(super) fn new(store: StoreId, state: &State, created: Timestamp) -> Manifest {
        Manifest {
            store: store.0,
            schema: state.schema,
            sequence: state.applied,
            created,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            tallies: state.tallies.clone(),
        }
    }

    /// The id of the store that was backed up, 32 hexadecimal digits.
    pub fn store_id(&self) -> String {
        self.store().to_string()
    }

    /// Entries in all tables.
    pub fn records(&self) -> u64 {
        self.tallies.iter().fold(0, |sum, tally| sum.saturating_add(tally.count))
    }

    /// How many entries each table has, by its name.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let tables = TABLES.iter().zip(&self.tallies).skip(1);
        tables.map(|(table, tally)| (table.name, tally.count)).collect()
    }

    /// Whether `other` has the same entries in every table, by number and hash.
    pub fn same_content(&self, other: &Manifest) -> bool {
        self.tallies == other.tallies
    }

    pub(super) fn store(&self) -> StoreId {
        StoreId(self.store)
    }

    /// The state that an index of `store` with these entries will be in, before any is there.
    pub(super) fn empty_state(&self, store: StoreId) -> State {
        let mut state = State::new(store, self.sequence);
        state.schema = self.schema;
        state.tallies = vec![Tally::default(); self.tallies.len()];
        state
    }

    /// Says which tables of `state` have not the entries that they should have.
    pub(super) fn compare(&self, state: &State) -> Result<(), String> {
        let wrong: Vec<String> = (0..self.tallies.len().max(state.tallies.len()))
            .filter_map(|at| {
                let tally = |tallies: &[Tally]| tallies.get(at).copied().unwrap_or_default();
                let (wanted, found) = (tally(&self.tallies), tally(&state.tallies));
                let name = TABLES.get(at).map_or("unknown table", |table| table.name);
                match (wanted.count == found.count, wanted.hash == found.hash) {
                    (true, true) => None,
                    (true, false) => Some(format!("{name}: another content than it should have")),
                    (false, _) => Some(format!("{name}: {} of {} records", found.count, wanted.count)),
                }
            })
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    /// Whether it can be one that this program, or an older one, wrote.
    fn plausible(&self) -> bool {
        (1..=TABLES.len()).contains(&self.tallies.len())
            && self.tallies.first() == Some(&Tally::default())
            && self.sequence < SEQUENCE_MAX
    }
}

/// Why the head of a file cannot be used.
pub(super) enum BadHead {
    NotABackup,
    Newer { what: &'static str, found: u32, known: u32 },
    Damaged(&'static str),
    Io(io::Error),
}

impl From<io::Error> for BadHead {
    fn from(error: io::Error) -> BadHead {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => BadHead::Damaged("it ends within its manifest"),
            _ => BadHead::Io(error),
        }
    }
}

pub(super) fn write_head(out: &mut impl Write, manifest: &Manifest) -> io::Result<()> {
    let body = codec::encode_plain(manifest, u64::from(MANIFEST_LIMIT))
        .map_err(|Corrupt(text)| io::Error::other(text))?;
    let mut head = Vec::with_capacity(PREFIX + body.len());
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&(body.len() as u32).to_le_bytes());
    let crc = checksum(&head, &body);
    head.extend_from_slice(&crc.to_le_bytes());
    head.extend_from_slice(&body);
    out.write_all(&head)
}

pub(super) fn read_head(input: &mut impl Read) -> Result<Manifest, BadHead> {
    let mut word = || {
        let mut word = [0; 4];
        input.read_exact(&mut word).map(|()| word)
    };
    let magic = word().map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BadHead::NotABackup,
        _ => BadHead::Io(error),
    })?;
    if magic != MAGIC {
        return Err(BadHead::NotABackup);
    }
    let (version, length, crc) = (word()?, word()?, word()?);
    let found = u32::from_le_bytes(version);
    // A version that was damaged cannot be told from a newer one, whose head may look otherwise.
    if found > VERSION {
        return Err(BadHead::Newer { what: "format", found, known: VERSION });
    }
    let bytes = u32::from_le_bytes(length);
    if found == 0 || bytes > MANIFEST_LIMIT {
        return Err(BadHead::Damaged("its head is not good"));
    }
    let mut body = vec![0; bytes as usize];
    input.read_exact(&mut body)?;
    if checksum(&[magic, version, length].concat(), &body) != u32::from_le_bytes(crc) {
        return Err(BadHead::Damaged("its manifest fails its checksum"));
    }
    let bad = |_| BadHead::Damaged("its manifest does not have its expected form");
    let manifest: Manifest = codec::decode_plain(&body, u64::from(MANIFEST_LIMIT)).map_err(bad)?;
    let known = crate::store::SCHEMA;
    if manifest.schema > known {
        return Err(BadHead::Newer { what: "schema", found: manifest.schema, known });
    }
    if !manifest.plausible() {
        return Err(BadHead::Damaged("its manifest speaks of tables or changes that there cannot be"));
    }
    Ok(manifest)
}

fn checksum(prefix: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(prefix);
    hasher.update(body);
    hasher.finalize()
}

/// Passes everything on, hashing and counting it.
pub(super) struct Hashing<T> {
    pub(super) inner: T,
    pub(super) hasher: blake3::Hasher,
    pub(super) bytes: u64,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Hashing<T> {
        Hashing { inner, hasher: blake3::Hasher::new(), bytes: 0 }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.note(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.note(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_whose_numbers_would_overflow_is_refused() {
        let head = |sequence| {
            let state = State::new(StoreId([7; 16]), sequence);
            let mut head = Vec::new();
            write_head(&mut head, &Manifest::new(StoreId([7; 16]), &state, Timestamp(0))).unwrap();
            head
        };
        for sequence in [0, 5, SEQUENCE_MAX - 1] {
            let manifest = read_head(&mut head(sequence).as_slice());
            assert!(manifest.is_ok_and(|manifest| manifest.sequence == sequence));
        }
        for sequence in [SEQUENCE_MAX, u64::MAX] {
            assert!(matches!(read_head(&mut head(sequence).as_slice()), Err(BadHead::Damaged(_))));
        }
    }
}

//! Snapshots: a logical export of the whole index, from which, with the journal, it can be rebuilt.
//!
//! An export does not stop the writer. It notes the sequence before it begins (`base`) and after it
//! has ended (`until`); since journal operations are absolute, doing those after `base` again on top
//! of the exported entries makes the result exact from `until` on.
//!
//! A file is a header, frames of entries (each with length and checksum) and a footer with the
//! number and the hash of all entries. It is written under a temporary name, synced, read back and
//! compared, and only then renamed.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sled::IVec;

use super::codec::{self, Op};
use super::files;
use super::identity::StoreId;
use super::index::{Index, IndexError};

/// What a snapshot's name ends with.
pub(super) const SUFFIX: &str = ".snap";
const MAGIC: [u8; 4] = *b"PTSN";
const END: [u8; 4] = *b"PTSE";
const VERSION: u32 = 1;
const HEADER: usize = 36;
const FOOTER: usize = 32;
/// A frame is closed when it has at least this many bytes.
pub(super) const FRAME_BYTES: usize = 64 * 1024;
/// The most bytes of a frame: one more entry may still come in.
const FRAME_LIMIT: u32 = 1024 * 1024;

/// What a snapshot says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Snapshot {
    pub(super) path: PathBuf,
    /// Redo begins after this sequence.
    pub(super) base: u64,
    /// Redo must get at least this far.
    pub(super) until: u64,
    count: u64,
    hash: u64,
}

/// Why a snapshot could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    /// The file is not a good snapshot.
    #[error("the snapshot is damaged")]
    Damaged,
    /// The caller wanted to stop.
    #[error("stopped")]
    Stopped,
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The index could not be read or written.
    #[error("the index: {0}")]
    Index(#[from] IndexError),
}

impl From<super::error::Corrupt> for SnapshotError {
    fn from(_: super::error::Corrupt) -> SnapshotError {
        SnapshotError::Damaged
    }
}

/// The newest snapshot in `dir` by name, if there is any, with what its header and footer say if
/// they are good. Entries are not read.
pub(super) fn newest(dir: &Path, store: StoreId) -> io::Result<Option<(PathBuf, Option<Snapshot>)>> {
    let Some((base, path)) = files::numbered(dir, SUFFIX)?.pop() else { return Ok(None) };
    let snapshot = peek(&path, store)?.filter(|snapshot| snapshot.base == base);
    Ok(Some((path, snapshot)))
}

fn peek(path: &Path, store: StoreId) -> io::Result<Option<Snapshot>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() < (HEADER + FOOTER) as u64 {
        return Ok(None);
    }
    let mut head = [0; HEADER];
    file.read_exact(&mut head)?;
    file.seek(SeekFrom::End(-(FOOTER as i64)))?;
    let mut foot = [0; FOOTER];
    file.read_exact(&mut foot)?;
    let number = |bytes: &[u8], at: usize| {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let snapshot = Snapshot {
        path: path.to_owned(),
        base: number(&head, 24),
        until: number(&foot, 4),
        count: number(&foot, 12),
        hash: number(&foot, 20),
    };
    let good = head[..] == header(store, snapshot.base) && foot[..] == footer(store, &snapshot);
    // There must be a sequence to go on with.
    let good = good && snapshot.base.max(snapshot.until) < u64::MAX;
    Ok(good.then_some(snapshot))
}

/// Exports `index` into `dir`. `stop` is asked now and then. Older snapshots are left alone.
pub(super) fn write(
    dir: &Path,
    store: StoreId,
    index: &Index,
    stop: &dyn Fn() -> bool,
) -> Result<Snapshot, SnapshotError> {
    let temporary = dir.join("snapshot.new");
    let made = export(&temporary, store, index, stop).and_then(|written| {
        let path = dir.join(format!("{:020}{SUFFIX}", written.base));
        fs::rename(&temporary, &path)?;
        Ok(Snapshot { path, ..written })
    });
    if made.is_err() {
        // The disk may be full: what is of no use must not take the rest of it.
        let _ = fs::remove_file(&temporary);
    }
    let made = made?;
    files::sync_dir(dir)?;
    Ok(made)
}

/// Exports `index` to the file `path`, syncs it and reads it back.
fn export(
    path: &Path,
    store: StoreId,
    index: &Index,
    stop: &dyn Fn() -> bool,
) -> Result<Snapshot, SnapshotError> {
    let applied = || match index.state() {
        Ok(Some(state)) => Ok(state),
        Ok(None) => Err(SnapshotError::Damaged),
        Err(error) => Err(SnapshotError::Index(error)),
    };
    let before = applied()?;
    let mut out = BufWriter::with_capacity(FRAME_BYTES, File::create(path)?);
    out.write_all(&header(store, before.applied))?;
    let mut written = Snapshot { path: path.to_owned(), base: before.applied, until: 0, count: 0, hash: 0 };
    let mut frame = Vec::new();
    let mut size = 0;
    let mut frames = 0;
    for entry in index.entries() {
        let (key, value) = entry?;
        written.count += 1;
        written.hash ^= codec::entry_hash(&key, &value);
        size += key.len() + value.len();
        frame.push(Op { key, value: Some(value) });
        if size >= FRAME_BYTES {
            if stop() {
                return Err(SnapshotError::Stopped);
            }
            put_frame(&mut out, store, &mut frames, &frame)?;
            frame.clear();
            size = 0;
        }
    }
    if !frame.is_empty() {
        put_frame(&mut out, store, &mut frames, &frame)?;
    }
    let after = applied()?;
    written.until = after.applied;
    // Nothing changed meanwhile: then the export can be compared with the tallies.
    if before == after && written.count != after.records() {
        return Err(SnapshotError::Damaged);
    }
    out.write_all(&footer(store, &written))?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    if peek(path, store)?.as_ref() != Some(&written) {
        return Err(SnapshotError::Damaged);
    }
    read(&written, store, stop, |_| Ok(()))?;
    Ok(written)
}

/// Reads a snapshot and checks all of it, handing its entries to `each` frame by frame. What `each`
/// has got counts only if the whole read succeeds.
pub(super) fn read(
    snapshot: &Snapshot,
    store: StoreId,
    stop: &dyn Fn() -> bool,
    mut each: impl FnMut(Vec<(IVec, IVec)>) -> Result<(), IndexError>,
) -> Result<(), SnapshotError> {
    let file = File::open(&snapshot.path)?;
    let body = file.metadata()?.len().checked_sub((HEADER + FOOTER) as u64).ok_or(SnapshotError::Damaged)?;
    let mut input = BufReader::with_capacity(FRAME_BYTES, file);
    let mut head = [0; HEADER];
    input.read_exact(&mut head)?;
    if head[..] != header(store, snapshot.base) {
        return Err(SnapshotError::Damaged);
    }
    let mut input = input.take(body);
    let (mut count, mut hash, mut frames) = (0u64, 0u64, 0u64);
    let mut last = None;
    while input.limit() > 0 {
        if stop() {
            return Err(SnapshotError::Stopped);
        }
        let ops = get_frame(&mut input, store, &mut frames)?;
        let mut entries = Vec::with_capacity(ops.len());
        for op in ops {
            let value = op.value.ok_or(SnapshotError::Damaged)?;
            codec::open_value(&value)?;
            // Twice the same key would be counted twice in the index, and stand there once.
            if last.as_ref().is_some_and(|last| *last >= op.key) {
                return Err(SnapshotError::Damaged);
            }
            last = Some(op.key.clone());
            count += 1;
            hash ^= codec::entry_hash(&op.key, &value);
            entries.push((op.key, value));
        }
        each(entries)?;
    }
    if (count, hash) != (snapshot.count, snapshot.hash) {
        return Err(SnapshotError::Damaged);
    }
    Ok(())
}

/// Deletes all snapshots but `keep`.
pub(super) fn prune(dir: &Path, keep: &Path) -> io::Result<()> {
    for (_, path) in files::numbered(dir, SUFFIX)? {
        if path != keep {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn header(store: StoreId, base: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&store.0);
    bytes.extend_from_slice(&base.to_le_bytes());
    sealed(bytes, store)
}

fn footer(store: StoreId, snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FOOTER);
    bytes.extend_from_slice(&END);
    for number in [snapshot.until, snapshot.count, snapshot.hash] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    sealed(bytes, store)
}

fn sealed(mut bytes: Vec<u8>, store: StoreId) -> Vec<u8> {
    let crc = checksum(store, 0, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

// The frame's number is in its checksum, so that frames cannot change places.
fn checksum(store: StoreId, frame: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&store.0);
    hasher.update(&frame.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Writes `ops` as the next frame of the store's export; `frames` counts them.
pub(super) fn put_frame(
    out: &mut impl Write,
    store: StoreId,
    frames: &mut u64,
    ops: &[Op],
) -> Result<(), SnapshotError> {
    let body = codec::encode_plain(&ops, u64::from(FRAME_LIMIT))?;
    *frames += 1;
    out.write_all(&(body.len() as u32).to_le_bytes())?;
    out.write_all(&checksum(store, *frames, &body).to_le_bytes())?;
    out.write_all(&body)?;
    Ok(())
}

/// Reads what [`put_frame`] wrote.
pub(super) fn get_frame(
    input: &mut impl Read,
    store: StoreId,
    frames: &mut u64,
) -> Result<Vec<Op>, SnapshotError> {
    let short = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => SnapshotError::Damaged,
        _ => SnapshotError::Io(error),
    };
    let mut word = [0; 4];
    input.read_exact(&mut word).map_err(short)?;
    let length = u32::from_le_bytes(word);
    if length > FRAME_LIMIT {
        return Err(SnapshotError::Damaged);
    }
    input.read_exact(&mut word).map_err(short)?;
    let mut body = vec![0; length as usize];
    input.read_exact(&mut body).map_err(short)?;
    *frames += 1;
    if checksum(store, *frames, &body) != u32::from_le_bytes(word) {
        return Err(SnapshotError::Damaged);
    }
    Ok(codec::decode_plain(&body, u64::from(FRAME_LIMIT))?)
}

#[cfg(test)]
mod tests {
    use super::super::index::{Pending, State};
    use super::super::tables;
    use super::*;
    use crate::model::Uid;

    #[test]
    fn entries_stand_in_order_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let id = StoreId([7; 16]);
        let entry = |uid| (tables::account_key(Uid(uid)), codec::encode_value(1, &7u32).unwrap());
        for (uids, good) in [([1, 2, 3], true), ([1, 3, 2], false), ([1, 2, 2], false)] {
            let entries = uids.map(entry);
            let hash = entries.iter().fold(0, |hash, (key, value)| hash ^ codec::entry_hash(key, value));
            let path = dir.path().join("made");
            let snapshot = Snapshot { path: path.clone(), base: 5, until: 5, count: 3, hash };
            let (mut bytes, mut frames) = (header(id, 5), 0);
            for (key, value) in entries {
                put_frame(&mut bytes, id, &mut frames, &[Op { key, value: Some(value) }]).unwrap();
            }
            bytes.extend(footer(id, &snapshot));
            fs::write(&path, bytes).unwrap();
            assert_eq!(peek(&path, id).unwrap().as_ref(), Some(&snapshot));
            assert_eq!(read(&snapshot, id, &|| false, |_| Ok(())).is_ok(), good, "{uids:?}");
        }
    }

    #[test]
    fn an_export_that_does_not_come_to_its_end_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let id = StoreId([7; 16]);
        let index = Index::open(&dir.path().join("sled"), 1 << 20).unwrap();
        let entry = (tables::account_key(Uid(7)), Some(codec::encode_value(1, &7u32).unwrap()));
        index.apply(Pending::from([entry]), &mut State::new(id, 5)).unwrap();
        let snapshots = dir.path().join("snapshot");
        fs::create_dir(&snapshots).unwrap();
        let names = || {
            let entries = fs::read_dir(&snapshots).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let stopped = write(&snapshots, id, &index, &|| true);
        assert!(matches!(stopped, Err(SnapshotError::Stopped)), "{stopped:?}");
        assert_eq!(names(), Vec::<String>::new());
        let made = write(&snapshots, id, &index, &|| false).unwrap();
        assert_eq!(names(), [format!("{:020}{SUFFIX}", 5)]);
        assert_eq!(newest(&snapshots, id).unwrap(), Some((made.path.clone(), Some(made))));
    }
}

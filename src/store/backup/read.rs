//! Reading a backup: every byte is looked at, whatever the entries are wanted for.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use sled::IVec;

use super::error::BackupError;
use super::format::{self, BadHead, FOOT, Hashing, Manifest};
use super::{Phase, Progress, Summary};
use crate::store::snapshot::{self, SnapshotError};
use crate::store::{check, codec};

/// Memory of the decompression, as a power of two; the writer's level needs 2 MiB.
const WINDOW_LOG_MAX: u32 = 23;
const BUFFER: usize = 128 * 1024;

type Body = BufReader<io::Take<Hashing<File>>>;

/// Reads and checks the backup `path`, record by record. Blocks.
///
/// # Errors
///
/// See [`BackupError`]; [`BackupError::Damaged`] says what is wrong and where.
pub fn verify(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Summary, BackupError> {
    let mut told = |done, of| progress(Progress { phase: Phase::Verify, done, of });
    read(path, &mut told, &mut |_| Ok::<_, BackupError>(()))
}

/// Whether `path` begins as a backup does.
pub(super) fn is_backup(path: &Path) -> io::Result<bool> {
    let mut magic = Vec::new();
    File::open(path)?.take(format::MAGIC.len() as u64).read_to_end(&mut magic)?;
    Ok(magic == format::MAGIC)
}

/// The manifest of the backup `path`; nothing else is looked at.
pub(super) fn manifest(path: &Path) -> Result<Manifest, BackupError> {
    let (mut file, _) = open(path)?;
    format::read_head(&mut file).map_err(|error| bad_head(path, error))
}

/// The file and its length. Asked first: opening a pipe would wait for somebody to write to it.
fn open(path: &Path) -> Result<(File, u64), BackupError> {
    let found = path.metadata().map_err(BackupError::io("open", path))?;
    if !found.is_file() {
        return Err(BackupError::NotABackup(path.to_owned()));
    }
    Ok((File::open(path).map_err(BackupError::io("open", path))?, found.len()))
}

/// Reads and checks the whole file, handing its entries to `each` piece by piece, in the order of keys.
/// What `each` has got counts only if all of it succeeds.
pub(super) fn read<E: From<BackupError>>(
    path: &Path,
    progress: &mut dyn FnMut(u64, u64),
    each: &mut dyn FnMut(Vec<(IVec, IVec)>) -> Result<(), E>,
) -> Result<Summary, E> {
    let (file, length) = open(path)?;
    let mut input = Hashing::new(file);
    let manifest = format::read_head(&mut input).map_err(|error| bad_head(path, error))?;
    let damaged = |what: String, records: u64, bytes: u64| BackupError::Damaged {
        path: path.to_owned(),
        what,
        place: format!(
            "after {records} of {} records, before byte {} of {length}",
            manifest.records(),
            bytes.min(length)
        ),
    };
    let Some(body) = length.checked_sub(input.bytes + FOOT as u64) else {
        return Err(damaged("its end is missing".to_owned(), 0, length).into());
    };
    let start = input.bytes;
    let body: Body = BufReader::with_capacity(BUFFER, input.take(body));
    let mut entries = Entries::new(body, &manifest).map_err(|what| damaged(what, 0, start))?;
    loop {
        let piece = entries.next();
        let bytes = entries.bytes();
        match piece {
            Ok(Some(piece)) => {
                progress(entries.records, manifest.records());
                each(piece)?;
            }
            Ok(None) => break,
            // A disk that cannot be read is another matter than a file that was changed.
            Err(Bad::Io(error)) => return Err(BackupError::io("read", path)(error).into()),
            Err(Bad::Damaged(what)) => return Err(damaged(what, entries.records, bytes).into()),
        }
    }
    let (records, mut input) = (entries.records, entries.finish());
    let mut end = [0; format::END.len()];
    let mut hash = [0; blake3::OUT_LEN];
    input.read_exact(&mut end).map_err(BackupError::io("read", path))?;
    let wanted = input.hasher.finalize();
    input.inner.read_exact(&mut hash).map_err(BackupError::io("read", path))?;
    // Compared first, because it says more than the hash.
    if end != format::END {
        return Err(damaged("its end is missing".to_owned(), records, length).into());
    }
    if wanted != blake3::Hash::from_bytes(hash) {
        let what = "the hash over the whole file does not hold".to_owned();
        return Err(damaged(what, records, length).into());
    }
    Ok(Summary { path: path.to_owned(), bytes: length, manifest })
}

fn bad_head(path: &Path, error: BadHead) -> BackupError {
    let path = path.to_owned();
    match error {
        BadHead::NotABackup => BackupError::NotABackup(path),
        BadHead::Newer { what, found, known } => BackupError::Newer { path, what, found, known },
        BadHead::Damaged(what) => {
            BackupError::Damaged { path, what: what.to_owned(), place: "in its head".to_owned() }
        }
        BadHead::Io(source) => BackupError::Io { action: "read", path, source },
    }
}

enum Bad {
    Damaged(String),
    Io(io::Error),
}

/// The compressed part.
struct Entries<'m> {
    input: zstd::Decoder<'static, Body>,
    manifest: &'m Manifest,
    found: crate::store::index::State,
    records: u64,
    frames: u64,
    last: IVec,
}

impl<'m> Entries<'m> {
    fn new(body: Body, manifest: &'m Manifest) -> Result<Entries<'m>, String> {
        let mut input = zstd::Decoder::with_buffer(body).map_err(|error| error.to_string())?;
        input.window_log_max(WINDOW_LOG_MAX).map_err(|error| error.to_string())?;
        let found = manifest.empty_state(manifest.store());
        Ok(Entries { input, manifest, found, records: 0, frames: 0, last: IVec::default() })
    }

    /// How much of the file has been taken in.
    fn bytes(&self) -> u64 {
        self.input.get_ref().get_ref().get_ref().bytes
    }

    fn next(&mut self) -> Result<Option<Vec<(IVec, IVec)>>, Bad> {
        if self.records == self.manifest.records() {
            return self.end().map(|()| None);
        }
        let store = self.manifest.store();
        let ops =
            snapshot::get_frame(&mut self.input, store, &mut self.frames).map_err(|error| match error {
                SnapshotError::Io(error) => unreadable(error),
                _ => Bad::Damaged("a frame is cut short or fails its checksum".to_owned()),
            })?;
        if ops.is_empty() {
            return Err(Bad::Damaged("a frame is empty".to_owned()));
        }
        let mut entries = Vec::with_capacity(ops.len());
        for op in ops {
            let key = op.key;
            let bad = |what: &str| Bad::Damaged(format!("{what}: {}", check::describe(&key)));
            let Some(value) = op.value else { return Err(bad("a record has no value")) };
            if key <= self.last {
                return Err(bad("a record is not in its place"));
            }
            codec::open_value(&value).map_err(|error| bad(&error.to_string()))?;
            self.found.tally(&key, &value, true).map_err(|error| bad(&error.to_string()))?;
            self.records += 1;
            if self.records > self.manifest.records() {
                return Err(bad("more records than the manifest speaks of"));
            }
            self.last = key.clone();
            entries.push((key, value));
        }
        Ok(Some(entries))
    }

    /// After the last record: nothing else may come, and all tables must be complete.
    fn end(&mut self) -> Result<(), Bad> {
        let mut rest = [0; 1];
        let more = self.input.read(&mut rest).map_err(unreadable)?;
        if more > 0 {
            return Err(Bad::Damaged("something stands after the last record".to_owned()));
        }
        self.manifest.compare(&self.found).map_err(Bad::Damaged)
    }

    fn finish(self) -> Hashing<File> {
        let mut body = self.input.finish();
        // The decoder was at the end of its input, so nothing is left here but the buffer itself.
        let rest = body.buffer().len();
        body.consume(rest);
        body.into_inner().into_inner()
    }
}

/// zstd reports what it cannot decode by an error of no particular kind.
fn unreadable(error: io::Error) -> Bad {
    match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            Bad::Damaged(format!("it cannot be decompressed: {error}"))
        }
        _ => Bad::Io(error),
    }
}

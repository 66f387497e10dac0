//! The journal: every durable change, in order, in files that only grow. The truth of the store.
//!
//! A segment begins with a header (magic, version, store id, first sequence, CRC-32) and holds
//! records one after the other:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | length of the body, little-endian |
//! | 4 | CRC-32 of store id, length, sequence and body |
//! | 8 | sequence |
//! | n | body: bincode of a list of absolute operations |
//!
//! The store id in the checksum keeps records of another store out, and makes it impossible for
//! client text inside a body to pass for a record when a damaged stretch is searched for the next
//! good one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::codec::{self, BODY_LIMIT, Op};
use super::error::Corrupt;
use super::files;
use super::identity::StoreId;

/// What a segment's name ends with.
pub(super) const SUFFIX: &str = ".log";
const MAGIC: [u8; 4] = *b"PTJL";
const VERSION: u32 = 1;
const HEADER: usize = 36;
const FRAME: usize = 16;
/// How far a sequence may jump when the next good record after a damaged stretch is searched.
const WINDOW: u64 = 1 << 20;

/// Records with consecutive sequences that stand one after the other in one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) path: PathBuf,
    /// The bytes of the file.
    pub(super) bytes: Range<usize>,
    /// The sequences, both included.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// A stretch of a segment that is not what it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Damage {
    pub(super) path: PathBuf,
    /// Where it begins.
    pub(super) offset: usize,
    pub(super) what: &'static str,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {} of {}", self.what, self.offset, self.path.display())
    }
}

/// What a directory of segments holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Scan {
    pub(super) spans: Vec<Span>,
    pub(super) damage: Vec<Damage>,
    /// The segments by name, ascending: first sequence, file.
    pub(super) segments: Vec<(u64, PathBuf)>,
    /// The first sequence of the newest segment whose header is good: everything before it had been
    /// synced when it was made.
    pub(super) newest_good: Option<u64>,
}

impl Scan {
    /// Reads and checks every segment in `dir`.
    pub(super) fn read(dir: &Path, store: StoreId) -> io::Result<Scan> {
        let mut scan = Scan { segments: files::numbered(dir, SUFFIX)?, ..Scan::default() };
        for (first, path) in scan.segments.clone() {
            let bytes = fs::read(&path)?;
            scan.segment(&bytes, first, &path, store);
        }
        Ok(scan)
    }

    fn segment(&mut self, bytes: &[u8], first: u64, path: &Path, store: StoreId) {
        let mut next = first;
        let mut at = HEADER;
        if bytes.get(..HEADER) == Some(header(store, first).as_slice()) {
            self.newest_good = Some(first);
        } else {
            self.note(path, 0, "a damaged header");
        }
        while at < bytes.len() {
            match parse(bytes, at, store) {
                Some((sequence, body)) if sequence == next => {
                    self.found(path, at..body.end, sequence);
                    at = body.end;
                    next = sequence + 1;
                }
                _ => {
                    self.note(path, at, "a damaged or incomplete record");
                    let later = (at + 1..bytes.len()).find_map(|at| {
                        let sequence = sequence_at(bytes, at)?;
                        let plausible = (next..next.saturating_add(WINDOW)).contains(&sequence);
                        (plausible && parse(bytes, at, store).is_some()).then_some((at, sequence))
                    });
                    let Some((later, sequence)) = later else { return };
                    (at, next) = (later, sequence);
                }
            }
        }
    }

    fn note(&mut self, path: &Path, offset: usize, what: &'static str) {
        self.damage.push(Damage { path: path.to_owned(), offset, what });
    }

    fn found(&mut self, path: &Path, bytes: Range<usize>, sequence: u64) {
        if let Some(span) = self.spans.last_mut() {
            if span.path == path && span.last + 1 == sequence && span.bytes.end == bytes.start {
                span.last = sequence;
                span.bytes.end = bytes.end;
                return;
            }
            if sequence <= span.last {
                // Cannot come from this program: keep what stood first.
                return self.note(path, bytes.start, "a sequence that comes twice");
            }
        }
        self.spans.push(Span { path: path.to_owned(), bytes, first: sequence, last: sequence });
    }

    /// The last sequence that can be reached from `base` without a gap; `base` itself if the record
    /// after it is not there.
    pub(super) fn reach(&self, base: u64) -> u64 {
        self.spans.iter().fold(
            base,
            |reached, span| {
                if span.first <= reached + 1 { reached.max(span.last) } else { reached }
            },
        )
    }

    /// Calls `each` with the operations of every record from `first` to `last`, in order.
    pub(super) fn replay<E: From<io::Error> + From<Corrupt>>(
        &self,
        range: std::ops::RangeInclusive<u64>,
        store: StoreId,
        mut each: impl FnMut(u64, Vec<Op>) -> Result<(), E>,
    ) -> Result<(), E> {
        for span in &self.spans {
            if span.last < *range.start() || span.first > *range.end() {
                continue;
            }
            let bytes = fs::read(&span.path)?;
            let mut at = span.bytes.start;
            while at < span.bytes.end {
                let (sequence, body) =
                    parse(&bytes, at, store).ok_or(Corrupt("a journal record changed while it was read"))?;
                at = body.end;
                if range.contains(&sequence) {
                    each(sequence, codec::decode_plain(bytes.get(body).unwrap_or_default(), BODY_LIMIT)?)?;
                }
            }
        }
        Ok(())
    }
}

fn header(store: StoreId, first: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&store.0);
    bytes.extend_from_slice(&first.to_le_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn checksum(store: StoreId, length: &[u8], sequence: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in [&store.0, length, sequence, body] {
        hasher.update(part);
    }
    hasher.finalize()
}

fn sequence_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at + 8..)?.first_chunk()?))
}

/// The sequence and the place of the body of the record at `at`, if it is whole and good.
fn parse(bytes: &[u8], at: usize, store: StoreId) -> Option<(u64, Range<usize>)> {
    let length: &[u8; 4] = bytes.get(at..)?.first_chunk()?;
    let crc: &[u8; 4] = bytes.get(at + 4..)?.first_chunk()?;
    let sequence: &[u8; 8] = bytes.get(at + 8..)?.first_chunk()?;
    let start = at + FRAME;
    let end = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let body = bytes.get(start..end)?;
    let good = checksum(store, length, sequence, body) == u32::from_le_bytes(*crc);
    let sequence = u64::from_le_bytes(*sequence);
    // No store gets that far, and there must be a next one.
    (good && sequence < u64::MAX).then_some((sequence, start..end))
}

/// Appends one framed record to `group`.
pub(super) fn frame(group: &mut Vec<u8>, store: StoreId, sequence: u64, ops: &[Op]) -> Result<(), Corrupt> {
    let body = codec::encode_plain(&ops, BODY_LIMIT)?;
    let length = u32::try_from(body.len()).map_err(|_| Corrupt("a record is too long"))?.to_le_bytes();
    let sequence = sequence.to_le_bytes();
    group.extend_from_slice(&length);
    group.extend_from_slice(&checksum(store, &length, &sequence, &body).to_le_bytes());
    group.extend_from_slice(&sequence);
    group.extend_from_slice(&body);
    Ok(())
}

/// The journal, open for appending.
pub(super) struct Journal {
    dir: PathBuf,
    store: StoreId,
    file: File,
    /// Where the next record goes.
    offset: u64,
    /// A segment of this many bytes or more is followed by a new one.
    segment_bytes: u64,
}

impl Journal {
    /// Starts a new segment whose first record will be `first`, durably. A file of that name is
    /// replaced: it cannot hold anything acknowledged.
    pub(super) fn start(dir: &Path, store: StoreId, first: u64, segment_bytes: u64) -> io::Result<Journal> {
        let path = dir.join(format!("{first:020}{SUFFIX}"));
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        file.write_all_at(&header(store, first), 0)?;
        file.sync_all()?;
        files::sync_dir(dir)?;
        Ok(Journal { dir: dir.to_owned(), store, file, offset: HEADER as u64, segment_bytes })
    }

    /// Goes on in an existing segment after its first `length` bytes; what follows is cut off.
    pub(super) fn resume(
        path: &Path,
        store: StoreId,
        length: u64,
        segment_bytes: u64,
    ) -> io::Result<Journal> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        // What a killed process wrote may be in memory only; it counts as durable from here on.
        file.sync_all()?;
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Journal { dir, store, file, offset: length, segment_bytes })
    }

    /// Writes the framed records in `group`, of which the first has sequence `first`, and syncs
    /// them. After an error the journal must not be used again.
    pub(super) fn append(&mut self, group: &[u8], first: u64) -> io::Result<()> {
        if self.offset >= self.segment_bytes {
            *self = Journal::start(&self.dir, self.store, first, self.segment_bytes)?;
        }
        self.file.write_all_at(group, self.offset)?;
        self.file.sync_data()?;
        self.offset += group.len() as u64;
        Ok(())
    }
}

/// The length of a segment without records, in bytes.
pub(super) const EMPTY_SEGMENT: usize = HEADER;

/// Deletes the segments whose records all have sequences up to `through`; never the newest one.
pub(super) fn prune(dir: &Path, through: u64) -> io::Result<()> {
    let segments = files::numbered(dir, SUFFIX)?;
    for pair in segments.windows(2) {
        if let [(_, path), (next, _)] = pair
            && *next <= through.saturating_add(1)
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;

//! The mark: up to which sequence changes have been acknowledged.
//!
//! Two slots are written in turn, each with its own checksum, so that a torn write leaves the other.
//! The mark is written after the journal has been synced and before anybody is told, without a sync
//! of its own: the operating system keeps it when the process is killed. After a power cut it may be
//! older than the truth, never newer, and then the journal's good records beyond it count as well.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::identity::StoreId;

const MAGIC: [u8; 4] = *b"PTMK";
const SLOT: usize = 45;
// Far enough apart that one torn sector cannot hold both.
const STRIDE: u64 = 4096;

/// What a mark says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Marked {
    /// Every change up to this sequence may have been acknowledged.
    pub(super) sequence: u64,
    /// The store was closed properly and not opened since.
    pub(super) clean: bool,
    /// How often the mark was written; the higher slot counts.
    generation: u64,
}

/// The open mark file.
pub(super) struct Mark {
    file: File,
    store: StoreId,
    last: Marked,
}

impl Mark {
    /// Reads the newer good slot of the mark of `store`; `None` if there is no good one.
    pub(super) fn read(path: &Path, store: StoreId) -> io::Result<Option<Marked>> {
        let Some(bytes) = super::files::read_if_there(path)? else {
            return Ok(None);
        };
        let slot = |at: usize| bytes.get(at..at + SLOT).and_then(|slot| parse(slot, store));
        Ok([slot(0), slot(STRIDE as usize)].into_iter().flatten().max_by_key(|slot| slot.generation))
    }

    /// Opens the file for writing, making it if needed, and writes `sequence`, not clean, durably.
    pub(super) fn start(
        path: &Path,
        store: StoreId,
        sequence: u64,
        before: Option<Marked>,
    ) -> io::Result<Mark> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let generation = before.map_or(0, |mark| mark.generation);
        let mut mark = Mark { file, store, last: Marked { sequence, clean: false, generation } };
        mark.write(sequence, false)?;
        mark.file.sync_all()?;
        Ok(mark)
    }

    /// Writes the mark; it survives the end of the process at once, a power cut a little later.
    pub(super) fn write(&mut self, sequence: u64, clean: bool) -> io::Result<()> {
        let next = Marked { sequence, clean, generation: self.last.generation + 1 };
        let slot = next.generation % 2 * STRIDE;
        self.file.write_all_at(&bytes_of(next, self.store), slot)?;
        self.last = next;
        Ok(())
    }

    /// Writes the mark of a clean end, durably.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.write(self.last.sequence, true)?;
        self.file.sync_all()
    }
}

fn bytes_of(mark: Marked, store: StoreId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&store.0);
    bytes.extend_from_slice(&mark.generation.to_le_bytes());
    bytes.extend_from_slice(&mark.sequence.to_le_bytes());
    bytes.push(u8::from(mark.clean));
    bytes.extend_from_slice(&[0; 4]);
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn parse(bytes: &[u8], store: StoreId) -> Option<Marked> {
    let generation = u64::from_le_bytes(*bytes.get(20..)?.first_chunk()?);
    let sequence = u64::from_le_bytes(*bytes.get(28..)?.first_chunk()?);
    let mark = Marked { sequence, clean: bytes.get(36) == Some(&1), generation };
    // There must be a next time.
    (bytes_of(mark, store) == bytes && generation < u64::MAX).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_slot_leaves_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        let id = StoreId([5; 16]);
        assert_eq!(Mark::read(&path, id).unwrap(), None);
        let mut mark = Mark::start(&path, id, 7, None).unwrap();
        mark.write(8, false).unwrap();
        mark.write(9, true).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let seen = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Mark::read(&path, id).unwrap().map(|mark| (mark.sequence, mark.clean))
        };
        assert_eq!(seen(&whole), Some((9, true)));
        for bit in 0..SLOT * 8 {
            let mut bad = whole.clone();
            bad[STRIDE as usize + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(seen(&bad), Some((8, false)), "bit {bit}");
        }
        assert_eq!(seen(&[]), None);
        assert_eq!(Mark::read(&path, StoreId([6; 16])).unwrap(), None);
    }
}

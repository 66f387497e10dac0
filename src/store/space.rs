//! How much of the disk a store takes.

use std::fs;
use std::io;
use std::path::Path;

use super::shared::Layout;

/// An index smaller than this is not worth the work.
pub(super) const SMALL: u64 = 256 << 20;
/// An index normally takes some two and a half times the bytes of what is in it, as much as a snapshot
/// has; from this many times on it is mostly waste, which sled leaves behind and never gives back.
const WASTE: u64 = 8;

/// Bytes on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Space {
    /// Journal and snapshot.
    pub journal: u64,
    /// The index.
    pub index: u64,
}

impl Space {
    pub(super) fn of(layout: &Layout) -> io::Result<Space> {
        let journal = bytes_below(&layout.journal())? + bytes_below(&layout.snapshot())?;
        Ok(Space { journal, index: bytes_below(&layout.sled())? })
    }

    /// Whether building the index anew would make much of it free.
    pub fn is_wasteful(&self) -> bool {
        self.is_wasteful_above(SMALL)
    }

    pub(super) fn is_wasteful_above(&self, small: u64) -> bool {
        self.index > small && self.index / WASTE > self.journal
    }
}

/// Bytes of the files in a directory and below it; files that go meanwhile do not count.
fn bytes_below(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(found) if found.is_dir() => bytes += bytes_below(&entry.path())?,
            Ok(found) => bytes += found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_index_that_is_mostly_waste_is_built_anew() {
        let wasteful = |index, journal| Space { journal, index }.is_wasteful();
        assert!(!wasteful(SMALL, 0));
        assert!(wasteful(SMALL + WASTE, SMALL / WASTE));
        assert!(!wasteful(SMALL + WASTE, SMALL / WASTE + 1));
        assert!(!wasteful(0, 0));
    }
}

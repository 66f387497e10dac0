//! What mark, journal and snapshot say about the changes that must be there.

use std::path::PathBuf;

use super::error::OpenError;
use super::identity::StoreId;
use super::journal::Scan;
use super::mark::{Mark, Marked};
use super::shared::Layout;
use super::snapshot::{self, Snapshot};

/// What the files beside the index say.
pub(super) struct Evidence {
    pub(super) mark: Option<Marked>,
    pub(super) scan: Scan,
    /// The newest snapshot by name, and what it says about itself if that is good.
    pub(super) snapshot: Option<(PathBuf, Option<Snapshot>)>,
    /// Every change up to this sequence may have been acknowledged.
    pub(super) needed: u64,
}

impl Evidence {
    pub(super) fn gather(layout: &Layout, id: StoreId) -> Result<Evidence, OpenError> {
        let path = layout.mark();
        let mark = Mark::read(&path, id).map_err(OpenError::io("read", &path))?;
        let dir = layout.journal();
        let scan = Scan::read(&dir, id).map_err(OpenError::io("read", &dir))?;
        let dir = layout.snapshot();
        let snapshot = snapshot::newest(&dir, id).map_err(OpenError::io("read", &dir))?;
        // A segment is made after everything before it was synced, and a snapshot has only what was.
        let by_segment = scan.newest_good.map_or(0, |first| first.saturating_sub(1));
        let by_snapshot = snapshot.as_ref().and_then(|(_, found)| found.as_ref()).map_or(0, |it| it.until);
        let needed = mark.map_or(0, |mark| mark.sequence).max(by_segment).max(by_snapshot);
        Ok(Evidence { mark, scan, snapshot, needed })
    }

    pub(super) fn good_snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref().and_then(|(_, found)| found.as_ref())
    }

    /// Where a new index would begin: at the snapshot, or at nothing if the journal is whole.
    pub(super) fn base(&self) -> Option<u64> {
        match &self.snapshot {
            Some((_, found)) => found.as_ref().map(|found| found.base),
            None => Some(0),
        }
    }

    /// Whether snapshot and journal alone do not hold everything.
    pub(super) fn journal_fails(&self) -> bool {
        self.base().is_none_or(|base| self.scan.reach(base) < self.needed)
    }

    /// What is wrong, in words.
    pub(super) fn describe(&self, index: Option<&str>) -> String {
        let mut problems: Vec<String> = Vec::new();
        problems.extend(index.map(|reason| format!("the index cannot be used ({reason})")));
        problems.extend(self.scan.damage.iter().take(3).map(|damage| format!("the journal has {damage}")));
        if let Some((path, None)) = &self.snapshot {
            problems.push(format!("the snapshot {} is damaged", path.display()));
        }
        match self.base() {
            Some(base) if self.journal_fails() => problems.push(format!(
                "snapshot and journal hold changes up to {}, but {} were acknowledged",
                self.scan.reach(base),
                self.needed
            )),
            _ => {}
        }
        problems.join("; ")
    }
}

//! Stores with backups of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use paltalkd::model::Timestamp;
use paltalkd::store::backup::{RestoreError, Restored, restore};
use paltalkd::store::{Store, StoreOptions};

use super::{content, fill_range, options};

/// When all backups are made.
pub(crate) const NOW: Timestamp = Timestamp(1_795_264_000_000);

pub(crate) fn open(path: &Path) -> Store {
    Store::open(options(path)).unwrap().0
}

pub(crate) fn restore_to(path: &Path, file: &Path, force: bool) -> Result<Restored, RestoreError> {
    restore(&options(path), file, force, NOW, &mut |_| {})
}

/// Everything in the restored store, which must open without any repair.
pub(crate) fn restored_content(path: &Path) -> BTreeMap<String, String> {
    let (store, report) = Store::open(StoreOptions { full_check: true, ..options(path) }).unwrap();
    assert!(report.clean && !report.fresh && report.rebuilt.is_none() && report.repairs.is_empty());
    let found = content(&store);
    store.close().unwrap();
    found
}

/// A store of some size that is closed, and a backup of it.
pub(crate) fn backed_up(dir: &Path) -> (PathBuf, PathBuf, BTreeMap<String, String>) {
    let (path, file) = (dir.join("store"), dir.join("one.backup"));
    let store = open(&path);
    fill_range(&store, 0..40);
    let wanted = content(&store);
    store.backup(&file, NOW, &mut |_| {}).unwrap();
    store.close().unwrap();
    (path, file, wanted)
}

pub(crate) fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Every file below `dir` with its bytes.
pub(crate) fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

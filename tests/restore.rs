//! Restoring backups: what is kept, what needs force, and crashes in the middle of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store_common;

use std::fs;
use std::path::Path;

use paltalkd::store::backup::{RestoreError, restore};
use paltalkd::store::{Phase, Store};
use store_common::backups::*;
use store_common::{content, create, options};

#[test]
fn the_old_store_is_kept_and_newer_changes_need_force() {
    let dir = tempfile::tempdir().unwrap();
    let (path, file, wanted) = backed_up(dir.path());
    // Nothing newer: no force.
    let restored = restore_to(&path, &file, false).unwrap();
    let kept = dir.path().join("store.before-restore-20261121T122640Z");
    assert_eq!(restored.kept.as_ref(), Some(&kept));
    assert_eq!(restored_content(&path), wanted);
    assert_eq!(restored_content(&kept), wanted);
    // Another store by now, though with the same content.
    let refused = restore_to(&path, &file, false).unwrap_err();
    assert!(matches!(refused, RestoreError::WouldLose(_)), "{refused}");
    assert!(refused.to_string().contains("not the one that was backed up"), "{refused}");

    let store = open(&kept);
    create(&store, "Late");
    let newer = content(&store);
    let refused = restore_to(&kept, &file, true).unwrap_err();
    assert!(matches!(refused, RestoreError::Open(_)), "in use: {refused}");
    store.close().unwrap();
    drop(store);
    let before = tree(&kept);
    let refused = restore_to(&kept, &file, false).unwrap_err();
    assert!(refused.to_string().contains("has 1 changes made after the backup of 2026-11-21"), "{refused}");
    assert_eq!(tree(&kept), before);
    let restored = restore_to(&kept, &file, true).unwrap();
    assert_eq!(restored_content(&kept), wanted);
    assert_eq!(restored_content(&restored.kept.unwrap()), newer);
    assert_eq!(names(dir.path()).len(), 4, "{:?}", names(dir.path()));
    // The same second again.
    let restored = restore_to(&path, &file, true).unwrap();
    assert_eq!(restored.kept, Some(dir.path().join("store.before-restore-20261121T122640Z-2")));
}

#[test]
fn a_store_that_does_not_open_is_replaced_without_force() {
    let dir = tempfile::tempdir().unwrap();
    let (path, file, wanted) = backed_up(dir.path());
    fs::write(path.join("identity"), b"rubbish").unwrap();
    Store::open(options(&path)).err().unwrap();
    let restored = restore_to(&path, &file, false).unwrap();
    assert_eq!(restored_content(&path), wanted);
    assert_eq!(fs::read(restored.kept.unwrap().join("identity")).unwrap(), b"rubbish");
}

const RESTORE_INTO: &str = "RESTORE_INTO";

/// Not a test of its own: the process that [`a_crash_leaves_the_old_store_or_the_new_one`] lets end in
/// the middle of a restore.
#[test]
#[ignore = "run by another test"]
fn restore_and_die() {
    let Some(text) = std::env::var_os(RESTORE_INTO) else { return };
    let text = text.into_string().unwrap();
    let (steps, dir) = text.split_once(':').unwrap();
    let mut left: usize = steps.parse().unwrap();
    let dir = Path::new(dir);
    let mut phase = None;
    restore(&options(&dir.join("store")), &dir.join("one.backup"), true, NOW, &mut |progress| {
        // Each step of the swap, and the beginning and the end of everything else.
        if progress.phase == Phase::Swap || phase != Some(progress.phase) || progress.done == progress.of {
            phase = Some(progress.phase);
            if left == 0 {
                // As `kill -9`: nothing is tidied up.
                std::process::abort();
            }
            left -= 1;
        }
    })
    .unwrap();
}

#[test]
fn a_crash_leaves_the_old_store_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let (path, file, wanted) = backed_up(dir.path());
    let store = open(&path);
    create(&store, "Late");
    let old = content(&store);
    store.close().unwrap();
    let mut endings = Vec::new();
    for steps in 0.. {
        let work = tempfile::tempdir().unwrap();
        store_common::copy_dir(&path, &work.path().join("store"));
        fs::copy(&file, work.path().join("one.backup")).unwrap();
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["restore_and_die", "--exact", "--ignored"])
            .env(RESTORE_INTO, format!("{steps}:{}", work.path().display()))
            .output()
            .unwrap();
        let store = work.path().join("store");
        let found = restored_content(&store);
        let is_new = found == wanted;
        assert!(is_new || found == old, "after {steps} steps: neither");
        endings.push(is_new);
        if child.status.success() {
            assert!(is_new);
            break;
        }
        // The next restore tidies up, and the store that was there before all this is kept by name.
        let restored = restore_to(&store, &work.path().join("one.backup"), true).unwrap();
        assert_eq!(restored_content(&store), wanted);
        let left = names(work.path());
        assert!(!left.iter().any(|name| name.ends_with(".restoring")), "{left:?}");
        let kept: Vec<_> = left.iter().filter(|name| name.contains(".before-restore-")).collect();
        assert_eq!(kept.len(), 1 + usize::from(is_new), "after {steps} steps: {left:?}");
        let contents: Vec<_> = kept.iter().map(|name| restored_content(&work.path().join(name))).collect();
        assert_eq!(contents.iter().filter(|content| **content == old).count(), 1, "after {steps} steps");
        assert!(restored.kept.is_some());
    }
    let crashes_before = endings.iter().filter(|is_new| !**is_new).count();
    assert!(endings.len() > 8 && crashes_before > 4 && endings.is_sorted(), "{endings:?}");
    assert!(endings.len() - crashes_before > 3, "{endings:?}");
}

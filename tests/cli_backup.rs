//! `paltalkd backup`, `restore` and `verify`: what they say, and their exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use paltalkd::store::{Store, StoreOptions};
use program::program;
use tempfile::TempDir;

fn paltalkd(directory: &Path, args: &[&str]) -> Assert {
    Command::from(program(directory)).args(args).write_stdin("rosebud\n").assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// A directory with a store in which Alice is.
fn with_alice() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    paltalkd(directory.path(), &["account", "add", "Alice", "--password-stdin"]).success();
    directory
}

fn backups(directory: &Path) -> Vec<String> {
    let names =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_store_is_backed_up_checked_and_restored() {
    let directory = with_alice();
    let path = directory.path();
    let made = paltalkd(path, &["backup", "one.backup"]).success().stderr("");
    assert!(stdout(&made).starts_with("one.backup: 5 records in "), "{}", stdout(&made));
    let checked = paltalkd(path, &["verify", "one.backup"]).success().stderr("");
    assert!(stdout(&checked).contains("accounts") && stdout(&checked).contains("read back and good"));
    let checked = paltalkd(path, &["verify"]).success().stderr("");
    assert!(stdout(&checked).ends_with("data/store: 5 records up to change 1; all good\n"), "{checked:?}");

    paltalkd(path, &["account", "add", "Bob", "--password-stdin"]).success();
    let refused = paltalkd(path, &["restore", "one.backup"]).code(1).stdout("");
    assert!(stderr(&refused).contains("has 1 changes made after") && stderr(&refused).contains("--force"));
    paltalkd(path, &["account", "show", "Bob"]).success();
    let done = paltalkd(path, &["restore", "one.backup", "--force"]).success().stderr("");
    let told = stdout(&done);
    assert!(told.contains("restored into data/store") && told.contains("store.before-restore-"), "{told}");
    paltalkd(path, &["account", "show", "Bob"]).code(4);
    paltalkd(path, &["account", "show", "Alice"]).success();
    paltalkd(path, &["verify"]).success();

    // On another machine nothing is in the way.
    let other = tempfile::tempdir().unwrap();
    let file = path.join("one.backup").to_str().unwrap().to_owned();
    let done = paltalkd(other.path(), &["restore", &file]).success();
    assert!(!stdout(&done).contains("old store"), "{}", stdout(&done));
    paltalkd(other.path(), &["account", "show", "Alice"]).success();
}

#[test]
fn generations_are_kept_by_number() {
    let directory = with_alice();
    let path = directory.path();
    let copies = path.join("copies");
    fs::create_dir(&copies).unwrap();
    for day in 1..=4 {
        fs::write(copies.join(format!("paltalkd-2004110{day}T000000Z.backup")), b"").unwrap();
    }
    fs::write(copies.join("letter.txt"), b"").unwrap();
    let made = paltalkd(path, &["backup", "copies", "--keep", "2"]).success();
    assert_eq!(stderr(&made).matches("deleted ").count(), 3, "{}", stderr(&made));
    let left = backups(&copies);
    assert_eq!((left.len(), left[0].as_str()), (3, "letter.txt"));
    assert_eq!(left[1], "paltalkd-20041104T000000Z.backup");
    paltalkd(path, &["backup", "copies"]).success().stderr("");
    for args in [
        &["backup", "one.backup", "--keep", "2"][..],
        &["backup", "copies", "--keep", "0"],
        &["backup"],
        &["restore"],
        &["verify", "one", "two"],
    ] {
        paltalkd(path, args).code(2).stdout("");
    }
}

#[test]
fn what_cannot_be_done_is_code_1_and_changes_nothing() {
    let directory = with_alice();
    let path = directory.path();
    paltalkd(path, &["backup", "one.backup"]).success();
    let mut bytes = fs::read(path.join("one.backup")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path.join("bad.backup"), bytes).unwrap();
    fs::write(path.join("letter.txt"), b"Dear all").unwrap();
    for (args, told) in [
        (&["verify", "bad.backup"][..], "is damaged"),
        (&["restore", "bad.backup", "--force"], "is damaged"),
        (&["verify", "letter.txt"], "is not a backup"),
        (&["verify", "data"], "is not a backup"),
        (&["restore", "letter.txt", "--force"], "is not a backup"),
        (&["restore", "nothing", "--force"], "cannot open nothing"),
        (&["backup", "letter.txt"], "left alone"),
    ] {
        let failed = paltalkd(path, args).code(1).stdout("");
        assert!(stderr(&failed).contains(told), "{args:?}: {}", stderr(&failed));
        assert_eq!(stderr(&failed).lines().count(), 1, "{args:?}: {}", stderr(&failed));
    }
    assert_eq!(backups(&path.join("data")), ["store"]);
    assert_eq!(fs::read(path.join("letter.txt")).unwrap(), b"Dear all");

    let store = Store::open(StoreOptions::new(path.join("data/store"))).unwrap().0;
    for args in [&["backup", "two.backup"][..], &["restore", "one.backup", "--force"], &["verify"]] {
        let failed = paltalkd(path, args).code(1).stdout("");
        assert!(stderr(&failed).contains("the daemon is running on the store"), "{}", stderr(&failed));
    }
    assert!(!path.join("two.backup").exists());
    // A file is a file, whoever runs.
    paltalkd(path, &["verify", "one.backup"]).success();
    drop(store);

    let mark = path.join("data/store/mark");
    fs::write(mark, b"").unwrap();
    let failed = paltalkd(path, &["verify"]).code(1);
    assert!(stderr(&failed).contains("mark is missing or damaged"), "{}", stderr(&failed));
    let empty = tempfile::tempdir().unwrap();
    for args in [&["backup", "two.backup"][..], &["verify"]] {
        let failed = paltalkd(empty.path(), args).code(1).stdout("");
        assert!(stderr(&failed).contains("there is no store"), "{}", stderr(&failed));
    }
    assert!(backups(empty.path()).is_empty());
}

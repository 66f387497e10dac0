//! `paltalkd account …` on a stopped store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/program.rs"]
mod program;

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use paltalkd::model::Nickname;
use paltalkd::password;
use paltalkd::store::{AuditQuery, Store, StoreOptions};
use program::program;
use serde_json::Value;
use tempfile::TempDir;

const PASSWORD: &str = "rosebud";

fn account(directory: &Path, args: &[&str], stdin: &str) -> Assert {
    Command::from(program(directory)).arg("account").args(args).write_stdin(stdin).assert()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn json(directory: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&account(directory, args, "").success())).unwrap()
}

/// A directory with a store in which Alice is an administrator and Zoë is not.
fn two_accounts() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    account(
        directory.path(),
        &[
            "add",
            "Alice",
            "--role",
            "admin",
            "--role",
            "trusted",
            "--email",
            "alice@example.org",
            "--password-stdin",
        ],
        "rosebud\n",
    )
    .success()
    .stdout("1000002\n");
    account(directory.path(), &["add", "Zoë", "--password-stdin"], PASSWORD).success().stdout("1000003\n");
    directory
}

fn open(directory: &Path) -> Store {
    Store::open(StoreOptions::new(directory.join("data/store"))).unwrap().0
}

#[test]
fn accounts_are_shown_to_people_and_scripts() {
    let directory = two_accounts();
    let path = directory.path();
    let list = stdout(&account(path, &["list"], "").success());
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["UID", "NICKNAME", "ROLES", "EMAIL", "OF", "AGE", "CREATED"]);
    assert_eq!(lines[1][..5], ["1000002", "Alice", "admin,", "trusted", "alice@example.org"]);
    assert_eq!(lines[2][..5], ["1000003", "Zoë", "-", "-", "no"]);

    let list = json(path, &["list", "--json"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!((&list[0]["uid"], &list[1]["nickname"]), (&1_000_002.into(), &"Zoë".into()));

    let alice = json(path, &["show", "aLICE", "--json"]);
    assert_eq!(alice["roles"], serde_json::json!(["admin", "trusted"]));
    assert_eq!((&alice["email"], &alice["privacy"]), (&"alice@example.org".into(), &"all".into()));
    assert_eq!((&alice["age_verified"], &alice["pals"]), (&false.into(), &0.into()));
    for user in ["1000002", "uid:1000002", "nick:alice"] {
        let shown = stdout(&account(path, &["show", user], "").success());
        assert!(shown.contains("Nickname          Alice\n"), "{shown}");
        assert!(!shown.contains("argon2") && !shown.contains('\u{1b}'), "{shown}");
    }
    let colored = program(path).args(["--color", "always", "account", "show", "alice"]).output().unwrap();
    assert!(colored.stdout.contains(&0x1b));
}

#[test]
fn settings_change() {
    let directory = two_accounts();
    let path = directory.path();
    account(
        path,
        &["set", "zoë", "--role", "moderator", "--age-verified", "yes", "--email", "z@example.org"],
        "",
    )
    .success();
    account(path, &["set", "1000002", "--no-role", "admin", "--no-email"], "").success();
    let zoe = json(path, &["show", "zoë", "--json"]);
    assert_eq!((&zoe["roles"][0], &zoe["age_verified"]), (&"moderator".into(), &true.into()));
    assert_eq!(zoe["email"], "z@example.org");
    let alice = json(path, &["show", "alice", "--json"]);
    assert_eq!((&alice["roles"], &alice["email"]), (&serde_json::json!(["trusted"]), &Value::Null));
}

#[test]
fn passwords_are_kept_as_hashes_and_changed() {
    let directory = two_accounts();
    let path = directory.path();
    account(path, &["passwd", "zoë", "--password-stdin"], "caf\u{e9}s\nignored\n")
        .success()
        .stdout("Zoë (uid 1000003) has a new password\n")
        .stderr("");
    let store = open(path);
    let name = |text: &str| Nickname::from_text(text).unwrap().key();
    let zoe = store.reader().account_by_name(&name("zoë")).unwrap().unwrap();
    assert_eq!(password::Hasher::default().verify(b"caf\xe9s", zoe.password.as_str()), Ok(true));
    let alice = store.reader().account_by_name(&name("alice")).unwrap().unwrap();
    assert_eq!(password::Hasher::default().verify(PASSWORD.as_bytes(), alice.password.as_str()), Ok(true));
}

#[test]
fn deletion_wants_a_yes() {
    let directory = two_accounts();
    let path = directory.path();
    let refused = account(path, &["delete", "zoë"], "y\n").code(2);
    assert!(stderr(&refused).contains("--yes"), "{}", stderr(&refused));
    account(path, &["show", "zoë"], "").success();
    account(path, &["delete", "zoë", "--yes"], "").success().stdout("Zoë (uid 1000003) is deleted\n");
    account(path, &["show", "zoë"], "").code(4);
    // A uid is never given out twice.
    account(path, &["add", "Zoë", "--password-stdin"], PASSWORD).success().stdout("1000004\n");
}

#[test]
fn nobody_of_that_name_is_code_4() {
    let directory = two_accounts();
    for args in [
        &["show", "nobody"][..],
        &["show", "1234567", "--json"],
        &["passwd", "nobody", "--password-stdin"],
        &["set", "nobody", "--role", "admin"],
        &["delete", "nobody", "--yes"],
    ] {
        let answer = account(directory.path(), args, PASSWORD).code(4).stdout("");
        assert!(stderr(&answer).starts_with("error: no such user: "), "{}", stderr(&answer));
    }
}

#[test]
fn failures_are_code_1_and_say_why() {
    let directory = two_accounts();
    let path = directory.path();
    for (args, stdin, told) in [
        (&["add", "ALICE", "--password-stdin"][..], PASSWORD, "is taken"),
        (&["add", "Bob", "--password-stdin"], "four", "at least 5 characters"),
        (&["add", "Bob", "--password-stdin"], "1234567890123456789012", "at most 21 characters"),
        (&["passwd", "alice", "--password-stdin"], "", "at least 5 characters"),
    ] {
        let answer = account(path, args, stdin).code(1).stdout("");
        assert!(stderr(&answer).contains(told), "{}", stderr(&answer));
        assert!(!stderr(&answer).contains("1234567890123456789012"));
    }
    assert_eq!(json(path, &["list", "--json"]).as_array().unwrap().len(), 2);
}

#[test]
fn wrong_usage_is_code_2() {
    let directory = two_accounts();
    for args in [
        &["add", "Bob"][..],
        &["passwd", "alice"],
        &["add", "a:b", "--password-stdin"],
        &["add", "Paltalk", "--password-stdin"],
        &["add", "中", "--password-stdin"],
        &["add", "Bob", "--role", "king", "--password-stdin"],
        &["add", "Bob", "--email", "bob", "--password-stdin"],
        &["add", "Bob", "--password", "rosebud"],
        &["add", "Bob", "rosebud", "--password-stdin"],
        &["set", "alice"],
        &["set", "alice", "--role", "admin", "--no-role", "admin"],
        &["set", "alice", "--age-verified", "perhaps"],
        &["show", "uid:alice"],
        &["show"],
        &[],
    ] {
        account(directory.path(), args, PASSWORD).code(2).stdout("");
    }
}

#[test]
fn a_nickname_of_digits_is_no_trap() {
    let directory = two_accounts();
    let path = directory.path();
    account(path, &["add", "1000002", "--password-stdin"], PASSWORD).success().stdout("1000004\n");
    let answer = account(path, &["delete", "1000002", "--yes"], "").code(2);
    assert!(stderr(&answer).contains("uid:1000002 or nick:1000002"), "{}", stderr(&answer));
    assert_eq!(json(path, &["show", "uid:1000002", "--json"])["nickname"], "Alice");
    assert_eq!(json(path, &["show", "nick:1000002", "--json"])["uid"], 1_000_004);
}

#[test]
fn a_store_in_use_whose_daemon_is_silent_is_left_alone() {
    let directory = two_accounts();
    let store = open(directory.path());
    for args in [&["list"][..], &["add", "Bob", "--password-stdin"], &["delete", "alice", "--yes"]] {
        let answer = account(directory.path(), args, PASSWORD).code(3).stdout("");
        let told = stderr(&answer);
        assert!(told.contains("has the store in") && told.contains("control.sock"), "{told}");
    }
    drop(store);
    account(directory.path(), &["list"], "").success();
}

#[test]
fn bans_exports_and_erasure_of_a_stopped_store() {
    let directory = two_accounts();
    let path = directory.path();
    let banned = account(path, &["ban", "zoë", "--for", "2h", "--reason", "spam"], "").success().stderr("");
    assert_eq!(stdout(&banned), "banned Zoë (uid 1000003) for 2 hours\n");
    assert!(json(path, &["show", "zoë", "--json"])["banned"].as_str().unwrap().ends_with(": spam"));
    let export = json(path, &["export", "zoë"]);
    assert_eq!((&export["uid"], &export["ban"]["reason"]), (&1_000_003.into(), &"spam".into()));
    assert!(!export.to_string().contains("argon2"));
    account(path, &["unban", "zoë"], "").success();
    account(path, &["unban", "zoë"], "").code(4);
    account(path, &["ban", "zoë", "--for", "0s"], "").code(2);
    account(path, &["ban", "nobody"], "").code(4);
    account(path, &["erase", "zoë"], "y\n").code(2);
    let erased = account(path, &["erase", "zoë", "--yes"], "").success().stderr("");
    assert_eq!(stdout(&erased), "Zoë (uid 1000003) is erased, with the messages it has sent\n");
    account(path, &["export", "zoë"], "").code(4);

    let store = open(path);
    let page = store.reader().audit(&AuditQuery::default()).unwrap();
    let me = nix::unistd::User::from_uid(nix::unistd::Uid::current()).unwrap().unwrap().name;
    assert!(page.records.iter().all(|record| record.entry.actor.name() == me));
    let done: Vec<&str> = page.records.iter().rev().map(|record| record.entry.action.as_str()).collect();
    assert_eq!(done, ["account_add", "account_add", "ban", "unban", "account_erase"]);
}

#[test]
fn asking_makes_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let answer = account(directory.path(), &["list"], "").code(1).stdout("");
    assert!(stderr(&answer).contains("there is no store in data/store yet"), "{}", stderr(&answer));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

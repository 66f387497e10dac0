//! `paltalkd room …` on a stopped store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/program.rs"]
mod program;

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use paltalkd::model::{Nickname, RoomId, Timestamp, Uid};
use paltalkd::store::{AuditQuery, Change, Exclusion, ExclusionKind, Store, StoreOptions};
use program::program;
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(directory: &Path, args: &[&str], stdin: &str) -> Assert {
    Command::from(program(directory)).args(args).write_stdin(stdin).assert()
}

fn room(directory: &Path, args: &[&str]) -> Assert {
    run(directory, &[&["room"], args].concat(), "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    text(&assert.get_output().stderr)
}

fn shown(directory: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&room(directory, args).success().get_output().stdout).unwrap()
}

/// A directory with a store in which Zoë has an account and a room of number 60000.
fn one_room() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    run(path, &["account", "add", "Zoë", "--password-stdin"], "rosebud\n").success();
    room(path, &["create", "Zoë's Café", "--category", "music", "--owner", "zoë"])
        .success()
        .stdout("60000\n");
    directory
}

fn open(directory: &Path) -> Store {
    Store::open(StoreOptions::new(directory.join("data/store"))).unwrap().0
}

#[test]
fn rooms_are_shown_to_people_and_scripts() {
    let directory = one_room();
    let path = directory.path();
    let list = text(&room(path, &["list"]).success().get_output().stdout);
    assert!(list.starts_with("ID "), "{list}");
    assert!(list.lines().any(|line| line.starts_with("60000") && line.ends_with("Zoë")), "{list}");
    let list = shown(path, &["list", "--json"]);
    assert!(list.as_array().unwrap().len() > 10, "with those of a new store");
    let cafe = shown(path, &["show", "zoë's café", "--json"]);
    assert_eq!(cafe, shown(path, &["show", "id:60000", "--json"]));
    assert_eq!(cafe["owner"], json!({"uid": 1_000_002, "nickname": "Zoë"}));
    assert_eq!((&cafe["category_name"], &cafe["rating"]), (&json!("Music"), &json!("G")));
    assert_eq!(
        (&cafe["speakers"], &cafe["slowmode"], &cafe["links"]),
        (&json!(1), &json!(0), &json!("everybody"))
    );
    let cafe = text(&room(path, &["show", "60000"]).success().get_output().stdout);
    assert!(cafe.contains("Category             30027 (Music)\n"), "{cafe}");
}

#[test]
fn every_setting_changes_and_is_taken_back() {
    let directory = one_room();
    let path = directory.path();
    room(
        path,
        &[
            "set",
            "60000",
            "--name",
            "The Café",
            "--topic",
            "Cake",
            "--welcome",
            "Come in",
            "--rating",
            "r",
            "--lockword",
            "sesame",
            "--admin-code",
            "77",
            "--category",
            "30018",
            "--speakers",
            "3",
            "--slowmode",
            "30",
            "--links",
            "members",
            "--new-user-mic",
            "no",
            "--reddot-text",
            "yes",
            "--reddot-video",
            "yes",
        ],
    )
    .success()
    .stderr("");
    let set = shown(path, &["show", "the café", "--json"]);
    for (field, value) in [
        ("topic", json!("Cake")),
        ("welcome", json!("Come in")),
        ("rating", json!("R")),
        ("lockword", json!("sesame")),
        ("locked", json!(true)),
        ("admin_code", json!(77)),
        ("category", json!(30_018)),
        ("speakers", json!(3)),
        ("slowmode", json!(30)),
        ("links", json!("members")),
        ("new_user_mic", json!(false)),
        ("reddot_text", json!(true)),
        ("reddot_video", json!(true)),
    ] {
        assert_eq!(set[field], value, "{field}");
    }
    room(
        path,
        &[
            "set",
            "60000",
            "--no-lockword",
            "--no-owner",
            "--no-admin-code",
            "--no-linkers",
            "--slowmode",
            "off",
            "--topic",
            "",
        ],
    )
    .success();
    let set = shown(path, &["show", "60000", "--json"]);
    assert_eq!(
        (&set["lockword"], &set["owner"], &set["admin_code"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((&set["slowmode"], &set["topic"], &set["speakers"]), (&json!(0), &json!(""), &json!(3)));
}

#[test]
fn new_owners_and_closing_free_the_lists() {
    let directory = one_room();
    let path = directory.path();
    let exclude = || {
        let entry = Exclusion {
            uid: Uid(1_000_002),
            nickname: Nickname::from_text("Zoë").unwrap(),
            until: None,
            by: Uid::SERVICE,
            at: Timestamp(1),
            reason: Vec::new(),
        };
        Change::Exclude { room: RoomId(60_000), kind: ExclusionKind::Ban, entry }
    };
    open(path).commit_blocking(exclude()).unwrap();
    let bans = || shown(path, &["show", "60000", "--json"])["bans"].clone();
    assert_eq!(bans(), 1);
    // A new owner is let in; one who is it already stays what he is.
    room(path, &["set", "60000", "--owner", "zoë"]).success();
    assert_eq!(bans(), 1);
    for owner in [&["--no-owner"][..], &["--owner", "zoë"]] {
        assert_eq!(bans(), 1);
        room(path, &[&["set", "60000"], owner].concat()).success();
    }
    assert_eq!(bans(), 0);
    open(path).commit_blocking(exclude()).unwrap();
    assert_eq!(bans(), 1);
    assert!(stderr(&room(path, &["close", "60000"]).code(2)).contains("--yes"));
    room(path, &["close", "60000", "--yes"]).success().stderr("");
    room(path, &["show", "60000"]).code(4);
    let store = open(path);
    assert_eq!(store.reader().exclusions(ExclusionKind::Ban).unwrap(), []);
    let audited = store.reader().audit(&AuditQuery::default()).unwrap().records;
    let actions: Vec<_> = audited.iter().rev().map(|record| record.entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["account_add", "create_room", "set_room", "set_room", "set_room", "delete_room"],
        "every change is there"
    );
}

#[test]
fn what_is_not_there_is_code_4() {
    let directory = one_room();
    for args in [
        &["show", "nothing"][..],
        &["show", "7", "--json"],
        &["set", "nothing", "--topic", "x"],
        &["close", "nothing", "--yes"],
        &["set", "60000", "--owner", "nobody"],
        &["set", "60000", "--category", "nothing"],
    ] {
        let answer = room(directory.path(), args).code(4).stdout("");
        assert!(stderr(&answer).starts_with("error: no such "), "{}", stderr(&answer));
    }
}

#[test]
fn wrong_usage_is_code_2_and_a_taken_name_code_1() {
    let directory = one_room();
    let path = directory.path();
    let long = "x".repeat(51);
    for args in [
        &["create", "No Category"][..],
        &["create", "x", "--category", "music", "--kind", "secret"],
        &["create", &long, "--category", "music"],
        &["create", "中", "--category", "music"],
        &["set", "60000"],
        &["set", "60000", "--speakers", "9"],
        &["set", "60000", "--slowmode", "3601"],
        &["set", "60000", "--category", "top rooms"],
        &["set", "60000", "--category", "30001"],
        &["set", "60000", "--rating", "X"],
        &["set", "60000", "--links", "nobody"],
        &["set", "60000", "--admin-code", "0"],
        &["set", "60000", "--lockword", ""],
        &["set", "60000", "--lockword", "a", "--no-lockword"],
        &["set", "60000", "--topic", "two\nlines"],
        &["set", "60000", "--new-user-mic", "perhaps"],
        &["show", "name:"],
        &["show"],
        &[],
    ] {
        room(path, args).code(2).stdout("");
    }
    let answer = room(path, &["create", "the lobby", "--category", "music"]).code(1).stdout("");
    assert!(stderr(&answer).contains("this name already"), "{}", stderr(&answer));
    room(path, &["create", "60000", "--category", "music", "--kind", "text"]).success().stdout("60001\n");
    let answer = room(path, &["show", "60000"]).code(2);
    assert!(stderr(&answer).contains("id:60000 or id:60001"), "{}", stderr(&answer));
    assert_eq!(shown(path, &["show", "name:60000", "--json"])["voice"], false);
}

#[test]
fn a_store_in_use_is_left_alone() {
    let directory = one_room();
    let store = open(directory.path());
    for args in [&["list"][..], &["create", "x", "--category", "music"], &["close", "60000", "--yes"]] {
        let told = stderr(&room(directory.path(), args).code(3).stdout(""));
        assert!(told.contains("control.sock") && told.contains("silent"), "{told}");
    }
    drop(store);
    let empty = tempfile::tempdir().unwrap();
    assert!(stderr(&room(empty.path(), &["list"]).code(1)).contains("there is no store"));
}

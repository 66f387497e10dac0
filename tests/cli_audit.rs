//! `paltalkd audit`: the audit log through the running daemon and from a stopped store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use paltalkd::model::{Author, RoomId, RoomName, Timestamp};
use paltalkd::store::{AuditEntry, AuditTarget, Change};
use serde_json::{Value, json};
use support::Server;
use support::program::program;

fn run(directory: &Path, args: &[&str]) -> Output {
    program(directory).args(args).output().unwrap()
}

fn ok(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn entries(directory: &Path, args: &[&str]) -> Vec<Value> {
    let args = [&["audit", "--json"], args].concat();
    serde_json::from_str(&ok(directory, &args)).unwrap()
}

/// What was done, the newest first.
fn actions(directory: &Path, args: &[&str]) -> Vec<String> {
    entries(directory, args).iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect()
}

fn entry(at: u64, number: usize) -> Change {
    Change::Audit(AuditEntry {
        at: Timestamp(at),
        actor: Author::System,
        action: "close_room".to_owned(),
        target: Some(AuditTarget::Room { id: RoomId(77), name: RoomName::new(b"Oak").unwrap() }),
        reason: String::new(),
        details: format!("number {number}"),
    })
}

#[test]
fn the_log_is_the_same_live_and_stopped() {
    let server = Server::start();
    let directory = server.data_dir().to_owned();
    fs::write(directory.join("config.toml"), "[server]\ndata_dir = \".\"\n").unwrap();
    let ann = server.account("Ann");
    // More than one page.
    for number in 0..450 {
        server.store().commit_blocking(entry(1_100_003_600_000, number)).unwrap();
    }
    ok(&directory, &["warn", "Ann", "--reason", "be kind"]);
    ok(&directory, &["mute", "Ann", "--for", "1h"]);
    ok(&directory, &["ban", "192.0.2.0/24", "--reason", "nest"]);
    let live = entries(&directory, &["-n", "1000"]);
    assert_eq!(live.len(), 453);
    let root = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
    let warned = live.iter().find(|row| row["action"] == "warn").unwrap();
    let at = warned["at"].clone();
    assert!(at.as_str().unwrap().ends_with('Z'), "{warned}");
    let expected = json!({
        "seq": 451, "at": at, "actor": root, "actor_uid": null, "address": null, "action": "warn",
        "target": "Ann", "target_uid": ann.0, "room": null, "reason": "be kind", "details": "",
    });
    assert_eq!(*warned, expected);
    let asked = |directory: &Path| {
        assert_eq!(actions(directory, &["-n", "3"]), ["ban", "mute", "warn"]);
        assert_eq!(actions(directory, &["--since", "1h"]), ["ban", "mute", "warn"]);
        assert_eq!(actions(directory, &["--target", "ann"]), ["mute", "warn"]);
        assert_eq!(actions(directory, &["--target", &format!("uid:{ann}")]), ["mute", "warn"]);
        assert_eq!(actions(directory, &["--target", "192.0.2.0/24"]), ["ban"]);
        assert_eq!(actions(directory, &["--actor", &root.to_uppercase(), "--action", "WARN"]), ["warn"]);
        let old = entries(directory, &["--room", "77", "--limit", "300", "--until", "2004-11-10"]);
        assert_eq!(
            (old.len(), &old[0]["details"], &old[299]["details"]),
            (300, &"number 449".into(), &"number 150".into())
        );
        assert_eq!((&old[0]["actor"], &old[0]["room"]), (&"system".into(), &77.into()));
        assert_eq!(entries(directory, &["--actor", "Nobody"]), Vec::<Value>::new());
        let table = ok(directory, &["audit", "--target", "Ann", "-n", "1"]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("NUMBER") && lines.len() == 2, "{table}");
        assert!(lines[1].contains(" UTC ") && lines[1].contains("for 1 hour"), "{table}");
    };
    asked(&directory);
    for wrong in
        [&["audit", "--since", "soon"][..], &["audit", "-n", "0"], &["audit", "--target", "a", "--room", "1"]]
    {
        assert_eq!(run(&directory, wrong).status.code(), Some(2), "{wrong:?}");
    }
    let directory = server.stop();
    asked(directory.path());
    assert_eq!(entries(directory.path(), &["-n", "1000"]), live);
}

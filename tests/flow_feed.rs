//! The activity feed and the audit log: everything that is named there happens, and what the server does of
//! itself is in both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use paltalkd::config::Config;
use paltalkd::hub::EventKind;
use paltalkd::model::{Author, Role, Timestamp, Uid};
use paltalkd::store::{
    AuditEntry, AuditQuery, Change, Filter, FilterKind, Mute, MuteKind, Store, StoreOptions,
};
use rustix::process::Signal;
use serde_json::Value;
use support::process::{LOG, Process, configure};
use support::program::program;
use support::*;

const HALL: u32 = 450;

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = program(directory);
    command.args(["--socket", "data/control.sock"]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command says that has to succeed, when it is told `input`.
fn told(directory: &Path, args: &[&str], input: &str) -> String {
    let mut child = command(directory, args).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn kinds_of(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

fn activity(directory: &Path) -> Vec<Value> {
    serde_json::from_str(&told(directory, &["activity", "-n", "10000", "--json"], "")).unwrap()
}

/// Has the service user do something; waits for its answer.
fn order(client: &mut Client, line: &str) {
    client.im(Uid::SERVICE, line);
    while !client.sync().iter().any(|packet| packet.kind == 0x0014 && packet.u32(0) == Uid::SERVICE.0) {}
}

/// What people do among themselves, and what staff do in the chat.
fn an_evening(boss: &mut Client, alice: &mut Client, bob: &mut Client) {
    for client in [&mut *boss, &mut *alice, &mut *bob] {
        client.join(HALL);
    }
    // In one piece, so that the second comes too soon on any machine.
    let lines = ["one", "two"].map(|text| bob.frame(0xfea2, &with_text(&[HALL], text.as_bytes())));
    bob.send_raw(&lines.concat());
    alice.send(0xfecf, &with_text(&[HALL, bob.uid.0], b"he hurries"));
    alice.send(0xfed4, LAB_ROOM);
    let room = alice.expect(0x0136).u32(0);
    bob.send_u32(0xfec4, &[alice.uid.0, 77, 0x082a]);
    bob.sync();
    alice.send_u32(0xfc54, &[room]);
    alice.sync();
    alice.im(bob.uid, "my casino");
    order(alice, "/kick Bob");
    boss.send_u32(0xfe84, &[HALL, bob.uid.0]);
    boss.send_u32(0xfc68, &[HALL, bob.uid.0]);
    boss.sync();
}

#[test]
fn every_kind_of_event_happens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let store_path = path.join(Config::default().store_path());
    let open = || Store::open(StoreOptions::new(&store_path)).unwrap().0;
    let store = open();
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
    let filter = Filter::new(FilterKind::Keyword, "casino");
    store.commit_blocking(Change::PutFilter { id: None, filter }).unwrap();
    let boss = make_account(&store, "Boss", [Role::Admin].into_iter().collect());
    let [alice, bob] = ["Alice", "Bob"].map(|name| make_account(&store, name, Default::default()));
    store.close().unwrap();
    drop(store);
    // Others may write to it, and the disk is never large enough.
    fs::set_permissions(path.join("data"), fs::Permissions::from_mode(0o777)).unwrap();
    let more = format!("[health]\ndisk_warn = \"1000000GiB\"\n[backup]\ndirectory = \"copies\"\n{LOG}");
    configure(path, &more);
    let mut daemon = Process::start(path, |_| {});
    let follower = command(path, &["activity", "-n", "10000", "--follow", "--json"]).spawn().unwrap();
    let follower = std::thread::spawn(move || follower.wait_with_output().unwrap());

    let mut clients = [boss, alice, bob].map(|uid| {
        let mut client = Client::connect(daemon.address("chat"));
        client.sign_in(uid);
        client
    });
    let [boss, alice, bob] = &mut clients;
    an_evening(boss, alice, bob);
    for args in [
        &["mute", "Bob", "--for", "1h"][..],
        &["unmute", "Bob"],
        &["warn", "Bob"],
        &["clear-strikes", "Bob"],
        &["broadcast", "Tea is ready"],
        &["slowmode", "5"],
        &["slowmode", "5", "--room", "450"],
        &["kick", "Alice"],
        &["ban", "Bob"],
        &["unban", "Bob"],
        &["maintenance", "run"],
    ] {
        told(path, args, "");
    }
    told(path, &["account", "add", "Nova", "--password-stdin"], "a good password\n");

    // The connections that there are do not count: their address was exempt as they came.
    configure(path, &format!("[limits]\nconnections_per_address = 1\nexempt = []\n{more}"));
    daemon.signal(Signal::HUP);
    daemon.line("read the configuration again; keys under `restart` count at the next start");
    let _one = TcpStream::connect(daemon.address("chat")).unwrap();
    for _ in 0..5 {
        Client::connect(daemon.address("chat")).rest();
    }
    let began = Instant::now();
    while !(kinds_of(&activity(path)).contains("limit") && kinds_of(&activity(path)).contains("backup")) {
        assert!(began.elapsed() < DEADLINE, "{:?}", activity(path));
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.code(), Some(0));
    let followed = String::from_utf8(follower.join().unwrap().stdout).unwrap();
    let events: Vec<Value> = followed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let all: BTreeSet<String> = EventKind::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    assert_eq!(kinds_of(&events), all);

    let texts = |kind: &str| {
        let of_kind = events.iter().filter(|event| event["kind"] == kind);
        of_kind.map(|event| event["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let limit = texts("limit");
    assert!(limit[0].starts_with("limits.connections_per_address: "), "{limit:?}");
    assert!(limit.len() <= 2 && limit[0].ends_with(" connections turned away"), "{limit:?}");
    assert!(texts("store")[0].starts_with("disk_space: only "), "{:?}", texts("store"));
    let permissions = |text: &String| text.starts_with("permissions: others may write");
    assert!(texts("health").iter().any(permissions), "{:?}", texts("health"));
    assert_eq!(texts("clear"), ["strikes and offences"]);
    assert_eq!(texts("ban"), ["for good"]);
    let expected = "in effect now: limits.connections_per_address, limits.exempt: SIGHUP";
    assert_eq!(texts("reload"), [expected]);

    let page = open().reader().audit(&AuditQuery::default()).unwrap();
    let of_itself = page.records.into_iter().map(|it| it.entry).filter(|it| it.actor == Author::System);
    let of_itself: Vec<AuditEntry> = of_itself.collect();
    let find = |action: &str| of_itself.iter().find(|entry| entry.action == action).unwrap();
    assert_eq!(find("reload").reason, "SIGHUP");
    assert!(find("backup").details.ends_with("read back and good"), "{:?}", find("backup"));
}

#[test]
fn what_the_server_does_of_itself_is_on_record() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (store, _) = Store::open(StoreOptions::new(dir.path().join("store"))).unwrap();
        store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
        let mute = Mute {
            kind: MuteKind::Text,
            until: Some(Timestamp(Timestamp::now().0 - 1)),
            reason: "noise".to_owned(),
            by: Author::System,
            at: Timestamp(1),
        };
        let uid = make_account(&store, "Ann", Default::default());
        store.commit_blocking(Change::PutMute { uid, mute }).unwrap();
        store.close().unwrap();
    }
    let missing = dir.path().join("missing/copies");
    let server = Server::start_in(dir, |config| config.backup.directory = Some(missing));
    let entries = |server: &Server| {
        let page = server.store().reader().audit(&AuditQuery::default()).unwrap();
        page.records.into_iter().map(|record| record.entry).collect::<Vec<_>>()
    };
    server.wait_for("both", |server| entries(server).len() == 2);
    let mut found = entries(&server);
    found.sort_by(|a, b| a.action.cmp(&b.action));
    let [backup, housekeeping] = &found[..] else { panic!("{found:?}") };
    assert_eq!((backup.action.as_str(), housekeeping.action.as_str()), ("backup_failed", "housekeeping"));
    assert!(backup.details.contains("missing/copies (backup.directory)"), "{backup:?}");
    let expired = "Bans and mutes that had run out: 1 deleted";
    assert!(housekeeping.details.starts_with(expired), "{housekeeping:?}");
    assert!([backup, housekeeping].iter().all(|entry| entry.actor == Author::System));
}

#[test]
fn a_disk_that_is_full_and_well_again_is_told_once_each() {
    let server = Server::start_with(|config| config.health.disk_warn = Some(usize::MAX));
    let told = || {
        let mut command = program(server.data_dir());
        let output = command.args(["--socket", "control.sock", "activity", "--json"]).output().unwrap();
        let events: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let of_store = events.iter().filter(|event| event["kind"] == "store");
        let texts = of_store.map(|event| event["text"].as_str().unwrap().to_owned());
        texts.filter(|text| text.starts_with("disk_space: ")).collect::<Vec<_>>()
    };
    assert_eq!(told().len(), 1);
    for (limit, events) in [(Some(usize::MAX - 1), 1), (None, 2), (Some(usize::MAX), 3)] {
        server.reload(|config| config.health.disk_warn = limit);
        server.wait_for("the look at the disk", |_| told().len() >= events);
        assert_eq!(told().len(), events);
    }
    assert_eq!(told()[1], "disk_space: well again");
}

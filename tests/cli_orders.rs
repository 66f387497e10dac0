//! The commands that change something on a running daemon: what they say after the effect, what the
//! effect is, and the exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use paltalkd::config::Spam;
use paltalkd::model::{Nickname, Role, RoomId, Timestamp};
use paltalkd::store::{AuditQuery, Change, Exclusion, ExclusionKind, backup};
use serde_json::Value;
use support::program::program;
use support::skipped::not_checked;
use support::{PASSWORD, Server, only, return_code};

const ANNOUNCEMENT: u16 = 0x0027;
const IM_IN: u16 = 0x0014;
const RETURN_CODE: u16 = 0x0064;
const ROOM_CLOSED: u16 = 0x017c;
const ROOM_MESSAGE_IN: u16 = 0x015e;
const SERVER_DISCONNECT: u16 = 0x044c;

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = program(directory);
    command.arg("--socket").arg("control.sock").args(args);
    command
}

fn run(server: &Server, args: &[&str]) -> Output {
    command(server.data_dir(), args).output().unwrap()
}

/// What a command says that has to succeed.
fn ok(server: &Server, args: &[&str]) -> String {
    let output = run(server, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command complains about that has to end with `code`, without a result.
fn fails(server: &Server, code: i32, args: &[&str]) -> String {
    let output = run(server, args);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{args:?}: {told}");
    told
}

fn json(server: &Server, args: &[&str]) -> Value {
    serde_json::from_str(&ok(server, args)).unwrap()
}

/// The actions in the audit log, oldest first, with who did them.
fn audited(server: &Server) -> Vec<(String, String)> {
    let page = server.store().reader().audit(&AuditQuery::default()).unwrap();
    let of = page.records.into_iter().rev().map(|record| (record.entry.action, record.entry.actor.name()));
    of.collect()
}

#[test]
fn who_is_kicked_reads_why_and_is_gone() {
    let server = Server::start();
    let uid = server.account("Ann");
    let mut ann = server.sign_in(uid);
    ann.join(450);
    let told = ok(&server, &["kick", "ann", "--reason", "too loud"]);
    assert_eq!(told, format!("kicked Ann (uid {uid}), left 1 room\n"));
    let last = ann.rest();
    assert!(only(&last, SERVER_DISCONNECT).text(0).contains("too loud"), "{last:?}");
    assert_eq!(json(&server, &["users", "--json"]), Value::Array(Vec::new()));
    assert!(fails(&server, 4, &["kick", "Ann"]).contains("not signed in"));
    assert!(fails(&server, 4, &["kick", "Nobody"]).contains("no such user: Nobody"));
    let root = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
    assert_eq!(audited(&server), [("kick".to_owned(), root)]);
}

#[test]
fn accounts_and_networks_are_banned_for_a_time_or_for_good() {
    let server = Server::start();
    let (ann, bob) = (server.account("Ann"), server.account("Bob"));
    let mut client = server.sign_in(ann);
    let told = ok(&server, &["ban", "Ann", "--for", "2h", "--reason", "spam"]);
    assert_eq!(told, format!("banned Ann (uid {ann}) for 2 hours\n"));
    assert!(only(&client.rest(), SERVER_DISCONNECT).text(0).contains("spam"));
    let mut again = server.connect();
    let challenge = again.challenge(ann);
    again.login(challenge, PASSWORD);
    assert!(return_code(&again.expect(RETURN_CODE)).2.contains("spam"));

    let far = Ipv4Addr::new(127, 0, 5, 1);
    let mut client = server.sign_in_from(bob, far);
    assert_eq!(ok(&server, &["ban", "127.0.5.0/24"]), "banned 127.0.5.0/24 for good, put 1 out\n");
    client.expect(SERVER_DISCONNECT);
    assert_eq!(ok(&server, &["ban", "192.0.2.9"]), "banned 192.0.2.9 for good, put 0 out\n");

    let bans = json(&server, &["bans", "--json"]);
    let find = |target: &str| bans.as_array().unwrap().iter().find(|ban| ban["target"] == target).unwrap();
    let account = find("Ann");
    assert_eq!((&account["scope"], &account["reason"]), (&"account".into(), &"spam".into()));
    assert!(account["until"].is_string() && account["at"].is_string() && account["by"].is_string());
    assert_eq!(account["room"], Value::Null);
    let network = find("127.0.5.0/24");
    assert_eq!((&network["scope"], &network["until"]), (&"address".into(), &Value::Null));
    assert_eq!(find("192.0.2.9")["scope"], "address");
    let table = ok(&server, &["bans"]);
    let since = account["at"].as_str().unwrap().replace('T', " ").replace('Z', " UTC");
    assert!(table.contains("Ann") && table.contains("127.0.5.0/24") && table.contains(&since), "{table}");
    let activity = json(&server, &["activity", "--json"]);
    let texts: Vec<_> = activity.as_array().unwrap().iter().filter(|it| it["kind"] == "ban").collect();
    let texts: Vec<_> = texts.iter().map(|it| it["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["for 2 hours: spam", "127.0.5.0/24 for good", "192.0.2.9 for good"]);

    assert_eq!(
        ok(&server, &["unban", "ann", "--reason", "sorry"]),
        format!("lifted the ban of Ann (uid {ann})\n")
    );
    ok(&server, &["unban", "127.0.5.0/24"]);
    ok(&server, &["unban", "192.0.2.9"]);
    assert_eq!(json(&server, &["bans", "--json"]), Value::Array(Vec::new()));
    server.sign_in(ann);
    server.sign_in_from(bob, far);

    let entry = Exclusion {
        uid: bob,
        nickname: Nickname::from_text("Bob").unwrap(),
        until: None,
        by: ann,
        at: Timestamp(1_100_003_600_000),
        reason: b"loud".to_vec(),
    };
    let exclude = Change::Exclude { room: RoomId(450), kind: ExclusionKind::Ban, entry };
    server.store().commit_blocking(exclude).unwrap();
    let bans = json(&server, &["bans", "--json"]);
    assert_eq!(
        bans,
        serde_json::json!([{
            "target": "Bob", "scope": "room", "room": 450, "until": null, "reason": "loud", "by": "Ann",
            "at": "2004-11-09T12:33:20Z",
        }])
    );
    let audit = server.store().reader().audit(&AuditQuery::default()).unwrap().records;
    let reasons: Vec<_> = audit.iter().filter(|it| it.entry.action == "unban").collect();
    assert_eq!(reasons.last().unwrap().entry.reason, "sorry", "the first of them");

    assert!(fails(&server, 4, &["unban", "Ann"]).contains("not banned"));
    assert!(fails(&server, 4, &["unban", "192.0.2.9"]).contains("not banned"));
    assert!(fails(&server, 2, &["ban", "10.0.0.0/7"]).contains("too large"));
    assert!(fails(&server, 2, &["ban", "Ann", "--for", "soon"]).contains("--for"));
    assert!(fails(&server, 2, &["ban", "Ann", "--for", "0s"]).contains("at least a second"));
}

#[test]
fn a_mute_holds_until_it_is_lifted() {
    let server = Server::start();
    let (uid, bob) = (server.account("Ann"), server.account("Bob"));
    let (mut ann, mut bob) = (server.sign_in(uid), server.sign_in(bob));
    ann.join(450);
    bob.join(450);
    let told = ok(&server, &["mute", "Ann", "--for", "30m", "--reason", "noise"]);
    assert_eq!(told, format!("muted Ann (uid {uid}) for 30 minutes\n"));
    ann.say(450, "hear me");
    ann.sync();
    assert!(bob.sync().iter().all(|packet| packet.kind != ROOM_MESSAGE_IN));
    assert_eq!(ok(&server, &["unmute", "Ann"]), format!("Ann (uid {uid}) is not muted any more\n"));
    ann.say(450, "here I am");
    assert!(bob.expect(ROOM_MESSAGE_IN).text(0).contains("here I am"));
    assert!(ok(&server, &["mute", "--media", "Ann"]).starts_with("took voice, files and calls from Ann"));
    fails(&server, 4, &["unmute", "Ann"]);
    ok(&server, &["unmute", "--media", "Ann"]);
    fails(&server, 4, &["unmute", "--media", "Ann"]);
    fails(&server, 4, &["mute", "uid:1999999"]);
}

#[test]
fn warnings_are_read_and_counted() {
    let server = Server::start();
    let uid = server.account("Ann");
    let mut ann = server.sign_in(uid);
    let told = ok(&server, &["warn", "ann", "--reason", "be kind"]);
    assert_eq!(told, format!("warned Ann (uid {uid}), who has 1 warning now\n"));
    assert!(ann.expect(IM_IN).text(4).contains("be kind"));
    assert!(ok(&server, &["warn", "ann"]).contains("2 warnings"));
    fails(&server, 4, &["warn", "Nobody"]);
}

#[test]
fn strikes_are_listed_and_cleared() {
    let server = Server::start_with(|config| config.spam = Spam::default());
    let uid = server.account("Ann");
    let mut ann = server.sign_in(uid);
    ann.join(450);
    // In one piece, so that all but the first come too soon on any machine.
    let room = 450u32.to_be_bytes();
    let words = [b"word 0", b"word 1", b"word 2"].map(|word| ann.frame(0xfea2, &[&room[..], word].concat()));
    ann.send_raw(&words.concat());
    ann.sync();
    let rows = json(&server, &["strikes", "--json"]);
    let row = &rows[0];
    assert_eq!((&row["uid"], &row["nickname"]), (&uid.0.into(), &"Ann".into()), "{rows}");
    assert_eq!(row["last_reason"], "COOLDOWN", "{rows}");
    assert!(row["violations"].as_u64().unwrap() >= 1 && row["last_detail"].is_string(), "{rows}");
    assert!(row["strikes"].is_u64() && row["stage"].is_u64() && row["muted_seconds"].is_u64());
    assert!(row["last_at"].as_str().unwrap().ends_with('Z'), "{rows}");
    assert!(ok(&server, &["strikes"]).contains("COOLDOWN"));
    let told = ok(&server, &["clear-strikes", "Ann"]);
    assert_eq!(told, format!("cleared the strikes and offences of Ann (uid {uid})\n"));
    assert_eq!(json(&server, &["strikes", "--json"]), Value::Array(Vec::new()));
}

#[test]
fn everybody_or_a_room_is_told() {
    let server = Server::start();
    let (ann, bob) = (server.account("Ann"), server.account("Bob"));
    let (mut ann, mut bob) = (server.sign_in(ann), server.sign_in(bob));
    assert_eq!(ok(&server, &["broadcast", "Tea is ready"]), "told 2 signed in\n");
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.expect(ANNOUNCEMENT).text(0), "Tea is ready");
    }
    ann.join(450);
    assert_eq!(ok(&server, &["broadcast", "--room", "450", "Only here"]), "told 1 signed in\n");
    assert!(ann.expect(ROOM_MESSAGE_IN).text(0).contains("Only here"));
    assert!(bob.sync().iter().all(|packet| !packet.text(0).contains("Only here")));
    assert!(fails(&server, 4, &["broadcast", "--room", "77", "Hello"]).contains("no room 77"));
    fails(&server, 2, &["broadcast", "  "]);
}

#[test]
fn slowmode_of_the_server_and_of_a_room() {
    let server = Server::start();
    assert_eq!(ok(&server, &["slowmode", "10"]), "slowmode of the server is 10 s\n");
    assert_eq!(ok(&server, &["slowmode", "0"]), "slowmode of the server is off\n");
    let told = ok(&server, &["slowmode", "5", "--room", "450"]);
    assert!(told.contains("(room 450) is 5 s"), "{told}");
    let room = server.store().reader().rooms().unwrap().into_iter().find(|room| room.id.0 == 450).unwrap();
    assert_eq!(room.slowmode.seconds(), 5, "kept: the room is permanent");
    fails(&server, 4, &["slowmode", "5", "--room", "77"]);
    assert!(fails(&server, 2, &["slowmode", "3601"]).contains("3600"));
}

#[test]
fn rooms_are_locked_opened_and_emptied_with_a_reason() {
    let server = Server::start();
    let mut ann = server.sign_in(server.account("Ann"));
    let told = ok(&server, &["lock-room", "450", "sesame", "--reason", "a private evening"]);
    assert!(told.contains("locked") && told.contains("(room 450)"), "{told}");
    ann.ask_to_join(450, "simsalabim");
    assert!(json(&server, &["rooms", "--json"]).as_array().unwrap().iter().any(|it| it["locked"] == true));
    ok(&server, &["unlock-room", "450", "--reason", "the evening is over"]);
    ann.join(450);
    let told = ok(&server, &["close-room", "450", "--reason", "new walls"]);
    assert!(told.contains("put 1 out"), "{told}");
    assert!(ann.expect(ROOM_CLOSED).text(0).contains("new walls"));
    let page = server.store().reader().audit(&AuditQuery::default()).unwrap();
    let whys: Vec<_> = page.records.into_iter().rev().map(|it| (it.entry.action, it.entry.reason)).collect();
    let expected = [
        ("lock_room", "a private evening"),
        ("unlock_room", "the evening is over"),
        ("close_room", "new walls"),
    ];
    assert_eq!(whys, expected.map(|(action, why)| (action.to_owned(), why.to_owned())));
    fails(&server, 4, &["lock-room", "77", "sesame"]);
    fails(&server, 4, &["unlock-room", "77"]);
    assert!(fails(&server, 2, &["lock-room", "450", ""]).contains("word"));
}

#[test]
fn a_room_is_closed_with_everybody_in_it() {
    let server = Server::start();
    let uid = server.account("Ann");
    let mut ann = server.sign_in(uid);
    ann.join(450);
    let rooms = || server.store().reader().rooms().unwrap();
    let before = rooms().len();
    assert!(fails(&server, 2, &["room", "close", "450"]).contains("--yes"));
    let closed = run(&server, &["room", "close", "welcome to paltalk", "--yes", "--reason", "new walls"]);
    let told = String::from_utf8(closed.stdout).unwrap();
    assert_eq!(
        (closed.status.code(), told.as_str()),
        (Some(0), "deleted Welcome to Paltalk (room 450), put 1 out\n")
    );
    let heard = ann.expect(ROOM_CLOSED).text(0);
    assert!(heard.contains("no more") && heard.contains("new walls"), "{heard}");
    assert!(rooms().len() == before - 1 && rooms().iter().all(|room| room.id.0 != 450));
    let open = json(&server, &["rooms", "--json"]);
    assert!(open.as_array().unwrap().iter().all(|room| room["id"] != 450), "{open}");
    fails(&server, 4, &["room", "close", "450", "--yes"]);
}

#[test]
fn maintenance_is_known_at_once_and_keeps_all_but_staff_out() {
    let server = Server::start();
    let ann = server.account("Ann");
    let root = server.account_with("Rooter", &[Role::Admin]);
    // A machine that is slow for a moment is told of first.
    let becomes = |health: &str| {
        server.wait_for(health, |server| json(server, &["status", "--json"])["health"] == health);
    };
    becomes("ok");
    assert_eq!(ok(&server, &["maintenance", "status"]), "off\n");
    let told = ok(&server, &["maintenance", "on", "--message", "new disks"]);
    assert_eq!(told, "maintenance is on; 0 signed in will be put out in 60 seconds\n");
    becomes("maintenance");
    let told = ok(&server, &["maintenance", "status"]);
    assert!(told.starts_with("on\n") && told.contains("new disks"), "{told}");
    let mut client = server.connect();
    let challenge = client.challenge(ann);
    client.login(challenge, PASSWORD);
    assert!(return_code(&client.expect(RETURN_CODE)).2.contains("new disks"));
    server.sign_in(root);
    assert!(ok(&server, &["maintenance", "off"]).contains("over"));
    becomes("ok");
    assert_eq!(ok(&server, &["maintenance", "status"]), "off\n");
    assert!(fails(&server, 1, &["maintenance", "off"]).contains("Maintenance is off already"));
    server.sign_in(ann);
}

#[test]
fn a_backup_of_the_running_daemon_is_good() {
    let server = Server::start();
    server.account("Ann");
    let told = ok(&server, &["backup", "copy.backup"]);
    assert!(told.contains("read back and good"), "{told}");
    let found = backup::verify(&server.data_dir().join("copy.backup"), &mut |_| {}).unwrap();
    assert!(found.manifest.counts().contains(&("accounts", 2)), "{:?}", found.manifest.counts());
    assert!(ok(&server, &["verify", "copy.backup"]).contains("read back and good"));
    fs::create_dir(server.data_dir().join("kept")).unwrap();
    ok(&server, &["backup", "kept", "--keep", "2"]);
    assert_eq!(fs::read_dir(server.data_dir().join("kept")).unwrap().count(), 1);
    assert!(audited(&server).iter().all(|(action, _)| action == "backup"));
    fails(&server, 2, &["backup", "copy.backup", "--keep", "2"]);
    fails(&server, 1, &["backup", "missing/copy.backup"]);
}

#[test]
fn who_has_no_right_is_refused() {
    let server = Server::start_with(|config| {
        config.control.mode = 0o666;
        config.control.observers = vec!["nogroup".to_owned()];
    });
    let ann = server.account("Ann");
    let _client = server.sign_in(ann);
    let readable = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if !nix::unistd::Uid::effective().is_root() {
        // The owner of the daemon may do everything; but the system itself can keep him out.
        readable(&server.data_dir().join("control.sock"), 0);
        assert!(fails(&server, 5, &["kick", "Ann"]).contains("the system does not let you"));
        not_checked("what observers and strangers may order", "only root can be somebody else");
        return;
    }
    readable(server.data_dir(), 0o755);
    let group = nix::unistd::Group::from_name("nogroup").unwrap().unwrap().gid.as_raw();
    let as_nobody = |gid: u32, args: &[&str]| {
        let output = command(server.data_dir(), args).uid(65_534).gid(gid).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(as_nobody(group, &["users"]).0, Some(0), "observers look");
    // The second time in ten minutes is counted only.
    for args in [&["kick", "Ann"][..], &["broadcast", "x"], &["reload"], &["shutdown"], &["kick", "Ann"]] {
        let (code, told) = as_nobody(group, args);
        assert!(code == Some(5) && told.contains("the user nobody may not do that"), "{args:?}: {told}");
    }
    assert_eq!(json(&server, &["users", "--json"]).as_array().unwrap().len(), 1);
    let stranger = command(server.data_dir(), &["users"]).uid(65_533).gid(65_533).output().unwrap();
    let told = String::from_utf8(stranger.stderr).unwrap();
    assert!(stranger.status.code() == Some(5) && told.contains("the user 65533 has no rights"), "{told}");
    // The feed is told when it is on record.
    let told = || {
        let events = json(&server, &["activity", "--json"]);
        let refused = events.as_array().unwrap().iter().filter(|event| event["kind"] == "refused");
        refused.cloned().collect::<Vec<_>>()
    };
    server.wait_for("the word of that", |_| told().len() == 5);
    assert_eq!(audited(&server).len(), 5);
    let records = server.store().reader().audit(&AuditQuery::default()).unwrap().records;
    let tried = ["kick", "broadcast", "reload", "shutdown", "connect"];
    for (index, (record, what)) in records.iter().rev().zip(tried).enumerate() {
        let (name, uid) = if index < 4 { ("nobody", 65_534) } else { ("65533", 65_533) };
        assert_eq!((record.entry.action.as_str(), record.entry.actor.name().as_str()), ("refused", name));
        let details = &record.entry.details;
        assert!(details.starts_with(&format!("{what} (user {uid}, process ")), "{details}");
    }
    assert_eq!(records.last().unwrap().entry.target.as_ref().unwrap().name(), "Ann");
    let refused = told();
    assert_eq!(refused[0]["actor"], "nobody");
    assert!(refused[0]["text"].as_str().unwrap().ends_with(" Ann"), "{refused:?}");
}

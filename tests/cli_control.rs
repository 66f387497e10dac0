//! The commands that talk to a running daemon: exit codes, JSON, tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::program::program;
use support::{Server, TROUBLES};

fn run(directory: &Path, args: &[&str]) -> Output {
    program(directory).arg("--socket").arg("control.sock").args(args).output().unwrap()
}

fn ok(server: &Server, args: &[&str]) -> String {
    let output = run(server.data_dir(), args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(server: &Server, args: &[&str]) -> Value {
    serde_json::from_str(&ok(server, args)).unwrap()
}

fn has(value: &Value, fields: &[&str]) {
    let missing: Vec<_> = fields.iter().filter(|field| value.get(field).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} in {value}");
}

#[test]
fn without_a_daemon_the_code_is_3_and_the_socket_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["status"][..], &["users", "--json"], &["activity", "--follow"], &["shutdown"]] {
        let output = run(dir.path(), args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(3), true), "{told}");
        assert!(told.contains("control.sock") && told.lines().count() == 1, "{told}");
    }
    let usage = run(dir.path(), &["users", "--limit", "0"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn scripts_find_the_fields_that_they_rely_on() {
    let server = Server::start();
    let ann = server.account("Ann");
    let mut client = server.sign_in(ann);
    let listed = json(&server, &["rooms", "--json"]);
    let room = u32::try_from(listed[0]["id"].as_u64().unwrap()).unwrap();
    client.join(room);

    server
        .wait_for("the next measurement", |server| json(server, &["status", "--json"])["users_online"] == 1);
    let status = json(&server, &["status", "--json"]);
    has(
        &status,
        &[
            "version",
            "pid",
            "uptime_seconds",
            "health",
            "health_reasons",
            "connections",
            "users_online",
            "users_idle",
            "users_away",
            "peak_users",
            "rooms_open",
            "messages_total",
            "messages_per_second",
            "deliveries_total",
            "offline_messages_pending",
            "voice_streams",
            "voice_listeners",
            "voice_packets_in",
            "voice_packets_out",
            "bytes_in",
            "bytes_out",
            "memory_bytes",
            "cpu_percent",
            "listen",
        ],
    );
    has(&status["listen"], &["chat_tcp", "voice_tcp", "voice_udp"]);
    assert_eq!(status["pid"], std::process::id());
    server
        .wait_for("a moment without trouble", |server| json(server, &["status", "--json"])["health"] == "ok");
    assert_eq!(status["listen"]["chat_tcp"][0], server.chat.to_string());
    assert!(status["closed"].is_object());

    let users = json(&server, &["users", "ann", "--json"]);
    has(
        &users[0],
        &[
            "uid",
            "nickname",
            "status",
            "idle_seconds",
            "address",
            "client",
            "connected_seconds",
            "rooms",
            "roles",
            "bytes_in",
            "bytes_out",
            "messages",
            "strikes",
            "stage",
            "muted_seconds",
        ],
    );
    assert_eq!((&users[0]["status"], &users[0]["rooms"][0]), (&"online".into(), &room.into()));
    assert_eq!(json(&server, &["users", "strikes>1", "--json"]), Value::Array(Vec::new()));

    let rooms = json(&server, &["rooms", "--sort", "members", "--descending", "-n", "1", "--json"]);
    assert_eq!(
        (rooms.as_array().unwrap().len(), &rooms[0]["id"], &rooms[0]["members"]),
        (1, &room.into(), &1.into())
    );
    has(
        &rooms[0],
        &[
            "id",
            "name",
            "category",
            "rating",
            "voice",
            "private",
            "locked",
            "permanent",
            "members",
            "speakers",
            "hands_up",
            "topic",
            "owner",
        ],
    );

    let events = json(&server, &["activity", "-n", "100", "--json"]);
    let kinds = events.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap());
    let kinds: Vec<_> = kinds.filter(|kind| !TROUBLES.contains(kind)).collect();
    assert_eq!(kinds, ["started", "sign_in", "join"]);
    has(&events[2], &["seq", "at", "kind", "actor", "target", "room", "text"]);

    let performance = json(&server, &["performance", "--json"]);
    has(
        &performance,
        &[
            "cpu_percent",
            "memory_bytes",
            "threads",
            "open_files",
            "hub_queue",
            "hub_busy_percent",
            "outbox_bytes",
            "slow_consumers_dropped",
            "store",
            "delivery_micros",
        ],
    );
    has(
        &performance["store"],
        &[
            "queries_total",
            "errors_total",
            "avg_query_micros",
            "p99_query_micros",
            "recent",
            "commit_avg_micros",
            "size_bytes",
        ],
    );
    has(&performance["delivery_micros"], &["p50", "p90", "p99", "max"]);
    assert_eq!(json(&server, &["bans", "--json"]), Value::Array(Vec::new()));
    assert_eq!(json(&server, &["strikes", "--json"]), Value::Array(Vec::new()));
}

#[test]
fn people_get_tables_and_clear_mistakes() {
    let server = Server::start();
    let ann = server.account("Ann");
    let _client = server.sign_in(ann);
    let users = ok(&server, &["users"]);
    assert!(users.starts_with("NICKNAME") && users.contains("Ann") && users.contains("127.0.0.1"), "{users}");
    assert!(ok(&server, &["status"]).contains("health"));
    assert!(ok(&server, &["performance"]).contains("delivery"));
    assert!(ok(&server, &["activity"]).contains("sign_in"));
    let wrong = run(server.data_dir(), &["users", "nik:ann"]);
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && told.contains("did you mean"), "{told}");
    let done = ok(&server, &["backup", "copy.backup"]);
    assert!(done.contains("read back and good"), "{done}");
    assert!(server.data_dir().join("copy.backup").exists());
    let again = run(server.data_dir(), &["backup", "missing/copy.backup"]);
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn packagers_get_completions_and_pages() {
    let dir = tempfile::tempdir().unwrap();
    let script = run(dir.path(), &["completions", "bash"]);
    assert!(script.status.success() && String::from_utf8_lossy(&script.stdout).contains("performance"));
    assert!(run(dir.path(), &["man", "pages"]).status.success());
    let page = std::fs::read_to_string(dir.path().join("pages/paltalkd-activity.1")).unwrap();
    assert!(page.contains("follow"));
}

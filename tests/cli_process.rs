//! Commands against a daemon in a process of its own: what scripts rely on, exit codes included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Instant;

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use support::process::{LOG, Process, account, configure, with_alice};
use support::program::program;
use support::skipped::not_checked;
use support::{Client, DEADLINE, TROUBLES};

const ANNOUNCEMENT: u16 = 0x0027;
/// How many lines, one a second, something may take to show.
const LINES: usize = 20;

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = program(directory);
    command.args(args);
    command
}

/// What a command prints and tells that has to end with `code`.
fn run(directory: &Path, code: i32, args: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } = command(directory, args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{args:?}: {stdout}{stderr}");
    (stdout, stderr)
}

fn ok(directory: &Path, args: &[&str]) -> String {
    run(directory, 0, args).0
}

fn json(directory: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&ok(directory, args)).unwrap()
}

/// A command that goes on until it is killed.
struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The number of the last event.
    seq: Option<u64>,
}

fn is_trouble(event: &Value) -> bool {
    TROUBLES.contains(&event["kind"].as_str().unwrap())
}

impl Following {
    fn new(directory: &Path, args: &[&str]) -> Following {
        let mut child = command(directory, args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Following { child, lines, seq: None }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the command ended").unwrap()
    }

    /// The next object. Events come without a gap, and those that tell how the machine is are passed over.
    fn object(&mut self) -> Value {
        loop {
            let line = self.line();
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let Some(seq) = value["seq"].as_u64() else { return value };
            assert!(self.seq.replace(seq).is_none_or(|before| seq == before + 1), "{value}");
            if !is_trouble(&value) {
                return value;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn reload_names_what_counts_now_and_what_needs_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path, LOG);
    let _daemon = Process::start(path, |_| {});
    assert_eq!(ok(path, &["reload"]), "nothing has changed\n");
    let more =
        format!("[limits]\nmax_connections = 7\nidle_timeout = \"5m\"\n[store]\ncache = \"2MiB\"\n{LOG}");
    configure(path, &more);
    let told = ok(path, &["reload", "--reason", "fewer people"]);
    assert_eq!(
        told,
        "in effect now: limits.max_connections, limits.idle_timeout; at the next start: store.cache\n"
    );
    let events = json(path, &["activity", "-n", "9", "--json"]);
    let last = events.as_array().unwrap().iter().rfind(|event| !is_trouble(event)).unwrap();
    assert_eq!(last["kind"], "reload");
    assert!(last["text"].as_str().unwrap().ends_with("store.cache: fewer people"), "{events}");
    configure(path, &format!("[limits]\nmax_conections = 9\n{LOG}"));
    // Whether the command reads it or the daemon does.
    let (printed, told) = run(path, 2, &["--socket", "data/control.sock", "reload"]);
    assert!(printed.is_empty() && told.contains("config.toml:9: limits.max_conections"), "{told}");
    let (printed, told) = run(path, 2, &["reload"]);
    assert!(
        printed.is_empty() && told.contains("max_conections") && told.contains("max_connections"),
        "{told}"
    );
    let health = || json(path, &["--socket", "data/control.sock", "status", "--json"])["health"].clone();
    let began = Instant::now();
    while health() != "ok" {
        assert!(began.elapsed() < DEADLINE, "{}", health());
    }
}

#[test]
fn housekeeping_says_what_it_did() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path, &format!("[store]\nhistory = \"1ms\"\n{LOG}"));
    let _daemon = Process::start(path, |_| {});
    ok(path, &["broadcast", "Tea"]);
    let told = ok(path, &["maintenance", "run", "--reason", "spring"]);
    let lines: Vec<&str> = told.lines().collect();
    let wanted = ["Bans and mutes", "Messages that waited", "Activity that was too old", "Logs: ", "Store: "];
    for (line, what) in lines.iter().zip(wanted) {
        assert!(line.starts_with(what), "{told}");
    }
    assert_eq!(lines.len(), wanted.len(), "{told}");
    // That it was done is what has happened since.
    let events = json(path, &["activity", "-n", "9", "--json"]);
    let events: Vec<&Value> = events.as_array().unwrap().iter().filter(|it| !is_trouble(it)).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    let text = events[0]["text"].as_str().unwrap();
    assert_eq!(text, format!("{}: spring", lines.join("; ")));
}

#[test]
fn who_is_signed_in_reads_when_and_why_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let (mut daemon, mut client) = with_alice(path);
    let mut following = Following::new(path, &["activity", "--follow", "--json", "-n", "9"]);
    while following.object()["kind"] != "sign_in" {}
    let told = ok(path, &["shutdown", "--grace", "10m", "--reason", "new disk"]);
    assert_eq!(told, "the daemon will stop in 600 s\n");
    let notice = client.expect(ANNOUNCEMENT).text(0);
    assert!(notice.contains("in 10 minutes") && notice.contains("new disk"), "{notice}");
    assert!(run(path, 1, &["shutdown"]).1.contains("stopping already"));
    // Told once, with who and why.
    let event = following.object();
    assert_eq!((&event["kind"], &event["text"]), (&"stopping".into(), &"in 600 s: new disk".into()));
    assert!(event["actor"].is_string());
    // Nobody is left to wait for.
    client.close();
    assert_eq!(daemon.code(), Some(0));
    let rest: Vec<String> = following.lines.by_ref().map(Result::unwrap).collect();
    assert!(rest.iter().all(|line| !line.contains("\"stopping\"")), "{rest:?}");
    assert_eq!(following.child.wait().unwrap().code(), Some(1), "it cannot follow any more");
}

#[test]
fn what_follows_comes_line_by_line_without_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    // As many files as that may be open on any machine: nothing is wrong.
    configure(path, &format!("[limits]\nmax_connections = 10\n{LOG}"));
    let alice = account(path, "Alice");
    let daemon = Process::start(path, |_| {});
    let mut events = Following::new(path, &["activity", "--follow", "--json", "-n", "10"]);
    let first = events.object();
    assert_eq!(first["kind"], "started");
    let mut client = Client::connect(daemon.address("chat"));
    client.sign_in(alice);
    client.join(450);
    ok(path, &["broadcast", "Tea"]);
    for (kind, actor) in [("sign_in", Some("Alice")), ("join", Some("Alice")), ("broadcast", None)] {
        let event = events.object();
        assert_eq!(event["kind"], kind, "{event}");
        assert!(actor.is_none_or(|actor| event["actor"] == actor), "{event}");
        assert!(event["at"].as_str().unwrap().ends_with('Z'), "{event}");
    }
    let mut people = Following::new(path, &["activity", "--follow", "-n", "1"]);
    assert!(people.line().contains("broadcast") && events.child.try_wait().unwrap().is_none());

    let mut status = Following::new(path, &["status", "--follow", "--json"]);
    client.say(450, "one");
    let mut lines = (0..LINES).map(|_| status.object());
    let told = lines.find(|told| told["top_talkers"][0]["messages"] == 1).expect("nobody has talked");
    assert_eq!((&told["top_talkers"][0]["nickname"], &told["users_active"]), (&"Alice".into(), &1.into()));
    let room = &told["busiest_rooms"][0];
    assert_eq!((&room["id"], &room["members"], &room["messages"]), (&450.into(), &1.into(), &1.into()));
    assert!(room["name"].is_string());
    assert_eq!((&told["counters"]["sign_ins"], &told["peaks"]["rooms_open"]), (&1.into(), &1.into()));
    for (part, names) in [
        ("counters", &["registrations", "sign_ins_refused", "packets_malformed", "throttled"][..]),
        ("control", &["accepted", "answered", "malformed", "refused", "stalled"]),
        ("peaks", &["connections", "messages_per_second", "voice_streams"]),
    ] {
        assert!(names.iter().all(|name| told[part][name].is_number()), "{part}: {told}");
    }
    assert!(
        told["control"]["answered"].as_u64().unwrap() >= 1 && told["control"]["accepted"].as_u64() >= Some(3)
    );
    let mut performance = Following::new(path, &["performance", "--follow", "--json"]);
    assert!(performance.object()["store"]["recent"].as_array().unwrap().len() <= 100);
    performance.object();
    let mut table = Following::new(path, &["status", "--follow"]);
    let mut seen = vec![table.line()];
    while !seen.last().unwrap().is_empty() {
        seen.push(table.line());
    }
    assert!(table.line().starts_with("health"), "and again");
    let has = |what: &str| seen.iter().any(|line| line.contains(what));
    assert!(has("Alice 1") && has("sign_ins 1") && has("1 active"), "{seen:?}");
}

#[test]
fn each_way_to_end_has_its_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(
        path,
        &format!("[control]\nobservers = [\"nogroup\"]\nmode = \"0666\"\n{LOG}directory = \"\"\n"),
    );
    let (_, told) = run(path, 3, &["status"]);
    assert!(told.contains("control.sock") && told.lines().count() == 1, "{told}");
    // The store may not write more than it has by now, as on a full disk: the shell passes on that the
    // system is to say so instead of killing it.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_paltalkd")]);
    let mut daemon = Process::run(path, shell, |_| {});
    run(path, 0, &["status"]);
    run(path, 1, &["backup", "missing/copy.backup"]);
    run(path, 2, &["users", "--limit", "0"]);
    run(path, 2, &["users", "nik:ann"]);
    run(path, 4, &["kick", "Nobody"]);
    run(path, 4, &["unban", "192.0.2.1"]);
    run(path, 4, &["room", "show", "Nowhere"]);
    let data = path.join("data");
    if nix::unistd::Uid::effective().is_root() {
        for open in [path, data.as_path()] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let group = nix::unistd::Group::from_name("nogroup").unwrap().unwrap().gid.as_raw();
        let as_nobody = |args: &[&str]| {
            let output = command(path, args).uid(65_534).gid(group).output().unwrap();
            output.status.code()
        };
        assert_eq!(as_nobody(&["users"]), Some(0));
        assert_eq!(as_nobody(&["kick", "Nobody"]), Some(5));
    } else {
        not_checked("the exit code of who may not kick", "only root can be somebody else");
    }
    fs::set_permissions(data.join("control.sock"), fs::Permissions::from_mode(0o666)).unwrap();
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    prlimit(Some(daemon.pid()), Resource::Fsize, none).unwrap();
    let output = command(path, &["broadcast", "Is there room?"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(1) => assert!(output.stdout.is_empty() && told.lines().count() == 1, "{told}"),
        // The index writes by itself, too: the daemon may have found out before, and be gone.
        Some(3) => assert!(told.contains("control.sock"), "{told}"),
        code => panic!("{code:?}: {told}"),
    }
    // Not the last line for sure: the threads of sled that write files may speak until the process is gone.
    daemon.line("ended: the store cannot write any more");
    assert_eq!(daemon.code(), Some(6));
    configure(path, "[chat]\nmode = 1\n");
    run(path, 2, &["serve"]);
}

#[test]
fn a_signal_while_it_stops_by_order_ends_it_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let (mut daemon, mut client) = with_alice(path);
    ok(path, &["shutdown", "--grace", "1h"]);
    client.expect(ANNOUNCEMENT);
    daemon.signal(Signal::TERM);
    daemon.line("ended at once by a second signal");
    assert_eq!(daemon.code(), Some(0));
}

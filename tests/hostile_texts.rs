//! Texts with control characters, escapes, line ends and letters that turn the reading order: they reach no line of a
//! log, of the activity feed or of the audit log as they are, in no form, whoever writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::Instant;

use paltalkd::config::Config;
use paltalkd::model::{Role, Roles, Timestamp, Uid};
use paltalkd::protocol::catalogue::{CATALOGUE, Direction};
use paltalkd::store::{Change, Filter, FilterKind, Store, StoreOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::process::configure;
use support::program::program;
use support::*;

const HALL: u32 = 450;
const SOCKET: &str = "data/control.sock";
/// What every hostile text has in it, so that it can be seen that it got somewhere.
const MARK: &str = "Mallory";
/// A line that would look like one of the log.
const FORGED: &str = "2026-01-01T00:00:00.000000Z  INFO paltalkd: forged";

/// What a client of Windows-1252 can write: colours, a title, bells, line ends, C1 and a soft hyphen.
fn hostile() -> Vec<u8> {
    let text = format!("{MARK}\x1b[2J\x1b]0;x\x07\r\n{FORGED}\n\x08\x7f");
    [text.as_bytes(), b"\x81\x8d\x8f\x90\x9d\xad\x00 end"].concat()
}

/// What operators and browsers can write besides.
fn hostile_unicode() -> String {
    format!("{MARK}\x1b[2J\u{9b}1m\u{85}\u{202e}\u{2066}\u{200b}\u{2028}\r\n{FORGED}\n end")
}

/// Whether a letter does something to whoever looks at it, or to what stands around it.
fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Takes everything that was printed or logged; each line has to begin as `begins` says.
fn check(what: &str, text: &str, begins: impl Fn(&str) -> bool) {
    for line in text.lines() {
        assert!(!line.chars().any(harmful), "{what}: {line:?}");
        assert!(begins(line), "{what}: {line:?}");
    }
}

/// A daemon in a process of its own that logs in either form.
struct Daemon {
    child: Child,
    chat: SocketAddr,
    http: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Daemon {
    fn start(directory: &Path) -> Daemon {
        let log = fs::File::create(directory.join("stderr")).unwrap();
        let child = program(directory).arg("serve").stderr(log).spawn().unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Daemon { child, chat: nowhere, http: nowhere };
        let began = Instant::now();
        let status: Value = loop {
            let status = program(directory).args(["status", "--json", "--socket", SOCKET]).output().unwrap();
            if status.status.success() {
                break serde_json::from_slice(&status.stdout).unwrap();
            }
            assert!(began.elapsed() < DEADLINE, "{}", fs::read_to_string(directory.join("stderr")).unwrap());
        };
        let address = |of: &str| status["listen"][of][0].as_str().unwrap().parse().unwrap();
        (daemon.chat, daemon.http) = (address("chat_tcp"), address("http"));
        daemon
    }

    fn sign_in(&self, uid: Uid) -> Client {
        let mut client = Client::connect(self.chat);
        client.sign_in(uid);
        client
    }

    fn ask_http(&self, request: &[u8]) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        // What is no request may be cut off.
        _ = stream.write_all(request);
        _ = stream.read_to_end(&mut Vec::new());
    }
}

/// A command with its output.
fn run(directory: &Path, args: &[&str]) -> String {
    let output = program(directory).args(args).args(["--socket", SOCKET]).output().unwrap();
    // Whoever has typed nonsense himself is shown it.
    if output.status.code() != Some(2) {
        check(&format!("stderr of {args:?}"), &String::from_utf8(output.stderr).unwrap(), |_| true);
    }
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that a client may send, with hostile texts in it, signed in and not.
fn talk(daemon: &Daemon, uid: Uid) {
    let records = [b"nickname=".as_slice(), &hostile(), b"\nname=", &hostile(), b"\npassword=1"].concat();
    for row in CATALOGUE.iter().filter(|row| row.direction != Direction::ToClient) {
        for mut client in [Client::connect(daemon.chat), daemon.sign_in(uid)] {
            for words in [&[][..], &[HALL], &[HALL, uid.0], &[uid.0]] {
                for text in [&hostile(), &records] {
                    let frame = client.frame(row.packet_type.0, &with_text(words, text));
                    // Some of it ends the connection.
                    client.try_send_raw(&frame);
                }
            }
            _ = client.stream().shutdown(Shutdown::Write);
            client.rest();
        }
    }
}

fn browse(daemon: &Daemon) {
    let percent: String = hostile_unicode().bytes().map(|byte| format!("%{byte:02x}")).collect();
    for path in [percent.as_bytes(), b"Mallory\xe2\x80\xae\xc2\x9b", &hostile()] {
        let request = [b"GET /", path, b"?", path, b" HTTP/1.0\r\nUser-Agent: ", path, b"\r\n\r\n"];
        daemon.ask_http(&request.concat());
        daemon.ask_http(&[path, b" / HTTP/1.0\r\n\r\n"].concat());
    }
    for nickname in [percent.as_str(), "Mallory%9b%90"] {
        let form = format!("nickname={nickname}&password=a+secret&again=a+secret&email=x");
        let length = form.len();
        daemon.ask_http(
            format!("POST /webreg.html HTTP/1.0\r\nContent-Type: x; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{form}")
                .as_bytes(),
        );
    }
}

/// Staff who are careless with what they paste.
fn order(boss: &mut Client, bob: Uid) {
    let hostile = hostile();
    for command in [
        &b"/warn Bob "[..],
        b"/mute Bob 1h ",
        b"/unmute Bob ",
        b"/kick Bob ",
        b"/ban 192.0.2.7 1h ",
        b"/ban Bob 1h ",
        b"/unban Bob ",
        b"/broadcast ",
        b"/filter add ",
        b"/filter add -regex ",
        b"/filter test ",
        b"/link allow ",
        b"/antispam set flood ",
        b"/antispam set ",
        b"/slowmode server ",
        b"/maintenance on ",
        b"/maintenance off ",
        b"/auditlog by=",
        b"/help ",
        b"/info ",
        b"/restrict Bob 1h ",
        b"/notice ",
        b"/close Lobby ",
        b"/",
    ] {
        boss.send(0xffec, &with_text(&[Uid::SERVICE.0], &[command, &hostile].concat()));
        boss.send(0xfea2, &with_text(&[HALL], &[command, &hostile].concat()));
    }
    boss.send(0xfea2, &with_text(&[HALL], &[b"/t ", &hostile[..]].concat()));
    boss.send(0xfecf, &with_text(&[HALL, bob.0], &hostile));
    boss.sync();
}

/// A store with a boss, Bob and Mallory, and rules and settings that nobody can use.
fn people(directory: &Path) -> [Uid; 3] {
    let path = directory.join(Config::default().store_path());
    let (store, _) = Store::open(StoreOptions::new(path)).unwrap();
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
    let filter = Filter::new(FilterKind::Regex, format!("({}", hostile_unicode()));
    _ = store.commit_blocking(Change::PutFilter { id: None, filter });
    for name in ["antispam.flood", "slowmode"] {
        let value = hostile_unicode();
        _ = store.commit_blocking(Change::SetSetting { name: name.to_owned(), value });
    }
    let admin: Roles = [Role::Admin].into_iter().collect();
    let people = [("Boss", admin), ("Bob", Roles::default()), (MARK, Roles::default())];
    let people = people.map(|(name, roles)| make_account(&store, name, roles));
    store.close().unwrap();
    people
}

/// What becomes of hostile texts in a daemon that logs everything in this form, and how its lines look.
fn evening(format: &str, is_line: impl Fn(&str) -> bool + Copy) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let limits =
        "[limits]\npackets_per_second = 10000\n[spam]\ncooldown = \"1ms\"\nmessages_per_window = 1000\n";
    configure(path, &format!("[log]\nformat = \"{format}\"\nlevel = \"trace\"\n{limits}"));
    let [boss, bob, mallory] = people(path);
    let mut daemon = Daemon::start(path);
    let mut client = daemon.sign_in(boss);
    client.join(HALL);
    let _bob = daemon.sign_in(bob);
    talk(&daemon, mallory);
    browse(&daemon);
    order(&mut client, bob);
    let text = hostile_unicode();
    for order in ["warn", "kick", "mute", "unmute", "ban", "unban", "clear-strikes"] {
        run(path, &[order, "Bob", "--reason", &text]);
    }
    for order in
        [&["broadcast"][..], &["warn"], &["ban"], &["room", "close"], &["account", "show"], &["users"]]
    {
        run(path, &[order, &[text.as_str()]].concat());
    }

    let dated = |line: &str| line.starts_with("20") && !line.starts_with("2026-01-01");
    let activity = run(path, &["activity", "-n", "10000"]);
    check("activity", &activity, dated);
    assert!(activity.contains(MARK));
    let audit = run(path, &["audit", "-n", "1000"]);
    check("audit", &audit, |line| !line.starts_with("2026-01-01"));
    assert!(audit.contains(MARK));
    for list in ["activity", "audit", "users", "rooms", "bans", "strikes", "status"] {
        let said = run(path, &[list, "--json"]);
        check(&format!("{list} --json"), &said, |_| true);
        serde_json::from_str::<Value>(&said).unwrap();
        check(list, &run(path, &[list]), |_| true);
    }
    kill_process(Pid::from_child(&daemon.child), Signal::TERM).unwrap();
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));

    let mut logs = vec![path.join("stderr")];
    logs.extend(fs::read_dir(path.join("data/logs")).unwrap().map(|entry| entry.unwrap().path()));
    assert!(logs.len() > 1);
    for log in logs {
        let text = fs::read_to_string(&log).unwrap();
        check(&log.display().to_string(), &text, is_line);
        assert!(text.matches(MARK).count() > 10, "{text}");
    }
}

#[test]
fn nothing_steers_who_reads_a_log_as_text() {
    evening("text", |line| {
        line.starts_with("20") && line.get(10..11) == Some("T") && !line.starts_with("2026-01-01")
    });
}

#[test]
fn nothing_steers_who_reads_a_log_as_json() {
    evening("json", |line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["fields"].is_object()));
}

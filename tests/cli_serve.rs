//! `paltalkd serve` as an operator sees it: ready, stopped by a signal, refused with a reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use program::program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

/// Kills the daemon of a test that fails before it has stopped it.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn configure(directory: &Path, chat: &str, http: &str) {
    let text = format!(
        "[chat]\nlisten = [\"{chat}\"]\n[voice]\nlisten_tcp = []\nlisten_udp = []\n\
         [http]\nlisten = [\"{http}\"]\n[log]\nformat = \"json\"\n"
    );
    fs::write(directory.join("config.toml"), text).unwrap();
}

#[test]
fn it_says_when_it_is_ready_and_stops_on_a_signal() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "127.0.0.1:0", "127.0.0.1:0");
    let child = program(directory.path()).arg("serve").stderr(Stdio::piped()).spawn().unwrap();
    let mut daemon = Daemon(child);
    let mut lines = BufReader::new(daemon.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let ready = lines.find(|line| line.contains("\"ready\"")).expect("the daemon ended before it was ready");
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let http = ready["fields"]["http"].as_str().unwrap().trim_matches(['[', ']']).to_owned();

    let health = || {
        let mut stream = TcpStream::connect(&http).unwrap();
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let began = Instant::now();
    while !health().contains("\"status\":\"ok\"") {
        assert!(began.elapsed() < DEADLINE, "{}", health());
    }

    let list = program(directory.path()).args(["account", "list", "--json"]).output().unwrap();
    assert_eq!((list.status.code(), list.stdout.as_slice()), (Some(0), &b"[]\n"[..]), "{list:?}");

    kill_process(Pid::from_child(&daemon.0), Signal::TERM).unwrap();
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    let last = lines.last().unwrap();
    assert!(last.contains("\"stopped\""), "{last}");
    let mut logs = fs::read_dir(directory.path().join("data/logs")).unwrap();
    let log = fs::read_to_string(logs.next().unwrap().unwrap().path()).unwrap();
    assert!(log.contains("\"ready\"") && log.lines().last().unwrap().contains("\"stopped\""), "{log}");

    let list = program(directory.path()).args(["account", "list", "--json"]).output().unwrap();
    assert_eq!((list.status.code(), list.stdout.as_slice()), (Some(0), &b"[]\n"[..]), "{list:?}");

    // The server's own user is nobody's account.
    for args in [
        &["passwd", "paltalk", "--password-stdin"][..],
        &["set", "paltalk", "--no-role", "admin"],
        &["delete", "paltalk", "--yes"],
    ] {
        let refused = program(directory.path()).arg("account").args(args).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("the server's own user"), "{refused:?}");
    }
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), &address, "127.0.0.1:0");
    let output = program(directory.path()).arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&address) && told.contains("chat.listen"), "{told}");
}

#[test]
fn an_operator_stops_it_by_a_command() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "127.0.0.1:0", "127.0.0.1:0");
    let child = program(directory.path()).arg("serve").stderr(Stdio::piped()).spawn().unwrap();
    let mut daemon = Daemon(child);
    let mut lines = BufReader::new(daemon.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.contains("\"ready\"")).expect("the daemon ended before it was ready");
    let second = program(directory.path()).arg("serve").output().unwrap();
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(second.status.code() == Some(1) && told.contains("another daemon is running here"), "{told}");
    let stop = program(directory.path()).args(["shutdown", "--reason", "new disk"]).output().unwrap();
    assert_eq!(stop.status.code(), Some(0), "{stop:?}");
    assert!(String::from_utf8_lossy(&stop.stdout).contains("stopping"), "{stop:?}");
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    assert!(lines.last().unwrap().contains("\"stopped\""));
    assert!(!directory.path().join("data/control.sock").exists());
}

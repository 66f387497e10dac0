//! The life of the process: readiness and watchdog as a service manager sees them, reload, stop, logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use paltalkd::config::Config;
use paltalkd::store::{Store, StoreOptions};
use rustix::process::Signal;
use serde_json::Value;
use support::DEADLINE;
use support::process::{LOG, Process, configure, with_alice};
use support::program::program;

const ANNOUNCEMENT: u16 = 0x0027;

/// The service manager's end.
struct Manager(UnixDatagram);

impl Manager {
    fn new(directory: &Path) -> Manager {
        let socket = UnixDatagram::bind(directory.join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Manager(socket)
    }

    /// The next message in which a line begins with `what`.
    fn hear(&self, what: &str) -> String {
        let mut bytes = [0; 4096];
        loop {
            let count = self.0.recv(&mut bytes).unwrap_or_else(|error| panic!("no {what}: {error}"));
            let message = String::from_utf8_lossy(&bytes[..count]).into_owned();
            if message.lines().any(|line| line.starts_with(what)) {
                return message;
            }
        }
    }
}

#[test]
fn a_service_manager_hears_how_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path, LOG);
    let manager = Manager::new(path);
    let mut daemon = Process::start(path, |command| {
        command.env("NOTIFY_SOCKET", path.join("notify")).env("WATCHDOG_USEC", "300000");
    });
    assert!(manager.hear("READY=1").contains("STATUS=0 connections"));
    for _ in 0..3 {
        manager.hear("WATCHDOG=1");
    }

    configure(
        path,
        &format!(
            "location = \"192.0.2.10:5001\"\n[limits]\nmax_connections = 7\n[store]\ncache = \"2MiB\"\n{LOG}level = \"debug\"\n"
        ),
    );
    daemon.signal(Signal::HUP);
    assert!(manager.hear("RELOADING=1").contains("MONOTONIC_USEC="));
    manager.hear("READY=1");
    let told = daemon.line("read the configuration again; keys under `restart` count at the next start");
    assert_eq!(told["applied"], "[\"http.location\", \"limits.max_connections\", \"log.level\"]");
    assert_eq!(told["restart"], "[\"store.cache\"]");

    configure(path, &format!("[limits]\nmax_conections = 9\nidle_timeout = 5\n{LOG}"));
    daemon.signal(Signal::HUP);
    manager.hear("RELOADING=1");
    manager.hear("READY=1");
    let mistake = |line: Value| line.as_str().unwrap().to_owned();
    let all: Vec<String> = (0..3).map(|_| mistake(next_error(&mut daemon))).collect();
    assert!(
        all[0].contains("config.toml:9: limits.max_conections") && all[0].contains("max_connections"),
        "{all:?}"
    );
    assert!(all[1].contains("config.toml:10: limits.idle_timeout"), "{all:?}");
    assert!(all[2].contains("everything stays as it was"), "{all:?}");
    // Still the file before that: no level but debug would have this line.
    drop(TcpStream::connect(daemon.address("chat")).unwrap());
    daemon.line("connected");

    daemon.signal(Signal::TERM);
    let last = manager.hear("STOPPING=1");
    assert!(last.contains("EXTEND_TIMEOUT_USEC="), "{last}");
    assert_eq!(daemon.code(), Some(0));
}

fn next_error(daemon: &mut Process) -> Value {
    for line in &mut daemon.log {
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        // But for troubles of the machine.
        if value["level"] == "ERROR" && value["fields"]["cause"].is_null() {
            return value["fields"]["message"].clone();
        }
    }
    panic!("the daemon ended");
}

#[test]
fn a_signal_ends_it_in_good_order_and_users_read_why() {
    let directory = tempfile::tempdir().unwrap();
    let (mut daemon, mut client) = with_alice(directory.path());
    daemon.signal(Signal::TERM);
    let notice = client.expect(ANNOUNCEMENT).text(0);
    assert!(notice.contains("shutting down now"), "{notice}");
    client.close();
    let summary = daemon.line("stopped");
    assert_eq!(
        (&summary["sign_ins"], &summary["connections"], &summary["cut_off"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(daemon.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let directory = tempfile::tempdir().unwrap();
    // One who does not close his side is waited for.
    let (mut daemon, client) = with_alice(directory.path());
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::INT);
    daemon.line("ended at once by a second signal");
    assert_eq!(daemon.code(), Some(0));
    // Nothing is lost by that.
    let (store, report) =
        Store::open(StoreOptions::new(directory.path().join(Config::default().store_path()))).unwrap();
    assert!(report.rebuilt.is_none() && store.reader().account(client.uid).unwrap().is_some(), "{report}");
}

#[test]
fn a_full_disk_shows_in_the_health_and_goes_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    // No disk has as much as that free.
    configure(directory.path(), &format!("[health]\ndisk_degraded = \"4000000GiB\"\n{LOG}"));
    let mut daemon = Process::start(directory.path(), |_| {});
    let answer = daemon.health();
    assert!(answer.starts_with("HTTP/1.0 503") || answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"degraded\"") && answer.contains("disk_space: only"), "{answer}");
    configure(directory.path(), &format!("[health]\ndisk_warn = 0\ndisk_degraded = 0\n{LOG}"));
    daemon.signal(Signal::HUP);
    while daemon.line("well again")["cause"] != "disk_space" {}
    let answer = daemon.health();
    assert!(answer.contains(" 200 ") && answer.contains("\"ok\""), "{answer}");
}

#[test]
fn log_files_follow_each_other_and_are_compressed() {
    let directory = tempfile::tempdir().unwrap();
    let small = format!("{LOG}max_size = \"4KiB\"\n");
    configure(directory.path(), &small);
    let daemon = Process::start(directory.path(), |_| {});
    // Every mistake in a configuration is a line.
    let mistakes: String = (0..40).map(|number| format!("mistake{number} = 1\n")).collect();
    configure(directory.path(), &format!("{mistakes}{small}"));
    let logs = directory.path().join("data/logs");
    let compressed = || {
        let names = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().ends_with(".log.zst")).count()
    };
    let began = Instant::now();
    while compressed() == 0 {
        assert!(began.elapsed() < DEADLINE, "no log file was compressed");
        daemon.signal(Signal::HUP);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_data_directory_that_cannot_be_used_is_refused_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "[log]\ndirectory = \"\"\n[server]\ndata_dir = \"taken\"\n");
    fs::write(directory.path().join("taken"), "").unwrap();
    let output = program(directory.path()).arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("server.data_dir") && told.contains("taken"), "{told}");
}

#[test]
fn a_start_waits_for_a_command_that_has_the_store_for_a_moment() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), LOG);
    let options = StoreOptions::new(directory.path().join(Config::default().store_path()));
    let (store, _) = Store::open(options).unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_paltalkd"));
    let mut daemon = Process::spawn(directory.path(), program, |_| {});
    daemon.line("another process has the store; waiting for it");
    drop(store);
    daemon.await_ready();
}

//! The calendar is set while the daemon runs, and wrong when it starts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::process::{LOG, Process, account, configure};
use support::program::program;
use support::skipped::not_checked;
use support::{Client, DEADLINE};

const DAY: i64 = 24 * 3600;
const IM: u16 = 0x0014;
const ADD_PAL: u16 = 0xffbd;
const BUDDY_LIST: u16 = 0x0043;

/// The calendar of a daemon, which can be set.
struct Calendar {
    library: PathBuf,
    file: File,
    path: PathBuf,
}

impl Calendar {
    /// `None` where there is no C compiler.
    fn new(directory: &Path) -> Option<Calendar> {
        let library = directory.join("clock.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/clock.c");
        let compiled =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        if !compiled.is_ok_and(|status| status.success()) {
            return None;
        }
        let path = directory.join("clock");
        fs::write(&path, [0; 8]).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        Some(Calendar { library, file, path })
    }

    /// Sets it to so many seconds after the right time.
    fn set(&self, seconds: i64) {
        self.file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    fn start(&self, directory: &Path) -> Process {
        Process::start(directory, |command| {
            command.env("LD_PRELOAD", &self.library).env("TEST_CLOCK", &self.path);
        })
    }
}

/// What comes to somebody until he is answered.
fn messages(client: &mut Client) -> Vec<String> {
    client.sync().iter().filter(|packet| packet.kind == IM).map(|packet| packet.text(4)).collect()
}

#[test]
fn a_calendar_that_jumps_drops_nobody_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let Some(calendar) = Calendar::new(path) else {
        return not_checked("a calendar that is set while the daemon runs", "no C compiler");
    };
    configure(path, LOG);
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(path, name));
    let mut daemon = calendar.start(path);
    let (mut alice_client, mut bob_client) = (daemon.sign_in(alice), daemon.sign_in(bob));
    assert!(!daemon.health().contains("clock: "), "{}", daemon.health());
    alice_client.im(carol, "for when you are back");
    alice_client.sync();
    // What is begun at the start must not see the calendar set: this waits for it.
    for order in [&["maintenance", "run"][..], &["mute", "Bob", "--for", "1h"]] {
        let done = program(path).args(order).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
    // Whether a message of Bob, said now, reaches Alice.
    let mut heard = |text: &str| {
        bob_client.im(alice, text);
        bob_client.sync();
        messages(&mut alice_client).contains(&text.to_owned())
    };
    assert!(!heard("while muted"));

    // By the wrong calendar the mute has run out, by the right one it has not.
    calendar.set(3 * DAY);
    assert!(heard("three days later"));
    calendar.set(0);
    assert!(!heard("back again"));
    calendar.set(-10 * DAY);
    assert!(!heard("ten days ago"));
    alice_client.send_u32(ADD_PAL, &[carol.0]);
    alice_client.until(BUDDY_LIST);
    bob_client.sync();

    // Killed, and started in the past: what was acknowledged is there, and the daemon says what is wrong.
    daemon.signal(rustix::process::Signal::KILL);
    daemon.code();
    let mut daemon = calendar.start(path);
    let health = daemon.health();
    assert!(health.contains("clock: ") && health.contains("behind"), "{health}");
    let status = program(path).arg("status").output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("clock"), "{status}");
    let mut alice_client = Client::connect(daemon.address("chat"));
    let pals = alice_client.sign_in(alice);
    assert!(pals.iter().any(|packet| packet.kind == BUDDY_LIST && packet.text(0).contains("Carol")));
    let mut carol_client = Client::connect(daemon.address("chat"));
    let mut letters: Vec<String> = carol_client.sign_in(carol).iter().filter_map(letter).collect();
    letters.extend(carol_client.sync().iter().filter_map(letter));
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].contains("for when you are back"), "{letters:?}");

    // Right again: well, and the mute is what it was.
    daemon.signal(rustix::process::Signal::KILL);
    daemon.code();
    calendar.set(0);
    let daemon = calendar.start(path);
    assert!(!daemon.health().contains("clock: "), "{}", daemon.health());
    let (mut alice_client, mut bob_client) = (daemon.sign_in(alice), daemon.sign_in(bob));
    bob_client.im(alice, "still muted");
    bob_client.sync();
    assert_eq!(messages(&mut alice_client), Vec::<String>::new());
    wait_for_a_round(&calendar, &daemon);
}

fn letter(packet: &support::Packet) -> Option<String> {
    (packet.kind == IM).then(|| packet.text(4))
}

/// What the daemon says of a step, which it looks for once a minute: only where there is time for it.
fn wait_for_a_round(calendar: &Calendar, daemon: &Process) {
    if support::torture().is_none() {
        return;
    }
    calendar.set(3 * DAY);
    let began = std::time::Instant::now();
    while !daemon.health().contains("forward") {
        assert!(began.elapsed() < DEADLINE * 4, "{}", daemon.health());
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

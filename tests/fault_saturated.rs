//! Operators at a daemon whose users say as much as they can: every question and every order is answered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use paltalkd::model::{Role, Roles, Uid};
use support::flood::Flood;
use support::process::{LOG, Process, account, account_with, configure};
use support::program::program;
use support::{Client, DEADLINE, rounds, within_a_second};

const ROOM: u32 = 450;
const TALKERS: usize = 4;

#[test]
fn commands_and_orders_are_followed_however_much_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    // Who reads too slowly on a busy machine would be dropped, and the flood would end.
    configure(path, &format!("[limits]\noutbox = \"64MiB\"\npackets_per_second = 0\n{LOG}"));
    // Repeating oneself is what the detectors are against, except in those who are trusted.
    let trusted = Roles::default().with(Role::Trusted);
    let talker = |number| account_with(path, &format!("Talker{number}"), trusted);
    let talkers: Vec<Uid> = (0..TALKERS).map(talker).collect();
    let target = account(path, "Target");

    let daemon = Process::start(path, |_| {});
    let ordered = |args: &[&str]| {
        let began = Instant::now();
        let output = program(path).args(args).output().unwrap();
        within_a_second(began);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let mut talkers: Vec<Client> = talkers.into_iter().map(|uid| daemon.sign_in(uid)).collect();
    talkers.iter_mut().for_each(|talker| _ = talker.join(ROOM));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _flood = Flood::begin(scope, &done, &talkers, ROOM);
        let said = || {
            let status: serde_json::Value = serde_json::from_str(&ordered(&["status", "--json"])).unwrap();
            status["messages_total"].as_u64().unwrap()
        };
        let began = Instant::now();
        while said() < 1000 {
            assert!(began.elapsed() < DEADLINE, "the flood has not begun");
        }
        for _ in rounds(1) {
            let before = said();
            // Nobody talks to those who are gone, so what he has not read is not the flood's.
            let mut client = daemon.sign_in(target);
            for question in ["status", "performance", "users", "rooms", "strikes", "bans"] {
                let answer: serde_json::Value =
                    serde_json::from_str(&ordered(&[question, "--json"])).unwrap();
                assert!(!answer.is_null());
            }
            let frame = ordered(&["console", "--once", "--json"]);
            assert!(frame.contains("Target"), "{frame}");
            ordered(&["mute", "Target", "--for", "1h"]);
            ordered(&["warn", "Target", "--reason", "be quiet"]);
            ordered(&["unmute", "Target"]);
            ordered(&["broadcast", "still here"]);
            ordered(&["ban", "Target", "--for", "1h", "--reason", "enough"]);
            // He has been told, and is out.
            assert!(!client.rest().is_empty());
            assert!(ordered(&["bans", "--json"]).contains("enough"));
            ordered(&["unban", "Target"]);
            assert!(said() > before + 1000, "all the time much was said");
        }
    });
}

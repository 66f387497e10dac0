//! A daemon that is changed and ended while people are connected.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use paltalkd::config::{FileMode, Location};
use paltalkd::daemon::Stop;
use paltalkd::model::{Roles, Timestamp, Uid};
use paltalkd::store::{Change, Mute, MuteKind, Store};
use support::{Client, Server, make_account};

const ANNOUNCEMENT: u16 = 0x0027;

fn get(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(server.http).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_reload_counts_at_once_and_drops_nobody() {
    let server = Server::start_with(|config| config.limits.exempt = Vec::new());
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut first = server.sign_in(alice);
    let changes = server.reload(|config| {
        config.server.name = "Old Pals".to_owned();
        config.http.location = Location::Fixed("192.0.2.10:5001".parse().unwrap());
        config.limits.max_connections = Some(1);
        config.voice.files = FileMode::Off;
        config.chat.listen = vec!["127.0.0.1:1".parse().unwrap()];
        config.log.directory = None;
    });
    assert_eq!(changes.applied, ["server.name", "voice.files", "http.location", "limits.max_connections"]);
    assert_eq!(changes.restart, ["chat.listen", "log.directory"]);
    assert!(get(&server, "/location2.txt").ends_with("LOCATION:192.0.2.10:5001"));
    assert!(get(&server, "/webreg.html").contains("Old Pals"));
    let turned_away = |text: &str| {
        let mut client = server.connect();
        // Who speaks first is told, too.
        client.send(0xff9c, &[0; 4]);
        let refusal = client.next().unwrap();
        assert_eq!((refusal.kind, refusal.payload.get(..4)), (0x0064, Some(&[0xfb, 0x84, 0, 0x63][..])));
        assert_eq!(refusal.text(4), text);
        assert!(client.next().is_none());
    };
    turned_away("The server is full. Please try again later.");
    first.sync();
    assert!(server.reload(|config| config.limits.max_connections = Some(2)).restart.is_empty());
    let second = server.sign_in(bob);
    // What was not applied is told again, what was is not.
    let again = server.reload(|config| config.limits.connections_per_address = Some(2));
    assert_eq!(again.applied, ["limits.connections_per_address"]);
    server.reload(|config| config.limits.max_connections = None);
    turned_away("There are too many connections from your address.");
    // One who does nothing is signed out by the new limit.
    server.reload(|config| config.limits.idle_timeout = Some(Duration::from_millis(1)));
    for mut client in [first, second] {
        while !client.expect(ANNOUNCEMENT).text(0).contains("signed out because") {}
        client.close();
    }
    server.stop();
}

#[test]
fn users_have_the_grace_to_say_goodbye_and_newcomers_stay_out() {
    let server = Server::start();
    let alice = server.account("Alice");
    let mut client = server.sign_in(alice);
    // Before his sign-in nobody is shown anything.
    let mut stranger = server.connect();
    // Once he is greeted he is inside, and not in the queue of the door that closes.
    stranger.send(0xff9b, &[]);
    assert!(stranger.next().is_some());
    let chat = server.chat;
    let health = std::sync::Arc::clone(server.daemon().health());
    let stop =
        Stop { grace: Duration::from_secs(600), reason: Some("New disks".to_owned()), ..Stop::default() };
    let stopping = std::thread::spawn(move || server.stop_with(&stop).0);
    let notice = client.expect(ANNOUNCEMENT).text(0);
    assert!(notice.contains("in 10 minutes") && notice.ends_with("Reason: New disks"), "{notice}");
    assert!(
        health.report().reasons.iter().any(|reason| reason.starts_with("stopping: ")),
        "{:?}",
        health.report()
    );
    assert!(Client::try_connect(chat).is_none(), "the doors are closed");
    // The service goes on meanwhile.
    client.sync();
    client.close();
    stranger.stream().shutdown(Shutdown::Write).unwrap();
    assert!(!support::kinds(&stranger.rest()).contains(&ANNOUNCEMENT));
    let farewell = stopping.join().unwrap();
    assert_eq!((farewell.connections, farewell.cut_off), (2, 0));
}

#[test]
fn the_house_is_kept_at_the_start_and_on_request() {
    let mute = Mute {
        kind: MuteKind::Text,
        until: Some(Timestamp(1)),
        reason: String::new(),
        by: paltalkd::model::Author::System,
        at: Timestamp(0),
    };
    let put =
        |store: &Store, uid| store.commit_blocking(Change::PutMute { uid, mute: mute.clone() }).unwrap();
    let alice = Cell::new(Uid(0));
    let server = Server::start_prepared(|store| {
        alice.set(make_account(store, "Alice", Roles::default()));
        put(store, alice.get());
    });
    let alice = alice.get();
    let gone = |server: &Server| server.store().reader().sanctions(alice).unwrap().mutes.is_empty();
    server.wait_for("housekeeping at the start", gone);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let keep = || runtime.block_on(server.daemon().housekeeper().run_now());
    // What began at the start is over when this one is, and cannot take what comes now.
    assert_eq!(keep().sanctions_expired, 0);
    put(server.store(), alice);
    let report = keep();
    assert_eq!((report.sanctions_expired, report.errors), (1, Vec::new()));
    assert!(gone(&server));
    server.stop();
}

//! The control socket from outside: rights, lists, hostile clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod control_support;
mod support;

use std::io::{Read, Write};
use std::time::Duration;

use control_support::*;
use paltalkd::control::client::{Client, ClientError};
use paltalkd::control::frame;
use paltalkd::control::wire::{
    Access, BanTarget, ClientMessage, Order, PROTOCOL, REQUEST_MAX, RefusalCode, Reply, Request, Rows,
    ServerMessage, Target, View, Window,
};
use paltalkd::model::{CloseReason, Uid};

use socket2::SockRef;
use support::{Server, TROUBLES};

const GOODBYE: u16 = 0xfbb4;

#[test]
fn who_has_started_the_daemon_may_do_everything_unless_he_only_wants_to_look() {
    let server = Server::start();
    let mut all = client(&server);
    assert_eq!(all.hello().access, Access::Operator);
    let epoch = all.hello().epoch;
    let Reply::Status(status) = ask(&mut all, Request::Status) else { panic!() };
    assert_eq!(status.pid, std::process::id());
    server.wait_for("a moment without trouble", |_| {
        let Reply::Status(status) = ask(&mut all, Request::Status) else { panic!() };
        status.health == "ok"
    });
    assert_eq!(status.listen.chat_tcp, [server.chat.to_string()]);
    let mut looking = Client::connect(&socket(&server), true).unwrap();
    assert_eq!(looking.hello().epoch, epoch);
    ask(&mut looking, Request::Status);
    let path = server.data_dir().join("x").display().to_string();
    let order = Order::Backup { path, keep: None, reason: "before the move".into() };
    let refused = looking.ask(Request::Act(order.clone()), |_, _| {}).unwrap_err();
    assert!(matches!(refused, ClientError::Refused(refusal) if refusal.code == RefusalCode::Forbidden));
    assert!(!server.data_dir().join("x").exists());
    let Reply::Done(told) = ask(&mut all, Request::Act(order)) else { panic!() };
    assert!(told.contains("read back and good"), "{told}");
    assert!(server.data_dir().join("x").exists());
    let Reply::Activity { entries, missed, .. } = ask(&mut all, Request::Activity { from: None, limit: 100 })
    else {
        panic!()
    };
    let kinds = entries.iter().map(|entry| entry.kind.name()).filter(|kind| !TROUBLES.contains(kind));
    assert_eq!((kinds.collect::<Vec<_>>(), missed), (vec!["started", "refused", "backup"], 0));
    assert!(entries[0].seq > 1_000_000_000);
    assert!(entries.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
}

#[test]
fn users_and_rooms_are_filtered_sorted_and_cut() {
    let server = Server::start();
    let uids: Vec<Uid> = ["Ann", "Bob", "Carl"].map(|name| server.account(name)).into();
    let _clients: Vec<_> = uids.iter().map(|uid| server.sign_in(*uid)).collect();
    let mut control = client(&server);
    let window = |filter: &str, descending| Window {
        filter: filter.into(),
        sort: "uid".into(),
        descending,
        ..Window::default()
    };
    let page = users(ask(&mut control, Request::Users(window("", true))));
    assert_eq!((names(&page), page.total, page.matched), (vec!["Carl", "Bob", "Ann"], 3, 3));
    let page = users(ask(&mut control, Request::Users(window("!bob ip:127.0.0.0/8", false))));
    assert_eq!((names(&page), page.total, page.matched), (vec!["Ann", "Carl"], 3, 2));
    let mistake = control.ask(Request::Users(window("nik:x", false)), |_, _| {}).unwrap_err();
    assert!(mistake.to_string().contains("did you mean \"nick\""), "{mistake}");
    let rooms = users(ask(&mut control, Request::Rooms(Window::default())));
    assert!(rooms.total > 0);
    let Rows::Rooms(rows) = &rooms.rows else { panic!() };
    let Reply::Room(room) = ask(&mut control, Request::Room(rows[0].id)) else { panic!() };
    assert_eq!(room.row.name, rows[0].name);
    let Reply::User(user) = ask(&mut control, Request::User(Target::Nickname("aNN".into()))) else {
        panic!()
    };
    assert_eq!((user.uid, user.row.is_some()), (uids[0], true));
    assert_eq!(user.events.last().unwrap().kind.name(), "sign_in");
    let nobody = control.ask(Request::User(Target::Nickname("Nobody".into())), |_, _| {}).unwrap_err();
    assert!(matches!(nobody, ClientError::Refused(refusal) if refusal.code == RefusalCode::NotFound));
}

#[test]
fn why_a_session_has_ended_is_remembered() {
    let server = Server::start();
    let uids: Vec<Uid> = ["Ann", "Bob", "Carl", "Dora"].map(|name| server.account(name)).into();
    let mut clients: Vec<_> = uids.iter().map(|uid| server.sign_in(*uid)).collect();
    let mut control = client(&server);
    let closed = |control: &mut Client| {
        let Reply::Closed(rows) = ask(control, Request::Closed) else { panic!() };
        rows
    };
    assert!(closed(&mut control).is_empty());
    ask(&mut control, Request::Act(Order::Kick { user: Target::Uid(uids[0]), reason: "noise".into() }));
    let _again = server.sign_in(uids[1]);
    drop(clients.remove(2));
    server.wait_for("Carl to be gone", |_| closed(&mut control).len() == 3);
    clients[2].send(GOODBYE, &[]);
    server.wait_for("Dora to be gone", |_| closed(&mut control).len() == 4);
    let rows = closed(&mut control);
    let told: Vec<_> = rows.iter().rev().map(|row| (row.nickname.as_str(), row.reason)).collect();
    assert_eq!(
        told,
        [
            ("Ann", CloseReason::Kicked),
            ("Bob", CloseReason::Replaced),
            ("Carl", CloseReason::ClientLeft),
            ("Dora", CloseReason::ClientLeft),
        ]
    );
    assert!(rows.iter().all(|row| row.client == "5.0" && row.bytes_in > 0 && row.bytes_out > 0), "{rows:?}");
    // The activity says it, too.
    let Reply::Activity { entries, .. } = ask(&mut control, Request::Activity { from: None, limit: 100 })
    else {
        panic!()
    };
    let said: Vec<&str> =
        entries.iter().filter(|entry| entry.kind.name() == "sign_out").map(|entry| &*entry.text).collect();
    assert_eq!(said, ["kicked", "signed in elsewhere", "signed out", "signed out"]);
}

#[test]
fn sessions_that_end_badly_are_remembered_with_what_was_wrong() {
    let server = Server::start();
    let names = ["Awake", "Banned", "Broken", "Strange", "Idle"];
    let uids: Vec<Uid> = names.map(|name| server.account(name)).into();
    let awake = server.sign_in(uids[0]);
    let mut control = client(&server);
    let mut ended = |reason: CloseReason| {
        server.wait_for(reason.words(), |_| {
            let Reply::Closed(rows) = ask(&mut control, Request::Closed) else { panic!() };
            rows.first().is_some_and(|row| row.reason == reason)
        });
    };
    let _banned = server.sign_in(uids[1]);
    let target = BanTarget::User(Target::Uid(uids[1]));
    let ban = Order::Ban { target, time: None, reason: "spam".into() };
    ask(&mut client(&server), Request::Act(ban));
    ended(CloseReason::Banned);
    // Many clients end so, with something unread: it counts as leaving.
    let broken = server.sign_in(uids[2]);
    SockRef::from(broken.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(broken);
    ended(CloseReason::ClientLeft);
    let mut strange = server.sign_in(uids[3]);
    strange.send_raw(&[0xff, 0xec, 0, 0x47, 0xff, 0xff]);
    ended(CloseReason::ProtocolError);
    drop(awake);
    ended(CloseReason::ClientLeft);
    let _idle = server.sign_in(uids[4]);
    server.reload(|config| config.limits.idle_timeout = Some(Duration::from_millis(1)));
    ended(CloseReason::Idle);
    let Reply::Closed(rows) = ask(&mut control, Request::Closed) else { panic!() };
    let told: Vec<&str> = rows.iter().rev().map(|row| row.nickname.as_str()).collect();
    assert_eq!(told, ["Banned", "Broken", "Strange", "Awake", "Idle"]);
}

#[test]
fn each_request_has_exactly_one_reply_with_its_number() {
    let server = Server::start();
    let mut raw = Raw::greeted(&server);
    // Far more than are worked on at once, with repeated numbers, all sent before anything is read.
    let sent: Vec<u32> = (0..300).map(|index| index % 100).collect();
    for id in &sent {
        let request = match id % 4 {
            0 => Request::Status,
            1 => Request::Users(Window { filter: "((".into(), ..Window::default() }),
            2 => Request::Unwatch(7),
            _ => Request::Bans,
        };
        raw.send(&ClientMessage::Request { id: *id, request });
    }
    let mut seen = Vec::new();
    for _ in &sent {
        match raw.receive() {
            ServerMessage::Reply { id, result } => {
                assert_eq!(result.is_ok(), id % 4 == 0 || id % 4 == 3, "{id}");
                seen.push(id);
            }
            other => panic!("{other:?}"),
        }
    }
    let mut sent = sent;
    sent.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, sent);
    raw.0.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    raw.0.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "more than one reply");
}

#[test]
fn who_misbehaves_is_told_and_nobody_else_notices() {
    let server = Server::start();
    let mut good = client(&server);
    let stalled = Raw::connect(&server);
    let mut huge = Raw::greeted(&server);
    huge.0.write_all(&u32::MAX.to_le_bytes()).unwrap();
    assert!(huge.goodbye().contains("longer than allowed"));
    let mut garbage = Raw::greeted(&server);
    garbage.0.write_all(&[3, 0, 0, 0, 0xff, 0xff, 0xff]).unwrap();
    assert!(garbage.goodbye().contains("does not hold a message"));
    let mut early = Raw::connect(&server);
    early.receive();
    early.send(&ClientMessage::Request { id: 1, request: Request::Status });
    assert!(early.goodbye().contains("no hello"));
    let mut old = Raw::connect(&server);
    old.receive();
    old.send(&hello(PROTOCOL + 1));
    let told = old.goodbye();
    assert!(told.contains("version 9.9.9") && told.contains(env!("CARGO_PKG_VERSION")), "{told}");
    let mut twice = Raw::greeted(&server);
    twice.send(&hello(PROTOCOL));
    twice.goodbye();
    // One that asks for much and never reads.
    let mut deaf = Raw::greeted(&server);
    deaf.send(&ClientMessage::Request {
        id: 1,
        request: Request::Watch { view: 1, what: View::Users(Window::default()) },
    });
    deaf.0.set_nonblocking(true).unwrap();
    let request = ClientMessage::Request { id: 2, request: Request::Rooms(Window::default()) };
    let request = frame::encode(&request, REQUEST_MAX).unwrap();
    while deaf.0.write_all(&request).is_ok() {}
    let uid = server.account("Ann");
    let _ann = server.sign_in(uid);
    ask(&mut good, Request::Status);
    assert_eq!(names(&users(ask(&mut good, Request::Users(Window::default())))), ["Ann"]);
    drop((stalled, deaf));
}

#[test]
fn a_daemon_that_stops_says_goodbye_and_leaves_nothing() {
    let server = Server::start();
    let path = socket(&server);
    let mut raw = Raw::greeted(&server);
    raw.send(&ClientMessage::Request { id: 1, request: Request::Status });
    raw.receive();
    let dir = server.stop();
    assert_eq!(raw.goodbye(), "the daemon stops");
    assert!(!path.exists());
    let error = Client::connect(&path, false).unwrap_err();
    assert!(matches!(error, ClientError::NoDaemon(_)), "{error}");
    let again = Server::start_in(dir, |_| {});
    let error = again.start_another().unwrap_err().to_string();
    assert!(error.contains("another daemon is running here"), "{error}");
    ask(&mut client(&again), Request::Status);
}

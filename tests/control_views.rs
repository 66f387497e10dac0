//! Views over the control socket, and answers under load.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod control_support;
mod support;

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use control_support::*;
use paltalkd::control::client::Client;
use paltalkd::control::wire::{ClientMessage, Page, Reply, Request, ServerMessage, Update, View, Window};
use paltalkd::hub::FeedEntry;
use paltalkd::model::{Role, Uid};
use support::flood::Flood;
use support::{Server, within_a_second};

#[test]
fn a_view_begins_with_everything_and_goes_on_with_what_changes() {
    let server = Server::start();
    let ann = server.account("Ann");
    let bob = server.account("Bob");
    let _ann = server.sign_in(ann);
    let mut raw = Raw::greeted(&server);
    let window = Window { sort: "uid".into(), ..Window::default() };
    for (id, what) in [View::Users(window), View::Activity(1), View::Status, View::Metrics, View::User(bob)]
        .into_iter()
        .enumerate()
    {
        let id = u32::try_from(id).unwrap();
        raw.send(&ClientMessage::Request { id, request: Request::Watch { view: id, what } });
    }
    let mut page: Option<Page> = None;
    let mut next = [0; 5];
    let (mut clients, mut bob_seen, mut status, mut metrics, mut events) =
        (Vec::new(), false, 0, 0, Vec::new());
    let complete = |page: &Option<Page>| page.as_ref().is_some_and(|page| names(page) == ["Ann", "Bob"]);
    let came = |events: &[FeedEntry]| events.iter().any(|event| event.actor.as_deref() == Some("Bob"));
    while !complete(&page) || !bob_seen || status < 2 || metrics < 2 || !came(&events) {
        let ServerMessage::Update { view, seq, update } = raw.receive() else { continue };
        assert_eq!(seq, next[view as usize], "view {view}");
        next[view as usize] += 1;
        match update {
            Update::Page(first) => {
                assert_eq!(seq, 0);
                assert_eq!(names(&first), ["Ann"]);
                page = Some(first);
                clients.push(server.sign_in(bob));
            }
            Update::Change(change) => page.as_mut().unwrap().apply(change).unwrap(),
            Update::Status(_) => status += 1,
            Update::History { .. } => assert_eq!(seq, 0),
            Update::Metrics(..) => metrics += 1,
            Update::User(None) => assert_eq!((seq, bob_seen), (0, false), "told once, before he came"),
            Update::User(Some(user)) => bob_seen |= user.uid == bob,
            Update::Activity { entries, missed } => {
                assert_eq!(missed, 0);
                events.extend(entries);
            }
            Update::Room(_) => panic!(),
        }
    }
    assert!(events.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
}

#[test]
fn the_answer_comes_within_a_second_however_much_is_said() {
    const TALKERS: usize = 4;
    // Who reads too slowly on a busy machine would be dropped, and the flood would end.
    let server = Server::start_with(|config| config.limits.outbox = Some(64 << 20));
    // Repeating oneself is what the detectors are against, except in those who are trusted.
    let talker = |number| server.account_with(&format!("Talker{number}"), &[Role::Trusted]);
    let uids: Vec<Uid> = (0..TALKERS).map(talker).collect();
    let mut clients: Vec<_> = uids.iter().map(|uid| server.sign_in(*uid)).collect();
    for client in &mut clients {
        client.join(450);
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _flood = Flood::begin(scope, &done, &clients, 450);
        let before = server.metrics().messages.get();
        server.wait_for("the flood", |server| server.metrics().messages.get() > before + 1000);
        for request in [
            Request::Status,
            Request::Performance,
            Request::Users(Window::default()),
            Request::Rooms(Window::default()),
            Request::Bans,
            Request::Strikes(Window::default()),
        ] {
            let began = Instant::now();
            ask(&mut client(&server), request);
            within_a_second(began);
        }
    });
}

#[test]
fn events_do_not_keep_tables_from_being_looked_at() {
    const ROOM: u32 = 50_003;
    let server = Server::start();
    let uid = server.account("Ann");
    let mut ann = server.sign_in(uid);
    let mut raw = Raw::greeted(&server);
    for (id, what) in [(1, View::Users(Window::default())), (2, View::Activity(1))] {
        raw.send(&ClientMessage::Request { id, request: Request::Watch { view: id, what } });
    }
    let (mut batches, mut changes) = (0, 0);
    while changes < 3 {
        let ServerMessage::Update { update, .. } = raw.receive() else { continue };
        match update {
            // Each batch of events is followed by another one.
            Update::Activity { .. } => {
                if batches % 2 == 0 {
                    ann.join(ROOM);
                } else {
                    ann.send_u32(0xfec0, &[ROOM]);
                    ann.sync();
                }
                batches += 1;
            }
            Update::Change(_) => changes += 1,
            _ => {}
        }
        assert!(batches < 500, "tables wait for a pause between events");
    }
}

#[test]
fn a_message_on_its_way_is_measured() {
    let server = Server::start();
    let (ann, bob) = (server.account("Ann"), server.account("Bob"));
    let (mut from, mut to) = (server.sign_in(ann), server.sign_in(bob));
    from.im(bob, "hello");
    to.expect(0x0014);
    let mut control = client(&server);
    let performance = |control: &mut Client| match ask(control, Request::Performance) {
        Reply::Performance(performance) => *performance,
        other => panic!("{other:?}"),
    };
    server.wait_for("a measurement", |_| performance(&mut control).delivery_micros.max > 0);
    let found = performance(&mut control);
    assert!(found.store.queries_total > 0 && !found.store.recent.is_empty());
    assert!(found.store.commit_avg_micros > 0 && found.store.size_bytes > 0 && found.open_files > 3);
    assert!(found.threads > 1 && found.memory_bytes > 1 << 20);
}

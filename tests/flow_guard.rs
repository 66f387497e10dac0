//! The guard of messages over real sockets: limits, mutes that outlast connections and restarts, filters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use paltalkd::config::{Config, Spam};
use paltalkd::model::{Obstacle, Rating, Roles, RoomKind, Timestamp, Uid};
use paltalkd::store::{Change, Filter, FilterKind, FilterList, RoomRecord, Store, StrikeRecord};
use support::*;

const G_ROOM: u32 = 60_001;
const R_ROOM: u32 = 60_002;
const TOO_MANY: &str = "Too many messages: at most 5 in 10 seconds. \
                        You cannot send anything for 15 seconds (strike 1 of 3).";

/// The limits as they are shipped but for the cooldown: the tests do not wait.
fn no_cooldown(config: &mut Config) {
    config.spam = Spam { cooldown: None, ..Spam::default() };
}

/// The server's notices in a room among some packets.
fn notices(packets: &[Packet]) -> Vec<String> {
    let mine = packets.iter().filter(|packet| packet.kind == 0x015e && packet.u32(4) == Uid::SYSTEM.0);
    mine.map(|packet| packet.text(8)).collect()
}

fn put_room(store: &Store, id: u32, rating: Rating) {
    let record = RoomRecord { rating, ..room(id, RoomKind::Text, 30_018, &format!("Room {id}"), None) };
    store.commit_blocking(Change::PutRoom(record)).unwrap();
}

#[test]
fn five_messages_pass_and_the_sixth_within_the_window_is_refused() {
    let server = Server::start_with(no_cooldown);
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    a.join(50_001);
    b.join(50_001);
    a.sync();
    for line in ["hello all", "how are you", "nice song", "who sings", "brb"] {
        a.say(50_001, line);
    }
    assert_eq!(notices(&a.sync()), [""; 0], "who types fast is not held up");
    a.say(50_001, "the sixth");
    assert_eq!(notices(&a.sync()), [TOO_MANY]);
    let heard: Vec<String> = b.sync().iter().filter(|it| it.kind == 0x015e).map(|it| it.text(8)).collect();
    assert_eq!(heard, ["hello all", "how are you", "nice song", "who sings", "brb"]);
    // Told before it is durable it was not.
    let record = server.store().reader().sanctions(alice).unwrap().strikes.unwrap();
    assert_eq!((record.strikes, record.violations, record.last_reason.as_str()), (1, 1, "WINDOW"));
    // Nothing else of hers passes either, and she is told in the same place in which she tried.
    a.im(bob, "psst");
    let told = a.sync();
    assert!(only(&told, 0x0014).text(4).contains("You cannot send anything for"), "{told:?}");
    assert_eq!(kinds(&b.sync()), [0u16; 0]);
    let metrics = server.metrics();
    assert_eq!((metrics.refused_by(Obstacle::Window), metrics.refused_by(Obstacle::Strike)), (1, 1));
    assert_eq!(metrics.messages.get(), 5);
}

#[test]
fn a_mute_outlasts_reconnects_and_restarts() {
    let mut alice = Uid(0);
    let server = Server::start_prepared(|store| {
        alice = make_account(store, "Alice", Roles::default());
        let now = Timestamp::now();
        let record = StrikeRecord {
            stage: 3,
            muted_until: Some(now.after(Duration::from_secs(600))),
            violations: 5,
            last_reason: "COOLDOWN".to_owned(),
            last_detail: "delta=1ms min=750ms".to_owned(),
            last_at: now,
            strikes: 0,
        };
        store.commit_blocking(Change::PutStrikes { uid: alice, record }).unwrap();
    });
    let muted = |server: &Server| {
        let mut a = server.sign_in(alice);
        a.join(50_001);
        a.sync();
        a.say(50_001, "hello");
        let told = notices(&a.sync());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("You cannot send anything for ") && told[0].ends_with("(stage 3)."));
    };
    muted(&server);
    muted(&server);
    let dir = server.stop();
    let server = Server::start_in(dir, |_| {});
    muted(&server);
    let record = server.store().reader().sanctions(alice).unwrap().strikes.unwrap();
    assert_eq!((record.stage, record.violations), (3, 5), "nothing escalates during a mute");
}

#[test]
fn strikes_are_remembered_by_the_next_daemon() {
    let server = Server::start_with(no_cooldown);
    let alice = server.account("Alice");
    let burst = |server: &Server| {
        let mut a = server.sign_in(alice);
        a.join(50_001);
        a.sync();
        for number in 0..6 {
            a.say(50_001, &format!("{number} {}", ["a", "bcd", "efgh", "ijklm", "nopqrs", "t"][number]));
        }
        notices(&a.sync())
    };
    assert_eq!(burst(&server), [TOO_MANY]);
    let dir = server.stop();
    let server = Server::start_in(dir, no_cooldown);
    let told = burst(&server);
    assert!(told.iter().all(|text| text.ends_with("(strike 1 of 3).")), "{told:?}");
    assert_eq!(told.len(), 6, "all of it falls into the mute");
}

#[test]
fn a_filter_of_language_holds_in_the_room_for_everybody_and_not_in_the_other() {
    let mut alice = Uid(0);
    let mut bob = Uid(0);
    let server = Server::start_prepared(|store| {
        alice = make_account(store, "Alice", Roles::default());
        bob = make_account(store, "Bob", Roles::default());
        put_room(store, G_ROOM, Rating::General);
        put_room(store, R_ROOM, Rating::Restricted);
        let list = FilterList::Language;
        let filter = Filter { severity: 3, list, ..Filter::new(FilterKind::Keyword, "darn*") };
        store.commit_blocking(Change::PutFilter { id: None, filter }).unwrap();
    });
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    for room in [G_ROOM, R_ROOM] {
        a.join(room);
        b.join(room);
    }
    for room in [G_ROOM, R_ROOM] {
        a.say(room, "that DARNED thing");
    }
    let told = a.sync();
    let not_sent = "This was not sent: it has something in it that is not allowed here.";
    assert!(notices(&told).contains(&not_sent.to_owned()), "{told:?}");
    let heard: Vec<u32> =
        b.sync().iter().filter(|it| it.kind == 0x015e && it.u32(4) == alice.0).map(|it| it.u32(0)).collect();
    assert_eq!(heard, [R_ROOM]);
    // What was counted is kept when the daemon stops.
    drop((a, b));
    let dir = server.stop();
    let server = Server::start_in(dir, |_| {});
    assert_eq!(server.store().reader().filters().unwrap()[0].hits, 1);
}

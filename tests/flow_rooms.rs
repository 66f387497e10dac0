//! Room lists, entering, talking, whispering, leaving over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use paltalkd::model::{RoomKind, Uid};
use paltalkd::store::{Change, Store};
use support::*;

const OAK: u32 = 50_001;
const LOCKED: u32 = 50_008;
const HIDDEN: u32 = 50_099;

/// The rooms of every new store and some more.
fn rooms(store: &Store) {
    let put = |room| store.commit_blocking(Change::PutRoom(room)).unwrap();
    put(room(LOCKED, RoomKind::Text, 30_003, "--- Support Locked ---", Some("support")));
    put(room(HIDDEN, RoomKind::PrivateVoice, 30_003, "Behind the Curtain", None));
    let mut welcoming = room(50_100, RoomKind::Text, 30_029, "Welcoming", None);
    welcoming.welcome = b"Hello and \xfe welcome".to_vec();
    put(welcoming);
    let mut bare = room(50_101, RoomKind::Text, 30_029, "Bare", None);
    bare.topic = Vec::new();
    put(bare);
}

/// The uids in a user list or an announcement of a newcomer.
fn uids(packet: &Packet, room: u32) -> BTreeSet<u32> {
    let records = records(&packet.payload);
    let uids = records.iter().filter(|record| value(record, "eof").is_empty()).map(|record| {
        assert_eq!(record[0], ("group_id".to_owned(), room.to_string()));
        value(record, "uid").parse().unwrap()
    });
    uids.collect()
}

fn list_category(client: &mut Client, category: u32) -> Packet {
    client.send_u32(0xfeb6, &[1, 1, category]);
    client.next().unwrap()
}

#[test]
fn lists_show_what_is_open_and_how_many_are_inside() {
    let server = Server::start_prepared(rooms);
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    for all in [0, 0xffff_ffff] {
        let counts = list_category(&mut a, all);
        assert_eq!(counts.kind, 0x014b);
        let counts: Vec<_> = records(&counts.payload);
        let count = |id: &str| counts.iter().find(|c| value(c, "id") == id).map(|c| value(c, "#").to_owned());
        assert_eq!(count("30018").as_deref(), Some("2"));
        assert_eq!(count("30003").as_deref(), Some("4"), "private rooms are counted nowhere");
        assert_eq!(count("30016"), None, "nothing of empty ones");
    }
    a.join(OAK);
    b.join(OAK);
    let list = list_category(&mut b, 30_018);
    assert_eq!(list.kind, 0x014c);
    assert!(list.payload.starts_with(b"catg=30018\n\xc8"), "{list:?}");
    let listed = records(&list.payload);
    assert_eq!(listed.len(), 3);
    let oak = &listed[1];
    let expected = [
        ("id", "50001"),
        ("nm", "*** The Royal Oak ***"),
        ("#", "2"),
        ("v", "1"),
        ("l", "0"),
        ("r", "G"),
        ("p", "0"),
        ("c", "000000000"),
    ];
    for (key, text) in expected {
        assert_eq!(value(oak, key), text, "{key}");
    }
    assert_eq!(value(&listed[2], "#"), "0");
    let top = records(&list_category(&mut b, 30_001).payload);
    assert_eq!(top.len(), 2);
    assert_eq!(value(&top[1], "id"), "50001");
    let help = records(&list_category(&mut b, 30_003).payload);
    let locked = help.iter().find(|room| value(room, "id") == "50008").unwrap();
    assert_eq!((value(locked, "l"), value(locked, "v")), ("1", "0"));
    assert!(!help.iter().any(|room| value(room, "id") == HIDDEN.to_string()));
    for nothing in [30_016, 12_345, 0x0001_7542] {
        b.send_u32(0xfeb6, &[1, 1, nothing]);
        let packets = b.sync();
        assert!(packets.iter().all(|packet| packet.kind == 0x014c && records(&packet.payload).len() == 1));
    }
}

#[test]
fn entering_shows_everything_in_order_and_announces_the_newcomer() {
    let server = Server::start_prepared(rooms);
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    let packets = a.join(OAK);
    assert_eq!(kinds(&packets)[..2], [0x0136, 0x015e]);
    assert_eq!(kinds(&packets)[packets.len() - 2..], [0x015f, 0x0154]);
    let joined = &packets[0];
    assert_eq!((joined.u32(0), joined.payload[22]), (OAK, b'G'));
    assert_eq!(joined.text(23), "*** The Royal Oak ***", "nothing after the name for 5.0");
    assert_eq!(&joined.payload[4..14], [0, 3, 0, 0, 0, 0, 0, 0, 0x75, 0x42]);
    assert_eq!(&joined.payload[16..18], [0, 2], "no timer");
    assert_eq!(packets[1].u32(4), 0, "the rating is Paltalk's word");
    assert_eq!((packets[2].u32(4), packets[2].kind), (0xffff_fffe, 0x015e), "the welcome of the room");
    assert_eq!(packets[3].u32(4), 0);
    assert!(!packets[3].text(8).is_empty());
    assert_eq!(uids(&packets[4], OAK), BTreeSet::from([alice.0]));
    let list = records(&packets[4].payload);
    assert_eq!(list.last().unwrap(), &[("eof".to_owned(), "1".to_owned())]);
    let expected =
        [("nickname", "Alice"), ("admin", "0"), ("color", "000000128"), ("mic", "1"), ("pub", "N")];
    for (key, text) in expected {
        assert_eq!(value(&list[0], key), text, "{key}");
    }

    let packets = b.join(OAK);
    assert_eq!(uids(packets.last().unwrap(), OAK), BTreeSet::from([alice.0, bob.0]));
    assert_eq!(b.sync(), [], "nobody is told of himself");
    let news = a.sync();
    assert_eq!(kinds(&news), [0x0137]);
    assert_eq!(uids(&news[0], OAK), BTreeSet::from([bob.0]));
    // Entering again shows everything once more, to him alone.
    let again = b.join(OAK);
    assert_eq!(again, packets);
    b.send_u32(0xfeac, &[OAK]);
    assert_eq!(b.sync(), packets[packets.len() - 1..], "and the list alone on request");
    assert_eq!(a.sync(), []);

    b.send_u32(0xfec0, &[OAK]);
    assert_eq!(b.sync(), [], "his window is closed already");
    assert_eq!(a.sync(), [packet(0x0140, &[OAK, bob.0])]);
    b.send_u32(0xfec0, &[OAK]);
    b.sync();
    assert_eq!(a.sync(), []);
    b.join(OAK);
    a.sync();
    b.close();
    assert_eq!(a.next(), Some(packet(0x0140, &[OAK, bob.0])));
}

#[test]
fn topic_and_welcome_are_told_if_there_are_any() {
    let server = Server::start_prepared(rooms);
    let alice = server.account("Alice");
    let mut a = server.sign_in(alice);
    let packets = a.join(50_100);
    assert_eq!(kinds(&packets), [0x0136, 0x015e, 0x015e, 0x015f, 0x0154]);
    assert_eq!(packets[2].payload[8..], b"Hello and \xfe welcome"[..]);
    assert_eq!(packets[3].text(8), "Topic");
    assert_eq!(kinds(&a.join(50_101)), [0x0136, 0x015e, 0x0154]);
    // Somebody can be in several rooms.
    a.say(50_100, "/help");
    assert!(a.sync().iter().all(|packet| packet.u32(0) == 50_100));
}

#[test]
fn later_clients_get_the_long_form() {
    let server = Server::start();
    let alice = server.account("Alice");
    let mut a = server.sign_in_51(alice);
    let joined = a.join(OAK).remove(0);
    let text = joined.text(23);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("*** The Royal Oak ***"));
    assert!(text.contains("\ncodec=gsmproj.dll\n"), "5.x has no other: {text:?}");
}

#[test]
fn who_may_not_enter_is_told_why() {
    let server = Server::start_prepared(rooms);
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    for wrong in ["", "Support", "supportx", "sup", "\0"] {
        a.ask_to_join(LOCKED, wrong);
        let packets = a.sync();
        assert_eq!(kinds(&packets), [0x0064], "{wrong:?}");
        let (request, code, text) = return_code(&packets[0]);
        assert_eq!((request, code), (0xfeca, 1));
        assert_eq!(text, "Sorry, wrong password.");
    }
    a.ask_to_join(LOCKED, "support");
    assert_eq!(a.next().unwrap().kind, 0x0136);
    a.sync();
    for room in [1, 0, u32::MAX] {
        a.ask_to_join(room, "");
        assert_eq!(return_code(only(&a.sync(), 0x0064)).0, 0xfeca);
    }
    // Unseen.
    a.send(0xfeca, &[&OAK.to_be_bytes()[..], &[0, 1, 0, 0, 8, 42]].concat());
    assert_eq!(return_code(only(&a.sync(), 0x0064)).0, 0xfeca);
    // The short forms are as good.
    b.send_u32(0xfeca, &[OAK]);
    assert_eq!(b.until(0x0154)[0].kind, 0x0136);
    // Outside, nothing is heard and nothing is said.
    a.say(OAK, "can you hear me?");
    a.send_u32(0xfeac, &[OAK]);
    a.sync();
    b.say(OAK, "no");
    assert_eq!(b.sync(), []);
    assert_eq!(a.sync(), []);
}

#[test]
fn words_reach_everybody_else_in_the_room() {
    let server = Server::start();
    let people = ["Alice", "Bob", "Carl"].map(|name| server.account(name));
    let mut clients = people.map(|uid| server.sign_in(uid));
    for client in &mut clients {
        client.join(OAK);
    }
    clients.iter_mut().for_each(|client| drop(client.sync()));
    let markup = "<pfont color=\"#0\"><pfont-size=\"8\"><pb>hello room 1 & <b>x</b></pb></pfont></pfont>";
    clients[0].say(OAK, markup);
    assert_eq!(clients[0].sync(), [], "the client shows its own line itself");
    for client in &mut clients[1..] {
        let packets = client.sync();
        assert_eq!(kinds(&packets), [0x015e]);
        assert_eq!((packets[0].u32(0), packets[0].u32(4)), (OAK, people[0].0));
        assert_eq!(packets[0].text(8), markup, "not a byte of it is touched");
    }
    clients[0].say(50_002, "in another room");
    clients[0].say(OAK, "");
    clients[0].say(OAK, "a\0b");
    let packets = clients[0].sync();
    assert_eq!(return_code(only(&packets, 0x0064)).0, 0xfea2);
    assert_eq!(clients[1].sync(), []);
}

#[test]
fn whispers_reach_one_person() {
    let server = Server::start();
    let people = ["Alice", "Dan the Man", "Carl", "Eve"].map(|name| server.account(name));
    let [mut alice, mut dan, mut carl, mut eve] = people.map(|uid| server.sign_in(uid));
    for client in [&mut alice, &mut dan, &mut carl] {
        client.join(OAK);
    }
    dan.send_u32(0xfe0c, &[people[2].0]);
    for client in [&mut alice, &mut dan, &mut carl] {
        client.sync();
    }
    let mut answers = Vec::new();
    alice.say(OAK, "<pfont color=\"#0\"><pfont-size=\"8\">/w dan the man: meet me: at ten</pfont></pfont>");
    answers.push(alice.sync());
    let heard = dan.sync();
    assert_eq!(kinds(&heard), [0x015e]);
    assert_eq!((heard[0].u32(0), heard[0].u32(4)), (OAK, people[0].0));
    assert!(heard[0].text(8).contains("Start Whisper") && heard[0].text(8).contains("\nmeet me: at ten\n"));
    // Whom he blocks gets the same answer and is not heard.
    carl.say(OAK, "/w Dan the Man: psst");
    answers.push(carl.sync());
    assert_eq!(dan.sync(), []);
    for answer in &answers {
        assert_eq!(kinds(answer), [0x015e]);
        assert_eq!((answer[0].u32(4), answer[0].text(8).as_str()), (0, "Whisper sent."));
    }
    // Eve is signed in but not here; Nobody is nobody; the others are no whispers at all.
    for text in ["/w Eve: hi", "/w Nobody: hi", "/w : hi", "/w", "/w Alice", "/whisper"] {
        carl.say(OAK, text);
        let answer = carl.sync();
        assert_eq!(kinds(&answer), [0x015e], "{text}");
        assert_eq!(answer[0].u32(4), 0);
        assert_ne!(answer[0].text(8), "Whisper sent.", "{text}");
    }
    for client in [&mut alice, &mut dan, &mut eve] {
        assert_eq!(client.sync(), []);
    }
}

#[test]
fn what_begins_with_a_slash_is_never_relayed() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    a.join(OAK);
    b.join(OAK);
    a.sync();
    a.say(OAK, "/help");
    let help = a.sync();
    assert!(help.len() >= 2 && help.iter().all(|line| (line.kind, line.u32(4)) == (0x015e, 0)));
    assert!(help.iter().any(|line| line.text(8).starts_with("/w NICKNAME")));
    for text in
        ["/secret", "/", "//", "/ help", "<pfont color=\"#0\">/topsecret</pfont>", "<pb><pi>/x", "/\u{ff}"]
    {
        a.say(OAK, text);
        let answer = a.sync();
        assert_eq!(answer.len(), 1, "{text}");
        assert_eq!(answer[0].u32(4), 0);
    }
    assert_eq!(b.sync(), []);
    a.say(OAK, "1/2");
    assert_eq!(a.sync(), []);
    assert_eq!(b.sync().len(), 1);
}

#[test]
fn the_user_list_is_exact_while_many_come_and_go() {
    let server = Server::start();
    let watcher = server.account("Watcher");
    let people: Vec<Uid> = (0..50).map(|number| server.account(&format!("Guest{number}"))).collect();
    let mut first = server.sign_in(watcher);
    let mut seen = uids(first.join(OAK).last().unwrap(), OAK);
    let late = server.account("Late");
    let (address, people_ref) = (server.chat, &people);
    let mut guests: Vec<Client> = std::thread::scope(|scope| {
        let workers: Vec<_> = people_ref
            .chunks(10)
            .enumerate()
            .map(|(worker, uids)| {
                scope.spawn(move || {
                    let mut clients: Vec<Client> = uids
                        .iter()
                        .map(|uid| {
                            let mut client = Client::connect(address);
                            client.sign_in(*uid);
                            client
                        })
                        .collect();
                    for round in 0..12 {
                        for (index, client) in clients.iter_mut().enumerate() {
                            if (round + index + worker) % 3 == 0 {
                                client.send_u32(0xfec0, &[OAK]);
                            } else {
                                client.ask_to_join(OAK, "");
                            }
                        }
                        if round == 8 {
                            clients.pop().unwrap().close();
                        }
                    }
                    clients.iter_mut().for_each(|client| drop(client.sync()));
                    clients
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    // Five of fifty hung up; they leave the room, too.
    server.wait_for("their leaving", |server| server.metrics().connections() == 46);
    let mut newcomer = server.sign_in(late);
    let mut told = loop {
        let list = uids(newcomer.join(OAK).last().unwrap(), OAK);
        let gone: Vec<_> = newcomer.sync().into_iter().filter(|packet| packet.kind == 0x0140).collect();
        if gone.is_empty() {
            break list;
        }
        newcomer.send_u32(0xfec0, &[OAK]);
    };
    for news in first.sync() {
        match news.kind {
            0x0137 => uids(&news, OAK).into_iter().for_each(|uid| {
                seen.insert(uid);
            }),
            0x0140 => assert!(seen.remove(&news.u32(4)), "left twice: {news:?}"),
            other => panic!("{other:04x}"),
        }
    }
    assert_eq!(seen, told, "what was told one by one is what a newcomer is told at once");
    // And it is what is true.
    let mut inside = BTreeSet::from([watcher.0, late.0]);
    guests.iter_mut().for_each(|guest| drop(guest.sync()));
    newcomer.say(OAK, "who is here?");
    newcomer.sync();
    for guest in &mut guests {
        if guest.sync().iter().any(|packet| packet.kind == 0x015e) {
            inside.insert(guest.uid.0);
        }
    }
    assert_eq!(std::mem::take(&mut told), inside);
}

#[test]
fn what_is_not_built_is_refused_and_never_pretended() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    a.join(OAK);
    b.join(OAK);
    a.sync();
    let with_text = |words: &[u32], text: &[u8]| -> Vec<u8> {
        let mut payload: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        payload.extend(text);
        payload
    };
    // The user reads why.
    let refused: [(u16, Vec<u8>); 2] =
        [(0xfec2, with_text(&[0x082a], b"")), (0xfed2, with_text(&[0x0001_0000, 0x082a_0001, bob.0], b""))];
    for (kind, payload) in &refused {
        a.send(*kind, payload);
        let packets = a.sync();
        let (request, code, text) = return_code(only(&packets, 0x0064));
        assert_eq!((request, code, packets.len()), (*kind, 1, 1));
        assert!(text.ends_with('.'), "{text}");
    }
    // Calls and files end as if the other had declined.
    let peer = [&bob.0.to_be_bytes()[..], &[8, 42]].concat();
    a.send(0xfe3e, &peer);
    assert_eq!(a.sync(), [packet(0x01c0, &[bob.0])]);
    a.send(0xfe43, &peer);
    assert_eq!(a.sync(), [packet(0x01bb, &[bob.0])]);
    // The rest has no refusal that the client could show: silence, and nothing happens.
    let silent: [(u16, Vec<u8>); 5] = [
        (0xfe3f, peer.clone()),
        (0xfe3c, with_text(&[bob.0], b"")),
        (0xfe40, with_text(&[bob.0], b"")),
        (0xfe44, peer.clone()),
        (0xfe45, with_text(&[bob.0], b"")),
    ];
    for (kind, payload) in &silent {
        a.send(*kind, payload);
        assert_eq!(a.sync(), [], "{kind:04x}");
    }
    assert_eq!(b.sync(), [], "and nobody else notices anything");
    assert_eq!(server.metrics().packets_malformed.get(), 0);
    a.say(OAK, "still here");
    a.sync();
    assert_eq!(b.sync().len(), 1);
    // What a 5.0 client sends by itself is no trouble either.
    for (kind, payload) in [(0xff60, &[][..]), (0xe7fa, &[]), (0xf7b7, &[1; 26]), (0xf448, &[0; 16])] {
        a.send(kind, payload);
    }
    assert_eq!(a.sync(), []);
    assert_eq!(server.metrics().packets_unknown.get(), 0);
}

//! Opening, running and moderating rooms over real sockets, and what of it survives a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use paltalkd::model::{LinkRight, Nickname, Rating, Role, RoomId, RoomKind, Timestamp, Uid};
use paltalkd::store::{Change, Exclusion, ExclusionKind, RoomRecord, Store};
use support::*;

const OAK: u32 = 50_001;
const CLUB: u32 = 50_200;

fn send_text(client: &mut Client, kind: u16, words: &[u32], text: &[u8]) {
    let payload = with_text(words, text);
    client.send(kind, &payload);
}

fn switch(client: &mut Client, kind: u16, room: u32, on: bool) {
    send_text(client, kind, &[room], &[0, on.into()]);
}

/// The record of `uid` in a user list or an announcement.
fn record(packet: &Packet, uid: Uid) -> Vec<(String, String)> {
    let mut records = records(&packet.payload).into_iter();
    records.find(|record| value(record, "uid") == uid.to_string()).expect("not in the list")
}

/// A permanent room of Olga's.
fn club(store: &Store) -> Uid {
    let olga = make_account(store, "Olga", Default::default());
    let club = RoomRecord { owner: Some(olga), ..room(CLUB, RoomKind::Voice, 30_003, "The Club", None) };
    store.commit_blocking(Change::PutRoom(club)).unwrap();
    olga
}

/// The owner of the club, an admin and a guest, all inside and up to date.
fn three_in_the_club() -> (Server, [Client; 3]) {
    let mut olga = Uid(0);
    let server = Server::start_prepared(|store| olga = club(store));
    let (adam, gina) = (server.account("Adam"), server.account("Gina"));
    let mut clients = [olga, adam, gina].map(|uid| server.sign_in(uid));
    for client in &mut clients {
        client.join(CLUB);
    }
    clients[0].send_u32(0xfe8e, &[CLUB, adam.0]);
    for client in &mut clients {
        client.sync();
    }
    (server, clients)
}

#[test]
fn a_room_is_opened_used_and_gone() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    a.send(0xfed4, LAB_ROOM);
    let packets = a.sync();
    let room = packets[0].u32(0);
    assert_eq!(kinds(&packets)[..2], [0x0136, 0x015e]);
    assert_eq!(
        packets[0].payload[4..],
        *b"\x00\x03\x00\x01\x00\x00\x00\x00\x75\x32\x00\x00\x00\x02\x00\x00\x00\x00GLab Room"
    );
    assert_eq!(value(&record(only(&packets, 0x0154), alice), "admin"), "1");
    b.send_u32(0xfeb6, &[1, 1, 30_002]);
    let list = b.expect(0x014c);
    let listed = records(&list.payload).into_iter().find(|r| value(r, "id") == room.to_string()).unwrap();
    assert_eq!((value(&listed, "l"), value(&listed, "nm"), value(&listed, "#")), ("1", "Lab Room", "1"));
    b.ask_to_join(room, "");
    assert_eq!(return_code(&b.sync()[0]).2, "Sorry, wrong password.");
    b.ask_to_join(room, "sesame");
    assert_eq!(b.sync()[0].kind, 0x0136);
    assert_eq!(kinds(&a.sync()), [0x0137]);
    // The same again: the name is taken.
    b.send(0xfed4, LAB_ROOM);
    assert_eq!(return_code(&b.sync()[0]), (0xfed4, 1, "There is a room of this name already.".to_owned()));
    a.send_u32(0xfc54, &[room]);
    for client in [&mut a, &mut b] {
        let packets = client.sync();
        let closed = only(&packets, 0x017c);
        assert_eq!((closed.u32(0), closed.u32(4)), (room, alice.0));
        client.send_u32(0xfec0, &[room]);
        assert_eq!(client.sync(), []);
    }
    b.ask_to_join(room, "sesame");
    assert_eq!(return_code(&b.sync()[0]), (0xfeca, 1, "This room is closed.".to_owned()));
    // Without its last member a room vanishes as well.
    a.send(0xfed4, LAB_ROOM);
    let room = only(&a.sync(), 0x0136).u32(0);
    a.close();
    server.wait_for("the end of the room", |_| {
        b.ask_to_join(room, "wrong");
        return_code(&b.sync()[0]).2 == "This room is closed."
    });
}

#[test]
fn guests_come_by_invitation_name_and_code() {
    let (server, [mut olga, mut adam, mut gina]) = three_in_the_club();
    let hans = server.account("Hans");
    let mut h = server.sign_in(hans);
    // Private: in no list, open to the invited.
    gina.send(0xfed4, b"\x00\x01\x00\x00\x75\x32\x00\x00\x08\x2aGQuiet Corner");
    let corner = only(&gina.sync(), 0x0136).u32(0);
    h.ask_to_join(corner, "");
    assert!(return_code(&h.sync()[0]).2.contains("invitation"));
    gina.send_u32(0xfe98, &[corner, hans.0]);
    let invite = h.expect(0x0168);
    let lines = &records(&invite.payload)[0];
    assert_eq!(value(lines, "group_id"), corner.to_string());
    assert_eq!(
        (value(lines, "group_name"), value(lines, "nickname"), value(lines, "type"), value(lines, "first")),
        ("Quiet Corner", "Gina", "1", " ")
    );
    assert!(!invite.text(0).contains("lock"), "5.0 would ask for a password");
    h.ask_to_join(corner, "");
    assert_eq!(h.sync()[0].kind, 0x0136);
    gina.sync();
    // By name.
    h.send(0xfec9, b"aff=1\nname=The Club\ninvis=0\nport=2090\nlock=");
    assert_eq!(only(&h.sync(), 0x0136).u32(0), CLUB);
    h.send(0xfec9, b"aff=1\nname=The Pub\ninvis=0\nport=2090\nlock=");
    assert_eq!(return_code(&h.sync()[0]).0, 0xfec9);
    // By code.
    h.send_u32(0xfec0, &[CLUB]);
    olga.sync();
    h.send_u32(0xfec4, &[olga.uid.0, 77, 0x082a]);
    assert_eq!(return_code(&h.sync()[0]), (0xfec4, 1, "Wrong admin code.".to_owned()));
    olga.say(CLUB, "/c 77");
    assert!(olga.sync().iter().any(|packet| packet.kind == 0x015e && packet.text(8).contains("77")));
    h.send_u32(0xfec4, &[olga.uid.0, 77, 0x082a]);
    let packets = h.sync();
    assert_eq!(only(&packets, 0x0136).payload[6..8], [0, 1], "admin");
    assert_eq!(value(&record(only(&packets, 0x0154), hans), "admin"), "1");
    adam.sync();
    // Somebody whom one blocks gets through to nobody.
    h.send_u32(0xfe0c, &[gina.uid.0]);
    h.send_u32(0xfec0, &[CLUB]);
    h.sync();
    gina.send_u32(0xfe98, &[CLUB, hans.0]);
    assert!(!kinds(&gina.sync()).contains(&0x0064));
    assert_eq!(h.sync(), []);
}

#[test]
fn the_floor_is_the_admins() {
    let (_server, [mut olga, mut adam, mut gina]) = three_in_the_club();
    let uid = gina.uid.0;
    gina.send_u32(0xfe72, &[CLUB]);
    gina.sync();
    assert_eq!(olga.sync(), [packet(0x018e, &[CLUB, uid])]);
    adam.sync();
    gina.send_u32(0xfe71, &[CLUB]);
    assert_eq!(gina.sync(), [packet(0x018f, &[CLUB, uid])]);
    for client in [&mut olga, &mut adam] {
        assert_eq!(client.sync(), [packet(0x018f, &[CLUB, uid])]);
    }
    gina.send_u32(0xfe72, &[CLUB]);
    gina.sync();
    adam.send_u32(0xfe82, &[CLUB]);
    adam.sync();
    assert_eq!(gina.sync(), [packet(0x018f, &[CLUB, u32::MAX])]);
    olga.sync();

    switch(&mut adam, 0xfe9d, CLUB, false);
    let mut mics = packet(0x0163, &[CLUB]);
    mics.payload.extend([0, 0]);
    mics.payload.extend(adam.uid.0.to_be_bytes());
    assert_eq!(adam.sync(), [mics.clone()]);
    assert_eq!(gina.sync(), [mics]);
    adam.send_u32(0xfe73, &[CLUB, uid]);
    assert_eq!(adam.sync(), [packet(0x018d, &[CLUB, uid])]);
    adam.send_u32(0xfe83, &[CLUB, uid]);
    assert_eq!(adam.sync(), [packet(0x017d, &[CLUB, uid])]);
    assert_eq!(kinds(&gina.sync()), [0x018d, 0x017d]);
    switch(&mut adam, 0xfc5e, CLUB, true);
    adam.sync();
    olga.sync();
    gina.say(CLUB, "hello?");
    assert_eq!(kinds(&gina.sync()), [0x015e], "a word from the server");
    assert_eq!(olga.sync(), []);
    adam.send_u32(0xfe73, &[CLUB, u32::MAX]);
    assert_eq!(adam.sync(), [packet(0x018d, &[CLUB, uid])]);

    // Whoever is no admin is told so, and nothing happens.
    for kind in [0xfe82, 0xfc7c, 0xfc54] {
        gina.send_u32(kind, &[CLUB]);
    }
    for kind in [0xfe83, 0xfe73, 0xfe84, 0xfc71, 0xfc67, 0xfc68, 0xfe8e] {
        gina.send_u32(kind, &[CLUB, adam.uid.0]);
    }
    for kind in [0xfe9d, 0xfc5c, 0xfc5d, 0xfc5e] {
        switch(&mut gina, kind, CLUB, true);
    }
    send_text(&mut gina, 0xfea1, &[CLUB], b"my topic");
    send_text(&mut gina, 0xfc66, &[CLUB], b"Adam");
    let answers: Vec<Packet> = gina.sync().into_iter().filter(|packet| packet.kind != 0x018d).collect();
    assert_eq!(answers.len(), 16);
    assert!(answers.iter().all(|answer| return_code(answer).2.starts_with("Only ")), "{answers:?}");
    olga.sync();
    assert_eq!(adam.sync(), []);
}

#[test]
fn bounces_bans_and_the_console() {
    let (server, [mut olga, mut adam, mut gina]) = three_in_the_club();
    let uid = gina.uid;
    send_text(&mut adam, 0xfe7a, &[CLUB, uid.0], b"BR: too loud");
    adam.send_u32(0xfe84, &[CLUB, uid.0]);
    assert_eq!(adam.sync(), [packet(0x0140, &[CLUB, uid.0])]);
    assert_eq!(olga.sync(), [packet(0x0140, &[CLUB, uid.0])]);
    let closed = gina.expect(0x017c);
    assert_eq!((closed.u32(0), closed.u32(4)), (CLUB, adam.uid.0));
    assert!(closed.text(8).ends_with("too loud"), "{closed:?}");
    gina.send_u32(0xfec0, &[CLUB]);
    gina.ask_to_join(CLUB, "");
    assert_eq!(return_code(&gina.sync()[0]).0, 0xfeca);
    send_text(&mut adam, 0xfc66, &[CLUB], b"gina");
    send_text(&mut adam, 0xfc66, &[CLUB], b"Nobody");
    assert_eq!(return_code(&adam.sync()[0]).2, "There is no user of this name.");
    adam.send_u32(0xfe84, &[CLUB, olga.uid.0]);
    assert_eq!(return_code(&adam.sync()[0]).2, "Olga cannot be bounced.");
    adam.send_u32(0xfc7c, &[CLUB]);
    let info = adam.expect(0x0384);
    let expected =
        format!("group={CLUB}\nmike=1\ntext=0\nvideo=0\nbounce={uid},Gina\n\u{c8}ban={uid},Gina\n\u{c8}");
    assert_eq!(info.text(0), expected);
    adam.send_u32(0xfc71, &[CLUB, u32::MAX]);
    adam.send_u32(0xfc67, &[CLUB, uid.0]);
    adam.sync();
    gina.ask_to_join(CLUB, "");
    assert_eq!(gina.sync()[0].kind, 0x0136);
    send_text(&mut gina, 0xfecf, &[CLUB, adam.uid.0], b"he bounces people");
    send_text(&mut gina, 0xfe74, &[CLUB, adam.uid.0], &[0, 1]);
    assert_eq!(gina.sync(), []);
    adam.say(CLUB, "welcome back");
    adam.sync();
    assert_eq!(gina.sync(), [], "ignored");
    assert_eq!(server.metrics().packets_malformed.get(), 0);
}

#[test]
fn admins_are_made_for_a_visit() {
    let (server, [mut olga, mut adam, mut gina]) = three_in_the_club();
    olga.send_u32(0xfe8e, &[CLUB, gina.uid.0]);
    let mut status = packet(0x0174, &[CLUB, gina.uid.0]);
    status.payload.extend([0, 1]);
    assert_eq!(olga.sync(), [status.clone()]);
    assert_eq!(gina.sync(), [packet(0x0172, &[CLUB]), status.clone()]);
    assert_eq!(adam.sync(), [status]);
    olga.say(CLUB, "/o Gina off");
    assert_eq!(kinds(&olga.sync()), [0x0174, 0x015e]);
    gina.sync();
    gina.send_u32(0xfe82, &[CLUB]);
    assert_eq!(return_code(&gina.sync()[0]).0, 0xfe82);
    // Staff are admins wherever they are, seen or unseen.
    let moderator = server.account_with("Moder", &[Role::Moderator]);
    let mut m = server.sign_in(moderator);
    adam.sync();
    m.send(0xfeca, &[&CLUB.to_be_bytes()[..], &[0, 1, 0, 0, 8, 42]].concat());
    assert_eq!(m.sync()[0].payload[6..12], [0, 1, 0, 0, 0, 1]);
    assert_eq!(kinds(&olga.sync()), [0x0137]);
    assert_eq!(gina.sync(), []);
}

#[test]
fn a_private_room_opens_with_its_guests_and_is_found_again() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let (mut a, mut b) = (server.sign_in(alice), server.sign_in(bob));
    a.send_u32(0xfec2, &[0x082a]);
    assert_eq!(return_code(&a.sync()[0]).0, 0xfec2, "she has no room yet");
    a.send_u32(0xfed2, &[0x0001_0000, 0x082a_0001, bob.0]);
    let packets = a.sync();
    assert_eq!(only(&packets, 0x0064).payload[..4], [0xfe, 0xd2, 0, 0]);
    let room = only(&packets, 0x0136).u32(0);
    let invitation = b.expect(0x0168).text(0);
    assert!(invitation.contains(&format!("group_id={room}\n")), "{invitation}");
    assert!(b.join(room).iter().any(|packet| packet.kind == 0x0136));
    a.send_u32(0xfec0, &[room]);
    a.send_u32(0xfec2, &[0x082a]);
    assert_eq!(only(&a.sync(), 0x0136).u32(0), room);
}

#[test]
fn a_restart_keeps_bans_bounces_and_settings() {
    let mut olga = Uid(0);
    let server = Server::start_prepared(|store| {
        olga = club(store);
        let gone = Exclusion {
            uid: Uid(1_234_567),
            nickname: Nickname::from_text("Gone").unwrap(),
            until: Some(Timestamp::now().before(Duration::from_secs(1))),
            by: olga,
            at: Timestamp(1),
            reason: Vec::new(),
        };
        let change = Change::Exclude { room: RoomId(CLUB), kind: ExclusionKind::Bounce, entry: gone };
        store.commit_blocking(change).unwrap();
    });
    let (gina, hans) = (server.account("Gina"), server.account("Hans"));
    let mut o = server.sign_in(olga);
    let mut g = server.sign_in(gina);
    o.join(CLUB);
    g.join(CLUB);
    o.sync();
    o.send_u32(0xfe84, &[CLUB, gina.0]);
    o.send_u32(0xfc68, &[CLUB, hans.0]);
    switch(&mut o, 0xfc5c, CLUB, false);
    switch(&mut o, 0xfc5e, CLUB, true);
    switch(&mut o, 0xfc5d, CLUB, true);
    send_text(&mut o, 0xfea1, &[CLUB], b"No cats");
    o.say(CLUB, "/c 9999");
    for line in ["/welcome Wipe your feet", "/rating R", "/speakers 2", "/slowmode 9", "/links admins"] {
        o.say(CLUB, line);
    }
    o.sync();
    let staff = server.account_with("Staff", &[Role::Moderator]);
    let mut s = server.sign_in(staff);
    s.send(0xfed4, LAB_ROOM);
    let shed = only(&s.sync(), 0x0136).u32(0);
    s.say(shed, "/permanent on");
    s.sync();
    let dir = server.stop();

    let server = Server::start_in(dir, |_| {});
    let rooms = server.store().reader().rooms().unwrap();
    let kept = |id| rooms.iter().find(|room| room.id == RoomId(id)).unwrap();
    let club = kept(CLUB);
    assert_eq!((club.welcome.as_slice(), club.rating), (&b"Wipe your feet"[..], Rating::Restricted));
    assert_eq!((club.speakers.get(), club.slowmode.seconds()), (2, 9));
    assert_eq!((club.links, kept(shed).owner), (LinkRight::Admins, Some(staff)));
    let mut s = server.sign_in(staff);
    assert_eq!(only(&s.join(shed), 0x0136).u32(0), shed, "it waits for its first visitor");
    let mut o = server.sign_in(olga);
    let packets = o.join(CLUB);
    assert_eq!(packets[0].payload[6..8], [0, 1], "she still owns it");
    assert_eq!(only(&packets, 0x015f).text(8), "No cats");
    o.send_u32(0xfc7c, &[CLUB]);
    let info = o.expect(0x0384).text(0);
    let expected =
        format!("group={CLUB}\nmike=0\ntext=1\nvideo=1\nbounce={gina},Gina\n\u{c8}ban={hans},Hans\n\u{c8}");
    assert_eq!(info, expected, "what has run out is gone");
    for (uid, word) in [(gina, "bounced"), (hans, "banned")] {
        let mut client = server.sign_in(uid);
        client.ask_to_join(CLUB, "");
        assert!(return_code(&client.sync()[0]).2.contains(word));
    }
    let ivan = server.account("Ivan");
    let mut i = server.sign_in(ivan);
    let packets = i.join(CLUB);
    assert_eq!(value(&record(packets.last().unwrap(), ivan), "mic"), "0", "newcomers listen");
    i.send_u32(0xfec0, &[CLUB]);
    i.send_u32(0xfec4, &[olga.0, 9999, 0x082a]);
    assert_eq!(only(&i.sync(), 0x0136).payload[6..8], [0, 1], "the code holds");
}

#[test]
fn somebody_in_many_rooms_leaves_all_of_them_at_once() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    let rooms = [OAK, 50_002, 50_003, 450];
    for room in rooms {
        a.join(room);
        b.join(room);
        b.send_u32(0xfe72, &[room]);
        b.sync();
    }
    a.sync();
    let mut again = server.sign_in(bob);
    let left: Vec<Packet> = rooms.iter().map(|room| packet(0x0140, &[*room, bob.0])).collect();
    assert_eq!(a.sync(), left);
    assert_eq!(b.rest().last().unwrap().kind, 0x044c);
    again.join(450);
    let news = a.sync();
    assert_eq!(value(&record(only(&news, 0x0137), bob), "req"), "", "his hand is down");
}

//! Instant messages, kept messages, search and user info over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use paltalkd::model::{Role, Uid};
use support::*;

/// The texts of kept messages without their stamps, which are checked.
fn kept(packets: &[Packet], from: Uid) -> Vec<String> {
    let messages = packets.iter().filter(|packet| packet.kind == 0x0014);
    messages
        .map(|message| {
            assert_eq!(message.u32(0), from.0);
            let text = message.text(4);
            let (stamp, text) = text.strip_prefix("<<(").unwrap().split_once(")>>").unwrap();
            let tokens: Vec<&str> = stamp.split(' ').collect();
            assert_eq!(tokens.len(), 4, "{stamp}");
            assert!(matches!(tokens[2], "AM" | "PM") && tokens[3] == "UTC", "{stamp}");
            text.to_owned()
        })
        .collect()
}

/// Waits until the hub knows that `uid` has gone: a pal is told.
fn gone(watcher: &mut Client, uid: Uid) {
    while watcher.expect(0x0190) != status(uid, 0) {}
}

#[test]
fn a_message_reaches_its_recipient_and_nobody_else() {
    let server = Server::start();
    let (alice, bob, carl) = (server.account("Alice"), server.account("Bob"), server.account("Carl"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    let mut c = server.sign_in(carl);
    let markup = "<pfont color=\"#255\"><pb>caf\u{e9}</pb></pfont>\nsecond \u{c8} line";
    let payload = [&bob.0.to_be_bytes()[..], &paltalkd::model::to_cp1252(markup)].concat();
    a.send(0xffec, &payload);
    assert_eq!(a.sync(), [], "the client shows its own words itself");
    let packets = b.sync();
    assert_eq!(kinds(&packets), [0x0014]);
    assert_eq!((packets[0].u32(0), packets[0].text(4).as_str()), (alice.0, markup));
    assert_eq!(c.sync(), []);
    // To oneself, or with nothing in it: nothing.
    a.im(alice, "myself");
    a.im(bob, "");
    assert_eq!((a.sync(), b.sync()), (vec![], vec![]));
    // In order, all of them.
    for number in 0..200 {
        a.im(bob, &number.to_string());
    }
    a.sync();
    let numbers: Vec<String> = b.sync().iter().map(|message| message.text(4)).collect();
    assert_eq!(numbers, (0..200).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(server.metrics().messages.get(), 201);
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_reason() {
    let server = Server::start();
    let (alice, bob) = (server.account_with("Alice", &[Role::Trusted]), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    for uid in [Uid(77), Uid(0), Uid(u32::MAX), Uid::NEW_USER] {
        a.im(uid, "anybody?");
        let packets = a.sync();
        let (request, code, text) = return_code(only(&packets, 0x0064));
        assert_eq!((request, code), (0xffec, 0x78), "{uid}");
        assert!(!text.is_empty());
    }
    for text in ["a\0b".to_owned(), "x".repeat(4097)] {
        a.im(bob, &text);
        assert_eq!(return_code(only(&a.sync(), 0x0064)).0, 0xffec);
    }
    a.im(bob, &"x".repeat(4096));
    a.sync();
    assert_eq!(b.sync().len(), 1);
}

#[test]
fn messages_are_kept_for_those_who_are_away_and_delivered_once() {
    let server = Server::start();
    let (alice, bob, carl) = (server.account("Alice"), server.account("Bob"), server.account("Carl"));
    let mut a = server.sign_in(alice);
    // Bob has blocked Carl.
    let mut b = server.sign_in(bob);
    b.send_u32(0xfe0c, &[carl.0]);
    b.sync();
    a.send_u32(0xffbd, &[bob.0]);
    a.sync();
    b.close();
    gone(&mut a, bob);
    let mut c = server.sign_in(carl);
    c.im(bob, "let me in");
    assert_eq!(c.sync(), [], "a block is not to be noticed");
    a.im(bob, "first");
    a.im(bob, "[Auto-Response] I am away");
    a.im(bob, "second");
    assert_eq!(a.sync(), []);

    let mut b = server.connect();
    let packets = b.sign_in(bob);
    assert_eq!(kept(&packets, alice), ["first", "second"]);
    assert_eq!(packets.last().unwrap().kind, 0x0014, "they come last");
    // A sign of life afterwards says that they have arrived.
    assert_eq!(b.sync(), []);
    server.wait_for("their removal", |server| server.store().reader().offline_count(bob).unwrap() == 0);
    b.close();
    gone(&mut a, bob);
    let mut b = server.connect();
    assert_eq!(kept(&b.sign_in(bob), alice), [""; 0]);
    a.im(bob, "live");
    assert_eq!(b.expect(0x0014).text(4), "live", "no stamp");
}

#[test]
fn more_messages_than_one_packet_of_them_come_in_order() {
    let server = Server::start();
    let (alice, bob) = (server.account_with("Alice", &[Role::Trusted]), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let sent: Vec<String> = (0..60).map(|number| format!("{number:02} {}", "words ".repeat(660))).collect();
    for text in &sent {
        a.im(bob, text);
    }
    assert_eq!(a.sync(), []);
    assert_eq!(server.metrics().offline_stored.get(), 60);
    let mut b = server.connect();
    let mut packets = b.sign_in(bob);
    while packets.iter().filter(|packet| packet.kind == 0x0014).count() < sent.len() {
        packets.push(b.next().unwrap());
    }
    assert_eq!(kept(&packets, alice), sent);
    // A sign of life afterwards says that they have arrived.
    assert_eq!(b.sync(), []);
    server.wait_for("their removal", |server| server.store().reader().offline_count(bob).unwrap() == 0);
    assert_eq!(b.sync(), []);
}

#[test]
fn kept_messages_and_lists_outlive_the_daemon() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    a.send_u32(0xffbd, &[bob.0]);
    a.im(bob, "see you tomorrow");
    a.sync();
    a.close();
    server.wait_for("her leaving", |server| server.metrics().connections() == 0);
    let dir = server.stop();

    let server = Server::start_in(dir, |_| {});
    let mut b = server.connect();
    assert_eq!(kept(&b.sign_in(bob), alice), ["see you tomorrow"]);
    let packets = server.connect().sign_in(alice);
    assert_eq!(records(&only(&packets, 0x0043).payload).len(), 2);
    assert!(packets.contains(&status(bob, 30)));
    assert_eq!(server.account("Carl"), Uid(bob.0 + 1), "numbers go on");
}

#[test]
fn users_are_found_by_name_and_by_its_beginning() {
    let server = Server::start();
    let names = ["Eve", "Evelyn", "eve_2", "Steve", "Dan the Man"];
    let uids = names.map(|name| server.account(name));
    let mut a = server.sign_in(uids[3]);
    let mut search = |form: &str| {
        a.send(0xffbb, form.as_bytes());
        let packets = a.sync();
        assert_eq!(packets.len(), 1, "{packets:?}");
        packets.into_iter().next().unwrap()
    };
    let found = |packet: &Packet| -> Vec<(u32, String)> {
        assert_eq!(packet.kind, 0x0045);
        let records = records(&packet.payload);
        records.iter().map(|r| (value(r, "uid").parse().unwrap(), value(r, "nickname").to_owned())).collect()
    };
    let answer = search("uid=3\nfirst=\nlast=\nexnick=eVe\nemail=");
    assert_eq!(found(&answer), [(uids[0].0, "Eve".to_owned())]);
    assert!(!answer.text(0).contains('@'), "no addresses");
    let answer = found(&search("uid=3\nfirst=\nlast=\nnickname=EVE\nemail="));
    assert_eq!(answer.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Eve", "eve_2", "Evelyn"]);
    assert_eq!(found(&search("nickname=dan the m")), [(uids[4].0, "Dan the Man".to_owned())]);
    for nobody in
        ["exnick=Ev", "nickname=zz", "nickname=", "", "uid=3", "exnick=\u{0}", "nickname=%", "email=a@b"]
    {
        assert_eq!(search(nobody).kind, 0xffbb, "{nobody:?}");
    }
    for number in 0..60 {
        make_account(server.store(), &format!("Crowd{number}"), Default::default());
    }
    assert_eq!(found(&search("nickname=crowd")).len(), 50);
}

#[test]
fn strangers_are_introduced() {
    let server = Server::start();
    let (alice, eve) = (server.account("Alice"), server.account("Eve"));
    let mut e = server.sign_in(eve);
    let mut old = server.sign_in(alice);
    e.im(alice, "hello from stranger Eve");
    assert_eq!(old.expect(0x0014).u32(0), eve.0);
    old.send_u32(0xffbc, &[eve.0]);
    let packets = old.sync();
    assert_eq!(kinds(&packets), [0x0045, 0x0190], "nothing else opens the window of 5.0");
    let record = &records(&packets[0].payload)[0];
    assert_eq!((value(record, "uid"), value(record, "nickname")), (eve.0.to_string().as_str(), "Eve"));
    assert_eq!(packets[1], status(eve, 30));
    old.send_u32(0xffbc, &[77]);
    assert_eq!(kinds(&old.sync()), [0xffbb]);
    old.close();
    let mut new = server.sign_in_51(alice);
    new.send_u32(0xffbc, &[eve.0]);
    assert_eq!(kinds(&new.sync()), [0x0044, 0x0190]);
}

#[test]
fn the_service_user_answers() {
    let server = Server::start();
    let alice = server.account("Alice");
    let mut a = server.sign_in(alice);
    let mut ask = |text: &str| {
        a.im(Uid::SERVICE, text);
        let packets = a.sync();
        assert!(!packets.is_empty());
        packets
            .iter()
            .map(|answer| {
                assert_eq!((answer.kind, answer.u32(0)), (0x0014, Uid::SERVICE.0));
                let text = answer.text(4);
                assert!(text.starts_with("<pfont"), "{text}");
                text
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(ask("/help").contains("/help [COMMAND] - "));
    assert!(ask("<pfont color=\"#0\">/HELP</pfont>").contains("/help [COMMAND] - "));
    assert!(!ask("/help").contains("/w NICKNAME"), "only what works there");
    assert!(ask("/w Bob: hi").contains("rooms only"));
    assert!(ask("/nonsense").contains("no such command"));
    assert!(ask("hello").contains("/help"));
}

#[test]
fn a_client_that_vanished_before_a_sign_of_life_gets_its_messages_again() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    a.im(bob, "are you there?");
    a.sync();
    for _ in 0..2 {
        let mut b = server.connect();
        let challenge = b.challenge(bob);
        b.login(challenge, PASSWORD);
        assert!(b.expect(0x0014).text(4).ends_with("are you there?"));
        b.close();
        server.wait_for("his end", |server| server.metrics().connections() == 1);
    }
    let mut b = server.connect();
    assert_eq!(b.sign_in(bob).iter().filter(|packet| packet.kind == 0x0014).count(), 1);
    assert_eq!(b.sync(), []);
    server.wait_for("the removal", |server| server.store().reader().offline_count(bob).unwrap() == 0);
}

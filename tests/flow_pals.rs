//! Pal lists, presence, blocks and privacy over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use paltalkd::model::{Privacy, Role, Uid};
use support::*;

const ADD: u16 = 0xffbd;
const REMOVE: u16 = 0xffbe;
const BLOCK: u16 = 0xfe0c;
const UNBLOCK: u16 = 0xfdf8;

/// The uids and nicknames of a pal list.
fn list(packet: &Packet) -> Vec<(String, String)> {
    let records = records(&packet.payload);
    records
        .iter()
        .map(|record| {
            let keys: Vec<&str> = record.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["uid", "nickname"], "some clients take the rest of a record for the name");
            (value(record, "uid").to_owned(), value(record, "nickname").to_owned())
        })
        .collect()
}

fn names(packet: &Packet) -> Vec<String> {
    list(packet).into_iter().map(|(_, name)| name).collect()
}

#[test]
fn a_pal_is_added_shown_and_removed() {
    let server = Server::start();
    let (alice, bob, carl) = (server.account("Alice"), server.account("Bob"), server.account("Carl"));
    let mut a = server.sign_in(alice);
    a.send_u32(ADD, &[bob.0]);
    let packets = a.sync();
    assert_eq!(kinds(&packets), [0x0043, 0x0190]);
    assert_eq!(list(&packets[0]), [(bob.0.to_string(), "Bob".to_owned())], "5.0 adds what a list holds");
    assert_eq!(packets[1], status(bob, 0));
    // The same once more changes nothing and is answered all the same.
    a.send_u32(ADD, &[bob.0]);
    assert_eq!(kinds(&a.sync()), [0x0043, 0x0190]);
    assert_eq!(server.store().reader().pals(alice).unwrap().len(), 1);

    let b = server.sign_in(bob);
    assert_eq!(a.next(), Some(status(bob, 30)));
    a.send_u32(ADD, &[carl.0]);
    a.send_u32(REMOVE, &[bob.0]);
    let packets = a.sync();
    assert_eq!(names(only(&packets, 0x0043)), ["Carl"]);
    assert!(!kinds(&packets).contains(&0x0042), "5.0 does not know it");
    b.close();
    let c = server.sign_in(carl);
    assert_eq!(a.next(), Some(status(carl, 30)), "Bob's leaving is none of her business any more");
    a.send_u32(REMOVE, &[99]);
    assert_eq!(a.sync(), []);
    drop(c);

    // The list is there at the next sign-in.
    a.close();
    let packets = server.connect().sign_in(alice);
    assert_eq!(names(only(&packets, 0x0043)), ["Paltalk", "Carl"]);
}

#[test]
fn later_clients_get_the_whole_list() {
    let server = Server::start();
    let (alice, bob, carl) = (server.account("Alice"), server.account("Bob"), server.account("Carl"));
    let mut a = server.sign_in_51(alice);
    a.send_u32(ADD, &[bob.0]);
    assert_eq!(names(&a.expect(0x0043)), ["Paltalk", "Bob"]);
    a.send_u32(ADD, &[carl.0]);
    assert_eq!(names(&a.expect(0x0043)), ["Paltalk", "Bob", "Carl"]);
    a.send_u32(ADD, &[bob.0]);
    assert_eq!(names(&a.expect(0x0043)).len(), 3);
    a.send_u32(REMOVE, &[bob.0]);
    assert_eq!(a.expect(0x0042), packet(0x0042, &[bob.0]));
    a.send_u32(ADD, &[Uid::SERVICE.0]);
    assert_eq!(names(&a.expect(0x0043)), ["Paltalk", "Carl"]);
}

#[test]
fn whole_lists_have_what_the_store_has_not_yet() {
    let server = Server::start();
    let alice = server.account("Alice");
    let others: Vec<Uid> = (0..30).map(|number| server.account(&format!("Pal{number:02}"))).collect();
    let mut a = server.sign_in_51(alice);
    for (kind, list, own) in [(ADD, 0x0043, "Paltalk"), (BLOCK, 0x01fe, "")] {
        // All at once, so that many are asked for before the first is stored.
        let burst: Vec<u8> = others.iter().flat_map(|uid| a.frame(kind, &uid.0.to_be_bytes())).collect();
        a.send_raw(&burst);
        for count in 1..=others.len() {
            let packet = a.expect(list);
            let mut shown = names(&packet);
            shown.retain(|name| name != own);
            shown.sort();
            let wanted: Vec<String> = (0..count).map(|number| format!("Pal{number:02}")).collect();
            assert_eq!(shown, wanted);
        }
    }
}

#[test]
fn what_cannot_be_added_is_refused_with_a_reason() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    for uid in [alice.0, 77, 0, u32::MAX, Uid::NEW_USER.0] {
        a.send_u32(ADD, &[uid]);
        let packets = a.sync();
        let (request, code, text) = return_code(only(&packets, 0x0064));
        assert_eq!((request, code), (ADD, 0x78), "{uid}: {text}");
        assert!(!text.is_empty());
        assert_eq!(packets.len(), 1);
    }
    a.send_u32(BLOCK, &[bob.0]);
    a.send_u32(ADD, &[bob.0]);
    let packets = a.sync();
    assert!(return_code(only(&packets, 0x0064)).2.contains("blocked"));
    assert_eq!(server.store().reader().pals(alice).unwrap(), []);
}

#[test]
fn everybody_sees_every_change_at_once() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    a.send_u32(ADD, &[bob.0]);
    a.sync();
    let mut b = server.sign_in_51(bob);
    assert_eq!(a.next(), Some(status(bob, 30)));
    b.send_u32(ADD, &[alice.0]);
    assert!(b.sync().contains(&status(alice, 30)));

    // 5.0's away and back; it shows its own status itself, others may be told it.
    a.send(0xfda8, b"I am away at the moment...");
    assert_eq!(b.expect(0x0190), status(alice, 70));
    a.send(0xfd9e, &[]);
    assert_eq!(b.expect(0x0190), status(alice, 30));
    assert_eq!(a.sync(), [status(alice, 70), status(alice, 30)]);

    for (wish, shown) in [(90, 90), (50, 90), (70, 70), (110, 0), (30, 30)] {
        b.send_u32(0xfd94, &[wish]);
        let packets = b.sync();
        let own = if wish == 50 { 90 } else { wish };
        assert_eq!(only(&packets, 0x026c), &packet(0x026c, &[own]));
        assert_eq!(packets.last(), Some(&status(bob, own)));
        let seen = a.sync();
        // "Busy" and "do not disturb" are one status here, so nothing changes between them.
        assert_eq!(seen, if wish == 50 { vec![] } else { vec![status(bob, shown)] }, "{wish}");
    }

    // Somebody who is invisible looks as if he were not there, also to newcomers and in searches.
    b.send_u32(0xfd94, &[110]);
    b.sync();
    assert_eq!(a.next(), Some(status(bob, 0)));
    a.close();
    let mut a = server.connect();
    assert!(!a.sign_in(alice).contains(&status(bob, 110)));
    a.send_u32(0xffbc, &[bob.0]);
    assert!(a.sync().contains(&status(bob, 0)));
    b.close();
    assert_eq!(a.sync(), [], "he goes unnoticed");
}

#[test]
fn a_block_hides_both_from_each_other() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    a.send_u32(ADD, &[bob.0]);
    a.sync();
    b.send_u32(ADD, &[alice.0]);
    b.sync();

    a.send_u32(BLOCK, &[bob.0]);
    let packets = a.sync();
    assert!(!kinds(&packets).contains(&0x01f4), "5.0 shows every one of them as a failure");
    assert!(packets.contains(&status(bob, 0)));
    assert_eq!(b.sync(), [status(alice, 0)]);

    // Neither sees what the other does from now on.
    b.send(0xfda8, b"away");
    b.sync();
    a.send(0xfda8, b"away");
    a.sync();
    assert_eq!(b.sync(), []);
    // Messages of the blocked vanish without a word; the blocker is told to unblock first.
    b.im(alice, "psst");
    assert_eq!(b.sync(), []);
    a.im(bob, "hey");
    let packets = a.sync();
    assert!(!kinds(&packets).contains(&0x0014));
    assert_eq!(return_code(only(&packets, 0x0064)).0, 0xffec);

    // It holds across sign-ins, of either.
    b.close();
    let mut b = server.connect();
    assert!(!b.sign_in(bob).iter().any(|packet| packet == &status(alice, 70)));
    a.close();
    let mut a = server.connect();
    let packets = a.sign_in(alice);
    assert_eq!(names(only(&packets, 0x01fe)), ["Bob"]);
    assert!(!packets.contains(&status(bob, 30)));
    assert_eq!(b.sync(), []);

    a.send_u32(UNBLOCK, &[bob.0]);
    let packets = a.sync();
    assert_eq!(packets, [status(bob, 30)]);
    assert_eq!(b.sync(), [status(alice, 30)]);
    b.im(alice, "hello again");
    assert_eq!(a.expect(0x0014).text(4), "hello again");
    assert_eq!(server.store().reader().blocks(alice).unwrap(), []);
}

#[test]
fn later_clients_are_told_of_blocks() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in_51(alice);
    a.send_u32(ADD, &[bob.0]);
    a.sync();
    a.send_u32(BLOCK, &[bob.0]);
    let packets = a.sync();
    assert_eq!(kinds(&packets), [0x01f4, 0x01fe, 0x0190]);
    assert_eq!((packets[0].u32(0), &packets[0].payload[4..6]), (bob.0, &[0, 1][..]));
    assert!(packets[0].text(6).contains("uccess"));
    assert_eq!(names(&packets[1]), ["Bob"]);
    assert_eq!(packets[2], status(bob, 0xffff_ffff));
    a.send_u32(UNBLOCK, &[bob.0]);
    let packets = a.sync();
    assert_eq!(kinds(&packets), [0x01f4, 0x01fe, 0x0190]);
    assert_eq!((packets[0].u32(0), &packets[0].payload[4..6]), (bob.0, &[0, 0][..]));
    assert_eq!(names(&packets[1]), [""; 0]);
    assert_eq!(packets[2], status(bob, 0));
}

#[test]
fn not_everybody_can_be_blocked() {
    let server = Server::start();
    let (alice, staff) = (server.account("Alice"), server.account_with("Warden", &[Role::Admin]));
    let mut a = server.sign_in(alice);
    for uid in [alice.0, staff.0, Uid::SERVICE.0, 77, u32::MAX] {
        a.send_u32(BLOCK, &[uid]);
        let packets = a.sync();
        assert_eq!(kinds(&packets), [0x0064], "{uid}");
        assert_eq!(return_code(&packets[0]).0, BLOCK);
    }
    assert_eq!(server.store().reader().blocks(alice).unwrap(), []);
}

#[test]
fn privacy_is_kept_shown_and_enforced() {
    let server = Server::start();
    let (alice, bob, carl) = (server.account("Alice"), server.account("Bob"), server.account("Carl"));
    let mut a = server.sign_in_51(alice);
    a.send_u32(ADD, &[bob.0]);
    a.sync();
    let mut b = server.sign_in(bob);
    let mut c = server.sign_in(carl);
    a.sync();
    for letter in [b'T', b'A', b'P'] {
        a.send(0xfe66, &[letter]);
        assert_eq!(a.sync(), [Packet { kind: 0x019b, payload: vec![letter] }]);
        b.im(alice, "from a pal");
        b.sync();
        c.im(alice, "from a stranger");
        let refused = c.sync();
        let heard: Vec<u32> = a.sync().iter().map(|im| im.u32(0)).collect();
        if letter == b'P' {
            assert_eq!(heard, [bob.0]);
            let (request, _, text) = return_code(only(&refused, 0x0064));
            assert_eq!(request, 0xffec);
            assert!(text.contains("only from pals"), "{text}");
        } else {
            assert_eq!((heard, refused), (vec![bob.0, carl.0], vec![]));
        }
    }
    a.send(0xfe66, b"X");
    a.send(0xfe66, b"");
    assert_eq!(a.sync(), []);
    a.send_u32(BLOCK, &[carl.0]);
    a.sync();
    a.send(0xfe02, &[]);
    let packets = a.sync();
    assert_eq!(kinds(&packets), [0x019b, 0x01fe]);
    assert_eq!((packets[0].payload.as_slice(), names(&packets[1])), (&b"P"[..], vec!["Carl".to_owned()]));
    let account = server.store().reader().account(alice).unwrap().unwrap();
    assert_eq!(account.privacy, Privacy::Pals);

    // It holds while she is away from the server, too.
    a.close();
    server.wait_for("her leaving", |server| server.metrics().connections() == 2);
    a = server.connect();
    a.version = V51;
    b.sync();
    c.sync();
    a.sign_in(alice);
    a.send_u32(UNBLOCK, &[carl.0]);
    a.sync();
    a.close();
    server.wait_for("her leaving", |server| server.metrics().connections() == 2);
    // The hub hears of it after the connection is counted; Bob's pal list tells when.
    b.send_u32(ADD, &[alice.0]);
    while b.sync().iter().any(|packet| packet == &status(alice, 30)) {
        b.send_u32(ADD, &[alice.0]);
    }
    c.im(alice, "kept?");
    assert_eq!(return_code(only(&c.sync(), 0x0064)).0, 0xffec);
    b.im(alice, "kept!");
    assert_eq!(b.sync(), []);
    assert_eq!(server.store().reader().offline_count(alice).unwrap(), 1);
}

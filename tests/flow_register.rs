//! Making an account and changing its password from the client, over real sockets. These few use
//! real password hashes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use paltalkd::model::{CloseReason, Nickname, Uid};
use paltalkd::protocol::cipher::{Variant, encode};
use paltalkd::store::Account;
use support::*;

const FORM: u16 = 0xfb6e;
const HINT: u16 = 0xffb9;
const CHANGE: u16 = 0xfb78;

fn digits(challenge: u16, text: &str) -> String {
    String::from_utf8(encode(Variant::One, challenge, text.as_bytes(), 3).unwrap_or_default()).unwrap()
}

/// The old password as 5.0 encodes it when it is changed: without any key text.
fn old_digits(text: &str) -> String {
    let code = |(i, byte): (usize, u8)| i32::from(byte) + 122 + i as i32 * (13 - i as i32);
    text.bytes().enumerate().map(|pair| format!("{:03}7", code(pair))).collect()
}

fn form(nickname: &str, password: &str) -> Vec<u8> {
    let text = format!(
        "first=Lab\nlast=User\nnickname={nickname}\nemail=lab@example.com\nuid=0\npassword={}\ncountry=US\n\
         state=\nstreet=\nzip=\nsex=M\nage=18-24\nget_offers_from_affiliates=N\nshow_email=N\nshow_first=N\n\
         show_last=N\ninterests=1,2,3\njobi=1\njobf=1\njobt=1\nhome=1\nincome=1\nlogin=2",
        digits(0, password)
    );
    paltalkd::model::to_cp1252(&text)
}

fn account(server: &Server, name: &str) -> Option<Account> {
    let name = Nickname::from_text(name).unwrap();
    server.store().reader().account_by_name(&name.key()).unwrap()
}

/// A client that has introduced itself as somebody who wants to register.
fn newcomer(server: &Server) -> Client {
    let mut client = server.connect();
    client.send_u32(0xff9c, &[Uid::NEW_USER.0]);
    client.expect(0xff8b);
    client
}

#[test]
fn a_5_0_client_registers_as_it_was_recorded() {
    let server = Server::start();
    server.account("LabUser1");
    let mut client = server.connect();
    client.send_u32(0xff9c, &[0]);
    client.expect(0xff8b);
    assert_eq!(client.look_up("newuser").text(0), "uid=2147483647\nnickname=newuser\n");
    client.close();

    // Whatever password was typed, the answer opens the dialog.
    let mut client = server.connect();
    let challenge = client.challenge(Uid::NEW_USER);
    client.login(challenge, "whatever");
    let (request, code, text) = return_code(&client.next().unwrap());
    assert_eq!((request, code), (FORM, 1));
    assert!(!text.is_empty());
    client.close();

    // The name is taken: the client shows the one that is free, and the user takes it.
    let mut client = newcomer(&server);
    client.send(FORM, &form("labuser1", "secret12"));
    let (request, code, suggestion) = return_code(&client.next().unwrap());
    assert_eq!((request, code, suggestion.as_str()), (FORM, 0x63, "labuser11"));
    client.close();
    assert_eq!(server.metrics().registrations.get(), 0);

    let mut client = newcomer(&server);
    client.send(FORM, &form(&suggestion, "secret12"));
    let created = client.next().unwrap();
    assert_eq!(
        (created.kind, &created.payload[..4], created.payload.len()),
        (0x64, &[0xfb, 0x6e, 0, 0][..], 8)
    );
    let uid = Uid(created.u32(4));
    client.send(HINT, b"\0\x01the answer\nthe hint");
    let send_login = client.next().unwrap();
    assert_eq!((send_login.kind, send_login.payload.len()), (0xffb1, 7));
    let challenge = challenge_of(&send_login.payload[4..7]);
    client.login_as(uid, challenge, "secret12");
    let mut packets = client.until(0x04a6);
    packets.extend(client.sync());
    assert_eq!(kinds(&packets), [0x04a6, 0x019a, 0x02b2, 0x02b2, 0x019c, 0x0043, 0x0190, 0x0190]);
    let made = account(&server, "labuser11").unwrap();
    assert_eq!((made.uid, made.email.as_deref()), (uid, Some("lab@example.com")));
    let hint = made.hint.unwrap();
    assert_eq!((hint.question, hint.text.as_slice()), (1, &b"the hint"[..]));
    assert_eq!(server.metrics().registrations.get(), 1);

    // Online, nothing of this has any effect.
    client.send(FORM, &form("Another", "secret12"));
    assert_eq!(client.sync(), []);
    assert!(account(&server, "Another").is_none());
    client.close();

    let mut again = server.connect();
    let challenge = again.challenge(uid);
    again.login(challenge, "secret12");
    again.expect(0x04a6);
}

#[test]
fn a_5_1_client_gets_its_challenge_at_once_and_one_account() {
    let server = Server::start();
    let mut client = server.connect();
    client.version = V51;
    let form = form("Fifty One", "secret12");
    let frame = client.frame(FORM, &form);
    client.send_raw(&[&frame[..], &frame[..]].concat());
    let created = client.expect(0x0064);
    assert_eq!(&created.payload[..4], [0xfb, 0x6e, 0, 0]);
    let send_login = client.next().unwrap();
    assert_eq!((send_login.kind, send_login.payload.len()), (0xffb1, 7));
    let uid = Uid(created.u32(4));
    client.send(HINT, b"\0\x02blue\nthe colour");
    client.login_as(uid, challenge_of(&send_login.payload[4..7]), "secret12");
    assert_eq!(client.next().unwrap().kind, 0x04a6, "the second form was passed over without an answer");
    let made = account(&server, "fifty one").unwrap();
    assert_eq!((made.uid, made.hint.unwrap().question), (uid, 2));
    assert_eq!(server.metrics().registrations.get(), 1);
}

#[test]
fn what_cannot_be_registered_is_refused_with_a_reason() {
    let server = Server::start();
    let mut client = newcomer(&server);
    let cases = [
        ("", "secret12", "empty"),
        ("abcdefghijklmnopqrstuvwxyza", "secret12", "26"),
        ("<pb>Alice", "secret12", "starts"),
        ("A\u{c8}ve", "secret12", "letters"),
        ("Alice\0", "secret12", "letters"),
        ("Two  Blanks", "secret12", "blank"),
        ("Paltalk", "secret12", "reserved"),
        ("newuser", "secret12", "reserved"),
        ("PaIta1k", "secret12", "taken for the service"),
        ("Admin Bob", "secret12", "taken for the service"),
        ("Bob\u{ad}by", "secret12", "letters"),
        ("Bobbbbbbby", "secret12", "in a row"),
        ("Alice", "1234", "at least 5"),
        ("Alice", "1234567890123456789012", "at most 21"),
        ("Alice", "", "could not be read"),
    ];
    for (nickname, password, reason) in cases {
        client.send(FORM, &form(nickname, password));
        let (request, code, text) = return_code(&client.next().unwrap());
        assert_eq!((request, code), (FORM, 1), "{nickname:?} {password:?}: {text}");
        assert!(text.contains(reason), "{nickname:?} {password:?}: {text}");
        assert!(
            text.ends_with('.') && !text.contains(PASSWORD) && text.starts_with(char::is_uppercase),
            "{text}"
        );
    }
    client.send(FORM, b"nickname=Alice\npassword=notdigits");
    assert!(return_code(&client.next().unwrap()).2.contains("could not be read"));
    // Nothing in it: passed over.
    client.send(FORM, b"first=Lab");
    assert_eq!(client.look_up("Alice").text(0), "uid=-1\nnickname=Alice\n");
    assert_eq!(server.metrics().packets_malformed.get(), 1);
    assert_eq!(server.metrics().registrations.get(), 0);
}

#[test]
fn an_address_makes_five_accounts_and_then_has_to_wait() {
    let server = Server::start_with(|config| config.limits.exempt.clear());
    for number in 0..6 {
        let mut client = newcomer(&server);
        client.send(FORM, &form(&format!("Newcomer{number}"), "secret12"));
        let answer = client.next().unwrap();
        if number == 5 {
            let (request, code, text) = return_code(&answer);
            assert_eq!((request, code), (FORM, 1), "{text}");
        }
        client.close();
    }
    assert_eq!(server.metrics().registrations.get(), 5);
    assert_eq!(account(&server, "Newcomer5"), None);
}

#[test]
fn a_registration_gives_power_over_nobody_else() {
    let server = Server::start();
    let victim = server.account("Victim");
    let mut client = newcomer(&server);
    // Hints of nobody in particular are nobody's.
    client.send(HINT, b"\0\x01a\nearly");
    client.wish(victim);
    client.send(HINT, b"\0\x01a\nstill early");
    client.login_as(victim, 100, "wrong");
    client.expect(0x0064);
    client.send(FORM, &form("Mallory", "secret12"));
    let uid = Uid(client.next().unwrap().u32(4));
    client.wish(victim);
    client.send(HINT, b"\0\x01a\nmine");
    let challenge = challenge_of(&client.expect(0xffb1).payload[4..7]);
    client.login_as(victim, challenge, "secret12");
    assert_eq!(return_code(&client.next().unwrap()).1, 0x63);
    assert_eq!(server.store().reader().account(victim).unwrap().unwrap().hint, None);
    assert_eq!(account(&server, "Mallory").unwrap().hint.unwrap().text, b"mine");
    // The wrong passwords before it count.
    assert_eq!(client.wish(uid), challenge);
    for _ in 0..3 {
        client.login_as(uid, challenge, "wrong");
        client.next().unwrap();
    }
    assert_eq!(client.next(), None);
    server.wait_for("the counter", |server| server.metrics().closed_for(CloseReason::LoginTries) == 1);
}

#[test]
fn a_password_is_changed_with_the_old_one_only() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut client = server.sign_in(alice);
    let change = |uid: Uid, old: &str, new: &str| {
        [&uid.0.to_be_bytes()[..], old.as_bytes(), b"\n", new.as_bytes()].concat()
    };
    let (old, new) = (old_digits(PASSWORD), digits(0, "newpass1"));
    let cases = [
        (bob, &old, &new, 0xffff, "own"),
        (alice, &old_digits("other"), &new, 1, "old"),
        (alice, &"12".to_owned(), &new, 0xffff, "read"),
        (alice, &old, &digits(0, "1234"), 1, "at least 5"),
        (alice, &old, &digits(0, &"x".repeat(22)), 1, "at most 21"),
    ];
    for (uid, old, new, code, reason) in cases {
        client.send(CHANGE, &change(uid, old, new));
        let packets = client.sync();
        let answer = return_code(only(&packets, 0x0064));
        assert_eq!((answer.0, answer.1), (CHANGE, code), "{answer:?}");
        assert!(answer.2.contains(reason), "{answer:?}");
    }
    client.send_u32(0xfb82, &[alice.0]);
    assert_eq!(client.next(), Some(Packet { kind: 0x0488, payload: b"551".to_vec() }));
    client.send(CHANGE, &change(alice, &old, &new));
    client.send(HINT, b"\0\0\nmy hint");
    assert_eq!(client.sync(), [Packet { kind: 0x0064, payload: vec![0xfb, 0x78, 0, 0] }]);
    let stored = server.store().reader().account(alice).unwrap().unwrap();
    assert_eq!(stored.hint.unwrap().text, b"my hint");
    client.close();

    let mut client = server.connect();
    let challenge = client.challenge(alice);
    client.login(challenge, PASSWORD);
    assert_eq!(return_code(&client.next().unwrap()).1, 0x63);
    client.login(challenge, "newpass1");
    client.expect(0x04a6);
    assert_eq!(server.connect().sign_in(bob)[0].kind, 0x04a6, "his is what it was");
}

#[test]
fn a_later_client_changes_its_password_under_a_challenge() {
    let server = Server::start();
    let alice = server.account("Alice");
    let mut client = server.sign_in_51(alice);
    let change = |challenge: u16| {
        [
            &alice.0.to_be_bytes()[..],
            digits(challenge, PASSWORD).as_bytes(),
            b"\n",
            digits(0, "newpass1").as_bytes(),
        ]
        .concat()
    };
    client.send_u32(0xfb82, &[alice.0]);
    let challenge = challenge_of(&client.expect(0x0488).payload);
    client.send(CHANGE, &change(challenge + 1));
    assert_eq!(return_code(&client.expect(0x0064)).1, 1);
    client.send(CHANGE, &change(challenge));
    assert_eq!(client.expect(0x0064).payload, [0xfb, 0x78, 0, 0]);
}

//! From the connection to the session, and its end, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::collections::HashSet;

use paltalkd::model::{CloseReason, Role, Uid};
use support::*;

#[test]
fn every_client_is_greeted_as_it_expects() {
    let server = Server::start();
    let alice = server.account("Alice");
    let mut silent = server.connect();

    // 5.0 speaks first; a second greeting would make it ask twice.
    let mut introduced = server.connect();
    introduced.send_u32(0xff9c, &[0]);
    introduced.expect(0xff8b);
    let mut without_uid = server.connect();
    without_uid.send(0xff9c, &[]);
    without_uid.expect(0xff8b);
    let mut hello = server.connect();
    hello.send(0xff9b, b"anything");
    assert_eq!(hello.expect(0x0075).text(0).to_lowercase(), "hello-from:paltalk");
    // Some do not wait for a greeting at all.
    let mut direct = server.connect();
    assert_eq!(direct.look_up("Alice").kind, 0x046b);
    let mut known = server.connect();
    known.wish(alice);

    // Others say nothing until one of the two greetings has come.
    assert_eq!(silent.next().unwrap().kind, 0x0075);
    assert_eq!(silent.next().unwrap().kind, 0xff8b);
    silent.wish(alice);
    for client in [&mut introduced, &mut without_uid, &mut hello, &mut direct] {
        assert_eq!(client.look_up("Alice").kind, 0x046b, "nothing came in between");
    }
    known.wish(alice);
}

#[test]
fn a_uid_is_looked_up_and_used_on_the_next_connection() {
    let server = Server::start();
    let dan = server.account("Dan the Man");
    let mut first = server.connect();
    first.send_u32(0xff9c, &[0]);
    first.expect(0xff8b);
    let answer = first.look_up("dAN tHE mAN");
    assert_eq!((answer.kind, answer.text(0)), (0x046b, format!("uid={}\nnickname=Dan the Man\n", dan.0)));
    let answer = first.look_up("Nobody");
    assert_eq!(answer.kind, 0x046b);
    assert_eq!(answer.text(0).lines().collect::<Vec<_>>(), ["uid=-1", "nickname=Nobody"]);
    // Names that cannot exist are nobody's, too.
    for name in ["", " ", "A\nb", "A\u{c8}b", &"x".repeat(400)] {
        assert!(first.look_up(name).text(0).starts_with("uid=-1\n"), "{name:?}");
    }
    assert_eq!(first.look_up("NewUser").text(0), "uid=2147483647\nnickname=newuser\n");
    first.close();
    let packets = server.connect().sign_in(dan);
    assert_eq!(packets[0].kind, 0x04a6);
}

#[test]
fn a_challenge_belongs_to_its_connection() {
    let server = Server::start();
    let alice = server.account("Alice");
    let mut challenges = HashSet::new();
    for _ in 0..24 {
        let mut client = server.connect();
        let challenge = client.wish(alice);
        assert_eq!(client.wish(alice), challenge, "asked again");
        challenges.insert(challenge);
    }
    assert!(challenges.len() > 3, "{challenges:?}");
    // A recorded password is worth nothing under another challenge.
    let mut client = server.connect();
    let challenge = client.challenge(alice);
    client.login(challenge + 1, PASSWORD);
    assert_eq!(return_code(&client.next().unwrap()).1, 0x63);
}

#[test]
fn a_wrong_password_is_answered_like_an_unknown_user() {
    let server = Server::start();
    let alice = server.account("Alice");
    let answers: Vec<Packet> = [alice, Uid(1_234_567), Uid::SERVICE]
        .into_iter()
        .map(|uid| {
            let mut client = server.connect();
            let challenge = client.challenge(uid);
            client.login(challenge, "wrong one");
            client.next().unwrap()
        })
        .collect();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2], "the service user has no password");
    let (request, code, text) = return_code(&answers[0]);
    assert_eq!((request, code, text.as_str()), (0xfb84, 0x63, "The password you entered is incorrect."));

    // The same connection may try again, but not for ever.
    let mut client = server.connect();
    let challenge = client.challenge(alice);
    client.login(challenge, "wrong one");
    client.expect(0x0064);
    client.login(challenge, PASSWORD);
    client.expect(0x04a6);

    let mut client = server.connect();
    let mut challenge = client.challenge(alice);
    for round in 1..=5 {
        client.login(challenge, "wrong one");
        assert_eq!(client.next().unwrap().kind, 0x0064, "{round}");
        if round < 5 {
            // Asking for a new challenge, or as somebody else, does not start the count again.
            challenge = client.wish(if round == 2 { Uid(7) } else { alice });
        }
    }
    assert_eq!(client.next(), None);
    server.wait_for("the counter", |server| server.metrics().closed_for(CloseReason::LoginTries) == 1);
}

#[test]
fn a_password_opens_only_the_account_of_the_challenge() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut client = server.connect();
    let challenge = client.challenge(alice);
    client.login_as(bob, challenge, PASSWORD);
    assert_eq!(return_code(&client.next().unwrap()).1, 0x63);
    client.login_as(alice, challenge, PASSWORD);
    client.expect(0x04a6);
}

#[test]
fn the_session_begins_in_the_order_clients_need() {
    let server = Server::start();
    let (alice, bob, carl) = (server.account("Alice"), server.account("Bob"), server.account("Carl"));
    let mut a = server.sign_in(alice);
    for pal in [bob, carl] {
        a.send_u32(0xffbd, &[pal.0]);
        a.expect(0x0043);
    }
    a.sync();
    a.close();
    let b = server.sign_in(bob);
    let packets = server.connect().sign_in(alice);
    assert_eq!(kinds(&packets), [0x04a6, 0x019a, 0x02b2, 0x02b2, 0x019c, 0x0043, 0x0190, 0x0190, 0x0190]);
    assert!(packets[0].payload.is_empty());

    let data = records(&packets[1].payload);
    assert_eq!(data.len(), 1);
    let data = &data[0];
    assert_eq!((value(data, "uid"), value(data, "nickname")), (alice.0.to_string().as_str(), "Alice"));
    assert_eq!((value(data, "admin"), value(data, "privacy")), ("0", "A"));
    // All of these or none (REAL-CLIENT, Login).
    for key in ["random", "get_offers_from_us", "get_offers_from_affiliates", "smtp", "ei"] {
        assert_ne!(value(data, key), "", "{key} in {data:?}");
    }
    assert!(value(data, "smtp").bytes().all(|byte| byte.is_ascii_digit()));
    // Nothing that makes the client report programs and close.
    assert!(data.iter().all(|(key, _)| !matches!(key.as_str(), "bep" | "bwp" | "bei")));

    assert_eq!(packets[2].payload, [0x7f, 0xff, b'C']);
    assert_eq!(packets[3].payload, [0x7f, 0xff, b'G']);
    let categories = records(&packets[4].payload);
    assert_eq!(categories.len(), 30);
    assert!(categories.iter().all(|category| value(category, "list") == "2"));
    assert!(categories.iter().any(|category| {
        (value(category, "code"), value(category, "value")) == ("30018", "Young Adults (18+)")
    }));

    let pals = records(&packets[5].payload);
    let names: Vec<&str> = pals.iter().map(|pal| value(pal, "nickname")).collect();
    assert_eq!(names[0], "Paltalk", "the service user is first");
    assert_eq!(names.len(), 3);
    assert!(names.contains(&"Bob") && names.contains(&"Carl"));
    let shown = [status(Uid::SERVICE, 30), status(bob, 30), status(alice, 30)];
    assert_eq!(packets[6..], shown, "5.0 gets exactly eight bytes, and none for who is offline");
    drop(b);
}

#[test]
fn later_clients_begin_with_their_own_status() {
    let server = Server::start();
    let alice = server.account_with("Alice", &[Role::Admin]);
    let mut client = server.connect();
    client.version = V51;
    client.uid = alice;
    let mut wish = alice.0.to_be_bytes().to_vec();
    wish.extend([0, 0, 0, 1, 0, 1, 0, 0, 0, 70]);
    client.send(0xfb96, &wish);
    let challenge = challenge_of(&client.expect(0x0474).payload[4..7]);
    // 5.1 puts more after its password.
    let mut payload = alice.0.to_be_bytes().to_vec();
    payload.extend(
        paltalkd::protocol::cipher::encode(
            paltalkd::protocol::cipher::Variant::One,
            challenge,
            PASSWORD.as_bytes(),
            1,
        )
        .unwrap(),
    );
    payload.extend(b"\n1234");
    client.send(0xfb84, &payload);
    let mut packets = client.until(0x04a6);
    packets.extend(client.sync());
    assert_eq!(only(&packets, 0x026c), &packet(0x026c, &[70]));
    assert_eq!(packets.last(), Some(&status(alice, 70)));
    assert_eq!(value(&records(&only(&packets, 0x019a).payload)[0], "admin"), "1");
}

#[test]
fn a_second_sign_in_ends_the_first() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut first = server.sign_in(alice);
    first.join(50_001);
    let mut b = server.sign_in(bob);
    b.join(50_001);
    first.expect(0x0137);
    let mut second = server.sign_in(alice);
    let last = first.rest();
    assert_eq!(kinds(&last), [0x044c]);
    assert!(!last[0].payload.is_empty());
    assert_eq!(b.expect(0x0140), packet(0x0140, &[50_001, alice.0]));
    // What the first still sends is nobody's.
    first.try_send_raw(&first.frame(0xffec, &[&bob.0.to_be_bytes()[..], b"ghost"].concat()));
    b.im(alice, "are you there");
    assert_eq!(second.expect(0x0014).text(4), "are you there");
    assert!(!kinds(&b.sync()).contains(&0x0014));
    server.wait_for("the counter", |server| server.metrics().closed_for(CloseReason::Replaced) == 1);
}

#[test]
fn however_a_client_leaves_its_pals_see_it_go() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut watcher = server.sign_in(bob);
    watcher.send_u32(0xffbd, &[alice.0]);
    watcher.sync();
    for goodbye in [true, false] {
        let mut client = server.sign_in(alice);
        assert_eq!(watcher.next(), Some(status(alice, 30)));
        if goodbye {
            client.send(0xf448, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            client.send(0xfbb4, &[]);
            assert_eq!(client.rest(), []);
        } else {
            client.close();
        }
        assert_eq!(watcher.next(), Some(status(alice, 0)));
    }
    server.wait_for("the counter", |server| server.metrics().closed_for(CloseReason::ClientLeft) >= 2);
}

#[test]
fn going_down_says_so_to_everybody() {
    let server = Server::start();
    let alice = server.account("Alice");
    let mut client = server.sign_in(alice);
    let reader = std::thread::spawn(move || client.rest());
    server.stop();
    let last = reader.join().unwrap();
    assert_eq!(kinds(&last), [0x0027]);
    assert!(last[0].text(0).contains("shutting down"));
}

#[test]
fn of_many_sign_ins_at_once_one_remains() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut watcher = server.sign_in(bob);
    watcher.send_u32(0xffbd, &[alice.0]);
    watcher.sync();
    let address = server.chat;
    let clients: Vec<_> = (0..12)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                let challenge = client.challenge(alice);
                client.login(challenge, PASSWORD);
                client.ask_to_join(50_001, "");
                // Until it is told to stop, or is replaced.
                client.rest()
            })
        })
        .collect();
    server.wait_for("all but one to go", |server| server.metrics().closed_for(CloseReason::Replaced) == 11);
    assert_eq!(watcher.sync().last(), Some(&status(alice, 30)));
    let users = records(&watcher.join(50_001).pop().unwrap().payload);
    let inside = users.iter().filter(|user| value(user, "nickname") == "Alice").count();
    assert!(inside <= 1);
    watcher.im(alice, "which one are you?");
    watcher.sync();
    // One more ends the last of them.
    let mut last = server.sign_in(alice);
    let heard: Vec<Vec<Packet>> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(heard.iter().all(|packets| packets.last().unwrap().kind == 0x044c));
    let spoken_to = heard.iter().filter(|packets| kinds(packets).contains(&0x0014)).count();
    assert_eq!(spoken_to, 1);
    last.im(bob, "me");
    assert_eq!(watcher.expect(0x0014).text(4), "me");
}

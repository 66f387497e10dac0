//! Clients that do not keep to the protocol: no answer, no effect, and nobody else notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use paltalkd::model::{CloseReason, Uid};
use paltalkd::protocol::catalogue::{CATALOGUE, Direction};
use proptest::prelude::*;
use serde_json::Value;
use support::*;

const OAK: u32 = 50_001;

/// What 5.0 was recorded to send, every type and length of payload once.
fn recorded() -> &'static [(u16, Vec<u8>)] {
    static PACKETS: OnceLock<Vec<(u16, Vec<u8>)>> = OnceLock::new();
    PACKETS.get_or_init(|| {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/captures");
        let mut seen = BTreeSet::new();
        let mut packets = Vec::new();
        for file in std::fs::read_dir(directory).unwrap() {
            for line in std::fs::read_to_string(file.unwrap().path()).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
                let Ok(kind) = u16::from_str_radix(text("type").trim_start_matches("0x"), 16) else {
                    continue;
                };
                let hex = text("hex");
                let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                let payload: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
                if text("dir") == "c2s" && line["conn"].is_number() && seen.insert((kind, payload.len())) {
                    packets.push((kind, payload));
                }
            }
        }
        assert!(packets.len() > 60, "{}", packets.len());
        packets
    })
}

/// A user who is only there to see whether the server still answers.
struct Bystander(Client);

impl Bystander {
    fn new(server: &Server) -> Bystander {
        let uid = server.account("Bystander");
        Bystander(server.sign_in(uid))
    }

    fn is_served(&mut self) {
        self.0.send_u32(0xfeb6, &[1, 1, 30_018]);
        assert_eq!(self.0.expect(0x014c).kind, 0x014c);
    }
}

#[test]
fn packets_that_break_off_anywhere_harm_nobody() {
    let server = Server::start();
    let uids: Vec<Uid> = (0..4).map(|number| server.account(&format!("Broken{number}"))).collect();
    let mut bystander = Bystander::new(&server);
    let address = server.chat;
    std::thread::scope(|scope| {
        for (worker, uid) in uids.iter().enumerate() {
            scope.spawn(move || {
                for (kind, payload) in recorded().iter().skip(worker).step_by(4) {
                    let frame = Client::connect(address).frame(*kind, payload);
                    let cuts = (1..frame.len()).filter(|cut| *cut < 20 || cut + 2 > frame.len());
                    for (number, cut) in cuts.enumerate() {
                        let mut client = Client::connect(address);
                        if number % 4 == 0 {
                            client.sign_in(*uid);
                        }
                        client.send_raw(&frame[..cut]);
                        client.close();
                    }
                }
            });
        }
    });
    bystander.is_served();
    server.wait_for("all of them to go", |server| server.metrics().connections() == 1);
    assert_eq!(server.metrics().closed_for(CloseReason::ProtocolError), 0);
    bystander.is_served();
}

#[test]
fn payloads_of_every_length_are_passed_over_or_answered() {
    let server = Server::start();
    let uid = server.account("Short");
    let mut bystander = Bystander::new(&server);
    let mut client = server.sign_in(uid);
    for (kind, payload) in recorded() {
        if matches!(kind, 0xfbb4 | 0xfb78) {
            continue;
        }
        for length in (0..payload.len()).filter(|length| *length < 24 || length % 7 == 0) {
            client.send(*kind, &payload[..length]);
        }
        let longer = [payload.as_slice(), &[0; 9]].concat();
        client.send(*kind, &longer);
        client.sync();
    }
    assert!(server.metrics().packets_malformed.get() > 100);
    bystander.is_served();
    let account = server.store().reader().account(uid).unwrap().unwrap();
    assert_eq!(account.nickname.to_string(), "Short");
}

#[test]
fn a_length_beyond_the_limit_ends_the_connection() {
    let server = Server::start();
    let uid = server.account("Long");
    let mut bystander = Bystander::new(&server);
    let mut ended = 0;
    for length in [8193u16, 0x8000, 0xffff] {
        for signed_in in [false, true] {
            let mut client = if signed_in { server.sign_in(uid) } else { server.connect() };
            let mut bytes = vec![0xff, 0xec, 0, 0x47];
            bytes.extend(length.to_be_bytes());
            client.send_raw(&bytes);
            let rest = client.rest();
            assert!(rest.iter().all(|packet| !signed_in && GREETINGS.contains(&packet.kind)), "{rest:?}");
            ended += 1;
        }
    }
    server.wait_for("the counter", |server| server.metrics().closed_for(CloseReason::ProtocolError) == ended);
    // The longest that is allowed is read; a text of that length is not.
    let mut client = server.sign_in(uid);
    client.im(bystander.0.uid, &"x".repeat(8188));
    assert_eq!(return_code(only(&client.sync(), 0x0064)).0, 0xffec);
    bystander.is_served();
}

#[test]
fn unknown_types_are_counted_and_skipped() {
    let server = Server::start();
    let uid = server.account("Odd");
    let mut client = server.sign_in(uid);
    let known: BTreeSet<u16> = CATALOGUE.iter().map(|row| row.packet_type.0).collect();
    let unknown: Vec<u16> = (0..=u16::MAX).filter(|kind| !known.contains(kind)).step_by(97).collect();
    for kind in &unknown {
        client.send(*kind, b"whatever it is");
    }
    assert_eq!(client.sync(), []);
    assert_eq!(server.metrics().packets_unknown.get(), unknown.len() as u64);
    // What only a server sends is as unknown from a client.
    client.send(0x0014, &[0; 8]);
    client.send(0x04a6, &[]);
    assert_eq!(client.sync(), []);
}

#[test]
fn nothing_but_signing_in_has_an_effect_before_it() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut b = server.sign_in(bob);
    b.join(OAK);
    let mut client = server.connect();
    client.send_u32(0xff9c, &[alice.0]);
    client.expect(0xff8b);
    let mut sent = 0;
    let part_of_signing_in = [
        0xff9b, 0xff9c, 0xfb95, 0xfb96, 0xfba1, 0xfb84, 0xfb6e, 0xffb9, 0xfbb4, 0xff60, 0xff5e, 0xfa74,
        0xfa73, 0xfa6a, 0xff7e,
    ];
    for (kind, payload) in recorded() {
        if !part_of_signing_in.contains(kind) {
            client.send(*kind, payload);
            sent += 1;
        }
    }
    let targets = [&OAK.to_be_bytes()[..], &bob.0.to_be_bytes(), &alice.0.to_be_bytes(), b"\nhello"].concat();
    for row in CATALOGUE.iter().filter(|row| row.direction != Direction::ToClient) {
        let kind = row.packet_type.0;
        if !part_of_signing_in.contains(&kind) && kind != 0xf7b0 {
            client.send(kind, &targets);
        }
    }
    // A password without a challenge, a hint without an account.
    client.send(0xfb84, &[&alice.0.to_be_bytes()[..], b"32742162"].concat());
    client.send(0xffb9, b"\0\x01a\nb");
    assert_eq!(client.look_up("Bob").kind, 0x046b, "nothing of this was answered");
    assert!(server.metrics().packets_out_of_order.get() > sent + 100);
    assert_eq!(b.sync(), []);
    let reader = server.store().reader();
    assert_eq!((reader.pals(alice).unwrap(), reader.offline_count(bob).unwrap()), (vec![], 0));

    // Signing in works as if nothing had been; then the packets of signing in have no effect.
    let challenge = client.wish(alice);
    client.login(challenge, PASSWORD);
    client.expect(0x04a6);
    client.sync();
    client.send(0xff9b, b"");
    client.send_u32(0xff9c, &[bob.0]);
    client.send(0xfb95, b"\0\0\0\x01Bob");
    client.send_u32(0xfb96, &[bob.0, 1, 0]);
    client.login_as(bob, challenge, PASSWORD);
    client.send(0xfb6e, b"nickname=Third\npassword=308134073537369436093920");
    assert_eq!(client.sync(), []);
    assert_eq!(b.sync(), [], "Bob is still signed in where he was");
    client.im(bob, "it is me");
    assert_eq!(b.next().unwrap().u32(0), alice.0);
}

#[test]
fn uids_of_others_in_a_payload_lend_nobody_their_name() {
    let server = Server::start();
    let (alice, bob, carl) = (server.account("Alice"), server.account("Bob"), server.account("Carl"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    let mut c = server.sign_in(carl);
    // Messages that name their sender, profiles and reports of somebody else.
    a.send(0xffe6, &[&[0; 8][..], &carl.0.to_be_bytes(), &bob.0.to_be_bytes(), b"from Bob"].concat());
    a.send(0xffbf, format!("uid={}\nnickname=Robert\nemail=x@y\nprivacy=P", bob.0).as_bytes());
    a.send_u32(0xf7ca, &[0, 0x0001_000f, bob.0]);
    a.send_u32(0xfb82, &[bob.0]);
    a.send(0xffbb, format!("uid={}\nexnick=Bob", bob.0).as_bytes());
    a.send_u32(0xff59, &[bob.0]);
    let answers = a.sync();
    assert_eq!(kinds(&answers), [0x0488, 0x0045], "the password asked for is his own");
    // Ids that are nobody's, or everybody's.
    for uid in [0, 1, Uid::SYSTEM.0, Uid::WELCOME.0, u32::MAX, Uid::NEW_USER.0] {
        for kind in [0xffbd, 0xffbe, 0xfe0c, 0xfdf8, 0xffbc, 0xffec] {
            a.send(kind, &[&uid.to_be_bytes()[..], b"text"].concat());
        }
        a.send(0xfe3e, &[&uid.to_be_bytes()[..], &[8, 42]].concat());
    }
    a.sync();
    assert_eq!((b.sync(), c.sync()), (vec![], vec![]));
    let reader = server.store().reader();
    let account = reader.account(bob).unwrap().unwrap();
    assert_eq!((account.nickname.to_string().as_str(), account.email), ("Bob", None));
    assert_eq!((reader.pals(alice).unwrap(), reader.blocks(alice).unwrap()), (vec![], vec![]));
}

#[test]
fn bytes_with_a_meaning_cannot_be_smuggled_into_records() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    a.join(OAK);
    b.join(OAK);
    a.sync();
    let ugly: [&[u8]; 4] = [b"A\xc8uid=1\nnickname=x\xc8", b"\n\n\nuid=1000001", b"\xc8\xc8\xc8", b"\0\0"];
    for text in ugly {
        let with_room = [&OAK.to_be_bytes()[..], text].concat();
        let mut lookup = server.connect();
        lookup.send(0xfb95, &[&[0, 0, 0, 1], text].concat());
        let answer = lookup.expect(0x046b);
        assert!(answer.payload.starts_with(b"uid=-1\n"), "{answer:?}");
        a.send(0xffbb, &[b"exnick=", text].concat());
        a.send(0xffbb, &[b"nickname=", text].concat());
        a.send(0xfeca, &[&with_room[..4], &[0, 0, 0, 0, 8, 42], text].concat());
        a.send(0xfea2, &[&OAK.to_be_bytes()[..], b"/w ", text, b": hi"].concat());
        a.send(0xfea1, &with_room);
        a.send(0xfc66, &with_room);
        a.send(0xfda8, text);
        a.send(0xfd9e, text);
        a.sync();
        assert_eq!(b.sync(), [], "{text:?}");
        // In a message they are text, except NUL, which ends strings in clients.
        a.send(0xfea2, &with_room);
        a.sync();
        let heard = b.sync();
        assert_eq!(heard.len(), usize::from(!text.contains(&0)));
        assert!(heard.iter().all(|packet| packet.payload[8..] == *text));
    }
}

#[test]
fn a_client_may_send_byte_by_byte() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut b = server.sign_in(bob);
    let mut a = server.connect();
    a.uid = alice;
    let slowly = |client: &mut Client, kind: u16, payload: &[u8]| {
        for byte in client.frame(kind, payload) {
            client.send_raw(&[byte]);
        }
    };
    slowly(&mut a, 0xff9c, &alice.0.to_be_bytes());
    a.expect(0xff8b);
    slowly(&mut a, 0xfb96, &[&alice.0.to_be_bytes()[..], &[0, 0, 0, 1, 0, 0]].concat());
    let challenge = challenge_of(&a.expect(0x0474).payload[4..7]);
    a.login(challenge, PASSWORD);
    a.expect(0x04a6);
    slowly(&mut a, 0xffec, &[&bob.0.to_be_bytes()[..], b"one letter at a time"].concat());
    assert_eq!(b.expect(0x0014).text(4), "one letter at a time");
    // And many packets in one piece.
    let piece: Vec<u8> = (0..500)
        .flat_map(|number: u32| {
            a.frame(0xffec, &[&bob.0.to_be_bytes()[..], &number.to_be_bytes(), b"!"].concat())
        })
        .collect();
    a.send_raw(&piece);
    a.sync();
    // Numbers below 2^24 hold a NUL in front and so are refused; what counts is that all were read.
    assert_eq!(server.metrics().packets_malformed.get(), 500);
}

#[test]
fn whoever_sends_too_fast_is_slowed_and_loses_nothing() {
    let server = Server::start_with(|config| config.limits.packets_per_second = Some(100));
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    let mut bystander = Bystander::new(&server);
    let start = Instant::now();
    let before = server.metrics().messages.get();
    for number in 0..250 {
        a.im(bob, &number.to_string());
    }
    bystander.is_served();
    // A test that stands still for that long has seen nothing.
    let late = start.elapsed() > Duration::from_secs(1);
    assert!(late || server.metrics().messages.get() < before + 250, "others are served meanwhile");
    for number in 0..250 {
        assert_eq!(b.next().unwrap().text(4), number.to_string());
    }
    let took = start.elapsed();
    assert!(took > Duration::from_millis(1400), "{took:?}");
    assert!(server.metrics().throttled.get() > 0);
    a.close();
    server.wait_for("its end", |server| server.metrics().connections() == 2);
}

/// A packet type: mostly one that means something.
fn kind() -> impl Strategy<Value = u16> {
    let known: Vec<u16> =
        CATALOGUE.iter().filter(|r| r.direction != Direction::ToClient).map(|r| r.packet_type.0).collect();
    prop_oneof![8 => prop::sample::select(known), 1 => any::<u16>()]
}

/// A payload: random words and numbers that mean something, in random order.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            OAK,
            50_002,
            1_000_001,
            1_000_002,
            1_000_003,
            0,
            30_018,
            u32::MAX,
            0x7fff_ffff
        ])
        .prop_map(|word| word.to_be_bytes().to_vec()),
        any::<u16>().prop_map(|word| word.to_be_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            "nickname=",
            "\n",
            "/w ",
            "Victim: x",
            "exnick=",
            "<pfont",
            "\u{c8}",
            "/help"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn no_packet_kills_the_server() {
    let server = Server::start();
    let mallory = server.account("Mallory");
    let victim = server.account("Victim");
    let mut bystander = Bystander::new(&server);
    let _v = server.sign_in(victim);
    let packets = prop::collection::vec((kind(), payload()), 1..40);
    let versions = prop::sample::select(vec![29u16, V50, V51, 0x4f, 0x56, 0xffff]);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(150));
    let bystander = std::cell::RefCell::new(&mut bystander);
    runner
        .run(&(packets, versions, any::<bool>()), |(packets, version, signed_in)| {
            let mut client = server.connect();
            client.version = version;
            if signed_in && version < 0x56 {
                client.sign_in(mallory);
            }
            for (kind, payload) in &packets {
                // Each wrong password costs as much as a right one.
                if *kind != 0xfb84 && !client.try_send_raw(&client.frame(*kind, payload)) {
                    break;
                }
            }
            bystander.borrow_mut().is_served();
            Ok(())
        })
        .unwrap();
    assert_eq!(server.metrics().closed_for(CloseReason::ProtocolError), 0);
}

//! Voice in rooms over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "voice/ends.rs"]
mod ends;
#[path = "voice/hostile.rs"]
mod hostile;
#[path = "voice/people.rs"]
mod people;
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paltalkd::model::{Role, RoomId, Uid};
use paltalkd::net::voice::{Dropped, VoiceCounters};
use people::recorded;
use people::*;
use support::*;

#[test]
fn who_enters_is_told_where_the_voice_is() {
    let server = start();
    let uid = server.account("Alice");
    let mut alice = server.sign_in(uid);
    alice.join(OAK);
    let told = alice.next().unwrap();
    let expected = [
        &OAK.to_be_bytes()[..],
        &[127, 0, 0, 1],
        &[0, 1],
        &udp(&server).port().to_be_bytes(),
        &u32::from(tcp(&server).port()).to_be_bytes(),
    ];
    assert_eq!((told.kind, told.payload), (0x013b, expected.concat()));
    alice.join(OAK);
    assert_eq!(kinds(&alice.sync()), [0x013b], "and again when he enters again");

    let server = start_with(|config| {
        config.voice.listen_udp = Vec::new();
        config.voice.advertise = Some([203, 0, 113, 9].into());
    });
    let uid = server.account("Alice");
    let mut alice = server.sign_in(uid);
    alice.join(OAK);
    let told = alice.next().unwrap();
    assert_eq!(told.payload[4..12], [203, 0, 113, 9, 0, 1, 0, 0]);
}

#[test]
fn speech_reaches_everybody_else_bit_for_bit_and_in_order() {
    let server = start();
    let (mut alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let carl = udp_talker(&server, "Carl");
    let dora = udp_talker(&server, "Dora");
    // Carl's and Dora's first packets may have been heard by those before them.
    wait_for_silence(&server);
    forget(&mut alice.voice);
    forget(&mut bob.voice);
    carl.forget();

    let forwarded = || voice(&server).counters().forwarded.get();
    let before = forwarded();
    let speech = recorded(alice.uid);
    alice.says(&speech);
    bob.hears(&speech);
    carl.hears(&speech);
    dora.hears(&speech);
    server.wait_for("counting", |_| forwarded() == before + 3 * speech.len() as u64);
    hears_nothing(&alice.voice);

    wait_for_silence(&server);
    let speech = recorded(carl.uid);
    carl.says(&server, &speech);
    alice.hears(&speech);
    bob.hears(&speech);
    dora.hears(&speech);
    carl.hears_nothing();
    hears_nothing(&bob.voice);

    let activity = voice(&server).room_activity(RoomId(OAK)).unwrap();
    assert_eq!((activity.tcp_listeners, activity.udp_listeners), (2, 2));
    // Those who run the place see the same as was said and heard, in all and of the room, and no more.
    let heard = 6 * recorded(alice.uid).len() as u64;
    let of_room = || voice(&server).room_counters(RoomId(OAK), VoiceCounters::traffic).unwrap();
    server.wait_for("counting", |_| of_room().bytes_out == (before + heard) * 148);
    assert_eq!(forwarded(), before + heard);
    let (counters, of_room) = (voice(&server).counters().traffic(), of_room());
    assert_eq!((&counters, counters.packets_out), (&of_room, before + heard));
    let said = 2 + 2 * recorded(alice.uid).len() as u64;
    assert_eq!(counters.packets_in, said, "the first ones of Carl and Dora, and both speeches");
    assert_eq!(counters.bytes_out, counters.packets_out * 148);
    assert_eq!(counters.bytes_in, counters.packets_in * 148);
    let shown = ask(&server, &["rooms", "--json", &format!("id:{OAK}")]);
    assert_eq!(shown[0]["voice_traffic"], serde_json::to_value(&of_room).unwrap(), "{shown}");
    let status = ask(&server, &["status", "--json"]);
    for (name, count) in [
        ("voice_bytes_in", counters.bytes_in),
        ("voice_bytes_out", counters.bytes_out),
        ("voice_dropped_silenced", 0),
        ("voice_connections_accepted", 2),
    ] {
        assert_eq!(status["counters"][name], count, "{name}: {status}");
    }
    assert_eq!(status["voice_packets_in"], counters.packets_in);
    drop((carl, dora));
    server.wait_for("their leaving", |it| voice(it).activity().udp_listeners == 0);
}

#[test]
fn openings_and_packets_may_come_in_any_pieces() {
    let server = start();
    let mut bob = talker(&server, "Bob");
    let uid = server.account("Alice");
    let mut chat = server.sign_in(uid);
    chat.join(OAK);
    let negated = |value: u32| value.wrapping_neg().to_be_bytes();
    let long =
        [&negated(OAK)[..], &negated(uid.0), &[0, 2, 0, 1], &[0, 0, 0, 4], &OAK.to_be_bytes()].concat();
    let half_long = [&negated(OAK)[..], &uid.0.to_be_bytes(), &long[8..]].concat();
    let speech = recorded(uid);
    let mut open = Vec::new();
    for (opening, step) in [(opening(OAK, uid), 1), (long, 1), (half_long, 7), (opening(OAK, uid), 151)] {
        wait_for_silence(&server);
        let mut stream = connect_from(Ipv4Addr::LOCALHOST, tcp(&server));
        let bytes = [opening, speech[..3].concat()].concat();
        for piece in bytes.chunks(step) {
            stream.write_all(piece).unwrap();
        }
        bob.hears(&speech[..3]);
        open.push(stream);
    }
    assert_eq!(voice(&server).connections().replaced.get(), 3);
    assert_eq!(dropped(&server, Dropped::Length), 0);
}

#[test]
fn one_speaks_at_a_time() {
    let server = start();
    let (mut alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let mut carl = talker(&server, "Carl");
    let (first, second) = (recorded(alice.uid), recorded(bob.uid));
    let begin = Instant::now();
    alice.says(&first[..1]);
    carl.hears(&first[..1]);
    bob.says(&second[..1]);
    server.wait_for("both", |it| voice(it).counters().packets_in.get() == 2);
    server.wait_for("the decision", |it| {
        dropped(it, Dropped::FloorTaken) == 1 || voice(it).counters().forwarded.get() == 4
    });
    if begin.elapsed() < HOLD {
        assert_eq!(dropped(&server, Dropped::FloorTaken), 1);
    }
    wait_for_silence(&server);
    assert!(begin.elapsed() >= HOLD);
    bob.says(&second[1..3]);
    // On a very slow machine Bob was heard before.
    let mut heard = [0; 152];
    while heard[..] != second[1] {
        carl.voice.read_exact(&mut heard).unwrap();
    }
    carl.hears(&second[2..3]);
}

#[test]
fn a_room_can_have_two_speakers() {
    let server = start();
    let (mut alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let mut carl = talker(&server, "Carl");
    let staff = server.account_with("Staff", &[Role::Moderator]);
    let mut staff = server.sign_in(staff);
    staff.join(OAK);
    staff.say(OAK, "/speakers 2");
    // The voice service has heard of it before the next turn begins.
    staff.sync();
    staff.sync();
    let (first, second) = (recorded(alice.uid), recorded(bob.uid));
    alice.says(&first[..1]);
    carl.hears(&first[..1]);
    bob.says(&second[..1]);
    carl.hears(&second[..1]);
    alice.hears(&second[..1]);
    bob.hears(&first[..1]);
    assert_eq!(dropped(&server, Dropped::FloorTaken), 0);
}

#[test]
fn the_voice_ends_with_the_stay_in_the_room() {
    let server = start();
    let (mut alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let mut carl = talker(&server, "Carl");
    alice.chat.send_u32(0xfec0, &[OAK]);
    assert!(is_closed(&mut alice.voice));
    bob.chat.close();
    assert!(is_closed(&mut bob.voice));
    // Signing in from elsewhere ends the old session and its voice.
    let mut again = server.sign_in(carl.uid);
    assert!(is_closed(&mut carl.voice));
    again.join(OAK);
    let mut older = connect_from(Ipv4Addr::LOCALHOST, tcp(&server));
    older.write_all(&opening(OAK, carl.uid)).unwrap();
    server.wait_for("the connection", |it| voice(it).activity().tcp_listeners == 1);
    let mut newer = connect_from(Ipv4Addr::LOCALHOST, tcp(&server));
    newer.write_all(&opening(OAK, carl.uid)).unwrap();
    assert!(is_closed(&mut older));
    assert_eq!(voice(&server).activity().tcp_listeners, 1);
    again.close();
    assert!(is_closed(&mut newer));
    server.wait_for("an empty house", |it| voice(it).room_activity(RoomId(OAK)).is_none());
    assert_eq!(voice(&server).connections().brought_back.get(), 0);
    let begin = Instant::now();
    drop(server.stop());
    assert!(begin.elapsed() < DEADLINE / 2, "the voice service does not keep the daemon running");
}

#[test]
fn a_lost_connection_is_brought_back_in_the_way_of_each_client() {
    let server = start();
    let mut alice = talker(&server, "Alice");
    let uid = server.account("Bob");
    let mut bob = server.sign_in_51(uid);
    bob.join(OAK);
    bob.expect(0x013b);
    let mut stream = connect_from(Ipv4Addr::LOCALHOST, tcp(&server));
    stream.write_all(&opening(OAK, uid)).unwrap();
    server.wait_for("the connection", |it| voice(it).activity().tcp_listeners == 2);
    drop((alice.voice, stream));
    let told = alice.chat.expect(0x013b);
    assert_eq!(told.u32(0), OAK);
    let told = bob.expect(0x0176);
    let port = tcp(&server).port().to_be_bytes();
    assert_eq!(told.payload, [&OAK.to_be_bytes()[..], &[0, 0], &port].concat());
    alice.voice = connect_from(Ipv4Addr::LOCALHOST, tcp(&server));
    alice.voice.write_all(&opening(OAK, alice.uid)).unwrap();
    server.wait_for("the connection", |it| voice(it).activity().tcp_listeners == 1);
    assert_eq!(voice(&server).connections().brought_back.get(), 2);
}

#[test]
fn strangers_and_impostors_are_not_heard_and_not_answered() {
    let server = start();
    let (alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let carl = udp_talker(&server, "Carl");
    wait_for_silence(&server);
    forget(&mut bob.voice);
    let forwarded = voice(&server).counters().forwarded.get();
    let from = |address: &str| UdpSocket::bind((address, 0)).unwrap();
    let (far, near) = (from("127.0.0.2"), from("127.0.0.1"));
    let speech = |uid: Uid| recorded(uid)[0][4..].to_vec();
    let mut tail = speech(carl.uid);
    tail[144] ^= 1;
    let mut version = speech(carl.uid);
    version[0] = 0x90;
    let cases = [
        (&far, speech(carl.uid), Dropped::Stranger),
        (&near, speech(Uid(77)), Dropped::Stranger),
        (&near, speech(alice.uid), Dropped::OtherSource),
        (&near, speech(carl.uid)[..147].to_vec(), Dropped::Length),
        (&near, [&speech(carl.uid)[..], &[0]].concat(), Dropped::Length),
        (&near, b"hi".to_vec(), Dropped::Length),
        (&near, vec![0; 2000], Dropped::Length),
        (&near, tail, Dropped::WrongSpeaker),
        (&near, version, Dropped::NotSpeech),
    ];
    for (socket, datagram, reason) in cases {
        let before = dropped(&server, reason);
        socket.send_to(&datagram, udp(&server)).unwrap();
        server.wait_for("the drop", |it| dropped(it, reason) == before + 1);
    }
    assert_eq!(voice(&server).counters().forwarded.get(), forwarded);
    for socket in [&far, &near] {
        socket.set_nonblocking(true).unwrap();
        assert_eq!(socket.recv_from(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    // Nor does anybody get in on somebody else's name.
    let outsider = server.account("Mallory");
    let mut mallory = server.sign_in(outsider);
    mallory.sync();
    let tries = [
        (Ipv4Addr::new(127, 0, 0, 2), opening(OAK, alice.uid)),
        (Ipv4Addr::LOCALHOST, opening(OAK, outsider)),
        (Ipv4Addr::LOCALHOST, opening(OTHER, alice.uid)),
        (Ipv4Addr::LOCALHOST, opening(OAK, Uid(77))),
        (Ipv4Addr::LOCALHOST, opening(0, Uid(0))),
        (Ipv4Addr::LOCALHOST, vec![0xff; 20]),
    ];
    let mut streams: Vec<TcpStream> = Vec::new();
    for (address, opening) in tries {
        let mut stream = connect_from(address, tcp(&server));
        stream.write_all(&opening).unwrap();
        streams.push(stream);
    }
    assert!(streams.iter_mut().all(is_closed));
    assert_eq!(voice(&server).connections().refused.get(), 6);
    assert_eq!(voice(&server).activity().tcp_listeners, 2);
    hears_nothing(&bob.voice);
}

#[test]
fn repeated_violations_end_the_connection_and_nothing_else() {
    let server = start();
    let mut bob = talker(&server, "Bob");
    type Make = fn(Uid) -> Vec<u8>;
    let cases: [(&str, Dropped, Make); 4] = [
        ("Alice", Dropped::WrongSpeaker, |uid| recorded(Uid(uid.0 + 1))[0].clone()),
        ("Carl", Dropped::Length, |_| [&[0, 0, 0, 147][..], &[7; 147]].concat()),
        ("Dora", Dropped::NotSpeech, |uid| {
            let mut packet = recorded(uid)[0].clone();
            packet[5] = 0;
            packet
        }),
        ("Eve", Dropped::Length, |_| vec![0xff; 4]),
    ];
    for (name, reason, packet) in cases {
        let mut villain = talker(&server, name);
        let packet = packet(villain.uid);
        for _ in 0..1000 {
            if villain.voice.write_all(&packet).is_err() {
                break;
            }
        }
        assert!(is_closed(&mut villain.voice), "{name}");
        assert!(dropped(&server, reason) > 0, "{name}");
        villain.chat.send_u32(0xfec0, &[OAK]);
        villain.chat.sync();
    }
    server.wait_for("all to be counted", |it| voice(it).connections().violations.get() == 4);
    assert_eq!(voice(&server).counters().forwarded.get(), 0);
    // A flood gets as far as the limit of one speaker.
    let mut flood = talker(&server, "Flood");
    let packet = recorded(flood.uid)[0].clone();
    flood.says(std::slice::from_ref(&packet));
    let mut sent = 0u64;
    while flood.voice.write_all(&packet).is_ok() {
        sent += 1;
        assert!(sent < 1_000_000);
    }
    assert!(dropped(&server, Dropped::Flood) >= 50);
    assert!(dropped(&server, Dropped::OutOfOrder) >= 99, "it was always the same packet");
    bob.hears(&[packet]);
    hears_nothing(&bob.voice);
    server.wait_for("one more", |it| voice(it).connections().violations.get() == 5);
}

#[test]
fn an_address_has_so_many_voice_connections() {
    let server = start_with(|config| {
        config.limits.exempt = Vec::new();
        config.limits.connections_per_address = Some(2);
    });
    // Half a handshake each.
    let mut open: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = connect_from(Ipv4Addr::LOCALHOST, tcp(&server));
            stream.write_all(&[0, 0]).unwrap();
            stream
        })
        .collect();
    server.wait_for("all", |it| voice(it).connections().accepted.get() == 8);
    assert!(is_closed(&mut connect_from(Ipv4Addr::LOCALHOST, tcp(&server))));
    assert_eq!(voice(&server).connections().too_many.get(), 1);
    let mut elsewhere = connect_from(Ipv4Addr::new(127, 0, 0, 2), tcp(&server));
    elsewhere.write_all(&[0]).unwrap();
    server.wait_for("one from elsewhere", |it| voice(it).connections().accepted.get() == 9);
    open.pop();
    server.wait_for("its end", |it| voice(it).connections().silent.get() == 1);
    let mut stream = connect_from(Ipv4Addr::LOCALHOST, tcp(&server));
    stream.write_all(&[0]).unwrap();
    server.wait_for("another", |it| voice(it).connections().accepted.get() == 10);
}

#[test]
fn clients_in_no_room_are_led_to_udp() {
    let server = start_with(|config| config.voice.probe_udp = true);
    let begin = Instant::now();
    // The ports are the client's own; another program on this machine may have them for a moment.
    let bind = |port: u16| loop {
        match UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 3), port)) {
            Ok(socket) => break socket,
            Err(error) => assert!(begin.elapsed() < DEADLINE, "{error}"),
        }
    };
    let (sound, control) = (bind(2090), bind(2091));
    let hears_hi = || {
        for socket in [&sound, &control] {
            socket.set_read_timeout(Some(DEADLINE)).unwrap();
            let mut heard = [0; 64];
            let (count, from) = socket.recv_from(&mut heard).unwrap();
            assert_eq!((&heard[..count], from), (&b"hi"[..], udp(&server)));
        }
    };
    let uid = server.account("Alice");
    let mut alice = Client::over(connect_from(Ipv4Addr::new(127, 0, 0, 3), server.chat));
    alice.sign_in(uid);
    hears_hi();
    alice.join(OAK);
    alice.send_u32(0xfec0, &[OAK]);
    hears_hi();
    alice.sync();
    assert_eq!(voice(&server).connections().probes.get(), 4);
    alice.close();
}

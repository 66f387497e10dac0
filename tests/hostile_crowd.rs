//! Clients that use more than their share: connections, silence, unread answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use paltalkd::model::{CloseReason, Role, Uid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use socket2::SockRef;
use support::process::{LOG, Process, account, configure};
use support::program::program;
use support::*;

const OAK: u32 = 50_001;

/// Whether the server refuses a connection, telling why, and hangs up.
fn is_turned_away(server: &Server) -> bool {
    let mut client = server.connect();
    let refusal = client.next().unwrap();
    refusal.kind == 0x0064 && !refusal.text(4).is_empty() && client.next().is_none()
}

#[test]
fn one_address_has_a_limited_number_of_connections() {
    let server = Server::start_with(|config| {
        config.limits.exempt = Vec::new();
        config.limits.connections_per_address = Some(3);
    });
    let alice = server.account("Alice");
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    server.wait_for("them to be accepted", |server| server.metrics().connections() == 3);
    for refused in 1..=4 {
        assert!(is_turned_away(&server));
        assert_eq!(server.metrics().closed_for(CloseReason::AddressFull), refused);
    }
    // Those who are in are served, and a place that is left can be taken.
    clients[0].sign_in(alice);
    clients.pop().unwrap().close();
    server.wait_for("it to go", |server| server.metrics().connections() == 2);
    assert_eq!(server.connect().look_up("Alice").kind, 0x046b);
}

#[test]
fn the_server_has_a_limited_number_of_connections() {
    let server = Server::start_with(|config| config.limits.max_connections = Some(2));
    let alice = server.account("Alice");
    let mut clients = [server.connect(), server.connect()];
    server.wait_for("them to be accepted", |server| server.metrics().connections() == 2);
    assert!(is_turned_away(&server));
    assert_eq!(server.metrics().closed_for(CloseReason::ServerFull), 1);
    clients[1].sign_in(alice);
}

#[test]
fn who_does_not_sign_in_has_to_go() {
    let server = Server::start_with(|config| config.limits.login_timeout = Some(Duration::from_secs(4)));
    let alice = server.account("Alice");
    let mut silent = server.connect();
    let mut half = server.connect();
    half.send_raw(&[0xfb, 0x95, 0, 0x47, 0, 20, b'x']);
    let mut undecided = server.connect();
    undecided.challenge(alice);
    // A wrong password is typed anew, a form filled in: that takes people longer.
    let mut typist = server.connect();
    let challenge = typist.challenge(alice);
    typist.login(challenge, "wrong");
    typist.expect(0x0064);
    let bob = server.account("Bob");
    let mut online = server.sign_in(bob);
    assert_eq!(undecided.next(), None);
    assert_eq!(kinds(&silent.rest()), [0x0075, 0xff8b]);
    half.rest();
    server.wait_for("the counter", |server| server.metrics().closed_for(CloseReason::LoginTimeout) == 3);
    typist.login(challenge, PASSWORD);
    typist.expect(0x04a6);
    online.im(alice, "no timeout for us");
    typist.expect(0x0014);
}

#[test]
fn who_does_nothing_is_told_and_signed_out() {
    let server = Server::start();
    let [idle, guest] = ["Idle", "Guest"].map(|name| server.account(name));
    let mut guest = server.sign_in(guest);
    guest.join(OAK);
    let mut idle = server.sign_in(idle);
    server.reload(|config| config.limits.idle_timeout = Some(Duration::from_secs(3)));
    let mut goodbye = idle.expect(0x0027).text(0);
    // A machine that stands still for half a second finds nothing more to warn of.
    if !goodbye.contains("signed out because") {
        assert!(goodbye.contains("will be signed out in 1 second"), "{goodbye}");
        goodbye = idle.expect(0x0027).text(0);
    }
    assert!(goodbye.contains("signed out because"), "{goodbye}");
    idle.close();
    server.wait_for("the counter", |server| server.metrics().closed_for(CloseReason::Idle) == 1);
    assert_eq!(guest.sync(), [], "who is in a room is not idle");
}

#[test]
fn who_does_not_read_is_closed_and_nobody_else_notices() {
    let server = Server::start_with(|config| {
        config.limits.outbox = Some(64 << 10);
        // The speaker has to fill what the kernel keeps for the sleeper.
        config.limits.packets_per_second = None;
    });
    let people = ["Speaker", "Reader", "Sleeper"].map(|name| server.account_with(name, &[Role::Trusted]));
    let [mut speaker, mut reader, mut sleeper] = people.map(|uid| server.sign_in(uid));
    for client in [&mut speaker, &mut reader, &mut sleeper] {
        client.join(OAK);
    }
    reader.sync();
    speaker.sync();
    let line = "words ".repeat(666);
    let mut sent = 0;
    while server.metrics().closed_for(CloseReason::SlowReader) == 0 {
        for _ in 0..8 {
            speaker.say(OAK, &format!("{sent} {line}"));
            sent += 1;
        }
        for number in sent - 8..sent {
            let heard = reader.until(0x015e);
            assert!(heard.last().unwrap().text(8).starts_with(&format!("{number} ")));
        }
        // What one client makes the server keep is the outbox and what the kernel takes.
        assert!(sent < 4000, "not closed after {sent} messages");
    }
    let left: Vec<Packet> = speaker.sync().into_iter().filter(|packet| packet.kind == 0x0140).collect();
    let told = |packets: &[Packet]| packets.contains(&packet(0x0140, &[OAK, people[2].0]));
    assert!(told(&left) || told(&speaker.until(0x0140)));
    reader.sync();
    speaker.say(OAK, "who is left?");
    assert_eq!(reader.expect(0x015e).text(8), "who is left?");
    // What the sleeper finds when it wakes up is whole packets in order, then the end.
    let mut expected = 0;
    loop {
        match sleeper.next() {
            Some(packet) if packet.kind == 0x015e => {
                assert!(packet.text(8).starts_with(&format!("{expected} ")));
                expected += 1;
            }
            Some(_) => {}
            None => break,
        }
    }
    assert!(expected < sent);
    // He may come back.
    server.sign_in(people[2]).join(OAK);
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn thousands_who_say_nothing_cost_little_and_stop_nobody() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    // Both ends of every connection are in this process; the other tests need some, too.
    let pairs = ((maximum.unwrap_or(u64::MAX) - 600) / 2).min(9000) as usize;
    let server = Server::start_with(|config| {
        config.limits.max_connections = None;
        config.voice.listen_tcp.clear();
    });
    let alice = server.account("Alice");
    drop(server.sign_in(alice));
    let before = resident();
    let mut crowd = Vec::with_capacity(pairs);
    for number in 0..pairs {
        crowd.push(TcpStream::connect(server.chat).unwrap());
        // Not faster than the listener's queue allows.
        if number % 1000 == 999 {
            server
                .wait_for("the crowd", |server| server.metrics().connections_accepted.get() > number as u64);
        }
    }
    server.wait_for("the crowd", |server| server.metrics().connections_accepted.get() as usize > pairs);
    let start = Instant::now();
    let mut client = server.sign_in(alice);
    within_a_second(start);
    // The first greeting goes out to all of them.
    for index in [0, pairs - 1] {
        let stream = &mut crowd[index];
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.read_exact(&mut [0; 24]).unwrap();
    }
    // The other tests of this process take some, too.
    let each = resident().saturating_sub(before + (8 << 20)) / pairs as u64;
    assert!(each < 6 * 1024, "{each} bytes for each of {pairs} connections");
    let start = Instant::now();
    client.join(OAK);
    within_a_second(start);
    drop(crowd);
    server.wait_for("them to go", |server| server.metrics().connections() == 1);
    client.sync();
}

/// What a connection does before it goes.
fn come_and_go(address: SocketAddr, source: Ipv4Addr, number: usize) {
    let mut client = Client::connect_from(address, source);
    match number % 6 {
        // Without a word.
        0 => {}
        // With a reset instead of an end.
        1 => SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap(),
        // In the middle of a packet.
        2 => _ = client.try_send_raw(&[0xfb, 0x95, 0, 0x47, 0, 20, b'x']),
        // With an answer on its way.
        3 => _ = client.try_send_raw(&client.frame(0xff9c, &[0; 4])),
        // With a wrong password that has to be looked at.
        4 => {
            let challenge = client.challenge(Uid(1_000_002));
            client.login(challenge, "wrong");
        }
        // For nothing that there is.
        _ => _ = client.try_send_raw(&[0xff; 64]),
    }
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path, &format!("[limits]\nexempt = []\nconnections_per_address = 1000\n{LOG}"));
    let alice = account(path, "Alice");
    let daemon = Process::start(path, |_| {});
    let address = daemon.address("chat");
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", daemon.pid().as_raw_nonzero())).unwrap().count();
    let status = || -> Value {
        let args = ["status", "--json", "--socket", "data/control.sock"];
        let output = program(path).args(args).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let idle = |status: &Value| status["connections"] == 0 && status["users_online"] == 0;
    // The first of each kind may open what stays.
    (0..12).for_each(|number| come_and_go(address, Ipv4Addr::LOCALHOST, number));
    let began = Instant::now();
    while !idle(&status()) {
        assert!(began.elapsed() < DEADLINE, "{}", status());
    }
    let before = descriptors();

    let threads: Vec<_> = (1..=4u8)
        .map(|thread| {
            let rounds = crowd(500, 20_000);
            let source = move |number: usize| Ipv4Addr::new(127, thread, 0, (number % 200) as u8 + 1);
            thread::spawn(move || (0..rounds).for_each(|number| come_and_go(address, source(number), number)))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let began = Instant::now();
    while !idle(&status()) || descriptors() > before {
        assert!(began.elapsed() < DEADLINE, "{} descriptors, {before} before: {}", descriptors(), status());
    }
    let status = status();
    let closed: u64 =
        status["closed"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(status["counters"]["connections_accepted"].as_u64().unwrap(), closed, "{status}");
    assert!(closed >= 2000, "{status}");
    // Places, names and passwords are as they were, but for those addresses from which wrong ones came.
    Client::connect(address).sign_in(alice);
}

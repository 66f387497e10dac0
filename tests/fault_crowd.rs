//! Crowds: in one room, gone at once, not reading, signing in from everywhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use paltalkd::model::{CloseReason, Role, Roles, Uid};
use paltalkd::password;
use paltalkd::store::{Change, PasswordHash};
use socket2::{Domain, Socket, Type};
use support::*;

const OAK: u32 = 50_001;
const JOINED: u16 = 0x0137;
const LEFT: u16 = 0x0140;
const LIST: u16 = 0x0154;
const ROOM_MESSAGE: u16 = 0x015e;
const RETURN_CODE: u16 = 0x0064;

/// Accounts with these names, made with few syncs.
fn accounts(server: &Server, prefix: &str, count: usize, roles: Roles) -> Vec<Uid> {
    thread::scope(|scope| {
        let make = |from: usize| {
            move || {
                let numbers = (from..count).step_by(8);
                numbers
                    .map(|number| make_account(server.store(), &format!("{prefix}{number}"), roles))
                    .collect::<Vec<Uid>>()
            }
        };
        let threads: Vec<_> = (0..8).map(|from| scope.spawn(make(from))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Who is in a user list.
fn listed(packets: &[Packet]) -> BTreeSet<u32> {
    let lists = packets.iter().filter(|packet| packet.kind == LIST);
    let records = lists.flat_map(|packet| records(&packet.payload));
    records.filter_map(|record| value(&record, "uid").parse().ok()).collect()
}

#[test]
fn a_giant_room_is_exact_and_may_leave_at_once() {
    // With the host as many as a room takes.
    let count = crowd(120, 999);
    let server = Server::start();
    for _ in rounds(1) {
        let prefix = format!("Guest{}x", server.metrics().connections_accepted.get());
        let uids = accounts(&server, &prefix, count, Roles::default());
        let [host] = accounts(&server, &format!("Host{prefix}"), 1, Roles::default())[..] else { panic!() };
        let mut host_client = server.sign_in(host);
        host_client.join(OAK);
        let mut everybody = BTreeSet::from([host.0]);
        let mut clients = Vec::new();
        for uid in &uids {
            let mut client = server.sign_in(*uid);
            everybody.insert(uid.0);
            // A long list comes in several packets.
            let mut told = client.join(OAK);
            told.extend(client.sync());
            assert_eq!(listed(&told), everybody);
            clients.push(client);
        }
        let seen: BTreeSet<u32> = host_client
            .sync()
            .iter()
            .filter(|packet| packet.kind == JOINED)
            .flat_map(|packet| records(&packet.payload))
            .filter_map(|record| value(&record, "uid").parse().ok())
            .collect();
        assert_eq!(seen.len(), count);
        host_client.say(OAK, "good night");
        for client in &mut clients {
            assert_eq!(client.expect(ROOM_MESSAGE).text(8), "good night");
        }
        // Some say goodbye to the system, some just vanish with answers unread.
        drop(clients);
        let mut gone = BTreeSet::new();
        while gone.len() < count {
            gone.insert(host_client.expect(LEFT).u32(4));
        }
        assert!(uids.iter().all(|uid| gone.contains(&uid.0)));
        server.wait_for("them to be gone", |server| server.metrics().connections() == 1);
        let mut late = server.sign_in(uids[0]);
        assert_eq!(listed(&late.join(OAK)), BTreeSet::from([host.0, uids[0].0]));
        late.close();
        host_client.expect(LEFT);
        host_client.close();
        server.wait_for("everybody to be gone", |server| server.metrics().connections() == 0);
    }
}

/// A connection for which the system of the client keeps little.
fn connect_narrow(chat: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&chat.into()).unwrap();
    Client::over(socket.into())
}

#[test]
fn a_crowd_that_does_not_read_is_closed_and_the_rest_is_served() {
    let count = crowd(100, 2000);
    let server = Server::start_with(|config| {
        config.limits.outbox = Some(64 << 10);
        config.limits.max_connections = None;
    });
    let sleepers = accounts(&server, "Sleeper", count, Roles::default());
    let awake = accounts(&server, "Awake", 2, Roles::default().with(Role::Trusted));
    for _ in rounds(1) {
        let before = server.metrics().closed_for(CloseReason::SlowReader);
        let [mut speaker, mut reader] = [awake[0], awake[1]].map(|uid| server.sign_in(uid));
        // More than one room takes.
        let rooms: Vec<u32> = (OAK..).take(count.div_ceil(900)).collect();
        for room in &rooms {
            speaker.join(*room);
            reader.join(*room);
        }
        let (mut sent, mut gone) = (0, BTreeSet::new());
        let mut note = |packets: &[Packet]| {
            gone.extend(packets.iter().filter(|packet| packet.kind == LEFT).map(|packet| packet.u32(4)));
            gone.len()
        };
        let mut asleep = Vec::new();
        for uid in &sleepers {
            let mut client = connect_narrow(server.chat);
            client.sign_in(*uid);
            client.join(rooms[asleep.len() % rooms.len()]);
            asleep.push(client);
            // Those two read what they are told of the others.
            if asleep.len().is_multiple_of(100) {
                speaker.sync();
                note(&reader.sync());
            }
        }
        let line = "words ".repeat(600);
        while server.metrics().closed_for(CloseReason::SlowReader) < before + count as u64 {
            for room in &rooms {
                speaker.say(*room, &format!("{sent} {line}"));
                let heard = reader.until(ROOM_MESSAGE);
                assert!(heard.last().unwrap().text(8).starts_with(&format!("{sent} ")));
                note(&heard);
            }
            sent += 1;
            assert!(sent < 4000, "not closed after {sent} messages");
        }
        while note(&reader.sync()) < count {}
        speaker.say(OAK, "who is left?");
        assert_eq!(reader.expect(ROOM_MESSAGE).text(8), "who is left?");
        drop((asleep, speaker, reader));
        server.wait_for("everybody to be gone", |server| server.metrics().connections() == 0);
    }
}

#[test]
fn a_flood_of_sign_ins_from_everywhere_is_answered_and_disturbs_nobody() {
    // As many as one can wait for while the other crowds share the machine.
    let count = crowd(60, 400);
    // Not spared, as loopback is by default.
    let server = Server::start_with(|config| config.limits.exempt = Vec::new());
    // Bob will say the same again and again.
    let trusted = Roles::default().with(Role::Trusted);
    let [victim, alice, bob] = accounts(&server, "User", 3, trusted)[..] else { panic!() };
    let hash = PasswordHash::new(password::Hasher::default().hash(PASSWORD.as_bytes()).unwrap());
    server.store().commit_blocking(Change::SetPassword { uid: victim, hash }).unwrap();
    let (mut alice_client, mut bob_client) = (server.sign_in(alice), server.sign_in(bob));
    for round in rounds(1) {
        let mut flood: Vec<Client> = (0..count)
            .map(|number| {
                let [high, low] = (number as u16).to_be_bytes();
                let source = Ipv4Addr::new(127, 1 + (round % 200) as u8, high, 1 + low % 250);
                let mut client = Client::connect_from(server.chat, source);
                let challenge = client.challenge(victim);
                client.login(challenge, "wrong");
                client
            })
            .collect();
        let began = Instant::now();
        bob_client.im(alice, "still there?");
        assert_eq!(alice_client.expect(0x0014).text(4), "still there?");
        within_a_second(began);
        let mut status = Command::new(env!("CARGO_BIN_EXE_paltalkd"));
        status.arg("--socket").arg(server.data_dir().join("control.sock")).args(["status", "--json"]);
        let began = Instant::now();
        let output = status.stdin(Stdio::null()).output().unwrap();
        within_a_second(began);
        assert!(output.status.success(), "{output:?}");
        // Everybody gets an answer, and it is a refusal.
        for client in &mut flood {
            let answer = client.expect(RETURN_CODE);
            assert_eq!(return_code(&answer).0, 0xfb84);
        }
        drop(flood);
        let mut client = server.sign_in(victim);
        client.sync();
        client.close();
        server.wait_for("them to be gone", |server| server.metrics().connections() == 2);
    }
}

/// The timer that the system runs for the server's end of a connection, as `/proc/net/tcp` numbers them.
fn timer(server: &Server, client: &Client) -> u8 {
    let port = client.stream().local_addr().unwrap().port();
    let line_end = |address: SocketAddr| format!("0100007F:{:04X}", address.port());
    let (local, remote) = (line_end(server.chat), format!("0100007F:{port:04X}"));
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = line.into_iter().find(|fields| fields[1] == local && fields[2] == remote).unwrap();
    found[5].split(':').next().unwrap().parse().unwrap()
}

#[test]
fn connections_that_are_only_half_there_go() {
    const KEEPALIVE: u8 = 2;
    let server = Server::start();
    let [alice, bob] = accounts(&server, "User", 2, Roles::default())[..] else { panic!() };
    let mut bob = server.sign_in(bob);
    bob.join(OAK);
    let mut alice_client = server.sign_in(alice);
    alice_client.join(OAK);
    bob.expect(JOINED);
    alice_client.sync();
    // Of a machine that is gone without a word only the system can find out: it asks.
    server.wait_for("everything to be acknowledged", |server| timer(server, &alice_client) != 1);
    assert_eq!(timer(&server, &alice_client), KEEPALIVE);
    // Who will not send any more is gone, even if he would still read.
    alice_client.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(bob.expect(LEFT).u32(4), alice.0);
    alice_client.rest();
    let silent: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    silent.iter().for_each(|client| client.stream().shutdown(Shutdown::Write).unwrap());
    server.wait_for("them to go", |server| server.metrics().connections() == 1);
    bob.sync();
}

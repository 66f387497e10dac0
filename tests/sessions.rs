//! Several clients at once send packets that make sense and packets that make none, in any order, to a whole
//! daemon. Two others, who behave, must not notice: they hear each other, and what they are shown of a room
//! is who is there. Nobody is ever sent anything but whole packets that servers send.
//!
//! `PALTALKD_SEED=n` repeats a run, `PALTALKD_STEPS=n` makes it longer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "support/dice.rs"]
mod dice;
mod support;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};

use dice::Dice;
use paltalkd::model::{CloseReason, Role, Uid};
use paltalkd::protocol::PacketType;
use paltalkd::protocol::catalogue::{CATALOGUE, Direction, lookup};
use paltalkd::protocol::frame::{MAX_CLIENT_PAYLOAD, MAX_SERVER_PAYLOAD, next_frame};
use support::*;

const OAK: u32 = 50_001;
const ROGUES: usize = 6;
/// Steps between two looks at those who behave.
const BETWEEN: u64 = 25;

/// Somebody who sends whatever comes to mind.
struct Rogue {
    uid: Uid,
    client: Client,
    /// What has come of a packet that is not whole yet.
    unread: Vec<u8>,
    gone: bool,
}

impl Rogue {
    /// Reads what there is, without waiting, and checks it.
    fn read(&mut self) {
        let mut chunk = [0; 16 * 1024];
        self.client.stream().set_nonblocking(true).unwrap();
        loop {
            match self.client.stream().read(&mut chunk) {
                Ok(0) => self.gone = true,
                Ok(count) => {
                    self.unread.extend_from_slice(&chunk[..count]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.gone = true,
            }
            break;
        }
        self.client.stream().set_nonblocking(false).unwrap();
        let mut rest = self.unread.as_slice();
        while let Some((frame, used)) =
            next_frame(rest, MAX_SERVER_PAYLOAD).expect("a packet that is too long")
        {
            let row = lookup(frame.packet_type).unwrap_or_else(|| panic!("{:?} is sent", frame.packet_type));
            assert!(row.direction != Direction::ToServer && !row.never_send, "{} is sent", row.name);
            rest = &rest[used..];
        }
        self.unread = rest.to_vec();
        assert!(!self.gone || self.unread.is_empty(), "the last packet is not whole");
    }

    fn send(&mut self, bytes: &[u8]) {
        // The server may have hung up already.
        self.gone |= !self.client.try_send_raw(bytes);
    }
}

struct Crowd {
    server: Server,
    dice: Dice,
    rogues: Vec<Rogue>,
    /// Numbers that mean something: people, rooms, categories.
    numbers: Vec<u32>,
    from_clients: Vec<PacketType>,
}

impl Crowd {
    fn payload(&mut self) -> Vec<u8> {
        const TEXTS: [&[u8]; 12] = [
            b"hello",
            b"/help",
            b"/w Alice: psst",
            b"/kick Alice",
            b"/o Alice",
            b"/lock sesame",
            b"<<pb>pimg",
            b"uid=1000002\nnickname=Alice\nemail=a@example.com",
            b"key\xc8uid=7\xc8",
            b"3456",
            b"\0\0\0",
            b"http://example.com http://example.com",
        ];
        let mut payload = Vec::new();
        for _ in 0..self.dice.below(5) {
            match self.dice.below(8) {
                0 => payload.extend((self.dice.below(5) as u16).to_be_bytes()),
                1 => payload.push(self.dice.below(3) as u8),
                2 => {
                    let length = self.dice.below(40);
                    payload.extend((0..length).map(|_| self.dice.roll() as u8));
                }
                3 => payload.extend(self.dice.pick(&TEXTS).unwrap().iter()),
                _ => payload.extend(self.dice.pick(&self.numbers).unwrap().to_be_bytes()),
            }
        }
        if self.dice.percent(30) {
            payload.extend(self.dice.pick(&TEXTS).unwrap().iter());
        }
        if self.dice.percent(1) {
            payload.resize(MAX_CLIENT_PAYLOAD, b'x');
        }
        payload
    }

    /// Of the types that act, most of the time.
    fn kind(&mut self) -> u16 {
        const ACTS: [PacketType; 16] = [
            PacketType::ROOM_JOIN,
            PacketType::ROOM_LEAVE,
            PacketType::ROOM_MESSAGE_OUT,
            PacketType::ROOM_CREATE,
            PacketType::ROOM_HAND_UP,
            PacketType::ROOM_BOUNCE_USER,
            PacketType::ROOM_BAN_USER,
            PacketType::ROOM_REDDOT_USER,
            PacketType::ROOM_SET_ALL_MICS,
            PacketType::ROOM_PRIVATE_INVITE,
            PacketType::IM_OUT,
            PacketType::BUDDY_ADD,
            PacketType::BUDDY_BLOCK,
            PacketType::VOICE_CALL_INIT,
            PacketType::DCC_XFER_INIT,
            PacketType::STATUS_SET_AWAY,
        ];
        match self.dice.below(20) {
            0 => self.dice.roll() as u16,
            1..12 => self.dice.pick(&ACTS).unwrap().0,
            _ => self.dice.pick(&self.from_clients).unwrap().0,
        }
    }

    fn step(&mut self) {
        let at = self.dice.below(ROGUES);
        self.rogues[at].read();
        if self.rogues[at].gone || self.dice.percent(2) {
            let client = self.server.connect();
            let old = std::mem::replace(&mut self.rogues[at].client, client);
            old.close();
            (self.rogues[at].gone, self.rogues[at].unread) = (false, Vec::new());
            if self.dice.percent(85) {
                // Now and then it is the one who is signed in elsewhere.
                let other = self.dice.below(ROGUES);
                let uid = self.rogues[if self.dice.percent(90) { at } else { other }].uid;
                if self.dice.percent(30) {
                    self.rogues[at].client.version = V51;
                }
                self.rogues[at].client.sign_in(uid);
                self.rogues[at].client.ask_to_join(OAK, "");
            }
            return;
        }
        let (kind, payload) = (self.kind(), self.payload());
        let rogue = &mut self.rogues[at];
        let mut frame = rogue.client.frame(kind, &payload);
        match self.dice.below(100) {
            0 => frame.truncate(self.dice.below(frame.len()).max(1)),
            1 => frame[4] = 0x7f,
            2 => frame.extend_from_slice(b"\xff\xff\xff\xff"),
            3 => {
                let bit = self.dice.below(frame.len() * 8);
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            4..10 => {
                let again = frame.clone();
                frame.extend(again);
            }
            _ => {}
        }
        self.rogues[at].send(&frame);
    }
}

/// Somebody who behaves, and sees who is in the room.
struct Guest {
    client: Client,
    there: BTreeSet<u32>,
}

impl Guest {
    fn see(&mut self, packet: &Packet) {
        let in_oak = packet.payload.len() >= 4 && packet.u32(0) == OAK;
        match PacketType(packet.kind) {
            PacketType::ROOM_USER_LIST => self.there.extend(listed(packet)),
            PacketType::ROOM_USER_JOINED => {
                for came in listed(packet) {
                    assert!(self.there.insert(came), "{came} came twice");
                }
            }
            PacketType::ROOM_USER_LEFT if in_oak => {
                assert!(self.there.remove(&packet.u32(4)), "{packet:?} without being there");
            }
            PacketType::ROOM_CLOSED if in_oak => panic!("put out: {packet:?}"),
            _ => {}
        }
    }

    /// Waits until this is said in the room.
    fn hears(&mut self, text: &str) {
        loop {
            let packet = self.client.next().expect("he is still served");
            self.see(&packet);
            let said = packet.kind == 0x015e && packet.u32(0) == OAK && packet.text(8).contains(text);
            if said {
                return;
            }
        }
    }

    /// The list of the room is what he has seen.
    fn sees_all(&mut self) {
        self.client.send_u32(PacketType::ROOM_MEMBERS_REQUEST.0, &[OAK]);
        loop {
            let packet = self.client.next().expect("he is still served");
            if PacketType(packet.kind) == PacketType::ROOM_USER_LIST {
                let list: BTreeSet<u32> = listed(&packet).into_iter().collect();
                return assert_eq!(list, self.there);
            }
            self.see(&packet);
        }
    }
}

/// The uids in a packet that lists members of the room.
fn listed(packet: &Packet) -> Vec<u32> {
    let records = records(&packet.payload);
    let here = records.iter().filter(|record| value(record, "group_id") == OAK.to_string());
    here.map(|record| value(record, "uid").parse().unwrap()).collect()
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_some_send_the_others_are_served() {
    let seed = number("PALTALKD_SEED", 1);
    println!("PALTALKD_SEED={seed}");
    let server = Server::start();
    let guests = ["Alice", "Bob"].map(|name| server.account_with(name, &[Role::Trusted]));
    let uids: Vec<Uid> = (0..ROGUES).map(|at| server.account(&format!("Rogue{at}"))).collect();
    let mut guests = guests.map(|uid| {
        let mut guest = Guest { client: server.sign_in(uid), there: BTreeSet::new() };
        for packet in guest.client.join(OAK) {
            guest.see(&packet);
        }
        guest
    });
    let mut numbers: Vec<u32> = uids.iter().map(|uid| uid.0).collect();
    numbers.extend([
        OAK,
        OAK + 1,
        50_008,
        30_018,
        30_100,
        0,
        1,
        7,
        u32::MAX,
        1_000_001,
        1_000_900,
        2090,
        1234,
    ]);
    numbers.extend(guests.iter().map(|guest| guest.client.uid.0));
    let rogues =
        uids.iter().map(|uid| Rogue { uid: *uid, client: server.connect(), unread: Vec::new(), gone: true });
    let rogues = rogues.collect();
    let from_clients = CATALOGUE.iter().filter(|row| row.direction != Direction::ToClient);
    let from_clients = from_clients.map(|row| row.packet_type).collect();
    let mut crowd = Crowd { server, dice: Dice(seed), rogues, numbers, from_clients };
    for step in 1..=number("PALTALKD_STEPS", 2500) {
        crowd.step();
        if step % BETWEEN == 0 {
            let line = format!("line {step}.");
            guests[0].client.say(OAK, &line);
            guests[1].hears(&line);
            guests[1].sees_all();
            guests[0].sees_all();
        }
    }
    for rogue in crowd.rogues.drain(..) {
        rogue.client.close();
    }
    let server = crowd.server;
    server.wait_for("them to go", |server| server.metrics().connections() == 2);
    let metrics = server.metrics();
    let by_reason = || CloseReason::ALL.into_iter().map(|reason| metrics.closed_for(reason)).sum::<u64>();
    server.wait_for("the reason of each", |_| by_reason() == metrics.connections_closed.get());
    let by_reason = by_reason();
    assert_eq!(metrics.connections_accepted.get(), by_reason + 2);
    assert!(metrics.sign_ins.get() > 2 * ROGUES as u64, "hardly anybody came in");
    assert!(metrics.packets_malformed.get() > 0 && metrics.packets_unknown.get() > 0);
    for guest in &mut guests {
        guest.sees_all();
        assert_eq!(guest.there.len(), 2, "who is gone is not shown");
    }
}

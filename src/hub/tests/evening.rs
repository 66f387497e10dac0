//! An evening in simulation: hundreds of users do at random what people do in rooms. Each has a
//! client that knows nothing but the packets it was sent; after every step what it shows has to be
//! what is true, and nobody may have done what he has no right to do.
//!
//! The seed is printed. `PALTALKD_SEED=n cargo test --lib evening` repeats a run,
//! `PALTALKD_STEPS=n` makes it longer. [`simulate`] runs evenings in which the store, the connections and
//! the clock do what they should not.
#![allow(clippy::print_stdout)]

mod admins;
mod checks;
mod client;
mod disk;
mod faults;
mod owners;
mod peers;
mod simulate;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use client::{Client, Phone, Shown};
use disk::Disk;
use faults::Faults;
use peers::Carried;

use super::*;
use crate::dice::Dice;
use crate::hub::contacts::Lists;
use crate::hub::voice::{VoiceAccess, VoiceRoom};
use crate::model::Role;
use crate::store::{Exclusion, RoomRecord};

/// How many there are who may come, unless it is said otherwise.
const PEOPLE: u32 = 300;
const STAFF: u32 = 12;
const PERMANENT: u32 = 12;
const CATEGORIES: [u16; 3] = [30_018, 30_003, 30_027];
const CODE: u16 = 1234;

struct Evening {
    state: State,
    now: Now,
    dice: Dice,
    /// How many there are who may come.
    people: u32,
    clients: BTreeMap<ConnId, Client>,
    disk: Disk,
    faults: Faults,
    /// What was published of each voice room.
    voice: BTreeMap<RoomId, VoiceRoom>,
    /// Who was told where the voice of his room is.
    told_voice: BTreeSet<(RoomId, ConnId)>,
    /// What is carried of calls and files, and whether calls are.
    carried: Carried,
    relayed: bool,
    /// Who hangs up: what is sent to him now, nobody sees.
    leaving: Option<ConnId>,
    generation: u32,
    free: Vec<u32>,
    /// How often each thing happened, to see that all of it did.
    did: BTreeMap<&'static str, u32>,
    /// How many commands there were.
    commands: u64,
}

impl Evening {
    fn new(seed: u64, people: u32, faults: Faults) -> Evening {
        let categories = CATEGORIES.map(|id| CategoryEntry { id: CategoryId(id), name: b"Some".to_vec() });
        let mut disk = Disk::default();
        let rooms: Vec<Room> = (0..PERMANENT)
            .map(|number| {
                let id = RoomId(450 + number);
                let name = RoomName::new(format!("Permanent {number}").as_bytes()).unwrap();
                let kinds = [RoomKind::Voice, RoomKind::Text, RoomKind::Voice, RoomKind::PrivateVoice];
                let kind = kinds[number as usize % 4];
                let category = CategoryId(CATEGORIES[number as usize % 3]);
                let room = Room {
                    permanent: true,
                    owner: (number % 2 == 0).then(|| person(STAFF + number)),
                    lockword: (number % 5 == 4).then(|| b"sesame".to_vec()),
                    admin_code: (number % 3 == 0).then_some(CODE),
                    ..Room::new(id, name, kind, category, Rating::General)
                };
                disk.rooms.insert(id, room.record());
                room
            })
            .collect();
        let mut state = State::new(categories.into(), rooms);
        unguarded(&mut state);
        state.set_voice(VoiceAccess { advertise: None, udp_port: 2090, tcp_port: 12718, probe: true });
        let mut evening = Evening {
            state,
            now: Now { wall: Timestamp(1_700_000_000_000), uptime: Duration::ZERO },
            dice: Dice(seed),
            people,
            clients: BTreeMap::new(),
            disk,
            faults,
            voice: BTreeMap::new(),
            told_voice: BTreeSet::new(),
            carried: Carried::default(),
            relayed: false,
            leaving: None,
            generation: 0,
            free: (0..people + 5).rev().collect(),
            did: BTreeMap::new(),
            commands: 0,
        };
        let direct = evening.dice.percent(30);
        evening.set_rules(direct);
        evening
    }

    /// Applies a command and lets every client see what it is sent. Returns who else was told.
    fn apply(&mut self, conn: ConnId, command: Command) -> BTreeSet<ConnId> {
        let mut effects = Effects::default();
        self.commands += 1;
        self.faults.trace(|| format!("{}#{} {command:?}", conn.slot, conn.generation));
        self.state.apply(self.now, conn, command, &mut effects);
        let mut told = self.perform(effects);
        told.remove(&conn);
        told
    }

    /// Lets every client see what it is sent. Returns who that was.
    fn perform(&mut self, mut effects: Effects) -> BTreeSet<ConnId> {
        let mut told = BTreeSet::new();
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, packet } => {
                    if let ServerPacket::RoomVoiceConnInfo(server) = &packet {
                        self.told_voice.insert((server.room, to));
                    }
                    self.show(to, &packet, &mut told);
                }
                Effect::ToMany { to, packet } => {
                    to.into_iter().for_each(|to| self.show(to, &packet, &mut told));
                }
                Effect::ToRoom { room, except, packet } => {
                    let members = self.state.room(room).map(|room| room.members.clone()).unwrap_or_default();
                    let to = members.iter().map(|member| member.conn).filter(|to| Some(*to) != except);
                    to.for_each(|to| self.show(to, &packet, &mut told));
                }
                Effect::Commit { conn, change, .. } => self.commit(conn, change),
                Effect::VoiceChanged(room) => {
                    self.voice.insert(room, self.state.voice_room(self.now.wall, room));
                }
                Effect::Close { conn, .. } => match self.clients.get_mut(&conn) {
                    Some(client) => client.closed = true,
                    None => assert!(self.faults.is_ghost(conn), "closing nobody"),
                },
                Effect::Relay(order) => self.carried.follow(order),
                Effect::Event(event) => {
                    self.note(event.kind.name());
                }
                _ => {}
            }
        }
        self.told_voice.retain(|(room, to)| self.state.is_member(*to, *room));
        let closed: Vec<ConnId> =
            self.clients.values().filter(|client| client.closed).map(|client| client.conn).collect();
        for conn in closed {
            self.lose(conn);
        }
        told
    }

    fn hang_up(&mut self, conn: ConnId) {
        self.clients.remove(&conn);
        self.faults.ghosts.remove(&conn);
        self.free.push(conn.slot);
        // The connection's end reaches the hub later, when the user may be back on another one.
        self.leaving = Some(conn);
        self.apply(conn, Command::Disconnect);
        self.leaving = None;
    }

    fn show(&mut self, to: ConnId, packet: &ServerPacket, told: &mut BTreeSet<ConnId>) {
        let Some(client) = self.clients.get_mut(&to) else {
            return assert!(Some(to) == self.leaving || self.faults.is_ghost(to), "a packet to nobody");
        };
        client.show(packet);
        if let (ServerPacket::RoomMessageIn(room, sender, _), Some(found)) =
            (packet, packet_room(packet).and_then(|room| self.state.room(room)))
        {
            let silent = found.member_of(*sender).is_some_and(|member| member.red_dot && found.reddot_text);
            assert!(!silent, "{sender} has a red dot in {room} and is heard");
        }
        match packet {
            ServerPacket::RoomUserReddotOn(..) => self.note("red dot on"),
            ServerPacket::RoomUserReddotOff(..) => self.note("red dot off"),
            ServerPacket::RoomUserHandUp(..) => self.note("hand up"),
            ServerPacket::RoomAdminGranted(_) => self.note("admin granted"),
            ServerPacket::RoomAdminStatus(_, _, false) => self.note("admin taken"),
            ServerPacket::RoomInviteIn(_) => self.note("invited"),
            ServerPacket::RoomAdminInfo(_) => self.note("console"),
            ServerPacket::RoomMessageIn(_, sender, _) if sender.is_account() => self.note("said"),
            ServerPacket::RoomMicsChanged(..) => self.note("all mics"),
            ServerPacket::VoiceCallRequest(_) => self.note("rang"),
            ServerPacket::DccXferRequest(_) | ServerPacket::FileXferRequest(..) => self.note("file offered"),
            _ => {}
        }
        told.insert(to);
    }

    fn note(&mut self, what: &'static str) {
        *self.did.entry(what).or_default() += 1;
    }
}

fn packet_room(packet: &ServerPacket) -> Option<RoomId> {
    match packet {
        ServerPacket::RoomMessageIn(room, ..) => Some(*room),
        _ => None,
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// The seed that was asked for, or another one each time.
fn seed() -> u64 {
    let by_clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let seed = number("PALTALKD_SEED", by_clock as u64);
    println!("PALTALKD_SEED={seed}");
    seed
}

fn spend(mut evening: Evening, seed: u64, steps: u64) -> Evening {
    let mut dice = Dice(seed);
    for _ in 0..steps {
        evening.step(dice.roll());
        evening.check();
    }
    evening.check_disk();
    evening
}

#[test]
fn an_evening_with_hundreds_of_people() {
    let seed = seed();
    let evening = spend(Evening::new(seed, PEOPLE, Faults::none()), seed, number("PALTALKD_STEPS", 4000));
    println!("{} online, {:?}", evening.clients.len(), evening.did);
}

#[test]
fn everything_happens_in_an_evening() {
    let seed = seed();
    // Few get into each other's way more often, and nothing is carried unless it goes through the server.
    let mut evening = Evening::new(seed, 60, Faults::none());
    evening.set_rules(false);
    let did = spend(evening, seed, number("PALTALKD_STEPS", 10_000)).did;
    println!("{did:?}");
    for what in [
        "room_opened",
        "room_closed",
        "bounce",
        "room_ban",
        "wrong_code",
        "report",
        "red dot on",
        "red dot off",
        "hand up",
        "admin granted",
        "admin taken",
        "invited",
        "console",
        "said",
        "all mics",
        "call taken",
        "call ended",
        "file carried",
        "file offered",
        "rang",
        "made permanent",
        "given away",
        "made temporary",
        "settings",
        "private room",
        "muted",
    ] {
        assert!(did.get(what).is_some_and(|times| *times > 1), "{what}: {did:?}");
    }
}

//! An evening in simulation: hundreds of users do at random what people do in rooms. Each has a
//! client that knows nothing but the packets it was sent; after every step what it shows has to be
//! what is true, and nobody may have done what he has no right to do.
//!
//! `PALTALKD_SEED=n cargo test --lib evening` plays other evenings than usual, `PALTALKD_STEPS=n` longer
//! ones. [`simulate`] runs evenings in which the store, the connections and the clock do what they should not.
#![allow(clippy::print_stdout)]

mod admins;
mod checks;
mod client;
mod disk;
mod doors;
mod errands;
mod faults;
mod ledger;
mod letters;
mod orders;
mod owners;
mod pals;
mod peaceful;
mod peers;
mod simulate;
mod staff;
mod steps;
mod talk;

use std::collections::{BTreeMap, BTreeSet};

use client::{Client, Shown};
use disk::Disk;
use doors::{is_staff, number_of, roles};
use errands::Errands;
use faults::Faults;
use ledger::Ledger;
use letters::Letters;
use orders::subject;
use peers::Carried;

use super::*;
use crate::dice::Dice;
use crate::hub::voice::{VoiceAccess, VoiceRoom};
use crate::model::Role;
use crate::store::{BanTarget, Exclusion, MuteKind, RoomRecord};

/// How many there are who may come, unless it is said otherwise.
const PEOPLE: u32 = 300;
/// The first of them belong to the staff, and of those the first are admins.
const STAFF: u32 = 12;
const ADMINS: u32 = 4;
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
    errands: Errands,
    faults: Faults,
    /// What has to hold.
    ledger: Ledger,
    /// Whether there are limits, detectors and filters.
    guarded: bool,
    /// Who does something just now.
    acting: Option<(ConnId, Uid)>,
    /// Who has heard what was said last in a room.
    heard: BTreeSet<ConnId>,
    /// When people have said something last that was accepted.
    last_said: BTreeMap<Uid, Duration>,
    letters: Letters,
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
        let mut evening = Evening {
            state: State::default(),
            now: Now { wall: Timestamp(1_700_000_000_000), uptime: Duration::ZERO },
            dice: Dice(seed),
            people,
            clients: BTreeMap::new(),
            disk: Disk::default(),
            errands: Errands::default(),
            faults,
            ledger: Ledger::default(),
            guarded: false,
            acting: None,
            heard: BTreeSet::new(),
            last_said: BTreeMap::new(),
            letters: Letters::default(),
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
        evening.relayed = !evening.dice.percent(30);
        let guarded = evening.dice.percent(50);
        evening.open(guarded);
        evening
    }

    /// Begins with a new store.
    fn open(&mut self, guarded: bool) {
        self.guarded = guarded;
        self.disk = Disk::default();
        self.disk.rooms = doors::rooms().map(|room| (room.id, room.record())).collect();
        if !guarded {
            let off = Change::SetSetting { name: "antispam.flood".to_owned(), value: "off".to_owned() };
            self.disk.commit(&off);
        }
        for number in 0..self.people {
            let lists = self.lists(number);
            self.disk.lists.insert(person(number).uid, lists);
        }
        self.begin();
    }

    fn pass(&mut self, time: Duration) {
        self.now.wall = self.now.wall.after(time);
        self.now.uptime += time;
    }

    /// Does what has waited for its time.
    fn tick(&mut self) {
        let mut effects = Effects::default();
        self.state.tick(self.now, &mut effects);
        self.perform(effects);
    }

    /// Applies a command and lets every client see what it is sent. Returns who else was told.
    fn apply(&mut self, conn: ConnId, command: Command) -> BTreeSet<ConnId> {
        self.hear_of(conn);
        let mut effects = Effects::default();
        self.commands += 1;
        self.faults.trace(|| format!("{}#{} {command:?}", conn.slot, conn.generation));
        self.state.apply(self.now, conn, command, &mut effects);
        self.acting = self.state.session(conn).map(|session| (conn, session.person.uid));
        let mut told = self.perform(effects);
        self.acting = None;
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
                Effect::Keep(change) => self.keep(change),
                Effect::LoadOffline { conn, uid, .. } => self.fetch_mail(conn, uid),
                Effect::Lookup(lookup) => self.question(*lookup),
                Effect::Event(event) => {
                    if event.kind == EventKind::Strike {
                        self.struck(&event);
                    }
                    self.note(event.kind.name());
                }
                _ => {}
            }
        }
        self.told_voice.retain(|(room, to)| self.state.is_member(*to, *room));
        let closed: Vec<ConnId> =
            self.clients.values().filter(|client| client.closed).map(|client| client.conn).collect();
        for conn in closed {
            // Unless he was lost while another was.
            if self.clients.contains_key(&conn) {
                self.lose(conn);
            }
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
        self.must_not_be_muted(to, packet);
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
            ServerPacket::RoomMessageIn(_, sender, _) if sender.is_account() => {
                self.heard.insert(to);
                self.note("said");
            }
            ServerPacket::ImIn { sender, text, .. } if *sender != Uid::SERVICE => {
                self.show_letter(to, *sender, text.as_bytes());
            }
            ServerPacket::RoomMicsChanged(..) => self.note("all mics"),
            ServerPacket::VoiceCallRequest(_) => self.note("rang"),
            ServerPacket::DccXferRequest(_) | ServerPacket::FileXferRequest(..) => self.note("file offered"),
            _ => {}
        }
        told.insert(to);
    }

    /// Whether somebody is signed in, whether his connection is still there or not.
    fn is_signed_in(&self, uid: Uid) -> bool {
        let ghosts = self.faults.ghosts.iter().filter_map(|ghost| self.state.session(*ghost));
        let mut ghosts = ghosts.map(|session| session.person.uid);
        self.clients.values().any(|client| client.uid == uid) || ghosts.any(|ghost| ghost == uid)
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

//! Rules of the hub, with invented time and without sockets.

mod bans;
mod club;
mod discretion;
mod doors;
mod evening;
mod filtered;
mod floor;
mod guarded;
mod office;
mod opening;
mod people;
mod restricted;
mod roles;
mod settings;
mod silent;
mod staff;
mod typed;
mod visits;
mod whole;

use std::time::Duration;

use super::*;
use crate::config::Spam;
use crate::model::{CategoryId, CloseReason, Now, Rating, RoomKind, RoomName, Timestamp};
use crate::protocol::PacketType;
use crate::store::Change;

pub(super) const ROOM: RoomId = RoomId(50_001);
const LOCKED: RoomId = RoomId(50_008);

pub(super) struct World {
    pub(super) state: State,
    pub(super) now: Now,
    generation: u32,
}

pub(super) fn person(number: u32) -> Person {
    let nickname = Nickname::built_in(format!("User{number}").as_bytes()).unwrap();
    Person { uid: Uid(1_000_002 + number), nickname }
}

fn room(id: RoomId, lockword: Option<&[u8]>) -> Room {
    let name = RoomName::new(format!("Room {id}").as_bytes()).unwrap();
    Room {
        topic: b"Tonight".to_vec(),
        welcome: b"Come in".to_vec(),
        lockword: lockword.map(<[u8]>::to_vec),
        permanent: true,
        ..Room::new(id, name, RoomKind::Text, CategoryId(30_018), Rating::General)
    }
}

/// Takes the limits on speed and repetition away: these tests do in a moment what takes people hours.
pub(super) fn unguarded(state: &mut State) {
    state.guard.set_limits(Spam::off());
    state.guard.detectors.settings.set("flood", "off").unwrap();
}

impl World {
    pub(super) fn new() -> World {
        let categories = vec![CategoryEntry { id: CategoryId(30_018), name: b"Young".to_vec() }];
        let rooms = [room(ROOM, None), room(LOCKED, Some(b"support"))];
        let now = Now { wall: Timestamp(1_700_000_000_000), uptime: Duration::ZERO };
        let mut state = State::new(categories, rooms);
        unguarded(&mut state);
        World { state, now, generation: 0 }
    }

    pub(super) fn apply_at(&mut self, uptime: Duration, conn: ConnId, command: Command) -> Vec<Effect> {
        self.now.uptime = uptime;
        self.apply(conn, command)
    }

    pub(super) fn apply(&mut self, conn: ConnId, command: Command) -> Vec<Effect> {
        let mut effects = Effects::default();
        self.state.apply(self.now, conn, command, &mut effects);
        self.state.check_invariants().unwrap();
        effects.drain().collect()
    }

    fn sign_in(&mut self, number: u32, pals: &[u32]) -> (ConnId, Vec<Effect>) {
        self.sign_in_with(number, pals, |_| {})
    }

    pub(super) fn sign_in_with(
        &mut self,
        number: u32,
        pals: &[u32],
        change: impl FnOnce(&mut SignIn),
    ) -> (ConnId, Vec<Effect>) {
        self.generation += 1;
        let conn = ConnId { slot: self.generation % 50, generation: self.generation };
        let mut sign_in = sign_in(number, pals);
        change(&mut sign_in);
        let effects = self.apply(conn, Command::SignIn(Box::new(sign_in)));
        (conn, effects)
    }

    pub(super) fn directory(&mut self, conn: ConnId, command: DirectoryCommand) -> Vec<Effect> {
        self.apply(conn, Command::Directory(command))
    }

    fn room(&mut self, conn: ConnId, room: RoomId, command: RoomCommand) -> Vec<Effect> {
        self.apply(conn, Command::Room(room, command))
    }

    fn join(&mut self, conn: ConnId, room: RoomId) -> Vec<Effect> {
        self.room(conn, room, RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 })
    }
}

/// What somebody comes with who signs in, with these pals.
pub(super) fn sign_in(number: u32, pals: &[u32]) -> SignIn {
    SignIn {
        person: person(number),
        dialect: Dialect::V50,
        roles: Roles::default(),
        privacy: Privacy::All,
        status: Status::Online,
        pals: pals.iter().copied().map(person).collect(),
        blocks: Vec::new(),
        age_verified: false,
        nothing_as_of: None,
        peer: [127, 0, 0, 1].into(),
        local: [127, 0, 0, 1].into(),
        greeting: vec![ServerPacket::LoginSuccess],
    }
}

/// A state in which these users are signed in.
pub(super) fn world_of(users: &[u32]) -> State {
    let mut world = World::new();
    for user in users {
        world.sign_in(*user, &[]);
    }
    world.state
}

fn message(text: &str) -> MessageText {
    MessageText::new(text.as_bytes()).unwrap()
}

/// What `conn` gets, directly or as one of many.
pub(super) fn sent_to(effects: &[Effect], conn: ConnId) -> Vec<&ServerPacket> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { to, packet } if *to == conn => Some(packet),
            Effect::ToMany { to, packet } if to.contains(&conn) => Some(packet),
            Effect::Close { conn: closed, last, .. } if *closed == conn => Some(last),
            _ => None,
        })
        .collect()
}

fn statuses(effects: &[Effect], conn: ConnId) -> Vec<(u32, u32)> {
    let packets = sent_to(effects, conn);
    let statuses = packets.iter().filter_map(|packet| match packet {
        ServerPacket::BuddyStatusChange(uid, status) => {
            (*uid != Uid::SERVICE).then(|| (uid.0.wrapping_sub(1_000_002), *status))
        }
        _ => None,
    });
    statuses.collect()
}

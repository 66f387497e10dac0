//! Admin codes: who knows the number of a room comes in as an admin.
//!
//! Codes have four digits, so anybody could try them out one by one. Wrong ones are counted by
//! account, and nothing but time takes them from the count: whoever may enter some other room as an
//! admin could go there between two tries.

use std::time::Duration;

use crate::model::{Now, RoomId, Uid};
use crate::protocol::PacketType;

use super::super::{ConnId, Effects, EventKind, State};
use super::rights::{Power, Rank};
use super::{Entry, REFUSED, Room, notice};

/// Wrong admin codes of one user within [`TRIES_WINDOW`]; there are only 9999 codes.
const CODE_TRIES: u8 = 5;
const TRIES_WINDOW: Duration = Duration::from_secs(600);

/// What somebody brings who wants to come in as an admin.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Key {
    /// The admin code he typed; 0 for none.
    pub(in super::super) code: u32,
    /// The UDP port on which his client hears voice.
    pub(in super::super) udp_port: u16,
}

impl State {
    /// Lets somebody in as an admin who knows the code of one of `rooms`, or needs none.
    pub(super) fn enter_with_code(
        &mut self,
        now: Now,
        conn: ConnId,
        rooms: &[RoomId],
        request: PacketType,
        key: Key,
        effects: &mut Effects,
    ) {
        let Some(session) = self.session(conn) else { return };
        let Key { code, udp_port } = key;
        let person = session.person;
        let rooms: Vec<_> = rooms.iter().filter_map(|id| self.rooms.get(id)).collect();
        let Some(first) = rooms.first() else {
            return effects.refuse(conn, request, REFUSED, "This room is closed.");
        };
        let (first, owner) = (first.id, first.owner);
        let opens = |code: u32| move |room: &&&Room| room.admin_code.map(u32::from) == Some(code);
        let by_right = rooms.iter().find(|room| room.standing(session).has(Power::Floor));
        let by_code = rooms.iter().find(opens(code)).filter(|_| self.may_try_code(now, person.uid));
        if let Some(id) = by_right.or(by_code).map(|room| room.id) {
            let inside = self.is_member(conn, id);
            if inside && self.rank(conn, id) == Some(Rank::Member) {
                self.promote(id, person.uid, effects);
            }
            let entry = Entry { lockword: b"", invisible: false, udp_port, admin: true };
            return self.enter(now, conn, id, request, entry, effects);
        }
        if !self.may_try_code(now, person.uid) {
            return effects.refuse(conn, request, REFUSED, "Too many wrong codes. Please try again later.");
        }
        self.note_wrong_code(now, person.uid);
        effects.refuse(conn, request, REFUSED, "Wrong admin code.");
        effects.event(self.event_here(EventKind::WrongCode, first).by(person));
        // The owner is told if he is there to read it.
        let owner = owner.and_then(|owner| self.session_of(owner.uid));
        if let Some(owner) = owner.filter(|owner| owner.rooms.contains(&first)) {
            let text = format!("{} tried to enter this room with a wrong admin code.", person.nickname);
            effects.send(owner.conn, notice(first, text.as_bytes()));
        }
    }

    fn may_try_code(&self, now: Now, uid: Uid) -> bool {
        let tries = self.code_tries.get(&uid).filter(|tries| now.uptime < tries.0 + TRIES_WINDOW);
        tries.is_none_or(|tries| tries.1 < CODE_TRIES)
    }

    fn note_wrong_code(&mut self, now: Now, uid: Uid) {
        self.code_tries.retain(|_, tries| now.uptime < tries.0 + TRIES_WINDOW);
        let tries = self.code_tries.entry(uid).or_insert((now.uptime, 0));
        tries.1 = tries.1.saturating_add(1);
    }

    /// Enters the room of `owner` as an admin (PROTOCOL 11.4).
    pub(in super::super) fn enter_room_of(
        &mut self,
        now: Now,
        conn: ConnId,
        owner: Uid,
        key: Key,
        effects: &mut Effects,
    ) {
        let request = PacketType::ROOM_JOIN_AS_ADMIN;
        let rooms = self.rooms_of(owner);
        if rooms.is_empty() {
            return effects.refuse(conn, request, REFUSED, "This user has no room.");
        }
        self.enter_with_code(now, conn, &rooms, request, key, effects);
    }
}

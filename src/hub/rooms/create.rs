//! Opening and closing rooms.

use std::borrow::Cow;

use crate::model::{
    CategoryId, Now, Rating, RoomId, RoomKind, RoomName, Uid, imitates_service, is_lockword, sentence,
};
use crate::protocol::{PacketType, ServerPacket};

use super::super::acts::Asked;
use super::super::guard::ActKind;
use super::super::{ConnId, Effect, Effects, EventKind, Room, State};
use super::duty::{Asker, Deed};
use super::rights::Power;
use super::{Entry, REFUSED};

/// Rooms that one user can have open at once; staff are not limited.
const ROOMS_PER_USER: usize = 3;
/// What a password of a room has to be, for those who chose another.
pub(in super::super) const LOCKWORD_RULE: &str = "The password of a room has at most 50 characters.";
/// The most people who are invited to a private room as it is opened.
const GUESTS: usize = 50;
/// The first number given to a temporary room, unless a permanent one has a higher one. Numbers with
/// the top bit set would break the handshake of voice (PROTOCOL 3.8).
const FIRST_TEMPORARY: u32 = 1_000_000;
const LAST_ROOM: u32 = 0x7fff_ffff;
const IMITATION: &str = "This name could be taken for the service or its staff. Please choose another one.";

/// What a user asks for who wants a room of his own; nothing of it is checked.
#[derive(Debug)]
pub struct NewRoom {
    /// The number of the kind.
    pub kind: u16,
    /// Where it is to be listed.
    pub category: CategoryId,
    /// The letter of the rating.
    pub rating: u8,
    /// The name.
    pub name: Vec<u8>,
    /// The word that is to open it; empty if it is to be open.
    pub lockword: Vec<u8>,
    /// The UDP port on which the client hears voice.
    pub udp_port: u16,
}

impl State {
    /// Opens a private voice room and invites people to it (PROTOCOL 11.4).
    pub(in super::super) fn open_private_room(
        &mut self,
        now: Now,
        conn: ConnId,
        mut guests: Vec<Uid>,
        udp_port: u16,
        effects: &mut Effects,
    ) {
        let request = PacketType::ROOM_PRIVATE_INVITE;
        let Some(owner) = self.session(conn).map(|session| session.person) else { return };
        guests.sort_unstable();
        guests.dedup();
        if guests.len() > GUESTS {
            let text = format!("At most {GUESTS} people can be invited at once.");
            return effects.refuse(conn, request, REFUSED, &text);
        }
        // One act, however many are invited.
        if !guests.is_empty()
            && let Err(why) = self.judge(now, conn, Asked::new(ActKind::Invitation), effects)
        {
            return effects.refuse(conn, request, REFUSED, &why);
        }
        // As a call, it opens windows elsewhere.
        if let Err(why) = self.peers.may_ring(now, owner.uid) {
            return effects.refuse(conn, request, REFUSED, &why.unwrap_or_default());
        }
        guests.retain(|guest| *guest != owner.uid);
        // Nobody has chosen this name, so nobody is to be told that it cannot be.
        let name = [owner.nickname.as_bytes(), b"'s room"].concat();
        let fits = RoomName::chosen(&name).is_ok() && !imitates_service(&name);
        let name = if fits { name } else { b"Private room".to_vec() };
        // Private rooms are listed in no category, but each has one.
        let category = self.categories.iter().map(|category| category.id).find(|id| self.takes_rooms(*id));
        let wish = NewRoom {
            kind: RoomKind::PrivateVoice.wire(),
            category: category.unwrap_or(CategoryId(0)),
            rating: Rating::General.wire(),
            name,
            lockword: Vec::new(),
            udp_port,
        };
        let Some(room) = self.open_room(now, conn, wish, request, effects) else { return };
        for guest in guests {
            self.pass_invitation(now, conn, room, guest, effects);
        }
    }

    /// Opens a room and lets its maker in, or tells him why not.
    pub(in super::super) fn open_room(
        &mut self,
        now: Now,
        conn: ConnId,
        wish: NewRoom,
        request: PacketType,
        effects: &mut Effects,
    ) -> Option<RoomId> {
        let entry = Entry { lockword: b"", invisible: false, udp_port: wish.udp_port, admin: true };
        // The name is in the list for all to read.
        if request == PacketType::ROOM_CREATE
            && let Some(why) = self.muted(now, conn, effects)
        {
            effects.refuse(conn, request, REFUSED, &why);
            return None;
        }
        let opened = self.new_room(now, conn, wish).map_err(Cow::into_owned).and_then(|id| {
            let admitted = self.may_enter(now, conn, id, entry).map(|()| id);
            if admitted.is_err() {
                // A room that its maker cannot enter would never empty.
                self.rooms.remove(&id);
            }
            admitted
        });
        let id = match opened {
            Ok(id) => id,
            Err(text) => {
                effects.refuse(conn, request, REFUSED, &text);
                return None;
            }
        };
        if request == PacketType::ROOM_PRIVATE_INVITE
            && let Some(room) = self.rooms.get(&id)
        {
            let data = [&id.0.to_be_bytes()[..], &1u16.to_be_bytes(), room.name.as_bytes()].concat();
            effects.send(conn, ServerPacket::ReturnCode { request, code: 0, data });
        }
        self.enter(now, conn, id, request, entry, effects);
        effects.event(self.event_by(EventKind::RoomOpened, conn, id));
        Some(id)
    }

    fn new_room(&mut self, now: Now, conn: ConnId, wish: NewRoom) -> Result<RoomId, Cow<'static, str>> {
        let session = self.session(conn).ok_or("Please sign in again.")?;
        let (owner, staff) = (session.person, session.roles.is_staff());
        let name = RoomName::chosen(&wish.name).map_err(|error| sentence(&error.to_string()))?;
        if !staff && imitates_service(name.as_bytes()) {
            return Err(IMITATION.into());
        }
        let kind = RoomKind::from_wire(wish.kind).ok_or("Rooms of this kind cannot be opened.")?;
        let rating = Rating::from_wire(wish.rating).ok_or("A room needs a rating: G, R or A.")?;
        if !self.takes_rooms(wish.category) {
            return Err("Rooms cannot be opened in this category.".into());
        }
        if !wish.lockword.is_empty() && !is_lockword(&wish.lockword) {
            return Err(LOCKWORD_RULE.into());
        }
        if !kind.is_private() && self.room_named(&name).is_some() {
            return Err("There is a room of this name already.".into());
        }
        let open = self.rooms.values().filter(|room| !room.permanent && room.is_owner(owner.uid));
        if !staff && open.count() >= ROOMS_PER_USER {
            return Err("You have three rooms open already. Please close one of them first.".into());
        }
        let id = self.free_room_id().ok_or("There are too many rooms. Please try again later.")?;
        let room = Room {
            lockword: (!wish.lockword.is_empty()).then_some(wish.lockword),
            owner: Some(owner),
            created: now.wall,
            ..Room::new(id, name, kind, wish.category, rating)
        };
        self.rooms.insert(id, room);
        Ok(id)
    }

    /// The listed room of this name; capitals do not count.
    pub(super) fn room_named(&self, name: &RoomName) -> Option<RoomId> {
        self.rooms
            .values()
            .filter(|room| !room.kind.is_private())
            .find(|room| room.name.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
            .map(|room| room.id)
    }

    /// Numbers are used again as late as possible: a client may still show an older room.
    fn free_room_id(&mut self) -> Option<RoomId> {
        let permanent = self.rooms.values().filter(|room| room.permanent).map(|room| room.id.0);
        let first = permanent.max().map_or(0, |id| id.saturating_add(1)).max(FIRST_TEMPORARY);
        let from = self.next_room.max(first);
        let free = |id: &u32| !self.rooms.contains_key(&RoomId(*id));
        let id = (from..=LAST_ROOM).find(free).or_else(|| (first..=LAST_ROOM).find(free))?;
        self.next_room = id.saturating_add(1);
        Some(RoomId(id))
    }

    /// Puts everybody out. A permanent room stays in the list and opens again for the next visitor.
    pub(super) fn close_room(&mut self, asker: Asker, effects: &mut Effects) {
        let Asker { conn, room: id, request, .. } = asker;
        let Some((actor, _)) = self.allowed(conn, id, Power::Close, request, effects) else { return };
        self.commit_deed(asker, Vec::new(), Deed::new(Power::Close, "close_room", ""), effects);
        effects.event(self.event_by(EventKind::RoomClosed, conn, id));
        self.put_everybody_out(id, actor.shown_uid(), b"This room has been closed.", effects);
    }

    /// Puts everybody out of a room with these words, as if `by` had closed it. Returns how many that
    /// were.
    pub(in super::super) fn put_everybody_out(
        &mut self,
        id: RoomId,
        by: Uid,
        text: &[u8],
        effects: &mut Effects,
    ) -> usize {
        let to = self.empty_room(id);
        let packet = ServerPacket::RoomClosed(id, by, text.to_vec());
        effects.push(Effect::ToMany { to: to.clone(), packet });
        effects.push(Effect::VoiceChanged(id));
        for conn in &to {
            self.probe_put_out(*conn, id, effects);
        }
        to.len()
    }

    /// Takes everybody out of a room and returns who that was.
    fn empty_room(&mut self, id: RoomId) -> Vec<ConnId> {
        let members = self.take_members(id).unwrap_or_default();
        let conns: Vec<ConnId> = members.iter().map(|member| member.conn).collect();
        for conn in &conns {
            if let Some(session) = self.session_mut(*conn) {
                session.rooms.retain(|room| *room != id);
            }
        }
        self.after_last_member(id);
        conns
    }

    /// What happens to a room that nobody is in any more: temporary ones vanish, in permanent ones
    /// the visit is over for everybody who was marked.
    pub(in super::super) fn after_last_member(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id).filter(|room| room.members.is_empty()) else { return };
        if room.permanent {
            room.red_dots.clear();
            room.invited.clear();
        } else {
            self.rooms.remove(&id);
            self.renew_slowmode(id);
        }
    }

    /// The rooms that belong to a user, permanent ones first.
    pub(super) fn rooms_of(&self, owner: Uid) -> Vec<RoomId> {
        let own = |permanent| {
            let rooms = self.rooms.values().filter(move |room| room.permanent == permanent);
            rooms.filter(move |room| room.is_owner(owner)).map(|room| room.id)
        };
        own(true).chain(own(false)).collect()
    }
}

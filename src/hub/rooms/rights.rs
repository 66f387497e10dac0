//! Who may do what in a room (PROTOCOL 11): the only place that says so.

use crate::model::{RoomId, Uid};
use crate::protocol::PacketType;

use super::super::{ConnId, Effects, Room, Session, State};
use super::{Member, REFUSED};

/// What somebody is in a room. Each may do what those before may, and nobody may do anything to
/// somebody of his own rank or above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rank {
    /// Somebody who is inside.
    Member,
    /// Made an admin for this visit, by the room's code or by the owner.
    Admin,
    /// Whose room it is.
    Owner,
    /// One of those who run the place.
    Staff,
}

/// Something for which one has to be more than a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Power {
    /// Hands, microphones and red dots of others, and what a red dot takes away.
    Floor,
    /// The topic.
    Topic,
    /// Throwing people out and letting them in.
    Doors,
    /// Reading the lists of the admin console.
    Console,
    /// Closing the room.
    Close,
    /// Slowmode, and who else may post links.
    Messages,
    /// Making and unmaking admins, setting the admin code.
    Admins,
    /// Welcome text, password, rating, speakers, for whom links are.
    Settings,
    /// Whether the room survives its last member and restarts.
    Permanence,
    /// Coming unseen, and past every door.
    Unseen,
}

impl Power {
    /// The lowest rank that has it.
    pub fn needs(self) -> Rank {
        match self {
            Power::Floor | Power::Topic | Power::Doors | Power::Console | Power::Close | Power::Messages => {
                Rank::Admin
            }
            Power::Admins | Power::Settings => Rank::Owner,
            Power::Permanence | Power::Unseen => Rank::Staff,
        }
    }
}

impl Rank {
    /// Whether somebody of this rank has `power`.
    pub fn has(self, power: Power) -> bool {
        self >= power.needs()
    }
}

impl Room {
    /// What somebody with this account is here, before codes and grants.
    pub(super) fn standing(&self, session: &Session) -> Rank {
        if session.roles.is_staff() {
            Rank::Staff
        } else if self.is_owner(session.person.uid) {
            Rank::Owner
        } else {
            Rank::Member
        }
    }
}

impl State {
    /// What somebody is in a room he is in.
    pub fn rank(&self, conn: ConnId, room: RoomId) -> Option<Rank> {
        let (room, session) = (self.rooms.get(&room)?, self.session(conn)?);
        let member = room.member(conn)?;
        Some(room.standing(session).max(if member.admin { Rank::Admin } else { Rank::Member }))
    }

    /// What a user is in a room, inside or not, signed in or not.
    pub(super) fn rank_of(&self, uid: Uid, room: RoomId) -> Option<Rank> {
        let found = self.rooms.get(&room)?;
        match self.session_of(uid) {
            Some(session) => self.rank(session.conn, room).or_else(|| Some(found.standing(session))),
            None if found.is_owner(uid) => Some(Rank::Owner),
            None => Some(Rank::Member),
        }
    }

    /// The member who asks, if he is in the room and has `power` there. Outsiders get no answer, as
    /// no client lets them ask; others read why not.
    pub(in super::super) fn allowed(
        &self,
        conn: ConnId,
        room: RoomId,
        power: Power,
        request: PacketType,
        effects: &mut Effects,
    ) -> Option<(Member, Rank)> {
        let rank = self.rank(conn, room)?;
        if !rank.has(power) {
            let text = match power.needs() {
                Rank::Staff => "Only staff can do that.",
                Rank::Owner => "Only the owner of this room can do that.",
                _ => "Only admins of this room can do that.",
            };
            effects.refuse(conn, request, REFUSED, text);
            return None;
        }
        Some((*self.rooms.get(&room)?.member(conn)?, rank))
    }
}

//! Categories and rooms as clients list them, and the records of rooms and members.

use crate::model::{CategoryId, Roles, RoomId};
use crate::protocol::{Category, CategoryCount, RoomRecord, ServerPacket, UserRecord};

use super::super::{CategoryEntry, ConnId, Room, Session, State};
use super::Member;

/// The category of rooms that the people who run the place recommend (PROTOCOL 3.7).
const FEATURED_ROOMS: CategoryId = CategoryId(30_100);
/// How many rooms the list of the fullest ones has.
const TOP_ROOMS_SHOWN: usize = 30;
/// Colours of names in user lists, rrrgggbbb in decimal.
const COLOR_USER: [u8; 9] = *b"000000128";
const COLOR_STAFF: [u8; 9] = *b"128000000";

impl State {
    pub(in super::super) fn category_counts(&self) -> ServerPacket {
        let counts = self.categories.iter().filter_map(|category| {
            let count = self.listed_rooms(category.id).len();
            (count > 0).then(|| CategoryCount {
                category: category.id,
                rooms: u32::try_from(count).unwrap_or(u32::MAX),
            })
        });
        ServerPacket::CategoryCounts(counts.collect())
    }

    pub(in super::super) fn room_list(&self, category: CategoryId) -> ServerPacket {
        let rooms = self.listed_rooms(category).into_iter().map(list_record).collect();
        ServerPacket::RoomList(category, rooms)
    }

    /// The rooms that a category shows; private ones are shown nowhere.
    fn listed_rooms(&self, category: CategoryId) -> Vec<&Room> {
        let listed = self.rooms.values().filter(|room| !room.kind.is_private());
        if category.is_top_rooms() {
            let mut rooms: Vec<&Room> = listed.filter(|room| room.shown_members() > 0).collect();
            rooms.sort_by_key(|room| std::cmp::Reverse(room.shown_members()));
            rooms.truncate(TOP_ROOMS_SHOWN);
            rooms
        } else {
            listed.filter(|room| room.category == category).collect()
        }
    }

    /// Whether users may open rooms in a category.
    pub(super) fn takes_rooms(&self, category: CategoryId) -> bool {
        !category.is_top_rooms()
            && category != FEATURED_ROOMS
            && self.categories.iter().any(|entry| entry.id == category)
    }

    /// Who is in a room, as `viewer` may see it: admins see everybody, others those who let
    /// themselves be seen, and everybody sees himself.
    pub(super) fn user_list(&self, viewer: ConnId, id: RoomId) -> ServerPacket {
        let members = self.members(id);
        let sees_all = members.iter().any(|member| member.conn == viewer && member.admin);
        let users = members
            .iter()
            .filter(|member| sees_all || !member.invisible || member.conn == viewer)
            .filter_map(|member| self.member_record(id, member))
            .collect();
        ServerPacket::RoomUserList(id, users)
    }

    /// A member as lists show him.
    pub(super) fn member_record(&self, id: RoomId, member: &Member) -> Option<UserRecord> {
        let session = self.session(member.conn)?;
        let host = self.room(id).is_some_and(|room| room.is_owner(member.uid));
        Some(user_record(session, member, host))
    }
}

impl CategoryEntry {
    pub(in super::super) fn wire(&self) -> Category {
        Category { code: self.id, name: self.name.clone() }
    }
}

fn name_color(roles: Roles) -> [u8; 9] {
    if roles.is_staff() { COLOR_STAFF } else { COLOR_USER }
}

fn user_record(session: &Session, member: &Member, host: bool) -> UserRecord {
    UserRecord {
        uid: member.uid,
        nickname: session.person.nickname,
        admin: member.admin,
        color: name_color(session.roles),
        mic: member.may_speak(),
        video: false,
        away: member.muted,
        hand: member.hand,
        host,
    }
}

fn list_record(room: &Room) -> RoomRecord {
    RoomRecord {
        room: room.id,
        rating: room.rating,
        voice: room.kind.has_voice(),
        locked: room.lockword.is_some(),
        name: room.name.clone(),
        color: *b"000000000",
        users: u32::try_from(room.shown_members()).unwrap_or(u32::MAX),
    }
}

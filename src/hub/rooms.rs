//! Rooms: lists, entering, leaving, talking.

use crate::model::{CategoryId, MessageText, Rating, Roles, RoomId, Uid};
use crate::protocol::{
    Category, CategoryCount, PacketType, RoomJoined, RoomRecord, ServerPacket, UserRecord, markup,
};

use super::directory::service_user;
use super::{CategoryEntry, ConnId, Effect, Effects, Member, Room, RoomCommand, Session, State, command};

/// The code of refusals to enter a room (PROTOCOL 11.1).
const REFUSED: u16 = 1;
/// Categories in which the server lists rooms itself (PROTOCOL 3.7): the fullest ones.
const TOP_ROOMS: [CategoryId; 2] = [CategoryId(30_000), CategoryId(30_001)];
/// How many rooms the list of the fullest has.
const TOP_ROOMS_SHOWN: usize = 30;
/// The room size that later clients are told (PROTOCOL 3.10); nothing depends on it.
const SHOWN_SIZE: u32 = 1000;
/// Colours of names in user lists, rrrgggbbb in decimal.
const COLOR_USER: [u8; 9] = *b"000000128";
const COLOR_STAFF: [u8; 9] = *b"128000000";

impl State {
    pub(super) fn apply_room(
        &mut self,
        conn: ConnId,
        room: RoomId,
        command: RoomCommand,
        effects: &mut Effects,
    ) {
        if self.session(conn).is_none() {
            return;
        }
        match command {
            RoomCommand::Join { lockword, invisible, udp_port } => {
                self.join(conn, room, &lockword, invisible, udp_port, effects);
            }
            RoomCommand::Leave => {
                self.leave_room(conn, room, effects);
                self.probe_voice(conn, effects);
            }
            RoomCommand::Message(text) => self.room_message(conn, room, text, effects),
            RoomCommand::Members => {
                if self.is_member(conn, room) {
                    effects.send(conn, self.user_list(room));
                }
            }
            RoomCommand::VoiceLost => self.voice_lost(conn, room, effects),
        }
    }

    fn is_member(&self, conn: ConnId, room: RoomId) -> bool {
        self.session(conn).is_some_and(|session| session.rooms.contains(&room))
    }

    fn join(
        &mut self,
        conn: ConnId,
        id: RoomId,
        lockword: &[u8],
        invisible: bool,
        udp_port: u16,
        effects: &mut Effects,
    ) {
        let request = PacketType::ROOM_JOIN;
        let Some(room) = self.rooms.get(&id) else {
            return effects.refuse(conn, request, REFUSED, "This room is closed.");
        };
        let already_inside = self.is_member(conn, id);
        if !already_inside {
            if invisible {
                return effects.refuse(conn, request, REFUSED, "You cannot enter this room unseen.");
            }
            if room.lockword.as_deref().is_some_and(|word| word != lockword) {
                return effects.refuse(conn, request, REFUSED, "Sorry, wrong password.");
            }
        }
        if !already_inside {
            if let Some(room) = self.rooms.get_mut(&id) {
                room.members.push(Member { conn, udp_port, mic: true, red_dot: false });
            }
            if let Some(session) = self.session_mut(conn) {
                session.rooms.push(id);
            }
        }
        self.welcome(conn, id, effects);
        if !already_inside && let Some(session) = self.session(conn) {
            let packet = ServerPacket::RoomUserJoined(id, member_record(session));
            effects.push(Effect::ToRoom { room: id, except: Some(conn), packet });
            effects.push(Effect::VoiceChanged(id));
        }
    }

    /// What a client is told when it enters, in the order of PROTOCOL 11.1.
    fn welcome(&self, conn: ConnId, id: RoomId, effects: &mut Effects) {
        let (Some(room), Some(session)) = (self.rooms.get(&id), self.session(conn)) else { return };
        effects.send(
            conn,
            ServerPacket::RoomJoined(Box::new(RoomJoined {
                room: id,
                kind: room.kind,
                admin: false,
                locked: room.lockword.is_some(),
                invisible: false,
                category: room.category,
                rating: room.rating,
                name: room.name.clone(),
                size: SHOWN_SIZE,
                owner: service_user().nickname,
            })),
        );
        let say = |sender, text: &[u8]| ServerPacket::RoomMessageIn(id, sender, text.into());
        effects.send(conn, say(Uid::SYSTEM, rating_notice(room.rating).as_bytes()));
        if !room.welcome.is_empty() {
            effects.send(conn, say(Uid::WELCOME, &room.welcome));
        }
        if !room.topic.is_empty() {
            let packet = ServerPacket::RoomTopic(id, Uid::SYSTEM, room.topic.clone());
            effects.send(conn, packet);
        }
        debug_assert!(session.rooms.contains(&id));
        effects.send(conn, self.user_list(id));
        if let Some(packet) = self.voice_server(session, room) {
            effects.send(conn, packet);
        }
    }

    fn user_list(&self, id: RoomId) -> ServerPacket {
        let members = self.rooms.get(&id).map(|room| room.members.as_slice()).unwrap_or_default();
        let users =
            members.iter().filter_map(|member| self.session(member.conn)).map(member_record).collect();
        ServerPacket::RoomUserList(id, users)
    }

    pub(super) fn leave_room(&mut self, conn: ConnId, id: RoomId, effects: &mut Effects) {
        let Some(session) = self.session_mut(conn) else { return };
        let uid = session.person.uid;
        let Some(index) = session.rooms.iter().position(|room| *room == id) else { return };
        session.rooms.remove(index);
        if let Some(room) = self.rooms.get_mut(&id) {
            room.members.retain(|member| member.conn != conn);
        }
        // The leaver has closed his window already; only the others are told (PROTOCOL 11.1).
        effects.push(Effect::ToRoom { room: id, except: None, packet: ServerPacket::RoomUserLeft(id, uid) });
        effects.push(Effect::VoiceChanged(id));
    }

    fn room_message(&mut self, conn: ConnId, id: RoomId, text: MessageText, effects: &mut Effects) {
        if !self.is_member(conn, id) {
            return;
        }
        let Some(session) = self.session(conn) else { return };
        // What begins with a slash is a command and is never shown to the room (PROTOCOL 11.9).
        if markup::plain_start(text.as_bytes()).first() == Some(&b'/') {
            effects.push(Effect::Accepted);
            return command::room_command(self, conn, id, &text, effects);
        }
        let packet = ServerPacket::RoomMessageIn(id, session.person.uid, (&text).into());
        effects.push(Effect::Accepted);
        // The client shows its own line itself (REAL-CLIENT, Rooms).
        effects.push(Effect::ToRoom { room: id, except: Some(conn), packet });
    }

    pub(super) fn category_counts(&self) -> ServerPacket {
        let counts = self.categories.iter().filter_map(|category| {
            let count = self.listed_rooms(category.id).len();
            (count > 0).then(|| CategoryCount {
                category: category.id,
                rooms: u32::try_from(count).unwrap_or(u32::MAX),
            })
        });
        ServerPacket::CategoryCounts(counts.collect())
    }

    pub(super) fn room_list(&self, category: CategoryId) -> ServerPacket {
        let rooms = self.listed_rooms(category).into_iter().map(list_record).collect();
        ServerPacket::RoomList(category, rooms)
    }

    /// The rooms that a category shows; private ones are shown nowhere.
    fn listed_rooms(&self, category: CategoryId) -> Vec<&Room> {
        let listed = self.rooms.values().filter(|room| !room.kind.is_private());
        if TOP_ROOMS.contains(&category) {
            let mut rooms: Vec<&Room> = listed.filter(|room| !room.members.is_empty()).collect();
            rooms.sort_by_key(|room| std::cmp::Reverse(room.members.len()));
            rooms.truncate(TOP_ROOMS_SHOWN);
            rooms
        } else {
            listed.filter(|room| room.category == category).collect()
        }
    }
}

impl CategoryEntry {
    pub(super) fn wire(&self) -> Category {
        Category { code: self.id, name: self.name.clone() }
    }
}

fn rating_notice(rating: Rating) -> &'static str {
    match rating {
        Rating::General => "This room is rated G: for everybody.",
        Rating::Restricted => "This room is rated R: for teens and adults, with language to match.",
        Rating::Adult => "This room is rated A: for adults only.",
    }
}

fn name_color(roles: Roles) -> [u8; 9] {
    if roles.is_staff() { COLOR_STAFF } else { COLOR_USER }
}

fn member_record(session: &Session) -> UserRecord {
    UserRecord {
        uid: session.person.uid,
        nickname: session.person.nickname,
        admin: false,
        color: name_color(session.roles),
        mic: true,
        video: false,
        away: false,
        hand: false,
        host: false,
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
        users: u32::try_from(room.members.len()).unwrap_or(u32::MAX),
    }
}

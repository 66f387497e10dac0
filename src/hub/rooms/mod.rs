//! Rooms: lists, entering, leaving, talking, and keeping order.
//!
//! | module | what it is for |
//! |---|---|
//! | [`model`] | what a room is and who is in it |
//! | [`rights`] | who may do what |
//! | `create` | opening and closing rooms |
//! | `enter` | the doors: joining and leaving |
//! | `code` | joining as an admin by code |
//! | `invite` | invitations |
//! | `talk` | messages, ignoring, topic, complaints |
//! | `floor` | hands, microphones, red dots |
//! | `moderation` | bounces, bans, admins, the console |
//! | `settings` | what a room is like, for good if it is permanent |
//! | `duty` | what staff do here, for the audit log |
//! | `lists` | categories and rooms as clients list them, records |

mod code;
mod create;
mod duty;
mod enter;
mod floor;
mod invite;
mod lists;
mod model;
mod moderation;
mod rights;
mod settings;
mod talk;

pub(super) use code::Key;
pub(super) use create::LOCKWORD_RULE;
pub use create::NewRoom;
pub(super) use duty::Asker;
pub use enter::Entry;
pub use model::{Member, Room};
pub use rights::{Power, Rank};

use crate::model::{Now, RoomId, Uid};
use crate::protocol::{PacketType, ServerPacket};

use super::feed::{Event, EventKind, Named};
use super::{ConnId, Effect, Effects, RoomCommand, State};

/// The code of refusals in rooms (PROTOCOL 11.1).
const REFUSED: u16 = 1;

impl RoomCommand {
    /// The packet that asks for this, for answers to it.
    fn request(&self) -> PacketType {
        use PacketType as T;
        match self {
            RoomCommand::Join { .. } => T::ROOM_JOIN,
            RoomCommand::JoinWithCode { .. } => T::ROOM_JOIN_AS_ADMIN_BY_ID,
            RoomCommand::Leave => T::ROOM_LEAVE,
            RoomCommand::Message(_) => T::ROOM_MESSAGE_OUT,
            RoomCommand::Members => T::ROOM_MEMBERS_REQUEST,
            RoomCommand::VoiceLost => T::ROOM_VOICE_CONN_INFO,
            RoomCommand::Invite(_) => T::ROOM_INVITE_OUT,
            RoomCommand::Close => T::ROOM_CLOSE_REQUEST,
            RoomCommand::SetTopic(_) => T::ROOM_SET_TOPIC,
            RoomCommand::Hand(true) => T::ROOM_HAND_UP,
            RoomCommand::Hand(false) => T::ROOM_HAND_DOWN,
            RoomCommand::Listen(_) => T::ROOM_MUTE_TOGGLE,
            RoomCommand::LowerAllHands => T::ROOM_LOWER_ALL_HANDS,
            RoomCommand::SetAllMics(_) => T::ROOM_SET_ALL_MICS,
            RoomCommand::NewUserMic(_) => T::ROOM_NEW_USER_MIC,
            RoomCommand::RedDot { on: true, .. } => T::ROOM_REDDOT_USER,
            RoomCommand::RedDot { on: false, .. } => T::ROOM_UNREDDOT_USER,
            RoomCommand::RedDotTakesText(_) => T::ROOM_REDDOT_TEXT,
            RoomCommand::RedDotTakesVideo(_) => T::ROOM_REDDOT_VIDEO,
            RoomCommand::BounceReason { .. } => T::ROOM_BOUNCE_REASON,
            RoomCommand::Bounce(_) => T::ROOM_BOUNCE_USER,
            RoomCommand::Ban { .. } => T::ROOM_BAN_USER,
            RoomCommand::LetIn { kind: crate::store::ExclusionKind::Bounce, .. } => T::ROOM_UNBOUNCE_USER,
            RoomCommand::LetIn { .. } => T::ROOM_UNBAN_USER,
            RoomCommand::AdminInfo => T::ROOM_ADMIN_INFO_REQUEST,
            RoomCommand::SetAdmin { .. } => T::ROOM_GRANT_ADMIN,
            RoomCommand::Report { .. } => T::ROOM_REPORT_USER,
            RoomCommand::Ignore { .. } => T::ROOM_IGNORE_USER,
        }
    }
}

impl State {
    pub(super) fn apply_room(
        &mut self,
        now: Now,
        conn: ConnId,
        room: RoomId,
        command: RoomCommand,
        effects: &mut Effects,
    ) {
        if self.session(conn).is_none() {
            return;
        }
        let request = command.request();
        let asker = Asker { now, conn, room, request };
        match command {
            RoomCommand::Join { lockword, invisible, udp_port } => {
                let entry = Entry { lockword: &lockword, invisible, udp_port, admin: false };
                self.enter(now, conn, room, request, entry, effects);
            }
            RoomCommand::JoinWithCode { code, udp_port } => {
                self.enter_with_code(now, conn, &[room], request, Key { code, udp_port }, effects);
            }
            RoomCommand::Leave => {
                if self.is_member(conn, room) {
                    // He has closed his window already; only the others are told (PROTOCOL 11.1).
                    self.take_out(conn, room, effects);
                    self.probe_voice(conn, effects);
                } else {
                    self.probe_late_leaver(conn, room, effects);
                }
            }
            RoomCommand::VoiceLost => self.voice_lost(conn, room, effects),
            RoomCommand::Message(text) => self.room_message(now, conn, room, text, effects),
            RoomCommand::Members => {
                if self.is_member(conn, room) {
                    effects.send(conn, self.user_list(conn, room));
                }
            }
            RoomCommand::Invite(uid) => self.invite(now, conn, room, uid, effects),
            RoomCommand::Close => self.close_room(asker, effects),
            RoomCommand::SetTopic(topic) => self.set_topic(asker, &topic, effects),
            RoomCommand::Hand(up) => self.hand(conn, room, up, effects),
            RoomCommand::Listen(on) => self.listen(conn, room, on, effects),
            RoomCommand::LowerAllHands => self.lower_all_hands(asker, effects),
            RoomCommand::SetAllMics(on) => self.set_all_mics(asker, on, effects),
            RoomCommand::NewUserMic(on) => {
                self.set_switch(asker, ("new user mic", |room| &mut room.new_user_mic), on, effects);
            }
            RoomCommand::RedDot { uid, on } => self.red_dot(asker, uid, on, effects),
            RoomCommand::RedDotTakesText(on) => {
                self.set_switch(asker, ("reddot text", |room| &mut room.reddot_text), on, effects);
            }
            RoomCommand::RedDotTakesVideo(on) => {
                self.set_switch(asker, ("reddot video", |room| &mut room.reddot_video), on, effects);
            }
            RoomCommand::BounceReason { uid, reason } => self.bounce_reason(now, conn, room, uid, reason),
            RoomCommand::Bounce(uid) => self.bounce(asker, uid, effects),
            RoomCommand::Ban { target, staff } => self.ban(asker, target, staff, effects),
            RoomCommand::LetIn { kind, uid } => self.let_in(asker, kind, uid, effects),
            RoomCommand::AdminInfo => self.admin_info(now, conn, room, effects),
            RoomCommand::SetAdmin { uid, on } => {
                self.set_admin(asker, uid, on, effects);
            }
            RoomCommand::Report { uid, text } => self.report(now, conn, room, uid, text, effects),
            RoomCommand::Ignore { uid, on } => {
                self.ignore(conn, room, uid, on, effects);
            }
        }
    }

    pub(super) fn is_member(&self, conn: ConnId, room: RoomId) -> bool {
        self.session(conn).is_some_and(|session| session.rooms.contains(&room))
    }

    /// A packet about a member to everybody who may know that he is here, but not to himself.
    fn tell_about(&self, room: RoomId, member: &Member, packet: ServerPacket, effects: &mut Effects) {
        if !member.invisible {
            return effects.push(Effect::ToRoom { room, except: Some(member.conn), packet });
        }
        let to = self.members(room).iter().filter(|other| other.admin && other.conn != member.conn);
        effects.push(Effect::ToMany { to: to.map(|other| other.conn).collect(), packet });
    }

    /// An event in a room.
    fn event_here(&self, kind: EventKind, room: RoomId) -> Event {
        let event = Event::new(kind);
        match self.rooms.get(&room) {
            Some(room) => event.in_room(room.id, &room.name),
            None => event,
        }
    }

    /// Something that the user of `conn` does in a room.
    fn event_by(&self, kind: EventKind, conn: ConnId, room: RoomId) -> Event {
        let event = self.event_here(kind, room);
        match self.session(conn) {
            Some(session) => event.by(session.person),
            None => event,
        }
    }

    /// The same event about a user, who is named if he is signed in.
    fn event_about(&self, event: Event, uid: Uid) -> Event {
        match self.session_of(uid) {
            Some(session) => event.about(session.person),
            None => event.about(Named { uid: Some(uid), name: uid.to_string().into() }),
        }
    }

    fn members(&self, room: RoomId) -> &[Member] {
        self.rooms.get(&room).map(|room| room.members.as_slice()).unwrap_or_default()
    }
}

/// The server's own words in a room.
pub(super) fn notice(room: RoomId, text: &[u8]) -> ServerPacket {
    ServerPacket::RoomMessageIn(room, Uid::SYSTEM, text.into())
}

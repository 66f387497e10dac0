//! The doors of rooms: joining and leaving. With an admin code: `code`; inviting: `invite`.

use crate::model::{Now, Rating, RoomId, RoomName, Uid};
use crate::protocol::{PacketType, RoomJoined, ServerPacket};
use crate::store::ExclusionKind;

use super::super::directory::service_user;
use super::super::{ConnId, Effect, Effects, Event, EventKind, Member, Room, Session, State};
use super::duty::{Asker, Deed};
use super::rights::{Power, Rank};
use super::{REFUSED, notice};

/// The most people in a room, and the size that later clients are told (PROTOCOL 3.10). Owners and
/// staff get in beyond it.
const ROOM_SIZE: usize = 1000;
/// The most rooms that one user can be in at once.
const ROOMS_AT_ONCE: usize = 20;

/// How somebody wants to come in.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The lockword he typed; empty if none.
    pub lockword: &'a [u8],
    /// Whether he wants to come unseen.
    pub invisible: bool,
    /// The UDP port on which his client hears voice.
    pub udp_port: u16,
    /// Whether he has shown that he may be an admin here.
    pub admin: bool,
}

impl State {
    /// Lets somebody into a room, or tells him why not. Who is inside already is shown the room again.
    pub(super) fn enter(
        &mut self,
        now: Now,
        conn: ConnId,
        id: RoomId,
        request: PacketType,
        entry: Entry<'_>,
        effects: &mut Effects,
    ) {
        if self.is_member(conn, id) {
            self.welcome(conn, id, effects);
            return;
        }
        if let Err(text) = self.may_enter(now, conn, id, entry) {
            return effects.refuse(conn, request, REFUSED, &text);
        }
        let passed = self.passes_as_staff(now, conn, id, entry);
        let Some(member) = self.add_member(conn, id, entry) else { return };
        if let Some(details) = passed {
            let deed = Deed::new(Power::Unseen, "enter_room", details);
            self.commit_deed(Asker { now, conn, room: id, request }, Vec::new(), deed, effects);
        }
        self.welcome(conn, id, effects);
        if let Some(record) = self.member_record(id, &member) {
            self.tell_about(id, &member, ServerPacket::RoomUserJoined(id, record), effects);
        }
        effects.event(self.event_by(EventKind::Join, conn, id));
        effects.push(Effect::VoiceChanged(id));
        self.explain_silence(now, conn, id, effects);
    }

    pub(super) fn may_enter(
        &self,
        now: Now,
        conn: ConnId,
        id: RoomId,
        entry: Entry<'_>,
    ) -> Result<(), String> {
        let say = |text: &str| Err(text.to_owned());
        let (Some(session), Some(room)) = (self.session(conn), self.rooms.get(&id)) else {
            return say("This room is closed.");
        };
        let rank = room.standing(session).max(if entry.admin { Rank::Admin } else { Rank::Member });
        if rank == Rank::Staff { Ok(()) } else { self.admits(now, session, room, entry, rank) }
    }

    /// What somebody passes by belonging to the staff as he comes in, for the audit log: seen by nobody,
    /// or past a door that is closed to others. Nothing if he could come in without that.
    fn passes_as_staff(&self, now: Now, conn: ConnId, id: RoomId, entry: Entry<'_>) -> Option<String> {
        let (session, room) = (self.session(conn)?, self.rooms.get(&id)?);
        if room.standing(session) != Rank::Staff {
            return None;
        }
        if entry.invisible {
            return Some("unseen".to_owned());
        }
        let owner = room.is_owner(session.person.uid);
        let rank = match entry.admin {
            _ if owner => Rank::Owner,
            true => Rank::Admin,
            false => Rank::Member,
        };
        self.admits(now, session, room, entry, rank).err().map(|why| format!("in spite of: {why}"))
    }

    /// Whether a room lets somebody of a rank below staff in, or why not.
    fn admits(
        &self,
        now: Now,
        session: &Session,
        room: &Room,
        entry: Entry<'_>,
        rank: Rank,
    ) -> Result<(), String> {
        let say = |text: &str| Err(text.to_owned());
        let uid = session.person.uid;
        if entry.invisible && !rank.has(Power::Unseen) {
            return say("You cannot enter this room unseen.");
        }
        if room.rating == Rating::Adult && self.adults_verified && !session.age_verified {
            return say("This room is for adults. Staff have to verify your age before you can enter.");
        }
        match room.exclusion(uid, now.wall) {
            Some((ExclusionKind::Ban, _)) => return say("You are banned from this room."),
            Some((ExclusionKind::Bounce, entry)) => {
                let left = entry.until.map_or(0, |until| until.0.saturating_sub(now.wall.0));
                let hours = left.div_ceil(3_600_000);
                return Err(format!(
                    "You have been bounced from this room. You can come back in {hours} hour{}.",
                    if hours == 1 { "" } else { "s" }
                ));
            }
            None => {}
        }
        if session.rooms.len() >= ROOMS_AT_ONCE {
            return say("You are in too many rooms. Please leave one of them first.");
        }
        if rank >= Rank::Owner {
            return Ok(());
        }
        if room.members.len() >= ROOM_SIZE {
            return say("This room is full.");
        }
        if rank >= Rank::Admin || room.invited.contains(&uid) {
            return Ok(());
        }
        match room.lockword.as_deref() {
            Some(word) if word != entry.lockword => say("Sorry, wrong password."),
            None if room.kind.is_private() => say("This room is private. You need an invitation."),
            _ => Ok(()),
        }
    }

    fn add_member(&mut self, conn: ConnId, id: RoomId, entry: Entry<'_>) -> Option<Member> {
        let session = self.session(conn)?;
        let room = self.rooms.get(&id)?;
        let uid = session.person.uid;
        let admin = entry.admin || room.standing(session).has(Power::Floor);
        let member = Member {
            // His voice would say that he is there.
            mic: !entry.invisible && (admin || room.new_user_mic),
            // Going out and coming in again takes no red dot away.
            red_dot: !admin && room.red_dots.contains(&uid),
            admin,
            invisible: entry.invisible,
            ..Member::new(conn, uid, entry.udp_port)
        };
        let room = self.rooms.get_mut(&id)?;
        room.red_dots.remove(&uid);
        room.members.push(member);
        self.session_mut(conn)?.rooms.push(id);
        Some(member)
    }

    /// What a client is told when it enters, in the order of PROTOCOL 11.1.
    fn welcome(&self, conn: ConnId, id: RoomId, effects: &mut Effects) {
        let Some(room) = self.rooms.get(&id) else { return };
        let Some(member) = room.member(conn) else { return };
        effects.send(
            conn,
            ServerPacket::RoomJoined(Box::new(RoomJoined {
                room: id,
                kind: room.kind,
                admin: member.admin,
                locked: room.lockword.is_some(),
                invisible: member.invisible,
                category: room.category,
                rating: room.rating,
                name: room.name.clone(),
                size: u32::try_from(ROOM_SIZE).unwrap_or(u32::MAX),
                owner: room.owner.unwrap_or_else(service_user).nickname,
            })),
        );
        effects.send(conn, notice(id, rating_notice(room.rating).as_bytes()));
        if !room.welcome.is_empty() {
            let packet = ServerPacket::RoomMessageIn(id, Uid::WELCOME, room.welcome.as_slice().into());
            effects.send(conn, packet);
        }
        if !room.topic.is_empty() {
            let packet = ServerPacket::RoomTopic(id, Uid::SYSTEM, room.topic.clone());
            effects.send(conn, packet);
        }
        effects.send(conn, self.user_list(conn, id));
        let voice = self.session(conn).and_then(|session| self.voice_server(session, room));
        if let Some(packet) = voice {
            effects.send(conn, packet);
        }
    }

    /// Enters one's own room (PROTOCOL 11.4): a permanent one before others.
    pub(in super::super) fn enter_own_room(
        &mut self,
        now: Now,
        conn: ConnId,
        udp_port: u16,
        effects: &mut Effects,
    ) {
        let request = PacketType::ROOM_JOIN_MINE;
        let Some(session) = self.session(conn) else { return };
        match self.rooms_of(session.person.uid).first() {
            Some(id) => {
                let entry = Entry { lockword: b"", invisible: false, udp_port, admin: true };
                self.enter(now, conn, *id, request, entry, effects);
            }
            None => effects.refuse(conn, request, REFUSED, "You have no room. Please create one."),
        }
    }

    /// Enters a room by its name (PROTOCOL 11.4). Private rooms are found by those whom they let in.
    pub(in super::super) fn enter_by_name(
        &mut self,
        now: Now,
        conn: ConnId,
        name: &[u8],
        entry: Entry<'_>,
        effects: &mut Effects,
    ) {
        let Some(session) = self.session(conn) else { return };
        let uid = session.person.uid;
        let found = RoomName::new(name.trim_ascii()).and_then(|name| {
            let hidden = self.rooms.values().filter(|room| room.kind.is_private()).find(|room| {
                room.name.as_bytes().eq_ignore_ascii_case(name.as_bytes())
                    && (room.is_owner(uid) || room.invited.contains(&uid))
            });
            self.room_named(&name).or(hidden.map(|room| room.id))
        });
        let request = PacketType::ROOM_JOIN_FAVORITE;
        match found {
            Some(id) => self.enter(now, conn, id, request, entry, effects),
            None => effects.refuse(conn, request, REFUSED, "This room is closed."),
        }
    }

    /// Takes somebody out of a room and tells those who saw him there.
    pub(in super::super) fn take_out(&mut self, conn: ConnId, id: RoomId, effects: &mut Effects) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Some(index) = room.members.iter().position(|member| member.conn == conn) else { return };
        let name = room.name.clone();
        let member = room.members.remove(index);
        if member.red_dot {
            room.red_dots.insert(member.uid);
        }
        if let Some(session) = self.session_mut(conn) {
            session.rooms.retain(|room| *room != id);
            effects.event(Event::new(EventKind::Leave).by(session.person).in_room(id, &name));
        }
        self.tell_about(id, &member, ServerPacket::RoomUserLeft(id, member.uid), effects);
        effects.push(Effect::VoiceChanged(id));
        self.after_last_member(id);
    }
}

fn rating_notice(rating: Rating) -> &'static str {
    match rating {
        Rating::General => "This room is rated G: for everybody.",
        Rating::Restricted => "This room is rated R: for teens and adults, with language to match.",
        Rating::Adult => "This room is rated A: for adults only.",
    }
}

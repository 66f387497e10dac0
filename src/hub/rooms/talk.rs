//! What is said in rooms: messages, ignoring, the topic, complaints.

use crate::model::{MessageText, Now, RoomId, Uid, from_cp1252, to_cp1252, topic_line};
use crate::protocol::{Dialect, ServerPacket, markup};

use super::super::acts::Asked;
use super::super::guard::ActKind;
use super::super::{ConnId, Effect, Effects, EventKind, Room, State, command};
use super::duty::Asker;
use super::rights::Power;
use super::{REFUSED, notice};

/// The most users that one user ignores.
const IGNORES: usize = 500;

impl State {
    pub(super) fn room_message(
        &mut self,
        now: Now,
        conn: ConnId,
        id: RoomId,
        text: MessageText,
        effects: &mut Effects,
    ) {
        if !self.is_member(conn, id) {
            return;
        }
        // What begins with a slash is a command and is never shown to the room (PROTOCOL 11.9).
        if markup::plain_start(text.as_bytes()).first() == Some(&b'/') {
            return command::room_command(self, now, conn, id, &text, effects);
        }
        if let Some(why) = self.silenced(conn, id) {
            return effects.send(conn, notice(id, why.as_bytes()));
        }
        let asked = Asked { room: Some(id), text: Some(text.as_bytes()), ..Asked::new(ActKind::RoomMessage) };
        if let Err(why) = self.judge(now, conn, asked, effects) {
            return effects.send(conn, notice(id, &to_cp1252(&why)));
        }
        self.count_message(conn, effects);
        let Some(sender) = self.session(conn).map(|session| session.person.uid) else { return };
        if let Some(room) = self.rooms.get_mut(&id) {
            room.messages += 1;
        }
        let packet = ServerPacket::RoomMessageIn(id, sender, (&text).into());
        // The client shows its own line itself (REAL-CLIENT, Rooms).
        if !self.is_shunned(sender) {
            return effects.push(Effect::ToRoom { room: id, except: Some(conn), packet });
        }
        let others = self.members(id).iter().filter(|member| member.conn != conn);
        let to = others
            .filter(|member| self.session(member.conn).is_some_and(|session| session.hears(sender)))
            .map(|member| member.conn)
            .collect();
        effects.push(Effect::ToMany { to, packet });
    }

    /// Why a member may not write, if he may not.
    pub(in super::super) fn silenced(&self, conn: ConnId, id: RoomId) -> Option<&'static str> {
        let room = self.rooms.get(&id)?;
        let member = room.member(conn)?;
        if member.invisible {
            return Some("You are here unseen and cannot write.");
        }
        let silent = member.red_dot && room.reddot_text;
        silent.then_some("You have a red dot: nobody sees what you write until an admin takes it off.")
    }

    /// Sets the line at the top of the room's window.
    pub(in super::super) fn set_topic(&mut self, asker: Asker, topic: &[u8], effects: &mut Effects) {
        let Asker { conn, room: id, request, .. } = asker;
        let Some((actor, _)) = self.allowed(conn, id, Power::Topic, request, effects) else { return };
        let topic = topic_line(topic);
        if !topic.is_empty()
            && let Some(why) = self.muted(asker.now, conn, effects)
        {
            return effects.refuse(conn, request, REFUSED, &why);
        }
        self.set(asker, ("topic", |room: &mut Room| &mut room.topic), topic.clone(), effects);
        let packet = ServerPacket::RoomTopic(id, actor.shown_uid(), topic);
        effects.push(Effect::ToRoom { room: id, except: None, packet });
    }

    /// Stops or begins again passing on what somebody says in rooms. Returns whether that can be done.
    pub(in super::super) fn ignore(
        &mut self,
        conn: ConnId,
        id: RoomId,
        uid: Uid,
        on: bool,
        effects: &mut Effects,
    ) -> bool {
        let target = self.session_of(uid);
        let staff = target.is_some_and(|target| target.roles.is_staff());
        let known = target.is_some_and(|target| target.rooms.contains(&id));
        let Some(session) = self.session(conn) else { return false };
        if !session.rooms.contains(&id) || session.person.uid == uid {
            return false;
        }
        let ignored = session.ignores_user(uid);
        if on && !ignored && (staff || !known || session.ignores.len() >= IGNORES) {
            return false;
        }
        let (own, dialect) = (session.person.uid, session.dialect);
        if on != ignored {
            self.set_ignored(conn, uid, on);
            if on {
                self.part(own, uid, effects);
            }
        }
        // 5.x has ticked the name itself.
        if dialect > Dialect::V51 {
            effects.send(conn, ServerPacket::RoomIgnoreAck(id, uid, on));
        }
        true
    }

    /// Passes a complaint on to those who run the place, but not too often: nobody is to drown the others'.
    pub(super) fn report(
        &mut self,
        now: Now,
        conn: ConnId,
        id: RoomId,
        about: Uid,
        text: MessageText,
        effects: &mut Effects,
    ) {
        let here = self.session(conn).filter(|session| session.rooms.contains(&id));
        let Some(person) = here.map(|session| session.person) else { return };
        if let Err(why) = self.peers.may_ring(now, person.uid) {
            return effects.send(conn, notice(id, &to_cp1252(&why.unwrap_or_default())));
        }
        let event = self.event_here(EventKind::Report, id).by(person);
        let words = from_cp1252(&markup::strip(text.as_bytes()));
        effects.event(self.event_about(event, about).saying(words));
    }
}

//! The floor: hands, microphones, red dots.
//!
//! A 5.x client keeps one thing per user, a brick wall on his name. A red dot and "all microphones
//! off" both draw it, and taking off a red dot or "all microphones on" both take it away
//! (REAL-CLIENT, Voice). So that what clients show and what is true stay the same, taking a red dot
//! off gives the microphone, too, and after "all microphones on" those who have a red dot are told
//! again. "All" never concerns admins.

use crate::model::{RoomId, Uid};
use crate::protocol::{Dialect, ServerPacket};

use super::super::{ConnId, Effect, Effects, Room, State};
use super::duty::{Asker, Deed};
use super::rights::Power;
use super::{Member, REFUSED};

impl State {
    /// Raises or lowers one's own hand.
    pub(super) fn hand(&mut self, conn: ConnId, id: RoomId, up: bool, effects: &mut Effects) {
        let Some(session) = self.session(conn) else { return };
        let (uid, dialect) = (session.person.uid, session.dialect);
        let Some(member) = self.member_mut(id, uid) else { return };
        if member.hand == up || member.invisible {
            return;
        }
        member.hand = up;
        if up {
            let packet = ServerPacket::RoomUserHandUp(id, uid);
            return effects.push(Effect::ToRoom { room: id, except: None, packet });
        }
        // 7.0 answers its own lowered hand with the same request, for ever (PROTOCOL 11.12).
        let except = (dialect == Dialect::V7).then_some(conn);
        effects.push(Effect::ToRoom { room: id, except, packet: ServerPacket::RoomUserHandDown(id, uid) });
    }

    /// Sends the room's voice to a member, or no longer (PROTOCOL 11.18).
    pub(super) fn listen(&mut self, conn: ConnId, id: RoomId, on: bool, effects: &mut Effects) {
        let Some(uid) = self.session(conn).map(|session| session.person.uid) else { return };
        let Some(member) = self.member_mut(id, uid).filter(|member| member.muted == on) else { return };
        member.muted = !on;
        let member = *member;
        self.tell_about(id, &member, ServerPacket::RoomUserMute(id, uid, on), effects);
        effects.push(Effect::VoiceChanged(id));
    }

    pub(super) fn lower_all_hands(&mut self, asker: Asker, effects: &mut Effects) {
        let Asker { conn, room: id, request, .. } = asker;
        if self.allowed(conn, id, Power::Floor, request, effects).is_none() {
            return;
        }
        let Some(room) = self.rooms.get_mut(&id) else { return };
        for member in &mut room.members {
            member.hand = false;
        }
        self.commit_deed(asker, Vec::new(), Deed::new(Power::Floor, "lower_hands", ""), effects);
        let packet = ServerPacket::RoomUserHandDown(id, Uid::EVERYBODY);
        effects.push(Effect::ToRoom { room: id, except: None, packet });
    }

    /// Gives everybody a microphone, or takes it from all who are no admins.
    pub(super) fn set_all_mics(&mut self, asker: Asker, on: bool, effects: &mut Effects) {
        let Asker { conn, room: id, request, .. } = asker;
        let Some((actor, _)) = self.allowed(conn, id, Power::Floor, request, effects) else { return };
        let deed = Deed::new(Power::Floor, "all_mics", if on { "on" } else { "off" });
        self.commit_deed(asker, Vec::new(), deed, effects);
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let packet = ServerPacket::RoomMicsChanged(id, on, actor.shown_uid());
        effects.push(Effect::ToRoom { room: id, except: None, packet });
        for member in room.members.iter_mut().filter(|member| !member.admin) {
            member.mic = on;
            if on && member.red_dot {
                show_dot(id, member, effects);
            }
        }
        effects.push(Effect::VoiceChanged(id));
    }

    /// Sets or lifts the red dot of somebody, or of all who are no admins.
    pub(super) fn red_dot(&mut self, asker: Asker, uid: Uid, on: bool, effects: &mut Effects) {
        let Asker { conn, room: id, request, .. } = asker;
        let Some((_, rank)) = self.allowed(conn, id, Power::Floor, request, effects) else { return };
        let deed = Deed::new(Power::Floor, "red_dot", if on { "on" } else { "off" });
        if uid == Uid::EVERYBODY {
            self.commit_deed(asker, Vec::new(), deed, effects);
            let Some(room) = self.rooms.get_mut(&id) else { return };
            if !on {
                room.red_dots.clear();
            }
            for member in room.members.iter_mut().filter(|member| !member.admin) {
                set_dot(id, member, on, effects);
            }
            return effects.push(Effect::VoiceChanged(id));
        }
        let target = self.rank_of(uid, id);
        let person = self.session_of(uid).map(|session| session.person);
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if !on {
            room.red_dots.remove(&uid);
        }
        let (Some(_), Some(person)) = (room.member_of(uid), person) else { return };
        if on && target.is_none_or(|target| target >= rank) {
            let text = "This user cannot be given a red dot.";
            return effects.refuse(conn, request, REFUSED, text);
        }
        self.commit_deed(asker, Vec::new(), deed.about(person), effects);
        let Some(member) = self.member_mut(id, uid) else { return };
        set_dot(id, member, on, effects);
        effects.push(Effect::VoiceChanged(id));
    }

    /// Sets one of a room's switches, for good if the room is permanent. Nobody is told: clients
    /// have no packet for it, and the one who did it has ticked the box himself.
    pub(super) fn set_switch(
        &mut self,
        asker: Asker,
        switch: (&'static str, fn(&mut Room) -> &mut bool),
        on: bool,
        effects: &mut Effects,
    ) {
        let Asker { conn, room: id, request, .. } = asker;
        if self.allowed(conn, id, Power::Floor, request, effects).is_none() {
            return;
        }
        self.set(asker, switch, on, effects);
    }

    pub(super) fn member_mut(&mut self, id: RoomId, uid: Uid) -> Option<&mut Member> {
        self.rooms.get_mut(&id)?.member_of_mut(uid)
    }
}

/// Sets or lifts a red dot, and tells the room if that changes anything. Nothing happens to who is
/// there unseen: the room would be told of him.
pub(super) fn set_dot(id: RoomId, member: &mut Member, on: bool, effects: &mut Effects) {
    if member.invisible {
        return;
    }
    if on && !member.red_dot {
        member.red_dot = true;
        show_dot(id, member, effects);
    } else if !on && !member.may_speak() {
        member.red_dot = false;
        member.mic = true;
        let packet = ServerPacket::RoomUserReddotOff(id, member.uid);
        effects.push(Effect::ToRoom { room: id, except: None, packet });
    }
}

fn show_dot(id: RoomId, member: &Member, effects: &mut Effects) {
    let packet = ServerPacket::RoomUserReddotOn(id, member.uid);
    effects.push(Effect::ToRoom { room: id, except: None, packet });
}

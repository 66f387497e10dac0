//! Invitations to rooms.

use crate::model::{Now, Privacy, RoomId, Status, Uid};
use crate::protocol::{PacketType, RoomInvite, ServerPacket};

use super::super::acts::Asked;
use super::super::guard::ActKind;
use super::super::{ConnId, Effects, State};
use super::REFUSED;

/// The most invitations that a room remembers.
const INVITATIONS: usize = 1000;

impl State {
    /// Invites somebody to a room in which one is, but not too often: each opens a window.
    pub(super) fn invite(&mut self, now: Now, conn: ConnId, id: RoomId, to: Uid, effects: &mut Effects) {
        let Some(uid) = self.session(conn).map(|session| session.person.uid) else { return };
        if !self.is_member(conn, id) || to == uid {
            return;
        }
        // Before anything is known of the guest, whose presence the answer could give away. The guard is
        // asked first: what it refuses uses up nothing.
        let asked = Asked { room: Some(id), ..Asked::new(ActKind::Invitation) };
        let judged = self.judge(now, conn, asked, effects);
        match judged.and_then(|()| self.peers.may_ring(now, uid).map_err(Option::unwrap_or_default)) {
            Ok(()) => self.pass_invitation(now, conn, id, to, effects),
            Err(why) => effects.refuse(conn, PacketType::ROOM_INVITE_OUT, REFUSED, &why),
        }
    }

    /// Passes an invitation on. Who is offline, invisible or blocks the sender looks the same to
    /// him: nothing comes back.
    pub(super) fn pass_invitation(
        &mut self,
        now: Now,
        conn: ConnId,
        id: RoomId,
        to: Uid,
        effects: &mut Effects,
    ) {
        let request = PacketType::ROOM_INVITE_OUT;
        let (Some(sender), Some(room)) = (self.session(conn), self.rooms.get(&id)) else { return };
        if sender.blocks_user(to) {
            let text = "You have blocked this user. Unblock the user first.";
            return effects.refuse(conn, request, REFUSED, text);
        }
        // Also if he is not there: others would tell who is there unseen.
        if room.exclusion(to, now.wall).is_some() {
            let text = "This user may not enter this room.";
            return effects.refuse(conn, request, REFUSED, text);
        }
        let Some(guest) = self.session_of(to) else { return };
        if guest.blocks_user(sender.person.uid) || guest.ignores_user(sender.person.uid) {
            return;
        }
        let name = guest.person.nickname;
        if guest.privacy == Privacy::Pals && !guest.has_pal(sender.person.uid) {
            // Somebody offline gives no answer, so somebody unseen must give none either.
            if guest.status != Status::Invisible {
                let text = format!("{name} accepts messages only from pals.");
                effects.refuse(conn, request, REFUSED, &text);
            }
            return;
        }
        if room.member_of(to).is_some_and(|member| !member.invisible) {
            let text = format!("{name} is in this room already.");
            return effects.refuse(conn, request, REFUSED, &text);
        }
        let remembered = room.invited.contains(&to) || room.invited.len() < INVITATIONS;
        let packet = ServerPacket::RoomInviteIn(Box::new(RoomInvite {
            uid: sender.person.uid,
            nickname: sender.person.nickname,
            room: id,
            name: room.name.clone(),
            kind: room.kind,
            // Clients ask for the password when this is set; who was invited needs none.
            locked: room.lockword.is_some() && !remembered,
        }));
        effects.send(guest.conn, packet);
        if let Some(room) = self.rooms.get_mut(&id).filter(|_| remembered) {
            room.invited.insert(to);
        }
    }
}

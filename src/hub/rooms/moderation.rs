//! Keeping order: bounces, bans, admins, the admin console.

use std::time::Duration;

use crate::model::{Now, Role, Roles, RoomId, Status, Uid, from_cp1252, sanitise};
use crate::protocol::{AdminEntry, Dialect, PacketType, RoomAdminInfo, ServerPacket, markup};
use crate::store::{Change, EXCLUSIONS_MAX, Exclusion, ExclusionKind};

use super::super::{ConnId, Effect, Effects, EventKind, Person, State};
use super::duty::{Asker, Deed};
use super::floor::set_dot;
use super::rights::{Power, Rank};
use super::{Member, REFUSED};

/// How long somebody who was bounced has to stay away (PROTOCOL 3.10).
const BOUNCE: Duration = Duration::from_secs(24 * 3600);

impl State {
    /// Keeps the reason that 5.0 sends in front of a bounce. One that comes after it, as others send
    /// it, is the reason of nothing any more.
    pub(super) fn bounce_reason(&mut self, now: Now, conn: ConnId, id: RoomId, uid: Uid, reason: Vec<u8>) {
        let bounced = self.rooms.get(&id).is_some_and(|room| room.exclusion(uid, now.wall).is_some());
        if !self.rank(conn, id).is_some_and(|rank| rank.has(Power::Doors)) || bounced {
            return;
        }
        if let Some(session) = self.session_mut(conn) {
            session.bounce_reason = Some((id, uid, reason));
        }
    }

    /// Throws somebody out for a day. He may have left already.
    pub(super) fn bounce(&mut self, asker: Asker, uid: Uid, effects: &mut Effects) {
        let Asker { now, conn, room: id, request } = asker;
        let reason = self.session_mut(conn).and_then(|session| session.bounce_reason.take());
        let reason = reason.filter(|(room, target, _)| (*room, *target) == (id, uid));
        let reason = reason.map(|(_, _, text)| text).unwrap_or_default();
        let mut reason = sanitise::line(&markup::strip(&reason), Exclusion::REASON_MAX);
        let Some((actor, rank)) = self.allowed(conn, id, Power::Doors, request, effects) else { return };
        let Some(target) = self.known_to(conn, id, uid) else {
            return effects.refuse(conn, request, REFUSED, "This user is not here any more.");
        };
        if self.rank_of(uid, id).is_none_or(|target| target >= rank) {
            let text = format!("{} cannot be bounced.", target.nickname);
            return effects.refuse(conn, request, REFUSED, &text);
        }
        // Whoever is thrown out reads it.
        if !reason.is_empty() && self.muted(now, conn, effects).is_some() {
            reason.clear();
        }
        let until = Some(now.wall.after(BOUNCE));
        let Person { uid, nickname } = target;
        let entry = Exclusion { uid, nickname, until, by: actor.uid, at: now.wall, reason };
        self.keep_out(asker, ExclusionKind::Bounce, entry, effects);
    }

    /// Somebody who is in the room or whom the user of `conn` sees online. Others must not learn by
    /// an answer that somebody is there unseen.
    fn known_to(&self, conn: ConnId, id: RoomId, uid: Uid) -> Option<Person> {
        let (viewer, target) = (self.session(conn)?, self.session_of(uid)?);
        let shown = self.shown_status(viewer, uid);
        let seen = ![Status::OFFLINE_WIRE, Status::BLOCKED_WIRE].contains(&shown);
        (seen || target.rooms.contains(&id)).then_some(target.person)
    }

    /// Bans somebody who has an account, here or not. `staff` says whether that account is staff's.
    pub(super) fn ban(&mut self, asker: Asker, target: Person, staff: bool, effects: &mut Effects) {
        let Asker { now, conn, room: id, request } = asker;
        let Some((actor, rank)) = self.allowed(conn, id, Power::Doors, request, effects) else { return };
        let protected = staff || self.rank_of(target.uid, id).is_none_or(|target| target >= rank);
        if protected || target.uid == Uid::SERVICE {
            let text = format!("{} cannot be banned.", target.nickname);
            return effects.refuse(conn, request, REFUSED, &text);
        }
        let Person { uid, nickname } = target;
        let reason = Vec::new();
        let entry = Exclusion { uid, nickname, until: None, by: actor.uid, at: now.wall, reason };
        self.keep_out(asker, ExclusionKind::Ban, entry, effects);
    }

    /// Puts somebody on one of the lists, and out of the room if he is inside.
    fn keep_out(&mut self, asker: Asker, kind: ExclusionKind, entry: Exclusion, effects: &mut Effects) {
        let Asker { conn, room: id, request, .. } = asker;
        let Exclusion { uid, nickname, at, .. } = entry;
        let Some(actor) = self.rooms.get(&id).and_then(|room| room.member(conn)).copied() else { return };
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let list = room.exclusions_mut(kind);
        list.retain(|_, entry| entry.holds(at));
        if list.len() >= EXCLUSIONS_MAX && !list.contains_key(&uid) {
            return effects.refuse(conn, request, REFUSED, "The list is full. Let somebody in first.");
        }
        let text = exclusion_text(kind, &entry.reason);
        let why = from_cp1252(&entry.reason);
        list.insert(uid, entry.clone());
        room.invited.remove(&uid);
        let change = room.permanent.then_some(Change::Exclude { room: id, kind, entry });
        let (what, action) = match kind {
            ExclusionKind::Bounce => (EventKind::Bounce, "bounce"),
            ExclusionKind::Ban => (EventKind::RoomBan, "room_ban"),
        };
        let target = Person { uid, nickname };
        let deed = Deed::new(Power::Doors, action, "").about(target).because(why.clone());
        self.commit_deed(asker, change.into_iter().collect(), deed, effects);
        effects.event(self.event_by(what, conn, id).about(target).saying(why));
        let inside = self.rooms.get(&id).and_then(|room| room.member_of(uid));
        if let Some(inside) = inside.map(|member| member.conn) {
            effects.send(inside, ServerPacket::RoomClosed(id, actor.shown_uid(), text));
            self.take_out(inside, id, effects);
            self.probe_put_out(inside, id, effects);
        }
    }

    /// Lets somebody, or everybody, in again who was bounced or banned.
    pub(super) fn let_in(
        &mut self,
        asker: Asker,
        kind: ExclusionKind,
        uid: Option<Uid>,
        effects: &mut Effects,
    ) {
        let Asker { conn, room: id, request, .. } = asker;
        if self.allowed(conn, id, Power::Doors, request, effects).is_none() {
            return;
        }
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let list = room.exclusions_mut(kind);
        let action = match kind {
            ExclusionKind::Bounce => "unbounce",
            ExclusionKind::Ban => "room_unban",
        };
        let deed = match uid {
            Some(uid) => list.remove(&uid).map(|entry| {
                let person = Person { uid, nickname: entry.nickname };
                Deed::new(Power::Doors, action, "").about(person)
            }),
            None => match std::mem::take(list).len() {
                0 => None,
                count => Some(Deed::new(Power::Doors, action, format!("all {count}"))),
            },
        };
        let Some(deed) = deed else { return };
        let change = room.permanent.then_some(Change::LetIn { room: id, kind, uid });
        self.commit_deed(asker, change.into_iter().collect(), deed, effects);
    }

    /// What the admin console shows.
    pub(super) fn admin_info(&mut self, now: Now, conn: ConnId, id: RoomId, effects: &mut Effects) {
        let request = PacketType::ROOM_ADMIN_INFO_REQUEST;
        if self.allowed(conn, id, Power::Console, request, effects).is_none() {
            return;
        }
        let Some(room) = self.rooms.get(&id) else { return };
        let list = |kind| {
            let entries = room.exclusions(kind).values().filter(|entry| entry.holds(now.wall));
            entries.map(|entry| AdminEntry { uid: entry.uid, nickname: entry.nickname }).collect()
        };
        effects.send(
            conn,
            ServerPacket::RoomAdminInfo(Box::new(RoomAdminInfo {
                room: id,
                mike: room.new_user_mic,
                text: room.reddot_text,
                video: room.reddot_video,
                bounced: list(ExclusionKind::Bounce),
                banned: list(ExclusionKind::Ban),
            })),
        );
    }

    /// Makes a member an admin for this visit, or an admin a member. Returns whether he is now what
    /// was asked for.
    pub(in super::super) fn set_admin(
        &mut self,
        asker: Asker,
        uid: Uid,
        on: bool,
        effects: &mut Effects,
    ) -> bool {
        let Asker { conn, room: id, request, .. } = asker;
        let Some((_, rank)) = self.allowed(conn, id, Power::Admins, request, effects) else { return false };
        let Some(target) = self.session_of(uid).and_then(|session| self.rank(session.conn, id)) else {
            effects.refuse(conn, request, REFUSED, "This user is not in the room.");
            return false;
        };
        let person = self.session_of(uid).map(|session| session.person);
        let deed = Deed::new(Power::Admins, "room_admin", if on { "on" } else { "off" });
        let deed = person.map(|person| deed.about(person));
        match (on, target) {
            (true, Rank::Member) | (false, Rank::Admin) => {
                if let Some(deed) = deed {
                    self.commit_deed(asker, Vec::new(), deed, effects);
                }
                if on { self.promote(id, uid, effects) } else { self.demote(id, uid, effects) }
            }
            (true, _) | (false, Rank::Member) => {}
            (false, _) => {
                debug_assert!(rank >= Rank::Owner);
                effects.refuse(conn, request, REFUSED, "Owners and staff remain admins.");
                return false;
            }
        }
        true
    }

    /// Makes a member an admin: he may speak, sees who is unseen, and is marked for all.
    pub(super) fn promote(&mut self, id: RoomId, uid: Uid, effects: &mut Effects) {
        let Some(member) = self.member_mut(id, uid) else { return };
        let silent = !member.may_speak();
        // While he still counts as one of those whom "all" concerns.
        set_dot(id, member, false, effects);
        member.admin = true;
        let member = *member;
        effects.send(member.conn, ServerPacket::RoomAdminGranted(id));
        self.show_admin(id, &member, effects);
        for unseen in self.members(id).iter().filter(|other| other.invisible && other.conn != member.conn) {
            if let Some(record) = self.member_record(id, unseen) {
                effects.send(member.conn, ServerPacket::RoomUserJoined(id, record));
            }
        }
        if silent {
            effects.push(Effect::VoiceChanged(id));
        }
    }

    /// Gives an account other roles, which take effect at once if somebody is signed in to it: staff are
    /// admins in every room they are in, and who is staff no longer is what he would be without it.
    pub fn set_roles(&mut self, now: Now, uid: Uid, roles: Roles, effects: &mut Effects) {
        let Some(conn) = self.session_of(uid).map(|session| session.conn) else { return };
        let Some(session) = self.session_mut(conn) else { return };
        let before = std::mem::replace(&mut session.roles, roles);
        let rooms = session.rooms.clone();
        if before == roles {
            return;
        }
        let names: Vec<&str> = roles.iter().map(Role::name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        self.tell(uid, &format!("Your roles have been changed. They are now: {names}."), effects);
        if before.is_staff() == roles.is_staff() {
            return;
        }
        for id in rooms {
            let Some(room) = self.rooms.get(&id) else { continue };
            let Some(member) = room.member(conn).copied() else { continue };
            let out = member.invisible || room.exclusion(uid, now.wall).is_some();
            match (roles.is_staff(), room.is_owner(uid)) {
                (true, _) if !member.admin => self.promote(id, uid, effects),
                (false, _) if out => {
                    let text = b"You cannot be in this room without being staff.";
                    self.shut_out(conn, id, text, effects);
                }
                (false, false) if member.admin => self.demote(id, uid, effects),
                _ => {}
            }
        }
    }

    /// Makes the owner of a room, if he is inside, an admin, and who was it `before` a member, unless he
    /// still is or belongs to the staff.
    pub(in super::super) fn follow_owner(&mut self, id: RoomId, before: Option<Uid>, effects: &mut Effects) {
        let Some(room) = self.rooms.get(&id) else { return };
        let owner = room.owner.map(|owner| owner.uid);
        if owner == before {
            return;
        }
        let is_admin = |uid: &Uid| room.member_of(*uid).map(|member| member.admin);
        let promoted = owner.filter(|uid| is_admin(uid) == Some(false));
        let staff = |uid: &Uid| self.session_of(*uid).is_some_and(|session| session.roles.is_staff());
        let demoted = before.filter(|uid| is_admin(uid) == Some(true) && !staff(uid));
        if let Some(uid) = promoted {
            self.promote(id, uid, effects);
        }
        if let Some(uid) = demoted {
            self.demote(id, uid, effects);
        }
    }

    /// Puts a member out of a room, as the server.
    pub(in super::super) fn shut_out(
        &mut self,
        conn: ConnId,
        id: RoomId,
        text: &[u8],
        effects: &mut Effects,
    ) {
        effects.send(conn, ServerPacket::RoomClosed(id, Uid::SYSTEM, text.to_vec()));
        self.take_out(conn, id, effects);
        self.probe_put_out(conn, id, effects);
    }

    fn demote(&mut self, id: RoomId, uid: Uid, effects: &mut Effects) {
        let Some(member) = self.member_mut(id, uid) else { return };
        member.admin = false;
        let member = *member;
        self.show_admin(id, &member, effects);
        for unseen in self.members(id).iter().filter(|other| other.invisible) {
            effects.send(member.conn, ServerPacket::RoomUserLeft(id, unseen.uid));
        }
    }

    /// Marks somebody as an admin, or no longer, in everybody's list. 5.x has a packet for it; later
    /// clients take a user list with one record (PROTOCOL 11.17).
    fn show_admin(&self, id: RoomId, member: &Member, effects: &mut Effects) {
        let later = |conn| self.session(conn).is_some_and(|session| session.dialect > Dialect::V51);
        let (later, classic): (Vec<ConnId>, Vec<ConnId>) =
            self.members(id).iter().map(|member| member.conn).partition(|conn| later(*conn));
        let packet = ServerPacket::RoomAdminStatus(id, member.uid, member.admin);
        effects.push(Effect::ToMany { to: classic, packet });
        if let (false, Some(record)) = (later.is_empty(), self.member_record(id, member)) {
            let packet = ServerPacket::RoomUserList(id, vec![record]);
            effects.push(Effect::ToMany { to: later, packet });
        }
    }
}

fn exclusion_text(kind: ExclusionKind, reason: &[u8]) -> Vec<u8> {
    let text: &[u8] = match kind {
        ExclusionKind::Bounce => b"You have been bounced from this group.",
        ExclusionKind::Ban => b"You have been banned from this group.",
    };
    if reason.is_empty() { text.to_vec() } else { [text, b" Reason: ", reason].concat() }
}

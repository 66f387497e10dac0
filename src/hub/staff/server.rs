//! Actions that concern rooms and everybody: broadcasts, closing, locking, slowmode, maintenance.

use std::time::Duration;

use crate::model::{
    Author, CloseReason, MessageText, Now, Roles, RoomId, SlowMode, Timestamp, Uid, is_lockword, sanitise,
    to_cp1252,
};
use crate::protocol::{PacketType, ServerPacket};
use crate::store::{AuditTarget, Change};

use super::super::feed::{Event, EventKind};
use super::super::rooms::{LOCKWORD_RULE, notice};
use super::super::sanctions::{banned_text, because, entry, why};
use super::super::{ConnId, Effect, Effects, Room, State};
use super::act::with_entry;
use super::{ActError, Standing, Via};

/// How long people have to say goodbye when maintenance begins.
pub const MAINTENANCE_GRACE: Duration = Duration::from_secs(60);
/// The setting in the store that holds the message while there is maintenance.
pub const MAINTENANCE_SETTING: &str = "maintenance";
const USUAL_MESSAGE: &str = "The server is being maintained. Please come back later.";
/// The longest text of a broadcast, in characters.
const BROADCAST_MAX: usize = 500;
/// The code of a refused sign-in (PROTOCOL 6.12).
const SIGN_IN_REFUSED: u16 = 0x63;

/// Only staff are let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Maintenance {
    pub(in super::super) message: String,
    /// When those are put out who are inside, as the time since the start; `None` once they are.
    out_at: Option<Duration>,
}

impl State {
    /// Takes over that there is maintenance, with this message.
    #[must_use]
    pub fn with_maintenance(mut self, message: Option<String>) -> State {
        self.maintenance = message.map(|message| Maintenance { message, out_at: None });
        self
    }

    /// What those read who are kept out, if there is maintenance.
    pub fn maintenance(&self) -> Option<&str> {
        self.maintenance.as_ref().map(|maintenance| maintenance.message.as_str())
    }

    /// Takes over what the store says of maintenance. If it goes on although somebody had ended it, those
    /// who have come in have the usual time to say goodbye.
    pub(in super::super) fn believe_maintenance(&mut self, now: Now, message: Option<String>) {
        let known = self.maintenance.take();
        self.maintenance = message.map(|message| match known {
            Some(known) => Maintenance { message, ..known },
            None => Maintenance { message, out_at: Some(now.uptime.saturating_add(MAINTENANCE_GRACE)) },
        });
    }

    /// Why an account may not sign in from an address, if it may not.
    fn kept_out(
        &self,
        now: Timestamp,
        uid: Uid,
        roles: Roles,
        peer: std::net::IpAddr,
    ) -> Option<(CloseReason, String)> {
        let bans = self.sanctions.bans();
        if let Some(ban) = bans.account(now, uid).or_else(|| bans.address(now, peer)) {
            return Some((CloseReason::Banned, banned_text(now, &ban)));
        }
        let maintenance = self.maintenance.as_ref().filter(|_| Standing::of(roles).is_none())?;
        Some((CloseReason::Maintenance, maintenance.message.clone()))
    }

    /// Refuses a sign-in that must not be, in the form that clients show. Returns whether it did.
    pub(in super::super) fn refuses_sign_in(
        &self,
        now: Now,
        conn: ConnId,
        sign_in: &super::super::SignIn,
        effects: &mut Effects,
    ) -> bool {
        let uid = sign_in.person.uid;
        let Some((reason, text)) = self.kept_out(now.wall, uid, sign_in.roles, sign_in.peer) else {
            return false;
        };
        let request = PacketType::LOGIN;
        let last = ServerPacket::ReturnCode { request, code: SIGN_IN_REFUSED, data: to_cp1252(&text) };
        effects.push(Effect::Close { conn, reason, last });
        true
    }

    /// When those are put out who are inside during maintenance.
    pub(in super::super) fn maintenance_due(&self) -> Option<Duration> {
        self.maintenance.as_ref().and_then(|maintenance| maintenance.out_at)
    }

    /// Puts those out whose time to say goodbye is over.
    pub(in super::super) fn keep_maintenance(&mut self, now: Now, effects: &mut Effects) {
        let Some(maintenance) = &mut self.maintenance else { return };
        if maintenance.out_at.is_none_or(|at| now.uptime < at) {
            return;
        }
        maintenance.out_at = None;
        let text = maintenance.message.clone();
        let others = self.sessions().filter(|session| Standing::of(session.roles).is_none());
        let conns: Vec<ConnId> = others.map(|session| session.conn).collect();
        if !conns.is_empty() {
            let told = format!("put {} out", conns.len());
            let event = Event::new(EventKind::Maintenance).by(&Author::System);
            effects.event(event.saying(told.clone()));
            let made = entry(now, "maintenance_begins", Author::System, None, String::new(), told);
            effects.push(Effect::Keep(Change::Audit(made)));
        }
        for conn in conns {
            self.put_off(conn, CloseReason::Maintenance, &text, effects);
        }
    }

    pub(super) fn set_maintenance(
        &mut self,
        now: Now,
        author: &Author,
        on: bool,
        message: &str,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let name = MAINTENANCE_SETTING.to_owned();
        let event = Event::new(EventKind::Maintenance).by(author);
        if !on {
            if self.maintenance.take().is_none() {
                return Err(ActError::Failed("Maintenance is off already.".to_owned()));
            }
            effects.event(event.saying("maintenance is over"));
            let made = entry(now, "maintenance_off", author.clone(), None, message.to_owned(), String::new());
            via.commit(with_entry(vec![Change::ClearSetting { name }], made), effects);
            return Ok("maintenance is over; everybody can sign in again".to_owned());
        }
        let message = if message.is_empty() { USUAL_MESSAGE.to_owned() } else { message.to_owned() };
        let to: Vec<ConnId> = self.sessions().map(|session| session.conn).collect();
        let others = self.sessions().filter(|session| Standing::of(session.roles).is_none()).count();
        let out_at = Some(now.uptime.saturating_add(MAINTENANCE_GRACE));
        self.maintenance = Some(Maintenance { message: message.clone(), out_at });
        effects.event(event.saying(message.clone()));
        let made = entry(now, "maintenance_on", author.clone(), None, message.clone(), String::new());
        via.commit(with_entry(vec![Change::SetSetting { name, value: message.clone() }], made), effects);
        let grace = MAINTENANCE_GRACE.as_secs();
        let text = format!("{message}\n\nMaintenance begins: you will be signed out in {grace} seconds.");
        effects.push(Effect::ToMany { to, packet: ServerPacket::Announcement(to_cp1252(&text)) });
        Ok(format!("maintenance is on; {others} signed in will be put out in {grace} seconds"))
    }

    pub(super) fn broadcast(
        &mut self,
        now: Now,
        author: &Author,
        room: Option<RoomId>,
        text: &str,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let text: String = text.trim().chars().take(BROADCAST_MAX).collect();
        let bytes = sanitise::text(&to_cp1252(&text));
        if MessageText::new(&bytes).is_err() {
            return Err(ActError::Invalid("There is nothing to say.".to_owned()));
        }
        let mut event = Event::new(EventKind::Broadcast).by(author).saying(text.clone());
        let (target, to, packet) = match room {
            Some(id) => {
                let room = self.room_or_not_found(id)?;
                event = event.in_room(id, &room.name);
                let to: Vec<ConnId> = room.members.iter().map(|member| member.conn).collect();
                (Some(room_target(room)), to, notice(id, &bytes))
            }
            None => {
                let to = self.sessions().map(|session| session.conn).collect();
                (None, to, ServerPacket::Announcement(bytes))
            }
        };
        effects.event(event);
        let made = entry(now, "broadcast", author.clone(), target, String::new(), text);
        via.commit(Change::Audit(made), effects);
        let said = format!("told {} signed in", to.len());
        effects.push(Effect::ToMany { to, packet });
        Ok(said)
    }

    pub(super) fn close_by_staff(
        &mut self,
        now: Now,
        author: &Author,
        id: RoomId,
        reason: &str,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let room = self.room_or_not_found(id)?;
        let (name, target) = (room.name.clone(), room_target(room));
        let event = Event::new(EventKind::RoomClosed).by(author).in_room(id, &name);
        effects.event(event.saying(reason));
        let made = entry(now, "close_room", author.clone(), Some(target), reason.to_owned(), String::new());
        via.commit(Change::Audit(made), effects);
        let text = format!("This room has been closed by those who run the place.{}", why(reason));
        let count = self.put_everybody_out(id, Uid::SYSTEM, &to_cp1252(&text), effects);
        Ok(format!("closed {name} (room {id}), put {count} out"))
    }

    pub(super) fn delete_by_staff(
        &mut self,
        now: Now,
        author: &Author,
        id: RoomId,
        reason: &str,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let Some(room) = self.rooms.get_mut(&id).filter(|room| room.permanent) else {
            return Err(ActError::NotFound(format!("There is no permanent room {id}.")));
        };
        // A temporary room vanishes with the last member.
        room.permanent = false;
        let (name, target) = (room.name.clone(), room_target(room));
        effects.event(Event::new(EventKind::RoomClosed).by(author).in_room(id, &name).saying(reason));
        let made = entry(now, "delete_room", author.clone(), Some(target), reason.to_owned(), String::new());
        via.commit(with_entry(vec![Change::DeleteRoom(id)], made), effects);
        let text = format!("This room is no more.{}", why(reason));
        let count = self.put_everybody_out(id, Uid::SYSTEM, &to_cp1252(&text), effects);
        Ok(format!("deleted {name} (room {id}), put {count} out"))
    }

    pub(super) fn lock_by_staff(
        &mut self,
        now: Now,
        author: &Author,
        id: RoomId,
        (word, reason): (Option<&[u8]>, String),
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        if word.is_some_and(|word| !is_lockword(word)) {
            return Err(ActError::Invalid(LOCKWORD_RULE.to_owned()));
        }
        let action = if word.is_some() { "lock_room" } else { "unlock_room" };
        let lockword = word.map(<[u8]>::to_vec);
        let name = self.change_room(
            now,
            author,
            id,
            (action, reason, String::new()),
            |room| room.lockword = lockword,
            via,
            effects,
        )?;
        let what = if word.is_some() { "locked" } else { "opened" };
        Ok(format!("{what} {name} (room {id})"))
    }

    pub(super) fn slow_by_staff(
        &mut self,
        now: Now,
        author: &Author,
        room: Option<RoomId>,
        (seconds, reason): (u16, &str),
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let Some(slowmode) = SlowMode::new(seconds) else {
            return Err(ActError::Invalid(format!("Slowmode takes up to {} seconds.", SlowMode::MAX)));
        };
        let what = if seconds == 0 { "off".to_owned() } else { format!("{seconds} s") };
        let Some(id) = room else {
            let change = self.set_server_slowmode(slowmode);
            let event = Event::new(EventKind::Staff).by(author);
            effects.event(event.saying(because(&format!("slowmode of the server: {what}"), reason)));
            let target = Some(AuditTarget::Other("server".to_owned()));
            let made = entry(now, "slowmode", author.clone(), target, reason.to_owned(), what.clone());
            via.commit(with_entry(vec![change], made), effects);
            return Ok(format!("slowmode of the server is {what}"));
        };
        let action = "slowmode";
        let name = self.change_room(
            now,
            author,
            id,
            (action, reason.to_owned(), what.clone()),
            |room| room.slowmode = slowmode,
            via,
            effects,
        )?;
        self.renew_slowmode(id);
        Ok(format!("slowmode of {name} (room {id}) is {what}"))
    }

    /// Changes what a room is like, for good if it is permanent. Returns its name.
    #[allow(clippy::too_many_arguments, reason = "who, when and where, beside what")]
    fn change_room(
        &mut self,
        now: Now,
        author: &Author,
        id: RoomId,
        (action, reason, details): (&str, String, String),
        change: impl FnOnce(&mut Room),
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        self.room_or_not_found(id)?;
        let Some(room) = self.rooms.get_mut(&id) else { return Err(no_room(id)) };
        change(room);
        let said = [action.replace('_', " "), details.clone()].join(" ");
        let told = because(said.trim_end(), &reason);
        let made = entry(now, action, author.clone(), Some(room_target(room)), reason, details);
        let kept = room.permanent.then(|| Change::PutRoom(room.record()));
        let name = room.name.clone();
        via.commit(with_entry(kept.into_iter().collect(), made), effects);
        effects.event(Event::new(EventKind::RoomChanged).by(author).in_room(id, &name).saying(told));
        Ok(name.to_string())
    }

    fn room_or_not_found(&self, id: RoomId) -> Result<&Room, ActError> {
        self.room(id).ok_or_else(|| no_room(id))
    }
}

fn no_room(id: RoomId) -> ActError {
    ActError::NotFound(format!("There is no room {id}."))
}

pub(super) fn room_target(room: &Room) -> AuditTarget {
    AuditTarget::Room { id: room.id, name: room.name.clone() }
}

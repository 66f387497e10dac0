//! What staff do in rooms because they are staff is in the audit log, as everything else that they do. What
//! they do in rooms of their own is their own affair.

use crate::model::{Now, RoomId};
use crate::protocol::PacketType;
use crate::store::{AuditEntry, AuditTarget, Change};

use super::super::sanctions::{entry, user};
use super::super::staff::{author, with_entry};
use super::super::{ConnId, Effect, Effects, Person, State};
use super::rights::{Power, Rank};

/// Who asks for something in a room, and by which packet.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Asker {
    /// When.
    pub(in super::super) now: Now,
    /// The connection of who asks.
    pub(in super::super) conn: ConnId,
    /// The room.
    pub(in super::super) room: RoomId,
    /// The packet, for answers to it.
    pub(in super::super) request: PacketType,
}

/// Something that was done in a room, as the audit log tells it.
#[derive(Debug)]
pub(super) struct Deed {
    /// What one needs for it.
    power: Power,
    action: &'static str,
    about: Option<Person>,
    reason: String,
    details: String,
}

impl Deed {
    /// Something done to the room itself.
    pub(super) fn new(power: Power, action: &'static str, details: impl Into<String>) -> Deed {
        Deed { power, action, about: None, reason: String::new(), details: details.into() }
    }

    /// With whom it concerns.
    pub(super) fn about(self, person: Person) -> Deed {
        Deed { about: Some(person), ..self }
    }

    /// With why.
    pub(super) fn because(self, reason: String) -> Deed {
        Deed { reason, ..self }
    }
}

impl State {
    /// Has changes of a room made durable. If who asked could do that only because he belongs to the staff,
    /// its entry in the audit log goes with them, and is written even if there are no changes.
    pub(super) fn commit_deed(&self, asker: Asker, changes: Vec<Change>, deed: Deed, effects: &mut Effects) {
        let Asker { conn, request, .. } = asker;
        let changes = match self.entry_of(asker, deed) {
            Some(entry) => vec![with_entry(changes, entry)],
            None => changes,
        };
        for change in changes {
            effects.push(Effect::Commit { conn, request, change });
        }
    }

    fn entry_of(&self, asker: Asker, deed: Deed) -> Option<AuditEntry> {
        let (session, room) = (self.session(asker.conn)?, self.rooms.get(&asker.room)?);
        let by_right = room.is_owner(session.person.uid) && Rank::Owner.has(deed.power);
        if !session.roles.is_staff() || by_right {
            return None;
        }
        let Deed { action, about, reason, mut details, .. } = deed;
        let target = match about {
            Some(person) => {
                let place = format!("in {} (room {})", room.name, room.id);
                details = if details.is_empty() { place } else { format!("{details}, {place}") };
                user(person)
            }
            None => AuditTarget::Room { id: room.id, name: room.name.clone() },
        };
        Some(entry(asker.now, action, author(session), Some(target), reason, details))
    }
}

//! What is imposed on accounts: mutes, warnings, bans, by staff or by the machine.
//!
//! Each is durable together with its entry in the audit log before anybody is told of it.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{Author, Now, Timestamp, Uid};
use crate::protocol::PacketType;
use crate::store::{AuditEntry, AuditTarget, Ban, BanTarget, Change, Mute, MuteKind, Warning};

use super::feed::{Event, EventKind};
use super::{ConnId, Effect, Effects, Person, State};

/// The mutes in force, of whoever has one, signed in or not.
#[derive(Debug, Default)]
pub struct Sanctions {
    mutes: HashMap<(Uid, MuteKind), Mute>,
}

impl Sanctions {
    /// Takes over what the store has.
    pub fn load(&mut self, mutes: impl IntoIterator<Item = (Uid, Mute)>) {
        self.mutes.extend(mutes.into_iter().map(|(uid, mute)| ((uid, mute.kind), mute)));
    }

    /// The mute of this kind that holds for an account.
    pub fn mute(&self, now: Timestamp, uid: Uid, kind: MuteKind) -> Option<&Mute> {
        self.mutes.get(&(uid, kind)).filter(|mute| mute.holds(now))
    }
}

/// Something to be imposed.
#[derive(Clone, Debug)]
pub(super) struct Sanction {
    /// By whom.
    pub(super) by: Author,
    /// Upon whom.
    pub(super) target: Person,
    /// For how long; for good if `None`.
    pub(super) time: Option<Duration>,
    /// Why.
    pub(super) reason: String,
    /// What else the audit log is to say.
    pub(super) details: String,
}

impl State {
    /// Mutes an account. What `conn` is sent from now on waits until that is durable.
    pub(super) fn impose_mute(
        &mut self,
        now: Now,
        conn: ConnId,
        kind: MuteKind,
        sanction: Sanction,
        effects: &mut Effects,
    ) {
        let Sanction { by, target, time, reason, details } = sanction;
        let until = time.map(|time| now.wall.after(time));
        let mute = Mute { kind, until, reason: reason.clone(), by: by.clone(), at: now.wall };
        self.sanctions.mutes.insert((target.uid, kind), mute.clone());
        let change = Change::PutMute { uid: target.uid, mute };
        effects.event(Event::new(EventKind::Mute).about(target).saying(reason.clone()));
        impose(conn, change, entry(now, "mute", by, target, reason, details), effects);
    }

    /// Warns an account.
    pub(super) fn impose_warning(
        &mut self,
        now: Now,
        conn: ConnId,
        sanction: Sanction,
        effects: &mut Effects,
    ) {
        let Sanction { by, target, reason, details, .. } = sanction;
        let warning = Warning { at: now.wall, by: by.clone(), reason: reason.clone() };
        let change = Change::AddWarning { uid: target.uid, warning };
        effects.event(Event::new(EventKind::Warn).about(target).saying(reason.clone()));
        impose(conn, change, entry(now, "warn", by, target, reason, details), effects);
    }

    /// Bans an account.
    pub(super) fn impose_ban(&mut self, now: Now, conn: ConnId, sanction: Sanction, effects: &mut Effects) {
        let Sanction { by, target, time, reason, details } = sanction;
        let ban = Ban {
            target: BanTarget::Account(target.uid),
            nickname: Some(target.nickname),
            until: time.map(|time| now.wall.after(time)),
            reason: reason.clone(),
            by: by.clone(),
            at: now.wall,
        };
        effects.event(Event::new(EventKind::Ban).about(target).saying(reason.clone()));
        impose(conn, Change::PutBan(ban), entry(now, "ban", by, target, reason, details), effects);
    }
}

fn entry(
    now: Now,
    action: &str,
    actor: Author,
    target: Person,
    reason: String,
    details: String,
) -> AuditEntry {
    let target = Some(AuditTarget::User { uid: target.uid, nickname: target.nickname });
    AuditEntry { at: now.wall, actor, action: action.to_owned(), target, reason, details }
}

fn impose(conn: ConnId, change: Change, entry: AuditEntry, effects: &mut Effects) {
    let change = Change::WithAudit { changes: vec![change], entries: vec![entry] };
    effects.push(Effect::Commit { conn, request: PacketType::ROOM_MESSAGE_OUT, change });
}

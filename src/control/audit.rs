//! The audit log as operators read it: by the daemon and by the command line on a stopped store alike.

use crate::store::{
    AuditActor, AuditPage, AuditQuery, AuditRecord, AuditSubject, AuditTarget, Reader, StoreError,
};

use super::wire::{AuditAbout, AuditRow, AuditWindow, Target};

/// The entries that are wanted, newest first, and where to go on; see [`AuditPage::next`].
///
/// # Errors
///
/// If the store cannot be read.
pub fn page(reader: &Reader, window: AuditWindow) -> Result<(Vec<AuditRow>, Option<u64>), StoreError> {
    let AuditWindow { action, actor, about, from, to, before, limit } = window;
    let query = AuditQuery {
        action,
        actor: actor.map(|actor| match actor {
            Target::Uid(uid) => AuditActor::User(uid),
            Target::Nickname(name) => AuditActor::Named(name),
        }),
        target: about.map(|about| match about {
            AuditAbout::Account(uid) => AuditSubject::User(uid),
            AuditAbout::Room(room) => AuditSubject::Room(room),
            AuditAbout::Named(name) => AuditSubject::Named(name),
        }),
        from,
        to,
        before,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let AuditPage { records, next } = reader.audit(&query)?;
    Ok((records.into_iter().map(row).collect(), next))
}

fn row(AuditRecord { seq, entry }: AuditRecord) -> AuditRow {
    let (target_uid, room) = match &entry.target {
        Some(AuditTarget::User { uid, .. }) => (Some(*uid), None),
        Some(AuditTarget::Room { id, .. }) => (None, Some(*id)),
        _ => (None, None),
    };
    AuditRow {
        seq,
        at: entry.at.rfc3339(),
        actor: entry.actor.name(),
        actor_uid: entry.actor.uid(),
        address: entry.actor.address(),
        action: entry.action,
        target: entry.target.as_ref().map(AuditTarget::name),
        target_uid,
        room,
        reason: entry.reason,
        details: entry.details,
    }
}

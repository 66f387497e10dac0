//! Everything that is kept about an account.

use serde_json::{Value, json};

use crate::model::{Nickname, Timestamp, Uid, from_cp1252};
use crate::store::{
    AuditActor, AuditQuery, AuditRecord, AuditSubject, AuditTarget, ExclusionKind, MuteKind, Reader,
    RoomRecord, StoreError,
};

use super::privacy;

/// The most waiting messages, and the most entries of the audit log, in an export.
const EXPORT_MAX: usize = 10_000;

/// Everything that is kept about an account, as a JSON object; `None` if there is no such account. The
/// password is kept as a hash only and left out. Of waiting messages it sent and of the audit log, up to
/// 10,000 each.
///
/// # Errors
///
/// If the store cannot be read.
pub fn export(reader: &Reader, uid: Uid) -> Result<Option<Value>, StoreError> {
    let Some(account) = reader.account(uid)? else { return Ok(None) };
    let people = |list: Vec<(Uid, Nickname)>| -> Vec<Value> {
        list.iter().map(|(uid, name)| json!({ "uid": uid.0, "nickname": name.to_string() })).collect()
    };
    let uids = |list: Vec<Uid>| list.iter().map(|uid| uid.0).collect::<Vec<u32>>();
    let sanctions = reader.sanctions(uid)?;
    let until = |until: Option<Timestamp>| until.map(Timestamp::rfc3339);
    let mut kept_out = Vec::new();
    for (kind, name) in [(ExclusionKind::Bounce, "bounce"), (ExclusionKind::Ban, "ban")] {
        let entries = reader.exclusions(kind)?.into_iter().filter(|(_, entry)| entry.uid == uid);
        kept_out.extend(entries.map(|(room, entry)| {
            json!({
                "room": room.0, "kind": name, "until": until(entry.until), "at": entry.at.rfc3339(),
                "by": entry.by.0, "reason": from_cp1252(&entry.reason),
            })
        }));
    }
    let rooms = reader.rooms()?;
    let ids = |concerned: &dyn Fn(&RoomRecord) -> bool| {
        rooms.iter().filter(|room| concerned(room)).map(|room| room.id.0).collect::<Vec<u32>>()
    };
    let waiting = reader.offline(uid)?;
    let sent = reader.offline_from(uid, EXPORT_MAX)?;
    Ok(Some(json!({
        "uid": uid.0,
        "nickname": account.nickname.to_string(),
        "email": account.email,
        "roles": account.roles.iter().collect::<Vec<_>>(),
        "age_verified": account.age_verified,
        "created": account.created.rfc3339(),
        "privacy": privacy(account.privacy),
        "secret_question": account.hint.as_ref().map(|hint| {
            json!({ "question": hint.question, "answer": from_cp1252(&hint.text) })
        }),
        "pals": people(reader.pals(uid)?),
        "pal_of": uids(reader.pal_of(uid)?),
        "blocks": people(reader.blocks(uid)?),
        "messages_waiting": waiting.iter().map(|message| json!({
            "from": message.from.0, "nickname": message.from_nickname.to_string(),
            "at": message.at.rfc3339(), "text": from_cp1252(message.text.as_bytes()),
        })).collect::<Vec<_>>(),
        "messages_sent": sent.iter().map(|(to, message)| json!({
            "to": to.0, "at": message.at.rfc3339(), "text": from_cp1252(message.text.as_bytes()),
        })).collect::<Vec<_>>(),
        "ban": sanctions.ban.map(|ban| json!({
            "until": until(ban.until), "reason": ban.reason, "by": ban.by.name(), "at": ban.at.rfc3339(),
        })),
        "mutes": sanctions.mutes.iter().map(|mute| json!({
            "kind": match mute.kind { MuteKind::Text => "text", MuteKind::Media => "media" },
            "until": until(mute.until), "reason": mute.reason, "by": mute.by.name(),
            "at": mute.at.rfc3339(),
        })).collect::<Vec<_>>(),
        "warnings": sanctions.warnings.iter().map(|warning| json!({
            "at": warning.at.rfc3339(), "by": warning.by.name(), "reason": warning.reason,
        })).collect::<Vec<_>>(),
        "strikes": sanctions.strikes.map(|strikes| json!({
            "strikes": strikes.strikes, "stage": strikes.stage, "violations": strikes.violations,
            "muted_until": until(strikes.muted_until), "last_reason": strikes.last_reason,
            "last_detail": strikes.last_detail, "last_at": strikes.last_at.rfc3339(),
        })),
        "offences": sanctions.offences.map(|record| json!({
            "offences": record.offences, "muted_until": until(record.muted_until),
            "last_at": record.last_at.rfc3339(), "exempt": record.exempt,
        })),
        "kept_out_of_rooms": kept_out,
        "owns_rooms": ids(&|room| room.owner == Some(uid)),
        "may_post_links_in": ids(&|room| room.linkers.contains(&uid)),
        "audit_about": audit(reader, AuditQuery { target: Some(AuditSubject::User(uid)), ..AuditQuery::default() })?,
        "audit_by": audit(reader, AuditQuery { actor: Some(AuditActor::User(uid)), ..AuditQuery::default() })?,
    })))
}

/// Entries of the audit log, newest first.
fn audit(reader: &Reader, mut query: AuditQuery) -> Result<Vec<Value>, StoreError> {
    let mut found = Vec::new();
    loop {
        let page = reader.audit(&query)?;
        found.extend(page.records.iter().map(|AuditRecord { seq, entry }| {
            json!({
                "seq": seq, "at": entry.at.rfc3339(), "actor": entry.actor.name(), "action": entry.action,
                "target": entry.target.as_ref().map(AuditTarget::name), "reason": entry.reason,
                "details": entry.details,
            })
        }));
        query.before = page.next;
        if query.before.is_none() || found.len() >= EXPORT_MAX {
            found.truncate(EXPORT_MAX);
            return Ok(found);
        }
    }
}

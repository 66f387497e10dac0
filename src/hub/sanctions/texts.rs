//! How sanctions are told: to those whom they hit, to the audit log, to the feed.

use std::time::Duration;

use crate::model::{Author, Now, Timestamp};
use crate::store::{AuditEntry, AuditTarget, Ban, BanTarget, Mute, MuteKind};

use super::super::Person;
use super::super::guard::words::words;

/// An account, for the audit log.
pub(in super::super) fn user(person: Person) -> AuditTarget {
    AuditTarget::User { uid: person.uid, nickname: person.nickname }
}

/// An entry of the audit log.
pub(in super::super) fn entry(
    now: Now,
    action: &str,
    actor: Author,
    target: Option<AuditTarget>,
    reason: String,
    details: String,
) -> AuditEntry {
    AuditEntry { at: now.wall, actor, action: action.to_owned(), target, reason, details }
}

/// A time in words, as in "for 2 hours" or "for good".
pub fn for_how_long(time: Option<Duration>) -> String {
    time.map_or("for good".to_owned(), |time| format!("for {}", words(time)))
}

/// The same as the beginning of the details of an entry in the audit log.
pub(super) fn with_time(time: Option<Duration>, details: String) -> String {
    let time = for_how_long(time);
    if details.is_empty() { time } else { format!("{time}; {details}") }
}

/// What was done, and why, if that was said.
pub(in super::super) fn because(what: &str, reason: &str) -> String {
    if reason.is_empty() { what.to_owned() } else { format!("{what}: {reason}") }
}

/// What is put behind a sentence to say why, if that was said.
pub(in super::super) fn why(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" Reason: {reason}") }
}

fn left(now: Timestamp, until: Option<Timestamp>) -> String {
    match until {
        Some(until) => {
            let left = Duration::from_millis(until.0.saturating_sub(now.0));
            format!(" until {} ({} left)", until.utc(), words(left))
        }
        None => " for good".to_owned(),
    }
}

/// What somebody reads who is banned.
pub(in super::super) fn banned_text(now: Timestamp, ban: &Ban) -> String {
    let what = match ban.target {
        BanTarget::Account(_) => "You are banned from this server",
        BanTarget::Network(_) => "Your address is banned from this server",
    };
    format!("{what}{}.{}", left(now, ban.until), why(&ban.reason))
}

/// What somebody reads who is muted.
pub(in super::super) fn muted_text(now: Timestamp, mute: &Mute) -> String {
    let what = match mute.kind {
        MuteKind::Text => "You are muted: nothing that you write is passed on",
        MuteKind::Media => "You cannot use voice, files and calls",
    };
    format!("{what}{}.{}", left(now, mute.until), why(&mute.reason))
}

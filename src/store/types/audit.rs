//! The audit log: what was done, by whom, to whom, and why.

use ipnet::IpNet;

use super::super::error::Rejection;
use super::{REASON_MAX, check_author, short};
use crate::model::{Author, Nickname, RoomId, RoomName, Timestamp, Uid};

/// Whom or what an action was about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditTarget {
    /// An account.
    User {
        /// Its uid.
        uid: Uid,
        /// Its name at that time.
        nickname: Nickname,
    },
    /// A room.
    Room {
        /// Its number.
        id: RoomId,
        /// Its name at that time.
        name: RoomName,
    },
    /// An address or a network.
    Network(IpNet),
    /// Anything else, such as a setting or a filter; at most [`AuditTarget::TEXT_MAX`] characters.
    Other(String),
}

impl AuditTarget {
    /// The longest text, in characters.
    pub const TEXT_MAX: usize = 100;

    /// The name alone: nickname, room name, address, or text.
    pub fn name(&self) -> String {
        match self {
            AuditTarget::User { nickname, .. } => nickname.to_string(),
            AuditTarget::Room { name, .. } => name.to_string(),
            // A single address is written without the number of its bits.
            AuditTarget::Network(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
            AuditTarget::Network(net) => net.to_string(),
            AuditTarget::Other(text) => text.clone(),
        }
    }
}

/// An action for the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// When it was done.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Author,
    /// What, in `snake_case`, 1 to [`AuditEntry::ACTION_MAX`] bytes.
    pub action: String,
    /// Whom or what it was about.
    pub target: Option<AuditTarget>,
    /// Why, at most [`REASON_MAX`] characters; may be empty.
    pub reason: String,
    /// What else there is to know, at most [`AuditEntry::DETAILS_MAX`] characters; may be empty.
    pub details: String,
}

impl AuditEntry {
    /// The longest name of an action, in bytes.
    pub const ACTION_MAX: usize = 32;
    /// The longest details, in characters.
    pub const DETAILS_MAX: usize = 1000;

    pub(in super::super) fn check(&self) -> Result<(), Rejection> {
        let action = self.action.as_bytes();
        let letters = action.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !letters || !(1..=Self::ACTION_MAX).contains(&action.len()) {
            return Err(Rejection::Action);
        }
        check_author(&self.actor)?;
        if let Some(AuditTarget::Other(text)) = &self.target {
            short("the target", text, AuditTarget::TEXT_MAX)?;
        }
        short("the reason", &self.reason, REASON_MAX)?;
        short("the details", &self.details, Self::DETAILS_MAX)
    }
}

/// An entry of the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRecord {
    /// Its place: entries are numbered from 1 without a gap, in the order they were made.
    pub seq: u64,
    /// What it says.
    pub entry: AuditEntry,
}

/// Whose actions are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditActor {
    /// Those of one account, under whatever name.
    User(Uid),
    /// Those of whoever has or had this name, in any case; see [`Author::name`].
    Named(String),
}

/// Actions about whom or what are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditSubject {
    /// Those about one account, under whatever name.
    User(Uid),
    /// Those about one room, under whatever name.
    Room(RoomId),
    /// Those about what has or had this name, in any case; see [`AuditTarget::name`].
    Named(String),
}

/// Which entries of the audit log are wanted, newest first. The default is the newest
/// [`AuditQuery::LIMIT_MAX`] of all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditQuery {
    /// Only this action.
    pub action: Option<String>,
    /// Only those of this actor.
    pub actor: Option<AuditActor>,
    /// Only those about this.
    pub target: Option<AuditSubject>,
    /// Only those made at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those made before this moment.
    pub to: Option<Timestamp>,
    /// Only those with lower numbers: where the page before ended, see [`AuditPage::next`].
    pub before: Option<u64>,
    /// The most entries of a page; at most [`AuditQuery::LIMIT_MAX`] in any case.
    pub limit: usize,
}

impl AuditQuery {
    /// The most entries of a page.
    pub const LIMIT_MAX: usize = 200;
}

impl Default for AuditQuery {
    fn default() -> AuditQuery {
        AuditQuery {
            action: None,
            actor: None,
            target: None,
            from: None,
            to: None,
            before: None,
            limit: Self::LIMIT_MAX,
        }
    }
}

/// A page of the audit log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditPage {
    /// The entries that were found, newest first.
    pub records: Vec<AuditRecord>,
    /// What to ask for as [`AuditQuery::before`] to go on; `None` at the end of the log. A call looks at
    /// a limited number of entries, so that a page with a next one may be short, or even empty.
    pub next: Option<u64>,
}

/// A query whose names are ready to be compared.
pub(in super::super) struct AuditMatcher<'a> {
    query: &'a AuditQuery,
    actor: Option<String>,
    target: Option<String>,
}

impl<'a> AuditMatcher<'a> {
    pub(in super::super) fn new(query: &'a AuditQuery) -> AuditMatcher<'a> {
        let actor = match &query.actor {
            Some(AuditActor::Named(name)) => Some(name.to_lowercase()),
            _ => None,
        };
        let target = match &query.target {
            Some(AuditSubject::Named(name)) => Some(name.to_lowercase()),
            _ => None,
        };
        AuditMatcher { query, actor, target }
    }

    pub(in super::super) fn matches(&self, entry: &AuditEntry) -> bool {
        let query = self.query;
        query.action.as_ref().is_none_or(|action| *action == entry.action)
            && query.from.is_none_or(|from| entry.at >= from)
            && query.to.is_none_or(|to| entry.at < to)
            && match (&query.actor, &self.actor) {
                (Some(AuditActor::User(uid)), _) => entry.actor.uid() == Some(*uid),
                (_, Some(name)) => entry.actor.name().to_lowercase() == *name,
                _ => true,
            }
            && self.is_about(entry)
    }

    fn is_about(&self, entry: &AuditEntry) -> bool {
        match (&self.query.target, &self.target) {
            (Some(AuditSubject::User(wanted)), _) => {
                matches!(&entry.target, Some(AuditTarget::User { uid, .. }) if uid == wanted)
            }
            (Some(AuditSubject::Room(wanted)), _) => {
                matches!(&entry.target, Some(AuditTarget::Room { id, .. }) if id == wanted)
            }
            (_, Some(name)) => {
                entry.target.as_ref().is_some_and(|target| target.name().to_lowercase() == *name)
            }
            _ => true,
        }
    }
}

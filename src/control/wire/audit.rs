//! The audit log.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{RoomId, Timestamp, Uid};

use super::Target;

/// About whom or what entries are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AuditAbout {
    /// One account, under whatever name.
    Account(Uid),
    /// One room, under whatever name.
    Room(RoomId),
    /// Whom or what has or had this name: a nickname, a room, an address, a setting. Capitals do not count.
    Named(String),
}

/// Which entries of the audit log are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AuditWindow {
    /// Only this action, as in `ban`.
    pub action: Option<String>,
    /// Only those of one account, or of whoever has or had a name.
    pub actor: Option<Target>,
    /// Only those about this.
    pub about: Option<AuditAbout>,
    /// Only those made at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those made before this moment.
    pub to: Option<Timestamp>,
    /// Only those with lower numbers: where the page before ended.
    pub before: Option<u64>,
    /// The most entries of a page; there may be fewer, or none, though there are more to come.
    pub limit: u32,
}

/// An entry of the audit log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number: from 1 without a gap.
    pub seq: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Who: a nickname, the name of an operator, or `system`.
    pub actor: String,
    /// His uid, if he was signed in.
    pub actor_uid: Option<Uid>,
    /// Where he was, if that is known.
    pub address: Option<IpAddr>,
    /// What, in `snake_case`.
    pub action: String,
    /// Whom or what it was about, by the name of then.
    pub target: Option<String>,
    /// The uid of that, if it is an account.
    pub target_uid: Option<Uid>,
    /// The number of that, if it is a room.
    pub room: Option<RoomId>,
    /// Why.
    pub reason: String,
    /// What else there is to know.
    pub details: String,
}

//! What a client asks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{RoomId, Uid};

use super::{Access, AuditWindow, Order};

/// Something asked of the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// How the daemon is.
    Status,
    /// How fast it is.
    Performance,
    /// All users that match.
    Users(Window),
    /// All rooms that match.
    Rooms(Window),
    /// Everybody with strikes, a stage or a mute.
    Strikes(Window),
    /// All bans: of accounts, addresses and, with a nickname's sake, from rooms.
    Bans,
    /// Who has signed out lately.
    Closed,
    /// How good the connections of those signed in are.
    Quality,
    /// The last events, or those from a number on.
    Activity {
        /// The number of the first; `None`: the last `limit`.
        from: Option<u64>,
        /// How many at most.
        limit: u32,
    },
    /// One user in detail.
    User(Target),
    /// One room in detail.
    Room(RoomId),
    /// Begins to watch a view under a number of the client's choice, in place of what was watched
    /// under it before.
    Watch {
        /// The number.
        view: u32,
        /// What.
        what: View,
    },
    /// Stops watching.
    Unwatch(u32),
    /// Does something.
    Act(Order),
    /// Accounts in the order of their uids, [`ACCOUNTS_MAX`](super::ACCOUNTS_MAX) at most: the first ones, or those after one.
    Accounts {
        /// That one.
        after: Option<Uid>,
    },
    /// One account with what goes with it.
    Account(Target),
    /// Everything that is kept about an account.
    Export(Uid),
    /// All permanent rooms, as they are kept.
    PermanentRooms,
    /// All settings of a permanent room.
    PermanentRoom(RoomId),
    /// A page of the audit log, newest first.
    Audit(AuditWindow),
}

impl Request {
    /// What one has to be allowed to ask it.
    pub fn needs(&self) -> Access {
        match self {
            Request::Act(order) => order.needs(),
            Request::Accounts { .. } | Request::Account(_) => Access::Moderator,
            // Its lockword and admin code are among it.
            Request::Export(_) | Request::PermanentRoom(_) => Access::Operator,
            // As in the chat: admins read it, moderators do not.
            Request::Audit(_) => Access::Operator,
            Request::Status
            | Request::Performance
            | Request::Users(_)
            | Request::Rooms(_)
            | Request::Strikes(_)
            | Request::Bans
            | Request::Closed
            | Request::Quality
            | Request::Activity { .. }
            | Request::User(_)
            | Request::Room(_)
            | Request::PermanentRooms
            | Request::Watch { .. }
            | Request::Unwatch(_) => Access::Observer,
        }
    }
}

impl Request {
    /// What is asked in a word, and about whom or what, for the audit log.
    pub fn named(&self) -> (&'static str, String) {
        match self {
            Request::Act(order) => order.named(),
            Request::Accounts { .. } => ("accounts", String::new()),
            Request::Account(target) => ("account", target.to_string()),
            Request::Export(uid) => ("export", uid.to_string()),
            Request::PermanentRoom(id) => ("room_settings", format!("room {id}")),
            Request::Audit(_) => ("audit", String::new()),
            _ => ("look", String::new()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Uid(uid) => write!(f, "{uid}"),
            Target::Nickname(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for BanTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BanTarget::User(target) => target.fmt(f),
            BanTarget::Network(text) => f.write_str(text),
        }
    }
}

/// Whom an order concerns, as people type it. The daemon looks them up, signed in or not.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    /// By uid.
    Uid(Uid),
    /// By nickname; capitals do not count.
    Nickname(String),
}

impl Target {
    /// Whom `text` means: a number is a uid, all else a nickname, if `uid:` or `nick:` in front does not say
    /// which. `None` if no uid stands behind `uid:`.
    pub fn typed(text: &str) -> Option<Target> {
        match text.split_once(':') {
            Some(("uid", number)) => Uid::from_digits(number).map(Target::Uid),
            Some(("nick", name)) => Some(Target::Nickname(name.to_owned())),
            _ => Some(Uid::from_digits(text).map_or_else(|| Target::Nickname(text.to_owned()), Target::Uid)),
        }
    }
}

/// Whom or what a ban concerns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BanTarget {
    /// An account.
    User(Target),
    /// An address or network, as in `192.0.2.0/24`.
    Network(String),
}

/// Which rows of a table, and in which order. Sorting and filtering are the daemon's.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Window {
    /// A filter as in the console: `room:lobby strikes>1 idle>10m ip:10.0.0.0/8`; empty for all.
    pub filter: String,
    /// The column to sort by; empty for the usual one. Equals are in order of their ids.
    pub sort: String,
    /// The largest first.
    pub descending: bool,
    /// Rows to leave out at the beginning.
    pub offset: u32,
    /// Rows at most, up to [`WINDOW_MAX`](super::WINDOW_MAX) in a view; 0 in a request is all.
    pub limit: u32,
    /// In a view: moves the window so that the row with this id is in it, if there is one.
    pub follow: Option<u32>,
}

/// Something to be watched.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum View {
    /// Users.
    Users(Window),
    /// Rooms.
    Rooms(Window),
    /// Strikes.
    Strikes(Window),
    /// Events, beginning with as many of the last ones.
    Activity(u32),
    /// [`Status`](super::Status), every second.
    Status,
    /// [`Performance`](super::Performance), every second, beginning with what was measured before.
    Metrics,
    /// One user; ends with [`Update::User`](super::Update::User)`(None)` when he signs out.
    User(Uid),
    /// One room.
    Room(RoomId),
}

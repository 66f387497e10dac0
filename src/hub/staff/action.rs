//! The actions, with everything they need already looked up.

use std::time::Duration;

use ipnet::IpNet;

use crate::model::RoomId;
use crate::store::{BanTarget, Filter, LinkKind, MuteKind, RoomRecord};

use super::super::Person;
use super::{Permission, RoomSettings, Subject};

/// Whom or what a ban is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BanWhom {
    /// An account.
    User(Subject),
    /// The addresses of a network, which may be a single one.
    Network(IpNet),
}

impl BanWhom {
    pub(super) fn target(&self) -> BanTarget {
        match self {
            BanWhom::User(subject) => BanTarget::Account(subject.person.uid),
            BanWhom::Network(network) => BanTarget::Network(*network).canonical(),
        }
    }
}

/// Something that staff or operators do. Reasons are cleaned and shortened on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Disconnect a user.
    Kick {
        /// Whom.
        user: Subject,
        /// Why; he reads it.
        reason: String,
    },
    /// Keep an account or network out.
    Ban {
        /// Whom.
        whom: BanWhom,
        /// How long; for good if `None`.
        time: Option<Duration>,
        /// Why; those who are kept out read it.
        reason: String,
    },
    /// Lift a ban.
    Unban {
        /// Whose.
        whom: BanWhom,
        /// Why.
        reason: String,
    },
    /// Let no messages of a user through, or no voice, files and calls.
    Mute {
        /// Whom.
        user: Subject,
        /// What is taken away.
        kind: MuteKind,
        /// How long; until it is lifted if `None`.
        time: Option<Duration>,
        /// Why; he reads it.
        reason: String,
    },
    /// Lift a mute.
    Unmute {
        /// Whose.
        user: Subject,
        /// Which.
        kind: MuteKind,
        /// Why.
        reason: String,
    },
    /// Warn a user; too many warnings are a ban.
    Warn {
        /// Whom.
        user: Subject,
        /// Why; he reads it.
        reason: String,
    },
    /// Forget somebody's warnings.
    ClearWarnings(Subject),
    /// Forget somebody's strikes, stage and offences, with the mutes that these brought.
    ClearStrikes {
        /// Whose.
        user: Subject,
        /// Why.
        reason: String,
    },
    /// Have the detectors pass somebody over, or no longer.
    Exempt {
        /// Whom.
        user: Subject,
        /// Pass over or not.
        on: bool,
    },
    /// Put everybody out of a room.
    CloseRoom {
        /// Which.
        room: RoomId,
        /// Why.
        reason: String,
    },
    /// Put everybody out of a permanent room, which is no more then.
    DeleteRoom {
        /// Which.
        room: RoomId,
        /// Why.
        reason: String,
    },
    /// Make a permanent room.
    CreateRoom {
        /// The room.
        record: Box<RoomRecord>,
        /// Its owner.
        owner: Option<Person>,
    },
    /// Change what a permanent room is like.
    SetRoom {
        /// Which.
        room: RoomId,
        /// What is changed.
        settings: Box<RoomSettings>,
    },
    /// Lock a room with a word, or open it.
    LockRoom {
        /// Which.
        room: RoomId,
        /// The word, Windows-1252; open if `None`.
        lockword: Option<Vec<u8>>,
        /// Why.
        reason: String,
    },
    /// Set how long one has to wait between two messages.
    Slowmode {
        /// In which room; on the whole server if `None`.
        room: Option<RoomId>,
        /// Seconds; 0 is off.
        seconds: u16,
        /// Why.
        reason: String,
    },
    /// Say something as the server.
    Broadcast {
        /// In which room only.
        room: Option<RoomId>,
        /// What.
        text: String,
    },
    /// Keep everybody but staff out, or let them in again.
    Maintenance {
        /// On or off.
        on: bool,
        /// What those read who are kept out; usual words if empty. Why, if it ends.
        message: String,
    },
    /// Change a setting of the detectors.
    Antispam {
        /// Its name.
        name: String,
        /// Its new value; the one it was shipped with if `None`.
        value: Option<String>,
    },
    /// Make a filter, or replace one. That it can be compiled has been checked.
    PutFilter {
        /// Which; a new one if `None`.
        id: Option<u32>,
        /// What it is; author and time are those of this action.
        filter: Box<Filter>,
    },
    /// Delete a filter.
    DeleteFilter {
        /// Which.
        id: u32,
        /// What it looked for, for the audit log.
        text: String,
    },
    /// Allow links always, or no longer.
    Link {
        /// How the text is to be read.
        kind: LinkKind,
        /// Which.
        text: String,
        /// Allow or not.
        allow: bool,
    },
}

impl Action {
    /// What one needs for it.
    pub fn permission(&self) -> Permission {
        match self {
            Action::Kick { .. } => Permission::Kick,
            Action::Ban { whom: BanWhom::User(_), .. } | Action::Unban { whom: BanWhom::User(_), .. } => {
                Permission::Ban
            }
            Action::Ban { .. } | Action::Unban { .. } => Permission::BanNetwork,
            Action::Mute { .. } | Action::Unmute { .. } => Permission::Mute,
            Action::Warn { .. } | Action::ClearWarnings(_) => Permission::Warn,
            Action::ClearStrikes { .. } => Permission::Clear,
            Action::CloseRoom { .. } => Permission::CloseRoom,
            Action::CreateRoom { .. } | Action::SetRoom { .. } | Action::DeleteRoom { .. } => {
                Permission::Rooms
            }
            Action::LockRoom { .. } => Permission::LockRoom,
            Action::Slowmode { room: Some(_), .. } => Permission::RoomSlowmode,
            Action::Slowmode { .. } => Permission::ServerSlowmode,
            Action::Broadcast { room: Some(_), .. } => Permission::RoomBroadcast,
            Action::Broadcast { .. } => Permission::Broadcast,
            Action::Maintenance { .. } => Permission::Maintenance,
            Action::Antispam { .. } | Action::Exempt { .. } => Permission::Antispam,
            Action::PutFilter { .. } | Action::DeleteFilter { .. } => Permission::Filters,
            Action::Link { .. } => Permission::Links,
        }
    }

    /// The account that it is about.
    pub(super) fn subject(&self) -> Option<&Subject> {
        match self {
            Action::Kick { user, .. }
            | Action::Ban { whom: BanWhom::User(user), .. }
            | Action::Unban { whom: BanWhom::User(user), .. }
            | Action::Mute { user, .. }
            | Action::Unmute { user, .. }
            | Action::Warn { user, .. }
            | Action::ClearWarnings(user)
            | Action::ClearStrikes { user, .. }
            | Action::Exempt { user, .. } => Some(user),
            _ => None,
        }
    }
}

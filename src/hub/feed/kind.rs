//! The kinds of events.

use serde::{Deserialize, Serialize};

/// What kind of thing has happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A user has signed in.
    SignIn,
    /// A user has signed out or lost his connection.
    SignOut,
    /// Somebody has entered a room.
    Join,
    /// Somebody has left a room.
    Leave,
    /// A room was opened.
    RoomOpened,
    /// A room was closed.
    RoomClosed,
    /// The settings of a room were changed by those who run the place.
    RoomChanged,
    /// Somebody was bounced from a room.
    Bounce,
    /// Somebody was banned from a room.
    RoomBan,
    /// Somebody has typed a wrong admin code.
    WrongCode,
    /// Somebody complains about somebody.
    Report,
    /// An account was made.
    Registration,
    /// A violation of the limits for messages.
    Strike,
    /// A message was refused or noticed by a filter or detector.
    Filter,
    /// Somebody was muted.
    Mute,
    /// A mute was lifted.
    Unmute,
    /// Somebody was warned.
    Warn,
    /// Somebody's strikes were cleared.
    Clear,
    /// Somebody was disconnected.
    Kick,
    /// An account or an address was banned.
    Ban,
    /// A ban was lifted.
    Unban,
    /// An announcement to everybody.
    Broadcast,
    /// Something else that staff or operators did.
    Staff,
    /// Something was refused to somebody who has not the right to it.
    Refused,
    /// The daemon has started.
    Started,
    /// The daemon is about to stop.
    Stopping,
    /// The configuration was read again.
    Reload,
    /// Maintenance mode was switched, or housekeeping has run.
    Maintenance,
    /// A backup was made.
    Backup,
    /// The store or its disk is in trouble, or well again.
    Store,
    /// A limit of the server was reached.
    Limit,
    /// Something else is in trouble, or well again.
    Health,
}

/// How much attention an event wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Daily life.
    Info,
    /// Somebody has stepped in.
    Notice,
    /// Somebody should look.
    Warning,
}

impl EventKind {
    /// All kinds, for filters and help.
    pub const ALL: [EventKind; 32] = [
        EventKind::SignIn,
        EventKind::SignOut,
        EventKind::Join,
        EventKind::Leave,
        EventKind::RoomOpened,
        EventKind::RoomClosed,
        EventKind::RoomChanged,
        EventKind::Bounce,
        EventKind::RoomBan,
        EventKind::WrongCode,
        EventKind::Report,
        EventKind::Registration,
        EventKind::Strike,
        EventKind::Filter,
        EventKind::Mute,
        EventKind::Unmute,
        EventKind::Warn,
        EventKind::Clear,
        EventKind::Kick,
        EventKind::Ban,
        EventKind::Unban,
        EventKind::Broadcast,
        EventKind::Staff,
        EventKind::Refused,
        EventKind::Started,
        EventKind::Stopping,
        EventKind::Reload,
        EventKind::Maintenance,
        EventKind::Backup,
        EventKind::Store,
        EventKind::Limit,
        EventKind::Health,
    ];

    /// The name in JSON, filters and the console.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::SignIn => "sign_in",
            EventKind::SignOut => "sign_out",
            EventKind::Join => "join",
            EventKind::Leave => "leave",
            EventKind::RoomOpened => "room_opened",
            EventKind::RoomClosed => "room_closed",
            EventKind::RoomChanged => "room_changed",
            EventKind::Bounce => "bounce",
            EventKind::RoomBan => "room_ban",
            EventKind::WrongCode => "wrong_code",
            EventKind::Report => "report",
            EventKind::Registration => "registration",
            EventKind::Strike => "strike",
            EventKind::Filter => "filter",
            EventKind::Mute => "mute",
            EventKind::Unmute => "unmute",
            EventKind::Warn => "warn",
            EventKind::Clear => "clear",
            EventKind::Kick => "kick",
            EventKind::Ban => "ban",
            EventKind::Unban => "unban",
            EventKind::Broadcast => "broadcast",
            EventKind::Staff => "staff",
            EventKind::Refused => "refused",
            EventKind::Started => "started",
            EventKind::Stopping => "stopping",
            EventKind::Reload => "reload",
            EventKind::Maintenance => "maintenance",
            EventKind::Backup => "backup",
            EventKind::Store => "store",
            EventKind::Limit => "limit",
            EventKind::Health => "health",
        }
    }

    /// How much attention it wants.
    pub fn level(self) -> Level {
        use EventKind::*;
        match self {
            SignIn | SignOut | Join | Leave | RoomOpened | RoomClosed | Registration => Level::Info,
            WrongCode | Report | Refused | Store | Limit | Health => Level::Warning,
            _ => Level::Notice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_called_the_same_everywhere() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}

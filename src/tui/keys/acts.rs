//! What can be done to the server: whom it concerns, how dangerous it is, who may do it.

use crate::control::wire::Access;

/// Something that changes something on the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::tui) enum Act {
    Kick,
    Ban,
    Unban,
    Mute,
    Unmute,
    MuteMedia,
    UnmuteMedia,
    Warn,
    ClearStrikes,
    CloseRoom,
    LockRoom,
    UnlockRoom,
    Slowmode,
    Broadcast,
    MaintenanceOn,
    MaintenanceOff,
    Housekeeping,
    Reload,
    Backup,
    Shutdown,
}

/// Whom an act concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tui) enum Concerns {
    User,
    Room,
    /// A room, or the whole server.
    Anything,
    Ban,
    Server,
}

/// How carefully it is asked before something is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::tui) enum Danger {
    /// Not at all; it is told afterwards.
    Mild,
    /// By a dialog that begins on Cancel.
    Moderate,
    /// By a dialog into which a word has to be typed.
    Severe,
}

impl Act {
    /// Whom it concerns.
    pub(in crate::tui) fn concerns(self) -> Concerns {
        match self {
            Act::Kick
            | Act::Ban
            | Act::Mute
            | Act::Unmute
            | Act::MuteMedia
            | Act::UnmuteMedia
            | Act::Warn
            | Act::ClearStrikes => Concerns::User,
            Act::Unban => Concerns::Ban,
            Act::CloseRoom | Act::LockRoom | Act::UnlockRoom => Concerns::Room,
            Act::Slowmode | Act::Broadcast => Concerns::Anything,
            Act::MaintenanceOn
            | Act::MaintenanceOff
            | Act::Housekeeping
            | Act::Reload
            | Act::Backup
            | Act::Shutdown => Concerns::Server,
        }
    }

    /// How carefully it is asked.
    pub(in crate::tui) fn danger(self) -> Danger {
        match self {
            Act::Unmute
            | Act::UnmuteMedia
            | Act::ClearStrikes
            | Act::UnlockRoom
            | Act::Reload
            | Act::Housekeeping
            | Act::MaintenanceOff => Danger::Mild,
            Act::CloseRoom | Act::MaintenanceOn | Act::Shutdown => Danger::Severe,
            _ => Danger::Moderate,
        }
    }

    /// Who may do it.
    pub(in crate::tui) fn access(self) -> Access {
        match self {
            Act::Kick
            | Act::Mute
            | Act::Unmute
            | Act::MuteMedia
            | Act::UnmuteMedia
            | Act::Warn
            | Act::ClearStrikes
            | Act::CloseRoom
            | Act::LockRoom
            | Act::UnlockRoom
            | Act::Slowmode => Access::Moderator,
            _ => Access::Operator,
        }
    }
}

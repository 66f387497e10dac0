//! What a client wants to have done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{LinkRight, Rating, Role, RoomId, RoomKind, Uid};

use super::{Access, BanTarget, Target};

/// Something that changes something. Every order is written to the audit log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Disconnect a user.
    Kick {
        /// Whom.
        user: Target,
        /// Why; he reads it.
        reason: String,
    },
    /// Keep an account or network out.
    Ban {
        /// Whom.
        target: BanTarget,
        /// How long; for good if `None`.
        time: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Lift a ban.
    Unban {
        /// Whose.
        target: BanTarget,
        /// Why.
        reason: String,
    },
    /// Let nothing of a user through.
    Mute {
        /// Whom.
        user: Target,
        /// Voice, calls and files instead of texts.
        media: bool,
        /// How long; until it is lifted if `None`.
        time: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Lift a mute.
    Unmute {
        /// Whose.
        user: Target,
        /// That of voice, calls and files.
        media: bool,
        /// Why.
        reason: String,
    },
    /// Warn a user.
    Warn {
        /// Whom.
        user: Target,
        /// Why; he reads it.
        reason: String,
    },
    /// Forget somebody's strikes, stage and offences.
    ClearStrikes {
        /// Whose.
        user: Target,
        /// Why.
        reason: String,
    },
    /// Put everybody out of a room.
    CloseRoom {
        /// Which.
        room: RoomId,
        /// Why.
        reason: String,
    },
    /// Lock a room with a word, or open it.
    LockRoom {
        /// Which.
        room: RoomId,
        /// The word; open if `None`.
        lockword: Option<String>,
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
    /// Say something to everybody.
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
        /// What those read who are kept out; why, if it ends.
        message: String,
    },
    /// Do the housekeeping now.
    RunMaintenance {
        /// Why.
        reason: String,
    },
    /// Read the configuration again.
    Reload {
        /// Why.
        reason: String,
    },
    /// Write a backup to a file or directory on the daemon's machine.
    Backup {
        /// Where; absolute.
        path: String,
        /// How many of those in the directory are kept; all if `None`.
        keep: Option<u32>,
        /// Why.
        reason: String,
    },
    /// Stop the daemon.
    Shutdown {
        /// How long users have to say goodbye.
        grace: Duration,
        /// Why; they read it.
        reason: String,
    },
    /// Make, change or delete an account.
    Account(AccountOrder),
    /// Make a permanent room; answered with [`Reply::RoomCreated`](super::Reply::RoomCreated).
    CreateRoom {
        /// Its name.
        name: String,
        /// Its kind.
        kind: RoomKind,
        /// What else it is like; a category has to be among it.
        changes: Box<RoomChanges>,
    },
    /// Change what a permanent room is like.
    SetRoom {
        /// Which.
        room: RoomId,
        /// What is changed.
        changes: Box<RoomChanges>,
    },
    /// Put everybody out of a permanent room and delete it.
    DeleteRoom {
        /// Which.
        room: RoomId,
        /// Why; those inside read it.
        reason: String,
    },
}

/// What is changed about a permanent room, as people type it. What is `None` stays as it was; an inner
/// `None` takes something away.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RoomChanges {
    /// The name.
    pub name: Option<String>,
    /// The line at the top of the window.
    pub topic: Option<String>,
    /// What newcomers are told.
    pub welcome: Option<String>,
    /// Whom it is for.
    pub rating: Option<Rating>,
    /// The word that opens it.
    pub lockword: Option<Option<String>>,
    /// Whose it is.
    pub owner: Option<Option<Uid>>,
    /// The number that makes people admins, 1 to 9999.
    pub admin_code: Option<Option<u16>>,
    /// The category, by name or number.
    pub category: Option<String>,
    /// How many may speak at once.
    pub speakers: Option<u16>,
    /// Seconds between two messages; 0 is off.
    pub slowmode: Option<u16>,
    /// Who may post links.
    pub links: Option<LinkRight>,
    /// Takes the right to post links from everybody who was given it.
    pub no_linkers: bool,
    /// Whether newcomers may speak.
    pub new_user_mic: Option<bool>,
    /// Whether a red dot takes away text, too.
    pub reddot_text: Option<bool>,
    /// Whether a red dot takes away video, too.
    pub reddot_video: Option<bool>,
}

/// What can be done with accounts. Passwords come as hashes, made where they were typed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AccountOrder {
    /// Make one.
    Create {
        /// Its nickname.
        nickname: String,
        /// The hash of its password, a PHC string of Argon2.
        hash: String,
        /// Its email address.
        email: Option<String>,
        /// Its roles.
        roles: Vec<Role>,
    },
    /// Replace the password.
    SetPassword {
        /// Whose.
        uid: Uid,
        /// The hash of the new one, as in [`AccountOrder::Create`].
        hash: String,
    },
    /// Change settings.
    Set {
        /// Whose.
        uid: Uid,
        /// Roles to give.
        give: Vec<Role>,
        /// Roles to take.
        take: Vec<Role>,
        /// Whether staff have seen that the owner is of age; as it was if `None`.
        age_verified: Option<bool>,
        /// The email address, `Some(None)` for none; as it was if `None`.
        email: Option<Option<String>>,
    },
    /// Delete it, its lists, the messages that wait for it and what is held against it.
    Delete(Uid),
    /// Delete it and what it has said, too: messages that still wait for others.
    Erase(Uid),
}

impl AccountOrder {
    fn named(&self) -> (&'static str, String) {
        match self {
            AccountOrder::Create { nickname, .. } => ("create_account", nickname.clone()),
            AccountOrder::SetPassword { uid, .. } => ("set_password", uid.to_string()),
            AccountOrder::Set { uid, .. } => ("set_account", uid.to_string()),
            AccountOrder::Delete(uid) => ("delete_account", uid.to_string()),
            AccountOrder::Erase(uid) => ("erase_account", uid.to_string()),
        }
    }
}

impl Order {
    /// What is ordered in a word, and about whom or what, for the audit log.
    pub fn named(&self) -> (&'static str, String) {
        let of = |room: &RoomId| format!("room {room}");
        let maybe = |room: &Option<RoomId>| room.as_ref().map_or_else(String::new, of);
        match self {
            Order::Kick { user, .. } => ("kick", user.to_string()),
            Order::Ban { target, .. } => ("ban", target.to_string()),
            Order::Unban { target, .. } => ("unban", target.to_string()),
            Order::Mute { user, .. } => ("mute", user.to_string()),
            Order::Unmute { user, .. } => ("unmute", user.to_string()),
            Order::Warn { user, .. } => ("warn", user.to_string()),
            Order::ClearStrikes { user, .. } => ("clear_strikes", user.to_string()),
            Order::CloseRoom { room, .. } => ("close_room", of(room)),
            Order::LockRoom { room, .. } => ("lock_room", of(room)),
            Order::Slowmode { room, .. } => ("slowmode", maybe(room)),
            Order::Broadcast { room, .. } => ("broadcast", maybe(room)),
            Order::Maintenance { .. } => ("maintenance", String::new()),
            Order::RunMaintenance { .. } => ("housekeeping", String::new()),
            Order::Reload { .. } => ("reload", String::new()),
            Order::Backup { path, .. } => ("backup", path.clone()),
            Order::Shutdown { .. } => ("shutdown", String::new()),
            Order::Account(order) => order.named(),
            Order::CreateRoom { name, .. } => ("create_room", name.clone()),
            Order::SetRoom { room, .. } => ("set_room", of(room)),
            Order::DeleteRoom { room, .. } => ("delete_room", of(room)),
        }
    }

    /// What one has to be allowed to give it.
    pub fn needs(&self) -> Access {
        match self {
            Order::Kick { .. }
            | Order::Mute { .. }
            | Order::Unmute { .. }
            | Order::Warn { .. }
            | Order::ClearStrikes { .. }
            | Order::CloseRoom { .. }
            | Order::LockRoom { .. }
            | Order::Slowmode { room: Some(_), .. } => Access::Moderator,
            Order::Ban { .. }
            | Order::Unban { .. }
            | Order::Slowmode { room: None, .. }
            | Order::Broadcast { .. }
            | Order::Maintenance { .. }
            | Order::RunMaintenance { .. }
            | Order::Reload { .. }
            | Order::Backup { .. }
            | Order::Shutdown { .. }
            | Order::Account(_)
            | Order::CreateRoom { .. }
            | Order::SetRoom { .. }
            | Order::DeleteRoom { .. } => Access::Operator,
        }
    }
}

//! Orders to the running daemon.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::remote::{act, ask, unexpected};
use super::who::Who;
use crate::control::wire::{BanTarget, Order, Reply, Request};
use crate::model::{RoomId, network};

#[derive(Args)]
pub(super) struct Shutdown {
    /// How long users have to say goodbye
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Why; users read it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

impl Shutdown {
    pub(super) fn run(self, global: &Global, output: &Output) -> Result<(), Failure> {
        act(global, Order::Shutdown { grace: self.grace, reason: self.reason }, output)
    }
}

/// Whom an order concerns, and why.
#[derive(Args)]
pub(super) struct User {
    /// The nickname or uid; "uid:5" or "nick:5" where a number could be either
    #[arg(value_name = "USER")]
    user: Who,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

/// Why, where nobody but the audit log is told.
#[derive(Args)]
pub(super) struct Why {
    /// Why; for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) reason: String,
}

/// A user, an address or a network.
#[derive(Args)]
pub(super) struct Banned {
    /// The nickname, uid, address or network, as in 192.0.2.0/24; "uid:5" or "nick:5" where a number could be
    /// either
    #[arg(value_name = "WHOM", value_parser = ban_target)]
    target: BanTarget,
}

#[derive(Args)]
pub(super) struct MuteKind {
    /// The nickname or uid; "uid:5" or "nick:5" where a number could be either
    #[arg(value_name = "USER")]
    user: Who,
    /// Voice, calls and files instead of texts
    #[arg(long)]
    media: bool,
}

#[derive(Subcommand)]
pub(super) enum Moderation {
    /// Disconnect a user
    Kick(User),
    /// Keep an account, address or network out
    Ban {
        #[command(flatten)]
        banned: Banned,
        /// How long; for good without this
        #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
        time: Option<Duration>,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Lift a ban
    Unban {
        #[command(flatten)]
        banned: Banned,
        #[command(flatten)]
        why: Why,
    },
    /// Let nothing of a user through
    Mute {
        #[command(flatten)]
        kind: MuteKind,
        /// How long; until it is lifted without this
        #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
        time: Option<Duration>,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Lift a mute
    Unmute {
        #[command(flatten)]
        kind: MuteKind,
        #[command(flatten)]
        why: Why,
    },
    /// Warn a user
    Warn(User),
    /// Forget a user's strikes, stage and offences
    ClearStrikes {
        /// The nickname or uid; "uid:5" or "nick:5" where a number could be either
        #[arg(value_name = "USER")]
        user: Who,
        #[command(flatten)]
        why: Why,
    },
    /// Put everybody out of a room
    CloseRoom {
        /// The number of the room
        #[arg(value_name = "ID")]
        room: u32,
        /// Why; those inside read it
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Lock a room with a word
    LockRoom {
        /// The number of the room
        #[arg(value_name = "ID")]
        room: u32,
        /// What opens it
        #[arg(value_name = "WORD")]
        word: String,
        #[command(flatten)]
        why: Why,
    },
    /// Open a locked room
    UnlockRoom {
        /// The number of the room
        #[arg(value_name = "ID")]
        room: u32,
        #[command(flatten)]
        why: Why,
    },
    /// Say something to everybody
    Broadcast {
        /// What
        #[arg(value_name = "TEXT")]
        text: String,
        /// In this room only
        #[arg(long, value_name = "ID")]
        room: Option<u32>,
    },
    /// Read the configuration again, as SIGHUP does, and say what is in effect
    Reload(Why),
    /// Keep house now, or keep everybody but staff out
    Maintenance {
        #[command(subcommand)]
        command: Maintenance,
    },
    /// Set how long one has to wait between two messages
    Slowmode {
        /// Seconds; 0 switches it off
        #[arg(value_name = "SECONDS")]
        seconds: u16,
        /// In this room only
        #[arg(long, value_name = "ID")]
        room: Option<u32>,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Subcommand)]
pub(super) enum Maintenance {
    /// Do the housekeeping now, and say what was done
    Run(Why),
    /// Say whether there is maintenance
    Status,
    /// Let only staff in, and put everybody else out after a minute
    On {
        /// What those read who are kept out
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        message: String,
    },
    /// Let everybody in again
    Off(Why),
}

impl Moderation {
    pub(super) fn run(self, global: &Global, output: &Output) -> Result<(), Failure> {
        let order = match self {
            Moderation::Kick(User { user, reason }) => Order::Kick { user: user.target(), reason },
            Moderation::Ban { banned, time, reason } => Order::Ban { target: banned.target, time, reason },
            Moderation::Unban { banned, why } => Order::Unban { target: banned.target, reason: why.reason },
            Moderation::Mute { kind, time, reason } => {
                Order::Mute { user: kind.user.target(), media: kind.media, time, reason }
            }
            Moderation::Unmute { kind, why } => {
                Order::Unmute { user: kind.user.target(), media: kind.media, reason: why.reason }
            }
            Moderation::Warn(User { user, reason }) => Order::Warn { user: user.target(), reason },
            Moderation::ClearStrikes { user, why } => {
                Order::ClearStrikes { user: user.target(), reason: why.reason }
            }
            Moderation::CloseRoom { room, reason } => Order::CloseRoom { room: RoomId(room), reason },
            Moderation::LockRoom { room, word, why } => {
                Order::LockRoom { room: RoomId(room), lockword: Some(word), reason: why.reason }
            }
            Moderation::UnlockRoom { room, why } => {
                Order::LockRoom { room: RoomId(room), lockword: None, reason: why.reason }
            }
            Moderation::Broadcast { text, room } => Order::Broadcast { room: room.map(RoomId), text },
            Moderation::Reload(why) => Order::Reload { reason: why.reason },
            Moderation::Maintenance { command: Maintenance::Status } => return status(global, output),
            Moderation::Maintenance { command: Maintenance::Run(why) } => {
                Order::RunMaintenance { reason: why.reason }
            }
            Moderation::Maintenance { command: Maintenance::On { message } } => {
                Order::Maintenance { on: true, message }
            }
            Moderation::Maintenance { command: Maintenance::Off(why) } => {
                Order::Maintenance { on: false, message: why.reason }
            }
            Moderation::Slowmode { seconds, room, why } => {
                Order::Slowmode { room: room.map(RoomId), seconds, reason: why.reason }
            }
        };
        act(global, order, output)
    }
}

/// Says whether there is maintenance.
fn status(global: &Global, output: &Output) -> Result<(), Failure> {
    match ask(global, Request::Status)? {
        Reply::Status(status) if status.health == "maintenance" => {
            let told = status.health_reasons.iter().filter(|reason| reason.starts_with("maintenance"));
            output.print(&format!("on\n{}\n", told.cloned().collect::<Vec<_>>().join("\n")))
        }
        Reply::Status(_) => output.print("off\n"),
        _ => Err(unexpected()),
    }
}

fn ban_target(text: &str) -> Result<BanTarget, String> {
    if network(text).is_some() {
        return Ok(BanTarget::Network(text.to_owned()));
    }
    text.parse::<Who>()
        .map(|who| BanTarget::User(who.target()))
        .map_err(|_| "neither a nickname, a uid, an address nor a network".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wire::Target;
    use crate::model::Uid;

    #[test]
    fn a_ban_is_of_whom_it_looks_like() {
        assert_eq!(ban_target("Zoë"), Ok(BanTarget::User(Target::Nickname("Zoë".into()))));
        assert_eq!(ban_target("1000007"), Ok(BanTarget::User(Target::Uid(Uid(1_000_007)))));
        assert_eq!(ban_target("nick:1000007"), Ok(BanTarget::User(Target::Nickname("1000007".into()))));
        assert_eq!(ban_target("192.0.2.0/24"), Ok(BanTarget::Network("192.0.2.0/24".into())));
        assert_eq!(ban_target("2001:db8::1"), Ok(BanTarget::Network("2001:db8::1".into())));
        assert!(ban_target("").is_err());
    }
}

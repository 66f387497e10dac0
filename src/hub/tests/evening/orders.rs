//! What can be ordered by those who run the place, how it is typed, and who may order it.

use super::ledger::network;
use super::*;
use crate::hub::staff::{Action, BanWhom, Subject};

/// What staff say as the server, to all and when maintenance begins.
pub(super) const HEAR: &str = "Hear";
pub(super) const REPAIRS: &str = "Repairs";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    Mute(MuteKind, Option<u64>),
    Unmute(MuteKind),
    Ban(Option<u64>),
    Unban,
    Kick,
    Warn,
    ClearWarnings,
    ClearStrikes,
    /// Of whom it is about, with his neighbour.
    BanNetwork(Option<u64>),
    UnbanNetwork,
    Broadcast,
    Notice(RoomId),
    Close(RoomId),
    Slowmode(u16),
    /// With these words, or the usual ones if they are empty; or no more.
    Maintenance(Option<&'static str>),
}

/// Something to be done, by somebody in the chat or an operator.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) by: Option<Uid>,
    pub(super) deed: Deed,
    pub(super) whom: u32,
}

/// Operators, admins, moderators, and nobody.
pub(super) fn standing(uid: Option<Uid>) -> u8 {
    match uid.map(number_of) {
        None => 3,
        Some(..ADMINS) => 2,
        Some(..STAFF) => 1,
        Some(_) => 0,
    }
}

pub(super) fn subject(number: u32) -> Subject {
    let Person { uid, nickname } = person(number);
    Subject::new(uid, nickname, roles(number))
}

impl Deed {
    /// The lowest standing that may do it, what one reads who has done it, and how it is typed.
    pub(super) fn row(self, name: &str, whom: u32) -> (u8, &'static str, String) {
        let time = |seconds: Option<u64>| seconds.map_or("permanent".to_owned(), |time| format!("{time}s"));
        let BanTarget::Network(net) = network(whom) else { unreachable!() };
        match self {
            Deed::Mute(MuteKind::Text, secs) => (1, "Muted", format!("/mute {name} {} noise", time(secs))),
            Deed::Mute(MuteKind::Media, secs) => {
                (1, "Took voice", format!("/restrict {name} {} noise", time(secs)))
            }
            Deed::Unmute(MuteKind::Text) => (1, "any more", format!("/unmute {name}")),
            Deed::Unmute(MuteKind::Media) => (1, "any more", format!("/unrestrict {name}")),
            Deed::Ban(secs) => (2, "Banned", format!("/ban {name} {} spam", time(secs))),
            Deed::Unban => (2, "Lifted", format!("/unban {name}")),
            Deed::Kick => (1, "Kicked", format!("/kick {name} out")),
            Deed::Warn => (1, "Warned", format!("/warn {name} rude")),
            Deed::ClearWarnings => (1, "Cleared", format!("/clear warnings {name}")),
            Deed::ClearStrikes => (1, "Cleared", format!("/clear strikes {name}")),
            Deed::BanNetwork(secs) => (2, "Banned", format!("/ban {net} {} nest", time(secs))),
            Deed::UnbanNetwork => (2, "Lifted", format!("/unban {net}")),
            Deed::Broadcast => (2, "Told", format!("/broadcast {HEAR}")),
            Deed::Notice(_) => (1, "Told", format!("/notice {HEAR}")),
            Deed::Close(room) => (1, "Closed", format!("/close {room} late")),
            Deed::Slowmode(seconds) => (2, "Slowmode of the server", format!("/slowmode server {seconds}")),
            Deed::Maintenance(Some(text)) => (2, "Maintenance is on", format!("/maintenance on {text}")),
            Deed::Maintenance(None) => (2, "Maintenance is over", "/maintenance off".to_owned()),
        }
    }

    pub(super) fn is_about_somebody(self) -> bool {
        use Deed::*;
        matches!(self, Mute(..) | Unmute(_) | Ban(_) | Unban | Kick | Warn | ClearWarnings | ClearStrikes)
    }

    /// Whether it has words of one's own in it that everybody reads as those of the server.
    pub(super) fn speaks(self) -> bool {
        matches!(self, Deed::Broadcast | Deed::Notice(_) | Deed::Maintenance(Some(REPAIRS)))
    }

    pub(super) fn action(self, whom: u32) -> Action {
        let (user, reason) = (subject(whom), String::new());
        let time = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let BanTarget::Network(net) = network(whom) else { unreachable!() };
        match self {
            Deed::Mute(kind, secs) => Action::Mute { user, kind, time: time(secs), reason },
            Deed::Unmute(kind) => Action::Unmute { user, kind, reason },
            Deed::Ban(secs) => Action::Ban { whom: BanWhom::User(user), time: time(secs), reason },
            Deed::Unban => Action::Unban { whom: BanWhom::User(user), reason },
            Deed::Kick => Action::Kick { user, reason },
            Deed::Warn => Action::Warn { user, reason },
            Deed::ClearWarnings => Action::ClearWarnings(user),
            Deed::ClearStrikes => Action::ClearStrikes { user, reason },
            Deed::BanNetwork(secs) => Action::Ban { whom: BanWhom::Network(net), time: time(secs), reason },
            Deed::UnbanNetwork => Action::Unban { whom: BanWhom::Network(net), reason },
            Deed::Broadcast => Action::Broadcast { room: None, text: HEAR.to_owned() },
            Deed::Notice(room) => Action::Broadcast { room: Some(room), text: HEAR.to_owned() },
            Deed::Close(room) => Action::CloseRoom { room, reason },
            Deed::Slowmode(seconds) => Action::Slowmode { room: None, seconds, reason },
            Deed::Maintenance(text) => {
                Action::Maintenance { on: text.is_some(), message: text.unwrap_or_default().to_owned() }
            }
        }
    }
}

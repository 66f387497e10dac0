//! What the guard is asked, and what it answers.

use std::time::Duration;

use crate::model::{Rating, Roles, RoomId, Timestamp, Uid};

use super::filter::Match;
use super::strikes::Struck;

/// The kinds of acts that pass the guard. Nothing else does: not presence, pings, lists, hands,
/// acknowledgements, nor commands, however often.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ActKind {
    /// Something said in a room.
    RoomMessage,
    /// Something said to one person in a room.
    Whisper,
    /// An instant message.
    Im,
    /// An invitation to a room.
    Invitation,
    /// The offer of a file.
    FileOffer,
    /// A voice call.
    Call,
}

/// Something that a user wants to send.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// What.
    pub kind: ActKind,
    /// Who.
    pub uid: Uid,
    /// His roles, for exemptions.
    pub roles: Roles,
    /// The room in which it happens, if it happens in one.
    pub room: Option<RoomId>,
    /// Whether he has a say in that room and its slowmode does not hold for him. That of the whole
    /// server still does.
    pub spared_slowmode: bool,
    /// The text, if there is one: Windows-1252 without markup.
    pub text: Option<&'a [u8]>,
    /// The rating of the room.
    pub rating: Option<Rating>,
}

/// A mute that staff have given, or the machine for an offence or by a filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mute {
    /// Its end; `None`: until it is lifted.
    pub until: Option<Timestamp>,
    /// Why; empty if nothing was said. Without a full stop.
    pub reason: String,
}

impl Mute {
    /// Whether it still holds. It ends at [`Mute::until`] exactly.
    pub fn holds(&self, wall: Timestamp) -> bool {
        self.until.is_none_or(|until| wall < until)
    }

    pub(super) fn told(&self) -> String {
        let until = match self.until {
            Some(until) => format!("until {}", until.utc()),
            None => "until staff lift it".to_owned(),
        };
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("You are muted {until}{why}.")
    }
}

/// The links of the chain, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Link {
    /// A [`Mute`].
    Mute,
    /// The mute that a strike or stage has brought.
    Strike,
    /// The shortest time between two messages.
    Cooldown,
    /// The sliding window.
    Window,
    /// The volume per minute.
    PerMinute,
    /// The same text again and again.
    Duplicates,
    /// A detector.
    Detector,
    /// A filter.
    Filter,
    /// The slowmode of the room or of the server.
    Slowmode,
}

impl Link {
    /// All links, in their order.
    pub const ALL: [Link; 9] = [
        Link::Mute,
        Link::Strike,
        Link::Cooldown,
        Link::Window,
        Link::PerMinute,
        Link::Duplicates,
        Link::Detector,
        Link::Filter,
        Link::Slowmode,
    ];

    /// The name in logs, metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Link::Mute => "mute",
            Link::Strike => "strike",
            Link::Cooldown => "cooldown",
            Link::Window => "window",
            Link::PerMinute => "per_minute",
            Link::Duplicates => "duplicates",
            Link::Detector => "detector",
            Link::Filter => "filter",
            Link::Slowmode => "slowmode",
        }
    }
}

/// What becomes of an act.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// It goes on.
    Accept {
        /// Filters that only tell staff, with all that matched.
        matches: Vec<Match>,
    },
    /// It does not.
    Refuse(Box<Refusal>),
}

/// Why an act goes no further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The link that refused.
    pub link: Link,
    /// What the user reads: why, and for how long.
    pub text: String,
    /// How long he is muted by this very act, if he is. The guard itself enforces it after a
    /// violation; after an offence or by a filter it is the caller's to record as a [`Mute`].
    pub mute: Option<Duration>,
    /// What is to be kept, logged or done.
    pub aftermath: Aftermath,
}

/// What a refusal asks of the caller besides telling the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Aftermath {
    /// Nothing.
    None,
    /// A record to keep and a line to log.
    Struck(Struck),
    /// The detector's record of the user has changed.
    Offence {
        /// The name of the detector.
        detector: &'static str,
    },
    /// The filters that matched, the worst first: count them, and do as the first that blocks says.
    Filtered(Vec<Match>),
}

//! What the guard is asked, and what it answers.

use std::time::Duration;

use crate::model::{Obstacle, Rating, Roles, RoomId, Uid};
use crate::protocol::PacketType;
use crate::store::{Mute, OffenceRecord};

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

impl ActKind {
    /// All kinds.
    pub const ALL: [ActKind; 6] = [
        ActKind::RoomMessage,
        ActKind::Whisper,
        ActKind::Im,
        ActKind::Invitation,
        ActKind::FileOffer,
        ActKind::Call,
    ];

    /// The packets that carry acts of this kind.
    pub fn packets(self) -> &'static [PacketType] {
        match self {
            ActKind::RoomMessage | ActKind::Whisper => &[PacketType::ROOM_MESSAGE_OUT],
            ActKind::Im => &[PacketType::IM_OUT],
            ActKind::Invitation => &[PacketType::ROOM_INVITE_OUT, PacketType::ROOM_PRIVATE_INVITE],
            ActKind::FileOffer => &[PacketType::DCC_XFER_INIT, PacketType::FILE_XFER_INIT],
            ActKind::Call => &[PacketType::VOICE_CALL_INIT],
        }
    }
}

/// Something that a user wants to send. What kind of act it is makes no difference to the guard: all count
/// together.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
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
    /// Why he may post no links here, if he may not.
    pub no_links: Option<&'static str>,
    /// Whether his client has answered for him while he is away. Such an act is refused like any other
    /// but is nobody's fault: it brings no strike and no offence.
    pub automatic: bool,
}

/// What somebody reads who is muted.
pub(super) fn told(mute: &Mute) -> String {
    let until = match mute.until {
        Some(until) => format!("until {}", until.utc()),
        None => "until staff lift it".to_owned(),
    };
    let why = match mute.reason.trim_end_matches('.') {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("You are muted {until}{why}.")
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
    /// What it met.
    pub obstacle: Obstacle,
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
    /// A record to keep.
    Offence {
        /// The name of the detector.
        detector: &'static str,
        /// How the account stands with the detectors now.
        record: OffenceRecord,
    },
    /// The filters that matched, the worst first: count them, and do as the first that blocks says.
    Filtered(Vec<Match>),
}

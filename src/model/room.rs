use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sanitise;

/// The kind of a room (PROTOCOL 3.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RoomKind {
    /// Text only.
    Text,
    /// Voice, not listed.
    PrivateVoice,
    /// Voice and text.
    Voice,
    /// Text, not listed.
    PrivateText,
}

impl RoomKind {
    /// The number on the wire.
    pub fn wire(self) -> u16 {
        match self {
            RoomKind::Text => 0,
            RoomKind::PrivateVoice => 1,
            RoomKind::Voice => 3,
            RoomKind::PrivateText => 5,
        }
    }

    /// The kind that a client asks for by number; the kinds a client cannot make are refused.
    pub fn from_wire(value: u16) -> Option<RoomKind> {
        match value {
            0 => Some(RoomKind::Text),
            1 => Some(RoomKind::PrivateVoice),
            3 => Some(RoomKind::Voice),
            5 => Some(RoomKind::PrivateText),
            _ => None,
        }
    }

    /// Whether people can talk with their voices.
    pub fn has_voice(self) -> bool {
        matches!(self, RoomKind::Voice | RoomKind::PrivateVoice)
    }

    /// Whether the room is left out of lists.
    pub fn is_private(self) -> bool {
        matches!(self, RoomKind::PrivateVoice | RoomKind::PrivateText)
    }
}

/// Whom a room is for (PROTOCOL 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Rating {
    /// Everybody.
    General,
    /// Teens and adults.
    Restricted,
    /// Adults.
    Adult,
}

impl Rating {
    /// The letter on the wire and in JSON.
    pub fn wire(self) -> u8 {
        match self {
            Rating::General => b'G',
            Rating::Restricted => b'R',
            Rating::Adult => b'A',
        }
    }

    /// The rating for a letter.
    pub fn from_wire(letter: u8) -> Option<Rating> {
        match letter {
            b'G' => Some(Rating::General),
            b'R' => Some(Rating::Restricted),
            b'A' => Some(Rating::Adult),
            _ => None,
        }
    }
}

impl FromStr for Rating {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Rating, &'static str> {
        let found = match text.as_bytes() {
            [letter] => Rating::from_wire(letter.to_ascii_uppercase()),
            _ => None,
        };
        found.ok_or("write G, R or A")
    }
}

/// How many may speak in a room at once: 1 to 8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Speakers(u16);

impl Speakers {
    /// One after the other: all that a 5.x client can play.
    pub const ONE: Speakers = Speakers(1);
    /// The most.
    pub const MAX: u16 = 8;

    /// So many speakers; `None` if that is none or too many.
    pub fn new(count: u16) -> Option<Speakers> {
        (1..=Self::MAX).contains(&count).then_some(Speakers(count))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

/// How long somebody has to wait in a room between two messages: up to an hour, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
pub struct SlowMode(u16);

impl SlowMode {
    /// Nobody has to wait.
    pub const OFF: SlowMode = SlowMode(0);
    /// The longest wait, in seconds.
    pub const MAX: u16 = 3600;

    /// A wait of so many seconds, 0 for none; `None` if that is too long.
    pub fn new(seconds: u16) -> Option<SlowMode> {
        (seconds <= Self::MAX).then_some(SlowMode(seconds))
    }

    /// The wait in seconds; 0 if it is off.
    pub fn seconds(self) -> u16 {
        self.0
    }

    /// The wait.
    pub fn time(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    /// Whether nobody has to wait.
    pub fn is_off(self) -> bool {
        self == Self::OFF
    }
}

/// Who may post links in a room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkRight {
    /// Everybody.
    #[default]
    Everybody,
    /// Admins and those whom an admin gave the right.
    Members,
    /// Admins only.
    Admins,
}

impl LinkRight {
    /// All of them, the most generous first.
    pub const ALL: [LinkRight; 3] = [LinkRight::Everybody, LinkRight::Members, LinkRight::Admins];
    /// The most people to whom a room gives the right.
    pub const LINKERS_MAX: usize = 200;

    /// The name in commands, the command line and JSON.
    pub fn name(self) -> &'static str {
        match self {
            LinkRight::Everybody => "everybody",
            LinkRight::Members => "members",
            LinkRight::Admins => "admins",
        }
    }
}

impl FromStr for LinkRight {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<LinkRight, &'static str> {
        let found = Self::ALL.into_iter().find(|right| text.eq_ignore_ascii_case(right.name()));
        found.ok_or("write everybody, members or admins")
    }
}

/// The longest word that opens a locked room, in bytes.
pub const LOCKWORD_MAX: usize = 50;
/// The longest line at the top of a room's window, in bytes; more would not fit.
pub const TOPIC_MAX: usize = 255;
/// The longest text with which a room receives newcomers, in bytes.
pub const WELCOME_MAX: usize = 1000;

/// Whether these Windows-1252 bytes can open a locked room: 1 to [`LOCKWORD_MAX`] of them, without
/// control characters, as a client could not type them.
pub fn is_lockword(word: &[u8]) -> bool {
    (1..=LOCKWORD_MAX).contains(&word.len()) && word.iter().all(|byte| *byte >= b' ')
}

/// The topic that `text` makes: one clean line of at most [`TOPIC_MAX`] bytes.
pub fn topic_line(text: &[u8]) -> Vec<u8> {
    sanitise::line(text, TOPIC_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_limits() {
        assert_eq!([0, 1, 8, 9].map(|count| Speakers::new(count).is_some()), [false, true, true, false]);
        assert_eq!([0, 3600, 3601].map(|wait| SlowMode::new(wait).is_some()), [true, true, false]);
        for right in LinkRight::ALL {
            assert_eq!(right.name().to_uppercase().parse(), Ok(right));
        }
        assert!("all".parse::<LinkRight>().is_err() && "GR".parse::<Rating>().is_err());
        assert_eq!("r".parse(), Ok(Rating::Restricted));
        assert!(is_lockword(b"open sesame") && !is_lockword(b"") && !is_lockword(b"a\nb"));
        assert!(is_lockword(&[b'x'; LOCKWORD_MAX]) && !is_lockword(&[b'x'; LOCKWORD_MAX + 1]));
        assert_eq!(topic_line(b"two\nlines "), b"two lines");
        assert_eq!(topic_line(&b"xy".repeat(150)).len(), TOPIC_MAX);
    }
}

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fold::is_invisible;
use super::sanitise;
use super::text::from_cp1252;

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

/// Why somebody cannot give a room this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RoomNameError {
    /// Nothing, or only blanks.
    #[error("a room needs a name")]
    Empty,
    /// More than lists show.
    #[error("the name of a room has at most {} characters", RoomName::MAX)]
    TooLong,
    /// A character that would break lists or that nobody sees.
    #[error("the name of a room cannot hold special signs")]
    Character,
    /// Nothing to read, or the same character all over.
    #[error("the name of a room has to be readable: some letters, and no long rows of one sign")]
    Unreadable,
}

/// A room's name: 1 to 50 Windows-1252 bytes without control characters and without the byte that
/// closes records.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct RoomName(Box<[u8]>);

impl RoomName {
    /// The longest name, in bytes.
    pub const MAX: usize = 50;

    /// The longest run of one character in a name that somebody chooses.
    const RUN: usize = 20;

    /// The name that somebody chose: several blanks in a row become one, none stays at the ends.
    /// Beyond [`RoomName::new`], it must show something, hold nothing that shows nothing, nothing
    /// like the client's markup, and no character more than 20 times in a row.
    pub fn chosen(bytes: &[u8]) -> Result<RoomName, RoomNameError> {
        let mut name = bytes.to_vec();
        name.iter_mut().filter(|byte| **byte == 0xa0).for_each(|byte| *byte = b' ');
        name.dedup_by(|next, byte| *next == b' ' && *byte == b' ');
        let name = name.trim_ascii();
        if name.is_empty() {
            return Err(RoomNameError::Empty);
        }
        if name.len() > Self::MAX {
            return Err(RoomNameError::TooLong);
        }
        let tag = |pair: &[u8]| matches!(pair, [b'<', b'p' | b'P' | b'/']);
        if name.iter().any(|byte| is_invisible(*byte)) || name.windows(2).any(tag) {
            return Err(RoomNameError::Character);
        }
        let same = |run: &[u8]| run.iter().all(|byte| run.first() == Some(byte));
        let readable = name.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        if !readable || name.windows(Self::RUN + 1).any(same) {
            return Err(RoomNameError::Unreadable);
        }
        RoomName::new(name).ok_or(RoomNameError::Character)
    }

    /// Checks a name. `None` if it is empty, too long, blank at an end, or holds a byte that lists
    /// cannot carry.
    pub fn new(bytes: &[u8]) -> Option<RoomName> {
        let ends_blank = |end: Option<&u8>| end == Some(&b' ');
        let fits = (1..=Self::MAX).contains(&bytes.len())
            && !ends_blank(bytes.first())
            && !ends_blank(bytes.last())
            && bytes.iter().all(|&byte| byte >= 0x20 && byte != 0x7f && byte != 0xc8);
        fits.then(|| RoomName(bytes.into()))
    }

    /// The bytes for the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for RoomName {
    type Error = &'static str;

    fn try_from(bytes: Vec<u8>) -> Result<RoomName, &'static str> {
        RoomName::new(&bytes).ok_or("not a room name")
    }
}

impl From<RoomName> for Vec<u8> {
    fn from(name: RoomName) -> Vec<u8> {
        name.0.into_vec()
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&from_cp1252(&self.0))
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", from_cp1252(&self.0))
    }
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

    #[test]
    fn names_fit_into_records() {
        assert!(RoomName::new(b"*** The Royal Oak ***").is_some());
        for bad in [&b""[..], b"a\nb", b"a\xc8b", b"a\0", b" a", &[b'x'; 51]] {
            assert!(RoomName::new(bad).is_none(), "{bad:?}");
        }
    }
    #[test]
    fn chosen_names_can_be_read() {
        for (name, error) in [
            (&b""[..], RoomNameError::Empty),
            (b" \xa0 ", RoomNameError::Empty),
            (&[b'x'; 51], RoomNameError::TooLong),
            (b"a\xad", RoomNameError::Character),
            (b"a\x81b", RoomNameError::Character),
            (b"a\tb", RoomNameError::Character),
            (b"a\xc8b", RoomNameError::Character),
            (b"<pb>loud", RoomNameError::Character),
            (b"***", RoomNameError::Unreadable),
            (b"aaaaaaaaaaaaaaaaaaaaa", RoomNameError::Unreadable),
        ] {
            assert_eq!(RoomName::chosen(name), Err(error), "{name:?}");
        }
        for name in [&b"*** The Royal Oak ***"[..], b"<3 you", b"\xe1\xe9", b"aaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(RoomName::chosen(name).as_ref().map(RoomName::as_bytes), Ok(name));
        }
        assert_eq!(RoomName::chosen(b"  A \xa0  Room ").unwrap().as_bytes(), b"A Room");
    }

    proptest::proptest! {
        #[test]
        fn choosing_a_chosen_name_changes_nothing(name in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
            if let Ok(chosen) = RoomName::chosen(&name) {
                proptest::prop_assert!(!chosen.as_bytes().iter().any(|byte| is_invisible(*byte)));
                proptest::prop_assert_eq!(RoomName::chosen(chosen.as_bytes()), Ok(chosen));
            }
        }
    }
}

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// A room's name: 1 to 50 Windows-1252 bytes without control characters and without the byte that
/// closes records.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct RoomName(Box<[u8]>);

impl RoomName {
    /// The longest name, in bytes.
    pub const MAX: usize = 50;

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
    fn names_fit_into_records() {
        assert!(RoomName::new(b"*** The Royal Oak ***").is_some());
        for bad in [&b""[..], b"a\nb", b"a\xc8b", b"a\0", b" a", &[b'x'; 51]] {
            assert!(RoomName::new(bad).is_none(), "{bad:?}");
        }
    }
}

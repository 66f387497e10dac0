use std::fmt;

use serde::{Deserialize, Serialize};

use super::fold::is_invisible;
use super::text::from_cp1252;

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

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::fold::lower;
use super::imitation::imitates_service;
use super::text::{from_cp1252, to_cp1252};

/// Why a nickname is not acceptable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing, or only blanks.
    #[error("a nickname may not be empty")]
    Empty,
    /// Longer than the client can hold (PROTOCOL 3.10).
    #[error("a nickname has at most {} characters", Nickname::MAX)]
    TooLong,
    /// Not a letter or digit in front (PROTOCOL 3.10).
    #[error("a nickname starts with a letter or a digit")]
    FirstCharacter,
    /// A character that would break records, commands, markup or a reader's eyes.
    #[error("a nickname consists of letters, digits, single blanks and _ - . ! * ' ~ ^ $ @ + ( ) [ ] {{ }}")]
    Character,
    /// Blank at the end, or two in a row, which look alike on the screen.
    #[error("a nickname has no blank at its end and never two in a row")]
    Blanks,
    /// A long run of one character, which nobody can tell from a longer one.
    #[error("a nickname has no character more than {} times in a row", Nickname::RUN)]
    Run,
    /// A name that can be taken for the service or its staff.
    #[error("this nickname could be taken for the service or its staff")]
    Imitation,
    /// A name that the server or the client uses itself.
    #[error("this nickname is reserved")]
    Reserved,
}

/// A nickname: 1 to 26 Windows-1252 bytes that are safe in records, whispers, markup and on a
/// terminal. Held inline, so that copying one costs no allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nickname {
    len: u8,
    bytes: [u8; Nickname::MAX],
}

/// A nickname as names are compared: letters in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NicknameKey {
    bytes: [u8; Nickname::MAX],
    len: u8,
}

impl Nickname {
    /// The longest nickname, in bytes (PROTOCOL 3.10).
    pub const MAX: usize = 26;
    /// The longest run of one character in a name that somebody chooses.
    const RUN: usize = 6;
    /// Names nobody can take: the service user's, the registration pseudo-user's, and those under
    /// which the client shows the server's own messages.
    const RESERVED: [&'static str; 8] = [
        "paltalk",
        "newuser",
        "welcome msg",
        "welcome message",
        "paltalk notifier",
        "system",
        "server",
        "admin",
    ];

    /// Checks the bytes of a name that somebody wants, all rules included.
    pub fn new(bytes: &[u8]) -> Result<Nickname, NameError> {
        let nickname = Nickname::built_in(bytes)?;
        let key = nickname.key();
        if Self::RESERVED.iter().any(|name| name.as_bytes() == key.as_bytes()) {
            return Err(NameError::Reserved);
        }
        Ok(nickname)
    }

    /// As [`Nickname::new`] for people who come by themselves: they also get no name that can be
    /// taken for the service or its staff ([`imitates_service`]), and none with a long run of one
    /// character. The operator may give such names.
    pub fn chosen(bytes: &[u8]) -> Result<Nickname, NameError> {
        let nickname = Nickname::new(bytes)?;
        if imitates_service(bytes) {
            return Err(NameError::Imitation);
        }
        let same = |run: &[u8]| {
            run.iter().all(|byte| run.first().is_some_and(|first| lower(*byte) == lower(*first)))
        };
        if bytes.windows(Self::RUN + 1).any(same) {
            return Err(NameError::Run);
        }
        Ok(nickname)
    }

    /// As [`Nickname::new`], for text of the command line or a web form.
    pub fn from_text(text: &str) -> Result<Nickname, NameError> {
        Nickname::new(&to_cp1252(text))
    }

    /// As [`Nickname::new`], but reserved names pass: for the server's own users and for lookups.
    pub fn built_in(bytes: &[u8]) -> Result<Nickname, NameError> {
        let first = *bytes.first().ok_or(NameError::Empty)?;
        if bytes.len() > Self::MAX {
            return Err(NameError::TooLong);
        }
        if !is_letter(first) && !first.is_ascii_digit() {
            return Err(NameError::FirstCharacter);
        }
        if !bytes
            .iter()
            .all(|&byte| is_letter(byte) || byte.is_ascii_digit() || b" _-.!*'~^$@+()[]{}".contains(&byte))
        {
            return Err(NameError::Character);
        }
        if bytes.last() == Some(&b' ') || bytes.windows(2).any(|pair| pair == b"  ") {
            return Err(NameError::Blanks);
        }
        let mut nickname = Nickname { len: bytes.len() as u8, bytes: [0; Self::MAX] };
        for (target, byte) in nickname.bytes.iter_mut().zip(bytes) {
            *target = *byte;
        }
        Ok(nickname)
    }

    /// The bytes for the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The form by which names are compared and found.
    pub fn key(&self) -> NicknameKey {
        NicknameKey { bytes: self.bytes.map(lower), len: self.len }
    }
}

impl NicknameKey {
    /// The bytes of the key, as the store orders them.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

// È (0xc8) closes records on the wire (PROTOCOL 2.1) and so is no letter here.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
        || matches!(byte, 0xc0..=0xff if !matches!(byte, 0xc8 | 0xd7 | 0xf7))
        || matches!(byte, 0x8a | 0x8c | 0x8e | 0x9a | 0x9c | 0x9e | 0x9f)
}

impl fmt::Display for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&from_cp1252(self.as_bytes()))
    }
}

impl fmt::Debug for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", from_cp1252(self.as_bytes()))
    }
}

impl Serialize for Nickname {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&from_cp1252(self.as_bytes()))
        } else {
            serializer.serialize_bytes(self.as_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for Nickname {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nickname, D::Error> {
        let bytes = if deserializer.is_human_readable() {
            to_cp1252(&String::deserialize(deserializer)?)
        } else {
            Vec::<u8>::deserialize(deserializer)?
        };
        Nickname::built_in(&bytes).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_had() {
        for name in ["Alice", "x", "Dan the Man", "~", "007", "Zo\u{eb}", "[=]", "abcdefghijklmnopqrstuvwxyz"]
        {
            let result = Nickname::from_text(name);
            assert_eq!(result.is_ok(), !matches!(name, "~" | "[=]"), "{name}: {result:?}");
        }
    }

    #[test]
    fn names_that_would_break_something() {
        let cases: [(&[u8], NameError); 10] = [
            (b"", NameError::Empty),
            (b"abcdefghijklmnopqrstuvwxyza", NameError::TooLong),
            (b" Alice", NameError::FirstCharacter),
            (b"A\xc8b", NameError::Character),
            (b"A\nb", NameError::Character),
            (b"A\0b", NameError::Character),
            (b"A:b", NameError::Character),
            (b"A<pb>", NameError::Character),
            (b"A  b", NameError::Blanks),
            (b"PALTALK", NameError::Reserved),
        ];
        for (name, error) in cases {
            assert_eq!(Nickname::new(name), Err(error));
        }
    }

    #[test]
    fn case_does_not_distinguish_people() {
        let keys = ["ALICE", "alice"].map(|name| Nickname::from_text(name).map(|name| name.key()));
        assert_eq!(keys[0], keys[1]);
    }

    #[test]
    fn nobody_chooses_the_name_of_the_service() {
        for (name, error) in [
            ("PaIta1k", NameError::Imitation),
            ("Paltalk", NameError::Reserved),
            ("Admin_Bob", NameError::Imitation),
            ("Bob\u{a0}x", NameError::Character),
            ("Bob\u{ad}x", NameError::Character),
            ("Bob\u{202e}x", NameError::Character),
            ("Bob\u{200b}x", NameError::Character),
            ("iiiIIIi", NameError::Run),
        ] {
            assert_eq!(Nickname::chosen(&to_cp1252(name)), Err(error), "{name}");
        }
        assert!(Nickname::chosen(b"iiiiii").is_ok());
        assert!(Nickname::from_text("Admin_Bob").is_ok(), "the operator may");
    }

    proptest::proptest! {
        #[test]
        fn a_nickname_shows_everything_it_holds(bytes: Vec<u8>) {
            if let Ok(name) = Nickname::built_in(&bytes) {
                proptest::prop_assert!(!name.as_bytes().iter().any(|byte| super::super::fold::is_invisible(*byte)));
            }
        }
    }
}

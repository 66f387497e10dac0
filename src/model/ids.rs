use std::fmt;

use serde::{Deserialize, Serialize};

/// A user id: 2 to 0x7fff_ffff for people (PROTOCOL 3.1); smaller and larger numbers have meanings
/// of their own on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Uid(pub u32);

impl Uid {
    /// "Paltalk" as the sender of room messages.
    pub const SYSTEM: Uid = Uid(0);
    /// "Welcome Msg" as the sender of room messages in 5.x.
    pub const WELCOME: Uid = Uid(0xffff_fffe);
    /// "Everybody" in requests about hands, red dots and bans; "unknown" in a uid lookup.
    pub const EVERYBODY: Uid = Uid(0xffff_ffff);
    /// The pseudo-user `newuser`, by which a 5.x client asks to register.
    pub const NEW_USER: Uid = Uid(0x7fff_ffff);
    /// The service user "Paltalk", in everybody's pal list and always online.
    pub const SERVICE: Uid = Uid(1_000_001);
    /// The first uid given to a person.
    pub const FIRST_PERSON: Uid = Uid(1_000_002);

    /// Whether an account can have this uid: 2 up to, not including, [`Uid::NEW_USER`].
    pub fn is_account(self) -> bool {
        (2..Self::NEW_USER.0).contains(&self.0)
    }

    /// The uid of an account that people write with these digits, if they are one.
    pub fn from_digits(text: &str) -> Option<Uid> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Uid).filter(|uid| uid.is_account())
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A room id: 1 to 0x7fff_ffff (PROTOCOL 3.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RoomId(pub u32);

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A room category, as the category list numbers them (PROTOCOL 3.7). It fits 16 bits because the
/// room creation packet has no more room for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CategoryId(pub u16);

impl CategoryId {
    /// Whether the server itself lists rooms here, the fullest ones of all categories (PROTOCOL 3.7).
    /// A room that belonged here would be shown by chance only.
    pub fn is_top_rooms(self) -> bool {
        matches!(self.0, 30_000 | 30_001)
    }
}

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

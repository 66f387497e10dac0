use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A user's presence status (PROTOCOL 3.2). Offline is not a status: it is the absence of a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Here.
    #[default]
    Online,
    /// Away, shown as "brb".
    Away,
    /// Does not want to be disturbed.
    Dnd,
    /// Signed in, shown to others as offline.
    Invisible,
}

impl Status {
    /// Whether he says that he is not there for everybody: away, or not to be disturbed.
    pub fn is_away(self) -> bool {
        matches!(self, Status::Away | Status::Dnd)
    }

    /// The wire value for "not signed in".
    pub const OFFLINE_WIRE: u32 = 0;
    /// The wire value that tells a user that he blocks this pal.
    pub const BLOCKED_WIRE: u32 = 0xffff_ffff;

    /// The number on the wire.
    pub fn wire(self) -> u32 {
        match self {
            Status::Online => 30,
            Status::Away => 70,
            Status::Dnd => 90,
            Status::Invisible => 110,
        }
    }

    /// The status that a client asks for by `value`; 50 (busy, later clients) counts as do not disturb.
    pub fn from_wire(value: u32) -> Option<Status> {
        match value {
            30 => Some(Status::Online),
            70 => Some(Status::Away),
            50 | 90 => Some(Status::Dnd),
            110 => Some(Status::Invisible),
            _ => None,
        }
    }
}

/// Who may contact a user (PROTOCOL 3.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Privacy {
    /// Everybody.
    #[default]
    All,
    /// Everybody, but file transfers only from pals.
    Transfers,
    /// Only pals.
    Pals,
}

impl Privacy {
    /// The letter on the wire: `A`, `T` or `P`.
    pub fn wire(self) -> u8 {
        match self {
            Privacy::All => b'A',
            Privacy::Transfers => b'T',
            Privacy::Pals => b'P',
        }
    }

    /// The setting for a letter of the wire.
    pub fn from_wire(letter: u8) -> Option<Privacy> {
        match letter {
            b'A' => Some(Privacy::All),
            b'T' => Some(Privacy::Transfers),
            b'P' => Some(Privacy::Pals),
            _ => None,
        }
    }
}

/// A built-in role of an account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything.
    Admin,
    /// Keeps order in rooms.
    Moderator,
    /// An ordinary user whom the limits spare.
    Trusted,
}

impl Role {
    /// All roles, highest first.
    pub const ALL: [Role; 3] = [Role::Admin, Role::Moderator, Role::Trusted];

    /// The name in the command line, the configuration and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Moderator => "moderator",
            Role::Trusted => "trusted",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Role::Admin => 1,
            Role::Moderator => 2,
            Role::Trusted => 4,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        Role::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("no such role \"{text}\" (admin, moderator, trusted)"))
    }
}

/// The set of roles of one account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Roles(u8);

impl Roles {
    /// Whether `role` is in the set.
    pub fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The set with `role`.
    #[must_use]
    pub fn with(self, role: Role) -> Roles {
        Roles(self.0 | role.bit())
    }

    /// The set without `role`.
    #[must_use]
    pub fn without(self, role: Role) -> Roles {
        Roles(self.0 & !role.bit())
    }

    /// Whether the account belongs to the people who run the place.
    pub fn is_staff(self) -> bool {
        self.contains(Role::Admin) || self.contains(Role::Moderator)
    }

    /// The roles, highest first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Roles {
        roles.into_iter().fold(Roles::default(), Roles::with)
    }
}

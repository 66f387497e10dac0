//! Accounts and permanent rooms as the store keeps them.

use serde::{Deserialize, Serialize};

use crate::model::{LinkRight, Role, RoomId, Uid};

/// An account that has to do with a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomPerson {
    /// Its uid.
    pub uid: Uid,
    /// Its nickname; `None` if the account is gone.
    pub nickname: Option<String>,
}

/// A permanent room in a list, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PermanentRoom {
    /// Its number.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// The number of its category.
    pub category: u16,
    /// `G`, `R` or `A`.
    pub rating: char,
    /// Whether people can talk with their voices.
    pub voice: bool,
    /// Whether it is left out of lists.
    pub private: bool,
    /// Whether a lockword opens it.
    pub locked: bool,
    /// True.
    pub permanent: bool,
    /// How many may speak at once.
    pub speakers: u16,
    /// The line at the top of its window.
    pub topic: String,
    /// Whose it is.
    pub owner: Option<RoomPerson>,
}

/// All settings of a permanent room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PermanentRoomDetail {
    /// What stands in lists.
    pub room: PermanentRoom,
    /// The rest.
    pub settings: RoomSettings,
}

/// What a list of permanent rooms leaves out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomSettings {
    /// The name of its category; `None` if there is none of that number.
    pub category_name: Option<String>,
    /// What newcomers are told.
    pub welcome: String,
    /// The word that opens it.
    pub lockword: Option<String>,
    /// The number that makes people admins.
    pub admin_code: Option<u16>,
    /// Whether newcomers may speak.
    pub new_user_mic: bool,
    /// Whether a red dot takes away text, too.
    pub reddot_text: bool,
    /// Whether a red dot takes away video, too.
    pub reddot_video: bool,
    /// Seconds between two messages; 0 is off.
    pub slowmode: u16,
    /// Who may post links.
    pub links: LinkRight,
    /// Who was given the right to post links.
    pub linkers: Vec<RoomPerson>,
    /// How many are kept out for a day.
    pub bounces: u32,
    /// How many are kept out for good.
    pub bans: u32,
    /// When it was made, RFC 3339 in UTC.
    pub created: String,
}

/// An account in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its uid.
    pub uid: Uid,
    /// Its nickname.
    pub nickname: String,
    /// Its roles, highest first.
    pub roles: Vec<Role>,
    /// The email address.
    pub email: Option<String>,
    /// Whether staff have seen that the owner is of age.
    pub age_verified: bool,
    /// When it was made, RFC 3339 in UTC.
    pub created: String,
}

/// An account with what goes with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountDetail {
    /// The account itself.
    pub row: AccountRow,
    /// Who may contact it: `all`, `transfers` or `pals`.
    pub privacy: String,
    /// How many pals are on its list.
    pub pals: u32,
    /// How many it blocks.
    pub blocks: u32,
    /// How many messages wait for it.
    pub offline_messages: u32,
    /// Until when it is banned, in words, and why; `None` if it is not.
    pub banned: Option<String>,
}

//! One user, one room.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::hub::FeedEntry;
use crate::hub::rows::{MemberRow, RoomRow, UserRow};
use crate::model::{Role, RoomId, Timestamp, Uid};

use super::StrikeRow;

/// A user in detail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UserDetail {
    /// The row, if he is signed in.
    pub row: Option<UserRow>,
    /// His uid.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// His roles.
    pub roles: Vec<Role>,
    /// His rooms with their names.
    pub rooms: Vec<(RoomId, String)>,
    /// His strikes, if any.
    pub strikes: Option<StrikeRow>,
    /// His warnings: when, by whom, why.
    pub warnings: Vec<(Timestamp, String, String)>,
    /// The ban and mutes of his account, in words.
    pub sanctions: Vec<String>,
    /// When the account was made.
    pub created: Timestamp,
    /// Where he is connected from, if he is.
    pub address: Option<IpAddr>,
    /// The last events about him, oldest first.
    pub events: Vec<FeedEntry>,
}

/// A room in detail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The row.
    pub row: RoomRow,
    /// Who is inside, in order of arrival.
    pub members: Vec<MemberRow>,
    /// The welcome text.
    pub welcome: String,
    /// Seconds of slowmode; 0 is off.
    pub slowmode: u16,
    /// Who is bounced or banned: nickname, until when, why.
    pub kept_out: Vec<(String, Option<Timestamp>, String)>,
    /// Listeners over TCP and UDP.
    pub listeners: (u32, u32),
    /// The last events in it, oldest first.
    pub events: Vec<FeedEntry>,
}

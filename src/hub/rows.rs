//! Users and rooms as those who run the place see them: one row each.
//!
//! Rows are made when somebody asks, from the live state, and go to the control socket. Filtering and
//! sorting are done there, not here: the hub has other things to do.

mod make;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::link::Ends;
use crate::model::{Role, RoomId, Status, Timestamp, Uid};

/// A signed-in user.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UserRow {
    /// His uid.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// His status, as he set it.
    pub status: Status,
    /// Seconds since his client sent anything.
    pub idle_seconds: u64,
    /// Where his client is.
    pub address: IpAddr,
    /// The family of his client: `5.0`, `5.1`, `7` or `8`.
    pub client: String,
    /// Seconds since he signed in.
    pub connected_seconds: u64,
    /// The rooms he is in.
    pub rooms: Vec<RoomId>,
    /// His roles, highest first.
    pub roles: Vec<Role>,
    /// Bytes his client has sent.
    pub bytes_in: u64,
    /// Bytes his client was sent.
    pub bytes_out: u64,
    /// Bytes that wait for his client to read them.
    pub pending_bytes: u64,
    /// How long a packet takes to his client and back, smoothed, in microseconds; `None` if the system
    /// does not say.
    pub rtt_micros: Option<u32>,
    /// The ends of his connection, by which the system knows it.
    #[serde(skip)]
    pub ends: Option<Ends>,
    /// Messages of his that were accepted since he signed in.
    pub messages: u64,
    /// His strikes, 0 to 2.
    pub strikes: u8,
    /// The stage of his violations, 0 for none.
    pub stage: u16,
    /// Seconds for which he is still muted, for whatever reason; the largest number if for good.
    pub muted_seconds: u64,
}

/// A room, open or permanent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoomRow {
    /// Its number.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// The name of its category.
    pub category: String,
    /// `G`, `R` or `A`.
    pub rating: char,
    /// Whether people can talk with their voices.
    pub voice: bool,
    /// Whether it is left out of lists.
    pub private: bool,
    /// Whether a lockword opens it.
    pub locked: bool,
    /// Whether it stays when the last member leaves.
    pub permanent: bool,
    /// How many are inside, those who are there unseen included.
    pub members: u32,
    /// How many are speaking.
    pub speakers: u32,
    /// How many hands are up.
    pub hands_up: u32,
    /// The line at the top of its window.
    pub topic: String,
    /// The nickname of its owner.
    pub owner: Option<String>,
    /// Messages since it was opened, or since the daemon started.
    pub messages: u64,
    /// What went through its voice since the first of those inside came.
    pub voice_traffic: VoiceTraffic,
}

/// What went through the voice of a room.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct VoiceTraffic {
    /// Packets that came.
    pub packets_in: u64,
    /// Bytes of those.
    pub bytes_in: u64,
    /// Packets passed on, counted for each listener.
    pub packets_out: u64,
    /// Bytes of those.
    pub bytes_out: u64,
    /// Packets dropped, by reason; those for which none was are left out.
    pub dropped: BTreeMap<String, u64>,
}

/// Somebody in a room, for those who look into it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MemberRow {
    /// His uid.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// Whether the room lets him use his microphone.
    pub mic: bool,
    /// Whether an admin has silenced him.
    pub red_dot: bool,
    /// Whether his hand is up.
    pub hand: bool,
    /// Whether he is an admin on this visit.
    pub admin: bool,
    /// Whether only admins see him.
    pub invisible: bool,
}

/// A room as those see it who look into it.
#[derive(Clone, PartialEq, Debug)]
pub struct RoomInside {
    /// Its row.
    pub row: RoomRow,
    /// Who is inside, in order of arrival.
    pub members: Vec<MemberRow>,
    /// What newcomers are told.
    pub welcome: String,
    /// Seconds to wait between two messages; 0 for none.
    pub slowmode: u16,
    /// Who may not come in: his name, until when, why.
    pub kept_out: Vec<(String, Option<Timestamp>, String)>,
}

/// Somebody who says much.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Talker {
    /// His uid.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// Messages of his that were accepted since he signed in.
    pub messages: u64,
}

/// A room in which much is said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomUsage {
    /// Its number.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// How many are inside.
    pub members: u32,
    /// Messages since it was opened, or since the daemon started.
    pub messages: u64,
}

/// How many are named of those who say most, and of the rooms in which most is said.
pub const TOP: usize = 10;

/// How many users there are, and of which kind.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Population {
    /// Signed in.
    pub online: u64,
    /// Of those, away or not to be disturbed.
    pub away: u64,
    /// The most who were signed in at once since the daemon started.
    pub peak: u64,
    /// Rooms with somebody in them.
    pub rooms_open: u64,
    /// Rooms, with somebody in them or not.
    pub rooms_total: u64,
    /// Signed in, but their clients have sent nothing for five minutes.
    pub idle: u64,
    /// Neither idle nor away.
    pub active: u64,
    /// Bytes that wait in all outboxes of those signed in.
    pub outbox_bytes: u64,
    /// Who of those signed in has said most, up to [`TOP`] of them, the first the most.
    pub talkers: Vec<Talker>,
    /// Where most is said, in the same way; then where most people are.
    pub busiest: Vec<RoomUsage>,
}

//! Users and rooms as those who run the place see them: one row each.
//!
//! Rows are made when somebody asks, from the live state, and go to the control socket. Filtering and
//! sorting are done there, not here: the hub has other things to do.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::link::Ends;
use crate::model::{CloseReason, Now, Rating, Role, RoomId, Status, Timestamp, Uid, from_cp1252};
use crate::protocol::Dialect;
use crate::store::{Exclusion, ExclusionKind, MuteKind};

use super::closed::Ended;
use super::{ConnId, Room, Session, State};

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

impl State {
    /// A row for the user of `conn`; what only his connection knows is left at zero.
    pub fn user_row(&self, now: Now, conn: ConnId) -> Option<UserRow> {
        let session = self.session(conn)?;
        let uid = session.person.uid;
        let record = self.guard.record(now, uid).unwrap_or_default();
        let (strikes, stage) = (record.strikes, record.stage);
        Some(UserRow { strikes, stage, muted_seconds: self.muted_seconds(now, uid), ..row(now, session) })
    }

    fn muted_seconds(&self, now: Now, uid: Uid) -> u64 {
        let struck = self.guard.muted(now, uid).map_or(0, |left| left.as_secs_f64().ceil() as u64);
        let muted = self.sanctions.mute(now.wall, uid, MuteKind::Text).map_or(0, |mute| match mute.until {
            Some(until) => until.0.saturating_sub(now.wall.0).div_ceil(1000),
            None => u64::MAX,
        });
        struck.max(muted)
    }

    /// The connections of everybody signed in.
    pub fn connections(&self) -> impl Iterator<Item = ConnId> {
        self.sessions().map(|session| session.conn)
    }

    /// A row for each room.
    pub fn room_rows(&self) -> Vec<RoomRow> {
        self.rooms.values().map(|room| self.room_row(room)).collect()
    }

    fn room_row(&self, room: &Room) -> RoomRow {
        let category = self.categories.iter().find(|entry| entry.id == room.category);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        RoomRow {
            id: room.id,
            name: room.name.to_string(),
            category: category.map_or_else(String::new, |entry| from_cp1252(&entry.name)),
            rating: match room.rating {
                Rating::General => 'G',
                Rating::Restricted => 'R',
                Rating::Adult => 'A',
            },
            voice: room.kind.has_voice(),
            private: room.kind.is_private(),
            locked: room.lockword.is_some(),
            permanent: room.permanent,
            members: count(room.members.len()),
            speakers: 0,
            hands_up: count(room.members.iter().filter(|member| member.hand).count()),
            topic: from_cp1252(&room.topic),
            owner: room.owner.map(|owner| owner.nickname.to_string()),
            messages: room.messages,
            voice_traffic: VoiceTraffic::default(),
        }
    }

    /// A room from inside; `None` if there is no such room.
    pub fn room_inside(&self, now: Now, id: RoomId) -> Option<RoomInside> {
        let room = self.rooms.get(&id)?;
        let kept_out = [ExclusionKind::Bounce, ExclusionKind::Ban].into_iter();
        let kept_out = kept_out.flat_map(|kind| room.exclusions(kind).values());
        let kept_out = kept_out.filter(|entry| entry.holds(now.wall));
        let told = |entry: &Exclusion| (entry.nickname.to_string(), entry.until, from_cp1252(&entry.reason));
        Some(RoomInside {
            row: self.room_row(room),
            members: self.member_rows(room),
            welcome: from_cp1252(&room.welcome),
            slowmode: room.slowmode.seconds(),
            kept_out: kept_out.map(told).collect(),
        })
    }

    fn member_rows(&self, room: &Room) -> Vec<MemberRow> {
        let rows = room.members.iter().filter_map(|member| {
            let session = self.session(member.conn)?;
            Some(MemberRow {
                uid: member.uid,
                nickname: session.person.nickname.to_string(),
                mic: member.mic,
                red_dot: member.red_dot,
                hand: member.hand,
                admin: member.admin,
                invisible: member.invisible,
            })
        });
        rows.collect()
    }

    /// How many users there are; what only their connections know is left at zero.
    pub fn population(&self) -> Population {
        let away = self.sessions().filter(|session| session.status.is_away());
        Population {
            online: self.users_online() as u64,
            away: away.count() as u64,
            peak: self.peak_users as u64,
            rooms_open: self.rooms.values().filter(|room| !room.members.is_empty()).count() as u64,
            rooms_total: self.rooms.len() as u64,
            talkers: self.talkers(),
            busiest: self.busiest(),
            ..Population::default()
        }
    }

    fn talkers(&self) -> Vec<Talker> {
        let talking = self.sessions().filter(|session| session.messages > 0);
        let first = top(talking, |session| (session.messages, Reverse(session.person.uid)));
        let talker = |session: &Session| Talker {
            uid: session.person.uid,
            nickname: session.person.nickname.to_string(),
            messages: session.messages,
        };
        first.into_iter().map(talker).collect()
    }

    fn busiest(&self) -> Vec<RoomUsage> {
        let used = self.rooms.values().filter(|room| room.messages > 0 || !room.members.is_empty());
        let first = top(used, |room| (room.messages, room.members.len(), Reverse(room.id)));
        let usage = |room: &Room| RoomUsage {
            id: room.id,
            name: room.name.to_string(),
            members: u32::try_from(room.members.len()).unwrap_or(u32::MAX),
            messages: room.messages,
        };
        first.into_iter().map(usage).collect()
    }
}

/// The [`TOP`] largest, the largest first; without sorting all of them, as this is done every second.
fn top<'a, T, K: Ord>(all: impl Iterator<Item = &'a T>, key: impl Fn(&T) -> K) -> Vec<&'a T> {
    let mut found: Vec<&T> = Vec::with_capacity(TOP + 1);
    for item in all {
        if found.len() == TOP && found.last().is_some_and(|last| key(last) >= key(item)) {
            continue;
        }
        let place = found.partition_point(|other| key(other) >= key(item));
        found.insert(place, item);
        found.truncate(TOP);
    }
    found
}

impl Session {
    /// What is told of it when it is over.
    pub(super) fn ended(&self, reason: Option<CloseReason>) -> Ended {
        Ended {
            person: self.person,
            address: self.peer.to_canonical(),
            client: client_name(self.dialect),
            since: self.since,
            messages: self.messages,
            reason,
        }
    }
}

fn row(now: Now, session: &Session) -> UserRow {
    UserRow {
        uid: session.person.uid,
        nickname: session.person.nickname.to_string(),
        status: session.status,
        idle_seconds: 0,
        address: session.peer.to_canonical(),
        client: client_name(session.dialect).to_owned(),
        connected_seconds: now.uptime.saturating_sub(session.since).as_secs(),
        rooms: session.rooms.clone(),
        roles: session.roles.iter().collect(),
        bytes_in: 0,
        bytes_out: 0,
        pending_bytes: 0,
        rtt_micros: None,
        ends: None,
        messages: session.messages,
        strikes: 0,
        stage: 0,
        muted_seconds: 0,
    }
}

/// The family of a client as operators read it.
fn client_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V50 => "5.0",
        Dialect::V51 => "5.1",
        Dialect::V7 => "7",
        Dialect::V8 => "8",
    }
}

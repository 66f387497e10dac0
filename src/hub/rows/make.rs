//! Rows as they are made from the live state.

use std::cmp::Reverse;

use crate::model::{CloseReason, Now, RoomId, Uid, from_cp1252};
use crate::protocol::Dialect;
use crate::store::{Exclusion, ExclusionKind, MuteKind};

use super::super::closed::Ended;
use super::super::{ConnId, Room, Session, State};
use super::{MemberRow, Population, RoomInside, RoomRow, RoomUsage, TOP, Talker, UserRow, VoiceTraffic};

impl State {
    /// A row for the user of `conn`; what only his connection knows is left at zero.
    pub fn user_row(&self, now: Now, conn: ConnId) -> Option<UserRow> {
        let session = self.session(conn)?;
        let uid = session.person.uid;
        let record = self.guard.record(now, uid).unwrap_or_default();
        Some(UserRow {
            uid,
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
            strikes: record.strikes,
            stage: record.stage,
            muted_seconds: self.muted_seconds(now, uid),
        })
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
            rating: room.rating.wire().into(),
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
    pub(in super::super) fn ended(&self, reason: Option<CloseReason>) -> Ended {
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

/// The family of a client as operators read it.
fn client_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V50 => "5.0",
        Dialect::V51 => "5.1",
        Dialect::V7 => "7",
        Dialect::V8 => "8",
    }
}

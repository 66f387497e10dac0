//! Who and what is on the server that is always the same.

use super::fixture::WALL;
use crate::control::wire::{
    Listen, Percentiles, Performance, Sample, Status as Health, StorePerformance, StrikeRow, UserDetail,
};
use crate::hub::closed::ClosedRow;
use crate::hub::rows::{RoomRow, UserRow};
use crate::hub::{EventKind, FeedEntry};
use crate::model::{CloseReason, Role, RoomId, Status, Timestamp, Uid};

const NAMES: [&str; 12] = [
    "alice",
    "Bob Marley",
    "Zoë",
    "dj_nightowl",
    "MamaBear",
    "중문中文名字",
    "x\x1b[31mred",
    "\u{202e}gnikcab",
    "party👍time",
    "a_name_of_26_characters_ok",
    "quietone",
    "Sam",
];

pub(in crate::tui) fn user(index: u32) -> UserRow {
    let name =
        NAMES.get(index as usize).map_or_else(|| format!("guest{index:03}"), |name| (*name).to_owned());
    UserRow {
        uid: Uid(1_000_002 + index),
        nickname: name,
        status: [Status::Online, Status::Online, Status::Away, Status::Dnd, Status::Invisible]
            [index as usize % 5],
        idle_seconds: u64::from(index * index * 7),
        address: if index % 6 == 5 {
            "2001:db8:85a3::8a2e:370:7334".parse().unwrap()
        } else {
            format!("192.0.2.{}", index % 250).parse().unwrap()
        },
        client: if index.is_multiple_of(3) { "5.0" } else { "5.1" }.to_owned(),
        connected_seconds: 60 + u64::from(index * 977),
        rooms: (0..index % 4).map(|room| RoomId(1 + room)).collect(),
        roles: if index == 0 { vec![Role::Admin] } else { Vec::new() },
        bytes_in: 1000 * u64::from(index),
        bytes_out: 90_000 * u64::from(index),
        pending_bytes: if index == 4 { 120_000 } else { 0 },
        rtt_micros: (index % 7 != 6).then_some(400 + (index % 20).pow(2) * 2900),
        ends: None,
        messages: u64::from(index * 31),
        strikes: (index % 3) as u8 * u8::from(index % 4 == 1),
        stage: 0,
        muted_seconds: if index == 3 { 42 } else { 0 },
    }
}

pub(super) fn room(index: u32) -> RoomRow {
    let rooms = [
        ("Lobby", "General", "Everybody is welcome"),
        ("Jazz Cellar", "Music", "Tonight: Coltrane, all of it"),
        ("Sala Español", "Friends", ""),
        ("The very long name of a room that goes on", "Business and Finance", "x\x1b]0;pwned\x07"),
        ("Poetry", "Arts", "bring your own"),
    ];
    let (name, category, topic) = rooms[index as usize % rooms.len()];
    RoomRow {
        id: RoomId(1 + index),
        name: name.to_owned(),
        category: category.to_owned(),
        rating: ['G', 'R', 'A'][index as usize % 3],
        voice: index != 4,
        private: index == 3,
        locked: index == 2,
        permanent: index < 2,
        members: [312, 48, 7, 1250, 0][index as usize % 5],
        speakers: u32::from(index == 1),
        hands_up: [4, 1, 0, 12, 0][index as usize % 5],
        topic: topic.to_owned(),
        owner: (index != 4).then(|| "alice".to_owned()),
        messages: u64::from(index) * 1234,
        voice_traffic: Default::default(),
    }
}

pub(super) fn strike(index: u32) -> StrikeRow {
    StrikeRow {
        uid: Uid(1_000_004 + index),
        nickname: ["Zoë", "dj_nightowl", "guest077"][index as usize % 3].to_owned(),
        strikes: (index % 3) as u8,
        stage: (index * 2) as u16,
        muted_seconds: u64::from(index) * 42,
        violations: 3 + index * 20,
        last_reason: ["COOLDOWN", "WINDOW", "caps"][index as usize % 3].to_owned(),
        last_detail: ["412 ms after the one before", "6 in 10 s", "92% capitals"][index as usize % 3]
            .to_owned(),
        last_at: Some("2026-11-21T02:58:07Z".to_owned()),
    }
}

pub(super) fn entry(seq: u64) -> FeedEntry {
    let kinds = [
        (EventKind::SignIn, Some("alice"), None, None, "from 192.0.2.1"),
        (EventKind::Join, Some("Bob Marley"), None, Some("Lobby"), ""),
        (EventKind::Strike, Some("dj_nightowl"), None, Some("Jazz Cellar"), "6 messages in 10 s"),
        (EventKind::Bounce, Some("alice"), Some("guest077"), Some("Lobby"), "too loud"),
        (EventKind::Report, Some("Zoë"), Some("x\x1b[31mred"), None, "he will not stop"),
        (EventKind::SignOut, Some("Sam"), None, None, "connection lost"),
        (EventKind::Kick, Some("operator"), Some("guest012"), None, "spam"),
    ];
    let (kind, actor, target, room, text) = kinds[seq as usize % kinds.len()];
    FeedEntry {
        seq,
        at: Timestamp(WALL - 600_000 + seq * 7000),
        kind,
        actor: actor.map(Into::into),
        actor_uid: actor.map(|_| Uid(1_000_002)),
        target: target.map(Into::into),
        target_uid: target.map(|_| Uid(1_000_079)),
        room: room.map(|_| RoomId(1)),
        room_name: room.map(Into::into),
        text: text.into(),
    }
}

pub(super) fn sample(at: u64) -> Sample {
    let wave = ((at / 1000 % 10_000) as f32 / 17.0).sin().mul_add(0.5, 0.6);
    Sample {
        at,
        cpu_percent: 4.0 * wave,
        memory_bytes: 46 << 20,
        open_files: 341,
        connections: 318,
        users: 312,
        messages: 42.0 * wave,
        deliveries: 4200.0 * wave,
        bytes_in: 3000.0 * wave,
        bytes_out: 380_000.0 * wave,
        hub_queue: (3.0 * wave) as u32,
        hub_busy_percent: 2.5 * wave,
        outbox_bytes: 18_000,
        slow_dropped: 0.0,
        voice_streams: 1,
        voice_in: 50.0,
        voice_out: 2400.0,
        queries: 12.0 * wave,
        commit_micros: 1800,
        delivery_p50: 420,
        delivery_p99: 2300,
    }
}

pub(super) fn status() -> Health {
    Health {
        version: "0.1.0".to_owned(),
        pid: 4711,
        uptime_seconds: 284_400,
        health: "ok".to_owned(),
        connections: 318,
        users_online: 312,
        users_away: 40,
        peak_users: 540,
        rooms_open: 4,
        rooms_total: 5,
        messages_per_second: 42.3,
        voice_streams: 1,
        memory_bytes: 46 << 20,
        cpu_percent: 2.4,
        offline_messages_pending: 17,
        listen: Listen { chat_tcp: vec!["0.0.0.0:5001".to_owned()], ..Listen::default() },
        ..Health::default()
    }
}

pub(super) fn performance() -> Performance {
    Performance {
        threads: 5,
        open_files: 341,
        store: StorePerformance {
            queries_total: 90_000,
            avg_query_micros: 38,
            p99_query_micros: 410,
            size_bytes: 300 << 20,
            ..StorePerformance::default()
        },
        delivery_micros: Percentiles { p50: 420, p90: 900, p99: 2300, max: 9100 },
        ..Performance::default()
    }
}

pub(super) fn user_detail(index: u32) -> UserDetail {
    let row = user(index);
    UserDetail {
        uid: row.uid,
        nickname: row.nickname.clone(),
        roles: row.roles.clone(),
        rooms: row.rooms.iter().map(|id| (*id, room(id.0 - 1).name)).collect(),
        strikes: Some(strike(1)),
        warnings: vec![(Timestamp(WALL - 86_400_000), "alice".to_owned(), "mind your words".to_owned())],
        sanctions: vec!["muted for 42 s".to_owned()],
        created: Timestamp(1_100_003_600_000),
        address: Some(row.address),
        events: (1..12).map(entry).collect(),
        row: Some(row),
    }
}

/// Sessions that are over, one for each reason.
pub(super) fn closed() -> Vec<ClosedRow> {
    let row = |(index, reason): (u32, CloseReason)| {
        let UserRow { uid, nickname, address, client, .. } = user(index);
        ClosedRow {
            at: Timestamp(1_795_229_960_000 - u64::from(index) * 7000),
            uid,
            nickname,
            address,
            client,
            connected_seconds: 60 + u64::from(index * index * 977),
            messages: 7,
            bytes_in: 1000,
            bytes_out: 90_000,
            reason,
        }
    };
    (0..).zip(CloseReason::ALL).map(row).collect()
}

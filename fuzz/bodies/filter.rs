//! Filter expressions of lists, for every kind of row: turned round, an expression holds where it did not.

use std::net::IpAddr;

use paltalkd::control::fields::{RoomNames, Row};
use paltalkd::control::filter::{Filter, LENGTH_MAX};
use paltalkd::control::wire::StrikeRow;
use paltalkd::hub::rows::{RoomRow, UserRow};
use paltalkd::model::{Role, RoomId, Status, Uid};

fn check<R: Row>(text: &str, rows: &[R], rooms: &RoomNames) {
    let filter = match Filter::parse::<R>(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(!error.message.is_empty());
            let end = (text.chars().count() + 1).max(LENGTH_MAX);
            assert!((1..=end).contains(&error.at), "{error}");
            return;
        }
    };
    assert!(text.len() <= LENGTH_MAX);
    let twice = format!("({text}) ({text})");
    if let Ok(twice) = Filter::parse::<R>(&twice) {
        for row in rows {
            assert_eq!(twice.passes(row, rooms), filter.passes(row, rooms));
        }
    }
    if let Ok(not) = Filter::parse::<R>(&format!("!({text})")) {
        assert_eq!(not.needs_rooms(), filter.needs_rooms());
        for row in rows {
            assert_ne!(not.passes(row, rooms), filter.passes(row, rooms), "{row:?}", row = row.id());
        }
    }
}

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rooms: RoomNames = [(RoomId(7), "Jazz".to_owned()), (RoomId(8), "Ёlka".to_owned())].into();
    let user = |nickname: &str, address: &str, number: u64| UserRow {
        uid: Uid(1_000_002),
        nickname: nickname.to_owned(),
        status: Status::Away,
        idle_seconds: number,
        address: address.parse::<IpAddr>().unwrap(),
        client: "5.0".to_owned(),
        connected_seconds: number,
        rooms: vec![RoomId(7), RoomId(9)],
        roles: vec![Role::Moderator],
        bytes_in: number,
        bytes_out: 1,
        pending_bytes: 0,
        rtt_micros: u32::try_from(number).ok(),
        ends: None,
        messages: number,
        strikes: 1,
        stage: 2,
        muted_seconds: number,
    };
    check(text, &[user("Zoë", "10.1.2.3", 0), user("", "::ffff:10.0.0.1", u64::MAX)], &rooms);
    let room = RoomRow {
        id: RoomId(7),
        name: "Jazz".to_owned(),
        category: "Music".to_owned(),
        rating: 'G',
        voice: true,
        private: false,
        locked: true,
        permanent: false,
        members: 3,
        speakers: 1,
        hands_up: 0,
        topic: "Tonight".to_owned(),
        owner: None,
        messages: 12,
        voice_traffic: Default::default(),
    };
    check(text, &[room], &rooms);
    let strikes = StrikeRow {
        uid: Uid(7),
        nickname: "Zoë".to_owned(),
        strikes: 1,
        stage: 2,
        muted_seconds: 3,
        violations: 4,
        last_reason: "COOLDOWN".to_owned(),
        last_detail: "delta=1ms".to_owned(),
        last_at: None,
    };
    check(text, &[strikes], &rooms);
}

//! Permanent rooms: three forms so far.

use serde::{Deserialize, Serialize};
use sled::IVec;

use super::super::codec;
use super::super::error::Corrupt;
use super::super::types::RoomRecord;
use super::{STRANGE, V1, V2, V3};
use crate::model::{
    CategoryId, LinkRight, Rating, RoomId, RoomKind, RoomName, SlowMode, Speakers, Timestamp, Uid,
};

#[derive(Serialize, Deserialize)]
struct RoomV1 {
    name: RoomName,
    kind: u16,
    category: u16,
    rating: u8,
    topic: Vec<u8>,
    welcome: Vec<u8>,
    lockword: Option<Vec<u8>>,
    owner: Option<u32>,
    admin_code: Option<u16>,
    new_user_mic: bool,
    created: u64,
}

/// As [`RoomV1`], with what a red dot takes away besides the voice.
#[derive(Serialize, Deserialize)]
struct RoomV2 {
    name: RoomName,
    kind: u16,
    category: u16,
    rating: u8,
    topic: Vec<u8>,
    welcome: Vec<u8>,
    lockword: Option<Vec<u8>>,
    owner: Option<u32>,
    admin_code: Option<u16>,
    new_user_mic: bool,
    reddot_text: bool,
    reddot_video: bool,
    created: u64,
}

/// As [`RoomV2`], with the number of speakers, the wait between messages and the right to post links.
#[derive(Serialize, Deserialize)]
struct RoomV3 {
    name: RoomName,
    kind: u16,
    category: u16,
    rating: u8,
    topic: Vec<u8>,
    welcome: Vec<u8>,
    lockword: Option<Vec<u8>>,
    owner: Option<u32>,
    admin_code: Option<u16>,
    new_user_mic: bool,
    reddot_text: bool,
    reddot_video: bool,
    speakers: u16,
    slowmode: u16,
    links: u8,
    /// Ascending.
    linkers: Vec<u32>,
    created: u64,
}

impl From<RoomV1> for RoomV2 {
    fn from(old: RoomV1) -> RoomV2 {
        RoomV2 {
            name: old.name,
            kind: old.kind,
            category: old.category,
            rating: old.rating,
            topic: old.topic,
            welcome: old.welcome,
            lockword: old.lockword,
            owner: old.owner,
            admin_code: old.admin_code,
            new_user_mic: old.new_user_mic,
            reddot_text: false,
            reddot_video: false,
            created: old.created,
        }
    }
}

impl From<RoomV2> for RoomV3 {
    fn from(old: RoomV2) -> RoomV3 {
        RoomV3 {
            name: old.name,
            kind: old.kind,
            category: old.category,
            rating: old.rating,
            topic: old.topic,
            welcome: old.welcome,
            lockword: old.lockword,
            owner: old.owner,
            admin_code: old.admin_code,
            new_user_mic: old.new_user_mic,
            reddot_text: old.reddot_text,
            reddot_video: old.reddot_video,
            speakers: Speakers::ONE.get(),
            slowmode: SlowMode::OFF.seconds(),
            links: link_right_byte(LinkRight::Everybody),
            linkers: Vec::new(),
            created: old.created,
        }
    }
}

fn link_right_byte(right: LinkRight) -> u8 {
    match right {
        LinkRight::Everybody => 0,
        LinkRight::Members => 1,
        LinkRight::Admins => 2,
    }
}

fn link_right(byte: u8) -> Option<LinkRight> {
    LinkRight::ALL.into_iter().find(|right| link_right_byte(*right) == byte)
}

pub(in super::super) fn write_room(room: &RoomRecord) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V3,
        &RoomV3 {
            name: room.name.clone(),
            kind: room.kind.wire(),
            category: room.category.0,
            rating: room.rating.wire(),
            topic: room.topic.clone(),
            welcome: room.welcome.clone(),
            lockword: room.lockword.clone(),
            owner: room.owner.map(|uid| uid.0),
            admin_code: room.admin_code,
            new_user_mic: room.new_user_mic,
            reddot_text: room.reddot_text,
            reddot_video: room.reddot_video,
            speakers: room.speakers.get(),
            slowmode: room.slowmode.seconds(),
            links: link_right_byte(room.links),
            linkers: room.linkers.iter().map(|uid| uid.0).collect(),
            created: room.created.0,
        },
    )
}

pub(in super::super) fn read_room(id: RoomId, value: &[u8]) -> Result<RoomRecord, Corrupt> {
    let record: RoomV3 = match codec::open_value(value)? {
        (V1, body) => RoomV2::from(codec::decode_body::<RoomV1>(body)?).into(),
        (V2, body) => codec::decode_body::<RoomV2>(body)?.into(),
        (V3, body) => codec::decode_body(body)?,
        _ => return Err(Corrupt("a record has an unknown version")),
    };
    Ok(RoomRecord {
        id,
        name: record.name,
        kind: RoomKind::from_wire(record.kind).ok_or(STRANGE)?,
        category: CategoryId(record.category),
        rating: Rating::from_wire(record.rating).ok_or(STRANGE)?,
        topic: record.topic,
        welcome: record.welcome,
        lockword: record.lockword,
        owner: record.owner.map(Uid),
        admin_code: record.admin_code,
        new_user_mic: record.new_user_mic,
        reddot_text: record.reddot_text,
        reddot_video: record.reddot_video,
        speakers: Speakers::new(record.speakers).ok_or(STRANGE)?,
        slowmode: SlowMode::new(record.slowmode).ok_or(STRANGE)?,
        links: link_right(record.links).ok_or(STRANGE)?,
        linkers: record.linkers.into_iter().map(Uid).collect(),
        created: Timestamp(record.created),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    #[test]
    fn rooms_of_every_version_are_still_read() {
        const OLD: [(&str, bool); 2] = [
            ("01054c6f626279031e520174017701036b657901fc42420f0001fb0f270101ccd7457b", false),
            ("02054c6f626279031e520174017701036b657901fc42420f0001fb0f27010100010c373112", true),
        ];
        for (hex, reddot_text) in OLD {
            let room = read_room(RoomId(450), &bytes(hex)).unwrap();
            assert_eq!((room.name.as_bytes(), room.admin_code), (&b"Lobby"[..], Some(9999)));
            assert!(room.new_user_mic && room.reddot_text == reddot_text && !room.reddot_video);
            assert_eq!((room.speakers, room.slowmode), (Speakers::ONE, SlowMode::OFF));
            assert_eq!((room.links, room.linkers.len()), (LinkRight::Everybody, 0));
            assert_eq!(read_room(RoomId(450), &write_room(&room).unwrap()), Ok(room));
        }
    }

    #[test]
    fn impossible_settings_are_no_rooms() {
        let good = RoomRecord::new(
            RoomId(450),
            RoomName::new(b"Lobby").unwrap(),
            RoomKind::Voice,
            CategoryId(30),
            Rating::General,
            Timestamp(1),
        );
        let form = |change: fn(&mut RoomV3)| {
            let value = write_room(&good).unwrap();
            let mut form: RoomV3 = codec::decode_body(codec::open_value(&value).unwrap().1).unwrap();
            change(&mut form);
            read_room(RoomId(450), &codec::encode_value(V3, &form).unwrap())
        };
        assert_eq!(form(|_| {}), Ok(good.clone()));
        assert_eq!(form(|form| form.speakers = 0), Err(STRANGE));
        assert_eq!(form(|form| form.slowmode = 3601), Err(STRANGE));
        assert_eq!(form(|form| form.links = 3), Err(STRANGE));
        assert_eq!(form(|form| form.kind = 2), Err(STRANGE));
    }
}

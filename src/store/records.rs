//! The forms in which values stand on disk, and the way from and to the types of the program.
//!
//! A form never changes. A new field is a new type (`AccountV2`) with a new version byte, written
//! from then on, while the old one is still read.

mod audit;
mod guard;
mod rooms;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sled::IVec;

use crate::model::{CategoryId, MessageText, Nickname, Privacy, Roles, Timestamp, Uid};

pub(super) use audit::{read_audit, write_audit};
pub(super) use guard::*;

use super::codec;
use super::error::Corrupt;
use super::types::{Account, Category, Exclusion, Hint, OfflineMessage, PasswordHash};

pub(super) use rooms::{read_room, write_room};

const V1: u8 = 1;
const V2: u8 = 2;
const V3: u8 = 3;
const STRANGE: Corrupt = Corrupt("a record holds an impossible value");

#[derive(Serialize, Deserialize)]
struct AccountV1 {
    nickname: Nickname,
    password: String,
    email: Option<String>,
    roles: Roles,
    privacy: u8,
    created: u64,
    hint: Option<(u16, Vec<u8>)>,
    age_verified: bool,
}

#[derive(Serialize, Deserialize)]
struct OfflineV1 {
    from: u32,
    from_nickname: Nickname,
    at: u64,
    text: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct CategoryV1 {
    name: Vec<u8>,
    position: u16,
}

#[derive(Serialize, Deserialize)]
struct ExclusionV1 {
    nickname: Nickname,
    until: Option<u64>,
    by: u32,
    at: u64,
    reason: Vec<u8>,
}

fn read_v1<T: DeserializeOwned>(value: &[u8]) -> Result<T, Corrupt> {
    match codec::open_value(value)? {
        (V1, body) => codec::decode_body(body),
        _ => Err(Corrupt("a record has an unknown version")),
    }
}

pub(super) fn write_account(account: &Account) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &AccountV1 {
            nickname: account.nickname,
            password: account.password.as_str().to_owned(),
            email: account.email.clone(),
            roles: account.roles,
            privacy: account.privacy.wire(),
            created: account.created.0,
            hint: account.hint.as_ref().map(|hint| (hint.question, hint.text.clone())),
            age_verified: account.age_verified,
        },
    )
}

pub(super) fn read_account(uid: Uid, value: &[u8]) -> Result<Account, Corrupt> {
    let record: AccountV1 = read_v1(value)?;
    Ok(Account {
        uid,
        nickname: record.nickname,
        password: PasswordHash::new(record.password),
        email: record.email,
        roles: record.roles,
        privacy: Privacy::from_wire(record.privacy).ok_or(STRANGE)?,
        created: Timestamp(record.created),
        hint: record.hint.map(|(question, text)| Hint { question, text }),
        age_verified: record.age_verified,
    })
}

pub(super) fn write_offline(message: &OfflineMessage) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &OfflineV1 {
            from: message.from.0,
            from_nickname: message.from_nickname,
            at: message.at.0,
            text: message.text.as_bytes().to_vec(),
        },
    )
}

pub(super) fn read_offline(id: u64, value: &[u8]) -> Result<OfflineMessage, Corrupt> {
    let record: OfflineV1 = read_v1(value)?;
    Ok(OfflineMessage {
        id,
        from: Uid(record.from),
        from_nickname: record.from_nickname,
        at: Timestamp(record.at),
        text: MessageText::new(&record.text).map_err(|_| STRANGE)?,
    })
}

pub(super) fn write_category(category: &Category) -> Result<IVec, Corrupt> {
    codec::encode_value(V1, &CategoryV1 { name: category.name.clone(), position: category.position })
}

pub(super) fn read_category(id: CategoryId, value: &[u8]) -> Result<Category, Corrupt> {
    let CategoryV1 { name, position } = read_v1(value)?;
    Ok(Category { id, name, position })
}

pub(super) fn write_exclusion(entry: &Exclusion) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &ExclusionV1 {
            nickname: entry.nickname,
            until: entry.until.map(|until| until.0),
            by: entry.by.0,
            at: entry.at.0,
            reason: entry.reason.clone(),
        },
    )
}

pub(super) fn read_exclusion(uid: Uid, value: &[u8]) -> Result<Exclusion, Corrupt> {
    let record: ExclusionV1 = read_v1(value)?;
    Ok(Exclusion {
        uid,
        nickname: record.nickname,
        until: record.until.map(Timestamp),
        by: Uid(record.by),
        at: Timestamp(record.at),
        reason: record.reason,
    })
}

/// Counters and times.
pub(super) fn write_number(number: u64) -> Result<IVec, Corrupt> {
    codec::encode_value(V1, &number)
}

pub(super) fn read_number(value: &[u8]) -> Result<u64, Corrupt> {
    read_v1(value)
}

/// The account that has a nickname.
pub(super) fn write_uid(uid: Uid) -> Result<IVec, Corrupt> {
    codec::encode_value(V1, &uid.0)
}

pub(super) fn read_uid(value: &[u8]) -> Result<Uid, Corrupt> {
    read_v1(value).map(Uid)
}

/// The value of entries that are all key.
pub(super) fn write_unit() -> Result<IVec, Corrupt> {
    codec::encode_value(V1, &())
}

#[cfg(test)]
mod tests {
    use super::super::types::RoomRecord;
    use super::*;
    use crate::model::{LinkRight, Rating, Role, RoomId, RoomKind, RoomName, SlowMode, Speakers};

    fn hex(value: &IVec) -> String {
        value.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_bytes_of_every_record_are_what_they_always_were() {
        let mut seen = Vec::new();
        let nickname = Nickname::from_text("Zoë").unwrap();
        let account = Account {
            uid: Uid(1_000_002),
            nickname,
            password: PasswordHash::new("$argon2id$x"),
            email: Some("z@example.org".to_owned()),
            roles: Roles::default().with(Role::Admin).with(Role::Trusted),
            privacy: Privacy::Pals,
            created: Timestamp(1_100_003_600_000),
            hint: Some(Hint { question: 3, text: b"blue".to_vec() }),
            age_verified: true,
        };
        let bytes = write_account(&account).unwrap();
        seen.push(hex(&bytes));
        assert_eq!(read_account(account.uid, &bytes), Ok(account));

        let message = OfflineMessage {
            id: 9,
            from: Uid(1_000_003),
            from_nickname: nickname,
            at: Timestamp(1_100_003_600_000),
            text: MessageText::new(b"hello").unwrap(),
        };
        let bytes = write_offline(&message).unwrap();
        seen.push(hex(&bytes));
        assert_eq!(read_offline(9, &bytes), Ok(message));

        let category = Category { id: CategoryId(30), name: b"Music".to_vec(), position: 300 };
        let bytes = write_category(&category).unwrap();
        seen.push(hex(&bytes));
        assert_eq!(read_category(CategoryId(30), &bytes), Ok(category));

        let room = RoomRecord {
            id: RoomId(450),
            name: RoomName::new(b"Lobby").unwrap(),
            kind: RoomKind::Voice,
            category: CategoryId(30),
            rating: Rating::Restricted,
            topic: b"t".to_vec(),
            welcome: b"w".to_vec(),
            lockword: Some(b"key".to_vec()),
            owner: Some(Uid(1_000_002)),
            admin_code: Some(9999),
            new_user_mic: true,
            reddot_text: true,
            reddot_video: false,
            speakers: Speakers::new(2).unwrap(),
            slowmode: SlowMode::new(300).unwrap(),
            links: LinkRight::Members,
            linkers: [Uid(1_000_002), Uid(1_000_003)].into(),
            created: Timestamp(1),
        };
        let bytes = write_room(&room).unwrap();
        seen.push(hex(&bytes));
        assert_eq!(read_room(RoomId(450), &bytes), Ok(room));

        let exclusion = Exclusion {
            uid: Uid(1_000_003),
            nickname,
            until: Some(Timestamp(1_100_003_600_000)),
            by: Uid(1_000_002),
            at: Timestamp(1),
            reason: b"rude".to_vec(),
        };
        let bytes = write_exclusion(&exclusion).unwrap();
        seen.push(hex(&bytes));
        assert_eq!(read_exclusion(Uid(1_000_003), &bytes), Ok(exclusion));

        seen.push(hex(&write_number(1 << 40).unwrap()));
        assert_eq!(read_number(&write_number(7).unwrap()), Ok(7));
        seen.push(hex(&write_uid(Uid(1_000_002)).unwrap()));
        assert_eq!(read_uid(&write_uid(Uid(7)).unwrap()), Ok(Uid(7)));
        seen.push(hex(&write_unit().unwrap()));
        assert_eq!(seen, GOLDEN);
    }

    const GOLDEN: [&str; 8] = [
        "01035a6feb0b246172676f6e3269642478010d7a406578616d706c652e6f72670550fd80e6521d00010000010304626c75650120635b77",
        "01fc43420f00035a6febfd80e6521d000100000568656c6c6f8eb93252",
        "01054d75736963fb2c01009bb78d",
        "03054c6f626279031e520174017701036b657901fc42420f0001fb0f2701010002fb2c010102fc42420f00fc43420f000129b73a9a",
        "01035a6feb01fd80e6521d00010000fc42420f000104727564651edcc2ce",
        "01fd0000000000010000b24d336a",
        "01fc42420f008d1ac132",
        "011bdf05a5",
    ];
}

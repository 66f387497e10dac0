//! Permanent rooms as operators see and change them: what is read from the store, and what an order means.
//! The daemon and the command line on a stopped store both go this way.

mod text;

use crate::hub::Person;
use crate::hub::staff::RoomSettings;
use crate::model::{Author, CategoryId, Rating, RoomId, RoomKind, Timestamp, Uid, from_cp1252, to_cp1252};
use crate::store::{
    AuditEntry, AuditTarget, Change, ExclusionKind, REASON_MAX, Reader, RoomRecord, StoreError,
};

use super::tables::store_refusal;
use super::wire::{self, PermanentRoom, PermanentRoomDetail, Refusal, RefusalCode, RoomChanges, RoomPerson};

pub use text::{lockword, name, slowmode, speakers, topic, welcome};

/// The numbers that created rooms get: above those of the rooms a new store has, below those of
/// rooms that users open.
const NUMBERS: std::ops::Range<u32> = 60_000..1_000_000;

/// What an order means on a stopped store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The change, with its entry in the audit log.
    pub change: Change,
    /// What has happened when it is done, for people.
    pub told: String,
}

/// A room that is to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRoom {
    /// The room.
    pub record: RoomRecord,
    /// Its owner.
    pub owner: Option<Person>,
}

/// All permanent rooms.
///
/// # Errors
///
/// If the store cannot be read.
pub fn rows(reader: &Reader) -> Result<Vec<PermanentRoom>, StoreError> {
    reader.rooms()?.iter().map(|room| row(reader, room)).collect()
}

/// All settings of a room, if it is there.
///
/// # Errors
///
/// If the store cannot be read.
pub fn detail(reader: &Reader, id: RoomId) -> Result<Option<PermanentRoomDetail>, StoreError> {
    let Some(room) = record(reader, id)? else { return Ok(None) };
    let category = reader.categories()?.into_iter().find(|category| category.id == room.category);
    let kept_out = |kind| -> Result<u32, StoreError> {
        let count = reader.exclusions(kind)?.iter().filter(|(room, _)| *room == id).count();
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    };
    let linkers = room.linkers.iter().map(|uid| person(reader, *uid));
    let settings = wire::RoomSettings {
        category_name: category.map(|category| from_cp1252(&category.name)),
        welcome: from_cp1252(&room.welcome),
        lockword: room.lockword.as_deref().map(from_cp1252),
        admin_code: room.admin_code,
        new_user_mic: room.new_user_mic,
        reddot_text: room.reddot_text,
        reddot_video: room.reddot_video,
        slowmode: room.slowmode.seconds(),
        links: room.links,
        linkers: linkers.collect::<Result<_, _>>()?,
        bounces: kept_out(ExclusionKind::Bounce)?,
        bans: kept_out(ExclusionKind::Ban)?,
        created: room.created.rfc3339(),
    };
    Ok(Some(PermanentRoomDetail { room: row(reader, &room)?, settings }))
}

fn record(reader: &Reader, id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
    Ok(reader.rooms()?.into_iter().find(|room| room.id == id))
}

fn row(reader: &Reader, room: &RoomRecord) -> Result<PermanentRoom, StoreError> {
    Ok(PermanentRoom {
        id: room.id,
        name: room.name.to_string(),
        category: room.category.0,
        rating: char::from(room.rating.wire()),
        voice: room.kind.has_voice(),
        private: room.kind.is_private(),
        locked: room.lockword.is_some(),
        permanent: true,
        speakers: room.speakers.get(),
        topic: from_cp1252(&room.topic),
        owner: room.owner.map(|uid| person(reader, uid)).transpose()?,
    })
}

fn person(reader: &Reader, uid: Uid) -> Result<RoomPerson, StoreError> {
    let nickname = reader.account(uid)?.map(|account| account.nickname.to_string());
    Ok(RoomPerson { uid, nickname })
}

/// What is changed about a room, with everything checked and everybody looked up.
///
/// # Errors
///
/// Says what cannot be.
pub fn settings(reader: &Reader, changes: RoomChanges) -> Result<RoomSettings, Refusal> {
    let owner = match changes.owner {
        Some(Some(uid)) => {
            let found = reader.account(uid).map_err(store_refusal)?;
            let found = found.ok_or_else(|| not_found(format!("no such user: {uid}")))?;
            Some(Some(Person { uid, nickname: found.nickname }))
        }
        Some(None) => Some(None),
        None => None,
    };
    let text = |text: Option<String>, check: fn(&str) -> Result<Vec<u8>, String>| {
        text.as_deref().map(check).transpose().map_err(invalid)
    };
    Ok(RoomSettings {
        name: changes.name.as_deref().map(name).transpose().map_err(invalid)?,
        topic: text(changes.topic, topic)?,
        welcome: text(changes.welcome, welcome)?,
        rating: changes.rating,
        lockword: match changes.lockword {
            Some(word) => Some(text(word, lockword)?),
            None => None,
        },
        owner,
        admin_code: changes.admin_code.map(admin_code).transpose()?,
        category: changes.category.map(|name| category(reader, &name)).transpose()?,
        speakers: changes.speakers.map(speakers).transpose().map_err(invalid)?,
        slowmode: changes.slowmode.map(slowmode).transpose().map_err(invalid)?,
        links: changes.links,
        no_linkers: changes.no_linkers,
        new_user_mic: changes.new_user_mic,
        reddot_text: changes.reddot_text,
        reddot_video: changes.reddot_video,
    })
}

/// A room that does not exist yet, under a number that no permanent room has.
///
/// # Errors
///
/// Says why there cannot be one.
pub fn new_room(
    reader: &Reader,
    room_name: &str,
    kind: RoomKind,
    changes: RoomChanges,
    now: Timestamp,
) -> Result<NewRoom, Refusal> {
    let room_name = name(room_name).map_err(invalid)?;
    let settings = settings(reader, changes)?;
    let Some(category) = settings.category else {
        return Err(invalid("a new room needs a category".to_owned()));
    };
    let id = free_number(&reader.rooms().map_err(store_refusal)?)
        .ok_or_else(|| failed("there is no number left for another room".to_owned()))?;
    let mut record = RoomRecord::new(id, room_name, kind, category, Rating::General, now);
    settings.apply(&mut record);
    Ok(NewRoom { record, owner: settings.owner.flatten() })
}

/// What making a room means on a stopped store; the running daemon makes it by way of its hub.
///
/// # Errors
///
/// Says why it cannot be done.
pub fn plan_create(reader: &Reader, room: NewRoom, by: &Author, now: Timestamp) -> Result<Plan, Refusal> {
    let record = room.record;
    check_name(reader, &record)?;
    let told = format!("created {}", shown(&record));
    let made = entry(by, now, "create_room", &record, String::new());
    Ok(Plan { change: audited(vec![Change::PutRoom(record)], made), told })
}

/// What changing a room means on a stopped store.
///
/// # Errors
///
/// Says why it cannot be done.
pub fn plan_set(
    reader: &Reader,
    id: RoomId,
    changes: RoomChanges,
    by: &Author,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let mut room = existing(reader, id)?;
    let settings = settings(reader, changes)?;
    let before = room.owner;
    let changed = settings.apply(&mut room).join(", ");
    let made = entry(by, now, "set_room", &room, changed.clone());
    if changed.is_empty() {
        return Ok(Plan { change: Change::Audit(made), told: format!("{} was so already", shown(&room)) });
    }
    check_name(reader, &room)?;
    let told = format!("{} is changed: {changed}", shown(&room));
    Ok(Plan { change: audited(RoomSettings::changes(before, room), made), told })
}

/// What deleting a room means on a stopped store.
///
/// # Errors
///
/// Says why it cannot be done.
pub fn plan_delete(
    reader: &Reader,
    id: RoomId,
    reason: &str,
    by: &Author,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let room = existing(reader, id)?;
    let mut made = entry(by, now, "delete_room", &room, String::new());
    made.reason = reason.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect();
    Ok(Plan {
        change: audited(vec![Change::DeleteRoom(id)], made),
        told: format!("deleted {}", shown(&room)),
    })
}

fn existing(reader: &Reader, id: RoomId) -> Result<RoomRecord, Refusal> {
    let found = record(reader, id).map_err(store_refusal)?;
    found.ok_or_else(|| not_found(format!("there is no permanent room {id}")))
}

/// Clients enter favourites by name: no other listed room may have it.
fn check_name(reader: &Reader, room: &RoomRecord) -> Result<(), Refusal> {
    if room.kind.is_private() {
        return Ok(());
    }
    let same = |other: &RoomRecord| {
        other.id != room.id
            && !other.kind.is_private()
            && other.name.as_bytes().eq_ignore_ascii_case(room.name.as_bytes())
    };
    match reader.rooms().map_err(store_refusal)?.into_iter().find(same) {
        Some(other) => Err(failed(format!("the room {} has this name already", other.id))),
        None => Ok(()),
    }
}

/// A number above those that created rooms have, so that a number is used again as late as possible.
fn free_number(rooms: &[RoomRecord]) -> Option<RoomId> {
    let used = rooms.iter().map(|room| room.id.0).filter(|id| NUMBERS.contains(id));
    let next = used.max().map_or(NUMBERS.start, |last| last + 1);
    let free = |id: &u32| rooms.iter().all(|room| room.id.0 != *id);
    (next..NUMBERS.end).next().or_else(|| NUMBERS.clone().find(free)).map(RoomId)
}

fn category(reader: &Reader, wanted: &str) -> Result<CategoryId, Refusal> {
    let number = wanted.parse().ok().map(CategoryId);
    let found = reader.categories().map_err(store_refusal)?.into_iter().find(|category| {
        Some(category.id) == number || category.name.eq_ignore_ascii_case(&to_cp1252(wanted))
    });
    match found {
        Some(found) if found.id.is_top_rooms() => Err(invalid(format!(
            "{} lists the fullest rooms of all categories; choose another one",
            from_cp1252(&found.name)
        ))),
        Some(found) => Ok(found.id),
        None => Err(not_found(format!("no such category: {wanted}"))),
    }
}

fn admin_code(code: Option<u16>) -> Result<Option<u16>, Refusal> {
    match code {
        Some(code) if !(1..=9999).contains(&code) => {
            Err(invalid("an admin code is a number from 1 to 9999".to_owned()))
        }
        code => Ok(code),
    }
}

fn shown(room: &RoomRecord) -> String {
    format!("{} (room {})", room.name, room.id)
}

fn audited(changes: Vec<Change>, entry: AuditEntry) -> Change {
    Change::WithAudit { changes, entries: vec![entry] }
}

fn entry(by: &Author, at: Timestamp, action: &str, room: &RoomRecord, details: String) -> AuditEntry {
    AuditEntry {
        at,
        actor: by.clone(),
        action: action.to_owned(),
        target: Some(AuditTarget::Room { id: room.id, name: room.name.clone() }),
        reason: String::new(),
        details,
    }
}

fn not_found(text: String) -> Refusal {
    Refusal { code: RefusalCode::NotFound, text }
}

fn invalid(text: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, text }
}

fn failed(text: String) -> Refusal {
    Refusal { code: RefusalCode::Failed, text }
}

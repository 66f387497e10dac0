//! Permanent rooms, who is kept out of them, and their categories.

use super::super::change::{Applied, EXCLUSIONS_MAX};
use super::super::error::{Corrupt, Rejection, StoreError};
use super::super::index::View;
use super::super::records;
use super::super::tables::{self, ROOMS};
use super::super::types::{Category, Exclusion, ExclusionKind, RoomRecord};
use super::{Ops, Outcome, delete, fits, put};
use crate::model::{CategoryId, LinkRight, RoomId, Timestamp, Uid};

pub(super) fn put_category(view: View<'_>, category: &Category, ops: &mut Ops) -> Outcome {
    fits("the name", category.name.len(), Category::NAME_MAX)?;
    put(view, tables::category_key(category.id), records::write_category(category)?, ops)
}

pub(super) fn delete_category(view: View<'_>, id: CategoryId, ops: &mut Ops) -> Outcome {
    for (_, value) in view.scan(&[ROOMS], None, usize::MAX)? {
        // Only the category is looked at, so any room id will do.
        if records::read_room(RoomId(0), &value)?.category == id {
            return Err(Rejection::CategoryInUse.into());
        }
    }
    delete(view, tables::category_key(id), ops)
}

pub(super) fn put_room(view: View<'_>, room: &RoomRecord, ops: &mut Ops) -> Outcome {
    fits("the topic", room.topic.len(), RoomRecord::TEXT_MAX)?;
    fits("the welcome message", room.welcome.len(), RoomRecord::TEXT_MAX)?;
    fits("the lockword", room.lockword.as_ref().map_or(0, Vec::len), RoomRecord::TEXT_MAX)?;
    if room.linkers.len() > LinkRight::LINKERS_MAX {
        return Err(Rejection::ListFull { limit: LinkRight::LINKERS_MAX }.into());
    }
    if view.get(&tables::category_key(room.category))?.is_none() {
        return Err(Rejection::NoSuchCategory.into());
    }
    put(view, tables::room_key(room.id), records::write_room(room)?, ops)
}

pub(super) fn delete_room(view: View<'_>, id: RoomId, ops: &mut Ops) -> Outcome {
    for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
        for (key, _) in view.scan(&tables::exclusion_prefix(kind, id), None, usize::MAX)? {
            ops.delete(key);
        }
    }
    delete(view, tables::room_key(id), ops)
}

pub(super) fn exclude(
    view: View<'_>,
    room: RoomId,
    kind: ExclusionKind,
    entry: &Exclusion,
    ops: &mut Ops,
) -> Outcome {
    fits("the reason", entry.reason.len(), Exclusion::REASON_MAX)?;
    if view.get(&tables::room_key(room))?.is_none() {
        return Err(Rejection::NoSuchRoom.into());
    }
    let key = tables::exclusion_key(kind, room, entry.uid);
    let mut others = 0;
    for (other, value) in view.scan(&tables::exclusion_prefix(kind, room), None, usize::MAX)? {
        if other == key {
            continue;
        }
        // The rooms' lists are tidied here, where they are read anyway.
        if expired(&other, &value, entry.at)? {
            ops.delete(other);
        } else {
            others += 1;
        }
    }
    if others >= EXCLUSIONS_MAX {
        return Err(Rejection::ListFull { limit: EXCLUSIONS_MAX }.into());
    }
    ops.put(key, records::write_exclusion(entry)?);
    Ok(Applied::Done)
}

fn expired(key: &[u8], value: &[u8], now: Timestamp) -> Result<bool, StoreError> {
    let uid = tables::second_of_pair(key).ok_or(Corrupt("an exclusion has a strange key"))?;
    Ok(!records::read_exclusion(uid, value)?.holds(now))
}

pub(super) fn let_in(
    view: View<'_>,
    room: RoomId,
    kind: ExclusionKind,
    uid: Option<Uid>,
    ops: &mut Ops,
) -> Outcome {
    if let Some(uid) = uid {
        return delete(view, tables::exclusion_key(kind, room, uid), ops);
    }
    for (key, _) in view.scan(&tables::exclusion_prefix(kind, room), None, usize::MAX)? {
        ops.delete(key);
    }
    Ok(if ops.0.is_empty() { Applied::Unchanged } else { Applied::Done })
}

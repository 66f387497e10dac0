//! Permanent rooms and their categories.

use sled::IVec;

use super::super::change::Applied;
use super::super::error::Rejection;
use super::super::index::View;
use super::super::records;
use super::super::tables::{self, ROOMS};
use super::super::types::{Category, RoomRecord};
use super::{Ops, Outcome, fits};
use crate::model::{CategoryId, RoomId};

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
    if view.get(&tables::category_key(room.category))?.is_none() {
        return Err(Rejection::NoSuchCategory.into());
    }
    put(view, tables::room_key(room.id), records::write_room(room)?, ops)
}

fn put(view: View<'_>, key: IVec, value: IVec, ops: &mut Ops) -> Outcome {
    if view.get(&key)?.as_ref() == Some(&value) {
        return Ok(Applied::Unchanged);
    }
    ops.put(key, value);
    Ok(Applied::Done)
}

pub(super) fn delete(view: View<'_>, key: IVec, ops: &mut Ops) -> Outcome {
    if view.get(&key)?.is_none() {
        return Ok(Applied::Unchanged);
    }
    ops.delete(key);
    Ok(Applied::Done)
}

//! Pal lists and block lists: two pairs of tables with the same rules.

use super::super::change::{Applied, BLOCKS_MAX, PALS_MAX};
use super::super::error::{Rejection, StoreError};
use super::super::index::View;
use super::super::{records, tables};
use super::{Ops, Outcome, require};
use crate::model::{Timestamp, Uid};

/// One kind of list.
pub(super) struct List {
    table: u8,
    reverse: u8,
    limit: usize,
}

pub(super) const PALS: List = List { table: tables::PALS, reverse: tables::PAL_OF, limit: PALS_MAX };
pub(super) const BLOCKS: List =
    List { table: tables::BLOCKS, reverse: tables::BLOCKED_BY, limit: BLOCKS_MAX };

impl List {
    pub(super) fn add(&self, view: View<'_>, uid: Uid, other: Uid, at: Timestamp, ops: &mut Ops) -> Outcome {
        if uid == other {
            return Err(Rejection::Oneself.into());
        }
        require(view, uid)?;
        require(view, other)?;
        let key = tables::pair_key(self.table, uid, other);
        if view.get(&key)?.is_some() {
            return Ok(Applied::Unchanged);
        }
        let limit = self.limit;
        if view.scan(&tables::owner_prefix(self.table, uid), None, limit)?.len() >= limit {
            return Err(StoreError::Rejected(Rejection::ListFull { limit }));
        }
        ops.put(key, records::write_number(at.0)?);
        ops.put(tables::pair_key(self.reverse, other, uid), records::write_unit()?);
        Ok(Applied::Done)
    }

    pub(super) fn remove(&self, view: View<'_>, uid: Uid, other: Uid, ops: &mut Ops) -> Outcome {
        let key = tables::pair_key(self.table, uid, other);
        if view.get(&key)?.is_none() {
            return Ok(Applied::Unchanged);
        }
        ops.delete(key);
        ops.delete(tables::pair_key(self.reverse, other, uid));
        Ok(Applied::Done)
    }
}

//! Settings, filters, and links that may always be posted.

use std::collections::BTreeMap;

use super::super::change::{Applied, FILTERS_MAX, LINKS_MAX, SETTINGS_MAX};
use super::super::error::{Rejection, StoreError};
use super::super::index::View;
use super::super::records;
use super::super::tables::{self, FILTERS, LINKS, NEXT_FILTER, SETTINGS};
use super::super::types::{Filter, FilterRecord, LinkAllow, SETTING_VALUE_MAX, is_setting_name};
use super::{Ops, Outcome, fits, put, take_number};

/// Refuses one more entry in a table that has `limit`.
fn has_room(view: View<'_>, table: u8, limit: usize) -> Result<(), StoreError> {
    if view.scan(&[table], None, limit)?.len() < limit {
        Ok(())
    } else {
        Err(Rejection::ListFull { limit }.into())
    }
}

pub(super) fn set_setting(view: View<'_>, name: &str, value: &str, ops: &mut Ops) -> Outcome {
    if !is_setting_name(name) {
        return Err(Rejection::SettingName.into());
    }
    fits("the value", value.len(), SETTING_VALUE_MAX)?;
    let key = tables::setting_key(name);
    if view.get(&key)?.is_none() {
        has_room(view, SETTINGS, SETTINGS_MAX)?;
    }
    put(view, key, records::write_setting(value)?, ops)
}

pub(super) fn put_filter(view: View<'_>, id: Option<u32>, filter: Filter, ops: &mut Ops) -> Outcome {
    filter.check()?;
    if let Some(id) = id {
        let key = tables::filter_key(id);
        let before = view.get(&key)?.ok_or(StoreError::Rejected(Rejection::NoSuchFilter))?;
        let hits = records::read_filter(id, &before)?.hits;
        return put(view, key, records::write_filter(&FilterRecord { id, filter, hits })?, ops);
    }
    has_room(view, FILTERS, FILTERS_MAX)?;
    let id = take_number(view, NEXT_FILTER, 1, ops)?;
    let id = u32::try_from(id).map_err(|_| StoreError::Rejected(Rejection::NoFilterLeft))?;
    ops.put(tables::filter_key(id), records::write_filter(&FilterRecord { id, filter, hits: 0 })?);
    Ok(Applied::Filter(id))
}

pub(super) fn add_hits(view: View<'_>, hits: Vec<(u32, u64)>, ops: &mut Ops) -> Outcome {
    if hits.len() > FILTERS_MAX {
        return Err(Rejection::ListFull { limit: FILTERS_MAX }.into());
    }
    // A filter may be named more than once.
    let mut more = BTreeMap::new();
    for (id, count) in hits {
        let sum: &mut u64 = more.entry(id).or_default();
        *sum = sum.saturating_add(count);
    }
    for (id, count) in more {
        let key = tables::filter_key(id);
        if let Some(value) = view.get(&key)? {
            let mut record = records::read_filter(id, &value)?;
            record.hits = record.hits.saturating_add(count);
            put(view, key, records::write_filter(&record)?, ops)?;
        }
    }
    Ok(if ops.0.is_empty() { Applied::Unchanged } else { Applied::Done })
}

pub(super) fn put_link(view: View<'_>, link: &LinkAllow, ops: &mut Ops) -> Outcome {
    link.check()?;
    let key = tables::link_key(link.kind, &link.text);
    if view.get(&key)?.is_none() {
        has_room(view, LINKS, LINKS_MAX)?;
    }
    put(view, key, records::write_link(link)?, ops)
}

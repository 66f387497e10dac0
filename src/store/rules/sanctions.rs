//! Bans, mutes, warnings, strikes and offences.
//!
//! What runs out has a second entry, in [`EXPIRIES`], in the order of time: so the clean-up finds it
//! without reading the rest.

use sled::IVec;

use super::super::change::{Applied, BANS_MAX, EXPIRE_MAX, WARNINGS_MAX};
use super::super::error::{Corrupt, Rejection, StoreError};
use super::super::index::View;
use super::super::records;
use super::super::tables::{
    self, ACCOUNT_BANS, BANS_HELD, EXPIRIES, MUTES, NETWORK_BANS, OFFENCES, STRIKES, WARNINGS,
};
use super::super::types::{Ban, BanTarget, Mute, MuteKind, OffenceRecord, StrikeRecord, Warning};
use super::accounts::not_the_service_user;
use super::{Ops, Outcome, delete, put, require};
use crate::model::{Timestamp, Uid};

/// When the ban or mute with this key and value runs out.
fn end(key: &[u8], value: &[u8]) -> Result<Option<Timestamp>, StoreError> {
    match key.first() {
        Some(&(ACCOUNT_BANS | NETWORK_BANS)) => Ok(records::read_ban_entry(key, value)?.until),
        Some(&MUTES) => Ok(records::read_mute_entry(key, value)?.1.until),
        _ => Err(Corrupt("an entry runs out that cannot").into()),
    }
}

/// Puts or replaces something that may run out. Says whether anything was there before.
fn put_timed(
    view: View<'_>,
    key: IVec,
    value: IVec,
    until: Option<Timestamp>,
    ops: &mut Ops,
) -> Result<bool, StoreError> {
    let before = view.get(&key)?;
    if before.as_ref() == Some(&value) {
        return Ok(true);
    }
    if let Some(before) = &before {
        unschedule(&key, before, ops)?;
    }
    if let Some(until) = until {
        ops.put(tables::expiry_key(until, &key), records::write_unit()?);
    }
    ops.put(key, value);
    Ok(before.is_some())
}

fn unschedule(key: &IVec, value: &[u8], ops: &mut Ops) -> Result<(), StoreError> {
    if let Some(until) = end(key, value)? {
        ops.delete(tables::expiry_key(until, key));
    }
    Ok(())
}

/// Deletes something that may run out. Says whether it was there.
fn delete_timed(view: View<'_>, key: IVec, ops: &mut Ops) -> Result<bool, StoreError> {
    let Some(before) = view.get(&key)? else { return Ok(false) };
    unschedule(&key, &before, ops)?;
    ops.delete(key);
    Ok(true)
}

fn bans_held(view: View<'_>) -> Result<u64, StoreError> {
    let held = view.get(&tables::counter_key(BANS_HELD))?;
    Ok(held.map(|value| records::read_number(&value)).transpose()?.unwrap_or_default())
}

/// Writes how many bans there are when `gone` of them go.
fn fewer_bans(view: View<'_>, gone: u64, ops: &mut Ops) -> Result<(), StoreError> {
    if gone > 0 {
        let held = bans_held(view)?.saturating_sub(gone);
        ops.put(tables::counter_key(BANS_HELD), records::write_number(held)?);
    }
    Ok(())
}

fn done_if(changed: bool) -> Outcome {
    Ok(if changed { Applied::Done } else { Applied::Unchanged })
}

pub(super) fn put_ban(view: View<'_>, ban: Ban, ops: &mut Ops) -> Outcome {
    ban.check()?;
    let ban = Ban { target: ban.target.canonical(), ..ban };
    if let BanTarget::Account(uid) = ban.target {
        not_the_service_user(uid)?;
        require(view, uid)?;
    }
    let key = tables::ban_key(ban.target);
    if !put_timed(view, key, records::write_ban(&ban)?, ban.until, ops)? {
        let held = bans_held(view)?;
        if held >= BANS_MAX as u64 {
            return Err(Rejection::ListFull { limit: BANS_MAX }.into());
        }
        ops.put(tables::counter_key(BANS_HELD), records::write_number(held + 1)?);
    }
    done_if(!ops.0.is_empty())
}

pub(super) fn lift_ban(view: View<'_>, target: BanTarget, ops: &mut Ops) -> Outcome {
    let gone = delete_timed(view, tables::ban_key(target.canonical()), ops)?;
    fewer_bans(view, u64::from(gone), ops)?;
    done_if(gone)
}

pub(super) fn put_mute(view: View<'_>, uid: Uid, mute: &Mute, ops: &mut Ops) -> Outcome {
    mute.check()?;
    not_the_service_user(uid)?;
    require(view, uid)?;
    put_timed(view, tables::mute_key(uid, mute.kind), records::write_mute(mute)?, mute.until, ops)?;
    done_if(!ops.0.is_empty())
}

pub(super) fn lift_mute(view: View<'_>, uid: Uid, kind: MuteKind, ops: &mut Ops) -> Outcome {
    done_if(delete_timed(view, tables::mute_key(uid, kind), ops)?)
}

pub(super) fn expire(view: View<'_>, now: Timestamp, ops: &mut Ops) -> Outcome {
    let mut bans = 0;
    let mut expired = 0;
    for (entry, _) in view.scan(&[EXPIRIES], None, EXPIRE_MAX)? {
        let (until, key) =
            tables::expiry_parts(&entry).ok_or(Corrupt("a time to run out has a strange key"))?;
        if until > now {
            break;
        }
        // What has another end by now is not what this entry was written for.
        if let Some(value) = view.get(key)?
            && end(key, &value)? == Some(until)
        {
            bans += u64::from(key.first() != Some(&MUTES));
            ops.delete(IVec::from(key));
            expired += 1;
        }
        ops.delete(entry);
    }
    fewer_bans(view, bans, ops)?;
    Ok(if ops.0.is_empty() { Applied::Unchanged } else { Applied::Expired(expired) })
}

pub(super) fn add_warning(view: View<'_>, uid: Uid, warning: Warning, ops: &mut Ops) -> Outcome {
    warning.check()?;
    not_the_service_user(uid)?;
    require(view, uid)?;
    let key = tables::personal_key(WARNINGS, uid);
    let mut warnings = match view.get(&key)? {
        Some(value) => records::read_warnings(&value)?,
        None => Vec::new(),
    };
    if warnings.len() >= WARNINGS_MAX {
        warnings.drain(..=warnings.len() - WARNINGS_MAX);
    }
    warnings.push(warning);
    ops.put(key, records::write_warnings(&warnings)?);
    Ok(Applied::Warned(warnings.len()))
}

pub(super) fn put_strikes(view: View<'_>, uid: Uid, record: &StrikeRecord, ops: &mut Ops) -> Outcome {
    record.check()?;
    require(view, uid)?;
    put(view, tables::personal_key(STRIKES, uid), records::write_strikes(record)?, ops)
}

pub(super) fn put_offences(view: View<'_>, uid: Uid, record: &OffenceRecord, ops: &mut Ops) -> Outcome {
    require(view, uid)?;
    put(view, tables::personal_key(OFFENCES, uid), records::write_offences(record)?, ops)
}

pub(super) fn clear_offences(view: View<'_>, uid: Option<Uid>, ops: &mut Ops) -> Outcome {
    let found = match uid {
        None => view.scan(&[OFFENCES], None, usize::MAX)?,
        Some(uid) => {
            let key = tables::personal_key(OFFENCES, uid);
            view.get(&key)?.map(|value| (key, value)).into_iter().collect()
        }
    };
    for (key, value) in found {
        let record = records::read_offences(&value)?;
        if record.exempt {
            let cleared = OffenceRecord { offences: 0, muted_until: None, ..record };
            put(view, key, records::write_offences(&cleared)?, ops)?;
        } else {
            ops.delete(key);
        }
    }
    done_if(!ops.0.is_empty())
}

/// Deletes what is held against an account that goes.
pub(super) fn forget(view: View<'_>, uid: Uid, ops: &mut Ops) -> Result<(), StoreError> {
    let banned = delete_timed(view, tables::ban_key(BanTarget::Account(uid)), ops)?;
    fewer_bans(view, u64::from(banned), ops)?;
    for kind in MuteKind::ALL {
        delete_timed(view, tables::mute_key(uid, kind), ops)?;
    }
    for table in [WARNINGS, STRIKES, OFFENCES] {
        delete(view, tables::personal_key(table, uid), ops)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::index::{Index, Pending};
    use super::*;
    use crate::model::Author;

    fn ban(text: &str, until: Option<u64>) -> Ban {
        Ban {
            target: BanTarget::Network(text.parse().unwrap()),
            nickname: None,
            until: until.map(Timestamp),
            reason: String::new(),
            by: Author::System,
            at: Timestamp(1),
        }
    }

    #[test]
    fn bans_have_a_limit() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path(), 1 << 20).unwrap();
        let mut pending = Pending::new();
        let key = tables::counter_key(BANS_HELD);
        pending.insert(key.clone(), Some(records::write_number(BANS_MAX as u64 - 1).unwrap()));
        let mut put = |ban| {
            let mut ops = Ops::default();
            let answer = put_ban(index.view_with(&pending), ban, &mut ops);
            if answer.is_ok() {
                pending.extend(ops.0.into_iter().map(|op| (op.key, op.value)));
            }
            let held = pending.get(&key).and_then(Option::as_ref).unwrap();
            (answer, records::read_number(held).unwrap())
        };
        let full = BANS_MAX as u64;
        assert_eq!(put(ban("192.0.2.1/32", None)), (Ok(Applied::Done), full));
        let refused = StoreError::Rejected(Rejection::ListFull { limit: BANS_MAX });
        assert_eq!(put(ban("192.0.2.2/32", None)), (Err(refused), full));
        assert_eq!(put(ban("192.0.2.1/32", Some(9))), (Ok(Applied::Done), full), "no new one");
        assert_eq!(put(ban("192.0.2.1/32", Some(9))), (Ok(Applied::Unchanged), full));
        let mut ops = Ops::default();
        assert_eq!(expire(index.view_with(&pending), Timestamp(8), &mut ops), Ok(Applied::Unchanged));
        assert_eq!(expire(index.view_with(&pending), Timestamp(9), &mut ops), Ok(Applied::Expired(1)));
        let held = ops.0.iter().find(|op| op.key == key).and_then(|op| op.value.as_ref()).unwrap();
        assert_eq!(records::read_number(held), Ok(full - 1));
    }
}

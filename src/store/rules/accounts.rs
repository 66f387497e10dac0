//! Accounts and their names.

use super::super::error::{Rejection, StoreError};
use super::super::index::View;
use super::super::tables::{self, BANS, BLOCKED_BY, BLOCKS, BOUNCES, NEXT_UID, OFFLINE, PAL_OF, PALS};
use super::super::types::{Account, Hint, NewAccount, PasswordHash};
use super::super::{change::Applied, records};
use super::{Ops, Outcome, existing, fits, sanctions, take_number};
use crate::model::{EMAIL_MAX, Nickname, Privacy, Uid};

pub(super) fn create(view: View<'_>, new: NewAccount, ops: &mut Ops) -> Outcome {
    fits("the password hash", new.password.as_str().len(), PasswordHash::MAX)?;
    fits("the email address", new.email.as_ref().map_or(0, String::len), EMAIL_MAX)?;
    let name_key = tables::nickname_key(&new.nickname.key());
    if view.get(&name_key)?.is_some() {
        let suggestion =
            suggest(new.nickname, |name| Ok(view.get(&tables::nickname_key(&name.key()))?.is_none()))?;
        return Err(Rejection::NicknameTaken { suggestion }.into());
    }
    if new.password.as_str().is_empty() {
        return Err(Rejection::NoPassword.into());
    }
    let uid = take_number(view, NEXT_UID, u64::from(Uid::FIRST_PERSON.0), ops)?;
    let uid = u32::try_from(uid).map(Uid).ok().filter(|uid| uid.is_account()).ok_or(Rejection::NoUidLeft)?;
    let account = Account {
        uid,
        nickname: new.nickname,
        password: new.password,
        email: new.email,
        roles: new.roles,
        privacy: Privacy::default(),
        created: new.created,
        hint: None,
        age_verified: false,
    };
    ops.put(tables::account_key(uid), records::write_account(&account)?);
    ops.put(name_key, records::write_uid(uid)?);
    Ok(Applied::Created(uid))
}

/// The wanted name with the smallest number behind it that makes it free, cut to fit. After two
/// hundred tries the steps grow, so that a popular name costs no more than a glance.
fn suggest(
    wanted: Nickname,
    is_free: impl Fn(&Nickname) -> Result<bool, StoreError>,
) -> Result<Nickname, StoreError> {
    let mut number = 1u64;
    loop {
        let digits = number.to_string();
        let room = Nickname::MAX.saturating_sub(digits.len());
        let stem = wanted.as_bytes();
        let mut name = stem.get(..room).unwrap_or(stem).to_vec();
        name.extend_from_slice(digits.as_bytes());
        if let Ok(name) = Nickname::new(&name)
            && is_free(&name)?
        {
            return Ok(name);
        }
        number = if number < 200 { number + 1 } else { number.saturating_add(number / 3) };
    }
}

/// Changes fields of an account; nothing is written if none changes.
pub(super) fn update(view: View<'_>, uid: Uid, ops: &mut Ops, edit: impl FnOnce(&mut Account)) -> Outcome {
    let before = existing(view, uid)?;
    let mut after = before.clone();
    edit(&mut after);
    if after == before {
        return Ok(Applied::Unchanged);
    }
    ops.put(tables::account_key(uid), records::write_account(&after)?);
    Ok(Applied::Done)
}

pub(super) fn set_password(view: View<'_>, uid: Uid, hash: PasswordHash, ops: &mut Ops) -> Outcome {
    fits("the password hash", hash.as_str().len(), PasswordHash::MAX)?;
    not_the_service_user(uid)?;
    update(view, uid, ops, |account| account.password = hash)
}

pub(super) fn set_hint(view: View<'_>, uid: Uid, hint: Option<Hint>, ops: &mut Ops) -> Outcome {
    fits("the answer", hint.as_ref().map_or(0, |hint| hint.text.len()), Hint::MAX)?;
    update(view, uid, ops, |account| account.hint = hint)
}

pub(super) fn set_email(view: View<'_>, uid: Uid, email: Option<String>, ops: &mut Ops) -> Outcome {
    fits("the email address", email.as_ref().map_or(0, String::len), EMAIL_MAX)?;
    update(view, uid, ops, |account| account.email = email)
}

pub(super) fn not_the_service_user(uid: Uid) -> Result<(), StoreError> {
    if uid == Uid::SERVICE { Err(Rejection::ServiceUser.into()) } else { Ok(()) }
}

pub(super) fn delete(view: View<'_>, uid: Uid, ops: &mut Ops) -> Outcome {
    not_the_service_user(uid)?;
    let account = existing(view, uid)?;
    ops.delete(tables::account_key(uid));
    ops.delete(tables::nickname_key(&account.nickname.key()));
    for (table, reverse) in [(PALS, PAL_OF), (PAL_OF, PALS), (BLOCKS, BLOCKED_BY), (BLOCKED_BY, BLOCKS)] {
        for (key, _) in view.scan(&tables::owner_prefix(table, uid), None, usize::MAX)? {
            if let Some(other) = tables::second_of_pair(&key) {
                ops.delete(tables::pair_key(reverse, other, uid));
            }
            ops.delete(key);
        }
    }
    for (key, _) in view.scan(&tables::owner_prefix(OFFLINE, uid), None, usize::MAX)? {
        ops.delete(key);
    }
    // No index leads from a user to the rooms that keep him out: there are few entries, and accounts
    // are seldom deleted.
    for table in [BOUNCES, BANS] {
        for (key, _) in view.scan(&[table], None, usize::MAX)? {
            if tables::second_of_pair(&key) == Some(uid) {
                ops.delete(key);
            }
        }
    }
    sanctions::forget(view, uid, ops)?;
    Ok(Applied::Done)
}

pub(super) fn erase(view: View<'_>, uid: Uid, ops: &mut Ops) -> Outcome {
    let deleted = delete(view, uid, ops)?;
    // No index leads from a sender to his messages either; most are read long before.
    for (key, value) in view.scan(&[OFFLINE], None, usize::MAX)? {
        if tables::offline_recipient(&key) != Some(uid) && records::read_offline(0, &value)?.from == uid {
            ops.delete(key);
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_free_and_fit() {
        let wanted = Nickname::from_text("abcdefghijklmnopqrstuvwxyz").unwrap();
        let taken = |limit: u64| {
            move |name: &Nickname| {
                let digits: String = name.to_string().chars().filter(char::is_ascii_digit).collect();
                Ok(digits.parse::<u64>().unwrap() > limit)
            }
        };
        assert_eq!(suggest(wanted, taken(0)).unwrap().to_string(), "abcdefghijklmnopqrstuvwxy1");
        assert_eq!(suggest(wanted, taken(99)).unwrap().to_string(), "abcdefghijklmnopqrstuvw100");
        assert!(suggest(wanted, taken(1_000_000)).unwrap().as_bytes().len() <= Nickname::MAX);
    }
}

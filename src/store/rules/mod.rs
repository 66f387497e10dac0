//! What each change means: reads through a view that sees all earlier changes, and puts out
//! operations. Nothing here does I/O.

mod accounts;
mod audit;
mod contacts;
mod guard;
pub(super) mod offline;
mod rooms;
mod sanctions;
mod seed;

use sled::IVec;

use super::change::{Applied, Change};
use super::codec::Op;
use super::error::{Rejection, StoreError};
use super::index::View;
use super::records;
use super::tables::{self, STRIKES, WARNINGS};
use super::types::Account;
use crate::model::Uid;

type Outcome = Result<Applied, StoreError>;

/// The operations of one change, in the making.
#[derive(Default)]
pub(super) struct Ops(pub(super) Vec<Op>);

impl Ops {
    fn put(&mut self, key: IVec, value: IVec) {
        self.0.push(Op { key, value: Some(value) });
    }

    fn delete(&mut self, key: IVec) {
        self.0.push(Op { key, value: None });
    }
}

/// Works out what `change` does. If the result is an error the operations are not to be used.
pub(super) fn evaluate(view: View<'_>, change: Change, ops: &mut Ops) -> Outcome {
    match change {
        Change::CreateAccount(account) => accounts::create(view, account, ops),
        Change::SetPassword { uid, hash } => accounts::set_password(view, uid, hash, ops),
        Change::SetHint { uid, hint } => accounts::set_hint(view, uid, hint, ops),
        Change::SetPrivacy { uid, privacy } => {
            accounts::update(view, uid, ops, |account| account.privacy = privacy)
        }
        Change::SetRoles { uid, roles } => accounts::update(view, uid, ops, |account| account.roles = roles),
        Change::SetAgeVerified { uid, verified } => {
            accounts::update(view, uid, ops, |account| account.age_verified = verified)
        }
        Change::SetEmail { uid, email } => accounts::set_email(view, uid, email, ops),
        Change::DeleteAccount { uid } => accounts::delete(view, uid, ops),
        Change::EraseAccount { uid } => accounts::erase(view, uid, ops),
        Change::AddPal { uid, pal, at } => contacts::PALS.add(view, uid, pal, at, ops),
        Change::RemovePal { uid, pal } => contacts::PALS.remove(view, uid, pal, ops),
        Change::Block { uid, blocked, at } => contacts::BLOCKS.add(view, uid, blocked, at, ops),
        Change::Unblock { uid, blocked } => contacts::BLOCKS.remove(view, uid, blocked, ops),
        Change::StoreOffline { to, from, at, text } => offline::store(view, to, from, at, text, ops),
        Change::LoadOffline { uid, newer_than } => offline::load(view, uid, newer_than),
        Change::DropOffline { uid, through } => offline::discard(view, uid, through, ops),
        Change::ExpireOffline { uid, before } => offline::expire(view, uid, before, ops),
        Change::PutCategory(category) => rooms::put_category(view, &category, ops),
        Change::DeleteCategory(id) => rooms::delete_category(view, id, ops),
        Change::PutRoom(room) => rooms::put_room(view, &room, ops),
        Change::Barrier => Ok(Applied::Unchanged),
        Change::Seed { at } => seed::seed(view, at, ops),
        Change::DeleteRoom(id) => rooms::delete_room(view, id, ops),
        Change::Exclude { room, kind, entry } => rooms::exclude(view, room, kind, &entry, ops),
        Change::LetIn { room, kind, uid } => rooms::let_in(view, room, kind, uid, ops),
        Change::PutBan(ban) => sanctions::put_ban(view, ban, ops),
        Change::LiftBan { target } => sanctions::lift_ban(view, target, ops),
        Change::PutMute { uid, mute } => sanctions::put_mute(view, uid, &mute, ops),
        Change::LiftMute { uid, kind } => sanctions::lift_mute(view, uid, kind, ops),
        Change::ExpireSanctions { now } => sanctions::expire(view, now, ops),
        Change::AddWarning { uid, warning } => sanctions::add_warning(view, uid, warning, ops),
        Change::ClearWarnings { uid } => delete(view, tables::personal_key(WARNINGS, uid), ops),
        Change::PutStrikes { uid, record } => sanctions::put_strikes(view, uid, &record, ops),
        Change::ClearStrikes { uid } => delete(view, tables::personal_key(STRIKES, uid), ops),
        Change::PutOffences { uid, record } => sanctions::put_offences(view, uid, &record, ops),
        Change::ClearOffences { uid } => sanctions::clear_offences(view, uid, ops),
        Change::SetSetting { name, value } => guard::set_setting(view, &name, &value, ops),
        Change::ClearSetting { name } => delete(view, tables::setting_key(&name), ops),
        Change::PutFilter { id, filter } => guard::put_filter(view, id, filter, ops),
        Change::DeleteFilter { id } => delete(view, tables::filter_key(id), ops),
        Change::AddFilterHits(hits) => guard::add_hits(view, hits, ops),
        Change::PutLink(link) => guard::put_link(view, &link, ops),
        Change::DeleteLink { kind, text } => delete(view, tables::link_key(kind, &text), ops),
        Change::Audit(entry) => audit::append(view, &entry, ops),
        Change::WithAudit { changes, entries } => audit::together(view, changes, &entries, ops),
    }
}

/// Reads an account.
pub(super) fn account(view: View<'_>, uid: Uid) -> Result<Option<Account>, StoreError> {
    match view.get(&tables::account_key(uid))? {
        Some(value) => Ok(Some(records::read_account(uid, &value)?)),
        None => Ok(None),
    }
}

fn existing(view: View<'_>, uid: Uid) -> Result<Account, StoreError> {
    account(view, uid)?.ok_or(StoreError::Rejected(Rejection::NoSuchAccount))
}

fn require(view: View<'_>, uid: Uid) -> Result<(), StoreError> {
    let found = view.get(&tables::account_key(uid))?.is_some();
    if found { Ok(()) } else { Err(Rejection::NoSuchAccount.into()) }
}

fn fits(field: &'static str, length: usize, limit: usize) -> Result<(), StoreError> {
    if length <= limit { Ok(()) } else { Err(Rejection::TooLong { field, limit }.into()) }
}

/// Puts a value at a key; nothing is written if it is there.
fn put(view: View<'_>, key: IVec, value: IVec, ops: &mut Ops) -> Outcome {
    if view.get(&key)?.as_ref() == Some(&value) {
        return Ok(Applied::Unchanged);
    }
    ops.put(key, value);
    Ok(Applied::Done)
}

/// Deletes a key; nothing is written if it is not there.
fn delete(view: View<'_>, key: IVec, ops: &mut Ops) -> Outcome {
    if view.get(&key)?.is_none() {
        return Ok(Applied::Unchanged);
    }
    ops.delete(key);
    Ok(Applied::Done)
}

/// Takes the next number of a counter that begins at `first`.
fn take_number(view: View<'_>, counter: u8, first: u64, ops: &mut Ops) -> Result<u64, StoreError> {
    let key = tables::counter_key(counter);
    let number = match view.get(&key)? {
        Some(value) => records::read_number(&value)?,
        None => first,
    };
    ops.put(key, records::write_number(number.saturating_add(1))?);
    Ok(number)
}

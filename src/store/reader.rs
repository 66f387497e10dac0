//! Reading the store.

mod guard;

use std::sync::Arc;

use super::error::{Corrupt, StoreError};
use super::index::View;
use super::rules;
use super::shared::Shared;
use super::tables::{
    self, ACCOUNTS, BLOCKED_BY, BLOCKS, CATEGORIES, NICKNAMES, OFFLINE, PAL_OF, PALS, ROOMS,
};
use super::types::{Account, Category, Exclusion, ExclusionKind, OfflineMessage, RoomRecord, SignIn};
use super::{change::MAILBOX_MAX, records};
use crate::model::{CategoryId, Nickname, NicknameKey, RoomId, Timestamp, Uid};

/// Blocking reads of what has been committed. Each call sees every change acknowledged before it;
/// a call that reads several entries may see a change that commits meanwhile in some of them.
///
/// Every method fails with [`StoreError::Closed`] after the store was closed, [`StoreError::Damaged`]
/// if a record fails its checksum, and [`StoreError::Failed`] if the index cannot be read.
#[derive(Clone)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// The account with a uid.
    pub fn account(&self, uid: Uid) -> Result<Option<Account>, StoreError> {
        self.shared.view(|view| rules::account(view, uid))
    }

    /// The uid of the account with a name.
    pub fn uid_by_name(&self, name: &NicknameKey) -> Result<Option<Uid>, StoreError> {
        self.shared.view(|view| uid_by_name(view, name))
    }

    /// The account with a name.
    pub fn account_by_name(&self, name: &NicknameKey) -> Result<Option<Account>, StoreError> {
        self.shared.view(|view| match uid_by_name(view, name)? {
            Some(uid) => rules::account(view, uid),
            None => Ok(None),
        })
    }

    /// The first `limit` accounts, in the order of names, whose names in lower case begin with
    /// `prefix` (Windows-1252).
    pub fn accounts_by_prefix(&self, prefix: &[u8], limit: usize) -> Result<Vec<Account>, StoreError> {
        let mut key = vec![NICKNAMES];
        key.extend(prefix.iter().map(u8::to_ascii_lowercase));
        self.shared.view(|view| {
            let mut accounts = Vec::new();
            for (_, value) in view.scan(&key, None, limit)? {
                accounts.extend(rules::account(view, records::read_uid(&value)?)?);
            }
            Ok(accounts)
        })
    }

    /// Up to `limit` accounts with uids above `after`, in the order of uids.
    pub fn accounts_after(&self, after: Option<Uid>, limit: usize) -> Result<Vec<Account>, StoreError> {
        self.shared.view(|view| {
            let after = after.map(tables::account_key);
            view.scan(&[ACCOUNTS], after.as_deref(), limit)?
                .into_iter()
                .map(|(key, value)| {
                    let uid = tables::account_uid(&key).ok_or(Corrupt("an account has a strange key"))?;
                    Ok(records::read_account(uid, &value)?)
                })
                .collect()
        })
    }

    /// All accounts in the order of uids, read a page at a time. Ends after the first error.
    pub fn accounts(&self) -> Accounts {
        Accounts { reader: self.clone(), page: Vec::new().into_iter(), last: None, done: false }
    }

    /// The pals of an account, by uid; entries whose account is gone are left out.
    pub fn pals(&self, uid: Uid) -> Result<Vec<(Uid, Nickname)>, StoreError> {
        self.shared.view(|view| list(view, PALS, uid))
    }

    /// Those who have an account as their pal.
    pub fn pal_of(&self, uid: Uid) -> Result<Vec<Uid>, StoreError> {
        self.shared.view(|view| seconds(view, PAL_OF, uid))
    }

    /// Whom an account blocks, by uid; entries whose account is gone are left out.
    pub fn blocks(&self, uid: Uid) -> Result<Vec<(Uid, Nickname)>, StoreError> {
        self.shared.view(|view| list(view, BLOCKS, uid))
    }

    /// Those who block an account.
    pub fn blocked_by(&self, uid: Uid) -> Result<Vec<Uid>, StoreError> {
        self.shared.view(|view| seconds(view, BLOCKED_BY, uid))
    }

    /// How many messages wait for an account.
    pub fn offline_count(&self, uid: Uid) -> Result<usize, StoreError> {
        self.shared.view(|view| offline_count(view, uid))
    }

    /// The messages that wait for an account, oldest first.
    pub fn offline(&self, uid: Uid) -> Result<Vec<OfflineMessage>, StoreError> {
        self.shared.view(|view| rules::offline::all(view, uid))
    }

    /// Up to `limit` of the messages that an account sent and that still wait, with their recipients.
    /// Reads all waiting messages, a page at a time: for what is asked seldom.
    pub fn offline_from(&self, from: Uid, limit: usize) -> Result<Vec<(Uid, OfflineMessage)>, StoreError> {
        const PAGE: usize = 1000;
        const STRANGE: Corrupt = Corrupt("a stored message has a strange key");
        let mut found = Vec::new();
        let mut after = None;
        while found.len() < limit {
            let page = self.shared.view(|view| view.scan(&[OFFLINE], after.as_deref(), PAGE))?;
            for (key, value) in &page {
                let to = tables::offline_recipient(key).ok_or(STRANGE)?;
                let message = records::read_offline(tables::offline_id(key).ok_or(STRANGE)?, value)?;
                if message.from == from {
                    found.push((to, message));
                }
            }
            after = match page.into_iter().next_back() {
                Some((key, _)) => Some(key),
                None => break,
            };
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Up to `limit` accounts for which messages wait that were sent before a moment. Reads all
    /// waiting messages, a page at a time: for housekeeping.
    pub fn offline_expired(&self, before: Timestamp, limit: usize) -> Result<Vec<Uid>, StoreError> {
        const PAGE: usize = 1000;
        let mut found: Vec<Uid> = Vec::new();
        let mut after = None;
        while found.len() < limit {
            let page = self.shared.view(|view| view.scan(&[OFFLINE], after.as_deref(), PAGE))?;
            for (key, value) in &page {
                let uid =
                    tables::offline_recipient(key).ok_or(Corrupt("a stored message has a strange key"))?;
                if found.last() != Some(&uid) && records::read_offline(0, value)?.at < before {
                    found.push(uid);
                }
            }
            after = match page.into_iter().next_back() {
                Some((key, _)) => Some(key),
                None => break,
            };
        }
        found.truncate(limit);
        Ok(found)
    }

    /// All categories, by position, then number.
    pub fn categories(&self) -> Result<Vec<Category>, StoreError> {
        let mut categories = self.shared.view(|view| {
            view.scan(&[CATEGORIES], None, usize::MAX)?
                .into_iter()
                .map(|(key, value)| {
                    let id = key.get(1..).and_then(|id| id.try_into().ok()).map(u16::from_be_bytes);
                    let id = id.ok_or(Corrupt("a category has a strange key"))?;
                    Ok(records::read_category(CategoryId(id), &value)?)
                })
                .collect::<Result<Vec<_>, StoreError>>()
        })?;
        categories.sort_by_key(|category| (category.position, category.id));
        Ok(categories)
    }

    /// All permanent rooms, by number.
    pub fn rooms(&self) -> Result<Vec<RoomRecord>, StoreError> {
        self.shared.view(|view| {
            view.scan(&[ROOMS], None, usize::MAX)?
                .into_iter()
                .map(|(key, value)| {
                    let id = key.get(1..).and_then(|id| id.try_into().ok()).map(u32::from_be_bytes);
                    let id = id.ok_or(Corrupt("a room has a strange key"))?;
                    Ok(records::read_room(RoomId(id), &value)?)
                })
                .collect()
        })
    }

    /// Who is bounced or banned from permanent rooms, by room and uid. Bounces that have run out may
    /// be among them.
    pub fn exclusions(&self, kind: ExclusionKind) -> Result<Vec<(RoomId, Exclusion)>, StoreError> {
        self.shared.view(|view| {
            view.scan(&[tables::exclusions(kind)], None, usize::MAX)?
                .into_iter()
                .map(|(key, value)| {
                    let strange = Corrupt("an exclusion has a strange key");
                    let room = tables::exclusion_room(&key).ok_or(strange)?;
                    let uid = tables::second_of_pair(&key).ok_or(strange)?;
                    Ok((room, records::read_exclusion(uid, &value)?))
                })
                .collect()
        })
    }

    /// Everything that a sign-in needs; `None` if there is no such account.
    pub fn sign_in(&self, uid: Uid) -> Result<Option<SignIn>, StoreError> {
        let as_of = self.shared.flow.settled();
        self.shared.view(|view| {
            let Some(account) = rules::account(view, uid)? else { return Ok(None) };
            Ok(Some(SignIn {
                as_of,
                account,
                pals: list(view, PALS, uid)?,
                blocks: list(view, BLOCKS, uid)?,
                offline: offline_count(view, uid)?,
            }))
        })
    }
}

fn uid_by_name(view: View<'_>, name: &NicknameKey) -> Result<Option<Uid>, StoreError> {
    Ok(view.get(&tables::nickname_key(name))?.map(|value| records::read_uid(&value)).transpose()?)
}

fn seconds(view: View<'_>, table: u8, uid: Uid) -> Result<Vec<Uid>, StoreError> {
    view.scan(&tables::owner_prefix(table, uid), None, usize::MAX)?
        .iter()
        .map(|(key, _)| Ok(tables::second_of_pair(key).ok_or(Corrupt("a list has a strange key"))?))
        .collect()
}

fn list(view: View<'_>, table: u8, uid: Uid) -> Result<Vec<(Uid, Nickname)>, StoreError> {
    let mut found = Vec::new();
    for other in seconds(view, table, uid)? {
        found.extend(rules::account(view, other)?.map(|account| (other, account.nickname)));
    }
    Ok(found)
}

fn offline_count(view: View<'_>, uid: Uid) -> Result<usize, StoreError> {
    Ok(view.scan(&tables::owner_prefix(OFFLINE, uid), None, MAILBOX_MAX)?.len())
}

/// The iterator of [`Reader::accounts`].
pub struct Accounts {
    reader: Reader,
    page: std::vec::IntoIter<Account>,
    last: Option<Uid>,
    done: bool,
}

impl Accounts {
    const PAGE: usize = 256;
}

impl Iterator for Accounts {
    type Item = Result<Account, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(account) = self.page.next() {
            return Some(Ok(account));
        }
        if self.done {
            return None;
        }
        match self.reader.accounts_after(self.last, Self::PAGE) {
            Ok(page) => {
                self.done = page.len() < Self::PAGE;
                self.last = page.last().map(|account| account.uid);
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

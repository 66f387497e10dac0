//! Messages that wait for their recipients.

use super::super::change::{Applied, MAILBOX_MAX};
use super::super::error::{Corrupt, Rejection, StoreError};
use super::super::index::View;
use super::super::records;
use super::super::tables::{self, BLOCKS, NEXT_MESSAGE, OFFLINE, PALS};
use super::super::types::OfflineMessage;
use super::{Ops, Outcome, existing, take_number};
use crate::model::{MessageText, Nickname, Privacy, Timestamp, Uid};

pub(super) fn store(
    view: View<'_>,
    to: Uid,
    from: Uid,
    at: Timestamp,
    text: MessageText,
    ops: &mut Ops,
) -> Outcome {
    let recipient = existing(view, to)?;
    if view.get(&tables::pair_key(BLOCKS, to, from))?.is_some() {
        // Not stored, and nobody is told: a block is not to be noticed.
        return Ok(Applied::Unchanged);
    }
    if recipient.privacy == Privacy::Pals && view.get(&tables::pair_key(PALS, to, from))?.is_none() {
        return Err(Rejection::PalsOnly.into());
    }
    let from_nickname = if from == Uid::SERVICE {
        Nickname::built_in(b"Paltalk").map_err(|_| StoreError::Rejected(Rejection::NoSuchAccount))?
    } else {
        existing(view, from)?.nickname
    };
    if view.scan(&tables::owner_prefix(OFFLINE, to), None, MAILBOX_MAX)?.len() >= MAILBOX_MAX {
        return Err(Rejection::MailboxFull { limit: MAILBOX_MAX }.into());
    }
    let id = take_number(view, NEXT_MESSAGE, 1, ops)?;
    let message = OfflineMessage { id, from, from_nickname, at, text };
    ops.put(tables::offline_key(to, id), records::write_offline(&message)?);
    Ok(Applied::Stored(id))
}

pub(super) fn load(view: View<'_>, uid: Uid, newer_than: Timestamp) -> Outcome {
    let mut messages = all(view, uid)?;
    messages.retain(|message| message.at > newer_than);
    Ok(Applied::Offline(messages))
}

/// The messages that wait for an account, oldest first.
pub(in super::super) fn all(view: View<'_>, uid: Uid) -> Result<Vec<OfflineMessage>, StoreError> {
    view.scan(&tables::owner_prefix(OFFLINE, uid), None, usize::MAX)?
        .into_iter()
        .map(|(key, value)| {
            let id = tables::offline_id(&key).ok_or(Corrupt("a stored message has a strange key"))?;
            Ok(records::read_offline(id, &value)?)
        })
        .collect()
}

pub(super) fn discard(view: View<'_>, uid: Uid, through: u64, ops: &mut Ops) -> Outcome {
    for (key, _) in view.scan(&tables::owner_prefix(OFFLINE, uid), None, usize::MAX)? {
        if tables::offline_id(&key).is_some_and(|id| id <= through) {
            ops.delete(key);
        }
    }
    Ok(if ops.0.is_empty() { Applied::Unchanged } else { Applied::Done })
}

pub(super) fn expire(view: View<'_>, uid: Uid, before: Timestamp, ops: &mut Ops) -> Outcome {
    for message in all(view, uid)? {
        if message.at < before {
            ops.delete(tables::offline_key(uid, message.id));
        }
    }
    Ok(if ops.0.is_empty() { Applied::Unchanged } else { Applied::Done })
}

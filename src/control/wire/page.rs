//! Tables: windows into them, what changes in a window, and rows.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::hub::rows::{RoomRow, UserRow};
use crate::model::{RoomId, Uid};

/// A window into a table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Page {
    /// How many rows there are without the filter.
    pub total: u32,
    /// How many match.
    pub matched: u32,
    /// Where the window begins among those.
    pub offset: u32,
    /// The rows.
    pub rows: Rows,
}

/// What has changed in a window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PageChange {
    /// As in [`Page`].
    pub total: u32,
    /// As in [`Page`].
    pub matched: u32,
    /// As in [`Page`].
    pub offset: u32,
    /// The ids in the window, in their order.
    pub order: Vec<u32>,
    /// The rows that are new or different.
    pub rows: Rows,
}

impl Page {
    /// Brings a window up to date. An error means that the change does not belong to this window: the
    /// view has to be watched anew.
    pub fn apply(&mut self, change: PageChange) -> Result<(), Mismatch> {
        let PageChange { total, matched, offset, order, rows } = change;
        let rows = match (&mut self.rows, rows) {
            (Rows::Users(old), Rows::Users(new)) => Rows::Users(merge(old, new, &order)?),
            (Rows::Rooms(old), Rows::Rooms(new)) => Rows::Rooms(merge(old, new, &order)?),
            (Rows::Strikes(old), Rows::Strikes(new)) => Rows::Strikes(merge(old, new, &order)?),
            _ => return Err(Mismatch),
        };
        *self = Page { total, matched, offset, rows };
        Ok(())
    }
}

/// A change of another window than the one at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an update does not belong to what is shown")]
pub struct Mismatch;

/// A row with an id that stays the same as long as what it describes does.
pub trait Identified {
    /// The id.
    fn id(&self) -> u32;
}

impl Identified for UserRow {
    fn id(&self) -> u32 {
        self.uid.0
    }
}

impl Identified for RoomRow {
    fn id(&self) -> u32 {
        self.id.0
    }
}

impl Identified for StrikeRow {
    fn id(&self) -> u32 {
        self.uid.0
    }
}

fn merge<R: Identified + Clone>(old: &[R], new: Vec<R>, order: &[u32]) -> Result<Vec<R>, Mismatch> {
    let mut known: HashMap<u32, R> = old.iter().map(|row| (row.id(), row.clone())).collect();
    known.extend(new.into_iter().map(|row| (row.id(), row)));
    order.iter().map(|id| known.remove(id).ok_or(Mismatch)).collect()
}

/// Rows of one table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Rows {
    /// Users.
    Users(Vec<UserRow>),
    /// Rooms.
    Rooms(Vec<RoomRow>),
    /// Strikes.
    Strikes(Vec<StrikeRow>),
}

/// Somebody whom the limits have caught.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrikeRow {
    /// His uid.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// His strikes, 0 to 2.
    pub strikes: u8,
    /// His stage, 0 for none.
    pub stage: u16,
    /// Seconds for which he is still muted.
    pub muted_seconds: u64,
    /// All violations there were.
    pub violations: u32,
    /// The limit that was broken last: `COOLDOWN`, `WINDOW` or the name of a detector.
    pub last_reason: String,
    /// The figures of it.
    pub last_detail: String,
    /// When, RFC 3339 in UTC.
    pub last_at: Option<String>,
}

/// A ban in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BanRow {
    /// The nickname, or the address or network.
    pub target: String,
    /// `account`, `address` or `room`.
    pub scope: String,
    /// The room, if it is a ban from one.
    pub room: Option<RoomId>,
    /// When it ends, RFC 3339 in UTC; `None` if it does not.
    pub until: Option<String>,
    /// Why.
    pub reason: String,
    /// Who has given it.
    pub by: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

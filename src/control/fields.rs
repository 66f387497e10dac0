//! The columns of users, rooms and strikes by which one can filter and sort.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::IpAddr;

use crate::hub::rows::{RoomRow, UserRow};
use crate::model::{RoomId, Status};

use super::wire::{Identified, StrikeRow};

/// What kind of values a column holds, and so what a filter may ask of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text; `:` is "contains", whatever the case.
    Text,
    /// A number.
    Number,
    /// Seconds, written as in `10m`.
    Time,
    /// Microseconds, written as in `200ms`; a bare number is milliseconds.
    Moment,
    /// Yes or no.
    Flag,
    /// An address; `:` is "in that network".
    Address,
    /// Rooms, by number or name.
    Rooms,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name; what is listed first is the usual one.
    pub names: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
    /// Whether a bare word is looked for in it.
    pub searched: bool,
}

/// The value in a column of a row.
#[derive(Clone, PartialEq, Debug)]
pub enum Value<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A number or seconds.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// An address.
    Address(IpAddr),
    /// Rooms.
    Rooms(&'a [RoomId]),
    /// Nothing is known; no comparison holds for it.
    Unknown,
}

/// Names of rooms, for filters of users.
pub type RoomNames = HashMap<RoomId, String>;

/// A row that can be filtered and sorted.
pub trait Row: Identified + Clone + PartialEq {
    /// The columns; the first is the usual one to sort by.
    const FIELDS: &'static [Field];

    /// The value in the column with this place in [`Row::FIELDS`].
    fn value(&self, field: usize) -> Value<'_>;
}

/// The column with a name.
pub fn find<R: Row>(name: &str) -> Option<usize> {
    R::FIELDS.iter().position(|field| field.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// `value` as it is sorted by: capitals do not count.
pub fn key(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Text(text) if text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) => {
            Value::Text(text.chars().flat_map(char::to_lowercase).collect())
        }
        value => value,
    }
}

/// The order of two [`key`]s of one column.
pub fn compare(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Flag(a), Value::Flag(b)) => a.cmp(b),
        (Value::Address(a), Value::Address(b)) => a.cmp(b),
        (Value::Rooms(a), Value::Rooms(b)) => a.len().cmp(&b.len()),
        (Value::Unknown, Value::Unknown) => Ordering::Equal,
        (Value::Unknown, _) => Ordering::Less,
        (_, Value::Unknown) => Ordering::Greater,
        // One column holds values of one kind.
        _ => Ordering::Equal,
    }
}

const fn field(names: &'static [&'static str], kind: Kind) -> Field {
    Field { names, kind, searched: false }
}

const fn searched(names: &'static [&'static str]) -> Field {
    Field { names, kind: Kind::Text, searched: true }
}

fn number<'a>(number: impl Into<u64>) -> Value<'a> {
    Value::Number(number.into())
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

impl Row for UserRow {
    const FIELDS: &'static [Field] = &[
        searched(&["nickname", "nick", "name", "user"]),
        field(&["uid", "id"], Kind::Number),
        field(&["status", "state"], Kind::Text),
        field(&["idle_seconds", "idle"], Kind::Time),
        Field { names: &["address", "ip", "addr"], kind: Kind::Address, searched: true },
        field(&["client", "version"], Kind::Text),
        field(&["connected_seconds", "connected", "online"], Kind::Time),
        field(&["rooms", "room"], Kind::Rooms),
        field(&["roles", "role"], Kind::Text),
        field(&["bytes_in", "in"], Kind::Number),
        field(&["bytes_out", "out"], Kind::Number),
        field(&["pending_bytes", "pending"], Kind::Number),
        field(&["messages", "msgs"], Kind::Number),
        field(&["strikes", "strike"], Kind::Number),
        field(&["stage"], Kind::Number),
        field(&["muted_seconds", "muted"], Kind::Time),
        field(&["rtt_micros", "rtt"], Kind::Moment),
    ];

    fn value(&self, field: usize) -> Value<'_> {
        match field {
            0 => text(&self.nickname),
            1 => number(self.uid.0),
            2 => text(match self.status {
                Status::Online => "online",
                Status::Away => "away",
                Status::Dnd => "dnd",
                Status::Invisible => "invisible",
            }),
            3 => number(self.idle_seconds),
            4 => Value::Address(self.address),
            5 => text(&self.client),
            6 => number(self.connected_seconds),
            7 => Value::Rooms(&self.rooms),
            8 => {
                let names: Vec<String> = self.roles.iter().map(ToString::to_string).collect();
                Value::Text(names.join(" ").into())
            }
            9 => number(self.bytes_in),
            10 => number(self.bytes_out),
            11 => number(self.pending_bytes),
            12 => number(self.messages),
            13 => number(self.strikes),
            14 => number(self.stage),
            15 => number(self.muted_seconds),
            _ => self.rtt_micros.map_or(Value::Unknown, number),
        }
    }
}

impl Row for RoomRow {
    const FIELDS: &'static [Field] = &[
        field(&["id", "room"], Kind::Number),
        searched(&["name"]),
        searched(&["category", "cat"]),
        field(&["rating"], Kind::Text),
        field(&["voice"], Kind::Flag),
        field(&["private"], Kind::Flag),
        field(&["locked", "lock"], Kind::Flag),
        field(&["permanent", "perm"], Kind::Flag),
        field(&["members", "users"], Kind::Number),
        field(&["speakers"], Kind::Number),
        field(&["hands_up", "hands"], Kind::Number),
        searched(&["topic"]),
        searched(&["owner"]),
        field(&["messages", "msgs"], Kind::Number),
    ];

    fn value(&self, field: usize) -> Value<'_> {
        match field {
            0 => number(self.id.0),
            1 => text(&self.name),
            2 => text(&self.category),
            3 => Value::Text(self.rating.to_string().into()),
            4 => Value::Flag(self.voice),
            5 => Value::Flag(self.private),
            6 => Value::Flag(self.locked),
            7 => Value::Flag(self.permanent),
            8 => number(self.members),
            9 => number(self.speakers),
            10 => number(self.hands_up),
            11 => text(&self.topic),
            12 => text(self.owner.as_deref().unwrap_or_default()),
            _ => number(self.messages),
        }
    }
}

impl Row for StrikeRow {
    const FIELDS: &'static [Field] = &[
        searched(&["nickname", "nick", "name", "user"]),
        field(&["uid", "id"], Kind::Number),
        field(&["strikes", "strike"], Kind::Number),
        field(&["stage"], Kind::Number),
        field(&["muted_seconds", "muted"], Kind::Time),
        field(&["violations"], Kind::Number),
        searched(&["last_reason", "reason"]),
        searched(&["last_detail", "detail"]),
        field(&["last_at", "at"], Kind::Text),
    ];

    fn value(&self, field: usize) -> Value<'_> {
        match field {
            0 => text(&self.nickname),
            1 => number(self.uid.0),
            2 => number(self.strikes),
            3 => number(self.stage),
            4 => number(self.muted_seconds),
            5 => number(self.violations),
            6 => text(&self.last_reason),
            7 => text(&self.last_detail),
            _ => text(self.last_at.as_deref().unwrap_or_default()),
        }
    }
}

//! The catalogue of tables: the map of the disk.
//!
//! All tables live in one sled tree, because a sled batch is atomic within one tree only: the
//! changes of a group, the sequence they bring the index to and the tallies of the tables must
//! arrive together or not at all. The first byte of a key names its table. Numbers in keys are
//! big-endian, so that the order of keys is the order of numbers. A table's number is never used
//! for anything else, even after the table is gone.

mod guard;

use sled::IVec;

pub(super) use guard::*;

use super::types::ExclusionKind;
use crate::model::{CategoryId, NicknameKey, RoomId, Uid};

/// The newest schema this program reads and the one it writes.
pub const SCHEMA: u32 = 3;

/// One table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table {
    /// The first byte of its keys.
    pub byte: u8,
    /// Its name in reports.
    pub name: &'static str,
    /// What follows the first byte in a key.
    pub key: &'static str,
    /// The record type of its values.
    pub value: &'static str,
    /// The schema that introduced it.
    pub since: u32,
}

/// The state of the index itself: store id, sequence reached, tallies. Written with every batch,
/// never in the journal and in no tally.
pub(super) const STATE: u8 = 0;
/// Numbers: the next ones to give, and how many bans there are.
pub(super) const COUNTERS: u8 = 1;
/// Accounts.
pub(super) const ACCOUNTS: u8 = 2;
/// Who has a nickname.
pub(super) const NICKNAMES: u8 = 3;
/// Pal lists.
pub(super) const PALS: u8 = 4;
/// Who has somebody as a pal: the reverse of [`PALS`].
pub(super) const PAL_OF: u8 = 5;
/// Block lists.
pub(super) const BLOCKS: u8 = 6;
/// Who blocks somebody: the reverse of [`BLOCKS`].
pub(super) const BLOCKED_BY: u8 = 7;
/// Messages waiting for their recipients.
pub(super) const OFFLINE: u8 = 8;
/// Permanent rooms.
pub(super) const ROOMS: u8 = 9;
/// Room categories.
pub(super) const CATEGORIES: u8 = 10;
/// Who is bounced from permanent rooms.
pub(super) const BOUNCES: u8 = 11;
/// Who is banned from permanent rooms.
pub(super) const BANS: u8 = 12;

/// Bans of accounts.
pub(super) const ACCOUNT_BANS: u8 = 13;
/// Bans of addresses and networks.
pub(super) const NETWORK_BANS: u8 = 14;
/// Mutes of accounts.
pub(super) const MUTES: u8 = 15;
/// Warnings of accounts.
pub(super) const WARNINGS: u8 = 16;
/// What the limits on sending hold against accounts.
pub(super) const STRIKES: u8 = 17;
/// What the detectors hold against accounts.
pub(super) const OFFENCES: u8 = 18;
/// When bans and mutes run out.
pub(super) const EXPIRIES: u8 = 19;
/// Settings that were changed at run time.
pub(super) const SETTINGS: u8 = 20;
/// Filters of messages.
pub(super) const FILTERS: u8 = 21;
/// Links that may always be posted.
pub(super) const LINKS: u8 = 22;
/// The audit log.
pub(super) const AUDIT: u8 = 23;

/// Every table there is.
pub const TABLES: [Table; 24] = [
    table(STATE, "state", "", "State"),
    table(COUNTERS, "counters", "counter u8", "u64"),
    table(ACCOUNTS, "accounts", "uid u32", "Account"),
    table(NICKNAMES, "nicknames", "nickname in lower case", "uid u32"),
    table(PALS, "pals", "owner u32, pal u32", "time u64"),
    table(PAL_OF, "pal_of", "pal u32, owner u32", "()"),
    table(BLOCKS, "blocks", "owner u32, blocked u32", "time u64"),
    table(BLOCKED_BY, "blocked_by", "blocked u32, owner u32", "()"),
    table(OFFLINE, "offline", "recipient u32, message u64", "Offline"),
    table(ROOMS, "rooms", "room u32", "Room"),
    table(CATEGORIES, "categories", "category u16", "Category"),
    Table { since: 2, ..table(BOUNCES, "bounces", "room u32, uid u32", "Exclusion") },
    Table { since: 2, ..table(BANS, "bans", "room u32, uid u32", "Exclusion") },
    Table { since: 3, ..table(ACCOUNT_BANS, "account_bans", "uid u32", "Ban") },
    Table { since: 3, ..table(NETWORK_BANS, "network_bans", "family u8, address, bits u8", "Ban") },
    Table { since: 3, ..table(MUTES, "mutes", "uid u32, kind u8", "Mute") },
    Table { since: 3, ..table(WARNINGS, "warnings", "uid u32", "Warnings") },
    Table { since: 3, ..table(STRIKES, "strikes", "uid u32", "Strikes") },
    Table { since: 3, ..table(OFFENCES, "offences", "uid u32", "Offences") },
    Table { since: 3, ..table(EXPIRIES, "expiries", "time u64, key of the ban or mute", "()") },
    Table { since: 3, ..table(SETTINGS, "settings", "name", "Text") },
    Table { since: 3, ..table(FILTERS, "filters", "filter u32", "Filter") },
    Table { since: 3, ..table(LINKS, "links", "kind u8, text", "Link") },
    Table { since: 3, ..table(AUDIT, "audit", "entry u64", "Audit") },
];

const fn table(byte: u8, name: &'static str, key: &'static str, value: &'static str) -> Table {
    Table { byte, name, key, value, since: 1 }
}

/// The counter of uids: the next one to give.
pub(super) const NEXT_UID: u8 = 1;
/// The counter of stored messages: the next id to give.
pub(super) const NEXT_MESSAGE: u8 = 2;
/// The counter of filters: the next number to give.
pub(super) const NEXT_FILTER: u8 = 3;
/// The counter of the audit log: the number of its next entry.
pub(super) const NEXT_AUDIT: u8 = 4;
/// How many bans there are, of accounts and networks.
pub(super) const BANS_HELD: u8 = 5;

pub(super) fn state_key() -> IVec {
    IVec::from(&[STATE])
}

pub(super) fn counter_key(counter: u8) -> IVec {
    IVec::from(&[COUNTERS, counter])
}

pub(super) fn account_key(uid: Uid) -> IVec {
    of_number(ACCOUNTS, uid.0)
}

pub(super) fn nickname_key(key: &NicknameKey) -> IVec {
    let mut bytes = vec![NICKNAMES];
    bytes.extend_from_slice(key.as_bytes());
    IVec::from(bytes)
}

/// The key of an entry in one of the four list tables.
pub(super) fn pair_key(table: u8, owner: Uid, other: Uid) -> IVec {
    let mut bytes = [table, 0, 0, 0, 0, 0, 0, 0, 0];
    for (target, byte) in
        bytes.iter_mut().skip(1).zip(owner.0.to_be_bytes().into_iter().chain(other.0.to_be_bytes()))
    {
        *target = byte;
    }
    IVec::from(&bytes)
}

/// What the keys of everything that belongs to `uid` in `table` begin with.
pub(super) fn owner_prefix(table: u8, uid: Uid) -> IVec {
    of_number(table, uid.0)
}

pub(super) fn offline_key(to: Uid, id: u64) -> IVec {
    let mut bytes = of_number(OFFLINE, to.0).to_vec();
    bytes.extend_from_slice(&id.to_be_bytes());
    IVec::from(bytes)
}

pub(super) fn room_key(room: RoomId) -> IVec {
    of_number(ROOMS, room.0)
}

/// The table of one kind of exclusions.
pub(super) fn exclusions(kind: ExclusionKind) -> u8 {
    match kind {
        ExclusionKind::Bounce => BOUNCES,
        ExclusionKind::Ban => BANS,
    }
}

/// The key of a user who is kept out of a room. The second number is read by [`second_of_pair`].
pub(super) fn exclusion_key(kind: ExclusionKind, room: RoomId, uid: Uid) -> IVec {
    pair_key(exclusions(kind), Uid(room.0), uid)
}

/// What the keys of everybody who is kept out of a room begin with.
pub(super) fn exclusion_prefix(kind: ExclusionKind, room: RoomId) -> IVec {
    of_number(exclusions(kind), room.0)
}

/// The room in the key of an exclusion.
pub(super) fn exclusion_room(key: &[u8]) -> Option<RoomId> {
    if key.len() != 9 {
        return None;
    }
    key.get(1..)?.first_chunk::<4>().map(|bytes| RoomId(u32::from_be_bytes(*bytes)))
}

pub(super) fn category_key(category: CategoryId) -> IVec {
    let [high, low] = category.0.to_be_bytes();
    IVec::from(&[CATEGORIES, high, low])
}

/// The second number of a pair key: the pal, the blocked one, or in the reverse tables the owner.
pub(super) fn second_of_pair(key: &[u8]) -> Option<Uid> {
    if key.len() != 9 {
        return None;
    }
    key.last_chunk::<4>().map(|bytes| Uid(u32::from_be_bytes(*bytes)))
}

/// The recipient in the key of a stored message.
pub(super) fn offline_recipient(key: &[u8]) -> Option<Uid> {
    if key.len() != 13 {
        return None;
    }
    key.get(1..)?.first_chunk::<4>().map(|bytes| Uid(u32::from_be_bytes(*bytes)))
}

/// The id in the key of a stored message.
pub(super) fn offline_id(key: &[u8]) -> Option<u64> {
    if key.len() != 13 {
        return None;
    }
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The uid in the key of an account.
pub(super) fn account_uid(key: &[u8]) -> Option<Uid> {
    if key.len() != 5 {
        return None;
    }
    key.last_chunk::<4>().map(|bytes| Uid(u32::from_be_bytes(*bytes)))
}

fn of_number(table: u8, number: u32) -> IVec {
    let [a, b, c, d] = number.to_be_bytes();
    IVec::from(&[table, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_stands_at_its_number() {
        for (index, table) in TABLES.iter().enumerate() {
            assert_eq!(usize::from(table.byte), index);
            assert!((1..=SCHEMA).contains(&table.since));
        }
    }

    #[test]
    fn keys_order_as_numbers() {
        assert!(account_key(Uid(255)) < account_key(Uid(256)));
        assert!(offline_key(Uid(1), u64::MAX) < offline_key(Uid(2), 0));
        assert_eq!(second_of_pair(&pair_key(PALS, Uid(7), Uid(9))), Some(Uid(9)));
        assert_eq!(offline_id(&offline_key(Uid(7), 77)), Some(77));
        assert_eq!(offline_recipient(&offline_key(Uid(7), 77)), Some(Uid(7)));
        assert_eq!(account_uid(&account_key(Uid(5))), Some(Uid(5)));
        let key = exclusion_key(ExclusionKind::Ban, RoomId(450), Uid(7));
        assert_eq!((exclusion_room(&key), second_of_pair(&key)), (Some(RoomId(450)), Some(Uid(7))));
        assert!(key.starts_with(&exclusion_prefix(ExclusionKind::Ban, RoomId(450))));
    }
}

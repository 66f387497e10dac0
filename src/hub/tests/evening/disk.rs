//! What the store would hold of rooms.

use super::*;
use crate::hub::contacts::Lists;
use crate::hub::doubt::{Doubt, Truth};

#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) lists: BTreeMap<Uid, Lists>,
    pub(super) rooms: BTreeMap<RoomId, RoomRecord>,
    pub(super) exclusions: BTreeMap<(ExclusionKind, RoomId, Uid), Exclusion>,
}

impl Disk {
    /// Takes a change; whether the rules of the store let it.
    pub(super) fn commit(&mut self, change: &Change) -> bool {
        match change {
            Change::PutRoom(room) => {
                self.rooms.insert(room.id, room.clone());
            }
            Change::Exclude { room, kind, entry } => {
                if !self.rooms.contains_key(room) {
                    return false;
                }
                self.exclusions.insert((*kind, *room, entry.uid), entry.clone());
            }
            Change::LetIn { room, kind, uid } => {
                let meant = |key: &(ExclusionKind, RoomId, Uid)| {
                    (key.0, key.1) == (*kind, *room) && uid.is_none_or(|uid| uid == key.2)
                };
                self.exclusions.retain(|key, _| !meant(key));
            }
            Change::DeleteRoom(room) => {
                self.rooms.remove(room);
                self.exclusions.retain(|key, _| key.1 != *room);
            }
            Change::WithAudit { changes, .. } => {
                // All or nothing.
                let before = self.clone();
                if !changes.iter().all(|change| self.commit(change)) {
                    *self = before;
                    return false;
                }
            }
            Change::Block { uid, blocked, .. } => {
                let blocks = &mut self.lists.get_mut(uid).unwrap().blocks;
                blocks.push(*blocked);
                blocks.sort_unstable();
                blocks.dedup();
            }
            Change::Unblock { uid, blocked } => {
                self.lists.get_mut(uid).unwrap().blocks.retain(|other| other != blocked);
            }
            _ => {}
        }
        true
    }

    /// What there is of something that is in doubt.
    pub(super) fn read(&self, doubt: Doubt, now: Timestamp) -> Truth {
        match doubt {
            Doubt::Account(uid) => Truth::Account(uid, Box::default()),
            Doubt::Network(target) => Truth::Network(target, None),
            Doubt::Settings => Truth::Settings(Vec::new()),
            Doubt::Lists(uid) => Truth::Lists(uid, self.lists.get(&uid).cloned().map(Box::new)),
            Doubt::Room(id) => {
                let room = self.rooms.get(&id).map(|record| {
                    let owner = record.owner.map(|uid| person(uid.0 - person(0).uid.0));
                    let mut room = Room::permanent(record.clone(), owner);
                    for ((kind, _, uid), entry) in self.exclusions.iter().filter(|(key, _)| key.1 == id) {
                        if entry.holds(now) {
                            room.exclusions_mut(*kind).insert(*uid, entry.clone());
                        }
                    }
                    Box::new(room)
                });
                Truth::Room(id, room)
            }
        }
    }
}

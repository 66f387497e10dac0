//! What the store would hold of rooms and people.

use super::*;
use crate::hub::contacts::Lists;
use crate::hub::doubt::{Doubt, Truth};
use crate::store::{Ban, BanTarget, MAILBOX_MAX, OffenceRecord, OfflineMessage, Sanctions};

#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) lists: BTreeMap<Uid, Lists>,
    pub(super) rooms: BTreeMap<RoomId, RoomRecord>,
    pub(super) exclusions: BTreeMap<(ExclusionKind, RoomId, Uid), Exclusion>,
    pub(super) accounts: BTreeMap<Uid, Sanctions>,
    pub(super) networks: BTreeMap<BanTarget, Ban>,
    settings: BTreeMap<String, String>,
    /// Messages that wait, oldest first.
    pub(super) mail: BTreeMap<Uid, Vec<OfflineMessage>>,
    last_mail: u64,
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
            Change::SetSetting { name, value } => {
                self.settings.insert(name.clone(), value.clone());
            }
            Change::ClearSetting { name } => {
                self.settings.remove(name);
            }
            Change::StoreOffline { to, from, at, text } => return self.post(*to, *from, *at, text.clone()),
            Change::DropOffline { uid, through } => {
                self.mail.entry(*uid).or_default().retain(|message| message.id > *through);
            }
            other => {
                self.list(other);
                self.hold(other);
            }
        }
        true
    }

    /// Pals, blocks and privacy.
    fn list(&mut self, change: &Change) {
        let add = |list: &mut Vec<Uid>, uid: Uid| {
            list.push(uid);
            list.sort_unstable();
            list.dedup();
        };
        match change {
            Change::Block { uid, blocked, .. } => add(&mut self.lists.get_mut(uid).unwrap().blocks, *blocked),
            Change::Unblock { uid, blocked } => {
                self.lists.get_mut(uid).unwrap().blocks.retain(|other| other != blocked);
            }
            Change::AddPal { uid, pal, .. } => add(&mut self.lists.get_mut(uid).unwrap().pals, *pal),
            Change::RemovePal { uid, pal } => {
                self.lists.get_mut(uid).unwrap().pals.retain(|other| other != pal);
            }
            Change::SetPrivacy { uid, privacy } => self.lists.get_mut(uid).unwrap().privacy = *privacy,
            _ => {}
        }
    }

    fn of(&mut self, uid: Uid) -> &mut Sanctions {
        self.accounts.entry(uid).or_default()
    }

    /// What is held against people.
    fn hold(&mut self, change: &Change) {
        match change {
            Change::PutBan(ban) => match ban.target {
                BanTarget::Account(uid) => self.of(uid).ban = Some(ban.clone()),
                target => _ = self.networks.insert(target.canonical(), ban.clone()),
            },
            Change::LiftBan { target: BanTarget::Account(uid) } => self.of(*uid).ban = None,
            Change::LiftBan { target } => _ = self.networks.remove(&target.canonical()),
            Change::PutMute { uid, mute } => {
                let mutes = &mut self.of(*uid).mutes;
                mutes.retain(|other| other.kind != mute.kind);
                mutes.push(mute.clone());
            }
            Change::LiftMute { uid, kind } => self.of(*uid).mutes.retain(|other| other.kind != *kind),
            Change::AddWarning { uid, warning } => self.of(*uid).warnings.push(warning.clone()),
            Change::ClearWarnings { uid } => self.of(*uid).warnings.clear(),
            Change::PutStrikes { uid, record } => self.of(*uid).strikes = Some(record.clone()),
            Change::ClearStrikes { uid } => self.of(*uid).strikes = None,
            Change::PutOffences { uid, record } => self.of(*uid).offences = Some(*record),
            Change::ClearOffences { uid: Some(uid) } => {
                let exempt = self.of(*uid).offences.is_some_and(|record| record.exempt);
                self.of(*uid).offences = exempt.then(|| OffenceRecord { exempt, ..OffenceRecord::default() });
            }
            _ => {}
        }
    }

    /// Keeps a message, unless its recipient does not want it. Returns whether its sender need not be told.
    fn post(&mut self, to: Uid, from: Uid, at: Timestamp, text: MessageText) -> bool {
        let lists = &self.lists[&to];
        if lists.blocks.contains(&from) {
            return true;
        }
        let wanted = lists.privacy != Privacy::Pals || lists.pals.contains(&from);
        let box_of = self.mail.entry(to).or_default();
        if !wanted || box_of.len() >= MAILBOX_MAX {
            return false;
        }
        self.last_mail += 1;
        let from_nickname = person(from.0 - person(0).uid.0).nickname;
        box_of.push(OfflineMessage { id: self.last_mail, from, from_nickname, at, text });
        true
    }

    pub(super) fn settings(&self) -> Vec<(String, String)> {
        self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The permanent rooms, without members.
    pub(super) fn all_rooms(&self, now: Timestamp) -> Vec<Room> {
        self.rooms.keys().filter_map(|id| self.room(*id, now)).collect()
    }

    fn room(&self, id: RoomId, now: Timestamp) -> Option<Room> {
        let record = self.rooms.get(&id)?;
        let owner = record.owner.map(|owner| person(owner.0 - person(0).uid.0));
        let mut room = Room::permanent(record.clone(), owner);
        for ((kind, _, uid), entry) in self.exclusions.iter().filter(|(key, _)| key.1 == id) {
            if entry.holds(now) {
                room.exclusions_mut(*kind).insert(*uid, entry.clone());
            }
        }
        Some(room)
    }

    /// What there is of something that is in doubt.
    pub(super) fn read(&self, doubt: Doubt, now: Timestamp) -> Truth {
        match doubt {
            Doubt::Account(uid) => {
                Truth::Account(uid, Box::new(self.accounts.get(&uid).cloned().unwrap_or_default()))
            }
            Doubt::Network(target) => Truth::Network(target, self.networks.get(&target).cloned()),
            Doubt::Settings => Truth::Settings(self.settings()),
            Doubt::Lists(uid) => Truth::Lists(uid, self.lists.get(&uid).cloned().map(Box::new)),
            Doubt::Room(id) => Truth::Room(id, self.room(id, now).map(Box::new)),
        }
    }
}

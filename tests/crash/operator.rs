//! What an operator was told is done: bans, mutes, roles, passwords, rooms, and the record of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use paltalkd::control::client::{Client, ClientError};
use paltalkd::control::wire::{AccountOrder, BanTarget, Order, Reply, Request, RoomChanges, Target};
use paltalkd::model::{Author, Role, RoomId, RoomKind, Uid};
use paltalkd::store::{self, AuditQuery, AuditRecord, Store};

use super::cheap_hash;

/// Rooms with these names come and go.
const ROOMS: [&str; 5] = ["Den 0", "Den 1", "Den 2", "Den 3", "Den 4"];

/// Something that is ordered. People and rooms go by their place in a list.
#[derive(Clone, Debug)]
enum Act {
    Ban(Uid),
    Mute(Uid),
    Trust(Uid),
    Password(Uid, String),
    /// Makes the room, changes its topic, or deletes it.
    Room(&'static str, Option<String>),
}

/// What the store has to hold.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Kept {
    banned: BTreeSet<Uid>,
    muted: BTreeSet<Uid>,
    trusted: BTreeSet<Uid>,
    passwords: BTreeMap<Uid, String>,
    /// The topic of each room.
    rooms: BTreeMap<String, String>,
    /// Actions and whom they were about, oldest first, since the last check.
    audit: Vec<(String, String)>,
}

impl Kept {
    /// After an act.
    fn with(&self, act: &Act, names: &BTreeMap<Uid, String>) -> Kept {
        let mut kept = self.clone();
        let (action, target) = match act {
            Act::Ban(uid) => (toggled(&mut kept.banned, *uid, ["ban", "unban"]), names[uid].as_str()),
            Act::Mute(uid) => (toggled(&mut kept.muted, *uid, ["mute", "unmute"]), names[uid].as_str()),
            Act::Trust(uid) => (toggled(&mut kept.trusted, *uid, ["account_set"; 2]), names[uid].as_str()),
            Act::Password(uid, hash) => {
                kept.passwords.insert(*uid, hash.clone());
                ("account_password", names[uid].as_str())
            }
            Act::Room(name, None) => {
                kept.rooms.remove(*name);
                ("delete_room", *name)
            }
            Act::Room(name, Some(topic)) => match kept.rooms.insert((*name).to_owned(), topic.clone()) {
                None => ("create_room", *name),
                Some(_) => ("set_room", *name),
            },
        };
        kept.audit.push((action.to_owned(), target.to_owned()));
        kept
    }
}

fn toggled(set: &mut BTreeSet<Uid>, uid: Uid, [on, off]: [&'static str; 2]) -> &'static str {
    if set.remove(&uid) {
        return off;
    }
    set.insert(uid);
    on
}

/// Acts through the control socket, and knows what has been answered.
pub(super) struct Operator {
    /// Whom it acts on; they never sign in.
    people: BTreeMap<Uid, String>,
    hashes: Vec<String>,
    room_ids: BTreeMap<String, RoomId>,
    told: Kept,
    /// What has been ordered without an answer yet.
    open: Option<Act>,
    step: usize,
    /// The number of the last record that has been looked at.
    seen: u64,
}

impl Operator {
    pub(super) fn new(people: BTreeMap<Uid, String>) -> Operator {
        let hashes = ["one", "two"].map(|word| cheap_hash(word).as_str().to_owned()).to_vec();
        let passwords = people.keys().map(|uid| (*uid, String::new())).collect();
        let told = Kept { passwords, ..Kept::default() };
        Operator { people, hashes, room_ids: BTreeMap::new(), told, open: None, step: 0, seen: 0 }
    }

    /// Gives orders until the connection breaks.
    pub(super) fn work(&mut self, data: &Path, stop: &AtomicBool) {
        let Ok(mut client) = Client::connect(&data.join("control.sock"), false) else { return };
        while !stop.load(Ordering::Relaxed) {
            self.step += 1;
            let act = self.next();
            let order = self.order(&act);
            self.open = Some(act.clone());
            match client.ask(Request::Act(order), |_, _| {}) {
                Ok(reply) => {
                    if let (Reply::RoomCreated(id), Act::Room(name, _)) = (reply, &act) {
                        self.room_ids.insert((*name).to_owned(), id);
                    }
                    self.told = self.told.with(&act, &self.people);
                    self.open = None;
                }
                Err(ClientError::Refused(refusal)) => panic!("{act:?}: {refusal:?}"),
                Err(_) => return,
            }
        }
    }

    fn next(&self) -> Act {
        let number = self.step / 5;
        let uid = *self.people.keys().nth(number % self.people.len()).unwrap();
        let room = ROOMS[number % ROOMS.len()];
        match self.step % 5 {
            0 => Act::Ban(uid),
            1 => Act::Mute(uid),
            2 => Act::Trust(uid),
            3 => {
                // What changes nothing is not on record.
                let mut others = self.hashes.iter().filter(|hash| **hash != self.told.passwords[&uid]);
                Act::Password(uid, others.next().unwrap().clone())
            }
            // Each is made, changed twice and deleted.
            _ if number / ROOMS.len() % 4 == 3 && self.told.rooms.contains_key(room) => Act::Room(room, None),
            _ => Act::Room(room, Some(format!("topic {}", self.step))),
        }
    }

    fn order(&self, act: &Act) -> Order {
        let reason = "a crash is near".to_owned();
        let hour = Some(Duration::from_secs(3600));
        match act {
            Act::Ban(uid) => {
                let target = BanTarget::User(Target::Uid(*uid));
                match self.told.banned.contains(uid) {
                    false => Order::Ban { target, time: hour, reason },
                    true => Order::Unban { target, reason },
                }
            }
            Act::Mute(uid) => {
                let (user, media) = (Target::Uid(*uid), false);
                match self.told.muted.contains(uid) {
                    false => Order::Mute { user, media, time: hour, reason },
                    true => Order::Unmute { user, media, reason },
                }
            }
            Act::Trust(uid) => {
                let (mut give, mut take) = (vec![Role::Trusted], Vec::new());
                if self.told.trusted.contains(uid) {
                    std::mem::swap(&mut give, &mut take);
                }
                Order::Account(AccountOrder::Set { uid: *uid, give, take, age_verified: None, email: None })
            }
            Act::Password(uid, hash) => {
                Order::Account(AccountOrder::SetPassword { uid: *uid, hash: hash.clone() })
            }
            Act::Room(name, None) => Order::DeleteRoom { room: self.room_ids[*name], reason },
            Act::Room(name, Some(topic)) => {
                let topic = Some(topic.clone());
                match self.room_ids.get(*name).filter(|_| self.told.rooms.contains_key(*name)) {
                    Some(room) => Order::SetRoom {
                        room: *room,
                        changes: Box::new(RoomChanges { topic, ..RoomChanges::default() }),
                    },
                    None => Order::CreateRoom {
                        name: (*name).to_owned(),
                        kind: RoomKind::Text,
                        changes: Box::new(RoomChanges {
                            topic,
                            category: Some("music".to_owned()),
                            ..RoomChanges::default()
                        }),
                    },
                }
            }
        }
    }

    /// Compares what was answered with what the store holds: an act is there with its record or not at
    /// all, and may be missing only if there was no answer.
    pub(super) fn check(&mut self, store: &Store) {
        let reader = store.reader();
        let mut found = Kept::default();
        for ban in reader.bans().unwrap() {
            match ban.target {
                store::BanTarget::Account(uid) => assert!(found.banned.insert(uid)),
                other => panic!("nobody has banned {other:?}"),
            }
        }
        for uid in self.people.keys() {
            let account = reader.account(*uid).unwrap().expect("the account is gone");
            if account.roles.contains(Role::Trusted) {
                found.trusted.insert(*uid);
            }
            let hash = account.password.as_str();
            let known = self.hashes.iter().any(|known| known == hash);
            found.passwords.insert(*uid, if known { hash.to_owned() } else { String::new() });
            if !reader.sanctions(*uid).unwrap().mutes.is_empty() {
                found.muted.insert(*uid);
            }
        }
        self.room_ids.clear();
        for room in reader.rooms().unwrap() {
            let name = room.name.to_string();
            if ROOMS.contains(&name.as_str()) {
                let topic = String::from_utf8_lossy(&room.topic).into_owned();
                assert!(found.rooms.insert(name.clone(), topic).is_none(), "{name} is there twice");
                self.room_ids.insert(name, room.id);
            }
        }
        let records = self.records(store);
        self.seen = records.last().map_or(self.seen, |record| record.seq);
        found.audit = records
            .into_iter()
            .filter(|record| matches!(record.entry.actor, Author::Operator { .. }))
            .map(|record| {
                (record.entry.action, record.entry.target.map_or(String::new(), |target| target.name()))
            })
            .collect();
        let with_open = self.open.take().map(|act| self.told.with(&act, &self.people));
        assert!(
            found == self.told || Some(&found) == with_open.as_ref(),
            "found {found:?}, told {:?}, perhaps {with_open:?}",
            self.told
        );
        found.audit.clear();
        self.told = found;
    }

    /// How many orders have been given.
    pub(super) fn orders(&self) -> usize {
        self.step
    }

    /// The records after those that were looked at before, oldest first and without a gap.
    fn records(&self, store: &Store) -> Vec<AuditRecord> {
        let mut query = AuditQuery::default();
        let mut records = Vec::new();
        loop {
            let page = store.reader().audit(&query).unwrap();
            let new = page.records.into_iter().take_while(|record| record.seq > self.seen);
            let before = records.len();
            records.extend(new);
            query.before = page.next;
            if query.before.is_none() || records.len() == before {
                break;
            }
        }
        records.reverse();
        for (record, seq) in records.iter().zip(self.seen + 1..) {
            assert_eq!(record.seq, seq, "a record is missing");
        }
        records
    }
}

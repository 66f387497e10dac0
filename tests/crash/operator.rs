//! Acts through the control socket: sanctions, accounts and permanent rooms, and an entry in the log of each.

use std::collections::BTreeMap;

use paltalkd::control::client::{Client, ClientError};
use paltalkd::control::wire::{Order, Reply, Request};
use paltalkd::model::{Author, MessageText, Nickname, Roles, RoomId, Timestamp, Uid};
use paltalkd::store::{Change, Exclusion, ExclusionKind, Store};

use super::found;
use super::ledger::{Act, Fact, Facts, Ledger, empty_mailbox};
use super::program::Chance;
use super::rounds::{Actor, Place};
use super::support::{cheap_hash, make_account};

/// Acts through the control socket.
pub(super) struct Operator {
    pub(super) name: String,
    /// The beginning of the networks that it bans.
    pub(super) network: String,
    /// How entries in the log and sanctions name it.
    pub(super) me: String,
    /// Whom it acts on; they never sign in.
    pub(super) people: Vec<(Uid, String)>,
    /// Accounts that it makes and deletes.
    pub(super) guests: [Option<Uid>; GUESTS],
    /// What each has written last.
    pub(super) letters: [String; GUESTS],
    pub(super) rooms: BTreeMap<String, RoomId>,
    pub(super) hashes: [String; 2],
    pub(super) ledger: Ledger,
    pub(super) chance: Chance,
    pub(super) step: usize,
}

/// How many accounts each makes and deletes.
pub(super) const GUESTS: usize = 3;

/// Gives an order and waits for the answer; `None` when the connection is broken.
pub(super) fn order(client: &mut Client, order: Order) -> Option<Reply> {
    let what = format!("{order:?}");
    match client.ask(Request::Act(order), |_, _| {}) {
        Ok(reply) => Some(reply),
        Err(ClientError::Refused(refusal)) => panic!("{what}: {refusal:?}"),
        Err(_) => None,
    }
}

/// How this process is named that gives orders.
pub(super) fn me() -> String {
    let uid = nix::unistd::geteuid();
    let name = nix::unistd::User::from_uid(uid).unwrap().map_or_else(|| uid.to_string(), |user| user.name);
    found::by(&Author::Operator { name, uid: uid.as_raw(), address: None })
}

impl Operator {
    pub(super) fn new(store: &Store, number: usize) -> Operator {
        let name = format!("Operator{number}");
        let people = (0..5).map(|target| format!("{name}Target{target}"));
        let people = people.map(|nickname| (make_account(store, &nickname, Roles::default()), nickname));
        Operator {
            network: format!("10.{number}."),
            me: me(),
            people: people.collect(),
            guests: [None; GUESTS],
            letters: Default::default(),
            rooms: BTreeMap::new(),
            hashes: ["one", "two"].map(|word| cheap_hash(word).as_str().to_owned()),
            ledger: Ledger::default(),
            chance: Chance(number as u64),
            step: 0,
            name,
        }
    }

    /// A reason that it gives for nothing else.
    pub(super) fn reason(&self) -> String {
        format!("{} {}", self.name, self.step)
    }

    /// What the log says of what it has done.
    pub(super) fn logged(&self, action: &str, target: &str, reason: &str) -> String {
        self.detailed(action, target, reason, "")
    }

    /// The same with details.
    pub(super) fn detailed(&self, action: &str, target: &str, reason: &str, details: &str) -> String {
        found::detailed(action, target, &self.me, reason, details)
    }

    /// The name of an account that it makes and deletes.
    pub(super) fn guest(&self, number: usize) -> String {
        format!("{}Guest{number}", self.name)
    }

    /// Puts its guests into lists and mailboxes, so that there is something to delete with them.
    fn befriend_guests(&mut self, store: &Store) {
        let at = Timestamp::now();
        for number in 0..GUESTS {
            let guest = self.guest(number);
            let name = Nickname::from_text(&guest).unwrap();
            let uid = store.reader().uid_by_name(&name.key()).unwrap();
            self.guests[number] = uid;
            let (partner, nickname) = self.people[number].clone();
            let pal = format!("pal {guest}");
            let Some(uid) = uid.filter(|_| !self.ledger.has(&nickname, &pal)) else { continue };
            empty_mailbox(store, &mut self.ledger, partner, &nickname);
            self.step += 1;
            let text = format!("{guest} {}", self.step);
            let letter = MessageText::new(text.as_bytes()).unwrap();
            for change in [
                Change::AddPal { uid: partner, pal: uid, at },
                Change::Block { uid, blocked: partner, at },
                Change::StoreOffline { to: partner, from: uid, at, text: letter },
            ] {
                store.commit_blocking(change).unwrap();
            }
            let told = Act::default()
                .put(&nickname, &pal, "")
                .put(&guest, &format!("blocks {nickname}"), "")
                .put_since(at, &nickname, &format!("message {text}"), format!("from {guest}"));
            self.ledger.learn(&told);
            self.letters[number] = text;
        }
    }

    /// Keeps people out of its rooms and gives them rights there, so that there is something to be lost with
    /// a room or for a new owner.
    fn fill_rooms(&mut self, store: &Store) {
        let (uid, by) = self.people[self.people.len() - 1].clone();
        for mut record in store.reader().rooms().unwrap() {
            let of = record.name.to_string();
            if !self.rooms.contains_key(&of) || self.ledger.has(&of, "linkers") {
                continue;
            }
            let room = record.id;
            record.linkers = [uid].into();
            store.commit_blocking(Change::PutRoom(record)).unwrap();
            self.ledger.learn(&Act::default().put(&of, "linkers", &*by));
            for (number, (other, nickname)) in self.people.clone().into_iter().enumerate().take(4) {
                let (kind, what) = match number % 2 {
                    0 => (ExclusionKind::Ban, format!("room ban {nickname}")),
                    _ => (ExclusionKind::Bounce, format!("bounce {nickname}")),
                };
                let nickname = Nickname::from_text(&nickname).unwrap();
                let (at, reason) = (Timestamp::now(), self.name.clone().into_bytes());
                let entry = Exclusion { uid: other, nickname, until: None, by: uid, at, reason };
                store.commit_blocking(Change::Exclude { room, kind, entry }).unwrap();
                self.ledger.learn(&Act::default().put_since(
                    at,
                    &of,
                    &what,
                    found::imposed(None, &by, &self.name),
                ));
            }
        }
    }
}

impl Actor for Operator {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone(), self.network.clone()]
    }

    fn work(&mut self, place: &Place<'_>) {
        let Ok(mut client) = Client::connect(&place.socket, false) else { return };
        while place.goes_on() {
            self.step += 1;
            let (act, wish) = match self.chance.below(4) {
                0 => self.about_rooms(),
                1 => self.about_accounts(),
                _ => self.about_people(),
            };
            self.ledger.begin(act);
            let room = match &wish {
                Order::CreateRoom { name, .. } => Some(name.clone()),
                _ => None,
            };
            let Some(reply) = order(&mut client, wish) else { return };
            if let (Some(name), Reply::RoomCreated(id)) = (room, reply) {
                self.rooms.insert(name, id);
            }
            place.answered(&mut self.ledger);
        }
    }

    fn check(&mut self, found: Facts, log: Vec<Fact>, store: &Store) {
        self.ledger.settle(&self.name, found, log);
        let reader = store.reader();
        let rooms = reader.rooms().unwrap().into_iter().map(|room| (room.name.to_string(), room.id));
        self.rooms = rooms.filter(|(name, _)| name.starts_with(&self.name)).collect();
        self.befriend_guests(store);
        self.fill_rooms(store);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}

//! Somebody who changes his lists and settings and sends messages, many at a time.

use paltalkd::model::{Role, Roles, Uid};
use paltalkd::store::Store;

use super::client::RawClient;
use super::ledger::{Act, Fact, Facts, Ledger, empty_mailbox};
use super::program::Chance;
use super::rounds::{Actor, Place};
use super::support::{make_account, with_text};

/// How many requests are under way at most.
const BURST: usize = 8;
/// With more messages waiting, none is written: a mailbox takes 200, and refuses more.
const WAITING: usize = 190;

pub(super) struct Worker {
    name: String,
    uid: Uid,
    /// Never signs in; gets the messages.
    friend: (Uid, String),
    /// The first half are made pals and none again, the others blocked and unblocked: who is blocked
    /// cannot be made a pal.
    others: Vec<(Uid, String)>,
    ledger: Ledger,
    chance: Chance,
    messages: usize,
}

impl Worker {
    pub(super) fn new(store: &Store, number: usize) -> Worker {
        let name = format!("Worker{number:02}");
        // The limits on sending spare who is trusted.
        let uid = make_account(store, &name, Roles::default().with(Role::Trusted));
        let make = |word: String| {
            let nickname = format!("{name}{word}");
            (make_account(store, &nickname, Roles::default()), nickname)
        };
        let friend = make("Friend".to_owned());
        let others = (0..8).map(|other| make(format!("Other{other}"))).collect();
        let (ledger, chance) = (Ledger::default(), Chance(number as u64));
        Worker { uid, friend, others, ledger, chance, messages: 0, name }
    }

    fn next(&mut self) -> (Act, u16, Vec<u8>) {
        let other = self.chance.below(self.others.len());
        let (uid, nickname) = self.others[other].clone();
        let payload = uid.0.to_be_bytes().to_vec();
        match self.chance.below(8) {
            0 => {
                let before = self.ledger.text(&self.name, "privacy").unwrap_or("A");
                let letter = self
                    .chance
                    .one(&["A", "T", "P"].into_iter().filter(|it| *it != before).collect::<Vec<_>>());
                let act = Act::default().set(&self.name, "privacy", if letter == "A" { "" } else { letter });
                (act, 0xfe66, letter.as_bytes().to_vec())
            }
            1..4 if self.ledger.about(&self.friend.1, "message ").count() < WAITING => {
                self.messages += 1;
                let text = format!("message {}", self.messages);
                let from = format!("from {}", self.name);
                let act = Act::default().put_now(&self.friend.1, &format!("message {text}"), from);
                (act, 0xffec, with_text(&[self.friend.0.0], text.as_bytes()))
            }
            _ => {
                let blocks = other >= self.others.len() / 2;
                let what = format!("{} {nickname}", if blocks { "blocks" } else { "pal" });
                let there = self.ledger.has(&self.name, &what);
                let act = Act::default();
                let act = if there { act.remove(&self.name, &what) } else { act.put(&self.name, &what, "") };
                let kind = match (blocks, there) {
                    (false, false) => 0xffbd,
                    (false, true) => 0xffbe,
                    (true, false) => 0xfe0c,
                    (true, true) => 0xfdf8,
                };
                (act, kind, payload)
            }
        }
    }

    /// The question that the client asks who has forgotten his password, or none.
    fn hint(&mut self) -> (Act, u16, Vec<u8>) {
        let (question, number) = (self.chance.below(9), self.chance.below(3));
        let text = if number == 0 { String::new() } else { format!("{} {number}", self.name) };
        let kept = if text.is_empty() { String::new() } else { format!("{question} {text}") };
        let payload = [&(question as u16).to_be_bytes()[..], b"the answer\n", text.as_bytes()].concat();
        (Act::default().set(&self.name, "hint", &kept), 0xffb9, payload)
    }

    fn work(&mut self, place: &Place<'_>) -> Option<()> {
        let mut client = RawClient::sign_in(place.chat, self.uid)?;
        while place.goes_on() {
            // The question goes another way into the store than what comes before and after it.
            let burst = if self.chance.below(BURST) == 0 { 0 } else { 1 + self.chance.below(BURST) };
            let mut requests = Vec::new();
            for _ in 0..burst.max(1) {
                let (act, kind, payload) = if burst == 0 { self.hint() } else { self.next() };
                self.ledger.begin(act);
                requests.push((kind, payload));
            }
            client.ask(&requests)?;
            for _ in requests {
                client.done()?;
                place.answered(&mut self.ledger);
            }
        }
        Some(())
    }
}

impl Actor for Worker {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn work(&mut self, place: &Place<'_>) {
        _ = Worker::work(self, place);
    }

    fn check(&mut self, found: Facts, log: Vec<Fact>, store: &Store) {
        self.ledger.settle(&self.name, found, log);
        empty_mailbox(store, &mut self.ledger, self.friend.0, &self.friend.1);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}

//! People who make accounts, and one who changes his password: what is kept of both is a hash.

use paltalkd::model::{Roles, Uid};
use paltalkd::password;
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::store::{Change, Store};

use super::client::RawClient;
use super::ledger::{Act, Fact, Facts, Ledger};
use super::rounds::{Actor, Place};
use super::support::*;

/// Makes accounts, each with a question for who has forgotten his password.
pub(super) struct Registrar {
    name: String,
    made: usize,
    /// The numbers that were told since the last check.
    uids: Vec<(String, Uid)>,
    ledger: Ledger,
}

impl Registrar {
    pub(super) fn new(number: usize) -> Registrar {
        let name = format!("Newcomer{number}");
        Registrar { name, made: 0, uids: Vec::new(), ledger: Ledger::default() }
    }

    fn register(&mut self, place: &Place<'_>) -> Option<()> {
        self.made += 1;
        let nickname = format!("{}x{}", self.name, self.made);
        let email = if self.made.is_multiple_of(2) { "lab@example.com" } else { "" };
        let act = Act::default().put_now(&nickname, "account", "").put(&nickname, "password", PASSWORD);
        self.ledger.begin(act.set(&nickname, "email", email));
        let (mut client, uid) = RawClient::register(place.chat, &nickname, email)?;
        place.answered(&mut self.ledger);
        self.uids.push((nickname.clone(), uid));
        self.ledger.begin(Act::default().put(&nickname, "hint", "3 the hint"));
        client.send(0xffb9, b"\0\x03the answer\nthe hint")?;
        let challenge = challenge_of(&client.expect(0xffb1)?.payload[4..7]);
        let mut login = uid.0.to_be_bytes().to_vec();
        login.extend(cipher::encode(Variant::One, challenge, PASSWORD.as_bytes(), 1).unwrap());
        client.send(0xfb84, &login)?;
        client.expect(0x04a6)?;
        place.answered(&mut self.ledger);
        Some(())
    }
}

impl Actor for Registrar {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn work(&mut self, place: &Place<'_>) {
        place.begin_again(&self.ledger);
        while place.goes_on() && self.register(place).is_some() {}
    }

    fn check(&mut self, mut found: Facts, log: Vec<Fact>, store: &Store) {
        // Whoever has signed in has shown that the hash is right; to look at it again takes a while.
        for (_, fact) in found.iter_mut().filter(|((_, what), _)| what == "password") {
            assert!(fact.text().starts_with("$argon2id$"), "{fact:?}");
            *fact = Fact::new(PASSWORD);
        }
        self.ledger.settle(&self.name, found, log);
        for (nickname, uid) in self.uids.drain(..) {
            let account = store.reader().account(uid).unwrap().expect("the account is gone");
            assert_eq!(account.nickname.to_string(), nickname);
            // So that looking at all of them does not take longer and longer.
            store.commit_blocking(Change::DeleteAccount { uid }).unwrap();
            self.ledger.learn(&Act::default().clear(&nickname));
        }
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}

/// Changes his password again and again.
pub(super) struct Member {
    name: String,
    uid: Uid,
    changes: usize,
    /// The last hash, and the word that it is of.
    hash: (String, String),
    ledger: Ledger,
}

impl Member {
    pub(super) fn new(store: &Store, number: usize) -> Member {
        let name = format!("Member{number}");
        let uid = make_account(store, &name, Roles::default());
        Member { uid, changes: 0, hash: Default::default(), ledger: Ledger::default(), name }
    }

    fn password(&self) -> String {
        self.ledger.text(&self.name, "password").unwrap().to_owned()
    }

    fn work(&mut self, place: &Place<'_>) -> Option<()> {
        while place.goes_on() {
            let old = self.password();
            // Nobody can sign in with any other one.
            let mut client = RawClient::sign_in_with(place.chat, self.uid, &old, V51)?;
            place.begin_again(&self.ledger);
            self.changes += 1;
            let new = format!("password{}", self.changes);
            client.send(0xfb82, &self.uid.0.to_be_bytes())?;
            let challenge = challenge_of(&client.expect(0x0488)?.payload);
            let digits =
                |challenge, word: &str| cipher::encode(Variant::One, challenge, word.as_bytes(), 3).unwrap();
            let change = [&self.uid.0.to_be_bytes()[..], &digits(challenge, &old), b"\n", &digits(0, &new)];
            self.ledger.begin(Act::default().put(&self.name, "password", &*new));
            client.send(0xfb78, &change.concat())?;
            let answer = client.expect(0x0064)?;
            assert_eq!(answer.payload, [0xfb, 0x78, 0, 0], "{answer:?}");
            place.answered(&mut self.ledger);
        }
        Some(())
    }
}

impl Actor for Member {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn work(&mut self, place: &Place<'_>) {
        _ = Member::work(self, place);
    }

    fn check(&mut self, mut found: Facts, log: Vec<Fact>, _: &Store) {
        let key = (self.name.clone(), "password".to_owned());
        let hash = found.get(&key).expect("the account is gone").text().to_owned();
        if self.hash.0 != hash {
            // What is under way is the newest; what was told before may be the one before that.
            let words = (0..=self.changes).rev().take(2).map(|change| format!("password{change}"));
            let is = |word: &String| password::Hasher::default().verify(word.as_bytes(), &hash) == Ok(true);
            let word = words.chain([PASSWORD.to_owned()]).find(is);
            self.hash = (hash, word.expect("a hash of something else"));
        }
        found.insert(key, Fact::new(&*self.hash.1));
        self.ledger.settle(&self.name, found, log);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}

//! People who make accounts, and one who changes his password: what is kept of both is a hash.

use std::collections::HashMap;

use paltalkd::model::{Roles, Uid};
use paltalkd::password;
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::store::{Change, Store};

use super::client::RawClient;
use super::ledger::{Act, Fact, Facts, Ledger};
use super::rounds::{Actor, Place};
use super::support::*;

/// Passwords by their hashes.
#[derive(Default)]
struct Words(HashMap<String, String>);

impl Words {
    /// Has the fact about a name say the word instead of the hash; it has to be one of some.
    fn read(&mut self, facts: &mut Facts, name: &str, words: &[String]) {
        if let Some(fact) = facts.get_mut(&(name.to_owned(), "password".to_owned())) {
            let word = self.0.entry(fact.text().to_owned()).or_insert_with_key(|hash| {
                let is =
                    |word: &&String| password::Hasher::default().verify(word.as_bytes(), hash) == Ok(true);
                words.iter().find(is).unwrap_or_else(|| panic!("a hash of none of {words:?}")).clone()
            });
            *fact = Fact::new(&**word);
        }
    }
}

/// Makes accounts, each with a question for who has forgotten his password.
pub(super) struct Registrar {
    name: String,
    made: usize,
    /// The numbers that were told since the last check.
    uids: Vec<(String, Uid)>,
    words: Words,
    ledger: Ledger,
}

impl Registrar {
    pub(super) fn new(number: usize) -> Registrar {
        let name = format!("Newcomer{number}");
        Registrar { name, made: 0, uids: Vec::new(), words: Words::default(), ledger: Ledger::default() }
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
        while place.goes_on() && self.register(place).is_some() {}
    }

    fn check(&mut self, mut found: Facts, log: Vec<Fact>, store: &Store) {
        // One is enough, as it takes a while: the others have signed in with theirs.
        let last = format!("{}x{}", self.name, self.made);
        self.words.read(&mut found, &last, &[PASSWORD.to_owned()]);
        for ((nickname, what), fact) in &mut found {
            if what == "password" && *nickname != last {
                *fact = Fact::new(PASSWORD);
            }
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
    words: Words,
    ledger: Ledger,
}

impl Member {
    pub(super) fn new(store: &Store, number: usize) -> Member {
        let name = format!("Member{number}");
        let uid = make_account(store, &name, Roles::default());
        Member { uid, changes: 0, words: Words::default(), ledger: Ledger::default(), name }
    }

    fn password(&self) -> String {
        self.ledger.text(&self.name, "password").unwrap().to_owned()
    }

    fn work(&mut self, place: &Place<'_>) -> Option<()> {
        while place.goes_on() {
            let old = self.password();
            // Nobody can sign in with any other one.
            let mut client = RawClient::sign_in_with(place.chat, self.uid, &old, V51)?;
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
        let last = self.changes.saturating_sub(1);
        let words = [format!("password{}", self.changes), format!("password{last}"), PASSWORD.to_owned()];
        self.words.read(&mut found, &self.name, &words);
        self.ledger.settle(&self.name, found, log);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}

//! Messages that wait for somebody, and are fetched: none is lost, and none comes again once the store
//! knows that it was heard.

use std::collections::BTreeMap;

use paltalkd::model::{Role, Roles, Timestamp, Uid};
use paltalkd::store::{Change, Store};

use super::client::RawClient;
use super::ledger::{Act, Fact, Facts, Ledger};
use super::rounds::{Actor, Place};
use super::support::{make_account, status, with_text};
use super::{found, number_of};

/// How many messages wait before they are fetched.
const LETTERS: usize = 12;
/// With more than these waiting, none is written: a mailbox holds 200, and refuses more.
const WAITING: usize = 150;
const WRITER: &str = "PostWriter";
const READER: &str = "PostReader";
const OTHER: &str = "PostOther";

/// Writes to somebody who is away, and then fetches it as him.
#[derive(Debug)]
pub(super) struct Postman {
    writer: Uid,
    /// Whom it writes to; is a pal of the writer, who so hears when he is gone.
    reader: Uid,
    /// Some other account, to be made a pal and none again.
    other: Uid,
    /// The last message whose writer was told that it is kept, and the last that was sent at all.
    kept: usize,
    sent: usize,
    /// The last message that has come at all, and the last that must not come again.
    came: usize,
    done_with: usize,
    /// When each message was sent of which it is not known that it was heard.
    sent_at: BTreeMap<usize, Timestamp>,
    /// What is asked for besides, and what else there is.
    ledger: Ledger,
}

impl Postman {
    pub(super) fn new(store: &Store) -> Postman {
        let trusted = Roles::default().with(Role::Trusted);
        let [writer, reader, other] = [WRITER, READER, OTHER].map(|name| make_account(store, name, trusted));
        store.commit_blocking(Change::AddPal { uid: writer, pal: reader, at: Timestamp::now() }).unwrap();
        let (sent_at, ledger) = (BTreeMap::new(), Ledger::default());
        Postman { writer, reader, other, kept: 0, sent: 0, came: 0, done_with: 0, sent_at, ledger }
    }

    fn write(&mut self, place: &Place<'_>) -> Option<()> {
        let mut client = RawClient::sign_in(place.chat, self.writer)?;
        let count = LETTERS.min(WAITING.saturating_sub(self.sent - self.done_with));
        let letter = |number: usize| {
            let text = format!("letter {}", self.sent + number);
            (0xffec, with_text(&[self.reader.0], text.as_bytes()))
        };
        let letters: Vec<_> = (1..=count).map(letter).collect();
        let now = Timestamp::now();
        self.sent_at.extend((1..=count).map(|number| (self.sent + number, now)));
        self.sent += count;
        client.ask(&letters)?;
        for _ in letters {
            client.done()?;
            self.kept += 1;
            place.begin_again(&self.ledger);
        }
        Some(())
    }

    fn fetch(&mut self, place: &Place<'_>) -> Option<()> {
        let mut watcher = RawClient::sign_in(place.chat, self.writer)?;
        let mut client = RawClient::sign_in(place.chat, self.reader)?;
        // The first answer comes after the messages; the second says that they were heard.
        let (letters, complete) = client.letters();
        self.judge(&letters, complete.is_some());
        complete.and(client.letters().1)?;
        // Changes are kept in their order: when this one is, it is known that the messages were heard.
        let (act, pal) = (Act::default(), format!("pal {OTHER}"));
        for (kind, act) in [(0xffbd, act.clone().put(READER, &pal, "")), (0xffbe, act.remove(READER, &pal))] {
            self.ledger.begin(act);
            client.act(kind, &self.other.0.to_be_bytes())?;
            place.answered(&mut self.ledger);
        }
        self.done_with = self.came;
        self.sent_at = self.sent_at.split_off(&(self.came + 1));
        client.hang_up();
        while watcher.expect(0x0190)?.payload != status(self.reader, 0).payload {}
        Some(())
    }

    /// What comes at a sign-in goes on where the last one ended, or repeats what may be repeated; what
    /// was told to be kept is among it, if it is `complete`.
    fn judge(&mut self, letters: &[usize], complete: bool) {
        let Some(first) = letters.first() else {
            return assert!(!complete || self.came >= self.kept, "lost: {self:?}");
        };
        let last = first + letters.len() - 1;
        assert!(letters.iter().copied().eq(*first..=last), "not in order: {letters:?}");
        assert!(*first > self.done_with, "letter {first} came again: {self:?}");
        assert!(*first <= self.came + 1, "lost before {first}: {self:?}");
        self.came = self.came.max(last);
        if complete {
            assert!((self.kept..=self.sent).contains(&last), "{last}: {self:?}");
            // One that was sent without an answer has either been kept, or never will be.
            (self.kept, self.sent) = (last, last);
        }
    }

    /// After a kill: what was sent last may have been lost, unless its writer was told.
    fn settle(&mut self, waiting: &[usize]) {
        match (waiting.first(), waiting.last()) {
            (Some(first), Some(last)) => {
                assert!(waiting.iter().copied().eq(*first..=*last), "not in order: {waiting:?}");
                assert!((self.done_with + 1..=self.came + 1).contains(first), "{first}: {self:?}");
                assert!((self.kept..=self.sent).contains(last), "{last}: {self:?}");
                self.sent = *last;
            }
            _ => {
                assert!(self.came >= self.kept, "lost: {self:?}");
                self.sent = self.kept;
            }
        }
        self.kept = self.sent;
    }
}

impl Actor for Postman {
    fn names(&self) -> Vec<String> {
        vec!["Post".to_owned()]
    }

    fn work(&mut self, place: &Place<'_>) {
        while place.goes_on() && self.write(place).and_then(|()| self.fetch(place)).is_some() {}
    }

    fn check(&mut self, mut found: Facts, log: Vec<Fact>, store: &Store) {
        // Which of them are there is for `settle` to judge.
        found.retain(|(of, what), _| of != READER || !what.starts_with("message "));
        self.ledger.settle("Post", found, log);
        let waiting = store.reader().offline(self.reader).unwrap();
        let mut numbers = Vec::new();
        for letter in &waiting {
            assert_eq!((letter.from, letter.from_nickname.to_string().as_str()), (self.writer, WRITER));
            let number = number_of(&found::words(letter));
            let in_time = |sent_at| (sent_at..=Timestamp::now()).contains(&letter.at);
            assert!(self.sent_at.get(&number).copied().is_some_and(in_time), "{letter:?}: {self:?}");
            numbers.push(number);
        }
        self.settle(&numbers);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}

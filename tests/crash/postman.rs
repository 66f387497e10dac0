//! Messages that wait for somebody, and are fetched: none is lost, and none comes again once the store
//! knows that it was heard.

use std::net::SocketAddr;

use paltalkd::model::{Role, Roles, Timestamp, Uid};
use paltalkd::store::{Change, Store};

use super::client::RawClient;
use super::ledger::{Fact, Facts};
use super::rounds::{Actor, Place};
use super::support::{make_account, status, with_text};
use super::{found, number_of};

/// How many messages wait before they are fetched.
const LETTERS: usize = 12;
/// With more than these waiting, none is written: a mailbox holds 200, and refuses more.
const WAITING: usize = 150;

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
    /// How many have come.
    fetched: usize,
}

impl Postman {
    pub(super) fn new(store: &Store) -> Postman {
        let trusted = Roles::default().with(Role::Trusted);
        let [writer, reader, other] =
            ["Writer", "Reader", "Other"].map(|word| make_account(store, &format!("Post{word}"), trusted));
        store.commit_blocking(Change::AddPal { uid: writer, pal: reader, at: Timestamp::now() }).unwrap();
        Postman { writer, reader, other, kept: 0, sent: 0, came: 0, done_with: 0, fetched: 0 }
    }

    fn write(&mut self, place: &Place<'_>) -> Option<()> {
        let mut client = RawClient::sign_in(place.chat, self.writer)?;
        let count = LETTERS.min(WAITING.saturating_sub(self.sent - self.done_with));
        let letter = |number: usize| {
            let text = format!("letter {}", self.sent + number);
            (0xffec, with_text(&[self.reader.0], text.as_bytes()))
        };
        let letters: Vec<_> = (1..=count).map(letter).collect();
        self.sent += count;
        client.ask(&letters)?;
        for _ in letters {
            client.done()?;
            self.kept += 1;
            place.begin();
        }
        Some(())
    }

    fn fetch(&mut self, chat: SocketAddr) -> Option<()> {
        let mut watcher = RawClient::sign_in(chat, self.writer)?;
        let mut client = RawClient::sign_in(chat, self.reader)?;
        // The first answer comes after the messages; the second says that they were heard.
        let (letters, complete) = client.letters();
        self.judge(&letters, complete.is_some());
        complete.and(client.letters().1)?;
        // Changes are kept in their order: when this one is, it is known that the messages were heard.
        for kind in [0xffbd, 0xffbe] {
            client.act(kind, &self.other.0.to_be_bytes())?;
        }
        self.done_with = self.came;
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
        self.fetched += letters.len();
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
        while place.goes_on() && self.write(place).and_then(|()| self.fetch(place.chat)).is_some() {}
    }

    fn check(&mut self, _: Facts, log: Vec<Fact>, store: &Store) {
        assert!(log.is_empty(), "{log:?}");
        let waiting = store.reader().offline(self.reader).unwrap();
        self.settle(&waiting.iter().map(|message| number_of(&found::words(message))).collect::<Vec<_>>());
    }

    fn answers(&self) -> usize {
        self.fetched
    }
}

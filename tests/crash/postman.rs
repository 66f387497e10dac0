//! Messages that wait for somebody, and are fetched: none is lost, and none comes again once the store
//! knows that it was heard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use paltalkd::model::{Timestamp, Uid};
use paltalkd::store::{Change, Store};

use super::RawClient;

/// How many messages wait before they are fetched.
const LETTERS: usize = 20;
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
    fetched: Arc<AtomicUsize>,
}

impl Postman {
    pub(super) fn new(writer: Uid, reader: Uid, other: Uid, fetched: Arc<AtomicUsize>) -> Postman {
        Postman { writer, reader, other, kept: 0, sent: 0, came: 0, done_with: 0, fetched }
    }

    /// Makes the reader a pal of the writer.
    pub(super) fn befriend(&self, store: &Store) {
        let change = Change::AddPal { uid: self.writer, pal: self.reader, at: Timestamp::now() };
        store.commit_blocking(change).unwrap();
    }

    /// Writes and fetches until the connection breaks.
    pub(super) fn work(&mut self, chat: SocketAddr, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if self.write(chat).is_none() || self.fetch(chat).is_none() {
                return;
            }
        }
    }

    fn write(&mut self, chat: SocketAddr) -> Option<()> {
        let mut client = RawClient::sign_in(chat, self.writer)?;
        for _ in 0..LETTERS {
            if self.sent - self.done_with >= WAITING {
                break;
            }
            self.sent += 1;
            let mut payload = self.reader.0.to_be_bytes().to_vec();
            payload.extend(format!("letter {}", self.sent).bytes());
            if !client.act(0xffec, &payload) {
                return None;
            }
            self.kept = self.sent;
        }
        Some(())
    }

    fn fetch(&mut self, chat: SocketAddr) -> Option<()> {
        let mut watcher = RawClient::sign_in(chat, self.writer)?;
        let mut client = RawClient::sign_in(chat, self.reader)?;
        // The first answer comes after the messages; the second says that they were heard.
        let letters = client.letters()?;
        self.judge(&letters);
        client.letters()?;
        // Changes are kept in their order: when this one is, it is known that the messages were heard.
        for kind in [0xffbd, 0xffbe] {
            if !client.act(kind, &self.other.0.to_be_bytes()) {
                return None;
            }
        }
        self.done_with = self.came;
        client.hang_up();
        while watcher.expect(0x0190)?.payload != super::status(self.reader, 0).payload {}
        Some(())
    }

    /// What comes at a sign-in goes on where the last one ended, or repeats what may be repeated; what
    /// was told to be kept is among it.
    fn judge(&mut self, letters: &[usize]) {
        let Some(first) = letters.first() else {
            return assert!(self.came >= self.kept, "lost: {self:?}");
        };
        let last = first + letters.len() - 1;
        assert!(letters.iter().copied().eq(*first..=last), "not in order: {letters:?}");
        assert!(*first > self.done_with, "letter {first} came again: {self:?}");
        assert!(*first <= self.came + 1, "lost before {first}: {self:?}");
        assert!((self.kept..=self.sent).contains(&last), "{last}: {self:?}");
        self.came = self.came.max(last);
        // One that was sent without an answer has either been kept, or never will be.
        (self.kept, self.sent) = (last, last);
        self.fetched.fetch_add(letters.len(), Ordering::Relaxed);
    }

    /// After a kill: what was sent last may have been lost, unless its writer was told.
    pub(super) fn settle(&mut self, waiting: &[usize]) {
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

    pub(super) fn reader(&self) -> Uid {
        self.reader
    }
}

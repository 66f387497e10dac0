//! The activity feed: what happens on the server, as those who run it see it.
//!
//! Everything that is worth a line is an [`Event`]. The feed numbers the events and keeps the last
//! [`RING`] of them; whoever follows it reads from a number on and learns by a gap in the numbers
//! that he was too slow ([`Feed::since`]). Nothing here waits for a reader.

mod kind;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::model::{RoomId, RoomName, Timestamp, Uid};

use super::Person;
pub use kind::{EventKind, Level};

/// Events that are kept.
pub const RING: usize = 10_000;

/// Somebody as events name him: an account, an operator of the machine, or the server itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Named {
    /// The account, if it is one.
    pub uid: Option<Uid>,
    /// The nickname, or the operator's name.
    pub name: Box<str>,
}

impl From<Person> for Named {
    fn from(person: Person) -> Named {
        Named { uid: Some(person.uid), name: person.nickname.to_string().into() }
    }
}

/// Something that has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What kind of thing.
    pub kind: EventKind,
    /// Who has done it.
    pub actor: Option<Named>,
    /// To whom.
    pub target: Option<Named>,
    /// In which room.
    pub room: Option<(RoomId, RoomName)>,
    /// What else there is to say; may be empty.
    pub text: String,
}

impl Event {
    /// An event about nobody.
    pub fn new(kind: EventKind) -> Event {
        Event { kind, actor: None, target: None, room: None, text: String::new() }
    }

    /// With who has done it.
    #[must_use]
    pub fn by(self, actor: impl Into<Named>) -> Event {
        Event { actor: Some(actor.into()), ..self }
    }

    /// With whom it concerns.
    #[must_use]
    pub fn about(self, target: impl Into<Named>) -> Event {
        Event { target: Some(target.into()), ..self }
    }

    /// With the room in which it happened.
    #[must_use]
    pub fn in_room(self, id: RoomId, name: &RoomName) -> Event {
        Event { room: Some((id, name.clone())), ..self }
    }

    /// With words.
    #[must_use]
    pub fn saying(self, text: impl Into<String>) -> Event {
        Event { text: text.into(), ..self }
    }
}

/// An event with its number and time: what the command line prints and the console shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FeedEntry {
    /// Its number. Never used twice, and one more than that of the event before, except where the
    /// daemon was started in between.
    pub seq: u64,
    /// When, in UTC.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: EventKind,
    /// The name of who has done it.
    pub actor: Option<Box<str>>,
    /// His uid, if he is a user.
    pub actor_uid: Option<Uid>,
    /// The name of whom it concerns.
    pub target: Option<Box<str>>,
    /// His uid, if he is a user.
    pub target_uid: Option<Uid>,
    /// The room.
    pub room: Option<RoomId>,
    /// The room's name.
    pub room_name: Option<Box<str>>,
    /// What else there is to say.
    pub text: Box<str>,
}

/// Times of the feed: RFC 3339 where people read, a number of milliseconds on the control socket.
mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::Timestamp;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            at.rfc3339().serialize(serializer)
        } else {
            at.serialize(serializer)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        if !deserializer.is_human_readable() {
            return Timestamp::deserialize(deserializer);
        }
        let text = String::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Timestamp(u64::try_from(at.as_millisecond()).unwrap_or_default()))
    }
}

/// The feed. Shared by those who add and those who follow.
pub struct Feed {
    ring: Mutex<Ring>,
    grown: watch::Sender<u64>,
}

struct Ring {
    next: u64,
    entries: VecDeque<Arc<FeedEntry>>,
}

/// What a follower gets.
#[derive(Clone, Debug, Default)]
pub struct FeedSlice {
    /// The events, oldest first.
    pub entries: Vec<Arc<FeedEntry>>,
    /// Events that were asked for and are not kept any more.
    pub missed: u64,
    /// The number of the next event.
    pub next: u64,
}

impl Feed {
    /// A feed whose first event has the number `first`.
    pub fn new(first: u64) -> Arc<Feed> {
        let ring = Ring { next: first, entries: VecDeque::new() };
        Arc::new(Feed { ring: Mutex::new(ring), grown: watch::channel(first).0 })
    }

    /// Adds an event.
    pub fn push(&self, at: Timestamp, event: Event) {
        let split = |named: Option<Named>| named.map_or((None, None), |named| (Some(named.name), named.uid));
        let (actor, actor_uid) = split(event.actor);
        let (target, target_uid) = split(event.target);
        let (room, room_name) =
            event.room.map_or((None, None), |(id, name)| (Some(id), Some(name.to_string().into())));
        let mut ring = self.lock();
        let seq = ring.next;
        ring.next += 1;
        if ring.entries.len() >= RING {
            ring.entries.pop_front();
        }
        let text = event.text.into();
        let entry = FeedEntry {
            seq,
            at,
            kind: event.kind,
            actor,
            actor_uid,
            target,
            target_uid,
            room,
            room_name,
            text,
        };
        ring.entries.push_back(Arc::new(entry));
        drop(ring);
        self.grown.send_replace(seq + 1);
    }

    /// The events from number `from` on, at most `limit`.
    pub fn since(&self, from: u64, limit: usize) -> FeedSlice {
        let ring = self.lock();
        let oldest = ring.next - ring.entries.len() as u64;
        let start = from.clamp(oldest, ring.next);
        let skip = usize::try_from(start - oldest).unwrap_or(usize::MAX);
        let entries: Vec<_> = ring.entries.iter().skip(skip).take(limit).cloned().collect();
        FeedSlice { next: start + entries.len() as u64, missed: start.saturating_sub(from), entries }
    }

    /// Forgets what has happened before a moment, and returns how many events that were. Who asks for them
    /// has missed them.
    pub fn forget(&self, before: Timestamp) -> usize {
        let mut ring = self.lock();
        // By the order in which they were added: a clock that was set back leaves some until the next time.
        let old = ring.entries.iter().take_while(|entry| entry.at < before).count();
        ring.entries.drain(..old).count()
    }

    /// The number of the next event.
    pub fn next(&self) -> u64 {
        self.lock().next
    }

    /// The number of the oldest event that is kept, or of the next one if none is.
    pub fn oldest(&self) -> u64 {
        let ring = self.lock();
        ring.next - ring.entries.len() as u64
    }

    /// Tells when events were added: the number of the next one.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Nickname;

    #[test]
    fn numbers_have_no_gap_but_the_one_that_is_told() {
        let feed = Feed::new(100);
        for index in 0..RING as u64 + 5 {
            feed.push(Timestamp(index), Event::new(EventKind::Join).saying(index.to_string()));
        }
        assert_eq!(feed.next(), 100 + RING as u64 + 5);
        let slice = feed.since(100, 3);
        assert_eq!(slice.missed, 5);
        assert_eq!(slice.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [105, 106, 107]);
        let slice = feed.since(slice.next, 2);
        assert_eq!((slice.missed, slice.entries[0].seq), (0, 108));
        let end = feed.since(feed.next(), 10);
        assert!(end.entries.is_empty() && end.missed == 0 && end.next == feed.next());
        assert_eq!(feed.since(u64::MAX, 10).next, feed.next(), "from the future");
        assert_eq!(feed.watch().borrow().to_owned(), feed.next());
    }

    #[test]
    fn what_is_too_old_is_forgotten_and_counts_as_missed() {
        let feed = Feed::new(100);
        for at in [10, 20, 30] {
            feed.push(Timestamp(at), Event::new(EventKind::Join));
        }
        assert_eq!((feed.forget(Timestamp(10)), feed.oldest()), (0, 100));
        assert_eq!((feed.forget(Timestamp(30)), feed.oldest(), feed.next()), (2, 102, 103));
        let slice = feed.since(100, 10);
        assert_eq!((slice.missed, slice.entries.len(), slice.entries[0].seq), (2, 1, 102));
        assert_eq!((feed.forget(Timestamp(u64::MAX)), feed.oldest(), feed.next()), (1, 103, 103));
    }

    #[test]
    fn an_entry_reads_as_scripts_expect_it() {
        let feed = Feed::new(7);
        let nickname = Nickname::from_text("Zoë").unwrap();
        let room = RoomName::new(b"Lobby").unwrap();
        let event =
            Event::new(EventKind::SignIn).by(Person { uid: Uid(5), nickname }).in_room(RoomId(3), &room);
        feed.push(Timestamp(1_100_003_600_000), event.saying("from 192.0.2.1"));
        let entry = feed.since(0, 1).entries.remove(0);
        let json = serde_json::to_value(&*entry).unwrap();
        let expected = serde_json::json!({
            "seq": 7, "at": "2004-11-09T12:33:20Z", "kind": "sign_in", "actor": "Zoë", "actor_uid": 5,
            "target": null, "target_uid": null, "room": 3, "room_name": "Lobby", "text": "from 192.0.2.1",
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<FeedEntry>(json).unwrap(), *entry);
    }
}

//! What somebody who acts was told, and what has to be in the store and in the audit log for it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use paltalkd::model::{Timestamp, Uid};
use paltalkd::store::{Change, Store};

/// Of whom or what something is known, by name, and what.
pub(super) type Key = (String, String);
/// What is in the store.
pub(super) type Facts = BTreeMap<Key, Fact>;

/// Something that is kept, and when it was done, if that is kept, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fact {
    text: String,
    /// From when to when it may have been done; one moment once it was found.
    at: Option<(Timestamp, Timestamp)>,
}

impl Fact {
    pub(super) fn new(text: impl Into<String>) -> Fact {
        Fact { text: text.into(), at: None }
    }

    pub(super) fn at(at: Timestamp, text: impl Into<String>) -> Fact {
        Fact { text: text.into(), at: Some((at, at)) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The same in other words.
    pub(super) fn reworded(&self, text: impl Into<String>) -> Fact {
        Fact { text: text.into(), at: self.at }
    }

    /// Whether `found` is what was to be there.
    fn is(&self, found: &Fact) -> bool {
        let in_time = match (self.at, found.at) {
            (Some((from, to)), Some((first, last))) => from <= first && last <= to,
            (None, None) => true,
            _ => false,
        };
        in_time && self.text == found.text
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Put {
        key: Key,
        text: String,
        timed: bool,
        /// From when on it may have been done, if that is before the act.
        since: Option<Timestamp>,
    },
    Remove(Key),
    /// Nothing is left of this name.
    Clear(String),
    /// What was known of the one name is known of the other.
    Rename(String, String),
}

/// What is done as one: all of it, or nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Act {
    edits: Vec<Edit>,
    /// Entries in the audit log.
    log: Vec<String>,
}

fn key(of: &str, what: &str) -> Key {
    (of.to_owned(), what.to_owned())
}

impl Act {
    /// Something that is kept without a time.
    pub(super) fn put(mut self, of: &str, what: &str, text: impl Into<String>) -> Act {
        self.edits.push(Edit::Put { key: key(of, what), text: text.into(), timed: false, since: None });
        self
    }

    /// Something that is kept with the time of the act.
    pub(super) fn put_now(mut self, of: &str, what: &str, text: impl Into<String>) -> Act {
        self.edits.push(Edit::Put { key: key(of, what), text: text.into(), timed: true, since: None });
        self
    }

    /// Something that is kept with a time that may lie before the act.
    pub(super) fn put_since(
        mut self,
        since: Timestamp,
        of: &str,
        what: &str,
        text: impl Into<String>,
    ) -> Act {
        let since = Some(since);
        self.edits.push(Edit::Put { key: key(of, what), text: text.into(), timed: true, since });
        self
    }

    pub(super) fn remove(mut self, of: &str, what: &str) -> Act {
        self.edits.push(Edit::Remove(key(of, what)));
        self
    }

    /// Puts a setting, or removes what is as it was in the beginning.
    pub(super) fn set(self, of: &str, what: &str, text: &str) -> Act {
        if text.is_empty() { self.remove(of, what) } else { self.put(of, what, text) }
    }

    pub(super) fn clear(mut self, of: &str) -> Act {
        self.edits.push(Edit::Clear(of.to_owned()));
        self
    }

    pub(super) fn rename(mut self, from: &str, to: &str) -> Act {
        self.edits.push(Edit::Rename(from.to_owned(), to.to_owned()));
        self
    }

    /// An entry in the audit log, in the words of [`found::entry`](super::found::entry).
    pub(super) fn logged(mut self, entry: impl Into<String>) -> Act {
        self.log.push(entry.into());
        self
    }
}

/// What is there.
#[derive(Clone, Debug, Default)]
struct State {
    facts: Facts,
    log: Vec<Fact>,
}

impl State {
    fn apply(&mut self, act: &Act, began: Timestamp, ended: Timestamp) {
        for edit in &act.edits {
            match edit.clone() {
                Edit::Put { key, text, timed, since } => {
                    let at = timed.then(|| (since.unwrap_or(began), ended));
                    self.facts.insert(key, Fact { text, at });
                }
                Edit::Remove(key) => drop(self.facts.remove(&key)),
                Edit::Clear(name) => self.facts.retain(|(of, _), _| *of != name),
                Edit::Rename(from, to) => {
                    let moved: Vec<Key> = self.facts.keys().filter(|(of, _)| *of == from).cloned().collect();
                    for key in moved {
                        if let Some(fact) = self.facts.remove(&key) {
                            self.facts.insert((to.clone(), key.1), fact);
                        }
                    }
                }
            }
        }
        let entries = act.log.iter();
        self.log.extend(entries.map(|text| Fact { text: text.clone(), at: Some((began, ended)) }));
    }

    fn is(&self, found: &State) -> bool {
        self.facts.len() == found.facts.len()
            && self.log.len() == found.log.len()
            && self.facts.iter().zip(&found.facts).all(|((a, told), (b, found))| a == b && told.is(found))
            && self.log.iter().zip(&found.log).all(|(told, found)| told.is(found))
    }

    /// What is not as it was to be.
    fn differences(&self, found: &State) -> String {
        let mut text = String::new();
        for (key, told) in &self.facts {
            match found.facts.get(key) {
                Some(found) if told.is(found) => {}
                other => _ = writeln!(text, "  {key:?}: {told:?} was to be there, not {other:?}"),
            }
        }
        for (key, other) in found.facts.iter().filter(|(key, _)| !self.facts.contains_key(*key)) {
            _ = writeln!(text, "  {key:?}: nothing was to be there, not {other:?}");
        }
        let same = self.log.iter().zip(&found.log).take_while(|(told, found)| told.is(found)).count();
        if same < self.log.len() || same < found.log.len() {
            let (told, found) = (self.log.get(same), found.log.get(same));
            _ = writeln!(text, "  entry {same} of the log: {told:?} was to be there, not {found:?}");
        }
        text
    }
}

/// Everything that one was told is done, and what he has asked for since without an answer. What he asks
/// for is done in the order in which he asks.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// `false` until the store was looked at, and what was there before is known.
    settled: bool,
    told: State,
    open: VecDeque<(Act, Timestamp)>,
    /// What is there once all that is open is done.
    next: State,
    answers: usize,
}

impl Ledger {
    /// To be called before something is asked for.
    pub(super) fn begin(&mut self, act: Act) {
        let now = Timestamp::now();
        self.next.apply(&act, now, now);
        self.open.push_back((act, now));
    }

    /// To be called when the first of what is open has been answered.
    pub(super) fn answered(&mut self) {
        let (act, began) = self.open.pop_front().expect("an answer to nothing");
        self.told.apply(&act, began, Timestamp::now());
        self.answers += 1;
    }

    /// What was there before anybody asked for anything, or was put there beside the daemon.
    pub(super) fn learn(&mut self, act: &Act) {
        assert!(self.open.is_empty());
        let now = Timestamp::now();
        self.told.apply(act, now, now);
        self.next.apply(act, now, now);
    }

    /// What is there, once all is done that was asked for.
    pub(super) fn text(&self, of: &str, what: &str) -> Option<&str> {
        self.next.facts.get(&key(of, what)).map(Fact::text)
    }

    pub(super) fn has(&self, of: &str, what: &str) -> bool {
        self.text(of, what).is_some()
    }

    /// What is known of a name that begins like this.
    pub(super) fn about<'a>(
        &'a self,
        of: &'a str,
        what: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Fact)> {
        self.next.facts.iter().filter(move |((name, of_it), _)| name == of && of_it.starts_with(what))
    }

    /// How much was answered.
    pub(super) fn answers(&self) -> usize {
        self.answers
    }

    /// Compares with what was found after the end of the daemon: everything that was answered is there, and
    /// of what was not, the first so many acts, each completely or not at all.
    pub(super) fn settle(&mut self, who: &str, facts: Facts, log: Vec<Fact>) {
        let found = State { facts, log };
        if !std::mem::replace(&mut self.settled, true) {
            self.told.facts.clone_from(&found.facts);
        }
        let now = Timestamp::now();
        let mut states = vec![self.told.clone()];
        for (act, began) in self.open.drain(..) {
            let mut next = states.last().cloned().unwrap_or_default();
            next.apply(&act, began, now);
            states.push(next);
        }
        if !states.iter().any(|state| state.is(&found)) {
            let texts = states.iter().map(|state| state.differences(&found));
            let nearest = texts.enumerate().min_by_key(|(_, text)| text.len());
            let (done, text) = nearest.expect("one at least");
            let open = states.len() - 1;
            panic!("{who}: of {open} acts without an answer at best {done} are done, and yet:\n{text}");
        }
        self.told = State { facts: found.facts, log: Vec::new() };
        self.next = self.told.clone();
    }
}

/// Has the messages go that wait for somebody if they are many: a mailbox takes 200.
pub(super) fn empty_mailbox(store: &Store, ledger: &mut Ledger, uid: Uid, name: &str) {
    if ledger.about(name, "message ").count() < 100 {
        return;
    }
    store.commit_blocking(Change::DropOffline { uid, through: u64::MAX }).unwrap();
    let keys: Vec<String> = ledger.about(name, "message ").map(|(key, _)| key.1.clone()).collect();
    ledger.learn(&keys.iter().fold(Act::default(), |act, what| act.remove(name, what)));
}

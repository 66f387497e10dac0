//! The activity feed as one looks at it: the newest events, what is shown of them, and where one stands.

use std::collections::{BTreeSet, VecDeque};

use crate::control::filter::Filter;
use crate::hub::feed::Level;
use crate::hub::{EventKind, FeedEntry};

use super::sieve;

/// Events that the console keeps.
const KEPT: usize = 5000;

/// The feed.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    entries: VecDeque<(FeedEntry, bool)>,
    /// Kinds that are not shown.
    pub(super) hidden: BTreeSet<EventKind>,
    pub(super) filter: String,
    /// [`Feed::filter`], understood; `None` lets everything pass.
    sieve: Option<Filter>,
    /// What is wrong with the filter that was typed last.
    pub(super) filter_error: Option<String>,
    /// The event one stands on; `None` follows the newest.
    pub(super) selected: Option<u64>,
    /// Events with this number and later ones came while it is paused, and are not shown.
    frozen: Option<u64>,
    /// Events that the daemon left out because they were too many.
    pub(super) missed: u64,
    /// Whether anything has ever come.
    pub(super) loaded: bool,
    /// The text that is looked for.
    pub(super) find: String,
}

impl Feed {
    pub(super) fn new() -> Feed {
        Feed {
            entries: VecDeque::new(),
            hidden: BTreeSet::new(),
            filter: String::new(),
            sieve: None,
            filter_error: None,
            selected: None,
            frozen: None,
            missed: 0,
            loaded: false,
            find: String::new(),
        }
    }

    /// Adds events, oldest first; those that are here already are left out.
    pub(super) fn push(&mut self, entries: Vec<FeedEntry>, missed: u64) {
        let before = self.entries.back().map(|(last, _)| last.seq);
        if let (Some(last), Some(first)) = (before, entries.first()) {
            // Also those that came while the connection was lost.
            self.missed += missed.max(first.seq.saturating_sub(last + 1));
        }
        self.loaded = true;
        for entry in entries {
            if self.entries.back().is_some_and(|(last, _)| last.seq >= entry.seq) {
                continue;
            }
            let shown = self.shows(&entry);
            self.entries.push_back((entry, shown));
        }
        while self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    /// Forgets everything: another daemon counts from another number.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        (self.selected, self.missed, self.frozen) = (None, 0, self.frozen.map(|_| 0));
    }

    /// Shows what matches `filter` only. A filter that cannot be understood leaves the last one in force.
    pub(super) fn set_filter(&mut self, filter: &str) {
        match Filter::parse::<FeedEntry>(filter) {
            Ok(sieve) => {
                self.sieve = (!filter.is_empty()).then_some(sieve);
                self.filter = filter.to_owned();
                self.filter_error = None;
                self.sift();
            }
            Err(error) => self.filter_error = Some(error.to_string()),
        }
    }

    /// Shows events of this kind, or hides them.
    pub(super) fn toggle(&mut self, kind: EventKind) {
        if !self.hidden.remove(&kind) {
            self.hidden.insert(kind);
        }
        self.sift();
    }

    fn sift(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        for (entry, shown) in &mut entries {
            *shown = self.shows(entry);
        }
        self.entries = entries;
    }

    fn shows(&self, entry: &FeedEntry) -> bool {
        !self.hidden.contains(&entry.kind)
            && self.sieve.as_ref().is_none_or(|filter| sieve::passes(filter, entry))
    }

    /// What is shown, newest first.
    pub(super) fn shown(&self) -> impl Iterator<Item = &FeedEntry> {
        let frozen = self.frozen.unwrap_or(u64::MAX);
        self.entries
            .iter()
            .rev()
            .filter(move |(entry, shown)| *shown && entry.seq < frozen)
            .map(|(entry, _)| entry)
    }

    /// The selected event; the newest one if it follows.
    pub(super) fn current(&self) -> Option<&FeedEntry> {
        match self.selected {
            Some(seq) => self.shown().find(|entry| entry.seq <= seq),
            None => self.shown().next(),
        }
    }

    /// Shown events that are newer than the one that is selected.
    pub(super) fn newer(&self) -> usize {
        self.selected.map_or(0, |selected| self.shown().take_while(|entry| entry.seq > selected).count())
    }

    /// Events that came since it was paused.
    pub(super) fn waiting(&self) -> usize {
        let Some(frozen) = self.frozen else { return 0 };
        self.entries
            .iter()
            .rev()
            .take_while(|(entry, _)| entry.seq >= frozen)
            .filter(|(_, shown)| *shown)
            .count()
    }

    /// Shows nothing new, or everything that has come.
    pub(super) fn pause(&mut self, paused: bool) {
        self.frozen = paused.then(|| self.entries.back().map_or(0, |(entry, _)| entry.seq + 1));
    }

    /// Goes `delta` events down; below the newest one it follows.
    pub(super) fn step(&mut self, delta: i64) {
        let here = self.newer() as i64;
        let to = here.saturating_sub(delta);
        if to <= 0 && delta > 0 {
            self.selected = None;
            return;
        }
        let to = usize::try_from(to).unwrap_or_default();
        let mut last = None;
        for (index, entry) in self.shown().enumerate() {
            last = Some(entry.seq);
            if index == to {
                break;
            }
        }
        self.selected = last;
    }

    /// Goes to the oldest event.
    pub(super) fn home(&mut self) {
        self.selected = self.shown().last().map(|entry| entry.seq);
    }

    /// Goes to the next event that names what is looked for: up, or down. Whether there is one.
    pub(super) fn find_next(&mut self, up: bool) -> bool {
        let needle = self.find.to_lowercase();
        let here = self.current().map_or(u64::MAX, |entry| entry.seq);
        let names = |entry: &&FeedEntry| sentence(entry).to_lowercase().contains(&needle);
        let found = if up {
            self.shown().filter(|entry| entry.seq < here).find(names).map(|entry| entry.seq)
        } else {
            self.shown().filter(|entry| entry.seq > here).filter(names).last().map(|entry| entry.seq)
        };
        if found.is_some() {
            self.selected = found;
        }
        found.is_some()
    }

    /// Warnings among what is kept that came since `seq`.
    pub(super) fn warnings_since(&self, seq: u64) -> usize {
        let newer = self.entries.iter().rev().take_while(|(entry, _)| entry.seq > seq);
        newer.filter(|(entry, _)| entry.kind.level() == Level::Warning).count()
    }

    /// The number of the newest event.
    pub(super) fn newest(&self) -> u64 {
        self.entries.back().map_or(0, |(entry, _)| entry.seq)
    }
}

/// A level in a word.
pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Notice => "notice",
        Level::Warning => "warning",
    }
}

/// A kind as people read it.
pub(super) fn kind_name(kind: EventKind) -> String {
    kind.name().replace('_', " ")
}

/// What has happened, in one line: who, to whom, where, and what else there is to say.
pub(super) fn sentence(entry: &FeedEntry) -> String {
    let mut parts = Vec::new();
    match (&entry.actor, &entry.target) {
        (Some(actor), Some(target)) => parts.push(format!("{actor} → {target}")),
        (Some(name), None) | (None, Some(name)) => parts.push(name.to_string()),
        (None, None) => {}
    }
    if let Some(room) = &entry.room_name {
        parts.push(format!("in {room}"));
    }
    if !entry.text.is_empty() {
        if !parts.is_empty() {
            parts.push("·".to_owned());
        }
        parts.push(entry.text.to_string());
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn entry(seq: u64, kind: EventKind, actor: &str) -> FeedEntry {
        FeedEntry {
            seq,
            at: Timestamp(seq),
            kind,
            actor: Some(actor.into()),
            actor_uid: None,
            target: None,
            target_uid: None,
            room: None,
            room_name: None,
            text: "".into(),
        }
    }

    fn seqs(feed: &Feed) -> Vec<u64> {
        feed.shown().map(|entry| entry.seq).collect()
    }

    #[test]
    fn a_paused_feed_forgets_nothing() {
        let mut feed = Feed::new();
        feed.push(vec![entry(1, EventKind::Join, "bob"), entry(2, EventKind::Kick, "amy")], 0);
        feed.pause(true);
        feed.push(vec![entry(2, EventKind::Kick, "amy"), entry(3, EventKind::Join, "cat")], 4);
        assert_eq!((seqs(&feed), feed.waiting(), feed.missed), (vec![2, 1], 1, 4));
        feed.pause(false);
        assert_eq!((seqs(&feed), feed.waiting()), (vec![3, 2, 1], 0));
    }

    #[test]
    fn one_leaves_the_newest_and_comes_back_to_it() {
        let mut feed = Feed::new();
        feed.push((1..=9).map(|seq| entry(seq, EventKind::Join, "bob")).collect(), 0);
        assert_eq!(feed.current().unwrap().seq, 9);
        feed.step(-2);
        assert_eq!((feed.current().unwrap().seq, feed.newer()), (7, 2));
        feed.push(vec![entry(10, EventKind::Join, "bob")], 0);
        assert_eq!((feed.current().unwrap().seq, feed.newer()), (7, 3), "it stays where one looks");
        feed.step(1);
        assert_eq!(feed.current().unwrap().seq, 8);
        feed.step(5);
        assert_eq!((feed.selected, feed.newer()), (None, 0));
        feed.home();
        assert_eq!(feed.current().unwrap().seq, 1);
    }

    #[test]
    fn filters_and_kinds_hide_and_show() {
        let mut feed = Feed::new();
        let kinds =
            [(1, EventKind::Join, "bob"), (2, EventKind::Kick, "Bobby"), (3, EventKind::Report, "amy")];
        feed.push(kinds.map(|(seq, kind, name)| entry(seq, kind, name)).into(), 0);
        for (filter, expected) in [
            ("", vec![3, 2, 1]),
            ("BOB", vec![2, 1]),
            ("!bob", vec![3]),
            ("kind:kick", vec![2]),
            ("bob !kind:kick", vec![1]),
            ("level:warning", vec![3]),
            ("user:amy", vec![3]),
            ("user:amy or kind:join", vec![3, 1]),
            ("!(user:amy or kind:join)", vec![2]),
            ("bob and level:info", vec![1]),
            ("nobody", vec![]),
        ] {
            feed.set_filter(filter);
            assert_eq!(seqs(&feed), expected, "{filter}");
        }
        feed.set_filter("knd:kick");
        assert!(feed.filter_error.as_deref().is_some_and(|error| error.contains("kind")));
        assert_eq!((feed.filter.as_str(), seqs(&feed)), ("nobody", vec![]), "the last good one stays");
        feed.set_filter("");
        assert_eq!(feed.filter_error, None);
        feed.toggle(EventKind::Join);
        assert_eq!(seqs(&feed), [3, 2]);
        feed.find = "bob".to_owned();
        assert!(feed.find_next(true) && feed.current().unwrap().seq == 2);
        assert!(!feed.find_next(true));
    }
}

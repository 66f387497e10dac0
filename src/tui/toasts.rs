//! Messages at the bottom of the screen: what goes on, what was done, what failed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Now, Timestamp};

/// Messages that are remembered.
const KEPT: usize = 200;
/// How long good news stay.
const STAY: Duration = Duration::from_secs(6);

/// The kinds of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Done,
    Notice,
    /// Stays until it is put away.
    Failed,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Toast {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) at: Timestamp,
    until: Option<Duration>,
}

/// All messages, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Toasts {
    pub(super) history: VecDeque<Toast>,
    /// How many of the last ones may still be on the screen.
    fresh: usize,
}

impl Toasts {
    pub(super) fn push(&mut self, kind: Kind, text: impl Into<String>, now: Now) {
        let until = (kind != Kind::Failed).then(|| now.uptime + STAY);
        self.history.push_back(Toast { kind, text: text.into(), at: now.wall, until });
        self.fresh += 1;
        while self.history.len() > KEPT {
            self.history.pop_front();
        }
        self.fresh = self.fresh.min(self.history.len());
    }

    fn fresh(&self) -> impl DoubleEndedIterator<Item = &Toast> {
        self.history.iter().skip(self.history.len() - self.fresh.min(self.history.len()))
    }

    /// What is on the screen, newest first.
    pub(super) fn shown(&self, now: Now) -> impl Iterator<Item = &Toast> {
        self.fresh().rev().filter(move |toast| toast.until.is_none_or(|until| until > now.uptime))
    }

    /// When the next one goes.
    pub(super) fn next_end(&self, now: Now) -> Option<Duration> {
        self.shown(now).filter_map(|toast| toast.until).min()
    }

    /// Puts everything away; whether there was anything.
    pub(super) fn dismiss(&mut self, now: Now) -> bool {
        let any = self.shown(now).next().is_some();
        self.fresh = 0;
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now { wall: Timestamp(seconds * 1000), uptime: Duration::from_secs(seconds) }
    }

    #[test]
    fn good_news_go_and_bad_news_stay() {
        let mut toasts = Toasts::default();
        toasts.push(Kind::Failed, "no such user", at(1));
        toasts.push(Kind::Done, "kicked bob", at(2));
        let texts =
            |toasts: &Toasts, now| toasts.shown(now).map(|toast| toast.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&toasts, at(3)), ["kicked bob", "no such user"]);
        assert_eq!(toasts.next_end(at(3)), Some(Duration::from_secs(8)));
        assert_eq!(texts(&toasts, at(9)), ["no such user"]);
        assert!(toasts.dismiss(at(9)) && !toasts.dismiss(at(9)));
        assert_eq!(toasts.history.len(), 2, "it can still be read");
    }
}

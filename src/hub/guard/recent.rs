//! When a user's last messages were accepted: what cooldown, window and volume look at.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Spam;

use super::moment::Moment;

/// The span of the limit per minute.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// How many moments are kept of each user, and for how long: as the limits need them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Horizon {
    count: usize,
    pub(super) span: Duration,
}

impl Horizon {
    pub(super) fn of(limits: &Spam) -> Horizon {
        let window = limits.messages_per_window.zip(limits.window);
        let minute = limits.messages_per_minute.map(|count| (count, MINUTE));
        let cooldown = limits.cooldown.map(|time| (1, time));
        let mut horizon = Horizon { count: 0, span: Duration::ZERO };
        for (count, span) in [window, minute, cooldown].into_iter().flatten() {
            horizon.count = horizon.count.max(usize::try_from(count).unwrap_or(usize::MAX));
            horizon.span = horizon.span.max(span);
        }
        horizon
    }
}

/// The moments at which a user's last messages were accepted, oldest first.
#[derive(Default, Debug)]
pub(super) struct Recent(VecDeque<Moment>);

impl Recent {
    pub(super) fn last(&self) -> Option<Moment> {
        self.0.back().copied()
    }

    /// If `limit` messages or more were accepted within the `span` that ends now: how many, and how long
    /// ago the first of them. What is exactly `span` old is outside.
    pub(super) fn full(&self, now: Duration, limit: u32, span: Duration) -> Option<(usize, Duration)> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let inside = |at: &Moment| at.until(now) < span;
        // Usually one look decides: whether the limit-th latest is old enough.
        let decisive = self.0.len().checked_sub(limit).and_then(|at| self.0.get(at))?;
        if !inside(decisive) {
            return None;
        }
        let count = self.0.iter().rev().take_while(|at| inside(at)).count();
        let first = self.0.get(self.0.len() - count)?;
        Some((count, first.until(now)))
    }

    pub(super) fn accept(&mut self, now: Duration, horizon: Horizon) {
        while self.0.front().is_some_and(|at| at.until(now) >= horizon.span) {
            self.0.pop_front();
        }
        if horizon.count == 0 {
            return;
        }
        while self.0.len() >= horizon.count {
            self.0.pop_front();
        }
        self.0.push_back(Moment::new(now));
    }
}

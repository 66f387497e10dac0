//! Counting what happened lately.

use std::collections::VecDeque;
use std::time::Duration;

/// The time in which links and messages are counted.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// When things happened, oldest first. Times are those since the daemon started.
#[derive(Clone, Debug, Default)]
pub(super) struct Times(VecDeque<Duration>);

impl Times {
    /// How many there were in the minute that ends at `now`; what is exactly a minute old does not
    /// count any more.
    pub(super) fn in_last_minute(&self, now: Duration) -> usize {
        self.0.len() - self.0.partition_point(|at| at.saturating_add(MINUTE) <= now)
    }

    /// Adds `count` that happen at `now`; of all, the last `keep` stay.
    pub(super) fn add(&mut self, now: Duration, count: usize, keep: usize) {
        let old = self.0.partition_point(|at| at.saturating_add(MINUTE) <= now);
        self.0.drain(..old);
        self.0.extend(std::iter::repeat_n(now, count.min(keep)));
        self.0.drain(..self.0.len().saturating_sub(keep));
    }

    /// Whether nothing in here counts any more.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.in_last_minute(now) == 0
    }
}

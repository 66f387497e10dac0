//! Moments as they are remembered by the thousand.

use std::time::Duration;

/// A time since the start of the daemon, in nanoseconds: half as large as a [`Duration`], of which the
/// guard keeps dozens per user, and enough for 584 years.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment(u64);

impl Moment {
    pub(super) fn new(uptime: Duration) -> Moment {
        Moment(uptime.as_secs().saturating_mul(1_000_000_000).saturating_add(uptime.subsec_nanos().into()))
    }

    /// The time from this moment to `now`; zero if that is earlier.
    pub(super) fn until(self, now: Duration) -> Duration {
        Duration::from_nanos(Moment::new(now).0.saturating_sub(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_of_any_time_that_a_daemon_runs() {
        for time in [Duration::ZERO, Duration::new(1, 999_999_999), Duration::from_secs(500 * 365 * 86_400)] {
            assert_eq!(Moment::new(Duration::ZERO).until(time), time);
            let later = time + Duration::from_nanos(1);
            assert_eq!(Moment::new(time).until(later), Duration::from_nanos(1));
            assert_eq!(Moment::new(later).until(time), Duration::ZERO);
        }
        assert_eq!(Moment::new(Duration::MAX).until(Duration::MAX), Duration::ZERO);
    }
}

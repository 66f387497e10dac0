use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment of the calendar: milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The system clock's time.
    pub fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// This moment less `age`; 1970 if that would be earlier.
    pub fn before(self, age: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This moment and `time` more.
    pub fn after(self, time: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }

    /// RFC 3339 in UTC with seconds, as in `2026-11-20T22:29:00Z`.
    pub fn rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%SZ")
    }

    /// For people to read, as in `2026-11-20 22:29:00 UTC`.
    pub fn utc(self) -> String {
        self.format("%Y-%m-%d %H:%M:%S UTC")
    }

    /// The four-token stamp that precedes a stored message on the wire (PROTOCOL 8.2), without
    /// its brackets: `2004-11-09 12:33:20 PM UTC`.
    pub fn offline_stamp(self) -> String {
        self.format("%Y-%m-%d %I:%M:%S %p UTC")
    }

    fn format(self, pattern: &str) -> String {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis)
            .unwrap_or(jiff::Timestamp::MAX)
            .strftime(pattern)
            .to_string()
    }
}

/// Both clocks at one moment, handed to everything that is pure: the calendar for what people
/// see, the time since start for intervals, which a corrected system clock must not stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// The calendar.
    pub wall: Timestamp,
    /// The time since the daemon started; never goes back.
    pub uptime: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_read_as_the_clients_expect_them() {
        let noon = Timestamp(1_100_003_600_000);
        assert_eq!(noon.rfc3339(), "2004-11-09T12:33:20Z");
        assert_eq!(noon.utc(), "2004-11-09 12:33:20 UTC");
        assert_eq!(noon.offline_stamp(), "2004-11-09 12:33:20 PM UTC");
        assert_eq!(Timestamp(u64::MAX).rfc3339().len(), 20);
    }
}

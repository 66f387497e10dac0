//! The rows of the tables, and how fast what they count grows.

use std::collections::VecDeque;
use std::time::Duration;

use crate::control::wire::StrikeRow;
use crate::hub::rows::{RoomRow, UserRow};
use crate::model::Now;

/// One row of any of the tables.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Row {
    User(UserRow),
    Room(RoomRow),
    Strike(StrikeRow),
}

impl Row {
    pub(super) fn id(&self) -> u32 {
        match self {
            Row::User(row) => row.uid.0,
            Row::Room(row) => row.id.0,
            Row::Strike(row) => row.uid.0,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Row::User(row) => &row.nickname,
            Row::Room(row) => &row.name,
            Row::Strike(row) => &row.nickname,
        }
    }

    /// What only ever grows: bytes in and out of a user, messages of a room.
    fn counters(&self) -> [u64; 2] {
        match self {
            Row::User(row) => [row.bytes_in, row.bytes_out],
            Row::Room(row) => [row.messages, 0],
            Row::Strike(_) => [0, 0],
        }
    }
}

/// Rates are means over this time: short enough to be of now, long enough to be read.
const SPAN: Duration = Duration::from_secs(5);

/// A row and how fast its counters grow.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub(super) row: Row,
    /// Per second; `None` until it has been seen for a second.
    pub(super) rates: Option<[f64; 2]>,
    /// What its counters were, oldest first: at the beginning of [`SPAN`] and since.
    seen: VecDeque<(Duration, [u64; 2])>,
}

impl Line {
    pub(super) fn new(row: Row, now: Now) -> Line {
        let seen = VecDeque::from([(now.uptime, row.counters())]);
        Line { row, rates: None, seen }
    }

    /// Notes what the counters are now, changed or not: what stands still has a rate, too.
    pub(super) fn look(&mut self, now: Now) {
        let counters = self.row.counters();
        if self.seen.back().is_none_or(|(at, _)| *at < now.uptime) {
            self.seen.push_back((now.uptime, counters));
        }
        while self.seen.get(1).is_some_and(|(at, _)| *at + SPAN <= now.uptime) {
            self.seen.pop_front();
        }
        let Some((at, [first, second])) = self.seen.front() else { return };
        let seconds = now.uptime.saturating_sub(*at).as_secs_f64();
        if seconds >= 1.0 {
            let rate = |now: u64, then: &u64| now.saturating_sub(*then) as f64 / seconds;
            self.rates = Some([rate(counters[0], first), rate(counters[1], second)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn at(seconds: u64) -> Now {
        Now { wall: Timestamp(seconds * 1000), uptime: Duration::from_secs(seconds) }
    }

    #[test]
    fn rates_are_of_the_last_seconds_and_end_where_nothing_comes() {
        let mut row = super::super::tests::rows::user(1);
        let mut line = Line::new(Row::User(row.clone()), at(0));
        line.look(at(0));
        assert_eq!(line.rates, None, "one look is no rate");
        for second in 1..=10 {
            row.bytes_in += 100;
            line.row = Row::User(row.clone());
            line.look(at(second));
        }
        assert_eq!(line.rates.map(|rates| rates[0]), Some(100.0));
        // The daemon says nothing about a row that has not changed.
        line.look(at(13));
        assert_eq!(line.rates.map(|rates| rates[0] < 100.0), Some(true));
        line.look(at(20));
        assert_eq!(line.rates, Some([0.0, 0.0]));
        // A counter that begins anew is no negative rate.
        row.bytes_in = 0;
        line.row = Row::User(row);
        line.look(at(21));
        assert_eq!(line.rates, Some([0.0, 0.0]));
    }
}

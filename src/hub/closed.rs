//! Who has signed out lately, and why.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{CloseReason, Timestamp, Uid};

use super::Person;

/// How many are remembered.
pub const CLOSED_MAX: usize = 1000;

/// A session that is over, as the state knew it.
#[derive(Debug)]
pub struct Ended {
    /// Whose it was.
    pub person: Person,
    /// Where his client was.
    pub address: IpAddr,
    /// The family of his client, as in [`UserRow`](super::rows::UserRow).
    pub client: &'static str,
    /// When he had signed in, in time since the start.
    pub since: Duration,
    /// Messages of his that were accepted.
    pub messages: u64,
    /// Why it is over; `None` if only his connection knows.
    pub reason: Option<CloseReason>,
}

/// A session that is over.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClosedRow {
    /// When it ended.
    pub at: Timestamp,
    /// Whose it was.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// Where his client was.
    pub address: IpAddr,
    /// The family of his client.
    pub client: String,
    /// Seconds since he had signed in.
    pub connected_seconds: u64,
    /// Messages of his that were accepted.
    pub messages: u64,
    /// Bytes his client had sent.
    pub bytes_in: u64,
    /// Bytes his client was sent.
    pub bytes_out: u64,
    /// Why it ended.
    pub reason: CloseReason,
}

/// The last [`CLOSED_MAX`] sessions that are over.
#[derive(Default)]
pub(super) struct Closed(VecDeque<ClosedRow>);

impl Closed {
    pub(super) fn add(&mut self, row: ClosedRow) {
        if self.0.len() >= CLOSED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(row);
    }

    /// All of them, the newest first.
    pub(super) fn rows(&self) -> Vec<ClosedRow> {
        self.0.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_are_remembered_the_newest_first() {
        let mut closed = Closed::default();
        for number in 0..CLOSED_MAX as u32 + 7 {
            closed.add(ClosedRow {
                at: Timestamp(number.into()),
                uid: Uid(number),
                nickname: format!("user{number}"),
                address: [192, 0, 2, 1].into(),
                client: "5.0".to_owned(),
                connected_seconds: 60,
                messages: 0,
                bytes_in: 0,
                bytes_out: 0,
                reason: CloseReason::ClientLeft,
            });
        }
        let rows = closed.rows();
        assert_eq!(rows.len(), CLOSED_MAX);
        assert_eq!((rows[0].uid, rows[CLOSED_MAX - 1].uid), (Uid(1006), Uid(7)));
    }
}

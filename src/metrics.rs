//! Counters since start. Written with relaxed atomics from anywhere, read by logs and tests.

pub mod times;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::model::{CloseReason, Obstacle};

/// One number that only grows.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of one daemon.
#[derive(Default, Debug)]
pub struct Metrics {
    /// Chat connections accepted.
    pub connections_accepted: Counter,
    /// Times that no connection could be accepted, usually because no more files may be open.
    pub not_accepted: Counter,
    /// Chat connections ended, for whatever reason.
    pub connections_closed: Counter,
    /// Sign-ins that succeeded.
    pub sign_ins: Counter,
    /// Sign-ins refused for a wrong name or password.
    pub sign_ins_refused: Counter,
    /// Accounts created by clients and the web form.
    pub registrations: Counter,
    /// Packets received whole.
    pub packets_in: Counter,
    /// Packets of a type the catalogue does not know.
    pub packets_unknown: Counter,
    /// Packets that did not parse.
    pub packets_malformed: Counter,
    /// Packets that came in a state in which their type is not accepted.
    pub packets_out_of_order: Counter,
    /// Times a connection was made to wait because it sent more packets than it may.
    pub throttled: Counter,
    /// Bytes read from chat connections.
    pub bytes_in: Counter,
    /// Bytes written to chat connections.
    pub bytes_out: Counter,
    /// Room messages, instant messages and whispers accepted.
    pub messages: Counter,
    /// Packets put into outboxes.
    pub deliveries: Counter,
    /// Messages kept for somebody who was not signed in.
    pub offline_stored: Counter,
    /// Files carried whole.
    pub files_carried: Counter,
    /// Files of which not all was carried.
    pub files_failed: Counter,
    /// Bytes of files carried.
    pub file_bytes: Counter,
    /// Files and calls refused because too many waited to be carried.
    pub relays_refused: Counter,
    /// Datagrams of calls passed on.
    pub call_datagrams: Counter,
    /// Datagrams on the ports of calls that belong to none or were too many.
    pub call_datagrams_dropped: Counter,
    /// Nanoseconds that the hub was at work.
    pub hub_busy_nanos: Counter,
    /// The time from reading a message to handing it to the socket of a recipient.
    pub delivery: times::Sliding,
    close_reasons: [Counter; CloseReason::ALL.len()],
    refusals: [Counter; Obstacle::ALL.len()],
}

impl Metrics {
    /// Counts the end of a connection.
    pub fn closed(&self, reason: CloseReason) {
        self.connections_closed.increment();
        self.close_counter(reason).increment();
    }

    /// How many connections ended for `reason`.
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.close_counter(reason).get()
    }

    /// Counts something that the guard has refused.
    pub fn refused(&self, obstacle: Obstacle) {
        self.refusal_counter(obstacle).increment();
    }

    /// How much was refused by this obstacle.
    pub fn refused_by(&self, obstacle: Obstacle) -> u64 {
        self.refusal_counter(obstacle).get()
    }

    /// Counts time that the hub was at work.
    pub fn hub_busy(&self, time: Duration) {
        self.hub_busy_nanos.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The counters by name, but for those of close reasons and refusals: as `status` tells them.
    pub fn named(&self) -> [(&'static str, u64); 18] {
        [
            ("connections_accepted", self.connections_accepted.get()),
            ("not_accepted", self.not_accepted.get()),
            ("sign_ins", self.sign_ins.get()),
            ("sign_ins_refused", self.sign_ins_refused.get()),
            ("registrations", self.registrations.get()),
            ("packets_in", self.packets_in.get()),
            ("packets_unknown", self.packets_unknown.get()),
            ("packets_malformed", self.packets_malformed.get()),
            ("packets_out_of_order", self.packets_out_of_order.get()),
            ("throttled", self.throttled.get()),
            ("offline_stored", self.offline_stored.get()),
            ("files_carried", self.files_carried.get()),
            ("files_failed", self.files_failed.get()),
            ("file_bytes", self.file_bytes.get()),
            ("relays_refused", self.relays_refused.get()),
            ("call_datagrams", self.call_datagrams.get()),
            ("call_datagrams_dropped", self.call_datagrams_dropped.get()),
            ("connections_closed", self.connections_closed.get()),
        ]
    }

    /// Chat connections open now.
    pub fn connections(&self) -> u64 {
        self.connections_accepted.get().saturating_sub(self.connections_closed.get())
    }

    // The array has one counter per variant of the fieldless enum, so the index is always inside.
    #[allow(clippy::indexing_slicing)]
    fn close_counter(&self, reason: CloseReason) -> &Counter {
        &self.close_reasons[reason as usize]
    }

    // As above.
    #[allow(clippy::indexing_slicing)]
    fn refusal_counter(&self, obstacle: Obstacle) -> &Counter {
        &self.refusals[obstacle as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let metrics = Metrics::default();
        for reason in CloseReason::ALL {
            metrics.closed(reason);
            assert_eq!(metrics.closed_for(reason), 1, "{reason}");
        }
        assert_eq!(metrics.connections_closed.get(), CloseReason::ALL.len() as u64);
        for obstacle in Obstacle::ALL {
            metrics.refused(obstacle);
            assert_eq!(metrics.refused_by(obstacle), 1, "{}", obstacle.name());
        }
    }
}

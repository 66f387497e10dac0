//! How the daemon is and how fast, in numbers.

use serde::{Deserialize, Serialize};

use crate::hub::rows::{RoomUsage, Talker};

/// How the daemon is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: u64,
    /// `ok`, `degraded` or `maintenance`.
    pub health: String,
    pub health_reasons: Vec<String>,
    pub connections: u64,
    pub users_online: u64,
    pub users_idle: u64,
    pub users_away: u64,
    /// Neither idle nor away.
    pub users_active: u64,
    pub peak_users: u64,
    /// The most since the start of what else rises and falls.
    pub peaks: Peaks,
    pub rooms_open: u64,
    pub rooms_total: u64,
    pub messages_total: u64,
    pub messages_per_second: f64,
    pub deliveries_total: u64,
    pub offline_messages_pending: u64,
    pub voice_streams: u64,
    pub voice_listeners: u64,
    pub voice_packets_in: u64,
    pub voice_packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub memory_bytes: u64,
    pub cpu_percent: f64,
    pub listen: Listen,
    /// Connections that ended, by reason.
    #[serde(with = "by_name")]
    pub closed: Vec<(String, u64)>,
    /// Messages that the guard refused, by link.
    #[serde(with = "by_name")]
    pub refused: Vec<(String, u64)>,
    /// What else is counted since the start.
    #[serde(with = "by_name")]
    pub counters: Vec<(String, u64)>,
    /// What is counted at the control socket.
    #[serde(with = "by_name")]
    pub control: Vec<(String, u64)>,
    /// Who of those signed in has said most since he came, the first the most.
    pub top_talkers: Vec<Talker>,
    /// In which rooms most is said, in the same way.
    pub busiest_rooms: Vec<RoomUsage>,
}

/// The most of something at once since the start of the daemon, looked at every second.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Peaks {
    pub connections: u64,
    pub rooms_open: u64,
    pub messages_per_second: f64,
    pub voice_streams: u64,
}

/// Counters with their names: an object where people and scripts read, a list on the control socket.
mod by_name {
    use serde::ser::{SerializeMap, Serializer};
    use serde::{Deserialize, Deserializer, Serialize};

    pub(super) fn serialize<S: Serializer>(
        counters: &[(String, u64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return counters.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(counters.len()))?;
        for (name, count) in counters {
            map.serialize_entry(name, count)?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, u64)>, D::Error> {
        if !deserializer.is_human_readable() {
            return Vec::deserialize(deserializer);
        }
        let map = std::collections::BTreeMap::<String, u64>::deserialize(deserializer)?;
        Ok(map.into_iter().collect())
    }
}

/// Where the daemon listens, as `ip:port`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Listen {
    /// The chat service.
    pub chat_tcp: Vec<String>,
    /// Voice over TCP.
    pub voice_tcp: Vec<String>,
    /// Voice over UDP.
    pub voice_udp: Vec<String>,
    /// The HTTP listener.
    pub http: Vec<String>,
}

/// How fast the daemon is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Performance {
    pub cpu_percent: f64,
    pub memory_bytes: u64,
    pub threads: u64,
    pub open_files: u64,
    pub hub_queue: u64,
    pub hub_busy_percent: f64,
    pub outbox_bytes: u64,
    pub slow_consumers_dropped: u64,
    pub store: StorePerformance,
    pub delivery_micros: Percentiles,
}

/// How fast the store is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct StorePerformance {
    pub queries_total: u64,
    pub errors_total: u64,
    pub avg_query_micros: u64,
    pub p99_query_micros: u64,
    /// The last 100, oldest first.
    pub recent: Vec<u64>,
    pub commit_avg_micros: u64,
    pub size_bytes: u64,
}

/// How long something takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Percentiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
}

/// One measurement. Rates are per second.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// When it was taken, in milliseconds since 1970.
    pub at: u64,
    /// Of one core.
    pub cpu_percent: f32,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Open files, sockets included.
    pub open_files: u32,
    /// Chat connections.
    pub connections: u32,
    /// Users signed in.
    pub users: u32,
    /// Messages accepted.
    pub messages: f32,
    /// Packets put into outboxes.
    pub deliveries: f32,
    /// Bytes read and written on chat connections.
    pub bytes_in: f32,
    /// See [`Sample::bytes_in`].
    pub bytes_out: f32,
    /// Commands that wait for the hub.
    pub hub_queue: u32,
    /// Share of its time that the hub works.
    pub hub_busy_percent: f32,
    /// Bytes in all outboxes.
    pub outbox_bytes: u64,
    /// Clients dropped because they did not read.
    pub slow_dropped: f32,
    /// People who speak.
    pub voice_streams: u32,
    /// Packets of speech that came.
    pub voice_in: f32,
    /// Packets of speech that were passed on.
    pub voice_out: f32,
    /// Queries to the store.
    pub queries: f32,
    /// Mean time of a commit, in microseconds.
    pub commit_micros: u32,
    /// The time from reading a message to writing it, in microseconds: median.
    pub delivery_p50: u32,
    /// The same: of a hundred, the slowest but one.
    pub delivery_p99: u32,
}

/// Where the classes of round-trip times in [`Quality`] end, in milliseconds; the last has no end.
pub const TRIP_CLASSES: [u32; 8] = [1, 5, 20, 50, 100, 200, 400, 1000];
/// Where the classes of waiting bytes in [`Quality`] end; the last has no end.
pub const QUEUE_CLASSES: [u64; 4] = [1, 4 << 10, 64 << 10, 1 << 20];

/// How good the connections of those signed in are: how many are in each class.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Quality {
    /// By round-trip time, as in [`TRIP_CLASSES`].
    pub trips: [u32; TRIP_CLASSES.len() + 1],
    /// Those of whom the system tells no time.
    pub unknown: u32,
    /// By bytes that wait for their clients, as in [`QUEUE_CLASSES`].
    pub queues: [u32; QUEUE_CLASSES.len() + 1],
}

impl Quality {
    /// Counts one more.
    pub fn count(&mut self, rtt_micros: Option<u32>, pending_bytes: u64) {
        let trip = rtt_micros.map(|micros| TRIP_CLASSES.partition_point(|end| end * 1000 <= micros));
        let queue = QUEUE_CLASSES.partition_point(|end| *end <= pending_bytes);
        let place = trip.map_or(Some(&mut self.unknown), |trip| self.trips.get_mut(trip));
        for place in place.into_iter().chain(self.queues.get_mut(queue)) {
            *place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_in_one_class_of_each_kind() {
        let mut quality = Quality::default();
        for (micros, pending) in
            [(None, 0), (Some(1), 0), (Some(999), 1), (Some(1000), 4095), (Some(u32::MAX), u64::MAX)]
        {
            quality.count(micros, pending);
        }
        assert_eq!((quality.unknown, quality.trips), (1, [2, 1, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(quality.queues, [2, 2, 0, 0, 1]);
    }
}

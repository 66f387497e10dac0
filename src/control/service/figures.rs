//! How the daemon is and how fast, from what was counted and measured.

use std::sync::atomic::Ordering;

use tokio::task;

use crate::metrics::times::Spread;
use crate::model::{CloseReason, Obstacle};
use crate::net::voice::Dropped;

use super::super::process;
use super::super::wire::{Percentiles, Performance, Status, StorePerformance};
use super::Service;

/// The table in which messages wait.
const OFFLINE_TABLE: &str = "offline";

impl Service {
    /// How the daemon is.
    pub fn status(&self) -> Status {
        let measured = self.monitor.last();
        let (health, health_reasons) = (self.parts.health)();
        let voice = self.parts.voice.as_ref().map(|voice| (voice.activity(), voice.counters()));
        let (activity, counters) =
            voice.map_or((None, None), |(activity, counters)| (Some(activity), Some(counters)));
        let metrics = &self.parts.metrics;
        let closed =
            CloseReason::ALL.into_iter().map(|reason| (reason.to_string(), metrics.closed_for(reason)));
        let refused = Obstacle::ALL
            .into_iter()
            .map(|obstacle| (obstacle.name().to_owned(), metrics.refused_by(obstacle)));
        let waiting = self.parts.store.counts().into_iter().find(|(table, _)| *table == OFFLINE_TABLE);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            health,
            health_reasons,
            connections: metrics.connections(),
            users_online: measured.population.online,
            users_idle: measured.population.idle,
            users_away: measured.population.away,
            users_active: measured.population.active,
            peaks: measured.peaks,
            peak_users: measured.population.peak,
            rooms_open: measured.population.rooms_open,
            rooms_total: measured.population.rooms_total,
            messages_total: metrics.messages.get(),
            messages_per_second: rounded(f64::from(measured.sample.messages)),
            deliveries_total: metrics.deliveries.get(),
            offline_messages_pending: waiting.map_or(0, |(_, count)| count),
            voice_streams: activity.map_or(0, |activity| activity.streams as u64),
            voice_listeners: activity
                .map_or(0, |activity| (activity.tcp_listeners + activity.udp_listeners) as u64),
            voice_packets_in: counters.map_or(0, |counters| counters.packets_in.get()),
            voice_packets_out: counters.map_or(0, |counters| counters.forwarded.get()),
            bytes_in: metrics.bytes_in.get(),
            bytes_out: metrics.bytes_out.get(),
            memory_bytes: measured.process.memory_bytes,
            cpu_percent: rounded(measured.process.cpu_percent),
            listen: self.parts.listen.clone(),
            closed: closed.filter(|(_, count)| *count > 0).collect(),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
            counters: self.counted(),
            control: self.counters.named().map(|(name, count)| (name.to_owned(), count)).into(),
            top_talkers: measured.population.talkers.clone(),
            busiest_rooms: measured.population.busiest.clone(),
        }
    }

    /// What is counted since the start, by name; of voice, too, if there is any.
    fn counted(&self) -> Vec<(String, u64)> {
        let named = self.parts.metrics.named();
        let mut counted: Vec<_> = named.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        let Some(voice) = &self.parts.voice else { return counted };
        let traffic = voice.counters();
        counted.push(("voice_bytes_in".to_owned(), traffic.bytes_in.get()));
        counted.push(("voice_bytes_out".to_owned(), traffic.bytes_out.get()));
        let dropped = Dropped::ALL.into_iter().map(|why| (why.name(), traffic.dropped(why)));
        counted.extend(dropped.map(|(why, count)| (format!("voice_dropped_{why}"), count)));
        let connections = voice.connections().named();
        counted.extend(connections.map(|(name, count)| (format!("voice_connections_{name}"), count)));
        counted
    }

    /// How fast it is.
    pub async fn performance(&self) -> Performance {
        let path = self.parts.store_path.clone();
        let looked = task::spawn_blocking(move || process::directory_bytes(&path)).await;
        self.store_bytes.store(looked.unwrap_or_default(), Ordering::Relaxed);
        self.performance_now()
    }

    /// As [`Service::performance`], but without looking at the disk.
    pub(in crate::control) fn performance_now(&self) -> Performance {
        let measured = self.monitor.last();
        let times = self.parts.store.times();
        let recent = times.queries.last();
        let queries = Spread::of(recent.clone());
        let Spread { p50, p90, p99, max, .. } = measured.delivery;
        Performance {
            cpu_percent: rounded(measured.process.cpu_percent),
            memory_bytes: measured.process.memory_bytes,
            threads: measured.process.threads,
            open_files: measured.process.open_files,
            hub_queue: self.parts.hub.upgrade().map_or(0, |hub| hub.queue_len() as u64),
            hub_busy_percent: rounded(f64::from(measured.sample.hub_busy_percent)),
            outbox_bytes: measured.population.outbox_bytes,
            slow_consumers_dropped: self.parts.metrics.closed_for(CloseReason::SlowReader),
            store: StorePerformance {
                queries_total: times.queries.count(),
                errors_total: times.errors.get(),
                avg_query_micros: queries.mean,
                p99_query_micros: queries.p99,
                recent,
                commit_avg_micros: Spread::of(times.commits.last()).mean,
                size_bytes: self.store_bytes.load(Ordering::Relaxed),
            },
            delivery_micros: Percentiles { p50, p90, p99, max },
        }
    }
}

/// With two digits behind the point.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

//! Measures the daemon once a second, always, and remembers a day of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::hub::actor::{Query, WeakHubHandle};
use crate::hub::rows::Population;
use crate::metrics::Metrics;
use crate::metrics::times::Spread;
use crate::model::Timestamp;
use crate::net::voice::Voice;
use crate::store::Store;

use super::process::{Process, Watcher};
use super::wire::{Peaks, Sample};

/// The pause between two measurements.
const PAUSE: Duration = Duration::from_secs(1);
/// Seconds that are remembered one by one: 15 minutes.
pub const SECONDS: usize = 15 * 60;
/// Minutes that are remembered: a day.
pub const MINUTES: usize = 24 * 60;

/// What was measured last.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The line for the history.
    pub sample: Sample,
    /// Users and rooms.
    pub population: Population,
    /// The process.
    pub process: Process,
    /// The time from reading a message to writing it.
    pub delivery: Spread,
    /// The most there was since the start.
    pub peaks: Peaks,
}

/// Where measurements come from.
pub struct Sources {
    /// The hub.
    pub hub: WeakHubHandle,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The voice service, if there is one.
    pub voice: Option<Arc<Voice>>,
    /// The store.
    pub store: Store,
}

/// What was measured: the last of it, and the history.
pub struct Monitor {
    last: watch::Sender<Arc<Measured>>,
    history: Mutex<History>,
}

/// Seconds and minutes.
#[derive(Default, Debug)]
struct History {
    seconds: VecDeque<Sample>,
    minutes: VecDeque<Sample>,
    /// Seconds of the minute that has not passed yet.
    minute: Vec<Sample>,
}

/// Counters at one moment.
#[derive(Clone, Copy, Default)]
struct Totals {
    messages: u64,
    deliveries: u64,
    bytes_in: u64,
    bytes_out: u64,
    busy_nanos: u64,
    slow_dropped: u64,
    voice_in: u64,
    voice_out: u64,
    queries: u64,
}

impl Default for Monitor {
    fn default() -> Monitor {
        Monitor { last: watch::channel(Arc::default()).0, history: Mutex::default() }
    }
}

impl Monitor {
    /// The last measurement, and news of the next.
    pub fn watch(&self) -> watch::Receiver<Arc<Measured>> {
        self.last.subscribe()
    }

    /// The last measurement.
    pub fn last(&self) -> Arc<Measured> {
        Arc::clone(&self.last.borrow())
    }

    /// What is remembered: seconds, then minutes, each oldest first.
    pub fn history(&self) -> (Vec<Sample>, Vec<Sample>) {
        let history = self.lock();
        (history.seconds.iter().copied().collect(), history.minutes.iter().copied().collect())
    }

    /// Measures every second until `stop` turns true.
    pub async fn run(self: Arc<Self>, sources: Sources, mut stop: watch::Receiver<bool>) {
        let mut clock = interval(PAUSE);
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut watcher = Watcher::default();
        let mut before = (Instant::now(), sources.totals());
        let mut population = Population::default();
        let mut peaks = Peaks::default();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = clock.tick() => {}
            }
            population = sources.population().await.unwrap_or(population);
            let (now, totals) = (Instant::now(), sources.totals());
            let passed = now.saturating_duration_since(before.0);
            let process = watcher.look().unwrap_or_default();
            let mut measured = sources.measure(population.clone(), process, passed, &before.1, &totals);
            peaks.rise(&measured);
            measured.peaks = peaks;
            before = (now, totals);
            self.add(measured);
        }
    }

    fn add(&self, measured: Measured) {
        self.lock().add(measured.sample);
        self.last.send_replace(Arc::new(measured));
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sources {
    async fn population(&self) -> Option<Population> {
        let hub = self.hub.upgrade()?;
        timeout(PAUSE, hub.ask(Query::Population)).await.ok()?
    }

    fn totals(&self) -> Totals {
        let metrics = &self.metrics;
        let voice = self.voice.as_ref().map(|voice| voice.counters());
        Totals {
            messages: metrics.messages.get(),
            deliveries: metrics.deliveries.get(),
            bytes_in: metrics.bytes_in.get(),
            bytes_out: metrics.bytes_out.get(),
            busy_nanos: metrics.hub_busy_nanos.get(),
            slow_dropped: metrics.closed_for(crate::model::CloseReason::SlowReader),
            voice_in: voice.map_or(0, |voice| voice.packets_in.get()),
            voice_out: voice.map_or(0, |voice| voice.forwarded.get()),
            queries: self.store.times().queries.count(),
        }
    }

    fn measure(
        &self,
        population: Population,
        process: Process,
        passed: Duration,
        before: &Totals,
        now: &Totals,
    ) -> Measured {
        let seconds = passed.as_secs_f64().max(1e-6);
        let rate = |of: fn(&Totals) -> u64| (of(now).saturating_sub(of(before)) as f64 / seconds) as f32;
        let delivery = self.metrics.delivery.spread();
        let commits = Spread::of(self.store.times().commits.last());
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let hub_queue = self.hub.upgrade().map_or(0, |hub| hub.queue_len() as u64);
        let streams = self.voice.as_ref().map_or(0, |voice| voice.activity().streams as u64);
        let sample = Sample {
            at: Timestamp::now().0,
            cpu_percent: process.cpu_percent as f32,
            memory_bytes: process.memory_bytes,
            open_files: small(process.open_files),
            connections: small(self.metrics.connections()),
            users: small(population.online),
            messages: rate(|totals| totals.messages),
            deliveries: rate(|totals| totals.deliveries),
            bytes_in: rate(|totals| totals.bytes_in),
            bytes_out: rate(|totals| totals.bytes_out),
            hub_queue: small(hub_queue),
            hub_busy_percent: rate(|totals| totals.busy_nanos) / 1e7,
            outbox_bytes: population.outbox_bytes,
            slow_dropped: rate(|totals| totals.slow_dropped),
            voice_streams: small(streams),
            voice_in: rate(|totals| totals.voice_in),
            voice_out: rate(|totals| totals.voice_out),
            queries: rate(|totals| totals.queries),
            commit_micros: small(commits.mean),
            delivery_p50: small(delivery.p50),
            delivery_p99: small(delivery.p99),
        };
        Measured { sample, population, process, delivery, peaks: Peaks::default() }
    }
}

impl Peaks {
    fn rise(&mut self, measured: &Measured) {
        let Measured { sample, population, .. } = measured;
        self.connections = self.connections.max(u64::from(sample.connections));
        self.rooms_open = self.rooms_open.max(population.rooms_open);
        self.messages_per_second = self.messages_per_second.max(f64::from(sample.messages).round());
        self.voice_streams = self.voice_streams.max(u64::from(sample.voice_streams));
    }
}

impl History {
    fn add(&mut self, sample: Sample) {
        push(&mut self.seconds, sample, SECONDS);
        let minute = |sample: &Sample| sample.at / 60_000;
        if self.minute.first().is_some_and(|first| minute(first) != minute(&sample)) {
            if let Some(mean) = mean(&self.minute) {
                push(&mut self.minutes, mean, MINUTES);
            }
            self.minute.clear();
        }
        self.minute.push(sample);
    }
}

fn push(samples: &mut VecDeque<Sample>, sample: Sample, most: usize) {
    if samples.len() >= most {
        samples.pop_front();
    }
    samples.push_back(sample);
}

/// One line for many: means, at the time of the first; of times and queues that hurt, the worst.
fn mean(samples: &[Sample]) -> Option<Sample> {
    let first = samples.first()?;
    let count = samples.len() as f64;
    let rate = |of: fn(&Sample) -> f32| {
        (samples.iter().map(|sample| f64::from(of(sample))).sum::<f64>() / count) as f32
    };
    let number = |of: fn(&Sample) -> u32| {
        (samples.iter().map(|sample| f64::from(of(sample))).sum::<f64>() / count).round() as u32
    };
    let bytes = |of: fn(&Sample) -> u64| {
        (samples.iter().map(|sample| of(sample) as f64).sum::<f64>() / count).round() as u64
    };
    let worst = |of: fn(&Sample) -> u32| samples.iter().map(of).max().unwrap_or_default();
    Some(Sample {
        at: first.at,
        cpu_percent: rate(|it| it.cpu_percent),
        memory_bytes: bytes(|it| it.memory_bytes),
        open_files: number(|it| it.open_files),
        connections: number(|it| it.connections),
        users: number(|it| it.users),
        messages: rate(|it| it.messages),
        deliveries: rate(|it| it.deliveries),
        bytes_in: rate(|it| it.bytes_in),
        bytes_out: rate(|it| it.bytes_out),
        hub_queue: worst(|it| it.hub_queue),
        hub_busy_percent: rate(|it| it.hub_busy_percent),
        outbox_bytes: bytes(|it| it.outbox_bytes),
        slow_dropped: rate(|it| it.slow_dropped),
        voice_streams: number(|it| it.voice_streams),
        voice_in: rate(|it| it.voice_in),
        voice_out: rate(|it| it.voice_out),
        queries: rate(|it| it.queries),
        commit_micros: number(|it| it.commit_micros),
        delivery_p50: number(|it| it.delivery_p50),
        delivery_p99: worst(|it| it.delivery_p99),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_remembered_and_no_more() {
        let mut history = History::default();
        for second in 0..(MINUTES as u64 + 10) * 60 {
            let hub_queue = u32::try_from(second % 60).unwrap();
            history.add(Sample {
                at: second * 1000,
                users: 7,
                hub_queue,
                messages: 2.0,
                ..Sample::default()
            });
        }
        assert_eq!((history.seconds.len(), history.minutes.len()), (SECONDS, MINUTES));
        let last = history.minutes.back().unwrap();
        assert_eq!((last.users, last.hub_queue, last.messages), (7, 59, 2.0));
        let gaps = history.minutes.iter().zip(history.minutes.iter().skip(1));
        assert!(gaps.into_iter().all(|(a, b)| b.at - a.at == 60_000));
    }

    #[test]
    fn a_minute_without_measurements_is_a_gap() {
        let mut history = History::default();
        for at in [0, 1000, 240_000, 300_000] {
            history.add(Sample { at, ..Sample::default() });
        }
        let minutes: Vec<u64> = history.minutes.iter().map(|sample| sample.at).collect();
        assert_eq!(minutes, [0, 240_000]);
    }
}

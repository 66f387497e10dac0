//! What the daemon has measured, and how one looks at it.

use std::collections::VecDeque;

use crate::control::wire::{Performance, Sample};

use super::format::{bytes, count, micros, percent, rate};

/// Seconds of history that are kept one by one.
const SECONDS: usize = 15 * 60;
/// Minutes of history.
const MINUTES: usize = 24 * 60;

/// Something measured.
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// Its value in a measurement.
    pub(super) value: fn(&Sample) -> f64,
    /// As people read it.
    pub(super) show: fn(f64) -> String,
}

fn whole(value: f64) -> String {
    count(value.max(0.0).round() as u64)
}

fn size(value: f64) -> String {
    bytes(value.max(0.0) as u64)
}

fn flow(value: f64) -> String {
    format!("{}/s", bytes(value.max(0.0) as u64))
}

fn per_second(value: f64) -> String {
    format!("{}/s", rate(value))
}

fn time(value: f64) -> String {
    micros(value.max(0.0) as u64)
}

/// The metric one begins with.
const MESSAGES: Metric =
    Metric { name: "Messages", value: |sample| sample.messages.into(), show: per_second };

/// All metrics, in the order in which they are shown.
pub(super) const METRICS: &[Metric] = &[
    MESSAGES,
    Metric { name: "Deliveries", value: |sample| sample.deliveries.into(), show: per_second },
    Metric { name: "Delivery p50", value: |sample| sample.delivery_p50.into(), show: time },
    Metric { name: "Delivery p99", value: |sample| sample.delivery_p99.into(), show: time },
    Metric { name: "Users", value: |sample| sample.users.into(), show: whole },
    Metric { name: "Connections", value: |sample| sample.connections.into(), show: whole },
    Metric { name: "CPU", value: |sample| sample.cpu_percent.into(), show: percent },
    Metric { name: "Memory", value: |sample| sample.memory_bytes as f64, show: size },
    Metric { name: "Open files", value: |sample| sample.open_files.into(), show: whole },
    Metric { name: "Hub queue", value: |sample| sample.hub_queue.into(), show: whole },
    Metric { name: "Hub busy", value: |sample| sample.hub_busy_percent.into(), show: percent },
    Metric { name: "Bytes in", value: |sample| sample.bytes_in.into(), show: flow },
    Metric { name: "Bytes out", value: |sample| sample.bytes_out.into(), show: flow },
    Metric { name: "Outboxes", value: |sample| sample.outbox_bytes as f64, show: size },
    Metric { name: "Slow dropped", value: |sample| sample.slow_dropped.into(), show: per_second },
    Metric { name: "Voice streams", value: |sample| sample.voice_streams.into(), show: whole },
    Metric { name: "Voice in", value: |sample| sample.voice_in.into(), show: per_second },
    Metric { name: "Voice out", value: |sample| sample.voice_out.into(), show: per_second },
    Metric { name: "Store queries", value: |sample| sample.queries.into(), show: per_second },
    Metric { name: "Store commit", value: |sample| sample.commit_micros.into(), show: time },
];

/// How much time a chart shows, in seconds, with its name.
pub(super) const SPANS: [(u64, &str); 6] = [
    (60, "1 minute"),
    (300, "5 minutes"),
    (900, "15 minutes"),
    (3600, "1 hour"),
    (21_600, "6 hours"),
    (86_400, "24 hours"),
];

/// The history, and what of it is looked at.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    seconds: VecDeque<Sample>,
    minutes: VecDeque<Sample>,
    pub(super) performance: Option<Performance>,
    /// What came while it is paused, to be added then.
    held: Option<VecDeque<(Sample, Performance)>>,
    /// The metric in the large chart.
    pub(super) selected: usize,
    /// Its span, as an index into [`SPANS`].
    pub(super) span: usize,
}

/// The span one begins with.
const USUAL: usize = 1;

impl Metrics {
    pub(super) fn new() -> Metrics {
        Metrics {
            seconds: VecDeque::new(),
            minutes: VecDeque::new(),
            performance: None,
            held: None,
            selected: 0,
            span: USUAL,
        }
    }

    /// Takes over what the daemon remembers.
    pub(super) fn replace(&mut self, seconds: Vec<Sample>, minutes: Vec<Sample>) {
        self.seconds = newest(seconds, SECONDS);
        self.minutes = newest(minutes, MINUTES);
    }

    /// Shows nothing new, or everything that has come.
    pub(super) fn pause(&mut self, paused: bool) {
        let held = self.held.take();
        self.held = paused.then(VecDeque::new);
        for (sample, performance) in held.into_iter().flatten() {
            self.push(sample, performance);
        }
    }

    /// Adds a measurement.
    pub(super) fn push(&mut self, sample: Sample, performance: Performance) {
        if let Some(held) = &mut self.held {
            held.push_back((sample, performance));
            if held.len() > SECONDS {
                held.pop_front();
            }
            return;
        }
        self.performance = Some(performance);
        // After a change of the daemon's clock, times before the last one would not be found.
        while self.seconds.back().is_some_and(|last| last.at >= sample.at) {
            self.seconds.pop_back();
        }
        let minute = sample.at / 60_000;
        if let Some(last) = self.seconds.back().copied().filter(|last| last.at / 60_000 < minute) {
            // The last second of a minute stands for it, as long as the console is attached.
            if self.minutes.back().is_none_or(|known| known.at / 60_000 < last.at / 60_000) {
                self.minutes.push_back(last);
            }
        }
        self.seconds.push_back(sample);
        while self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
        while self.minutes.len() > MINUTES {
            self.minutes.pop_front();
        }
    }

    /// The last measurement.
    pub(super) fn last(&self) -> Option<&Sample> {
        self.seconds.back().or(self.minutes.back())
    }

    /// The last `seconds` of a metric in so many columns: the largest value in each, `None` where nothing
    /// was measured.
    pub(super) fn series(&self, metric: &Metric, seconds: u64, columns: u16) -> Vec<Option<f64>> {
        let mut series = vec![None; columns.into()];
        let (samples, step) =
            if seconds <= SECONDS as u64 { (&self.seconds, 1000) } else { (&self.minutes, 60_000) };
        let Some(end) = self.last().map(|last| last.at) else { return series };
        let span = seconds.saturating_mul(1000).max(1);
        let begin = end.saturating_sub(span);
        let column = |at: u64| {
            (u128::from(at.saturating_sub(begin)) * u128::from(columns) / u128::from(span)) as usize
        };
        for sample in samples.iter().filter(|sample| sample.at > begin) {
            // A sample stands for the time since the one before; a little more, because clocks tremble.
            let from = column(sample.at.saturating_sub(step + step / 4).max(begin));
            let to = column(sample.at.saturating_sub(1)).max(from);
            let value = (metric.value)(sample);
            // A sample that shares its first column with the one before does not begin there.
            for slot in series.iter_mut().take(to + 1).skip(from) {
                *slot = Some(slot.map_or(value, |known: f64| known.max(value)));
            }
        }
        series
    }

    /// Goes to the next metric, or back.
    pub(super) fn step(&mut self, delta: i64) {
        let last = METRICS.len() - 1;
        let to = i64::try_from(self.selected).unwrap_or_default().saturating_add(delta);
        self.selected = usize::try_from(to.max(0)).unwrap_or(last).min(last);
    }

    /// The metric in the large chart.
    pub(super) fn metric(&self) -> &'static Metric {
        METRICS.get(self.selected).unwrap_or(&MESSAGES)
    }

    /// The span of the large chart in seconds, and its name.
    pub(super) fn span(&self) -> (u64, &'static str) {
        SPANS.get(self.span).copied().unwrap_or((300, "5 minutes"))
    }

    /// Shows more time, or less.
    pub(super) fn zoom(&mut self, wider: bool) {
        self.span = if wider { (self.span + 1).min(SPANS.len() - 1) } else { self.span.saturating_sub(1) };
    }

    /// Shows as much time as in the beginning.
    pub(super) fn reset_zoom(&mut self) {
        self.span = USUAL;
    }
}

fn newest(samples: Vec<Sample>, most: usize) -> VecDeque<Sample> {
    let skip = samples.len().saturating_sub(most);
    samples.into_iter().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64, messages: f32) -> Sample {
        Sample { at: second * 1000, messages, ..Sample::default() }
    }

    #[test]
    fn gaps_stay_gaps() {
        let mut metrics = Metrics::new();
        let seconds = (100..=160).filter(|second| !(120..130).contains(second));
        metrics.replace(seconds.map(|second| sample(second, 1.0)).collect(), Vec::new());
        let series = metrics.series(&METRICS[0], 60, 60);
        let gaps: Vec<usize> = (0..60).filter(|&at| series[at].is_none()).collect();
        assert!((8..=10).contains(&gaps.len()) && gaps[0] >= 19 && gaps[gaps.len() - 1] <= 29, "{gaps:?}");
        let wide = metrics.series(&METRICS[0], 60, 180);
        assert!((25..=30).contains(&wide.iter().filter(|value| value.is_none()).count()));
        assert!(Metrics::new().series(&METRICS[0], 60, 10).iter().all(Option::is_none));
    }

    #[test]
    fn a_peak_is_never_lost_and_memory_is_bounded() {
        let mut metrics = Metrics::new();
        for second in 0..3000 {
            metrics.push(sample(second, if second == 2500 { 99.0 } else { 1.0 }), Performance::default());
        }
        assert_eq!((metrics.seconds.len(), metrics.minutes.len()), (SECONDS, 49));
        for columns in [1, 7, 80, 250] {
            let series = metrics.series(&METRICS[0], 900, columns);
            assert!(series.contains(&Some(99.0)), "{columns}");
        }
        metrics.push(sample(10, 5.0), Performance::default());
        assert_eq!(metrics.last().map(|last| last.at), Some(10_000), "a clock that was set back");
    }
}

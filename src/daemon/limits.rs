//! Limits that are reached, for the activity feed and the log: whoever comes when there is no place any more
//! could fill both, so each limit is told at most once a minute, with how often it was reached since.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::warn;

use crate::control::service::Service;
use crate::hub::chronicle::Chronicle;
use crate::hub::{Event, EventKind};
use crate::metrics::Metrics;
use crate::model::CloseReason;
use crate::net::voice::Voice;

/// Time between two looks at the counters.
const LOOK: Duration = Duration::from_secs(1);
/// How long the same limit is not told again.
const QUIET: Duration = Duration::from_secs(60);

/// Where limits are counted.
pub(super) struct Counted {
    pub(super) metrics: Arc<Metrics>,
    pub(super) voice: Option<Arc<Voice>>,
    pub(super) control: Arc<Service>,
}

impl Counted {
    /// The limits by name, what happens when one is reached, and how often that was since the start.
    fn read(&self) -> [(&'static str, &'static str, u64); 7] {
        let Counted { metrics, voice, control } = self;
        let voice = voice.as_ref().map(|voice| voice.connections());
        let refused = |reason| metrics.closed_for(reason);
        let not_accepted = metrics.not_accepted.get() + voice.map_or(0, |voice| voice.not_accepted.get());
        [
            ("limits.max_connections", "connections turned away", refused(CloseReason::ServerFull)),
            ("limits.connections_per_address", "connections turned away", refused(CloseReason::AddressFull)),
            ("voice connections", "turned away", voice.map_or(0, |voice| voice.too_many.get())),
            ("open files", "times no connection could be accepted", not_accepted),
            ("changes that wait for the store", "sessions ended", refused(CloseReason::StoreBusy)),
            ("files and calls to be carried", "refused", metrics.relays_refused.get()),
            ("consoles and commands at once", "turned away", control.counters.too_many.get()),
        ]
    }
}

/// What was told of limits.
#[derive(Default)]
struct Told(HashMap<&'static str, (u64, Duration)>);

impl Told {
    /// How often a limit, reached `count` times by `now`, was reached since it was told last, if that is to
    /// be told now.
    fn news(&mut self, now: Duration, limit: &'static str, count: u64) -> Option<u64> {
        let (before, quiet) = match self.0.get(limit) {
            Some((count, at)) => (*count, now < at.saturating_add(QUIET)),
            None => (0, false),
        };
        let more = count.checked_sub(before).filter(|more| *more > 0 && !quiet)?;
        self.0.insert(limit, (count, now));
        Some(more)
    }
}

/// Tells of limits that are reached, until `stop` turns true.
pub(super) async fn watch(counted: Counted, chronicle: Chronicle, mut stop: watch::Receiver<bool>) {
    let began = Instant::now();
    let mut told = Told::default();
    let mut clock = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        for (limit, what, count) in counted.read() {
            if let Some(more) = told.news(began.elapsed(), limit, count) {
                warn!(limit, count = more, "a limit is reached");
                chronicle.tell(Event::new(EventKind::Limit).saying(format!("{limit}: {more} {what}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_at_once_and_then_once_a_minute_with_how_often() {
        let mut told = Told::default();
        let mut news = |second, limit, count| told.news(Duration::from_secs(second), limit, count);
        assert_eq!(news(0, "a", 0), None);
        assert_eq!(news(1, "a", 3), Some(3));
        assert!((2..61).all(|second| news(second, "a", 3 + second).is_none()));
        assert_eq!(news(30, "b", 1), Some(1), "another one is told for itself");
        assert_eq!(news(61, "a", 63), Some(60));
        assert_eq!(news(200, "a", 63), None, "nothing new");
        assert_eq!(news(201, "a", 64), Some(1));
    }
}

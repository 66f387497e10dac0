//! How the daemon is, and why: what `/health` and the status of the daemon say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::hub::{Event, EventKind, Feed};
use crate::model::Timestamp;
use crate::net::http::{self, HealthReport};

/// What can be wrong. The names are for troubleshooting: docs/operations.md goes through them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// The store cannot write.
    StoreFailed,
    /// The store takes long to write.
    StoreSlow,
    /// The hub takes long to answer.
    HubSlow,
    /// The disk is nearly full.
    DiskSpace,
    /// The system's clock cannot be right, or was set.
    Clock,
    /// There is no room for another connection.
    Connections,
    /// Fewer files may be open than connections are allowed.
    Descriptors,
    /// Lines of the log were lost.
    LogLines,
    /// Others may read or replace what the daemon keeps.
    Permissions,
    /// A backup that was due could not be made.
    Backup,
    /// The daemon is stopping.
    Stopping,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 11] = [
        Cause::StoreFailed,
        Cause::StoreSlow,
        Cause::HubSlow,
        Cause::DiskSpace,
        Cause::Clock,
        Cause::Connections,
        Cause::Descriptors,
        Cause::LogLines,
        Cause::Permissions,
        Cause::Backup,
        Cause::Stopping,
    ];

    /// What the activity feed calls it; `None` if what has brought it is told there.
    fn kind(self) -> Option<EventKind> {
        match self {
            Cause::StoreFailed | Cause::StoreSlow | Cause::DiskSpace => Some(EventKind::Store),
            Cause::HubSlow
            | Cause::Clock
            | Cause::Connections
            | Cause::Descriptors
            | Cause::LogLines
            | Cause::Permissions => Some(EventKind::Health),
            Cause::Backup | Cause::Stopping => None,
        }
    }

    fn event(self, text: &str) -> Option<Event> {
        self.kind().map(|kind| Event::new(kind).saying(format!("{}: {text}", self.name())))
    }

    /// The name in logs and reasons.
    pub fn name(self) -> &'static str {
        match self {
            Cause::StoreFailed => "store_failed",
            Cause::StoreSlow => "store_slow",
            Cause::HubSlow => "hub_slow",
            Cause::DiskSpace => "disk_space",
            Cause::Clock => "clock",
            Cause::Connections => "connections",
            Cause::Descriptors => "descriptors",
            Cause::LogLines => "log_lines",
            Cause::Permissions => "permissions",
            Cause::Backup => "backup",
            Cause::Stopping => "stopping",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Somebody should look; the service is whole.
    Warning,
    /// The service is not whole.
    Degraded,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is and what to do, in a sentence for everybody to read: no names, paths or addresses.
    pub text: String,
}

impl Problem {
    /// Something to look at.
    pub fn warning(text: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, text: text.into() }
    }

    /// Something that keeps the service from being whole.
    pub fn degraded(text: impl Into<String>) -> Problem {
        Problem { severity: Severity::Degraded, text: text.into() }
    }
}

/// The state of the daemon, shared by those who find out and those who are asked.
#[derive(Default)]
pub struct Health {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    problems: BTreeMap<Cause, Problem>,
    feed: Option<Arc<Feed>>,
    maintenance: Option<watch::Receiver<Option<String>>>,
}

impl Inner {
    fn maintenance(&self) -> Option<String> {
        self.maintenance.as_ref().and_then(|message| message.borrow().clone())
    }
}

impl Health {
    /// Notes how it is with `cause` now: `None` is well. Changes are told, in the log and in the feed, and
    /// only they.
    pub fn set(&self, cause: Cause, problem: Option<Problem>) {
        let mut inner = self.lock();
        let before = match &problem {
            Some(problem) => inner.problems.insert(cause, problem.clone()),
            None => inner.problems.remove(&cause),
        };
        let text = match (before.map(|problem| problem.severity), &problem) {
            (before, Some(now)) if before != Some(now.severity) => now.text.as_str(),
            (Some(_), None) => "well again",
            _ => return,
        };
        // Under the lock, so that changes are told in their order.
        if let (Some(feed), Some(event)) = (&inner.feed, cause.event(text)) {
            feed.push(Timestamp::now(), event);
        }
        drop(inner);
        match problem.as_ref().map(|problem| problem.severity) {
            // Somebody wants it so; the log tells who and why.
            _ if cause == Cause::Stopping => {}
            Some(Severity::Warning) => warn!(cause = cause.name(), "{text}"),
            Some(Severity::Degraded) => error!(cause = cause.name(), "{text}"),
            None => info!(cause = cause.name(), "{text}"),
        }
    }

    /// Tells the feed what is wrong already, and from now on whatever changes.
    pub fn tell(&self, feed: Arc<Feed>) {
        let mut inner = self.lock();
        for (cause, problem) in &inner.problems {
            if let Some(event) = cause.event(&problem.text) {
                feed.push(Timestamp::now(), event);
            }
        }
        inner.feed = Some(feed);
    }

    /// Says where to look for the word for those who are kept out by maintenance.
    pub fn watch_maintenance(&self, message: watch::Receiver<Option<String>>) {
        self.lock().maintenance = Some(message);
    }

    /// The word for those who are kept out, if people are.
    pub fn maintenance(&self) -> Option<String> {
        self.lock().maintenance()
    }

    /// What is wrong now.
    pub fn problems(&self) -> Vec<(Cause, Problem)> {
        self.lock().problems.iter().map(|(cause, problem)| (*cause, problem.clone())).collect()
    }

    /// All in all: degraded if anything is, or else maintenance if people are kept out. The reasons
    /// include warnings, which by themselves change nothing.
    pub fn report(&self) -> HealthReport {
        let inner = self.lock();
        let degraded = inner.problems.values().any(|problem| problem.severity == Severity::Degraded);
        let maintenance = inner.maintenance();
        let status = match &maintenance {
            _ if degraded => http::Health::Degraded,
            Some(_) => http::Health::Maintenance,
            None => http::Health::Ok,
        };
        let sentence = |(cause, problem): (&Cause, &Problem)| format!("{}: {}", cause.name(), problem.text);
        let mut reasons: Vec<String> = inner.problems.iter().map(sentence).collect();
        reasons.extend(maintenance.iter().map(|message| format!("maintenance: {message}")));
        HealthReport { status, reasons }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts_and_recovery_clears_it() {
        let health = Health::default();
        assert_eq!(health.report(), HealthReport { status: http::Health::Ok, reasons: Vec::new() });
        health.set(Cause::DiskSpace, Some(Problem::warning("1 GiB is free")));
        let report = health.report();
        assert_eq!(
            (report.status, report.reasons),
            (http::Health::Ok, vec!["disk_space: 1 GiB is free".into()])
        );
        let (maintenance, message) = watch::channel(Some("new disks".to_owned()));
        health.watch_maintenance(message);
        assert_eq!(health.report().status, http::Health::Maintenance);
        health.set(Cause::DiskSpace, Some(Problem::degraded("1 MiB is free")));
        let report = health.report();
        assert_eq!(report.status, http::Health::Degraded);
        assert_eq!(report.reasons, ["disk_space: 1 MiB is free", "maintenance: new disks"]);
        health.set(Cause::DiskSpace, None);
        health.set(Cause::Clock, None);
        maintenance.send_replace(None);
        assert_eq!(health.report(), HealthReport { status: http::Health::Ok, reasons: Vec::new() });
    }

    #[test]
    fn the_feed_hears_of_changes_only() {
        let health = Health::default();
        health.set(Cause::Clock, Some(Problem::warning("set forward")));
        let feed = Feed::new(1);
        health.tell(Arc::clone(&feed));
        for text in ["1 GiB is free", "900 MiB are free"] {
            health.set(Cause::DiskSpace, Some(Problem::warning(text)));
        }
        health.set(Cause::DiskSpace, Some(Problem::degraded("1 MiB is free")));
        health.set(Cause::StoreSlow, None);
        for cause in [Cause::DiskSpace, Cause::DiskSpace, Cause::Clock] {
            health.set(cause, None);
        }
        health.set(Cause::Stopping, Some(Problem::degraded("the server is shutting down")));
        let told = feed.since(0, 100).entries;
        let told: Vec<_> = told.iter().map(|entry| (entry.kind, entry.text.as_ref())).collect();
        let expected = [
            (EventKind::Health, "clock: set forward"),
            (EventKind::Store, "disk_space: 1 GiB is free"),
            (EventKind::Store, "disk_space: 1 MiB is free"),
            (EventKind::Store, "disk_space: well again"),
            (EventKind::Health, "clock: well again"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn every_cause_has_a_name_of_its_own_and_a_place_in_the_manual() {
        let manual = include_str!("../../docs/operations.md");
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert!(manual.contains(&format!("`{}`", cause.name())), "{}", cause.name());
            assert!(Cause::ALL.iter().skip(index + 1).all(|other| other.name() != cause.name()));
        }
    }
}

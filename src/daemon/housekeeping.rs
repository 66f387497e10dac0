//! Housekeeping: what has run out is deleted, every hour and whenever somebody asks.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{Mutex, watch};
use tokio::task;
use tracing::{info, warn};

use crate::config::Config;
use crate::hub::EventKind;
use crate::hub::actor::{Query, WeakHubHandle};
use crate::hub::chronicle::{Act, Chronicle};
use crate::model::Timestamp;
use crate::store::{Applied, Change, Space, Store, StoreError};
use crate::telemetry::LogFiles;

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// By how much the calendar may run ahead of the time that passed from one round to the next.
const DRIFT: Duration = Duration::from_secs(60);
/// Mailboxes looked for at once when messages are deleted.
const BATCH: usize = 4096;

/// What one round did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// When it began, as RFC 3339 in UTC.
    pub at: String,
    /// How long it took, in milliseconds.
    pub took_millis: u64,
    /// Bans and mutes deleted because they had run out.
    pub sanctions_expired: usize,
    /// Accounts of which messages were deleted that had waited too long.
    pub mailboxes_cleared: usize,
    /// Events of the activity feed forgotten because they were too old.
    pub events_forgotten: usize,
    /// Log files compressed.
    pub logs_compressed: usize,
    /// Log files deleted.
    pub logs_deleted: usize,
    /// Bytes of log files that became free.
    pub logs_freed: u64,
    /// Bytes of the store's journal and snapshots.
    pub journal_bytes: u64,
    /// Bytes of the store's index.
    pub index_bytes: u64,
    /// Whether so much of the index is waste that the next start will build it anew.
    pub index_wasteful: bool,
    /// What could not be done.
    pub errors: Vec<String>,
}

impl Report {
    /// Whether anything was deleted, changed or not done.
    fn is_news(&self) -> bool {
        let done = [self.sanctions_expired, self.mailboxes_cleared, self.logs_compressed, self.logs_deleted];
        done.iter().any(|count| *count > 0) || !self.errors.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Bans and mutes that had run out: {} deleted", self.sanctions_expired)?;
        writeln!(f, "Messages that waited too long: {} mailboxes cleared", self.mailboxes_cleared)?;
        writeln!(f, "Activity that was too old: {} events forgotten", self.events_forgotten)?;
        writeln!(
            f,
            "Logs: {} compressed, {} deleted, {} KiB freed",
            self.logs_compressed,
            self.logs_deleted,
            self.logs_freed >> 10
        )?;
        let waste = if self.index_wasteful { ", mostly waste: the next start builds it anew" } else { "" };
        write!(
            f,
            "Store: {} KiB of journal and snapshots, {} KiB of index{waste}",
            self.journal_bytes >> 10,
            self.index_bytes >> 10
        )?;
        for error in &self.errors {
            write!(f, "\nNot done: {error}")?;
        }
        Ok(())
    }
}

/// Who keeps the house; cheap to clone.
#[derive(Clone)]
pub struct Housekeeper {
    store: Store,
    hub: WeakHubHandle,
    config: watch::Receiver<Arc<Config>>,
    logs: Option<Arc<LogFiles>>,
    chronicle: Chronicle,
    /// One round at a time; when the last one was, by both clocks.
    turn: Arc<Mutex<Option<(Timestamp, Instant)>>>,
}

impl Housekeeper {
    pub(super) fn new(
        store: Store,
        hub: WeakHubHandle,
        config: watch::Receiver<Arc<Config>>,
        logs: Option<Arc<LogFiles>>,
        chronicle: Chronicle,
    ) -> Housekeeper {
        Housekeeper { store, hub, config, logs, chronicle, turn: Arc::default() }
    }

    /// Keeps house now, after a round that is under way, and says what was done.
    pub async fn run_now(&self) -> Report {
        let mut last = self.turn.lock().await;
        let (now, uptime) = (Timestamp::now(), Instant::now());
        let step = last
            .replace((now, uptime))
            .and_then(|(before, began)| set_forward(before, now, uptime.saturating_duration_since(began)));
        let (age, history) = {
            let store = &self.config.borrow().store;
            (store.offline_messages, store.history)
        };
        // What the hub keeps of them in memory holds no longer, but would stay there.
        if let Some(hub) = self.hub.upgrade().filter(|_| step.is_none()) {
            hub.ask(Query::ForgetExpired).await;
        }
        let history = history.filter(|_| step.is_none());
        let events_forgotten = history.map_or(0, |age| self.chronicle.feed().forget(now.before(age)));
        Report { events_forgotten, ..run(&self.store, age, self.logs.clone(), now, step).await }
    }

    /// Keeps house at once and then every hour, until `stop` turns true.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut clock = tokio::time::interval(EVERY);
        loop {
            let report = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                report = async {
                    clock.tick().await;
                    self.run_now().await
                } => report,
            };
            log(&report);
            if report.is_news() {
                let details = report.to_string().replace('\n', "; ");
                let act = Act::of_itself(EventKind::Maintenance, "housekeeping", &details);
                self.chronicle.note(act).await;
            }
        }
    }
}

fn log(report: &Report) {
    for error in &report.errors {
        warn!("housekeeping: {error}");
    }
    info!(
        sanctions_expired = report.sanctions_expired,
        mailboxes_cleared = report.mailboxes_cleared,
        events_forgotten = report.events_forgotten,
        logs_compressed = report.logs_compressed,
        logs_deleted = report.logs_deleted,
        journal_bytes = report.journal_bytes,
        index_bytes = report.index_bytes,
        index_wasteful = report.index_wasteful,
        took_millis = report.took_millis,
        "kept house"
    );
}

/// By how much the calendar, now at `now`, was set forward since `before`, if it was, while `passed` passed.
/// What seems to have run out must not be deleted then: once the clock is right again, it will not have.
fn set_forward(before: Timestamp, now: Timestamp, passed: Duration) -> Option<Duration> {
    let step = Duration::from_millis(now.0.saturating_sub(before.after(passed).0));
    (step > DRIFT).then_some(step)
}

/// One round at `now`, of what is on the disk. Messages that waited longer than `age` go, if there is an `age`. What goes wrong is
/// in the report, and the rest is done all the same. Nothing is deleted if the clock was `set_forward`.
pub async fn run(
    store: &Store,
    age: Option<Duration>,
    logs: Option<Arc<LogFiles>>,
    now: Timestamp,
    set_forward: Option<Duration>,
) -> Report {
    let began = Instant::now();
    let mut errors = Vec::new();
    let (mut sanctions_expired, mut mailboxes_cleared) = (0, 0);
    if let Some(step) = set_forward {
        errors.push(format!(
            "the system's clock was set forward by {} seconds; what seems to have run out is deleted in the \
             next round, unless it was set back by then",
            step.as_secs()
        ));
    } else {
        sanctions_expired = expire_sanctions(store, now).await.unwrap_or_else(|error| {
            errors.push(format!("cannot delete bans and mutes that have run out: {error}"));
            0
        });
    }
    if let Some(age) = age.filter(|_| set_forward.is_none()) {
        // A full mailbox would stay full otherwise: messages that are too old are not delivered, either.
        mailboxes_cleared = expire_messages(store, now.before(age), BATCH).await.unwrap_or_else(|error| {
            errors.push(format!("cannot delete messages that waited too long: {error}"));
            0
        });
    }
    let tidied = match logs {
        None => Ok(Ok(Default::default())),
        Some(logs) => task::spawn_blocking(move || logs.tidy()).await,
    };
    let tidied = tidied.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
    let tidied = tidied.unwrap_or_else(|error| {
        errors.push(format!("cannot tidy up the log files: {error}"));
        Default::default()
    });
    let measured = store.clone();
    let space = task::spawn_blocking(move || measured.space()).await;
    let space = space.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
    let space = space.unwrap_or_else(|error| {
        errors.push(format!("cannot find out how large the store is: {error}"));
        Space::default()
    });
    Report {
        at: now.rfc3339(),
        took_millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        sanctions_expired,
        mailboxes_cleared,
        events_forgotten: 0,
        logs_compressed: tidied.compressed,
        logs_deleted: tidied.deleted,
        logs_freed: tidied.freed,
        journal_bytes: space.journal,
        index_bytes: space.index,
        index_wasteful: space.is_wasteful(),
        errors,
    }
}

async fn expire_sanctions(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    let mut expired = 0;
    while let Applied::Expired(more) = store.commit(Change::ExpireSanctions { now }).await? {
        expired += more;
    }
    Ok(expired)
}

/// Deletes the waiting messages sent before a moment, from `batch` mailboxes at a time, and returns
/// how many mailboxes had some.
async fn expire_messages(store: &Store, before: Timestamp, batch: usize) -> Result<usize, StoreError> {
    let mut mailboxes = 0;
    loop {
        let found = store.read(move |reader| reader.offline_expired(before, batch)).await??;
        for uid in &found {
            store.commit(Change::ExpireOffline { uid: *uid, before }).await?;
        }
        mailboxes += found.len();
        if found.len() < batch {
            return Ok(mailboxes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Author, MessageText, Nickname, Roles, Uid};
    use crate::store::{Mute, MuteKind, NewAccount, PasswordHash, StoreOptions};
    use crate::telemetry::Retention;

    async fn account(store: &Store, name: &str) -> Uid {
        let account = NewAccount {
            nickname: Nickname::from_text(name).unwrap(),
            password: PasswordHash::new("no hash"),
            email: None,
            roles: Roles::default(),
            created: Timestamp(0),
        };
        match store.commit(Change::CreateAccount(account)).await {
            Ok(Applied::Created(uid)) => uid,
            other => panic!("{other:?}"),
        }
    }

    async fn leave_messages(store: &Store, to: &[Uid], from: Uid) {
        for &to in to {
            for at in [100, 200] {
                let text = MessageText::new(b"hello").unwrap();
                store.commit(Change::StoreOffline { to, from, at: Timestamp(at), text }).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn what_waited_too_long_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let mut uids = Vec::new();
        for name in 0..6 {
            uids.push(account(&store, &format!("user{name}")).await);
        }
        let from = uids.pop().unwrap();
        leave_messages(&store, &uids, from).await;
        assert_eq!(expire_messages(&store, Timestamp(100), 2).await, Ok(0));
        assert_eq!(expire_messages(&store, Timestamp(101), 2).await, Ok(uids.len()));
        for uid in uids {
            assert_eq!(store.reader().offline_count(uid), Ok(1));
        }
        assert_eq!(expire_messages(&store, Timestamp(101), 2).await, Ok(0));
    }

    #[tokio::test]
    async fn a_round_says_what_it_did_and_the_next_finds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path().join("store"))).unwrap();
        let (alice, bob) = (account(&store, "Alice").await, account(&store, "Bob").await);
        leave_messages(&store, &[alice], bob).await;
        for (uid, until) in [(alice, 150), (bob, 5000)] {
            let mute = Mute {
                kind: MuteKind::Text,
                until: Some(Timestamp(until)),
                reason: "noise".to_owned(),
                by: Author::System,
                at: Timestamp(1),
            };
            store.commit(Change::PutMute { uid, mute }).await.unwrap();
        }
        let logs = dir.path().join("logs");
        let retention = Retention { keep: Some(1), ..Retention::default() };
        let files = LogFiles::new(&logs, retention).unwrap();
        for day in ["01", "02"] {
            std::fs::write(logs.join(format!("paltalkd.2026-11-{day}.log.zst")), [0; 2048]).unwrap();
        }
        let age = Some(Duration::from_millis(900));
        // What is gone cannot be brought back when the clock is set right.
        let doubtful = run(&store, age, None, Timestamp(1_000_000), Some(Duration::from_secs(998))).await;
        assert_eq!((doubtful.sanctions_expired, doubtful.mailboxes_cleared), (0, 0));
        assert!(doubtful.errors[0].contains("set forward by 998 seconds"), "{doubtful}");
        let round = || run(&store, age, Some(Arc::clone(&files)), Timestamp(1050), None);
        let report = round().await;
        assert_eq!(report.errors, Vec::<String>::new());
        assert_eq!((report.sanctions_expired, report.mailboxes_cleared), (1, 1));
        assert_eq!((report.logs_deleted, report.logs_freed), (1, 2048));
        assert!(report.journal_bytes > 0 && report.index_bytes > 0 && !report.index_wasteful, "{report:?}");
        assert!(report.to_string().contains("Logs: 0 compressed, 1 deleted, 2 KiB freed"), "{report}");
        let again = round().await;
        assert_eq!((again.sanctions_expired, again.mailboxes_cleared, again.logs_deleted), (0, 0, 0));
        assert_eq!(store.reader().sanctions(bob).unwrap().mutes.len(), 1);
        store.close().unwrap();
        let failed = round().await;
        assert_eq!(failed.errors.len(), 2, "{failed}");
        assert!(failed.to_string().contains("Not done: cannot delete bans"), "{failed}");
    }

    #[test]
    fn a_clock_that_jumps_ahead_is_told_from_one_that_drifts() {
        let (hour, before) = (Duration::from_secs(3600), Timestamp(1_100_000_000_000));
        let after = |time: Duration| set_forward(before, before.after(time), hour);
        assert_eq!(after(hour), None);
        assert_eq!(after(hour + DRIFT), None);
        assert_eq!(after(hour + DRIFT * 2), Some(DRIFT * 2));
        assert_eq!(set_forward(before, Timestamp(0), hour), None, "set back: nothing runs out by that");
        assert!(set_forward(before, Timestamp(u64::MAX), Duration::MAX).is_none());
    }
}

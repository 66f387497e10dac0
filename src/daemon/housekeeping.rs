//! Housekeeping: what has run out is deleted, every hour and whenever somebody asks.

mod report;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use tokio::task;

use crate::config::Config;
use crate::hub::EventKind;
use crate::hub::actor::{Query, WeakHubHandle};
use crate::hub::chronicle::{Act, Chronicle};
use crate::model::Timestamp;
use crate::store::{Applied, Change, Store, StoreError};
use crate::telemetry::LogFiles;
pub use report::Report;

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// By how much the calendar may run ahead of the time that passed from one round to the next.
const DRIFT: Duration = Duration::from_secs(60);
/// Mailboxes looked for at once when messages are deleted.
const BATCH: usize = 4096;

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
        let mut report = Report::default();
        self.keep(&mut report).await;
        report
    }

    /// One round. What is done is in `report` at once, so that it is known even if the round is cut off.
    async fn keep(&self, report: &mut Report) {
        let mut last = self.turn.lock().await;
        let (now, uptime) = (Timestamp::now(), Instant::now());
        let step = last
            .replace((now, uptime))
            .and_then(|(before, began)| set_forward(before, now, uptime.saturating_duration_since(began)));
        let (age, history) = {
            let store = &self.config.borrow().store;
            (store.offline_messages, store.history)
        };
        if step.is_none() {
            // What the hub keeps of them in memory holds no longer, but would stay there.
            if let Some(hub) = self.hub.upgrade() {
                hub.ask(Query::ForgetExpired).await;
            }
            report.events_forgotten = history.map_or(0, |age| self.chronicle.feed().forget(now.before(age)));
        }
        run(&self.store, age, self.logs.clone(), now, step, report).await;
    }

    /// Keeps house at once and then every hour, until `stop` turns true. A round that is cut off by that
    /// is on record with what it did until then.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut clock = tokio::time::interval(EVERY);
        loop {
            let mut report = Report::default();
            let stopped = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => true,
                () = async {
                    clock.tick().await;
                    self.keep(&mut report).await;
                } => false,
            };
            if stopped && !report.is_news() {
                return;
            }
            if stopped {
                report.errors.push("the rest: the server is stopping".to_owned());
            }
            report.log();
            if report.is_news() {
                let details = report.to_string().replace('\n', "; ");
                let act = Act::of_itself(EventKind::Maintenance, "housekeeping", &details);
                self.chronicle.note(act).await;
            }
            if stopped {
                return;
            }
        }
    }
}

/// By how much the calendar, now at `now`, was set forward since `before`, if it was, while `passed` passed.
/// What seems to have run out must not be deleted then: once the clock is right again, it will not have.
fn set_forward(before: Timestamp, now: Timestamp, passed: Duration) -> Option<Duration> {
    let step = Duration::from_millis(now.0.saturating_sub(before.after(passed).0));
    (step > DRIFT).then_some(step)
}

/// One round at `now`, of what is on the disk. Messages that waited longer than `age` go, if there is an
/// `age`. What goes wrong is in the report, and the rest is done all the same. Nothing is deleted if the
/// clock was `set_forward`.
async fn run(
    store: &Store,
    age: Option<Duration>,
    logs: Option<Arc<LogFiles>>,
    now: Timestamp,
    set_forward: Option<Duration>,
    report: &mut Report,
) {
    let began = Instant::now();
    if let Some(step) = set_forward {
        report.errors.push(format!(
            "the system's clock was set forward by {} seconds; what seems to have run out is deleted in the \
             next round, unless it was set back by then",
            step.as_secs()
        ));
    } else {
        let done = expire_sanctions(store, now, &mut report.sanctions_expired).await;
        report.part("delete bans and mutes that have run out", done);
    }
    if let Some(age) = age.filter(|_| set_forward.is_none()) {
        // A full mailbox would stay full otherwise: messages that are too old are not delivered, either.
        let done = expire_messages(store, now.before(age), BATCH, &mut report.mailboxes_cleared).await;
        report.part("delete messages that waited too long", done);
    }
    if let Some(logs) = logs {
        let tidied = in_background(move || logs.tidy()).await;
        let tidied = report.part("tidy up the log files", tidied);
        report.logs_compressed = tidied.compressed;
        report.logs_deleted = tidied.deleted;
        report.logs_freed = tidied.freed;
    }
    let measured = store.clone();
    let space = in_background(move || measured.space()).await;
    let space = report.part("find out how large the store is", space);
    report.journal_bytes = space.journal;
    report.index_bytes = space.index;
    report.index_wasteful = space.is_wasteful();
    report.took_millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
}

/// Does what blocks beside the tasks.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    task::spawn_blocking(work).await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}

/// Deletes bans and mutes that have run out, and counts them in `expired` as they go.
async fn expire_sanctions(store: &Store, now: Timestamp, expired: &mut usize) -> Result<(), StoreError> {
    while let Applied::Expired(more) = store.commit(Change::ExpireSanctions { now }).await? {
        *expired += more;
    }
    Ok(())
}

/// Deletes the waiting messages sent before a moment, from `batch` mailboxes at a time, and counts the
/// mailboxes that had some in `cleared` as they go.
async fn expire_messages(
    store: &Store,
    before: Timestamp,
    batch: usize,
    cleared: &mut usize,
) -> Result<(), StoreError> {
    loop {
        let found = store.read(move |reader| reader.offline_expired(before, batch)).await??;
        for uid in &found {
            store.commit(Change::ExpireOffline { uid: *uid, before }).await?;
            *cleared += 1;
        }
        if found.len() < batch {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::actor::Hub;
    use crate::hub::{Feed, State};
    use crate::model::{Author, MessageText, Nickname, Roles, Uid};
    use crate::store::{AuditQuery, Mute, MuteKind, NewAccount, PasswordHash, StoreOptions};
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
        for (before, expected) in [(100, 0), (101, uids.len()), (101, 0)] {
            let mut cleared = 0;
            expire_messages(&store, Timestamp(before), 2, &mut cleared).await.unwrap();
            assert_eq!(cleared, expected);
        }
        for uid in uids {
            assert_eq!(store.reader().offline_count(uid), Ok(1));
        }
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
        let mut doubtful = Report::default();
        let step = Some(Duration::from_secs(998));
        run(&store, age, None, Timestamp(1_000_000), step, &mut doubtful).await;
        assert_eq!((doubtful.sanctions_expired, doubtful.mailboxes_cleared), (0, 0));
        assert!(doubtful.errors[0].contains("set forward by 998 seconds"), "{doubtful}");
        let round = async || {
            let mut report = Report::default();
            run(&store, age, Some(Arc::clone(&files)), Timestamp(1050), None, &mut report).await;
            report
        };
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

    #[tokio::test]
    async fn a_round_that_is_cut_off_is_on_record_with_what_it_did() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let mut uids = Vec::new();
        for name in 0..8 {
            uids.push(account(&store, &format!("user{name}")).await);
        }
        leave_messages(&store, &uids, uids[0]).await;
        let (hub, handle) = Hub::new(State::default(), store.clone(), Arc::default(), None);
        let hub = tokio::spawn(hub.run());
        let chronicle = Chronicle::new(Feed::new(1), store.clone());
        let config = watch::channel(Arc::new(Config::default())).1;
        let keeper = Housekeeper::new(store.clone(), handle.downgrade(), config, None, chronicle);
        let (stop, stopped) = watch::channel(false);
        let keeping = tokio::spawn(keeper.run(stopped));
        let waiting = || uids.iter().filter(|uid| store.reader().offline_count(**uid) != Ok(0)).count();
        while waiting() == uids.len() {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        keeping.await.unwrap();
        assert!(waiting() > 0, "it was not cut off");
        let page = store.reader().audit(&AuditQuery::default()).unwrap();
        let entry = &page.records.first().unwrap().entry;
        assert_eq!((entry.action.as_str(), &entry.actor), ("housekeeping", &Author::System));
        assert!(entry.details.contains("Not done: the rest"), "{}", entry.details);
        drop(handle);
        hub.await.unwrap();
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

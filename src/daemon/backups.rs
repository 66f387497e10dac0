//! Backups that the daemon makes by itself, at the pace of `[backup]`.
//!
//! Nothing is remembered between two starts but the files: the newest of them says when the next one is
//! due, so one that was missed while the daemon was down is made at the start, once.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task;
use tracing::{error, info};

use super::health::{Cause, Health, Problem};
use crate::config::Config;
use crate::hub::EventKind;
use crate::hub::chronicle::{Act, Chronicle};
use crate::model::Timestamp;
use crate::store::backup::{Generation, generations, next_run, surplus};
use crate::store::{BackupError, Progress, Store, StoreError, Summary};

/// The longest sleep: the calendar may be set, and the machine may have slept.
const LOOK: Duration = Duration::from_secs(60);
/// How long to wait after a backup that failed.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// When and where backups are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Schedule {
    directory: PathBuf,
    every: Duration,
    keep: Option<usize>,
}

/// What one look at the schedule led to.
#[derive(Debug)]
enum Round {
    /// Nothing is due for this time.
    Wait(Duration),
    /// A backup was made, and so many older ones deleted.
    Made(Summary, usize),
}

impl Schedule {
    /// What the configuration asks for; `None` if no backups are to be made.
    pub(super) fn of(config: &Config) -> Option<Schedule> {
        let (directory, every) = (config.backup_directory()?, config.backup.every?);
        Some(Schedule { directory, every, keep: config.backup.keep })
    }

    /// Makes a backup if one is due at `now`.
    async fn round(&self, store: &Store, now: Timestamp) -> anyhow::Result<Round> {
        let shown = self.directory.display();
        let directory = self.directory.clone();
        let found = task::spawn_blocking(move || look(&directory)).await?;
        let found = found.with_context(|| format!("cannot use {shown} (backup.directory)"))?;
        let wait = next_run(found.last().copied(), now, self.every);
        if !wait.is_zero() {
            return Ok(Round::Wait(wait));
        }
        let generation = Generation::at(now);
        let path = self.directory.join(generation.file_name());
        let made =
            make(store.clone(), path, now, |_| {}).await.map_err(|error| anyhow::anyhow!("{error}"))?;
        let schedule = self.clone();
        let deleted = task::spawn_blocking(move || schedule.prune(generation)).await?;
        Ok(Round::Made(made, deleted.context("the backup is made, but older ones cannot be deleted")?))
    }

    fn prune(&self, made: Generation) -> io::Result<usize> {
        let Some(keep) = self.keep else { return Ok(0) };
        let gone = surplus(&generations(&self.directory)?, made, keep);
        for generation in &gone {
            fs::remove_file(self.directory.join(generation.file_name()))?;
        }
        Ok(gone.len())
    }
}

/// The backups that are there. The directory is made if it is missing, but not the one around it: it may
/// be the place of a disk that is not mounted.
fn look(directory: &Path) -> io::Result<Vec<Generation>> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    generations(directory)
}

/// Makes the backups that the configuration asks for at the time, until `stop` turns true.
pub(super) async fn run(
    mut config: watch::Receiver<Arc<Config>>,
    store: Store,
    health: Arc<Health>,
    chronicle: Chronicle,
    mut stop: watch::Receiver<bool>,
) {
    let mut failing = false;
    loop {
        let schedule = Schedule::of(&config.borrow_and_update());
        let wait = match schedule {
            None => {
                health.set(Cause::Backup, None);
                None
            }
            Some(schedule) => {
                let round = tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return,
                    round = schedule.round(&store, Timestamp::now()) => round,
                };
                if let Some((action, details)) = news(&round, &mut failing) {
                    chronicle.note(Act::of_itself(EventKind::Backup, action, &details)).await;
                }
                Some(outcome(&schedule, round, &health))
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            changed = config.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
        }
    }
}

/// What those who run the place are to know of a look at the schedule: every backup, and the first of
/// several failures.
fn news(round: &anyhow::Result<Round>, failing: &mut bool) -> Option<(&'static str, String)> {
    match round {
        Ok(Round::Wait(_)) => {
            *failing = false;
            None
        }
        Ok(Round::Made(made, deleted)) => {
            let (path, records) = (made.path.display(), made.manifest.records());
            let mut text = format!("{path}: {records} records in {} bytes, read back and good", made.bytes);
            if *deleted > 0 {
                text.push_str(&format!("; {deleted} older deleted"));
            }
            Some(("backup", text))
        }
        Err(_) if std::mem::replace(failing, true) => None,
        Err(error) => Some(("backup_failed", format!("cannot make a backup: {error:#}"))),
    }
}

/// Says how a look at the schedule went, and returns when to look again.
fn outcome(schedule: &Schedule, round: anyhow::Result<Round>, health: &Health) -> Duration {
    match round {
        Ok(Round::Wait(time)) => {
            health.set(Cause::Backup, None);
            time.min(LOOK)
        }
        Ok(Round::Made(made, deleted)) => {
            let (records, bytes) = (made.manifest.records(), made.bytes);
            info!(file = %made.path.display(), records, bytes, deleted, "made a backup");
            Duration::ZERO
        }
        Err(error) => {
            error!("cannot make a backup: {error:#}");
            let text = "the backup that is due cannot be made; the log says why";
            health.set(Cause::Backup, Some(Problem::warning(text)));
            RETRY.min(schedule.every)
        }
    }
}

/// Makes a backup of a live store in `path` beside the tasks; see [`Store::backup`].
///
/// # Errors
///
/// See [`BackupError`].
pub(super) async fn make(
    store: Store,
    path: PathBuf,
    now: Timestamp,
    mut progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Summary, BackupError> {
    let work = task::spawn_blocking(move || store.backup(&path, now, &mut progress));
    work.await.unwrap_or(Err(BackupError::Store(StoreError::Failed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Change, StoreOptions, backup};

    const HOUR: u64 = 3_600_000;

    async fn round(schedule: &Schedule, store: &Store, hours: u64) -> Result<(), Duration> {
        match schedule.round(store, Timestamp(hours * HOUR)).await.unwrap() {
            Round::Made(made, _) => {
                assert_eq!(made.manifest.created, Timestamp(hours * HOUR));
                backup::verify(&made.path, &mut |_| {}).unwrap();
                Ok(())
            }
            Round::Wait(time) => Err(time),
        }
    }

    #[tokio::test]
    async fn the_newest_file_says_when_the_next_is_due() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path().join("store"))).unwrap();
        store.commit(Change::Seed { at: Timestamp(0) }).await.unwrap();
        let directory = dir.path().join("copies");
        let every = Duration::from_millis(24 * HOUR);
        let schedule = Schedule { directory: directory.clone(), every, keep: Some(2) };
        assert_eq!(round(&schedule, &store, 1000).await, Ok(()), "none is there");
        assert_eq!(round(&schedule, &store, 1000).await, Err(every));
        assert_eq!(round(&schedule, &store, 1023).await, Err(Duration::from_millis(HOUR)));
        assert_eq!(round(&schedule, &store, 1024).await, Ok(()));
        // Missed three: one is made.
        assert_eq!(round(&schedule, &store, 1110).await, Ok(()));
        assert_eq!(round(&schedule, &store, 1110).await, Err(every));
        let left = [1024, 1110].map(|hour| Generation { made: Timestamp(hour * HOUR) });
        assert_eq!(generations(&directory).unwrap(), left);
    }

    #[tokio::test]
    async fn a_disk_that_is_not_there_is_not_made_up_for() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path().join("store"))).unwrap();
        let directory = dir.path().join("not-mounted/copies");
        let schedule = Schedule { directory, every: Duration::from_secs(60), keep: None };
        let error = schedule.round(&store, Timestamp(HOUR)).await.unwrap_err();
        assert!(format!("{error:#}").contains("backup.directory"), "{error:#}");
        assert!(!dir.path().join("not-mounted").exists());
    }

    #[test]
    fn without_a_directory_or_a_time_there_is_no_schedule() {
        let mut config = Config::default();
        assert_eq!(Schedule::of(&config), None);
        config.backup.directory = Some("copies".into());
        assert!(Schedule::of(&config).is_some());
        config.backup.every = None;
        assert_eq!(Schedule::of(&config), None);
    }
}

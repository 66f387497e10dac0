//! Is everything as it should be? What is looked at when the daemon starts and every minute after
//! that: the decisions are functions of what was found, so that a full disk need not be had to be tested.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::fs::{Access, access, statvfs};
use rustix::process::geteuid;
use tokio::sync::watch;

use super::descriptors;
use super::health::{Cause, Health, Problem};
use crate::config::{self, Config};
use crate::model::Timestamp;
use crate::net::registry::Registry;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// 2020-01-01: whatever says that it is earlier is a clock without a battery.
const EARLIEST: Timestamp = Timestamp(1_577_836_800_000);
/// How far behind the newest file the clock may be.
const BEHIND: Duration = Duration::from_secs(60 * 60);
/// By how much the clock may drift from one look to the next.
const STEP: Duration = Duration::from_secs(10);

/// Sees that the data directory can be used, and makes it if it is missing.
///
/// # Errors
///
/// It cannot be; the text says what to do.
pub(super) fn data_directory(path: &Path, health: &Health) -> anyhow::Result<()> {
    let shown = path.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(path)
        .with_context(|| format!("cannot make the data directory {shown} (server.data_dir)"))?;
    let found = fs::metadata(path).with_context(|| format!("cannot look at {shown} (server.data_dir)"))?;
    if !found.is_dir() {
        bail!("{shown} (server.data_dir) is no directory");
    }
    let me = geteuid().as_raw();
    if let Err(error) = access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let error = io::Error::from(error);
        bail!(
            "cannot write to the data directory {shown} (server.data_dir): {error}; it belongs to user \
             {}, and this is user {me}: `chown -R {me} {shown}` if it is the daemon's",
            found.uid()
        );
    }
    health.set(Cause::Permissions, permissions(found.permissions().mode(), found.uid(), me));
    Ok(())
}

/// Whether others could replace what is in a directory with this mode and owner.
fn permissions(mode: u32, owner: u32, me: u32) -> Option<Problem> {
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return Some(Problem::warning(
            "others may write to the data directory, and so replace the store; take the right from them \
             (chmod go-w)",
        ));
    }
    (owner != me && owner != 0).then(|| {
        Problem::warning("the data directory belongs to somebody else, who may replace the store (chown)")
    })
}

/// What is to be said about the free space of the disk.
fn disk(free: u64, limits: &config::Health) -> Option<Problem> {
    let below = |limit: Option<usize>| limit.is_some_and(|limit| free < limit as u64);
    let text = || {
        let mib = free >> 20;
        format!("only {mib} MiB are free for the data directory; make room, or get a larger disk")
    };
    if below(limits.disk_degraded) {
        Some(Problem::degraded(text()))
    } else {
        below(limits.disk_warn).then(|| Problem::warning(text()))
    }
}

/// What is to be said about a clock that shows `now`, when the newest file of the store is from `newest`.
fn clock_at_start(now: Timestamp, newest: Option<Timestamp>) -> Option<Problem> {
    if now < EARLIEST {
        return Some(Problem::degraded(
            "the system's clock shows a time before 2020; set it, or see why it is not (timedatectl)",
        ));
    }
    newest.is_some_and(|newest| now < newest.before(BEHIND)).then(|| {
        Problem::degraded(
            "the system's clock is behind what the store has seen; bans and mutes last longer than \
             they should until it is set (timedatectl)",
        )
    })
}

/// What is to be said about a clock that went on by `calendar` milliseconds while `passed` passed.
fn clock_step(calendar: i128, passed: Duration) -> Option<Problem> {
    let step = calendar - i128::try_from(passed.as_millis()).unwrap_or(i128::MAX);
    (step.unsigned_abs() > STEP.as_millis()).then(|| {
        let way = if step > 0 { "forward" } else { "back" };
        let seconds = step.unsigned_abs() / 1000;
        Problem::warning(format!("the system's clock was set {way} by {seconds} seconds"))
    })
}

/// When the newest file directly in one of `directories` was written.
fn newest(directories: &[&Path]) -> Option<Timestamp> {
    let files = directories.iter().filter_map(|path| fs::read_dir(path).ok()).flatten().flatten();
    let written =
        files.filter_map(|entry| entry.metadata().ok().filter(fs::Metadata::is_file)?.modified().ok());
    let since = written.max()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp(u64::try_from(since.as_millis()).ok()?))
}

/// Looks at the clock before the store is opened, which writes to it. Returns when its newest file was
/// written.
pub(super) fn check_clock(store: &Path, health: &Health) -> Option<Timestamp> {
    let newest = newest(&[store, &store.join("journal")]);
    health.set(Cause::Clock, clock_at_start(Timestamp::now(), newest));
    newest
}

fn check_disk(config: &Config, health: &Health) {
    match statvfs(&config.server.data_dir) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            health.set(Cause::DiskSpace, disk(free, &config.health));
        }
        Err(error) => {
            let text = format!("cannot find out how much of the disk is free: {error}");
            health.set(Cause::DiskSpace, Some(Problem::degraded(text)));
        }
    }
}

/// What is looked at again and again.
pub(super) struct Rounds {
    config: watch::Receiver<Arc<Config>>,
    registry: Arc<Registry>,
    health: Arc<Health>,
    clocks: (Timestamp, Instant),
    /// When the newest file of the store was written before the start.
    newest: Option<Timestamp>,
}

impl Rounds {
    /// Looks for the first time.
    pub(super) fn new(
        config: watch::Receiver<Arc<Config>>,
        registry: Arc<Registry>,
        health: Arc<Health>,
        newest: Option<Timestamp>,
    ) -> Rounds {
        check_disk(&config.borrow(), &health);
        Rounds { config, registry, health, clocks: (Timestamp::now(), Instant::now()), newest }
    }

    /// Looks every minute, and at once when the configuration has changed, until `stop` turns true.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let step = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                changed = self.config.changed() => match changed {
                    Ok(()) => false,
                    Err(_) => return,
                },
                () = tokio::time::sleep(EVERY) => true,
            };
            let config = Arc::clone(&self.config.borrow_and_update());
            check_disk(&config, &self.health);
            descriptors::check(&config, &self.health);
            let full = self.registry.is_full().then(|| {
                Problem::degraded(
                    "there are as many connections as limits.max_connections or the limit of open files \
                     allows",
                )
            });
            self.health.set(Cause::Connections, full);
            if step {
                self.check_clock(Timestamp::now(), Instant::now());
            }
        }
    }

    fn check_clock(&mut self, now: Timestamp, uptime: Instant) {
        let (before, began) = std::mem::replace(&mut self.clocks, (now, uptime));
        let calendar = i128::from(now.0) - i128::from(before.0);
        let problem = clock_step(calendar, uptime.saturating_duration_since(began));
        let problem = problem.or_else(|| clock_at_start(now, self.newest));
        self.health.set(Cause::Clock, problem);
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::Severity;
    use super::*;

    #[test]
    fn a_disk_is_well_then_worth_a_warning_then_not_enough() {
        let limits = config::Health { disk_warn: Some(100 << 20), disk_degraded: Some(10 << 20) };
        let severity = |free: u64| disk(free, &limits).map(|problem| problem.severity);
        assert_eq!(severity(100 << 20), None);
        assert_eq!(severity((100 << 20) - 1), Some(Severity::Warning));
        assert_eq!(severity((10 << 20) - 1), Some(Severity::Degraded));
        assert!(disk(5 << 20, &limits).unwrap().text.contains("5 MiB"));
        assert_eq!(disk(0, &config::Health { disk_warn: None, disk_degraded: None }), None);
    }

    #[test]
    fn clocks_that_cannot_be_right_are_noticed() {
        let now = Timestamp(1_795_000_000_000);
        assert_eq!(clock_at_start(now, None), None);
        assert_eq!(clock_at_start(now, Some(now)), None);
        assert_eq!(clock_at_start(now, Some(now.after(BEHIND))), None);
        let behind = clock_at_start(now, Some(now.after(BEHIND + Duration::from_millis(1)))).unwrap();
        assert!(behind.text.contains("behind"), "{behind:?}");
        assert!(clock_at_start(Timestamp(0), None).unwrap().text.contains("2020"));
        let minute = Duration::from_secs(60);
        assert_eq!(clock_step(60_000, minute), None);
        assert_eq!(clock_step(70_000, minute), None);
        assert!(clock_step(3_660_000, minute).unwrap().text.contains("forward by 3600 seconds"));
        assert!(clock_step(-3_540_000, minute).unwrap().text.contains("back by 3600 seconds"));
    }

    #[test]
    fn rights_that_are_too_wide_are_noticed() {
        assert_eq!(permissions(0o40750, 7, 7), None);
        assert_eq!(permissions(0o40755, 7, 7), None);
        assert_eq!(permissions(0o40750, 0, 7), None);
        assert!(permissions(0o40770, 7, 7).unwrap().text.contains("go-w"));
        assert!(permissions(0o40757, 7, 7).is_some());
        assert!(permissions(0o40750, 8, 7).unwrap().text.contains("chown"));
    }

    #[test]
    fn a_data_directory_is_made_or_refused_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let health = Health::default();
        let path = dir.path().join("new/data");
        data_directory(&path, &health).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o027, 0);
        assert_eq!(health.problems(), []);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        data_directory(&path, &health).unwrap();
        assert_eq!(health.problems().first().map(|(cause, _)| *cause), Some(Cause::Permissions));
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [&file, &file.join("below")] {
            let error = data_directory(path, &health).unwrap_err();
            assert!(format!("{error:#}").contains("server.data_dir"), "{error:#}");
        }
    }

    #[test]
    fn the_newest_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest(&[dir.path()]), None);
        fs::write(dir.path().join("mark"), "").unwrap();
        assert!(newest(&[&dir.path().join("absent"), dir.path()]).unwrap() > EARLIEST);
    }
}

//! The daemon from its start to its end: signals, orders, and what the service manager is told.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::health::{Cause, Problem};
use super::{Daemon, Stop, reload, service};
use crate::config::{Changes, Config, ConfigErrors};
use crate::control::orders::Task;
use crate::hub::EventKind;
use crate::hub::chronicle::{Act, Chronicle};
use crate::telemetry;

/// How often lost log lines are looked for, and the service manager is told how it is.
const TICK: Duration = Duration::from_secs(60);

/// How long a signal waits for the store to take note of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the daemon ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// The store could not write any more. Everything acknowledged before is safe.
    StoreFailed,
}

/// Runs the daemon until a signal or an order ends it. `source` is the file that `config` was asked for
/// by name, if it was; a reload reads it again. The caller has set up logging.
///
/// # Errors
///
/// It could not be started, or ended by a fault of the program.
pub fn run(config: &Config, source: Option<&Path>, logs: &telemetry::Guard) -> anyhow::Result<Ended> {
    // Few busy threads beat many: with both of two cores as workers a delivery costs a quarter more
    // CPU than with one. The other half is for the store, password hashes and the kernel.
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("paltalkd")
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(serve(config, source, logs));
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

async fn serve(config: &Config, source: Option<&Path>, logs: &telemetry::Guard) -> anyhow::Result<Ended> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot watch for SIGHUP")?;
    let began = Instant::now();
    let mut daemon = Daemon::start_with(config, logs.files().cloned()).await?;
    let mut failed = daemon.store.failed();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        chat = ?daemon.addresses.chat,
        http = ?daemon.addresses.http,
        voice_tcp = ?daemon.addresses.voice_tcp,
        voice_udp = ?daemon.addresses.voice_udp,
        data = %config.server.data_dir.display(),
        "ready"
    );
    service::ready(&status(&daemon));
    let mut tick = tokio::time::interval(TICK);
    let stop = loop {
        tokio::select! {
            _ = terminate.recv() => break stopped_by(&daemon, "SIGTERM").await,
            _ = interrupt.recv() => break stopped_by(&daemon, "SIGINT").await,
            _ = hang_up.recv() => {
                let read = read_again(&daemon, source, logs).await;
                let (action, told) = match read {
                    Ok(changes) => ("reload", in_words(&changes)),
                    Err(errors) => ("reload_failed", errors.to_string().trim_end().replace('\n', "; ")),
                };
                let act = Act { reason: "SIGHUP", ..Act::of_itself(EventKind::Reload, action, &told) };
                note(&daemon.chronicle, act).await;
            }
            Some(task) = daemon.asks.recv() => match task {
                Task::Shutdown { grace, reason } => {
                    break Stop { grace, reason: (!reason.is_empty()).then_some(reason), told: true };
                }
                // Who has gone away does not want the answer any more.
                Task::Reload(told) => {
                    let read = read_again(&daemon, source, logs).await;
                    drop(told.send(read.map(|changes| in_words(&changes)).map_err(|error| error.to_string())));
                }
                Task::Housekeeping(told) => {
                    let housekeeper = daemon.housekeeper().clone();
                    tokio::spawn(async move {
                        let report = housekeeper.run_now().await;
                        drop(told.send(Ok(report.to_string().trim_end().to_owned())));
                    });
                }
            },
            _ = failed.wait_for(|failed| *failed) => {
                let text = "the store cannot write; what was acknowledged is safe, the server is ending";
                daemon.health.set(Cause::StoreFailed, Some(Problem::degraded(text)));
                service::status(text);
                return Ok(Ended::StoreFailed);
            }
            // Nobody could sign in, and nobody would notice: better to end and be started again.
            _ = &mut daemon.hub => anyhow::bail!("the hub ended by itself, which is a fault of the program"),
            _ = tick.tick() => {
                let lost = logs.report_dropped_lines();
                let problem = (lost > 0).then(|| Problem::warning(format!("{lost} log lines were lost in a minute")));
                daemon.health.set(Cause::LogLines, problem);
                service::status(&status(&daemon));
            }
        }
    };
    info!(
        connections = daemon.metrics.connections(),
        grace_seconds = stop.grace.as_secs(),
        reason = ?stop.reason,
        "stopping; a second signal ends at once"
    );
    service::stopping(stop.grace);
    let metrics = std::sync::Arc::clone(&daemon.metrics);
    let farewell = tokio::select! {
        farewell = daemon.stop_with(&stop) => Some(farewell?),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    if farewell.is_none() {
        warn!("ended at once by a second signal");
    }
    info!(
        uptime_seconds = began.elapsed().as_secs(),
        sign_ins = metrics.sign_ins.get(),
        messages = metrics.messages.get(),
        deliveries = metrics.deliveries.get(),
        connections = farewell.map(|farewell| farewell.connections),
        cut_off = farewell.map(|farewell| farewell.cut_off),
        "stopped"
    );
    Ok(Ended::Stopped)
}

/// What a signal orders, once that is on record.
async fn stopped_by(daemon: &Daemon, signal: &'static str) -> Stop {
    let act = Act { reason: signal, ..Act::of_itself(EventKind::Stopping, "shutdown", "") };
    let told = note(&daemon.chronicle, act).await;
    Stop { told, ..Stop::default() }
}

/// Has something put on record and told, but waits for a slow disk only so long: the next signal wants to be
/// heard, too. Whether it was told; it goes on record in any case, as soon as the disk takes it.
async fn note(chronicle: &Chronicle, act: Act<'_>) -> bool {
    timeout(PATIENCE, chronicle.note(act)).await.is_ok()
}

/// One line for `systemctl status`.
fn status(daemon: &Daemon) -> String {
    let report = daemon.health.report();
    let mut text = format!("{} connections", daemon.metrics.connections());
    for reason in &report.reasons {
        text.push_str("; ");
        text.push_str(reason);
    }
    text
}

/// What a reload has changed.
fn in_words(changes: &Changes) -> String {
    let parts = [("in effect now", &changes.applied), ("at the next start", &changes.restart)];
    let told = parts.iter().filter(|(_, keys)| !keys.is_empty());
    let told: Vec<String> = told.map(|(when, keys)| format!("{when}: {}", keys.join(", "))).collect();
    if told.is_empty() { "nothing has changed".to_owned() } else { told.join("; ") }
}

/// Reads the configuration again and has what can be changed take effect; all mistakes are logged.
async fn read_again(
    daemon: &Daemon,
    source: Option<&Path>,
    logs: &telemetry::Guard,
) -> Result<Changes, ConfigErrors> {
    service::reloading();
    let read = reload::read(source).await;
    let result = match read {
        Ok(new) => {
            let changes = daemon.reload(&new).await;
            if let Err(error) = logs.reload(&daemon.live.config.borrow()) {
                error!("{error:#}");
            }
            info!(
                applied = ?changes.applied,
                restart = ?changes.restart,
                "read the configuration again; keys under `restart` count at the next start"
            );
            Ok(changes)
        }
        Err(errors) => {
            for line in errors.to_string().lines() {
                error!("{line}");
            }
            error!("the configuration has mistakes; everything stays as it was");
            Err(errors)
        }
    };
    service::ready(&status(daemon));
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Feed;
    use crate::store::{AuditQuery, Change, Store, StoreOptions};

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_does_not_keep_a_signal_from_being_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let chronicle = Chronicle::new(Feed::new(1), store.clone());
        let act = || Act { reason: "SIGTERM", ..Act::of_itself(EventKind::Stopping, "shutdown", "") };
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        store.submit(Change::Barrier, move |_| _ = wait.recv());
        assert!(!note(&chronicle, act()).await);
        drop(go_on);
        store.commit(Change::Barrier).await.unwrap();
        let kept = store.reader().audit(&AuditQuery::default()).unwrap().records;
        assert_eq!(kept.len(), 1, "it is on record all the same");
    }

    #[test]
    fn a_reload_says_what_has_changed_or_that_nothing_has() {
        let told = |applied: &[&str], restart: &[&str]| {
            let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect();
            in_words(&Changes { applied: keys(applied), restart: keys(restart) })
        };
        assert_eq!(told(&[], &[]), "nothing has changed");
        assert_eq!(told(&["a.b", "a.c"], &[]), "in effect now: a.b, a.c");
        assert_eq!(told(&[], &["d"]), "at the next start: d");
        assert_eq!(told(&["a.b"], &["d"]), "in effect now: a.b; at the next start: d");
    }
}

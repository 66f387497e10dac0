//! The daemon from its start to its end: signals, orders, and what the service manager is told.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::health::{Cause, Problem};
use super::{Daemon, Stop, reload, service};
use crate::config::{Changes, Config, ConfigErrors};
use crate::control::orders::Task;
use crate::hub::EventKind;
use crate::hub::chronicle::Act;
use crate::telemetry;

/// How often lost log lines are looked for, and the service manager is told how it is.
const TICK: Duration = Duration::from_secs(60);

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
                daemon.chronicle.note(act).await;
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
    daemon.chronicle.note(act).await;
    Stop { told: true, ..Stop::default() }
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
    let list = |keys: &[String]| if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
    let mut text = format!("in effect now: {}", list(&changes.applied));
    if !changes.restart.is_empty() {
        text.push_str(&format!("; at the next start: {}", list(&changes.restart)));
    }
    text
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

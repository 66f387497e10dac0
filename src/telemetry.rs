//! The logs: to stderr, and to one file a day.
//!
//! Lines are handed to a writer thread of their own, because a full pipe or a slow disk must not
//! stop the runtime; what does not fit into its queue is dropped and counted. What a client wrote
//! goes into a log only by `?` (Debug), which escapes line ends; passwords never do.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Config, LogFormat};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
// Without a level of their own, filter directives mean this one for everything they do not name.
const UNNAMED: &str = "error";

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Keeps the writers of the logs alive. Drop it last: the drop writes what is still queued.
pub struct Guard {
    counters: Vec<ErrorCounter>,
    reported: AtomicUsize,
    _writers: Vec<WorkerGuard>,
}

/// Starts logging for the whole process, as `[log]` says. Each step of `verbosity` makes it one
/// level more talkative, or less if negative; `colour` is for stderr alone.
pub fn init(config: &Config, verbosity: i8, colour: bool) -> anyhow::Result<Guard> {
    let (subscriber, guard) = build(config, verbosity, colour, io::stderr())?;
    // This also leads what sled says through the `log` crate into the same places.
    subscriber.try_init().context("the logs are already set up")?;
    Ok(guard)
}

fn build(
    config: &Config,
    verbosity: i8,
    colour: bool,
    stderr: impl Write + Send + 'static,
) -> anyhow::Result<(impl tracing::Subscriber + Send + Sync, Guard)> {
    let mut guard = Guard { counters: Vec::new(), reported: AtomicUsize::new(0), _writers: Vec::new() };
    let mut layers = vec![layer(config.log.format, colour, guard.writer("log-stderr", stderr))];
    if let Some(directory) = config.log_directory() {
        let files = files(&directory, config.log.keep)
            .with_context(|| format!("cannot write logs to {}", directory.display()))?;
        layers.push(layer(config.log.format, false, guard.writer("log-file", files)));
    }
    let filter = EnvFilter::builder()
        .parse(directives(&config.log.level, verbosity))
        .context("log.level is not a filter")?;
    Ok((tracing_subscriber::registry().with(layers).with(filter), guard))
}

fn layer(format: LogFormat, colour: bool, writer: NonBlocking) -> BoxedLayer {
    let layer = fmt::layer().with_ansi(colour).with_writer(writer);
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().with_ansi(false).boxed(),
    }
}

fn files(directory: &Path, keep: Option<usize>) -> anyhow::Result<RollingFileAppender> {
    // Logs name people and their addresses: not for every user of the machine.
    DirBuilder::new().recursive(true).mode(0o750).create(directory)?;
    let mut builder = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("paltalkd")
        .filename_suffix("log");
    if let Some(keep) = keep {
        builder = builder.max_log_files(keep);
    }
    Ok(builder.build(directory)?)
}

/// The directives with each plain level moved by `steps`.
fn directives(text: &str, steps: i8) -> String {
    if steps == 0 {
        return text.to_owned();
    }
    let moved = |level: usize| {
        let moved = level.saturating_add_signed(steps.into()).min(LEVELS.len() - 1);
        LEVELS.get(moved).copied().unwrap_or(UNNAMED)
    };
    let position = |part: &str| LEVELS.iter().position(|level| level.eq_ignore_ascii_case(part));
    let mut parts: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
    if !parts.iter().any(|part| position(part).is_some()) {
        parts.push(UNNAMED.to_owned());
    }
    let parts: Vec<&str> = parts.iter().map(|part| position(part).map_or(part.as_str(), moved)).collect();
    parts.join(",")
}

impl Guard {
    fn writer(&mut self, thread: &str, target: impl Write + Send + 'static) -> NonBlocking {
        let (writer, guard) = NonBlockingBuilder::default().thread_name(thread).finish(target);
        self.counters.push(writer.error_counter());
        self._writers.push(guard);
        writer
    }

    /// How many lines were lost since the start because they came faster than they could be written.
    pub fn dropped_lines(&self) -> usize {
        self.counters.iter().map(ErrorCounter::dropped_lines).sum()
    }

    /// Logs a warning if lines were lost since the last call. To be called now and then.
    pub fn report_dropped_lines(&self) {
        let total = self.dropped_lines();
        let lost = total.saturating_sub(self.reported.swap(total, Ordering::Relaxed));
        if lost > 0 {
            tracing::warn!(
                lost,
                total,
                "log lines were dropped: they came faster than they could be written"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::subscriber::with_default;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn config(directory: &Path, log: &str) -> Config {
        let mut config = Config::from_toml(&format!("[log]\n{log}")).unwrap();
        config.server.data_dir = directory.into();
        config
    }

    #[test]
    fn lines_reach_stderr_and_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let stderr = Buffer::default();
        let config = config(directory.path(), "level = \"warn\"");
        let (subscriber, guard) = build(&config, 0, false, stderr.clone()).unwrap();
        with_default(subscriber, || {
            tracing::info!("not this");
            tracing::warn!(nickname = ?"Mal\nlory", "this one");
        });
        assert_eq!(guard.dropped_lines(), 0);
        drop(guard);
        let mut files = std::fs::read_dir(directory.path().join("logs")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        for text in [stderr.text(), std::fs::read_to_string(file).unwrap()] {
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(text.contains("this one") && text.contains(r#"nickname="Mal\nlory""#), "{text}");
        }
    }

    #[test]
    fn json_lines_are_json_and_the_files_can_be_switched_off() {
        let directory = tempfile::tempdir().unwrap();
        let stderr = Buffer::default();
        let config = config(directory.path(), "format = \"json\"\ndirectory = \"\"");
        let (subscriber, guard) = build(&config, 0, true, stderr.clone()).unwrap();
        with_default(subscriber, || tracing::info!(uid = 7, "signed in"));
        drop(guard);
        let line: serde_json::Value = serde_json::from_str(&stderr.text()).unwrap();
        assert_eq!((&line["level"], &line["fields"]["uid"]), (&"INFO".into(), &7.into()));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn lost_lines_are_reported_once() {
        struct Stuck(std::sync::mpsc::Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), "directory = \"\"");
        let (release, stuck) = std::sync::mpsc::channel();
        let (subscriber, guard) = build(&config, 0, false, Stuck(stuck)).unwrap();
        let lines = tracing_appender::non_blocking::DEFAULT_BUFFERED_LINES_LIMIT + 10;
        with_default(subscriber, || (0..lines).for_each(|_| tracing::info!("x")));
        assert!(guard.dropped_lines() > 0);
        let heard = Buffer::default();
        let (listener, hearing) = build(&config, 0, false, heard.clone()).unwrap();
        with_default(listener, || {
            guard.report_dropped_lines();
            guard.report_dropped_lines();
        });
        drop((release, hearing));
        assert_eq!(heard.text().matches("log lines were dropped").count(), 1, "{}", heard.text());
    }

    #[test]
    fn verbosity_moves_the_plain_level_only() {
        assert_eq!(directives("info", 0), "info");
        assert_eq!(directives("info", 1), "debug");
        assert_eq!(directives("info", 9), "trace");
        assert_eq!(directives("info", -1), "warn");
        assert_eq!(directives("info", -9), "off");
        assert_eq!(directives("warn, paltalkd::net=debug", 2), "debug,paltalkd::net=debug");
        assert_eq!(directives("paltalkd=debug", 1), "paltalkd=debug,warn");
    }
}

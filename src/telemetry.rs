//! The logs: to stderr, and to files that follow each other by day and size.
//!
//! Lines are handed to a writer thread of their own, because a full pipe or a slow disk must not
//! stop the runtime; what does not fit into its queue is dropped and counted. What a client wrote
//! goes into a log only by `?` (Debug), which escapes line ends; passwords never do.

mod files;
mod names;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

pub use files::{LogFiles, Retention, Tidied};

use crate::config::{Config, LEVELS, LogFormat};
use crate::model::Timestamp;
use files::RollingFile;

// Without a level of their own, filter directives mean this one for everything they do not name.
const UNNAMED: &str = "error";

type SetFilter = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;
type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Keeps the writers of the logs alive. Drop it last: the drop writes what is still queued.
pub struct Guard {
    counters: Vec<ErrorCounter>,
    reported: AtomicUsize,
    files: Option<Arc<LogFiles>>,
    verbosity: i8,
    set_filter: Option<SetFilter>,
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

/// Has panics, of whatever thread, be lines of the logs from now on: who collects the logs of a service reads
/// nothing else, and as JSON every line has to be JSON.
pub fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(
            thread = thread.name().unwrap_or("unnamed"),
            at = info.location().map(tracing::field::display),
            backtrace,
            "panicked: {:?}",
            info.payload_as_str().unwrap_or("no text")
        );
    }));
}

fn build(
    config: &Config,
    verbosity: i8,
    colour: bool,
    stderr: impl Write + Send + 'static,
) -> anyhow::Result<(impl tracing::Subscriber + Send + Sync, Guard)> {
    let mut guard = Guard {
        counters: Vec::new(),
        reported: AtomicUsize::new(0),
        files: None,
        verbosity,
        set_filter: None,
        _writers: Vec::new(),
    };
    let mut layers = vec![layer(config.log.format, colour, guard.writer("log-stderr", stderr))];
    if let Some(directory) = config.log_directory() {
        let context = || format!("cannot write logs to {}", directory.display());
        let files = LogFiles::new(&directory, Retention::of(&config.log)).with_context(context)?;
        let rolling = RollingFile::new(Arc::clone(&files), Timestamp::now).with_context(context)?;
        layers.push(layer(config.log.format, false, guard.writer("log-file", rolling)));
        guard.files = Some(files);
    }
    let (filter, handle) = reload::Layer::new(filter(&config.log.level, verbosity)?);
    guard.set_filter = Some(Box::new(move |filter| handle.reload(filter)));
    Ok((tracing_subscriber::registry().with(layers).with(filter), guard))
}

fn layer(format: LogFormat, colour: bool, writer: NonBlocking) -> BoxedLayer {
    let layer = fmt::layer().with_ansi(colour).with_writer(writer);
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().with_ansi(false).boxed(),
    }
}

fn filter(level: &str, verbosity: i8) -> anyhow::Result<EnvFilter> {
    EnvFilter::builder().parse(directives(level, verbosity)).context("log.level is not a filter")
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

    /// How many lines were lost since the start because they came faster than they could be written, or
    /// could not be written at all.
    pub fn dropped_lines(&self) -> usize {
        let unwritten = self.files.as_ref().map_or(0, |files| files.lost());
        self.counters.iter().map(ErrorCounter::dropped_lines).sum::<usize>() + unwritten
    }

    /// The log files, if there are any.
    pub fn files(&self) -> Option<&Arc<LogFiles>> {
        self.files.as_ref()
    }

    /// Has the level and the limits of files in `config` count from now on; its format and directory
    /// do not.
    ///
    /// # Errors
    ///
    /// The level is no filter, or the logs have ended.
    pub fn reload(&self, config: &Config) -> anyhow::Result<()> {
        let filter = filter(&config.log.level, self.verbosity)?;
        if let Some(set) = &self.set_filter {
            set(filter).context("cannot change the level of the logs")?;
        }
        if let Some(files) = &self.files {
            files.set_retention(Retention::of(&config.log));
        }
        Ok(())
    }

    /// Logs a warning if lines were lost since the last call, and returns how many. To be called now and
    /// then.
    pub fn report_dropped_lines(&self) -> usize {
        let total = self.dropped_lines();
        let lost = total.saturating_sub(self.reported.swap(total, Ordering::Relaxed));
        if lost > 0 {
            tracing::warn!(
                lost,
                total,
                "log lines were lost: they came faster than they could be written, or the disk is full"
            );
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Mutex;
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

    /// Set in the child process of the test below.
    const PANIC: &str = "PALTALKD_TEST_PANIC";

    #[test]
    fn a_panic_is_a_line_of_the_log() {
        let directory = tempfile::tempdir().unwrap();
        if std::env::var_os(PANIC).is_some() {
            let config = config(directory.path(), "format = \"json\"\ndirectory = \"\"");
            let _guard = init(&config, 0, true).unwrap();
            log_panics();
            let panicking = std::thread::Builder::new().name("flusher".to_owned());
            return assert!(panicking.spawn(|| panic!("no\nroom")).unwrap().join().is_err());
        }
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "telemetry::tests::a_panic_is_a_line_of_the_log", "--nocapture"]);
        let output = child.env(PANIC, "1").env("RUST_BACKTRACE", "0").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<serde_json::Value> = told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{told}")))
            .collect();
        assert_eq!(lines.len(), 1, "{told}");
        let fields = &lines[0]["fields"];
        assert_eq!(
            (&fields["message"], &fields["thread"]),
            (&r#"panicked: "no\nroom""#.into(), &"flusher".into())
        );
        assert!(fields["at"].as_str().unwrap().starts_with("src/telemetry.rs:"), "{told}");
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
        assert_eq!(heard.text().matches("log lines were lost").count(), 1, "{}", heard.text());
    }

    #[test]
    fn the_level_can_be_changed_while_it_runs() {
        let directory = tempfile::tempdir().unwrap();
        let stderr = Buffer::default();
        let mut config = config(directory.path(), "level = \"warn\"");
        let (subscriber, guard) = build(&config, 1, false, stderr.clone()).unwrap();
        with_default(subscriber, || {
            tracing::debug!("before");
            config.log.level = "info".to_owned();
            guard.reload(&config).unwrap();
            tracing::debug!("after");
            config.log.level = "x=y=z".to_owned();
            assert!(guard.reload(&config).is_err());
            tracing::debug!("still");
        });
        drop(guard);
        let text = stderr.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("after") && text.contains("still"), "{text}");
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

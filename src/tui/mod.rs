//! The console: what those who run the server look at.
//!
//! | module | what it is for |
//! |---|---|
//! | `model` | everything that is known: what the daemon has told, and where one stands |
//! | `update`, `heard`, `acting`, `command`, `menus`, `mouse`, `moving` | what keys, messages, dialogs, typed lines and clicks change |
//! | `view`, `tables`, `panes`, `gauges`, `overlays`, `pages`, `chart` | what the screen looks like |
//! | `layout`, `columns`, `theme`, `format`, `paint` | where, how wide, in which style, in which words |
//! | `keys`, `palette`, `said`, `named`, `picker`, `dialog`, `input` | the table of actions, and the ways to them |
//! | `table`, `row`, `feed`, `sieve`, `metrics`, `detail`, `doc`, `toasts` | the parts of the model |
//! | `link` | the connection to the daemon, a task of its own |
//! | `run`, `terminal`, `memory`, `once` | the loop, the terminal, what is remembered, a look without a screen |
//!
//! Update and view are pure: they get the time as an argument, and what is to be done outside comes out as
//! a list of commands. What the daemon says reaches the screen by one way only, `paint`, which makes it
//! harmless.

mod acting;
mod chart;
mod columns;
mod command;
mod detail;
mod dialog;
mod doc;
mod feed;
mod format;
mod gauges;
mod heard;
mod input;
mod keys;
mod layout;
mod link;
mod lists;
mod memory;
mod menus;
mod metrics;
mod model;
mod mouse;
mod moving;
mod named;
mod once;
mod overlays;
mod pages;
mod paint;
mod palette;
mod panes;
mod picker;
mod row;
mod run;
mod said;
mod sieve;
mod table;
mod tables;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod toasts;
mod update;
mod view;

use std::env;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;

use link::LinkOptions;
use memory::Memory;
use model::{Model, Settings};

pub use keys::Bindings;
pub use once::Snapshot;
pub use run::Ended;
pub use theme::{Depth, ThemeName};

/// How the console is to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The control socket of the daemon.
    pub socket: PathBuf,
    /// Look only.
    pub read_only: bool,
    /// Whether to take the mouse.
    pub mouse: bool,
    /// Borders and glyphs in ASCII, whatever the locale says.
    pub ascii: bool,
    /// The looks; those of the last time if `None`.
    pub theme: Option<ThemeName>,
    /// Colours: never, or even where the environment says no; `None`: as the environment says.
    pub color: Option<bool>,
    /// Whether to connect again after a loss.
    pub reconnect: bool,
    /// How long to try; for ever if `None`.
    pub retry_for: Option<Duration>,
    /// Whether to forget how it was left.
    pub reset: bool,
    /// Which keys do what.
    pub keys: Bindings,
}

/// Whether the terminal that the environment names can show the console; says why not.
///
/// # Errors
///
/// What is wrong, and what to do.
pub fn terminal_fits() -> Result<(), String> {
    match env::var("TERM").unwrap_or_default().as_str() {
        "" | "dumb" => Err("this terminal (TERM is \"dumb\" or not set) cannot show the console; \
             set TERM to what it is, or use `paltalkd console --once`"
            .to_owned()),
        _ => Ok(()),
    }
}

/// Runs the console on the terminal until somebody leaves it, or there is no daemon any more and it was
/// not to be waited for.
///
/// # Errors
///
/// If the terminal cannot be used.
pub fn run(options: Options) -> anyhow::Result<Ended> {
    let log = log();
    terminal::end_on_panic(
        log.as_ref().map_or("no log could be written".to_owned(), |path| path.display().to_string()),
    );
    let variable = |name| env::var(name).unwrap_or_default();
    let no_color = !variable("NO_COLOR").is_empty();
    let detected = Depth::of_terminal(&variable("TERM"), &variable("COLORTERM"));
    let depth = match options.color {
        Some(false) => Depth::Mono,
        Some(true) => detected.max(Depth::Sixteen),
        None if no_color => Depth::Mono,
        None => detected,
    };
    let utf8 = theme::is_utf8(&variable("LC_ALL"), &variable("LC_CTYPE"), &variable("LANG"));
    let glyphs = if options.ascii || !utf8 { &theme::ASCII } else { &theme::UNICODE };
    let socket = options.socket.display().to_string();
    let settings = Settings { socket, read_only: options.read_only, keys: options.keys };
    let mut model = Model::new(settings, (80, 24), depth, glyphs);
    if !options.reset {
        Memory::load().apply(&mut model);
    }
    if let Some(theme) = options.theme {
        model.theme_name = theme;
    }
    let link = LinkOptions {
        socket: options.socket,
        read_only: options.read_only,
        reconnect: options.reconnect,
        retry_for: options.retry_for,
    };
    let runtime = runtime()?;
    let ended = runtime.block_on(run::run(model, link, options.mouse)).context("the terminal cannot be used");
    // The thread that reads the terminal cannot be woken; the process does not wait for it.
    runtime.shutdown_background();
    ended
}

/// Takes one look at the daemon at `socket`.
///
/// # Errors
///
/// Why there is no answer, in words; the outer error if nothing could be asked at all.
pub fn once(socket: &Path) -> anyhow::Result<Result<Snapshot, String>> {
    Ok(runtime()?.block_on(Snapshot::take(socket)))
}

/// The name of each act in the palette, and the options that it takes there.
#[cfg(test)]
pub(crate) fn orders() -> Vec<(&'static str, &'static [&'static str])> {
    let acts = keys::TABLE.iter().filter_map(|entry| match entry.action {
        keys::Action::Act(act) => Some((entry.name, said::options(act))),
        _ => None,
    });
    acts.collect()
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the console")
}

/// Leads logs into a file of their own, because the screen belongs to the console; where that is.
fn log() -> Option<PathBuf> {
    /// What a log may grow to before it is begun anew.
    const MOST: u64 = 1024 * 1024;
    let directory = memory::directory()?;
    fs::create_dir_all(&directory).ok()?;
    let path = directory.join("console.log");
    let large = fs::metadata(&path).is_ok_and(|known| known.len() > MOST);
    let file = OpenOptions::new().create(true).append(!large).write(true).truncate(large).open(&path).ok()?;
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(Mutex::new(file))
        .finish();
    tracing::subscriber::set_global_default(subscriber).ok()?;
    Some(path)
}

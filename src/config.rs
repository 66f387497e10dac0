//! The configuration: one TOML file, every key with a default, every mistake reported at once.
//!
//! The structs of the sections are what the rest of the program reads. The table of keys (`keys`) says how
//! each is read and printed; nothing else lists them.

mod addresses;
mod control;
mod defaults;
mod error;
mod keys;
mod numbers;
mod parse;
mod sections;
mod values;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{ConfigError, ConfigErrors};
use keys::Applies;
pub use sections::{
    Backup, CallMode, Chat, Control, FileMode, Health, Http, Limits, Location, Log, LogFormat, Moderation,
    Rooms, Server, Spam, Store, Voice,
};
pub(crate) use values::LEVELS;

/// The shortest time between two backups.
const BACKUP_PAUSE: Duration = Duration::from_secs(60);
/// The environment variable that names the configuration file.
pub const FILE_VARIABLE: &str = "PALTALKD_CONFIG";

/// The whole configuration. A limit, time or count that is switched off is `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// What the server is called and where it keeps its files.
    pub server: Server,
    /// The port of the chat protocol.
    pub chat: Chat,
    /// Voice, calls and files.
    pub voice: Voice,
    /// The small HTTP listener.
    pub http: Http,
    /// The socket of console and command line.
    pub control: Control,
    /// What one client, and all together, may use.
    pub limits: Limits,
    /// How fast and how often one user may send messages.
    pub spam: Spam,
    /// What comes of warnings.
    pub moderation: Moderation,
    /// Rooms.
    pub rooms: Rooms,
    /// The database.
    pub store: Store,
    /// Backups that are made by themselves.
    pub backup: Backup,
    /// The logs.
    pub log: Log,
    /// When the daemon calls itself unwell.
    pub health: Health,
}

/// How a configuration that was read again differs from the one in effect. Keys are dotted, in the
/// order of the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Keys that are in effect now.
    pub applied: Vec<String>,
    /// Keys that will be at the next start.
    pub restart: Vec<String>,
}

impl Config {
    /// Loads `path`, or the file found by [`Config::locate`], or the defaults if there is none.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigErrors> {
        let Some(path) = Config::locate(path) else {
            return Ok(Config::default());
        };
        let text = fs::read_to_string(&path).map_err(|error| ConfigErrors::unreadable(&path, &error))?;
        Config::from_toml(&text).map_err(|errors| errors.in_file(&path))
    }

    /// The file that [`Config::load`] reads: `path` if given, else the one named by
    /// `$PALTALKD_CONFIG`, else `./config.toml` if it exists, else `/etc/paltalkd/config.toml` if it
    /// exists.
    pub fn locate(path: Option<&Path>) -> Option<PathBuf> {
        let named = env::var_os(FILE_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        path.map(Path::to_path_buf).or(named).or_else(|| {
            ["config.toml", "/etc/paltalkd/config.toml"]
                .into_iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
        })
    }

    /// Reads TOML text; what it leaves out has its default.
    pub fn from_toml(text: &str) -> Result<Config, ConfigErrors> {
        parse::parse(text)
    }

    /// The effective configuration as TOML, which reads back as the same.
    pub fn to_toml(&self) -> String {
        keys::print(self)
    }

    /// Every key there is, dotted, in the order of the file.
    pub fn known_keys() -> impl Iterator<Item = String> {
        keys::KEYS.iter().map(keys::Key::dotted)
    }

    /// This configuration with what another one may change while the daemon runs, and how the two
    /// differ.
    pub fn reloaded(&self, new: &Config) -> (Config, Changes) {
        let mut config = self.clone();
        let mut changes = Changes::default();
        for key in keys::KEYS.iter().filter(|key| !key.same(self, new)) {
            match key.applies {
                Applies::Live => {
                    (key.take)(&mut config, new);
                    changes.applied.push(key.dotted());
                }
                Applies::Restart => changes.restart.push(key.dotted()),
            }
        }
        (config, changes)
    }

    /// The directory of the database.
    pub fn store_path(&self) -> PathBuf {
        self.server.data_dir.join(&self.store.path)
    }

    /// The Unix socket of console and command line.
    pub fn control_socket(&self) -> PathBuf {
        self.server.data_dir.join(&self.control.socket)
    }

    /// The directory of the backups that are made by themselves, if any are.
    pub fn backup_directory(&self) -> Option<PathBuf> {
        self.backup.directory.as_ref().map(|directory| self.server.data_dir.join(directory))
    }

    /// The directory of the log files, if there are any.
    pub fn log_directory(&self) -> Option<PathBuf> {
        self.log.directory.as_ref().map(|directory| self.server.data_dir.join(directory))
    }
}

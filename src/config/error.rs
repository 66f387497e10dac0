use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// One mistake in the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// Where it stands, counted from 1; `None` if the file could not be read at all.
    pub line: Option<usize>,
    /// The dotted key, as in `limits.outbox`; empty for mistakes in the TOML itself.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// All mistakes of one configuration, in the order of their lines. Never empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConfigErrors {
    /// The file, if it came from one.
    pub path: Option<PathBuf>,
    /// The mistakes.
    pub errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// The file at `path` cannot be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> ConfigErrors {
        let message = format!("cannot read the configuration: {error}");
        ConfigErrors {
            path: Some(path.to_path_buf()),
            errors: vec![ConfigError { line: None, key: String::new(), message }],
        }
    }

    /// The same mistakes, found in the file at `path`.
    pub(super) fn in_file(self, path: &Path) -> ConfigErrors {
        ConfigErrors { path: Some(path.to_path_buf()), ..self }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or(Path::new("config.toml")).display();
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{path}")?;
            if let Some(line) = error.line {
                write!(f, ":{line}")?;
            }
            if !error.key.is_empty() {
                write!(f, ": {}", error.key)?;
            }
            write!(f, ": {}", error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

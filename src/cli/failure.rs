use std::fmt;

use crate::config::ConfigErrors;
use crate::store::{BackupError, OpenError, StoreError};

/// The exit code for wrong usage or configuration.
pub(super) const USAGE: u8 = 2;

/// Why a command did not do what it was asked; each kind has its exit code.
#[derive(Debug)]
pub(super) enum Failure {
    /// It failed: 1.
    Failed(anyhow::Error),
    /// It was called in a way that makes no sense: 2.
    Usage(String),
    /// The configuration has mistakes: 2.
    Config(ConfigErrors),
    /// No daemon is reachable: 3.
    NoDaemon(String),
    /// There is no such user, room, ban or category: 4.
    NotFound(String),
    /// The daemon does not let this user do it: 5.
    Refused(String),
    /// The daemon ended because its store could not write any more: 6. Starting it again repairs
    /// what can be repaired.
    StoreFailed,
    /// As the one in it, of which the log has told: nothing more is said.
    Logged(Box<Failure>),
}

impl Failure {
    pub(super) fn code(&self) -> u8 {
        match self {
            Failure::Failed(_) => 1,
            Failure::Usage(_) | Failure::Config(_) => USAGE,
            Failure::NoDaemon(_) => 3,
            Failure::NotFound(_) => 4,
            Failure::Refused(_) => 5,
            Failure::StoreFailed => 6,
            Failure::Logged(failure) => failure.code(),
        }
    }

    pub(super) fn failed(message: impl fmt::Display) -> Failure {
        Failure::Failed(anyhow::anyhow!("{message}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(error) => f.write_str(&with_causes(error)),
            Failure::Usage(message)
            | Failure::NoDaemon(message)
            | Failure::NotFound(message)
            | Failure::Refused(message) => f.write_str(message),
            Failure::Config(errors) => errors.fmt(f),
            Failure::StoreFailed => f.write_str("the store cannot write any more; see the log"),
            Failure::Logged(failure) => failure.fmt(f),
        }
    }
}

/// An error with the causes behind it, on one line. A cause that the text before names is not repeated.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.ends_with(&cause) { told } else { format!("{told}: {cause}") }
    })
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Failed(error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Failure {
        Failure::Config(errors)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Failed(error.into())
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Failure {
        Failure::Failed(error.into())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        Failure::Failed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let source = || io::Error::other("no room");
        let open = OpenError::Io { action: "open", path: "a".into(), source: source() };
        assert_eq!(Failure::from(open).to_string(), "cannot open a: no room");
        let open = OpenError::Io { action: "open", path: "a".into(), source: source() };
        let told = Failure::from(anyhow::Error::new(open).context("cannot start")).to_string();
        assert_eq!(told, "cannot start: cannot open a: no room");
        let plain = Err::<(), _>(source()).context("cannot write").unwrap_err();
        assert_eq!(Failure::from(plain).to_string(), "cannot write: no room");
    }
}

use std::path::Path;

use super::failure::Failure;
use crate::config::{Config, LogFormat};
use crate::daemon::{self, Ended};
use crate::telemetry::{self, Guard};

/// Runs the daemon until it is told to stop. The guard goes last, so that the last lines are written.
pub(super) fn run(config: &Config, source: Option<&Path>, guard: Guard) -> Result<(), Failure> {
    telemetry::log_panics();
    let failure = match daemon::run(config, source, &guard) {
        Ok(Ended::Stopped) => return Ok(()),
        Ok(Ended::StoreFailed) => Failure::StoreFailed,
        Err(error) => error.into(),
    };
    // Who reads the logs of a service does not see its stderr.
    match &failure {
        Failure::StoreFailed => tracing::error!("ended: the store cannot write any more"),
        failure => tracing::error!("ended: {failure}"),
    }
    // Who reads JSON from stderr reads nothing else there.
    match config.log.format {
        LogFormat::Json => Err(Failure::Logged(Box::new(failure))),
        LogFormat::Text => Err(failure),
    }
}

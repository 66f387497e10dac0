use std::path::Path;

use super::failure::Failure;
use crate::config::Config;
use crate::daemon::{self, Ended};
use crate::telemetry::Guard;

/// Runs the daemon until it is told to stop. The guard goes last, so that the last lines are written.
pub(super) fn run(config: &Config, source: Option<&Path>, guard: Guard) -> Result<(), Failure> {
    match daemon::run(config, source, &guard) {
        Ok(Ended::Stopped) => Ok(()),
        Ok(Ended::StoreFailed) => Err(Failure::StoreFailed),
        Err(error) => {
            // Who reads the logs of a service does not see its stderr.
            tracing::error!("ended: {error:#}");
            Err(error.into())
        }
    }
}
